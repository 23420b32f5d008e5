/* xai_pattern.h - regular expressions of ECMA-262 (with its u flag), matched within limits.
 * SPDX-License-Identifier: MIT
 *
 * A compiled pattern is immutable and may be matched from many threads, each with a matcher of its own. What
 * PCRE2 has beyond ECMA-262 is refused; an escaped punctuation mark is taken literally, as before the u flag.
 *
 * Most are matched in time linear in the text, by a loop (xai_pattern_simple.c) or a table (xai_linear.c); those whose
 * table would be too large, and those that refer back to a group, name a property of Unicode, or look ahead elsewhere
 * than at the start, or behind, by PCRE2 (xai_pcre.c). With XAI_PCRE2 0 there is no PCRE2: then the former are matched
 * without a table, and the others do not compile.
 */
#ifndef XAI_PATTERN_H
#define XAI_PATTERN_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

#ifndef XAI_PCRE2
#define XAI_PCRE2 1
#endif

typedef struct xai_pattern xai_pattern;
typedef struct xai_matcher xai_matcher;

/* XAI_OK and *out; XAI_ERR_SCHEMA with `why` filled (one phrase, NUL-terminated); XAI_ERR_LIBRARY likewise,
 * when it is for PCRE2, and there is none; XAI_ERR_NOMEM. */
xai_code xai__pattern_new(const xai_mem *mem, xai_str source, xai_pattern **out, char *why, size_t why_size);
void xai__pattern_free(xai_pattern *pattern);
xai_str xai__pattern_source(const xai_pattern *pattern);
/* Bytes it holds, about. */
size_t xai__pattern_size(const xai_pattern *pattern);

/* Room for matching. NULL without memory. */
xai_matcher *xai__matcher_new(const xai_mem *mem);
void xai__matcher_free(xai_matcher *matcher);

/* Does the pattern match anywhere in the text? XAI_OK with *found; XAI_ERR_STEPS beyond `most` steps; XAI_ERR_NOMEM.
 * *work grows by the steps that it took: a step is some 10 ns. */
xai_code xai__pattern_match(const xai_pattern *pattern, xai_matcher *matcher, xai_str text, uint64_t most,
                            bool *found, uint64_t *work);

#pragma GCC visibility pop

#endif
