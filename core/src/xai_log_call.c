/* xai_log_call.c - tells the log what became of a call since it was last looked at.
 * SPDX-License-Identifier: MIT */
#include "xai_log_call.h"

#include <string.h>

static bool is_over(const xai_call *call) {
  return call->state == CALL_ENDED || call->state == CALL_TAKEN;
}

static const char *code_word(xai_code code) {
  return code == XAI_OK ? NULL : xai_code_name(code) + strlen("err_");
}

static const char *kind_word(const xai_error *err) {
  return err->code == XAI_OK ? NULL : xai_kind_name(err->kind);
}

static xai_log_entry entry_of(const xai_call *call, uint32_t id, const char *event, xai_log_level level) {
  return (xai_log_entry){.level = level,
                         .event = event,
                         .call = id,
                         .method = xai_str_of(call->request.method),
                         .url = xai_str_of(call->request.url)};
}

static xai_log_entry begin_of(const xai_call *call, uint32_t id, size_t index) {
  xai_log_entry entry = entry_of(call, id, "attempt", XAI_LOG_DEBUG);
  entry.attempt = index + 1;
  return entry;
}

static xai_log_entry end_of(const xai_call *call, uint32_t id, size_t index) {
  const xai_attempt *attempt = &call->attempts[index];
  xai_log_entry entry = entry_of(call, id, "attempt_end", XAI_LOG_DEBUG);
  entry.attempt = index + 1;
  entry.status = attempt->http_status;
  entry.request_id = xai_str_of(attempt->request_id);
  entry.timed = true;
  entry.ms = attempt->took_ms;
  entry.bytes = attempt->bytes;
  entry.outcome = xai_attempt_class_name(attempt->outcome);
  entry.code = code_word(attempt->code);
  return entry;
}

static xai_log_entry retry_of(const xai_call *call, uint32_t id, size_t index) {
  const xai_attempt *attempt = &call->attempts[index];
  bool last = index + 1 == call->attempt_count;
  xai_log_entry entry = entry_of(call, id, "retry", XAI_LOG_WARN);
  entry.attempt = index + 1;
  entry.status = attempt->http_status;
  entry.request_id = xai_str_of(attempt->request_id);
  entry.kind = last ? kind_word(xai__why_read(&call->why)) : NULL; /* the error of one before is forgotten */
  entry.code = code_word(attempt->code);
  entry.retry_ms = last ? call->waited_ms : call->attempts[index + 1].waited_ms;
  return entry;
}

static xai_log_level level_of(xai_outcome outcome) {
  switch (outcome) {
    case XAI_OUTCOME_INCOMPLETE: return XAI_LOG_WARN;
    case XAI_OUTCOME_REFUSED:
    case XAI_OUTCOME_FAILED: return XAI_LOG_ERROR;
    default: return XAI_LOG_INFO;
  }
}

static xai_log_entry over_of(const xai_call *call, uint32_t id, uint64_t now) {
  const xai_error *err = xai__why_read(&call->why);
  xai_log_entry entry = entry_of(call, id, "end", level_of(call->outcome));
  entry.attempt = call->attempt_count;
  entry.status = xai__call_http_status(call);
  if (call->attempt_count > 0)
    entry.request_id = xai_str_of(call->attempts[call->attempt_count - 1].request_id);
  entry.timed = true;
  entry.ms = now - call->started_at;
  entry.bytes = call->answer.body_bytes;
  entry.outcome = xai_outcome_name(call->outcome);
  entry.kind = kind_word(err);
  entry.code = code_word(err->code);
  entry.retry_ms = err->retry_after_ms;
  return entry;
}

void xai__log_call(const xai_log *log, xai_log_mark *mark, uint32_t id, const xai_call *call, uint64_t now,
                   int64_t wall_s) {
  if (log->fn == NULL || mark->over) return;
  xai_str secret = xai__key_secret(xai__call_authorization(call));
#define TELL(entry) (told = (entry), xai__log(log, wall_s, &told, secret))
  xai_log_entry told;
  if (!mark->started) TELL(entry_of(call, id, "start", XAI_LOG_DEBUG));
  mark->started = true;
  for (size_t i = mark->ended; i < call->attempt_count; i++) {
    if (mark->begun == i) TELL(begin_of(call, id, i));
    mark->begun = i + 1;
    if (call->attempts[i].outcome == XAI_ATTEMPT_RUNNING) break;
    TELL(end_of(call, id, i));
    mark->ended = i + 1;
    if (i + 1 < call->attempt_count || !is_over(call)) TELL(retry_of(call, id, i));
  }
  mark->over = is_over(call);
  if (mark->over) TELL(over_of(call, id, now));
#undef TELL
}
