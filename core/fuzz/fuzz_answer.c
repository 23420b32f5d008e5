/* fuzz_answer.c - any bytes as an answer, any way cut: one verdict, the same each time, never more than was seen.
 * SPDX-License-Identifier: MIT
 *
 * The first bytes choose status, type, how it ends and the cuts; up to the first NUL headers, the rest is the body.
 */
#include "fuzz.h"

#include "xai_answer.h"
#include "xai_err.h"

enum { MAX_RESPONSE = 1 << 18, MAX_EVENT = 1 << 14, MOST_HELD = 12 << 20 };

typedef struct story {
  int status;
  const char *type;
  xai_reply reply;
  bool stream;
  xai_exchange_end end;
  xai_str headers, body;
} story;

typedef struct outcome {
  xai_verdict verdict;
  xai_error error;           /* its own copy */
  size_t text_len, text_sum; /* of the answer's text    */
  size_t delta_len;          /* of all TEXT events      */
  unsigned flags;
} outcome;

static const char *const types[] = {"text/event-stream", "application/json", "text/html",
                                    "text/event-stream; charset=utf-8", ""};
static const int statuses[] = {200, 200, 200, 201, 204, 206, 301, 400, 401, 403,
                               404, 408, 409, 413, 429, 500, 502, 503, 529, 999};
static const xai_exchange_end ends[] = {
  {.code = XAI_OK, .sent = true, .phase = "done"},
  {.code = XAI_ERR_RESET, .sent = true, .phase = "body"},
  {.code = XAI_ERR_SHORT, .sent = true, .phase = "body"},
  {.code = XAI_ERR_SILENCE, .sent = true, .phase = "body"},
  {.code = XAI_ERR_CONNECT, .sent = false, .phase = "connect", .detail = "host h"},
};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static void pull(xai_answer *answer, outcome *out) {
  xai_delta delta;
  while (xai__answer_next(answer, &delta) == XAI_OK) {
    need(xai__utf8_valid(delta.text.ptr, delta.text.len) == delta.text.len);
    if (delta.type == XAI_EVENT_TEXT) out->delta_len += delta.text.len;
  }
}

/* Refused bytes are offered again after a pull, which must make room. */
static void feed(xai_answer *answer, const char *bytes, size_t len, outcome *out) {
  xai_code code = xai__answer_body(answer, bytes, len);
  for (int tries = 0; code == XAI_MORE; tries++) {
    need(tries < 3);
    pull(answer, out);
    code = xai__answer_body(answer, bytes, len);
  }
  if (code >= XAI_OK) return;
  xai_exchange_end end = {.code = code, .sent = true, .phase = "body"};
  xai__answer_end(answer, &end);
}

static void feed_headers(xai_answer *answer, const story *s) {
  fuzz_input in = {(const uint8_t *)s->headers.ptr, (const uint8_t *)s->headers.ptr + s->headers.len};
  if (s->type[0] != '\0')
    need(xai__answer_header(answer, xai_str_of("Content-Type"), xai_str_of(s->type)) == XAI_OK);
  while (in.at < in.end) {
    xai_str line = fuzz_until(&in, '\n');
    fuzz_input parts = {(const uint8_t *)line.ptr, (const uint8_t *)line.ptr + line.len};
    xai_str name = fuzz_until(&parts, ':');
    xai_str value = {(const char *)parts.at, (size_t)(parts.end - parts.at)};
    if (name.len > 0) (void)xai__answer_header(answer, name, xai__str_trim(value));
  }
}

static void check_verdict(const story *s, const xai_answer *answer) {
  const xai_verdict *v = &answer->verdict;
  const xai_error *err = xai__why_read(&v->why);
  need(v->outcome != XAI_OUTCOME_NONE && v->outcome != XAI_OUTCOME_CANCELLED);
  need((v->outcome == XAI_OUTCOME_COMPLETE) == (err->code == XAI_OK));
  need(v->phase != NULL && v->reason != NULL);
  if (v->outcome == XAI_OUTCOME_COMPLETE) need(s->status >= 200 && s->status < 300);
  if (v->outcome == XAI_OUTCOME_COMPLETE && answer->mode != ANSWER_STREAM) need(s->end.code == XAI_OK);
  fuzz_error_ok(err);
  fuzz_no_key(err->message);
  if (err->code == XAI_ERR_API) need(xai__class_of_status(s->status, err) != XAI_ATTEMPT_RUNNING);
}

/* In pieces of 1 to `most` bytes, pulled after each `lag` of them. */
static outcome play(const story *s, size_t most, uint32_t seed) {
  outcome out = {.text_len = 0};
  fuzz_heap heap = {0, MOST_HELD};
  xai_mem mem = {fuzz_heap_fn, &heap};
  xai_limits limits = {
    .max_response = MAX_RESPONSE, .max_event = MAX_EVENT, .max_headers = 4096, .max_depth = 32};
  xai_answer answer;
  xai__answer_init(&answer, &mem, s->reply, s->stream, &limits);
  xai__answer_status(&answer, s->status);
  feed_headers(&answer, s);
  for (size_t at = 0; at < s->body.len && !answer.over;) {
    seed = seed * 1664525u + 1013904223u;
    size_t piece = most == SIZE_MAX ? s->body.len : 1 + (seed >> 8) % most;
    if (piece > s->body.len - at) piece = s->body.len - at;
    feed(&answer, s->body.ptr + at, piece, &out);
    if (seed & 64) pull(&answer, &out);
    at += piece;
  }
  xai__answer_end(&answer, &s->end);
  pull(&answer, &out);
  check_verdict(s, &answer);
  xai_str text = xai__answer_text(&answer);
  for (size_t i = 0; i < text.len; i++) out.text_sum = out.text_sum * 31 + (unsigned char)text.ptr[i];
  out.text_len = text.len;
  out.verdict = answer.verdict;
  out.error = *xai__why_read(&answer.verdict.why);
  out.flags = answer.flags;
  xai__answer_deinit(&answer);
  need(heap.held == 0);
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + size};
  story s = {.status = 0};
  s.status = statuses[fuzz_byte(&in) % COUNT(statuses)];
  s.type = types[fuzz_byte(&in) % COUNT(types)];
  uint8_t how = fuzz_byte(&in);
  s.reply = (xai_reply)(XAI_REPLY_RESPONSES + how % 4);
  s.stream = how & 4;
  s.end = ends[(how >> 3) % COUNT(ends)];
  uint32_t seed = fuzz_byte(&in);
  s.headers = fuzz_until(&in, '\0');
  s.body = (xai_str){(const char *)in.at, (size_t)(in.end - in.at)};
  static const size_t most[] = {SIZE_MAX, 1, 7, 300};
  outcome first = play(&s, most[0], seed);
  for (size_t i = 1; i < COUNT(most); i++) {
    outcome other = play(&s, most[i], seed);
    need(other.verdict.outcome == first.verdict.outcome && other.error.code == first.error.code);
    need(other.verdict.outcome_class == first.verdict.outcome_class && other.flags == first.flags);
    need(other.text_len == first.text_len && other.text_sum == first.text_sum &&
         other.delta_len == first.delta_len);
    need(strcmp(other.error.message, first.error.message) == 0);
  }
  return 0;
}
