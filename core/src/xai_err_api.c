/* xai_err_api.c - what the API says when it says no: any shape of error answer, made into one xai_error.
 * SPDX-License-Identifier: MIT
 *
 * Two questions are kept apart. What was said (`words`) depends on the body's shape; what it means (`kind_of`)
 * depends on the status first and on code and text for the finer distinctions. Inside a stream the status
 * is 200 and says nothing: then the code decides.
 */
#include <stdio.h>
#include <string.h>

#include "xai_err.h"
#include "xai_json.h"

enum {
  SCRATCH = 4 * sizeof((xai_error *)0)->message, /* of a long text, enough to clean and cut      */
  MAX_VALUES = 4 << 20,                          /* memory for reading an error body             */
  MAX_DEPTH = 64,
  MAX_TEXT = 8 << 10 /* of a message, as far as it is looked at      */
};

/* What an error answer said, in its own bytes. */
typedef struct words {
  xai_str message;
  xai_str code;
  xai_str type;
  xai_str param;
  xai_str marker; /* the slug in "[WKE=slug]"                                          */
  int number;     /* a numeric code or status in the body, 0 when none                 */
} words;

/* A text that tells a kind. */
typedef struct sign {
  const char *text;
  xai_kind kind;
} sign;

/* ---- reading the shapes ---- */

static bool is_string(const xai_json *value) {
  return value != NULL && value->type == XAI_JSON_STRING;
}

static bool is_object(const xai_json *value) {
  return value != NULL && value->type == XAI_JSON_OBJECT;
}

/* Codes come as text and as numbers. */
static void read_code(words *said, const xai_json *code) {
  int64_t number;
  if (is_string(code)) said->code = xai_json_str(code);
  if (!xai_json_int(code, &number)) return;
  said->code = xai_json_text(code);
  if (number > 0 && number < 1000) said->number = (int)number;
}

static void read_status(words *said, const xai_json *status) {
  int64_t number;
  if (xai_json_int(status, &number) && number >= 400 && number < 600) said->number = (int)number;
}

/* The type of a stream's frame is not the error's type. */
static bool is_frame_type(xai_str type) {
  return xai__str_eq(type, "error") || xai__str_starts(type, "response.");
}

/* {"code", "message" or "error" or "detail", "type", "param"}, wherever it stood. */
static void read_fields(words *said, const xai_json *object) {
  static const char *const texts[] = {"error", "message", "detail", "error_description", "title"};
  read_code(said, xai_json_get(object, "code"));
  read_status(said, xai_json_get(object, "status"));
  const xai_json *type = xai_json_get(object, "type");
  if (is_string(type) && !is_frame_type(xai_json_str(type))) said->type = xai_json_str(type);
  if (is_string(xai_json_get(object, "param"))) said->param = xai_json_str(xai_json_get(object, "param"));
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const xai_json *text = xai_json_get(object, texts[i]);
    if (!is_string(text) || xai_json_str(text).len == 0) continue;
    said->message = xai_json_str(text);
    return;
  }
}

/* The object that holds the code and the message: the innermost of a few known wrappings. */
static const xai_json *unwrap(words *said, const xai_json *value) {
  static const char *const wrappings[] = {"response", "error", "detail", "errors"};
  for (int depth = 0; depth < 4; depth++) {
    if (value != NULL && value->type == XAI_JSON_ARRAY) value = xai_json_first(value);
    const xai_json *inner = NULL;
    for (size_t i = 0; inner == NULL && i < sizeof wrappings / sizeof wrappings[0]; i++) {
      const xai_json *found = xai_json_get(value, wrappings[i]);
      if (found != NULL && (found->type == XAI_JSON_OBJECT || found->type == XAI_JSON_ARRAY)) inner = found;
    }
    if (inner == NULL) return value;
    read_fields(said, value); /* a status or a code outside counts when there is none inside */
    value = inner;
  }
  return value;
}

static void find_marker(words *said) {
  static const char open[] = "[WKE=";
  size_t at = 0;
  for (; at + sizeof open <= said->message.len; at++) {
    if (memcmp(said->message.ptr + at, open, sizeof open - 1) == 0) break;
  }
  if (at + sizeof open > said->message.len) return;
  const char *slug = said->message.ptr + at + sizeof open - 1;
  const char *end = memchr(slug, ']', said->message.len - at - (sizeof open - 1));
  if (end != NULL) said->marker = (xai_str){slug, (size_t)(end - slug)};
}

