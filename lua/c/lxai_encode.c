/* lxai_encode.c - Lua values to JSON text: sorted keys, exact numbers, and a path in every refusal.
 * SPDX-License-Identifier: MIT
 *
 * While a value is walked nothing is made in Lua that lets the collector take a step, so no finalizer runs,
 * no table changes and the pointers to texts stay good: keys and plain values of an object are collected as
 * C data, sorted and written; its tables wait in a scratch table made beforehand. Only lua_next, raw access
 * and lua_checkstack are used between check and result.
 */
#include "lxai.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX_DEPTH 128
#define KEEP_BYTES ((size_t)1 << 20)
#define MAX_PATH 300 /* of the 512 bytes of a message */
#define MAX_NAME 40  /* of a key in a path            */

typedef enum item_type {
  ITEM_NIL,
  ITEM_NULL,
  ITEM_BOOL,
  ITEM_INTEGER,
  ITEM_REAL,
  ITEM_STRING,
  ITEM_EXACT,       /* a number that keeps its text                   */
  ITEM_EMPTY_ARRAY, /* cjson's marker                                 */
  ITEM_TABLE,       /* on the stack, or in the scratch table at slot  */
  ITEM_FOREIGN      /* a function, a thread ...: the text is its type */
} item_type;

typedef struct item {
  item_type type;
  union {
    bool boolean;
    lua_Integer integer;
    lua_Number real;
    xai_str text;
    int slot;
  } as;
} item;

typedef struct member {
  xai_str key;
  uint64_t head; /* the key's first bytes, the first one highest: mostly enough to compare by */
  size_t rank;   /* place in __jsonorder, SIZE_MAX: none */
  item value;
} member;

typedef struct frame { /* an open container; its table stands on the Lua stack      */
  bool array;
  size_t base;  /* of its members                                            */
  size_t count; /* members or elements                                       */
  size_t at;    /* written so far, the one being written included            */
  int slots;    /* of the scratch table in use before it                     */
} frame;

typedef struct lxai_encoder {
  xai_mem mem;
  xai_json_writer *writer;
  size_t max_depth;
  bool empty_is_array;
  frame *frames;
  size_t frame_room;
  size_t depth;
  member *members;
  size_t member_room;
  size_t member_count;
  int slots;   /* of the scratch table in use                */
  int scratch; /* where it stands on the stack               */
  int lists;   /* likewise: names of the root's members that are lists; 0: none are known */
  int ctx;
  xai_error err;
} lxai_encoder;

typedef enum mark { MARK_NONE, MARK_ARRAY, MARK_EMPTY_ARRAY, MARK_ORDER } mark;

/* ---- the encoder's life ---- */

static void empty_encoder(lxai_encoder *self) {
  xai_json_writer_free(self->writer);
  if (self->frames != NULL) self->mem.fn(self->mem.user, self->frames, self->frame_room * sizeof(frame), 0);
  if (self->members != NULL)
    self->mem.fn(self->mem.user, self->members, self->member_room * sizeof(member), 0);
  self->writer = NULL;
  self->frames = NULL;
  self->members = NULL;
  self->frame_room = self->member_room = 0;
}

static int encoder_gc(lua_State *L) {
  empty_encoder(lua_touserdata(L, 1));
  return 0;
}

static lxai_encoder *new_encoder(lua_State *L, int ctx) {
  lxai_encoder *self = lxai_newuserdata(L, sizeof *self); /* encoder */
  memset(self, 0, sizeof *self);
  self->mem = lxai_mem(L);
  lxai_set_type(L, ctx, LXAI_ENCODER_MT);
  return self;
}

static lxai_encoder *take_encoder(lua_State *L, int ctx) {
  lua_rawgeti(L, ctx, LXAI_ENCODER); /* encoder or false */
  lxai_encoder *self = lua_touserdata(L, -1);
  if (self == NULL) {
    lua_pop(L, 1);
    return new_encoder(L, ctx);
  }
  lua_pushboolean(L, 0);
  lua_rawseti(L, ctx, LXAI_ENCODER);
  return self;
}

