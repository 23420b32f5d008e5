/* xai_schema_rules.c - the keywords of one schema, checked and turned into operations.
 * SPDX-License-Identifier: MIT */
#include "xai_schema_build.h"

/* A node on its way through this file. */
typedef struct rules {
  xai_schema_build *b;
  xai_schema_node *node;
  xai_schema_ops *ops;
  const xai_json *const *slots;
  xai_draft draft;
} rules;

static void refuse(const rules *r, xai_keyword keyword, const char *what) {
  xai__build_refuse(r->b, r->node, keyword, "%s", what);
}

static xai_schema_op *add(rules *r, unsigned group, xai_schema_opcode code, xai_keyword keyword) {
  xai_schema_op *op = &r->ops->op[r->ops->count];
  *op = (xai_schema_op){.code = (uint8_t)code, .keyword = (uint8_t)keyword};
  r->ops->group[r->ops->count++] = (uint8_t)group;
  return op;
}

static bool is(const xai_json *value, xai_json_type type) {
  return value != NULL && value->type == type;
}

/* A node that sees the same value as this one. */
static void note_edge(const rules *r, xai_schema_node *to) {
  xai_schema_edge *edge = xai__build_alloc(r->b, sizeof *edge);
  if (edge == NULL || to == NULL) return;
  *edge = (xai_schema_edge){.to = to, .next = r->node->edges};
  r->node->edges = edge;
}

static xai_schema_node *child(const rules *r, xai_keyword keyword) {
  return r->slots[keyword] == NULL ? NULL : xai__build_child(r->b, r->node, keyword, r->slots[keyword]);
}

/* ---- types ---- */

static unsigned type_bit(const rules *r, xai_str name) {
  static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
  for (unsigned i = 0; i < 6; i++) {
    if (xai__str_eq(name, names[i])) return 1u << i;
  }
  if (!xai__str_eq(name, "integer")) return 0;
  return r->draft == XAI_DRAFT_4 ? XAI_TYPES_LITERAL : XAI_TYPES_INTEGER;
}

static void types(rules *r) {
  const xai_json *type = r->slots[XAI_KW_TYPE], *first = type;
  r->node->types = XAI_TYPES_ALL;
  if (type == NULL) return;
  bool list = is(type, XAI_JSON_ARRAY);
  unsigned bits = 0;
  if (list) first = xai_json_first(type);
  for (const xai_json *t = first; t != NULL; t = list ? xai_json_next(t) : NULL) {
    unsigned bit = type_bit(r, xai_json_str(t));
    if (bit == 0)
      refuse(r, XAI_KW_TYPE, "must name types: null, boolean, integer, number, string, array, object");
    bits |= bit;
  }
  r->node->types = (uint8_t)bits;
}

/* ---- numbers ---- */

static const xai_decimal *number(const rules *r, xai_keyword keyword) {
  const xai_json *value = r->slots[keyword];
  if (!is(value, XAI_JSON_NUMBER)) {
    refuse(r, keyword, "must be a number");
    return NULL;
  }
  xai_decimal *made = xai__build_alloc(r->b, sizeof *made);
  if (made != NULL) *made = xai__decimal(xai_json_text(value));
  return made;
}

static void bound(rules *r, xai_keyword keyword, xai_schema_opcode code) {
  if (r->slots[keyword] != NULL) add(r, XAI_GROUP_NUMBER, code, keyword)->as.number = number(r, keyword);
}

/* In draft 4 the exclusive keywords are booleans that sharpen the others. */
static void bound4(rules *r, xai_keyword keyword, xai_keyword exclusive, xai_schema_opcode code,
                   xai_schema_opcode sharp) {
  const xai_json *flag = r->slots[exclusive];
  if (flag != NULL && !is(flag, XAI_JSON_BOOL)) refuse(r, exclusive, "must be true or false in draft 4");
  bound(r, keyword, xai_json_bool(flag) ? sharp : code);
}

