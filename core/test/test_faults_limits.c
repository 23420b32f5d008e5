/* test_faults_limits.c - retry, limits, money: faults.md group D against a whole client, in virtual time.
 * SPDX-License-Identifier: MIT */
#include <time.h>

#include "wire.h"

static const char whole_body[] =
  "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"id\":\"m\","
  "\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}],"
  "\"usage\":{\"input_tokens\":30,\"output_tokens\":12,\"total_tokens\":42}}";
static const char overloaded[] =
  "{\"code\":\"The service is currently unavailable\",\"error\":\"Try later.\"}";
static const char too_many[] =
  "{\"code\":\"resource-exhausted\",\"error\":\"Too many requests for team t and model grok-4.6. Your team's rate "
  "limit is - Requests per Second (actual/limit): 21/20. Resets in: 45s.\"}";
static const char too_many_for_ever[] = "{\"code\":\"resource-exhausted\",\"error\":\"Too many requests.\"}";

#define JSON "application/json"

static void open_with(wire *w, const xai_rate *rates, size_t count) {
  *w = (wire){.now = 1000, .wall = 1767225600};
  xai_config config = wire_config(w);
  config.rates = rates;
  config.rate_count = count;
  w->client = xai_client_new(&config, NULL);
  CHECK(w->client != NULL);
}

static xai_call_id start_for(wire *w, const char *model, int priority, uint32_t deadline_ms) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.model = model;
  request.priority = priority;
  request.limits.deadline_ms = deadline_ms;
  xai_error err;
  xai_call_id id = xai_call_start(w->client, &request, &err);
  CHECK(id.id != 0);
  return id;
}

static void answer_with(wire *w, int status, const char *header, const char *value, const char *body) {
  uint32_t id = wire_request_id(w);
  CHECK(id != 0);
  wire_head(w, id, status, JSON);
  if (header != NULL) xai_wire_header(w->client, id, header, value);
  wire_bytes(w, id, body, strlen(body));
  xai_wire_finish(w->client, id, XAI_WIRE_DONE);
}

/* The END of the only call that has one. */
static const xai_result *the_end(wire *w) {
  static xai_event event;
  while (xai_client_next(w->client, &event) == XAI_OK)
    if (event.type == XAI_EVENT_END) return event.result;
  CHECK(false); /* there is no END */
  return NULL;
}

/* ---- waits the server asks for */

static void wait_of(const char *name, const char *value, uint64_t want_ms) {
  wire w;
  open_with(&w, NULL, 0);
  start_for(&w, "m", 0, 0);
  answer_with(&w, 429, name, value, too_many_for_ever);
  wire_pass(&w, 0);
  CHECK_INT(w.retries, 1);
  uint64_t waited = 0;
  uint32_t id = 0;
  for (; waited < 130000 && id == 0; waited++) {
    wire_pass(&w, 1);
    id = wire_request_id(&w);
  }
  if (want_ms > 0) CHECK_INT(waited, want_ms);
  else CHECK(waited >= 1 && waited <= 1500); /* our own backoff */
  wire_close(&w);
}

static void F66_every_form_of_retry_after(void) {
  wait_of("Retry-After", "7", 7000);
  wait_of("Retry-After-Ms", "1500", 1500);
  wait_of("Retry-After", "Thu, 01 Jan 2026 00:00:20 GMT", 20000);
  wait_of("Retry-After", "Thursday, 01-Jan-26 00:00:20 GMT", 20000);
  wait_of("Retry-After", "Thu Jan  1 00:00:20 2026", 20000);
  wait_of("Retry-After", "Wed, 31 Dec 2025 00:00:00 GMT", 0);
  wait_of("Retry-After", "-5", 0);
  wait_of("Retry-After", "soon", 0);
}

static void F67_a_wait_of_a_day_ends_the_call_and_stops_no_other(void) {
  wire w;
  open_with(&w, NULL, 0);
  start_for(&w, "m", 0, 0);
  answer_with(&w, 429, "Retry-After", "86400", too_many_for_ever);
  const xai_result *result = the_end(&w);
  CHECK_INT(result->outcome, XAI_OUTCOME_REFUSED);
  CHECK_INT(result->error.retry_after_ms, 86400000);
  CHECK_INT(result->retry_after_ms, 86400000);
  CHECK(result->retryable && result->repeatable);
  CHECK_INT(result->counts.refused, 1);
  start_for(&w, "m", 0, 0);
  wire_pass(&w, 2000);
  answer_with(&w, 200, NULL, NULL, whole_body);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  wire_close(&w);
}

