/* counted.h - allocators that count: how many blocks of each size live now, ours and libcurl's apart.
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_COUNTED_H
#define BENCH_COUNTED_H

#include <curl/curl.h>
#include <stdalign.h>
#include <stddef.h>

#include "measure.h"
#include "xai.h"

enum { SIZES = 4096, HEAD = alignof(max_align_t) };

typedef struct size_count {
  size_t size;
  long count; /* 0: the place is free when size is 0, too */
} size_count;

/* Open addressing; a program has few sizes. */
typedef struct size_table {
  size_count sizes[SIZES];
} size_table;

static size_table blocks_ours, blocks_curl;

static inline void note_block(size_table *table, size_t size, long count) {
  size_t at = size * 2654435761u % SIZES;
  while (table->sizes[at].size != 0 && table->sizes[at].size != size) at = (at + 1) % SIZES;
  table->sizes[at].size = size;
  table->sizes[at].count += count;
}

/* ---- ours: the old size is told */

static void *counted_ours(void *user, void *ptr, size_t old_size, size_t new_size) {
  size_table *table = user;
  void *fresh = NULL;
  if (new_size == 0) free(ptr);
  else fresh = realloc(ptr, new_size);
  if (new_size > 0 && fresh == NULL) return NULL;
  if (ptr != NULL) note_block(table, old_size, -1);
  if (fresh != NULL) note_block(table, new_size, 1);
  return fresh;
}

/* ---- libcurl's: the size is kept before the block */

static void *counted_malloc(size_t size) {
  char *block = malloc(size + HEAD);
  if (block == NULL) return NULL;
  memcpy(block, &size, sizeof size);
  note_block(&blocks_curl, size, 1);
  return block + HEAD;
}

static void counted_free(void *ptr) {
  size_t size;
  if (ptr == NULL) return;
  char *block = (char *)ptr - HEAD;
  memcpy(&size, block, sizeof size);
  note_block(&blocks_curl, size, -1);
  free(block);
}

static void *counted_calloc(size_t count, size_t size) {
  void *ptr = counted_malloc(count * size);
  return ptr != NULL ? memset(ptr, 0, count * size) : NULL;
}

static void *counted_realloc(void *ptr, size_t size) {
  size_t old_size = 0;
  void *fresh = counted_malloc(size);
  if (fresh == NULL || ptr == NULL) return fresh;
  memcpy(&old_size, (char *)ptr - HEAD, sizeof old_size);
  memcpy(fresh, ptr, old_size < size ? old_size : size);
  counted_free(ptr);
  return fresh;
}

static char *counted_strdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = counted_malloc(size);
  return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* Before anything else uses libcurl. */
static inline xai_mem count_blocks(void) {
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, counted_malloc, counted_free, counted_realloc, counted_strdup,
                       counted_calloc);
  return (xai_mem){counted_ours, &blocks_ours};
}

/* ---- the table */

static int by_weight(const void *a, const void *b) {
  const size_count *x = a, *y = b;
  double left = (double)x->size * (double)x->count, right = (double)y->size * (double)y->count;
  return left < right ? 1 : left > right ? -1 : 0;
}

/* What came since `before`, a stream: a line for each size that at least every hundredth holds, and the sum. */
static inline void show_blocks(const char *who, const size_table *before, const size_table *now,
                               int streams) {
  static size_table came;
  double bytes = 0, blocks = 0;
  came = *now;
  for (size_t i = 0; i < SIZES; i++) {
    if (before->sizes[i].size != 0) note_block(&came, before->sizes[i].size, -before->sizes[i].count);
  }
  qsort(came.sizes, SIZES, sizeof came.sizes[0], by_weight);
  printf("%-10s %8s %9s\n", who, "blocks", "bytes");
  for (size_t i = 0; i < SIZES; i++) {
    double each = (double)came.sizes[i].count / streams;
    blocks += each;
    bytes += each * (double)came.sizes[i].size;
    if (each >= 0.01)
      printf("%10zu %8.2f %9.0f\n", came.sizes[i].size, each, each * (double)came.sizes[i].size);
  }
  printf("%s_blocks %.1f\n%s_bytes %.0f\n", who, blocks, who, bytes);
}

#endif
