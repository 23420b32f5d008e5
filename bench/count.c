/* count.c - the hot paths in C, so many times and nothing else: `make callgrind` counts what one of them executes.
 * SPDX-License-Identifier: MIT
 *
 *   count WHAT TIMES      deltas: 64 of a stream, from chunk to event; requests: a whole answer each; events: JSON to a
 *                         tree; compile, check, stream: bench/data's ticket, streamed in pieces of 12 bytes
 *
 * No socket, no clock, no chance: a run executes the same instructions each time.
 */
#define _GNU_SOURCE
#include "measure.h"
#include "xai.h"

enum { DELTAS = 64, PIECE = 12, MOST = 1 << 16 };

static const char delta[] =
  "event: response.output_text.delta\n"
  "data: {\"sequence_number\":305,\"type\":\"response.output_text.delta\",\"item_id\":"
  "\"msg_769f3302-64f9-4c72-2b48-860c87fd9b2a\",\"output_index\":0,\"content_index\":0,\"delta\":\" cuisine\","
  "\"logprobs\":[]}\n\n";

static const char answer[] =
  "{\"id\":\"resp_0d9b6a5e\",\"object\":\"response\",\"created_at\":1790002000,\"status\":\"completed\","
  "\"model\":\"grok-4.6\",\"output\":[{\"id\":\"msg_769f3302-64f9-4c72-2b48-860c87fd9b2a\",\"type\":\"message\","
  "\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"Tides lag the "
  "Moon.\",\"annotations\":[],\"logprobs\":[]}]}],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\","
  "\"tools\":[],\"text\":{\"format\":{\"type\":\"text\"}},\"store\":false,\"error\":null,"
  "\"incomplete_details\":null,\"temperature\":null,\"top_p\":null,\"usage\":{\"input_tokens\":12,"
  "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":9,\"output_tokens_details\":"
  "{\"reasoning_tokens\":0},\"total_tokens\":21}}";

static void need(bool so, const char *what) {
  if (so) return;
  fprintf(stderr, "count: %s\n", what);
  exit(1);
}

/* ---- a client over a wire of our own, whose time stands still */

static uint64_t no_ms(void *user) {
  (void)user;
  return 1000;
}

static int64_t no_s(void *user) {
  (void)user;
  return 1790002000;
}

static xai_client *client_on_a_wire(void) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.base_url = "http://wire/v1";
  config.api_key = "xai-benchmark";
  config.seed = 7;
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.clock = (xai_clock){no_ms, no_s, NULL};
  xai_client *client = xai_client_new(&config, &err);
  need(client != NULL, err.message);
  return client;
}

/* Starts a call and answers with the head of a reply of that kind; gives the exchange's number. */
static uint32_t begin(xai_client *client, bool stream) {
  xai_error err;
  xai_wire_request wire;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.stream = stream;
  request.body = xai_str_of("{\"model\":\"grok-4.6\",\"input\":\"Tides?\"}");
  need(xai_call_start(client, &request, &err).id != 0, err.message);
  need(xai_client_step(client, 0) == XAI_OK && xai_wire_next(client, &wire) == XAI_OK, "no request came");
  xai_wire_status(client, wire.id, 200);
  xai_wire_header(client, wire.id, "content-type", stream ? "text/event-stream" : "application/json");
  return wire.id;
}

static void deltas(size_t times) {
  char block[DELTAS * sizeof delta] = "";
  for (int i = 0; i < DELTAS; i++) strcat(block, delta);
  size_t len = strlen(block), seen = 0;
  xai_client *client = client_on_a_wire();
  uint32_t id = begin(client, true);
  xai_event event;
  for (size_t i = 0; i < times; i++) {
    need(xai_wire_body(client, id, block, len) == XAI_OK, "the call is full");
    while (xai_client_next(client, &event) == XAI_OK) seen += event.type == XAI_EVENT_TEXT;
  }
  need(seen == times * DELTAS, "deltas are missing");
  xai_client_free(client);
}

static void requests(size_t times) {
  xai_client *client = client_on_a_wire();
  for (size_t i = 0; i < times; i++) {
    uint32_t id = begin(client, false);
    need(xai_wire_body(client, id, answer, sizeof answer - 1) == XAI_OK, "the call is full");
    xai_wire_finish(client, id, XAI_WIRE_DONE);
    xai_event event = {0};
    while (event.type != XAI_EVENT_END) need(xai_client_next(client, &event) == XAI_OK, "no end");
    need(event.result->outcome == XAI_OUTCOME_COMPLETE, event.result->error.message);
  }
  xai_client_free(client);
}

/* ---- JSON and schemas */

static void events(size_t times) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const char *data = strstr(delta, "{");
  for (size_t i = 0; i < times; i++)
    need(xai_json_parse(doc, data, strlen(data) - 2, 0, NULL) != NULL, "the event is refused");
  xai_json_doc_free(doc);
}

static xai_str read_file(const char *path, char *to) {
  FILE *file = fopen(path, "rb");
  need(file != NULL, "bench/data is not here: run it in the repository's root");
  xai_str text = {to, fread(to, 1, MOST, file)};
  fclose(file);
  return text;
}

static xai_schema *compiled(void) {
  static char text[MOST];
  static xai_str schema;
  if (schema.ptr == NULL) schema = read_file("bench/data/ticket.schema.json", text);
  xai_error err;
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.assert_format = true;
  xai_schema *made = xai_schema_compile(NULL, schema.ptr, schema.len, &options, &err);
  need(made != NULL, err.message);
  return made;
}

static void compile(size_t times) {
  for (size_t i = 0; i < times; i++) xai_schema_free(compiled());
}

static void check(size_t times) {
  static char text[MOST];
  xai_str document = read_file("bench/data/ticket.json", text);
  xai_schema *schema = compiled();
  xai_check *check = xai_check_new(NULL, schema, false);
  for (size_t i = 0; i < times; i++)
    need(xai_check_text(check, document.ptr, document.len, NULL) == XAI_OK, "refused");
  xai_check_free(check);
  xai_schema_free(schema);
}

static void stream(size_t times) {
  static char text[MOST];
  xai_str document = read_file("bench/data/ticket.json", text);
  xai_schema *schema = compiled();
  for (size_t i = 0; i < times; i++) {
    xai_check *check = xai_check_new(NULL, schema, false);
    for (size_t at = 0; at < document.len; at += PIECE)
      need(xai_check_feed(check, document.ptr + at, document.len - at < PIECE ? document.len - at : PIECE) ==
             XAI_OK,
           "the stream is refused");
    need(xai_check_finish(check) == XAI_OK, "the end is refused");
    xai_check_free(check);
  }
  xai_schema_free(schema);
}

static const struct {
  const char *name;
  void (*work)(size_t times);
} works[] = {{"deltas", deltas},   {"requests", requests}, {"events", events},
             {"compile", compile}, {"check", check},       {"stream", stream}};

int main(int argc, char **argv) {
  need(argc == 3, "count WHAT TIMES");
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    if (strcmp(argv[1], works[i].name) == 0) return works[i].work(strtoul(argv[2], NULL, 10)), 0;
  need(false, "no such path");
  return 1;
}
