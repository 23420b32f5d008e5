/* xai_schema_stream.c - holds a JSON text against a schema while it comes, and knows early when it cannot fit.
 * SPDX-License-Identifier: MIT
 *
 * See xai_schema_task.h for what is kept. What a value's beginning cannot tell is asked of the whole check when the
 * value is complete, each operation once; where even that would cost too much it stays open. The last word belongs to
 * the whole check of the whole value, so both always agree.
 */
#include "xai_schema_early.h"
#include "xai_schema_task.h"

#define NONE XAI_NO_TASK
#define WATCHES_A_STEP 2
#define KIDS_A_STEP 4

typedef xai_check_verdict verdict;
typedef xai_schema_op operation;
typedef xai_check_stream stream;
typedef xai_stream_task task;
typedef xai_stream_group group;
typedef xai_stream_level level;
typedef xai_stream_watch watch;

/* ---- strings and numbers while they grow ---- */

static bool is_watched(const operation *op, xai_json_type type) {
  if (op->code == XAI_OP_CONST || op->code == XAI_OP_ENUM) return true;
  if (type == XAI_JSON_STRING) return op->code == XAI_OP_MAX_LENGTH;
  return op->code >= XAI_OP_MINIMUM && op->code <= XAI_OP_BELOW;
}

static void add_watch(stream *s, uint32_t i, const operation *op) {
  watch *list = xai__stream_room(s, s->watches, s->watch_count, &s->watch_room, sizeof *list);
  if (list == NULL) return;
  s->watches = list;
  s->watches[s->watch_count++] = (watch){.op = op, .task = i};
}

static void watch_task(stream *s, uint32_t i, xai_json_type type) {
  const task *t = &s->tasks[i];
  if (t->dead) return;
  if ((t->node->types >> type & 1) == 0) add_watch(s, i, NULL);
  for (const operation *op = t->node->list[type]; op->code != XAI_OP_END; op++) {
    if (is_watched(op, type)) add_watch(s, i, op);
  }
}

/* So many bytes can follow before anything changes. */
static void set_stride(stream *s) {
  size_t stride = SIZE_MAX;
  for (uint32_t k = 0; k < s->watch_count; k++) {
    const watch *w = &s->watches[k];
    bool counts = w->op != NULL && w->op->code == XAI_OP_MAX_LENGTH;
    uint64_t left = counts && w->op->as.limit > s->characters ? w->op->as.limit - s->characters : 0;
    if (left < stride) stride = (size_t)left + (left < SIZE_MAX);
  }
  s->in.stride = stride;
}

static bool string_stays(stream *s, watch *w, const xai_json *value) {
  if (w->op->code == XAI_OP_MAX_LENGTH) return s->characters <= w->op->as.limit;
  const xai_json *choice = xai__early_choice(w->op, w->choice);
  uint32_t fresh = s->looked_at;
  bool still = choice != NULL && choice->type == XAI_JSON_STRING && choice->len >= value->len &&
               memcmp(choice->as.text + fresh, value->as.text + fresh, value->len - fresh) == 0;
  if (still) return true;
  w->choice = xai__early_prefix(w->op, w->choice, (xai_str){value->as.text, value->len});
  return w->choice != NONE;
}

/* Each look at them takes its time; when there is no more, the end of the value decides. */
static void charge_watches(stream *s) {
  s->c->steps += s->watch_count / WATCHES_A_STEP;
  if (xai__stream_spent(s)) s->watch_count = 0;
}

static void watch_string(stream *s) {
  const xai_json *value = xai__stream_top(s)->value;
  charge_watches(s);
  for (uint32_t i = s->looked_at; i < value->len; i++) {
    s->characters += ((unsigned char)value->as.text[i] & 0xc0) != 0x80;
  }
  uint32_t kept = 0;
  for (uint32_t k = 0; k < s->watch_count && !xai__stream_over(s); k++) {
    watch w = s->watches[k];
    if (s->tasks[w.task].dead) continue;
    bool stays = string_stays(s, &w, value);
    if (stays) s->watches[kept++] = w;
    else xai__task_accuse(s, w.task, w.op, s->characters);
  }
  s->watch_count = kept;
  s->looked_at = value->len;
  set_stride(s);
}

