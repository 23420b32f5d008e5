/* server.h - the soak's server: thousands of streams in one thread, each as its request's body wishes.
 * SPDX-License-Identifier: MIT
 *
 * A body holds "plan":P and "n":N. P is one of the plans below; N is how many deltas of TEXT_LEN bytes there are.
 */
#ifndef SOAK_SERVER_H
#define SOAK_SERVER_H

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
#include <unistd.h>

typedef enum soak_plan {
  PLAN_WHOLE, /* N deltas and the final event; the connection is kept */
  PLAN_RESET, /* N deltas, then a reset                               */
  PLAN_SHORT, /* N deltas, then a close without the last chunk        */
  PLAN_ERROR, /* status 400                                           */
  PLAN_HANG,  /* N deltas, then nothing until the peer goes           */
  PLAN_COUNT
} soak_plan;

enum { TEXT_LEN = 40, LINE_ROOM = 256, SERVED_MAX = 4096 };

typedef struct served {
  int fd; /* -1: free */
  soak_plan plan;
  long left;      /* deltas to come, -1: no request is being answered */
  bool head_sent; /* of the answer                                    */
  bool ending;    /* the last bytes are in `out`                      */
  size_t in_len, out_len, out_at;
  char in[4096], out[LINE_ROOM * 2];
} served;

typedef struct soak_server {
  int listener, port, bell[2];
  pthread_t thread;
  served *conns;
  struct pollfd *polls;
  size_t count; /* places in use, free ones among them included */
} soak_server;

#define DELTA                                                                                          \
  "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"" \
  "0123456789012345678901234567890123456789\"}\n\n"
#define FINAL \
  "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\"}}\n\n"
#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define ERROR_ANSWER                                                                         \
  "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n" \
  "{\"code\":\"no\",\"error\":\"not like this\"}"

static inline void served_say(served *c, const char *text) {
  size_t len = strlen(text);
  memcpy(c->out, text, len);
  c->out_len = len;
  c->out_at = 0;
}

static inline void served_chunk(served *c, const char *text, const char *tail) {
  c->out_len = (size_t)snprintf(c->out, sizeof c->out, "%zx\r\n%s\r\n%s", strlen(text), text, tail);
  c->out_at = 0;
}

static inline void served_close(served *c, bool reset) {
  struct linger hard = {1, 0};
  if (reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(c->fd);
  *c = (served){.fd = -1};
}

/* What comes next on this connection; false: nothing, for now or for ever. */
static inline bool served_next(served *c) {
  if (c->left < 0) return false;
  if (c->ending) {
    c->left = -1;
    c->ending = false;
    return false;
  }
  if (!c->head_sent) {
    c->head_sent = true;
    c->ending = c->plan == PLAN_ERROR;
    served_say(c, c->ending ? ERROR_ANSWER : STREAM_HEAD);
    return true;
  }
  if (c->left > 0) {
    c->left--;
    served_chunk(c, DELTA, "");
    return true;
  }
  if (c->plan == PLAN_WHOLE) {
    c->ending = true;
    served_chunk(c, FINAL, "0\r\n\r\n");
    return true;
  }
  if (c->plan != PLAN_HANG) served_close(c, c->plan == PLAN_RESET);
  return false;
}

static inline long number_after(const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at != NULL ? strtol(at + strlen(name), NULL, 10) : 0;
}

/* A whole request in `in` begins an answer. */
static inline void served_request(served *c) {
  c->in[c->in_len] = '\0';
  char *end = strstr(c->in, "\r\n\r\n");
  if (end == NULL || c->left >= 0) return;
  size_t head = (size_t)(end - c->in) + 4, body = (size_t)number_after(c->in, "Content-Length: ");
  if (c->in_len < head + body) return;
  long plan = number_after(end, "\"plan\":");
  c->plan = plan >= 0 && plan < PLAN_COUNT ? (soak_plan)plan : PLAN_WHOLE;
  c->left = number_after(end, "\"n\":");
  c->head_sent = c->ending = false;
  c->in_len -= head + body;
  memmove(c->in, c->in + head + body, c->in_len);
}

static inline void served_read(served *c) {
  ssize_t got = recv(c->fd, c->in + c->in_len, sizeof c->in - 1 - c->in_len, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    served_close(c, false);
    return;
  }
  c->in_len += (size_t)got;
  served_request(c);
}

static inline void served_write(served *c) {
  for (int i = 0; i < 64 && c->fd >= 0; i++) {
    if (c->out_at == c->out_len && !served_next(c)) break;
    ssize_t sent = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      served_close(c, false);
      return;
    }
    c->out_at += (size_t)sent;
  }
  if (c->fd >= 0) served_request(c);
}

