/* shrink.c - makes a script that breaks a rule as short as it can be, by taking out what is not needed.
 * SPDX-License-Identifier: MIT
 *
 * First calls, in halves, quarters and so on (delta debugging), then the oddities of the program, then those
 * of each call and attempt. A change stays if the same rule is broken without it.
 */
#include <string.h>

#include "sim.h"

typedef struct shrinker {
  sim *s;
  sim_rule rule;
  int tries; /* left */
  sim_script best;
} shrinker;

/* Does s->script still break the rule? Then it is the best so far; else the best comes back. */
static bool keeps(shrinker *sh) {
  sh->tries--;
  sim_run(sh->s);
  bool good = sh->s->broken == sh->rule;
  if (good) sim_script_copy(&sh->best, &sh->s->script);
  else sim_script_copy(&sh->s->script, &sh->best);
  return good;
}

static void without(sim_script *script, size_t from, size_t count) {
  memmove(script->calls + from, script->calls + from + count,
          (script->count - from - count) * sizeof *script->calls);
  script->count -= count;
}

static void drop_calls(shrinker *sh) {
  sim_script *script = &sh->s->script;
  for (size_t chunk = script->count / 2; chunk > 0; chunk /= 2) {
    for (size_t from = 0; from < script->count && sh->tries > 0 && script->count > 1;) {
      size_t count = script->count - from < chunk ? script->count - from : chunk;
      if (count == script->count) break;
      without(script, from, count);
      if (!keeps(sh)) from += chunk;
    }
  }
}

#define TRY(field, value)                            \
  do {                                               \
    if (sh->tries > 0 && script->field != (value)) { \
      script->field = (value);                       \
      keeps(sh);                                     \
    }                                                \
  } while (0)

static void calm_program(shrinker *sh) {
  sim_script *script = &sh->s->script;
  TRY(late_ms, 0);
  TRY(read_every_ms, 0);
  TRY(read_at_most, 0);
  TRY(outage_for_ms, 0);
  TRY(paused_ms, 0);
  TRY(free_ms, SIM_NO_TIME);
  TRY(wall_jumps, false);
  TRY(meddles, 0);
  TRY(max_calls, 0);
  TRY(rates_set, false);
  TRY(rates_learn, false);
  TRY(breaker_off, false);
  TRY(shared, false);
  TRY(budget, 0);
}

static void calm_answer(shrinker *sh, size_t i, int attempt) {
  sim_script *script = &sh->s->script;
  TRY(calls[i].answers[attempt].fate, SIM_FATE_WELL);
  TRY(calls[i].answers[attempt].wish, SIM_WISH_NONE);
  TRY(calls[i].answers[attempt].piece, 0);
  TRY(calls[i].answers[attempt].gap_ms, 0);
  TRY(calls[i].answers[attempt].delay_ms, 0);
  TRY(calls[i].answers[attempt].crlf, false);
  TRY(calls[i].answers[attempt].marker, false);
  TRY(calls[i].answers[attempt].lingers, false);
}

static void calm_call(shrinker *sh, size_t i) {
  sim_script *script = &sh->s->script;
  TRY(calls[i].cancel_ms, SIM_NO_TIME);
  TRY(calls[i].hold_ms, SIM_NO_TIME);
  TRY(calls[i].nomem_ms, SIM_NO_TIME);
  TRY(calls[i].retry_unknown, false);
  TRY(calls[i].words, 0);
  TRY(calls[i].model, 0);
  TRY(calls[i].priority, 0);
  TRY(calls[i].kind, SIM_RESPONSES_STREAM);
  TRY(calls[i].max_attempts, 1);
  TRY(calls[i].start_ms, 0);
  for (int attempt = 0; attempt < SIM_MAX_ATTEMPTS && attempt < script->calls[i].max_attempts; attempt++)
    calm_answer(sh, i, attempt);
}

void sim_shrink(sim *s, sim_rule rule, int tries) {
  shrinker state = {.s = s, .rule = rule, .tries = tries}, *sh = &state;
  bool trace = s->trace;
  s->trace = false;
  sim_script_copy(&state.best, &s->script);
  for (size_t before = SIZE_MAX; state.best.count < before && state.tries > 0;) {
    before = state.best.count;
    drop_calls(sh);
    calm_program(sh);
    for (size_t i = 0; i < s->script.count; i++) calm_call(sh, i);
  }
  s->trace = trace;
  sim_script_deinit(&state.best);
}
