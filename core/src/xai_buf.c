/* xai_buf.c - a byte buffer that is born with a cap, small helpers for xai_str, and UTF-8.
 * SPDX-License-Identifier: MIT */
#include "xai_buf.h"

#include <string.h>

#define FIRST_ROOM 64

/* ---- the buffer ---- */

void xai__buf_init(xai_buf *buf, const xai_mem *mem, size_t cap) {
  *buf = (xai_buf){.cap = cap, .mem = xai__mem(mem)};
}

void xai__buf_deinit(xai_buf *buf) {
  xai__free(&buf->mem, buf->ptr, buf->room);
  buf->ptr = NULL;
  buf->len = 0;
  buf->room = 0;
}

void xai__buf_reset(xai_buf *buf) {
  buf->len = 0;
  if (buf->ptr != NULL) buf->ptr[0] = '\0';
}

/* The next room that holds `need` bytes: doubled, but no more than the cap and its NUL ask for. */
static size_t grown_room(const xai_buf *buf, size_t need) {
  size_t room = buf->room < FIRST_ROOM ? FIRST_ROOM : buf->room;
  if (buf->room > 0 && room <= SIZE_MAX / 2) room *= 2;
  if (room < need) room = need;
  if (buf->cap < SIZE_MAX && room > buf->cap + 1) room = buf->cap + 1;
  return room;
}

xai_code xai__buf_reserve(xai_buf *buf, size_t len) {
  if (buf->len > buf->cap || len > buf->cap - buf->len) return XAI_ERR_TOO_BIG;
  size_t need;
  if (!xai__add(buf->len + len, 1, &need)) return XAI_ERR_TOO_BIG;
  if (need <= buf->room) return XAI_OK;

  size_t room = grown_room(buf, need);
  char *ptr = xai__realloc(&buf->mem, buf->ptr, buf->room, room);
  if (ptr == NULL) return XAI_ERR_NOMEM;
  buf->ptr = ptr;
  buf->room = room;
  buf->ptr[buf->len] = '\0';
  return XAI_OK;
}

xai_code xai__buf_add(xai_buf *buf, const char *bytes, size_t len) {
  xai_code code = xai__buf_reserve(buf, len);
  if (code != XAI_OK) return code;
  if (len > 0) memcpy(buf->ptr + buf->len, bytes, len);
  buf->len += len;
  buf->ptr[buf->len] = '\0';
  return XAI_OK;
}

xai_code xai__buf_add_char(xai_buf *buf, char c) {
  return xai__buf_add(buf, &c, 1);
}

xai_code xai__buf_add_cstr(xai_buf *buf, const char *text) {
  return xai__buf_add(buf, text, strlen(text));
}

void xai__buf_drop(xai_buf *buf, size_t len) {
  if (buf->ptr == NULL || len == 0) return;
  if (len > buf->len) len = buf->len;
  buf->len -= len;
  memmove(buf->ptr, buf->ptr + len, buf->len);
  buf->ptr[buf->len] = '\0';
}

xai_str xai__buf_str(const xai_buf *buf) {
  if (buf->ptr == NULL) return (xai_str){"", 0};
  return (xai_str){buf->ptr, buf->len};
}

/* ---- texts ---- */

xai_str xai_str_of(const char *text) {
  if (text == NULL) return (xai_str){"", 0};
  return (xai_str){text, strlen(text)};
}

/* Not tolower: that one asks the locale. */
static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same(const char *a, const char *b, size_t len) {
  return len == 0 || memcmp(a, b, len) == 0;
}

