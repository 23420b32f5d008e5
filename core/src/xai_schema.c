/* xai_schema.c - compiles a JSON Schema: every schema in reach becomes a node with flat lists of operations.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "xai_schema_build.h"

#define DEFAULT_BYTES ((size_t)64 << 20)
#define DEFAULT_DEPTH 128
#define DEFAULT_MATCH_LIMIT 1000000

/* A node's state while it is compiled and looked at. */
enum { FOUND, WANTED, COMPILED, ON_PATH, LOOKED_AT };

static const xai_schema_op nothing = {.code = XAI_OP_END};

/* ---- where in the schema ---- */

xai_code xai__pointer_add(xai_buf *out, xai_str token) {
  xai_code code = xai__buf_add_char(out, '/');
  for (size_t i = 0; i < token.len && code == XAI_OK; i++) {
    char c = token.ptr[i];
    if (c == '~') code = xai__buf_add_cstr(out, "~0");
    else if (c == '/') code = xai__buf_add_cstr(out, "~1");
    else code = xai__buf_add_char(out, c);
  }
  return code;
}

static xai_code add_step(xai_buf *out, const xai_schema_node *node) {
  char digits[16];
  if (node->step == XAI_STEP_POINTER) return xai__buf_add(out, node->key.ptr, node->key.len);
  xai_code code = xai__pointer_add(out, xai__keyword_text((xai_keyword)node->keyword));
  if (code != XAI_OK || node->step == XAI_STEP_KEYWORD) return code;
  if (node->step == XAI_STEP_KEY) return xai__pointer_add(out, node->key);
  snprintf(digits, sizeof digits, "/%u", (unsigned)node->index);
  return xai__buf_add_cstr(out, digits);
}

static const xai_schema_node *ancestor(const xai_schema_node *node, size_t steps) {
  while (steps-- > 0) node = node->parent;
  return node;
}

xai_code xai__schema_where(const xai_schema *schema, const xai_schema_node *node, xai_buf *out) {
  size_t depth = 0;
  const xai_schema_node *root = node;
  for (; root->parent != NULL; root = root->parent) depth++;
  xai_code code = XAI_OK;
  const xai_schema_document *document = schema->documents;
  while (document != NULL && document->root != root) document = document->next;
  if (document != NULL && document != schema->documents) {
    code = xai__buf_add(out, document->uri.ptr, document->uri.len);
    if (code == XAI_OK) code = xai__buf_add_char(out, '#');
  }
  while (depth-- > 0 && code == XAI_OK) code = add_step(out, ancestor(node, depth));
  return code;
}

/* ---- failing ---- */

void xai__build_fail(xai_schema_build *b, xai_code code) {
  if (b->code != XAI_OK) return;
  b->code = xai__fail(b->err, code, NULL);
}

static void fail_at(xai_schema_build *b, xai_code code, const xai_schema_node *node, xai_keyword keyword,
                    const char *what) {
  xai_buf where;
  xai__buf_init(&where, &b->schema->mem, 4096);
  if (node != NULL) (void)xai__schema_where(b->schema, node, &where);
  if (keyword < XAI_KW_COUNT) (void)xai__pointer_add(&where, xai__keyword_text(keyword));
  xai_str text = xai__buf_str(&where);
  b->code = xai__fail(b->err, code, "%.*s %s", text.len > 0 ? (int)text.len : 10,
                      text.len > 0 ? text.ptr : "the schema", what);
  xai__buf_deinit(&where);
}

static void vfail_at(xai_schema_build *b, xai_code code, const xai_schema_node *node, xai_keyword keyword,
                     const char *format, va_list args) {
  char what[400];
  if (b->code != XAI_OK) return;
  vsnprintf(what, sizeof what, format, args);
  fail_at(b, code, node, keyword, what);
}

void xai__build_refuse(xai_schema_build *b, const xai_schema_node *node, xai_keyword keyword,
                       const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfail_at(b, XAI_ERR_SCHEMA, node, keyword, format, args);
  va_end(args);
}

