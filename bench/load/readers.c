/* readers.c - what relays add: many streams read at once, straight from the server and through each relay in turns.
 * SPDX-License-Identifier: MIT
 *
 *   readers DIRECT PID STREAMS SECONDS NAME=URL [NAME=URL ...]
 *     -> NAME_events; NAME_p50_ms, NAME_p99_ms: from the server's writing to our reading; NAME_added_us: p50 less that
 *        of the direct way; NAME_relay_us: CPU of the process PID for each event, in nanoseconds where the kernel has
 *        them; NAME_over_FIRST: the same as a multiple of the first relay's. And direct_p50_ms, direct_p99_ms
 *
 * Each relay is read for SECONDS in slices, A B C A B C, with a slice of the direct way before each turn: what else the
 * machine does comes and goes. Of slices the median is told, and of ratios that of those within a turn.
 *
 * DIRECT and each URL are http://127.0.0.1:PORT/PATH. One thread, epoll, no HTTP beyond the request: what is looked for
 * is the time in each delta.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ask.h"
#include "measure.h"

enum {
  MOST_DELAYS = 1 << 20,
  MOST_STREAMS = 10000,
  MOST_WAYS = 8,
  SLICES = 5,
  BATCH = 64,
  BUFFER = 16384,
  WARM_UP_MS = 500
};

static const char mark[] = "\"delta\":\" ";

typedef struct way {
  char name[32];
  const char *url;
  double p50[SLICES], cpu_us[SLICES]; /* of each slice; the second for each event */
  uint64_t *delays;
  size_t count;
  uint64_t from; /* what was sent before is not timed */
  int queue, fds[MOST_STREAMS];
} way;

static void open_all(way *w, const char *url, int streams) {
  w->queue = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < streams; i++) {
    w->fds[i] = ask(url, "");
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

static double ticks_of(const char *pid) {
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

/* Microseconds of CPU that a process with all its threads has had. Ticks are too coarse for a slice, but no kernel
 * lacks them; of what is finer each thread has its own. */
static double cpu_of(const char *pid) {
  char path[320];
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *tasks = opendir(path);
  need(tasks != NULL, "the relay's process is not there");
  double ns = 0;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    unsigned long long ran = 0;
    snprintf(path, sizeof path, "/proc/%s/task/%s/schedstat", pid, task->d_name);
    FILE *file = *task->d_name != '.' ? fopen(path, "r") : NULL;
    if (file == NULL) continue;
    if (fscanf(file, "%llu", &ran) == 1) ns += (double)ran;
    fclose(file);
  }
  closedir(tasks);
  return ns > 0 ? ns / 1000 : ticks_of(pid);
}

/* A slice: the streams are opened, read for half a second to warm up and then timed. */
static void measure(way *w, int slice, const char *pid, int streams, unsigned ms) {
  size_t before = w->count;
  w->from = 0;
  open_all(w, w->url, streams);
  read_until(w, now_us() + (uint64_t)WARM_UP_MS * 1000);
  double cpu = cpu_of(pid);
  w->from = now_us();
  read_until(w, w->from + (uint64_t)ms * 1000);
  cpu = cpu_of(pid) - cpu;
  size_t count = w->count - before;
  need(count > 0, "no event came");
  close_all(w, streams);
  w->p50[slice] = percentile(w->delays + before, count, 0.5);
  w->cpu_us[slice] = cpu / (double)count;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const double *values) {
  double sorted[SLICES];
  memcpy(sorted, values, sizeof sorted);
  qsort(sorted, SLICES, sizeof *sorted, by_size);
  return sorted[SLICES / 2];
}

static void tell(const way *w, const char *what, double value) {
  printf("%s_", w->name);
  figure(what, value);
}

static void tell_delays(way *w) {
  tell(w, "p50_ms", percentile(w->delays, w->count, 0.5) / 1000);
  tell(w, "p99_ms", percentile(w->delays, w->count, 0.99) / 1000);
}

static void tell_way(way *w, const way *direct, const way *first) {
  double added[SLICES], over[SLICES];
  for (int i = 0; i < SLICES; i++) {
    added[i] = w->p50[i] - direct->p50[i];
    over[i] = w->cpu_us[i] / first->cpu_us[i];
  }
  tell(w, "events", (double)w->count);
  tell_delays(w);
  tell(w, "added_us", median(added));
  tell(w, "relay_us", median(w->cpu_us));
  if (w != first) printf("%s_over_%s %.6g\n", w->name, first->name, median(over));
}

static void init(way *w, const char *name, size_t len, const char *url) {
  need(len < sizeof w->name, "a name is too long");
  memcpy(w->name, name, len);
  w->url = url;
  w->delays = malloc(MOST_DELAYS * sizeof *w->delays);
  need(w->delays != NULL, "no memory");
}

int main(int argc, char **argv) {
  static way direct, ways[MOST_WAYS];
  int count = argc - 5;
  need(count >= 1 && count <= MOST_WAYS, "DIRECT PID STREAMS SECONDS NAME=URL ...");
  int streams = atoi(argv[3]);
  unsigned ms = (unsigned)atoi(argv[4]) * 1000 / SLICES;
  need(streams > 0 && streams <= MOST_STREAMS, "too many streams");
  init(&direct, "direct", 6, argv[1]);
  for (int i = 0; i < count; i++) {
    const char *name = argv[5 + i], *url = strchr(name, '=');
    need(url != NULL, "a relay is NAME=URL");
    init(&ways[i], name, (size_t)(url - name), url + 1);
  }
  for (int slice = 0; slice < SLICES; slice++) {
    measure(&direct, slice, argv[2], streams, ms / 2);
    for (int i = 0; i < count; i++) measure(&ways[i], slice, argv[2], streams, ms);
  }
  tell_delays(&direct);
  for (int i = 0; i < count; i++) tell_way(&ways[i], &direct, &ways[0]);
  return 0;
}
