/* xai_json_stream.c - reads a JSON text that comes in pieces: explicit states, no recursion, linear in any cuts.
 * SPDX-License-Identifier: MIT */
#include "xai_json_stream.h"

#include "xai_json_scan.h"

typedef xai_json_stream stream;
typedef xai_json_event event;
typedef const unsigned char *cursor;

typedef enum state {
  AT_VALUE,    /* a value                             */
  AT_ELEMENT,  /* a value, or the end of an empty array */
  AT_MEMBER,   /* a key, or the end of an empty object  */
  AT_KEY,      /* a key                               */
  AT_COLON,    /* the colon after a key               */
  IN_STRING,   /* or in a key                         */
  IN_NUMBER,   /*                                     */
  IN_WORD,     /* true, false, null                   */
  AFTER_VALUE, /* a comma or a closing bracket        */
  AT_END,      /* nothing but blanks                  */
  DEAD
} state;

typedef enum number_part { MINUS, ZERO, DIGITS, DOT, FRACTION, EXP, EXP_SIGN, EXP_DIGITS } number_part;

typedef enum text_part { PLAIN, CHARACTER, BACKSLASH, HEX } text_part;

/* ---- failing ---- */

static event fail_at(stream *s, xai_code code, size_t offset, const char *expected) {
  s->code = code;
  s->offset = s->event_at = offset;
  s->expected = expected;
  s->state = DEAD;
  return XAI_JSON_BROKEN;
}

/* At the byte that comes next. */
static event unexpected(stream *s, const char *expected) {
  return fail_at(s, XAI_ERR_JSON, s->offset, expected);
}

/* ---- the tree ---- */

static xai_json *around(const stream *s) {
  return s->depth == 0 ? NULL : s->open[s->depth - 1];
}

/* Into the container around it; that an object's keys differ is not asked for. */
static void join(stream *s, xai_json *value) {
  xai_json *container = around(s);
  if (container == NULL) {
    xai__json_set_root(s->doc, value);
    return;
  }
  if (container->as.list.last == NULL) container->as.list.first = value;
  else container->as.list.last->next = value;
  container->as.list.last = value;
  container->len++;
}

static bool push(stream *s, xai_json *container) {
  if (s->depth == s->room) {
    size_t room = s->room == 0 ? 16 : s->room * 2;
    xai_json **more = xai__realloc(&s->mem, s->open, s->room * sizeof *more, room * sizeof *more);
    if (more == NULL) return false;
    s->open = more;
    s->room = room;
  }
  s->open[s->depth++] = container;
  return true;
}

static event end_value(stream *s, xai_json *value) {
  s->value = value;
  s->state = s->depth == 0 ? AT_END : AFTER_VALUE;
  return XAI_JSON_END;
}

/* ---- strings ---- */

/* False after a failure. */
static bool add_text(stream *s, const char *bytes, size_t len) {
  xai_code code =
    s->is_key ? xai__buf_add(&s->key, bytes, len) : xai__json_append(s->doc, s->value, (xai_str){bytes, len});
  if (code == XAI_OK) return true;
  fail_at(s, code, s->offset, NULL);
  return false;
}

static bool add_point(stream *s, uint32_t point) {
  char bytes[4];
  size_t len = 0;
  if (point < 0x80) {
    bytes[len++] = (char)point;
    return add_text(s, bytes, len);
  }
  int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  static const unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};
  bytes[len++] = (char)(heads[more] | point >> 6 * more);
  while (more-- > 0) bytes[len++] = (char)(0x80 | (point >> 6 * more & 0x3f));
  return add_text(s, bytes, len);
}

/* Half a character that stayed alone. */
static bool give_up_half(stream *s) {
  if (s->high == 0) return true;
  s->high = 0;
  return add_point(s, 0xfffd);
}

