/* xai_answer_headers.c - the headers of an answer: kept as they come, found by their names.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "xai_answer.h"

enum { WANTED_AT_ONCE = 16 }; /* names that are looked for in one go */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

typedef struct wanted {
  const char *const *names;
  size_t count;
  size_t lens[WANTED_AT_ONCE];
  xai_str *values;
} wanted;

/* The first header of a name is the one that counts. */
static void find_name(xai_str name, xai_str value, const wanted *w) {
  char first = name.len > 0 ? lower(name.ptr[0]) : '\0';
  for (size_t i = 0; i < w->count; i++) {
    if (w->lens[i] != name.len || lower(w->names[i][0]) != first || w->values[i].ptr != NULL) continue;
    if (xai__str_eq_nocase(name, w->names[i])) w->values[i] = value;
  }
}

static void find_some(const xai_answer *answer, const char *const *names, size_t count, xai_str *values) {
  wanted w = {names, count, {0}, values};
  for (size_t i = 0; i < count; i++) {
    w.lens[i] = strlen(names[i]);
    values[i] = (xai_str){NULL, 0};
  }
  const char *at = answer->headers.ptr;
  const char *stop = at ? at + answer->headers.len : NULL;
  while (at != stop) {
    const char *line_end = memchr(at, '\n', (size_t)(stop - at));
    const char *colon = memchr(at, ':', (size_t)(line_end - at));
    find_name((xai_str){at, (size_t)(colon - at)}, (xai_str){colon + 2, (size_t)(line_end - colon - 2)}, &w);
    at = line_end + 1;
  }
  for (size_t i = 0; i < count; i++)
    if (values[i].ptr == NULL) values[i] = xai_str_of("");
}

void xai__answer_find_all(const xai_answer *answer, const char *const *names, size_t count, xai_str *values) {
  for (size_t from = 0; from < count; from += WANTED_AT_ONCE) {
    size_t left = count - from;
    find_some(answer, names + from, left < WANTED_AT_ONCE ? left : WANTED_AT_ONCE, values + from);
  }
}

static xai_str value_at(const xai_answer *answer, answer_value value) {
  return value.at > 0 ? (xai_str){answer->headers.ptr + value.at, value.len} : xai_str_of("");
}

xai_str xai__answer_content_type(const xai_answer *answer) {
  return value_at(answer, answer->content_type);
}

xai_str xai__answer_request_id(const xai_answer *answer) {
  return value_at(answer, answer->request_id);
}

xai_str xai__answer_find(const xai_answer *answer, const char *name) {
  xai_str value;
  xai__answer_find_all(answer, &name, 1, &value);
  return value;
}

/* Of the header that was added last. */
static void note_value(xai_answer *answer, xai_str name, size_t len) {
  answer_value *value = name.len == 12 && xai__str_eq_nocase(name, "content-type")   ? &answer->content_type
                        : name.len == 12 && xai__str_eq_nocase(name, "x-request-id") ? &answer->request_id
                                                                                     : NULL;
  if (value != NULL && value->at == 0) *value = (answer_value){answer->headers.len - 1 - len, len};
}

static bool has_byte(xai_str text, char byte) {
  return text.len > 0 && memchr(text.ptr, byte, text.len) != NULL;
}

xai_code xai__answer_header(xai_answer *answer, xai_str name, xai_str value) {
  if (answer->verdict.outcome != XAI_OUTCOME_NONE) return XAI_OK;
  if (has_byte(name, ':') || has_byte(name, '\n') || has_byte(value, '\n')) return XAI_ERR_HTTP;
  xai__retry_after_header(&answer->wish, name, value);
  if (xai__str_eq_nocase(name, "x-should-retry") && xai__str_eq_nocase(value, "false"))
    answer->never_retry = true;
  xai_code code =
    xai__buf_reserve(&answer->headers, name.len + value.len + 3); /* a line is kept whole or not */
  if (code == XAI_OK) code = xai__buf_add(&answer->headers, name.ptr, name.len);
  if (code == XAI_OK) code = xai__buf_add(&answer->headers, ": ", 2);
  if (code == XAI_OK) code = xai__buf_add(&answer->headers, value.ptr, value.len);
  if (code == XAI_OK) code = xai__buf_add_char(&answer->headers, '\n');
  if (code == XAI_OK) note_value(answer, name, value.len);
  return code;
}
