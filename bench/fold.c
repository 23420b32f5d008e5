/* fold.c - how long one event takes: deltas of both protocols, folded and pulled.
 * SPDX-License-Identifier: MIT
 *
 *   fold responses|escapes|chat     -> ns (an event), from its data
 *   fold stream                     -> ns (an event of `responses`), from chunks of 16 KiB of the stream
 */
#define _GNU_SOURCE
#include "measure.h"
#include "xai_fold.h"

enum { EVENTS = 20000, ROUNDS = 15 };

static const char text_delta[] =
  "{\"sequence_number\":305,\"type\":\"response.output_text.delta\",\"content_index\":0,\"delta\":\" "
  "cuisine\","
  "\"item_id\":\"msg_769f3302-64f9-4c72-2b48-860c87fd9b2a\",\"output_index\":1,\"logprobs\":[],"
  "\"obfuscation\":\"k3Zq0d9b6a5e71c84f23b0a4e5c2d8f9\"}";

static const char escaped_delta[] =
  "{\"sequence_number\":305,\"type\":\"response.output_text.delta\",\"content_index\":0,"
  "\"delta\":\"\\n- \\u00fc \\ud83d\\ude00\",\"item_id\":\"msg_769f3302-64f9-4c72-2b48-860c87fd9b2a\","
  "\"output_index\":1,\"logprobs\":[],\"obfuscation\":\"k3Zq0d9b6a5e71\"}";

static const char chunk[] =
  "{\"id\":\"6c1d9e40-3b72-4f85-a9d6-e05b7c8f2a11\",\"object\":\"chat.completion.chunk\",\"created\":"
  "1790002000,"
  "\"model\":\"grok-4.6\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" evening\"}}],"
  "\"system_fingerprint\":\"fp_9c41e7d05a\",\"service_tier\":\"default\"}";

/* Nanoseconds for an answer of many such events. */
static uint64_t one_answer(xai_fold *fold, xai_str data) {
  xai_delta delta;
  size_t bytes = 0;
  xai__fold_reset(fold);
  uint64_t start = now_ns();
  for (int i = 0; i < EVENTS; i++) {
    if (xai__fold_event(fold, xai_str_of("message"), data, NULL) != XAI_OK) exit(1);
    while (xai__fold_next(fold, &delta) == XAI_OK) bytes += delta.text.len;
  }
  uint64_t took = now_ns() - start;
  if (bytes == 0 || xai__fold_text(fold).len != bytes) exit(1);
  return took;
}

static void measure(xai_reply kind, const char *text) {
  xai_fold *fold = xai__fold_new(NULL, kind, 0, 0);
  uint64_t best = UINT64_MAX;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t took = one_answer(fold, xai_str_of(text));
    if (took < best) best = took;
  }
  figure("ns", (double)best / EVENTS);
  xai__fold_free(fold);
}

/* All bytes of an answer, through the parser of events and the fold. */
static uint64_t one_stream(xai_sse *sse, xai_fold *fold, const char *bytes, size_t len) {
  enum { CHUNK = 16384 };
  xai_sse_event event;
  xai_delta delta;
  size_t seen = 0;
  xai__fold_reset(fold);
  xai_sse_reset(sse);
  uint64_t start = now_ns();
  for (size_t at = 0; at < len; at += CHUNK) {
    if (xai_sse_feed(sse, bytes + at, len - at < CHUNK ? len - at : CHUNK) != XAI_OK) exit(1);
    while (xai_sse_next(sse, &event) == XAI_OK) {
      if (xai__fold_event(fold, event.name, event.data, NULL) != XAI_OK) exit(1);
      while (xai__fold_next(fold, &delta) == XAI_OK) seen += delta.text.len > 0;
    }
  }
  uint64_t took = now_ns() - start;
  if (seen != EVENTS) exit(1);
  return took;
}

static void measure_stream(void) {
  static const char shape[] = "event: response.output_text.delta\ndata: %s\n\n";
  char *bytes = malloc(EVENTS * (sizeof shape + sizeof text_delta));
  xai_sse *sse = xai_sse_new(NULL, 0);
  xai_fold *fold = xai__fold_new(NULL, XAI_REPLY_RESPONSES, 0, 0);
  if (bytes == NULL || sse == NULL || fold == NULL) exit(1);
  size_t len = 0;
  for (int i = 0; i < EVENTS; i++) len += (size_t)sprintf(bytes + len, shape, text_delta);
  uint64_t best = UINT64_MAX;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t took = one_stream(sse, fold, bytes, len);
    if (took < best) best = took;
  }
  figure("ns", (double)best / EVENTS);
  xai__fold_free(fold);
  xai_sse_free(sse);
  free(bytes);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "stream") == 0) measure_stream();
  if (strcmp(argv[1], "responses") == 0) measure(XAI_REPLY_RESPONSES, text_delta);
  if (strcmp(argv[1], "escapes") == 0) measure(XAI_REPLY_RESPONSES, escaped_delta);
  if (strcmp(argv[1], "chat") == 0) measure(XAI_REPLY_CHAT, chunk);
  return 0;
}
