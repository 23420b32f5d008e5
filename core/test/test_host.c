/* test_host.c - the host transport: the request as bytes, answers fed in every cut, and each way to end.
 * SPDX-License-Identifier: MIT */
#include "wire.h"

#define HEAD_200 "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
#define CHUNKED HEAD_200 "Transfer-Encoding: chunked\r\n\r\n"
#define SSE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define DELTA(text)                                                                               \
  "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":" \
  "{\"content\":\"" text "\"}}]}\n\n"
#define LAST                                                                            \
  "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0," \
  "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define MARKER "data: [DONE]\n\n"

/* ---- a client whose bytes the test moves */

typedef struct trip {
  wire w; /* the client, its clock and what it told       */
  xai_host_request request;
  xai_host_wish wish;
  char body[1024]; /* of the END of a call for bytes               */
  size_t body_len;
  xai_reply reply;
  bool stream;
} trip;

static void trip_open(trip *t, const char *base_url) {
  memset(t, 0, sizeof *t);
  t->w.now = 1000;
  t->w.wall = 1767225600;
  t->reply = XAI_REPLY_BYTES;
  xai_config config = wire_config(&t->w);
  config.transport = XAI_TRANSPORT_HOST;
  config.base_url = base_url;
  xai_error err;
  t->w.client = xai_client_new(&config, &err);
  CHECK(t->w.client != NULL);
}

static void trip_close(trip *t) {
  wire_close(&t->w);
}

static xai_call_id trip_start(trip *t, const char *method, const char *body) {
  xai_request request = XAI_REQUEST_INIT;
  xai_error err;
  request.path = "/x";
  request.method = method;
  request.body = xai_str_of(body);
  request.reply = t->reply;
  request.stream = t->stream;
  xai_call_id id = xai_call_start(t->w.client, &request, &err);
  CHECK(id.id != 0);
  return id;
}

/* Takes the next request and writes it whole; false when there is none. */
static bool trip_send(trip *t) {
  if (xai_host_next(t->w.client, &t->request) != XAI_OK) return false;
  size_t len = 0;
  for (xai_str piece; (piece = xai_host_pull(t->w.client, t->request.id, 7)).len > 0;) len += piece.len;
  CHECK_INT(len, t->request.len);
  return true;
}

static void trip_pull(trip *t) {
  xai_event event;
  while (xai_client_next(t->w.client, &event) == XAI_OK) {
    if (event.type == XAI_EVENT_RETRY) t->w.retries++;
    if (event.type == XAI_EVENT_TEXT) {
      memcpy(t->w.text + t->w.text_len, event.text.ptr, event.text.len);
      t->w.text_len += event.text.len;
      t->w.deltas++;
    }
    if (event.type != XAI_EVENT_END) continue;
    wire_take_end(&t->w, event.result);
    t->body_len = event.result->body.len < sizeof t->body ? event.result->body.len : sizeof t->body;
    if (t->body_len > 0) memcpy(t->body, event.result->body.ptr, t->body_len);
  }
}

/* One piece, in a block of its own that is gone afterwards; again and again while the call is full. */
static void trip_feed(trip *t, const char *bytes, size_t len) {
  while (len > 0) {
    size_t taken = 0;
    char *piece = malloc(len);
    memcpy(piece, bytes, len);
    t->wish = xai_host_feed(t->w.client, t->request.id, piece, len, &taken);
    free(piece);
    trip_pull(t);
    if (t->wish != XAI_HOST_WAIT) return;
    CHECK(taken <= len);
    bytes += taken;
    len -= taken;
  }
}

/* In pieces of so many bytes, the first one of `first`. Stops when the exchange is over. */
static void trip_feed_cut(trip *t, const char *bytes, size_t len, size_t first, size_t most) {
  t->wish = XAI_HOST_READ;
  for (size_t at = 0; at < len && t->wish == XAI_HOST_READ;) {
    size_t piece = at == 0 && first > 0 ? first : most;
    if (piece > len - at) piece = len - at;
    trip_feed(t, bytes + at, piece);
    at += piece;
  }
}

/* A whole exchange: answer, cut there, then the connection's end. */
static void trip_run(trip *t, const char *method, const char *answer, size_t len, size_t first, size_t most) {
  trip_open(t, "http://host:8080/v1");
  trip_start(t, method, strcmp(method, "POST") == 0 ? "{}" : "");
  CHECK(trip_send(t));
  trip_feed_cut(t, answer, len, first, most);
  xai_host_end(t->w.client, t->request.id, XAI_HOST_CLOSED, NULL);
  trip_pull(t);
  CHECK(!xai_host_live(t->w.client, t->request.id));
}

/* ---- the request */

static void the_request_goes_out_as_bytes(void) {
  static const size_t sizes[] = {1, 2, 3, 64, SIZE_MAX};
  const char *want =
    "POST /v1/x HTTP/1.1\r\nHost: host:8080\r\nAuthorization: Bearer xai-test-key\r\n"
    "Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: xai-lua-c/" XAI_VERSION "\r\n";
  const char *want_end = "Accept-Encoding: identity\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    trip t;
    char sent[1024] = "";
    size_t len = 0;
    trip_open(&t, "http://host:8080/v1/");
    xai_call_id call = trip_start(&t, "POST", "{\"a\":1}");
    CHECK_INT(xai_client_timeout(t.w.client), 0);
    CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
    CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_MORE);
    CHECK_INT(t.request.call.id, call.id);
    for (xai_str piece; (piece = xai_host_pull(t.w.client, t.request.id, sizes[i])).len > 0;) {
      CHECK(piece.len <= sizes[i] && len + piece.len < sizeof sent);
      memcpy(sent + len, piece.ptr, piece.len);
      len += piece.len;
    }
    CHECK_INT(len, t.request.len);
    CHECK(strncmp(sent, want, strlen(want)) == 0);
    CHECK(len > strlen(want_end) && strcmp(sent + len - strlen(want_end), want_end) == 0);
    trip_close(&t);
  }
}

