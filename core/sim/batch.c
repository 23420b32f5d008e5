/* batch.c - many seeds, shared among processes; a failure is told with its seed, its step and a short script.
 * SPDX-License-Identifier: MIT */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

enum { SHRINK_TRIES = 3000, MOST_FAILURES = 5, LINE = 4096, LONGEST_RUN_S = 300 };

typedef struct share {
  uint64_t passed, failed;
  sim_stats stats;
} share;

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of the workers that have ended. */
static double processor_seconds(void) {
  struct rusage used;
  if (getrusage(RUSAGE_CHILDREN, &used) != 0) return 0;
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* All of it is counters. */
static void add_stats(sim_stats *to, const sim_stats *from) {
  uint64_t *sum = (uint64_t *)to;
  const uint64_t *more = (const uint64_t *)from;
  for (size_t i = 0; i < sizeof *to / sizeof *sum; i++) sum[i] += more[i];
}

static void tell_failure(sim *s, uint64_t seed) {
  sim_rule rule = s->broken;
  uint64_t step = s->step;
  sim_stats stats = s->stats;
  printf(
    "FAILED seed %llu, step %llu, %llu ms: %s: %s\n  (%s)\n  again: simulate --seed %llu --step %llu --trace\n",
    (unsigned long long)seed, (unsigned long long)step, (unsigned long long)s->broken_at, sim_rule_tag(rule),
    s->why, sim_rule_text(rule), (unsigned long long)seed, (unsigned long long)step);
  sim_script drawn = {0};
  sim_script_copy(&drawn, &s->script);
  sim_shrink(s, rule, SHRINK_TRIES);
  sim_script_print(&s->script, &drawn);
  fflush(stdout);
  sim_script_deinit(&drawn);
  s->stats = stats;
  s->broken = rule;
}

bool sim_one_seed(sim *s, uint64_t seed) {
  sim_script_draw(&s->script, seed);
  sim_run(s);
  if (s->broken == SIM_RULE_NONE) return true;
  tell_failure(s, seed);
  return false;
}

static void tell_progress(const sim_batch *batch, const share *mine, uint64_t job, uint64_t seed,
                          double since) {
  printf(
    "job %llu: seed %llu (from %llu, each %u), %llu calls, %llu requests, %llu passed, %llu failed, %.0f s\n",
    (unsigned long long)job, (unsigned long long)seed, (unsigned long long)batch->from + job, batch->jobs,
    (unsigned long long)mine->stats.calls, (unsigned long long)mine->stats.requests,
    (unsigned long long)mine->passed, (unsigned long long)mine->failed, since);
  fflush(stdout);
}

static share work(const sim_batch *batch, uint32_t job, uint64_t *seed) {
  sim s = {.last_step = SIM_NEVER};
  share mine = {0};
  double began = seconds_now();
  uint64_t told = 0, calls = batch->calls / batch->jobs;
  for (uint64_t i = job; i < batch->seeds && mine.failed < MOST_FAILURES; i += batch->jobs) {
    *seed = batch->list ? batch->list[i] : batch->from + i;
    alarm(LONGEST_RUN_S); /* a client that loops for ever ends the worker */
    if (sim_one_seed(&s, *seed)) mine.passed++;
    else mine.failed++;
    mine.stats = s.stats;
    double since = seconds_now() - began;
    if (batch->progress > 0 && s.stats.calls / batch->progress > told) {
      told = s.stats.calls / batch->progress;
      tell_progress(batch, &mine, job, batch->from + i, since);
    }
    if (s.stats.calls >= calls || since >= batch->seconds) break;
  }
  sim_deinit(&s);
  return mine;
}

/* A worker tells its share through a pipe; one that dies has failed. */
static int start_worker(const sim_batch *batch, uint32_t job, uint64_t *seed) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) abort();
  if (pid > 0) {
    close(ends[1]);
    return ends[0];
  }
  close(ends[0]);
  share mine = work(batch, job, seed);
  bool told = write(ends[1], &mine, sizeof mine) == (ssize_t)sizeof mine;
  fflush(stdout);
  _exit(told ? 0 : 1);
}

static void collect(sim_batch *batch, int from, const uint64_t *seed) {
  share theirs;
  if (read(from, &theirs, sizeof theirs) != (ssize_t)sizeof theirs) {
    printf("FAILED: a worker has died, of a crash or a loop without end, in seed %llu\n",
           (unsigned long long)*seed);
    theirs = (share){.failed = 1};
  }
  close(from);
  batch->passed += theirs.passed;
  batch->failed += theirs.failed;
  add_stats(&batch->stats, &theirs.stats);
}

static uint64_t *shared_numbers(uint32_t count) {
  void *at = mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) abort();
  return at;
}

void sim_batch_run(sim_batch *batch) {
  double began = seconds_now();
  int *workers = sim_realloc(NULL, batch->jobs * sizeof *workers);
  uint64_t *seeds = shared_numbers(batch->jobs); /* that they are at */
  for (uint32_t job = 0; job < batch->jobs; job++) workers[job] = start_worker(batch, job, &seeds[job]);
  for (uint32_t job = 0; job < batch->jobs; job++) collect(batch, workers[job], &seeds[job]);
  munmap(seeds, batch->jobs * sizeof *seeds);
  while (wait(NULL) > 0) {}
  free(workers);
  batch->took_s = seconds_now() - began;
  batch->processor_s = processor_seconds();
}

/* The numbers at the beginning of lines; the caller frees them. NULL: the file cannot be read. */
static uint64_t *read_seeds(const char *path, uint64_t *count) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return NULL;
  uint64_t *seeds = sim_realloc(NULL, sizeof *seeds);
  *count = 0;
  for (char line[LINE]; fgets(line, sizeof line, file) != NULL;) {
    char *end;
    uint64_t seed = strtoull(line, &end, 10);
    if (end == line) continue;
    seeds = sim_realloc(seeds, (*count + 1) * sizeof *seeds);
    seeds[(*count)++] = seed;
  }
  fclose(file);
  return seeds;
}

bool sim_corpus_run(const char *path, uint64_t *passed, uint64_t *failed) {
  sim_batch batch = {.calls = UINT64_MAX, .seconds = UINT32_MAX, .jobs = 1};
  uint64_t *seeds = read_seeds(path, &batch.seeds);
  if (seeds == NULL) return false;
  batch.list = seeds;
  sim_batch_run(&batch);
  *passed += batch.passed;
  *failed += batch.failed;
  free(seeds);
  return true;
}
