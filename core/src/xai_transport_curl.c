/* xai_transport_curl.c - moves the bytes of exchanges with libcurl's multi interface.
 * SPDX-License-Identifier: MIT
 *
 * Sockets and timers are ours to watch (xai_poll), so that any loop can wait for one descriptor. libcurl's
 * own memory is not taken from xai_mem: its hook is process-wide, so it belongs to the program, not to us.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
#define SPARE_MAX 64 /* easy handles kept for reuse, some 6 KiB each     */
#define IDLE_CONNECTIONS 256L
#define RESOLVERS 256L
#define READS_WHILE_PAUSED 0x080500u

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

static void forget_resume(net_exchange *x) {
  net_exchange **link = &x->owner->resume;
  while (*link != NULL && *link != x) link = &(*link)->resume;
  if (*link == x) *link = x->resume;
}

/* ---- what libcurl tells and asks, always inside a step ---- */

static void fail_in_callback(net_exchange *x, xai_code code) {
  if (x->code == XAI_OK) x->code = code;
}

/* What was not asked for would be taken for the content as it is. */
static bool is_unasked_encoding(const net_exchange *x, xai_str name, xai_str value) {
  return !x->request->compress && xai__str_eq_nocase(name, "content-encoding") && value.len > 0 &&
         !xai__str_eq_nocase(value, "identity");
}

static xai_code tell_line(net_exchange *x, xai_str line) {
  xai_head_kind kind;
  xai_str name, value;
  xai_code code = xai__head_line(&x->head, line, &kind, &name, &value);
  if (code != XAI_OK) return code;
  x->owner->news = true;
  if (kind == XAI_HEAD_FIELD && is_unasked_encoding(x, name, value)) {
    x->head.why = "a content encoding that was not asked for";
    return XAI_ERR_HTTP;
  }
  if (kind == XAI_HEAD_END) {
    x->upload_due = NEVER;     /* whatever became of the rest of it */
    xai__curl_drop_headers(x); /* nothing will be asked again */
  }
  if (kind == XAI_HEAD_STATUS) x->sink.status(x->sink.user, x->head.status);
  if (kind == XAI_HEAD_FIELD) return x->sink.header(x->sink.user, name, value);
  return XAI_OK;
}

static size_t on_header(char *bytes, size_t one, size_t len, void *user) {
  net_exchange *x = user;
  (void)one;
  if (x->code != XAI_OK) return 0;
  xai_code code = tell_line(x, (xai_str){bytes, len});
  if (code >= XAI_OK) return len;
  fail_in_callback(x, code);
  return 0;
}

/* libcurl 8.5.0, which Ubuntu 24.04 has, goes on to read for a paused exchange, without bounds, and loses all of it when
 * the connection ends. So nobody tells it that there is something to read. A connection of HTTP/2 has other streams
 * and a window for each. */
static void hold_socket(net_exchange *x) {
  long version = CURL_HTTP_VERSION_NONE;
  if (curl_version_info(CURLVERSION_NOW)->version_num != READS_WHILE_PAUSED || x->want == 0) return;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
  if (version >= CURL_HTTP_VERSION_2_0) return;
  x->held = true;
  xai__poll_watch(x->owner->poll, x->fd, x->want, 0);
}

static void release_socket(net_exchange *x) {
  if (!x->held) return;
  x->held = false;
  if (x->want == 0 || xai__poll_watch(x->owner->poll, x->fd, 0, x->want) == XAI_OK) return;
  if (x->code == XAI_OK) x->code = XAI_ERR_NOMEM;
  x->owner->doomed = true;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *user) {
  net_exchange *x = user;
  (void)one;
  if (x->code != XAI_OK) return len + 1;
  if (len == 0) return 0;
  xai_code code = XAI_ERR_TOO_BIG;
  if (len <= x->request->max_response - x->taken) {
    x->owner->news = true;
    x->owner->told += len;
    code = x->sink.body(x->sink.user, bytes, len);
  }
  if (code == XAI_MORE) {
    x->paused = true;
    hold_socket(x);
    return CURL_WRITEFUNC_PAUSE;
  }
  if (code < XAI_OK) {
    fail_in_callback(x, code);
    return len + 1;
  }
  x->taken += len;
  return len;
}

static size_t on_read(char *to, size_t one, size_t room, void *user) {
  net_exchange *x = user;
  (void)one;
  size_t left = x->request->body.len - x->given;
  size_t len = left < room ? left : room;
  if (len > 0) memcpy(to, x->request->body.ptr + x->given, len);
  x->given += len;
  return len;
}

/* libcurl repeats a request by itself when a reused connection dies. A body that cannot be read a second
 * time turns that into an error, and whether to repeat is decided above (R4, F17). */
