/* test_sse.c - the event parser: the standard's rules, every way of cutting, limits, memory.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "xai_sse.h"

/* ---- a stream written out as text ---- */

typedef struct log_text {
  char text[4096];
  size_t len;
} log_text;

static void put(log_text *log, const char *bytes, size_t len) {
  for (size_t i = 0; i < len && log->len + 1 < sizeof log->text; i++) {
    log->text[log->len++] = bytes[i] == '\0' ? '0' : bytes[i];
  }
  log->text[log->len] = '\0';
}

static void put_event(log_text *log, const xai_sse_event *event) {
  char number[32];
  put(log, event->name.ptr, event->name.len);
  put(log, "|", 1);
  put(log, event->data.ptr, event->data.len);
  put(log, "|", 1);
  put(log, event->id.ptr, event->id.len);
  int len = snprintf(number, sizeof number, "|%lld%s;", (long long)event->retry, event->replaced ? "!" : "");
  put(log, number, (size_t)len);
}

static xai_code pull(xai_sse *sse, log_text *log) {
  xai_sse_event event;
  xai_code code;
  while ((code = xai_sse_next(sse, &event)) == XAI_OK) put_event(log, &event);
  return code;
}

static bool rests; /* memory is given back between chunks, as an open stream does */

/* Each chunk in a block of its own, freed at once: a text that was borrowed too long is then a fault that
 * the sanitizers see. */
static xai_code feed(xai_sse *sse, const char *bytes, size_t len, log_text *log) {
  char *chunk = malloc(len > 0 ? len : 1);
  if (chunk == NULL) return XAI_ERR_NOMEM;
  if (len > 0) memcpy(chunk, bytes, len);
  xai_code code = xai_sse_feed(sse, chunk, len);
  if (code == XAI_OK) code = pull(sse, log);
  if (code == XAI_MORE && rests) xai__sse_rest(sse);
  free(chunk);
  return code;
}

static void put_end(xai_sse *sse, log_text *log, xai_code code) {
  xai_sse_end end;
  xai_sse_finish(sse, &end);
  put(log, "end:", 4);
  put(log, end.last_event_id.ptr, end.last_event_id.len);
  if (end.discarded) put(log, " discarded", 10);
  if (code < 0) {
    char text[64];
    unsigned long long offset = xai_sse_offset(sse);
    int len = snprintf(text, sizeof text, " %s at %llu", xai_code_name(code), offset);
    put(log, text, (size_t)len);
  } else {
    put(log, " ok", 3);
  }
}

/* Fed in pieces up to the two cuts and then whole; with piece > 0 in pieces of that size. */
static void run(xai_sse *sse, const char *bytes, size_t len, size_t cut1, size_t cut2, size_t piece,
                log_text *log) {
  log->len = 0;
  rests = (cut1 + cut2 + piece) % 2 != 0; /* every other way */
  xai_sse_reset(sse);
  xai_code code = XAI_MORE;
  for (size_t at = 0; at < len && code >= 0;) {
    size_t stop = at < cut1 ? cut1 : at < cut2 ? cut2 : len;
    if (piece > 0 && at + piece < stop) stop = at + piece;
    code = feed(sse, bytes + at, stop - at, log);
    at = stop;
  }
  put_end(sse, log, code);
}

static void all_ways(const char *bytes, size_t len, size_t max, const char *want) {
  log_text log;
  xai_sse *sse = xai_sse_new(NULL, max);
  CHECK(sse != NULL);
  if (sse == NULL) return;
  run(sse, bytes, len, 0, 0, 0, &log);
  CHECK_STR(xai_str_of(log.text), want);
  for (size_t piece = 1; piece < len && piece < 9 && !check_bad; piece++) {
    run(sse, bytes, len, 0, 0, piece, &log);
    CHECK_STR(xai_str_of(log.text), want);
  }
  for (size_t a = 1; a < len && !check_bad; a++) {
    for (size_t b = a; b < len && !check_bad; b++) {
      run(sse, bytes, len, a, b, 0, &log);
      CHECK_STR(xai_str_of(log.text), want);
    }
  }
  xai_sse_free(sse);
}

#define WAYS(bytes, want) all_ways(bytes, sizeof bytes - 1, 0, want)
#define WAYS_MAX(bytes, max, want) all_ways(bytes, sizeof bytes - 1, max, want)

/* ---- the standard ---- */

static void gives_a_named_event_with_id_and_retry(void) {
  WAYS("event: e\nid: 7\nretry: 30\ndata: x\n\n", "e|x|7|30;end:7 ok");
}

