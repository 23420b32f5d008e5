/* xai_transport_curl.c - moves the bytes of exchanges with libcurl's multi interface, a step at a time.
 * SPDX-License-Identifier: MIT
 *
 * Sockets and timers are ours to watch (xai_poll), so that any loop can wait for one descriptor. libcurl's
 * own memory is not taken from xai_mem: its hook is process-wide, so it belongs to the program, not to us.
 */
#define _POSIX_C_SOURCE 200809L

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "xai_curl_wire.h"
#include "xai_err.h"
#include "xai_quiet.h"

#define NEVER UINT64_MAX
/* What a step brings shall still be in the cache when it is parsed, and a step must end: so few sockets at a time, in
 * turns, until they have said enough. */
#define READY_ROOM 16
#define READY_MOST 1032u
#define TOLD_ENOUGH 65536u

/* ---- small helpers ---- */

static net *net_of(const xai_transport *base) {
  return (net *)(uintptr_t)base;
}

static uint64_t sooner(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t later(uint64_t from, uint64_t ms) {
  return ms > NEVER - from ? NEVER : from + ms;
}

static bool is_due_at_once(const net *self) {
  return self->resume != NULL || self->wires_resumed != NULL || self->doomed;
}

/* The moment at which anything of our own is due. */
static uint64_t net_due(const net *self) {
  if (is_due_at_once(self)) return 0;
  return sooner(self->curl_due, sooner(self->watch_due, self->wires_due));
}

/* ... told to whoever watches the descriptor. */
static void net_rearm(net *self) {
  xai__poll_due(self->poll, sooner(net_due(self), self->alarm_due));
}

static char *copy_text(const xai_mem *mem, const char *text) {
  char *copy = xai__alloc(mem, strlen(text) + 1);
  if (copy != NULL) memcpy(copy, text, strlen(text));
  return copy;
}

static void free_text(const xai_mem *mem, char *text) {
  if (text != NULL) xai__free_secret(mem, text, strlen(text) + 1);
}

/* ---- starting, cancelling, resuming ---- */

static xai_exchange *net_start(xai_transport *base, const xai_exchange_request *request,
                               const xai_sink *sink) {
  net *self = net_of(base);
  bool fits = xai__wire_fits(self, request);
  void *started =
    fits ? (void *)xai__wire_start(self, request, sink) : (void *)xai__curl_start(self, request, sink, NULL);
  net_rearm(self);
  return started;
}

static xai_wire *wire_of(xai_exchange *exchange) {
  return *(net_kind *)(void *)exchange == NET_WIRE ? (xai_wire *)(void *)exchange : NULL;
}

static void net_cancel(xai_transport *base, xai_exchange *exchange) {
  net *self = net_of(base);
  xai_wire *wire = wire_of(exchange);
  xai_quiet quiet = xai__quiet_begin();
  if (wire != NULL) xai__wire_cancel(wire);
  else xai__curl_detach((net_exchange *)(void *)exchange);
  xai__quiet_end(&quiet);
  net_rearm(self);
}

/* libcurl hands out what it holds at once when unpaused, so that has to wait for a step. */
static void resume(net_exchange *x) {
  if (!x->paused || x->resuming) return;
  x->resuming = true;
  x->resume = x->owner->resume;
  x->owner->resume = x;
}

static void net_resume(xai_transport *base, xai_exchange *exchange) {
  net *self = net_of(base);
  xai_wire *wire = wire_of(exchange);
  if (wire != NULL) xai__wire_resume(wire);
  else resume((net_exchange *)(void *)exchange);
  net_rearm(self);
}

/* ---- a step ---- */

static void unpause_all(net *self) {
  while (self->resume != NULL) {
    net_exchange *x = self->resume;
    self->resume = x->resume;
    x->resume = NULL;
    x->resuming = x->paused = false;
    xai__curl_release(x);
    CURLcode result = curl_easy_pause(x->easy, CURLPAUSE_CONT);
    if (result != CURLE_OK) xai__curl_finish(self, x, result); /* libcurl would not end it by itself */
  }
}

static CURLMcode run_timer(net *self) {
  if (self->curl_due == NEVER || self->curl_due > xai__poll_now()) return CURLM_OK;
  int running;
  self->curl_due = NEVER; /* it may be set again in here */
  return curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static bool is_of_a_race(net *self, int fd) {
  if (self->racing == 0) return false;
  for (net_exchange *x = self->active; x != NULL; x = x->next) {
    if (x->stage != RACE_RUN || !xai__race_ready(x->race, fd, xai__poll_now())) continue;
    CURLcode result = xai__curl_race_judge(x);
    if (result != CURLE_OK) xai__curl_finish(self, x, result);
    return true;
  }
  return false;
}

/* Our own sockets; those of libcurl are moved to the front. How many are left. */
static size_t serve_wires(net *self, xai_poll_ready *ready, size_t count) {
  size_t left = 0;
  xai__wire_resume_all(self);
  if (count > 1) xai__wire_expect(self, ready, count);
  for (size_t i = 0; i < count; i++)
    if (!xai__wire_ready(self, &ready[i])) ready[left++] = ready[i];
  return left;
}

static CURLMcode serve(net *self, const xai_poll_ready *ready, size_t count) {
  CURLMcode result = CURLM_OK;
  for (size_t i = 0; i < count && result == CURLM_OK; i++) {
    int what = 0, running;
    if (is_of_a_race(self, ready[i].fd)) continue;
    if (ready[i].what & XAI_POLL_IN) what |= CURL_CSELECT_IN;
    if (ready[i].what & XAI_POLL_OUT) what |= CURL_CSELECT_OUT;
    if (ready[i].what & XAI_POLL_ERR) what |= CURL_CSELECT_ERR;
    result = curl_multi_socket_action(self->multi, ready[i].fd, what, &running);
  }
  return result;
}

static void collect(net *self) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(self->multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode result = message->data.result; /* the message dies with the handle's removal */
    xai__curl_finish(self, xai__curl_of(message->easy_handle), result);
  }
}

/* Only after the sockets were served: a program that was busy elsewhere must not lose what happened meanwhile. */
static void end_overdue(net *self) {
  if (sooner(self->watch_due, self->wires_due) == NEVER) return;
  uint64_t now = xai__poll_now();
  xai__wire_end_mute(self, now);
  if (now < self->watch_due) return;
  self->watch_due = NEVER;
  xai_quiet quiet = xai__quiet_begin();
  for (net_exchange *x = self->active, *next; x != NULL; x = next) {
    next = x->next;
    CURLcode result = xai__curl_is_overdue(x, now) ? CURLE_OPERATION_TIMEDOUT : xai__curl_race_look(x, now);
    if (result != CURLE_OK) xai__curl_finish(self, x, result);
  }
  xai__quiet_end(&quiet);
}

static void end_doomed(net *self) {
  if (!self->doomed) return;
  self->doomed = false;
  xai__wire_end_unwatched(self);
  for (net_exchange *x = self->active, *next; x != NULL; x = next) {
    next = x->next;
    if (x->code != XAI_OK) xai__curl_finish(self, x, CURLE_OUT_OF_MEMORY);
  }
}

/* Where libcurl runs out of memory it does not say for whom, leaves that socket unwatched (its call would hang
 * until a limit) and its own table of the socket half taken down (7.88 divides by zero when it looks there again,
 * even for another connection). So all that is in flight ends, and the next call gets a fresh multi handle. */
static void start_over(net *self) {
  for (net_exchange *x = self->active; x != NULL; x = x->next) xai__curl_fail(x, XAI_ERR_NOMEM);
  self->doomed = true;
  end_doomed(self);
  xai__curl_end_multi(self);
}

/* Is there anything for libcurl? */
static bool has_curl_work(const net *self) {
  if (self->resume != NULL || self->doomed || self->curl_due == 0) return true;
  return self->curl_due != NEVER && self->curl_due <= xai__poll_now();
}

static bool has_work(const net *self) {
  return self->wires_resumed != NULL || has_curl_work(self);
}

static CURLMcode turn_curl(net *self, const xai_poll_ready *ready, size_t count) {
  if (self->multi == NULL) { /* it has nothing in flight */
    end_doomed(self);
    return CURLM_OK;
  }
  xai_quiet quiet = xai__quiet_begin();
  unpause_all(self);
  CURLMcode result = serve(self, ready, count);
  if (result == CURLM_OK) result = run_timer(self);
  collect(self);
  if (result != CURLM_OK) start_over(self);
  else end_doomed(self);
  xai__quiet_end(&quiet);
  return result;
}

static CURLMcode turn(net *self, xai_poll_ready *ready, size_t count) {
  count = serve_wires(self, ready, count);
  return count > 0 || has_curl_work(self) ? turn_curl(self, ready, count) : CURLM_OK;
}

static size_t room_for(uint32_t left) {
  return left < READY_ROOM ? left : READY_ROOM;
}

static xai_code net_step(xai_transport *base, uint64_t now, uint32_t wait_ms, uint32_t most) {
  net *self = net_of(base);
  xai_poll_ready ready[READY_ROOM];
  CURLMcode result = CURLM_OK;
  (void)now;
  self->news = false;
  self->told = 0;
  if (has_work(self)) result = turn(self, NULL, 0);
  net_rearm(self);
  uint32_t left = most > 0 && most < READY_MOST ? most : READY_MOST;
  size_t count = xai__poll_wait(self->poll, self->news ? 0 : wait_ms, ready, room_for(left));
  while (count > 0 || has_work(self)) {
    CURLMcode fresh = turn(self, ready, count);
    if (fresh != CURLM_OK) result = fresh;
    bool were_all = count < room_for(left);
    left -= (uint32_t)count;
    if (were_all || left == 0 || self->told >= TOLD_ENOUGH) break;
    count = xai__poll_wait(self->poll, 0, ready, room_for(left));
  }
  end_overdue(self);
  net_rearm(self);
  return result == CURLM_OUT_OF_MEMORY ? XAI_ERR_NOMEM : XAI_OK;
}

/* Level-triggered: the descriptor stays readable from then on until the alarm is moved. */
static void net_alarm(xai_transport *base, uint64_t at, uint64_t now) {
  net *self = net_of(base);
  uint64_t left = at > now ? at - now : 0;
  self->alarm_due = at == NEVER ? NEVER : later(xai__poll_now(), left);
  net_rearm(self);
}

static int net_fd(const xai_transport *base) {
  return xai__poll_fd(net_of(base)->poll);
}

static int64_t net_timeout(const xai_transport *base, uint64_t now) {
  const net *self = net_of(base);
  (void)now; /* libcurl's timers run on the system's clock, whatever the client's may be */
  uint64_t due = net_due(self);
  if (due == NEVER) return -1;
  uint64_t real = due == 0 ? 0 : xai__poll_now();
  return due > real ? (int64_t)(due - real) : 0;
}

static bool net_needs_body(const xai_transport *base, const xai_exchange *exchange) {
  const net_exchange *x = (const net_exchange *)(const void *)exchange;
  (void)base;
  if (x->kind == NET_WIRE) return !xai__wire_has_sent((const xai_wire *)(const void *)exchange);
  return xai__curl_body_sent(x) < x->request->body.len;
}

/* In a copy of the process that fork made (F94). libcurl would say farewell on connections that are the
 * parent's, and wait for threads that are not here: so only our own memory goes, and the descriptors. What
 * libcurl holds stays where it is, unreachable; a copy ends or becomes another program soon. */
static void abandon(net *self) {
  for (size_t i = 0; i < self->sockets.len; i++) close(self->sockets.list[i].fd);
  xai__curl_abandon(self);
  xai__wire_free_all(self);
  xai__links_abandon(&self->links);
}

static void close_all(net *self) {
  xai_quiet quiet = xai__quiet_begin();
  xai__wire_free_all(self);
  xai__links_deinit(&self->links);
  xai__curl_drop_all(self);
  xai__curl_end_multi(self);
  xai__quiet_end(&quiet);
}

static void net_free(xai_transport *base) {
  net *self = net_of(base);
  xai_mem mem = self->mem;
  if (self->process == getpid()) close_all(self);
  else abandon(self);
  xai__poll_free(self->poll);
  xai__sockets_deinit(&self->sockets);
  xai__curl_trust_deinit(self);
  free_text(&mem, self->proxy);
  xai__free(&mem, self, sizeof *self);
}

static const xai_transport_ops net_ops = {net_start, net_cancel,  net_resume, net_step,      net_alarm,
                                          net_fd,    net_timeout, net_free,   net_needs_body};

/* ---- making one ---- */

static bool copy_config(net *self, const xai_config *config) {
  if (config->proxy != NULL) self->proxy = copy_text(&self->mem, config->proxy);
  self->queueing = config->max_connections != 0;
  self->require_staple = config->require_staple;
  self->http2 = config->http_version == XAI_HTTP_2;
  return xai__curl_trust_init(self, config) && (config->proxy == NULL || self->proxy != NULL);
}

static bool open_multi(net *self, const xai_config *config) {
  xai__sockets_init(&self->sockets, &self->mem);
  self->poll = xai__poll_new(&self->mem);
  xai__links_init(&self->links, &self->mem, self->poll);
  self->most = config->max_connections < INT_MAX ? (long)config->max_connections : INT_MAX;
  return self->poll != NULL && xai__curl_make_multi(self);
}

xai_transport *xai__transport_curl_new(const xai_mem *mem, const xai_config *config, xai_error *err) {
  if (xai__curl_load(err) != XAI_OK) return NULL;
  if (config->http_version == XAI_HTTP_2 && xai__curl_check_http2(err) != XAI_OK) return NULL;
  net *self = xai__alloc(mem, sizeof *self);
  if (self != NULL) {
    self->base.ops = &net_ops;
    self->mem = xai__mem(mem);
    self->process = getpid();
    self->curl_due = self->watch_due = self->alarm_due = self->wires_due = NEVER;
    if (copy_config(self, config) && open_multi(self, config)) return &self->base;
    net_free(&self->base);
  }
  xai__fail(err, XAI_ERR_NOMEM, "libcurl could not be set up");
  return NULL;
}