/* Doubles an array when it is full. */
static void *grow(lxai_encoder *self, void *array, size_t *room, size_t size) {
  size_t more = *room ? *room * 2 : 32;
  void *fresh = self->mem.fn(self->mem.user, array, *room * size, more * size);
  if (fresh != NULL) *room = more;
  return fresh;
}

/* ---- refusals ---- */

typedef struct path {
  char text[MAX_PATH];
  size_t len;
} path;

static void path_add(path *p, const char *text, size_t len) {
  if (len > sizeof p->text - 1 - p->len) len = sizeof p->text - 1 - p->len;
  memcpy(p->text + p->len, text, len);
  p->len += len;
  p->text[p->len] = '\0';
}

static bool is_name(xai_str key) {
  if (key.len == 0 || (key.ptr[0] >= '0' && key.ptr[0] <= '9')) return false;
  for (size_t i = 0; i < key.len; i++) {
    char c = key.ptr[i];
    bool good = c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!good) return false;
  }
  return true;
}

/* A key that was written before, so it is UTF-8; a long one is cut between two characters. */
static void path_add_key(path *p, xai_str key) {
  char shown[MAX_NAME];
  size_t len = key.len < sizeof shown ? key.len : sizeof shown;
  while (len < key.len && len > 0 && ((unsigned char)key.ptr[len] & 0xc0) == 0x80) len--;
  for (size_t i = 0; i < len; i++)
    shown[i] = (unsigned char)key.ptr[i] < 0x20 || key.ptr[i] == 0x7f ? '?' : key.ptr[i];
  const char *rest = len < key.len ? "..." : "";
  if (is_name(key)) path_add(p, ".", 1);
  else path_add(p, "[\"", 2);
  path_add(p, shown, len);
  path_add(p, rest, strlen(rest));
  if (!is_name(key)) path_add(p, "\"]", 2);
}

static void path_add_index(path *p, size_t index) {
  char shown[32];
  int len = snprintf(shown, sizeof shown, "[%zu]", index);
  path_add(p, shown, (size_t)len);
}

/* The way to the element being written in the innermost of `depth` frames: "$.messages[2].content", counted
 * from 1 as in Lua. A way too long to show is cut. */
static path path_to(const lxai_encoder *self, size_t depth) {
  path p = {"$", 1};
  for (size_t i = 0; i < depth; i++) {
    const frame *f = &self->frames[i];
    if (p.len > MAX_PATH - MAX_NAME - 16) {
      path_add(&p, " ...", 4);
      break;
    }
    if (f->array) path_add_index(&p, f->at);
    else path_add_key(&p, self->members[f->base + f->at - 1].key);
  }
  return p;
}

static bool refuse(lxai_encoder *self, xai_code code, const char *what) {
  path p = path_to(self, self->depth);
  xai_kind kind = code == XAI_ERR_NOMEM     ? XAI_KIND_MEMORY
                  : code == XAI_ERR_TOO_BIG ? XAI_KIND_LIMIT
                                            : XAI_KIND_USAGE;
  lxai_error_set(&self->err, code, kind, "%s: %s", p.text, what);
  return false;
}

static bool refuse_nomem(lxai_encoder *self) {
  lxai_error_set(&self->err, XAI_ERR_NOMEM, XAI_KIND_MEMORY, NULL);
  return false;
}

/* Which of key and value was not UTF-8? The key, if writing it alone fails too. */
static bool refuse_utf8(lxai_encoder *self, size_t offset) {
  const frame *f = self->depth > 0 ? &self->frames[self->depth - 1] : NULL;
  char what[80];
  if (f != NULL && !f->array) {
    xai_str key = self->members[f->base + f->at - 1].key, out;
    xai_json_writer_reset(self->writer);
    xai_json_put_str(self->writer, key.ptr, key.len);
    if (xai_json_writer_end(self->writer, &out, NULL) == XAI_ERR_UTF8) {
      self->depth--; /* the key cannot be shown: name the table */
      snprintf(what, sizeof what, "a key is not UTF-8, see its byte %zu", offset);
      bool refused = refuse(self, XAI_ERR_UTF8, what);
      self->err.offset = offset;
      return refused;
    }
  }
  snprintf(what, sizeof what, "a string is not UTF-8, see its byte %zu", offset);
  refuse(self, XAI_ERR_UTF8, what);
  self->err.offset = offset;
  return false;
}

