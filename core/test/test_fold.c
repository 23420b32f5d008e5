/* test_fold.c - streams of both protocols folded into the API's own objects: in order, out of order, cut, broken.
 * SPDX-License-Identifier: MIT
 *
 * JSON is written with ' for " here. Recordings: ../shared/recordings beside the repository, or
 * $XAI_SHARED/recordings. Absent: said so, and passed.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "shared.h"
#include "xai_fold.h"

/* ---- a stream and what came of it ---- */

typedef struct run {
  xai_fold *fold;
  xai_code code; /* the first error of an event, else XAI_OK           */
  xai_error err;
  xai_fold_end end;  /* after the end of input                             */
  bool ended;        /* before the end of input was told                   */
  char deltas[4096]; /* "T0.0<text>" "R" "F" "A" for each, "." for API     */
  char json[8192];   /* the response                                       */
} run;

static xai_str quoted(char *to, size_t size, const char *text) {
  size_t len = strlen(text);
  CHECK(len < size);
  for (size_t i = 0; i <= len; i++) to[i] = text[i] == '\'' ? '"' : text[i];
  return (xai_str){to, len};
}

static void write_json(char *to, size_t size, const xai_json *value) {
  to[0] = '\0';
  if (value == NULL) return;
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_str text;
  xai_json_put_value(writer, value);
  CHECK_INT(xai_json_writer_end(writer, &text, NULL), XAI_OK); /* checks UTF-8, too */
  for (size_t i = 0; i < text.len && i < size - 1; i++) {
    to[i] = text.ptr[i] == '"' ? '\'' : text.ptr[i];
    to[i + 1] = '\0';
  }
  xai_json_writer_free(writer);
}

static void take_deltas(run *r) {
  static const char letters[] = {[XAI_EVENT_TEXT] = 'T',
                                 [XAI_EVENT_REASONING] = 'R',
                                 [XAI_EVENT_REFUSAL] = 'F',
                                 [XAI_EVENT_ARGUMENTS] = 'A'};
  xai_delta delta;
  while (xai__fold_next(r->fold, &delta) == XAI_OK) {
    size_t at = strlen(r->deltas), room = sizeof r->deltas - at;
    CHECK(delta.name.len > 0 || delta.type == XAI_EVENT_API);
    CHECK_INT(xai__utf8_valid(delta.text.ptr, delta.text.len), delta.text.len);
    if (delta.type == XAI_EVENT_API) snprintf(r->deltas + at, room, ".");
    else
      snprintf(r->deltas + at, room, "%c%u.%u<%.*s>", letters[delta.type], (unsigned)delta.output_index,
               (unsigned)delta.content_index, (int)delta.text.len, delta.text.ptr);
  }
}

/* Fold the events, a NULL-ended list of data. */
static run fold_all(xai_reply kind, const char *const *events) {
  static char data[16384];
  run r = {.fold = xai__fold_new(NULL, kind, 0, 0), .code = XAI_OK};
  for (; *events != NULL && r.code == XAI_OK; events++) {
    r.code = xai__fold_event(r.fold, xai_str_of("message"), quoted(data, sizeof data, *events), &r.err);
    take_deltas(&r);
  }
  r.ended = xai__fold_state(r.fold, false, NULL).ended;
  r.end = xai__fold_state(r.fold, true, &r.err);
  CHECK(r.end.ended);
  CHECK((r.end.outcome == XAI_OUTCOME_COMPLETE) == (r.err.code == XAI_OK));
  write_json(r.json, sizeof r.json, xai__fold_response(r.fold));
  return r;
}

#define RESPONSES(...) fold_all(XAI_REPLY_RESPONSES, (const char *const[]){__VA_ARGS__, NULL})
#define CHAT(...) fold_all(XAI_REPLY_CHAT, (const char *const[]){__VA_ARGS__, NULL})
#define CHECK_TEXT(got, want) CHECK_STR(xai_str_of(got), want)

#define CREATED "{'type':'response.created','response':{'id':'r1','status':'in_progress','output':[]}}"
#define MESSAGE(i)                                                                \
  "{'type':'response.output_item.added','output_index':" #i ",'item':{'id':'m" #i \
  "','type':'message','role':'assistant','status':'in_progress','content':[]}}"
#define PART(i)                                              \
  "{'type':'response.content_part.added','output_index':" #i \
  ",'content_index':0,'part':{'type':'output_text','text':'','logprobs':[],'annotations':[]}}"
#define TEXT(i, text)                                                                           \
  "{'type':'response.output_text.delta','output_index':" #i ",'content_index':0,'delta':'" text \
  "','item_id':'m" #i "'}"
#define CALL(i)                                                                   \
  "{'type':'response.output_item.added','output_index':" #i ",'item':{'id':'c" #i \
  "','type':'function_call','call_id':'k" #i "','name':'f','arguments':''}}"
#define ARGS(i, text) \
  "{'type':'response.function_call_arguments.delta','output_index':" #i ",'delta':'" text "'}"

/* ---- responses ---- */

static void responses_are_folded_from_deltas(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), PART(0), TEXT(0, "Tides"), TEXT(0, " turn."));
  CHECK_TEXT(r.deltas, "...T0.0<Tides>T0.0< turn.>");
  CHECK_TEXT(r.json,
             "{'id':'r1','status':'in_progress','output':[{'id':'m0','type':'message','role':'assistant',"
             "'status':'in_progress','content':[{'type':'output_text','text':'Tides turn.','logprobs':[],"
             "'annotations':[]}]}]}");
  CHECK_STR(xai__fold_text(r.fold), "Tides turn.");
  CHECK(xai__fold_output_seen(r.fold));
  xai__fold_free(r.fold);
}

static void F44_an_end_before_the_terminal_event_is_incomplete(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), PART(0), TEXT(0, "Tides"));
  CHECK(!r.ended);
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_TEXT(r.end.reason, "ended early");
  CHECK_INT(r.err.code, XAI_ERR_EARLY);
  CHECK_INT(r.err.kind, XAI_KIND_TRUNCATED);
  xai__fold_free(r.fold);
  r = RESPONSES(CREATED, "[DONE]");
  CHECK(r.ended);
  CHECK_INT(r.err.code, XAI_ERR_EARLY);
  CHECK(!xai__fold_output_seen(r.fold));
  xai__fold_free(r.fold);
  r = fold_all(XAI_REPLY_RESPONSES, (const char *const[]){NULL});
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK(xai__fold_response(r.fold) == NULL && xai__fold_text(r.fold).len == 0);
  xai__fold_free(r.fold);
}

#define COMPLETED                                                                              \
  "{'type':'response.completed','response':{'id':'r1','status':'completed','output':[{'type':" \
  "'message','id':'m0','content':[{'type':'output_text','text':'All.'}]}],'usage':{'total_tokens':3}}}"

static void the_terminal_response_is_authoritative(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), PART(0), TEXT(0, "Other"), COMPLETED, TEXT(0, "late"), "[DONE]");
  CHECK(r.ended);
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_TEXT(r.deltas, "...T0.0<Other>.");
  CHECK_TEXT(r.json, "{'id':'r1','status':'completed','output':[{'type':'message','id':'m0','content':"
                     "[{'type':'output_text','text':'All.'}]}],'usage':{'total_tokens':3}}");
  CHECK_STR(xai__fold_text(r.fold), "All.");
  xai__fold_free(r.fold);
  r = RESPONSES(CREATED, MESSAGE(0), TEXT(0, "x"), "{'type':'response.done'}");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  CHECK(strstr(r.json, "'status':'completed'") != NULL);
  CHECK_STR(xai__fold_text(r.fold), "x");
  xai__fold_free(r.fold);
}

