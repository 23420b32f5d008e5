/* xai_curl_wire.c - exchanges in plain HTTP/1.1 on sockets of our own.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_curl_wire.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define NEVER UINT64_MAX
#define READ_ROOM 16384u /* on the stack, which may be that of a coroutine */

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* there the socket itself is told */
#endif

/* ---- which requests ---- */

static bool is_set(const char *name) {
  const char *value = getenv(name);
  return value != NULL && *value != '\0';
}

static bool goes_direct(const net *self) {
  if (self->proxy != NULL) return *self->proxy == '\0';
  return !is_set("http_proxy") && !is_set("HTTP_PROXY") && !is_set("all_proxy") && !is_set("ALL_PROXY");
}

static xai_str authority_of(const char *url) {
  const char *from = url + strlen("http://");
  return (xai_str){from, strcspn(from, "/?")};
}

/* One that means the same to everybody. libcurl judges the others: users, fragments, paths to be resolved, bytes
 * to be encoded. */
static bool is_simple(const char *url) {
  if (strncmp(url, "http://", 7) != 0) return false;
  for (const char *at = url + 7; *at != '\0'; at++) {
    if (*at <= ' ' || *at > '~' || *at == '#' || *at == '@' || *at == '\\') return false;
    if (*at == '/' && at[1] == '.') return false;
  }
  xai_str authority = authority_of(url);
  return authority.len > 0 && authority.ptr[0] != ':' && authority.ptr[authority.len] == '/';
}

bool xai__wire_fits(const net *self, const xai_exchange_request *request) {
  return !self->http2 && self->most == 0 && is_simple(request->url) && goes_direct(self);
}

/* ---- life ---- */

static void link_active(xai_wire *wire) {
  net *self = wire->owner;
  wire->next = self->wires;
  if (wire->next != NULL) wire->next->prev = wire;
  self->wires = wire;
}

static void unlink_active(xai_wire *wire) {
  if (wire->prev != NULL) wire->prev->next = wire->next;
  else wire->owner->wires = wire->next;
  if (wire->next != NULL) wire->next->prev = wire->prev;
}

static void forget_resume(xai_wire *wire) {
  xai_wire **at = &wire->owner->wires_resumed;
  while (*at != NULL && *at != wire) at = &(*at)->resume;
  if (*at == wire) *at = wire->resume;
}

static void let_held_go(xai_wire *wire) {
  xai__free(&wire->owner->mem, wire->held, wire->held_len);
  wire->held = NULL;
  wire->held_len = wire->held_at = 0;
}

static void destroy(xai_wire *wire) {
  net *self = wire->owner;
  let_held_go(wire);
  xai__talk_deinit(&wire->talk);
  xai__free(&self->mem, wire, sizeof *wire);
}

static void close_link(xai_wire *wire) {
  if (wire->link != NULL) xai__links_close(&wire->owner->links, wire->link);
  wire->link = NULL;
}

/* Whatever it had open is closed. */
static void drop(xai_wire *wire) {
  if (wire->resuming) forget_resume(wire);
  close_link(wire);
  unlink_active(wire);
  destroy(wire);
}

void xai__wire_cancel(xai_wire *wire) {
  if (wire->connector != NULL) xai__curl_detach(wire->connector);
  drop(wire);
}

void xai__wire_free_all(net *self) {
  while (self->wires != NULL) {
    xai_wire *wire = self->wires;
    unlink_active(wire);
    destroy(wire);
  }
}

/* ---- how it ends ---- */

static void end_with(xai_wire *wire, const xai_exchange_end *end) {
  xai_sink sink = wire->talk.sink;
  wire->owner->news = true;
  drop(wire);
  sink.done(sink.user, end);
}

static void tell_end(xai_wire *wire, xai_code code, const char *detail) {
  xai_exchange_end end;
  const char *phase = code == XAI_OK ? "done" : xai__talk_phase(&wire->talk);
  if (phase == NULL) phase = wire->link != NULL ? "send" : "connect";
  xai__talk_describe(&wire->talk, code, phase, detail, &end);
  end_with(wire, &end);
}

static void end_well(xai_wire *wire, bool keep) {
  xai_link *link = wire->link;
  if (keep) {
    wire->link = NULL;
    xai__links_rest(&wire->owner->links, link);
  }
  tell_end(wire, XAI_OK, NULL);
}

