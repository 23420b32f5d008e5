/* xai_format_int.h - what the files of the formats share: a scanner over a text, and each other's checks.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_FORMAT_INT_H
#define XAI_FORMAT_INT_H

#include "xai.h"

#pragma GCC visibility push(hidden)

/* ---- scanning ---- */

typedef struct xai_scan {
  const char *at;
  const char *end;
} xai_scan;

#define XAI__NO_CODE UINT32_MAX /* not valid UTF-8 */

static inline xai_scan xai__scan_of(xai_str text) {
  return (xai_scan){text.ptr, text.len > 0 ? text.ptr + text.len : text.ptr};
}

static inline xai_str xai__between(const char *from, const char *to) {
  return (xai_str){from, (size_t)(to - from)};
}

static inline bool xai__at_end(const xai_scan *scan) {
  return scan->at == scan->end;
}

/* The next byte without taking it; 0 at the end, which a NUL byte in the text is not told from. */
static inline char xai__peek(const xai_scan *scan) {
  return scan->at < scan->end ? *scan->at : '\0';
}

/* Takes this byte if it is the next one. */
static inline bool xai__take(xai_scan *scan, char c) {
  if (scan->at == scan->end || *scan->at != c) return false;
  scan->at++;
  return true;
}

static inline bool xai__is_digit(uint32_t c) {
  return c >= '0' && c <= '9';
}

static inline bool xai__is_letter(uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a hexadecimal digit, or -1. */
static inline int xai__hex_value(uint32_t c) {
  if (xai__is_digit(c)) return (int)(c - '0');
  uint32_t low = c | 0x20;
  return c < 0x80 && low >= 'a' && low <= 'f' ? (int)(low - 'a' + 10) : -1;
}

/* Takes the digits that come next and tells how many they were. */
size_t xai__take_digits(xai_scan *scan);
size_t xai__take_hex(xai_scan *scan);
/* Takes "%41" whole; false, and nothing taken, if that is not what comes next. */
bool xai__take_percent(xai_scan *scan);
/* Takes one character, of which there must be a byte. XAI__NO_CODE: not UTF-8. */
uint32_t xai__take_code(xai_scan *scan);
/* Is `c` one of these characters? */
bool xai__is_one_of(uint32_t c, const char *set);

/* ---- checks that live in other files ---- */

bool xai__is_date(xai_str text);
bool xai__is_time(xai_str text);
bool xai__is_date_time(xai_str text);
bool xai__is_duration(xai_str text);

bool xai__is_ipv4(xai_str text);
bool xai__is_ipv6(xai_str text);
bool xai__is_email(xai_str text);
bool xai__is_idn_email(xai_str text);

bool xai__is_hostname(xai_str text);
bool xai__is_idn_hostname(xai_str text);

bool xai__is_uri(xai_str text);
bool xai__is_uri_reference(xai_str text);
bool xai__is_iri(xai_str text);
bool xai__is_iri_reference(xai_str text);
bool xai__is_uri_template(xai_str text);
bool xai__is_ucschar(uint32_t c);  /* RFC 3987: letters and signs outside ASCII */
bool xai__is_iprivate(uint32_t c); /* ... and those for private use             */

bool xai__is_regex(xai_str text);
/* "L", "Script=Greek", "ASCII": may it stand in \p{...}? */
bool xai__is_regex_property(xai_str name, xai_str value, bool has_value);

/* ---- properties of characters in host names (xai_format_idn_table.c) ---- */

enum {
  XAI__IDN_VALID = 1, /* PVALID of RFC 5892; those that depend on their neighbours are not */
  XAI__IDN_MARK = 2,  /* combining                                                         */
  XAI__IDN_VIRAMA = 4,

  XAI__IDN_SCRIPT = 3 << 3, /* the script, as far as a rule asks for it */
  XAI__IDN_GREEK = 1 << 3,
  XAI__IDN_HEBREW = 2 << 3,
  XAI__IDN_KANA_HAN = 3 << 3,

  XAI__IDN_JOINING = 7 << 5,
  XAI__IDN_JOIN_LEFT = 1 << 5,
  XAI__IDN_JOIN_RIGHT = 2 << 5,
  XAI__IDN_JOIN_DUAL = 3 << 5,
  XAI__IDN_TRANSPARENT = 4 << 5,

  XAI__IDN_DIRECTION = 7 << 8,
  XAI__IDN_LTR = 1 << 8,
  XAI__IDN_RTL = 2 << 8, /* classes R and AL */
  XAI__IDN_EUROPEAN = 3 << 8,
  XAI__IDN_ARABIC = 4 << 8,
  XAI__IDN_NONSPACING = 5 << 8
};

extern const uint32_t xai__idn_ranges[];
extern const size_t xai__idn_range_count;

#pragma GCC visibility pop

#endif
