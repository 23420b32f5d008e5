/* xai.h - the Grok (xAI) API for C: calls that never block, streams folded into answers, errors as data.
 * SPDX-License-Identifier: MIT
 *
 * The shape of a program:
 *
 *   xai_error err;
 *   xai_config config = XAI_CONFIG_INIT;
 *   config.api_key = getenv("XAI_API_KEY");
 *   xai_client *client = xai_client_new(&config, &err);
 *   if (client == NULL) return complain(err.message);
 *
 *   xai_request request = XAI_REQUEST_INIT;
 *   request.path = "/responses";
 *   request.body = xai_str_of("{\"model\":\"grok-4.6\",\"input\":\"Why do tides lag the Moon?\",\"stream\":true}");
 *   if (xai_call_start(client, &request, &err).id == 0) return complain(err.message);   // then no END comes
 *
 *   for (bool running = true; running;) {
 *     xai_client_step(client, 50);                  // 0 in a game: never waits
 *     xai_event event;
 *     while (xai_client_next(client, &event) == XAI_OK) {
 *       if (event.type == XAI_EVENT_TEXT) fwrite(event.text.ptr, 1, event.text.len, stdout);
 *       if (event.type == XAI_EVENT_END) running = false;
 *     }
 *   }
 *   xai_client_free(client);
 *
 * Three words: a *client* holds the connections and the key; a *call* is one logical request, retries
 * included; an *event* is one piece of its answer. Every call ends in exactly one XAI_EVENT_END.
 *
 * Threads: a client belongs to one thread at a time. Two clients share nothing but a file that both name, for limits or
 * a budget. Used by two threads at once, or from inside one of its own functions, one of them gets XAI_ERR_STATE and
 * nothing happens (F100).
 * Processes: after a fork the child must make clients of its own. Its copy refuses to step, start and cancel
 * (XAI_ERR_STATE), and freeing it closes descriptors without a word on the parent's connections (F94).
 * Units: every time is in milliseconds, every `len` in bytes.
 */
#ifndef XAI_H
#define XAI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header: major, minor, patch. Before 1.0 a minor version may change interfaces. */
#define XAI_VERSION "0.1.0"

/* Built with XAI_HIDDEN a shared object keeps the library to itself: two of them in a process never meet. */
#if defined(XAI_API)
#elif defined(__GNUC__) && defined(XAI_HIDDEN)
#define XAI_API __attribute__((visibility("hidden")))
#elif defined(__GNUC__)
#define XAI_API __attribute__((visibility("default")))
#else
#define XAI_API
#endif

/* How an options struct begins: everything zero, which means the default, but its size, by which it can grow at its end: of
 * an older xai.h the library takes the rest as zero, and what is set by a newer one it refuses with XAI_ERR_ARG. */
#ifdef __cplusplus
#define XAI_SIZED(type) \
  { sizeof(type) }
#else
#define XAI_SIZED(type) \
  { .size = sizeof(type) }
#endif

/* ---------------------------------------------------------------- text, codes, errors */

/* A piece of text: pointer and length, not NUL-terminated, may contain NUL bytes. Never owns. */
typedef struct xai_str {
  const char *ptr;
  size_t len;
} xai_str;

/* The text of a C string; NULL gives the empty text. */
XAI_API xai_str xai_str_of(const char *text);

/* Every code the library returns: name, number, sentence. 0 is done; XAI_MORE is "not yet" and no
 * error; -1xx the caller's mistake, -2xx the wire, -3xx the format, -4xx the API, -5xx our limits,
 * -9xx the machine: memory, libraries. */
#define XAI_CODES(X)                                                                  \
  X(ERR_ARG, -101, "argument missing or out of range")                                \
  X(ERR_KEY, -102, "no usable API key")                                               \
  X(ERR_STATE, -103, "not possible in this state")                                    \
  X(ERR_URL, -104, "not a usable URL")                                                \
  X(ERR_FILE, -105, "the shared file cannot be used")                                 \
  X(ERR_RESOLVE, -201, "could not resolve the host name")                             \
  X(ERR_CONNECT, -202, "could not connect")                                           \
  X(ERR_TLS, -203, "the secure connection could not be made")                         \
  X(ERR_RESET, -204, "the connection broke")                                          \
  X(ERR_SHORT, -205, "the body ended before its announced end")                       \
  X(ERR_HTTP, -206, "not a valid HTTP answer")                                        \
  X(ERR_PROXY, -207, "the proxy refused")                                             \
  X(ERR_REDIRECT, -208, "the server answered with a redirect, which is not followed") \
  X(ERR_JSON, -301, "malformed JSON")                                                 \
  X(ERR_UTF8, -302, "malformed UTF-8")                                                \
  X(ERR_DEPTH, -303, "nested too deeply")                                             \
  X(ERR_NOT_JSON, -304, "the answer is not JSON")                                     \
  X(ERR_PROTOCOL, -305, "the answer breaks the API's protocol")                       \
  X(ERR_EARLY, -306, "the stream ended before its final event")                       \
  X(ERR_SCHEMA, -307, "not a usable JSON Schema")                                     \
  X(ERR_INVALID, -308, "the value does not satisfy the schema")                       \
  X(ERR_API, -401, "the API answered with an error")                                  \
  X(ERR_TRUNCATED, -402, "the answer was cut at a limit of the API")                  \
  X(ERR_DEADLINE, -501, "the deadline passed")                                        \
  X(ERR_SILENCE, -502, "the server fell silent")                                      \
  X(ERR_TOO_BIG, -503, "larger than the configured limit")                            \
  X(ERR_FULL, -505, "too many calls at once")                                         \
  X(ERR_STEPS, -506, "the check needed too many steps")                               \
  X(ERR_RATE, -507, "held back by a rate limit")                                      \
  X(ERR_OPEN, -508, "not tried, because the service keeps failing")                   \
  X(ERR_SPENT, -509, "over the budget")                                               \
  X(ERR_CANCELLED, -601, "cancelled by the caller")                                   \
  X(ERR_NOMEM, -901, "out of memory")                                                 \
  X(ERR_LIBRARY, -902, "a library that is needed is missing")

typedef enum xai_code {
  XAI_OK = 0,
  XAI_MORE = 1,
#define XAI_X(name, number, text) XAI_##name = number,
  XAI_CODES(XAI_X)
#undef XAI_X
} xai_code;

/* The sentence of a code, static. Unknown codes give "unknown code". */
XAI_API const char *xai_code_text(xai_code code);
/* The name of a code without prefix, lower case: "err_json". Static. */
XAI_API const char *xai_code_name(xai_code code);

/* What an error means to a program: name as in Lua's err.kind, whether a later try may help, and what
 * a person can do. Source: api/errors-limits.md sections 2-4. */