void xai__build_lack(xai_schema_build *b, const xai_schema_node *node, xai_keyword keyword,
                     const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfail_at(b, XAI_ERR_LIBRARY, node, keyword, format, args);
  va_end(args);
}

/* ---- which nodes ---- */

xai_schema_node *xai__build_want(xai_schema_build *b, xai_schema_node *node) {
  if (node == NULL || node->state != FOUND) return node;
  node->state = WANTED;
  node->next_work = b->to_compile;
  b->to_compile = node;
  return node;
}

xai_schema_node *xai__build_child(xai_schema_build *b, const xai_schema_node *parent, xai_keyword keyword,
                                  const xai_json *json) {
  if (b->code != XAI_OK) return NULL;
  /* Scanning has made it, unless the keyword is none where the schema was found. */
  xai_schema_node where = {
    .parent = (xai_schema_node *)parent, .resource = parent->resource, .keyword = (uint8_t)keyword};
  return xai__build_want(b, xai__build_node(b, json, &where));
}

/* ---- operations to lists ---- */

/* The order within a list: what is cheap first, what needs all others last. */
static int stage(const xai_schema_op *op, unsigned group) {
  if (op->code >= XAI_OP_REST_MEMBERS) return 4;
  if (op->code >= XAI_OP_MEMBERS) return group == XAI_GROUP_ANY ? 3 : 2;
  return group == XAI_GROUP_ANY ? 1 : 0;
}

static const xai_schema_op *list_for(xai_schema_build *b, const xai_schema_ops *ops, unsigned group,
                                     bool *typed) {
  unsigned count = 0;
  *typed = false;
  for (unsigned i = 0; i < ops->count; i++) {
    count += ops->group[i] == group || ops->group[i] == XAI_GROUP_ANY;
    *typed |= ops->group[i] == group;
  }
  if (count == 0) return &nothing;
  xai_schema_op *list = xai__build_array(b, count + 1, sizeof *list);
  if (list == NULL) return &nothing;
  unsigned at = 0;
  for (int s = 0; s <= 4; s++) {
    for (unsigned i = 0; i < ops->count; i++) {
      bool ours = ops->group[i] == group || ops->group[i] == XAI_GROUP_ANY;
      if (ours && stage(&ops->op[i], ops->group[i]) == s) list[at++] = ops->op[i];
    }
  }
  list[at] = nothing;
  return list;
}

static void set_list(xai_schema_node *node, xai_json_type type, const xai_schema_op *list) {
  bool allowed = (node->types & (1u << type)) != 0;
  if (type == XAI_JSON_NUMBER) allowed |= (node->types & (XAI_TYPES_INTEGER | XAI_TYPES_LITERAL)) != 0;
  node->list[type] = allowed ? list : &nothing;
  bool leaf = true;
  for (const xai_schema_op *op = node->list[type]; op->code != XAI_OP_END; op++) {
    leaf &= op->code < XAI_OP_MEMBERS;
    if (op->code >= XAI_OP_REST_MEMBERS) node->late |= (uint8_t)(1u << type);
  }
  if (leaf) node->leaf |= (uint8_t)(1u << type);
}

static void lay_out(xai_schema_build *b, xai_schema_node *node, const xai_schema_ops *ops) {
  static const struct {
    xai_json_type type;
    unsigned group;
  } typed[] = {{XAI_JSON_NUMBER, XAI_GROUP_NUMBER},
               {XAI_JSON_STRING, XAI_GROUP_STRING},
               {XAI_JSON_ARRAY, XAI_GROUP_ARRAY},
               {XAI_JSON_OBJECT, XAI_GROUP_OBJECT}};
  bool own;
  const xai_schema_op *any = list_for(b, ops, XAI_GROUP_ANY, &own);
  set_list(node, XAI_JSON_NULL, any);
  set_list(node, XAI_JSON_BOOL, any);
  for (int i = 0; i < 4; i++) {
    own = false;
    for (unsigned k = 0; k < ops->count; k++) own |= ops->group[k] == typed[i].group;
    set_list(node, typed[i].type, own ? list_for(b, ops, typed[i].group, &own) : any);
  }
}

