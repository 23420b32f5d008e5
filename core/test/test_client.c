/* test_client.c - calls over the scripted wire: attempts, waits, limits, ends. The test owns the clock.
 * SPDX-License-Identifier: MIT */
#include "answers.h"
#include "wire.h"

/* ---- the plain ways */

static void streams_text_and_completes(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  wire_answer(&w, 200, EVENTS, stream_body);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.deltas, 2);
  CHECK(strcmp(w.text, "Hello") == 0);
  CHECK(w.response != NULL && strstr(w.response, "\"completed\"") != NULL);
  CHECK_INT(w.attempts, 1);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_ANSWERED);
  CHECK_INT(xai_client_pending(w.client), 0);
  wire_close(&w);
}

static void reads_a_whole_answer(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.deltas, 0);
  CHECK(strcmp(w.response, whole_body) == 0);
  wire_close(&w);
}

static void sends_the_key_and_what_was_asked(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses?x=1", "{\"a\":1}", true);
  xai_wire_request request;
  CHECK_INT(xai_wire_next(w.client, &request), XAI_OK);
  CHECK_STR(xai_str_of(request.method), "POST");
  CHECK_STR(xai_str_of(request.url), "http://wire/v1/responses?x=1");
  CHECK_STR(request.body, "{\"a\":1}");
  bool key = false, accept = false, trace = false;
  for (size_t i = 0; i < request.header_count; i++) {
    const xai_header *h = &request.headers[i];
    key |= strcmp(h->name, "Authorization") == 0 && strcmp(h->value, "Bearer xai-test-key") == 0;
    accept |= strcmp(h->name, "Accept") == 0 && strcmp(h->value, "text/event-stream") == 0;
    trace |= strcmp(h->name, "x-client-request-id") == 0 && strlen(h->value) == 36;
  }
  CHECK(key && accept && trace);
  CHECK_INT(xai_wire_next(w.client, &request), XAI_MORE);
  wire_close(&w);
}

/* ---- attempts (R4) */

static void F30_repeats_a_503_once_and_reports_two_attempts(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 503, JSON, overloaded);
  CHECK_INT(w.ends, 0);
  CHECK_INT(w.retries, 1);
  CHECK_INT(wire_request_id(&w), 0);
  wire_pass(&w, 8000);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.attempts, 2);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_REFUSED);
  CHECK_INT(w.attempt[0].http_status, 503);
  CHECK(w.attempt[1].waited_ms > 0);
  CHECK_INT(w.error.code, XAI_OK);
  wire_close(&w);
}

static void F17_does_not_repeat_what_may_have_been_billed(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_RESET);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.attempts, 1);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
  CHECK_INT(w.error.kind, XAI_KIND_NETWORK);
  CHECK(w.error.retryable);
  wire_close(&w);
}

static void repeats_an_unknown_attempt_when_the_caller_allows_it(void) {
  wire w;
  wire_open(&w);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.retry_unknown = true;
  xai_call_start(w.client, &request, NULL);
  xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_RESET);
  wire_pass(&w, 8000);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.attempts, 2);
  wire_close(&w);
}

static void F06_repeats_a_refused_connection_until_the_attempts_are_used(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  int requests = 0;
  for (int i = 0; i < 10 && w.ends == 0; i++) {
    uint32_t id = wire_request_id(&w);
    if (id != 0) {
      requests++;
      xai_wire_finish(w.client, id, XAI_WIRE_REFUSED);
    }
    wire_pass(&w, 8000);
  }
  CHECK_INT(requests, 3);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.attempt[2].outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK_INT(w.error.code, XAI_ERR_CONNECT);
  wire_close(&w);
}

static void F08_never_repeats_a_failed_handshake(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_TLS);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.error.kind, XAI_KIND_TLS);
  wire_close(&w);
}

static void F66_waits_as_long_as_the_server_asks(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 429, JSON);
  xai_wire_header(w.client, id, "Retry-After", "7");
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pass(&w, 6999);
  CHECK_INT(wire_request_id(&w), 0);
  wire_pass(&w, 1);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  wire_close(&w);
}

