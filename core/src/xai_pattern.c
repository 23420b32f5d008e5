/* xai_pattern.c - regular expressions of ECMA-262, matched by PCRE2 within limits.
 * SPDX-License-Identifier: MIT */
#include "xai_pattern.h"

#include "xai_pattern_simple.h"
#include "xai_pattern_write.h"

#if XAI_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#define HEAP_LIMIT_KIB (64u << 10)

struct xai_pattern {
  xai_simple *simple; /* else NULL, and code is there */
  pcre2_code *code;
  pcre2_general_context *context;
  bool anchored; /* a match begins at the text's first byte or nowhere */
  size_t source_len;
  xai_mem mem;
  char source[]; /* NUL-terminated */
};

struct xai_matcher {
  pcre2_general_context *context;
  pcre2_match_context *limits;
  pcre2_match_data *data;
  uint64_t steps; /* of the match in progress             */
  uint64_t most;  /* of them                              */
  size_t at;      /* where the item before was looked for */
  xai_mem mem;
};

/* ---- PCRE2's memory through ours, which wants to hear the old size ---- */

typedef union sized {
  size_t size;
  max_align_t align;
} sized;

static void *sized_alloc(size_t size, void *user) {
  size_t whole;
  if (!xai__add(size, sizeof(sized), &whole)) return NULL;
  sized *block = xai__realloc(user, NULL, 0, whole);
  if (block == NULL) return NULL;
  block->size = whole;
  return block + 1;
}

static void sized_free(void *ptr, void *user) {
  if (ptr == NULL) return;
  sized *block = (sized *)ptr - 1;
  xai__free(user, block, block->size);
}

/* ---- compiling ---- */

/* `why` is left alone but with XAI_ERR_SCHEMA. */
static xai_code compile(xai_pattern *pattern, xai_str text, char *why, size_t why_size) {
  int error;
  PCRE2_SIZE offset;
  pcre2_compile_context *context = pcre2_compile_context_create(pattern->context);
  if (context == NULL) return XAI_ERR_NOMEM;
  uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
                     PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
  PCRE2_SPTR source = (PCRE2_SPTR)(text.len > 0 ? text.ptr : "");
  pattern->code = pcre2_compile(source, text.len, options, &error, &offset, context);
  pcre2_compile_context_free(context);
  uint32_t all;
  if (pattern->code != NULL) {
    bool known = pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &all) == 0;
    pattern->anchored = known && (all & PCRE2_ANCHORED) != 0;
    return XAI_OK;
  }
  if (error == PCRE2_ERROR_HEAP_FAILED) return XAI_ERR_NOMEM;
  if (pcre2_get_error_message(error, (PCRE2_UCHAR *)why, why_size) < 0 && why_size > 0) why[0] = '\0';
  return XAI_ERR_SCHEMA;
}

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

/* By PCRE2. */
static xai_code write_and_compile(xai_pattern *pattern, xai_str source, char *why, size_t why_size) {
  xai_buf text;
  pattern->context = pcre2_general_context_create(sized_alloc, sized_free, &pattern->mem);
  if (pattern->context == NULL) return XAI_ERR_NOMEM;
  xai_code code = xai__pattern_write(&pattern->mem, source, &text, why, why_size);
  if (code != XAI_OK) return code;
  code = compile(pattern, xai__buf_str(&text), why, why_size);
  xai__buf_deinit(&text);
  return code;
}

static xai_code keep_simple(xai_pattern *pattern, const xai_simple *simple) {
  pattern->simple = xai__alloc(&pattern->mem, sizeof *simple);
  if (pattern->simple == NULL) return XAI_ERR_NOMEM;
  *pattern->simple = *simple;
  return XAI_OK;
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
  pcre2_code_free(pattern->code);
  pcre2_general_context_free(pattern->context);
  xai_mem mem = pattern->mem;
  xai__free(&mem, pattern, sizeof *pattern + 1 + pattern->source_len);
}

xai_str xai__pattern_source(const xai_pattern *pattern) {
  return (xai_str){pattern->source, pattern->source_len};
}

