/* test_faults_stream.c - faults of streams, F41-F65: silence, cuts, odd pieces, odd content, backpressure, cancel.
 * SPDX-License-Identifier: MIT
 *
 * Over the scripted wire; the test owns the clock. Further tests of the same
 * faults: test_sse.c (pieces), test_fold.c (events), test_curl_life.c (real sockets), spec/faults_spec.lua (Lua).
 */
#define _POSIX_C_SOURCE 200809L
#include "streamed.h"

/* ---- silence ---- */

static void F41_silence_after_some_events_ends_it_with_the_text_so_far(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  wire_bytes(&w, id, stream_body, strlen(stream_body) - 10);
  wire_pull(&w);
  wire_pass(&w, 119999);
  CHECK_INT(w.ends, 0);
  wire_pass(&w, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(w.error.code, XAI_ERR_SILENCE);
  CHECK(strcmp(w.text, "Hello") == 0);
  wire_close(&w);
}

static void F42_comments_alone_do_not_keep_a_stream_alive(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  wire_bytes(&w, id, stream_body, (size_t)(strstr(stream_body, "event: response.completed") - stream_body));
  wire_pull(&w);
  int minutes = 0;
  for (; minutes < 20 && w.ends == 0; minutes++) {
    wire_bytes(&w, id, ": keepalive\n\n", 13);
    wire_pull(&w);
    wire_pass(&w, 60000);
  }
  CHECK_INT(minutes, 10);
  CHECK_INT(w.error.code, XAI_ERR_SILENCE);
  wire_close(&w);
}

/* A byte each ten seconds until it is over; after how many milliseconds that is. */
static uint64_t drip(wire *w, uint32_t id) {
  uint64_t begin = w->now;
  while (w->ends == 0 && w->now < begin + 3600000) {
    wire_bytes(w, id, "x", 1);
    wire_pull(w);
    wire_pass(w, 10000);
  }
  CHECK_INT(w->ends, 1);
  CHECK_INT(w->attempts, 1);
  return w->now - begin;
}

static void F43_one_byte_each_ten_seconds_before_the_first_event(void) {
  wire w;
  uint32_t id = open_stream(&w, "/responses");
  wire_bytes(&w, id, "data: ", 6);
  CHECK_INT(drip(&w, id), 600000);
  CHECK_INT(w.error.code, XAI_ERR_SILENCE);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
  wire_close(&w);
}

static void F43_one_byte_each_ten_seconds_in_mid_stream(void) {
  wire w;
  uint32_t id = open_stream(&w, "/responses");
  feed(&w, id, CREATED DELTA("so far") "data: ");
  CHECK_INT(drip(&w, id), 600000);
  CHECK_INT(w.error.code, XAI_ERR_SILENCE);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  check_text(&w, "so far");
  wire_close(&w);
}

static void F43_the_deadline_bounds_a_slow_server(void) {
  for (int stream = 0; stream < 2; stream++) {
    wire w;
    wire_open(&w);
    xai_request request = XAI_REQUEST_INIT;
    request.path = "/responses";
    request.body = xai_str_of("{}");
    request.stream = stream != 0;
    request.limits.deadline_ms = 60000;
    CHECK(xai_call_start(w.client, &request, NULL).id != 0);
    uint32_t id = wire_request_id(&w);
    wire_head(&w, id, 200, stream ? EVENTS : JSON);
    CHECK_INT(drip(&w, id), 60000);
    CHECK_INT(w.error.code, XAI_ERR_DEADLINE);
    CHECK(!xai_wire_live(w.client, id));
    wire_close(&w);
  }
}

/* ---- how it ends ---- */

static void F44_a_stream_cut_anywhere_is_never_complete(void) {
  size_t len = strlen(stream_body);
  for (size_t cut = 0; cut <= len; cut++) {
    wire w;
    wire_open(&w);
    wire_start(&w, "/responses", "{}", true);
    uint32_t id = wire_request_id(&w);
    wire_head(&w, id, 200, EVENTS);
    wire_bytes(&w, id, stream_body, cut);
    xai_wire_finish(w.client, id, cut % 2 ? XAI_WIRE_RESET : XAI_WIRE_DONE);
    wire_pull(&w);
    CHECK_INT(w.ends, 1);
    /* The event is over with its empty line: the last byte. */
    if (cut < len) CHECK(w.outcome != XAI_OUTCOME_COMPLETE);
    else CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    wire_close(&w);
  }
}

static void F45_the_marker_without_a_finish_reason_is_incomplete(void) {
  wire w;
  play(&w, "/chat/completions", CHUNK(SAYS("so far")) DONE);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_STR(xai_str_of(w.reason), "no finish reason");
  CHECK_INT(w.error.kind, XAI_KIND_TRUNCATED);
  CHECK(responded(&w, "'so far'") && !responded(&w, "'stop'"));
  wire_close(&w);
}

static void F46_a_finish_reason_without_the_marker_is_complete_and_flagged(void) {
  wire w;
  play(&w, "/chat/completions", CHUNK(SAYS("all of it")) CHUNK(STOP));
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.flags, XAI_FLAG_MARKER_MISSING);
  check_text(&w, "all of it");
  wire_close(&w);
  play(&w, "/chat/completions", CHUNK(SAYS("all of it")) CHUNK(STOP) DONE);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.flags, 0);
  wire_close(&w);
}

