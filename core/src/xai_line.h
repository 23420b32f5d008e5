/* xai_line.h - a line of waiters, in the order of their ranks; each knows its place.
 * SPDX-License-Identifier: MIT
 *
 * A balanced tree whose nodes lie in what waits, so that queueing needs no memory and cannot fail. Joining,
 * leaving and asking for a place take logarithmic time.
 */
#ifndef XAI_LINE_H
#define XAI_LINE_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

typedef struct xai_waiter {
  int64_t rank;    /* lower ranks come first                    */
  uint64_t number; /* among equals the lower one; unique        */
  struct xai_waiter *up, *left, *right;
  size_t count; /* of this one and all below it              */
  uint64_t weight;
} xai_waiter;

/* Starts zeroed. */
typedef struct xai_line {
  xai_waiter *root;
} xai_line;

/* `rank` and `number` are set and stay while it waits. */
void xai__line_join(xai_line *line, xai_waiter *waiter);
void xai__line_leave(xai_line *line, xai_waiter *waiter);
size_t xai__line_count(const xai_line *line);
/* How many are before it. */
size_t xai__line_ahead(const xai_waiter *waiter);
/* How many would be before one of that rank and number. */
size_t xai__line_before(const xai_line *line, int64_t rank, uint64_t number);
xai_waiter *xai__line_first(const xai_line *line); /* NULL: nobody waits */
xai_waiter *xai__line_next(const xai_waiter *waiter);
/* The first one that is not before that rank and number. */
xai_waiter *xai__line_from(const xai_line *line, int64_t rank, uint64_t number);

#pragma GCC visibility pop

#endif
