/* lxai_wire.c - the network played from Lua: the scripted wire, and a host's own sockets.
 * SPDX-License-Identifier: MIT */
#include "lxai_client.h"

#include <math.h>
#include <string.h>

#define HOST_BYTES 256

/* ---- the scripted wire ---- */

static uint32_t to_wire(lua_State *L, int index) {
  return lxai_to_call(L, index).id;
}

static void set_wire_headers(lua_State *L, const xai_wire_request *wire) {
  lua_createtable(L, (int)wire->header_count, 0); /* wire headers */
  for (size_t i = 0; i < wire->header_count; i++) {
    lua_createtable(L, 2, 0);
    lua_pushstring(L, wire->headers[i].name);
    lua_rawseti(L, -2, 1);
    lua_pushstring(L, wire->headers[i].value);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "headers");
}

static int push_wire(lua_State *L, int ctx, const void *lent) {
  const xai_wire_request *wire = lent;
  (void)ctx;
  lua_createtable(L, 0, 6); /* wire */
  lxai_push_whole(L, wire->id);
  lua_setfield(L, -2, "id");
  lxai_push_whole(L, wire->call.id);
  lua_setfield(L, -2, "call");
  lxai_set_str(L, "method", xai_str_of(wire->method));
  lxai_set_str(L, "url", xai_str_of(wire->url));
  lxai_set_str(L, "body", wire->body);
  set_wire_headers(L, wire);
  return 1;
}

/* handle:wire_next() -> request | nil */
static int client_wire_next(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_wire_request wire;
  if (xai_wire_next(self->client, &wire) != XAI_OK) return lxai_push_nothing(L);
  return lxai_push_lent(L, self, push_wire, &wire);
}

static int client_wire_live(lua_State *L) {
  lua_pushboolean(L, xai_wire_live(lxai_check_open(L)->client, to_wire(L, 2)));
  return 1;
}

static int client_wire_status(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_wire_status(self->client, to_wire(L, 2), (int)luaL_checkinteger(L, 3));
  return 0;
}

static int client_wire_header(lua_State *L) {
  const char *name = luaL_checkstring(L, 3), *value = luaL_checkstring(L, 4); /* may make strings: first */
  lxai_client *self = lxai_check_client(L);
  xai_wire_header(self->client, to_wire(L, 2), name, value);
  return 0;
}

/* handle:wire_body(id, bytes) -> true, or false when the call is full: offer the same bytes again later */
static int client_wire_body(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  luaL_checktype(L, 3, LUA_TSTRING);
  size_t len;
  const char *bytes = lua_tolstring(L, 3, &len);
  lua_pushboolean(L, xai_wire_body(self->client, to_wire(L, 2), bytes, len) != XAI_MORE);
  return 1;
}

static int client_wire_finish(lua_State *L) {
  static const char *const ends[] = {"done", "short", "reset", "refused", "resolve", "tls", "timeout", NULL};
  int how = lxai_choose(L, "wire_finish", "how", luaL_optstring(L, 3, "done"), ends);
  lxai_client *self = lxai_check_client(L);
  xai_wire_finish(self->client, to_wire(L, 2), (xai_wire_end)how);
  return 0;
}

/* ---- the host transport ---- */

static void push_limit(lua_State *L, uint32_t ms) {
  lua_pushnumber(L, ms == XAI_NO_LIMIT ? HUGE_VAL : ms / 1000.0);
}

/* handle:host_next() -> id, call, host, port, secure, connect, handshake | nil. The last two in seconds. */
static int client_host_next(lua_State *L) {
  char host[HOST_BYTES];
  xai_host_request request;
  lxai_client *self = lxai_check_client(L);
  if (xai_host_next(self->client, &request) != XAI_OK) return lxai_push_nothing(L);
  strncpy(host, request.host, sizeof host - 1); /* a push may run a finalizer that closes the client */
  host[sizeof host - 1] = '\0';
  lxai_push_whole(L, request.id);
  lxai_push_whole(L, request.call.id);
  lua_pushstring(L, host);
  lua_pushinteger(L, request.port);
  lua_pushboolean(L, request.secure);
  push_limit(L, request.connect_ms);
  push_limit(L, request.handshake_ms);
  return 7;
}

