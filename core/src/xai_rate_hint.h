/* xai_rate_hint.h - what an answer says about rate limits, in its headers and in the text of a 429. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_RATE_HINT_H
#define XAI_RATE_HINT_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* Starts zeroed. A limit of 0 was not told. */
typedef struct xai_rate_hint {
  uint32_t per_second; /* requests                                                         */
  uint32_t per_minute; /* requests                                                         */
  uint64_t tokens;     /* a minute                                                         */
  bool none_left;      /* requests or tokens: the next would be refused                    */
  uint32_t reset_ms;   /* until there are some again; 0: not told                          */
} xai_rate_hint;

/* The headers that speak of limits. */
enum { XAI__RATE_HEADERS = 6 };
extern const char *const xai__rate_headers[XAI__RATE_HEADERS];

/* One of those headers. The limits are those of a minute; a reset is a span ("45s", "1m30s", "250ms") or a
 * number of seconds. Anything else is ignored. Source: api/errors-limits.md section 5; the reset headers,
 * which the API is not known to send, are those of other vendors and gateways. */
void xai__rate_hint_header(xai_rate_hint *hint, const char *name, xai_str value);
/* "... Requests per Second (actual/limit): 151/150, Requests per Minute (actual/limit): 7204/7200. ..."
 * Source: api/errors-limits.md section 3.1. */
void xai__rate_hint_text(xai_rate_hint *hint, xai_str message);

#pragma GCC visibility pop

#endif
