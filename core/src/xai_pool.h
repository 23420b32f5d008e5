/* xai_pool.h - the limits of one lane that several clients share through a file. No clock.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_POOL_H
#define XAI_POOL_H

#include "xai_quota.h"

#pragma GCC visibility push(hidden)

/* Of one lane. Each part may be without a limit. */
typedef struct xai_pool {
  const xai_share *share; /* borrowed */
  xai_quota second, minute, tokens;
  const xai_counter *places; /* NULL: as many at once as one likes           */
  uint32_t place_count;
  uint64_t held[XAI_SHARE_PLACES / 64]; /* a bit for each place that is ours */
  bool is_crowded;                      /* no place was free the last time   */
} xai_pool;

/* What one attempt has taken of it. */
typedef struct xai_pool_booking {
  bool is_taken;  /* of the three quotas    */
  uint32_t place; /* of ours, from 1 on; 0: none */
  xai_quota_booking second, minute, tokens;
} xai_pool_booking;

/* Limits that are 0 are none; model "": of all together. XAI_ERR_FILE: the file has no room for more counters, or the
 * system no locks for places; XAI_ERR_ARG: more than XAI_SHARE_PLACES at once. */
xai_code xai__pool_init(xai_pool *self, const xai_share *share, xai_str model, const xai_rate *rate,
                        xai_error *err);
/* When one with so many tokens can pass, from what is known now and but for a place; `now`: at once. */
uint64_t xai__pool_free_at(const xai_pool *self, uint64_t now, uint64_t tokens);
/* Takes a place for it, and looks whether the rest would let it pass; or (false) it cannot yet, and nothing has changed.
 * Either take() follows or settle(). To take and give back again is no remedy for not having looked: it costs others the
 * time that was saved up for large ones. */
bool xai__pool_prepare(xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens,
                       uint64_t *random);
/* It passes; or (false) somebody else was quicker, and nothing is taken any more. */
bool xai__pool_take(xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens);
/* It is over: its place is free, it used so many tokens, and (not sent) it never was. Nothing if nothing is booked. */
void xai__pool_settle(xai_pool *self, xai_pool_booking *booking, uint64_t now, uint64_t tokens, bool is_sent);

#pragma GCC visibility pop

#endif
