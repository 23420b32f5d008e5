/* xai_sse.c - turns response bytes into server-sent events. No I/O, no clock.
 * SPDX-License-Identifier: MIT
 *
 * A line that lies whole in the lent chunk is read where it is; an event whose lines all do is given out as
 * spans of the chunk. Only what a chunk's end cuts is kept: of a cut line the value (never its name, nor
 * anything of a comment), of a cut event its name and data. No byte is looked at twice, so the time is linear
 * for every chunking. Source: WHATWG HTML section 9.2, "Server-sent events".
 */
#include "xai_sse.h"

#include <string.h>

#define DEFAULT_MAX_EVENT ((size_t)16 << 20)
#define KEPT_ROOM ((size_t)1 << 20)
#define LONGEST_NAME 5 /* "event", "retry" */

typedef enum field {
  FIELD_OTHER, /* a comment or an unknown name */
  FIELD_DATA,
  FIELD_EVENT,
  FIELD_ID,
  FIELD_RETRY
} field;

typedef enum line_state {             /* of a line whose beginning came in an earlier chunk  */
                          LINE_NAME,  /* in the name: its bytes so far are in `head`         */
                          LINE_SPACE, /* behind the colon, where one space does not count    */
                          LINE_VALUE, /* in the value of a known field                       */
                          LINE_SKIP   /* a comment or an unknown field: only its end matters */
} line_state;

struct xai_sse {
  const char *chunk; /* lent; read up to pos                                              */
  size_t len;
  size_t pos;
  size_t lf; /* behind the next LF and CR from pos on, len + 1: none; up to pos: unknown */
  size_t cr;
  uint64_t base; /* bytes of all chunks before                                        */
  size_t max;
  xai_code dead; /* the error that ended it, or XAI_OK                                */
  bool lent;     /* next has not yet said XAI_MORE                                    */

  bool started;     /* the place of the byte order mark is passed                        */
  bool swallow_lf;  /* a CR ended the last line: an LF now belongs to it                 */
  uint8_t mark_len; /* bytes of the byte order mark seen                                 */

  line_state state; /* these five tell of a cut line                                     */
  field kind;       /* once its name is known                                            */
  size_t line_len;  /* its bytes so far; 0: none is cut                                  */
  uint8_t head_len;
  char head[LONGEST_NAME];

  bool delivered; /* given out: forgotten with the next call                           */
  bool has_data;
  bool data_lent; /* its only data line is still in the chunk, at `data`               */
  bool name_lent; /* its name is still in the chunk, at `name`; else in name_text      */
  bool has_next_id;
  bool id_replaced;
  bool next_id_replaced;
  bool kept;   /* a buffer below has memory, perhaps; mostly all is lent            */
  size_t held; /* bytes of the lines that this event keeps                          */
  xai_str data;
  xai_str name;
  xai_buf cut;  /* value of a cut event or id line; a repaired name while delivered  */
  xai_buf text; /* data lines joined, when not lent; a cut data line grows here      */
  xai_buf name_text;
  xai_buf fixed;   /* data whose invalid bytes were replaced                            */
  xai_buf id;      /* of the last event                                                 */
  xai_buf next_id; /* of this event, when it has one                                    */

  uint64_t stop; /* where it died                                                     */
  int64_t retry;
  int64_t digits; /* of the retry line being read: -1 before the first, -2 if no number */
  xai_mem mem;
};

/* ---- small helpers ---- */

static inline size_t seek(const xai_sse *sse, char what) {
  size_t i = sse->pos;
  if (i < sse->len && sse->chunk[i] == what) return i; /* of each event the last line is blank */
  if (sse->len - i >= 8) {
    const char *found = memchr(sse->chunk + i, what, sse->len - i);
    return found != NULL ? (size_t)(found - sse->chunk) : sse->len;
  }
  while (i < sse->len && sse->chunk[i] != what) i++; /* cheaper than a call, at a byte a chunk */
  return i;
}

/* Where the line at pos ends, or len. Both marks only move forward, so CR, LF and mixed streams are each
 * searched once. */
static inline size_t line_end(xai_sse *sse) {
  if (sse->lf <= sse->pos) sse->lf = seek(sse, '\n') + 1;
  if (sse->cr <= sse->pos) sse->cr = seek(sse, '\r') + 1;
  return (sse->lf < sse->cr ? sse->lf : sse->cr) - 1;
}

/* A giant's room is given back, or six buffers would each keep the largest event ever seen. */
static void empty(xai_buf *buf) {
  if (buf->room > KEPT_ROOM) xai__buf_deinit(buf);
  else if (buf->len > 0) xai__buf_reset(buf);
}

