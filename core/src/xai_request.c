/* xai_request.c - checks a request and makes the copy that all its attempts send.
 * SPDX-License-Identifier: MIT */
#include "xai_request.h"

#include <string.h>

#include "xai_backoff.h"
#include "xai_err.h"
#include "xai_json.h"

enum { MAX_HEADER_VALUE = 8192, MAX_HEADERS = 64, MAX_URL = 8192, MAX_OWN_HEADERS = 7, TRACE_ID = 36 };
enum { BYTES_A_TOKEN = 4, MOST_GUESSED_TOKENS = 32768, MOST_PRIORITY = 9, MAX_KEY = 256 };

/* ---- limits */

static const xai_limits library_limits = {
  .deadline_ms = 3600000,
  .connect_ms = 5000,
  .handshake_ms = 10000,
  .first_event_ms = 600000,
  .silence_ms = 120000,
  .data_silence_ms = 600000,
  .max_attempts = 3,
  .backoff_base_ms = 500,
  .backoff_max_ms = 8000,
  .retry_after_max_ms = 120000,
  .max_request = (size_t)256 << 20,
  .max_response = (size_t)64 << 20,
  .max_event = (size_t)16 << 20,
  .max_headers = (size_t)64 << 10,
  .max_depth = 128,
};

xai_limits xai__limits(const xai_limits *limits, const xai_limits *defaults) {
  if (defaults == NULL) defaults = &library_limits;
  xai_limits out = *limits;
#define FILL(field) \
  if (out.field == 0) out.field = defaults->field
  FILL(deadline_ms);
  FILL(connect_ms);
  FILL(handshake_ms);
  FILL(first_event_ms);
  FILL(silence_ms);
  FILL(data_silence_ms);
  FILL(max_attempts);
  FILL(backoff_base_ms);
  FILL(backoff_max_ms);
  FILL(retry_after_max_ms);
  FILL(max_request);
  FILL(max_response);
  FILL(max_event);
  FILL(max_headers);
  FILL(max_depth);
#undef FILL
  return out;
}

/* ---- headers */

