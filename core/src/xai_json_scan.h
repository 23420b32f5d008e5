/* xai_json_scan.h - finds the bytes of a JSON string that need attention, eight at a time.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_JSON_SCAN_H
#define XAI_JSON_SCAN_H

#include <stdint.h>
#include <string.h>

#pragma GCC visibility push(hidden)

#define XAI__EACH(byte) (0x0101010101010101u * (byte))

/* Eight bytes as a number, the first of them lowest. */
static inline uint64_t xai__load8(const unsigned char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* A quote, a backslash or a control character. */
static inline int xai__is_special(unsigned char c) {
  return c == '"' || c == '\\' || c < 0x20;
}

/* The top bit of each special byte. Above the lowest of them there may be false ones (a subtraction borrows
 * from its neighbour), so only the lowest, or that there is none, means anything. */
static inline uint64_t xai__special8(uint64_t word) {
  uint64_t quote = (word ^ XAI__EACH('"')) - XAI__EACH(1);
  uint64_t backslash = (word ^ XAI__EACH('\\')) - XAI__EACH(1);
  uint64_t control = word - XAI__EACH(0x20);
  return (quote | backslash | control) & ~word & XAI__EACH(0x80);
}

/* The first special byte at or after `at`, or end. The bytes before it are gathered in *high, for
 * xai__has_high. */
static inline const unsigned char *xai__find_special(const unsigned char *at, const unsigned char *end,
                                                     uint64_t *high) {
  for (; end - at >= 8; at += 8) {
    uint64_t word = xai__load8(at), special = xai__special8(word);
    if (special != 0) {
      *high |= word & (special - 1);
      return at + (__builtin_ctzll(special) >> 3);
    }
    *high |= word;
  }
  for (; at < end && !xai__is_special(*at); at++) *high |= *at;
  return at;
}

/* Does anything gathered lie outside ASCII? */
static inline int xai__has_high(uint64_t high) {
  return (high & XAI__EACH(0x80)) != 0;
}

#pragma GCC visibility pop

#endif
