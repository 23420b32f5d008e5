/* xai_json_read.c - text to values, in one pass without recursion.
 * SPDX-License-Identifier: MIT
 *
 * Unless the caller lends the text (XAI_JSON_BORROW), it is copied into the document once, as a whole; strings
 * and numbers then point into the copy, and a string with escapes is decoded where it stands. That costs the
 * punctuation's memory and saves a copy for each text.
 */
#include "xai_err.h"
#include "xai_json.h"
#include "xai_json_scan.h"

typedef const unsigned char *cursor;

/* Up to so many members are compared each with each. */
#define FEW_MEMBERS 16

/* What every string needs is merged into the machine's loop, what few need is kept out (measured: 15 %). */
#if defined(__GNUC__)
#define OFTEN inline __attribute__((always_inline))
#define SELDOM __attribute__((noinline))
#else
#define OFTEN inline
#define SELDOM
#endif

typedef struct reader {
  xai_json_doc *doc;
  cursor text;
  cursor end;
  unsigned flags;
  xai_code code;        /* the first failure ...                               */
  cursor where;         /* ... its place in the text ...                       */
  const char *expected; /* ... and what should have been there; may be NULL    */
  char key[64];         /* the key that came twice                             */
} reader;

typedef struct span {
  const char *ptr;
  uint32_t len;
} span;

/* ---- failing ---- */

/* Every scanner returns the place after what it read, or NULL through here. */
static cursor fail(reader *r, xai_code code, cursor where, const char *expected) {
  r->code = code;
  r->where = where;
  r->expected = expected;
  return NULL;
}

static cursor unexpected(reader *r, cursor where, const char *expected) {
  return fail(r, XAI_ERR_JSON, where, expected);
}

static void report(const reader *r, xai_error *err) {
  size_t offset = (size_t)(r->where - r->text);
  const char *found = r->where == r->end ? ", found the end of the text"
                      : *r->where == 0   ? ", found a NUL byte"
                                         : "";
  if (r->code == XAI_ERR_NOMEM) xai__fail(err, r->code, NULL);
  else if (r->key[0] != '\0')
    xai__fail(err, r->code, "key \"%s\" twice in an object, at byte %zu", r->key, offset);
  else if (r->expected == NULL) xai__fail(err, r->code, "at byte %zu", offset);
  else xai__fail(err, r->code, "expected %s at byte %zu%s", r->expected, offset, found);
  if (err != NULL) err->offset = offset;
}

/* ---- texts ---- */

static inline cursor skip_blanks(cursor at, cursor end) {
  while (at < end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
  return at;
}

/* Bytes between two places that ASCII bounds on both sides, so no character is cut. */
static inline bool check_utf8(reader *r, cursor from, cursor to, uint64_t high) {
  if (!xai__has_high(high)) return true;
  size_t len = (size_t)(to - from), valid = xai__utf8_valid((const char *)from, len);
  if (valid == len) return true;
  fail(r, XAI_ERR_UTF8, from + valid, "a character in UTF-8");
  return false;
}

static int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits. */
static cursor read_hex(reader *r, cursor at, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < 4; i++, at++) {
    int digit = at < r->end ? hex_digit(*at) : -1;
    if (digit < 0) return unexpected(r, at, "four hex digits after \\u");
    *out = *out << 4 | (uint32_t)digit;
  }
  return at;
}

