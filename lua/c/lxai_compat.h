/* lxai_compat.h - what differs between Lua 5.4, 5.3, 5.1 and LuaJIT 2.1, in one place.
 * SPDX-License-Identifier: MIT */
#ifndef LXAI_COMPAT_H
#define LXAI_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#include <stdint.h>

#pragma GCC visibility push(hidden)

/* Does the host have integers beside floats? */
#define LXAI_HAS_INTEGERS (LUA_VERSION_NUM >= 503)

/* Does the host look for each string that is made, however long, among all there are? Then strings that are nearly alike
 * may cost microseconds each: it hashes a few of their bytes. */
#define LXAI_INTERNS_ALL (LUA_VERSION_NUM == 501)

/* The largest whole number up to which a double misses none. */
#define LXAI_EXACT_MAX 9007199254740992.0

#if LUA_VERSION_NUM == 501

#define lua_rawlen(L, index) lua_objlen(L, index)

static inline int lua_absindex(lua_State *L, int index) {
  return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}

static inline void lua_rawgetp(lua_State *L, int index, const void *key) {
  index = lua_absindex(L, index);
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_rawget(L, index);
}

static inline void lua_rawsetp(lua_State *L, int index, const void *key) {
  index = lua_absindex(L, index);
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_insert(L, -2);
  lua_rawset(L, index);
}

#endif

#if LUA_VERSION_NUM >= 504
#define lxai_newuserdata(L, size) lua_newuserdatauv(L, size, 0)
#define lxai_newkeeper(L, size) lua_newuserdatauv(L, size, 1)
#else
#define lxai_newuserdata(L, size) lua_newuserdata(L, size)
#define lxai_newkeeper(L, size) lua_newuserdata(L, size)
#endif

/* A userdata made by lxai_newkeeper keeps one table alive: set pops it, get pushes it. */
static inline void lxai_set_kept(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 504
  lua_setiuservalue(L, index, 1);
#elif LUA_VERSION_NUM == 503
  lua_setuservalue(L, index);
#else
  lua_setfenv(L, index);
#endif
}

static inline void lxai_get_kept(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 504
  lua_getiuservalue(L, index, 1);
#elif LUA_VERSION_NUM == 503
  lua_getuservalue(L, index);
#else
  lua_getfenv(L, index);
#endif
}

/* A whole number that may be too large for lua_Integer on 5.1. */
static inline void lxai_push_whole(lua_State *L, uint64_t value) {
#if LXAI_HAS_INTEGERS
  lua_pushinteger(L, (lua_Integer)value);
#else
  lua_pushnumber(L, (lua_Number)value);
#endif
}

/* Is the value at `index`, a number, whole and between 0 and 2^53? */
static inline int lxai_to_whole(lua_State *L, int index, uint64_t *out) {
  lua_Number value = lua_tonumber(L, index);
  if (!(value >= 0 && value <= LXAI_EXACT_MAX) || value != (lua_Number)(uint64_t)value) return 0;
  *out = (uint64_t)value;
  return 1;
}

#pragma GCC visibility pop

#endif
