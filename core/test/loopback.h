/* loopback.h - a tiny HTTP/1.1 server for the transport's tests: scripts of exact bytes, closes and resets.
 * SPDX-License-Identifier: MIT
 *
 * The nth connection plays the nth script (the last one again for all further ones). A script is a list of
 * steps that ends with CLOSE, RESET, AWAIT_EOF or AGAIN. Each connection has a thread, so
 * the test drives the transport in its own; what the server saw is read through lb_wait and lb_request.
 * What no script can say (TLS, HTTP/2) is a function: lb_start_serving calls it for each connection.
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef enum lb_op {
  LB_END,       /* close                                                      */
  LB_READ,      /* one request, body included                                 */
  LB_READ_HEAD, /* one request's head; what follows stays unread              */
  LB_WRITE,     /* `bytes`, as a string unless `len` is given                 */
  LB_SPLIT,     /* the same, in pieces of `n` bytes, each sent by itself      */
  LB_REPEAT,    /* `bytes`, n times                                           */
  LB_GATE,      /* wait until the test opens the gate `n`                     */
  LB_ARRIVAL,   /* wait until something arrives, without reading it           */
  LB_RESET,     /* close so that the peer sees a reset                        */
  LB_EOF,       /* wait until the peer closes; counted                        */
  LB_AGAIN      /* from the script's start                                    */
} lb_op;

typedef struct lb_step {
  lb_op op;
  const char *bytes;
  size_t len;
  long n;
} lb_step;

#define READ \
  { LB_READ, NULL, 0, 0 }
#define READ_HEAD \
  { LB_READ_HEAD, NULL, 0, 0 }
#define WRITE(bytes) \
  { LB_WRITE, bytes, 0, 0 }
#define SPLIT(bytes, n) \
  { LB_SPLIT, bytes, 0, n }
#define REPEAT(bytes, n) \
  { LB_REPEAT, bytes, 0, n }
#define GATE(n) \
  { LB_GATE, NULL, 0, n }
#define ARRIVAL \
  { LB_ARRIVAL, NULL, 0, 0 }
#define RESET \
  { LB_RESET, NULL, 0, 0 }
#define AWAIT_EOF \
  { LB_EOF, NULL, 0, 0 }
#define CLOSE \
  { LB_END, NULL, 0, 0 }
#define AGAIN \
  { LB_AGAIN, NULL, 0, 0 }

typedef enum lb_count { LB_CONNECTIONS, LB_REQUESTS, LB_EOFS, LB_BLOCKED, LB_CLOSED, LB_COUNTS } lb_count;

#define LB_CONNECTION_MAX 512
#define LB_REQUEST_MAX 65536

typedef struct lb_server lb_server;
typedef void lb_serve_fn(lb_server *s, int fd, size_t index);

struct lb_server {
  int listener;
  int port;
  const lb_step *const *scripts;
  size_t script_count;
  lb_serve_fn *serve; /* NULL: the scripts  */
  void *user;         /* of that function's */
  pthread_t acceptor;
  pthread_t threads[LB_CONNECTION_MAX];
  int sockets[LB_CONNECTION_MAX];
  size_t thread_count;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool stopping;
  long gate;
  long counts[LB_COUNTS];
  long long written;
  char request[LB_REQUEST_MAX]; /* the last one */
};

typedef struct lb_connection {
  lb_server *server;
  int fd;
  size_t index;
} lb_connection;

static inline void lb_add(lb_server *s, lb_count which) {
  pthread_mutex_lock(&s->lock);
  s->counts[which]++;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

static inline long lb_seen(lb_server *s, lb_count which) {
  pthread_mutex_lock(&s->lock);
  long n = s->counts[which];
  pthread_mutex_unlock(&s->lock);
  return n;
}

/* Until a count has reached n; false after ten seconds. */
static inline bool lb_wait(lb_server *s, lb_count which, long n) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 10;
  int late = 0;
  pthread_mutex_lock(&s->lock);
  while (s->counts[which] < n && late == 0) late = pthread_cond_timedwait(&s->changed, &s->lock, &until);
  bool reached = s->counts[which] >= n;
  pthread_mutex_unlock(&s->lock);
  return reached;
}

