/* xai_uri.c - references resolved against base addresses, and the parts of fragments.
 * SPDX-License-Identifier: MIT */
#include "xai_uri.h"

#include <string.h>

/* Each with its punctuation: "http:", "//host", "/path", "?query"; what is absent is empty. */
typedef struct parts {
  xai_str scheme;
  xai_str authority;
  xai_str path;
  xai_str query;
} parts;

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t scheme_len(xai_str uri) {
  if (uri.len == 0 || !is_letter(uri.ptr[0])) return 0;
  for (size_t i = 1; i < uri.len; i++) {
    char c = uri.ptr[i];
    if (c == ':') return i + 1;
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.') return 0;
  }
  return 0;
}

/* The first `len` bytes, which leave the text. */
static xai_str cut(xai_str *rest, size_t len) {
  xai_str head = {rest->ptr, len};
  rest->ptr += len;
  rest->len -= len;
  return head;
}

static size_t until(xai_str text, size_t from, const char *stops) {
  size_t i = from;
  while (i < text.len && (text.ptr[i] == '\0' || strchr(stops, text.ptr[i]) == NULL)) i++;
  return i;
}

static parts take_apart(xai_str uri) {
  parts p = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
  if (uri.len == 0) return p;
  p.scheme = cut(&uri, scheme_len(uri));
  bool has_authority = uri.len >= 2 && uri.ptr[0] == '/' && uri.ptr[1] == '/';
  if (has_authority) p.authority = cut(&uri, until(uri, 2, "/?"));
  p.path = cut(&uri, until(uri, 0, "?"));
  p.query = uri;
  return p;
}

/* Take the last segment, with its slash, off what was written from `start` on. */
static void drop_segment(xai_buf *out, size_t start) {
  while (out->len > start && out->ptr[out->len - 1] != '/') out->len--;
  if (out->len > start) out->len--;
}

/* RFC 3986 section 5.2.4; `text` starts with '/'. */
static xai_code add_rooted(xai_buf *out, xai_str text) {
  size_t start = out->len;
  while (text.len > 0) {
    size_t len = until(text, 1, "/");
    bool last = len == text.len;
    xai_str segment = cut(&text, len);
    bool one = xai__str_eq(segment, "/."), two = xai__str_eq(segment, "/..");
    xai_code code = XAI_OK;
    if (two) drop_segment(out, start);
    if (!one && !two) code = xai__buf_add(out, segment.ptr, segment.len);
    else if (last) code = xai__buf_add_char(out, '/');
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

static xai_code add(xai_buf *out, xai_str text) {
  return text.len == 0 ? XAI_OK : xai__buf_add(out, text.ptr, text.len);
}

static xai_code add_path(xai_buf *out, xai_str path) {
  return path.len > 0 && path.ptr[0] == '/' ? add_rooted(out, path) : add(out, path);
}

/* The base's path up to its last slash, followed by `path`. */
static xai_code add_merged(xai_buf *out, const parts *base, xai_str path) {
  xai_buf merged;
  xai__buf_init(&merged, &out->mem, out->cap);
  size_t keep = base->path.len;
  while (keep > 0 && base->path.ptr[keep - 1] != '/') keep--;
  xai_code code = XAI_OK;
  if (keep > 0) code = xai__buf_add(&merged, base->path.ptr, keep);
  else if (base->authority.len > 0) code = xai__buf_add_char(&merged, '/');
  if (code == XAI_OK) code = add(&merged, path);
  if (code == XAI_OK) code = add_path(out, xai__buf_str(&merged));
  xai__buf_deinit(&merged);
  return code;
}

xai_code xai__uri_resolve(xai_buf *out, xai_str base, xai_str reference) {
  parts b = take_apart(base), r = take_apart(reference);
  bool own_scheme = r.scheme.len > 0, own_host = own_scheme || r.authority.len > 0;
  xai_code code = add(out, own_scheme ? r.scheme : b.scheme);
  if (code == XAI_OK) code = add(out, own_host ? r.authority : b.authority);
  if (code != XAI_OK) return code;
  if (!own_host && r.path.len == 0) {
    code = add(out, b.path);
    return code != XAI_OK ? code : add(out, r.query.len > 0 ? r.query : b.query);
  }
  bool whole = own_host || r.path.ptr[0] == '/';
  code = whole ? add_path(out, r.path) : add_merged(out, &b, r.path);
  return code != XAI_OK ? code : add(out, r.query);
}

xai_str xai__uri_split(xai_str uri, xai_str *fragment) {
  *fragment = (xai_str){NULL, 0};
  const char *hash = uri.len == 0 ? NULL : memchr(uri.ptr, '#', uri.len);
  if (hash == NULL) return uri;
  size_t before = (size_t)(hash - uri.ptr);
  *fragment = (xai_str){hash + 1, uri.len - before - 1};
  return (xai_str){uri.ptr, before};
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

xai_code xai__uri_decode(xai_buf *out, xai_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '%' && text.len - i > 2 && hex(text.ptr[i + 1]) >= 0 && hex(text.ptr[i + 2]) >= 0) {
      c = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
      i += 2;
    }
    xai_code code = xai__buf_add_char(out, c);
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}
