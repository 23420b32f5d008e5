/* xai_transport_scripted.c - the transport in which the program itself plays the network.
 * SPDX-License-Identifier: MIT
 *
 * What the program feeds between two steps goes to the sink at once: the program is outside of any sink then.
 */
#include <string.h>

#include "xai_err.h"
#include "xai_scripted.h"

struct xai_exchange {
  xai_exchange *next; /* in order of start */
  const xai_exchange_request *request;
  xai_sink sink;
  uint32_t id;
  bool taken;
  bool answered; /* a status was given */
};

typedef struct scripted {
  xai_transport base; /* first: the two convert into each other */
  xai_mem mem;
  xai_exchange *first;
  size_t untaken; /* of them nobody has taken yet */
  uint32_t last_id;
} scripted;

static scripted *self_of(const xai_transport *base) {
  return (scripted *)(uintptr_t)base;
}

static xai_exchange *find(const xai_transport *base, uint32_t id) {
  xai_exchange *exchange = self_of(base)->first;
  while (exchange != NULL && exchange->id != id) exchange = exchange->next;
  return exchange;
}

static void drop(scripted *self, xai_exchange *exchange) {
  xai_exchange **link = &self->first;
  while (*link != exchange) link = &(*link)->next;
  *link = exchange->next;
  self->untaken -= !exchange->taken;
  xai__free(&self->mem, exchange, sizeof *exchange);
}

/* ---- the transport's side */

static xai_exchange *start(xai_transport *base, const xai_exchange_request *request, const xai_sink *sink) {
  scripted *self = self_of(base);
  xai_exchange *exchange = xai__alloc(&self->mem, sizeof *exchange);
  if (exchange == NULL) return NULL;
  *exchange = (xai_exchange){.request = request, .sink = *sink, .id = ++self->last_id};
  xai_exchange **link = &self->first;
  while (*link != NULL) link = &(*link)->next;
  *link = exchange;
  self->untaken++;
  return exchange;
}

static void cancel(xai_transport *base, xai_exchange *exchange) {
  drop(self_of(base), exchange);
}

static void resume(xai_transport *base, xai_exchange *exchange) {
  (void)base;
  (void)exchange;
}

static xai_code step(xai_transport *base, uint64_t now, uint32_t wait_ms, uint32_t most) {
  (void)base;
  (void)now;
  (void)wait_ms;
  (void)most;
  return XAI_OK;
}

static void alarm_at(xai_transport *base, uint64_t at, uint64_t now) {
  (void)base;
  (void)at;
  (void)now;
}

static int fd(const xai_transport *base) {
  (void)base;
  return -1;
}

static int64_t timeout(const xai_transport *base, uint64_t now) {
  (void)base;
  (void)now;
  return -1;
}

static void free_scripted(xai_transport *base) {
  scripted *self = self_of(base);
  while (self->first != NULL) drop(self, self->first);
  xai_mem mem = self->mem;
  xai__free(&mem, self, sizeof *self);
}

static const xai_transport_ops ops = {start, cancel,  resume,        step, alarm_at,
                                      fd,    timeout, free_scripted, NULL};

xai_transport *xai__transport_scripted_new(const xai_mem *mem, xai_error *err) {
  scripted *self = xai__alloc(mem, sizeof *self);
  if (self == NULL) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    return NULL;
  }
  self->base.ops = &ops;
  self->mem = *mem;
  return &self->base;
}

/* ---- the program's side */

bool xai__scripted_next(xai_transport *base, xai_wire_request *out, void **sink_user) {
  scripted *self = self_of(base);
  if (self->untaken == 0) return false;
  xai_exchange *exchange = self->first;
  while (exchange->taken) exchange = exchange->next;
  exchange->taken = true;
  self->untaken--;
  const xai_exchange_request *request = exchange->request;
  *out = (xai_wire_request){.id = exchange->id,
                            .method = request->method,
                            .url = request->url,
                            .headers = request->headers,
                            .header_count = request->header_count,
                            .body = request->body};
  *sink_user = exchange->sink.user;
  return true;
}

bool xai__scripted_waiting(const xai_transport *base) {
  return self_of(base)->untaken > 0;
}

bool xai__scripted_live(const xai_transport *base, uint32_t id) {
  return find(base, id) != NULL;
}

void xai__scripted_status(xai_transport *base, uint32_t id, int status) {
  xai_exchange *exchange = find(base, id);
  if (exchange == NULL) return;
  exchange->answered = true;
  exchange->sink.status(exchange->sink.user, status);
}

static void finish(xai_transport *base, xai_exchange *exchange, const xai_exchange_end *end) {
  xai_sink sink = exchange->sink;
  drop(self_of(base), exchange);
  sink.done(sink.user, end);
}

static void break_off(xai_transport *base, xai_exchange *exchange, xai_code code, const char *phase) {
  xai_exchange_end end = {.code = code, .sent = true, .phase = phase};
  finish(base, exchange, &end);
}

void xai__scripted_header(xai_transport *base, uint32_t id, const char *name, const char *value) {
  xai_exchange *exchange = find(base, id);
  if (exchange == NULL) return;
  xai_code code = exchange->sink.header(exchange->sink.user, xai_str_of(name), xai_str_of(value));
  if (code < 0) break_off(base, exchange, code, "headers");
}

xai_code xai__scripted_body(xai_transport *base, uint32_t id, const char *bytes, size_t len) {
  xai_exchange *exchange = find(base, id);
  if (exchange == NULL) return XAI_OK;
  xai_code code = exchange->sink.body(exchange->sink.user, bytes, len);
  if (code < 0) break_off(base, exchange, code, "body");
  return code < 0 ? XAI_OK : code;
}

typedef struct end_row {
  xai_code code;
  bool sent;
  const char *phase;
} end_row;

static const end_row end_rows[] = {
  [XAI_WIRE_DONE] = {XAI_OK, true, "done"},
  [XAI_WIRE_SHORT] = {XAI_ERR_SHORT, true, "body"},
  [XAI_WIRE_RESET] = {XAI_ERR_RESET, true, "body"},
  [XAI_WIRE_REFUSED] = {XAI_ERR_CONNECT, false, "connect"},
  [XAI_WIRE_RESOLVE] = {XAI_ERR_RESOLVE, false, "resolve"},
  [XAI_WIRE_TLS] = {XAI_ERR_TLS, false, "handshake"},
  [XAI_WIRE_TIMEOUT] = {XAI_ERR_CONNECT, false, "connect"},
};

void xai__scripted_finish(xai_transport *base, uint32_t id, xai_wire_end how) {
  xai_exchange *exchange = find(base, id);
  if (exchange == NULL || (unsigned)how > XAI_WIRE_TIMEOUT) return;
  end_row row = end_rows[how];
  const char *phase = row.sent && row.code != XAI_OK && !exchange->answered ? "wait" : row.phase;
  xai_exchange_end end = {.code = row.code, .sent = row.sent, .phase = phase};
  finish(base, exchange, &end);
}
