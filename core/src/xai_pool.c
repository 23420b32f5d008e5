/* xai_pool.c - takes what an attempt needs of shared limits, all of it or nothing, and gives back what it did not use.
 * SPDX-License-Identifier: MIT */
#include "xai_pool.h"

#include "xai_backoff.h"

/* What may come at once: of tokens more, for one call takes many of them. */
enum { SECOND_MS = 1000, MINUTE_MS = 60000, REQUESTS_BURST = 10, TOKENS_BURST = 4 };

static xai_code fail_full(xai_error *err) {
  return xai__fail(err, XAI_ERR_FILE, "the shared file is full: %d counters are in it", XAI_SHARE_COUNTERS);
}

/* ---- life */

static bool add_quota(const xai_pool *self, xai_quota *quota, const char *kind, xai_str model, uint64_t limit,
                      uint32_t span_ms, unsigned burst_part) {
  xai_counter *counter = limit > 0 ? xai__share_counter(self->share, kind, model) : NULL;
  xai__quota_init(quota, counter, limit, span_ms, burst_part);
  return limit == 0 || counter != NULL;
}

static xai_code add_places(xai_pool *self, xai_str model, uint32_t count, xai_error *err) {
  if (count == 0) return XAI_OK;
  if (count > XAI_SHARE_PLACES)
    return xai__fail(err, XAI_ERR_ARG, "at most %d attempts at once can be shared", XAI_SHARE_PLACES);
  if (!xai__share_has_places(self->share))
    return xai__fail(err, XAI_ERR_FILE, "this system has no locks to share a limit of attempts at once by");
  self->place_count = count;
  self->places = xai__share_counter(self->share, "concurrent", model);
  return self->places != NULL ? XAI_OK : fail_full(err);
}

xai_code xai__pool_init(xai_pool *self, const xai_share *share, xai_str model, const xai_rate *rate,
                        xai_error *err) {
  *self = (xai_pool){.share = share};
  bool fits =
    add_quota(self, &self->second, "second", model, rate->requests_per_second, SECOND_MS, REQUESTS_BURST) &&
    add_quota(self, &self->minute, "minute", model, rate->requests_per_minute, MINUTE_MS, REQUESTS_BURST) &&
    add_quota(self, &self->tokens, "tokens", model, rate->tokens_per_minute, MINUTE_MS, TOKENS_BURST);
  return fits ? add_places(self, model, rate->concurrent, err) : fail_full(err);
}

/* ---- places */

static bool is_held(const xai_pool *self, uint32_t place) {
  return self->held[place / 64] >> place % 64 & 1;
}

/* From a place by chance on, so that not all ask for the same one first. From 1 on; 0: none is free. */
static uint32_t take_place(xai_pool *self, uint64_t *random) {
  uint32_t first = (uint32_t)(((uint64_t)xai__random(random) * self->place_count) >> 32);
  for (uint32_t i = 0; i < self->place_count; i++) {
    uint32_t place = (first + i) % self->place_count;
    if (is_held(self, place) || !xai__share_lock(self->share, self->places, place)) continue;
    self->held[place / 64] |= UINT64_C(1) << place % 64;
    return place + 1;
  }
  return 0;
}

static void leave_place(xai_pool *self, uint32_t place) {
  if (place == 0) return;
  self->held[(place - 1) / 64] &= ~(UINT64_C(1) << (place - 1) % 64);
  xai__share_unlock(self->share, self->places, place - 1);
}

/* ---- passing */

static uint64_t later(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

uint64_t xai__pool_free_at(const xai_pool *self, uint64_t now, uint64_t tokens) {
  uint64_t at = xai__quota_free_at(&self->second, now, 1);
  at = later(at, xai__quota_free_at(&self->minute, now, 1));
  return later(at, xai__quota_free_at(&self->tokens, now, tokens));
}

/* Somebody else may be quicker between any two of them: then what was taken goes back. */
static bool take_quotas(const xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens) {
  if (!xai__quota_take(&self->second, &booking->second, now, 1)) return false;
  if (xai__quota_take(&self->minute, &booking->minute, now, 1)) {
    if (xai__quota_take(&self->tokens, &booking->tokens, now, tokens)) return true;
    xai__quota_correct(&self->minute, &booking->minute, now, 0);
  }
  xai__quota_correct(&self->second, &booking->second, now, 0);
  return false;
}

bool xai__pool_prepare(xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens,
                       uint64_t *random) {
  *booking = (xai_pool_booking){0};
  self->is_crowded = false;
  if (xai__pool_free_at(self, now, tokens) > now) return false;
  if (self->places == NULL) return true;
  booking->place = take_place(self, random);
  self->is_crowded = booking->place == 0;
  return !self->is_crowded;
}

bool xai__pool_take(xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens) {
  booking->is_taken = take_quotas(self, booking, now, tokens);
  if (booking->is_taken) return true;
  leave_place(self, booking->place);
  *booking = (xai_pool_booking){0};
  return false;
}

void xai__pool_settle(xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens,
                      bool is_sent) {
  leave_place(self, booking->place);
  booking->place = 0;
  if (!booking->is_taken) return;
  xai__quota_correct(&self->tokens, &booking->tokens, now, is_sent ? tokens : 0);
  if (!is_sent) {
    xai__quota_correct(&self->second, &booking->second, now, 0);
    xai__quota_correct(&self->minute, &booking->minute, now, 0);
  }
  *booking = (xai_pool_booking){0};
}
