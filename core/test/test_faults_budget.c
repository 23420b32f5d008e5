/* test_faults_budget.c - F77: a budget holds before, during and after calls, among processes, and through a death.
 * SPDX-License-Identifier: MIT
 *
 * BUDGET_SEED=n runs the interleaving of that seed alone.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "scratch.h"
#include "wire.h"
#include "xai_backoff.h"
#include "xai_share.h"

enum { CENT = 100000000 };

#define JSON "application/json"

static const char no_cost[] =
  "{\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":{\"total_tokens\":42}}";

static xai_budget_options cents(uint64_t count, const char *file) {
  return (xai_budget_options){.limit = count * CENT, .file = file};
}

static void open_with(wire *w, const xai_budget_options *budget) {
  memset(w, 0, sizeof *w);
  w->now = 1000;
  w->wall = 1767225600; /* 2026-01-01 */
  xai_config config = wire_config(w);
  config.budget = *budget;
  xai_error err;
  w->client = xai_client_new(&config, &err);
  CHECK(w->client != NULL);
}

static xai_call_id start(wire *w, uint64_t most) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.most_cost = most;
  request.limits.max_attempts = 1;
  xai_error err;
  xai_call_id id = xai_call_start(w->client, &request, &err);
  CHECK(id.id != 0);
  return id;
}

static xai_budget_state state_of(wire *w) {
  xai_budget_state state;
  CHECK_INT(xai_client_budget(w->client, &state), XAI_OK);
  return state;
}

/* A whole answer that says what it cost and used. */
static void answer(wire *w, uint64_t ticks, uint64_t tokens) {
  char body[256];
  snprintf(body, sizeof body,
           "{\"object\":\"response\",\"status\":\"completed\",\"output\":[],"
           "\"usage\":{\"total_tokens\":%llu,\"cost_in_usd_ticks\":%llu}}",
           (unsigned long long)tokens, (unsigned long long)ticks);
  wire_answer(w, 200, JSON, body);
}

/* ---- one client */

static void F77_a_call_past_the_budget_fails_here_and_says_what_is_left(void) {
  wire w;
  xai_budget_options budget = cents(10, NULL);
  open_with(&w, &budget);
  start(&w, 6 * CENT);
  CHECK_INT(state_of(&w).spent, 6 * CENT);
  CHECK_INT(state_of(&w).reserved, 6 * CENT);
  start(&w, 5 * CENT);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.error.code, XAI_ERR_SPENT);
  CHECK_INT(w.error.kind, XAI_KIND_BUDGET);
  CHECK(!w.error.retryable);
  CHECK(strcmp(w.reason, "budget") == 0);
  CHECK_STR(xai_str_of(w.error.message),
            "over the budget: $0.04 left beside $0.06 held back for calls under way, and it may cost $0.05");
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_NOT_SENT);
  answer(&w, 1234567890, 42);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(wire_request_id(&w), 0); /* the other one never came to the wire */
  CHECK_INT(state_of(&w).spent, 1234567890);
  CHECK_INT(state_of(&w).left, 0); /* it cost more than was told, and that is told */
  CHECK_INT(state_of(&w).reserved, 0);
  wire_close(&w);
}

static void a_budget_in_tokens_counts_tokens(void) {
  wire w;
  xai_budget_options budget = {.limit = 1000, .unit = XAI_BUDGET_TOKENS};
  open_with(&w, &budget);
  start(&w, 900);
  start(&w, 200);
  wire_pull(&w);
  CHECK_STR(
    xai_str_of(w.error.message),
    "over the budget: 100 tokens left beside 900 tokens held back for calls under way, and it may cost 200 tokens");
  answer(&w, 5, 42);
  CHECK_INT(state_of(&w).spent, 42);
  CHECK_INT(state_of(&w).unit, XAI_BUDGET_TOKENS);
  start(&w, 958);
  wire_answer(&w, 200, JSON, "{\"object\":\"response\",\"status\":\"completed\",\"output\":[]}");
  CHECK_INT(state_of(&w).spent, 1000); /* without a usage it stays as it was told */
  wire_close(&w);
}