static void F60_items_interleave_and_come_in_any_order(void) {
  run r = RESPONSES(CREATED, MESSAGE(2), TEXT(2, "a"), MESSAGE(0), TEXT(0, "x"), TEXT(2, "b"), TEXT(0, "y"),
                    TEXT(2, "c"));
  CHECK_TEXT(r.deltas, "..T2.0<a>.T0.0<x>T2.0<b>T0.0<y>T2.0<c>");
  CHECK_STR(xai__fold_text(r.fold), "xyabc");
  const xai_json *output = xai_json_get(xai__fold_response(r.fold), "output");
  CHECK_INT(xai_json_len(output), 3);
  CHECK_INT(xai_json_type_of(xai_json_at(output, 1)), XAI_JSON_NULL);
  xai__fold_free(r.fold);
}

static void what_was_never_announced_is_made(void) {
  run r = RESPONSES(
    TEXT(0, "a"), ARGS(1, "{}"),
    "{'type':'response.reasoning_summary_text.delta','output_index':2,'summary_index':1,'delta':'s'}",
    "{'type':'response.mcp_call_arguments.delta','output_index':3,'delta':'m'}", MESSAGE(0));
  CHECK_TEXT(r.deltas, "T0.0<a>A1.0<{}>R2.1<s>A3.0<m>.");
  CHECK_TEXT(r.json,
             "{'object':'response','output':[{'type':'message','content':[{'type':'output_text','text':'a'}],"
             "'id':'m0','role':'assistant','status':'in_progress'},{'type':'function_call','arguments':'{}'},"
             "{'type':'reasoning','summary':[null,{'type':'summary_text','text':'s'}]},"
             "{'type':'mcp_call','arguments':'m'}]}");
  xai__fold_free(r.fold);
}

static void every_kind_of_delta_finds_its_place(void) {
  run r = RESPONSES(
    CREATED, "{'type':'response.refusal.delta','output_index':0,'content_index':1,'delta':'no'}",
    "{'type':'response.reasoning_text.delta','output_index':1,'content_index':0,'delta':'think'}",
    "{'type':'response.custom_tool_call_input.delta','output_index':2,'delta':'in'}",
    "{'type':'response.code_interpreter_call_code.delta','output_index':3,'delta':'1+1'}",
    "{'type':'response.mcp_call_output.delta','output_index':4,'delta':'out'}",
    "{'type':'response.output_text.annotation.added','output_index':0,'content_index':0,'annotation_index':0,"
    "'annotation':{'url':'u'}}",
    "{'type':'response.refusal.done','output_index':0,'content_index':1,'refusal':'no!'}");
  CHECK_TEXT(r.deltas, ".F0.1<no>R1.0<think>.....");
  CHECK_TEXT(
    r.json, "{'id':'r1','status':'in_progress','output':[{'type':'message','content':[{'type':'output_text',"
            "'annotations':[{'url':'u'}]},{'type':'refusal','refusal':'no!'}]},{'type':'reasoning','content':"
            "[{'type':'reasoning_text','text':'think'}]},{'type':'custom_tool_call','input':'in'},"
            "{'type':'code_interpreter_call','code':'1+1'},{'type':'mcp_call','output':'out'}]}");
  xai__fold_free(r.fold);
}

/* A space in it makes an event one that is read as any JSON: the oracle of those that need no tree. */
static void check_as_any_json(const char *event) {
  char spaced[1024];
  snprintf(spaced, sizeof spaced, "%c %s", event[0], event + 1);
  run quick = RESPONSES(CREATED, MESSAGE(0), PART(0), TEXT(0, "Tides"), event, TEXT(0, "."));
  run slow = RESPONSES(CREATED, MESSAGE(0), PART(0), TEXT(0, "Tides"), spaced, TEXT(0, "."));
  CHECK_INT(quick.code, slow.code);
  CHECK_INT(quick.err.code, slow.err.code);
  CHECK_TEXT(quick.deltas, slow.deltas);
  CHECK_TEXT(quick.json, slow.json);
  xai__fold_free(quick.fold);
  xai__fold_free(slow.fold);
}

static void a_piece_read_without_a_tree_is_what_the_tree_says(void) {
  static const char changes[] = ",:'\\{}[]-01.ex \n\x80\xc3";
  static const char event[] =
    "{'sequence_number':17,'type':'response.output_text.delta','content_index':0,'delta':' t\xc3\xbcrn',"
    "'item_id':'m0','output_index':0,'logprobs':[]}";
  char changed[sizeof event];
  for (size_t at = 0; at < sizeof event - 1; at++) {
    for (const char *byte = changes; *byte != '\0'; byte++) {
      memcpy(changed, event, sizeof event);
      changed[at] = *byte;
      check_as_any_json(changed);
    }
    memcpy(changed, event, at);
    memcpy(changed + at, event + at + 1, sizeof event - at - 1);
    check_as_any_json(changed);
  }
}

static void what_else_a_piece_may_look_like_is_left_to_the_tree(void) {
  static const char type[] = "'type':'response.output_text.delta'",
                    at[] = "'output_index':0,'content_index':0";
  static const char *const forms[] = {"{%s,%s,'delta':'a','delta':'b'}",
                                      "{%s,%s,'delta':'a','type':'ping'}",
                                      "{%s,%s,'delta':null}",
                                      "{%s,%s,'delta':'a\\n\\'b\\''}",
                                      "{%s,%s,'delta':'\\ud83d'}",
                                      "{%s,%s,'delta':''}",
                                      "{%s,%s,'summary_index':1,'delta':'a'}",
                                      "{%s,%s,'delta':'a'},",
                                      "{%s,%s,'delta':'a','n':[1]}",
                                      "{%s,%s,'delta':'a','n':00}",
                                      "{%s,%s,'delta':'a','n':12345678901234567890}",
                                      "{%s,%s,'delta':'a',}",
                                      "{%s,%s}",
                                      "{%s,%s,'delta':'a','':{}}"};
  char event[512];
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    snprintf(event, sizeof event, forms[i], type, at);
    check_as_any_json(event);
  }
  check_as_any_json("{'type':'response.output_text.delta','output_index':4294967296,'delta':'a'}");
  check_as_any_json("{'type':'response.output_text.delta','output_index':0,'delta':'a'}");
  check_as_any_json("{'type':'response.refusal.delta','output_index':0,'content_index':0,'delta':'a'}");
  check_as_any_json("{'type':'response.output_text.delta','output_index':1,'content_index':0,'delta':'a'}");
}

static void F83_two_calls_gather_their_arguments_apart(void) {
  run r = RESPONSES(
    CREATED, CALL(0), CALL(1), ARGS(0, "{\\u0022a\\u0022:"), ARGS(1, "{"), ARGS(0, "1}"), ARGS(1, "}"),
    "{'type':'response.function_call_arguments.done','output_index':0,'arguments':'{}'}",
    "{'type':'response.output_item.done','output_index':1,'item':{'id':'c1','type':'function_call',"
    "'arguments':'{ }'}}");
  const xai_json *output = xai_json_get(xai__fold_response(r.fold), "output");
  CHECK_STR(xai_json_str(xai_json_get(xai_json_at(output, 0), "arguments")), "{}");
  CHECK_STR(xai_json_str(xai_json_get(xai_json_at(output, 1), "arguments")), "{ }");
  CHECK(strstr(r.deltas, "A0.0<1}>A1.0<}>") != NULL);
  xai__fold_free(r.fold);
}

