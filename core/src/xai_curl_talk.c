/* xai_curl_talk.c - what libcurl tells and asks about one exchange, always inside a step.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xai_curl.h"

#define NEVER UINT64_MAX

/* ---- the answer and the request ---- */

void xai__curl_fail(net_exchange *x, xai_code code) {
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
  xai__curl_fail(x, code);
  return 0;
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
    xai__curl_hold(x);
    return CURL_WRITEFUNC_PAUSE;
  }
  if (code < XAI_OK) {
    xai__curl_fail(x, code);
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

/* ---- its sockets ---- */

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
  xai__curl_fail(x, XAI_ERR_NOMEM);
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

/* ---- all of it for one handle ---- */

#define MUST(option, value) (ok = curl_easy_setopt(x->easy, option, value) == CURLE_OK && ok)

bool xai__curl_set_callbacks(net_exchange *x) {
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