static void watch_number(stream *s) {
  const xai_json *value = xai__stream_top(s)->value;
  charge_watches(s);
  if (s->watch_count == 0) return;
  xai_early_range r = xai__early_range((xai_str){value->as.text, value->len}, s->in.nonzero);
  uint32_t kept = 0;
  for (uint32_t k = 0; k < s->watch_count && !xai__stream_over(s); k++) {
    watch w = s->watches[k];
    const task *t = &s->tasks[w.task];
    if (t->dead) continue;
    bool gone = w.op == NULL ? xai__early_wrong_type(&r, t->node) : xai__early_excludes(&r, w.op);
    if (!gone) s->watches[kept++] = w;
    else xai__task_accuse(s, w.task, w.op, 0);
  }
  s->watch_count = kept;
}

static void begin_watching(stream *s) {
  xai_json_type type = (xai_json_type)xai__stream_top(s)->value->type;
  s->watch_count = 0;
  s->looked_at = 0;
  s->characters = 0;
  s->in.stride = SIZE_MAX;
  if (type != XAI_JSON_STRING && type != XAI_JSON_NUMBER) return;
  for (uint32_t i = xai__stream_top(s)->tasks; i < s->task_count && !xai__stream_over(s); i++)
    watch_task(s, i, type);
  if (xai__stream_over(s)) return;
  if (type == XAI_JSON_STRING) watch_string(s);
  else watch_number(s);
}

/* ---- values ---- */

static bool open_level(stream *s, xai_json *value, uint32_t place) {
  level *list = xai__stream_room(s, s->levels, s->level_count, &s->level_room, sizeof *list);
  if (list == NULL) return false;
  s->levels = list;
  s->levels[s->level_count++] = (level){.value = value,
                                        .tasks = s->task_count,
                                        .groups = s->group_count,
                                        .kids = NONE,
                                        .place = place,
                                        .most = UINT64_MAX};
  return true;
}

/* The type is known: the tasks that it decides are dropped, the others say what follows from them. */
static void begin_level(stream *s) {
  level *l = xai__stream_top(s);
  l->begun = true;
  uint32_t kept = l->tasks;
  for (uint32_t i = l->tasks; i < s->task_count && !xai__stream_over(s); i++) {
    task t = s->tasks[i];
    if (t.owner != NONE && s->tasks[t.owner].dead) continue;
    xai_task_fit how = xai__task_fits(t.node, l->value);
    if (how == XAI_FITS_NEVER) xai__task_reject(s, t.owner, t.node);
    else if (how == XAI_FITS_PERHAPS) s->tasks[kept++] = t;
  }
  if (xai__stream_over(s)) return;
  s->task_count = kept;
  for (uint32_t i = l->tasks; i < s->task_count && !xai__stream_over(s); i++) xai__task_expand(s, i);
  if (!xai__stream_over(s)) begin_watching(s);
}

/* ---- members and elements ---- */

/* Of a child that is about to begin; false schemas fail at once. */
static void seed(stream *s, uint32_t owner, const xai_schema_node *node) {
  node = node->jump;
  if (node->types == 0) xai__task_reject(s, owner, node);
  else (void)xai__task_add(s, node, owner);
}

static void check_name(stream *s, uint32_t i, const xai_schema_node *rule) {
  xai_check *c = s->c;
  const xai_json *member = xai__stream_top(s)->value;
  c->name = (xai_json){.type = XAI_JSON_STRING, .len = member->key_len};
  c->name.as.text = member->key;
  xai_check_spot spot = {
    .node = rule, .value = &c->name, .place = xai__stream_top(s)->place, .below = true, .quiet = true};
  if (!xai__task_lay(s, i)) return;
  verdict v = xai__check_spot_all(c, &spot);
  if (v == XAI_VERDICT_STOP) xai__task_leave_open(s, i);
  if (v != XAI_VERDICT_FAIL) return;
  spot.quiet = false;
  if (xai__task_speaks(s, i) && xai__task_lay(s, i)) (void)xai__check_spot_all(c, &spot);
  xai__task_fail(s, i);
}

static bool seed_patterns(stream *s, uint32_t i, const xai_schema_members *m) {
  const xai_json *member = xai__stream_top(s)->value;
  bool hit = false;
  for (uint32_t k = 0; k < m->pattern_count && !s->tasks[i].dead; k++) {
    verdict v = xai__check_match(s->c, m->patterns[k].pattern, member->key, member->key_len);
    if (v == XAI_VERDICT_STOP) {
      xai__task_leave_open(s, i);
      hit = true; /* perhaps: then additionalProperties has no say */
    }
    if (v != XAI_VERDICT_PASS) continue;
    hit = true;
    seed(s, i, m->patterns[k].node);
  }
  return hit;
}

