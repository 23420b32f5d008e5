/* xai_http1.h - reads one HTTP/1.1 answer from bytes that come in any pieces, and tells a sink. No I/O.
 * SPDX-License-Identifier: MIT
 *
 * The head is read by xai_head; this adds how the body is framed (RFC 9112 sections 6 and 7) and whether the
 * connection may serve again (section 9.3). Compression is not decoded here, so it is not asked for, and an
 * answer that is compressed all the same is an error.
 */
#ifndef XAI_HTTP1_H
#define XAI_HTTP1_H

#include "xai_head.h"
#include "xai_transport.h"

#pragma GCC visibility push(hidden)

typedef enum xai_http1_state {
  XAI_HTTP1_HEAD,      /* a line of the head                               */
  XAI_HTTP1_FIXED,     /* `left` bytes of the body                         */
  XAI_HTTP1_OPEN,      /* a body that the connection's end ends            */
  XAI_HTTP1_SIZE,      /* the line with a chunk's size                     */
  XAI_HTTP1_CHUNK,     /* `left` bytes of a chunk                          */
  XAI_HTTP1_CHUNK_END, /* the line end behind a chunk                      */
  XAI_HTTP1_TRAILER,   /* a line of the trailer                            */
  XAI_HTTP1_DONE       /* the whole answer was read                        */
} xai_http1_state;

typedef struct xai_http1 {
  xai_http1_state state;
  uint64_t left; /* bytes of the body or the chunk                  */
  size_t room;   /* bytes that the body may still have              */
  xai_buf line;  /* the start of a line whose end has not come      */
  xai_head head;
  bool bodiless;       /* the request was HEAD                            */
  bool old;            /* HTTP/1.0                                        */
  bool closes;         /* "Connection: close"                             */
  bool other_transfer; /* a Transfer-Encoding with anything but "chunked" */
  bool other_encoding; /* Content-Encoding other than "identity"          */
  unsigned transfers;  /* Transfer-Encoding headers                       */
  const char *why;     /* after an error: what was wrong, static, or NULL */
} xai_http1;

/* Ready for an answer. max_headers and max_body are limits in bytes; bodiless: nothing follows the head. */
void xai__http1_init(xai_http1 *self, const xai_mem *mem, size_t max_headers, size_t max_body, bool bodiless);
void xai__http1_deinit(xai_http1 *self);

/* Read on. XAI_OK: *taken bytes were taken, all of them unless the answer is done. XAI_MORE: the sink is full;
 * go on with the bytes after *taken later. XAI_ERR_HTTP, XAI_ERR_TOO_BIG, XAI_ERR_NOMEM or the sink's own: it
 * is over. What the sink is told does not depend on how the bytes were cut. */
xai_code xai__http1_feed(xai_http1 *self, const xai_sink *sink, const char *bytes, size_t len, size_t *taken);

/* The peer has closed. XAI_OK: that ends the answer well; XAI_ERR_RESET: within the head or before;
 * XAI_ERR_SHORT: within the body. */
xai_code xai__http1_close(xai_http1 *self);

/* Done, and the connection may carry another request. */
bool xai__http1_may_reuse(const xai_http1 *self);

#pragma GCC visibility pop

#endif