static void numbers(rules *r) {
  if (r->draft == XAI_DRAFT_4) {
    bound4(r, XAI_KW_MINIMUM, XAI_KW_EXCLUSIVE_MINIMUM, XAI_OP_MINIMUM, XAI_OP_ABOVE);
    bound4(r, XAI_KW_MAXIMUM, XAI_KW_EXCLUSIVE_MAXIMUM, XAI_OP_MAXIMUM, XAI_OP_BELOW);
  } else {
    bound(r, XAI_KW_MINIMUM, XAI_OP_MINIMUM);
    bound(r, XAI_KW_MAXIMUM, XAI_OP_MAXIMUM);
    bound(r, XAI_KW_EXCLUSIVE_MINIMUM, XAI_OP_ABOVE);
    bound(r, XAI_KW_EXCLUSIVE_MAXIMUM, XAI_OP_BELOW);
  }
  bound(r, XAI_KW_MULTIPLE_OF, XAI_OP_MULTIPLE);
  if (r->slots[XAI_KW_MULTIPLE_OF] == NULL || r->b->code != XAI_OK) return;
  const xai_decimal *divisor = r->ops->op[r->ops->count - 1].as.number;
  if (divisor->negative || divisor->count == 0) refuse(r, XAI_KW_MULTIPLE_OF, "must be greater than 0");
  if (divisor->count > XAI__DIVISOR_DIGITS) refuse(r, XAI_KW_MULTIPLE_OF, "has too many digits");
}

/* A count: 2, or 2.0. Beyond 64 bits it is as good as no limit. */
static bool count_of(const rules *r, xai_keyword keyword, uint64_t *out) {
  const xai_json *value = r->slots[keyword];
  if (value == NULL) return false;
  xai_decimal d = xai__decimal(xai_json_text(value)); /* of what is no number: 0 */
  if (!is(value, XAI_JSON_NUMBER) || d.negative || !xai__decimal_is_whole(&d)) {
    refuse(r, keyword, "must be a whole number, 0 or more");
    return false;
  }
  *out = UINT64_MAX;
  if (d.small) *out = (uint64_t)d.whole;
  if (d.small || d.point > 18) return true;
  uint64_t sum = 0;
  const char *at = d.digits;
  for (int64_t i = 0; i < d.point; i++) {
    if (i < (int64_t)d.count && *at == '.') at++;
    sum = sum * 10 + (i < (int64_t)d.count ? (uint64_t)(*at++ - '0') : 0);
  }
  *out = sum;
  return true;
}

static void limit(rules *r, unsigned group, xai_keyword keyword, xai_schema_opcode code, bool least) {
  uint64_t value;
  if (!count_of(r, keyword, &value)) return;
  if (value == (least ? 0 : UINT64_MAX)) return;
  add(r, group, code, keyword)->as.limit = value;
}

/* ---- strings ---- */

static void refuse_pattern(const rules *r, xai_keyword keyword, xai_code code, xai_str source,
                           const char *why) {
  int len = (int)(source.len < 200 ? source.len : 200);
  const char *text = source.len > 0 ? source.ptr : "";
  if (code == XAI_ERR_LIBRARY)
    xai__build_lack(r->b, r->node, keyword, "cannot be matched by this build, \"%.*s\": %s", len, text, why);
  else if (code == XAI_ERR_SCHEMA)
    xai__build_refuse(r->b, r->node, keyword, "is not a usable regular expression, \"%.*s\": %s", len, text,
                      why);
  else xai__build_fail(r->b, code);
}

static const xai_pattern *pattern(const rules *r, xai_keyword keyword, xai_str source) {
  char why[120] = "";
  xai_schema *schema = r->b->schema;
  xai_schema_regex *regex = xai__build_alloc(r->b, sizeof *regex);
  if (regex == NULL) return NULL;
  xai_code code = xai__pattern_new(&schema->mem, source, &regex->pattern, why, sizeof why);
  if (code == XAI_OK) {
    regex->next = schema->regexes;
    schema->regexes = regex;
    r->b->pattern_bytes += xai__pattern_size(regex->pattern);
    if (r->b->pattern_bytes > r->b->options.max_bytes) xai__build_fail(r->b, XAI_ERR_TOO_BIG);
    return regex->pattern;
  }
  refuse_pattern(r, keyword, code, source, why);
  return NULL;
}

static void format(rules *r) {
  const xai_json *value = r->slots[XAI_KW_FORMAT];
  if (value == NULL) return;
  if (!is(value, XAI_JSON_STRING)) refuse(r, XAI_KW_FORMAT, "must be a string");
  bool asserts = r->b->options.assert_format || (r->node->resource->vocab & XAI_VOCAB_ASSERT_FORMAT) != 0;
  xai_format known = xai__format_find(xai_json_str(value));
  if (!asserts || known == 0) return;
  xai_schema_format *made = xai__build_alloc(r->b, sizeof *made);
  if (made == NULL) return;
  *made = (xai_schema_format){known, xai_json_str(value)};
  add(r, XAI_GROUP_STRING, XAI_OP_FORMAT, XAI_KW_FORMAT)->as.format = made;
}

