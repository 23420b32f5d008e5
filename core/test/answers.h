/* answers.h - answers of the API that the tests of a client share: a stream, the same as a whole, an error.
 * SPDX-License-Identifier: MIT */
#ifndef ANSWERS_H
#define ANSWERS_H

static const char stream_body[] =
  "event: response.created\n"
  "data: "
  "{\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"object\":\"response\",\"status\":\"in_"
  "progress\","
  "\"output\":[]}}\n\n"
  "event: response.output_item.added\n"
  "data: "
  "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[]}"
  "}\n\n"
  "event: response.content_part.added\n"
  "data: {\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":0,"
  "\"part\":{\"type\":\"output_text\",\"text\":\"\"}}\n\n"
  "event: response.output_text.delta\n"
  "data: "
  "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hel\"}\n\n"
  "event: response.output_text.delta\n"
  "data: "
  "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"lo\"}\n\n"
  "event: response.completed\n"
  "data: "
  "{\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"object\":\"response\",\"status\":"
  "\"completed\","
  "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}}\n\n";

static const char whole_body[] =
  "{\"id\":\"r1\",\"object\":\"response\",\"status\":\"completed\","
  "\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}";

static const char overloaded[] =
  "{\"code\":\"The service is currently unavailable\",\"error\":\"Try later.\"}";

#define EVENTS "text/event-stream"
#define JSON "application/json"

#endif
