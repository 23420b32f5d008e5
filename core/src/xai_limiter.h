/* xai_limiter.h - who may send a request now, who waits in line and who need not wait. No clock, no I/O.
 * SPDX-License-Identifier: MIT
 *
 * Each model has a lane of its own: its limits, what was sent lately, and a line of those who wait. One more
 * lane, `all`, limits everything together. Limits are set by the caller, or learned from answers; each holds in
 * every true span of a second or a minute.
 *
 * The line is first come, first served. A priority is worth time: one step counts as ten seconds of waiting, so
 * that a call of priority 3 passes those of priority 0 that came in the 30 s before it, and nobody else. Hence
 * nobody starves: whoever has waited three minutes longer than another is before it, whatever their priorities.
 */
#ifndef XAI_LIMITER_H
#define XAI_LIMITER_H

#include "xai_lane.h"
#include "xai_spend.h"

#pragma GCC visibility push(hidden)

enum { XAI_MOST_LANES = 64, XAI_PRIORITY_MS = 10000 };

typedef enum xai_ticket_state {
  TICKET_IDLE,    /* the limiter does not know it       */
  TICKET_WAITING, /* in the line of its lane            */
  TICKET_RUNNING  /* let go: an attempt is in flight    */
} xai_ticket_state;

/* One for each call; held by the caller, which never moves it. Starts zeroed but for these: */
typedef struct xai_ticket {
  xai_waiter waiter; /* first, so that the one can be had from the other */
  void *user;
  int priority;         /* -9 .. 9                                              */
  uint64_t tokens;      /* told by the caller, or guessed ...                    */
  bool is_guess;        /* ... then earlier answers of the lane correct it      */
  uint64_t deadline_at; /* UINT64_MAX: none                                     */
  xai_ticket_state state;
  bool is_hurried;        /* let go when it asked, it would have had its answer before the deadline */
  xai_lane *lane;         /* while it waits or runs, else NULL                    */
  xai_booking own;        /* in its lane, and ...                                */
  xai_booking all;        /* ... in the one of all                               */
  uint64_t most_cost;     /* told by the caller, for the budget  */
  xai_spend_booking cost; /* what is held back of it             */
} xai_ticket;

typedef enum xai_admission {
  XAI_ADMIT_GO,   /* start an attempt; done() is owed                                */
  XAI_ADMIT_WAIT, /* in line: next() will name it, or leave()                         */
  XAI_ADMIT_NEVER /* not before the deadline; or nothing is let through at this time  */
} xai_admission;

typedef struct xai_limiter {
  xai_mem mem;
  bool learns;
  uint32_t longest_block_ms; /* a server's wish beyond that blocks nobody else */
  xai_lane all;
  xai_lane nameless; /* calls without a model, and what finds no lane */
  xai_lane *lanes[XAI_MOST_LANES];
  size_t count;
  size_t waiting;
  uint64_t numbers;
  uint64_t wake_at; /* before that next() has nothing to say */
} xai_limiter;

/* `rates` is copied; longest_block_ms 0: two minutes. XAI_ERR_NOMEM: deinit it all the same. */
xai_code xai__limiter_init(xai_limiter *self, const xai_mem *mem, const xai_rate *rates, size_t count,
                           bool learns, uint32_t longest_block_ms);
void xai__limiter_deinit(xai_limiter *self);
/* The rates that it was given hold for all together who name the same file, which outlives it. XAI_ERR_NOMEM and
 * those of xai__pool_init: deinit it all the same. */
xai_code xai__limiter_share(xai_limiter *self, const xai_share *share, const xai_rate *rates, size_t count,
                            xai_error *err);

/* May this call send now? With NEVER `*at` is the earliest moment at which one could. `model` may be empty. */
xai_admission xai__limiter_ask(xai_limiter *self, xai_ticket *ticket, xai_str model, uint64_t now,
                               uint64_t *random, uint64_t *at);
/* The next one in line whose turn it is, with GO or NEVER; NULL: none until `wake_at`. */
xai_ticket *xai__limiter_next(xai_limiter *self, uint64_t now, uint64_t *random, xai_admission *what,
                              uint64_t *at);
/* The first of any line, which leaves it; NULL: nobody waits. */
xai_ticket *xai__limiter_evict(xai_limiter *self);
/* It does not want to wait any more. Nothing if it does not wait. */
void xai__limiter_leave(xai_limiter *self, xai_ticket *ticket);
/* The server has taken the attempt on, long before its answer is over, perhaps. Nothing if none runs. */
void xai__limiter_accepted(const xai_ticket *ticket);
/* The file is no more: nothing of what a running ticket took there is given back. */
void xai__limiter_unshare(xai_ticket *ticket);
/* The attempt is over. Nothing if none runs. */
void xai__limiter_done(xai_limiter *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report,
                       uint64_t *random);
/* Nobody of that model is let go before; 0: no such moment. */
uint64_t xai__limiter_blocked_until(const xai_limiter *self, xai_str model);
/* From 1 on, in the line of its lane; 0: it does not wait. */
size_t xai__limiter_place(const xai_ticket *ticket);

#pragma GCC visibility pop

#endif