static void content(rules *r) {
  const xai_json *encoding = r->slots[XAI_KW_CONTENT_ENCODING], *media = r->slots[XAI_KW_CONTENT_MEDIA_TYPE];
  if (encoding != NULL && !is(encoding, XAI_JSON_STRING))
    refuse(r, XAI_KW_CONTENT_ENCODING, "must be a string");
  if (media != NULL && !is(media, XAI_JSON_STRING)) refuse(r, XAI_KW_CONTENT_MEDIA_TYPE, "must be a string");
  bool base64 = xai__str_eq_nocase(xai_json_str(encoding), "base64");
  bool json = xai__str_eq_nocase(xai_json_str(media), "application/json");
  bool other = encoding != NULL && !base64; /* then we cannot look inside */
  if (!r->b->options.assert_content || other || (!base64 && !json)) return;
  xai_schema_content *made = xai__build_alloc(r->b, sizeof *made);
  if (made == NULL) return;
  *made = (xai_schema_content){base64, json};
  xai_keyword keyword = base64 ? XAI_KW_CONTENT_ENCODING : XAI_KW_CONTENT_MEDIA_TYPE;
  add(r, XAI_GROUP_STRING, XAI_OP_CONTENT, keyword)->as.content = made;
}

static void strings(rules *r) {
  limit(r, XAI_GROUP_STRING, XAI_KW_MIN_LENGTH, XAI_OP_MIN_LENGTH, true);
  limit(r, XAI_GROUP_STRING, XAI_KW_MAX_LENGTH, XAI_OP_MAX_LENGTH, false);
  const xai_json *source = r->slots[XAI_KW_PATTERN];
  if (source != NULL && !is(source, XAI_JSON_STRING)) refuse(r, XAI_KW_PATTERN, "must be a string");
  if (is(source, XAI_JSON_STRING))
    add(r, XAI_GROUP_STRING, XAI_OP_PATTERN, XAI_KW_PATTERN)->as.pattern =
      pattern(r, XAI_KW_PATTERN, xai_json_str(source));
  format(r);
  content(r);
}

/* ---- any ---- */

static uint32_t slots_for(size_t count) {
  uint32_t room = 4;
  while (room < 2 * count) room *= 2;
  return room;
}

static void hash_values(const rules *r, xai_schema_enum *made) {
  uint32_t room = slots_for(made->count);
  uint32_t *slots = xai__build_array(r->b, room, sizeof *slots);
  if (slots == NULL) return;
  for (uint32_t i = 0; i < made->count; i++) {
    uint32_t at = (uint32_t)xai__equal_hash(&r->b->equal, made->values[i]) & (room - 1);
    while (slots[at] != 0) at = (at + 1) & (room - 1);
    slots[at] = i + 1;
  }
  made->slots = slots;
  made->mask = room - 1;
  if (r->b->equal.code != XAI_OK) xai__build_fail(r->b, r->b->equal.code);
}

static void enumeration(rules *r) {
  const xai_json *list = r->slots[XAI_KW_ENUM];
  if (list == NULL) return;
  if (!is(list, XAI_JSON_ARRAY)) {
    refuse(r, XAI_KW_ENUM, "must be an array");
    return;
  }
  xai_schema_enum *made = xai__build_alloc(r->b, sizeof *made);
  const xai_json **values = xai__build_array(r->b, list->len, sizeof *values);
  if (made == NULL || values == NULL) return;
  made->values = values;
  for (const xai_json *v = xai_json_first(list); v != NULL; v = xai_json_next(v)) values[made->count++] = v;
  if (made->count > 8) hash_values(r, made);
  add(r, XAI_GROUP_ANY, XAI_OP_ENUM, XAI_KW_ENUM)->as.values = made;
}

static void values(rules *r) {
  const xai_json *constant = r->slots[XAI_KW_CONST];
  if (constant != NULL) add(r, XAI_GROUP_ANY, XAI_OP_CONST, XAI_KW_CONST)->as.value = constant;
  enumeration(r);
}

