/* test_schema_stream.c - a text held against a schema while it comes: where it dies, what is said, what is there so far.
 * SPDX-License-Identifier: MIT
 *
 * Schemas and texts are written with ' for ". A caret stands under the byte with which a text is dead.
 */
#include "check.h"
#include "xai_pattern.h"

/* ---- helpers ---- */

typedef struct text {
  char at[4000];
  size_t len;
} text;

static text quoted(const char *brief) {
  text t = {.len = strlen(brief)};
  for (size_t i = 0; i < t.len; i++) t.at[i] = brief[i] == '\'' ? '"' : brief[i];
  return t;
}

static xai_schema *compile(const char *brief) {
  xai_error err;
  text t = quoted(brief);
  xai_schema *schema = xai_schema_compile(NULL, t.at, t.len, NULL, &err);
  if (schema == NULL) printf("%s: %s: %s\n", check_name, brief, err.message);
  CHECK(schema != NULL);
  return schema;
}

/* The code after feeding `step` bytes at a time and finishing; *fed: bytes fed until the first error. */
static xai_code feed_all(xai_check *check, const text *t, size_t step, size_t *fed) {
  xai_check_reset(check);
  for (*fed = 0; *fed < t->len;) {
    size_t len = t->len - *fed < step ? t->len - *fed : step;
    /* A copy of its own, so that reading beyond it is seen. */
    char *piece = malloc(len);
    memcpy(piece, t->at + *fed, len);
    xai_code code = xai_check_feed(check, piece, len);
    free(piece);
    *fed += len;
    if (code != XAI_OK) return code;
  }
  return xai_check_finish(check);
}

/* ---- where it dies ---- */

typedef struct death {
  const char *schema;
  const char *value;
  const char *caret; /* NULL: it is valid; after the text: it dies at the end */
  const char *message;
} death;

#define UNION                                                                                    \
  "{'anyOf':[{'properties':{'kind':{'const':'cat'},'lives':{'type':'integer','maximum':9}},"     \
  "'required':['kind','lives'],'additionalProperties':false},"                                   \
  "{'properties':{'kind':{'const':'dog'},'tail':{'type':'boolean'}},'required':['kind','tail']," \
  "'additionalProperties':false}]}"