/* xai__buf_add where the room is there already. */
static inline xai_code append(xai_buf *buf, const char *bytes, size_t len) {
  if (buf->room - buf->len <= len) return xai__buf_add(buf, bytes, len);
  if (len == 1) buf->ptr[buf->len] = *bytes;
  else memcpy(buf->ptr + buf->len, bytes, len);
  buf->len += len;
  buf->ptr[buf->len] = '\0';
  return XAI_OK;
}

static void swap(xai_buf *a, xai_buf *b) {
  xai_buf c = *a;
  *a = *b;
  *b = c;
}

static xai_code set(xai_buf *buf, xai_str text) {
  empty(buf);
  return append(buf, text.ptr, text.len);
}

/* Most events are plain ASCII, and to know that is much cheaper than to read characters. The last word is read
 * where it ends, some of it for the second time, rather than byte by byte. */
static bool is_ascii(const char *bytes, size_t len) {
  uint64_t word[4], seen = 0;
  size_t i = 0;
  for (; len - i >= sizeof word; i += sizeof word) {
    memcpy(word, bytes + i, sizeof word);
    seen |= (word[0] | word[1]) | (word[2] | word[3]);
  }
  for (; len - i >= sizeof word[0]; i += sizeof word[0]) {
    memcpy(word, bytes + i, sizeof word[0]);
    seen |= word[0];
  }
  if (i < len && len >= sizeof word[0]) {
    memcpy(word, bytes + len - sizeof word[0], sizeof word[0]);
    seen |= word[0];
    i = len;
  }
  for (; i < len; i++) seen |= (uint64_t)(unsigned char)bytes[i];
  return (seen & 0x8080808080808080u) == 0;
}

static inline field match(const char *line, size_t len, const char *name, size_t name_len, field kind,
                          xai_str *value) {
  if (len < name_len || memcmp(line, name, name_len) != 0) return FIELD_OTHER;
  if (len == name_len) {
    *value = (xai_str){"", 0};
    return kind;
  }
  if (line[name_len] != ':') return FIELD_OTHER;
  size_t skip = name_len + 1;
  if (skip < len && line[skip] == ' ') skip++;
  *value = (xai_str){line + skip, len - skip};
  return kind;
}

/* The field of a whole line, and its value. */
static field split(const char *line, size_t len, xai_str *value) {
  if (len == 0) return FIELD_OTHER;
  switch (line[0]) {
    case 'd': return match(line, len, "data", 4, FIELD_DATA, value);
    case 'e': return match(line, len, "event", 5, FIELD_EVENT, value);
    case 'i': return match(line, len, "id", 2, FIELD_ID, value);
    case 'r': return match(line, len, "retry", 5, FIELD_RETRY, value);
    default: return FIELD_OTHER;
  }
}

static void begin_event(xai_sse *sse) {
  sse->held = 0;
  sse->delivered = sse->has_data = sse->data_lent = sse->name_lent = false;
  sse->name = (xai_str){"", 0};
  if (!sse->kept) return;
  empty(&sse->text);
  empty(&sse->fixed);
  empty(&sse->cut);
  empty(&sse->name_text);
}

/* Is there room for one more line in this event? All that an event makes us keep is bounded together. */
static bool fits(const xai_sse *sse, size_t line_len) {
  return line_len <= sse->max && sse->held <= sse->max - line_len;
}

static xai_code die(xai_sse *sse, xai_code code) {
  sse->dead = code;
  sse->stop = sse->base + sse->pos - sse->line_len; /* the line's start, however it was cut */
  return code;
}

/* ---- fields ---- */

/* Data that was lent goes into `text`, so that more can follow it or the chunk can go. */
static xai_code own_data(xai_sse *sse) {
  if (!sse->data_lent) return XAI_OK;
  sse->data_lent = false;
  sse->kept = true;
  return set(&sse->text, sse->data);
}

static xai_code own_name(xai_sse *sse) {
  if (!sse->name_lent) return XAI_OK;
  sse->name_lent = false;
  sse->kept = true;
  xai_code code = set(&sse->name_text, sse->name);
  sse->name = xai__buf_str(&sse->name_text);
  return code;
}

/* Makes `text` ready to take one more data line. */
static xai_code join_data(xai_sse *sse) {
  if (!sse->has_data) return XAI_OK;
  sse->kept = true;
  xai_code code = own_data(sse);
  return code == XAI_OK ? append(&sse->text, "\n", 1) : code;
}

