/* scenario.c - the scenario of all hosts in an engine: C, a frame loop, its own heap and clock, libcurl used beside.
 * SPDX-License-Identifier: MIT
 *
 * Built from xai.c and xai.h as engines take them. Frames follow the game's clock, sixty a second; between two of them
 * the loop waits for the client's descriptor, so nothing sleeps. The last line is that of tools/hosts.sh. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "xai.h"

enum {
  STREAMS = 10,
  CUT = 3,
  REFUSED = 5,
  CANCELLED = 7,
  TEXT_ROOM = 8192,
  MOST_FRAMES = 100000,
  BOUND_NS = 5000000
};

typedef struct speaker {
  xai_call_id call;
  char text[TEXT_ROOM]; /* what came, delta by delta     */
  size_t len;
  bool same; /* ... and is what the answer holds */
  xai_outcome outcome;
  int status;
  int ends;
} speaker;

typedef struct game {
  xai_client *client;
  speaker speakers[STREAMS];
  uint64_t frame;
  size_t heap, heap_peak, wrong_sizes; /* bytes now and at most; frees that told another size */
  size_t clock_reads, log_lines, log_leaks;
  size_t over;        /* calls that have ended                                  */
  int schedstat;      /* tells how long this thread waited for a processor; -1: no such file */
  int64_t longest_ns; /* in one frame's calls                                   */
  size_t late;        /* frames beyond the bound                                */
  int passed, failed;
} game;

static void check(game *self, bool ok, const char *what) {
  if (ok) self->passed++;
  else self->failed++;
  if (!ok) printf("FAILED  %s\n", what);
}

/* ---- the engine's heap, clock and log */

/* Each block begins with its size, so that a wrong one at its end is seen. */
typedef union block_head {
  size_t size;
  max_align_t align;
} block_head;

static void *engine_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  game *self = user;
  block_head *head = ptr == NULL ? NULL : (block_head *)ptr - 1;
  if (head != NULL && head->size != old_size) self->wrong_sizes++;
  block_head *fresh = NULL;
  if (new_size == 0) free(head);
  else if ((fresh = realloc(head, sizeof *head + new_size)) == NULL) return NULL;
  self->heap += new_size - (ptr == NULL ? 0 : old_size);
  if (self->heap > self->heap_peak) self->heap_peak = self->heap;
  if (fresh == NULL) return NULL;
  fresh->size = new_size;
  return fresh + 1;
}

static uint64_t engine_now(void *user) {
  game *self = user;
  self->clock_reads++;
  return 5000 + self->frame * 1000 / 60;
}

static int64_t engine_wall(void *user) {
  (void)user;
  return (int64_t)time(NULL);
}

static void engine_log(void *user, xai_log_level level, xai_str line) {
  game *self = user;
  (void)level;
  self->log_lines++;
  if (memmem(line.ptr, line.len, "xai-test", 8) != NULL) self->log_leaks++;
}

/* ---- the engine's own use of libcurl */

static size_t swallow(char *bytes, size_t one, size_t len, void *user) {
  (void)bytes;
  (void)one;
  *(size_t *)user += len;
  return len;
}

static CURL *own_request(size_t *got) {
  char url[256];
  snprintf(url, sizeof url, "%s/models", getenv("XAI_BASE_URL"));
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, getenv("XAI_API_KEY"));
  curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, got);
  return easy;
}

static bool is_answered(CURL *easy, size_t got) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return status == 200 && got > 0;
}

static bool fetch_by_itself(void) {
  size_t got = 0;
  CURL *easy = own_request(&got);
  bool ok = curl_easy_perform(easy) == CURLE_OK && is_answered(easy, got);
  curl_easy_cleanup(easy);
  return ok;
}

/* ---- time */

static int64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Wall time less what the thread waited for a processor: blocking counts, other programs do not. */
static int64_t busy_ns(const game *self) {
  char line[96] = "";
  int64_t ran, waited;
  if (self->schedstat < 0 || pread(self->schedstat, line, sizeof line - 1, 0) <= 0 ||
      sscanf(line, "%" SCNd64 " %" SCNd64, &ran, &waited) != 2)
    return nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  return nanoseconds(CLOCK_MONOTONIC) - waited;
}

/* ---- the scenario */

static const char *fault_of(int i) {
  if (i == CUT) return "cut=8000";
  if (i == REFUSED) return "status=429, retry_after=0";
  return i == CANCELLED ? "stall=8000" : NULL;
}

static bool start(game *self, int i) {
  char body[128];
  int len = snprintf(body, sizeof body,
                     "{\"model\":\"grok-4.6\",\"stream\":true,\"input\":\"Tell me about the number %d\"}", i);
  xai_header fault = {"x-sim-fault", fault_of(i)};
  xai_error err;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = (xai_str){body, (size_t)len};
  request.stream = true;
  request.user = &self->speakers[i];
  request.limits.max_attempts = 1;
  request.headers = &fault;
  request.header_count = fault.value != NULL;
  self->speakers[i].call = xai_call_start(self->client, &request, &err);
  return self->speakers[i].call.id != 0;
}

