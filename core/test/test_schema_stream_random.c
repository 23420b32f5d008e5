/* test_schema_stream_random.c - random schemas with random texts, fitting and spoilt, held against each other in pieces.
 * SPDX-License-Identifier: MIT
 *
 * Values are drawn from small sets, so that schemas and texts meet. A text is made along its schema, then perhaps
 * spoilt: a value replaced, a member doubled, a byte changed.
 */
#include "pieces.h"

enum { SCHEMAS = 4000, TEXTS = 6, DEEPEST = 4, MOST_TEXT = 6000 };

typedef struct made {
  char at[MOST_TEXT + 600];
  size_t len;
} made;

static uint64_t seed = 0x9e3779b97f4a7c15u;

static uint32_t pick(uint32_t below) {
  return pieces_random(&seed, below);
}

static bool chance(uint32_t percent) {
  return pick(100) < percent;
}

static void add(made *m, const char *text) {
  size_t len = strlen(text);
  if (m->len + len > sizeof m->at) return;
  memcpy(m->at + m->len, text, len);
  m->len += len;
}

static const char *one_of(const char *const *list, size_t count) {
  return list[pick((uint32_t)count)];
}

#define ONE_OF(list) one_of(list, sizeof(list) / sizeof *(list))

static const char *const keys[] = {"\"a\"", "\"b\"", "\"ab\"", "\"kind\"", "\"\\u00e9\"", "\"\""};
static const char *const strings[] = {"\"\"",          "\"a\"",        "\"ab\"",
                                      "\"abc\"",       "\"cat\"",      "\"cow\"",
                                      "\"\\u00e9t\"",  "\"\xc3\xa9\"", "\"\\ud83d\\ude00\"",
                                      "\"\\ud83d x\"", "\"a\\nb\"",    "\"b\""};
static const char *const numbers[] = {"0",     "-0",    "1",     "-1",    "2",       "2.0",  "1.5",
                                      "15e-1", "20e-1", "1E1",   "10",    "3",       "-2.5", "0.0",
                                      "1e400", "1e-9",  "-3e+2", "0.1e1", "100",     "5e0",  "-10",
                                      "9e2",   "0e-5",  "12.50", "7",     "1.00e+0", "0.5"};
static const char *const words[] = {"true", "false", "null"};
static const char *const blanks[] = {"", "", "", " ", "\n\t"};

/* ---- values without a schema ---- */

static void scalar(made *m) {
  uint32_t kind = pick(3);
  add(m, kind == 0 ? ONE_OF(strings) : kind == 1 ? ONE_OF(numbers) : ONE_OF(words));
}

static void any_value(made *m, int depth) {
  uint32_t kind = depth <= 0 ? 0 : pick(4);
  uint32_t count = pick(4);
  if (kind < 2) {
    scalar(m);
    return;
  }
  add(m, kind == 2 ? "[" : "{");
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) add(m, ",");
    if (kind == 3) add(m, ONE_OF(keys));
    if (kind == 3) add(m, ":");
    any_value(m, depth - 1);
  }
  add(m, kind == 2 ? "]" : "}");
}

/* ---- schemas ---- */

static void any_schema(made *m, int depth);

static void list_of(made *m, int depth) {
  uint32_t count = 1 + pick(3);
  add(m, "[");
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) add(m, ",");
    any_schema(m, depth);
  }
  add(m, "]");
}

static void map_of(made *m, int depth) {
  add(m, "{");
  uint32_t first = pick(4), count = pick(4);
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) add(m, ",");
    add(m, keys[(first + i) % 6]);
    add(m, ":");
    any_schema(m, depth);
  }
  add(m, "}");
}

static void name_list(made *m) {
  uint32_t first = pick(6), count = pick(3);
  add(m, "[");
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) add(m, ",");
    add(m, keys[(first + i) % 6]);
  }
  add(m, "]");
}

static void value_list(made *m) {
  add(m, "[");
  for (uint32_t i = 0, count = 1 + pick(10); i < count; i++) {
    if (i > 0) add(m, ",");
    if (chance(85)) scalar(m);
    else any_value(m, 1);
  }
  add(m, "]");
}

