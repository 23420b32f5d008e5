/* lxai_lot.c - all that one call has, for Lua at one crossing: what its events are made of, or the lines they came in.
 * SPDX-License-Identifier: MIT */
#include "lxai_block.h"
#include "lxai_client.h"

#include <string.h>

#define LOT_BYTES 65536   /* of text and data: then a lot is full   */
#define LARGE_BYTES 4096  /* who keeps such an event keeps it alone */
#define RUN_SLOTS 5       /* see take                               */
#define USUAL_BYTES 256   /* of an event's data, about              */
#define SPARED_MOST 32768 /* in a block that is used again: a read of the network brings half  */
#define LINES_BYTES 16384 /* of lines: no further piece is put to them */
#define SPLIT_BYTES 1024
#define PIECE_BYTES 127

typedef struct lot {
  lxai_client *self;
  int ctx;
  xai_call_id call;
  int most;          /* events, at most                             */
  int count;         /* of them in the table                        */
  int runs;          /* of neighbours that are alike, begun         */
  int raws;          /* strings in their table                      */
  size_t bytes;      /* of text and data                            */
  uint64_t place;    /* of the run at hand, and its name            */
  xai_str name;      /*                                             */
  bool sparing;      /* texts alone are wanted                      */
  lxai_block *block; /* where the data of more may go, or NULL      */
  bool in_block;     /* the run at hand is one of events in `block` */
  enum { LOT_DRAINED, LOT_FULL, LOT_TURN } end;
} lot;

/* What stands where while a lot is filled. */
enum { AT_LOT = 3, AT_LIST, AT_RUNS, AT_RAWS, AT_BLOCK };

/* The next event is owed then, until it is in the table. */
static bool has_next(lot *it) {
  lxai_client *self = it->self;
  if (!self->owes) self->owes = xai_call_next(self->client, it->call, &self->event) == XAI_OK;
  return self->owes;
}

/* ---- where the data goes ---- */

/* Four times what the lot has so far: a few blocks do for many events, and little is room for none. Nor is there more
 * than the events that may still come would need if they are like those before. */
static size_t room_for(const lot *it, size_t len) {
  size_t need = lxai_block_need(len), room = 4 * it->bytes;
  size_t rest = (size_t)(it->most - it->count) * lxai_block_need(it->bytes / (size_t)it->count);
  if (room > rest) room = rest;
  if (room > LXAI_BLOCK_MOST) room = LXAI_BLOCK_MOST;
  return room > need ? room : need;
}

static bool has_room(const lot *it, size_t len) {
  return it->block != NULL && lxai_block_fits(it->block, len);
}

static void find_room(lua_State *L, lot *it, size_t room) {
  it->block = NULL;
  it->in_block = false;
  lxai_block *block = lxai_push_block(L, it->ctx, room);
  lua_replace(L, AT_BLOCK);
  it->block = block;
}

/* ---- runs ---- */

/* Kind and both indices in one number that any Lua holds exactly: see lua/xai/event.lua. */
static uint64_t place_of(const xai_event *event) {
  return ((uint64_t)event->content_index << 17 | (uint64_t)event->output_index) << 3 | (unsigned)event->type;
}

static bool is_like_before(const lot *it) {
  const xai_event *event = &it->self->event;
  bool same = it->count > 0 && place_of(event) == it->place && event->name.len == it->name.len;
  return same && (it->name.len == 0 || memcmp(event->name.ptr, it->name.ptr, it->name.len) == 0);
}

/* Of the event that is owed, and those after it. Counted when it is whole. */
static void begin_run(lua_State *L, lot *it, bool in_block) {
  const xai_event *event = &it->self->event;
  int at = 1 + RUN_SLOTS * it->runs, first = it->count + 1;
  it->in_block = in_block;
  lua_pushinteger(L, first);
  lua_rawseti(L, AT_RUNS, at + 1);
  lxai_push_whole(L, place_of(event));
  lua_rawseti(L, AT_RUNS, at + 2);
  lxai_push_str(L, event->name);
  const char *kept = lua_tostring(L, -1); /* as long as it stays there */
  lua_rawseti(L, AT_RUNS, at + 3);
  if (in_block) lua_pushvalue(L, AT_BLOCK);
  else lua_pushboolean(L, 0);
  lua_rawseti(L, AT_RUNS, at + 4);
  lua_pushinteger(L, first - (in_block ? (int)it->block->count : it->raws + 1));
  lua_rawseti(L, AT_RUNS, at + 5);
  lua_pushinteger(L, ++it->runs);
  lua_rawseti(L, AT_RUNS, 1);
  it->place = place_of(event);
  it->name = (xai_str){kept, event->name.len};
}

