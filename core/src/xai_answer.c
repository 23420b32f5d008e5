/* xai_answer.c - from the bytes of one answer to deltas and a verdict.
 * SPDX-License-Identifier: MIT */
#include "xai_answer.h"

#include <string.h>

#include "xai_sse.h"

enum {
  INBOX_FULL = 64 << 10, /* a stream with this much unread is not read further      */
  HOT_OF_SSE = 192,      /* bytes that an event that comes whole looks at    */
  HOT_OF_FOLD = 288,
  KEPT_ERROR_BODY = 64 << 10, /* of an error answer; the rest is thrown away             */
  SHOWN_BODY = 200            /* of an answer that is not JSON, in the message           */
};

void xai__answer_init(xai_answer *answer, const xai_mem *mem, xai_reply reply, bool stream_asked,
                      const xai_limits *limits) {
  *answer = (xai_answer){.mem = *mem, .reply = reply, .stream_asked = stream_asked, .limits = limits};
  xai__buf_init(&answer->headers, mem, limits->max_headers);
  xai__buf_init(&answer->inbox, mem, limits->max_response);
  xai__buf_init(&answer->lent, mem, limits->max_response);
}

static void drop_errors(xai_answer *answer) {
  xai__why_drop(&answer->verdict.why, &answer->mem);
  xai__why_drop(&answer->end.why, &answer->mem);
}

void xai__answer_deinit(xai_answer *answer) {
  xai__buf_deinit(&answer->headers);
  xai__buf_deinit(&answer->inbox);
  xai__buf_deinit(&answer->lent);
  xai_sse_free(answer->sse);
  xai__fold_free(answer->fold);
  xai_json_doc_free(answer->doc);
  drop_errors(answer);
}

void xai__answer_reset(xai_answer *answer) {
  drop_errors(answer);
  xai_answer old = *answer;
  *answer = (xai_answer){.mem = old.mem,
                         .reply = old.reply,
                         .stream_asked = old.stream_asked,
                         .range_asked = old.range_asked,
                         .limits = old.limits,
                         .headers = old.headers,
                         .inbox = old.inbox,
                         .lent = old.lent,
                         .sse = old.sse,
                         .fold = old.fold,
                         .doc = old.doc};
  xai__buf_reset(&answer->headers);
  xai__buf_reset(&answer->inbox);
  xai__buf_reset(&answer->lent);
  if (answer->sse != NULL) xai_sse_reset(answer->sse);
  if (answer->fold != NULL) xai__fold_reset(answer->fold);
}

void xai__answer_status(xai_answer *answer, int status) {
  answer->status = status;
}

/* ---- the verdict */

static xai_error *why_of(xai_answer *answer) {
  return xai__why_fill(&answer->verdict.why, &answer->mem);
}

static void keep_why(xai_answer *answer, const xai_error *err) {
  xai__why_keep(&answer->verdict.why, &answer->mem, err);
}

static xai_code why_code(const xai_answer *answer) {
  return xai__why_read(&answer->verdict.why)->code;
}

static xai_code judge(xai_answer *answer, xai_outcome outcome, xai_attempt_class outcome_class,
                      const char *reason) {
  xai_verdict *verdict = &answer->verdict;
  verdict->outcome = outcome;
  verdict->outcome_class = outcome_class;
  verdict->reason = reason;
  if (verdict->phase == NULL) verdict->phase = outcome == XAI_OUTCOME_COMPLETE ? "done" : "body";
  xai_error *err = verdict->why.error;
  if (err == NULL) return XAI_MORE;
  err->http_status = answer->status;
  xai__str_copy(err->request_id, sizeof err->request_id, xai__answer_request_id(answer));
  return XAI_MORE;
}

static xai_code judge_complete(xai_answer *answer) {
  xai__why_drop(&answer->verdict.why, &answer->mem);
  return judge(answer, XAI_OUTCOME_COMPLETE, XAI_ATTEMPT_ANSWERED, "");
}

/* The wire broke, or fell silent, within a whole answer: a part of it is here, in the result's body (F25). */
static bool part_came(const xai_answer *answer) {
  xai_code code = answer->end.code;
  bool broke =
    code == XAI_ERR_SHORT || code == XAI_ERR_RESET || code == XAI_ERR_SILENCE || code == XAI_ERR_DEADLINE;
  return broke && answer->mode == ANSWER_WHOLE && answer->body_bytes > 0;
}

/* A failure with the error already filled. Output that was given makes it an incomplete answer; a part that
 * nobody was given does too, but whether it may be asked for again is a matter of its class as ever. */
