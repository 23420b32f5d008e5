/* xai_schema_place.c - where in the text the value stands that is complained about.
 * SPDX-License-Identifier: MIT
 *
 * Values do not know their place. It is found again by walking the text, known to be JSON, along the way that the
 * check took: the third member, its first element, ... That costs the bytes up to there, so it is done for so many
 * violations of one check only.
 */
#include "xai_schema_check.h"

#define PLACES_LOOKED_FOR 64

typedef struct walker {
  const char *at;
  const char *end;
} walker;

static void skip_blanks(walker *w) {
  while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\r' || *w->at == '\t')) w->at++;
}

/* At the opening quote. */
static void skip_string(walker *w) {
  for (w->at++; w->at < w->end && *w->at != '"'; w->at++) {
    if (*w->at == '\\') w->at++;
  }
  if (w->at < w->end) w->at++;
}

/* A whole value, up to the comma or bracket after it. */
static void skip_value(walker *w) {
  size_t open = 0;
  while (w->at < w->end) {
    char c = *w->at;
    if (open == 0 && (c == ',' || c == ']' || c == '}')) return;
    if (c == '"') {
      skip_string(w);
      continue;
    }
    open += c == '[' || c == '{';
    open -= c == ']' || c == '}';
    w->at++;
  }
}

/* From a container's bracket to its nth element, or to the name of its nth member. */
static void enter(walker *w, uint32_t nth) {
  w->at++;
  while (nth-- > 0 && w->at < w->end) {
    skip_value(w);
    if (w->at < w->end) w->at++;
  }
  skip_blanks(w);
}

/* From a member's name to its value. */
static void skip_name(walker *w) {
  skip_string(w);
  skip_blanks(w);
  if (w->at < w->end) w->at++;
  skip_blanks(w);
}

static void go_down(walker *w, const xai_check *c, const xai_json *around, const xai_json *value,
                    uint32_t place) {
  enter(w, place);
  if (around->type == XAI_JSON_OBJECT && value != &c->name) skip_name(w);
}

size_t xai__check_offset(const xai_check *c, const xai_complaint *what) {
  if (c->source.ptr == NULL || c->violation_count > PLACES_LOOKED_FOR) return SIZE_MAX;
  walker w = {c->source.ptr, c->source.ptr + c->source.len};
  skip_blanks(&w);
  for (size_t i = 1; i < c->frame_count; i++) {
    const xai_check_frame *f = &c->frames[i];
    if (f->below) go_down(&w, c, c->frames[i - 1].value, f->value, f->place);
  }
  if (what->below && c->frame_count > 0)
    go_down(&w, c, c->frames[c->frame_count - 1].value, what->value, what->place);
  return w.at < w.end ? (size_t)(w.at - c->source.ptr) : SIZE_MAX;
}
