/* selftest.c - proof that the checks can fail: each lie of the port must break the rule that it breaks.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "sim.h"

enum { MOST_SEEDS = 500 };

typedef struct hunt {
  uint64_t seed;   /* that caught it; 0: none               */
  uint64_t seeds;  /* looked at                             */
  uint64_t others; /* of them broke another rule            */
} hunt;

static hunt hunt_lie(sim *s, sim_lie lie) {
  hunt h = {0};
  s->port = (sim_port){.lie = lie};
  for (uint64_t seed = 1; seed <= MOST_SEEDS; seed++) {
    sim_script_draw(&s->script, seed);
    sim_run(s);
    s->port = (sim_port){.lie = lie};
    h.seeds++;
    if (s->broken == sim_lie_rule(lie)) {
      h.seed = seed;
      break;
    }
    h.others += s->broken != SIM_RULE_NONE;
  }
  return h;
}

void sim_self_test(uint64_t *passed, uint64_t *failed) {
  sim s = {.last_step = SIM_NEVER};
  for (int lie = SIM_LIE_NONE + 1; lie < SIM_LIE_COUNT; lie++) {
    hunt h = hunt_lie(&s, (sim_lie)lie);
    const char *rule = sim_rule_tag(sim_lie_rule((sim_lie)lie));
    if (h.seed != 0) {
      ++*passed;
      printf("a client that %-55s is caught by %-12s seed %llu, step %llu: %s\n", sim_lie_text((sim_lie)lie),
             rule, (unsigned long long)h.seed, (unsigned long long)s.step, s.why);
      continue;
    }
    ++*failed;
    printf("FAILED: a client that %s is not caught by %s in %llu seeds; %llu broke other rules\n",
           sim_lie_text((sim_lie)lie), rule, (unsigned long long)h.seeds, (unsigned long long)h.others);
  }
  sim_deinit(&s);
}
