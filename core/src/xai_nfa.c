/* xai_nfa.c - makes the program that matches a regular expression: see xai_nfa.h.
 * SPDX-License-Identifier: MIT
 *
 * Each part of an expression is one stretch of the program, entered at its first step and left behind its last, and
 * jumps are counted from where they stand: so a stretch can be moved and copied, which is how repetition is made.
 */
#include "xai_nfa_int.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MAX_STEPS ((size_t)16 << 10)
#define MAX_RANGES ((size_t)16 << 10)
#define MAX_GROUPS 100
#define MAX_COUNT 65535 /* PCRE2's */
#define LAST_POINT 0x10ffffu

/* An open group, or all of the expression. */
typedef struct group {
  size_t start;       /* its first step                                                       */
  size_t alternative; /* the first step of the alternative being read                         */
  size_t
    leaver; /* the last jump out of an alternative before, each with the distance to the one before in b */
} group;

typedef struct compiler {
  const char *at;
  const char *end;
  xai_nfa *nfa;
  size_t atom; /* the first step of what was read last: what a quantifier repeats */
  unsigned depth;
  group groups[MAX_GROUPS + 1];
  char *why;
  size_t why_size;
  xai_code code; /* XAI_OK so far */
} compiler;

static void fail(compiler *c, xai_code code, const char *why) {
  if (c->code == XAI_OK && why != NULL && c->why_size > 0) snprintf(c->why, c->why_size, "%s", why);
  if (c->code == XAI_OK) c->code = code;
}

static void fail_for_pcre2(compiler *c, const char *what) {
  char why[120];
  snprintf(why, sizeof why, "%s is for PCRE2 to match: build with -DXAI_PCRE2=1 and link pcre2-8", what);
  fail(c, XAI_ERR_LIBRARY, why);
}

/* ---- the program so far ---- */

static size_t count_of(const compiler *c) {
  return c->nfa->steps.len / sizeof(xai_nfa_step);
}

static xai_nfa_step *step_at(const compiler *c, size_t at) {
  return (xai_nfa_step *)(void *)c->nfa->steps.ptr + at;
}

static void append(compiler *c, xai_buf *to, const void *item, size_t size) {
  xai_code code = c->code == XAI_OK ? xai__buf_add(to, item, size) : c->code;
  if (code == XAI_ERR_TOO_BIG) fail_for_pcre2(c, "an expression that large");
  else fail(c, code, NULL);
}

static void emit(compiler *c, xai_nfa_op op, int32_t a, int32_t b) {
  xai_nfa_step step = {op, a, b};
  append(c, &c->nfa->steps, &step, sizeof step);
}

/* Put one step before what stands at `at`. Nothing before it jumps to behind it but a `leaver`, which is set later. */
static void insert(compiler *c, size_t at, xai_nfa_op op, int32_t a, int32_t b) {
  emit(c, op, a, b);
  if (c->code != XAI_OK) return;
  size_t last = count_of(c) - 1;
  xai_nfa_step step = *step_at(c, last);
  memmove(step_at(c, at + 1), step_at(c, at), (last - at) * sizeof step);
  *step_at(c, at) = step;
}

/* ---- sets ---- */

static void add_range(compiler *c, uint32_t low, uint32_t high) {
  xai_nfa_range range = {low, high};
  append(c, &c->nfa->ranges, &range, sizeof range);
}

static size_t range_count(const compiler *c) {
  return c->nfa->ranges.len / sizeof(xai_nfa_range);
}

/* \d \w and their opposites. */
static void add_escape(compiler *c, char kind) {
  static const xai_nfa_range digits[] = {{'0', '9'}}, others[] = {{0, '0' - 1}, {'9' + 1, LAST_POINT}};
  static const xai_nfa_range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  static const xai_nfa_range space[] = {
    {0, '0' - 1}, {'9' + 1, 'A' - 1}, {'Z' + 1, '_' - 1}, {'_' + 1, 'a' - 1}, {'z' + 1, LAST_POINT}};
  const xai_nfa_range *from = kind == 'd' ? digits : kind == 'D' ? others : kind == 'w' ? word : space;
  size_t count = kind == 'd' ? 1 : kind == 'D' ? 2 : kind == 'w' ? 4 : 5;
  for (size_t i = 0; i < count; i++) add_range(c, from[i].low, from[i].high);
}

