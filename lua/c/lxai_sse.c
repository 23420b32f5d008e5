/* lxai_sse.c - the SSE parser for Lua: bytes in, a list of events out.
 * SPDX-License-Identifier: MIT */
#include "lxai.h"

typedef struct lxai_sse {
  xai_sse *sse;
  bool locked;  /* its texts are lent: they are being pushed                      */
  bool cut_off; /* a feed was raised out of (no memory): events of it may be lost */
} lxai_sse;

typedef struct feed_work {
  xai_sse *sse;
  const char *bytes;
  size_t len;
} feed_work;

static lxai_sse *check_unlocked(lua_State *L) {
  lxai_sse *self = lxai_test(L, LXAI_HERE, 1, LXAI_SSE_MT);
  if (self == NULL || self->sse == NULL) luaL_error(L, "not an SSE parser: call its methods with ':'");
  if (self->locked) luaL_error(L, "the SSE parser is in use: a finalizer must not call it");
  return self;
}

static lxai_sse *check_sse(lua_State *L) {
  lxai_sse *self = check_unlocked(L);
  if (self->cut_off) luaL_error(L, "the SSE parser lost events when memory ran out: reset it");
  return self;
}

static void set_str(lua_State *L, const char *name, xai_str text) {
  lua_pushlstring(L, text.ptr == NULL ? "" : text.ptr, text.len);
  lua_setfield(L, -2, name);
}

static void set_retry(lua_State *L, int64_t retry) {
  if (retry < 0) return;
  lxai_push_whole(L, (uint64_t)retry);
  lua_setfield(L, -2, "retry");
}

static void push_event(lua_State *L, const xai_sse_event *event) {
  lua_createtable(L, 0, 4); /* event */
  set_str(L, "event", event->name);
  set_str(L, "data", event->data);
  set_str(L, "id", event->id);
  set_retry(L, event->retry);
}

static int fail_code(lua_State *L, xai_code code) {
  xai_error err;
  lxai_error_set(&err, code,
                 code == XAI_ERR_NOMEM     ? XAI_KIND_MEMORY
                 : code == XAI_ERR_TOO_BIG ? XAI_KIND_LIMIT
                                           : XAI_KIND_USAGE,
                 code == XAI_ERR_TOO_BIG ? "a line or event of the stream" : NULL);
  return lxai_fail(L, &err);
}

/* (context, work) -> events | nil, err; runs with the parser locked. */
static int push_events(lua_State *L) {
  feed_work *work = lua_touserdata(L, 2);
  lua_newtable(L); /* events */
  xai_code code = xai_sse_feed(work->sse, work->bytes, work->len);
  for (int count = 1; code >= 0; count++) {
    xai_sse_event event;
    code = xai_sse_next(work->sse, &event);
    if (code == XAI_MORE) return 1;
    if (code != XAI_OK) break;
    push_event(L, &event);
    lua_rawseti(L, -2, count);
  }
  return fail_code(L, code);
}

/* (context, parser) -> end; runs with the parser locked. */
static int push_end(lua_State *L) {
  xai_sse_end end;
  xai_sse_finish(lua_touserdata(L, 2), &end);
  lua_createtable(L, 0, 3); /* end */
  set_str(L, "last_event_id", end.last_event_id);
  set_retry(L, end.retry);
  lua_pushboolean(L, end.discarded);
  lua_setfield(L, -2, "discarded");
  return 1;
}

/* parser:feed(bytes) -> {event...} | nil, err */
static int sse_feed(lua_State *L) {
  lxai_sse *self = check_sse(L);
  luaL_checktype(L, 2, LUA_TSTRING);
  feed_work work = {self->sse, NULL, 0};
  work.bytes = lua_tolstring(L, 2, &work.len);
  self->cut_off = true;
  int results = lxai_locked(L, LXAI_HERE, LXAI_SSE_PUSH, &self->locked, &work);
  if (results < 0) return lua_error(L);
  self->cut_off = false;
  return results;
}

/* parser:finish() -> {last_event_id, retry, discarded} */
static int sse_finish(lua_State *L) {
  lxai_sse *self = check_sse(L);
  int results = lxai_locked(L, LXAI_HERE, LXAI_SSE_PUSH_END, &self->locked, self->sse);
  return results < 0 ? lua_error(L) : results;
}

/* parser:reset() */
static int sse_reset(lua_State *L) {
  lxai_sse *self = check_unlocked(L);
  xai_sse_reset(self->sse);
  self->cut_off = false;
  return 0;
}

static int sse_gc(lua_State *L) {
  lxai_sse *self = lua_touserdata(L, 1);
  xai_sse_free(self->sse);
  self->sse = NULL;
  return 0;
}

/* core.sse([{max_event=}]) -> parser | nil, err */
static int core_sse(lua_State *L) {
  static const char *const names[] = {"max_event", NULL};
  lxai_check_options(L, 1, "xai.sse", names);
  uint64_t max_event = lua_istable(L, 1) ? lxai_opt_count(L, 1, "xai.sse", "max_event") : 0;
  lxai_sse *self = lxai_newuserdata(L, sizeof *self); /* self */
  *self = (lxai_sse){NULL, false, false};
  lxai_set_type(L, LXAI_HERE, LXAI_SSE_MT);
  xai_mem mem = lxai_mem(L);
  self->sse = xai_sse_new(&mem, (size_t)max_event);
  return self->sse != NULL ? 1 : lxai_fail_nomem(L);
}

static const luaL_Reg sse_meta[] = {{"__gc", sse_gc}, {NULL, NULL}};
static const luaL_Reg sse_methods[] = {
  {"feed", sse_feed}, {"finish", sse_finish}, {"reset", sse_reset}, {NULL, NULL}};
static const luaL_Reg sse_functions[] = {{"sse", core_sse}, {NULL, NULL}};

void lxai_open_sse(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_SSE_MT, "xai.sse", sse_meta, sse_methods);
  lua_pushcfunction(L, push_events);
  lua_rawseti(L, ctx, LXAI_SSE_PUSH);
  lua_pushcfunction(L, push_end);
  lua_rawseti(L, ctx, LXAI_SSE_PUSH_END);
  lxai_set_functions(L, ctx, sse_functions);
}
