/* streamed.h - streams over the scripted wire for tests: events as macros, fed by hand. ' stands for " in their JSON.
 * SPDX-License-Identifier: MIT */
#ifndef STREAMED_H
#define STREAMED_H

#include "answers.h"
#include "wire.h"

#define DATA(json) "data: " json "\n\n"
#define CREATED \
  DATA(         \
    "{'type':'response.created','response':{'id':'r1','object':'response','status':'in_progress','output':[]}}")
#define DELTA(text) \
  DATA("{'type':'response.output_text.delta','output_index':0,'content_index':0,'delta':'" text "'}")
#define COMPLETED(text)                                                                               \
  DATA("{'type':'response.completed','response':{'id':'r1','object':'response','status':'completed'," \
       "'output':[{'type':'message','content':[{'type':'output_text','text':'" text "'}]}]}}")
#define CHUNK(choice) DATA("{'id':'c1','object':'chat.completion.chunk','choices':[" choice "]}")
#define SAYS(text) "{'index':0,'delta':{'content':'" text "'}}"
#define STOP "{'index':0,'delta':{},'finish_reason':'stop'}"
#define DONE "data: [DONE]\n\n"

/* A client with a stream whose answer has begun; the id of its exchange. */
static inline uint32_t open_stream(wire *w, const char *path) {
  wire_open(w);
  wire_start(w, path, "{}", true);
  uint32_t id = wire_request_id(w);
  wire_head(w, id, 200, EVENTS);
  return id;
}

/* Every quote turned; to be freed. */
static inline char *quoted(const char *text) {
  char *copy = malloc(strlen(text) + 1);
  strcpy(copy, text);
  for (char *at = copy; *at != '\0'; at++)
    if (*at == '\'') *at = '"';
  return copy;
}

static inline void feed(wire *w, uint32_t id, const char *text) {
  char *bytes = quoted(text);
  wire_bytes(w, id, bytes, strlen(bytes));
  free(bytes);
  wire_pull(w);
}

static inline void finish(wire *w, uint32_t id, xai_wire_end how) {
  xai_wire_finish(w->client, id, how);
  wire_pull(w);
}

/* A whole stream and its clean end; to be closed. */
static inline void play(wire *w, const char *path, const char *text) {
  uint32_t id = open_stream(w, path);
  feed(w, id, text);
  finish(w, id, XAI_WIRE_DONE);
  CHECK_INT(w->ends, 1);
}

static inline void check_text(const wire *w, const char *want) {
  CHECK_STR(((xai_str){w->text, w->text_len}), want);
}

static inline bool responded(const wire *w, const char *part) {
  char *bytes = quoted(part);
  bool found = w->response != NULL && strstr(w->response, bytes) != NULL;
  free(bytes);
  return found;
}

#endif
