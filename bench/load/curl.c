/* curl.c - the bound: libcurl alone, its multi interface over epoll, and a scan for the ends of events. What no client
 *          can do without is done for a whole answer, too: the options of each request are set anew, its headers are
 *          looked at, its body is kept whole and its status is checked. Nothing is decoded.
 * SPDX-License-Identifier: MIT
 *
 *   curl request BASE COUNT | first BASE 1 | streams BASE STREAMS | slow BASE STREAMS SECONDS    as in ours.c
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <stdbool.h>
#include <strings.h>
#include <sys/epoll.h>

#include "measure.h"

enum { MOST_DELAYS = 1 << 20, WARM = 50, BATCH = 64 };

/* A whole answer. */
typedef struct answer {
  char body[1 << 16];
  size_t len;
  bool is_json;
} answer;

static uint64_t delays[MOST_DELAYS], timed_from;
static size_t delay_count, events;
static CURLM *multi;
static int queue, running;
static long timeout_ms = -1;
static struct curl_slist *headers;

/* Events end in an empty line. */
static size_t on_bytes(char *bytes, size_t one, size_t len, void *user) {
  (void)one, (void)user;
  for (char *at = bytes, *end = bytes + len;
       (at = memchr(at, '\n', (size_t)(end - at))) != NULL && ++at < end;)
    if (*at == '\n') events++;
  char *sent = timed_from ? memmem(bytes, len, "\"delta\":\" ", 10) : NULL;
  if (sent != NULL && delay_count < MOST_DELAYS) {
    uint64_t then = strtoull(sent + 10, NULL, 10), now = now_us();
    if (then > timed_from && now >= then) delays[delay_count++] = now - then;
  }
  return len;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
  (void)easy, (void)user;
  struct epoll_event e = {.data.fd = fd};
  if (what & CURL_POLL_IN) e.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) e.events |= EPOLLOUT;
  if (what == CURL_POLL_REMOVE) epoll_ctl(queue, EPOLL_CTL_DEL, fd, NULL);
  else epoll_ctl(queue, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
  if (!known) curl_multi_assign(multi, fd, &queue);
  return 0;
}

static int on_timer(CURLM *m, long ms, void *user) {
  (void)m, (void)user;
  timeout_ms = ms;
  return 0;
}

static void prepare(CURL *easy, const char *url) {
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "{\"model\":\"grok-4.6\",\"input\":\"Tides?\"}");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  if (getenv("BENCH_CA")) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("BENCH_CA"));
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  }
}

static CURL *request_for(const char *url) {
  CURL *easy = curl_easy_init();
  prepare(easy, url);
  return easy;
}

static void turn(int wait_ms) {
  struct epoll_event ready[BATCH];
  if (timeout_ms >= 0 && timeout_ms < wait_ms) wait_ms = (int)timeout_ms;
  int n = epoll_wait(queue, ready, BATCH, wait_ms);
  if (n <= 0) {
    timeout_ms = -1;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  for (int i = 0; i < n; i++) {
    int mask =
      (ready[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) | (ready[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(multi, ready[i].data.fd, mask, &running);
  }
  int left;
  for (CURLMsg *m; (m = curl_multi_info_read(multi, &left)) != NULL;)
    if (m->data.result != CURLE_OK) fprintf(stderr, "%s\n", curl_easy_strerror(m->data.result)), exit(1);
}

static size_t on_header(char *line, size_t one, size_t len, void *user) {
  static const char wanted[] = "content-type:";
  (void)one;
  answer *a = user;
  if (len >= sizeof wanted && strncasecmp(line, wanted, sizeof wanted - 1) == 0) a->is_json = true;
  return len;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *user) {
  (void)one;
  answer *a = user;
  if (len > sizeof a->body - a->len) return 0;
  memcpy(a->body + a->len, bytes, len);
  a->len += len;
  return len;
}

static void one_request(CURL *easy, const char *url) {
  static answer a;
  long status = 0;
  a.len = 0, a.is_json = false;
  curl_easy_reset(easy);
  prepare(easy, url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &a);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &a);
  curl_multi_add_handle(multi, easy);
  do turn(1000);
  while (running > 0);
  curl_multi_remove_handle(multi, easy);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200 || !a.is_json || a.len == 0) fprintf(stderr, "not a good answer\n"), exit(1);
}

static void requests(const char *url, int count) {
  CURL *easy = curl_easy_init();
  for (int i = 0; i < WARM; i++) one_request(easy, url);
  double cpu = cpu_us();
  uint64_t wall = now_us();
  for (int i = 0; i < count; i++) one_request(easy, url);
  figure("cpu_us", (cpu_us() - cpu) / count);
  figure("wall_us", (double)(now_us() - wall) / count);
}

static void run(uint64_t until) {
  do turn(100);
  while (running > 0 && now_us() < until);
}

static void streams(const char *url, int count) {
  double cpu = cpu_us();
  for (int i = 0; i < count; i++) curl_multi_add_handle(multi, request_for(url));
  run(UINT64_MAX);
  figure("cpu_us", (cpu_us() - cpu) / (double)events);
  figure("events", (double)events);
}

static void open_streams(const char *url, int count) {
  for (int i = 0; i < count; i++) {
    curl_multi_add_handle(multi, request_for(url));
    if (i % 50 == 49) run(now_us() + 2000);
  }
  run(now_us() + 1000000);
}

/* The first tenth pays for what all share. */
static void slow(const char *url, int count, int seconds) {
  int first = count / 10;
  open_streams(url, first);
  double before = resident_kib(), opening = cpu_us();
  open_streams(url, count - first);
  figure("open_ms", (cpu_us() - opening) / (count - first) / 1000);
  run(now_us() + 1000000);
  double cpu = cpu_us();
  events = 0;
  timed_from = now_us();
  run(now_us() + (uint64_t)seconds * 1000000);
  figure("kib", (resident_kib() - before) / (count - first));
  figure("cpu_us", (cpu_us() - cpu) / (double)events);
  figure("p50_ms", percentile(delays, delay_count, 0.5) / 1000);
  figure("p99_ms", percentile(delays, delay_count, 0.99) / 1000);
  figure("events", (double)events);
}

int main(int argc, char **argv) {
  char url[512];
  if (argc < 4) return 2;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init();
  queue = epoll_create1(EPOLL_CLOEXEC);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  headers = curl_slist_append(NULL, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Authorization: Bearer xai-benchmark");
  snprintf(url, sizeof url, "%s/responses", argv[2]);
  int count = atoi(argv[3]);
  if (strcmp(argv[1], "request") == 0) requests(url, count);
  if (strcmp(argv[1], "first") == 0) one_request(curl_easy_init(), url);
  if (strcmp(argv[1], "streams") == 0) streams(url, count);
  if (strcmp(argv[1], "slow") == 0 && argc == 5) slow(url, count, atoi(argv[4]));
  return 0;
}