static void F68_want_of_money_is_named_not_repeated_and_slows_nobody(void) {
  static const char *const bodies[] = {
    "{\"code\":\"personal-team-blocked:spending-limit\",\"error\":\"Your team has reached its spending limit.\"}",
    "{\"code\":\"subscription:free-usage-exhausted\",\"error\":\"Free usage quota exceeded\"}"};
  static const xai_kind kinds[] = {XAI_KIND_SPENDING_LIMIT, XAI_KIND_QUOTA};
  for (int i = 0; i < 2; i++) {
    wire w;
    open_with(&w, NULL, 0);
    start_for(&w, "m", 0, 0);
    answer_with(&w, 429, NULL, NULL, bodies[i]);
    const xai_result *result = the_end(&w);
    CHECK_INT(result->error.kind, kinds[i]);
    CHECK(!result->retryable && !result->repeatable);
    CHECK_INT(result->retry_after_ms, 0);
    CHECK_INT(result->attempt_count, 1);
    for (int n = 0; n < 50; n++) start_for(&w, "m", 0, 0);
    for (int n = 0; n < 50; n++) CHECK(wire_request_id(&w) != 0);
    wire_close(&w);
  }
}

/* ---- a service that refuses for ever */

static double cpu_ms(void) {
  return (double)clock() * 1000 / CLOCKS_PER_SEC;
}

static void F69_429_for_ever_is_bounded_and_then_fails_without_the_network(void) {
  wire w;
  open_with(&w, NULL, 0);
  int calls = 0, requests = 0, ten_s_requests = 0;
  while (w.now < 600000) {
    start_for(&w, "m", 0, 0);
    calls++;
    uint32_t id;
    while ((id = wire_request_id(&w)) != 0) {
      requests++;
      wire_head(&w, id, 429, JSON);
      wire_bytes(&w, id, too_many_for_ever, strlen(too_many_for_ever));
      xai_wire_finish(w.client, id, XAI_WIRE_DONE);
      if (w.now >= 590000) ten_s_requests++;
    }
    wire_pass(&w, 100);
    CHECK(w.attempts <= 4); /* three, and one that never left */
  }
  CHECK(requests <= 120);
  CHECK(ten_s_requests <= 1);
  CHECK(w.ends >= calls - 50);
  double begin = cpu_ms();
  for (int i = 0; i < 1000; i++) {
    start_for(&w, "m", 0, 0);
    const xai_result *result = the_end(&w);
    CHECK_INT(result->outcome, XAI_OUTCOME_FAILED);
    CHECK_INT(result->error.code, XAI_ERR_RATE);
    CHECK_INT(result->error.kind, XAI_KIND_RATE);
    CHECK(result->retryable && result->repeatable && result->retry_after_ms > 0);
    CHECK_INT(result->counts.not_sent, 1);
    CHECK(strcmp(result->attempts[0].phase, "queue") == 0);
  }
  CHECK(cpu_ms() - begin < 1000);
  CHECK_INT(wire_request_id(&w), 0);
  wire_close(&w);
}

/* Whoever waits in line when the breaker opens has nothing to wait for. */
static void F69_nobody_waits_in_line_for_a_service_that_is_away(void) {
  const xai_rate rates[] = {{.model = "slow", .concurrent = 1}};
  wire w = {.now = 1000, .wall = 1767225600};
  xai_config config = wire_config(&w);
  config.rates = rates;
  config.rate_count = 1;
  config.breaker.min_attempts = 10;
  config.breaker.window_ms = 1000;
  config.limits.max_attempts = 1;
  w.client = xai_client_new(&config, NULL);
  start_for(&w, "slow", 0, 0);
  CHECK(wire_request_id(&w) != 0);
  xai_call_id waiting = start_for(&w, "slow", 0, 0);
  for (int i = 0; i < 100 && xai_call_place(w.client, waiting) > 0; i++) {
    CHECK_INT(xai_call_place(w.client, waiting), 1);
    start_for(&w, "m", 0, 0);
    uint32_t id = wire_request_id(&w);
    CHECK(id != 0);
    wire_head(&w, id, 503, JSON);
    xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    if (xai_call_place(w.client, waiting) == 0) break;
    wire_pass(&w, 20);
  }
  xai_event event;
  bool told = false;
  while (xai_client_next(w.client, &event) == XAI_OK) {
    if (event.type != XAI_EVENT_END || event.call.id != waiting.id) continue;
    told = true;
    CHECK_INT(event.result->error.code, XAI_ERR_OPEN);
    CHECK_INT(event.result->error.kind, XAI_KIND_OVERLOADED);
    CHECK(strcmp(event.result->reason, "circuit breaker") == 0);
    CHECK(event.result->repeatable && event.result->retry_after_ms > 0);
  }
  CHECK(told);
  wire_close(&w);
}

