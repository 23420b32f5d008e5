/* xai_equal.c - JSON values compared as JSON Schema sees them: 1 is 1.0, and members have no order.
 * SPDX-License-Identifier: MIT */
#include "xai_equal.h"

#include <string.h>

#include "xai_decimal.h"

/* Up to so many members are looked through one by one. */
#define FEW 16

/* ---- the stack ---- */

void xai__equal_init(xai_equal *e, const xai_mem *mem) {
  *e = (xai_equal){.max_work = UINT64_MAX, .mem = xai__mem(mem)};
}

void xai__equal_deinit(xai_equal *e) {
  xai__free(&e->mem, e->pairs, e->room * sizeof *e->pairs);
  xai__free(&e->mem, e->table, e->table_room * sizeof(xai_json *));
  e->pairs = NULL;
  e->table = NULL;
  e->room = e->used = e->table_room = e->table_used = 0;
}

static bool reserve_table(xai_equal *e, size_t slots) {
  if (e->table_room - e->table_used >= slots) return true;
  size_t room = (e->table_used + slots) * 2;
  const xai_json **more = xai__realloc(&e->mem, e->table, e->table_room * sizeof *more, room * sizeof *more);
  if (more == NULL) {
    e->code = XAI_ERR_NOMEM;
    return false;
  }
  e->table = more;
  e->table_room = room;
  return true;
}

static bool push(xai_equal *e, xai_equal_pair pair) {
  if (e->used == e->room) {
    size_t room = e->room == 0 ? 16 : e->room * 2;
    xai_equal_pair *more =
      xai__realloc(&e->mem, e->pairs, e->room * sizeof *e->pairs, room * sizeof *e->pairs);
    if (more == NULL) {
      e->code = XAI_ERR_NOMEM;
      return false;
    }
    e->pairs = more;
    e->room = room;
  }
  e->pairs[e->used++] = pair;
  return true;
}

static bool worked(xai_equal *e, uint64_t amount) {
  e->work += amount;
  if (e->work <= e->max_work) return true;
  if (e->code == XAI_OK) e->code = XAI_ERR_STEPS;
  return false;
}

/* ---- equality ---- */

