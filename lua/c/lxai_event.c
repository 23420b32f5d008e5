/* lxai_event.c - what a client's calls bring, for Lua: events as plain values, the response so far, a header.
 * SPDX-License-Identifier: MIT
 *
 * An event that was taken from the core and not given yet, for want of memory, is owed: it stays lent, no step is made,
 * and whoever asks next gets it. So nothing is lost, and each call ends once.
 */
#include "lxai_client.h"

#include <string.h>

#define SMALL_BYTES 4096
#define LOT_BYTES 65536   /* of text and data: then a lot is full */
#define LOT_SLOTS 4       /* of each piece in a lot               */
#define LINES_BYTES 16384 /* of lines: no further piece is put to them */
#define SPLIT_BYTES 1024
#define PIECE_BYTES 127

/* As xai_event_type. */
static const char *const event_words[] = {"text", "reasoning", "refusal", "arguments",
                                          "api",  "retry",     "end",     "ready"};

/* ---- single events ---- */

static bool is_piece(const xai_event *event) {
  return event->type <= XAI_EVENT_API;
}

static int push_head(lua_State *L, const xai_event *event) {
  lxai_push_whole(L, event->call.id);
  lua_pushstring(L, event_words[event->type]);
  return 2;
}

static int push_piece(lua_State *L, const xai_event *event, xai_str text, xai_str name, xai_str data) {
  push_head(L, event);
  lua_pushlstring(L, text.ptr, text.len);
  lua_pushlstring(L, name.ptr, name.len);
  lua_pushlstring(L, data.ptr, data.len);
  lxai_push_whole(L, event->output_index);
  lxai_push_whole(L, event->content_index);
  return 7;
}

static xai_str copy_to(char **at, xai_str from) {
  xai_str copy = {*at, from.len};
  if (from.len > 0) memcpy(*at, from.ptr, from.len);
  *at += from.len;
  return copy;
}

static bool is_small(const xai_event *event) {
  return event->text.len < SMALL_BYTES && event->name.len < SMALL_BYTES && event->data.len < SMALL_BYTES &&
         event->text.len + event->name.len + event->data.len <= SMALL_BYTES;
}

/* The common case, without a lock: copied off before the first push. */
static int push_small(lua_State *L, const xai_event *event) {
  char copy[SMALL_BYTES], *at = copy;
  xai_str text = copy_to(&at, event->text);
  xai_str name = copy_to(&at, event->name);
  xai_str data = copy_to(&at, event->data);
  return push_piece(L, event, text, name, data);
}

static xai_str or_empty(xai_str text) {
  return text.ptr != NULL ? text : (xai_str){"", 0};
}

/* What comes after the word. */
static int push_turn(lua_State *L, int ctx, const xai_event *event) {
  if (event->type == XAI_EVENT_END) {
    lxai_push_result(L, ctx, event->result);
    return 1;
  }
  lua_pushnumber(L, event->retry_ms / 1000.0);
  lxai_push_attempt(L, event->attempt);
  lxai_push_error(L, event->error);
  return 3;
}

static int push_event(lua_State *L, int ctx, const void *lent) {
  const xai_event *event = lent;
  if (is_piece(event)) {
    return push_piece(L, event, or_empty(event->text), or_empty(event->name), or_empty(event->data));
  }
  push_head(L, event);
  return 2 + push_turn(L, ctx, event);
}

/* An event that is owed stays so when it cannot be pushed. */
static int give_owed(lua_State *L, lxai_client *self) {
  int results = lxai_push_lent(L, self, push_event, &self->event);
  self->owes = false;
  return results;
}

/* handle:next() -> id, word, ... | nil */
static int client_next(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  if (self->owes) return give_owed(L, self);
  xai_event event;
  if (xai_client_next(self->client, &event) != XAI_OK) return lxai_push_nothing(L);
  if (event.type == XAI_EVENT_READY) return push_head(L, &event);
  if (is_piece(&event) && is_small(&event)) return push_small(L, &event);
  self->event = event;
  self->owes = true;
  return give_owed(L, self);
}

/* ---- all that one call has ---- */

