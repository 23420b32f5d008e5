/* ask.h - asks the load server, or a relay before it, for a stream: over a socket alone, without any client.
 * SPDX-License-Identifier: MIT
 *
 * For C with _GNU_SOURCE. What cannot be had ends the program, with a sentence that begins with its name.
 */
#ifndef BENCH_LOAD_ASK_H
#define BENCH_LOAD_ASK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline void need(bool so, const char *what) {
  if (so) return;
  fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
  exit(1);
}

/* A socket that does not block, on which the answer to a request of http://127.0.0.1:PORT/PATH with `more` behind it
 * will come. */
static inline int ask(const char *url, const char *more) {
  static const char body[] = "{\"model\":\"grok-4.6\",\"input\":\"Tides?\",\"stream\":true}";
  int port = 0;
  char path[256], request[1024];
  need(sscanf(url, "http://127.0.0.1:%d%255s", &port, path) == 2,
       "an address is not http://127.0.0.1:PORT/PATH");
  struct sockaddr_in at = {
    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  need(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "cannot connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  int len = snprintf(request, sizeof request,
                     "POST %s%s HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n"
                     "Authorization: Bearer xai-benchmark\r\nContent-Length: %zu\r\n\r\n%s",
                     path, more, sizeof body - 1, body);
  need(write(fd, request, (size_t)len) == len, "cannot ask");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

#endif
