/* xai_equal.h - JSON values compared as JSON Schema sees them: 1 is 1.0, and members have no order.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_EQUAL_H
#define XAI_EQUAL_H

#include "xai_json.h"

#pragma GCC visibility push(hidden)

typedef struct xai_equal_pair {
  const xai_json *a;    /* the next to look at                                    */
  const xai_json *b;    /* hashing: its container; comparing: the other container */
  const xai_json *hint; /* comparing: the member of b that may have a's key       */
  uint64_t hash;        /* hashing: of the container so far                       */
  size_t table;         /* comparing: where b's members by key begin ...          */
  size_t mask;          /* ... and how many slots there are, minus 1; 0: none     */
} xai_equal_pair;

/* Workspace for values nested to any depth; grows as needed and keeps its memory. */
typedef struct xai_equal {
  xai_equal_pair *pairs;
  size_t room;
  size_t used;
  const xai_json **table; /* for objects in another order                       */
  size_t table_room;
  size_t table_used;
  uint64_t work;     /* grows by the values looked at                          */
  uint64_t max_work; /* beyond it the answer is XAI_ERR_STEPS                  */
  xai_code code;     /* of the first failure; stays                            */
  xai_mem mem;
} xai_equal;

void xai__equal_init(xai_equal *e, const xai_mem *mem);
void xai__equal_deinit(xai_equal *e);

/* After a failure (e->code) the answer is false or 0 and means nothing. */
bool xai__equal(xai_equal *e, const xai_json *a, const xai_json *b);
/* Equal values have equal hashes. */
uint64_t xai__equal_hash(xai_equal *e, const xai_json *value);

/* Of bytes, all of them. */
uint64_t xai__hash_bytes(const char *bytes, size_t len);

#pragma GCC visibility pop

#endif