static void compile_wanted(xai_schema_build *b) {
  xai_schema_ops ops;
  while (b->to_compile != NULL && b->code == XAI_OK) {
    xai_schema_node *node = b->to_compile;
    b->to_compile = node->next_work;
    xai__build_rules(b, node, &ops);
    if (b->code != XAI_OK) return;
    lay_out(b, node, &ops);
    node->state = COMPILED;
  }
}

/* ---- what is known when all is compiled ---- */

static const xai_schema_dynamic *find_dynamic(const xai_schema_resource *resource, xai_str name) {
  for (const xai_schema_dynamic *d = resource->dynamics; d != NULL; d = d->next) {
    if (d->name.len == name.len && (name.len == 0 || memcmp(d->name.ptr, name.ptr, name.len) == 0)) return d;
  }
  return NULL;
}

/* Whatever a dynamic reference may find has to be compiled too, which may bring further such references. */
static void compile_dynamic(xai_schema_build *b) {
  const xai_schema_ref *done = NULL;
  while (b->dynamic_refs != done && b->code == XAI_OK) {
    const xai_schema_ref *newest = b->dynamic_refs;
    for (const xai_schema_ref *ref = newest; ref != done; ref = ref->next) {
      for (xai_schema_resource *r = b->resources; r != NULL; r = r->next) {
        const xai_schema_dynamic *found = find_dynamic(r, ref->dynamic);
        if (found != NULL) xai__build_want(b, found->node);
      }
    }
    done = newest;
    compile_wanted(b);
  }
}

/* A name that only one resource has is an ordinary reference. */
static bool settle_dynamic(xai_schema_build *b) {
  bool any = false;
  for (xai_schema_ref *ref = b->dynamic_refs; ref != NULL; ref = ref->next) {
    unsigned holders = 0;
    for (const xai_schema_resource *r = b->resources; r != NULL; r = r->next) {
      holders += find_dynamic(r, ref->dynamic) != NULL;
    }
    if (holders > 1) any = true;
    else ref->dynamic = (xai_str){NULL, 0};
  }
  return any;
}

/* Schemas that see the same value must not lead back to where they came from. Depth first; the path is linked
 * through next_work. */
static void look_for_cycle(xai_schema_build *b, xai_schema_node *start) {
  xai_schema_node *path = start;
  start->next_work = NULL;
  start->state = ON_PATH;
  while (path != NULL) {
    const xai_schema_edge *edge = path->edges;
    if (edge == NULL) {
      path->state = LOOKED_AT;
      path = path->next_work;
      continue;
    }
    path->edges = edge->next;
    if (edge->to->state == ON_PATH) {
      xai__build_refuse(b, path, XAI_KW_COUNT, "leads back to itself for the same value, without end");
      return;
    }
    if (edge->to->state != COMPILED) continue;
    edge->to->next_work = path;
    edge->to->state = ON_PATH;
    path = edge->to;
  }
}

/* Where a node's only $ref leads, if that is all it has. */
static xai_schema_node *lone_target(const xai_schema_node *node, bool dynamic) {
  const xai_schema_op *op = node->list[XAI_JSON_NULL];
  if (node->types != XAI_TYPES_ALL || op == NULL || op->code != XAI_OP_REF || op[1].code != XAI_OP_END)
    return NULL;
  for (int t = 1; t < 6; t++) {
    if (node->list[t] != op) return NULL;
  }
  /* With dynamic references it matters which resources were passed. */
  return dynamic && op->as.ref->node->resource != node->resource ? NULL : op->as.ref->node;
}

static void shorten(xai_schema_node *node, bool dynamic) {
  xai_schema_node *end = node, *next;
  while ((next = lone_target(end, dynamic)) != NULL && end->jump == end) end = next;
  end = end->jump;
  for (xai_schema_node *at = node; at != end && at->jump == at; at = next) {
    next = lone_target(at, dynamic);
    at->jump = end;
    if (next == NULL) break;
  }
}

