/* fuzz_sse.c - any bytes as an event stream: however they are cut, the same events, end and error come out.
 * SPDX-License-Identifier: MIT
 *
 * The first four bytes choose the limit and the seed of the cuts, the rest is the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "xai_buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool so) {
  if (!so) abort();
}

static void put(xai_buf *log, xai_str text) {
  need(xai__utf8_valid(text.ptr, text.len) == text.len);
  need(xai__buf_add(log, (const char *)&text.len, sizeof text.len) == XAI_OK);
  need(xai__buf_add(log, text.ptr, text.len) == XAI_OK);
}

static void put_number(xai_buf *log, int64_t n) {
  need(xai__buf_add(log, (const char *)&n, sizeof n) == XAI_OK);
}

static xai_code pull(xai_sse *sse, xai_buf *log) {
  xai_sse_event event;
  xai_code code;
  while ((code = xai_sse_next(sse, &event)) == XAI_OK) {
    put(log, event.name);
    put(log, event.data);
    put(log, event.id);
    put_number(log, event.retry);
    put_number(log, event.replaced);
    put_number(log, (int64_t)xai_sse_offset(sse));
  }
  return code;
}

/* Each piece in a block of its own that is gone afterwards, so that a text borrowed too long is found. */
static xai_code feed(xai_sse *sse, const uint8_t *bytes, size_t len, xai_buf *log) {
  char *piece = malloc(len > 0 ? len : 1);
  need(piece != NULL);
  if (len > 0) memcpy(piece, bytes, len);
  xai_code code = xai_sse_feed(sse, piece, len);
  if (code == XAI_OK) code = pull(sse, log);
  free(piece);
  return code;
}

/* Pieces of 1 to `most` bytes, by a small generator; SIZE_MAX: whole. */
static void run(xai_sse *sse, const uint8_t *data, size_t size, size_t most, uint32_t seed, xai_buf *log) {
  xai_code code = XAI_MORE;
  xai_sse_reset(sse);
  xai__buf_reset(log);
  for (size_t at = 0; at < size && code == XAI_MORE;) {
    seed = seed * 1664525u + 1013904223u;
    size_t piece = most == SIZE_MAX ? size : 1 + (seed >> 8) % most;
    if (piece > size - at) piece = size - at;
    code = feed(sse, data + at, piece, log);
    at += piece;
  }
  xai_sse_end end;
  xai_sse_finish(sse, &end);
  put(log, end.last_event_id);
  put_number(log, end.retry);
  put_number(log, end.discarded);
  put_number(log, code);
  put_number(log, (int64_t)xai_sse_offset(sse));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4) return 0;
  uint32_t seed;
  memcpy(&seed, data, sizeof seed);
  data += 4;
  size -= 4;
  xai_sse *sse = xai_sse_new(NULL, seed & 1 ? 1 + (seed >> 1) % 64 : 0);
  need(sse != NULL);
  xai_buf whole, cut;
  xai__buf_init(&whole, NULL, SIZE_MAX);
  xai__buf_init(&cut, NULL, SIZE_MAX);
  run(sse, data, size, SIZE_MAX, seed, &whole);
  static const size_t most[] = {1, 2, 3, 7, 16, 64};
  for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
    run(sse, data, size, most[i], seed, &cut);
    need(cut.len == whole.len && memcmp(cut.ptr, whole.ptr, cut.len) == 0);
  }
  xai__buf_deinit(&whole);
  xai__buf_deinit(&cut);
  xai_sse_free(sse);
  return 0;
}
