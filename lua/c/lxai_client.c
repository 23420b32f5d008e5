/* lxai_client.c - a client of the core for Lua: calls, their events as plain values, the scripted wire, waiting.
 * SPDX-License-Identifier: MIT
 *
 * What the core lends is good until the next call into the same client, and any push may run a finalizer that
 * makes one. So the pieces of a stream are copied first, and everything larger is pushed with the client
 * locked: then a cancel or close from a finalizer is remembered and done afterwards, the rest is refused.
 */
#define _POSIX_C_SOURCE 200809L

#include "lxai.h"
#include "lxai_lines.h"

#include <limits.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define SMALL_BYTES 4096
#define HOST_BYTES 256
#define BLIND_MS 10            /* between steps of a client that moves bytes but has no descriptor */
#define MANUAL_WALL 1767225600 /* 2026-01-01, where a manual clock starts unless told */

typedef struct lxai_client {
  xai_client *client; /* NULL once closed                                  */
  xai_mem mem;
  bool blind;        /* there is no network of ours to watch              */
  bool manual;       /* the clock moves by advance() alone                */
  uint64_t now_ms;   /* of the manual clock                               */
  int64_t wall_s;    /* ... and what time of day it was at 0              */
  bool locked;       /* what it lent is being pushed                      */
  bool close_later;  /* asked for while locked                            */
  bool owes_end;     /* `end` was taken from the core and not given yet   */
  xai_event end;     /* lent until the core's next step or next           */
  uint32_t *cancels; /* likewise; calls to cancel                         */
  size_t cancel_count;
  size_t cancel_room;
  lxai_lines lines; /* of the log, not yet taken                        */
} lxai_client;

/* ---- the handle ---- */

static lxai_client *check_handle(lua_State *L) {
  lxai_client *self = lxai_test(L, LXAI_HERE, 1, LXAI_CLIENT_MT);
  if (self == NULL) luaL_error(L, "not a client: call its methods with ':'");
  return self;
}

static lxai_client *check_open(lua_State *L) {
  lxai_client *self = check_handle(L);
  if (self->client == NULL) luaL_error(L, "the client is closed");
  return self;
}

/* For everything that may end what the client has lent. */
static lxai_client *check_client(lua_State *L) {
  lxai_client *self = check_open(L);
  if (self->locked) luaL_error(L, "the client is in use: a finalizer may only cancel calls or close it");
  return self;
}

static int push_nothing(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

static void close_now(lxai_client *self) {
  xai_client *client = self->client;
  self->client = NULL;
  self->owes_end = false;
  xai_client_free(client);
  if (self->cancels != NULL) {
    self->mem.fn(self->mem.user, self->cancels, self->cancel_room * sizeof *self->cancels, 0);
  }
  self->cancels = NULL;
  self->cancel_count = self->cancel_room = 0;
}

/* What finalizers asked for while the client was locked. */
static void catch_up(lxai_client *self) {
  for (size_t i = 0; i < self->cancel_count; i++)
    xai_call_cancel(self->client, (xai_call_id){self->cancels[i]});
  self->cancel_count = 0;
  if (self->close_later) close_now(self);
}

static int client_close(lua_State *L) {
  lxai_client *self = check_handle(L);
  if (self->locked) self->close_later = true;
  else close_now(self);
  return 0;
}

/* Lines stay after a close, for somebody to take them; not after this. */
static int client_gc(lua_State *L) {
  lxai_client *self = check_handle(L);
  client_close(L);
  if (!self->locked) lxai_lines_deinit(&self->lines);
  return 0;
}

/* handle:log_next() -> line, level | nil. A closed client, or one that lends something out, may be asked, too. */
static int client_log_next(lua_State *L) {
  lxai_client *self = check_handle(L);
  char line[LXAI_LONGEST_LINE];
  size_t len;
  xai_log_level level;
  if (!lxai_lines_take(&self->lines, line, &len, &level)) return push_nothing(L);
  lua_pushlstring(L, line, len);
  lua_pushstring(L, xai_log_level_name(level));
  return 2;
}

static uint64_t manual_now_ms(void *user) {
  return ((lxai_client *)user)->now_ms;
}

static int64_t manual_wall_s(void *user) {
  lxai_client *self = user;
  return self->wall_s + (int64_t)(self->now_ms / 1000);
}

/* ---- arguments ---- */

/* Seconds to milliseconds: rounded up, never 0, which would mean the default. */
static uint32_t opt_ms(lua_State *L, int table, const char *where, const char *name) {
  lxai_get(L, table, name);
  if (lua_isnil(L, -1)) return 0;
  lua_Number seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(seconds >= 0)) luaL_error(L, "%s: '%s' must be a number of seconds", where, name);
  lua_Number ms = ceil(seconds * 1000);
  if (ms >= (lua_Number)XAI_NO_LIMIT) return XAI_NO_LIMIT;
  return ms < 1 ? 1 : (uint32_t)ms;
}