/* Into a string of its own goes the data of the first event of a kind, which may be the only one; and of a large one: who
 * keeps it should keep nothing else. */
static void choose_run(lua_State *L, lot *it) {
  size_t len = it->self->event.data.len;
  bool like = is_like_before(it);
  if (!LXAI_INTERNS_ALL || !like || len >= LARGE_BYTES) {
    if (!like || it->in_block) begin_run(L, it, false);
    return;
  }
  if (!has_room(it, len)) find_room(L, it, room_for(it, len));
  if (!it->in_block) begin_run(L, it, true);
}

/* ---- where texts alone are wanted ---- */

/* The lot's block, empty; none, when it has none yet. */
static void reuse_block(lua_State *L, lot *it) {
  lua_pushliteral(L, "block");
  lua_rawget(L, AT_LOT);
  it->block = lxai_test(L, it->ctx, -1, LXAI_BLOCK_MT);
  lua_replace(L, AT_BLOCK);
  if (it->block != NULL) lxai_block_reset(it->block);
}

static void renew_block(lua_State *L, lot *it, size_t len) {
  size_t need = lxai_block_need(len), usual = (size_t)it->most * USUAL_BYTES;
  if (usual > SPARED_MOST) usual = SPARED_MOST;
  find_room(L, it, need > usual ? need : usual);
  lua_pushliteral(L, "block");
  lua_pushvalue(L, AT_BLOCK);
  lua_rawset(L, AT_LOT);
}

/* The data is put by, in the lot's one block, and nothing made of it. False: that is full, and so is the lot. */
static bool choose_spared_run(lua_State *L, lot *it) {
  size_t len = it->self->event.data.len;
  bool is_large = len >= LARGE_BYTES;
  if (!is_large && !has_room(it, len)) {
    if (it->block != NULL && it->block->count > 0) return false;
    renew_block(L, it, len);
  }
  if (is_large == it->in_block || !is_like_before(it)) begin_run(L, it, !is_large);
  return true;
}

static bool choose(lua_State *L, lot *it) {
  if (it->sparing) return choose_spared_run(L, it);
  choose_run(L, it);
  return true;
}

/* The event that is owed. Where memory runs out it stays so. The tables are filled without gaps: of one with gaps LuaJIT
 * may lose something when there is no memory for it to grow; nor has the list any other keys, for the same reason. */
static void add_event(lua_State *L, lot *it) {
  const xai_event *event = &it->self->event;
  int number = it->count + 1;
  if (event->type == XAI_EVENT_API) lua_pushnil(L);
  else lxai_push_str(L, event->text);
  lua_rawseti(L, AT_LIST, number);
  if (it->in_block) {
    lxai_block_add(it->block, event->data);
  } else {
    lxai_push_str(L, event->data);
    lua_rawseti(L, AT_RAWS, it->raws + 1);
    it->raws++;
  }
  it->bytes += event->text.len + event->data.len;
  it->count = number;
  it->self->owes = false;
}

/* No piece but another event is next; a retry comes alone. */
static bool has_turn(lot *it) {
  const xai_event *event = &it->self->event;
  if (lxai_is_piece(event)) return false;
  it->end = event->type == XAI_EVENT_RETRY && it->count > 0 ? LOT_FULL : LOT_TURN;
  return true;
}

/* Events until there are no more, or the lot is full, or another event's turn has come. */
static void fill(lua_State *L, lot *it) {
  while (it->end == LOT_DRAINED && has_next(it)) {
    if (has_turn(it)) return;
    bool fits = choose(L, it);
    if (fits) add_event(L, it);
    if (!fits || it->count == it->most || it->bytes >= LOT_BYTES) it->end = LOT_FULL;
  }
}

/* How many there are, and what follows. */
static int push_count(lua_State *L, int ctx, lot *it) {
  static const char *const ends[] = {"rest", "more"};
  const xai_event *event = &it->self->event;
  lua_pushinteger(L, it->count);
  lua_pushstring(L, it->end == LOT_TURN ? lxai_event_word(event->type) : ends[it->end]);
  if (it->end != LOT_TURN) return 2;
  int results = 2 + lxai_push_turn(L, ctx, it->self);
  it->self->owes = false;
  return results;
}

