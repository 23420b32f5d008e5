/* xai_breaker.c - counts how attempts end, and decides whether the next one may be sent.
 * SPDX-License-Identifier: MIT */
#include "xai_breaker.h"

#include "xai_backoff.h"

enum {
  MIN_ATTEMPTS = 30,
  FAILED_PERCENT = 95,
  WINDOW_MS = 5000,
  PROBE_MS = 900, /* between probes, give or take a fourth                                  */
  RAMP_MS = 2000,
  RAMP_FAILURES = 5 /* so many in the ramp, and half of what ended there, open it again        */
};

static void enter(xai_breaker *self, breaker_state next, uint64_t now) {
  self->state = next;
  self->since = now;
  self->bad_since = UINT64_MAX;
  xai__window_init(&self->ended, self->ended.span_ms);
  xai__window_init(&self->failed, self->failed.span_ms);
}

bool xai__breaker_init(xai_breaker *self, const xai_breaker_options *options) {
  uint32_t window_ms = options->window_ms > 0 ? options->window_ms : WINDOW_MS;
  *self =
    (xai_breaker){.off = options->off,
                  .min_attempts = options->min_attempts > 0 ? options->min_attempts : MIN_ATTEMPTS,
                  .failed_percent = options->failed_percent > 0 ? options->failed_percent : FAILED_PERCENT,
                  .sustained_ms = window_ms / 2};
  xai__window_init(&self->ended, window_ms);
  xai__window_init(&self->failed, window_ms);
  self->bad_since = UINT64_MAX;
  return self->failed_percent <= 100 && window_ms >= 100;
}

/* ---- passing */

/* 2^32 times the part of all attempts that pass. */
static uint64_t ramp_share(const xai_breaker *self, uint64_t now) {
  uint64_t in = now - self->since, tenth = ((uint64_t)1 << 32) / 10;
  return in >= RAMP_MS ? (uint64_t)1 << 32 : tenth + 9 * tenth * in / RAMP_MS;
}

/* When most of those who come then will pass: never so that all who are told come at once. */
static uint32_t advice(const xai_breaker *self, uint64_t now) {
  uint64_t probe = self->state == BREAKER_OPEN && self->probe_at > now ? self->probe_at - now : 0;
  return (uint32_t)probe + RAMP_MS;
}

bool xai__breaker_blocks(const xai_breaker *self, uint64_t now, uint32_t *retry_ms) {
  if (self->state != BREAKER_OPEN || now >= self->probe_at) return false;
  *retry_ms = advice(self, now);
  return true;
}

static void plan_probe(xai_breaker *self, uint64_t now, uint64_t *random) {
  self->probe_at = now + PROBE_MS - PROBE_MS / 4 + (((uint64_t)xai__random(random) * (PROBE_MS / 2)) >> 32);
}

bool xai__breaker_pass(xai_breaker *self, uint64_t now, uint64_t *random, uint32_t *retry_ms) {
  if (self->state == BREAKER_CLOSED) return true;
  if (xai__breaker_blocks(self, now, retry_ms)) return false;
  if (self->state == BREAKER_OPEN) {
    plan_probe(self, now, random);
    return true;
  }
  uint64_t share = ramp_share(self, now);
  if (share >> 32 != 0) enter(self, BREAKER_CLOSED, now);
  else if (xai__random(random) >= share) {
    *retry_ms = advice(self, now);
    return false;
  }
  return true;
}

/* ---- what became of them */

static bool mostly_failed(const xai_breaker *self, uint64_t ended, uint64_t failed) {
  return failed > 0 && failed * 100 >= ended * self->failed_percent;
}

static void judge_closed(xai_breaker *self, uint64_t now, uint64_t *random) {
  uint64_t ended = xai__window_used(&self->ended, now), failed = xai__window_used(&self->failed, now);
  if (!mostly_failed(self, ended, failed)) {
    self->bad_since = UINT64_MAX;
    return;
  }
  if (self->bad_since == UINT64_MAX) self->bad_since = now;
  if (ended < self->min_attempts || now - self->bad_since < self->sustained_ms) return;
  enter(self, BREAKER_OPEN, now);
  plan_probe(self, now, random);
}

static void judge_ramp(xai_breaker *self, uint64_t now, uint64_t *random) {
  uint64_t ended = xai__window_used(&self->ended, now), failed = xai__window_used(&self->failed, now);
  if (failed < RAMP_FAILURES || failed * 2 < ended) return;
  enter(self, BREAKER_OPEN, now);
  plan_probe(self, now, random);
}

void xai__breaker_failed(xai_breaker *self, uint64_t now, uint64_t passed_at, uint64_t *random) {
  if (self->off || self->state == BREAKER_OPEN) return;
  if (self->state == BREAKER_RAMP && passed_at < self->since) return; /* of before */
  xai__window_add(&self->ended, now, 1);
  xai__window_add(&self->failed, now, 1);
  if (self->state == BREAKER_CLOSED) judge_closed(self, now, random);
  else judge_ramp(self, now, random);
}

void xai__breaker_alive(xai_breaker *self, uint64_t now, uint64_t passed_at) {
  if (self->off) return;
  if (self->state == BREAKER_OPEN) {
    if (passed_at >= self->since) enter(self, BREAKER_RAMP, now);
    return;
  }
  xai__window_add(&self->ended, now, 1);
  uint64_t ended = xai__window_used(&self->ended, now), failed = xai__window_used(&self->failed, now);
  if (!mostly_failed(self, ended, failed)) self->bad_since = UINT64_MAX;
}