static xai_code take_data(xai_sse *sse, xai_str value) {
  if (!sse->has_data) {
    sse->data = value;
    sse->has_data = sse->data_lent = true;
    return XAI_OK;
  }
  xai_code code = join_data(sse);
  return code == XAI_OK ? append(&sse->text, value.ptr, value.len) : code;
}

static xai_code take_id(xai_sse *sse, xai_str value) {
  if (value.len > 0 && memchr(value.ptr, '\0', value.len) != NULL) return XAI_OK;
  empty(&sse->next_id);
  sse->next_id_replaced = false;
  sse->has_next_id = sse->kept = true;
  return xai__utf8_add_fixed(&sse->next_id, value.ptr, value.len, &sse->next_id_replaced);
}

static void add_digits(xai_sse *sse, xai_str text) {
  int64_t n = sse->digits;
  for (size_t i = 0; i < text.len && n != -2; i++) {
    int digit = text.ptr[i] - '0';
    if (digit < 0 || digit > 9) n = -2;
    else if (n < 0) n = digit;
    else if (n > (INT64_MAX - digit) / 10) n = INT64_MAX;
    else n = n * 10 + digit;
  }
  sse->digits = n;
}

static void take_retry(xai_sse *sse) {
  if (sse->digits >= 0) sse->retry = sse->digits;
}

/* ---- cut lines ---- */

/* The name is known: make the place ready where the value goes. */
static xai_code open_value(xai_sse *sse) {
  switch (sse->kind) {
    case FIELD_DATA: return join_data(sse);
    case FIELD_RETRY: sse->digits = -1; return XAI_OK;
    case FIELD_EVENT:
    case FIELD_ID: empty(&sse->cut); return XAI_OK;
    default: return XAI_OK;
  }
}

static xai_code add_value(xai_sse *sse, const char *bytes, size_t len) {
  sse->kept = true;
  switch (sse->kind) {
    case FIELD_DATA: return append(&sse->text, bytes, len);
    case FIELD_RETRY: add_digits(sse, (xai_str){bytes, len}); return XAI_OK;
    case FIELD_EVENT:
    case FIELD_ID: return append(&sse->cut, bytes, len);
    default: return XAI_OK;
  }
}

/* Reads on in the name of a cut line; gives the number of bytes taken. */
static size_t read_name(xai_sse *sse, const char *bytes, size_t len, xai_code *code) {
  xai_str none;
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] == ':') {
      sse->kind = split(sse->head, sse->head_len, &none);
      sse->state = sse->kind == FIELD_OTHER ? LINE_SKIP : LINE_SPACE;
      *code = open_value(sse);
      return i + 1;
    }
    if (sse->head_len == LONGEST_NAME) {
      sse->state = LINE_SKIP;
      return i;
    }
    sse->head[sse->head_len++] = bytes[i];
  }
  return len;
}

/* One more piece of a line that does not lie whole in a chunk. */
static xai_code add_piece(xai_sse *sse, const char *bytes, size_t len) {
  if (len > sse->max || sse->line_len > sse->max - len) return XAI_ERR_TOO_BIG;
  if (len == 0) return XAI_OK;
  size_t line_len = sse->line_len + len;
  size_t at = 0;
  xai_code code = XAI_OK;
  if (sse->state == LINE_NAME) at = read_name(sse, bytes, len, &code);
  if (code == XAI_OK && sse->state == LINE_SPACE && at < len) {
    if (bytes[at] == ' ') at++;
    sse->state = LINE_VALUE;
  }
  if (code == XAI_OK && sse->state == LINE_VALUE) {
    if (!fits(sse, line_len)) return XAI_ERR_TOO_BIG;
    code = add_value(sse, bytes + at, len - at);
  }
  if (code == XAI_OK) sse->line_len = line_len;
  return code;
}

static xai_code apply_cut(xai_sse *sse) {
  switch (sse->kind) {
    case FIELD_DATA: sse->has_data = true; return XAI_OK;
    case FIELD_ID: return take_id(sse, xai__buf_str(&sse->cut));
    case FIELD_RETRY: take_retry(sse); return XAI_OK;
    case FIELD_EVENT:
      swap(&sse->cut, &sse->name_text);
      sse->name = xai__buf_str(&sse->name_text);
      sse->name_lent = false;
      return XAI_OK;
    default: return XAI_OK;
  }
}