static void what_costs_nothing_needs_no_budget(void) {
  wire w;
  xai_budget_options budget = cents(1, NULL);
  open_with(&w, &budget);
  start(&w, CENT);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/models";
  xai_error err;
  CHECK(xai_call_start(w.client, &request, &err).id != 0);
  CHECK(wire_request_id(&w) != 0 && wire_request_id(&w) != 0);
  request.path = "/responses";
  request.body = xai_str_of("{}");
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_ARG);
  wire_close(&w);
  wire_open(&w);
  xai_budget_state state;
  CHECK_INT(xai_client_budget(w.client, &state), XAI_ERR_STATE); /* it has none */
  wire_close(&w);
}

/* ---- what an attempt came to */

static uint64_t spent_after(void (*play)(wire *w)) {
  wire w;
  xai_budget_options budget = cents(10, NULL);
  open_with(&w, &budget);
  xai_call_id id = start(&w, 8 * CENT);
  play(&w);
  wire_pull(&w);
  if (w.ends == 0) xai_call_cancel(w.client, id);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(state_of(&w).reserved, 0);
  uint64_t spent = state_of(&w).spent;
  wire_close(&w);
  return spent;
}

static void is_answered(wire *w) {
  answer(w, 3 * CENT, 10);
}

static void is_not_sent(wire *w) {
  xai_wire_finish(w->client, wire_request_id(w), XAI_WIRE_REFUSED);
}

static void is_refused(wire *w) {
  wire_answer(w, 400, JSON, "{\"code\":\"invalid-argument\",\"error\":\"no\"}");
}

static void is_overloaded(wire *w) {
  wire_answer(w, 503, JSON, "{\"code\":\"unavailable\",\"error\":\"busy\"}");
}

static void is_refused_by_policy(wire *w) {
  wire_answer(w, 403, JSON,
              "{\"code\":\"permission-denied\",\"error\":\"Content violates usage guidelines\"}");
}

static void is_lost(wire *w) {
  xai_wire_finish(w->client, wire_request_id(w), XAI_WIRE_RESET);
}

static void fails_behind(wire *w) {
  wire_answer(w, 502, JSON, "{\"error\":\"bad gateway\"}");
}

static void is_cut(wire *w) {
  uint32_t id = wire_request_id(w);
  wire_head(w, id, 200, JSON);
  wire_bytes(w, id, "{\"usage\":{\"cost_in_usd_ticks\":1}", 33);
  xai_wire_finish(w->client, id, XAI_WIRE_SHORT);
}

static void is_cancelled(wire *w) {
  CHECK(wire_request_id(w) != 0);
}

static void F77_what_may_have_been_billed_stays_spent(void) {
  CHECK_INT(spent_after(is_answered), 3 * CENT);
  CHECK_INT(spent_after(is_not_sent), 0);
  CHECK_INT(spent_after(is_refused), 0);
  CHECK_INT(spent_after(is_overloaded), 0);
  CHECK_INT(spent_after(is_refused_by_policy), 8 * CENT); /* for which the vendor takes a fee */
  CHECK_INT(spent_after(is_lost), 8 * CENT);
  CHECK_INT(spent_after(fails_behind), 8 * CENT);
  CHECK_INT(spent_after(is_cut), 8 * CENT);
  CHECK_INT(spent_after(is_cancelled), 8 * CENT);
}

