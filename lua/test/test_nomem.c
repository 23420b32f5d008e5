/* test_nomem.c - runs Lua scripts with the 1st, 2nd, 3rd ... allocation of the Lua state failing (F92).
 * SPDX-License-Identifier: MIT
 *
 *   cc $(pkg-config --cflags lua5.4) lua/test/test_nomem.c -o test_nomem $(pkg-config --libs lua5.4)
 *   LUA_CPATH='build/lua5.4/?.so;;' ./test_nomem lua/test/nomem/core.lua ...
 *
 * A script gets `arm` and calls arm(true) before and arm(false) after what is tortured; before that it hands over,
 * by arm(again), a function that must work whatever has failed. At arm(true), or before at arm "fork", it forks
 * for each allocation that shall fail, so what the script prepared costs nothing, and a crash is one failure. The core
 * allocates through the state's allocator too. A single failure Lua survives by collecting and asking again; so
 * failures come one, two, three in a row, and without end. NOMEM_RUNS: of each script and width at most so many,
 * evenly spread; 0: all.
 */
#define _GNU_SOURCE

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GOOD = 0, BAD = 1, HANG_SECONDS = 60 };

/* LuaJIT itself, without any module, loses the array part of a table whose growth meets a lack of memory, and writes
 * past the end of a stack that cannot grow for that reason: so it has room beforehand. */
#ifdef LUA_JITLIBNAME
enum { SLACK = 256, STACK = 1000 };
#else
enum { SLACK = 0, STACK = 0 };
#endif

typedef struct tally {
  long count; /* allocations of the child that ran last */
  bool armed; /* the script came as far as arm(true)    */
} tally;

typedef struct heap {
  bool armed; /* allocations count, and may fail, from here on  */
  long count;
  long fail_at; /* the first to fail, 0: none                     */
  long width;   /* ... and how many in a row                      */
  size_t live;  /* bytes not yet freed                            */
  bool is_child;
  long runs, bad;
  long most;     /* runs for each width, 0: all                    */
  tally *shared; /* with the children                              */
} heap;

static const long widths[] = {1, 2, 3, 1000000000};

static void *heap_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  heap *self = user;
  if (new_size == 0) {
    if (ptr != NULL) self->live -= old_size;
    free(ptr);
    return NULL;
  }
  if (self->armed && (ptr == NULL || new_size > old_size)) {
    self->count++;
    bool fails = self->fail_at != 0 && self->count >= self->fail_at;
    if (fails && self->count - self->fail_at < self->width) return NULL;
  }
  void *fresh = realloc(ptr, new_size);
  if (fresh == NULL) return NULL;
  self->live += new_size;
  if (ptr != NULL) self->live -= old_size;
  return fresh;
}

/* ---- a child for each failure */

/* True in the child. */
static bool run_child(heap *self, long fail_at, long width) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    self->is_child = true;
    self->fail_at = fail_at;
    self->width = width;
    alarm(HANG_SECONDS);
    return true;
  }
  int status = BAD;
  waitpid(child, &status, 0);
  self->runs++;
  if (status != GOOD) self->bad++;
  if (status != GOOD && !WIFEXITED(status))
    printf("allocation %ld, %ld in a row: signal %d\n", fail_at, width, WTERMSIG(status));
  return false;
}

/* True in a child, whose turn it is to go on with the script. */
static bool run_children(heap *self) {
  if (run_child(self, 0, 0)) return true;
  long total = self->shared->count;
  long stride = self->most > 0 && total > self->most ? total / self->most : 1;
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    for (long n = 1 + (long)i % stride; self->bad < 10; n += stride) {
      if (run_child(self, n, widths[i])) return true;
      if (self->shared->count < n) break; /* none was left to fail */
    }
  }
  return false;
}

/* In a child from here on; the parent comes back only when all of them have ended. */
static void become_child(lua_State *L, heap *self) {
  if (self->is_child) return;
  self->shared->armed = true;
  lua_gc(L, LUA_GCCOLLECT, 0);
  if (run_children(self)) return;
  lua_pushliteral(L, "the parent's part is done");
  lua_error(L);
}

/* arm(function): what must work afterwards. arm "fork": what belongs to one process, such as a client, is made
 * after this. arm(true), arm(false): around what is tortured. */