/* ---- many callers and a service that comes and goes */

enum { CALLERS = 1000, TICK_MS = 10, LATENCY_TICKS = 5, SECONDS = 130 };

typedef struct crowd {
  wire w;
  uint64_t random;
  uint64_t next_at[CALLERS]; /* UINT64_MAX: it waits for its call */
  uint32_t answers[LATENCY_TICKS][4 * CALLERS];
  size_t answer_count[LATENCY_TICKS];
  int calls[SECONDS], requests[SECONDS], successes[SECONDS], ends;
} crowd;

static crowd c;

static uint32_t chance(uint32_t below) {
  c.random = c.random * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)((c.random >> 33) % below);
}

static void crowd_open(bool breaker_off) {
  memset(&c, 0, sizeof c);
  c.w.now = 1000;
  c.random = 5;
  xai_config config = wire_config(&c.w);
  config.breaker.off = breaker_off;
  c.w.client = xai_client_new(&config, NULL);
  for (int i = 0; i < CALLERS; i++) c.next_at[i] = 1000 + chance(1500);
}

static void crowd_call(size_t second) {
  for (size_t i = 0; i < CALLERS; i++) {
    if (c.next_at[i] > c.w.now) continue;
    xai_request request = XAI_REQUEST_INIT;
    request.path = "/responses";
    request.body = xai_str_of("{}");
    request.model = "m";
    request.user = &c.next_at[i];
    c.next_at[i] = UINT64_MAX;
    c.calls[second]++;
    CHECK(xai_call_start(c.w.client, &request, NULL).id != 0);
  }
}

static void crowd_pull(size_t second) {
  xai_event event;
  while (xai_client_next(c.w.client, &event) == XAI_OK) {
    if (event.type != XAI_EVENT_END) continue;
    c.ends++;
    c.successes[second] += event.result->outcome == XAI_OUTCOME_COMPLETE;
    *(uint64_t *)event.user = c.w.now + 500 + chance(1000);
  }
}

static void crowd_answer(size_t tick, bool down) {
  size_t due = tick % LATENCY_TICKS;
  for (size_t i = 0; i < c.answer_count[due]; i++) {
    uint32_t id = c.answers[due][i];
    const char *body = down ? overloaded : whole_body;
    wire_head(&c.w, id, down ? 503 : 200, JSON);
    CHECK_INT(xai_wire_body(c.w.client, id, body, strlen(body)), XAI_OK);
    xai_wire_finish(c.w.client, id, XAI_WIRE_DONE);
  }
  c.answer_count[due] = 0;
}

static void crowd_run(uint64_t down_from, uint64_t down_until) {
  for (size_t tick = 0; tick < SECONDS * 1000 / TICK_MS; tick++) {
    size_t second = tick * TICK_MS / 1000;
    crowd_answer(tick, second >= down_from && second < down_until);
    crowd_call(second);
    uint32_t id;
    while ((id = wire_request_id(&c.w)) != 0) {
      c.requests[second]++;
      size_t *count = &c.answer_count[tick % LATENCY_TICKS];
      c.answers[tick % LATENCY_TICKS][(*count)++] = id;
    }
    c.w.now += TICK_MS;
    CHECK_INT(xai_client_step(c.w.client, 0), XAI_OK);
    crowd_pull(second);
  }
}

static int sum(const int *counts, size_t begin, size_t end) {
  int all = 0;
  for (size_t i = begin; i < end; i++) all += counts[i];
  return all;
}

