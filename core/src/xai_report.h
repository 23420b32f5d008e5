/* xai_report.h - what an attempt that is over tells the gate: was it too much, is the service there. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_REPORT_H
#define XAI_REPORT_H

#include "xai_answer.h"
#include "xai_gate.h"

#pragma GCC visibility push(hidden)

/* `err` is how it ended, `wall_s` reads dates in headers. */
xai_attempt_report xai__report_of(const xai_answer *answer, const xai_error *err, xai_attempt_class c,
                                  int64_t wall_s);
xai_health xai__health_of(const xai_answer *answer, const xai_error *err);

/* The usage in the API's own object, NULL when it is not there, and its total; false: no total. */
const xai_json *xai__usage_of(const xai_json *response);
bool xai__total_tokens(const xai_json *response, uint64_t *out);

#pragma GCC visibility pop

#endif
