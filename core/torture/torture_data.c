/* torture_data.c - JSON, JSON Schema and server-sent events with each allocation failing in turn (F92).
 * SPDX-License-Identifier: MIT */
#include "torture.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- names: nothing to allocate, so nothing may fail */

static xai_code names_need_no_memory(torture *t) {
  CHECK_STR(xai_str_of(xai_code_name(XAI_ERR_NOMEM)), "err_nomem");
  CHECK_STR(xai_str_of(xai_code_text(XAI_ERR_NOMEM)), "out of memory");
  CHECK_STR(xai_str_of(xai_kind_name(XAI_KIND_MEMORY)), "memory");
  CHECK(xai_kind_hint(XAI_KIND_MEMORY)[0] != '\0');
  CHECK_STR(xai_str_of(xai_outcome_name(XAI_OUTCOME_FAILED)), "failed");
  CHECK_STR(xai_str_of(xai_attempt_class_name(XAI_ATTEMPT_NOT_SENT)), "not_sent");
  CHECK(xai_curl_version()[0] != '\0');
  CHECK_INT(t->count, 0);
  return XAI_OK;
}

/* ---- JSON */

static const char wide[] =
  "{\"a\":[1,-2.5e3,true,false,null,\"plain\",\"esc\\u0061ped \\ud83d\\ude00\"],\"b\":{\"c\":{\"d\":[[[[[[]]]]]]}},"
  "\"long\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123\\n"
  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\","
  "\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,\"k9\":9,\"k10\":10,\"k11\":11,\"k12\":12}";

static void look_at(const xai_json *root) {
  int64_t whole = 0;
  double real = 0;
  const xai_json *a = xai_json_get(root, "a");
  CHECK_INT(xai_json_len(root), 15);
  CHECK_INT(xai_json_type_of(a), XAI_JSON_ARRAY);
  CHECK(xai_json_int(xai_json_first(a), &whole) && whole == 1);
  CHECK(xai_json_real(xai_json_next(xai_json_first(a)), &real) && real == -2500);
  CHECK(xai_json_bool(xai_json_at(a, 2)));
  CHECK_STR(xai_json_str(xai_json_at(a, 6)), "escaped \xf0\x9f\x98\x80");
  CHECK_STR(xai_json_key(xai_json_first(root)), "a");
  CHECK_STR(xai_json_text(xai_json_get(root, "k12")), "12");
}

static xai_code reads_json(torture *t) {
  xai_json_doc *doc = xai_json_doc_new(&t->mem, 0, 0);
  if (doc == NULL) return XAI_ERR_NOMEM;
  xai_error err = {.code = XAI_OK};
  const xai_json *root = xai_json_parse(doc, wide, strlen(wide), XAI_JSON_UNIQUE, &err);
  CHECK_INT(root == NULL, err.code != XAI_OK);
  if (root != NULL) look_at(root);
  calm(t);
  look_at(xai_json_parse(doc, wide, strlen(wide), 0, NULL));
  xai_json_doc_free(doc);
  return err.code;
}

static xai_code put_all(xai_json_writer *writer, const xai_json *value, xai_str *out) {
  xai_json_writer_reset(writer);
  xai_json_open_object(writer);
  xai_json_put_key(writer, "list", 4);
  xai_json_open_array(writer);
  xai_json_put_null(writer);
  xai_json_put_bool(writer, true);
  xai_json_put_int(writer, -7);
  xai_json_put_real(writer, 0.5, false);
  xai_json_put_str(writer, "a\x01\"\xc3\xa4", 5);
  xai_json_put_raw(writer, "{}", 2);
  xai_json_close_array(writer);
  xai_json_put_key(writer, "value", 5);
  xai_json_put_value(writer, value);
  xai_json_close_object(writer);
  xai_code code = xai_json_writer_code(writer), end = xai_json_writer_end(writer, out, NULL);
  CHECK_INT(code, end);
  return end;
}

static xai_code writes_json(torture *t) {
  static const char start[] = "{\"list\":[null,true,-7,0.5,\"a\\u0001\\\"\xc3\xa4\",{}],\"value\":{\"a\":[1,";
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *value = xai_json_parse(doc, wide, strlen(wide), 0, NULL);
  xai_json_writer *writer = xai_json_writer_new(&t->mem, 0, 0);
  xai_code code = XAI_ERR_NOMEM;
  xai_str text = {NULL, 0};
  if (writer != NULL) {
    code = put_all(writer, value, &text);
    if (code == XAI_OK) CHECK(text.len == 433 && memcmp(text.ptr, start, sizeof start - 1) == 0);
    calm(t);
    CHECK_INT(put_all(writer, value, &text), XAI_OK);
    CHECK(text.len == 433 && memcmp(text.ptr, start, sizeof start - 1) == 0);
  }
  xai_json_writer_free(writer);
  xai_json_doc_free(doc);
  return code;
}

