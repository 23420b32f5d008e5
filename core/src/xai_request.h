/* xai_request.h - one request, checked and complete: owned copies, headers ready to send, limits resolved.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_REQUEST_H
#define XAI_REQUEST_H

#include "xai_key.h"

#pragma GCC visibility push(hidden)

/* What every request of a client shares. Borrowed. */
typedef struct xai_request_defaults {
  const char *base_url; /* no slash at the end                          */
  xai_key *key;         /* NULL: none                                      */
  const char *user_agent;
  xai_limits limits; /* resolved: no zero                            */
} xai_request_defaults;

typedef struct xai_request_copy {
  xai_mem mem;
  const char *method;
  const char *url;
  xai_header *headers;
  size_t header_count;
  size_t header_room;
  xai_str body;
  xai_reply reply; /* never AUTO                                         */
  bool stream;
  bool repeatable;     /* an attempt of unknown outcome may be repeated      */
  bool tokens_guessed; /* `tokens`, from the body's size                     */
  const char *model;   /* "": not told                                       */
  int priority;
  uint64_t tokens; /* never 0                                            */
  uint64_t most_cost;
  xai_key *key;        /* shared; its header is borrowed from it. NULL: none   */
  char *authorization; /* the caller's own value of that header, wiped when it goes; NULL: none */
  size_t authorization_size;
  xai_buf text;    /* where the strings above live: the copy may be moved */
  xai_buf payload; /* ... and the body                                    */
  void *user;
  xai_limits limits; /* resolved                                           */
} xai_request_copy;

/* Fill `copy` from `request`. `random` makes the trace id. On failure nothing is held.
 * Errors: XAI_ERR_ARG (with what and where, never a header's value), XAI_ERR_TOO_BIG, XAI_ERR_NOMEM. */
xai_code xai__request_init(xai_request_copy *copy, const xai_mem *mem, const xai_request_defaults *defaults,
                           const xai_request *request, uint64_t *random, xai_error *err);
void xai__request_deinit(xai_request_copy *copy);
/* It will not be sent again. */
void xai__request_drop_body(xai_request_copy *copy);

/* Zero fields of `limits` from `defaults`; then the library's own defaults. */
xai_limits xai__limits(const xai_limits *limits, const xai_limits *defaults);

/* May this header be sent? `offset` is the first bad byte of the name, or of the value when the name is fine.
 * Source: RFC 9110 sections 5.1 and 5.5, narrowed to visible ASCII. */
bool xai__header_ok(xai_str name, xai_str value, size_t *offset);

#pragma GCC visibility pop

#endif
