/* test_schema.c - JSON Schema beyond the suite: what is refused and how it is said, exact numbers, limits, memory.
 * SPDX-License-Identifier: MIT
 *
 * Schemas and values are written with ' for ".
 */
#include "check.h"
#include "xai_schema.h"
#include "xai_uri.h"

/* ---- helpers ---- */

typedef struct text {
  char at[40000];
  size_t len;
} text;

static text quoted(const char *brief) {
  text t = {.len = strlen(brief)};
  for (size_t i = 0; i < t.len; i++) t.at[i] = brief[i] == '\'' ? '"' : brief[i];
  return t;
}

static xai_schema *compile(const char *brief, const xai_schema_options *options, xai_error *err) {
  text t = quoted(brief);
  return xai_schema_compile(NULL, t.at, t.len, options, err);
}

static xai_schema *must_compile(const char *brief, const xai_schema_options *options) {
  xai_error err;
  xai_schema *schema = compile(brief, options, &err);
  if (schema == NULL) printf("%s: %s: %s\n", check_name, brief, err.message);
  CHECK(schema != NULL);
  return schema;
}

static xai_code check_with(xai_check *check, const char *brief) {
  text t = quoted(brief);
  return xai_check_text(check, t.at, t.len, NULL);
}

/* The code of one check of one value. */
static xai_code verdict(const char *schema_text, const char *value, const xai_schema_options *options) {
  xai_schema *schema = must_compile(schema_text, options);
  xai_check *check = xai_check_new(NULL, schema, false);
  xai_code code = check == NULL ? XAI_ERR_ARG : check_with(check, value);
  xai_check_free(check);
  xai_schema_free(schema);
  return code;
}

#define VALID(schema, value) CHECK_INT(verdict(schema, value, NULL), XAI_OK)
#define INVALID(schema, value) CHECK_INT(verdict(schema, value, NULL), XAI_ERR_INVALID)

/* ---- unions ---- */

/* The same union with a schema around each branch that hides what tells the branches apart. */
static void hide_branches(char *to, const char *const *branches, size_t count, const char *keyword) {
  to += sprintf(to, "{'%s':[", keyword);
  for (size_t i = 0; i < count; i++) to += sprintf(to, "%s{'allOf':[%s]}", i > 0 ? "," : "", branches[i]);
  strcpy(to, "]}");
}

static void show_branches(char *to, const char *const *branches, size_t count, const char *keyword) {
  to += sprintf(to, "{'%s':[", keyword);
  for (size_t i = 0; i < count; i++) to += sprintf(to, "%s%s", i > 0 ? "," : "", branches[i]);
  strcpy(to, "]}");
}

static void branches_told_apart_hold_as_others_do(void) {
  static const char *const unions[][6] = {
    {"{'properties':{'t':{'const':'a'},'x':{'type':'null'}}}", "{'properties':{'t':{'const':'b'}}}",
     "{'properties':{'t':{'enum':['c','a']}}}", "{'properties':{'t':{'const':'d'}},'required':['t']}"},
    {"{'type':'object','properties':{'t':{'const':1}}}", "{'properties':{'t':{'enum':[2,2.5]}}}",
     "{'properties':{'t':{'const':null}}}", "{'properties':{'t':{'const':true}}}", "{'required':['x']}"},
    {"{'properties':{'t':{'const':{'x':1}}}}", "{'properties':{'t':{'enum':['a',[1]]}}}",
     "{'properties':{'t':{'const':'b'}}}", "{'type':'string'}"},
    {"{'type':'null'}", "{'properties':{'t':{'const':'a','type':'string'}}}", "true",
     "{'properties':{'t':{'const':'b','enum':['b','c']}}}", "{'properties':{'t':{'enum':['a','b']}}}",
     "false"},
  };
  static const char *const values[] = {"{}",
                                       "{'t':'a'}",
                                       "{'t':'b'}",
                                       "{'t':'c'}",
                                       "{'t':'d'}",
                                       "{'t':'e'}",
                                       "{'t':1}",
                                       "{'t':1.0}",
                                       "{'t':2e0}",
                                       "{'t':25e-1}",
                                       "{'t':null}",
                                       "{'t':true}",
                                       "{'t':false}",
                                       "{'t':{'x':1.0}}",
                                       "{'t':[1]}",
                                       "{'t':[]}",
                                       "{'x':null,'t':'a'}",
                                       "{'x':1,'t':'a'}",
                                       "{'x':1,'t':9}",
                                       "{'t':'a','t':'b'}",
                                       "'a'",
                                       "null",
                                       "[]",
                                       "{'u':'a'}"};
  char shown[2000], hidden[2000];
  for (size_t u = 0; u < sizeof unions / sizeof unions[0]; u++) {
    size_t count = 0;
    while (count < 6 && unions[u][count] != NULL) count++;
    for (int one = 0; one < 2; one++) {
      show_branches(shown, unions[u], count, one ? "oneOf" : "anyOf");
      hide_branches(hidden, unions[u], count, one ? "oneOf" : "anyOf");
      for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        xai_code got = verdict(shown, values[v], NULL), wanted = verdict(hidden, values[v], NULL);
        if (got != wanted) printf("schema %s, value %s\n", shown, values[v]);
        CHECK_INT(got, wanted);
      }
    }
  }
  static const char by_ref[] =
    "{'anyOf':[{'$ref':'#/$defs/a'},{'$ref':'#/$defs/b'},{'$ref':'#/$defs/c'}],'$defs':{"
    "'a':{'properties':{'t':{'const':'a'},'x':{'const':1}}},'b':{'properties':{'t':{'const':'b'}}},"
    "'c':{'properties':{'t':{'const':'c'}},'required':['x']}}}";
  VALID(by_ref, "{'t':'a','x':1}");
  INVALID(by_ref, "{'t':'a','x':2}");
  VALID(by_ref, "{'t':'b','x':2}");
  INVALID(by_ref, "{'t':'c'}");
  INVALID(by_ref, "{'t':'d'}");
}

static void a_branch_that_alone_takes_a_type_is_held_against_it(void) {
  static const char optional[] = "{'properties':{'a':{'anyOf':[{'oneOf':[{'type':'integer','minimum':1},"
                                 "{'type':'array','items':{'type':'string'}}]},{'type':'null'}]}}}";
  VALID(optional, "{'a':1}");
  INVALID(optional, "{'a':0}");
  INVALID(optional, "{'a':1.5}");
  INVALID(optional, "{'a':'x'}");
  VALID(optional, "{'a':null}");
  VALID(optional, "{'a':['x']}");
  INVALID(optional, "{'a':['x',1]}");
  VALID("{'anyOf':[{'type':'number','minimum':5},{'type':'integer'}]}", "3");
  INVALID("{'oneOf':[{'type':'number','minimum':5},{'type':'integer'}]}", "7");
  /* What it evaluates counts further out. */
  static const char merged[] =
    "{'allOf':[{'anyOf':[{'type':'object','properties':{'a':{}}},{'type':'null'}]}],"
    "'unevaluatedProperties':false}";
  VALID(merged, "{'a':1}");
  INVALID(merged, "{'a':1,'b':1}");
  VALID(merged, "null");
  /* The union's own type still holds, and what stands beside it. */
  INVALID("{'type':'null','anyOf':[{'type':'string'},{'type':'null'}]}", "'x'");
  INVALID("{'maxLength':1,'anyOf':[{'type':'string'},{'type':'null'}]}", "'xy'");
  INVALID("{'anyOf':[{'type':'string'},{'type':'null'}],'oneOf':[{'maxLength':1},{'type':'null'}]}", "'xy'");
}

/* Those that are not tried cost no steps: 60 branches of which each would take some. */
static void a_union_is_as_quick_as_one_of_its_branches(void) {
  char brief[8000];
  size_t len = (size_t)sprintf(brief, "{'items':{'oneOf':[");
  for (int i = 0; i < 60; i++)
    len += (size_t)sprintf(brief + len, "%s{'properties':{'t':{'const':'t%d'},'n':{'minimum':%d}}}",
                           i > 0 ? "," : "", i, i);
  strcpy(brief + len, "]}}");
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_steps = 30;
  CHECK_INT(verdict(brief, "[{'t':'t59','n':59}]", &options), XAI_OK);
  CHECK_INT(verdict(brief, "[{'t':'t59','n':58}]", &options), XAI_ERR_INVALID);
  CHECK_INT(verdict(brief, "[{'n':-1}]", &options), XAI_ERR_STEPS); /* each may be meant */
}

