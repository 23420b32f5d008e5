/* xai_schema_ref.c - finds the schemas in a text, gives them their addresses, and follows references.
 * SPDX-License-Identifier: MIT
 *
 * The texts that others refer to are read when the first reference leads there. In the trees of values, which are
 * ours alone, the `room` of an object or boolean holds the number of its node: the quickest map there is.
 */
#include "xai_schema_build.h"

#include <stdio.h>

/* ---- memory ---- */

void *xai__build_alloc(xai_schema_build *b, size_t size) {
  if (b->code != XAI_OK) return NULL;
  void *ptr = xai__json_alloc(b->schema->arena, size);
  if (ptr == NULL) xai__build_fail(b, b->schema->arena->failure);
  else memset(ptr, 0, size);
  return ptr;
}

void *xai__build_array(xai_schema_build *b, size_t count, size_t size) {
  size_t bytes;
  if (!xai__mul(count, size, &bytes)) {
    xai__build_fail(b, XAI_ERR_TOO_BIG);
    return NULL;
  }
  return xai__build_alloc(b, bytes > 0 ? bytes : 1);
}

static xai_str keep(xai_schema_build *b, xai_str text) {
  char *copy = xai__build_alloc(b, text.len + 1);
  if (copy == NULL) return (xai_str){NULL, 0};
  if (text.len > 0) memcpy(copy, text.ptr, text.len);
  return (xai_str){copy, text.len};
}

