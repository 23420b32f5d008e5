/* caller.c - the program: starts calls, takes events, loses patience, holds, forgets, runs out of memory.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "events.h"
#include "sim.h"

void sim_caller_plan(sim *s) {
  const sim_script *script = &s->script;
  for (size_t i = 0; i < script->count; i++)
    sim_agenda_add(&s->agenda, s->began + script->calls[i].start_ms, SIM_DO_START, (uint32_t)i, 0);
  if (script->free_ms != SIM_NO_TIME)
    sim_agenda_add(&s->agenda, s->began + (uint64_t)script->free_ms, SIM_DO_FREE, 0, 0);
  if (script->paused_ms > 0) sim_agenda_add(&s->agenda, s->began + script->pause_ms, SIM_DO_PAUSE, 0, 0);
  if (script->read_every_ms > 0)
    sim_agenda_add(&s->agenda, s->began + script->read_every_ms, SIM_DO_READ, 0, 0);
}

/* ---- what it does */

static void add_later(sim *s, int32_t after_ms, sim_what what, uint32_t who) {
  if (after_ms == SIM_NO_TIME) return;
  sim_agenda_add(&s->agenda, s->now + (uint64_t)after_ms, (int)what, who, 0);
}

static void fail_allocations(sim *s, const sim_call *call) {
  s->heap.skip = call->nomem_skip;
  s->heap.fail = call->nomem_fail;
  sim_note(s, "memory: %u allocations succeed, then %u fail", call->nomem_skip, call->nomem_fail);
}

static void cancel(sim *s, sim_track *track) {
  if (!track->open || track->cancelled_at != SIM_NEVER) return;
  sim_note(s, "call %u is cancelled", track->plan->number);
  track->cancelled_at = s->now;
  if (track->held) track->let_go_at = s->now;
  track->held = false;
  sim_port_cancel(s, track->id);
}

static void hold(sim *s, sim_track *track, bool wish) {
  if (!track->open) return;
  sim_note(s, "call %u is %s", track->plan->number, wish ? "held" : "let go");
  track->held = wish && track->cancelled_at == SIM_NEVER;
  track->since_hold = 0;
  if (!track->held) track->let_go_at = s->now;
  sim_port_hold(s, track->id, track->held);
}

static xai_request request_of(const sim *s, const sim_call *call) {
  xai_request request = XAI_REQUEST_INIT;
  bool chat = call->kind == SIM_CHAT_STREAM || call->kind == SIM_CHAT_WHOLE;
  request.path = call->kind == SIM_LIST ? "/models" : chat ? "/chat/completions" : "/responses";
  if (call->kind != SIM_LIST) request.body = xai_str_of("{\"model\":\"grok-4.6\"}");
  request.stream = call->kind == SIM_RESPONSES_STREAM || call->kind == SIM_CHAT_STREAM;
  request.retry_unknown = call->retry_unknown;
  request.model = sim_model_name(call->model);
  request.priority = call->priority;
  request.tokens = call->tokens;
  if (s->script.budget > 0 && call->kind != SIM_LIST) request.most_cost = SIM_MOST_COST;
  request.limits = s->script.limits;
  request.limits.deadline_ms = call->deadline_ms;
  request.limits.max_attempts = call->max_attempts;
  return request;
}

