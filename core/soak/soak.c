/* soak.c - thousands of streams over real sockets, for minutes: nothing is lost and nothing grows.
 * SPDX-License-Identifier: MIT
 *
 *   soak SECONDS [COMMAND...]   then runs COMMAND, if given, with XAI_SOAK_URL naming the server
 *
 * Calls come and go all the time: most are read to the end, some are cancelled, some are held (a slow reader), some
 * break or fail, and now and then the whole client is dropped. Each call's end is known beforehand, and so is each
 * byte of its text. Memory is looked at from a quarter of the time on, when everything has grown as far as it may.
 */
#define _DEFAULT_SOURCE

#include <sys/resource.h>
#include <sys/wait.h>
#include <dirent.h>
#include <time.h>

#include "check.h"
#include "server.h"

enum { CALLS = 400, MOST_SAMPLES = 4096, SAMPLE_MS = 250, CLIENT_LIFE_MS = 2000, SLACK_KIB = 3072 };

typedef struct job {
  xai_call_id id; /* 0: the place is free                              */
  soak_plan plan;
  long deltas;        /* that the server sends                             */
  long cancel_after;  /* bytes, -1: never                                  */
  unsigned hold_turn; /* until then it is held                             */
  bool cancelled;
  size_t bytes; /* of text seen                                      */
} job;

typedef struct soak {
  xai_client *client;
  check_heap heap; /* of the clients                                    */
  int port;
  uint64_t random;
  unsigned turn, clients;
  job jobs[CALLS];
  long started, ended, dropped, lost, wrong, events;
  size_t sample_count;
  double samples[MOST_SAMPLES]; /* resident KiB                              */
} soak;

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t below(soak *s, uint32_t n) {
  s->random = s->random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(s->random >> 33) % n;
}

