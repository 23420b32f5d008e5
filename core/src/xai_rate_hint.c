/* xai_rate_hint.c - reads numbers out of headers and sentences, and believes only those that make sense.
 * SPDX-License-Identifier: MIT */
#include "xai_rate_hint.h"

#include <string.h>

#include "xai_err.h"

enum { LONGEST_RESET_S = 86400 };

const char *const xai__rate_headers[XAI__RATE_HEADERS] = {
  "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",   "x-ratelimit-remaining-tokens",   "x-ratelimit-reset-tokens"};

/* Digits at the start of `text`, which moves past them. False: none, or more than any limit. */
static bool read_count(xai_str *text, uint64_t *out) {
  uint64_t n = 0;
  size_t len = 0;
  for (; len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9'; len++) {
    if (len >= 15) return false;
    n = n * 10 + (uint64_t)(text->ptr[len] - '0');
  }
  if (len == 0) return false;
  *text = (xai_str){text->ptr + len, text->len - len};
  *out = n;
  return true;
}

static bool read_whole(xai_str text, uint64_t *out) {
  return read_count(&text, out) && text.len == 0;
}

static uint32_t as_limit(uint64_t n) {
  return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static uint32_t reset_ms_of(xai_str value) {
  uint64_t s;
  if (!read_whole(value, &s)) return xai__span_ms(value);
  return s <= LONGEST_RESET_S ? (uint32_t)s * 1000 : 0; /* larger ones are moments, not spans */
}

void xai__rate_hint_header(xai_rate_hint *hint, const char *name, xai_str value) {
  uint64_t n;
  if (value.len == 0) return;
  if (strstr(name, "-reset-") != NULL) {
    uint32_t ms = reset_ms_of(value);
    if (ms > hint->reset_ms) hint->reset_ms = ms;
  } else if (!read_whole(value, &n)) {
    return;
  } else if (strstr(name, "-remaining-") != NULL) {
    if (n == 0) hint->none_left = true;
  } else if (strstr(name, "-requests") != NULL) {
    hint->per_minute = as_limit(n);
  } else {
    hint->tokens = n;
  }
}

/* The limit b of "<label> (actual/limit): a/b"; 0: it is not there. */
static uint64_t limit_after(xai_str message, const char *label) {
  static const char between[] = " (actual/limit):";
  size_t label_len = strlen(label), skip = label_len + sizeof between - 1;
  for (size_t i = 0; i + skip < message.len; i++) {
    xai_str head = {message.ptr + i, label_len}, middle = {message.ptr + i + label_len, sizeof between - 1};
    if (!xai__str_eq_nocase(head, label) || !xai__str_eq_nocase(middle, between)) continue;
    xai_str rest = xai__str_trim((xai_str){message.ptr + i + skip, message.len - i - skip});
    uint64_t actual, limit;
    if (!read_count(&rest, &actual) || rest.len == 0 || *rest.ptr != '/') return 0;
    rest = (xai_str){rest.ptr + 1, rest.len - 1};
    return read_count(&rest, &limit) ? limit : 0;
  }
  return 0;
}

void xai__rate_hint_text(xai_rate_hint *hint, xai_str message) {
  uint64_t second = limit_after(message, "requests per second");
  uint64_t minute = limit_after(message, "requests per minute");
  uint64_t tokens = limit_after(message, "tokens per minute");
  if (second > 0) hint->per_second = as_limit(second);
  if (minute > 0) hint->per_minute = as_limit(minute);
  if (tokens > 0) hint->tokens = tokens;
}