static void push_part(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, AT_LOT);
  if (!lua_istable(L, -1)) luaL_error(L, "take: a lot needs a table '%s'", name);
}

/* At index 3 stands the lot. */
static int push_lot(lua_State *L, int ctx, const void *lent) {
  lot *it = (lot *)(uintptr_t)lent;
  it->ctx = ctx;
  lua_settop(L, AT_LOT);
  push_part(L, "list");
  push_part(L, "runs");
  push_part(L, "raws");
  lua_pushnil(L); /* lot list runs raws block */
  lua_pushinteger(L, 0);
  lua_rawseti(L, AT_RUNS, 1);
  if (it->sparing) reuse_block(L, it);
  fill(L, it);
  lua_settop(L, AT_LOT);
  return push_count(L, ctx, it);
}

/* handle:take(id, lot, most [, sparing]) -> count, word, ...: what the call has, in the order it came. The table lot.list
 * gets the texts of its events (nil: it has none), `count` of them; the table lot.raws the JSON of those that are in no
 * block. The table lot.runs gets what they have in common: how many runs there are, then five slots for each: the number
 * of its first event, which may be past `count`; place; name; the block, or false; and what to take from an event's number
 * for its JSON's in the block, or in lot.raws. The word says what follows: "rest", nothing for now; "more", there may be
 * more at once; "retry" and "end", that event, with what next() gives after the word; "owed", first take another call's
 * event by next(). Where `sparing` is true a lot has one block at most, lot.block, which is written over when the same lot
 * is filled so again: whoever makes events of a lot first sets that to false. */
static int client_take(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  lot it = {.self = self, .call = lxai_to_call(L, 2), .sparing = lua_toboolean(L, 5)};
  luaL_checktype(L, 3, LUA_TTABLE);
  it.most = (int)luaL_checkinteger(L, 4);
  if (it.most < 1 || it.most > 10000) return luaL_argerror(L, 4, "a number of events");
  lua_settop(L, 3);
  lua_insert(L, 1); /* lot self id */
  if (self->owes && self->event.call.id != it.call.id) {
    lua_pushinteger(L, 0);
    lua_pushliteral(L, "owed");
    return 2;
  }
  int results = lxai_try_lent(L, self, push_lot, &it);
  if (results >= 0) return results;
  if (it.count == 0) return lua_error(L);
  lua_pushinteger(L, it.count); /* what could not be pushed comes the next time */
  lua_pushliteral(L, "more");
  return 2;
}

/* ---- the same as lines, for who passes them on ---- */

typedef struct lines {
  lot lot;
  bool named; /* with the names of the events */
  char *text; /* LINES_BYTES                  */
  size_t len;
} lines;

/* Every line of the data is a line of its own. */
static size_t len_of_lines(xai_str name, xai_str data) {
  size_t breaks = 0;
  const char *at = data.ptr, *end = data.ptr + data.len;
  for (; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) breaks++;
  size_t len = sizeof "data: \n\n" - 1 + data.len + breaks * (sizeof "data: " - 1);
  return name.len > 0 ? len + sizeof "event: \n" - 1 + name.len : len;
}

static char *put(char *at, const char *bytes, size_t len) {
  memcpy(at, bytes, len);
  return at + len;
}

static char *put_line(char *at, xai_str field, xai_str value) {
  at = put(at, field.ptr, field.len);
  at = put(at, value.ptr, value.len);
  return put(at, "\n", 1);
}

static void put_lines(char *at, xai_str name, xai_str data) {
  const xai_str event_field = {"event: ", 7}, data_field = {"data: ", 6};
  if (name.len > 0) at = put_line(at, event_field, name);
  for (const char *end; (end = memchr(data.ptr, '\n', data.len)) != NULL;) {
    size_t len = (size_t)(end - data.ptr);
    at = put_line(at, data_field, (xai_str){data.ptr, len});
    data = (xai_str){end + 1, data.len - len - 1};
  }
  put(put_line(at, data_field, data), "\n", 1);
}

/* The last one may be larger than the room: it cannot stay lent until somebody asks again, for bytes are fed meanwhile.
 * False: there is no room for another. */