/* One \uXXXX is complete. */
static bool add_unit(stream *s, uint16_t unit) {
  bool low = unit >= 0xdc00 && unit < 0xe000;
  if (s->high != 0 && low) {
    uint32_t point = 0x10000 + ((uint32_t)(s->high - 0xd800) << 10 | (uint32_t)(unit - 0xdc00));
    s->high = 0;
    return add_point(s, point);
  }
  if (!give_up_half(s)) return false;
  if (unit >= 0xd800 && unit < 0xdc00) {
    s->high = unit;
    return true;
  }
  return add_point(s, low ? 0xfffd : unit);
}

static int hex_digit(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(stream *s, unsigned char c) {
  int digit = hex_digit(c);
  if (digit < 0) {
    unexpected(s, "four hex digits after \\u");
    return false;
  }
  s->hex = (uint16_t)(s->hex << 4 | digit);
  s->offset++;
  if (++s->hex_count < 4) return true;
  s->text = PLAIN;
  return add_unit(s, s->hex);
}

static bool read_escape(stream *s, unsigned char c) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (c == 'u') {
    s->text = HEX;
    s->hex = s->hex_count = 0;
    s->offset++;
    return true;
  }
  const char *found = c == 0 ? NULL : strchr(from, c);
  if (found == NULL) {
    unexpected(s, "one of \"\\/bfnrtu after a backslash");
    return false;
  }
  s->offset++;
  s->text = PLAIN;
  return give_up_half(s) && add_text(s, &to[found - from], 1);
}

static bool bad_character(stream *s) {
  fail_at(s, XAI_ERR_UTF8, s->offset - s->tail_count, "a character in UTF-8");
  return false;
}

/* The first byte of a character beyond ASCII, by Unicode's table 3-7. */
static bool begin_character(stream *s, unsigned char c) {
  s->tail_count = 0;
  if (c < 0xc2 || c > 0xf4) return bad_character(s);
  s->tail_need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
  s->tail_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  s->tail_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  s->tail[s->tail_count++] = (char)c;
  s->text = CHARACTER;
  s->offset++;
  return true;
}

static bool read_character(stream *s, unsigned char c) {
  if (c < s->tail_low || c > s->tail_high) return bad_character(s);
  s->tail_low = 0x80;
  s->tail_high = 0xbf;
  s->tail[s->tail_count++] = (char)c;
  s->offset++;
  if (--s->tail_need > 0) return true;
  s->text = PLAIN;
  return add_text(s, s->tail, s->tail_count);
}

/* As many characters as there are at once, then the start of one that needs a closer look. */
static bool read_plain(stream *s, cursor *at, cursor end) {
  uint64_t high = 0;
  cursor stop = (size_t)(end - *at) > s->stride ? *at + s->stride : end;
  cursor special = xai__find_special(*at, stop, &high);
  size_t len = (size_t)(special - *at);
  if (xai__has_high(high)) len = xai__utf8_valid((const char *)*at, len);
  if (len > 0 && !add_text(s, (const char *)*at, len)) return false;
  s->offset += len;
  *at += len;
  if (*at == special) return true;
  return begin_character(s, *(*at)++);
}

static event end_string(stream *s) {
  if (!give_up_half(s)) return XAI_JSON_BROKEN;
  s->event_at = s->offset++;
  if (!s->is_key) return end_value(s, s->value);
  xai_json *member = xai__json_new(s->doc, XAI_JSON_NULL);
  char *key = member == NULL || s->key.len == 0 ? NULL : xai__json_alloc(s->doc, s->key.len);
  if (member == NULL || (key == NULL && s->key.len > 0))
    return fail_at(s, s->doc->failure, s->offset - 1, NULL);
  if (key != NULL) {
    memcpy(key, s->key.ptr, s->key.len);
    member->key = key;
  }
  member->key_len = (uint32_t)s->key.len;
  s->value = member;
  s->state = AT_COLON;
  return XAI_JSON_KEY;
}

/* One step of a string's machine; false after a failure. */
static bool read_text(stream *s, cursor *at, cursor end) {
  switch ((text_part)s->text) {
    case PLAIN: return read_plain(s, at, end);
    case CHARACTER: return read_character(s, *(*at)++);
    case BACKSLASH: return read_escape(s, *(*at)++);
    default: return read_hex(s, *(*at)++);
  }
}