/* Did the writer take everything so far? */
static bool written(lxai_encoder *self) {
  xai_code code = xai_json_writer_code(self->writer);
  if (code == XAI_OK) return true;
  xai_str out;
  xai_error err;
  xai_json_writer_end(self->writer, &out, &err);
  if (code == XAI_ERR_UTF8) return refuse_utf8(self, err.offset);
  if (code == XAI_ERR_NOMEM) return refuse_nomem(self);
  return refuse(self, code, "the text would be larger than max_bytes");
}

/* ---- looking at Lua values: nothing here makes the collector run ---- */

/* The field `word` (a context slot) of the loaded module `name`, on top; nil when there is none. */
static void push_cjson_field(lua_State *L, int ctx, int name, int word) {
  lua_rawgeti(L, ctx, LXAI_LOADED);
  lua_rawgeti(L, ctx, name);
  lua_rawget(L, -2); /* loaded cjson */
  lua_remove(L, -2);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_pushnil(L);
    return;
  }
  lua_rawgeti(L, ctx, word);
  lua_rawget(L, -2); /* cjson field */
  lua_remove(L, -2);
}

/* Is the value on top one of cjson's marks, where a cjson that has it is loaded? */
static bool is_cjson_mark(lua_State *L, int ctx, int word) {
  static const int modules[] = {LXAI_WORD_CJSON, LXAI_WORD_CJSON_SAFE};
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
    push_cjson_field(L, ctx, modules[i], word);
    bool same = !lua_isnil(L, -1) && lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    if (same) return true;
  }
  return false;
}

static item read_number(lua_State *L, int index) {
  item it = {.type = ITEM_REAL};
#if LXAI_HAS_INTEGERS
  if (lua_isinteger(L, index)) {
    it.type = ITEM_INTEGER;
    it.as.integer = lua_tointeger(L, index);
    return it;
  }
#endif
  it.as.real = lua_tonumber(L, index);
  return it;
}

static item read_userdata(lua_State *L, int ctx) {
  item it = {.type = ITEM_FOREIGN, .as.text = {"userdata", 8}};
  if (lua_touserdata(L, -1) == NULL) {
    it.type = ITEM_NULL;
    return it;
  }
  if (lua_islightuserdata(L, -1)) {
    if (is_cjson_mark(L, ctx, LXAI_WORD_EMPTY_ARRAY)) it.type = ITEM_EMPTY_ARRAY;
    return it;
  }
  xai_str text = lxai_number_text(L, ctx, -1);
  if (text.len > 0) it = (item){.type = ITEM_EXACT, .as.text = text};
  return it;
}

/* The value on top. */
static item read_item(lua_State *L, int ctx) {
  item it = {.type = ITEM_NIL};
  switch (lua_type(L, -1)) {
    case LUA_TNIL: return it;
    case LUA_TBOOLEAN: return (item){.type = ITEM_BOOL, .as.boolean = lua_toboolean(L, -1)};
    case LUA_TNUMBER: return read_number(L, -1);
    case LUA_TSTRING:
      it.type = ITEM_STRING;
      it.as.text.ptr = lua_tolstring(L, -1, &it.as.text.len);
      return it;
    case LUA_TTABLE: it.type = ITEM_TABLE; return it;
    case LUA_TLIGHTUSERDATA:
    case LUA_TUSERDATA: return read_userdata(L, ctx);
    default: break;
  }
  it.type = ITEM_FOREIGN;
  it.as.text = xai_str_of(luaL_typename(L, -1));
  return it;
}

/* What the metatable of the table on top says; for MARK_ORDER the order is pushed. */
static mark read_mark(lua_State *L, int ctx) {
  if (!lua_getmetatable(L, -1)) return MARK_NONE;
  mark found = MARK_NONE;
  lua_rawgeti(L, ctx, LXAI_ARRAY_MT); /* mt array_mt */
  if (lua_rawequal(L, -1, -2)) found = MARK_ARRAY;
  lua_pop(L, 1);
  if (found == MARK_NONE) {
    lua_rawgeti(L, ctx, LXAI_WORD_JSONORDER);
    lua_rawget(L, -2); /* mt order */
    if (lua_istable(L, -1)) {
      lua_remove(L, -2);
      return MARK_ORDER;
    }
    lua_pop(L, 1);
  }
  if (found == MARK_NONE && is_cjson_mark(L, ctx, LXAI_WORD_ARRAY_MT)) found = MARK_ARRAY;
  if (found == MARK_NONE && is_cjson_mark(L, ctx, LXAI_WORD_EMPTY_ARRAY_MT)) found = MARK_EMPTY_ARRAY;
  lua_pop(L, 1);
  return found;
}

