/* test_faults_shared.c - F76: clients of several processes share one limit, on a clock that the tests move.
 * SPDX-License-Identifier: MIT
 *
 * Real processes hammer one file; the parent gives them the time, and waits for all of them before it goes on. What
 * each of them sends is written into memory that they have in common, and the sums are taken from there.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "scratch.h"
#include "wire.h"
#include "xai_backoff.h"

enum { START = 1000000, SECOND = 1000, MINUTE = 60000, MOST = 40000 };

/* A request as a server would see it. */
typedef struct sending {
  uint64_t at, tokens;
} sending;

typedef struct seen {
  _Atomic uint64_t now;
  _Atomic size_t count;
  sending list[MOST];
} seen;

static uint64_t most_in(const seen *all, uint64_t span_ms, bool of_tokens) {
  uint64_t most = 0, sum = 0;
  for (size_t first = 0, last = 0; last < all->count; last++) {
    sum += of_tokens ? all->list[last].tokens : 1;
    for (; all->list[last].at - all->list[first].at >= span_ms; first++)
      sum -= of_tokens ? all->list[first].tokens : 1;
    if (sum > most) most = sum;
  }
  return most;
}

static seen *new_seen(void) {
  seen *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(all != MAP_FAILED);
  all->now = START;
  return all;
}

static uint64_t seen_now(void *user) {
  return atomic_load(&((seen *)user)->now);
}

static int64_t seen_wall(void *user) {
  (void)user;
  return 1767225600;
}

/* ---- a client that keeps asking */

typedef struct asker {
  xai_client *client;
  seen *all;
  uint64_t random;
  size_t pending, most_pending;
} asker;

static xai_config config_of(seen *all, const xai_rate *rates, size_t count, const char *share,
                            uint64_t seed) {
  xai_config config = XAI_CONFIG_INIT;
  config.base_url = "http://wire/v1";
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.clock = (xai_clock){seen_now, seen_wall, all};
  config.rates = rates;
  config.rate_count = count;
  config.rates_fixed = true;
  config.share = share;
  config.seed = seed + 1;
  return config;
}

static xai_call_id ask(xai_client *client, uint64_t tokens, uint32_t deadline_ms) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.model = "grok-4.6";
  request.tokens = tokens;
  request.limits.deadline_ms = deadline_ms;
  request.limits.max_attempts = 1;
  xai_error err;
  xai_call_id id = xai_call_start(client, &request, &err);
  CHECK(id.id != 0);
  return id;
}