static void joins_data_lines_with_line_feeds(void) {
  WAYS("data: a\ndata\ndata:b\n\n", "message|a\n\nb||-1;end: ok");
  WAYS("data\ndata\n\n", "message|\n||-1;end: ok");
}

static void ends_lines_at_lf_cr_and_crlf(void) {
  WAYS("data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\rdata: e\n\n",
       "message|a\nb\nc||-1;message|d||-1;message|e||-1;end: ok");
  WAYS("data: a\r\n\r\n\r\n\r\ndata: b\n\r", "message|a||-1;message|b||-1;end: ok");
}

static void removes_one_space_only(void) {
  WAYS("data:  x \n\n", "message| x ||-1;end: ok");
}

static void ignores_comments_and_unknown_fields(void) {
  WAYS(": c\n:\ndatax: 1\ndat: 1\nDATA: 1\nevents: 1\nidx: 1\n data: 1\nretry2: 1\nnonsense\ndata: x\n\n",
       "message|x||-1;end: ok");
}

static void skips_one_byte_order_mark(void) {
  WAYS("\xef\xbb\xbf"
       "data: x\n\n",
       "message|x||-1;end: ok");
  WAYS("\xef\xbb\xbf\xef\xbb\xbf"
       "data: x\ndata: y\n\n",
       "message|y||-1;end: ok");
  WAYS("\xef\xbb"
       "data: x\ndata: y\n\n",
       "message|y||-1;end: ok");
  WAYS("\xef\xbb\xbf", "end: ok");
  WAYS("\xef\xbb", "end: discarded ok");
  WAYS("\xef\n\n"
       "data: y\n\n",
       "message|y||-1;end: ok");
}

static void forgets_the_name_of_an_event_without_data(void) {
  WAYS("event: lost\n\ndata: x\n\n", "message|x||-1;end: ok");
  WAYS("event: a\nevent\ndata: x\n\n", "message|x||-1;end: ok");
}

static void keeps_the_id_until_another(void) {
  WAYS("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 2\n\nid: 3\n",
       "message|a|1|-1;message|b|1|-1;message|c||-1;end:2 discarded ok");
  WAYS("id: 1\nid: 2\0003\ndata: a\n\n", "message|a|1|-1;end:1 ok");
}

static void takes_retry_only_from_digits(void) {
  WAYS("retry: 5\nretry: +6\nretry: 7a\nretry:\nretry\nretry:  8\nretry: \xd9\xa5\ndata: x\n\n",
       "message|x||5;end: ok");
  WAYS("retry: 99999999999999999999999999\ndata: x\n\n", "message|x||9223372036854775807;end: ok");
  WAYS("retry: 9223372036854775806\ndata: x\n\n", "message|x||9223372036854775806;end: ok");
  WAYS("retry: 007\n", "end: ok");
}

static void discards_what_is_unfinished(void) {
  WAYS("data: x\n", "end: discarded ok");
  WAYS("data: x\n\ndat", "message|x||-1;end: discarded ok");
  WAYS("event: x\n", "end: discarded ok");
  WAYS(": c\n", "end: ok");
  WAYS(": c", "end: discarded ok");
}

static void keeps_nul_bytes_in_data(void) {
  WAYS("data: a\0b\n\n", "message|a0b||-1;end: ok");
}

static void replaces_invalid_utf8_and_says_so(void) {
  WAYS("data: a\xff"
       "b\n\ndata: c\n\n",
       "message|a\xef\xbf\xbd"
       "b||-1!;message|c||-1;end: ok");
  WAYS("data: \xf0\x9f\x98\ndata: \x80\n\n", "message|\xef\xbf\xbd\n\xef\xbf\xbd||-1!;end: ok");
  WAYS("event: \xc0\nid: \xe2\x82\ndata: x\n\n", "\xef\xbf\xbd|x|\xef\xbf\xbd|-1!;end:\xef\xbf\xbd ok");
  WAYS("id: \xff\ndata: a\n\ndata: b\n\nid: 1\ndata: c\n\n",
       "message|a|\xef\xbf\xbd|-1!;message|b|\xef\xbf\xbd|-1!;message|c|1|-1;end:1 ok");
  WAYS("data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n", "message|\xe2\x82\xac\xf0\x9f\x98\x80||-1;end: ok");
  WAYS("da\xffta: x\ndata: y\n\n", "message|y||-1;end: ok");
}

/* ---- promptness, borrowing, life ---- */