/* A usage in the middle of a stream is not the last word. */
static void F77_the_usage_of_a_stream_that_is_cut_is_not_its_cost(void) {
  wire w;
  xai_budget_options budget = cents(10, NULL);
  open_with(&w, &budget);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/chat/completions";
  request.body = xai_str_of("{}");
  request.stream = true;
  request.most_cost = 8 * CENT;
  xai_error err;
  CHECK(xai_call_start(w.client, &request, &err).id != 0);
  static const char chunk[] =
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}],"
    "\"usage\":{\"total_tokens\":1,\"cost_in_usd_ticks\":1}}\n\n";
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, "text/event-stream");
  wire_bytes(&w, id, chunk, strlen(chunk));
  xai_wire_finish(w.client, id, XAI_WIRE_RESET);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK(w.response != NULL && strstr(w.response, "cost_in_usd_ticks") != NULL);
  CHECK_INT(state_of(&w).spent, 8 * CENT);
  wire_close(&w);
}

static void F77_each_attempt_is_held_back_by_itself(void) {
  wire w;
  xai_budget_options budget = cents(10, NULL);
  open_with(&w, &budget);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.most_cost = 6 * CENT;
  request.retry_unknown = true; /* it may be billed twice, but not beyond the budget */
  xai_error err;
  CHECK(xai_call_start(w.client, &request, &err).id != 0);
  is_lost(&w);
  for (int i = 0; i < 100 && w.ends == 0; i++) {
    w.now += 100;
    xai_client_step(w.client, 0);
    wire_pull(&w);
  }
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.attempts, 2);
  CHECK_INT(w.attempt[1].code, XAI_ERR_SPENT);
  CHECK_INT(w.attempt[1].outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK_INT(w.error.code, XAI_ERR_RESET); /* what it ended with says more */
  CHECK_INT(state_of(&w).spent, 6 * CENT);
  wire_close(&w);
}

static void F77_a_cost_that_the_answer_does_not_tell_can_be_told(void) {
  wire w;
  xai_budget_options budget = cents(10, NULL);
  open_with(&w, &budget);
  xai_call_id id = start(&w, 8 * CENT);
  uint32_t request = wire_request_id(&w);
  CHECK_INT(xai_call_settle(w.client, id, 1), XAI_ERR_STATE); /* it runs */
  wire_head(&w, request, 200, JSON);
  wire_bytes(&w, request, no_cost, strlen(no_cost));
  xai_wire_finish(w.client, request, XAI_WIRE_DONE);
  xai_event event;
  CHECK_INT(xai_client_next(w.client, &event), XAI_OK);
  while (event.type != XAI_EVENT_END && xai_client_next(w.client, &event) == XAI_OK) continue;
  CHECK_INT(event.type, XAI_EVENT_END);
  CHECK(event.result->is_unsettled);
  CHECK_INT(state_of(&w).spent, 8 * CENT);
  CHECK_INT(xai_call_settle(w.client, id, 2 * CENT), XAI_OK);
  CHECK_INT(xai_call_settle(w.client, id, 2 * CENT), XAI_ERR_STATE); /* once */
  CHECK_INT(state_of(&w).spent, 2 * CENT);
  wire_close(&w);
}

/* ---- with limits and a line */

static void a_call_that_does_not_fit_does_not_stand_in_line(void) {
  wire w = {.now = 1000, .wall = 1767225600};
  xai_rate rate = {.concurrent = 1};
  xai_config config = wire_config(&w);
  config.budget = cents(10, NULL);
  config.rates = &rate;
  config.rate_count = 1;
  w.client = xai_client_new(&config, NULL);
  start(&w, 6 * CENT);
  start(&w, 5 * CENT); /* does not fit */
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.error.code, XAI_ERR_SPENT);
  xai_call_id second = start(&w, 4 * CENT), third = start(&w, 3 * CENT); /* each fits, both do not */
  CHECK_INT(xai_call_place(w.client, second), 1);
  CHECK_INT(xai_call_place(w.client, third), 2);
  answer(&w, 5 * CENT, 1); /* 5 are left: the second goes, and has them all but one */
  answer(&w, 4 * CENT, 1);
  CHECK_INT(w.ends, 4);
  CHECK_INT(w.error.code, XAI_ERR_SPENT);
  CHECK_INT(state_of(&w).spent, 9 * CENT);
  wire_close(&w);
}

