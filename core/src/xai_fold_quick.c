/* xai_fold_quick.c - the next piece of the text that grew last, read without a tree.
 * SPDX-License-Identifier: MIT
 *
 * Most events of a stream are that, as servers write them: one object without space or escapes, its members strings,
 * indices and perhaps an empty list. Here it is read in one pass and nothing is made of it. Whatever looks otherwise, or
 * wrong, is left to the reader of JSON: what is taken here means the same there.
 */
#include <string.h>

#include "xai_fold_int.h"
#include "xai_json_scan.h"

enum { SAFE_DIGITS = 9 };

enum { HAS_TYPE = 1, HAS_DELTA = 2, HAS_OUTPUT = 4, HAS_PART = 8 };

typedef const unsigned char *cursor;

/* One that came to what it cannot read stays at its end, where nothing fits any more. */
typedef struct scan {
  cursor at, end;
  uint64_t high; /* all bytes of strings, gathered */
} scan;

static bool fits(const scan *s, unsigned char c) {
  return s->at < s->end && *s->at == c;
}

static bool skip(scan *s, unsigned char c) {
  if (!fits(s, c)) return false;
  s->at++;
  return true;
}

static bool read_string(scan *s, xai_str *out) {
  if (!skip(s, '"')) return false;
  cursor from = s->at;
  s->at = xai__find_special(from, s->end, &s->high);
  *out = (xai_str){(const char *)from, (size_t)(s->at - from)};
  return skip(s, '"');
}

static bool read_index(scan *s, uint32_t *out) {
  cursor from = s->at;
  uint32_t n = 0;
  for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
    if (s->at - from == SAFE_DIGITS) return false;
    n = n * 10 + (uint32_t)(*s->at - '0');
  }
  *out = n;
  return s->at > from && (*from != '0' || s->at - from == 1);
}

static bool skip_value(scan *s) {
  xai_str text;
  uint32_t n;
  if (fits(s, '"')) return read_string(s, &text);
  return skip(s, '[') ? skip(s, ']') : read_index(s, &n);
}

static bool is(xai_str key, const char *name) {
  return memcmp(key.ptr, name, key.len) == 0;
}

/* Which of a piece's members a key names, or 0. */
static unsigned member_of(xai_str key) {
  switch (key.len) {
    case 4: return is(key, "type") ? HAS_TYPE : 0;
    case 5: return is(key, "delta") ? HAS_DELTA : 0;
    case 12: return is(key, "output_index") ? HAS_OUTPUT : 0;
    case 13: return is(key, "content_index") || is(key, "summary_index") ? HAS_PART : 0;
    default: return 0;
  }
}

/* Gives the member's bit, 0 for one that means nothing here. */
static bool read_member(scan *s, xai_fold_piece *piece, unsigned *member) {
  xai_str key;
  if (!read_string(s, &key) || !skip(s, ':')) return false;
  *member = member_of(key);
  switch (*member) {
    case HAS_TYPE: return read_string(s, &piece->type);
    case HAS_DELTA: return read_string(s, &piece->text);
    case HAS_OUTPUT: return read_index(s, &piece->output);
    case HAS_PART: return read_index(s, &piece->content);
    default: return skip_value(s);
  }
}

static bool read_piece(xai_str data, xai_fold_piece *piece) {
  scan s = {(cursor)data.ptr, (cursor)data.ptr + data.len, 0};
  unsigned seen = 0, member;
  if (!skip(&s, '{')) return false;
  do {
    if (!read_member(&s, piece, &member)) return false; /* of two alike the last one counts, as ever */
    seen |= member;
  } while (skip(&s, ','));
  if (!skip(&s, '}') || s.at != s.end) return false;
  if ((seen | HAS_PART) != (HAS_TYPE | HAS_DELTA | HAS_OUTPUT | HAS_PART)) return false;
  return !xai__has_high(s.high) || xai__utf8_valid(data.ptr, data.len) == data.len;
}

xai_code xai__fold_quick(xai_fold *fold, xai_str data) {
  xai_fold_piece piece = {.content = 0};
  if (fold->at_text == NULL || fold->half_count > 0)
    return XAI_MORE; /* what half a character waits for is escaped */
  if (!read_piece(data, &piece)) return XAI_MORE;
  fold->lone = false; /* nothing is escaped */
  return xai__responses_piece(fold, &piece);
}
