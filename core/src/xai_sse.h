/* xai_sse.h - what the reader of an answer asks of the parser of events beyond xai.h.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_SSE_H
#define XAI_SSE_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* After XAI_MORE, when no bytes are at hand: gives back all memory but what a cut event holds. */
void xai__sse_rest(xai_sse *sse);

#pragma GCC visibility pop

#endif
