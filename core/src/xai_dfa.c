/* xai_dfa.c - makes a table of what the program of a regular expression does with each byte: see xai_dfa.h.
 * SPDX-License-Identifier: MIT
 *
 * The program itself is followed, once from each row for each class of characters: so the table says what it would.
 */
#include "xai_dfa.h"

#include "xai_nfa_int.h"

#include <string.h>

#define MAX_PROGRAM 128 /* steps */
#define MAX_ROWS 128
#define MAX_CLASSES 32
#define MAX_WORK 10000 /* of the program's steps followed: some 0.05 ms */

enum { ROW_START = 3 }; /* the rows before it are the verdicts                           */

/* Classes of bytes that no step tells apart. */
enum {
  CLASS_OTHER, /* not of ASCII                            */
  CLASS_END,   /* not a byte but the text's end           */
  CLASS_FIRST  /* from here on: some characters of ASCII  */
};

struct xai_dfa {
  uint8_t class_of[256];
  uint16_t width; /* of a row                                            */
  size_t size;
  xai_mem mem;
  uint16_t next[]; /* by row and class: where the next row begins         */
};

/* What a row stands for. */
typedef struct place {
  uint64_t taken[MAX_PROGRAM / 64]; /* steps that took the character before, as bits */
  bool at_start;
  bool after_word; /* where that matters */
} place;

typedef struct maker {
  xai_nfa_run run;
  const xai_nfa *nfa;
  bool has_edges;
  bool too_large;
  uint8_t class_of[128];
  uint8_t sample[MAX_CLASSES];      /* a character of the class */
  uint64_t members[MAX_CLASSES][2]; /* as bits */
  unsigned classes;
  place places[MAX_ROWS];
  unsigned rows;
  uint8_t next[MAX_ROWS][MAX_CLASSES];
} maker;

/* ---- classes ---- */

/* A class of which some characters are in the set and some not is two classes from now on. */
static void split(maker *m, const uint64_t set[2]) {
  for (unsigned i = CLASS_FIRST, old = m->classes; i < old; i++) {
    uint64_t *class = m->members[i];
    uint64_t inside[2] = {class[0] & set[0], class[1] & set[1]};
    if ((inside[0] | inside[1]) == 0 || (inside[0] == class[0] && inside[1] == class[1])) continue;
    if (m->classes == MAX_CLASSES) {
      m->too_large = true;
      return;
    }
    memcpy(m->members[m->classes++], inside, sizeof inside);
    class[0] ^= inside[0];
    class[1] ^= inside[1];
  }
}

static void split_off(maker *m, uint32_t point) {
  uint64_t set[2] = {0, 0};
  if (point >= 128) return;
  set[point / 64] = (uint64_t)1 << point % 64;
  split(m, set);
}

/* The characters of a class, and one of them that stands for all. */
static void name_members(maker *m, uint8_t class) {
  for (unsigned half = 0; half < 2; half++) {
    for (uint64_t bits = m->members[class][half]; bits != 0; bits &= bits - 1) {
      m->sample[class] = (uint8_t)(half * 64 + (unsigned)__builtin_ctzll(bits));
      m->class_of[m->sample[class]] = class;
    }
  }
}

static void find_classes(maker *m) {
  static const uint64_t word[2] = {(uint64_t)0x3ff << 48, 0x07fffffe87fffffe};
  const xai_nfa_set *sets = m->run.sets;
  m->classes = CLASS_FIRST + 1;
  m->members[CLASS_FIRST][0] = m->members[CLASS_FIRST][1] = UINT64_MAX;
  for (size_t i = 0; i < m->nfa->sets.len / sizeof *sets && !m->too_large; i++) split(m, sets[i].ascii);
  for (size_t i = 0; i < m->run.count && !m->too_large; i++) {
    const xai_nfa_step *step = &m->run.steps[i];
    if (step->op == XAI_NFA_CHAR) split_off(m, (uint32_t)step->a);
    m->has_edges |= step->op == XAI_NFA_EDGE || step->op == XAI_NFA_NO_EDGE;
  }
  if (m->has_edges && !m->too_large) split(m, word);
  for (unsigned class = CLASS_FIRST; class < m->classes; class ++) name_members(m, (uint8_t) class);
}

/* ---- rows ---- */

static bool is_same(const place *a, const place *b) {
  return a->taken[0] == b->taken[0] && a->taken[1] == b->taken[1] && a->at_start == b->at_start &&
         a->after_word == b->after_word;
}

/* The row of a place, a new one if need be. Most often it is one of the last. */
static unsigned row_of(maker *m, const place *p) {
  for (unsigned row = m->rows; row-- > ROW_START;) {
    if (is_same(&m->places[row], p)) return row;
  }
  if (m->rows == MAX_ROWS) {
    m->too_large = true;
    return XAI_DFA_ASKS;
  }
  m->places[m->rows] = *p;
  return m->rows++;
}

