/* test_json_write.c - JSON written piece by piece, its sticky errors and its limits.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "check.h"
#include "xai_json.h"

static xai_json_writer *w; /* emptied before each use */

static xai_json_writer *fresh(void) {
  xai_json_writer_reset(w);
  return w;
}

static void gives(const char *want) {
  xai_str out;
  xai_error err;
  CHECK_INT(xai_json_writer_end(w, &out, &err), XAI_OK);
  CHECK_INT(err.code, XAI_OK);
  CHECK_STR(out, want);
  CHECK(out.ptr[out.len] == '\0');
}

static void fails(xai_code code, const char *words) {
  xai_str out;
  xai_error err;
  CHECK_INT(xai_json_writer_end(w, &out, &err), code);
  CHECK_INT(err.code, code);
  CHECK_INT(out.len, 0);
  if (strstr(err.message, words) == NULL) printf("%s: %s\n", check_name, err.message);
  CHECK(strstr(err.message, words) != NULL);
  CHECK_INT(xai_json_writer_end(w, &out, NULL), code);
}

static void put_key(const char *key) {
  xai_json_put_key(w, key, strlen(key));
}
static void put_str(const char *text) {
  xai_json_put_str(w, text, strlen(text));
}

/* ---- values ---- */

static void commas_and_colons_come_by_themselves(void) {
  xai_json_open_object(fresh());
  put_key("a");
  xai_json_open_array(w);
  xai_json_put_null(w);
  xai_json_put_bool(w, true);
  xai_json_put_bool(w, false);
  xai_json_open_array(w);
  xai_json_close_array(w);
  xai_json_open_object(w);
  xai_json_close_object(w);
  put_str("x");
  xai_json_close_array(w);
  put_key("b");
  xai_json_put_int(w, -5);
  put_key("");
  xai_json_put_raw(w, "{\"raw\": 1}", 10);
  put_key("c");
  xai_json_put_real(w, 0.5, false);
  xai_json_close_object(w);
  gives("{\"a\":[null,true,false,[],{},\"x\"],\"b\":-5,\"\":{\"raw\": 1},\"c\":0.5}");
}

static void one_value_of_any_type_is_a_text(void) {
  xai_json_put_null(fresh());
  gives("null");
  xai_json_put_int(fresh(), INT64_MIN);
  gives("-9223372036854775808");
  xai_json_put_str(fresh(), NULL, 0);
  gives("\"\"");
  xai_json_open_array(fresh());
  xai_json_close_array(w);
  gives("[]");
  xai_json_put_value(fresh(), NULL);
  gives("null");
}

static void only_what_must_be_is_escaped(void) {
  xai_json_put_str(fresh(), "\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa4\xf0\x9f\x98\x80", 18);
  gives("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f \xc3\xa4\xf0\x9f\x98\x80\"");
  xai_json_open_object(fresh());
  xai_json_put_key(w, "k\0\n\xc3\xa4", 5);
  xai_json_put_str(w, "a\0b", 3);
  xai_json_close_object(w);
  gives("{\"k\\u0000\\n\xc3\xa4\":\"a\\u0000b\"}");
}

static void an_escape_is_found_at_every_place_of_every_length(void) {
  char text[40], want[64];
  for (size_t len = 1; len < sizeof text - 1; len++) {
    for (size_t at = 0; at < len; at++) {
      memset(text, 'x', sizeof text);
      text[at] = '\n';
      xai_json_put_str(fresh(), text, len);
      snprintf(want, sizeof want, "\"%.*s\\n%.*s\"", (int)at, text, (int)(len - at - 1), text + at + 1);
      gives(want);
    }
  }
}

/* What so many bytes 1 are written as. */
static size_t escape_all(char *to, size_t len) {
  for (size_t i = 0; i < len; i++) memcpy(to + 6 * i, "\\u0001", 6);
  return 6 * len;
}

static void a_text_comes_out_whole_wherever_the_buffer_ends(void) {
  char filler[400], controls[40], want[1024];
  memset(filler, '7', sizeof filler);
  memset(controls, 1, sizeof controls);
  for (size_t fill = 1; fill < sizeof filler; fill++) {
    for (size_t len = 0; len < sizeof controls; len += 1 + fill % 7) {
      xai_json_writer *small = xai_json_writer_new(NULL, 0, 0);
      xai_str out;
      xai_json_open_array(small);
      xai_json_put_raw(small, filler, fill);
      xai_json_put_str(small, controls, len);
      xai_json_put_str(small, filler, len);
      xai_json_close_array(small);
      size_t at = (size_t)snprintf(want, sizeof want, "[%.*s,\"", (int)fill, filler);
      at += escape_all(want + at, len);
      snprintf(want + at, sizeof want - at, "\",\"%.*s\"]", (int)len, filler);
      CHECK_INT(xai_json_writer_end(small, &out, NULL), XAI_OK);
      CHECK_STR(out, want);
      xai_json_writer_free(small);
    }
  }
}

