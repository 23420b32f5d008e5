/* xai_nfa_int.h - the program that an expression becomes: what its compiler and its matcher share.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_NFA_INT_H
#define XAI_NFA_INT_H

#include "xai_nfa.h"

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

#endif
