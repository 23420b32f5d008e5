/* lxai_block.c - the JSON of neighbouring events in one userdata, from which each is cut when somebody asks.
 * SPDX-License-Identifier: MIT */
#include "lxai_block.h"

#include <string.h>

lxai_block *lxai_push_block(lua_State *L, int ctx, size_t room) {
  size_t words = (room + sizeof(uint32_t) - 1) / sizeof(uint32_t);
  lxai_block *self = lxai_newuserdata(L, sizeof *self + words * sizeof(uint32_t)); /* block */
  self->room = (uint32_t)words;
  self->used = self->count = 0;
  lxai_set_type(L, ctx, LXAI_BLOCK_MT);
  return self;
}

void lxai_block_reset(lxai_block *self) {
  self->used = self->count = 0;
}

size_t lxai_block_need(size_t len) {
  return sizeof(uint32_t) + len;
}

bool lxai_block_fits(const lxai_block *self, size_t len) {
  size_t room = (self->room - self->count) * sizeof(uint32_t) - self->used;
  return len <= room && lxai_block_need(len) <= room;
}

void lxai_block_add(lxai_block *self, xai_str text) {
  if (text.len > 0) memcpy((char *)self->words + self->used, text.ptr, text.len);
  self->used += (uint32_t)text.len;
  self->words[self->room - ++self->count] = self->used;
}

/* The text whose number is the second argument; raises when there is none. */
static xai_str check_text(lua_State *L) {
  const lxai_block *self = lxai_test(L, LXAI_HERE, 1, LXAI_BLOCK_MT);
  if (self == NULL) luaL_error(L, "not a block: call its methods with ':'");
  luaL_checktype(L, 2, LUA_TNUMBER);
  uint64_t number = 0;
  if (!lxai_to_whole(L, 2, &number) || number >= self->count)
    luaL_argerror(L, 2, "the block has no such text");
  const uint32_t *end = self->words + self->room - 1 - number;
  uint32_t begin = number > 0 ? end[1] : 0;
  return (xai_str){(const char *)self->words + begin, *end - begin};
}

/* block:text(n) -> the text */
static int block_text(lua_State *L) {
  lxai_push_str(L, check_text(L));
  return 1;
}

/* block:decode(n) -> what core.decode says of it */
static int block_decode(lua_State *L) {
  return lxai_decode(L, LXAI_HERE, check_text(L));
}

static const luaL_Reg block_meta[] = {{NULL, NULL}};
static const luaL_Reg block_methods[] = {{"text", block_text}, {"decode", block_decode}, {NULL, NULL}};

void lxai_open_block(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_BLOCK_MT, "xai.block", block_meta, block_methods);
}
