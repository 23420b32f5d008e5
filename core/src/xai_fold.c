/* xai_fold.c - the fold's life: memory under one cap, events in, deltas out, and how it ended.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "xai_fold_int.h"

enum {
  DEFAULT_CAP = 128 << 20,
  FIRST_WASTE = 256 << 10 /* the tree does not move for less */
};

/* ---- memory ---- */

/* One allocator for documents and buffers alike, so that the cap holds for their sum. */
static void *meter(void *user, void *ptr, size_t old_size, size_t new_size) {
  xai_fold *fold = user;
  if (ptr == NULL) old_size = 0;
  if (new_size > old_size && new_size - old_size > fold->cap - fold->held) {
    fold->over = true;
    return NULL;
  }
  void *fresh = fold->under.fn(fold->under.user, ptr, old_size, new_size);
  if (new_size > 0 && fresh == NULL) return NULL;
  fold->held = fold->held - old_size + new_size;
  return fresh;
}

xai_error *xai__fold_why(xai_fold *fold) {
  return xai__why_fill(&fold->why, &fold->under);
}

xai_code xai__fold_no_room(xai_fold *fold) {
  return xai__fail(xai__fold_why(fold), fold->over ? XAI_ERR_TOO_BIG : XAI_ERR_NOMEM, NULL);
}

xai_code xai__fold_check(xai_fold *fold, xai_code code) {
  if (code == XAI_ERR_NOMEM) return xai__fold_no_room(fold);
  return code < 0 ? xai__fail(xai__fold_why(fold), code, NULL) : code;
}

static xai_json_doc *new_doc(xai_fold *fold) {
  /* The meter's cap comes first. */
  return xai_json_doc_new(&fold->mem, fold->max_depth, SIZE_MAX / 4);
}

/* Put a tree that is a copy into the place of the old one. */
static void move_in(xai_fold *fold, xai_json_doc *doc, xai_json *root) {
  xai_json_doc_free(fold->tree);
  xai__json_set_root(doc, root);
  fold->tree = doc;
  fold->response = root;
  fold->at_text = NULL;
  fold->waste = 0;
}

/* Replaced values stay in the arena; once they weigh more than the tree, the tree moves out. So the cost is
 * linear in what came, and a stream that repeats itself for ever holds no more than twice its tree. */
static xai_code sweep(xai_fold *fold) {
  if (fold->waste <= fold->waste_limit || fold->response == NULL) return XAI_OK;
  size_t before = fold->held;
  xai_json_doc *doc = new_doc(fold);
  xai_json *root = doc != NULL ? xai__json_copy(doc, fold->response) : NULL;
  if (root == NULL) {
    xai_json_doc_free(doc);
    return xai__fold_no_room(fold);
  }
  size_t live = fold->held - before;
  fold->waste_limit = live > FIRST_WASTE ? live : FIRST_WASTE;
  move_in(fold, doc, root);
  return XAI_OK;
}

/* ---- ends ---- */

void xai__fold_finish(xai_fold *fold, xai_outcome outcome, const char *reason) {
  fold->end = (xai_fold_end){true, outcome, reason};
}

/* The API's reasons and finish reasons for stopping short. */
typedef struct cut_row {
  const char *said;
  const char *reason;
  xai_kind kind;
} cut_row;

static const cut_row cut_rows[] = {
  {"max_output_tokens", "max_output_tokens", XAI_KIND_TRUNCATED},
  {"length", "max_output_tokens", XAI_KIND_TRUNCATED},
  {"max_tokens", "max_output_tokens", XAI_KIND_TRUNCATED},
  {"max_prompt_tokens", "max_prompt_tokens", XAI_KIND_CONTEXT_LENGTH},
  {"max_context", "max_prompt_tokens", XAI_KIND_CONTEXT_LENGTH},
  {"max_time_limit", "max_time_limit", XAI_KIND_TRUNCATED},
  {"time_limit", "max_time_limit", XAI_KIND_TRUNCATED},
  {"content_filter", "content_filter", XAI_KIND_POLICY},
  {"cancelled", "cancelled", XAI_KIND_TRUNCATED},
  {"arguments cut", "arguments cut", XAI_KIND_TRUNCATED},
};

