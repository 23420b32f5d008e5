/* xai_schema_words.c - says in a sentence, with both pointers, what a value does wrong.
 * SPDX-License-Identifier: MIT
 *
 * A sentence stands alone: it names the place, what is asked for and what was found, so that it can be shown to a
 * person or sent back to a model. Values and names in it are cut short.
 */
#include <stdio.h>

#include "xai_schema_stream.h"

#define SHOWN_VALUE ((size_t)60)
#define SHOWN_NAME ((size_t)100)
#define SHOWN_CHOICES 12
#define MOST_TEXT ((size_t)64 << 10)

/* A sentence in the making; without memory it stays as it is, which the check's code tells. */
typedef struct words {
  xai_check *c;
  const xai_complaint *what;
  xai_buf out;
} words;

static void keep(words *w, xai_code code) {
  if (code == XAI_ERR_NOMEM) w->c->code = XAI_ERR_NOMEM;
}

static void add(words *w, const char *text) {
  keep(w, xai__buf_add_cstr(&w->out, text));
}

static void add_bytes(words *w, const char *bytes, size_t len) {
  if (len > 0) keep(w, xai__buf_add(&w->out, bytes, len));
}

/* Cut at a character's end, with dots after it. */
static void add_cut(words *w, xai_str text, size_t most) {
  if (text.len <= most) {
    add_bytes(w, text.ptr, text.len);
    return;
  }
  size_t len = most - 3;
  while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) len--;
  add_bytes(w, text.ptr, len);
  add(w, "...");
}

static void add_count(words *w, uint64_t count) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
  add(w, digits);
}

/* "1 element", "2 elements" */
static void add_many(words *w, uint64_t count, const char *one, const char *many) {
  add_count(w, count);
  add(w, " ");
  add(w, count == 1 ? one : many);
}

static void add_quoted(words *w, xai_str name) {
  add(w, "\"");
  add_cut(w, name, SHOWN_NAME);
  add(w, "\"");
}

/* ---- values ---- */

static void add_size(words *w, const xai_json *value) {
  if (value->type == XAI_JSON_OBJECT) {
    add(w, "an object");
    return;
  }
  add(w, "an array of ");
  add_many(w, value->len, "element", "elements");
}

/* As JSON where it is short, else what it is. */
static void add_value(words *w, const xai_json *value) {
  bool container = value->type >= XAI_JSON_ARRAY;
  if (value->type == XAI_JSON_NUMBER) {
    add_cut(w, (xai_str){value->as.text, value->len}, SHOWN_VALUE);
    return;
  }
  if (value->type == XAI_JSON_STRING && value->len > 4 * SHOWN_VALUE) {
    add(w, "\"");
    add_cut(w, (xai_str){value->as.text, value->len}, SHOWN_VALUE);
    add(w, "\"");
    return;
  }
  xai_json_writer *writer = xai_json_writer_new(&w->c->mem, 8, 24 * SHOWN_VALUE);
  if (writer == NULL) {
    keep(w, XAI_ERR_NOMEM);
    return;
  }
  xai_str text;
  xai_json_put_value(writer, value);
  xai_code code = xai_json_writer_end(writer, &text, NULL);
  keep(w, code);
  if (code == XAI_OK && (!container || text.len <= SHOWN_VALUE)) {
    add_cut(w, text, SHOWN_VALUE);
    if (text.len > SHOWN_VALUE) add(w, "\"");
  } else if (container) {
    add_size(w, value);
  } else {
    add(w, "a string");
  }
  xai_json_writer_free(writer);
}

static void but_is_kind(words *w) {
  static const char *const kinds[] = {"null",     "true or false", "a number",
                                      "a string", "an array",      "an object"};
  add(w, ", but is ");
  add(w, kinds[w->what->value->type]);
}

/* A value that is still being read: the beginning of a number or string. */
static void but_begins(words *w) {
  const xai_json *value = w->what->value;
  if (value->type >= XAI_JSON_ARRAY || value->len == 0) {
    but_is_kind(w);
    return;
  }
  add(w, ", but begins with ");
  add_value(w, value);
}

static void but_is(words *w) {
  const xai_json *value = w->what->value;
  if (w->c->open && value->type > XAI_JSON_BOOL) {
    but_begins(w);
    return;
  }
  add(w, ", but is ");
  if (value->type >= XAI_JSON_ARRAY) add_size(w, value);
  else add_value(w, value);
}

/* ---- the subject ---- */

