/* xai_json_number.c - numbers between JSON's text and the machine: exact, nearest, shortest; in any locale.
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai_json.h"

/* No double, and no midpoint between two, has more significant decimal digits than 768; whether anything
 * follows them is all that matters of the rest. */
#define DIGITS_THAT_MATTER 770

/* A lexeme taken apart: 0.d1d2d3... * 10^point, the digits without leading zeros. */
typedef struct decimal {
  bool negative;
  uint64_t head; /* the first 19 digits as a number                           */
  size_t count;  /* significant digits, trailing zeros included               */
  int64_t point;
  const char *digits; /* where the first significant digit stands               */
  const char *end;    /* of the digits; a '.' may stand among them              */
} decimal;

/* ---- integers ---- */

bool xai_json_int(const xai_json *value, int64_t *out) {
  xai_str text = xai_json_text(value);
  if (text.len == 0) return false;
  bool negative = text.ptr[0] == '-';
  uint64_t most = negative ? (uint64_t)1 << 63 : INT64_MAX, sum = 0;
  for (size_t i = negative; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    uint64_t digit = (uint64_t)(text.ptr[i] - '0');
    if (sum > (most - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  /* In two steps, because the least integer has no positive twin. */
  *out = negative && sum > 0 ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
  return true;
}

/* Two digits at a time, from the last. */
size_t xai__json_format_int(char *to, int64_t value) {
  static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";
  char digits[20], *end = digits + sizeof digits, *at = end;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  for (; rest >= 100; rest /= 100) memcpy(at -= 2, pairs + 2 * (rest % 100), 2);
  if (rest >= 10) memcpy(at -= 2, pairs + 2 * rest, 2);
  else *--at = (char)('0' + rest);
  size_t sign = value < 0, count = (size_t)(end - at);
  if (sign) *to = '-';
  memcpy(to + sign, at, count);
  return sign + count;
}

/* ---- text to double ---- */

/* An exponent far beyond any double stays there: no text is long enough to bring it back. */
static int64_t read_exponent(const char *at, const char *end) {
  bool negative = *at == '-';
  if (*at == '-' || *at == '+') at++;
  int64_t sum = 0;
  for (; at < end; at++) {
    if (sum < INT64_MAX / 100) sum = sum * 10 + (*at - '0');
  }
  return negative ? -sum : sum;
}

static decimal take_apart(xai_str text) {
  const char *at = text.ptr, *end = text.ptr + text.len;
  decimal d = {.negative = *at == '-', .digits = end};
  bool fraction = false;
  for (at += d.negative; at < end && *at != 'e' && *at != 'E'; at++) {
    if (*at == '.') {
      fraction = true;
      continue;
    }
    if (d.count == 0 && *at == '0') {
      d.point -= fraction;
      continue;
    }
    if (d.count == 0) d.digits = at;
    if (d.count < 19) d.head = d.head * 10 + (uint64_t)(*at - '0');
    d.count++;
    d.point += !fraction;
  }
  d.end = at;
  if (at < end) d.point += read_exponent(at + 1, end);
  return d;
}

/* Those that a double holds exactly. */
static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* With so few digits and so small a power of ten, both are exact doubles and one operation rounds once. */
static bool simple_double(const decimal *d, double *out) {
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
  if (d->count > 19 || d->head > (uint64_t)1 << 53) return false;
  int64_t exponent = d->point - (int64_t)d->count;
  if (exponent < -22 || exponent > 22) return false;
  *out = exponent < 0 ? (double)d->head / power[-exponent] : (double)d->head * power[exponent];
  return true;
#else
  (void)d;
  (void)out;
  return false;
#endif
}

/* The C library rounds correctly, but its decimal point is the locale's: so it gets an integer and an
 * exponent instead. */
static double library_double(const decimal *d) {
  char text[DIGITS_THAT_MATTER + 32];
  size_t len = 0;
  bool rest = false;
  for (const char *at = d->digits; at < d->end; at++) {
    if (*at == '.') continue;
    if (len < DIGITS_THAT_MATTER) text[len++] = *at;
    else rest |= *at != '0';
  }
  if (rest) text[len++] = '1';
  snprintf(text + len, sizeof text - len, "e%lld", (long long)d->point - (long long)len);
  return strtod(text, NULL);
}

bool xai_json_real(const xai_json *value, double *out) {
  xai_str text = xai_json_text(value);
  if (text.len == 0) return false;
  decimal d = take_apart(text);
  double result = 0;
  if (d.count > 0 && d.point > 310) return false;
  if (d.count > 0 && d.point > -400 && !simple_double(&d, &result)) result = library_double(&d);
  if (isinf(result)) return false;
  *out = d.negative ? -result : result;
  return true;
}

/* ---- double to text ---- */

/* What printf's %g gives, to JSON's taste: a point in any locale, "1e-7" for "1e-07", "1e9" for "1e+09". */
static size_t tidy(char *to, const char *text) {
  size_t len = 0;
  const char *at = text;
  while (*at != '\0' && *at != 'e') {
    bool plain = *at == '-' || (*at >= '0' && *at <= '9');
    if (plain) to[len++] = *at;
    else if (len > 0 && to[len - 1] != '.') to[len++] = '.'; /* the locale's may have several bytes */
    at++;
  }
  if (*at == '\0') return len;
  to[len++] = *at++;
  if (*at == '-') to[len++] = *at;
  if (*at == '-' || *at == '+') at++;
  while (*at == '0') at++;
  while (*at != '\0') to[len++] = *at++;
  return len;
}

/* Any text of 15 digits survives the way through a normal double, so fewer need not be tried; 17 always do.
 * Next to zero doubles lie further apart, and one digit may be enough. */
static size_t format_digits(char *to, double value) {
  char text[XAI__NUMBER_SIZE];
  int digits = fabs(value) < DBL_MIN ? 1 : 15;
  for (; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (digits == 17 || strtod(text, NULL) == value) break;
  }
  return tidy(to, text);
}

/* A few digits behind the point, as people write: 12.5, 0.001. An integer below 1e15 divided by an exact power of
 * ten rounds once, so equality proves that the text reads back as this very value. 0: not of that kind. */
static size_t format_short(char *to, double value) {
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
  enum { MOST_PLACES = 6 };
  double size = fabs(value);
  if (!(size >= 1e-4 && size < 1e9)) return 0;
  for (int places = 1; places <= MOST_PLACES; places++) {
    int64_t scaled = (int64_t)(size * power[places] + 0.5);
    if ((double)scaled / power[places] != size) continue;
    char digits[XAI__NUMBER_SIZE];
    size_t count = xai__json_format_int(digits, scaled), len = 0, whole;
    if (value < 0) to[len++] = '-';
    whole = count > (size_t)places ? count - (size_t)places : 0;
    if (whole == 0) to[len++] = '0';
    memcpy(to + len, digits, whole);
    len += whole;
    to[len++] = '.';
    for (size_t zeros = count; zeros < (size_t)places; zeros++) to[len++] = '0';
    memcpy(to + len, digits + whole, count - whole);
    return len + count - whole;
  }
#else
  (void)to;
  (void)value;
#endif
  return 0;
}

size_t xai__json_format_real(char *to, double value, bool bare) {
  size_t len = 0;
  bool whole = fabs(value) < 9007199254740992.0 && value == (double)(int64_t)value;
  if (whole && signbit(value)) to[len++] = '-';
  if (whole) len += xai__json_format_int(to + len, (int64_t)fabs(value));
  else if ((len = format_short(to, value)) == 0) len = format_digits(to, value);
  if (bare || memchr(to, '.', len) != NULL || memchr(to, 'e', len) != NULL) return len;
  memcpy(to + len, ".0", 2);
  return len + 2;
}