typedef struct lot {
  lxai_client *self;
  xai_call_id call;
  int most;  /* pieces, at most                        */
  int count; /* of them in the table                   */
  size_t bytes;
  uint64_t place; /* of the piece before, and its name */
  xai_str name;
  enum { LOT_DRAINED, LOT_FULL, LOT_TURN } end;
} lot;

/* The next event is owed then, until it is in the table. */
static bool has_next(lot *it) {
  lxai_client *self = it->self;
  if (!self->owes) self->owes = xai_call_next(self->client, it->call, &self->event) == XAI_OK;
  return self->owes;
}

/* Kind and both indices in one number that any Lua holds exactly: see lua/xai/event.lua. */
static uint64_t place_of(const xai_event *event) {
  return ((uint64_t)event->content_index << 17 | (uint64_t)event->output_index) << 3 | (unsigned)event->type;
}

/* Neighbours mostly have the same place and name, and these are not said again. */
static void add_place(lua_State *L, lot *it, int at, xai_str name) {
  uint64_t place = place_of(&it->self->event);
  bool same = it->count > 0 && place == it->place && name.len == it->name.len;
  if (same && memcmp(name.ptr, it->name.ptr, name.len) == 0) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, at + 1);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, at + 2);
    return;
  }
  lua_pushlstring(L, name.ptr, name.len);
  const char *kept = lua_tostring(L, -1); /* as long as it stays in the lot */
  lua_rawseti(L, -2, at + 2);
  lxai_push_whole(L, place);
  lua_rawseti(L, -2, at + 1);
  it->place = place;
  it->name = (xai_str){kept, name.len};
}

/* With the lot on top. */
static void add_piece(lua_State *L, lot *it) {
  const xai_event *event = &it->self->event;
  int at = it->count * LOT_SLOTS;
  add_place(L, it, at, or_empty(event->name));
  if (event->type == XAI_EVENT_API) lua_pushnil(L);
  else lxai_push_str(L, event->text);
  lua_rawseti(L, -2, at + 3);
  lxai_push_str(L, event->data);
  lua_rawseti(L, -2, at + 4);
  it->bytes += event->text.len + event->data.len;
  it->count++;
  it->self->owes = false;
}

/* No piece but another event is next; a retry comes alone. */
static bool has_turn(lot *it) {
  const xai_event *event = &it->self->event;
  if (is_piece(event)) return false;
  it->end = event->type == XAI_EVENT_RETRY && it->count > 0 ? LOT_FULL : LOT_TURN;
  return true;
}

/* With the lot on top: pieces until there are no more, or the lot is full, or another event's turn has come. */
static void fill(lua_State *L, lot *it) {
  while (it->end == LOT_DRAINED && has_next(it)) {
    if (has_turn(it)) return;
    add_piece(L, it);
    if (it->count == it->most || it->bytes >= LOT_BYTES) it->end = LOT_FULL;
  }
}

/* How many there are, and what follows. */
static int push_count(lua_State *L, int ctx, lot *it) {
  static const char *const ends[] = {"rest", "more"};
  const xai_event *event = &it->self->event;
  lua_pushinteger(L, it->count);
  lua_pushstring(L, it->end == LOT_TURN ? event_words[event->type] : ends[it->end]);
  if (it->end != LOT_TURN) return 2;
  int results = 2 + push_turn(L, ctx, event);
  it->self->owes = false;
  return results;
}

/* At index 3 stands the table to fill. */
static int push_lot(lua_State *L, int ctx, const void *lent) {
  lot *it = (lot *)(uintptr_t)lent;
  lua_settop(L, 3);
  fill(L, it);
  return push_count(L, ctx, it);
}

/* handle:take(id, lot, most) -> count, word, ...: what the call has, in the order it came. The table `lot` gets its
 * pieces, `count` of them, each in four slots: place, name (both false: those of the piece before), text (nil: it has
 * none), data. The word says what follows: "rest", nothing for now; "more", there may be more at once; "retry" and "end",
 * that event, with what next() gives after the word; "owed", first take another call's event by next(). */
