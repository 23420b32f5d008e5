/* api.c - the network and the model behind it: takes requests, keeps the ledger, answers as the script says.
 * SPDX-License-Identifier: MIT
 *
 * The ledger tells what is true, whatever the client could know of it: whether the model ran (and so bills),
 * and whether the answer forbids another attempt. A server is honest here: one that says it did not process a
 * request (503, 529, 4xx, an overload inside a 200) did not.
 */
#include <string.h>

#include "events.h"
#include "sim.h"

enum { FIRST_AGAIN_MS = 20, LAST_AGAIN_MS = 5000, DRIP_MS = 10000, SMALL_PIECE = 100, MOST_PIECES = 100 };

/* ---- the pool */

static sim_exchange *take_idle(sim *s) {
  if (s->idle_count > 0) return s->idle[--s->idle_count];
  size_t n = s->pool_len + 1;
  s->pool = sim_realloc(s->pool, n * sizeof *s->pool);
  s->idle = sim_realloc(s->idle, n * sizeof *s->idle);
  s->lingering = sim_realloc(s->lingering, n * sizeof *s->lingering);
  sim_exchange *x = sim_realloc(NULL, sizeof *x);
  memset(x, 0, sizeof *x);
  x->index = (uint32_t)s->pool_len;
  s->pool[s->pool_len++] = x;
  return x;
}

void sim_api_forget(sim *s, sim_exchange *x) {
  x->id = 0;
  s->idle[s->idle_count++] = x;
}

static void come_back(sim *s, const sim_exchange *x, uint64_t after_ms) {
  sim_agenda_add(&s->agenda, s->now + after_ms, SIM_DO_EXCHANGE, x->index, x->id);
}

/* ---- a request */

static bool in_outage(const sim *s) {
  const sim_script *script = &s->script;
  uint64_t at = s->now - s->began;
  return script->outage_for_ms > 0 && at >= script->outage_ms &&
         at < (uint64_t)script->outage_ms + script->outage_for_ms;
}

static void meet_outage(const sim *s, sim_answer *plan) {
  *plan = (sim_answer){.fate = SIM_FATE_STATUS, .status = 503, .delay_ms = plan->delay_ms};
  if (!s->script.outage_refuses) return;
  plan->fate = SIM_FATE_UNREACHED;
  plan->end = XAI_WIRE_REFUSED;
}

static bool runs_before_failing(int status) {
  return status == 408 || status == 409 || (status >= 500 && status != 503 && status != 529);
}

static bool is_final_status(const sim_answer *plan) {
  int status = plan->status;
  if (plan->wish == SIM_WISH_DAY || plan->wish == SIM_WISH_NEVER) return true;
  return status == 400 || status == 401 || status == 403 || status == 404 || status == 413 || status == 422 ||
         (status == 525 && plan->shape == 10); /* as a page; a body that speaks of overload is believed */
}

static uint32_t wish_of(const sim_answer *plan) {
  switch (plan->wish) {
    case SIM_WISH_SECONDS: return 3000;
    case SIM_WISH_MS: return 1700;
    default: return 0;
  }
}

/* What the model does, known the moment the request is there. */
static void enter_in_ledger(sim_exchange *x) {
  const sim_answer *plan = &x->plan;
  x->executed = true;
  switch (plan->fate) {
    case SIM_FATE_UNREACHED: x->executed = false; break;
    case SIM_FATE_SILENT:
    case SIM_FATE_RESET_EARLY:
    case SIM_FATE_NOT_JSON:
    case SIM_FATE_EMPTY: x->executed = plan->executed; break;
    case SIM_FATE_STATUS:
      x->executed = plan->executed && runs_before_failing(plan->status);
      x->forbids = is_final_status(plan);
      x->wish_ms = wish_of(plan);
      break;
    case SIM_FATE_ERROR_IN_200: x->executed = plan->executed && plan->shape % 2 != 0; break;
    case SIM_FATE_REDIRECT:
      x->executed = false;
      x->forbids = true;
      break;
    default: break;
  }
}

