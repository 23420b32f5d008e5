/* test_faults_net_stream.c - F47 to F49, F57, F58 and F63 on real sockets: streams that break, flood, or are left.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "net.h"

#define SSE_OPEN_END SSE_HEAD "Connection: close\r\n\r\n" /* the body ends with the connection */
#define SSE_CHUNKS SSE_HEAD "Transfer-Encoding: chunked\r\n\r\n"

/* What a test drives by hand: one server, one client, one call. */
typedef struct scene {
  lb_server *server;
  xai_client *client;
  net_call call;
} scene;

static void scene_begin_with(scene *w, const lb_step *const *script, xai_config config) {
  w->server = lb_start(script, 1);
  w->client = net_open_at(&config, NULL, w->server->port);
  net_start(w->client, &w->call, net_request("/responses", "{}", true));
}

static void scene_begin(scene *w, const lb_step *const *script) {
  scene_begin_with(w, script, net_config());
}

static void scene_end(scene *w) {
  xai_client_free(w->client);
  lb_stop(w->server);
}

static void until_deltas(scene *w, int count) {
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (w->call.deltas < count && w->call.ends == 0 && xai__poll_now() < until) net_turn(w->client, 50);
  CHECK_INT(w->call.deltas, count);
}

/* The server sees its peer go, while the client is driven. */
static void until_closed(scene *w, long count) {
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (lb_seen(w->server, LB_EOFS) < count && xai__poll_now() < until) net_turn(w->client, 10);
  CHECK_INT(lb_seen(w->server, LB_EOFS), count);
}

/* ---- waiting */

/* What woke it has been taken: neither the descriptor nor the next step may go on about it. */
static void whoever_pulled_all_events_is_woken_by_the_next_bytes_alone(void) {
  const lb_step gated[] = {
    READ, WRITE(SSE_OPEN_END SSE_OPEN SSE_DELTA("Hel")), GATE(1), WRITE(SSE_DELTA("lo")), GATE(2), CLOSE};
  const lb_step *const scripts[] = {gated};
  scene w;
  scene_begin(&w, scripts);
  struct pollfd watched = {.fd = xai_client_fd(w.client), .events = POLLIN};
  until_deltas(&w, 1);
  if (watched.fd >= 0) CHECK_INT(poll(&watched, 1, 0), 0);
  uint64_t from = xai__poll_now();
  net_turn(w.client, 20);
  CHECK(xai__poll_now() - from >= 19);
  lb_open_gate(w.server, 1);
  if (watched.fd >= 0) CHECK_INT(poll(&watched, 1, 10000), 1);
  until_deltas(&w, 2);
  if (watched.fd >= 0) CHECK_INT(poll(&watched, 1, 0), 0);
  scene_end(&w);
}

/* ---- ends */

static void F47_the_server_holds_on_after_the_marker(void) {
  static const char body[] = SSE_OPEN SSE_DELTA("Hello") SSE_COMPLETED;
  char bytes[4096];
  snprintf(bytes, sizeof bytes, SSE_CHUNKS "%zx\r\n%s\r\n", sizeof body - 1, body);
  const lb_step holds[] = {READ, WRITE(bytes), AWAIT_EOF};
  const lb_step *const scripts[] = {holds};
  scene w;
  scene_begin(&w, scripts);
  net_run(w.client, &w.call);
  CHECK_CALL(w.call, "complete", "answered", XAI_OK);
  CHECK_INT(lb_seen(w.server, LB_EOFS), 0); /* it ended before the connection did */
  uint64_t from = xai__poll_now();
  until_closed(&w, 1);
  CHECK(xai__poll_now() - from < 100 + 200 * slowness());
  scene_end(&w);
}

/* The end of the body may take a moment longer than the marker: the connection is kept then. */
static void F47_a_connection_that_comes_to_rest_is_kept(void) {
  static const char body[] = SSE_OPEN SSE_DELTA("Hello") SSE_COMPLETED;
  char bytes[4096];
  snprintf(bytes, sizeof bytes, SSE_CHUNKS "%zx\r\n%s\r\n", sizeof body - 1, body);
  const lb_step rests[] = {READ, WRITE(bytes), GATE(1), WRITE("0\r\n\r\n"), READ, WRITE(OK_WHOLE), AWAIT_EOF};
  const lb_step *const scripts[] = {rests};
  scene w;
  xai_config config = net_config();
  scene_begin_with(&w, scripts, config);
  net_run(w.client, &w.call);
  lb_open_gate(w.server, 1);
  CHECK_CALL(w.call, "complete", "answered", XAI_OK);
  uint64_t until = xai__poll_now() + 60;
  while (xai__poll_now() < until) net_turn(w.client, 5);
  net_works(w.client);
  if (slowness() == 1) CHECK_INT(lb_seen(w.server, LB_CONNECTIONS), 1);
  scene_end(&w);
}

