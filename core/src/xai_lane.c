/* xai_lane.c - one model's limits: what holds now, what was sent lately, what answers have taught.
 * SPDX-License-Identifier: MIT */
#include "xai_lane.h"

#include <string.h>

#include "xai_backoff.h"

enum {
  LEARNED_MS = 600000,     /* a learned limit that no answer repeats is forgotten after that   */
  FIRST_PAUSE_MS = 1000,   /* after a 429 that does not say how long, doubled each time ...    */
  LONGEST_PAUSE_MS = 8000, /* ... up to this                                                   */
  PACED_MS = 10000,        /* after a pause: one by one for so long                            */
  PLAIN_GAP_US = 10000,    /* between two of them where no rate is known                       */
  WHOLE_GUESS = 256,
  MOST_A_GUESS = 64 * WHOLE_GUESS,
  SHUT_STRIKES = 10,
  SHUT_AFTER_MS = 30000,
  FIRST_SHUT_MS = 10000,
  LONGEST_SHUT_MS = 60000,
  CROWD_LOOK_MS = 100,        /* for a place that another client may have left, at most so long apart */
  LONGEST_ANSWER_MS = 600000, /* no more is believed of how long answers take */
  GROWTH_PARTS = 16,          /* so much of the rate before the cut comes back each second        */
  FORGET_CUT = 4              /* without a known limit it has grown back at so many times that    */
};

