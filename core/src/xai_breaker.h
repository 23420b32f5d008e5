/* xai_breaker.h - stops asking a service that keeps failing, and finds out when it is back. No clock, no I/O.
 * SPDX-License-Identifier: MIT
 *
 *     CLOSED --failing--> OPEN --a probe was answered--> RAMP --2 s--> CLOSED
 *                          ^-----------failing again------+
 *
 * The thresholds are those of xai_breaker_options, in xai.h: so high that a service that answers now and then is
 * never given up. While OPEN one attempt about each second is let through as a probe; in RAMP first a tenth of
 * them, in the end all. Both are jittered, so that many clients do not come back as one.
 */
#ifndef XAI_BREAKER_H
#define XAI_BREAKER_H

#include "xai_window.h"

#pragma GCC visibility push(hidden)

typedef enum breaker_state {
  BREAKER_CLOSED, /* all pass                          */
  BREAKER_OPEN,   /* none passes but a probe           */
  BREAKER_RAMP    /* more and more pass                */
} breaker_state;

typedef struct xai_breaker {
  bool off;
  uint32_t min_attempts, failed_percent;
  uint32_t sustained_ms;
  breaker_state state;
  uint64_t since;     /* ... it is in that state                          */
  uint64_t bad_since; /* CLOSED: nearly all failed; UINT64_MAX: not so    */
  uint64_t probe_at;  /* OPEN: the next one                               */
  xai_window ended;   /* attempts that were answered or failed            */
  xai_window failed;
} xai_breaker;

/* False: an option is out of range. */
bool xai__breaker_init(xai_breaker *self, const xai_breaker_options *options);
/* Does nothing pass now? Then *retry_ms is how long a caller had better wait. Changes nothing. */
bool xai__breaker_blocks(const xai_breaker *self, uint64_t now, uint32_t *retry_ms);
/* One attempt is about to be sent. False: it must not, and *retry_ms says when to try again. */
bool xai__breaker_pass(xai_breaker *self, uint64_t now, uint64_t *random, uint32_t *retry_ms);
/* An attempt that passed at `passed_at` has failed, or shown that the service is there. */
void xai__breaker_failed(xai_breaker *self, uint64_t now, uint64_t passed_at, uint64_t *random);
void xai__breaker_alive(xai_breaker *self, uint64_t now, uint64_t passed_at);

#pragma GCC visibility pop

#endif
