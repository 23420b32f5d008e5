/* xai_fold_chat.c - folds the chunks of /v1/chat/completions into what the same request gives without a stream.
 * SPDX-License-Identifier: MIT
 *
 * Choices are kept apart by their index, tool calls by theirs. A finish reason does not end the stream: the
 * usage comes after it, and then the marker. Source: api/chat-completions.md sections 3, 5 and 7.
 */
#include <string.h>

#include "xai_fold_int.h"

/* ---- small helpers ---- */

static bool is_type(const xai_json *value, xai_json_type type) {
  return value != NULL && value->type == type;
}

static bool is_key(const xai_json *member, const char *key, size_t len) {
  return member->key_len == len && memcmp(member->key, key, len) == 0;
}

#define IS(member, text) is_key(member, text, sizeof(text) - 1)

static bool same_scalar(const xai_json *a, const xai_json *b) {
  if (a->type != b->type) return false;
  switch (a->type) {
    case XAI_JSON_NULL: return true;
    case XAI_JSON_BOOL: return a->boolean == b->boolean;
    case XAI_JSON_ARRAY:
    case XAI_JSON_OBJECT: return false;
    default: return a->len == b->len && (a->len == 0 || memcmp(a->as.text, b->as.text, a->len) == 0);
  }
}

static xai_code set_new(xai_fold *fold, xai_json *object, const char *key, xai_json_type type) {
  return xai__fold_set(fold, object, key, xai__json_new(fold->tree, type));
}

static bool same_key(const xai_json *a, const xai_json *b) {
  return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

/* The member of that key. The chunks of an answer have the same members in the same order, so it is most
 * often the one at the hint, or behind the usage that was moved in there. */
static xai_json *find_same(const xai_json *object, const xai_json *member, xai_json **hint) {
  xai_json *at = *hint;
  if (at != NULL && !same_key(at, member)) at = at->next;
  if (at == NULL || !same_key(at, member)) {
    at = object->as.list.first;
    while (at != NULL && !same_key(at, member)) at = at->next;
  }
  if (at != NULL) *hint = at->next;
  return at;
}

/* The last one said wins; a null takes nothing away. */
static xai_code keep_value(xai_fold *fold, xai_json *object, const xai_json *known, const xai_json *member) {
  if (known != NULL && (member->type == XAI_JSON_NULL || same_scalar(known, member))) return XAI_OK;
  if (known != NULL) {
    fold->waste += fold->size;
    fold->at_text = NULL; /* it may have been in there */
  }
  return xai__fold_set_member(fold, object, member);
}

static xai_code keep_member(xai_fold *fold, xai_json *object, const xai_json *member) {
  xai_json *none = NULL;
  return keep_value(fold, object, find_same(object, member, &none), member);
}

/* A member of that type, made and put behind another one where there is none. NULL: no room. */
static xai_json *member_of(xai_fold *fold, xai_json *object, const char *key, xai_json_type type,
                           const char *after) {
  xai_json *known = xai__json_get(object, key);
  if (is_type(known, type)) return known;
  fold->at_text = NULL;
  if (set_new(fold, object, key, type) != XAI_OK) return NULL;
  if (known == NULL && after != NULL) xai__fold_move_behind(object, after);
  return xai__json_get(object, key);
}

/* ---- tool calls ---- */

/* Without an index, a call is known by its id; a new id is a new call. */
static uint32_t place_of_call(const xai_json *calls, const xai_json *call, uint32_t position) {
  xai_str id = xai_json_str(xai_json_get(call, "id"));
  if (id.len == 0) return position;
  uint32_t at = 0;
  for (const xai_json *known = xai_json_first(calls); known != NULL; known = known->next, at++) {
    xai_str other = xai_json_str(xai_json_get(known, "id"));
    if (other.len == id.len && memcmp(other.ptr, id.ptr, id.len) == 0) return at;
  }
  return at;
}

static xai_code grow_member(xai_fold *fold, xai_json *object, const char *key, xai_fold_target target,
                            xai_event_type type, const xai_json *value) {
  xai_json *text = member_of(fold, object, key, XAI_JSON_STRING, NULL);
  return text != NULL ? xai__fold_grow(fold, target, text, type, xai_json_str(value))
                      : xai__fold_no_room(fold);
}

/* Some servers repeat the name with each piece of the arguments. */
static bool is_repeated(const xai_json *function, const xai_json *name) {
  const xai_json *known = xai_json_get(function, "name");
  return known != NULL && same_scalar(known, name);
}

static xai_code merge_function(xai_fold *fold, xai_json *call, xai_fold_target target, const xai_json *from) {
  xai_json *function = member_of(fold, call, "function", XAI_JSON_OBJECT, NULL);
  if (function == NULL) return xai__fold_no_room(fold);
  xai_code code = XAI_OK;
  const xai_json *member = xai_json_first(from);
  for (; code == XAI_OK && member != NULL; member = member->next) {
    bool text = member->type == XAI_JSON_STRING;
    if (text && IS(member, "arguments")) {
      target.field = XAI__FIELD_ARGUMENTS;
      code = grow_member(fold, function, "arguments", target, XAI_EVENT_ARGUMENTS, member);
    } else if (text && IS(member, "name")) {
      target.field = XAI__FIELD_NAME;
      if (is_repeated(function, member)) continue;
      code = grow_member(fold, function, "name", target, XAI_EVENT_API, member);
    } else {
      code = keep_member(fold, function, member);
    }
  }
  return code;
}

static xai_code check_id(xai_fold *fold, const xai_json *call, const xai_json *id, xai_fold_target target) {
  xai_str known = xai_json_str(xai_json_get(call, "id")), said = xai_json_str(id);
  if (known.len == 0 || said.len == 0) return XAI_OK;
  if (known.len == said.len && memcmp(known.ptr, said.ptr, known.len) == 0) return XAI_OK;
  return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL, "two ids for tool call %u of choice %u",
                   (unsigned)target.content, (unsigned)target.output);
}

