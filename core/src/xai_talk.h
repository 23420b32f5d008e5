/* xai_talk.h - one exchange in HTTP/1.1 without its connection: the request's bytes out, the answer's bytes in.
 * SPDX-License-Identifier: MIT
 *
 * Who has the connection sends what `left` names, feeds `answer` with what comes, and says how it ended: the
 * embedding program (the host transport), or ourselves (xai_curl_wire). No I/O.
 */
#ifndef XAI_TALK_H
#define XAI_TALK_H

#include "xai_http1.h"

#pragma GCC visibility push(hidden)

typedef struct xai_talk {
  xai_sink sink;
  size_t head_len; /* of the request's head, also when it is forgotten  */
  size_t given;    /* bytes of head and body that went out             */
  xai_buf head;    /* of the request; holds the key                    */
  xai_http1 answer;
  const xai_exchange_request *request;
} xai_talk;

/* authority: host and port for the Host header; path: with its query; coding: for Accept-Encoding, NULL: not a word
 * of it. XAI_ERR_NOMEM: it is as after deinit. */
xai_code xai__talk_init(xai_talk *talk, const xai_mem *mem, const xai_exchange_request *request,
                        const xai_sink *sink, xai_str authority, xai_str path, const char *coding);
void xai__talk_deinit(xai_talk *talk);

/* Bytes of the whole request. */
size_t xai__talk_len(const xai_talk *talk);
/* What is still to be sent, of the head and of the body; either may be empty. */
void xai__talk_left(const xai_talk *talk, xai_str parts[2]);
/* The head will not be sent again. */
void xai__talk_forget_head(xai_talk *talk);

/* Has the answer begun? */
bool xai__talk_is_answered(const xai_talk *talk);
/* How far it is; NULL before the first byte went out, for what comes before that is the connection's. */
const char *xai__talk_phase(const xai_talk *talk);
/* Fills `end`; detail may be NULL, and loses its secrets. */
void xai__talk_describe(const xai_talk *talk, xai_code code, const char *phase, const char *detail,
                        xai_exchange_end *end);

#pragma GCC visibility pop

#endif
