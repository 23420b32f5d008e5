/* lxai_rates.c - what Lua says about rate limits: a client's rates and breaker, a call's model and priority.
 * SPDX-License-Identifier: MIT */
#include "lxai.h"

#include <math.h>

/* math.huge is as good as no limit. */
static uint64_t opt_limit(lua_State *L, int table, const char *name, uint64_t most) {
  lxai_get(L, table, name);
  bool huge = lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) >= (lua_Number)most;
  lua_pop(L, 1);
  return huge ? most : lxai_opt_count(L, table, "client", name);
}

static uint32_t opt_limit32(lua_State *L, int table, const char *name) {
  return (uint32_t)opt_limit(L, table, name, UINT32_MAX);
}

/* Fills `rate` from the table on top, whose texts live as long as it. */
static xai_rate check_rate(lua_State *L) {
  xai_rate rate = {0};
  int at = lua_gettop(L);
  if (!lua_istable(L, at)) luaL_error(L, "client: 'rates' must be a list of tables");
  rate.model = lxai_opt_cstr(L, at, "client", "model");
  rate.requests_per_second = opt_limit32(L, at, "requests_per_second");
  rate.requests_per_minute = opt_limit32(L, at, "requests_per_minute");
  rate.tokens_per_minute = opt_limit(L, at, "tokens_per_minute", UINT64_MAX / 8);
  rate.concurrent = opt_limit32(L, at, "concurrent");
  lua_settop(L, at);
  return rate;
}

/* false: none; a table: its thresholds. */
static xai_breaker_options check_breaker(lua_State *L, int table) {
  xai_breaker_options options = {0};
  lxai_get(L, table, "breaker");
  int at = lua_gettop(L);
  if (lua_istable(L, at)) {
    options.min_attempts = opt_limit32(L, at, "attempts");
    options.failed_percent = opt_limit32(L, at, "percent");
    lxai_get(L, at, "window");
    lua_Number window = lua_isnil(L, -1) ? 0 : lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
    if (!(window >= 0 && window <= 1e6)) luaL_error(L, "client: 'window' must be a number of seconds");
    options.window_ms = (uint32_t)ceil(window * 1000);
  } else if (!lua_isnil(L, at)) {
    luaL_checktype(L, at, LUA_TBOOLEAN);
    options.off = !lua_toboolean(L, at);
  }
  lua_settop(L, at);
  return options;
}

void lxai_check_rates(lua_State *L, int table, xai_config *config) {
  config->breaker = check_breaker(L, table);
  config->rates_fixed = lxai_opt_bool(L, table, "client", "rates_fixed");
  config->share = lxai_opt_cstr(L, table, "client", "share");
  lxai_get(L, table, "rates");
  if (lua_isnil(L, -1)) return;
  if (!lua_istable(L, -1)) luaL_error(L, "client: 'rates' must be a list of tables");
  int list = lua_gettop(L);
  size_t count = lua_rawlen(L, list);
  if (count > 1000) luaL_error(L, "client: too many rates");
  xai_rate *rates = lxai_newuserdata(L, (count + 1) * sizeof *rates);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    rates[i] = check_rate(L);
    lua_pop(L, 1); /* the list still holds it */
  }
  config->rates = rates;
  config->rate_count = count;
}

static int opt_priority(lua_State *L, int table) {
  lxai_get(L, table, "priority");
  if (lua_isnil(L, -1)) return 0;
  lua_Number priority = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
  if (!(priority >= -9 && priority <= 9) || priority != floor(priority))
    luaL_error(L, "start: 'priority' must be a whole number from -9 to 9");
  return (int)priority;
}

void lxai_check_schedule(lua_State *L, int table, xai_request *request) {
  request->model = lxai_opt_cstr(L, table, "start", "model");
  request->priority = opt_priority(L, table);
  request->tokens = lxai_opt_count(L, table, "start", "tokens");
  request->most_cost = lxai_opt_count(L, table, "start", "most_cost");
  request->idempotency_key = lxai_opt_cstr(L, table, "start", "idempotency_key");
}
