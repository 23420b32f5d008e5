/* cold.c - whole processes, from their start to their end, in turns with others that do less.
 * SPDX-License-Identifier: MIT
 *
 *   cold ROUNDS COMMAND...                       -> ms (the median), cpu_ms (likewise), mib (the most resident)
 *   cold ROUNDS COMMAND... --beyond COMMAND...   -> ... and beyond_ms (the median of what the first takes longer)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/wait.h>

#include "../measure.h"

enum { MOST = 100 };

static void become(char **command) {
  int null = open("/dev/null", O_WRONLY);
  dup2(null, 1);
  execvp(command[0], command);
  _exit(127);
}

/* Microseconds; what it used. No figure is better than one of a command that failed. */
static uint64_t run(char **command, struct rusage *usage) {
  uint64_t start = now_us();
  pid_t child = fork();
  if (child == 0) become(command);
  int status;
  if (child < 0 || wait4(child, &status, 0, usage) != child || status != 0) exit(1);
  return now_us() - start;
}

static uint64_t cpu_of(const struct rusage *usage) {
  return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
         (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

/* Ends the first command's list and gives the second's; NULL: there is none. */
static char **split(char **words) {
  for (; *words != NULL; words++) {
    if (strcmp(*words, "--beyond") != 0) continue;
    *words = NULL;
    return words + 1;
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  static uint64_t took[MOST], cpu[MOST], beyond[MOST];
  static const uint64_t zero = 1000000000; /* differences may be below 0 */
  size_t rounds = (size_t)(atoi(argv[1]) < MOST ? atoi(argv[1]) : MOST);
  char **other = split(argv + 2);
  long most = 0;
  for (size_t i = 0; i < rounds; i++) {
    struct rusage usage, unused;
    took[i] = run(argv + 2, &usage);
    cpu[i] = cpu_of(&usage);
    if (usage.ru_maxrss > most) most = usage.ru_maxrss;
    if (other != NULL) beyond[i] = zero + took[i] - run(other, &unused);
  }
  figure("ms", percentile(took, rounds, 0.5) / 1000);
  figure("cpu_ms", percentile(cpu, rounds, 0.5) / 1000);
  figure("mib", (double)most / 1024);
  if (other != NULL) figure("beyond_ms", (percentile(beyond, rounds, 0.5) - (double)zero) / 1000);
  return 0;
}
