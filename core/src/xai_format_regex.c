/* xai_format_regex.c - is this a regular expression of ECMA-262? Its syntax alone, with the "u" flag.
 * SPDX-License-Identifier: MIT
 *
 * Source: ECMA-262 (2025) section 22.2.1, the grammar with [+UnicodeMode, +NamedCaptureGroups], and its early
 * errors. One pass with a bit for each open group; a second one looks up the names that are referred to.
 */
#include "xai_format_int.h"

#include <string.h>

#define MAX_DEPTH 4096 /* groups open at once */
#define MAX_NAMES 128  /* named groups        */

/* Two groups may have one name if they are in different alternatives of a disjunction, so that only one of
 * them can take part in a match. */
typedef struct group_name {
  xai_str text;   /* as written                                                          */
  uint32_t hash;  /* of its characters, so that few are compared one by one              */
  unsigned depth; /* of the innermost open group around it, as groups have closed since  */
  bool past;      /* in an earlier alternative than the one being read                   */
} group_name;

typedef struct regex {
  xai_scan in;
  bool repeatable;              /* may a quantifier follow?     */
  uint64_t groups;              /* capturing ones               */
  uint64_t referred;            /* the largest N of any \N      */
  unsigned depth;               /* groups that are open         */
  uint8_t looks[MAX_DEPTH / 8]; /* bit by depth: looks ahead or behind, so it cannot repeat */
  unsigned name_count;
  group_name names[MAX_NAMES];
} regex;

static bool is_syntax_character(uint32_t c) {
  return xai__is_one_of(c, "^$\\.*+?()[]{}|");
}

/* ---- numbers ---- */

/* Without leading zeros. */
static xai_str take_number(xai_scan *scan) {
  const char *from = scan->at;
  xai__take_digits(scan);
  while (scan->at - from > 1 && *from == '0') from++;
  return xai__between(from, scan->at);
}

static bool is_less(xai_str a, xai_str b) {
  if (a.len != b.len) return a.len < b.len;
  return memcmp(a.ptr, b.ptr, a.len) < 0;
}

/* So many digits are more than any pattern has groups. */
static uint64_t value_of(xai_str digits) {
  if (digits.len > 18) return UINT64_MAX;
  uint64_t n = 0;
  for (size_t i = 0; i < digits.len; i++) n = n * 10 + (uint64_t)(digits.ptr[i] - '0');
  return n;
}

static bool take_hex_exactly(xai_scan *scan, size_t digits, uint32_t *out) {
  if ((size_t)(scan->end - scan->at) < digits) return false;
  *out = 0;
  for (size_t i = 0; i < digits; i++) {
    int value = xai__hex_value((unsigned char)scan->at[i]);
    if (value < 0) return false;
    *out = *out << 4 | (uint32_t)value;
  }
  scan->at += digits;
  return true;
}

/* ---- escapes ---- */

/* Half a pair takes its other half if that follows. */
static void join_surrogates(xai_scan *scan, uint32_t *code) {
  xai_scan next = *scan;
  uint32_t low;
  if (*code < 0xd800 || *code > 0xdbff || !xai__take(&next, '\\') || !xai__take(&next, 'u')) return;
  if (!take_hex_exactly(&next, 4, &low) || low < 0xdc00 || low > 0xdfff) return;
  *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
  *scan = next;
}

/* After "\u". */
static bool take_unicode(xai_scan *scan, uint32_t *code) {
  if (!xai__take(scan, '{')) {
    if (!take_hex_exactly(scan, 4, code)) return false;
    join_surrogates(scan, code);
    return true;
  }
  const char *from = scan->at;
  *code = 0;
  for (int digit; !xai__at_end(scan) && (digit = xai__hex_value((unsigned char)*scan->at)) >= 0; scan->at++) {
    *code = *code << 4 | (uint32_t)digit;
    if (*code > 0x10ffff) return false;
  }
  return scan->at > from && xai__take(scan, '}');
}

static xai_str take_property_word(xai_scan *scan) {
  const char *from = scan->at;
  while (!xai__at_end(scan)) {
    unsigned char c = (unsigned char)*scan->at;
    if (!xai__is_letter(c) && !xai__is_digit(c) && c != '_') break;
    scan->at++;
  }
  return xai__between(from, scan->at);
}

/* After "\p". */
static bool take_property(xai_scan *scan) {
  if (!xai__take(scan, '{')) return false;
  xai_str name = take_property_word(scan), value = {"", 0};
  bool has_value = xai__take(scan, '=');
  if (has_value) value = take_property_word(scan);
  return xai__take(scan, '}') && xai__is_regex_property(name, value, has_value);
}

static bool take_control_letter(xai_scan *scan, uint32_t *code) {
  unsigned char letter = (unsigned char)xai__peek(scan);
  if (!xai__is_letter(letter)) return false;
  scan->at++;
  *code = letter & 0x1f;
  return true;
}

