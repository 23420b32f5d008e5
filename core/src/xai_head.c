/* xai_head.c - status lines, header lines, and the ways in which they contradict each other.
 * SPDX-License-Identifier: MIT */
#include "xai_head.h"

#include <string.h>

#define MAX_INTERIM 32 /* a server that answers nothing but 1xx would hold us for ever (F37) */

void xai__head_init(xai_head *head, size_t max_bytes) {
  *head = (xai_head){.max_bytes = max_bytes};
}

static xai_code bad_head(xai_head *head, const char *why) {
  head->why = why;
  return XAI_ERR_HTTP;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* RFC 9110 section 5.6.2. */
static bool is_token(xai_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
    if (!letter && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) return false;
  }
  return text.len > 0;
}

static xai_str without_line_end(xai_str line) {
  if (line.len > 0 && line.ptr[line.len - 1] == '\n') line.len--;
  if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
  return line;
}

/* "HTTP/1.1 200 OK"; the reason, and the space before it, may be missing. */
static int status_of(xai_str line) {
  if (!xai__str_starts(line, "HTTP/") || line.len < 6 || !is_digit(line.ptr[5])) return 0;
  size_t at = 6;
  while (at < line.len && (is_digit(line.ptr[at]) || line.ptr[at] == '.')) at++;
  if (line.len - at < 4 || line.ptr[at] != ' ') return 0;
  int status = 0;
  for (size_t i = at + 1; i < at + 4; i++) {
    if (!is_digit(line.ptr[i])) return 0;
    status = status * 10 + (line.ptr[i] - '0');
  }
  if (line.len > at + 4 && line.ptr[at + 4] != ' ') return 0;
  return status >= 100 ? status : 0;
}

static xai_code read_status(xai_head *head, xai_str line, xai_head_kind *kind) {
  head->status = status_of(line);
  if (head->status == 0) return bad_head(head, "no valid status line");
  head->open = true;
  if (head->status >= 200) {
    *kind = XAI_HEAD_STATUS;
    return XAI_OK;
  }
  if (head->status == 101) return bad_head(head, "switches to a protocol that nobody asked for");
  if (++head->interim > MAX_INTERIM) return bad_head(head, "too many interim answers");
  return XAI_OK;
}

/* One element of a Content-Length, which senders that merged headers write as a list of equals. */
static bool same_length(xai_head *head, xai_str element) {
  uint64_t length = 0;
  for (size_t i = 0; i < element.len; i++) {
    if (!is_digit(element.ptr[i]) || length > (INT64_MAX - 9) / 10) return false;
    length = length * 10 + (uint64_t)(element.ptr[i] - '0');
  }
  if (element.len == 0 || (head->has_length && head->length != length)) return false;
  head->has_length = true;
  head->length = length;
  return true;
}

static bool lengths_agree(xai_head *head, xai_str value) {
  size_t from = 0;
  for (size_t at = 0; at <= value.len; at++) {
    if (at < value.len && value.ptr[at] != ',') continue;
    if (!same_length(head, xai__str_trim((xai_str){value.ptr + from, at - from}))) return false;
    from = at + 1;
  }
  return true;
}

/* Two lengths, or a length beside chunks, are how an answer is passed off for another one (F24). */
static xai_code check_framing(xai_head *head, xai_str name, xai_str value) {
  if (xai__str_eq_nocase(name, "transfer-encoding")) head->has_transfer = true;
  else if (!xai__str_eq_nocase(name, "content-length")) return XAI_OK;
  else if (!lengths_agree(head, value)) return bad_head(head, "Content-Length is no one number");
  if (head->has_transfer && head->has_length) return bad_head(head, "two ways of telling its length");
  return XAI_OK;
}

static xai_code read_field(xai_head *head, xai_str line, xai_str *name, xai_str *value) {
  const char *colon = memchr(line.ptr, ':', line.len);
  if (colon == NULL) return bad_head(head, "a header without colon");
  *name = (xai_str){line.ptr, (size_t)(colon - line.ptr)};
  *value = xai__str_trim((xai_str){colon + 1, line.len - name->len - 1});
  if (!is_token(*name)) return bad_head(head, "a header with a bad name");
  if (memchr(value->ptr, '\0', value->len) != NULL) return bad_head(head, "a NUL byte in a header");
  return head->status < 200 ? XAI_OK : check_framing(head, *name, *value);
}

xai_code xai__head_line(xai_head *head, xai_str line, xai_head_kind *kind, xai_str *name, xai_str *value) {
  *kind = XAI_HEAD_NOTHING;
  if (line.len > head->max_bytes - head->bytes) {
    head->why = "headers larger than the limit";
    return XAI_ERR_TOO_BIG;
  }
  head->bytes += line.len;
  if (head->ended) return XAI_OK; /* a trailer */
  line = without_line_end(line);
  if (!head->open) return read_status(head, line, kind);
  if (line.len == 0) {
    head->open = false;
    head->ended = head->status >= 200;
    if (head->ended) *kind = XAI_HEAD_END;
    return XAI_OK;
  }
  xai_code code = read_field(head, line, name, value);
  if (code == XAI_OK && head->status >= 200) *kind = XAI_HEAD_FIELD;
  return code;
}
