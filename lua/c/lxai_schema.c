/* lxai_schema.c - JSON Schema for Lua: compiled once, held against texts, with what was found as a list.
 * SPDX-License-Identifier: MIT */
#include "lxai.h"

#include <limits.h>
#include <string.h>

/* The workspace of a check whose text was larger is not kept for the next one. */
#define KEEP_BYTES ((size_t)1 << 20)

typedef struct
  shared_schema { /* lives as long as one of its userdata, in whatever order they are collected */
  xai_mem mem;
  xai_schema *schema;
  size_t users;
} shared_schema;

typedef struct lxai_schema {
  shared_schema *shared;
  xai_check *first; /* stops at the first violation; made when first needed, as the next */
  xai_check *all;
  bool locked; /* violations are lent: they are being pushed                        */
} lxai_schema;

typedef struct lxai_stream { /* a check of a text that is still coming */
  shared_schema *shared;
  xai_check *check;
  lxai_growth growth; /* what the value that was asked for has of it */
  bool locked;
} lxai_stream;

typedef struct push_work {
  const xai_check *check;
  const xai_error *err;
} push_work;

/* ---- the schema's life ---- */

static shared_schema *new_shared(const xai_mem *mem, xai_schema *schema) {
  shared_schema *shared = mem->fn(mem->user, NULL, 0, sizeof *shared);
  if (shared != NULL) *shared = (shared_schema){*mem, schema, 1};
  return shared;
}

static void leave_shared(shared_schema **slot) {
  shared_schema *shared = *slot;
  *slot = NULL;
  if (shared == NULL || --shared->users > 0) return;
  xai_mem mem = shared->mem;
  xai_schema_free(shared->schema);
  mem.fn(mem.user, shared, sizeof *shared, 0);
}

/* ---- compile ---- */

static const char *const compile_names[] = {"draft",     "format",    "content",   "remotes",     "base_uri",
                                            "max_bytes", "max_depth", "max_steps", "match_limit", NULL};
static const char where[] = "schema";

static xai_draft check_draft(lua_State *L, int table) {
  static const char *const drafts[] = {"4", "6", "7", "2019-09", "2020-12", NULL};
  const char *text = lxai_opt_str(L, table, where, "draft", NULL);
  return text == NULL ? XAI_DRAFT_AUTO
                      : (xai_draft)(XAI_DRAFT_4 + lxai_choose(L, where, "draft", text, drafts));
}

static bool check_asserted(lua_State *L, int table, const char *name) {
  static const char *const manners[] = {"annotate", "assert", NULL};
  const char *text = lxai_opt_str(L, table, where, name, NULL);
  return text != NULL && lxai_choose(L, where, name, text, manners) == 1;
}

/* The field of the pair on top, which keeps it alive; raises unless it is a text. */
static xai_str pair_text(lua_State *L, int index) {
  xai_str text = {NULL, 0};
  lua_rawgeti(L, -1, index); /* pair text */
  if (lua_type(L, -1) == LUA_TSTRING) text.ptr = lua_tolstring(L, -1, &text.len);
  lua_pop(L, 1);
  if (text.ptr == NULL) luaL_error(L, "schema: each of 'remotes' must be a pair of texts: URI and schema");
  return text;
}

/* Reads {{uri, text} ...}; the array is a userdata left on the stack. */
static void check_remotes(lua_State *L, int table, xai_schema_options *options) {
  lxai_get(L, table, "remotes"); /* remotes */
  if (lua_isnil(L, -1)) return;
  if (!lua_istable(L, -1)) luaL_error(L, "schema: 'remotes' must be a table, not a %s", luaL_typename(L, -1));
  size_t count = lua_rawlen(L, -1);
  if (count > INT_MAX / sizeof(xai_schema_remote)) luaL_error(L, "schema: too many 'remotes'");
  xai_schema_remote *list = lxai_newuserdata(L, (count + 1) * sizeof *list); /* remotes list */
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (int)i + 1); /* remotes list pair */
    if (!lua_istable(L, -1))
      luaL_error(L, "schema: each of 'remotes' must be a pair of texts: URI and schema");
    list[i] = (xai_schema_remote){pair_text(L, 1).ptr, pair_text(L, 2)};
    lua_pop(L, 1);
  }
  options->remotes = list;
  options->remote_count = count;
}

