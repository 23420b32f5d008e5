/* torture.h - the harness of the torture programs: an operation with the 1st, 2nd, 3rd ... allocation failing.
 * SPDX-License-Identifier: MIT
 *
 *   static xai_code parses(torture *t) { ... t->mem ... calm(t); ... once more, and it must work ... }
 *   int main(void) { TORTURE(parses); return torture_report("torture data"); }
 *
 * An operation takes its memory from t->mem, frees all of it and returns the code it saw: XAI_OK, with every
 * result checked, or XAI_ERR_NOMEM. After calm(t) nothing fails any more: what was met by a failure must go on
 * from there as if nothing had happened (faults.md R7, F92).
 */
#ifndef TORTURE_H
#define TORTURE_H

#include "check.h"

enum { FOR_EVER = 1000000000 };

typedef struct torture {
  xai_mem mem;
  long fail_at; /* the first to fail, 0: none        */
  long width;   /* ... and how many in a row         */
  long count;   /* allocations asked for             */
  long failed;  /* ... of which so many failed       */
  long live;    /* blocks not yet freed              */
  size_t bytes; /* likewise, by the sizes we were told */
} torture;

static long torture_runs;

static inline void *torture_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  torture *t = user;
  if (new_size == 0) {
    if (ptr == NULL) return NULL;
    t->live--;
    t->bytes -= old_size;
    free(ptr);
    return NULL;
  }
  if (ptr == NULL || new_size > old_size) {
    t->count++;
    bool fails = t->fail_at != 0 && t->count >= t->fail_at && t->count - t->fail_at < t->width;
    t->failed += fails;
    if (fails) return NULL;
  }
  /* Always elsewhere, so that a pointer kept too long is found by the sanitizer. */
  void *fresh = malloc(new_size);
  if (fresh == NULL) return NULL;
  if (ptr != NULL) memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
  free(ptr);
  t->live += ptr == NULL;
  t->bytes += new_size - (ptr != NULL ? old_size : 0);
  return fresh;
}

static inline void calm(torture *t) {
  t->fail_at = 0;
}

/* False when no allocation was left to fail. */
static inline bool torture_once(xai_code (*operation)(torture *t), long fail_at, long width) {
  torture t = {.fail_at = fail_at, .width = width};
  t.mem = (xai_mem){torture_fn, &t};
  xai_code code = operation(&t);
  torture_runs++;
  CHECK_INT(t.live, 0);
  CHECK_INT(t.bytes, 0);
  if (t.failed == 0) CHECK_INT(code, XAI_OK);
  else CHECK(code == XAI_OK || code == XAI_ERR_NOMEM);
  if (check_bad) printf("  with allocation %ld failing, %ld in a row\n", fail_at, width);
  return t.failed > 0;
}

#define TORTURE(operation) torture_operation(#operation, operation)

static inline void torture_operation(const char *name, xai_code (*operation)(torture *t)) {
  setvbuf(stdout, NULL, _IOLBF, 0); /* what was said before a crash is worth reading */
  static const long widths[] = {1, 2, FOR_EVER};
  check_name = name;
  check_bad = 0;
  long deepest = 0;
  for (size_t i = 0; i < sizeof widths / sizeof *widths && !check_bad; i++) {
    long n = 1;
    while (torture_once(operation, n, widths[i]) && !check_bad) n++;
    if (n - 1 > deepest) deepest = n - 1;
  }
  printf("%-7s %-36s %6ld allocations\n", check_bad ? "FAILED" : "ok", name, deepest);
  if (check_bad) check_failed++;
  else check_passed++;
}

static inline int torture_report(const char *what) {
  printf("%s: %ld runs\n", what, torture_runs);
  return check_report(what);
}

#endif
