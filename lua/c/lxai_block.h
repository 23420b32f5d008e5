/* lxai_block.h - the JSON of neighbouring events in one userdata, from which each is cut when somebody asks.
 * SPDX-License-Identifier: MIT
 *
 * A string of its own for each event's JSON would be most of what an event costs, and few programs look at it. An event
 * that is kept keeps its block: LXAI_BLOCK_MOST bytes at most, or twice that where texts alone were wanted before.
 */
#ifndef LXAI_BLOCK_H
#define LXAI_BLOCK_H

#include "lxai.h"

#pragma GCC visibility push(hidden)

#define LXAI_BLOCK_MOST 16384

typedef struct lxai_block {
  uint32_t room;    /* words                   */
  uint32_t used;    /* bytes, from the start   */
  uint32_t count;   /* of texts                */
  uint32_t words[]; /* the texts one after another; and from the end on, backwards, where each ends */
} lxai_block;

/* Pushes a block with room for texts that need so many bytes together; room is 4 * LXAI_BLOCK_MOST at most. */
lxai_block *lxai_push_block(lua_State *L, int ctx, size_t room);

/* Empty again; only while no event has it. */
void lxai_block_reset(lxai_block *self);

/* What a text of so many bytes needs. */
size_t lxai_block_need(size_t len);

bool lxai_block_fits(const lxai_block *self, size_t len);

/* Copies the text, which must fit. Lua has text(n) and decode(n) of a block: n is 0 for the first text. */
void lxai_block_add(lxai_block *self, xai_str text);

#pragma GCC visibility pop

#endif
