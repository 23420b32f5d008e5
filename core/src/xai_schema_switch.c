/* xai_schema_switch.c - unions whose branches are told apart by a property or by their type.
 * SPDX-License-Identifier: MIT
 *
 * {"anyOf": [{"type": "string"}, {"type": "null"}]}: where one branch alone takes values of a type, it is what such
 * a value is held against, and what is said of it as if nothing were around it.
 *
 * {"oneOf": [{"properties": {"kind": {"const": "point"}}}, ...]}: a branch that gives a property a constant or a choice cannot hold where the property has another value. So the
 * hashes of those values are kept with the branches that allow them, and only these are tried. Two values of one
 * hash cost a branch tried in vain, nothing else.
 */
#include "xai_schema_build.h"

enum { LEAST = 3, MOST = 64 }; /* branches: fewer are tried in turn as fast, and there are as many bits */

/* The constant or the choice that a property of this schema has to be; NULL: neither. */
static const xai_schema_op *constant_of(const xai_schema_node *node) {
  for (int type = 0; type < 6; type++) {
    for (const xai_schema_op *op = node->jump->list[type]; op->code != XAI_OP_END; op++)
      if (op->code == XAI_OP_CONST || op->code == XAI_OP_ENUM) return op;
  }
  return NULL;
}

static const xai_schema_members *members_of(const xai_schema_node *branch) {
  const xai_schema_op *op = branch->jump->list[XAI_JSON_OBJECT];
  while (op->code != XAI_OP_END && op->code != XAI_OP_MEMBERS) op++;
  return op->code == XAI_OP_MEMBERS ? op->as.members : NULL;
}

static const xai_schema_op *constant_at(const xai_schema_node *branch, xai_str key) {
  const xai_schema_members *m = members_of(branch);
  const xai_schema_name *name = m != NULL ? xai__schema_name(m, key.ptr, key.len) : NULL;
  return name != NULL && name->node != NULL ? constant_of(name->node) : NULL;
}

static bool takes_objects(const xai_schema_node *branch) {
  return (branch->jump->types >> XAI_JSON_OBJECT & 1) != 0;
}

/* The property of this branch that most branches tell themselves by, if at least half of them do. */
static bool choose_key(const xai_schema_op *op, const xai_schema_node *branch, xai_str *key) {
  const xai_schema_members *m = members_of(branch);
  uint32_t best = 0, objects = 0;
  for (uint32_t i = 0; i < op->count; i++) objects += takes_objects(op->as.choice->nodes[i]);
  for (uint32_t n = 0; m != NULL && n < m->name_count; n++) {
    if (m->names[n].node == NULL || constant_of(m->names[n].node) == NULL) continue;
    uint32_t tell = 0;
    for (uint32_t i = 0; i < op->count; i++)
      tell += constant_at(op->as.choice->nodes[i], m->names[n].text) != NULL;
    if (tell <= best) continue;
    best = tell;
    *key = m->names[n].text;
  }
  return best >= LEAST && 2 * best >= objects;
}

static uint32_t count_values(const xai_schema_op *op, xai_str key) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < op->count; i++) {
    const xai_schema_op *constant = constant_at(op->as.choice->nodes[i], key);
    if (constant != NULL) count += constant->code == XAI_OP_ENUM ? constant->as.values->count : 1;
  }
  return count;
}

static void allow(xai_schema_build *b, xai_schema_switch *s, const xai_json *value, uint64_t branch) {
  uint64_t hash = xai__equal_hash(&b->equal, value);
  xai_schema_case *slot = xai__schema_case(s, hash);
  slot->hash = hash;
  slot->branches |= branch;
}

static void allow_all(xai_schema_build *b, xai_schema_switch *s, const xai_schema_op *constant,
                      uint64_t branch) {
  if (constant->code == XAI_OP_CONST) {
    allow(b, s, constant->as.value, branch);
    return;
  }
  for (uint32_t i = 0; i < constant->as.values->count; i++)
    allow(b, s, constant->as.values->values[i], branch);
}

static void fill(xai_schema_build *b, xai_schema_switch *s, const xai_schema_op *op) {
  for (uint32_t i = 0; i < op->count; i++) {
    const xai_schema_node *branch = op->as.choice->nodes[i];
    const xai_schema_op *constant = constant_at(branch, s->key);
    uint64_t bit = (uint64_t)1 << i;
    if (constant != NULL) allow_all(b, s, constant, bit);
    else if (takes_objects(branch)) s->others |= bit;
  }
  if (b->equal.code != XAI_OK) xai__build_fail(b, b->equal.code);
}

static void find_switch(xai_schema_build *b, const xai_schema_op *op) {
  xai_schema_choice *choice = op->as.choice;
  xai_str key;
  if (op->count < LEAST || op->count > MOST || choice->by != NULL || b->code != XAI_OK) return;
  bool chosen = choose_key(op, choice->nodes[0], &key) || choose_key(op, choice->nodes[1], &key);
  if (!chosen) return;
  uint32_t room = 4, values = count_values(op, key);
  while (room < 2 * values) room *= 2;
  xai_schema_switch *s = xai__build_alloc(b, sizeof *s);
  xai_schema_case *cases = xai__build_array(b, room, sizeof *cases);
  if (s == NULL || cases == NULL) return;
  *s = (xai_schema_switch){.key = key, .cases = cases, .mask = room - 1};
  fill(b, s, op);
  choice->by = s;
}

/* The branch that alone takes values of a type; NULL: several do, or whole numbers alone are taken. */
static xai_schema_node *lone_branch(const xai_schema_op *op, unsigned type) {
  unsigned all = 1u << type, some = all;
  if (type == XAI_JSON_NUMBER) some |= XAI_TYPES_INTEGER | XAI_TYPES_LITERAL;
  xai_schema_node *lone = NULL;
  for (uint32_t i = 0; i < op->count; i++) {
    xai_schema_node *branch = op->as.choice->nodes[i]->jump;
    if ((branch->types & some) == 0) continue;
    if (lone != NULL) return NULL;
    lone = branch;
  }
  return lone != NULL && (lone->types & all) != 0 ? lone : NULL;
}

static bool is_union(const xai_schema_op *op) {
  return op->code == XAI_OP_ANY || op->code == XAI_OP_ONE;
}

static void find_lone(xai_schema_build *b, xai_schema_node *node, unsigned type, bool dynamic) {
  const xai_schema_op *op = node->list[type];
  if (!is_union(op) || op[1].code != XAI_OP_END) return;
  xai_schema_node *lone = lone_branch(op, type);
  if (lone == NULL || (dynamic && lone->resource != node->resource)) return;
  if (node->branch == NULL) node->branch = xai__build_array(b, 6, sizeof(xai_schema_node *));
  if (node->branch == NULL) return;
  node->branch[type] = lone;
  node->lone |= (uint8_t)(1u << type);
}

void xai__build_switches(xai_schema_build *b, xai_schema_node *node, bool dynamic) {
  for (unsigned type = 0; type < 6; type++) find_lone(b, node, type, dynamic);
  for (const xai_schema_op *op = node->list[XAI_JSON_OBJECT]; op->code != XAI_OP_END; op++)
    if (is_union(op)) find_switch(b, op);
}
