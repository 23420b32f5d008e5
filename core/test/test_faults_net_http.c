/* test_faults_net_http.c - F16, F17, F22 to F37 and F40 on real HTTP/1.1 bytes: kept connections, framing, answers.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "net.h"

/* ---- kept connections ---- */

/* Two calls over one client; what the second ends with. */
static net_call second_call(const lb_step *first, long *requests, long *connections) {
  static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const scripts[] = {first, whole};
  lb_server *s = lb_start(scripts, 2);
  xai_client *client = net_open(s);
  net_works(client);
  CHECK(lb_seen(s, LB_CLOSED) > 0 || first[2].op != LB_END || lb_wait(s, LB_CLOSED, 1));
  net_call c;
  net_ask(client, &c, false);
  *requests = lb_seen(s, LB_REQUESTS);
  *connections = lb_seen(s, LB_CONNECTIONS);
  xai_client_free(client);
  lb_stop(s);
  return c;
}

/* Seen before anything is written: the call goes out once, on a fresh connection, and that is its only attempt. */
static void F16_a_kept_connection_that_died_while_idle(void) {
  static const lb_step closes[] = {READ, WRITE(OK_WHOLE), CLOSE};
  static const lb_step announces[] = {READ,
                                      WRITE(OK_HEAD "Content-Type: application/json\r\nConnection: close\r\n"
                                                    "Content-Length: 132\r\n\r\n" WHOLE),
                                      CLOSE};
  const lb_step *const scripts[] = {closes, announces};
  for (int i = 0; i < 2; i++) {
    long requests, connections;
    net_call c = second_call(scripts[i], &requests, &connections);
    CHECK_CALL(c, "complete", "answered", XAI_OK);
    CHECK_INT(c.attempts, 1);
    CHECK_INT(requests, 2); /* one for each call */
    CHECK_INT(connections, 2);
  }
}

/* The reset comes as the request is written. Whether the peer had read it cannot be told from here (a reset
 * acknowledges nothing), so unless it came before the body began, it is F17's case: it is not said twice. */
static void F16_a_reset_that_crosses_the_request(void) {
  static const lb_step crosses[] = {READ, WRITE(OK_WHOLE), ARRIVAL, CLOSE};
  long requests, connections;
  net_call c = second_call(crosses, &requests, &connections);
  if (c.attempt[0].outcome == XAI_ATTEMPT_NOT_SENT) {
    CHECK_CALL(c, "complete", "not_sent", XAI_OK);
    CHECK_INT(c.attempts, 2); /* counted */
    CHECK_INT(requests, 2);   /* and seen once */
  } else {
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_RESET);
    CHECK_INT(c.attempts, 1);
    CHECK_INT(requests, 1);
  }
}

static void F17_a_kept_connection_dies_after_the_request_was_read(void) {
  static const lb_step closes[] = {READ, WRITE(OK_WHOLE), READ, CLOSE};
  static const lb_step resets[] = {READ, WRITE(OK_WHOLE), READ, RESET};
  const lb_step *const scripts[] = {closes, resets};
  for (int i = 0; i < 2; i++) {
    long requests, connections;
    net_call c = second_call(scripts[i], &requests, &connections);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_RESET);
    CHECK_STR(xai_str_of(c.attempt[0].phase), "wait");
    CHECK_INT(c.attempts, 1);
    CHECK_INT(requests, 2); /* the first call's, and this one once */
  }
}

/* ---- an upload that nobody reads */

