/* rival.c - another process that shares limits and a budget with the client under test, through the same file.
 * SPDX-License-Identifier: MIT
 *
 * It is a client, too, whose server answers well or not at all. What it sends and what it is billed for counts with
 * the rest: the sums are what must hold.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events.h"
#include "sim.h"

enum { MOST_TURNS = 2000, LONGEST_GAP_MS = 400, LONGEST_ANSWER_MS = 3000, MOST_TOKENS = 900000 };

static uint64_t chance(const sim *s, uint64_t what) {
  return sim_mix(s->script.seed ^ (what << 32), s->rival.turns);
}

static bool is_needed(const sim *s) {
  return s->script.shared || s->script.budget > 0;
}

/* ---- life */

void sim_rival_config(const sim *s, xai_config *config) {
  if (s->script.shared && config->rate_count > 0) config->share = s->rival.path;
  config->budget = (xai_budget_options){.limit = s->script.budget, .file = s->rival.path};
}

static void make_file(sim *s) {
  const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");
  snprintf(s->rival.path, sizeof s->rival.path, "%s/xai-simulate-XXXXXX", folder != NULL ? folder : "/tmp");
  int fd = mkstemp(s->rival.path);
  if (fd < 0) {
    fputs("simulate: no file can be made\n", stderr);
    abort();
  }
  close(fd);
}

void sim_rival_open(sim *s, const xai_config *like) {
  s->rival = (sim_rival){0};
  s->billed = 0;
  if (!is_needed(s)) return;
  make_file(s);
  xai_rate rates[SIM_LANES];
  xai_config config = *like;
  config.mem = (xai_mem){NULL, NULL};
  config.seed++;
  config.rates = rates;
  config.rate_count = s->script.rates_set ? sim_port_rates(s, rates) : 0;
  config.rates_fixed = true;
  config.breaker.off = true;
  sim_rival_config(s, &config);
  s->rival.client = xai_client_new(&config, NULL);
  if (s->rival.client == NULL) abort();
  sim_agenda_add(&s->agenda, s->now + chance(s, 1) % LONGEST_GAP_MS, SIM_DO_RIVAL, 0, 0);
}

void sim_rival_close(sim *s) {
  if (s->rival.client == NULL) return;
  xai_client_free(s->rival.client);
  unlink(s->rival.path);
  s->rival.client = NULL;
}

size_t sim_rival_running(const sim *s, int lane) {
  size_t count = 0;
  for (size_t i = 0; i < s->rival.count; i++)
    count += (lane == SIM_LANE_OF_ALL || s->rival.rows[i].lane == lane) &&
             xai_wire_live(s->rival.client, s->rival.rows[i].id);
  return count;
}

/* ---- a turn */

static void ask(sim *s, int lane) {
  static const char *const bodies[] = {"0", "1", "2"}; /* by which it is known again */
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of(bodies[lane]);
  request.model = sim_model_name(lane);
  request.tokens = SIM_MOST_COST;
  request.most_cost = SIM_MOST_COST;
  request.limits.deadline_ms = 20000;
  request.limits.max_attempts = 1;
  xai_call_start(s->rival.client, &request, NULL);
}

static void take(sim *s, const xai_wire_request *request) {
  sim_rival *rival = &s->rival;
  int lane = request->body.ptr[0] - '0';
  sim_rival_row row = {
    .id = request->id, .lane = lane, .tokens = 1 + chance(s, 2 + request->id) % MOST_TOKENS};
  row.until = s->now + chance(s, 3 + request->id) % LONGEST_ANSWER_MS;
  sim_note(s, "the rival sends a request in lane %d", lane);
  s->billed += row.tokens;
  rival->rows[rival->count++] = row;
  sim_rates_take_rival(s, lane, row.tokens);
}

/* It is billed in any case; one in eight is never told. */
static void answer(sim *s, const sim_rival_row *row) {
  char body[200];
  if (row->tokens % 8 == 0) {
    xai_wire_finish(s->rival.client, row->id, XAI_WIRE_RESET);
    return;
  }
  snprintf(body, sizeof body,
           "{\"object\":\"response\",\"status\":\"completed\",\"output\":[],\"usage\":{\"total_tokens\":%llu,"
           "\"cost_in_usd_ticks\":%llu}}",
           (unsigned long long)row->tokens, (unsigned long long)row->tokens);
  xai_wire_status(s->rival.client, row->id, 200);
  xai_wire_header(s->rival.client, row->id, "Content-Type", "application/json");
  xai_wire_body(s->rival.client, row->id, body, strlen(body));
  xai_wire_finish(s->rival.client, row->id, XAI_WIRE_DONE);
}

static void answer_due(sim *s) {
  sim_rival *rival = &s->rival;
  for (size_t i = 0; i < rival->count;) {
    sim_rival_row row = rival->rows[i];
    bool live = xai_wire_live(rival->client, row.id);
    if (live && row.until > s->now) {
      i++;
      continue;
    }
    rival->rows[i] = rival->rows[--rival->count];
    if (live) answer(s, &row);
  }
}

void sim_rival_do(sim *s) {
  sim_rival *rival = &s->rival;
  xai_wire_request request;
  xai_event event;
  rival->turns++;
  answer_due(s);
  bool asks = rival->turns < MOST_TURNS && xai_client_pending(rival->client) < SIM_RIVAL_ROWS;
  if (asks) ask(s, (int)(chance(s, 4) % (SIM_MODELS + 1)));
  xai_client_step(rival->client, 0);
  while (s->broken == SIM_RULE_NONE && xai_wire_next(rival->client, &request) == XAI_OK) take(s, &request);
  while (xai_client_next(rival->client, &event) == XAI_OK) continue;
  if (rival->turns < MOST_TURNS || rival->count > 0)
    sim_agenda_add(&s->agenda, s->now + 1 + chance(s, 1) % LONGEST_GAP_MS, SIM_DO_RIVAL, 0, 0);
}

/* ---- the budget */

void sim_rival_check(sim *s) {
  xai_budget_state state;
  if (s->script.budget == 0 || s->broken != SIM_RULE_NONE) return;
  if (xai_client_budget(s->rival.client, &state) != XAI_OK) {
    sim_break(s, SIM_RULE_SPEND, "the budget cannot be read");
  } else if (s->billed > state.spent || state.spent > s->script.budget) {
    sim_break(s, SIM_RULE_SPEND, "%llu are billed, %llu spent, the budget is %llu",
              (unsigned long long)s->billed, (unsigned long long)state.spent,
              (unsigned long long)s->script.budget);
  }
}