static bool has_body(int fate) {
  switch (fate) {
    case SIM_FATE_UNREACHED:
    case SIM_FATE_SILENT:
    case SIM_FATE_RESET_EARLY:
    case SIM_FATE_STATUS:
    case SIM_FATE_ERROR_IN_200:
    case SIM_FATE_NOT_JSON:
    case SIM_FATE_EMPTY:
    case SIM_FATE_REDIRECT:
    case SIM_FATE_BIG_HEADERS: return false;
    default: return true;
  }
}

static void make_other_body(sim_exchange *x, const sim_call *call) {
  x->honest = false;
  x->whole_at = x->finish_at = x->usage_at = SIZE_MAX;
  x->biggest = x->events = 0;
  switch (x->plan.fate) {
    case SIM_FATE_STATUS: sim_body_error(&x->body, &x->plan, x->limit); break;
    case SIM_FATE_ERROR_IN_200:
      sim_text_put(&x->body,
                   x->plan.shape % 2 == 0
                     ? "{\"code\":\"The service is currently unavailable\",\"error\":\"Service temporarily "
                       "unavailable. The model did not respond to this request.\"}"
                     : "{\"code\":\"Internal error\",\"error\":\"Internal error\"}");
      break;
    case SIM_FATE_EMPTY:
      if (call->kind == SIM_LIST) x->finish_at = 0; /* nothing is null: see XAI_REPLY_JSON */
      break;
    case SIM_FATE_NOT_JSON: sim_text_put(&x->body, "<!doctype html><title>Maintenance</title>"); break;
    default: break;
  }
}

static bool stops_short(int fate) {
  return fate == SIM_FATE_CUT || fate == SIM_FATE_STALL || fate == SIM_FATE_COMMENTS || fate == SIM_FATE_DRIP;
}

static void prepare(sim *s, sim_exchange *x, const sim_call *call) {
  sim_text_clear(&x->body);
  sim_text_clear(&x->text);
  enter_in_ledger(x);
  if (has_body(x->plan.fate)) sim_body_make(x, call, s->script.seed, &s->script.limits);
  else make_other_body(x, call);
  if (x->plan.fate == SIM_FATE_CUT && x->plan.end == XAI_WIRE_DONE && call->kind == SIM_LIST &&
      x->body.len * x->plan.permille < 1000) {
    x->plan.fate = SIM_FATE_EMPTY;
    sim_text_clear(&x->body);
    sim_text_clear(&x->text);
    make_other_body(x, call);
  }
  x->stop = x->body.len;
  if (stops_short(x->plan.fate)) x->stop = x->body.len * x->plan.permille / 1000;
  /* The empty line after a comment would also be the one that the last event still lacks. */
  bool ends_it = x->stop < x->whole_at && x->whole_at - x->stop <= 2;
  if (x->plan.fate == SIM_FATE_COMMENTS && ends_it) x->stop -= 2;
}

/* What the model did and never told, it did, too. */
static uint64_t cost_of(const sim_exchange *x) {
  return has_body(x->plan.fate) ? x->input_tokens + x->output_tokens : SIM_MOST_COST;
}

static sim_track *track_of(sim *s, xai_call_id id) {
  for (size_t i = 0; i < s->open_count; i++) {
    sim_track *track = &s->tracks[s->open[i]];
    if (track->id.id == id.id) return track;
  }
  return NULL;
}

