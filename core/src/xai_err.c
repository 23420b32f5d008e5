/* xai_err.c - codes, kinds and their words; fills an xai_error.
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xai_err.h"

/* What follows from a code alone. */
typedef struct code_row {
  xai_code code;
  xai_kind kind;
  bool retryable;
} code_row;

static const code_row code_rows[] = {
  {XAI_ERR_ARG, XAI_KIND_USAGE, false},
  {XAI_ERR_KEY, XAI_KIND_AUTH, false},
  {XAI_ERR_STATE, XAI_KIND_USAGE, false},
  {XAI_ERR_URL, XAI_KIND_USAGE, false},
  {XAI_ERR_FILE, XAI_KIND_FILE, false},
  {XAI_ERR_RESOLVE, XAI_KIND_NETWORK, true},
  {XAI_ERR_CONNECT, XAI_KIND_NETWORK, true},
  {XAI_ERR_TLS, XAI_KIND_TLS, false}, /* a wrong certificate does not mend itself (F08) */
  {XAI_ERR_RESET, XAI_KIND_NETWORK, true},
  {XAI_ERR_SHORT, XAI_KIND_NETWORK, true},
  {XAI_ERR_HTTP, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_PROXY, XAI_KIND_NETWORK, true},
  {XAI_ERR_REDIRECT, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_JSON, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_UTF8, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_DEPTH, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_NOT_JSON, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_PROTOCOL, XAI_KIND_PROTOCOL, false},
  {XAI_ERR_EARLY, XAI_KIND_TRUNCATED, true},
  {XAI_ERR_SCHEMA, XAI_KIND_USAGE, false},
  {XAI_ERR_INVALID, XAI_KIND_SCHEMA, false},
  {XAI_ERR_API, XAI_KIND_SERVER, false}, /* refined by what the API says */
  {XAI_ERR_TRUNCATED, XAI_KIND_TRUNCATED, false},
  {XAI_ERR_DEADLINE, XAI_KIND_TIMEOUT, true},
  {XAI_ERR_SILENCE, XAI_KIND_TIMEOUT, true},
  {XAI_ERR_TOO_BIG, XAI_KIND_LIMIT, false},
  {XAI_ERR_FULL, XAI_KIND_LIMIT, true},
  {XAI_ERR_STEPS, XAI_KIND_LIMIT, false},
  {XAI_ERR_RATE, XAI_KIND_RATE, true},
  {XAI_ERR_OPEN, XAI_KIND_OVERLOADED, true},
  {XAI_ERR_SPENT, XAI_KIND_BUDGET, false},
  {XAI_ERR_CANCELLED, XAI_KIND_CANCELLED, false},
  {XAI_ERR_NOMEM, XAI_KIND_MEMORY, true},
  {XAI_ERR_LIBRARY, XAI_KIND_LIBRARY, false},
};

/* ---- words ---- */

const char *xai_code_text(xai_code code) {
  switch (code) {
    case XAI_OK: return "done";
    case XAI_MORE: return "not yet";
#define XAI_X(name, number, text) \
  case XAI_##name: return text;
      XAI_CODES(XAI_X)
#undef XAI_X
  }
  return "unknown code";
}

/* Spelt out, because the preprocessor cannot lower the list's names; test_err.c holds the two together. */
const char *xai_code_name(xai_code code) {
  switch (code) {
    case XAI_OK: return "ok";
    case XAI_MORE: return "more";
    case XAI_ERR_ARG: return "err_arg";
    case XAI_ERR_KEY: return "err_key";
    case XAI_ERR_STATE: return "err_state";
    case XAI_ERR_URL: return "err_url";
    case XAI_ERR_FILE: return "err_file";
    case XAI_ERR_RESOLVE: return "err_resolve";
    case XAI_ERR_CONNECT: return "err_connect";
    case XAI_ERR_TLS: return "err_tls";
    case XAI_ERR_RESET: return "err_reset";
    case XAI_ERR_SHORT: return "err_short";
    case XAI_ERR_HTTP: return "err_http";
    case XAI_ERR_PROXY: return "err_proxy";
    case XAI_ERR_REDIRECT: return "err_redirect";
    case XAI_ERR_JSON: return "err_json";
    case XAI_ERR_UTF8: return "err_utf8";
    case XAI_ERR_DEPTH: return "err_depth";
    case XAI_ERR_NOT_JSON: return "err_not_json";
    case XAI_ERR_PROTOCOL: return "err_protocol";
    case XAI_ERR_EARLY: return "err_early";
    case XAI_ERR_SCHEMA: return "err_schema";
    case XAI_ERR_INVALID: return "err_invalid";
    case XAI_ERR_API: return "err_api";
    case XAI_ERR_TRUNCATED: return "err_truncated";
    case XAI_ERR_DEADLINE: return "err_deadline";
    case XAI_ERR_SILENCE: return "err_silence";
    case XAI_ERR_TOO_BIG: return "err_too_big";
    case XAI_ERR_FULL: return "err_full";
    case XAI_ERR_STEPS: return "err_steps";
    case XAI_ERR_RATE: return "err_rate";
    case XAI_ERR_OPEN: return "err_open";
    case XAI_ERR_SPENT: return "err_spent";
    case XAI_ERR_CANCELLED: return "err_cancelled";
    case XAI_ERR_NOMEM: return "err_nomem";
    case XAI_ERR_LIBRARY: return "err_library";
  }
  return "unknown";
}

