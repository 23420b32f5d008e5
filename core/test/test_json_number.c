/* test_json_number.c - numbers: exact integers, nearest doubles, shortest texts, in any locale.
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

#include "check.h"
#include "xai_json.h"

/* ---- a C library whose locale has a comma, even where no such locale is installed ---- */

static const char *point = "."; /* what the locale has for it */

static size_t swap_point(char *to, const char *from, const char *old, const char *fresh) {
  const char *at = strstr(from, old);
  if (at == NULL) return (size_t)sprintf(to, "%s", from);
  return (size_t)sprintf(to, "%.*s%s%s", (int)(at - from), from, fresh, at + strlen(old));
}

static double foreign_strtod(const char *text, char **end) {
  char own[1024];
  CHECK(end == NULL && strlen(text) < sizeof own);
  swap_point(own, text, point, ".");
  const char *foreign = strcmp(point, ".") != 0 ? strchr(text, '.') : NULL;
  if (foreign != NULL) own[foreign - text] = '\0'; /* there such a library stops */
  return strtod(own, NULL);
}

static int foreign_snprintf(char *to, size_t size, const char *format, ...) {
  char own[1024], foreign[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(own, sizeof own, format, args);
  va_end(args);
  size_t len = swap_point(foreign, own, ".", point);
  CHECK(len < size);
  memcpy(to, foreign, len + 1);
  return (int)len;
}

/* The file under test once more, on top of that library. */
#undef strtod
#undef snprintf
#define strtod foreign_strtod
#define snprintf foreign_snprintf
#define xai_json_int foreign_json_int
#define xai_json_real foreign_json_real
#define xai__json_format_int foreign_format_int
#define xai__json_format_real foreign_format_real
bool foreign_json_int(const xai_json *value, int64_t *out);
bool foreign_json_real(const xai_json *value, double *out);
size_t foreign_format_int(char *to, int64_t value);
size_t foreign_format_real(char *to, double value, bool bare);
#include "../src/xai_json_number.c"
#undef strtod
#undef snprintf
#undef xai_json_int
#undef xai_json_real
#undef xai__json_format_int
#undef xai__json_format_real

static const char *points[] = {".", ",", "\xd9\xab"}; /* as in Pashto: two bytes */

/* ---- reading ---- */

static xai_json number(const char *text) {
  return (xai_json){.type = XAI_JSON_NUMBER, .len = (uint32_t)strlen(text), .as.text = text};
}

static void is_int(const char *text, int64_t want) {
  xai_json value = number(text);
  int64_t got = 77;
  CHECK(xai_json_int(&value, &got));
  CHECK_INT(got, want);
}

static void is_no_int(const char *text) {
  xai_json value = number(text);
  int64_t got = 77;
  CHECK(!xai_json_int(&value, &got));
  CHECK_INT(got, 77);
}

static void integers_of_64_bits_are_exact(void) {
  is_int("0", 0);
  is_int("-0", 0);
  is_int("-1", -1);
  is_int("9007199254740993", 9007199254740993);
  is_int("9223372036854775807", INT64_MAX);
  is_int("-9223372036854775807", -INT64_MAX);
  is_int("-9223372036854775808", INT64_MIN);
  is_no_int("9223372036854775808");
  is_no_int("-9223372036854775809");
  is_no_int("18446744073709551616");
  is_no_int("100000000000000000000000");
  is_no_int("1.0");
  is_no_int("1e2");
}

/* strtod of the C locale, in which this program runs, rounds correctly. */
static void check_real(const char *text) {
  xai_json value = number(text);
  double want = strtod(text, NULL);
  for (size_t i = 0; i < 3; i++) {
    point = points[i];
    double got = 77;
    bool fits = foreign_json_real(&value, &got);
    bool right = isinf(want) ? !fits && got == 77 : fits && memcmp(&got, &want, sizeof got) == 0;
    if (!right) printf("%s: %.60s gives %.17g, not %.17g\n", check_name, text, got, want);
    CHECK(right);
  }
  double got = 77;
  CHECK(xai_json_real(&value, &got) == !isinf(want) && (isinf(want) || got == want));
}

static void doubles_are_the_nearest_whatever_the_locale(void) {
  const char *texts[] = {
    "0",
    "-0",
    "-0.0",
    "0.000e99",
    "1",
    "-1.5",
    "0.1",
    "123.456",
    "3.141592653589793",
    "1e22",
    "1e23",
    "1e-22",
    "9007199254740992",
    "9007199254740993",
    "9007199254740991e3",
    "0.30000000000000004",
    "1E5",
    "1e+05",
    "1.0e-07",
    "179769313486231570000e289",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
    "2.2250738585072014e-308",
    "2.2250738585072011e-308",
    "5e-324",
    "2.5e-324",
    "2.4e-324",
    "1e-400",
    "1e308",
    "1e309",
    "-1e309",
    "1e999",
    "1e-999",
    "1e99999999999999999999999",
    "1e-99999999999999999999999",
    "0e99999999999999999999999",
    "0.00000000000000000000000000000000000000000000000001e50",
    "100000000000000000000e-20",
    "18446744073709551615",
    "18446744073709551616",
    "12345678901234567890123456789",
    "0.1234567890123456789012",
    /* half way between two doubles, just below it and just above */
    "9007199254740993.0",
    "9007199254740992.99999999999999999999999",
    "9007199254740993.00000000000000000000001",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) check_real(texts[i]);
}

static void a_digit_far_behind_a_half_still_rounds_up(void) {
  char text[2000];
  int len = sprintf(text, "9007199254740993.");
  memset(text + len, '0', 1500);
  strcpy(text + len + 1500, "1");
  xai_json value = number(text);
  double got;
  CHECK(xai_json_real(&value, &got) && got == 9007199254740994.0);
  text[len + 1500] = '0';
  CHECK(xai_json_real(&value, &got) && got == 9007199254740992.0);
}

static void f82_four_hundred_digits_are_kept_and_out_of_range(void) {
  char text[401];
  memset(text, '7', 400);
  text[400] = '\0';
  xai_json value = number(text);
  double real = 1;
  CHECK(!xai_json_real(&value, &real) && real == 1.0);
  CHECK_STR(xai_json_text(&value), text);
  text[1] = '.';
  CHECK(xai_json_real(&value, &real) && real == strtod(text, NULL));
}

static uint64_t chance(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

static void random_texts_are_read_to_the_nearest(void) {
  uint64_t state = 42;
  char text[64];
  for (int i = 0; i < 20000; i++) {
    uint64_t head = chance(&state) >> (chance(&state) % 64), tail = chance(&state) >> (chance(&state) % 64);
    int exponent = (int)(chance(&state) % 80) - 40;
    sprintf(text, "%" PRIu64 ".%" PRIu64 "e%d", head, tail, i % 3 ? exponent : exponent * 8);
    check_real(text);
  }
}

/* ---- writing ---- */

static void writes(double value, bool bare, const char *want) {
  for (size_t i = 0; i < 3; i++) {
    point = points[i];
    char text[XAI__NUMBER_SIZE];
    CHECK_STR(((xai_str){text, foreign_format_real(text, value, bare)}), want);
    CHECK_STR(((xai_str){text, xai__json_format_real(text, value, bare)}), want);
  }
}

static void f103_reals_are_written_shortest_and_with_a_point(void) {
  writes(0.1, false, "0.1");
  writes(-2.5, true, "-2.5");
  writes(0.1 + 0.2, false, "0.30000000000000004");
  writes(1e-7, false, "1e-7");
  writes(1.5e300, false, "1.5e300");
  writes(1e23, false, "1e23");
  writes(-1.25e-10, true, "-1.25e-10");
  writes(5e-324, false, "5e-324");
  writes(DBL_MIN, false, "2.2250738585072014e-308");
  writes(DBL_MAX, false, "1.7976931348623157e308");
  writes(123456.789, false, "123456.789");
  writes(0.0001, false, "0.0001");
}

static void whole_numbers_have_a_fraction_unless_asked_otherwise(void) {
  writes(1, false, "1.0");
  writes(1, true, "1");
  writes(0, false, "0.0");
  writes(-0.0, false, "-0.0");
  writes(-0.0, true, "-0");
  writes(-42, true, "-42");
  writes(9007199254740991, true, "9007199254740991");
  writes(9007199254740991, false, "9007199254740991.0");
  writes(9007199254740992, false, "9007199254740992.0");
  writes(9007199254740992, true, "9007199254740992");
  writes(1e15, false, "1000000000000000.0");
}

static void what_is_written_reads_back_the_same(void) {
  uint64_t state = 7;
  for (int i = 0; i < 20000; i++) {
    uint64_t bits = chance(&state);
    double value, back;
    memcpy(&value, &bits, sizeof value);
    if (i % 4 == 0) value = (double)(int64_t)bits / 1000.0;
    if (i % 4 == 1) value = (double)(int64_t)(bits >> (bits % 60));
    if (i % 97 == 0) value = ldexp(1, (int)(bits % 2000) - 1040);
    if (!isfinite(value)) continue;
    point = points[i % 3];
    char text[XAI__NUMBER_SIZE + 1];
    text[foreign_format_real(text, value, i % 2)] = '\0';
    xai_json written = number(text);
    bool right = foreign_json_real(&written, &back) && memcmp(&back, &value, sizeof back) == 0;
    if (!right) printf("%s: %.17g became %s\n", check_name, value, text);
    CHECK(right);
  }
}

static void integers_are_written_whole(void) {
  int64_t values[] = {0, 7, -7, 10, -10, 1234567890123456789, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    char text[XAI__NUMBER_SIZE], want[32];
    snprintf(want, sizeof want, "%" PRId64, values[i]);
    CHECK_STR(((xai_str){text, xai__json_format_int(text, values[i])}), want);
    int64_t same;
    CHECK(foreign_format_int(text, values[i]) == strlen(want));
    xai_json value = number(want);
    CHECK(foreign_json_int(&value, &same) && same == values[i]);
  }
}

int main(void) {
  RUN(integers_of_64_bits_are_exact);
  RUN(doubles_are_the_nearest_whatever_the_locale);
  RUN(a_digit_far_behind_a_half_still_rounds_up);
  RUN(f82_four_hundred_digits_are_kept_and_out_of_range);
  RUN(random_texts_are_read_to_the_nearest);
  RUN(f103_reals_are_written_shortest_and_with_a_point);
  RUN(whole_numbers_have_a_fraction_unless_asked_otherwise);
  RUN(what_is_written_reads_back_the_same);
  RUN(integers_are_written_whole);
  return check_report("json_number");
}
