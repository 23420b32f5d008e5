/* test_faults_content.c - faults of content, F80-F91, as far as the core goes: tool calls, JSON, schemas, large things.
 * SPDX-License-Identifier: MIT
 *
 * What only the Lua face does is in spec/faults_spec.lua: what may be executed (F80, F81, F84), Lua's tables (F86, F87).
 */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "streamed.h"
#include "xai_pattern.h"

/* How much longer things may take: checkers slow us down. */
static int slowness(void) {
  const char *under = getenv("RUN_UNDER");
  bool slow = under != NULL && strstr(under, "valgrind") != NULL;
#if defined(__SANITIZE_ADDRESS__)
  slow = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  slow = true;
#endif
#endif
  return slow ? 50 : 1;
}

/* ---- tool calls ---- */

#define CALLS(calls) CHUNK("{'index':0,'delta':{'tool_calls':[" calls "]}}")
#define CALLED "{'index':0,'delta':{},'finish_reason':'tool_calls'}"

static void F80_arguments_cut_at_the_limit_are_truncated_whatever_is_claimed(void) {
  static const char *const reasons[] = {"tool_calls", "stop", "length"};
  for (size_t i = 0; i < 3; i++) {
    wire w;
    uint32_t id = open_stream(&w, "/chat/completions");
    feed(&w, id, CALLS("{'index':0,'id':'c0','function':{'name':'rm','arguments':'{\\'path\\': \\'/tm'}}"));
    char end[256];
    snprintf(end, sizeof end, CHUNK("{'index':0,'delta':{},'finish_reason':'%s'}") DONE, reasons[i]);
    feed(&w, id, end);
    CHECK_INT(w.ends, 1);
    CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
    CHECK_INT(w.error.kind, XAI_KIND_TRUNCATED);
    CHECK_INT(w.error.code, XAI_ERR_TRUNCATED);
    wire_close(&w);
  }
  wire w;
  play(&w, "/responses",
       CREATED DATA(
         "{'type':'response.completed','response':{'status':'completed','output':[{'type':'function_call',"
         "'name':'rm','arguments':'{\\'path\\': \\'/tm'}]}}"));
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_STR(xai_str_of(w.reason), "arguments cut");
  wire_close(&w);
}

static void F83_calls_interleaved_are_put_together_by_index(void) {
  wire w;
  play(
    &w, "/chat/completions",
    CALLS("{'index':1,'id':'c1','function':{'name':'g','arguments':'{'}}") CALLS(
      "{'index':0,'id':'c0','function':{'name':'wea','arguments':''}},{'index':1,'function':{'arguments':'}'}}")
      CALLS("{'index':0,'function':{'name':'ther','arguments':'[1'}}")
        CALLS("{'index':0,'id':'c0','function':{'arguments':']'}}") CHUNK(CALLED) DONE);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(responded(&w, "'id':'c0','function':{'name':'weather','arguments':'[1]'}"));
  CHECK(responded(&w, "'id':'c1','function':{'name':'g','arguments':'{}'}"));
  wire_close(&w);
}

static void F83_a_conflict_is_an_error_and_no_guess(void) {
  wire w;
  uint32_t id = open_stream(&w, "/chat/completions");
  feed(&w, id,
       CALLS("{'index':0,'id':'c0','function':{'name':'f'}}") CALLS("{'index':0,'id':'c9','function':{}}"));
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.error.code, XAI_ERR_PROTOCOL);
  CHECK(strstr(w.error.message, "two ids") != NULL);
  wire_close(&w);
}

/* ---- schemas ---- */

static xai_check *check_of(const char *brief, xai_schema **schema) {
  char *text = quoted(brief);
  xai_error err;
  *schema = xai_schema_compile(NULL, text, strlen(text), NULL, &err);
  CHECK(*schema != NULL);
  free(text);
  return xai_check_new(NULL, *schema, true);
}

