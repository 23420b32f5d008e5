/* torture_host.c - the host transport, rate limits, keys and the log with each allocation failing in turn (F92).
 * SPDX-License-Identifier: MIT */
#include "session.h"

static const char answer[] =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
  "60\r\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hello\"}\n\n\r\n"
  "97\r\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"message\","
  "\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}}\n\n\r\n0\r\n\r\n";

static void on_line(void *user, xai_log_level level, xai_str line) {
  size_t *lines = user;
  CHECK(level <= XAI_LOG_DEBUG && xai_log_level_name(level)[0] != '\0');
  CHECK(line.len > 0);
  ++*lines;
}

static xai_config host_config(session *s, size_t *lines) {
  static const xai_rate rate = {.model = "grok-4.6", .requests_per_second = 1, .concurrent = 2};
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = "xai-test-key";
  config.base_url = "http://wire/v1";
  config.transport = XAI_TRANSPORT_HOST;
  config.seed = 7;
  config.mem = s->t->mem;
  config.clock = (xai_clock){session_now, session_wall, s};
  config.rates = &rate;
  config.rate_count = 1;
  config.log = (xai_log){on_line, lines, XAI_LOG_DEBUG};
  config.limits.max_attempts = 1;
  return config;
}

/* The program's side: all of the request out, the answer in by pieces. */
static void serve(session *s) {
  xai_host_request request;
  while (xai_host_next(s->client, &request) == XAI_OK) {
    size_t len = 0, taken = 0;
    for (xai_str piece; (piece = xai_host_pull(s->client, request.id, 100)).len > 0;) len += piece.len;
    CHECK(len == request.len || !xai_host_live(s->client, request.id));
    for (size_t at = 0; at < sizeof answer - 1 && xai_host_live(s->client, request.id); at += taken) {
      size_t piece = sizeof answer - 1 - at < 50 ? sizeof answer - 1 - at : 50;
      xai_host_wish wish = xai_host_feed(s->client, request.id, answer + at, piece, &taken);
      session_pull(s);
      if (wish == XAI_HOST_KEEP || wish == XAI_HOST_CLOSE) break;
      CHECK(taken > 0 || wish == XAI_HOST_WAIT);
    }
    if (xai_host_live(s->client, request.id)) xai_host_end(s->client, request.id, XAI_HOST_CLOSED, "closed");
  }
}

static void run_out(session *s, int calls) {
  for (int turn = 0; turn < 60 && xai_client_pending(s->client) > 0; turn++) {
    session_step(s, 0);
    serve(s);
    session_pull(s);
    s->now += 500;
  }
  CHECK_INT(xai_client_pending(s->client), 0);
  CHECK_INT(s->ended, calls);
}

/* Three calls where one a second is allowed: the others wait in line. */
static void ask_three(session *s) {
  xai_request request = XAI_REQUEST_INIT;
  xai_call_id ids[3];
  int started = 0;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.model = "grok-4.6";
  request.idempotency_key = "key-1";
  request.stream = true;
  s->wanted = "Hello";
  for (int i = 0; i < 3; i++) started += session_start(s, &request, &ids[started]);
  for (int i = 0; i < started; i++) CHECK(xai_call_place(s->client, ids[i]) <= 3);
  s->ended = 0;
  run_out(s, started);
}

static xai_code serves_as_host(torture *t) {
  size_t lines = 0;
  session s = {.t = t, .now = 1000};
  xai_config config = host_config(&s, &lines);
  if (!session_open(&s, &config)) return XAI_ERR_NOMEM;
  ask_three(&s);
  xai_code code = session_code(&s);
  calm(t);
  ask_three(&s);
  CHECK_INT(s.last, XAI_OUTCOME_COMPLETE);
  CHECK(lines > 0);
  xai_client_free(s.client);
  return code;
}

/* The old key stays when there is no memory for the new one, and then the change can be made. */
static xai_code changes_its_key(torture *t) {
  size_t lines = 0;
  session s = {.t = t, .now = 1000};
  xai_config config = host_config(&s, &lines);
  xai_error err;
  if (!session_open(&s, &config)) return XAI_ERR_NOMEM;
  xai_code code = xai_client_set_key(s.client, xai_str_of("xai-other-key"), "other", &err);
  CHECK_INT(code, err.code);
  calm(t);
  CHECK_INT(xai_client_set_key(s.client, xai_str_of("xai-third-key"), "third", &err), XAI_OK);
  ask_three(&s);
  CHECK_INT(s.last, XAI_OUTCOME_COMPLETE);
  xai_client_free(s.client);
  return code;
}

int main(void) {
  TORTURE(serves_as_host);
  TORTURE(changes_its_key);
  return torture_report("torture host");
}