static void F67_does_not_sleep_a_day(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 429, JSON);
  xai_wire_header(w.client, id, "Retry-After", "86400");
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_REFUSED);
  CHECK_INT(w.error.retry_after_ms, 86400000);
  wire_close(&w);
}

static void does_not_repeat_when_the_server_forbids_it(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 503, JSON);
  xai_wire_header(w.client, id, "x-should-retry", "false");
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_REFUSED);
  wire_close(&w);
}

/* A program that comes late finds the next attempt on its way, and hears of the one that failed all the same. */
static void a_retry_is_told_when_the_next_attempt_has_begun(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_REFUSED);
  w.now += 20000;
  xai_client_step(w.client, 0);
  uint32_t second = wire_request_id(&w);
  CHECK(second != 0);
  xai_event event;
  CHECK_INT(xai_client_next(w.client, &event), XAI_OK);
  CHECK_INT(event.type, XAI_EVENT_RETRY);
  CHECK_INT(event.attempt->outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK_INT(event.error->code, XAI_ERR_CONNECT);
  CHECK_INT(xai_client_next(w.client, &event), XAI_MORE); /* once */
  wire_close(&w);
}

static void R5_bounds_all_retries_together(void) {
  wire w;
  wire_open(&w);
  int requests = 0;
  for (int i = 0; i < 200; i++) wire_start(&w, "/responses", "{}", false);
  for (int turn = 0; turn < 9; turn++) {
    uint32_t id;
    while ((id = wire_request_id(&w)) != 0) {
      requests++;
      wire_head(&w, id, 503, JSON);
      xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    }
    wire_pass(&w, 1000);
  }
  CHECK_INT(w.ends, 200);
  CHECK(requests <= 200 + 20 + 10);
  CHECK(requests > 200);
  wire_close(&w);
}

/* ---- ends (R3) */

static void F25_a_body_cut_in_one_place_is_never_whole(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, JSON);
  wire_bytes(&w, id, whole_body, strlen(whole_body)); /* parses, but more was announced */
  xai_wire_finish(w.client, id, XAI_WIRE_SHORT);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK(w.response == NULL);
  CHECK_INT(w.attempts, 1);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
  CHECK_INT(w.error.code, XAI_ERR_SHORT);
  wire_close(&w);
}

static void F29_says_what_came_instead_of_json(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, "text/html", "<html>maintenance, xai-secret1234567890abcdef</html>");
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.error.code, XAI_ERR_NOT_JSON);
  CHECK(strstr(w.error.message, "text/html") != NULL);
  CHECK(strstr(w.error.message, "secret1234") == NULL);
  wire_close(&w);
}

static void F28_empty_200_fails(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, JSON, "");
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  wire_close(&w);
}

static void F31_names_the_target_of_a_redirect(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 302, NULL);
  xai_wire_header(w.client, id, "Location", "https://login.example/?token=abc");
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.error.code, XAI_ERR_REDIRECT);
  CHECK(strstr(w.error.message, "login.example") != NULL);
  CHECK(strstr(w.error.message, "token") == NULL);
  wire_close(&w);
}

static void R8_never_gives_back_the_key(void) {
  for (int i = 0; i < 3; i++) {
    wire w;
    wire_open(&w);
    wire_start(&w, "/responses", "{}", false);
    uint32_t id = wire_request_id(&w);
    xai_wire_status(w.client, id, i == 2 ? 302 : 401);
    xai_wire_header(w.client, id, "x-request-id", "test-key");
    xai_wire_header(w.client, id, "x-request-id", "id xai-test-key");
    if (i == 2)
      xai_wire_header(w.client, id, "Location", "https://u:xai-test-key@h/xai-test-key?k=xai-test-key");
    const char *bodies[] = {
      "{\"code\":\"xai-test-key\",\"error\":\"key xai-test-key is (xai-test-key) bad\"}",
      "<p>Xai-test-key xai-test-key</p>", ""};
    wire_bytes(&w, id, bodies[i], strlen(bodies[i]));
    xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    xai_event event;
    while (xai_client_next(w.client, &event) == XAI_OK && event.type != XAI_EVENT_END) continue;
    const xai_error *err = &event.result->error;
    CHECK(strstr(err->message, "xai-test-key") == NULL && strstr(err->api_code, "xai-test-key") == NULL);
    CHECK(strstr(err->request_id, "xai-test-key") == NULL);
    CHECK(strstr(event.result->attempts[0].request_id, "xai-test-key") == NULL);
    for (size_t at = 0; at + 12 <= event.result->body.len; at++)
      CHECK(memcmp(event.result->body.ptr + at, "xai-test-key", 12) != 0);
    wire_close(&w);
  }
}