static void what_is_done_is_not_changed_by_a_late_delta(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), PART(0), TEXT(0, "a"),
                    "{'type':'response.output_text.done','output_index':0,'content_index':0,'text':'abc'}",
                    TEXT(0, "a"), PART(0));
  CHECK_TEXT(r.deltas, "...T0.0<a>...");
  CHECK_STR(xai__fold_text(r.fold), "abc");
  xai__fold_free(r.fold);
  r = RESPONSES(
    CREATED, MESSAGE(0), TEXT(0, "a"),
    "{'type':'response.output_item.done','output_index':0,'item':{'type':'message','id':'m0','content':"
    "[{'type':'output_text','text':'final'}]}}",
    TEXT(0, "a"), MESSAGE(0), TEXT(1, "next"));
  CHECK_STR(xai__fold_text(r.fold), "finalnext");
  xai__fold_free(r.fold);
}

static void unknown_events_items_and_fields_pass_through(void) {
  run r = RESPONSES(
    CREATED, "{'type':'response.something.new','code':1,'message':'x'}", "{'a':1}",
    "{'type':'response.output_item.added','output_index':0,'item':{'type':'hologram','beam':[1,2.50]}}",
    "{'type':'response.hologram.delta','output_index':0,'delta':'?'}", "{'type':'ping'}");
  CHECK_TEXT(r.deltas, ".....");
  CHECK(strstr(r.json, "{'type':'hologram','beam':[1,2.50]}") != NULL);
  xai__fold_free(r.fold);
}

static void the_events_name_stands_in_for_a_missing_type(void) {
  xai_fold *fold = xai__fold_new(NULL, XAI_REPLY_RESPONSES, 0, 0);
  xai_str data = xai_str_of("{\"output_index\":0,\"delta\":\"hi\"}");
  CHECK_INT(xai__fold_event(fold, xai_str_of("response.output_text.delta"), data, NULL), XAI_OK);
  xai_delta delta;
  CHECK_INT(xai__fold_next(fold, &delta), XAI_OK);
  CHECK_INT(delta.type, XAI_EVENT_TEXT);
  CHECK_STR(delta.name, "response.output_text.delta");
  CHECK_INT(xai__fold_event(fold, xai_str_of("ping"), xai_str_of("not json"), NULL), XAI_OK);
  CHECK_INT(xai__fold_next(fold, &delta), XAI_MORE);
  CHECK_INT(xai__fold_event(fold, xai_str_of("message"), xai_str_of(""), NULL), XAI_OK);
  CHECK_INT(xai__fold_next(fold, &delta), XAI_MORE);
  xai__fold_free(fold);
}

static void an_incomplete_response_says_why(void) {
  static const struct {
    const char *reason;
    xai_kind kind;
  } list[] = {{"max_output_tokens", XAI_KIND_TRUNCATED},
              {"max_prompt_tokens", XAI_KIND_CONTEXT_LENGTH},
              {"max_time_limit", XAI_KIND_TRUNCATED},
              {"content_filter", XAI_KIND_POLICY}};
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    for (int by_name = 0; by_name < 2; by_name++) {
      char event[300];
      snprintf(event, sizeof event,
               "{'type':'response.%s','response':{'status':'incomplete','output':[],"
               "'incomplete_details':{'reason':'%s'}}}",
               by_name ? "incomplete" : "completed", list[i].reason);
      run r = RESPONSES(CREATED, MESSAGE(0), TEXT(0, "par"), event);
      CHECK(r.ended);
      CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
      CHECK_TEXT(r.end.reason, list[i].reason);
      CHECK_INT(r.err.code, XAI_ERR_TRUNCATED);
      CHECK_INT(r.err.kind, list[i].kind);
      xai__fold_free(r.fold);
    }
  }
  run r = RESPONSES("{'type':'response.incomplete','response':{'status':'incomplete','incomplete_details':"
                    "{'reason':'of the moon'}}}");
  CHECK_TEXT(r.end.reason, "incomplete");
  CHECK(strstr(r.err.message, "of the moon") != NULL);
  xai__fold_free(r.fold);
}

static void F80_arguments_that_stop_in_the_middle_are_not_complete(void) {
  run r =
    RESPONSES(CREATED, "{'type':'response.completed','response':{'status':'completed','output':[{'type':"
                       "'function_call','name':'f','arguments':'{\\u0022path\\u0022: \\u0022/et'}]}}");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_TEXT(r.end.reason, "arguments cut");
  xai__fold_free(r.fold);
  r = CHAT(
    "{'choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'id':'a','function':{'name':'f','arguments':"
    "'[1,'}}]},'finish_reason':'tool_calls'}]}",
    "[DONE]");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(r.err.code, XAI_ERR_TRUNCATED);
  xai__fold_free(r.fold);
  r = RESPONSES(
    "{'type':'response.completed','response':{'status':'completed','output':[{'type':'function_call',"
    "'arguments':''},{'type':'function_call','arguments':'{}'}]}}");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  xai__fold_free(r.fold);
}

/* ---- errors in a stream ---- */

static void F50_errors_in_a_stream_are_the_apis_own(void) {
  static const char *const frames[] = {
    "{'type':'response.failed','response':{'id':'r1','status':'failed','output':[],'error':{'code':"
    "'service_unavailable','message':'The service is busy'}}}",
    "{'type':'error','code':'service_unavailable','message':'The service is busy','param':null}",
    "{'type':'error','status':503,'error':{'type':'server_error','code':'service_unavailable','message':"
    "'The service is busy','param':null}}",
    "{'code':'service_unavailable','error':'The service is busy'}",
    "{'error':{'message':'The service is busy','code':'service_unavailable'}}",
  };
  for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
    run r = RESPONSES(CREATED, frames[i]);
    CHECK_INT(r.code, XAI_ERR_API);
    CHECK(r.ended);
    CHECK_INT(r.end.outcome, XAI_OUTCOME_REFUSED);
    CHECK_INT(r.err.kind, XAI_KIND_OVERLOADED);
    CHECK_TEXT(r.err.api_code, "service_unavailable");
    CHECK_TEXT(r.err.message, "The service is busy");
    CHECK_INT(xai__class_of_status(200, &r.err), XAI_ATTEMPT_REFUSED);
    CHECK_INT(xai__fold_event(r.fold, xai_str_of("message"), xai_str_of("{}"), &r.err), XAI_ERR_API);
    xai__fold_free(r.fold);
    r = RESPONSES(CREATED, MESSAGE(0), TEXT(0, "begun"), frames[i]);
    CHECK_INT(r.code, XAI_ERR_API);
    CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
    CHECK_STR(xai__fold_text(r.fold), "begun");
    xai__fold_free(r.fold);
  }
  run r = CHAT("{'id':'1','choices':[{'index':0,'delta':{'content':'a'}}]}",
               "{'code':'The service is currently unavailable','error':'Service temporarily unavailable.'}");
  CHECK_INT(r.code, XAI_ERR_API);
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(r.err.kind, XAI_KIND_OVERLOADED);
  CHECK_STR(xai__fold_text(r.fold), "a");
  xai__fold_free(r.fold);
}

static void an_error_event_in_plain_words_is_an_error(void) {
  xai_fold *fold = xai__fold_new(NULL, XAI_REPLY_CHAT, 0, 0);
  xai_error err;
  xai_str data = xai_str_of("the model is at capacity");
  CHECK_INT(xai__fold_event(fold, xai_str_of("error"), data, &err), XAI_ERR_API);
  CHECK_INT(err.kind, XAI_KIND_OVERLOADED);
  xai__fold_free(fold);
}