/* ---- the calendar */

static void F77_a_day_begins_at_zero_and_finds_its_own_again(void) {
  scratch s = scratch_open();
  for (int with_file = 0; with_file < 2; with_file++) {
    wire w;
    xai_budget_options budget = cents(10, with_file ? s.path : NULL);
    budget.every = XAI_BUDGET_DAY;
    budget.name = "bot";
    open_with(&w, &budget);
    start(&w, 6 * CENT);
    answer(&w, 6 * CENT, 1);
    CHECK_INT(state_of(&w).resets_at_s, 1767225600 + 86400);
    w.wall += 86400;
    CHECK_INT(state_of(&w).spent, 0);
    start(&w, 7 * CENT);
    w.wall += 86400; /* its answer comes on another day, and is counted on its own */
    answer(&w, 2 * CENT, 1);
    CHECK_INT(state_of(&w).spent, 0);
    w.wall -= 86400;
    CHECK_INT(state_of(&w).spent, with_file ? 2 * CENT : 0);
    w.wall -= 86400;
    CHECK_INT(state_of(&w).spent, with_file ? 6 * CENT : 0);
    wire_close(&w);
  }
  scratch_close(&s);
}

static void a_month_ends_with_its_last_day(void) {
  wire w;
  xai_budget_options budget = cents(10, NULL);
  budget.every = XAI_BUDGET_MONTH;
  open_with(&w, &budget);
  for (int day = 0; day < 146097; day += 13) { /* 400 years, in which the calendar repeats itself */
    time_t at = (time_t)day * 86400 + 43200;
    struct tm t;
    gmtime_r(&at, &t);
    struct tm next = {.tm_year = t.tm_year, .tm_mon = t.tm_mon + 1, .tm_mday = 1};
    w.wall = at;
    CHECK_INT(state_of(&w).resets_at_s, timegm(&next));
    if (check_bad) break;
  }
  w.wall = -5; /* before 1970 is 1970 */
  CHECK_INT(state_of(&w).resets_at_s, 31 * 86400);
  wire_close(&w);
}

/* ---- files */

static void names_keep_budgets_of_one_file_apart(void) {
  scratch s = scratch_open();
  xai_budget_options a = cents(10, s.path), b = a, tokens = a;
  b.name = "b";
  tokens.unit = XAI_BUDGET_TOKENS;
  wire w[4];
  open_with(&w[0], &a);
  open_with(&w[1], &b);
  open_with(&w[2], &tokens);
  open_with(&w[3], &a);
  start(&w[0], CENT);
  CHECK_INT(state_of(&w[0]).spent, CENT);
  CHECK_INT(state_of(&w[1]).spent, 0);
  CHECK_INT(state_of(&w[2]).spent, 0);
  CHECK_INT(state_of(&w[3]).spent, CENT);
  CHECK_INT(state_of(&w[3]).reserved, 0); /* not by this one */
  for (int i = 0; i < 4; i++) wire_close(&w[i]);
  scratch_close(&s);
}

static void a_file_that_goes_away_is_an_error_and_no_crash(void) {
  for (int how = 0; how < 2; how++) {
    scratch s = scratch_open();
    xai_budget_options budget = cents(10, s.path);
    wire w;
    open_with(&w, &budget);
    start(&w, CENT);
    CHECK_INT(how == 0 ? truncate(s.path, 0) : unlink(s.path), 0);
    answer(&w, 2, 1);
    CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    start(&w, CENT);
    wire_pull(&w);
    CHECK_INT(w.error.code, XAI_ERR_FILE);
    xai_budget_state state;
    CHECK_INT(xai_client_budget(w.client, &state), XAI_ERR_FILE);
    wire_close(&w);
    scratch_close(&s);
  }
}

