/* xai_backoff.h - how long to wait before another attempt. Pure arithmetic.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_BACKOFF_H
#define XAI_BACKOFF_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* Full jitter: uniform in 0 .. min(max_ms, base_ms * 2^(failed-1)), never 0 so that no loop is tight.
 * `failed`: attempts that failed so far, from 1. `random`: 32 uniform bits. */
uint32_t xai__backoff_ms(uint32_t failed, uint32_t base_ms, uint32_t max_ms, uint32_t random);

/* A generator with 64-bit state, which is the client's; any seed will do. No two seeds give the same run. */
uint32_t xai__random(uint64_t *state);

typedef enum xai_wish {
  XAI_WISH_NONE,    /* no usable wish: use one's own backoff           */
  XAI_WISH_WAIT,    /* wait exactly this long                          */
  XAI_WISH_TOO_LONG /* do not wait: give the wish to the caller        */
} xai_wish;

/* Collects the headers of one answer that speak of waiting. */
typedef struct xai_retry_after {
  bool has_ms;         /* retry-after-ms, wins over Retry-After         */
  uint64_t ms;         /* rounded up, saturated                         */
  bool has_s;          /* Retry-After in seconds: the longest           */
  uint64_t s;          /* saturated                                     */
  bool has_date;       /* Retry-After as a date (IMF-fixdate, RFC 850, asctime): the latest */
  int64_t date;        /* Unix seconds                                  */
  bool has_server_now; /* the Date header                               */
  int64_t server_now;
} xai_retry_after;

/* Look at one header; others than the three are ignored. Source: RFC 9110 sections 10.2.3 and 5.6.7. */
void xai__retry_after_header(xai_retry_after *self, xai_str name, xai_str value);
/* The wish, on the server's clock where it told it, else on `wall_s`. 0, the past and garbage are NONE.
 * *wait_ms is the wish, saturated, also when it is too long; 0 when there is none. */
xai_wish xai__retry_after_wish(const xai_retry_after *self, int64_t wall_s, uint32_t cap_ms,
                               uint32_t *wait_ms);

/* A date in one of the three forms of RFC 9110 5.6.7 to Unix seconds. */
bool xai__http_date(xai_str text, int64_t *out);

/* The retry budget of one origin (faults.md R5): in the 10 s before any moment, retries are at most 10 % of
 * the calls plus 10. Starts zeroed. */
typedef struct xai_budget {
  uint64_t slot[10]; /* which ninth of 10 s, counted from the clock's start, each slot is of */
  uint32_t calls[10];
  uint32_t retries[10];
} xai_budget;
void xai__budget_call(xai_budget *self, uint64_t now_ms);
bool xai__budget_retry(xai_budget *self, uint64_t now_ms); /* takes one; false: used up */

#pragma GCC visibility pop

#endif
