/* rates.c - rate limits as the server sees them, the line before them, and the breaker's evidence.
 * SPDX-License-Identifier: MIT
 *
 * Where the client was told the limits, no true span may see more than they allow, on the wire: what the
 * client thinks of it does not count. Where it was not, the server refuses what is beyond, and names the limit.
 */
#include <string.h>

#include "sim.h"

enum { PRIORITY_MS = 10000, BREAKER_FAILURES = 30 };

void sim_rates_clear(sim *s) {
  for (int i = 0; i < SIM_LANES; i++) {
    sim_window_clear(&s->lanes[i].second, 1000);
    sim_window_clear(&s->lanes[i].minute, 60000);
    sim_window_clear(&s->lanes[i].tokens, 60000);
  }
  s->failures = 0;
  s->taught = false;
}

void sim_rates_deinit(sim *s) {
  for (int i = 0; i < SIM_LANES; i++) {
    sim_window_deinit(&s->lanes[i].second);
    sim_window_deinit(&s->lanes[i].minute);
    sim_window_deinit(&s->lanes[i].tokens);
  }
}

/* ---- a server that enforces them itself */

uint32_t sim_rates_refuses(sim *s, const sim_call *call) {
  uint32_t limit = s->script.rates[call->model].per_second;
  if (!s->script.rates_learn || limit == 0) return 0;
  return sim_window_sum(&s->lanes[call->model].second, s->now) >= limit ? limit : 0;
}

/* ---- a client that was told them */

static size_t running(const sim *s, int lane) {
  size_t count = 0;
  for (size_t i = 0; i < s->open_count; i++) {
    const sim_track *track = &s->tracks[s->open[i]];
    if (track->row_count == 0 || (lane != SIM_LANE_OF_ALL && track->plan->model != lane)) continue;
    count += xai_wire_live(s->client, track->rows[track->row_count - 1]->id);
  }
  return s->script.shared ? count + sim_rival_running(s, lane) : count;
}

/* number: of the call; 0: of the rival's. */
static void check_lane(sim *s, uint32_t number, int lane) {
  sim_rule rule = s->script.shared ? SIM_RULE_SHARE : SIM_RULE_RATE;
  const sim_rate *rate = &s->script.rates[lane];
  sim_lane *seen = &s->lanes[lane];
  uint64_t second = sim_window_sum(&seen->second, s->now), minute = sim_window_sum(&seen->minute, s->now);
  uint64_t tokens = sim_window_sum(&seen->tokens, s->now);
  if (rate->per_second > 0 && second > rate->per_second)
    sim_break(s, rule, "call %u is number %llu in a second of lane %d, allowed are %u", number,
              (unsigned long long)second, lane, rate->per_second);
  if (rate->per_minute > 0 && minute > rate->per_minute)
    sim_break(s, rule, "call %u is number %llu in a minute of lane %d, allowed are %u", number,
              (unsigned long long)minute, lane, rate->per_minute);
  if (rate->tokens > 0 && tokens > rate->tokens)
    sim_break(s, rule, "call %u: %llu tokens in a minute of lane %d, allowed are %llu", number,
              (unsigned long long)tokens, lane, (unsigned long long)rate->tokens);
  if (rate->concurrent > 0 && running(s, lane) > rate->concurrent)
    sim_break(s, s->script.shared ? rule : SIM_RULE_CROWD,
              "call %u: %zu attempts at once in lane %d, allowed are %u", number, running(s, lane), lane,
              rate->concurrent);
}

static int64_t rank_of(const sim_track *track) {
  return (int64_t)track->started_at - (int64_t)track->plan->priority * PRIORITY_MS;
}

static bool stands_before(const sim_track *a, const sim_track *b) {
  int64_t x = rank_of(a), y = rank_of(b);
  return x != y ? x < y : a->order < b->order;
}

