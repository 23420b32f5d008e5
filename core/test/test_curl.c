/* test_curl.c - the transport over libcurl: exchanges, and how they end when the network or the server fails.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exchange.h"

#include <sys/resource.h>

/* ---- plain exchanges ---- */

static void get_sends_only_what_it_was_given(void) {
  world w = {0};
  exchange_once(&w, hello, "GET", "");
  char *seen = lb_request(w.server);
  char want[200];
  snprintf(want, sizeof want, "GET /v1/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", w.server->port);
  CHECK_STR(xai_str_of(seen), want);
  CHECK_END(w.call.answer.end, XAI_OK, true, "done");
  CHECK_INT(w.call.answer.status, 200);
  CHECK_STR(xai_str_of(w.call.answer.headers), "Content-Length=5\n");
  CHECK_STR(xai_str_of(w.call.answer.body), "hello");
  free(seen);
  world_end(&w);
}

static void post_sends_body_and_headers(void) {
  const lb_step *const scripts[] = {hello};
  const xai_header headers[] = {{"Authorization", "Bearer k"},
                                {"Content-Type", "application/json"},
                                {"Accept", "text/event-stream"},
                                {"X-Empty", ""}};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = call_with(1000, 1, 1000, 1000);
  c.request.headers = headers;
  c.request.header_count = 4;
  c.request.stream = true;
  start(t, s, &c, "POST", "{\"a\":1}");
  run(t, &c.answer);
  char *seen = lb_request(s);
  CHECK_END(c.answer.end, XAI_OK, true, "done");
  CHECK_HAS(seen, "POST /v1/x?y=1 HTTP/1.1\r\n");
  CHECK_HAS(seen, "\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
                  "Accept: text/event-stream\r\nX-Empty:\r\n");
  CHECK_HAS(seen, "Content-Length: 7\r\n");
  CHECK_HAS(seen, "\r\n\r\n{\"a\":1}");
  CHECK(strstr(seen, "Expect") == NULL);
  free(seen);

  /* The next one on the same handle and connection has none of it. */
  call next = {0};
  start(t, s, &next, "GET", "");
  run(t, &next.answer);
  seen = lb_request(s);
  CHECK(strstr(seen, "Bearer") == NULL);
  CHECK(strstr(seen, "Content-") == NULL);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
  free(seen);
  t->ops->free(t);
  lb_stop(s);
}

static void other_methods_go_out_as_written(void) {
  static const char *const methods[] = {"DELETE", "PUT", "PATCH", "POST"};
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  for (int i = 0; i < 8; i++) {
    call c = {0};
    const char *method = methods[i % 4];
    start(t, s, &c, method, i < 4 ? "{}" : "");
    run(t, &c.answer);
    char *seen = lb_request(s), want[40];
    snprintf(want, sizeof want, "%s /v1/x?y=1 HTTP/1.1\r\n", method);
    CHECK(strncmp(seen, want, strlen(want)) == 0);
    CHECK_INT(lb_length_of(seen), i < 4 ? 2 : 0);
    CHECK_INT(c.answer.end.code, XAI_OK);
    free(seen);
  }
  t->ops->free(t);
  lb_stop(s);
}

/* And what it leaves behind in the handle does not reach the next request. */
static void head_has_no_body(void) {
  const lb_step script[] = {READ, WRITE(OK_HEAD "Content-Length: 5\r\n\r\n"), READ, WRITE(OK_HELLO), AGAIN};
  const lb_step *const scripts[] = {script};
  static const char *const others[] = {"GET", "POST", "DELETE"};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  for (int i = 0; i < 6; i++) {
    call c = {0};
    const char *method = i % 2 == 0 ? "HEAD" : others[i / 2];
    start(t, s, &c, method, "");
    run(t, &c.answer);
    char *seen = lb_request(s);
    CHECK(strncmp(seen, method, strlen(method)) == 0);
    CHECK_END(c.answer.end, XAI_OK, true, "done");
    CHECK_STR(xai_str_of(c.answer.body), i % 2 == 0 ? "" : "hello");
    free(seen);
  }
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
  t->ops->free(t);
  lb_stop(s);
}

