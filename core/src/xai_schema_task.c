/* xai_schema_task.c - the schemas in play while a text comes: what follows from each, and what its failure means.
 * SPDX-License-Identifier: MIT */
#include "xai_schema_task.h"

#include "xai_schema_early.h"

#define NONE XAI_NO_TASK
#define MOST_TASKS ((uint32_t)1 << 16)
#define MOST_STEPS_AT_ONCE 20000
#define MOST_STEPS_A_BYTE 500

typedef xai_schema_op operation;
typedef xai_check_stream stream;
typedef xai_stream_task task;
typedef xai_stream_group group;
typedef xai_stream_level level;

/* ---- limits ---- */

void *xai__stream_room(stream *s, void *list, uint32_t count, uint32_t *room, size_t size) {
  if (count < *room) return list;
  uint32_t more = *room == 0 ? 16 : *room * 2;
  void *fresh = xai__realloc(&s->c->mem, list, *room * size, more * size);
  if (fresh == NULL) s->code = XAI_ERR_NOMEM;
  else *room = more;
  return fresh;
}

bool xai__stream_spent(const stream *s) {
  return s->c->steps > s->c->most_steps / 8;
}

bool xai__stream_affords(const stream *s) {
  uint64_t limit = MOST_STEPS_AT_ONCE + (uint64_t)s->in.offset * MOST_STEPS_A_BYTE;
  return s->c->steps <= limit && !xai__stream_spent(s);
}

/* ---- failing ---- */

bool xai__task_lay(stream *s, uint32_t last) {
  size_t count = 0;
  for (uint32_t i = last; i != NONE; i = s->tasks[i].owner) count++;
  if (!xai__check_lay(s->c, count)) {
    s->code = XAI_ERR_NOMEM;
    return false;
  }
  for (uint32_t i = last; i != NONE; i = s->tasks[i].owner) {
    const task *t = &s->tasks[i];
    const level *l = &s->levels[t->level];
    xai_check_frame *f = &s->c->frames[--count];
    f->node = t->node;
    f->value = l->value;
    f->op = t->node->list[l->value->type];
    f->place = l->place;
    f->depth = (uint16_t)t->level;
    f->refs = (uint16_t)t->refs;
    f->below = t->owner != NONE && s->tasks[t->owner].level != t->level;
  }
  return true;
}

static void say_group(stream *s, const group *g) {
  const task *owner = &s->tasks[g->owner];
  xai_check_spot spot = {.node = owner->node, .value = s->levels[owner->level].value};
  if (!xai__task_lay(s, g->owner)) return;
  xai_complaint what = xai__check_about(&spot, g->op);
  what.count = g->first;
  what.other = g->second;
  what.name.len = g->sure; /* how many held */
  xai__check_say(s->c, &what);
}

bool xai__task_speaks(stream *s, uint32_t at) {
  const group *instead = NULL;
  for (uint32_t i = at; i != NONE; i = s->tasks[i].owner) {
    const task *t = &s->tasks[i];
    if (t->dead) return false;
    const group *g = t->group == NONE ? NULL : &s->groups[t->group];
    if (g != NULL && g->live > 1) return false;
    if (g != NULL && g->thinned && g->died_at >= s->since) instead = g;
  }
  if (instead != NULL) say_group(s, instead);
  return instead == NULL;
}

void xai__task_fail(stream *s, uint32_t i) {
  while (!s->tasks[i].dead) {
    task *t = &s->tasks[i];
    t->dead = true;
    if (i < s->lowest_dead) s->lowest_dead = i;
    group *g = t->group == NONE ? NULL : &s->groups[t->group];
    if (g != NULL && --g->live > 0) {
      g->thinned = true;
      g->died_at = s->at;
      return;
    }
    if (t->owner == NONE) {
      s->dead = true;
      return;
    }
    i = t->owner;
  }
}