static void add_token(words *w, const xai_json *around, const xai_json *value, uint32_t place) {
  char digits[16];
  if (value == &w->c->name) return;
  if (around->type == XAI_JSON_OBJECT) {
    keep(w, xai__pointer_add(&w->out, xai_json_key(value)));
    return;
  }
  snprintf(digits, sizeof digits, "/%u", (unsigned)place);
  add(w, digits);
}

/* The JSON pointer of what is complained about, or of the value around it. */
static void add_pointer(words *w, bool around) {
  const xai_check *c = w->c;
  bool below = w->what->below && c->frame_count > 0;
  size_t last = c->frame_count;
  /* The frame whose step is to be left out, when the value has a frame of its own. */
  while (around && !below && last > 1 && !c->frames[last - 1].below) last--;
  if (around && !below && last > 0) last--;
  for (size_t i = 1; i < last; i++) {
    const xai_check_frame *f = &c->frames[i];
    if (f->below) add_token(w, c->frames[i - 1].value, f->value, f->place);
  }
  if (below && !around) add_token(w, c->frames[last - 1].value, w->what->value, w->what->place);
}

static bool about_a_name(const words *w) {
  if (w->what->value == &w->c->name) return true;
  return w->c->frame_count > 0 && w->c->frames[w->c->frame_count - 1].value == &w->c->name;
}

static void add_subject(words *w) {
  size_t before = w->out.len;
  if (about_a_name(w)) {
    add(w, "the property name ");
    add_quoted(w, (xai_str){w->c->name.as.text, w->c->name.len});
    return;
  }
  add_pointer(w, false);
  if (w->out.len == before) add(w, "the value");
}

/* " in /items/3", nothing at the top */
static void add_in(words *w, bool around) {
  size_t before = w->out.len;
  add(w, " in ");
  size_t after = w->out.len;
  add_pointer(w, around);
  if (w->out.len == after) w->out.len = before;
}

/* ---- what is asked for ---- */

static void say_types(words *w, unsigned types) {
  static const char *const names[] = {"null",     "true or false", "a number",  "a string",
                                      "an array", "an object",     "an integer"};
  if ((types & XAI_TYPES_LITERAL) != 0) types |= XAI_TYPES_INTEGER;
  types &= ~(unsigned)XAI_TYPES_LITERAL;
  if ((types >> XAI_JSON_NUMBER & 1) != 0) types &= ~(unsigned)XAI_TYPES_INTEGER;
  add(w, " must be ");
  bool first = true;
  for (unsigned i = 0; i < 7; i++) {
    if ((types >> i & 1) == 0) continue;
    if (!first) add(w, types >> i == 1 ? " or " : ", ");
    add(w, names[i]);
    first = false;
  }
  if (w->c->open && w->what->value->type > XAI_JSON_BOOL) but_is_kind(w);
  else but_is(w);
}

/* A schema that is false: most often what additional properties meet. */
static void say_not_allowed(words *w) {
  const xai_json *value = w->what->value;
  bool member = value->key_len > 0 || w->what->node->keyword == XAI_KW_ADDITIONAL_PROPERTIES ||
                w->what->node->keyword == XAI_KW_UNEVALUATED_PROPERTIES;
  if (w->what->below && member && !about_a_name(w)) {
    add_quoted(w, xai_json_key(value));
    add(w, " is not allowed");
    add_in(w, true);
    return;
  }
  add_subject(w);
  add(w, " is not allowed");
}

static void say_missing(words *w) {
  add_quoted(w, w->what->name);
  add(w, " is missing");
  add_in(w, false);
  if (w->what->because.ptr == NULL) return;
  add(w, ": it has to be there because ");
  add_quoted(w, w->what->because);
  add(w, " is");
}

static void say_choices(words *w) {
  const xai_schema_enum *list = w->what->op->as.values;
  add(w, list->count == 1 ? " must be " : " must be one of ");
  for (uint32_t i = 0; i < list->count && i < SHOWN_CHOICES; i++) {
    if (i > 0) add(w, ", ");
    add_value(w, list->values[i]);
  }
  if (list->count > SHOWN_CHOICES) add(w, ", ...");
  if (list->count == 0) add(w, "nothing");
  but_is(w);
}

static void say_number(words *w, const char *relation) {
  const xai_json *bound = xai_json_get(w->what->node->json, xai__keywords[w->what->keyword].text);
  add(w, relation);
  if (bound != NULL && bound->type == XAI_JSON_NUMBER) add_value(w, bound);
  but_is(w);
}

static void say_size(words *w, const char *relation, const char *one, const char *many, uint64_t found) {
  add(w, relation);
  add_many(w, w->what->op->as.limit, one, many);
  add(w, w->c->open ? ", but has more" : ", but has ");
  if (!w->c->open) add_count(w, found);
}