static void F59_an_event_that_is_not_json_ends_the_stream(void) {
  run r =
    RESPONSES(CREATED, MESSAGE(0), TEXT(0, "a"), "{'type':'response.output_text.delta',}", TEXT(0, "b"));
  CHECK_INT(r.code, XAI_ERR_JSON);
  CHECK(r.err.offset > 30 && r.err.offset < 40);
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_STR(xai__fold_text(r.fold), "a");
  xai__fold_free(r.fold);
  r = RESPONSES("[1]");
  CHECK_INT(r.code, XAI_ERR_PROTOCOL);
  CHECK_INT(r.end.outcome, XAI_OUTCOME_FAILED);
  xai__fold_free(r.fold);
}

static void absurd_indexes_and_contradictions_break_the_protocol(void) {
  static const char *const bad[] = {
    "{'type':'response.output_text.delta','output_index':4000000000,'delta':'a'}",
    "{'type':'response.output_text.delta','output_index':-1,'delta':'a'}",
    "{'type':'response.output_text.delta','output_index':'0','delta':'a'}",
    "{'type':'response.output_text.delta','output_index':0.5,'delta':'a'}",
    "{'type':'response.output_text.delta','delta':'a'}",
    "{'type':'response.output_text.delta','output_index':0,'content_index':10000,'delta':'a'}",
    "{'type':'response.output_item.added','output_index':10000,'item':{}}",
    "{'type':'response.output_item.added','output_index':7,'item':{'id':'other'}}",
    "{'type':'response.output_text.annotation.added','annotation_index':99999,'output_index':7,'annotation':1}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    check_heap heap = {0};
    xai_mem mem = check_heap_mem(&heap);
    xai_fold *fold = xai__fold_new(&mem, XAI_REPLY_RESPONSES, 0, 0);
    xai_error err;
    char data[400];
    CHECK_INT(xai__fold_event(fold, xai_str_of(""), quoted(data, sizeof data, MESSAGE(7)), &err), XAI_OK);
    CHECK_INT(xai__fold_event(fold, xai_str_of(""), quoted(data, sizeof data, bad[i]), &err),
              XAI_ERR_PROTOCOL);
    CHECK_INT(err.code, XAI_ERR_PROTOCOL);
    CHECK(heap.peak < 64 << 10);
    xai__fold_free(fold);
    CHECK_INT(heap.live, 0);
  }
  run r = CHAT("{'choices':[{'index':4000000000,'delta':{'content':'a'}}]}");
  CHECK_INT(r.code, XAI_ERR_PROTOCOL);
  xai__fold_free(r.fold);
  r = CHAT("{'choices':{}}");
  CHECK_INT(r.code, XAI_ERR_PROTOCOL);
  xai__fold_free(r.fold);
}

/* ---- chat ---- */

#define CHUNK(choices)                                                                     \
  "{'id':'1','object':'chat.completion.chunk','created':5,'model':'m','choices':[" choices \
  "],'system_fingerprint':'fp'}"
#define SAY(i, text) "{'index':" #i ",'delta':{'content':'" text "'}}"
#define STOP(i, why) "{'index':" #i ",'delta':{},'finish_reason':'" why "'}"
#define USAGE                                                                                \
  "{'id':'1','object':'chat.completion.chunk','created':6,'model':'m','choices':[],'usage':" \
  "{'total_tokens':3},'system_fingerprint':'fp'}"

static void chat_folds_to_what_the_whole_answer_is(void) {
  run r = CHAT(CHUNK("{'index':0,'delta':{'reasoning_content':'Two','role':'assistant'}}"),
               CHUNK("{'index':0,'delta':{'reasoning_content':' words'}}"), CHUNK(SAY(0, "Good")),
               CHUNK(SAY(0, " evening.")), CHUNK(STOP(0, "stop")), USAGE, "[DONE]");
  CHECK(r.ended);
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(xai__fold_flags(r.fold), 0);
  CHECK_TEXT(r.deltas, "R0.0<Two>R0.0< words>T0.0<Good>T0.0< evening.>..");
  CHECK_TEXT(r.json,
             "{'id':'1','object':'chat.completion','created':6,'model':'m','choices':[{'index':0,'message':"
             "{'role':'assistant','content':'Good evening.','reasoning_content':'Two words','refusal':null},"
             "'finish_reason':'stop'}],'usage':{'total_tokens':3},'system_fingerprint':'fp'}");
  CHECK_STR(xai__fold_text(r.fold), "Good evening.");
  xai__fold_free(r.fold);
}

static void F45_F46_marker_and_finish_reason_are_two_things(void) {
  run r = CHAT(CHUNK(SAY(0, "a")), CHUNK(STOP(0, "stop")));
  CHECK(!r.ended); /* the usage may follow */
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_INT(xai__fold_flags(r.fold), XAI_FLAG_MARKER_MISSING);
  xai__fold_free(r.fold);
  r = CHAT(CHUNK(SAY(0, "a")), "[DONE]");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_TEXT(r.end.reason, "no finish reason");
  CHECK(strstr(r.json, "'finish_reason':null") != NULL);
  xai__fold_free(r.fold);
  r = CHAT(CHUNK(SAY(0, "a")));
  CHECK_INT(r.end.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_TEXT(r.end.reason, "ended early");
  CHECK_INT(r.err.code, XAI_ERR_EARLY);
  xai__fold_free(r.fold);
  r = CHAT(CHUNK(SAY(0, "a")), CHUNK(SAY(1, "b")), CHUNK(STOP(0, "stop")), "[DONE]"); /* one of two */
  CHECK_TEXT(r.end.reason, "no finish reason");
  xai__fold_free(r.fold);
}

static void finish_reasons_say_whether_it_is_whole(void) {
  static const struct {
    const char *finish, *reason;
    xai_kind kind;
  } list[] = {{"stop", "", XAI_KIND_NONE},
              {"end_turn", "", XAI_KIND_NONE},
              {"tool_calls", "", XAI_KIND_NONE},
              {"length", "max_output_tokens", XAI_KIND_TRUNCATED},
              {"content_filter", "content_filter", XAI_KIND_POLICY},
              {"whatever", "incomplete", XAI_KIND_TRUNCATED}};
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    char event[200];
    snprintf(event, sizeof event, "{'choices':[{'index':0,'delta':{'content':'x'},'finish_reason':'%s'}]}",
             list[i].finish);
    run r = CHAT(event, "[DONE]");
    bool whole = list[i].kind == XAI_KIND_NONE;
    CHECK_INT(r.end.outcome, whole ? XAI_OUTCOME_COMPLETE : XAI_OUTCOME_INCOMPLETE);
    CHECK_TEXT(r.end.reason, list[i].reason);
    CHECK_INT(r.err.kind, list[i].kind);
    CHECK_INT(r.err.code, whole ? XAI_OK : XAI_ERR_TRUNCATED);
    xai__fold_free(r.fold);
  }
}

static void choices_interleave_and_log_probabilities_add_up(void) {
  run r = CHAT(
    "{'choices':[{'index':1,'delta':{'content':'b'},'logprobs':{'content':[{'token':'b'}]}},"
    "{'index':0,'delta':{'content':'a','x_new':7}}]}",
    "{'choices':[{'index':1,'delta':{'content':'B'},'logprobs':{'content':[{'token':'B'}]}}],'extra':[1]}",
    "{'choices':[{'index':0,'delta':{'refusal':'no'},'finish_reason':'stop'},"
    "{'index':1,'delta':{},'logprobs':null,'finish_reason':'stop'}],'citations':['u']}",
    "[DONE]");
  CHECK_TEXT(r.deltas, "T1.0<b>T0.0<a>T1.0<B>F0.0<no>");
  CHECK_TEXT(
    r.json, "{'choices':[{'index':0,'message':{'role':'assistant','content':'a','refusal':'no','x_new':7},"
            "'finish_reason':'stop'},{'index':1,'message':{'role':'assistant','content':'bB','refusal':null},"
            "'finish_reason':'stop','logprobs':{'content':[{'token':'b'},{'token':'B'}]}}],'extra':[1],"
            "'citations':['u']}");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  xai__fold_free(r.fold);
}