/* ---- an object's members in order ---- */

static int compare_text(xai_str a, xai_str b) {
  size_t len = a.len < b.len ? a.len : b.len;
  int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
  if (order != 0) return order;
  return a.len < b.len ? -1 : a.len > b.len;
}

static uint64_t head_of(xai_str key) {
  const unsigned char *at = (const unsigned char *)key.ptr;
  uint64_t head = 0;
  if (key.len >= 8) {
    for (int i = 0; i < 8; i++) head = head << 8 | at[i];
    return head;
  }
  for (size_t i = 0; i < key.len; i++) head |= (uint64_t)at[i] << (56 - 8 * i);
  return head;
}

static bool before(const member *a, const member *b) {
  if (a->rank != b->rank) return a->rank < b->rank;
  if (a->head != b->head) return a->head < b->head;
  return compare_text(a->key, b->key) < 0;
}

static void insertion_sort(member *m, size_t count) {
  for (size_t i = 1; i < count; i++) {
    if (!before(&m[i], &m[i - 1])) continue;
    member moved = m[i];
    size_t j = i;
    for (; j > 0 && before(&moved, &m[j - 1]); j--) m[j] = m[j - 1];
    m[j] = moved;
  }
}

static void sift_down(member *m, size_t root, size_t count) {
  member moved = m[root];
  for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && before(&m[child], &m[child + 1])) child++;
    if (!before(&moved, &m[child])) break;
    m[root] = m[child];
    root = child;
  }
  m[root] = moved;
}

/* In place and without recursion, n log n for any input; keys are distinct, so stability is no question. */
static void sort_members(member *m, size_t count) {
  if (count <= 16) {
    insertion_sort(m, count);
    return;
  }
  for (size_t i = count / 2; i > 0; i--) sift_down(m, i - 1, count);
  for (size_t last = count - 1; last > 0; last--) {
    member first = m[0];
    m[0] = m[last];
    m[last] = first;
    sift_down(m, 0, last);
  }
}

/* Among members sorted by key alone. */
static member *find_member(member *m, size_t count, xai_str key) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = compare_text(m[middle].key, key);
    if (order == 0) return &m[middle];
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return NULL;
}

/* The order, an array of names, is on top. */
static void order_members(lua_State *L, member *m, size_t count) {
  size_t names = lua_rawlen(L, -1);
  for (size_t i = 1; i <= names && i <= INT_MAX; i++) {
    lua_rawgeti(L, -1, (int)i);
    if (lua_type(L, -1) == LUA_TSTRING) {
      xai_str name;
      name.ptr = lua_tolstring(L, -1, &name.len);
      member *found = find_member(m, count, name);
      if (found != NULL && found->rank == SIZE_MAX) found->rank = i;
    }
    lua_pop(L, 1);
  }
  sort_members(m, count);
}

/* ---- opening a table ---- */

/* Adds the key and value on top; a table goes to the scratch table. Pops the value. */
static bool add_member(lua_State *L, lxai_encoder *self) {
  if (self->member_count == self->member_room) {
    void *members = grow(self, self->members, &self->member_room, sizeof(member));
    if (members == NULL) return refuse_nomem(self);
    self->members = members;
  }
  member *m = &self->members[self->member_count++];
  m->key.ptr = lua_tolstring(L, -2, &m->key.len);
  m->head = head_of(m->key);
  m->rank = SIZE_MAX;
  m->value = read_item(L, self->ctx);
  if (m->value.type != ITEM_TABLE && m->value.type != ITEM_EXACT) {
    lua_pop(L, 1);
    return true;
  }
  if (m->value.type == ITEM_TABLE) m->value.as.slot = self->slots + 1;
  lua_rawseti(L, self->scratch, ++self->slots);
  return true;
}