/* No second has more than twice what the seconds of its phase have on average. */
static void check_no_wave(const char *phase, size_t begin, size_t end) {
  int all = sum(c.requests, begin, end), seconds = (int)(end - begin), peak = 0;
  for (size_t i = begin; i < end; i++)
    if (c.requests[i] > peak) peak = c.requests[i];
  if (peak * seconds > 2 * all) printf("%s: %d in one of %d seconds, %d in all\n", phase, peak, seconds, all);
  CHECK(peak * seconds <= 2 * all);
}

static void outage(bool breaker_off) {
  crowd_open(breaker_off);
  crowd_run(20, 80);
  int calls = sum(c.calls, 20, 80), requests = sum(c.requests, 20, 80);
  int usual = sum(c.successes, 10, 20) / 10;
  printf(
    "  60 s outage, 1,000 callers, breaker %s: %d calls, %d requests (%.3f a call); before it %d answers/s, "
    "10 s after it %d\n",
    breaker_off ? "off" : "on", calls, requests, (double)requests / calls, usual, c.successes[90]);
  /* R5 allows ten more in each window of ten seconds, and looks back into better times. */
  if (breaker_off) CHECK(requests - calls <= sum(c.calls, 10, 80) / 10 + 70);
  else CHECK(requests * 10 <= calls * 11);
  CHECK(usual > 800);
  for (size_t s = 90; s < SECONDS; s++) CHECK(c.successes[s] * 100 >= usual * 95);
  check_no_wave("before", 5, 20);
  check_no_wave("recovery", 82, 92);
  check_no_wave("after", 92, SECONDS);
  if (breaker_off) {
    check_no_wave("outage", 20, 80);
    return;
  }
  check_no_wave("until it opened", 20, 27);
  check_no_wave("while it was open", 30, 80);
  CHECK(sum(c.requests, 30, 80) <= 75); /* probes */
}

static void F70_an_outage_of_sixty_seconds(void) {
  outage(false);
  wire_close(&c.w);
}

static void F70_the_same_without_the_breaker(void) {
  outage(true);
  wire_close(&c.w);
}

/* ---- half of all attempts fail */

static double success_rate(uint64_t gap_ms, int calls, int *requests) {
  wire w;
  open_with(&w, NULL, 0);
  uint64_t begin = w.now;
  int started = 0, complete = 0;
  *requests = 0;
  while (w.ends < calls) {
    if (started < calls && w.now >= begin + (uint64_t)started * gap_ms) started++, start_for(&w, "m", 0, 0);
    uint32_t id;
    while ((id = wire_request_id(&w)) != 0) {
      bool fails = chance(2) == 0;
      ++*requests;
      wire_head(&w, id, fails ? 503 : 200, JSON);
      const char *body = fails ? overloaded : whole_body;
      wire_bytes(&w, id, body, strlen(body));
      xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    }
    xai_event event;
    while (xai_client_next(w.client, &event) == XAI_OK) {
      if (event.type != XAI_EVENT_END) continue;
      w.ends++;
      complete += event.result->outcome == XAI_OUTCOME_COMPLETE;
      CHECK(event.result->error.code != XAI_ERR_OPEN);
    }
    w.now += 10;
    xai_client_step(w.client, 0);
  }
  wire_close(&w);
  return (double)complete / calls;
}

static void F71_half_of_the_attempts_fail_at_random(void) {
  int requests;
  double few = success_rate(3000, 1000, &requests); /* so few that the budget allows all three attempts */
  CHECK(few > 0.84 && few < 0.91);                  /* 7 in 8 */
  double many = success_rate(10, 20000, &requests);
  CHECK(many > 0.53);
  CHECK(requests <= 20000 + 2000 + 10 * 21);
  CHECK(requests >= 20000 + 1500);
}

/* ---- what may have been billed */

