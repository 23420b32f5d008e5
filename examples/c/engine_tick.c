/* engine_tick.c - a frame loop: the answer appears as it comes, and no frame ever waits for it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "xai.h"

static const char body[] = "{\"model\":\"grok-4.6\",\"input\":\"Greet the player.\",\"stream\":true}";

static void draw_frame(void) { /* the game's own work; here it only takes its time */
  nanosleep(&(struct timespec){.tv_nsec = 16000000}, NULL);
}

int main(void) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = getenv("XAI_API_KEY");
  config.base_url = getenv("XAI_BASE_URL"); /* NULL: the real API */
  xai_client *client = xai_client_new(&config, &err);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of(body);
  request.stream = true;
  if (client == NULL || xai_call_start(client, &request, &err).id == 0) return EXIT_FAILURE;
  long frames = 0;
  xai_event event = {.type = XAI_EVENT_TEXT};
  for (; event.type != XAI_EVENT_END; frames++) {
    xai_client_step(client, 0); /* 0: never waits */
    while (event.type != XAI_EVENT_END && xai_client_next(client, &event) == XAI_OK)
      if (event.type == XAI_EVENT_TEXT) printf("%.*s", (int)event.text.len, event.text.ptr);
    draw_frame();
  }
  xai_outcome outcome = event.result->outcome;
  printf("\n(%ld frames, %s)\n", frames, xai_outcome_name(outcome));
  xai_client_free(client);
  return outcome == XAI_OUTCOME_COMPLETE ? EXIT_SUCCESS : EXIT_FAILURE;
}
