/* xai_line.c - a treap: ordered by rank from left to right, by scrambled numbers from top to bottom.
 * SPDX-License-Identifier: MIT */
#include "xai_line.h"

/* Whoever numbers them counts, so the numbers are scrambled: the finaliser of MurmurHash3. */
static uint64_t scrambled(uint64_t n) {
  n = (n ^ (n >> 33)) * 0xff51afd7ed558ccdu;
  n = (n ^ (n >> 33)) * 0xc4ceb9fe1a85ec53u;
  return n ^ (n >> 33);
}

static size_t count_of(const xai_waiter *tree) {
  return tree != NULL ? tree->count : 0;
}

static void recount(xai_waiter *w) {
  w->count = 1 + count_of(w->left) + count_of(w->right);
}

static bool is_before(const xai_waiter *w, int64_t rank, uint64_t number) {
  return w->rank < rank || (w->rank == rank && w->number < number);
}

/* `child` stands where `old` did. */
static void replace(xai_line *line, const xai_waiter *old, xai_waiter *child) {
  xai_waiter *up = old->up;
  if (child != NULL) child->up = up;
  if (up == NULL) line->root = child;
  else if (up->left == old) up->left = child;
  else up->right = child;
}

/* `low`, a child, takes its parent's place, who becomes its child. */
static void rotate_up(xai_line *line, xai_waiter *low) {
  xai_waiter *high = low->up;
  bool was_left = high->left == low;
  xai_waiter *moved = was_left ? low->right : low->left;
  replace(line, high, low);
  if (was_left) high->left = moved, low->right = high;
  else high->right = moved, low->left = high;
  if (moved != NULL) moved->up = high;
  high->up = low;
  recount(high);
  recount(low);
}

void xai__line_join(xai_line *line, xai_waiter *waiter) {
  xai_waiter *up = NULL;
  for (xai_waiter *at = line->root; at != NULL;) {
    up = at;
    at->count++;
    at = is_before(at, waiter->rank, waiter->number) ? at->right : at->left;
  }
  waiter->up = up;
  waiter->left = waiter->right = NULL;
  waiter->count = 1;
  waiter->weight = scrambled(waiter->number);
  if (up == NULL) line->root = waiter;
  else if (is_before(up, waiter->rank, waiter->number)) up->right = waiter;
  else up->left = waiter;
  while (waiter->up != NULL && waiter->up->weight < waiter->weight) rotate_up(line, waiter);
}

void xai__line_leave(xai_line *line, xai_waiter *waiter) {
  while (waiter->left != NULL && waiter->right != NULL)
    rotate_up(line, waiter->left->weight > waiter->right->weight ? waiter->left : waiter->right);
  replace(line, waiter, waiter->left != NULL ? waiter->left : waiter->right);
  for (xai_waiter *at = waiter->up; at != NULL; at = at->up) at->count--;
  waiter->up = waiter->left = waiter->right = NULL;
  waiter->count = 0;
}

size_t xai__line_count(const xai_line *line) {
  return count_of(line->root);
}

size_t xai__line_ahead(const xai_waiter *waiter) {
  size_t ahead = count_of(waiter->left);
  for (; waiter->up != NULL; waiter = waiter->up)
    if (waiter->up->right == waiter) ahead += 1 + count_of(waiter->up->left);
  return ahead;
}

size_t xai__line_before(const xai_line *line, int64_t rank, uint64_t number) {
  size_t before = 0;
  for (const xai_waiter *at = line->root; at != NULL;) {
    bool earlier = is_before(at, rank, number);
    if (earlier) before += 1 + count_of(at->left);
    at = earlier ? at->right : at->left;
  }
  return before;
}

xai_waiter *xai__line_first(const xai_line *line) {
  xai_waiter *at = line->root;
  while (at != NULL && at->left != NULL) at = at->left;
  return at;
}

xai_waiter *xai__line_from(const xai_line *line, int64_t rank, uint64_t number) {
  xai_waiter *found = NULL;
  for (xai_waiter *at = line->root; at != NULL;) {
    bool earlier = is_before(at, rank, number);
    if (!earlier) found = at;
    at = earlier ? at->right : at->left;
  }
  return found;
}

xai_waiter *xai__line_next(const xai_waiter *waiter) {
  if (waiter->right != NULL) {
    xai_waiter *at = waiter->right;
    while (at->left != NULL) at = at->left;
    return at;
  }
  while (waiter->up != NULL && waiter->up->right == waiter) waiter = waiter->up;
  return waiter->up;
}
