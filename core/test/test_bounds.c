/* test_bounds.c - what one call holds of memory, against servers that send without end (R6, F57).
 * SPDX-License-Identifier: MIT
 *
 * The limits are small and the bound is the table in xai.h over xai_limits; all bytes count, those of the client too.
 */
#define _GNU_SOURCE

#include "loopback.h"
#include "wire.h"

enum {
  MAX_RESPONSE = 512 << 10,
  MAX_EVENT = 64 << 10,
  MAX_HEADERS = 8 << 10,
  MAX_REQUEST = 16 << 10,
  QUEUE = 64 << 10,      /* as in the table                               */
  ERROR_BODY = 64 << 10, /* likewise                                      */
  FIXED = 32 << 10,      /* client, call, attempts, parser, first chunks  */
  MANY = 100000
};

typedef struct bounded {
  wire wire;
  check_heap heap;
  uint32_t id; /* of the exchange */
} bounded;

static xai_limits small_limits(void) {
  xai_limits limits = {.max_attempts = 1};
  limits.max_response = MAX_RESPONSE;
  limits.max_event = MAX_EVENT;
  limits.max_headers = MAX_HEADERS;
  limits.max_request = MAX_REQUEST;
  limits.max_depth = 64;
  return limits;
}

static void open_bounded(bounded *b, const char *path, bool stream) {
  memset(b, 0, sizeof *b);
  b->wire.now = 1000;
  xai_config config = wire_config(&b->wire);
  xai_error err;
  config.mem = check_heap_mem(&b->heap);
  config.limits = small_limits();
  b->wire.client = xai_client_new(&config, &err);
  CHECK(b->wire.client != NULL);
  wire_start(&b->wire, path, "{}", stream);
  b->id = wire_request_id(&b->wire);
  CHECK(b->id != 0);
}

static void head(bounded *b, int status, const char *type) {
  wire_head(&b->wire, b->id, status, type);
}

/* The same bytes again and again until nobody wants them; how many were taken. */
static size_t flood(bounded *b, const char *bytes, bool pulls) {
  size_t len = strlen(bytes), taken = 0;
  for (int i = 0; i < MANY && xai_wire_live(b->wire.client, b->id); i++) {
    xai_code code = xai_wire_body(b->wire.client, b->id, bytes, len);
    if (code == XAI_MORE && !pulls) break;
    if (code == XAI_OK) taken += len;
    if (pulls) wire_pull(&b->wire);
  }
  return taken;
}

static void close_bounded(bounded *b, size_t bound) {
  if (b->heap.peak > bound) printf("%s: %zu bytes held, %zu allowed\n", check_name, b->heap.peak, bound);
  CHECK(b->heap.peak <= bound);
  wire_close(&b->wire);
  CHECK_INT(b->heap.live, 0);
}

static void ended_too_big(bounded *b) {
  wire_pass(&b->wire, 0);
  CHECK_INT(b->wire.ends, 1);
  CHECK_INT(b->wire.error.code, XAI_ERR_TOO_BIG);
  CHECK(!xai_wire_live(b->wire.client, b->id));
}

/* ---- by limit */

static void max_headers_without_end(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  xai_wire_status(b.wire.client, b.id, 200);
  for (int i = 0; i < MANY && xai_wire_live(b.wire.client, b.id); i++)
    xai_wire_header(b.wire.client, b.id, "x-more", "0123456789012345678901234567890123456789");
  ended_too_big(&b);
  close_bounded(&b, MAX_HEADERS + 1 + FIXED);
}

static void max_event_one_line_without_end(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  head(&b, 200, "text/event-stream");
  CHECK(flood(&b, "data: 0123456789012345678901234567890123456789012345678901234567890123456789", true) <=
        2 * MAX_EVENT);
  ended_too_big(&b);
  close_bounded(&b, 2 * MAX_EVENT + 2 * QUEUE + FIXED);
}

static void max_event_many_lines_without_end(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  head(&b, 200, "text/event-stream");
  CHECK(flood(&b, "data: 01234567890123456789012345678901234567890123456789012345678901234567\n", true) <=
        2 * MAX_EVENT);
  ended_too_big(&b);
  close_bounded(&b, 2 * MAX_EVENT + 2 * QUEUE + FIXED);
}