/* No clean end: then who knows what was still to come. */
static void F46_a_finish_reason_and_then_a_reset_is_incomplete(void) {
  static const xai_wire_end ends[] = {XAI_WIRE_RESET, XAI_WIRE_SHORT};
  for (int i = 0; i < 2; i++) {
    wire w;
    uint32_t id = open_stream(&w, "/chat/completions");
    feed(&w, id, CHUNK(SAYS("all of it")) CHUNK(STOP));
    finish(&w, id, ends[i]);
    CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
    CHECK_INT(w.attempts, 1);
    wire_close(&w);
  }
}

static void F47_ends_at_the_final_event_while_the_server_holds_on(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  wire_bytes(&w, id, stream_body, strlen(stream_body));
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(xai_wire_live(w.client, id)); /* may still come to its end, for reuse */
  wire_pass(&w, 101);
  CHECK(!xai_wire_live(w.client, id));
  wire_close(&w);
}

static void F48_a_reset_in_mid_stream_keeps_the_text_and_is_not_repeated(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  wire_bytes(&w, id, stream_body, (size_t)(strstr(stream_body, "event: response.completed") - stream_body));
  xai_wire_finish(w.client, id, XAI_WIRE_RESET);
  wire_pull(&w);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK(strcmp(w.reason, "reset") == 0);
  CHECK(strcmp(w.text, "Hello") == 0);
  CHECK_INT(w.error.kind, XAI_KIND_TRUNCATED);
  CHECK(w.response != NULL && strstr(w.response, "Hello") != NULL);
  wire_close(&w);
}

static void F49_reset_before_the_first_event(void) {
  static const char *const starts[] = {"", ": comment\n\n", "data: {'type':'respo"};
  for (size_t i = 0; i < 3; i++) {
    wire w;
    uint32_t id = open_stream(&w, "/responses");
    feed(&w, id, starts[i]);
    finish(&w, id, XAI_WIRE_RESET);
    CHECK_INT(w.ends, 1);
    CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
    CHECK_INT(w.attempts, 1);
    CHECK_INT(w.attempt[0].outcome, XAI_ATTEMPT_UNKNOWN);
    CHECK_INT(w.error.code, XAI_ERR_RESET);
    wire_pass(&w, 100000);
    CHECK_INT(wire_request_id(&w), 0); /* not repeated */
    wire_close(&w);
  }
}

/* ---- what comes instead of the answer ---- */

static void F50_a_busy_answer_inside_a_200_is_repeated(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  wire_answer(&w, 200, JSON, overloaded);
  CHECK_INT(w.retries, 1);
  wire_pass(&w, 8000);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  char frame[256];
  snprintf(frame, sizeof frame, "data: %s\n\n", overloaded);
  wire_bytes(&w, id, frame, strlen(frame));
  wire_pull(&w);
  CHECK_INT(w.retries, 2);
  CHECK(!xai_wire_live(w.client, id));
  wire_pass(&w, 8000);
  wire_answer(&w, 200, EVENTS, stream_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.attempts, 3);
  CHECK_INT(w.ends, 1);
  wire_close(&w);
}

