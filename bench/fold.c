/* fold.c - how long one event takes: deltas of both protocols, folded and pulled.
 * SPDX-License-Identifier: MIT
 *
 *   fold responses|escapes|chat     -> ns (an event)
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

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "responses") == 0) measure(XAI_REPLY_RESPONSES, text_delta);
  if (strcmp(argv[1], "escapes") == 0) measure(XAI_REPLY_RESPONSES, escaped_delta);
  if (strcmp(argv[1], "chat") == 0) measure(XAI_REPLY_CHAT, chunk);
  return 0;
}