static void keyword(made *m, const char *name) {
  add(m, "\"");
  add(m, name);
  add(m, "\":");
}

static void small_count(made *m) {
  static const char *const counts[] = {"0", "1", "2", "3"};
  add(m, ONE_OF(counts));
}

static void type(made *m) {
  static const char *const types[] = {"\"string\"", "\"object\"", "\"array\"",  "\"integer\"",
                                      "\"number\"", "\"null\"",   "\"boolean\""};
  keyword(m, "type");
  if (chance(70)) {
    add(m, ONE_OF(types));
    return;
  }
  add(m, "[");
  add(m, types[pick(3)]);
  add(m, ",");
  add(m, types[3 + pick(4)]);
  add(m, "]");
}

static void about_scalars(made *m) {
  static const char *const patterns[] = {"\"^a\"", "\"b$\"", "\"^[a-c]*$\""};
  static const char *const bounds[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"};
  static const char *const lengths[] = {"minLength", "maxLength", "maxLength"};
  switch (pick(7)) {
    case 0: keyword(m, "const"), scalar(m); break;
    case 1: keyword(m, "enum"), value_list(m); break;
    case 2: keyword(m, ONE_OF(lengths)), small_count(m); break;
    case 3: keyword(m, "pattern"), add(m, ONE_OF(patterns)); break;
    case 4: keyword(m, "multipleOf"), add(m, chance(50) ? "2" : "0.5"); break;
    case 5: type(m); break;
    default: keyword(m, ONE_OF(bounds)), add(m, ONE_OF(numbers)); break;
  }
}

static void about_containers(made *m, int depth) {
  static const char *const sizes[] = {"minItems", "maxItems", "minProperties", "maxProperties"};
  switch (pick(14)) {
    case 0:
    case 1:
    case 2: keyword(m, "properties"), map_of(m, depth); break;
    case 3: keyword(m, "required"), name_list(m); break;
    case 4: keyword(m, "additionalProperties"), any_schema(m, depth); break;
    case 5: keyword(m, "items"), any_schema(m, depth); break;
    case 6: keyword(m, "prefixItems"), list_of(m, depth); break;
    case 7: keyword(m, "contains"), any_schema(m, depth); break;
    case 8: keyword(m, "propertyNames"), any_schema(m, 0); break;
    case 9: keyword(m, "patternProperties"), add(m, "{\"^a\":"), any_schema(m, depth), add(m, "}"); break;
    case 10: keyword(m, "dependentSchemas"), map_of(m, depth); break;
    case 11: keyword(m, "uniqueItems"), add(m, "true"); break;
    case 12: keyword(m, chance(50) ? "unevaluatedProperties" : "unevaluatedItems"), any_schema(m, 0); break;
    default: keyword(m, ONE_OF(sizes)), small_count(m); break;
  }
}

static void about_the_same(made *m, int depth) {
  switch (pick(7)) {
    case 0:
    case 1: keyword(m, "anyOf"), list_of(m, depth); break;
    case 2: keyword(m, "oneOf"), list_of(m, depth); break;
    case 3: keyword(m, "allOf"), list_of(m, depth); break;
    case 4: keyword(m, "not"), any_schema(m, depth); break;
    case 5:
      keyword(m, "if"), any_schema(m, depth), add(m, ",");
      keyword(m, chance(50) ? "then" : "else"), any_schema(m, depth);
      break;
    /* Only below something else: never back to the same value alone. */
    default: keyword(m, "items"), add(m, chance(50) ? "{\"$ref\":\"#\"}" : "{\"$ref\":\"#/$defs/x\"}"); break;
  }
}

/* Keywords may come twice: then the last counts. */
static void any_schema(made *m, int depth) {
  if (m->len > MOST_TEXT || chance(8)) {
    add(m, chance(85) ? "true" : "false");
    return;
  }
  add(m, "{");
  for (uint32_t i = 0, count = 1 + pick(3); i < count; i++) {
    if (i > 0) add(m, ",");
    uint32_t kind = depth <= 0 ? 0 : pick(10);
    if (kind < 4) about_scalars(m);
    else if (kind < 8) about_containers(m, depth - 1);
    else about_the_same(m, depth - 1);
  }
  add(m, "}");
}

static void whole_schema(made *m) {
  m->len = 0;
  add(m, "{\"$defs\":{\"x\":");
  any_schema(m, 1);
  add(m, "},\"allOf\":[");
  any_schema(m, DEEPEST);
  add(m, "]}");
}

/* ---- texts along a schema ---- */

static void along(made *m, const xai_json *schema, int depth);

static void add_json(made *m, const xai_json *value) {
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, MOST_TEXT);
  xai_str text;
  xai_json_put_value(writer, value);
  if (xai_json_writer_end(writer, &text, NULL) == XAI_OK && m->len + text.len <= sizeof m->at) {
    memcpy(m->at + m->len, text.ptr, text.len);
    m->len += text.len;
  }
  xai_json_writer_free(writer);
}

