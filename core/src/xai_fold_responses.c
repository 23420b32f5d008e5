/* xai_fold_responses.c - folds the events of /v1/responses into the response object.
 * SPDX-License-Identifier: MIT
 *
 * Everything is found by output_index: several items may be open at once and go on in any order. What a
 * "done" event says replaces what was gathered, and the terminal event's response replaces it all.
 * Source: api/responses-streaming.md sections 3-6.
 */
#include <string.h>

#include "xai_fold_int.h"

typedef enum act {
  ACT_DELTA,
  ACT_TEXT_DONE,
  ACT_ITEM_ADDED,
  ACT_ITEM_DONE,
  ACT_PART_ADDED,
  ACT_PART_DONE,
  ACT_ANNOTATION,
  ACT_START, /* created and the like: a response, not yet answered */
  ACT_TERMINAL,
  ACT_ERROR,
  ACT_PING
} act;

/* One event of the catalogue; the name without "response.". */
typedef struct event_row {
  const char *name;
  size_t len;
  act act;
  xai_fold_field field;
  const char *claim; /* the status that a terminal event's name tells */
} event_row;

#define ROW(name, act, field, claim) \
  { name, sizeof(name) - 1, act, XAI__FIELD_##field, claim }
#define TEXT_ROWS(base, field) \
  ROW(base ".delta", ACT_DELTA, field, ""), ROW(base ".done", ACT_TEXT_DONE, field, "")

/* The frequent ones first: the search compares lengths before texts. */
static const event_row rows[] = {
  TEXT_ROWS("output_text", TEXT),
  TEXT_ROWS("reasoning_summary_text", SUMMARY),
  TEXT_ROWS("function_call_arguments", ARGUMENTS),
  TEXT_ROWS("reasoning_text", REASONING),
  TEXT_ROWS("refusal", REFUSAL),
  TEXT_ROWS("custom_tool_call_input", INPUT),
  TEXT_ROWS("code_interpreter_call_code", CODE),
  TEXT_ROWS("mcp_call_arguments", MCP),
  TEXT_ROWS("mcp_call_output", OUTPUT),
  ROW("output_item.added", ACT_ITEM_ADDED, ITEM, ""),
  ROW("output_item.done", ACT_ITEM_DONE, ITEM, ""),
  ROW("content_part.added", ACT_PART_ADDED, TEXT, ""),
  ROW("content_part.done", ACT_PART_DONE, TEXT, ""),
  ROW("reasoning_summary_part.added", ACT_PART_ADDED, SUMMARY, ""),
  ROW("reasoning_summary_part.done", ACT_PART_DONE, SUMMARY, ""),
  ROW("output_text.annotation.added", ACT_ANNOTATION, TEXT, ""),
  ROW("created", ACT_START, NONE, ""),
  ROW("in_progress", ACT_START, NONE, ""),
  ROW("queued", ACT_START, NONE, ""),
  ROW("completed", ACT_TERMINAL, NONE, "completed"),
  ROW("done", ACT_TERMINAL, NONE, "completed"),
  ROW("incomplete", ACT_TERMINAL, NONE, "incomplete"),
  ROW("failed", ACT_TERMINAL, NONE, "failed"),
  ROW("cancelled", ACT_TERMINAL, NONE, "cancelled"),
  ROW("error", ACT_ERROR, NONE, ""),
};

/* Where a text lives: in a part of one of the item's lists, or in the item itself. */
typedef struct text_place {
  const char *list; /* NULL: in the item             */
  const char *key;
  const char *part; /* type of a part never announced */
  const char *item; /* type of an item never announced */
  xai_event_type type;
} text_place;

static const text_place places[] = {
  [XAI__FIELD_TEXT] = {"content", "text", "output_text", "message", XAI_EVENT_TEXT},
  [XAI__FIELD_REFUSAL] = {"content", "refusal", "refusal", "message", XAI_EVENT_REFUSAL},
  [XAI__FIELD_SUMMARY] = {"summary", "text", "summary_text", "reasoning", XAI_EVENT_REASONING},
  [XAI__FIELD_REASONING] = {"content", "text", "reasoning_text", "reasoning", XAI_EVENT_REASONING},
  [XAI__FIELD_ARGUMENTS] = {NULL, "arguments", NULL, "function_call", XAI_EVENT_ARGUMENTS},
  [XAI__FIELD_INPUT] = {NULL, "input", NULL, "custom_tool_call", XAI_EVENT_API},
  [XAI__FIELD_CODE] = {NULL, "code", NULL, "code_interpreter_call", XAI_EVENT_API},
  [XAI__FIELD_OUTPUT] = {NULL, "output", NULL, "mcp_call", XAI_EVENT_API},
  [XAI__FIELD_MCP] = {NULL, "arguments", NULL, "mcp_call", XAI_EVENT_ARGUMENTS},
};

/* The members that every delta has, read in one pass. */
typedef struct frame {
  const xai_json *event;
  xai_str type;
  const xai_json *delta;
  const xai_json *output_index;
  const xai_json *part_index; /* content_index or summary_index */
} frame;

/* ---- reading ---- */

/* For keys whose length is known to be right. */
#define IS(member, text) (memcmp((member)->key, text, sizeof(text) - 1) == 0)

static frame read_frame(const xai_json *event) {
  frame f = {.event = event, .type = {"", 0}};
  for (const xai_json *member = xai_json_first(event); member != NULL; member = member->next) {
    switch (member->key_len) {
      case 4:
        if (IS(member, "type") && member->type == XAI_JSON_STRING) f.type = xai_json_str(member);
        break;
      case 5:
        if (IS(member, "delta")) f.delta = member;
        break;
      case 12:
        if (IS(member, "output_index")) f.output_index = member;
        break;
      case 13:
        if (IS(member, "content_index") || IS(member, "summary_index")) f.part_index = member;
        break;
      default: break;
    }
  }
  return f;
}

static const event_row *find_row(xai_str type) {
  static const event_row ping = ROW("ping", ACT_PING, NONE, ""), error = ROW("error", ACT_ERROR, NONE, "");
  static const char prefix[] = "response.";
  const size_t skip = sizeof prefix - 1;
  if (type.len <= skip || memcmp(type.ptr, prefix, sizeof prefix - 1) != 0) {
    if (xai__str_eq(type, "error")) return &error;
    return xai__str_eq(type, "ping") ? &ping : NULL;
  }
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].len != type.len - skip) continue;
    if (memcmp(rows[i].name, type.ptr + skip, rows[i].len) == 0) return &rows[i];
  }
  return NULL;
}

