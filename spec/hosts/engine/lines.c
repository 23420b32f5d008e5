/* lines.c - an engine around the lines of doc/hosts.md and of the README, as they are written there; C11 and C++.
 * SPDX-License-Identifier: MIT
 *
 * run.sh puts them into hosts.inc and readme.inc. What was said comes out; a failure is the exit status. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "xai.h"

static void subtitle(void *user, const char *text, size_t len) {
  (void)user;
  fwrite(text, 1, len, stdout);
}

static void finish(void *user, xai_outcome outcome) {
  *(xai_outcome *)user = outcome;
}

static void frame(xai_client *client) {
#include "hosts.inc"
}

static int complain(const char *message) {
  fprintf(stderr, "%s\n", message);
  return EXIT_FAILURE;
}

/* Frame by frame, and between two of them until the descriptor or the clock says so. */
static int play(void) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = getenv("XAI_API_KEY");
  config.base_url = getenv("XAI_BASE_URL");
  xai_client *client = xai_client_new(&config, &err);
  if (client == NULL) return complain(err.message);
  xai_outcome outcome = XAI_OUTCOME_NONE;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{\"model\":\"grok-4.6\",\"input\":\"Say hello\",\"stream\":true}");
  request.stream = true;
  request.user = &outcome;
  if (xai_call_start(client, &request, &err).id == 0) return complain(err.message);
  while (outcome == XAI_OUTCOME_NONE) {
    struct pollfd ready = {xai_client_fd(client), POLLIN, 0};
    poll(&ready, 1, (int)xai_client_timeout(client));
    frame(client);
  }
  xai_client_free(client);
  return outcome == XAI_OUTCOME_COMPLETE ? EXIT_SUCCESS : complain(xai_outcome_name(outcome));
}

#if defined(__cplusplus)
static int read_me(void) { /* its lines are C alone */
  return EXIT_SUCCESS;
}
#else
static void show(xai_str text) {
  printf("\n%.*s\n", (int)text.len, text.ptr);
}

static int read_me(void) {
#include "readme.inc"
  xai_client_free(client);
  return EXIT_SUCCESS;
}
#endif

#if defined(__cplusplus)
extern "C"
#endif
  int
  talk(void);

int talk(void) {
  int failed = play();
  return failed ? failed : read_me();
}