static void a_message_that_is_replaced_goes_on_from_there(void) {
  run r = CHAT(CHUNK(SAY(0, "old")), CHUNK("{'index':0,'message':{'role':'assistant','content':'new'}}"),
               CHUNK(SAY(0, "er")));
  CHECK_STR(xai__fold_text(r.fold), "newer");
  xai__fold_free(r.fold);
}

#define TOOL(text) CHUNK("{'index':0,'delta':{'content':null,'tool_calls':[" text "]}}")

static void F83_tool_calls_are_put_together_by_index(void) {
  run r =
    CHAT(TOOL("{'id':'c0','function':{'name':'wea','arguments':''},'index':0,'type':'function'}"),
         TOOL("{'index':1,'id':'c1','type':'function','function':{'name':'g'}}"),
         TOOL("{'index':0,'function':{'name':'ther','arguments':'{\\u0022a'}},"
              "{'index':1,'id':'','function':{'name':'g','arguments':'{'}}"),
         TOOL("{'index':1,'id':'c1','function':{'arguments':'}'}}"),
         TOOL("{'index':0,'function':{'arguments':'\\u0022:1}'}}"),
         CHUNK("{'index':0,'delta':{'reasoning_content':'late'}}"), CHUNK(STOP(0, "tool_calls")), "[DONE]");
  CHECK_INT(r.end.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_TEXT(r.deltas, "..A0.0<{\"a>A0.1<{>A0.1<}>A0.0<\":1}>R0.0<late>.");
  const char *want =
    "'message':{'role':'assistant','content':'','reasoning_content':'late','tool_calls':[{'id':'c0',"
    "'function':{'name':'weather','arguments':'{\\'a\\':1}'},'type':'function'},{'id':'c1','type':"
    "'function','function':{'name':'g','arguments':'{}'}}],'refusal':null}";
  CHECK(strstr(r.json, want) != NULL);
  xai__fold_free(r.fold);
  r =
    CHAT(TOOL("{'index':0,'id':'c0','function':{'name':'f'}}"), TOOL("{'index':0,'id':'c9','function':{}}"));
  CHECK_INT(r.code, XAI_ERR_PROTOCOL);
  CHECK(strstr(r.err.message, "two ids for tool call 0") != NULL);
  xai__fold_free(r.fold);
  r = CHAT(TOOL("{'id':'a','function':{'name':'f','arguments':'1'}}"),
           TOOL("{'id':'b','function':{'name':'g'}}"), TOOL("{'id':'a','function':{'arguments':'2'}}"));
  CHECK(strstr(r.json,
               "[{'id':'a','function':{'name':'f','arguments':'12'}},{'id':'b','function':{'name':'g'}}]"));
  xai__fold_free(r.fold);
}

/* ---- F55: surrogate pairs ---- */

static void F55_a_pair_split_between_deltas_is_joined(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), TEXT(0, "a\\ud83d"), TEXT(1, "x\\ud83d"), TEXT(0, "\\ude00b"),
                    TEXT(1, "\\ude01"), TEXT(0, "\\ud83d\\ude02"));
  CHECK_TEXT(r.deltas, "..T0.0<a>T1.0<x>T0.0<\xf0\x9f\x98\x80"
                       "b>T1.0<\xf0\x9f\x98\x81>T0.0<\xf0\x9f\x98\x82>");
  CHECK_STR(xai__fold_text(r.fold), "a\xf0\x9f\x98\x80"
                                    "b\xf0\x9f\x98\x82"
                                    "x\xf0\x9f\x98\x81");
  CHECK_INT(xai__fold_flags(r.fold), 0);
  xai__fold_free(r.fold);
  r = CHAT(CHUNK(SAY(0, "\\ud83d")), CHUNK(SAY(0, "")), CHUNK(SAY(0, "\\ude00")), CHUNK(STOP(0, "stop")),
           "[DONE]");
  CHECK_TEXT(r.deltas, "..T0.0<\xf0\x9f\x98\x80>.");
  CHECK_STR(xai__fold_text(r.fold), "\xf0\x9f\x98\x80");
  CHECK_INT(xai__fold_flags(r.fold), 0);
  xai__fold_free(r.fold);
}

#define FFFD "\xef\xbf\xbd"

static void F55_a_lone_half_is_replaced_and_flagged(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), TEXT(0, "a\\ud83d"), TEXT(0, "b\\ude00c\\ud83d"));
  CHECK_TEXT(r.deltas, "..T0.0<a>T0.0<" FFFD "b" FFFD "c>");
  CHECK_STR(xai__fold_text(r.fold), "a" FFFD "b" FFFD "c" FFFD); /* the last one by the end of input */
  CHECK_INT(xai__fold_flags(r.fold), XAI_FLAG_TEXT_REPLACED);
  xai__fold_free(r.fold);

  r = RESPONSES(
    CREATED, MESSAGE(0), TEXT(0, "a\\ud83d"),
    "{'type':'response.output_text.done','output_index':0,'content_index':0,'text':'a\\ud83d'}",
    "{'type':'response.output_item.done','output_index':0,'item':{'id':'m0','\\udc00k':['\\ud800',{'t':"
    "'\\udfff!'}]}}");
  CHECK_TEXT(r.deltas, "..T0.0<a>T0.0<" FFFD ">.");
  CHECK(strstr(r.json, "{'id':'m0','" FFFD "k':['" FFFD "',{'t':'" FFFD "!'}]}") != NULL);
  CHECK_INT(xai__fold_flags(r.fold), XAI_FLAG_TEXT_REPLACED);
  xai__fold_free(r.fold);

  r =
    CHAT(CHUNK(SAY(0, "\\ud83d")), CHUNK(STOP(0, "stop\\udc00")), "{'x\\ud800':1,'y':'\\ud800'}",
         TOOL("{'index':0,'id':'\\ud800','function':{'name':'n\\ud800','arguments':'{\\ud800'}}"), "[DONE]");
  CHECK(strstr(r.json, "'content':'" FFFD "'") != NULL);
  CHECK(strstr(r.json, "{'name':'n" FFFD "','arguments':'{" FFFD "'}") != NULL);
  CHECK(strstr(r.json, "'x" FFFD "':1,'y':'" FFFD "'") != NULL);
  CHECK_TEXT(r.deltas, ".T0.0<" FFFD ">.A0.0<{>A0.0<" FFFD ">"); /* the last with the marker */
  xai__fold_free(r.fold);
}

static void F55_more_waiting_halves_than_places(void) {
  char events[24][160];
  const char *list[26] = {NULL};
  for (unsigned i = 0; i < 24; i++) {
    snprintf(events[i], sizeof events[i],
             "{'type':'response.output_text.delta','output_index':%u,'delta':'%s'}", i % 12,
             i < 12 ? "\\ud83d" : "\\ude00");
    list[i] = events[i];
  }
  run r = fold_all(XAI_REPLY_RESPONSES, list);
  const xai_json *output = xai_json_get(xai__fold_response(r.fold), "output");
  CHECK_INT(xai_json_len(output), 12);
  int whole = 0;
  for (size_t i = 0; i < 12; i++) {
    const xai_json *part = xai_json_first(xai_json_get(xai_json_at(output, i), "content"));
    whole += xai__str_eq(xai_json_str(xai_json_get(part, "text")), "\xf0\x9f\x98\x80");
  }
  CHECK_INT(whole, 8);
  xai__fold_free(r.fold);
}