static xai_code read_target(xai_fold *fold, const frame *f, xai_fold_field field, xai_fold_target *target) {
  target->field = field;
  if (f->output_index == NULL) {
    return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL, "an event of an item without output_index");
  }
  xai_code code = xai__fold_index(fold, f->output_index, "output_index", 0, &target->output);
  if (code == XAI_OK) code = xai__fold_index(fold, f->part_index, "the part's index", 0, &target->content);
  return code;
}

/* ---- places in the tree ---- */

static bool is_object(const xai_json *value) {
  return value != NULL && value->type == XAI_JSON_OBJECT;
}

static xai_code add_string(xai_fold *fold, xai_json *object, const char *key, xai_str text) {
  return xai__fold_set(fold, object, key, xai__json_new_str(fold->tree, text));
}

/* A list in an object, made where there is none. NULL: no room. */
static xai_json *list_of(xai_fold *fold, xai_json *object, const char *key) {
  xai_json *list = xai__json_get(object, key);
  if (list != NULL && list->type == XAI_JSON_ARRAY) return list;
  list = xai__json_new(fold->tree, XAI_JSON_ARRAY);
  return xai__fold_set(fold, object, key, list) == XAI_OK ? list : NULL;
}

static xai_json *output_list(xai_fold *fold) {
  if (fold->response == NULL) {
    xai_json *response = xai__json_new(fold->tree, XAI_JSON_OBJECT);
    if (response == NULL || add_string(fold, response, "object", xai_str_of("response")) != XAI_OK)
      return NULL;
    xai__json_set_root(fold->tree, response);
    fold->response = response;
  }
  return list_of(fold, fold->response, "output");
}