static xai_code end_cut_line(xai_sse *sse) {
  xai_str none;
  xai_code code = XAI_OK;
  if (sse->state == LINE_NAME) { /* no colon: the whole line is the name */
    sse->kind = split(sse->head, sse->head_len, &none);
    if (sse->kind == FIELD_OTHER) sse->state = LINE_SKIP;
    else code = open_value(sse);
  }
  if (code != XAI_OK) return code;
  if (sse->state != LINE_SKIP) {
    if (!fits(sse, sse->line_len)) return XAI_ERR_TOO_BIG;
    code = apply_cut(sse);
    if (code != XAI_OK) return code;
    sse->held += sse->line_len;
  }
  sse->line_len = 0;
  sse->head_len = 0;
  sse->state = LINE_NAME;
  return XAI_OK;
}

/* ---- lines and events ---- */

static xai_code whole_line(xai_sse *sse, const char *line, size_t len) {
  if (len > sse->max) return XAI_ERR_TOO_BIG;
  xai_str value;
  field kind = split(line, len, &value);
  if (kind == FIELD_OTHER) return XAI_OK;
  if (!fits(sse, len)) return XAI_ERR_TOO_BIG;
  sse->held += len;
  switch (kind) {
    case FIELD_DATA: return take_data(sse, value);
    case FIELD_ID: return take_id(sse, value);
    case FIELD_EVENT:
      sse->name = value;
      sse->name_lent = true;
      return XAI_OK;
    case FIELD_RETRY:
      sse->digits = -1;
      add_digits(sse, value);
      take_retry(sse);
      return XAI_OK;
    default: return XAI_OK;
  }
}

static xai_code end_line(xai_sse *sse, size_t stop) {
  const char *piece = sse->chunk + sse->pos;
  size_t len = stop - sse->pos;
  if (sse->line_len == 0) return whole_line(sse, piece, len);
  xai_code code = add_piece(sse, piece, len);
  if (code != XAI_OK) return code;
  sse->pos = stop;
  return end_cut_line(sse);
}

/* Invalid bytes are replaced here and not as they come: a sequence may be cut by a chunk, never by a line. */
static xai_code make_valid(xai_sse *sse, xai_str *text, xai_buf *room, bool *replaced) {
  if (is_ascii(text->ptr, text->len)) return XAI_OK;
  if (xai__utf8_valid(text->ptr, text->len) == text->len) return XAI_OK;
  sse->kept = true;
  empty(room);
  xai_code code = xai__utf8_add_fixed(room, text->ptr, text->len, replaced);
  *text = xai__buf_str(room);
  return code;
}

/* A blank line: XAI_OK when it gave an event, XAI_MORE when there was nothing to give. */
static xai_code end_event(xai_sse *sse, xai_sse_event *event) {
  if (sse->has_next_id) {
    swap(&sse->id, &sse->next_id);
    empty(&sse->next_id);
    sse->id_replaced = sse->next_id_replaced;
    sse->has_next_id = false;
  }
  if (!sse->has_data) {
    begin_event(sse);
    return XAI_MORE;
  }
  event->data = sse->data_lent ? sse->data : xai__buf_str(&sse->text);
  event->name = sse->name.len > 0 ? sse->name : (xai_str){"message", 7};
  event->id = sse->kept ? xai__buf_str(&sse->id) : (xai_str){"", 0};
  event->retry = sse->retry;
  event->replaced = sse->id_replaced;
  sse->delivered = true;
  xai_code code = make_valid(sse, &event->data, &sse->fixed, &event->replaced);
  return code == XAI_OK ? make_valid(sse, &event->name, &sse->cut, &event->replaced) : code;
}

/* Bytes that begin like a byte order mark and turn out to be none begin a line that means nothing. */
static void skip_mark(xai_sse *sse) {
  static const char mark[] = "\xef\xbb\xbf";
  while (sse->mark_len < 3) {
    if (sse->pos == sse->len) return;
    if (sse->chunk[sse->pos] != mark[sse->mark_len]) break;
    sse->pos++;
    sse->mark_len++;
  }
  if (sse->mark_len < 3 && sse->mark_len > 0) {
    sse->line_len = sse->mark_len;
    sse->state = LINE_SKIP;
  }
  sse->mark_len = 0;
  sse->started = true;
}

/* The LF of a CRLF is dropped when it comes, not waited for: the CR has already ended its line. */
static void skip_lf(xai_sse *sse) {
  if (sse->pos == sse->len) return;
  if (sse->chunk[sse->pos] == '\n') sse->pos++;
  sse->swallow_lf = false;
}