#define XAI_KINDS(X)                                                                                    \
  X(NONE, "none", "")                                                                                   \
  X(AUTH, "auth", "check the API key: it is missing, misspelt, disabled or lacks access")               \
  X(CREDITS, "credits", "the team has no credits: buy some in the console, then try again")             \
  X(SPENDING_LIMIT, "spending_limit", "the spending limit is reached: raise it in the console or wait") \
  X(QUOTA, "quota", "the free quota is used up: wait for its reset or change the plan")                 \
  X(RATE, "rate", "too many requests: wait as told in retry_after, or lower the rate")                  \
  X(PERMISSION, "permission", "the key may not use this endpoint or model: change its access list")     \
  X(POLICY, "policy", "the content was refused by policy: change the request")                          \
  X(CONTEXT_LENGTH, "context_length", "the prompt is too long for the model: shorten it")               \
  X(NOT_FOUND, "not_found", "check the model name, the id or the path")                                 \
  X(TOO_LARGE, "too_large", "the request is too large: send smaller images or files")                   \
  X(INVALID_REQUEST, "invalid_request", "the request is not accepted as it stands: see the message")    \
  X(OVERLOADED, "overloaded", "the service is busy: try again later")                                   \
  X(SERVER, "server", "the service failed: try again later, and quote the request id to support")       \
  X(NETWORK, "network", "check the network, the host name and the proxy settings")                      \
  X(TLS, "tls", "check the clock, the CA certificates and any proxy that inspects traffic")             \
  X(TIMEOUT, "timeout", "allow more time, or use a stream so that silence is noticed early")            \
  X(TRUNCATED, "truncated", "what arrived is in err.response; ask again, or allow more output tokens")  \
  X(PROTOCOL, "protocol", "the answer was not the API's: check base_url and any proxy in between")      \
  X(SCHEMA, "schema", "see the message: it can go back to the model as it stands")                      \
  X(LIMIT, "limit", "a limit of this library was reached: raise it in the options if that is right")    \
  X(CANCELLED, "cancelled", "")                                                                         \
  X(USAGE, "usage", "correct the arguments")                                                            \
  X(MEMORY, "memory", "free memory and try again")                                                      \
  X(LIBRARY, "library", "install the library that the message names, for this machine's architecture")  \
  X(FILE, "file", "check its path, its permissions and its file system; a damaged one can be removed")  \
  X(BUDGET, "budget", "raise the budget, wait for its reset, or make the call cheaper")

typedef enum xai_kind {
#define XAI_X(name, text, hint) XAI_KIND_##name,
  XAI_KINDS(XAI_X)
#undef XAI_X
} xai_kind;

XAI_API const char *xai_kind_name(xai_kind kind); /* "rate"; static                         */
XAI_API const char *xai_kind_hint(xai_kind kind); /* what to do; static, may be empty       */

/* Filled by the callee; plain data, nothing to free. Texts are NUL-terminated and cut to fit, always
 * at a character's end. No key, header value or message content is ever in it. */
typedef struct xai_error {
  xai_code code;           /* XAI_OK when nothing went wrong                                 */
  xai_kind kind;           /* XAI_KIND_NONE when nothing went wrong                          */
  int http_status;         /* 0 when no answer arrived                                       */
  bool retryable;          /* the same request may succeed later                             */
  uint32_t retry_after_ms; /* as the server said, or our own limits; 0: neither did          */
  size_t offset;           /* byte in the input, for parse errors                            */
  char request_id[64];     /* the API's x-request-id, empty when unknown                     */
  char api_code[64];       /* the API's own code, e.g. "invalid-argument"                    */
  char api_type[48];       /* the API's own type, where given                                */
  char param[64];          /* the parameter the API names, where given                       */
  /* When the key was refused, or may not do this: which one it was, by config.key_name, or by its last four
   * characters behind an ellipsis (U+2026) if it has 20 or more of them; else empty. */
  char key[40];
  char message[512]; /* one sentence, the API's own where it gave one                  */
} xai_error;

/* The version of libcurl in use, e.g. "7.88.1". Static. Where it is loaded when first needed (built with XAI_LAZY_CURL,
 * as for Lua) this is such a moment; "" when it cannot be. */
XAI_API const char *xai_curl_version(void);

/* ---------------------------------------------------------------- memory and time */

/* The allocator, in Lua's own shape: new_size 0 frees and returns NULL; otherwise (re)allocates and
 * returns NULL when there is no memory. fn NULL: malloc, realloc and free. */
typedef struct xai_mem {
  void *(*fn)(void *user, void *ptr, size_t old_size, size_t new_size);
  void *user;
} xai_mem;

/* The clocks. now_ms is monotonic and drives every wait; wall_s is Unix seconds and only reads dates
 * in headers. NULL: the system's. now_ms is read once per step. */
typedef struct xai_clock {
  uint64_t (*now_ms)(void *user);
  int64_t (*wall_s)(void *user);
  void *user;
} xai_clock;

/* ---------------------------------------------------------------- JSON: reading */

typedef enum xai_json_type {
  XAI_JSON_NULL,
  XAI_JSON_BOOL,
  XAI_JSON_NUMBER, /* kept as its text, so nothing is lost: see xai_json_int and xai_json_real */
  XAI_JSON_STRING,
  XAI_JSON_ARRAY,
  XAI_JSON_OBJECT
} xai_json_type;

typedef struct xai_json xai_json;         /* one value; lives as long as its document        */
typedef struct xai_json_doc xai_json_doc; /* owns values and their texts; reusable           */

enum {
  XAI_JSON_BORROW = 1,    /* strings without escapes point into the text: keep it as long as the values */
  XAI_JSON_UNIQUE = 2,    /* a key twice in an object is an error (otherwise both are kept, the last wins) */
  XAI_JSON_SURROGATES = 4 /* a lone surrogate escape is kept as its three-byte form instead of U+FFFD     */
};

/* A document with room for one text at a time. max_depth 0: 128. max_bytes bounds the memory for values
 * and decoded strings, 0: 256 MiB. Returns NULL without memory. */
XAI_API xai_json_doc *xai_json_doc_new(const xai_mem *mem, unsigned max_depth, size_t max_bytes);
/* NULL is fine. */
XAI_API void xai_json_doc_free(xai_json_doc *doc);

/* Read a whole text (RFC 8259, UTF-8 without BOM); what the document held before is forgotten, its
 * memory kept. Returns the root, or NULL with err filled: XAI_ERR_JSON, XAI_ERR_UTF8, XAI_ERR_DEPTH,
 * XAI_ERR_TOO_BIG, XAI_ERR_NOMEM; err->offset is the byte where it went wrong. No recursion.
 * Choices where the RFC leaves one: numbers of any size and precision are kept as text; equal keys are
 * all kept and the last wins; a lone surrogate escape becomes U+FFFD; a BOM is an error. */
XAI_API const xai_json *xai_json_parse(xai_json_doc *doc, const char *text, size_t len, unsigned flags,
                                       xai_error *err);

/* All of these accept NULL and the wrong type, and then give "nothing": XAI_JSON_NULL, false, 0, NULL. */
XAI_API xai_json_type xai_json_type_of(const xai_json *value);
XAI_API bool xai_json_bool(const xai_json *value);
XAI_API xai_str xai_json_str(const xai_json *value);   /* a string's bytes; borrowed from the document      */
XAI_API xai_str xai_json_text(const xai_json *number); /* a number as it was written                        */
XAI_API bool xai_json_int(const xai_json *value, int64_t *out); /* true only if written as a 64-bit integer */
XAI_API bool xai_json_real(const xai_json *value, double *out); /* nearest double; false if out of range  */
XAI_API size_t xai_json_len(const xai_json *value); /* elements of an array, members of an object        */
XAI_API const xai_json *xai_json_first(const xai_json *container);
XAI_API const xai_json *xai_json_next(const xai_json *element);
XAI_API xai_str xai_json_key(const xai_json *member); /* the key of a member met by first/next             */
XAI_API const xai_json *xai_json_get(const xai_json *object, const char *key);
XAI_API const xai_json *xai_json_at(const xai_json *array, size_t index);

