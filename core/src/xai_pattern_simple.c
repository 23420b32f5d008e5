/* xai_pattern_simple.c - the patterns that a loop over bytes can match: "^TCK-[0-9]{6}$", "^x-", "[a-z][a-z0-9]+".
 * SPDX-License-Identifier: MIT
 *
 * A sequence of sets each repeated some times, without alternatives. Taking as many as possible is right without ever
 * going back, because where the number is open, nothing that may come next can begin with what was taken.
 *
 * Not anchored at the start, it is looked for from each character on. As nothing follows the last set, its least
 * number is enough; the others may take a few bytes only, so that the time stays that of the text's length.
 */
#include "xai_pattern_simple.h"

#include <string.h>

enum { MOST_ANYWHERE = 16 }; /* bytes of what is looked for everywhere */

typedef struct reader {
  const char *at;
  const char *end;
} reader;

/* ---- sets ---- */

static void include(xai_simple_item *item, unsigned from, unsigned to) {
  for (unsigned c = from; c <= to && c < 128; c++) item->set[c / 64] |= (uint64_t)1 << c % 64;
}

static bool has(const xai_simple_item *item, unsigned char c) {
  return c < 128 ? (item->set[c / 64] >> c % 64 & 1) != 0 : item->high;
}

static bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A character that means itself, in a class or outside. */
static bool is_plain(char c, bool inside) {
  if (c <= ' ' || c == 0x7f) return c == ' ';
  if ((unsigned char)c >= 0x80) return false;
  return strchr(inside ? "\\]^[-" : "\\^$.*+?()[]{}|", c) == NULL;
}

/* After a backslash: \d, \w, or a punctuation mark; false for all else. *single: the mark. */
static bool read_escape(reader *r, xai_simple_item *item, char *single) {
  if (r->at == r->end) return false;
  char c = *r->at++;
  *single = '\0';
  if (c == 'd' || c == 'w') include(item, '0', '9');
  if (c == 'w') {
    include(item, 'A', 'Z');
    include(item, 'a', 'z');
    include(item, '_', '_');
  }
  if (c == 'd' || c == 'w') return true;
  if (c <= ' ' || c == 0x7f || (unsigned char)c >= 0x80 || is_word(c)) return false;
  *single = c;
  return true;
}

/* One character of a class, or a set such as \d (then *single is NUL). */
static bool read_member(reader *r, xai_simple_item *item, char *single) {
  if (r->at == r->end) return false;
  char c = *r->at++;
  if (c == '\\') return read_escape(r, item, single);
  *single = c;
  return is_plain(c, true);
}

/* A '-' is taken literally only at either end; elsewhere it has to make a range. */
static bool read_range(reader *r, xai_simple_item *item, bool first) {
  char low, high;
  if (*r->at == '-') {
    r->at++;
    include(item, '-', '-');
    return first || (r->at < r->end && *r->at == ']');
  }
  if (!read_member(r, item, &low)) return false;
  bool range = r->end - r->at >= 2 && r->at[0] == '-' && r->at[1] != ']';
  if (!range) {
    if (low != '\0') include(item, (unsigned char)low, (unsigned char)low);
    return true;
  }
  r->at++;
  if (low == '\0' || *r->at == '-' || !read_member(r, item, &high) || high < low) return false;
  include(item, (unsigned char)low, (unsigned char)high);
  return true;
}

/* After '['. */
static bool read_class(reader *r, xai_simple_item *item) {
  bool negated = r->at < r->end && *r->at == '^';
  if (negated) r->at++;
  const char *start = r->at;
  if (r->at < r->end && *r->at == ']') return false;
  while (r->at < r->end && *r->at != ']') {
    if (!read_range(r, item, r->at == start)) return false;
  }
  if (r->at == r->end) return false;
  r->at++;
  if (!negated) return true;
  item->set[0] = ~item->set[0];
  item->set[1] = ~item->set[1];
  item->high = true;
  return true;
}

/* ---- items ---- */

/* Any character that does not end a line. */
static void include_line(xai_simple_item *item) {
  item->set[0] = ~((uint64_t)1 << '\n' | (uint64_t)1 << '\r');
  item->set[1] = UINT64_MAX;
  item->high = item->in_line = true;
}

static bool read_atom(reader *r, xai_simple_item *item) {
  char c = *r->at++;
  if (c == '[') return read_class(r, item);
  if (c == '.') {
    include_line(item);
    return true;
  }
  if (c == '\\') {
    if (!read_escape(r, item, &c)) return false;
  } else if (!is_plain(c, false)) {
    return false;
  }
  if (c != '\0') include(item, (unsigned char)c, (unsigned char)c);
  return true;
}

