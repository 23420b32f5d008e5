/* sse.c - what an event costs the parser of server-sent events, and what splitting without any check would.
 * SPDX-License-Identifier: MIT
 *
 *   sse ours|floor CHUNK lf|crlf    -> ns (an event of 245 bytes), mbs
 *   sse large BYTES CHUNK           -> ms (one event of that size), peak (its memory / its size)
 *   sse --bytes                     writes the events, for other parsers
 */
#define _GNU_SOURCE
#include "measure.h"
#include "xai.h"

enum { EVENTS = 4096, EVENT = 245, ROUNDS = 20 }; /* 1 MB: what comes from a socket is warm, so this is */

typedef struct tally {
  size_t events;
  size_t bytes; /* of data, so that nothing is optimised away */
} tally;

static tally run_ours(const char *bytes, size_t len, size_t piece) {
  static xai_sse *sse;
  tally all = {0, 0};
  xai_sse_event event;
  if (sse == NULL) sse = xai_sse_new(NULL, (size_t)64 << 20);
  xai_sse_reset(sse);
  for (size_t at = 0; at < len; at += piece) {
    if (xai_sse_feed(sse, bytes + at, len - at < piece ? len - at : piece) != XAI_OK) exit(1);
    while (xai_sse_next(sse, &event) == XAI_OK) {
      all.events++;
      all.bytes += event.data.len;
    }
  }
  return all;
}

/* Lines by memchr over all that is there; no cut events, no CR, no UTF-8, no limits: nobody can be faster and right. */
static tally run_floor(const char *bytes, size_t len, size_t piece) {
  tally all = {0, 0};
  const char *end = bytes + len;
  (void)piece;
  for (const char *line = bytes, *eol; line < end && (eol = memchr(line, '\n', (size_t)(end - line)));
       line = eol + 1) {
    if (eol == line) all.events++;
    else if (memcmp(line, "data: ", 6) == 0) all.bytes += (size_t)(eol - line) - 6;
  }
  return all;
}

/* No two alike, as in life: Lua would make one string of them. */
static size_t write_event(char *to, const char *eol, int number) {
  static const char shape[] =
    "event: response.output_text.delta%sdata: {\"type\":\"response.output_text.delta\","
    "\"output_index\":0,\"content_index\":0,\"delta\":\" w%04d\",\"item_id\":\"%.*s\"}%s%s";
  static const char filler[] =
    "msg_769f3302-64f9-4c72-2b48-860c87fd9b2a-769f3302-64f9-4c72-2b48-860c87fd9b2a-"
    "769f3302-64f9-4c72-2b48-860c87fd9b2a-769f3302-64f9-4c72-2b48-860c87fd9b2a";
  int bare = snprintf(NULL, 0, shape, eol, number, 0, filler, eol, eol);
  return (size_t)sprintf(to, shape, eol, number, EVENT - bare, filler, eol, eol);
}

static char *make_events(const char *eol, size_t *len) {
  char *bytes = malloc((size_t)EVENTS * (EVENT + 1));
  if (bytes == NULL) exit(1);
  *len = 0;
  for (int i = 0; i < EVENTS; i++) *len += write_event(bytes + *len, eol, i);
  return bytes;
}

/* The best of some rounds: what disturbs a measurement only ever adds. */
static void measure(tally (*run)(const char *, size_t, size_t), size_t piece, const char *eol) {
  size_t len;
  char *bytes = make_events(eol, &len);
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t start = now_ns();
    tally all = run(bytes, len, piece);
    uint64_t took = now_ns() - start;
    if (all.events != EVENTS || all.bytes == 0) exit(1);
    if (took < best) best = took;
  }
  figure("ns", (double)best / EVENTS);
  figure("mbs", (double)len * 1e3 / (double)best);
}

static void large(size_t len, size_t piece) {
  char *bytes = malloc(len);
  if (bytes == NULL) exit(1);
  memset(bytes, 'y', len);
  memcpy(bytes, "data: ", 6);
  memcpy(bytes + len - 2, "\n\n", 2);
  double before = peak_kib();
  uint64_t start = now_ns();
  if (run_ours(bytes, len, piece).events != 1) exit(1);
  figure("ms", (double)(now_ns() - start) / 1e6);
  figure("peak", (peak_kib() - before) * 1024 / (double)len);
}

int main(int argc, char **argv) {
  if (argc == 2) {
    size_t len;
    char *bytes = make_events("\n", &len);
    return fwrite(bytes, 1, len, stdout) == len ? 0 : 1;
  }
  if (argc != 4) return 2;
  if (strcmp(argv[1], "large") == 0) large(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
  else
    measure(strcmp(argv[1], "floor") == 0 ? run_floor : run_ours, strtoul(argv[2], NULL, 10),
            strcmp(argv[3], "crlf") == 0 ? "\r\n" : "\n");
  return 0;
}