static void delivers_with_the_byte_that_ends_the_event(void) {
  static const struct {
    const char *bytes;
    size_t at;
  } cases[] = {
    {"data: x\n\n", 9},
    {"data: x\r\r\n", 9},
    {"data: x\r\n\r\n", 10},
    {"\xef\xbb\xbf"
     "data:\r\r",
     10},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    xai_sse *sse = xai_sse_new(NULL, 0);
    xai_sse_event event;
    for (size_t at = 0; at < strlen(cases[i].bytes); at++) {
      CHECK_INT(xai_sse_feed(sse, cases[i].bytes + at, 1), XAI_OK);
      xai_code want = at + 1 == cases[i].at ? XAI_OK : XAI_MORE;
      CHECK_INT(xai_sse_next(sse, &event), want);
      if (want == XAI_OK) CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
    }
    xai_sse_free(sse);
  }
}

static void lends_whole_events_from_the_chunk(void) {
  static const char bytes[] = "event: e\ndata: one\n\ndata: two\n\n";
  check_heap heap = {0, 0, 0, 0, 0};
  xai_mem mem = check_heap_mem(&heap);
  xai_sse *sse = xai_sse_new(&mem, 0);
  long made = heap.count;
  xai_sse_event event;
  CHECK_INT(xai_sse_feed(sse, bytes, sizeof bytes - 1), XAI_OK);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  CHECK(event.name.ptr == bytes + 7);
  CHECK(event.data.ptr == bytes + 15);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  CHECK(event.data.ptr == bytes + 26);
  CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
  CHECK_INT(heap.count, made);
  xai_sse_free(sse);
  CHECK_INT(heap.live, 0);
}

static void refuses_a_feed_before_the_last_is_used_up(void) {
  xai_sse *sse = xai_sse_new(NULL, 0);
  xai_sse_event event;
  CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
  CHECK_INT(xai_sse_feed(sse, "data: x\n\n", 9), XAI_OK);
  CHECK_INT(xai_sse_feed(sse, "data: y\n\n", 9), XAI_ERR_STATE);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  CHECK_STR(event.data, "x");
  CHECK_INT(xai_sse_feed(sse, "data: y\n\n", 9), XAI_ERR_STATE);
  CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
  CHECK_INT(xai_sse_feed(sse, NULL, 0), XAI_OK);
  CHECK_INT(xai_sse_feed(sse, "data: y\n\n", 9), XAI_OK);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  CHECK_STR(event.data, "y");
  xai_sse_free(sse);
}

static void counts_every_byte(void) {
  xai_sse *sse = xai_sse_new(NULL, 0);
  xai_sse_event event;
  CHECK_INT(xai_sse_feed(sse, "data: x\n\n: comment", 18), XAI_OK);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  CHECK_INT(xai_sse_offset(sse), 9);
  CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
  CHECK_INT(xai_sse_offset(sse), 18);
  xai_sse_reset(sse);
  CHECK_INT(xai_sse_offset(sse), 0);
  xai_sse_free(sse);
  xai_sse_free(NULL);
}

static void is_as_new_after_a_reset(void) {
  xai_sse *sse = xai_sse_new(NULL, 0);
  log_text log = {"", 0};
  static const char before[] = "id: 1\nretry: 3\ndata: a\n\nevent: e\nid: 2\ndata: b\ndata: c";
  CHECK_INT(feed(sse, before, sizeof before - 1, &log), XAI_MORE);
  log.len = 0;
  xai_sse_reset(sse);
  put_end(sse, &log,
          feed(sse,
               "\xef\xbb\xbf"
               "data: x\n\n",
               12, &log));
  CHECK_STR(xai_str_of(log.text), "message|x||-1;end: ok");
  xai_sse_free(sse);
}

/* ---- limits ---- */

static void f56_dies_at_a_line_above_the_limit(void) {
  WAYS_MAX("data: 12\n\n", 8, "message|12||-1;end: ok");
  WAYS_MAX("data: a\n\ndata: 123\n\n", 8, "message|a||-1;end: discarded err_too_big at 9");
  WAYS_MAX(": 1234567\n", 8, "end: discarded err_too_big at 0");
  WAYS_MAX("nonsense\nnonsense2", 8, "end: discarded err_too_big at 9");
  WAYS_MAX("\xef\xbb\n", 1, "end: discarded err_too_big at 0");
}

