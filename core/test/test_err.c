/* test_err.c - codes and kinds by name, secrets kept out, and every shape of error answer decoded.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "xai_err.h"

/* ---- words ---- */

static void every_code_has_its_name_and_sentence(void) {
  static const struct {
    xai_code code;
    const char *name;
    const char *text;
  } list[] = {
#define XAI_X(name, number, text) {XAI_##name, #name, text},
    XAI_CODES(XAI_X)
#undef XAI_X
  };
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    CHECK(xai__str_eq_nocase(xai_str_of(xai_code_name(list[i].code)), list[i].name));
    CHECK(strpbrk(xai_code_name(list[i].code), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
    CHECK_STR(xai_str_of(xai_code_text(list[i].code)), list[i].text);
    xai_error err;
    CHECK_INT(xai__fail(&err, list[i].code, NULL), list[i].code);
    CHECK(err.kind != XAI_KIND_NONE);
    CHECK_STR(xai_str_of(err.message), list[i].text);
  }
  CHECK_STR(xai_str_of(xai_code_text((xai_code)-7777)), "unknown code");
  CHECK_STR(xai_str_of(xai_code_name((xai_code)-7777)), "unknown");
  CHECK_STR(xai_str_of(xai_kind_name(XAI_KIND_SPENDING_LIMIT)), "spending_limit");
  CHECK(strstr(xai_kind_hint(XAI_KIND_RATE), "retry_after") != NULL);
  CHECK_STR(xai_str_of(xai_outcome_name(XAI_OUTCOME_INCOMPLETE)), "incomplete");
  CHECK_STR(xai_str_of(xai_attempt_class_name(XAI_ATTEMPT_NOT_SENT)), "not_sent");
}

static void a_failure_says_its_code_and_the_details(void) {
  xai_error err;
  CHECK_INT(xai__fail(&err, XAI_ERR_ARG, "path must start with '%c'", '/'), XAI_ERR_ARG);
  CHECK_STR(xai_str_of(err.message), "argument missing or out of range: path must start with '/'");
  CHECK_INT(err.kind, XAI_KIND_USAGE);
  CHECK(!err.retryable);
  CHECK_INT(xai__fail(NULL, XAI_ERR_RESET, "nobody listens"), XAI_ERR_RESET);
  xai__fail(&err, XAI_ERR_RESET, "after: %s", err.message); /* the old message as an argument */
  CHECK(strstr(err.message, "after: argument missing") != NULL);
  CHECK(err.retryable);
  CHECK_INT(err.kind, XAI_KIND_NETWORK);
}

static xai_code keeps_an_error(const xai_mem *mem) {
  xai_why why = {0};
  xai_error err;
  CHECK_INT(xai__why_read(&why)->code, XAI_OK);
  xai__fail(&err, XAI_ERR_TLS, "its name is another");
  xai__why_keep(&why, mem, &err);
  const xai_error *read = xai__why_read(&why);
  xai_code code = read->code;
  CHECK(code == XAI_ERR_TLS || code == XAI_ERR_NOMEM);
  CHECK_STR(xai_str_of(read->message), code == XAI_ERR_TLS ? err.message : xai_code_text(XAI_ERR_NOMEM));
  CHECK_INT(read->kind, code == XAI_ERR_TLS ? XAI_KIND_TLS : XAI_KIND_MEMORY);
  CHECK_INT(read->retryable, code == XAI_ERR_NOMEM);
  xai__fail(xai__why_fill(&why, mem), XAI_ERR_ARG, NULL); /* another instead of it */
  CHECK(xai__why_read(&why)->code != XAI_ERR_TLS);
  xai__why_drop(&why, mem);
  CHECK_INT(xai__why_read(&why)->code, XAI_OK);
  return code == XAI_ERR_NOMEM ? code : XAI_OK;
}

static void an_error_is_kept_or_reads_as_no_memory(void) {
  check_nomem("an_error_is_kept_or_reads_as_no_memory", keeps_an_error);
}

static void a_long_message_is_cut_at_a_character(void) {
  char text[3000];
  for (size_t i = 0; i < sizeof text - 3; i += 3) memcpy(text + i, "\xe2\x82\xac", 3);
  text[sizeof text - 3] = '\0';
  xai_error err;
  xai__fail(&err, XAI_ERR_HTTP, "%s", text);
  size_t len = strlen(err.message);
  CHECK(len > sizeof err.message - 8 && len < sizeof err.message);
  CHECK_INT(xai__utf8_valid(err.message, len), len);
}

/* ---- R8: no secret in an error ---- */

static void R8_keys_and_tokens_are_redacted(void) {
  static const char *const pairs[][2] = {
    {"key xai-abcDEF0123456789_z- was refused", "key xai-*** was refused"},
    {"xai-a", "xai-*"},
    {"xai-", "xai-"},
    {"XAI-SECRETKEY", "XAI-***"},
    {"Authorization: Bearer abc.def~+/=", "Authorization: Bearer ***"},
    {"bearer  t0ken, Bearer x", "bearer  ***, Bearer *"},
    {"xai-1234xai-5678 twice xai-9999", "xai-*** twice xai-***"},
    {"nothing here, x.ai, xai, bearers", "nothing here, x.ai, xai, bearers"},
    {"", ""},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char text[100];
    snprintf(text, sizeof text, "%s", pairs[i][0]);
    xai__redact(text);
    CHECK_STR(xai_str_of(text), pairs[i][1]);
  }
  xai_error err;
  xai__fail(&err, XAI_ERR_KEY, "%s", "xai-SUPERSECRET");
  CHECK(strstr(err.message, "SUPER") == NULL && strstr(err.message, "xai-***") != NULL);
}

/* ---- answers ---- */

static xai_error decode_as(int status, const char *type, const char *body) {
  xai_error err;
  memset(&err, 0x5a, sizeof err); /* nothing of before may shine through */
  xai__error_from_api(&err, NULL, status, xai_str_of(type), xai_str_of(body));
  CHECK_INT(err.code, XAI_ERR_API);
  CHECK_INT(err.http_status, status);
  CHECK(err.message[0] != '\0');
  return err;
}

static xai_error decode(int status, const char *body) {
  return decode_as(status, "application/json", body);
}

static void F35_every_shape_gives_message_and_code(void) {
  static const struct {
    const char *body, *message, *code, *type, *param;
  } list[] = {
    {"{\"code\":\"invalid-argument\",\"error\":\"No such knob.\"}", "No such knob.", "invalid-argument", "",
     ""},
    {"{\"error\":{\"message\":\"bad image\",\"type\":\"invalid_request_error\",\"param\":null,"
     "\"code\":\"invalid_image\"}}",
     "bad image", "invalid_image", "invalid_request_error", ""},
    {"{\"error\":{\"message\":\"bad\",\"code\":42,\"param\":\"n\"}}", "bad", "42", "", "n"},
    {"{\"error\":\"speed is out of range\"}", "speed is out of range", "", "", ""},
    {"  \"A request may not be both.\"\n", "A request may not be both.", "", "", ""},
    {"{\"code\":5,\"message\":\"no such key\",\"details\":[]}", "no such key", "5", "", ""},
    {"{\"detail\":\"Method gone\"}", "Method gone", "", "", ""},
    {"{\"message\":\"just this\"}", "just this", "", "", ""},
    {"[{\"error\":{\"message\":\"in a list\",\"code\":\"c\"}},{\"error\":\"other\"}]", "in a list", "c", "",
     ""},
    {"{\"type\":\"error\",\"status\":400,\"error\":{\"type\":\"t\",\"code\":\"c\",\"message\":\"m\","
     "\"param\":\"p\"}}",
     "m", "c", "t", "p"},
    {"{\"code\":\"x\",\"error\":\"No credits. [WKE=some:slug] Buy some.\"}", "No credits.  Buy some.", "x",
     "", ""},
  };
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    xai_error err = decode(400, list[i].body);
    CHECK_STR(xai_str_of(err.message), list[i].message);
    CHECK_STR(xai_str_of(err.api_code), list[i].code);
    CHECK_STR(xai_str_of(err.api_type), list[i].type);
    CHECK_STR(xai_str_of(err.param), list[i].param);
  }
}