void xai__fold_cut(xai_fold *fold, xai_str api_reason) {
  const char *reason = "incomplete";
  xai_kind kind = XAI_KIND_TRUNCATED;
  for (size_t i = 0; i < sizeof cut_rows / sizeof cut_rows[0]; i++) {
    if (!xai__str_eq(api_reason, cut_rows[i].said)) continue;
    reason = cut_rows[i].reason;
    kind = cut_rows[i].kind;
  }
  int shown = api_reason.len < 64 ? (int)api_reason.len : 64;
  if (shown > 0) xai__fail(xai__fold_why(fold), XAI_ERR_TRUNCATED, "%.*s", shown, api_reason.ptr);
  else xai__fail(xai__fold_why(fold), XAI_ERR_TRUNCATED, NULL);
  if (fold->why.error != NULL) fold->why.error->kind = kind;
  xai__fold_finish(fold, XAI_OUTCOME_INCOMPLETE, reason);
}

static void end_early(xai_fold *fold) {
  xai__fail(xai__fold_why(fold), XAI_ERR_EARLY, NULL);
  xai__fold_finish(fold, XAI_OUTCOME_INCOMPLETE, "ended early");
}

static const char *reason_of(xai_code code) {
  switch (code) {
    case XAI_ERR_API: return "error";
    case XAI_ERR_PROTOCOL: return "protocol broken";
    case XAI_ERR_TOO_BIG: return "too big";
    case XAI_ERR_NOMEM: return "out of memory";
    default: return "an event is not JSON";
  }
}

static void drop_deltas(xai_fold *fold) {
  xai__buf_reset(&fold->deltas);
  fold->delta_count = fold->delta_next = 0;
}

/* An event that ends the stream badly. fold->why is filled. */
static xai_code break_off(xai_fold *fold, xai_code code, xai_error *err) {
  xai_why why = fold->why;
  fold->why = (xai_why){0};
  xai__fold_settle(fold, (xai_fold_target){XAI__FIELD_NONE, 0, 0}); /* what can be saved */
  drop_deltas(fold);
  xai__why_drop(&fold->why, &fold->under);
  fold->why = why;
  if (why.lost) code = XAI_ERR_NOMEM;
  fold->broken = code;
  bool refused = code == XAI_ERR_API;
  xai_outcome outcome = refused ? XAI_OUTCOME_REFUSED : XAI_OUTCOME_FAILED;
  xai__fold_finish(fold, fold->output_seen ? XAI_OUTCOME_INCOMPLETE : outcome, reason_of(code));
  if (err != NULL) *err = *xai__why_read(&fold->why);
  return code;
}

xai_code xai__fold_arguments(xai_fold *fold, const xai_json *arguments) {
  xai_str text = xai__str_trim(xai_json_str(arguments));
  if (text.len == 0) return XAI_OK; /* a call without arguments */
  xai_error why;
  xai_json_doc *doc = new_doc(fold);
  if (doc == NULL) return xai__fold_no_room(fold);
  xai__error_clear(&why);
  bool read = xai_json_parse(doc, text.ptr, text.len, XAI_JSON_BORROW, &why) != NULL;
  xai_json_doc_free(doc);
  if (read) return XAI_OK;
  if (why.code == XAI_ERR_NOMEM || why.code == XAI_ERR_TOO_BIG) return xai__fold_no_room(fold);
  return why.offset >= text.len ? XAI_MORE : XAI_OK;
}

/* ---- the response ---- */

