/* session.h - a client under torture: every call must end exactly once, rightly or for want of memory.
 * SPDX-License-Identifier: MIT */
#ifndef SESSION_H
#define SESSION_H

#include "torture.h"

typedef struct session {
  torture *t;
  xai_client *client;
  uint64_t now;       /* virtual, for the scripted wire                    */
  int ended;          /* END events                                        */
  bool starved;       /* something failed for want of memory               */
  xai_outcome last;   /* of the last END                                   */
  xai_code code;      /* likewise                                          */
  const char *wanted; /* the whole text of a complete answer, NULL: any   */
  size_t text_len;
  char text[256]; /* TEXT events joined                                */
  int retries;
  bool announces;     /* each call has a reader of its own                */
  uint64_t most_cost; /* of a call, told beforehand                      */
  uint64_t cost;      /* ... and what it came to, where the answer does not say */
} session;

static inline uint64_t session_now(void *user) {
  return ((session *)user)->now;
}

static inline int64_t session_wall(void *user) {
  (void)user;
  return 1767225600;
}

static inline void session_text(session *s, xai_str text) {
  size_t room = sizeof s->text - s->text_len, len = text.len < room ? text.len : room;
  memcpy(s->text + s->text_len, text.ptr, len);
  s->text_len += len;
}

/* What an end may be: the right answer, or a failure. Never a whole answer that is not one. */
static inline void session_end(session *s, const xai_result *result) {
  s->ended++;
  s->last = result->outcome;
  s->code = result->error.code;
  if (result->error.code == XAI_ERR_NOMEM) s->starved = true;
  CHECK((result->outcome == XAI_OUTCOME_COMPLETE) == (result->error.code == XAI_OK));
  static const char *const names[] = {"no-such-header", "content-type"};
  xai_str values[2];
  xai_result_headers(s->client, names, 2, values);
  CHECK_STR(values[0], "");
  xai_str kind = xai_result_header(s->client, "Content-Type");
  CHECK(values[1].len == kind.len && memcmp(values[1].ptr, kind.ptr, kind.len) == 0);
  size_t len = s->text_len;
  s->text_len = 0; /* one call after another is answered */
  if (result->outcome != XAI_OUTCOME_COMPLETE || s->wanted == NULL) return;
  CHECK_STR(result->text, s->wanted);
  CHECK(len == 0 || (len == result->text.len && memcmp(s->text, result->text.ptr, len) == 0));
}

static inline void session_event(session *s, const xai_event *event) {
  if (event->type == XAI_EVENT_TEXT) session_text(s, event->text);
  if (event->type == XAI_EVENT_RETRY) s->retries++;
  if (event->type != XAI_EVENT_END) return;
  if (event->result->is_unsettled) CHECK_INT(xai_call_settle(s->client, event->call, s->cost), XAI_OK);
  session_end(s, event->result);
}

/* All that has come for an announced call; the text so far is that of the events taken. */
static inline void session_take(session *s, xai_call_id call) {
  xai_event event;
  while (xai_call_next(s->client, call, &event) == XAI_OK) {
    session_event(s, &event);
    if (event.type != XAI_EVENT_TEXT) continue;
    xai_str so_far = xai_call_text(s->client, call);
    CHECK(so_far.len == s->text_len && memcmp(so_far.ptr, s->text, so_far.len) == 0);
  }
}

static inline void session_pull(session *s) {
  xai_event event;
  while (xai_client_next(s->client, &event) == XAI_OK)
    if (event.type == XAI_EVENT_READY) session_take(s, event.call);
    else session_event(s, &event);
}

static inline void session_step(session *s, uint32_t wait_ms) {
  xai_code code = xai_client_step(s->client, wait_ms);
  CHECK(code == XAI_OK || code == XAI_ERR_NOMEM);
  if (code == XAI_ERR_NOMEM) s->starved = true;
}

/* False for want of memory: then nothing was started. */
static inline bool session_start(session *s, const xai_request *request, xai_call_id *id) {
  xai_error err;
  size_t before = xai_client_pending(s->client);
  s->text_len = 0;
  s->ended = 0;
  *id = xai_call_start(s->client, request, &err);
  CHECK_INT(xai_client_pending(s->client), before + (id->id != 0));
  if (id->id != 0) return true;
  CHECK_INT(err.code, XAI_ERR_NOMEM);
  s->starved = true;
  return false;
}

/* NULL for want of memory. */
static inline bool session_open(session *s, const xai_config *config) {
  xai_error err;
  s->client = xai_client_new(config, &err);
  CHECK(s->client != NULL || err.code == XAI_ERR_NOMEM);
  return s->client != NULL;
}

static inline xai_code session_code(const session *s) {
  return s->starved ? XAI_ERR_NOMEM : XAI_OK;
}

#endif