static bool same_nocase(const char *a, const char *b, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool xai__str_eq(xai_str a, const char *b) {
  size_t len = strlen(b);
  return a.len == len && same(a.ptr, b, len);
}

bool xai__str_eq_nocase(xai_str a, const char *b) {
  size_t len = strlen(b);
  return a.len == len && same_nocase(a.ptr, b, len);
}

bool xai__str_starts(xai_str a, const char *prefix) {
  size_t len = strlen(prefix);
  return a.len >= len && same(a.ptr, prefix, len);
}

bool xai__str_ends(xai_str a, const char *suffix) {
  size_t len = strlen(suffix);
  return a.len >= len && (len == 0 || same(a.ptr + a.len - len, suffix, len));
}

static bool has(xai_str a, const char *needle, bool (*equal)(const char *, const char *, size_t)) {
  size_t len = strlen(needle);
  if (len == 0) return true;
  for (size_t i = 0; i + len <= a.len; i++) {
    if (equal(a.ptr + i, needle, len)) return true;
  }
  return false;
}

bool xai__str_has(xai_str a, const char *needle) {
  return has(a, needle, same);
}

bool xai__str_has_nocase(xai_str a, const char *needle) {
  return has(a, needle, same_nocase);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

xai_str xai__str_trim(xai_str a) {
  while (a.len > 0 && is_blank(a.ptr[0])) {
    a.ptr++;
    a.len--;
  }
  while (a.len > 0 && is_blank(a.ptr[a.len - 1])) a.len--;
  return a;
}

/* The longest cut of at most `len` bytes that does not end inside a character. A character has at most
 * three bytes after its first; where more follow, the text is no UTF-8 and any cut is as good. */
static size_t whole_characters(xai_str text, size_t len) {
  if (len >= text.len) return text.len;
  size_t cut = len;
  for (int back = 0; back < 4; back++) {
    if (((unsigned char)text.ptr[cut] & 0xc0) != 0x80) return cut;
    if (cut == 0) break;
    cut--;
  }
  return len;
}

void xai__str_copy(char *to, size_t size, xai_str from) {
  if (size == 0) return;
  size_t len = whole_characters(from, size - 1);
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)from.ptr[i];
    to[i] = c < 0x20 || c == 0x7f ? ' ' : from.ptr[i];
  }
  for (size_t at = 0; (at += xai__utf8_valid(to + at, len - at)) < len; at++) to[at] = '?';
  to[len] = '\0';
}

/* ---- UTF-8 ---- */

typedef struct sequence {
  size_t len; /* of the character, or of the maximal ill-formed subpart: at least 1 */
  bool valid;
} sequence;

/* What the second byte may be after this first one (table 3-7), and how long the character is. */
static size_t lead(unsigned char first, unsigned char *low, unsigned char *high) {
  *low = 0x80;
  *high = 0xbf;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first == 0xe0) *low = 0xa0;  /* else overlong            */
  if (first == 0xed) *high = 0x9f; /* else a surrogate         */
  if (first < 0xf0) return 3;
  if (first == 0xf0) *low = 0x90;  /* else overlong            */
  if (first == 0xf4) *high = 0x8f; /* else beyond U+10FFFF     */
  return first < 0xf5 ? 4 : 0;
}

static sequence read_sequence(const unsigned char *at, size_t len) {
  if (at[0] < 0x80) return (sequence){1, true};
  unsigned char low, high;
  size_t want = lead(at[0], &low, &high);
  if (want == 0) return (sequence){1, false};
  for (size_t i = 1; i < want; i++) {
    if (i == len || at[i] < low || at[i] > high) return (sequence){i, false};
    low = 0x80;
    high = 0xbf;
  }
  return (sequence){want, true};
}

size_t xai__utf8_valid(const char *bytes, size_t len) {
  size_t i = 0;
  while (i < len) {
    uint64_t eight;
    while (len - i >= sizeof eight) {
      memcpy(&eight, bytes + i, sizeof eight);
      if (eight & 0x8080808080808080u) break;
      i += sizeof eight;
    }
    if (i == len) break;
    sequence found = read_sequence((const unsigned char *)bytes + i, len - i);
    if (!found.valid) break;
    i += found.len;
  }
  return i;
}

xai_code xai__utf8_add_fixed(xai_buf *buf, const char *bytes, size_t len, bool *replaced) {
  size_t before = buf->len;
  xai_code code = XAI_OK;
  bool bad = false;
  while (code == XAI_OK) {
    size_t good = xai__utf8_valid(bytes, len);
    code = xai__buf_add(buf, bytes, good);
    if (good == len || code != XAI_OK) break;
    bad = true;
    good += read_sequence((const unsigned char *)bytes + good, len - good).len;
    bytes += good;
    len -= good;
    code = xai__buf_add(buf, "\xef\xbf\xbd", 3);
  }
  if (code == XAI_OK) {
    if (bad) *replaced = true;
    return XAI_OK;
  }
  buf->len = before;
  if (buf->ptr != NULL) buf->ptr[before] = '\0';
  return code;
}