/* ---- arrays ---- */

static xai_schema_node **node_list(const rules *r, xai_keyword keyword, uint32_t *count, bool same_value) {
  const xai_json *list = r->slots[keyword];
  xai_schema_node **nodes = xai__build_array(r->b, xai_json_len(list), sizeof *nodes);
  *count = 0;
  if (nodes == NULL) return NULL;
  for (const xai_json *e = xai_json_first(list); e != NULL && r->b->code == XAI_OK; e = xai_json_next(e)) {
    nodes[*count] = xai__build_child(r->b, r->node, keyword, e);
    if (same_value) note_edge(r, nodes[*count]);
    ++*count;
  }
  return nodes;
}

static void elements(rules *r) {
  const xai_json *items = r->slots[XAI_KW_ITEMS];
  bool tuple = r->draft != XAI_DRAFT_2020_12 && is(items, XAI_JSON_ARRAY);
  xai_schema_elements made = {.rest_keyword = XAI_KW_ITEMS};
  xai_keyword prefix = tuple ? XAI_KW_ITEMS : XAI_KW_PREFIX_ITEMS;
  if (r->slots[prefix] != NULL) made.prefix = node_list(r, prefix, &made.prefix_count, false);
  if (tuple) made.rest_keyword = XAI_KW_ADDITIONAL_ITEMS;
  if (items != NULL || !tuple) made.rest = child(r, (xai_keyword)made.rest_keyword);
  if (made.rest == NULL && made.prefix_count == 0) return;
  xai_schema_elements *kept = xai__build_alloc(r->b, sizeof *kept);
  if (kept == NULL) return;
  *kept = made;
  add(r, XAI_GROUP_ARRAY, XAI_OP_ELEMENTS, (xai_keyword)made.rest_keyword)->as.elements = kept;
}

static void contains(rules *r) {
  xai_schema_contains made = {.least = 1, .most = UINT64_MAX};
  (void)count_of(r, XAI_KW_MIN_CONTAINS, &made.least); /* also held to be counts without `contains` */
  (void)count_of(r, XAI_KW_MAX_CONTAINS, &made.most);
  if (r->slots[XAI_KW_CONTAINS] == NULL) return;
  made.node = child(r, XAI_KW_CONTAINS);
  made.marks = r->draft == XAI_DRAFT_2020_12;
  xai_schema_contains *kept = xai__build_alloc(r->b, sizeof *kept);
  if (kept == NULL) return;
  *kept = made;
  add(r, XAI_GROUP_ARRAY, XAI_OP_CONTAINS, XAI_KW_CONTAINS)->as.contains = kept;
}

static void arrays(rules *r) {
  limit(r, XAI_GROUP_ARRAY, XAI_KW_MIN_ITEMS, XAI_OP_MIN_ITEMS, true);
  limit(r, XAI_GROUP_ARRAY, XAI_KW_MAX_ITEMS, XAI_OP_MAX_ITEMS, false);
  const xai_json *unique = r->slots[XAI_KW_UNIQUE_ITEMS];
  if (unique != NULL && !is(unique, XAI_JSON_BOOL)) refuse(r, XAI_KW_UNIQUE_ITEMS, "must be true or false");
  elements(r);
  contains(r);
  if (xai_json_bool(unique)) add(r, XAI_GROUP_ARRAY, XAI_OP_UNIQUE, XAI_KW_UNIQUE_ITEMS);
}

/* ---- objects ---- */

/* The names that a schema knows, while they are collected. */
typedef struct names {
  xai_schema_name *list;
  uint32_t *slots;
  uint32_t mask;
  uint32_t count;
  uint32_t bits;
} names;

static uint32_t name_index(names *n, xai_str text) {
  xai_name_ends ends = xai__name_ends(text.ptr, text.len);
  uint32_t at = xai__name_hash(ends, text.len) & n->mask;
  for (; n->slots[at] != 0; at = (at + 1) & n->mask) {
    if (xai__name_is(&n->list[n->slots[at] - 1], ends, text.ptr, text.len)) return n->slots[at] - 1;
  }
  n->list[n->count] = (xai_schema_name){.text = text, .ends = ends, .bit = UINT32_MAX};
  n->slots[at] = ++n->count;
  return n->count - 1;
}