/* ---------------------------------------------------------------- JSON: writing */

/* Writes one value piece by piece. Errors stick: check once, at the end. Commas and colons come by
 * themselves; a key must precede each value inside an object and nowhere else (XAI_ERR_STATE). */
typedef struct xai_json_writer xai_json_writer;

/* max_bytes 0: 256 MiB. max_depth 0: 128. NULL without memory. */
XAI_API xai_json_writer *xai_json_writer_new(const xai_mem *mem, unsigned max_depth, size_t max_bytes);
XAI_API void xai_json_writer_free(xai_json_writer *writer);
XAI_API void xai_json_writer_reset(xai_json_writer *writer); /* empty again, keeps its memory */
XAI_API void xai_json_put_null(xai_json_writer *writer);
XAI_API void xai_json_put_bool(xai_json_writer *writer, bool value);
XAI_API void xai_json_put_int(xai_json_writer *writer, int64_t value);
/* The shortest text that reads back as the same double; independent of the locale. NaN and infinities
 * are XAI_ERR_ARG. A whole number below 2^53 is written without a fraction only if `as_integer`. */
XAI_API void xai_json_put_real(xai_json_writer *writer, double value, bool as_integer);
/* UTF-8 is checked: XAI_ERR_UTF8 with the offset into this string. NUL bytes are escaped. */
XAI_API void xai_json_put_str(xai_json_writer *writer, const char *text, size_t len);
XAI_API void xai_json_put_key(xai_json_writer *writer, const char *text, size_t len);
XAI_API void xai_json_put_raw(xai_json_writer *writer, const char *json,
                              size_t len); /* trusted: one whole value */
XAI_API void xai_json_put_value(xai_json_writer *writer, const xai_json *value);
XAI_API void xai_json_open_object(xai_json_writer *writer);
XAI_API void xai_json_close_object(xai_json_writer *writer);
XAI_API void xai_json_open_array(xai_json_writer *writer);
XAI_API void xai_json_close_array(xai_json_writer *writer);
/* The first error so far, XAI_OK while there is none; what is not finished is no error yet. */
XAI_API xai_code xai_json_writer_code(const xai_json_writer *writer);
/* The text, NUL-terminated beyond len; borrowed until the next put, reset or free. Errors: the first
 * that happened, or XAI_ERR_STATE when a container is still open or nothing was put. */
XAI_API xai_code xai_json_writer_end(xai_json_writer *writer, xai_str *out, xai_error *err);

/* ---------------------------------------------------------------- JSON Schema */

typedef struct xai_schema
  xai_schema; /* compiled and immutable: many checks, clients and threads may share it  */
typedef struct xai_check
  xai_check; /* one check in progress or done: its workspace and what it found         */

typedef enum xai_draft {
  XAI_DRAFT_AUTO, /* by $schema, else 2020-12 */
  XAI_DRAFT_4,
  XAI_DRAFT_6,
  XAI_DRAFT_7,
  XAI_DRAFT_2019_09,
  XAI_DRAFT_2020_12
} xai_draft;

/* A schema that others refer to by its address. Nothing is ever fetched. */
typedef struct xai_schema_remote {
  const char *uri;
  xai_str text;
} xai_schema_remote;

typedef struct xai_schema_options {
  size_t size;         /* stamped by XAI_SCHEMA_OPTIONS_INIT                                         */
  xai_draft draft;     /* of schemas without $schema; AUTO: 2020-12                                  */
  bool assert_format;  /* `format` must hold; otherwise it is an annotation                          */
  bool assert_content; /* `contentEncoding` and `contentMediaType` must hold (base64, JSON)          */
  const xai_schema_remote *remotes;
  size_t remote_count;
  const char *base_uri; /* of the schema itself; NULL: none                                          */
  size_t max_bytes;     /* of the compiled form, 0: 64 MiB                                           */
  unsigned max_depth;   /* nesting of values, and of references at one value; 0: 128                 */
  uint32_t match_limit; /* steps of one pattern on one string, beside 16 a byte of it; 0: 1,000,000  */
  uint64_t max_steps;   /* of one check, some 10 ns each; 0: 5 for each byte, at least 4,000,000      */
} xai_schema_options;
#define XAI_SCHEMA_OPTIONS_INIT XAI_SIZED(xai_schema_options)

/* Drafts 2020-12, 2019-09, 7, 6 and 4. options NULL: the defaults. Everything is copied. The drafts' own
 * metaschemas can be referred to without handing them in. NULL with err filled: XAI_ERR_SCHEMA, whose message
 * names the place in the schema and what is wrong there (unknown $schema, a reference that leads nowhere or
 * only back to itself, a bad pattern, a keyword's wrong type); XAI_ERR_JSON and the other errors of reading;
 * XAI_ERR_TOO_BIG; XAI_ERR_NOMEM; XAI_ERR_ARG.
 * Patterns are ECMA-262's with its u flag. Built without PCRE2 (XAI_PCRE2=0, as xai.c is unless told otherwise), those
 * that look ahead elsewhere than at their start, or behind, refer back to a group or name a property of Unicode are
 * XAI_ERR_LIBRARY, as are very large ones: this build cannot match them, another can. */
XAI_API xai_schema *xai_schema_compile(const xai_mem *mem, const char *text, size_t len,
                                       const xai_schema_options *options, xai_error *err);
/* After the last check with it. NULL is fine. */
XAI_API void xai_schema_free(xai_schema *schema);

typedef struct xai_violation {
  xai_str instance; /* JSON pointer into the value: "/items/3"; empty: the whole                      */
  xai_str schema; /* JSON pointer into the schema, after another resource's URI and '#' if not the main one */
  xai_str keyword; /* "minimum"; empty where a schema is just false                                  */
  xai_str message; /* one sentence for people and models: `/items/3 must be at least 0, but is -2`   */
  size_t offset;   /* byte of the value in the text; SIZE_MAX: not known, of a value, or after the first 64 */
} xai_violation;

/* A check with its workspace; reuse it, its memory stays. all_errors: go on after the first violation, up to
 * 1,000 of them. NULL without memory. */
XAI_API xai_check *xai_check_new(const xai_mem *mem, const xai_schema *schema, bool all_errors);
XAI_API void xai_check_free(xai_check *check);
XAI_API void xai_check_reset(xai_check *check); /* forgets what was found */

/* XAI_OK: the value satisfies the schema. XAI_ERR_INVALID: see the violations. XAI_ERR_STEPS: too much work, the
 * one violation names what took it (a pattern, or the place); XAI_ERR_DEPTH; XAI_ERR_NOMEM. Of equal keys in an
 * object each value is held against the schema. */
XAI_API xai_code xai_check_value(xai_check *check, const xai_json *value);
/* The same from text: also XAI_ERR_JSON and the other errors of reading. err, if given, gets the first violation's
 * sentence. */
XAI_API xai_code xai_check_text(xai_check *check, const char *text, size_t len, xai_error *err);
/* Of the last check; borrowed until the next one, a reset or the free. NULL beyond the last. */
XAI_API size_t xai_check_violations(const xai_check *check);
XAI_API const xai_violation *xai_check_violation(const xai_check *check, size_t index);