/* After a backslash: what means the same in a class and outside. XAI__NO_CODE stands for a set. */
static bool take_escape(xai_scan *scan, uint32_t *code) {
  if (xai__at_end(scan)) return false;
  uint32_t c = xai__take_code(scan);
  *code = XAI__NO_CODE;
  if (xai__is_one_of(c, "dDsSwW")) return true;
  if (c == 'p' || c == 'P') return take_property(scan);
  *code = c;
  switch (c) {
    case 't': *code = '\t'; return true;
    case 'n': *code = '\n'; return true;
    case 'v': *code = '\v'; return true;
    case 'f': *code = '\f'; return true;
    case 'r': *code = '\r'; return true;
    case '0': *code = 0; return !xai__is_digit((unsigned char)xai__peek(scan));
    case 'c': return take_control_letter(scan, code);
    case 'x': return take_hex_exactly(scan, 2, code);
    case 'u': return take_unicode(scan, code);
    default: return c == '/' || is_syntax_character(c);
  }
}

/* ---- names of groups ---- */

static bool may_be_in_name(uint32_t c, bool first) {
  if (c >= 0x80) return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
  return xai__is_letter(c) || c == '_' || c == '$' || (!first && xai__is_digit(c));
}

/* One character of a name, written out or escaped; false at what is neither. */
static bool take_name_code(xai_scan *scan, uint32_t *code) {
  if (xai__at_end(scan)) return false;
  if (!xai__take(scan, '\\')) {
    *code = xai__take_code(scan);
    return true;
  }
  return xai__take(scan, 'u') && take_unicode(scan, code);
}

/* With the bracket behind it. Fills in text and hash. */
static bool take_name(xai_scan *scan, group_name *name) {
  const char *from = scan->at;
  name->hash = 0;
  while (!xai__at_end(scan) && *scan->at != '>') {
    bool first = scan->at == from;
    uint32_t code;
    if (!take_name_code(scan, &code) || !may_be_in_name(code, first)) return false;
    name->hash = (name->hash ^ code) * 0x9e3779b1u; /* 2^32 over the golden ratio */
  }
  name->text = xai__between(from, scan->at);
  return name->text.len > 0 && xai__take(scan, '>');
}

static bool same_name(const group_name *a, const group_name *b) {
  if (a->hash != b->hash) return false;
  xai_scan left = xai__scan_of(a->text), right = xai__scan_of(b->text);
  uint32_t x, y;
  while (!xai__at_end(&left) && !xai__at_end(&right)) {
    if (!take_name_code(&left, &x) || !take_name_code(&right, &y) || x != y) return false;
  }
  return xai__at_end(&left) && xai__at_end(&right);
}

static bool add_name(regex *re, const group_name *name) {
  for (unsigned i = 0; i < re->name_count; i++) {
    if (!re->names[i].past && same_name(&re->names[i], name)) return false;
  }
  if (re->name_count == MAX_NAMES) return false;
  re->names[re->name_count++] = (group_name){name->text, name->hash, re->depth, false};
  return true;
}

static bool has_name(const regex *re, const group_name *name) {
  for (unsigned i = 0; i < re->name_count; i++) {
    if (same_name(&re->names[i], name)) return true;
  }
  return false;
}

/* ---- groups ---- */

static bool push(regex *re, bool looks) {
  if (re->depth == MAX_DEPTH) return false;
  uint8_t bit = (uint8_t)(1u << re->depth % 8);
  if (looks) re->looks[re->depth / 8] |= bit;
  else re->looks[re->depth / 8] &= (uint8_t)~bit;
  re->depth++;
  re->repeatable = false;
  return true;
}

/* "i", "ims", "i-ms", "-i": each flag once. */
static bool take_modifiers(xai_scan *scan) {
  static const char flags[] = "ims";
  unsigned seen = 0;
  bool minus = false;
  for (; !xai__at_end(scan) && *scan->at != ':'; scan->at++) {
    const char *flag = *scan->at != '\0' ? strchr(flags, *scan->at) : NULL;
    unsigned bit = flag != NULL ? 1u << (flag - flags) : 0;
    if (flag != NULL ? (seen & bit) != 0 : *scan->at != '-' || minus) return false;
    if (flag == NULL) minus = true;
    seen |= bit;
  }
  return xai__take(scan, ':') && (seen != 0 || !minus);
}

static bool open_named(regex *re) {
  group_name name;
  if (!take_name(&re->in, &name) || !add_name(re, &name)) return false;
  re->groups++;
  return push(re, false);
}

