/* xai_limiter.c - lanes, their windows and lines: grants, corrections, and what 429s teach.
 * SPDX-License-Identifier: MIT */
#include "xai_limiter.h"

#include <string.h>

#include "xai_backoff.h"

enum {
  LEARNED_MS = 600000, /* a learned limit that no answer repeats is forgotten after that   */
  LONGEST_BLOCK_MS = 120000,
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
  LONGEST_ANSWER_MS = 600000, /* no more is believed of how long answers take                     */
  GROWTH_PARTS = 16,          /* so much of the rate before the cut comes back each second        */
  FORGET_CUT = 4              /* without a known limit it has grown back at so many times that    */
};

/* ---- life */

static void lane_init(xai_lane *lane, xai_str model) {
  *lane = (xai_lane){0};
  if (model.len >= sizeof lane->model) model.len = sizeof lane->model - 1;
  if (model.len > 0) memcpy(lane->model, model.ptr, model.len);
  xai__window_init(&lane->second, 1000);
  xai__window_init(&lane->minute, 60000);
  xai__window_init(&lane->tokens, 60000);
}

static xai_lane *add_lane(xai_limiter *self, xai_str model) {
  if (self->count == XAI_MOST_LANES) return NULL;
  xai_lane *lane = xai__alloc(&self->mem, sizeof *lane);
  if (lane == NULL) return NULL;
  lane_init(lane, model);
  self->lanes[self->count++] = lane;
  return lane;
}

xai_code xai__limiter_init(xai_limiter *self, const xai_mem *mem, const xai_rate *rates, size_t count,
                           bool learns, uint32_t longest_block_ms) {
  *self = (xai_limiter){.mem = *mem, .learns = learns, .longest_block_ms = longest_block_ms};
  if (longest_block_ms == 0) self->longest_block_ms = LONGEST_BLOCK_MS;
  lane_init(&self->all, xai_str_of(""));
  lane_init(&self->nameless, xai_str_of(""));
  for (size_t i = 0; i < count; i++) {
    const xai_rate *rate = &rates[i];
    xai_lane *lane = rate->model != NULL ? add_lane(self, xai_str_of(rate->model)) : &self->all;
    if (lane == NULL) return XAI_ERR_NOMEM;
    lane->is_set = true;
    lane->set = (xai_caps){rate->requests_per_second, rate->requests_per_minute, rate->tokens_per_minute,
                           rate->concurrent};
  }
  return XAI_OK;
}

void xai__limiter_deinit(xai_limiter *self) {
  for (size_t i = 0; i < self->count; i++) xai__free(&self->mem, self->lanes[i], sizeof *self->lanes[i]);
  self->count = 0;
}

/* ---- lanes */

static bool is_idle(const xai_lane *lane) {
  return !lane->is_set && lane->running == 0 && xai__line_count(&lane->line) == 0;
}

static void forget(xai_limiter *self, size_t i) {
  xai__free(&self->mem, self->lanes[i], sizeof *self->lanes[i]);
  self->lanes[i] = self->lanes[--self->count];
}

/* Room for another lane in place of the one that was idle longest; what was learned for it goes. */
static void make_room(xai_limiter *self) {
  size_t oldest = self->count;
  for (size_t i = 0; i < self->count; i++) {
    if (!is_idle(self->lanes[i])) continue;
    if (oldest == self->count || self->lanes[i]->used_at < self->lanes[oldest]->used_at) oldest = i;
  }
  if (oldest < self->count) forget(self, oldest);
}

static bool has_name(const xai_lane *lane, xai_str model) {
  size_t len = strlen(lane->model);
  if (model.len > len && len == sizeof lane->model - 1) model.len = len;
  return model.len == len && memcmp(lane->model, model.ptr, len) == 0;
}

static size_t find_lane(const xai_limiter *self, xai_str model) {
  size_t i = 0;
  while (i < self->count && !has_name(self->lanes[i], model)) i++;
  return i;
}