/* ---- whole answers ---- */

static run whole(xai_reply kind, const char *body) {
  static char data[8192];
  run r = {.fold = xai__fold_new(NULL, kind, 0, 0)};
  r.code = xai__fold_whole(r.fold, quoted(data, sizeof data, body), &r.err);
  r.end = xai__fold_state(r.fold, true, &r.err);
  CHECK(r.end.ended);
  write_json(r.json, sizeof r.json, xai__fold_response(r.fold));
  return r;
}

static void whole_answers_are_read_and_judged(void) {
  static const struct {
    xai_reply kind;
    const char *body;
    xai_code code; /* of the call      */
    xai_code why;  /* of the end       */
    const char *reason;
  } list[] = {
    {XAI_REPLY_RESPONSES, "{'status':'completed','output':[]}", XAI_OK, XAI_OK, ""},
    {XAI_REPLY_RESPONSES, "{'output':[]}", XAI_OK, XAI_OK, ""},
    {XAI_REPLY_RESPONSES, "{'status':'incomplete','incomplete_details':{'reason':'max_output_tokens'}}",
     XAI_OK, XAI_ERR_TRUNCATED, "max_output_tokens"},
    {XAI_REPLY_RESPONSES, "{'status':'in_progress','output':[]}", XAI_OK, XAI_ERR_EARLY, "in_progress"},
    {XAI_REPLY_RESPONSES, "{'status':'failed','error':{'code':'server_error','message':'m'}}", XAI_ERR_API,
     XAI_ERR_API, "error"},
    {XAI_REPLY_RESPONSES, "{'code':'unavailable','error':'m'}", XAI_ERR_API, XAI_ERR_API, "error"},
    {XAI_REPLY_RESPONSES, "{'hello':1}", XAI_ERR_PROTOCOL, XAI_ERR_PROTOCOL, "protocol broken"},
    {XAI_REPLY_RESPONSES, "[]", XAI_ERR_PROTOCOL, XAI_ERR_PROTOCOL, "protocol broken"},
    {XAI_REPLY_RESPONSES, "{'id':'r','deleted':true}", XAI_OK, XAI_OK, ""},
    {XAI_REPLY_CHAT, "{'choices':[{'message':{'content':'x'},'finish_reason':'stop'}]}", XAI_OK, XAI_OK, ""},
    {XAI_REPLY_CHAT, "{'choices':[{'message':{'content':'x'},'finish_reason':'length'}]}", XAI_OK,
     XAI_ERR_TRUNCATED, "max_output_tokens"},
    {XAI_REPLY_CHAT, "{'choices':[{'message':{'content':'x'},'finish_reason':null}]}", XAI_OK, XAI_ERR_EARLY,
     "no finish reason"},
    {XAI_REPLY_CHAT, "{'request_id':'d-1'}", XAI_OK, XAI_OK, ""},
    {XAI_REPLY_CHAT, "{'error':'no'}", XAI_ERR_API, XAI_ERR_API, "error"},
    {XAI_REPLY_CHAT, "{'id':'x'}", XAI_ERR_PROTOCOL, XAI_ERR_PROTOCOL, "protocol broken"},
  };
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    run r = whole(list[i].kind, list[i].body);
    CHECK_INT(r.code, list[i].code);
    CHECK_INT(r.err.code, list[i].why);
    CHECK_TEXT(r.end.reason, list[i].reason);
    if (r.code == XAI_OK) CHECK_TEXT(r.json, list[i].body);
    xai__fold_free(r.fold);
  }
  run r = whole(XAI_REPLY_RESPONSES, "{'status':'completed',");
  CHECK_INT(r.code, XAI_ERR_JSON);
  CHECK_INT(r.err.offset, 22);
  xai__fold_free(r.fold);
}

/* The body of an answer that failed is shown without the key; what the model said stays as it is (R8). */
static void R8_an_answer_that_is_not_complete_parts_from_its_body(void) {
  static const char *const bodies[] = {
    "{'status':'completed','output':[{'type':'message','content':[{'type':'output_text','text':'said'}]}]}",
    "{'status':'incomplete','output':[{'type':'message','content':[{'type':'output_text','text':'said'}]}]}",
    "{'status':'failed','output':[{'type':'message','content':[{'type':'output_text','text':'said'}]}]}",
    ("{'output':[{'type':'message','content':[{'type':'output_text','text':'said'}]},"
     "{'type':'function_call','arguments':'{'}]}"),
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char data[400];
    xai_fold *fold = xai__fold_new(NULL, XAI_REPLY_RESPONSES, 0, 0);
    xai_str body = quoted(data, sizeof data, bodies[i]);
    xai__fold_whole(fold, body, NULL);
    bool complete = xai__fold_state(fold, true, NULL).outcome == XAI_OUTCOME_COMPLETE;
    CHECK_INT(complete, i == 0);
    CHECK_STR(xai__fold_text(fold), "said");
    if (!complete) memset(data, '*', body.len);
    CHECK_STR(xai__fold_text(fold), "said");
    xai__fold_free(fold);
  }
}

