/* xai_transport_host.c - the transport in which the program has the sockets: bytes out, bytes in.
 * SPDX-License-Identifier: MIT
 *
 * Everything that comes is told to the sink at once, for the program is outside of any sink when it feeds. The
 * one timer here is the limit for connecting, so that a program which forgets its own cannot hold a call.
 */
#include "xai_transport_host.h"

#include <stdio.h>
#include <string.h>

#include "xai_err.h"
#include "xai_talk.h"

#define NEVER UINT64_MAX

typedef struct host_exchange {
  struct host_exchange *next, *previous; /* in order of start                   */
  struct host_exchange *next_alike;      /* in the same row of the table        */
  uint32_t id;
  uint64_t connect_due; /* the first byte must have been pulled by then     */
  xai_talk talk;
} host_exchange;

typedef struct host {
  xai_transport base; /* first: the two convert into each other           */
  xai_mem mem;
  host_exchange *first, *last;
  host_exchange *waiting; /* the first that was not handed out; all behind it were not either */
  host_exchange **rows;   /* by the lower bits of their ids */
  uint32_t row_count;     /* a power of two                                  */
  uint32_t count;
  uint32_t last_id;
  uint64_t connect_due; /* the earliest of those handed out                 */
  bool secure;
  uint16_t port;
  size_t path_at;    /* where the path begins in every URL               */
  xai_str authority; /* host and port as written, for the Host header    */
  char name[256];    /* the host without brackets                        */
  char authority_text[264];
} host;

static host *host_of(const xai_transport *base) {
  return (host *)(uintptr_t)base;
}

/* ---- those in flight: a list in order of start, and a table by id */

static host_exchange **row_of(const host *self, uint32_t id) {
  return &self->rows[id & (self->row_count - 1)];
}

static host_exchange *find(const xai_transport *base, uint32_t id) {
  const host *self = host_of(base);
  host_exchange *x = self->row_count > 0 ? *row_of(self, id) : NULL;
  while (x != NULL && x->id != id) x = x->next_alike;
  return x;
}

static void enter_row(host *self, host_exchange *x) {
  host_exchange **row = row_of(self, x->id);
  x->next_alike = *row;
  *row = x;
}

/* Without memory for more rows they get longer; false: there are none at all. */
static bool make_rows(host *self) {
  if (self->count < self->row_count) return true;
  uint32_t count = self->row_count > 0 ? self->row_count * 2 : 16;
  host_exchange **rows = xai__alloc(&self->mem, count * sizeof *rows);
  if (rows == NULL) return self->row_count > 0;
  xai__free(&self->mem, self->rows, self->row_count * sizeof *rows);
  self->rows = rows;
  self->row_count = count;
  for (host_exchange *x = self->first; x != NULL; x = x->next) enter_row(self, x);
  return true;
}

static void add(host *self, host_exchange *x) {
  x->id = ++self->last_id;
  x->previous = self->last;
  if (self->last != NULL) self->last->next = x;
  else self->first = x;
  self->last = x;
  if (self->waiting == NULL) self->waiting = x;
  self->count++;
  enter_row(self, x);
}

static void destroy(host *self, host_exchange *x) {
  xai__talk_deinit(&x->talk);
  xai__free(&self->mem, x, sizeof *x);
}

static void drop(host *self, host_exchange *x) {
  host_exchange **row = row_of(self, x->id);
  while (*row != x) row = &(*row)->next_alike;
  *row = x->next_alike;
  if (x->previous != NULL) x->previous->next = x->next;
  else self->first = x->next;
  if (x->next != NULL) x->next->previous = x->previous;
  else self->last = x->previous;
  if (self->waiting == x) self->waiting = x->next;
  self->count--;
  destroy(self, x);
}

/* ---- the transport's side */

static xai_exchange *host_start(xai_transport *base, const xai_exchange_request *request,
                                const xai_sink *sink) {
  host *self = host_of(base);
  host_exchange *x = make_rows(self) ? xai__alloc(&self->mem, sizeof *x) : NULL;
  if (x == NULL) return NULL;
  x->connect_due = NEVER;
  xai_str path = xai_str_of(request->url + self->path_at);
  if (xai__talk_init(&x->talk, &self->mem, request, sink, self->authority, path, "identity") != XAI_OK) {
    destroy(self, x);
    return NULL;
  }
  add(self, x);
  return (xai_exchange *)(void *)x;
}

static void host_cancel(xai_transport *base, xai_exchange *exchange) {
  drop(host_of(base), (host_exchange *)(void *)exchange);
}

static void host_resume(xai_transport *base, xai_exchange *exchange) {
  (void)base;
  (void)exchange;
}

static int host_fd(const xai_transport *base) {
  (void)base;
  return -1;
}