static void F30_bodies_that_are_no_json_are_never_a_parse_error(void) {
  xai_error err = decode_as(502, "text/html; charset=UTF-8", "<!DOCTYPE html><h1>secret page</h1>");
  CHECK_STR(xai_str_of(err.message), "the API answered with status 502 Bad Gateway, as an HTML page");
  err = decode_as(520, "", "\n<html><body>x</body></html>");
  CHECK(strstr(err.message, "520") != NULL && strstr(err.message, "body>") == NULL);
  err = decode_as(404, "", "");
  CHECK_STR(xai_str_of(err.message), "the API answered with status 404 Not Found, without a body");
  err = decode_as(599, "", "   ");
  CHECK_STR(xai_str_of(err.message), "the API answered with status 599, without a body");
  err = decode_as(422, "text/plain",
                  "Failed to deserialize the JSON body into the target type: missing field `input` at line 1 "
                  "column 21");
  CHECK_INT(err.kind, XAI_KIND_INVALID_REQUEST);
  CHECK(strstr(err.message, "missing field `input`") != NULL);
  err = decode_as(400, "text/plain", "bad \xff\xfe bytes \x80 and xai-key123456");
  CHECK_STR(xai_str_of(err.message), "bad ?? bytes ? and xai-***");
  err = decode(500, "{\"error\":{\"message\":\"cut in the mid");
  CHECK_INT(err.kind, XAI_KIND_SERVER);
  err = decode(500, "{}");
  CHECK(strstr(err.message, "500 Internal Server Error") != NULL);
  err = decode(418, "null");
  CHECK_INT(err.kind, XAI_KIND_INVALID_REQUEST);
}

