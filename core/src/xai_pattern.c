/* xai_pattern.c - regular expressions of ECMA-262, each matched in the cheapest way that can do it.
 * SPDX-License-Identifier: MIT */
#include "xai_pattern.h"

#include "xai_linear.h"
#include "xai_pattern_simple.h"
#include "xai_pattern_write.h"
#include "xai_pcre.h"

#include <string.h>

struct xai_pattern {
  xai_simple *simple; /* the first of these three that can */
  xai_linear *linear;
  xai_pcre *pcre;
  size_t source_len;
  xai_mem mem;
  char source[]; /* NUL-terminated */
};

struct xai_matcher {
  xai_nfa_room room;
  xai_pcre_room *pcre; /* NULL until it is needed */
  xai_mem mem;
};

/* ---- compiling ---- */

static xai_pattern *new_empty(const xai_mem *mem, xai_str source) {
  size_t size;
  if (!xai__add(sizeof(xai_pattern) + 1, source.len, &size)) return NULL;
  xai_pattern *pattern = xai__alloc(mem, size);
  if (pattern == NULL) return NULL;
  pattern->mem = xai__mem(mem);
  pattern->source_len = source.len;
  if (source.len > 0) memcpy(pattern->source, source.ptr, source.len);
  return pattern;
}

static xai_code keep_simple(xai_pattern *pattern, const xai_simple *simple) {
  pattern->simple = xai__alloc(&pattern->mem, sizeof *simple);
  if (pattern->simple == NULL) return XAI_ERR_NOMEM;
  *pattern->simple = *simple;
  return XAI_OK;
}

/* Where there is PCRE2, it is faster than a program without a table. */
static xai_code write_and_compile(xai_pattern *pattern, xai_str source, char *why, size_t why_size) {
  xai_buf text;
  xai_code code = xai__pattern_write(&pattern->mem, source, &text, why, why_size);
  if (code != XAI_OK) return code;
  xai_str written = xai__buf_str(&text);
  code = xai__linear_new(&pattern->mem, written, XAI_PCRE2 != 0, &pattern->linear, why, why_size);
  if (XAI_PCRE2 && (code == XAI_ERR_SCHEMA || code == XAI_ERR_LIBRARY))
    code = xai__pcre_new(&pattern->mem, written, &pattern->pcre, why, why_size);
  xai__buf_deinit(&text);
  return code;
}

xai_code xai__pattern_new(const xai_mem *mem, xai_str source, xai_pattern **out, char *why, size_t why_size) {
  xai_simple simple;
  *out = NULL;
  xai_pattern *pattern = new_empty(mem, source);
  if (pattern == NULL) return XAI_ERR_NOMEM;
  bool is_simple = xai__simple_parse(&simple, source);
  xai_code code =
    is_simple ? keep_simple(pattern, &simple) : write_and_compile(pattern, source, why, why_size);
  if (code == XAI_OK) *out = pattern;
  else xai__pattern_free(pattern);
  return code;
}

void xai__pattern_free(xai_pattern *pattern) {
  if (pattern == NULL) return;
  xai__free(&pattern->mem, pattern->simple, sizeof *pattern->simple);
  xai__linear_free(pattern->linear);
  xai__pcre_free(pattern->pcre);
  xai_mem mem = pattern->mem;
  xai__free(&mem, pattern, sizeof *pattern + 1 + pattern->source_len);
}

xai_str xai__pattern_source(const xai_pattern *pattern) {
  return (xai_str){pattern->source, pattern->source_len};
}

size_t xai__pattern_size(const xai_pattern *pattern) {
  size_t size = sizeof *pattern + pattern->source_len;
  if (pattern->simple != NULL) size += sizeof *pattern->simple;
  if (pattern->linear != NULL) size += xai__linear_size(pattern->linear);
  if (pattern->pcre != NULL) size += xai__pcre_size(pattern->pcre);
  return size;
}

/* ---- matching ---- */

xai_matcher *xai__matcher_new(const xai_mem *mem) {
  xai_matcher *matcher = xai__alloc(mem, sizeof *matcher);
  if (matcher != NULL) matcher->mem = xai__mem(mem);
  return matcher;
}

void xai__matcher_free(xai_matcher *matcher) {
  if (matcher == NULL) return;
  xai_mem mem = matcher->mem;
  xai__nfa_room_free(&mem, &matcher->room);
  xai__pcre_room_free(matcher->pcre);
  xai__free(&mem, matcher, sizeof *matcher);
}

xai_code xai__pattern_match(const xai_pattern *pattern, xai_matcher *matcher, xai_str text, uint64_t most,
                            bool *found, uint64_t *work) {
  if (pattern->simple != NULL) {
    *work += 1 + text.len / (pattern->simple->anywhere ? 1 : 8);
    *found = xai__simple_match(pattern->simple, text.len > 0 ? text.ptr : "", text.len);
    return XAI_OK;
  }
  if (pattern->linear != NULL)
    return xai__linear_match(pattern->linear, &matcher->mem, &matcher->room, text, most, found, work);
  if (matcher->pcre == NULL) matcher->pcre = xai__pcre_room_new(&matcher->mem);
  if (matcher->pcre == NULL) return XAI_ERR_NOMEM;
  return xai__pcre_match(pattern->pcre, matcher->pcre, text, most, found, work);
}