static inline void lb_open_gate(lb_server *s, long n) {
  pthread_mutex_lock(&s->lock);
  s->gate = n;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

static inline void lb_pass_gate(lb_server *s, long n) {
  pthread_mutex_lock(&s->lock);
  while (s->gate < n && !s->stopping) pthread_cond_wait(&s->changed, &s->lock);
  pthread_mutex_unlock(&s->lock);
}

/* The last request seen, whole: a copy to be freed. */
static inline char *lb_request(lb_server *s) {
  char *copy = malloc(LB_REQUEST_MAX);
  pthread_mutex_lock(&s->lock);
  memcpy(copy, s->request, LB_REQUEST_MAX);
  pthread_mutex_unlock(&s->lock);
  return copy;
}

static inline long lb_length_of(const char *head) {
  const char *at = strstr(head, "Content-Length: ");
  return at ? atol(at + 16) : 0;
}

/* Byte by byte through the head: slow, and never beyond the request. Only the start of a body is kept. */
static inline bool lb_read(lb_server *s, int fd, bool head_only) {
  char *text = calloc(1, LB_REQUEST_MAX);
  size_t len = 0;
  bool whole = false;
  while (!whole && len + 1 < LB_REQUEST_MAX && recv(fd, text + len, 1, 0) == 1) {
    len++;
    whole = len >= 4 && memcmp(text + len - 4, "\r\n\r\n", 4) == 0;
  }
  long left = whole && !head_only ? lb_length_of(text) : 0;
  while (whole && left > 0) {
    char rest[16384];
    ssize_t got = recv(fd, rest, left < (long)sizeof rest ? (size_t)left : sizeof rest, 0);
    whole = got > 0;
    if (!whole) break;
    left -= got;
    size_t keep = LB_REQUEST_MAX - 1 - len;
    if ((size_t)got < keep) keep = (size_t)got;
    memcpy(text + len, rest, keep);
    len += keep;
  }
  if (whole) {
    pthread_mutex_lock(&s->lock);
    memcpy(s->request, text, LB_REQUEST_MAX);
    pthread_mutex_unlock(&s->lock);
    lb_add(s, LB_REQUESTS);
  }
  free(text);
  return whole;
}

/* False when the peer is gone. Counts LB_BLOCKED when the peer does not take more. */
static inline bool lb_write(lb_server *s, int fd, const char *bytes, size_t len) {
  while (len > 0) {
    ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) {
      struct pollfd one = {fd, POLLOUT, 0};
      if (poll(&one, 1, 20) == 0) lb_add(s, LB_BLOCKED);
      continue;
    }
    if (sent < 0) return false;
    bytes += sent;
    len -= (size_t)sent;
    pthread_mutex_lock(&s->lock);
    s->written += sent;
    pthread_mutex_unlock(&s->lock);
  }
  return true;
}

static inline long long lb_written(lb_server *s) {
  pthread_mutex_lock(&s->lock);
  long long n = s->written;
  pthread_mutex_unlock(&s->lock);
  return n;
}

static inline bool lb_write_split(lb_server *s, int fd, const lb_step *step, size_t len) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one);
  for (size_t at = 0; at < len; at += (size_t)step->n) {
    size_t piece = len - at < (size_t)step->n ? len - at : (size_t)step->n;
    if (!lb_write(s, fd, step->bytes + at, piece)) return false;
  }
  return true;
}

static inline void lb_await_eof(lb_server *s, int fd) {
  char rest[4096];
  ssize_t got;
  do got = recv(fd, rest, sizeof rest, 0);
  while (got > 0);
  pthread_mutex_lock(&s->lock);
  bool stopping = s->stopping;
  pthread_mutex_unlock(&s->lock);
  if (!stopping) lb_add(s, LB_EOFS);
}