/* The same while the text comes, cut anywhere. XAI_OK: it can still become valid ("open"). XAI_ERR_INVALID: it cannot,
 * whatever follows; the one violation says why, its offset is the byte with which that became certain. XAI_ERR_JSON and
 * the other errors of reading: likewise, with the offset of xai_json_parse. Every error is final until a reset; other
 * checks with the same `xai_check` end a stream. What would take too long to decide early is left to the end:
 * XAI_ERR_INVALID is never said of the beginning of a text that xai_check_text accepts. */
XAI_API xai_code xai_check_feed(xai_check *check, const char *bytes, size_t len);
/* No more bytes follow: XAI_OK, or an error of xai_check_text; further feeding is XAI_ERR_STATE until a reset. */
XAI_API xai_code xai_check_finish(xai_check *check);
/* The value so far, with open strings and containers; numbers, true, false and null when they are complete, a member
 * when its value is there. It grows in place, so asking is free. Borrowed until the next feed, reset or check; NULL
 * before the value begins. */
XAI_API const xai_json *xai_check_partial(const xai_check *check);

/* ---------------------------------------------------------------- server-sent events */

/* A parser of one stream: bytes in, cut anywhere, events out. */
typedef struct xai_sse xai_sse;

typedef struct xai_sse_event {
  xai_str name;  /* "message" when the stream gave none                                        */
  xai_str data;  /* data lines joined by '\n'; may contain NUL bytes; always valid UTF-8       */
  xai_str id;    /* last id seen, empty when none                                              */
  int64_t retry; /* reconnection time in force, -1 when none                                   */
  bool replaced; /* invalid UTF-8 was replaced by U+FFFD in this event                         */
} xai_sse_event;

typedef struct xai_sse_end {
  xai_str last_event_id;
  int64_t retry;  /* -1 when none                                                             */
  bool discarded; /* an unfinished event or line was thrown away                              */
} xai_sse_end;

/* max_event bounds one line and one event, 0: 16 MiB. NULL without memory. */
XAI_API xai_sse *xai_sse_new(const xai_mem *mem, size_t max_event);
XAI_API void xai_sse_free(xai_sse *sse);
XAI_API void xai_sse_reset(xai_sse *sse); /* as new, keeps its memory */

/* Lend bytes from the network, cut anywhere, even inside a CRLF or a UTF-8 sequence. They are borrowed:
 * keep them until xai_sse_next has returned XAI_MORE, which is also the earliest moment for the next
 * feed (XAI_ERR_STATE otherwise). Time is linear in the bytes for every chunking.
 * Source: WHATWG HTML section 9.2, "Server-sent events". */
XAI_API xai_code xai_sse_feed(xai_sse *sse, const char *bytes, size_t len);

/* The next complete event: XAI_OK and `event` filled; XAI_MORE when the bytes ran out. Errors:
 * XAI_ERR_TOO_BIG, XAI_ERR_NOMEM; then the parser is dead until a reset. Borrowed: the texts live until
 * the next call of any function with this parser. */
XAI_API xai_code xai_sse_next(xai_sse *sse, xai_sse_event *event);

/* The input is over: what the parser ended with. An unfinished event is discarded, as the standard says. */
XAI_API void xai_sse_finish(xai_sse *sse, xai_sse_end *end);
/* Bytes of lines and events fed so far, comments included: for limits on silence and for error offsets. */
XAI_API uint64_t xai_sse_offset(const xai_sse *sse);

/* ---------------------------------------------------------------- the client */

/* Connections, the key, and the calls in flight. */
typedef struct xai_client xai_client;

/* A call in flight: index and generation. Using one that has ended is a harmless no-op. 0 is none. */
typedef struct xai_call_id {
  uint32_t id;
} xai_call_id;

/* Limits of a call; 0 means the default, XAI_NO_LIMIT what it says. Source of the defaults: faults.md.
 *
 * What a call holds of memory, and which limit caps it (R6); some 32 KiB for itself come on top:
 *   the request, its copy                        max_request (the headers: 64 of 8 KiB at most); the body goes when a
 *                                                streamed answer has begun and all of it was sent
 *   headers of the answer, interim ones included max_headers
 *   bytes of a stream that nobody has pulled     64 KiB, and as much that is being read; then the socket waits
 *   an unfinished line and event                 max_event for each of the two
 *   a streamed answer, folded                    2 x max_response, its bytes at most max_response
 *   a whole answer, before it is read            max_response
 *   ... the API's own object, folded             2 x max_response
 *   ... any other JSON value                     8 x max_response (a value takes more room than its text)
 *   the body of an error answer                  64 KiB, and as much while it is read
 *   attempts                                     max_attempts, of some 120 bytes each
 *   nesting of JSON                              max_depth
 * Between two events a stream gives back what only an event needs: then it holds some 4 KiB and its answer so far.
 * What one attempt used the next one uses again. Beyond a limit the call ends with XAI_ERR_TOO_BIG (XAI_ERR_DEPTH),
 * which names it. Of a client: max_calls calls, and libcurl's own 16 to 64 KiB for each connection that it serves.
 *
 * Whatever max_attempts says, all retries of a client together are at most 10 % of its calls and 10 more in any 10 s; a
 * call that may not be repeated for that ends with the error of its last attempt. Source: faults.md R4, R5. */
#define XAI_NO_LIMIT UINT32_MAX
typedef struct xai_limits {
  uint32_t deadline_ms;        /* the whole call, retries and waits included; default 3,600,000            */
  uint32_t connect_ms;         /* resolving, and the first address that connects; default 5,000            */
  uint32_t handshake_ms;       /* TLS; default 10,000                                                      */
  uint32_t first_event_ms;     /* after those two, until the first event or body byte; default 600,000     */
  uint32_t silence_ms;         /* between two bytes of the body, or of an upload; default 120,000          */
  uint32_t data_silence_ms;    /* between two data events, comments do not count; default 600,000          */
  uint32_t max_attempts;       /* default 3; 1 switches retrying off                                       */
  uint32_t backoff_base_ms;    /* full jitter from this; default 500 (1,000 after a 429)                   */
  uint32_t backoff_max_ms;     /* ... up to this; default 8,000                                            */
  uint32_t retry_after_max_ms; /* a longer wish of the server ends the call; default 120,000            */
  size_t max_request;          /* bytes of a request body; default 256 MiB                                 */
  size_t max_response;         /* bytes of one answer, decompressed; default 64 MiB                        */
  size_t max_event;            /* bytes of one line or event; default 16 MiB                               */
  size_t max_headers;          /* bytes of all headers of one answer; default 64 KiB                       */
  unsigned max_depth;          /* nesting of JSON; default 128                                             */
} xai_limits;

/* Where nothing but plain HTTP/1.1 is needed (http://, no proxy, max_connections 0) libcurl only connects, no
 * compression is asked for, and a call takes less than half the time. */
typedef enum xai_transport_kind {
  XAI_TRANSPORT_CURL,     /* libcurl's and our own sockets                                 */
  XAI_TRANSPORT_SCRIPTED, /* the program itself answers, through xai_wire_*: tests, simulator */
  XAI_TRANSPORT_HOST /* the program moves the bytes, through xai_host_*: event loops with sockets of their own */
} xai_transport_kind;

/* A rate limit that is known beforehand: of one model, or (model NULL) of all calls together. 0: no limit is
 * known, and the client learns it from answers (their x-ratelimit-* headers and the texts of 429s). */
