/* test_log.c - what the log tells of a call, and that nothing else ever stands in a line.
 * SPDX-License-Identifier: MIT */
#include "canary.h"
#include "wire.h"

#define JSON "application/json"
#define DONE "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":[]}"

typedef struct lines {
  char text[ROOM];
  size_t len;
  int count[XAI_LOG_DEBUG + 1]; /* by level */
  xai_client *client;           /* tried from inside, when set */
  xai_code inside;
} lines;

static void on_line(void *user, xai_log_level level, xai_str line) {
  lines *l = user;
  CHECK(memchr(line.ptr, '\n', line.len) == NULL);
  l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%.*s\n", (int)line.len, line.ptr);
  l->count[level]++;
  if (l->client != NULL) l->inside = xai_client_step(l->client, 0);
}

static void open_logged(wire *w, lines *l, xai_log_level level) {
  memset(w, 0, sizeof *w);
  memset(l, 0, sizeof *l);
  w->now = 1000;
  w->wall = 1767225600;
  xai_config config = wire_config(w);
  config.api_key = CANARY;
  config.log = (xai_log){on_line, l, level};
  w->client = xai_client_new(&config, NULL);
  CHECK(w->client != NULL);
}

static void clear(lines *l) {
  l->len = 0;
  l->text[0] = '\0';
}

static void tells_a_call_from_its_start_to_its_end(void) {
  wire w;
  lines l;
  open_logged(&w, &l, XAI_LOG_DEBUG);
  wire_start(&w, "/responses", "{}", false);
  w.now += 250;
  wire_answer(&w, 200, JSON, DONE);
  wire_close(&w);
  CHECK_STR(
    xai_str_of(l.text),
    "time=2026-01-01T00:00:00Z level=info event=open path=/v1 host=wire\n"
    "time=2026-01-01T00:00:00Z level=debug event=start call=65536 method=POST path=/v1/responses host=wire\n"
    "time=2026-01-01T00:00:00Z level=debug event=attempt call=65536 attempt=1 method=POST path=/v1/responses "
    "host=wire\n"
    "time=2026-01-01T00:00:00Z level=debug event=attempt_end call=65536 attempt=1 method=POST "
    "path=/v1/responses status=200 request_id=req-1 ms=250 bytes=63 outcome=answered host=wire\n"
    "time=2026-01-01T00:00:00Z level=info event=end call=65536 attempt=1 method=POST path=/v1/responses "
    "status=200 request_id=req-1 ms=250 bytes=63 outcome=complete host=wire\n"
    "time=2026-01-01T00:00:00Z level=info event=close path=/v1 host=wire\n");
}

static void tells_a_retry_and_the_wait_before_it(void) {
  wire w;
  lines l;
  open_logged(&w, &l, XAI_LOG_WARN);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 429, JSON);
  xai_wire_header(w.client, id, "Retry-After", "2");
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pull(&w);
  wire_pass(&w, 2000);
  wire_answer(&w, 400, JSON, "{\"error\":\"no such value\"}");
  wire_close(&w);
  CHECK_STR(
    xai_str_of(l.text),
    "time=2026-01-01T00:00:00Z level=warn event=retry call=65536 attempt=1 method=POST path=/v1/responses "
    "status=429 request_id=req-1 kind=rate code=api retry_ms=2000 host=wire\n"
    "time=2026-01-01T00:00:00Z level=error event=end call=65536 attempt=2 method=POST path=/v1/responses "
    "status=400 request_id=req-1 ms=2000 bytes=25 outcome=refused kind=invalid_request code=api host=wire\n");
}

/* Also when nobody pulls: the attempt that failed, the one that follows, and each of them once. */
static void tells_each_thing_once(void) {
  wire w;
  lines l;
  open_logged(&w, &l, XAI_LOG_DEBUG);
  wire_start(&w, "/responses", "{}", false);
  for (int i = 0; i < 2; i++) {
    xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_REFUSED);
    w.now += 20000;
    for (int k = 0; k < 3; k++) xai_client_step(w.client, 0);
  }
  wire_answer(&w, 200, JSON, DONE);
  wire_close(&w);
  static const struct {
    const char *event;
    int times;
  } wanted[] = {{"event=open ", 1},  {"event=start ", 1}, {"event=attempt ", 3}, {"event=attempt_end ", 3},
                {"event=retry ", 2}, {"event=end ", 1},   {"event=close ", 1}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    int times = 0;
    for (const char *at = l.text; (at = strstr(at, wanted[i].event)) != NULL; at++) times++;
    CHECK_INT(times, wanted[i].times);
  }
}

static void keeps_to_its_level(void) {
  static const int most[] = {[XAI_LOG_DEFAULT] = XAI_LOG_INFO,
                             [XAI_LOG_ERROR] = XAI_LOG_ERROR,
                             [XAI_LOG_WARN] = XAI_LOG_WARN,
                             [XAI_LOG_INFO] = XAI_LOG_INFO,
                             [XAI_LOG_DEBUG] = XAI_LOG_DEBUG};
  for (int level = XAI_LOG_DEFAULT; level <= XAI_LOG_DEBUG; level++) {
    wire w;
    lines l;
    open_logged(&w, &l, (xai_log_level)level);
    wire_start(&w, "/responses", "{}", false);
    xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_REFUSED);
    wire_pull(&w);
    wire_pass(&w, 20000);
    wire_answer(&w, 400, JSON, "{}");
    wire_close(&w);
    for (int i = XAI_LOG_ERROR; i <= XAI_LOG_DEBUG; i++) CHECK_INT(l.count[i] > 0, i <= most[level]);
  }
}