/* A count where math.huge means no limit. */
static uint32_t opt_count32(lua_State *L, int table, const char *where, const char *name) {
  lxai_get(L, table, name);
  if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) >= (lua_Number)XAI_NO_LIMIT) return XAI_NO_LIMIT;
  return (uint32_t)lxai_opt_count(L, table, where, name);
}

static size_t opt_bytes(lua_State *L, int table, const char *where, const char *name) {
  lxai_get(L, table, name);
  if (lua_type(L, -1) == LUA_TNUMBER && isinf(lua_tonumber(L, -1))) return XAI_NO_LIMIT;
  return (size_t)lxai_opt_count(L, table, where, name);
}

static xai_limits check_limits(lua_State *L, int table, const char *where) {
  xai_limits limits = {0};
  luaL_checkstack(L, 48, where);
  lxai_get(L, table, "limits");
  if (lua_isnil(L, -1)) return limits;
  if (!lua_istable(L, -1)) luaL_error(L, "%s: 'limits' must be a table", where);
  int at = lua_gettop(L);
  limits.deadline_ms = opt_ms(L, at, where, "deadline");
  limits.connect_ms = opt_ms(L, at, where, "connect");
  limits.handshake_ms = opt_ms(L, at, where, "handshake");
  limits.first_event_ms = opt_ms(L, at, where, "first_event");
  limits.silence_ms = opt_ms(L, at, where, "silence");
  limits.data_silence_ms = opt_ms(L, at, where, "data_silence");
  limits.backoff_base_ms = opt_ms(L, at, where, "backoff_base");
  limits.backoff_max_ms = opt_ms(L, at, where, "backoff_max");
  limits.retry_after_max_ms = opt_ms(L, at, where, "retry_after_max");
  limits.max_attempts = opt_count32(L, at, where, "max_attempts");
  limits.max_depth = opt_count32(L, at, where, "max_depth");
  limits.max_request = opt_bytes(L, at, where, "max_request");
  limits.max_response = opt_bytes(L, at, where, "max_response");
  limits.max_event = opt_bytes(L, at, where, "max_event");
  limits.max_headers = opt_bytes(L, at, where, "max_headers");
  lua_settop(L, at - 1);
  return limits;
}

static int opt_choice(lua_State *L, int table, const char *where, const char *name, const char *const *list) {
  const char *text = lxai_opt_str(L, table, where, name, NULL);
  return text == NULL ? 0 : lxai_choose(L, where, name, text, list);
}

/* ---- core.client ---- */

static int64_t opt_wall(lua_State *L, int table) {
  lxai_get(L, table, "wall");
  if (lua_isnil(L, -1)) return MANUAL_WALL;
  lua_Number wall = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(wall >= 0 && wall <= LXAI_EXACT_MAX)) luaL_error(L, "client: 'wall' must be Unix seconds");
  return (int64_t)wall;
}

