/* xai_schema_early.c - what is certain of a string or number of which only the beginning is known.
 * SPDX-License-Identifier: MIT
 *
 * An exponent can still make any number of a mantissa: of "500" only the sign is certain. With an exponent's sign it
 * is certain on which side of what is written so far the number will lie.
 */
#include "xai_schema_early.h"

typedef xai_early_range range;

static const xai_str zero_text = {"0", 1};

/* ---- numbers ---- */

static void bound_below(range *r, const xai_decimal *low, bool open) {
  r->has_low = true;
  r->low = *low;
  r->low_open = open;
}

static void bound_above(range *r, const xai_decimal *high, bool open) {
  r->has_high = true;
  r->high = *high;
  r->high_open = open;
}

/* Without an exponent's mark that has no digit yet. */
static xai_str whole_part(xai_str lexeme) {
  while (lexeme.len > 0) {
    char last = lexeme.ptr[lexeme.len - 1];
    if (last >= '0' && last <= '9') break;
    lexeme.len--;
  }
  return lexeme;
}

range xai__early_range(xai_str lexeme, bool nonzero) {
  range r = {.fraction = false};
  bool negative = lexeme.ptr[0] == '-';
  size_t mark = 0;
  while (mark < lexeme.len && (lexeme.ptr[mark] | 0x20) != 'e') {
    r.fraction |= lexeme.ptr[mark] == '.';
    mark++;
  }
  bool exponent = mark < lexeme.len;
  r.fraction |= exponent;
  xai_decimal zero = xai__decimal(zero_text);
  if (negative) bound_above(&r, &zero, nonzero);
  else bound_below(&r, &zero, nonzero);
  if (mark + 1 >= lexeme.len) return r; /* the exponent's sign is not known */
  xai_decimal now = xai__decimal(whole_part(lexeme));
  bool shrinks = lexeme.ptr[mark + 1] == '-';
  if (shrinks != negative) bound_above(&r, &now, false);
  else bound_below(&r, &now, false);
  if (!nonzero) {
    bound_above(&r, &zero, false);
    bound_below(&r, &zero, false);
  }
  r.broken = shrinks && nonzero && !xai__decimal_is_whole(&now);
  return r;
}

/* All of the range lies below the number (or at it, when that is not enough). */
static bool is_below(const range *r, const xai_decimal *number, bool or_at) {
  if (!r->has_high) return false;
  int order = xai__decimal_compare(&r->high, number);
  return order < 0 || (order == 0 && (or_at || r->high_open));
}

static bool is_above(const range *r, const xai_decimal *number, bool or_at) {
  if (!r->has_low) return false;
  int order = xai__decimal_compare(&r->low, number);
  return order > 0 || (order == 0 && (or_at || r->low_open));
}

static bool reaches(const range *r, const xai_json *value) {
  if (value->type != XAI_JSON_NUMBER) return false;
  xai_decimal number = xai__decimal((xai_str){value->as.text, value->len});
  return !is_below(r, &number, false) && !is_above(r, &number, false);
}

bool xai__early_excludes(const range *r, const xai_schema_op *op) {
  switch ((xai_schema_opcode)op->code) {
    case XAI_OP_MINIMUM: return is_below(r, op->as.number, false);
    case XAI_OP_ABOVE: return is_below(r, op->as.number, true);
    case XAI_OP_MAXIMUM: return is_above(r, op->as.number, false);
    case XAI_OP_BELOW: return is_above(r, op->as.number, true);
    case XAI_OP_CONST:
    case XAI_OP_ENUM: break;
    default: return false;
  }
  const xai_json *choice;
  for (uint32_t i = 0; (choice = xai__early_choice(op, i)) != NULL; i++) {
    if (reaches(r, choice)) return false;
  }
  return true;
}

bool xai__early_wrong_type(const range *r, const xai_schema_node *node) {
  if ((node->types >> XAI_JSON_NUMBER & 1) != 0) return false;
  if ((node->types & XAI_TYPES_INTEGER) != 0) return r->broken;
  return (node->types & XAI_TYPES_LITERAL) == 0 || r->fraction;
}

/* ---- choices ---- */

const xai_json *xai__early_choice(const xai_schema_op *op, uint32_t number) {
  if (op->code == XAI_OP_CONST) return number == 0 ? op->as.value : NULL;
  return number < op->as.values->count ? op->as.values->values[number] : NULL;
}

bool xai__early_has_type(const xai_schema_op *op, xai_json_type type) {
  const xai_json *choice;
  for (uint32_t i = 0; (choice = xai__early_choice(op, i)) != NULL; i++) {
    if (choice->type == type) return true;
  }
  return false;
}

uint32_t xai__early_prefix(const xai_schema_op *op, uint32_t number, xai_str beginning) {
  const xai_json *choice;
  for (uint32_t i = number; (choice = xai__early_choice(op, i)) != NULL; i++) {
    if (choice->type != XAI_JSON_STRING || choice->len < beginning.len) continue;
    if (beginning.len == 0 || memcmp(choice->as.text, beginning.ptr, beginning.len) == 0) return i;
  }
  return UINT32_MAX;
}
