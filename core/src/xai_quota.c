/* xai_quota.c - the arithmetic of a shared limit: moments in 2^-20 ms, one compare-and-exchange for each change.
 * SPDX-License-Identifier: MIT */
#include "xai_quota.h"

enum { UNIT_BITS = 20, COUNT_BITS = 26, DEBT_SPANS = 2, BELIEVED_SPANS = 3 };

static const uint64_t latest = (UINT64_C(1) << 43) - 1; /* moment that fits, in ms: of some 280 years */

static uint64_t units(uint64_t ms) {
  return (ms < latest ? ms : latest) << UNIT_BITS;
}

static uint64_t parts(const xai_quota *self, uint64_t count) {
  return (count >> self->shift) + ((count & ((UINT64_C(1) << self->shift) - 1)) != 0);
}

/* What the passing of so many moves the moment by, rounded up. */
static uint64_t cost(const xai_quota *self, uint64_t count) {
  uint64_t most = self->limit > UINT64_MAX / 2 ? self->limit : 2 * self->limit;
  uint64_t n = parts(self, count < most ? count : most);
  return (n * units(self->span_ms) + self->rate - 1) / self->rate;
}

void xai__quota_init(xai_quota *self, xai_counter *counter, uint64_t limit, uint32_t span_ms,
                     unsigned burst_part) {
  *self = (xai_quota){.counter = limit > 0 ? counter : NULL, .limit = limit, .span_ms = span_ms};
  if (limit == 0) return;
  while (limit >> self->shift >= UINT64_C(1) << COUNT_BITS) self->shift++;
  uint64_t whole = limit >> self->shift, burst = 1 + whole / burst_part;
  self->rate = whole - burst + 1;
  self->slack = burst * units(span_ms) / self->rate;
}

/* The moment as it stands. One that is too far ahead is of a clock that began anew with the machine, or was never
 * one: it counts as now. */
static uint64_t believed(const xai_quota *self, uint64_t moment, uint64_t now) {
  return moment > units(now) + BELIEVED_SPANS * units(self->span_ms) ? units(now) : moment;
}

/* When so many can pass, in units; 0: at any time. Nothing has ever passed while the moment is 0. */
static uint64_t due(const xai_quota *self, uint64_t moment, uint64_t count) {
  uint64_t end = moment + cost(self, count < self->limit ? count : self->limit);
  return moment == 0 || end <= self->slack ? 0 : end - self->slack;
}

uint64_t xai__quota_free_at(const xai_quota *self, uint64_t now, uint64_t count) {
  if (self->counter == NULL) return now;
  uint64_t at = due(self, believed(self, atomic_load(&self->counter->value), now), count);
  return at <= units(now) ? now : (at >> UNIT_BITS) + ((at & ((UINT64_C(1) << UNIT_BITS) - 1)) != 0);
}

/* ---- taking */

static void raise_to(_Atomic uint64_t *number, uint64_t least) {
  uint64_t seen = atomic_load(number);
  while (seen < least && !atomic_compare_exchange_weak(number, &seen, least)) continue;
}

bool xai__quota_take(const xai_quota *self, xai_quota_booking *booking, uint64_t now, uint64_t count) {
  *booking = (xai_quota_booking){.count = count};
  if (self->counter == NULL) return true;
  if (count > self->limit) booking->count = count = self->limit;
  xai_counter *counter = self->counter;
  uint64_t seen = atomic_load(&counter->value), next;
  do {
    uint64_t moment = believed(self, seen, now);
    if (due(self, moment, count) > units(now)) return false;
    if (moment <= units(now)) raise_to(&counter->done, atomic_load(&counter->claimed)); /* see below */
    booking->given = atomic_load(&counter->done);
    next = (moment > units(now) ? moment : units(now)) + cost(self, count);
  } while (!atomic_compare_exchange_weak(&counter->value, &seen, next));
  booking->end = next;
  return true;
}

/* ---- giving back
 *
 * Each booking has a stretch of its own on the line of moments, up to its end. What of it lies ahead can be taken out:
 * all that were booked later then move towards now, and to them it is as if less had been booked. What lies behind
 * cannot, for it may be that those later ones would have passed by themselves then; moving them would let two pass in
 * the time of one. So one must know how far an end has moved since: at most by all that was claimed (told before the
 * moment moves) less what was done (told after it) when it was booked. Who dies in between leaves a claim that is never
 * done, and later ones get less back, until the line is empty: then there is nothing to give back, and all counts as
 * done. */

static uint64_t claim(xai_counter *counter, const xai_quota_booking *booking, uint64_t now, uint64_t less) {
  uint64_t claimed = atomic_load(&counter->claimed), part;
  do {
    uint64_t end = booking->end, moved = claimed - booking->given;
    part = moved < end && end - moved > units(now) ? end - moved - units(now) : 0;
    if (part > less) part = less;
    if (part == 0) return 0;
  } while (!atomic_compare_exchange_weak(&counter->claimed, &claimed, claimed + part));
  return part;
}

static void give_back(xai_counter *counter, uint64_t part) {
  uint64_t seen = atomic_load(&counter->value);
  while (seen > part && !atomic_compare_exchange_weak(&counter->value, &seen, seen - part)) continue;
  atomic_fetch_add(&counter->done, part);
}

/* What nobody expected is a debt, which ends after so long: the server forgets, too. */
static void take_more(const xai_quota *self, uint64_t now, uint64_t count) {
  uint64_t seen = atomic_load(&self->counter->value), next;
  do {
    uint64_t moment = believed(self, seen, now), most = units(now) + DEBT_SPANS * units(self->span_ms);
    next = (moment > units(now) ? moment : units(now)) + cost(self, count);
    if (next > most) next = moment > most ? moment : most;
  } while (!atomic_compare_exchange_weak(&self->counter->value, &seen, next));
}

void xai__quota_correct(const xai_quota *self, const xai_quota_booking *booking, uint64_t now,
                        uint64_t count) {
  if (self->counter == NULL || count == booking->count) return;
  if (count > booking->count) {
    take_more(self, now, count - booking->count);
    return;
  }
  uint64_t less = cost(self, booking->count) - cost(self, count);
  uint64_t part = claim(self->counter, booking, now, less);
  if (part > 0) give_back(self->counter, part);
}
