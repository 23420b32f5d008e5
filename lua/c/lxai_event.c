/* lxai_event.c - what a client's calls bring, for Lua: events as plain values, the response so far, a header.
 * SPDX-License-Identifier: MIT */
#include "lxai_client.h"

#include <string.h>

#define SMALL_BYTES 4096

/* ---- events ---- */

static const char *event_word(xai_event_type type) {
  switch (type) {
    case XAI_EVENT_TEXT: return "text";
    case XAI_EVENT_REASONING: return "reasoning";
    case XAI_EVENT_REFUSAL: return "refusal";
    case XAI_EVENT_ARGUMENTS: return "arguments";
    case XAI_EVENT_API: return "api";
    case XAI_EVENT_RETRY: return "retry";
    case XAI_EVENT_END: return "end";
  }
  return "api";
}

static int push_piece(lua_State *L, const xai_event *event, xai_str text, xai_str name, xai_str data) {
  lxai_push_whole(L, event->call.id);
  lua_pushstring(L, event_word(event->type));
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

static bool is_piece(const xai_event *event) {
  return event->type != XAI_EVENT_RETRY && event->type != XAI_EVENT_END;
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

static xai_str or_empty(xai_str text) {
  return text.ptr != NULL ? text : (xai_str){"", 0};
}

static int push_event(lua_State *L, int ctx, const void *lent) {
  const xai_event *event = lent;
  if (is_piece(event)) {
    return push_piece(L, event, or_empty(event->text), or_empty(event->name), or_empty(event->data));
  }
  lxai_push_whole(L, event->call.id);
  lua_pushstring(L, event_word(event->type));
  if (event->type == XAI_EVENT_END) {
    lxai_push_result(L, ctx, event->result);
    return 3;
  }
  lua_pushnumber(L, event->retry_ms / 1000.0);
  lxai_push_attempt(L, event->attempt);
  lxai_push_error(L, event->error);
  return 5;
}

static int push_response(lua_State *L, int ctx, const void *lent) {
  lxai_push_whole_response(L, ctx, lent);
  return 1;
}

static int push_header(lua_State *L, int ctx, const void *lent) {
  (void)ctx;
  lxai_push_str(L, *(const xai_str *)lent);
  return 1;
}

/* ---- giving them ---- */

/* A call's end comes once, so one that could not be pushed for want of memory is tried again by the next call. */
static int give_end(lua_State *L, lxai_client *self) {
  self->owes_end = true;
  int results = lxai_push_lent(L, self, push_event, &self->end);
  self->owes_end = false;
  return results;
}

/* handle:next() -> id, word, ... | nil */
static int client_next(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_event event;
  if (self->owes_end) return give_end(L, self);
  if (xai_client_next(self->client, &event) != XAI_OK) return lxai_push_nothing(L);
  if (event.type == XAI_EVENT_END) {
    self->end = event;
    return give_end(L, self);
  }
  if (is_piece(&event) && is_small(&event)) return push_small(L, &event);
  return lxai_push_lent(L, self, push_event, &event);
}

/* handle:response(id) -> table | nil */
static int client_response(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  const xai_json *response = xai_call_response(self->client, lxai_to_call(L, 2));
  return response != NULL ? lxai_push_lent(L, self, push_response, response) : lxai_push_nothing(L);
}

/* handle:header(name) -> text | nil */
static int client_header(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  lxai_client *self = lxai_check_client(L);
  xai_str text = xai_result_header(self->client, name);
  return text.len > 0 ? lxai_push_lent(L, self, push_header, &text) : lxai_push_nothing(L);
}

const luaL_Reg lxai_event_methods[] = {
  {"next", client_next}, {"response", client_response}, {"header", client_header}, {NULL, NULL}};
