/* script.c - draws what will happen in a run.
 * SPDX-License-Identifier: MIT
 *
 * Each run has moods of its own: which faults exist at all, how frequent they are, how the caller behaves.
 * Runs in which few things go wrong, but often, find more than runs in which everything does a little.
 */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What came later is drawn from streams of its own, so that older scripts stay what they were. */
enum {
  RATES_STREAM = 4,
  LATER_STREAM = 5,
  HABITS_STREAM = 6,
  SHARE_STREAM = 7,
  FIRST_FATES = SIM_FATE_OTHER_FORM + 1
};

typedef struct mood {
  uint64_t random;
  uint32_t fault_permille;
  uint32_t fates[SIM_FATE_COUNT]; /* those that exist in this run */
  size_t fate_count;
  uint32_t cancel_permille;
  uint32_t hold_permille;
  uint32_t nomem_permille;
  uint32_t repeat_permille; /* retry_unknown              */
  uint32_t small_pieces;    /* permille                   */
  uint32_t slow_permille;   /* long delays and gaps       */
  uint32_t gap_ms;          /* mean between two starts    */
  uint32_t burst;           /* calls that start at once   */
  uint32_t long_permille;   /* long answers               */
} mood;

static uint32_t pick(mood *m, const uint32_t *values, size_t count) {
  return values[sim_below(&m->random, (uint32_t)count)];
}
#define PICK(m, ...) \
  pick(m, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static mood draw_mood(uint64_t seed) {
  mood m = {.random = sim_mix(seed, 1)};
  m.fault_permille = PICK(&m, 0, 20, 100, 200, 300, 600, 1000);
  uint32_t exist = PICK(&m, 60, 150, 400, 1000);
  for (uint32_t fate = SIM_FATE_WELL + 1; fate < FIRST_FATES; fate++)
    if (sim_permille(&m.random, exist)) m.fates[m.fate_count++] = fate;
  m.cancel_permille = PICK(&m, 0, 0, 20, 200);
  m.hold_permille = PICK(&m, 0, 0, 30, 200);
  m.nomem_permille = PICK(&m, 0, 0, 0, 20, 150);
  m.repeat_permille = PICK(&m, 0, 0, 250, 1000);
  m.small_pieces = PICK(&m, 0, 5, 100);
  m.slow_permille = PICK(&m, 0, 30, 300);
  m.gap_ms = PICK(&m, 5, 50, 200, 1000, 10000);
  m.burst = PICK(&m, 1, 1, 1, 4, 40, 150);
  m.long_permille = PICK(&m, 0, 0, 0, 5);
  return m;
}

/* ---- one attempt */

static uint16_t draw_status(mood *m) {
  return (uint16_t)PICK(m, 400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 429, 429, 429, 500, 500, 502,
                        503, 503, 503, 503, 504, 520, 524, 525, 529);
}

static uint32_t draw_delay(mood *m) {
  if (sim_permille(&m->random, m->slow_permille)) return PICK(m, 1000, 9000, 59000, 130000, 700000);
  return sim_below(&m->random, 400);
}

static sim_answer draw_answer(mood *m) {
  uint64_t *random = &m->random;
  sim_answer a = {.fate = SIM_FATE_WELL};
  if (m->fate_count > 0 && sim_permille(random, m->fault_permille))
    a.fate = (uint8_t)m->fates[sim_below(random, (uint32_t)m->fate_count)];
  if (a.fate == SIM_FATE_CUT) a.end = (uint8_t)PICK(m, XAI_WIRE_DONE, XAI_WIRE_SHORT, XAI_WIRE_RESET);
  if (a.fate == SIM_FATE_UNREACHED)
    a.end = (uint8_t)PICK(m, XAI_WIRE_REFUSED, XAI_WIRE_RESOLVE, XAI_WIRE_TLS, XAI_WIRE_TIMEOUT);
  a.shape = (uint8_t)sim_below(random, 16);
  a.wish = (uint8_t)(sim_permille(random, 500) ? sim_below(random, SIM_WISH_COUNT) : SIM_WISH_NONE);
  a.status = draw_status(m);
  a.executed = sim_permille(random, 500);
  a.crlf = sim_permille(random, 50);
  a.marker = sim_permille(random, 500);
  a.lingers = sim_permille(random, 50);
  a.permille = (uint16_t)sim_below(random, 1001);
  if (sim_permille(random, m->small_pieces)) a.piece = (uint16_t)PICK(m, 1, 7, 60);
  else if (sim_permille(random, 500)) a.piece = (uint16_t)PICK(m, 300, 1000);
  a.delay_ms = draw_delay(m);
  if (sim_permille(random, m->slow_permille)) a.gap_ms = PICK(m, 100, 5000, 110000, 130000);
  else a.gap_ms = PICK(m, 0, 0, 1, 20);
  return a;
}

/* ---- one call */

static void draw_caller(mood *m, sim_call *call) {
  uint64_t *random = &m->random;
  call->cancel_ms = call->hold_ms = call->nomem_ms = SIM_NO_TIME;
  if (sim_permille(random, m->cancel_permille))
    call->cancel_ms = (int32_t)PICK(m, 0, 1, 50, 300, 1000, 20000);
  if (sim_permille(random, m->hold_permille)) {
    call->hold_ms = (int32_t)PICK(m, 0, 1, 100, 500);
    call->held_ms = PICK(m, 10, 1000, 100000, 700000);
  }
  if (!sim_permille(random, m->nomem_permille)) return;
  call->nomem_ms = (int32_t)PICK(m, 0, 0, 1, 100, 400, 1000);
  call->nomem_skip = (uint8_t)sim_below(random, 12);
  call->nomem_fail = (uint8_t)PICK(m, 1, 1, 2, 5);
}

static sim_call draw_call(mood *m, uint32_t number, uint32_t start_ms) {
  uint64_t *random = &m->random;
  sim_call call = {.number = number, .start_ms = start_ms};
  call.kind = (uint8_t)PICK(m, SIM_RESPONSES_STREAM, SIM_RESPONSES_STREAM, SIM_CHAT_STREAM, SIM_CHAT_STREAM,
                            SIM_RESPONSES_WHOLE, SIM_CHAT_WHOLE, SIM_LIST);
  call.retry_unknown = sim_permille(random, m->repeat_permille);
  call.max_attempts = (uint8_t)PICK(m, 1, 2, 3, 3, 3, 3, 4);
  call.words = (uint16_t)sim_below(random, 12);
  if (sim_permille(random, m->long_permille)) call.words = (uint16_t)PICK(m, 400, 4000);
  call.deadline_ms = PICK(m, 300, 3000, 30000, 300000, 300000, 3600000);
  draw_caller(m, &call);
  for (int i = 0; i < SIM_MAX_ATTEMPTS; i++) call.answers[i] = draw_answer(m);
  return call;
}

/* ---- the run */

static xai_limits draw_limits(mood *m) {
  xai_limits limits = {0};
  limits.max_headers = 2048;
  limits.max_response = PICK(m, 16384, 16384, 65536, 524288);
  limits.max_event = limits.max_response / 2;
  if (sim_permille(&m->random, 200)) {
    limits.first_event_ms = 5000;
    limits.silence_ms = 3000;
    limits.data_silence_ms = 8000;
  }
  return limits;
}

static void draw_program(mood *m, sim_script *script) {
  uint64_t *random = &m->random;
  script->late_ms = PICK(m, 0, 0, 0, 16, 90);
  if (sim_permille(random, 150)) script->read_every_ms = PICK(m, 10, 1000, 100000);
  if (sim_permille(random, 150)) script->read_at_most = PICK(m, 1, 3, 20);
  if (sim_permille(random, 150)) {
    script->outage_ms = sim_below(random, 20000);
    script->outage_for_ms = PICK(m, 1000, 10000, 60000);
    script->outage_refuses = sim_permille(random, 500);
  }
  if (sim_permille(random, 100)) {
    script->pause_ms = sim_below(random, 20000);
    script->paused_ms = PICK(m, 2000, 100000, 300000);
  }
  script->free_ms = sim_permille(random, 50) ? (int32_t)sim_below(random, 10000) : SIM_NO_TIME;
  script->wall_jumps = sim_permille(random, 100);
}

static void draw_rate(mood *m, sim_rate *rate, bool has_tokens) {
  rate->per_second = PICK(m, 0, 1, 3, 10, 50);
  rate->per_minute = PICK(m, 0, 0, 20, 100, 600);
  rate->concurrent = PICK(m, 0, 0, 1, 4, 20);
  if (has_tokens) rate->tokens = PICK(m, 0, 3000000, 20000000);
}

static void draw_rates(sim_script *script) {
  mood m = {.random = sim_mix(script->seed, RATES_STREAM)};
  uint32_t mode = sim_below(&m.random, 1000);
  script->rates_set = mode < 250;
  script->rates_learn = mode >= 250 && mode < 350;
  script->breaker_off = mode >= 350 && mode < 450;
  if (!script->rates_set && !script->rates_learn) return;
  bool has_tokens = sim_permille(&m.random, 300);
  for (int lane = 1; lane < SIM_LANES; lane++)
    if (sim_permille(&m.random, 600)) draw_rate(&m, &script->rates[lane], has_tokens);
  uint32_t prior_permille = PICK(&m, 0, 100, 1000);
  for (size_t i = 0; i < script->count; i++) {
    sim_call *call = &script->calls[i];
    call->model = (uint8_t)PICK(&m, 0, 1, 1, 1, 2);
    if (sim_permille(&m.random, prior_permille))
      call->priority = (int16_t)((int)sim_below(&m.random, 19) - 9);
    if (has_tokens) call->tokens = 1000000;
  }
}

static void draw_later_fates(sim_script *script) {
  uint64_t random = sim_mix(script->seed, LATER_STREAM);
  if (!sim_permille(&random, 250)) return;
  uint32_t permille = sim_between(&random, 10, 500);
  for (size_t i = 0; i < script->count; i++)
    for (int a = 0; a < SIM_MAX_ATTEMPTS; a++)
      if (sim_permille(&random, permille))
        script->calls[i].answers[a].fate =
          (uint8_t)(FIRST_FATES + sim_below(&random, SIM_FATE_COUNT - FIRST_FATES));
}

static void draw_habits(sim_script *script) {
  mood m = {.random = sim_mix(script->seed, HABITS_STREAM)};
  if (sim_permille(&m.random, 200)) script->meddles = (uint16_t)PICK(&m, 5, 50, 300);
  if (sim_permille(&m.random, 100)) script->max_calls = (uint16_t)PICK(&m, 1, 5, 30);
}

static void draw_share(sim_script *script) {
  mood m = {.random = sim_mix(script->seed, SHARE_STREAM)};
  script->shared = script->rates_set && sim_permille(&m.random, 400);
  if (sim_permille(&m.random, script->shared ? 300 : 40))
    script->budget = PICK(&m, 1000000, 5000000, 40000000, 400000000);
}

void sim_script_draw(sim_script *script, uint64_t seed) {
  sim_call *calls = script->calls;
  mood m = draw_mood(seed);
  *script = (sim_script){.seed = seed, .limits = draw_limits(&m)};
  draw_program(&m, script);
  script->count = PICK(&m, 1, 3, 10, 30, 100, 300, 300, 600);
  script->calls = sim_realloc(calls, script->count * sizeof *calls);
  uint32_t at = 0;
  for (size_t i = 0; i < script->count; i++) {
    if (i % m.burst == 0) at += sim_below(&m.random, m.gap_ms * m.burst * 2);
    script->calls[i] = draw_call(&m, (uint32_t)i + 1, at);
  }
  draw_rates(script);
  draw_later_fates(script);
  draw_habits(script);
  draw_share(script);
}

void sim_script_copy(sim_script *to, const sim_script *from) {
  sim_call *calls = sim_realloc(to->calls, (from->count + 1) * sizeof *calls);
  memcpy(calls, from->calls, from->count * sizeof *calls);
  *to = *from;
  to->calls = calls;
}

void sim_script_deinit(sim_script *script) {
  free(script->calls);
  *script = (sim_script){0};
}

/* ---- in words */

const char *sim_model_name(int lane) {
  static const char *const names[] = {NULL, "grok-4.6", "grok-4.5", NULL};
  return names[lane];
}

const char *sim_fate_text(int fate) {
  static const char *const texts[] = {
#define SIM_X(name, text) text,
    SIM_FATES(SIM_X)
#undef SIM_X
  };
  return texts[fate];
}

const char *sim_wish_text(int wish) {
  static const char *const texts[] = {
#define SIM_X(name, text) text,
    SIM_WISHES(SIM_X)
#undef SIM_X
  };
  return texts[wish];
}

static const char *end_text(int end) {
  static const char *const texts[] = {
    [XAI_WIRE_DONE] = "a clean end", [XAI_WIRE_SHORT] = "a short body",   [XAI_WIRE_RESET] = "a reset",
    [XAI_WIRE_REFUSED] = "refused",  [XAI_WIRE_RESOLVE] = "no such host", [XAI_WIRE_TLS] = "no TLS",
    [XAI_WIRE_TIMEOUT] = "a timeout"};
  return texts[end];
}

static void print_answer(const sim_answer *a, int attempt) {
  printf("    attempt %d: %s", attempt, sim_fate_text(a->fate));
  if (a->fate == SIM_FATE_STATUS)
    printf(" %u, body shape %u%s%s", a->status, a->shape, a->wish ? ", " : "", sim_wish_text(a->wish));
  if (a->fate == SIM_FATE_CUT || a->fate == SIM_FATE_UNREACHED) printf(": %s", end_text(a->end));
  if (a->fate != SIM_FATE_WELL && a->fate != SIM_FATE_STATUS) printf(", at %u permille", a->permille);
  if (a->fate != SIM_FATE_WELL) printf(", %s", a->executed ? "executed" : "not executed");
  printf(", after %u ms", a->delay_ms);
  if (a->piece) printf(", in pieces of %u bytes each %u ms", a->piece, a->gap_ms);
  printf("%s%s%s\n", a->crlf ? ", CRLF" : "", a->marker ? ", [DONE]" : "", a->lingers ? ", stays open" : "");
}

static void print_call(const sim_call *call) {
  static const char *const kinds[] = {"responses, streamed", "chat, streamed", "responses, whole",
                                      "chat, whole", "GET"};
  printf("  call %u at %u ms: %s, %u words, deadline %u ms, %u attempts%s", call->number, call->start_ms,
         kinds[call->kind], call->words, call->deadline_ms, call->max_attempts,
         call->retry_unknown ? ", unknown may be repeated" : "");
  if (call->model > 0) printf(", model %s", sim_model_name(call->model));
  if (call->priority != 0) printf(", priority %d", call->priority);
  if (call->cancel_ms != SIM_NO_TIME) printf(", cancelled after %d ms", call->cancel_ms);
  if (call->hold_ms != SIM_NO_TIME) printf(", held after %d ms for %u ms", call->hold_ms, call->held_ms);
  if (call->nomem_ms != SIM_NO_TIME)
    printf(", no memory after %d ms (%u succeed, then %u fail)", call->nomem_ms, call->nomem_skip,
           call->nomem_fail);
  printf("\n");
  int last = call->max_attempts < SIM_MAX_ATTEMPTS ? call->max_attempts : SIM_MAX_ATTEMPTS;
  for (int i = 0; i < last; i++) print_answer(&call->answers[i], i + 1);
}

static void print_rates(const sim_script *script) {
  if (!script->rates_set && !script->rates_learn) return;
  printf("; rates the %s knows:", script->rates_set ? "client" : "server");
  for (int lane = 1; lane < SIM_LANES; lane++) {
    const sim_rate *rate = &script->rates[lane];
    printf(" %s %u/s %u/min %u at once %llu tokens/min%s",
           lane == SIM_LANE_OF_ALL ? "all" : sim_model_name(lane), rate->per_second, rate->per_minute,
           rate->concurrent, (unsigned long long)rate->tokens, lane == SIM_LANE_OF_ALL ? "" : ",");
  }
}

void sim_script_print(const sim_script *script, const sim_script *drawn) {
  printf("script of seed %llu, %zu of %zu calls; max_response %zu, silence %u ms",
         (unsigned long long)script->seed, script->count, drawn->count, script->limits.max_response,
         script->limits.silence_ms);
  if (script->late_ms) printf("; loop up to %u ms late", script->late_ms);
  if (script->read_every_ms) printf("; events taken each %u ms", script->read_every_ms);
  if (script->read_at_most) printf("; %u events at a time", script->read_at_most);
  if (script->outage_for_ms)
    printf("; outage (%s) from %u for %u ms", script->outage_refuses ? "refused" : "503", script->outage_ms,
           script->outage_for_ms);
  if (script->paused_ms)
    printf("; program stands still from %u for %u ms", script->pause_ms, script->paused_ms);
  if (script->free_ms != SIM_NO_TIME) printf("; client freed at %d ms", script->free_ms);
  if (script->wall_jumps) printf("; wall clock jumps");
  if (script->meddles) printf("; meddles at %u permille of events", script->meddles);
  if (script->max_calls) printf("; at most %u calls", script->max_calls);
  if (script->breaker_off) printf("; no breaker");
  if (script->shared) printf("; limits shared with another process");
  if (script->budget) printf("; a budget of %llu ticks shared with it", (unsigned long long)script->budget);
  print_rates(script);
  printf("\n");
  for (size_t i = 0; i < script->count; i++) print_call(&script->calls[i]);
}
