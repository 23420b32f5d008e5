/* scenarios.c - amplification: how many requests a server sees for each call, when things go wrong for long.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
  CALLERS = 1000,
  EVERY_MS = 6000, /* each caller calls that often                              */
  BEFORE_S = 20,
  OUTAGE_S = 60,
  AFTER_S = 40,
  BACK_S = 10, /* from the end of the outage to the full rate                  */
  LEARN_S = 120,
  ALL_S = BEFORE_S + OUTAGE_S + AFTER_S
};

static void begin(sim *s, size_t count) {
  s->script =
    (sim_script){.seed = 20261121, .free_ms = SIM_NO_TIME, .calls = s->script.calls, .count = count};
  s->script.calls = sim_realloc(s->script.calls, count * sizeof *s->script.calls);
  s->stats = (sim_stats){0};
  uint64_t random = sim_mix(s->script.seed, count);
  for (size_t i = 0; i < count; i++) {
    sim_call *call = &s->script.calls[i];
    *call = (sim_call){.number = (uint32_t)i + 1, .max_attempts = 3, .words = 4, .deadline_ms = 120000};
    call->kind = i % 2 ? SIM_RESPONSES_STREAM : SIM_CHAT_WHOLE;
    call->cancel_ms = call->hold_ms = call->nomem_ms = SIM_NO_TIME;
    for (int a = 0; a < SIM_MAX_ATTEMPTS; a++)
      call->answers[a] = (sim_answer){.delay_ms = sim_between(&random, 50, 400), .permille = 600};
  }
}

static void judge(const sim *s, const char *what, double most, uint64_t *passed, uint64_t *failed) {
  double ratio = (double)s->stats.requests / (double)s->stats.calls;
  bool good = s->broken == SIM_RULE_NONE && ratio <= most;
  printf("%s%s: %llu calls, %llu requests, amplification %.3f (at most %.2f), %llu complete%s%s\n",
         good ? "" : "FAILED ", what, (unsigned long long)s->stats.calls,
         (unsigned long long)s->stats.requests, ratio, most, (unsigned long long)s->stats.complete,
         s->why[0] ? ": " : "", s->why);
  ++*(good ? passed : failed);
}

/* Every call meets the same: costly calls that time out, connections that break. */
static void same_for_all(sim *s, const char *what, sim_fate fate, xai_wire_end end, uint64_t *passed,
                         uint64_t *failed) {
  begin(s, CALLERS);
  s->script.breaker_off = true;
  for (size_t i = 0; i < CALLERS; i++) {
    s->script.calls[i].start_ms = (uint32_t)i * 20;
    s->script.calls[i].answers[0].fate = (uint8_t)fate;
    s->script.calls[i].answers[0].end = (uint8_t)end;
    s->script.calls[i].answers[0].executed = true;
  }
  sim_run(s);
  judge(s, what, 1.0, passed, failed);
}

/* ---- an outage */

static uint32_t most_of(const uint32_t *seconds, size_t from, size_t count) {
  uint32_t most = 0;
  for (size_t i = from; i < from + count; i++) most = seconds[i] > most ? seconds[i] : most;
  return most;
}

static uint32_t sum_of(const uint32_t *seconds, size_t from, size_t count) {
  uint32_t sum = 0;
  for (size_t i = from; i < from + count; i++) sum += seconds[i];
  return sum;
}

