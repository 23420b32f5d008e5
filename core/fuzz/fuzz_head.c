/* fuzz_head.c - any lines as the head of an answer: read by the rules, bounded, and its wish to wait understood.
 * SPDX-License-Identifier: MIT
 *
 * The first two bytes choose the limits. A head that is accepted is held against the rules by other code here.
 */
#define _POSIX_C_SOURCE 200809L

#include "fuzz.h"

#include <stdio.h>
#include <time.h>

#include "xai_backoff.h"
#include "xai_head.h"

typedef struct seen {
  unsigned statuses, ends;
  uint64_t length;
  unsigned lengths, transfers;
} seen;

static void field(seen *s, xai_retry_after *wish, xai_str name, xai_str value) {
  need(s->statuses == 1 && s->ends == 0 && name.len > 0);
  for (size_t i = 0; i < name.len; i++) need(name.ptr[i] > 0x20 && name.ptr[i] < 0x7f && name.ptr[i] != ':');
  need(value.len == 0 || memchr(value.ptr, '\n', value.len) == NULL);
  need(value.len == 0 || (value.ptr[0] != ' ' && value.ptr[value.len - 1] != ' '));
  s->transfers += xai__str_eq_nocase(name, "transfer-encoding");
  s->lengths += xai__str_eq_nocase(name, "content-length");
  need(s->lengths == 0 || s->transfers == 0);
  xai__retry_after_header(wish, name, value);
}

/* A wish is used, or too long, or none; and never more than was meant. */
static void wish_ok(const xai_retry_after *wish, uint32_t cap) {
  uint32_t wait = 77;
  xai_wish what = xai__retry_after_wish(wish, 1767225600, cap, &wait);
  need((what == XAI_WISH_NONE) == (wait == 0));
  need(what != XAI_WISH_WAIT || wait <= cap);
  need(what != XAI_WISH_TOO_LONG || wait > cap);
  if (wish->has_ms && wish->ms > 0) need(wait == (wish->ms < UINT32_MAX ? wish->ms : UINT32_MAX));
}

/* A date that is understood is the one that libc writes for the same second. */
static void date_ok(xai_str text) {
  int64_t seconds, again;
  if (!xai__http_date(text, &seconds)) return;
  time_t t = (time_t)seconds;
  struct tm parts;
  char written[64];
  need(gmtime_r(&t, &parts) != NULL);
  if (parts.tm_year + 1900 < 1000 || parts.tm_year + 1900 > 9999)
    return; /* strftime writes no zeros before it */
  need(strftime(written, sizeof written, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
  need(xai__http_date(xai_str_of(written), &again) && again == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + size};
  xai_head head;
  xai_retry_after wish = {.has_ms = false};
  seen s = {.statuses = 0};
  size_t max = 1 + (size_t)fuzz_byte(&in) * 64;
  uint32_t cap = fuzz_byte(&in) * 1000u;
  xai__head_init(&head, max);
  while (in.at < in.end) {
    xai_head_kind kind;
    xai_str name = {NULL, 0}, value = {NULL, 0}, line = fuzz_until(&in, '\n');
    if (in.at > data && in.at[-1] == '\n') line.len++;
    date_ok(xai__str_trim(line));
    xai_code code = xai__head_line(&head, line, &kind, &name, &value);
    need(code == XAI_OK || ((code == XAI_ERR_HTTP || code == XAI_ERR_TOO_BIG) && head.why != NULL));
    if (code != XAI_OK) break;
    need(head.bytes <= max && head.interim <= 32);
    s.statuses += kind == XAI_HEAD_STATUS;
    if (kind == XAI_HEAD_STATUS) need(head.status >= 200 && head.status <= 999);
    if (kind == XAI_HEAD_FIELD) field(&s, &wish, name, value);
    s.ends += kind == XAI_HEAD_END;
    need(s.statuses <= 1 && s.ends <= s.statuses);
  }
  wish_ok(&wish, cap);
  return 0;
}