/* The chunk is used up: keep what is unfinished and let it go. */
static xai_code let_go(xai_sse *sse) {
  xai_code code = add_piece(sse, sse->chunk + sse->pos, sse->len - sse->pos);
  if (code != XAI_OK) return die(sse, code);
  sse->pos = sse->len;
  code = own_data(sse);
  if (code == XAI_OK) code = own_name(sse);
  if (code != XAI_OK) return die(sse, code);
  sse->base += sse->len;
  sse->pos = sse->len = sse->lf = sse->cr = 0;
  sse->chunk = "";
  sse->lent = false;
  return XAI_MORE;
}

/* ---- public ---- */

xai_sse *xai_sse_new(const xai_mem *mem, size_t max_event) {
  xai_mem real = xai__mem(mem);
  xai_sse *sse = xai__alloc(&real, sizeof *sse);
  if (sse == NULL) return NULL;
  sse->mem = real;
  sse->max = max_event > 0 ? max_event : DEFAULT_MAX_EVENT;
  xai__buf_init(&sse->cut, &real, sse->max);
  xai__buf_init(&sse->text, &real, sse->max);
  xai__buf_init(&sse->name_text, &real, sse->max);
  xai__buf_init(&sse->fixed, &real, sse->max);
  xai__buf_init(&sse->id, &real, sse->max);
  xai__buf_init(&sse->next_id, &real, sse->max);
  xai_sse_reset(sse);
  return sse;
}

void xai_sse_free(xai_sse *sse) {
  if (sse == NULL) return;
  xai__buf_deinit(&sse->cut);
  xai__buf_deinit(&sse->text);
  xai__buf_deinit(&sse->name_text);
  xai__buf_deinit(&sse->fixed);
  xai__buf_deinit(&sse->id);
  xai__buf_deinit(&sse->next_id);
  xai_mem mem = sse->mem;
  xai__free(&mem, sse, sizeof *sse);
}

void xai_sse_reset(xai_sse *sse) {
  begin_event(sse);
  empty(&sse->id);
  empty(&sse->next_id);
  sse->dead = XAI_OK;
  sse->base = sse->stop = 0;
  sse->chunk = "";
  sse->pos = sse->len = sse->lf = sse->cr = sse->line_len = 0;
  sse->lent = sse->started = sse->swallow_lf = false;
  sse->has_next_id = sse->id_replaced = sse->next_id_replaced = false;
  sse->mark_len = sse->head_len = 0;
  sse->state = LINE_NAME;
  sse->retry = -1;
}

void xai__sse_rest(xai_sse *sse) {
  xai_buf *const bufs[] = {&sse->cut, &sse->text, &sse->name_text, &sse->fixed, &sse->id, &sse->next_id};
  if (sse->lent) return;
  if (sse->delivered) begin_event(sse);
  if (!sse->kept) return;
  sse->kept = false;
  for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++) {
    if (bufs[i]->len == 0) xai__buf_deinit(bufs[i]);
    else sse->kept = true;
  }
}

xai_code xai_sse_feed(xai_sse *sse, const char *bytes, size_t len) {
  if (sse->dead != XAI_OK) return sse->dead;
  if (sse->lent) return XAI_ERR_STATE;
  if (len == 0) return XAI_OK;
  sse->chunk = bytes;
  sse->len = len;
  sse->lf = sse->cr = 0;
  sse->lent = true;
  return XAI_OK;
}

xai_code xai_sse_next(xai_sse *sse, xai_sse_event *event) {
  if (sse->dead != XAI_OK) return sse->dead;
  if (sse->delivered) begin_event(sse);
  if (!sse->started) skip_mark(sse);
  for (;;) {
    if (sse->swallow_lf) skip_lf(sse);
    size_t stop = line_end(sse);
    if (stop == sse->len) return let_go(sse);

    bool blank = stop == sse->pos && sse->line_len == 0;
    xai_code code = blank ? end_event(sse, event) : end_line(sse, stop);
    if (code < 0) return die(sse, code);
    sse->swallow_lf = sse->chunk[stop] == '\r';
    sse->pos = stop + 1;
    if (blank && code == XAI_OK) return XAI_OK;
  }
}

void xai_sse_finish(xai_sse *sse, xai_sse_end *end) {
  if (sse->delivered) begin_event(sse);
  end->last_event_id = xai__buf_str(&sse->id);
  end->retry = sse->retry;
  bool line = sse->line_len > 0 || sse->mark_len > 0 || sse->pos < sse->len;
  end->discarded = sse->dead != XAI_OK || line || sse->has_data || sse->name.len > 0 || sse->has_next_id;
}

uint64_t xai_sse_offset(const xai_sse *sse) {
  return sse->dead != XAI_OK ? sse->stop : sse->base + sse->pos;
}
