/* wire.h - the scripted wire for tests: a client with a clock of its own, requests answered by hand.
 * SPDX-License-Identifier: MIT */
#ifndef WIRE_H
#define WIRE_H

#include "check.h"

typedef struct wire {
  xai_client *client;
  uint64_t now;
  int64_t wall;
  int ends;        /* END events seen                               */
  int retries;     /* RETRY events seen                             */
  int deltas;      /* TEXT events seen                              */
  char text[4096]; /* their texts joined, cut to fit                */
  size_t text_len;
  /* of the last END, copied because a result is borrowed */
  xai_outcome outcome;
  xai_error error;
  char reason[64];
  size_t attempts;
  xai_attempt attempt[8];
  unsigned flags;
  int status;
  char *response; /* JSON, malloc'd; NULL when none                */
} wire;

static inline uint64_t wire_now(void *user) {
  return ((wire *)user)->now;
}

static inline int64_t wire_wall(void *user) {
  return ((wire *)user)->wall;
}

static inline xai_config wire_config(wire *w) {
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = "xai-test-key";
  config.base_url = "http://wire/v1";
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.seed = 7;
  config.clock.now_ms = wire_now;
  config.clock.wall_s = wire_wall;
  config.clock.user = w;
  return config;
}

static inline void wire_open(wire *w) {
  memset(w, 0, sizeof *w);
  w->now = 1000;
  w->wall = 1767225600;
  xai_config config = wire_config(w);
  xai_error err;
  w->client = xai_client_new(&config, &err);
  CHECK(w->client != NULL);
}

static inline void wire_close(wire *w) {
  xai_client_free(w->client);
  free(w->response);
}

static inline char *wire_json(const xai_json *value) {
  if (value == NULL) return NULL;
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_json_put_value(writer, value);
  xai_str text = {NULL, 0};
  xai_json_writer_end(writer, &text, NULL);
  char *copy = malloc(text.len + 1);
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  xai_json_writer_free(writer);
  return copy;
}

static inline void wire_take_end(wire *w, const xai_result *result) {
  w->ends++;
  w->outcome = result->outcome;
  w->error = result->error;
  w->flags = result->flags;
  w->status = result->http_status;
  snprintf(w->reason, sizeof w->reason, "%s", result->reason);
  w->attempts = result->attempt_count;
  for (size_t i = 0; i < result->attempt_count && i < 8; i++) w->attempt[i] = result->attempts[i];
  free(w->response);
  w->response = wire_json(result->response);
}

/* Take every event that is there. */
static inline void wire_pull(wire *w) {
  xai_event event;
  while (xai_client_next(w->client, &event) == XAI_OK) {
    if (event.type == XAI_EVENT_END) wire_take_end(w, event.result);
    if (event.type == XAI_EVENT_RETRY) w->retries++;
    if (event.type != XAI_EVENT_TEXT) continue;
    w->deltas++;
    size_t room = sizeof w->text - 1 - w->text_len;
    size_t len = event.text.len < room ? event.text.len : room;
    memcpy(w->text + w->text_len, event.text.ptr, len);
    w->text_len += len;
  }
}

/* A turn after `ms` of virtual time. */
static inline void wire_pass(wire *w, uint64_t ms) {
  w->now += ms;
  CHECK_INT(xai_client_step(w->client, 0), XAI_OK);
  wire_pull(w);
}

static inline xai_call_id wire_start(wire *w, const char *path, const char *body, bool stream) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = path;
  request.body = xai_str_of(body);
  request.stream = stream;
  xai_error err;
  xai_call_id id = xai_call_start(w->client, &request, &err);
  CHECK(id.id != 0);
  return id;
}

/* The id of the next request on the wire; 0: there is none. */
static inline uint32_t wire_request_id(wire *w) {
  xai_wire_request request;
  return xai_wire_next(w->client, &request) == XAI_OK ? request.id : 0;
}

static inline void wire_head(wire *w, uint32_t id, int status, const char *type) {
  xai_wire_status(w->client, id, status);
  if (type != NULL) xai_wire_header(w->client, id, "Content-Type", type);
  xai_wire_header(w->client, id, "x-request-id", "req-1");
}

/* All of it, pulling when the call is full. */
static inline void wire_bytes(wire *w, uint32_t id, const char *bytes, size_t len) {
  while (xai_wire_body(w->client, id, bytes, len) == XAI_MORE) wire_pull(w);
}

static inline void wire_answer(wire *w, int status, const char *type, const char *body) {
  uint32_t id = wire_request_id(w);
  CHECK(id != 0);
  wire_head(w, id, status, type);
  wire_bytes(w, id, body, strlen(body));
  xai_wire_finish(w->client, id, XAI_WIRE_DONE);
  wire_pull(w);
}

#endif