/* Leaves the texts on the stack, so that they live until the client has copied them. */
static xai_config check_config(lua_State *L, int at) {
  static const char *const transports[] = {"curl", "scripted", "host", NULL}; /* as xai_transport_kind */
  static const char *const http[] = {"1.1", "2", NULL};
  static const char *const clocks[] = {"system", "manual", NULL};
  static const char *const levels[] = {"off", "error", "warn", "info", "debug", NULL};
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = lxai_opt_cstr(L, at, "client", "api_key");
  config.base_url = lxai_opt_cstr(L, at, "client", "base_url");
  config.user_agent = lxai_opt_cstr(L, at, "client", "user_agent");
  config.ca_file = lxai_opt_cstr(L, at, "client", "ca_file");
  config.proxy = lxai_opt_cstr(L, at, "client", "proxy");
  config.seed = lxai_opt_count(L, at, "client", "seed");
  config.max_calls = opt_count32(L, at, "client", "max_calls");
  config.max_connections = opt_count32(L, at, "client", "max_connections");
  config.transport = (xai_transport_kind)opt_choice(L, at, "client", "transport", transports);
  if (opt_choice(L, at, "client", "clock", clocks) == 1) config.clock.now_ms = manual_now_ms;
  config.require_staple = lxai_opt_bool(L, at, "client", "require_staple");
  if (opt_choice(L, at, "client", "http", http) == 1) config.http_version = XAI_HTTP_2;
  config.api_key_file = lxai_opt_cstr(L, at, "client", "api_key_file");
  config.key_name = lxai_opt_cstr(L, at, "client", "key_name");
  config.log.level = (xai_log_level)opt_choice(L, at, "client", "log_level", levels);
  config.limits = check_limits(L, at, "client");
  lxai_check_rates(L, at, &config);
  config.mem = lxai_mem(L);
  return config;
}

/* core.client(config) -> handle | nil, err */
static int core_client(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkstack(L, 40, "client");
  xai_config config = check_config(L, 1);
  int64_t wall_s = opt_wall(L, 1);
  lxai_client *self = lxai_newuserdata(L, sizeof *self); /* ... self */
  memset(self, 0, sizeof *self);
  self->mem = config.mem;
  self->wall_s = wall_s;
  self->blind = config.transport != XAI_TRANSPORT_CURL;
  lxai_set_type(L, LXAI_HERE, LXAI_CLIENT_MT);
  if (config.clock.now_ms != NULL) {
    self->manual = true;
    config.clock.wall_s = manual_wall_s;
    config.clock.user = self;
  }
  lxai_lines_init(&self->lines, &self->mem);
  if (config.log.level != XAI_LOG_DEFAULT) {
    config.log.fn = lxai_lines_add;
    config.log.user = &self->lines;
  }
  xai_error err;
  self->client = xai_client_new(&config, &err);
  return self->client != NULL ? 1 : lxai_fail(L, &err);
}

/* handle:set_key(key|nil [, name]) -> true | nil, err */
static int client_set_key(lua_State *L) {
  lxai_client *self = check_client(L);
  xai_str key = {NULL, 0};
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TSTRING);
    key.ptr = lua_tolstring(L, 2, &key.len);
  }
  const char *name = luaL_optstring(L, 3, NULL);
  xai_error err;
  if (xai_client_set_key(self->client, key, name, &err) != XAI_OK) return lxai_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- starting and cancelling ---- */