/* ---- JSON Schema */

static const char ticket[] =
  "{\"$defs\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[\\\\w @.]+(?<!x)$\",\"format\":\"email\"},"
  "\"tree\":{\"$dynamicAnchor\":\"node\",\"properties\":{\"kids\":{\"items\":{\"$dynamicRef\":\"#node\"}}}}},"
  "\"type\":\"object\",\"required\":[\"id\",\"tags\"],\"properties\":{\"id\":{\"type\":\"integer\",\"multipleOf\":3},"
  "\"tags\":{\"type\":\"array\",\"uniqueItems\":true,\"prefixItems\":[{\"const\":\"t\"}],\"items\":{\"enum\":[\"a\","
  "\"b\",{\"c\":[1]}]},\"contains\":{\"type\":\"string\"}},\"who\":{\"$ref\":\"#/$defs/name\"},\"far\":{\"$ref\":"
  "\"urn:far\"},\"tree\":{\"$ref\":\"#/$defs/tree\"}},\"patternProperties\":{\"^x-\":{\"minimum\":1}},"
  "\"anyOf\":[{\"required\":[\"id\"]},{\"not\":{\"required\":[\"who\"]}}],\"unevaluatedProperties\":false,"
  "\"if\":{\"required\":[\"who\"]},\"then\":{\"minProperties\":2},\"dependentRequired\":{\"who\":[\"id\"]}}";
static const char good[] =
  "{\"id\":3,\"tags\":[\"t\",\"a\",{\"c\":[1]}],\"who\":\"a@b.example\",\"x-1\":2,\"far\":[1,2],"
  "\"tree\":{\"kids\":[{\"kids\":[]}]}}";
static const char bad[] =
  "{\"id\":4,\"tags\":[\"u\",\"a\",\"a\"],\"x-1\":0,\"far\":[1,2,3],\"tree\":{\"kids\":3},\"o\":1}";

static xai_schema *compile(const xai_mem *mem, const char *text, xai_error *err) {
  static const xai_schema_remote far = {"urn:far", {"{\"items\":{\"type\":\"integer\"},\"maxItems\":2}", 41}};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.remotes = &far;
  options.remote_count = 1;
  options.assert_content = true;
  options.base_uri = "http://example.com/root.json";
  return xai_schema_compile(mem, text, strlen(text), &options, err);
}

static xai_code compiles_schemas(torture *t) {
  xai_error err = {.code = XAI_OK}, again;
  xai_schema *schema = compile(&t->mem, ticket, &err);
  CHECK_INT(schema == NULL, err.code != XAI_OK);
  xai_schema_free(schema);
  calm(t);
  schema = compile(&t->mem, ticket, &again);
  CHECK(schema != NULL);
  xai_schema_free(schema);
  return err.code;
}

/* Each draft, its metaschema included. */
static xai_code compiles_drafts(torture *t) {
  static const char *const texts[] = {
    "{\"$schema\":\"http://json-schema.org/draft-04/schema#\",\"id\":\"http://e/\",\"minimum\":1,\"exclusiveMinimum\":true}",
    "{\"$schema\":\"http://json-schema.org/draft-06/schema#\",\"$ref\":\"http://json-schema.org/draft-06/schema#\"}",
    "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"dependencies\":{\"a\":[\"b\"]},\"items\":[{},true]}",
    "{\"$schema\":\"https://json-schema.org/draft/2019-09/schema\",\"$recursiveAnchor\":true,\"items\":true}",
    "{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}",
  };
  xai_code worst = XAI_OK;
  for (size_t i = 0; i < COUNT(texts); i++) {
    xai_error err = {.code = XAI_OK};
    xai_schema *schema = compile(&t->mem, texts[i], &err);
    if (schema == NULL) worst = err.code;
    xai_schema_free(schema);
  }
  return worst;
}

static xai_code verdict_of(xai_check *check, const char *text, const xai_json *value) {
  return value != NULL ? xai_check_value(check, value) : xai_check_text(check, text, strlen(text), NULL);
}

/* XAI_ERR_INVALID is what a bad value deserves: done, then. */
static xai_code expect(xai_code got, xai_code want) {
  CHECK(got == want || got == XAI_ERR_NOMEM);
  return got == want ? XAI_OK : got;
}

