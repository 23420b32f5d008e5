/* xai_head.h - reads the head of an HTTP answer line by line, and holds it against the rules. No I/O.
 * SPDX-License-Identifier: MIT
 *
 * Interim answers (1xx) are skipped, trailers are counted and dropped. What could be read in two ways is an
 * error, not a guess: source RFC 9112 sections 4, 5 and 6.3, RFC 9110 sections 8.6 and 15.2.
 */
#ifndef XAI_HEAD_H
#define XAI_HEAD_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

typedef enum xai_head_kind {
  XAI_HEAD_NOTHING, /* part of an interim answer or a trailer      */
  XAI_HEAD_STATUS,  /* the final status line: see `status`         */
  XAI_HEAD_FIELD,   /* one header of the final answer              */
  XAI_HEAD_END      /* the empty line: the body follows            */
} xai_head_kind;

typedef struct xai_head {
  size_t max_bytes;
  size_t bytes;     /* of all lines so far, interim answers and trailers too  */
  unsigned interim; /* interim answers so far                                 */
  int status;       /* of the answer being read; 0 before its status line     */
  bool open;        /* between a status line and its empty line               */
  bool ended;       /* the final answer's empty line was seen                 */
  bool has_length;
  uint64_t length;   /* Content-Length                                         */
  bool has_transfer; /* Transfer-Encoding                                      */
  const char *why;   /* after an error: what was wrong, static                 */
} xai_head;

/* Ready for an answer; max_bytes bounds all of its lines together. */
void xai__head_init(xai_head *head, size_t max_bytes);

/* One line with its line end. XAI_OK with kind, and for a field its name and value, trimmed and borrowed
 * from the line. XAI_ERR_HTTP, XAI_ERR_TOO_BIG: the answer must be dropped, `why` says what for. */
xai_code xai__head_line(xai_head *head, xai_str line, xai_head_kind *kind, xai_str *name, xai_str *value);

#pragma GCC visibility pop

#endif
