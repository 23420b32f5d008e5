/* xai_pattern_plain.c - regular expressions of ECMA-262, as many as can be matched without PCRE2.
 * SPDX-License-Identifier: MIT */
#include "xai_pattern.h"

#include "xai_nfa.h"
#include "xai_pattern_simple.h"
#include "xai_pattern_write.h"

#include <string.h>

#if !XAI_PCRE2

struct xai_pattern {
  xai_nfa *nfa; /* else NULL, and it is simple */
  xai_simple simple;
  size_t source_len;
  xai_mem mem;
  char source[]; /* NUL-terminated */
};

struct xai_matcher {
  xai_nfa_room room;
  xai_mem mem;
};

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

static xai_code write_and_compile(xai_pattern *pattern, xai_str source, char *why, size_t why_size) {
  xai_buf text;
  xai_code code = xai__pattern_write(&pattern->mem, source, &text, why, why_size);
  if (code != XAI_OK) return code;
  code = xai__nfa_new(&pattern->mem, xai__buf_str(&text), &pattern->nfa, why, why_size);
  xai__buf_deinit(&text);
  return code;
}

xai_code xai__pattern_new(const xai_mem *mem, xai_str source, xai_pattern **out, char *why, size_t why_size) {
  *out = NULL;
  xai_pattern *pattern = new_empty(mem, source);
  if (pattern == NULL) return XAI_ERR_NOMEM;
  xai_code code = XAI_OK;
  if (!xai__simple_parse(&pattern->simple, source)) code = write_and_compile(pattern, source, why, why_size);
  if (code == XAI_OK) *out = pattern;
  else xai__pattern_free(pattern);
  return code;
}

void xai__pattern_free(xai_pattern *pattern) {
  if (pattern == NULL) return;
  xai__nfa_free(pattern->nfa);
  xai_mem mem = pattern->mem;
  xai__free(&mem, pattern, sizeof *pattern + 1 + pattern->source_len);
}

xai_str xai__pattern_source(const xai_pattern *pattern) {
  return (xai_str){pattern->source, pattern->source_len};
}

size_t xai__pattern_size(const xai_pattern *pattern) {
  return sizeof *pattern + pattern->source_len + (pattern->nfa != NULL ? xai__nfa_size(pattern->nfa) : 0);
}

xai_matcher *xai__matcher_new(const xai_mem *mem) {
  xai_matcher *matcher = xai__alloc(mem, sizeof *matcher);
  if (matcher != NULL) matcher->mem = xai__mem(mem);
  return matcher;
}

void xai__matcher_free(xai_matcher *matcher) {
  if (matcher == NULL) return;
  xai_mem mem = matcher->mem;
  xai__nfa_room_free(&mem, &matcher->room);
  xai__free(&mem, matcher, sizeof *matcher);
}

xai_code xai__pattern_match(const xai_pattern *pattern, xai_matcher *matcher, xai_str text, uint64_t most,
                            bool *found, uint64_t *work) {
  if (pattern->nfa != NULL)
    return xai__nfa_match(pattern->nfa, &matcher->mem, &matcher->room, text, most, found, work);
  *work += 1 + text.len / (pattern->simple.anywhere ? 1 : 8);
  *found = xai__simple_match(&pattern->simple, text.len > 0 ? text.ptr : "", text.len);
  return XAI_OK;
}

#endif
