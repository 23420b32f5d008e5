/* lxai.c - the Lua module xai.core: its context, its errors as tables, and what belongs to no type.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "lxai.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Its address is the registry key of the context. */
static const char context_key = 0;

xai_mem lxai_mem(lua_State *L) {
  xai_mem mem;
  mem.fn = lua_getallocf(L, &mem.user);
  return mem;
}

/* ---- errors ---- */

void lxai_error_set(xai_error *err, xai_code code, xai_kind kind, const char *format, ...) {
  memset(err, 0, sizeof *err);
  err->code = code;
  err->kind = kind;
  int used = snprintf(err->message, sizeof err->message, "%s", xai_code_text(code));
  if (format == NULL || used < 0) return;
  used += snprintf(err->message + used, sizeof err->message - (size_t)used, ": ");
  va_list args;
  va_start(args, format);
  vsnprintf(err->message + used, sizeof err->message - (size_t)used, format, args);
  va_end(args);
}

const char *lxai_code_name(xai_code code) {
  const char *name = xai_code_name(code);
  return strncmp(name, "err_", 4) == 0 ? name + 4 : name;
}

/* Sets a text field of the table on top, unless the text is empty. */
static void set_text(lua_State *L, const char *name, const char *text) {
  if (text[0] == '\0') return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static bool has_offset(xai_code code) {
  return code == XAI_ERR_JSON || code == XAI_ERR_UTF8 || code == XAI_ERR_DEPTH;
}

void lxai_push_error(lua_State *L, const xai_error *err) {
  lua_createtable(L, 0, 13); /* error */
  set_text(L, "code", lxai_code_name(err->code));
  lua_pushinteger(L, (lua_Integer)err->code);
  lua_setfield(L, -2, "number");
  set_text(L, "kind", xai_kind_name(err->kind));
  set_text(L, "message", err->message);
  set_text(L, "hint", xai_kind_hint(err->kind));
  if (err->http_status != 0) {
    lua_pushinteger(L, err->http_status);
    lua_setfield(L, -2, "status");
  }
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable");
  if (err->retry_after_ms != 0) {
    lua_pushnumber(L, err->retry_after_ms / 1000.0);
    lua_setfield(L, -2, "retry_after");
  }
  if (has_offset(err->code)) {
    lxai_push_whole(L, err->offset);
    lua_setfield(L, -2, "offset");
  }
  set_text(L, "request_id", err->request_id);
  set_text(L, "api_code", err->api_code);
  set_text(L, "api_type", err->api_type);
  set_text(L, "param", err->param);
  set_text(L, "key", err->key);
}

int lxai_fail(lua_State *L, const xai_error *err) {
  lua_pushnil(L);          /* nil */
  lxai_push_error(L, err); /* nil error */
  return 2;
}

int lxai_fail_nomem(lua_State *L) {
  xai_error err;
  lxai_error_set(&err, XAI_ERR_NOMEM, XAI_KIND_MEMORY, NULL);
  return lxai_fail(L, &err);
}

/* ---- checks ---- */

void lxai_get(lua_State *L, int table, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, table);
}

static void check_field(lua_State *L, int type, const char *where, const char *name) {
  if (lua_type(L, -1) == type) return;
  luaL_error(L, "%s: '%s' must be a %s, not a %s", where, name, lua_typename(L, type), luaL_typename(L, -1));
}

bool lxai_opt_bool(lua_State *L, int table, const char *where, const char *name) {
  lxai_get(L, table, name);
  if (!lua_isnil(L, -1)) check_field(L, LUA_TBOOLEAN, where, name);
  return lua_toboolean(L, -1);
}

const char *lxai_opt_str(lua_State *L, int table, const char *where, const char *name, size_t *len) {
  lxai_get(L, table, name);
  if (len != NULL) *len = 0;
  if (lua_isnil(L, -1)) return NULL;
  check_field(L, LUA_TSTRING, where, name);
  return lua_tolstring(L, -1, len);
}

