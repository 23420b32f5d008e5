/* lxai_client.h - what the files that bind a client share: the handle, its lock, the limits in a table.
 * SPDX-License-Identifier: MIT
 *
 * lxai_client.c makes and closes it; lxai_call.c starts and stops calls; lxai_wait.c turns the crank; lxai_event.c hands
 * out what came, lxai_lot.c many events at once, with lxai_result.c for how a call ended; lxai_wire.c plays the network.
 *
 * What the core lends is good until the next call into the same client, and any push may run a finalizer that
 * makes one. So the pieces of a stream are copied first, and everything larger is pushed with the client
 * locked: then a cancel or close from a finalizer is remembered and done afterwards, the rest is refused.
 */
#ifndef LXAI_CLIENT_H
#define LXAI_CLIENT_H

#include "lxai.h"
#include "lxai_lines.h"

#pragma GCC visibility push(hidden)

typedef struct lxai_client {
  xai_client *client; /* NULL once closed                                  */
  xai_mem mem;
  bool blind;        /* there is no network of ours to watch              */
  bool manual;       /* the clock moves by advance() alone                */
  uint64_t now_ms;   /* of the manual clock                               */
  int64_t wall_s;    /* ... and what time of day it was at 0              */
  bool locked;       /* what it lent is being pushed                      */
  bool close_later;  /* asked for while locked                            */
  bool owes;         /* `event` was taken from the core and not given yet */
  xai_event event;   /* lent until the core's next step or next          */
  uint32_t *cancels; /* likewise; calls to cancel                         */
  size_t cancel_count;
  size_t cancel_room;
  lxai_lines lines; /* of the log, not yet taken                        */
} lxai_client;

/* ---- the handle at index 1: raises unless it is one ---- */

lxai_client *lxai_check_handle(lua_State *L);
lxai_client *lxai_check_open(lua_State *L);
/* For everything that may end what the client has lent: raises while it is locked, too. */
lxai_client *lxai_check_client(lua_State *L);

/* Cancels a call, and drops what was taken of its events and not given yet, but for its end. */
void lxai_cancel(lxai_client *self, xai_call_id call);

/* ---- arguments ---- */

/* A call's id from the stack; whatever cannot be one is taken as stale. */
xai_call_id lxai_to_call(lua_State *L, int index);
/* The field `limits` of a table. Leaves what it looked at on the stack, none of which is lent. */
xai_limits lxai_check_limits(lua_State *L, int table, const char *where);
/* A field that is one of a list's words: its place there; 0 when absent. */
int lxai_opt_choice(lua_State *L, int table, const char *where, const char *name, const char *const *list);

/* ---- results ---- */

int lxai_push_nothing(lua_State *L);
void lxai_set_str(lua_State *L, const char *name, xai_str text);
void lxai_push_attempt(lua_State *L, const xai_attempt *attempt);
/* Pushes how the call ended whose END `client` has just given: a table with `outcome`, `response`, `error`, `body`,
 * `unsettled` and, if a stream was asked for, `text`, where there are such, which looks like one with all else that is
 * known, too. */
void lxai_push_result(lua_State *L, int ctx, const xai_client *client, const xai_event *event);
void lxai_open_result(lua_State *L, int ctx);
/* Pushes a response; raises when it cannot. */
void lxai_push_whole_response(lua_State *L, int ctx, const xai_json *response);

/* ---- events ---- */

const char *lxai_event_word(xai_event_type type);
/* Is it part of what the API said? */
bool lxai_is_piece(const xai_event *event);
xai_str lxai_or_empty(xai_str text);
/* Pushes what next() gives after the word of the client's event, which is no piece; returns how many values. */
int lxai_push_turn(lua_State *L, int ctx, const lxai_client *self);

/* Pushes what was lent with the client locked; returns how many values. What was asked for meanwhile is done before an
 * error is raised on, too. */
typedef int lxai_push_fn(lua_State *L, int ctx, const void *lent);
int lxai_push_lent(lua_State *L, lxai_client *self, lxai_push_fn *push, const void *lent);
/* The same, but an error is left on the stack: -1. */
int lxai_try_lent(lua_State *L, lxai_client *self, lxai_push_fn *push, const void *lent);

/* ---- what a host feeds ---- */

typedef struct lxai_fed {
  xai_host_wish wish;
  size_t next; /* the place of the first byte not taken, from 1 */
} lxai_fed;

/* Feeds an exchange; from `at` on stand its id, the bytes and, if not all, the place of the first. */
lxai_fed lxai_feed(lua_State *L, lxai_client *self, int at);
/* Pushes what host_feed gives: three values. */
int lxai_push_fed(lua_State *L, const lxai_client *self, lxai_fed fed);

/* ---- the methods, by file ---- */

extern const luaL_Reg lxai_call_methods[], lxai_event_methods[], lxai_wait_methods[], lxai_wire_methods[];
extern const luaL_Reg lxai_lot_methods[];
extern const luaL_Reg lxai_budget_methods[];

/* core.wait */
int lxai_wait(lua_State *L);

#pragma GCC visibility pop

#endif