/* Something stands in PLAIN that is no text. */
static event read_mark(stream *s, cursor *at) {
  unsigned char c = **at;
  if (c < ' ') return unexpected(s, "a control character in a string to be escaped");
  (*at)++;
  if (c == '"') return end_string(s);
  s->offset++;
  s->text = BACKSLASH;
  return XAI_JSON_PAUSE;
}

static event read_string(stream *s, cursor *at, cursor end) {
  uint32_t before = s->is_key ? 0 : s->value->len;
  while (*at < end) {
    if (s->high != 0 && s->text == PLAIN && **at != '\\') {
      if (!give_up_half(s)) return XAI_JSON_BROKEN;
      s->event_at = s->offset;
      if (!s->is_key) return XAI_JSON_GREW;
    }
    bool mark = s->text == PLAIN && xai__is_special(**at);
    if (mark) {
      event e = read_mark(s, at);
      if (e != XAI_JSON_PAUSE) return e;
      continue;
    }
    if (!read_text(s, at, end)) return XAI_JSON_BROKEN;
    if (s->is_key || s->value->len == before) continue;
    s->event_at = s->offset - 1;
    return XAI_JSON_GREW;
  }
  return XAI_JSON_PAUSE;
}

static event begin_string(stream *s, bool is_key) {
  s->offset++;
  s->state = IN_STRING;
  s->text = PLAIN;
  s->is_key = is_key;
  s->high = 0;
  s->key.len = 0;
  return XAI_JSON_PAUSE;
}

/* ---- numbers and words ---- */

static bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}

static bool is_complete(const stream *s) {
  return s->number == ZERO || s->number == DIGITS || s->number == FRACTION || s->number == EXP_DIGITS;
}

/* The part of a number that a byte leads to, -1: none. */
static int number_step(number_part part, unsigned char c) {
  bool e = (c | 0x20) == 'e';
  switch (part) {
    case MINUS: return c == '0' ? ZERO : is_digit(c) ? DIGITS : -1;
    case ZERO: return c == '.' ? DOT : e ? EXP : -1;
    case DIGITS: return is_digit(c) ? DIGITS : c == '.' ? DOT : e ? EXP : -1;
    case DOT: return is_digit(c) ? FRACTION : -1;
    case FRACTION: return is_digit(c) ? FRACTION : e ? EXP : -1;
    case EXP: return is_digit(c) ? EXP_DIGITS : c == '+' || c == '-' ? EXP_SIGN : -1;
    default: return is_digit(c) ? EXP_DIGITS : -1;
  }
}

static bool add_lexeme(stream *s, const char *bytes, size_t len) {
  s->value->type = XAI_JSON_STRING; /* that is what can be added to */
  bool added = add_text(s, bytes, len);
  s->value->type = XAI_JSON_NUMBER;
  return added;
}

static event end_number(stream *s) {
  s->event_at = s->offset;
  join(s, s->value);
  return end_value(s, s->value);
}

static event number_broken(stream *s, unsigned char c) {
  if (s->number == ZERO && is_digit(c)) return unexpected(s, "no digit after a leading zero");
  return is_complete(s) ? end_number(s) : unexpected(s, "a digit");
}

/* Runs of digits say nothing by themselves; a sign, a point, an exponent and the first digit that is not 0 do. */
static event read_number(stream *s, cursor *at, cursor end) {
  cursor start = *at;
  while (*at < end) {
    unsigned char c = **at;
    int next = number_step((number_part)s->number, c);
    if (next < 0) {
      if (*at > start && !add_lexeme(s, (const char *)start, (size_t)(*at - start))) return XAI_JSON_BROKEN;
      return number_broken(s, c);
    }
    bool first = !s->nonzero && c >= '1' && c <= '9' && next < EXP;
    bool turn = first || next == DOT || next >= EXP;
    s->number = (uint8_t)next;
    s->nonzero |= first;
    s->in_exponent |= next >= EXP;
    s->offset++;
    (*at)++;
    if (!turn) continue;
    if (!add_lexeme(s, (const char *)start, (size_t)(*at - start))) return XAI_JSON_BROKEN;
    s->event_at = s->offset - 1;
    return XAI_JSON_GREW;
  }
  if (*at > start && !add_lexeme(s, (const char *)start, (size_t)(*at - start))) return XAI_JSON_BROKEN;
  return XAI_JSON_PAUSE;
}