static void finish(xai_schema_build *b) {
  compile_dynamic(b);
  bool dynamic = settle_dynamic(b);
  for (xai_schema_node *n = b->first_made; n != NULL && b->code == XAI_OK; n = n->next_made) {
    if (n->state == COMPILED) look_for_cycle(b, n);
  }
  if (b->code != XAI_OK) return;
  for (xai_schema_node *n = b->first_made; n != NULL; n = n->next_made) {
    if (n->state == LOOKED_AT) shorten(n, dynamic);
  }
  for (xai_schema_node *n = b->first_made; n != NULL; n = n->next_made) {
    if (n->state == LOOKED_AT) xai__build_switches(b, n, dynamic);
  }
}

/* All of the main text is compiled, so that nothing wrong in it stays unseen; of others what is referred to. */
static void build(xai_schema_build *b, const char *text, size_t len) {
  b->schema->root = xai__build_main(b, text, len);
  if (b->code != XAI_OK) return;
  const xai_schema_node *last = b->last_made;
  for (xai_schema_node *n = b->first_made; n != NULL; n = n == last ? NULL : n->next_made)
    xai__build_want(b, n);
  compile_wanted(b);
  finish(b);
}

/* ---- public ---- */

static xai_schema_options with_defaults(const xai_schema_options *given) {
  xai_schema_options o = XAI_SCHEMA_OPTIONS_INIT;
  if (given != NULL) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
  if (given != NULL) o.size = given->size; /* 0: INIT was forgotten */
  if (o.draft == XAI_DRAFT_AUTO) o.draft = XAI_DRAFT_2020_12;
  if (o.max_bytes == 0) o.max_bytes = DEFAULT_BYTES;
  if (o.max_depth == 0) o.max_depth = DEFAULT_DEPTH;
  if (o.match_limit == 0) o.match_limit = DEFAULT_MATCH_LIMIT;
  return o;
}

static bool usable(const xai_schema_options *o, const char *text, size_t len) {
  return o->size > 0 && (text != NULL || len == 0) && o->draft <= XAI_DRAFT_2020_12 &&
         o->max_depth <= 10000 && (o->remotes != NULL || o->remote_count == 0);
}

xai_schema *xai_schema_compile(const xai_mem *mem, const char *text, size_t len,
                               const xai_schema_options *options, xai_error *err) {
  xai_schema_build b = {.options = with_defaults(options), .err = err};
  xai__error_clear(err);
  if (!usable(&b.options, text, len)) {
    xai__fail(err, XAI_ERR_ARG, "a schema's text or an option");
    return NULL;
  }
  b.schema = xai__alloc(mem, sizeof *b.schema);
  if (b.schema == NULL) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    return NULL;
  }
  b.schema->mem = xai__mem(mem);
  b.schema->max_depth = b.options.max_depth;
  b.schema->match_limit = b.options.match_limit;
  b.schema->max_steps = b.options.max_steps;
  b.schema->arena = xai_json_doc_new(&b.schema->mem, 0, b.options.max_bytes);
  xai__equal_init(&b.equal, &b.schema->mem);
  xai__buf_init(&b.text, &b.schema->mem, (size_t)1 << 20);
  if (b.schema->arena == NULL) xai__build_fail(&b, XAI_ERR_NOMEM);
  else build(&b, text, len);
  xai__equal_deinit(&b.equal);
  xai__buf_deinit(&b.text);
  xai__free(&b.schema->mem, b.addresses, b.address_room * sizeof *b.addresses);
  xai__free(&b.schema->mem, b.nodes, b.node_room * sizeof(xai_schema_node *));
  if (b.code == XAI_OK) return b.schema;
  xai_schema_free(b.schema);
  return NULL;
}

void xai_schema_free(xai_schema *schema) {
  if (schema == NULL) return;
  for (xai_schema_regex *r = schema->regexes; r != NULL; r = r->next) xai__pattern_free(r->pattern);
  for (xai_schema_document *d = schema->documents; d != NULL; d = d->next) xai_json_doc_free(d->values);
  xai_json_doc_free(schema->arena);
  xai_mem mem = schema->mem;
  xai__free(&mem, schema, sizeof *schema);
}