const char *xai_kind_name(xai_kind kind) {
  switch (kind) {
#define XAI_X(name, text, hint) \
  case XAI_KIND_##name: return text;
    XAI_KINDS(XAI_X)
#undef XAI_X
  }
  return "unknown";
}

const char *xai_kind_hint(xai_kind kind) {
  switch (kind) {
#define XAI_X(name, text, hint) \
  case XAI_KIND_##name: return hint;
    XAI_KINDS(XAI_X)
#undef XAI_X
  }
  return "";
}

const char *xai_outcome_name(xai_outcome outcome) {
  switch (outcome) {
    case XAI_OUTCOME_NONE: return "none";
    case XAI_OUTCOME_COMPLETE: return "complete";
    case XAI_OUTCOME_INCOMPLETE: return "incomplete";
    case XAI_OUTCOME_REFUSED: return "refused";
    case XAI_OUTCOME_FAILED: return "failed";
    case XAI_OUTCOME_CANCELLED: return "cancelled";
  }
  return "unknown";
}

const char *xai_attempt_class_name(xai_attempt_class c) {
  switch (c) {
    case XAI_ATTEMPT_RUNNING: return "running";
    case XAI_ATTEMPT_ANSWERED: return "answered";
    case XAI_ATTEMPT_NOT_SENT: return "not_sent";
    case XAI_ATTEMPT_REFUSED: return "refused";
    case XAI_ATTEMPT_UNKNOWN: return "unknown";
  }
  return "unknown";
}

/* ---- filling ---- */

void xai__error_clear(xai_error *err) {
  if (err != NULL) memset(err, 0, sizeof *err);
}

xai_code xai__fail(xai_error *err, xai_code code, const char *format, ...) {
  if (err == NULL) return code;
  char text[sizeof err->message * 2];
  size_t len = (size_t)snprintf(text, sizeof text, "%s", xai_code_text(code));
  if (format != NULL && format[0] != '\0') {
    memcpy(text + len, ": ", 3);
    len += 2;
    va_list args;
    va_start(args, format);
    /* Before the error is cleared: an argument may be the old message itself. */
    vsnprintf(text + len, sizeof text - len, format, args);
    va_end(args);
  }
  xai__redact(text);

  xai__error_clear(err);
  err->code = code;
  for (size_t i = 0; i < sizeof code_rows / sizeof code_rows[0]; i++) {
    if (code_rows[i].code != code) continue;
    err->kind = code_rows[i].kind;
    err->retryable = code_rows[i].retryable;
  }
  xai__str_copy(err->message, sizeof err->message, xai_str_of(text));
  return code;
}

/* ---- keeping ---- */

xai_error *xai__why_fill(xai_why *why, const xai_mem *mem) {
  if (why->error == NULL) why->error = xai__alloc(mem, sizeof *why->error);
  why->lost = why->error == NULL;
  return why->error;
}

void xai__why_keep(xai_why *why, const xai_mem *mem, const xai_error *err) {
  xai_error *kept = xai__why_fill(why, mem);
  if (kept != NULL) *kept = *err;
}

void xai__why_drop(xai_why *why, const xai_mem *mem) {
  xai__free(mem, why->error, sizeof *why->error);
  *why = (xai_why){0};
}

const xai_error *xai__why_read(const xai_why *why) {
  static const xai_error none = {.code = XAI_OK};
  static const xai_error no_memory = {
    .code = XAI_ERR_NOMEM, .kind = XAI_KIND_MEMORY, .retryable = true, .message = "out of memory"};
  if (why->error != NULL) return why->error;
  return why->lost ? &no_memory : &none;
}