/* ---- what is said ---- */

typedef struct sentence {
  const char *schema;
  const char *value;
  const char *instance;
  const char *where;
  const char *keyword;
  const char *message;
} sentence;

static const sentence sentences[] = {
  {"{'type':'integer'}", "'x'", "", "/type", "type", "the value must be an integer, but is 'x'"},
  {"{'properties':{'age':{'type':['integer','null']}}}", "{'age':1.5}", "/age", "/properties/age/type",
   "type", "/age must be null or an integer, but is 1.5"},
  {"{'type':'string'}", "[1,2]", "", "/type", "type",
   "the value must be a string, but is an array of 2 elements"},
  {"{'type':'string'}", "{}", "", "/type", "type", "the value must be a string, but is an object"},
  {"{'items':{'properties':{'price':{'minimum':0}}}}", "[{},{'price':-2}]", "/1/price",
   "/items/properties/price/minimum", "minimum", "/1/price must be at least 0, but is -2"},
  {"{'maximum':3}", "4", "", "/maximum", "maximum", "the value must be at most 3, but is 4"},
  {"{'exclusiveMinimum':0}", "0.0", "", "/exclusiveMinimum", "exclusiveMinimum",
   "the value must be greater than 0, but is 0.0"},
  {"{'exclusiveMaximum':1e2}", "100", "", "/exclusiveMaximum", "exclusiveMaximum",
   "the value must be less than 1e2, but is 100"},
  {"{'multipleOf':0.01}", "0.075", "", "/multipleOf", "multipleOf",
   "the value must be a multiple of 0.01, but is 0.075"},
  {"{'required':['colour']}", "{}", "", "/required", "required", "'colour' is missing"},
  {"{'items':{'required':['colour']}}", "[{}]", "/0", "/items/required", "required",
   "'colour' is missing in /0"},
  {"{'dependentRequired':{'card':['billing']}}", "{'card':1}", "", "/dependentRequired", "dependentRequired",
   "'billing' is missing: it has to be there because 'card' is"},
  {"{'properties':{'a':true},'additionalProperties':false}", "{'b':1}", "/b", "/additionalProperties",
   "additionalProperties", "'b' is not allowed"},
  {"{'items':{'additionalProperties':false}}", "[0,{'b':{}}]", "/1/b", "/items/additionalProperties",
   "additionalProperties", "'b' is not allowed in /1"},
  {"{'prefixItems':[true],'items':false}", "[1,2]", "/1", "/items", "items", "/1 is not allowed"},
  {"false", "1", "", "", "", "the value is not allowed"},
  {"{'properties':{'status':{'enum':['open','closed',3]}}}", "{'status':'ajar'}", "/status",
   "/properties/status/enum", "enum", "/status must be one of 'open', 'closed', 3, but is 'ajar'"},
  {"{'const':{'a':[1]}}", "{'a':[2]}", "", "/const", "const",
   "the value must be {'a':[1]}, but is an object"},
  {"{'minLength':2}", "'\xc3\xa9'", "", "/minLength", "minLength",
   "the value must have at least 2 characters, but has 1"},
  {"{'maxLength':1}", "'ab'", "", "/maxLength", "maxLength",
   "the value must have at most 1 character, but has 2"},
  {"{'pattern':'^[A-Z]+$'}", "'abc'", "", "/pattern", "pattern",
   "the value must match the pattern ^[A-Z]+$, but is 'abc'"},
  {"{'minItems':1}", "[]", "", "/minItems", "minItems", "the value must have at least 1 element, but has 0"},
  {"{'maxItems':1}", "[1,2]", "", "/maxItems", "maxItems",
   "the value must have at most 1 element, but has 2"},
  {"{'minProperties':1}", "{}", "", "/minProperties", "minProperties",
   "the value must have at least 1 property, but has 0"},
  {"{'uniqueItems':true}", "[1,2,1.0]", "", "/uniqueItems", "uniqueItems",
   "the value must not repeat elements, but elements 0 and 2 are equal"},
  {"{'contains':{'type':'null'}}", "[1]", "", "/contains", "contains",
   "the value must have at least 1 element as asked for under 'contains', but has 0"},
  {"{'contains':true,'maxContains':1}", "[1,2,3]", "", "/maxContains", "maxContains",
   "the value must have at most 1 element as asked for under 'contains', but has 2 or more"},
  {"{'propertyNames':{'maxLength':2}}", "{'long':1}", "", "/propertyNames/maxLength", "maxLength",
   "the property name 'long' must have at most 2 characters, but has 4"},
  {"{'not':{'type':'null'}}", "null", "", "/not", "not", "the value must not fit the schema under 'not'"},
  {"{'oneOf':[{'minimum':0},true,{'maximum':9}]}", "'x'", "", "/oneOf", "oneOf",
   "the value must fit exactly one alternative under 'oneOf', but fits numbers 0 and 1"},
  {"{'anyOf':[{'type':'string'},{'type':'null'}]}", "1", "", "/anyOf", "anyOf",
   "the value must be null or a string, but is 1"},
  {"{'anyOf':[{'type':'object','required':['a']},{'type':'null'}]}", "{}", "", "/anyOf/0/required",
   "required", "'a' is missing"},
  {"{'oneOf':[{'properties':{'t':{'const':1},'x':{'type':'null'}}},{'properties':{'t':{'const':2},'x':false}}]}",
   "{'t':2,'x':0}", "/x", "/oneOf/1/properties/x", "properties", "'x' is not allowed"},
  {"{'anyOf':[{'required':['a']},{'required':['b']}]}", "{}", "", "/anyOf", "anyOf",
   "the value fits none of the 2 alternatives under 'anyOf'"},
  {"{'anyOf':[{'items':{'oneOf':[{'type':'string'},{'type':'array','minItems':2}]}},{'type':'null'}]}",
   "['',[1]]", "/1", "/anyOf/0/items/oneOf/1/minItems", "minItems",
   "/1 must have at least 2 elements, but has 1"},
  {"{'$ref':'#/$defs/a~1b','$defs':{'a/b':{'type':'null'}}}", "0", "", "/$defs/a~1b/type", "type",
   "the value must be null, but is 0"},
  {"{'$ref':'http://x/other#/deep/er','$defs':{'o':true}}", "0", "", "http://x/other#/deep/er/type", "type",
   "the value must be null, but is 0"},
  {"{'properties':{'a/b~c':{'type':'null'}}}", "{'a/b~c':0}", "/a~1b~0c", "/properties/a~1b~0c/type", "type",
   "/a~1b~0c must be null, but is 0"},
  {"{'unevaluatedProperties':false}", "{'x':1}", "/x", "/unevaluatedProperties", "unevaluatedProperties",
   "'x' is not allowed"},
  {"{'$schema':'http://json-schema.org/draft-04/schema#','minimum':0,'exclusiveMinimum':true}", "0", "",
   "/minimum", "minimum", "the value must be greater than 0, but is 0"},
};

static void each_violation_has_both_pointers_and_a_sentence(void) {
  xai_schema_remote remote = {"http://x/other", {"{\"deep\":{\"er\":{\"type\":\"null\"}}}", 31}};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.remotes = &remote;
  options.remote_count = 1;
  for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
    const sentence *s = &sentences[i];
    xai_schema *schema = must_compile(s->schema, &options);
    xai_check *check = xai_check_new(NULL, schema, true);
    CHECK_INT(check_with(check, s->value), XAI_ERR_INVALID);
    CHECK_INT(xai_check_violations(check), 1);
    const xai_violation *v = xai_check_violation(check, 0);
    if (v != NULL) {
      CHECK_STR(v->instance, s->instance);
      CHECK_STR(v->schema, s->where);
      CHECK_STR(v->keyword, s->keyword);
      CHECK_STR(v->message, quoted(s->message).at);
    }
    CHECK(xai_check_violation(check, 1) == NULL);
    xai_check_free(check);
    xai_schema_free(schema);
  }
}

