/* xai_http1.c - the framing of an HTTP/1.1 answer: lengths, chunks, trailers, the connection's end.
 * SPDX-License-Identifier: MIT
 *
 * Strict: what could be read in two ways is an error, since a client and a proxy that disagree about where an
 * answer ends hand one caller's answer to another (F24, F26, F27).
 */
#include "xai_http1.h"

#include <string.h>

enum {
  MAX_SIZE_LINE = 4096,
  MAX_SIZE_DIGITS = 15
}; /* digits: below 2^60, no overflow; extensions are skipped */

void xai__http1_init(xai_http1 *self, const xai_mem *mem, size_t max_headers, size_t max_body,
                     bool bodiless) {
  *self = (xai_http1){.room = max_body, .bodiless = bodiless};
  xai__head_init(&self->head, max_headers);
  xai__buf_init(&self->line, mem, SIZE_MAX / 2);
}

void xai__http1_deinit(xai_http1 *self) {
  xai__buf_deinit(&self->line);
}

static xai_code bad_answer(xai_http1 *self, const char *why) {
  self->why = why;
  return XAI_ERR_HTTP;
}

/* ---- lines */

/* How long the line that is being read may be. */
static size_t line_limit(const xai_http1 *self) {
  if (self->state == XAI_HTTP1_SIZE) return MAX_SIZE_LINE;
  if (self->state == XAI_HTTP1_CHUNK_END) return 2;
  return self->head.max_bytes - self->head.bytes;
}

static xai_code line_too_long(xai_http1 *self) {
  if (self->state == XAI_HTTP1_SIZE) return bad_answer(self, "a chunk's size is too long a line");
  if (self->state == XAI_HTTP1_CHUNK_END) return bad_answer(self, "a chunk is longer than its size");
  self->why = "headers larger than the limit";
  return XAI_ERR_TOO_BIG;
}

/* The next line with its end, borrowed until the next one, and how many bytes it took. XAI_MORE: its end has
 * not come, all bytes are kept. */
static xai_code take_line(xai_http1 *self, const char *bytes, size_t len, size_t *taken, xai_str *line) {
  const char *end = memchr(bytes, '\n', len);
  size_t part = end != NULL ? (size_t)(end - bytes) + 1 : len, limit = line_limit(self);
  if (self->line.len > limit || part > limit - self->line.len) return line_too_long(self);
  *taken = part;
  *line = (xai_str){bytes, part};
  if (end != NULL && self->line.len == 0) return XAI_OK;
  xai_code code = xai__buf_add(&self->line, bytes, part);
  if (code != XAI_OK) return code;
  *line = xai__buf_str(&self->line);
  return end != NULL ? XAI_OK : XAI_MORE;
}

/* ---- the head */

static bool lists_close(xai_str value) {
  size_t from = 0;
  for (size_t at = 0; at <= value.len; at++) {
    if (at < value.len && value.ptr[at] != ',') continue;
    if (xai__str_eq_nocase(xai__str_trim((xai_str){value.ptr + from, at - from}), "close")) return true;
    from = at + 1;
  }
  return false;
}

static void note_field(xai_http1 *self, xai_str name, xai_str value) {
  if (xai__str_eq_nocase(name, "connection")) {
    if (lists_close(value)) self->closes = true;
  } else if (xai__str_eq_nocase(name, "transfer-encoding")) {
    self->transfers++;
    if (!xai__str_eq_nocase(value, "chunked")) self->other_transfer = true;
  } else if (xai__str_eq_nocase(name, "content-encoding")) {
    if (value.len > 0 && !xai__str_eq_nocase(value, "identity")) self->other_encoding = true;
  }
}

static xai_code check_version(xai_http1 *self, xai_str line) {
  self->old = xai__str_starts(line, "HTTP/1.0 ");
  if (self->old || xai__str_starts(line, "HTTP/1.1 ")) return XAI_OK;
  return bad_answer(self, "not HTTP/1");
}

static xai_code begin_body(xai_http1 *self) {
  int status = self->head.status;
  if (self->bodiless || status == 204 || status == 304) {
    self->state = XAI_HTTP1_DONE;
    return XAI_OK;
  }
  if (self->transfers > 1 || self->other_transfer)
    return bad_answer(self, "a transfer encoding other than chunked");
  if (self->transfers > 0 && self->old) return bad_answer(self, "chunks in HTTP/1.0");
  if (self->other_encoding) return bad_answer(self, "a content encoding that was not asked for");
  if (self->transfers > 0) {
    self->state = XAI_HTTP1_SIZE;
  } else if (self->head.has_length) {
    self->left = self->head.length;
    self->state = self->left > 0 ? XAI_HTTP1_FIXED : XAI_HTTP1_DONE;
  } else {
    self->state = XAI_HTTP1_OPEN;
  }
  return XAI_OK;
}

static xai_code read_head_line(xai_http1 *self, const xai_sink *sink, xai_str line) {
  xai_head_kind kind;
  xai_str name, value;
  bool is_status_line = !self->head.open;
  xai_code code = xai__head_line(&self->head, line, &kind, &name, &value);
  if (code != XAI_OK) {
    self->why = self->head.why;
    return code;
  }
  if (is_status_line && check_version(self, line) != XAI_OK) return XAI_ERR_HTTP;
  if (kind == XAI_HEAD_STATUS) sink->status(sink->user, self->head.status);
  if (kind == XAI_HEAD_END) return begin_body(self);
  if (kind != XAI_HEAD_FIELD) return XAI_OK;
  note_field(self, name, value);
  return sink->header(sink->user, name, value);
}

/* ---- chunks */