#define DELTA                                                                                          \
  "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"" \
  "0123456789012345678901234567890123456789012345678901234567890123456789\"}\n\n"

static void max_response_events_without_end(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  head(&b, 200, "text/event-stream");
  CHECK(flood(&b, DELTA, true) <= MAX_RESPONSE + sizeof DELTA);
  ended_too_big(&b);
  CHECK_INT(b.wire.outcome, XAI_OUTCOME_INCOMPLETE);
  close_bounded(&b, 2 * MAX_RESPONSE + 2 * MAX_EVENT + 2 * QUEUE + FIXED);
}

/* Each event opens another item, so that the folded answer weighs much more than its bytes. */
static void max_response_items_without_end(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  head(&b, 200, "text/event-stream");
  for (int i = 0; i < MANY && xai_wire_live(b.wire.client, b.id); i++) {
    char event[160];
    snprintf(
      event, sizeof event,
      "data: {\"type\":\"response.output_item.added\",\"output_index\":%d,\"item\":{\"a\":[[],[],[],[],[],[]]}}\n\n",
      i);
    wire_bytes(&b.wire, b.id, event, strlen(event));
    wire_pull(&b.wire);
  }
  ended_too_big(&b);
  close_bounded(&b, 2 * MAX_RESPONSE + 2 * MAX_EVENT + 2 * QUEUE + FIXED);
}

static void queue_nobody_pulls_F57(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  head(&b, 200, "text/event-stream");
  size_t taken = flood(&b, DELTA, false);
  CHECK(taken > 0 && taken <= QUEUE);
  for (int i = 0; i < 100; i++) CHECK_INT(xai_wire_body(b.wire.client, b.id, DELTA, strlen(DELTA)), XAI_MORE);
  CHECK(xai_wire_live(b.wire.client, b.id));
  close_bounded(&b, QUEUE + 1 + FIXED);
}

static void max_response_json_without_end(void) {
  bounded b;
  open_bounded(&b, "/models", false);
  head(&b, 200, "application/json");
  CHECK(flood(&b, "[[[[[[[],[],[],[],[],[],[]", true) <= MAX_RESPONSE + 32);
  ended_too_big(&b);
  close_bounded(&b, MAX_RESPONSE + 1 + FIXED);
}

