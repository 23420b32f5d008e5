/* xai_secret.h - a text in memory pages of its own: locked, left out of core dumps, wiped when it goes.
 * SPDX-License-Identifier: MIT
 *
 * The pages lie between two that nobody may touch, and the text ends where the second of those begins. They are
 * locked into memory where the system allows it, marked so that no core dump holds them, and empty in a forked
 * child. Where pages cannot be had the text lies in memory of the allocator, which is wiped all the same.
 */
#ifndef XAI_SECRET_H
#define XAI_SECRET_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

typedef struct xai_secret {
  xai_mem mem;
  char *text; /* NULL: none; NUL-terminated beyond len             */
  size_t len;
  void *block; /* the pages with their guards, or memory of mem     */
  size_t size;
  bool mapped; /* pages, not memory of mem                          */
} xai_secret;

/* Room for `len` bytes, all zero, to be written by the caller. XAI_ERR_NOMEM; then nothing is held. */
xai_code xai__secret_init(xai_secret *secret, const xai_mem *mem, size_t len);
/* Wiped and given back. One that is all zero is fine. */
void xai__secret_deinit(xai_secret *secret);

#pragma GCC visibility pop

#endif