static inline void lb_reset(int fd) {
  struct linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/* False when the script cannot go on. */
static inline bool lb_play(lb_server *s, int fd, const lb_step *step) {
  size_t len = step->len == 0 && step->bytes != NULL ? strlen(step->bytes) : step->len;
  struct pollfd arrival = {fd, POLLIN, 0};
  bool alive = true;
  switch (step->op) {
    case LB_READ: return lb_read(s, fd, false);
    case LB_READ_HEAD: return lb_read(s, fd, true);
    case LB_WRITE: return lb_write(s, fd, step->bytes, len);
    case LB_SPLIT: return lb_write_split(s, fd, step, len);
    case LB_REPEAT:
      for (long i = 0; i < step->n && alive; i++) alive = lb_write(s, fd, step->bytes, len);
      return alive;
    case LB_GATE: lb_pass_gate(s, step->n); return true;
    case LB_ARRIVAL: poll(&arrival, 1, 10000); return true;
    case LB_RESET: lb_reset(fd); return false;
    case LB_EOF: lb_await_eof(s, fd); return false;
    case LB_END:
    case LB_AGAIN: break;
  }
  return false;
}

static inline void lb_play_script(lb_server *s, int fd, size_t index) {
  size_t which = index < s->script_count ? index : s->script_count - 1;
  const lb_step *script = s->scripts[which], *step = script;
  while (lb_play(s, fd, step)) {
    step++;
    if (step->op == LB_AGAIN) step = script;
  }
}

static inline void *lb_serve(void *arg) {
  lb_connection c = *(lb_connection *)arg;
  free(arg);
  if (c.server->serve != NULL) c.server->serve(c.server, c.fd, c.index);
  else lb_play_script(c.server, c.fd, c.index);
  pthread_mutex_lock(&c.server->lock);
  close(c.fd);
  c.server->sockets[c.index] = -1;
  pthread_mutex_unlock(&c.server->lock);
  lb_add(c.server, LB_CLOSED);
  return NULL;
}

/* accept takes its descriptor before it waits, so a test that leaves the process without any meets us here
 * too: then it is asked again once somebody has really come. */
static inline int lb_accept_one(lb_server *s) {
  struct pollfd one = {.fd = s->listener, .events = POLLIN};
  for (;;) {
    int fd = poll(&one, 1, -1) < 0 ? -1 : accept(s->listener, NULL, NULL);
    if (fd >= 0 || errno != EMFILE) return fd;
  }
}

static inline void *lb_accept(void *arg) {
  lb_server *s = arg;
  for (size_t index = 0; index < LB_CONNECTION_MAX; index++) {
    int fd = lb_accept_one(s);
    if (fd < 0) break;
    lb_connection *c = malloc(sizeof *c);
    *c = (lb_connection){s, fd, index};
    pthread_mutex_lock(&s->lock);
    s->sockets[index] = fd;
    s->thread_count = index + 1;
    s->counts[LB_CONNECTIONS]++;
    pthread_create(&s->threads[index], NULL, lb_serve, c);
    pthread_mutex_unlock(&s->lock);
  }
  return NULL;
}

static inline int lb_listen(int backlog, int *port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, backlog) != 0 ||
      getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
    perror("loopback");
    exit(2);
  }
  *port = ntohs(at.sin_port);
  return fd;
}

static inline lb_server *lb_start_all(int listener, int port, const lb_step *const *scripts, size_t count,
                                      lb_serve_fn *serve, void *user) {
  lb_server *s = calloc(1, sizeof *s);
  s->listener = listener;
  s->port = port;
  s->scripts = scripts;
  s->script_count = count;
  s->serve = serve;
  s->user = user;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->changed, NULL);
  pthread_create(&s->acceptor, NULL, lb_accept, s);
  return s;
}

/* On a listener that is open already; it is closed with the server. */
static inline lb_server *lb_start_on(int listener, int port, const lb_step *const *scripts, size_t count) {
  return lb_start_all(listener, port, scripts, count, NULL, NULL);
}

static inline lb_server *lb_start(const lb_step *const *scripts, size_t count) {
  int port, listener = lb_listen(LB_CONNECTION_MAX, &port);
  return lb_start_on(listener, port, scripts, count);
}

static inline lb_server *lb_start_serving(lb_serve_fn *serve, void *user) {
  int port, listener = lb_listen(LB_CONNECTION_MAX, &port);
  return lb_start_all(listener, port, NULL, 0, serve, user);
}

static inline void lb_stop(lb_server *s) {
  shutdown(s->listener, SHUT_RDWR);
  pthread_join(s->acceptor, NULL);
  pthread_mutex_lock(&s->lock);
  s->stopping = true;
  pthread_cond_broadcast(&s->changed);
  for (size_t i = 0; i < s->thread_count; i++)
    if (s->sockets[i] >= 0) shutdown(s->sockets[i], SHUT_RDWR);
  pthread_mutex_unlock(&s->lock);
  for (size_t i = 0; i < s->thread_count; i++) pthread_join(s->threads[i], NULL);
  close(s->listener);
  pthread_mutex_destroy(&s->lock);
  pthread_cond_destroy(&s->changed);
  free(s);
}

#endif