static bool is_high_half(uint32_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
static bool is_low_half(uint32_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

static char *put_utf8(char *to, uint32_t point) {
  if (point < 0x80) {
    *to++ = (char)point;
    return to;
  }
  if (point < 0x800) {
    *to++ = (char)(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      *to++ = (char)(0xe0 | point >> 12);
    } else {
      *to++ = (char)(0xf0 | point >> 18);
      *to++ = (char)(0x80 | (point >> 12 & 0x3f));
    }
    *to++ = (char)(0x80 | (point >> 6 & 0x3f));
  }
  *to++ = (char)(0x80 | (point & 0x3f));
  return to;
}

/* After "\u". Two escapes that are halves of one character give that character; a half alone gives none. */
static cursor read_unicode(reader *r, cursor at, char **to) {
  uint32_t point, low;
  at = read_hex(r, at, &point);
  if (at == NULL) return NULL;
  if (is_high_half(point) && r->end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
    cursor after = read_hex(r, at + 2, &low);
    if (after == NULL) return NULL;
    if (is_low_half(low)) {
      point = 0x10000 + ((point - 0xd800) << 10 | (low - 0xdc00));
      at = after;
    }
  }
  bool alone = is_high_half(point) || is_low_half(point);
  *to = put_utf8(*to, alone && !(r->flags & XAI_JSON_SURROGATES) ? 0xfffd : point);
  return at;
}

/* After the backslash. */
static cursor read_escape(reader *r, cursor at, char **to) {
  char c = 0;
  switch (at < r->end ? *at : 0) {
    case '"': c = '"'; break;
    case '\\': c = '\\'; break;
    case '/': c = '/'; break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': return read_unicode(r, at + 1, to);
    default: return unexpected(r, at, "one of \"\\/bfnrtu after a backslash");
  }
  *(*to)++ = c;
  return at + 1;
}

/* Where a string with escapes is decoded to. It never gets longer, so in our own copy it stays in place. */
static char *place_for(reader *r, cursor start, cursor at) {
  if (!(r->flags & XAI_JSON_BORROW)) return (char *)start;
  while (at < r->end && *at != '"') at += *at == '\\' && r->end - at > 1 ? 2 : 1;
  return xai__json_alloc(r->doc, (size_t)(at - start));
}

static SELDOM cursor string_broken(reader *r, cursor at) {
  if (at < r->end) return unexpected(r, at, "a control character in a string to be escaped");
  return unexpected(r, at, "'\"' at the end of a string");
}

/* The rest of a string from its first escape on; `at` is that backslash. */
static SELDOM cursor decode_string(reader *r, cursor start, cursor at, span *out) {
  char *base = place_for(r, start, at), *to = base;
  if (base == NULL) return fail(r, r->doc->failure, start, NULL);
  memmove(to, start, (size_t)(at - start));
  to += at - start;
  while (at < r->end && *at == '\\') {
    at = read_escape(r, at + 1, &to);
    if (at == NULL) return NULL;
    uint64_t high = 0;
    cursor run = at;
    at = xai__find_special(run, r->end, &high);
    if (!check_utf8(r, run, at, high)) return NULL;
    memmove(to, run, (size_t)(at - run));
    to += at - run;
  }
  if (at == r->end || *at != '"') return string_broken(r, at);
  *out = (span){base, (uint32_t)(to - base)};
  return at + 1;
}

/* After the opening quote. */
static OFTEN cursor read_string(reader *r, cursor start, span *out) {
  uint64_t high = 0;
  cursor at = xai__find_special(start, r->end, &high);
  if (!check_utf8(r, start, at, high)) return NULL;
  if (at == r->end || *at < ' ') return string_broken(r, at);
  if (*at == '\\') return decode_string(r, start, at, out);
  *out = (span){(const char *)start, (uint32_t)(at - start)};
  return at + 1;
}

/* ---- the other scalars ---- */

static inline bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}

/* One digit or more. */
static inline cursor read_digits(reader *r, cursor at) {
  if (at == r->end || !is_digit(*at)) return unexpected(r, at, "a digit");
  do at++;
  while (at < r->end && is_digit(*at));
  return at;
}

/* "-"? digits ("." digits)? ([eE] [+-]? digits)?, no digit after a leading zero. */
static inline cursor read_number(reader *r, cursor at, span *out) {
  cursor start = at;
  if (*at == '-') at++;
  if (r->end - at >= 2 && at[0] == '0' && is_digit(at[1]))
    return unexpected(r, at + 1, "no digit after a leading zero");
  at = read_digits(r, at);
  if (at != NULL && at < r->end && *at == '.') at = read_digits(r, at + 1);
  if (at != NULL && at < r->end && (*at | 0x20) == 'e') {
    at++;
    if (at < r->end && (*at == '+' || *at == '-')) at++;
    at = read_digits(r, at);
  }
  if (at != NULL) *out = (span){(const char *)start, (uint32_t)(at - start)};
  return at;
}

static cursor read_word(reader *r, cursor at, const char *word) {
  for (const char *want = word; *want != '\0'; want++, at++) {
    if (at == r->end || *at != (unsigned char)*want) return unexpected(r, at, word);
  }
  return at;
}

/* ---- keys that come twice ---- */

/* With XAI_JSON_UNIQUE a member's `room` says where its key stands, until its object is closed. */
static bool key_before(const xai_json *a, const xai_json *b) {
  if (a->key_len != b->key_len) return a->key_len < b->key_len;
  int order = memcmp(a->key, b->key, a->key_len);
  return order != 0 ? order < 0 : a->room < b->room;
}

static void sift_down(const xai_json **heap, size_t at, size_t count) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= count) return;
    if (child + 1 < count && key_before(heap[child], heap[child + 1])) child++;
    if (!key_before(heap[at], heap[child])) return;
    const xai_json *moved = heap[at];
    heap[at] = heap[child];
    heap[child] = moved;
    at = child;
  }
}

