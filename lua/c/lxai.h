/* lxai.h - what the files of the Lua module share: its context, checks, errors and types.
 * SPDX-License-Identifier: MIT
 *
 * Every function of the module has the context table as its first upvalue; LXAI_HERE names it. A function
 * called otherwise gets the context's stack index handed in as `ctx`.
 *
 * Three rules keep it safe, for nearly every lua_* call may jump away or run a finalizer that calls back
 * into the module: memory is owned by a userdata before it exists; a reusable object is taken out of the
 * context while in use; an owner whose memory is lent to us is locked, or the memory copied, before any push.
 */
#ifndef LXAI_H
#define LXAI_H

#include "lxai_compat.h"
#include "xai.h"

#pragma GCC visibility push(hidden)

#define LXAI_HERE lua_upvalueindex(1)

/* Slots of the context, which is the module's only entry in the registry. */
enum {
  LXAI_DECODER = 1, /* the reusable decoder, false while taken */
  LXAI_ENCODER,     /* the reusable encoder, likewise          */
  LXAI_DECODER_MT,
  LXAI_ENCODER_MT,
  LXAI_NUMBER_MT,
  LXAI_ARRAY_MT,
  LXAI_SSE_MT,
  LXAI_BLOCK_MT,
  LXAI_CLIENT_MT,
  LXAI_TOLD_MT,
  LXAI_RESULT_MT,
  LXAI_SCHEMA_MT,
  LXAI_SCHEMA_STREAM_MT,
  LXAI_SSE_PUSH, /* function: pushes with the parser locked  */
  LXAI_SSE_PUSH_END,
  LXAI_CLIENT_PUSH, /* function: pushes with the client locked  */
  LXAI_SCHEMA_PUSH, /* function: pushes with the schema or its streaming check locked  */
  LXAI_SCHEMA_PUSH_PARTIAL,
  LXAI_MODULE, /* what require gave                       */
  LXAI_LOADED, /* package.loaded, where cjson may be      */
  LXAI_WORD_JSONORDER,
  LXAI_WORD_CJSON,
  LXAI_WORD_CJSON_SAFE,
  LXAI_WORD_ARRAY_MT,
  LXAI_WORD_EMPTY_ARRAY_MT,
  LXAI_WORD_EMPTY_ARRAY,
  LXAI_CONTEXT_SIZE = LXAI_WORD_EMPTY_ARRAY
};

/* The allocator of the Lua state, which has our shape. */
xai_mem lxai_mem(lua_State *L);

/* ---- errors ---- */

/* Fills `err`; the message is the code's sentence, then ": " and the formatted text when given. */
void lxai_error_set(xai_error *err, xai_code code, xai_kind kind, const char *format, ...)
#if defined(__GNUC__)
  __attribute__((format(printf, 4, 5)))
#endif
  ;
/* Pushes nil and the error as a table; returns 2. */
int lxai_fail(lua_State *L, const xai_error *err);
int lxai_fail_nomem(lua_State *L);
/* Pushes the error as a table. */
void lxai_push_error(lua_State *L, const xai_error *err);
/* A code's name without "err_". */
const char *lxai_code_name(xai_code code);

/* ---- checks: the programmer's mistakes are raised ---- */

/* Pushes table[name], raw; the table is at an absolute or pseudo index. */
void lxai_get(lua_State *L, int table, const char *name);
/* The same for an optional field of one type; each pushes the field, so that a text stays alive, and raises
 * unless the type is right. `where` is named in the message. */
bool lxai_opt_bool(lua_State *L, int table, const char *where, const char *name);
const char *lxai_opt_str(lua_State *L, int table, const char *where, const char *name, size_t *len);
uint64_t lxai_opt_count(lua_State *L, int table, const char *where, const char *name); /* 0: absent */
/* Raises if the table at `index` (nil is fine) has a key that is not in `names`, a list that ends in NULL. */
void lxai_check_options(lua_State *L, int index, const char *where, const char *const *names);
/* An optional text that C will read up to its first NUL: so it may hold none. */
const char *lxai_opt_cstr(lua_State *L, int table, const char *where, const char *name);
/* Index of the text in a list that ends in NULL; raises naming the field. */
int lxai_choose(lua_State *L, const char *where, const char *name, const char *text, const char *const *list);

