/* xai_answer_clean.c - takes the key out of what an answer that failed leaves behind for its reader.
 * SPDX-License-Identifier: MIT
 *
 * A server may send the key back, in any form of its own. What a model says is content and stays as it is; what
 * becomes an error (sentence, codes, body, headers, the error inside of a response) holds no key (R8).
 */
#include <string.h>

#include "xai_answer.h"
#include "xai_json.h"

enum { DEEPEST = 32, LONGEST_BODY = 64 << 10 };

static void clean_text(const xai_redactor *redactor, char *text) {
  xai__redactor_apply(redactor, text, strlen(text));
}

/* The texts of a tree are ours, in an arena or a buffer: const is for those who read it. */
static void clean_part(const xai_redactor *redactor, const char *text, size_t len) {
  xai__redactor_apply(redactor, (char *)(uintptr_t)text, len);
}

/* Nothing is kept below so many levels; no error of the API has more than three. */
static void clean_value(const xai_redactor *redactor, xai_json *value, int depth) {
  if (value->type == XAI_JSON_STRING) clean_part(redactor, value->as.text, value->len);
  if (value->type != XAI_JSON_ARRAY && value->type != XAI_JSON_OBJECT) return;
  if (depth == DEEPEST) {
    value->as.list.first = value->as.list.last = NULL;
    value->len = 0;
  }
  for (xai_json *part = value->as.list.first; part != NULL; part = part->next) {
    if (value->type == XAI_JSON_OBJECT) clean_part(redactor, part->key, part->key_len);
    clean_value(redactor, part, depth + 1);
  }
}

static bool is_content(const xai_json *member) {
  xai_str key = {member->key, member->key_len};
  return xai__str_eq(key, "output") || xai__str_eq(key, "choices");
}

static void clean_response(const xai_redactor *redactor, xai_json *response) {
  if (response == NULL) return;
  if (response->type != XAI_JSON_OBJECT) {
    clean_value(redactor, response, 0);
    return;
  }
  for (xai_json *member = response->as.list.first; member != NULL; member = member->next) {
    clean_part(redactor, member->key, member->key_len);
    if (!is_content(member)) clean_value(redactor, member, 1);
  }
}

static void clean_error(const xai_redactor *redactor, xai_error *err) {
  clean_text(redactor, err->message);
  clean_text(redactor, err->request_id);
  clean_text(redactor, err->api_code);
  clean_text(redactor, err->api_type);
  clean_text(redactor, err->param);
}

/* Each by itself: a line end inside of a secret is passed over, and those here part the headers. */
static void clean_headers(const xai_redactor *redactor, const xai_buf *headers) {
  for (size_t at = 0; at < headers->len;) {
    const char *end = memchr(headers->ptr + at, '\n', headers->len - at);
    size_t len = end != NULL ? (size_t)(end - (headers->ptr + at)) : headers->len - at;
    xai__redactor_apply(redactor, headers->ptr + at, len);
    at += len + 1;
  }
}

void xai__answer_clean(xai_answer *answer, xai_str secret) {
  xai_redactor redactor;
  const xai_why *why = &answer->verdict.why;
  if (xai__why_read(why)->code == XAI_OK || secret.len == 0) return;
  xai__redactor_init(&redactor, secret);
  if (why->error != NULL) clean_error(&redactor, why->error);
  clean_headers(&redactor, &answer->headers);
  xai_buf *inbox = &answer->inbox;
  if (answer->mode != ANSWER_STREAM)
    xai__redactor_apply(&redactor, inbox->ptr, inbox->len < LONGEST_BODY ? inbox->len : LONGEST_BODY);
  clean_response(&redactor, (xai_json *)(uintptr_t)xai__answer_response(answer));
  xai__redactor_deinit(&redactor);
}