static void R8_an_answer_that_quotes_the_key_does_not_show_it(void) {
  xai_error err =
    decode(400, "{\"code\":\"xai-KEYKEYKEY\",\"error\":{\"message\":\"Bearer xai-KEYKEYKEY is bad\","
                "\"type\":\"xai-KEYKEYKEY\",\"param\":\"xai-KEYKEYKEY\"}}");
  CHECK(strstr(err.message, "KEYKEY") == NULL && strstr(err.api_code, "KEYKEY") == NULL);
  CHECK(strstr(err.api_type, "KEYKEY") == NULL && strstr(err.param, "KEYKEY") == NULL);
}

typedef struct meaning {
  int status;
  const char *body;
  xai_kind kind;
  bool retryable;
} meaning;

static const meaning meanings[] = {
  {400,
   "{\"code\":\"Client specified an invalid argument\",\"error\":\"Incorrect API key provided: ab***yz.\"}",
   XAI_KIND_AUTH, false},
  {401, "{\"code\":\"unauthenticated:no-credentials\",\"error\":\"No credentials provided.\"}", XAI_KIND_AUTH,
   false},
  {401, "", XAI_KIND_AUTH, false},
  {403, "{\"code\":\"unauthorized:blocked-user\",\"error\":\"User is blocked.\"}", XAI_KIND_AUTH, false},
  {400, "{\"code\":\"invalid-argument\",\"error\":\"Model not found: grok-0\"}", XAI_KIND_NOT_FOUND, false},
  {404, "{\"code\":\"not-found\",\"error\":\"The model grok-0 does not exist or your team has no access.\"}",
   XAI_KIND_NOT_FOUND, false},
  {404, "No handler found on route.", XAI_KIND_NOT_FOUND, false},
  {400, "{\"code\":\"invalid-argument\",\"error\":\"Argument not supported on this model: stop\"}",
   XAI_KIND_INVALID_REQUEST, false},
  {400,
   "{\"code\":\"invalid-argument\",\"error\":\"This model's maximum prompt length is 10 but the request "
   "contains 12 tokens.\"}",
   XAI_KIND_CONTEXT_LENGTH, false},
  {403,
   "{\"code\":\"permission-denied\",\"error\":\"Your newly created team doesn't have any credits or licenses "
   "yet.\"}",
   XAI_KIND_CREDITS, false},
  {402, "", XAI_KIND_CREDITS, false},
  {403, "{\"code\":\"personal-team-blocked:spending-limit\",\"error\":\"Your team has used all of it.\"}",
   XAI_KIND_SPENDING_LIMIT, false},
  {429,
   "{\"code\":\"resource-exhausted\",\"error\":\"Your team has either used all available credits or reached "
   "its "
   "monthly spending limit.\"}",
   XAI_KIND_SPENDING_LIMIT, false},
  {429, "{\"code\":429,\"error\":\"Out of it. [WKE=personal-team-blocked:spending-limit]\"}",
   XAI_KIND_SPENDING_LIMIT, false},
  {403,
   "{\"code\":\"permission-denied\",\"error\":\"Content violates usage guidelines. Failed check: "
   "SAFETY_CHECK_TYPE_VIOLENCE\"}",
   XAI_KIND_POLICY, false},
  {403, "{\"code\":\"permission-denied\",\"error\":\"The key may not use this endpoint.\"}",
   XAI_KIND_PERMISSION, false},
  {429, "{\"code\":\"resource-exhausted\",\"error\":\"Too many requests for the team. Resets in: 45s.\"}",
   XAI_KIND_RATE, true},
  {429, "{\"code\":\"subscription:free-usage-exhausted\",\"error\":\"Free usage quota exceeded\"}",
   XAI_KIND_QUOTA, false},
  {429,
   "{\"code\":\"resource-exhausted\",\"error\":\"The model is currently at capacity due to high demand.\"}",
   XAI_KIND_OVERLOADED, true},
  {500, "{\"code\":\"Internal error\",\"error\":\"Request r-1 timed out in queue, abort.\"}",
   XAI_KIND_OVERLOADED, true},
  {503, "{\"code\":\"The service is currently unavailable\",\"error\":\"Service temporarily unavailable.\"}",
   XAI_KIND_OVERLOADED, true},
  {200,
   "{\"code\":\"The service is currently unavailable\",\"error\":\"Service temporarily unavailable. The "
   "model did "
   "not respond to this request.\"}",
   XAI_KIND_OVERLOADED, true},
  {400, "{\"code\":\"invalid-argument\",\"error\":\"The image host is temporarily unavailable\"}",
   XAI_KIND_INVALID_REQUEST, false},
  {529, "", XAI_KIND_OVERLOADED, true},
  {425, "", XAI_KIND_OVERLOADED, true},
  {500, "{\"code\":\"Internal error\",\"error\":\"Internal error\"}", XAI_KIND_SERVER, true},
  {502, "<html>", XAI_KIND_SERVER, true},
  {504, "", XAI_KIND_SERVER, true},
  {524, "", XAI_KIND_SERVER, true},
  {530, "", XAI_KIND_SERVER, true},
  {525, "", XAI_KIND_SERVER, false},
  {526, "<html>", XAI_KIND_SERVER, false},
  {501, "", XAI_KIND_SERVER, false},
  {405, "", XAI_KIND_INVALID_REQUEST, false},
  {410, "{\"error\":\"Live search is deprecated.\"}", XAI_KIND_INVALID_REQUEST, false},
  {413, "", XAI_KIND_TOO_LARGE, false},
  {415, "Expected request with content type", XAI_KIND_INVALID_REQUEST, false},
  {422, "{\"code\":\"invalid-argument\",\"error\":\"missing field\"}", XAI_KIND_INVALID_REQUEST, false},
  /* inside a stream, where the status says nothing */
  {200, "{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}", XAI_KIND_RATE,
   true},
  {200, "{\"type\":\"error\",\"code\":\"resource-exhausted\",\"message\":\"slow down\"}", XAI_KIND_RATE,
   true},
  {200, "{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"oops\"}", XAI_KIND_SERVER, true},
  {200, "{\"type\":\"error\",\"code\":\"service_unavailable\",\"message\":\"busy\"}", XAI_KIND_OVERLOADED,
   true},
  {200, "{\"type\":\"error\",\"code\":\"invalid_image\",\"message\":\"no picture\"}",
   XAI_KIND_INVALID_REQUEST, false},
  {200, "{\"type\":\"error\",\"code\":\"previous_response_not_found\",\"message\":\"gone\"}",
   XAI_KIND_NOT_FOUND, false},
  {200, "{\"type\":\"error\",\"code\":null,\"message\":\"something\",\"param\":null}", XAI_KIND_SERVER, true},
  {200, "{\"type\":\"error\",\"status\":403,\"error\":{\"message\":\"no\"}}", XAI_KIND_PERMISSION, false},
  {200, "{\"code\":429,\"error\":\"slow down\"}", XAI_KIND_RATE, true},
  {200, "{\"code\":16,\"message\":\"who are you\"}", XAI_KIND_AUTH, false},
  {200,
   "{\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"status\":\"failed\",\"output\":[],"
   "\"error\":{\"code\":\"server_error\",\"message\":\"The model failed.\"}}}",
   XAI_KIND_SERVER, true},
};