static void take_one(sim *s, const xai_wire_request *request) {
  sim_track *track = track_of(s, request->call);
  if (track == NULL || track->row_count == SIM_MAX_ROWS) {
    sim_break(s, SIM_RULE_ATTEMPTS, "a request for call id %u, which is not open", request->call.id);
    return;
  }
  sim_exchange *x = take_idle(s);
  int attempt = track->row_count;
  int planned = attempt < SIM_MAX_ATTEMPTS ? attempt : SIM_MAX_ATTEMPTS - 1;
  sim_text body = x->body, text = x->text;
  *x = (sim_exchange){.id = request->id, .index = x->index, .attempt = attempt, .taken_at = s->now};
  x->body = body;
  x->text = text;
  x->over_at = SIM_NEVER;
  x->call = (uint32_t)(track - s->tracks);
  x->plan = track->plan->answers[planned];
  x->is_priced = s->script.budget > 0;
  x->limit = sim_rates_refuses(s, track->plan);
  if (x->limit > 0)
    x->plan = (sim_answer){.fate = SIM_FATE_STATUS, .status = 429, .delay_ms = 20, .wish = SIM_WISH_NONE};
  if (in_outage(s)) meet_outage(s, &x->plan);
  prepare(s, x, track->plan);
  track->rows[track->row_count++] = x;
  track->since_hold = 0;
  s->stats.requests++;
  sim_count_second(s, s->requests_by_second);
  s->stats.fates[x->plan.fate]++;
  s->stats.billed += x->executed;
  if (x->executed && track->plan->kind != SIM_LIST) s->billed += cost_of(x);
  sim_note(s, "call %u attempt %d is on the wire: the server %s", track->plan->number, attempt + 1,
           sim_fate_text(x->plan.fate));
  sim_check_request(s, track, x);
  sim_rates_take(s, track, x);
  if (x->plan.fate != SIM_FATE_SILENT) come_back(s, x, x->plan.delay_ms);
}

void sim_api_take(sim *s) {
  xai_wire_request request;
  while (s->broken == SIM_RULE_NONE && sim_port_request(s, &request)) take_one(s, &request);
}

/* ---- an answer */

static void end(sim *s, sim_exchange *x, xai_wire_end how) {
  x->phase = SIM_OVER;
  x->over_at = s->now;
  x->clean_end = how == XAI_WIRE_DONE;
  xai_wire_finish(s->client, x->id, how);
}

static void header(sim *s, const sim_exchange *x, const char *name, const char *value) {
  sim_port_header(s, x->id, name, value);
}

static void send_wish(sim *s, const sim_exchange *x) {
  switch (x->plan.wish) {
    case SIM_WISH_SECONDS: header(s, x, "Retry-After", "3"); break;
    case SIM_WISH_MS: header(s, x, "retry-after-ms", "1700"); break;
    case SIM_WISH_DATE: header(s, x, "Retry-After", "Thu, 01 Jan 2026 00:00:09 GMT"); break;
    case SIM_WISH_ZERO: header(s, x, "Retry-After", "0"); break;
    case SIM_WISH_PAST: header(s, x, "Retry-After", "-5"); break;
    case SIM_WISH_WORDS: header(s, x, "Retry-After", "soon"); break;
    case SIM_WISH_DAY: header(s, x, "Retry-After", "86400"); break;
    case SIM_WISH_NEVER: header(s, x, "x-should-retry", "false"); break;
    default: break;
  }
}

static int status_of(const sim_exchange *x) {
  if (x->plan.fate == SIM_FATE_STATUS) return x->plan.status;
  if (x->plan.fate == SIM_FATE_REDIRECT) return 307;
  return x->plan.fate == SIM_FATE_EMPTY && x->plan.shape % 2 ? 204 : 200;
}

