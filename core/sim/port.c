/* port.c - between the program and the client: passes everything on, or stands in for a broken client.
 * SPDX-License-Identifier: MIT
 *
 * A lie changes one thing and leaves the rest as it is, so that the rule it breaks is the one to notice.
 */
#include <string.h>

#include "sim.h"

enum { FAKE = 1u << 31, HOARD = 64 << 10 };

sim_rule sim_lie_rule(sim_lie lie) {
  static const sim_rule rules[] = {SIM_RULE_NONE,
#define SIM_X(name, rule, text) SIM_RULE_##rule,
                                   SIM_LIES(SIM_X)
#undef SIM_X
  };
  return rules[lie];
}

const char *sim_lie_text(sim_lie lie) {
  static const char *const texts[] = {"",
#define SIM_X(name, rule, text) text,
                                      SIM_LIES(SIM_X)
#undef SIM_X
  };
  return texts[lie];
}

static void steal(sim *s, size_t size) {
  sim_port *port = &s->port;
  if (port->stolen_count == sizeof port->stolen / sizeof *port->stolen) return;
  xai_mem mem = sim_heap_mem(&s->heap);
  port->stolen[port->stolen_count++] = mem.fn(mem.user, NULL, 0, size);
}

static void give_back(sim *s, size_t size) {
  xai_mem mem = sim_heap_mem(&s->heap);
  while (s->port.stolen_count > 0) {
    void *block = s->port.stolen[--s->port.stolen_count];
    if (block != NULL) mem.fn(mem.user, block, size, 0);
  }
}

/* ---- the client */

/* Calls without a model have no limits of their own. */
size_t sim_port_rates(const sim *s, xai_rate *rates) {
  size_t count = 0;
  for (int lane = 1; lane < SIM_LANES; lane++) {
    const sim_rate *rate = &s->script.rates[lane];
    rates[count++] =
      (xai_rate){sim_model_name(lane), rate->per_second, rate->per_minute, rate->tokens, rate->concurrent};
  }
  return count;
}

xai_client *sim_port_open(sim *s, xai_config *config) {
  xai_rate rates[SIM_LANES];
  const sim_script *script = &s->script;
  config->rate_count = script->rates_set ? sim_port_rates(s, rates) : 0;
  for (size_t i = 0; i < config->rate_count; i++) {
    if (s->port.lie == SIM_LIE_RUSHES) rates[i].requests_per_second = rates[i].requests_per_minute = 0;
    if (s->port.lie == SIM_LIE_CROWDS) rates[i].concurrent = 0;
  }
  sim_rival_config(s, config);
  if (s->port.lie == SIM_LIE_LONER) config->share = NULL;
  config->rates = rates;
  config->breaker.off = script->breaker_off;
  if (s->port.lie == SIM_LIE_TIMID) config->breaker = (xai_breaker_options){false, 1, 1, 100};
  return xai_client_new(config, NULL);
}

/* ---- calls */

static const sim_track *track_of(const xai_request *request) {
  return request->user;
}

static bool storms(const sim_track *track) {
  return track->plan->max_attempts == SIM_MAX_ATTEMPTS && track->plan->retry_unknown;
}

xai_call_id sim_port_start(sim *s, const xai_request *request, xai_error *err) {
  xai_request changed = *request;
  switch (s->port.lie) {
    case SIM_LIE_REPEATS: changed.retry_unknown = true; break;
    case SIM_LIE_LATE_END: changed.limits.deadline_ms *= 2; break;
    case SIM_LIE_STORM:
      if (storms(track_of(request))) changed.limits.max_attempts = 2;
      break;
    case SIM_LIE_JUMPS: changed.priority = (int)(track_of(request)->order % 19) - 9; break;
    case SIM_LIE_SQUANDERS: changed.most_cost = 1; break;
    case SIM_LIE_HOARDS: steal(s, HOARD); break;
    case SIM_LIE_LEAKS:
      if (s->port.stolen_count == 0) steal(s, 1);
      break;
    default: break;
  }
  return xai_call_start(s->client, &changed, err);
}

void sim_port_cancel(sim *s, xai_call_id id) {
  if (s->port.lie != SIM_LIE_DEAF) xai_call_cancel(s->client, id);
}

void sim_port_hold(sim *s, xai_call_id id, bool hold) {
  if (s->port.lie != SIM_LIE_IGNORES_HOLD) xai_call_hold(s->client, id, hold);
}

int64_t sim_port_timeout(const sim *s) {
  return s->port.lie == SIM_LIE_SPINS ? 0 : xai_client_timeout(s->client);
}

/* ---- the wire */

static const sim_track *open_track(const sim *s, xai_call_id id) {
  for (size_t i = 0; i < s->open_count; i++)
    if (s->tracks[s->open[i]].id.id == id.id) return &s->tracks[s->open[i]];
  return NULL;
}

static int times_more(const sim *s, xai_call_id id) {
  const sim_track *track = open_track(s, id);
  if (track == NULL || track->row_count > 0 || !track->plan->retry_unknown) return 0;
  if (s->port.lie == SIM_LIE_STORM && storms(track)) return 2;
  return s->port.lie == SIM_LIE_DUPLICATE && track->plan->max_attempts > 1;
}