/* After "(". */
static bool open_group(regex *re) {
  xai_scan *in = &re->in;
  if (!xai__take(in, '?')) {
    re->groups++;
    return push(re, false);
  }
  if (xai__take(in, '=') || xai__take(in, '!')) return push(re, true);
  if (!xai__take(in, '<')) return take_modifiers(in) && push(re, false);
  if (xai__take(in, '=') || xai__take(in, '!')) return push(re, true);
  return open_named(re);
}

/* After ")". */
static bool close_group(regex *re) {
  if (re->depth == 0) return false;
  for (unsigned i = 0; i < re->name_count; i++) {
    if (re->names[i].depth < re->depth) continue;
    re->names[i].depth = re->depth - 1;
    re->names[i].past = false;
  }
  re->depth--;
  re->repeatable = !(re->looks[re->depth / 8] >> re->depth % 8 & 1);
  return true;
}

/* After "|". */
static bool next_alternative(regex *re) {
  for (unsigned i = 0; i < re->name_count; i++) {
    if (re->names[i].depth == re->depth) re->names[i].past = true;
  }
  re->repeatable = false;
  return true;
}

/* ---- the other parts ---- */

static bool take_class_atom(xai_scan *scan, uint32_t *code) {
  if (xai__at_end(scan)) return false;
  if (!xai__take(scan, '\\')) {
    *code = xai__take_code(scan);
    return *code != XAI__NO_CODE;
  }
  *code = xai__peek(scan) == 'b' ? '\b' : '-';
  if (xai__take(scan, 'b') || xai__take(scan, '-')) return true;
  return take_escape(scan, code);
}

static bool is_range_next(const xai_scan *scan) {
  return scan->end - scan->at >= 2 && scan->at[0] == '-' && scan->at[1] != ']';
}

/* After "[". A set, which is more than any code point, cannot begin or end a range. */
static bool take_class(regex *re) {
  xai_scan *scan = &re->in;
  re->repeatable = true;
  xai__take(scan, '^');
  while (!xai__take(scan, ']')) {
    uint32_t first, last;
    if (!take_class_atom(scan, &first)) return false;
    if (!is_range_next(scan)) continue;
    scan->at++;
    if (!take_class_atom(scan, &last) || first > last || last == XAI__NO_CODE) return false;
  }
  return true;
}

/* After "{". */
static bool take_bounds(xai_scan *scan) {
  xai_str least = take_number(scan), most = {"", 0};
  if (least.len == 0) return false;
  if (xai__take(scan, ',')) most = take_number(scan);
  return xai__take(scan, '}') && (most.len == 0 || !is_less(most, least));
}

static bool quantify(regex *re, bool bounds) {
  if (!re->repeatable || (bounds && !take_bounds(&re->in))) return false;
  xai__take(&re->in, '?');
  re->repeatable = false;
  return true;
}

/* After a backslash outside of a class. */
static bool take_atom_escape(regex *re) {
  xai_scan *in = &re->in;
  group_name name;
  uint32_t code;
  char c = xai__peek(in);
  re->repeatable = c != 'b' && c != 'B';
  if (xai__take(in, 'b') || xai__take(in, 'B')) return true;
  if (xai__take(in, 'k')) return xai__take(in, '<') && take_name(in, &name);
  if (c < '1' || c > '9') return take_escape(in, &code);
  uint64_t n = value_of(take_number(in));
  if (n > re->referred) re->referred = n;
  return true;
}

static bool take_character(regex *re) {
  re->repeatable = true;
  return xai__take_code(&re->in) != XAI__NO_CODE;
}

static bool take_assertion(regex *re) {
  re->repeatable = false;
  return true;
}

static bool take_part(regex *re) {
  char c = *re->in.at;
  if (!is_syntax_character((unsigned char)c) || c == '.') return take_character(re);
  re->in.at++;
  switch (c) {
    case '(': return open_group(re);
    case ')': return close_group(re);
    case '|': return next_alternative(re);
    case '[': return take_class(re);
    case '\\': return take_atom_escape(re);
    case '{': return quantify(re, true);
    case '*':
    case '+':
    case '?': return quantify(re, false);
    case '^':
    case '$': return take_assertion(re);
    default: return false; /* a closing bracket or brace alone */
  }
}

/* The pattern is known to be well formed, so a "\k" has its name. */
static bool all_names_known(const regex *re, xai_str text) {
  xai_scan scan = xai__scan_of(text);
  while (!xai__at_end(&scan)) {
    if (*scan.at++ != '\\') continue;
    group_name name;
    if (*scan.at++ != 'k') continue;
    if (!xai__take(&scan, '<') || !take_name(&scan, &name) || !has_name(re, &name)) return false;
  }
  return true;
}

bool xai__is_regex(xai_str text) {
  regex re = {.in = xai__scan_of(text)};
  while (!xai__at_end(&re.in)) {
    if (!take_part(&re)) return false;
  }
  return re.depth == 0 && re.referred <= re.groups && all_names_known(&re, text);
}