static void F72_timeouts_and_resets_are_never_repeated(void) {
  wire w;
  open_with(&w, NULL, 0);
  int requests = 0;
  for (int i = 0; i < 300; i++) {
    start_for(&w, "m", 0, 0);
    uint32_t id = wire_request_id(&w);
    requests += id != 0;
    if (i % 3 == 0) xai_wire_finish(w.client, id, XAI_WIRE_RESET);
    if (i % 3 == 1) {
      wire_head(&w, id, 200, JSON);
      wire_bytes(&w, id, whole_body, 20);
      xai_wire_finish(w.client, id, XAI_WIRE_SHORT);
    }
    wire_pass(&w, i % 3 == 2 ? 700000 : 3000); /* silence, longer than any limit */
    CHECK_INT(w.ends, i + 1);
    CHECK(w.outcome == XAI_OUTCOME_FAILED || w.outcome == XAI_OUTCOME_INCOMPLETE);
    CHECK_INT(w.attempts, 1);
    wire_pass(&w, 20000);
    CHECK_INT(wire_request_id(&w), 0);
  }
  CHECK_INT(requests, 300); /* amplification 1.00 */
  wire_close(&w);
}

static void F73_the_outcome_says_whether_and_when_to_try_again(void) {
  wire w;
  open_with(&w, NULL, 0);
  start_for(&w, "m", 0, 0);
  answer_with(&w, 503, "Retry-After", "3", overloaded);
  wire_pass(&w, 3000);
  answer_with(&w, 200, NULL, NULL, whole_body);
  const xai_result *result = the_end(&w);
  CHECK_INT(result->outcome, XAI_OUTCOME_COMPLETE);
  CHECK(!result->retryable && !result->repeatable);
  CHECK_INT(result->counts.refused, 1);
  CHECK_INT(result->counts.answered, 1);
  CHECK_INT(result->tokens, 42);
  CHECK_INT(result->attempts[1].tokens, 42);
  int64_t total = 0;
  CHECK(xai_json_int(xai_json_get(result->usage, "total_tokens"), &total) && total == 42);

  start_for(&w, "m", 0, 0); /* unknown: may succeed, may be billed twice */
  xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_RESET);
  result = the_end(&w);
  CHECK(result->retryable && !result->repeatable);
  CHECK_INT(result->counts.unknown, 1);
  CHECK(result->retry_after_ms > 0 && result->retry_after_ms <= 8000);
  CHECK(result->usage == NULL && result->tokens == 0);

  start_for(&w, "m", 0, 0); /* not sent, three times */
  for (int i = 0; i < 3; i++) {
    xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_REFUSED);
    if (i < 2) wire_pass(&w, 8000);
  }
  result = the_end(&w);
  CHECK(result->retryable && result->repeatable);
  CHECK_INT(result->counts.not_sent, 3);

  start_for(&w, "m", 0, 0); /* final */
  answer_with(&w, 400, NULL, NULL, "{\"code\":\"invalid-argument\",\"error\":\"No.\"}");
  result = the_end(&w);
  CHECK(!result->retryable && !result->repeatable && result->retry_after_ms == 0);
  wire_close(&w);
}

/* ---- the idempotency key */

static const char *key_of(const xai_wire_request *request, int *count) {
  const char *key = NULL;
  *count = 0;
  for (size_t i = 0; i < request->header_count; i++) {
    if (strcmp(request->headers[i].name, "Idempotency-Key") != 0) continue;
    key = request->headers[i].value;
    ++*count;
  }
  return key;
}

static void F74_the_idempotency_key_goes_with_each_attempt_of_its_call_alone(void) {
  wire w;
  open_with(&w, NULL, 0);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.idempotency_key = "order-4711";
  CHECK(xai_call_start(w.client, &request, NULL).id != 0);
  for (int attempt = 0; attempt < 3; attempt++) {
    xai_wire_request sent;
    int count;
    CHECK_INT(xai_wire_next(w.client, &sent), XAI_OK);
    const char *key = key_of(&sent, &count);
    CHECK(count == 1 && strcmp(key, "order-4711") == 0);
    xai_wire_finish(w.client, sent.id, XAI_WIRE_REFUSED);
    wire_pass(&w, 8000);
  }
  CHECK_INT(w.ends, 1);
  start_for(&w, NULL, 0, 0);
  xai_wire_request sent;
  int count;
  CHECK_INT(xai_wire_next(w.client, &sent), XAI_OK);
  CHECK(key_of(&sent, &count) == NULL);

  xai_error err;
  request.idempotency_key = "two\r\nX-B: 1";
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_ARG);
  request.idempotency_key = "";
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  const xai_header twice = {"idempotency-key", "b"};
  request.idempotency_key = "a";
  request.headers = &twice;
  request.header_count = 1;
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_ARG);
  wire_close(&w);
}

/* ---- waiting here, not there */