/* The set of the ranges from number `first` on. */
static void emit_set(compiler *c, size_t first, bool negated) {
  xai_nfa_set set = {
    .first = (uint32_t)first, .count = (uint32_t)(range_count(c) - first), .negated = negated};
  const xai_nfa_range *ranges = (const xai_nfa_range *)(const void *)c->nfa->ranges.ptr;
  for (uint32_t i = 0; i < set.count; i++) {
    for (uint32_t p = ranges[first + i].low; p <= ranges[first + i].high && p < 128; p++)
      set.ascii[p / 64] |= (uint64_t)1 << p % 64;
  }
  if (negated) {
    set.ascii[0] = ~set.ascii[0];
    set.ascii[1] = ~set.ascii[1];
  }
  size_t number = c->nfa->sets.len / sizeof set;
  append(c, &c->nfa->sets, &set, sizeof set);
  emit(c, XAI_NFA_SET, (int32_t)number, 0);
}

/* ---- reading ---- */

static bool take(compiler *c, const char *text) {
  size_t len = strlen(text);
  if ((size_t)(c->end - c->at) < len || memcmp(c->at, text, len) != 0) return false;
  c->at += len;
  return true;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After "\x": two digits, or some in braces. */
static uint32_t read_hex(compiler *c) {
  bool braced = take(c, "{");
  uint32_t sum = 0;
  for (int i = 0; c->at < c->end && hex(*c->at) >= 0 && (braced || i < 2); i++)
    sum = sum << 4 | (uint32_t)hex(*c->at++);
  if (braced) take(c, "}");
  return sum;
}

/* A letter, a digit or "\x..."; false for all else, then nothing is taken. */
static bool read_point(compiler *c, uint32_t *out) {
  if (take(c, "\\x")) {
    *out = read_hex(c);
    return true;
  }
  char plain = *c->at;
  bool is_plain =
    (plain >= '0' && plain <= '9') || (plain >= 'A' && plain <= 'Z') || (plain >= 'a' && plain <= 'z');
  if (is_plain) *out = (unsigned char)*c->at++;
  return is_plain;
}

static bool read_escape(compiler *c) {
  if (c->end - c->at < 2 || *c->at != '\\' || strchr("dDwW", c->at[1]) == NULL) return false;
  add_escape(c, c->at[1]);
  c->at += 2;
  return true;
}

/* After '['. */
static void read_class(compiler *c) {
  bool negated = take(c, "^");
  size_t first = range_count(c);
  while (c->code == XAI_OK && c->at < c->end && !take(c, "]")) {
    uint32_t low, high;
    if (read_escape(c)) continue;
    if (take(c, "\\-")) {
      add_range(c, '-', '-');
    } else if (!read_point(c, &low)) {
      fail_for_pcre2(c, "\\p{...}");
    } else {
      high = low;
      if (take(c, "-")) read_point(c, &high);
      add_range(c, low, high);
    }
  }
  if (c->code == XAI_OK) emit_set(c, first, negated);
}

/* After a backslash, what takes no character or cannot be done. */
static void read_assertion(compiler *c) {
  if (take(c, "b")) emit(c, XAI_NFA_EDGE, 0, 0);
  else if (take(c, "B")) emit(c, XAI_NFA_NO_EDGE, 0, 0);
  else fail_for_pcre2(c, take(c, "g") || take(c, "k") ? "a reference back to a group" : "\\p{...}");
}

/* ---- groups ---- */

/* After '('. */
static void open_group(compiler *c) {
  if (take(c, "?!)")) { /* the empty class */
    emit(c, XAI_NFA_NEVER, 0, 0);
    return;
  }
  if (take(c, "?<=") || take(c, "?<!") || take(c, "?=") || take(c, "?!")) {
    fail_for_pcre2(c, "looking ahead or behind");
    return;
  }
  if (!take(c, "?:") && take(c, "?<")) {
    while (c->at < c->end && *c->at++ != '>') continue;
  }
  if (c->depth == MAX_GROUPS) {
    fail_for_pcre2(c, "an expression nested that deeply");
    return;
  }
  size_t here = count_of(c);
  c->groups[++c->depth] = (group){here, here, SIZE_MAX};
}

/* After '|'. What was read since the alternative's start becomes one of two ways. */
static void next_alternative(compiler *c) {
  group *g = &c->groups[c->depth];
  size_t len = count_of(c) - g->alternative;
  insert(c, g->alternative, XAI_NFA_SPLIT, 1, (int32_t)len + 2);
  size_t here = count_of(c);
  emit(c, XAI_NFA_JUMP, 0, g->leaver == SIZE_MAX ? 0 : (int32_t)(here - g->leaver));
  g->leaver = here;
  g->alternative = count_of(c);
}

static void close_group(compiler *c) {
  group *g = &c->groups[c->depth];
  size_t end = count_of(c), at = g->leaver;
  while (c->code == XAI_OK && at != SIZE_MAX) {
    xai_nfa_step *step = step_at(c, at);
    size_t before = step->b == 0 ? SIZE_MAX : at - (size_t)step->b;
    step->a = (int32_t)(end - at);
    step->b = 0;
    at = before;
  }
  c->atom = g->start;
}

/* ---- repetition ---- */

/* `len` steps from `from` on, once more at the end. */
static void copy(compiler *c, size_t from, size_t len) {
  for (size_t i = 0; i < len && c->code == XAI_OK; i++) {
    xai_nfa_step step = *step_at(c, from + i);
    append(c, &c->nfa->steps, &step, sizeof step);
  }
}

/* It and all behind it, or nothing. */
static void make_optional(compiler *c, size_t start) {
  insert(c, start, XAI_NFA_SPLIT, 1, (int32_t)(count_of(c) - start) + 1);
}

/* Any number of times, none included. */
static void make_loop(compiler *c, size_t start) {
  int32_t len = (int32_t)(count_of(c) - start);
  insert(c, start, XAI_NFA_SPLIT, 1, len + 2);
  emit(c, XAI_NFA_JUMP, -(len + 1), 0);
}

/* The atom, `min` to `max` times; max UINT32_MAX: without end. */
static void repeat(compiler *c, uint32_t min, uint32_t max) {
  size_t start = c->atom, len = count_of(c) - start;
  if (len == 0) return;
  bool open = max == UINT32_MAX;
  uint32_t more = open ? 1 : max - min; /* stretches behind those that must be */
  for (uint32_t i = 1; i < min + more && c->code == XAI_OK; i++) copy(c, start, len);
  if (c->code != XAI_OK) return;
  if (min + more == 0) {
    c->nfa->steps.len = start * sizeof(xai_nfa_step);
    return;
  }
  size_t tail = start + (size_t)min * len;
  if (open) make_loop(c, tail);
  for (uint32_t i = more; !open && i > 0 && c->code == XAI_OK; i--) make_optional(c, tail + (i - 1) * len);
}

static uint32_t read_number(compiler *c) {
  uint32_t sum = 0;
  while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
    sum = sum * 10 + (uint32_t)(*c->at++ - '0');
    if (sum > MAX_COUNT) fail(c, XAI_ERR_SCHEMA, "number too big in {} quantifier");
    if (sum > MAX_COUNT) return 0;
  }
  return sum;
}