static void host_alarm(xai_transport *base, uint64_t at, uint64_t now) {
  (void)base;
  (void)at;
  (void)now;
}

static int64_t host_timeout(const xai_transport *base, uint64_t now) {
  uint64_t due = host_of(base)->connect_due;
  if (due == NEVER) return -1;
  return due > now ? (int64_t)(due - now) : 0;
}

static void host_free(xai_transport *base) {
  host *self = host_of(base);
  while (self->first != NULL) drop(self, self->first);
  xai_mem mem = self->mem;
  xai__free(&mem, self->rows, self->row_count * sizeof *self->rows);
  xai__free(&mem, self, sizeof *self);
}

/* ---- how an exchange ends */

static const char *phase_of(const host *self, const host_exchange *x) {
  const char *phase = xai__talk_phase(&x->talk);
  if (phase != NULL) return phase;
  return self->secure ? "handshake" : "connect";
}

static void tell_end(host *self, host_exchange *x, xai_code code, const char *phase, const char *detail) {
  xai_exchange_end end;
  xai__talk_describe(&x->talk, code, phase, detail, &end);
  xai_sink sink = x->talk.sink;
  drop(self, x);
  sink.done(sink.user, &end);
}

static void tell_unconnected(host *self, host_exchange *x, xai_code code, const char *phase,
                             const char *why) {
  char words[400];
  snprintf(words, sizeof words, "%s%s%s", self->name, why != NULL && *why ? ": " : "",
           why != NULL ? why : "");
  tell_end(self, x, code, phase, words);
}

/* ---- a step: only the limit for connecting */

static void find_connect_due(host *self) {
  self->connect_due = NEVER;
  for (const host_exchange *x = self->first; x != NULL; x = x->next)
    if (x->connect_due < self->connect_due) self->connect_due = x->connect_due;
}

static xai_code host_step(xai_transport *base, uint64_t now, uint32_t wait_ms, uint32_t most) {
  host *self = host_of(base);
  (void)wait_ms, (void)most;
  if (now < self->connect_due) return XAI_OK;
  for (host_exchange *x = self->first, *next; x != NULL; x = next) {
    next = x->next;
    if (x->connect_due <= now) tell_unconnected(self, x, XAI_ERR_CONNECT, "connect", "no connection in time");
  }
  find_connect_due(self);
  return XAI_OK;
}

static const xai_transport_ops host_ops = {host_start, host_cancel,  host_resume, host_step, host_alarm,
                                           host_fd,    host_timeout, host_free,   NULL};

/* ---- a new one */

static bool parse_port(host *self, xai_str text) {
  unsigned port = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9' || port > UINT16_MAX) return false;
    port = port * 10 + (unsigned)(text.ptr[i] - '0');
  }
  self->port = (uint16_t)port;
  return port > 0 && port <= UINT16_MAX;
}

/* scheme://host[:port][/path], whose beginning the client has checked. */
static bool parse_origin(host *self, const char *url) {
  self->secure = strncmp(url, "https", 5) == 0;
  self->port = self->secure ? 443 : 80;
  const char *from = strstr(url, "://") + 3;
  xai_str authority = {from, strcspn(from, "/")};
  self->path_at = (size_t)(from - url) + authority.len;
  const char *bracket = *from == '[' ? memchr(from, ']', authority.len) : NULL;
  xai_str name = {from, strcspn(from, ":/")};
  if (bracket != NULL) name = (xai_str){from + 1, (size_t)(bracket - from) - 1};
  const char *rest = bracket != NULL ? bracket + 1 : name.ptr + name.len;
  xai_str port = {rest, (size_t)(from + authority.len - rest)};
  if (name.len == 0 || name.len >= sizeof self->name || authority.len >= sizeof self->authority_text)
    return false;
  if (port.len > 0 && (*port.ptr != ':' || !parse_port(self, (xai_str){port.ptr + 1, port.len - 1})))
    return false;
  memcpy(self->name, name.ptr, name.len);
  memcpy(self->authority_text, authority.ptr, authority.len);
  self->authority = (xai_str){self->authority_text, authority.len};
  return true;
}

xai_transport *xai__transport_host_new(const xai_mem *mem, const xai_config *config, const char *base_url,
                                       xai_error *err) {
  bool proxied = config->proxy != NULL && *config->proxy != '\0';
  if (proxied || config->ca_file != NULL) {
    xai__fail(err, XAI_ERR_ARG, "%s is the host's business with this transport",
              proxied ? "proxy" : "ca_file");
    return NULL;
  }
  host *self = xai__alloc(mem, sizeof *self);
  if (self == NULL) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    return NULL;
  }
  self->base.ops = &host_ops;
  self->mem = *mem;
  self->connect_due = NEVER;
  if (parse_origin(self, base_url)) return &self->base;
  host_free(&self->base);
  xai__fail(err, XAI_ERR_URL, "base_url has no usable host and port");
  return NULL;
}

