/* canary.h - a key for tests that must not come out anywhere: ways to write it, and a search for what is left of it.
 * SPDX-License-Identifier: MIT
 *
 * None of it uses the code under test.
 */
#ifndef CANARY_H
#define CANARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Not a key: drawn for this test. */
#define CANARY "xai-q7Wm2LrT9vKpXz4NcB8sYdHgJ5fA3eRuQ6oVtZkMwPi1yDlSxCnGbEhUjF0a_-Ov.Kq9L2mWz7RtXp4N"
enum { PIECE = 8, ROOM = 16384 };

typedef void encode_fn(char *to, const char *bytes);

/* ---- encoders, and a reader of base64, all independent of the code under test */

static inline void literally(char *to, const char *bytes) {
  strcpy(to, bytes);
}

static inline void each(char *to, const char *bytes, const char *format) {
  for (*to = '\0'; *bytes != '\0'; bytes++) to += sprintf(to, format, (unsigned char)*bytes);
}

static inline void percent(char *to, const char *bytes) {
  each(to, bytes, "%%%02X");
}
static inline void percent_twice(char *to, const char *bytes) {
  each(to, bytes, "%%25%02x");
}
static inline void escaped(char *to, const char *bytes) {
  each(to, bytes, "\\u%04x");
}
static inline void escaped_short(char *to, const char *bytes) {
  each(to, bytes, "\\x%02x");
}
static inline void entities(char *to, const char *bytes) {
  each(to, bytes, "&#%d;");
}
static inline void entities_hex(char *to, const char *bytes) {
  each(to, bytes, "&#x%x;");
}
static inline void hex(char *to, const char *bytes) {
  each(to, bytes, "%02x");
}
static inline void hex_upper(char *to, const char *bytes) {
  each(to, bytes, "%02X");
}
static inline void hex_colons(char *to, const char *bytes) {
  each(to, bytes, "%02x:");
}

/* As clients and proxies do it: only what must be escaped is. */
static inline void percent_some(char *to, const char *bytes) {
  for (*to = '\0'; *bytes != '\0'; bytes++)
    to += sprintf(to, strchr("-_.", *bytes) != NULL ? "%%%02X" : "%c", *bytes);
}

static inline void zero_width(char *to, const char *bytes) {
  for (*to = '\0'; *bytes != '\0'; bytes++) to += sprintf(to, "%c\xE2\x80\x8B", *bytes);
}

static inline void folded(char *to, const char *bytes) {
  for (int i = 0; bytes[i] != '\0'; i++) to += sprintf(to, i % 20 == 19 ? "%c\r\n" : "%c", bytes[i]);
}

static inline void full_width(char *to, const char *bytes) {
  for (; *bytes != '\0'; bytes++) {
    int code = *bytes - 0x21;
    *to++ = (char)0xEF;
    *to++ = (char)(code < 0x3F ? 0xBC : 0xBD);
    *to++ = (char)(0x80 + (code + 1) % 0x40);
  }
  *to = '\0';
}

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static inline void base64_with(char *to, const char *bytes, const char *alphabet, const char *fold) {
  size_t len = strlen(bytes);
  for (size_t i = 0; i < len; i += 3) {
    size_t left = len - i;
    unsigned v = (unsigned)(unsigned char)bytes[i] << 16;
    if (left > 1) v |= (unsigned)(unsigned char)bytes[i + 1] << 8;
    if (left > 2) v |= (unsigned char)bytes[i + 2];
    for (int k = 0; k < 4; k++)
      *to++ = k > (int)left || (k == 3 && left < 3) || (k == 2 && left < 2)
                ? '='
                : alphabet[v >> (18 - 6 * k) & 63];
    if (i % 57 == 54) to += sprintf(to, "%s", fold);
  }
  *to = '\0';
}

static inline void base64(char *to, const char *bytes) {
  base64_with(to, bytes, standard, "");
}
static inline void base64_url(char *to, const char *bytes) {
  base64_with(to, bytes, for_urls, "");
}
static inline void base64_folded(char *to, const char *bytes) {
  base64_with(to, bytes, standard, "\r\n");
}
static inline void base64_in_json(char *to, const char *bytes) {
  base64_with(to, bytes, standard, "\\n");
}

/* Does `text` hold so many bytes of the key in a row? */
static inline bool holds_piece(const char *text, size_t len) {
  for (size_t from = 0; from + PIECE <= strlen(CANARY); from++)
    for (size_t at = 0; at + PIECE <= len; at++)
      if (memcmp(text + at, &CANARY[from], PIECE) == 0) return true;
  return false;
}

static inline int sextet(char c) {
  const char *found = c != '\0' ? strchr(standard, c == '-' ? '+' : c == '_' ? '/' : c) : NULL;
  return found != NULL ? (int)(found - standard) : -1;
}

/* ... when it is read as base64 from its nth character on, other characters left out? */
static inline bool hides_piece(const char *text, size_t skip) {
  char bytes[ROOM];
  size_t len = 0;
  unsigned bits = 0;
  int count = 0;
  for (; *text != '\0'; text++) {
    int six = *text == '*' ? 0 : sextet(*text);
    if (six < 0) continue;
    if (skip > 0) {
      skip--;
      continue;
    }
    bits = bits << 6 | (unsigned)six;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[len++] = (char)(bits >> count);
  }
  return holds_piece(bytes, len);
}

static inline int nibble(char c) {
  const char *digits = "0123456789abcdef0123456789ABCDEF", *found = c != '\0' ? strchr(digits, c) : NULL;
  return found != NULL ? (int)((found - digits) % 16) : -1;
}

/* ... as hex digits, from one of the first two on? */
static inline bool hides_hex(const char *text, size_t skip) {
  char bytes[ROOM];
  size_t len = 0;
  for (text += skip; text[0] != '\0' && text[1] != '\0'; text += 2) {
    int high = nibble(text[0]), low = nibble(text[1]);
    bytes[len++] = high < 0 || low < 0 ? ' ' : (char)(high * 16 + low);
  }
  return holds_piece(bytes, len);
}

/* ... when its %41, \u0041 and \x41 are read? */
static inline bool hides_escapes(const char *text) {
  static const struct {
    const char *mark;
    size_t digits;
  } forms[] = {{"%25", 2}, {"%", 2}, {"\\u00", 2}, {"\\x", 2}};
  char bytes[ROOM];
  size_t len = 0;
  while (*text != '\0') {
    int value = -1;
    size_t used = 1;
    for (size_t i = 0; i < 4 && value < 0; i++) {
      size_t mark = strlen(forms[i].mark);
      if (strncmp(text, forms[i].mark, mark) != 0 || nibble(text[mark]) < 0 || nibble(text[mark + 1]) < 0)
        continue;
      value = nibble(text[mark]) * 16 + nibble(text[mark + 1]);
      used = mark + 2;
    }
    bytes[len++] = value < 0 ? *text : (char)value;
    text += used;
  }
  return holds_piece(bytes, len);
}

static inline bool is_clean(const char *text) {
  if (holds_piece(text, strlen(text)) || hides_escapes(text) || hides_hex(text, 0) || hides_hex(text, 1))
    return false;
  for (size_t skip = 0; skip < 4; skip++)
    if (hides_piece(text, skip)) return false;
  return true;
}

#endif