static int client_host_live(lua_State *L) {
  lua_pushboolean(L, xai_host_live(lxai_check_open(L)->client, to_wire(L, 2)));
  return 1;
}

static int push_piece(lua_State *L, int ctx, const void *lent) {
  (void)ctx;
  lxai_push_str(L, *(const xai_str *)lent);
  return 1;
}

/* handle:host_pull(id, most) -> the next bytes to write, at most so many; "" when there are none */
static int client_host_pull(lua_State *L) {
  uint64_t most;
  lxai_client *self = lxai_check_client(L);
  if (!lxai_to_whole(L, 3, &most) || most == 0) return luaL_argerror(L, 3, "a number of bytes");
  xai_str piece = xai_host_pull(self->client, to_wire(L, 2), most < SIZE_MAX ? (size_t)most : SIZE_MAX);
  return lxai_push_lent(L, self, push_piece, &piece);
}

lxai_fed lxai_feed(lua_State *L, lxai_client *self, int at) {
  uint64_t from = 1;
  size_t len, taken = 0; /* what is lent would be overwritten */
  luaL_checktype(L, at + 1, LUA_TSTRING);
  const char *bytes = lua_tolstring(L, at + 1, &len);
  if (!lua_isnoneornil(L, at + 2) && !lxai_to_whole(L, at + 2, &from)) from = 0;
  if (from < 1 || from > len + 1) luaL_argerror(L, at + 2, "not a place in the bytes");
  size_t skip = (size_t)from - 1;
  xai_host_wish wish = XAI_HOST_WAIT;
  if (!self->owes) wish = xai_host_feed(self->client, to_wire(L, at), bytes + skip, len - skip, &taken);
  return (lxai_fed){wish, skip + taken + 1};
}

int lxai_push_fed(lua_State *L, const lxai_client *self, lxai_fed fed) {
  static const char *const wishes[] = {"read", "wait", "keep", "close"};
  lua_pushstring(L, wishes[fed.wish]);
  lxai_push_whole(L, fed.next);
  lua_pushboolean(L, self->owes || xai_client_timeout(self->client) == 0);
  return 3;
}

/* handle:host_feed(id, bytes [, from]) -> "read" | "wait" | "keep" | "close", the place of the first byte not taken,
 * and whether something is to be done: there are events to pull, or a request to take, or a moment has come.
 * "wait": the call is full, offer the rest after its events have been pulled. No bytes at all: see xai_host_feed. */
static int client_host_feed(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  lxai_fed fed = lxai_feed(L, self, 2);
  return lxai_push_fed(L, self, fed);
}

/* handle:host_end(id, how [, detail]) */
static int client_host_end(lua_State *L) {
  static const char *const ends[] = {"closed",          "reset", "resolve",     "connect",
                                     "connect_timeout", "tls",   "tls_timeout", NULL};
  int how = lxai_choose(L, "host_end", "how", luaL_checkstring(L, 3), ends);
  const char *detail = luaL_optstring(L, 4, NULL); /* may make a string: first */
  lxai_client *self = lxai_check_client(L);
  xai_host_end(self->client, to_wire(L, 2), (xai_host_end_kind)how, detail);
  return 0;
}

const luaL_Reg lxai_wire_methods[] = {
  {"wire_next", client_wire_next},     {"wire_live", client_wire_live}, {"wire_status", client_wire_status},
  {"wire_header", client_wire_header}, {"wire_body", client_wire_body}, {"wire_finish", client_wire_finish},
  {"host_next", client_host_next},     {"host_live", client_host_live}, {"host_pull", client_host_pull},
  {"host_feed", client_host_feed},     {"host_end", client_host_end},   {NULL, NULL}};
