/* fuzz_fold.c - any events, in any order: never half a character, never complete with an error, never over the cap.
 * SPDX-License-Identifier: MIT
 *
 * The first byte chooses: bit 0 the protocol; bit 1 whether the rest are lines of JSON, or a script whose
 * bytes pick events, indexes and pieces of text, which comes much deeper.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai_fold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 1 << 20 };

typedef struct heap {
  size_t held;
} heap;

static void need(bool so) {
  if (!so) abort();
}

static void *counted(void *user, void *ptr, size_t old_size, size_t new_size) {
  heap *h = user;
  h->held = h->held - (ptr != NULL ? old_size : 0) + new_size;
  need(h->held <= CAP + 8192); /* the fold's own struct comes on top */
  if (new_size > 0) return realloc(ptr, new_size);
  free(ptr);
  return NULL;
}

/* The writer refuses what is no UTF-8. */
static void check_tree(const xai_json *response) {
  if (response == NULL) return;
  xai_json_writer *writer = xai_json_writer_new(NULL, 1000, 0);
  xai_str text;
  xai_json_put_value(writer, response);
  need(xai_json_writer_end(writer, &text, NULL) == XAI_OK);
  xai_json_writer_free(writer);
}

static void check_deltas(xai_fold *fold) {
  xai_delta delta;
  while (xai__fold_next(fold, &delta) == XAI_OK) {
    need(delta.type <= XAI_EVENT_API);
    need(xai__utf8_valid(delta.text.ptr, delta.text.len) == delta.text.len);
    need(delta.type == XAI_EVENT_API || delta.text.len > 0);
  }
}

static void event(xai_fold *fold, xai_str name, xai_str text) {
  xai_error err = {0};
  bool before = xai__fold_state(fold, false, NULL).ended;
  xai_code code = xai__fold_event(fold, name, text, &err);
  need(code == err.code);
  check_deltas(fold);
  bool after = xai__fold_state(fold, false, NULL).ended;
  need(after || !before);
  need(code == XAI_OK || after);
}

static void finish(xai_fold *fold) {
  xai_error err = {0};
  xai_fold_end end = xai__fold_state(fold, true, &err);
  need(end.ended && end.reason != NULL && end.outcome != XAI_OUTCOME_NONE);
  need((end.outcome == XAI_OUTCOME_COMPLETE) == (err.code == XAI_OK));
  check_deltas(fold);
  check_tree(xai__fold_response(fold));
  xai_str text = xai__fold_text(fold);
  need(xai__utf8_valid(text.ptr, text.len) == text.len);
}

static void lines(xai_fold *fold, const char *at, const char *end) {
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    if (stop == NULL) stop = end;
    event(fold, xai_str_of("message"), (xai_str){at, (size_t)(stop - at)});
    at = stop + 1;
  }
}

/* ---- the script ---- */

#define AT "\"output_index\":%u,\"content_index\":%u,\"summary_index\":%u,"

static const char *const responses[] = {
  "{\"type\":\"response.output_text.delta\"," AT "\"delta\":\"%s\"}",
  "{\"type\":\"response.output_text.done\"," AT "\"text\":\"%s\"}",
  "{\"type\":\"response.function_call_arguments.delta\"," AT "\"delta\":\"%s\"}",
  "{\"type\":\"response.function_call_arguments.done\"," AT "\"arguments\":\"%s\"}",
  "{\"type\":\"response.reasoning_summary_text.delta\"," AT "\"delta\":\"%s\"}",
  "{\"type\":\"response.reasoning_text.delta\"," AT "\"delta\":\"%s\"}",
  "{\"type\":\"response.refusal.delta\"," AT "\"delta\":\"%s\"}",
  "{\"type\":\"response.output_item.added\"," AT "\"item\":{\"type\":\"message\",\"content\":[\"%s\"]}}",
  "{\"type\":\"response.output_item.added\"," AT
  "\"item\":{\"id\":\"%s\",\"content\":null,\"arguments\":[]}}",
  "{\"type\":\"response.output_item.done\"," AT "\"item\":{\"type\":\"message\",\"%s\":[]}}",
  "{\"type\":\"response.content_part.added\"," AT "\"part\":{\"type\":\"output_text\",\"text\":\"%s\"}}",
  "{\"type\":\"response.content_part.done\"," AT "\"part\":{\"type\":\"refusal\",\"refusal\":\"%s\"}}",
  "{\"type\":\"response.reasoning_summary_part.done\"," AT "\"part\":{\"text\":\"%s\"}}",
  "{\"type\":\"response.output_text.annotation.added\"," AT "\"annotation\":{\"u\":\"%s\"}}",
  "{\"type\":\"response.in_progress\"," AT "\"response\":{\"id\":\"%s\",\"output\":[]}}",
  "{\"type\":\"response.created\"," AT "\"response\":{\"output\":[[\"%s\"]]}}",
  "{\"type\":\"response.unheard_of\"," AT "\"code\":\"%s\",\"message\":\"m\"}",
  "{\"type\":\"response.completed\"," AT "\"response\":{\"status\":\"%s\"}}",
  "{\"type\":\"response.incomplete\"," AT "\"response\":{\"incomplete_details\":{\"reason\":\"%s\"}}}",
  "{\"type\":\"error\"," AT "\"message\":\"%s\"}",
};