static void every_answer_means_one_kind(void) {
  for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
    const meaning *m = &meanings[i];
    xai_error err = decode(m->status, m->body);
    if (err.kind != m->kind || err.retryable != m->retryable) {
      printf("case %zu: %d %s: %s, %s\n", i, m->status, m->body, xai_kind_name(err.kind),
             err.retryable ? "retryable" : "final");
    }
    CHECK_INT(err.kind, m->kind);
    CHECK_INT(err.retryable, m->retryable);
  }
}

static void the_wait_is_read_from_the_text(void) {
  static const struct {
    const char *text;
    uint32_t ms;
  } list[] = {
    {"Resets in: 45s.", 45000},
    {"resets in 1h 2m 3s", 3723000},
    {"Resets in: 1d", 86400000},
    {"Resets in: 1.5s", 1500},
    {"Resets in: 250ms", 250},
    {"Resets in: soon", 0},
    {"Resets in: 45", 0},
    {"Resets in", 0},
    {"Resets in: 99999999999999999999d", UINT32_MAX},
    {"no word of it, 45s", 0},
  };
  for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
    char body[200];
    snprintf(body, sizeof body, "{\"code\":\"resource-exhausted\",\"error\":\"Too many. %s\"}", list[i].text);
    CHECK_INT(decode(429, body).retry_after_ms, list[i].ms);
  }
}

