/* run.c - one run from its first turn to the end.
 * SPDX-License-Identifier: MIT
 *
 * A turn is what a program's loop does: sleep until something is due, do it, step the client, take events.
 * Time jumps from one moment at which something is due to the next.
 */
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "sim.h"

enum { MOST_IDLE_TURNS = 50 };

static const uint64_t most_turns = 20000000;

static uint64_t now_ms(void *user) {
  return ((const sim *)user)->now;
}

static int64_t wall_s(void *user) {
  const sim *s = user;
  if (s->script.wall_jumps) return (int64_t)(sim_mix(s->script.seed, s->now) % 4000000000u);
  return 1767225600 + (int64_t)(s->now - s->began) / 1000;
}

/* ---- before and after */

static void clear(sim *s) {
  s->now = s->began = 1000;
  s->step = 0;
  s->heap = (sim_heap){0};
  sim_agenda_clear(&s->agenda);
  s->open_count = s->lingering_count = s->idle_count = s->started = 0;
  for (size_t i = 0; i < s->pool_len; i++) sim_api_forget(s, s->pool[i]);
  sim_window_clear(&s->starts, 10000);
  sim_window_clear(&s->retries, 10000);
  sim_rates_clear(s);
  s->asleep_until = s->prompt_from = 0;
  s->freed = false;
  s->drained = true;
  s->idle_turns = 0;
  s->spent_memory = 0;
  s->events = 0;
  s->broken = SIM_RULE_NONE;
  s->why[0] = '\0';
  if (s->script.count <= s->track_room) return;
  s->track_room = s->script.count;
  s->tracks = sim_realloc(s->tracks, s->track_room * sizeof *s->tracks);
  s->open = sim_realloc(s->open, s->track_room * sizeof *s->open);
}

static void open_client(sim *s) {
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = "xai-simulated-key";
  config.base_url = "http://simulated/v1";
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.max_calls = s->script.max_calls;
  config.seed = sim_mix(s->script.seed, 2) | 1;
  config.mem = sim_heap_mem(&s->heap);
  config.clock = (xai_clock){now_ms, wall_s, s};
  sim_rival_open(s, &config);
  s->client = sim_port_open(s, &config);
  if (s->client == NULL) abort();
}

void sim_deinit(sim *s) {
  for (size_t i = 0; i < s->pool_len; i++) {
    sim_text_deinit(&s->pool[i]->body);
    sim_text_deinit(&s->pool[i]->text);
    free(s->pool[i]);
  }
  free(s->pool);
  free(s->idle);
  free(s->lingering);
  free(s->tracks);
  free(s->open);
  sim_window_deinit(&s->starts);
  sim_window_deinit(&s->retries);
  sim_rates_deinit(s);
  sim_agenda_deinit(&s->agenda);
  sim_script_deinit(&s->script);
}

/* ---- a turn */

static uint64_t lateness(const sim *s) {
  return s->script.late_ms ? sim_mix(s->script.seed ^ s->now, 3) % (s->script.late_ms + 1) : 0;
}

/* When the program's loop runs next. */
static uint64_t next_moment(const sim *s) {
  bool leaves_events = !s->drained && s->script.read_every_ms > 0;
  int64_t timeout = sim_port_timeout(s);
  uint64_t at = sim_agenda_next(&s->agenda), own = SIM_NEVER;
  if (timeout > 0) own = s->now + (uint64_t)timeout + lateness(s);
  else if (timeout == 0 && !leaves_events) own = s->now;
  if (own < at) at = own;
  if (at < s->now) at = s->now; /* it was due while the program stood still */
  return at < s->asleep_until ? s->asleep_until : at;
}

static void do_what_is_due(sim *s) {
  sim_date date;
  while (s->broken == SIM_RULE_NONE && !s->freed && sim_agenda_take(&s->agenda, s->now, &date)) {
    s->idle_turns = 0;
    if (date.what == SIM_DO_EXCHANGE) sim_api_do(s, &date);
    else if (date.what == SIM_DO_RIVAL) sim_rival_do(s);
    else sim_caller_do(s, &date);
    sim_api_take(s);
  }
}

static void step_client(sim *s) {
  uint64_t failed = s->heap.failed;
  xai_code code = xai_client_step(s->client, 0);
  if (code != XAI_OK && (code != XAI_ERR_NOMEM || s->heap.failed == failed))
    sim_break(s, SIM_RULE_SPIN, "a step ends with %s", xai_code_name(code));
  sim_api_take(s);
}

static void note_promptness(sim *s) {
  if (!s->drained) s->prompt_from = SIM_NEVER;
  else if (s->prompt_from == SIM_NEVER) s->prompt_from = s->now;
}

static void turn(sim *s, uint64_t at) {
  bool slept = at == s->asleep_until && s->asleep_until > 0;
  s->idle_turns = at == s->now && s->drained ? s->idle_turns + 1 : 0;
  if (slept) s->prompt_from = SIM_NEVER;
  s->now = at;
  s->step++;
  s->read_due = s->script.read_every_ms == 0;
  s->drained = false;
  do_what_is_due(s);
  if (s->broken != SIM_RULE_NONE || s->freed) return;
  step_client(s);
  if (s->read_due) sim_caller_read(s);
  sim_api_take(s);
  if (s->broken != SIM_RULE_NONE) return;
  sim_check_step(s);
  sim_rival_check(s);
  note_promptness(s);
  if (s->idle_turns > MOST_IDLE_TURNS)
    sim_break(s, SIM_RULE_SPIN, "%d turns at one moment, and nothing to do", MOST_IDLE_TURNS);
}

static bool is_over(const sim *s) {
  if (s->broken != SIM_RULE_NONE || s->freed || s->step >= s->last_step) return true;
  return s->started == s->script.count && s->open_count == 0 && s->lingering_count == 0;
}

static void all_turns(sim *s) {
  while (!is_over(s)) {
    uint64_t at = next_moment(s);
    if (at == SIM_NEVER || s->step > most_turns) {
      sim_break(s, SIM_RULE_ONE_END, "%zu calls will never end", s->open_count);
      return;
    }
    turn(s, at);
  }
}

void sim_run(sim *s) {
  clear(s);
  open_client(s);
  sim_caller_plan(s);
  all_turns(s);
  s->stats.runs++;
  s->stats.steps += s->step;
  s->stats.nomem += s->heap.failed;
  s->stats.virtual_ms += s->now - s->began;
  bool unbroken = s->broken == SIM_RULE_NONE;
  s->heap.fail = 0;
  sim_port_free(s);
  if (unbroken) sim_check_freed(s);
  sim_port_cleanup(s);
  sim_rival_close(s);
}
