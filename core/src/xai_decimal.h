/* xai_decimal.h - JSON numbers compared and divided as they are written, exactly and without allocation.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_DECIMAL_H
#define XAI_DECIMAL_H

#include "xai_json.h"

#pragma GCC visibility push(hidden)

/* 0.DIGITS * 10^point, the digits without zeros at either end; borrowed from the number's text. */
typedef struct xai_decimal {
  const char *digits; /* the first that is not 0; a '.' may stand among them     */
  uint32_t count;     /* significant digits; 0: the number is zero               */
  bool negative;      /* never for zero                                          */
  bool small;         /* see xai__decimal_small: then `whole` is it              */
  int64_t point;
  int64_t whole;
} xai_decimal;

/* Is it an integer of at most 18 digits, written as one? */
static inline bool xai__decimal_small(xai_str lexeme, int64_t *out) {
  bool negative = lexeme.ptr[0] == '-';
  if (lexeme.len - negative > 18) return false;
  int64_t sum = 0;
  for (size_t i = negative; i < lexeme.len; i++) {
    unsigned digit = (unsigned)(lexeme.ptr[i] - '0');
    if (digit > 9) return false;
    sum = sum * 10 + (int64_t)digit;
  }
  *out = negative ? -sum : sum;
  return true;
}

/* `lexeme` is a JSON number. An exponent beyond 10^17 counts as 10^17. */
xai_decimal xai__decimal(xai_str lexeme);
int xai__decimal_compare(const xai_decimal *a, const xai_decimal *b); /* <0, 0, >0 */
bool xai__decimal_is_whole(const xai_decimal *a);
/* Is a a multiple of b, which is not zero? *work grows by the digits looked at. */
bool xai__decimal_is_multiple(const xai_decimal *a, const xai_decimal *b, uint64_t *work);
/* Equal numbers have equal hashes. */
uint64_t xai__decimal_hash(const xai_decimal *a);

/* Divisors of more significant digits are not supported. */
#define XAI__DIVISOR_DIGITS 40

#pragma GCC visibility pop

#endif