xai_code xai__fold_replace(xai_fold *fold, const xai_json *answer, const char *keep) {
  const xai_json *former = keep != NULL ? xai_json_get(fold->response, keep) : NULL;
  bool keeps = xai_json_len(former) > 0 && xai_json_len(xai_json_get(answer, keep)) == 0;
  xai_json_doc *doc = new_doc(fold);
  if (doc == NULL) return xai__fold_no_room(fold);

  /* As many values as the event has, and their texts, which it only borrows. */
  xai__json_doc_expect(doc, xai__json_doc_used(fold->event) + fold->size);
  xai_json_doc *tree = fold->tree;
  fold->tree = doc; /* where kept values go */
  xai_json *root = xai__fold_keep(fold, answer);
  fold->tree = tree;
  xai_code code = root != NULL ? XAI_OK : XAI_ERR_NOMEM;
  if (code == XAI_OK && keeps) {
    xai_json *copy = xai__json_copy(doc, former);
    code = copy != NULL ? xai__json_set(doc, root, keep, copy) : XAI_ERR_NOMEM;
  }
  if (code != XAI_OK) {
    xai_json_doc_free(doc);
    return xai__fold_check(fold, code);
  }
  move_in(fold, doc, root);
  return XAI_OK;
}

xai_code xai__fold_delta(xai_fold *fold, xai_event_type type, xai_fold_target target, xai_str text) {
  xai_delta delta = {type, fold->name, text, target.output, target.content};
  xai_code code = XAI_OK;
  if (fold->delta_count == 0) fold->delta = delta;
  else code = xai__buf_add(&fold->deltas, (const char *)&delta, sizeof delta);
  if (code == XAI_OK) fold->delta_count++;
  return xai__fold_check(fold, code);
}

/* ---- life ---- */

xai_fold *xai__fold_new(const xai_mem *mem, xai_reply kind, unsigned max_depth, size_t max_bytes) {
  xai_mem under = xai__mem(mem);
  xai_fold *fold = xai__alloc(&under, sizeof *fold);
  if (fold == NULL) return NULL;
  fold->under = under;
  fold->mem = (xai_mem){meter, fold};
  fold->cap = max_bytes > 0 ? max_bytes : DEFAULT_CAP;
  fold->kind = kind;
  fold->max_depth = max_depth;
  fold->waste_limit = FIRST_WASTE;
  xai__buf_init(&fold->deltas, &fold->mem, SIZE_MAX);
  xai__buf_init(&fold->closed, &fold->mem, SIZE_MAX);
  xai__buf_init(&fold->text, &fold->mem, SIZE_MAX);
  xai__buf_init(&fold->scratch, &fold->mem, SIZE_MAX);
  fold->event = new_doc(fold);
  fold->tree = new_doc(fold);
  if (fold->event != NULL && fold->tree != NULL) return fold;
  xai__fold_free(fold);
  return NULL;
}

void xai__fold_free(xai_fold *fold) {
  if (fold == NULL) return;
  xai_json_doc_free(fold->event);
  xai_json_doc_free(fold->tree);
  xai__free(&fold->mem, fold->halves, XAI__FOLD_HALVES * sizeof *fold->halves);
  xai__buf_deinit(&fold->deltas);
  xai__buf_deinit(&fold->closed);
  xai__buf_deinit(&fold->text);
  xai__buf_deinit(&fold->scratch);
  xai_mem under = fold->under;
  xai__why_drop(&fold->why, &under);
  xai__free(&under, fold, sizeof *fold);
}

void xai__fold_reset(xai_fold *fold) {
  xai__json_doc_reset(fold->event);
  xai__json_doc_reset(fold->tree);
  drop_deltas(fold);
  xai__buf_reset(&fold->closed);
  xai__buf_reset(&fold->text);
  fold->response = NULL;
  fold->at_text = NULL;
  fold->waste = 0;
  fold->half_count = 0;
  fold->output_seen = false;
  fold->flags = 0;
  fold->end = (xai_fold_end){false, XAI_OUTCOME_NONE, ""};
  fold->broken = XAI_OK;
  xai__why_drop(&fold->why, &fold->under);
}

/* ---- events ---- */

/* Some servers send their errors as plain text, under the name "error". */
static xai_code not_json(xai_fold *fold, xai_str name, xai_str data) {
  xai_code code = xai__why_read(&fold->why)->code;
  if (code == XAI_ERR_NOMEM || code == XAI_ERR_TOO_BIG) return xai__fold_no_room(fold);
  if (!xai__str_eq(name, "error")) return code;
  xai__error_from_api(xai__fold_why(fold), &fold->mem, 200, xai_str_of(""), data);
  return XAI_ERR_API;
}

