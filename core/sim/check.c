/* check.c - what must hold, looked at with each request, event and turn.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

enum {
  FREE_RETRIES = 10,
  CALLS_PER_RETRY = 10,
  SLACK_MS = 100,       /* R2                                                                  */
  INBOX = 64 << 10,     /* what a stream that is not pulled may take                           */
  FIXED = 64 << 10,     /* a client without calls, its timers and free slots                   */
  FIXED_CALL = 24 << 10 /* a call before any byte came: request, account, empty parser and fold */
};

const char *sim_rule_tag(sim_rule rule) {
  static const char *const tags[] = {"none",
#define SIM_X(name, tag, text) tag,
                                     SIM_RULES(SIM_X)
#undef SIM_X
  };
  return tags[rule];
}

const char *sim_rule_text(sim_rule rule) {
  static const char *const texts[] = {"",
#define SIM_X(name, tag, text) text,
                                      SIM_RULES(SIM_X)
#undef SIM_X
  };
  return texts[rule];
}

void sim_break(sim *s, sim_rule rule, const char *format, ...) {
  if (s->broken != SIM_RULE_NONE) return;
  s->broken = rule;
  s->broken_at = s->now - s->began;
  va_list args;
  va_start(args, format);
  vsnprintf(s->why, sizeof s->why, format, args);
  va_end(args);
  sim_note(s, "BROKEN %s: %s", sim_rule_tag(rule), s->why);
}

void sim_note(const sim *s, const char *format, ...) {
  if (!s->trace) return;
  printf("%6llu %9llu ms  ", (unsigned long long)s->step, (unsigned long long)(s->now - s->began));
  va_list args;
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
}

void sim_count_second(const sim *s, uint32_t *seconds) {
  uint64_t second = (s->now - s->began) / 1000;
  if (seconds != NULL && second < s->seconds) seconds[second]++;
}

/* ---- the last 10 s */

void sim_check_start(sim *s) {
  sim_window_add(&s->starts, s->now, 1);
}

static void check_budget(sim *s, const sim_track *track) {
  sim_window_add(&s->retries, s->now, 1);
  uint64_t calls = sim_window_sum(&s->starts, s->now), retries = sim_window_sum(&s->retries, s->now);
  if (retries > calls / CALLS_PER_RETRY + FREE_RETRIES)
    sim_break(s, SIM_RULE_BUDGET, "call %u: retry number %llu within 10 s of %llu calls", track->plan->number,
              (unsigned long long)retries, (unsigned long long)calls);
}

/* ---- a request on the wire */

static bool may_repeat(const sim_call *call) {
  return call->retry_unknown || call->kind == SIM_LIST;
}

static void check_repeat(sim *s, const sim_track *track, const sim_exchange *former) {
  uint32_t number = track->plan->number;
  if (former->executed && !may_repeat(track->plan))
    sim_break(s, SIM_RULE_REPEAT, "call %u: attempt %d was executed (the server %s) and is repeated", number,
              former->attempt + 1, sim_fate_text(former->plan.fate));
  bool knows = s->heap.failed == track->failed_before; /* without memory an answer may not be understood */
  if (former->forbids && former->phase == SIM_OVER && knows)
    sim_break(s, SIM_RULE_REPEAT, "call %u is repeated after status %u, %s", number, former->plan.status,
              sim_wish_text(former->plan.wish));
  if (track->text_seen > 0) sim_break(s, SIM_RULE_REPEAT, "call %u is repeated after text", number);
  if (former->phase == SIM_OVER && knows && s->now < former->over_at + former->wish_ms)
    sim_break(s, SIM_RULE_WAIT, "call %u is repeated after %llu ms, asked were %u", number,
              (unsigned long long)(s->now - former->over_at), former->wish_ms);
  if (xai_wire_live(s->client, former->id) && s->port.lie == SIM_LIE_NONE)
    sim_break(s, SIM_RULE_DIES, "call %u has two exchanges at once", number);
}

void sim_check_request(sim *s, const sim_track *track, const sim_exchange *x) {
  if (track->row_count > track->plan->max_attempts)
    sim_break(s, SIM_RULE_ATTEMPTS, "call %u: attempt %d, allowed are %u", track->plan->number,
              track->row_count, track->plan->max_attempts);
  if (x->attempt == 0) return;
  s->stats.repeated++;
  check_repeat(s, track, track->rows[x->attempt - 1]);
  check_budget(s, track);
}

