/* xai_pattern_write.c - regular expressions of ECMA-262, written anew in PCRE2's dialect.
 * SPDX-License-Identifier: MIT
 *
 * Nothing of the source goes out as it stands: each construct is recognised and written as what means the same there,
 * so that no verb, option or escape of PCRE2's own can slip in. What comes out is also all that xai_nfa.c has to read.
 */
#include "xai_pattern_write.h"

#include <stdio.h>
#include <string.h>

#define MAX_SOURCE ((size_t)64 << 10)

typedef struct writer {
  const char *at;
  const char *end;
  xai_buf out;
  char *why;
  size_t why_size;
  bool bad;        /* `why` says what is wrong                     */
  bool repeatable; /* what was written last may have a quantifier  */
} writer;

/* ---- writing ---- */

static void complain(writer *w, const char *what) {
  if (!w->bad && w->why_size > 0) snprintf(w->why, w->why_size, "%s", what);
  w->bad = true;
}

/* A buffer without memory keeps its failure: checked once, at the end. */
static void put(writer *w, const char *text) {
  if (w->out.cap > 0 && xai__buf_add_cstr(&w->out, text) != XAI_OK) w->out.cap = 0;
}

static void put_point(writer *w, uint32_t point) {
  char text[16];
  bool plain =
    (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') || (point >= 'a' && point <= 'z');
  if (point >= 0xd800 && point < 0xe000) complain(w, "half of a surrogate pair can match nothing");
  snprintf(text, sizeof text, plain ? "%c" : "\\x{%x}", (unsigned)point);
  put(w, text);
}

/* ---- reading ---- */

static bool has(const writer *w, const char *text) {
  size_t len = strlen(text);
  return (size_t)(w->end - w->at) >= len && memcmp(w->at, text, len) == 0;
}

static bool take(writer *w, const char *text) {
  if (!has(w, text)) return false;
  w->at += strlen(text);
  return true;
}

static int peek(const writer *w) {
  return w->at < w->end ? (unsigned char)*w->at : -1;
}

static bool is_digit(int c) {
  return c >= '0' && c <= '9';
}

static bool is_letter(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex(int c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character of UTF-8 that is known to be whole. */
static uint32_t next_point(writer *w) {
  unsigned char c = (unsigned char)*w->at++;
  if (c < 0xc0) return c;
  int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
  uint32_t point = c & (0x3fu >> more);
  for (; more > 0 && w->at < w->end; more--) point = point << 6 | ((unsigned char)*w->at++ & 0x3fu);
  return point;
}

/* Exactly `count` hex digits; they are not taken if there are fewer. */
static bool take_hex(writer *w, int count, uint32_t *out) {
  uint32_t sum = 0;
  if (w->end - w->at < count) return false;
  for (int i = 0; i < count; i++) {
    int digit = hex((unsigned char)w->at[i]);
    if (digit < 0) return false;
    sum = sum << 4 | (uint32_t)digit;
  }
  w->at += count;
  *out = sum;
  return true;
}

static uint32_t braced_point(writer *w) {
  uint32_t point = 0, digit;
  bool any = false;
  while (take_hex(w, 1, &digit)) {
    any = true;
    point = point > 0x10ffff ? point : point << 4 | digit;
  }
  if (!take(w, "}") || !any || point > 0x10ffff) complain(w, "\\u{...} must hold a code point");
  return point;
}

/* After "\u". */
static uint32_t unicode_point(writer *w) {
  uint32_t point, low;
  if (take(w, "{")) return braced_point(w);
  if (!take_hex(w, 4, &point)) {
    complain(w, "\\u must be followed by four hex digits or {...}");
    return 0;
  }
  const char *after = w->at;
  bool high = point >= 0xd800 && point < 0xdc00;
  if (high && take(w, "\\u") && take_hex(w, 4, &low) && low >= 0xdc00 && low < 0xe000)
    return 0x10000 + ((point - 0xd800) << 10 | (low - 0xdc00));
  w->at = after;
  return point;
}

/* An escape that stands for one character, after the backslash; false if it is another kind. */
static bool escaped_point(writer *w, uint32_t *out) {
  static const char from[] = "tnvfr", to[] = "\t\n\v\f\r";
  int c = peek(w);
  if (c < 0) {
    complain(w, "a backslash at the end");
    return false;
  }
  const char *control = c == 0 ? NULL : strchr(from, c);
  if (control != NULL) *out = (unsigned char)to[control - from];
  if (c >= 0x80) {
    *out = next_point(w);
    return true;
  }
  if (c == 'x' || c == 'u' || c == 'c' || c == '0') {
    w->at++;
    if (c == 'u') *out = unicode_point(w);
    if (c == 'x' && !take_hex(w, 2, out)) complain(w, "\\x must be followed by two hex digits");
    if (c == 'c' && !is_letter(peek(w))) complain(w, "\\c must be followed by a letter");
    else if (c == 'c') *out = (unsigned char)*w->at++ & 31u;
    if (c == '0') *out = 0;
    if (c == '0' && is_digit(peek(w))) complain(w, "\\0 followed by a digit");
    return !w->bad;
  }
  if (control == NULL && (is_letter(c) || is_digit(c))) return false;
  if (control == NULL) *out = (uint32_t)c;
  w->at++;
  return true;
}

/* ---- properties ---- */

static const char *const categories[][2] = {
  {"Cased_Letter", "L&"},
  {"LC", "L&"},
  {"Close_Punctuation", "Pe"},
  {"Combining_Mark", "M"},
  {"Connector_Punctuation", "Pc"},
  {"Control", "Cc"},
  {"cntrl", "Cc"},
  {"Currency_Symbol", "Sc"},
  {"Dash_Punctuation", "Pd"},
  {"Decimal_Number", "Nd"},
  {"digit", "Nd"},
  {"Enclosing_Mark", "Me"},
  {"Final_Punctuation", "Pf"},
  {"Format", "Cf"},
  {"Initial_Punctuation", "Pi"},
  {"Letter", "L"},
  {"Letter_Number", "Nl"},
  {"Line_Separator", "Zl"},
  {"Lowercase_Letter", "Ll"},
  {"Mark", "M"},
  {"Math_Symbol", "Sm"},
  {"Modifier_Letter", "Lm"},
  {"Modifier_Symbol", "Sk"},
  {"Nonspacing_Mark", "Mn"},
  {"Number", "N"},
  {"Open_Punctuation", "Ps"},
  {"Other", "C"},
  {"Other_Letter", "Lo"},
  {"Other_Number", "No"},
  {"Other_Punctuation", "Po"},
  {"Other_Symbol", "So"},
  {"Paragraph_Separator", "Zp"},
  {"Private_Use", "Co"},
  {"Punctuation", "P"},
  {"punct", "P"},
  {"Separator", "Z"},
  {"Space_Separator", "Zs"},
  {"Spacing_Mark", "Mc"},
  {"Surrogate", "Cs"},
  {"Symbol", "S"},
  {"Titlecase_Letter", "Lt"},
  {"Unassigned", "Cn"},
  {"Uppercase_Letter", "Lu"},
};

static const char *short_category(const char *name) {
  for (size_t i = 0; i < sizeof categories / sizeof categories[0]; i++) {
    if (strcmp(categories[i][0], name) == 0) return categories[i][1];
  }
  return name;
}

/* "Script" or "sc" is "sc:" to PCRE2; a general category goes without its name. */
static const char *property_prefix(writer *w, const char *key) {
  if (strcmp(key, "General_Category") == 0 || strcmp(key, "gc") == 0) return "";
  if (strcmp(key, "Script") == 0 || strcmp(key, "sc") == 0) return "sc:";
  if (strcmp(key, "Script_Extensions") == 0 || strcmp(key, "scx") == 0) return "scx:";
  complain(w, "an unknown property in \\p{...}");
  return "";
}

static bool take_word(writer *w, char *to, size_t size) {
  size_t len = 0;
  for (int c = peek(w); is_letter(c) || is_digit(c) || c == '_'; c = peek(w)) {
    if (len + 1 == size) return false;
    to[len++] = (char)c;
    w->at++;
  }
  to[len] = '\0';
  return len > 0;
}

/* After "\p" or "\P". */
static void property(writer *w, bool negated) {
  char name[48] = "", value[48] = "";
  const char *prefix = "", *word = name;
  bool well = take(w, "{") && take_word(w, name, sizeof name);
  if (well && take(w, "=")) {
    well = take_word(w, value, sizeof value);
    prefix = property_prefix(w, name);
    word = value;
  }
  if (!well || !take(w, "}")) complain(w, "\\p must be followed by {Name} or {Name=Value}");
  if (strcmp(word, "Assigned") == 0) {
    negated = !negated;
    word = "Cn";
  }
  put(w, negated ? "\\P{" : "\\p{");
  put(w, prefix);
  put(w, *prefix == '\0' ? short_category(word) : word);
  put(w, "}");
}

/* ---- classes ---- */

#define SPACES \
  "\\x09-\\x0d\\x20\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
#define NOT_SPACES                                                                         \
  "\\x00-\\x08\\x0e-\\x1f\\x21-\\x9f\\xa1-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}" \
  "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

/* \d \w \s \p{} and their opposites, after the backslash; false if it is none of them. */
static bool class_escape(writer *w, bool inside) {
  int c = peek(w);
  if (c < 0 || strchr("dDwWsSpP", c) == NULL || c == 0) return false;
  w->at++;
  if (c == 'p' || c == 'P') {
    property(w, c == 'P');
  } else if (c == 's' || c == 'S') {
    if (!inside) put(w, "[");
    put(w, c == 's' ? SPACES : NOT_SPACES);
    if (!inside) put(w, "]");
  } else {
    const char text[] = {'\\', (char)c, '\0'};
    put(w, text);
  }
  return true;
}

/* One member of a class: true with *point for a character, false for a set, which is then written. */
static bool class_atom(writer *w, uint32_t *point) {
  if (!take(w, "\\")) {
    *point = next_point(w);
    return true;
  }
  if (take(w, "b")) {
    *point = 8;
    return true;
  }
  if (escaped_point(w, point)) return true;
  if (!w->bad && !class_escape(w, true)) complain(w, "an unknown escape in a class");
  return false;
}

static void class_range(writer *w, uint32_t low) {
  uint32_t high;
  put_point(w, low);
  const char *minus = w->at;
  if (!take(w, "-")) return;
  if (peek(w) == ']' || peek(w) < 0) {
    w->at = minus;
    return;
  }
  const char *rest = w->at;
  if (take(w, "\\") && peek(w) >= 0 && peek(w) != 0 && strchr("dDwWsSpP", peek(w)) != NULL) {
    w->at = minus; /* "a-\d": the minus means itself */
    w->at++;
    put(w, "\\-");
    return;
  }
  w->at = rest;
  if (!class_atom(w, &high)) return;
  if (high < low) complain(w, "a range that is out of order");
  put(w, "-");
  put_point(w, high);
}

/* After '['. */
static void class(writer *w) {
  bool negated = take(w, "^");
  if (take(w, "]")) {
    put(w, negated ? "[\\x{0}-\\x{10ffff}]" : "(?!)");
    return;
  }
  put(w, negated ? "[^" : "[");
  while (!w->bad && w->at < w->end && *w->at != ']') {
    uint32_t point;
    if (class_atom(w, &point)) class_range(w, point);
  }
  if (!take(w, "]")) complain(w, "a class without its ]");
  put(w, "]");
}

/* ---- everything else ---- */

/* After '('. */
static void group(writer *w) {
  static const char *const kinds[] = {"?:", "?=", "?!", "?<=", "?<!"};
  put(w, "(");
  w->repeatable = false;
  if (peek(w) != '?') return;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!take(w, kinds[i])) continue;
    put(w, kinds[i]);
    return;
  }
  char name[48];
  if (take(w, "?<") && take_word(w, name, sizeof name) && take(w, ">")) {
    put(w, "?<");
    put(w, name);
    put(w, ">");
    return;
  }
  complain(w, "an unknown kind of group after (?");
}

static bool take_digits(writer *w, char *to, size_t size) {
  size_t len = 0;
  while (is_digit(peek(w))) {
    if (len + 1 == size) return false;
    to[len++] = *w->at++;
  }
  to[len] = '\0';
  return len > 0;
}

/* At '{': "{2}", "{2,}" or "{2,5}", written and taken; false if it is none of them. */
static bool counted(writer *w) {
  char low[12], high[12] = "";
  const char *start = w->at++;
  bool well = take_digits(w, low, sizeof low), open = well && take(w, ",");
  if (open) take_digits(w, high, sizeof high);
  if (!well || !take(w, "}")) {
    w->at = start;
    return false;
  }
  put(w, "{");
  put(w, low);
  put(w, open ? "," : "");
  put(w, high);
  put(w, "}");
  return true;
}

/* A quantifier was written. */
static void after_quantifier(writer *w) {
  if (!w->repeatable) complain(w, "nothing to repeat");
  if (take(w, "?")) put(w, "?");
  w->repeatable = false;
}

static void escape(writer *w) {
  uint32_t point;
  char word[48];
  w->repeatable = true;
  if (escaped_point(w, &point)) {
    put_point(w, point);
    return;
  }
  if (w->bad || class_escape(w, false)) return;
  if (is_digit(peek(w)) && take_digits(w, word, sizeof word)) {
    put(w, "\\g{");
    put(w, word);
    put(w, "}");
  } else if (has(w, "b") || has(w, "B")) {
    put(w, *w->at++ == 'b' ? "\\b" : "\\B");
    w->repeatable = false;
  } else if (take(w, "k<") && take_word(w, word, sizeof word) && take(w, ">")) {
    put(w, "\\k<");
    put(w, word);
    put(w, ">");
  } else {
    complain(w, "an unknown escape");
  }
}

static void translate_one(writer *w) {
  char c = *w->at;
  if (c == '{' && counted(w)) {
    after_quantifier(w);
    return;
  }
  if (strchr("^$|()[.*+?\\", c) == NULL || c == '\0') {
    put_point(w, next_point(w));
    w->repeatable = true;
    return;
  }
  const char text[] = {c, '\0'};
  w->at++;
  switch (c) {
    case '\\': escape(w); return;
    case '(': group(w); return;
    case '[':
      class(w);
      w->repeatable = true;
      return;
    case '.':
      put(w, "[^\\x0a\\x0d\\x{2028}\\x{2029}]");
      w->repeatable = true;
      return;
    case '*':
    case '+':
    case '?':
      put(w, text);
      after_quantifier(w);
      return;
    default: put(w, text); w->repeatable = c == ')';
  }
}

xai_code xai__pattern_write(const xai_mem *mem, xai_str source, xai_buf *out, char *why, size_t why_size) {
  writer w = {.at = source.ptr, .end = source.ptr + source.len, .why = why, .why_size = why_size};
  if (source.len == 0) w.at = w.end = "";
  xai__buf_init(&w.out, mem, 64 * MAX_SOURCE);
  if (source.len > MAX_SOURCE) complain(&w, "too long");
  while (w.at < w.end && !w.bad) translate_one(&w);
  if (w.bad || w.out.cap == 0) {
    xai__buf_deinit(&w.out);
    return w.bad ? XAI_ERR_SCHEMA : XAI_ERR_NOMEM;
  }
  *out = w.out;
  return XAI_OK;
}