size_t xai__pattern_size(const xai_pattern *pattern) {
  size_t size = sizeof(xai_simple);
  if (pattern->code != NULL && pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size) != 0) size = 0;
  return size + sizeof *pattern + pattern->source_len;
}

/* ---- matching ---- */

/* Before each item of the pattern. PCRE2's own match limit begins anew wherever a search begins anew, so that "a+$"
 * takes hours for a megabyte of "a" and stays below it. The bytes that the item before ran over count, too. */
static int count_step(pcre2_callout_block *block, void *user) {
  xai_matcher *matcher = user;
  size_t at = block->current_position;
  size_t far = at > matcher->at ? at - matcher->at : matcher->at - at;
  matcher->at = at;
  matcher->steps += 2 + far / 16;
  return matcher->steps > matcher->most ? PCRE2_ERROR_MATCHLIMIT : 0;
}

xai_matcher *xai__matcher_new(const xai_mem *mem) {
  xai_matcher *matcher = xai__alloc(mem, sizeof *matcher);
  if (matcher == NULL) return NULL;
  matcher->mem = xai__mem(mem);
  matcher->context = pcre2_general_context_create(sized_alloc, sized_free, &matcher->mem);
  if (matcher->context != NULL) {
    matcher->limits = pcre2_match_context_create(matcher->context);
    matcher->data = pcre2_match_data_create(1, matcher->context);
  }
  if (matcher->limits == NULL || matcher->data == NULL) {
    xai__matcher_free(matcher);
    return NULL;
  }
  pcre2_set_heap_limit(matcher->limits, HEAP_LIMIT_KIB);
  return matcher;
}

void xai__matcher_free(xai_matcher *matcher) {
  if (matcher == NULL) return;
  pcre2_match_data_free(matcher->data);
  pcre2_match_context_free(matcher->limits);
  pcre2_general_context_free(matcher->context);
  xai_mem mem = matcher->mem;
  xai__free(&mem, matcher, sizeof *matcher);
}

static int match(const xai_pattern *pattern, const xai_matcher *matcher, xai_str text, uint64_t most) {
  pcre2_set_match_limit(matcher->limits, most < UINT32_MAX ? (uint32_t)most : UINT32_MAX);
  PCRE2_SPTR subject = (PCRE2_SPTR)(text.len > 0 ? text.ptr : "");
  return pcre2_match(pattern->code, subject, text.len, 0, 0, matcher->data, matcher->limits);
}

static int match_counted(const xai_pattern *pattern, xai_matcher *matcher, xai_str text, uint64_t most) {
  matcher->steps = matcher->at = 0;
  matcher->most = most;
  pcre2_set_callout(matcher->limits, count_step, matcher);
  int result = match(pattern, matcher, text, most);
  pcre2_set_callout(matcher->limits, NULL, NULL);
  return result;
}

/* A match that can begin at one place only is first tried without counting (measured: a third faster), with a limit
 * that honest ones stay below, and charged with half of that. */
xai_code xai__pattern_match(const xai_pattern *pattern, xai_matcher *matcher, xai_str text, uint64_t most,
                            bool *found, uint64_t *work) {
  if (pattern->simple != NULL) {
    *work += 1 + text.len / (pattern->simple->anywhere ? 1 : 8);
    *found = xai__simple_match(pattern->simple, text.len > 0 ? text.ptr : "", text.len);
    return XAI_OK;
  }
  uint64_t honest = 16 + (uint64_t)text.len;
  int result = PCRE2_ERROR_MATCHLIMIT;
  *work += 1 + (pattern->anchored ? honest : text.len / 8);
  if (pattern->anchored && most > honest) result = match(pattern, matcher, text, 2 * honest);
  if (result == PCRE2_ERROR_MATCHLIMIT) {
    result = match_counted(pattern, matcher, text, most);
    *work += matcher->steps;
  }
  *found = result >= 0;
  switch (result) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT: return XAI_ERR_STEPS;
    case PCRE2_ERROR_NOMEMORY: return XAI_ERR_NOMEM;
    default: return XAI_OK;
  }
}

#endif