/* ---- texts fit to be shown ---- */

static size_t marker_length(const char *at, size_t len) {
  if (len < 5 || memcmp(at, "[WKE=", 5) != 0) return 0;
  const char *end = memchr(at, ']', len);
  return end != NULL ? (size_t)(end - at) + 1 : 0;
}

/* Copy for the user: markers stripped, bytes that are no UTF-8 as '?', secrets redacted, trimmed, cut. */
static void show(char *to, size_t size, xai_str from) {
  char text[SCRATCH];
  size_t len = 0;
  for (size_t i = 0; i < from.len && len < sizeof text - 4;) {
    size_t skip = marker_length(from.ptr + i, from.len - i);
    if (skip > 0) {
      i += skip;
      continue;
    }
    size_t left = from.len - i < 4 ? from.len - i : 4;
    size_t character = 1;
    while (character <= left && xai__utf8_valid(from.ptr + i, character) != character) character++;
    if (character > left || from.ptr[i] == '\0') {
      text[len++] = '?';
      i++;
      continue;
    }
    memcpy(text + len, from.ptr + i, character);
    len += character;
    i += character;
  }
  text[len] = '\0';
  xai__redact(text);
  xai__str_copy(to, size, xai__str_trim(xai_str_of(text)));
}

static const char *status_text(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 520: return "Unknown Origin Error";
    case 521: return "Origin Down";
    case 522: return "Origin Connection Timeout";
    case 523: return "Origin Unreachable";
    case 524: return "Origin Timeout";
    case 525: return "Origin TLS Handshake Failed";
    case 526: return "Origin Certificate Invalid";
    case 529: return "Overloaded";
    case 530: return "Origin Error";
    default: return "";
  }
}

static void show_status(xai_error *err, int status, const char *why) {
  const char *text = status_text(status);
  snprintf(err->message, sizeof err->message, "the API answered with status %d%s%s%s", status,
           text[0] != '\0' ? " " : "", text, why);
}

/* ---- what it means ---- */

/* Money and keys come with any status; each is looked for in code, marker and message. */
static const sign anywhere[] = {
  {"free-usage-exhausted", XAI_KIND_QUOTA},
  {"free usage quota", XAI_KIND_QUOTA},
  {"insufficient_quota", XAI_KIND_QUOTA},
  {"spending-limit", XAI_KIND_SPENDING_LIMIT},
  {"spending limit", XAI_KIND_SPENDING_LIMIT},
  {"have any credits", XAI_KIND_CREDITS},
  {"out of credit", XAI_KIND_CREDITS},
  {"no credits", XAI_KIND_CREDITS},
  {"insufficient credit", XAI_KIND_CREDITS},
  {"incorrect api key", XAI_KIND_AUTH},
  {"invalid api key", XAI_KIND_AUTH},
  {"invalid_api_key", XAI_KIND_AUTH},
  {"violates usage guidelines", XAI_KIND_POLICY},
  {"safety_check_type", XAI_KIND_POLICY},
  {"content_policy", XAI_KIND_POLICY},
  {"content policy", XAI_KIND_POLICY},
  {"content_filter", XAI_KIND_POLICY},
};

/* The request itself is at fault: with 4xx other than 429, and without a status. */
static const sign in_request[] = {
  {"maximum prompt length", XAI_KIND_CONTEXT_LENGTH},
  {"maximum context length", XAI_KIND_CONTEXT_LENGTH},
  {"context_length_exceeded", XAI_KIND_CONTEXT_LENGTH},
  {"context length", XAI_KIND_CONTEXT_LENGTH},
  {"prompt is too long", XAI_KIND_CONTEXT_LENGTH},
  {"model not found", XAI_KIND_NOT_FOUND},
  {"model_not_found", XAI_KIND_NOT_FOUND},
  {"previous_response_not_found", XAI_KIND_NOT_FOUND},
  {"websocket_connection_limit_reached", XAI_KIND_OVERLOADED},
};

