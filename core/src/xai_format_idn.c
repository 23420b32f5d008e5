/* xai_format_idn.c - host names, the international ones and their Punycode included.
 * SPDX-License-Identifier: MIT
 *
 * Sources: RFC 1123 section 2.1, RFC 3492 (Punycode), RFC 5891 section 5.4, RFC 5892 appendix A, RFC 5893
 * section 2. A label in Punycode is held to the rules of the label it stands for.
 */
#include "xai_format_int.h"

#include <string.h>

#define MAX_LABEL 63 /* octets */
#define MAX_NAME 253 /* octets, dots included, RFC 1035 less the root and the first length */

typedef struct label {
  uint32_t code[MAX_LABEL];
  size_t len;
  bool ascii;
} label;

/* ---- Punycode ---- */

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72, FIRST_CODE = 128 };

static uint32_t adapt(uint32_t delta, uint32_t count, bool first) {
  uint32_t k = 0;
  delta /= first ? DAMP : 2;
  delta += delta / count;
  for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE) delta /= BASE - T_MIN;
  return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias) {
  if (k <= bias) return T_MIN;
  return k >= bias + T_MAX ? T_MAX : k - bias;
}

static bool put(label *out, uint32_t c) {
  if (out->len == MAX_LABEL) return false;
  out->code[out->len++] = c;
  return true;
}

static bool put_digit(label *out, uint32_t digit) {
  return put(out, digit < 26 ? 'a' + digit : '0' + digit - 26);
}

static bool put_number(label *out, uint32_t n, uint32_t bias) {
  for (uint32_t k = BASE;; k += BASE) {
    uint32_t t = threshold(k, bias);
    if (n < t) return put_digit(out, n);
    if (!put_digit(out, t + (n - t) % (BASE - t))) return false;
    n = (n - t) / (BASE - t);
  }
}

static uint32_t least_from(const label *in, uint32_t floor) {
  uint32_t least = UINT32_MAX;
  for (size_t i = 0; i < in->len; i++) {
    if (in->code[i] >= floor && in->code[i] < least) least = in->code[i];
  }
  return least;
}

/* Appends to `out`; false if it grows longer than a label. In so short a text no sum can overflow. */
static bool encode(const label *in, label *out) {
  uint32_t basic = 0, delta = 0, bias = FIRST_BIAS;
  for (size_t i = 0; i < in->len; i++) {
    if (in->code[i] >= FIRST_CODE) continue;
    basic++;
    if (!put(out, in->code[i])) return false;
  }
  if (basic > 0 && !put(out, '-')) return false;
  uint32_t done = basic;
  for (uint32_t n = FIRST_CODE; done < in->len; n++, delta++) {
    uint32_t next = least_from(in, n);
    delta += (next - n) * (done + 1);
    n = next;
    for (size_t i = 0; i < in->len; i++) {
      if (in->code[i] < n) delta++;
      if (in->code[i] != n) continue;
      if (!put_number(out, delta, bias)) return false;
      bias = adapt(delta, done + 1, done == basic);
      delta = 0;
      done++;
    }
  }
  return true;
}

static int digit_value(uint32_t c) {
  if (xai__is_digit(c)) return (int)(c - '0' + 26);
  return c >= 'a' && c <= 'z' ? (int)(c - 'a') : -1;
}

/* Adds the number at *at to *n, which stays below 2^27: no code point at any place is further away. */
static bool take_number(const label *in, size_t *at, uint32_t bias, uint32_t *n) {
  uint64_t sum = *n, weight = 1;
  for (uint32_t k = BASE; *at < in->len; k += BASE) {
    int digit = digit_value(in->code[(*at)++]);
    if (digit < 0) return false;
    sum += (uint64_t)digit * weight;
    if (sum >> 27 != 0) return false;
    *n = (uint32_t)sum;
    uint32_t t = threshold(k, bias);
    if ((uint32_t)digit < t) return true;
    weight *= BASE - t;
    if (weight >> 27 != 0) weight = 1u << 27; /* any digit but 0 is too much from here on */
  }
  return false;
}