typedef struct xai_rate {
  const char *model;
  uint32_t requests_per_second;
  uint32_t requests_per_minute;
  uint64_t tokens_per_minute; /* input and output, cached and reasoning tokens too                      */
  uint32_t concurrent;        /* attempts in flight at once; never learned                              */
} xai_rate;

/* When a service keeps failing, calls are not sent but fail at once with XAI_ERR_OPEN, which says when to try
 * again; a probe about each second finds out when it is back, and within two seconds more all calls pass. It
 * takes so much that no healthy client ever meets it: for 2.5 s on end, of all attempts that ended in the last
 * 5 s, at least 30 of them, 95 in 100 could not connect, had no answer, or had a status of 502, 503, 504,
 * 520-524, 529 or 530. Whatever else the API answers, a 429 too, says that it is there. */
typedef struct xai_breaker_options {
  bool off;
  uint32_t min_attempts;   /* default 30                          */
  uint32_t failed_percent; /* default 95, at most 100             */
  uint32_t window_ms;      /* default 5,000; half of it is "on end" */
} xai_breaker_options;

/* What calls may cost, in ticks (10^-10 US dollars) or in tokens. A POST then tells the most it can cost
 * (xai_request.most_cost), which is held back before each of its attempts; one that does not fit is not sent and fails
 * with XAI_ERR_SPENT. After it that becomes what it did cost: usage.cost_in_usd_ticks, or usage.total_tokens. Nothing,
 * if it was not sent or not processed. What may have been billed without our knowing (class "unknown", an answer that
 * was cut) stays as it was held back; so does what a process had under way that dies. Hence the sum is never less than
 * the bill, and within the limit as long as no call costs more than was told.
 *
 * In a file the number is shared by all who name it, and outlives them: a process that is killed loses nothing of it.
 * Of what was counted in the last seconds before the power fails some may be lost; it is written out once a second
 * and when a client is freed, without waiting. What holds for config.share's file holds for this one, which may be the
 * same; it keeps 4,095 counters, one for each name and period. Clients may name different limits of one number: each
 * keeps to its own. By day or month it begins at 0 with each of them, in UTC as the wall clock says; a clock that is
 * turned back finds what was counted. Source: faults.md F77, api/responses.md (cost_in_usd_ticks). */
typedef enum xai_budget_unit { XAI_BUDGET_TICKS, XAI_BUDGET_TOKENS } xai_budget_unit;
typedef enum xai_budget_period { XAI_BUDGET_FOR_GOOD, XAI_BUDGET_DAY, XAI_BUDGET_MONTH } xai_budget_period;
typedef struct xai_budget_options {
  uint64_t limit; /* 0: no budget                                                            */
  xai_budget_unit unit;
  xai_budget_period every;
  const char *file; /* copied; NULL: the number is this client's alone, and forgotten with it */
  const char *name; /* keeps several budgets of a file apart, at most 63 bytes; NULL: ""      */
} xai_budget_options;

typedef enum xai_http_version {
  XAI_HTTP_1_1, /* a connection for each call in flight: what long streams are quickest over              */
  XAI_HTTP_2    /* over TLS, where the server agrees, calls share a connection; else 1.1                  */
} xai_http_version;

typedef enum xai_log_level {
  XAI_LOG_DEFAULT, /* INFO                                                                          */
  XAI_LOG_ERROR,   /* a call was refused or failed                                                  */
  XAI_LOG_WARN,    /* an attempt is repeated, a call is incomplete                                  */
  XAI_LOG_INFO,    /* a call is complete or cancelled; the client is opened, closed                 */
  XAI_LOG_DEBUG    /* a call starts; each attempt starts, ends                                      */
} xai_log_level;
XAI_API const char *xai_log_level_name(xai_log_level level); /* "warn"; static */

/* Lines of what happens, in the form name=value (logfmt), with these fields and no others, in this order; unknown
 * ones are left out:
 *
 *   time (UTC) level event (open, start, attempt, attempt_end, retry, end, close) call attempt method path (without
 *   query) status request_id ms bytes outcome kind code retry_ms host
 *
 *   time=2026-11-21T12:34:56Z level=warn event=retry call=65536 attempt=1 method=POST path=/v1/responses status=429
 *   request_id=f3a1 kind=rate code=api retry_ms=1500 host=api.x.ai
 *
 * No body, header, key or sentence of the server is ever in one; where a path or request id spells the key, in any
 * of the forms that it may take, there are stars. Values with other than letters, digits and -._~/:@%+*,[] stand in
 * quotes, with \" and \\ inside. fn runs within the functions of the client and may not use it; the line, without
 * line end, is borrowed until it returns. Source: faults.md R8, F130. */
typedef struct xai_log {
  void (*fn)(void *user, xai_log_level level, xai_str line); /* NULL: no log */
  void *user;
  xai_log_level level; /* lines of this level and those above */
} xai_log;

/* A proxy from the environment is http_proxy's for http URLs, https_proxy's or HTTPS_PROXY's for https ones, else
 * all_proxy's or ALL_PROXY's, with or without http:// before it; unless no_proxy or NO_PROXY exempts the host: a
 * name with all below it, an address or a network (10.0.0.0/8), names and addresses with a port or without, "*".
 *
 * Limits shared through a file. Those of the same model hold for all clients together, in every span of a second or a
 * minute as seen on one clock: CLOCK_MONOTONIC, or the one that all of them hand in (the two kinds do not mix at a time:
 * XAI_ERR_FILE). Of a limit of requests nine tenths can be used for long, of one of tokens three quarters, and the rest
 * comes at once; a call that needs more than that rest waits for a pause of the others. A client that names another
 * limit than the others keeps to its own and uses up the common one at its own rate, so that together they never exceed
 * the larger. What a 429 teaches stays with the client that met it. Attempts at once are places that the system takes
 * back when a process dies (locks of open file descriptions: Linux, 1,024 at most); one that it forked keeps them alive
 * until it frees its copy of the client or becomes another program. Lines are each client's own: who has waited longest
 * in one does not pass those of another. Counts of before a restart of the machine do no harm. The file, of 256 KiB, is
 * its maker's alone (mode 0600); made beforehand, empty, and with other rights it serves other users, too. It lies on a
 * local file system and is not cut or removed while in use: calls then fail with XAI_ERR_FILE; cut in the moment between
 * our look and our touch it costs the process a SIGBUS, as any mapped file does. Source: faults.md F76. */