static void seed_member(stream *s, uint32_t i) {
  const xai_schema_members *m = s->tasks[i].kids->as.members;
  if (!xai__stream_affords(s)) {
    s->tasks[i].unsure = true;
    return;
  }
  s->c->steps++;
  if (m->name_rule != NULL) check_name(s, i, m->name_rule);
  if (xai__stream_over(s) || s->tasks[i].dead) return;
  const xai_schema_name *name = xai__check_name(m, xai__stream_top(s)->value);
  bool hit = name != NULL && name->node != NULL;
  if (hit) seed(s, i, name->node);
  hit |= seed_patterns(s, i, m);
  if (!hit && m->rest != NULL && !xai__stream_over(s)) seed(s, i, m->rest);
}

static void seed_element(stream *s, uint32_t i) {
  const xai_schema_elements *e = s->tasks[i].kids->as.elements;
  uint32_t index = xai__stream_top(s)->place;
  const xai_schema_node *node = index < e->prefix_count ? e->prefix[index] : e->rest;
  if (node == NULL) return;
  if (xai__stream_affords(s)) seed(s, i, node);
  else s->tasks[i].unsure = true;
}

/* From here on the container's tasks do not see its children: the end decides. */
static void give_up_kids(stream *s, uint32_t container) {
  for (uint32_t i = s->levels[container].kids; i != NONE; i = s->tasks[i].next_kid) s->tasks[i].unsure = true;
  s->levels[container].kids = NONE;
}

/* What each task of the container asks of the child. Those that died are forgotten on the way. */
static void seed_all(stream *s, uint32_t container, void (*one)(stream *, uint32_t)) {
  uint32_t last = NONE, next, count = 0;
  for (uint32_t i = s->levels[container].kids; i != NONE && !xai__stream_over(s); i = next) {
    next = s->tasks[i].next_kid;
    count++;
    if (!s->tasks[i].dead) {
      one(s, i);
      last = i;
    } else if (last == NONE) {
      s->levels[container].kids = next;
    } else {
      s->tasks[last].next_kid = next;
    }
  }
  s->c->steps += count / KIDS_A_STEP;
  if (xai__stream_spent(s)) give_up_kids(s, container);
}

/* The innermost container has or will have `count` members or elements. */
static void check_size(stream *s, level *l, uint64_t count) {
  if (count <= l->most) return;
  l->most = UINT64_MAX;
  for (uint32_t i = l->tasks; i < s->task_count && !xai__stream_over(s); i++) {
    const operation *op = s->tasks[i].node->list[l->value->type];
    for (; op->code != XAI_OP_END && !s->tasks[i].dead && !xai__stream_over(s); op++) {
      if (op->code != XAI_OP_MAX_ITEMS && op->code != XAI_OP_MAX_PROPERTIES) continue;
      if (op->as.limit < count) xai__task_accuse(s, i, op, count);
      else if (op->as.limit < l->most) l->most = op->as.limit;
    }
  }
}

static void on_key(stream *s) {
  uint32_t container = s->level_count - 1;
  uint32_t place = s->levels[container].count++;
  check_size(s, &s->levels[container], s->levels[container].count);
  s->c->open = false;
  if (xai__stream_over(s) || !open_level(s, s->in.value, place)) return;
  seed_all(s, container, seed_member);
}

static void on_element(stream *s) {
  uint32_t container = s->level_count - 1;
  uint32_t place = s->levels[container].count++;
  check_size(s, &s->levels[container], s->levels[container].count);
  if (xai__stream_over(s) || !open_level(s, s->in.value, place)) return;
  seed_all(s, container, seed_element);
}

/* ---- the end of a value ---- */

static verdict run_op(stream *s, uint32_t i, const operation *op, bool quiet) {
  const task *t = &s->tasks[i];
  xai_check_spot spot = {.node = t->node, .value = s->levels[t->level].value, .quiet = quiet};
  bool leaf = op->code < XAI_OP_MEMBERS;
  if ((!leaf || !quiet) && !xai__task_lay(s, i)) return XAI_VERDICT_STOP;
  if (leaf) {
    s->c->steps++;
    return xai__check_leaf(s->c, op, &spot);
  }
  s->c->frames[s->c->frame_count - 1].quiet = quiet;
  return xai__check_one(s->c, op);
}