typedef struct error_row {
  const char *frame;
  xai_kind kind;
  xai_attempt_class outcome_class; /* when nothing came before it */
} error_row;

static void F50_an_error_in_a_stream_is_classed_by_its_type(void) {
  static const error_row rows[] = {
    {"event: error\n" DATA(
       "{'type':'error','error':{'type':'rate_limit_error','code':'rate_limit_exceeded','message':'Slow down'}}"),
     XAI_KIND_RATE, XAI_ATTEMPT_REFUSED},
    {"event: error\n" DATA("{'error':{'message':'Busy','code':'service_unavailable'}}"), XAI_KIND_OVERLOADED,
     XAI_ATTEMPT_REFUSED},
    {"event: error\n" DATA("{'type':'error','code':'invalid_api_key','message':'Bad key'}"), XAI_KIND_AUTH,
     XAI_ATTEMPT_REFUSED},
    {"event: error\n" DATA("{'type':'error','code':'server_error','message':'It broke'}"), XAI_KIND_SERVER,
     XAI_ATTEMPT_UNKNOWN},
  };
  for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
    const error_row *row = &rows[i / 2];
    bool begun = i % 2;
    wire w;
    wire_open(&w);
    xai_request request = XAI_REQUEST_INIT;
    request.path = "/responses";
    request.body = xai_str_of("{}");
    request.stream = true;
    request.limits.max_attempts = 1;
    CHECK(xai_call_start(w.client, &request, NULL).id != 0);
    uint32_t id = wire_request_id(&w);
    wire_head(&w, id, 200, EVENTS);
    feed(&w, id, begun ? CREATED DELTA("begun") : CREATED);
    feed(&w, id, row->frame);
    CHECK_INT(w.ends, 1);
    CHECK_INT(w.status, 200);
    CHECK_INT(w.error.kind, row->kind);
    CHECK_INT(w.attempt[0].outcome, begun ? XAI_ATTEMPT_ANSWERED : row->outcome_class);
    if (begun) CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
    if (begun) CHECK(responded(&w, "'begun'"));
    wire_close(&w);
  }
}

static void F51_a_whole_answer_to_a_stream_request_is_one_text(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.deltas, 1);
  CHECK(strcmp(w.text, "Hello") == 0);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(w.flags & XAI_FLAG_NOT_STREAMED);
  wire_close(&w);
}

static void F51_a_stream_where_a_whole_answer_was_asked_for_is_folded(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, EVENTS, stream_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.flags, XAI_FLAG_NOT_STREAMED);
  CHECK(responded(&w, "'Hello'"));
  wire_close(&w);
}

static void F51_neither_a_stream_nor_json_fails(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  wire_answer(&w, 200, "text/plain", "Once upon a time");
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.error.code, XAI_ERR_NOT_JSON);
  wire_close(&w);
}

/* ---- pieces ---- */

typedef struct whole_run {
  char text[4096];
  char *response;
  int deltas;
  xai_outcome outcome;
  unsigned flags;
} whole_run;

/* The bytes in pieces: one cut, or pieces of a size. To be freed: response. */
static whole_run in_pieces(const char *bytes, size_t cut, size_t piece) {
  wire w;
  uint32_t id = open_stream(&w, "/responses");
  size_t len = strlen(bytes);
  for (size_t at = 0; at < len;) {
    size_t stop = at < cut ? cut : len;
    if (piece > 0 && at + piece < stop) stop = at + piece;
    wire_bytes(&w, id, bytes + at, stop - at);
    wire_pull(&w);
    at = stop;
  }
  finish(&w, id, XAI_WIRE_DONE);
  whole_run r = {.response = w.response, .deltas = w.deltas, .outcome = w.outcome, .flags = w.flags};
  snprintf(r.text, sizeof r.text, "%.*s", (int)w.text_len, w.text);
  w.response = NULL;
  wire_close(&w);
  return r;
}

