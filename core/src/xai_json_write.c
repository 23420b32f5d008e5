/* xai_json_write.c - values to text, piece by piece; numbers go out as they came in.
 * SPDX-License-Identifier: MIT */
#include "xai_err.h"
#include "xai_json.h"
#include "xai_json_scan.h"

#include <math.h>

#define DEFAULT_DEPTH 128
#define DEFAULT_BYTES ((size_t)256 << 20)

struct xai_json_writer {
  xai_buf out;
  xai_buf levels;    /* the open containers, outermost first: '{' or '[' each       */
  xai_buf path;      /* the containers that xai_json_put_value is inside of         */
  bool empty;        /* the innermost container has no element yet                  */
  bool keyed;        /* a key waits for its value                                   */
  xai_code code;     /* the first failure ...                                       */
  size_t offset;     /* ... in a text, at this byte                                 */
  const char *about; /* ... and a few words about it; NULL when the code says all   */
};

/* ---- failing ---- */

static bool stick(xai_json_writer *w, xai_code code, const char *about) {
  if (w->code != XAI_OK) return false;
  w->code = code;
  w->about = about;
  return false;
}

static bool add(xai_json_writer *w, const char *bytes, size_t len) {
  xai_code code = xai__buf_add(&w->out, bytes, len);
  return code == XAI_OK || stick(w, code, NULL);
}

static inline bool make_room(xai_json_writer *w, size_t len) {
  if (w->out.room - w->out.len > len) return true; /* one byte is kept for the NUL */
  xai_code code = xai__buf_reserve(&w->out, len);
  return code == XAI_OK || stick(w, code, NULL);
}

/* ---- between values ---- */

static inline char level(const xai_json_writer *w) {
  return w->levels.len == 0 ? '\0' : w->levels.ptr[w->levels.len - 1];
}

/* May a value stand here? *comma: is one due before it. */
static bool begin_value(xai_json_writer *w, bool *comma) {
  if (w->code != XAI_OK) return false;
  *comma = false;
  switch (level(w)) {
    case '{':
      if (!w->keyed) return stick(w, XAI_ERR_STATE, "a value in an object needs a key before it");
      w->keyed = false;
      return true;
    case '[':
      *comma = !w->empty;
      w->empty = false;
      return true;
    default: return w->out.len == 0 || stick(w, XAI_ERR_STATE, "a second value after the whole one");
  }
}

static bool begin_key(xai_json_writer *w, bool *comma) {
  if (w->code != XAI_OK) return false;
  if (level(w) != '{') return stick(w, XAI_ERR_STATE, "a key outside an object");
  if (w->keyed) return stick(w, XAI_ERR_STATE, "a key after a key");
  *comma = !w->empty;
  w->empty = false;
  w->keyed = true;
  return true;
}

/* Text that needs no quotes: a number, a word, a bracket, a value that is trusted. */
static bool put_bare(xai_json_writer *w, const char *text, size_t len) {
  bool comma;
  if (!begin_value(w, &comma) || !make_room(w, len + comma)) return false;
  char *to = w->out.ptr + w->out.len;
  if (comma) *to++ = ',';
  memcpy(to, text, len);
  w->out.len += len + comma;
  return true;
}

/* ---- strings ---- */

static char short_escape(unsigned char c) {
  switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '"': return '"';
    case '\\': return '\\';
    default: return '\0';
  }
}

static char *put_escaped(char *to, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  const char shorter = short_escape(c);
  *to++ = '\\';
  if (shorter != '\0') {
    *to++ = shorter;
    return to;
  }
  memcpy(to, "u00", 3);
  to[3] = hex[c >> 4];
  to[4] = hex[c & 15];
  return to + 5;
}

static bool add_escaped(xai_json_writer *w, unsigned char c) {
  char text[6];
  return add(w, text, (size_t)(put_escaped(text, c) - text));
}

/* A text whose first special byte is at `special`, after its opening quote. */
static bool add_with_escapes(xai_json_writer *w, const char *text, size_t len, size_t special) {
  const unsigned char *run = (const unsigned char *)text, *end = run + len, *at = run + special;
  uint64_t high = 0;
  for (;;) {
    if (!add(w, (const char *)run, (size_t)(at - run))) return false;
    if (at == end) return true;
    if (!add_escaped(w, *at)) return false;
    run = at + 1;
    at = xai__find_special(run, end, &high);
  }
}

static bool check_utf8(xai_json_writer *w, const char *text, size_t len) {
  size_t valid = xai__utf8_valid(text, len);
  if (valid == len) return true;
  w->offset = w->code == XAI_OK ? valid : w->offset;
  return stick(w, XAI_ERR_UTF8, "in a string that was put");
}