static event read_word(stream *s, cursor *at, cursor end) {
  static const char *const names[] = {"null", "false", "true"};
  for (; *at < end && *s->word != '\0'; (*at)++, s->word++, s->offset++) {
    if (**at == (unsigned char)*s->word) continue;
    return unexpected(s, names[s->value->type == XAI_JSON_NULL ? 0 : 1 + s->value->boolean]);
  }
  if (*s->word != '\0') return XAI_JSON_PAUSE;
  s->event_at = s->offset - 1;
  join(s, s->value);
  return end_value(s, s->value);
}

/* ---- values ---- */

static event begin_container(stream *s, xai_json_type type) {
  if (s->depth + 1 > s->doc->max_depth) return fail_at(s, XAI_ERR_DEPTH, s->offset, NULL);
  s->value->type = (uint8_t)type;
  s->value->as.list.first = s->value->as.list.last = NULL;
  join(s, s->value);
  if (!push(s, s->value)) return fail_at(s, XAI_ERR_NOMEM, s->offset, NULL);
  s->state = type == XAI_JSON_ARRAY ? AT_ELEMENT : AT_MEMBER;
  s->offset++;
  return XAI_JSON_BEGIN;
}

static event begin_text_value(stream *s) {
  s->value->type = XAI_JSON_STRING;
  s->value->as.text = "";
  join(s, s->value);
  (void)begin_string(s, false);
  return XAI_JSON_BEGIN;
}

static event begin_word(stream *s, xai_json_type type, bool boolean, const char *rest) {
  s->value->type = (uint8_t)type;
  s->value->boolean = boolean;
  s->word = rest;
  s->state = IN_WORD;
  s->offset++;
  return XAI_JSON_BEGIN;
}

static event begin_number(stream *s, unsigned char c) {
  s->value->type = XAI_JSON_NUMBER;
  s->value->as.text = "";
  s->is_key = false;
  s->state = IN_NUMBER;
  s->number = c == '-' ? MINUS : c == '0' ? ZERO : DIGITS;
  s->nonzero = c >= '1' && c <= '9';
  s->in_exponent = false;
  s->offset++;
  char byte = (char)c;
  return add_lexeme(s, &byte, 1) ? XAI_JSON_BEGIN : XAI_JSON_BROKEN;
}

static bool begins_value(unsigned char c) {
  return c == '"' || c == '{' || c == '[' || c == '-' || is_digit(c) || c == 't' || c == 'f' || c == 'n';
}

static event begin_value(stream *s, unsigned char c) {
  if (!begins_value(c)) return unexpected(s, "a value");
  s->event_at = s->offset;
  if (around(s) == NULL || around(s)->type == XAI_JSON_ARRAY) {
    s->value = xai__json_new(s->doc, XAI_JSON_NULL);
    if (s->value == NULL) return fail_at(s, s->doc->failure, s->offset, NULL);
  }
  switch (c) {
    case '"': return begin_text_value(s);
    case '{': return begin_container(s, XAI_JSON_OBJECT);
    case '[': return begin_container(s, XAI_JSON_ARRAY);
    case 't': return begin_word(s, XAI_JSON_BOOL, true, "rue");
    case 'f': return begin_word(s, XAI_JSON_BOOL, false, "alse");
    case 'n': return begin_word(s, XAI_JSON_NULL, false, "ull");
    default: return begin_number(s, c);
  }
}

static event end_container(stream *s) {
  xai_json *closed = s->open[--s->depth];
  s->event_at = s->offset++;
  return end_value(s, closed);
}