static bool same(xai_str a, xai_str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ---- addresses ---- */

static xai_schema_address *slot_of(xai_schema_address *slots, size_t room, uint64_t hash, xai_str text) {
  size_t i = hash & (room - 1);
  while (slots[i].text.ptr != NULL && (slots[i].hash != hash || !same(slots[i].text, text))) {
    i = (i + 1) & (room - 1);
  }
  return &slots[i];
}

static xai_schema_address *find_address(const xai_schema_build *b, xai_str text) {
  if (b->address_room == 0) return NULL;
  xai_schema_address *found =
    slot_of(b->addresses, b->address_room, xai__hash_bytes(text.ptr, text.len), text);
  return found->text.ptr == NULL ? NULL : found;
}

static void grow_addresses(xai_schema_build *b) {
  size_t room = b->address_room == 0 ? 32 : b->address_room * 2;
  xai_schema_address *slots = xai__alloc(&b->schema->mem, room * sizeof *slots);
  if (slots == NULL) {
    xai__build_fail(b, XAI_ERR_NOMEM);
    return;
  }
  for (size_t i = 0; i < b->address_room; i++) {
    xai_schema_address *a = &b->addresses[i];
    if (a->text.ptr != NULL) *slot_of(slots, room, a->hash, a->text) = *a;
  }
  xai__free(&b->schema->mem, b->addresses, b->address_room * sizeof *slots);
  b->addresses = slots;
  b->address_room = room;
}

static const xai_schema_node *document_of(const xai_schema_node *node) {
  while (node->parent != NULL) node = node->parent;
  return node;
}

/* Of two claims to one address the first counts, unless one document makes both: then a reference is refused. */
static void add_address(xai_schema_build *b, xai_str text, xai_schema_node *node, bool dynamic) {
  if (b->address_count * 2 >= b->address_room) grow_addresses(b);
  if (b->code != XAI_OK) return;
  uint64_t hash = xai__hash_bytes(text.ptr, text.len);
  xai_schema_address *slot = slot_of(b->addresses, b->address_room, hash, text);
  if (slot->text.ptr != NULL) {
    if (slot->node != node && document_of(slot->node) == document_of(node)) slot->ambiguous = true;
    slot->dynamic |= dynamic && slot->node == node;
    return;
  }
  xai_str kept = keep(b, text);
  if (kept.ptr == NULL) return;
  *slot = (xai_schema_address){.hash = hash, .text = kept, .node = node, .dynamic = dynamic};
  b->address_count++;
}

/* "uri#name", in b->text. */
static xai_str anchor_text(xai_schema_build *b, xai_str uri, xai_str name) {
  xai__buf_reset(&b->text);
  xai_code code = uri.len == 0 ? XAI_OK : xai__buf_add(&b->text, uri.ptr, uri.len);
  if (code == XAI_OK) code = xai__buf_add_char(&b->text, '#');
  if (code == XAI_OK && name.len > 0) code = xai__buf_add(&b->text, name.ptr, name.len);
  if (code != XAI_OK) xai__build_fail(b, code);
  return xai__buf_str(&b->text);
}

/* `reference`, without its fragment, against the base; in b->text. */
static xai_str full_uri(xai_schema_build *b, xai_str base, xai_str reference) {
  xai__buf_reset(&b->text);
  xai_code code = xai__uri_resolve(&b->text, base, reference);
  if (code != XAI_OK) xai__build_fail(b, code);
  return xai__buf_str(&b->text);
}

/* ---- nodes and resources ---- */

static bool is_schema(const xai_json *json) {
  xai_json_type type = xai_json_type_of(json);
  return json != NULL && (type == XAI_JSON_OBJECT || type == XAI_JSON_BOOL);
}

static xai_schema_node *node_of(const xai_schema_build *b, const xai_json *json) {
  return is_schema(json) && json->room > 0 ? b->nodes[json->room - 1] : NULL;
}

static bool grow_nodes(xai_schema_build *b) {
  size_t room = b->node_room == 0 ? 64 : b->node_room * 2;
  xai_schema_node **more =
    xai__realloc(&b->schema->mem, b->nodes, b->node_room * sizeof *more, room * sizeof *more);
  if (more == NULL || room > UINT32_MAX) {
    xai__build_fail(b, XAI_ERR_NOMEM);
    return false;
  }
  b->nodes = more;
  b->node_room = room;
  return true;
}

/* A node that is not scanned yet. */
static xai_schema_node *make_node(xai_schema_build *b, const xai_json *json, const xai_schema_node *where) {
  if (b->code != XAI_OK) return NULL;
  if (node_of(b, json) != NULL) return node_of(b, json);
  if (!is_schema(json)) {
    xai__build_refuse(b, where->parent, (xai_keyword)where->keyword,
                      "must hold a schema: an object or a boolean");
    return NULL;
  }
  if (b->node_count == b->node_room && !grow_nodes(b)) return NULL;
  xai_schema_node *node = xai__build_alloc(b, sizeof *node);
  if (node == NULL) return NULL;
  *node = *where;
  node->json = json;
  node->jump = node;
  b->nodes[b->node_count++] = node;
  ((xai_json *)json)->room = b->node_count;
  if (b->last_made == NULL) b->first_made = node;
  else b->last_made->next_made = node;
  b->last_made = node;
  if (b->to_scan == NULL) b->to_scan = node;
  return node;
}

static xai_schema_resource *make_resource(xai_schema_build *b, xai_str uri, xai_schema_node *root,
                                          const xai_schema_resource *like) {
  xai_schema_resource *resource = xai__build_alloc(b, sizeof *resource);
  if (resource == NULL) return NULL;
  resource->uri = keep(b, uri);
  resource->root = root;
  resource->draft = like->draft;
  resource->vocab = like->vocab;
  resource->next = b->resources;
  b->resources = resource;
  root->resource = resource;
  return resource;
}

static void add_dynamic(xai_schema_build *b, xai_schema_node *node, xai_str name) {
  xai_schema_dynamic *dynamic = xai__build_alloc(b, sizeof *dynamic);
  if (dynamic == NULL) return;
  *dynamic = (xai_schema_dynamic){.name = name, .node = node, .next = node->resource->dynamics};
  node->resource->dynamics = dynamic;
}

/* ---- documents ---- */

static const xai_schema_remote *find_remote(const xai_schema_build *b, xai_str uri) {
  for (size_t i = 0; i < b->options.remote_count; i++) {
    xai_str fragment, own = xai__uri_split(xai_str_of(b->options.remotes[i].uri), &fragment);
    if (same(own, uri)) return &b->options.remotes[i];
  }
  return NULL;
}

static xai_schema_document *add_document(xai_schema_build *b, xai_str uri, xai_str text) {
  xai_schema *schema = b->schema;
  xai_schema_document *document = xai__build_alloc(b, sizeof *document), **last = &schema->documents;
  if (document == NULL) return NULL;
  while (*last != NULL) last = &(*last)->next;
  *last = document;
  document->uri = keep(b, uri);
  document->values = xai_json_doc_new(&schema->mem, 0, b->options.max_bytes);
  if (document->values == NULL) xai__build_fail(b, XAI_ERR_NOMEM);
  if (b->code != XAI_OK) return NULL;
  xai_error err;
  document->json = xai_json_parse(document->values, text.ptr, text.len, 0, &err);
  if (document->json != NULL) return document;
  if (b->err != NULL) *b->err = err;
  b->code = err.code;
  return NULL;
}

static xai_schema_document *builtin_document(xai_schema_build *b, xai_str uri) {
  const char *brief = xai__metaschema(uri);
  if (brief == NULL) return NULL;
  xai_buf text;
  xai__buf_init(&text, &b->schema->mem, (size_t)1 << 16);
  xai_code code = xai__metaschema_expand(&text, brief);
  if (code != XAI_OK) xai__build_fail(b, code);
  xai_schema_document *document = b->code == XAI_OK ? add_document(b, uri, xai__buf_str(&text)) : NULL;
  xai__buf_deinit(&text);
  return document;
}

/* The text under an address: read before, handed in, or our own. NULL: none, or a failure. */
static xai_schema_document *find_document(xai_schema_build *b, xai_str uri) {
  for (xai_schema_document *d = b->schema->documents; d != NULL; d = d->next) {
    if (d->json != NULL && same(d->uri, uri)) return d;
  }
  const xai_schema_remote *remote = find_remote(b, uri);
  return remote != NULL ? add_document(b, uri, remote->text) : builtin_document(b, uri);
}

/* ---- what $schema says ---- */

static unsigned vocabulary(xai_str uri) {
  static const struct {
    const char *end;
    unsigned bits;
  } known[] = {
    {"/vocab/core", XAI_VOCAB_CORE},
    {"/vocab/applicator", XAI_VOCAB_APPLICATOR},
    {"/vocab/unevaluated", XAI_VOCAB_UNEVALUATED},
    {"/vocab/validation", XAI_VOCAB_VALIDATION},
    {"/vocab/meta-data", XAI_VOCAB_CORE},
    {"/vocab/format", XAI_VOCAB_FORMAT},
    {"/vocab/format-annotation", XAI_VOCAB_FORMAT},
    {"/vocab/format-assertion", XAI_VOCAB_FORMAT | XAI_VOCAB_ASSERT_FORMAT},
    {"/vocab/content", XAI_VOCAB_CONTENT},
  };
  if (!xai__str_starts(uri, "https://json-schema.org/draft/20")) return UINT32_MAX;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (xai__str_ends(uri, known[i].end)) return known[i].bits;
  }
  return UINT32_MAX;
}