static const xai_json *any_of(const xai_json *list) {
  return xai_json_len(list) == 0 ? NULL : xai_json_at(list, pick((uint32_t)xai_json_len(list)));
}

static void member(made *m, const char *before, xai_str key, const xai_json *schema, int depth) {
  char quoted[40];
  snprintf(quoted, sizeof quoted, "%s\"%.*s\":", before, (int)key.len, key.ptr);
  add(m, quoted);
  add(m, ONE_OF(blanks));
  along(m, schema, depth);
}

static void object_along(made *m, const xai_json *schema, int depth) {
  const xai_json *known = xai_json_get(schema, "properties"), *needed = xai_json_get(schema, "required");
  bool any = false;
  add(m, "{");
  for (const xai_json *p = xai_json_first(known); p != NULL; p = xai_json_next(p)) {
    if (!chance(75)) continue;
    member(m, any ? "," : "", xai_json_key(p), p, depth);
    any = true;
  }
  for (const xai_json *n = xai_json_first(needed); n != NULL; n = xai_json_next(n)) {
    member(m, any ? "," : "", xai_json_str(n), xai_json_get(schema, "additionalProperties"), depth);
    any = true;
  }
  if (chance(25)) {
    add(m, any ? "," : "");
    add(m, ONE_OF(keys));
    add(m, ":");
    any_value(m, 1);
  }
  add(m, ONE_OF(blanks));
  add(m, "}");
}

static void array_along(made *m, const xai_json *schema, int depth) {
  const xai_json *prefix = xai_json_get(schema, "prefixItems"), *items = xai_json_get(schema, "items");
  uint32_t count = pick(4);
  add(m, "[");
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0) add(m, ",");
    along(m, i < xai_json_len(prefix) ? xai_json_at(prefix, i) : items, depth);
  }
  add(m, "]");
}

/* The schema that has most to say of the value: one of its own parts, or itself. */
static const xai_json *part_of(const xai_json *schema) {
  static const char *const unions[] = {"anyOf", "oneOf", "allOf"};
  for (int i = 0; i < 3; i++) {
    const xai_json *part = any_of(xai_json_get(schema, unions[i]));
    if (part != NULL && chance(70)) return part;
  }
  const xai_json *then = xai_json_get(schema, "then");
  return then != NULL && chance(30) ? then : schema;
}

static void by_type(made *m, const xai_json *schema, xai_str name, int depth) {
  char first = name.len > 1 ? name.ptr[0] : ' ';
  if (first == 'o') object_along(m, schema, depth);
  else if (first == 'a') array_along(m, schema, depth);
  else if (first == 's') add(m, ONE_OF(strings));
  else if (first == 'i' || (first == 'n' && name.ptr[2] == 'm')) add(m, ONE_OF(numbers));
  else if (first == 'n') add(m, "null");
  else if (first == 'b') add(m, ONE_OF(words));
  else any_value(m, depth);
}