const char *lxai_opt_cstr(lua_State *L, int table, const char *where, const char *name) {
  size_t len;
  const char *text = lxai_opt_str(L, table, where, name, &len);
  if (text != NULL && strlen(text) != len) luaL_error(L, "%s: '%s' holds a NUL byte", where, name);
  return text;
}

uint64_t lxai_opt_count(lua_State *L, int table, const char *where, const char *name) {
  lxai_get(L, table, name);
  if (lua_isnil(L, -1)) return 0;
  check_field(L, LUA_TNUMBER, where, name);
  uint64_t count = 0;
  if (!lxai_to_whole(L, -1, &count) || count == 0) {
    luaL_error(L, "%s: '%s' must be a whole number above 0", where, name);
  }
  return count;
}

static bool listed(const char *name, const char *const *names) {
  for (; *names != NULL; names++) {
    if (strcmp(name, *names) == 0) return true;
  }
  return false;
}

void lxai_check_options(lua_State *L, int index, const char *where, const char *const *names) {
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) {
    luaL_error(L, "%s: options must be a table, not a %s", where, luaL_typename(L, index));
  }
  lua_pushnil(L);
  while (lua_next(L, index)) { /* name value */
    if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "%s: an option's name must be a string", where);
    const char *name = lua_tostring(L, -2);
    if (!listed(name, names)) luaL_error(L, "%s: unknown option '%s'", where, name);
    lua_pop(L, 1);
  }
}

int lxai_choose(lua_State *L, const char *where, const char *name, const char *text,
                const char *const *list) {
  for (int i = 0; list[i] != NULL; i++) {
    if (strcmp(text, list[i]) == 0) return i;
  }
  return luaL_error(L, "%s: '%s' cannot be '%s'", where, name, text);
}

/* ---- types ---- */

void *lxai_test(lua_State *L, int ctx, int index, int type) {
  void *self = lua_touserdata(L, index);
  if (self == NULL || !lua_getmetatable(L, index)) return NULL;
  lua_rawgeti(L, ctx, type);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same ? self : NULL;
}

void lxai_set_functions(lua_State *L, int ctx, const luaL_Reg *functions) {
  for (; functions->name != NULL; functions++) {
    lua_pushvalue(L, ctx);
    lua_pushcclosure(L, functions->func, 1);
    lua_setfield(L, -2, functions->name);
  }
}

void lxai_new_type(lua_State *L, int ctx, int type, const char *name, const luaL_Reg *meta,
                   const luaL_Reg *methods) {
  lua_newtable(L); /* mt */
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0); /* getmetatable() shows this: scripts must not call __gc */
  lua_setfield(L, -2, "__metatable");
  lxai_set_functions(L, ctx, meta);
  if (methods != NULL) {
    lua_newtable(L);
    lxai_set_functions(L, ctx, methods);
    lua_setfield(L, -2, "__index");
  }
  lua_rawseti(L, ctx, type);
}

void lxai_set_type(lua_State *L, int ctx, int type) {
  lua_rawgeti(L, ctx, type);
  lua_setmetatable(L, -2);
}

int lxai_locked(lua_State *L, int ctx, int push, bool *lock, void *work) {
  int top = lua_gettop(L);
  lua_rawgeti(L, ctx, push);
  lua_pushvalue(L, ctx);
  lua_pushlightuserdata(L, work);
  lua_pushvalue(L, 1); /* function context work self */
  *lock = true;
  int status = lua_pcall(L, 3, LUA_MULTRET, 0);
  *lock = false;
  return status == 0 ? lua_gettop(L) - top : -1;
}

/* ---- the module ---- */

/* core.now() -> monotonic seconds */
static int core_now(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
  return 1;
}

/* core.curl_version() -> the version of libcurl, which it loads | nil: it cannot be loaded */
static int core_curl_version(lua_State *L) {
  const char *version = xai_curl_version();
  if (version[0] == '\0') lua_pushnil(L);
  else lua_pushstring(L, version);
  return 1;
}