/* ---- an event */

/* Half of a pair that the cut took the other half from is told as U+FFFD (F55). */
static bool is_cut_character(const sim_exchange *x, size_t at, xai_str text) {
  return text.len == 3 && memcmp(text.ptr, "\xef\xbf\xbd", 3) == 0 && at + 4 <= x->text.len &&
         (unsigned char)x->text.ptr[at] == 0xf0;
}

static void check_text(sim *s, sim_track *track, const sim_exchange *x, xai_str text) {
  size_t left = x->text.len - track->text_seen;
  bool same =
    text.len <= left && (text.len == 0 || memcmp(x->text.ptr + track->text_seen, text.ptr, text.len) == 0);
  if (same && !track->text_broken) {
    track->text_seen += text.len;
  } else if (is_cut_character(x, track->text_seen, text) && !track->text_broken) {
    track->text_broken = true;
  } else {
    sim_break(s, SIM_RULE_TEXT, "call %u: \"%.*s\" at byte %zu is not the model's", track->plan->number,
              (int)(text.len < 40 ? text.len : 40), text.ptr, track->text_seen);
  }
}

static void check_sequence(sim *s, sim_track *track, xai_str data) {
  static const char key[] = "{\"sequence_number\":";
  if (data.len < sizeof key || memcmp(data.ptr, key, sizeof key - 1) != 0) return;
  int64_t sequence = 0;
  for (size_t i = sizeof key - 1; i < data.len && data.ptr[i] >= '0' && data.ptr[i] <= '9'; i++)
    sequence = sequence * 10 + (data.ptr[i] - '0');
  if (sequence != track->sequence && sequence != track->sequence + 1)
    sim_break(s, SIM_RULE_ORDER, "call %u: event %lld after %lld", track->plan->number, (long long)sequence,
              (long long)track->sequence);
  track->sequence = sequence;
}

void sim_check_event(sim *s, sim_track *track, const xai_event *event) {
  uint32_t number = track->plan->number;
  if (track->held) sim_break(s, SIM_RULE_HELD, "call %u is held and gives an event", number);
  if (event->type == XAI_EVENT_END) return;
  if (track->row_count == 0) {
    sim_break(s, SIM_RULE_ORDER, "call %u: an event before any request", number);
    return;
  }
  if (event->type == XAI_EVENT_RETRY) {
    sim_note(s, "call %u waits %u ms before another attempt", number, event->retry_ms);
    track->sequence = -1;
    if (event->attempt == NULL || event->attempt->outcome == XAI_ATTEMPT_RUNNING || event->error == NULL)
      sim_break(s, SIM_RULE_ORDER, "call %u: a retry is told of an attempt that has not failed", number);
    if (++track->retries > track->row_count)
      sim_break(s, SIM_RULE_ORDER, "call %u: retry %d of %d requests", number, track->retries,
                track->row_count);
    return;
  }
  if (event->type == XAI_EVENT_TEXT) check_text(s, track, track->rows[track->row_count - 1], event->text);
  check_sequence(s, track, event->data);
}

/* The response so far: what it says, the model said. */
void sim_check_so_far(sim *s, const sim_track *track) {
  const sim_exchange *x = track->row_count ? track->rows[track->row_count - 1] : NULL;
  const xai_json *response = xai_call_response(s->client, track->id);
  const xai_json *item = xai_json_at(xai_json_get(response, "output"), 0);
  xai_str text = xai_json_str(xai_json_get(xai_json_at(xai_json_get(item, "content"), 0), "text"));
  if (x == NULL || text.len == 0 || track->text_broken) return;
  if (text.len > x->text.len || memcmp(text.ptr, x->text.ptr, text.len) != 0)
    sim_break(s, SIM_RULE_TEXT, "call %u: the response so far says what the model did not",
              track->plan->number);
}

/* ---- the end of a call */

static bool has_usage(const sim_track *track, const sim_exchange *x) {
  return track->plan->kind != SIM_LIST && x->at >= x->usage_at;
}

