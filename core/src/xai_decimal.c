/* xai_decimal.c - JSON numbers compared and divided as they are written, exactly and without allocation.
 * SPDX-License-Identifier: MIT */
#include "xai_decimal.h"

#include <string.h>

#define FAR ((int64_t)100000000000000000)

/* ---- taking apart ---- */

static int64_t read_exponent(const char *at, const char *end) {
  bool negative = *at == '-';
  if (*at == '-' || *at == '+') at++;
  int64_t sum = 0;
  for (; at < end; at++) sum = sum < FAR / 10 ? sum * 10 + (*at - '0') : FAR;
  return negative ? -sum : sum;
}

xai_decimal xai__decimal(xai_str lexeme) {
  if (lexeme.len == 0) return (xai_decimal){.digits = ""};
  const char *at = lexeme.ptr, *end = lexeme.ptr + lexeme.len;
  xai_decimal d = {.digits = at, .negative = *at == '-'};
  d.small = xai__decimal_small(lexeme, &d.whole);
  bool fraction = false;
  uint32_t seen = 0; /* significant digits, zeros at the end included */
  for (at += d.negative; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    if (seen == 0 && *at == '0') {
      d.point -= fraction;
      continue;
    }
    if (seen == 0) d.digits = at;
    seen++;
    if (*at != '0') d.count = seen;
    d.point += !fraction;
  }
  if (at < end) d.point += read_exponent(at + 1, end);
  if (d.count == 0) {
    d.point = 0;
    d.negative = false;
  }
  return d;
}

/* The next digit of those that start at *at. */
static int next_digit(const char **at) {
  if (**at == '.') (*at)++;
  return *(*at)++ - '0';
}

/* ---- comparing ---- */

static int compare_digits(const xai_decimal *a, const xai_decimal *b) {
  const char *x = a->digits, *y = b->digits;
  uint32_t both = a->count < b->count ? a->count : b->count;
  for (uint32_t i = 0; i < both; i++) {
    int difference = next_digit(&x) - next_digit(&y);
    if (difference != 0) return difference;
  }
  return (a->count > b->count) - (a->count < b->count);
}

int xai__decimal_compare(const xai_decimal *a, const xai_decimal *b) {
  if (a->small && b->small) return (a->whole > b->whole) - (a->whole < b->whole);
  if (a->negative != b->negative) return a->negative ? -1 : 1;
  int sign = a->negative ? -1 : 1;
  if (a->count == 0 || b->count == 0) return sign * ((a->count > 0) - (b->count > 0));
  if (a->point != b->point) return a->point < b->point ? -sign : sign;
  return sign * compare_digits(a, b);
}

bool xai__decimal_is_whole(const xai_decimal *a) {
  return a->small || a->count == 0 || a->point >= (int64_t)a->count;
}

uint64_t xai__decimal_hash(const xai_decimal *a) {
  uint64_t hash = (uint64_t)a->point * 0x9e3779b97f4a7c15u + a->negative;
  const char *at = a->digits;
  for (uint32_t i = 0; i < a->count; i++) hash = (hash ^ (uint64_t)next_digit(&at)) * 0x100000001b3u;
  return hash;
}

/* ---- dividing ---- */

/* Digit by digit as on paper; a divisor below 10^18 leaves room for one more digit in 64 bits. */
static bool divides_small(const xai_decimal *a, const xai_decimal *b, uint64_t zeros) {
  uint64_t divisor = 0, rest = 0;
  const char *at = b->digits;
  for (uint32_t i = 0; i < b->count; i++) divisor = divisor * 10 + (uint64_t)next_digit(&at);
  at = a->digits;
  for (uint32_t i = 0; i < a->count; i++) rest = (rest * 10 + (uint64_t)next_digit(&at)) % divisor;
  for (; zeros > 0 && rest != 0; zeros--) rest = rest * 10 % divisor;
  return rest == 0;
}

/* A number of `size` decimal digits, the highest first. */
typedef struct digits {
  uint32_t size;
  signed char at[XAI__DIVISOR_DIGITS + 1];
} digits;

static bool not_below(const digits *a, const digits *b) {
  return memcmp(a->at, b->at, a->size) >= 0;
}

static void subtract(digits *a, const digits *b) {
  int borrow = 0;
  for (uint32_t i = a->size; i-- > 0;) {
    int digit = a->at[i] - b->at[i] - borrow;
    borrow = digit < 0;
    a->at[i] = (signed char)(digit + 10 * borrow);
  }
}

/* rest = (rest * 10 + digit) mod divisor */
static void bring_down(digits *rest, const digits *divisor, int digit) {
  memmove(rest->at, rest->at + 1, rest->size - 1);
  rest->at[rest->size - 1] = (signed char)digit;
  while (not_below(rest, divisor)) subtract(rest, divisor);
}

static bool is_zero(const digits *a) {
  for (uint32_t i = 0; i < a->size; i++) {
    if (a->at[i] != 0) return false;
  }
  return true;
}

static bool divides_large(const xai_decimal *a, const xai_decimal *b, uint64_t zeros) {
  digits divisor = {.size = b->count + 1}, rest = {.size = b->count + 1};
  const char *at = b->digits;
  for (uint32_t i = 1; i <= b->count; i++) divisor.at[i] = (signed char)next_digit(&at);
  at = a->digits;
  for (uint32_t i = 0; i < a->count; i++) bring_down(&rest, &divisor, next_digit(&at));
  for (; zeros > 0 && !is_zero(&rest); zeros--) bring_down(&rest, &divisor, 0);
  return is_zero(&rest);
}

/* a = A * 10^x and b = B * 10^y, A and B without zeros at their ends. If x < y, b would have to divide a number
 * that ends in a digit other than 0 while itself ending in one: impossible. Else B must divide A * 10^(x-y);
 * its factors 2 and 5, fewer than four for each of its digits, are all the zeros can help with. */
bool xai__decimal_is_multiple(const xai_decimal *a, const xai_decimal *b, uint64_t *work) {
  if (a->count == 0) return true;
  if (a->small && b->small) return a->whole % b->whole == 0;
  int64_t x = a->point - (int64_t)a->count, y = b->point - (int64_t)b->count;
  if (x < y) return false;
  uint64_t zeros = (uint64_t)(x - y), enough = 4 * (uint64_t)b->count;
  if (zeros > enough) zeros = enough;
  *work += a->count / 8;
  if (b->count <= 18) return divides_small(a, b, zeros);
  *work += (a->count + zeros) * (b->count / 8);
  return b->count <= XAI__DIVISOR_DIGITS && divides_large(a, b, zeros);
}
