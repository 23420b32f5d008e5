/* test_nomem.c - runs nomem.lua with the 1st, 2nd, 3rd ... allocation of the Lua state failing: nothing may leak.
 * SPDX-License-Identifier: MIT
 *
 *   cc $(pkg-config --cflags lua5.4) lua/test/test_nomem.c -o test_nomem $(pkg-config --libs lua5.4)
 *   LUA_CPATH='build/lua5.4/?.so' ./test_nomem lua/test/nomem.lua
 *
 * The core allocates through the state's allocator too, so one count covers both. A single failure Lua survives
 * by collecting and asking again; so failures come one, two, three in a row, and without end.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct heap {
  bool armed; /* allocations count, and may fail, from here on  */
  long count;
  long fail_at; /* the first to fail ...                          */
  long width;   /* ... and how many in a row                      */
  size_t live;  /* bytes not yet freed                            */
} heap;

static void *heap_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  heap *self = user;
  if (new_size == 0) {
    if (ptr != NULL) self->live -= old_size;
    free(ptr);
    return NULL;
  }
  if (self->armed && (ptr == NULL || new_size > old_size)) {
    self->count++;
    if (self->count >= self->fail_at && self->count - self->fail_at < self->width) return NULL;
  }
  void *fresh = realloc(ptr, new_size);
  if (fresh == NULL) return NULL;
  self->live += new_size;
  if (ptr != NULL) self->live -= old_size;
  return fresh;
}

/* arm(on): for the script, around what is tested. */
static int arm(lua_State *L) {
  heap *self = lua_touserdata(L, lua_upvalueindex(1));
  self->armed = lua_toboolean(L, 1);
  return 0;
}

static bool is_memory_error(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  return message != NULL && strstr(message, "memory") != NULL;
}

/* After any failure the module must still work. */
static const char still_works[] = "local core = package.loaded['xai.core']\n"
                                  "assert(core.encode(core.decode '{\"a\":[1]}') == '{\"a\":[1]}')";

static bool run_script(lua_State *L, heap *self, const char *script) {
  luaL_openlibs(L);
  lua_pushlightuserdata(L, self);
  lua_pushcclosure(L, arm, 1);
  lua_setglobal(L, "arm");
  int status = luaL_loadfile(L, script);
  if (status == 0) status = lua_pcall(L, 0, 0, 0);
  self->armed = false;
  bool good = status == 0 || is_memory_error(L);
  if (good && luaL_dostring(L, still_works)) good = false;
  if (!good) printf("allocation %ld, %ld in a row: %s\n", self->fail_at, self->width, lua_tostring(L, -1));
  return good;
}

/* 1: go on, 0: no allocation was left to fail, -1: wrong. */
static int run_once(const char *script, long fail_at, long width) {
  heap self = {.fail_at = fail_at, .width = width};
  lua_State *L = lua_newstate(heap_fn, &self);
  if (L == NULL) return -1;
  bool good = run_script(L, &self, script);
  lua_close(L);
  if (self.live != 0) printf("allocation %ld, %ld in a row: %zu bytes leak\n", fail_at, width, self.live);
  if (!good || self.live != 0) return -1;
  return self.count >= fail_at;
}

int main(int argc, char **argv) {
  static const long widths[] = {1, 2, 3, 1000000000};
  if (argc != 2) return 2;
  long runs = 0, bad = 0;
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    int more = 1;
    for (long n = 1; more != 0 && bad < 10; n++) {
      more = run_once(argv[1], n, widths[i]);
      if (more < 0) bad++;
      runs++;
    }
  }
  bool held = bad == 0 && runs >= 1000;
  printf("nomem: %ld runs with failing allocations, %ld of them bad\n", runs, bad);
  printf("nomem: %d passed, %d failed\n", held, !held);
  return !held;
}