static void f56_dies_at_an_event_above_the_limit(void) {
  WAYS_MAX("data:a\ndata:b\n\ndata:c\ndata:d\n:12345678\n\n", 12,
           "message|a\nb||-1;message|c\nd||-1;end: ok");
  WAYS_MAX("data:a\ndata:bc\n\n", 12, "end: discarded err_too_big at 7");
  WAYS_MAX("data:abcd\ndata\n\n", 12, "end: discarded err_too_big at 10");
  WAYS_MAX("data:abcd\ndata:xyz", 12, "end: discarded err_too_big at 10");
  WAYS_MAX("event:x\ndata:b\n\n", 12, "end: discarded err_too_big at 8");
  WAYS_MAX("data:a\nretry:1\n\n", 12, "end: discarded err_too_big at 7");
}

static void bounds_what_replacing_makes(void) {
  WAYS_MAX("data:\xff\xff\xff\n\n", 9, "message|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd||-1!;end: ok");
  WAYS_MAX("data:\xff\xff\xff\xff\n\n", 9, "end: discarded err_too_big at 10");
}

static void stays_dead_until_a_reset(void) {
  xai_sse *sse = xai_sse_new(NULL, 4);
  xai_sse_event event;
  CHECK_INT(xai_sse_feed(sse, "data:\n\n", 7), XAI_OK);
  CHECK_INT(xai_sse_next(sse, &event), XAI_ERR_TOO_BIG);
  CHECK_INT(xai_sse_next(sse, &event), XAI_ERR_TOO_BIG);
  CHECK_INT(xai_sse_feed(sse, "data\n\n", 6), XAI_ERR_TOO_BIG);
  xai_sse_reset(sse);
  CHECK_INT(xai_sse_feed(sse, "data\n\n", 6), XAI_OK);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  xai_sse_free(sse);
}

/* Feeds `head`, then `count` bytes of `fill` by `piece`, then `tail`. */
static xai_code feed_large(xai_sse *sse, const char *head, size_t count, size_t piece, const char *tail,
                           size_t *data) {
  char fill[4096];
  memset(fill, 'y', sizeof fill);
  xai_sse_event event;
  xai_code code = xai_sse_feed(sse, head, strlen(head));
  if (code == XAI_OK) code = xai_sse_next(sse, &event);
  for (size_t at = 0; at < count && code == XAI_MORE; at += piece) {
    code = xai_sse_feed(sse, fill, count - at < piece ? count - at : piece);
    if (code == XAI_OK) code = xai_sse_next(sse, &event);
  }
  if (code == XAI_MORE) code = xai_sse_feed(sse, tail, strlen(tail));
  if (code == XAI_OK) code = xai_sse_next(sse, &event);
  if (code == XAI_OK) *data = event.data.len;
  return code;
}

static void needs_at_most_twice_the_memory_of_an_event(void) {
  check_heap heap = {0, 0, 0, 0, 0};
  xai_mem mem = check_heap_mem(&heap);
  xai_sse *sse = xai_sse_new(&mem, (size_t)16 << 20);
  size_t size = (size_t)8 << 20, data = 0;
  CHECK_INT(feed_large(sse, "data: ", size - 8, 1400, "\n\n", &data), XAI_OK);
  CHECK_INT(data, size - 8);
  CHECK(heap.peak <= 2 * size + 4096);
  xai_sse_event event;
  CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
  CHECK(heap.bytes < (size_t)1 << 20);
  xai_sse_free(sse);
  CHECK_INT(heap.live, 0);
}

static void gives_back_the_room_of_a_giant_name(void) {
  check_heap heap = {0, 0, 0, 0, 0};
  xai_mem mem = check_heap_mem(&heap);
  xai_sse *sse = xai_sse_new(&mem, 0);
  size_t data = 1;
  CHECK_INT(feed_large(sse, "event: ", (size_t)4 << 20, 4096, "\ndata\n\n", &data), XAI_OK);
  xai_sse_event event;
  CHECK_INT(xai_sse_next(sse, &event), XAI_MORE);
  CHECK(heap.bytes < 1 << 20);
  xai_sse_free(sse);
}

static void keeps_nothing_of_a_comment(void) {
  check_heap heap = {0, 0, 0, 0, 0};
  xai_mem mem = check_heap_mem(&heap);
  xai_sse *sse = xai_sse_new(&mem, 0);
  size_t data = 1;
  CHECK_INT(feed_large(sse, ": ", (size_t)4 << 20, 1400, "\ndata\n\n", &data), XAI_OK);
  CHECK_INT(data, 0);
  CHECK(heap.peak < 8192);
  xai_sse_free(sse);
}

