/* test_wire.c - plain HTTP on our own sockets: which requests, how few calls, what becomes of a connection.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "exchange.h"

#include <sys/syscall.h>

#include "xai_curl_wire.h"

/* ---- the calls that move bytes, of the test's own thread */

static _Thread_local long sends, receives, peeks;

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  sends++;
  return syscall(SYS_sendmsg, fd, message, flags);
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *buf, size_t n, int flags) {
  if (flags & MSG_PEEK) peeks++;
  else receives++;
  return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
}

static void a_request_on_a_kept_connection_is_one_send_and_one_receive(void) {
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  for (int i = 0; i < 3; i++) {
    call c = {0};
    sends = receives = peeks = 0;
    start(t, s, &c, "POST", "{\"a\":1}");
    run(t, &c.answer);
    CHECK_END(c.answer.end, XAI_OK, true, "done");
    CHECK_INT(sends, 1);
    CHECK_INT(receives, 1);
    CHECK_INT(peeks, i > 0); /* is it alive? */
  }
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
  t->ops->free(t);
  lb_stop(s);
}

/* ---- which requests */

static bool fits(const net *n, const char *url) {
  xai_exchange_request request = {.method = "GET", .url = url};
  return xai__wire_fits(n, &request);
}

static void takes_what_means_the_same_to_everybody(void) {
  char none[] = "", some[] = "http://proxy.invalid:3128";
  net n = {.proxy = none};
  static const char *const ours[] = {"http://a/v1", "http://a:80/", "http://127.0.0.1:8080/v1/x?y=1&z=%20",
                                     "http://[::1]:80/v1", "http://a/v1/x.y"};
  static const char *const libcurls[] = {
    "https://a/v1",   "http://a",      "http://a?x",     "http://u@a/v1",  "http://a/v1#f",
    "http://a/../v1", "http://a/./v1", "http://a/v 1",   "http://a/v\x01", "http://\xc3\xa4/v1",
    "http:///v1",     "http://:80/v1", "http://a\\b/v1", "HTTP://a/v1",    "ftp://a/v1"};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) CHECK(fits(&n, ours[i]));
  for (size_t i = 0; i < sizeof libcurls / sizeof *libcurls; i++) CHECK(!fits(&n, libcurls[i]));
  n.most = 1;
  CHECK(!fits(&n, ours[0]));
  n = (net){.proxy = none, .http2 = true};
  CHECK(!fits(&n, ours[0]));
  n = (net){.proxy = some};
  CHECK(!fits(&n, ours[0]));
}

