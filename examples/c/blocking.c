/* blocking.c - ask one question and wait for the whole answer.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "xai.h"

static const char body[] = "{\"model\":\"grok-4.6\",\"input\":\"Why do tides lag the Moon?\"}";

int main(void) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = getenv("XAI_API_KEY");
  config.base_url = getenv("XAI_BASE_URL"); /* NULL: the real API */
  xai_client *client = xai_client_new(&config, &err);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of(body);
  if (client == NULL || xai_call_start(client, &request, &err).id == 0) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }

  xai_event event = {.type = XAI_EVENT_TEXT};
  while (event.type != XAI_EVENT_END) {
    if (xai_client_next(client, &event) == XAI_MORE) xai_client_step(client, 1000);
  }
  const xai_result *result = event.result;
  int status = result->outcome == XAI_OUTCOME_COMPLETE ? 0 : 1;
  if (status == 0) printf("%.*s\n", (int)result->text.len, result->text.ptr);
  else fprintf(stderr, "%s: %s\n", xai_outcome_name(result->outcome), result->error.message);
  xai_client_free(client);
  return status;
}