/* The task's whole schema; seen from its owner. */
static verdict run_whole(stream *s, uint32_t i, bool quiet) {
  const task *t = &s->tasks[i];
  const level *l = &s->levels[t->level];
  xai_check_spot spot = {.node = t->node, .value = l->value, .place = l->place, .quiet = quiet};
  spot.below = t->owner != NONE && s->tasks[t->owner].level != t->level;
  return xai__task_lay(s, t->owner) ? xai__check_spot_all(s->c, &spot) : XAI_VERDICT_STOP;
}

static verdict run(stream *s, uint32_t i, const operation *op, bool quiet) {
  return op == NULL ? run_whole(s, i, quiet) : run_op(s, i, op, quiet);
}

/* op NULL: the whole schema. */
static void settle(stream *s, uint32_t i, const operation *op) {
  if (!xai__stream_affords(s)) {
    s->tasks[i].unsure = true;
    return;
  }
  verdict v = run(s, i, op, true);
  if (v == XAI_VERDICT_STOP) xai__task_leave_open(s, i);
  if (v != XAI_VERDICT_FAIL) return;
  if (xai__task_speaks(s, i)) (void)run(s, i, op, false);
  xai__task_fail(s, i);
}

static void settle_op(stream *s, uint32_t i, const operation *op, uint32_t *next_group) {
  switch ((xai_schema_opcode)op->code) {
    case XAI_OP_MEMBERS:
    case XAI_OP_ELEMENTS:
    case XAI_OP_REF:
    case XAI_OP_DYNAMIC:
    case XAI_OP_ALL: break; /* by tasks of their own */
    case XAI_OP_ANY: ++*next_group; break;
    case XAI_OP_ONE:
      if (s->groups[*next_group].sure > 1) xai__task_accuse_group(s, *next_group);
      ++*next_group;
      break;
    case XAI_OP_REST_MEMBERS:
    case XAI_OP_REST_ELEMENTS: settle(s, i, NULL); break;
    default: settle(s, i, op); break;
  }
}

/* All that the task's branches and children had to say is known. */
static void end_task(stream *s, uint32_t i) {
  const task *t = &s->tasks[i];
  const xai_json *value = s->levels[t->level].value;
  uint32_t next_group = t->groups;
  if (value->type == XAI_JSON_NUMBER && !xai__check_type(t->node, value)) {
    xai__task_accuse(s, i, NULL, 0);
    return;
  }
  if (t->loose) settle(s, i, NULL);
  const operation *op = t->node->list[value->type];
  for (; op->code != XAI_OP_END && !t->loose && !xai__stream_over(s) && !t->dead; op++)
    settle_op(s, i, op, &next_group);
  if (t->dead || xai__stream_over(s)) return;
  if (t->unsure && t->owner != NONE) s->tasks[t->owner].unsure = true;
  else if (t->group != NONE) xai__task_add_sure(&s->groups[t->group], t->number);
}

/* The innermost value is complete: from the latest task to the first, so that branches come before unions. */
static void end_level(stream *s) {
  const level *l = xai__stream_top(s);
  for (uint32_t i = s->task_count; i-- > l->tasks && !xai__stream_over(s);) {
    if (!s->tasks[i].dead) end_task(s, i);
  }
  s->task_count = l->tasks;
  s->group_count = l->groups;
  s->watch_count = 0;
  s->in.stride = SIZE_MAX;
  s->level_count--;
}

/* ---- events ---- */

static void on_begin(stream *s) {
  if (s->level_count == 0) {
    if (!open_level(s, s->in.value, 0)) return;
    (void)xai__task_add(s, s->c->schema->root->jump, NONE);
  } else if (xai__stream_top(s)->begun) {
    on_element(s);
  }
  if (xai__stream_over(s)) return;
  begin_level(s);
  bool word = s->in.value->type <= XAI_JSON_BOOL; /* all is known of it */
  if (!xai__stream_over(s) && word) {
    s->c->open = false;
    end_level(s);
  }
}

static void on_grown(stream *s) {
  if (xai__stream_top(s)->value->type == XAI_JSON_STRING) watch_string(s);
  else watch_number(s);
}

/* The wording of a complaint depends on whether the value goes on. */
static void on_event(stream *s, xai_json_event e) {
  bool within = e == XAI_JSON_GREW || (e == XAI_JSON_END && s->in.value->type <= XAI_JSON_STRING);
  s->at = s->in.event_at;
  if (!within) s->since = s->at;
  s->c->open = e != XAI_JSON_END;
  switch (e) {
    case XAI_JSON_KEY: on_key(s); break;
    case XAI_JSON_BEGIN: on_begin(s); break;
    case XAI_JSON_GREW: on_grown(s); break;
    case XAI_JSON_COMMA: check_size(s, xai__stream_top(s), (uint64_t)xai__stream_top(s)->count + 1); break;
    case XAI_JSON_END:
      if (s->in.value->type > XAI_JSON_BOOL) end_level(s);
      break;
    default: break;
  }
  s->c->open = false;
  if (s->c->code == XAI_ERR_NOMEM) s->code = XAI_ERR_NOMEM;
  if (s->lowest_dead != NONE) xai__task_sweep(s);
}

