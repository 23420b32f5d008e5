/* lxai_result.c - how a call ended, as a Lua table: its response, its error, its attempts.
 * SPDX-License-Identifier: MIT
 *
 * Most programs want the answer and never ask how it was got. So that is kept as bytes, in a userdata, and becomes fields
 * of the result when one of them is first asked for.
 */
#include "lxai_client.h"

#include <string.h>

/* Headers of an answer that are worth keeping. */
static const char *const kept_headers[] = {"date",
                                           "server",
                                           "retry-after",
                                           "x-request-id",
                                           "x-zero-data-retention",
                                           "x-should-retry",
                                           "x-ratelimit-limit-requests",
                                           "x-ratelimit-remaining-requests",
                                           "x-ratelimit-limit-tokens",
                                           "x-ratelimit-remaining-tokens",
                                           "x-metrics-ttft-ms",
                                           "x-metrics-e2e-ms",
                                           "x-metrics-mean-itl-ms",
                                           "cf-ray"};

enum { KEPT = sizeof kept_headers / sizeof *kept_headers };

/* What is known beside the answer. Behind the attempts stand the content type and the headers. */
typedef struct told {
  const char *reason; /* static */
  char request_id[64];
  int http_status;
  unsigned flags;
  xai_attempt_counts counts;
  uint64_t tokens;
  bool retryable;
  bool repeatable;
  uint32_t retry_after_ms;
  size_t content_type_len;
  size_t header_len[KEPT]; /* 0: the answer has none */
  size_t attempt_count;
  xai_attempt attempts[];
} told;

void lxai_set_str(lua_State *L, const char *name, xai_str text) {
  lua_pushlstring(L, text.ptr == NULL ? "" : text.ptr, text.len);
  lua_setfield(L, -2, name);
}

/* An empty text is "unknown" and left out. */
static void set_known(lua_State *L, const char *name, xai_str text) {
  if (text.len > 0) lxai_set_str(L, name, text);
}

static void set_seconds(lua_State *L, const char *name, uint32_t ms) {
  lua_pushnumber(L, ms / 1000.0);
  lua_setfield(L, -2, name);
}

static void set_status(lua_State *L, int status) {
  if (status == 0) return;
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
}

static void set_flag(lua_State *L, const char *name, bool set) {
  lua_pushboolean(L, set);
  lua_setfield(L, -2, name);
}

static void set_if(lua_State *L, const char *name, bool set) {
  if (set) set_flag(L, name, set);
}

/* 0 is "not told" and left out. */
static void set_tokens(lua_State *L, uint64_t tokens) {
  if (tokens == 0) return;
  lxai_push_whole(L, tokens);
  lua_setfield(L, -2, "tokens");
}

void lxai_push_attempt(lua_State *L, const xai_attempt *attempt) {
  lua_createtable(L, 0, 9); /* attempt */
  lxai_set_str(L, "outcome", xai_str_of(xai_attempt_class_name(attempt->outcome)));
  if (attempt->code != XAI_OK) lxai_set_str(L, "code", xai_str_of(lxai_code_name(attempt->code)));
  set_status(L, attempt->http_status);
  set_known(L, "phase", xai_str_of(attempt->phase));
  set_seconds(L, "started", attempt->started_ms);
  set_seconds(L, "took", attempt->took_ms);
  set_seconds(L, "waited", attempt->waited_ms);
  set_seconds(L, "queued", attempt->queued_ms);
  set_known(L, "request_id", xai_str_of(attempt->request_id));
  set_tokens(L, attempt->tokens);
}

