/* xai_nfa_match.c - follows the program of a regular expression through a text: see xai_nfa.h.
 * SPDX-License-Identifier: MIT
 *
 * Between two characters there is a list of steps that wait for the next one. Steps that take no character are followed
 * at once, each at most once in a place: so the work of a place is bounded by the program's length.
 */
#include "xai_nfa_int.h"

#define NO_POINT XAI_NFA_NO_POINT
#define STEPS_A_STEP 4 /* of ours take as long as one that is counted */
#define RANGES_A_STEP 8

typedef xai_nfa_run run;

bool xai__nfa_is_word(uint32_t point) {
  return (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') || point == '_' ||
         (point >= 'a' && point <= 'z');
}

/* The character at *at, which is not `end`; *at goes behind it. */
static uint32_t next_point(const char **at, const char *end) {
  unsigned char c = (unsigned char)*(*at)++;
  if (c < 0x80) return c;
  size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
  if ((size_t)(end - *at) < more || xai__utf8_valid(*at - 1, more + 1) <= more) return NO_POINT;
  uint32_t point = c & (0x3fu >> more);
  for (; more > 0; more--) point = point << 6 | ((unsigned char)*(*at)++ & 0x3fu);
  return point;
}

static bool set_has(run *r, const xai_nfa_set *set, uint32_t point) {
  if (point < 128) return (set->ascii[point / 64] >> point % 64 & 1) != 0;
  r->work += set->count / RANGES_A_STEP;
  bool has = false;
  for (uint32_t i = 0; i < set->count && !has; i++) {
    const xai_nfa_range *range = &r->ranges[set->first + i];
    has = point >= range->low && point <= range->high;
  }
  return has != set->negated;
}

static bool takes(run *r, const xai_nfa_step *step, uint32_t point) {
  if (point == NO_POINT) return false;
  return step->op == XAI_NFA_CHAR ? (uint32_t)step->a == point : set_has(r, &r->sets[step->a], point);
}

static bool goes_on(const run *r, xai_nfa_op op) {
  switch (op) {
    case XAI_NFA_START: return r->at_start;
    case XAI_NFA_END: return r->at_end;
    case XAI_NFA_EDGE: return r->at_edge;
    case XAI_NFA_NO_EDGE: return !r->at_edge;
    default: return false;
  }
}

/* All that can be reached from step `from` in this place without a character. True when that is the end. */
static bool follow(run *r, uint32_t from) {
  size_t depth = 0;
  r->stack[depth++] = from;
  while (depth > 0) {
    uint32_t at = r->stack[--depth];
    const xai_nfa_step *step = &r->steps[at];
    if (r->seen[at] == r->place) continue;
    r->seen[at] = r->place;
    r->work++;
    switch (step->op) {
      case XAI_NFA_FOUND: return true;
      case XAI_NFA_CHAR:
      case XAI_NFA_SET: r->waiting[r->waiting_count++] = at; break;
      case XAI_NFA_SPLIT:
        r->stack[depth++] = (uint32_t)((int64_t)at + step->b);
        r->stack[depth++] = (uint32_t)((int64_t)at + step->a);
        break;
      case XAI_NFA_JUMP: r->stack[depth++] = (uint32_t)((int64_t)at + step->a); break;
      default:
        if (goes_on(r, step->op)) r->stack[depth++] = at + 1;
    }
  }
  return false;
}

bool xai__nfa_follow(run *r) {
  r->place++;
  r->waiting_count = 0;
  for (size_t i = 0; i < r->taken_count; i++) {
    if (follow(r, r->taken[i] + 1)) return true;
  }
  return (r->at_start || !r->anchored) && follow(r, 0);
}

void xai__nfa_take(run *r, uint32_t point) {
  r->taken_count = 0;
  r->work += 1 + r->waiting_count;
  for (size_t i = 0; i < r->waiting_count; i++) {
    if (takes(r, &r->steps[r->waiting[i]], point)) r->taken[r->taken_count++] = r->waiting[i];
  }
}

static xai_code scan(run *r, xai_str text, uint64_t most, bool *found) {
  const char *at = text.ptr, *end = text.ptr + text.len;
  bool after_word = false;
  for (;;) {
    r->at_start = at == text.ptr;
    r->at_end = at == end;
    uint32_t point = at < end ? next_point(&at, end) : NO_POINT;
    r->at_edge = after_word != xai__nfa_is_word(point);
    *found = xai__nfa_follow(r);
    if (*found || r->at_end) return XAI_OK;
    xai__nfa_take(r, point);
    if (r->taken_count == 0 && r->anchored) return XAI_OK;
    if (r->work / STEPS_A_STEP > most) return XAI_ERR_STEPS;
    after_word = xai__nfa_is_word(point);
  }
}

static bool make_room(const xai_mem *mem, xai_nfa_room *room, size_t count) {
  size_t size = (5 * count + 1) * sizeof(uint32_t);
  if (room->size >= size) return true;
  uint32_t *ptr = xai__realloc(mem, room->ptr, room->size, size);
  if (ptr == NULL) return false;
  *room = (xai_nfa_room){ptr, size};
  return true;
}

bool xai__nfa_begin(run *r, const xai_nfa *nfa, const xai_mem *mem, xai_nfa_room *room) {
  size_t count = nfa->steps.len / sizeof(xai_nfa_step);
  if (!make_room(mem, room, count)) return false;
  *r = (run){
    .steps = (const xai_nfa_step *)(const void *)nfa->steps.ptr,
    .sets = (const xai_nfa_set *)(const void *)nfa->sets.ptr,
    .ranges = (const xai_nfa_range *)(const void *)nfa->ranges.ptr,
    .count = count,
    .seen = room->ptr,
    .waiting = room->ptr + count,
    .taken = room->ptr + 2 * count,
    .stack = room->ptr + 3 * count, /* a step that is followed puts two there, and only once in a place */
  };
  r->anchored = r->steps[0].op == XAI_NFA_START;
  for (size_t i = 0; i < count; i++) r->seen[i] = 0;
  return true;
}

xai_code xai__nfa_match(const xai_nfa *nfa, const xai_mem *mem, xai_nfa_room *room, xai_str text,
                        uint64_t most, bool *found, uint64_t *work) {
  run r;
  *found = false;
  if (!xai__nfa_begin(&r, nfa, mem, room)) return XAI_ERR_NOMEM;
  if (text.len == 0) text = (xai_str){"", 0};
  xai_code code = scan(&r, text, most, found);
  *work += 1 + (r.count + r.work) / STEPS_A_STEP;
  return code;
}

void xai__nfa_room_free(const xai_mem *mem, xai_nfa_room *room) {
  xai__free(mem, room->ptr, room->size);
  *room = (xai_nfa_room){NULL, 0};
}