static int arm(lua_State *L) {
  heap *self = lua_touserdata(L, lua_upvalueindex(1));
  if (lua_isfunction(L, 1)) {
    lua_setfield(L, LUA_REGISTRYINDEX, "again");
    return 0;
  }
  self->armed = false;
  if (!lua_toboolean(L, 1)) return 0;
  become_child(L, self);
  /* A finalizer that cannot be called for want of memory is never called again: Lua's own rule, so here the
   * collector runs finalizers only where a script asks for it. */
  lua_gc(L, LUA_GCSTOP, 0);
  luaL_checkstack(L, STACK, "the script");
  self->armed = lua_isboolean(L, 1);
  return 0;
}

/* ---- one run of a script */

/* A string of Lua's, an error object of ours (its kind), or the core's plain one (its code). */
static bool is_memory_error(lua_State *L) {
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "kind");
    lua_getfield(L, -2, "code");
    const char *kind = lua_tostring(L, -2), *code = lua_tostring(L, -1);
    bool is = (kind != NULL && strcmp(kind, "memory") == 0) || (code != NULL && strcmp(code, "nomem") == 0);
    lua_pop(L, 2);
    return is;
  }
  const char *message = lua_tostring(L, -1);
  if (message == NULL) return false;
  /* What luaL_checkstack says when the stack cannot grow, for want of memory too. */
  return strstr(message, "memory") != NULL || strstr(message, "stack overflow (") != NULL;
}

static bool works_again(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "again");
  return lua_pcall(L, 0, 0, 0) == 0;
}

/* The child's way out: what it was told to lose must not have lost anything else. */
static int judge(lua_State *L, heap *self, int status) {
  const char *what = "";
  self->armed = false;
  lua_gc(L, LUA_GCRESTART, 0);
  self->shared->count = self->count;
  bool good = status == 0 || is_memory_error(L);
  if (!good || !works_again(L)) {
    what = lua_tostring(L, -1);
    if (what == NULL && lua_istable(L, -1)) lua_getfield(L, -1, "message"), what = lua_tostring(L, -1);
    printf("allocation %ld, %ld in a row: %s%s\n", self->fail_at, self->width, good ? "afterwards: " : "",
           what ? what : "an error that is no text");
    fflush(stdout);
    return BAD;
  }
  lua_close(L);
  if (self->live <= SLACK) return GOOD;
  printf("allocation %ld, %ld in a row: %zu bytes leak\n", self->fail_at, self->width, self->live);
  fflush(stdout);
  return BAD;
}

/* LuaJIT's compiler does not live through a lack of memory: a few bytes leak, or it crashes. Not ours to test. */
static const char no_compiler[] = "if jit then jit.off() end";

static void run_script(heap *self, const char *script) {
  lua_State *L = lua_newstate(heap_fn, self);
  luaL_openlibs(L);
  if (luaL_dostring(L, no_compiler)) lua_pop(L, 1);
  int status = luaL_loadfile(L, script);
  lua_pushlightuserdata(L, self);
  lua_pushcclosure(L, arm, 1);
  if (status == 0) status = lua_pcall(L, 1, 0, 0);
  if (self->is_child) _exit(judge(L, self, status));
  if (!self->shared->armed) printf("%s: %s\n", script, lua_tostring(L, -1));
  lua_close(L);
}

static bool torture(const char *script, long most) {
  heap self = {.most = most};
  self.shared = mmap(NULL, sizeof *self.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (self.shared == MAP_FAILED) return false;
  *self.shared = (tally){0, false};
  run_script(&self, script);
  bool held = self.shared->armed && self.bad == 0 && self.runs >= 40;
  printf("%-7s %-36s %6ld runs, %ld of them bad\n", held ? "ok" : "FAILED", script, self.runs, self.bad);
  munmap(self.shared, sizeof *self.shared);
  return held;
}

int main(int argc, char **argv) {
  const char *most = getenv("NOMEM_RUNS");
  int held = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < argc; i++) held += torture(argv[i], most != NULL ? atol(most) : 0);
  printf("nomem: %d passed, %d failed\n", held, argc - 1 - held);
  return argc < 2 || held != argc - 1;
}