static const death deaths[] = {
  /* types */
  {"{'type':'object'}", " [1]", " ^", "the value must be an object, but is an array"},
  {"{'type':'integer'}", "'x'", "^", "the value must be an integer, but is a string"},
  {"{'type':'integer'}", "1.0", NULL, NULL},
  {"{'type':'integer'}", "1.5e1", NULL, NULL},
  {"{'type':'integer'}", "[1.5]", "^", "the value must be an integer, but is an array"},
  {"{'items':{'type':'integer'}}", "[1.5 ]", "    ^", "/0 must be an integer, but is 1.5"},
  {"{'type':'integer'}", "1.5e-1", "    ^", "the value must be an integer, but is a number"},
  {"{'type':'integer'}", "10e-1", NULL, NULL},
  {"{'$schema':'http://json-schema.org/draft-04/schema#','type':'integer'}", "1.0", " ^",
   "the value must be an integer, but is a number"},
  {"{'type':['string','null']}", "true", "^", "the value must be null or a string, but is true"},
  {"{'properties':{'a':{'type':'integer'}}}", "{'a':'x'}", "     ^",
   "/a must be an integer, but is a string"},
  {"{'items':{'properties':{'a/b':{'type':'null'}}}}", "[{},{'a/b': 0}]", "            ^",
   "/1/a~1b must be null, but is a number"},
  {"false", " 1", " ^", "the value is not allowed"},
  /* choices */
  {"{'enum':['open','closed']}", "'ajar'", " ^",
   "the value must be one of 'open', 'closed', but begins with 'a'"},
  {"{'enum':['open','opus']}", "'opal'", "   ^",
   "the value must be one of 'open', 'opus', but begins with 'opa'"},
  {"{'enum':['open','opens']}", "'ope'", "    ^", "the value must be one of 'open', 'opens', but is 'ope'"},
  {"{'enum':['open',1]}", "[1]", "^", "the value must be one of 'open', 1, but is an array"},
  {"{'enum':['a\\nb']}", "'a\\nc'", "    ^", "the value must be 'a\\nb', but begins with 'a\\nc'"},
  {"{'enum':['\xc3\xa9t']}", "'\\u00e9t'", NULL, NULL},
  {"{'const':false}", "true", "^", "the value must be false, but is true"},
  {"{'const':5}", "-1", "^", "the value must be 5, but begins with -"},
  {"{'const':5}", "50e-1", NULL, NULL},
  {"{'const':5}", "50", "  ^", "the value must be 5, but is 50"},
  {"{'const':{'a':1}}", "[]", "^", "the value must be {'a':1}, but is an array"},
  /* strings */
  {"{'maxLength':3}", "'abcd'", "    ^", "the value must have at most 3 characters, but has more"},
  {"{'maxLength':2}", "'\xc3\xa9\xe2\x82\xacx'", "      ^",
   "the value must have at most 2 characters, but has more"},
  {"{'maxLength':1}", "'\\ud83d\\ude00'", NULL, NULL},
  {"{'minLength':2}", "'a'", "  ^", "the value must have at least 2 characters, but has 1"},
  {"{'pattern':'^a+$'}", "'ab'", "   ^", "the value must match the pattern ^a+$, but is 'ab'"},
  /* numbers: of a mantissa only the sign is certain */
  {"{'minimum':1}", "-3", "^", "the value must be at least 1, but begins with -"},
  {"{'minimum':0}", "-0", NULL, NULL},
  {"{'minimum':0}", "-0.0e5", NULL, NULL},
  {"{'minimum':0}", "-01", "  ^", "the text is not JSON: expected no digit after a leading zero at byte 2"},
  {"{'minimum':0}", "-12", " ^", "the value must be at least 0, but begins with -1"},
  {"{'exclusiveMinimum':0}", "-12", "^", "the value must be greater than 0, but begins with -"},
  {"{'maximum':-1}", "12", "^", "the value must be at most -1, but begins with 1"},
  {"{'maximum':9}", "90e-1", NULL, NULL},
  {"{'maximum':9}", "90", "  ^", "the value must be at most 9, but is 90"},
  {"{'maximum':9}", "9e+1", "   ^", "the value must be at most 9, but begins with 9e+1"},
  {"{'minimum':100}", "99e-3", "   ^", "the value must be at least 100, but begins with 99e-"},
  {"{'minimum':1}", "0.00001e9", NULL, NULL},
  {"{'multipleOf':2}", "3", " ^", "the value must be a multiple of 2, but is 3"},
  /* objects */
  {"{'properties':{'a':true},'additionalProperties':false}", "{'b':1}", "   ^", "'b' is not allowed"},
  {"{'properties':{'a':false}}", "{'b':1,'a':1}", "         ^", "'a' is not allowed"},
  {"{'patternProperties':{'^x':{'type':'null'}},'additionalProperties':{'type':'string'}}", "{'xy':1}",
   "      ^", "/xy must be null, but is a number"},
  {"{'additionalProperties':{'type':'string'}}", "{'k': {}}", "      ^",
   "/k must be a string, but is an object"},
  {"{'propertyNames':{'maxLength':2}}", "{'long':1}", "      ^",
   "the property name 'long' must have at most 2 characters, but has 4"},
  {"{'required':['a','b']}", "{'a':1}", "      ^", "'b' is missing"},
  {"{'properties':{'o':{'required':['a']}}}", "{'o':{}}", "      ^", "'a' is missing in /o"},
  {"{'dependentRequired':{'a':['b']}}", "{'a':1}", "      ^",
   "'b' is missing: it has to be there because 'a' is"},
  {"{'maxProperties':1}", "{'a':1,'b':2}", "      ^", "the value must have at most 1 property, but has more"},
  {"{'maxProperties':0}", "{'a':1}", "   ^", "the value must have at most 0 properties, but has more"},
  {"{'minProperties':1}", "{ }", "  ^", "the value must have at least 1 property, but has 0"},
  {"{'properties':{'a':{'type':'integer'}}}", "{'a':'x','a':1}", "     ^",
   "/a must be an integer, but is a string"},
  /* arrays */
  {"{'items':{'minimum':0}}", "[1,-2]", "    ^", "/1 must be at least 0, but begins with -2"},
  {"{'prefixItems':[true],'items':false}", "[1,2]", "   ^", "/1 is not allowed"},
  {"{'maxItems':1}", "[1,2]", "  ^", "the value must have at most 1 element, but has more"},
  {"{'maxItems':0}", "[1]", " ^", "the value must have at most 0 elements, but has more"},
  {"{'minItems':2}", "[1]", "  ^", "the value must have at least 2 elements, but has 1"},
  {"{'uniqueItems':true}", "[1,2,1]", "      ^",
   "the value must not repeat elements, but elements 0 and 2 are equal"},
  {"{'contains':{'type':'null'}}", "[1]", "  ^",
   "the value must have at least 1 element as asked for under 'contains', but has 0"},
  /* other schemas */
  {"{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b','maxLength':1},'b':{'type':'string'}}}", "12", "^",
   "the value must be a string, but is a number"},
  {"{'allOf':[{'minLength':1},{'enum':['a']}]}", "'b'", " ^", "the value must be 'a', but begins with 'b'"},
  {"{'anyOf':[{'type':'string'},{'type':'null'}]}", "1", "^",
   "the value must be null or a string, but is a number"},
  {"{'anyOf':[{'const':'a'},{'const':'b'}]}", "'c'", " ^",
   "the value fits none of the 2 alternatives under 'anyOf'"},
  {"{'oneOf':[{'minimum':0},true]}", "1", " ^",
   "the value must fit exactly one alternative under 'oneOf', but fits numbers 0 and 1"},
  {"{'oneOf':[true,{'type':'number'}]}", "1", "^",
   "the value must fit exactly one alternative under 'oneOf', but fits numbers 0 and 1"},
  {"{'not':{'type':'null'}}", "[null]", NULL, NULL},
  {"{'items':{'not':{'type':'null'}}}", "[null]", " ^", "/0 must not fit the schema under 'not'"},
  {"{'if':{'required':['a']},'then':{'required':['b']}}", "{'a':1}", "      ^", "'b' is missing"},
  {"{'properties':{'a':true},'unevaluatedProperties':false}", "{'a':1,'b':2}", "            ^",
   "'b' is not allowed"},
  /* unions told apart by a property */
  {UNION, "{'kind':'cat','lives':9}", NULL, NULL},
  {UNION, "{'kind':'cow','lives':9}", "          ^",
   "the value fits none of the 2 alternatives under 'anyOf'"},
  {UNION, "{'kind':'cat','tail':true}", "                   ^", "'tail' is not allowed"},
  {UNION, "{'lives':9,'kind':'dog'}", "                   ^", "/kind must be 'cat', but begins with 'd'"},
  {UNION, "{'kind':'dog','tail':3}", "                     ^",
   "/tail must be true or false, but is a number"},
  {UNION, "{'kind':'dog'}", "             ^", "'tail' is missing"},
  /* no JSON */
  {"true", "{'a':tru}", "        ^", "the text is not JSON: expected true at byte 8"},
  {"true", "[1", "  ^", "the text is not JSON: expected ',' or ']' at byte 2"},
  {"true", "", "^", "the text is not JSON: expected a value at byte 0"},
  {"true", "1 2", "  ^", "the text is not JSON: expected the end of the text at byte 2"},
  {"true", "'\xc3('", " ^", "the text is not JSON: expected a character in UTF-8 at byte 1"},
};