/* ---- limits */

static void R2_ends_within_its_deadline(void) {
  wire w;
  wire_open(&w);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.limits.deadline_ms = 5000;
  xai_call_start(w.client, &request, NULL);
  uint32_t id = wire_request_id(&w);
  CHECK_INT(xai_client_timeout(w.client), 5000);
  wire_pass(&w, 4999);
  CHECK_INT(w.ends, 0);
  wire_pass(&w, 1);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.error.code, XAI_ERR_DEADLINE);
  CHECK_INT(w.error.kind, XAI_KIND_TIMEOUT);
  CHECK(!xai_wire_live(w.client, id));
  wire_close(&w);
}

static void cancel_and_deadline_end_a_held_call(void) {
  wire w;
  wire_open(&w);
  xai_call_id first = wire_start(&w, "/responses", "{}", true);
  xai_call_id second = wire_start(&w, "/responses", "{}", true);
  xai_call_hold(w.client, first, true);
  xai_call_hold(w.client, second, true);
  xai_call_cancel(w.client, first);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_CANCELLED);
  wire_pass(&w, 3600000);
  CHECK_INT(w.ends, 1);
  xai_call_hold(w.client, second, false);
  wire_pull(&w);
  CHECK_INT(w.ends, 2);
  CHECK_INT(w.error.kind, XAI_KIND_TIMEOUT);
  /* the slot of a held call holds nothing for the next one */
  wire_start(&w, "/responses", "{}", false);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, JSON, whole_body);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.ends, 4);
  wire_close(&w);
}

/* What the next pull gives, and whose it is. */
static int pulled(wire *w, xai_call_id call) {
  xai_event event;
  if (xai_client_next(w->client, &event) != XAI_OK) return -1;
  CHECK_INT(event.call.id, call.id);
  if (event.type == XAI_EVENT_END) wire_take_end(w, event.result);
  return (int)event.type;
}

static void feed(wire *w, uint32_t id, const char *text) {
  CHECK_INT(xai_wire_body(w->client, id, text, strlen(text)), XAI_OK);
}

static void announces_a_call_once_and_gives_its_events_to_who_asks_for_them(void) {
  wire w;
  wire_open(&w);
  xai_call_id call = wire_start(&w, "/responses", "{}", true), other;
  const char *half = strstr(stream_body, "event: response.content_part");
  uint32_t id = wire_request_id(&w);
  xai_event event;
  xai_call_announce(w.client, call, true);
  CHECK_INT(pulled(&w, call), -1);
  wire_head(&w, id, 200, EVENTS);
  CHECK_INT(xai_wire_body(w.client, id, stream_body, (size_t)(half - stream_body)), XAI_OK);
  CHECK_INT(pulled(&w, call), XAI_EVENT_READY);
  CHECK_INT(pulled(&w, call), -1); /* once, and what waits to be taken wants no step */
  CHECK(xai_client_timeout(w.client) > 0);
  CHECK_INT(xai_call_next(w.client, call, &event), XAI_OK);
  CHECK_STR(event.name, "response.created");
  feed(&w, id, half);
  CHECK_INT(pulled(&w, call), -1); /* nothing was said of all being taken */
  int texts = 0;
  while (xai_call_next(w.client, call, &event) == XAI_OK && event.type != XAI_EVENT_END) {
    texts += event.type == XAI_EVENT_TEXT;
    if (texts == 1) CHECK_STR(xai_call_text(w.client, call), "Hel");
  }
  CHECK_INT(texts, 2);
  CHECK_INT(event.type, XAI_EVENT_END);
  CHECK_STR(event.result->text, "Hello");
  CHECK_INT(xai_client_pending(w.client), 0);
  CHECK_INT(xai_call_next(w.client, call, &event), XAI_MORE);
  CHECK_INT(pulled(&w, call), -1);
  other = wire_start(&w, "/responses", "{}", false); /* the next call in its slot is not announced */
  id = wire_request_id(&w);
  wire_head(&w, id, 200, JSON);
  feed(&w, id, whole_body);
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  CHECK_INT(pulled(&w, other), XAI_EVENT_END);
  wire_close(&w);
}

