/* xai_json.c - JSON documents: the arena that holds a tree, looking things up in it, building and changing it.
 * SPDX-License-Identifier: MIT */
#include "xai_json.h"

#include <string.h>

#define DEFAULT_DEPTH 128
#define DEFAULT_BYTES ((size_t)256 << 20)
/* Small: each open stream holds a document. With its header it is 1 KiB, which allocators have at hand. */
#define FIRST_CHUNK (((size_t)1 << 10) - sizeof(xai_json_chunk))
#define SMALL_DOC ((size_t)16 << 10)

/* ---- the arena ---- */

static size_t round_up(size_t size) {
  return (size + 7) & ~(size_t)7;
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static void rewind_chunk(xai_json_doc *doc) {
  doc->at = doc->chunk == NULL ? NULL : (char *)(doc->chunk + 1);
  doc->end = doc->chunk == NULL ? NULL : doc->at + doc->chunk->room;
}

static bool add_chunk(xai_json_doc *doc, size_t room) {
  size_t size;
  if (!xai__add(sizeof(xai_json_chunk), room, &size)) return false;
  xai_json_chunk *chunk = xai__realloc(&doc->mem, NULL, 0, size);
  if (chunk == NULL) return false;
  *chunk = (xai_json_chunk){.older = doc->chunk, .room = room};
  doc->chunk = chunk;
  doc->total += room;
  rewind_chunk(doc);
  return true;
}

static void free_chunks(xai_json_doc *doc) {
  while (doc->chunk != NULL) {
    xai_json_chunk *chunk = doc->chunk;
    doc->chunk = chunk->older;
    xai__free(&doc->mem, chunk, sizeof *chunk + chunk->room);
  }
  doc->total = 0;
  rewind_chunk(doc);
}

/* Bytes handed out so far. What is left over at the end of a chunk does not count, so whether a text is
 * too big never depends on what the document held before. */
size_t xai__json_doc_used(const xai_json_doc *doc) {
  if (doc->chunk == NULL) return 0;
  return doc->used + (size_t)(doc->at - (const char *)(doc->chunk + 1));
}

/* In small steps at first; later each chunk is as large as all before it, so that there are few. */
static size_t next_room(const xai_json_doc *doc) {
  if (doc->total == 0) return FIRST_CHUNK;
  return doc->total < SMALL_DOC ? larger(doc->total / 4, 512) : doc->total;
}

void *xai__json_grow(xai_json_doc *doc, size_t size) {
  size_t used = xai__json_doc_used(doc);
  size_t left = doc->max_bytes - used;
  if (size > left) {
    doc->failure = XAI_ERR_TOO_BIG;
    return NULL;
  }
  size_t room = larger(smaller(round_up(next_room(doc)), left), round_up(size));
  if (!add_chunk(doc, room)) {
    doc->failure = XAI_ERR_NOMEM;
    return NULL;
  }
  doc->used = used;
  doc->at += round_up(size);
  return doc->chunk + 1;
}

void xai__json_doc_reset(xai_json_doc *doc) {
  doc->root = NULL;
  if (doc->chunk != NULL && doc->chunk->older != NULL) {
    size_t room = smaller(doc->total, doc->max_bytes);
    free_chunks(doc);
    (void)add_chunk(doc, room); /* without memory now, the next need asks again */
  }
  doc->used = 0;
  rewind_chunk(doc);
}

void xai__json_doc_empty(xai_json_doc *doc) {
  free_chunks(doc);
  doc->root = NULL;
  doc->used = 0;
}

void xai__json_doc_expect(xai_json_doc *doc, size_t bytes) {
  if (doc->chunk == NULL && bytes > FIRST_CHUNK)
    (void)add_chunk(doc, smaller(round_up(bytes), doc->max_bytes));
}

xai_json_doc *xai_json_doc_new(const xai_mem *mem, unsigned max_depth, size_t max_bytes) {
  xai_json_doc *doc = xai__alloc(mem, sizeof *doc);
  if (doc == NULL) return NULL;
  doc->mem = xai__mem(mem);
  doc->max_depth = max_depth > 0 ? max_depth : DEFAULT_DEPTH;
  doc->max_bytes = round_up(smaller(max_bytes > 0 ? max_bytes : DEFAULT_BYTES, SIZE_MAX / 2));
  return doc;
}

void xai_json_doc_free(xai_json_doc *doc) {
  if (doc == NULL) return;
  free_chunks(doc);
  xai_mem mem = doc->mem;
  xai__free(&mem, doc, sizeof *doc);
}

xai_json *xai__json_root(xai_json_doc *doc) {
  return doc->root;
}

void xai__json_set_root(xai_json_doc *doc, xai_json *value) {
  doc->root = value;
}

/* ---- looking ---- */

static bool is(const xai_json *value, xai_json_type type) {
  return value != NULL && value->type == type;
}

static bool is_container(const xai_json *value) {
  return is(value, XAI_JSON_ARRAY) || is(value, XAI_JSON_OBJECT);
}

static bool has_key(const xai_json *member, xai_str key) {
  return member->key_len == key.len && (key.len == 0 || memcmp(member->key, key.ptr, key.len) == 0);
}

/* The last of that name: of equal keys the last one counts. */
static xai_json *find(const xai_json *object, xai_str key) {
  xai_json *found = NULL;
  for (xai_json *member = object->as.list.first; member != NULL; member = member->next) {
    if (has_key(member, key)) found = member;
  }
  return found;
}

xai_json_type xai_json_type_of(const xai_json *value) {
  return value == NULL ? XAI_JSON_NULL : (xai_json_type)value->type;
}

bool xai_json_bool(const xai_json *value) {
  return is(value, XAI_JSON_BOOL) && value->boolean;
}

xai_str xai_json_str(const xai_json *value) {
  if (!is(value, XAI_JSON_STRING)) return (xai_str){NULL, 0};
  return (xai_str){value->as.text, value->len};
}

xai_str xai_json_text(const xai_json *number) {
  if (!is(number, XAI_JSON_NUMBER)) return (xai_str){NULL, 0};
  return (xai_str){number->as.text, number->len};
}

size_t xai_json_len(const xai_json *value) {
  return is_container(value) ? value->len : 0;
}

const xai_json *xai_json_first(const xai_json *container) {
  return is_container(container) ? container->as.list.first : NULL;
}

const xai_json *xai_json_next(const xai_json *element) {
  return element == NULL ? NULL : element->next;
}

xai_str xai_json_key(const xai_json *member) {
  if (member == NULL) return (xai_str){NULL, 0};
  return (xai_str){member->key, member->key_len};
}

const xai_json *xai_json_get(const xai_json *object, const char *key) {
  return is(object, XAI_JSON_OBJECT) && key != NULL ? find(object, xai_str_of(key)) : NULL;
}

static xai_json *element_at(const xai_json *array, size_t index) {
  if (!is(array, XAI_JSON_ARRAY) || index >= array->len) return NULL;
  if (index + 1 == array->len) return array->as.list.last;
  xai_json *element = array->as.list.first;
  while (index-- > 0) element = element->next;
  return element;
}

const xai_json *xai_json_at(const xai_json *array, size_t index) {
  return element_at(array, index);
}

xai_json *xai__json_get(xai_json *object, const char *key) {
  return is(object, XAI_JSON_OBJECT) && key != NULL ? find(object, xai_str_of(key)) : NULL;
}

xai_json *xai__json_at(xai_json *array, size_t index) {
  return element_at(array, index);
}

/* ---- new values ---- */

xai_json *xai__json_new(xai_json_doc *doc, xai_json_type type) {
  xai_json *value = xai__json_alloc(doc, sizeof *value);
  if (value == NULL) return NULL;
  *value = (xai_json){.type = (uint8_t)type, .key = ""};
  if (type == XAI_JSON_STRING) value->as.text = "";
  if (type == XAI_JSON_NUMBER) {
    value->as.text = "0";
    value->len = 1;
  }
  return value;
}

static const char *copy_text(xai_json_doc *doc, xai_str text) {
  if (text.len == 0) return "";
  if (text.len > UINT32_MAX) {
    doc->failure = XAI_ERR_TOO_BIG;
    return NULL;
  }
  char *copy = xai__json_alloc(doc, text.len);
  if (copy != NULL) memcpy(copy, text.ptr, text.len);
  return copy;
}

static xai_json *new_text(xai_json_doc *doc, xai_json_type type, xai_str text) {
  const char *copy = copy_text(doc, text);
  xai_json *value = copy == NULL ? NULL : xai__json_new(doc, type);
  if (value == NULL) return NULL;
  value->as.text = copy;
  value->len = (uint32_t)text.len;
  return value;
}

xai_json *xai__json_new_str(xai_json_doc *doc, xai_str text) {
  return new_text(doc, XAI_JSON_STRING, text);
}

xai_json *xai__json_new_int(xai_json_doc *doc, int64_t value) {
  char digits[XAI__NUMBER_SIZE];
  return new_text(doc, XAI_JSON_NUMBER, (xai_str){digits, xai__json_format_int(digits, value)});
}

xai_json *xai__json_new_bool(xai_json_doc *doc, bool value) {
  xai_json *made = xai__json_new(doc, XAI_JSON_BOOL);
  if (made != NULL) made->boolean = value;
  return made;
}

static void link_last(xai_json *container, xai_json *value) {
  value->next = NULL;
  if (container->as.list.last == NULL) container->as.list.first = value;
  else container->as.list.last->next = value;
  container->as.list.last = value;
  container->len++;
}

/* One value without its elements. */
static xai_json *copy_flat(xai_json_doc *doc, const xai_json *from) {
  if (from->type == XAI_JSON_STRING || from->type == XAI_JSON_NUMBER) {
    return new_text(doc, (xai_json_type)from->type, (xai_str){from->as.text, from->len});
  }
  xai_json *copy = xai__json_new(doc, (xai_json_type)from->type);
  if (copy != NULL) copy->boolean = from->boolean;
  return copy;
}

static xai_json *copy_member(xai_json_doc *doc, const xai_json *from) {
  const char *key = copy_text(doc, xai_json_key(from));
  xai_json *copy = key == NULL ? NULL : copy_flat(doc, from);
  if (copy == NULL) return NULL;
  copy->key = key;
  copy->key_len = from->key_len;
  return copy;
}

/* Without a stack: while a copied container is open, its `next` holds the open one around it, and its list's
 * `last` the value it is copied from; both get their own meaning when it is closed. */
xai_json *xai__json_copy(xai_json_doc *doc, const xai_json *value) {
  xai_json *root = value == NULL ? NULL : copy_flat(doc, value);
  if (!is_container(root)) return root;
  root->as.list.last = (xai_json *)value;
  xai_json *open = root, *tail = NULL;
  const xai_json *from = value->as.list.first;
  while (open != NULL) {
    if (from == NULL) {
      xai_json *around = open->next;
      from = around == NULL ? NULL : open->as.list.last->next;
      open->as.list.last = tail;
      open->next = NULL;
      tail = open;
      open = around;
      continue;
    }
    xai_json *copy = copy_member(doc, from);
    if (copy == NULL) return NULL;
    if (tail == NULL) open->as.list.first = copy;
    else tail->next = copy;
    open->len++;
    tail = copy;
    if (!is_container(copy)) {
      from = from->next;
      continue;
    }
    copy->next = open;
    copy->as.list.last = (xai_json *)from;
    open = copy;
    tail = NULL;
    from = from->as.list.first;
  }
  return root;
}

/* ---- changing ---- */

/* Put `value` where `old` stands; `before` is the element before it or NULL. */
static void replace(xai_json *container, xai_json *before, xai_json *old, xai_json *value) {
  value->next = old->next;
  if (before == NULL) container->as.list.first = value;
  else before->next = value;
  if (container->as.list.last == old) container->as.list.last = value;
  old->next = NULL;
}

static xai_json *element_before(const xai_json *container, const xai_json *element) {
  xai_json *before = container->as.list.first;
  if (before == element) return NULL;
  while (before->next != element) before = before->next;
  return before;
}

xai_code xai__json_set(xai_json_doc *doc, xai_json *object, const char *key, xai_json *value) {
  if (!is(object, XAI_JSON_OBJECT) || key == NULL || value == NULL) return XAI_ERR_ARG;
  xai_str name = xai_str_of(key);
  xai_json *old = find(object, name);
  value->key = old != NULL ? old->key : copy_text(doc, name);
  if (value->key == NULL) return doc->failure;
  value->key_len = (uint32_t)name.len;
  if (old != NULL) replace(object, element_before(object, old), old, value);
  else link_last(object, value);
  return XAI_OK;
}

xai_code xai__json_push(xai_json_doc *doc, xai_json *array, xai_json *value) {
  (void)doc;
  if (!is(array, XAI_JSON_ARRAY) || value == NULL) return XAI_ERR_ARG;
  link_last(array, value);
  return XAI_OK;
}

/* A wild index is refused before any memory goes into nulls. */
static xai_code fill_with_nulls(xai_json_doc *doc, xai_json *array, size_t count) {
  if (count > (doc->max_bytes - xai__json_doc_used(doc)) / sizeof(xai_json)) return XAI_ERR_TOO_BIG;
  xai_json chain = {.type = XAI_JSON_ARRAY};
  while (chain.len < count) {
    xai_json *null = xai__json_new(doc, XAI_JSON_NULL);
    if (null == NULL) return doc->failure;
    link_last(&chain, null);
  }
  if (count == 0) return XAI_OK;
  if (array->as.list.last == NULL) array->as.list.first = chain.as.list.first;
  else array->as.list.last->next = chain.as.list.first;
  array->as.list.last = chain.as.list.last;
  array->len += chain.len;
  return XAI_OK;
}

xai_code xai__json_put(xai_json_doc *doc, xai_json *array, size_t index, xai_json *value) {
  if (!is(array, XAI_JSON_ARRAY) || value == NULL) return XAI_ERR_ARG;
  if (index < array->len) {
    xai_json *before = index == 0 ? NULL : element_at(array, index - 1);
    replace(array, before, before == NULL ? array->as.list.first : before->next, value);
    return XAI_OK;
  }
  xai_code code = fill_with_nulls(doc, array, index - array->len);
  if (code == XAI_OK) link_last(array, value);
  return code;
}

void xai__json_remove(xai_json *object, const char *key) {
  if (!is(object, XAI_JSON_OBJECT) || key == NULL) return;
  xai_str name = xai_str_of(key);
  xai_json *member = object->as.list.first;
  object->as.list.first = object->as.list.last = NULL;
  object->len = 0;
  while (member != NULL) {
    xai_json *next = member->next;
    if (has_key(member, name)) member->next = NULL;
    else link_last(object, member);
    member = next;
  }
}

/* A text that has a chunk for itself grows with it, and leaves nothing behind. False: then it has to move. */
static bool grow_chunk(xai_json_doc *doc, xai_json *string, size_t need) {
  xai_json_chunk *chunk = doc->chunk;
  if (string->as.text != (const char *)(chunk + 1)) return false;
  size_t more = need < SMALL_DOC ? need / 2 : need;
  size_t room = smaller(round_up(need + more), doc->max_bytes - doc->used);
  if (room < round_up(need)) return false;
  xai_json_chunk *grown = xai__realloc(&doc->mem, chunk, sizeof *chunk + chunk->room, sizeof *chunk + room);
  if (grown == NULL) return false;
  doc->chunk = grown;
  doc->total += room - grown->room;
  grown->room = room;
  rewind_chunk(doc);
  string->as.text = doc->at;
  doc->at += string->room;
  return true;
}

/* Make room for `need` bytes. A text that ends where the free bytes begin is stretched where it lies, which
 * is what happens when one text grows; else it moves to twice the room. */
static xai_code make_room(xai_json_doc *doc, xai_json *string, size_t need) {
  size_t more = round_up(need - string->room);
  bool is_last = string->room > 0 && string->as.text + string->room == doc->at;
  if (is_last && (more <= (size_t)(doc->end - doc->at) || grow_chunk(doc, string, need))) {
    doc->at += more;
    string->room += (uint32_t)more;
    return XAI_OK;
  }
  size_t room = round_up(smaller(need * 2, UINT32_MAX - 7));
  char *text = xai__json_alloc(doc, room);
  if (text == NULL) return doc->failure;
  if (string->len > 0) memcpy(text, string->as.text, string->len);
  string->as.text = text;
  string->room = (uint32_t)room;
  return XAI_OK;
}

xai_code xai__json_append(xai_json_doc *doc, xai_json *string, xai_str more) {
  if (!is(string, XAI_JSON_STRING)) return XAI_ERR_ARG;
  if (more.len == 0) return XAI_OK;
  if (more.len > UINT32_MAX / 2 || string->len + more.len > UINT32_MAX / 2) return XAI_ERR_TOO_BIG;
  size_t need = string->len + more.len;
  if (need > string->room) {
    uintptr_t offset = (uintptr_t)more.ptr - (uintptr_t)string->as.text;
    xai_code code = make_room(doc, string, need);
    if (code != XAI_OK) return code;
    if (offset < string->len) more.ptr = string->as.text + offset; /* a piece of itself */
  }
  memcpy((char *)string->as.text + string->len, more.ptr, more.len);
  string->len = (uint32_t)need;
  return XAI_OK;
}