/* A call's id from the stack; whatever cannot be one is taken as stale. */
static xai_call_id to_call(lua_State *L, int index) {
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

/* handle:start{...} -> id | nil, err */
static int client_start(lua_State *L) {
  static const char *const replies[] = {"auto", "responses", "chat", "json", "bytes", NULL};
  lxai_client *self = check_client(L);
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
  request.reply = (xai_reply)opt_choice(L, 2, "start", "reply", replies);
  request.stream = lxai_opt_bool(L, 2, "start", "stream");
  request.retry_unknown = lxai_opt_bool(L, 2, "start", "retry_unknown");
  request.limits = check_limits(L, 2, "start");
  lxai_check_schedule(L, 2, &request);
  lxai_get(L, 2, "headers");
  if (!check_headers(L, &request)) return fail_arg(L, "a header holds a NUL byte");
  if (self->client == NULL) return luaL_error(L, "the client is closed"); /* by a finalizer, just now */
  xai_error err;
  xai_call_id call = xai_call_start(self->client, &request, &err);
  if (call.id == 0) return lxai_fail(L, &err);
  lxai_push_whole(L, call.id);
  return 1;
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
  lxai_client *self = check_handle(L);
  xai_call_id call = to_call(L, 2);
  if (self->client == NULL) return 0;
  if (self->locked) remember_cancel(L, self, call.id);
  else xai_call_cancel(self->client, call);
  return 0;
}

/* handle:hold(id, on): while on, next() gives no events of the call. It ends nothing that is lent, so a finalizer
 * may ask for it, too. */
static int client_hold(lua_State *L) {
  lxai_client *self = check_handle(L);
  xai_call_id call = to_call(L, 2);
  if (self->client != NULL) xai_call_hold(self->client, call, lua_toboolean(L, 3));
  return 0;
}

/* handle:place(id) -> from 1 on; nil when it does not wait in line */
static int client_place(lua_State *L) {
  lxai_client *self = check_handle(L);
  xai_call_id call = to_call(L, 2);
  size_t place = self->client != NULL ? xai_call_place(self->client, call) : 0;
  if (place == 0) return push_nothing(L);
  lxai_push_whole(L, place);
  return 1;
}

/* ---- the turn of the crank ---- */

static uint32_t check_wait(lua_State *L, int index) {
  lua_Number seconds = luaL_optnumber(L, index, 0);
  if (!(seconds >= 0)) luaL_argerror(L, index, "seconds to wait, 0 or more");
  return seconds >= 1e6 ? 1000000000u : (uint32_t)ceil(seconds * 1000);
}

/* handle:step([wait_seconds]) -> true | nil, err. On a manual clock it never waits: time stands still. */
static int client_step(lua_State *L) {
  lxai_client *self = check_client(L);
  uint32_t wait_ms = check_wait(L, 2);
  xai_code code = XAI_OK;
  if (!self->owes_end) code = xai_client_step(self->client, self->manual ? 0 : wait_ms);
  if (code == XAI_ERR_STATE) return luaL_error(L, "the client belongs to the process that forked this one");
  if (code != XAI_OK) return lxai_fail_nomem(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int client_pending(lua_State *L) {
  const lxai_client *self = check_open(L);
  lxai_push_whole(L, xai_client_pending(self->client) + self->owes_end);
  return 1;
}

static int client_fd(lua_State *L) {
  lua_pushinteger(L, xai_client_fd(check_open(L)->client));
  return 1;
}

static int client_timeout(lua_State *L) {
  lxai_client *self = check_open(L);
  int64_t ms = self->owes_end ? 0 : xai_client_timeout(self->client);
  if (ms < 0) return push_nothing(L);
  lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

static int client_now(lua_State *L) {
  lxai_client *self = check_open(L);
  if (self->manual) {
    lua_pushnumber(L, (lua_Number)self->now_ms / 1000);
    return 1;
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
  return 1;
}

static int client_advance(lua_State *L) {
  lxai_client *self = check_open(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  if (!self->manual) return luaL_error(L, "advance: only with clock = \"manual\"");
  if (!(seconds >= 0 && seconds <= 1e12)) return luaL_argerror(L, 2, "seconds, 0 or more");
  self->now_ms += (uint64_t)floor(seconds * 1000 + 0.5);
  return 0;
}

/* ---- results as tables ---- */

static void set_str(lua_State *L, const char *name, xai_str text) {
  lua_pushlstring(L, text.ptr == NULL ? "" : text.ptr, text.len);
  lua_setfield(L, -2, name);
}

/* An empty text is "unknown" and left out. */
static void set_known(lua_State *L, const char *name, xai_str text) {
  if (text.len > 0) set_str(L, name, text);
}

static void set_seconds(lua_State *L, const char *name, uint32_t ms) {
  lua_pushnumber(L, ms / 1000.0);
  lua_setfield(L, -2, name);
}

static void set_status(lua_State *L, int status) {
  if (status == 0) return;
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
}

static void set_flag(lua_State *L, const char *name, bool set) {
  if (!set) return;
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, name);
}

/* 0 is "not told" and left out. */
static void set_tokens(lua_State *L, uint64_t tokens) {
  if (tokens == 0) return;
  lxai_push_whole(L, tokens);
  lua_setfield(L, -2, "tokens");
}

static void push_attempt(lua_State *L, const xai_attempt *attempt) {
  lua_createtable(L, 0, 9); /* attempt */
  set_str(L, "outcome", xai_str_of(xai_attempt_class_name(attempt->outcome)));
  if (attempt->code != XAI_OK) set_str(L, "code", xai_str_of(lxai_code_name(attempt->code)));
  set_status(L, attempt->http_status);
  set_known(L, "phase", xai_str_of(attempt->phase));
  set_seconds(L, "started", attempt->started_ms);
  set_seconds(L, "took", attempt->took_ms);
  set_seconds(L, "waited", attempt->waited_ms);
  set_seconds(L, "queued", attempt->queued_ms);
  set_known(L, "request_id", xai_str_of(attempt->request_id));
  set_tokens(L, attempt->tokens);
}

static void set_attempts(lua_State *L, const xai_result *result) {
  lua_createtable(L, (int)result->attempt_count, 0);
  for (size_t i = 0; i < result->attempt_count; i++) {
    push_attempt(L, &result->attempts[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "attempts");
}

static void set_count(lua_State *L, const char *name, uint32_t count) {
  lxai_push_whole(L, count);
  lua_setfield(L, -2, name);
}

static void set_counts(lua_State *L, const xai_attempt_counts *counts) {
  lua_createtable(L, 0, 4);
  set_count(L, "answered", counts->answered);
  set_count(L, "refused", counts->refused);
  set_count(L, "not_sent", counts->not_sent);
  set_count(L, "unknown", counts->unknown);
  lua_setfield(L, -2, "counts");
}

/* Whether and when the same request may be made again. */
static void set_advice(lua_State *L, const xai_result *result) {
  set_flag(L, "retryable", result->retryable);
  set_flag(L, "repeatable", result->repeatable);
  if (result->retry_after_ms != 0) set_seconds(L, "retry_after", result->retry_after_ms);
}

/* The last one known: of the answer, if any came. */
static const char *request_id_of(const xai_result *result) {
  for (size_t i = result->attempt_count; i > 0; i--) {
    if (result->attempts[i - 1].request_id[0] != '\0') return result->attempts[i - 1].request_id;
  }
  return result->error.request_id;
}

static void set_response(lua_State *L, int ctx, const xai_json *response) {
  if (response == NULL) return;
  xai_code code = lxai_push_json(L, ctx, response);
  if (code == XAI_ERR_NOMEM) luaL_error(L, "out of memory");
  if (code != XAI_OK) luaL_error(L, "the response is nested too deeply for this host");
  lua_setfield(L, -2, "response");
}

static void push_result(lua_State *L, int ctx, const xai_result *result) {
  lua_createtable(L, 0, 19); /* result */
  set_str(L, "outcome", xai_str_of(xai_outcome_name(result->outcome)));
  set_str(L, "reason", xai_str_of(result->reason));
  if (result->error.code != XAI_OK) {
    lxai_push_error(L, &result->error);
    lua_setfield(L, -2, "error");
  }
  set_response(L, ctx, result->response);
  set_str(L, "text", result->text);
  set_known(L, "body", result->body);
  set_known(L, "content_type", result->content_type);
  set_status(L, result->http_status);
  set_known(L, "request_id", xai_str_of(request_id_of(result)));
  set_attempts(L, result);
  set_counts(L, &result->counts);
  set_tokens(L, result->tokens);
  set_advice(L, result);
  set_flag(L, "marker_missing", result->flags & XAI_FLAG_MARKER_MISSING);
  set_flag(L, "text_replaced", result->flags & XAI_FLAG_TEXT_REPLACED);
  set_flag(L, "not_streamed", result->flags & XAI_FLAG_NOT_STREAMED);
}

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

static int push_event(lua_State *L, int ctx, const xai_event *event) {
  if (is_piece(event)) {
    return push_piece(L, event, or_empty(event->text), or_empty(event->name), or_empty(event->data));
  }
  lxai_push_whole(L, event->call.id);
  lua_pushstring(L, event_word(event->type));
  if (event->type == XAI_EVENT_END) {
    push_result(L, ctx, event->result);
    return 3;
  }
  lua_pushnumber(L, event->retry_ms / 1000.0);
  push_attempt(L, event->attempt);
  lxai_push_error(L, event->error);
  return 5;
}

/* ---- pushing with the client locked ---- */

typedef enum push_what { PUSH_EVENT, PUSH_RESPONSE, PUSH_HEADER, PUSH_WIRE } push_what;

typedef struct push_work {
  push_what what;
  const void *from; /* xai_event, xai_json, xai_str or xai_wire_request */
} push_work;

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

static int push_wire(lua_State *L, const xai_wire_request *wire) {
  lua_createtable(L, 0, 6); /* wire */
  lxai_push_whole(L, wire->id);
  lua_setfield(L, -2, "id");
  lxai_push_whole(L, wire->call.id);
  lua_setfield(L, -2, "call");
  set_str(L, "method", xai_str_of(wire->method));
  set_str(L, "url", xai_str_of(wire->url));
  set_str(L, "body", wire->body);
  set_wire_headers(L, wire);
  return 1;
}

static int push_response(lua_State *L, int ctx, const xai_json *response) {
  lua_createtable(L, 0, 1);
  set_response(L, ctx, response);
  lua_getfield(L, -1, "response");
  return 1;
}

/* (context, work) -> what was lent, as Lua values */
static int push_locked(lua_State *L) {
  const push_work *work = lua_touserdata(L, 2);
  switch (work->what) {
    case PUSH_EVENT: return push_event(L, 1, work->from);
    case PUSH_RESPONSE: return push_response(L, 1, work->from);
    case PUSH_WIRE: return push_wire(L, work->from);
    case PUSH_HEADER: break;
  }
  const xai_str *text = work->from;
  lua_pushlstring(L, text->ptr, text->len);
  return 1;
}

/* What was asked for meanwhile is done before an error is raised on, too. */
static int push_lent(lua_State *L, lxai_client *self, push_what what, const void *from) {
  push_work work = {what, from};
  int results = lxai_locked(L, LXAI_HERE, LXAI_CLIENT_PUSH, &self->locked, &work);
  catch_up(self);
  return results < 0 ? lua_error(L) : results;
}

/* A call's end comes once, so one that could not be pushed for want of memory is tried again by the next call. */
static int give_end(lua_State *L, lxai_client *self) {
  self->owes_end = true;
  int results = push_lent(L, self, PUSH_EVENT, &self->end);
  self->owes_end = false;
  return results;
}

/* handle:next() -> id, word, ... | nil */
static int client_next(lua_State *L) {
  lxai_client *self = check_client(L);
  xai_event event;
  if (self->owes_end) return give_end(L, self);
  if (xai_client_next(self->client, &event) != XAI_OK) return push_nothing(L);
  if (event.type == XAI_EVENT_END) {
    self->end = event;
    return give_end(L, self);
  }
  if (is_piece(&event) && is_small(&event)) return push_small(L, &event);
  return push_lent(L, self, PUSH_EVENT, &event);
}

/* handle:response(id) -> table | nil */
static int client_response(lua_State *L) {
  lxai_client *self = check_client(L);
  const xai_json *response = xai_call_response(self->client, to_call(L, 2));
  return response != NULL ? push_lent(L, self, PUSH_RESPONSE, response) : push_nothing(L);
}

/* handle:header(name) -> text | nil */
static int client_header(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  lxai_client *self = check_client(L);
  xai_str text = xai_result_header(self->client, name);
  return text.len > 0 ? push_lent(L, self, PUSH_HEADER, &text) : push_nothing(L);
}

/* ---- the scripted wire ---- */

static uint32_t to_wire(lua_State *L, int index) {
  return to_call(L, index).id;
}

/* handle:wire_next() -> request | nil */
static int client_wire_next(lua_State *L) {
  lxai_client *self = check_client(L);
  xai_wire_request wire;
  if (xai_wire_next(self->client, &wire) != XAI_OK) return push_nothing(L);
  return push_lent(L, self, PUSH_WIRE, &wire);
}

static int client_wire_live(lua_State *L) {
  lua_pushboolean(L, xai_wire_live(check_open(L)->client, to_wire(L, 2)));
  return 1;
}

static int client_wire_status(lua_State *L) {
  lxai_client *self = check_client(L);
  xai_wire_status(self->client, to_wire(L, 2), (int)luaL_checkinteger(L, 3));
  return 0;
}

static int client_wire_header(lua_State *L) {
  const char *name = luaL_checkstring(L, 3), *value = luaL_checkstring(L, 4); /* may make strings: first */
  lxai_client *self = check_client(L);
  xai_wire_header(self->client, to_wire(L, 2), name, value);
  return 0;
}

/* handle:wire_body(id, bytes) -> true, or false when the call is full: offer the same bytes again later */
static int client_wire_body(lua_State *L) {
  lxai_client *self = check_client(L);
  luaL_checktype(L, 3, LUA_TSTRING);
  size_t len;
  const char *bytes = lua_tolstring(L, 3, &len);
  lua_pushboolean(L, xai_wire_body(self->client, to_wire(L, 2), bytes, len) != XAI_MORE);
  return 1;
}

static int client_wire_finish(lua_State *L) {
  static const char *const ends[] = {"done", "short", "reset", "refused", "resolve", "tls", "timeout", NULL};
  int how = lxai_choose(L, "wire_finish", "how", luaL_optstring(L, 3, "done"), ends);
  lxai_client *self = check_client(L);
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
  lxai_client *self = check_client(L);
  if (xai_host_next(self->client, &request) != XAI_OK) return push_nothing(L);
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
  lua_pushboolean(L, xai_host_live(check_open(L)->client, to_wire(L, 2)));
  return 1;
}

/* handle:host_pull(id, most) -> the next bytes to write, at most so many; "" when there are none */
static int client_host_pull(lua_State *L) {
  uint64_t most;
  lxai_client *self = check_client(L);
  if (!lxai_to_whole(L, 3, &most) || most == 0) return luaL_argerror(L, 3, "a number of bytes");
  xai_str piece = xai_host_pull(self->client, to_wire(L, 2), most < SIZE_MAX ? (size_t)most : SIZE_MAX);
  return push_lent(L, self, PUSH_HEADER, &piece);
}

/* handle:host_feed(id, bytes [, from]) -> "read" | "wait" | "keep" | "close", the place of the first byte not taken.
 * "wait": the call is full, offer the rest after its events have been pulled. */
static int client_host_feed(lua_State *L) {
  static const char *const wishes[] = {"read", "wait", "keep", "close"};
  lxai_client *self = check_client(L);
  uint64_t from = 1;
  size_t len, taken;
  luaL_checktype(L, 3, LUA_TSTRING);
  const char *bytes = lua_tolstring(L, 3, &len);
  if (!lua_isnoneornil(L, 4) && !lxai_to_whole(L, 4, &from)) from = 0;
  if (from < 1 || from > len + 1) return luaL_argerror(L, 4, "not a place in the bytes");
  size_t skip = (size_t)from - 1;
  xai_host_wish wish = xai_host_feed(self->client, to_wire(L, 2), bytes + skip, len - skip, &taken);
  lua_pushstring(L, wishes[wish]);
  lxai_push_whole(L, skip + taken + 1);
  return 2;
}

/* handle:host_end(id, how [, detail]) */
static int client_host_end(lua_State *L) {
  static const char *const ends[] = {"closed",          "reset", "resolve",     "connect",
                                     "connect_timeout", "tls",   "tls_timeout", NULL};
  int how = lxai_choose(L, "host_end", "how", luaL_checkstring(L, 3), ends);
  const char *detail = luaL_optstring(L, 4, NULL); /* may make a string: first */
  lxai_client *self = check_client(L);
  xai_host_end(self->client, to_wire(L, 2), (xai_host_end_kind)how, detail);
  return 0;
}

/* ---- core.wait ---- */

typedef struct watch {
  struct pollfd *set;
  nfds_t count;
  int64_t soonest; /* milliseconds until a client wants a step by itself, -1: never */
} watch;

static void sooner(watch *w, int64_t ms) {
  if (ms >= 0 && (w->soonest < 0 || ms < w->soonest)) w->soonest = ms;
}

static void watch_client(watch *w, const lxai_client *self) {
  sooner(w, self->manual ? 0 : xai_client_timeout(self->client));
  int fd = xai_client_fd(self->client);
  if (fd >= 0) w->set[w->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
  else if (!self->blind) sooner(w, BLIND_MS);
}

/* core.wait({handle...} [, timeout]) -> true when one of them wants a step, false when the time passed. A
 * client with a manual clock is not waited for: its time stands still. */
static int core_wait(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int64_t asked = lua_isnoneornil(L, 2) ? -1 : (int64_t)check_wait(L, 2);
  size_t handles = lua_rawlen(L, 1);
  if (handles > 100000) return luaL_argerror(L, 1, "too many clients");
  watch w = {lxai_newuserdata(L, (handles + 1) * sizeof *w.set), 0, -1};
  for (size_t i = 1; i <= handles; i++) {
    lua_rawgeti(L, 1, (int)i);
    lxai_client *self = lxai_test(L, LXAI_HERE, -1, LXAI_CLIENT_MT);
    if (self == NULL || self->client == NULL) return luaL_argerror(L, 1, "not a list of open clients");
    watch_client(&w, self);
    lua_pop(L, 1);
  }
  bool own = w.soonest >= 0 && (asked < 0 || w.soonest <= asked);
  int64_t wait_ms = own ? w.soonest : asked;
  if (w.count == 0 && wait_ms < 0) return luaL_error(L, "wait: nothing would ever end it");
  int ready = poll(w.set, w.count, wait_ms < INT_MAX ? (int)wait_ms : INT_MAX);
  lua_pushboolean(L, own || ready != 0); /* a signal counts as ready: a step does no harm */
  return 1;
}

static const luaL_Reg client_meta[] = {{"__gc", client_gc}, {"__close", client_close}, {NULL, NULL}};
static const luaL_Reg client_methods[] = {{"start", client_start},
                                          {"cancel", client_cancel},
                                          {"hold", client_hold},
                                          {"place", client_place},
                                          {"step", client_step},
                                          {"set_key", client_set_key},
                                          {"log_next", client_log_next},
                                          {"pending", client_pending},
                                          {"next", client_next},
                                          {"header", client_header},
                                          {"response", client_response},
                                          {"fd", client_fd},
                                          {"timeout", client_timeout},
                                          {"close", client_close},
                                          {"now", client_now},
                                          {"advance", client_advance},
                                          {"wire_next", client_wire_next},
                                          {"wire_live", client_wire_live},
                                          {"wire_status", client_wire_status},
                                          {"wire_header", client_wire_header},
                                          {"wire_body", client_wire_body},
                                          {"wire_finish", client_wire_finish},
                                          {"host_next", client_host_next},
                                          {"host_live", client_host_live},
                                          {"host_pull", client_host_pull},
                                          {"host_feed", client_host_feed},
                                          {"host_end", client_host_end},
                                          {NULL, NULL}};
static const luaL_Reg client_functions[] = {{"client", core_client}, {"wait", core_wait}, {NULL, NULL}};

void lxai_open_client(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_CLIENT_MT, "xai.client", client_meta, client_methods);
  lua_pushcfunction(L, push_locked);
  lua_rawseti(L, ctx, LXAI_CLIENT_PUSH);
  lxai_set_functions(L, ctx, client_functions);
}