static const luaL_Reg core_functions[] = {
  {"now", core_now}, {"curl_version", core_curl_version}, {NULL, NULL}};

static void push_kind(lua_State *L, xai_kind kind) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, xai_kind_name(kind));
  lua_setfield(L, -2, "name");
  lua_pushstring(L, xai_kind_hint(kind));
  lua_setfield(L, -2, "hint");
}

static void push_kinds(lua_State *L) {
  static const xai_kind kinds[] = {
#define XAI_X(name, text, hint) XAI_KIND_##name,
    XAI_KINDS(XAI_X)
#undef XAI_X
  };
  int count = (int)(sizeof kinds / sizeof *kinds);
  lua_createtable(L, count, 0); /* kinds */
  for (int i = 0; i < count; i++) {
    push_kind(L, kinds[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static void set_code(lua_State *L, xai_code code) {
  lua_createtable(L, 0, 2); /* codes code */
  lua_pushinteger(L, (lua_Integer)code);
  lua_setfield(L, -2, "number");
  lua_pushstring(L, xai_code_text(code));
  lua_setfield(L, -2, "text");
  lua_setfield(L, -2, lxai_code_name(code));
}

static void push_codes(lua_State *L) {
  lua_newtable(L); /* codes */
#define XAI_X(name, number, text) set_code(L, XAI_##name);
  XAI_CODES(XAI_X)
#undef XAI_X
}

static void set_word(lua_State *L, int ctx, int slot, const char *word) {
  lua_pushstring(L, word);
  lua_rawseti(L, ctx, slot);
}

/* The words that the encoder looks for: it must not make strings itself, see lxai_encode.c. */
static void set_words(lua_State *L, int ctx) {
  set_word(L, ctx, LXAI_WORD_JSONORDER, "__jsonorder");
  set_word(L, ctx, LXAI_WORD_CJSON, "cjson");
  set_word(L, ctx, LXAI_WORD_CJSON_SAFE, "cjson.safe");
  set_word(L, ctx, LXAI_WORD_ARRAY_MT, "array_mt");
  set_word(L, ctx, LXAI_WORD_EMPTY_ARRAY_MT, "empty_array_mt");
  set_word(L, ctx, LXAI_WORD_EMPTY_ARRAY, "empty_array");
}

static void fill_module(lua_State *L, int ctx) {
  lua_pushliteral(L, XAI_VERSION); /* core version */
  lua_setfield(L, -2, "version");
  push_kinds(L);
  lua_setfield(L, -2, "kinds");
  push_codes(L);
  lua_setfield(L, -2, "codes");
  lxai_set_functions(L, ctx, core_functions);
  lxai_open_json(L, ctx);
  lxai_open_encode(L, ctx);
  lxai_open_sse(L, ctx);
  lxai_open_block(L, ctx);
  lxai_open_client(L, ctx);
  lxai_open_schema(L, ctx);
  lxai_open_terminal(L, ctx);
}

/* The one name that the module shows. */
__attribute__((visibility("default"))) int luaopen_xai_core(lua_State *L);

/* A state that loads the module twice gets the same one, so that its types stay the same. */
int luaopen_xai_core(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &context_key);
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, LXAI_MODULE);
    return 1;
  }
  lua_createtable(L, LXAI_CONTEXT_SIZE, 0); /* context */
  int ctx = lua_gettop(L);
  for (int slot = 1; slot <= LXAI_CONTEXT_SIZE; slot++) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, ctx, slot);
  }
  set_words(L, ctx);
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED"); /* the name of package.loaded in every version */
  lua_rawseti(L, ctx, LXAI_LOADED);
  lua_newtable(L); /* context core */
  fill_module(L, ctx);
  lua_pushvalue(L, -1);
  lua_rawseti(L, ctx, LXAI_MODULE);
  lua_pushvalue(L, ctx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &context_key);
  return 1;
}