static const xai_json *parse(xai_fold *fold, xai_str text) {
  fold->lone = xai__fold_lone_half(text);
  unsigned flags = XAI_JSON_BORROW | (fold->lone ? XAI_JSON_SURROGATES : 0);
  const xai_json *value = xai_json_parse(fold->event, text.ptr, text.len, flags, NULL);
  /* Clearing an error for each event costs more than asking a second time why it failed. */
  return value != NULL ? value : xai_json_parse(fold->event, text.ptr, text.len, flags, xai__fold_why(fold));
}

static xai_code read_event(xai_fold *fold, xai_str name, xai_str data) {
  xai_code code = fold->kind == XAI_REPLY_RESPONSES ? xai__fold_quick(fold, data) : XAI_MORE;
  if (code != XAI_MORE) return code;
  const xai_json *event = parse(fold, data);
  if (event == NULL) return not_json(fold, name, data);
  if (xai_json_type_of(event) != XAI_JSON_OBJECT) {
    return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL, "an event is not a JSON object");
  }
  fold->name = name;
  return fold->kind == XAI_REPLY_CHAT ? xai__chat_event(fold, event) : xai__responses_event(fold, event);
}

/* "[DONE]": whatever has not come by now will not come. */
static xai_code read_marker(xai_fold *fold) {
  if (fold->kind == XAI_REPLY_CHAT) return xai__chat_judge(fold, true);
  xai_code code = xai__fold_settle(fold, (xai_fold_target){XAI__FIELD_NONE, 0, 0});
  if (code == XAI_OK) end_early(fold);
  return code;
}

xai_code xai__fold_event(xai_fold *fold, xai_str name, xai_str data, xai_error *err) {
  drop_deltas(fold);
  if (fold->broken != XAI_OK) return xai__fail(err, fold->broken, "the stream has ended");
  if (fold->end.ended || data.len == 0 || (name.len == 4 && xai__str_eq(name, "ping"))) return XAI_OK;
  fold->over = false;
  fold->name = name;
  if (data.ptr[0] == '[' && xai__str_eq(xai__str_trim(data), "[DONE]")) {
    xai_code code = read_marker(fold);
    return code == XAI_OK ? code : break_off(fold, code, err);
  }

  fold->size = data.len;
  xai_code code = sweep(fold);
  if (code == XAI_OK) code = read_event(fold, name, data);
  if (code == XAI_MORE) return XAI_OK; /* a ping in the data */
  if (code == XAI_OK && fold->delta_count == 0) {
    code = xai__fold_delta(fold, XAI_EVENT_API, (xai_fold_target){XAI__FIELD_NONE, 0, 0}, xai_str_of(""));
  }
  return code == XAI_OK ? code : break_off(fold, code, err);
}

xai_code xai__fold_next(xai_fold *fold, xai_delta *delta) {
  if (fold->delta_next == fold->delta_count) return XAI_MORE;
  size_t at = fold->delta_next++;
  if (at == 0) *delta = fold->delta;
  else memcpy(delta, fold->deltas.ptr + (at - 1) * sizeof *delta, sizeof *delta);
  return XAI_OK;
}

void xai__fold_expect(const xai_fold *fold) {
  xai__fetch(fold->event, sizeof *fold->event);
  xai__fetch(fold->tree, sizeof *fold->tree);
  xai__fetch(fold->at_text, sizeof *fold->at_text);
}

void xai__fold_rest(xai_fold *fold) {
  if (fold->delta_next < fold->delta_count) return;
  fold->name = xai_str_of("");
  xai__json_doc_empty(fold->event);
  drop_deltas(fold);
  xai__buf_deinit(&fold->deltas);
  xai__buf_deinit(&fold->scratch);
}

/* ---- a whole answer ---- */

/* Light: the fields that a program cannot do without. What else the paths answer ({"request_id"} of a
 * deferred completion, {"deleted":true}) is taken as it is. */
