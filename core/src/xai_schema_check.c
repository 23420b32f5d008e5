/* xai_schema_check.c - holds a value against a compiled schema: a machine with its own stack.
 * SPDX-License-Identifier: MIT
 *
 * A frame is one schema at one value. An operation that needs another schema pushes a frame and is called again when
 * that has ended, with c->result; its phase says how far it was. Schemas without further schemas are run on the spot.
 * When a value satisfies the schema nothing is allocated, once the workspace has its size.
 */
#include "xai_schema_check.h"

#include "xai_err.h"
#include "xai_schema_stream.h"

typedef xai_check_verdict verdict;
typedef xai_check_frame frame;
typedef xai_schema_op operation;

/* ---- the workspace ---- */

static bool reserve_words(xai_check *c, size_t count) {
  if (c->word_room - c->word_count >= count) return true;
  size_t room = (c->word_count + count) * 2;
  uint64_t *more = xai__realloc(&c->mem, c->words, c->word_room * sizeof *more, room * sizeof *more);
  if (more == NULL) {
    c->code = XAI_ERR_NOMEM;
    return false;
  }
  c->words = more;
  c->word_room = room;
  return true;
}

/* So many cleared bits; where they begin. */
static size_t take_bits(xai_check *c, size_t bits) {
  size_t count = (bits + 63) / 64, at = c->word_count;
  if (!reserve_words(c, count)) return at;
  for (size_t i = 0; i < count; i++) c->words[at + i] = 0; /* one or two, nearly always */
  c->word_count += count;
  return at;
}

static void set_bit(xai_check *c, size_t at, uint32_t bit) {
  c->words[at + bit / 64] |= (uint64_t)1 << bit % 64;
}

static bool get_bit(const xai_check *c, size_t at, uint32_t bit) {
  return (c->words[at + bit / 64] >> bit % 64 & 1) != 0;
}

static bool reserve_frame(xai_check *c) {
  if (c->frame_count < c->frame_room) return true;
  size_t room = c->frame_room * 2;
  frame *more = xai__realloc(&c->mem, c->frames, c->frame_room * sizeof *more, room * sizeof *more);
  if (more == NULL) {
    c->code = XAI_ERR_NOMEM;
    return false;
  }
  c->frames = more;
  c->frame_room = room;
  return true;
}

static frame *top(xai_check *c) {
  return &c->frames[c->frame_count - 1];
}

/* ---- failing ---- */

static xai_complaint about_frame(const frame *f) {
  return (xai_complaint){
    .node = f->node, .op = f->op, .keyword = (xai_keyword)f->op->keyword, .value = f->value};
}

static verdict stop(xai_check *c, xai_code code, const xai_complaint *what) {
  xai__check_stop(c, code, what);
  return XAI_VERDICT_STOP;
}

static bool stepped(xai_check *c, uint64_t amount) {
  c->steps += amount;
  return c->steps <= c->most_steps;
}

/* A step is some 10 ns, so that this is less than 0.1 s for each megabyte, and for any text (F85). */
#define LEAST_STEPS 4000000u
#define STEPS_A_BYTE 5

void xai__check_allow(xai_check *c, size_t bytes) {
  uint64_t most = STEPS_A_BYTE * (uint64_t)bytes;
  if (most < LEAST_STEPS) most = LEAST_STEPS;
  c->most_steps = c->schema->max_steps != 0 ? c->schema->max_steps : most;
  c->equal.max_work = c->most_steps;
}

/* ---- going into a schema ---- */

static verdict refuse_frame(xai_check *c, const xai_check_spot *spot, xai_code code) {
  xai_complaint what = xai__check_about(spot, spot->node->list[spot->value->type]);
  return stop(c, code, &what);
}

static void begin_op(frame *f, const operation *op) {
  f->op = op;
  f->at = NULL;
  f->index = f->phase = f->part = 0;
  f->count = 0;
  f->hit = false;
}