/* The vocabularies of a metaschema that somebody wrote. One that we do not know may be left out only if it says
 * false. */
static unsigned read_vocabularies(xai_schema_build *b, const xai_schema_node *node,
                                  const xai_json *metaschema, xai_draft draft) {
  const xai_json *list = xai_json_get(metaschema, "$vocabulary");
  if (xai_json_type_of(list) != XAI_JSON_OBJECT || draft < XAI_DRAFT_2019_09) return XAI_VOCAB_ALL;
  unsigned all = XAI_VOCAB_CORE;
  for (const xai_json *m = xai_json_first(list); m != NULL; m = xai_json_next(m)) {
    unsigned bits = vocabulary(xai_json_key(m));
    if (bits != UINT32_MAX) all |= bits;
    else if (xai_json_bool(m))
      xai__build_refuse(b, node, XAI_KW_SCHEMA, "asks for the vocabulary \"%.*s\", which is not known",
                        (int)m->key_len, m->key);
  }
  if (draft == XAI_DRAFT_2019_09 && (all & XAI_VOCAB_APPLICATOR) != 0) all |= XAI_VOCAB_UNEVALUATED;
  return all;
}

/* A metaschema may itself have a metaschema of somebody's own, and so on, a few times. */
static void read_metaschema(xai_schema_build *b, const xai_schema_node *node, xai_str uri,
                            xai_schema_resource *out) {
  const xai_json *first = NULL;
  xai_str named = uri, fragment;
  for (int hop = 0; hop < 8 && b->code == XAI_OK; hop++) {
    xai_draft draft = xai__metaschema_draft(uri);
    if (draft != XAI_DRAFT_AUTO) {
      out->draft = draft;
      out->vocab = first == NULL ? XAI_VOCAB_ALL : read_vocabularies(b, node, first, draft);
      return;
    }
    xai_schema_document *document = find_document(b, xai__uri_split(uri, &fragment));
    if (document == NULL) break;
    if (first == NULL) first = document->json;
    uri = xai_json_str(xai_json_get(document->json, "$schema"));
  }
  xai__build_refuse(b, node, XAI_KW_SCHEMA, "is \"%.*s\", which is not known", (int)named.len,
                    named.len > 0 ? named.ptr : "");
}