static void sixty_four_at_once(void) {
  enum { N = 64 };
  static call calls[N];
  static answer answers[N];
  /* Nobody is answered before all have asked. */
  const lb_step script[] = {READ, GATE(1), WRITE(OK_HELLO), AGAIN};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  memset(calls, 0, sizeof calls);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < N; i++) start(t, s, &calls[i], "POST", "{}");
    uint64_t until = xai__poll_now() + 10000;
    while (lb_seen(s, LB_REQUESTS) < (round + 1) * N && xai__poll_now() < until) step(t, 5);
    lb_open_gate(s, 1);
    for (int done = 0; done < N && xai__poll_now() < until;) {
      step(t, 100);
      done = 0;
      for (int i = 0; i < N; i++) done += calls[i].answer.dones;
    }
    for (int i = 0; i < N; i++) answers[i] = calls[i].answer;
    run_all(t, answers, N);
    for (int i = 0; i < N; i++) CHECK_STR(xai_str_of(answers[i].body), "hello");
    for (int i = 0; i < N; i++) CHECK_INT(answers[i].end.code, XAI_OK);
  }
  CHECK_INT(lb_seen(s, LB_REQUESTS), 3 * N);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), N); /* kept and reused */
  t->ops->free(t);
  lb_stop(s);
}

static int sum_of_dones(const call *calls, int count) {
  int done = 0;
  for (int i = 0; i < count; i++) done += calls[i].answer.dones;
  return done;
}

static void a_step_serves_no_more_sockets_than_it_may(void) {
  enum { N = 40, MOST = 3 };
  static call calls[N];
  const lb_step script[] = {READ, GATE(1), WRITE(OK_HELLO), CLOSE};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  memset(calls, 0, sizeof calls);
  for (int i = 0; i < N; i++) start(t, s, &calls[i], "POST", "{}");
  uint64_t until = xai__poll_now() + 10000;
  while (lb_seen(s, LB_REQUESTS) < N && xai__poll_now() < until) step(t, 5);
  lb_open_gate(s, 1);
  CHECK(lb_wait(s, LB_CLOSED, N)); /* from here on all of them have something */
  int done = 0, steps = 0, most = 0;
  for (; done < N && xai__poll_now() < until; steps++) {
    step_some(t, 0, MOST);
    int now_done = sum_of_dones(calls, N);
    if (now_done - done > most) most = now_done - done;
    done = now_done;
  }
  CHECK_INT(done, N);
  CHECK(most > 0 && most <= MOST);
  CHECK(steps >= N / MOST); /* nobody's turn came twice before another's came once */
  CHECK(over_libcurl || steps <= 2 * N / MOST);
  for (int i = 0; i < N; i++) CHECK_INT(calls[i].answer.end.code, XAI_OK);
  t->ops->free(t);
  lb_stop(s);
}

static void connections_are_limited_when_asked(void) {
  enum { N = 20 };
  static answer answers[N];
  static call calls[N];
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = "";
  config.max_connections = 2;
  xai_transport *t = open_with(&config);
  memset(calls, 0, sizeof calls);
  for (int i = 0; i < N; i++) start(t, s, &calls[i], "POST", "{}");
  uint64_t until = xai__poll_now() + 10000;
  for (int done = 0; done < N && xai__poll_now() < until;) {
    step(t, 100);
    done = 0;
    for (int i = 0; i < N; i++) done += calls[i].answer.dones;
  }
  for (int i = 0; i < N; i++) answers[i] = calls[i].answer;
  run_all(t, answers, N);
  CHECK_INT(lb_seen(s, LB_REQUESTS), N);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  t->ops->free(t);
  lb_stop(s);
}

static void chunks_split_at_odd_places(void) {
  static const char bytes[] =
    OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
            "5;name=value\r\nhello\r\n1\r\n \r\n0005\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (long piece = 1; piece < 12; piece += 3) {
    const lb_step script[] = {READ, SPLIT(bytes, piece), AWAIT_EOF};
    world w = {0};
    exchange_once(&w, script, "GET", "");
    CHECK_END(w.call.answer.end, XAI_OK, true, "done");
    CHECK_STR(xai_str_of(w.call.answer.body), "hello world");
    CHECK_STR(xai_str_of(w.call.answer.headers), "Transfer-Encoding=chunked\n");
    world_end(&w);
  }
}