/* Set field by field, for clearing them all takes longer than all the rest of this. */
static verdict push(xai_check *c, const xai_check_spot *spot) {
  if (!reserve_frame(c)) return refuse_frame(c, spot, XAI_ERR_NOMEM);
  unsigned type = spot->value->type;
  frame *f = &c->frames[c->frame_count];
  begin_op(f, spot->node->list[type]);
  f->node = spot->node;
  f->value = spot->value;
  f->place = spot->place;
  f->depth = f->refs = 0;
  f->failed = false;
  f->quiet = spot->quiet;
  f->below = spot->below;
  f->merges = spot->merges;
  f->words = c->word_count;
  f->tracks = (spot->node->late >> type & 1) != 0;
  if (c->frame_count > 0) {
    const frame *under = f - 1;
    f->depth = (uint16_t)(under->depth + spot->below);
    f->refs = spot->below ? 0 : (uint16_t)(under->refs + 1);
    f->tracks |= spot->merges && under->tracks && type >= XAI_JSON_ARRAY;
  }
  if (f->depth > c->schema->max_depth) return refuse_frame(c, spot, XAI_ERR_DEPTH);
  if (f->refs > c->schema->max_depth || !stepped(c, 1)) return refuse_frame(c, spot, XAI_ERR_STEPS);
  if (f->tracks) {
    c->steps += spot->value->len / 64;
    f->evaluated = take_bits(c, spot->value->len);
  }
  if (c->code != XAI_OK) return XAI_VERDICT_STOP;
  c->frame_count++;
  return XAI_VERDICT_WAIT;
}

static verdict wrong_type(xai_check *c, const xai_check_spot *spot) {
  if (spot->quiet) return XAI_VERDICT_FAIL;
  xai_complaint what = xai__check_about(spot, NULL);
  xai__check_say(c, &what);
  return c->code != XAI_OK ? XAI_VERDICT_STOP : XAI_VERDICT_FAIL;
}

static verdict visit(xai_check *c, xai_check_spot *spot) {
  const xai_schema_node *node = spot->node = spot->node->jump;
  unsigned type = spot->value->type;
  bool allowed = (node->types >> type & 1) != 0 || xai__check_type(node, spot->value);
  if (!allowed) return wrong_type(c, spot);
  while ((node->lone >> type & 1) != 0) node = spot->node = node->branch[type];
  const operation *list = node->list[type];
  if (list->code == XAI_OP_END) return XAI_VERDICT_PASS;
  if ((node->leaf >> type & 1) == 0) return push(c, spot);
  if (!stepped(c, 1)) return refuse_frame(c, spot, XAI_ERR_STEPS);
  return xai__check_leaves(c, list, spot);
}

/* Is the type all that is asked for, and right? So it is with most values. */
static inline bool passes_by_type(const xai_schema_node *node, const xai_json *value) {
  const xai_schema_node *end = node->jump;
  return (end->types >> value->type & 1) != 0 && end->list[value->type]->code == XAI_OP_END;
}

/* Another schema at the same value. */
static verdict visit_here(xai_check *c, const frame *f, const xai_schema_node *node, bool quiet) {
  xai_check_spot spot = {.node = node, .value = f->value, .place = f->place, .merges = true};
  spot.quiet = f->quiet || quiet;
  return visit(c, &spot);
}

static verdict visit_below(xai_check *c, const frame *f, const xai_schema_node *node, const xai_json *value,
                           uint32_t place, bool quiet) {
  xai_check_spot spot = {.node = node, .value = value, .place = place, .below = true};
  spot.quiet = f->quiet || quiet;
  return visit(c, &spot);
}

static verdict out_of_steps(xai_check *c, const frame *f) {
  xai_complaint what = about_frame(f);
  return stop(c, XAI_ERR_STEPS, &what);
}

/* After a failure only a check for all errors goes on, and only where they are still written down. */
static bool over(const xai_check *c, const frame *f) {
  return f->failed && (f->quiet || !c->all || c->violation_count >= XAI__MOST_VIOLATIONS);
}

static void evaluated(xai_check *c, const frame *f, uint32_t index) {
  if (f->tracks) set_bit(c, f->evaluated, index);
}

/* ---- objects ---- */

static const xai_schema_name *find_name(const xai_schema_members *m, const xai_json *member) {
  return xai__schema_name(m, member->key, member->key_len);
}

static verdict name_part(xai_check *c, frame *f, const xai_schema_members *m) {
  c->name = (xai_json){.type = XAI_JSON_STRING, .len = f->at->key_len};
  c->name.as.text = f->at->key;
  return visit_below(c, f, m->name_rule, &c->name, f->index, false);
}

static verdict property_part(xai_check *c, frame *f, const xai_schema_members *m) {
  const xai_schema_name *name = find_name(m, f->at);
  c->steps += f->at->key_len / 16;
  if (name == NULL) return XAI_VERDICT_PASS;
  if (name->bit != UINT32_MAX) set_bit(c, f->seen, name->bit);
  if (name->node == NULL) return XAI_VERDICT_PASS;
  f->hit = true;
  evaluated(c, f, f->index);
  return visit_below(c, f, name->node, f->at, f->index, false);
}

