/* xai_sockets.c - the open sockets and their local ports.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_sockets.h"

#include "xai_poll.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

void xai__sockets_init(xai_sockets *sockets, const xai_mem *mem) {
  *sockets = (xai_sockets){.mem = *mem};
}

void xai__sockets_deinit(xai_sockets *sockets) {
  xai__free(&sockets->mem, sockets->list, sockets->room * sizeof *sockets->list);
  sockets->list = NULL;
  sockets->len = sockets->room = 0;
}

xai_code xai__sockets_add(xai_sockets *sockets, int fd) {
  if (sockets->len == sockets->room) {
    size_t room = sockets->room ? sockets->room * 2 : 8, size = sizeof *sockets->list;
    xai_socket *list = xai__realloc(&sockets->mem, sockets->list, sockets->room * size, room * size);
    if (list == NULL) return XAI_ERR_NOMEM;
    sockets->list = list;
    sockets->room = room;
  }
  sockets->list[sockets->len++] = (xai_socket){fd, 0, xai__poll_since_boot(), xai__poll_now()};
  return XAI_OK;
}

void xai__sockets_remove(xai_sockets *sockets, int fd) {
  for (size_t i = 0; i < sockets->len; i++) {
    if (sockets->list[i].fd != fd) continue;
    sockets->list[i] = sockets->list[--sockets->len];
    return;
  }
}

/* 0 when there is none yet. */
static int local_port_of(int fd) {
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &size) != 0) return 0;
  if (name.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&name)->sin_port);
  return name.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&name)->sin6_port) : 0;
}

/* The next socket from `at` on with this local port; NULL: none. */
static xai_socket *find(xai_sockets *sockets, size_t *at, int local_port) {
  while (*at < sockets->len) {
    xai_socket *one = &sockets->list[(*at)++];
    if (one->port == 0) one->port = local_port_of(one->fd);
    if (one->port == local_port) return one;
  }
  return NULL;
}

bool xai__sockets_readable(xai_sockets *sockets, int local_port) {
  size_t at = 0;
  for (xai_socket *one; (one = find(sockets, &at, local_port)) != NULL;) {
    struct pollfd look = {.fd = one->fd, .events = POLLIN};
    if (poll(&look, 1, 0) == 1) return true;
  }
  return false;
}

void xai__sockets_used(xai_sockets *sockets, int local_port) {
  size_t at = 0;
  for (xai_socket *one; (one = find(sockets, &at, local_port)) != NULL;) {
    one->used_at = xai__poll_since_boot();
    one->awake_at = xai__poll_now();
  }
}

bool xai__sockets_overslept(xai_sockets *sockets, int local_port, uint64_t idle_ms) {
  size_t at = 0;
  uint64_t boot = xai__poll_since_boot(), now = xai__poll_now();
  for (xai_socket *one; (one = find(sockets, &at, local_port)) != NULL;) {
    uint64_t idle = boot - one->used_at, awake = now - one->awake_at;
    if (idle >= idle_ms && idle > awake + 1000) return true;
  }
  return false;
}

bool xai__sockets_ended(xai_sockets *sockets, int local_port) {
  size_t at = 0;
  for (xai_socket *one; (one = find(sockets, &at, local_port)) != NULL;) {
    char byte;
    ssize_t got = recv(one->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return true;
  }
  return false;
}
