/* lxai_result.c - how a call ended, as a Lua table: its response, its error, its attempts.
 * SPDX-License-Identifier: MIT */
#include "lxai_client.h"

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
  if (!set) return;
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, name);
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

static void set_attempts(lua_State *L, const xai_result *result) {
  lua_createtable(L, (int)result->attempt_count, 0);
  for (size_t i = 0; i < result->attempt_count; i++) {
    lxai_push_attempt(L, &result->attempts[i]);
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
static void set_advice(lua_State *L, const xai_result *result) {
  set_flag(L, "retryable", result->retryable);
  set_flag(L, "repeatable", result->repeatable);
  set_flag(L, "unsettled", result->is_unsettled);
  if (result->retry_after_ms != 0) set_seconds(L, "retry_after", result->retry_after_ms);
}

/* The last one known: of the answer, if any came. */
static const char *request_id_of(const xai_result *result) {
  for (size_t i = result->attempt_count; i > 0; i--) {
    if (result->attempts[i - 1].request_id[0] != '\0') return result->attempts[i - 1].request_id;
  }
  return result->error.request_id;
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

void lxai_push_result(lua_State *L, int ctx, const xai_result *result) {
  lua_createtable(L, 0, 20); /* result */
  lxai_set_str(L, "outcome", xai_str_of(xai_outcome_name(result->outcome)));
  lxai_set_str(L, "reason", xai_str_of(result->reason));
  if (result->error.code != XAI_OK) {
    lxai_push_error(L, &result->error);
    lua_setfield(L, -2, "error");
  }
  set_response(L, ctx, result->response);
  lxai_set_str(L, "text", result->text);
  set_known(L, "body", result->body);
  set_known(L, "content_type", result->content_type);
  set_status(L, result->http_status);
  set_known(L, "request_id", xai_str_of(request_id_of(result)));
  set_attempts(L, result);
  set_counts(L, &result->counts);
  set_tokens(L, result->tokens);
  set_advice(L, result);
  set_flag(L, "marker_missing", result->flags & XAI_FLAG_MARKER_MISSING);
  set_flag(L, "text_replaced", result->flags & XAI_FLAG_TEXT_REPLACED);
  set_flag(L, "not_streamed", result->flags & XAI_FLAG_NOT_STREAMED);
}