static const char tile[] =
  "{'type':'object','properties':{'x':{'type':'integer','minimum':0}},'required':['x']}";

static void F81_arguments_that_break_the_schema_are_named_by_path_and_keyword(void) {
  static const char *const rows[][3] = {
    {"{'x':'3'}", "/x", "type"}, {"{'x':-1}", "/x", "minimum"}, {"{}", "", "required"}};
  xai_schema *schema;
  xai_check *check = check_of(tile, &schema);
  for (size_t i = 0; i < 3; i++) {
    char *text = quoted(rows[i][0]);
    xai_error err;
    CHECK_INT(xai_check_text(check, text, strlen(text), &err), XAI_ERR_INVALID);
    CHECK_INT(err.kind, XAI_KIND_SCHEMA);
    const xai_violation *violation = xai_check_violation(check, 0);
    CHECK_STR(violation->instance, rows[i][1]);
    CHECK_STR(violation->keyword, rows[i][2]);
    CHECK(violation->message.len > 10 && strstr(err.message, rows[i][1]) != NULL);
    free(text);
  }
  CHECK_INT(xai_check_text(check, "{\"x\":3}", 7, NULL), XAI_OK);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* 100 ms for each MB, of this thread's own time: what others do on the machine does not count. */
static void F85_a_megabyte_is_checked_within_its_time(void) {
  static const char *const schemas[] = {
    "{'items':{'type':'string','pattern':'^(a+)+$'}}",
    "{'items':{'pattern':'^(a|aa|b)+$|!'}}",
#if XAI_PCRE2
    "{'items':{'type':'string','pattern':'^(a+)+(?<!x)$'}}",
#endif
    "{'items':{'anyOf':[{'pattern':'^(a|aa)+$'},{'pattern':'(x+x+)+y'},{'type':'string','maxLength':99}]}}",
    ("{'$ref':'#/$defs/a','$defs':{'a':{'anyOf':[{'items':{'$ref':'#/$defs/a'}},{'not':{'$ref':'#/$defs/b'}}]},"
     "'b':{'type':'integer'}},'uniqueItems':true}"),
  };
  size_t len = 1 << 20, at = 1;
  char *text = malloc(len);
  text[0] = '[';
  for (int i = 0; at + 32 < len; i++) {
    int n = snprintf(text + at, len - at, "%s\"aaaaaaaaaaaaaaaa%d!\"", i == 0 ? "" : ",", i);
    at += (size_t)n;
  }
  text[at++] = ']';
  for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
    xai_schema *schema;
    xai_check *check = check_of(schemas[i], &schema);
    struct timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    xai_code code = xai_check_text(check, text, at, NULL);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    CHECK(code == XAI_OK || code == XAI_ERR_INVALID || code == XAI_ERR_STEPS);
    long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
    if (ms > 100L * slowness()) CHECK_INT(ms, 100);
    xai_check_free(check);
    xai_schema_free(schema);
  }
  free(text);
}

/* ---- JSON ---- */

static xai_code read_code(const char *text, unsigned flags, size_t *offset) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  xai_error err;
  bool read = xai_json_parse(doc, text, strlen(text), flags, &err) != NULL;
  CHECK_INT(read, err.code == XAI_OK);
  *offset = err.offset;
  xai_json_doc_free(doc);
  return err.code;
}

static void F82_what_is_no_json_is_rejected_with_its_place(void) {
  static const struct {
    const char *text;
    size_t offset;
  } rows[] = {{"{\"a\":1,}", 7},     {"[1,]", 3}, {"NaN", 0},    {"[Infinity]", 1},
              {"\xef\xbb\xbf{}", 0}, {"[01]", 2}, {"{'a':1}", 1}};
  size_t offset;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    CHECK(read_code(rows[i].text, 0, &offset) < 0);
    CHECK_INT(offset, rows[i].offset);
  }
  CHECK_INT(read_code("{\"a\":1,\"a\":2}", XAI_JSON_UNIQUE, &offset), XAI_ERR_JSON);
  CHECK_INT(read_code("{\"a\":1,\"a\":2}", 0, &offset), XAI_OK);
  static char deep[10001];
  memset(deep, '[', sizeof deep - 1);
  CHECK_INT(read_code(deep, 0, &offset), XAI_ERR_DEPTH);
  CHECK_INT(offset, 128);
}