typedef struct xai_config {
  size_t size;            /* stamped by XAI_CONFIG_INIT                                             */
  const char *api_key;    /* copied, see xai_client_set_key. NULL: no Authorization header is sent  */
  const char *base_url;   /* default "https://api.x.ai/v1"; http only if written so                 */
  const char *user_agent; /* put before the library's own; NULL: that alone                         */
  /* PEM bundle, and nobody else is believed. NULL: what SSL_CERT_FILE (CURL_CA_BUNDLE) and SSL_CERT_DIR name; without
   * them the system's bundle and folder. Of both the folder is asked first. What was read may be kept until the client
   * is freed: after a change of authorities open another. */
  const char *ca_file;
  const char *proxy;        /* URL; NULL: from the environment, see above; "": none                   */
  uint64_t seed;            /* jitter; 0: taken from the system                                       */
  uint32_t max_calls;       /* in flight at once; default 16,384                                      */
  uint32_t max_connections; /* to one host, 0: no limit of our own                                    */
  xai_limits limits;
  xai_transport_kind transport;
  xai_mem mem;
  xai_clock clock;
  const xai_rate *rates; /* copied; a model twice: XAI_ERR_ARG                                        */
  size_t rate_count;     /* at most 32                                                                */
  bool rates_fixed;      /* nothing is learned from answers: `rates` alone hold                       */
  xai_breaker_options breaker;
  xai_http_version http_version; /* default 1.1; 2: XAI_ERR_ARG if libcurl lacks it, or is before 7.88.1  */
  bool require_staple; /* the server must staple a good OCSP answer to its certificate, else XAI_ERR_TLS. Off:
                          staples are not looked at, and a revoked certificate passes until it expires      */
  /* Instead of api_key. api_key_file: holds the key; a line end behind it is dropped. Read when the client is made,
   * and again by the first call that starts after the key was refused. key: asked by each xai_call_start, which
   * copies what it returns; empty: XAI_ERR_KEY. It may not use the client. */
  const char *api_key_file;
  xai_str (*key)(void *user);
  void *key_user;
  xai_log log;
  const char *key_name; /* what errors call the key, 1 to 39 visible ASCII characters                  */
  /* Path of a file: what `rates` allow is shared by all clients, of any process of this machine, that name it, see
   * above. Made if there is none; kept open. Without rates: XAI_ERR_ARG. NULL: each client has them to itself. */
  const char *share;
  xai_budget_options budget;
  /* Sockets that have something and are served by one step, of some ten microseconds each; those left over are the
   * first of the next. For a frame with a budget and hundreds of streams. 0 or above: 1,032. */
  uint32_t max_ready;
} xai_config;
#define XAI_CONFIG_INIT XAI_SIZED(xai_config)

/* A client. Everything in config is copied. NULL with err filled: XAI_ERR_KEY (a character that no
 * header may hold, a file that cannot be read; the message never shows it), XAI_ERR_URL, XAI_ERR_TLS (ca_file cannot
 * be read), XAI_ERR_LIBRARY (libcurl), XAI_ERR_FILE, XAI_ERR_NOMEM, XAI_ERR_ARG. No connection is made yet. */
XAI_API xai_client *xai_client_new(const xai_config *config, xai_error *err);
/* Drops all calls without END events, closes connections, wipes the key. NULL is fine. Does nothing while
 * another function of this client is at work (F100). */
XAI_API void xai_client_free(xai_client *client);

/* Another key from now on; ptr NULL: none. Calls that have started keep theirs, for their further attempts, too.
 * Ours is one copy in pages of its own, which are locked into memory (where the system allows it), no part of core
 * dumps, empty in a forked child, and wiped when the last call with it is over. Where pages cannot be had it lies in
 * memory of the allocator, and is wiped all the same. Until an attempt's answer has begun the head of its request
 * holds another, which we wipe. NOT ours are the buffers that libcurl sends from: it frees them as they are, one for
 * each request, and until that memory is used again a core dump may hold what they held. A program that must not let
 * that happen forbids core dumps. name: as key_name, NULL: as before. Errors: XAI_ERR_KEY, XAI_ERR_ARG (the name),
 * XAI_ERR_NOMEM, XAI_ERR_STATE; the old key then stays. Source: faults.md R8. */
XAI_API xai_code xai_client_set_key(xai_client *client, xai_str key, const char *name, xai_error *err);

/* One turn of the crank: moves bytes, fires timers. Waits at most wait_ms for something to happen; 0
 * never waits, and it returns at once when an event is ready. Errors: XAI_ERR_NOMEM (usable after),
 * XAI_ERR_STATE (two threads at once, or a fork's copy). */
XAI_API xai_code xai_client_step(xai_client *client, uint32_t wait_ms);

/* A descriptor that becomes readable when a step has something to do; epoll or kqueue inside. Watch it
 * with any event loop. Owned by the client. -1: none (a transport that is the program's;
 * systems that have neither): step by time. */
XAI_API int xai_client_fd(const xai_client *client);
/* Milliseconds until the next timer, 0 when an event is ready, -1 when nothing is waited for. */
XAI_API int64_t xai_client_timeout(const xai_client *client);
/* Calls in flight, ended ones with an undelivered END included. */
XAI_API size_t xai_client_pending(const xai_client *client);

/* ---------------------------------------------------------------- calls */

/* How the answer is read. AUTO: by the path ("/responses", "/chat/completions", else plain). */
typedef enum xai_reply {
  XAI_REPLY_AUTO,
  XAI_REPLY_RESPONSES, /* the Responses API's object, streamed or whole        */
  XAI_REPLY_CHAT,      /* a chat completion, streamed or whole                 */
  XAI_REPLY_JSON,      /* any JSON value; an empty 2xx body gives null         */
  XAI_REPLY_BYTES      /* any body, given whole in result.body                 */
} xai_reply;

/* NUL-terminated. Those of an xai_request are copied. */
typedef struct xai_header {
  const char *name;
  const char *value;
} xai_header;

typedef struct xai_request {
  size_t size;               /* stamped by XAI_REQUEST_INIT                                           */
  const char *method;        /* NULL: POST with a body, else GET                                      */
  const char *path;          /* below base_url, starts with '/'; may hold a query                     */
  xai_str body;              /* JSON text; copied                                                     */
  const xai_header *headers; /* further ones, copied, before ours of the same name (Authorization too);
                                visible ASCII; Host, Content-Length and other framing is refused      */
  size_t header_count;
  xai_reply reply;
  bool stream;        /* the body asks for a stream: sends Accept: text/event-stream           */
  bool retry_unknown; /* also repeat attempts that may have been executed and billed (POST)    */
  xai_limits limits;  /* 0 fields: the client's                                                */
  void *user;         /* comes back in every event                                             */
  const char *model;  /* whose rate limits hold; NULL: only those of all calls together        */
  int priority;       /* -9 .. 9: each step counts as 10 s of waiting in line                  */
  uint64_t tokens;    /* that it will use, for tokens_per_minute; 0: guessed, a fourth of the body's bytes
                         and 32,768 at most, corrected by what earlier answers of the model used */
  /* Sent as Idempotency-Key with each attempt of this call; NULL: none. The API does not document one, so it
   * changes nothing about what is repeated. */
  const char *idempotency_key;
  /* Instead of body: its text is taken and not copied (F88), so that the writer is empty once the call has started.
   * What it was made with must live as long as the client. NULL: none. */
  xai_json_writer *body_writer;
  /* With a budget: the most that one attempt can cost, in its unit. 0 with a body: XAI_ERR_ARG, for nothing is known to
   * cost nothing; 1 will do where that is so. */
  uint64_t most_cost;
} xai_request;
#define XAI_REQUEST_INIT XAI_SIZED(xai_request)

/* Start a call; never blocks, never fails for the world's reasons (those come in END). Returns id 0 with
 * err filled, and no END follows: XAI_ERR_ARG, XAI_ERR_KEY (config.key gave none, or the file's no longer can be read),
 * XAI_ERR_TOO_BIG, XAI_ERR_FULL, XAI_ERR_NOMEM, XAI_ERR_STATE (see Threads, above), the errors of body_writer. */
XAI_API xai_call_id xai_call_start(xai_client *client, const xai_request *request, xai_error *err);

/* Stop it: END (XAI_OUTCOME_CANCELLED) comes with the next xai_client_next; events not yet taken are
 * dropped, the response so far is kept. The connection is closed so that the server can stop. */