/* As large as may be, and all of it values: each takes more memory than text. */
static void max_response_json_of_values(void) {
  bounded b;
  open_bounded(&b, "/models", false);
  head(&b, 200, "application/json");
  wire_bytes(&b.wire, b.id, "[1", 2);
  for (int i = 0; i < (MAX_RESPONSE - 3) / 64; i++)
    wire_bytes(&b.wire, b.id, ",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 64);
  wire_bytes(&b.wire, b.id, "]", 1);
  xai_wire_finish(b.wire.client, b.id, XAI_WIRE_DONE);
  wire_pass(&b.wire, 0);
  CHECK_INT(b.wire.ends, 1);
  CHECK(b.wire.outcome == XAI_OUTCOME_COMPLETE || b.wire.error.code == XAI_ERR_TOO_BIG);
  close_bounded(&b, 9 * (size_t)MAX_RESPONSE + FIXED);
}

static void max_response_folded_values(void) {
  bounded b;
  open_bounded(&b, "/responses", false);
  head(&b, 200, "application/json");
  wire_bytes(&b.wire, b.id, "{\"output\":[1", 12);
  for (int i = 0; i < (MAX_RESPONSE - 15) / 64; i++)
    wire_bytes(&b.wire, b.id, ",1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 64);
  wire_bytes(&b.wire, b.id, "]}", 2);
  xai_wire_finish(b.wire.client, b.id, XAI_WIRE_DONE);
  wire_pass(&b.wire, 0);
  ended_too_big(&b);
  close_bounded(&b, 3 * (size_t)MAX_RESPONSE + FIXED);
}

static void an_error_body_without_end(void) {
  bounded b;
  open_bounded(&b, "/responses", true);
  head(&b, 400, "application/json");
  CHECK(flood(&b, "{\"error\":\"0123456789012345678901234567890123456789012345678901234567", true) > 0);
  if (xai_wire_live(b.wire.client, b.id)) xai_wire_finish(b.wire.client, b.id, XAI_WIRE_DONE);
  wire_pass(&b.wire, 0);
  CHECK_INT(b.wire.ends, 1);
  CHECK_INT(b.wire.outcome, XAI_OUTCOME_REFUSED);
  close_bounded(&b, ERROR_BODY + 1 + ERROR_BODY + FIXED);
}

static void max_request(void) {
  bounded b;
  static char body[MAX_REQUEST + 1];
  open_bounded(&b, "/responses", true);
  xai_request request = XAI_REQUEST_INIT;
  xai_error err;
  memset(body, 'x', sizeof body);
  request.path = "/files";
  request.body = (xai_str){body, sizeof body};
  size_t before = b.heap.bytes;
  CHECK_INT(xai_call_start(b.wire.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_TOO_BIG);
  CHECK(b.heap.bytes <= before + 512); /* the place for a call is kept */
  request.body.len--;
  CHECK(xai_call_start(b.wire.client, &request, &err).id != 0);
  close_bounded(&b, MAX_REQUEST + 2 * FIXED);
}

/* An answer in each attempt: what one held, the next one uses again. */
static void max_attempts_do_not_add_up(void) {
  bounded b;
  memset(&b, 0, sizeof b);
  b.wire.now = 1000;
  xai_config config = wire_config(&b.wire);
  xai_error err;
  config.mem = check_heap_mem(&b.heap);
  config.limits = small_limits();
  config.limits.max_attempts = 8;
  b.wire.client = xai_client_new(&config, &err);
  wire_start(&b.wire, "/responses", "{}", true);
  size_t after_one = 0;
  for (int i = 0; i < 8; i++) {
    b.id = wire_request_id(&b.wire);
    CHECK(b.id != 0);
    head(&b, 503, "text/plain");
    for (int k = 0; k < 1000; k++) wire_bytes(&b.wire, b.id, "0123456789012345678901234567890123456789", 40);
    xai_wire_finish(b.wire.client, b.id, XAI_WIRE_DONE);
    wire_pull(&b.wire);
    if (i == 0) after_one = b.heap.bytes;
    wire_pass(&b.wire, 9000);
  }
  CHECK_INT(b.wire.ends, 1);
  CHECK_INT(b.wire.attempts, 8);
  CHECK(b.heap.peak <= after_one + ERROR_BODY + 8 * sizeof(xai_attempt));
  wire_close(&b.wire);
  CHECK_INT(b.heap.live, 0);
}

/* ---- at rest */

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"," rest "}\n\n"
static const char beginning[] =
  EVENT("response.created", "\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\","
                            "\"status\":\"in_progress\",\"model\":\"grok-4.6\",\"output\":[],\"tools\":[],"
                            "\"temperature\":null,\"usage\":null}") DELTA;

/* A large event that nobody knows, cut where it hurts. */
static void send_giant(bounded *b, uint32_t id) {
  static char text[MAX_EVENT / 2];
  memset(text, 'x', sizeof text);
  static const char head[] = "event: response.new\ndata: {\"type\":\"response.new\",\"b64\":\"",
                    tail[] = "\"}\n\n";
  wire_bytes(&b->wire, id, head, sizeof head - 1);
  wire_pull(&b->wire);
  wire_bytes(&b->wire, id, text, sizeof text);
  wire_pull(&b->wire);
  wire_bytes(&b->wire, id, tail, sizeof tail - 1);
}

/* Between two events a stream holds its response so far, and little else: no buffer, no error, no event. */
static void a_stream_that_waits_for_its_next_event(void) {
  enum { STREAMS = 64, EACH = 5 << 10 };
  bounded b;
  uint32_t ids[STREAMS];
  open_bounded(&b, "/responses", true);
  size_t before = b.heap.bytes;
  for (int i = 0; i < STREAMS; i++) {
    wire_start(&b.wire, "/responses", "{}", true);
    ids[i] = wire_request_id(&b.wire);
    wire_head(&b.wire, ids[i], 200, "text/event-stream");
    wire_bytes(&b.wire, ids[i], beginning, sizeof beginning - 1);
    wire_pull(&b.wire);
    send_giant(&b, ids[i]);
    wire_pull(&b.wire);
  }
  size_t each = (b.heap.bytes - before) / STREAMS;
  if (each > EACH) printf("%s: %zu bytes a stream, %d allowed\n", check_name, each, EACH);
  CHECK(each <= EACH);
  for (int i = 0; i < STREAMS; i++) wire_bytes(&b.wire, ids[i], DELTA, strlen(DELTA));
  wire_pull(&b.wire);
  CHECK_INT(b.wire.deltas, 2 * STREAMS); /* and goes on */
  wire_close(&b.wire);
  CHECK_INT(b.heap.live, 0);
}

/* ---- over real sockets */

/* Some turns of real time; the client's own clock is the test's. */
static void turns(bounded *b, int count) {
  for (int i = 0; i < count; i++) CHECK_INT(xai_client_step(b->wire.client, 5), XAI_OK);
}

/* The kernel's buffers hold some MiB, we hold the queue and what libcurl had in hand; the server waits, and a
 * silence that is our own ends nothing, however long. Then all of it comes. */
static void the_socket_waits_when_nobody_pulls_F57_F58(void) {
  enum { EVENTS = 150000 };
  static const lb_step script[] = {READ, WRITE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"),
                                   REPEAT(DELTA, EVENTS), CLOSE};
  const lb_step *const scripts[] = {script};
  bounded b;
  memset(&b, 0, sizeof b);
  b.wire.now = 1000;
  lb_server *server = lb_start(scripts, 1);
  char url[64];
  xai_error err;
  xai_config config = wire_config(&b.wire);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", server->port);
  config.base_url = url;
  config.proxy = "";
  config.transport = XAI_TRANSPORT_CURL;
  config.mem = check_heap_mem(&b.heap);
  config.limits = small_limits();
  config.limits.max_response = 64 << 20;
  b.wire.client = xai_client_new(&config, &err);
  wire_start(&b.wire, "/responses", "{}", true);
  for (int i = 0; i < 2000 && lb_seen(server, LB_REQUESTS) == 0; i++) turns(&b, 1);
  turns(&b, 20);
  CHECK(lb_wait(server, LB_BLOCKED, 3));
  long long written = lb_written(server);
  b.wire.now += 700000;
  turns(&b, 20);
  CHECK(lb_written(server) - written < 1 << 20);
  CHECK(b.heap.peak <= 2 * QUEUE + FIXED);
  CHECK_INT(xai_client_pending(b.wire.client), 1);
  uint64_t rounds = 0;
  while (b.wire.ends == 0 && rounds++ < 200000) {
    turns(&b, 1);
    wire_pull(&b.wire);
  }
  CHECK_INT(b.wire.deltas, EVENTS);
  CHECK_INT(b.wire.outcome, XAI_OUTCOME_INCOMPLETE); /* the final event is missing */
  xai_client_free(b.wire.client);
  free(b.wire.response);
  lb_stop(server);
  CHECK_INT(b.heap.live, 0);
}

/* most: connections; 0, no limit, has our own sockets, else they are libcurl's. */
static xai_client *open_at(bounded *b, const lb_server *server, uint32_t most) {
  char url[64];
  xai_error err;
  memset(b, 0, sizeof *b);
  b->wire.now = 1000;
  xai_config config = wire_config(&b->wire);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", server->port);
  config.base_url = url;
  config.proxy = "";
  config.transport = XAI_TRANSPORT_CURL;
  config.max_connections = most;
  config.mem = check_heap_mem(&b->heap);
  b->wire.client = xai_client_new(&config, &err);
  CHECK(b->wire.client != NULL);
  return b->wire.client;
}

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

/* Until the first delta an attempt may be repeated, and the request is kept; then it cannot be, whatever comes. */
static void a_request_is_not_kept_beside_its_answer(size_t len, uint32_t most) {
  static const lb_step script[] = {READ,    WRITE(STREAM_HEAD), GATE(1), WRITE(DELTA),
                                   GATE(2), WRITE(DELTA),       CLOSE};
  const lb_step *const scripts[] = {script};
  bounded b;
  lb_server *server = lb_start(scripts, 1);
  xai_client *client = open_at(&b, server, most);
  char *body = malloc(len + 1);
  memset(body, ' ', len);
  body[len] = '\0';
  size_t before = b.heap.bytes;
  wire_start(&b.wire, "/responses", body, true);
  free(body);
  for (int i = 0; i < 2000 && lb_seen(server, LB_REQUESTS) == 0; i++) turns(&b, 1);
  CHECK(b.heap.bytes - before > len);
  lb_open_gate(server, 1);
  for (int i = 0; i < 2000 && b.wire.deltas < 1; i++) turns(&b, 1), wire_pull(&b.wire);
  CHECK(b.heap.bytes - before < 16 << 10);
  lb_open_gate(server, 2);
  for (int i = 0; i < 2000 && b.wire.ends == 0; i++) turns(&b, 1), wire_pull(&b.wire);
  CHECK_INT(b.wire.deltas, 2);
  CHECK_INT(b.wire.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(lb_seen(server, LB_REQUESTS), 1);
  xai_client_free(client);
  free(b.wire.response);
  lb_stop(server);
  CHECK_INT(b.heap.live, 0);
}

static void a_large_request_is_not_kept_beside_its_answer(void) {
  for (uint32_t most = 0; most < 2; most++) a_request_is_not_kept_beside_its_answer(1 << 20, most);
}

static void a_small_request_is_not_kept_beside_its_answer(void) {
  /* It leaves in one piece with its head. */
  for (uint32_t most = 0; most < 2; most++) a_request_is_not_kept_beside_its_answer(40 << 10, most);
}

/* An answer may begin before its request is over: what is still to be sent is kept. */
static void a_request_on_its_way_is_kept(uint32_t most) {
  enum { LEN = 16 << 20, WINDOW = 64 << 10 }; /* much more than the sockets hold */
  static const lb_step script[] = {READ_HEAD, WRITE(STREAM_HEAD), WRITE(DELTA), GATE(1), WRITE(DELTA), RESET};
  const lb_step *const scripts[] = {script};
  bounded b;
  lb_server *server = lb_start(scripts, 1);
  setsockopt(server->listener, SOL_SOCKET, SO_RCVBUF, &(int){WINDOW}, sizeof(int));
  xai_client *client = open_at(&b, server, most);
  char *body = malloc(LEN + 1);
  memset(body, ' ', LEN);
  body[LEN] = '\0';
  wire_start(&b.wire, "/responses", body, true);
  free(body);
  for (int i = 0; i < 2000 && b.wire.deltas < 1; i++) turns(&b, 1), wire_pull(&b.wire);
  CHECK_INT(b.wire.deltas, 1);
  turns(&b, 5);
  CHECK(b.heap.bytes > LEN);
  lb_open_gate(server, 1);
  for (int i = 0; i < 2000 && b.wire.ends == 0; i++) turns(&b, 1), wire_pull(&b.wire);
  CHECK_INT(b.wire.outcome, XAI_OUTCOME_INCOMPLETE);
  xai_client_free(client);
  free(b.wire.response);
  lb_stop(server);
  CHECK_INT(b.heap.live, 0);
}

static void a_request_on_its_way_is_kept_beside_its_answer(void) {
  for (uint32_t most = 0; most < 2; most++) a_request_on_its_way_is_kept(most);
}

int main(void) {
  RUN(max_headers_without_end);
  RUN(max_event_one_line_without_end);
  RUN(max_event_many_lines_without_end);
  RUN(max_response_events_without_end);
  RUN(max_response_items_without_end);
  RUN(queue_nobody_pulls_F57);
  RUN(max_response_json_without_end);
  RUN(max_response_json_of_values);
  RUN(max_response_folded_values);
  RUN(an_error_body_without_end);
  RUN(max_request);
  RUN(max_attempts_do_not_add_up);
  RUN(a_stream_that_waits_for_its_next_event);
  RUN(a_large_request_is_not_kept_beside_its_answer);
  RUN(a_small_request_is_not_kept_beside_its_answer);
  RUN(a_request_on_its_way_is_kept_beside_its_answer);
  RUN(the_socket_waits_when_nobody_pulls_F57_F58);
  return check_report("bounds");
}
