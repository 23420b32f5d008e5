/* fuzz_format.c - any bytes under every format: what one of them accepts, its wider kin accept too.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "xai_buf.h"
#include "xai_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool so) {
  if (!so) abort();
}

static bool is(const char *format, const char *text, size_t len) {
  xai_format number = xai__format_find(xai_str_of(format));
  need(number != 0);
  return xai__format_check(number, text, len);
}

/* The first holds only where the second does. */
static const char *const within[][2] = {
  {"uri", "uri-reference"}, {"uri", "iri"},         {"uri-reference", "iri-reference"},
  {"iri", "iri-reference"}, {"email", "idn-email"}, {"hostname", "idn-hostname"},
  {"ipv4", "hostname"},     {"uuid", "hostname"},
};

/* What no text can be at once. */
static const char *const apart[][2] = {
  {"ipv4", "ipv6"},      {"date", "time"},     {"date", "date-time"},
  {"time", "date-time"}, {"duration", "uuid"}, {"email", "hostname"},
};

static void need_utf8_of_the_strict(const char *text, size_t len) {
  static const char *const strict[] = {"idn-email",    "idn-hostname", "iri-reference",
                                       "uri-template", "json-pointer", "regex"};
  if (xai__utf8_valid(text, len) == len) return;
  for (size_t i = 0; i < sizeof strict / sizeof *strict; i++) need(!is(strict[i], text, len));
}

/* A date-time is a date and a time; "0" before a pointer makes a relative one. */
static void need_parts(char *text, size_t len) {
  if (is("date-time", text, len)) need(is("date", text, 10) && is("time", text + 11, len - 11));
  if (len > 1 && text[0] == '0')
    need(is("relative-json-pointer", text, len) || !is("json-pointer", text + 1, len - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size > 0 ? size : 1); /* exactly as long: nothing may be read beyond it */
  need(text != NULL);
  if (size > 0) memcpy(text, data, size);
  for (xai_format format = 0; format < 32; format++) (void)xai__format_check(format, text, size);
  for (size_t i = 0; i < sizeof within / sizeof *within; i++) {
    if (is(within[i][0], text, size)) need(is(within[i][1], text, size));
  }
  for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
    need(!is(apart[i][0], text, size) || !is(apart[i][1], text, size));
  }
  need_utf8_of_the_strict(text, size);
  need_parts(text, size);
  free(text);
  return 0;
}