static void F22_an_upload_that_is_never_read(void) {
  static char body[16 << 20];
  memset(body, ' ', sizeof body - 1);
  const lb_step script[] = {READ_HEAD, GATE(1), AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  check_heap heap = {0, 0, 0, 0, 0};
  xai_config config = net_config();
  config.mem = check_heap_mem(&heap);
  config.limits.silence_ms = 50 * slowness();
  xai_client *client = net_open_at(&config, NULL, s->port);
  net_call c;
  net_start(client, &c, net_request("/responses", body, false));
  net_run(client, &c);
  CHECK_CALL(c, "failed", "unknown", XAI_ERR_SILENCE);
  CHECK_STR(xai_str_of(c.attempt[0].phase), "send");
  CHECK_INT(c.attempts, 1);
  CHECK(heap.peak < sizeof body + (1 << 20));
  lb_open_gate(s, 1);
  CHECK(lb_wait(s, LB_EOFS, 1));
  xai_client_free(client);
  CHECK_INT(heap.live, 0);
  lb_stop(s);
}

/* ---- framing ---- */

typedef struct bad_answer {
  const char *bytes;
  const char *outcome;
  const char *class_name;
  xai_code code;
  const char *phase;
} bad_answer;

/* Each ends as told after one attempt, streamed or not, and is no answer. */
static void check_rows(const bad_answer *bad, size_t count) {
  for (size_t i = 0; i < count * 2; i++) {
    long requests;
    const bad_answer *want = &bad[i / 2];
    net_call c = net_bytes(want->bytes, i % 2, &requests);
    CHECK_CALL(c, want->outcome, want->class_name, want->code);
    CHECK_STR(xai_str_of(c.attempt[0].phase), want->phase);
    CHECK_INT(requests, 1);
    CHECK_INT(c.attempts, 1);
    CHECK(c.error.message[0] != '\0');
    CHECK(!c.has_response);
    if (check_bad) printf("  at answer %zu: %.60s\n", i / 2, want->bytes);
  }
}

#define ROWS(rows) rows, sizeof rows / sizeof *rows

static void F23_what_is_no_http(void) {
  static const bad_answer rows[] = {
    {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "failed", "unknown", XAI_ERR_HTTP, "headers"},
    {"HTTP/1.1 2OO OK\r\n\r\n" WHOLE, "failed", "unknown", XAI_ERR_HTTP, "headers"},
    {WHOLE, "failed", "unknown", XAI_ERR_HTTP, "headers"}, /* HTTP/0.9 */
    {OK_HEAD "no colon\r\n\r\n" WHOLE, "failed", "unknown", XAI_ERR_HTTP, "headers"},
  };
  check_rows(ROWS(rows));
}

static void F23_headers_without_end(void) {
  static const lb_step one[] = {READ, WRITE(OK_HEAD "A: "), REPEAT("0123456789", 1000000), AWAIT_EOF};
  static const lb_step many[] = {READ, WRITE(OK_HEAD), REPEAT("Name: value\r\n", 10000), WRITE("\r\n"),
                                 AWAIT_EOF};
  const lb_step *const scripts[] = {one, many};
  for (int i = 0; i < 2; i++) {
    check_heap heap = {0, 0, 0, 0, 0};
    lb_server *s = lb_start(&scripts[i], 1);
    xai_config config = net_config();
    config.mem = check_heap_mem(&heap);
    xai_client *client = net_open_at(&config, NULL, s->port);
    net_call c;
    net_ask(client, &c, false);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_TOO_BIG);
    CHECK_STR(xai_str_of(c.attempt[0].phase), "headers");
    CHECK_INT(c.attempts, 1);
    CHECK(heap.peak < 512 << 10);
    xai_client_free(client);
    CHECK_INT(heap.live, 0);
    lb_stop(s);
  }
}

#define LENGTHS(a, b) JSON_HEAD a "\r\n" b "\r\n\r\n"
static void F24_lengths_that_contradict(void) {
  static const bad_answer rows[] = {
    {LENGTHS("Content-Length: 132", "Content-Length: 131") WHOLE, "failed", "unknown", XAI_ERR_HTTP,
     "headers"},
    {LENGTHS("Content-Length: 132", "Transfer-Encoding: chunked") "84\r\n" WHOLE "\r\n0\r\n\r\n", "failed",
     "unknown", XAI_ERR_HTTP, "headers"},
    {LENGTHS("Transfer-Encoding: chunked", "Content-Length: 132") "84\r\n" WHOLE "\r\n0\r\n\r\n", "failed",
     "unknown", XAI_ERR_HTTP, "headers"},
  };
  check_rows(ROWS(rows));
}