XAI_API void xai_call_cancel(xai_client *client, xai_call_id call);

/* Leave a call's events where they are: while it is held xai_client_next passes it over, so its socket pauses by
 * itself and its memory stays bounded, and other calls go on. Released, it goes on where it was; a cancel releases
 * it, its deadline still counts. May be called between next and the use of what next lent. */
XAI_API void xai_call_hold(xai_client *client, xai_call_id call, bool hold);

/* Where it stands in the line of those who wait for a rate limit: 1 is next. 0: it does not wait. */
XAI_API size_t xai_call_place(const xai_client *client, xai_call_id call);

typedef struct xai_budget_state {
  uint64_t limit;
  uint64_t spent;      /* with all that is held back, by anybody                                 */
  uint64_t left;       /* limit - spent; 0 when more was spent                                   */
  uint64_t reserved;   /* part of `spent`: held back by attempts of this client that run         */
  int64_t resets_at_s; /* Unix seconds; 0: never                                               */
  xai_budget_unit unit;
} xai_budget_state;

/* How the budget stands. XAI_ERR_STATE: there is none (or two threads at once); XAI_ERR_FILE. */
XAI_API xai_code xai_client_budget(xai_client *client, xai_budget_state *out);
/* What the last attempt of a call did cost, where its answer did not say (xai_result.is_unsettled) and the program knows
 * better: until then its most_cost counts. Between its END and the next call of step or next. XAI_ERR_STATE: nothing of
 * it is unsettled. */
XAI_API xai_code xai_call_settle(xai_client *client, xai_call_id call, uint64_t cost);

/* The response so far as the API's own object, or NULL. Borrowed until the next step, next or cancel. */
XAI_API const xai_json *xai_call_response(xai_client *client, xai_call_id call);

/* Its text so far: the text of the events taken, joined; empty when there is none. Borrowed likewise. */
XAI_API xai_str xai_call_text(xai_client *client, xai_call_id call);

typedef enum xai_event_type {
  XAI_EVENT_TEXT,      /* more of the answer's text, in whole characters                     */
  XAI_EVENT_REASONING, /* more of the reasoning text or summary                              */
  XAI_EVENT_REFUSAL,   /* more of a refusal's text                                           */
  XAI_EVENT_ARGUMENTS, /* more of a function call's arguments                                */
  XAI_EVENT_API,       /* any other event of the API, known or not: see name and data        */
  XAI_EVENT_RETRY,     /* an attempt failed and another will follow; see retry               */
  XAI_EVENT_END,       /* the last event of a call; see result                               */
  XAI_EVENT_READY      /* only of a call told of by xai_call_announce: it has events         */
} xai_event_type;

typedef enum xai_outcome {
  XAI_OUTCOME_NONE,
  XAI_OUTCOME_COMPLETE,   /* the protocol's own end was seen                                 */
  XAI_OUTCOME_INCOMPLETE, /* part of an answer, and why it ended                             */
  XAI_OUTCOME_REFUSED,    /* the server said no                                              */
  XAI_OUTCOME_FAILED,     /* nothing usable arrived                                          */
  XAI_OUTCOME_CANCELLED   /* the caller's wish                                               */
} xai_outcome;
XAI_API const char *xai_outcome_name(xai_outcome outcome); /* "complete"; static */

/* What is known of one attempt, for the question "may it have been billed?" (faults.md R4). */
typedef enum xai_attempt_class {
  XAI_ATTEMPT_RUNNING,
  XAI_ATTEMPT_ANSWERED, /* an answer was read (whole or part)                                */
  XAI_ATTEMPT_NOT_SENT, /* no byte of the request left, or the peer says it was not processed */
  XAI_ATTEMPT_REFUSED,  /* an answer says that it was not processed                          */
  XAI_ATTEMPT_UNKNOWN   /* sent, outcome not seen: may have been executed and billed         */
} xai_attempt_class;
XAI_API const char *xai_attempt_class_name(xai_attempt_class c); /* "not_sent"; static */

typedef struct xai_attempt {
  xai_attempt_class outcome;
  xai_code code; /* why it ended; XAI_OK when answered in full                       */
  int http_status;
  const char *phase;   /* where it ended: "resolve", "connect", "handshake", "send", "wait",
                            "headers", "body", "done"; "queue" when it was never started: static */
  uint32_t started_ms; /* since the call's start                                           */
  uint32_t took_ms;
  uint32_t waited_ms; /* backoff before it                                                */
  uint32_t queued_ms; /* ... and then in line for a rate limit                            */
  char request_id[64];
  uint64_t tokens; /* the total of its usage, as the API told; 0: it did not            */
  uint64_t bytes;  /* of the answer's body, decompressed                                */
} xai_attempt;

/* So many attempts of each class. */
typedef struct xai_attempt_counts {
  uint32_t answered, not_sent, refused, unknown;
} xai_attempt_counts;

enum {
  XAI_FLAG_MARKER_MISSING = 1, /* finish reason seen, final marker not (F46)                 */
  XAI_FLAG_TEXT_REPLACED = 2,  /* invalid UTF-8 or a lone surrogate became U+FFFD            */
  XAI_FLAG_NOT_STREAMED = 4    /* a stream was asked for and a whole answer came, or the other way */
};

typedef struct xai_result {
  xai_outcome outcome;
  const char *reason;       /* a few words: "ended early", "reset", "max_output_tokens"; static, may be "" */
  xai_error error;          /* code XAI_OK when complete                                        */
  const xai_json *response; /* the API's own object, whole or as far as it came; NULL when none */
  xai_str text;             /* its text parts joined; empty when none                           */
  xai_str body;             /* XAI_REPLY_BYTES: the body; after an error answer: its first 8 KiB */
  xai_str content_type;
  int http_status;
  const xai_attempt *attempts;
  size_t attempt_count;
  unsigned flags;
  xai_attempt_counts counts; /* of the attempts, by class                                      */
  const xai_json *usage;     /* of the response; NULL: not seen                                */
  uint64_t tokens;           /* of all attempts together, as far as the API told               */
  bool retryable;            /* another call with the same request may succeed ...             */
  uint32_t retry_after_ms;   /* ... after so long: what the server asked for, when the breaker or a rate limit
                                will let it pass, else a backoff with jitter; 0: not retryable  */
  bool repeatable;   /* ... and cannot be billed twice: no attempt was answered or is of unknown outcome */
  bool is_unsettled; /* answered, its cost not told: the budget counts its most_cost, see xai_call_settle */
} xai_result;

typedef struct xai_event {
  xai_event_type type;
  xai_call_id call;
  void *user;
  xai_str text;               /* TEXT, REASONING, REFUSAL, ARGUMENTS                                    */
  xai_str name;               /* the API's own name of the event, e.g. "response.output_text.delta"     */
  xai_str data;               /* the API's own JSON of the event                                        */
  uint32_t output_index;      /* item in response.output; for chat the index of the choice              */
  uint32_t content_index;     /* part in the item; for chat the index of the tool call                  */
  uint32_t retry_ms;          /* RETRY: the wait before the next attempt                                */
  const xai_attempt *attempt; /* RETRY: the one that failed                                         */
  const xai_error *error;     /* RETRY: why                                                             */
  const xai_result *result;   /* END                                                                  */
} xai_event;