static void errors_of_the_api_are_answers(void) {
  const lb_step script[] = {
    READ, WRITE("HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}"), CLOSE};
  world w = {0};
  exchange_once(&w, script, "POST", "{}");
  CHECK_END(w.call.answer.end, XAI_OK, true, "done");
  CHECK_INT(w.call.answer.status, 429);
  CHECK_HAS(w.call.answer.headers, "Retry-After=3\n");
  world_end(&w);
}

static void F31_redirects_are_not_followed(void) {
  const lb_step script[] = {
    READ, WRITE("HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"), AGAIN};
  world w = {0};
  exchange_once(&w, script, "POST", "{}");
  CHECK_INT(w.call.answer.status, 307);
  CHECK_INT(w.call.answer.end.code, XAI_OK);
  CHECK_INT(lb_seen(w.server, LB_REQUESTS), 1);
  world_end(&w);
}

/* ---- reaching the server ---- */

static void F01_a_name_that_does_not_exist(void) {
  xai_transport *t = open_plain();
  call c = {.url = "http://user-less.nonexistent.invalid/v1"};
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_RESOLVE, false, "resolve");
  CHECK_STR(xai_str_of(c.answer.end.detail), "user-less.nonexistent.invalid");
  t->ops->free(t);
}

static void F06_a_port_that_refuses(void) {
  int port;
  close(lb_listen(1, &port));
  xai_transport *t = open_plain();
  call c = {0};
  snprintf(c.url, sizeof c.url, "http://127.0.0.1:%d/", port);
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_CONNECT, false, "connect");
  CHECK_HAS(c.answer.end.detail, "127.0.0.1");
  CHECK_HAS(c.answer.end.detail, "refused");
  t->ops->free(t);
}

static void F04_a_host_that_does_not_answer_is_given_up(void) {
  dead_host d = dead_host_start();
  xai_transport *t = open_plain();
  call c = call_with(40, 60000, 65536, 65536);
  snprintf(c.url, sizeof c.url, "http://127.0.0.1:%d/", d.port);
  uint64_t from = xai__poll_now();
  start_url(t, &c, "POST", xai_str_of("{}"));
  CHECK(t->ops->timeout(t, 0) >= 0);
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_CONNECT, false, "connect");
  CHECK_HAS(c.answer.end.detail, "no connection in time");
  CHECK(xai__poll_now() - from >= 40);
  CHECK(xai__poll_now() - from < 5000);
  t->ops->free(t);
  dead_host_end(&d);
}

static call https_call(int port, uint32_t handshake_ms) {
  call c = call_with(200, handshake_ms, 65536, 65536);
  snprintf(c.url, sizeof c.url, "https://127.0.0.1:%d/", port);
  return c;
}

/* The first handshake also loads the certificates, which takes its time under a checker. */
static void F07_a_handshake_that_stalls(void) {
  const lb_step no_tls[] = {ARRIVAL, WRITE(OK_HELLO), CLOSE};
  const lb_step silent[] = {AWAIT_EOF};
  const lb_step *const scripts[] = {no_tls, silent};
  lb_server *s = lb_start(scripts, 2);
  xai_transport *t = open_plain();
  call first = https_call(s->port, 5000), c = https_call(s->port, 100);
  start_url(t, &first, "POST", xai_str_of("{}"));
  run(t, &first.answer);
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_CONNECT, false, "handshake");
  CHECK(lb_wait(s, LB_EOFS, 1));
  t->ops->free(t);
  lb_stop(s);
}

static void F08_what_is_no_tls_is_not_spoken_to(void) {
  const lb_step script[] = {ARRIVAL, WRITE(OK_HELLO), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = https_call(s->port, 5000);
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_TLS, false, "handshake");
  CHECK_INT(c.answer.statuses, 0);
  t->ops->free(t);
  lb_stop(s);
}

static void a_handshake_that_is_hung_up_is_no_matter_of_trust(void) {
  const lb_step script[] = {ARRIVAL, RESET};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = https_call(s->port, 5000);
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_RESET, false, "handshake");
  t->ops->free(t);
  lb_stop(s);
}

static void a_ca_file_that_is_missing_is_named(void) {
  const lb_step script[] = {AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = "";
  config.ca_file = "/nonexistent/bundle.pem";
  xai_transport *t = open_with(&config);
  call c = https_call(s->port, 5000);
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_TLS, false, "handshake");
  CHECK_HAS(c.answer.end.detail, "/nonexistent/bundle.pem");
  t->ops->free(t);
  lb_stop(s);
}

