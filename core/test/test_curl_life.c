/* test_curl_life.c - the transport over libcurl: connections that die, cancel, pause, waking and memory.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exchange.h"

#include <signal.h>

#include "xai_quiet.h"

/* ---- connections that die ---- */

static const lb_step once_then_close[] = {READ, WRITE(OK_HELLO), CLOSE};

static void F16_a_pooled_connection_closed_while_idle(void) {
  const lb_step *const scripts[] = {once_then_close, hello};
  lb_server *s = lb_start(scripts, 2);
  xai_transport *t = open_plain();
  for (int i = 1; i <= 2; i++) {
    call c = {0};
    start(t, s, &c, "POST", "{}");
    run(t, &c.answer);
    CHECK_END(c.answer.end, XAI_OK, true, "done");
    CHECK(i > 1 || lb_wait(s, LB_CLOSED, 1)); /* dead before the second is started */
  }
  CHECK_INT(lb_seen(s, LB_REQUESTS), 2);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  t->ops->free(t);
  lb_stop(s);
}

/* What a second request on a kept connection ends with, and how many requests the server saw. */
static xai_exchange_end second_request(const lb_step *script, const char *method, const char *body,
                                       long *requests, long *connections) {
  const lb_step *const scripts[] = {script, hello};
  lb_server *s = lb_start(scripts, 2);
  xai_transport *t = open_plain();
  call first = {0}, second = {0};
  start(t, s, &first, "POST", "{}");
  run(t, &first.answer);
  start(t, s, &second, method, body);
  run(t, &second.answer);
  CHECK_INT(lb_seen(s, LB_CLOSED) > 0 || lb_wait(s, LB_CLOSED, 1), true);
  *requests = lb_seen(s, LB_REQUESTS);
  *connections = lb_seen(s, LB_CONNECTIONS);
  t->ops->free(t);
  lb_stop(s);
  return second.answer.end;
}

#define FIRST READ, WRITE(OK_HELLO)
static const lb_step close_after_reading[] = {FIRST, READ, CLOSE};
static const lb_step reset_after_reading[] = {FIRST, READ, RESET};
static const lb_step close_before_reading[] = {FIRST, ARRIVAL, CLOSE};
static const lb_step close_after_head[] = {FIRST, READ_HEAD, CLOSE};

static void F17_a_pooled_connection_dies_with_the_request(void) {
  const lb_step *const scripts[] = {close_after_reading, reset_after_reading};
  for (int i = 0; i < 2; i++) {
    long requests, connections;
    xai_exchange_end end = second_request(scripts[i], "POST", "{}", &requests, &connections);
    CHECK_END(end, XAI_ERR_RESET, true, "wait");
    CHECK(!end.not_processed);
    CHECK_INT(requests, 2); /* the first, and the second once */
  }
}

/* One that libcurl asks for piece by piece. */
static void F17_no_resend_of_a_large_body_either(void) {
  enum { LARGE = 100000 };
  char *body = malloc(LARGE + 1);
  long requests, connections;
  memset(body, ' ', LARGE);
  body[LARGE] = '\0';
  xai_exchange_end end = second_request(close_after_reading, "POST", body, &requests, &connections);
  CHECK_END(end, XAI_ERR_RESET, true, "wait");
  CHECK_INT(requests, 2);
  free(body);
}

static void F17_no_resend_without_a_body_either(void) {
  long requests, connections;
  xai_exchange_end end = second_request(close_after_reading, "DELETE", "", &requests, &connections);
  CHECK_END(end, XAI_ERR_RESET, true, "wait");
  CHECK_INT(requests, 2);
  end = second_request(close_after_reading, "POST", "", &requests, &connections);
  CHECK_END(end, XAI_ERR_RESET, true, "wait");
  CHECK_INT(requests, 2);
}

static void F17_a_get_may_be_resent(void) {
  long requests, connections;
  xai_exchange_end end = second_request(close_after_reading, "GET", "", &requests, &connections);
  CHECK_END(end, XAI_OK, true, "done");
  CHECK_INT(connections, 2);
}

