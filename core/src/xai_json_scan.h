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

/* Fewer than eight bytes, and spaces above them. */
static inline uint64_t xai__load_short(const unsigned char *at, size_t len) {
  uint64_t word = 0;
  if (len >= 4) { /* two halves, which may share bytes */
    uint32_t low, high;
    memcpy(&low, at, 4);
    memcpy(&high, at + len - 4, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    low = __builtin_bswap32(low);
    high = __builtin_bswap32(high);
#endif
    word = low | (uint64_t)high << (8 * (len - 4));
  } else if (len > 0) {
    word = at[0] | (uint64_t)at[len / 2] << (8 * (len / 2)) | (uint64_t)at[len - 1] << (8 * (len - 1));
  }
  return word | XAI__EACH(0x20) << (8 * len);
}

/* Eight bytes of a number to memory, the lowest of them first. */
static inline void xai__store8(char *to, uint64_t word) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  memcpy(to, &word, sizeof word);
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

/* Copies a text up to its first special byte, and some bytes more: `to` has room for len + 8. Returns where that byte
 * stands in the text, or len; what lies before it is gathered in *high. */
static inline size_t xai__copy_plain(char *to, const unsigned char *from, size_t len, uint64_t *high) {
  size_t at = 0;
  while (at < len) {
    size_t rest = len - at;
    uint64_t word = rest >= 8 ? xai__load8(from + at) : xai__load_short(from + at, rest);
    uint64_t special = xai__special8(word);
    xai__store8(to + at, word);
    if (special != 0) {
      *high |= word & (special - 1);
      return at + ((size_t)__builtin_ctzll(special) >> 3);
    }
    *high |= word;
    at += 8;
  }
  return len;
}

/* Does anything gathered lie outside ASCII? */
static inline int xai__has_high(uint64_t high) {
  return (high & XAI__EACH(0x80)) != 0;
}

#pragma GCC visibility pop

#endif
