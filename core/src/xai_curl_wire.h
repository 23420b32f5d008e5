/* xai_curl_wire.h - plain HTTP/1.1 on a socket that libcurl has connected, without libcurl from then on.
 * SPDX-License-Identifier: MIT
 *
 * libcurl resolves the name, tries the addresses and holds the limits of connecting; then its handle is free for
 * the next. A request is one call to send and one to receive, and an open stream holds no more than its parser.
 * What needs more of libcurl (TLS, a proxy, HTTP/2, connections that are limited in number) does not come here.
 * Over plain HTTP, which is a way to a neighbour, no compressed answer is asked for.
 */
#ifndef XAI_CURL_WIRE_H
#define XAI_CURL_WIRE_H

#include "xai_curl.h"
#include "xai_talk.h"

#pragma GCC visibility push(hidden)

struct xai_wire {
  net_kind kind;  /* first                                                 */
  bool sending;   /* more of the request is to go out                      */
  bool paused;    /* its sink is full                                      */
  bool resuming;  /* in the list of those to be resumed                    */
  bool unwatched; /* without memory for it: must be ended                  */
  net *owner;
  xai_link *link; /* NULL: connecting                                      */
  xai_talk talk;
  xai_wire *prev, *next; /* among the active ones                       */
  xai_wire *resume;
  net_exchange *connector; /* NULL: not connecting                         */
  char *held;              /* read, and not taken by the sink              */
  size_t held_len, held_at;
  uint64_t upload_due; /* when to look whether it gets on                 */
  size_t uploaded;     /* ... and how far it was the last time            */
};

/* Is this request one for us? */
bool xai__wire_fits(const net *self, const xai_exchange_request *request);
/* As ops->start. */
xai_wire *xai__wire_start(net *self, const xai_exchange_request *request, const xai_sink *sink);
/* As ops->cancel and ops->resume. */
void xai__wire_cancel(xai_wire *wire);
void xai__wire_resume(xai_wire *wire);

/* Is all of the request out of our hands? */
bool xai__wire_has_sent(const xai_wire *wire);

/* Its connector has come to its end: with a socket of ours, or -1 and why. */
void xai__wire_connected(xai_wire *wire, int fd, const xai_exchange_end *end);
/* These will be served next. What thousands of streams hold is in no cache: fetch what serving these will look at. */
void xai__wire_expect(const net *self, const xai_poll_ready *ready, size_t count);
/* False: the descriptor is none of ours. */
bool xai__wire_ready(net *self, const xai_poll_ready *ready);
/* Those that were resumed, those that cannot be watched, and uploads that do not get on; all of a step. */
void xai__wire_resume_all(net *self);
void xai__wire_end_unwatched(net *self);
void xai__wire_end_mute(net *self, uint64_t now);
/* Nobody is told. In a copy of the process the links are abandoned. */
void xai__wire_free_all(net *self);

#pragma GCC visibility pop

#endif
