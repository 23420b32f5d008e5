/* fuzz_host.c - any bytes as an HTTP/1.1 answer: however they are cut, the sink hears the same and it ends the same.
 * SPDX-License-Identifier: MIT
 *
 * The first four bytes choose the limits, the method and the seed of the cuts, the rest is what the server sent.
 */
#include <stdlib.h>
#include <string.h>

#include "xai_http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct heard {
  xai_buf log;
  size_t body;   /* bytes of the body, whose pieces may differ */
  bool full;     /* answers the next offer with "not now"      */
  uint32_t seed; /* 0: never full                              */
} heard;

static void need(bool so) {
  if (!so) abort();
}

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

static void put(heard *h, const void *bytes, size_t len) {
  need(xai__buf_add(&h->log, bytes, len) == XAI_OK);
}

static void on_status(void *user, int status) {
  need(status >= 200 && status <= 999);
  put(user, &status, sizeof status);
}

static xai_code on_header(void *user, xai_str name, xai_str value) {
  put(user, name.ptr, name.len);
  put(user, ":", 1);
  put(user, value.ptr, value.len);
  put(user, "\n", 1);
  return XAI_OK;
}

static xai_code on_body(void *user, const char *bytes, size_t len) {
  heard *h = user;
  need(len > 0);
  h->full = h->seed != 0 && !h->full && next_random(&h->seed) % 3 == 0;
  if (h->full) return XAI_MORE;
  h->body += len;
  put(h, bytes, len);
  return XAI_OK;
}

/* One piece in a block of its own, offered again while the sink is full. */
static xai_code feed(xai_http1 *http, const xai_sink *sink, const uint8_t *bytes, size_t len, size_t *taken) {
  char *piece = malloc(len);
  need(piece != NULL);
  memcpy(piece, bytes, len);
  *taken = 0;
  xai_code code = XAI_MORE;
  while (code == XAI_MORE) {
    size_t part;
    code = xai__http1_feed(http, sink, piece + *taken, len - *taken, &part);
    need(part <= len - *taken);
    *taken += part;
  }
  need(code != XAI_OK || *taken == len || http->state == XAI_HTTP1_DONE);
  free(piece);
  return code;
}

/* Pieces of 1 to `most` bytes; SIZE_MAX: whole. */
static void run(const uint8_t *data, size_t size, size_t most, uint32_t seed, heard *h) {
  xai_http1 http;
  xai_sink sink = {h, on_status, on_header, on_body, NULL};
  xai__http1_init(&http, NULL, 16 + (seed & 1023), (seed >> 10) & 255, (seed >> 18) % 8 == 0);
  xai__buf_reset(&h->log);
  h->body = 0;
  h->seed = most == SIZE_MAX ? 0 : seed;
  xai_code code = XAI_OK;
  size_t at = 0;
  while (at < size && code == XAI_OK && http.state != XAI_HTTP1_DONE) {
    size_t piece = most == SIZE_MAX ? size : 1 + next_random(&seed) % most, taken;
    if (piece > size - at) piece = size - at;
    code = feed(&http, &sink, data + at, piece, &taken);
    at += taken;
  }
  need(h->body <= 255);
  bool done = http.state == XAI_HTTP1_DONE;
  if (code == XAI_OK && done)
    put(h, &at, sizeof at); /* where the answer ends; after an error that is nobody's matter */
  if (code == XAI_OK) code = xai__http1_close(&http);
  bool reuse = xai__http1_may_reuse(&http);
  need(!reuse || (done && code == XAI_OK));
  put(h, &code, sizeof code);
  put(h, &reuse, sizeof reuse);
  xai__http1_deinit(&http);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4) return 0;
  uint32_t seed;
  memcpy(&seed, data, sizeof seed);
  data += 4;
  size -= 4;
  heard whole = {0}, cut = {0};
  xai__buf_init(&whole.log, NULL, SIZE_MAX);
  xai__buf_init(&cut.log, NULL, SIZE_MAX);
  run(data, size, SIZE_MAX, seed, &whole);
  static const size_t most[] = {1, 2, 3, 7, 64};
  for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
    run(data, size, most[i], seed, &cut);
    need(cut.log.len == whole.log.len && memcmp(cut.log.ptr, whole.log.ptr, cut.log.len) == 0);
  }
  xai__buf_deinit(&whole.log);
  xai__buf_deinit(&cut.log);
  return 0;
}