/* ---- life ---- */

void xai__check_stream_free(stream *s) {
  if (s == NULL) return;
  xai_mem mem = s->c->mem;
  xai__json_stream_deinit(&s->in);
  xai__free(&mem, s->tasks, s->task_room * sizeof *s->tasks);
  xai__free(&mem, s->groups, s->group_room * sizeof *s->groups);
  xai__free(&mem, s->levels, s->level_room * sizeof *s->levels);
  xai__free(&mem, s->watches, s->watch_room * sizeof *s->watches);
  xai__free(&mem, s, sizeof *s);
}

void xai__check_stream_reset(stream *s) {
  if (s != NULL) s->begun = false;
}

static stream *stream_of(xai_check *c) {
  if (c->stream == NULL) {
    c->stream = xai__alloc(&c->mem, sizeof *c->stream);
    if (c->stream == NULL) return NULL;
    c->stream->c = c;
    xai__json_stream_init(&c->stream->in, &c->mem, c->values);
  }
  stream *s = c->stream;
  if (s->begun) return s;
  xai_check_reset(c);
  xai__json_stream_reset(&s->in);
  s->task_count = s->group_count = s->level_count = s->watch_count = 0;
  s->lowest_dead = NONE;
  s->begun = true;
  s->dead = s->ended = false;
  s->code = XAI_OK;
  return s;
}

/* The text is dead: the one violation says where that became certain. */
static void end_dead(stream *s) {
  xai_check *c = s->c;
  s->ended = true;
  if (s->code == XAI_OK) s->code = XAI_ERR_INVALID;
  if (s->code == XAI_ERR_INVALID && c->violation_count > 0) c->violations[0].offset = s->at;
}

static void end_broken(stream *s) {
  s->ended = true;
  s->code = s->in.code;
  if (s->code != XAI_ERR_NOMEM) xai__check_broken(s->c, s->code, s->in.expected, s->in.offset);
  if (s->c->code != XAI_OK) s->code = s->c->code;
}

/* False when nothing more is to be read. */
static bool take(stream *s, xai_json_event e) {
  if (e == XAI_JSON_PAUSE || e == XAI_JSON_DONE) return false;
  if (e == XAI_JSON_BROKEN) {
    end_broken(s);
    return false;
  }
  on_event(s, e);
  if (xai__stream_over(s)) end_dead(s);
  return !xai__stream_over(s);
}

static void end_whole(stream *s) {
  xai_check *c = s->c;
  s->ended = true;
  xai__check_allow(c, s->in.offset);
  s->code = xai__check_root(c, xai__json_root(c->values));
  for (size_t i = 0; i < c->violation_count; i++) c->violations[i].offset = s->in.offset;
}

/* ---- public ---- */

xai_code xai_check_feed(xai_check *c, const char *bytes, size_t len) {
  if (c == NULL || (bytes == NULL && len > 0)) return XAI_ERR_ARG;
  stream *s = stream_of(c);
  if (s == NULL) return XAI_ERR_NOMEM;
  if (s->ended) return s->code == XAI_OK ? XAI_ERR_STATE : s->code;
  if (len == 0) return XAI_OK;
  bool all = c->all;
  const char *at = bytes, *end = bytes + len;
  c->all = false;
  xai__check_allow(c, s->in.offset);
  while (take(s, xai__json_stream_next(&s->in, &at, end))) continue;
  c->all = all;
  return s->code;
}

xai_code xai_check_finish(xai_check *c) {
  if (c == NULL) return XAI_ERR_ARG;
  stream *s = stream_of(c);
  if (s == NULL) return XAI_ERR_NOMEM;
  bool all = c->all;
  c->all = false;
  while (!s->ended && take(s, xai__json_stream_finish(&s->in))) continue;
  c->all = all;
  if (!s->ended) end_whole(s);
  return s->code;
}

const xai_json *xai_check_partial(const xai_check *c) {
  if (c == NULL || c->stream == NULL || !c->stream->begun) return NULL;
  return xai__json_root(c->values);
}