/* A sentence with ' for ". */
static void check_sentence(xai_str got, const char *want) {
  text t = {.len = got.len < sizeof t.at - 1 ? got.len : sizeof t.at - 1};
  for (size_t i = 0; i < t.len; i++) t.at[i] = got.ptr[i] == '"' ? '\'' : got.ptr[i];
  CHECK_STR(((xai_str){t.at, t.len}), want);
}

/* Bytes fed when the one at `at` is decisive. */
static size_t needed(size_t at, size_t len, size_t step) {
  size_t fed = (at / step + 1) * step;
  return fed < len ? fed : len;
}

static void check_death(const death *d, size_t step) {
  xai_schema *schema = compile(d->schema);
  xai_check *check = xai_check_new(NULL, schema, step == 2);
  text t = quoted(d->value);
  size_t fed;
  xai_code code = feed_all(check, &t, step, &fed);
  const xai_violation *v = xai_check_violation(check, 0);
  int bad = check_bad;
  check_bad = 0;
  if (d->caret == NULL) {
    CHECK_INT(code, XAI_OK);
  } else {
    size_t at = strlen(d->caret) - 1;
    CHECK(code == XAI_ERR_INVALID || code == XAI_ERR_JSON || code == XAI_ERR_UTF8);
    CHECK(v != NULL);
    if (v != NULL) CHECK_INT(v->offset, at);
    if (v != NULL) check_sentence(v->message, d->message);
    if (code != XAI_ERR_UTF8) CHECK_INT(fed, needed(at, t.len, step));
    CHECK_INT(xai_check_feed(check, "1", 1), code);
    CHECK_INT(xai_check_finish(check), code);
  }
  if (check_bad) printf("  for %s in steps of %d\n", d->value, (int)step);
  check_bad |= bad;
  xai_check_free(check);
  xai_schema_free(schema);
}

