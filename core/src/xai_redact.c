/* xai_redact.c - takes secrets out of texts: one that is known, in any spelling, and what looks like one.
 * SPDX-License-Identifier: MIT
 *
 * A known secret is looked for by reading the text, from each of its bytes on, in six ways (as it stands, as
 * spelt, as hex, as base64 with the secret's first byte beginning at bit 0, 2 or 4 of a character) and comparing what that gives.
 * So no encoded copy of the secret is ever made.
 */
#include "xai_redact.h"

#include <string.h>

enum { SHORTEST = 6, LONG = 20, LONG_PIECE = 8, NOTHING = -1 };

/* ---- one character, however it is spelt */

typedef struct reader {
  const unsigned char *at, *end;
} reader;

static int hex_digit(int c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : NOTHING;
}

/* The number written in `count` hex digits. */
static int hex_number(const unsigned char *at, const unsigned char *end, int count) {
  int value = 0;
  if (end - at < count) return NOTHING;
  for (int i = 0; i < count; i++) {
    int digit = hex_digit(at[i]);
    if (digit < 0) return NOTHING;
    value = value * 16 + digit;
  }
  return value;
}

/* "%41", "%2541", "%252541" ... */
static int read_percent(reader *r) {
  const unsigned char *at = r->at + 1;
  while (r->end - at > 3 && at[0] == '2' && at[1] == '5') at += 2;
  int value = hex_number(at, r->end, 2);
  if (value < 0) return '%';
  r->at = at + 1;
  return value;
}

/* "\u0041", "\x41", "\/" */
static int read_backslash(reader *r) {
  const unsigned char *at = r->at;
  if (r->end - at < 2) return '\\';
  int value = at[1] == 'u'   ? hex_number(at + 2, r->end, 4)
              : at[1] == 'x' ? hex_number(at + 2, r->end, 2)
                             : NOTHING;
  if (value >= 0 && value < 0x80) {
    r->at += at[1] == 'u' ? 5 : 3;
    return value;
  }
  if (at[1] != '/') return '\\';
  r->at++;
  return '/';
}

/* "&#65;", "&#x41;" */
static int read_entity(reader *r) {
  const unsigned char *at = r->at + 1;
  if (r->end - at < 3 || *at++ != '#') return '&';
  bool hex = (*at | 0x20) == 'x';
  int value = 0;
  if (hex) at++;
  for (int digits = 0; at < r->end && digits < 6; digits++, at++) {
    int digit = hex_digit(*at);
    if (digit < 0 || (!hex && digit > 9)) break;
    value = value * (hex ? 16 : 10) + digit;
  }
  if (at >= r->end || *at != ';' || value > 0x7f) return '&';
  r->at = at;
  return value;
}

/* Full-width forms, U+FF01 to U+FF5E. */
static int read_wide(reader *r) {
  const unsigned char *at = r->at;
  if (r->end - at < 3 || (at[1] != 0xBC && at[1] != 0xBD)) return *at;
  int value = (at[1] == 0xBC ? 0x20 : 0x60) + (at[2] - 0x80);
  if (at[2] < 0x80 || at[2] > 0xBF || value < 0x21 || value > 0x7e) return *at;
  r->at += 2;
  return value;
}

/* Line ends, also as "\n" in JSON, and characters that nobody sees: what a text was folded or hidden with. */
static size_t invisible(const reader *r) {
  static const char *const marks[] = {"\r",           "\n",           "\\r",          "\\n",
                                      "\xE2\x80\x8B", "\xE2\x80\x8C", "\xE2\x80\x8D", "\xE2\x81\xA0",
                                      "\xEF\xBB\xBF", "\xC2\xAD"};
  size_t left = (size_t)(r->end - r->at);
  if (left == 0 || (*r->at < 0x80 && *r->at != '\\' && *r->at != '\r' && *r->at != '\n')) return 0;
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    size_t len = strlen(marks[i]);
    if (len <= left && memcmp(r->at, marks[i], len) == 0) return len;
  }
  return 0;
}

/* The next character, its reader then behind it. NOTHING at the end. */
static int read_spelt(reader *r) {
  for (size_t skip; (skip = invisible(r)) > 0;) r->at += skip;
  if (r->at >= r->end) return NOTHING;
  int value = *r->at;
  if (value == '%') value = read_percent(r);
  else if (value == '\\') value = read_backslash(r);
  else if (value == '&') value = read_entity(r);
  else if (value == 0xEF) value = read_wide(r);
  r->at++;
  return value;
}