static bool is_token_char(unsigned char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_set_by_us(xai_str name) {
  static const char *const own[] = {
    "host", "content-length", "transfer-encoding", "connection",     "expect", "trailer",
    "te",   "upgrade",        "keep-alive",        "accept-encoding"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (xai__str_eq_nocase(name, own[i])) return true;
  return false;
}

static bool name_ok(xai_str name, size_t *offset) {
  *offset = 0;
  if (name.len == 0 || name.len > 256 || is_set_by_us(name)) return false;
  for (; *offset < name.len; ++*offset)
    if (!is_token_char((unsigned char)name.ptr[*offset])) return false;
  return true;
}

bool xai__header_ok(xai_str name, xai_str value, size_t *offset) {
  if (!name_ok(name, offset)) return false;
  for (*offset = 0; *offset < value.len; ++*offset) {
    unsigned char c = (unsigned char)value.ptr[*offset];
    bool edge = *offset == 0 || *offset + 1 == value.len;
    if (*offset >= MAX_HEADER_VALUE || c < 0x20 || c > 0x7e || (c == ' ' && edge)) return false;
  }
  return true;
}

static bool is_authorization(const char *name) {
  return xai__str_eq_nocase(xai_str_of(name), "authorization");
}

static bool caller_sets(const xai_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++)
    if (xai__str_eq_nocase(xai_str_of(request->headers[i].name), name)) return true;
  return false;
}

/* ---- the text of the copy: strings one after another, each with its NUL. The room is reserved once, so that
 * pointers into it stay. */

static const char *keep(xai_buf *text, const char *s, size_t len) {
  const char *at = text->ptr + text->len;
  if (len > 0) memcpy(text->ptr + text->len, s, len);
  text->ptr[text->len + len] = '\0';
  text->len += len + 1;
  return at;
}

static const char *keep_cstr(xai_buf *text, const char *s) {
  return keep(text, s, strlen(s));
}

static size_t text_size(const xai_request *request, const xai_request_defaults *defaults,
                        const char *method) {
  size_t size = strlen(defaults->base_url) + strlen(request->path) + 2 + strlen(method) + 1;
  size += TRACE_ID + 1;
  if (request->model != NULL) size += strlen(request->model);
  if (request->idempotency_key != NULL) size += strlen(request->idempotency_key) + 1;
  size += 1;
  for (size_t i = 0; i < request->header_count; i++)
    size += strlen(request->headers[i].name) + strlen(request->headers[i].value) + 2;
  return size;
}

/* ---- checks */

static bool path_ok(const char *path, size_t *offset) {
  *offset = 0;
  if (path == NULL || path[0] != '/') return false;
  for (; path[*offset] != '\0'; ++*offset)
    if (path[*offset] <= 0x20 || path[*offset] >= 0x7f || path[*offset] == '#') return false;
  return *offset < MAX_URL;
}

static bool method_ok(const char *method) {
  size_t len = strlen(method);
  for (size_t i = 0; i < len; i++)
    if (method[i] < 'A' || method[i] > 'Z') return false;
  return len > 0 && len < 16;
}

/* What only decides when it is sent, and the key that goes with each attempt (F74). */
static xai_code check_schedule(const xai_request *request, xai_error *err) {
  size_t offset;
  xai_str key = xai_str_of(request->idempotency_key);
  if (request->priority < -MOST_PRIORITY || request->priority > MOST_PRIORITY)
    return xai__fail(err, XAI_ERR_ARG, "priority must be from -%d to %d", MOST_PRIORITY, MOST_PRIORITY);
  if (request->idempotency_key == NULL) return XAI_OK;
  if (key.len == 0 || key.len > MAX_KEY || !xai__header_ok(xai_str_of("Idempotency-Key"), key, &offset))
    return xai__fail(err, XAI_ERR_ARG, "idempotency_key must have 1 to %d visible ASCII characters", MAX_KEY);
  if (caller_sets(request, "idempotency-key"))
    return xai__fail(err, XAI_ERR_ARG, "idempotency_key is given twice, as a header too");
  return XAI_OK;
}

static xai_code check(const xai_request *request, const char *method, const xai_limits *limits,
                      xai_error *err) {
  size_t offset;
  if (!path_ok(request->path, &offset))
    return xai__fail(err, XAI_ERR_ARG, "path must start with '/' and hold visible ASCII only (byte %zu)",
                     offset);
  if (!method_ok(method))
    return xai__fail(err, XAI_ERR_ARG, "method must be upper-case letters, such as GET");
  if (request->body.len > limits->max_request)
    return xai__fail(err, XAI_ERR_TOO_BIG, "the request body has %zu bytes, max_request is %zu",
                     request->body.len, limits->max_request);
  if (request->header_count > MAX_HEADERS)
    return xai__fail(err, XAI_ERR_ARG, "more than %d headers", MAX_HEADERS);
  for (size_t i = 0; i < request->header_count; i++) {
    const xai_header *header = &request->headers[i];
    if (header->name == NULL || header->value == NULL)
      return xai__fail(err, XAI_ERR_ARG, "header %zu is NULL", i + 1);
    if (!xai__header_ok(xai_str_of(header->name), xai_str_of(header->value), &offset)) {
      char name[48];
      xai__str_copy(name, sizeof name, xai_str_of(header->name));
      return xai__fail(err, XAI_ERR_ARG, "header \"%s\" is not allowed as it is (byte %zu)", name, offset);
    }
  }
  return check_schedule(request, err);
}

/* ---- the copy */

/* About four bytes of text make a token; most bytes of a large body are images and files, which have far fewer.
 * What the answer will add nobody knows yet: its usage settles the account. */
static uint64_t tokens_of(const xai_request *request) {
  if (request->tokens > 0) return request->tokens;
  size_t guess = request->body.len / BYTES_A_TOKEN + 1;
  return guess < MOST_GUESSED_TOKENS ? guess : MOST_GUESSED_TOKENS;
}

static xai_reply reply_of(const xai_request *request) {
  if (request->reply != XAI_REPLY_AUTO) return request->reply;
  xai_str path = xai_str_of(request->path);
  if (request->body.len == 0 && request->method == NULL) return XAI_REPLY_JSON;
  if (xai__str_ends(path, "/responses")) return XAI_REPLY_RESPONSES;
  if (xai__str_ends(path, "/chat/completions")) return XAI_REPLY_CHAT;
  return XAI_REPLY_JSON;
}

/* Version 4 form, from the client's own generator: for tracing only, the same for each attempt. */
static void make_trace_id(char out[TRACE_ID + 1], uint64_t *random) {
  static const char hex[] = "0123456789abcdef";
  uint32_t bits = 0;
  for (int i = 0; i < TRACE_ID; i++) {
    if (i % 8 == 0) bits = xai__random(random);
    out[i] = hex[bits & 15];
    bits >>= 4;
  }
  out[8] = out[13] = out[18] = out[23] = '-';
  out[14] = '4';
  out[19] = hex[8 + (bits & 3)];
  out[TRACE_ID] = '\0';
}

static void add_header(xai_request_copy *copy, const char *name, const char *value) {
  copy->headers[copy->header_count++] = (xai_header){name, value};
}

static void add_trace_id(xai_request_copy *copy, uint64_t *random) {
  char trace_id[TRACE_ID + 1];
  make_trace_id(trace_id, random);
  add_header(copy, "x-client-request-id", keep_cstr(&copy->text, trace_id));
}

/* It does not lie with the other texts, because it is wiped. */
static xai_code keep_authorization(xai_request_copy *copy, const xai_request *request) {
  for (size_t i = 0; i < request->header_count; i++) {
    if (copy->authorization != NULL || !is_authorization(request->headers[i].name)) continue;
    copy->authorization_size = strlen(request->headers[i].value) + 1;
    copy->authorization = xai__alloc(&copy->mem, copy->authorization_size);
    if (copy->authorization == NULL) return XAI_ERR_NOMEM;
    memcpy(copy->authorization, request->headers[i].value, copy->authorization_size);
  }
  return XAI_OK;
}

static void add_headers(xai_request_copy *copy, const xai_request_defaults *defaults,
                        const xai_request *request) {
  for (size_t i = 0; i < request->header_count; i++) {
    const char *name = request->headers[i].name, *value = request->headers[i].value;
    if (!is_authorization(name))
      add_header(copy, keep_cstr(&copy->text, name), keep_cstr(&copy->text, value));
  }
  if (copy->authorization != NULL) add_header(copy, "Authorization", copy->authorization);
  else if (copy->key != NULL) add_header(copy, "Authorization", copy->key->header.text);
  if (copy->body.len > 0 && !caller_sets(request, "content-type"))
    add_header(copy, "Content-Type", "application/json");
  if (!caller_sets(request, "accept"))
    add_header(copy, "Accept", request->stream ? "text/event-stream" : "application/json");
  if (!caller_sets(request, "user-agent")) add_header(copy, "User-Agent", defaults->user_agent);
}

static const char *keep_url(xai_buf *text, const char *base, const char *path) {
  const char *url = keep_cstr(text, base);
  text->len--; /* the path goes on where the base ended */
  keep_cstr(text, path);
  return url;
}

static bool is_safe_method(const char *method) {
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Copied into its room, or taken as it is (F88). */
static void keep_body(xai_request_copy *copy, const xai_request *request) {
  if (request->body_writer != NULL) xai__json_writer_take(request->body_writer, &copy->payload);
  else if (request->body.len > 0) keep(&copy->payload, request->body.ptr, request->body.len);
  copy->body = (xai_str){xai__buf_str(&copy->payload).ptr, request->body.len};
}

void xai__request_drop_body(xai_request_copy *copy) {
  xai__buf_deinit(&copy->payload);
  copy->body.ptr = NULL;
}

static xai_code make_room(xai_request_copy *copy, const xai_request_defaults *defaults,
                          const xai_request *request, const char *method) {
  size_t body = request->body_writer == NULL ? request->body.len : 0;
  xai_code code = xai__buf_reserve(&copy->text, text_size(request, defaults, method));
  return code == XAI_OK && body > 0 ? xai__buf_reserve(&copy->payload, body) : code;
}

static xai_code init(xai_request_copy *copy, const xai_mem *mem, const xai_request_defaults *defaults,
                     const xai_request *request, uint64_t *random, xai_error *err) {
  *copy = (xai_request_copy){.mem = *mem, .user = request->user, .stream = request->stream};
  xai__buf_init(&copy->text, mem, SIZE_MAX / 2);
  xai__buf_init(&copy->payload, mem, SIZE_MAX / 2);
  const char *method = request->method ? request->method : request->body.len > 0 ? "POST" : "GET";
  copy->limits = xai__limits(&request->limits, &defaults->limits);
  xai_code code = check(request, method, &copy->limits, err);
  if (code != XAI_OK) return code;
  copy->header_room = request->header_count + MAX_OWN_HEADERS;
  copy->headers = xai__alloc(mem, copy->header_room * sizeof *copy->headers);
  if (copy->headers == NULL || keep_authorization(copy, request) != XAI_OK ||
      make_room(copy, defaults, request, method) != XAI_OK) {
    xai__request_deinit(copy);
    return xai__fail(err, XAI_ERR_NOMEM, NULL);
  }
  if (copy->authorization == NULL) copy->key = xai__key_share(defaults->key);
  copy->reply = reply_of(request);
  copy->repeatable = request->retry_unknown || is_safe_method(method);
  copy->method = keep_cstr(&copy->text, method);
  copy->url = keep_url(&copy->text, defaults->base_url, request->path);
  keep_body(copy, request);
  copy->model = keep_cstr(&copy->text, request->model ? request->model : "");
  copy->priority = request->priority;
  copy->tokens = tokens_of(request);
  copy->tokens_guessed = request->tokens == 0;
  copy->most_cost = request->most_cost;
  add_headers(copy, defaults, request);
  if (request->idempotency_key != NULL)
    add_header(copy, "Idempotency-Key", keep_cstr(&copy->text, request->idempotency_key));
  if (!caller_sets(request, "x-client-request-id")) add_trace_id(copy, random);
  return XAI_OK;
}

xai_code xai__request_init(xai_request_copy *copy, const xai_mem *mem, const xai_request_defaults *defaults,
                           const xai_request *request, uint64_t *random, xai_error *err) {
  if (request->body_writer == NULL) return init(copy, mem, defaults, request, random, err);
  xai_request written = *request;
  xai_code code = xai_json_writer_end(request->body_writer, &written.body, err);
  return code == XAI_OK ? init(copy, mem, defaults, &written, random, err) : code;
}

void xai__request_deinit(xai_request_copy *copy) {
  xai__free(&copy->mem, copy->headers, copy->header_room * sizeof *copy->headers);
  xai__free_secret(&copy->mem, copy->authorization, copy->authorization_size);
  xai__key_drop(copy->key);
  copy->headers = NULL;
  copy->authorization = NULL;
  copy->key = NULL;
  xai__buf_deinit(&copy->text);
  xai__buf_deinit(&copy->payload);
}