static void F10_the_environments_proxy_is_used_unless_configured(void) {
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1), *proxy = lb_start(scripts, 1);
  char url[80];
  snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy->port);
  setenv("http_proxy", url, 1);
  setenv("no_proxy", "elsewhere", 1);
  xai_config config = XAI_CONFIG_INIT;
  for (int i = 0; i < 3; i++) {
    static const char *const proxies[] = {NULL, "", "configured"};
    config.proxy = i == 2 ? url : proxies[i];
    if (i == 2) setenv("no_proxy", "*", 1); /* does not concern a proxy from the configuration */
    xai_transport *t = open_with(&config);
    call c = {0};
    start(t, s, &c, "GET", "");
    run(t, &c.answer);
    CHECK_INT(c.answer.end.code, XAI_OK);
    CHECK_INT(lb_seen(proxy, LB_REQUESTS), i == 2 ? 2 : 1);
    CHECK_INT(lb_seen(s, LB_REQUESTS), i == 0 ? 0 : 1);
    t->ops->free(t);
  }
  unsetenv("http_proxy");
  unsetenv("no_proxy");
  lb_stop(proxy);
  lb_stop(s);
}

static void F11_a_proxy_that_refuses_is_not_the_api(void) {
  const lb_step script[] = {
    READ, WRITE("HTTP/1.1 407 Secret Words\r\nX-Secret: s3cret\r\nContent-Length: 5\r\n\r\nhello"),
    AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *proxy = lb_start(scripts, 1);
  char url[80];
  snprintf(url, sizeof url, "http://user:s3cret@127.0.0.1:%d", proxy->port);
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = url;
  xai_transport *t = open_with(&config);
  const xai_header headers[] = {{"Authorization", "Bearer k"}};
  call c = https_call(1, 5000);
  c.request.headers = headers;
  c.request.header_count = 1;
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_PROXY, false, "handshake");
  CHECK_HAS(c.answer.end.detail, "407");
  CHECK(strstr(c.answer.end.detail, "s3cret") == NULL);
  CHECK_INT(c.answer.statuses, 0);
  char *seen = lb_request(proxy);
  CHECK_HAS(seen, "CONNECT 127.0.0.1:1 HTTP/1.1\r\n");
  CHECK_HAS(seen, "Proxy-Authorization: Basic ");
  CHECK(strstr(seen, "Bearer") == NULL); /* the key is not for the proxy */
  free(seen);
  t->ops->free(t);
  lb_stop(proxy);
}

static void F11_a_proxy_that_is_not_there(void) {
  int port;
  close(lb_listen(1, &port));
  char url[80];
  snprintf(url, sizeof url, "http://user:s3cret@127.0.0.1:%d", port);
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = url;
  xai_transport *t = open_with(&config);
  call c = https_call(1, 5000);
  start_url(t, &c, "POST", xai_str_of("{}"));
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_CONNECT, false, "connect");
  CHECK(strstr(c.answer.end.detail, "s3cret") == NULL);
  t->ops->free(t);
}

static void urls_that_cannot_be_used(void) {
  static const char *const urls[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "http://u:s3cret@127.0.0.1:1/",
                                     "http://127.0.0.1:99999999/"};
  xai_transport *t = open_plain();
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    call c = {0};
    snprintf(c.url, sizeof c.url, "%s", urls[i]);
    start_url(t, &c, "GET", xai_str_of(""));
    run(t, &c.answer);
    CHECK_END(c.answer.end, XAI_ERR_URL, false, "resolve");
    CHECK(strstr(c.answer.end.detail, "s3cret") == NULL);
  }
  t->ops->free(t);
}

static void F93_no_descriptors_left(void) {
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  struct rlimit before, none;
  getrlimit(RLIMIT_NOFILE, &before);
  none = before;
  none.rlim_cur = 3;
  call c = {0};
  start(t, s, &c, "POST", "{}");
  setrlimit(RLIMIT_NOFILE, &none);
  run(t, &c.answer);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_END(c.answer.end, XAI_ERR_CONNECT, false, "connect");
  CHECK_HAS(c.answer.end.detail, "Too many open files");
  memset(&c, 0, sizeof c);
  start(t, s, &c, "POST", "{}");
  run(t, &c.answer);
  CHECK_INT(c.answer.end.code, XAI_OK);
  t->ops->free(t);
  lb_stop(s);
}

