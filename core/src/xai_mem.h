/* xai_mem.h - the allocator hook and overflow-checked sizes. Uses libc alone.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_MEM_H
#define XAI_MEM_H

#include "xai.h"

#pragma GCC visibility push(hidden)

/* `mem` with fn NULL replaced by malloc and free; NULL gives those too. */
xai_mem xai__mem(const xai_mem *mem);

/* NULL without memory (or for size 0). Zeroed. */
void *xai__alloc(const xai_mem *mem, size_t size);
/* NULL without memory; the old block then still stands. */
void *xai__realloc(const xai_mem *mem, void *ptr, size_t old_size, size_t new_size);
void xai__free(const xai_mem *mem, void *ptr, size_t size);
/* Overwritten first, so that no optimiser removes it: for keys. */
void xai__free_secret(const xai_mem *mem, void *ptr, size_t size);
void xai__wipe(void *ptr, size_t size);

/* Ask the processor for `len` bytes that are soon looked at, so that they come all at once and beside other work. A
 * wish alone: nothing is read, and `from` may be anything, also NULL: so it is reckoned with as a number. */
static inline void xai__fetch(const void *from, size_t len) {
#if defined(__GNUC__)
  for (size_t at = 0; at < len; at += 64) __builtin_prefetch((const void *)((uintptr_t)from + at));
#else
  (void)from, (void)len;
#endif
}

/* a + b and a * b; false on overflow, *out then untouched. */
bool xai__add(size_t a, size_t b, size_t *out);
bool xai__mul(size_t a, size_t b, size_t *out);

#pragma GCC visibility pop

#endif
