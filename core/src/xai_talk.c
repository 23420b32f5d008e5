/* xai_talk.c - writes the head of a request, keeps count of what went out, and says how an exchange ended.
 * SPDX-License-Identifier: MIT */
#include "xai_talk.h"

#include <stdio.h>
#include <string.h>

#include "xai_err.h"

/* ---- the request's bytes */

static char *put(char *at, xai_str text) {
  if (text.len > 0) memcpy(at, text.ptr, text.len);
  return at + text.len;
}

static char *put_field(char *at, const char *name, xai_str value) {
  at = put(at, xai_str_of(name));
  at = put(at, (xai_str){": ", value.len > 0 ? 2 : 1});
  return put(put(at, value), (xai_str){"\r\n", 2});
}

/* A method that usually has a body says that it has none; the others say nothing. */
static bool tells_length(const xai_exchange_request *request) {
  static const char *const methods[] = {"POST", "PUT", "PATCH"};
  for (size_t i = 0; i < 3; i++)
    if (strcmp(request->method, methods[i]) == 0) return true;
  return request->body.len > 0;
}

enum { FIXED_TEXT = 160 }; /* more than all that is the same in every head, with the length's digits */

static xai_code write_head(const xai_exchange_request *request, xai_str authority, xai_str path,
                           const char *coding, xai_buf *head) {
  char length[24];
  /* Room for all at once: a buffer that grows leaves copies of the key behind. */
  size_t size = FIXED_TEXT + strlen(request->method) + path.len + authority.len;
  if (coding != NULL) size += strlen(coding);
  for (size_t i = 0; i < request->header_count; i++)
    size += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 4;
  if (xai__buf_reserve(head, size) != XAI_OK) return XAI_ERR_NOMEM;
  char *at = put(put(head->ptr, xai_str_of(request->method)), (xai_str){" ", 1});
  at = put(put(at, path), (xai_str){" HTTP/1.1\r\n", 11});
  at = put_field(at, "Host", authority);
  for (size_t i = 0; i < request->header_count; i++)
    at = put_field(at, request->headers[i].name, xai_str_of(request->headers[i].value));
  if (coding != NULL) at = put_field(at, "Accept-Encoding", xai_str_of(coding));
  snprintf(length, sizeof length, "%zu", request->body.len);
  if (tells_length(request)) at = put_field(at, "Content-Length", xai_str_of(length));
  at = put(at, (xai_str){"\r\n", 2});
  head->len = (size_t)(at - head->ptr);
  *at = '\0';
  return XAI_OK;
}

xai_code xai__talk_init(xai_talk *talk, const xai_mem *mem, const xai_exchange_request *request,
                        const xai_sink *sink, xai_str authority, xai_str path, const char *coding) {
  *talk = (xai_talk){.request = request, .sink = *sink};
  xai__buf_init(&talk->head, mem, SIZE_MAX / 2);
  xai__http1_init(&talk->answer, mem, request->max_headers, request->max_response,
                  strcmp(request->method, "HEAD") == 0);
  xai_code code = write_head(request, authority, path, coding, &talk->head);
  talk->head_len = talk->head.len;
  if (code != XAI_OK) xai__talk_deinit(talk);
  return code;
}

void xai__talk_forget_head(xai_talk *talk) {
  if (talk->head.ptr != NULL) xai__wipe(talk->head.ptr, talk->head.room);
  xai__buf_deinit(&talk->head);
}

void xai__talk_deinit(xai_talk *talk) {
  xai__talk_forget_head(talk);
  xai__http1_deinit(&talk->answer);
}

size_t xai__talk_len(const xai_talk *talk) {
  return talk->head_len + talk->request->body.len;
}

void xai__talk_left(const xai_talk *talk, xai_str parts[2]) {
  size_t of_head = talk->given < talk->head_len ? talk->given : talk->head_len;
  size_t of_body = talk->given - of_head;
  parts[0] = parts[1] = xai_str_of("");
  if (of_head < talk->head.len) parts[0] = (xai_str){talk->head.ptr + of_head, talk->head.len - of_head};
  if (of_body < talk->request->body.len)
    parts[1] = (xai_str){talk->request->body.ptr + of_body, talk->request->body.len - of_body};
}

/* ---- how it ended */

/* As for libcurl: a request whose body has not begun cannot be executed, so its head alone does not count. */
static bool may_have_sent(const xai_talk *talk) {
  return talk->request->body.len > 0 ? talk->given > talk->head_len : talk->given > 0;
}

bool xai__talk_is_answered(const xai_talk *talk) {
  return talk->answer.head.bytes > 0 || talk->answer.line.len > 0;
}

const char *xai__talk_phase(const xai_talk *talk) {
  if (talk->answer.head.ended) return "body";
  if (xai__talk_is_answered(talk)) return "headers";
  if (talk->given == 0) return NULL;
  return talk->given < xai__talk_len(talk) ? "send" : "wait";
}

void xai__talk_describe(const xai_talk *talk, xai_code code, const char *phase, const char *detail,
                        xai_exchange_end *end) {
  *end = (xai_exchange_end){.code = code, .sent = may_have_sent(talk), .phase = phase};
  if (detail == NULL) return;
  char words[400];
  xai__str_copy(words, sizeof words, xai_str_of(detail));
  xai__redact(words);
  xai__str_copy(end->detail, sizeof end->detail, xai_str_of(words));
}
