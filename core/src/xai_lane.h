/* xai_lane.h - one model's limits: what holds now, what was sent lately, what answers have taught. No clock, no I/O.
 * SPDX-License-Identifier: MIT
 *
 * After a 429 the lane waits as long as the server asked (else a second, doubled each time, up to eight), and its
 * rate is halved, at most once for all that was sent before, never below one a second; it grows back slowly. What
 * leaves the line then leaves it one by one, at that rate and jittered, never all at once. Ten such cuts in a row,
 * over half a minute at least, in which nothing was taken on, and nothing is in flight that may have been, shut the
 * lane: calls fail at once, but for a probe every ten seconds to a minute.
 */
#ifndef XAI_LANE_H
#define XAI_LANE_H

#include "xai_line.h"
#include "xai_pool.h"
#include "xai_rate_hint.h"
#include "xai_window.h"

#pragma GCC visibility push(hidden)

enum { XAI_MODEL_NAME = 64 };

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
  uint32_t spread_ms;      /* ... and how far they are from it                                     */
  uint64_t used_at;
  xai_pool *pool;        /* what it shares with other clients; NULL: nothing                 */
  uint64_t shared_at;    /* nothing passes there before ...                                  */
  uint64_t shared_until; /* ... and is not asked for again before, by chance a little later  */
} xai_lane;

/* An attempt in the books of a lane. */
typedef struct xai_booking {
  uint64_t tokens;
  uint64_t guess;  /* of which they were made; 0: the caller told them           */
  uint64_t at;     /* when it was let go                                         */
  uint64_t gap_us; /* that it put between itself and the next one                */
  xai_pool_booking pool;
} xai_booking;

/* What became of an attempt. */
typedef struct xai_attempt_report {
  xai_attempt_class outcome_class;
  bool too_many;    /* refused because of the rate, or at capacity: a 429       */
  uint32_t wish_ms; /* how long the server wants us to wait; 0: it did not say  */
  bool has_tokens;  /* the usage was seen ...                                   */
  uint64_t tokens;  /* ... and its total                                        */
  bool has_cost;    /* it says what it cost, ...                                */
  uint64_t cost;    /* ... in ticks                                             */
  bool is_whole;    /* the answer came to its end, so its usage is the last     */
  bool may_bill;    /* a refusal for which there may be a fee                   */
  xai_rate_hint hint;
} xai_attempt_report;

void xai__lane_init(xai_lane *lane, xai_str model);
bool xai__lane_has_name(const xai_lane *lane, xai_str model);
bool xai__lane_is_limited(const xai_lane *lane); /* by the caller */

/* What a guess comes to with this model. */
uint64_t xai__lane_expected_tokens(const xai_lane *lane, uint64_t guess);
/* How long an answer takes, with hardly an exception; 0: not known. */
uint64_t xai__lane_usual_ms(const xai_lane *lane);
/* When one more may go, by all that holds now; UINT64_MAX: when another one has ended. `from_line`: it has waited,
 * and so have others. */
uint64_t xai__lane_ready_at(xai_lane *lane, uint64_t now, uint64_t tokens, bool from_line);
/* The `count`th from now can go no sooner than this, whatever happens: a cut may grow and whoever runs may stop, so
 * neither counts. */
uint64_t xai__lane_soonest(xai_lane *lane, uint64_t now, uint64_t count, uint64_t tokens);
/* The lane is shut: may this one pass all the same? The next one must wait. */
bool xai__lane_passes_as_probe(xai_lane *lane, uint64_t now, uint64_t *random);

/* Does what it shares with other clients let one pass with the booking's tokens? Then take() or give() follows; else the
 * lane is not ready until it may. */
bool xai__lane_prepare_shared(xai_lane *lane, xai_booking *booking, uint64_t now, uint64_t *random);
/* It is taken, and goes or is given back; or (false) somebody else was quicker. */
bool xai__lane_take_shared(xai_lane *lane, xai_booking *booking, uint64_t now);
void xai__lane_give_shared(xai_lane *lane, xai_booking *booking, uint64_t now);
/* One goes; its `tokens` and `guess` are set. */
void xai__lane_book(xai_lane *lane, xai_booking *booking, uint64_t now, bool from_line, uint64_t *random);
/* It is over: its place is free and its tokens are known. */
void xai__lane_settle(xai_lane *lane, xai_booking *booking, uint64_t now, const xai_attempt_report *report);
/* What its answer says about the limits and the rate. Longer wishes than longest_block_ms block nobody. */
void xai__lane_learn(xai_lane *lane, const xai_booking *booking, uint64_t now,
                     const xai_attempt_report *report, uint32_t longest_block_ms, uint64_t *random);
/* The server takes requests at this rate. */
void xai__lane_accepted(xai_lane *lane, const xai_booking *booking);

#pragma GCC visibility pop

#endif