static void says_ready_again_when_all_was_taken(void) {
  wire w;
  wire_open(&w);
  xai_call_id call = wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  xai_event event;
  xai_call_announce(w.client, call, true);
  wire_head(&w, id, 200, EVENTS);
  for (int i = 0; i < 3; i++) {
    feed(&w, id, "data: {\"type\":\"response.queued\"}\n\ndata: {\"type\":");
    CHECK_INT(pulled(&w, call), XAI_EVENT_READY);
    CHECK_INT(xai_call_next(w.client, call, &event), XAI_OK);
    CHECK_INT(xai_call_next(w.client, call, &event), XAI_MORE);
    feed(&w, id, "\"response.queued\"}\n\n");
    CHECK_INT(pulled(&w, call), XAI_EVENT_READY);
    CHECK_INT(xai_call_next(w.client, call, &event), XAI_OK);
    CHECK_INT(xai_call_next(w.client, call, &event), XAI_MORE);
  }
  feed(&w, id, "data: {\"type\":\"response.queued\"}\n\n");
  xai_call_announce(w.client, call, false); /* as if it never had been */
  CHECK_INT(pulled(&w, call), XAI_EVENT_API);
  CHECK_INT(pulled(&w, call), -1);
  wire_close(&w);
}

static void cancel_and_deadline_end_an_announced_call(void) {
  wire w;
  wire_open(&w);
  xai_call_id calls[] = {wire_start(&w, "/responses", "{}", true), wire_start(&w, "/responses", "{}", true)};
  xai_event event;
  for (int i = 0; i < 2; i++) {
    uint32_t id = wire_request_id(&w);
    xai_call_announce(w.client, calls[i], true);
    wire_head(&w, id, 200, EVENTS);
    feed(&w, id, "data: {\"type\":\"response.queued\"}\n\n");
    CHECK_INT(pulled(&w, calls[i]), XAI_EVENT_READY);
  }
  xai_call_cancel(w.client, calls[0]);
  CHECK_INT(pulled(&w, calls[0]), XAI_EVENT_READY); /* again, for this is its end */
  CHECK_INT(xai_call_next(w.client, calls[0], &event), XAI_OK);
  CHECK_INT(event.type, XAI_EVENT_END);
  w.now += 3600000;
  CHECK_INT(xai_client_step(w.client, 0), XAI_OK);
  CHECK_INT(pulled(&w, calls[1]), -1);
  while (xai_call_next(w.client, calls[1], &event) == XAI_OK && event.type != XAI_EVENT_END) continue;
  CHECK_INT(event.type, XAI_EVENT_END);
  CHECK_INT(event.result->error.kind, XAI_KIND_TIMEOUT);
  wire_close(&w);
}

static void stops_at_the_response_limit(void) {
  wire w;
  wire_open(&w);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.limits.max_response = 100;
  xai_call_start(w.client, &request, NULL);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.error.code, XAI_ERR_TOO_BIG);
  CHECK_INT(w.error.kind, XAI_KIND_LIMIT);
  CHECK(strstr(w.error.message, "max_response is 100 bytes") != NULL);
  wire_close(&w);
}