/* What waits in the place of the row when that comes next; true: it has matched there. */
static bool follow(maker *m, unsigned row, uint32_t point) {
  const place *p = &m->places[row];
  m->run.taken_count = 0;
  for (uint32_t word = 0; word < MAX_PROGRAM / 64; word++) {
    for (uint64_t bits = p->taken[word]; bits != 0; bits &= bits - 1)
      m->run.taken[m->run.taken_count++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
  }
  m->run.at_start = p->at_start;
  m->run.at_end = point == XAI_NFA_NO_POINT;
  m->run.at_edge = p->after_word != xai__nfa_is_word(point);
  return xai__nfa_follow(&m->run);
}

/* Where what waits gets by a character. */
static unsigned next_row(maker *m, uint32_t point) {
  xai_nfa_run *r = &m->run;
  xai__nfa_take(r, point);
  if (r->taken_count == 0 && r->anchored) return XAI_DFA_DIFFERS;
  place p = {.after_word = m->has_edges && xai__nfa_is_word(point)};
  for (size_t i = 0; i < r->taken_count; i++) p.taken[r->taken[i] / 64] |= (uint64_t)1 << r->taken[i] % 64;
  return row_of(m, &p);
}

/* As xai__nfa_match goes through a text. What waits is the same for every character, but for the edges of words. */
static void fill_row(maker *m, unsigned row) {
  uint8_t *next = m->next[row];
  bool matches = false;
  next[CLASS_OTHER] = XAI_DFA_ASKS;
  next[CLASS_END] = follow(m, row, XAI_NFA_NO_POINT) ? XAI_DFA_MATCHES : XAI_DFA_DIFFERS;
  for (unsigned class = CLASS_FIRST; class < m->classes && !m->too_large; class ++) {
    uint32_t point = m->sample[class];
    if (class == CLASS_FIRST || m->has_edges) matches = follow(m, row, point);
    next[class] = (uint8_t)(matches ? XAI_DFA_MATCHES : next_row(m, point));
  }
}

static void fill(maker *m) {
  m->rows = ROW_START;
  m->places[m->rows++] = (place){.at_start = true};
  for (unsigned row = ROW_START; row < m->rows && !m->too_large; row++) {
    fill_row(m, row);
    if (m->run.work > MAX_WORK) m->too_large = true;
  }
}

/* ---- the table ---- */

static xai_dfa *keep(const maker *m, const xai_mem *mem) {
  size_t size = sizeof(xai_dfa) + (size_t)m->rows * m->classes * sizeof(uint16_t);
  xai_dfa *dfa = xai__alloc(mem, size);
  if (dfa == NULL) return NULL;
  dfa->mem = xai__mem(mem);
  dfa->size = size;
  dfa->width = (uint16_t)m->classes;
  memcpy(dfa->class_of, m->class_of, sizeof m->class_of);
  for (unsigned row = ROW_START; row < m->rows; row++) {
    for (unsigned class = 0; class < m->classes; class ++)
      dfa->next[row * m->classes + class] = (uint16_t)(m->next[row][class] * m->classes);
  }
  return dfa;
}

xai_code xai__dfa_new(const xai_mem *mem, const xai_nfa *nfa, xai_dfa **out) {
  maker m = {.nfa = nfa};
  xai_nfa_room room = {NULL, 0};
  *out = NULL;
  if (nfa->steps.len / sizeof(xai_nfa_step) > MAX_PROGRAM) return XAI_OK;
  if (!xai__nfa_begin(&m.run, nfa, mem, &room)) return XAI_ERR_NOMEM;
  find_classes(&m);
  if (!m.too_large) fill(&m);
  xai__nfa_room_free(mem, &room);
  if (m.too_large) return XAI_OK;
  *out = keep(&m, mem);
  return *out != NULL ? XAI_OK : XAI_ERR_NOMEM;
}

void xai__dfa_free(xai_dfa *dfa) {
  if (dfa == NULL) return;
  xai_mem mem = dfa->mem;
  xai__free(&mem, dfa, dfa->size);
}

size_t xai__dfa_size(const xai_dfa *dfa) {
  return dfa->size;
}

xai_dfa_verdict xai__dfa_match(const xai_dfa *dfa, xai_str text) {
  unsigned row = ROW_START * dfa->width;
  for (size_t i = 0; i < text.len; i++) {
    row = dfa->next[row + dfa->class_of[(unsigned char)text.ptr[i]]];
    if (row < ROW_START * dfa->width) return (xai_dfa_verdict)(row / dfa->width);
  }
  return (xai_dfa_verdict)(dfa->next[row + CLASS_END] / dfa->width);
}
