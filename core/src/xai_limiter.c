/* xai_limiter.c - the lanes, the lines before them, and whose turn it is.
 * SPDX-License-Identifier: MIT */
#include "xai_limiter.h"

enum { LONGEST_BLOCK_MS = 120000, CROWDED_MS = 1000 };

/* ---- life */

static xai_lane *add_lane(xai_limiter *self, xai_str model) {
  if (self->count == XAI_MOST_LANES) return NULL;
  xai_lane *lane = xai__alloc(&self->mem, sizeof *lane);
  if (lane == NULL) return NULL;
  xai__lane_init(lane, model);
  self->lanes[self->count++] = lane;
  return lane;
}

xai_code xai__limiter_init(xai_limiter *self, const xai_mem *mem, const xai_rate *rates, size_t count,
                           bool learns, uint32_t longest_block_ms) {
  *self = (xai_limiter){.mem = *mem, .learns = learns, .longest_block_ms = longest_block_ms};
  if (longest_block_ms == 0) self->longest_block_ms = LONGEST_BLOCK_MS;
  xai__lane_init(&self->all, xai_str_of(""));
  xai__lane_init(&self->nameless, xai_str_of(""));
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

static void free_lane(xai_limiter *self, xai_lane *lane) {
  xai__free(&self->mem, lane->pool, sizeof *lane->pool);
  xai__free(&self->mem, lane, sizeof *lane);
}

void xai__limiter_deinit(xai_limiter *self) {
  for (size_t i = 0; i < self->count; i++) free_lane(self, self->lanes[i]);
  xai__free(&self->mem, self->all.pool, sizeof *self->all.pool);
  self->all.pool = NULL;
  self->count = 0;
}

/* ---- lanes */

static bool is_idle(const xai_lane *lane) {
  return !lane->is_set && lane->running == 0 && xai__line_count(&lane->line) == 0;
}

static void forget(xai_limiter *self, size_t i) {
  free_lane(self, self->lanes[i]);
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

static size_t find_lane(const xai_limiter *self, xai_str model) {
  size_t i = 0;
  while (i < self->count && !xai__lane_has_name(self->lanes[i], model)) i++;
  return i;
}

xai_code xai__limiter_share(xai_limiter *self, const xai_share *share, const xai_rate *rates, size_t count,
                            xai_error *err) {
  for (size_t i = 0; i < count; i++) {
    xai_str model = xai_str_of(rates[i].model);
    xai_lane *lane = rates[i].model != NULL ? self->lanes[find_lane(self, model)] : &self->all;
    lane->pool = xai__alloc(&self->mem, sizeof *lane->pool);
    if (lane->pool == NULL) return xai__fail(err, XAI_ERR_NOMEM, NULL);
    xai_code code = xai__pool_init(lane->pool, share, model, &rates[i], err);
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
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

static uint64_t later(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* No sooner than this, whatever else happens: those ahead in its line need what all share, too. */
static uint64_t soonest(xai_limiter *self, xai_lane *lane, uint64_t now, uint64_t count, uint64_t tokens) {
  return later(xai__lane_soonest(lane, now, count, tokens),
               xai__lane_soonest(&self->all, now, count, tokens));
}

/* What other clients share in, of the lane and of all, lets it pass, too: this is taken last, right before it goes. */
static bool shared_limits_pass(xai_limiter *self, xai_ticket *ticket, uint64_t now, uint64_t *random) {
  xai_lane *lane = ticket->lane;
  ticket->all = ticket->own;
  if (!xai__lane_prepare_shared(lane, &ticket->own, now, random)) return false;
  if (xai__lane_prepare_shared(&self->all, &ticket->all, now, random) &&
      xai__lane_take_shared(lane, &ticket->own, now) && xai__lane_take_shared(&self->all, &ticket->all, now))
    return true;
  xai__lane_give_shared(lane, &ticket->own, now);
  xai__lane_give_shared(&self->all, &ticket->all, now);
  return false;
}

static void grant(xai_limiter *self, xai_ticket *ticket, uint64_t now, uint64_t *random, bool from_line) {
  xai__lane_book(ticket->lane, &ticket->own, now, from_line, random);
  xai__lane_book(&self->all, &ticket->all, now, from_line && xai__lane_is_limited(&self->all), random);
  ticket->state = TICKET_RUNNING;
}

/* ---- asking */

static uint64_t time_left(const xai_ticket *ticket, uint64_t at) {
  return at < ticket->deadline_at ? ticket->deadline_at - at : 0;
}

/* Let go at that moment, would its deadline come before its answer? It would be sent, billed and given up. Those who
 * had too little time from the start are not held to that: answers differ, and theirs may be a short one. */
static bool is_too_late(const xai_lane *lane, const xai_ticket *ticket, uint64_t at) {
  uint64_t left = time_left(ticket, at);
  return left == 0 || (ticket->is_hurried && left < xai__lane_usual_ms(lane));
}

static bool limits_allow(xai_limiter *self, xai_lane *lane, const xai_ticket *ticket, uint64_t now) {
  return xai__lane_ready_at(lane, now, ticket->own.tokens, false) <= now &&
         xai__lane_ready_at(&self->all, now, ticket->own.tokens, false) <= now;
}

static bool may_go_at_once(xai_limiter *self, xai_lane *lane, xai_ticket *ticket, uint64_t now,
                           uint64_t *random) {
  if (xai__line_count(&lane->line) > 0) return false;
  if (self->waiting > 0 && xai__lane_is_limited(&self->all))
    return false; /* others may wait for what all share */
  return limits_allow(self, lane, ticket, now) && shared_limits_pass(self, ticket, now, random);
}

/* A probe of a shut lane keeps to every limit, as all others do. */
static bool may_probe(xai_limiter *self, xai_lane *lane, xai_ticket *ticket, uint64_t now, uint64_t *random,
                      uint64_t *at) {
  if (now >= lane->shut_until && limits_allow(self, lane, ticket, now) &&
      shared_limits_pass(self, ticket, now, random) && xai__lane_passes_as_probe(lane, now, random))
    return true;
  *at = later(lane->shut_until, soonest(self, lane, now, 1, ticket->own.tokens));
  if (*at <= now) *at = now + CROWDED_MS; /* places are taken, and nobody knows for how long */
  return false;
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
  ticket->own.guess = ticket->is_guess ? ticket->tokens : 0;
  ticket->own.tokens = ticket->is_guess ? xai__lane_expected_tokens(lane, ticket->tokens) : ticket->tokens;
  if (waiter->number == 0) { /* a retry stands where it first stood */
    waiter->number = ++self->numbers;
    waiter->rank = (int64_t)now - (int64_t)ticket->priority * XAI_PRIORITY_MS;
  }
  if (lane->shut_ms > 0) {
    if (!may_probe(self, lane, ticket, now, random, at)) return turned_away(ticket);
    grant(self, ticket, now, random, false);
    return XAI_ADMIT_GO;
  }
  if (may_go_at_once(self, lane, ticket, now, random)) {
    grant(self, ticket, now, random, false);
    return XAI_ADMIT_GO;
  }
  uint64_t ahead = xai__line_before(&lane->line, waiter->rank, waiter->number);
  *at = soonest(self, lane, now, ahead + 1, ticket->own.tokens);
  ticket->is_hurried = time_left(ticket, now) >= xai__lane_usual_ms(lane);
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
  *at = soonest(self, lane, now, 1, first->own.tokens);
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
  if (first->deadline_at <= now) return; /* its own clock ends it in this very turn, and says why */
  t->hopeless = hopeless_one(self, lane, now, &t->at);
  uint64_t ready = xai__lane_ready_at(lane, now, first->own.tokens, true);
  if (ready > now) t->wake_at = ready < t->wake_at ? ready : t->wake_at;
  else if (is_before(first, t->first)) t->first = first;
}

static turn look_at_all(xai_limiter *self, uint64_t now) {
  turn t = {.wake_at = UINT64_MAX};
  look_at_lane(self, &self->nameless, now, &t);
  for (size_t i = 0; i < self->count; i++) look_at_lane(self, self->lanes[i], now, &t);
  return t;
}

xai_ticket *xai__limiter_next(xai_limiter *self, uint64_t now, uint64_t *random, xai_admission *what,
                              uint64_t *at) {
  if (self->waiting == 0 || now < self->wake_at) return NULL;
  for (;;) {
    turn t = look_at_all(self, now);
    if (t.hopeless != NULL) {
      *what = XAI_ADMIT_NEVER;
      *at = t.at;
      xai__limiter_leave(self, t.hopeless);
      return t.hopeless;
    }
    /* What all share is given to the first in any line, or to nobody. */
    uint64_t shared_at = t.first != NULL ? xai__lane_ready_at(&self->all, now, t.first->own.tokens, true) : 0;
    if (t.first == NULL || shared_at > now) {
      self->wake_at = t.first != NULL && shared_at < t.wake_at ? shared_at : t.wake_at;
      return NULL;
    }
    /* Held up by what other clients have used, a lane is not ready any more, or all are not: look again. */
    if (!shared_limits_pass(self, t.first, now, random)) continue;
    *what = XAI_ADMIT_GO;
    leave_line(self, t.first);
    grant(self, t.first, now, random, true);
    return t.first;
  }
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

/* ---- how it went */

void xai__limiter_unshare(xai_ticket *ticket) {
  ticket->own.pool = ticket->all.pool = (xai_pool_booking){0};
}

void xai__limiter_accepted(const xai_ticket *ticket) {
  if (ticket->state == TICKET_RUNNING) xai__lane_accepted(ticket->lane, &ticket->own);
}

void xai__limiter_done(xai_limiter *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report,
                       uint64_t *random) {
  if (ticket->state != TICKET_RUNNING) return;
  xai_lane *lane = ticket->lane;
  ticket->state = TICKET_IDLE;
  ticket->lane = NULL;
  self->wake_at = 0;
  xai__lane_settle(lane, &ticket->own, now, report);
  xai__lane_settle(&self->all, &ticket->all, now, report);
  if (self->learns) xai__lane_learn(lane, &ticket->own, now, report, self->longest_block_ms, random);
}