static bool is_answer(xai_fold *fold, const xai_json *answer) {
  if (fold->kind == XAI_REPLY_CHAT)
    return xai_json_type_of(xai_json_get(answer, "choices")) == XAI_JSON_ARRAY;
  return xai_json_type_of(xai_json_get(answer, "output")) == XAI_JSON_ARRAY ||
         xai_json_type_of(xai_json_get(answer, "status")) == XAI_JSON_STRING;
}

static bool is_receipt(const xai_json *answer) {
  return xai_json_type_of(xai_json_get(answer, "request_id")) == XAI_JSON_STRING ||
         xai_json_type_of(xai_json_get(answer, "deleted")) == XAI_JSON_BOOL;
}

static xai_code judge_whole(xai_fold *fold, bool answers) {
  fold->output_seen = true;
  if (answers)
    return fold->kind == XAI_REPLY_CHAT ? xai__chat_judge(fold, true) : xai__responses_judge(fold, "");
  xai__fold_finish(fold, XAI_OUTCOME_COMPLETE, "");
  return XAI_OK;
}

/* What was parsed is the response as it stands; its texts lie in the body. */
static void adopt(xai_fold *fold) {
  xai_json_doc *tree = fold->event;
  fold->event = fold->tree;
  fold->tree = tree;
  fold->response = xai__json_root(tree);
}

static xai_code keep_whole(xai_fold *fold, const xai_json *answer, bool answers) {
  if (fold->lone) {
    xai_code code = xai__fold_replace(fold, answer, NULL);
    return code == XAI_OK ? judge_whole(fold, answers) : code;
  }
  adopt(fold);
  xai_code code = judge_whole(fold, answers);
  if (code == XAI_OK && fold->end.outcome == XAI_OUTCOME_COMPLETE) return code;
  /* Beside an error the body is shown without the key, and the response with what the model said (R8): so they part. */
  xai_code parted = xai__fold_replace(fold, fold->response, NULL);
  if (parted == XAI_OK) return code;
  fold->response = NULL;
  fold->output_seen = false;
  return parted;
}

static xai_code read_whole(xai_fold *fold, xai_str body) {
  const xai_json *answer = parse(fold, body);
  if (answer == NULL) return not_json(fold, xai_str_of(""), body);
  bool answers = is_answer(fold, answer);
  if (!answers && xai__is_error_frame(answer)) {
    xai__error_from_json(xai__fold_why(fold), 200, answer);
    return XAI_ERR_API;
  }
  if (!answers && !is_receipt(answer)) {
    bool chat = fold->kind == XAI_REPLY_CHAT;
    return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL,
                     chat ? "an answer without choices" : "a response without output and status");
  }
  return keep_whole(fold, answer, answers);
}

xai_code xai__fold_whole(xai_fold *fold, xai_str body, xai_error *err) {
  xai__fold_reset(fold);
  fold->over = false;
  xai_code code = read_whole(fold, xai__str_trim(body));
  return code == XAI_OK ? code : break_off(fold, code, err);
}

/* ---- looking ---- */

xai_fold_end xai__fold_state(xai_fold *fold, bool input_over, xai_error *err) {
  if (input_over && !fold->end.ended) {
    xai_code code = XAI_OK;
    if (fold->kind == XAI_REPLY_CHAT) code = xai__chat_judge(fold, false);
    else code = read_marker(fold);
    if (code != XAI_OK) break_off(fold, code, NULL);
  }
  if (err != NULL && fold->end.ended && fold->end.outcome != XAI_OUTCOME_COMPLETE)
    *err = *xai__why_read(&fold->why);
  if (!fold->end.ended) return (xai_fold_end){false, XAI_OUTCOME_NONE, ""};
  return fold->end;
}

const xai_json *xai__fold_response(xai_fold *fold) {
  return fold->response;
}

xai_str xai__fold_text(xai_fold *fold) {
  if (fold->response == NULL) return xai_str_of("");
  return fold->kind == XAI_REPLY_CHAT ? xai__chat_text(fold) : xai__responses_text(fold);
}

bool xai__fold_output_seen(const xai_fold *fold) {
  return fold->output_seen;
}

unsigned xai__fold_flags(const xai_fold *fold) {
  return fold->flags;
}