static inline short served_wants(const served *c) {
  if (c->fd < 0) return 0;
  bool writes =
    c->out_at < c->out_len || (c->left >= 0 && !(c->plan == PLAN_HANG && c->left == 0 && c->head_sent));
  return (short)(POLLIN | (writes ? POLLOUT : 0));
}

static inline void soak_accept(soak_server *s) {
  int fd = accept(s->listener, NULL, NULL);
  if (fd < 0) return;
  size_t i = 0;
  while (i < s->count && s->conns[i].fd >= 0) i++;
  if (i == SERVED_MAX) {
    close(fd);
    return;
  }
  if (i == s->count) s->count++;
  s->conns[i] = (served){.fd = fd, .left = -1};
}

static inline void *soak_serve(void *arg) {
  soak_server *s = arg;
  for (;;) {
    s->polls[0] = (struct pollfd){s->bell[0], POLLIN, 0};
    s->polls[1] = (struct pollfd){s->listener, POLLIN, 0};
    size_t count = s->count;
    for (size_t i = 0; i < count; i++)
      s->polls[i + 2] = (struct pollfd){s->conns[i].fd, served_wants(&s->conns[i]), 0};
    if (poll(s->polls, count + 2, -1) < 0) continue;
    if (s->polls[0].revents != 0) return NULL;
    for (size_t i = 0; i < count; i++) {
      short what = s->polls[i + 2].revents;
      if (what & (POLLIN | POLLERR | POLLHUP)) served_read(&s->conns[i]);
      if (s->conns[i].fd >= 0 && served_wants(&s->conns[i]) & POLLOUT) served_write(&s->conns[i]);
    }
    for (int i = 0; i < 16 && s->polls[1].revents != 0; i++) soak_accept(s);
  }
}

/* On all addresses of the loopback network, so that a client may use many and never runs out of ports. */
static inline bool soak_server_start(soak_server *s) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
  socklen_t size = sizeof at;
  *s = (soak_server){.listener = socket(AF_INET, SOCK_STREAM, 0)};
  s->conns = calloc(SERVED_MAX, sizeof *s->conns);
  s->polls = calloc(SERVED_MAX + 2, sizeof *s->polls);
  if (s->conns == NULL || s->polls == NULL || pipe(s->bell) != 0) return false;
  if (bind(s->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(s->listener, 1024) != 0)
    return false;
  if (getsockname(s->listener, (struct sockaddr *)&at, &size) != 0) return false;
  fcntl(s->listener, F_SETFL, O_NONBLOCK);
  s->port = ntohs(at.sin_port);
  return pthread_create(&s->thread, NULL, soak_serve, s) == 0;
}

static inline void soak_server_stop(soak_server *s) {
  (void)!write(s->bell[1], "x", 1);
  pthread_join(s->thread, NULL);
  for (size_t i = 0; i < s->count; i++)
    if (s->conns[i].fd >= 0) close(s->conns[i].fd);
  close(s->listener);
  close(s->bell[0]);
  close(s->bell[1]);
  free(s->conns);
  free(s->polls);
}

#endif