static void dies_at_the_byte_that_decides(void) {
  for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
    check_death(&deaths[i], 1);
    check_death(&deaths[i], 2);
    check_death(&deaths[i], 5);
    check_death(&deaths[i], 4000);
  }
}

/* ---- what is there so far ---- */

typedef struct moment {
  const char *text;
  const char *value; /* NULL: nothing yet */
} moment;

static const moment moments[] = {
  {" ", NULL},
  {"{", "{}"},
  {"{'a", "{}"},
  {"{'a' :", "{}"},
  {"{'a':'", "{'a':''}"},
  {"{'a':'x\\", "{'a':'x'}"},
  {"{'a':'x\\u00", "{'a':'x'}"},
  {"{'a':'x\\ud83d", "{'a':'x'}"},
  {"{'a':'x\\ud83d\\ude00", "{'a':'x\xf0\x9f\x98\x80'}"},
  {"{'a':'x\\ud83dy", "{'a':'x\xef\xbf\xbdy'}"},
  {"{'a':'\xe2\x82", "{'a':''}"},
  {"{'a':'\xe2\x82\xac", "{'a':'\xe2\x82\xac'}"},
  {"{'a':12", "{}"},
  {"{'a':12,", "{'a':12}"},
  {"{'a':tru", "{}"},
  {"{'a':true", "{'a':true}"},
  {"[[[1,2", "[[[1]]]"},
  {"[{'a':[]},{'b':{'c':nul", "[{'a':[]},{'b':{}}]"},
  {"[1,", "[1]"},
  {"{'a':1,'a':'", "{'a':1,'a':''}"},
};

static void check_moment(xai_check *check, const moment *m, size_t step) {
  text t = quoted(m->text), want = quoted(m->value == NULL ? "" : m->value);
  xai_check_reset(check);
  CHECK(xai_check_partial(check) == NULL);
  for (size_t at = 0; at < t.len; at += step)
    CHECK_INT(xai_check_feed(check, t.at + at, t.len - at < step ? t.len - at : step), XAI_OK);
  const xai_json *value = xai_check_partial(check);
  CHECK((value == NULL) == (m->value == NULL));
  if (value == NULL || m->value == NULL) return;
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_str got;
  xai_json_put_value(writer, value);
  CHECK_INT(xai_json_writer_end(writer, &got, NULL), XAI_OK);
  want.at[want.len] = '\0';
  CHECK_STR(got, want.at);
  xai_json_writer_free(writer);
}

static void knows_the_value_so_far(void) {
  xai_schema *schema = compile("true");
  xai_check *check = xai_check_new(NULL, schema, false);
  for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
    check_moment(check, &moments[i], 1);
    check_moment(check, &moments[i], 1000);
  }
  xai_check_free(check);
  xai_schema_free(schema);
}

