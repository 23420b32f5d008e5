/* xai_nfa_int.h - the program that an expression becomes: what its compiler, its matcher and its table share.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_NFA_INT_H
#define XAI_NFA_INT_H

#include "xai_nfa.h"

#pragma GCC visibility push(hidden)

typedef enum xai_nfa_op {
  XAI_NFA_CHAR,    /* takes the character a                              */
  XAI_NFA_SET,     /* takes one of the set number a                      */
  XAI_NFA_SPLIT,   /* goes on at a and at b, both counted from here      */
  XAI_NFA_JUMP,    /* goes on at a, counted from here                    */
  XAI_NFA_START,   /* goes on at the text's start only                   */
  XAI_NFA_END,     /* ... at its end                                     */
  XAI_NFA_EDGE,    /* ... where a word begins or ends                    */
  XAI_NFA_NO_EDGE, /* ... where none does                                */
  XAI_NFA_NEVER,   /* does not go on                                     */
  XAI_NFA_FOUND    /* the last one                                       */
} xai_nfa_op;

typedef struct xai_nfa_step {
  xai_nfa_op op;
  int32_t a, b;
} xai_nfa_step;

typedef struct xai_nfa_range {
  uint32_t low, high;
} xai_nfa_range;

typedef struct xai_nfa_set {
  uint64_t ascii[2];     /* what it has of ASCII, `negated` applied                */
  uint32_t first, count; /* the ranges it was written with                         */
  bool negated;
} xai_nfa_set;

struct xai_nfa {
  xai_buf steps;  /* of xai_nfa_step  */
  xai_buf sets;   /* of xai_nfa_set   */
  xai_buf ranges; /* of xai_nfa_range */
  xai_mem mem;
};

/* ---- following it ---- */

#define XAI_NFA_NO_POINT UINT32_MAX /* the text's end, or a byte that is no UTF-8 */

typedef struct xai_nfa_run {
  const xai_nfa_step *steps;
  const xai_nfa_set *sets;
  const xai_nfa_range *ranges;
  size_t count;      /* of steps                                    */
  bool anchored;     /* it can begin at the text's start only       */
  uint32_t *seen;    /* by step: the place it was last followed in  */
  uint32_t *waiting; /* steps that take a character, of this place  */
  uint32_t *taken;   /* ... and that took the one before            */
  uint32_t *stack;   /* steps still to be followed                  */
  size_t waiting_count;
  size_t taken_count;
  uint32_t place; /* counted from 1                              */
  bool at_start, at_end, at_edge;
  uint64_t work;
} xai_nfa_run;

/* False without memory. */
bool xai__nfa_begin(xai_nfa_run *run, const xai_nfa *nfa, const xai_mem *mem, xai_nfa_room *room);
/* One place: first what came from the character before, then, at the start or where it may begin anywhere, a match
 * that would begin here. True when that is the end. at_start, at_end and at_edge say where it is. */
bool xai__nfa_follow(xai_nfa_run *run);
/* Of what waits there, what takes this character. */
void xai__nfa_take(xai_nfa_run *run, uint32_t point);
bool xai__nfa_is_word(uint32_t point);

#pragma GCC visibility pop

#endif