/* After '{'. */
static void read_counts(compiler *c) {
  uint32_t min = read_number(c), max = min;
  if (take(c, ",")) max = c->at < c->end && *c->at == '}' ? UINT32_MAX : read_number(c);
  take(c, "}");
  if (max < min) fail(c, XAI_ERR_SCHEMA, "numbers out of order in {} quantifier");
  if (c->code == XAI_OK) repeat(c, min, max);
}

/* ---- all of it ---- */

static void read_atom(compiler *c) {
  uint32_t point;
  c->atom = count_of(c);
  if (take(c, "(")) open_group(c);
  else if (take(c, "[")) read_class(c);
  else if (take(c, "^")) emit(c, XAI_NFA_START, 0, 0);
  else if (take(c, "$")) emit(c, XAI_NFA_END, 0, 0);
  else if (read_point(c, &point)) emit(c, XAI_NFA_CHAR, (int32_t)point, 0);
  else if (*c->at == '\\') {
    size_t first = range_count(c);
    if (read_escape(c)) {
      emit_set(c, first, false);
      return;
    }
    c->at++;
    read_assertion(c);
  } else {
    fail(c, XAI_ERR_SCHEMA, "not understood");
  }
}

static void read_one(compiler *c) {
  if (take(c, "|")) {
    next_alternative(c);
  } else if (take(c, ")")) {
    if (c->depth == 0) {
      fail(c, XAI_ERR_SCHEMA, "unmatched closing parenthesis");
      return;
    }
    close_group(c);
    c->depth--;
  } else if (take(c, "*")) {
    repeat(c, 0, UINT32_MAX);
  } else if (take(c, "+")) {
    repeat(c, 1, UINT32_MAX);
  } else if (take(c, "?")) {
    repeat(c, 0, 1);
  } else if (take(c, "{")) {
    read_counts(c);
  } else {
    read_atom(c);
    return;
  }
  /* How much a lazy one takes makes no difference to whether there is a match. */
  if (c->at[-1] != '|' && c->at[-1] != ')') take(c, "?");
}

