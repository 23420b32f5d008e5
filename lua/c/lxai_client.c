/* lxai_client.c - a client of the core for Lua: made from a table of options, closed by hand or by the collector.
 * SPDX-License-Identifier: MIT */
#include "lxai_client.h"

#include <math.h>
#include <string.h>

#define MANUAL_WALL 1767225600 /* 2026-01-01, where a manual clock starts unless told */

/* ---- the handle ---- */

lxai_client *lxai_check_handle(lua_State *L) {
  lxai_client *self = lxai_test(L, LXAI_HERE, 1, LXAI_CLIENT_MT);
  if (self == NULL) luaL_error(L, "not a client: call its methods with ':'");
  return self;
}

lxai_client *lxai_check_open(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  if (self->client == NULL) luaL_error(L, "the client is closed");
  return self;
}

/* For everything that may end what the client has lent. */
lxai_client *lxai_check_client(lua_State *L) {
  lxai_client *self = lxai_check_open(L);
  if (self->locked) luaL_error(L, "the client is in use: a finalizer may only cancel calls or close it");
  return self;
}

int lxai_push_nothing(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

static void close_now(lxai_client *self) {
  xai_client *client = self->client;
  self->client = NULL;
  self->owes = false;
  xai_client_free(client);
  if (self->cancels != NULL) {
    self->mem.fn(self->mem.user, self->cancels, self->cancel_room * sizeof *self->cancels, 0);
  }
  self->cancels = NULL;
  self->cancel_count = self->cancel_room = 0;
}

void lxai_cancel(lxai_client *self, xai_call_id call) {
  if (self->owes && self->event.call.id == call.id && self->event.type != XAI_EVENT_END) self->owes = false;
  xai_call_cancel(self->client, call);
}

/* What finalizers asked for while the client was locked. */
static void catch_up(lxai_client *self) {
  for (size_t i = 0; i < self->cancel_count; i++) lxai_cancel(self, (xai_call_id){self->cancels[i]});
  self->cancel_count = 0;
  if (self->close_later) close_now(self);
}

static int client_close(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  if (self->locked) self->close_later = true;
  else close_now(self);
  return 0;
}

/* Lines stay after a close, for somebody to take them; not after this. */
static int client_gc(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  client_close(L);
  if (!self->locked) lxai_lines_deinit(&self->lines);
  return 0;
}

/* handle:log_next() -> line, level | nil. A closed client, or one that lends something out, may be asked, too. */
static int client_log_next(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  char line[LXAI_LONGEST_LINE];
  size_t len;
  xai_log_level level;
  if (!lxai_lines_take(&self->lines, line, &len, &level)) return lxai_push_nothing(L);
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

xai_limits lxai_check_limits(lua_State *L, int table, const char *where) {
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

int lxai_opt_choice(lua_State *L, int table, const char *where, const char *name, const char *const *list) {
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
  config.max_ready = opt_count32(L, at, "client", "max_ready");
  config.transport = (xai_transport_kind)lxai_opt_choice(L, at, "client", "transport", transports);
  if (lxai_opt_choice(L, at, "client", "clock", clocks) == 1) config.clock.now_ms = manual_now_ms;
  config.require_staple = lxai_opt_bool(L, at, "client", "require_staple");
  if (lxai_opt_choice(L, at, "client", "http", http) == 1) config.http_version = XAI_HTTP_2;
  config.api_key_file = lxai_opt_cstr(L, at, "client", "api_key_file");
  config.key_name = lxai_opt_cstr(L, at, "client", "key_name");
  config.log.level = (xai_log_level)lxai_opt_choice(L, at, "client", "log_level", levels);
  config.limits = lxai_check_limits(L, at, "client");
  lxai_check_rates(L, at, &config);
  lxai_check_budget(L, at, &config);
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
  lxai_client *self = lxai_check_client(L);
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

/* ---- locked ---- */

typedef struct push_work {
  lxai_push_fn *push;
  const void *lent;
} push_work;

/* (context, work) -> what was lent, as Lua values */
static int push_locked(lua_State *L) {
  const push_work *work = lua_touserdata(L, 2);
  return work->push(L, 1, work->lent);
}

int lxai_try_lent(lua_State *L, lxai_client *self, lxai_push_fn *push, const void *lent) {
  push_work work = {push, lent};
  int results = lxai_locked(L, LXAI_HERE, LXAI_CLIENT_PUSH, &self->locked, &work);
  catch_up(self);
  return results;
}

int lxai_push_lent(lua_State *L, lxai_client *self, lxai_push_fn *push, const void *lent) {
  int results = lxai_try_lent(L, self, push, lent);
  return results < 0 ? lua_error(L) : results;
}

/* ---- the type ---- */

static const luaL_Reg client_meta[] = {{"__gc", client_gc}, {"__close", client_close}, {NULL, NULL}};
static const luaL_Reg client_methods[] = {
  {"set_key", client_set_key}, {"log_next", client_log_next}, {"close", client_close}, {NULL, NULL}};
static const luaL_Reg client_functions[] = {{"client", core_client}, {"wait", lxai_wait}, {NULL, NULL}};

static void add_methods(lua_State *L, int ctx, const luaL_Reg *methods) {
  lua_rawgeti(L, ctx, LXAI_CLIENT_MT);
  lua_getfield(L, -1, "__index"); /* mt methods */
  lxai_set_functions(L, ctx, methods);
  lua_pop(L, 2);
}

void lxai_open_client(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_CLIENT_MT, "xai.client", client_meta, client_methods);
  add_methods(L, ctx, lxai_call_methods);
  add_methods(L, ctx, lxai_budget_methods);
  add_methods(L, ctx, lxai_event_methods);
  add_methods(L, ctx, lxai_lot_methods);
  add_methods(L, ctx, lxai_wait_methods);
  add_methods(L, ctx, lxai_wire_methods);
  lxai_open_result(L, ctx);
  lua_pushcfunction(L, push_locked);
  lua_rawseti(L, ctx, LXAI_CLIENT_PUSH);
  lxai_set_functions(L, ctx, client_functions);
}
