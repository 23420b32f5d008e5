/* xai_schema_leaf.c - the operations that look at one value alone: bounds, lengths, patterns, formats, equality.
 * SPDX-License-Identifier: MIT */
#include "xai_schema_check.h"

#define MANY 8                /* elements; above it uniqueItems hashes them */
#define MATCH_STEPS_A_BYTE 16 /* of a text, beside the schema's limit        */

typedef xai_check_verdict verdict;
typedef xai_schema_op operation;

xai_complaint xai__check_about(const xai_check_spot *spot, const xai_schema_op *op) {
  xai_complaint what = {.node = spot->node, .op = op, .value = spot->value, .below = spot->below};
  what.place = spot->place;
  what.keyword = op == NULL ? XAI_KW_TYPE : (xai_keyword)op->keyword;
  return what;
}

/* What a leaf found out on the way to its verdict, for the sentence. */
typedef struct finding {
  uint64_t count;
  uint64_t other;
  xai_keyword keyword;
} finding;

/* ---- numbers and texts ---- */

static uint64_t characters(const xai_json *string) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < string->len; i++) count += ((unsigned char)string->as.text[i] & 0xc0) != 0x80;
  return count;
}

static bool stands(uint8_t code, int order) {
  switch (code) {
    case XAI_OP_MINIMUM: return order >= 0;
    case XAI_OP_MAXIMUM: return order <= 0;
    case XAI_OP_ABOVE: return order > 0;
    default: return order < 0;
  }
}

static bool number_holds(xai_check *c, const operation *op, const xai_json *value) {
  const xai_decimal *bound = op->as.number;
  xai_str text = {value->as.text, value->len};
  int64_t whole;
  if (bound->small && xai__decimal_small(text, &whole)) {
    if (op->code == XAI_OP_MULTIPLE) return whole % bound->whole == 0;
    return stands(op->code, (whole > bound->whole) - (whole < bound->whole));
  }
  xai_decimal d = xai__decimal(text);
  c->steps += text.len / 8;
  if (op->code == XAI_OP_MULTIPLE && c->steps + (uint64_t)text.len * bound->count / 2 > c->most_steps) {
    c->code = XAI_ERR_STEPS;
    return false;
  }
  if (op->code == XAI_OP_MULTIPLE) return xai__decimal_is_multiple(&d, bound, &c->steps);
  return stands(op->code, xai__decimal_compare(&d, bound));
}

verdict xai__check_match(xai_check *c, const xai_pattern *pattern, const char *text, size_t len) {
  bool found = false;
  uint64_t left = c->steps < c->most_steps ? c->most_steps - c->steps : 0;
  uint64_t most = c->schema->match_limit + MATCH_STEPS_A_BYTE * (uint64_t)len;
  if (most > left) most = left;
  if (c->matcher == NULL) c->matcher = xai__matcher_new(&c->mem);
  if (c->matcher == NULL) c->code = XAI_ERR_NOMEM;
  else c->code = xai__pattern_match(pattern, c->matcher, (xai_str){text, len}, most, &found, &c->steps);
  if (c->code == XAI_OK && c->steps > c->most_steps) c->code = XAI_ERR_STEPS;
  if (c->code != XAI_OK) return XAI_VERDICT_STOP;
  return found ? XAI_VERDICT_PASS : XAI_VERDICT_FAIL;
}

/* The workspace for comparing counts into the same steps. */
static bool same_value(xai_check *c, const xai_json *a, const xai_json *b) {
  c->equal.work = c->steps;
  bool same = xai__equal(&c->equal, a, b);
  c->steps = c->equal.work;
  return same;
}

static uint64_t hash_value(xai_check *c, const xai_json *value) {
  c->equal.work = c->steps;
  uint64_t hash = xai__equal_hash(&c->equal, value);
  c->steps = c->equal.work;
  return hash;
}

static bool is_listed(xai_check *c, const xai_schema_enum *list, const xai_json *value) {
  if (list->slots == NULL) {
    for (uint32_t i = 0; i < list->count; i++) {
      if (list->values[i]->type == value->type && same_value(c, list->values[i], value)) return true;
    }
    return false;
  }
  uint32_t at = (uint32_t)hash_value(c, value) & list->mask;
  for (; list->slots[at] != 0; at = (at + 1) & list->mask) {
    if (same_value(c, list->values[list->slots[at] - 1], value)) return true;
  }
  return false;
}

/* ---- uniqueItems ---- */