static void F75_none_left_until_T(void) {
  wire w;
  open_with(&w, NULL, 0);
  start_for(&w, "m", 0, 0);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, JSON);
  xai_wire_header(w.client, id, "x-ratelimit-limit-requests", "600");
  xai_wire_header(w.client, id, "x-ratelimit-remaining-requests", "0");
  xai_wire_header(w.client, id, "x-ratelimit-reset-requests", "30s");
  wire_bytes(&w, id, whole_body, strlen(whole_body));
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);

  xai_call_id calls[40];
  for (int i = 0; i < 40; i++) calls[i] = start_for(&w, "m", 0, 0);
  for (size_t i = 0; i < 40; i++) CHECK_INT(xai_call_place(w.client, calls[i]), i + 1);
  start_for(&w, "m", 0, 29000); /* cannot make it, and says so now */
  wire_pull(&w);
  CHECK_INT(w.ends, 2);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.error.code, XAI_ERR_RATE);
  CHECK_INT(w.error.kind, XAI_KIND_RATE);
  CHECK_INT(w.error.retry_after_ms, 30000);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK_INT(xai_client_timeout(w.client), 30000);

  wire_pass(&w, 29999);
  CHECK_INT(wire_request_id(&w), 0);
  int sent = 0, first_second = 0;
  for (int ms = 0; ms < 10000; ms++) {
    wire_pass(&w, 1);
    while (wire_request_id(&w) != 0) sent++;
    if (ms < 1000) first_second = sent;
  }
  CHECK(first_second >= 5 && first_second <= 20); /* 600 a minute, not 40 at once */
  CHECK_INT(sent, 40);
  CHECK_INT(xai_call_place(w.client, calls[0]), 0);
  wire_close(&w);
}

static void F75_a_429_makes_all_calls_of_the_model_wait(void) {
  wire w;
  open_with(&w, NULL, 0);
  start_for(&w, "grok-4.6", 0, 0);
  answer_with(&w, 429, NULL, NULL, too_many);
  xai_call_id second = start_for(&w, "grok-4.6", 0, 0);
  CHECK_INT(xai_call_place(w.client, second), 1);
  start_for(&w, "grok-4.5", 0, 0);
  CHECK(wire_request_id(&w) != 0); /* another model is another matter */
  CHECK_INT(wire_request_id(&w), 0);
  wire_pass(&w, 44999);
  CHECK_INT(wire_request_id(&w), 0);
  int sent = 0;
  for (int ms = 0; ms < 2000; ms += 10) {
    wire_pass(&w, 10);
    while (wire_request_id(&w) != 0) sent++;
  }
  CHECK_INT(sent, 2);
  wire_close(&w);
}

static void F75_nobody_thunders_at_T(void) {
  wire w;
  open_with(&w, NULL, 0);
  for (int i = 0; i < 500; i++) start_for(&w, "m", 0, 0);
  for (int i = 0; i < 500; i++) answer_with(&w, 429, NULL, NULL, too_many);
  for (int i = 0; i < 200; i++) start_for(&w, "m", 0, 0);
  int sent = 0, most = 0;
  wire_pass(&w, 44999);
  CHECK_INT(wire_request_id(&w), 0);
  for (int tenth = 0; tenth < 600; tenth++) {
    int now = 0;
    for (int ms = 0; ms < 100; ms++) {
      wire_pass(&w, 1);
      while (wire_request_id(&w) != 0) now++;
    }
    sent += now;
    if (tenth < 100 && now > most) most = now;
  }
  CHECK(most <= 5);     /* where twenty a second are allowed, and 260 wait */
  CHECK_INT(sent, 260); /* the 200, and the retries that the budget has allowed */
  wire_close(&w);
}

static void forgotten_models_leave_no_trace_in_calls_that_wait(void) {
  wire w;
  open_with(&w, NULL, 0);
  xai_call_id waiting = start_for(&w, "first", 0, 0);
  answer_with(&w, 503, NULL, NULL, overloaded);
  wire_pull(&w);
  CHECK_INT(w.retries, 1);
  char model[32];
  for (int i = 0; i < 100; i++) { /* more models than there is room for */
    snprintf(model, sizeof model, "model-%d", i);
    start_for(&w, model, 0, 0);
    answer_with(&w, 200, NULL, NULL, whole_body);
    wire_pull(&w);
  }
  xai_call_cancel(w.client, waiting);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_CANCELLED);
  start_for(&w, "second", 0, 1000);
  answer_with(&w, 503, NULL, NULL, overloaded);
  for (int i = 0; i < 100; i++) {
    snprintf(model, sizeof model, "model-%d", i);
    start_for(&w, model, 0, 0);
    answer_with(&w, 200, NULL, NULL, whole_body);
    wire_pull(&w);
  }
  wire_pass(&w, 1000);
  wire_pull(&w);
  CHECK_INT(w.ends, 202);
  wire_close(&w);
}