static void F48_a_reset_within_the_stream(void) {
  static const lb_step resets[] = {READ, WRITE(SSE_OPEN_END SSE_OPEN SSE_DELTA("Hel")), GATE(1), RESET};
  const lb_step *const scripts[] = {resets};
  scene w;
  scene_begin(&w, scripts);
  until_deltas(&w, 1);
  lb_open_gate(w.server, 1);
  net_run(w.client, &w.call);
  CHECK_CALL(w.call, "incomplete", "answered", XAI_ERR_RESET);
  CHECK_STR(xai_str_of(w.call.reason), "reset");
  CHECK_INT(w.call.error.kind, XAI_KIND_TRUNCATED);
  CHECK_STR(xai_str_of(w.call.text), "Hel");
  CHECK(w.call.has_response);
  CHECK_INT(w.call.attempts, 1);
  CHECK_INT(lb_seen(w.server, LB_REQUESTS), 1);
  scene_end(&w);
}

/* Bytes of the first event, or none; the answer began, so the work may have been done. */
static void F49_a_reset_before_the_first_event(void) {
  static const lb_step bare[] = {READ, WRITE(SSE_OPEN_END), RESET};
  static const lb_step begun[] = {READ, WRITE(SSE_OPEN_END "event: response.cre"), RESET};
  const lb_step *const scripts[] = {bare, begun};
  for (int i = 0; i < 4; i++) {
    scene w;
    w.server = lb_start(&scripts[i / 2], 1);
    w.client = net_open(w.server);
    xai_request request = net_request("/responses", "{}", true);
    request.retry_unknown = i % 2 == 1;
    net_start(w.client, &w.call, request);
    net_run(w.client, &w.call);
    CHECK_CALL(w.call, "failed", "unknown", XAI_ERR_RESET);
    CHECK_INT(w.call.attempts, request.retry_unknown ? 3 : 1);
    CHECK_INT(lb_seen(w.server, LB_REQUESTS), w.call.attempts);
    scene_end(&w);
  }
}

/* ---- floods */

static void F57_more_events_than_anybody_takes(void) {
  static char delta[1200];
  size_t len = (size_t)snprintf(delta, sizeof delta, "%s:", SSE_DELTA("x"));
  memset(delta + len, ' ', sizeof delta - len - 1);
  delta[sizeof delta - 2] = '\n';
  const long count = 10000; /* some 11 MB with their comments, more than all buffers between */
  const lb_step floods[] = {
    READ, WRITE(SSE_OPEN_END SSE_OPEN), {LB_REPEAT, delta, 0, count}, WRITE(SSE_COMPLETED), CLOSE};
  const lb_step *const scripts[] = {floods};
  check_heap heap = {0, 0, 0, 0, 0};
  xai_config config = net_config();
  config.mem = check_heap_mem(&heap);
  scene w;
  scene_begin_with(&w, scripts, config);
  /* A few events are taken and then none, until the server cannot get rid of any more. */
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (lb_seen(w.server, LB_BLOCKED) < 3 && w.call.ends == 0 && xai__poll_now() < until) {
    xai_client_step(w.client, 1);
    if (w.call.deltas < 10) net_pull_one(w.client);
  }
  CHECK(lb_seen(w.server, LB_BLOCKED) >= 3);
  CHECK_INT(w.call.ends, 0);
  CHECK(heap.peak < 1 << 20);
  net_run(w.client, &w.call);
  CHECK_CALL(w.call, "complete", "answered", XAI_OK);
  CHECK_INT(w.call.deltas, count);
  CHECK(heap.peak < 2 << 20); /* the text itself is in it */
  scene_end(&w);
  CHECK_INT(heap.live, 0);
}

/* A clock that the test can push on. */
static uint64_t pushed_now(void *user) {
  return xai__poll_now() + *(uint64_t *)user;
}

static int64_t pushed_wall(void *user) {
  return 1767225600 + (int64_t)(*(uint64_t *)user / 1000);
}

static void F58_a_program_that_takes_a_second_for_each_event(void) {
  static const char delta[] = SSE_DELTA("x");
  enum { COUNT = 400 };
  const lb_step floods[] = {
    READ, WRITE(SSE_OPEN_END SSE_OPEN), {LB_REPEAT, delta, 0, COUNT}, WRITE(SSE_COMPLETED), CLOSE};
  const lb_step *const scripts[] = {floods};
  uint64_t pushed = 0;
  xai_config config = net_config();
  config.clock = (xai_clock){pushed_now, pushed_wall, &pushed};
  config.limits.deadline_ms = 3600000;
  config.limits.silence_ms = 10000;
  config.limits.data_silence_ms = 10000;
  scene w;
  scene_begin_with(&w, scripts, config);
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (w.call.ends == 0 && xai__poll_now() < until) {
    xai_client_step(w.client, 1);
    if (net_pull_one(w.client)) pushed += 1000;
  }
  CHECK_CALL(w.call, "complete", "answered", XAI_OK);
  CHECK_INT(w.call.deltas, COUNT);
  CHECK(pushed > 40 * 10000);
  scene_end(&w);
}

