/* main.c - a game loop in which ten characters talk at once: sixty frames a second, and none waits for the network.
 * SPDX-License-Identifier: MIT
 *
 * Two files of the library and libcurl are all it takes (`make dist` writes the two):
 *
 *   cc -std=c11 -O2 -Ibuild/dist -c build/dist/xai.c examples/engine/main.c
 *   c++ -std=c++11 -O2 -Ibuild/dist -o engine examples/engine/subtitles.cpp main.o xai.o -lcurl
 *   XAI_API_KEY=... ./engine
 *
 * The engine's own heap, clock and log are handed in: see game_alloc, game_now and game_log. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "subtitles.h"

enum { CHARACTERS = 10, FPS = 60, MOST_EVENTS = 64, HEAP_LIMIT = 64 << 20 };

typedef struct game {
  xai_client *client;
  subtitles *subtitles;
  uint64_t frame;   /* the game's time, in frames                     */
  size_t heap;      /* bytes that the library holds now ...           */
  size_t heap_peak; /* ... and at most                                */
  size_t talking;   /* characters who have not finished               */
} game;

/* The library's memory comes from here and from nowhere else, but for libcurl's own: an engine can bound it, or
 * give it an arena. Beyond the limit there is none, and calls end with XAI_ERR_NOMEM. */
static void *game_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  game *self = user;
  if (new_size > old_size && self->heap + (new_size - old_size) > HEAP_LIMIT) return NULL;
  void *fresh = NULL;
  if (new_size == 0) free(ptr);
  else if ((fresh = realloc(ptr, new_size)) == NULL) return NULL;
  self->heap += new_size - old_size;
  if (self->heap > self->heap_peak) self->heap_peak = self->heap;
  return fresh;
}

/* Game time in milliseconds: every wait and deadline follows it, so that a paused game's calls pause, too. */
static uint64_t game_now(void *user) {
  const game *self = user;
  return 1000 + self->frame * 1000 / FPS;
}

static int64_t game_wall(void *user) {
  (void)user;
  return (int64_t)time(NULL);
}

/* Lines that hold no key and no message, so that they may go where the engine's own go. */
static void game_log(void *user, xai_log_level level, xai_str line) {
  (void)user;
  fprintf(stderr, "[%s] %.*s\n", xai_log_level_name(level), (int)line.len, line.ptr);
}

static bool open_client(game *self) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = getenv("XAI_API_KEY");
  config.base_url = getenv("XAI_BASE_URL"); /* NULL: the real API */
  config.mem = (xai_mem){game_alloc, self};
  config.clock = (xai_clock){game_now, game_wall, self};
  config.log = (xai_log){game_log, self, XAI_LOG_WARN};
  self->client = xai_client_new(&config, &err);
  if (self->client == NULL) fprintf(stderr, "engine: %s\n", err.message);
  return self->client != NULL;
}

/* The character's number rides in the call. */
static bool let_talk(game *self, size_t *who) {
  char body[160];
  int len = snprintf(
    body, sizeof body,
    "{\"model\":\"grok-4.6\",\"stream\":true,\"input\":\"You are villager %zu. Greet the player.\"}", *who);
  xai_error err;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = (xai_str){body, (size_t)len}; /* copied */
  request.stream = true;
  request.user = who;
  if (xai_call_start(self->client, &request, &err).id != 0) return true;
  fprintf(stderr, "engine: %s\n", err.message);
  return false;
}

/* A frame's share: some events, and the next frame has the others. */
static void update(game *self) {
  xai_event event;
  xai_client_step(self->client, 0); /* 0: never waits */
  for (int i = 0; i < MOST_EVENTS && xai_client_next(self->client, &event) == XAI_OK; i++)
    if (subtitles_take(self->subtitles, *(size_t *)event.user, &event)) self->talking--;
}

/* Where the engine draws and waits for the screen; here it only takes its time. */
static void draw(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000000 / FPS}, NULL);
}

int main(void) {
  game self = {.talking = CHARACTERS};
  size_t numbers[CHARACTERS];
  self.subtitles = subtitles_new(CHARACTERS);
  if (self.subtitles == NULL || !open_client(&self)) return EXIT_FAILURE;
  for (size_t i = 0; i < CHARACTERS; i++) {
    numbers[i] = i;
    if (!let_talk(&self, &numbers[i])) return EXIT_FAILURE;
  }
  for (; self.talking > 0; self.frame++) {
    update(&self);
    draw();
  }
  for (size_t i = 0; i < CHARACTERS; i++) printf("%zu: %s\n", i, subtitles_text(self.subtitles, i));
  xai_client_free(self.client);
  subtitles_free(self.subtitles);
  printf("(%" PRIu64 " frames, %zu KiB at most, %zu bytes left)\n", self.frame, self.heap_peak / 1024,
         self.heap);
  return self.heap == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