static void take_end(game *self, speaker *one, const xai_result *result) {
  one->outcome = result->outcome;
  one->status = result->http_status;
  one->same =
    result->text.len == one->len && (one->len == 0 || memcmp(result->text.ptr, one->text, one->len) == 0);
  one->ends++;
  self->over++;
}

static void take(game *self, const xai_event *event) {
  speaker *one = event->user;
  if (event->type == XAI_EVENT_END) take_end(self, one, event->result);
  if (event->type != XAI_EVENT_TEXT || event->text.len > TEXT_ROOM - one->len) return;
  memcpy(one->text + one->len, event->text.ptr, event->text.len);
  one->len += event->text.len;
  if (one == &self->speakers[CANCELLED]) xai_call_cancel(self->client, one->call);
}

/* All that a frame spends on us. */
static void update(game *self) {
  int64_t from = busy_ns(self);
  xai_event event;
  xai_client_step(self->client, 0);
  while (xai_client_next(self->client, &event) == XAI_OK) take(self, &event);
  int64_t took = busy_ns(self) - from;
  if (took > self->longest_ns) self->longest_ns = took;
  self->late += took > BOUND_NS;
}

/* Until all have ended, with a multi handle of the engine's turned in the same frames: was that one answered, too? */
static bool run_frames(game *self) {
  size_t got = 0;
  CURLM *multi = curl_multi_init();
  CURL *own = own_request(&got);
  curl_multi_add_handle(multi, own);
  int running = 1;
  for (; self->frame < MOST_FRAMES && (self->over < STREAMS || running > 0); self->frame++) {
    curl_multi_perform(multi, &running);
    update(self);
    struct pollfd watched = {.fd = xai_client_fd(self->client), .events = POLLIN};
    poll(&watched, 1, 16);
  }
  bool ok = is_answered(own, got);
  curl_multi_remove_handle(multi, own);
  curl_easy_cleanup(own);
  curl_multi_cleanup(multi);
  return ok;
}

static bool open_client(game *self) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = getenv("XAI_API_KEY");
  config.base_url = getenv("XAI_BASE_URL");
  config.mem = (xai_mem){engine_alloc, self};
  config.clock = (xai_clock){engine_now, engine_wall, self};
  config.log = (xai_log){engine_log, self, XAI_LOG_DEBUG};
  self->client = xai_client_new(&config, &err);
  if (self->client == NULL) printf("FAILED  %s\n", err.message);
  return self->client != NULL;
}

static void check_speakers(game *self) {
  const speaker *all = self->speakers;
  bool whole = true, once = true;
  for (int i = 0; i < STREAMS; i++) {
    once = once && all[i].ends == 1;
    if (fault_of(i) == NULL)
      whole = whole && all[i].outcome == XAI_OUTCOME_COMPLETE && all[i].same && all[i].len > 0;
  }
  check(self, once, "each call ends once");
  check(self, whole, "streams what the answer then holds");
  check(self, all[CUT].outcome == XAI_OUTCOME_INCOMPLETE && all[CUT].len > 0 && all[CUT].same,
        "tells of a stream that was cut, and keeps what came");
  check(self, all[REFUSED].outcome == XAI_OUTCOME_REFUSED && all[REFUSED].status == 429, "tells of a 429");
  check(self, all[CANCELLED].outcome == XAI_OUTCOME_CANCELLED && all[CANCELLED].len > 0,
        "cancels a stream in its middle, and keeps what came");
}

static void check_hooks(game *self) {
  check(self, self->heap_peak > 0 && self->heap == 0, "all memory came from the engine's heap and went back");
  check(self, self->wrong_sizes == 0, "what is freed is told its right size");
  check(self, self->clock_reads > self->frame, "time is the engine's");
  check(self, self->log_lines >= 2 * STREAMS && self->log_leaks == 0,
        "the log is the engine's, without the key");
  check(self, self->late <= 1 + self->frame / 1000, "no frame is kept for 5 ms");
}

static void report(const game *self) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("passed=%d failed=%d stall=%.2f memory=%ld note=of %" PRIu64
         " frames; %zu KiB of the engine's heap at most\n",
         self->passed, self->failed, (double)self->longest_ns / 1e6, usage.ru_maxrss, self->frame,
         self->heap_peak / 1024);
}

int main(void) {
  static game self;
  self.schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  curl_global_init(CURL_GLOBAL_DEFAULT); /* as an engine does that has a use for libcurl itself */
  check(&self, fetch_by_itself(), "the engine's own libcurl works before");
  if (!open_client(&self)) return EXIT_FAILURE;
  for (int i = 0; i < STREAMS; i++) check(&self, start(&self, i), "starts");
  check(&self, xai_client_pending(self.client) == STREAMS, "has all of them in flight at the same time");
  check(&self, run_frames(&self), "the engine's own multi handle works beside");
  check(&self, xai_client_pending(self.client) == 0, "has nothing in flight when all are over");
  xai_client_free(self.client);
  check(&self, fetch_by_itself(), "the engine's own libcurl works after");
  curl_global_cleanup();
  check_speakers(&self);
  check_hooks(&self);
  report(&self);
  return self.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