static void a_request_without_body_tells_none(void) {
  static const struct {
    const char *method;
    bool told;
  } rows[] = {{"GET", false}, {"DELETE", false}, {"POST", true}, {"PUT", true}, {"PATCH", true}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    trip t;
    trip_open(&t, "http://host/v1");
    trip_start(&t, rows[i].method, "");
    CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
    xai_str all = xai_host_pull(t.w.client, t.request.id, SIZE_MAX);
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)all.len, all.ptr);
    CHECK(strncmp(text, rows[i].method, strlen(rows[i].method)) == 0);
    CHECK_INT(strstr(text, "Content-Length: 0\r\n") != NULL, rows[i].told);
    CHECK(strstr(text, "\r\nHost: host\r\n") != NULL);
    trip_close(&t);
  }
}

static void a_body_is_not_copied_again(void) {
  trip t;
  check_heap heap = {0};
  char *body = malloc(1 << 20);
  memset(body, 'x', 1 << 20);
  memset(&t, 0, sizeof t);
  xai_config config = wire_config(&t.w);
  config.transport = XAI_TRANSPORT_HOST;
  config.mem = check_heap_mem(&heap);
  t.w.client = xai_client_new(&config, NULL);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/x";
  request.body = (xai_str){body, 1 << 20};
  CHECK(xai_call_start(t.w.client, &request, NULL).id != 0);
  free(body);
  CHECK(trip_send(&t));
  CHECK(heap.peak < (size_t)(1 << 20) + 65536);
  trip_close(&t);
  CHECK_INT(heap.live, 0);
}

