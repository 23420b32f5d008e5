/* lxai_json.c - JSON text to Lua values, and the marks that carry what Lua tables cannot: arrays, null, exact numbers.
 * SPDX-License-Identifier: MIT
 *
 * A text is read into a core document, then walked: the open containers stand on the Lua stack, the place in
 * each on a stack of frames that the decoder owns. Tables are made in their final size.
 */
#include "lxai.h"

#include <limits.h>
#include <string.h>

/* A document larger than this is not kept for the next text. */
#define KEEP_BYTES ((size_t)1 << 20)

typedef struct frame { /* an open container                          */
  const xai_json *at;  /* the element being made                     */
  int index;           /* its index in an array; 0: it is a member   */
} frame;

typedef struct lxai_decoder {
  xai_json_doc *doc;
  xai_mem mem;
  frame *frames;
  size_t room;
  size_t depth;
  bool order; /* objects remember the order of their members */
} lxai_decoder;

typedef struct exact_number {
  size_t len;
  char text[1];
} exact_number;

/* ---- the decoder's life ---- */

static int decoder_gc(lua_State *L) {
  lxai_decoder *self = lua_touserdata(L, 1);
  xai_json_doc_free(self->doc);
  if (self->frames != NULL) self->mem.fn(self->mem.user, self->frames, self->room * sizeof(frame), 0);
  self->doc = NULL;
  self->frames = NULL;
  self->room = 0;
  return 0;
}

static lxai_decoder *new_decoder(lua_State *L, int ctx) {
  lxai_decoder *self = lxai_newuserdata(L, sizeof *self); /* decoder */
  memset(self, 0, sizeof *self);
  self->mem = lxai_mem(L);
  lxai_set_type(L, ctx, LXAI_DECODER_MT);
  return self;
}

/* The reusable decoder, taken out of the context so that a finalizer's decoding gets another. */
static lxai_decoder *take_decoder(lua_State *L, int ctx) {
  lua_rawgeti(L, ctx, LXAI_DECODER); /* decoder or false */
  lxai_decoder *self = lua_touserdata(L, -1);
  if (self == NULL) {
    lua_pop(L, 1);
    return new_decoder(L, ctx);
  }
  lua_pushboolean(L, 0);
  lua_rawseti(L, ctx, LXAI_DECODER);
  self->depth = 0;
  self->order = false;
  return self;
}

/* The decoder stands at `index`. One that was raised out of is not given back: the collector has it. */
static void give_back(lua_State *L, int ctx, int index) {
  lua_pushvalue(L, index);
  lua_rawseti(L, ctx, LXAI_DECODER);
}

/* ---- the walk ---- */

xai_code lxai_stack_code(size_t depth) {
  return depth < 1000 ? XAI_ERR_NOMEM : XAI_ERR_DEPTH;
}

static xai_code open_frame(lua_State *L, lxai_decoder *self, const xai_json *first, bool array) {
  if (!lua_checkstack(L, 8)) return lxai_stack_code(self->depth);
  if (self->depth == self->room) {
    size_t room = self->room ? self->room * 2 : 32;
    frame *frames =
      self->mem.fn(self->mem.user, self->frames, self->room * sizeof(frame), room * sizeof(frame));
    if (frames == NULL) return XAI_ERR_NOMEM;
    self->frames = frames;
    self->room = room;
  }
  self->frames[self->depth++] = (frame){first, array ? 1 : 0};
  return XAI_OK;
}

static void push_exact(lua_State *L, int ctx, xai_str text) {
  exact_number *self = lxai_newuserdata(L, sizeof *self + text.len);
  self->len = text.len;
  memcpy(self->text, text.ptr, text.len);
  self->text[text.len] = '\0';
  lxai_set_type(L, ctx, LXAI_NUMBER_MT);
}

static bool push_whole(lua_State *L, const xai_json *value) {
  int64_t whole;
  if (!xai_json_int(value, &whole)) return false;
  if (whole == 0 && xai_json_text(value).len == 2) { /* "-0": only a float keeps the sign */
    lua_pushnumber(L, -0.0);
    return true;
  }
#if LXAI_HAS_INTEGERS
  lua_pushinteger(L, (lua_Integer)whole);
#else
  if (whole > (int64_t)LXAI_EXACT_MAX || whole < -(int64_t)LXAI_EXACT_MAX) return false;
  lua_pushnumber(L, (lua_Number)whole);
#endif
  return true;
}

static bool is_whole(xai_str text) {
  return memchr(text.ptr, '.', text.len) == NULL && memchr(text.ptr, 'e', text.len) == NULL &&
         memchr(text.ptr, 'E', text.len) == NULL;
}

