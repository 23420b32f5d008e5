/* xai_timers.h - which call must be looked at next, and when. A binary heap of moments; no clock.
 * SPDX-License-Identifier: MIT
 *
 * An entry is a promise to look, not a deadline: a call whose moment moves later keeps its early entry, is
 * looked at, and enters again. So a byte that arrives costs no heap work. The owner remembers its earliest
 * promise and ignores an entry with another moment: that one was overtaken.
 */
#ifndef XAI_TIMERS_H
#define XAI_TIMERS_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

typedef struct xai_timer {
  uint64_t at;
  uint32_t id;
} xai_timer;

typedef struct xai_timers {
  xai_timer *heap;
  size_t len;
  size_t room;
  xai_mem mem;
} xai_timers;

void xai__timers_init(xai_timers *timers, const xai_mem *mem);
void xai__timers_deinit(xai_timers *timers);
xai_code xai__timers_add(xai_timers *timers, uint64_t at, uint32_t id); /* XAI_ERR_NOMEM */
uint64_t xai__timers_next(const xai_timers *timers);                    /* UINT64_MAX: none */
/* Takes the earliest entry if it is due. */
bool xai__timers_take(xai_timers *timers, uint64_t now, xai_timer *out);

#pragma GCC visibility pop

#endif