/* The comma if due, the text in quotes, and a colon after a key. Mostly nothing needs an escape: then room is made
 * once, and a large text lies in no more than it needs. */
static void add_quoted(xai_json_writer *w, const char *text, size_t len, bool comma, bool colon) {
  uint64_t high = 0;
  const unsigned char *start = (const unsigned char *)text;
  size_t special = (size_t)(xai__find_special(start, start + len, &high) - start);
  if ((special < len || xai__has_high(high)) && !check_utf8(w, text, len)) return;
  if (len > SIZE_MAX - 4) return (void)stick(w, XAI_ERR_TOO_BIG, NULL);
  if (!make_room(w, len + 2 + comma + colon)) return;
  if (comma && !add(w, ",", 1)) return;
  if (add(w, "\"", 1) && add_with_escapes(w, text, len, special)) add(w, "\":", colon ? 2 : 1);
}

/* The same where there is room: the text is looked at and copied in one go. */
static void put_quoted(xai_json_writer *w, const char *text, size_t len, bool comma, bool colon) {
  size_t room = w->out.room - w->out.len, at = 0;
  if (len == 0) text = "";
  if (len > room || room - len <= 16) return add_quoted(w, text, len, comma, colon);
  const unsigned char *from = (const unsigned char *)text;
  char *to = w->out.ptr + w->out.len;
  uint64_t high = 0;
  if (comma) *to++ = ',';
  *to++ = '"';
  for (;;) {
    size_t plain = xai__copy_plain(to, from + at, len - at, &high);
    at += plain;
    to += plain;
    if (at == len) break;
    to = put_escaped(to, from[at++]);
    if (w->out.ptr + w->out.room - to <= (ptrdiff_t)(len - at + 16))
      return add_quoted(w, text, len, comma, colon);
  }
  if (xai__has_high(high) && !check_utf8(w, text, len)) return;
  *to++ = '"';
  if (colon) *to++ = ':';
  w->out.len = (size_t)(to - w->out.ptr);
}

void xai_json_put_str(xai_json_writer *writer, const char *text, size_t len) {
  bool comma;
  if (begin_value(writer, &comma)) put_quoted(writer, text, len, comma, false);
}

void xai_json_put_key(xai_json_writer *writer, const char *text, size_t len) {
  bool comma;
  if (begin_key(writer, &comma)) put_quoted(writer, text, len, comma, true);
}

/* ---- other values ---- */

void xai_json_put_null(xai_json_writer *writer) {
  put_bare(writer, "null", 4);
}

void xai_json_put_bool(xai_json_writer *writer, bool value) {
  put_bare(writer, value ? "true" : "false", value ? 4 : 5);
}

void xai_json_put_int(xai_json_writer *writer, int64_t value) {
  char text[XAI__NUMBER_SIZE];
  put_bare(writer, text, xai__json_format_int(text, value));
}

void xai_json_put_real(xai_json_writer *writer, double value, bool as_integer) {
  char text[XAI__NUMBER_SIZE];
  if (!isfinite(value)) return (void)stick(writer, XAI_ERR_ARG, "JSON has no NaN and no infinity");
  put_bare(writer, text, xai__json_format_real(text, value, as_integer));
}

void xai_json_put_raw(xai_json_writer *writer, const char *json, size_t len) {
  if (len == 0) return (void)stick(writer, XAI_ERR_ARG, "a raw value is empty");
  put_bare(writer, json, len);
}

static bool open_level(xai_json_writer *w, char bracket) {
  if (w->levels.len == w->levels.cap && w->code == XAI_OK) return stick(w, XAI_ERR_DEPTH, NULL);
  if (!put_bare(w, &bracket, 1)) return false;
  xai_code code = xai__buf_add_char(&w->levels, bracket);
  w->empty = true;
  return code == XAI_OK || stick(w, code, NULL);
}

static bool close_level(xai_json_writer *w, char bracket, char closing) {
  if (w->code != XAI_OK) return false;
  if (level(w) != bracket) return stick(w, XAI_ERR_STATE, "closes what is not open");
  if (w->keyed) return stick(w, XAI_ERR_STATE, "a key without a value");
  w->levels.len--;
  w->empty = false;
  return add(w, &closing, 1);
}

void xai_json_open_object(xai_json_writer *writer) {
  open_level(writer, '{');
}
void xai_json_close_object(xai_json_writer *writer) {
  close_level(writer, '{', '}');
}
void xai_json_open_array(xai_json_writer *writer) {
  open_level(writer, '[');
}
void xai_json_close_array(xai_json_writer *writer) {
  close_level(writer, '[', ']');
}

