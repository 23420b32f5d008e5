/* check.h - the C tests' harness: named tests, checks that say where, an allocator that counts and fails on demand.
 * SPDX-License-Identifier: MIT
 *
 *   static void accepts_an_empty_object(void) { CHECK(...); CHECK_INT(got, want); CHECK_STR(str, "text"); }
 *   int main(int argc, char **argv) { RUN(accepts_an_empty_object); return check_report("json"); }
 *
 * With CHECK_VERBOSE in the environment each test gets a line of its own: "ok NAME", "not ok NAME" or "not run NAME:
 * REASON", the last when it called check_not_run because this machine cannot produce the fault. tools/faults.sh
 * reads them: a test of a fault begins with its numbers, F49_reset_before_the_first_event.
 *
 * check_nomem(name, scenario) runs a scenario with the 1st, 2nd, 3rd ... allocation failing, until it passes
 * without a failure, and holds that nothing leaks. The scenario gets the allocator and returns the code it saw.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai.h"

static int check_passed, check_failed, check_bad;
static const char *check_name = "";
static const char *check_reason; /* why the test is not run; NULL: it is */

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, check_name, #condition); \
      check_bad = 1;                                                                 \
    }                                                                                \
  } while (0)

#define CHECK_INT(got, want)                                                                          \
  do {                                                                                                \
    long long got_ = (long long)(got), want_ = (long long)(want);                                     \
    if (got_ != want_) {                                                                              \
      printf("%s:%d: %s: %s is %lld, not %lld\n", __FILE__, __LINE__, check_name, #got, got_, want_); \
      check_bad = 1;                                                                                  \
    }                                                                                                 \
  } while (0)

/* An xai_str against a C string. */
#define CHECK_STR(got, want)                                                                                 \
  do {                                                                                                       \
    xai_str got_ = (got);                                                                                    \
    const char *want_ = (want);                                                                              \
    if (got_.len != strlen(want_) || (got_.len > 0 && memcmp(got_.ptr, want_, got_.len) != 0)) {             \
      printf("%s:%d: %s: %s is \"%.*s\", not \"%s\"\n", __FILE__, __LINE__, check_name, #got, (int)got_.len, \
             got_.len ? got_.ptr : "", want_);                                                               \
      check_bad = 1;                                                                                         \
    }                                                                                                        \
  } while (0)

#define RUN(test) check_run(#test, test)

static inline void check_begin(const char *name) {
  check_name = name;
  check_bad = 0;
  check_reason = NULL;
}

static inline void check_end(void) {
  bool is_run = check_bad || check_reason == NULL;
  if (check_bad) check_failed++;
  else if (is_run) check_passed++;
  if (getenv("CHECK_VERBOSE") == NULL) return;
  const char *word = check_bad ? "not ok" : is_run ? "ok" : "not run";
  printf("%s %s%s%s\n", word, check_name, is_run ? "" : ": ", is_run ? "" : check_reason);
}

/* The fault cannot be produced here; the reason is static. Return from the test then. */
static inline void check_not_run(const char *reason) {
  check_reason = reason;
}

static inline void check_run(const char *name, void (*test)(void)) {
  check_begin(name);
  test();
  check_end();
}

/* The closing line; the exit status of the program. */
static inline int check_report(const char *what) {
  printf("%s: %d passed, %d failed\n", what, check_passed, check_failed);
  return check_failed != 0;
}

/* ---- an allocator that counts, and fails the nth time ---- */

typedef struct check_heap {
  long fail_at; /* 0: never; n: the nth allocation fails          */
  long count;   /* allocations asked for                          */
  long live;    /* blocks not yet freed                           */
  size_t bytes; /* bytes not yet freed, by the sizes we were told */
  size_t peak;
} check_heap;

static inline void *check_heap_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  check_heap *heap = (check_heap *)user;
  if (new_size == 0) {
    if (ptr != NULL) {
      heap->live--;
      heap->bytes -= old_size;
      free(ptr);
    }
    return NULL;
  }
  if (ptr == NULL || new_size > old_size) {
    heap->count++;
    if (heap->fail_at != 0 && heap->count == heap->fail_at) return NULL;
  }
  void *fresh = realloc(ptr, new_size);
  if (fresh == NULL) return NULL;
  if (ptr == NULL) heap->live++;
  else heap->bytes -= old_size;
  heap->bytes += new_size;
  if (heap->bytes > heap->peak) heap->peak = heap->bytes;
  return fresh;
}

static inline xai_mem check_heap_mem(check_heap *heap) {
  xai_mem mem = {check_heap_fn, heap};
  return mem;
}

/* The scenario must give XAI_ERR_NOMEM whenever an allocation failed (or have lived through it and give
 * XAI_OK), and XAI_OK when none did. */
static inline void check_nomem(const char *name, xai_code (*scenario)(const xai_mem *mem)) {
  check_begin(name);
  long n = 1;
  for (; n < 100000; n++) {
    check_heap heap = {n, 0, 0, 0, 0};
    xai_mem mem = check_heap_mem(&heap);
    xai_code code = scenario(&mem);
    CHECK_INT(heap.live, 0);
    CHECK_INT(heap.bytes, 0);
    if (heap.count < n) {
      CHECK_INT(code, XAI_OK);
      break;
    }
    CHECK(code == XAI_ERR_NOMEM || code == XAI_OK);
    if (check_bad) break;
  }
  CHECK(n > 1);
  check_end();
}

#endif
