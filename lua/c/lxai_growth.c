/* lxai_growth.c - a Lua value that follows a core value which grows at its end: a text being read.
 * SPDX-License-Identifier: MIT
 *
 * The open containers are those on the way from the root to the last value; a frame for each says how much of it is
 * in its table. One that got a sibling is closed and its frame is gone, so each element is converted once. A frame
 * counts an element only when its table has it: after an error in between it is made again.
 */
#include "lxai.h"

typedef struct lxai_growth_frame {
  const xai_json *container;
  const xai_json *last; /* the last element that the table has; NULL: none */
  size_t len;           /* bytes of it, if a string                        */
  int count;            /* elements that the table has                     */
} frame;

void lxai_growth_free(lxai_growth *self) {
  if (self->frames != NULL) self->mem.fn(self->mem.user, self->frames, self->room * sizeof(frame), 0);
  self->frames = NULL;
  self->room = self->depth = 0;
}

static frame *innermost(const lxai_growth *self) {
  return &self->frames[self->depth - 1];
}

static const xai_json *next_of(const frame *f) {
  return f->last == NULL ? xai_json_first(f->container) : xai_json_next(f->last);
}

static bool is_container(const xai_json *value) {
  return xai_json_type_of(value) >= XAI_JSON_ARRAY;
}

/* Sets the value on top into the table below it. */
static void set_element(lua_State *L, const frame *f, const xai_json *element, int index) {
  if (xai_json_type_of(f->container) == XAI_JSON_ARRAY) {
    lua_rawseti(L, -2, index);
    return;
  }
  lxai_push_str(L, xai_json_key(element));
  lua_insert(L, -2);
  lua_rawset(L, -3);
}

static bool make_room(lxai_growth *self) {
  if (self->depth < self->room) return true;
  size_t room = self->room == 0 ? 16 : self->room * 2;
  frame *more = self->mem.fn(self->mem.user, self->frames, self->room * sizeof(frame), room * sizeof(frame));
  if (more == NULL) return false;
  self->frames = more;
  self->room = room;
  return true;
}

/* Pushes the container's table and lays out its frame, which does not count yet. */
static bool prepare(lua_State *L, int ctx, lxai_growth *self, int way, const xai_json *container) {
  if (!make_room(self)) return false;
  lxai_push_one(L, ctx, container); /* table */
  lua_pushvalue(L, -1);
  lua_rawseti(L, way, (int)self->depth + 1);
  self->frames[self->depth] = (frame){.container = container};
  return true;
}

/* table -> the innermost table, which has one element more or is that element */
static bool take(lua_State *L, int ctx, lxai_growth *self, int way, const xai_json *element) {
  bool deeper = is_container(element);
  if (!deeper) lxai_push_one(L, ctx, element);                 /* table value */
  else if (!prepare(L, ctx, self, way, element)) return false; /* table value */
  frame *f = innermost(self);
  if (deeper) {
    lua_pushvalue(L, -1);
    lua_insert(L, -3); /* value table value */
  }
  set_element(L, f, element, f->count + 1);
  if (deeper) lua_pop(L, 1);
  f->last = element;
  f->len = xai_json_str(element).len;
  f->count++;
  self->depth += deeper;
  return true;
}

/* The last string is made anew if it has grown: table -> table */
static void renew_string(lua_State *L, const lxai_growth *self) {
  frame *f = innermost(self);
  if (f->last == NULL || xai_json_type_of(f->last) != XAI_JSON_STRING) return;
  xai_str text = xai_json_str(f->last);
  if (text.len == f->len) return;
  lxai_push_str(L, text);
  set_element(L, f, f->last, f->count);
  f->len = text.len;
}

/* Frames up to the innermost container that has something new; 0: there is none. */
static size_t unfinished(const lxai_growth *self) {
  size_t depth = self->depth;
  while (depth > 0 && next_of(&self->frames[depth - 1]) == NULL) depth--;
  return depth;
}

/* Pushes the innermost table, which is made if it is the root's. */
static bool enter(lua_State *L, int ctx, lxai_growth *self, int way, const xai_json *root) {
  if (self->depth > 0) {
    lua_rawgeti(L, way, (int)self->depth);
    return true;
  }
  if (!prepare(L, ctx, self, way, root)) return false;
  self->depth = 1;
  return true;
}

xai_code lxai_push_growing(lua_State *L, int ctx, lxai_growth *self, int way, const xai_json *root) {
  if (!lua_checkstack(L, 8)) return XAI_ERR_NOMEM;
  if (!is_container(root)) {
    lxai_push_one(L, ctx, root);
    return XAI_OK;
  }
  int top = lua_gettop(L);
  bool done = enter(L, ctx, self, way, root); /* table */
  if (done) renew_string(L, self);
  for (size_t depth; done && (depth = unfinished(self)) > 0;) {
    if (depth < self->depth) {
      self->depth = depth;
      lua_pop(L, 1);
      lua_rawgeti(L, way, (int)depth);
    }
    done = take(L, ctx, self, way, next_of(innermost(self)));
  }
  lua_settop(L, top);
  if (!done) return XAI_ERR_NOMEM;
  lua_rawgeti(L, way, 1); /* table */
  return XAI_OK;
}