static void f56_bounds_memory_on_a_line_without_end(void) {
  check_heap heap = {0, 0, 0, 0, 0};
  xai_mem mem = check_heap_mem(&heap);
  xai_sse *sse = xai_sse_new(&mem, 1 << 20);
  size_t data = 0;
  CHECK_INT(feed_large(sse, "data: ", (size_t)100 << 20, 4096, "\n\n", &data), XAI_ERR_TOO_BIG);
  CHECK(heap.peak <= (1 << 20) + 8192);
  xai_sse_free(sse);
  CHECK_INT(heap.live, 0);
}

/* Linear also where each chunk ends inside a line: quadratic would take hours here. */
static void takes_a_large_line_byte_by_byte(void) {
  xai_sse *sse = xai_sse_new(NULL, 0);
  size_t data = 0;
  CHECK_INT(feed_large(sse, "data: ", (size_t)4 << 20, 1, "\r\r", &data), XAI_OK);
  CHECK_INT(data, (size_t)4 << 20);
  xai_sse_free(sse);
}

static void takes_many_lines_that_end_in_cr_in_one_chunk(void) {
  size_t count = 400000;
  char *bytes = malloc(count * 5 + 1);
  CHECK(bytes != NULL);
  if (bytes == NULL) return;
  for (size_t i = 0; i < count; i++) memcpy(bytes + i * 5, "data\r", 5);
  bytes[count * 5] = '\r';
  xai_sse *sse = xai_sse_new(NULL, 0);
  xai_sse_event event;
  CHECK_INT(xai_sse_feed(sse, bytes, count * 5 + 1), XAI_OK);
  CHECK_INT(xai_sse_next(sse, &event), XAI_OK);
  CHECK_INT(event.data.len, count - 1);
  xai_sse_free(sse);
  free(bytes);
}

/* ---- memory ---- */

static xai_code scenario(const xai_mem *mem) {
  static const char bytes[] = "event: \xff\nid: 1\ndata: a\ndata: \xff"
                              "b\n\n"
                              "event: next\nid: 2\ndata: c\n\n";
  xai_sse *sse = xai_sse_new(mem, 0);
  if (sse == NULL) return XAI_ERR_NOMEM;
  xai_code code = XAI_MORE;
  int events = 0;
  for (size_t piece = 1; piece < sizeof bytes && code >= 0; piece += 7) {
    for (size_t at = 0; at < sizeof bytes - 1 && code >= 0; at += piece) {
      size_t left = sizeof bytes - 1 - at;
      xai_sse_event event;
      code = xai_sse_feed(sse, bytes + at, left < piece ? left : piece);
      while (code == XAI_OK && (code = xai_sse_next(sse, &event)) == XAI_OK) events++;
    }
  }
  xai_sse_free(sse);
  if (code >= 0 && events % 2 != 0) return XAI_ERR_STATE;
  return code < 0 ? code : XAI_OK;
}

int main(void) {
  RUN(gives_a_named_event_with_id_and_retry);
  RUN(joins_data_lines_with_line_feeds);
  RUN(ends_lines_at_lf_cr_and_crlf);
  RUN(removes_one_space_only);
  RUN(ignores_comments_and_unknown_fields);
  RUN(skips_one_byte_order_mark);
  RUN(forgets_the_name_of_an_event_without_data);
  RUN(keeps_the_id_until_another);
  RUN(takes_retry_only_from_digits);
  RUN(discards_what_is_unfinished);
  RUN(keeps_nul_bytes_in_data);
  RUN(replaces_invalid_utf8_and_says_so);
  RUN(delivers_with_the_byte_that_ends_the_event);
  RUN(lends_whole_events_from_the_chunk);
  RUN(refuses_a_feed_before_the_last_is_used_up);
  RUN(counts_every_byte);
  RUN(is_as_new_after_a_reset);
  RUN(f56_dies_at_a_line_above_the_limit);
  RUN(f56_dies_at_an_event_above_the_limit);
  RUN(bounds_what_replacing_makes);
  RUN(stays_dead_until_a_reset);
  RUN(needs_at_most_twice_the_memory_of_an_event);
  RUN(gives_back_the_room_of_a_giant_name);
  RUN(keeps_nothing_of_a_comment);
  RUN(f56_bounds_memory_on_a_line_without_end);
  RUN(takes_a_large_line_byte_by_byte);
  RUN(takes_many_lines_that_end_in_cr_in_one_chunk);
  check_nomem("lives_through_missing_memory", scenario);
  return check_report("sse");
}