/* Heapsort: no input makes it slow, and it needs no more memory. */
static void sort_members(const xai_json **members, size_t count) {
  for (size_t at = count / 2; at-- > 0;) sift_down(members, at, count);
  while (count-- > 1) {
    const xai_json *most = members[0];
    members[0] = members[count];
    members[count] = most;
    sift_down(members, 0, count);
  }
}

static bool same_key(const xai_json *a, const xai_json *b) {
  return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* The member that repeats a key first in the text, or NULL. */
static const xai_json *repeat_of_few(const xai_json *object) {
  for (const xai_json *b = object->as.list.first; b != NULL; b = b->next) {
    for (const xai_json *a = object->as.list.first; a != b; a = a->next) {
      if (same_key(a, b)) return b;
    }
  }
  return NULL;
}

static const xai_json *repeat_of_sorted(const xai_json *const *members, size_t count) {
  const xai_json *found = NULL;
  for (size_t i = 1; i < count; i++) {
    bool sooner = found == NULL || members[i]->room < found->room;
    if (sooner && same_key(members[i - 1], members[i])) found = members[i];
  }
  return found;
}

static bool repeat_of_many(const xai_mem *mem, const xai_json *object, const xai_json **repeat) {
  size_t count = 0, size = object->len * sizeof(xai_json *);
  const xai_json **members = xai__realloc(mem, NULL, 0, size);
  if (members == NULL) return false;
  for (const xai_json *m = object->as.list.first; m != NULL; m = m->next) members[count++] = m;
  sort_members(members, count);
  *repeat = repeat_of_sorted(members, count);
  xai__free(mem, members, size);
  return true;
}

static bool fail_for_repeat(reader *r, const xai_json *repeat) {
  xai__str_copy(r->key, sizeof r->key, (xai_str){repeat->key, repeat->key_len});
  if (r->key[0] == '\0') r->key[0] = ' ';
  fail(r, XAI_ERR_JSON, r->text + repeat->room, NULL);
  return false;
}

static SELDOM bool check_unique(reader *r, xai_json *object) {
  const xai_json *repeat = NULL;
  if (object->len <= FEW_MEMBERS) repeat = repeat_of_few(object);
  else if (!repeat_of_many(&r->doc->mem, object, &repeat))
    return fail(r, XAI_ERR_NOMEM, r->text, NULL) != NULL;
  if (repeat != NULL) return fail_for_repeat(r, repeat);
  for (xai_json *m = object->as.list.first; m != NULL; m = m->next) m->room = 0;
  return true;
}

/* ---- the machine ---- */

/* Where the reading stands. A container's `next` holds the one around it until it is closed. */
typedef struct place {
  xai_json *open; /* the innermost open container; NULL outside the root              */
  xai_json *tail; /* its last element so far, NULL when none; at the end the root     */
  unsigned depth;
} place;

/* A key and its colon. */
static inline cursor read_key(reader *r, cursor at, span *key) {
  if (at == r->end || *at != '"') return unexpected(r, at, "a key in quotes");
  at = read_string(r, at + 1, key);
  if (at == NULL) return NULL;
  at = skip_blanks(at, r->end);
  if (at == r->end || *at != ':') return unexpected(r, at, "':' after a key");
  return skip_blanks(at + 1, r->end);
}

/* One scalar, or the opening bracket of a container. */
static inline cursor read_value(reader *r, cursor at, xai_json *value) {
  span text;
  switch (at < r->end ? *at : 0) {
    case '"':
      value->type = XAI_JSON_STRING;
      at = read_string(r, at + 1, &text);
      break;
    case '{': value->type = XAI_JSON_OBJECT; return at + 1;
    case '[': value->type = XAI_JSON_ARRAY; return at + 1;
    case 'f': value->type = XAI_JSON_BOOL; return read_word(r, at, "false");
    case 't':
      value->type = XAI_JSON_BOOL;
      value->boolean = true;
      return read_word(r, at, "true");
    case 'n': return read_word(r, at, "null");
    default:
      if (at == r->end || (*at != '-' && !is_digit(*at))) return unexpected(r, at, "a value");
      value->type = XAI_JSON_NUMBER;
      at = read_number(r, at, &text);
  }
  if (at == NULL) return NULL;
  value->as.text = text.ptr;
  value->len = text.len;
  return at;
}

/* An element of the open container, with its key if that is an object. */
static inline cursor read_element(reader *r, place *p, cursor at) {
  xai_json *value = xai__json_alloc(r->doc, sizeof *value);
  if (value == NULL) return fail(r, r->doc->failure, at, NULL);
  *value = (xai_json){.type = XAI_JSON_NULL, .key = ""};
  if (p->open != NULL && p->open->type == XAI_JSON_OBJECT) {
    span key;
    if (r->flags & XAI_JSON_UNIQUE) value->room = (uint32_t)(at - r->text);
    at = read_key(r, at, &key);
    if (at == NULL) return NULL;
    value->key = key.ptr;
    value->key_len = key.len;
  }
  at = read_value(r, at, value);
  if (at == NULL || p->open == NULL) {
    p->tail = value;
    return at;
  }
  if (p->tail == NULL) p->open->as.list.first = value;
  else p->tail->next = value;
  p->open->len++;
  p->tail = value;
  return at;
}

static inline bool is_container(const xai_json *value) {
  return value->type >= XAI_JSON_ARRAY;
}

static inline bool closes(const reader *r, const place *p, cursor at) {
  return at < r->end && *at == (p->open->type == XAI_JSON_OBJECT ? '}' : ']');
}

/* The container that was just read becomes the open one. */
static inline cursor open_container(reader *r, place *p, cursor at) {
  if (++p->depth > r->doc->max_depth) return fail(r, XAI_ERR_DEPTH, at - 1, NULL);
  p->tail->next = p->open;
  p->open = p->tail;
  p->tail = NULL;
  return skip_blanks(at, r->end);
}

static inline bool close_container(reader *r, place *p) {
  xai_json *closed = p->open;
  if ((r->flags & XAI_JSON_UNIQUE) && closed->type == XAI_JSON_OBJECT && !check_unique(r, closed))
    return false;
  p->depth--;
  p->open = closed->next;
  closed->next = NULL;
  closed->as.list.last = p->tail;
  p->tail = closed;
  return true;
}

/* After a value: close all that ends here. The place of the next element, or of what follows the root. */
static inline cursor read_separator(reader *r, place *p, cursor at) {
  for (;;) {
    at = skip_blanks(at, r->end);
    if (p->open == NULL) return at;
    if (at < r->end && *at == ',') return skip_blanks(at + 1, r->end);
    if (!closes(r, p, at))
      return unexpected(r, at, p->open->type == XAI_JSON_OBJECT ? "',' or '}'" : "',' or ']'");
    if (!close_container(r, p)) return NULL;
    at++;
  }
}

static xai_json *read_tree(reader *r) {
  place p = {NULL, NULL, 0};
  cursor at = skip_blanks(r->text, r->end);
  do {
    at = read_element(r, &p, at);
    if (at == NULL) return NULL;
    if (is_container(p.tail)) {
      at = open_container(r, &p, at);
      if (at == NULL) return NULL;
      if (!closes(r, &p, at)) continue;
    }
    at = read_separator(r, &p, at);
    if (at == NULL) return NULL;
  } while (p.open != NULL);
  if (at < r->end) return (void)unexpected(r, at, "the end of the text"), NULL;
  return p.tail;
}

/* The text to read from: the caller's, or a copy in the document. */
static bool take_text(reader *r, const char *text, size_t len) {
  r->text = r->end = r->where = (cursor) "";
  if (len > UINT32_MAX) return fail(r, XAI_ERR_TOO_BIG, r->text, NULL) != NULL;
  if (len == 0) return true;
  r->text = (cursor)text;
  r->end = r->text + len;
  if (r->flags & XAI_JSON_BORROW) return true;
  char *copy = xai__json_alloc(r->doc, len);
  if (copy == NULL) return fail(r, r->doc->failure, r->text, NULL) != NULL;
  memcpy(copy, text, len);
  r->text = (cursor)copy;
  r->end = r->text + len;
  return true;
}

const xai_json *xai_json_parse(xai_json_doc *doc, const char *text, size_t len, unsigned flags,
                               xai_error *err) {
  if (doc == NULL || (text == NULL && len > 0)) return (void)xai__fail(err, XAI_ERR_ARG, NULL), NULL;
  xai__error_clear(err);
  xai__json_doc_reset(doc);
  reader r = {.doc = doc, .flags = flags};
  xai_json *root = take_text(&r, text, len) ? read_tree(&r) : NULL;
  if (root == NULL) report(&r, err);
  xai__json_set_root(doc, root);
  return root;
}