static void check_line(sim *s, const sim_track *track) {
  for (size_t i = 0; i < s->open_count; i++) {
    const sim_track *other = &s->tracks[s->open[i]];
    if (other->plan->model != track->plan->model || !stands_before(other, track)) continue;
    if (!other->stood_in_line || xai_call_place(s->client, other->id) == 0) continue;
    sim_break(s, SIM_RULE_FAIR, "call %u passes call %u, which came %lld ms before it", track->plan->number,
              other->plan->number, (long long)(track->started_at - other->started_at));
  }
}

void sim_rates_step(sim *s) {
  if (!s->script.rates_set && !s->script.rates_learn) return;
  for (size_t i = 0; i < s->open_count; i++) {
    sim_track *track = &s->tracks[s->open[i]];
    track->stood_in_line = xai_call_place(s->client, track->id) > 0;
  }
}

static void count(sim *s, int lane, const sim_exchange *x) {
  if (x->plan.fate == SIM_FATE_UNREACHED) return; /* the server sees nothing of it */
  sim_lane *seen = &s->lanes[lane];
  sim_window_add(&seen->second, s->now, 1);
  sim_window_add(&seen->minute, s->now, 1);
  if (x->executed) sim_window_add(&seen->tokens, s->now, x->input_tokens + x->output_tokens);
}

void sim_rates_take(sim *s, const sim_track *track, const sim_exchange *x) {
  int lane = track->plan->model;
  s->taught |= x->plan.fate == SIM_FATE_STATUS && x->plan.status == 429;
  count(s, lane, x);
  count(s, SIM_LANE_OF_ALL, x);
  if (s->script.rates_set) {
    check_lane(s, track->plan->number, lane);
    check_lane(s, track->plan->number, SIM_LANE_OF_ALL);
  }
  check_line(s, track);
}

void sim_rates_take_rival(sim *s, int lane, uint64_t tokens) {
  if (!s->script.shared) return;
  for (int i = 0; i < 2; i++) {
    sim_lane *seen = &s->lanes[i == 0 ? lane : SIM_LANE_OF_ALL];
    sim_window_add(&seen->second, s->now, 1);
    sim_window_add(&seen->minute, s->now, 1);
    sim_window_add(&seen->tokens, s->now, tokens);
    check_lane(s, 0, i == 0 ? lane : SIM_LANE_OF_ALL);
  }
}

/* ---- what is turned away */

static bool may_be_failure(const xai_attempt *attempt) {
  return attempt->outcome != XAI_ATTEMPT_ANSWERED && strcmp(attempt->phase, "queue") != 0;
}

void sim_rates_end(sim *s, const sim_track *track, const xai_result *result) {
  size_t count = result->attempt_count;
  const xai_attempt *last = count ? &result->attempts[count - 1] : NULL;
  for (size_t i = 0; i < count; i++) s->failures += may_be_failure(&result->attempts[i]);
  if (last == NULL || (last->code != XAI_ERR_OPEN && last->code != XAI_ERR_RATE)) return;
  uint32_t number = track->plan->number;
  if (last->outcome != XAI_ATTEMPT_NOT_SENT || result->outcome == XAI_OUTCOME_COMPLETE)
    sim_break(s, SIM_RULE_GATE, "call %u is turned away and %s", number,
              xai_attempt_class_name(last->outcome));
  if (result->retryable && result->retry_after_ms == 0)
    sim_break(s, SIM_RULE_GATE, "call %u is turned away and not told for how long", number);
  bool waits = s->taught || s->script.rates_set; /* it may have stood in line when the breaker opened */
  if (last->code == XAI_ERR_OPEN && count == 1 && last->started_ms + last->took_ms > 0 && !waits)
    sim_break(s, SIM_RULE_GATE, "call %u waited %u ms for a breaker that is open", number,
              last->started_ms + last->took_ms);
  uint64_t failures = s->failures;
  for (size_t i = 0; i < s->open_count; i++) failures += (uint64_t)s->tracks[s->open[i]].row_count;
  if (last->code == XAI_ERR_OPEN && failures < BREAKER_FAILURES)
    sim_break(s, SIM_RULE_BREAKER, "call %u is not tried after at most %llu failures", number,
              (unsigned long long)failures);
}
