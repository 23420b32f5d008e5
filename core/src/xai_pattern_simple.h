/* xai_pattern_simple.h - the patterns that a loop over bytes can match: "^TCK-[0-9]{6}$", "^x-", "[a-z][a-z0-9]+".
 * SPDX-License-Identifier: MIT */
#ifndef XAI_PATTERN_SIMPLE_H
#define XAI_PATTERN_SIMPLE_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

#define XAI__SIMPLE_ITEMS 24

/* So many bytes of a set. */
typedef struct xai_simple_item {
  uint64_t set[2]; /* of ASCII                                       */
  bool high;       /* and all other characters                       */
  bool in_line;    /* ... but U+2028 and U+2029, which end a line    */
  uint32_t min;
  uint32_t max; /* UINT32_MAX: no end                             */
} xai_simple_item;

typedef struct xai_simple {
  uint32_t count; /* 0 and not `whole`: matches everything          */
  bool whole;     /* the text must end where the items end          */
  bool anywhere;  /* they may begin at any character; then they are few bytes */
  xai_simple_item items[XAI__SIMPLE_ITEMS];
} xai_simple;

/* False if the pattern is not as simple as that (or none at all): then it is for PCRE2 to say. */
bool xai__simple_parse(xai_simple *out, xai_str source);
bool xai__simple_match(const xai_simple *simple, const char *text, size_t len);

#pragma GCC visibility pop

#endif