static verdict pattern_part(xai_check *c, frame *f, const xai_schema_pattern *p) {
  verdict v = xai__check_match(c, p->pattern, f->at->key, f->at->key_len);
  if (v == XAI_VERDICT_FAIL) return XAI_VERDICT_PASS;
  if (v == XAI_VERDICT_STOP) {
    xai_complaint what = about_frame(f);
    what.keyword = XAI_KW_PATTERN_PROPERTIES;
    what.name = xai__pattern_source(p->pattern);
    return stop(c, c->code, &what);
  }
  f->hit = true;
  evaluated(c, f, f->index);
  return visit_below(c, f, p->node, f->at, f->index, false);
}

/* What a member is held against: its name, `properties`, each pattern, and the rest. */
static verdict member_part(xai_check *c, frame *f, const xai_schema_members *m) {
  uint32_t part = f->part++;
  if (part == 0 && m->name_rule != NULL) return name_part(c, f, m);
  if (part == 0) part = f->part++;
  if (part == 1) return property_part(c, f, m);
  if (part - 2 < m->pattern_count) return pattern_part(c, f, &m->patterns[part - 2]);
  f->part = UINT32_MAX; /* that was all */
  if (f->hit || m->rest == NULL) return XAI_VERDICT_PASS;
  evaluated(c, f, f->index);
  return visit_below(c, f, m->rest, f->at, f->index, false);
}

/* The usual case: each member is held against one schema at most. */
static verdict plain_members(xai_check *c, frame *f, const xai_schema_members *m) {
  while (f->at != NULL && !over(c, f)) {
    const xai_json *member = f->at;
    uint32_t index = f->index++;
    f->at = member->next;
    c->steps += member->key_len / 16;
    const xai_schema_name *name = find_name(m, member);
    const xai_schema_node *node = name != NULL && name->node != NULL ? name->node : m->rest;
    if (name != NULL && name->bit != UINT32_MAX) set_bit(c, f->seen, name->bit);
    if (node == NULL) continue;
    evaluated(c, f, index);
    if (passes_by_type(node, member)) continue;
    verdict v = visit_below(c, f, node, member, index, false);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_FAIL) f->failed = true;
  }
  return XAI_VERDICT_PASS;
}

static verdict split_members(xai_check *c, frame *f, const xai_schema_members *m) {
  while (f->at != NULL && !over(c, f)) {
    verdict v = XAI_VERDICT_PASS;
    while (v == XAI_VERDICT_PASS && f->part != UINT32_MAX) v = member_part(c, f, m);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_FAIL) f->failed = true;
    if (f->part != UINT32_MAX) continue;
    f->at = f->at->next;
    f->index++;
    f->part = 0;
    f->hit = false;
  }
  return XAI_VERDICT_PASS;
}

static verdict members(xai_check *c, frame *f) {
  const xai_schema_members *m = f->op->as.members;
  if (f->phase == 0) {
    f->phase = 1;
    f->at = f->value->as.list.first;
    if (m->bits > 0) f->seen = take_bits(c, m->bits);
    if (c->code != XAI_OK) return XAI_VERDICT_STOP;
    if (!stepped(c, f->value->len + m->bits / 512)) return out_of_steps(c, f);
  } else if (!c->result) {
    f->failed = true;
  }
  bool plain = m->pattern_count == 0 && m->name_rule == NULL;
  return plain ? plain_members(c, f, m) : split_members(c, f, m);
}

static void say_missing(xai_check *c, const frame *f, xai_keyword keyword, xai_str name, xai_str because) {
  if (f->quiet) return;
  xai_complaint what = about_frame(f);
  what.keyword = keyword;
  what.name = name;
  what.because = because;
  xai__check_say(c, &what);
}

static verdict required(xai_check *c, frame *f) {
  const xai_schema_members *m = f->op->as.members;
  for (uint32_t i = 0; i < m->required_count && !over(c, f); i++) {
    const xai_schema_name *name = &m->names[m->required[i]];
    if (get_bit(c, f->seen, name->bit)) continue;
    f->failed = true;
    say_missing(c, f, XAI_KW_REQUIRED, name->text, (xai_str){NULL, 0});
  }
  return XAI_VERDICT_PASS;
}

static void needs(xai_check *c, frame *f, const xai_schema_members *m, const xai_schema_dependency *d) {
  for (uint32_t i = 0; i < d->count && !over(c, f); i++) {
    const xai_schema_name *name = &m->names[d->needs[i]];
    if (get_bit(c, f->seen, name->bit)) continue;
    f->failed = true;
    say_missing(c, f, (xai_keyword)d->keyword, name->text, m->names[d->trigger].text);
  }
}

