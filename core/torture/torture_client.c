/* torture_client.c - calls over the scripted wire with each allocation failing in turn (F92).
 * SPDX-License-Identifier: MIT
 *
 * Each operation runs one call with failing allocations and then, on the same client, the same call with none.
 */
#define _POSIX_C_SOURCE 200809L
#include "session.h"

#include <stdlib.h>
#include <unistd.h>

#define RESPONSES_TYPE "text/event-stream"
#define JSON_TYPE "application/json"

typedef struct script {
  int status;
  const char *type;
  const char *body;
  xai_wire_end end;
} script;

typedef struct plan {
  const char *path;
  bool stream;
  xai_reply reply;
  const script *answers; /* one for each attempt, the last one for all others */
  size_t answer_count;
  xai_outcome outcome; /* without failing allocations                       */
  const char *text;    /* likewise; NULL: any                               */
  int retries;         /* likewise                                          */
} plan;

static const xai_header extra[] = {{"X-Extra", "1"}, {"Accept-Language", "de, en"}};

/* ---- the network's side */

static void feed_body(session *s, uint32_t id, const char *body) {
  for (size_t at = 0, len = strlen(body); at < len; at += 37) {
    size_t piece = len - at < 37 ? len - at : 37;
    for (int tries = 0; xai_wire_body(s->client, id, body + at, piece) == XAI_MORE && tries < 100; tries++)
      session_pull(s);
  }
}

static void answer_one(session *s, const xai_wire_request *request, const script *answer) {
  CHECK_INT(request->body.len, 2);
  xai_wire_status(s->client, request->id, answer->status);
  xai_wire_header(s->client, request->id, "Content-Type", answer->type);
  xai_wire_header(s->client, request->id, "x-request-id", "req-1");
  feed_body(s, request->id, answer->body);
  if (xai_wire_live(s->client, request->id)) xai_wire_finish(s->client, request->id, answer->end);
}

/* Until its END; a second of virtual time a turn. */
static void play(session *s, const plan *p) {
  size_t attempt = 0;
  xai_wire_request request;
  for (int turn = 0; turn < 50 && xai_client_pending(s->client) > 0; turn++) {
    session_step(s, 0);
    while (xai_wire_next(s->client, &request) == XAI_OK) {
      answer_one(s, &request, &p->answers[attempt < p->answer_count ? attempt : p->answer_count - 1]);
      attempt++;
    }
    session_pull(s);
    CHECK(xai_client_timeout(s->client) >= -1);
    s->now += 1000;
  }
  CHECK_INT(xai_client_pending(s->client), 0);
  CHECK_INT(s->ended, 1);
}

static void ask(session *s, const plan *p) {
  xai_request request = XAI_REQUEST_INIT;
  xai_call_id id;
  request.path = p->path;
  request.body = xai_str_of("{}");
  request.stream = p->stream;
  request.reply = p->reply;
  request.headers = extra;
  request.header_count = 2;
  s->wanted = p->text;
  request.most_cost = s->most_cost;
  s->retries = 0;
  if (!session_start(s, &request, &id)) return;
  if (s->announces) xai_call_announce(s->client, id, true);
  play(s, p);
}

static xai_config scripted(session *s) {
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = "xai-test-key";
  config.base_url = "http://wire/v1/";
  config.user_agent = "torture/1";
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.seed = 7;
  config.mem = s->t->mem;
  config.clock = (xai_clock){session_now, session_wall, s};
  return config;
}

static xai_code run_in(session s, const plan *p) {
  torture *t = s.t;
  xai_config config = scripted(&s);
  if (!session_open(&s, &config)) return XAI_ERR_NOMEM;
  CHECK_INT(xai_client_fd(s.client), -1);
  ask(&s, p);
  xai_code code = session_code(&s);
  if (t->failed == 0) CHECK_INT(s.last, p->outcome);
  calm(t);
  ask(&s, p);
  CHECK_INT(s.last, p->outcome);
  CHECK_INT(s.retries, p->retries);
  xai_client_free(s.client);
  return code;
}

static xai_code run_plan(torture *t, const plan *p) {
  return run_in((session){.t = t, .now = 1000}, p);
}

#define PLAN(...)                                \
  static const script answers[] = {__VA_ARGS__}; \
  const size_t count = sizeof answers / sizeof *answers

/* ---- the operations */