/* What comes on a kept connection before anything was asked is nobody's answer, though it looks like one. */
static void F26_a_surplus_that_comes_late(void) {
  static const char other[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother";
  const lb_step surplus[] = {READ, WRITE(OK_HELLO), GATE(1), WRITE(other), CLOSE};
  const lb_step *const scripts[] = {surplus, hello};
  lb_server *s = lb_start(scripts, 2);
  xai_transport *t = open_plain();
  for (int i = 1; i <= 2; i++) {
    call c = {0};
    start(t, s, &c, "POST", "{}");
    run(t, &c.answer);
    CHECK_END(c.answer.end, XAI_OK, true, "done");
    CHECK_STR(xai_str_of(c.answer.body), "hello");
    lb_open_gate(s, 1);
    CHECK(i > 1 || lb_wait(s, LB_CLOSED, 1)); /* the surplus is there before the second is started */
  }
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  t->ops->free(t);
  lb_stop(s);
}

static void F16_a_pooled_connection_closed_without_reading(void) {
  const lb_step *const scripts[] = {close_before_reading, close_after_head};
  for (int i = 0; i < 2; i++) {
    long requests, connections;
    xai_exchange_end end = second_request(scripts[i], "POST", "{}", &requests, &connections);
    CHECK_INT(end.code, XAI_ERR_RESET);
    CHECK_INT(requests, i == 0 ? 1 : 2); /* whether to repeat is not ours to say */
  }
}

static void F17_a_fresh_connection_dies_with_the_request(void) {
  static const lb_step closes[] = {READ, CLOSE};
  static const lb_step resets[] = {READ, RESET};
  for (int i = 0; i < 2; i++) {
    world w = {0};
    exchange_once(&w, i == 0 ? closes : resets, "POST", "{}");
    CHECK_END(w.call.answer.end, XAI_ERR_RESET, true, "wait");
    CHECK_INT(lb_seen(w.server, LB_REQUESTS), 1);
    world_end(&w);
  }
}

static void F48_a_reset_within_the_body(void) {
  const lb_step script[] = {READ, WRITE(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), GATE(1),
                            RESET};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {0};
  start(t, s, &c, "POST", "{}");
  for (int i = 0; i < 1000 && c.answer.len < 5; i++) step(t, 10);
  lb_open_gate(s, 1);
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_RESET, true, "body");
  CHECK_STR(xai_str_of(c.answer.body), "hello");
  t->ops->free(t);
  lb_stop(s);
}

static volatile sig_atomic_t pipes;
static void count_pipe(int number) {
  (void)number;
  pipes++;
}

static void raise_pipe(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  close(ends[0]);
  CHECK(write(ends[1], "x", 1) < 0);
  close(ends[1]);
}

/* What a TLS library may do inside of libcurl. */
static void F95_a_sigpipe_is_dropped_where_it_is_ours(void) {
  struct sigaction mine = {.sa_handler = count_pipe}, before;
  sigset_t pipe_alone, mask;
  sigemptyset(&pipe_alone);
  sigaddset(&pipe_alone, SIGPIPE);
  sigaction(SIGPIPE, &mine, &before);
  pipes = 0;
  xai_quiet quiet = xai__quiet_begin();
  raise_pipe();
  xai__quiet_end(&quiet);
  CHECK_INT(pipes, 0);
  raise_pipe(); /* the program's own reaches it as ever */
  CHECK_INT(pipes, 1);

  /* One that the program holds back itself is still there afterwards, and so is its mask. */
  pthread_sigmask(SIG_BLOCK, &pipe_alone, NULL);
  quiet = xai__quiet_begin();
  raise_pipe();
  xai__quiet_end(&quiet);
  sigpending(&mask);
  CHECK_INT(sigismember(&mask, SIGPIPE), 0);
  raise_pipe();
  quiet = xai__quiet_begin();
  raise_pipe();
  xai__quiet_end(&quiet);
  sigpending(&mask);
  CHECK_INT(sigismember(&mask, SIGPIPE), 1);
  pthread_sigmask(SIG_UNBLOCK, &pipe_alone, NULL);
  CHECK_INT(pipes, 2);
  sigaction(SIGPIPE, &before, NULL);
}