static bool same_bytes(const char *a, size_t a_len, const char *b, size_t b_len) {
  return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool is_container(const xai_json *value) {
  return value->type >= XAI_JSON_ARRAY;
}

static bool same_number(const xai_json *a, const xai_json *b) {
  if (same_bytes(a->as.text, a->len, b->as.text, b->len)) return true;
  xai_decimal x = xai__decimal(xai_json_text(a)), y = xai__decimal(xai_json_text(b));
  return xai__decimal_compare(&x, &y) == 0;
}

/* Of the same type; containers only by their size. */
static bool same_here(const xai_json *a, const xai_json *b) {
  switch ((xai_json_type)a->type) {
    case XAI_JSON_NULL: return true;
    case XAI_JSON_BOOL: return a->boolean == b->boolean;
    case XAI_JSON_NUMBER: return same_number(a, b);
    case XAI_JSON_STRING: return same_bytes(a->as.text, a->len, b->as.text, b->len);
    case XAI_JSON_ARRAY:
    case XAI_JSON_OBJECT: return a->len == b->len;
  }
  return false;
}

static bool same_key(const xai_json *a, const xai_json *b) {
  return same_bytes(a->key, a->key_len, b->key, b->key_len);
}

/* Steps for the bytes of a string or number. */
static uint64_t work_of(const xai_json *value) {
  return is_container(value) ? 0 : value->len / 16;
}

static const xai_json *find_among_few(const xai_json *object, const xai_json *like) {
  const xai_json *m = object->as.list.first;
  while (m != NULL && !same_key(m, like)) m = m->next;
  return m;
}

/* The slot of a key: its member, or NULL. */
static const xai_json **slot_of(xai_equal *e, const xai_equal_pair *pair, const xai_json *like) {
  const xai_json **slots = e->table + pair->table;
  size_t at = (size_t)xai__hash_bytes(like->key, like->key_len) & pair->mask;
  while (slots[at] != NULL && !same_key(slots[at], like) && worked(e, 1)) at = (at + 1) & pair->mask;
  return &slots[at];
}

static bool make_table(xai_equal *e, xai_equal_pair *pair) {
  size_t slots = 2 * (size_t)FEW;
  while (slots < 2 * (size_t)pair->b->len) slots *= 2;
  if (!reserve_table(e, slots)) return false;
  pair->table = e->table_used;
  pair->mask = slots - 1;
  e->table_used += slots;
  memset(e->table + pair->table, 0, slots * sizeof *e->table);
  for (const xai_json *m = pair->b->as.list.first; m != NULL && e->code == XAI_OK; m = m->next) {
    const xai_json **slot = slot_of(e, pair, m);
    if (*slot == NULL) *slot = m;
    worked(e, 1);
  }
  return e->code == XAI_OK;
}

/* The member of b with the key of `like`: usually `hint`, the one at the same place. */
static const xai_json *find_member(xai_equal *e, xai_equal_pair *pair, const xai_json *like) {
  if (pair->hint != NULL && same_key(pair->hint, like)) return pair->hint;
  if (pair->b->len <= FEW) return worked(e, FEW) ? find_among_few(pair->b, like) : NULL;
  if (pair->mask == 0 && !make_table(e, pair)) return NULL;
  const xai_json *found = *slot_of(e, pair, like);
  return e->code == XAI_OK ? found : NULL;
}

/* The counterpart of the element that is next at the top of the stack; the stack moves on. */
static const xai_json *next_counterpart(xai_equal *e, xai_equal_pair *top) {
  const xai_json *a = top->a, *b = top->hint;
  if (top->b->type == XAI_JSON_OBJECT) b = find_member(e, top, a);
  top->a = a->next;
  top->hint = b == NULL ? NULL : b->next;
  return b;
}

static bool compare_pair(xai_equal *e, const xai_json *a, const xai_json *b) {
  if (!worked(e, 1 + work_of(a)) || a->type != b->type || !same_here(a, b)) return false;
  if (!is_container(a) || a->len == 0) return true;
  return push(e, (xai_equal_pair){.a = a->as.list.first, .b = b, .hint = b->as.list.first});
}

bool xai__equal(xai_equal *e, const xai_json *a, const xai_json *b) {
  size_t bottom = e->used, tables = e->table_used;
  bool same = compare_pair(e, a, b);
  while (same && e->used > bottom) {
    xai_equal_pair *top = &e->pairs[e->used - 1];
    if (top->a == NULL) {
      if (top->mask > 0) e->table_used = top->table;
      e->used--;
      continue;
    }
    const xai_json *element = top->a, *other = next_counterpart(e, top);
    same = other != NULL && compare_pair(e, element, other);
  }
  e->used = bottom;
  e->table_used = tables;
  return same && e->code == XAI_OK;
}

/* ---- hashing ---- */

static uint64_t mix(uint64_t hash) {
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93u;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93u;
  return hash ^ hash >> 32;
}

uint64_t xai__hash_bytes(const char *bytes, size_t len) {
  uint64_t hash = len * 0x9e3779b97f4a7c15u, word;
  for (; len >= 8; bytes += 8, len -= 8) {
    memcpy(&word, bytes, 8);
    hash = (hash ^ mix(word)) * 0x9e3779b97f4a7c15u;
  }
  word = 0;
  if (len > 0) memcpy(&word, bytes, len);
  return mix(hash ^ mix(word + len));
}

static uint64_t hash_scalar(const xai_json *value) {
  xai_decimal number;
  switch ((xai_json_type)value->type) {
    case XAI_JSON_NULL: return 11;
    case XAI_JSON_BOOL: return 13u + value->boolean;
    case XAI_JSON_STRING: return xai__hash_bytes(value->as.text, value->len);
    case XAI_JSON_NUMBER:
      number = xai__decimal(xai_json_text(value));
      return mix(xai__decimal_hash(&number) + 17);
    case XAI_JSON_ARRAY: return 19;
    case XAI_JSON_OBJECT: return 23;
  }
  return 0;
}

/* Members are added up, so that their order does not matter; elements are not. */
static void include(xai_equal_pair *top, const xai_json *element, uint64_t hash) {
  if (top->b->type == XAI_JSON_OBJECT)
    top->hash += mix(xai__hash_bytes(element->key, element->key_len) + 3 * hash);
  else top->hash = mix(top->hash * 31 + hash);
}

uint64_t xai__equal_hash(xai_equal *e, const xai_json *value) {
  if (!is_container(value)) return worked(e, work_of(value)) ? hash_scalar(value) : 0;
  size_t bottom = e->used;
  uint64_t hash = 0;
  if (!push(e, (xai_equal_pair){.a = value->as.list.first, .b = value, .hash = hash_scalar(value)})) return 0;
  while (e->used > bottom) {
    xai_equal_pair *top = &e->pairs[e->used - 1];
    const xai_json *element = top->a;
    if (element == NULL) {
      const xai_json *done = top->b;
      hash = mix(top->hash);
      e->used--;
      if (e->used > bottom) include(&e->pairs[e->used - 1], done, hash);
      continue;
    }
    top->a = element->next;
    if (!worked(e, 1 + work_of(element))) break;
    if (!is_container(element)) include(top, element, hash_scalar(element));
    else if (!push(e,
                   (xai_equal_pair){.a = element->as.list.first, .b = element, .hash = hash_scalar(element)}))
      break;
  }
  e->used = bottom;
  return e->code == XAI_OK ? hash : 0;
}