/* ---- bytes, in one of six ways */

typedef enum way { WAY_PLAIN, WAY_SPELT, WAY_HEX, WAY_BASE64_0, WAY_BASE64_2, WAY_BASE64_4, WAYS } way;

typedef struct decoder {
  reader r;
  way way;
  unsigned bits; /* base64: read and not yet given, the last ones lowest */
  int bit_count;
} decoder;

/* RFC 4648, both alphabets. */
static const signed char sextets[128] = {
  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 62, -1, 62, -1, 63, 52, 53, 54, 55,
  56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
  13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, 63, -1, 26, 27, 28, 29, 30, 31, 32,
  33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1};

static int sextet(int c) {
  return c >= 0 && c < 128 ? sextets[c] : NOTHING;
}

static int next_hex(reader *r) {
  int high = hex_digit(read_spelt(r));
  if (high < 0) return NOTHING;
  int low = hex_digit(read_spelt(r));
  if (low < 0) return NOTHING;
  if (r->at < r->end && (*r->at == ':' || *r->at == ' ')) r->at++; /* "78:61:69" */
  return high * 16 + low;
}

static int next_base64(decoder *d) {
  while (d->bit_count < 8) {
    int six = sextet(read_spelt(&d->r));
    if (six < 0) return NOTHING;
    d->bits = d->bits << 6 | (unsigned)six;
    d->bit_count += 6;
  }
  d->bit_count -= 8;
  return (int)(d->bits >> d->bit_count & 0xff);
}

static int next_byte(decoder *d) {
  if (d->way == WAY_PLAIN) return d->r.at < d->r.end ? *d->r.at++ : NOTHING; /* a key may hold a '%' itself */
  if (d->way == WAY_SPELT) return read_spelt(&d->r);
  return d->way == WAY_HEX ? next_hex(&d->r) : next_base64(d);
}

/* False when nothing can begin here in that way. */
static bool begin(decoder *d, way how, const unsigned char *at, const unsigned char *end) {
  *d = (decoder){{at, end}, how, 0, 0};
  if (how == WAY_HEX) return hex_digit(*at) >= 0;
  if (how < WAY_BASE64_2) return true;
  int six = sextet(read_spelt(&d->r));
  d->bits = (unsigned)six;
  d->bit_count = how == WAY_BASE64_2 ? 4 : 2;
  return six >= 0;
}

/* ---- a known secret */

static unsigned pair_hash(int first, int second) {
  return ((unsigned)first * 37u + (unsigned)second) & 2047u;
}

static bool pair_known(const xai_redactor *redactor, int first, int second) {
  unsigned hash = pair_hash(first, second);
  return redactor->pairs[hash >> 3] >> (hash & 7) & 1;
}

static bool byte_known(const xai_redactor *redactor, int byte) {
  return redactor->bytes[byte >> 3] >> (byte & 7) & 1;
}

/* Escapes and what is invisible begin with one of these. */
static const bool leads[256] = {['%'] = true,  ['&'] = true,  ['\\'] = true, ['\r'] = true,
                                ['\n'] = true, [0xC2] = true, [0xE2] = true, [0xEF] = true};

static bool is_lead(unsigned char c) {
  return leads[c];
}

void xai__redactor_init(xai_redactor *redactor, xai_str secret) {
  *redactor = (xai_redactor){.secret = secret};
  if (secret.len < SHORTEST) return;
  redactor->least = secret.len >= LONG ? LONG_PIECE : secret.len;
  int before = NOTHING;
  for (size_t i = 0; i < secret.len; i++) {
    unsigned char c = (unsigned char)secret.ptr[i];
    redactor->bytes[c >> 3] |= (unsigned char)(1u << (c & 7));
    redactor->odd |= is_lead(c);
    unsigned hash = pair_hash(before, c);
    if (before >= 0) redactor->pairs[hash >> 3] |= (unsigned char)(1u << (hash & 7));
    before = c;
  }
}

void xai__redactor_deinit(xai_redactor *redactor) {
  xai__wipe(redactor, sizeof *redactor);
}

/* How far the secret, from its byte `from` on, is what the decoder reads; NULL when for less than `least`. */
static const unsigned char *follow(const xai_redactor *redactor, decoder d, size_t from) {
  size_t count = 0;
  const unsigned char *end = NULL;
  for (; from + count < redactor->secret.len; count++) {
    if (next_byte(&d) != (unsigned char)redactor->secret.ptr[from + count]) break;
    end = d.r.at;
  }
  return count >= redactor->least ? end : NULL;
}