static void tells_a_cancel(void) {
  wire w;
  lines l;
  open_logged(&w, &l, XAI_LOG_INFO);
  xai_call_id call = wire_start(&w, "/responses", "{}", false);
  clear(&l);
  xai_call_cancel(w.client, call);
  wire_pull(&w);
  CHECK(strstr(l.text, "event=end") != NULL &&
        strstr(l.text, "outcome=cancelled kind=cancelled code=cancelled"));
  wire_close(&w);
}

/* One runs, one waits for its retry, one has ended and its END was not taken. */
static void tells_the_end_of_calls_that_go_with_the_client(void) {
  wire w;
  lines l;
  open_logged(&w, &l, XAI_LOG_INFO);
  wire_start(&w, "/responses", "{}", false);
  uint32_t ended = wire_request_id(&w);
  wire_head(&w, ended, 200, JSON);
  wire_bytes(&w, ended, DONE, strlen(DONE));
  xai_wire_finish(w.client, ended, XAI_WIRE_DONE);
  wire_start(&w, "/responses", "{}", false);
  xai_wire_finish(w.client, wire_request_id(&w), XAI_WIRE_REFUSED);
  wire_start(&w, "/responses", "{}", false);
  CHECK(wire_request_id(&w) != 0);
  clear(&l);
  wire_close(&w);
  int ends = 0;
  for (const char *at = l.text; (at = strstr(at, "event=end")) != NULL; at++) ends++;
  CHECK_INT(ends, 2); /* that of the first was told when it ended */
  int cancelled = 0;
  for (const char *at = l.text; (at = strstr(at, "outcome=cancelled")) != NULL; at++) cancelled++;
  CHECK_INT(cancelled, 2);
  const char *close = strstr(l.text, "event=close");
  CHECK(close != NULL && strstr(close, "event=end") == NULL);
}

/* One line of a call to this path, answered with this request id. */
static const char *line_of(lines *l, const char *path, const char *request_id) {
  wire w;
  open_logged(&w, l, XAI_LOG_INFO);
  clear(l);
  xai_request request = XAI_REQUEST_INIT;
  request.path = path;
  request.method = "GET";
  CHECK(xai_call_start(w.client, &request, NULL).id != 0);
  uint32_t id = wire_request_id(&w);
  xai_wire_status(w.client, id, 404);
  xai_wire_header(w.client, id, "x-request-id", request_id);
  xai_wire_header(w.client, id, "x-secret-header", "header-value");
  wire_bytes(&w, id, "{\"error\":\"sentence of the server\"}", 34);
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pull(&w);
  char *end = strchr(l->text, '\n');
  if (end != NULL) *end = '\0';
  wire_close(&w);
  return l->text;
}

static void R8_tells_no_query_header_body_or_sentence(void) {
  lines l;
  const char *line = line_of(&l, "/files/f1?token=abc", "r-1");
  CHECK(strstr(line, " path=/v1/files/f1 ") != NULL);
  static const char *const never[] = {"token", "abc", "header-value", "sentence", "secret", CANARY};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) CHECK(strstr(line, never[i]) == NULL);
}

static void keeps_a_line_a_line(void) {
  lines l;
  const char *line = line_of(&l, "/a", "x\" level=info\\ \xC3\xA9\t");
  CHECK(strstr(line, " request_id=\"x\\\" level=info\\\\ ?? \" ") != NULL ||
        strstr(line, " request_id=\"x\\\" level=info\\\\ ??\" ") != NULL);
  char path[4000] = "/";
  memset(path + 1, 'a', sizeof path - 2);
  path[sizeof path - 1] = '\0';
  CHECK(strlen(line_of(&l, path, "r")) < 500);
}

static void F130_no_key_in_any_form(void) {
  static encode_fn *const encoders[] = {literally, percent, percent_some, hex, base64, base64_url};
  lines l;
  for (size_t e = 0; e < sizeof encoders / sizeof *encoders; e++) {
    char path[ROOM] = "/";
    encoders[e](path + 1, CANARY);
    CHECK(is_clean(line_of(&l, path, path + 1)));
    encoders[e](path + 1, "Bearer " CANARY);
    CHECK(is_clean(line_of(&l, "/x", path + 1)));
  }
}

/* Spread over two fields, in pieces too short to be known in one field. */
static void F130_no_key_across_fields(void) {
  lines l;
  for (size_t from = 0; from + 14 <= strlen(CANARY); from++) {
    char path[16], rest[16];
    sprintf(path, "/%.7s", &CANARY[from]);
    sprintf(rest, "%.7s", &CANARY[from + 7]);
    const char *line = line_of(&l, path, rest);
    CHECK(strstr(line, " path=/v1/******* ") != NULL);
    CHECK(strstr(line, " request_id=******* ") != NULL);
  }
}

static void R9_may_not_use_the_client_it_serves(void) {
  wire w;
  lines l;
  open_logged(&w, &l, XAI_LOG_DEBUG);
  l.client = w.client;
  wire_start(&w, "/responses", "{}", false);
  CHECK_INT(l.inside, XAI_ERR_STATE);
  l.client = NULL;
  wire_answer(&w, 200, JSON, DONE);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  wire_close(&w);
}

int main(void) {
  RUN(tells_a_call_from_its_start_to_its_end);
  RUN(tells_a_retry_and_the_wait_before_it);
  RUN(tells_each_thing_once);
  RUN(keeps_to_its_level);
  RUN(tells_a_cancel);
  RUN(tells_the_end_of_calls_that_go_with_the_client);
  RUN(R8_tells_no_query_header_body_or_sentence);
  RUN(keeps_a_line_a_line);
  RUN(F130_no_key_in_any_form);
  RUN(F130_no_key_across_fields);
  RUN(R9_may_not_use_the_client_it_serves);
  return check_report("log");
}