static verdict dependent(xai_check *c, frame *f) {
  const xai_schema_members *m = f->op->as.members;
  if (f->phase == 0 && !stepped(c, m->dependency_count / 8)) return out_of_steps(c, f);
  if (f->phase > 0 && !c->result) f->failed = true;
  while (f->phase < m->dependency_count && !over(c, f)) {
    const xai_schema_dependency *d = &m->dependencies[f->phase++];
    if (!get_bit(c, f->seen, m->names[d->trigger].bit)) continue;
    needs(c, f, m, d);
    if (d->node == NULL || over(c, f)) continue;
    verdict v = visit_here(c, f, d->node, false);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_FAIL) f->failed = true;
  }
  return XAI_VERDICT_PASS;
}

/* ---- arrays ---- */

static verdict elements(xai_check *c, frame *f) {
  const xai_schema_elements *e = f->op->as.elements;
  if (f->phase == 0) {
    f->phase = 1;
    f->at = f->value->as.list.first;
  } else if (!c->result) {
    f->failed = true;
  }
  while (f->at != NULL && !over(c, f)) {
    const xai_json *value = f->at;
    uint32_t index = f->index++;
    xai_schema_node *node = index < e->prefix_count ? e->prefix[index] : e->rest;
    if (node == NULL) break;
    f->at = value->next;
    evaluated(c, f, index);
    if (!stepped(c, 1)) return out_of_steps(c, f);
    if (passes_by_type(node, value)) continue;
    verdict v = visit_below(c, f, node, value, index, false);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_FAIL) f->failed = true;
  }
  return XAI_VERDICT_PASS;
}

static void found_one(xai_check *c, frame *f, const xai_schema_contains *k, uint32_t index) {
  f->count++;
  if (k->marks) evaluated(c, f, index);
}

static verdict contains(xai_check *c, frame *f) {
  const xai_schema_contains *k = f->op->as.contains;
  if (f->phase == 0) {
    f->phase = 1;
    f->at = f->value->as.list.first;
  } else if (c->result) {
    found_one(c, f, k, f->index - 1);
  }
  bool tracks = f->tracks && k->marks;
  while (f->at != NULL && f->count <= k->most) {
    if (f->count >= k->least && k->most == UINT64_MAX && !tracks) break;
    const xai_json *value = f->at;
    uint32_t index = f->index++;
    f->at = value->next;
    if (!stepped(c, 1)) return out_of_steps(c, f);
    verdict v = visit_below(c, f, k->node, value, index, true);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_PASS) found_one(c, f, k, index);
  }
  if (f->count >= k->least && f->count <= k->most) return XAI_VERDICT_PASS;
  f->failed = true;
  if (f->quiet) return XAI_VERDICT_PASS;
  xai_complaint what = about_frame(f);
  what.count = f->count;
  if (f->count > k->most) what.keyword = XAI_KW_MAX_CONTAINS;
  else if (k->least != 1) what.keyword = XAI_KW_MIN_CONTAINS;
  xai__check_say(c, &what);
  return XAI_VERDICT_PASS;
}

/* ---- the same value elsewhere in the schema ---- */

/* One schema that has to hold. */
static verdict one_here(xai_check *c, frame *f, const xai_schema_node *node) {
  if (f->phase > 0) {
    f->failed |= !c->result;
    return XAI_VERDICT_PASS;
  }
  f->phase = 1;
  verdict v = visit_here(c, f, node, false);
  if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
  if (v == XAI_VERDICT_FAIL) f->failed = true;
  return XAI_VERDICT_PASS;
}

/* The outermost resource on the way here that has the name decides. */
static const xai_schema_node *dynamic_target(const xai_check *c, const xai_schema_ref *ref) {
  const xai_schema_resource *last = NULL;
  if (ref->dynamic.ptr == NULL) return ref->node;
  for (size_t i = 0; i < c->frame_count; i++) {
    const xai_schema_resource *resource = c->frames[i].node->resource;
    if (resource == last) continue;
    last = resource;
    for (const xai_schema_dynamic *d = resource->dynamics; d != NULL; d = d->next) {
      bool same = d->name.len == ref->dynamic.len && memcmp(d->name.ptr, ref->dynamic.ptr, d->name.len) == 0;
      if (same) return d->node;
    }
  }
  return ref->node;
}