static xai_code check_each_way(torture *t, bool all_errors) {
  xai_schema *schema = compile(NULL, ticket, NULL);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *value = xai_json_parse(doc, bad, strlen(bad), 0, NULL);
  xai_check *check = xai_check_new(&t->mem, schema, all_errors);
  xai_code codes[3] = {XAI_ERR_NOMEM, XAI_OK, XAI_OK};
  if (check != NULL) {
    codes[0] = expect(verdict_of(check, good, NULL), XAI_OK);
    codes[1] = expect(verdict_of(check, bad, NULL), XAI_ERR_INVALID);
    codes[2] = expect(verdict_of(check, bad, value), XAI_ERR_INVALID);
    calm(t);
    xai_check_reset(check);
    CHECK_INT(verdict_of(check, good, NULL), XAI_OK);
    CHECK_INT(verdict_of(check, bad, value), XAI_ERR_INVALID);
    CHECK(xai_check_violations(check) >= (all_errors ? 5 : 1));
    for (size_t i = 0; i < xai_check_violations(check); i++)
      CHECK(xai_check_violation(check, i)->message.len > 0);
  }
  xai_check_free(check);
  xai_json_doc_free(doc);
  xai_schema_free(schema);
  return codes[0] != XAI_OK ? codes[0] : codes[1] != XAI_OK ? codes[1] : codes[2];
}

static xai_code checks_values(torture *t) {
  return check_each_way(t, false);
}

static xai_code checks_values_for_all_errors(torture *t) {
  return check_each_way(t, true);
}

/* Byte by byte, and the value so far asked for each time. */
static xai_code feed_all(xai_check *check, const char *text) {
  xai_code code = XAI_OK;
  for (size_t i = 0; code == XAI_OK && text[i] != '\0'; i++) {
    code = xai_check_feed(check, text + i, 1);
    if (code == XAI_OK) CHECK_INT(xai_json_type_of(xai_check_partial(check)), XAI_JSON_OBJECT);
  }
  return code == XAI_OK ? xai_check_finish(check) : code;
}

static xai_code checks_streams(torture *t) {
  xai_schema *schema = compile(NULL, ticket, NULL);
  xai_check *check = xai_check_new(&t->mem, schema, false);
  xai_code whole = XAI_ERR_NOMEM, broken = XAI_OK;
  if (check != NULL) {
    whole = expect(feed_all(check, good), XAI_OK);
    xai_check_reset(check);
    broken = expect(feed_all(check, bad), XAI_ERR_INVALID);
    calm(t);
    xai_check_reset(check);
    CHECK_INT(feed_all(check, good), XAI_OK);
    xai_check_reset(check);
    CHECK_INT(feed_all(check, bad), XAI_ERR_INVALID);
    CHECK_INT(xai_check_violations(check), 1);
  }
  xai_check_free(check);
  xai_schema_free(schema);
  return whole != XAI_OK ? whole : broken;
}

/* ---- server-sent events */

static xai_code pull_events(xai_sse *sse, const char *text, size_t piece) {
  size_t len = strlen(text), events = 0;
  xai_sse_event event;
  for (size_t at = 0; at < len; at += piece) {
    xai_code code = xai_sse_feed(sse, text + at, len - at < piece ? len - at : piece);
    while (code == XAI_OK && (code = xai_sse_next(sse, &event)) == XAI_OK) events += event.data.len > 0;
    if (code != XAI_MORE) return code;
  }
  xai_sse_end end;
  xai_sse_finish(sse, &end);
  CHECK_STR(end.last_event_id, "7");
  CHECK(xai_sse_offset(sse) > 0);
  CHECK_INT(events, 4);
  return XAI_OK;
}

static xai_code reads_events(torture *t) {
  static const char text[] =
    "data: one\n\nevent: named\nid: 7\ndata: two\ndata: lines\n\nretry: 10\n: a comment\n\n"
    "data: bro\xffken\n\ndata: 0123456789012345678901234567890123456789\n\ndata: rest";
  xai_sse *sse = xai_sse_new(&t->mem, 0);
  if (sse == NULL) return XAI_ERR_NOMEM;
  xai_code code = pull_events(sse, text, 5);
  calm(t);
  xai_sse_reset(sse);
  CHECK_INT(pull_events(sse, text, 5), XAI_OK);
  xai_sse_free(sse);
  return code;
}

int main(void) {
  TORTURE(names_need_no_memory);
  TORTURE(reads_json);
  TORTURE(writes_json);
  TORTURE(compiles_schemas);
  TORTURE(compiles_drafts);
  TORTURE(checks_values);
  TORTURE(checks_values_for_all_errors);
  TORTURE(checks_streams);
  TORTURE(reads_events);
  return torture_report("torture data");
}
