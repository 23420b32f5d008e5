/* lxai_wait.c - moving a client's bytes and waiting for more, its clock, and waiting for several at once.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "lxai_client.h"

#include <limits.h>
#include <math.h>
#include <poll.h>
#include <time.h>

#define BLIND_MS 10 /* between steps of a client that moves bytes but has no descriptor */

/* ---- the turn of the crank ---- */

static uint32_t check_wait(lua_State *L, int index) {
  lua_Number seconds = luaL_optnumber(L, index, 0);
  if (!(seconds >= 0)) luaL_argerror(L, index, "seconds to wait, 0 or more");
  return seconds >= 1e6 ? 1000000000u : (uint32_t)ceil(seconds * 1000);
}

/* handle:step([wait_seconds]) -> true | nil, err. On a manual clock it never waits: time stands still. */
static int client_step(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  uint32_t wait_ms = check_wait(L, 2);
  xai_code code = XAI_OK;
  if (!self->owes) code = xai_client_step(self->client, self->manual ? 0 : wait_ms);
  if (code == XAI_ERR_STATE) return luaL_error(L, "the client belongs to the process that forked this one");
  if (code != XAI_OK) return lxai_fail_nomem(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int client_pending(lua_State *L) {
  const lxai_client *self = lxai_check_open(L);
  size_t ends = self->owes && self->event.type == XAI_EVENT_END;
  lxai_push_whole(L, xai_client_pending(self->client) + ends);
  return 1;
}

static int client_fd(lua_State *L) {
  lua_pushinteger(L, xai_client_fd(lxai_check_open(L)->client));
  return 1;
}

static int client_timeout(lua_State *L) {
  lxai_client *self = lxai_check_open(L);
  int64_t ms = self->owes ? 0 : xai_client_timeout(self->client);
  if (ms < 0) return lxai_push_nothing(L);
  lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

static int client_now(lua_State *L) {
  lxai_client *self = lxai_check_open(L);
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
  lxai_client *self = lxai_check_open(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  if (!self->manual) return luaL_error(L, "advance: only with clock = \"manual\"");
  if (!(seconds >= 0 && seconds <= 1e12)) return luaL_argerror(L, 2, "seconds, 0 or more");
  self->now_ms += (uint64_t)floor(seconds * 1000 + 0.5);
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
  sooner(w, self->manual || self->owes ? 0 : xai_client_timeout(self->client));
  int fd = xai_client_fd(self->client);
  if (fd >= 0) w->set[w->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
  else if (!self->blind) sooner(w, BLIND_MS);
}

/* core.wait({handle...} [, timeout]) -> true when one of them wants a step, false when the time passed. A
 * client with a manual clock is not waited for: its time stands still. */
int lxai_wait(lua_State *L) {
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

const luaL_Reg lxai_wait_methods[] = {
  {"step", client_step}, {"pending", client_pending}, {"fd", client_fd}, {"timeout", client_timeout},
  {"now", client_now},   {"advance", client_advance}, {NULL, NULL}};