static void F82_numbers_are_kept_exactly(void) {
  static char digits[401];
  memset(digits, '7', sizeof digits - 1);
  const char *const texts[] = {digits, "1e999", "-0", "9007199254740993", "18446744073709551616", "0.1000"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
    xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
    const xai_json *value = xai_json_parse(doc, texts[i], strlen(texts[i]), 0, NULL);
    xai_str text;
    xai_json_put_value(writer, value);
    CHECK_INT(xai_json_writer_end(writer, &text, NULL), XAI_OK);
    CHECK_STR(text, texts[i]);
    int64_t whole;
    double real;
    if (i < 2) CHECK(!xai_json_int(value, &whole) && !xai_json_real(value, &real)); /* never a wrong one */
    if (i == 3) CHECK(xai_json_int(value, &whole) && whole == 9007199254740993);
    xai_json_writer_free(writer);
    xai_json_doc_free(doc);
  }
}

static void F86_strings_are_written_exactly_or_refused_with_the_place(void) {
  static const char nul[] = "a\0b", *const bad[] = {"ab\xed\xa0\x80", "ab\xff", "ab\xc0\x80"};
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_json_open_object(writer);
  xai_json_put_key(writer, "", 0);
  xai_json_put_str(writer, nul, 3);
  xai_json_close_object(writer);
  xai_str text;
  CHECK_INT(xai_json_writer_end(writer, &text, NULL), XAI_OK);
  CHECK_STR(text, "{\"\":\"a\\u0000b\"}");
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  xai_str back = xai_json_str(xai_json_get(xai_json_parse(doc, text.ptr, text.len, 0, NULL), ""));
  CHECK(back.len == 3 && memcmp(back.ptr, nul, 3) == 0);
  xai_json_doc_free(doc);
  for (size_t i = 0; i < 3; i++) {
    xai_error err;
    xai_json_writer_reset(writer);
    xai_json_put_str(writer, bad[i], strlen(bad[i]));
    CHECK_INT(xai_json_writer_end(writer, &text, &err), XAI_ERR_UTF8);
    CHECK_INT(err.offset, 2);
  }
  xai_json_writer_free(writer);
}

/* ---- large things ---- */

static xai_error start_large(wire *w, const char *body, size_t len, size_t max_request) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = (xai_str){body, len};
  request.limits.max_request = max_request;
  xai_error err;
  xai_call_id id = xai_call_start(w->client, &request, &err);
  CHECK_INT(id.id != 0, err.code == XAI_OK);
  return err;
}

static void F88_a_picture_of_100_MB_is_sent_from_one_copy_or_refused(void) {
  size_t len = 100u << 20;
  char *body = malloc(len);
  memset(body, 'A', len);
  check_heap heap = {0};
  wire w = {.now = 1000};
  xai_config config = wire_config(&w);
  config.mem = check_heap_mem(&heap);
  w.client = xai_client_new(&config, NULL);
  xai_error err = start_large(&w, body, len, len - 1);
  CHECK_INT(err.code, XAI_ERR_TOO_BIG);
  CHECK(strstr(err.message, "max_request") != NULL);
  CHECK_INT(wire_request_id(&w), 0); /* before anything is connected */
  CHECK(heap.peak < 1 << 20);

  CHECK_INT(start_large(&w, body, len, 0).code, XAI_OK);
  xai_wire_request request;
  CHECK_INT(xai_wire_next(w.client, &request), XAI_OK);
  CHECK(request.body.len == len && memcmp(request.body.ptr, body, len) == 0);
  wire_head(&w, request.id, 200, JSON);
  wire_bytes(&w, request.id, whole_body, strlen(whole_body));
  xai_wire_finish(w.client, request.id, XAI_WIRE_DONE);
  wire_pull(&w);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(heap.peak < len + len / 2);
  wire_close(&w);
  free(body);
}