/* The task fails, and this is why. */
static void accuse(stream *s, uint32_t i, const xai_complaint *what) {
  if (xai__task_speaks(s, i) && xai__task_lay(s, i)) xai__check_say(s->c, what);
  xai__task_fail(s, i);
}

void xai__task_accuse(stream *s, uint32_t i, const operation *op, uint64_t count) {
  const task *t = &s->tasks[i];
  xai_check_spot spot = {.node = t->node, .value = s->levels[t->level].value};
  xai_complaint what = xai__check_about(&spot, op);
  what.count = count;
  accuse(s, i, &what);
}

void xai__task_accuse_group(stream *s, uint32_t g) {
  uint32_t owner = s->groups[g].owner;
  if (xai__task_speaks(s, owner)) say_group(s, &s->groups[g]);
  xai__task_fail(s, owner);
}

void xai__task_reject(stream *s, uint32_t owner, const xai_schema_node *node) {
  const level *l = xai__stream_top(s);
  xai_check_spot spot = {.node = node, .value = l->value, .place = l->place};
  spot.below = owner != NONE && &s->levels[s->tasks[owner].level] != l;
  xai_complaint what = xai__check_about(&spot, NULL);
  if (owner != NONE) {
    accuse(s, owner, &what);
    return;
  }
  if (xai__task_lay(s, NONE)) xai__check_say(s->c, &what);
  s->dead = true;
}

void xai__task_sweep(stream *s) {
  for (uint32_t i = s->lowest_dead; i < s->task_count; i++) {
    uint32_t owner = s->tasks[i].owner;
    if (owner != NONE && s->tasks[owner].dead) s->tasks[i].dead = true;
  }
  s->lowest_dead = NONE;
}

void xai__task_leave_open(stream *s, uint32_t i) {
  xai_check *c = s->c;
  if (c->code == XAI_ERR_NOMEM) s->code = XAI_ERR_NOMEM;
  c->code = c->equal.code = XAI_OK;
  c->equal.used = 0;
  if (c->violation_count > 0) xai__json_doc_reset(c->texts);
  c->violation_count = 0;
  s->tasks[i].unsure = true;
}

/* ---- tasks ---- */

xai_task_fit xai__task_fits(const xai_schema_node *node, const xai_json *value) {
  unsigned type = value->type;
  bool number = type == XAI_JSON_NUMBER && (node->types & (XAI_TYPES_INTEGER | XAI_TYPES_LITERAL)) != 0;
  if ((node->types >> type & 1) == 0) return number ? XAI_FITS_PERHAPS : XAI_FITS_NEVER;
  return node->list[type]->code == XAI_OP_END ? XAI_FITS_ALWAYS : XAI_FITS_PERHAPS;
}

bool xai__task_add(stream *s, const xai_schema_node *node, uint32_t owner) {
  s->c->steps++;
  task *list = xai__stream_room(s, s->tasks, s->task_count, &s->task_room, sizeof *list);
  if (list != NULL) s->tasks = list;
  if (list == NULL || s->task_count >= MOST_TASKS) {
    if (owner != NONE) s->tasks[owner].unsure = true;
    return false;
  }
  task *t = &s->tasks[s->task_count++];
  *t = (task){.node = node, .owner = owner, .group = NONE, .level = s->level_count - 1, .next_kid = NONE};
  bool same = owner != NONE && s->tasks[owner].level == t->level;
  t->refs = same ? s->tasks[owner].refs + 1 : 0;
  return true;
}

/* A schema that has to hold at the innermost value. */
static void require(stream *s, uint32_t owner, const xai_schema_node *node) {
  node = node->jump;
  xai_task_fit how = xai__task_fits(node, xai__stream_top(s)->value);
  if (how == XAI_FITS_NEVER) xai__task_reject(s, owner, node);
  else if (how == XAI_FITS_PERHAPS) (void)xai__task_add(s, node, owner);
}

void xai__task_add_sure(group *g, uint32_t number) {
  g->sure++;
  if (number < g->first) {
    g->second = g->first;
    g->first = number;
  } else if (number < g->second) {
    g->second = number;
  }
}