static xai_code judge_failed(xai_answer *answer, xai_attempt_class outcome_class, const char *reason) {
  if (xai__answer_output_seen(answer))
    return judge(answer, XAI_OUTCOME_INCOMPLETE, XAI_ATTEMPT_ANSWERED, reason);
  if (part_came(answer)) return judge(answer, XAI_OUTCOME_INCOMPLETE, outcome_class, reason);
  bool refused = why_code(answer) == XAI_ERR_API && outcome_class == XAI_ATTEMPT_REFUSED;
  return judge(answer, refused ? XAI_OUTCOME_REFUSED : XAI_OUTCOME_FAILED, outcome_class, reason);
}

static xai_code judge_api_error(xai_answer *answer) {
  const xai_error *err = xai__why_read(&answer->verdict.why);
  return judge_failed(answer, xai__class_of_status(answer->status, err), "");
}

static const char *reason_of(xai_code code) {
  switch (code) {
    case XAI_ERR_RESET: return "reset";
    case XAI_ERR_SHORT: return "body shorter than announced";
    case XAI_ERR_EARLY: return "ended early";
    case XAI_ERR_DEADLINE: return "deadline";
    case XAI_ERR_SILENCE: return "silence";
    case XAI_ERR_TOO_BIG: return "too big";
    default: return "";
  }
}

/* Which of the limits was met. */
static void fail_too_big(const xai_answer *answer, xai_error *err) {
  const xai_limits *limits = answer->limits;
  bool event = answer->mode == ANSWER_STREAM && answer->body_bytes < limits->max_response;
  if (event) xai__fail(err, XAI_ERR_TOO_BIG, "an event, max_event is %zu bytes", limits->max_event);
  else xai__fail(err, XAI_ERR_TOO_BIG, "the answer, max_response is %zu bytes", limits->max_response);
}

/* The bytes ended badly. */
static xai_code judge_wire(xai_answer *answer) {
  answer_end *end = &answer->end;
  xai_verdict *verdict = &answer->verdict;
  xai__why_drop(&verdict->why, &answer->mem);
  verdict->why = end->why;
  end->why = (xai_why){0};
  verdict->phase = end->phase;
  xai_error *err = verdict->why.error;
  if (err != NULL && err->kind == XAI_KIND_NETWORK && xai__answer_output_seen(answer))
    err->kind = XAI_KIND_TRUNCATED;
  bool not_sent = !end->sent || end->not_processed;
  return judge_failed(answer, not_sent ? XAI_ATTEMPT_NOT_SENT : XAI_ATTEMPT_UNKNOWN, reason_of(end->code));
}

/* A code of our own (too big, no memory, malformed) met while reading. */
static xai_code judge_code(xai_answer *answer, xai_code code) {
  if (code == XAI_ERR_TOO_BIG) fail_too_big(answer, why_of(answer));
  else if (why_code(answer) != code) xai__fail(why_of(answer), code, NULL);
  return judge_failed(answer, XAI_ATTEMPT_UNKNOWN, reason_of(code));
}

/* ---- what kind of body it is */

static bool is_type(xai_str content_type, const char *type) {
  size_t len = strlen(type);
  return content_type.len >= len && xai__str_eq_nocase((xai_str){content_type.ptr, len}, type) &&
         (content_type.len == len || content_type.ptr[len] == ';' || content_type.ptr[len] == ' ');
}

static bool folds(const xai_answer *answer) {
  return answer->reply == XAI_REPLY_RESPONSES || answer->reply == XAI_REPLY_CHAT;
}

static xai_code make_fold(xai_answer *answer) {
  if (answer->fold == NULL)
    answer->fold =
      xai__fold_new(&answer->mem, answer->reply, answer->limits->max_depth, answer->limits->max_response * 2);
  return answer->fold ? XAI_OK : XAI_ERR_NOMEM;
}

static xai_code begin_stream(xai_answer *answer) {
  if (!answer->stream_asked) answer->flags |= XAI_FLAG_NOT_STREAMED;
  if (answer->sse == NULL) answer->sse = xai_sse_new(&answer->mem, answer->limits->max_event);
  if (answer->sse == NULL || make_fold(answer) != XAI_OK) return XAI_ERR_NOMEM;
  answer->mode = ANSWER_STREAM;
  return XAI_OK;
}

static xai_code decide_mode(xai_answer *answer) {
  if (answer->mode != ANSWER_UNDECIDED) return XAI_OK;
  answer->mode = answer->status >= 200 && answer->status < 300 ? ANSWER_WHOLE : ANSWER_ERROR;
  bool events = is_type(xai__answer_content_type(answer), "text/event-stream");
  return answer->mode == ANSWER_WHOLE && folds(answer) && events ? begin_stream(answer) : XAI_OK;
}

