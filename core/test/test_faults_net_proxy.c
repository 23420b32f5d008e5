/* test_faults_net_proxy.c - F10 to F12: proxies of the environment and of the configuration, and what they answer.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "interpose.h"
#include "net.h"

#define PASSWORD "pr0xy-s3cret"

static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
static const lb_step *const answering[] = {whole};
static const lb_step refuses[] = {READ, WRITE("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), AWAIT_EOF};
static const lb_step *const refusing[] = {refuses};

/* A call over http or https, with whatever the environment holds, and no second attempt. */
static net_call call_to(const char *scheme, int port, const char *proxy) {
  xai_config config = net_config();
  char base[64];
  snprintf(base, sizeof base, "%s://127.0.0.1:%d/v1", scheme, port);
  config.proxy = proxy;
  config.limits.max_attempts = 1;
  if (proxy != NULL && *proxy == '\0')
    config.ca_file = "/dev/null"; /* nobody is trusted there, which is quick */
  xai_client *client = net_open_at(&config, base, 0);
  net_call c;
  net_ask(client, &c, false);
  xai_client_free(client);
  CHECK(strstr(c.error.message, PASSWORD) == NULL);
  return c;
}

/* Is the proxy of this variable used? Over https it is asked for a tunnel, which it refuses. */
static void check_variable(const char *scheme, const char *name, const char *form, bool used) {
  static const lb_step no_tls[] = {ARRIVAL, RESET};
  static const lb_step *const resetting[] = {no_tls};
  bool tls = scheme[4] == 's';
  lb_server *s = lb_start(tls ? resetting : answering, 1), *proxy = lb_start(tls ? refusing : answering, 1);
  char value[100];
  snprintf(value, sizeof value, form, proxy->port);
  setenv(name, value, 1);
  net_call c = call_to(scheme, s->port, NULL);
  CHECK_INT(lb_seen(proxy, LB_REQUESTS), used);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), !used);
  if (used && tls) CHECK_CALL(c, "failed", "not_sent", XAI_ERR_PROXY);
  if (check_bad) printf("  with %s=%s\n", name, value);
  c = call_to(scheme, s->port, ""); /* one setting ignores them all */
  CHECK_INT(lb_seen(proxy, LB_REQUESTS), used);
  unsetenv(name);
  lb_stop(proxy);
  lb_stop(s);
}

static void F10_variables_in_each_form(void) {
  static const char *const forms[] = {"http://127.0.0.1:%d", "127.0.0.1:%d", "http://127.0.0.1:%d/",
                                      "http://user:" PASSWORD "@127.0.0.1:%d"};
  for (int i = 0; i < 4; i++) {
    check_variable("http", "http_proxy", forms[i], true);
    check_variable("http", "all_proxy", forms[i], true);
    check_variable("http", "ALL_PROXY", forms[i], true);
    check_variable("https", "https_proxy", forms[i], true);
    check_variable("https", "HTTPS_PROXY", forms[i], true);
    check_variable("https", "ALL_PROXY", forms[i], true);
  }
  check_variable("http", "HTTP_PROXY", forms[0], false); /* in a CGI program a visitor's header sets it */
  check_variable("http", "https_proxy", forms[0], false);
  check_variable("https", "http_proxy", forms[0], false);
}

static void F10_exemptions(void) {
  lb_server *s = lb_start(answering, 1), *proxy = lb_start(answering, 1);
  char value[64], port_of_it[32], other_port[32];
  snprintf(value, sizeof value, "http://127.0.0.1:%d", proxy->port);
  snprintf(port_of_it, sizeof port_of_it, "x.ai,127.0.0.1:%d", s->port);
  snprintf(other_port, sizeof other_port, "127.0.0.1:%d", s->port ^ 1);
  setenv("http_proxy", value, 1);
  const struct {
    const char *list;
    bool exempt;
  } rows[] = {{"", false},           {"*", true},           {"127.0.0.1", true},
              {"127.0.0.0/8", true}, {"10.0.0.0/8", false}, {port_of_it, true},
              {other_port, false},   {"0.0.1", false},      {"a, 127.0.0.1", true},
              {"localhost", false}};
  for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
    const char *name = i % 2 ? "NO_PROXY" : "no_proxy";
    long before = lb_seen(proxy, LB_REQUESTS);
    setenv(name, rows[i / 2].list, 1);
    net_call c = call_to("http", s->port, NULL);
    CHECK_CALL(c, "complete", "answered", XAI_OK);
    CHECK_INT(lb_seen(proxy, LB_REQUESTS) - before, !rows[i / 2].exempt);
    if (check_bad) printf("  with %s=%s\n", name, rows[i / 2].list);
    unsetenv(name);
  }
  unsetenv("http_proxy");
  lb_stop(proxy);
  lb_stop(s);
}

