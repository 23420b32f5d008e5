/* xai_linear.c - an expression split into those that begin where the text does, each with its program and its table.
 * SPDX-License-Identifier: MIT */
#include "xai_linear.h"

#include "xai_dfa.h"

#include <stdio.h>
#include <string.h>

#define MAX_PARTS 4
#define MAX_TEXT ((size_t)4 << 20)
#define BYTES_A_STEP 4 /* of a table */

typedef struct part {
  xai_nfa *nfa;
  xai_dfa *dfa; /* or NULL */
  bool negated; /* it must not match */
} part;

struct xai_linear {
  part parts[MAX_PARTS];
  unsigned count;
  xai_mem mem;
};

/* ---- taking it apart; in what xai__pattern_write writes, parentheses are always those of groups ---- */

/* Behind the parenthesis that closes the group whose inside begins here; NULL: there is none. */
static const char *closing(const char *at, const char *end) {
  unsigned depth = 1;
  for (; at < end; at++) {
    if (*at == '(') depth++;
    if (*at == ')' && --depth == 0) return at + 1;
  }
  return NULL;
}

static bool has_alternatives(xai_str text) {
  unsigned depth = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '(') depth++;
    if (text.ptr[i] == ')' && depth > 0) depth--;
    if (text.ptr[i] == '|' && depth == 0) return true;
  }
  return false;
}

/* "(?!)" is an empty class, which may be repeated. */
static bool looks_ahead(const char *at, const char *end) {
  return end - at > 3 && memcmp(at, "(?", 2) == 0 && (at[2] == '=' || (at[2] == '!' && at[3] != ')'));
}

/* What the expression looks ahead for at the text's start, and the rest of it. 0: it does not, or there is too much. */
static unsigned take_apart(xai_str text, xai_str inside[MAX_PARTS], bool negated[MAX_PARTS]) {
  const char *at = text.ptr + 1, *end = text.ptr + text.len;
  unsigned count = 0;
  if (text.len == 0 || *text.ptr != '^' || has_alternatives(text)) return 0;
  for (; looks_ahead(at, end); count++) {
    const char *stop = closing(at + 3, end);
    bool repeated = stop != NULL && stop < end && memchr("*+?{", *stop, 4) != NULL;
    if (stop == NULL || repeated || count == MAX_PARTS - 1) return 0;
    negated[count] = at[2] == '!';
    inside[count] = (xai_str){at + 3, (size_t)(stop - 1 - (at + 3))};
    at = stop;
  }
  if (count == 0) return 0;
  negated[count] = false;
  inside[count] = (xai_str){at, (size_t)(end - at)};
  return count + 1;
}

/* ---- compiling ---- */

static xai_code add_part(xai_linear *linear, xai_str text, bool tables, char *why, size_t why_size) {
  part *p = &linear->parts[linear->count];
  xai_code code = xai__nfa_new(&linear->mem, text, &p->nfa, why, why_size);
  if (code == XAI_OK) linear->count++;
  if (code == XAI_OK) code = xai__dfa_new(&linear->mem, p->nfa, &p->dfa);
  if (code != XAI_OK || p->dfa != NULL || !tables) return code;
  snprintf(why, why_size, "%s", "its table would be too large");
  return XAI_ERR_LIBRARY;
}

/* "^(?:inside)" */
static xai_code add_inside(xai_linear *linear, xai_str inside, bool tables, char *why, size_t why_size) {
  xai_buf text;
  xai__buf_init(&text, &linear->mem, MAX_TEXT);
  xai_code code = xai__buf_add_cstr(&text, "^(?:");
  if (code == XAI_OK) code = xai__buf_add(&text, inside.ptr, inside.len);
  if (code == XAI_OK) code = xai__buf_add_char(&text, ')');
  if (code == XAI_OK) code = add_part(linear, xai__buf_str(&text), tables, why, why_size);
  xai__buf_deinit(&text);
  return code;
}

xai_code xai__linear_new(const xai_mem *mem, xai_str written, bool tables, xai_linear **out, char *why,
                         size_t why_size) {
  xai_str inside[MAX_PARTS];
  bool negated[MAX_PARTS];
  *out = NULL;
  xai_linear *linear = xai__alloc(mem, sizeof *linear);
  if (linear == NULL) return XAI_ERR_NOMEM;
  linear->mem = xai__mem(mem);
  unsigned count = take_apart(written, inside, negated);
  xai_code code = count == 0 ? add_part(linear, written, tables, why, why_size) : XAI_OK;
  for (unsigned i = 0; i < count && code == XAI_OK; i++) {
    code = add_inside(linear, inside[i], tables, why, why_size);
    linear->parts[i].negated = negated[i];
  }
  if (code == XAI_OK) *out = linear;
  else xai__linear_free(linear);
  return code;
}

void xai__linear_free(xai_linear *linear) {
  if (linear == NULL) return;
  for (unsigned i = 0; i < linear->count; i++) {
    xai__dfa_free(linear->parts[i].dfa);
    xai__nfa_free(linear->parts[i].nfa);
  }
  xai_mem mem = linear->mem;
  xai__free(&mem, linear, sizeof *linear);
}

size_t xai__linear_size(const xai_linear *linear) {
  size_t size = sizeof *linear;
  for (unsigned i = 0; i < linear->count; i++) {
    const part *p = &linear->parts[i];
    size += xai__nfa_size(p->nfa) + (p->dfa != NULL ? xai__dfa_size(p->dfa) : 0);
  }
  return size;
}

/* ---- matching ---- */

xai_code xai__linear_match(const xai_linear *linear, const xai_mem *mem, xai_nfa_room *room, xai_str text,
                           uint64_t most, bool *found, uint64_t *work) {
  *found = true;
  for (unsigned i = 0; i < linear->count && *found; i++) {
    const part *p = &linear->parts[i];
    xai_dfa_verdict verdict = p->dfa != NULL ? xai__dfa_match(p->dfa, text) : XAI_DFA_ASKS;
    bool matches = verdict == XAI_DFA_MATCHES;
    *work += 1 + text.len / BYTES_A_STEP;
    xai_code code = XAI_OK;
    if (verdict == XAI_DFA_ASKS) code = xai__nfa_match(p->nfa, mem, room, text, most, &matches, work);
    if (code != XAI_OK) {
      *found = false;
      return code;
    }
    *found = matches != p->negated;
  }
  return XAI_OK;
}
