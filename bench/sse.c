/* sse.c - how fast the event parser is: nanoseconds an event and megabytes a second, by chunk size.
 * SPDX-License-Identifier: MIT
 *
 *   cc -O2 -Icore/include -o sse bench/sse.c core/src/xai_sse.c core/src/xai_buf.c core/src/xai_mem.c
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xai.h"

#define ROUNDS 20

typedef struct tally {
  size_t events;
  size_t bytes; /* of data, so that nothing is optimised away */
} tally;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static tally run(xai_sse *sse, const char *bytes, size_t len, size_t piece) {
  tally all = {0, 0};
  xai_sse_event event;
  xai_sse_reset(sse);
  for (size_t at = 0; at < len; at += piece) {
    if (xai_sse_feed(sse, bytes + at, len - at < piece ? len - at : piece) != XAI_OK) exit(1);
    xai_code code;
    while ((code = xai_sse_next(sse, &event)) == XAI_OK) {
      all.events++;
      all.bytes += event.data.len;
    }
    if (code != XAI_MORE) exit(1);
  }
  return all;
}

/* The best of some rounds: what disturbs a measurement only ever adds. */
static void measure(const char *what, const char *bytes, size_t len, size_t piece, size_t events) {
  xai_sse *sse = xai_sse_new(NULL, (size_t)64 << 20);
  if (sse == NULL) exit(1);
  double best = 1e9;
  for (int i = 0; i < ROUNDS; i++) {
    double start = now_s();
    tally all = run(sse, bytes, len, piece);
    double took = now_s() - start;
    if (all.events != events) exit(1);
    if (took < best) best = took;
  }
  xai_sse_free(sse);
  double per_event = best * 1e9 / (double)events, rate = (double)len / best / 1e6;
  printf("%-28s %11.1f ns/event %9.1f MB/s\n", what, per_event, rate);
}

/* 245 bytes, as a text delta of the Responses API has. */
static size_t write_event(char *to, const char *eol) {
  char data[256];
  memset(data, 'x', sizeof data);
  static const char head[] = "{\"type\":\"response.output_text.delta\",\"delta\":\" word\",";
  memcpy(data, head, sizeof head - 1);
  int fixed = snprintf(NULL, 0, "event: response.output_text.delta%sdata: %s%s", eol, eol, eol);
  const char *shape = "event: response.output_text.delta%sdata: %.*s%s%s";
  return (size_t)sprintf(to, shape, eol, 245 - fixed, data, eol, eol);
}

static void small_events(const char *eol, const char *name) {
  size_t count = 4096, len = 0; /* 1 MB: network buffers are warm, so this is */
  char *bytes = malloc(count * 256);
  if (bytes == NULL) exit(1);
  for (size_t i = 0; i < count; i++) len += write_event(bytes + len, eol);
  static const size_t pieces[] = {16384, 1400, 245, 1};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    char what[64];
    snprintf(what, sizeof what, "245 B events %s, by %zu", name, pieces[i]);
    measure(what, bytes, len, pieces[i], count);
  }
  free(bytes);
}

static void one_large(size_t len, size_t piece, const char *what) {
  char *bytes = malloc(len);
  if (bytes == NULL) exit(1);
  memset(bytes, 'y', len);
  memcpy(bytes, "data: ", 6);
  memcpy(bytes + len - 2, "\n\n", 2);
  measure(what, bytes, len, piece, 1);
  free(bytes);
}

int main(void) {
  small_events("\n", "LF");
  small_events("\r\n", "CRLF");
  small_events("\r", "CR");
  one_large((size_t)8 << 20, 1400, "8 MiB event, by 1400");
  one_large((size_t)16 << 20, 1, "16 MiB event, by 1");
  return 0;
}
