/* lxai_event.c - what a client's calls bring, for Lua: events as plain values, the response so far, a header.
 * SPDX-License-Identifier: MIT
 *
 * An event that was taken from the core and not given yet, for want of memory, is owed: it stays lent, no step is made,
 * and whoever asks next gets it. So nothing is lost, and each call ends once.
 */
#include "lxai_client.h"

#include <string.h>

#define SMALL_BYTES 4096

/* As xai_event_type. */
static const char *const event_words[] = {"text", "reasoning", "refusal", "arguments",
                                          "api",  "retry",     "end",     "ready"};

const char *lxai_event_word(xai_event_type type) {
  return event_words[type];
}

/* ---- single events ---- */

bool lxai_is_piece(const xai_event *event) {
  return event->type <= XAI_EVENT_API;
}

static int push_head(lua_State *L, const xai_event *event) {
  lxai_push_whole(L, event->call.id);
  lua_pushstring(L, event_words[event->type]);
  return 2;
}

static int push_piece(lua_State *L, const xai_event *event, xai_str text, xai_str name, xai_str data) {
  push_head(L, event);
  lua_pushlstring(L, text.ptr, text.len);
  lua_pushlstring(L, name.ptr, name.len);
  lua_pushlstring(L, data.ptr, data.len);
  lxai_push_whole(L, event->output_index);
  lxai_push_whole(L, event->content_index);
  return 7;
}

static xai_str copy_to(char **at, xai_str from) {
  xai_str copy = {*at, from.len};
  if (from.len > 0) memcpy(*at, from.ptr, from.len);
  *at += from.len;
  return copy;
}

static bool is_small(const xai_event *event) {
  return event->text.len < SMALL_BYTES && event->name.len < SMALL_BYTES && event->data.len < SMALL_BYTES &&
         event->text.len + event->name.len + event->data.len <= SMALL_BYTES;
}

/* The common case, without a lock: copied off before the first push. */
static int push_small(lua_State *L, const xai_event *event) {
  char copy[SMALL_BYTES], *at = copy;
  xai_str text = copy_to(&at, event->text);
  xai_str name = copy_to(&at, event->name);
  xai_str data = copy_to(&at, event->data);
  return push_piece(L, event, text, name, data);
}

xai_str lxai_or_empty(xai_str text) {
  return text.ptr != NULL ? text : (xai_str){"", 0};
}

/* What comes after the word. */
int lxai_push_turn(lua_State *L, int ctx, const lxai_client *self) {
  const xai_event *event = &self->event;
  if (event->type == XAI_EVENT_END) {
    lxai_push_result(L, ctx, self->client, event);
    return 1;
  }
  lua_pushnumber(L, event->retry_ms / 1000.0);
  lxai_push_attempt(L, event->attempt);
  lxai_push_error(L, event->error);
  return 3;
}

static int push_event(lua_State *L, int ctx, const void *lent) {
  const lxai_client *self = lent;
  const xai_event *event = &self->event;
  if (lxai_is_piece(event)) {
    return push_piece(L, event, lxai_or_empty(event->text), lxai_or_empty(event->name),
                      lxai_or_empty(event->data));
  }
  push_head(L, event);
  return 2 + lxai_push_turn(L, ctx, self);
}

/* An event that is owed stays so when it cannot be pushed. */
static int give_owed(lua_State *L, lxai_client *self) {
  int results = lxai_push_lent(L, self, push_event, self);
  self->owes = false;
  return results;
}

/* handle:next() -> id, word, ... | nil */
static int client_next(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  if (self->owes) return give_owed(L, self);
  xai_event event;
  if (xai_client_next(self->client, &event) != XAI_OK) return lxai_push_nothing(L);
  if (event.type == XAI_EVENT_READY) return push_head(L, &event);
  if (lxai_is_piece(&event) && is_small(&event)) return push_small(L, &event);
  self->event = event;
  self->owes = true;
  return give_owed(L, self);
}

/* ---- beside the events ---- */

/* handle:announce(id, on): while on, next() gives no events of the call but says "ready" when it has some, once; take()
 * gives them, and after its "rest" a further "ready" follows. Like hold, a finalizer may ask for it. */
static int client_announce(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  xai_call_id call = lxai_to_call(L, 2);
  if (self->client != NULL) xai_call_announce(self->client, call, lua_toboolean(L, 3));
  return 0;
}

static int push_response(lua_State *L, int ctx, const void *lent) {
  lxai_push_whole_response(L, ctx, lent);
  return 1;
}

static int push_text(lua_State *L, int ctx, const void *lent) {
  (void)ctx;
  lxai_push_str(L, *(const xai_str *)lent);
  return 1;
}

/* handle:response(id) -> table | nil */
static int client_response(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  const xai_json *response = xai_call_response(self->client, lxai_to_call(L, 2));
  return response != NULL ? lxai_push_lent(L, self, push_response, response) : lxai_push_nothing(L);
}

/* handle:text(id) -> the text so far */
static int client_text(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_str text = xai_call_text(self->client, lxai_to_call(L, 2));
  return lxai_push_lent(L, self, push_text, &text);
}

/* handle:header(name) -> text | nil */
static int client_header(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  lxai_client *self = lxai_check_client(L);
  xai_str text = xai_result_header(self->client, name);
  return text.len > 0 ? lxai_push_lent(L, self, push_text, &text) : lxai_push_nothing(L);
}

const luaL_Reg lxai_event_methods[] = {{"next", client_next},         {"announce", client_announce},
                                       {"response", client_response}, {"text", client_text},
                                       {"header", client_header},     {NULL, NULL}};