/* ---- finding the schemas of a document ---- */

/* $id: a new resource, or up to draft 7 a name for this place if it is just a fragment. */
static void scan_id(xai_schema_build *b, xai_schema_node *node, const xai_json *id,
                    const xai_schema_resource *like) {
  xai_keyword keyword = like->draft == XAI_DRAFT_4 ? XAI_KW_ID4 : XAI_KW_ID;
  if (xai_json_type_of(id) != XAI_JSON_STRING) {
    xai__build_refuse(b, node, keyword, "must be a string");
    return;
  }
  xai_str fragment, part = xai__uri_split(xai_json_str(id), &fragment);
  bool old = like->draft <= XAI_DRAFT_7;
  if (fragment.len > 0 && !old) {
    xai__build_refuse(b, node, keyword, "must not have a fragment");
    return;
  }
  if (part.len > 0) {
    xai_schema_resource *resource = make_resource(b, full_uri(b, node->resource->uri, part), node, like);
    if (resource != NULL) add_address(b, resource->uri, node, false);
  }
  if (fragment.len > 0 && fragment.ptr[0] != '/')
    add_address(b, anchor_text(b, node->resource->uri, fragment), node, false);
}

static void scan_anchor(xai_schema_build *b, xai_schema_node *node, xai_keyword keyword,
                        const xai_json *anchor, bool dynamic) {
  if (anchor == NULL) return;
  if (xai_json_type_of(anchor) != XAI_JSON_STRING || anchor->len == 0) {
    xai__build_refuse(b, node, keyword, "must be a name");
    return;
  }
  add_address(b, anchor_text(b, node->resource->uri, xai_json_str(anchor)), node, dynamic);
  if (dynamic) add_dynamic(b, node, xai_json_str(anchor));
}

static void scan_map(xai_schema_build *b, xai_schema_node *node, xai_keyword keyword, const xai_json *map,
                     bool names_too) {
  if (xai_json_type_of(map) != XAI_JSON_OBJECT) {
    xai__build_refuse(b, node, keyword, "must be an object");
    return;
  }
  xai_schema_node where = {
    .parent = node, .resource = node->resource, .keyword = (uint8_t)keyword, .step = XAI_STEP_KEY};
  for (const xai_json *m = xai_json_first(map); m != NULL && b->code == XAI_OK; m = xai_json_next(m)) {
    where.key = xai_json_key(m);
    if (!names_too || xai_json_type_of(m) != XAI_JSON_ARRAY) make_node(b, m, &where);
  }
}

static void scan_list(xai_schema_build *b, xai_schema_node *node, xai_keyword keyword, const xai_json *list) {
  if (xai_json_type_of(list) != XAI_JSON_ARRAY) {
    xai__build_refuse(b, node, keyword, "must be an array of schemas");
    return;
  }
  xai_schema_node where = {
    .parent = node, .resource = node->resource, .keyword = (uint8_t)keyword, .step = XAI_STEP_INDEX};
  for (const xai_json *e = xai_json_first(list); e != NULL && b->code == XAI_OK; e = xai_json_next(e)) {
    make_node(b, e, &where);
    where.index++;
  }
}

static void scan_child(xai_schema_build *b, xai_schema_node *node, xai_keyword keyword,
                       const xai_json *value) {
  xai_schema_node where = {.parent = node, .resource = node->resource, .keyword = (uint8_t)keyword};
  bool is_list = xai_json_type_of(value) == XAI_JSON_ARRAY;
  bool may_be_list = node->resource->draft != XAI_DRAFT_2020_12;
  switch ((xai_keyword_shape)xai__keywords[keyword].shape) {
    case XAI_SHAPE_NONE: return;
    case XAI_SHAPE_ONE: make_node(b, value, &where); return;
    case XAI_SHAPE_LIST: scan_list(b, node, keyword, value); return;
    case XAI_SHAPE_ONE_OR_LIST:
      if (is_list && may_be_list) scan_list(b, node, keyword, value);
      else make_node(b, value, &where);
      return;
    case XAI_SHAPE_MAP:
    case XAI_SHAPE_MAP_OR_NAMES:
      scan_map(b, node, keyword, value, xai__keywords[keyword].shape == XAI_SHAPE_MAP_OR_NAMES);
  }
}

