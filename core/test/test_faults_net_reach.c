/* test_faults_net_reach.c - F01 to F06, F14, F15 and F101: names, addresses, ports, and time that passes between.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "interpose.h"
#include "net.h"

#define NAME "api.test.invalid"

static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
static const lb_step *const answering[] = {whole};

static xai_client *client_of_name(xai_config config, int port) {
  char base[64];
  snprintf(base, sizeof base, "http://" NAME ":%d/v1", port);
  return net_open_at(&config, base, 0);
}

static void resolve_to(const char *address) {
  resolver_set(&address, 1);
}

/* ---- names */

static void F01_a_name_that_does_not_exist(void) {
  resolver_set(NULL, 0);
  xai_client *client = client_of_name(net_config(), 80);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_RESOLVE);
  CHECK_STR(xai_str_of(c.attempt[0].phase), "resolve");
  CHECK_HAS(c.error.message, NAME);
  CHECK(c.error.retryable);
  CHECK_INT(c.attempts, 3); /* it may be passing */
  CHECK_INT(resolver_asked(), 3);
  xai_client_free(client);
}

static void F01_and_then_it_does(void) {
  lb_server *s = lb_start(answering, 1);
  resolver_set(NULL, 0);
  xai_config config = net_config();
  config.limits.backoff_base_ms = config.limits.backoff_max_ms = 50;
  xai_client *client = client_of_name(config, s->port);
  net_call c;
  net_start(client, &c, net_request("/responses", "{}", false));
  while (c.retries == 0 && c.ends == 0) net_turn(client, 10);
  resolve_to("127.0.0.1");
  net_run(client, &c);
  CHECK_CALL(c, "complete", "not_sent", XAI_OK);
  xai_client_free(client);
  lb_stop(s);
}

static bool leaves_resolvers_behind(void) {
  int major = 0, minor = 0;
  sscanf(xai_curl_version(), "%d.%d", &major, &minor);
  if (major > 7 || minor >= 87) return true;
  not_run("libcurl before 7.87 waits for its resolver");
  return false;
}

static void F02_a_resolver_that_answers_nothing(void) {
  if (!leaves_resolvers_behind()) return;
  resolver_hangs(NAME);
  xai_config config = net_config();
  config.limits.connect_ms = 100;
  config.limits.max_attempts = 2;
  xai_client *client = client_of_name(config, 80);
  net_call c, other;
  uint64_t from = xai__poll_now();
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_RESOLVE);
  CHECK_STR(xai_str_of(c.attempt[0].phase), "resolve");
  CHECK_INT(c.attempts, 2);
  CHECK(xai__poll_now() - from >= 200);
  /* Nor does the end of the client wait for one that is under way. */
  net_start(client, &other, net_request("/responses", "{}", false));
  for (int i = 0; i < 1000 && resolver_asked() < 3; i++) net_turn(client, 1);
  from = xai__poll_now();
  xai_client_free(client);
  CHECK(xai__poll_now() - from < 1000);
  CHECK_INT(other.ends, 0);
  resolver_hangs(NULL);
}

/* One name hangs, other exchanges of the same transport go on, and no step waits for it. */
static void F03_a_slow_resolver_holds_up_its_own_name_alone(void) {
  if (!leaves_resolvers_behind()) return;
  static const char slow_name[] = "slow.test.invalid";
  lb_server *s = lb_start(answering, 1);
  resolver_hangs(slow_name);
  resolve_to("127.0.0.1");
  xai_transport *t = open_plain();
  static call slow;
  slow = call_with(60000, 60000, 65536, 65536);
  snprintf(slow.url, sizeof slow.url, "http://%s:%d/", slow_name, s->port);
  start_url(t, &slow, "POST", xai_str_of("{}"));
  long steps = 0, long_steps = 0;
  for (int i = 0; i < 20; i++) {
    static call c;
    c = (call){0};
    snprintf(c.url, sizeof c.url, "http://%s:%d/", i % 2 ? NAME : "127.0.0.1", s->port);
    start_url(t, &c, "POST", xai_str_of("{}"));
    uint64_t until = xai__poll_now() + 10000;
    while (c.answer.dones == 0 && xai__poll_now() < until) {
      uint64_t from = xai__poll_now();
      step(t, 0);
      steps++;
      long_steps += xai__poll_now() - from > 10;
    }
    CHECK_INT(c.answer.end.code, XAI_OK);
  }
  CHECK(long_steps * 20 < steps); /* the system may have put us aside now and then */
  CHECK_INT(slow.answer.dones, 0);
  resolver_hangs(NULL);
  run(t, &slow.answer);
  CHECK_INT(slow.answer.end.code, XAI_OK);
  t->ops->free(t);
  lb_stop(s);
}