static int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool ends_line(xai_str rest) {
  return rest.len == 2 && rest.ptr[0] == '\r' && rest.ptr[1] == '\n';
}

/* RFC 9112 section 7.1: hex digits, then perhaps blanks and ";" with an extension, which nobody asked for. */
static xai_code read_size(xai_http1 *self, xai_str line) {
  uint64_t size = 0;
  size_t at = 0;
  while (at < line.len && hex_of(line.ptr[at]) >= 0) {
    if (at >= MAX_SIZE_DIGITS) return bad_answer(self, "a chunk of impossible size");
    size = size * 16 + (uint64_t)hex_of(line.ptr[at++]);
  }
  if (at == 0) return bad_answer(self, "a chunk without size");
  xai_str rest = {line.ptr + at, line.len - at};
  while (rest.len > 0 && (*rest.ptr == ' ' || *rest.ptr == '\t'))
    rest = (xai_str){rest.ptr + 1, rest.len - 1};
  bool extended = rest.len > 2 && *rest.ptr == ';' && rest.ptr[rest.len - 2] == '\r';
  if (!extended && !ends_line(rest)) return bad_answer(self, "a bad chunk size");
  self->left = size;
  self->state = size > 0 ? XAI_HTTP1_CHUNK : XAI_HTTP1_TRAILER;
  return XAI_OK;
}

static xai_code read_trailer(xai_http1 *self, xai_str line) {
  xai_head_kind kind;
  xai_str name, value;
  xai_code code = xai__head_line(&self->head, line, &kind, &name, &value); /* counts it */
  self->why = self->head.why;
  if (code != XAI_OK) return code;
  if (ends_line(line)) self->state = XAI_HTTP1_DONE;
  return XAI_OK;
}

static xai_code read_line(xai_http1 *self, const xai_sink *sink, xai_str line) {
  switch (self->state) {
    case XAI_HTTP1_SIZE: return read_size(self, line);
    case XAI_HTTP1_TRAILER: return read_trailer(self, line);
    case XAI_HTTP1_CHUNK_END:
      if (!ends_line(line)) return bad_answer(self, "a chunk is longer than its size");
      self->state = XAI_HTTP1_SIZE;
      return XAI_OK;
    default: return read_head_line(self, sink, line);
  }
}

/* ---- the body */

static bool is_within_body(const xai_http1 *self) {
  return self->state == XAI_HTTP1_FIXED || self->state == XAI_HTTP1_CHUNK || self->state == XAI_HTTP1_OPEN;
}

/* As much as belongs to the body and fits in the limit; what is beyond it is an error of its own. */
static xai_code pass_body(xai_http1 *self, const xai_sink *sink, const char *bytes, size_t len,
                          size_t *taken) {
  bool open = self->state == XAI_HTTP1_OPEN;
  if (!open && len > self->left) len = (size_t)self->left;
  if (self->room == 0) return XAI_ERR_TOO_BIG;
  if (len > self->room) len = self->room;
  xai_code code = sink->body(sink->user, bytes, len);
  if (code != XAI_OK) return code;
  *taken = len;
  self->room -= len;
  if (open) return XAI_OK;
  self->left -= len;
  if (self->left > 0) return XAI_OK;
  self->state = self->state == XAI_HTTP1_CHUNK ? XAI_HTTP1_CHUNK_END : XAI_HTTP1_DONE;
  return XAI_OK;
}

/* What is no HTTP is told at once, for the end of its line may never come. What is kept of the line was looked at. */
static xai_code check_start(xai_http1 *self, const char *bytes, size_t len) {
  bool ends_chunk = self->state == XAI_HTTP1_CHUNK_END;
  const char *start = ends_chunk ? "\r\n" : self->state == XAI_HTTP1_HEAD && !self->head.open ? "HTTP/" : "";
  for (size_t i = 0, at = self->line.len; i < len && at < strlen(start); i++, at++) {
    if (bytes[i] == start[at]) continue;
    self->head.bytes += at + 1; /* it is an answer, of a kind */
    return bad_answer(self, ends_chunk ? "a chunk is longer than its size" : "no valid status line");
  }
  return XAI_OK;
}

static xai_code feed_line(xai_http1 *self, const xai_sink *sink, const char *bytes, size_t len,
                          size_t *taken) {
  xai_str line;
  xai_code code = check_start(self, bytes, len);
  if (code == XAI_OK) code = take_line(self, bytes, len, taken, &line);
  if (code == XAI_MORE) return XAI_OK; /* kept */
  if (code == XAI_OK) code = read_line(self, sink, line);
  xai__buf_reset(&self->line);
  return code;
}

xai_code xai__http1_feed(xai_http1 *self, const xai_sink *sink, const char *bytes, size_t len,
                         size_t *taken) {
  *taken = 0;
  while (*taken < len && self->state != XAI_HTTP1_DONE) {
    size_t part = 0;
    xai_code code = is_within_body(self) ? pass_body(self, sink, bytes + *taken, len - *taken, &part)
                                         : feed_line(self, sink, bytes + *taken, len - *taken, &part);
    if (code != XAI_OK) return code;
    *taken += part;
  }
  return XAI_OK;
}

xai_code xai__http1_close(xai_http1 *self) {
  if (self->state == XAI_HTTP1_DONE) return XAI_OK;
  if (self->state == XAI_HTTP1_HEAD) return XAI_ERR_RESET;
  if (self->state != XAI_HTTP1_OPEN) return XAI_ERR_SHORT;
  self->closes = true;
  self->state = XAI_HTTP1_DONE;
  return XAI_OK;
}

bool xai__http1_may_reuse(const xai_http1 *self) {
  return self->state == XAI_HTTP1_DONE && !self->closes && !self->old;
}