/* $schema counts at the root of a document and of a resource. */
static void scan_schema(xai_schema_build *b, const xai_schema_node *node, xai_schema_resource *out) {
  const xai_json *named = xai_json_get(node->json, "$schema");
  bool root = node->parent == NULL || xai_json_get(node->json, "$id") != NULL ||
              xai_json_type_of(xai_json_get(node->json, "id")) == XAI_JSON_STRING;
  if (named == NULL || !root) return;
  if (xai_json_type_of(named) != XAI_JSON_STRING)
    xai__build_refuse(b, node, XAI_KW_SCHEMA, "must be a string");
  else read_metaschema(b, node, xai_json_str(named), out);
}

static void scan(xai_schema_build *b, xai_schema_node *node) {
  if (xai_json_type_of(node->json) != XAI_JSON_OBJECT) return;
  const xai_json *slots[XAI_KW_COUNT];
  xai_schema_resource like = {.draft = node->resource->draft, .vocab = node->resource->vocab};
  scan_schema(b, node, &like);
  if (b->code != XAI_OK) return;
  if (node->parent == NULL) {
    node->resource->draft = like.draft;
    node->resource->vocab = like.vocab;
  }
  xai__keyword_slots(node->json, like.draft, XAI_VOCAB_ALL, slots);
  const xai_json *id = slots[like.draft == XAI_DRAFT_4 ? XAI_KW_ID4 : XAI_KW_ID];
  if (id != NULL) scan_id(b, node, id, &like);
  scan_anchor(b, node, XAI_KW_ANCHOR, slots[XAI_KW_ANCHOR], false);
  scan_anchor(b, node, XAI_KW_DYNAMIC_ANCHOR, slots[XAI_KW_DYNAMIC_ANCHOR], true);
  if (xai_json_bool(slots[XAI_KW_RECURSIVE_ANCHOR])) add_dynamic(b, node, (xai_str){"", 0});
  for (int i = 0; i < XAI_KW_COUNT && b->code == XAI_OK; i++) {
    if (slots[i] != NULL) scan_child(b, node, (xai_keyword)i, slots[i]);
  }
}

static void scan_all(xai_schema_build *b) {
  while (b->to_scan != NULL && b->code == XAI_OK) {
    xai_schema_node *node = b->to_scan;
    scan(b, node);
    b->to_scan = node->next_made;
  }
}

static xai_schema_node *root_of(xai_schema_build *b, xai_schema_document *document) {
  if (document->root != NULL) return document->root;
  xai_schema_resource like = {.draft = b->options.draft, .vocab = XAI_VOCAB_ALL};
  xai_schema_node where = {.keyword = XAI_KW_COUNT};
  document->root = make_node(b, document->json, &where);
  if (document->root == NULL || make_resource(b, document->uri, document->root, &like) == NULL) return NULL;
  add_address(b, document->uri, document->root, false);
  scan_all(b);
  return document->root;
}

xai_schema_node *xai__build_main(xai_schema_build *b, const char *text, size_t len) {
  xai_str fragment, uri = xai__uri_split(xai_str_of(b->options.base_uri), &fragment);
  xai_schema_document *document = add_document(b, uri, (xai_str){text, len});
  return document == NULL ? NULL : root_of(b, document);
}

xai_schema_node *xai__build_node(xai_schema_build *b, const xai_json *json, const xai_schema_node *where) {
  xai_schema_node *node = make_node(b, json, where);
  scan_all(b);
  return node;
}

/* ---- following references ---- */

/* What is at an address without fragment. A schema inside a text that nobody asked for yet may have claimed it, so
 * in the end all of them are read. */
static xai_schema_address *find_resource(xai_schema_build *b, xai_str uri) {
  xai_schema_address *found = find_address(b, uri);
  if (found != NULL) return found;
  xai_str kept = keep(b, uri); /* b->text changes while texts are read */
  if (kept.ptr == NULL) return NULL;
  xai_schema_document *document = find_document(b, kept);
  if (document != NULL) root_of(b, document);
  for (size_t i = 0; document == NULL && i < b->options.remote_count && b->code == XAI_OK; i++) {
    xai_str fragment, own = xai__uri_split(xai_str_of(b->options.remotes[i].uri), &fragment);
    xai_schema_document *other = find_document(b, own);
    if (other != NULL) root_of(b, other);
  }
  return b->code == XAI_OK ? find_address(b, kept) : NULL;
}