static void check_usage(sim *s, const sim_track *track, const sim_exchange *x, const xai_result *result) {
  int64_t in = sim_port_tokens(s, result->response, "input_tokens", "prompt_tokens");
  int64_t out = sim_port_tokens(s, result->response, "output_tokens", "completion_tokens");
  if (in != (int64_t)x->input_tokens || out != (int64_t)x->output_tokens)
    sim_break(s, SIM_RULE_USAGE, "call %u: usage %lld + %lld, the model's is %llu + %llu",
              track->plan->number, (long long)in, (long long)out, (unsigned long long)x->input_tokens,
              (unsigned long long)x->output_tokens);
}

/* What the account sums up: classes, tokens, and whether the caller may call again. */
static void check_sums(sim *s, const sim_track *track, const xai_result *result) {
  uint32_t number = track->plan->number;
  uint64_t tokens = 0;
  uint32_t seen[XAI_ATTEMPT_UNKNOWN + 1] = {0};
  bool billed = false;
  for (size_t i = 0; i < result->attempt_count; i++) {
    tokens += result->attempts[i].tokens;
    seen[result->attempts[i].outcome]++;
  }
  for (int i = 0; i < track->row_count; i++) billed |= track->rows[i]->executed;
  const xai_attempt_counts *counts = &result->counts;
  if (counts->answered != seen[XAI_ATTEMPT_ANSWERED] || counts->unknown != seen[XAI_ATTEMPT_UNKNOWN] ||
      counts->refused != seen[XAI_ATTEMPT_REFUSED] || counts->not_sent != seen[XAI_ATTEMPT_NOT_SENT])
    sim_break(s, SIM_RULE_ATTEMPTS, "call %u: the account's sums are not those of its attempts", number);
  if (tokens != result->tokens)
    sim_break(s, SIM_RULE_USAGE, "call %u: %llu tokens in all, %llu in its attempts", number,
              (unsigned long long)result->tokens, (unsigned long long)tokens);
  if (result->repeatable && billed)
    sim_break(s, SIM_RULE_AGAIN, "call %u was billed, and is said to be repeatable", number);
  if (result->retryable && result->retry_after_ms == 0)
    sim_break(s, SIM_RULE_AGAIN, "call %u may be tried again, and when is not told", number);
}

static xai_str text_of(const sim_track *track, const xai_result *result) {
  if (track->plan->kind != SIM_LIST) return result->text;
  return xai_json_str(xai_json_get(xai_json_at(xai_json_get(result->response, "data"), 0), "id"));
}

static void check_complete(sim *s, const sim_track *track, const sim_exchange *x, const xai_result *result) {
  uint32_t number = track->plan->number;
  bool whole = x != NULL && (x->at >= x->whole_at || (x->clean_end && x->at >= x->finish_at));
  if (!whole) {
    sim_break(s, SIM_RULE_HALF, "call %u is complete, the server %s: %zu of %zu bytes", number,
              x ? sim_fate_text(x->plan.fate) : "was not asked", x ? x->at : 0, x ? x->body.len : 0);
    return;
  }
  xai_str text = text_of(track, result);
  if (text.len != x->text.len || (text.len > 0 && memcmp(text.ptr, x->text.ptr, text.len) != 0))
    sim_break(s, SIM_RULE_TEXT, "call %u is complete with %zu bytes of text, the model said %zu", number,
              text.len, x->text.len);
  bool streamed = track->plan->kind == SIM_RESPONSES_STREAM || track->plan->kind == SIM_CHAT_STREAM;
  if (streamed && track->text_seen != x->text.len)
    sim_break(s, SIM_RULE_TEXT, "call %u is complete after %zu of %zu bytes of text events", number,
              track->text_seen, x->text.len);
  if (has_usage(track, x)) check_usage(s, track, x, result);
  if (result->error.code != XAI_OK) sim_break(s, SIM_RULE_HALF, "call %u is complete with an error", number);
}

/* Whatever else happened: an answer that came whole was not lost. */
static void check_not_lost(sim *s, const sim_track *track, const sim_exchange *x, const xai_result *result) {
  const xai_limits *limits = &s->script.limits;
  bool came = x->honest && (x->at >= x->whole_at || (x->clean_end && x->at >= x->finish_at));
  bool fits = x->body.len * 4 <= limits->max_response && x->biggest <= limits->max_event;
  bool disturbed = track->cancelled_at != SIM_NEVER || s->heap.failed != track->failed_before;
  if (came && fits && !disturbed)
    sim_break(s, SIM_RULE_LOST, "call %u: the answer came whole (the server %s), and the call is %s: %s",
              track->plan->number, sim_fate_text(x->plan.fate), xai_outcome_name(result->outcome),
              result->error.message);
}

