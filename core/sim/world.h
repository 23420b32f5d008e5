/* world.h - what a simulated run stands on: seeded chance, an agenda in virtual time, memory that is counted.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "xai.h"

#define SIM_NEVER UINT64_MAX

/* ---- chance: the same numbers for the same seed, on every machine */

uint64_t sim_mix(uint64_t a, uint64_t b);                             /* two numbers to one, scrambled */
uint32_t sim_random(uint64_t *state);                                 /* 32 uniform bits               */
uint32_t sim_below(uint64_t *state, uint32_t below);                  /* 0 .. below-1; 0 for 0         */
uint32_t sim_between(uint64_t *state, uint32_t least, uint32_t most); /* both included */
bool sim_permille(uint64_t *state, uint32_t permille);

/* ---- the agenda: what happens when. Equal moments keep the order in which they were entered. */

typedef struct sim_date {
  uint64_t at;
  uint64_t order;
  int what;     /* of the owner's own enum */
  uint32_t who; /* likewise                */
  uint32_t id;  /* likewise                */
} sim_date;

typedef struct sim_agenda {
  sim_date *heap;
  size_t len;
  size_t room;
  uint64_t entered;
} sim_agenda;

void sim_agenda_add(sim_agenda *agenda, uint64_t at, int what, uint32_t who, uint32_t id);
bool sim_agenda_take(sim_agenda *agenda, uint64_t now, sim_date *out); /* the next that is due */
uint64_t sim_agenda_next(const sim_agenda *agenda);                    /* SIM_NEVER: none      */
void sim_agenda_clear(sim_agenda *agenda);
void sim_agenda_deinit(sim_agenda *agenda);

/* ---- what happened of late: moments, each with a weight */

typedef struct sim_window {
  uint64_t span_ms;
  uint64_t total; /* of the weights within the span */
  size_t room, first, len;
  struct sim_moment {
    uint64_t at, weight;
  } * moments;
} sim_window;

void sim_window_clear(sim_window *window, uint64_t span_ms);
void sim_window_add(sim_window *window, uint64_t now, uint64_t weight);
uint64_t sim_window_sum(sim_window *window, uint64_t now); /* of those less than a span ago */
void sim_window_deinit(sim_window *window);

/* ---- memory: counted to the byte, sizes compared with what was asked for, failing when told to */

typedef struct sim_heap {
  size_t bytes;
  size_t peak;
  size_t blocks;
  uint64_t asked;      /* allocations so far                                  */
  uint32_t skip;       /* of the coming ones so many succeed ...              */
  uint32_t fail;       /* ... and then so many fail                           */
  uint64_t failed;     /* that have failed                                    */
  uint64_t wrong_size; /* frees and growths that named another size than ours */
} sim_heap;

xai_mem sim_heap_mem(sim_heap *heap);

/* ---- bytes being put together; aborts without memory, which is the simulator's own */

typedef struct sim_text {
  char *ptr;
  size_t len;
  size_t room;
} sim_text;

void sim_text_clear(sim_text *text);
void sim_text_add(sim_text *text, const char *bytes, size_t len);
void sim_text_put(sim_text *text, const char *cstr);
void sim_text_put_number(sim_text *text, uint64_t number);
void sim_text_fill(sim_text *text, char byte, size_t count);
void sim_text_deinit(sim_text *text);

void *sim_realloc(void *ptr, size_t size); /* aborts without memory */

#endif
