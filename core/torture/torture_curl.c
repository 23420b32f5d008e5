/* torture_curl.c - calls over libcurl and real sockets, with our allocations and then libcurl's own failing (F92).
 * SPDX-License-Identifier: MIT
 *
 * libcurl's allocator is process-wide, so this program is its own: the hook below serves all of libcurl from
 * its first call on. Our own memory then comes from malloc, so that each count is of one side alone.
 */
#define _DEFAULT_SOURCE

#include <curl/curl.h>

#include "loopback.h"
#include "session.h"
#include "xai_poll.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- libcurl's memory: counted and failed by `hooked`, if there is one */

static torture *hooked;

static bool hook_fails(void) {
  torture *t = hooked;
  if (t == NULL) return false;
  t->count++;
  bool fails = t->fail_at != 0 && t->count >= t->fail_at && t->count - t->fail_at < t->width;
  t->failed += fails;
  return fails;
}

static void *hook_out(void *fresh) {
  if (hooked != NULL && fresh != NULL) hooked->live++;
  return fresh;
}

static void *hook_malloc(size_t size) {
  return hook_fails() ? NULL : hook_out(malloc(size));
}

static void *hook_calloc(size_t count, size_t size) {
  return hook_fails() ? NULL : hook_out(calloc(count, size));
}

static char *hook_strdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = hook_malloc(size);
  return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static void hook_free(void *ptr) {
  if (hooked != NULL && ptr != NULL) hooked->live--;
  free(ptr);
}

static void *hook_realloc(void *ptr, size_t size) {
  if (hook_fails()) return NULL;
  return ptr == NULL ? hook_out(malloc(size)) : realloc(ptr, size);
}

/* ---- one server, one client, a few calls */

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
#define EVENT_1 \
  "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hello\"}\n\n"
#define EVENT_2                                                                                                      \
  "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"message\"," \
  "\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}]}}\n\n"

#define CHUNK_1 "60\r\n" EVENT_1 "\r\n"
#define CHUNK_2 "97\r\n" EVENT_2 "\r\n0\r\n\r\n"

static const lb_step whole_stream[] = {READ, WRITE(STREAM_HEAD CHUNK_1), WRITE(CHUNK_2), AGAIN};
/* Goes on when the test opens the gate. */
static const lb_step gated_stream[] = {READ, WRITE(STREAM_HEAD CHUNK_1), GATE(1), WRITE(CHUNK_2), AGAIN};

/* Plain HTTP goes over a socket of our own, and over libcurl's where connections are limited, as TLS always does. */
static bool over_libcurl;

static bool open_over_curl(session *s, const lb_server *server, const xai_mem *mem) {
  static char url[64];
  xai_config config = XAI_CONFIG_INIT;
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", server->port);
  config.api_key = "xai-test-key";
  config.base_url = url;
  config.proxy = "";
  config.ca_file = "/dev/null"; /* nothing secure is spoken here, and no machine's bundle shall matter */
  config.limits.deadline_ms = 10000;
  config.limits.max_attempts = 1;
  config.max_connections = over_libcurl ? 4 : 0;
  if (mem != NULL) config.mem = *mem;
  return session_open(s, &config);
}

static bool start_stream(session *s, xai_call_id *id) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{\"stream\":true}");
  request.stream = true;
  s->wanted = "Hello";
  return session_start(s, &request, id);
}

/* Until all have ended: what fails must fail at once, not when some limit passes. */
static void run_out(session *s) {
  uint64_t until = xai__poll_now() + 4000;
  while (xai_client_pending(s->client) > 0 && xai__poll_now() < until) {
    session_step(s, 100);
    session_pull(s);
  }
  CHECK_INT(xai_client_pending(s->client), 0);
  CHECK_INT(s->ended, 1);
}

static void ask(session *s) {
  xai_call_id id;
  if (start_stream(s, &id)) run_out(s);
  if (s->ended > 0 && s->last != XAI_OUTCOME_COMPLETE) s->starved = true;
}

/* Left in the middle of its answer, with all that belongs to it. */
static void ask_and_cancel(session *s) {
  xai_call_id id;
  if (!start_stream(s, &id)) return;
  uint64_t until = xai__poll_now() + 4000;
  while (s->text_len == 0 && s->ended == 0 && xai__poll_now() < until) {
    session_step(s, 100);
    session_pull(s);
  }
  xai_call_cancel(s->client, id);
  run_out(s);
  if (s->last != XAI_OUTCOME_CANCELLED) s->starved = true;
}

/* The second call meets the connection that the first one left, if it left one. */
static xai_code run_calls(torture *t, const xai_mem *mem, const lb_step *script, void (*calls)(session *s)) {
  session s = {.t = t};
  lb_server *server = lb_start(&script, 1);
  xai_code code = XAI_ERR_NOMEM;
  if (open_over_curl(&s, server, mem)) {
    calls(&s);
    calls(&s);
    code = session_code(&s);
    calm(t);
    lb_open_gate(server, 1);
    ask(&s);
    CHECK_INT(s.last, XAI_OUTCOME_COMPLETE);
  }
  xai_client_free(s.client);
  lb_stop(server);
  return code;
}

static xai_code streams_with_our_memory(torture *t) {
  return run_calls(t, &t->mem, whole_stream, ask);
}

static xai_code cancels_with_our_memory(torture *t) {
  return run_calls(t, &t->mem, gated_stream, ask_and_cancel);
}

static xai_code with_libcurls_memory(torture *t, const lb_step *script, void (*calls)(session *s)) {
  hooked = t;
  xai_code code = run_calls(t, NULL, script, calls);
  hooked = NULL;
  return code;
}

static xai_code streams_with_libcurls_memory(torture *t) {
  return with_libcurls_memory(t, whole_stream, ask);
}

static xai_code cancels_with_libcurls_memory(torture *t) {
  return with_libcurls_memory(t, gated_stream, ask_and_cancel);
}

/* Things that libcurl makes once and keeps are made before anything is counted. */
static void warm_up(void) {
  torture t = {.fail_at = 0};
  CHECK_INT(run_calls(&t, NULL, whole_stream, ask), XAI_OK);
}

int main(void) {
  if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, hook_malloc, hook_free, hook_realloc, hook_strdup,
                           hook_calloc) != CURLE_OK)
    return 2;
  for (int way = 0; way < 2; way++) {
    over_libcurl = way == 1;
    RUN(warm_up);
    TORTURE(streams_with_our_memory);
    TORTURE(cancels_with_our_memory);
    TORTURE(streams_with_libcurls_memory);
    TORTURE(cancels_with_libcurls_memory);
  }
  return torture_report("torture curl");
}