static void F10_a_proxy_of_the_environment_is_libcurls(void) {
  static const char *const names[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
  net n = {.proxy = NULL};
  CHECK(fits(&n, "http://a/v1"));
  for (size_t i = 0; i < 4; i++) {
    setenv(names[i], "http://proxy.invalid:3128", 1);
    CHECK(!fits(&n, "http://a/v1"));
    setenv(names[i], "", 1);
    CHECK(fits(&n, "http://a/v1"));
    unsetenv(names[i]);
  }
  setenv("https_proxy", "http://proxy.invalid:3128", 1);
  CHECK(fits(&n, "http://a/v1"));
  unsetenv("https_proxy");
}

/* ---- what becomes of the connection */

static int open_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

/* No request has to come first. */
static void F16_one_that_ends_while_idle_is_closed_at_once(void) {
  const lb_step script[] = {READ, WRITE(OK_HELLO), GATE(1), CLOSE};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {0};
  start(t, s, &c, "POST", "{}");
  run(t, &c.answer);
  int kept = open_descriptors();
  lb_open_gate(s, 1);
  CHECK(lb_wait(s, LB_CLOSED, 1));
  step(t, 10000);                          /* its end is an event */
  CHECK_INT(open_descriptors(), kept - 2); /* the server's side, and ours */
  t->ops->free(t);
  lb_stop(s);
}

static void a_connection_is_not_kept_after(const char *last) {
  const lb_step script[] = {READ, WRITE(last), AWAIT_EOF};
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
  CHECK(lb_wait(s, LB_EOFS, 1));
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  t->ops->free(t);
  lb_stop(s);
}

static void one_that_will_be_closed_is_not_kept(void) {
  a_connection_is_not_kept_after(OK_HEAD "Connection: close\r\nContent-Length: 5\r\n\r\nhello");
  a_connection_is_not_kept_after("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  a_connection_is_not_kept_after(OK_HEAD "Content-Length: 5\r\n\r\nhello and more");
}

static void is_not_kept_for_another_host(void) {
  const lb_step *const scripts[] = {hello};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  static const char *const hosts[] = {"127.0.0.1", "localhost", "127.0.0.1", "localhost"};
  for (int i = 0; i < 4; i++) {
    call c = {0};
    snprintf(c.url, sizeof c.url, "http://%s:%d/v1", hosts[i], s->port);
    start_url(t, &c, "POST", xai_str_of("{}"));
    run(t, &c.answer);
    CHECK_END(c.answer.end, XAI_OK, true, "done");
  }
  CHECK_INT(lb_seen(s, LB_REQUESTS), 4);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  t->ops->free(t);
  lb_stop(s);
}

/* A line of which no end comes: nobody waits for it. */
static void F23_what_is_no_http_ends_at_once(void) {
  static const char *const starts[] = {"SSH-2.0-x", "HTTX", "{", CHUNKED "5\r\nhelloX"};
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    const lb_step script[] = {READ, WRITE(starts[i]), AWAIT_EOF};
    world w = {0};
    exchange_once(&w, script, "POST", "{}");
    CHECK_END(w.call.answer.end, XAI_ERR_HTTP, true, i < 3 ? "headers" : "body");
    world_end(&w);
  }
}

/* Said before the body was read, and the rest of it is not sent: the connection cannot serve again. */
static void an_answer_that_comes_before_the_upload_has_ended(void) {
  enum { LEN = 16 << 20 };
  const lb_step script[] = {
    READ_HEAD, WRITE("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nhello"), GATE(1), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  char *body = malloc(LEN);
  memset(body, 'x', LEN);
  call c = {0};
  snprintf(c.url, sizeof c.url, "http://127.0.0.1:%d/v1", s->port);
  start_url(t, &c, "POST", (xai_str){body, LEN});
  run(t, &c.answer);
  CHECK_END(c.answer.end, XAI_OK, true, "done");
  CHECK_INT(c.answer.status, 413);
  lb_open_gate(s, 1);
  CHECK(lb_wait(s, LB_CLOSED, 1));
  free(body);
  t->ops->free(t);
  lb_stop(s);
}

/* What was read and not taken waits with us, in whatever pieces the sink takes it. */
static void a_pause_loses_nothing(void) {
  enum { LEN = 300000 };
  const lb_step script[] = {READ, WRITE(OK_HEAD "Content-Length: 300000\r\n\r\n"),
                            REPEAT("0123456789", LEN / 10), AGAIN};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_transport *t = open_plain();
  call c = {.answer = {.allowance = 1}};
  start(t, s, &c, "GET", "");
  unsigned long sum = 0;
  for (size_t i = 0; i < LEN; i++) sum = sum * 31 + (unsigned char)('0' + i % 10);
  uint64_t until = xai__poll_now() + 10000;
  while (c.answer.dones == 0 && xai__poll_now() < until) {
    step(t, c.answer.paused ? 0 : 100);
    if (!c.answer.paused) continue;
    c.answer.paused = false;
    c.answer.allowance += 20000;
    t->ops->resume(t, c.exchange);
    t->ops->resume(t, c.exchange); /* twice is once */
  }
  CHECK_END(c.answer.end, XAI_OK, true, "done");
  CHECK_INT(c.answer.len, LEN);
  CHECK(c.answer.sum == sum);
  t->ops->free(t);
  lb_stop(s);
}

static void cancelled_in_a_pause_before_a_step_and_while_connecting(void) {
  const lb_step script[] = {READ, WRITE(OK_HELLO), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  int before = open_descriptors();
  xai_transport *t = open_plain();
  call paused = {.answer = {.allowance = 1}}, unconnected = {0};
  start(t, s, &paused, "GET", "");
  for (int i = 0; i < 100 && !paused.answer.paused; i++) step(t, 100);
  CHECK(paused.answer.paused);
  t->ops->resume(t, paused.exchange);
  t->ops->cancel(t, paused.exchange);
  start(t, s, &unconnected, "GET", "");
  t->ops->cancel(t, unconnected.exchange);
  step(t, 0);
  CHECK_INT(paused.answer.dones + unconnected.answer.dones, 0);
  t->ops->free(t);
  lb_stop(s);
  CHECK_INT(open_descriptors(), before - 1); /* the listener's */
}

int main(void) {
  forget_environment();
  RUN(a_request_on_a_kept_connection_is_one_send_and_one_receive);
  RUN(takes_what_means_the_same_to_everybody);
  RUN(F10_a_proxy_of_the_environment_is_libcurls);
  RUN(F16_one_that_ends_while_idle_is_closed_at_once);
  RUN(one_that_will_be_closed_is_not_kept);
  RUN(is_not_kept_for_another_host);
  RUN(F23_what_is_no_http_ends_at_once);
  RUN(an_answer_that_comes_before_the_upload_has_ended);
  RUN(a_pause_loses_nothing);
  RUN(cancelled_in_a_pause_before_a_step_and_while_connecting);
  return check_report("wire");
}