/* The next event of any call: XAI_OK and event filled, or XAI_MORE (XAI_ERR_STATE: two threads at once). Pulling is what
 * reads: an event that is not taken holds back its call's socket, so memory stays bounded. Everything in it is borrowed
 * until the next call of next, step, cancel or free. */
XAI_API xai_code xai_client_next(xai_client *client, xai_event *event);

/* For a call with a reader of its own, which wants all that has come at once: while `on`, xai_client_next gives none of
 * its events, END included, but says XAI_EVENT_READY when it has some, once; xai_call_next takes them. When that gives
 * XAI_MORE all are taken, and another READY follows with the next. What is not taken holds back the call's socket. */
XAI_API void xai_call_announce(xai_client *client, xai_call_id call, bool on);
/* The next event of one call, whether announced or held or neither: XAI_OK, or XAI_MORE when it has none now or has
 * ended. Otherwise as xai_client_next. */
XAI_API xai_code xai_call_next(xai_client *client, xai_call_id call, xai_event *event);

/* A header of the last answer of the call that END was just delivered for; name in any case. Empty when
 * absent, with stars where it spells the key. Borrowed like the event. */
XAI_API xai_str xai_result_header(const xai_client *client, const char *name);
/* The same of several at once, for less: values[i] becomes the header names[i]. */
XAI_API void xai_result_headers(const xai_client *client, const char *const *names, size_t count,
                                xai_str *values);

/* ---------------------------------------------------------------- the scripted transport */

/* With XAI_TRANSPORT_SCRIPTED the program plays the network: it takes requests and feeds answers. The
 * order of an answer is status, headers, body pieces, end; an end may come at any moment. */
typedef struct xai_wire_request {
  uint32_t id; /* of this exchange                                                    */
  xai_call_id call;
  const char *method;
  const char *url;
  const xai_header *headers; /* all that would be sent, Authorization included                      */
  size_t header_count;
  xai_str body;
} xai_wire_request;

typedef enum xai_wire_end {
  XAI_WIRE_DONE,    /* the answer's clean end                                                       */
  XAI_WIRE_SHORT,   /* ended before its announced length                                            */
  XAI_WIRE_RESET,   /* the connection broke after the request was sent                              */
  XAI_WIRE_REFUSED, /* connection refused: nothing was sent                                         */
  XAI_WIRE_RESOLVE, /* no such host: nothing was sent                                               */
  XAI_WIRE_TLS,     /* the handshake failed: nothing was sent                                       */
  XAI_WIRE_TIMEOUT  /* could not connect in time: nothing was sent                                  */
} xai_wire_end;

/* The next request that nobody has taken; XAI_MORE when none. Borrowed until its end. */
XAI_API xai_code xai_wire_next(xai_client *client, xai_wire_request *out);
/* Is this exchange still wanted? False after a cancel, a deadline or its end. */
XAI_API bool xai_wire_live(const xai_client *client, uint32_t id);
/* These do nothing for an exchange that is not live. body: XAI_OK when taken, XAI_MORE when the call is
 * full: offer the same bytes again after its events have been pulled. */
XAI_API void xai_wire_status(xai_client *client, uint32_t id, int status);
XAI_API void xai_wire_header(xai_client *client, uint32_t id, const char *name, const char *value);
XAI_API xai_code xai_wire_body(xai_client *client, uint32_t id, const char *bytes, size_t len);
XAI_API void xai_wire_finish(xai_client *client, uint32_t id, xai_wire_end how);

/* ---------------------------------------------------------------- the host transport */

/* With XAI_TRANSPORT_HOST the program has the sockets, the core has HTTP/1.1. For each request that
 * xai_host_next hands out the program connects (and secures the connection, which is its own business: it must
 * verify the certificate for `host`), writes what xai_host_pull gives, reads, and feeds what came:
 *
 *   while (xai_host_next(client, &request) == XAI_OK) connect_to(request.host, request.port, request.id);
 *   ... connected:  while ((piece = xai_host_pull(client, id, 65536)).len > 0) write_all(piece);
 *   ... readable:   switch (xai_host_feed(client, id, bytes, len, &taken)) ...
 *   ... it closed or failed:  xai_host_end(client, id, XAI_HOST_CLOSED, NULL);
 *
 * Compression is not asked for; HTTP/2, proxies and certificates are the program's: a config with `proxy` or
 * `ca_file` is refused with XAI_ERR_ARG. An exchange may end at any moment by a cancel or a limit: then
 * xai_host_live is false and the program closes its connection. */
typedef struct xai_host_request {
  uint32_t id; /* of this exchange                                                    */
  xai_call_id call;
  const char *host;      /* name or address, an IPv6 one without brackets; lives as long as the client   */
  uint16_t port;         /* written, or 443 or 80                                                         */
  bool secure;           /* https: TLS 1.2 or later, verified                                             */
  uint32_t connect_ms;   /* resolving and connecting; XAI_NO_LIMIT: none                                  */
  uint32_t handshake_ms; /* TLS, likewise. Both together are watched by the core, too                     */
  size_t len;            /* bytes of the whole request                                                    */
} xai_host_request;

/* What to do with the connection next. */
typedef enum xai_host_wish {
  XAI_HOST_READ, /* all bytes were taken: read on                                                    */
  XAI_HOST_WAIT, /* the call is full: offer the bytes after *taken again when its events have been pulled */
  XAI_HOST_KEEP, /* the answer is over, and the connection may carry another request to this origin  */
  XAI_HOST_CLOSE /* it is over, or was not live: close the connection                                */
} xai_host_wish;

/* How a connection ended before its answer did. */
typedef enum xai_host_end_kind {
  XAI_HOST_CLOSED,          /* the peer closed it in order                                           */
  XAI_HOST_RESET,           /* it broke, also within the handshake                                   */
  XAI_HOST_RESOLVE,         /* no such host                                                          */
  XAI_HOST_CONNECT,         /* no connection: refused, unreachable                                   */
  XAI_HOST_CONNECT_TIMEOUT, /* no connection in time                                                 */
  XAI_HOST_TLS,             /* the handshake failed, or the certificate did not verify: not retried  */
  XAI_HOST_TLS_TIMEOUT      /* no handshake in time                                                  */
} xai_host_end_kind;

/* The next request that nobody has taken; XAI_MORE when none. Look after each start, step, feed and end: any of them
 * may begin an attempt of some call. *out is filled; `host` is borrowed from the client. */
XAI_API xai_code xai_host_next(xai_client *client, xai_host_request *out);
/* Is this exchange still wanted? False after a cancel, a limit or its end. */
XAI_API bool xai_host_live(const xai_client *client, uint32_t id);
/* The next bytes to write, at most `most` of them, borrowed until the exchange is over; empty when all were given
 * or it is not live. What was given counts as sent. The body is the call's own copy, not another one. */
XAI_API xai_str xai_host_pull(xai_client *client, uint32_t id, size_t most);
/* What came. *taken bytes of it were taken (NULL is fine). len 0: nothing was read, and that is the program's own
 * doing, which is busy with what came before: the server's silence counts from now. */
XAI_API xai_host_wish xai_host_feed(xai_client *client, uint32_t id, const char *bytes, size_t len,
                                    size_t *taken);
/* The connection ended. detail: a few words of the cause for the message, no secrets; NULL is fine. */
XAI_API void xai_host_end(xai_client *client, uint32_t id, xai_host_end_kind how, const char *detail);

#ifdef __cplusplus
}
#endif
#endif