/* ---- frames and classes ---- */

static bool is_frame(const char *json) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *value = xai_json_parse(doc, json, strlen(json), 0, NULL);
  CHECK(value != NULL);
  bool frame = xai__is_error_frame(value);
  xai_json_doc_free(doc);
  return frame;
}

static void F50_error_frames_are_told_from_answers(void) {
  CHECK(is_frame("{\"error\":\"text\"}"));
  CHECK(is_frame("{\"error\":{\"message\":\"m\"}}"));
  CHECK(is_frame("{\"code\":\"unavailable\",\"error\":\"text\"}"));
  CHECK(is_frame("{\"type\":\"error\",\"message\":\"m\"}"));
  CHECK(is_frame("{\"code\":503,\"message\":\"m\"}"));
  CHECK(!is_frame("{\"id\":\"1\",\"output\":[],\"error\":{\"message\":\"m\"}}"));
  CHECK(!is_frame("{\"error\":null,\"x\":1}"));
  CHECK(!is_frame("{\"message\":\"hello\"}"));
  CHECK(!is_frame("{\"choices\":[],\"error\":\"x\"}"));
  CHECK(!is_frame("{\"data\":[],\"error\":\"x\"}"));
  CHECK(!is_frame("{\"status\":\"failed\",\"error\":{\"message\":\"a job that failed is an answer\"}}"));
  CHECK(!is_frame("[]") && !is_frame("\"text\"") && !is_frame("null") && !is_frame("{}"));
  CHECK(!xai__is_error_frame(NULL));
}