static void what_cannot_be_a_budget_is_refused(void) {
  scratch s = scratch_open();
  wire w = {.now = 1};
  xai_config config = wire_config(&w);
  xai_error err;
  config.budget = cents(1, s.folder);
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_FILE);
  config.budget = (xai_budget_options){.limit = UINT64_MAX};
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  char name[65] = "";
  memset(name, 'x', 64);
  config.budget = (xai_budget_options){.limit = 1, .name = name};
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  xai_share share;
  CHECK_INT(xai__share_open(&share, s.path, NULL), XAI_OK);
  for (int i = 0; i < XAI_SHARE_COUNTERS; i++) {
    snprintf(name, sizeof name, "%d", i);
    CHECK(xai__share_counter(&share, "x", xai_str_of(name)) != NULL);
  }
  xai__share_close(&share);
  config.budget = cents(1, s.path);
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_FILE);
  scratch_close(&s);
}

static xai_code open_on(const xai_mem *mem) {
  scratch s = scratch_open();
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.budget = cents(10, s.path);
  config.mem = *mem;
  xai_client *client = xai_client_new(&config, &err);
  xai_client_free(client);
  scratch_close(&s);
  return err.code;
}

/* ---- chance */

/* What the vendor bills, whatever the client learns of it. */
static uint64_t play_one(wire *w, uint64_t *random) {
  uint32_t id = wire_request_id(w);
  if (id == 0) return 0;
  uint64_t cost = xai__random(random) % 1001;
  char body[256];
  snprintf(body, sizeof body,
           "{\"object\":\"response\",\"status\":\"completed\",\"output\":[],"
           "\"usage\":{\"total_tokens\":5,\"cost_in_usd_ticks\":%llu}}",
           (unsigned long long)cost);
  size_t len = strlen(body);
  switch (xai__random(random) % 6) {
    case 0: xai_wire_finish(w->client, id, XAI_WIRE_REFUSED); return 0;
    case 1:
      wire_head(w, id, 503, JSON);
      xai_wire_finish(w->client, id, XAI_WIRE_DONE);
      return 0;
    case 2: xai_wire_finish(w->client, id, XAI_WIRE_RESET); return cost;
    case 3: len = xai__random(random) % len; break;
    default: break;
  }
  wire_head(w, id, 200, JSON);
  wire_bytes(w, id, body, len);
  xai_wire_finish(w->client, id, len == strlen(body) ? XAI_WIRE_DONE : XAI_WIRE_SHORT);
  return cost;
}

static void interleave(uint64_t seed) {
  enum { CLIENTS = 4 };
  scratch s = scratch_open();
  uint64_t random = seed, billed = 0, limit = 20000 + xai__random(&random) % 100000;
  xai_budget_options budget = {.limit = limit, .file = s.path};
  static wire w[CLIENTS];
  for (int i = 0; i < CLIENTS; i++) open_with(&w[i], &budget);
  for (int i = 0; i < 600 && !check_bad; i++) {
    wire *one = &w[xai__random(&random) % CLIENTS];
    uint32_t what = xai__random(&random) % 5;
    if (what < 2) start(one, 1000);
    else if (what < 4) billed += play_one(one, &random);
    else if (xai__random(&random) % 20 ==
             0) { /* it goes, whatever is under way; the vendor may bill that all the same */
      for (uint32_t id = wire_request_id(one); id != 0; id = wire_request_id(one)) billed += 1000;
      wire_close(one);
      open_with(one, &budget);
    }
    one->now += 10;
    xai_client_step(one->client, 0);
    wire_pull(one);
    uint64_t spent = state_of(one).spent;
    CHECK(billed <= spent && spent <= limit);
  }
  for (int i = 0; i < CLIENTS; i++) wire_close(&w[i]);
  scratch_close(&s);
  if (check_bad) printf("BUDGET_SEED=%llu\n", (unsigned long long)seed);
}

