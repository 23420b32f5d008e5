/* xai_linear.h - regular expressions matched in time linear in the text, with what they look ahead for at their start.
 * SPDX-License-Identifier: MIT
 *
 * "^(?=.*\d)(?!x)[a-z]" is three expressions that begin at the text's start: all have to match, or must not.
 */
#ifndef XAI_LINEAR_H
#define XAI_LINEAR_H

#include "xai_nfa.h"

#pragma GCC visibility push(hidden)

typedef struct xai_linear xai_linear;

/* `written` by xai__pattern_write. XAI_OK and *out; XAI_ERR_LIBRARY with `why` filled: see xai__nfa_new, or with
 * `tables`, when one of them has no table; XAI_ERR_SCHEMA likewise; XAI_ERR_NOMEM. */
xai_code xai__linear_new(const xai_mem *mem, xai_str written, bool tables, xai_linear **out, char *why,
                         size_t why_size);
void xai__linear_free(xai_linear *linear);
/* Bytes it holds, about. */
size_t xai__linear_size(const xai_linear *linear);

/* As xai__nfa_match. */
xai_code xai__linear_match(const xai_linear *linear, const xai_mem *mem, xai_nfa_room *room, xai_str text,
                           uint64_t most, bool *found, uint64_t *work);

#pragma GCC visibility pop

#endif