static void a_fold_is_new_after_a_reset(void) {
  run r = RESPONSES(CREATED, MESSAGE(0), TEXT(0, "a\\ud83d"), "{'type':'error','message':'m'}");
  xai__fold_reset(r.fold);
  CHECK(xai__fold_response(r.fold) == NULL && !xai__fold_output_seen(r.fold) && xai__fold_flags(r.fold) == 0);
  CHECK(!xai__fold_state(r.fold, false, &r.err).ended);
  char data[600];
  CHECK_INT(xai__fold_event(r.fold, xai_str_of(""), quoted(data, sizeof data, COMPLETED), &r.err), XAI_OK);
  CHECK_INT(xai__fold_state(r.fold, false, &r.err).outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(xai__fold_text(r.fold), "All.");
  xai__fold_free(r.fold);

  /* Half a character of one attempt is not joined to the next attempt's. */
  xai_fold *fold = xai__fold_new(NULL, XAI_REPLY_RESPONSES, 0, 0);
  xai__fold_event(fold, xai_str_of(""), quoted(data, sizeof data, TEXT(0, "\\ud83d")), NULL);
  xai__fold_reset(fold);
  xai__fold_event(fold, xai_str_of(""), quoted(data, sizeof data, TEXT(0, "\\ude00")), NULL);
  CHECK_STR(xai__fold_text(fold), "\xef\xbf\xbd");
  xai__fold_free(fold);
}

/* ---- R6: bounded memory ---- */

static void R6_a_stream_that_repeats_itself_does_not_grow(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  for (int kind = 0; kind < 2; kind++) {
    xai_fold *fold = xai__fold_new(&mem, kind ? XAI_REPLY_CHAT : XAI_REPLY_RESPONSES, 0, 4 << 20);
    char data[1400], pad[1001];
    memset(pad, 'p', 1000);
    pad[1000] = '\0';
    xai_code code = XAI_OK;
    for (int i = 0; i < 20000 && code == XAI_OK; i++) {
      int len =
        kind ? snprintf(data, sizeof data, "{\"choices\":[],\"usage\":{\"n\":%d,\"pad\":\"%s\"}}", i, pad)
             : snprintf(data, sizeof data,
                        "{\"type\":\"response.output_item.done\",\"output_index\":0,"
                        "\"item\":{\"n\":%d,\"pad\":\"%s\"}}",
                        i, pad);
      code = xai__fold_event(fold, xai_str_of(""), (xai_str){data, (size_t)len}, NULL);
    }
    CHECK_INT(code, XAI_OK);
    xai__fold_free(fold);
  }
  CHECK(heap.peak < 2 << 20);
  CHECK_INT(heap.live, 0);
}

static void R6_the_cap_holds_and_is_named(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_fold *fold = xai__fold_new(&mem, XAI_REPLY_RESPONSES, 0, 256 << 10);
  xai_code code = XAI_OK;
  xai_error err;
  char data[400];
  xai_str event = quoted(data, sizeof data, TEXT(0, "0123456789012345678901234567890123456789"));
  for (int i = 0; i < 100000 && code == XAI_OK; i++)
    code = xai__fold_event(fold, xai_str_of(""), event, &err);
  CHECK_INT(code, XAI_ERR_TOO_BIG);
  CHECK_INT(err.kind, XAI_KIND_LIMIT);
  CHECK(heap.peak < (256 << 10) + 4096);
  CHECK_INT(xai__fold_state(fold, false, NULL).outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK(xai__fold_text(fold).len > 10000);
  xai__fold_free(fold);
  CHECK_INT(heap.live, 0);
}

/* ---- F92 ---- */

static xai_code scenario(const xai_mem *mem, xai_reply kind, const char *const *events) {
  static char data[4096];
  xai_fold *fold = xai__fold_new(mem, kind, 0, 0);
  if (fold == NULL) return XAI_ERR_NOMEM;
  xai_code code = XAI_OK;
  xai_error err;
  for (; *events != NULL && code == XAI_OK; events++) {
    xai_delta delta;
    code = xai__fold_event(fold, xai_str_of(""), quoted(data, sizeof data, *events), &err);
    while (xai__fold_next(fold, &delta) == XAI_OK) {}
  }
  if (code != XAI_OK) CHECK_INT(err.code, code);
  xai_fold_end end = xai__fold_state(fold, true, &err);
  CHECK(end.ended);
  if (code == XAI_OK && end.outcome != XAI_OUTCOME_COMPLETE) code = err.code;
  (void)xai__fold_text(fold);
  xai__fold_reset(fold); /* usable after */
  xai__fold_free(fold);
  return code;
}

static xai_code fold_a_response(const xai_mem *mem) {
  static const char *const events[] = {
    CREATED,
    "{'type':'response.in_progress','response':{'id':'r1','output':[]}}",
    MESSAGE(1),
    PART(1),
    TEXT(1, "a\\ud83d"),
    TEXT(1, "\\ude00"),
    TEXT(1, "\\ud83d"),
    CALL(0),
    ARGS(0, "{}"),
    TEXT(3, "new"),
    "{'type':'response.output_text.annotation.added','output_index':1,'content_index':0,'annotation':{'u':'v'"
    "}}",
    "{'type':'response.output_text.done','output_index':1,'content_index':0,'text':'other'}",
    "{'type':'response.content_part.done','output_index':1,'content_index':0,'part':{'type':'output_text',"
    "'text':'x'}}",
    "{'type':'response.output_item.done','output_index':1,'item':{'id':'m1','a':['\\ud800',{'b':[1]}]}}",
    "{'type':'response.completed','response':{'id':'r1','status':'completed','output':[{'type':'function_"
    "call',"
    "'arguments':'{}'},{'type':'message','content':[{'type':'output_text','text':'x'},{'type':'output_text','"
    "text':"
    "'y'}]}]}}",
    NULL};
  return scenario(mem, XAI_REPLY_RESPONSES, events);
}

static xai_code fold_a_completion(const xai_mem *mem) {
  static const char *const events[] = {
    CHUNK("{'index':0,'delta':{'role':'assistant','reasoning_content':'r'},'logprobs':{'content':[{'token':'"
          "r'}]}}"),
    CHUNK("{'index':1,'delta':{'content':'b\\ud83d'}}"),
    CHUNK("{'index':0,'delta':{'content':'x'},'logprobs':{'content':[{'token':'x'}]},'new':{'a':1}}"),
    TOOL("{'index':0,'id':'c0','function':{'name':'f','arguments':'{'},'type':'function'}"),
    TOOL("{'index':0,'function':{'arguments':'}'}}"),
    CHUNK(STOP(0, "tool_calls") "," STOP(1, "stop")),
    USAGE,
    "[DONE]",
    NULL};
  return scenario(mem, XAI_REPLY_CHAT, events);
}

static xai_code read_a_whole(const xai_mem *mem) {
  xai_fold *fold = xai__fold_new(mem, XAI_REPLY_RESPONSES, 0, 0);
  if (fold == NULL) return XAI_ERR_NOMEM;
  char data[300];
  xai_str body =
    quoted(data, sizeof data, "{'status':'completed','output':[{'type':'function_call','arguments':'[]'}]}");
  xai_code code = xai__fold_whole(fold, body, NULL);
  xai__fold_free(fold);
  return code;
}

/* ---- recordings ---- */

typedef struct recording {
  char *text;
  xai_str lines[2000];
  size_t count;
} recording;

static char *read_recording(const char *name, size_t *len) {
  char path[128];
  snprintf(path, sizeof path, "recordings/%s", name);
  return shared_file(path, len);
}

static bool load(const char *name, recording *r) {
  size_t len, start = 0;
  r->count = 0;
  r->text = read_recording(name, &len);
  if (r->text == NULL) return false;
  for (size_t i = 0; i < len && r->count < 2000; i++) {
    if (r->text[i] != '\n') continue;
    r->lines[r->count++] = (xai_str){r->text + start, i - start};
    start = i + 1;
  }
  if (start < len && r->count < 2000) r->lines[r->count++] = (xai_str){r->text + start, len - start};
  return true;
}

static xai_fold *fold_lines(xai_reply kind, const recording *r, size_t count) {
  xai_fold *fold = xai__fold_new(NULL, kind, 0, 0);
  for (size_t i = 0; i < count; i++) {
    CHECK_INT(xai__fold_event(fold, xai_str_of("message"), r->lines[i], NULL), XAI_OK);
  }
  return fold;
}

static char *json_of(const xai_json *value) {
  static char text[2][1 << 18];
  static int turn;
  turn = !turn;
  write_json(text[turn], sizeof text[turn], value);
  return text[turn];
}

static const char *const streams[] = {
  "responses-text-streaming.jsonl", "responses-text-with-reasoning-streaming.jsonl",
  "responses-text-with-reasoning-streaming-store-false.jsonl", "responses-web-search-tool.jsonl"};

static void recorded_responses_fold_to_their_last_event(void) {
  static recording r;
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    if (!load(streams[i], &r)) {
      printf("  %s is not there: skipped\n", streams[i]);
      continue;
    }
    xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
    xai_str last = r.lines[r.count - 1];
    const xai_json *want = xai_json_get(xai_json_parse(doc, last.ptr, last.len, 0, NULL), "response");
    CHECK(xai_json_len(xai_json_get(want, "output")) > 0);

    xai_fold *fold = fold_lines(XAI_REPLY_RESPONSES, &r, r.count);
    CHECK_INT(xai__fold_state(fold, true, NULL).outcome, XAI_OUTCOME_COMPLETE);
    CHECK_TEXT(json_of(xai__fold_response(fold)), json_of(want));
    char *text = strndup(xai__fold_text(fold).ptr, xai__fold_text(fold).len);
    xai__fold_free(fold);

    /* Without the terminal event: the same output, from what came before alone. */
    fold = fold_lines(XAI_REPLY_RESPONSES, &r, r.count - 1);
    CHECK_TEXT(json_of(xai_json_get(xai__fold_response(fold), "output")),
               json_of(xai_json_get(want, "output")));
    CHECK_STR(xai__fold_text(fold), text);
    xai__fold_free(fold);
    free(text);
    xai_json_doc_free(doc);
    free(r.text);
  }
}

/* Only the deltas' own texts, no "done" event of any kind: they add up to the same. */
static void recorded_deltas_alone_add_up_to_the_text(void) {
  static recording r;
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    if (!load(streams[i], &r)) continue;
    xai_fold *fold = xai__fold_new(NULL, XAI_REPLY_RESPONSES, 0, 0);
    for (size_t k = 0; k < r.count; k++) {
      if (!xai__str_has(r.lines[k], ".delta\"")) continue;
      CHECK_INT(xai__fold_event(fold, xai_str_of(""), r.lines[k], NULL), XAI_OK);
    }
    xai_fold *all = fold_lines(XAI_REPLY_RESPONSES, &r, r.count);
    xai_str want = xai__fold_text(all), got = xai__fold_text(fold);
    CHECK(want.len > 1000);
    CHECK(got.len == want.len && memcmp(got.ptr, want.ptr, want.len) == 0);
    xai__fold_free(all);
    xai__fold_free(fold);
    free(r.text);
  }
}

