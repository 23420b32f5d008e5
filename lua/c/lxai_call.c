/* lxai_call.c - a client's calls for Lua: started from a table, cancelled, held, looked for in the line.
 * SPDX-License-Identifier: MIT */
#include "lxai_client.h"

#include <string.h>

/* A call's id from the stack; whatever cannot be one is taken as stale. */
xai_call_id lxai_to_call(lua_State *L, int index) {
  uint64_t id;
  luaL_checktype(L, index, LUA_TNUMBER);
  if (!lxai_to_whole(L, index, &id) || id > UINT32_MAX) id = 0;
  return (xai_call_id){(uint32_t)id};
}

static int fail_arg(lua_State *L, const char *what) {
  xai_error err;
  lxai_error_set(&err, XAI_ERR_ARG, XAI_KIND_USAGE, "%s", what);
  return lxai_fail(L, &err);
}

/* One text of the pair on top; NULL if C would see it cut short. Pops nothing. */
static const char *pair_text(lua_State *L, int place, bool *nul) {
  lua_rawgeti(L, -1, place);
  size_t len;
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "start: 'headers' must be a list of {name, value}");
  const char *text = lua_tolstring(L, -1, &len);
  if (strlen(text) != len) *nul = true;
  lua_pop(L, 1); /* the pair still holds it */
  return text;
}

/* Fills request->headers from the list on top, into a userdata left on the stack. Past its making nothing
 * runs the collector, so the texts live as long as the list. */
static bool check_headers(lua_State *L, xai_request *request) {
  if (lua_isnil(L, -1)) return true;
  if (!lua_istable(L, -1)) luaL_error(L, "start: 'headers' must be a list of {name, value}");
  int list = lua_gettop(L);
  size_t count = lua_rawlen(L, list);
  if (count > 1000) luaL_error(L, "start: too many headers");
  xai_header *headers = lxai_newuserdata(L, (count + 1) * sizeof *headers);
  bool nul = false;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    if (!lua_istable(L, -1)) luaL_error(L, "start: 'headers' must be a list of {name, value}");
    headers[i].name = pair_text(L, 1, &nul);
    headers[i].value = pair_text(L, 2, &nul);
    lua_pop(L, 1);
  }
  request->headers = headers;
  request->header_count = count;
  return !nul;
}

static const char *const replies[] = {"auto", "responses", "chat", "json", "bytes", NULL};

static int start(lua_State *L, lxai_client *self, xai_request *request) {
  if (self->client == NULL) return luaL_error(L, "the client is closed"); /* by a finalizer, just now */
  xai_error err;
  request->user = request->stream ? self : NULL; /* see lxai_push_result */
  xai_call_id call = xai_call_start(self->client, request, &err);
  if (call.id == 0) return lxai_fail(L, &err);
  lxai_push_whole(L, call.id);
  return 1;
}

/* A name that nobody could have given to a rate is as good as none. */
static const char *to_model(lua_State *L, int index) {
  size_t len;
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
  return text != NULL && strlen(text) == len ? text : NULL;
}

/* handle:post(path, reply, stream, body, model) -> id | nil, err: as start() of just these. A model that is no string is
 * none. */
static int client_post(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_request request = XAI_REQUEST_INIT;
  request.path = luaL_checkstring(L, 2);
  request.reply = (xai_reply)lxai_choose(L, "post", "reply", luaL_checkstring(L, 3), replies);
  request.stream = lua_toboolean(L, 4);
  request.body_writer = lxai_held_text(L, 5);
  if (request.body_writer == NULL) request.body.ptr = luaL_checklstring(L, 5, &request.body.len);
  request.model = to_model(L, 6);
  return start(L, self, &request);
}

/* handle:start{...} -> id | nil, err */
static int client_start(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checkstack(L, 40, "start");
  xai_request request = XAI_REQUEST_INIT;
  request.method = lxai_opt_cstr(L, 2, "start", "method");
  size_t path_len;
  request.path = lxai_opt_str(L, 2, "start", "path", &path_len);
  if (request.path == NULL) return luaL_error(L, "start: 'path' is missing");
  if (strlen(request.path) != path_len) return fail_arg(L, "path holds a NUL byte");
  lxai_get(L, 2, "body");
  request.body_writer = lxai_held_text(L, -1);
  if (request.body_writer == NULL) request.body.ptr = lxai_opt_str(L, 2, "start", "body", &request.body.len);
  request.reply = (xai_reply)lxai_opt_choice(L, 2, "start", "reply", replies);
  request.stream = lxai_opt_bool(L, 2, "start", "stream");
  request.retry_unknown = lxai_opt_bool(L, 2, "start", "retry_unknown");
  request.limits = lxai_check_limits(L, 2, "start");
  lxai_check_schedule(L, 2, &request);
  lxai_get(L, 2, "headers");
  if (!check_headers(L, &request)) return fail_arg(L, "a header holds a NUL byte");
  return start(L, self, &request);
}

static void remember_cancel(lua_State *L, lxai_client *self, uint32_t id) {
  if (self->cancel_count == self->cancel_room) {
    size_t room = self->cancel_room ? self->cancel_room * 2 : 8, size = sizeof *self->cancels;
    uint32_t *cancels = self->mem.fn(self->mem.user, self->cancels, self->cancel_room * size, room * size);
    if (cancels == NULL) luaL_error(L, "out of memory");
    self->cancels = cancels;
    self->cancel_room = room;
  }
  self->cancels[self->cancel_count++] = id;
}

/* handle:cancel(id). With the client closed every id is stale, and a stale id is harmless. */
static int client_cancel(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  xai_call_id call = lxai_to_call(L, 2);
  if (self->client == NULL) return 0;
  if (self->locked) remember_cancel(L, self, call.id);
  else lxai_cancel(self, call);
  return 0;
}

/* handle:hold(id, on): while on, next() gives no events of the call. It ends nothing that is lent, so a finalizer
 * may ask for it, too. */
static int client_hold(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  xai_call_id call = lxai_to_call(L, 2);
  if (self->client != NULL) xai_call_hold(self->client, call, lua_toboolean(L, 3));
  return 0;
}

/* handle:place(id) -> from 1 on; nil when it does not wait in line */
static int client_place(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  xai_call_id call = lxai_to_call(L, 2);
  size_t place = self->client != NULL ? xai_call_place(self->client, call) : 0;
  if (place == 0) return lxai_push_nothing(L);
  lxai_push_whole(L, place);
  return 1;
}

const luaL_Reg lxai_call_methods[] = {{"start", client_start},   {"post", client_post},
                                      {"cancel", client_cancel}, {"hold", client_hold},
                                      {"place", client_place},   {NULL, NULL}};