static void say_contains(words *w) {
  const xai_schema_contains *k = w->what->op->as.contains;
  bool many = w->what->count > k->most;
  add(w, many ? " must have at most " : " must have at least ");
  add_many(w, many ? k->most : k->least, "element", "elements");
  add(w, " as asked for under \"contains\", but has ");
  add_count(w, w->what->count);
  if (many) add(w, " or more");
}

static void say_content(words *w) {
  bool json = w->what->keyword == XAI_KW_CONTENT_MEDIA_TYPE;
  add(w, json ? " must hold JSON" : " must be in base64");
  if (json && w->what->op->as.content->base64) add(w, " in base64");
  but_is(w);
}

static void say_branches(words *w) {
  const xai_complaint *what = w->what;
  if (what->name.len > 0) { /* how many held */
    add(w, " must fit exactly one alternative under \"oneOf\", but fits numbers ");
    add_count(w, what->count);
    add(w, " and ");
    add_count(w, what->other);
    return;
  }
  bool type_fits = false;
  unsigned types = 0;
  for (uint32_t i = 0; i < what->op->count; i++) {
    const xai_schema_node *branch = what->op->as.choice->nodes[i]->jump;
    types |= branch->types;
    type_fits |= xai__check_type(branch, what->value);
  }
  if (!type_fits && types != 0) {
    say_types(w, types);
    return;
  }
  add(w, " fits none of the ");
  add_many(w, what->op->count, "alternative", "alternatives");
  add(w, " under \"");
  add(w, xai__keywords[what->keyword].text);
  add(w, "\"");
}

static void say_pattern(words *w) {
  add(w, " must match the pattern ");
  add_cut(w, xai__pattern_source(w->what->op->as.pattern), SHOWN_NAME);
  but_is(w);
}

static void say_format(words *w) {
  add(w, " must have the format \"");
  add_cut(w, w->what->op->as.format->name, SHOWN_NAME);
  add(w, "\"");
  but_is(w);
}

static void say_unique(words *w) {
  add(w, " must not repeat elements, but elements ");
  add_count(w, w->what->count);
  add(w, " and ");
  add_count(w, w->what->other);
  add(w, " are equal");
}

static void say_operation(words *w) {
  const xai_complaint *what = w->what;
  add_subject(w);
  switch ((xai_schema_opcode)what->op->code) {
    case XAI_OP_MINIMUM: say_number(w, " must be at least "); break;
    case XAI_OP_MAXIMUM: say_number(w, " must be at most "); break;
    case XAI_OP_ABOVE: say_number(w, " must be greater than "); break;
    case XAI_OP_BELOW: say_number(w, " must be less than "); break;
    case XAI_OP_MULTIPLE: say_number(w, " must be a multiple of "); break;
    case XAI_OP_MIN_LENGTH:
      say_size(w, " must have at least ", "character", "characters", what->count);
      break;
    case XAI_OP_MAX_LENGTH: say_size(w, " must have at most ", "character", "characters", what->count); break;
    case XAI_OP_MIN_ITEMS:
      say_size(w, " must have at least ", "element", "elements", what->value->len);
      break;
    case XAI_OP_MAX_ITEMS: say_size(w, " must have at most ", "element", "elements", what->value->len); break;
    case XAI_OP_MIN_PROPERTIES:
      say_size(w, " must have at least ", "property", "properties", what->value->len);
      break;
    case XAI_OP_MAX_PROPERTIES:
      say_size(w, " must have at most ", "property", "properties", what->value->len);
      break;
    case XAI_OP_PATTERN: say_pattern(w); break;
    case XAI_OP_FORMAT: say_format(w); break;
    case XAI_OP_CONTENT: say_content(w); break;
    case XAI_OP_UNIQUE: say_unique(w); break;
    case XAI_OP_CONST:
      add(w, " must be ");
      add_value(w, what->op->as.value);
      but_is(w);
      break;
    case XAI_OP_ENUM: say_choices(w); break;
    case XAI_OP_CONTAINS: say_contains(w); break;
    case XAI_OP_ANY:
    case XAI_OP_ONE: say_branches(w); break;
    case XAI_OP_NOT: add(w, " must not fit the schema under \"not\""); break;
    default: add(w, " does not satisfy the schema"); break;
  }
}