/* ---- bytes in */

static xai_code take_stream(xai_answer *answer, const char *bytes, size_t len) {
  answer->held = answer->inbox.len > 0 && answer->inbox.len + len > INBOX_FULL;
  if (answer->held) return XAI_MORE;
  xai__fetch(answer->sse, HOT_OF_SSE);
  xai__fetch(answer->fold, HOT_OF_FOLD);
  return xai__buf_add(&answer->inbox, bytes, len);
}

static xai_code take_error(xai_answer *answer, const char *bytes, size_t len) {
  size_t room = KEPT_ERROR_BODY > answer->inbox.len ? KEPT_ERROR_BODY - answer->inbox.len : 0;
  return xai__buf_add(&answer->inbox, bytes, len < room ? len : room);
}

static xai_code take(xai_answer *answer, const char *bytes, size_t len) {
  xai_code code = decide_mode(answer);
  if (code != XAI_OK) return code;
  if (answer->mode == ANSWER_ERROR) return take_error(answer, bytes, len);
  if (answer->body_bytes + len > answer->limits->max_response) return XAI_ERR_TOO_BIG;
  return answer->mode == ANSWER_STREAM ? take_stream(answer, bytes, len)
                                       : xai__buf_add(&answer->inbox, bytes, len);
}

xai_code xai__answer_body(xai_answer *answer, const char *bytes, size_t len) {
  if (answer->verdict.outcome != XAI_OUTCOME_NONE || answer->over || len == 0) return XAI_OK;
  xai_code code = take(answer, bytes, len);
  if (code == XAI_OK) answer->body_bytes += len;
  return code;
}

/* ---- a whole body */

/* The sentence for a 2xx body that is no JSON: status, type and its first characters. */
static xai_code judge_not_json(xai_answer *answer) {
  char shown[SHOWN_BODY], type[64];
  xai__str_copy(shown, sizeof shown, xai__str_trim(xai__buf_str(&answer->inbox)));
  xai__redact(shown);
  xai__str_copy(type, sizeof type, xai__answer_content_type(answer));
  xai__fail(why_of(answer), XAI_ERR_NOT_JSON, "HTTP %d, %s: %s", answer->status,
            type[0] ? type : "no content type", shown[0] ? shown : "an empty body");
  return judge_failed(answer, XAI_ATTEMPT_UNKNOWN, "");
}

static xai_code read_folded(xai_answer *answer) {
  xai_error err;
  if (make_fold(answer) != XAI_OK) return judge_code(answer, XAI_ERR_NOMEM);
  if (answer->stream_asked) answer->flags |= XAI_FLAG_NOT_STREAMED;
  xai_code code = xai__fold_whole(answer->fold, xai__buf_str(&answer->inbox), &err);
  if (code != XAI_OK) keep_why(answer, &err);
  if (code == XAI_ERR_API) return judge_api_error(answer);
  if (code == XAI_ERR_JSON || code == XAI_ERR_UTF8) return judge_not_json(answer);
  if (code != XAI_OK) return judge_code(answer, code);
  answer->text_due = answer->stream_asked && xai__fold_text(answer->fold).len > 0;
  xai_fold_end end = xai__fold_state(answer->fold, true, &err);
  if (end.outcome == XAI_OUTCOME_COMPLETE) return judge_complete(answer);
  keep_why(answer, &err);
  return judge(answer, end.outcome, XAI_ATTEMPT_ANSWERED, end.reason);
}

static xai_code read_json(xai_answer *answer) {
  xai_error err;
  if (answer->doc == NULL)
    answer->doc = xai_json_doc_new(&answer->mem, answer->limits->max_depth, answer->limits->max_response * 8);
  if (answer->doc == NULL) return judge_code(answer, XAI_ERR_NOMEM);
  xai_str body = xai__str_trim(xai__buf_str(&answer->inbox));
  if (body.len == 0) body = xai_str_of("null");
  answer->value = xai_json_parse(answer->doc, body.ptr, body.len, 0, &err);
  if (answer->value != NULL && xai__is_error_frame(answer->value)) {
    xai__error_from_json(why_of(answer), answer->status, answer->value);
    return judge_api_error(answer);
  }
  if (answer->value != NULL) return judge_complete(answer);
  keep_why(answer, &err);
  xai_code code = err.code;
  return code == XAI_ERR_JSON || code == XAI_ERR_UTF8 ? judge_not_json(answer) : judge_code(answer, code);
}

