/* xai_dfa.h - the program of a regular expression as a table: one look-up a byte, for texts of ASCII.
 * SPDX-License-Identifier: MIT
 *
 * Each set of places where the program may stand is a row, made before any text is seen ("subset construction", Rabin
 * and Scott, 1959). There can be very many such sets: then there is no table.
 */
#ifndef XAI_DFA_H
#define XAI_DFA_H

#include "xai_nfa.h"

#pragma GCC visibility push(hidden)

typedef struct xai_dfa xai_dfa;

typedef enum xai_dfa_verdict {
  XAI_DFA_DIFFERS,
  XAI_DFA_MATCHES,
  XAI_DFA_ASKS /* there is more than ASCII: the program has to say */
} xai_dfa_verdict;

/* XAI_OK and *out, NULL when the table would be too large; XAI_ERR_NOMEM. */
xai_code xai__dfa_new(const xai_mem *mem, const xai_nfa *nfa, xai_dfa **out);
void xai__dfa_free(xai_dfa *dfa);
/* Bytes it holds. */
size_t xai__dfa_size(const xai_dfa *dfa);

/* Does the expression match anywhere in the text? */
xai_dfa_verdict xai__dfa_match(const xai_dfa *dfa, xai_str text);

#pragma GCC visibility pop

#endif