/* ---- answers that are wrong ---- */

static void F23_what_is_no_http_is_no_answer(void) {
  static const char *const bad[] = {
    "NONSENSE\r\n\r\n",
    "<html>hello, I am older than status lines</html>\r\n",
    "HTTP/1.1 banana\r\n\r\n",
    "HTTP/1.1 20\r\n\r\n",
    OK_HEAD "no colon here\r\n\r\n",
    OK_HEAD "bad name: 1\r\n\r\n",
    OK_HEAD ": nameless\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    xai_exchange_end end = end_of(bad[i]);
    CHECK_END(end, XAI_ERR_HTTP, true, "headers");
    CHECK(end.detail[0] != '\0');
  }
}

static void F23_a_flood_of_headers(void) {
  static const lb_step many[] = {READ, WRITE(OK_HEAD), REPEAT("A: b\r\n", 100000), AWAIT_EOF};
  static const lb_step longest[] = {READ, WRITE(OK_HEAD "A: "), REPEAT("0123456789", 1000000), AWAIT_EOF};
  static const lb_step trailers[] = {READ, WRITE(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n"),
                                     REPEAT("A: b\r\n", 100000), AWAIT_EOF};
  static const lb_step *const all[] = {many, longest, trailers};
  for (int i = 0; i < 3; i++) {
    world w = {0};
    exchange_once(&w, all[i], "POST", "{}");
    CHECK_END(w.call.answer.end, XAI_ERR_TOO_BIG, true, i < 2 ? "headers" : "body");
    world_end(&w);
  }
}

static void F24_two_lengths(void) {
  static const char *const bad[] = {
    "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "Content-Length: 5, 6\r\n\r\nhello!",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "Content-Length: -5\r\n\r\nhello",
    "Content-Length: 99999999999999999999\r\n\r\nhello",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char bytes[200];
    snprintf(bytes, sizeof bytes, OK_HEAD "%s", bad[i]);
    CHECK_END(end_of(bytes), XAI_ERR_HTTP, true, "headers");
  }
  CHECK_END(end_of(OK_HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), XAI_OK, true, "done");
}

static void F25_a_body_shorter_than_announced(void) {
  xai_exchange_end end = end_of(OK_HEAD "Content-Length: 50\r\n\r\n{\"whole\":true}");
  CHECK_END(end, XAI_ERR_SHORT, true, "body");
}

static void the_end_inside_the_head_is_no_answer(void) {
  CHECK_END(end_of(OK_HEAD "Content-Type: text/pl"), XAI_ERR_RESET, true, "headers");
  CHECK_END(end_of(OK_HEAD), XAI_ERR_RESET, true, "headers");
  CHECK_END(end_of("HTTP/1.1 100 Continue\r\n\r\n"), XAI_ERR_RESET, true, "headers");
}

static void F26_a_body_longer_than_announced(void) {
  const lb_step script[] = {READ, WRITE(OK_HELLO OK_HELLO), AWAIT_EOF};
  const lb_step *const scripts[] = {script, hello};
  lb_server *s = lb_start(scripts, 2);
  xai_transport *t = open_plain();
  for (int i = 0; i < 2; i++) {
    call c = {0};
    start(t, s, &c, "POST", "{}");
    run(t, &c.answer);
    CHECK_END(c.answer.end, XAI_OK, true, "done");
    CHECK_STR(xai_str_of(c.answer.body), "hello");
  }
  CHECK_INT(lb_seen(s, LB_REQUESTS), 2);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2); /* the first connection was dropped */
  CHECK(lb_wait(s, LB_EOFS, 1));
  t->ops->free(t);
  lb_stop(s);
}

