/* main.c - simulate: runs seeds, the corpus, the self-test and the scenarios; replays and shrinks one seed.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

enum { FEW_SEEDS = 100 };

static const char usual_corpus[] = "core/sim/seeds.txt";

typedef struct options {
  bool one, shrink, trace, self_test, scenarios, new_seeds;
  uint64_t seed, step;
  const char *corpus;
  sim_batch batch;
} options;

static const char usage[] =
  "simulate                      the corpus, the self-test, the scenarios and a hundred fixed seeds\n"
  "simulate --seed N             one seed; --step K stops there, --trace tells each step, --shrink the shortest\n"
  "                              script that still fails\n"
  "simulate --corpus FILE        all seeds of a file        --self-test   lies that must be caught\n"
  "         --scenarios          amplification              --new         seeds nobody has run: from the clock\n"
  "         --from N --seeds N --calls N --seconds S        which new seeds, and how many\n"
  "         --jobs N --progress CALLS                       processes; a line after so many calls of each\n";

static uint64_t number(char **argv, int *at) {
  char *end = NULL;
  const char *text = argv[*at + 1];
  uint64_t n = text ? strtoull(text, &end, 10) : 0;
  if (text == NULL || end == text || *end != '\0') {
    fprintf(stderr, "simulate: %s needs a number\n%s", argv[*at], usage);
    exit(2);
  }
  ++*at;
  return n;
}

static void read_option(options *o, char **argv, int *at) {
  const char *arg = argv[*at];
  if (strcmp(arg, "--seed") == 0) o->one = true, o->seed = number(argv, at);
  else if (strcmp(arg, "--step") == 0) o->step = number(argv, at);
  else if (strcmp(arg, "--trace") == 0) o->trace = true;
  else if (strcmp(arg, "--shrink") == 0) o->shrink = true;
  else if (strcmp(arg, "--self-test") == 0) o->self_test = true;
  else if (strcmp(arg, "--scenarios") == 0) o->scenarios = true;
  else if (strcmp(arg, "--new") == 0) o->new_seeds = true;
  else if (strcmp(arg, "--from") == 0) o->new_seeds = true, o->batch.from = number(argv, at);
  else if (strcmp(arg, "--seeds") == 0) o->batch.seeds = number(argv, at);
  else if (strcmp(arg, "--calls") == 0) o->batch.calls = number(argv, at);
  else if (strcmp(arg, "--seconds") == 0) o->batch.seconds = (uint32_t)number(argv, at);
  else if (strcmp(arg, "--jobs") == 0) o->batch.jobs = (uint32_t)number(argv, at);
  else if (strcmp(arg, "--progress") == 0) o->batch.progress = number(argv, at);
  else if (strcmp(arg, "--corpus") == 0 && argv[*at + 1] != NULL) o->corpus = argv[++*at];
  else {
    fprintf(stderr, "%s", usage);
    exit(strcmp(arg, "--help") == 0 ? 0 : 2);
  }
}

static int run_one(const options *o) {
  sim s = {.last_step = o->step, .trace = o->trace};
  sim_script drawn = {0};
  sim_script_draw(&s.script, o->seed);
  sim_script_copy(&drawn, &s.script);
  sim_run(&s);
  sim_rule rule = s.broken;
  if (rule == SIM_RULE_NONE) {
    printf("seed %llu: %llu steps, %llu calls, all holds\n", (unsigned long long)o->seed,
           (unsigned long long)s.step, (unsigned long long)s.stats.calls);
  } else {
    printf("seed %llu, step %llu, %llu ms: %s: %s\n", (unsigned long long)o->seed, (unsigned long long)s.step,
           (unsigned long long)s.broken_at, sim_rule_tag(rule), s.why);
  }
  if (rule != SIM_RULE_NONE && o->shrink) {
    sim_shrink(&s, rule, 20000);
    sim_script_print(&s.script, &drawn);
    s.trace = true;
    sim_run(&s);
  }
  printf("simulate: %d passed, %d failed\n", rule == SIM_RULE_NONE, rule != SIM_RULE_NONE);
  sim_script_deinit(&drawn);
  sim_deinit(&s);
  return rule != SIM_RULE_NONE;
}

static void print_fates(const sim_stats *stats) {
  printf("attempts of which the server");
  for (int fate = 0; fate < SIM_FATE_COUNT; fate++)
    printf("%s %s %llu", fate ? "," : "", sim_fate_text(fate), (unsigned long long)stats->fates[fate]);
  printf("\n");
}

static int report(const sim_batch *b) {
  const sim_stats *s = &b->stats;
  if (s->calls > 0) {
    print_fates(s);
    printf(
      "calls: %llu complete, %llu incomplete, %llu refused, %llu failed, %llu cancelled; %llu failed allocations; "
      "%.1f years of virtual time\n",
      (unsigned long long)s->complete, (unsigned long long)s->incomplete, (unsigned long long)s->refused,
      (unsigned long long)s->failed, (unsigned long long)s->cancelled, (unsigned long long)s->nomem,
      (double)s->virtual_ms / 1000 / 86400 / 365);
    printf("%llu calls, %llu requests, %llu steps, %llu seeds in %.1f s", (unsigned long long)s->calls,
           (unsigned long long)s->requests, (unsigned long long)s->steps, (unsigned long long)s->runs,
           b->took_s);
    if (b->took_s > 0 && b->processor_s > 0)
      printf(": %.2f million calls a minute in %u process%s, %.2f a minute of one processor's time",
             (double)s->calls / b->took_s * 60 / 1e6, b->jobs, b->jobs == 1 ? "" : "es",
             (double)s->calls / b->processor_s * 60 / 1e6);
    printf("\n");
  }
  printf("simulate: %llu passed, %llu failed\n", (unsigned long long)b->passed,
         (unsigned long long)b->failed);
  return b->failed != 0;
}

static int run_all(options *o) {
  sim_batch *b = &o->batch;
  if (o->corpus != NULL && !sim_corpus_run(o->corpus, &b->passed, &b->failed)) {
    printf("FAILED: no corpus in %s\n", o->corpus);
    b->failed++;
  }
  if (o->self_test) sim_self_test(&b->passed, &b->failed);
  if (o->scenarios) sim_scenarios(&b->passed, &b->failed);
  if (o->new_seeds) {
    printf("new seeds from %llu on\n", (unsigned long long)b->from);
    sim_batch_run(b);
  }
  return report(b);
}

int main(int argc, char **argv) {
  options o = {.step = SIM_NEVER, .batch = {.calls = UINT64_MAX, .seconds = UINT32_MAX, .jobs = 1}};
  o.batch.seeds = UINT64_MAX;
  for (int i = 1; i < argc; i++) read_option(&o, argv, &i);
  if (o.batch.jobs == 0) o.batch.jobs = 1;
  if (o.one) return run_one(&o);
  if (argc == 1) {
    o.self_test = o.scenarios = o.new_seeds = true;
    o.corpus = usual_corpus;
    o.batch.from = 1;
    o.batch.seeds = FEW_SEEDS;
  }
  bool bounded = o.batch.seeds != UINT64_MAX || o.batch.calls != UINT64_MAX || o.batch.seconds != UINT32_MAX;
  if (o.new_seeds && !bounded) o.batch.seconds = 60;
  if (o.new_seeds && o.batch.from == 0) o.batch.from = (uint64_t)time(NULL) * 1000000;
  return run_all(&o);
}