static bool repeats_few(xai_check *c, const xai_json *array, uint32_t *first, uint32_t *second) {
  *first = 0;
  for (const xai_json *a = array->as.list.first; a != NULL; a = a->next, ++*first) {
    *second = *first + 1;
    for (const xai_json *b = a->next; b != NULL; b = b->next, ++*second) {
      if (a->type == b->type && same_value(c, a, b)) return true;
    }
  }
  return false;
}

static bool reserve_items(xai_check *c, size_t count) {
  size_t room = 16;
  while (room < count) room *= 2;
  if (room <= c->item_room) return true;
  xai__free(&c->mem, c->items, c->item_room * sizeof(xai_json *));
  xai__free(&c->mem, c->hashes, c->item_room * sizeof(uint64_t));
  xai__free(&c->mem, c->table, c->table_room * sizeof(uint32_t));
  c->items = xai__alloc(&c->mem, room * sizeof(xai_json *));
  c->hashes = xai__alloc(&c->mem, room * sizeof(uint64_t));
  c->table = xai__alloc(&c->mem, 2 * room * sizeof(uint32_t));
  c->item_room = c->items != NULL ? room : 0;
  c->table_room = c->table != NULL ? 2 * room : 0;
  if (c->items != NULL && c->hashes != NULL && c->table != NULL) return true;
  xai__free(&c->mem, c->items, room * sizeof(xai_json *));
  xai__free(&c->mem, c->hashes, room * sizeof(uint64_t));
  xai__free(&c->mem, c->table, 2 * room * sizeof(uint32_t));
  c->items = NULL;
  c->hashes = NULL;
  c->table = NULL;
  c->item_room = c->table_room = 0;
  c->code = XAI_ERR_NOMEM;
  return false;
}

static bool repeats_many(xai_check *c, const xai_json *array, uint32_t *first, uint32_t *second) {
  if (!reserve_items(c, array->len)) return false;
  size_t room = 16;
  while (room < 2 * (size_t)array->len) room *= 2;
  size_t mask = room - 1;
  memset(c->table, 0, room * sizeof *c->table);
  uint32_t count = 0;
  for (const xai_json *e = array->as.list.first; e != NULL; e = e->next, count++) {
    uint64_t hash = hash_value(c, e);
    size_t at = hash & mask;
    for (; c->table[at] != 0; at = (at + 1) & mask) {
      uint32_t other = c->table[at] - 1;
      c->steps++;
      if (c->hashes[other] != hash || !same_value(c, c->items[other], e)) continue;
      *first = other;
      *second = count;
      return true;
    }
    c->items[count] = e;
    c->hashes[count] = hash;
    c->table[at] = count + 1;
  }
  return false;
}

static bool is_unique(xai_check *c, const xai_json *array, finding *found) {
  uint32_t first = 0, second = 0;
  if (array->len < 2) return true;
  bool repeats =
    array->len <= MANY ? repeats_few(c, array, &first, &second) : repeats_many(c, array, &first, &second);
  found->count = first;
  found->other = second;
  return !repeats;
}

/* ---- content ---- */

static int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4. `out`, if not NULL, has room for three quarters of the text. */
static bool decode_base64(xai_str text, char *out, size_t *len) {
  *len = 0;
  if (text.len % 4 != 0) return false;
  size_t pad = 0;
  while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=') pad++;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.len; i++) {
    int digit = i >= text.len - pad ? 0 : base64_digit(text.ptr[i]);
    if (digit < 0) return false;
    bits = bits << 6 | (uint32_t)digit;
    if (i % 4 != 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) {
      if (out != NULL) out[*len] = (char)(bits >> shift & 0xff);
      ++*len;
    }
  }
  *len -= pad;
  return true;
}

static bool is_json(xai_check *c, xai_str text) {
  xai_error err;
  if (c->content == NULL) c->content = xai_json_doc_new(&c->mem, c->schema->max_depth, 0);
  if (c->content == NULL) {
    c->code = XAI_ERR_NOMEM;
    return false;
  }
  bool well = xai_json_parse(c->content, text.ptr, text.len, XAI_JSON_BORROW, &err) != NULL;
  if (err.code == XAI_ERR_NOMEM) c->code = XAI_ERR_NOMEM;
  return well;
}

static bool content_holds(xai_check *c, const xai_schema_content *content, const xai_json *value,
                          finding *found) {
  xai_str text = {value->as.text, value->len};
  size_t len;
  if (!content->base64) return is_json(c, text);
  if (!decode_base64(text, NULL, &len) || !content->json) return decode_base64(text, NULL, &len);
  found->keyword = XAI_KW_CONTENT_MEDIA_TYPE;
  char *decoded = xai__alloc(&c->mem, text.len + 1);
  if (decoded == NULL) {
    c->code = XAI_ERR_NOMEM;
    return false;
  }
  decode_base64(text, decoded, &len);
  bool well = is_json(c, (xai_str){decoded, len});
  xai__free(&c->mem, decoded, text.len + 1);
  return well;
}