static double resident_kib(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  fclose(file);
  return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static int descriptors(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (dir != NULL && readdir(dir) != NULL) count++;
  if (dir != NULL) closedir(dir);
  return count;
}

/* ---- clients and calls */

/* Each on another address of the loopback network. */
static void open_client(soak *s) {
  char url[64];
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  snprintf(url, sizeof url, "http://127.0.%u.%u:%d/v1", s->clients / 200 % 200, s->clients % 200 + 1,
           s->port);
  s->clients++;
  config.base_url = url;
  config.api_key = "xai-soak-key";
  config.proxy = "";
  config.seed = s->clients;
  config.max_connections = s->clients % 2 ? CALLS : 0; /* libcurl's sockets, and our own, in turns */
  config.mem = check_heap_mem(&s->heap);
  config.limits.max_attempts = 1;
  s->client = xai_client_new(&config, &err);
  CHECK(s->client != NULL);
}

/* All that is in flight goes with it, and no byte of it stays. */
static void drop_client(soak *s) {
  for (size_t i = 0; i < CALLS; i++) {
    s->dropped += s->jobs[i].id.id != 0;
    s->jobs[i] = (job){.id = {0}};
  }
  xai_client_free(s->client);
  s->client = NULL;
  CHECK_INT(s->heap.live, 0);
  CHECK_INT(s->heap.bytes, 0);
}

static void start_job(soak *s, job *j) {
  static const soak_plan plans[] = {PLAN_WHOLE, PLAN_WHOLE, PLAN_WHOLE, PLAN_WHOLE, PLAN_WHOLE,
                                    PLAN_WHOLE, PLAN_RESET, PLAN_SHORT, PLAN_ERROR, PLAN_HANG};
  char body[64];
  xai_error err;
  xai_request request = XAI_REQUEST_INIT;
  *j = (job){
    .plan = plans[below(s, 10)], .deltas = 1 + below(s, below(s, 20) == 0 ? 4000 : 60), .cancel_after = -1};
  bool cancels = j->plan == PLAN_HANG || below(s, 8) == 0;
  if (cancels) j->cancel_after = (long)below(s, (uint32_t)j->deltas) * TEXT_LEN;
  if (below(s, 6) == 0) j->hold_turn = s->turn + 1 + below(s, 200);
  snprintf(body, sizeof body, "{\"plan\":%d,\"n\":%ld}", (int)j->plan, j->deltas);
  request.path = "/responses";
  request.body = xai_str_of(body);
  request.stream = true;
  request.user = j;
  j->id = xai_call_start(s->client, &request, &err);
  CHECK_INT(err.code, XAI_OK);
  s->started++;
  if (j->hold_turn > 0) xai_call_hold(s->client, j->id, true);
}

static void fill(soak *s) {
  for (size_t i = 0; i < CALLS; i++) {
    job *j = &s->jobs[i];
    if (j->id.id == 0) start_job(s, j);
    else if (j->hold_turn != 0 && j->hold_turn <= s->turn) {
      j->hold_turn = 0;
      xai_call_hold(s->client, j->id, false);
    }
  }
}

/* ---- what comes */

static bool ended_rightly(const job *j, const xai_result *result) {
  size_t all = (size_t)j->deltas * TEXT_LEN;
  /* A call may have ended before it could be cancelled. */
  if (j->cancelled && result->outcome == XAI_OUTCOME_CANCELLED) return j->bytes <= all;
  switch (j->plan) {
    case PLAN_WHOLE: return result->outcome == XAI_OUTCOME_COMPLETE && j->bytes == all;
    /* A reset may overtake what was sent before it. */
    case PLAN_RESET: return result->outcome != XAI_OUTCOME_COMPLETE && j->bytes <= all;
    case PLAN_SHORT: return result->outcome == XAI_OUTCOME_INCOMPLETE && j->bytes == all;
    case PLAN_ERROR: return result->outcome == XAI_OUTCOME_REFUSED && result->http_status == 400;
    default: return false;
  }
}

static void take_end(soak *s, job *j, const xai_result *result) {
  s->ended++;
  if (!ended_rightly(j, result)) {
    s->wrong++;
    if (s->wrong < 10)
      printf("plan %d ended as %s (%s), %zu bytes of %ld\n", (int)j->plan, xai_outcome_name(result->outcome),
             result->error.message, j->bytes, j->deltas * TEXT_LEN);
  }
  if (result->outcome == XAI_OUTCOME_COMPLETE) s->lost += j->deltas - (long)(j->bytes / TEXT_LEN);
  *j = (job){.id = {0}};
}

static void pull(soak *s) {
  xai_event event;
  while (xai_client_next(s->client, &event) == XAI_OK) {
    job *j = event.user;
    CHECK_INT(j->id.id, event.call.id);
    s->events++;
    if (event.type == XAI_EVENT_END) {
      take_end(s, j, event.result);
      continue;
    }
    if (event.type == XAI_EVENT_TEXT) j->bytes += event.text.len;
    bool enough = j->cancel_after >= 0 && (long)j->bytes >= j->cancel_after && !j->cancelled;
    if (!enough) continue;
    j->cancelled = true;
    xai_call_cancel(s->client, j->id);
  }
}

/* Everything is let go and comes to its end. */
static void drain(soak *s) {
  uint64_t until = now_ms() + 20000;
  for (size_t i = 0; i < CALLS; i++) {
    if (s->jobs[i].id.id == 0) continue;
    s->jobs[i].cancelled = true;
    xai_call_cancel(s->client, s->jobs[i].id);
  }
  while (xai_client_pending(s->client) > 0 && now_ms() < until) {
    CHECK_INT(xai_client_step(s->client, 100), XAI_OK);
    pull(s);
  }
  CHECK_INT(xai_client_pending(s->client), 0);
}

static void run(soak *s, uint64_t seconds) {
  uint64_t begin = now_ms(), end = begin + seconds * 1000, next_sample = begin + seconds * 250,
           next_client = begin;
  open_client(s);
  for (uint64_t now = begin; now < end && check_bad == 0; now = now_ms()) {
    fill(s);
    CHECK_INT(xai_client_step(s->client, 10), XAI_OK);
    pull(s);
    s->turn++;
    if (now >= next_sample && s->sample_count < MOST_SAMPLES) {
      s->samples[s->sample_count++] = resident_kib();
      next_sample = now + SAMPLE_MS;
    }
    if (now < next_client + CLIENT_LIFE_MS) continue;
    next_client = now;
    drop_client(s);
    open_client(s);
  }
  drain(s);
}

/* ---- the verdict */

static double mean(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return count > 0 ? sum / (double)count : 0;
}

static soak world;
static uint64_t seconds = 120;

static void streams_with_churn(void) {
  soak *s = &world;
  int before = descriptors();
  soak_server server;
  CHECK(soak_server_start(&server));
  s->port = server.port;
  s->random = 1;
  run(s, seconds);
  drop_client(s);
  soak_server_stop(&server);
  size_t third = s->sample_count / 3;
  double early = mean(s->samples, third), late = mean(s->samples + s->sample_count - third, third);
  double minutes = (double)(s->sample_count - third) * SAMPLE_MS / 60000;
  printf(
    "soak: %ld calls, %ld events, %u clients; %ld ended, %ld dropped with their client, %ld events lost\n",
    s->started, s->events, s->clients, s->ended, s->dropped, s->lost);
  printf("soak: resident %.0f KiB, then %.0f KiB: %+.0f KiB a minute; descriptors %d before, %d after\n",
         early, late, minutes > 0 ? (late - early) / minutes : 0, before, descriptors());
  CHECK_INT(s->started, s->ended + s->dropped);
  CHECK_INT(s->wrong, 0);
  CHECK_INT(s->lost, 0);
  CHECK(s->started > (long)seconds * 100);
  CHECK_INT(descriptors(), before);
  CHECK(third > 0 && late - early < SLACK_KIB);
}

/* In a process of its own, with the server beside it. */
static char **command;

static void a_program_beside_the_server(void) {
  soak_server server;
  char url[64];
  CHECK(soak_server_start(&server));
  snprintf(url, sizeof url, "http://127.0.250.1:%d/v1", server.port);
  setenv("XAI_SOAK_URL", url, 1);
  pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  int status = -1;
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  soak_server_stop(&server);
}

int main(int argc, char **argv) {
  struct rlimit files;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc > 1) seconds = (uint64_t)strtoul(argv[1], NULL, 10);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max < 8192 ? files.rlim_max : 8192;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  RUN(streams_with_churn);
  if (argc > 2) {
    command = argv + 2;
    RUN(a_program_beside_the_server);
  }
  return check_report("soak");
}
