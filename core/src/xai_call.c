/* xai_call.c - the call machine: which attempt, when, and how it all ended.
 * SPDX-License-Identifier: MIT */
#include "xai_call.h"

#include <assert.h>
#include <string.h>

enum { SHOWN_ERROR_BODY = 8 << 10, MIN_BACKOFF_AFTER_429_MS = 1000 };

static const unsigned may_follow[] = {
  [CALL_QUEUED] = 1u << CALL_WAITING | 1u << CALL_BACKOFF | 1u << CALL_ENDED,
  [CALL_WAITING] = 1u << CALL_READING | 1u << CALL_BACKOFF | 1u << CALL_ENDED,
  [CALL_READING] = 1u << CALL_BACKOFF | 1u << CALL_ENDED,
  [CALL_BACKOFF] = 1u << CALL_QUEUED | 1u << CALL_ENDED,
  [CALL_ENDED] = 1u << CALL_TAKEN,
  [CALL_TAKEN] = 0,
};

static void enter(xai_call *call, call_state next) {
  assert(may_follow[call->state] & (1u << next));
  call->state = next;
}

static bool in_flight(const xai_call *call) {
  return call->state == CALL_WAITING || call->state == CALL_READING;
}

static uint64_t after(uint64_t moment, uint32_t span_ms) {
  return span_ms == XAI_NO_LIMIT ? UINT64_MAX : moment + span_ms;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* ---- life */

static bool asks_for_range(const xai_request_copy *request) {
  for (size_t i = 0; i < request->header_count; i++)
    if (xai__str_eq_nocase(xai_str_of(request->headers[i].name), "range")) return true;
  return false;
}

/* One call after the other then needs no allocator for it, who has small blocks at hand and not this one. */
static xai_call *take_room(xai_call_shared *shared) {
  xai_call *room = shared->spare;
  if (room == NULL) return xai__alloc(&shared->mem, sizeof *room);
  shared->spare = NULL;
  memset(room, 0, sizeof *room);
  return room;
}

xai_call *xai__call_new(xai_call_shared *shared, xai_request_copy *request, uint64_t now) {
  xai_call *call = take_room(shared);
  if (call == NULL) {
    xai__request_deinit(request);
    return NULL;
  }
  call->shared = shared;
  call->request = *request;
  call->started_at = call->queued_at = now;
  call->deadline_at = after(now, request->limits.deadline_ms);
  call->ticket.priority = request->priority;
  call->ticket.tokens = request->tokens;
  call->ticket.is_guess = request->tokens_guessed;
  call->ticket.deadline_at = call->deadline_at;
  call->ticket.most_cost = request->most_cost;
  xai__answer_init(&call->answer, &shared->mem, request->reply, request->stream, &call->request.limits);
  call->answer.range_asked = asks_for_range(request);
  xai__budget_call(&shared->budget, now);
  xai__budget_call(&shared->sent, now);
  return call;
}

void xai__call_free(xai_call *call) {
  if (call == NULL) return;
  xai_call_shared *shared = call->shared;
  const xai_mem *mem = &shared->mem;
  xai__request_deinit(&call->request);
  xai__answer_deinit(&call->answer);
  xai__why_drop(&call->why, mem);
  xai__free(mem, call->attempts, call->attempt_room * sizeof *call->attempts);
  if (shared->spare == NULL) shared->spare = call;
  else xai__free(mem, call, sizeof *call);
}

void xai__call_free_spare(xai_call_shared *shared) {
  xai__free(&shared->mem, shared->spare, sizeof(xai_call));
  shared->spare = NULL;
}

/* ---- the gate */

/* It neither waits in line nor runs any more; an attempt that was let go but never started was not sent. */
static void leave_gate(xai_call *call, uint64_t now) {
  static const xai_attempt_report nothing = {.outcome_class = XAI_ATTEMPT_NOT_SENT};
  xai_call_shared *shared = call->shared;
  xai__gate_leave(&shared->gate, &call->ticket);
  xai__gate_done(&shared->gate, &call->ticket, now, &nothing, XAI_HEALTH_UNKNOWN, &shared->random);
}

static void tell_gate(xai_call *call, uint64_t now, xai_attempt_class outcome_class, const xai_error *err) {
  xai_call_shared *shared = call->shared;
  xai_attempt_report report = xai__report_of(&call->answer, err, outcome_class, shared->wall_s);
  xai__gate_done(&shared->gate, &call->ticket, now, &report, xai__health_of(&call->answer, err),
                 &shared->random);
}

/* ---- how it ended */

static const xai_error *why(const xai_call *call) {
  return xai__why_read(&call->why);
}

/* NULL without memory. */
static xai_error *new_why(xai_call *call) {
  return xai__why_fill(&call->why, &call->shared->mem);
}

int xai__call_http_status(const xai_call *call) {
  return call->answer.status != 0 ? call->answer.status : why(call)->http_status;
}

static void count_attempts(xai_result *result) {
  xai_attempt_counts *counts = &result->counts;
  for (size_t i = 0; i < result->attempt_count; i++) {
    result->tokens += result->attempts[i].tokens;
    switch (result->attempts[i].outcome) {
      case XAI_ATTEMPT_ANSWERED: counts->answered++; break;
      case XAI_ATTEMPT_NOT_SENT: counts->not_sent++; break;
      case XAI_ATTEMPT_REFUSED: counts->refused++; break;
      default: counts->unknown++;
    }
  }
}

static uint32_t longer(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

/* May whoever made the call make it again, and when (F73)? */
static void advise(xai_call *call, uint64_t now) {
  const xai_limits *limits = &call->request.limits;
  if (!why(call)->retryable) return;
  uint32_t wait_ms = longer(why(call)->retry_after_ms,
                            xai__gate_advice(&call->shared->gate, xai_str_of(call->request.model), now));
  if (wait_ms == 0)
    wait_ms = xai__backoff_ms((uint32_t)call->attempt_count + 1, limits->backoff_base_ms,
                              limits->backoff_max_ms, xai__random(&call->shared->random));
  call->advised_ms = wait_ms;
}

static xai_str shown_body(const xai_call *call) {
  const xai_answer *answer = &call->answer;
  if (answer->mode == ANSWER_STREAM) return xai_str_of("");
  xai_str body = xai__buf_str(&answer->inbox);
  bool bytes = answer->reply == XAI_REPLY_BYTES && answer->mode == ANSWER_WHOLE;
  if (!bytes && why(call)->code == XAI_OK) return xai_str_of("");
  if (!bytes && body.len > SHOWN_ERROR_BODY) body.len = SHOWN_ERROR_BODY;
  return body;
}

static void conclude(xai_call *call, uint64_t now, xai_outcome outcome, const char *reason) {
  leave_gate(call, now);
  call->outcome = outcome;
  call->reason = reason;
  advise(call, now);
  call->retry_due = false;
  enter(call, CALL_ENDED);
}

/* Only one END at a time is borrowed, so all calls share the room for it. */
static const xai_result *describe(const xai_call *call) {
  const xai_answer *answer = &call->answer;
  xai_result *result = &call->shared->result;
  *result = (xai_result){
    .outcome = call->outcome,
    .reason = call->reason,
    .error = *why(call),
    .response = xai__answer_response(answer),
    .text = xai__answer_text(answer),
    .body = shown_body(call),
    .content_type = xai__answer_content_type(answer),
    .http_status = xai__call_http_status(call),
    .attempts = call->attempts,
    .attempt_count = call->attempt_count,
    .flags = answer->flags | (answer->fold ? xai__fold_flags(answer->fold) : 0),
    .retryable = why(call)->retryable,
    .retry_after_ms = call->advised_ms,
    .is_unsettled = call->ticket.cost.counter != NULL,
  };
  if (result->error.code == XAI_OK) {
    xai_error *none = &result->error;
    none->http_status = answer->status;
    xai__str_copy(none->request_id, sizeof none->request_id, xai__answer_request_id(answer));
  }
  result->usage = xai__usage_of(result->response);
  count_attempts(result);
  result->repeatable = result->retryable && result->counts.answered == 0 && result->counts.unknown == 0;
  return result;
}

/* ---- the key (R8) */

xai_str xai__call_authorization(const xai_call *call) {
  const xai_request_copy *request = &call->request;
  if (request->authorization != NULL) return xai_str_of(request->authorization);
  if (request->key == NULL) return xai_str_of("");
  return xai__key_header(request->key);
}

/* A key that was refused is told by its name or ending (F32). */
static void name_key(xai_call *call) {
  xai_error *err = call->answer.verdict.why.error;
  if (err == NULL) return;
  bool wrong = err->http_status == 401 || err->kind == XAI_KIND_AUTH; /* the API says it with a 400, too */
  if (!wrong && err->http_status != 403) return;
  if (wrong) call->shared->key_refused = true;
  if (call->request.key != NULL) memcpy(err->key, call->request.key->shown, sizeof err->key);
  else if (call->request.authorization != NULL)
    xai__key_ending(err->key, sizeof err->key, xai__call_authorization(call));
}

/* By its name a header of the caller's holds a secret, such as a gateway's key. */
static bool is_secret(xai_str name) {
  static const char *const endings[] = {"authorization", "api-key", "apikey", "token", "secret", "cookie"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t len = strlen(endings[i]);
    if (name.len < len) continue;
    if (xai__str_eq_nocase((xai_str){name.ptr + name.len - len, len}, endings[i])) return true;
  }
  return false;
}

static void keep_key_out(xai_call *call) {
  const xai_request_copy *request = &call->request;
  if (xai__why_read(&call->answer.verdict.why)->code == XAI_OK) return;
  for (size_t i = 0; i < request->header_count; i++)
    if (is_secret(xai_str_of(request->headers[i].name)))
      xai__answer_clean(&call->answer, xai__key_secret(xai_str_of(request->headers[i].value)));
  name_key(call);
}

/* ---- attempts */

static xai_attempt *last_attempt(xai_call *call) {
  return call->attempt_count ? &call->attempts[call->attempt_count - 1] : NULL;
}

static void close_attempt(xai_call *call, uint64_t now, xai_attempt_class outcome_class, xai_code code,
                          const char *phase) {
  xai_attempt *attempt = last_attempt(call);
  attempt->outcome = outcome_class;
  attempt->code = code;
  attempt->phase = phase;
  attempt->http_status = call->answer.status;
  attempt->took_ms = (uint32_t)(now - call->attempt_at);
  xai__str_copy(attempt->request_id, sizeof attempt->request_id, xai__answer_request_id(&call->answer));
  xai__redact_secret(attempt->request_id, strlen(attempt->request_id),
                     xai__key_secret(xai__call_authorization(call)));
  attempt->bytes = call->answer.body_bytes;
  uint64_t tokens;
  if (xai__total_tokens(xai__answer_response(&call->answer), &tokens)) attempt->tokens = tokens;
}

static void fail_without_attempt(xai_call *call, uint64_t now, xai_code code) {
  xai__fail(new_why(call), code, NULL);
  conclude(call, now, XAI_OUTCOME_FAILED, "");
}

static xai_code add_attempt(xai_call *call, uint64_t now) {
  if (call->attempt_count == call->attempt_room) {
    size_t size = call->attempt_room * sizeof *call->attempts;
    xai_attempt *grown =
      xai__realloc(&call->shared->mem, call->attempts, size, size + sizeof *call->attempts);
    if (grown == NULL) {
      fail_without_attempt(call, now, XAI_ERR_NOMEM);
      return XAI_ERR_NOMEM;
    }
    call->attempts = grown;
    call->attempt_room++;
  }
  call->attempts[call->attempt_count++] = (xai_attempt){
    .outcome = XAI_ATTEMPT_RUNNING,
    .phase = "connect",
    .started_ms = (uint32_t)(now - call->started_at),
    .waited_ms = call->waited_ms,
    .queued_ms = (uint32_t)(now - call->queued_at),
  };
  call->attempt_at = now;
  return XAI_OK;
}

xai_code xai__call_started(xai_call *call, uint64_t now) {
  if (add_attempt(call, now) != XAI_OK) return XAI_ERR_NOMEM;
  call->attempt_at = call->last_byte_at = call->last_data_at = now;
  call->events_rested = 0;
  enter(call, CALL_WAITING);
  return XAI_OK;
}

void xai__call_not_started(xai_call *call, uint64_t now) {
  if (xai__call_started(call, now) != XAI_OK) return;
  xai__fail(new_why(call), XAI_ERR_NOMEM, NULL);
  close_attempt(call, now, XAI_ATTEMPT_NOT_SENT, XAI_ERR_NOMEM, "connect");
  conclude(call, now, XAI_OUTCOME_FAILED, "");
}

/* ---- waiting for the gate */

static const char *gate_word(xai_code code) {
  switch (code) {
    case XAI_ERR_RATE: return "rate limit";
    case XAI_ERR_OPEN: return "circuit breaker";
    case XAI_ERR_SPENT: return "budget";
    default: return "";
  }
}

static void tell_turned_away(xai_call *call, xai_code code, uint32_t retry_ms) {
  xai_error *err = new_why(call);
  uint32_t tenths = retry_ms / 100 + (retry_ms % 100 > 0);
  if (code == XAI_ERR_DEADLINE) xai__fail(err, code, "it stood in line for a rate limit");
  else if (code == XAI_ERR_FILE) xai__gate_tell_file(&call->shared->gate, err);
  else if (code == XAI_ERR_SPENT) xai__spend_tell(&call->shared->gate.spend, call->ticket.most_cost, err);
  else xai__fail(err, code, "come again in %u.%u s", (unsigned)(tenths / 10), (unsigned)(tenths % 10));
}

/* Ends without having been sent, or sent again. What an attempt before ended with says more than that it may not be
 * repeated. */
static void end_in_line(xai_call *call, uint64_t now, xai_code code, uint32_t retry_ms) {
  bool has_ended = call->outcome != XAI_OUTCOME_NONE && code != XAI_ERR_DEADLINE;
  if (add_attempt(call, now) != XAI_OK) return;
  close_attempt(call, now, XAI_ATTEMPT_NOT_SENT, code, "queue");
  if (!has_ended) tell_turned_away(call, code, retry_ms);
  xai_error *err = call->why.error;
  if (err != NULL && err->retryable && retry_ms > err->retry_after_ms) err->retry_after_ms = retry_ms;
  conclude(call, now, has_ended ? call->outcome : XAI_OUTCOME_FAILED, gate_word(code));
}

void xai__call_turned_away(xai_call *call, uint64_t now, const xai_gate_answer *answer) {
  if (call->state == CALL_QUEUED) end_in_line(call, now, answer->code, answer->retry_ms);
}

/* Retries that were decided on one by one may fall due together: the budget holds for what is sent, too (R5). */
static bool may_send(xai_call *call, uint64_t now) {
  xai_call_shared *shared = call->shared;
  const xai_limits *limits = &call->request.limits;
  if (call->attempt_count == 0 || xai__budget_retry(&shared->sent, now)) return true;
  uint32_t wait_ms = xai__backoff_ms((uint32_t)call->attempt_count, limits->backoff_base_ms,
                                     limits->backoff_max_ms, xai__random(&shared->random));
  leave_gate(call, now);
  call->waited_ms += wait_ms;
  call->wake_at = now + wait_ms;
  enter(call, CALL_BACKOFF);
  return false;
}

bool xai__call_wants_start(xai_call *call, uint64_t now) {
  xai_call_shared *shared = call->shared;
  if (call->state != CALL_QUEUED || call->ticket.state == TICKET_WAITING) return false;
  if (call->ticket.state == TICKET_RUNNING) return may_send(call, now);
  xai_gate_answer answer =
    xai__gate_ask(&shared->gate, &call->ticket, xai_str_of(call->request.model), now, &shared->random);
  if (answer.what == XAI_ADMIT_NEVER) xai__call_turned_away(call, now, &answer);
  return answer.what == XAI_ADMIT_GO && may_send(call, now);
}

/* ---- another attempt? */

static bool class_allows(const xai_call *call, xai_attempt_class outcome_class) {
  switch (outcome_class) {
    case XAI_ATTEMPT_NOT_SENT:
    case XAI_ATTEMPT_REFUSED: return true;
    case XAI_ATTEMPT_UNKNOWN: return call->request.repeatable;
    default: return false;
  }
}

/* The wait before the next attempt: the server's wish, else full jitter. False: the wish is too long. */
static bool choose_wait(xai_call *call, uint32_t *wait_ms) {
  const xai_limits *limits = &call->request.limits;
  xai_wish wish =
    xai__retry_after_wish(&call->answer.wish, call->shared->wall_s, limits->retry_after_max_ms, wait_ms);
  if (wish == XAI_WISH_NONE) *wait_ms = why(call)->retry_after_ms; /* from the text of a 429 */
  else if (call->why.error != NULL) call->why.error->retry_after_ms = *wait_ms;
  if (wish == XAI_WISH_TOO_LONG || *wait_ms > limits->retry_after_max_ms) return false;
  if (*wait_ms > 0) return true;
  uint32_t base = limits->backoff_base_ms;
  if (why(call)->http_status == 429 && base < MIN_BACKOFF_AFTER_429_MS) base = MIN_BACKOFF_AFTER_429_MS;
  *wait_ms = xai__backoff_ms((uint32_t)call->attempt_count, base, limits->backoff_max_ms,
                             xai__random(&call->shared->random));
  return true;
}

static bool may_repeat(xai_call *call, uint64_t now, xai_attempt_class outcome_class, uint32_t *wait_ms) {
  if (!why(call)->retryable || call->answer.never_retry || xai__answer_output_seen(&call->answer))
    return false;
  bool in_time = choose_wait(call, wait_ms); /* also tells the caller the wish when we do not repeat */
  if (!class_allows(call, outcome_class) || call->attempt_count >= call->request.limits.max_attempts)
    return false;
  if (!in_time || now + *wait_ms >= call->deadline_at || xai__gate_is_open(&call->shared->gate)) return false;
  return xai__budget_retry(&call->shared->budget, now);
}

static void back_off(xai_call *call, uint64_t now, uint32_t wait_ms) {
  call->waited_ms = wait_ms;
  call->wake_at = now + wait_ms;
  call->retry_due = true;
  call->retry_of = call->attempt_count - 1;
  enter(call, CALL_BACKOFF);
}

/* The answer has judged the attempt: the end, or another one. */
static void obey_verdict(xai_call *call, uint64_t now) {
  xai_verdict *verdict = &call->answer.verdict;
  if (verdict->outcome == XAI_OUTCOME_NONE) return;
  keep_key_out(call);
  xai__why_drop(&call->why, &call->shared->mem);
  call->why = verdict->why;
  verdict->why = (xai_why){0};
  close_attempt(call, now, verdict->outcome_class, why(call)->code, verdict->phase);
  tell_gate(call, now, verdict->outcome_class, why(call));
  call->outcome = verdict->outcome;
  uint32_t wait_ms = 0;
  bool given = verdict->outcome_class == XAI_ATTEMPT_ANSWERED; /* to the caller, who must not get it twice */
  bool over =
    verdict->outcome == XAI_OUTCOME_COMPLETE || (verdict->outcome == XAI_OUTCOME_INCOMPLETE && given);
  if (!over && may_repeat(call, now, verdict->outcome_class, &wait_ms)) back_off(call, now, wait_ms);
  else conclude(call, now, verdict->outcome, verdict->reason);
}

static void next_attempt(xai_call *call, uint64_t now) {
  xai__answer_reset(&call->answer);
  call->queued_at = now;
  enter(call, CALL_QUEUED);
}

/* ---- what the exchange tells */

/* Given up by our own clock, it is not: what had arrived waits to be pulled, and nothing more will be read. */
bool xai__call_needs_exchange(const xai_call *call) {
  return in_flight(call) && !call->answer.over;
}

bool xai__call_has_spent_body(const xai_call *call) {
  return call->request.payload.ptr != NULL && xai__answer_output_seen(&call->answer);
}

bool xai__call_wants_resume(xai_call *call) {
  if (!in_flight(call) || !call->answer.held || call->answer.inbox.len > 0) return false;
  call->answer.held = false;
  return true;
}

void xai__call_status(xai_call *call, uint64_t now, int status) {
  if (call->state != CALL_WAITING) return;
  call->last_byte_at = call->last_data_at = now;
  xai__answer_status(&call->answer, status);
  xai__gate_status(&call->shared->gate, &call->ticket, now, status);
  enter(call, CALL_READING);
}

xai_code xai__call_header(xai_call *call, xai_str name, xai_str value) {
  return call->state == CALL_READING ? xai__answer_header(&call->answer, name, value) : XAI_OK;
}

xai_code xai__call_body(xai_call *call, uint64_t now, const char *bytes, size_t len) {
  if (call->state != CALL_READING) return XAI_OK;
  call->last_byte_at = now;
  return xai__answer_body(&call->answer, bytes, len);
}

void xai__call_done(xai_call *call, uint64_t now, const xai_exchange_end *end) {
  if (!in_flight(call)) return;
  xai__answer_end(&call->answer, end);
  obey_verdict(call, now);
}

/* ---- time */

/* Unread events or refused bytes: the silence is ours, not the server's (F58). */
static bool we_are_slow(const xai_call *call) {
  return call->answer.held || xai__answer_ready(&call->answer);
}

static uint64_t first_event_at(const xai_call *call) {
  const xai_limits *limits = &call->request.limits;
  uint64_t at = after(call->attempt_at, limits->connect_ms);
  if (at != UINT64_MAX) at = after(at, limits->handshake_ms);
  return at == UINT64_MAX ? at : after(at, limits->first_event_ms);
}

static bool nothing_came(const xai_call *call) {
  return call->answer.mode == ANSWER_STREAM ? call->answer.events == 0 : call->answer.body_bytes == 0;
}

/* When the server's silence becomes a failure. */
static uint64_t silent_at(const xai_call *call) {
  const xai_limits *limits = &call->request.limits;
  if (call->answer.over || we_are_slow(call)) return UINT64_MAX;
  uint64_t at = nothing_came(call) ? first_event_at(call) : UINT64_MAX;
  if (call->answer.body_bytes > 0) at = earlier(at, after(call->last_byte_at, limits->silence_ms));
  if (call->answer.mode == ANSWER_STREAM)
    at = earlier(at, after(call->last_data_at, limits->data_silence_ms));
  return at;
}

uint64_t xai__call_wake_at(const xai_call *call) {
  if (call->state == CALL_BACKOFF) return earlier(call->wake_at, call->deadline_at);
  if (call->state == CALL_QUEUED) return call->deadline_at;
  if (!in_flight(call)) return UINT64_MAX;
  return call->answer.over ? UINT64_MAX : earlier(call->deadline_at, silent_at(call));
}

/* The attempt in flight ends here, by our own clock. What had arrived can still be pulled. */
static void give_up(xai_call *call, uint64_t now, xai_code code) {
  xai_exchange_end end = {.code = code, .sent = true, .phase = call->state == CALL_WAITING ? "wait" : "body"};
  xai__answer_end(&call->answer, &end);
  obey_verdict(call, now);
}

static void wake(xai_call *call, uint64_t now) {
  if (now >= call->deadline_at) fail_without_attempt(call, now, XAI_ERR_DEADLINE);
  else if (now >= call->wake_at) next_attempt(call, now);
}

void xai__call_tick(xai_call *call, uint64_t now) {
  if (call->state == CALL_BACKOFF) wake(call, now);
  else if (call->state == CALL_QUEUED && now >= call->deadline_at)
    end_in_line(call, now, XAI_ERR_DEADLINE, 0);
  else if (!in_flight(call) || call->answer.over) return;
  else if (now >= call->deadline_at) give_up(call, now, XAI_ERR_DEADLINE);
  else if (now >= silent_at(call)) give_up(call, now, XAI_ERR_SILENCE);
}

/* ---- events */

void xai__call_expect(const xai_call *call) {
  const char *from = (const char *)&call->request.payload, *to = (const char *)&call->answer.mem;
  xai__fetch(from, (size_t)(to - from));
}

void xai__call_expect_pull(const xai_call *call) {
  if (call->answer.fold != NULL) xai__fold_expect(call->answer.fold);
}

bool xai__call_ready(const xai_call *call) {
  if (call->state == CALL_ENDED || call->retry_due) return true;
  return call->state == CALL_READING && xai__answer_ready(&call->answer);
}

static xai_code give_delta(xai_call *call, const xai_delta *delta, xai_event *event) {
  event->type = delta->type;
  event->name = delta->name;
  event->text = delta->text;
  event->data = call->answer.event_data;
  event->output_index = delta->output_index;
  event->content_index = delta->content_index;
  return XAI_OK;
}

static xai_code give_retry(xai_call *call, xai_event *event) {
  call->retry_due = false;
  event->type = XAI_EVENT_RETRY;
  event->retry_ms = call->waited_ms;
  event->attempt = &call->attempts[call->retry_of]; /* the next one may run already */
  event->error = why(call);
  return XAI_OK;
}

static xai_code give_end(xai_call *call, xai_event *event) {
  enter(call, CALL_TAKEN);
  event->type = XAI_EVENT_END;
  event->result = describe(call);
  return XAI_OK;
}

static xai_code pull(xai_call *call, uint64_t now, xai_event *event) {
  xai_delta delta;
  if (xai__answer_next(&call->answer, &delta) == XAI_OK) return give_delta(call, &delta, event);
  if (call->state == CALL_READING) obey_verdict(call, now);
  return XAI_MORE;
}

void xai__call_was_busy(xai_call *call, uint64_t now) {
  if (call->state == CALL_READING) call->last_byte_at = call->last_data_at = now;
}

void xai__call_rested(xai_call *call, uint64_t now) {
  call->last_byte_at = now;
  if (call->answer.events != call->events_rested) call->last_data_at = now;
  call->events_rested = call->answer.events;
  xai__answer_rest(&call->answer);
}

xai_code xai__call_next(xai_call *call, uint64_t now, xai_event *event) {
  *event = (xai_event){.user = call->request.user};
  if (call->retry_due) return give_retry(call, event);
  bool text_due = call->state == CALL_ENDED && call->answer.text_due;
  if ((call->state == CALL_READING || text_due) && pull(call, now, event) == XAI_OK) return XAI_OK;
  if (call->retry_due) return give_retry(call, event);
  return call->state == CALL_ENDED ? give_end(call, event) : XAI_MORE;
}

void xai__call_cancel(xai_call *call, uint64_t now) {
  if (call->state == CALL_ENDED || call->state == CALL_TAKEN) return;
  if (in_flight(call)) {
    bool answered = call->answer.body_bytes > 0;
    xai_attempt_class outcome_class = answered ? XAI_ATTEMPT_ANSWERED : XAI_ATTEMPT_UNKNOWN;
    close_attempt(call, now, outcome_class, XAI_ERR_CANCELLED, call->state == CALL_WAITING ? "wait" : "body");
    xai__fail(new_why(call), XAI_ERR_CANCELLED, NULL);
    tell_gate(call, now, outcome_class, why(call));
  }
  call->answer.text_due = false;
  xai__fail(new_why(call), XAI_ERR_CANCELLED, NULL);
  conclude(call, now, XAI_OUTCOME_CANCELLED, "");
}

const xai_json *xai__call_response(const xai_call *call) {
  return xai__answer_response(&call->answer);
}