/* ---- leaving */

/* The moment of a cancel, and how soon its END came. */
static void cancel_now(scene *w) {
  uint64_t from = xai__poll_now();
  xai_call_cancel(w->client, w->call.id);
  net_turn(w->client, 0);
  CHECK_INT(w->call.ends, 1);
  CHECK(w->call.ended_at - from < 50 * slowness());
  CHECK_STR(xai_str_of(xai_outcome_name(w->call.outcome)), "cancelled");
  CHECK_INT(w->call.error.code, XAI_ERR_CANCELLED);
  CHECK_INT(xai_client_pending(w->client), 0);
}

static void F63_cancel_before_anything_is_sent(void) {
  static const lb_step waits[] = {READ, AWAIT_EOF};
  const lb_step *const scripts[] = {waits};
  scene w;
  scene_begin(&w, scripts);
  cancel_now(&w);
  for (int i = 0; i < 5; i++) net_turn(w.client, 1);
  CHECK_INT(lb_seen(w.server, LB_REQUESTS), 0);
  scene_end(&w);
}

static void F63_cancel_while_connecting(void) {
  dead_host d = dead_host_start();
  scene w;
  xai_config config = net_config();
  w.client = net_open_at(&config, NULL, d.port);
  net_start(w.client, &w.call, net_request("/responses", "{}", true));
  for (int i = 0; i < 3; i++) net_turn(w.client, 1);
  cancel_now(&w);
  xai_client_free(w.client);
  dead_host_end(&d);
}

static void F63_cancel_in_headers_and_between_and_within_events(void) {
  static const char *const begun[] = {
    "", OK_HEAD "Content-Type: text/ev", SSE_OPEN_END, SSE_OPEN_END SSE_OPEN SSE_DELTA("Hel"),
    SSE_OPEN_END SSE_OPEN SSE_DELTA("Hel") "event: response.output_text.de"};
  for (int i = 0; i < 5; i++) {
    const lb_step waits[] = {READ, WRITE(begun[i]), GATE(1), AWAIT_EOF};
    const lb_step *const scripts[] = {waits};
    scene w;
    scene_begin(&w, scripts);
    uint64_t until = xai__poll_now() + 10000 * slowness();
    while (lb_seen(w.server, LB_REQUESTS) < 1 && xai__poll_now() < until) net_turn(w.client, 10);
    if (i >= 3) until_deltas(&w, 1);
    cancel_now(&w);
    CHECK_STR(xai_str_of(xai_attempt_class_name(w.call.attempt[0].outcome)), i < 3 ? "unknown" : "answered");
    CHECK_STR(xai_str_of(w.call.given_text), i < 3 ? "" : "Hel"); /* so far */
    lb_open_gate(w.server, 1);
    until_closed(&w, 1); /* so that the server can stop */
    scene_end(&w);
  }
}

static void F63_cancel_after_the_end(void) {
  static const lb_step answers[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const scripts[] = {answers};
  scene w;
  scene_begin(&w, scripts);
  net_run(w.client, &w.call);
  xai_call_cancel(w.client, w.call.id);
  for (int i = 0; i < 3; i++) net_turn(w.client, 1);
  CHECK_INT(w.call.ends, 1);
  CHECK_CALL(w.call, "complete", "answered", XAI_OK);
  net_works(w.client);
  CHECK_INT(lb_seen(w.server, LB_CONNECTIONS), 1);
  scene_end(&w);
}

static void all(void) {
  RUN(F47_the_server_holds_on_after_the_marker);
  RUN(F47_a_connection_that_comes_to_rest_is_kept);
  RUN(F48_a_reset_within_the_stream);
  RUN(F49_a_reset_before_the_first_event);
  RUN(F57_more_events_than_anybody_takes);
  RUN(F58_a_program_that_takes_a_second_for_each_event);
  RUN(F63_cancel_before_anything_is_sent);
  RUN(F63_cancel_while_connecting);
  RUN(F63_cancel_in_headers_and_between_and_within_events);
  RUN(F63_cancel_after_the_end);
}

int main(void) {
  forget_environment();
  run_both_ways(all);
  RUN(whoever_pulled_all_events_is_woken_by_the_next_bytes_alone);
  return net_report("faults on the wire: streams");
}