static void along(made *m, const xai_json *schema, int depth) {
  for (int i = 0; i < 3; i++) schema = part_of(schema);
  const xai_json *constant = xai_json_get(schema, "const"), *choice = any_of(xai_json_get(schema, "enum"));
  const xai_json *of = xai_json_get(schema, "type");
  xai_str name = xai_json_str(xai_json_type_of(of) == XAI_JSON_ARRAY ? any_of(of) : of);
  bool object = xai_json_get(schema, "properties") != NULL || xai_json_get(schema, "required") != NULL;
  bool array = xai_json_get(schema, "items") != NULL || xai_json_get(schema, "prefixItems") != NULL;
  if (depth <= 0 || m->len > MOST_TEXT || chance(6)) any_value(m, 1);
  else if (constant != NULL) add_json(m, constant);
  else if (choice != NULL) add_json(m, choice);
  else if (object && chance(80)) object_along(m, schema, depth - 1);
  else if (array && chance(80)) array_along(m, schema, depth - 1);
  else by_type(m, schema, name, depth - 1);
}

static void spoil(made *m) {
  static const char bytes[] = "{}[],:\"\\0123-e.tfn u\x80\xc3";
  if (m->len == 0 || !chance(35)) return;
  size_t at = pick((uint32_t)m->len);
  switch (pick(3)) {
    case 0: m->at[at] = bytes[pick(sizeof bytes - 1)]; break;
    case 1: m->len = at; break;
    default: memmove(m->at + at, m->at + at + 1, m->len - at - 1); m->len--;
  }
}

/* ---- running ---- */

typedef struct tally {
  int valid;
  int invalid;
  int broken;
  int wrong;
  double share;
} tally;

static void count(tally *t, const pieces *p, const made *schema, const made *text) {
  size_t read = p->offset < text->len ? p->offset + 1 : text->len;
  t->valid += p->whole == XAI_OK;
  t->invalid += p->whole == XAI_ERR_INVALID;
  t->broken += p->whole != XAI_OK && p->whole != XAI_ERR_INVALID;
  if (p->whole == XAI_ERR_INVALID && text->len > 0) t->share += (double)read / (double)text->len;
  if (p->wrong == NULL) return;
  if (t->wrong++ < 5)
    printf("  %s\n    %.*s\n    %.*s\n", p->wrong, (int)schema->len, schema->at, (int)text->len, text->at);
}

static void try_schema(const made *schema_text, tally *t) {
  static made text;
  xai_error err;
  xai_schema *schema = xai_schema_compile(NULL, schema_text->at, schema_text->len, NULL, &err);
  xai_check *check = xai_check_new(NULL, schema, chance(50));
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *json = xai_json_parse(doc, schema_text->at, schema_text->len, 0, NULL);
  if (schema == NULL) printf("  %s: %.*s\n", err.message, (int)schema_text->len, schema_text->at);
  CHECK(schema != NULL && check != NULL);
  for (int i = 0; i < TEXTS && check != NULL; i++) {
    text.len = 0;
    along(&text, json, DEEPEST);
    spoil(&text);
    pieces p = pieces_try(check, text.at, text.len, &seed);
    count(t, &p, schema_text, &text);
  }
  xai_json_doc_free(doc);
  xai_check_free(check);
  xai_schema_free(schema);
}

static void random_schemas(void) {
  static made schema;
  tally t = {0, 0, 0, 0, 0};
  for (int i = 0; i < SCHEMAS; i++) {
    whole_schema(&schema);
    try_schema(&schema, &t);
  }
  printf("random: %d valid, %d invalid (%.1f %% read on the mean), %d no JSON\n", t.valid, t.invalid,
         100 * t.share / t.invalid, t.broken);
  CHECK_INT(t.wrong, 0);
  CHECK(t.valid > SCHEMAS / 2 && t.invalid > SCHEMAS / 2 && t.broken > SCHEMAS / 4);
}

int main(void) {
  RUN(random_schemas);
  return check_report("schema stream random");
}