static void F27_bad_chunks(void) {
  CHECK_END(end_of(CHUNKED "zz\r\nhello\r\n0\r\n\r\n"), XAI_ERR_HTTP, true, "body");
  CHECK_END(end_of(CHUNKED "5\r\nhelloXX"), XAI_ERR_HTTP, true, "body");
  CHECK_END(end_of(CHUNKED "5\r\nhello\r\n"), XAI_ERR_SHORT, true, "body");
  CHECK_END(end_of(CHUNKED "5\r\nhel"), XAI_ERR_SHORT, true, "body");
  CHECK(end_of(CHUNKED "8000000000000000\r\nhello\r\n0\r\n\r\n").code < 0);
  CHECK(end_of(CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n").code < 0);
}

static void F37_interim_answers_are_skipped(void) {
  const lb_step script[] = {READ, WRITE("HTTP/1.1 100 Continue\r\n\r\n"),
                            REPEAT("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 31), WRITE(OK_HELLO),
                            AWAIT_EOF};
  world w = {0};
  exchange_once(&w, script, "POST", "{}");
  CHECK_END(w.call.answer.end, XAI_OK, true, "done");
  CHECK_INT(w.call.answer.statuses, 1);
  CHECK_INT(w.call.answer.status, 200);
  CHECK_STR(xai_str_of(w.call.answer.headers), "Content-Length=5\n");
  world_end(&w);
}

static void F37_interim_answers_without_end(void) {
  static const lb_step script[] = {READ, REPEAT("HTTP/1.1 102 Processing\r\n\r\n", 1000), AWAIT_EOF};
  world w = {0};
  exchange_once(&w, script, "POST", "{}");
  CHECK_END(w.call.answer.end, XAI_ERR_HTTP, true, "headers");
  CHECK_INT(w.call.answer.statuses, 0);
  world_end(&w);
}

static void answers_larger_than_the_limit(void) {
  const lb_step script[] = {READ, WRITE(CHUNKED), REPEAT("5\r\nhello\r\n", 100000), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = call_with(1000, 1000, 1000, 1000);
  start(t, s, &c, "GET", "");
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_TOO_BIG, true, "body");
  CHECK(c.answer.len <= 1000);
  CHECK(lb_wait(s, LB_CLOSED, 1)); /* the connection is dropped, not read to its end */
  t->ops->free(t);
  lb_stop(s);
}

static void a_sink_can_end_it(void) {
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {.answer.refuse = XAI_ERR_UTF8};
  start(t, s, &c, "GET", "");
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_ERR_UTF8, true, "body");
  call d = {.answer.refuse_header = XAI_ERR_NOMEM};
  start(t, s, &d, "GET", "");
  run(t, &d.answer);
  CHECK_END(d.answer.end, XAI_ERR_NOMEM, true, "headers");
  t->ops->free(t);
  lb_stop(s);
}

static void all(void) {
  RUN(get_sends_only_what_it_was_given);
  RUN(post_sends_body_and_headers);
  RUN(other_methods_go_out_as_written);
  RUN(head_has_no_body);
  RUN(sixty_four_at_once);
  RUN(a_step_serves_no_more_sockets_than_it_may);
  RUN(connections_are_limited_when_asked);
  RUN(chunks_split_at_odd_places);
  RUN(errors_of_the_api_are_answers);
  RUN(F31_redirects_are_not_followed);
  RUN(F01_a_name_that_does_not_exist);
  RUN(F06_a_port_that_refuses);
  RUN(F07_a_handshake_that_stalls);
  RUN(F08_what_is_no_tls_is_not_spoken_to);
  RUN(a_handshake_that_is_hung_up_is_no_matter_of_trust);
  RUN(a_ca_file_that_is_missing_is_named);
  RUN(F10_the_environments_proxy_is_used_unless_configured);
  RUN(F11_a_proxy_that_refuses_is_not_the_api);
  RUN(F11_a_proxy_that_is_not_there);
  RUN(urls_that_cannot_be_used);
  RUN(F93_no_descriptors_left);
  RUN(F23_what_is_no_http_is_no_answer);
  RUN(F23_a_flood_of_headers);
  RUN(F24_two_lengths);
  RUN(F25_a_body_shorter_than_announced);
  RUN(the_end_inside_the_head_is_no_answer);
  RUN(F26_a_body_longer_than_announced);
  RUN(F27_bad_chunks);
  RUN(F37_interim_answers_are_skipped);
  RUN(F37_interim_answers_without_end);
  RUN(answers_larger_than_the_limit);
  RUN(a_sink_can_end_it);
}

int main(void) {
  forget_environment();
  run_both_ways(all);
  RUN(F04_a_host_that_does_not_answer_is_given_up);
  return check_report("curl");
}