static void grows_the_value_in_place(void) {
  xai_schema *schema = compile("{'properties':{'a':{'maxLength':100000}}}");
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(xai_check_feed(check, "{\"a\":\"", 6), XAI_OK);
  const xai_json *root = xai_check_partial(check), *a = xai_json_get(root, "a");
  for (int i = 0; i < 50000; i++) CHECK_INT(xai_check_feed(check, "x", 1), XAI_OK);
  CHECK(xai_check_partial(check) == root && xai_json_get(root, "a") == a);
  CHECK_INT(xai_json_str(a).len, 50000);
  CHECK_INT(xai_check_feed(check, "\"}", 2), XAI_OK);
  CHECK_INT(xai_check_finish(check), XAI_OK);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* ---- the same JSON as everywhere ---- */

/* Code and offset of a text that is no JSON, or XAI_OK, as xai_json_parse has them. */
static void check_reading(xai_check *check, xai_json_doc *doc, const char *at, size_t len) {
  xai_error err;
  xai_code code = XAI_OK;
  (void)xai_json_parse(doc, at, len, 0, &err);
  xai_check_reset(check);
  for (size_t i = 0; i < len && code == XAI_OK; i++) code = xai_check_feed(check, at + i, 1);
  if (code == XAI_OK) code = xai_check_finish(check);
  CHECK_INT(code, err.code);
  if (code == XAI_OK || code != err.code) return;
  const xai_violation *v = xai_check_violation(check, 0);
  CHECK(v != NULL && v->offset == err.offset);
  if (v == NULL || v->offset != err.offset) printf("  %.*s: not at %d\n", (int)len, at, (int)err.offset);
}

static const char *const readings[] = {"01",
                                       "-",
                                       "-a",
                                       "1.",
                                       "1.e",
                                       "1e",
                                       "1e+",
                                       "1e5",
                                       "+1",
                                       ".5",
                                       "0x1",
                                       "1 1",
                                       "tru",
                                       "trux",
                                       "nul",
                                       "n",
                                       "falsE",
                                       "[",
                                       "]",
                                       "[1",
                                       "[1 2]",
                                       "[,",
                                       "[1,]",
                                       "[1,,2]",
                                       "{",
                                       "}",
                                       "{1",
                                       "{'a'",
                                       "{'a' 1",
                                       "{'a':}",
                                       "{'a':1,}",
                                       "{'a':1,2",
                                       "{,}",
                                       "[}",
                                       "{]",
                                       "'",
                                       "'\\",
                                       "'\\x'",
                                       "'\\u12",
                                       "'\\u12g4'",
                                       "'\\ud800'",
                                       "'\\ud800\\u12",
                                       "'a\tb'",
                                       "'a\x01'",
                                       "'\\ud800\\ud800\\udc00'",
                                       "'\\udc00'",
                                       "'\\ud800\\n'",
                                       " \n\r\t",
                                       "\xef\xbb\xbf 1",
                                       "\x0b",
                                       "[1]x",
                                       "'\xe2\x82",
                                       "{'\xff':1}",
                                       "{'\\u00e9\\ud83d\xc3\xa9':[]}",
                                       "{'':{'':''}}",
                                       "'\x7f'",
                                       "[[[[[]]]]",
                                       "-0.0E-10",
                                       "0e",
                                       "9.9.9"};

static void reads_json_as_the_reader_of_whole_texts(void) {
  xai_schema *schema = compile("true");
  xai_check *check = xai_check_new(NULL, schema, false);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
    text t = quoted(readings[i]);
    for (size_t len = 0; len <= t.len; len++) check_reading(check, doc, t.at, len);
  }
  /* Every first and second byte of a character, and what may come then. */
  static const char thirds[] = "\x80\xbf\x7f\xc0";
  for (int first = 0x80; first < 0x100; first++) {
    for (int second = 0x70; second < 0x100; second += second < 0x7f || second > 0xc0 ? 8 : 1) {
      for (int k = 0; k < 4; k++) {
        char bytes[] = {'"', (char)first, (char)second, thirds[k], '\xbf', '"'};
        check_reading(check, doc, bytes, sizeof bytes);
        bytes[3 + k / 2] = '"';
        check_reading(check, doc, bytes, (size_t)(4 + k / 2));
      }
    }
  }
  xai_json_doc_free(doc);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* ---- life ---- */

static void ends_for_good_until_a_reset(void) {
  xai_schema *schema = compile("{'type':'integer'}");
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(xai_check_feed(NULL, "1", 1), XAI_ERR_ARG);
  CHECK_INT(xai_check_feed(check, NULL, 1), XAI_ERR_ARG);
  CHECK_INT(xai_check_finish(NULL), XAI_ERR_ARG);
  CHECK(xai_check_partial(NULL) == NULL);
  CHECK_INT(xai_check_finish(check), XAI_ERR_JSON);
  CHECK_INT(xai_check_feed(check, "1", 1), XAI_ERR_JSON);
  xai_check_reset(check);
  CHECK_INT(xai_check_feed(check, NULL, 0), XAI_OK);
  CHECK_INT(xai_check_feed(check, "1", 1), XAI_OK);
  CHECK_INT(xai_check_finish(check), XAI_OK);
  CHECK_INT(xai_check_finish(check), XAI_OK);
  CHECK_INT(xai_check_feed(check, "1", 1), XAI_ERR_STATE);
  CHECK_INT(xai_json_type_of(xai_check_partial(check)), XAI_JSON_NUMBER);
  xai_check_reset(check);
  CHECK_INT(xai_check_feed(check, "\"", 1), XAI_ERR_INVALID);
  CHECK_INT(xai_check_violations(check), 1);
  CHECK_INT(xai_check_text(check, "7", 1, NULL), XAI_OK);
  CHECK(xai_check_partial(check) == NULL);
  CHECK_INT(xai_check_feed(check, "7", 1), XAI_OK);
  CHECK_INT(xai_check_value(check, NULL), XAI_ERR_ARG);
  CHECK_INT(xai_check_finish(check), XAI_OK);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* A violation has both pointers, whatever its path. */
static void names_the_place_in_value_and_schema(void) {
  xai_schema *schema =
    compile("{'properties':{'list':{'items':{'$ref':'#/$defs/n'}}},'$defs':{'n':{'minimum':0}}}");
  xai_check *check = xai_check_new(NULL, schema, true);
  text t = quoted("{'list':[1,-2,-3]}");
  size_t fed;
  CHECK_INT(feed_all(check, &t, 1, &fed), XAI_ERR_INVALID);
  CHECK_INT(xai_check_violations(check), 1);
  const xai_violation *v = xai_check_violation(check, 0);
  CHECK_STR(v->instance, "/list/1");
  CHECK_STR(v->schema, "/$defs/n/minimum");
  CHECK_STR(v->keyword, "minimum");
  CHECK_INT(v->offset, 12);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* Schemas that would take very long early are left to the end, which says so itself. */
static void does_not_take_too_many_steps(void) {
  char text_of_schema[4000] = "{\"$defs\":{\"d0\":{\"type\":\"integer\"}";
  for (int i = 1; i <= 30; i++) {
    char more[100];
    snprintf(more, sizeof more,
             ",\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i, i - 1, i - 1);
    strcat(text_of_schema, more);
  }
  strcat(text_of_schema, "},\"$ref\":\"#/$defs/d30\"}");
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_steps = 200000;
  xai_schema *schema = xai_schema_compile(NULL, text_of_schema, strlen(text_of_schema), &options, NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK(check != NULL);
  CHECK_INT(xai_check_feed(check, "1", 1), XAI_OK);
  CHECK_INT(xai_check_finish(check), XAI_ERR_STEPS);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* `count` times the same in a list. */
static char *repeated(const char *before, const char *unit, size_t count, const char *after) {
  size_t len = strlen(unit), first = strlen(before);
  char *all = malloc(first + count * len + strlen(after) + 1);
  memcpy(all, before, first);
  for (size_t i = 0; i < count; i++) memcpy(all + first + i * len, unit, len);
  strcpy(all + first + count * len, after);
  return all;
}

static xai_code stream_long(char *of_schema, char *json) {
  xai_schema *schema = xai_schema_compile(NULL, of_schema, strlen(of_schema), NULL, NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK(check != NULL);
  size_t len = strlen(json);
  xai_code code = XAI_OK;
  for (size_t at = 0; at < len && code == XAI_OK; at += 1000)
    code = xai_check_feed(check, json + at, len - at < 1000 ? len - at : 1000);
  if (code == XAI_OK) code = xai_check_finish(check);
  xai_check_free(check);
  xai_schema_free(schema);
  free(of_schema);
  free(json);
  return code;
}

/* Fifty thousand schemas at each of half a million elements, members or characters: some minutes, if all were asked. */
static void F85_looks_at_each_byte_with_few_schemas_or_none(void) {
  enum { SCHEMAS = 50000, VALUES = 500000 };
  CHECK_INT(stream_long(repeated("{\"allOf\":[", "{\"items\":{\"minimum\":0}},", SCHEMAS, "true]}"),
                        repeated("[", "1,", VALUES, "1]")),
            XAI_ERR_STEPS);
  CHECK_INT(
    stream_long(repeated("{\"allOf\":[", "{\"additionalProperties\":{\"minimum\":0}},", SCHEMAS, "true]}"),
                repeated("{", "\"a\":1,", VALUES, "\"a\":1}")),
    XAI_ERR_STEPS);
  CHECK_INT(stream_long(repeated("{\"allOf\":[", "{\"maxLength\":90000000},", SCHEMAS, "true]}"),
                        repeated("\"", "\\n", VALUES, "\"")),
            XAI_ERR_STEPS);
}

/* A pattern that explodes, which needs PCRE2, decides nothing early. */
static void leaves_what_it_cannot_know(void) {
  if (!XAI_PCRE2) return;
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.match_limit = 1000;
  text t = quoted("{'patternProperties':{'^(a|a?)+(?<!x)$':true},'additionalProperties':false}");
  xai_schema *schema = xai_schema_compile(NULL, t.at, t.len, &options, NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  t = quoted("{'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab':1}");
  CHECK_INT(xai_check_feed(check, t.at, t.len), XAI_OK);
  CHECK_INT(xai_check_finish(check), XAI_ERR_STEPS);
  CHECK_INT(xai_check_text(check, t.at, t.len, NULL), XAI_ERR_STEPS);
  xai_check_free(check);
  xai_schema_free(schema);
}

static void does_not_go_too_deep(void) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_depth = 10;
  text t = quoted("{'items':{'$ref':'#'}}");
  xai_schema *schema = xai_schema_compile(NULL, t.at, t.len, &options, NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(xai_check_feed(check, "[[[[[[[[[[", 10), XAI_OK);
  CHECK_INT(xai_check_feed(check, "[", 1), XAI_ERR_DEPTH);
  CHECK_INT(xai_check_violation(check, 0)->offset, 10);
  CHECK_INT(xai_check_finish(check), XAI_ERR_DEPTH);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* ---- memory ---- */

static const char heap_schema[] =
  "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[a-z]+$\"},\"properties\":{\"kind\":{\"enum\":[\"a\",\"b\"]},"
  "\"list\":{\"items\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\",\"maxLength\":9}]},"
  "\"uniqueItems\":true},\"deep\":{\"$ref\":\"#\"}},\"not\":{\"required\":[\"x\"]},\"unevaluatedProperties\":false}";
static const char heap_text[] =
  "{\"kind\":\"a\",\"list\":[1,\"two\\n\",3,\"\\u00e9\xc3\xa9\"],\"deep\":{\"deep\":{\"deep\":{\"list\":[9]}}}}";

static xai_code feed_heap(const xai_mem *mem, const char *text_to_feed, xai_code want) {
  xai_error err;
  xai_schema *schema = xai_schema_compile(mem, heap_schema, strlen(heap_schema), NULL, &err);
  if (schema == NULL) return err.code;
  xai_check *check = xai_check_new(mem, schema, false);
  xai_code code = check == NULL ? XAI_ERR_NOMEM : XAI_OK;
  for (const char *at = text_to_feed; code == XAI_OK && *at != '\0'; at++)
    code = xai_check_feed(check, at, 1);
  if (code == XAI_OK) code = xai_check_finish(check);
  if (code != XAI_OK) CHECK(check == NULL || xai_check_finish(check) == code || code == XAI_ERR_NOMEM);
  xai_check_free(check);
  xai_schema_free(schema);
  return code == want ? XAI_OK : code;
}

static xai_code valid_heap(const xai_mem *mem) {
  return feed_heap(mem, heap_text, XAI_OK);
}

static xai_code invalid_heap(const xai_mem *mem) {
  return feed_heap(mem, "{\"list\":[1,2,-5]}", XAI_ERR_INVALID);
}

static xai_code late_heap(const xai_mem *mem) {
  return feed_heap(mem, "{\"deep\":{\"list\":[1,2,1]}}", XAI_ERR_INVALID);
}

static xai_code broken_heap(const xai_mem *mem) {
  return feed_heap(mem, "{\"list\":[1,,]}", XAI_ERR_JSON);
}

int main(void) {
  RUN(dies_at_the_byte_that_decides);
  RUN(knows_the_value_so_far);
  RUN(grows_the_value_in_place);
  RUN(reads_json_as_the_reader_of_whole_texts);
  RUN(ends_for_good_until_a_reset);
  RUN(names_the_place_in_value_and_schema);
  RUN(does_not_take_too_many_steps);
  RUN(F85_looks_at_each_byte_with_few_schemas_or_none);
  RUN(leaves_what_it_cannot_know);
  RUN(does_not_go_too_deep);
  check_nomem("without memory: valid", valid_heap);
  check_nomem("without memory: invalid", invalid_heap);
  check_nomem("without memory: invalid at a container's end", late_heap);
  check_nomem("without memory: no JSON", broken_heap);
  return check_report("schema stream");
}