static xai_code merge_call(xai_fold *fold, xai_json *calls, xai_fold_target target, const xai_json *from) {
  xai_json *call = xai__json_at(calls, target.content);
  if (!is_type(call, XAI_JSON_OBJECT)) {
    call = xai__json_new(fold->tree, XAI_JSON_OBJECT);
    if (call == NULL) return xai__fold_no_room(fold);
    xai_code code = xai__fold_check(fold, xai__json_put(fold->tree, calls, target.content, call));
    if (code != XAI_OK) return code;
  }
  xai_code code = XAI_OK;
  const xai_json *member = xai_json_first(from);
  for (; code == XAI_OK && member != NULL; member = member->next) {
    if (IS(member, "index")) continue;
    if (IS(member, "id")) code = check_id(fold, call, member, target);
    if (code != XAI_OK) return code;
    bool function = IS(member, "function") && member->type == XAI_JSON_OBJECT;
    /* An id said again may be empty. */
    if (IS(member, "id") && member->len == 0 && xai_json_get(call, "id") != NULL) continue;
    code = function ? merge_function(fold, call, target, member) : keep_member(fold, call, member);
  }
  return code;
}

static xai_code merge_calls(xai_fold *fold, xai_json *message, uint32_t choice, const xai_json *from) {
  if (xai_json_len(from) == 0) return XAI_OK;
  const char *after = xai_json_get(message, "reasoning_content") != NULL ? "reasoning_content" : "content";
  xai_json *calls = member_of(fold, message, "tool_calls", XAI_JSON_ARRAY, after);
  if (calls == NULL) return xai__fold_no_room(fold);
  fold->output_seen = true;
  uint32_t position = 0;
  for (const xai_json *call = xai_json_first(from); call != NULL; call = call->next, position++) {
    if (!is_type(call, XAI_JSON_OBJECT)) continue;
    xai_fold_target target = {XAI__FIELD_ARGUMENTS, choice, 0};
    uint32_t otherwise = place_of_call(calls, call, position);
    xai_code code = xai__fold_index(fold, xai_json_get(call, "index"), "the index of a tool call", otherwise,
                                    &target.content);
    if (code == XAI_OK) code = merge_call(fold, calls, target, call);
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

/* ---- a choice ---- */

/* The text of a message that a delta's member continues; XAI__FIELD_NONE when it is no text. */
static xai_fold_field field_of(const xai_json *member, xai_event_type *type, const char **after) {
  *after = NULL;
  if (member->type != XAI_JSON_STRING) return XAI__FIELD_NONE;
  if (IS(member, "content")) return *type = XAI_EVENT_TEXT, XAI__FIELD_TEXT;
  if (IS(member, "refusal")) return *type = XAI_EVENT_REFUSAL, XAI__FIELD_REFUSAL;
  if (!IS(member, "reasoning_content")) return XAI__FIELD_NONE;
  *after = "content";
  *type = XAI_EVENT_REASONING;
  return XAI__FIELD_REASONING;
}

static xai_code merge_text(xai_fold *fold, xai_json *message, uint32_t choice, xai_fold_field field,
                           xai_event_type type, const char *after, const xai_json *member) {
  static const char *const keys[] = {[XAI__FIELD_TEXT] = "content",
                                     [XAI__FIELD_REFUSAL] = "refusal",
                                     [XAI__FIELD_REASONING] = "reasoning_content"};
  if (member->len == 0) return XAI_OK;
  xai_fold_target target = {field, choice, 0};
  bool again = fold->at_text != NULL && xai__fold_same_target(fold->at, target);
  xai_json *text = again ? fold->at_text : member_of(fold, message, keys[field], XAI_JSON_STRING, after);
  if (text == NULL) return xai__fold_no_room(fold);
  fold->output_seen = true;
  return xai__fold_grow(fold, target, text, type, xai_json_str(member));
}

static xai_code merge_delta(xai_fold *fold, xai_json *message, uint32_t choice, const xai_json *delta) {
  xai_code code = XAI_OK;
  const xai_json *member = xai_json_first(delta);
  for (; code == XAI_OK && member != NULL; member = member->next) {
    xai_event_type type;
    const char *after;
    xai_fold_field field = field_of(member, &type, &after);
    if (field != XAI__FIELD_NONE) code = merge_text(fold, message, choice, field, type, after, member);
    else if (IS(member, "tool_calls")) code = merge_calls(fold, message, choice, member);
    else if (member->type != XAI_JSON_NULL) code = keep_member(fold, message, member);
  }
  return code;
}

/* {"content":[...],"refusal":[...]}: each chunk's are those of its own tokens. */
static xai_code merge_logprobs(xai_fold *fold, xai_json *choice, const xai_json *from) {
  if (from->type != XAI_JSON_OBJECT) return XAI_OK;
  xai_json *logprobs = member_of(fold, choice, "logprobs", XAI_JSON_OBJECT, NULL);
  if (logprobs == NULL) return xai__fold_no_room(fold);
  for (const xai_json *list = xai_json_first(from); list != NULL; list = list->next) {
    xai_json *none = NULL, *known = find_same(logprobs, list, &none);
    xai_code code = XAI_OK;
    if (!is_type(known, XAI_JSON_ARRAY) || list->type != XAI_JSON_ARRAY) {
      code = keep_member(fold, logprobs, list);
      if (code != XAI_OK) return code;
      continue;
    }
    for (const xai_json *token = xai_json_first(list); code == XAI_OK && token != NULL; token = token->next) {
      xai_json *copy = xai__fold_keep(fold, token);
      code = copy != NULL ? xai__json_push(fold->tree, known, copy) : XAI_ERR_NOMEM;
    }
    if (code != XAI_OK) return xai__fold_check(fold, code);
  }
  return XAI_OK;
}

/* What a message is before anything was said: as in a whole answer. */
static xai_json *new_choice(xai_fold *fold, xai_json *choices, uint32_t index) {
  xai_json_doc *tree = fold->tree;
  xai_json *choice = xai__json_new(tree, XAI_JSON_OBJECT), *message = xai__json_new(tree, XAI_JSON_OBJECT);
  if (choice == NULL || message == NULL) return NULL;
  xai_code code = xai__fold_set(fold, choice, "index", xai__json_new_int(tree, index));
  if (code == XAI_OK) code = xai__fold_set(fold, choice, "message", message);
  if (code == XAI_OK) code = set_new(fold, choice, "finish_reason", XAI_JSON_NULL);
  if (code == XAI_OK) {
    code = xai__fold_set(fold, message, "role", xai__json_new_str(tree, xai_str_of("assistant")));
  }
  if (code == XAI_OK) code = set_new(fold, message, "content", XAI_JSON_STRING);
  if (code == XAI_OK) code = set_new(fold, message, "refusal", XAI_JSON_NULL);
  if (code == XAI_OK) code = xai__json_put(tree, choices, index, choice);
  return code == XAI_OK ? choice : NULL;
}

static xai_code merge_choice(xai_fold *fold, xai_json *choices, uint32_t position, const xai_json *from) {
  uint32_t index;
  xai_code code =
    xai__fold_index(fold, xai_json_get(from, "index"), "the index of a choice", position, &index);
  if (code != XAI_OK) return code;
  xai_json *choice = xai__json_at(choices, index);
  if (!is_type(choice, XAI_JSON_OBJECT)) choice = new_choice(fold, choices, index);
  if (choice == NULL) return xai__fold_no_room(fold);

  const xai_json *member = xai_json_first(from);
  for (; code == XAI_OK && member != NULL; member = member->next) {
    if (IS(member, "index")) continue;
    if (IS(member, "delta")) {
      xai_json *message = member_of(fold, choice, "message", XAI_JSON_OBJECT, "index");
      code = message != NULL ? merge_delta(fold, message, index, member) : xai__fold_no_room(fold);
    } else if (IS(member, "logprobs")) {
      code = merge_logprobs(fold, choice, member);
    } else if (member->type != XAI_JSON_NULL) {
      if (IS(member, "finish_reason")) {
        fold->output_seen = true;
        code = xai__fold_settle(fold, (xai_fold_target){XAI__FIELD_ITEM, index, 0});
      }
      if (code == XAI_OK) code = keep_member(fold, choice, member);
    }
  }
  return code;
}

/* ---- a chunk ---- */

static xai_code merge_choices(xai_fold *fold, const xai_json *from) {
  if (from->type == XAI_JSON_NULL) return XAI_OK;
  if (from->type != XAI_JSON_ARRAY) {
    return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL, "the choices of a chunk are not a list");
  }
  xai_json *choices = member_of(fold, fold->response, "choices", XAI_JSON_ARRAY, NULL);
  if (choices == NULL) return xai__fold_no_room(fold);
  uint32_t position = 0;
  for (const xai_json *choice = xai_json_first(from); choice != NULL; choice = choice->next, position++) {
    if (choice->type != XAI_JSON_OBJECT) continue;
    xai_code code = merge_choice(fold, choices, position, choice);
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

static xai_code merge_member(xai_fold *fold, const xai_json *member, xai_json **hint) {
  xai_json *response = fold->response, *known = find_same(response, member, hint);
  if (IS(member, "choices")) return merge_choices(fold, member);
  if (IS(member, "object")) {
    if (known != NULL) return XAI_OK;
    return xai__fold_set(fold, response, "object",
                         xai__json_new_str(fold->tree, xai_str_of("chat.completion")));
  }
  bool late_usage = known == NULL && IS(member, "usage");
  if (late_usage && member->type == XAI_JSON_NULL) return XAI_OK;
  xai_code code = keep_value(fold, response, known, member);
  if (code == XAI_OK && late_usage) xai__fold_move_behind(response, "choices");
  return code;
}

static bool is_error(const xai_json *chunk) {
  const xai_json *error = xai_json_get(chunk, "error");
  return is_type(error, XAI_JSON_OBJECT) || is_type(error, XAI_JSON_STRING) || xai__is_error_frame(chunk);
}

static bool is_ping(const xai_json *chunk) {
  return xai__str_eq(xai_json_str(xai_json_get(chunk, "type")), "ping");
}

static xai_code merge_chunk(xai_fold *fold, const xai_json *chunk) {
  if (fold->response == NULL) {
    xai_json *response = xai__json_new(fold->tree, XAI_JSON_OBJECT);
    if (response == NULL) return xai__fold_no_room(fold);
    xai__json_set_root(fold->tree, response);
    fold->response = response;
  }
  xai_code code = XAI_OK;
  xai_json *hint = fold->response->as.list.first;
  const xai_json *member = xai_json_first(chunk);
  for (; code == XAI_OK && member != NULL; member = member->next) code = merge_member(fold, member, &hint);
  return code;
}

xai_code xai__chat_event(xai_fold *fold, const xai_json *chunk) {
  /* A chunk with choices is one, whatever else it holds. */
  if (xai_json_len(xai_json_get(chunk, "choices")) == 0) {
    if (is_ping(chunk)) return XAI_MORE;
    if (is_error(chunk)) {
      xai__error_from_json(xai__fold_why(fold), 200, chunk);
      return XAI_ERR_API;
    }
  }
  fold->name = xai_str_of("chat.completion.chunk");
  return merge_chunk(fold, chunk);
}

xai_json *xai__chat_find(xai_fold *fold, xai_fold_target target, xai_event_type *type) {
  xai_json *choice = xai__json_at(xai__json_get(fold->response, "choices"), target.output);
  xai_json *holder = xai__json_get(choice, "message");
  const char *key = NULL;
  *type = XAI_EVENT_API;
  switch (target.field) {
    case XAI__FIELD_TEXT: *type = XAI_EVENT_TEXT, key = "content"; break;
    case XAI__FIELD_REFUSAL: *type = XAI_EVENT_REFUSAL, key = "refusal"; break;
    case XAI__FIELD_REASONING: *type = XAI_EVENT_REASONING, key = "reasoning_content"; break;
    case XAI__FIELD_ARGUMENTS: *type = XAI_EVENT_ARGUMENTS, key = "arguments"; break;
    case XAI__FIELD_NAME: key = "name"; break;
    default: return NULL;
  }
  if (target.field == XAI__FIELD_ARGUMENTS || target.field == XAI__FIELD_NAME) {
    holder = xai__json_get(xai__json_at(xai__json_get(holder, "tool_calls"), target.content), "function");
  }
  xai_json *text = xai__json_get(holder, key);
  return is_type(text, XAI_JSON_STRING) ? text : NULL;
}

/* ---- the end ---- */

static bool is_whole(xai_str finish) {
  return xai__str_eq(finish, "stop") || xai__str_eq(finish, "tool_calls") ||
         xai__str_eq(finish, "end_turn") || xai__str_eq(finish, "function_call");
}

/* XAI_MORE: a call's arguments stop in the middle, whatever the finish reason claims. */
static xai_code check_calls(xai_fold *fold, const xai_json *choice) {
  const xai_json *calls = xai_json_get(xai_json_get(choice, "message"), "tool_calls");
  for (const xai_json *call = xai_json_first(calls); call != NULL; call = call->next) {
    xai_code code = xai__fold_arguments(fold, xai_json_get(xai_json_get(call, "function"), "arguments"));
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

static xai_code end_open(xai_fold *fold, bool marker) {
  if (marker) xai__fail(xai__fold_why(fold), XAI_ERR_EARLY, "no finish reason");
  else xai__fail(xai__fold_why(fold), XAI_ERR_EARLY, NULL);
  xai__fold_finish(fold, XAI_OUTCOME_INCOMPLETE, marker ? "no finish reason" : "ended early");
  return XAI_OK;
}

xai_code xai__chat_judge(xai_fold *fold, bool marker) {
  xai_code code = xai__fold_settle(fold, (xai_fold_target){XAI__FIELD_NONE, 0, 0});
  if (code != XAI_OK) return code;
  xai_str cut = {NULL, 0};
  bool finished = false;
  const xai_json *choice = xai_json_first(xai_json_get(fold->response, "choices"));
  for (; choice != NULL; choice = choice->next) {
    if (choice->type != XAI_JSON_OBJECT) continue; /* an index never announced */
    xai_str finish = xai_json_str(xai_json_get(choice, "finish_reason"));
    if (finish.len == 0) return end_open(fold, marker);
    finished = true;
    bool worse = cut.len == 0 || xai__str_eq(finish, "content_filter");
    if (!is_whole(finish) && worse) cut = finish;
    code = check_calls(fold, choice);
    if (code < 0) return code;
    if (code == XAI_MORE && cut.len == 0) cut = xai_str_of("arguments cut");
  }
  if (!finished) return end_open(fold, marker);
  if (!marker) fold->flags |= XAI_FLAG_MARKER_MISSING;
  if (cut.len > 0) xai__fold_cut(fold, cut);
  else xai__fold_finish(fold, XAI_OUTCOME_COMPLETE, "");
  return XAI_OK;
}

xai_str xai__chat_text(xai_fold *fold) {
  const xai_json *choice = xai_json_first(xai_json_get(fold->response, "choices"));
  xai_str text = xai_json_str(xai_json_get(xai_json_get(choice, "message"), "content"));
  return text.len > 0 ? text : xai_str_of("");
}