static void a_stale_handle_does_nothing(void) {
  wire w;
  wire_open(&w);
  xai_call_id first = wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, JSON, whole_body);
  wire_pass(&w, 0);
  xai_call_id second = wire_start(&w, "/responses", "{}", false);
  CHECK(first.id != second.id);
  xai_call_cancel(w.client, first);
  CHECK(xai_call_response(w.client, first) == NULL);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  wire_close(&w);
}

/* ---- the caller's mistakes */

static xai_code start_code(wire *w, const xai_request *request) {
  xai_error err;
  xai_call_id id = xai_call_start(w->client, request, &err);
  return id.id ? XAI_OK : err.code;
}

static void refuses_what_cannot_be_sent(void) {
  wire w;
  wire_open(&w);
  xai_request request = XAI_REQUEST_INIT;
  CHECK_INT(start_code(&w, &request), XAI_ERR_ARG);
  request.path = "responses";
  CHECK_INT(start_code(&w, &request), XAI_ERR_ARG);
  request.path = "/respon ses";
  CHECK_INT(start_code(&w, &request), XAI_ERR_ARG);
  request.path = "/responses";
  request.method = "GE T";
  CHECK_INT(start_code(&w, &request), XAI_ERR_ARG);
  request.method = NULL;
  xai_header bad[] = {{"X-A", "1\r\nX-B: 2"}};
  request.headers = bad;
  request.header_count = 1;
  xai_error err;
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_ARG);
  CHECK(strstr(err.message, "X-A") != NULL && strstr(err.message, "X-B") == NULL);
  bad[0] = (xai_header){"Host", "evil.example"};
  CHECK_INT(start_code(&w, &request), XAI_ERR_ARG);
  wire_close(&w);
}

static xai_code config_code(const char *key, const char *url) {
  wire w = {0};
  xai_config config = wire_config(&w);
  config.api_key = key;
  config.base_url = url;
  xai_error err;
  xai_client *client = xai_client_new(&config, &err);
  if (client != NULL) err.code = XAI_OK;
  if (key != NULL && strlen(key) > 4) CHECK(strstr(err.message, key) == NULL);
  xai_client_free(client);
  return err.code;
}

static void F129_refuses_a_damaged_key_without_showing_it(void) {
  CHECK_INT(config_code("xai-good", NULL), XAI_OK);
  CHECK_INT(config_code(NULL, NULL), XAI_OK);
  CHECK_INT(config_code("", NULL), XAI_ERR_KEY);
  CHECK_INT(config_code("xai-line\n", NULL), XAI_ERR_KEY);
  CHECK_INT(config_code("xai two", NULL), XAI_ERR_KEY);
  CHECK_INT(config_code("\"xai-quoted\"", NULL), XAI_ERR_KEY);
  CHECK_INT(config_code("xai-\xe2\x80\x9c", NULL), XAI_ERR_KEY);
}

static void refuses_a_strange_base_url(void) {
  CHECK_INT(config_code("k", "https://api.x.ai/v1/"), XAI_OK);
  CHECK_INT(config_code("k", "ftp://api.x.ai"), XAI_ERR_URL);
  CHECK_INT(config_code("k", "https://"), XAI_ERR_URL);
  CHECK_INT(config_code("k", "https://user:pw@host"), XAI_ERR_URL);
  CHECK_INT(config_code("k", "https://host/?q"), XAI_ERR_URL);
}

static void says_when_it_is_full(void) {
  wire w = {.now = 1};
  xai_config config = wire_config(&w);
  config.max_calls = 2;
  w.client = xai_client_new(&config, NULL);
  wire_start(&w, "/responses", "{}", false);
  wire_start(&w, "/responses", "{}", false);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  CHECK_INT(start_code(&w, &request), XAI_ERR_FULL);
  wire_answer(&w, 200, JSON, whole_body);
  wire_pass(&w, 0);
  CHECK_INT(start_code(&w, &request), XAI_OK);
  wire_close(&w);
}

/* ---- memory */