/* Nor do many calls to it, each of which may hold a thread of libcurl's. */
static void F03_many_calls_to_a_slow_name(void) {
  if (!leaves_resolvers_behind()) return;
  enum { N = 40 };
  static call slow[N], other;
  lb_server *s = lb_start(answering, 1);
  resolver_hangs("slow.test.invalid");
  resolve_to("127.0.0.1");
  xai_transport *t = open_plain();
  for (int i = 0; i < N; i++) {
    slow[i] = call_with(60000, 60000, 65536, 65536);
    snprintf(slow[i].url, sizeof slow[i].url, "http://slow.test.invalid:%d/", s->port + i);
    start_url(t, &slow[i], "POST", xai_str_of("{}"));
  }
  other = call_with(10000, 10000, 65536, 65536);
  snprintf(other.url, sizeof other.url, "http://" NAME ":%d/", s->port);
  start_url(t, &other, "POST", xai_str_of("{}"));
  run(t, &other.answer);
  CHECK_INT(other.answer.end.code, XAI_OK);
  for (int i = 0; i < N; i++) CHECK_INT(slow[i].answer.dones, 0);
  t->ops->free(t);
  resolver_hangs(NULL);
  lb_stop(s);
}

/* ---- addresses */

/* Nineteen addresses where nobody answers before the one where somebody does. */
static void F04_the_live_one_among_twenty_addresses(void) {
  enum { N = 20 };
  static char names[N][16];
  const char *addresses[N];
  black_hole holes[N - 1];
  lb_server *s = lb_start(answering, 1);
  size_t dead = 0;
  bool here = true;
  for (; dead < N - 1 && here; dead++) {
    snprintf(names[dead], sizeof names[dead], "127.0.0.%zu", dead + 2);
    addresses[dead] = names[dead];
    here = black_hole_open(&holes[dead], names[dead], s->port);
  }
  addresses[N - 1] = "127.0.0.1";
  if (here) {
    resolver_set(addresses, N);
    xai_config config = net_config();
    config.limits.connect_ms = 600 * slowness();
    xai_client *client = client_of_name(config, s->port);
    net_call c;
    net_ask(client, &c, false);
    CHECK_CALL(c, "complete", "answered", XAI_OK);
    CHECK_INT(c.attempts, 1);
    CHECK(c.attempt[0].took_ms < 600 * slowness());
    CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
    net_works(client); /* over the same connection */
    CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
    xai_client_free(client);
  } else {
    not_run("this system has one loopback address");
  }
  for (size_t i = 0; i < dead; i++) black_hole_close(&holes[i]);
  lb_stop(s);
}

/* A race can be cancelled, left in the middle, or come to nothing in time. */
static void F04_races_that_are_not_won(void) {
  static const char *const two[] = {"127.0.0.2", "127.0.0.3"};
  int port;
  close(lb_listen(1, &port));
  black_hole holes[2];
  bool here = black_hole_open(&holes[0], two[0], port);
  here = black_hole_open(&holes[1], two[1], port) && here;
  if (!here) not_run("this system has one loopback address");
  for (int i = 0; i < 3 && here; i++) {
    check_heap heap = {0, 0, 0, 0, 0};
    resolver_set(two, 2);
    xai_config config = net_config();
    config.mem = check_heap_mem(&heap);
    config.limits.connect_ms = 200;
    config.limits.max_attempts = 1;
    xai_client *client = client_of_name(config, port);
    net_call c;
    net_start(client, &c, net_request("/responses", "{}", false));
    uint64_t until = xai__poll_now() + 100; /* the race began at 40 */
    while (i < 2 && xai__poll_now() < until) net_turn(client, 5);
    if (i == 0) xai_call_cancel(client, c.id);
    if (i != 1) net_run(client, &c);
    if (i == 2) {
      CHECK_CALL(c, "failed", "not_sent", XAI_ERR_CONNECT);
      CHECK_STR(xai_str_of(c.attempt[0].phase), "connect");
      CHECK_HAS(c.error.message, NAME);
    }
    xai_client_free(client); /* i == 1: in the middle of it */
    CHECK_INT(heap.live, 0);
  }
  black_hole_close(&holes[0]);
  black_hole_close(&holes[1]);
}