/* The userdata at `index` if its metatable is context slot `type`, else NULL. */
void *lxai_test(lua_State *L, int ctx, int index, int type);
/* A new metatable whose methods have the context as upvalue, kept in slot `type`. */
void lxai_new_type(lua_State *L, int ctx, int type, const char *name, const luaL_Reg *meta,
                   const luaL_Reg *methods);
/* Gives the value on top the metatable in slot `type`. */
void lxai_set_type(lua_State *L, int ctx, int type);
/* Sets functions into the table on top, each with the context as upvalue. */
void lxai_set_functions(lua_State *L, int ctx, const luaL_Reg *functions);

/* Calls the function in slot `push` with (context, pointer to work, what stands at index 1), *lock held meanwhile.
 * Returns how many results it left, or -1 when it raised an error, which is then on top for the caller to raise on.
 * Nothing is made in Lua before the lock is held. */
int lxai_locked(lua_State *L, int ctx, int push, bool *lock, void *work);

/* ---- rate limits ---- */

/* From a client's table: rates, rates_fixed and breaker. Leaves on the stack what the config borrows. */
void lxai_check_rates(lua_State *L, int table, xai_config *config);
/* From a client's table: budget; likewise. */
void lxai_check_budget(lua_State *L, int table, xai_config *config);
/* From a call's table: most_cost, model, priority, tokens and idempotency_key; likewise. */
void lxai_check_schedule(lua_State *L, int table, xai_request *request);

/* ---- JSON ---- */

static inline void lxai_push_str(lua_State *L, xai_str text) {
  lua_pushlstring(L, text.len == 0 ? "" : text.ptr, text.len);
}

/* Pushes a scalar, or an empty table for a container, with an array's mark and room for what it holds. */
void lxai_push_one(lua_State *L, int ctx, const xai_json *value);

/* Pushes a core value as a Lua value: XAI_OK and one value more on the stack, or XAI_ERR_DEPTH (the host's
 * stack is too small) or XAI_ERR_NOMEM and none. The value must not change meanwhile: its owner is locked. */
xai_code lxai_push_json(lua_State *L, int ctx, const xai_json *value);

/* core.decode without options, of a text that stays where it is as long as the stack does: value | nil, err. */
int lxai_decode(lua_State *L, int ctx, xai_str text);

/* What a Lua value has of a core value that grows at its end: all of what is closed, and the way to what is open. */
typedef struct lxai_growth {
  xai_mem mem;
  struct lxai_growth_frame *frames; /* the containers on that way, from the root inwards */
  size_t room;
  size_t depth;
} lxai_growth;

void lxai_growth_free(lxai_growth *self);
/* Pushes the Lua value of `root`, with what came since the last time: XAI_OK, or XAI_ERR_NOMEM and nothing pushed.
 * A container is the same table each time; `way`, a table at an absolute index that is this growth's alone, keeps
 * the tables on the way to what is open. `root` must be the same each time and may only have grown at its end: by
 * further elements and members of what is open, and by further bytes of the open string. Takes time for what is new,
 * for the length of the open string if that grew, and for the depth; what is closed is never visited again. */
xai_code lxai_push_growing(lua_State *L, int ctx, lxai_growth *self, int way, const xai_json *root);

/* What it means that the host's stack cannot grow at this depth: it holds some thousand values on every host,
 * so below that it was memory that ran out. */
xai_code lxai_stack_code(size_t depth);

/* The text of an exact number at `index`; an empty text if it is none. Lives as long as the userdata. */
xai_str lxai_number_text(lua_State *L, int ctx, int index);

/* ---- the files' entrances: each adds its functions to the module's table on top of the stack ---- */

void lxai_open_json(lua_State *L, int ctx);
void lxai_open_encode(lua_State *L, int ctx);
/* What core.encode{held = true} left in an encoder at this place of the stack; NULL: no encoder, or taken already. */
xai_json_writer *lxai_held_text(lua_State *L, int index);
void lxai_open_sse(lua_State *L, int ctx);
void lxai_open_block(lua_State *L, int ctx);
void lxai_open_client(lua_State *L, int ctx);
void lxai_open_schema(lua_State *L, int ctx);
void lxai_open_terminal(lua_State *L, int ctx);

#pragma GCC visibility pop

#endif