static void same(whole_run got, const whole_run *want) {
  CHECK_INT(got.outcome, want->outcome);
  CHECK_INT(got.deltas, want->deltas);
  CHECK_INT(got.flags, want->flags);
  CHECK_STR(xai_str_of(got.text), want->text);
  CHECK(got.response != NULL && want->response != NULL && strcmp(got.response, want->response) == 0);
  free(got.response);
}

/* Cut in two everywhere, and in pieces of every size up to nine. */
static void every_way(const char *bytes, const whole_run *want) {
  size_t len = strlen(bytes);
  for (size_t cut = 1; cut < len && !check_bad; cut++) same(in_pieces(bytes, cut, 0), want);
  for (size_t piece = 1; piece < 10 && !check_bad; piece++) same(in_pieces(bytes, 0, piece), want);
}

/* Each line end replaced; to be freed. */
static char *with_ends(const char *bytes, const char *end) {
  char *out = calloc(2, strlen(bytes) + 1), *to = out;
  for (; *bytes != '\0'; bytes++) {
    if (*bytes == '\n') to = stpcpy(to, end);
    else *to++ = *bytes;
  }
  return out;
}

static void F52_events_split_at_every_byte(void) {
  whole_run want = in_pieces(stream_body, 0, 0);
  CHECK_INT(want.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(xai_str_of(want.text), "Hello");
  every_way(stream_body, &want);
  free(want.response);
}

static void F52_other_line_ends_no_space_and_several_data_lines(void) {
  static const char plain[] = CREATED DELTA("one") DELTA(" two") COMPLETED("one two");
  static const char odd[] =
    "data:{'type':'response.created',\ndata:'response':{'id':'r1','object':'response',\n"
    "data:  'status':'in_progress',\ndata: 'output':[]}}\n\n"
    ":a comment\nid: 7\nretry: 10\nunknown: field\n" DELTA("one") DELTA(" two") COMPLETED("one two");
  static const char *const ends[] = {"\n", "\r\n", "\r"};
  char *first = quoted(plain), *other = quoted(odd);
  whole_run want = in_pieces(first, 0, 0);
  CHECK_INT(want.deltas, 2);
  CHECK_INT(want.outcome, XAI_OUTCOME_COMPLETE);
  for (int i = 0; i < 3; i++) {
    char *turned = with_ends(first, ends[i]), *odder = with_ends(other, ends[i]);
    every_way(turned, &want);
    every_way(odder, &want);
    free(turned);
    free(odder);
  }
  free(first);
  free(other);
  free(want.response);
}

/* Every delta by itself must be whole characters. */
static void F53_a_character_split_between_reads(void) {
  static const char text[] = "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80";
  char *bytes = quoted(CREATED DELTA("\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80")
                         COMPLETED("\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (size_t cut = 1; cut < strlen(bytes) && !check_bad; cut++) {
    wire w;
    uint32_t id = open_stream(&w, "/responses");
    wire_bytes(&w, id, bytes, cut);
    wire_pull(&w);
    CHECK(w.text_len == 0 || w.text_len == strlen(text));
    wire_bytes(&w, id, bytes + cut, strlen(bytes) - cut);
    wire_pull(&w);
    CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    CHECK_INT(w.flags, 0);
    check_text(&w, text);
    wire_close(&w);
  }
  free(bytes);
}

static void F54_invalid_utf8_is_replaced_and_flagged(void) {
  static const char *const rows[][2] = {
    {CREATED DELTA("a\xff"
                   "b"),
     "a\xef\xbf\xbd"
     "b"},
    {CREATED DELTA("\xe2\x82x"), "\xef\xbf\xbdx"}, /* a sequence that breaks off: one replacement */
    {CREATED DELTA("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    wire w;
    uint32_t id = open_stream(&w, "/responses");
    feed(&w, id, rows[i][0]);
    check_text(&w, rows[i][1]);
    feed(&w, id, COMPLETED("x"));
    CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    CHECK_INT(w.flags, XAI_FLAG_TEXT_REPLACED);
    wire_close(&w);
  }
}

static void F55_a_surrogate_pair_split_between_two_deltas(void) {
  wire w;
  uint32_t id = open_stream(&w, "/responses");
  feed(&w, id, CREATED DELTA("a\\ud83d"));
  check_text(&w, "a");
  feed(&w, id, DELTA("\\ude00b"));
  check_text(&w, "a\xf0\x9f\x98\x80"
                 "b");
  feed(&w, id, COMPLETED("a\\ud83d\\ude00b"));
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.flags, 0);
  wire_close(&w);
  play(&w, "/chat/completions", CHUNK(SAYS("a\\ud83d")) CHUNK(STOP) DONE);
  check_text(&w, "a\xef\xbf\xbd");
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.flags, XAI_FLAG_TEXT_REPLACED);
  wire_close(&w);
}

/* ---- too much ---- */

/* 100 MB of pieces that never make an event; the memory at its highest. */
static size_t peak_of_endless(const char *piece, size_t len) {
  check_heap heap = {0};
  wire w = {.now = 1000};
  xai_config config = wire_config(&w);
  config.mem = check_heap_mem(&heap);
  w.client = xai_client_new(&config, NULL);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  feed(&w, id, CREATED "data: ");
  size_t sent = 0;
  for (; sent < 100u << 20 && w.ends == 0; sent += len) {
    wire_bytes(&w, id, piece, len);
    wire_pull(&w);
  }
  CHECK(sent <= 18u << 20); /* names of fields and line ends do not count */
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_FAILED);
  CHECK_INT(w.error.code, XAI_ERR_TOO_BIG);
  CHECK_INT(w.error.kind, XAI_KIND_LIMIT);
  CHECK(strstr(w.error.message, "max_event") != NULL);
  CHECK(!xai_wire_live(w.client, id));
  wire_close(&w);
  CHECK_INT(heap.live, 0);
  return heap.peak;
}

static void F56_one_event_of_100_MB_and_a_line_without_end(void) {
  static char line[60000];
  memset(line, 'x', sizeof line);
  CHECK(peak_of_endless(line, sizeof line) < 20u << 20);
  for (size_t at = 100; at < sizeof line; at += 100) memcpy(line + at, "\ndata:", 6);
  CHECK(peak_of_endless(line, sizeof line) < 20u << 20);
}

static void F57_the_sender_is_held_back_when_nobody_pulls(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  static char comment[1024];
  memset(comment, 'x', sizeof comment);
  comment[0] = ':';
  comment[sizeof comment - 1] = '\n';
  int taken = 0;
  while (taken < 1000 && xai_wire_body(w.client, id, comment, sizeof comment) == XAI_OK) taken++;
  CHECK(taken >= 32 && taken <= 64);
  wire_pull(&w);
  CHECK_INT(xai_wire_body(w.client, id, comment, sizeof comment), XAI_OK);
  wire_close(&w);
}

static void F57_a_held_call_waits_while_others_go_on(void) {
  wire w;
  wire_open(&w);
  xai_call_id held = wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  CHECK_INT(xai_wire_body(w.client, id, stream_body, strlen(stream_body)), XAI_OK);
  CHECK_INT(xai_client_timeout(w.client), 0);
  xai_call_hold(w.client, held, true);
  xai_call_hold(w.client, held, true);
  CHECK(xai_client_timeout(w.client) != 0); /* what is held is waited for by nobody */
  wire_pass(&w, 1000);
  CHECK_INT(w.deltas, 0);
  wire_start(&w, "/responses", "{}", false);
  wire_answer(&w, 200, JSON, whole_body);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.deltas, 0);
  xai_wire_finish(w.client, id, XAI_WIRE_DONE);
  wire_pass(&w, 1000);
  CHECK_INT(w.ends, 1);
  xai_call_hold(w.client, held, false);
  CHECK_INT(xai_client_timeout(w.client), 0);
  wire_pull(&w);
  CHECK_INT(w.ends, 2);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(strcmp(w.text, "Hello") == 0);
  xai_call_hold(w.client, held, true); /* stale by now: nothing */
  wire_close(&w);
}

