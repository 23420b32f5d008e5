/* xai_report.c - reads the facts of an attempt that rate limits and the circuit breaker live by.
 * SPDX-License-Identifier: MIT */
#include "xai_report.h"

const xai_json *xai__usage_of(const xai_json *response) {
  const xai_json *usage = xai_json_get(response, "usage");
  return xai_json_type_of(usage) == XAI_JSON_OBJECT ? usage : NULL;
}

bool xai__total_tokens(const xai_json *response, uint64_t *out) {
  int64_t total;
  if (!xai_json_int(xai_json_get(xai__usage_of(response), "total_tokens"), &total) || total < 0) return false;
  *out = (uint64_t)total;
  return true;
}

/* A 429 for the rate or for want of capacity, and the same inside a stream; one for want of money is another
 * matter (F68). */
static bool is_too_many(const xai_error *err) {
  if (err->code != XAI_ERR_API) return false;
  return err->kind == XAI_KIND_RATE || (err->http_status == 429 && err->kind == XAI_KIND_OVERLOADED);
}

static uint32_t wish_of(const xai_answer *answer, const xai_error *err, int64_t wall_s) {
  uint32_t ms = 0;
  xai__retry_after_wish(&answer->wish, wall_s, UINT32_MAX, &ms);
  return ms > 0 ? ms : err->retry_after_ms; /* from the text */
}

xai_attempt_report xai__report_of(const xai_answer *answer, const xai_error *err, xai_attempt_class c,
                                  int64_t wall_s) {
  xai_attempt_report report = {.outcome_class = c, .too_many = is_too_many(err)};
  const xai_json *response = xai__answer_response(answer);
  int64_t ticks = 0;
  report.has_tokens = xai__total_tokens(response, &report.tokens);
  report.has_cost =
    xai_json_int(xai_json_get(xai__usage_of(response), "cost_in_usd_ticks"), &ticks) && ticks >= 0;
  report.cost = report.has_cost ? (uint64_t)ticks : 0;
  unsigned flags = answer->fold != NULL ? xai__fold_flags(answer->fold) : 0;
  report.is_whole =
    (err->code == XAI_OK || err->code == XAI_ERR_TRUNCATED) && !(flags & XAI_FLAG_MARKER_MISSING);
  report.may_bill = err->kind == XAI_KIND_POLICY;
  if (answer->headers.len > 0)
    for (size_t i = 0; xai__rate_headers[i] != NULL; i++)
      xai__rate_hint_header(&report.hint, xai__rate_headers[i],
                            xai__answer_find(answer, xai__rate_headers[i]));
  if (!report.too_many) return report;
  report.wish_ms = wish_of(answer, err, wall_s);
  if (report.wish_ms == 0 && report.hint.none_left) report.wish_ms = report.hint.reset_ms;
  xai__rate_hint_text(&report.hint, xai_str_of(err->message));
  return report;
}

xai_health xai__health_of(const xai_answer *answer, const xai_error *err) {
  if (answer->status != 0) {
    bool busy = answer->status < 300 && err->code == XAI_ERR_API && err->kind == XAI_KIND_OVERLOADED;
    return busy || xai__is_outage(answer->status) ? XAI_HEALTH_FAILED : XAI_HEALTH_ALIVE;
  }
  switch (err->code) {
    case XAI_ERR_RESOLVE:
    case XAI_ERR_CONNECT:
    case XAI_ERR_PROXY:
    case XAI_ERR_RESET:
    case XAI_ERR_SHORT:
    case XAI_ERR_HTTP:
    case XAI_ERR_SILENCE: return XAI_HEALTH_FAILED;
    default: return XAI_HEALTH_UNKNOWN; /* a deadline or a cancel of ours says nothing about it */
  }
}