static void push_number(lua_State *L, int ctx, const xai_json *value) {
  if (push_whole(L, value)) return;
  xai_str text = xai_json_text(value);
  double real;
  if (!is_whole(text) && xai_json_real(value, &real)) lua_pushnumber(L, real);
  else push_exact(L, ctx, text);
}

static int clamp(size_t len) {
  return len < INT_MAX / 2 ? (int)len : INT_MAX / 2;
}

void lxai_push_one(lua_State *L, int ctx, const xai_json *value) {
  switch (xai_json_type_of(value)) {
    case XAI_JSON_NULL: lua_pushlightuserdata(L, NULL); return;
    case XAI_JSON_BOOL: lua_pushboolean(L, xai_json_bool(value)); return;
    case XAI_JSON_NUMBER: push_number(L, ctx, value); return;
    case XAI_JSON_STRING: lxai_push_str(L, xai_json_str(value)); return;
    case XAI_JSON_ARRAY:
      lua_createtable(L, clamp(xai_json_len(value)), 0);
      lxai_set_type(L, ctx, LXAI_ARRAY_MT);
      return;
    case XAI_JSON_OBJECT: lua_createtable(L, 0, clamp(xai_json_len(value))); return;
  }
}

/* Gives the table on top the metatable {__jsonorder = {key ...}}. */
static void push_order(lua_State *L, int ctx, const xai_json *object) {
  lua_createtable(L, 0, 1);
  lua_rawgeti(L, ctx, LXAI_WORD_JSONORDER);
  lua_createtable(L, clamp(xai_json_len(object)), 0); /* table mt word order */
  int count = 0;
  for (const xai_json *at = xai_json_first(object); at != NULL && count < INT_MAX; at = xai_json_next(at)) {
    lxai_push_str(L, xai_json_key(at));
    lua_rawseti(L, -2, ++count);
  }
  lua_rawset(L, -3);
  lua_setmetatable(L, -2);
}

/* Puts the value on top into its container; gives the element to make next, if there is one. */
static const xai_json *put_into(lua_State *L, frame *open) {
  if (open->index == 0) lua_rawset(L, -3);
  else lua_rawseti(L, -2, open->index++);
  open->at = xai_json_next(open->at);
  if (open->at != NULL && open->index == 0) lxai_push_str(L, xai_json_key(open->at));
  return open->at;
}

/* Pushes the value made of `value`, or nothing and an error. The decoder's frames are used. */
static xai_code walk(lua_State *L, int ctx, lxai_decoder *self, const xai_json *value) {
  int top = lua_gettop(L);
  for (;;) {
    lxai_push_one(L, ctx, value);
    if (self->order && xai_json_type_of(value) == XAI_JSON_OBJECT) push_order(L, ctx, value);
    const xai_json *first = xai_json_first(value);
    if (first != NULL) {
      bool array = xai_json_type_of(value) == XAI_JSON_ARRAY;
      xai_code code = open_frame(L, self, first, array);
      if (code != XAI_OK) {
        lua_settop(L, top);
        return code;
      }
      if (!array) lxai_push_str(L, xai_json_key(first));
      value = first;
      continue;
    }
    value = NULL;
    while (self->depth > 0 && (value = put_into(L, &self->frames[self->depth - 1])) == NULL) self->depth--;
    if (value == NULL) return XAI_OK;
  }
}

xai_code lxai_push_json(lua_State *L, int ctx, const xai_json *value) {
  if (!lua_checkstack(L, 8)) return XAI_ERR_NOMEM;
  lxai_decoder *self = take_decoder(L, ctx); /* decoder */
  int at = lua_gettop(L);
  xai_code code = walk(L, ctx, self, value); /* decoder [value] */
  give_back(L, ctx, at);
  lua_remove(L, at);
  return code;
}

/* ---- decode ---- */

typedef struct decode_options {
  unsigned max_depth;
  size_t max_bytes;
  unsigned flags;
  bool order;
} decode_options;

static decode_options check_decode_options(lua_State *L, int index) {
  static const char *const names[] = {"max_depth", "max_bytes", "unique", "order", NULL};
  decode_options options = {0, 0, XAI_JSON_BORROW, false};
  if (lua_isnoneornil(L, index)) return options;
  lxai_check_options(L, index, "decode", names);
  uint64_t depth = lxai_opt_count(L, index, "decode", "max_depth");
  options.max_depth = depth < UINT_MAX ? (unsigned)depth : UINT_MAX;
  options.max_bytes = (size_t)lxai_opt_count(L, index, "decode", "max_bytes");
  if (lxai_opt_bool(L, index, "decode", "unique")) options.flags |= XAI_JSON_UNIQUE;
  options.order = lxai_opt_bool(L, index, "decode", "order");
  return options;
}