/* What stands behind "xn--", in small letters. */
static bool decode(const label *in, label *out) {
  size_t at = 4, dash = in->len;
  while (dash > at && in->code[dash - 1] != '-') dash--;
  out->len = 0;
  if (dash > at) {
    for (; at + 1 < dash; at++) put(out, in->code[at]);
    at = dash;
  }
  uint32_t n = FIRST_CODE, i = 0, bias = FIRST_BIAS;
  while (at < in->len) {
    uint32_t before = i, count = (uint32_t)out->len + 1;
    if (!take_number(in, &at, bias, &i) || count > MAX_LABEL) return false;
    bias = adapt(i - before, count, before == 0);
    n += i / count;
    i %= count;
    memmove(out->code + i + 1, out->code + i, (out->len - i) * sizeof *out->code);
    out->code[i++] = n;
    out->len++;
  }
  return true;
}

/* ---- the rules of a label ---- */

/* The last range that does not start behind it. */
static unsigned flags_of(uint32_t code) {
  if (code > 0x10ffff) return 0;
  size_t low = 0, high = xai__idn_range_count;
  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (xai__idn_ranges[middle] >> 11 <= code) low = middle;
    else high = middle;
  }
  return xai__idn_ranges[low] & 0x7ff;
}

/* Of the character at an index, which may be out of range: nothing then. */
static unsigned flags_at(const label *l, size_t at) {
  return at < l->len ? flags_of(l->code[at]) : 0;
}

static bool has_between(const label *l, uint32_t first, uint32_t last) {
  for (size_t i = 0; i < l->len; i++) {
    if (l->code[i] >= first && l->code[i] <= last) return true;
  }
  return false;
}

static bool has_kana_or_han(const label *l) {
  for (size_t i = 0; i < l->len; i++) {
    if ((flags_at(l, i) & XAI__IDN_SCRIPT) == XAI__IDN_KANA_HAN) return true;
  }
  return false;
}

/* Going by `step` from `at`, is the first character that is not transparent of one of two joining types? */
static bool joins(const label *l, size_t at, size_t step, unsigned type) {
  do at += step;
  while ((flags_at(l, at) & XAI__IDN_JOINING) == XAI__IDN_TRANSPARENT);
  unsigned joining = flags_at(l, at) & XAI__IDN_JOINING;
  return joining == type || joining == XAI__IDN_JOIN_DUAL;
}

/* Where this zero-width non-joiner stands, it must make a difference. */
static bool breaks_a_join(const label *l, size_t at) {
  return joins(l, at, SIZE_MAX, XAI__IDN_JOIN_LEFT) && joins(l, at, 1, XAI__IDN_JOIN_RIGHT);
}

/* RFC 5892 appendix A: what may stand in a label depending on what stands around it. */
static bool fits_context(const label *l, size_t at) {
  uint32_t c = l->code[at];
  unsigned before = flags_at(l, at - 1), after = flags_at(l, at + 1);
  switch (c) {
    case 0x200c: return (before & XAI__IDN_VIRAMA) != 0 || breaks_a_join(l, at);
    case 0x200d: return (before & XAI__IDN_VIRAMA) != 0;
    case 0xb7: return at > 0 && at + 1 < l->len && l->code[at - 1] == 'l' && l->code[at + 1] == 'l';
    case 0x375: return (after & XAI__IDN_SCRIPT) == XAI__IDN_GREEK;
    case 0x5f3:
    case 0x5f4: return (before & XAI__IDN_SCRIPT) == XAI__IDN_HEBREW;
    case 0x30fb: return has_kana_or_han(l);
    default: break;
  }
  if (c >= 0x660 && c <= 0x669) return !has_between(l, 0x6f0, 0x6f9);
  if (c >= 0x6f0 && c <= 0x6f9) return !has_between(l, 0x660, 0x669);
  return false;
}

/* RFC 5893 section 2. A label without a character from right to left is left alone; one with such a
 * character cannot be a label from left to right. */
