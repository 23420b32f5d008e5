/* xai_schema_early.h - what is certain of a string or number of which only the beginning is known. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_SCHEMA_EARLY_H
#define XAI_SCHEMA_EARLY_H

#include "xai_schema.h"

#pragma GCC visibility push(hidden)

/* Where a number can still come to lie, whatever follows. */
typedef struct xai_early_range {
  xai_decimal low;
  xai_decimal high;
  bool has_low;
  bool has_high;
  bool low_open; /* low itself is out of reach */
  bool high_open;
  bool fraction; /* written with '.' or an exponent     */
  bool broken;   /* never a whole number, for certain   */
} xai_early_range;

/* `lexeme` is the beginning of a JSON number, at least one byte. Borrows it. */
xai_early_range xai__early_range(xai_str lexeme, bool nonzero);
/* Can no number of the range satisfy the operation (bounds, const, enum)? */
bool xai__early_excludes(const xai_early_range *range, const xai_schema_op *op);
/* Can none satisfy the node's types? */
bool xai__early_wrong_type(const xai_early_range *range, const xai_schema_node *node);

/* Values that a const or an enum allows, by number; NULL beyond the last. */
const xai_json *xai__early_choice(const xai_schema_op *op, uint32_t number);
/* Is one of this type among them? */
bool xai__early_has_type(const xai_schema_op *op, xai_json_type type);
/* The first from `number` on that is a string beginning so; UINT32_MAX: none. */
uint32_t xai__early_prefix(const xai_schema_op *op, uint32_t number, xai_str beginning);

#pragma GCC visibility pop

#endif