static int fail_walk(lua_State *L, xai_code code) {
  if (code == XAI_ERR_NOMEM) return lxai_fail_nomem(L);
  xai_error err;
  lxai_error_set(&err, code, XAI_KIND_LIMIT, "the host's stack holds no more");
  return lxai_fail(L, &err);
}

static int decode(lua_State *L, int ctx, xai_str text, const decode_options *options) {
  bool own_limits = options->max_depth != 0 || options->max_bytes != 0;
  lxai_decoder *self = own_limits ? new_decoder(L, ctx) : take_decoder(L, ctx); /* decoder */
  int at = lua_gettop(L);
  if (self->doc == NULL) self->doc = xai_json_doc_new(&self->mem, options->max_depth, options->max_bytes);
  if (self->doc == NULL) return lxai_fail_nomem(L);
  self->order = options->order;
  xai_error err;
  const xai_json *root = xai_json_parse(self->doc, text.ptr, text.len, options->flags, &err);
  xai_code code = root != NULL ? walk(L, ctx, self, root) : err.code; /* decoder [value] */
  if (own_limits || text.len > KEEP_BYTES) {
    xai_json_doc_free(self->doc); /* now, for the collector does not see how much it is */
    self->doc = NULL;
  }
  if (!own_limits) give_back(L, ctx, at);
  if (root == NULL) return lxai_fail(L, &err);
  return code == XAI_OK ? 1 : fail_walk(L, code);
}

int lxai_decode(lua_State *L, int ctx, xai_str text) {
  decode_options options = {.flags = XAI_JSON_BORROW};
  return decode(L, ctx, text, &options);
}

/* core.decode(text [, options]) -> value | nil, err */
static int core_decode(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  decode_options options = check_decode_options(L, 2);
  size_t len;
  const char *text = lua_tolstring(L, 1, &len);
  return decode(L, LXAI_HERE, (xai_str){text, len}, &options);
}

/* ---- exact numbers ---- */

static const char *skip_digits(const char *at) {
  while (*at >= '0' && *at <= '9') at++;
  return at;
}

/* The grammar of RFC 8259 section 6; `text` is NUL-terminated. */
static bool is_json_number(const char *text, size_t len) {
  const char *at = text;
  if (*at == '-') at++;
  if (*at == '0') at++;
  else if (*at >= '1' && *at <= '9') at = skip_digits(at);
  else return false;
  if (*at == '.') {
    const char *digits = at + 1;
    at = skip_digits(digits);
    if (at == digits) return false;
  }
  if (*at == 'e' || *at == 'E') {
    const char *digits = at[1] == '+' || at[1] == '-' ? at + 2 : at + 1;
    at = skip_digits(digits);
    if (at == digits) return false;
  }
  return at == text + len;
}

/* core.number(text) -> number */
static int core_number(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  size_t len;
  const char *text = lua_tolstring(L, 1, &len);
  if (!is_json_number(text, len)) return luaL_argerror(L, 1, "not a number as JSON writes it");
  push_exact(L, LXAI_HERE, (xai_str){text, len});
  return 1;
}

xai_str lxai_number_text(lua_State *L, int ctx, int index) {
  exact_number *self = lxai_test(L, ctx, index, LXAI_NUMBER_MT);
  return self != NULL ? (xai_str){self->text, self->len} : (xai_str){"", 0};
}

static int number_tostring(lua_State *L) {
  xai_str text = lxai_number_text(L, LXAI_HERE, 1);
  lua_pushlstring(L, text.ptr, text.len);
  return 1;
}

/* Two exact numbers are equal when they are written alike. */
static int number_eq(lua_State *L) {
  xai_str a = lxai_number_text(L, LXAI_HERE, 1), b = lxai_number_text(L, LXAI_HERE, 2);
  lua_pushboolean(L, a.len > 0 && a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0);
  return 1;
}

/* ---- marks ---- */

/* core.array([table]) -> table */
static int core_array(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lxai_set_type(L, LXAI_HERE, LXAI_ARRAY_MT);
  return 1;
}

static const luaL_Reg decoder_meta[] = {{"__gc", decoder_gc}, {NULL, NULL}};
static const luaL_Reg number_meta[] = {{"__tostring", number_tostring}, {"__eq", number_eq}, {NULL, NULL}};
static const luaL_Reg json_functions[] = {
  {"decode", core_decode}, {"number", core_number}, {"array", core_array}, {NULL, NULL}};

void lxai_open_json(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_DECODER_MT, "xai.decoder", decoder_meta, NULL);
  lxai_new_type(L, ctx, LXAI_NUMBER_MT, "xai.number", number_meta, NULL);
  lua_newtable(L); /* core array_mt */
  lua_pushliteral(L, "xai.array");
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, -1);
  lua_rawseti(L, ctx, LXAI_ARRAY_MT);
  lua_setfield(L, -2, "array_mt");
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  lxai_set_functions(L, ctx, json_functions);
}
