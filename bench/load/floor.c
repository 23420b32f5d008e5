/* floor.c - the least that many open streams cost: epoll and recv into one buffer, and a look for the time in each delta.
 * SPDX-License-Identifier: MIT
 *
 *   floor slow BASE STREAMS SECONDS -> cpu_us (an event), p50_ms, p99_ms, events
 *
 * BASE is http://127.0.0.1:PORT/PATH. No client can do with less of the system's time: whatever is beyond this figure is
 * its own.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ask.h"
#include "measure.h"

enum { MOST_DELAYS = 1 << 20, BATCH = 64, BUFFER = 16384 };

static uint64_t delays[MOST_DELAYS], timed_from;
static size_t delay_count, events;
static int queue;

static void open_stream(const char *base) {
  int fd = ask(base, "/responses");
  need(epoll_ctl(queue, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}) == 0,
       "cannot watch");
}

/* Events are far smaller than what is read at once; one that is cut in two is neither counted nor timed. */
static void take(int fd) {
  static const char mark[] = "\"delta\":\" ";
  static char bytes[BUFFER];
  ssize_t n = recv(fd, bytes, sizeof bytes, 0);
  need(n != 0, "a stream ended early");
  const char *at = bytes, *end = bytes + (n > 0 ? n : 0);
  while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL) {
    at += sizeof mark - 1;
    events++;
    if (timed_from == 0 || delay_count == MOST_DELAYS) continue;
    uint64_t sent = strtoull(at, NULL, 10), now = now_us();
    if (sent > timed_from && now >= sent) delays[delay_count++] = now - sent;
  }
}

static void run(uint64_t us) {
  struct epoll_event ready[BATCH];
  for (uint64_t until = now_us() + us; now_us() < until;) {
    int n = epoll_wait(queue, ready, BATCH, 20);
    for (int i = 0; i < n; i++) take(ready[i].data.fd);
  }
}

int main(int argc, char **argv) {
  need(argc == 5 && strcmp(argv[1], "slow") == 0, "slow BASE STREAMS SECONDS");
  queue = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0, count = atoi(argv[3]); i < count; i++) {
    open_stream(argv[2]);
    if (i % 50 == 49) run(2000);
  }
  run(2000000);
  events = 0;
  double cpu = cpu_us();
  timed_from = now_us();
  run((uint64_t)atoi(argv[4]) * 1000000);
  figure("cpu_us", (cpu_us() - cpu) / (double)events);
  figure("p50_ms", percentile(delays, delay_count, 0.5) / 1000);
  figure("p99_ms", percentile(delays, delay_count, 0.99) / 1000);
  figure("events", (double)events);
  return 0;
}