static void F36_the_class_of_an_attempt_follows_the_status(void) {
  static const int refused[] = {301, 400, 401, 403, 404, 413, 415, 422, 425, 429, 503, 529};
  static const int unknown[] = {408, 409, 500, 502, 504, 520, 521, 522, 523, 524, 525, 526, 530, 599};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    xai_error err = decode(refused[i], "");
    CHECK_INT(xai__class_of_status(refused[i], &err), XAI_ATTEMPT_REFUSED);
  }
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    xai_error err = decode(unknown[i], "");
    CHECK_INT(xai__class_of_status(unknown[i], &err), XAI_ATTEMPT_UNKNOWN);
  }
  xai_error busy = decode(200, "{\"code\":\"The service is currently unavailable\",\"error\":\"busy\"}");
  CHECK_INT(xai__class_of_status(200, &busy), XAI_ATTEMPT_REFUSED);
  xai_error broken = decode(200, "{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"oops\"}");
  CHECK_INT(xai__class_of_status(200, &broken), XAI_ATTEMPT_UNKNOWN);
  xai_error full = decode(500, "{\"code\":\"x\",\"error\":\"The model is currently at capacity\"}");
  CHECK_INT(xai__class_of_status(500, &full), XAI_ATTEMPT_UNKNOWN);
  CHECK_INT(xai__class_of_status(502, &full), XAI_ATTEMPT_UNKNOWN);
  CHECK_INT(xai__class_of_status(200, NULL), XAI_ATTEMPT_ANSWERED);
}

/* F92: without memory for the tree the text itself is shown. */
static xai_code decode_scenario(const xai_mem *mem) {
  xai_error err;
  const char *body = "{\"code\":\"invalid-argument\",\"error\":\"Model not found: grok-0\"}";
  xai__error_from_api(&err, mem, 400, xai_str_of(""), xai_str_of(body));
  CHECK_INT(err.kind, XAI_KIND_NOT_FOUND);
  CHECK(strstr(err.message, "Model not found: grok-0") != NULL);
  return XAI_OK;
}

static void a_huge_body_is_cut(void) {
  size_t len = 2 << 20;
  char *body = malloc(len);
  memset(body, 'a', len);
  xai_error err;
  xai__error_from_api(&err, NULL, 500, xai_str_of("text/plain"), (xai_str){body, len});
  CHECK_INT(strlen(err.message), sizeof err.message - 1);
  memset(body, '[', len);
  xai__error_from_api(&err, NULL, 500, xai_str_of(""), (xai_str){body, len});
  CHECK_INT(err.kind, XAI_KIND_SERVER);
  free(body);
}

int main(void) {
  RUN(every_code_has_its_name_and_sentence);
  RUN(a_failure_says_its_code_and_the_details);
  an_error_is_kept_or_reads_as_no_memory();
  RUN(a_long_message_is_cut_at_a_character);
  RUN(R8_keys_and_tokens_are_redacted);
  RUN(F35_every_shape_gives_message_and_code);
  RUN(F30_bodies_that_are_no_json_are_never_a_parse_error);
  RUN(R8_an_answer_that_quotes_the_key_does_not_show_it);
  RUN(every_answer_means_one_kind);
  RUN(the_wait_is_read_from_the_text);
  RUN(F50_error_frames_are_told_from_answers);
  RUN(F36_the_class_of_an_attempt_follows_the_status);
  RUN(a_huge_body_is_cut);
  check_nomem("F92_decoding_lives_through_lost_memory", decode_scenario);
  return check_report("err");
}