static void check_attempt(sim *s, const sim_track *track, const sim_exchange *x, const xai_attempt *attempt) {
  xai_attempt_class c = attempt->outcome;
  bool counted = c == XAI_ATTEMPT_ANSWERED || c == XAI_ATTEMPT_UNKNOWN;
  if (x->executed && !counted)
    sim_break(s, SIM_RULE_LEDGER, "call %u attempt %d: billed (the server %s), and \"%s\" in the account",
              track->plan->number, x->attempt + 1, sim_fate_text(x->plan.fate), xai_attempt_class_name(c));
  if (c == XAI_ATTEMPT_RUNNING)
    sim_break(s, SIM_RULE_ATTEMPTS, "call %u has ended and an attempt runs", track->plan->number);
  if (c == XAI_ATTEMPT_ANSWERED && x->plan.fate == SIM_FATE_UNREACHED)
    sim_break(s, SIM_RULE_LEDGER, "call %u: answered by a server that was not reached", track->plan->number);
}

static void check_account(sim *s, const sim_track *track, const xai_result *result) {
  size_t seen = (size_t)track->row_count, told = result->attempt_count;
  /* The last one may have ended before it left: cancelled, without memory, turned away at the gate. */
  const xai_attempt *last = told ? &result->attempts[told - 1] : NULL;
  bool unsent = last && (last->code == XAI_ERR_CANCELLED || last->code == XAI_ERR_NOMEM ||
                         strcmp(last->phase, "queue") == 0);
  if (told != seen && !(unsent && told == seen + 1)) {
    sim_break(s, SIM_RULE_ATTEMPTS, "call %u: %zu requests on the wire, %zu attempts in the account",
              track->plan->number, seen, told);
    return;
  }
  for (size_t i = 0; i < seen; i++) check_attempt(s, track, track->rows[i], &result->attempts[i]);
}

static void check_in_time(sim *s, const sim_track *track) {
  uint64_t from = s->prompt_from > track->let_go_at ? s->prompt_from : track->let_go_at;
  uint64_t due = track->deadline_at < track->cancelled_at ? track->deadline_at : track->cancelled_at;
  if (from <= due && s->now > due + SLACK_MS)
    sim_break(s, SIM_RULE_DEADLINE, "call %u ends %llu ms after its %s", track->plan->number,
              (unsigned long long)(s->now - due), due == track->deadline_at ? "deadline" : "cancel");
}

/* An open call holds at most what its limits allow, and a small multiple of what it was given. */
static size_t most_memory(const sim *s, const sim_track *track) {
  const xai_limits *limits = &s->script.limits;
  size_t given = 0;
  for (int i = 0; i < track->row_count; i++) {
    size_t bytes = track->rows[i]->at + track->rows[i]->comments;
    if (bytes > given) given = bytes;
  }
  size_t by_limits = 2 * limits->max_response + 2 * limits->max_event + 8 * limits->max_response;
  size_t by_bytes = 24 * given;
  return FIXED_CALL + 2 * limits->max_headers + (by_bytes < by_limits ? by_bytes : by_limits);
}

static void count_outcome(sim *s, xai_outcome outcome) {
  switch (outcome) {
    case XAI_OUTCOME_COMPLETE:
      s->stats.complete++;
      sim_count_second(s, s->complete_by_second);
      break;
    case XAI_OUTCOME_INCOMPLETE: s->stats.incomplete++; break;
    case XAI_OUTCOME_REFUSED: s->stats.refused++; break;
    case XAI_OUTCOME_FAILED: s->stats.failed++; break;
    case XAI_OUTCOME_CANCELLED: s->stats.cancelled++; break;
    default: sim_break(s, SIM_RULE_ONE_END, "an end without an outcome"); break;
  }
}