static xai_schema_options check_compile_options(lua_State *L, int table) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  lxai_check_options(L, table, where, compile_names);
  if (!lua_istable(L, table)) return options;
  options.draft = check_draft(L, table);
  options.assert_format = check_asserted(L, table, "format");
  options.assert_content = check_asserted(L, table, "content");
  options.base_uri = lxai_opt_str(L, table, where, "base_uri", NULL);
  options.max_bytes = (size_t)lxai_opt_count(L, table, where, "max_bytes");
  uint64_t depth = lxai_opt_count(L, table, where, "max_depth");
  options.max_depth = depth < UINT_MAX ? (unsigned)depth : UINT_MAX;
  uint64_t match_limit = lxai_opt_count(L, table, where, "match_limit");
  options.match_limit = match_limit < UINT32_MAX ? (uint32_t)match_limit : UINT32_MAX;
  options.max_steps = lxai_opt_count(L, table, where, "max_steps");
  check_remotes(L, table, &options);
  return options;
}

/* core.schema(text [, options]) -> schema | nil, err */
static int core_schema(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 2);
  xai_schema_options options = check_compile_options(L, 2);
  lxai_schema *self = lxai_newuserdata(L, sizeof *self); /* self */
  *self = (lxai_schema){0};
  lxai_set_type(L, LXAI_HERE, LXAI_SCHEMA_MT);
  size_t len;
  const char *text = lua_tolstring(L, 1, &len);
  xai_error err;
  xai_mem mem = lxai_mem(L);
  xai_schema *schema = xai_schema_compile(&mem, text, len, &options, &err);
  if (schema == NULL) return lxai_fail(L, &err);
  self->shared = new_shared(&mem, schema);
  if (self->shared != NULL) return 1;
  xai_schema_free(schema);
  return lxai_fail_nomem(L);
}

/* ---- check ---- */

static lxai_schema *check_schema(lua_State *L) {
  lxai_schema *self = lxai_test(L, LXAI_HERE, 1, LXAI_SCHEMA_MT);
  if (self == NULL || self->shared == NULL) luaL_error(L, "not a schema: call its methods with ':'");
  if (self->locked) luaL_error(L, "the schema is in use: a finalizer must not call it");
  return self;
}

static void set_str(lua_State *L, const char *name, xai_str text) {
  lua_pushlstring(L, text.ptr == NULL ? "" : text.ptr, text.len);
  lua_setfield(L, -2, name);
}

static void push_violation(lua_State *L, const xai_violation *violation) {
  lua_createtable(L, 0, 5); /* violation */
  set_str(L, "instance", violation->instance);
  set_str(L, "schema", violation->schema);
  set_str(L, "keyword", violation->keyword);
  set_str(L, "message", violation->message);
  if (violation->offset == SIZE_MAX) return;
  lxai_push_whole(L, violation->offset);
  lua_setfield(L, -2, "offset");
}

/* (context, work) -> nil, violations, err; runs with the schema locked. */
static int push_found(lua_State *L) {
  const push_work *work = lua_touserdata(L, 2);
  size_t count = xai_check_violations(work->check);
  lua_pushnil(L);
  lua_createtable(L, (int)count, 0); /* nil violations */
  for (size_t i = 0; i < count; i++) {
    push_violation(L, xai_check_violation(work->check, i));
    lua_rawseti(L, -2, (int)i + 1);
  }
  lxai_push_error(L, work->err); /* nil violations err */
  return 3;
}

static void drop(xai_check **slot) {
  xai_check_free(*slot);
  *slot = NULL;
}

/* schema:check(text [, first_only]) -> true | nil, violations, err */
static int schema_check(lua_State *L) {
  lxai_schema *self = check_schema(L);
  luaL_checktype(L, 2, LUA_TSTRING);
  bool first_only = lua_toboolean(L, 3);
  xai_check **slot = first_only ? &self->first : &self->all;
  if (*slot == NULL) *slot = xai_check_new(&self->shared->mem, self->shared->schema, !first_only);
  size_t len;
  const char *text = lua_tolstring(L, 2, &len);
  xai_error err;
  lxai_error_set(&err, XAI_ERR_NOMEM, XAI_KIND_MEMORY, NULL);
  if (*slot == NULL) {
    lua_settop(L, 0);
    lua_pushnil(L);
    lua_newtable(L);
    lxai_push_error(L, &err); /* nil {} err */
    return 3;
  }
  if (xai_check_text(*slot, text, len, &err) == XAI_OK) {
    if (len > KEEP_BYTES) drop(slot);
    lua_pushboolean(L, 1);
    return 1;
  }
  push_work work = {*slot, &err};
  int results = lxai_locked(L, LXAI_HERE, LXAI_SCHEMA_PUSH, &self->locked, &work);
  if (len > KEEP_BYTES) drop(slot);
  return results < 0 ? lua_error(L) : results;
}

static int schema_gc(lua_State *L) {
  lxai_schema *self = lua_touserdata(L, 1);
  drop(&self->first);
  drop(&self->all);
  leave_shared(&self->shared);
  return 0;
}