static void judge_outage(const sim *s, const char *what, uint32_t calls_a_second, uint64_t *passed,
                         uint64_t *failed) {
  const uint32_t *requests = s->requests_by_second, *complete = s->complete_by_second;
  uint32_t in_outage = sum_of(requests, BEFORE_S, OUTAGE_S), calls = calls_a_second * OUTAGE_S;
  double ratio = (double)in_outage / calls;
  uint32_t peak = most_of(requests, BEFORE_S, OUTAGE_S + BACK_S);
  uint32_t back = sum_of(complete, BEFORE_S + OUTAGE_S + BACK_S, 10);
  bool good = s->broken == SIM_RULE_NONE && ratio <= 1.10 && peak <= 2 * calls_a_second &&
              back * 100 >= calls_a_second * 10 * 95;
  printf(
    "%s%s for %d s, %d callers: %u calls, %u requests in it, amplification %.3f (at most 1.10); peak %u a "
    "second where %u are called; %u%% of the calls of 10 s complete %d s after it%s%s\n",
    good ? "" : "FAILED ", what, OUTAGE_S, CALLERS, calls, in_outage, ratio, peak, calls_a_second,
    back * 100 / (calls_a_second * 10), BACK_S, s->why[0] ? ": " : "", s->why);
  ++*(good ? passed : failed);
}

static void outage(sim *s, const char *what, bool refuses, uint64_t *passed, uint64_t *failed) {
  uint32_t rounds = ALL_S * 1000 / EVERY_MS;
  begin(s, (size_t)CALLERS * rounds);
  for (uint32_t i = 0; i < CALLERS * rounds; i++)
    s->script.calls[i].start_ms =
      i * EVERY_MS / CALLERS; /* evenly, as callers who know nothing of each other */
  s->script.outage_ms = BEFORE_S * 1000;
  s->script.outage_for_ms = OUTAGE_S * 1000;
  s->script.outage_refuses = refuses;
  uint32_t requests[ALL_S] = {0}, complete[ALL_S] = {0};
  s->requests_by_second = requests;
  s->complete_by_second = complete;
  s->seconds = ALL_S;
  sim_run(s);
  judge_outage(s, what, CALLERS * 1000 / EVERY_MS, passed, failed);
  s->requests_by_second = s->complete_by_second = NULL;
  s->seconds = 0;
}

/* ---- a limit that nobody told */

/* Twice as many calls as the server takes: refusals teach the limit, and what can be done is done. */
static void learn(sim *s, uint64_t *passed, uint64_t *failed) {
  uint32_t rate = 20, calls = 2 * rate * LEARN_S;
  begin(s, calls);
  s->script.rates_learn = true;
  s->script.rates[1].per_second = rate;
  for (uint32_t i = 0; i < calls; i++) {
    s->script.calls[i].model = 1;
    s->script.calls[i].start_ms = i * 1000 / (2 * rate);
    s->script.calls[i].deadline_ms = 20000;
  }
  sim_run(s);
  uint64_t refused = s->stats.fates[SIM_FATE_STATUS], complete = s->stats.complete;
  bool good = s->broken == SIM_RULE_NONE && refused * 100 <= s->stats.requests * 5 &&
              complete * 100 >= (uint64_t)rate * LEARN_S * 80;
  printf(
    "%s%u calls a second where %u are taken, unsaid, for %d s: %llu requests, %llu of them refused (at most 5%%), "
    "%llu complete (at least 80%% of %u)%s%s\n",
    good ? "" : "FAILED ", 2 * rate, rate, LEARN_S, (unsigned long long)s->stats.requests,
    (unsigned long long)refused, (unsigned long long)complete, rate * LEARN_S, s->why[0] ? ": " : "", s->why);
  ++*(good ? passed : failed);
}

void sim_scenarios(uint64_t *passed, uint64_t *failed) {
  sim s = {.last_step = SIM_NEVER};
  same_for_all(&s, "timeouts, no breaker", SIM_FATE_SILENT, XAI_WIRE_DONE, passed, failed);
  same_for_all(&s, "resets before an answer, no breaker", SIM_FATE_RESET_EARLY, XAI_WIRE_RESET, passed,
               failed);
  same_for_all(&s, "resets within an answer, no breaker", SIM_FATE_CUT, XAI_WIRE_RESET, passed, failed);
  outage(&s, "503", false, passed, failed);
  outage(&s, "connections refused", true, passed, failed);
  learn(&s, passed, failed);
  sim_deinit(&s);
}