static verdict all_of(xai_check *c, frame *f) {
  if (f->phase > 0 && !c->result) f->failed = true;
  while (f->phase < f->op->count && !over(c, f)) {
    if (!stepped(c, 1)) return out_of_steps(c, f);
    verdict v = visit_here(c, f, f->op->as.nodes[f->phase++], false);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_FAIL) f->failed = true;
  }
  return XAI_VERDICT_PASS;
}

/* The branches that can hold, as far as one property tells. */
static uint64_t candidates(xai_check *c, const frame *f) {
  const xai_schema_switch *by = f->op->as.choice->by;
  if (by == NULL || f->value->type != XAI_JSON_OBJECT) return UINT64_MAX;
  c->steps += f->value->len / 16;
  const xai_json *m = f->value->as.list.first;
  while (m != NULL && (m->key_len != by->key.len || memcmp(m->key, by->key.ptr, m->key_len) != 0))
    m = m->next;
  if (m == NULL || m->type >= XAI_JSON_ARRAY) return UINT64_MAX;
  c->equal.work = c->steps;
  uint64_t hash = xai__equal_hash(&c->equal, m);
  c->steps = c->equal.work;
  return c->equal.code == XAI_OK ? by->others | xai__schema_case(by, hash)->branches : UINT64_MAX;
}

static void holds(frame *f) {
  f->count++;
  f->index = f->part;
  f->part = f->phase - 1;
}

/* Counts the branches that hold, up to `enough` unless what they evaluate is asked for; the last two that did are
 * kept in part and index. */
static verdict branches(xai_check *c, frame *f, uint64_t enough) {
  if (f->phase == 0) f->can_hold = candidates(c, f);
  else if (c->result) holds(f);
  while (f->phase < f->op->count && (f->count < enough || f->tracks)) {
    uint32_t number = f->phase++;
    if (number < 64 && (f->can_hold >> number & 1) == 0) continue;
    if (!stepped(c, 1)) return out_of_steps(c, f);
    verdict v = visit_here(c, f, f->op->as.choice->nodes[number], true);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_PASS) holds(f);
  }
  return XAI_VERDICT_PASS;
}

static void say_branches(xai_check *c, const frame *f) {
  if (f->quiet) return;
  xai_complaint what = about_frame(f);
  what.count = f->index;
  what.other = f->part;
  what.name.len = f->count; /* how many held */
  xai__check_say(c, &what);
}

/* Does a property that is a constant or a choice in this branch have another value here? Such properties tell the
 * alternatives of a union apart. */
static bool told_apart(xai_check *c, const xai_schema_node *branch, const xai_json *object) {
  const operation *op = branch->list[XAI_JSON_OBJECT];
  while (op->code != XAI_OP_END && op->code != XAI_OP_MEMBERS) op++;
  if (op->code == XAI_OP_END) return false;
  c->steps += object->len;
  for (const xai_json *m = object->as.list.first; m != NULL; m = m->next) {
    const xai_schema_name *name = find_name(op->as.members, m);
    if (name == NULL || name->node == NULL) continue;
    xai_check_spot spot = {.node = name->node->jump, .value = m, .quiet = true};
    for (const operation *leaf = spot.node->list[m->type]; leaf->code != XAI_OP_END; leaf++) {
      bool tells = leaf->code == XAI_OP_CONST || leaf->code == XAI_OP_ENUM;
      if (tells && xai__check_leaf(c, leaf, &spot) == XAI_VERDICT_FAIL) return true;
    }
  }
  return false;
}

/* Of branches that all failed, the only one that can have been meant; NULL if that is not clear. */
static const xai_schema_node *meant_branch(xai_check *c, const frame *f) {
  const xai_schema_node *meant = NULL;
  for (uint32_t i = 0; i < f->op->count; i++) {
    const xai_schema_node *branch = f->op->as.choice->nodes[i]->jump;
    if (!xai__check_type(branch, f->value)) continue;
    if (!stepped(c, 1)) return NULL;
    if (f->value->type == XAI_JSON_OBJECT && told_apart(c, branch, f->value)) continue;
    if (meant != NULL) return NULL;
    meant = branch;
  }
  return meant;
}

/* No branch holds. What is wrong with the one that was meant says more than that none fits. */
static verdict explain(xai_check *c, frame *f) {
  f->failed = true;
  if (f->quiet) return XAI_VERDICT_PASS;
  const xai_schema_node *meant = meant_branch(c, f);
  if (c->code != XAI_OK) return XAI_VERDICT_STOP;
  if (meant == NULL) {
    say_branches(c, f);
    return XAI_VERDICT_PASS;
  }
  f->phase = f->op->count + 1;
  verdict v = visit_here(c, f, meant, false);
  return v == XAI_VERDICT_FAIL ? XAI_VERDICT_PASS : v;
}

