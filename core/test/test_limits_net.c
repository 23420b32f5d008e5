/* test_limits_net.c - rate limits over real sockets: who waits in line is called up by the client's descriptor.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "net.h"

enum { CALLS = 12 };

static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
static const lb_step *const answering[] = {whole};

static xai_client *client_with(lb_server *s, const xai_rate *rates, size_t count) {
  xai_config config = net_config();
  config.rates = rates;
  config.rate_count = count;
  return net_open_at(&config, NULL, s->port);
}

static void start_all(xai_client *client, net_call calls[CALLS], bool stream) {
  for (int i = 0; i < CALLS; i++) {
    xai_request request = XAI_REQUEST_INIT;
    memset(&calls[i], 0, sizeof calls[i]);
    request.path = "/responses";
    request.body = xai_str_of("{}");
    request.model = "m";
    request.stream = stream;
    request.user = &calls[i];
    calls[i].id = xai_call_start(client, &request, NULL);
    CHECK(calls[i].id.id != 0);
  }
}

static int ended(const net_call calls[CALLS]) {
  int count = 0;
  for (int i = 0; i < CALLS; i++) count += calls[i].ends;
  return count;
}

/* Steps only when the descriptor says so, as a program with an event loop of its own does. */
static void run_by_descriptor(xai_client *client, net_call calls[CALLS]) {
  struct pollfd fd = {.fd = xai_client_fd(client), .events = POLLIN};
  uint64_t until = xai__poll_now() + 10000 * slowness();
  net_turn(client, 0);
  while (ended(calls) < CALLS && xai__poll_now() < until) {
    CHECK_INT(poll(&fd, 1, 5000), 1);
    net_turn(client, 0);
  }
  for (int i = 0; i < CALLS; i++) CHECK_CALL(calls[i], "complete", "answered", XAI_OK);
}

static void one_at_a_time_over_one_connection(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  lb_server *s = lb_start(answering, 1);
  xai_client *client = client_with(s, rates, 1);
  net_call calls[CALLS];
  start_all(client, calls, false);
  CHECK_INT(xai_call_place(client, calls[0].id), 0);
  CHECK_INT(xai_call_place(client, calls[CALLS - 1].id), CALLS - 1);
  run_by_descriptor(client, calls);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
  CHECK_INT(lb_seen(s, LB_REQUESTS), CALLS);
  for (int i = 1; i < CALLS; i++) CHECK(calls[i].ended_at >= calls[i - 1].ended_at);
  xai_client_free(client);
  lb_stop(s);
}

/* That a stream is over shows when its last event is pulled, outside of any step. */
static void a_stream_that_is_over_lets_the_next_one_go(void) {
  static const lb_step stream[] = {READ, WRITE(SSE_HEAD "\r\n" SSE_OPEN SSE_DELTA("Hello") SSE_COMPLETED),
                                   CLOSE};
  static const lb_step *const streaming[] = {stream};
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  lb_server *s = lb_start(streaming, 1);
  xai_client *client = client_with(s, rates, 1);
  net_call calls[CALLS];
  start_all(client, calls, true);
  run_by_descriptor(client, calls);
  CHECK_INT(lb_seen(s, LB_REQUESTS), CALLS);
  for (int i = 1; i < CALLS; i++) CHECK(calls[i].ended_at >= calls[i - 1].ended_at);
  xai_client_free(client);
  lb_stop(s);
}

static void the_rest_goes_when_the_second_is_over(void) {
  const xai_rate rates[] = {{.requests_per_second = CALLS - 2}};
  lb_server *s = lb_start(answering, 1);
  xai_client *client = client_with(s, rates, 1);
  net_call calls[CALLS];
  uint64_t begin = xai__poll_now();
  start_all(client, calls, false);
  uint64_t started = xai__poll_now();
  run_by_descriptor(client, calls);
  CHECK(xai__poll_now() - begin >= 1000);
  for (int i = 0; i < CALLS - 2; i++) CHECK_INT(calls[i].attempt[0].queued_ms, 0);
  /* The second begins with the first call, a while before the last ones are in line. */
  for (int i = CALLS - 2; i < CALLS; i++) CHECK(started + calls[i].attempt[0].queued_ms >= begin + 1000);
  xai_client_free(client);
  lb_stop(s);
}

static void freed_while_calls_are_in_line(void) {
  const xai_rate rates[] = {{.concurrent = 1}};
  lb_server *s = lb_start(answering, 1);
  xai_client *client = client_with(s, rates, 1);
  net_call calls[CALLS];
  start_all(client, calls, false);
  xai_client_free(client);
  lb_stop(s);
}

int main(void) {
  forget_environment();
  RUN(one_at_a_time_over_one_connection);
  RUN(a_stream_that_is_over_lets_the_next_one_go);
  RUN(the_rest_goes_when_the_second_is_over);
  RUN(freed_while_calls_are_in_line);
  return net_report("rate limits on the wire");
}