static xai_code call_scenario(const xai_mem *mem, const char *type, const char *body, bool stream) {
  wire w = {.now = 1};
  xai_config config = wire_config(&w);
  config.mem = *mem;
  xai_error err;
  w.client = xai_client_new(&config, &err);
  if (w.client == NULL) return err.code;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.stream = stream;
  xai_call_id id = xai_call_start(w.client, &request, &err);
  xai_code code = id.id ? XAI_OK : err.code;
  uint32_t exchange = wire_request_id(&w);
  if (exchange != 0) {
    wire_head(&w, exchange, 200, type);
    wire_bytes(&w, exchange, body, strlen(body));
    xai_wire_finish(w.client, exchange, XAI_WIRE_DONE);
  }
  xai_client_step(w.client, 0);
  wire_pull(&w);
  if (id.id) {
    CHECK_INT(w.ends, 1);
    code = w.error.code;
  }
  wire_close(&w);
  return code;
}

static xai_code stream_scenario(const xai_mem *mem) {
  return call_scenario(mem, EVENTS, stream_body, true);
}

static xai_code whole_scenario(const xai_mem *mem) {
  return call_scenario(mem, JSON, whole_body, false);
}

static void many_calls_leave_nothing_behind(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  wire w = {.now = 1};
  xai_config config = wire_config(&w);
  config.mem = mem;
  w.client = xai_client_new(&config, NULL);
  size_t after_ten = 0;
  for (int i = 0; i < 2000; i++) {
    wire_start(&w, "/responses", "{}", true);
    wire_answer(&w, 200, EVENTS, stream_body);
    wire_pass(&w, 1000);
    if (i == 10) after_ten = heap.bytes;
  }
  CHECK_INT(w.ends, 2000);
  CHECK(heap.bytes <= after_ten + 1024);
  wire_close(&w);
  CHECK_INT(heap.live, 0);
}

/* ---- programs that were built with another xai.h */

/* What their struct does not have is memory of theirs that has another use. */
static void options_of_an_older_header_have_the_defaults(void) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.base_url = "http://wire/v1";
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.size = offsetof(xai_config, share);
  memset((char *)&config + config.size, 0xaa, sizeof config - config.size);
  xai_client *client = xai_client_new(&config, &err);
  CHECK(client != NULL);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.size = offsetof(xai_request, idempotency_key);
  memset((char *)&request + request.size, 0xaa, sizeof request - request.size);
  CHECK(xai_call_start(client, &request, &err).id != 0);
  xai_client_free(client);
}