/* ---- running them ---- */

static verdict run_one(xai_check *c, const operation *op, const xai_json *value, finding *found) {
  bool holds = true;
  switch ((xai_schema_opcode)op->code) {
    case XAI_OP_MINIMUM:
    case XAI_OP_MAXIMUM:
    case XAI_OP_ABOVE:
    case XAI_OP_BELOW:
    case XAI_OP_MULTIPLE: holds = number_holds(c, op, value); break;
    case XAI_OP_MIN_LENGTH:
      c->steps += value->len / 16;
      found->count = characters(value);
      holds = found->count >= op->as.limit;
      break;
    case XAI_OP_MAX_LENGTH:
      c->steps += value->len / 16;
      found->count = value->len > op->as.limit ? characters(value) : 0;
      holds = found->count <= op->as.limit;
      break;
    case XAI_OP_PATTERN: return xai__check_match(c, op->as.pattern, value->as.text, value->len);
    case XAI_OP_FORMAT:
      c->steps += value->len / 2;
      holds = xai__format_check(op->as.format->format, value->as.text, value->len);
      break;
    case XAI_OP_CONTENT:
      c->steps += value->len / 2;
      holds = content_holds(c, op->as.content, value, found);
      break;
    case XAI_OP_MIN_ITEMS:
    case XAI_OP_MIN_PROPERTIES: holds = value->len >= op->as.limit; break;
    case XAI_OP_MAX_ITEMS:
    case XAI_OP_MAX_PROPERTIES: holds = value->len <= op->as.limit; break;
    case XAI_OP_UNIQUE: holds = is_unique(c, value, found); break;
    case XAI_OP_CONST: holds = same_value(c, op->as.value, value); break;
    case XAI_OP_ENUM: holds = is_listed(c, op->as.values, value); break;
    default: break;
  }
  if (c->code == XAI_OK) c->code = c->equal.code;
  if (c->code != XAI_OK) return XAI_VERDICT_STOP;
  return holds ? XAI_VERDICT_PASS : XAI_VERDICT_FAIL;
}

static void say(xai_check *c, const operation *op, const xai_check_spot *spot, const finding *found) {
  xai_complaint what = xai__check_about(spot, op);
  what.count = found->count;
  what.other = found->other;
  if (found->keyword != XAI_KW_COUNT) what.keyword = found->keyword;
  if (c->code != XAI_OK) xai__check_stop(c, c->code, &what);
  else xai__check_say(c, &what);
}

verdict xai__check_leaf(xai_check *c, const operation *op, const xai_check_spot *spot) {
  finding found = {0, 0, XAI_KW_COUNT};
  verdict v = run_one(c, op, spot->value, &found);
  if (v == XAI_VERDICT_PASS || (v == XAI_VERDICT_FAIL && spot->quiet)) return v;
  say(c, op, spot, &found);
  return c->code != XAI_OK ? XAI_VERDICT_STOP : v;
}

verdict xai__check_leaves(xai_check *c, const operation *op, const xai_check_spot *spot) {
  verdict worst = XAI_VERDICT_PASS;
  for (; op->code != XAI_OP_END; op++) {
    verdict v = xai__check_leaf(c, op, spot);
    if (v == XAI_VERDICT_STOP) return XAI_VERDICT_STOP;
    if (v == XAI_VERDICT_PASS) continue;
    worst = XAI_VERDICT_FAIL;
    if (spot->quiet || !c->all) break;
  }
  return worst;
}

bool xai__check_type(const xai_schema_node *node, const xai_json *value) {
  if ((node->types >> value->type & 1) != 0) return true;
  if (value->type != XAI_JSON_NUMBER) return false;
  int64_t whole;
  if ((node->types & XAI_TYPES_INTEGER) != 0) {
    if (xai__decimal_small((xai_str){value->as.text, value->len}, &whole)) return true;
    xai_decimal d = xai__decimal((xai_str){value->as.text, value->len});
    return xai__decimal_is_whole(&d);
  }
  if ((node->types & XAI_TYPES_LITERAL) == 0) return false;
  for (uint32_t i = 0; i < value->len; i++) {
    char c = value->as.text[i];
    if (c == '.' || c == 'e' || c == 'E') return false;
  }
  return true;
}