void sim_check_end(sim *s, sim_track *track, const xai_result *result) {
  sim_note(s, "call %u is %s: %s%s%s", track->plan->number, xai_outcome_name(result->outcome), result->reason,
           *result->reason ? "; " : "", result->error.message);
  const sim_exchange *x = track->row_count ? track->rows[track->row_count - 1] : NULL;
  count_outcome(s, result->outcome);
  check_account(s, track, result);
  sim_rates_end(s, track, result);
  if (s->port.lie != SIM_LIE_STORM && s->port.lie != SIM_LIE_HIDES_BILL) check_sums(s, track, result);
  if (result->outcome == XAI_OUTCOME_COMPLETE) check_complete(s, track, x, result);
  else if (x != NULL) check_not_lost(s, track, x, result);
  if (result->outcome == XAI_OUTCOME_CANCELLED && track->cancelled_at == SIM_NEVER)
    sim_break(s, SIM_RULE_ONE_END, "call %u is cancelled and nobody asked", track->plan->number);
  if (result->outcome != XAI_OUTCOME_COMPLETE && x != NULL && sim_port_live(s, x->id))
    sim_break(s, SIM_RULE_DIES, "call %u is over and its exchange lives", track->plan->number);
  check_in_time(s, track);
  s->spent_memory = most_memory(s, track); /* it is lent until the client is called again */
}

/* ---- a turn */

static void check_memory(sim *s) {
  if (s->heap.bytes <= FIXED) return;
  size_t most = FIXED + s->spent_memory + s->lingering_count * (size_t)FIXED_CALL + s->script.count * 1024;
  for (size_t i = 0; i < s->lingering_count; i++) most += 24 * s->pool[s->lingering[i]]->at;
  for (size_t i = 0; i < s->open_count && most < s->heap.bytes; i++)
    most += most_memory(s, &s->tracks[s->open[i]]);
  if (s->heap.bytes > most)
    sim_break(s, SIM_RULE_MEMORY, "%zu bytes are held for %zu open calls, at most %zu may be", s->heap.bytes,
              s->open_count, most);
}

static void check_lingering(sim *s) {
  for (size_t i = 0; i < s->lingering_count;) {
    sim_exchange *x = s->pool[s->lingering[i]];
    if (sim_port_live(s, x->id)) {
      if (s->now >= x->linger_from + SLACK_MS)
        sim_break(s, SIM_RULE_DIES, "an exchange lives %llu ms after the end of its call",
                  (unsigned long long)(s->now - x->linger_from));
      i++;
      continue;
    }
    sim_api_forget(s, x);
    s->lingering[i] = s->lingering[--s->lingering_count];
  }
}

static void check_open(sim *s) {
  for (size_t i = 0; i < s->open_count; i++) {
    const sim_track *track = &s->tracks[s->open[i]];
    const sim_exchange *x = track->row_count ? track->rows[track->row_count - 1] : NULL;
    if (track->held && x != NULL &&
        track->since_hold > INBOX + (x->plan.piece ? SIM_BIG_PIECE : x->body.len) &&
        sim_body_is_stream(x, track->plan))
      sim_break(s, SIM_RULE_HELD, "call %u is held and has taken %zu bytes", track->plan->number,
                track->since_hold);
    if (!s->drained || track->held) continue;
    if (track->cancelled_at != SIM_NEVER)
      sim_break(s, SIM_RULE_DEADLINE, "call %u was cancelled and has not ended", track->plan->number);
    if (s->now > track->deadline_at + SLACK_MS)
      sim_break(s, SIM_RULE_DEADLINE, "call %u goes on %llu ms after its deadline", track->plan->number,
                (unsigned long long)(s->now - track->deadline_at));
  }
}

void sim_check_step(sim *s) {
  if (s->drained && xai_client_pending(s->client) != s->open_count)
    sim_break(s, SIM_RULE_ONE_END, "the client has %zu calls, the caller %zu", xai_client_pending(s->client),
              s->open_count);
  check_memory(s);
  if (s->lingering_count > 0) check_lingering(s);
  check_open(s);
  sim_rates_step(s);
  if (s->heap.wrong_size > 0)
    sim_break(s, SIM_RULE_LEAK, "a block was given back with another size than its own");
}

void sim_check_freed(sim *s) {
  if (s->heap.bytes > 0 || s->heap.blocks > 0)
    sim_break(s, SIM_RULE_LEAK, "%zu bytes in %zu blocks are held after the client is freed", s->heap.bytes,
              s->heap.blocks);
  if (s->heap.wrong_size > 0)
    sim_break(s, SIM_RULE_LEAK, "a block was given back with another size than its own");
}