/* Where the longest piece ends that begins here and is written in that way; NULL: none does. */
static const unsigned char *find(const xai_redactor *redactor, way how, const unsigned char *at,
                                 const unsigned char *end) {
  decoder start;
  if (!begin(&start, how, at, end)) return NULL;
  decoder d = start;
  int first = next_byte(&d), second = first < 0 ? NOTHING : next_byte(&d);
  if (second < 0 || !pair_known(redactor, first, second)) return NULL;
  const unsigned char *best = NULL;
  const char *secret = redactor->secret.ptr, *last = secret + redactor->secret.len - redactor->least;
  for (const char *from = secret; from <= last; from++) {
    from = memchr(from, first, (size_t)(last - from) + 1);
    if (from == NULL) break;
    const unsigned char *stop = follow(redactor, start, (size_t)(from - secret));
    if (stop != NULL && (best == NULL || stop > best)) best = stop;
  }
  return best;
}

#define WAY(how) (1u << (how))
#define EVERY_WAY (WAY(WAYS) - 1)

/* The four characters as base64: which of the three alignments may begin here. */
static unsigned base64_from(const xai_redactor *redactor, const unsigned char *at) {
  int a = sextet(at[0]), b = sextet(at[1]), c = sextet(at[2]), d = sextet(at[3]);
  if (a < 0 || b < 0 || c < 0) return 0;
  unsigned ways = 0, bits = (unsigned)(a << 18 | b << 12 | c << 6 | (d < 0 ? 0 : d));
  for (unsigned i = 0; i < 3; i++) {
    int first = (int)(bits >> (16 - 2 * i) & 0xff), second = (int)(bits >> (8 - 2 * i) & 0xff);
    if (pair_known(redactor, first, second)) ways |= WAY(WAY_BASE64_0) << i;
  }
  return ways;
}

/* The ways worth a try at this byte, by a glance at it and the next three; nearly always none. */
static unsigned ways_from(const xai_redactor *redactor, const unsigned char *at, const unsigned char *end) {
  if (end - at < 4 || is_lead(at[0]) || is_lead(at[1]) || is_lead(at[2]) || is_lead(at[3])) return EVERY_WAY;
  unsigned ways = base64_from(redactor, at);
  if (pair_known(redactor, at[0], at[1])) ways |= WAY(WAY_SPELT);
  int high = hex_digit(at[0]), low = hex_digit(at[1]);
  if (high >= 0 && low >= 0 && byte_known(redactor, high * 16 + low)) ways |= WAY(WAY_HEX);
  return ways;
}

static const unsigned char *find_any(const xai_redactor *redactor, const unsigned char *at,
                                     const unsigned char *end) {
  const unsigned char *best = NULL;
  unsigned ways = ways_from(redactor, at, end);
  if (redactor->odd) ways |= WAY(WAY_PLAIN); /* else it is the same as spelt */
  for (int how = 0; ways >> how != 0; how++) {
    const unsigned char *found = ways >> how & 1 ? find(redactor, (way)how, at, end) : NULL;
    if (found != NULL && (best == NULL || found > best)) best = found;
  }
  return best;
}

/* ---- where none begins
 *
 * A piece of `least` bytes is at least as long as that however it is written, and longer in base64 and hex. So where no
 * escape is near, the pieces that begin at one of `least - 1` places in a row have four characters in common, and
 * whole in them, in each way, two bytes that follow each other in the secret. Mostly those four say that there is none.
 */

/* In hex it goes on for `least` characters more. */
static bool may_be_hex(const xai_redactor *redactor, const unsigned char *at, const unsigned char *end) {
  int digits[4];
  bool parted = false; /* "78:61:69" */
  for (size_t i = 0; i < redactor->least + 2; i++) {
    if (at + i == end) return false;
    bool parts = at[i] == ':' || at[i] == ' ';
    int digit = parts ? 0 : hex_digit(at[i]);
    if (digit < 0) return is_lead(at[i]);
    if (i < 4) digits[i] = digit;
    parted |= parts;
  }
  bool even = pair_known(redactor, digits[0] * 16 + digits[1], digits[2] * 16 + digits[3]);
  return parted || even || byte_known(redactor, digits[1] * 16 + digits[2]);
}

