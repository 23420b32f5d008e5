/* h2.h - the server's side of HTTP/2, frame by frame, for tests: it sends what it is told, right or wrong.
 * SPDX-License-Identifier: MIT
 *
 * Requests are not decoded; a test asks for the number of the next stream whose request is whole. Runs over TLS
 * on a connection of loopback.h. Source: RFC 9113. */
#ifndef H2_H
#define H2_H

#include <netinet/tcp.h>

#include "tls.h"

enum { H2_DATA = 0, H2_HEADERS = 1, H2_RST_STREAM = 3, H2_SETTINGS = 4, H2_PING = 6, H2_GOAWAY = 7 };
enum { H2_WINDOW_UPDATE = 8 };
enum { H2_ACK = 1, H2_END_STREAM = 1, H2_END_HEADERS = 4 };
enum {
  H2_NO_ERROR = 0,
  H2_INTERNAL_ERROR = 2,
  H2_REFUSED_STREAM = 7,
  H2_CANCEL = 8,
  H2_ENHANCE_YOUR_CALM = 11
};

typedef struct h2_peer {
  lb_server *server;
  SSL *ssl;
  void *told;
  bool stingy;       /* never opens a window again            */
  size_t data;       /* bytes of DATA that came               */
  uint32_t reset_of; /* the last stream that the client reset */
} h2_peer;

static inline void h2_put32(unsigned char *to, uint32_t n) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(n >> (24 - 8 * i));
}

static inline uint32_t h2_get32(const unsigned char *from) {
  return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static inline bool h2_send(h2_peer *p, int type, int flags, uint32_t stream, const void *bytes, size_t len) {
  unsigned char *frame = malloc(9 + len);
  h2_put32(frame, (uint32_t)len << 8 | (uint32_t)type);
  frame[4] = (unsigned char)flags;
  h2_put32(frame + 5, stream);
  if (len > 0) memcpy(frame + 9, bytes, len);
  bool sent = SSL_write(p->ssl, frame, (int)(9 + len)) > 0;
  free(frame);
  return sent;
}

static inline bool h2_exactly(h2_peer *p, void *to, size_t len) {
  for (size_t got = 0; got < len;) {
    int n = SSL_read(p->ssl, (char *)to + got, (int)(len - got));
    if (n <= 0) return false;
    got += (size_t)n;
  }
  return true;
}

/* Preface and settings: the window that each new stream gets for its upload. */
static inline bool h2_begin(h2_peer *p, uint32_t window) {
  char preface[24];
  unsigned char settings[12] = {0, 3, 0, 0, 0, 100, 0, 4, 0, 0, 0, 0};
  h2_put32(settings + 8, window);
  return h2_exactly(p, preface, sizeof preface) && memcmp(preface, "PRI * HTTP/2.0", 14) == 0 &&
         h2_send(p, H2_SETTINGS, 0, 0, settings, sizeof settings);
}

static inline void h2_open_windows(h2_peer *p, uint32_t stream, uint32_t len) {
  unsigned char more[4];
  if (len == 0 || p->stingy) return;
  h2_put32(more, len);
  h2_send(p, H2_WINDOW_UPDATE, 0, 0, more, 4);
  h2_send(p, H2_WINDOW_UPDATE, 0, stream, more, 4);
}

/* The next stream whose request is whole; 0 when the peer is gone. */
static inline uint32_t h2_request(h2_peer *p) {
  unsigned char head[9], *payload = malloc(1 << 14);
  uint32_t whole = 0;
  while (whole == 0 && h2_exactly(p, head, 9)) {
    uint32_t len = h2_get32(head) >> 8, stream = h2_get32(head + 5) & 0x7fffffff;
    if (len > 1 << 14 || !h2_exactly(p, payload, len)) break;
    if (head[3] == H2_SETTINGS && !(head[4] & H2_ACK)) h2_send(p, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    if (head[3] == H2_PING && !(head[4] & H2_ACK)) h2_send(p, H2_PING, H2_ACK, 0, payload, 8);
    if (head[3] == H2_RST_STREAM) p->reset_of = stream;
    if (head[3] == H2_DATA) p->data += len;
    if (head[3] == H2_DATA) h2_open_windows(p, stream, len);
    if ((head[3] == H2_HEADERS || head[3] == H2_DATA) && (head[4] & H2_END_STREAM)) whole = stream;
  }
  free(payload);
  if (whole != 0) lb_add(p->server, LB_REQUESTS);
  return whole;
}

/* Nothing more is answered until the client closes. */
static inline void h2_until_end(h2_peer *p) {
  while (h2_request(p) != 0) continue;
}

/* Status 200 and a content type: HPACK's static ":status: 200", and a literal that nobody remembers. */
static inline bool h2_head(h2_peer *p, uint32_t stream, const char *type) {
  unsigned char block[80] = {0x88, 0x0f, 0x10};
  size_t len = strlen(type);
  block[3] = (unsigned char)len;
  memcpy(block + 4, type, len);
  return h2_send(p, H2_HEADERS, H2_END_HEADERS, stream, block, 4 + len);
}

static inline bool h2_body(h2_peer *p, uint32_t stream, const char *text, bool last) {
  return h2_send(p, H2_DATA, last ? H2_END_STREAM : 0, stream, text, strlen(text));
}

static inline bool h2_reset(h2_peer *p, uint32_t stream, uint32_t why) {
  unsigned char code[4];
  h2_put32(code, why);
  return h2_send(p, H2_RST_STREAM, 0, stream, code, 4);
}

static inline bool h2_goaway(h2_peer *p, uint32_t last, uint32_t why) {
  unsigned char payload[8];
  h2_put32(payload, last);
  h2_put32(payload + 4, why);
  return h2_send(p, H2_GOAWAY, 0, 0, payload, 8);
}

/* ---- serving */

/* What is done on one connection, the index-th. */
typedef void h2_play_fn(h2_peer *p, size_t index);

typedef struct h2_server {
  tls_server tls;
  lb_server *loopback;
  h2_play_fn *play;
  uint32_t window;
  void *told; /* to `play`: p->told */
} h2_server;

static inline void h2_serve(lb_server *s, int fd, size_t index) {
  h2_server *self = s->user;
  int at_once = 1; /* or what was sent before a reset may never leave */
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  h2_peer p = {.server = s, .ssl = tls_accept(&self->tls, fd), .told = self->told};
  if (p.ssl == NULL) return;
  if (h2_begin(&p, self->window)) self->play(&p, index);
  SSL_free(p.ssl);
}

static inline lb_server *h2_start(h2_server *self, const tls_identity *identity, h2_play_fn *play,
                                  void *told) {
  *self = (h2_server){.play = play, .told = told, .window = 65535};
  tls_server_init(&self->tls, identity);
  tls_server_offer(&self->tls, "\x02h2");
  self->loopback = lb_start_serving(h2_serve, self);
  return self->loopback;
}

static inline void h2_stop(h2_server *self) {
  lb_stop(self->loopback);
  tls_server_deinit(&self->tls);
}

#endif