static void F05_packets_of_ipv6_vanish(void) {
  static const char *const both[] = {"::1", "127.0.0.1"};
  lb_server *s = lb_start(answering, 1);
  black_hole hole;
  if (!black_hole_open(&hole, "::1", s->port)) {
    not_run("no IPv6 on the loopback interface");
  } else {
    resolver_set(both, 2);
    xai_client *client = client_of_name(net_config(), s->port);
    uint64_t from = xai__poll_now();
    net_works(client);
    uint64_t took = xai__poll_now() - from;
    CHECK(took >= 100);                   /* it was tried, */
    CHECK(took < 250 + 250 * slowness()); /* and not waited for */
    CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
    xai_client_free(client);
  }
  black_hole_close(&hole);
  lb_stop(s);
}

/* ---- ports */

static void F06_a_port_that_refuses(void) {
  int port;
  close(lb_listen(1, &port));
  xai_config config = net_config();
  xai_client *client = net_open_at(&config, NULL, port);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_CONNECT);
  CHECK_STR(xai_str_of(c.attempt[0].phase), "connect");
  CHECK_HAS(c.error.message, "refused");
  CHECK_INT(c.attempts, 3);
  xai_client_free(client);
}

/* The first waits of a thousand callers lie anywhere between nothing and the base, and few are granted one. */
static void F06_a_thousand_callers_do_not_retry_in_step(void) {
  enum { N = 1000, BASE = 60000 };
  static net_call calls[N];
  long tenths[10] = {0}, waits = 0, ends = 0;
  int port;
  close(lb_listen(1, &port));
  xai_config config = net_config();
  config.limits.deadline_ms = 600000;
  config.limits.backoff_base_ms = config.limits.backoff_max_ms = BASE;
  xai_client *client = net_open_at(&config, NULL, port);
  for (int i = 0; i < N; i++) net_start(client, &calls[i], net_request("/responses", "{}", false));
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (waits + ends < N && xai__poll_now() < until) {
    xai_event event;
    xai_client_step(client, 10);
    while (xai_client_next(client, &event) == XAI_OK) {
      ends += event.type == XAI_EVENT_END;
      if (event.type != XAI_EVENT_RETRY) continue;
      waits++;
      tenths[(uint64_t)event.retry_ms * 10 / (BASE + 1)]++;
    }
  }
  CHECK_INT(waits + ends, N);
  CHECK_INT(waits, N / 10 + 10); /* R5 */
  for (int i = 0; i < 10; i++) CHECK(tenths[i] > 0 && tenths[i] < waits / 4);
  xai_client_free(client);
}

/* ---- time that passes */

/* A second server on the same port of another address of this machine. */
static lb_server *start_beside(const lb_server *first, const char *address) {
  struct addrinfo *at = resolver_one(address, NULL);
  ((struct sockaddr_in *)at->ai_addr)->sin_port = htons((uint16_t)first->port);
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  bool bound = bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, 64) == 0;
  freeaddrinfo(at);
  if (bound) return lb_start_on(fd, first->port, answering, 1);
  close(fd);
  return NULL;
}

static void F14_an_address_changes(void) {
  static const lb_step once[] = {
    READ, WRITE(JSON_HEAD "Connection: close\r\nContent-Length: 132\r\n\r\n" WHOLE), CLOSE};
  const lb_step *const scripts[] = {once};
  lb_server *old = lb_start(scripts, 1), *fresh = start_beside(old, "127.0.0.2");
  if (fresh == NULL) {
    not_run("this system has one loopback address");
    lb_stop(old);
    return;
  }
  resolve_to("127.0.0.1");
  xai_client *client = client_of_name(net_config(), old->port);
  net_works(client);
  resolve_to("127.0.0.2");
  pass_seconds(30);
  net_works(client);
  CHECK_INT(resolver_asked(), 0); /* kept for a while */
  CHECK_INT(lb_seen(old, LB_REQUESTS), 2);
  pass_seconds(31);
  net_works(client);
  CHECK_INT(resolver_asked(), 1);
  CHECK_INT(lb_seen(fresh, LB_REQUESTS), 1);
  xai_client_free(client);
  lb_stop(old);
  lb_stop(fresh);
}