static void F24_such_a_connection_is_not_used_again(void) {
  static const lb_step two[] = {READ, WRITE(LENGTHS("Content-Length: 132", "Content-Length: 132, 7") WHOLE),
                                AWAIT_EOF};
  static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const scripts[] = {two, whole};
  lb_server *s = lb_start(scripts, 2);
  xai_client *client = net_open(s);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
  CHECK(lb_wait(s, LB_EOFS, 1));
  net_works(client);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  xai_client_free(client);
  lb_stop(s);
}

/* Valid JSON as far as it came, but more was announced: what came is kept, and is not the answer. */
static void F25_a_body_shorter_than_announced(void) {
  long requests;
  net_call c = net_bytes(JSON_HEAD "Content-Length: 133\r\n\r\n" WHOLE, false, &requests);
  CHECK_CALL(c, "incomplete", "unknown", XAI_ERR_SHORT);
  CHECK_STR(xai_str_of(c.reason), "body shorter than announced");
  CHECK_STR(xai_str_of(c.body), WHOLE);
  CHECK_STR(xai_str_of(c.given_text), "");
  CHECK(!c.has_response);
  CHECK_INT(c.attempts, 1);
  CHECK_INT(requests, 1);
}

/* Nobody was given any of it, so a GET is simply asked again. */
static void F25_a_get_is_asked_again(void) {
  static const lb_step cut[] = {READ, WRITE(JSON_HEAD "Content-Length: 133\r\n\r\n" WHOLE), CLOSE};
  static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const scripts[] = {cut, whole};
  lb_server *s = lb_start(scripts, 2);
  xai_client *client = net_open(s);
  net_call c;
  net_start(client, &c, net_request("/models", "", false));
  net_run(client, &c);
  CHECK_STR(xai_str_of(xai_outcome_name(c.outcome)), "complete");
  CHECK_INT(c.attempts, 2);
  CHECK_INT(c.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
  CHECK_INT(c.attempt[0].code, XAI_ERR_SHORT);
  xai_client_free(client);
  lb_stop(s);
}

static void F26_a_body_longer_than_announced(void) {
  static const lb_step more[] = {READ, WRITE(OK_WHOLE JSON_HEAD "Content-Length: 2\r\n\r\n{}"), AWAIT_EOF};
  static const lb_step whole[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const scripts[] = {more, whole};
  lb_server *s = lb_start(scripts, 2);
  xai_client *client = net_open(s);
  for (int i = 0; i < 2; i++) {
    net_call c;
    net_ask(client, &c, false);
    CHECK_CALL(c, "complete", "answered", XAI_OK);
    CHECK_STR(xai_str_of(c.given_text), "Hello"); /* not the surplus, which would be a valid answer too */
  }
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  CHECK(lb_wait(s, LB_EOFS, 1));
  xai_client_free(client);
  lb_stop(s);
}

#define CHUNKED_JSON JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n"
static void F27_chunks_that_are_wrong(void) {
  static const bad_answer rows[] = {
    {CHUNKED_JSON "84\r\n" WHOLE "\r\n", "incomplete", "unknown", XAI_ERR_SHORT, "body"},
    {CHUNKED_JSON "85\r\n" WHOLE, "incomplete", "unknown", XAI_ERR_SHORT, "body"},
    {CHUNKED_JSON "84\r\n" WHOLE "XX0\r\n\r\n", "failed", "unknown", XAI_ERR_HTTP, "body"},
    {CHUNKED_JSON "zz\r\n" WHOLE "\r\n0\r\n\r\n", "failed", "unknown", XAI_ERR_HTTP, "body"},
    {CHUNKED_JSON "-84\r\n" WHOLE "\r\n0\r\n\r\n", "failed", "unknown", XAI_ERR_HTTP, "body"},
    {CHUNKED_JSON "8000000000000000\r\n" WHOLE "\r\n0\r\n\r\n", "failed", "unknown", XAI_ERR_HTTP, "body"},
    {CHUNKED_JSON "10000000000000084\r\n" WHOLE "\r\n0\r\n\r\n", "failed", "unknown", XAI_ERR_HTTP, "body"},
  };
  check_rows(ROWS(rows));
}

static void F27_a_stream_without_its_last_chunk(void) {
  long requests;
  char bytes[2048];
  snprintf(bytes, sizeof bytes, SSE_HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
           strlen(SSE_OPEN SSE_DELTA("Hel")), SSE_OPEN SSE_DELTA("Hel"));
  net_call c = net_bytes(bytes, true, &requests);
  CHECK_CALL(c, "incomplete", "answered", XAI_ERR_SHORT);
  CHECK_STR(xai_str_of(c.text), "Hel");
  CHECK_INT(requests, 1);
}

/* ---- statuses and types ---- */

static void F28_success_without_an_answer(void) {
  static const struct {
    const char *bytes, *status;
    xai_code code;
  } rows[] = {
    {JSON_HEAD "Content-Length: 0\r\n\r\n", "HTTP 200", XAI_ERR_NOT_JSON},
    {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204", XAI_ERR_NOT_JSON},
    {"HTTP/1.1 206 Partial Content\r\nContent-Type: application/json\r\nContent-Range: bytes 0-131/999\r\n"
     "Content-Length: 132\r\n\r\n" WHOLE,
     "HTTP 206", XAI_ERR_HTTP},
  };
  for (size_t i = 0; i < 6; i++) {
    long requests;
    net_call c = net_bytes(rows[i / 2].bytes, i % 2, &requests);
    CHECK_CALL(c, "failed", "unknown", rows[i / 2].code);
    CHECK_HAS(c.error.message, rows[i / 2].status);
    CHECK_INT(requests, 1);
  }
}

static void F28_a_range_that_was_asked_for_is_given(void) {
  static const lb_step script[] = {
    READ,
    WRITE("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nContent-Length: 5\r\n\r\nhello"),
    AGAIN};
  const lb_step *const scripts[] = {script};
  const xai_header range = {"Range", "bytes=0-4"};
  lb_server *s = lb_start(scripts, 1);
  xai_client *client = net_open(s);
  xai_request request = net_request("/files/1/content", "", false);
  request.reply = XAI_REPLY_BYTES;
  request.headers = &range;
  request.header_count = 1;
  net_call c;
  net_start(client, &c, request);
  net_run(client, &c);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_STR(xai_str_of(c.body), "hello");
  xai_client_free(client);
  lb_stop(s);
}

static void F29_a_page_instead_of_an_answer(void) {
  static const lb_step script[] = {
    READ,
    WRITE(OK_HEAD "Content-Type: text/html; charset=utf-8\r\nContent-Length: 350\r\n\r\n<html><title>Down for"
                  " maintenance</title><body>Bearer xai-echoed-0123456789 " NET_KEY),
    REPEAT("0123456789", 40), AWAIT_EOF};
  for (int stream = 0; stream < 2; stream++) {
    long requests;
    net_call c = net_script(script, stream, &requests);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_NOT_JSON);
    CHECK_INT(c.error.kind, XAI_KIND_PROTOCOL);
    CHECK_HAS(c.error.message, "HTTP 200, text/html");
    CHECK_HAS(c.error.message, "<title>Down for maintenance</title>");
    CHECK(strstr(c.error.message, "echoed") == NULL);
    CHECK(strlen(c.error.message) < 300); /* 200 characters of it */
    CHECK_INT(requests, 1);
  }
}

static const char *const types[] = {"text/html", "application/json", "text/plain"};
static const char *const bodies[] = {"<html>trouble at the gateway</html>",
                                     "{\"code\":\"Oops\",\"error\":\"gone wrong\"}", ""};

/* How one status is taken with each kind of body, when a second attempt would succeed. */
static void check_status(int status, bool refused, bool retried) {
  for (int i = 0; i < 3; i++) {
    char bytes[400];
    snprintf(bytes, sizeof bytes,
             "HTTP/1.1 %d X\r\nx-request-id: req-9\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
             status, types[i], strlen(bodies[i]), bodies[i]);
    const lb_step script[] = {READ, WRITE(bytes), READ, WRITE(OK_WHOLE), AGAIN};
    const lb_step *const scripts[] = {script};
    lb_server *s = lb_start(scripts, 1);
    xai_client *client = net_open(s);
    net_call c;
    net_ask(client, &c, false);
    CHECK_INT(c.attempt[0].outcome, refused ? XAI_ATTEMPT_REFUSED : XAI_ATTEMPT_UNKNOWN);
    CHECK_INT(c.attempt[0].http_status, status);
    CHECK_INT(c.attempt[0].code, XAI_ERR_API);
    CHECK_INT(c.attempts, retried ? 2 : 1);
    if (!retried) {
      CHECK_STR(xai_str_of(xai_outcome_name(c.outcome)), refused ? "refused" : "failed");
      CHECK_INT(c.error.http_status, status);
      CHECK_STR(xai_str_of(c.error.request_id), "req-9");
      CHECK(strstr(c.error.message, "JSON") == NULL);
    }
    xai_client_free(client);
    lb_stop(s);
  }
}

static void F30_errors_of_gateways(void) {
  static const int unknown[] = {502, 504, 520, 521, 522, 523, 524, 525, 526};
  check_status(503, true, true);
  check_status(529, true, true);
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) check_status(unknown[i], false, false);
}

static void F31_redirects_are_named_and_not_followed(void) {
  static const int statuses[] = {301, 302, 303, 307, 308};
  static const lb_step portal[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const elsewhere[] = {portal};
  lb_server *other = lb_start(elsewhere, 1);
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    char bytes[300], want[100];
    snprintf(want, sizeof want, "HTTP %d to http://127.0.0.1:%d/login", statuses[i], other->port);
    snprintf(bytes, sizeof bytes,
             "HTTP/1.1 %d Moved\r\nLocation: http://user:pass@127.0.0.1:%d/login?token=s3cret\r\n"
             "Content-Length: 0\r\n\r\n",
             statuses[i], other->port);
    long requests;
    net_call c = net_bytes(bytes, i % 2, &requests);
    CHECK_CALL(c, "failed", "refused", XAI_ERR_REDIRECT);
    CHECK_HAS(c.error.message, want);
    CHECK(strstr(c.error.message, "s3cret") == NULL && strstr(c.error.message, "pass") == NULL);
    CHECK_INT(requests, 1);
  }
  CHECK_INT(lb_seen(other, LB_CONNECTIONS), 0);
  lb_stop(other);
}

/* An error body in the vendor's form, and what is made of it. Once, whatever would come next. */
static net_call vendor_error(int status, const char *body) {
  char bytes[600];
  long requests;
  snprintf(bytes, sizeof bytes,
           "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
           strlen(body), body);
  net_call c = net_bytes(bytes, false, &requests);
  CHECK_CALL(c, "refused", "refused", XAI_ERR_API);
  CHECK_INT(c.error.http_status, status);
  CHECK(!c.error.retryable);
  CHECK_INT(requests, 1);
  return c;
}

static void F32_a_key_that_is_not_accepted(void) {
  net_call c = vendor_error(401, "{\"code\":\"unauthenticated\",\"error\":\"Bad key " NET_KEY " given\"}");
  CHECK_INT(c.error.kind, XAI_KIND_AUTH);
  CHECK(strstr(c.error.message, "0123456789") == NULL);
  c = vendor_error(403, "{\"error\":\"no access\"}");
  CHECK_INT(c.error.kind, XAI_KIND_PERMISSION);
}

static void F33_a_model_that_was_retired(void) {
  net_call c = vendor_error(404, "{\"code\":\"not-found\",\"error\":\"The model grok-1 was retired.\"}");
  CHECK_INT(c.error.kind, XAI_KIND_NOT_FOUND);
  CHECK_HAS(c.error.message, "The model grok-1 was retired.");
}

static void F34_a_request_that_is_wrong(void) {
  static const int statuses[] = {400, 413, 422};
  for (int i = 0; i < 3; i++) {
    net_call c =
      vendor_error(statuses[i], "{\"error\":{\"message\":\"no such value\",\"code\":\"invalid-argument\","
                                "\"param\":\"temperature\",\"type\":\"invalid_request_error\"}}");
    CHECK_HAS(c.error.message, "no such value");
    CHECK_STR(xai_str_of(c.error.api_code), "invalid-argument");
    CHECK_STR(xai_str_of(c.error.param), "temperature");
  }
}

static void F35_an_error_in_any_shape(void) {
  static const char *const shapes[] = {
    "{\"error\":{\"message\":\"too odd\"}}",
    "{\"error\":\"too odd\"}",
    "{\"code\":\"c\",\"error\":\"too odd\"}",
    "{\"detail\":\"too odd\"}",
    "{\"message\":\"too odd\"}",
    "[{\"error\":{\"message\":\"too odd\"}}]",
    "too odd",
    "",
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    net_call c = vendor_error(400, shapes[i]);
    CHECK_STR(xai_str_of(c.body), shapes[i]);
    if (shapes[i][0] != '\0') CHECK_HAS(c.error.message, "too odd");
  }
}

static void F36_statuses_that_ask_for_another_time(void) {
  check_status(408, false, false);
  check_status(409, false, false);
  check_status(425, true, true); /* too early: it was not looked at */
}

static void F37_interim_answers(void) {
  static const char early[] = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
  static const lb_step some[] = {READ, WRITE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"),
                                 REPEAT(early, 30), WRITE(OK_WHOLE), AWAIT_EOF};
  static const lb_step many[] = {READ, REPEAT(early, 1000), WRITE(OK_WHOLE), AWAIT_EOF};
  long requests;
  net_call c = net_script(some, false, &requests);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  c = net_script(many, false, &requests);
  CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
  CHECK_HAS(c.error.message, "interim");
  CHECK_INT(requests, 1);
}

static void F40_cookies_are_not_kept(void) {
  static const lb_step script[] = {
    READ, WRITE(JSON_HEAD "Set-Cookie: s=1; Path=/\r\nContent-Length: 132\r\n\r\n" WHOLE), AGAIN};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_client *client = net_open(s);
  for (int i = 0; i < 2; i++) {
    net_works(client);
    char *seen = lb_request(s);
    CHECK(strcasestr(seen, "cookie") == NULL);
    free(seen);
  }
  CHECK_INT(lb_seen(s, LB_REQUESTS), 2);
  xai_client_free(client);
  lb_stop(s);
}

static void all(void) {
  RUN(F16_a_kept_connection_that_died_while_idle);
  RUN(F16_a_reset_that_crosses_the_request);
  RUN(F17_a_kept_connection_dies_after_the_request_was_read);
  RUN(F22_an_upload_that_is_never_read);
  RUN(F23_what_is_no_http);
  RUN(F23_headers_without_end);
  RUN(F24_lengths_that_contradict);
  RUN(F24_such_a_connection_is_not_used_again);
  RUN(F25_a_body_shorter_than_announced);
  RUN(F25_a_get_is_asked_again);
  RUN(F26_a_body_longer_than_announced);
  RUN(F27_chunks_that_are_wrong);
  RUN(F27_a_stream_without_its_last_chunk);
  RUN(F28_success_without_an_answer);
  RUN(F28_a_range_that_was_asked_for_is_given);
  RUN(F29_a_page_instead_of_an_answer);
  RUN(F30_errors_of_gateways);
  RUN(F31_redirects_are_named_and_not_followed);
  RUN(F32_a_key_that_is_not_accepted);
  RUN(F33_a_model_that_was_retired);
  RUN(F34_a_request_that_is_wrong);
  RUN(F35_an_error_in_any_shape);
  RUN(F36_statuses_that_ask_for_another_time);
  RUN(F37_interim_answers);
  RUN(F40_cookies_are_not_kept);
}

int main(void) {
  forget_environment();
  run_both_ways(all);
  return net_report("faults on the wire: HTTP/1.1");
}