/* Members of the table on top into `f`; raises nothing, refuses keys that are not strings. */
static bool collect_members(lua_State *L, lxai_encoder *self, frame *f) {
  f->base = self->member_count;
  lua_pushnil(L);
  while (lua_next(L, -2)) { /* table key value */
    if (lua_type(L, -2) != LUA_TSTRING) {
      bool number = lua_type(L, -2) == LUA_TNUMBER;
      return refuse(self, XAI_ERR_ARG,
                    number ? "a table with numbers for keys, but not 1 to n: an array with holes?"
                           : "a key is neither a string nor the place in an array");
    }
    if (!add_member(L, self)) return false;
  }
  f->count = self->member_count - f->base;
  if (f->count > 1) sort_members(self->members + f->base, f->count);
  return true;
}

static bool is_place(lua_State *L, int index, size_t count) {
  uint64_t place;
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  return lxai_to_whole(L, index, &place) && place >= 1 && place <= count;
}

static bool refuse_hole(lua_State *L, lxai_encoder *self, size_t count) {
  char what[80];
  size_t i = 1;
  for (; i <= count; i++) {
    lua_rawgeti(L, -1, (int)i);
    bool hole = lua_isnil(L, -1);
    lua_pop(L, 1);
    if (hole) break;
  }
  snprintf(what, sizeof what, "an array with a hole at %zu", i);
  return refuse(self, XAI_ERR_ARG, what);
}

/* Are the keys of the table on top exactly 1 to `count`? */
static bool check_array(lua_State *L, lxai_encoder *self, size_t count) {
  if (count > INT_MAX) return refuse(self, XAI_ERR_TOO_BIG, "too many elements");
  size_t seen = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) { /* table key value */
    lua_pop(L, 1);
    if (!is_place(L, -1, count)) {
      if (lua_type(L, -1) != LUA_TNUMBER)
        return refuse(self, XAI_ERR_ARG, "an array with a key that is no place in it");
      lua_pop(L, 1);
      return refuse_hole(L, self, count);
    }
    seen++;
  }
  return seen == count ? true : refuse_hole(L, self, count);
}

static bool push_frame(lxai_encoder *self, const frame *f) {
  if (self->depth == self->frame_room) {
    void *frames = grow(self, self->frames, &self->frame_room, sizeof(frame));
    if (frames == NULL) return refuse_nomem(self);
    self->frames = frames;
  }
  self->frames[self->depth++] = *f;
  if (f->array) xai_json_open_array(self->writer);
  else xai_json_open_object(self->writer);
  return true;
}