static void the_origin_is_read_from_base_url(void) {
  static const struct {
    const char *url;
    const char *host; /* NULL: not usable */
    int port;
    bool secure;
  } rows[] = {
    {"https://api.x.ai/v1", "api.x.ai", 443, true},
    {"http://localhost", "localhost", 80, false},
    {"http://h:8080", "h", 8080, false},
    {"https://[::1]:9443/v1", "::1", 9443, true},
    {"http://[fe80::1]/", "fe80::1", 80, false},
    {"http://h:65535/v1", "h", 65535, false},
    {"http://h:0/v1", NULL, 0, false},
    {"http://h:65536/v1", NULL, 0, false},
    {"http://h:99999999999999999999/v1", NULL, 0, false},
    {"http://h:/v1", NULL, 0, false},
    {"http://h:80x/v1", NULL, 0, false},
    {"http://[]/v1", NULL, 0, false},
    {"http://[::1]x/v1", NULL, 0, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    trip t = {0};
    xai_error err;
    xai_config config = wire_config(&t.w);
    config.transport = XAI_TRANSPORT_HOST;
    config.base_url = rows[i].url;
    t.w.client = xai_client_new(&config, &err);
    CHECK_INT(t.w.client != NULL, rows[i].host != NULL);
    if (t.w.client == NULL) {
      CHECK_INT(err.code, XAI_ERR_URL);
      continue;
    }
    trip_start(&t, "GET", "");
    CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
    CHECK_STR(xai_str_of(t.request.host), rows[i].host ? rows[i].host : "");
    CHECK_INT(t.request.port, rows[i].port);
    CHECK_INT(t.request.secure, rows[i].secure);
    trip_close(&t);
  }
}

static void what_is_the_hosts_business_is_refused(void) {
  xai_config config = XAI_CONFIG_INIT;
  xai_error err;
  config.transport = XAI_TRANSPORT_HOST;
  config.proxy = "http://proxy";
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  config.proxy = ""; /* none: just so */
  config.ca_file = "/ca.pem";
  CHECK(xai_client_new(&config, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  config.ca_file = NULL;
  xai_client *client = xai_client_new(&config, &err);
  CHECK(client != NULL);
  CHECK_INT(xai_client_fd(client), -1);
  CHECK_INT(xai_client_timeout(client), -1);
  xai_client_free(client);
}

/* ---- answers, cut everywhere */

typedef struct answer_row {
  const char *method;
  const char *bytes;
  const char *body; /* NULL: it must not be complete */
  xai_code code;
  const char *phase;
  bool keep;
} answer_row;

static void check_row(const answer_row *row, size_t len, size_t first, size_t most) {
  trip t;
  trip_run(&t, row->method, row->bytes, len, first, most);
  CHECK_INT(t.w.ends, 1);
  CHECK_INT(t.w.error.code, row->code);
  CHECK_INT(t.w.outcome == XAI_OUTCOME_COMPLETE, row->body != NULL);
  CHECK_STR(xai_str_of(t.w.attempt[0].phase), row->phase);
  if (row->body != NULL) CHECK_STR(((xai_str){t.body, t.body_len}), row->body);
  CHECK_INT(t.wish == XAI_HOST_KEEP, row->keep);
  if (check_bad) printf("  with \"%.60s\", first %zu, then %zu\n", row->bytes, first, most);
  trip_close(&t);
}

/* Whole, byte by byte, in twos and threes, and in two pieces with the cut at each place. */
static void check_rows(const answer_row *rows, size_t count) {
  for (size_t i = 0; i < count && !check_bad; i++) {
    size_t len = strlen(rows[i].bytes);
    check_row(&rows[i], len, 0, len);
    for (size_t most = 1; most <= 3; most++) check_row(&rows[i], len, 0, most);
    for (size_t cut = 1; cut < len && !check_bad; cut++) check_row(&rows[i], len, cut, len);
  }
}

#define DONE XAI_OK, "done"

static void good_answers_are_read_however_they_are_cut(void) {
  static const answer_row rows[] = {
    {"POST", HEAD_200 "Content-Length: 5\r\n\r\nhello", "hello", DONE, true},
    {"POST", HEAD_200 "Content-Length: 5\r\nConnection: close\r\n\r\nhello", "hello", DONE, false},
    {"POST", HEAD_200 "Content-Length: 5\r\nConnection: x, Close\r\n\r\nhello", "hello", DONE, false},
    {"POST", HEAD_200 "Content-Length: 5, 5\r\nConnection: keep-alive\r\n\r\nhello", "hello", DONE, true},
    {"POST", HEAD_200 "\r\nhello", "hello", DONE, false},
    {"POST", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", DONE, false},
    {"POST", CHUNKED "5\r\nhello\r\n0\r\n\r\n", "hello", DONE, true},
    {"POST", CHUNKED "2\r\nhe\r\n03;x=\"y\"\r\nllo\r\n0 ;last\r\nX-T: 1\r\nX-U: 2\r\n\r\n", "hello", DONE,
     true},
    {"POST", CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", DONE, true},
    {"POST", HEAD_200 "transfer-encoding: Chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n", "\n", DONE, true},
    {"POST", "HTTP/1.1 200\nContent-Length: 2\n\nhi", "hi", DONE, true},
    {"POST", HEAD_200 "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi", "hi", DONE, true},
    {"POST",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <x>\r\n\r\n" HEAD_200
     "Content-Length: 2\r\n\r\nhi",
     "hi", DONE, true},
    {"HEAD", HEAD_200 "Content-Length: 5\r\n\r\n", "", DONE, true},
  };
  check_rows(rows, sizeof rows / sizeof *rows);
}

static void F23_bad_heads_fail_in_phase_headers(void) {
  static const answer_row rows[] = {
    {"POST", "garbage\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", "SSH-2.0-x", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", "<html>no head at all</html>\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", "HTTP/2 200\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", "HTTP/1.11 200 OK\r\nContent-Length: 0\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", "HTTP/1.1 20 OK\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", HEAD_200 "no colon\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", HEAD_200 "X-A: 1\r\n folded: 2\r\n\r\n", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", HEAD_200 "Content-Length : 5\r\n\r\nhello", NULL, XAI_ERR_HTTP, "headers", false},
  };
  check_rows(rows, sizeof rows / sizeof *rows);
}

static void F23_endless_heads_cost_bounded_memory(void) {
  static const char *const lines[] = {"xxxxxxxxxxxxxxxx", "X-Header: 1\r\n"};
  for (size_t i = 0; i < 2; i++) {
    trip t = {0};
    check_heap heap = {0};
    xai_config config = wire_config(&t.w);
    config.transport = XAI_TRANSPORT_HOST;
    config.mem = check_heap_mem(&heap);
    t.w.client = xai_client_new(&config, NULL);
    t.reply = XAI_REPLY_BYTES;
    trip_start(&t, "POST", "{}");
    CHECK(trip_send(&t));
    trip_feed(&t, HEAD_200, strlen(HEAD_200));
    size_t sent = 0;
    for (; sent < 10u << 20 && t.wish == XAI_HOST_READ; sent += strlen(lines[i]))
      trip_feed(&t, lines[i], strlen(lines[i]));
    CHECK_INT(t.wish, XAI_HOST_CLOSE);
    CHECK_INT(t.w.error.code, XAI_ERR_TOO_BIG);
    CHECK_STR(xai_str_of(t.w.attempt[0].phase), "headers");
    CHECK(heap.peak < 512 << 10);
    trip_close(&t);
    CHECK_INT(heap.live, 0);
  }
}

static void F24_two_ways_of_telling_the_length_fail(void) {
  static const answer_row rows[] = {
    {"POST", HEAD_200 "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", NULL, XAI_ERR_HTTP, "headers",
     false},
    {"POST", HEAD_200 "Content-Length: 5, 6\r\n\r\nhello!", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", HEAD_200 "Content-Length: +5\r\n\r\nhello", NULL, XAI_ERR_HTTP, "headers", false},
    {"POST", HEAD_200 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP,
     "headers", false},
    {"POST", HEAD_200 "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", HEAD_200 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL,
     XAI_ERR_HTTP, "body", false},
    {"POST", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body",
     false},
  };
  check_rows(rows, sizeof rows / sizeof *rows);
}

/* The longest prefix that ends by itself is the answer; the end of input in each shorter one is no success. */
static void never_complete_when_cut_short(const char *answer) {
  size_t len = strlen(answer);
  for (size_t cut = 0; cut < len; cut++) {
    trip t;
    trip_run(&t, "POST", answer, cut, 0, len);
    CHECK_INT(t.w.ends, 1);
    CHECK(t.w.outcome != XAI_OUTCOME_COMPLETE);
    CHECK(t.w.error.code == XAI_ERR_SHORT || t.w.error.code == XAI_ERR_RESET);
    CHECK_INT(t.w.attempts, 1); /* it was sent, so it is not repeated */
    CHECK(t.wish == XAI_HOST_READ);
    trip_close(&t);
  }
}

static void F25_a_body_shorter_than_announced_is_not_whole(void) {
  never_complete_when_cut_short(HEAD_200 "Content-Length: 7\r\n\r\n{\"a\":1}");
  static const answer_row row = {
    "POST", HEAD_200 "Content-Length: 8\r\n\r\n{\"a\":1}", NULL, XAI_ERR_SHORT, "body", false};
  check_rows(&row, 1);
}

static void F26_a_surplus_is_nobodys_answer(void) {
  static const char two[] =
    HEAD_200 "Content-Length: 5\r\n\r\nhello" HEAD_200 "Content-Length: 4\r\n\r\nevil";
  trip t;
  trip_run(&t, "POST", two, strlen(two), 0, strlen(two));
  CHECK_INT(t.w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(((xai_str){t.body, t.body_len}), "hello");
  CHECK_INT(t.wish, XAI_HOST_CLOSE);
  size_t taken = 1;
  CHECK_INT(xai_host_feed(t.w.client, t.request.id, "more", 4, &taken), XAI_HOST_CLOSE);
  CHECK_INT(taken, 0);
  trip_close(&t);
}

static void an_answer_before_the_request_was_written_is_not_kept(void) {
  trip t;
  static const char refusal[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}";
  trip_open(&t, "http://host/v1");
  trip_start(&t, "POST", "{}");
  CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
  CHECK_INT(xai_host_pull(t.w.client, t.request.id, 10).len, 10);
  trip_feed(&t, refusal, strlen(refusal));
  CHECK_INT(t.wish, XAI_HOST_CLOSE);
  CHECK_INT(t.w.outcome, XAI_OUTCOME_REFUSED);
  CHECK_INT(t.w.status, 413);
  CHECK_INT(xai_host_pull(t.w.client, t.request.id, 10).len, 0);
  trip_close(&t);
}

static void F27_a_chunked_body_without_its_last_chunk_is_not_whole(void) {
  never_complete_when_cut_short(CHUNKED "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n");
}

static void F27_bad_chunk_sizes_fail(void) {
  static const answer_row rows[] = {
    {"POST", CHUNKED "\r\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "x\r\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "-5\r\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "5 5\r\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "5\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "5;x\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "4\r\nhello\r\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "5\r\nhello\n0\r\n\r\n", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "8000000000000000\r\nhello", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "ffffffffffffffffffff\r\nhello", NULL, XAI_ERR_HTTP, "body", false},
    {"POST", CHUNKED "7ffffffffffffff\r\nhello", NULL, XAI_ERR_SHORT, "body", false},
  };
  check_rows(rows, sizeof rows / sizeof *rows);
}

static void F27_a_chunk_size_that_never_ends_fails(void) {
  trip t;
  trip_open(&t, "http://host/v1");
  trip_start(&t, "POST", "{}");
  CHECK(trip_send(&t));
  trip_feed(&t, CHUNKED "5;", strlen(CHUNKED) + 2);
  for (int i = 0; i < 10000 && t.wish == XAI_HOST_READ; i++) trip_feed(&t, "x", 1);
  CHECK_INT(t.wish, XAI_HOST_CLOSE);
  CHECK_INT(t.w.error.code, XAI_ERR_HTTP);
  trip_close(&t);
}

static void F37_interim_answers_are_skipped_up_to_a_bound(void) {
  for (int count = 31; count <= 33; count++) {
    trip t;
    trip_open(&t, "http://host/v1");
    trip_start(&t, "POST", "{}");
    CHECK(trip_send(&t));
    t.wish = XAI_HOST_READ;
    for (int i = 0; i < count && t.wish == XAI_HOST_READ; i++) {
      const char *interim =
        i % 2 ? "HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n" : "HTTP/1.1 100 Continue\r\n\r\n";
      trip_feed(&t, interim, strlen(interim));
    }
    if (count <= 32) trip_feed(&t, HEAD_200 "Content-Length: 2\r\n\r\nhi", strlen(HEAD_200) + 23);
    CHECK_INT(t.w.ends, 1);
    CHECK_INT(t.w.error.code, count <= 32 ? XAI_OK : XAI_ERR_HTTP);
    trip_close(&t);
  }
}

static void F38_compressed_though_nobody_asked_fails(void) {
  static const answer_row rows[] = {
    {"POST", HEAD_200 "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", NULL, XAI_ERR_HTTP,
     "body", false},
    {"POST", HEAD_200 "Content-Encoding: br\r\n\r\nx", NULL, XAI_ERR_HTTP, "body", false},
  };
  check_rows(rows, sizeof rows / sizeof *rows);
}

static void the_body_is_bounded(void) {
  for (size_t most = 1; most <= 64; most += 9) {
    trip t = {0};
    xai_config config = wire_config(&t.w);
    config.transport = XAI_TRANSPORT_HOST;
    config.limits.max_response = 10;
    t.w.client = xai_client_new(&config, NULL);
    t.reply = XAI_REPLY_BYTES;
    trip_start(&t, "POST", "{}");
    CHECK(trip_send(&t));
    const char *answer = CHUNKED "6\r\n012345\r\n6\r\n012345\r\n0\r\n\r\n";
    trip_feed_cut(&t, answer, strlen(answer), 0, most);
    CHECK_INT(t.wish, XAI_HOST_CLOSE);
    CHECK_INT(t.w.error.code, XAI_ERR_TOO_BIG);
    trip_close(&t);
  }
}

/* ---- streams */

static void stream_open(trip *t) {
  trip_open(t, "http://host/v1");
  t->reply = XAI_REPLY_CHAT;
  t->stream = true;
  trip_start(t, "POST", "{}");
  CHECK(trip_send(t));
}

static void F52_a_stream_in_any_pieces_gives_the_same_text(void) {
  static const char answer[] = SSE_HEAD "\r\n" DELTA("Hel") DELTA("lo") DELTA(" \xc3\xa9") LAST MARKER;
  for (size_t most = 1; most < sizeof answer; most += most < 20 ? 1 : 97) {
    trip t;
    stream_open(&t);
    trip_feed_cut(&t, answer, sizeof answer - 1, 0, most);
    xai_host_end(t.w.client, t.request.id, XAI_HOST_CLOSED, NULL);
    trip_pull(&t);
    CHECK_STR(xai_str_of(t.w.text), "Hello \xc3\xa9");
    CHECK_INT(t.w.outcome, XAI_OUTCOME_COMPLETE);
    trip_close(&t);
  }
}

static void F44_a_stream_without_its_end_is_incomplete(void) {
  static const char answer[] = SSE_HEAD "\r\n" DELTA("Hel") DELTA("lo");
  trip t;
  stream_open(&t);
  trip_feed(&t, answer, sizeof answer - 1);
  xai_host_end(t.w.client, t.request.id, XAI_HOST_CLOSED, NULL);
  trip_pull(&t);
  CHECK_INT(t.w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_STR(xai_str_of(t.w.text), "Hello");
  CHECK_STR(xai_str_of(t.w.reason), "ended early");
  trip_close(&t);
}

static void F47_the_call_ends_at_the_marker_and_the_connection_may_come_to_rest(void) {
  static const char answer[] = SSE_HEAD "Content-Length: 9999\r\n\r\n" DELTA("x") LAST MARKER;
  trip t;
  stream_open(&t);
  trip_feed(&t, answer, sizeof answer - 1);
  CHECK_INT(t.w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(xai_host_live(t.w.client, t.request.id));
  wire_pass(&t.w, 99);
  CHECK(xai_host_live(t.w.client, t.request.id));
  wire_pass(&t.w, 1);
  CHECK(!xai_host_live(t.w.client, t.request.id));
  trip_close(&t);

  static const char events[] = DELTA("x") LAST MARKER;
  char chunked[1024];
  snprintf(chunked, sizeof chunked, SSE_HEAD "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
           sizeof events - 1, events);
  stream_open(&t);
  trip_feed(&t, chunked, strlen(chunked));
  CHECK_INT(t.w.ends, 1);
  CHECK_INT(xai_host_feed(t.w.client, t.request.id, "0\r\n\r\n", 5, NULL), XAI_HOST_KEEP);
  trip_close(&t);
}

static void F48_a_reset_in_mid_stream_keeps_what_came(void) {
  static const char answer[] = SSE_HEAD "\r\n" DELTA("Hel") DELTA("lo");
  trip t;
  stream_open(&t);
  trip_feed(&t, answer, sizeof answer - 1);
  xai_host_end(t.w.client, t.request.id, XAI_HOST_RESET, "connection reset by peer");
  trip_pull(&t);
  CHECK_INT(t.w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_STR(xai_str_of(t.w.reason), "reset");
  CHECK_STR(xai_str_of(t.w.text), "Hello");
  CHECK_INT(t.w.attempts, 1);
  trip_close(&t);
}

static void F49_reset_before_the_first_event(void) {
  trip t;
  stream_open(&t);
  trip_feed(&t, SSE_HEAD "\r\n", strlen(SSE_HEAD) + 2);
  xai_host_end(t.w.client, t.request.id, XAI_HOST_RESET, NULL);
  trip_pull(&t);
  CHECK_INT(t.w.attempts, 1);
  CHECK_INT(t.w.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
  CHECK(!trip_send(&t));
  trip_close(&t);
}

/* What the call has no room for stays with the host, and comes in when the events were pulled (F57, F58). */
static void F57_a_full_call_asks_the_host_to_wait(void) {
  static const char event[] = DELTA("0123456789");
  trip t;
  stream_open(&t);
  xai_host_feed(t.w.client, t.request.id, SSE_HEAD "\r\n", strlen(SSE_HEAD) + 2, NULL);
  size_t block_len = 1000 * (sizeof event - 1), at = 0, taken = 0;
  char *block = malloc(block_len);
  for (size_t i = 0; i < 1000; i++) memcpy(block + i * (sizeof event - 1), event, sizeof event - 1);
  int waits = 0, texts = 0;
  xai_event got;
  while (at < block_len) {
    size_t piece = block_len - at < 5000 ? block_len - at : 5000;
    xai_host_wish wish = xai_host_feed(t.w.client, t.request.id, block + at, piece, &taken);
    at += taken;
    if (wish != XAI_HOST_WAIT) continue;
    waits++;
    CHECK_INT(taken, 0);
    t.w.now += 600000; /* our own slowness is nobody's silence */
    CHECK_INT(xai_client_step(t.w.client, 0), XAI_OK);
    CHECK(xai_host_live(t.w.client, t.request.id));
    while (xai_client_next(t.w.client, &got) == XAI_OK) texts += got.type == XAI_EVENT_TEXT;
  }
  while (xai_client_next(t.w.client, &got) == XAI_OK) texts += got.type == XAI_EVENT_TEXT;
  CHECK(waits > 0);
  CHECK_INT(texts, 1000);
  free(block);
  trip_close(&t);
}

static void F41_silence_ends_the_exchange(void) {
  trip t;
  stream_open(&t);
  trip_feed(&t, SSE_HEAD "\r\n" DELTA("a"), strlen(SSE_HEAD "\r\n" DELTA("a")));
  wire_pass(&t.w, 119999);
  CHECK(xai_host_live(t.w.client, t.request.id));
  wire_pass(&t.w, 1);
  CHECK(!xai_host_live(t.w.client, t.request.id));
  CHECK_INT(t.w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(t.w.error.code, XAI_ERR_SILENCE);
  trip_close(&t);
}

/* The program is busy with what it has taken, so it does not read; when it does, the silence counts again. */
static void F58_who_did_not_read_says_so(void) {
  trip t;
  stream_open(&t);
  trip_feed(&t, SSE_HEAD "\r\n" DELTA("a"), strlen(SSE_HEAD "\r\n" DELTA("a")));
  for (int i = 0; i < 10; i++) {
    wire_pass(&t.w, 119999);
    CHECK_INT(xai_host_feed(t.w.client, t.request.id, "", 0, NULL), XAI_HOST_READ);
  }
  CHECK(xai_host_live(t.w.client, t.request.id));
  wire_pass(&t.w, 120000);
  CHECK_INT(t.w.error.code, XAI_ERR_SILENCE);
  CHECK_INT(xai_host_feed(t.w.client, t.request.id, "", 0, NULL), XAI_HOST_CLOSE);
  trip_close(&t);
}

/* ---- connections that never came to be */

typedef struct unconnected_row {
  xai_host_end_kind how;
  xai_code code;
  const char *phase;
  bool repeated;
} unconnected_row;

static void F01_F06_F07_F08_without_a_connection_nothing_was_sent(void) {
  static const unconnected_row rows[] = {
    {XAI_HOST_RESOLVE, XAI_ERR_RESOLVE, "resolve", true},
    {XAI_HOST_CONNECT, XAI_ERR_CONNECT, "connect", true},
    {XAI_HOST_CONNECT_TIMEOUT, XAI_ERR_CONNECT, "connect", true},
    {XAI_HOST_TLS, XAI_ERR_TLS, "handshake", false},
    {XAI_HOST_TLS_TIMEOUT, XAI_ERR_CONNECT, "handshake", true},
    {XAI_HOST_RESET, XAI_ERR_RESET, "handshake", true},
    {XAI_HOST_CLOSED, XAI_ERR_RESET, "handshake", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    trip t;
    trip_open(&t, "https://host/v1");
    trip_start(&t, "POST", "{}");
    for (int attempt = 0; attempt < 5 && t.w.ends == 0; attempt++) {
      if (xai_host_next(t.w.client, &t.request) == XAI_OK)
        xai_host_end(t.w.client, t.request.id, rows[i].how, "20: self-signed, Bearer xai-secret-000");
      wire_pull(&t.w);
      wire_pass(&t.w, 10000);
    }
    CHECK_INT(t.w.ends, 1);
    CHECK_INT(t.w.error.code, rows[i].code);
    CHECK_INT(t.w.attempts, rows[i].repeated ? 3 : 1);
    CHECK_INT(t.w.attempt[0].outcome, XAI_ATTEMPT_NOT_SENT);
    CHECK_STR(xai_str_of(t.w.attempt[0].phase), rows[i].phase);
    CHECK(strstr(t.w.error.message, "secret") == NULL);
    trip_close(&t);
  }
}

static void F07_the_core_watches_the_time_for_connecting(void) {
  trip t;
  trip_open(&t, "https://host/v1");
  trip_start(&t, "POST", "{}");
  CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
  CHECK_INT(t.request.connect_ms, 5000);
  CHECK_INT(t.request.handshake_ms, 10000);
  CHECK_INT(xai_client_timeout(t.w.client), 15000);
  wire_pass(&t.w, 14999);
  CHECK(xai_host_live(t.w.client, t.request.id));
  wire_pass(&t.w, 1);
  CHECK(!xai_host_live(t.w.client, t.request.id));
  CHECK_INT(t.w.retries, 1);
  wire_pass(&t.w, 8000);
  CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
  CHECK(xai_host_pull(t.w.client, t.request.id, 1).len == 1); /* connected: now other limits hold */
  wire_pass(&t.w, 20000);
  CHECK(xai_host_live(t.w.client, t.request.id));
  trip_close(&t);
}

static void F17_a_kept_connection_that_dies_is_no_second_request(void) {
  trip t;
  trip_open(&t, "http://host/v1");
  trip_start(&t, "POST", "{}");
  CHECK(trip_send(&t));
  xai_host_end(t.w.client, t.request.id, XAI_HOST_RESET, NULL);
  trip_pull(&t);
  CHECK_INT(t.w.ends, 1);
  CHECK_INT(t.w.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
  CHECK_STR(xai_str_of(t.w.attempt[0].phase), "wait");
  trip_close(&t);

  trip_open(&t, "http://host/v1"); /* the head alone cannot be executed */
  trip_start(&t, "POST", "{}");
  CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
  CHECK_INT(xai_host_pull(t.w.client, t.request.id, 5).len, 5);
  xai_host_end(t.w.client, t.request.id, XAI_HOST_RESET, NULL);
  trip_pull(&t);
  CHECK_INT(t.w.ends, 0);
  CHECK_INT(t.w.retries, 1);
  trip_close(&t);
}

static void a_429_is_asked_again_on_another_exchange(void) {
  static const char busy[] = "HTTP/1.1 429 Slow\r\nRetry-After: 2\r\nContent-Length: 2\r\n\r\n{}";
  static const char good[] = HEAD_200 "Content-Length: 2\r\n\r\nhi";
  trip t;
  trip_open(&t, "http://host/v1");
  trip_start(&t, "POST", "{}");
  CHECK(trip_send(&t));
  trip_feed(&t, busy, sizeof busy - 1);
  CHECK_INT(t.wish, XAI_HOST_KEEP);
  CHECK(!trip_send(&t));
  wire_pass(&t.w, 2000);
  CHECK(trip_send(&t));
  trip_feed(&t, good, sizeof good - 1);
  CHECK_INT(t.w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(t.w.attempts, 2);
  trip_close(&t);
}

static void F63_a_cancel_ends_the_exchange_in_each_phase(void) {
  static const char answer[] = SSE_HEAD "\r\n" DELTA("Hel") DELTA("lo");
  for (int phase = 0; phase < 5; phase++) {
    trip t;
    trip_open(&t, "http://host/v1");
    t.stream = true;
    t.reply = XAI_REPLY_CHAT;
    xai_call_id call = trip_start(&t, "POST", "{}");
    if (phase >= 1) CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_OK);
    if (phase >= 2) CHECK(xai_host_pull(t.w.client, t.request.id, 100).len > 0);
    if (phase >= 3) trip_feed(&t, answer, phase == 3 ? 20 : sizeof answer - 5);
    xai_call_cancel(t.w.client, call);
    CHECK(!xai_host_live(t.w.client, t.request.id));
    CHECK_INT(xai_host_feed(t.w.client, t.request.id, "x", 1, NULL), XAI_HOST_CLOSE);
    CHECK_INT(xai_host_pull(t.w.client, t.request.id, 100).len, 0);
    xai_host_end(t.w.client, t.request.id, XAI_HOST_RESET, NULL);
    CHECK_INT(xai_host_next(t.w.client, &t.request), XAI_MORE);
    trip_pull(&t);
    CHECK_INT(t.w.ends, 1);
    CHECK_INT(t.w.outcome, XAI_OUTCOME_CANCELLED);
    trip_close(&t);
  }
}

/* Those of the calls `i` with i % every == 0 end, the last one first where `back` is set. */
static void end_some(trip *t, const uint32_t *ids, uint32_t count, uint32_t every, bool back) {
  static const char answer[] = HEAD_200 "Content-Length: 2\r\n\r\nok";
  for (uint32_t n = 0; n < count; n++) {
    uint32_t i = back ? count - 1 - n : n;
    if (i % every != 0 || !xai_host_live(t->w.client, ids[i])) continue;
    t->request.id = ids[i];
    trip_feed(t, answer, sizeof answer - 1);
    CHECK_INT(t->wish, XAI_HOST_KEEP);
    CHECK(!xai_host_live(t->w.client, ids[i]));
  }
}

static void many_at_once_are_handed_out_in_order_and_end_in_any(void) {
  enum { MANY = 300 };
  trip t;
  trip_open(&t, "http://host/v1");
  xai_call_id calls[MANY];
  uint32_t ids[MANY];
  for (uint32_t i = 0; i < MANY; i++) calls[i] = trip_start(&t, "POST", "{}");
  xai_call_cancel(t.w.client, calls[0]); /* the first, the last and one within: never handed out */
  xai_call_cancel(t.w.client, calls[150]);
  xai_call_cancel(t.w.client, calls[MANY - 1]);
  uint32_t count = 0;
  for (; trip_send(&t); ids[count++] = t.request.id) {
    CHECK(count == 0 || t.request.id > ids[count - 1]);
    CHECK(t.request.call.id != calls[0].id && t.request.call.id != calls[150].id);
  }
  CHECK_INT(count, MANY - 3);
  end_some(&t, ids, count, 3, true);
  for (uint32_t i = 0; i < count; i++) CHECK(xai_host_live(t.w.client, ids[i]) == (i % 3 != 0));
  trip_start(&t, "POST", "{}"); /* behind those that are left */
  CHECK(trip_send(&t));
  CHECK(t.request.id > ids[count - 1]);
  uint32_t late = t.request.id;
  end_some(&t, ids, count, 1, false);
  CHECK(xai_host_live(t.w.client, late));
  end_some(&t, &late, 1, 1, false);
  trip_pull(&t);
  CHECK_INT(t.w.ends, MANY + 1);
  CHECK_INT(xai_client_pending(t.w.client), 0);
  trip_close(&t);
}

static void the_faces_of_other_transports_do_nothing(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/x", "{}", false);
  xai_host_request request;
  CHECK_INT(xai_host_next(w.client, &request), XAI_MORE);
  CHECK(!xai_host_live(w.client, 1));
  CHECK_INT(xai_host_pull(w.client, 1, 10).len, 0);
  CHECK_INT(xai_host_feed(w.client, 1, "x", 1, NULL), XAI_HOST_CLOSE);
  xai_host_end(w.client, 1, XAI_HOST_RESET, NULL);
  CHECK(xai_wire_live(w.client, 1));
  wire_close(&w);
}

static xai_code without_memory(const xai_mem *mem) {
  trip t = {0};
  xai_error err;
  xai_config config = wire_config(&t.w);
  config.transport = XAI_TRANSPORT_HOST;
  config.mem = *mem;
  config.limits.max_attempts = 1;
  t.w.client = xai_client_new(&config, &err);
  if (t.w.client == NULL) return err.code;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/x";
  request.body = xai_str_of("{}");
  request.reply = XAI_REPLY_BYTES;
  xai_code code = XAI_OK;
  static const char answer[] = CHUNKED "5\r\nhello\r\n0\r\n\r\n";
  if (xai_call_start(t.w.client, &request, &err).id == 0) code = err.code;
  else if (trip_send(&t)) trip_feed_cut(&t, answer, sizeof answer - 1, 0, 10);
  trip_pull(&t);
  if (t.w.ends > 0) code = t.w.error.code;
  if (code == XAI_OK) CHECK_STR(((xai_str){t.body, t.body_len}), "hello");
  wire_close(&t.w);
  return code;
}

int main(void) {
  RUN(the_request_goes_out_as_bytes);
  RUN(a_request_without_body_tells_none);
  RUN(a_body_is_not_copied_again);
  RUN(the_origin_is_read_from_base_url);
  RUN(what_is_the_hosts_business_is_refused);
  RUN(good_answers_are_read_however_they_are_cut);
  RUN(F23_bad_heads_fail_in_phase_headers);
  RUN(F23_endless_heads_cost_bounded_memory);
  RUN(F24_two_ways_of_telling_the_length_fail);
  RUN(F25_a_body_shorter_than_announced_is_not_whole);
  RUN(F26_a_surplus_is_nobodys_answer);
  RUN(an_answer_before_the_request_was_written_is_not_kept);
  RUN(F27_a_chunked_body_without_its_last_chunk_is_not_whole);
  RUN(F27_bad_chunk_sizes_fail);
  RUN(F27_a_chunk_size_that_never_ends_fails);
  RUN(F37_interim_answers_are_skipped_up_to_a_bound);
  RUN(F38_compressed_though_nobody_asked_fails);
  RUN(the_body_is_bounded);
  RUN(F52_a_stream_in_any_pieces_gives_the_same_text);
  RUN(F44_a_stream_without_its_end_is_incomplete);
  RUN(F47_the_call_ends_at_the_marker_and_the_connection_may_come_to_rest);
  RUN(F48_a_reset_in_mid_stream_keeps_what_came);
  RUN(F49_reset_before_the_first_event);
  RUN(F57_a_full_call_asks_the_host_to_wait);
  RUN(F41_silence_ends_the_exchange);
  RUN(F58_who_did_not_read_says_so);
  RUN(F01_F06_F07_F08_without_a_connection_nothing_was_sent);
  RUN(F07_the_core_watches_the_time_for_connecting);
  RUN(F17_a_kept_connection_that_dies_is_no_second_request);
  RUN(a_429_is_asked_again_on_another_exchange);
  RUN(F63_a_cancel_ends_the_exchange_in_each_phase);
  RUN(many_at_once_are_handed_out_in_order_and_end_in_any);
  RUN(the_faces_of_other_transports_do_nothing);
  check_nomem("nomem", without_memory);
  return check_report("host");
}