/* Answers one request: it used what was expected, or less, or was never taken. */
static void answer(asker *a, const xai_wire_request *request) {
  uint64_t expected = 1000, used = xai__random(&a->random) % (expected + 1);
  size_t place = atomic_fetch_add(&a->all->count, 1);
  CHECK(place < MOST);
  if (place >= MOST) return;
  a->all->list[place] = (sending){atomic_load(&a->all->now), used};
  char body[200];
  snprintf(
    body, sizeof body,
    "{\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":{\"total_tokens\":%llu}}",
    (unsigned long long)used);
  xai_wire_status(a->client, request->id, 200);
  xai_wire_header(a->client, request->id, "Content-Type", "application/json");
  xai_wire_body(a->client, request->id, body, strlen(body));
  xai_wire_finish(a->client, request->id, XAI_WIRE_DONE);
}

static void turn(asker *a) {
  xai_wire_request request;
  xai_event event;
  while (a->pending < a->most_pending) {
    ask(a->client, 1000, XAI_NO_LIMIT);
    a->pending++;
  }
  xai_client_step(a->client, 0);
  while (xai_wire_next(a->client, &request) == XAI_OK) answer(a, &request);
  while (xai_client_next(a->client, &event) == XAI_OK)
    if (event.type == XAI_EVENT_END) a->pending--;
}

/* ---- several clients of one process */

static const xai_rate some_rates[] = {
  {"grok-4.6", 20, 400, 260000, 3}, /* a place that one forgets would soon be missed */
  {NULL, 0, 390, 0, 0},
};

static void check_sums(const seen *all, uint64_t minutes) {
  CHECK(most_in(all, SECOND, false) <= 20);
  CHECK(most_in(all, MINUTE, false) <= 390);
  CHECK(most_in(all, MINUTE, true) <= 260000);
  CHECK(all->count >= 390 * minutes * 8 / 10); /* and what is allowed is used */
}

static void F76_clients_of_one_process_stay_within_the_limit_together(void) {
  enum { CLIENTS = 5, MINUTES = 4 };
  scratch s = scratch_open();
  seen *all = new_seen();
  asker askers[CLIENTS];
  xai_error err;
  uint64_t random = 76;
  for (size_t i = 0; i < CLIENTS; i++) {
    xai_config config = config_of(all, some_rates, 2, s.path, i);
    askers[i] = (asker){xai_client_new(&config, &err), all, i, 0, 30};
    CHECK(askers[i].client != NULL);
  }
  while (all->now < START + MINUTES * MINUTE && !check_bad) {
    all->now += 1 + xai__random(&random) % 60;
    turn(&askers[xai__random(&random) % CLIENTS]);
  }
  check_sums(all, MINUTES);
  for (size_t i = 0; i < CLIENTS; i++) xai_client_free(askers[i].client);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

/* ---- processes */

typedef struct child {
  pid_t process;
  int to, from;
} child;

/* Each byte it gets is a turn, which it answers by a byte; at the end of them it goes. */
static int hammer(seen *all, const xai_config *config, int in, int out) {
  xai_error err;
  asker a = {xai_client_new(config, &err), all, config->seed, 0, 30};
  if (a.client == NULL) return 1;
  char byte;
  while (read(in, &byte, 1) == 1) {
    turn(&a);
    if (check_bad || write(out, &byte, 1) != 1) return 1;
  }
  xai_client_free(a.client);
  return check_bad;
}

static child spawn(seen *all, const xai_config *config) {
  int to[2], from[2];
  CHECK(pipe(to) == 0 && pipe(from) == 0);
  fflush(stdout);
  child c = {fork(), to[1], from[0]};
  if (c.process == 0) {
    close(to[1]);
    close(from[0]);
    _exit(hammer(all, config, to[0], from[1]));
  }
  close(to[0]);
  close(from[1]);
  return c;
}

/* Each child has copies of what leads to those before it, so all ends are closed first. */
static void close_children(child *children, size_t count) {
  for (size_t i = 0; i < count; i++) close(children[i].to);
  for (size_t i = 0; i < count; i++) {
    int status = 1;
    CHECK_INT(waitpid(children[i].process, &status, 0), children[i].process);
    CHECK_INT(status, 0);
    close(children[i].from);
  }
}

/* All at once, so that they meet in the file. */
static void turn_all(child *children, size_t count) {
  char byte = 0;
  for (size_t i = 0; i < count; i++) CHECK_INT(write(children[i].to, &byte, 1), 1);
  for (size_t i = 0; i < count; i++) CHECK_INT(read(children[i].from, &byte, 1), 1);
}

static void F76_processes_stay_within_the_limit_together(void) {
  enum { CHILDREN = 4, MINUTES = 3, TICK = 50 };
  scratch s = scratch_open();
  seen *all = new_seen();
  child children[CHILDREN];
  for (size_t i = 0; i < CHILDREN; i++) {
    xai_config config = config_of(all, some_rates, 2, s.path, i);
    children[i] = spawn(all, &config);
  }
  for (; all->now < START + MINUTES * MINUTE && !check_bad; all->now += TICK) turn_all(children, CHILDREN);
  check_sums(all, MINUTES);
  close_children(children, CHILDREN);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

/* ---- attempts at once */

static const xai_rate two_at_once[] = {{NULL, 0, 0, 0, 2}};

/* So many attempts of a client are on the wire; their requests stay unanswered. */
static size_t requests_of(xai_client *client) {
  xai_wire_request request;
  size_t count = 0;
  xai_client_step(client, 0);
  while (xai_wire_next(client, &request) == XAI_OK) count++;
  return count;
}

/* Takes a place, says so, and is killed in the middle of its call. */
static child spawn_victim(seen *all, const char *path) {
  int from[2];
  CHECK_INT(pipe(from), 0);
  fflush(stdout);
  child c = {fork(), -1, from[0]};
  if (c.process == 0) {
    xai_config config = config_of(all, two_at_once, 1, path, 9);
    xai_client *client = xai_client_new(&config, NULL);
    char count = 0;
    if (client != NULL) {
      ask(client, 1, XAI_NO_LIMIT);
      count = (char)requests_of(client);
    }
    if (write(from[1], &count, 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(from[1]);
  return c;
}

static void F76_the_place_of_a_process_that_was_killed_is_free_again(void) {
  scratch s = scratch_open();
  seen *all = new_seen();
  xai_error err;
  xai_config config = config_of(all, two_at_once, 1, s.path, 1);
  xai_client *client = xai_client_new(&config, &err);
  if (client == NULL && err.code == XAI_ERR_FILE) {
    check_not_run("this system has no locks of open file descriptions");
    munmap(all, sizeof *all);
    scratch_close(&s);
    return;
  }
  child victim = spawn_victim(all, s.path);
  char count = 0;
  CHECK_INT(read(victim.from, &count, 1), 1);
  CHECK_INT(count, 1);
  ask(client, 1, XAI_NO_LIMIT);
  xai_call_id second = ask(client, 1, XAI_NO_LIMIT);
  CHECK_INT(requests_of(client), 1); /* the other place is the child's */
  CHECK_INT(xai_call_place(client, second), 1);
  all->now += 5000;
  CHECK_INT(requests_of(client), 0);
  CHECK(xai_client_timeout(client) > 0 && xai_client_timeout(client) <= 100); /* it looks again soon */
  kill(victim.process, SIGKILL);
  CHECK_INT(waitpid(victim.process, NULL, 0), victim.process);
  close(victim.from);
  all->now += 100;
  CHECK_INT(requests_of(client), 1);
  xai_client_free(client);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

/* ---- whole clients */

static xai_code end_code(xai_client *client, uint32_t *retry_after_ms) {
  xai_event event;
  while (xai_client_next(client, &event) == XAI_OK) {
    if (event.type != XAI_EVENT_END) continue;
    *retry_after_ms = event.result->error.retry_after_ms;
    return event.result->error.code;
  }
  return XAI_MORE;
}

static void F76_a_call_that_the_others_leave_no_room_for_in_time_fails_at_once(void) {
  static const xai_rate few[] = {{"grok-4.6", 0, 2, 0, 0}};
  scratch s = scratch_open();
  seen *all = new_seen();
  xai_config config = config_of(all, few, 1, s.path, 1);
  xai_client *a = xai_client_new(&config, NULL), *b = xai_client_new(&config, NULL);
  uint32_t retry_after_ms = 0;
  ask(a, 1, XAI_NO_LIMIT);
  CHECK_INT(requests_of(a), 1);
  ask(b, 1, 10000);
  CHECK_INT(end_code(b, &retry_after_ms), XAI_ERR_RATE);
  CHECK_INT(retry_after_ms, 30000);
  ask(b, 1, 40000);
  CHECK_INT(end_code(b, &retry_after_ms), XAI_MORE); /* it waits */
  all->now += 29999;
  CHECK_INT(requests_of(b), 0);
  all->now += 4000; /* at most an eighth later than it could, so that not all come at once */
  CHECK_INT(requests_of(b), 1);
  xai_client_free(a);
  xai_client_free(b);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

/* Tokens are saved up for a large call; one that waits for something else does not touch them. */
static void F76_a_client_that_waits_costs_the_others_nothing(void) {
  static const xai_rate both[] = {{"grok-4.6", 0, 0, 10000, 0}, {NULL, 0, 0, 0, 1}};
  scratch s = scratch_open();
  seen *all = new_seen();
  xai_config config = config_of(all, both, 2, s.path, 1);
  xai_client *holder = xai_client_new(&config, NULL), *waiter = xai_client_new(&config, NULL);
  config.rate_count = 1;
  xai_client *other = xai_client_new(&config, NULL);
  ask(holder, 1, XAI_NO_LIMIT);
  CHECK_INT(requests_of(holder), 1);
  xai_call_id waiting = ask(waiter, 100, XAI_NO_LIMIT);
  for (int i = 0; i < 1200; i++) {
    all->now += 100;
    CHECK_INT(requests_of(waiter), 0);
  }
  CHECK_INT(xai_call_place(waiter, waiting), 1);
  ask(other, 10000, 1000);
  CHECK_INT(requests_of(other), 1);
  xai_client_free(holder);
  xai_client_free(waiter);
  xai_client_free(other);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

static void F76_what_was_not_sent_is_given_back_to_all(void) {
  static const xai_rate one[] = {{"grok-4.6", 0, 1, 5000, 0}};
  scratch s = scratch_open();
  seen *all = new_seen();
  xai_config config = config_of(all, one, 1, s.path, 1);
  xai_client *a = xai_client_new(&config, NULL), *b = xai_client_new(&config, NULL);
  xai_wire_request request;
  ask(a, 5000, XAI_NO_LIMIT);
  CHECK_INT(xai_wire_next(a, &request), XAI_OK);
  xai_wire_finish(a, request.id, XAI_WIRE_REFUSED);
  ask(b, 500, 1000);
  CHECK_INT(xai_wire_next(b, &request), XAI_OK);
  xai_client_free(a);
  xai_client_free(b);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

static void F76_a_file_that_goes_away_is_an_error_and_no_crash(void) {
  static const xai_rate few[] = {{"grok-4.6", 0, 2, 0, 0}};
  for (int how = 0; how < 2; how++) {
    scratch s = scratch_open();
    seen *all = new_seen();
    xai_config config = config_of(all, few, 1, s.path, 1);
    xai_client *client = xai_client_new(&config, NULL);
    uint32_t retry_after_ms = 0;
    ask(client, 1, XAI_NO_LIMIT);
    ask(client, 1, XAI_NO_LIMIT);
    xai_wire_request request;
    CHECK_INT(xai_wire_next(client, &request), XAI_OK);
    CHECK_INT(how == 0 ? truncate(s.path, 0) : unlink(s.path), 0);
    xai_wire_finish(client, request.id, XAI_WIRE_REFUSED); /* has something to give back, and cannot */
    all->now += MINUTE;
    xai_client_step(client, 0);
    CHECK(end_code(client, &retry_after_ms) != XAI_MORE);
    CHECK_INT(end_code(client, &retry_after_ms), XAI_ERR_FILE); /* the one that waited */
    ask(client, 1, XAI_NO_LIMIT);
    CHECK_INT(end_code(client, &retry_after_ms), XAI_ERR_FILE);
    CHECK_INT(retry_after_ms, 0);
    xai_client_free(client);
    munmap(all, sizeof *all);
    scratch_close(&s);
  }
}

static xai_error refusal(xai_config config) {
  xai_error err;
  xai_client *client = xai_client_new(&config, &err);
  CHECK(client == NULL);
  xai_client_free(client);
  return err;
}

static void what_cannot_be_shared_is_refused(void) {
  static const xai_rate crowd[] = {{NULL, 0, 0, 0, 5000}};
  scratch s = scratch_open();
  seen *all = new_seen();
  xai_config config = config_of(all, NULL, 0, s.path, 1);
  CHECK_INT(refusal(config).code, XAI_ERR_ARG);
  config = config_of(all, crowd, 1, s.path, 1);
  CHECK_INT(refusal(config).code, XAI_ERR_ARG);
  config = config_of(all, some_rates, 2, s.folder, 1);
  CHECK_INT(refusal(config).kind, XAI_KIND_FILE);
  config = config_of(all, some_rates, 2, s.path, 1);
  xai_client *owner = xai_client_new(&config, NULL);
  CHECK(owner != NULL);
  config.clock = (xai_clock){NULL, NULL, NULL};
  CHECK_INT(refusal(config).code, XAI_ERR_FILE); /* the file is of clients that have a clock of their own */
  xai_client_free(owner);
  xai_client *next = xai_client_new(&config, NULL);
  CHECK(next != NULL); /* ... as long as they are there */
  xai_client_free(next);
  munmap(all, sizeof *all);
  scratch_close(&s);
}

static xai_code open_on(const xai_mem *mem) {
  scratch s = scratch_open();
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.rates = some_rates;
  config.rate_count = 2;
  config.share = s.path;
  config.mem = *mem;
  xai_client *client = xai_client_new(&config, &err);
  xai_client_free(client);
  scratch_close(&s);
  return err.code;
}

int main(void) {
  RUN(F76_clients_of_one_process_stay_within_the_limit_together);
  RUN(F76_processes_stay_within_the_limit_together);
  RUN(F76_the_place_of_a_process_that_was_killed_is_free_again);
  RUN(F76_a_call_that_the_others_leave_no_room_for_in_time_fails_at_once);
  RUN(F76_a_client_that_waits_costs_the_others_nothing);
  RUN(F76_what_was_not_sent_is_given_back_to_all);
  RUN(F76_a_file_that_goes_away_is_an_error_and_no_crash);
  RUN(what_cannot_be_shared_is_refused);
  check_nomem("a_client_that_shares_lives_without_memory", open_on);
  return check_report("faults, shared limits");
}