static int on_seek(void *user, curl_off_t offset, int origin) {
  net_exchange *x = user;
  (void)offset;
  (void)origin;
  return x->given == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* Has a kept connection something to read before anything was asked? Then it is at its end, or what comes is
 * nobody's answer (F16, F26). libcurl looks seldom, and takes a surplus for life. A connection of our own may
 * hold the tickets of its handshake. */
static bool has_died(const net_exchange *x, int local_port) {
  if (x->fresh) return false;
  if (xai__sockets_overslept(&x->owner->sockets, local_port, XAI_CURL_IDLE_SECONDS * 1000)) return true;
  /* Frames of HTTP/2 come at any time; and the connection may carry others, so only its end counts. */
  if (x->owner->http2) return xai__sockets_ended(&x->owner->sockets, local_port);
  return xai__sockets_readable(&x->owner->sockets, local_port);
}

/* Comes each time that a connection is ready and the request would be written, so the second time is a
 * repeat, also one of which no body byte had left. */
static int on_ready(void *user, char *ip, char *local_ip, int port, int local_port) {
  net_exchange *x = user;
  (void)ip;
  (void)local_ip;
  (void)port;
  x->stale = x->tries == 0 && has_died(x, local_port);
  if (x->stale) return CURL_PREREQFUNC_ABORT;
  x->local_port = local_port;
  x->stage = RACE_NONE;
  x->connect_due = x->race_due = NEVER; /* or each would have all exchanges looked at once more */
  if (x->tries == 0) curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &x->spoken);
  x->tries++;
  return x->tries == 1 || xai__curl_may_repeat(x) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static net_exchange *exchange_of(CURL *easy) {
  net_exchange *x = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
  return x;
}

/* Child processes shall not inherit connections. */
static int open_socket(const struct curl_sockaddr *address) {
#if defined(SOCK_CLOEXEC)
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
#else
  int fd = socket(address->family, address->socktype, address->protocol);
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
#endif
}

/* Why there is no socket is worth telling (F93). */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
  net_exchange *x = user;
  (void)purpose;
  x->asked++;
  if (x->stage == RACE_SURVEY) xai__race_add(x->race, &address->addr, address->addrlen);
  if (x->stage == RACE_SURVEY) return CURL_SOCKET_BAD;
  bool won = x->stage == RACE_WON;
  int fd = won ? xai__race_take(x->race, &address->addr, address->addrlen) : open_socket(address);
  x->connected = won && fd >= 0;
  x->fresh = true;
  if (fd < 0 && !won) x->open_errno = errno;
  if (fd < 0 || xai__sockets_add(&x->owner->sockets, fd) == XAI_OK) return fd < 0 ? CURL_SOCKET_BAD : fd;
  fail_in_callback(x, XAI_ERR_NOMEM);
  close(fd);
  return CURL_SOCKET_BAD;
}

static int on_opened(void *user, curl_socket_t fd, curlsocktype purpose) {
  const net_exchange *x = user;
  (void)fd;
  (void)purpose;
  return x->connected ? CURL_SOCKOPT_ALREADY_CONNECTED : CURL_SOCKOPT_OK;
}