static void set_attempts(lua_State *L, const told *self) {
  lua_createtable(L, (int)self->attempt_count, 0);
  for (size_t i = 0; i < self->attempt_count; i++) {
    lxai_push_attempt(L, &self->attempts[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "attempts");
}

static void set_count(lua_State *L, const char *name, uint32_t count) {
  lxai_push_whole(L, count);
  lua_setfield(L, -2, name);
}

static void set_counts(lua_State *L, const xai_attempt_counts *counts) {
  lua_createtable(L, 0, 4);
  set_count(L, "answered", counts->answered);
  set_count(L, "refused", counts->refused);
  set_count(L, "not_sent", counts->not_sent);
  set_count(L, "unknown", counts->unknown);
  lua_setfield(L, -2, "counts");
}

/* Whether and when the same request may be made again. */
static void set_advice(lua_State *L, const told *self) {
  set_if(L, "retryable", self->retryable);
  set_if(L, "repeatable", self->repeatable);
  if (self->retry_after_ms != 0) set_seconds(L, "retry_after", self->retry_after_ms);
}

void lxai_push_whole_response(lua_State *L, int ctx, const xai_json *response) {
  xai_code code = lxai_push_json(L, ctx, response);
  if (code == XAI_ERR_NOMEM) luaL_error(L, "out of memory");
  if (code != XAI_OK) luaL_error(L, "the response is nested too deeply for this host");
}

static void set_response(lua_State *L, int ctx, const xai_json *response) {
  if (response == NULL) return;
  lxai_push_whole_response(L, ctx, response);
  lua_setfield(L, -2, "response");
}

/* ---- what is told when it is asked for ---- */

/* The last one known: of the answer, if any came. */
static const char *request_id_of(const xai_result *result) {
  for (size_t i = result->attempt_count; i > 0; i--) {
    if (result->attempts[i - 1].request_id[0] != '\0') return result->attempts[i - 1].request_id;
  }
  return result->error.request_id;
}

static char *put(char *at, xai_str text) {
  if (text.len > 0) memcpy(at, text.ptr, text.len);
  return at + text.len;
}

static void fill(told *self, const xai_result *result, const xai_str *headers) {
  self->reason = result->reason;
  memcpy(self->request_id, request_id_of(result), sizeof self->request_id);
  self->http_status = result->http_status;
  self->flags = result->flags;
  self->counts = result->counts;
  self->tokens = result->tokens;
  self->retryable = result->retryable;
  self->repeatable = result->repeatable;
  self->retry_after_ms = result->retry_after_ms;
  self->content_type_len = result->content_type.len;
  self->attempt_count = result->attempt_count;
  if (result->attempt_count > 0)
    memcpy(self->attempts, result->attempts, result->attempt_count * sizeof *self->attempts);
  char *at = put((char *)(self->attempts + self->attempt_count), result->content_type);
  for (int i = 0; i < KEPT; i++) {
    self->header_len[i] = headers[i].len;
    at = put(at, headers[i]);
  }
}

static void push_told(lua_State *L, int ctx, const xai_client *client, const xai_result *result) {
  xai_str headers[KEPT];
  size_t size = sizeof(told) + result->attempt_count * sizeof(xai_attempt) + result->content_type.len;
  xai_result_headers(client, kept_headers, KEPT, headers);
  for (int i = 0; i < KEPT; i++) size += headers[i].len;
  fill(lxai_newuserdata(L, size), result, headers); /* told */
  lxai_set_type(L, ctx, LXAI_TOLD_MT);
}

static void set_headers(lua_State *L, const told *self, const char *at) {
  lua_createtable(L, 0, 8);
  for (int i = 0; i < KEPT; i++) {
    set_known(L, kept_headers[i], (xai_str){at, self->header_len[i]});
    at += self->header_len[i];
  }
  lua_setfield(L, -2, "headers");
}

/* Into the table on top. */
static void set_told(lua_State *L, const told *self) {
  const char *texts = (const char *)(self->attempts + self->attempt_count);
  set_known(L, "reason", xai_str_of(self->reason));
  set_known(L, "content_type", (xai_str){texts, self->content_type_len});
  set_status(L, self->http_status);
  set_known(L, "request_id", xai_str_of(self->request_id));
  set_attempts(L, self);
  set_counts(L, &self->counts);
  set_tokens(L, self->tokens);
  set_advice(L, self);
  set_flag(L, "marker_missing", self->flags & XAI_FLAG_MARKER_MISSING);
  set_flag(L, "text_replaced", self->flags & XAI_FLAG_TEXT_REPLACED);
  set_flag(L, "not_streamed", self->flags & XAI_FLAG_NOT_STREAMED);
  set_headers(L, self, texts + self->content_type_len);
}

/* result[name], which it does not have: from now on it is a plain table that has all. Where memory runs out it stays
 * what it was. */
static int result_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushliteral(L, "told");
  lua_rawget(L, 1); /* result name told */
  const told *self = lxai_test(L, LXAI_HERE, 3, LXAI_TOLD_MT);
  if (self == NULL) return luaL_error(L, "not what a call ended with");
  lua_pushvalue(L, 1);
  set_told(L, self);
  lua_pushnil(L);
  lua_setfield(L, -2, "told");
  lua_pushnil(L);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 2);
  lua_rawget(L, 1);
  return 1;
}

/* The text of an answer that came whole is in its response, and no second time here. */
void lxai_push_result(lua_State *L, int ctx, const xai_client *client, const xai_event *event) {
  const xai_result *result = event->result;
  lua_createtable(L, 0, 8); /* result */
  lua_pushstring(L, xai_outcome_name(result->outcome));
  lua_setfield(L, -2, "outcome");
  if (result->error.code != XAI_OK) {
    lxai_push_error(L, &result->error);
    lua_setfield(L, -2, "error");
  }
  set_response(L, ctx, result->response);
  if (event->user != NULL) lxai_set_str(L, "text", result->text);
  set_known(L, "body", result->body);
  set_if(L, "unsettled", result->is_unsettled);
  push_told(L, ctx, client, result); /* result told */
  lua_setfield(L, -2, "told");
  lxai_set_type(L, ctx, LXAI_RESULT_MT);
}

static const luaL_Reg told_meta[] = {{NULL, NULL}};
static const luaL_Reg result_meta[] = {{"__index", result_index}, {NULL, NULL}};

void lxai_open_result(lua_State *L, int ctx) {
  lxai_new_type(L, ctx, LXAI_TOLD_MT, "xai.told", told_meta, NULL);
  lxai_new_type(L, ctx, LXAI_RESULT_MT, "xai.result", result_meta, NULL);
}
