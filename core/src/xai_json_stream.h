/* xai_json_stream.h - reads a JSON text that comes in pieces, and grows its tree in place.
 * SPDX-License-Identifier: MIT
 *
 * The reader says one event at a time and can be left anywhere: inside an escape, a character, a number. Strings and
 * containers join the tree when they begin, other values when they are complete; so the tree is at each moment what
 * is known of the value. It accepts what xai_json_parse accepts, with the same codes and offsets.
 */
#ifndef XAI_JSON_STREAM_H
#define XAI_JSON_STREAM_H

#include "xai_json.h"

#pragma GCC visibility push(hidden)

typedef enum xai_json_event {
  XAI_JSON_PAUSE, /* all bytes are read                                                    */
  XAI_JSON_KEY,   /* a key is complete: `value` is the member to come, without a type        */
  XAI_JSON_BEGIN, /* `value` has its type; of true, false and null all is known            */
  XAI_JSON_GREW,  /* the string has more characters; the number more that matters          */
  XAI_JSON_END,   /* `value` is complete                                                   */
  XAI_JSON_COMMA, /* another element or member has to follow                               */
  XAI_JSON_DONE,  /* after the last byte: the text is complete                             */
  XAI_JSON_BROKEN /* `code`, `offset` and `expected` say why; nothing follows              */
} xai_json_event;

typedef struct xai_json_stream {
  xai_json_doc *doc;
  xai_json *value; /* that the event is about                                              */
  size_t offset;   /* bytes read; the event became certain with the byte before ...         */
  size_t event_at; /* ... this one: a number ends where something else begins               */
  size_t stride;   /* a string grows by no more bytes at a time, but by whole characters    */
  xai_code code;
  const char *expected; /* NULL: the code says it all                                       */
  bool nonzero;         /* the number's mantissa has a digit other than 0                   */
  bool in_exponent;     /* the number has its 'e'                                           */

  uint8_t state;      /* what it waits for                                                 */
  uint8_t number;     /* the part of the number                                            */
  uint8_t text;       /* the part of the string                                            */
  bool is_key;        /* the string is a key                                               */
  uint8_t hex_count;  /* digits of \uXXXX so far                                           */
  uint16_t hex;       /* ... and their value                                               */
  uint16_t high;      /* half a character, while the other half may follow; 0: none        */
  uint8_t tail_count; /* bytes of a character so far                                       */
  uint8_t tail_need;  /* bytes it still needs                                              */
  uint8_t tail_low;   /* bounds of the next of them                                        */
  uint8_t tail_high;
  char tail[4];
  const char *word; /* the rest of a word that must follow                               */
  xai_json **open;  /* containers from the root inwards                                  */
  size_t depth;     /* of them                                                           */
  size_t room;
  xai_buf key; /* the key so far                                                    */
  xai_mem mem;
} xai_json_stream;

/* `doc` is the stream's alone; its depth and size bound the text. */
void xai__json_stream_init(xai_json_stream *s, const xai_mem *mem, xai_json_doc *doc);
void xai__json_stream_deinit(xai_json_stream *s);
/* A new text; forgets the document's values. */
void xai__json_stream_reset(xai_json_stream *s);

/* Reads from *from, which moves on, until there is something to say. */
xai_json_event xai__json_stream_next(xai_json_stream *s, const char **from, const char *last);
/* No more bytes follow: perhaps XAI_JSON_END of a number first, then XAI_JSON_DONE or XAI_JSON_BROKEN. */
xai_json_event xai__json_stream_finish(xai_json_stream *s);

#pragma GCC visibility pop

#endif