/* The object at an index of a list, made with that type where there is none. */
static xai_json *object_at(xai_fold *fold, xai_json *list, uint32_t index, const char *type) {
  xai_json *found = xai__json_at(list, index);
  if (is_object(found) || list == NULL) return found;
  xai_json *made = xai__json_new(fold->tree, XAI_JSON_OBJECT);
  if (made == NULL || add_string(fold, made, "type", xai_str_of(type)) != XAI_OK) return NULL;
  return xai__json_put(fold->tree, list, index, made) == XAI_OK ? made : NULL;
}

static xai_json *item_at(xai_fold *fold, uint32_t output, const char *type) {
  return object_at(fold, output_list(fold), output, type);
}

/* The string of a target, made with everything around it where it was never announced. NULL: no room. */
static xai_json *text_at(xai_fold *fold, xai_fold_target target) {
  const text_place *place = &places[target.field];
  xai_json *holder = item_at(fold, target.output, place->item);
  if (holder != NULL && place->list != NULL) {
    holder = object_at(fold, list_of(fold, holder, place->list), target.content, place->part);
  }
  if (holder == NULL) return NULL;
  xai_json *text = xai__json_get(holder, place->key);
  if (text != NULL && text->type == XAI_JSON_STRING) return text;
  text = xai__json_new(fold->tree, XAI_JSON_STRING);
  return xai__fold_set(fold, holder, place->key, text) == XAI_OK ? text : NULL;
}

xai_json *xai__responses_find(xai_fold *fold, xai_fold_target target, xai_event_type *type) {
  const text_place *place = &places[target.field];
  xai_json *holder = xai__json_at(xai__json_get(fold->response, "output"), target.output);
  if (place->list != NULL) holder = xai__json_at(xai__json_get(holder, place->list), target.content);
  *type = place->type;
  xai_json *text = xai__json_get(holder, place->key);
  return text != NULL && text->type == XAI_JSON_STRING ? text : NULL;
}

static bool has_key(const xai_json *object, const xai_json *like) {
  for (const xai_json *member = xai_json_first(object); member != NULL; member = member->next) {
    if (member->key_len == like->key_len && memcmp(member->key, like->key, like->key_len) == 0) return true;
  }
  return false;
}

/* An announcement after the fact: only what is not there yet. */
static xai_code add_missing(xai_fold *fold, xai_json *object, const xai_json *from) {
  xai_code code = XAI_OK;
  const xai_json *member = xai_json_first(from);
  for (; code == XAI_OK && member != NULL; member = member->next) {
    if (!has_key(object, member)) code = xai__fold_set_member(fold, object, member);
  }
  return code;
}

static xai_code put_copy(xai_fold *fold, xai_json *list, uint32_t index, const xai_json *value) {
  if (list == NULL) return xai__fold_no_room(fold);
  if (xai__json_at(list, index) != NULL) fold->waste += fold->size;
  xai_json *copy = xai__fold_keep(fold, value);
  if (copy == NULL) return xai__fold_no_room(fold);
  return xai__fold_check(fold, xai__json_put(fold->tree, list, index, copy));
}

/* ---- the events ---- */

static xai_code on_delta(xai_fold *fold, const frame *f, xai_fold_field field) {
  xai_fold_target target;
  xai_code code = read_target(fold, f, field, &target);
  if (code != XAI_OK) return code;
  fold->output_seen = true;
  xai_json *text = fold->at_text;
  if (text == NULL || !xai__fold_same_target(fold->at, target)) {
    if (xai__fold_is_closed(fold, target)) return XAI_OK; /* said again after "done" */
    text = text_at(fold, target);
    if (text == NULL) return xai__fold_no_room(fold);
  }
  return xai__fold_grow(fold, target, text, places[field].type, xai_json_str(f->delta));
}