static void F14_a_connection_lives_ten_minutes_at_most(void) {
  lb_server *s = lb_start(answering, 1);
  resolve_to("127.0.0.1");
  xai_client *client = client_of_name(net_config(), s->port);
  for (int seconds = 0; seconds <= 560; seconds += 40) {
    net_works(client);
    CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1); /* busy, so it is kept */
    pass_seconds(40);
  }
  pass_seconds(1);
  net_works(client);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  xai_client_free(client);
  lb_stop(s);
}

/* The peer and every box between may have forgotten the kept connection; nothing tells so. */
static void F15_a_machine_wakes_after_eight_hours(void) {
#if defined(CLOCK_BOOTTIME)
  static const lb_step mute[] = {READ, WRITE(OK_WHOLE), AWAIT_EOF};
  const lb_step *const scripts[] = {mute, whole};
  lb_server *s = lb_start(scripts, 2);
  xai_client *client = net_open(s);
  net_works(client);
  sleep_seconds(8 * 3600);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_INT(c.attempts, 1);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  CHECK_INT(lb_seen(s, LB_REQUESTS), 2); /* one for each call: nothing was said into the old one */
  CHECK(lb_wait(s, LB_EOFS, 1));
  xai_client_free(client);
  lb_stop(s);
#else
  not_run("this system has no clock that goes on in sleep");
#endif
}

/* Not driven for five minutes: what came meanwhile counts, what is overdue ends at once, and all works again. */
static void F101_nobody_steps_for_five_minutes(void) {
  static const lb_step streams[] = {READ,
                                    WRITE(SSE_HEAD "Connection: close\r\n\r\n" SSE_OPEN SSE_DELTA("Hel")),
                                    GATE(1), WRITE(SSE_DELTA("lo") SSE_COMPLETED), CLOSE};
  static const lb_step mute[] = {READ, AWAIT_EOF};
  const lb_step *const scripts[] = {streams, mute, whole};
  lb_server *s = lb_start(scripts, 3);
  xai_config config = net_config();
  config.limits.deadline_ms = 3600000;
  xai_client *client = net_open_at(&config, NULL, s->port);
  net_call stream, overdue;
  net_start(client, &stream, net_request("/responses", "{}", true));
  for (int i = 0; i < 1000 && stream.deltas == 0; i++) net_turn(client, 10);
  xai_request request = net_request("/responses", "{}", false);
  request.limits.deadline_ms = 60000;
  net_start(client, &overdue, request);
  for (int i = 0; i < 1000 && lb_seen(s, LB_REQUESTS) < 2; i++) net_turn(client, 10);
  lb_open_gate(s, 1);
  CHECK(lb_wait(s, LB_CLOSED, 1));
  pass_seconds(300);
  net_turn(client, 0);
  net_run(client, &stream);
  net_run(client, &overdue);
  CHECK_CALL(stream, "complete", "answered", XAI_OK);
  CHECK_STR(xai_str_of(stream.text), "Hello");
  CHECK_CALL(overdue, "failed", "unknown", XAI_ERR_DEADLINE);
  net_works(client);
  xai_client_free(client);
  lb_stop(s);
}

int main(void) {
  forget_environment();
  RUN(F01_a_name_that_does_not_exist);
  RUN(F01_and_then_it_does);
  RUN(F02_a_resolver_that_answers_nothing);
  RUN(F03_a_slow_resolver_holds_up_its_own_name_alone);
  RUN(F03_many_calls_to_a_slow_name);
  RUN(F04_the_live_one_among_twenty_addresses);
  RUN(F04_races_that_are_not_won);
  RUN(F05_packets_of_ipv6_vanish);
  RUN(F06_a_port_that_refuses);
  RUN(F06_a_thousand_callers_do_not_retry_in_step);
  RUN(F14_an_address_changes);
  RUN(F14_a_connection_lives_ten_minutes_at_most);
  RUN(F15_a_machine_wakes_after_eight_hours);
  RUN(F101_nobody_steps_for_five_minutes);
  return net_report("faults on the wire: reaching the server");
}