/* ---- a text that is still coming ---- */

/* schema:stream() -> stream | nil, err */
static int schema_stream(lua_State *L) {
  lxai_schema *schema = check_schema(L);
  lxai_stream *self = lxai_newkeeper(L, sizeof *self); /* ... self */
  *self = (lxai_stream){.growth = {.mem = lxai_mem(L)}};
  lxai_set_type(L, LXAI_HERE, LXAI_SCHEMA_STREAM_MT);
  lua_newtable(L);
  lxai_set_kept(L, -2); /* the tables on the way to what is open */
  self->check = xai_check_new(&schema->shared->mem, schema->shared->schema, false);
  if (self->check == NULL) return lxai_fail_nomem(L);
  self->shared = schema->shared;
  self->shared->users++;
  return 1;
}

static lxai_stream *check_stream(lua_State *L) {
  lxai_stream *self = lxai_test(L, LXAI_HERE, 1, LXAI_SCHEMA_STREAM_MT);
  if (self == NULL || self->check == NULL) luaL_error(L, "not a streaming check: call its methods with ':'");
  if (self->locked) luaL_error(L, "the streaming check is in use: a finalizer must not call it");
  return self;
}

/* true | nil, violations, err */
static int tell(lua_State *L, lxai_stream *self, xai_code code) {
  if (code == XAI_ERR_STATE) return luaL_error(L, "the streaming check is finished");
  if (code == XAI_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  xai_error err;
  lxai_error_set(&err, code, code == XAI_ERR_NOMEM ? XAI_KIND_MEMORY : XAI_KIND_SCHEMA, NULL);
  push_work work = {self->check, &err};
  int results = lxai_locked(L, LXAI_HERE, LXAI_SCHEMA_PUSH, &self->locked, &work);
  return results < 0 ? lua_error(L) : results;
}

/* stream:feed(bytes) -> true | nil, violations, err */
static int stream_feed(lua_State *L) {
  lxai_stream *self = check_stream(L);
  luaL_checktype(L, 2, LUA_TSTRING);
  size_t len;
  const char *bytes = lua_tolstring(L, 2, &len);
  return tell(L, self, xai_check_feed(self->check, bytes, len));
}

/* stream:finish() -> true | nil, violations, err */
static int stream_finish(lua_State *L) {
  lxai_stream *self = check_stream(L);
  return tell(L, self, xai_check_finish(self->check));
}

/* (context, stream, self) -> value | nil, err; runs with the stream locked. */
static int push_partial(lua_State *L) {
  lxai_stream *self = lua_touserdata(L, 2);
  lxai_get_kept(L, 3); /* context stream self way */
  xai_code code = lxai_push_growing(L, 1, &self->growth, 4, xai_check_partial(self->check));
  return code == XAI_OK ? 1 : lxai_fail_nomem(L);
}

/* stream:value() -> value | nil [, err]; nil alone before it begins. A table is the same one at each call. */
static int stream_value(lua_State *L) {
  lxai_stream *self = check_stream(L);
  if (xai_check_partial(self->check) == NULL) {
    lua_pushnil(L);
    return 1;
  }
  int results = lxai_locked(L, LXAI_HERE, LXAI_SCHEMA_PUSH_PARTIAL, &self->locked, self);
  return results < 0 ? lua_error(L) : results;
}

static int stream_gc(lua_State *L) {
  lxai_stream *self = lua_touserdata(L, 1);
  drop(&self->check);
  lxai_growth_free(&self->growth);
  leave_shared(&self->shared);
  return 0;
}

static const luaL_Reg schema_meta[] = {{"__gc", schema_gc}, {NULL, NULL}};
static const luaL_Reg schema_methods[] = {{"check", schema_check}, {"stream", schema_stream}, {NULL, NULL}};
static const luaL_Reg stream_meta[] = {{"__gc", stream_gc}, {NULL, NULL}};
static const luaL_Reg stream_methods[] = {
  {"feed", stream_feed}, {"finish", stream_finish}, {"value", stream_value}, {NULL, NULL}};
static const luaL_Reg schema_functions[] = {{"schema", core_schema}, {NULL, NULL}};

void lxai_open_schema(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_SCHEMA_MT, "xai.schema.core", schema_meta, schema_methods);
  lxai_new_type(L, ctx, LXAI_SCHEMA_STREAM_MT, "xai.schema.stream", stream_meta, stream_methods);
  lua_pushcfunction(L, push_partial);
  lua_rawseti(L, ctx, LXAI_SCHEMA_PUSH_PARTIAL);
  lua_pushcfunction(L, push_found);
  lua_rawseti(L, ctx, LXAI_SCHEMA_PUSH);
  lxai_set_functions(L, ctx, schema_functions);
}