static verdict any_of(xai_check *c, frame *f) {
  if (f->phase > f->op->count) return XAI_VERDICT_PASS;
  verdict v = branches(c, f, 1);
  if (v != XAI_VERDICT_PASS || f->count > 0) return v;
  return explain(c, f);
}

static verdict one_of(xai_check *c, frame *f) {
  if (f->phase > f->op->count) return XAI_VERDICT_PASS;
  verdict v = branches(c, f, 2);
  if (v != XAI_VERDICT_PASS || f->count == 1) return v;
  if (f->count == 0) return explain(c, f);
  f->failed = true;
  say_branches(c, f);
  return XAI_VERDICT_PASS;
}

static verdict not_this(xai_check *c, frame *f) {
  verdict v = c->result ? XAI_VERDICT_PASS : XAI_VERDICT_FAIL;
  if (f->phase == 0) {
    f->phase = 1;
    xai_check_spot spot = {.node = f->op->as.node, .value = f->value, .place = f->place, .quiet = true};
    v = visit(c, &spot);
  }
  if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
  if (v == XAI_VERDICT_FAIL) return XAI_VERDICT_PASS;
  f->failed = true;
  xai_complaint what = about_frame(f);
  if (!f->quiet) xai__check_say(c, &what);
  return XAI_VERDICT_PASS;
}

static verdict condition(xai_check *c, frame *f) {
  const xai_schema_if *branch = f->op->as.branch;
  verdict v = c->result ? XAI_VERDICT_PASS : XAI_VERDICT_FAIL;
  if (f->phase == 2) {
    f->failed |= !c->result;
    return XAI_VERDICT_PASS;
  }
  if (f->phase == 0) {
    f->phase = 1;
    v = visit_here(c, f, branch->condition, true);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
  }
  const xai_schema_node *next = v == XAI_VERDICT_PASS ? branch->then : branch->otherwise;
  f->phase = 2;
  if (next == NULL) return XAI_VERDICT_PASS;
  v = visit_here(c, f, next, false);
  if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
  if (v == XAI_VERDICT_FAIL) f->failed = true;
  return XAI_VERDICT_PASS;
}

/* ---- what nothing else looked at ---- */

static verdict rest(xai_check *c, frame *f) {
  if (f->phase == 0) {
    f->phase = 1;
    f->at = f->value->as.list.first;
  } else if (!c->result) {
    f->failed = true;
  }
  while (f->at != NULL && !over(c, f)) {
    const xai_json *value = f->at;
    uint32_t index = f->index++;
    f->at = value->next;
    if (get_bit(c, f->evaluated, index)) continue;
    set_bit(c, f->evaluated, index);
    if (!stepped(c, 1)) return out_of_steps(c, f);
    verdict v = visit_below(c, f, f->op->as.node, value, index, false);
    if (v == XAI_VERDICT_WAIT || v == XAI_VERDICT_STOP) return v;
    if (v == XAI_VERDICT_FAIL) f->failed = true;
  }
  return XAI_VERDICT_PASS;
}

/* ---- the machine ---- */

static verdict leaf_here(xai_check *c, frame *f) {
  xai_check_spot spot = {.node = f->node, .value = f->value, .quiet = f->quiet};
  verdict v = xai__check_leaf(c, f->op, &spot);
  if (v == XAI_VERDICT_STOP) return XAI_VERDICT_STOP;
  if (v == XAI_VERDICT_FAIL) f->failed = true;
  return XAI_VERDICT_PASS;
}

static verdict perform(xai_check *c, frame *f) {
  switch ((xai_schema_opcode)f->op->code) {
    case XAI_OP_MEMBERS: return members(c, f);
    case XAI_OP_REQUIRED: return required(c, f);
    case XAI_OP_DEPENDENT: return dependent(c, f);
    case XAI_OP_ELEMENTS: return elements(c, f);
    case XAI_OP_CONTAINS: return contains(c, f);
    case XAI_OP_REF: return one_here(c, f, f->op->as.ref->node);
    case XAI_OP_DYNAMIC:
      c->steps += c->frame_count / 4;
      return one_here(c, f, dynamic_target(c, f->op->as.ref));
    case XAI_OP_ALL: return all_of(c, f);
    case XAI_OP_ANY: return any_of(c, f);
    case XAI_OP_ONE: return one_of(c, f);
    case XAI_OP_NOT: return not_this(c, f);
    case XAI_OP_IF: return condition(c, f);
    /* When something else already failed, what was evaluated is not known. */
    case XAI_OP_REST_MEMBERS:
    case XAI_OP_REST_ELEMENTS: return f->failed && f->phase == 0 ? XAI_VERDICT_PASS : rest(c, f);
    default: return leaf_here(c, f);
  }
}