xai_code xai__responses_piece(xai_fold *fold, const xai_fold_piece *piece) {
  const event_row *row = find_row(piece->type);
  if (row == NULL || row->act != ACT_DELTA) return XAI_MORE;
  xai_fold_target target = {row->field, piece->output, piece->content};
  if (!xai__fold_same_target(fold->at, target)) return XAI_MORE;
  fold->name = piece->type; /* as of every event: servers need not name it a second time */
  return xai__fold_grow(fold, target, fold->at_text, places[row->field].type, piece->text);
}

static xai_code on_text_done(xai_fold *fold, const frame *f, xai_fold_field field) {
  xai_fold_target target;
  xai_code code = read_target(fold, f, field, &target);
  if (code != XAI_OK || xai__fold_is_closed(fold, target)) return code;
  fold->output_seen = true;
  code = xai__fold_settle(fold, target);
  const xai_json *final = xai_json_get(f->event, places[field].key);
  if (code != XAI_OK || xai_json_type_of(final) != XAI_JSON_STRING) return code;

  xai_json *text = text_at(fold, target), *copy = NULL;
  if (text == NULL) return xai__fold_no_room(fold);
  if (fold->lone && (copy = xai__fold_keep(fold, final)) == NULL) return xai__fold_no_room(fold);
  xai_str whole = xai_json_str(copy != NULL ? copy : final), sofar = xai_json_str(text);
  bool same = whole.len == sofar.len && (whole.len == 0 || memcmp(whole.ptr, sofar.ptr, whole.len) == 0);
  if (!same) {
    text->len = 0;
    code = xai__fold_check(fold, xai__json_append(fold->tree, text, whole));
  }
  return code == XAI_OK ? xai__fold_close(fold, target) : code;
}

static bool ids_differ(const xai_json *a, const xai_json *b) {
  xai_str x = xai_json_str(xai_json_get(a, "id")), y = xai_json_str(xai_json_get(b, "id"));
  return x.len > 0 && y.len > 0 && (x.len != y.len || memcmp(x.ptr, y.ptr, x.len) != 0);
}

static xai_code on_item(xai_fold *fold, const frame *f, bool done) {
  xai_fold_target target;
  xai_code code = read_target(fold, f, XAI__FIELD_ITEM, &target);
  const xai_json *item = xai_json_get(f->event, "item");
  if (code != XAI_OK || !is_object(item)) return code;
  target.content = 0;
  fold->output_seen = true;
  xai_json *list = output_list(fold);
  if (done) {
    code = xai__fold_settle(fold, target);
    if (code == XAI_OK) code = put_copy(fold, list, target.output, item);
    return code == XAI_OK ? xai__fold_close(fold, target) : code;
  }
  xai_json *known = xai__json_at(list, target.output);
  if (!is_object(known)) return put_copy(fold, list, target.output, item);
  if (ids_differ(known, item)) {
    return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL, "two items for output_index %u",
                     (unsigned)target.output);
  }
  return xai__fold_is_closed(fold, target) ? XAI_OK : add_missing(fold, known, item);
}

/* All texts that the part may hold are settled or closed with it. */
static xai_code finish_part(xai_fold *fold, xai_fold_target target,
                            xai_code (*how)(xai_fold *, xai_fold_target)) {
  static const xai_fold_field in_content[] = {XAI__FIELD_TEXT, XAI__FIELD_REFUSAL, XAI__FIELD_REASONING};
  if (target.field == XAI__FIELD_SUMMARY) return how(fold, target);
  xai_code code = XAI_OK;
  for (size_t i = 0; code == XAI_OK && i < sizeof in_content / sizeof in_content[0]; i++) {
    target.field = in_content[i];
    code = how(fold, target);
  }
  return code;
}