static void F88_a_body_from_a_writer_is_not_copied_at_all(void) {
  size_t len = 100u << 20;
  char *picture = malloc(len);
  memset(picture, 'A', len);
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  wire w = {.now = 1000};
  xai_config config = wire_config(&w);
  config.mem = mem;
  w.client = xai_client_new(&config, NULL);
  xai_json_writer *writer = xai_json_writer_new(&mem, 0, 0);
  xai_json_put_str(writer, picture, len);
  xai_request request = XAI_REQUEST_INIT;
  xai_error err;
  request.path = "/responses";
  request.body_writer = writer;
  request.limits.max_request = len;
  CHECK_INT(xai_call_start(w.client, &request, &err).id,
            0); /* with its quotes it is larger, and stays the caller's */
  CHECK_INT(err.code, XAI_ERR_TOO_BIG);
  request.limits.max_request = 0;
  CHECK(xai_call_start(w.client, &request, &err).id != 0);
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0); /* it has been taken */
  CHECK_INT(err.code, XAI_ERR_STATE);
  xai_json_writer_free(writer);
  xai_wire_request sent;
  CHECK_INT(xai_wire_next(w.client, &sent), XAI_OK);
  CHECK(sent.body.len == len + 2 && memcmp(sent.body.ptr + 1, picture, len) == 0);
  CHECK(heap.peak < len + len / 2);
  wire_close(&w);
  CHECK_INT(heap.live, 0);
  free(picture);
}

/* A stream that holds one data URL of 50 MB; what it ended with, and the memory at its highest. */
static size_t peak_of_data_url(wire *w, size_t max_event, bool *given) {
  check_heap heap = {0};
  *w = (wire){.now = 1000};
  xai_config config = wire_config(w);
  config.mem = check_heap_mem(&heap);
  config.limits.max_event = max_event;
  config.limits.max_response = 200u << 20;
  w->client = xai_client_new(&config, NULL);
  wire_start(w, "/responses", "{}", true);
  uint32_t id = wire_request_id(w);
  wire_head(w, id, 200, EVENTS);
  static char piece[1 << 20];
  memset(piece, 'Q', sizeof piece);
  char *first =
    quoted("data: {'type':'response.completed','response':{'status':'completed','output':[{'type':"
           "'image_generation_call','result':'data:image/png;base64,");
  wire_bytes(w, id, first, strlen(first));
  free(first);
  for (int i = 0; i < 50 && w->ends == 0; i++) {
    wire_bytes(w, id, piece, sizeof piece);
    wire_pull(w);
  }
  wire_bytes(w, id, "\"}]}}\n\n", 7);
  xai_event event;
  while (xai_client_next(w->client, &event) == XAI_OK) {
    if (event.type != XAI_EVENT_END) continue;
    const xai_json *item = xai_json_at(xai_json_get(event.result->response, "output"), 0);
    *given = xai_json_str(xai_json_get(item, "result")).len == (50u << 20) + 22;
    w->outcome = event.result->outcome;
    w->error = event.result->error;
    w->ends++;
  }
  CHECK_INT(w->ends, 1);
  wire_close(w);
  CHECK_INT(heap.live, 0);
  return heap.peak;
}

static void F89_a_data_url_of_50_MB_is_within_the_limit_or_refused(void) {
  wire w;
  bool given = false;
  CHECK(peak_of_data_url(&w, 0, &given) < 40u << 20); /* 16 MiB by default */
  CHECK_INT(w.error.code, XAI_ERR_TOO_BIG);
  CHECK(strstr(w.error.message, "max_event") != NULL && strstr(w.error.message, "QQQQ") == NULL);
  CHECK(!given);
  CHECK(peak_of_data_url(&w, 64u << 20, &given) < 300u << 20);
  CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(given);
}