/* The top frame has ended; what it evaluated counts for the one below if it held. */
static void pop(xai_check *c) {
  frame *f = top(c);
  c->result = !f->failed;
  if (c->frame_count > 1 && c->result && f->merges && f->tracks) {
    frame *under = f - 1;
    size_t count = ((size_t)f->value->len + 63) / 64;
    for (size_t i = 0; i < count && under->tracks; i++)
      c->words[under->evaluated + i] |= c->words[f->evaluated + i];
  }
  c->word_count = f->words;
  c->frame_count--;
}

/* Until no more than `bottom` frames are left. */
static void run(xai_check *c, size_t bottom) {
  while (c->frame_count > bottom) {
    frame *f = top(c);
    verdict v = XAI_VERDICT_PASS;
    while (v == XAI_VERDICT_PASS && f->op->code != XAI_OP_END && !over(c, f)) {
      v = perform(c, f);
      if (v == XAI_VERDICT_PASS) begin_op(f, f->op + 1);
    }
    if (c->code != XAI_OK) return;
    if (v != XAI_VERDICT_WAIT) pop(c);
  }
}

/* ---- piece by piece, for the streaming check ---- */

bool xai__check_lay(xai_check *c, size_t count) {
  c->frame_count = c->word_count = 0;
  while (c->frame_count < count && reserve_frame(c)) c->frames[c->frame_count++] = (frame){.node = NULL};
  return c->code == XAI_OK;
}

xai_check_verdict xai__check_spot_all(xai_check *c, xai_check_spot *spot) {
  size_t bottom = c->frame_count;
  verdict v = visit(c, spot);
  if (v != XAI_VERDICT_WAIT) return v;
  run(c, bottom);
  if (c->code != XAI_OK) return XAI_VERDICT_STOP;
  return c->result ? XAI_VERDICT_PASS : XAI_VERDICT_FAIL;
}

/* What MEMBERS would have seen. */
static bool see_names(xai_check *c, frame *f, const xai_schema_members *m) {
  f->seen = take_bits(c, m->bits);
  if (c->code != XAI_OK) return false;
  for (const xai_json *e = f->value->as.list.first; e != NULL; e = e->next) {
    const xai_schema_name *name = find_name(m, e);
    if (name != NULL && name->bit != UINT32_MAX) set_bit(c, f->seen, name->bit);
  }
  c->steps += f->value->len;
  return true;
}

xai_check_verdict xai__check_one(xai_check *c, const xai_schema_op *op) {
  size_t bottom = c->frame_count;
  frame *f = top(c);
  bool sees = op->code == XAI_OP_REQUIRED || op->code == XAI_OP_DEPENDENT;
  f->op = op;
  if (sees && !see_names(c, f, op->as.members)) return XAI_VERDICT_STOP;
  while (perform(c, top(c)) == XAI_VERDICT_WAIT && c->code == XAI_OK) run(c, bottom);
  if (c->code != XAI_OK) return XAI_VERDICT_STOP;
  return top(c)->failed ? XAI_VERDICT_FAIL : XAI_VERDICT_PASS;
}

const xai_schema_node *xai__check_target(const xai_check *c, const xai_schema_ref *ref) {
  return dynamic_target(c, ref);
}

const xai_schema_name *xai__check_name(const xai_schema_members *m, const xai_json *member) {
  return find_name(m, member);
}

static xai_code check(xai_check *c, const xai_json *value) {
  xai_check_spot spot = {.node = c->schema->root, .value = value};
  verdict v = xai__check_spot_all(c, &spot);
  if (c->code != XAI_OK) return c->code;
  return v == XAI_VERDICT_PASS ? XAI_OK : XAI_ERR_INVALID;
}

static void forget(xai_check *c) {
  c->code = c->equal.code = XAI_OK;
  c->frame_count = c->word_count = 0;
  c->equal.used = 0;
  c->steps = c->equal.work = 0;
  c->source = (xai_str){NULL, 0};
  if (c->violation_count > 0) xai__json_doc_reset(c->texts);
  c->violation_count = 0;
}

