/* xai_window.h - counts what happened in the last second, minute or other span. No clock.
 * SPDX-License-Identifier: MIT
 *
 * Sixty slots last the span exactly; sixty-one, the running one included, always cover it. So a limit held
 * here holds in every true span of that length, at the price of one part in sixty.
 */
#ifndef XAI_WINDOW_H
#define XAI_WINDOW_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

enum { XAI_WINDOW_PARTS = 60, XAI_WINDOW_SLOTS = XAI_WINDOW_PARTS + 1 };

typedef struct xai_window {
  uint32_t span_ms;
  uint64_t running; /* number of the running slot, counted from the clock's start */
  uint64_t total;   /* of all slots                                               */
  uint64_t counts[XAI_WINDOW_SLOTS];
} xai_window;

void xai__window_init(xai_window *window, uint32_t span_ms);
/* Forget what is older than the span, then: all that is counted. */
uint64_t xai__window_used(xai_window *window, uint64_t now);
void xai__window_add(xai_window *window, uint64_t now, uint64_t count);
/* What was counted at the moment `at` as `from` was in truth `to`. Nothing if it has left the window. */
void xai__window_correct(xai_window *window, uint64_t now, uint64_t at, uint64_t from, uint64_t to);
/* The earliest moment at which `more` can have been added without ever more than `limit` in a span; `limit`
 * is not 0, `more` may be larger. UINT64_MAX: beyond reckoning. */
uint64_t xai__window_free_at(xai_window *window, uint64_t now, uint64_t limit, uint64_t more);

#pragma GCC visibility pop

#endif