static event after_value(stream *s, unsigned char c) {
  bool object = around(s)->type == XAI_JSON_OBJECT;
  if (c == (object ? '}' : ']')) return end_container(s);
  if (c != ',') return unexpected(s, object ? "',' or '}'" : "',' or ']'");
  s->state = object ? AT_KEY : AT_VALUE;
  s->event_at = s->offset++;
  return XAI_JSON_COMMA;
}

static event at_key(stream *s, unsigned char c) {
  return c == '"' ? begin_string(s, true) : unexpected(s, "a key in quotes");
}

static event at_colon(stream *s, unsigned char c) {
  if (c != ':') return unexpected(s, "':' after a key");
  s->state = AT_VALUE;
  s->offset++;
  return XAI_JSON_PAUSE;
}

/* A byte outside of strings, numbers and words. */
static event read_structure(stream *s, unsigned char c) {
  if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
    s->offset++;
    return XAI_JSON_PAUSE;
  }
  switch ((state)s->state) {
    case AT_ELEMENT: return c == ']' ? end_container(s) : begin_value(s, c);
    case AT_VALUE: return begin_value(s, c);
    case AT_MEMBER: return c == '}' ? end_container(s) : at_key(s, c);
    case AT_KEY: return at_key(s, c);
    case AT_COLON: return at_colon(s, c);
    case AFTER_VALUE: return after_value(s, c);
    default: return unexpected(s, "the end of the text");
  }
}

/* ---- the machine ---- */

xai_json_event xai__json_stream_next(stream *s, const char **from, const char *last) {
  cursor at = (cursor)*from, end = (cursor)last;
  event e = s->state == DEAD ? XAI_JSON_BROKEN : XAI_JSON_PAUSE;
  while (e == XAI_JSON_PAUSE && at < end) {
    switch ((state)s->state) {
      case IN_STRING: e = read_string(s, &at, end); break;
      case IN_NUMBER: e = read_number(s, &at, end); break;
      case IN_WORD: e = read_word(s, &at, end); break;
      default: e = read_structure(s, *at++);
    }
  }
  *from = (const char *)at;
  return e;
}

static const char *missing(const stream *s) {
  switch ((state)s->state) {
    case AT_MEMBER:
    case AT_KEY: return "a key in quotes";
    case AT_COLON: return "':' after a key";
    case IN_NUMBER: return "a digit";
    case AFTER_VALUE: return around(s)->type == XAI_JSON_OBJECT ? "',' or '}'" : "',' or ']'";
    case IN_WORD: return s->value->type == XAI_JSON_NULL ? "null" : s->value->boolean ? "true" : "false";
    default: return "a value";
  }
}

static const char *missing_in_text(const stream *s) {
  if (s->text == BACKSLASH) return "one of \"\\/bfnrtu after a backslash";
  return s->text == HEX ? "four hex digits after \\u" : "'\"' at the end of a string";
}

xai_json_event xai__json_stream_finish(stream *s) {
  if (s->state == DEAD) return XAI_JSON_BROKEN;
  if (s->state == AT_END) return XAI_JSON_DONE;
  if (s->state == IN_NUMBER && is_complete(s)) return end_number(s);
  if (s->state != IN_STRING) return unexpected(s, missing(s));
  if (s->text != CHARACTER) return unexpected(s, missing_in_text(s));
  (void)bad_character(s);
  return XAI_JSON_BROKEN;
}

void xai__json_stream_init(stream *s, const xai_mem *mem, xai_json_doc *doc) {
  *s = (stream){.doc = doc, .stride = SIZE_MAX, .mem = *mem};
  xai__buf_init(&s->key, mem, doc->max_bytes);
}

void xai__json_stream_deinit(stream *s) {
  xai__free(&s->mem, s->open, s->room * sizeof *s->open);
  xai__buf_deinit(&s->key);
}

void xai__json_stream_reset(stream *s) {
  xai__json_doc_reset(s->doc);
  s->value = NULL;
  s->offset = s->event_at = 0;
  s->stride = SIZE_MAX;
  s->code = XAI_OK;
  s->expected = NULL;
  s->state = AT_VALUE;
  s->depth = 0;
}