/* Two GETs do what one does. */
static bool may_repeat(const xai_wire *wire) {
  const char *method = wire->talk.request->method;
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool connect_anew(xai_wire *wire) {
  close_link(wire);
  wire->talk.given = 0;
  wire->connector = xai__curl_connect(wire->owner, wire->talk.request, wire);
  return wire->connector != NULL;
}

/* A link that had rested may have died without a sign (F16, F17): what is still unsaid, or may be said twice, goes
 * over a fresh one. */
static void end_of_link(xai_wire *wire, xai_code code, const char *detail) {
  bool stale = wire->link->used && !xai__talk_is_answered(&wire->talk);
  if (stale && (wire->talk.given == 0 || may_repeat(wire))) {
    if (!connect_anew(wire)) tell_end(wire, XAI_ERR_NOMEM, NULL);
    return;
  }
  tell_end(wire, code, stale ? "a kept connection had died" : detail);
}

static void end_reset(xai_wire *wire, int number) {
  char words[100] = "";
  if (strerror_r(number, words, sizeof words) != 0) words[0] = '\0';
  end_of_link(wire, XAI_ERR_RESET, words);
}

static void end_of_input(xai_wire *wire) {
  xai_code code = xai__http1_close(&wire->talk.answer);
  if (code == XAI_OK) end_well(wire, false);
  else end_of_link(wire, code, "the peer closed the connection");
}

/* ---- out ---- */

static void watch(xai_wire *wire) {
  unsigned want = wire->sending ? XAI_POLL_IN | XAI_POLL_OUT : XAI_POLL_IN;
  if (xai__links_watch(&wire->owner->links, wire->link, want) == XAI_OK) return;
  wire->unwatched = true;
  wire->owner->doomed = true;
}

static void limit_upload(xai_wire *wire, uint64_t now) {
  uint32_t silence_ms = wire->talk.request->silence_ms;
  bool limited = silence_ms != 0 && silence_ms != XAI_NO_LIMIT;
  wire->upload_due = limited ? now + silence_ms : NEVER;
  if (wire->upload_due < wire->owner->wires_due) wire->owner->wires_due = wire->upload_due;
}

/* Head and body in one call. What goes wrong shows itself when the answer is read, which may have come before. */
static void send_request(xai_wire *wire) {
  xai_talk *talk = &wire->talk;
  xai_str parts[2];
  xai__talk_left(talk, parts);
  struct iovec pieces[2] = {{(void *)(uintptr_t)parts[0].ptr, parts[0].len},
                            {(void *)(uintptr_t)parts[1].ptr, parts[1].len}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
  ssize_t sent = sendmsg(wire->link->fd, &message, MSG_NOSIGNAL);
  bool full = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (sent > 0) talk->given += (size_t)sent;
  wire->sending = talk->given < xai__talk_len(talk) && (sent >= 0 || full);
  if (wire->sending && wire->upload_due == NEVER) limit_upload(wire, xai__poll_now());
  if (!wire->sending) wire->upload_due = NEVER;
  watch(wire);
}

bool xai__wire_has_sent(const xai_wire *wire) {
  return wire->talk.given >= xai__talk_len(&wire->talk);
}

/* A server that does not read would hold an upload for ever (F22). */
static bool is_mute(xai_wire *wire, uint64_t now) {
  if (wire->upload_due > now) return false;
  bool moved = wire->talk.given > wire->uploaded;
  wire->uploaded = wire->talk.given;
  limit_upload(wire, now);
  return !moved && !wire->talk.answer.head.ended;
}

void xai__wire_end_mute(net *self, uint64_t now) {
  if (now < self->wires_due) return;
  self->wires_due = NEVER;
  for (xai_wire *wire = self->wires, *next; wire != NULL; wire = next) {
    next = wire->next;
    if (is_mute(wire, now)) tell_end(wire, XAI_ERR_SILENCE, "it does not take the request's body");
    else if (wire->upload_due < self->wires_due) self->wires_due = wire->upload_due;
  }
}

/* ---- in ---- */

/* How many of the bytes were taken; the wire may have ended with them: then false. */
static bool feed(xai_wire *wire, const char *bytes, size_t len, size_t *taken) {
  xai_talk *talk = &wire->talk;
  wire->owner->news = true;
  wire->owner->told += len;
  if (talk->head.ptr != NULL && talk->given >= talk->head_len) xai__talk_forget_head(talk);
  xai_code code = xai__http1_feed(&talk->answer, &talk->sink, bytes, len, taken);
  wire->paused = code == XAI_MORE;
  if (wire->paused) return true;
  if (code != XAI_OK) tell_end(wire, code, talk->answer.why);
  else if (talk->answer.state == XAI_HTTP1_DONE)
    end_well(wire,
             *taken == len && talk->given == xai__talk_len(talk) && xai__http1_may_reuse(&talk->answer));
  else return true;
  return false;
}

/* The sink is full: the rest waits here, and the socket with it. */
static void hold(xai_wire *wire, const char *bytes, size_t len) {
  wire->held = xai__alloc(&wire->owner->mem, len);
  if (wire->held == NULL) {
    tell_end(wire, XAI_ERR_NOMEM, NULL);
    return;
  }
  memcpy(wire->held, bytes, len);
  wire->held_len = len;
  xai__links_watch(&wire->owner->links, wire->link, 0);
}

static void read_answer(xai_wire *wire) {
  char bytes[READ_ROOM];
  size_t taken;
  ssize_t got = recv(wire->link->fd, bytes, sizeof bytes, 0);
  if (got == 0) end_of_input(wire);
  else if (got > 0 && feed(wire, bytes, (size_t)got, &taken) && wire->paused)
    hold(wire, bytes + taken, (size_t)got - taken);
  else if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) end_reset(wire, errno);
}

/* One link of the chain for all of them, then the next link: each is there when it is followed. */
void xai__wire_expect(const net *self, const xai_poll_ready *ready, size_t count) {
  enum { HOT_OF_WIRE = offsetof(xai_wire, talk.answer.head) + sizeof(xai_head), HOT_OF_USER = 96 };
  for (size_t i = 0; i < count; i++)
    xai__fetch(xai__links_find(&self->links, ready[i].fd), offsetof(xai_link, next));
  for (size_t i = 0; i < count; i++) {
    const xai_link *link = xai__links_find(&self->links, ready[i].fd);
    if (link != NULL) xai__fetch(link->user, HOT_OF_WIRE);
  }
  for (size_t i = 0; i < count; i++) {
    const xai_link *link = xai__links_find(&self->links, ready[i].fd);
    const xai_wire *wire = link != NULL ? link->user : NULL;
    if (wire != NULL) xai__fetch(wire->talk.sink.user, HOT_OF_USER);
  }
}

bool xai__wire_ready(net *self, const xai_poll_ready *ready) {
  xai_link *link = xai__links_find(&self->links, ready->fd);
  if (link == NULL) return false;
  xai_wire *wire = link->user;
  if (wire == NULL) {
    xai__links_close(&self->links, link); /* at rest: its end, or nobody's answer */
    return true;
  }
  if (ready->what & XAI_POLL_OUT) send_request(wire);
  if (ready->what & (XAI_POLL_IN | XAI_POLL_ERR) && !wire->paused) read_answer(wire);
  return true;
}

/* ---- pauses ---- */

void xai__wire_resume(xai_wire *wire) {
  if (!wire->paused || wire->resuming) return;
  wire->resuming = true;
  wire->resume = wire->owner->wires_resumed;
  wire->owner->wires_resumed = wire;
}

static void go_on(xai_wire *wire) {
  size_t taken = 0;
  if (!feed(wire, wire->held + wire->held_at, wire->held_len - wire->held_at, &taken)) return;
  wire->held_at += taken;
  if (wire->paused) return;
  let_held_go(wire);
  watch(wire);
}

void xai__wire_resume_all(net *self) {
  while (self->wires_resumed != NULL) {
    xai_wire *wire = self->wires_resumed;
    self->wires_resumed = wire->resume;
    wire->resume = NULL;
    wire->resuming = false;
    go_on(wire);
  }
}

void xai__wire_end_unwatched(net *self) {
  for (xai_wire *wire = self->wires, *next; wire != NULL; wire = next) {
    next = wire->next;
    if (wire->unwatched) tell_end(wire, XAI_ERR_NOMEM, NULL);
  }
}

/* ---- the beginning ---- */

xai_wire *xai__wire_start(net *self, const xai_exchange_request *request, const xai_sink *sink) {
  xai_wire *wire = xai__alloc(&self->mem, sizeof *wire);
  if (wire == NULL) return NULL;
  xai_str authority = authority_of(request->url);
  xai_str path = xai_str_of(authority.ptr + authority.len);
  wire->kind = NET_WIRE;
  wire->owner = self;
  wire->upload_due = NEVER;
  bool ready = xai__talk_init(&wire->talk, &self->mem, request, sink, authority, path, NULL) == XAI_OK;
  if (ready) wire->link = xai__links_take(&self->links, authority, wire);
  if (ready && wire->link == NULL) ready = connect_anew(wire);
  if (!ready) {
    destroy(wire);
    return NULL;
  }
  link_active(wire);
  if (wire->link != NULL) send_request(wire);
  return wire;
}

void xai__wire_connected(xai_wire *wire, int fd, const xai_exchange_end *end) {
  wire->connector = NULL;
  if (fd < 0) {
    end_with(wire, end);
    return;
  }
  wire->link = xai__links_add(&wire->owner->links, fd, authority_of(wire->talk.request->url), wire);
  if (wire->link == NULL) tell_end(wire, XAI_ERR_NOMEM, NULL);
  else send_request(wire);
}