static bool add_lines(lua_State *L, lines *it) {
  const xai_event *event = &it->lot.self->event;
  xai_str name = it->named ? lxai_or_empty(event->name) : lxai_or_empty((xai_str){0}),
          data = lxai_or_empty(event->data);
  size_t len = len_of_lines(name, data);
  if (len > LINES_BYTES - it->len) {
    char *more = lxai_newuserdata(L, it->len + len);
    memcpy(more, it->text, it->len);
    it->text = more;
  }
  put_lines(it->text + it->len, name, data);
  it->len += len;
  it->lot.count++;
  it->lot.self->owes = false;
  return it->len < LINES_BYTES;
}

/* LuaJIT, as OpenResty has it, hashes only texts below 128 bytes whole. Those of events mostly differ in a few bytes
 * somewhere in the middle, and hundreds of them with one hash were a third of a relay's time. Longer ones are many
 * events, or no deltas. */
static int push_pieces(lua_State *L, int list, xai_str text) {
  int count = 0;
  for (size_t most = text.len > SPLIT_BYTES ? text.len : PIECE_BYTES; text.len > 0;) {
    size_t len = text.len < most ? text.len : most;
    lua_pushlstring(L, text.ptr, len);
    lua_rawseti(L, list, ++count);
    text = (xai_str){text.ptr + len, text.len - len};
  }
  return count;
}

static void clear_from(lua_State *L, int list, int at) {
  for (;; at++) {
    lua_rawgeti(L, list, at);
    bool is_last = lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_last) return;
    lua_pushnil(L);
    lua_rawseti(L, list, at);
  }
}

/* At index 3 stands the list to fill. */
static void fill_list(lua_State *L, lines *it) {
  char text[LINES_BYTES];
  it->text = text;
  while (it->lot.end == LOT_DRAINED && has_next(&it->lot))
    if (!has_turn(&it->lot) && !add_lines(L, it)) it->lot.end = LOT_FULL;
  clear_from(L, 3, push_pieces(L, 3, (xai_str){it->text, it->len}) + 1);
}

static int push_lines(lua_State *L, int ctx, const void *lent) {
  lines *it = (lines *)(uintptr_t)lent;
  fill_list(L, it);
  lxai_push_whole(L, it->len);
  return 1 + push_count(L, ctx, &it->lot);
}

/* handle:take_lines(id, list, named) -> bytes, count, word, ...: as take(), but of the pieces there are the lines in
 * which a server sends them (WHATWG HTML section 9.2): their names, where `named` is true, their data, an empty line. The
 * list holds this text afterwards, in parts and nothing else; there are `bytes` of it. What memory lacks for is lost:
 * who passes it on gives the stream up with the error that is raised. */
static int client_take_lines(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  lines it = {.lot = {.self = self, .call = lxai_to_call(L, 2)}, .named = lua_toboolean(L, 4)};
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  lua_insert(L, 1); /* list self id */
  if (!self->owes || self->event.call.id == it.lot.call.id) return lxai_push_lent(L, self, push_lines, &it);
  lua_pushinteger(L, 0);
  lua_pushinteger(L, 0);
  lua_pushliteral(L, "owed");
  return 3;
}

typedef struct passage {
  lines lines;
  lxai_fed fed;
} passage;

/* At index 3 stands the list to fill. Whether something is to be done is asked when the events are out. */
static int push_passage(lua_State *L, int ctx, const void *lent) {
  passage *it = (passage *)(uintptr_t)lent;
  fill_list(L, &it->lines);
  int results = lxai_push_fed(L, it->lines.lot.self, it->fed);
  lxai_push_whole(L, it->lines.len);
  return results + 1 + push_count(L, ctx, &it->lines.lot);
}

/* handle:host_pass(id, bytes, from, call, list, named) -> as host_feed(id, bytes, from), then, if the call has events, as
 * take_lines(call, list, named): for who passes on what comes, at one crossing for each piece. */
static int client_host_pass(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  passage it = {.lines = {.lot = {.self = self, .call = lxai_to_call(L, 5)}, .named = lua_toboolean(L, 7)}};
  luaL_checktype(L, 6, LUA_TTABLE);
  it.fed = lxai_feed(L, self, 2);
  bool may_take = !self->owes || self->event.call.id == it.lines.lot.call.id;
  if (!may_take || !has_next(&it.lines.lot)) return lxai_push_fed(L, self, it.fed);
  lua_settop(L, 6);
  lua_insert(L, 1); /* list self id bytes from call */
  return lxai_push_lent(L, self, push_passage, &it);
}

const luaL_Reg lxai_lot_methods[] = {
  {"take", client_take}, {"take_lines", client_take_lines}, {"host_pass", client_host_pass}, {NULL, NULL}};
