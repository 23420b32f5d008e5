/* xai_transport.h - what a mover of bytes must offer. No libcurl type in sight.
 * SPDX-License-Identifier: MIT
 *
 * An exchange is one HTTP request and its answer. The client starts it; the transport tells the sink what
 * comes, in the order status, header..., body..., done. After `done` or after a cancel nothing more is told.
 */
#ifndef XAI_TRANSPORT_H
#define XAI_TRANSPORT_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* Everything an attempt needs; borrowed until the exchange is over. */
typedef struct xai_exchange_request {
  const char *method;
  const char *url;
  const xai_header *headers; /* complete, Authorization included   */
  size_t header_count;
  xai_str body;
  uint32_t connect_ms; /* resolving and connecting           */
  uint32_t handshake_ms;
  uint32_t silence_ms; /* for an upload that does not get on; 0: none */
  size_t max_headers;
  size_t max_response;
  bool stream;   /* many small pieces are expected     */
  bool compress; /* ask for a compressed answer, and unpack it; its end must show in the content itself */
} xai_exchange_request;

typedef struct xai_exchange_end {
  xai_code code;      /* XAI_OK: a whole answer was read, as its framing announced                 */
  bool sent;          /* at least one byte of the request may have reached the peer                */
  bool not_processed; /* the peer says that it did not process it (HTTP/2 REFUSED_STREAM, GOAWAY)  */
  const char
    *phase;         /* "resolve", "connect", "handshake", "send", "wait", "headers", "body", "done"; static */
  char detail[200]; /* for the message; no secrets: host, port, what the library said            */
} xai_exchange_end;

/* Where the news of one exchange goes. The functions may not start or cancel exchanges of the transport. */
typedef struct xai_sink {
  void *user;
  /* Final status (not 1xx). Called once, before headers. */
  void (*status)(void *user, int status);
  /* One header, name and value trimmed. A negative code ends the exchange with it. */
  xai_code (*header)(void *user, xai_str name, xai_str value);
  /* XAI_OK: taken. XAI_MORE: nothing taken, pause until xai__transport_resume, then offer the same bytes
   * again. Negative: end the exchange with it. */
  xai_code (*body)(void *user, const char *bytes, size_t len);
  void (*done)(void *user, const xai_exchange_end *end);
} xai_sink;

typedef struct xai_transport xai_transport;
typedef struct xai_exchange xai_exchange;

typedef struct xai_transport_ops {
  /* NULL without memory (nothing was told to the sink). Never blocks; never calls the sink before a step. */
  xai_exchange *(*start)(xai_transport *self, const xai_exchange_request *request, const xai_sink *sink);
  void (*cancel)(xai_transport *self,
                 xai_exchange *exchange); /* closes its connection; nothing more is told */
  void (*resume)(xai_transport *self,
                 xai_exchange *exchange); /* after a pause; bytes come with the next step */
  /* Move bytes; wait at most wait_ms. `now` is the client's clock. most: sockets that are served, 0: as many as seem
   * right; the others keep their place. XAI_ERR_NOMEM or XAI_OK. */
  xai_code (*step)(xai_transport *self, uint64_t now, uint32_t wait_ms, uint32_t most);
  /* Wake the descriptor at this moment of the client's clock; UINT64_MAX: never. */
  void (*alarm)(xai_transport *self, uint64_t at, uint64_t now);
  int (*fd)(const xai_transport *self);
  /* Milliseconds until it wants a step for its own timers; -1: none. */
  int64_t (*timeout)(const xai_transport *self, uint64_t now);
  void (*free)(xai_transport *self);
  /* May it still read the request's body? NULL: always. */
  bool (*needs_body)(const xai_transport *self, const xai_exchange *exchange);
} xai_transport_ops;

struct xai_transport {
  const xai_transport_ops *ops;
};

/* ca_file, proxy: as in xai_config. NULL with err filled: XAI_ERR_LIBRARY, XAI_ERR_ARG, XAI_ERR_NOMEM. */
xai_transport *xai__transport_curl_new(const xai_mem *mem, const xai_config *config, xai_error *err);
xai_transport *xai__transport_scripted_new(const xai_mem *mem, xai_error *err);
/* For the origin of base_url. NULL with err filled: XAI_ERR_URL, XAI_ERR_ARG (proxy, ca_file), XAI_ERR_NOMEM. */
xai_transport *xai__transport_host_new(const xai_mem *mem, const xai_config *config, const char *base_url,
                                       xai_error *err);

#pragma GCC visibility pop

#endif