static bool token_is(xai_str token, xai_str key) {
  size_t k = 0;
  if (key.len > token.len || token.len == 0) return key.len == token.len;
  if (key.len == token.len && key.ptr[key.len - 1] != token.ptr[token.len - 1]) return false;
  for (size_t i = 0; i < token.len; i++, k++) {
    char c = token.ptr[i];
    if (c == '~' && i + 1 < token.len && (token.ptr[i + 1] == '0' || token.ptr[i + 1] == '1'))
      c = token.ptr[++i] == '0' ? '~' : '/';
    if (k >= key.len || key.ptr[k] != c) return false;
  }
  return k == key.len;
}

static const xai_json *step_into(const xai_json *from, xai_str token) {
  const xai_json *found = NULL;
  if (xai_json_type_of(from) == XAI_JSON_OBJECT) {
    for (const xai_json *m = xai_json_first(from); m != NULL; m = xai_json_next(m)) {
      if (token_is(token, xai_json_key(m))) found = m;
    }
    return found;
  }
  size_t index = 0;
  if (token.len == 0 || token.len > 9) return NULL;
  for (size_t i = 0; i < token.len; i++) {
    if (token.ptr[i] < '0' || token.ptr[i] > '9') return NULL;
    index = index * 10 + (size_t)(token.ptr[i] - '0');
  }
  return xai_json_at(from, index);
}

/* The node at a JSON pointer below `root`; NULL when there is nothing. What is no known place of schemas becomes
 * a node by being referred to. */
static xai_schema_node *follow_pointer(xai_schema_build *b, xai_schema_node *root, xai_str pointer) {
  const xai_json *at = root->json;
  xai_schema_node *around = root;
  size_t known = 0;
  for (size_t i = 0; i < pointer.len && at != NULL;) {
    size_t end = i + 1;
    while (end < pointer.len && pointer.ptr[end] != '/') end++;
    at = step_into(at, (xai_str){pointer.ptr + i + 1, end - i - 1});
    i = end;
    if (node_of(b, at) == NULL) continue;
    around = node_of(b, at);
    known = i;
  }
  if (at == NULL) return NULL;
  if (known == pointer.len) return around;
  xai_schema_node where = {.parent = around, .resource = around->resource, .keyword = XAI_KW_COUNT};
  where.step = XAI_STEP_POINTER;
  where.key = keep(b, (xai_str){pointer.ptr + known, pointer.len - known});
  return is_schema(at) ? xai__build_node(b, at, &where) : NULL;
}

static xai_schema_node *follow_fragment(xai_schema_build *b, xai_schema_node *root, xai_str fragment,
                                        bool *dynamic, bool *ambiguous) {
  xai_buf text;
  xai__buf_init(&text, &b->schema->mem, (size_t)1 << 20);
  xai_code code = xai__uri_decode(&text, fragment);
  xai_schema_node *node = NULL;
  xai_str decoded = xai__buf_str(&text);
  if (code != XAI_OK) {
    xai__build_fail(b, code);
  } else if (decoded.ptr[0] == '/') {
    node = follow_pointer(b, root, decoded);
  } else {
    const xai_schema_address *found = find_address(b, anchor_text(b, root->resource->uri, decoded));
    if (found != NULL && b->code == XAI_OK) {
      node = found->node;
      *dynamic = found->dynamic;
      *ambiguous = found->ambiguous;
    }
  }
  xai__buf_deinit(&text);
  return node;
}

xai_schema_node *xai__build_resolve(xai_schema_build *b, const xai_schema_node *from, xai_keyword keyword,
                                    xai_str reference, bool *dynamic) {
  xai_str fragment, part = xai__uri_split(reference, &fragment);
  bool is_dynamic = false, ambiguous = false;
  xai_schema_node *node = from->resource->root;
  if (part.len > 0) {
    const xai_schema_address *found = find_resource(b, full_uri(b, from->resource->uri, part));
    node = found == NULL ? NULL : found->node;
    ambiguous = found != NULL && found->ambiguous;
  }
  if (node != NULL && fragment.len > 0) node = follow_fragment(b, node, fragment, &is_dynamic, &ambiguous);
  if (dynamic != NULL) *dynamic = is_dynamic;
  if (b->code != XAI_OK) return NULL;
  if (node != NULL && !ambiguous) return node;
  xai__build_refuse(b, from, keyword,
                    ambiguous ? "refers to \"%.*s\", which is there twice"
                              : "refers to \"%.*s\", where there is no schema",
                    (int)(reference.len < 200 ? reference.len : 200), reference.len > 0 ? reference.ptr : "");
  return NULL;
}