/* From the first character on its bytes begin at bit 0, 2, 4 or 6. */
static bool may_be_base64(const xai_redactor *redactor, const unsigned char *at) {
  unsigned bits = 0;
  for (int i = 0; i < 4; i++) {
    int six = sextet(at[i]);
    if (six < 0) return false;
    bits = bits << 6 | (unsigned)six;
  }
  for (unsigned skip = 0; skip < 8; skip += 2)
    if (pair_known(redactor, (int)(bits >> (16 - skip) & 0xff), (int)(bits >> (8 - skip) & 0xff)))
      return true;
  return false;
}

static bool may_be_inside(const xai_redactor *redactor, const unsigned char *at, const unsigned char *end) {
  return pair_known(redactor, at[0], at[1]) || may_be_base64(redactor, at) || may_be_hex(redactor, at, end);
}

/* At how many places from `at` on certainly none begins; there are at least `least` characters. From `at` to `*plain`
 * there is no escape. */
static size_t none_begin(const xai_redactor *redactor, const unsigned char *at, const unsigned char *end,
                         const unsigned char **plain) {
  size_t least = redactor->least, left = (size_t)(end - at), window = left < least + 2 ? left : least + 2;
  if (*plain < at) *plain = at;
  for (; *plain < at + window; ++*plain)
    if (is_lead(**plain)) return 0;
  const unsigned char *inside = at + least - 2;
  bool may = window < least + 2
               ? pair_known(redactor, inside[0], inside[1]) /* too short for the other ways */
               : may_be_inside(redactor, inside, end);
  return may ? 0 : least - 1;
}

void xai__redactor_apply(const xai_redactor *redactor, char *text, size_t len) {
  if (redactor->least == 0 || len < redactor->least) return; /* also of no text at all, NULL */
  unsigned char *at = (unsigned char *)text, *end = at + len;
  const unsigned char *plain = at;
  while ((size_t)(end - at) >= redactor->least) {
    size_t skip = none_begin(redactor, at, end, &plain);
    if (skip > 0) {
      at += skip;
      continue;
    }
    const unsigned char *stop = find_any(redactor, at, end);
    if (stop == NULL) {
      at++;
      continue;
    }
    memset(at, '*', (size_t)(stop - at));
    at += stop - at;
  }
}

void xai__redact_secret(char *text, size_t len, xai_str secret) {
  xai_redactor redactor;
  if (secret.len < SHORTEST || len < SHORTEST) return;
  xai__redactor_init(&redactor, secret);
  xai__redactor_apply(&redactor, text, len);
  xai__redactor_deinit(&redactor);
}

/* ---- what looks like a secret */

static bool is_key_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* RFC 6750 b64token. */
static bool is_token_char(char c) {
  return is_key_char(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

/* What may stand between "//" and "@" of a URL: RFC 3986 section 3.2.1, and what people write without escaping. */
static bool is_login_char(char c) {
  return c > 0x20 && c < 0x7f && strchr("/@?#\"'<>", c) == NULL;
}

static size_t login_prefix(const char *text) {
  if (text[0] != '/' || text[1] != '/') return 0;
  size_t n = 2;
  while (is_login_char(text[n])) n++;
  return n > 2 && text[n] == '@' ? 2 : 0;
}

/* The length of a secret's public beginning at `text`, 0 when none begins there. */
static size_t secret_prefix(const char *text, bool (**belongs)(char)) {
  static const char key[] = "xai-", bearer[] = "bearer";
  size_t n = 0;
  while (n < sizeof key - 1 && (text[n] | 0x20) == (key[n] | 0x20)) n++;
  *belongs = is_key_char;
  if (n == sizeof key - 1 && text[3] == '-') return n;
  *belongs = is_login_char;
  if ((n = login_prefix(text)) > 0) return n;
  *belongs = is_token_char;
  for (n = 0; n < sizeof bearer - 1; n++) {
    if ((text[n] | 0x20) != bearer[n]) return 0;
  }
  if (text[n] != ' ' && text[n] != '\t') return 0;
  while (text[n] == ' ' || text[n] == '\t') n++;
  return n;
}

void xai__redact(char *text) {
  char *to = text;
  for (const char *from = text; *from != '\0';) {
    bool (*belongs)(char) = NULL;
    size_t prefix = secret_prefix(from, &belongs);
    if (prefix == 0) {
      *to++ = *from++;
      continue;
    }
    memmove(to, from, prefix);
    to += prefix;
    from += prefix;
    size_t secret = 0;
    while (belongs(from[secret])) secret++;
    /* Never longer than what was there: the text shrinks in place. */
    size_t stars = secret < 3 ? secret : 3;
    memset(to, '*', stars);
    to += stars;
    from += secret;
  }
  *to = '\0';
}