bool sim_port_request(sim *s, xai_wire_request *out) {
  sim_port *port = &s->port;
  if (port->extra > 0) {
    *out = port->request;
    out->id = FAKE | (out->id << 4) | (uint32_t)port->extra--;
    return true;
  }
  if (xai_wire_next(s->client, out) != XAI_OK) return false;
  port->request = *out;
  port->extra = times_more(s, out->call);
  return true;
}

void sim_port_header(sim *s, uint32_t exchange, const char *name, const char *value) {
  bool asks = strcmp(name, "Retry-After") == 0 || strcmp(name, "retry-after-ms") == 0;
  if (asks && s->port.lie == SIM_LIE_IMPATIENT) return;
  xai_wire_header(s->client, exchange, name, value);
}

bool sim_port_live(const sim *s, uint32_t exchange) {
  return s->port.lie == SIM_LIE_CLINGS || xai_wire_live(s->client, exchange);
}

int64_t sim_port_tokens(const sim *s, const xai_json *response, const char *key, const char *chat_key) {
  const xai_json *usage = xai_json_get(response, "usage"), *tokens = xai_json_get(usage, key);
  if (tokens == NULL) tokens = xai_json_get(usage, chat_key);
  int64_t count = -1;
  if (!xai_json_int(tokens, &count)) return -1;
  return s->port.lie == SIM_LIE_WRONG_USAGE ? count - 1 : count;
}

/* ---- events */

/* The storm's requests, put into the account where they were made. */
static void add_storm(sim *s, const sim_track *track, xai_result *result) {
  sim_port *port = &s->port;
  size_t real = 0;
  for (int row = 0; row < track->row_count; row++) {
    bool fake = (track->rows[row]->id & FAKE) != 0;
    port->attempts[row] = fake || real == result->attempt_count
                            ? (xai_attempt){.outcome = XAI_ATTEMPT_UNKNOWN, .phase = "wait"}
                            : result->attempts[real++];
  }
  result->attempts = port->attempts;
  result->attempt_count = (size_t)track->row_count;
}

static void hide_bill(sim_port *port, xai_result *result) {
  for (size_t i = 0; i < result->attempt_count && i < SIM_MAX_ROWS; i++) {
    port->attempts[i] = result->attempts[i];
    if (port->attempts[i].outcome == XAI_ATTEMPT_UNKNOWN) port->attempts[i].outcome = XAI_ATTEMPT_NOT_SENT;
  }
  result->attempts = port->attempts;
}

static void change_end(sim *s, xai_event *event) {
  sim_port *port = &s->port;
  port->result = *event->result;
  xai_result *result = &port->result;
  if (port->lie == SIM_LIE_HALF_AS_WHOLE && result->outcome == XAI_OUTCOME_INCOMPLETE)
    result->outcome = XAI_OUTCOME_COMPLETE;
  if (port->lie == SIM_LIE_WHOLE_AS_HALF && result->outcome == XAI_OUTCOME_COMPLETE)
    result->outcome = XAI_OUTCOME_INCOMPLETE;
  if (port->lie == SIM_LIE_INVITES) result->repeatable = true;
  if (port->lie == SIM_LIE_MUTE) result->retry_after_ms = 0;
  if (port->lie == SIM_LIE_HIDES_BILL) hide_bill(port, result);
  if (port->lie == SIM_LIE_STORM) add_storm(s, event->user, result);
  port->keeps = port->lie == SIM_LIE_TWO_ENDS || port->lie == SIM_LIE_AFTER_END;
  event->result = result;
  if (port->keeps) port->event = *event;
  if (port->lie == SIM_LIE_AFTER_END) port->event.type = XAI_EVENT_TEXT;
}

/* The event behind this one first, where both are the same call's and neither says more than a name. */
static void swap_events(sim *s, xai_event *event) {
  sim_port *port = &s->port;
  if (event->type != XAI_EVENT_API || event->data.len > sizeof port->data) return;
  xai_event first = *event;
  memcpy(port->data, first.data.ptr, first.data.len);
  first.data.ptr = port->data;
  first.text = first.name = xai_str_of("");
  xai_event second;
  *event = first;
  if (xai_client_next(s->client, &second) != XAI_OK) return;
  bool swaps = second.type == XAI_EVENT_API && second.call.id == first.call.id;
  *event = swaps ? second : first;
  port->event = swaps ? first : second;
  port->keeps = true;
}

xai_code sim_port_next(sim *s, xai_event *event) {
  sim_port *port = &s->port;
  if (port->keeps) {
    port->keeps = false;
    *event = port->event;
    return XAI_OK;
  }
  xai_code code = xai_client_next(s->client, event);
  if (code != XAI_OK || port->lie == SIM_LIE_NONE) return code;
  if (port->lie == SIM_LIE_LOSES_END && event->type == XAI_EVENT_END)
    return xai_client_next(s->client, event);
  if (port->lie == SIM_LIE_DROPS_TEXT && event->type == XAI_EVENT_TEXT && event->text.len > 1)
    event->text.len--;
  if (port->lie == SIM_LIE_SWAPS_EVENTS) swap_events(s, event);
  else if (event->type == XAI_EVENT_END) change_end(s, event);
  return XAI_OK;
}

/* ---- the end */

void sim_port_free(sim *s) {
  xai_client_free(s->client);
  s->client = NULL;
  s->port.keeps = false;
  s->port.extra = 0;
  if (s->port.lie == SIM_LIE_HOARDS) give_back(s, HOARD);
}

void sim_port_cleanup(sim *s) {
  give_back(s, 1);
}