/* ---- the program's side */

static uint64_t limit_from(uint64_t now, const xai_exchange_request *request, bool secure) {
  if (request->connect_ms == XAI_NO_LIMIT || (secure && request->handshake_ms == XAI_NO_LIMIT)) return NEVER;
  return now + request->connect_ms + (secure ? request->handshake_ms : 0);
}

bool xai__host_next(xai_transport *base, uint64_t now, xai_host_request *out, void **sink_user) {
  host *self = host_of(base);
  host_exchange *x = self->waiting;
  if (x == NULL) return false;
  self->waiting = x->next;
  x->connect_due = limit_from(now, x->talk.request, self->secure);
  if (x->connect_due < self->connect_due) self->connect_due = x->connect_due;
  *out = (xai_host_request){.id = x->id,
                            .host = self->name,
                            .port = self->port,
                            .secure = self->secure,
                            .connect_ms = x->talk.request->connect_ms,
                            .handshake_ms = x->talk.request->handshake_ms,
                            .len = xai__talk_len(&x->talk)};
  *sink_user = x->talk.sink.user;
  return true;
}

bool xai__host_waiting(const xai_transport *base) {
  return host_of(base)->waiting != NULL;
}

bool xai__host_live(const xai_transport *base, uint32_t id) {
  return find(base, id) != NULL;
}

void *xai__host_sink_user(const xai_transport *base, uint32_t id) {
  const host_exchange *x = find(base, id);
  return x != NULL ? x->talk.sink.user : NULL;
}

xai_str xai__host_pull(xai_transport *base, uint32_t id, size_t most) {
  host_exchange *x = find(base, id);
  if (x == NULL) return xai_str_of("");
  x->connect_due = NEVER; /* the earliest of all is found again when it is due */
  xai_str parts[2];
  xai__talk_left(&x->talk, parts);
  xai_str next = parts[0].len > 0 ? parts[0] : parts[1];
  if (next.len > most) next.len = most;
  x->talk.given += next.len;
  return next;
}

xai_host_wish xai__host_feed(xai_transport *base, uint32_t id, const char *bytes, size_t len, size_t *taken) {
  host_exchange *x = find(base, id);
  size_t none;
  if (taken == NULL) taken = &none;
  *taken = 0;
  if (x == NULL) return XAI_HOST_CLOSE;
  xai_code code = xai__http1_feed(&x->talk.answer, &x->talk.sink, bytes, len, taken);
  if (code == XAI_MORE) return XAI_HOST_WAIT;
  if (code == XAI_OK && x->talk.answer.state != XAI_HTTP1_DONE) return XAI_HOST_READ;
  bool clean = code == XAI_OK && *taken == len && x->talk.given == xai__talk_len(&x->talk);
  bool keep = clean && xai__http1_may_reuse(&x->talk.answer);
  const char *phase = code == XAI_OK ? "done" : phase_of(host_of(base), x);
  tell_end(host_of(base), x, code, phase, code == XAI_OK ? NULL : x->talk.answer.why);
  return keep ? XAI_HOST_KEEP : XAI_HOST_CLOSE;
}

static void end_connected(host *self, host_exchange *x, xai_host_end_kind how, const char *detail) {
  xai_code code = how == XAI_HOST_CLOSED ? xai__http1_close(&x->talk.answer) : XAI_ERR_RESET;
  tell_end(self, x, code, code == XAI_OK ? "done" : phase_of(self, x), code == XAI_OK ? NULL : detail);
}

void xai__host_end(xai_transport *base, uint32_t id, xai_host_end_kind how, const char *detail) {
  host *self = host_of(base);
  host_exchange *x = find(base, id);
  if (x == NULL) return;
  switch (how) {
    case XAI_HOST_CLOSED:
    case XAI_HOST_RESET: end_connected(self, x, how, detail); return;
    case XAI_HOST_RESOLVE: tell_unconnected(self, x, XAI_ERR_RESOLVE, "resolve", detail); return;
    case XAI_HOST_CONNECT:
    case XAI_HOST_CONNECT_TIMEOUT: tell_unconnected(self, x, XAI_ERR_CONNECT, "connect", detail); return;
    case XAI_HOST_TLS: tell_unconnected(self, x, XAI_ERR_TLS, "handshake", detail); return;
    case XAI_HOST_TLS_TIMEOUT: tell_unconnected(self, x, XAI_ERR_CONNECT, "handshake", detail); return;
  }
}
