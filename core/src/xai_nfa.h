/* xai_nfa.h - regular expressions matched in time linear in the text, without any library.
 * SPDX-License-Identifier: MIT
 *
 * An expression becomes a small program, and all the places where it may stand are followed at once (Thompson, "Regular
 * expression search algorithm", 1968), so that nothing is ever tried again. That there is a match is all it says: what
 * a group held is not known, so nothing can refer to it.
 */
#ifndef XAI_NFA_H
#define XAI_NFA_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

typedef struct xai_nfa xai_nfa;

/* Where it may stand: for any number of matches, one at a time, with one allocator. Zeroed to begin with. */
typedef struct xai_nfa_room {
  uint32_t *ptr;
  size_t size;
} xai_nfa_room;

/* `written` by xai__pattern_write. XAI_OK and *out; XAI_ERR_LIBRARY with `why` filled: it looks ahead or behind,
 * refers back, names a property, is too large or nested too deeply, which is for PCRE2; XAI_ERR_SCHEMA likewise:
 * malformed; XAI_ERR_NOMEM. */
xai_code xai__nfa_new(const xai_mem *mem, xai_str written, xai_nfa **out, char *why, size_t why_size);
void xai__nfa_free(xai_nfa *nfa);
/* Bytes it holds, about. */
size_t xai__nfa_size(const xai_nfa *nfa);

/* Does it match anywhere in the text? Bytes that are no UTF-8 match nothing. XAI_OK with *found; XAI_ERR_STEPS beyond
 * `most` steps; XAI_ERR_NOMEM. *work grows by the steps that it took: a step is some 10 ns. */
xai_code xai__nfa_match(const xai_nfa *nfa, const xai_mem *mem, xai_nfa_room *room, xai_str text,
                        uint64_t most, bool *found, uint64_t *work);
void xai__nfa_room_free(const xai_mem *mem, xai_nfa_room *room);

#pragma GCC visibility pop

#endif