/* May come long after the exchange that opened it. */
static int on_close(void *user, curl_socket_t fd) {
  net *self = user;
  xai__sockets_remove(&self->sockets, fd);
  return close(fd);
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
  net_exchange *x = exchange_of(easy);
  xai__curl_note_link(x, want);
  if (x != NULL) want = note_socket(x, fd, want);
  if (xai__poll_watch(self->poll, fd, (unsigned)(uintptr_t)had, want) == XAI_OK) {
    if (want != 0) curl_multi_assign(self->multi, fd, (void *)(uintptr_t)want);
    return 0;
  }
  /* Unwatched it would hang; an error returned here would kill all the others too. */
  if (x != NULL) fail_in_callback(x, XAI_ERR_NOMEM);
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

static bool make_multi(net *self) {
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

static void end_multi(net *self) {
  if (self->multi != NULL) curl_multi_cleanup(self->multi); /* still tells the watcher of closed sockets */
  self->multi = NULL;
  self->curl_due = NEVER;
}

/* ---- starting and ending ---- */

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

#define MUST(option, value) (ok = curl_easy_setopt(x->easy, option, value) == CURLE_OK && ok)

static bool set_callbacks(net_exchange *x) {
  bool ok = true;
  MUST(CURLOPT_PRIVATE, x);
  MUST(CURLOPT_ERRORBUFFER, x->words);
  MUST(CURLOPT_HEADERFUNCTION, on_header);
  MUST(CURLOPT_HEADERDATA, x);
  MUST(CURLOPT_WRITEFUNCTION, on_body);
  MUST(CURLOPT_WRITEDATA, x);
  MUST(CURLOPT_READFUNCTION, on_read);
  MUST(CURLOPT_READDATA, x);
  MUST(CURLOPT_SEEKFUNCTION, on_seek);
  MUST(CURLOPT_SEEKDATA, x);
  MUST(CURLOPT_OPENSOCKETFUNCTION, on_open);
  MUST(CURLOPT_OPENSOCKETDATA, x);
  MUST(CURLOPT_SOCKOPTFUNCTION, on_opened);
  MUST(CURLOPT_SOCKOPTDATA, x);
  MUST(CURLOPT_CLOSESOCKETFUNCTION, on_close);
  MUST(CURLOPT_CLOSESOCKETDATA, x->owner);
  MUST(CURLOPT_DEBUGFUNCTION, xai__curl_overhear);
  MUST(CURLOPT_DEBUGDATA, x);
  MUST(CURLOPT_VERBOSE, x->owner->http2 ? 1L : 0L);
  MUST(CURLOPT_PREREQFUNCTION, on_ready);
  MUST(CURLOPT_PREREQDATA, x);
  return ok;
}

#undef MUST

static net_exchange *make_exchange(net *self) {
  net_exchange *x = xai__alloc(&self->mem, sizeof *x);
  if (x == NULL) return NULL;
  x->owner = self;
  x->easy = curl_easy_init();
  if (x->easy != NULL && xai__curl_set_fixed(x->easy, self) && xai__curl_set_trust(x) && set_callbacks(x))
    return x;
  destroy(x);
  return NULL;
}

void xai__curl_detach(net_exchange *x) {
  net *self = x->owner;
  fail_in_callback(x, XAI_ERR_CANCELLED); /* whatever libcurl still calls, the sink hears nothing of it */
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

static void finish(net *self, net_exchange *x, CURLcode result) {
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

static net_exchange *start(net *self, const xai_exchange_request *request, const xai_sink *sink,
                           xai_wire *wire) {
  if (self->multi == NULL && !make_multi(self)) return NULL;
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
  return start(self, request, NULL, wire);
}

static xai_exchange *net_start(xai_transport *base, const xai_exchange_request *request,
                               const xai_sink *sink) {
  net *self = net_of(base);
  bool fits = xai__wire_fits(self, request);
  void *started =
    fits ? (void *)xai__wire_start(self, request, sink) : (void *)start(self, request, sink, NULL);
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
    release_socket(x);
    CURLcode result = curl_easy_pause(x->easy, CURLPAUSE_CONT);
    if (result != CURLE_OK) finish(self, x, result); /* libcurl would not end it by itself */
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
    if (result != CURLE_OK) finish(self, x, result);
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
    finish(self, exchange_of(message->easy_handle), result);
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
    if (result != CURLE_OK) finish(self, x, result);
  }
  xai__quiet_end(&quiet);
}

static void end_doomed(net *self) {
  if (!self->doomed) return;
  self->doomed = false;
  xai__wire_end_unwatched(self);
  for (net_exchange *x = self->active, *next; x != NULL; x = next) {
    next = x->next;
    if (x->code != XAI_OK) finish(self, x, CURLE_OUT_OF_MEMORY);
  }
}

/* Where libcurl runs out of memory it does not say for whom, leaves that socket unwatched (its call would hang
 * until a limit) and its own table of the socket half taken down (7.88 divides by zero when it looks there again,
 * even for another connection). So all that is in flight ends, and the next call gets a fresh multi handle. */
static void start_over(net *self) {
  for (net_exchange *x = self->active; x != NULL; x = x->next) fail_in_callback(x, XAI_ERR_NOMEM);
  self->doomed = true;
  end_doomed(self);
  end_multi(self);
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
  for (net_exchange *x = self->active, *next; x != NULL; x = next) {
    next = x->next;
    xai__free_secret(&self->mem, x->headers, x->headers_size);
    xai__free(&self->mem, x, sizeof *x);
  }
  while (self->spare != NULL) xai__free(&self->mem, take_spare(self), sizeof *self->spare);
  xai__wire_free_all(self);
  xai__links_abandon(&self->links);
}

static void close_all(net *self) {
  xai_quiet quiet = xai__quiet_begin();
  xai__wire_free_all(self);
  xai__links_deinit(&self->links);
  while (self->active != NULL) xai__curl_detach(self->active);
  while (self->spare != NULL) destroy(take_spare(self));
  end_multi(self);
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
  return self->poll != NULL && make_multi(self);
}

xai_transport *xai__transport_curl_new(const xai_mem *mem, const xai_config *config, xai_error *err) {
  if (xai__curl_load(err) != XAI_OK) return NULL;
  if (config->http_version == XAI_HTTP_2 && !xai__curl_has_http2()) {
    xai__fail(err, XAI_ERR_ARG, "http_version: this libcurl was built without HTTP/2");
    return NULL;
  }
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