static void trees_come_out_as_they_went_in(void) {
  const char *text = "{\"a\":[1,-0.0,1E+05,[],{\"b\":[\"\\u001f\\n\",[[2]]]},\"y\"],\"c\":{\"d\":{},\"e\":"
                     "true},\"\":null,\"a\":false}";
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *root = xai_json_parse(doc, text, strlen(text), 0, NULL);
  xai_json_put_value(fresh(), root);
  gives(text);
  xai_json_open_array(fresh());
  xai_json_put_value(w, xai_json_get(root, "c"));
  xai_json_put_value(w, xai_json_at(xai_json_first(root), 1));
  xai_json_open_object(w);
  put_key("in");
  xai_json_put_value(w, xai_json_get(root, "c"));
  put_key("out");
  xai_json_put_value(w, NULL);
  xai_json_close_object(w);
  xai_json_close_array(w);
  gives("[{\"d\":{},\"e\":true},-0.0,{\"in\":{\"d\":{},\"e\":true},\"out\":null}]");
  xai_json_doc_free(doc);
}

/* ---- errors ---- */

static void keys_stand_before_each_value_of_an_object_and_nowhere_else(void) {
  fresh();
  put_key("a");
  fails(XAI_ERR_STATE, "a key outside an object");
  xai_json_open_array(fresh());
  put_key("a");
  fails(XAI_ERR_STATE, "a key outside an object");
  xai_json_open_object(fresh());
  put_str("a");
  fails(XAI_ERR_STATE, "needs a key");
  xai_json_open_object(fresh());
  xai_json_open_array(w);
  fails(XAI_ERR_STATE, "needs a key");
  xai_json_open_object(fresh());
  put_key("a");
  put_key("b");
  fails(XAI_ERR_STATE, "a key after a key");
  xai_json_open_object(fresh());
  put_key("a");
  xai_json_close_object(w);
  fails(XAI_ERR_STATE, "a key without a value");
}

static void brackets_must_match(void) {
  xai_json_close_array(fresh());
  fails(XAI_ERR_STATE, "closes what is not open");
  xai_json_open_array(fresh());
  xai_json_close_object(w);
  fails(XAI_ERR_STATE, "closes what is not open");
  xai_json_open_object(fresh());
  xai_json_close_array(w);
  fails(XAI_ERR_STATE, "closes what is not open");
}

static void there_is_exactly_one_whole_value(void) {
  fresh();
  fails(XAI_ERR_STATE, "no value was put");
  xai_json_open_array(fresh());
  fails(XAI_ERR_STATE, "still open");
  xai_json_close_array(w); /* to be asked too early is no failure */
  gives("[]");
  xai_json_put_null(w);
  fails(XAI_ERR_STATE, "a second value");
}

static void the_first_error_sticks_until_the_reset(void) {
  xai_json_put_real(fresh(), NAN, false);
  put_key("a");
  xai_json_close_array(w);
  xai_json_put_str(w, "\xff", 1);
  fails(XAI_ERR_ARG, "no NaN");
  xai_json_put_real(fresh(), -INFINITY, true);
  fails(XAI_ERR_ARG, "no infinity");
  xai_json_put_raw(fresh(), "", 0);
  fails(XAI_ERR_ARG, "empty");
  xai_json_put_bool(fresh(), true);
  gives("true");
}

static void invalid_utf8_is_refused_with_its_offset(void) {
  xai_str out;
  xai_error err;
  xai_json_put_str(fresh(), "good \xc3\xa4 bad \xed\xa0\x80", 15);
  CHECK_INT(xai_json_writer_code(w), XAI_ERR_UTF8);
  CHECK_INT(xai_json_writer_end(w, &out, &err), XAI_ERR_UTF8);
  CHECK_INT(err.offset, 12);
  xai_json_open_object(fresh());
  xai_json_put_key(w, "escape\nfirst \xff", 14);
  xai_json_put_str(w, "later, other \xff", 14);
  CHECK_INT(xai_json_writer_end(w, &out, &err), XAI_ERR_UTF8);
  CHECK_INT(err.offset, 13);
}