/* A part of something, though no part was asked for (F28). */
static xai_code judge_partial(xai_answer *answer) {
  xai__fail(why_of(answer), XAI_ERR_HTTP, "HTTP 206, but the whole was asked for");
  return judge_failed(answer, XAI_ATTEMPT_UNKNOWN, "");
}

static xai_code read_whole(xai_answer *answer) {
  if (answer->status == 206 && !answer->range_asked) return judge_partial(answer);
  if (answer->reply == XAI_REPLY_BYTES) return judge_complete(answer);
  bool markup = is_type(xai__answer_content_type(answer), "text/html");
  if (markup || (folds(answer) && answer->inbox.len == 0)) return judge_not_json(answer);
  return folds(answer) ? read_folded(answer) : read_json(answer);
}

/* Scheme, host and path alone: a user or a query may hold a secret. */
static void copy_target(char *to, size_t size, xai_str location) {
  xai__str_copy(to, size, location);
  to[strcspn(to, "?#")] = '\0';
  char *host = strstr(to, "//");
  if (host == NULL) return;
  host += 2;
  char *user_end = strrchr(host, '@');
  if (user_end != NULL) memmove(host, user_end + 1, strlen(user_end));
  xai__redact(to);
}

static xai_code read_redirect(xai_answer *answer) {
  char target[160];
  copy_target(target, sizeof target, xai__answer_find(answer, "location"));
  xai__fail(why_of(answer), XAI_ERR_REDIRECT, "HTTP %d to %s", answer->status,
            target[0] ? target : "an unnamed place");
  return judge_failed(answer, XAI_ATTEMPT_REFUSED, "");
}

static xai_code read_error(xai_answer *answer) {
  xai_str location = xai__answer_find(answer, "location");
  if (answer->status >= 300 && answer->status < 400 && location.len > 0) return read_redirect(answer);
  xai__error_from_api(why_of(answer), &answer->mem, answer->status, xai__answer_content_type(answer),
                      xai__buf_str(&answer->inbox));
  return judge_api_error(answer);
}

/* The error is made here, so that its words need no room where it went well. */
static void keep_end(xai_answer *answer, const xai_exchange_end *end) {
  answer->end = (answer_end){
    .code = end->code, .sent = end->sent, .not_processed = end->not_processed, .phase = end->phase};
  if (answer->status == 0 && end->code == XAI_OK) answer->end.code = XAI_ERR_HTTP;
  if (answer->end.code == XAI_OK) return;
  xai_error *err = xai__why_fill(&answer->end.why, &answer->mem);
  if (end->detail[0] != '\0') xai__fail(err, answer->end.code, "%s", end->detail);
  else if (end->code == XAI_ERR_TOO_BIG) fail_too_big(answer, err);
  else xai__fail(err, answer->end.code, NULL);
}

void xai__answer_end(xai_answer *answer, const xai_exchange_end *end) {
  if (answer->verdict.outcome != XAI_OUTCOME_NONE || answer->over) return;
  answer->over = true;
  keep_end(answer, end);
  bool broken = answer->end.code != XAI_OK;
  if (!broken && decide_mode(answer) != XAI_OK) judge_code(answer, XAI_ERR_NOMEM);
  else if (answer->mode == ANSWER_STREAM) return; /* judged when all of it has been pulled */
  else if (broken && answer->status < 300) judge_wire(answer);
  else if (answer->status >= 200 && answer->status < 300) read_whole(answer);
  else read_error(answer); /* the status decides, even when its body was cut */
}

/* ---- a stream, as it is pulled */

/* All that came has been read, and the final event was not among it. */
static xai_code end_of_stream(xai_answer *answer) {
  xai_error err;
  xai_fold_end end = xai__fold_state(answer->fold, true, &err);
  if (answer->end.code != XAI_OK && end.outcome != XAI_OUTCOME_COMPLETE) return judge_wire(answer);
  if (end.outcome == XAI_OUTCOME_COMPLETE) {
    /* A finish reason without its marker counts only if the body ended cleanly (F46). */
    return answer->end.code == XAI_OK ? judge_complete(answer) : judge_wire(answer);
  }
  keep_why(answer, &err);
  if (!xai__answer_output_seen(answer)) return judge_failed(answer, XAI_ATTEMPT_UNKNOWN, end.reason);
  return judge(answer, end.outcome, XAI_ATTEMPT_ANSWERED, end.reason);
}

