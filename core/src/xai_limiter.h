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
 *
 * After a 429 the lane waits as long as the server asked (else a second, doubled each time, up to eight), and its
 * rate is halved, at most once for all that was sent before, never below one a second; it grows back slowly. What
 * leaves the line then leaves it one by one, at that rate and jittered, never all at once. Ten such cuts in a row
 * within which nothing was answered, over half a minute at least, shut the lane: calls fail at once, but for a
 * probe every ten seconds to a minute.
 */
#ifndef XAI_LIMITER_H
#define XAI_LIMITER_H

#include "xai_line.h"
#include "xai_rate_hint.h"
#include "xai_window.h"

enum { XAI_MOST_LANES = 64, XAI_MODEL_NAME = 64, XAI_MOST_PRIORITY = 9, XAI_PRIORITY_MS = 10000 };

/* 0: none is known. */
typedef struct xai_caps {
  uint32_t per_second;
  uint32_t per_minute;
  uint64_t tokens; /* a minute */
  uint32_t concurrent;
} xai_caps;

typedef struct xai_lane {
  char model[XAI_MODEL_NAME]; /* cut to fit: names as long as that share a lane                  */
  bool is_set;                /* the caller gave limits for it: never forgotten                  */
  xai_caps set;
  xai_caps learned;
  uint64_t learned_until; /* what no answer repeats is forgotten                                 */
  xai_window second, minute, tokens;
  uint32_t running;
  xai_line line;
  uint64_t blocked_until;
  bool sweep_due;     /* blocked for longer than before: some may wait in vain ...            */
  int64_t sweep_rank; /* ... from here on in the line                                         */
  uint64_t sweep_number;
  uint32_t tokens_a_guess; /* what the answers used, in 256ths of what was guessed; 0: not known  */
  uint32_t cut_to;         /* requests a second after a 429, before it grows again; 0: none        */
  uint32_t cut_from;       /* ... and before it                                                    */
  uint64_t cut_at;         /* the last one; attempts older than that do not cut again              */
  uint32_t strikes;        /* cuts since something was answered                                    */
  uint64_t struck_at;      /* the first of them                                                    */
  uint32_t shut_ms;        /* 0: not shut                                                          */
  uint64_t shut_until;     /* the next probe                                                       */
  uint64_t paced_until;    /* one by one even those who never stood in line                        */
  uint64_t pace_at_us;     /* the next one                                                         */
  uint32_t answer_ms;      /* what an answer takes, on a running average ...                       */
  uint32_t spread_ms;      /* ... and how far they are from it: who is let go too late for it is
                           sent, billed and given up                                            */
  uint64_t used_at;
} xai_lane;

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
  xai_lane *lane;  /* while it waits or runs, else NULL                    */
  uint64_t booked; /* tokens                                               */
  uint64_t granted_at;
  uint64_t gap_us, all_gap_us; /* that it put between itself and the next one          */
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

/* What became of an attempt. */
typedef struct xai_attempt_report {
  xai_attempt_class outcome_class;
  bool too_many;    /* refused because of the rate, or at capacity: a 429       */
  uint32_t wish_ms; /* how long the server wants us to wait; 0: it did not say  */
  bool has_tokens;  /* the usage was seen ...                                   */
  uint64_t tokens;  /* ... and its total                                        */
  xai_rate_hint hint;
} xai_attempt_report;

/* `rates` is copied; longest_block_ms 0: two minutes. XAI_ERR_NOMEM: deinit it all the same. */
xai_code xai__limiter_init(xai_limiter *self, const xai_mem *mem, const xai_rate *rates, size_t count,
                           bool learns, uint32_t longest_block_ms);
void xai__limiter_deinit(xai_limiter *self);

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
/* The attempt is over. Nothing if none runs. */
void xai__limiter_done(xai_limiter *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report,
                       uint64_t *random);
/* Nobody of that model is let go before; 0: no such moment. */
uint64_t xai__limiter_blocked_until(const xai_limiter *self, xai_str model);
/* From 1 on, in the line of its lane; 0: it does not wait. */
size_t xai__limiter_place(const xai_ticket *ticket);

#endif