static void F95_no_sigpipe_reaches_the_program(void) {
  static char body[8 << 20];
  struct sigaction mine = {.sa_handler = count_pipe}, before, after;
  sigset_t mask_before, mask_after;
  pipes = 0;
  memset(body, 'x', sizeof body - 1);
  sigaction(SIGPIPE, &mine, &before);
  pthread_sigmask(SIG_BLOCK, NULL, &mask_before);
  const lb_step script[] = {READ_HEAD, RESET};
  world w = {0};
  exchange_once(&w, script, "POST", body);
  CHECK_INT(w.call.answer.end.code, XAI_ERR_RESET);
  CHECK_INT(w.call.answer.end.sent, true);
  world_end(&w);
  pthread_sigmask(SIG_BLOCK, NULL, &mask_after);
  CHECK_INT(sigismember(&mask_after, SIGPIPE), sigismember(&mask_before, SIGPIPE));
  sigaction(SIGPIPE, &before, &after);
  CHECK(after.sa_handler == count_pipe);
  CHECK_INT(pipes, 0);
}

/* ---- cancel, pause, descriptor, alarm ---- */

static void nothing_more_is_told(xai_transport *t, const call *c) {
  answer before = c->answer;
  for (int i = 0; i < 5; i++) step(t, 0);
  CHECK(memcmp(&before, &c->answer, sizeof before) == 0);
}

static void F63_cancel_before_a_step_and_while_connecting(void) {
  dead_host d = dead_host_start();
  xai_transport *t = open_plain();
  for (int steps = 0; steps < 4; steps += 3) {
    call c = {0};
    snprintf(c.url, sizeof c.url, "http://127.0.0.1:%d/", d.port);
    start_url(t, &c, "POST", xai_str_of("{}"));
    for (int i = 0; i < steps; i++) step(t, 0);
    t->ops->cancel(t, c.exchange);
    CHECK_INT(c.answer.dones, 0);
    nothing_more_is_told(t, &c);
  }
  CHECK_INT(t->ops->timeout(t, 0), -1);
  t->ops->free(t);
  dead_host_end(&d);
}

static void F63_cancel_while_resolving(void) {
  xai_transport *t = open_plain();
  call c = {.url = "http://nonexistent.invalid/"};
  start_url(t, &c, "POST", xai_str_of("{}"));
  step(t, 0);
  if (c.answer.dones == 0) t->ops->cancel(t, c.exchange);
  nothing_more_is_told(t, &c);
  t->ops->free(t);
}

static void F63_cancel_while_waiting_in_headers_and_in_the_body(void) {
  static const char *const starts[] = {"", OK_HEAD "A: b\r\n", CHUNKED "5\r\nhello\r\n"};
  for (int i = 0; i < 3; i++) {
    const lb_step script[] = {READ, WRITE(starts[i]), AWAIT_EOF};
    const lb_step *const scripts[] = {script};
    lb_server *s = lb_start(scripts, 1);
    xai_transport *t = open_plain();
    call c = {0};
    start(t, s, &c, "POST", "{}");
    for (int n = 0; n < 1000 && lb_seen(s, LB_REQUESTS) < 1; n++) step(t, 10);
    for (int n = 0; n < 1000 && c.answer.statuses < (i > 0); n++) step(t, 10);
    for (int n = 0; n < 1000 && c.answer.len < (i == 2 ? 5 : 0); n++) step(t, 10);
    t->ops->cancel(t, c.exchange);
    CHECK(lb_wait(s, LB_EOFS, 1)); /* the server can stop */
    CHECK_INT(c.answer.dones, 0);
    nothing_more_is_told(t, &c);
    t->ops->free(t);
    lb_stop(s);
  }
}