static void the_depth_limit_is_exact(void) {
  xai_json_writer *shallow = xai_json_writer_new(NULL, 2, 0);
  xai_str out;
  xai_json_open_array(shallow);
  xai_json_open_array(shallow);
  xai_json_close_array(shallow);
  xai_json_open_array(shallow);
  xai_json_close_array(shallow);
  xai_json_close_array(shallow);
  CHECK_INT(xai_json_writer_end(shallow, &out, NULL), XAI_OK);
  CHECK_STR(out, "[[],[]]");
  xai_json_writer_reset(shallow);
  for (int i = 0; i < 3; i++) xai_json_open_array(shallow);
  CHECK_INT(xai_json_writer_end(shallow, &out, NULL), XAI_ERR_DEPTH);

  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  xai_json_writer_reset(shallow);
  xai_json_put_value(shallow, xai_json_parse(doc, "[1,[2,[3]]]", 11, 0, NULL));
  CHECK_INT(xai_json_writer_end(shallow, &out, NULL), XAI_ERR_DEPTH);
  xai_json_doc_free(doc);
  xai_json_writer_free(shallow);
}

static void put_one_of_each(xai_json_writer *to) {
  xai_json_open_object(to);
  xai_json_put_key(to, "key", 3);
  xai_json_open_array(to);
  xai_json_put_str(to, "plain", 5);
  xai_json_put_str(to, "esc\x01\n", 5);
  xai_json_put_int(to, 1234567);
  xai_json_put_real(to, 0.1, false);
  xai_json_close_array(to);
  xai_json_put_key(to, "\t", 1);
  xai_json_put_null(to);
  xai_json_close_object(to);
}

static void the_cap_on_bytes_is_exact(void) {
  const char *want = "{\"key\":[\"plain\",\"esc\\u0001\\n\",1234567,0.1],\"\\t\":null}";
  for (size_t cap = 1; cap <= strlen(want); cap++) {
    xai_json_writer *small = xai_json_writer_new(NULL, 0, cap);
    put_one_of_each(small);
    xai_str out;
    xai_code code = xai_json_writer_end(small, &out, NULL);
    CHECK_INT(code, cap < strlen(want) ? XAI_ERR_TOO_BIG : XAI_OK);
    CHECK_STR(out, code == XAI_OK ? want : "");
    xai_json_writer_free(small);
  }
}

static xai_code write_much(const xai_mem *mem) {
  const char *text = "[[[[[[[[[[[[[[[[[[[[{\"a\":\"b\\n\"}]]]]]]]]]]]]]]]]]]]]";
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *tree = xai_json_parse(doc, text, strlen(text), 0, NULL);
  xai_json_writer *writer = xai_json_writer_new(mem, 0, 0);
  xai_code code = XAI_ERR_NOMEM;
  if (writer != NULL) {
    xai_str out;
    xai_json_open_array(writer);
    for (int i = 0; i < 100; i++) put_one_of_each(writer);
    for (int i = 0; i < 100; i++) xai_json_put_value(writer, tree);
    xai_json_close_array(writer);
    code = xai_json_writer_end(writer, &out, NULL);
  }
  xai_json_writer_free(writer);
  xai_json_doc_free(doc);
  return code;
}

static void memory_is_kept_over_resets(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_json_writer *kept = xai_json_writer_new(&mem, 0, 0);
  put_one_of_each(kept);
  long before = heap.count;
  for (int i = 0; i < 10; i++) {
    xai_json_writer_reset(kept);
    put_one_of_each(kept);
  }
  CHECK_INT(heap.count, before);
  xai_json_writer_free(kept);
  xai_json_writer_free(NULL);
  CHECK_INT(heap.live, 0);
}

int main(void) {
  w = xai_json_writer_new(NULL, 0, 0);
  RUN(commas_and_colons_come_by_themselves);
  RUN(one_value_of_any_type_is_a_text);
  RUN(only_what_must_be_is_escaped);
  RUN(an_escape_is_found_at_every_place_of_every_length);
  RUN(a_text_comes_out_whole_wherever_the_buffer_ends);
  RUN(trees_come_out_as_they_went_in);
  RUN(keys_stand_before_each_value_of_an_object_and_nowhere_else);
  RUN(brackets_must_match);
  RUN(there_is_exactly_one_whole_value);
  RUN(the_first_error_sticks_until_the_reset);
  RUN(invalid_utf8_is_refused_with_its_offset);
  RUN(the_depth_limit_is_exact);
  RUN(the_cap_on_bytes_is_exact);
  check_nomem("f92_writing_survives_each_failed_allocation", write_much);
  RUN(memory_is_kept_over_resets);
  xai_json_writer_free(w);
  return check_report("json_write");
}