static void add_branch(stream *s, uint32_t owner, uint32_t number) {
  uint32_t at = s->group_count - 1;
  group *g = &s->groups[at];
  const xai_schema_node *node = g->op->as.choice->nodes[number]->jump;
  xai_task_fit how = xai__task_fits(node, xai__stream_top(s)->value);
  s->c->steps++;
  if (how == XAI_FITS_NEVER) {
    g->thinned = true;
    g->died_at = s->at;
    return;
  }
  g->live++;
  if (how == XAI_FITS_ALWAYS) xai__task_add_sure(g, number);
  if (how == XAI_FITS_ALWAYS || !xai__task_add(s, node, owner)) return;
  s->tasks[s->task_count - 1].group = at;
  s->tasks[s->task_count - 1].number = number;
}

static void add_group(stream *s, uint32_t owner, const operation *op) {
  group *list = xai__stream_room(s, s->groups, s->group_count, &s->group_room, sizeof *list);
  if (list == NULL) return;
  s->groups = list;
  uint32_t at = s->group_count++, before = s->task_count;
  s->groups[at] = (group){.op = op, .owner = owner, .first = NONE, .second = NONE};
  for (uint32_t i = 0; i < op->count && s->code == XAI_OK; i++) add_branch(s, owner, i);
  group *g = &s->groups[at];
  if (g->live == 0 || (op->code == XAI_OP_ONE && g->sure > 1)) xai__task_accuse_group(s, at);
  else if (op->code == XAI_OP_ANY && g->sure > 0) s->task_count = before; /* it holds already */
}

static void choose(stream *s, uint32_t i, const operation *op) {
  if (!xai__early_has_type(op, (xai_json_type)xai__stream_top(s)->value->type)) xai__task_accuse(s, i, op, 0);
}

static void follow(stream *s, uint32_t i, const xai_schema_ref *ref) {
  const xai_schema_node *node = ref->node;
  if (ref->dynamic.ptr != NULL) {
    if (!xai__task_lay(s, i)) return;
    node = xai__check_target(s->c, ref);
  }
  require(s, i, node);
}

static void bound_size(stream *s, const operation *op) {
  if (op->as.limit < xai__stream_top(s)->most) xai__stream_top(s)->most = op->as.limit;
}

static void expand_op(stream *s, uint32_t i, const operation *op) {
  switch ((xai_schema_opcode)op->code) {
    case XAI_OP_MEMBERS:
    case XAI_OP_ELEMENTS: s->tasks[i].kids = op; break;
    case XAI_OP_REF:
    case XAI_OP_DYNAMIC: follow(s, i, op->as.ref); break;
    case XAI_OP_ANY:
    case XAI_OP_ONE: add_group(s, i, op); break;
    case XAI_OP_CONST:
    case XAI_OP_ENUM: choose(s, i, op); break;
    case XAI_OP_MAX_ITEMS:
    case XAI_OP_MAX_PROPERTIES: bound_size(s, op); break;
    case XAI_OP_ALL:
      for (uint32_t k = 0; k < op->count && !xai__stream_over(s) && !s->tasks[i].dead; k++)
        require(s, i, op->as.nodes[k]);
      break;
    default: break;
  }
}

void xai__task_expand(stream *s, uint32_t i) {
  const task *t = &s->tasks[i];
  if (t->dead) return;
  if (!xai__stream_affords(s) || t->refs > s->c->schema->max_depth) {
    s->tasks[i].loose = true;
    return;
  }
  s->tasks[i].groups = s->group_count;
  const operation *op = t->node->list[xai__stream_top(s)->value->type];
  for (; op->code != XAI_OP_END && !xai__stream_over(s) && !s->tasks[i].dead; op++) expand_op(s, i, op);
  if (s->tasks[i].kids == NULL) return;
  s->tasks[i].next_kid = xai__stream_top(s)->kids;
  xai__stream_top(s)->kids = i;
}