/* The service is at fault: with 429, 5xx, and without a status. */
static const sign in_service[] = {
  {"at capacity", XAI_KIND_OVERLOADED},           {"timed out in queue", XAI_KIND_OVERLOADED},
  {"currently unavailable", XAI_KIND_OVERLOADED}, {"temporarily unavailable", XAI_KIND_OVERLOADED},
  {"service_unavailable", XAI_KIND_OVERLOADED},   {"overloaded", XAI_KIND_OVERLOADED},
};

/* Codes before their colon, phrases of old and slugs of now, and the types of nested bodies: they decide
 * where no status does. */
static const sign codes[] = {
  {"unauthenticated", XAI_KIND_AUTH},
  {"unauthorized", XAI_KIND_AUTH},
  {"authentication_error", XAI_KIND_AUTH},
  {"permission-denied", XAI_KIND_PERMISSION},
  {"permission_error", XAI_KIND_PERMISSION},
  {"The caller does not have permission to execute the specified operation", XAI_KIND_PERMISSION},
  {"not-found", XAI_KIND_NOT_FOUND},
  {"not_found", XAI_KIND_NOT_FOUND},
  {"not_found_error", XAI_KIND_NOT_FOUND},
  {"Some requested entity was not found", XAI_KIND_NOT_FOUND},
  {"resource-exhausted", XAI_KIND_RATE},
  {"resource_exhausted", XAI_KIND_RATE},
  {"rate_limit_exceeded", XAI_KIND_RATE},
  {"rate_limit_error", XAI_KIND_RATE},
  {"Some resource has been exhausted", XAI_KIND_RATE},
  {"unavailable", XAI_KIND_OVERLOADED},
  {"deadline-exceeded", XAI_KIND_SERVER},
  {"internal", XAI_KIND_SERVER},
  {"Internal error", XAI_KIND_SERVER},
  {"server_error", XAI_KIND_SERVER},
  {"api_error", XAI_KIND_SERVER},
  {"invalid-argument", XAI_KIND_INVALID_REQUEST},
  {"invalid_argument", XAI_KIND_INVALID_REQUEST},
  {"Client specified an invalid argument", XAI_KIND_INVALID_REQUEST},
  {"invalid_request_error", XAI_KIND_INVALID_REQUEST},
  {"invalid_image", XAI_KIND_INVALID_REQUEST},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static xai_kind look(const sign *signs, size_t count, const words *said) {
  for (size_t i = 0; i < count; i++) {
    const char *text = signs[i].text;
    if (xai__str_has_nocase(said->code, text) || xai__str_has_nocase(said->marker, text) ||
        xai__str_has_nocase(said->message, text) || xai__str_has_nocase(said->type, text)) {
      return signs[i].kind;
    }
  }
  return XAI_KIND_NONE;
}

static xai_kind kind_of_code(xai_str code) {
  const char *colon = code.len > 0 ? memchr(code.ptr, ':', code.len) : NULL;
  if (colon != NULL) code.len = (size_t)(colon - code.ptr);
  for (size_t i = 0; i < COUNT(codes); i++) {
    if (xai__str_eq_nocase(code, codes[i].text)) return codes[i].kind;
  }
  return XAI_KIND_NONE;
}

/* The numbers of gRPC, as the management host uses them. */
static int status_of_number(int number) {
  switch (number) {
    case 3:
    case 9:
    case 11: return 400;
    case 5: return 404;
    case 6:
    case 10: return 409;
    case 7: return 403;
    case 8: return 429;
    case 12: return 501;
    case 14: return 503;
    case 16: return 401;
    case 4: return 504;
    default: return number >= 400 ? number : 500;
  }
}

static xai_kind kind_of_status(int status) {
  switch (status) {
    case 401: return XAI_KIND_AUTH;
    case 402: return XAI_KIND_CREDITS;
    case 403: return XAI_KIND_PERMISSION;
    case 404: return XAI_KIND_NOT_FOUND;
    case 408: return XAI_KIND_TIMEOUT;
    case 413: return XAI_KIND_TOO_LARGE;
    case 425:
    case 503:
    case 529: return XAI_KIND_OVERLOADED;
    case 429: return XAI_KIND_RATE;
    default: break;
  }
  if (status >= 400 && status < 500) return XAI_KIND_INVALID_REQUEST;
  return XAI_KIND_SERVER;
}

/* `status` is the one that speaks: 0 when only code and text do. */
static xai_kind kind_of(int status, const words *said) {
  if (status == 401) return XAI_KIND_AUTH;
  xai_kind kind = look(anywhere, COUNT(anywhere), said);
  if (kind != XAI_KIND_NONE) return kind;
  bool client_error = status >= 400 && status < 500 && status != 429;
  if (client_error || status == 0) kind = look(in_request, COUNT(in_request), said);
  if (kind == XAI_KIND_NONE && !client_error) kind = look(in_service, COUNT(in_service), said);
  if (kind != XAI_KIND_NONE) return kind;
  if (status != 0) {
    /* A blocked user or a missing key comes with 403 as well. */
    if (status == 403 && kind_of_code(said->code) == XAI_KIND_AUTH) return XAI_KIND_AUTH;
    return kind_of_status(status);
  }
  kind = kind_of_code(said->code);
  return kind != XAI_KIND_NONE ? kind : kind_of_code(said->type);
}

/* Would the same request, sent later, stand a chance? Whether it may be sent is another question, see
 * xai__class_of_status. Source: api/errors-limits.md section 4. */
static bool is_retryable(xai_kind kind, int status) {
  if (status == 409) return true;
  switch (kind) {
    case XAI_KIND_RATE:
    case XAI_KIND_OVERLOADED:
    case XAI_KIND_TIMEOUT: return true;
    case XAI_KIND_SERVER: break;
    default: return false;
  }
  if (status < 400) return true;
  return status == 500 || status == 502 || status == 504 || (status >= 520 && status <= 524) || status == 530;
}

/* ---- "Resets in: 1h 2m 3s" ---- */

static uint64_t unit_ms(const char *at, size_t left, size_t *used) {
  *used = 1;
  if (left >= 2 && at[0] == 'm' && at[1] == 's') return *used = 2, 1;
  if (left == 0) return 0;
  switch (at[0]) {
    case 'd': return 86400000;
    case 'h': return 3600000;
    case 'm': return 60000;
    case 's': return 1000;
    default: return 0;
  }
}

/* One "45s" or "1.5s"; false when there is none. Saturates far above any wait. */
static bool read_span(xai_str *text, uint64_t *ms) {
  const char *at = text->ptr;
  size_t left = text->len, used;
  while (left > 0 && (*at == ' ' || *at == ':' || *at == ',')) at++, left--;
  if (left == 0 || *at < '0' || *at > '9') return false;
  uint64_t thousandths = 0, scale = 1000;
  for (; left > 0 && ((*at >= '0' && *at <= '9') || (*at == '.' && scale == 1000)); at++, left--) {
    if (*at == '.') {
      scale = 100;
      continue;
    }
    uint64_t digit = (uint64_t)(*at - '0');
    if (scale < 1000) {
      thousandths += digit * scale;
      scale /= 10;
    } else if (thousandths < UINT32_MAX * (uint64_t)1000) {
      thousandths = thousandths * 10 + digit * 1000;
    }
  }
  while (left > 0 && *at == ' ') at++, left--;
  uint64_t unit = unit_ms(at, left, &used);
  if (unit == 0) return false;
  *ms += (thousandths / 1000) * unit + (thousandths % 1000) * unit / 1000;
  *text = (xai_str){at + used, left - used};
  return true;
}

uint32_t xai__span_ms(xai_str text) {
  uint64_t ms = 0;
  for (int parts = 0; parts < 5 && read_span(&text, &ms); parts++) {}
  return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static uint32_t read_reset(xai_str text) {
  static const char words_before[] = "resets in";
  const size_t len = sizeof words_before - 1;
  for (size_t i = 0; i + len < text.len; i++) {
    xai_str head = {text.ptr + i, len};
    if (xai__str_eq_nocase(head, words_before))
      return xai__span_ms((xai_str){text.ptr + i + len, text.len - i - len});
  }
  return 0;
}

/* ---- the public floor ---- */

static void fill(xai_error *err, int status, words *said) {
  if (said->message.len > MAX_TEXT) said->message.len = MAX_TEXT;
  find_marker(said);
  xai__error_clear(err);
  err->code = XAI_ERR_API;
  err->http_status = status;
  int speaks = status >= 300 ? status : said->number > 0 ? status_of_number(said->number) : 0;
  err->kind = kind_of(speaks, said);
  if (err->kind == XAI_KIND_NONE) err->kind = XAI_KIND_SERVER;
  err->retryable = is_retryable(err->kind, speaks);
  err->retry_after_ms = read_reset(said->message);
  show(err->api_code, sizeof err->api_code, said->code);
  show(err->api_type, sizeof err->api_type, said->type);
  show(err->param, sizeof err->param, said->param);
  show(err->message, sizeof err->message, said->message);
}

void xai__error_from_json(xai_error *err, int status, const xai_json *value) {
  if (err == NULL) return;
  words said = {0};
  const xai_json *inner = unwrap(&said, value);
  if (is_string(inner)) said.message = xai_json_str(inner);
  if (is_object(inner)) read_fields(&said, inner);
  fill(err, status, &said);
  if (err->message[0] != '\0') return;
  if (err->api_code[0] != '\0') snprintf(err->message, sizeof err->message, "%s", err->api_code);
  else if (status >= 300) show_status(err, status, ", without a message");
  else snprintf(err->message, sizeof err->message, "the API answered with an error without a message");
}

/* Any tag's beginning will do: neither JSON nor a sentence of the API starts so. */
static bool is_html(xai_str content_type, xai_str body) {
  return xai__str_has_nocase(content_type, "html") || xai__str_starts(body, "<");
}

static void from_text(xai_error *err, int status, xai_str content_type, xai_str body) {
  words said = {0};
  bool html = is_html(content_type, body);
  if (!html) said.message = body;
  fill(err, status, &said);
  if (err->message[0] == '\0') show_status(err, status, html ? ", as an HTML page" : ", without a body");
}

void xai__error_from_api(xai_error *err, const xai_mem *mem, int status, xai_str content_type, xai_str body) {
  if (err == NULL) return;
  body = xai__str_trim(body);
  const xai_json *value = NULL;
  xai_json_doc *doc = body.len > 0 ? xai_json_doc_new(mem, MAX_DEPTH, MAX_VALUES) : NULL;
  if (doc != NULL) value = xai_json_parse(doc, body.ptr, body.len, XAI_JSON_BORROW, NULL);
  bool has_words = value != NULL && value->type >= XAI_JSON_STRING;
  if (has_words) xai__error_from_json(err, status, value);
  else from_text(err, status, content_type, body);
  xai_json_doc_free(doc);
}

bool xai__is_error_frame(const xai_json *value) {
  static const char *const answers[] = {"choices", "output", "object", "id", "data"};
  if (!is_object(value)) return false;
  const xai_json *type = xai_json_get(value, "type");
  if (is_string(type) && xai__str_eq(xai_json_str(type), "error")) return true;
  for (size_t i = 0; i < COUNT(answers); i++) {
    if (xai_json_get(value, answers[i]) != NULL) return false;
  }
  /* A job that failed is an answer: {"status":"failed","error":{...}}. */
  if (is_string(xai_json_get(value, "status"))) return false;
  const xai_json *error = xai_json_get(value, "error");
  if (is_string(error) || is_object(error)) return true;
  const xai_json *code = xai_json_get(value, "code");
  bool coded = code != NULL && (code->type == XAI_JSON_STRING || code->type == XAI_JSON_NUMBER);
  return coded && is_string(xai_json_get(value, "message"));
}

static bool says_no(xai_kind kind) {
  return kind != XAI_KIND_NONE && kind != XAI_KIND_SERVER && kind != XAI_KIND_TIMEOUT &&
         kind <= XAI_KIND_OVERLOADED;
}

xai_attempt_class xai__class_of_status(int status, const xai_error *err) {
  bool told = err != NULL && err->code == XAI_ERR_API;
  if (status == 408 || status == 409) return XAI_ATTEMPT_UNKNOWN;
  if (status >= 300 && status < 500) return XAI_ATTEMPT_REFUSED;
  if (status == 503 || status == 529) return XAI_ATTEMPT_REFUSED;
  if (status >= 500) return XAI_ATTEMPT_UNKNOWN; /* whatever it says: what lies behind may have run it */
  if (!told) return XAI_ATTEMPT_ANSWERED;
  return says_no(err->kind) ? XAI_ATTEMPT_REFUSED : XAI_ATTEMPT_UNKNOWN;
}