/* One whose presence is asked for. */
static uint32_t asked_name(names *n, xai_str text) {
  uint32_t index = name_index(n, text);
  if (n->list[index].bit == UINT32_MAX) n->list[index].bit = n->bits++;
  return index;
}

static bool is_name_list(const rules *r, xai_keyword keyword, const xai_json *list) {
  bool well = is(list, XAI_JSON_ARRAY);
  for (const xai_json *e = xai_json_first(list); e != NULL && well; e = xai_json_next(e)) {
    well = e->type == XAI_JSON_STRING;
  }
  if (!well) refuse(r, keyword, "must be an array of names");
  return well;
}

static const xai_keyword dependency_keywords[] = {XAI_KW_DEPENDENCIES, XAI_KW_DEPENDENT_REQUIRED,
                                                  XAI_KW_DEPENDENT_SCHEMAS};

/* No more names than this, and no more dependencies than *dependencies. */
static size_t most_names(const rules *r, uint32_t *dependencies) {
  size_t most = xai_json_len(r->slots[XAI_KW_PROPERTIES]) + xai_json_len(r->slots[XAI_KW_REQUIRED]);
  *dependencies = 0;
  for (int i = 0; i < 3; i++) {
    const xai_json *map = r->slots[dependency_keywords[i]];
    *dependencies += (uint32_t)xai_json_len(map);
    for (const xai_json *m = xai_json_first(map); m != NULL; m = xai_json_next(m)) {
      most += 1 + (m->type == XAI_JSON_ARRAY ? m->len : 0);
    }
  }
  return most;
}

static void dependency(const rules *r, names *n, xai_keyword keyword, const xai_json *member,
                       xai_schema_dependency *out) {
  bool list =
    keyword == XAI_KW_DEPENDENT_REQUIRED || (keyword == XAI_KW_DEPENDENCIES && is(member, XAI_JSON_ARRAY));
  *out = (xai_schema_dependency){.trigger = asked_name(n, xai_json_key(member)), .keyword = (uint8_t)keyword};
  if (!list) {
    out->node = xai__build_child(r->b, r->node, keyword, member);
    note_edge(r, out->node);
    return;
  }
  if (!is_name_list(r, keyword, member)) return;
  uint32_t *needs = xai__build_array(r->b, member->len, sizeof *needs);
  if (needs == NULL) return;
  out->needs = needs;
  for (const xai_json *e = xai_json_first(member); e != NULL; e = xai_json_next(e)) {
    needs[out->count++] = asked_name(n, xai_json_str(e));
  }
}

static void dependencies(rules *r, names *n, xai_schema_members *made, uint32_t most) {
  xai_schema_dependency *list = xai__build_array(r->b, most, sizeof *list);
  for (int i = 0; i < 3 && list != NULL; i++) {
    const xai_json *map = r->slots[dependency_keywords[i]];
    if (map != NULL && !is(map, XAI_JSON_OBJECT)) refuse(r, dependency_keywords[i], "must be an object");
    for (const xai_json *m = xai_json_first(map); m != NULL && r->b->code == XAI_OK; m = xai_json_next(m)) {
      dependency(r, n, dependency_keywords[i], m, &list[made->dependency_count++]);
    }
  }
  made->dependencies = list;
}

static void required(rules *r, names *n, xai_schema_members *made) {
  const xai_json *list = r->slots[XAI_KW_REQUIRED];
  if (list == NULL || !is_name_list(r, XAI_KW_REQUIRED, list)) return;
  uint32_t *indices = xai__build_array(r->b, list->len, sizeof *indices);
  if (indices == NULL) return;
  for (const xai_json *e = xai_json_first(list); e != NULL; e = xai_json_next(e)) {
    indices[made->required_count++] = asked_name(n, xai_json_str(e));
  }
  made->required = indices;
}

static void patterns(rules *r, xai_schema_members *made) {
  const xai_json *map = r->slots[XAI_KW_PATTERN_PROPERTIES];
  if (xai_json_len(map) == 0) return;
  xai_schema_pattern *list = xai__build_array(r->b, xai_json_len(map), sizeof *list);
  if (list == NULL) return;
  for (const xai_json *m = xai_json_first(map); m != NULL && r->b->code == XAI_OK; m = xai_json_next(m)) {
    xai_schema_pattern *to = &list[made->pattern_count++];
    to->pattern = pattern(r, XAI_KW_PATTERN_PROPERTIES, xai_json_key(m));
    to->node = xai__build_child(r->b, r->node, XAI_KW_PATTERN_PROPERTIES, m);
  }
  made->patterns = list;
}