/* Is the table on top, which is empty, one of the root's members that are lists? */
static bool is_list(lua_State *L, const lxai_encoder *self) {
  if (self->lists == 0 || self->depth != 1 || self->frames[0].array) return false;
  if (lua_getmetatable(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  xai_str key = self->members[self->frames[0].at - 1].key;
  bool found = false;
  for (int i = 1; !found; i++) {
    lua_rawgeti(L, self->lists, i);
    size_t len;
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    found = name != NULL && len == key.len && memcmp(name, key.ptr, len) == 0;
    lua_pop(L, 1);
    if (name == NULL) break;
  }
  return found;
}

/* Opens the table on top, which stays there as long as its frame. */
static bool open_table(lua_State *L, lxai_encoder *self) {
  if (self->depth >= self->max_depth) return refuse(self, XAI_ERR_DEPTH, "a table that contains itself?");
  if (!lua_checkstack(L, 12)) {
    if (lxai_stack_code(self->depth) == XAI_ERR_NOMEM) return refuse_nomem(self);
    return refuse(self, XAI_ERR_DEPTH, "the host's stack holds no more");
  }
  mark found = read_mark(L, self->ctx);       /* table [order] */
  if (found == MARK_ORDER) lua_insert(L, -2); /* order table */
  size_t count = lua_rawlen(L, -1);
  frame f = {.slots = self->slots};
  f.array = found == MARK_ARRAY || (count > 0 && found != MARK_ORDER);
  if (f.array) {
    f.count = count;
    if (!check_array(L, self, count)) return false;
    return push_frame(self, &f);
  }
  if (!collect_members(L, self, &f)) return false;
  if (found == MARK_ORDER) {
    lua_insert(L, -2); /* table order */
    if (f.count > 1) order_members(L, self->members + f.base, f.count);
    lua_pop(L, 1);
  }
  if (f.count == 0 && found == MARK_EMPTY_ARRAY) f.array = true;
  if (f.count == 0 && found == MARK_NONE) f.array = self->empty_is_array || is_list(L, self);
  return push_frame(self, &f);
}

/* ---- writing ---- */

static bool put_real(lxai_encoder *self, lua_Number value) {
  if (isnan(value)) return refuse(self, XAI_ERR_ARG, "not a number (NaN)");
  if (isinf(value)) return refuse(self, XAI_ERR_ARG, "an infinite number");
  xai_json_put_real(self->writer, value, !LXAI_HAS_INTEGERS);
  return true;
}

static bool put_foreign(lxai_encoder *self, xai_str type) {
  char what[64];
  snprintf(what, sizeof what, "a %.*s has no form in JSON", (int)type.len, type.ptr);
  return refuse(self, XAI_ERR_ARG, what);
}

/* Writes a plain item; a table is opened: it is on top of the stack. */
static bool put_item(lua_State *L, lxai_encoder *self, const item *it) {
  xai_json_writer *writer = self->writer;
  switch (it->type) {
    case ITEM_NIL: return refuse(self, XAI_ERR_ARG, "nil");
    case ITEM_NULL: xai_json_put_null(writer); return true;
    case ITEM_BOOL: xai_json_put_bool(writer, it->as.boolean); return true;
    case ITEM_INTEGER: xai_json_put_int(writer, (int64_t)it->as.integer); return true;
    case ITEM_REAL: return put_real(self, it->as.real);
    case ITEM_STRING: xai_json_put_str(writer, it->as.text.ptr, it->as.text.len); return written(self);
    case ITEM_EXACT: xai_json_put_raw(writer, it->as.text.ptr, it->as.text.len); return true;
    case ITEM_EMPTY_ARRAY:
      xai_json_open_array(writer);
      xai_json_close_array(writer);
      return true;
    case ITEM_TABLE: return open_table(L, self);
    case ITEM_FOREIGN: return put_foreign(self, it->as.text);
  }
  return false;
}

/* The next element of the innermost container, whose table is on top. */
static bool put_next(lua_State *L, lxai_encoder *self, frame *f) {
  if (f->array) {
    lua_rawgeti(L, -1, (int)++f->at);
    item it = read_item(L, self->ctx);
    if (it.type == ITEM_TABLE) return put_item(L, self, &it);
    bool good = put_item(L, self, &it);
    lua_pop(L, 1);
    return good;
  }
  item it = self->members[f->base + f->at].value;
  xai_str key = self->members[f->base + f->at++].key;
  xai_json_put_key(self->writer, key.ptr, key.len);
  if (!written(self)) return false;
  if (it.type == ITEM_TABLE) lua_rawgeti(L, self->scratch, it.as.slot);
  return put_item(L, self, &it);
}

static bool close_frame(lua_State *L, lxai_encoder *self) {
  const frame *f = &self->frames[--self->depth];
  if (f->array) {
    xai_json_close_array(self->writer);
  } else {
    xai_json_close_object(self->writer);
    self->member_count = f->base;
  }
  self->slots = f->slots;
  lua_pop(L, 1);
  return written(self);
}

/* Writes the value on top. What is on the stack afterwards does not matter. */
static bool encode(lua_State *L, lxai_encoder *self) {
  item root = read_item(L, self->ctx);
  if (!put_item(L, self, &root)) return false;
  while (self->depth > 0) {
    frame *f = &self->frames[self->depth - 1];
    if (f->at < f->count ? !put_next(L, self, f) : !close_frame(L, self)) return false;
  }
  return written(self);
}

/* ---- the function ---- */

typedef struct encode_options {
  unsigned max_depth;
  size_t max_bytes;
  bool empty_is_array;
  bool held;
} encode_options;

static encode_options check_encode_options(lua_State *L, int index) {
  static const char *const names[] = {"max_depth", "max_bytes", "empty", NULL};
  static const char *const empties[] = {"object", "array", NULL};
  encode_options options = {0, 0, false, false};
  if (lua_isnoneornil(L, index)) return options;
  lxai_check_options(L, index, "encode", names);
  uint64_t depth = lxai_opt_count(L, index, "encode", "max_depth");
  options.max_depth = depth < UINT_MAX ? (unsigned)depth : UINT_MAX;
  options.max_bytes = (size_t)lxai_opt_count(L, index, "encode", "max_bytes");
  const char *empty = lxai_opt_str(L, index, "encode", "empty", NULL);
  options.empty_is_array = empty != NULL && lxai_choose(L, "encode", "empty", empty, empties) == 1;
  return options;
}

static bool prepare(lxai_encoder *self, const encode_options *options) {
  if (self->writer == NULL)
    self->writer = xai_json_writer_new(&self->mem, options->max_depth, options->max_bytes);
  if (self->writer == NULL) return refuse_nomem(self);
  xai_json_writer_reset(self->writer);
  self->max_depth = options->max_depth ? options->max_depth : DEFAULT_MAX_DEPTH;
  self->empty_is_array = options->empty_is_array;
  self->depth = self->member_count = 0;
  self->slots = 0;
  return true;
}

xai_json_writer *lxai_held_text(lua_State *L, int index) {
  lxai_encoder *self = lxai_test(L, LXAI_HERE, index, LXAI_ENCODER_MT);
  return self != NULL ? self->writer : NULL;
}

/* The value at 1 as text; `lists` is the place of a table, or 0. */
static int encode_first(lua_State *L, const encode_options *options, int lists) {
  bool own_limits = options->max_depth != 0 || options->max_bytes != 0;
  lua_settop(L, 2);
  lua_newtable(L); /* value, options or lists, scratch */
  lxai_encoder *self = own_limits ? new_encoder(L, LXAI_HERE) : take_encoder(L, LXAI_HERE); /* ... encoder */
  self->depth = 0;
  self->ctx = LXAI_HERE;
  self->scratch = 3;
  self->lists = lists;
  lua_pushvalue(L, 1);
  xai_str out = {"", 0};
  bool good = prepare(self, options) && encode(L, self) &&
              xai_json_writer_end(self->writer, &out, &self->err) == XAI_OK;
  lua_settop(L, 4);
  if (good && options->held && out.len > KEEP_BYTES)
    return 1; /* the encoder, which is kept nowhere else (F88) */
  if (good) lua_pushlstring(L, out.ptr, out.len);
  /* Now, for the collector does not see how much it is, and Lua forgoes a finalizer when memory is lacking. */
  if (own_limits || out.len > KEEP_BYTES || !good) empty_encoder(self);
  xai_error err;
  if (!good) err = self->err; /* before somebody else has the encoder */
  if (!own_limits) {
    lua_pushvalue(L, 4);
    lua_rawseti(L, LXAI_HERE, LXAI_ENCODER);
  }
  return good ? 1 : lxai_fail(L, &err);
}

/* core.encode(value [, options]) -> text | nil, err */
static int core_encode(lua_State *L) {
  luaL_checkany(L, 1);
  encode_options options = check_encode_options(L, 2);
  return encode_first(L, &options, 0);
}

/* core.encode_body(value, lists, held) -> text | held text | nil, err: the same of a request's body. Those of its members
 * that the list of names `lists` has are arrays, should they be empty tables that do not say what they are. With `held` a
 * text beyond 1 MiB is no string but something that handle:start takes for a body, once, without another copy. */
static int core_encode_body(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  encode_options options = {.held = lua_toboolean(L, 3)};
  return encode_first(L, &options, 2);
}

static const luaL_Reg encoder_meta[] = {{"__gc", encoder_gc}, {NULL, NULL}};
static const luaL_Reg encode_functions[] = {
  {"encode", core_encode}, {"encode_body", core_encode_body}, {NULL, NULL}};

void lxai_open_encode(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_ENCODER_MT, "xai.encoder", encoder_meta, NULL);
  lxai_set_functions(L, ctx, encode_functions);
}