static xai_code fold_failed(xai_answer *answer, xai_code code) {
  if (code == XAI_ERR_API) return judge_api_error(answer);
  if (code != XAI_ERR_JSON && code != XAI_ERR_UTF8) return judge_code(answer, code);
  xai_error *err = why_of(answer);
  size_t offset = err != NULL ? err->offset : 0;
  xai__fail(err, XAI_ERR_JSON, "event %llu of the stream, byte %zu of its data",
            (unsigned long long)answer->events, offset);
  if (err != NULL) err->offset = (size_t)xai_sse_offset(answer->sse);
  return judge_failed(answer, XAI_ATTEMPT_UNKNOWN, "an event is not JSON");
}

/* Lend the inbox to the parser; the buffers change places. */
static xai_code lend(xai_answer *answer) {
  xai_buf empty = answer->lent;
  answer->lent = answer->inbox;
  answer->inbox = empty;
  xai__buf_reset(&answer->inbox);
  answer->reading = true;
  return xai_sse_feed(answer->sse, answer->lent.ptr, answer->lent.len);
}

/* One event from the parser into the fold: XAI_OK when deltas may be pulled, XAI_MORE at the end of the bytes. */
static xai_code read_event(xai_answer *answer) {
  xai_sse_event event;
  xai_code code = xai_sse_next(answer->sse, &event);
  if (code == XAI_MORE) answer->reading = false;
  if (code != XAI_OK) return code;
  answer->events++;
  if (event.replaced) answer->flags |= XAI_FLAG_TEXT_REPLACED;
  answer->event_data = event.data;
  xai_error err;
  code = xai__fold_event(answer->fold, event.name, event.data, &err);
  if (code != XAI_OK) keep_why(answer, &err);
  return code;
}

/* The API said that it is over. */
static xai_code end_of_answer(xai_answer *answer) {
  xai_error err;
  xai_fold_end end = xai__fold_state(answer->fold, false, &err);
  if (end.outcome == XAI_OUTCOME_COMPLETE) return judge_complete(answer);
  keep_why(answer, &err);
  return judge(answer, end.outcome, XAI_ATTEMPT_ANSWERED, end.reason);
}

static xai_code next_of_stream(xai_answer *answer, xai_delta *delta) {
  for (;;) {
    if (xai__fold_next(answer->fold, delta) == XAI_OK) return XAI_OK;
    xai_fold_end end = xai__fold_state(answer->fold, false, NULL);
    if (end.ended) return end_of_answer(answer);
    xai_code code = answer->reading ? read_event(answer) : XAI_MORE;
    if (code == XAI_MORE) {
      if (answer->inbox.len == 0) return answer->over ? end_of_stream(answer) : XAI_MORE;
      code = lend(answer);
    }
    if (code < 0)
      return code == XAI_ERR_TOO_BIG || code == XAI_ERR_NOMEM ? judge_code(answer, code)
                                                              : fold_failed(answer, code);
  }
}

bool xai__answer_ready(const xai_answer *answer) {
  if (answer->text_due) return true;
  if (answer->verdict.outcome != XAI_OUTCOME_NONE) return false;
  return answer->mode == ANSWER_STREAM && (answer->reading || answer->inbox.len > 0 || answer->over);
}

xai_code xai__answer_next(xai_answer *answer, xai_delta *delta) {
  if (answer->text_due) {
    answer->text_due = false;
    *delta = (xai_delta){.type = XAI_EVENT_TEXT, .text = xai__fold_text(answer->fold)};
    answer->event_data = xai_str_of("");
    return XAI_OK;
  }
  if (answer->verdict.outcome != XAI_OUTCOME_NONE || answer->mode != ANSWER_STREAM) return XAI_MORE;
  return next_of_stream(answer, delta);
}

void xai__answer_rest(xai_answer *answer) {
  if (answer->mode != ANSWER_STREAM || answer->reading || answer->inbox.len > 0) return;
  answer->event_data = xai_str_of("");
  xai__buf_deinit(&answer->inbox);
  xai__buf_deinit(&answer->lent);
  xai__sse_rest(answer->sse);
  xai__fold_rest(answer->fold);
}

/* ---- inspect */

const xai_json *xai__answer_response(const xai_answer *answer) {
  if (answer->value != NULL) return answer->value;
  return answer->fold != NULL ? xai__fold_response(answer->fold) : NULL;
}

xai_str xai__answer_text(const xai_answer *answer) {
  return answer->fold != NULL ? xai__fold_text(answer->fold) : xai_str_of("");
}

bool xai__answer_output_seen(const xai_answer *answer) {
  return answer->fold != NULL && xai__fold_output_seen(answer->fold);
}