static xai_code on_part(xai_fold *fold, const frame *f, xai_fold_field field, bool done) {
  xai_fold_target target;
  xai_code code = read_target(fold, f, field, &target);
  const xai_json *part = xai_json_get(f->event, "part");
  if (code != XAI_OK || !is_object(part)) return code;
  fold->output_seen = true;
  if (xai__fold_is_closed(fold, (xai_fold_target){XAI__FIELD_ITEM, target.output, 0})) return XAI_OK;

  bool reasons = xai__str_eq(xai_json_str(xai_json_get(part, "type")), "reasoning_text");
  xai_json *item = item_at(fold, target.output, places[reasons ? XAI__FIELD_REASONING : field].item);
  xai_json *list = item != NULL ? list_of(fold, item, places[field].list) : NULL;
  if (list == NULL) return xai__fold_no_room(fold);
  if (!done) {
    xai_json *known = xai__json_at(list, target.content);
    return is_object(known) ? add_missing(fold, known, part) : put_copy(fold, list, target.content, part);
  }
  code = finish_part(fold, target, xai__fold_settle);
  if (code == XAI_OK) code = put_copy(fold, list, target.content, part);
  return code == XAI_OK ? finish_part(fold, target, xai__fold_close) : code;
}

static xai_code on_annotation(xai_fold *fold, const frame *f) {
  xai_fold_target target;
  xai_code code = read_target(fold, f, XAI__FIELD_TEXT, &target);
  const xai_json *annotation = xai_json_get(f->event, "annotation");
  if (code != XAI_OK || annotation == NULL) return code;
  if (xai__fold_is_closed(fold, (xai_fold_target){XAI__FIELD_ITEM, target.output, 0})) return XAI_OK;

  xai_json *item = item_at(fold, target.output, "message");
  xai_json *parts = item != NULL ? list_of(fold, item, "content") : NULL;
  xai_json *part = object_at(fold, parts, target.content, "output_text");
  xai_json *list = part != NULL ? list_of(fold, part, "annotations") : NULL;
  if (list == NULL) return xai__fold_no_room(fold);
  uint32_t index;
  const xai_json *told = xai_json_get(f->event, "annotation_index");
  code = xai__fold_index(fold, told, "annotation_index", (uint32_t)list->len, &index);
  return code == XAI_OK ? put_copy(fold, list, index, annotation) : code;
}

static xai_code on_start(xai_fold *fold, const frame *f) {
  const xai_json *response = xai_json_get(f->event, "response");
  return is_object(response) ? xai__fold_replace(fold, response, "output") : XAI_OK;
}

static xai_code on_terminal(xai_fold *fold, const frame *f, const char *claim) {
  xai_code code = xai__fold_settle(fold, (xai_fold_target){XAI__FIELD_NONE, 0, 0});
  if (code != XAI_OK) return code;
  const xai_json *response = xai_json_get(f->event, "response");
  if (is_object(response)) {
    /* A failure may come with an empty output: what was gathered is then worth more. */
    bool whole = strcmp(claim, "completed") == 0 && xai_json_get(response, "output") != NULL;
    code = xai__fold_replace(fold, response, whole ? NULL : "output");
  } else {
    if (output_list(fold) == NULL) return xai__fold_no_room(fold);
    code = add_string(fold, fold->response, "status", xai_str_of(claim));
  }
  return code == XAI_OK ? xai__responses_judge(fold, claim) : code;
}

static xai_code on_error(xai_fold *fold, const frame *f) {
  xai__error_from_json(xai__fold_why(fold), 200, f->event);
  return XAI_ERR_API;
}

/* No name that is known: an error without a type, or something new, which passes through. */
static xai_code on_unknown(xai_fold *fold, const frame *f) {
  if (!xai__str_starts(f->type, "response.") && xai__is_error_frame(f->event)) return on_error(fold, f);
  return XAI_OK;
}