static void send_head(sim *s, sim_exchange *x) {
  bool stream = has_body(x->plan.fate) && sim_body_is_stream(x, s->tracks[x->call].plan);
  bool page = x->plan.fate == SIM_FATE_NOT_JSON || (x->plan.fate == SIM_FATE_STATUS && x->plan.shape == 10);
  xai_wire_status(s->client, x->id, status_of(x));
  header(s, x, "Content-Type", stream ? "text/event-stream" : page ? "text/html" : "application/json");
  header(s, x, "x-request-id", "7d1c0f6e-2b54-4c8e-9a3f-1e5b80d2c647");
  if (x->plan.fate == SIM_FATE_STATUS) send_wish(s, x);
  if (x->plan.fate == SIM_FATE_REDIRECT) header(s, x, "Location", "https://elsewhere.example/v1");
  char value[400];
  memset(value, 'v', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  for (int i = 0; x->plan.fate == SIM_FATE_BIG_HEADERS && i < 8; i++) header(s, x, "x-filler", value);
  x->phase = SIM_BODY;
}

/* At the place where the fault hits, or at the end. */
static void reach_stop(sim *s, sim_exchange *x) {
  static const char comment[] = ": still here\n\n";
  const xai_limits *limits = &s->script.limits;
  switch (x->plan.fate) {
    case SIM_FATE_CUT: end(s, x, (xai_wire_end)x->plan.end); return;
    case SIM_FATE_STALL: return;
    case SIM_FATE_COMMENTS:
      xai_wire_body(s->client, x->id, comment, sizeof comment - 1);
      x->comments += sizeof comment - 1;
      come_back(s, x, limits->silence_ms ? limits->silence_ms / 2 : 60000);
      return;
    case SIM_FATE_DRIP:
      if (x->stop == x->body.len) break;
      x->stop++;
      come_back(s, x, DRIP_MS);
      return;
    default: break;
  }
  if (x->plan.lingers && has_body(x->plan.fate)) return;
  end(s, x, XAI_WIRE_DONE);
}

/* The small ones stand together, anywhere in the body: before and after them all comes at once. */
static size_t piece_of(sim_exchange *x, size_t left) {
  size_t from = x->body.len * x->plan.permille / 1000, n = left < SIM_BIG_PIECE ? left : SIM_BIG_PIECE;
  if (x->plan.piece == 0) return left;
  if (x->pieces == MOST_PIECES) return n;
  if (x->plan.piece < SMALL_PIECE && x->at < from) return from - x->at < n ? from - x->at : n;
  x->pieces++;
  return x->plan.piece < n ? x->plan.piece : n;
}

static void send_piece(sim *s, sim_exchange *x) {
  sim_track *track = &s->tracks[x->call];
  size_t left = x->stop - x->at;
  size_t n = piece_of(x, left);
  if (n == 0) {
    reach_stop(s, x);
    return;
  }
  if (xai_wire_body(s->client, x->id, x->body.ptr + x->at, n) == XAI_MORE) {
    x->again_ms = x->again_ms == 0              ? FIRST_AGAIN_MS
                  : x->again_ms < LAST_AGAIN_MS ? x->again_ms * 2
                                                : x->again_ms;
    come_back(s, x, x->again_ms);
    return;
  }
  x->again_ms = 0;
  x->at += n;
  if (track->held) track->since_hold += n;
  if (x->at < x->stop) come_back(s, x, x->plan.gap_ms);
  else reach_stop(s, x);
}

static void act(sim *s, sim_exchange *x) {
  if (x->phase == SIM_TAKEN && x->plan.fate == SIM_FATE_UNREACHED) {
    end(s, x, (xai_wire_end)x->plan.end);
  } else if (x->phase == SIM_TAKEN && x->plan.fate == SIM_FATE_RESET_EARLY) {
    end(s, x, XAI_WIRE_RESET);
  } else if (x->phase == SIM_TAKEN) {
    send_head(s, x);
    if (x->plan.gap_ms > 0 && x->plan.piece > 0) come_back(s, x, x->plan.gap_ms);
    else send_piece(s, x);
  } else if (x->phase == SIM_BODY) {
    send_piece(s, x);
  }
}

void sim_api_do(sim *s, const sim_date *date) {
  sim_exchange *x = s->pool[date->who];
  if (x->id != date->id || x->phase == SIM_OVER || !xai_wire_live(s->client, x->id)) return;
  act(s, x);
}