static void F77_no_interleaving_spends_more_than_the_limit_or_forgets_a_bill(void) {
  const char *one = getenv("BUDGET_SEED");
  if (one != NULL) interleave(strtoull(one, NULL, 10));
  for (uint64_t seed = 1; one == NULL && seed <= 60 && !check_bad; seed++) interleave(seed);
}

/* ---- processes */

/* Calls until nothing is left, and is killed in the middle of a call when it has made so many. */
static void spend_all(const char *path, uint64_t seed, _Atomic uint64_t *billed, int calls) {
  xai_budget_options budget = {.limit = 100000, .file = path};
  static wire w;
  open_with(&w, &budget);
  uint64_t random = seed;
  for (int i = 0; i < 10000; i++) {
    start(&w, 1000);
    uint32_t id = wire_request_id(&w);
    if (id == 0) break;
    uint64_t cost = xai__random(&random) % 1001;
    atomic_fetch_add(billed, cost);
    if (i == calls) raise(SIGKILL);
    char body[200];
    snprintf(body, sizeof body,
             "{\"object\":\"response\",\"output\":[],\"usage\":{\"cost_in_usd_ticks\":%llu}}",
             (unsigned long long)cost);
    wire_head(&w, id, 200, JSON);
    wire_bytes(&w, id, body, strlen(body));
    xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    wire_pull(&w);
  }
  _exit(0);
}

static void F77_processes_that_are_killed_leave_no_bill_uncounted(void) {
  enum { CHILDREN = 6, KILLED = 3 };
  scratch s = scratch_open();
  _Atomic uint64_t *billed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(billed != MAP_FAILED);
  pid_t children[CHILDREN];
  fflush(stdout);
  for (int i = 0; i < CHILDREN; i++) {
    children[i] = fork();
    if (children[i] == 0) spend_all(s.path, (uint64_t)i + 1, billed, i < KILLED ? 3 * i : -1);
  }
  int killed = 0;
  for (int i = 0; i < CHILDREN; i++) {
    int status = 0;
    CHECK_INT(waitpid(children[i], &status, 0), children[i]);
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  }
  CHECK(killed >= 1);
  wire w;
  xai_budget_options budget = {.limit = 100000, .file = s.path};
  open_with(&w, &budget);
  uint64_t spent = state_of(&w).spent;
  CHECK(spent >= *billed && spent <= 100000);
  CHECK(spent > 100000 - 1000);            /* nothing that could be spent was left */
  CHECK(spent - *billed <= 1000 * KILLED); /* and no more was lost than what was under way */
  start(&w, 1000);
  wire_pull(&w);
  CHECK_INT(w.error.code, XAI_ERR_SPENT);
  wire_close(&w);
  munmap((void *)billed, 4096);
  scratch_close(&s);
}

int main(void) {
  RUN(F77_a_call_past_the_budget_fails_here_and_says_what_is_left);
  RUN(a_budget_in_tokens_counts_tokens);
  RUN(what_costs_nothing_needs_no_budget);
  RUN(F77_what_may_have_been_billed_stays_spent);
  RUN(F77_the_usage_of_a_stream_that_is_cut_is_not_its_cost);
  RUN(F77_each_attempt_is_held_back_by_itself);
  RUN(F77_a_cost_that_the_answer_does_not_tell_can_be_told);
  RUN(a_call_that_does_not_fit_does_not_stand_in_line);
  RUN(F77_a_day_begins_at_zero_and_finds_its_own_again);
  RUN(a_month_ends_with_its_last_day);
  RUN(names_keep_budgets_of_one_file_apart);
  RUN(a_file_that_goes_away_is_an_error_and_no_crash);
  RUN(what_cannot_be_a_budget_is_refused);
  check_nomem("a_client_with_a_budget_lives_without_memory", open_on);
  RUN(F77_no_interleaving_spends_more_than_the_limit_or_forgets_a_bill);
  RUN(F77_processes_that_are_killed_leave_no_bill_uncounted);
  return check_report("faults, budgets");
}