static bool bidi_valid(const label *l) {
  unsigned first = flags_at(l, 0) & XAI__IDN_DIRECTION, last = 0, seen = 0;
  for (size_t i = 0; i < l->len; i++) {
    unsigned direction = flags_at(l, i) & XAI__IDN_DIRECTION;
    seen |= 1u << (direction >> 8);
    if (direction != XAI__IDN_NONSPACING) last = direction;
  }
  bool ltr = seen & 1u << (XAI__IDN_LTR >> 8), rtl = seen & 1u << (XAI__IDN_RTL >> 8);
  bool european = seen & 1u << (XAI__IDN_EUROPEAN >> 8), arabic = seen & 1u << (XAI__IDN_ARABIC >> 8);
  if (!rtl && !arabic) return true;
  if (first != XAI__IDN_RTL || ltr || (european && arabic)) return false;
  return last == XAI__IDN_RTL || last == XAI__IDN_EUROPEAN || last == XAI__IDN_ARABIC;
}

static bool hyphens_valid(const label *l) {
  return l->len > 0 && l->code[0] != '-' && l->code[l->len - 1] != '-';
}

/* A label with characters outside ASCII. */
static bool u_label_valid(const label *l) {
  if (!hyphens_valid(l) || (l->len > 3 && l->code[2] == '-' && l->code[3] == '-')) return false;
  if (flags_at(l, 0) & XAI__IDN_MARK) return false;
  for (size_t i = 0; i < l->len; i++) {
    if (!(flags_at(l, i) & XAI__IDN_VALID) && !fits_context(l, i)) return false;
  }
  return bidi_valid(l);
}

/* The label as it goes over the wire. */
static bool to_ascii(const label *in, label *out) {
  *out = (label){.code = {'x', 'n', '-', '-'}, .len = 4, .ascii = true};
  return encode(in, out);
}

/* It must stand for a valid label, and be what that label is written as. */
static bool a_label_valid(const label *l) {
  label small = *l, unicode, again;
  for (size_t i = 0; i < l->len; i++) {
    if (l->code[i] >= 'A' && l->code[i] <= 'Z') small.code[i] += 'a' - 'A';
  }
  if (!decode(&small, &unicode) || least_from(&unicode, FIRST_CODE) == UINT32_MAX) return false;
  if (!u_label_valid(&unicode) || !to_ascii(&unicode, &again)) return false;
  return again.len == small.len && memcmp(again.code, small.code, small.len * sizeof *small.code) == 0;
}

static bool is_a_label(const label *l) {
  return l->len >= 4 && (l->code[0] | 0x20) == 'x' && (l->code[1] | 0x20) == 'n' && l->code[2] == '-' &&
         l->code[3] == '-';
}

static bool ascii_label_valid(const label *l) {
  for (size_t i = 0; i < l->len; i++) {
    uint32_t c = l->code[i];
    if (!xai__is_letter(c) && !xai__is_digit(c) && c != '-') return false;
  }
  return hyphens_valid(l) && (!is_a_label(l) || a_label_valid(l));
}

/* The octets it takes on the wire; 0: not valid. */
static size_t label_octets(const label *l, bool idn) {
  if (l->ascii) return ascii_label_valid(l) ? l->len : 0;
  label wire;
  return idn && u_label_valid(l) && to_ascii(l, &wire) ? wire.len : 0;
}

/* ---- names ---- */

/* RFC 3490 section 3.1. */
static bool is_dot(uint32_t c, bool idn) {
  return c == '.' || (idn && (c == 0x3002 || c == 0xff0e || c == 0xff61));
}

/* Takes a label and the dot behind it, of which *dot tells. False: longer than any label may be. */
static bool take_label(xai_scan *scan, bool idn, label *out, bool *dot) {
  out->len = 0;
  out->ascii = true;
  *dot = false;
  while (!xai__at_end(scan)) {
    uint32_t c = xai__take_code(scan);
    if (is_dot(c, idn)) {
      *dot = true;
      return true;
    }
    if (!put(out, c)) return false;
    if (c >= 0x80) out->ascii = false;
  }
  return true;
}

static bool name_valid(xai_str text, bool idn) {
  xai_scan scan = xai__scan_of(text);
  size_t total = 0;
  for (bool dot = true; dot;) {
    label l;
    if (!take_label(&scan, idn, &l, &dot)) return false;
    size_t octets = label_octets(&l, idn);
    total += octets + dot;
    if (octets == 0 || total > MAX_NAME) return false;
  }
  return true;
}

bool xai__is_hostname(xai_str text) {
  return name_valid(text, false);
}

bool xai__is_idn_hostname(xai_str text) {
  return name_valid(text, true);
}