static void all_errors_are_found_or_the_first_alone(void) {
  const char *brief =
    "{'properties':{'a':{'type':'string','minLength':3},'b':{'minimum':0,'multipleOf':2},'c':true,'d':true},"
    "'required':['c','d'],'additionalProperties':false}";
  const char *value = "{'a':'x','b':-1,'e':0}";
  xai_schema *schema = must_compile(brief, NULL);
  xai_check *all = xai_check_new(NULL, schema, true), *first = xai_check_new(NULL, schema, false);
  CHECK_INT(check_with(all, value), XAI_ERR_INVALID);
  CHECK_INT(xai_check_violations(all), 6);
  CHECK_INT(check_with(first, value), XAI_ERR_INVALID);
  CHECK_INT(xai_check_violations(first), 1);
  CHECK_INT(check_with(all, "{'a':'xyz','c':1,'d':2}"), XAI_OK);
  CHECK_INT(xai_check_violations(all), 0);
  xai_check_reset(first);
  CHECK_INT(xai_check_violations(first), 0);
  xai_check_free(all);
  xai_check_free(first);
  xai_schema_free(schema);
}

static void long_values_and_names_are_cut_at_a_character(void) {
  xai_schema *schema = must_compile("{'type':'null'}", NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  char value[1300];
  size_t len = 0;
  value[len++] = '"';
  for (int i = 0; i < 400; i++, len += 3) memcpy(value + len, "\xe2\x82\xac", 3);
  value[len++] = '"';
  CHECK_INT(xai_check_text(check, value, len, NULL), XAI_ERR_INVALID);
  xai_str message = xai_check_violation(check, 0)->message;
  CHECK(message.len < 130);
  CHECK_INT(xai__utf8_valid(message.ptr, message.len), message.len);
  xai_check_free(check);
  xai_schema_free(schema);
}

static void offsets_point_at_the_value(void) {
  xai_schema *schema = must_compile("{'properties':{'a':{'type':'null'}}}", NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  xai_error err;
  CHECK_INT(xai_check_text(check, "{\"a\": \"x\"}", 10, &err), XAI_ERR_INVALID);
  CHECK_INT(xai_check_violation(check, 0)->offset, 6);
  CHECK_INT(err.offset, 6);
  CHECK_STR(xai_str_of(err.message), "the value does not satisfy the schema: /a must be null, but is \"x\"");
  CHECK_INT(err.kind, XAI_KIND_SCHEMA);
  CHECK_INT(xai_check_text(check, "{\"a\": 17}", 9, &err), XAI_ERR_INVALID);
  CHECK_INT(xai_check_violation(check, 0)->offset, 6);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* What is wrong with a container as a whole points at its bracket; the marker ^ stands there, and is taken out. */
static void offsets_of_containers(void) {
  static const struct {
    const char *schema;
    const char *value;
  } rows[] = {
    {"{'required':['a']}", " ^{'b':1}"},
    {"{'properties':{'x':{'required':['a']}}}", "{'y':{}, 'x' : ^{'b':[]}}"},
    {"{'items':{'minItems':2}}", "[[1,2], ^[[1,2]]]"},
    {"{'items':{'maxItems':0}}", "[[], ^[0]]"},
    {"{'items':{'minProperties':1}}", "[{'a':{}},^{}]"},
    {"{'items':{'maxProperties':1}}", "[{'a':{}},^{'a':1,'b':2}]"},
    {"{'items':{'uniqueItems':true}}", "[[[],{}],^[[],[]]]"},
    {"{'items':{'contains':{'const':1}}}", "[[1],^[]]"},
    {"{'items':{'type':'string'}}", "['x',^{'a':'b'}]"},
    {"{'items':{'dependentRequired':{'a':['b']}}}", "[{'b':1},\t^{'a':1}]"},
    {"{'items':{'enum':[[],{}]}}", "[[],{}, ^[[]]]"},
    {"{'properties':{'a':true},'additionalProperties':false}", "{'a':{'b':1},'b' :\n^{'a':1}}"},
    {"{'properties':{'a':true},'unevaluatedProperties':false}", "{'a':{'b':1},'b' :\n^[]}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    text t = quoted(rows[i].value);
    char *mark = memchr(t.at, '^', t.len);
    size_t offset = (size_t)(mark - t.at);
    memmove(mark, mark + 1, --t.len - offset);
    xai_schema *schema = must_compile(rows[i].schema, NULL);
    xai_check *check = xai_check_new(NULL, schema, true);
    CHECK_INT(xai_check_text(check, t.at, t.len, NULL), XAI_ERR_INVALID);
    CHECK_INT(xai_check_violations(check), 1);
    if (xai_check_violations(check) == 1) CHECK_INT(xai_check_violation(check, 0)->offset, offset);
    xai_check_free(check);
    xai_schema_free(schema);
  }
}

/* The marker ^ stands before the value, or name, that is refused, and is taken out. */
static void offsets_of_all_kinds_of_values(void) {
  static const char *const rows[] = {
    " ^false ",
    "[1, [2,3], ^false]",
    "[ ^false]",
    "{'a': [ {}, [[]], ^false ] }",
    "{'x\\'{[,':'}],\\\\', 'y' : ^false}",
    "[[[ ^false ]]]",
    "[{'b':[1,{'c':'[','d':^false}]}]",
    "[1,{},^false, 4]",
    "{ ^'bad': 1}",
    "[0,{'x':{'y':'\\\\','z':{^'bad':2}}}]",
  };
  xai_schema *schema =
    must_compile("{'$defs':{'v':{'not':{'const':false},'items':{'$ref':'#/$defs/v'},"
                 "'additionalProperties':{'$ref':'#/$defs/v'},'propertyNames':{'not':{'const':'bad'"
                 "}}}},'$ref':'#/$defs/v'}",
                 NULL);
  xai_check *check = xai_check_new(NULL, schema, true);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    text t = quoted(rows[i]);
    char *mark = memchr(t.at, '^', t.len);
    size_t offset = (size_t)(mark - t.at);
    memmove(mark, mark + 1, --t.len - offset);
    CHECK_INT(xai_check_text(check, t.at, t.len, NULL), XAI_ERR_INVALID);
    CHECK_INT(xai_check_violations(check), 1);
    if (xai_check_violations(check) == 1) CHECK_INT(xai_check_violation(check, 0)->offset, offset);
  }
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  CHECK_INT(xai_check_value(check, xai_json_parse(doc, "false", 5, 0, NULL)), XAI_ERR_INVALID);
  CHECK(xai_check_violation(check, 0)->offset == SIZE_MAX);
  xai_json_doc_free(doc);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* ---- what is no schema ---- */

static const char *const refused[][2] = {
  {"[]", "the schema must hold a schema"},
  {"{'type':'strin'}", "/type must name types"},
  {"{'type':3}", "/type must name types"},
  {"{'minLength':-1}", "/minLength must be a whole number"},
  {"{'minLength':1.5}", "/minLength must be a whole number"},
  {"{'minLength':'1'}", "/minLength must be a whole number"},
  {"{'minimum':'1'}", "/minimum must be a number"},
  {"{'exclusiveMinimum':true}", "/exclusiveMinimum must be a number"},
  {"{'multipleOf':0}", "/multipleOf must be greater than 0"},
  {"{'enum':'x'}", "/enum must be an array"},
  {"{'required':'x'}", "/required must be an array of names"},
  {"{'required':[1]}", "/required must be an array of names"},
  {"{'properties':[]}", "/properties must be an object"},
  {"{'properties':{'a':1}}", "/properties must hold a schema"},
  {"{'items':[true]}", "/items must hold a schema"},
  {"{'allOf':[]}", "/allOf must not be empty"},
  {"{'anyOf':{}}", "/anyOf must be an array of schemas"},
  {"{'not':null}", "/not must hold a schema"},
  {"{'uniqueItems':1}", "/uniqueItems must be true or false"},
  {"{'pattern':'('}", "/pattern is not a usable regular expression, \"(\":"},
  {"{'pattern':'a**'}", "nothing to repeat"},
  {"{'pattern':'[b-a]'}", "out of order"},
  {"{'pattern':'\\\\Q'}", "an unknown escape"},
  {"{'pattern':'(?#x)'}", "an unknown kind of group"},
  {"{'pattern':'(*UTF)'}", "nothing to repeat"},
  {"{'pattern':'\\\\u12'}", "\\u must be followed"},
  {"{'pattern':'\\\\'}", "a backslash at the end"},
  {"{'pattern':'\\\\p{Color=Red}'}", "an unknown property"},
  {"{'pattern':'\\\\xg'}", "two hex digits"},
  {"{'pattern':'\\\\ud800'}", "half of a surrogate pair"},
  {"{'pattern':'^a++'}", "nothing to repeat"},
  {"{'contentEncoding':1}", "/contentEncoding must be a string"},
  {"{'$id':1}", "/$id must be a string"},
  {"{'$schema':1}", "/$schema must be a string"},
  {"{'multipleOf':0.12345678901234567890123456789012345678901}", "/multipleOf has too many digits"},
  {"{'patternProperties':{'[':true}}", "/patternProperties is not a usable regular expression"},
  {"{'$ref':'#/$defs/nowhere'}", "/$ref refers to \"#/$defs/nowhere\", where there is no schema"},
  {"{'$ref':'#nowhere'}", "/$ref refers to \"#nowhere\""},
  {"{'$ref':'http://nowhere/'}", "/$ref refers to \"http://nowhere/\""},
  {"{'$ref':1}", "/$ref must be a string"},
  {"{'$ref':'#/const','const':'x'}", "where there is no schema"},
  {"{'$schema':'http://x/unknown'}", "/$schema is \"http://x/unknown\", which is not known"},
  {"{'$id':'#a'}", "/$id must not have a fragment"},
  {"{'$anchor':''}", "/$anchor must be a name"},
  {"{'allOf':[{'$ref':'#a'}],'$defs':{'x':{'$anchor':'a'},'y':{'$anchor':'a'}}}", "which is there twice"},
  {"{'$defs':{'unused':{'minLength':'x'}}}", "/$defs/unused/minLength must be a whole number"},
  {"{'dependentRequired':{'a':['b',1]}}", "/dependentRequired must be an array of names"},
  {"{'format':1}", "/format must be a string"},
  {"{'maxContains':-1}", "/maxContains must be a whole number"},
};

static void what_is_wrong_in_a_schema_is_named(void) {
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    xai_error err;
    xai_schema *schema = compile(refused[i][0], NULL, &err);
    if (schema != NULL) printf("%s: accepted: %s\n", check_name, refused[i][0]);
    CHECK(schema == NULL);
    CHECK_INT(err.code, XAI_ERR_SCHEMA);
    if (strstr(err.message, refused[i][1]) == NULL) printf("%s: %s\n", refused[i][0], err.message);
    CHECK(strstr(err.message, refused[i][1]) != NULL);
    xai_schema_free(schema);
  }
}

static void what_is_no_json_is_no_schema(void) {
  xai_error err;
  CHECK(compile("{'a':", NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_JSON);
  CHECK(compile("", NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_JSON);
  CHECK(xai_schema_compile(NULL, NULL, 3, NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  CHECK(compile("{}", &(xai_schema_options){.max_depth = 3}, &err) == NULL); /* without INIT */
  CHECK_INT(err.code, XAI_ERR_ARG);
  xai_schema_remote remote = {"http://x/", {"{", 1}};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.remotes = &remote;
  options.remote_count = 1;
  CHECK(compile("{'$ref':'http://x/'}", &options, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_JSON);
  xai_schema *schema = compile("{'$ref':'#'  ,'$id':'http://y/'}", &options, &err);
  CHECK(schema == NULL); /* remotes that nobody refers to are not even read; this one refers to itself */
  CHECK_INT(err.code, XAI_ERR_SCHEMA);
  xai_check_free(NULL);
  xai_schema_free(NULL);
  CHECK(xai_check_new(NULL, NULL, false) == NULL);
}

/* ---- F85: schemas and patterns without end ---- */

static void F85_a_schema_that_leads_to_itself_is_refused(void) {
  static const char *const cycles[] = {
    "{'$ref':'#'}",
    "{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/a'}}}",
    "{'allOf':[{'$ref':'#'}]}",
    "{'anyOf':[{'type':'string'},{'$ref':'#'}]}",
    "{'not':{'$ref':'#'}}",
    "{'if':{'$ref':'#'}}",
    "{'dependentSchemas':{'a':{'$ref':'#'}}}",
    "{'$dynamicRef':'#x','$dynamicAnchor':'x'}",
    "{'$schema':'https://json-schema.org/draft/2019-09/schema','$recursiveRef':'#'}",
  };
  for (size_t i = 0; i < sizeof cycles / sizeof cycles[0]; i++) {
    xai_error err;
    CHECK(compile(cycles[i], NULL, &err) == NULL);
    CHECK_INT(err.code, XAI_ERR_SCHEMA);
    CHECK(strstr(err.message, "leads back to itself") != NULL);
  }
  VALID("{'properties':{'a':{'$ref':'#'}},'items':{'$ref':'#'}}", "{'a':{'a':[{}]}}");
}

static void F85_a_dynamic_loop_ends_at_a_limit(void) {
  xai_schema *schema = must_compile(
    "{'$id':'http://x/a','$dynamicAnchor':'n','$ref':'b','$defs':{'b':{'$id':'b','$dynamicAnchor':'m','allOf':["
    "{'$dynamicRef':'c#n'}]},'c':{'$id':'c','$dynamicAnchor':'n'}}}",
    NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(check_with(check, "1"), XAI_ERR_STEPS);
  CHECK_INT(xai_check_violations(check), 1);
  CHECK_INT(check_with(check, "1"), XAI_ERR_STEPS);
  xai_check_free(check);
  xai_schema_free(schema);
}

/* Those that a table matches cannot explode, nor can any without PCRE2. */
static void F85_a_pattern_that_explodes_is_named(void) {
  static const char many[] = "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'";
  VALID("{'pattern':'^(a+)+$'}", "'aaaa'");
  INVALID("{'pattern':'^(a+)+$'}", many);
  INVALID("{'pattern':'^(?=(a+)+$)'}", many);
#if XAI_PCRE2
  xai_schema *schema = must_compile("{'pattern':'^(a+)+(?<!x)$'}", NULL);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(check_with(check, many), XAI_ERR_STEPS);
  CHECK_INT(xai_check_violations(check), 1);
  CHECK_STR(xai_check_violation(check, 0)->message,
            "the value takes too many steps to match against the pattern ^(a+)+(?<!x)$");
  CHECK_INT(check_with(check, "'aaaa'"), XAI_OK);
  xai_check_free(check);
  xai_schema_free(schema);
  schema = must_compile("{'patternProperties':{'^(a|aa)+(?<!x)$':true}}", NULL);
  check = xai_check_new(NULL, schema, true);
  CHECK_INT(check_with(check, "{'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!':1}"), XAI_ERR_STEPS);
  CHECK_STR(xai_check_violation(check, 0)->message,
            "the value takes too many steps to match against the pattern ^(a|aa)+(?<!x)$");
  xai_check_free(check);
  xai_schema_free(schema);
#endif
}

/* Each of thirty schemas asks for the next one twice. */
static void F85_doubling_schemas_stop_at_the_steps(void) {
  char brief[4000];
  size_t len = (size_t)snprintf(brief, sizeof brief, "{'$ref':'#/$defs/a0','$defs':{'a30':{'const':1}");
  for (int i = 0; i < 30; i++) {
    len +=
      (size_t)snprintf(brief + len, sizeof brief - len,
                       ",'a%d':{'allOf':[{'$ref':'#/$defs/a%d'},{'$ref':'#/$defs/a%d'}]}", i, i + 1, i + 1);
  }
  snprintf(brief + len, sizeof brief - len, "}}");
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_steps = 100000;
  CHECK_INT(verdict(brief, "1", &options), XAI_ERR_STEPS);
}

static xai_code check_long(const char *schema_brief, char unit, const char *end) {
  static const size_t len = (size_t)1 << 20;
  char *bytes = malloc(len + 8);
  bytes[0] = unit == 'a' ? '"' : '[';
  for (size_t i = 1; i < len; i += 2) {
    bytes[i] = unit;
    bytes[i + 1] = unit == 'a' ? unit : ',';
  }
  strcpy(bytes + len + 1, end);
  xai_schema *schema = must_compile(schema_brief, NULL);
  xai_check *check = xai_check_new(NULL, schema, true);
  xai_code code = xai_check_text(check, bytes, strlen(bytes), NULL), streamed = XAI_OK;
  CHECK_INT(xai_check_violations(check), code != XAI_OK);
  for (size_t at = 0; at < strlen(bytes) && streamed == XAI_OK; at += 4096) {
    size_t left = len + 1 + strlen(end) - at;
    streamed = xai_check_feed(check, bytes + at, left < 4096 ? left : 4096);
  }
  if (streamed == XAI_OK) streamed = xai_check_finish(check);
  CHECK_INT(streamed, code);
  xai_check_free(check);
  xai_schema_free(schema);
  free(bytes);
  return code;
}

/* Of all of these a megabyte would take minutes to years: without their limits the test does not end. */
static void F85_a_megabyte_has_its_steps_by_default(void) {
  CHECK_INT(check_long("{'pattern':'a+$'}", 'a', "!\""), XAI_ERR_INVALID);
  CHECK_INT(check_long("{'pattern':'(a+)+$'}", 'a', "!\""), XAI_ERR_INVALID);
  CHECK_INT(check_long("{'pattern':'a*[bx]|a*[cx]'}", 'a', "!\""), XAI_ERR_INVALID);
#if XAI_PCRE2
  CHECK_INT(check_long("{'pattern':'a+(?<!x)$'}", 'a', "!\""), XAI_ERR_STEPS);
  CHECK_INT(check_long("{'pattern':'(a+)+(?<!x)$'}", 'a', "!\""), XAI_ERR_STEPS);
  CHECK_INT(check_long("{'pattern':'(?<!x)a*[bx]|a*[cx]'}", 'a', "!\""), XAI_ERR_STEPS);
#endif
  CHECK_INT(check_long("{'pattern':'^[a-z]+[!]$'}", 'a', "!\""), XAI_OK);
  CHECK_INT(
    check_long(
      "{'items':{'$ref':'#/$defs/a'},'$defs':{'a':{'allOf':[{'$ref':'#/$defs/b'},{'$ref':'#/$defs/b'}]},"
      "'b':{'allOf':[{'$ref':'#/$defs/c'},{'$ref':'#/$defs/c'}]},"
      "'c':{'allOf':[{'$ref':'#/$defs/d'},{'$ref':'#/$defs/d'}]},"
      "'d':{'allOf':[{'minimum':0},{'minimum':1}]}}}",
      '1', "1]"),
    XAI_ERR_STEPS);
  CHECK_INT(check_long("{'items':{'minimum':0,'enum':[1,2,3]}}", '1', "1]"), XAI_OK);
}

/* Each branch refuses the type at once, but there are many of them; where one alone takes it, no other is asked. */
static void F85_what_is_cheap_counts_too(void) {
  static char brief[40000];
  size_t len = (size_t)snprintf(brief, sizeof brief, "{'items':{'anyOf':[");
  for (int i = 0; i < 1000; i++)
    len += (size_t)snprintf(brief + len, sizeof brief - len, "{'type':'string'},");
  snprintf(brief + len, sizeof brief - len, "true,true]}}");
  CHECK_INT(check_long(brief, '1', "1]"), XAI_ERR_STEPS);
  snprintf(brief + len, sizeof brief - len, "true]}}");
  CHECK_INT(check_long(brief, '1', "1]"), XAI_OK);
  len = (size_t)snprintf(brief, sizeof brief, "{'allOf':[");
  for (int i = 0; i < 1000; i++) len += (size_t)snprintf(brief + len, sizeof brief - len, "{'minLength':1},");
  snprintf(brief + len, sizeof brief - len, "true]}");
  CHECK_INT(check_long(brief, 'a', "\""), XAI_ERR_STEPS);
}

static void F85_a_number_of_a_million_digits_is_not_divided(void) {
  size_t len = (size_t)1 << 20;
  char *bytes = malloc(len);
  memset(bytes, '1', len);
  xai_schema *schema = must_compile("{'multipleOf':123456789123456789123456789123456789}", NULL);
  xai_check *check = xai_check_new(NULL, schema, true);
  CHECK_INT(xai_check_text(check, bytes, len, NULL), XAI_ERR_STEPS);
  CHECK_INT(xai_check_text(check, bytes, 1000, NULL), XAI_ERR_INVALID);
  xai_check_free(check);
  xai_schema_free(schema);
  free(bytes);
}

/* A value has the steps that its text would have; this one needs more than any text has. */
static void F85_a_value_has_its_steps_as_a_text_has(void) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  size_t len = (size_t)6 << 20, at = 0;
  char *list = malloc(len + 8);
  list[at++] = '[';
  for (; at < len; at += 6) memcpy(list + at, "[[1]],", 6);
  list[at - 1] = ']';
  const xai_json *value = xai_json_parse(doc, list, at, 0, NULL);
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  for (int i = 0; i < 2; i++) {
    options.max_steps = i == 0 ? 0 : 4000000;
    xai_schema *schema = must_compile("{'items':{'items':{'items':{'minimum':1}}}}", &options);
    xai_check *check = xai_check_new(NULL, schema, false);
    CHECK_INT(xai_check_value(check, value), i == 0 ? XAI_OK : XAI_ERR_STEPS);
    xai_check_free(check);
    xai_schema_free(schema);
  }
  xai_json_doc_free(doc);
  free(list);
}

static void nesting_has_its_limit(void) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_depth = 3;
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  xai_schema *schema = must_compile("{'items':{'$ref':'#'}}", &options);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(xai_check_value(check, xai_json_parse(doc, "[[[1]]]", 7, 0, NULL)), XAI_OK);
  CHECK_INT(xai_check_value(check, xai_json_parse(doc, "[[[[[[1]]]]]]", 13, 0, NULL)), XAI_ERR_DEPTH);
  CHECK_INT(check_with(check, "[[[[[[1]]]]]]"), XAI_ERR_DEPTH);
  xai_check_free(check);
  xai_schema_free(schema);
  xai_json_doc_free(doc);
  options = (xai_schema_options)XAI_SCHEMA_OPTIONS_INIT;
  options.max_bytes = 1000;
  xai_error err;
  CHECK(compile(
          "{'enum':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32]}",
          &options, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_TOO_BIG);
}

/* ---- numbers as they are written ---- */

static int compare(const char *a, const char *b) {
  xai_decimal x = xai__decimal(xai_str_of(a)), y = xai__decimal(xai_str_of(b));
  int order = xai__decimal_compare(&x, &y), back = xai__decimal_compare(&y, &x);
  CHECK((order > 0) - (order < 0) == (back < 0) - (back > 0));
  if (order == 0) CHECK(xai__decimal_hash(&x) == xai__decimal_hash(&y));
  return (order > 0) - (order < 0);
}

static void decimals_are_compared_exactly(void) {
  static const struct {
    const char *a;
    const char *b;
    int order;
  } rows[] = {
    {"1", "1.0", 0},
    {"1", "10e-1", 0},
    {"100", "1e2", 0},
    {"0", "-0.0e5", 0},
    {"0", "0e99999999999999999999", 0},
    {"-1", "1", -1},
    {"-2", "-1", -1},
    {"-1e-400", "0", -1},
    {"1e-400", "0", 1},
    {"9007199254740993", "9007199254740992", 1},
    {"9223372036854775808", "9223372036854775807", 1},
    {"123456789012345678901234567890", "123456789012345678901234567891", -1},
    {"0.1", "0.10000000000000000000000000000000001", -1},
    {"1e400", "1e399", 1},
    {"-1e400", "-1e399", -1},
    {"1.5", "15e-1", 0},
    {"0.001", "1e-3", 0},
    {"12.5", "12.49", 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    CHECK_INT(compare(rows[i].a, rows[i].b), rows[i].order);
}

static void decimals_are_divided_exactly(void) {
  static const struct {
    const char *a;
    const char *b;
    bool multiple;
  } rows[] = {
    {"0.0075", "0.0001", true},
    {"0.00751", "0.0001", false},
    {"1e308", "0.5", true},
    {"1e308", "0.123456789", false},
    {"1e1000000000", "3", false},
    {"3e1000000000", "3", true},
    {"1e17", "1024", true},
    {"5", "2.5", true},
    {"4.35", "0.01", true},
    {"0", "7", true},
    {"-9", "3", true},
    {"10", "3", false},
    {"340282366920938463463374607431768211456", "18446744073709551616", true},
    {"340282366920938463463374607431768211457", "18446744073709551616", false},
    {"18446744073709551616e40", "36893488147419103232", true},
    {"1e40", "18446744073709551616", false},
    {"1e64", "18446744073709551616", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t work = 0;
    xai_decimal a = xai__decimal(xai_str_of(rows[i].a)), b = xai__decimal(xai_str_of(rows[i].b));
    CHECK_INT(xai__decimal_is_multiple(&a, &b, &work), rows[i].multiple);
  }
}

static void counts_may_be_written_in_any_way(void) {
  VALID("{'minLength':2.0,'maxLength':2e0}", "'ab'");
  INVALID("{'maxItems':0.1e1}", "[1,2]");
  VALID("{'maxItems':1e30,'maxLength':99999999999999999999}", "[1,2]");
  INVALID("{'minItems':10e-1}", "[]");
  INVALID("{'minProperties':1e30}", "{}");
}

static void integers_are_whole_numbers(void) {
  VALID("{'type':'integer'}", "1.0");
  VALID("{'type':'integer'}", "120e-1");
  VALID("{'type':'integer'}", "123456789012345678901234567890");
  INVALID("{'type':'integer'}", "1.5");
  INVALID("{'type':'integer'}", "1e-1");
  INVALID("{'$schema':'http://json-schema.org/draft-04/schema#','type':'integer'}", "1.0");
}

/* ---- equality ---- */

static void equality_is_by_value(void) {
  VALID("{'const':{'a':1,'b':[true,null]}}", "{'b':[true,null],'a':1.0}");
  INVALID("{'const':{'a':1}}", "{'a':1,'b':1}");
  INVALID("{'const':[1,2]}", "[2,1]");
  INVALID("{'const':0}", "false");
  INVALID("{'const':''}", "null");
  VALID("{'enum':[1,2,3,4,5,6,7,8,9,{'x':[1e1]},'a']}", "{'x':[10]}");
  INVALID("{'enum':[1,2,3,4,5,6,7,8,9,{'x':[1e1]},'a']}", "'b'");
  VALID("{'uniqueItems':true}", "[1,true,'1',[1],{'1':1},0,false,null,'',[],{}]");
  INVALID("{'uniqueItems':true}", "[0,1,2,3,4,5,6,7,8,{'a':1,'b':2},{'b':2.0,'a':1}]");
  VALID("{'uniqueItems':true}", "[[[1]],[[2]],[[[1]]],[[1,1]],0,1,2,3,4,5]");
  INVALID("{'uniqueItems':true}", "[{'a':{'b':1}},{'a':{'b':1e0}}]");
}

/* A million comparisons each with each would be noticed; the steps allow for far fewer. */
static void large_arrays_are_hashed(void) {
  char *value = malloc(20000 * 8);
  size_t len = 1;
  value[0] = '[';
  for (int i = 0; i < 20000; i++) len += (size_t)sprintf(value + len, "%d,", i);
  value[len - 1] = ']';
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_steps = 200000;
  xai_schema *schema = must_compile("{'uniqueItems':true}", &options);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK_INT(xai_check_text(check, value, len, NULL), XAI_OK);
  memcpy(value + len - 4, "998]", 4);
  CHECK_INT(xai_check_text(check, value, len, NULL), XAI_ERR_INVALID);
  CHECK_INT(check_with(check, "[1,2,3,4,5,6,7,8,9]"), XAI_OK);
  xai_check_free(check);
  xai_schema_free(schema);
  free(value);
}

/* "{'k0':{...},'k1':0,...}" with the members in order or in reverse; the last value is as given. */
static size_t write_members(char *to, int count, bool reverse, const char *last) {
  size_t len = 0;
  for (int i = 0; i < count; i++) {
    int k = reverse ? count - 1 - i : i;
    len += (size_t)sprintf(to + len, "%c'k%d':%s", i == 0 ? '{' : ',', k, k == count - 1 ? last : "0");
  }
  return len + (size_t)sprintf(to + len, "}");
}

static xai_code compare_reversed(const xai_mem *mem, int count, const char *last, uint64_t max_steps) {
  char *brief = malloc(count * 16u + 100), *value = malloc(count * 16u + 100), inner[400];
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.max_steps = max_steps;
  write_members(inner, 20, false, "7");
  size_t len = (size_t)sprintf(brief, "{'const':");
  len += write_members(brief + len, count, false, inner);
  brief[len++] = '}';
  write_members(inner, 20, true, last);
  size_t value_len = write_members(value, count, true, inner);
  for (size_t i = 0; i < len; i++) brief[i] = (char)(brief[i] == '\'' ? '"' : brief[i]);
  for (size_t i = 0; i < value_len; i++) value[i] = (char)(value[i] == '\'' ? '"' : value[i]);
  xai_error err;
  xai_schema *schema = xai_schema_compile(mem, brief, len, &options, &err);
  xai_check *check = xai_check_new(mem, schema, false);
  xai_code code = schema == NULL ? err.code : XAI_ERR_NOMEM;
  if (check != NULL) code = xai_check_text(check, value, value_len, NULL);
  xai_check_free(check);
  xai_schema_free(schema);
  free(brief);
  free(value);
  return code;
}

static void large_objects_in_another_order_are_hashed(void) {
  CHECK_INT(compare_reversed(NULL, 5000, "7.0", 40000), XAI_OK);
  CHECK_INT(compare_reversed(NULL, 5000, "8", 40000), XAI_ERR_INVALID);
}

static xai_code compare_without_memory(const xai_mem *mem) {
  return compare_reversed(mem, 40, "7", 0);
}

static void each_of_equal_keys_is_checked(void) {
  INVALID("{'properties':{'a':{'type':'null'}}}", "{'a':1,'a':null}");
  INVALID("{'properties':{'a':{'type':'null'}}}", "{'a':null,'a':1}");
}

/* More than 64 names are asked for; bits live in several words. */
static void many_required_names(void) {
  char brief[4000], value[2000];
  size_t len = (size_t)snprintf(brief, sizeof brief, "{'required':["), at = 1;
  value[0] = '{';
  for (int i = 0; i < 150; i++) {
    len += (size_t)snprintf(brief + len, sizeof brief - len, "%s'n%d'", i > 0 ? "," : "", i);
    at += (size_t)snprintf(value + at, sizeof value - at, "%s'n%d':%d", i > 0 ? "," : "", i, i);
  }
  snprintf(brief + len, sizeof brief - len, "]}");
  snprintf(value + at, sizeof value - at, "}");
  VALID(brief, value);
  value[at - 6] = 'x'; /* 'n149' becomes another name */
  INVALID(brief, value);
}

/* ---- patterns ---- */

static bool matches(const char *source, const char *subject) {
  char why[100];
  xai_pattern *pattern;
  bool found = false;
  uint64_t work = 0;
  xai_matcher *matcher = xai__matcher_new(NULL);
  xai_code code = xai__pattern_new(NULL, xai_str_of(source), &pattern, why, sizeof why);
  if (code != XAI_OK) printf("%s: %s: %s\n", check_name, source, why);
  CHECK_INT(code, XAI_OK);
  if (code == XAI_OK)
    CHECK_INT(xai__pattern_match(pattern, matcher, xai_str_of(subject), 1000, &found, &work), XAI_OK);
  xai__pattern_free(pattern);
  xai__matcher_free(matcher);
  return found;
}

typedef struct match_row {
  const char *pattern;
  const char *text;
  bool found;
} match_row;

static void check_matches(const match_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool found = matches(rows[i].pattern, rows[i].text);
    if (found != rows[i].found) printf("pattern %s, text %s\n", rows[i].pattern, rows[i].text);
    CHECK_INT(found, rows[i].found);
  }
}

static void patterns_are_those_of_ecmascript(void) {
  static const match_row rows[] = {
    {"", "", true},
    {"es", "expression", true},
    {"^abc$", "abc\n", false},
    {"^.$", "\xe2\x82\xac", true},
    {"^.$", "\xe2\x80\xa8", false},
    {"^[^]$", "\n", true},
    {"[]", "x", false},
    {"^\\u20AC$", "\xe2\x82\xac", true},
    {"^\\u{1F600}\\uD83D\\uDE00$", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", true},
    {"^[\\uD83D\\uDE00-\\u{1F64F}]$", "\xf0\x9f\x98\x81", true},
    {"^\\x41\\cJ\\0$", "A\n", false},
    {"a{,2}", "a{,2}", true},
    {"^a{2,3}?$", "aaa", true},
    {"^x{2}{", "xx{", true},
    {"^[\\w.-]+$", "a-b.c", true},
    {"^[\\s-x]$", "-", true},
    {"^[\\s-x]$", "b", false},
    {"^[a-\\d]$", "-", true},
    {"^[a\\]^-]+$", "]^-a", true},
    {"^[[:alpha:]]$", ":]", true},
    {"^\\S$", "\xc2\xa0", false},
    {"^[^\\S]$", "\xef\xbb\xbf", true},
    {"^\\/\\-\\_\\@$", "/-_@", true},
    {"^(?=.*\\d)(?!x)\\w+$", "tide4", true},
    {"^(?=.*\\d)(?!x)\\w+$", "xtide4", false},
    {"^(?=.*\\d)(?!x)\\w+$", "tide", false},
    {"\\bfoo\\b", "a foo b", true},
    {"#.*", "x # y", true},
    {"^a b$", "ab", false},
    {"}]", "}]", true},
  };
  check_matches(rows, sizeof rows / sizeof rows[0]);
}

/* Without it they do not compile, and the schema's error says what would help. */
static void some_patterns_need_pcre2(void) {
  static const match_row rows[] = {
    {"^\\p{Lu}\\P{Lu}$", "Ab", true},
    {"^\\p{Script=Greek}+$", "\xce\xb1\xce\xb2", true},
    {"^\\p{General_Category=Decimal_Number}$", "7", true},
    {"^\\p{ASCII}$", "\xc3\xa9", false},
    {"^(?<year>\\d{4})-\\k<year>$", "2020-2020", true},
    {"^(a)\\1$", "aa", true},
    {"^(?:a|(b))\\1c$", "ac", true},
    {"(?<=\\$)\\d+(?!%)", "$42", true},
    {"(?<!a)b", "ab", false},
  };
  if (XAI_PCRE2) check_matches(rows, sizeof rows / sizeof rows[0]);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0] && !XAI_PCRE2; i++) {
    char why[100];
    xai_pattern *pattern;
    CHECK_INT(xai__pattern_new(NULL, xai_str_of(rows[i].pattern), &pattern, why, sizeof why),
              XAI_ERR_LIBRARY);
    CHECK(strstr(why, "is for PCRE2 to match: build with") != NULL);
  }
  if (XAI_PCRE2) return;
  xai_error err;
  CHECK(compile("{'pattern':'^a(?=b)'}", NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_LIBRARY);
  CHECK(strstr(err.message, "/pattern cannot be matched by this build, \"^a(?=b)\"") != NULL);
  CHECK(strstr(err.message, "looking ahead or behind is for PCRE2") != NULL);
  CHECK(compile("{'pattern':'a{3,2}'}", NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_SCHEMA); /* nobody can */
}

/* In a group the same pattern goes to a table. */
static void simple_patterns_match_as_all_others(void) {
  static const char *const sources[] = {
    "^",
    "^$",
    "^ab",
    "^ab$",
    "^a*b",
    "^a*b$",
    "^a+$",
    "^[ab]{2}$",
    "^[ab]{1,2}c",
    "^a?b?c?$",
    "^[a-b]+-[0-9]+$",
    "^[^a]+$",
    "^[^a]*a$",
    "^\\w+$",
    "^\\d{2,}",
    "^[\\w.-]+$",
    "^a{0}b$",
    "^[-a]+$",
    "^[a-]+b$",
    "^\\.a\\-$",
    "^[^\\d]b",
    "^a b$",
    "^[ -~]*$",
    "^a{2}b{2}$",
    "^a*a$",
    "^[ab]*a$",
    "^a?a$",
    "^a*b*a$",
    "^a*b?a$",
    "^[^b]?b$",
    "^a?b*c$",
    "^[^a]{2}$",
    "^.+$",
    "^.*",
    "^a.*$",
    "^.?$",
    "^.$",
    "^.{2}$",
    "^.*b$",
    "a",
    "ab",
    "[ab][b1]+",
    "[ab]{2}-*",
    "a*",
    "a?b",
    ".+",
    "b.",
    "1.*",
    "b.+",
    "[^a]",
    "[^a]+",
    "a[^b]+",
    "a+b",
    "b{2}[^1]*",
    "-a$",
    "\\d\\d",
    "\\w-\\w",
  };
  static const char *const pieces[] = {"a", "b", "-", "\r", "\xe2\x80\xa8", "1", " ", "\xc3\xa9", "\n"};
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
    char grouped[100];
    snprintf(grouped, sizeof grouped, "(?:%s)", sources[i]);
    for (unsigned seed = 0; seed < 9 * 9 * 9 * 9; seed += 1 + (unsigned)i % 3) {
      char subject[32] = "";
      for (unsigned rest = seed; rest > 0; rest /= 9) strcat(subject, pieces[rest % 9]);
      bool found = matches(sources[i], subject), wanted = matches(grouped, subject);
      if (found != wanted) printf("pattern %s, text %s\n", sources[i], subject);
      CHECK_INT(found, wanted);
      if (check_bad) return;
    }
  }
}

/* ---- addresses ---- */

static void references_are_resolved_as_in_the_rfc(void) {
  static const char base[] = "http://a/b/c/d;p?q";
  static const char *const rows[][2] = {
    {"g:h", "g:h"},
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g"},
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {";x", "http://a/b/c/;x"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"./", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../g", "http://a/g"},
    {"../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"/../g", "http://a/g"},
    {"g.", "http://a/b/c/g."},
    {"..g", "http://a/b/c/..g"},
    {"./../g", "http://a/b/g"},
    {"./g/.", "http://a/b/c/g/"},
    {"g/../h", "http://a/b/c/h"},
    {"g;x=1/../y", "http://a/b/c/y"},
    {"http:g", "http:g"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    xai_buf out;
    xai__buf_init(&out, NULL, 1000);
    CHECK_INT(xai__uri_resolve(&out, xai_str_of(base), xai_str_of(rows[i][0])), XAI_OK);
    CHECK_STR(xai__buf_str(&out), rows[i][1]);
    xai__buf_deinit(&out);
  }
}

static void the_drafts_metaschemas_are_known(void) {
  static const char *const refs[] = {
    "http://json-schema.org/draft-04/schema#",      "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",      "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
  };
  for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
    char brief[200];
    snprintf(brief, sizeof brief, "{'$ref':'%s'}", refs[i]);
    VALID(brief, "{'type':'object','properties':{'a':{'minLength':1}},'items':{'enum':[1]}}");
    INVALID(brief, "{'properties':{'a':{'minLength':-1}}}");
    INVALID(brief, "{'anyOf':[]}");
    INVALID(brief, "{'properties':{'a':{'not':{'required':[1]}}}}");
  }
}

static void keywords_are_found(void) {
  for (int i = 0; i < XAI_KW_COUNT; i++) {
    CHECK_INT(xai__keyword_find(xai__keyword_text((xai_keyword)i)), i);
  }
  CHECK_INT(xai__keyword_find(xai_str_of("")), XAI_KW_COUNT);
  CHECK_INT(xai__keyword_find(xai_str_of("title")), XAI_KW_COUNT);
  CHECK_INT(xai__keyword_find(xai_str_of("unevaluatedPropertieS")), XAI_KW_COUNT);
}

/* An $id inside a remote text is found although nobody asked for that text by its address. */
static void remotes_are_searched_for_what_they_hold(void) {
  static const char remote_text[] = "{\"$defs\":{\"a\":{\"$id\":\"http://elsewhere/a\",\"type\":\"null\"}}}";
  xai_schema_remote remote = {"http://x/holder", {remote_text, sizeof remote_text - 1}};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.remotes = &remote;
  options.remote_count = 1;
  CHECK_INT(verdict("{'$ref':'http://elsewhere/a'}", "null", &options), XAI_OK);
  CHECK_INT(verdict("{'$ref':'http://elsewhere/a'}", "1", &options), XAI_ERR_INVALID);
  xai_error err;
  CHECK(compile("{'$ref':'http://elsewhere/b'}", &options, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_SCHEMA);
}

static void an_unknown_vocabulary_must_be_optional(void) {
  static const char texts[2][200] = {
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{\"http://x/v\":true}}",
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{\"http://x/v\":false}}",
  };
  for (int i = 0; i < 2; i++) {
    xai_error err;
    xai_schema_remote remote = {"http://x/meta", {texts[i], strlen(texts[i])}};
    xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
    options.remotes = &remote;
    options.remote_count = 1;
    xai_schema *schema = compile("{'$schema':'http://x/meta','type':'null'}", &options, &err);
    CHECK_INT(err.code, i == 0 ? XAI_ERR_SCHEMA : XAI_OK);
    if (i == 0) CHECK(strstr(err.message, "/$schema asks for the vocabulary \"http://x/v\"") != NULL);
    xai_schema_free(schema);
  }
}

/* ---- options ---- */

static void formats_and_content_hold_on_demand(void) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  const char *format = "{'format':'ipv4'}";
  const char *content = "{'contentEncoding':'base64','contentMediaType':'application/json'}";
  VALID(format, "'x'");
  VALID(content, "'!'");
  options.assert_format = options.assert_content = true;
  CHECK_INT(verdict(format, "'x'", &options), XAI_ERR_INVALID);
  CHECK_INT(verdict(format, "'1.2.3.4'", &options), XAI_OK);
  CHECK_INT(verdict("{'format':'unheard-of'}", "'x'", &options), XAI_OK);
  CHECK_INT(verdict(content, "'!'", &options), XAI_ERR_INVALID);
  CHECK_INT(verdict(content, "'e30='", &options), XAI_OK);
  CHECK_INT(verdict(content, "'e30'", &options), XAI_ERR_INVALID);
  CHECK_INT(verdict(content, "'ezp9Cg=='", &options), XAI_ERR_INVALID);
  CHECK_INT(verdict("{'contentMediaType':'application/json'}", "'{}'", &options), XAI_OK);
  CHECK_INT(verdict("{'contentMediaType':'application/json'}", "'{'", &options), XAI_ERR_INVALID);
}

static void the_draft_is_that_of_the_options_unless_the_schema_says(void) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.draft = XAI_DRAFT_7;
  CHECK_INT(verdict("{'items':[{'type':'null'}]}", "[1]", &options), XAI_ERR_INVALID);
  CHECK_INT(verdict("{'prefixItems':[{'type':'null'}]}", "[1]", &options), XAI_OK);
  CHECK_INT(
    verdict("{'$schema':'https://json-schema.org/draft/2020-12/schema','prefixItems':[{'type':'null'}]}",
            "[1]", &options),
    XAI_ERR_INVALID);
  options.draft = XAI_DRAFT_AUTO;
  options.base_uri = "http://x/dir/main.json";
  CHECK_INT(verdict("{'$ref':'/dir/main.json#/$defs/a','$defs':{'a':{'type':'null'}}}", "1", &options),
            XAI_ERR_INVALID);
}

/* ---- memory ---- */

static xai_code compile_and_check(const xai_mem *mem) {
  static const char brief[] =
    "{'$id':'http://x/','type':'object','properties':{'a':{'pattern':'^a+$','enum':['a','b','c','d','e','f','g','h',"
    "'i','aa']},'list':{'uniqueItems':true,'items':{'$ref':'y#foo'}},'m':{'$ref':"
    "'http://json-schema.org/draft-07/schema#'}},'patternProperties':{'^x':{'contentEncoding':'base64',"
    "'contentMediaType':'application/json'}},'required':['a'],'unevaluatedProperties':false}";
  static const char *const values[] = {
    "{'a':'aa','list':[1,2,3,4,5,6,7,8,9,[[[[]]]]],'xx':'e30=','m':{'properties':{'q':{'not':{}}}}}",
    "{'a':1,'list':[1,1,2,3,4,5,6,7,8,9,'x'],'xx':'e3','zz':{'long':[1]}}",
  };
  static const char remote_text[] =
    "{\"$anchor\":\"foo\",\"type\":[\"number\",\"array\"],\"not\":{\"const\":77}}";
  xai_schema_remote remote = {"http://x/y", {remote_text, sizeof remote_text - 1}};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.remotes = &remote;
  options.remote_count = 1;
  options.assert_content = true;
  xai_error err;
  text t = quoted(brief);
  xai_schema *schema = xai_schema_compile(mem, t.at, t.len, &options, &err);
  if (schema == NULL) return err.code;
  xai_check *check = xai_check_new(mem, schema, true);
  xai_code code = check == NULL ? XAI_ERR_NOMEM : XAI_OK;
  for (int i = 0; i < 2 && code == XAI_OK; i++) {
    t = quoted(values[i]);
    xai_code found = xai_check_text(check, t.at, t.len, &err);
    if (found == XAI_ERR_NOMEM) code = found;
    else if (found != (i == 0 ? XAI_OK : XAI_ERR_INVALID)) code = XAI_ERR_ARG;
  }
  xai_check_free(check);
  xai_schema_free(schema);
  return code;
}

static void a_check_that_passes_allocates_nothing(void) {
  check_heap heap = {0, 0, 0, 0, 0};
  xai_mem mem = check_heap_mem(&heap);
  text schema_text =
    quoted("{'properties':{'a':{'type':'array','items':{'anyOf':[{'type':'string','pattern':'^x'},{"
           "'type':'object','required':['k']}]},'uniqueItems':true}},'unevaluatedProperties':false}");
  text value = quoted("{'a':['xyz','xx',{'k':1},'x1','x2','x3','x4','x5','x6','x7']}");
  xai_schema *schema = xai_schema_compile(&mem, schema_text.at, schema_text.len, NULL, NULL);
  xai_check *check = xai_check_new(&mem, schema, true);
  CHECK_INT(xai_check_text(check, value.at, value.len, NULL), XAI_OK);
  long before = heap.count;
  for (int i = 0; i < 10; i++) CHECK_INT(xai_check_text(check, value.at, value.len, NULL), XAI_OK);
  CHECK_INT(heap.count, before);
  xai_check_free(check);
  xai_schema_free(schema);
  CHECK_INT(heap.live, 0);
}

int main(void) {
  RUN(each_violation_has_both_pointers_and_a_sentence);
  RUN(all_errors_are_found_or_the_first_alone);
  RUN(long_values_and_names_are_cut_at_a_character);
  RUN(offsets_point_at_the_value);
  RUN(offsets_of_all_kinds_of_values);
  RUN(offsets_of_containers);
  RUN(what_is_wrong_in_a_schema_is_named);
  RUN(what_is_no_json_is_no_schema);
  RUN(F85_a_schema_that_leads_to_itself_is_refused);
  RUN(F85_a_dynamic_loop_ends_at_a_limit);
  RUN(F85_a_pattern_that_explodes_is_named);
  RUN(F85_doubling_schemas_stop_at_the_steps);
  RUN(F85_a_megabyte_has_its_steps_by_default);
  RUN(F85_what_is_cheap_counts_too);
  RUN(F85_a_number_of_a_million_digits_is_not_divided);
  RUN(F85_a_value_has_its_steps_as_a_text_has);
  RUN(nesting_has_its_limit);
  RUN(decimals_are_compared_exactly);
  RUN(decimals_are_divided_exactly);
  RUN(counts_may_be_written_in_any_way);
  RUN(integers_are_whole_numbers);
  RUN(equality_is_by_value);
  RUN(large_arrays_are_hashed);
  RUN(large_objects_in_another_order_are_hashed);
  RUN(each_of_equal_keys_is_checked);
  RUN(many_required_names);
  RUN(patterns_are_those_of_ecmascript);
  RUN(some_patterns_need_pcre2);
  RUN(simple_patterns_match_as_all_others);
  RUN(branches_told_apart_hold_as_others_do);
  RUN(a_branch_that_alone_takes_a_type_is_held_against_it);
  RUN(a_union_is_as_quick_as_one_of_its_branches);
  RUN(references_are_resolved_as_in_the_rfc);
  RUN(the_drafts_metaschemas_are_known);
  RUN(keywords_are_found);
  RUN(remotes_are_searched_for_what_they_hold);
  RUN(an_unknown_vocabulary_must_be_optional);
  RUN(formats_and_content_hold_on_demand);
  RUN(the_draft_is_that_of_the_options_unless_the_schema_says);
  RUN(a_check_that_passes_allocates_nothing);
  check_nomem("compile_and_check_without_memory", compile_and_check);
  check_nomem("compare_without_memory", compare_without_memory);
  return check_report("schema");
}