#define CHOICE "{\"choices\":[{\"index\":%u,\"delta\":{"
static const char *const chat[] = {
  CHOICE "\"x\":[%u,%u],\"content\":\"%s\"}}]}",
  CHOICE "\"x\":[%u,%u],\"reasoning_content\":\"%s\"}}]}",
  CHOICE "\"x\":[%u,%u],\"refusal\":\"%s\"}}]}",
  CHOICE "\"tool_calls\":[{\"index\":%u,\"x\":%u,\"function\":{\"arguments\":\"%s\"}}]}}]}",
  CHOICE "\"tool_calls\":[{\"index\":%u,\"x\":%u,\"function\":{\"name\":\"%s\"}}]}}]}",
  CHOICE "\"tool_calls\":[{\"x\":[%u,%u],\"id\":\"%s\",\"function\":null}]}}]}",
  CHOICE "\"content\":null},\"logprobs\":{\"content\":[%u,%u,\"%s\"]}}]}",
  CHOICE "\"content\":[%u,%u]},\"%s\":1,\"message\":{\"content\":\"m\"}}]}",
  CHOICE "\"role\":\"r\"},\"y\":[%u,%u],\"finish_reason\":\"%s\"}]}",
  "{\"id\":%u,\"created\":[%u,%u],\"choices\":[],\"usage\":{\"%s\":1}}",
};

static const char *const pieces[] = {
  "a",         "stop",   "\\ud83d",     "\\ude00",   "\\ud83d\\ude00", "\xc3\xa4", "", "\\ude00b\\ud83d",
  "completed", "length", "{\\\"a\\\":", "x\\u0000y", "\\ud800\\ud800", "failed",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void script(xai_fold *fold, bool is_chat, const uint8_t *at, const uint8_t *end) {
  for (; end - at >= 3; at += 3) {
    char text[512];
    const char *form = is_chat ? chat[at[0] % COUNT(chat)] : responses[at[0] % COUNT(responses)];
    unsigned index = at[1] == 255 ? 70000 : at[1] & 3, part = (at[1] >> 2) & 3;
    if (at[2] == 255) snprintf(text, sizeof text, "[DONE]");
    /* The forms are all of three numbers and a text. */
    else snprintf(text, sizeof text, form, index, part, part, pieces[at[2] % COUNT(pieces)]);
    event(fold, xai_str_of(""), xai_str_of(text));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  heap h = {0};
  xai_mem mem = {counted, &h};
  bool is_chat = data[0] & 1;
  xai_fold *fold = xai__fold_new(&mem, is_chat ? XAI_REPLY_CHAT : XAI_REPLY_RESPONSES, 0, CAP);
  const char *text = (const char *)data + 1;
  if (data[0] & 2) lines(fold, text, text + size - 1);
  else script(fold, is_chat, data + 1, data + size);
  finish(fold);
  if (data[0] & 2) {
    xai_error err = {0};
    need(xai__fold_whole(fold, (xai_str){text, size - 1}, &err) == err.code);
    finish(fold);
  }
  xai__fold_free(fold);
  need(h.held == 0);
  return 0;
}