/* The one used last stands first, so that a client of one model finds it at once. */
static xai_lane *lane_of(xai_limiter *self, xai_str model, uint64_t now) {
  if (model.len == 0) return &self->nameless;
  size_t i = find_lane(self, model);
  if (i < self->count) {
    xai_lane *found = self->lanes[i];
    self->lanes[i] = self->lanes[0];
    self->lanes[0] = found;
    found->used_at = now;
    return found;
  }
  if (self->count == XAI_MOST_LANES) make_room(self);
  xai_lane *lane = add_lane(self, model);
  if (lane == NULL) return &self->nameless;
  lane->used_at = now;
  return lane;
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

static uint64_t later(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t at_most(uint64_t n, uint64_t limit) {
  return n < limit ? n : limit;
}

/* When the windows and the block let `count` more requests pass, the last of them with so many tokens. */
static uint64_t free_at(xai_lane *lane, const xai_caps *caps, uint64_t now, uint64_t count, uint64_t tokens) {
  uint64_t at = later(now, lane->blocked_until);
  if (caps->per_second > 0) at = later(at, xai__window_free_at(&lane->second, now, caps->per_second, count));
  if (caps->per_minute > 0) at = later(at, xai__window_free_at(&lane->minute, now, caps->per_minute, count));
  if (caps->tokens > 0)
    at = later(at, xai__window_free_at(&lane->tokens, now, caps->tokens, at_most(tokens, caps->tokens)));
  return at;
}

/* No sooner than this, whatever else happens: for those who cannot wait for ever. A cut may grow, and whoever
 * runs may stop, so neither counts. */
static uint64_t soonest(xai_limiter *self, xai_lane *lane, uint64_t now, uint64_t count, uint64_t tokens) {
  xai_caps own = known_caps(lane, now), all = known_caps(&self->all, now);
  uint64_t at = free_at(lane, &own, now, count, tokens);
  return later(at, free_at(&self->all, &all, now, 1, tokens));
}

static bool is_paced(const xai_lane *lane, uint64_t now) {
  return lane->cut_to > 0 || now < lane->paced_until;
}

static uint64_t ready_at(xai_lane *lane, uint64_t now, uint64_t tokens, bool from_line) {
  xai_caps caps = caps_now(lane, now);
  if (caps.concurrent > 0 && lane->running >= caps.concurrent) return UINT64_MAX;
  uint64_t at = free_at(lane, &caps, now, 1, tokens);
  return from_line || is_paced(lane, now) ? later(at, lane->pace_at_us / 1000) : at;
}

static bool has_caps(const xai_lane *lane) {
  return lane->set.per_second > 0 || lane->set.per_minute > 0 || lane->set.tokens > 0 ||
         lane->set.concurrent > 0;
}

/* ---- granting */

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
static void step_aside(xai_lane *lane, uint64_t gap) {
  lane->pace_at_us -= at_most(gap, lane->pace_at_us);
}

static void book(xai_lane *lane, const xai_ticket *ticket, uint64_t now) {
  lane->running++;
  xai__window_add(&lane->second, now, 1);
  xai__window_add(&lane->minute, now, 1);
  xai__window_add(&lane->tokens, now, ticket->booked);
}

static void grant(xai_limiter *self, xai_ticket *ticket, uint64_t now, uint64_t *random, bool from_line) {
  bool paced = from_line || is_paced(ticket->lane, now);
  ticket->gap_us = paced ? pace(ticket->lane, now, random) : 0;
  ticket->all_gap_us = from_line && has_caps(&self->all) ? pace(&self->all, now, random) : 0;
  book(ticket->lane, ticket, now);
  book(&self->all, ticket, now);
  ticket->granted_at = now;
  ticket->state = TICKET_RUNNING;
}

/* ---- a shut lane */

static uint64_t jittered_span(uint64_t ms, uint64_t *random) {
  return ms - ms / 4 + ((xai__random(random) * (ms / 2)) >> 32); /* three to five fourths */
}

/* Nothing passes but a probe now and then; the next one must wait. */
static bool passes_as_probe(xai_lane *lane, uint64_t now, uint64_t *random) {
  if (now < lane->shut_until) return false;
  lane->shut_until = now + jittered_span(lane->shut_ms, random);
  return true;
}

/* ---- asking */

/* Let go at that moment, would its deadline come before its answer? */
static bool is_too_late(const xai_lane *lane, const xai_ticket *ticket, uint64_t at) {
  return at >= ticket->deadline_at ||
         ticket->deadline_at - at < (uint64_t)lane->answer_ms + 2 * (uint64_t)lane->spread_ms;
}

static uint64_t expected_tokens(const xai_lane *lane, const xai_ticket *ticket) {
  if (!ticket->is_guess || lane->tokens_a_guess == 0 || ticket->tokens > UINT32_MAX) return ticket->tokens;
  uint64_t tokens = ticket->tokens * lane->tokens_a_guess / WHOLE_GUESS;
  return tokens > 0 ? tokens : 1;
}

static bool may_go_at_once(xai_limiter *self, xai_lane *lane, const xai_ticket *ticket, uint64_t now) {
  if (xai__line_count(&lane->line) > 0) return false;
  if (self->waiting > 0 && has_caps(&self->all)) return false; /* others may wait for what all share */
  return ready_at(lane, now, ticket->booked, false) <= now &&
         ready_at(&self->all, now, ticket->booked, false) <= now;
}

static void join(xai_limiter *self, xai_ticket *ticket) {
  xai__line_join(&ticket->lane->line, &ticket->waiter);
  ticket->state = TICKET_WAITING;
  self->waiting++;
  self->wake_at = 0;
}

static xai_admission turned_away(xai_ticket *ticket) {
  ticket->lane = NULL;
  return XAI_ADMIT_NEVER;
}

xai_admission xai__limiter_ask(xai_limiter *self, xai_ticket *ticket, xai_str model, uint64_t now,
                               uint64_t *random, uint64_t *at) {
  xai_lane *lane = lane_of(self, model, now);
  xai_waiter *waiter = &ticket->waiter;
  ticket->lane = lane;
  ticket->booked = expected_tokens(lane, ticket);
  if (waiter->number == 0) { /* a retry stands where it first stood */
    waiter->number = ++self->numbers;
    waiter->rank = (int64_t)now - (int64_t)ticket->priority * XAI_PRIORITY_MS;
  }
  if (lane->shut_ms > 0) {
    *at = lane->shut_until;
    if (!passes_as_probe(lane, now, random)) return turned_away(ticket);
    grant(self, ticket, now, random, false);
    return XAI_ADMIT_GO;
  }
  if (may_go_at_once(self, lane, ticket, now)) {
    grant(self, ticket, now, random, false);
    return XAI_ADMIT_GO;
  }
  uint64_t ahead = xai__line_before(&lane->line, waiter->rank, waiter->number);
  *at = soonest(self, lane, now, ahead + 1, ticket->booked);
  if (is_too_late(lane, ticket, *at)) return turned_away(ticket);
  join(self, ticket);
  return XAI_ADMIT_WAIT;
}

static void leave_line(xai_limiter *self, xai_ticket *ticket) {
  xai__line_leave(&ticket->lane->line, &ticket->waiter);
  ticket->state = TICKET_IDLE;
  self->waiting--;
  self->wake_at = 0;
}

void xai__limiter_leave(xai_limiter *self, xai_ticket *ticket) {
  if (ticket->state != TICKET_WAITING) return;
  leave_line(self, ticket);
  ticket->lane = NULL;
}

/* ---- whose turn it is */

static xai_ticket *first_of(const xai_lane *lane) {
  return (xai_ticket *)xai__line_first(&lane->line);
}

/* One who would wait in vain: the lane is blocked beyond its deadline, or shut. */
static xai_ticket *hopeless_one(xai_limiter *self, xai_lane *lane, uint64_t now, uint64_t *at) {
  xai_ticket *first = first_of(lane);
  *at = lane->shut_until;
  if (lane->shut_ms > 0) return first;
  *at = soonest(self, lane, now, 1, first->booked);
  if (is_too_late(lane, first, *at)) return first;
  *at = lane->blocked_until;
  if (!lane->sweep_due) return NULL;
  xai_waiter *w = xai__line_from(&lane->line, lane->sweep_rank, lane->sweep_number);
  for (; w != NULL; w = xai__line_next(w)) {
    lane->sweep_rank = w->rank;
    lane->sweep_number = w->number;
    if (((xai_ticket *)w)->deadline_at <= lane->blocked_until) return (xai_ticket *)w;
  }
  lane->sweep_due = false;
  return NULL;
}

static bool is_before(const xai_ticket *a, const xai_ticket *b) {
  if (b == NULL) return true;
  return a->waiter.rank < b->waiter.rank ||
         (a->waiter.rank == b->waiter.rank && a->waiter.number < b->waiter.number);
}

typedef struct turn {
  xai_ticket *first;    /* of those whose lanes are ready     */
  xai_ticket *hopeless; /* this one first                     */
  uint64_t at;          /* ... could have gone then           */
  uint64_t wake_at;
} turn;

static void look_at_lane(xai_limiter *self, xai_lane *lane, uint64_t now, turn *t) {
  xai_ticket *first = first_of(lane);
  if (first == NULL || t->hopeless != NULL) return;
  t->hopeless = hopeless_one(self, lane, now, &t->at);
  uint64_t ready = ready_at(lane, now, first->booked, true);
  if (ready > now) t->wake_at = ready < t->wake_at ? ready : t->wake_at;
  else if (is_before(first, t->first)) t->first = first;
}

xai_ticket *xai__limiter_next(xai_limiter *self, uint64_t now, uint64_t *random, xai_admission *what,
                              uint64_t *at) {
  if (self->waiting == 0 || now < self->wake_at) return NULL;
  turn t = {.wake_at = UINT64_MAX};
  look_at_lane(self, &self->nameless, now, &t);
  for (size_t i = 0; i < self->count; i++) look_at_lane(self, self->lanes[i], now, &t);
  if (t.hopeless != NULL) {
    *what = XAI_ADMIT_NEVER;
    *at = t.at;
    xai__limiter_leave(self, t.hopeless);
    return t.hopeless;
  }
  /* What all share is given to the first in any line, or to nobody. */
  uint64_t shared_at = t.first != NULL ? ready_at(&self->all, now, t.first->booked, true) : 0;
  if (t.first == NULL || shared_at > now) {
    self->wake_at = t.first != NULL && shared_at < t.wake_at ? shared_at : t.wake_at;
    return NULL;
  }
  *what = XAI_ADMIT_GO;
  leave_line(self, t.first);
  grant(self, t.first, now, random, true);
  return t.first;
}

xai_ticket *xai__limiter_evict(xai_limiter *self) {
  if (self->waiting == 0) return NULL;
  xai_ticket *first = first_of(&self->nameless);
  for (size_t i = 0; i < self->count && first == NULL; i++) first = first_of(self->lanes[i]);
  xai__limiter_leave(self, first);
  return first;
}

uint64_t xai__limiter_blocked_until(const xai_limiter *self, xai_str model) {
  size_t i = model.len > 0 ? find_lane(self, model) : self->count;
  const xai_lane *lane = i < self->count ? self->lanes[i] : &self->nameless;
  return lane->shut_ms > 0 ? lane->shut_until : lane->blocked_until;
}

size_t xai__limiter_place(const xai_ticket *ticket) {
  return ticket->state == TICKET_WAITING ? xai__line_ahead(&ticket->waiter) + 1 : 0;
}

/* ---- what answers teach */

static void learn(xai_lane *lane, const xai_rate_hint *hint, uint64_t now) {
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
  if (lane->strikes >= SHUT_STRIKES && now - lane->struck_at >= SHUT_AFTER_MS) shut(lane, now, random);
}

/* Refused for the rate. Without a word on how long, the pause doubles with each strike. */
static void refused(xai_limiter *self, xai_lane *lane, const xai_ticket *ticket, uint64_t now,
                    const xai_attempt_report *report, uint64_t *random) {
  bool old = lane->cut_to > 0 && ticket->granted_at <= lane->cut_at;
  if (!old) cut(lane, now, random);
  if (report->wish_ms > 0 && report->wish_ms <= self->longest_block_ms) {
    block(lane, now + report->wish_ms);
  } else if (!old) {
    uint32_t doubled = lane->strikes > 4 ? 3 : lane->strikes - 1;
    uint64_t pause = at_most((uint64_t)FIRST_PAUSE_MS << doubled, LONGEST_PAUSE_MS);
    block(lane, now + pause / 2 + ((xai__random(random) * (pause / 2)) >> 32));
  }
}

/* As TCP reckons its round trips: Jacobson, "Congestion Avoidance and Control", 1988, appendix A. */
static void learn_duration(xai_lane *lane, uint64_t took) {
  int64_t ms = (int64_t)at_most(took, LONGEST_ANSWER_MS), off = ms - lane->answer_ms;
  if (lane->answer_ms == 0) lane->answer_ms = (uint32_t)ms;
  else lane->answer_ms = (uint32_t)(lane->answer_ms + off / 8);
  lane->spread_ms = (uint32_t)(lane->spread_ms + ((off < 0 ? -off : off) - lane->spread_ms) / 4);
}

/* An answer. One to an attempt from after the last cut says that the rate is bearable again. */
static void answered(xai_limiter *self, xai_lane *lane, const xai_ticket *ticket, uint64_t now,
                     const xai_attempt_report *report) {
  learn_duration(lane, now - ticket->granted_at);
  if (ticket->granted_at >= lane->cut_at) lane->strikes = 0, lane->shut_ms = 0;
  if (!report->hint.none_left || !self->learns) return;
  uint32_t wait_ms = report->hint.reset_ms > 0 ? report->hint.reset_ms : FIRST_PAUSE_MS;
  block(lane, now + at_most(wait_ms, self->longest_block_ms));
}

static void settle(xai_lane *lane, const xai_ticket *ticket, uint64_t now, const xai_attempt_report *report) {
  bool nothing = report->outcome_class == XAI_ATTEMPT_NOT_SENT;
  bool free = nothing || (report->outcome_class == XAI_ATTEMPT_REFUSED && !report->has_tokens);
  uint64_t tokens = free ? 0 : report->has_tokens ? report->tokens : ticket->booked;
  lane->running--;
  xai__window_correct(&lane->tokens, now, ticket->granted_at, ticket->booked, tokens);
  if (!nothing) return;
  xai__window_correct(&lane->second, now, ticket->granted_at, 1, 0);
  xai__window_correct(&lane->minute, now, ticket->granted_at, 1, 0);
}

/* Guesses go by bytes; what those of this model come to is an average in which the last answers weigh most. */
static void learn_to_guess(xai_lane *lane, const xai_ticket *ticket, const xai_attempt_report *report) {
  if (!ticket->is_guess || !report->has_tokens || report->outcome_class != XAI_ATTEMPT_ANSWERED) return;
  uint64_t used = at_most(report->tokens, UINT32_MAX) * WHOLE_GUESS / (ticket->tokens + 1);
  used = later(1, at_most(used, MOST_A_GUESS));
  uint64_t before = lane->tokens_a_guess;
  lane->tokens_a_guess = (uint32_t)(before == 0 ? used : (before * 7 + used + 4) / 8);
}

void xai__limiter_done(xai_limiter *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report,
                       uint64_t *random) {
  if (ticket->state != TICKET_RUNNING) return;
  xai_lane *lane = ticket->lane;
  ticket->state = TICKET_IDLE;
  ticket->lane = NULL;
  self->wake_at = 0;
  learn_to_guess(lane, ticket, report);
  settle(lane, ticket, now, report);
  settle(&self->all, ticket, now, report);
  if (report->outcome_class == XAI_ATTEMPT_NOT_SENT && ticket->granted_at == now) {
    step_aside(lane, ticket->gap_us);
    step_aside(&self->all, ticket->all_gap_us);
  }
  if (self->learns) learn(lane, &report->hint, now);
  if (report->too_many && self->learns) refused(self, lane, ticket, now, report, random);
  else if (report->outcome_class == XAI_ATTEMPT_ANSWERED) answered(self, lane, ticket, now, report);
}
