/* lxai_budget.c - a client's budget for Lua: what it is made of, how it stands, what a call came to.
 * SPDX-License-Identifier: MIT */
#include "lxai_client.h"

void lxai_check_budget(lua_State *L, int table, xai_config *config) {
  static const char *const units[] = {"ticks", "tokens", NULL};            /* as xai_budget_unit   */
  static const char *const periods[] = {"for good", "day", "month", NULL}; /* as xai_budget_period */
  lxai_get(L, table, "budget");
  if (lua_isnil(L, -1)) return;
  if (!lua_istable(L, -1)) luaL_error(L, "client: 'budget' must be a table");
  int at = lua_gettop(L);
  config->budget.limit = lxai_opt_count(L, at, "budget", "limit");
  config->budget.unit = (xai_budget_unit)lxai_opt_choice(L, at, "budget", "unit", units);
  config->budget.every = (xai_budget_period)lxai_opt_choice(L, at, "budget", "every", periods);
  config->budget.file = lxai_opt_cstr(L, at, "budget", "file");
  config->budget.name = lxai_opt_cstr(L, at, "budget", "name");
}

static void set_amount(lua_State *L, const char *name, uint64_t amount) {
  lxai_push_whole(L, amount);
  lua_setfield(L, -2, name);
}

static int fail_file(lua_State *L) {
  xai_error err;
  lxai_error_set(&err, XAI_ERR_FILE, XAI_KIND_FILE,
                 "%s: the budget's was removed, cut short, or is full; a new client makes another",
                 xai_code_text(XAI_ERR_FILE));
  return lxai_fail(L, &err);
}

/* handle:budget() -> { limit, spent, left, reserved, unit [, resets_at] } | nil (there is none) | nil, err */
static int client_budget(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_budget_state state;
  xai_code code = xai_client_budget(self->client, &state);
  if (code == XAI_ERR_FILE) return fail_file(L);
  if (code != XAI_OK) return lxai_push_nothing(L);
  lua_createtable(L, 0, 6);
  set_amount(L, "limit", state.limit);
  set_amount(L, "spent", state.spent);
  set_amount(L, "left", state.left);
  set_amount(L, "reserved", state.reserved);
  if (state.resets_at_s > 0) set_amount(L, "resets_at", (uint64_t)state.resets_at_s);
  lua_pushstring(L, state.unit == XAI_BUDGET_TOKENS ? "tokens" : "ticks");
  lua_setfield(L, -2, "unit");
  return 1;
}

/* handle:settle(id, cost) -> was something unsettled? After the call's end and before anything else. */
static int client_settle(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_call_id call = lxai_to_call(L, 2);
  uint64_t cost;
  if (!lxai_to_whole(L, 3, &cost)) return luaL_argerror(L, 3, "a whole number, 0 or more");
  lua_pushboolean(L, xai_call_settle(self->client, call, cost) == XAI_OK);
  return 1;
}

const luaL_Reg lxai_budget_methods[] = {{"budget", client_budget}, {"settle", client_settle}, {NULL, NULL}};