static void an_attempt_tells_how_long_it_stood_in_line(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  wire w;
  open_with(&w, rates, 1);
  start_for(&w, "m", 0, 0);
  start_for(&w, "m", 0, 0);
  wire_pass(&w, 7000);
  answer_with(&w, 200, NULL, NULL, whole_body);
  CHECK_INT(the_end(&w)->attempts[0].queued_ms, 0);
  answer_with(&w, 200, NULL, NULL, whole_body);
  CHECK_INT(the_end(&w)->attempts[0].queued_ms, 7000);
  wire_close(&w);
}

static void F63_a_call_in_line_is_cancelled_and_expires(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  wire w;
  open_with(&w, rates, 1);
  start_for(&w, "m", 0, 0);
  CHECK(wire_request_id(&w) != 0);
  xai_call_id cancelled = start_for(&w, "m", 0, 0), expired = start_for(&w, "m", 0, 5000);
  xai_call_id urgent = start_for(&w, "m", 2, 0);
  CHECK_INT(xai_call_place(w.client, urgent), 1);
  CHECK_INT(xai_call_place(w.client, cancelled), 2);
  xai_call_cancel(w.client, cancelled);
  CHECK_INT(xai_call_place(w.client, expired), 2);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_CANCELLED);
  CHECK_INT(w.attempts, 0);
  wire_pass(&w, 4999);
  CHECK_INT(w.ends, 1);
  wire_pass(&w, 1);
  CHECK_INT(w.ends, 2);
  CHECK_INT(w.error.code, XAI_ERR_DEADLINE);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK(strcmp(w.attempt[0].phase, "queue") == 0);
  CHECK_INT(wire_request_id(&w), 0);
  CHECK_INT(xai_call_place(w.client, urgent), 1);
  wire_close(&w);
}

static void what_an_attempt_before_ended_with_is_told_when_no_other_may_follow(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_minute = 1}};
  wire w;
  open_with(&w, rates, 1);
  start_for(&w, "m", 0, 30000);
  answer_with(&w, 503, NULL, NULL, overloaded);
  wire_pass(&w, 8000);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_REFUSED);
  CHECK_INT(w.error.http_status, 503);
  CHECK(strcmp(w.reason, "rate limit") == 0);
  CHECK_INT(w.attempts, 2);
  CHECK_INT(w.attempt[1].outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK_INT(w.attempt[1].code, XAI_ERR_RATE);
  CHECK(w.error.retry_after_ms > 50000 && w.error.retry_after_ms <= 61000);
  wire_close(&w);

  const xai_rate single[] = {{.model = "m", .concurrent = 1}};
  open_with(&w, single, 1);
  start_for(&w, "m", 0, 30000);
  start_for(&w, "m", 9, 0); /* goes first when the other must be repeated */
  answer_with(&w, 503, NULL, NULL, overloaded);
  wire_pass(&w, 30000);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.error.code, XAI_ERR_DEADLINE);
  wire_close(&w);
}

static void refuses_rates_and_requests_that_make_no_sense(void) {
  wire w = {.now = 1};
  xai_config config = wire_config(&w);
  xai_error err;
  const xai_rate twice[] = {{.model = "m"}, {.model = NULL}, {.model = "m"}};
  config.rates = twice;
  config.rate_count = 3;
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  const xai_rate nobody[] = {{.model = ""}};
  config.rates = nobody;
  config.rate_count = 1;
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  config.rate_count = 33;
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  config.rate_count = 0;
  config.breaker.failed_percent = 101;
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  open_with(&w, NULL, 0);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.priority = 10;
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_ARG);
  wire_close(&w);
}

/* ---- clocks and hedges */