static void options_of_a_newer_header_are_refused_when_they_are_used(void) {
  struct {
    xai_config known;
    uint64_t fresh;
  } config = {XAI_CONFIG_INIT, 0};
  struct {
    xai_request known;
    uint64_t fresh;
  } request = {XAI_REQUEST_INIT, 0};
  xai_error err;
  config.known.size = sizeof config;
  config.known.base_url = "http://wire/v1";
  config.known.transport = XAI_TRANSPORT_SCRIPTED;
  request.known.size = sizeof request;
  request.known.path = "/models";
  xai_client *client = xai_client_new(&config.known, &err);
  CHECK(client != NULL);
  CHECK(xai_call_start(client, &request.known, &err).id != 0);
  request.fresh = config.fresh = 1;
  CHECK_INT(xai_call_start(client, &request.known, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_ARG);
  CHECK(strstr(err.message, "the request sets what this version") != NULL);
  CHECK(xai_client_new(&config.known, &err) == NULL);
  CHECK(strstr(err.message, "the config sets what this version") != NULL);
  xai_client_free(client);
}

static void options_that_were_not_begun_with_their_init_are_refused(void) {
  wire w;
  xai_error err;
  xai_config config = {.api_key = "k"};
  xai_request request = {.path = "/models"};
  wire_open(&w);
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK(strstr(err.message, "config was not begun with its INIT") != NULL);
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK(strstr(err.message, "request was not begun with its INIT") != NULL);
  wire_close(&w);
}

/* More names than are looked for in one go; of two headers alike the first one counts. */
static void finds_headers_by_many_names(void) {
  static const char *const names[] = {"x-0", "x-1", "x-2",          "x-3",          "x-4", "x-5", "x-6",
                                      "x-7", "x-8", "x-9",          "X-A",          "x-b", "x-c", "x-d",
                                      "x-e", "x-f", "x-request-id", "Content-Type", "x-1", "none"};
  enum { COUNT = sizeof names / sizeof *names };
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, "application/json");
  for (char c = '0'; c <= '9'; c++) {
    char name[] = {'X', '-', c, '\0'}, value[] = {'v', c, '\0'};
    xai_wire_header(w.client, id, name, value);
  }
  xai_wire_header(w.client, id, "x-a", "first");
  xai_wire_header(w.client, id, "x-a", "second");
  xai_wire_header(w.client, id, "X-Request-Id", "r-1");
  xai_wire_header(w.client, id, "x-request-id", "r-2");
  xai_wire_header(w.client, id, "content-type", "text/html");
  const char *body = "{\"status\":\"completed\",\"output\":[]}";
  wire_bytes(&w, id, body, strlen(body));
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  xai_event event;
  CHECK_INT(xai_client_next(w.client, &event), XAI_OK);
  CHECK_INT(event.type, XAI_EVENT_END);
  CHECK_INT(event.result->outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(event.result->content_type, "application/json");
  CHECK_STR(xai_str_of(event.result->error.request_id), "req-1");
  CHECK_STR(xai_str_of(event.result->attempts[0].request_id), "req-1");
  xai_str values[COUNT];
  xai_result_headers(w.client, names, COUNT, values);
  CHECK_STR(values[3], "v3");
  CHECK_STR(values[10], "first");
  CHECK_STR(values[11], "");
  CHECK_STR(values[16], "req-1");
  CHECK_STR(values[17], "application/json");
  CHECK_STR(values[18], "v1");
  CHECK_STR(values[19], "");
  wire_close(&w);
}

int main(void) {
  RUN(streams_text_and_completes);
  RUN(reads_a_whole_answer);
  RUN(sends_the_key_and_what_was_asked);
  RUN(F30_repeats_a_503_once_and_reports_two_attempts);
  RUN(F17_does_not_repeat_what_may_have_been_billed);
  RUN(repeats_an_unknown_attempt_when_the_caller_allows_it);
  RUN(F06_repeats_a_refused_connection_until_the_attempts_are_used);
  RUN(F08_never_repeats_a_failed_handshake);
  RUN(F66_waits_as_long_as_the_server_asks);
  RUN(F67_does_not_sleep_a_day);
  RUN(does_not_repeat_when_the_server_forbids_it);
  RUN(a_retry_is_told_when_the_next_attempt_has_begun);
  RUN(R5_bounds_all_retries_together);
  RUN(F25_a_body_cut_in_one_place_is_never_whole);
  RUN(F29_says_what_came_instead_of_json);
  RUN(F28_empty_200_fails);
  RUN(F31_names_the_target_of_a_redirect);
  RUN(R8_never_gives_back_the_key);
  RUN(R2_ends_within_its_deadline);
  RUN(cancel_and_deadline_end_a_held_call);
  RUN(announces_a_call_once_and_gives_its_events_to_who_asks_for_them);
  RUN(says_ready_again_when_all_was_taken);
  RUN(cancel_and_deadline_end_an_announced_call);
  RUN(stops_at_the_response_limit);
  RUN(a_stale_handle_does_nothing);
  RUN(refuses_what_cannot_be_sent);
  RUN(F129_refuses_a_damaged_key_without_showing_it);
  RUN(refuses_a_strange_base_url);
  RUN(says_when_it_is_full);
  RUN(options_of_an_older_header_have_the_defaults);
  RUN(options_of_a_newer_header_are_refused_when_they_are_used);
  RUN(options_that_were_not_begun_with_their_init_are_refused);
  check_nomem("F92_a_streamed_call", stream_scenario);
  check_nomem("F92_a_whole_call", whole_scenario);
  RUN(many_calls_leave_nothing_behind);
  RUN(finds_headers_by_many_names);
  return check_report("client");
}