static uint64_t later(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t at_most(uint64_t n, uint64_t limit) {
  return n < limit ? n : limit;
}

/* ---- life */

void xai__lane_init(xai_lane *lane, xai_str model) {
  *lane = (xai_lane){0};
  if (model.len >= sizeof lane->model) model.len = sizeof lane->model - 1;
  if (model.len > 0) memcpy(lane->model, model.ptr, model.len);
  xai__window_init(&lane->second, 1000);
  xai__window_init(&lane->minute, 60000);
  xai__window_init(&lane->tokens, 60000);
}

bool xai__lane_has_name(const xai_lane *lane, xai_str model) {
  size_t len = strlen(lane->model);
  if (model.len > len && len == sizeof lane->model - 1) model.len = len;
  return model.len == len && memcmp(lane->model, model.ptr, len) == 0;
}

/* ---- the limits that hold now */

static xai_caps known_caps(xai_lane *lane, uint64_t now) {
  if (now >= lane->learned_until) lane->learned = (xai_caps){0};
  xai_caps caps = lane->set;
  if (caps.per_second == 0) caps.per_second = lane->learned.per_second;
  if (caps.per_minute == 0) caps.per_minute = lane->learned.per_minute;
  if (caps.tokens == 0) caps.tokens = lane->learned.tokens;
  return caps;
}

/* The rate after a cut, grown by now; 0 when it is whole again, and the cut forgotten. */
static uint32_t cut_rate(xai_lane *lane, uint32_t known, uint64_t now) {
  if (lane->cut_to == 0) return 0;
  uint64_t since = lane->cut_at > lane->blocked_until ? lane->cut_at : lane->blocked_until;
  uint64_t seconds = now > since ? (now - since) / 1000 : 0;
  uint64_t whole = known > 0 ? known : (uint64_t)lane->cut_from * FORGET_CUT;
  uint64_t step = (known > 0 ? known : lane->cut_from) / GROWTH_PARTS + 1;
  uint64_t rate = lane->cut_to + seconds * step;
  if (rate < whole) return (uint32_t)rate;
  if (lane->shut_ms == 0) lane->cut_to = 0;
  return 0;
}

static xai_caps caps_now(xai_lane *lane, uint64_t now) {
  xai_caps caps = known_caps(lane, now);
  uint32_t cut = cut_rate(lane, caps.per_second, now);
  if (cut > 0) caps.per_second = cut;
  return caps;
}

/* When the windows and the block let `count` more requests pass, the last of them with so many tokens. */
static uint64_t free_at(xai_lane *lane, const xai_caps *caps, uint64_t now, uint64_t count, uint64_t tokens) {
  uint64_t at = later(later(now, lane->blocked_until), lane->shared_at);
  if (caps->per_second > 0) at = later(at, xai__window_free_at(&lane->second, now, caps->per_second, count));
  if (caps->per_minute > 0) at = later(at, xai__window_free_at(&lane->minute, now, caps->per_minute, count));
  if (caps->tokens > 0)
    at = later(at, xai__window_free_at(&lane->tokens, now, caps->tokens, at_most(tokens, caps->tokens)));
  return at;
}

uint64_t xai__lane_soonest(xai_lane *lane, uint64_t now, uint64_t count, uint64_t tokens) {
  xai_caps caps = known_caps(lane, now);
  return free_at(lane, &caps, now, count, tokens);
}

static bool is_paced(const xai_lane *lane, uint64_t now) {
  return lane->cut_to > 0 || now < lane->paced_until;
}

uint64_t xai__lane_ready_at(xai_lane *lane, uint64_t now, uint64_t tokens, bool from_line) {
  xai_caps caps = caps_now(lane, now);
  if (caps.concurrent > 0 && lane->running >= caps.concurrent) return UINT64_MAX;
  uint64_t at = later(free_at(lane, &caps, now, 1, tokens), lane->shared_until);
  return from_line || is_paced(lane, now) ? later(at, lane->pace_at_us / 1000) : at;
}

bool xai__lane_is_limited(const xai_lane *lane) {
  return lane->set.per_second > 0 || lane->set.per_minute > 0 || lane->set.tokens > 0 ||
         lane->set.concurrent > 0;
}

/* ---- letting go */

/* Between two that leave the line: on average what the rate asks for. */
static uint64_t gap_us(xai_lane *lane, uint64_t now) {
  xai_caps caps = caps_now(lane, now);
  if (caps.per_second > 0) return 1000000 / caps.per_second;
  if (caps.per_minute > 0) return 60000000 / caps.per_minute;
  return is_paced(lane, now) ? PLAIN_GAP_US : 0;
}

static uint64_t pace(xai_lane *lane, uint64_t now, uint64_t *random) {
  uint64_t gap = gap_us(lane, now);
  if (gap == 0) return 0;
  uint64_t jittered = gap / 2 + ((xai__random(random) * gap) >> 32);
  lane->pace_at_us = later(lane->pace_at_us, now * 1000) + jittered;
  return jittered;
}

/* Whoever was let go and did not go makes room for the next one at once. */
static void step_aside(xai_lane *lane, const xai_booking *booking) {
  lane->pace_at_us -= at_most(booking->gap_us, lane->pace_at_us);
}

void xai__lane_book(xai_lane *lane, xai_booking *booking, uint64_t now, bool from_line, uint64_t *random) {
  booking->at = now;
  booking->gap_us = from_line || is_paced(lane, now) ? pace(lane, now, random) : 0;
  lane->running++;
  xai__window_add(&lane->second, now, 1);
  xai__window_add(&lane->minute, now, 1);
  xai__window_add(&lane->tokens, now, booking->tokens);
}

/* ---- what is shared */

/* The clients that wait for the same do not come back together. Nobody tells when a place is free. */
static void wait_for_shared(xai_lane *lane, const xai_booking *booking, uint64_t now, uint64_t *random) {
  uint64_t at = later(now + 1, xai__pool_free_at(lane->pool, now, booking->tokens));
  uint64_t jitter = lane->pool->is_crowded ? CROWD_LOOK_MS : (at - now) / 8 + 2;
  lane->shared_at = lane->pool->is_crowded ? 0 : at;
  lane->shared_until = at + ((xai__random(random) * jitter) >> 32);
}

bool xai__lane_prepare_shared(xai_lane *lane, xai_booking *booking, uint64_t now, uint64_t *random) {
  if (lane->pool == NULL) return true;
  if (xai__pool_prepare(lane->pool, &booking->pool, now, booking->tokens, random)) return true;
  wait_for_shared(lane, booking, now, random);
  return false;
}

bool xai__lane_take_shared(xai_lane *lane, xai_booking *booking, uint64_t now) {
  if (lane->pool == NULL || xai__pool_take(lane->pool, &booking->pool, now, booking->tokens)) return true;
  lane->shared_until = now + 1;
  return false;
}

/* It may be enough for somebody who waits. */
static void ask_shared_again(xai_lane *lane) {
  lane->shared_at = lane->shared_until = 0;
}

void xai__lane_give_shared(xai_lane *lane, xai_booking *booking, uint64_t now) {
  if (lane->pool != NULL) xai__pool_settle(lane->pool, &booking->pool, now, 0, false);
}

/* ---- a shut lane */

static uint64_t jittered_span(uint64_t ms, uint64_t *random) {
  return ms - ms / 4 + ((xai__random(random) * (ms / 2)) >> 32); /* three to five fourths */
}

/* Nothing passes but a probe now and then; the next one must wait. */
bool xai__lane_passes_as_probe(xai_lane *lane, uint64_t now, uint64_t *random) {
  if (now < lane->shut_until) return false;
  lane->shut_until = now + jittered_span(lane->shut_ms, random);
  return true;
}

/* ---- tokens */

/* Guesses go by bytes; what those of this model come to is an average in which the last answers weigh most. */
static void learn_to_guess(xai_lane *lane, const xai_booking *booking, const xai_attempt_report *report) {
  if (booking->guess == 0 || !report->has_tokens || report->outcome_class != XAI_ATTEMPT_ANSWERED) return;
  uint64_t used = at_most(report->tokens, UINT32_MAX) * WHOLE_GUESS / (booking->guess + 1);
  used = later(1, at_most(used, MOST_A_GUESS));
  uint64_t before = lane->tokens_a_guess;
  lane->tokens_a_guess = (uint32_t)(before == 0 ? used : (before * 7 + used + 4) / 8);
}

uint64_t xai__lane_expected_tokens(const xai_lane *lane, uint64_t guess) {
  if (lane->tokens_a_guess == 0 || guess > UINT32_MAX) return guess;
  return later(1, guess * lane->tokens_a_guess / WHOLE_GUESS);
}

void xai__lane_settle(xai_lane *lane, xai_booking *booking, uint64_t now, const xai_attempt_report *report) {
  bool nothing = report->outcome_class == XAI_ATTEMPT_NOT_SENT;
  bool free = nothing || (report->outcome_class == XAI_ATTEMPT_REFUSED && !report->has_tokens);
  uint64_t tokens = free ? 0 : report->has_tokens ? report->tokens : booking->tokens;
  lane->running--;
  learn_to_guess(lane, booking, report);
  xai__window_correct(&lane->tokens, now, booking->at, booking->tokens, tokens);
  if (lane->pool != NULL) xai__pool_settle(lane->pool, &booking->pool, now, tokens, !nothing);
  ask_shared_again(lane);
  if (!nothing) return;
  xai__window_correct(&lane->second, now, booking->at, 1, 0);
  xai__window_correct(&lane->minute, now, booking->at, 1, 0);
  if (booking->at == now) step_aside(lane, booking);
}

/* ---- what answers teach */

/* As TCP reckons its round trips: Jacobson, "Congestion Avoidance and Control", 1988, appendix A. */
static void learn_duration(xai_lane *lane, uint64_t took) {
  int64_t ms = (int64_t)at_most(took, LONGEST_ANSWER_MS), off = ms - lane->answer_ms;
  if (lane->answer_ms == 0) lane->answer_ms = (uint32_t)ms;
  else lane->answer_ms = (uint32_t)(lane->answer_ms + off / 8);
  lane->spread_ms = (uint32_t)(lane->spread_ms + ((off < 0 ? -off : off) - lane->spread_ms) / 4);
}

uint64_t xai__lane_usual_ms(const xai_lane *lane) {
  return (uint64_t)lane->answer_ms + 2 * (uint64_t)lane->spread_ms;
}

static void learn_limits(xai_lane *lane, const xai_rate_hint *hint, uint64_t now) {
  if (hint->per_second == 0 && hint->per_minute == 0 && hint->tokens == 0) return;
  known_caps(lane, now); /* forgets what is old */
  if (hint->per_second > 0) lane->learned.per_second = hint->per_second;
  if (hint->per_minute > 0) lane->learned.per_minute = hint->per_minute;
  if (hint->tokens > 0) lane->learned.tokens = hint->tokens;
  lane->learned_until = now + LEARNED_MS;
}

static void block(xai_lane *lane, uint64_t until) {
  if (until <= lane->blocked_until) return;
  lane->blocked_until = until;
  lane->paced_until = until + PACED_MS;
  lane->sweep_due = true;
  lane->sweep_rank = INT64_MIN;
  lane->sweep_number = 0;
}

static void shut(xai_lane *lane, uint64_t now, uint64_t *random) {
  uint32_t ms =
    lane->shut_ms == 0 ? FIRST_SHUT_MS : (uint32_t)at_most((uint64_t)lane->shut_ms * 2, LONGEST_SHUT_MS);
  lane->shut_ms = ms;
  lane->shut_until = now + jittered_span(ms, random);
}

/* What the lane sent in the last second, or on average in the last minute if that is more. */
static uint32_t rate_of_late(xai_lane *lane, uint64_t now) {
  uint64_t second = xai__window_used(&lane->second, now);
  uint64_t minute = (xai__window_used(&lane->minute, now) + 59) / 60;
  return (uint32_t)at_most(later(1, later(second, minute)), UINT32_MAX);
}

static void cut(xai_lane *lane, uint64_t now, uint64_t *random) {
  xai_caps caps = caps_now(lane, now);
  uint32_t from = rate_of_late(lane, now);
  if (caps.per_second > 0 && caps.per_second < from) from = caps.per_second;
  lane->cut_from = from;
  lane->cut_to = from > 1 ? from / 2 : 1;
  lane->cut_at = now;
  if (lane->strikes++ == 0) lane->struck_at = now;
  /* Whatever is still in flight may have been accepted, and the answer take its time. */
  bool nothing_passes = lane->strikes >= SHUT_STRIKES && lane->running == 0;
  if (nothing_passes && now - lane->struck_at >= SHUT_AFTER_MS) shut(lane, now, random);
}

/* Refused for the rate. Without a word on how long, the pause doubles with each strike. */
static void refused(xai_lane *lane, const xai_booking *booking, uint64_t now,
                    const xai_attempt_report *report, uint32_t longest_block_ms, uint64_t *random) {
  bool old = lane->cut_to > 0 && booking->at <= lane->cut_at;
  if (!old) cut(lane, now, random);
  if (report->wish_ms > 0 && report->wish_ms <= longest_block_ms) {
    block(lane, now + report->wish_ms);
  } else if (!old) {
    uint32_t doubled = lane->strikes > 4 ? 3 : lane->strikes - 1;
    uint64_t pause = at_most((uint64_t)FIRST_PAUSE_MS << doubled, LONGEST_PAUSE_MS);
    block(lane, now + pause / 2 + ((xai__random(random) * (pause / 2)) >> 32));
  }
}

/* Without a word on when, the limit tells: as long as it takes until one more is allowed, were they given evenly. */
static uint64_t until_some_are_left(const xai_rate_hint *hint) {
  if (hint->reset_ms > 0) return hint->reset_ms;
  return hint->per_minute > 0 ? at_most(60000 / hint->per_minute + 1, FIRST_PAUSE_MS) : FIRST_PAUSE_MS;
}

void xai__lane_accepted(xai_lane *lane, const xai_booking *booking) {
  if (booking->at < lane->cut_at) return; /* of before: the rate was another one */
  lane->strikes = 0;
  lane->shut_ms = 0;
}

void xai__lane_learn(xai_lane *lane, const xai_booking *booking, uint64_t now,
                     const xai_attempt_report *report, uint32_t longest_block_ms, uint64_t *random) {
  learn_limits(lane, &report->hint, now);
  if (report->outcome_class == XAI_ATTEMPT_ANSWERED) learn_duration(lane, now - booking->at);
  if (report->too_many) refused(lane, booking, now, report, longest_block_ms, random);
  if (report->outcome_class != XAI_ATTEMPT_ANSWERED) return;
  xai__lane_accepted(lane, booking);
  if (!report->hint.none_left) return;
  block(lane, now + at_most(until_some_are_left(&report->hint), longest_block_ms));
}