static void start(sim *s, uint32_t index) {
  const sim_call *call = &s->script.calls[index];
  sim_track *track = &s->tracks[index];
  *track = (sim_track){.plan = call, .started_at = s->now, .cancelled_at = SIM_NEVER, .sequence = -1};
  track->failed_before = s->heap.failed;
  track->order = s->started;
  if (call->nomem_ms == 0) fail_allocations(s, call);
  xai_request request = request_of(s, call);
  request.user = track;
  xai_error err;
  s->started++;
  track->id = sim_port_start(s, &request, &err);
  sim_note(s, "call %u starts%s", call->number, track->id.id ? "" : ", and is turned away");
  if (track->id.id == 0) {
    s->stats.not_started++;
    bool full = err.code == XAI_ERR_FULL && s->script.max_calls > 0 &&
                s->open_count + s->lingering_count + 1 >= s->script.max_calls;
    bool no_memory = err.code == XAI_ERR_NOMEM && s->heap.failed > track->failed_before;
    if (!full && !no_memory)
      sim_break(s, SIM_RULE_ONE_END, "call %u could not be started: %s", call->number, err.message);
    return;
  }
  s->stats.calls++;
  track->open = true;
  track->deadline_at = s->now + call->deadline_ms;
  s->open[s->open_count++] = index;
  sim_check_start(s);
  if (call->cancel_ms == 0) cancel(s, track); /* before the server could see anything */
  else add_later(s, call->cancel_ms, SIM_DO_CANCEL, index);
  add_later(s, call->hold_ms, SIM_DO_HOLD, index);
  if (call->nomem_ms > 0) add_later(s, call->nomem_ms, SIM_DO_NOMEM, index);
}

void sim_caller_do(sim *s, const sim_date *date) {
  sim_track *track = &s->tracks[date->who];
  switch (date->what) {
    case SIM_DO_START: start(s, date->who); break;
    case SIM_DO_CANCEL: cancel(s, track); break;
    case SIM_DO_HOLD:
      hold(s, track, true);
      add_later(s, (int32_t)track->plan->held_ms, SIM_DO_LET_GO, date->who);
      break;
    case SIM_DO_LET_GO: hold(s, track, false); break;
    case SIM_DO_NOMEM: fail_allocations(s, track->plan); break;
    case SIM_DO_PAUSE: s->asleep_until = s->now + s->script.paused_ms; break;
    case SIM_DO_FREE: s->freed = true; break;
    case SIM_DO_READ:
      s->read_due = true;
      sim_agenda_add(&s->agenda, s->now + s->script.read_every_ms, SIM_DO_READ, 0, 0);
      break;
    default: break;
  }
}

/* ---- what it reads */

static void close_track(sim *s, sim_track *track) {
  uint32_t index = (uint32_t)(track - s->tracks);
  track->open = false;
  size_t i = 0;
  while (s->open[i] != index) i++;
  s->open[i] = s->open[--s->open_count];
  for (int row = 0; row < track->row_count; row++) {
    sim_exchange *x = track->rows[row];
    x->linger_from = s->now;
    if (sim_port_live(s, x->id)) s->lingering[s->lingering_count++] = x->index;
    else sim_api_forget(s, x);
  }
}

/* Between two events, while what the last one lent is still in use (R9). */
static void meddle(sim *s, sim_track *track) {
  uint64_t dice = sim_mix(s->script.seed ^ s->step, ++s->events);
  if (dice % 1000 >= s->script.meddles || !track->open) return;
  sim_track *other = &s->tracks[s->open[(dice >> 16) % s->open_count]];
  switch ((dice >> 32) % 4) {
    case 0: cancel(s, track); break;
    case 1: cancel(s, other); break;
    case 2:
      if (track->held) return;
      hold(s, track, true);
      add_later(s, 100, SIM_DO_LET_GO, (uint32_t)(track - s->tracks));
      break;
    default: sim_check_so_far(s, other); break;
  }
}

static void take_event(sim *s, const xai_event *event) {
  sim_track *track = event->user;
  if (track == NULL || !track->open || track->id.id != event->call.id) {
    sim_break(s, SIM_RULE_ONE_END, "an event of call id %u, which is not open", event->call.id);
    return;
  }
  sim_check_event(s, track, event);
  if (event->type != XAI_EVENT_END) {
    meddle(s, track);
    return;
  }
  sim_check_end(s, track, event->result);
  if (s->broken == SIM_RULE_NONE) close_track(s, track);
}

void sim_caller_read(sim *s) {
  uint32_t most = s->script.read_at_most ? s->script.read_at_most : UINT32_MAX;
  xai_event event;
  for (uint32_t n = 0; n < most && s->broken == SIM_RULE_NONE; n++) {
    if (sim_port_next(s, &event) != XAI_OK) {
      s->drained = true;
      return;
    }
    take_event(s, &event);
  }
}
