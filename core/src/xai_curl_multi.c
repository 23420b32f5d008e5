/* xai_curl_multi.c - libcurl's multi handle: the sockets that it wants watched, and when it wants to be called.
 * SPDX-License-Identifier: MIT */
#include "xai_curl.h"

#define NEVER UINT64_MAX
#define IDLE_CONNECTIONS 256L
#define RESOLVERS 256L
#define READS_WHILE_PAUSED 0x080500u

net_exchange *xai__curl_of(CURL *easy) {
  net_exchange *x = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  return x;
}

/* ---- sockets ---- */

/* libcurl 8.5.0, which Ubuntu 24.04 has, goes on to read for a paused exchange, without bounds, and loses all of it when
 * the connection ends. So nobody tells it that there is something to read. A connection of HTTP/2 has other streams
 * and a window for each. */
void xai__curl_hold(net_exchange *x) {
  long version = CURL_HTTP_VERSION_NONE;
  if (curl_version_info(CURLVERSION_NOW)->version_num != READS_WHILE_PAUSED || x->want == 0) return;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
  if (version >= CURL_HTTP_VERSION_2_0) return;
  x->held = true;
  xai__poll_watch(x->owner->poll, x->fd, x->want, 0);
}

void xai__curl_release(net_exchange *x) {
  if (!x->held) return;
  x->held = false;
  if (x->want == 0 || xai__poll_watch(x->owner->poll, x->fd, 0, x->want) == XAI_OK) return;
  if (x->code == XAI_OK) x->code = XAI_ERR_NOMEM;
  x->owner->doomed = true;
}

/* What it is watched for, then. */
static unsigned note_socket(net_exchange *x, int fd, unsigned want) {
  x->fd = fd;
  x->want = want;
  return x->held ? 0 : want;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *had) {
  static const unsigned wants[] = {
    [CURL_POLL_IN] = XAI_POLL_IN,
    [CURL_POLL_OUT] = XAI_POLL_OUT,
    [CURL_POLL_INOUT] = XAI_POLL_IN | XAI_POLL_OUT,
    [CURL_POLL_REMOVE] = 0,
  };
  net *self = user;
  unsigned want = wants[what];
  net_exchange *x = xai__curl_of(easy);
  xai__curl_note_link(x, want);
  if (x != NULL) want = note_socket(x, fd, want);
  if (xai__poll_watch(self->poll, fd, (unsigned)(uintptr_t)had, want) == XAI_OK) {
    if (want != 0) curl_multi_assign(self->multi, fd, (void *)(uintptr_t)want);
    return 0;
  }
  /* Unwatched it would hang; an error returned here would kill all the others too. */
  if (x != NULL) xai__curl_fail(x, XAI_ERR_NOMEM);
  self->doomed = true;
  return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *user) {
  net *self = user;
  (void)multi;
  /* Our clock is rounded down: one more, or the timer would be early and libcurl set it again. */
  if (wait_ms < 0) self->curl_due = NEVER;
  else self->curl_due = wait_ms == 0 ? 0 : xai__poll_now() + (uint64_t)wait_ms + 1;
  return 0;
}

/* Options by their numbers, for the library may be younger than the headers that we were built with; an older one
 * refuses them, and does not need them. Since 8.20 its resolvers are a few threads of the multi handle's, which a dead
 * server of names can hold all at once, and whose end it waits for (F02, F03). */
#define RESOLVE_THREADS_MAX ((CURLMoption)20)
#define MULTI_QUICK_EXIT ((CURLMoption)21)

bool xai__curl_make_multi(net *self) {
  self->multi = curl_multi_init();
  if (self->multi == NULL) return false;
  curl_multi_setopt(self->multi, RESOLVE_THREADS_MAX, RESOLVERS);
  curl_multi_setopt(self->multi, MULTI_QUICK_EXIT, 1L);
  curl_multi_setopt(self->multi, CURLMOPT_MAX_HOST_CONNECTIONS, self->most);
  curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, self->most != 0 ? self->most : IDLE_CONNECTIONS);
  curl_multi_setopt(self->multi, CURLMOPT_PIPELINING,
                    self->http2 ? (long)CURLPIPE_MULTIPLEX : (long)CURLPIPE_NOTHING);
  curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
  curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
  return true;
}

void xai__curl_end_multi(net *self) {
  if (self->multi != NULL) curl_multi_cleanup(self->multi); /* still tells the watcher of closed sockets */
  self->multi = NULL;
  self->curl_due = NEVER;
}