/* R3: only the last event makes it complete; no beginning of a recording is. */
static void R3_no_prefix_of_a_recording_is_complete(void) {
  static recording r;
  for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
    if (!load(streams[i], &r)) continue;
    for (size_t count = 0; count < r.count; count += count < 20 || r.count - count < 20 ? 1 : 7) {
      xai_fold *fold = fold_lines(XAI_REPLY_RESPONSES, &r, count);
      CHECK(!xai__fold_state(fold, false, NULL).ended);
      CHECK_INT(xai__fold_state(fold, true, NULL).outcome, XAI_OUTCOME_INCOMPLETE);
      xai__fold_free(fold);
    }
    free(r.text);
  }
  static const char *const chats[] = {"chat-text.jsonl", "chat-tool-call.jsonl"};
  for (size_t i = 0; i < 2; i++) {
    if (!load(chats[i], &r)) continue;
    for (size_t count = 0; count <= r.count; count++) {
      xai_fold *fold = fold_lines(XAI_REPLY_CHAT, &r, count);
      xai_outcome want =
        count < r.count - 1 ? XAI_OUTCOME_INCOMPLETE : XAI_OUTCOME_COMPLETE; /* the finish reason */
      CHECK_INT(xai__fold_state(fold, true, NULL).outcome, want);
      xai__fold_free(fold);
    }
    free(r.text);
  }
}

/* Types and keys in their order; lengths and values aside. */
static void shape(const xai_json *value, char *to, size_t size) {
  size_t at = strlen(to);
  static const char letters[] = "nb0s[{";
  snprintf(to + at, size - at, "%c", letters[xai_json_type_of(value)]);
  for (const xai_json *inner = xai_json_first(value); inner != NULL; inner = xai_json_next(inner)) {
    at = strlen(to);
    snprintf(to + at, size - at, "%.*s:", (int)xai_json_key(inner).len, xai_json_key(inner).ptr);
    shape(inner, to, size); /* as deep as a recording */
  }
}

static void recorded_chats_have_the_shape_of_their_whole_twin(void) {
  static const char *const names[][2] = {{"chat-text.jsonl", "chat-text.json"},
                                         {"chat-tool-call.jsonl", "chat-tool-call.json"}};
  static recording r;
  for (size_t i = 0; i < 2; i++) {
    size_t len;
    char *body = read_recording(names[i][1], &len);
    if (body == NULL || !load(names[i][0], &r)) {
      printf("  %s is not there: skipped\n", names[i][1]);
      free(body);
      continue;
    }
    static char folded[4096], twin[4096];
    xai_fold *fold = fold_lines(XAI_REPLY_CHAT, &r, r.count),
             *other = xai__fold_new(NULL, XAI_REPLY_CHAT, 0, 0);
    CHECK_INT(xai__fold_event(fold, xai_str_of(""), xai_str_of("[DONE]"), NULL), XAI_OK);
    CHECK_INT(xai__fold_whole(other, (xai_str){body, len}, NULL), XAI_OK);
    CHECK_INT(xai__fold_state(fold, false, NULL).outcome, XAI_OUTCOME_COMPLETE);
    CHECK_INT(xai__fold_state(other, false, NULL).outcome, XAI_OUTCOME_COMPLETE);
    folded[0] = twin[0] = '\0';
    shape(xai__fold_response(fold), folded, sizeof folded);
    shape(xai__fold_response(other), twin, sizeof twin);
    CHECK(strlen(twin) > 100);
    CHECK_TEXT(folded, twin);
    xai__fold_free(fold);
    xai__fold_free(other);
    free(body);
    free(r.text);
  }
}

int main(void) {
  RUN(responses_are_folded_from_deltas);
  RUN(F44_an_end_before_the_terminal_event_is_incomplete);
  RUN(the_terminal_response_is_authoritative);
  RUN(F60_items_interleave_and_come_in_any_order);
  RUN(what_was_never_announced_is_made);
  RUN(every_kind_of_delta_finds_its_place);
  RUN(a_piece_read_without_a_tree_is_what_the_tree_says);
  RUN(what_else_a_piece_may_look_like_is_left_to_the_tree);
  RUN(F83_two_calls_gather_their_arguments_apart);
  RUN(what_is_done_is_not_changed_by_a_late_delta);
  RUN(unknown_events_items_and_fields_pass_through);
  RUN(the_events_name_stands_in_for_a_missing_type);
  RUN(an_incomplete_response_says_why);
  RUN(F80_arguments_that_stop_in_the_middle_are_not_complete);
  RUN(F50_errors_in_a_stream_are_the_apis_own);
  RUN(an_error_event_in_plain_words_is_an_error);
  RUN(F59_an_event_that_is_not_json_ends_the_stream);
  RUN(absurd_indexes_and_contradictions_break_the_protocol);
  RUN(chat_folds_to_what_the_whole_answer_is);
  RUN(F45_F46_marker_and_finish_reason_are_two_things);
  RUN(finish_reasons_say_whether_it_is_whole);
  RUN(choices_interleave_and_log_probabilities_add_up);
  RUN(a_message_that_is_replaced_goes_on_from_there);
  RUN(F83_tool_calls_are_put_together_by_index);
  RUN(F55_a_pair_split_between_deltas_is_joined);
  RUN(F55_a_lone_half_is_replaced_and_flagged);
  RUN(F55_more_waiting_halves_than_places);
  RUN(whole_answers_are_read_and_judged);
  RUN(R8_an_answer_that_is_not_complete_parts_from_its_body);
  RUN(a_fold_is_new_after_a_reset);
  RUN(R6_a_stream_that_repeats_itself_does_not_grow);
  RUN(R6_the_cap_holds_and_is_named);
  check_nomem("F92_a_response_is_folded", fold_a_response);
  check_nomem("F92_a_completion_is_folded", fold_a_completion);
  check_nomem("F92_a_whole_answer_is_read", read_a_whole);
  RUN(recorded_responses_fold_to_their_last_event);
  RUN(recorded_deltas_alone_add_up_to_the_text);
  RUN(R3_no_prefix_of_a_recording_is_complete);
  RUN(recorded_chats_have_the_shape_of_their_whole_twin);
  return check_report("fold");
}