static bool has_members(const rules *r) {
  static const xai_keyword any[] = {
    XAI_KW_PROPERTIES, XAI_KW_PATTERN_PROPERTIES, XAI_KW_ADDITIONAL_PROPERTIES, XAI_KW_PROPERTY_NAMES,
    XAI_KW_REQUIRED,   XAI_KW_DEPENDENCIES,       XAI_KW_DEPENDENT_REQUIRED,    XAI_KW_DEPENDENT_SCHEMAS};
  for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
    if (r->slots[any[i]] != NULL) return true;
  }
  return false;
}

static void members(rules *r) {
  if (!has_members(r)) return;
  uint32_t most_dependencies;
  size_t most = most_names(r, &most_dependencies);
  uint32_t room = slots_for(most);
  names n = {.mask = room - 1};
  xai_schema_members *made = xai__build_alloc(r->b, sizeof *made);
  n.list = xai__build_array(r->b, most, sizeof *n.list);
  n.slots = xai__build_array(r->b, room, sizeof *n.slots);
  if (made == NULL || n.list == NULL || n.slots == NULL) return;
  const xai_json *map = r->slots[XAI_KW_PROPERTIES];
  for (const xai_json *m = xai_json_first(map); m != NULL && r->b->code == XAI_OK; m = xai_json_next(m)) {
    n.list[name_index(&n, xai_json_key(m))].node = xai__build_child(r->b, r->node, XAI_KW_PROPERTIES, m);
  }
  required(r, &n, made);
  dependencies(r, &n, made, most_dependencies);
  patterns(r, made);
  made->rest = child(r, XAI_KW_ADDITIONAL_PROPERTIES);
  made->name_rule = child(r, XAI_KW_PROPERTY_NAMES);
  made->names = n.list;
  made->slots = n.slots;
  made->mask = n.mask;
  made->name_count = n.count;
  made->bits = n.bits;
  add(r, XAI_GROUP_OBJECT, XAI_OP_MEMBERS, XAI_KW_PROPERTIES)->as.members = made;
  if (made->required_count > 0) add(r, XAI_GROUP_OBJECT, XAI_OP_REQUIRED, XAI_KW_REQUIRED)->as.members = made;
  if (made->dependency_count > 0)
    add(r, XAI_GROUP_OBJECT, XAI_OP_DEPENDENT, XAI_KW_DEPENDENCIES)->as.members = made;
}

static void objects(rules *r) {
  limit(r, XAI_GROUP_OBJECT, XAI_KW_MIN_PROPERTIES, XAI_OP_MIN_PROPERTIES, true);
  limit(r, XAI_GROUP_OBJECT, XAI_KW_MAX_PROPERTIES, XAI_OP_MAX_PROPERTIES, false);
  members(r);
}

/* ---- the same value, elsewhere in the schema ---- */

static void reference(rules *r, xai_keyword keyword, xai_schema_node *target, const xai_str *dynamic) {
  if (target == NULL) return;
  xai_schema_ref *made = xai__build_alloc(r->b, sizeof *made);
  if (made == NULL) return;
  made->node = xai__build_want(r->b, target);
  if (dynamic != NULL) {
    made->dynamic = *dynamic;
    made->next = r->b->dynamic_refs;
    r->b->dynamic_refs = made;
  }
  note_edge(r, target);
  add(r, XAI_GROUP_ANY, dynamic != NULL ? XAI_OP_DYNAMIC : XAI_OP_REF, keyword)->as.ref = made;
}

static bool ref_text(const rules *r, xai_keyword keyword, xai_str *out) {
  const xai_json *value = r->slots[keyword];
  if (value == NULL) return false;
  if (!is(value, XAI_JSON_STRING)) refuse(r, keyword, "must be a string");
  *out = xai_json_str(value);
  return r->b->code == XAI_OK;
}

