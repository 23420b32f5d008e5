/* lxai_terminal.c - what a command-line program needs to know of its process: Ctrl-C, closed pipes, terminals.
 * SPDX-License-Identifier: MIT
 *
 * Signals belong to the process, so this file holds the module's only static state. Nothing happens until a
 * program asks for it; a library or a server never should.
 */
#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <unistd.h>

#include "lxai.h"

typedef struct handling {
  struct sigaction before;
  bool installed;
} handling;

static volatile sig_atomic_t interrupted;
static handling interrupts, pipes;

static void on_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

/* Handle a signal so from now on, or give the old handling back. */
static void handle(handling *self, int signal_number, void (*handler)(int), bool on) {
  if (on == self->installed) return;
  if (on) {
    struct sigaction action = {.sa_handler = handler}; /* no SA_RESTART: a blocked read must return */
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, &self->before);
  } else {
    sigaction(signal_number, &self->before, NULL);
  }
  self->installed = on;
}

/* core.sigint(on): from now on SIGINT only sets a flag; false gives the old handling back. */
static int core_sigint(lua_State *L) {
  handle(&interrupts, SIGINT, on_interrupt, lua_toboolean(L, 1));
  return 0;
}

/* core.sigint_seen() -> was there a SIGINT since the last question? */
static int core_sigint_seen(lua_State *L) {
  lua_pushboolean(L, interrupted);
  interrupted = 0;
  return 1;
}

/* core.sigpipe(on): writing to a closed pipe is an error of the write, not the program's death. */
static int core_sigpipe(lua_State *L) {
  handle(&pipes, SIGPIPE, SIG_IGN, lua_toboolean(L, 1));
  return 0;
}

/* core.isatty(descriptor) -> is it a terminal? */
static int core_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

void lxai_open_terminal(lua_State *L, int ctx) {
  static const luaL_Reg functions[] = {{"sigint", core_sigint},
                                       {"sigint_seen", core_sigint_seen},
                                       {"sigpipe", core_sigpipe},
                                       {"isatty", core_isatty},
                                       {NULL, NULL}};
  lxai_set_functions(L, ctx, functions);
}