static void freeing_ends_what_is_in_flight(void) {
  const lb_step script[] = {READ, AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call calls[3] = {0};
  for (int i = 0; i < 3; i++) start(t, s, &calls[i], "POST", "{}");
  for (int n = 0; n < 1000 && lb_seen(s, LB_REQUESTS) < 3; n++) step(t, 10);
  t->ops->free(t);
  CHECK(lb_wait(s, LB_EOFS, 3));
  for (int i = 0; i < 3; i++) CHECK_INT(calls[i].answer.dones, 0);
  lb_stop(s);
}

static void F57_a_pause_holds_the_server_back(void) {
  enum { TOTAL = 64 << 20, PIECE = 1 << 16 };
  static char piece[PIECE];
  memset(piece, 'x', sizeof piece);
  const lb_step script[] = {READ,
                            WRITE(OK_HEAD "Content-Length: 67108864\r\n\r\n"),
                            {LB_REPEAT, piece, PIECE, TOTAL / PIECE},
                            AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {.answer.allowance = 100000};
  start(t, s, &c, "GET", "");
  uint64_t until = xai__poll_now() + 10000;
  /* It comes to a stand: the sink takes no more, and the server cannot write any more either. */
  while ((lb_seen(s, LB_BLOCKED) < 3 || !c.answer.paused) && xai__poll_now() < until) step(t, 5);
  CHECK(c.answer.paused);
  CHECK(lb_seen(s, LB_BLOCKED) >= 3);
  CHECK(lb_written(s) < TOTAL);
  CHECK(c.answer.len <= 100000);
  size_t stood_at = c.answer.len;
  for (int i = 0; i < 5; i++) step(t, 0);
  CHECK_INT(c.answer.len, stood_at);

  /* Resuming tells nothing before a step, and then everything comes. */
  c.answer.allowance = SIZE_MAX;
  c.answer.paused = false;
  t->ops->resume(t, c.exchange);
  CHECK_INT(c.answer.len, stood_at);
  CHECK_INT(t->ops->timeout(t, 0), 0);
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_OK, true, "done");
  CHECK_INT(c.answer.len, TOTAL);
  t->ops->free(t);
  lb_stop(s);
}

/* Paused at each byte: nothing is lost, doubled or turned round, whatever the framing. */
static void a_pause_keeps_every_byte(void) {
  static const char bytes[] = CHUNKED "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n";
  const lb_step script[] = {READ, WRITE(bytes), CLOSE};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {.answer.allowance = 1};
  start(t, s, &c, "GET", "");
  uint64_t until = xai__poll_now() + 10000;
  while (c.answer.dones == 0 && xai__poll_now() < until) {
    step(t, 20);
    if (!c.answer.paused) continue;
    c.answer.paused = false;
    c.answer.allowance++;
    t->ops->resume(t, c.exchange);
    t->ops->resume(t, c.exchange); /* twice does no harm */
  }
  CHECK_END(c.answer.end, XAI_OK, true, "done");
  CHECK_STR(xai_str_of(c.answer.body), "hello world");
  t->ops->free(t);
  lb_stop(s);
}

static void F63_cancel_while_paused_and_about_to_resume(void) {
  const lb_step script[] = {READ, WRITE(OK_HEAD "Content-Length: 50\r\n\r\nhello"), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  static call calls[3];
  memset(calls, 0, sizeof calls);
  for (int i = 0; i < 3; i++) {
    calls[i].answer.allowance = 1;
    start(t, s, &calls[i], "GET", "");
    for (int n = 0; n < 1000 && !calls[i].answer.paused; n++) step(t, 10);
    CHECK(calls[i].answer.paused);
  }
  for (int i = 0; i < 3; i++) t->ops->resume(t, calls[i].exchange);
  t->ops->cancel(t, calls[1].exchange);
  t->ops->cancel(t, calls[2].exchange);
  t->ops->cancel(t, calls[0].exchange);
  CHECK(lb_wait(s, LB_EOFS, 3));
  for (int i = 0; i < 3; i++) nothing_more_is_told(t, &calls[i]);
  t->ops->free(t);
  lb_stop(s);
}

static void the_same_bytes_are_told_wherever_they_are_paused_and_cut(void) {
  enum { N = 300 };
  static char bytes[20000];
  size_t len = (size_t)snprintf(bytes, sizeof bytes, "%s", CHUNKED);
  unsigned long want = 0;
  for (int i = 0; i < N; i++) {
    len += (size_t)snprintf(bytes + len, sizeof bytes - len, "6\r\n%06d\r\n", i);
    char six[8];
    snprintf(six, sizeof six, "%06d", i);
    for (int k = 0; k < 6; k++) want = want * 31 + (unsigned char)six[k];
  }
  snprintf(bytes + len, sizeof bytes - len, "0\r\n\r\n");
  const lb_step script[] = {READ, SPLIT(bytes, 997), CLOSE};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {.answer.allowance = 1};
  start(t, s, &c, "GET", "");
  uint64_t until = xai__poll_now() + 10000;
  while (c.answer.dones == 0 && xai__poll_now() < until) {
    step(t, 20);
    if (!c.answer.paused) continue;
    c.answer.paused = false;
    c.answer.allowance += 7;
    t->ops->resume(t, c.exchange);
  }
  CHECK_INT(c.answer.end.code, XAI_OK);
  CHECK_INT(c.answer.len, 6 * N);
  CHECK_INT(c.answer.sum, want);
  t->ops->free(t);
  lb_stop(s);
}

static bool readable(int fd, int wait_ms) {
  struct pollfd one = {fd, POLLIN, 0};
  return poll(&one, 1, wait_ms) == 1;
}

static void the_descriptor_tells_when_to_step(void) {
  const lb_step script[] = {READ, GATE(1), WRITE(OK_HELLO), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  int fd = t->ops->fd(t);
  if (fd >= 0) {
    CHECK(!readable(fd, 0));
    call c = {.answer.allowance = 1};
    start(t, s, &c, "POST", "{}");
    CHECK(readable(fd, 10000)); /* there is something to begin with */
    for (int i = 0; i < 1000 && lb_seen(s, LB_REQUESTS) == 0; i++) step(t, 10);
    while (readable(fd, 0)) step(t, 0); /* ends when all is done that can be */
    lb_open_gate(s, 1);
    for (int i = 0; i < 1000 && !c.answer.paused && readable(fd, 10000); i++) step(t, 0);
    CHECK(c.answer.paused);
    for (int i = 0; i < 1000 && readable(fd, 0); i++) step(t, 0);
    CHECK(!readable(fd, 0)); /* a pause does not make a host spin */
    c.answer.allowance = SIZE_MAX;
    t->ops->resume(t, c.exchange);
    for (int i = 0; i < 1000 && c.answer.dones == 0 && readable(fd, 10000); i++) step(t, 0);
    CHECK_INT(c.answer.end.code, XAI_OK);
    CHECK_INT(c.answer.dones, 1);
  }
  t->ops->free(t);
  lb_stop(s);
}

static void an_alarm_wakes_descriptor_and_step(void) {
  xai_transport *t = open_plain();
  int fd = t->ops->fd(t);
  CHECK_INT(t->ops->timeout(t, 0), -1);
  uint64_t from = xai__poll_now();
  t->ops->alarm(t, 1000030, 1000000); /* on a clock of the client's own */
  CHECK(fd < 0 || !readable(fd, 0));
  step(t, 5000);
  CHECK(xai__poll_now() - from >= 29);
  CHECK(xai__poll_now() - from < 3000);
  CHECK(fd < 0 || readable(fd, 1000));
  t->ops->alarm(t, UINT64_MAX, 1000030);
  CHECK(fd < 0 || !readable(fd, 0));
  t->ops->alarm(t, 5, 1000030); /* the past */
  CHECK(fd < 0 || readable(fd, 1000));
  t->ops->alarm(t, UINT64_MAX - 1, 0);
  CHECK(fd < 0 || !readable(fd, 0));
  t->ops->free(t);
}

static void a_step_without_waiting_returns_at_once(void) {
  const lb_step script[] = {READ, AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {0};
  start(t, s, &c, "POST", "{}");
  for (int n = 0; n < 1000 && lb_seen(s, LB_REQUESTS) < 1; n++) step(t, 10);
  uint64_t from = xai__poll_now();
  for (int i = 0; i < 1000; i++) step(t, 0);
  CHECK(xai__poll_now() - from < 1000);
  t->ops->free(t);
  lb_stop(s);
}

/* ---- memory ---- */

static lb_server *shared_server;

static xai_code one_exchange(const xai_mem *mem) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = "";
  xai_transport *t = xai__transport_curl_new(mem, &config, &err);
  if (t == NULL) return err.code;
  char url[80];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", shared_server->port);
  const xai_header headers[] = {{"Authorization", "Bearer k"}};
  xai_exchange_request request = call_with(5000, 5000, 65536, 65536).request;
  request.method = "POST";
  request.url = url;
  request.headers = headers;
  request.header_count = 1;
  request.body = xai_str_of("{}");
  answer a;
  xai_sink sink = sink_of(&a);
  xai_code code = XAI_ERR_NOMEM;
  if (t->ops->start(t, &request, &sink) != NULL) {
    run(t, &a);
    code = a.end.code;
  }
  t->ops->free(t);
  return code;
}

static void nothing_leaks_over_many(void) {
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  check_heap heap = {0, 0, 0, 0, 0};
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = "";
  config.mem = check_heap_mem(&heap);
  xai_transport *t = open_with(&config);
  long after_one = 0;
  for (int i = 0; i < 50; i++) {
    call c = {0};
    start(t, s, &c, "POST", "{}");
    run(t, &c.answer);
    if (i == 0) after_one = heap.live;
  }
  CHECK_INT(heap.live, after_one);
  t->ops->free(t);
  CHECK_INT(heap.live, 0);
  CHECK_INT(heap.bytes, 0);
  lb_stop(s);
}

static void all(void) {
  RUN(F16_a_pooled_connection_closed_while_idle);
  RUN(F17_a_pooled_connection_dies_with_the_request);
  RUN(F17_no_resend_of_a_large_body_either);
  RUN(F17_no_resend_without_a_body_either);
  RUN(F17_a_get_may_be_resent);
  RUN(F16_a_pooled_connection_closed_without_reading);
  RUN(F26_a_surplus_that_comes_late);
  RUN(F17_a_fresh_connection_dies_with_the_request);
  RUN(F48_a_reset_within_the_body);
  RUN(F95_a_sigpipe_is_dropped_where_it_is_ours);
  RUN(F95_no_sigpipe_reaches_the_program);
  RUN(F63_cancel_before_a_step_and_while_connecting);
  RUN(F63_cancel_while_resolving);
  RUN(F63_cancel_while_waiting_in_headers_and_in_the_body);
  RUN(freeing_ends_what_is_in_flight);
  RUN(F57_a_pause_holds_the_server_back);
  RUN(a_pause_keeps_every_byte);
  RUN(F63_cancel_while_paused_and_about_to_resume);
  RUN(the_same_bytes_are_told_wherever_they_are_paused_and_cut);
  RUN(the_descriptor_tells_when_to_step);
  RUN(an_alarm_wakes_descriptor_and_step);
  RUN(a_step_without_waiting_returns_at_once);
  RUN(nothing_leaks_over_many);
}

int main(void) {
  forget_environment();
  run_both_ways(all);
  const lb_step *const scripts[] = {hello};
  shared_server = lb_start(scripts, 1);
  check_nomem("F92_each_allocation_fails", one_exchange);
  lb_stop(shared_server);
  return check_report("curl life");
}