/* ---- whole trees ---- */

static bool is_container(const xai_json *value) {
  return value->type >= XAI_JSON_ARRAY;
}

static void put_scalar(xai_json_writer *w, const xai_json *value) {
  switch (value->type) {
    case XAI_JSON_BOOL: xai_json_put_bool(w, value->boolean); break;
    case XAI_JSON_NUMBER: put_bare(w, value->as.text, value->len); break;
    case XAI_JSON_STRING: xai_json_put_str(w, value->as.text, value->len); break;
    default: xai_json_put_null(w); break;
  }
}

static bool enter(xai_json_writer *w, const xai_json *container) {
  xai_code code = xai__buf_add(&w->path, (const char *)&container, sizeof container);
  if (code != XAI_OK) return stick(w, code, NULL);
  return open_level(w, container->type == XAI_JSON_OBJECT ? '{' : '[');
}

/* The container that is left. */
static const xai_json *leave(xai_json_writer *w) {
  const xai_json *container;
  w->path.len -= sizeof container;
  memcpy(&container, w->path.ptr + w->path.len, sizeof container);
  bool object = container->type == XAI_JSON_OBJECT;
  close_level(w, object ? '{' : '[', object ? '}' : ']');
  return container;
}

void xai_json_put_value(xai_json_writer *writer, const xai_json *value) {
  if (value == NULL || !is_container(value)) {
    if (value == NULL) xai_json_put_null(writer);
    else put_scalar(writer, value);
    return;
  }
  xai__buf_reset(&writer->path);
  enter(writer, value);
  const xai_json *at = value->as.list.first;
  while (writer->code == XAI_OK && writer->path.len > 0) {
    if (at == NULL) {
      at = leave(writer)->next;
      continue;
    }
    if (level(writer) == '{') xai_json_put_key(writer, at->key, at->key_len);
    if (!is_container(at)) {
      put_scalar(writer, at);
      at = at->next;
      continue;
    }
    enter(writer, at);
    at = at->as.list.first;
  }
}

/* ---- life ---- */

xai_json_writer *xai_json_writer_new(const xai_mem *mem, unsigned max_depth, size_t max_bytes) {
  xai_json_writer *writer = xai__alloc(mem, sizeof *writer);
  if (writer == NULL) return NULL;
  xai__buf_init(&writer->out, mem, max_bytes > 0 ? max_bytes : DEFAULT_BYTES);
  xai__buf_init(&writer->levels, mem, max_depth > 0 ? max_depth : DEFAULT_DEPTH);
  xai__buf_init(&writer->path, mem, SIZE_MAX); /* as deep as levels, which has the cap */
  return writer;
}

void xai_json_writer_free(xai_json_writer *writer) {
  if (writer == NULL) return;
  xai_mem mem = writer->out.mem;
  xai__buf_deinit(&writer->out);
  xai__buf_deinit(&writer->levels);
  xai__buf_deinit(&writer->path);
  xai__free(&mem, writer, sizeof *writer);
}

void xai_json_writer_reset(xai_json_writer *writer) {
  xai__buf_reset(&writer->out);
  xai__buf_reset(&writer->levels);
  writer->empty = writer->keyed = false;
  writer->code = XAI_OK;
  writer->offset = 0;
  writer->about = NULL;
}

void xai__json_writer_take(xai_json_writer *writer, xai_buf *to) {
  *to = writer->out;
  xai__buf_init(&writer->out, &to->mem, to->cap);
  xai_json_writer_reset(writer);
}

/* Unfinished is not failed: what is missing may still be put. */
static xai_code state(const xai_json_writer *w, const char **about) {
  *about = w->about;
  if (w->code != XAI_OK) return w->code;
  if (w->levels.len > 0) *about = "a container is still open";
  else if (w->out.len == 0) *about = "no value was put";
  else return XAI_OK;
  return XAI_ERR_STATE;
}

xai_code xai_json_writer_code(const xai_json_writer *writer) {
  return writer->code;
}

xai_code xai_json_writer_end(xai_json_writer *writer, xai_str *out, xai_error *err) {
  const char *about;
  xai_code code = state(writer, &about);
  if (code == XAI_OK) {
    xai__error_clear(err);
    writer->out.ptr[writer->out.len] = '\0';
    *out = xai__buf_str(&writer->out);
    return XAI_OK;
  }
  *out = (xai_str){"", 0};
  xai__fail(err, code, about != NULL ? "%s" : NULL, about);
  if (err != NULL) err->offset = writer->offset;
  return code;
}
