/* net.h - drives a client over real sockets in tests: calls, what they ended with, and what cannot be made here.
 * SPDX-License-Identifier: MIT */
#ifndef NET_H
#define NET_H

#include "exchange.h"

#define NET_KEY "xai-net-test-key-0123456789"
#define JSON_HEAD OK_HEAD "Content-Type: application/json\r\n"
#define SSE_HEAD OK_HEAD "Content-Type: text/event-stream\r\n"
#define WHOLE                                                        \
  "{\"id\":\"r1\",\"object\":\"response\",\"status\":\"completed\"," \
  "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}"
#define OK_WHOLE JSON_HEAD "Content-Length: 132\r\n\r\n" WHOLE

/* A stream of the Responses API, in pieces. */
#define SSE_CREATED                                                                            \
  "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r1\"," \
  "\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\n"
#define SSE_OPEN                                                                         \
  SSE_CREATED                                                                            \
  "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\","   \
  "\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[]}}\n\n"               \
  "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\"," \
  "\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\"}}\n\n"
#define SSE_DELTA(text)                                                                \
  "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"," \
  "\"output_index\":0,\"content_index\":0,\"delta\":\"" text "\"}\n\n"
#define SSE_COMPLETED \
  "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":" WHOLE "}\n\n"

/* ---- what cannot be made on this machine ---- */

static int net_not_run;

/* Called in a test that returns then. Seen in the output and counted there, so that nobody takes it for passed. */
static inline void not_run(const char *reason) {
  printf("%s not run: %s\n", check_name, reason);
  net_not_run++;
  check_not_run(reason);
}

static inline int net_report(const char *what) {
  if (net_not_run > 0) printf("%s: %d not run on this machine, see above\n", what, net_not_run);
  return check_report(what);
}

/* How much longer things may take: checkers slow us down. */
static inline unsigned slowness(void) {
#if defined(__SANITIZE_ADDRESS__)
  return 5;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return 5;
#endif
#endif
  const char *under = getenv("RUN_UNDER");
  return under != NULL && strstr(under, "valgrind") != NULL ? 20 : 1;
}

/* ---- a call and its end ---- */

typedef struct net_call {
  xai_call_id id;
  int ends;
  int retries;
  int deltas;
  char text[4096]; /* of the TEXT events, joined and cut to fit  */
  size_t text_len;
  uint64_t ended_at; /* xai__poll_now of its END                   */
  /* Copies of what END lent. */
  xai_outcome outcome;
  xai_error error;
  char reason[64];
  size_t attempts;
  xai_attempt attempt[8];
  unsigned flags;
  int status;
  bool has_response;
  char body[512];
  char given_text[512];
} net_call;

static inline void net_take_end(net_call *c, const xai_result *result) {
  c->ends++;
  c->ended_at = xai__poll_now();
  c->outcome = result->outcome;
  c->error = result->error;
  c->flags = result->flags;
  c->status = result->http_status;
  c->has_response = result->response != NULL;
  c->attempts = result->attempt_count;
  for (size_t i = 0; i < result->attempt_count && i < 8; i++) c->attempt[i] = result->attempts[i];
  snprintf(c->reason, sizeof c->reason, "%s", result->reason);
  snprintf(c->body, sizeof c->body, "%.*s", (int)result->body.len, result->body.ptr ? result->body.ptr : "");
  snprintf(c->given_text, sizeof c->given_text, "%.*s", (int)result->text.len,
           result->text.ptr ? result->text.ptr : "");
  CHECK(strstr(c->error.message, NET_KEY) == NULL);
  CHECK(strstr(c->body, NET_KEY) == NULL);
}

/* One event; false when there is none. */
static inline bool net_pull_one(xai_client *client) {
  xai_event event;
  if (xai_client_next(client, &event) != XAI_OK) return false;
  net_call *c = event.user;
  if (event.type == XAI_EVENT_END) net_take_end(c, event.result);
  if (event.type == XAI_EVENT_RETRY) c->retries++;
  if (event.type != XAI_EVENT_TEXT) return true;
  c->deltas++;
  size_t room = sizeof c->text - 1 - c->text_len;
  size_t len = event.text.len < room ? event.text.len : room;
  memcpy(c->text + c->text_len, event.text.ptr, len);
  c->text_len += len;
  return true;
}

/* One turn, and every event that came with it. */
static inline void net_turn(xai_client *client, uint32_t wait_ms) {
  CHECK_INT(xai_client_step(client, wait_ms), XAI_OK);
  while (net_pull_one(client)) continue;
}

static inline void net_run(xai_client *client, net_call *c) {
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (c->ends == 0 && xai__poll_now() < until) net_turn(client, 100);
  CHECK_INT(c->ends, 1);
}

/* Quick to try again, and done with everything within ten seconds. */
static inline xai_config net_config(void) {
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = NET_KEY;
  config.proxy = "";
  config.max_connections = LIBCURLS_LIMIT;
  config.seed = 7;
  config.limits.deadline_ms = 10000 * slowness();
  config.limits.backoff_base_ms = 1;
  config.limits.backoff_max_ms = 1;
  return config;
}

/* base: NULL, then http on the loopback at this port. */
static inline xai_client *net_open_at(xai_config *config, const char *base, int port) {
  char url[128];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", port);
  config->base_url = base ? base : url;
  xai_error err;
  xai_client *client = xai_client_new(config, &err);
  CHECK(client != NULL);
  if (client == NULL) printf("%s\n", err.message), exit(2);
  return client;
}

static inline xai_client *net_open(const lb_server *s) {
  xai_config config = net_config();
  return net_open_at(&config, NULL, s->port);
}

static inline xai_request net_request(const char *path, const char *body, bool stream) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = path;
  request.body = xai_str_of(body);
  request.stream = stream;
  return request;
}

static inline void net_start(xai_client *client, net_call *c, xai_request request) {
  memset(c, 0, sizeof *c);
  request.user = c;
  xai_error err;
  c->id = xai_call_start(client, &request, &err);
  CHECK(c->id.id != 0);
}

/* A call for a response, from its start to its end. */
static inline void net_ask(xai_client *client, net_call *c, bool stream) {
  net_start(client, c, net_request("/responses", "{}", stream));
  net_run(client, c);
}

/* What a call of this script ends with; how many requests the server saw. */
static inline net_call net_script(const lb_step *script, bool stream, long *requests) {
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_client *client = net_open(s);
  net_call c;
  net_ask(client, &c, stream);
  *requests = lb_seen(s, LB_REQUESTS);
  xai_client_free(client);
  lb_stop(s);
  return c;
}

/* ... of exactly these bytes, and then the end of the connection. */
static inline net_call net_bytes(const char *bytes, bool stream, long *requests) {
  const lb_step script[] = {READ, WRITE(bytes), CLOSE};
  return net_script(script, stream, requests);
}

#define CHECK_CALL(c, want_outcome, want_class, want_code)                                   \
  do {                                                                                       \
    const net_call *c_ = &(c);                                                               \
    CHECK_STR(xai_str_of(xai_outcome_name(c_->outcome)), want_outcome);                      \
    CHECK_STR(xai_str_of(xai_attempt_class_name(c_->attempt[0].outcome)), want_class);       \
    CHECK_STR(xai_str_of(xai_code_name(c_->error.code)), xai_code_name(want_code));          \
    if (check_bad && c_->error.message[0]) printf("  its message: %s\n", c_->error.message); \
  } while (0)

/* Afterwards the client works as if nothing had been (R7). */
static inline void net_works(xai_client *client) {
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
}

#endif
