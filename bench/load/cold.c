/* cold.c - a whole process, from its start to its end: cold ROUNDS COMMAND... -> ms (the median), mib (the most resident)
 * SPDX-License-Identifier: MIT */
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

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  uint64_t took[MOST];
  int rounds = atoi(argv[1]) < MOST ? atoi(argv[1]) : MOST;
  long most = 0;
  for (int i = 0; i < rounds; i++) {
    uint64_t start = now_us();
    pid_t child = fork();
    if (child == 0) become(argv + 2);
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) return 1;
    took[i] = now_us() - start;
    if (usage.ru_maxrss > most) most = usage.ru_maxrss;
  }
  figure("ms", percentile(took, (size_t)rounds, 0.5) / 1000);
  figure("mib", (double)most / 1024);
  return 0;
}