static void F78_no_wait_follows_the_wall_clock(void) {
  static const int64_t jumps[] = {3600, -3600, 86400, -86400, -1767225600, 378691200};
  for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
    const xai_rate rates[] = {{.model = "line", .requests_per_minute = 1}};
    wire w;
    open_with(&w, rates, 1);
    start_for(&w, "retry", 0, 0);
    answer_with(&w, 429, "Retry-After", "20", too_many_for_ever);
    start_for(&w, "line", 0, 0);
    uint32_t slow = wire_request_id(&w);
    start_for(&w, "line", 0, 0); /* goes a minute after the other */
    wire_pass(&w, 100);
    w.wall += jumps[i];
    wire_pass(&w, 19899);
    CHECK_INT(wire_request_id(&w), 0);
    wire_pass(&w, 1);
    CHECK(wire_request_id(&w) != 0);
    wire_pass(&w, 39999);
    CHECK_INT(wire_request_id(&w), 0);
    wire_pass(&w, 1017);
    CHECK(wire_request_id(&w) != 0);
    wire_head(&w, slow, 200, "text/event-stream"); /* a stream that is silent for less than its limit */
    wire_bytes(&w, slow, ": ping\n\n", 8);
    w.wall -= jumps[i];
    wire_pass(&w, 119000);
    CHECK(xai_wire_live(w.client, slow));
    wire_close(&w);
  }
}

static void F79_no_call_is_ever_sent_twice_at_once(void) {
  wire w;
  open_with(&w, NULL, 0);
  start_for(&w, "m", 0, 0);
  CHECK(wire_request_id(&w) != 0);
  for (int i = 0; i < 599; i++) {
    wire_pass(&w, 1000);
    CHECK_INT(wire_request_id(&w), 0);
  }
  CHECK_INT(w.ends, 0);
  wire_close(&w);
}

/* ---- memory */

static xai_code line_scenario(const xai_mem *mem) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  wire w = {.now = 1};
  xai_config config = wire_config(&w);
  config.mem = *mem;
  config.rates = rates;
  config.rate_count = 1;
  xai_error err;
  w.client = xai_client_new(&config, &err);
  if (w.client == NULL) return err.code;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.model = "m";
  request.limits.deadline_ms = 5000;
  int started = 0;
  for (int i = 0; i < 3; i++) started += xai_call_start(w.client, &request, &err).id != 0;
  for (int ms = 0; ms < 6000 && w.ends < started; ms += 100) {
    w.now += 100;
    xai_client_step(w.client, 0);
    wire_pull(&w);
  }
  CHECK_INT(w.ends, started);
  CHECK_INT(xai_client_pending(w.client), 0);
  wire_close(&w);
  return started == 3 ? XAI_OK : XAI_ERR_NOMEM;
}

int main(void) {
  RUN(F63_a_call_in_line_is_cancelled_and_expires);
  RUN(F66_every_form_of_retry_after);
  RUN(F67_a_wait_of_a_day_ends_the_call_and_stops_no_other);
  RUN(F68_want_of_money_is_named_not_repeated_and_slows_nobody);
  RUN(F69_429_for_ever_is_bounded_and_then_fails_without_the_network);
  RUN(F69_nobody_waits_in_line_for_a_service_that_is_away);
  RUN(F70_an_outage_of_sixty_seconds);
  RUN(F70_the_same_without_the_breaker);
  RUN(F71_half_of_the_attempts_fail_at_random);
  RUN(F72_timeouts_and_resets_are_never_repeated);
  RUN(F73_the_outcome_says_whether_and_when_to_try_again);
  RUN(F74_the_idempotency_key_goes_with_each_attempt_of_its_call_alone);
  RUN(F75_none_left_until_T);
  RUN(F75_a_429_makes_all_calls_of_the_model_wait);
  RUN(F75_nobody_thunders_at_T);
  RUN(forgotten_models_leave_no_trace_in_calls_that_wait);
  RUN(an_attempt_tells_how_long_it_stood_in_line);
  RUN(F78_no_wait_follows_the_wall_clock);
  RUN(F79_no_call_is_ever_sent_twice_at_once);
  RUN(what_an_attempt_before_ended_with_is_told_when_no_other_may_follow);
  RUN(refuses_rates_and_requests_that_make_no_sense);
  check_nomem("calls in line", line_scenario);
  return check_report("faults of limits");
}