static bool read_number(reader *r, uint32_t *out) {
  const char *start = r->at;
  uint32_t sum = 0;
  for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) sum = sum * 10 + (uint32_t)(*r->at - '0');
  *out = sum;
  return r->at > start && r->at - start <= 4;
}

/* After '{'. */
static bool read_counts(reader *r, xai_simple_item *item) {
  if (!read_number(r, &item->min)) return false;
  item->max = item->min;
  if (r->at < r->end && *r->at == ',') {
    r->at++;
    item->max = UINT32_MAX;
    if (r->at < r->end && *r->at != '}' && !read_number(r, &item->max)) return false;
  }
  return r->at < r->end && *r->at++ == '}' && item->min <= item->max;
}

static bool read_quantifier(reader *r, xai_simple_item *item) {
  item->min = item->max = 1;
  char c = r->at < r->end ? *r->at : '\0';
  if (c == '\0' || strchr("*+?{", c) == NULL) return true;
  r->at++;
  if (c == '{' && !read_counts(r, item)) return false;
  if (c == '*' || c == '?') item->min = 0;
  if (c == '*' || c == '+') item->max = UINT32_MAX;
  /* Lazy, or an error. */
  return r->at == r->end || strchr("*+?{", *r->at) == NULL || *r->at == '\0';
}

static bool overlap(const xai_simple_item *a, const xai_simple_item *b) {
  return (a->set[0] & b->set[0]) != 0 || (a->set[1] & b->set[1]) != 0 || (a->high && b->high);
}

/* May as many as possible be taken of each? */
static bool is_greedy_right(const xai_simple *s) {
  for (uint32_t i = 0; i < s->count; i++) {
    const xai_simple_item *item = &s->items[i];
    /* Bytes are counted, which is the same as characters only in ASCII, or if the number does not matter. */
    if (item->high && (item->min > 1 || item->max != UINT32_MAX)) return false;
    if (item->min == item->max) continue;
    for (uint32_t k = i + 1; k < s->count; k++) {
      if (overlap(item, &s->items[k])) return false;
      if (s->items[k].min > 0) break;
    }
  }
  return true;
}

/* Can it be looked for everywhere? */
static bool is_short(xai_simple *s) {
  uint64_t most = 0;
  if (s->count > 0) s->items[s->count - 1].max = s->items[s->count - 1].min;
  for (uint32_t i = 0; i < s->count; i++) most += s->items[i].max;
  return most <= MOST_ANYWHERE;
}

static bool read_items(reader *r, xai_simple *out) {
  while (r->at < r->end) {
    if (*r->at == '$') {
      out->whole = true;
      return r->at + 1 == r->end && is_greedy_right(out);
    }
    if (out->count == XAI__SIMPLE_ITEMS) return false;
    xai_simple_item *item = &out->items[out->count++];
    if (!read_atom(r, item) || !read_quantifier(r, item)) return false;
  }
  return is_greedy_right(out);
}

bool xai__simple_parse(xai_simple *out, xai_str source) {
  reader r = {source.ptr, source.ptr + source.len};
  *out = (xai_simple){.count = 0};
  if (source.len == 0) return false;
  out->anywhere = *r.at != '^';
  if (!out->anywhere) r.at++;
  if (!read_items(&r, out)) return false;
  return !out->anywhere || (!out->whole && is_short(out));
}

/* Does a line end here, in other than ASCII? */
static bool is_separator(const char *at, const char *end) {
  return *at == '\xe2' && end - at >= 3 && at[1] == '\x80' && (at[2] == '\xa8' || at[2] == '\xa9');
}

static bool match_at(const xai_simple *simple, const char *at, const char *end) {
  for (uint32_t i = 0; i < simple->count; i++) {
    const xai_simple_item *item = &simple->items[i];
    uint32_t taken = 0;
    while (taken < item->max && at < end && has(item, (unsigned char)*at)) {
      if (item->in_line && is_separator(at, end)) break;
      at++;
      taken++;
    }
    if (taken < item->min) return false;
  }
  return !simple->whole || at == end;
}

bool xai__simple_match(const xai_simple *simple, const char *text, size_t len) {
  const char *end = text + len;
  if (!simple->anywhere) return match_at(simple, text, end);
  for (const char *at = text;; at++) {
    bool inside = at < end && (*at & 0xc0) == 0x80; /* of a character */
    if (!inside && match_at(simple, at, end)) return true;
    if (at == end) return false;
  }
}