static void F57_a_held_call_fills_up_and_then_stops_its_sender(void) {
  wire w;
  wire_open(&w);
  xai_call_id held = wire_start(&w, "/responses", "{}", true);
  xai_call_hold(w.client, held, true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  static const char piece[] =
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"x\"}\n\n";
  int taken = 0;
  for (; taken < 10000 && xai_wire_body(w.client, id, piece, strlen(piece)) == XAI_OK; taken++)
    wire_pass(&w, 0);
  CHECK(taken > 100 && taken < 1000);
  CHECK_INT(w.deltas, 0);
  wire_pass(&w, 700000); /* the silence is ours */
  CHECK_INT(w.ends, 0);
  xai_call_hold(w.client, held, false);
  wire_pull(&w);
  CHECK_INT(w.deltas, taken);
  CHECK_INT(xai_wire_body(w.client, id, piece, strlen(piece)), XAI_OK);
  wire_close(&w);
}

static void F58_our_own_slowness_is_not_the_servers_silence(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  wire_bytes(&w, id, stream_body, strlen(stream_body) - 10);
  xai_event event;
  while (xai_client_next(w.client, &event) == XAI_OK) w.now += 700000; /* each takes us ages */
  wire_pass(&w, 1000);
  CHECK_INT(w.ends, 0);
  wire_bytes(&w, id, stream_body + strlen(stream_body) - 10, 10);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  wire_close(&w);
}

/* ---- what the events say ---- */

static void F59_the_event_that_is_not_json_is_named(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  wire_answer(&w, 200, EVENTS, "data: {\"type\":\"response.created\",\"response\":{}}\n\ndata: {broken\n\n");
  CHECK_INT(w.ends, 1);
  CHECK(w.outcome != XAI_OUTCOME_COMPLETE);
  CHECK_INT(w.error.code, XAI_ERR_JSON);
  CHECK(strstr(w.error.message, "event 2") != NULL);
  wire_close(&w);
}

static void F59_an_event_that_is_not_json_after_good_ones(void) {
  wire w;
  char *before = quoted(CREATED DELTA("so far"));
  uint32_t id = open_stream(&w, "/responses");
  feed(&w, id, CREATED DELTA("so far") "data: {'type':oops}\n\n" DELTA(" never"));
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(w.error.code, XAI_ERR_JSON);
  CHECK(strstr(w.error.message, "event 3 ") != NULL);
  CHECK(w.error.offset >= strlen(before) && w.error.offset <= strlen(before) + 27);
  check_text(&w, "so far");
  CHECK(!xai_wire_live(w.client, id));
  free(before);
  wire_close(&w);
}

static void F60_choices_interleave_and_come_in_any_order(void) {
  wire w;
  play(&w, "/chat/completions",
       CHUNK("{'index':2,'delta':{'content':'c1'}}") CHUNK("{'index':0,'delta':{'content':'a1'}}")
         CHUNK("{'index':2,'delta':{'content':'c2'}},{'index':0,'delta':{'content':'a2'}}")
           CHUNK("{'index':1,'delta':{'content':'b'},'finish_reason':'stop','new_field':[1]}") CHUNK(
             "{'index':0,'delta':{},'finish_reason':'stop'},{'index':2,'delta':{},'finish_reason':'stop'}")
             DONE);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(responded(&w, "'content':'a1a2'") && responded(&w, "'content':'b'") &&
        responded(&w, "'content':'c1c2'") && responded(&w, "'new_field':[1]"));
  wire_close(&w);
}

static void F60_an_item_never_announced_and_unknown_events_pass_through(void) {
  wire w;
  uint32_t id = open_stream(&w, "/responses");
  feed(&w, id, CREATED);
  char *bytes = quoted(DATA("{'type':'response.sparkle','output_index':3,'x':1}") DATA(
    "{'type':'response.output_text.delta','output_index':5,'content_index':1,'delta':'late'}"));
  wire_bytes(&w, id, bytes, strlen(bytes));
  free(bytes);
  xai_event event;
  CHECK_INT(xai_client_next(w.client, &event), XAI_OK);
  CHECK_INT(event.type, XAI_EVENT_API);
  CHECK_STR(event.name, "response.sparkle");
  CHECK(event.data.len > 0);
  CHECK_INT(xai_client_next(w.client, &event), XAI_OK);
  CHECK_INT(event.type, XAI_EVENT_TEXT);
  CHECK_INT(event.output_index, 5);
  CHECK_INT(event.content_index, 1);
  CHECK_STR(event.text, "late");
  wire_close(&w);
}

static void F61_usage_is_taken_once_the_last(void) {
#define USED(n) DATA("{'id':'c1','choices':[],'usage':{'total_tokens':" n "}}")
  static const struct {
    const char *events, *want;
  } rows[] = {
    {CHUNK(SAYS("x")) CHUNK(STOP) USED("7") DONE, "'usage':{'total_tokens':7}"},
    {USED("1") CHUNK(SAYS("x")) USED("2") CHUNK(STOP) USED("7") DONE, "'usage':{'total_tokens':7}"},
    {CHUNK(SAYS("x")) CHUNK(STOP) DONE, NULL},
  };
#undef USED
  for (size_t i = 0; i < 3; i++) {
    wire w;
    play(&w, "/chat/completions", rows[i].events);
    CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    if (rows[i].want != NULL) CHECK(responded(&w, rows[i].want));
    else CHECK(!responded(&w, "usage")); /* unknown, not zero */
    const char *first = strstr(w.response, "\"usage\"");
    CHECK(first == NULL || strstr(first + 1, "\"usage\"") == NULL);
    wire_close(&w);
  }
}

/* This API's events have no ids to go on from, and a stream is never asked for again once text was given. */
static void F62_nothing_is_delivered_twice_since_no_stream_is_resumed(void) {
  wire w;
  uint32_t id = open_stream(&w, "/responses");
  feed(&w, id, "id: 1\n" CREATED "id: 2\n" DELTA("once"));
  finish(&w, id, XAI_WIRE_RESET);
  wire_pass(&w, 100000);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(w.deltas, 1);
  CHECK_INT(w.retries, 0);
  CHECK_INT(wire_request_id(&w), 0);
  wire_close(&w);
}

/* ---- cancel and drop ---- */

static void F63_cancel_ends_a_call_in_every_state(void) {
  for (int state = 0; state < 5; state++) {
    wire w;
    wire_open(&w);
    xai_call_id call = wire_start(&w, "/responses", "{}", true);
    uint32_t id = 0;
    if (state >= 1) id = wire_request_id(&w);
    if (state == 2) wire_head(&w, id, 200, EVENTS);
    if (state == 3) {
      wire_head(&w, id, 200, EVENTS);
      wire_bytes(&w, id, stream_body, strlen(stream_body) - 10);
      wire_pull(&w);
    }
    if (state == 4) {
      wire_head(&w, id, 503, JSON);
      xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    }
    xai_call_cancel(w.client, call);
    CHECK(!xai_wire_live(w.client, id));
    wire_pull(&w);
    CHECK_INT(w.ends, 1);
    CHECK_INT(w.outcome, XAI_OUTCOME_CANCELLED);
    CHECK_INT(w.error.kind, XAI_KIND_CANCELLED);
    if (state == 3) CHECK(w.response != NULL && strstr(w.response, "Hello") != NULL);
    xai_call_cancel(w.client, call); /* again, and after its end: nothing */
    wire_pass(&w, 10000);
    CHECK_INT(w.ends, 1);
    wire_close(&w);
  }
}

static void F63_the_usage_so_far_is_kept_by_a_cancel(void) {
  wire w;
  wire_open(&w);
  xai_call_id call = wire_start(&w, "/chat/completions", "{}", true);
  uint32_t id = wire_request_id(&w);
  wire_head(&w, id, 200, EVENTS);
  feed(&w, id, CHUNK(SAYS("x")) DATA("{'id':'c1','choices':[],'usage':{'total_tokens':3}}"));
  xai_call_cancel(w.client, call);
  wire_pull(&w); /* at once, without a turn of the crank */
  CHECK_INT(w.outcome, XAI_OUTCOME_CANCELLED);
  CHECK(responded(&w, "'total_tokens':3"));
  CHECK(!xai_wire_live(w.client, id));
  wire_close(&w);
}

static void F64_streams_dropped_in_the_middle_leave_nothing(void) {
  check_heap heap = {0};
  wire w = {.now = 1000};
  xai_config config = wire_config(&w);
  config.mem = check_heap_mem(&heap);
  w.client = xai_client_new(&config, NULL);
  size_t early = 0;
  for (int i = 0; i < 10000; i++) {
    xai_call_id call = wire_start(&w, "/responses", "{}", true);
    uint32_t id = wire_request_id(&w);
    wire_head(&w, id, 200, EVENTS);
    wire_bytes(&w, id, stream_body, (size_t)i % (strlen(stream_body) - 1));
    if (i % 2) wire_pull(&w);
    xai_call_cancel(w.client, call);
    CHECK(!xai_wire_live(w.client, id));
    wire_pull(&w);
    if (i == 1000) early = heap.bytes;
  }
  CHECK_INT(w.ends, 10000);
  CHECK_INT(xai_client_pending(w.client), 0);
  CHECK(heap.bytes <= early + 1024);
  for (int i = 0; i < 100; i++) wire_start(&w, "/responses", "{}", true);
  wire_close(&w); /* with a hundred of them still open */
  CHECK_INT(heap.live, 0);
}

static void F65_no_data_for_eight_minutes_and_then_an_answer(void) {
  wire w;
  wire_open(&w);
  wire_start(&w, "/responses", "{}", true);
  wire_pass(&w, 480000);
  wire_answer(&w, 200, EVENTS, stream_body);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  wire_close(&w);
}

int main(void) {
  RUN(F41_silence_after_some_events_ends_it_with_the_text_so_far);
  RUN(F42_comments_alone_do_not_keep_a_stream_alive);
  RUN(F43_one_byte_each_ten_seconds_before_the_first_event);
  RUN(F43_one_byte_each_ten_seconds_in_mid_stream);
  RUN(F43_the_deadline_bounds_a_slow_server);
  RUN(F44_a_stream_cut_anywhere_is_never_complete);
  RUN(F45_the_marker_without_a_finish_reason_is_incomplete);
  RUN(F46_a_finish_reason_without_the_marker_is_complete_and_flagged);
  RUN(F46_a_finish_reason_and_then_a_reset_is_incomplete);
  RUN(F47_ends_at_the_final_event_while_the_server_holds_on);
  RUN(F48_a_reset_in_mid_stream_keeps_the_text_and_is_not_repeated);
  RUN(F49_reset_before_the_first_event);
  RUN(F50_a_busy_answer_inside_a_200_is_repeated);
  RUN(F50_an_error_in_a_stream_is_classed_by_its_type);
  RUN(F51_a_whole_answer_to_a_stream_request_is_one_text);
  RUN(F51_a_stream_where_a_whole_answer_was_asked_for_is_folded);
  RUN(F51_neither_a_stream_nor_json_fails);
  RUN(F52_events_split_at_every_byte);
  RUN(F52_other_line_ends_no_space_and_several_data_lines);
  RUN(F53_a_character_split_between_reads);
  RUN(F54_invalid_utf8_is_replaced_and_flagged);
  RUN(F55_a_surrogate_pair_split_between_two_deltas);
  RUN(F56_one_event_of_100_MB_and_a_line_without_end);
  RUN(F57_the_sender_is_held_back_when_nobody_pulls);
  RUN(F57_a_held_call_waits_while_others_go_on);
  RUN(F57_a_held_call_fills_up_and_then_stops_its_sender);
  RUN(F58_our_own_slowness_is_not_the_servers_silence);
  RUN(F59_the_event_that_is_not_json_is_named);
  RUN(F59_an_event_that_is_not_json_after_good_ones);
  RUN(F60_choices_interleave_and_come_in_any_order);
  RUN(F60_an_item_never_announced_and_unknown_events_pass_through);
  RUN(F61_usage_is_taken_once_the_last);
  RUN(F62_nothing_is_delivered_twice_since_no_stream_is_resumed);
  RUN(F63_cancel_ends_a_call_in_every_state);
  RUN(F63_the_usage_so_far_is_kept_by_a_cancel);
  RUN(F64_streams_dropped_in_the_middle_leave_nothing);
  RUN(F65_no_data_for_eight_minutes_and_then_an_answer);
  return check_report("faults of streams");
}