xai_code xai__responses_event(xai_fold *fold, const xai_json *event) {
  frame f = read_frame(event);
  if (f.type.len == 0 && !xai__str_eq(fold->name, "message")) f.type = fold->name;
  if (f.type.len > 0) fold->name = f.type;
  const event_row *row = find_row(f.type);
  if (row == NULL) return on_unknown(fold, &f);
  switch (row->act) {
    case ACT_DELTA: return on_delta(fold, &f, row->field);
    case ACT_TEXT_DONE: return on_text_done(fold, &f, row->field);
    case ACT_ITEM_ADDED: return on_item(fold, &f, false);
    case ACT_ITEM_DONE: return on_item(fold, &f, true);
    case ACT_PART_ADDED: return on_part(fold, &f, row->field, false);
    case ACT_PART_DONE: return on_part(fold, &f, row->field, true);
    case ACT_ANNOTATION: return on_annotation(fold, &f);
    case ACT_START: return on_start(fold, &f);
    case ACT_TERMINAL: return on_terminal(fold, &f, row->claim);
    case ACT_ERROR: return on_error(fold, &f);
    case ACT_PING: return XAI_MORE;
  }
  return XAI_OK;
}

/* ---- the end ---- */

/* XAI_MORE: a function call's arguments stop in the middle. */
static xai_code check_calls(xai_fold *fold) {
  const xai_json *item = xai_json_first(xai_json_get(fold->response, "output"));
  for (; item != NULL; item = item->next) {
    if (!xai__str_eq(xai_json_str(xai_json_get(item, "type")), "function_call")) continue;
    xai_code code = xai__fold_arguments(fold, xai_json_get(item, "arguments"));
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

xai_code xai__responses_judge(xai_fold *fold, const char *claim) {
  xai_str status = xai_json_str(xai_json_get(fold->response, "status")), claimed = xai_str_of(claim);
  if (xai__str_eq(status, "failed") || xai__str_eq(claimed, "failed")) {
    xai__error_from_json(xai__fold_why(fold), 200, fold->response);
    return XAI_ERR_API;
  }
  if (xai__str_eq(status, "incomplete") || xai__str_eq(claimed, "incomplete")) {
    const xai_json *details = xai_json_get(fold->response, "incomplete_details");
    xai__fold_cut(fold, xai_json_str(xai_json_get(details, "reason")));
    return XAI_OK;
  }
  if (xai__str_eq(status, "cancelled") || xai__str_eq(claimed, "cancelled")) {
    xai__fold_cut(fold, xai_str_of("cancelled"));
    return XAI_OK;
  }
  bool running = xai__str_eq(status, "in_progress") || xai__str_eq(status, "queued");
  if (running && claimed.len == 0) {
    xai__fail(xai__fold_why(fold), XAI_ERR_EARLY, "the response is still being made");
    xai__fold_finish(fold, XAI_OUTCOME_INCOMPLETE, "in_progress");
    return XAI_OK;
  }
  xai_code code = check_calls(fold);
  if (code == XAI_MORE) xai__fold_cut(fold, xai_str_of("arguments cut"));
  else if (code == XAI_OK) xai__fold_finish(fold, XAI_OUTCOME_COMPLETE, "");
  return code == XAI_MORE ? XAI_OK : code;
}

/* The next text part from (item, part) on; both move past it. */
static const xai_json *next_text(const xai_json **item, const xai_json **part) {
  while (*item != NULL) {
    while (*part != NULL) {
      const xai_json *at = *part;
      *part = at->next;
      if (xai__str_eq(xai_json_str(xai_json_get(at, "type")), "output_text")) return xai_json_get(at, "text");
    }
    *item = (*item)->next;
    *part = xai_json_first(xai_json_get(*item, "content"));
  }
  return NULL;
}

xai_str xai__responses_text(xai_fold *fold) {
  const xai_json *item = xai_json_first(xai_json_get(fold->response, "output"));
  const xai_json *part = xai_json_first(xai_json_get(item, "content"));
  const xai_json *first = next_text(&item, &part), *text = next_text(&item, &part);
  if (first == NULL) return xai_str_of("");
  if (text == NULL) return xai_json_str(first); /* as nearly always */
  xai__buf_reset(&fold->text);
  xai_str more = xai_json_str(first);
  xai_code code = xai__buf_add(&fold->text, more.ptr, more.len);
  for (; code == XAI_OK && text != NULL; text = next_text(&item, &part)) {
    more = xai_json_str(text);
    code = xai__buf_add(&fold->text, more.ptr, more.len);
  }
  return xai__buf_str(&fold->text);
}
