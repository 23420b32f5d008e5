/* readers.c - what a relay adds: many streams read at once, straight from the server and through the relay.
 * SPDX-License-Identifier: MIT
 *
 *   readers DIRECT RELAY PID STREAMS SECONDS
 *     -> events; p50_ms, p99_ms: from the server's writing to our reading; added_us: p50 less that of the direct
 *        way, the median of slices; relay_us: CPU of the process PID for each event, as /proc has it
 *
 * DIRECT and RELAY are http://127.0.0.1:PORT/PATH. One thread, epoll, no HTTP beyond the request: what is looked for
 * is the time in each delta.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "measure.h"

enum { MOST_DELAYS = 1 << 20, MOST_STREAMS = 10000, BATCH = 64, BUFFER = 16384 };

static const char mark[] = "\"delta\":\" ";

typedef struct way {
  uint64_t *delays;
  size_t count;
  uint64_t from; /* what was sent before is not timed */
  int queue, fds[MOST_STREAMS];
} way;

static void need(bool so, const char *what) {
  if (so) return;
  fprintf(stderr, "readers: %s\n", what);
  exit(1);
}

static int ask(const char *url) {
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
                     "POST %s HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n"
                     "Authorization: Bearer xai-benchmark\r\nContent-Length: %zu\r\n\r\n%s",
                     path, sizeof body - 1, body);
  need(write(fd, request, (size_t)len) == len, "cannot ask");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void open_all(way *w, const char *url, int streams) {
  w->queue = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < streams; i++) {
    w->fds[i] = ask(url);
    epoll_ctl(w->queue, EPOLL_CTL_ADD, w->fds[i],
              &(struct epoll_event){.events = EPOLLIN, .data.fd = w->fds[i]});
  }
}

static void close_all(way *w, int streams) {
  for (int i = 0; i < streams; i++) close(w->fds[i]);
  close(w->queue);
}

/* Events are far smaller than what is read at once; one that is cut in two is not timed. */
static void take(way *w, int fd) {
  char bytes[BUFFER + 1];
  ssize_t n = read(fd, bytes, BUFFER);
  need(n != 0, "a stream ended early");
  if (n < 0) return;
  bytes[n] = '\0';
  uint64_t now = now_us();
  for (const char *at = bytes; (at = memmem(at, (size_t)(bytes + n - at), mark, sizeof mark - 1)) != NULL;) {
    at += sizeof mark - 1;
    uint64_t sent = strtoull(at, NULL, 10);
    if (w->from > 0 && sent >= w->from && now >= sent && w->count < MOST_DELAYS)
      w->delays[w->count++] = now - sent;
  }
}

static void read_until(way *w, uint64_t until) {
  struct epoll_event ready[BATCH];
  while (now_us() < until) {
    int n = epoll_wait(w->queue, ready, BATCH, 20);
    for (int i = 0; i < n; i++) take(w, ready[i].data.fd);
  }
}

/* Microseconds of CPU that a process with all its threads has had. */
static double cpu_of(const char *pid) {
  char path[64];
  unsigned long user = 0, kernel = 0;
  snprintf(path, sizeof path, "/proc/%s/stat", pid);
  FILE *file = fopen(path, "r");
  need(file != NULL &&
         fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2,
       "the relay's process is not there");
  fclose(file);
  return (double)(user + kernel) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

/* The streams of an address, opened, read for half a second to warm up and then timed. `p50` is that of these
 * alone. Gives what the process took meanwhile. */
static double measure(way *w, const char *url, const char *pid, int streams, unsigned ms, double *p50) {
  size_t before = w->count;
  w->from = 0;
  open_all(w, url, streams);
  read_until(w, now_us() + 500000);
  double cpu = cpu_of(pid);
  w->from = now_us();
  read_until(w, w->from + (uint64_t)ms * 1000);
  cpu = cpu_of(pid) - cpu;
  need(w->count > before, "no event came");
  close_all(w, streams);
  *p50 = percentile(w->delays + before, w->count - before, 0.5);
  return cpu;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  enum { SLICES = 3 }; /* of both ways in turns: what else the machine does comes and goes */
  need(argc == 6, "readers DIRECT RELAY PID STREAMS SECONDS");
  int streams = atoi(argv[4]);
  unsigned ms = (unsigned)atoi(argv[5]) * 1000 / SLICES;
  need(streams > 0 && streams <= MOST_STREAMS, "too many streams");
  static way direct, relay;
  direct.delays = malloc(MOST_DELAYS * sizeof *direct.delays);
  relay.delays = malloc(MOST_DELAYS * sizeof *relay.delays);
  need(direct.delays != NULL && relay.delays != NULL, "no memory");
  double cpu = 0, added[SLICES];
  for (int i = 0; i < SLICES; i++) {
    double straight, relayed;
    measure(&direct, argv[1], argv[3], streams, ms / 2, &straight);
    cpu += measure(&relay, argv[2], argv[3], streams, ms, &relayed);
    added[i] = relayed - straight;
  }
  qsort(added, SLICES, sizeof *added, by_size);
  figure("events", (double)relay.count);
  figure("p50_ms", percentile(relay.delays, relay.count, 0.5) / 1000);
  figure("p99_ms", percentile(relay.delays, relay.count, 0.99) / 1000);
  figure("added_us", added[SLICES / 2]);
  figure("relay_us", cpu / (double)relay.count);
  return 0;
}
