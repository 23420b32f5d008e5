/* xai_report.c - reads the facts of an attempt that rate limits and the circuit breaker live by.
 * SPDX-License-Identifier: MIT */
#include "xai_report.h"

const xai_json *xai__usage_of(const xai_json *response) {
  const xai_json *usage = xai_json_get(response, "usage");
  return xai_json_type_of(usage) == XAI_JSON_OBJECT ? usage : NULL;
}

static bool read_count(const xai_json *usage, const char *name, uint64_t *out) {
  int64_t count;
  if (!xai_json_int(xai_json_get(usage, name), &count) || count < 0) return false;
  *out = (uint64_t)count;
  return true;
}

bool xai__total_tokens(const xai_json *response, uint64_t *out) {
  return read_count(xai__usage_of(response), "total_tokens", out);
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

static xai_rate_hint hint_of(const xai_answer *answer) {
  xai_rate_hint hint = {0};
  xai_str values[XAI__RATE_HEADERS];
  xai__answer_find_all(answer, xai__rate_headers, XAI__RATE_HEADERS, values);
  for (size_t i = 0; i < XAI__RATE_HEADERS; i++)
    xai__rate_hint_header(&hint, xai__rate_headers[i], values[i]);
  return hint;
}

xai_attempt_report xai__report_of(const xai_answer *answer, const xai_error *err, xai_attempt_class c,
                                  int64_t wall_s) {
  xai_attempt_report report = {.outcome_class = c, .too_many = is_too_many(err)};
  const xai_json *usage = xai__usage_of(xai__answer_response(answer));
  report.has_tokens = read_count(usage, "total_tokens", &report.tokens);
  report.has_cost = read_count(usage, "cost_in_usd_ticks", &report.cost);
  unsigned flags = answer->fold != NULL ? xai__fold_flags(answer->fold) : 0;
  report.is_whole =
    (err->code == XAI_OK || err->code == XAI_ERR_TRUNCATED) && !(flags & XAI_FLAG_MARKER_MISSING);
  report.may_bill = err->kind == XAI_KIND_POLICY;
  report.hint = hint_of(answer);
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