static void say(words *w) {
  const xai_complaint *what = w->what;
  if (what->op == NULL && what->node->types == 0) {
    say_not_allowed(w);
  } else if (what->op == NULL) {
    add_subject(w);
    say_types(w, what->node->types);
  } else if (what->op->code == XAI_OP_REQUIRED || what->op->code == XAI_OP_DEPENDENT) {
    say_missing(w);
  } else {
    say_operation(w);
  }
}

static void say_stopped(words *w) {
  const xai_complaint *what = w->what;
  bool pattern = what->op != NULL && what->op->code == XAI_OP_PATTERN;
  add_subject(w);
  if (w->c->code == XAI_ERR_DEPTH) {
    add(w, " is nested too deeply");
    return;
  }
  if (!pattern && what->name.ptr == NULL) {
    add(w, " takes too many steps to check");
    return;
  }
  add(w, " takes too many steps to match against the pattern ");
  add_cut(w, pattern ? xai__pattern_source(what->op->as.pattern) : what->name, SHOWN_NAME);
}

/* ---- writing down ---- */

static bool reserve_violation(xai_check *c) {
  if (c->violation_count < c->violation_room) return true;
  size_t room = c->violation_room == 0 ? 4 : c->violation_room * 2;
  xai_violation *more =
    xai__realloc(&c->mem, c->violations, c->violation_room * sizeof *more, room * sizeof *more);
  if (more == NULL) {
    c->code = XAI_ERR_NOMEM;
    return false;
  }
  c->violations = more;
  c->violation_room = room;
  return true;
}

/* What was built so far, kept until the next check. */
static xai_str take(words *w) {
  xai_str built = xai__buf_str(&w->out);
  char *copy = xai__json_alloc(w->c->texts, built.len + 1);
  if (copy == NULL) {
    w->c->code = XAI_ERR_NOMEM;
    return (xai_str){"", 0};
  }
  if (built.len > 0) memcpy(copy, built.ptr, built.len);
  copy[built.len] = '\0';
  xai__buf_reset(&w->out);
  return (xai_str){copy, built.len};
}

static xai_keyword keyword_of(const xai_complaint *what) {
  if (what->op != NULL || what->node->types != 0) return what->keyword;
  return what->node->parent == NULL ? XAI_KW_COUNT : (xai_keyword)what->node->keyword;
}

static void add_schema_pointer(words *w) {
  const xai_complaint *what = w->what;
  bool is_false = what->op == NULL && what->node->types == 0;
  keep(w, xai__schema_where(w->c->schema, what->node, &w->out));
  if (!is_false && what->keyword < XAI_KW_COUNT)
    keep(w, xai__pointer_add(&w->out, xai__keyword_text(what->keyword)));
}

static void write_down(xai_check *c, const xai_complaint *what, void (*sentence)(words *)) {
  if (c->violation_count >= XAI__MOST_VIOLATIONS || !reserve_violation(c)) return;
  words w = {.c = c, .what = what};
  xai__buf_init(&w.out, &c->mem, MOST_TEXT);
  xai_violation *v = &c->violations[c->violation_count++];
  *v = (xai_violation){.keyword = xai__keyword_text(keyword_of(what)), .offset = xai__check_offset(c, what)};
  add_pointer(&w, false);
  v->instance = take(&w);
  add_schema_pointer(&w);
  v->schema = take(&w);
  sentence(&w);
  v->message = take(&w);
  xai__buf_deinit(&w.out);
}

void xai__check_say(xai_check *c, const xai_complaint *what) {
  write_down(c, what, say);
}

void xai__check_stop(xai_check *c, xai_code code, const xai_complaint *what) {
  if (c->code != XAI_OK && c->code != code) return;
  c->code = code;
  if (code == XAI_ERR_NOMEM) return;
  if (c->violation_count > 0) xai__json_doc_reset(c->texts);
  c->violation_count = 0;
  write_down(c, what, say_stopped);
}

static void say_broken(words *w, const char *expected, size_t offset) {
  add(w, "the text is not JSON: ");
  add(w, expected == NULL ? xai_code_text(w->c->code) : "expected ");
  if (expected != NULL) add(w, expected);
  add(w, " at byte ");
  add_count(w, offset);
}

void xai__check_broken(xai_check *c, xai_code code, const char *expected, size_t offset) {
  if (!reserve_violation(c)) return;
  words w = {.c = c};
  xai__buf_init(&w.out, &c->mem, MOST_TEXT);
  xai_violation *v = &c->violations[c->violation_count++];
  *v = (xai_violation){.instance = {"", 0}, .schema = {"", 0}, .keyword = {"", 0}, .offset = offset};
  c->code = code;
  say_broken(&w, expected, offset);
  v->message = take(&w);
  xai__buf_deinit(&w.out);
}