static const char hello_events[] =
  "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"object\":\"response\","
  "\"status\":\"in_progress\",\"output\":[]}}\n\n"
  "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"m\","
  "\"role\":\"assistant\",\"content\":[]}}\n\n"
  "data: {\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":"
  "\"output_text\",\"text\":\"\"}}\n\n"
  "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hel\"}\n\n"
  "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"lo \\ud83d\"}\n\n"
  "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"\\ude00\"}\n\n"
  "data: {\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"type\":\"function_call\",\"id\":\"f\","
  "\"name\":\"n\",\"arguments\":\"\"}}\n\n"
  "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"{\\\"a\\\":1}\"}\n\n"
  "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\","
  "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello \xf0\x9f\x98\x80\"}]},"
  "{\"type\":\"function_call\",\"id\":\"f\",\"name\":\"n\",\"arguments\":\"{\\\"a\\\":1}\"}],\"usage\":{\"total_tokens\":3}}}"
  "\n\n";

static xai_code streams_a_response(torture *t) {
  PLAN({200, RESPONSES_TYPE, hello_events, XAI_WIRE_DONE});
  return run_plan(t, &(plan){"/responses", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE,
                             "Hello \xf0\x9f\x98\x80", 0});
}

static xai_code streams_a_chat(torture *t) {
  PLAN(
    {200, RESPONSES_TYPE,
     "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
     "\"assistant\",\"content\":\"Good \",\"reasoning_content\":\"hm\"}}]}\n\n"
     "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"day\",\"tool_calls\":[{\"index\":0,"
     "\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"n\",\"arguments\":\"{\"}}]}}]}\n\n"
     "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
     "{\"arguments\":\"}\"}}]},\"finish_reason\":\"stop\"}]}\n\n"
     "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\ndata: [DONE]\n\n",
     XAI_WIRE_DONE});
  return run_plan(t, &(plan){"/chat/completions", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE,
                             "Good day", 0});
}

#define WHOLE_HELLO                                                                                               \
  "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":" \
  "[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}"

static xai_code reads_a_whole_response(torture *t) {
  PLAN({200, JSON_TYPE, WHOLE_HELLO, XAI_WIRE_DONE});
  return run_plan(
    t, &(plan){"/responses", false, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE, "Hello", 0});
}

/* The stream that was asked for comes as one answer: its text is owed as an event. */
static xai_code reads_a_whole_answer_to_a_stream(torture *t) {
  PLAN({200, JSON_TYPE, WHOLE_HELLO, XAI_WIRE_DONE});
  return run_plan(
    t, &(plan){"/responses", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE, "Hello", 0});
}

static xai_code reads_json_and_bytes(torture *t) {
  PLAN({200, JSON_TYPE, "{\"data\":[{\"id\":\"grok-4.6\"},{\"id\":\"grok-4\"}],\"n\":[1,2,3,\"\\u00e4\"]}",
        XAI_WIRE_DONE});
  xai_code json =
    run_plan(t, &(plan){"/models", false, XAI_REPLY_JSON, answers, count, XAI_OUTCOME_COMPLETE, NULL, 0});
  xai_code bytes = run_plan(
    t, &(plan){"/files/1/content", false, XAI_REPLY_BYTES, answers, count, XAI_OUTCOME_COMPLETE, NULL, 0});
  return json != XAI_OK ? json : bytes;
}

static xai_code retries_and_then_answers(torture *t) {
  PLAN({503, JSON_TYPE, "{\"error\":{\"message\":\"busy\",\"code\":\"overloaded\"}}", XAI_WIRE_DONE},
       {429, JSON_TYPE, "{\"code\":\"rate\",\"error\":\"Too many requests. Resets in: 2s\"}", XAI_WIRE_DONE},
       {200, RESPONSES_TYPE, hello_events, XAI_WIRE_DONE});
  return run_plan(t, &(plan){"/responses", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE,
                             "Hello \xf0\x9f\x98\x80", 2});
}

static xai_code has_a_reader_of_its_own(torture *t) {
  PLAN({200, RESPONSES_TYPE, hello_events, XAI_WIRE_DONE});
  return run_in((session){.t = t, .now = 1000, .announces = true},
                &(plan){"/responses", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE,
                        "Hello \xf0\x9f\x98\x80", 0});
}

static xai_code reads_an_error(torture *t) {
  PLAN({400, JSON_TYPE,
        "{\"code\":\"invalid-argument\",\"error\":\"Model not found: [1,[2,[3,{\\\"a\\\":4}]]]\"}",
        XAI_WIRE_DONE});
  return run_plan(t,
                  &(plan){"/responses", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_REFUSED, NULL, 0});
}

static xai_code reads_what_is_no_answer(torture *t) {
  PLAN({200, "text/html", "<html>maintenance</html>", XAI_WIRE_DONE});
  return run_plan(t,
                  &(plan){"/responses", false, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_FAILED, NULL, 0});
}

static xai_code reads_half_a_stream(torture *t) {
  PLAN(
    {200, RESPONSES_TYPE,
     "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hel\"}\n\n",
     XAI_WIRE_RESET});
  return run_plan(
    t, &(plan){"/responses", true, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_INCOMPLETE, NULL, 0});
}

/* Many at once: some cancelled, some held, some looked into, some still in flight at the end. */
static void crowd(session *s) {
  enum { CALLS = 20 };
  xai_call_id ids[CALLS];
  xai_wire_request wire;
  xai_request request = XAI_REQUEST_INIT;
  size_t started = 0;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.stream = true;
  for (size_t i = 0; i < CALLS; i++) started += session_start(s, &request, &ids[started]);
  session_step(s, 0);
  size_t pending = xai_client_pending(s->client);
  CHECK_INT(pending, started);
  s->ended = 0;
  for (size_t i = 0; i < started; i++) {
    if (i % 3 == 0) xai_call_cancel(s->client, ids[i]);
    if (i % 3 == 1) xai_call_hold(s->client, ids[i], true);
  }
  while (xai_wire_next(s->client, &wire) == XAI_OK) {
    xai_wire_status(s->client, wire.id, 200);
    xai_wire_header(s->client, wire.id, "content-type", RESPONSES_TYPE);
    (void)xai_wire_body(s->client, wire.id, hello_events, 700);
  }
  session_pull(s);
  for (size_t i = 0; i < started; i++) {
    CHECK(xai_json_type_of(xai_call_response(s->client, ids[i])) <= XAI_JSON_OBJECT);
    xai_call_hold(s->client, ids[i], false);
  }
  session_pull(s);
  CHECK_INT(xai_client_pending(s->client) + (size_t)s->ended, started);
}

static xai_code runs_many_calls(torture *t) {
  session s = {.t = t, .now = 1000};
  xai_config config = scripted(&s);
  if (!session_open(&s, &config)) return XAI_ERR_NOMEM;
  crowd(&s);
  xai_code code = session_code(&s);
  calm(t);
  PLAN({200, JSON_TYPE, WHOLE_HELLO, XAI_WIRE_DONE});
  (void)count;
  xai_request request = XAI_REQUEST_INIT;
  xai_call_id id;
  request.path = "/responses";
  CHECK(session_start(&s, &request, &id));
  for (int turn = 0; turn < 5; turn++) {
    xai_wire_request wire;
    session_step(&s, 0);
    while (xai_wire_next(s.client, &wire) == XAI_OK) {
      xai_wire_status(s.client, wire.id, answers[0].status);
      xai_wire_header(s.client, wire.id, "content-type", answers[0].type);
      feed_body(&s, wire.id, answers[0].body);
      xai_wire_finish(s.client, wire.id, XAI_WIRE_DONE);
    }
    session_pull(&s);
  }
  CHECK_INT(s.ended > 0, 1);
  CHECK_INT(s.last, XAI_OUTCOME_COMPLETE);
  xai_client_free(s.client);
  return code;
}

enum { MOST = 100, COST = 7 };

/* The answer does not tell its cost, so the program does. Whatever failed, no more is counted than was held back. */
static void spend(session *s, uint64_t *spent) {
  PLAN(
    {429, JSON_TYPE, "{\"code\":\"rate\",\"error\":\"Too many requests. Resets in: 2s\"}", XAI_WIRE_DONE},
    {200, JSON_TYPE,
     "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":{\"total_tokens\":3}}",
     XAI_WIRE_DONE});
  xai_budget_state state;
  ask(s, &(plan){"/responses", false, XAI_REPLY_AUTO, answers, count, XAI_OUTCOME_COMPLETE, "", 1});
  CHECK_INT(xai_client_budget(s->client, &state), XAI_OK);
  CHECK_INT(state.reserved, 0);
  CHECK(state.spent - *spent <= MOST && state.left == state.limit - state.spent);
  *spent = state.spent;
}

static xai_code keeps_a_budget_and_a_shared_limit(torture *t) {
  session s = {.t = t, .now = 1000, .most_cost = MOST, .cost = COST};
  uint64_t spent = 0;
  char file[] = "/tmp/xai-torture-XXXXXX";
  int fd = mkstemp(file);
  CHECK(fd >= 0);
  close(fd);
  xai_rate rate = {.requests_per_minute = 1000, .tokens_per_minute = 1000000, .concurrent = 5};
  xai_config config = scripted(&s);
  config.rates = &rate;
  config.rate_count = 1;
  config.share = file;
  config.budget = (xai_budget_options){.limit = 1000, .file = file};
  bool opened = session_open(&s, &config);
  if (opened) {
    spend(&s, &spent);
    calm(t);
    uint64_t before = spent;
    spend(&s, &spent);
    CHECK_INT(s.last, XAI_OUTCOME_COMPLETE);
    CHECK_INT(spent - before, COST);
    xai_client_free(s.client);
  }
  unlink(file);
  return opened ? session_code(&s) : XAI_ERR_NOMEM;
}

int main(void) {
  TORTURE(streams_a_response);
  TORTURE(streams_a_chat);
  TORTURE(reads_a_whole_response);
  TORTURE(reads_a_whole_answer_to_a_stream);
  TORTURE(reads_json_and_bytes);
  TORTURE(retries_and_then_answers);
  TORTURE(has_a_reader_of_its_own);
  TORTURE(reads_an_error);
  TORTURE(reads_what_is_no_answer);
  TORTURE(reads_half_a_stream);
  TORTURE(runs_many_calls);
  TORTURE(keeps_a_budget_and_a_shared_limit);
  return torture_report("torture client");
}