static void references(rules *r) {
  xai_str text, name;
  bool dynamic;
  if (ref_text(r, XAI_KW_REF, &text))
    reference(r, XAI_KW_REF, xai__build_resolve(r->b, r->node, XAI_KW_REF, text, NULL), NULL);
  if (ref_text(r, XAI_KW_DYNAMIC_REF, &text)) {
    xai_schema_node *target = xai__build_resolve(r->b, r->node, XAI_KW_DYNAMIC_REF, text, &dynamic);
    (void)xai__uri_split(text, &name);
    reference(r, XAI_KW_DYNAMIC_REF, target, dynamic ? &name : NULL);
  }
  if (!ref_text(r, XAI_KW_RECURSIVE_REF, &text)) return;
  if (!xai__str_eq(text, "#")) refuse(r, XAI_KW_RECURSIVE_REF, "must be \"#\"");
  xai_schema_node *root = r->node->resource->root;
  bool recursive = xai_json_bool(xai_json_get(root->json, "$recursiveAnchor"));
  name = (xai_str){"", 0};
  reference(r, XAI_KW_RECURSIVE_REF, root, recursive ? &name : NULL);
}

static void list_of(rules *r, xai_keyword keyword, xai_schema_opcode code) {
  if (r->slots[keyword] == NULL) return;
  uint32_t count;
  xai_schema_node **nodes = node_list(r, keyword, &count, true);
  if (nodes == NULL || r->b->code != XAI_OK) return;
  if (count == 0) refuse(r, keyword, "must not be empty");
  xai_schema_choice *choice = NULL;
  if (code != XAI_OP_ALL) choice = xai__build_alloc(r->b, sizeof *choice);
  xai_schema_op *op = add(r, XAI_GROUP_ANY, code, keyword);
  op->count = count;
  op->as.nodes = nodes;
  if (choice == NULL) return;
  choice->nodes = nodes;
  op->as.choice = choice;
}

static void condition(rules *r) {
  if (r->slots[XAI_KW_IF] == NULL) return;
  bool branches = r->slots[XAI_KW_THEN] != NULL || r->slots[XAI_KW_ELSE] != NULL;
  if (!branches && r->draft < XAI_DRAFT_2019_09) return; /* nothing follows from it, not even annotations */
  xai_schema_if *made = xai__build_alloc(r->b, sizeof *made);
  if (made == NULL) return;
  *made = (xai_schema_if){child(r, XAI_KW_IF), child(r, XAI_KW_THEN), child(r, XAI_KW_ELSE)};
  note_edge(r, made->condition);
  if (made->then != NULL) note_edge(r, made->then);
  if (made->otherwise != NULL) note_edge(r, made->otherwise);
  add(r, XAI_GROUP_ANY, XAI_OP_IF, XAI_KW_IF)->as.branch = made;
}

static void applicators(rules *r) {
  references(r);
  list_of(r, XAI_KW_ALL_OF, XAI_OP_ALL);
  list_of(r, XAI_KW_ANY_OF, XAI_OP_ANY);
  list_of(r, XAI_KW_ONE_OF, XAI_OP_ONE);
  condition(r);
  xai_schema_node *not = child(r, XAI_KW_NOT);
  if (not == NULL) return;
  note_edge(r, not );
  add(r, XAI_GROUP_ANY, XAI_OP_NOT, XAI_KW_NOT)->as.node = not ;
}

static void rest(rules *r) {
  xai_schema_node *node = child(r, XAI_KW_UNEVALUATED_ITEMS);
  if (node != NULL) add(r, XAI_GROUP_ARRAY, XAI_OP_REST_ELEMENTS, XAI_KW_UNEVALUATED_ITEMS)->as.node = node;
  node = child(r, XAI_KW_UNEVALUATED_PROPERTIES);
  if (node != NULL)
    add(r, XAI_GROUP_OBJECT, XAI_OP_REST_MEMBERS, XAI_KW_UNEVALUATED_PROPERTIES)->as.node = node;
}

void xai__build_rules(xai_schema_build *b, xai_schema_node *node, xai_schema_ops *ops) {
  const xai_json *slots[XAI_KW_COUNT];
  ops->count = 0;
  if (node->json->type == XAI_JSON_BOOL) {
    node->types = node->json->boolean ? XAI_TYPES_ALL : 0;
    return;
  }
  xai__keyword_slots(node->json, node->resource->draft, node->resource->vocab, slots);
  rules r = {.b = b, .node = node, .ops = ops, .slots = slots, .draft = node->resource->draft};
  types(&r);
  numbers(&r);
  strings(&r);
  values(&r);
  arrays(&r);
  objects(&r);
  applicators(&r);
  rest(&r);
}