static void read_all(compiler *c) {
  c->groups[0] = (group){0, 0, SIZE_MAX};
  while (c->at < c->end && c->code == XAI_OK) read_one(c);
  if (c->code == XAI_OK && c->depth > 0) fail(c, XAI_ERR_SCHEMA, "missing closing parenthesis");
  close_group(c);
  emit(c, XAI_NFA_FOUND, 0, 0);
}

xai_code xai__nfa_new(const xai_mem *mem, xai_str written, xai_nfa **out, char *why, size_t why_size) {
  *out = NULL;
  xai_nfa *nfa = xai__alloc(mem, sizeof *nfa);
  if (nfa == NULL) return XAI_ERR_NOMEM;
  nfa->mem = xai__mem(mem);
  xai__buf_init(&nfa->steps, mem, MAX_STEPS * sizeof(xai_nfa_step));
  xai__buf_init(&nfa->sets, mem, MAX_STEPS * sizeof(xai_nfa_set));
  xai__buf_init(&nfa->ranges, mem, MAX_RANGES * sizeof(xai_nfa_range));
  compiler c = {
    .at = written.ptr, .end = written.ptr + written.len, .nfa = nfa, .why = why, .why_size = why_size};
  if (written.len == 0) c.at = c.end = "";
  read_all(&c);
  if (c.code == XAI_OK) *out = nfa;
  else xai__nfa_free(nfa);
  return c.code;
}

void xai__nfa_free(xai_nfa *nfa) {
  if (nfa == NULL) return;
  xai__buf_deinit(&nfa->steps);
  xai__buf_deinit(&nfa->sets);
  xai__buf_deinit(&nfa->ranges);
  xai_mem mem = nfa->mem;
  xai__free(&mem, nfa, sizeof *nfa);
}

size_t xai__nfa_size(const xai_nfa *nfa) {
  return sizeof *nfa + nfa->steps.room + nfa->sets.room + nfa->ranges.room;
}
