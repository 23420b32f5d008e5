/* xai_log_call.h - tells the log what became of a call since it was last looked at.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_LOG_CALL_H
#define XAI_LOG_CALL_H

#include "xai_call.h"
#include "xai_log.h"

#pragma GCC visibility push(hidden)

/* How far a call has been told. Zero for a new one. */
typedef struct xai_log_mark {
  bool started;
  size_t begun; /* attempts whose start was told */
  size_t ended; /* ... and whose end was         */
  bool over;
} xai_log_mark;

/* To be called whenever a call may have moved on; costs nothing without a log. */
void xai__log_call(const xai_log *log, xai_log_mark *mark, uint32_t id, const xai_call *call, uint64_t now,
                   int64_t wall_s);

#pragma GCC visibility pop

#endif