/* ---- structured answers, refusals ---- */

static void F90_a_structured_answer_that_stops_half_way_is_incomplete_with_its_text(void) {
  wire w;
  play(&w, "/responses",
       CREATED DELTA("{\\'x\\': 1")
         DATA("{'type':'response.incomplete','response':{'status':'incomplete','output':[],"
              "'incomplete_details':{'reason':'max_output_tokens'}}}"));
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_STR(xai_str_of(w.reason), "max_output_tokens");
  check_text(&w, "{\"x\": 1");
  xai_schema *schema;
  xai_check *check = check_of(tile, &schema);
  CHECK_INT(xai_check_feed(check, w.text, w.text_len), XAI_OK); /* could still become one */
  CHECK_INT(xai_check_finish(check), XAI_ERR_JSON);             /* but did not */
  xai_check_reset(check);
  CHECK_INT(xai_check_feed(check, "{\"x\": \"", 7), XAI_ERR_INVALID); /* and what cannot is known at once */
  const xai_violation *violation = xai_check_violation(check, 0);
  CHECK(violation != NULL && violation->offset == 6);
  xai_check_free(check);
  xai_schema_free(schema);
  wire_close(&w);
}

static void F91_a_refusal_is_data_of_its_own_kind(void) {
  static const char *const streams[][2] = {
    {"/responses",
     CREATED DATA("{'type':'response.refusal.delta','output_index':0,'content_index':0,'delta':'I cannot'}")
       DATA(
         "{'type':'response.completed','response':{'status':'completed','output':[{'type':'message','content':["
         "{'type':'refusal','refusal':'I cannot'}]}]}}")},
    {"/chat/completions", CHUNK("{'index':0,'delta':{'refusal':'I cannot'}}") CHUNK(STOP) DONE},
  };
  for (int i = 0; i < 2; i++) {
    wire w;
    uint32_t id = open_stream(&w, streams[i][0]);
    char *bytes = quoted(streams[i][1]);
    wire_bytes(&w, id, bytes, strlen(bytes));
    free(bytes);
    xai_event event;
    int refusals = 0;
    while (xai_client_next(w.client, &event) == XAI_OK) {
      CHECK(event.type != XAI_EVENT_TEXT);
      if (event.type == XAI_EVENT_REFUSAL) CHECK_STR(event.text, "I cannot");
      refusals += event.type == XAI_EVENT_REFUSAL;
      if (event.type == XAI_EVENT_END) wire_take_end(&w, event.result);
    }
    CHECK_INT(refusals, 1);
    CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    CHECK(responded(&w, "'refusal':'I cannot'"));
    wire_close(&w);
  }
}

int main(void) {
  RUN(F80_arguments_cut_at_the_limit_are_truncated_whatever_is_claimed);
  RUN(F81_arguments_that_break_the_schema_are_named_by_path_and_keyword);
  RUN(F82_what_is_no_json_is_rejected_with_its_place);
  RUN(F82_numbers_are_kept_exactly);
  RUN(F83_calls_interleaved_are_put_together_by_index);
  RUN(F83_a_conflict_is_an_error_and_no_guess);
  RUN(F85_a_megabyte_is_checked_within_its_time);
  RUN(F86_strings_are_written_exactly_or_refused_with_the_place);
  RUN(F88_a_picture_of_100_MB_is_sent_from_one_copy_or_refused);
  RUN(F88_a_body_from_a_writer_is_not_copied_at_all);
  RUN(F89_a_data_url_of_50_MB_is_within_the_limit_or_refused);
  RUN(F90_a_structured_answer_that_stops_half_way_is_incomplete_with_its_text);
  RUN(F91_a_refusal_is_data_of_its_own_kind);
  return check_report("faults of content");
}