/* Wherever it fails: no such proxy name, nobody there, a refusal. */
static void F10_the_password_never_shows(void) {
  int port;
  close(lb_listen(1, &port));
  lb_server *proxy = lb_start(refusing, 1);
  static const char *const forms[] = {
    "http://user:" PASSWORD "@127.0.0.1:%d", "http://user:" PASSWORD "@nowhere.invalid:%d",
    "nonsense://user:" PASSWORD "@127.0.0.1:%d", "http://user:" PASSWORD "@127.0.0.1:%d0000"};
  for (int i = 0; i < 10; i++) {
    char value[100];
    snprintf(value, sizeof value, forms[i / 2 % 4], i < 8 ? port : proxy->port);
    net_call c = call_to(i % 2 ? "https" : "http", 1, value);
    CHECK_STR(xai_str_of(xai_outcome_name(c.outcome)), i == 8 ? "refused" : "failed");
    CHECK_INT(c.attempt[0].outcome, i == 8 ? XAI_ATTEMPT_REFUSED : XAI_ATTEMPT_NOT_SENT);
  }
  lb_stop(proxy);
}

/* ---- F11 */

static void F11_a_proxy_that_does_not_connect(void) {
  static const int statuses[] = {407, 403, 502, 503, 302};
  static const char *const types[] = {"text/html", "application/json"};
  static const char *const pages[] = {"<html>who are you?</html>",
                                      "{\"code\":\"unauthenticated\",\"error\":\"API key\"}"};
  for (size_t i = 0; i < 2 * sizeof statuses / sizeof *statuses; i++) {
    char bytes[400], want[60], value[64];
    snprintf(
      bytes, sizeof bytes,
      "HTTP/1.1 %d No\r\nLocation: http://login.example/\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
      statuses[i / 2], types[i % 2], strlen(pages[i % 2]), pages[i % 2]);
    const lb_step script[] = {READ, WRITE(bytes), AWAIT_EOF};
    const lb_step *const scripts[] = {script};
    lb_server *proxy = lb_start(scripts, 1);
    snprintf(value, sizeof value, "http://127.0.0.1:%d", proxy->port);
    net_call c = call_to("https", 1, value);
    CHECK_CALL(c, "failed", "not_sent", XAI_ERR_PROXY);
    snprintf(want, sizeof want, "CONNECT with %d", statuses[i / 2]);
    CHECK_HAS(c.error.message, want);
    CHECK_INT(c.error.kind, XAI_KIND_NETWORK);
    CHECK_INT(c.error.http_status, 0); /* that would be the API's own */
    CHECK_INT(c.status, 0);
    CHECK_INT(c.attempt[0].http_status, 0);
    CHECK_STR(xai_str_of(c.body), "");
    char *seen = lb_request(proxy);
    CHECK_HAS(seen, "CONNECT 127.0.0.1:1 HTTP/1.1\r\n");
    CHECK(strstr(seen, NET_KEY) == NULL);
    free(seen);
    lb_stop(proxy);
  }
}

/* "200" with a page instead of a tunnel, and what is no HTTP. */
static void F11_a_proxy_that_only_seems_to_connect(void) {
  static const char *const answers[] = {OK_HEAD "Content-Type: text/html\r\n\r\n<html>log in first</html>",
                                        "SSH-2.0-OpenSSH\r\n\r\n"};
  for (int i = 0; i < 2; i++) {
    const lb_step script[] = {READ, WRITE(answers[i]), GATE(1), CLOSE};
    const lb_step *const scripts[] = {script};
    lb_server *proxy = lb_start(scripts, 1);
    char value[64];
    snprintf(value, sizeof value, "http://127.0.0.1:%d", proxy->port);
    net_call c = call_to("https", 1, value);
    CHECK_STR(xai_str_of(xai_outcome_name(c.outcome)), "failed");
    CHECK_INT(c.attempt[0].outcome, XAI_ATTEMPT_NOT_SENT);
    bool connecting =
      i == 1 && strcmp(c.attempt[0].phase, "connect") == 0; /* it was no proxy's answer at all */
    CHECK(connecting || strcmp(c.attempt[0].phase, "handshake") == 0);
    CHECK_INT(c.status, 0);
    lb_stop(proxy);
  }
}

/* ---- F12 */

static void F12_a_proxy_that_accepts_and_is_silent(void) {
  static const lb_step mute[] = {READ, AWAIT_EOF};
  const lb_step *const scripts[] = {mute};
  lb_server *proxy = lb_start(scripts, 1);
  char value[64];
  snprintf(value, sizeof value, "http://127.0.0.1:%d", proxy->port);
  xai_config config = net_config();
  config.proxy = value;
  config.limits.handshake_ms = 100;
  config.limits.max_attempts = 1;
  xai_client *client = net_open_at(&config, "https://127.0.0.1:1/v1", 0);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_CONNECT);
  CHECK_STR(xai_str_of(c.attempt[0].phase), "handshake");
  CHECK(c.attempt[0].took_ms < 1000 * slowness());
  CHECK_INT(lb_seen(proxy, LB_REQUESTS), 1); /* the wish for a tunnel */
  xai_client_free(client);
  lb_stop(proxy);
}

int main(void) {
  forget_environment();
  RUN(F10_variables_in_each_form);
  RUN(F10_exemptions);
  RUN(F10_the_password_never_shows);
  RUN(F11_a_proxy_that_does_not_connect);
  RUN(F11_a_proxy_that_only_seems_to_connect);
  RUN(F12_a_proxy_that_accepts_and_is_silent);
  return net_report("faults on the wire: proxies");
}