xai_code xai__check_root(xai_check *c, const xai_json *value) {
  forget(c);
  return check(c, value);
}

/* ---- public ---- */

xai_check *xai_check_new(const xai_mem *mem, const xai_schema *schema, bool all_errors) {
  if (schema == NULL) return NULL;
  xai_check *c = xai__alloc(mem, sizeof *c);
  if (c == NULL) return NULL;
  c->mem = xai__mem(mem);
  c->schema = schema;
  c->all = all_errors;
  xai__equal_init(&c->equal, &c->mem);
  xai__check_allow(c, 0);
  c->frame_room = 32;
  c->frames = xai__alloc(&c->mem, c->frame_room * sizeof *c->frames);
  c->texts = xai_json_doc_new(&c->mem, 0, 0);
  c->values = xai_json_doc_new(&c->mem, schema->max_depth, 0);
  if (c->frames != NULL && c->texts != NULL && c->values != NULL) return c;
  xai_check_free(c);
  return NULL;
}

void xai_check_free(xai_check *c) {
  if (c == NULL) return;
  if (c->frames != NULL) xai__free(&c->mem, c->frames, c->frame_room * sizeof *c->frames);
  xai__free(&c->mem, c->words, c->word_room * sizeof *c->words);
  xai__free(&c->mem, c->items, c->item_room * sizeof(xai_json *));
  xai__free(&c->mem, c->hashes, c->item_room * sizeof *c->hashes);
  xai__free(&c->mem, c->table, c->table_room * sizeof *c->table);
  xai__free(&c->mem, c->violations, c->violation_room * sizeof *c->violations);
  xai__equal_deinit(&c->equal);
  xai__matcher_free(c->matcher);
  xai_json_doc_free(c->texts);
  xai_json_doc_free(c->values);
  xai_json_doc_free(c->content);
  xai__check_stream_free(c->stream);
  xai_mem mem = c->mem;
  xai__free(&mem, c, sizeof *c);
}

void xai_check_reset(xai_check *c) {
  if (c == NULL) return;
  forget(c);
  xai__check_stream_reset(c->stream);
}

/* About the bytes that the value would be as text; by the stack of frames, which is empty. */
static size_t weight(xai_check *c, const xai_json *value) {
  size_t bytes = 0;
  c->frames[0].at = value;
  c->frame_count = 1;
  while (c->frame_count > 0 && c->code == XAI_OK) {
    frame *f = top(c);
    const xai_json *at = f->at;
    if (at == NULL) {
      c->frame_count--;
      continue;
    }
    f->at = c->frame_count > 1 ? at->next : NULL; /* the value itself may have a next one that is not ours */
    bytes += 2 + (size_t)at->key_len;
    if (at->type < XAI_JSON_ARRAY) bytes += at->len;
    else if (reserve_frame(c)) c->frames[c->frame_count++].at = at->as.list.first;
  }
  c->frame_count = 0;
  return bytes;
}

xai_code xai_check_value(xai_check *c, const xai_json *value) {
  if (c == NULL || value == NULL) return XAI_ERR_ARG;
  xai_check_reset(c);
  xai__check_allow(c, c->schema->max_steps != 0 ? 0 : weight(c, value));
  if (c->code != XAI_OK) return c->code;
  return check(c, value);
}

xai_code xai_check_text(xai_check *c, const char *text, size_t len, xai_error *err) {
  xai__error_clear(err);
  if (c == NULL || (text == NULL && len > 0)) return xai__fail(err, XAI_ERR_ARG, "a check and a text");
  xai_check_reset(c);
  xai__check_allow(c, len);
  xai_error own;
  const xai_json *value = xai_json_parse(c->values, text, len, XAI_JSON_BORROW, err != NULL ? err : &own);
  if (value == NULL) return err != NULL ? err->code : own.code;
  c->source = (xai_str){text, len};
  xai_code code = check(c, value);
  if (code == XAI_OK) return code;
  const xai_violation *first = xai_check_violation(c, 0);
  if (first == NULL) return xai__fail(err, code, NULL);
  xai__fail(err, code, "%.*s", (int)first->message.len, first->message.ptr);
  if (err != NULL && first->offset != SIZE_MAX) err->offset = first->offset;
  return code;
}

size_t xai_check_violations(const xai_check *c) {
  return c == NULL ? 0 : c->violation_count;
}

const xai_violation *xai_check_violation(const xai_check *c, size_t index) {
  return index < xai_check_violations(c) ? &c->violations[index] : NULL;
}
