/* xai_curl_exchange.c - an exchange by libcurl: begun with a handle that is used again and again, and ended.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "xai_curl_wire.h"

#define NEVER UINT64_MAX
#define SPARE_MAX 64 /* easy handles kept for reuse, some 6 KiB each     */

/* ---- the active and the spare ones ---- */

static void unlink_active(net *self, net_exchange *x) {
  self->active_count--;
  if (x->prev != NULL) x->prev->next = x->next;
  else self->active = x->next;
  if (x->next != NULL) x->next->prev = x->prev;
  x->prev = x->next = NULL;
}

static void link_active(net *self, net_exchange *x) {
  self->active_count++;
  x->prev = NULL;
  x->next = self->active;
  if (x->next != NULL) x->next->prev = x;
  self->active = x;
}

static void destroy(net_exchange *x) {
  if (x->easy != NULL) curl_easy_cleanup(x->easy);
  xai__free(&x->owner->mem, x, sizeof *x);
}

/* Forget what belongs to one exchange and keep the handle, with all that never changes, for the next. */
static void recycle(net *self, net_exchange *x) {
  xai__curl_clear_request(x);
  *x = (net_exchange){.owner = self, .easy = x->easy, .by_folder = x->by_folder};
  if (self->spare_count == SPARE_MAX) {
    destroy(x);
    return;
  }
  x->next = self->spare;
  self->spare = x;
  self->spare_count++;
}

static net_exchange *take_spare(net *self) {
  net_exchange *x = self->spare;
  self->spare = x->next;
  self->spare_count--;
  x->next = NULL;
  return x;
}

/* ---- ending ---- */

static void forget_resume(net_exchange *x) {
  net_exchange **link = &x->owner->resume;
  while (*link != NULL && *link != x) link = &(*link)->resume;
  if (*link == x) *link = x->resume;
}

void xai__curl_detach(net_exchange *x) {
  net *self = x->owner;
  xai__curl_fail(x, XAI_ERR_CANCELLED); /* whatever libcurl still calls, the sink hears nothing of it */
  if (x->resuming) forget_resume(x);
  xai__curl_race_drop(x);
  curl_multi_remove_handle(self->multi, x->easy);
  unlink_active(self, x);
  if (self->active == NULL) self->watch_due = NEVER;
  recycle(self, x);
}

/* Its connection turned out dead, or more authorities are to be asked about the server, before anything was written:
 * so this is no resend. */
static bool start_afresh(net *self, net_exchange *x, CURLcode result) {
  if (x->code != XAI_OK || !(x->stale || xai__curl_trust_more(x, result))) return false;
  x->stale = x->linked = x->connected = false;
  x->words[0] = '\0';
  curl_multi_remove_handle(self->multi, x->easy);
  xai__curl_race_drop(x);
  x->stage = RACE_NONE;
  xai__curl_limit(x);
  return xai__curl_set_fresh(x, true) && curl_multi_add_handle(self->multi, x->easy) == CURLM_OK;
}

/* A descriptor of our own for the connection whose first one libcurl will close; were that one still watched, it
 * would go on being reported. */
static int take_connection(const net_exchange *x, xai_exchange_end *end) {
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(x->easy, CURLINFO_ACTIVESOCKET, &fd);
  int own = fd != CURL_SOCKET_BAD ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (own >= 0) {
    xai__poll_watch(x->owner->poll, fd, XAI_POLL_IN | XAI_POLL_OUT, 0);
    return own;
  }
  *end = (xai_exchange_end){.code = XAI_ERR_CONNECT, .phase = "connect"};
  if (strerror_r(errno, end->detail, sizeof end->detail) != 0) end->detail[0] = '\0';
  return -1;
}

static void finish_connecting(net_exchange *x, CURLcode result) {
  xai_wire *wire = x->wire;
  xai_exchange_end end;
  xai__curl_describe(x, result == CURLE_OK ? CURLE_COULDNT_CONNECT : result, &end);
  end.sent = false;
  bool connected = result == CURLE_OK && x->code == XAI_OK;
  int fd = connected ? take_connection(x, &end) : -1;
  xai__curl_detach(x);
  xai__wire_connected(wire, fd, &end);
}

static void note_name(net *self, const net_exchange *x, CURLcode result) {
  if (result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY) self->unnamed = true;
  else if (xai__curl_has_time(x, CURLINFO_NAMELOOKUP_TIME_T)) self->unnamed = false;
}

void xai__curl_finish(net *self, net_exchange *x, CURLcode result) {
  note_name(self, x, result);
  if (x->wire != NULL) {
    finish_connecting(x, result);
    return;
  }
  if (start_afresh(self, x, result)) return;
  xai_exchange_end end;
  xai__curl_describe(x, result, &end);
  xai_sink sink = x->sink;
  if (x->tries > 0) xai__sockets_used(&self->sockets, x->local_port);
  self->news = true;
  xai__curl_detach(x);
  sink.done(sink.user, &end);
}

/* ---- starting ---- */

static net_exchange *make_exchange(net *self) {
  net_exchange *x = xai__alloc(&self->mem, sizeof *x);
  if (x == NULL) return NULL;
  x->owner = self;
  x->easy = curl_easy_init();
  if (x->easy != NULL && xai__curl_set_fixed(x->easy, self) && xai__curl_set_trust(x) &&
      xai__curl_set_callbacks(x))
    return x;
  destroy(x);
  return NULL;
}

net_exchange *xai__curl_start(net *self, const xai_exchange_request *request, const xai_sink *sink,
                              xai_wire *wire) {
  if (self->multi == NULL && !xai__curl_make_multi(self)) return NULL;
  net_exchange *x = self->spare != NULL ? take_spare(self) : make_exchange(self);
  if (x == NULL) return NULL;
  x->request = request;
  x->wire = wire;
  if (sink != NULL) x->sink = *sink;
  xai__head_init(&x->head, request->max_headers);
  bool trusting = x->by_folder == self->by_folder || xai__curl_set_trust(x);
  if (!trusting || !xai__curl_set_request(x) || curl_multi_add_handle(self->multi, x->easy) != CURLM_OK) {
    recycle(self, x);
    return NULL;
  }
  link_active(self, x);
  xai__curl_limit(x);
  if (wire == NULL) xai__curl_limit_upload(x);
  return x;
}

net_exchange *xai__curl_connect(net *self, const xai_exchange_request *request, xai_wire *wire) {
  return xai__curl_start(self, request, NULL, wire);
}

/* ---- the end of all ---- */

void xai__curl_drop_all(net *self) {
  while (self->active != NULL) xai__curl_detach(self->active);
  while (self->spare != NULL) destroy(take_spare(self));
}

void xai__curl_abandon(net *self) {
  for (net_exchange *x = self->active, *next; x != NULL; x = next) {
    next = x->next;
    xai__free_secret(&self->mem, x->headers, x->headers_size);
    xai__free(&self->mem, x, sizeof *x);
  }
  while (self->spare != NULL) xai__free(&self->mem, take_spare(self), sizeof *self->spare);
}