static int client_take(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  lot it = {.self = self, .call = lxai_to_call(L, 2)};
  luaL_checktype(L, 3, LUA_TTABLE);
  it.most = (int)luaL_checkinteger(L, 4);
  if (it.most < 1 || it.most > 10000) return luaL_argerror(L, 4, "a number of pieces");
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
  for (size_t i = 0; i < data.len; i++) breaks += data.ptr[i] == '\n';
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

/* With room for it, or alone. False: it comes the next time. */
static bool add_lines(lua_State *L, lines *it) {
  const xai_event *event = &it->lot.self->event;
  xai_str name = it->named ? or_empty(event->name) : or_empty((xai_str){0}), data = or_empty(event->data);
  size_t len = len_of_lines(name, data);
  if (len > LINES_BYTES - it->len && it->lot.count > 0) return false;
  if (len > LINES_BYTES) it->text = lxai_newuserdata(L, len);
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
static int push_lines(lua_State *L, int ctx, const void *lent) {
  char text[LINES_BYTES];
  lines *it = (lines *)(uintptr_t)lent;
  it->text = text;
  while (it->lot.end == LOT_DRAINED && has_next(&it->lot))
    if (!has_turn(&it->lot) && !add_lines(L, it)) it->lot.end = LOT_FULL;
  clear_from(L, 3, push_pieces(L, 3, (xai_str){it->text, it->len}) + 1);
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

/* handle:announce(id, on): while on, next() gives no events of the call but says "ready" when it has some, once; take()
 * gives them, and after its "rest" a further "ready" follows. Like hold, a finalizer may ask for it. */
static int client_announce(lua_State *L) {
  lxai_client *self = lxai_check_handle(L);
  xai_call_id call = lxai_to_call(L, 2);
  if (self->client != NULL) xai_call_announce(self->client, call, lua_toboolean(L, 3));
  return 0;
}

/* ---- looking ---- */

static int push_response(lua_State *L, int ctx, const void *lent) {
  lxai_push_whole_response(L, ctx, lent);
  return 1;
}

static int push_text(lua_State *L, int ctx, const void *lent) {
  (void)ctx;
  lxai_push_str(L, *(const xai_str *)lent);
  return 1;
}

/* handle:response(id) -> table | nil */
static int client_response(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  const xai_json *response = xai_call_response(self->client, lxai_to_call(L, 2));
  return response != NULL ? lxai_push_lent(L, self, push_response, response) : lxai_push_nothing(L);
}

/* handle:text(id) -> the text so far */
static int client_text(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  xai_str text = xai_call_text(self->client, lxai_to_call(L, 2));
  return lxai_push_lent(L, self, push_text, &text);
}

/* handle:header(name) -> text | nil */
static int client_header(lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  lxai_client *self = lxai_check_client(L);
  xai_str text = xai_result_header(self->client, name);
  return text.len > 0 ? lxai_push_lent(L, self, push_text, &text) : lxai_push_nothing(L);
}

/* At index 3 stands the list of names. */
static int push_headers(lua_State *L, int ctx, const void *lent) {
  const lxai_client *self = lent;
  int count = (int)lua_rawlen(L, 3);
  (void)ctx;
  lua_createtable(L, 0, 8);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 3, i);
    xai_str text = {NULL, 0};
    if (lua_type(L, -1) == LUA_TSTRING) text = xai_result_header(self->client, lua_tostring(L, -1));
    if (text.len == 0) {
      lua_pop(L, 1);
      continue;
    }
    lxai_push_str(L, text); /* headers name text */
    lua_rawset(L, -3);
  }
  return 1;
}

/* handle:headers{name ...} -> { name = text ... }: those that the answer has */
static int client_headers(lua_State *L) {
  lxai_client *self = lxai_check_client(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_insert(L, 1); /* names self */
  return lxai_push_lent(L, self, push_headers, self);
}

const luaL_Reg lxai_event_methods[] = {
  {"next", client_next},         {"take", client_take},         {"take_lines", client_take_lines},
  {"announce", client_announce}, {"response", client_response}, {"text", client_text},
  {"header", client_header},     {"headers", client_headers},   {NULL, NULL}};
