/* xai_mem.c - the allocator hook and overflow-checked sizes. Uses libc alone.
 * SPDX-License-Identifier: MIT */
#include "xai_mem.h"

#include <stdlib.h>
#include <string.h>

static void *libc_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, new_size);
}

xai_mem xai__mem(const xai_mem *mem) {
  if (mem != NULL && mem->fn != NULL) return *mem;
  return (xai_mem){libc_fn, NULL};
}

void *xai__alloc(const xai_mem *mem, size_t size) {
  void *ptr = xai__realloc(mem, NULL, 0, size);
  if (ptr != NULL) memset(ptr, 0, size);
  return ptr;
}

void *xai__realloc(const xai_mem *mem, void *ptr, size_t old_size, size_t new_size) {
  if (new_size == 0) return NULL;
  xai_mem real = xai__mem(mem);
  return real.fn(real.user, ptr, old_size, new_size);
}

void xai__free(const xai_mem *mem, void *ptr, size_t size) {
  if (ptr == NULL) return;
  xai_mem real = xai__mem(mem);
  real.fn(real.user, ptr, size, 0);
}

void xai__free_secret(const xai_mem *mem, void *ptr, size_t size) {
  if (ptr == NULL) return;
  xai__wipe(ptr, size);
  xai__free(mem, ptr, size);
}

/* A function that may be any is called, even when the block is freed next. */
static void *(*const volatile set_bytes)(void *, int, size_t) = memset;

void xai__wipe(void *ptr, size_t size) {
  if (size > 0) set_bytes(ptr, 0, size);
}

bool xai__add(size_t a, size_t b, size_t *out) {
  if (b > SIZE_MAX - a) return false;
  *out = a + b;
  return true;
}

bool xai__mul(size_t a, size_t b, size_t *out) {
  if (a != 0 && b > SIZE_MAX / a) return false;
  *out = a * b;
  return true;
}
