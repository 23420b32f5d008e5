/* test_faults_net_h2.c - F18 to F22: what a server does to streams of HTTP/2.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "h2.h"
#include "net.h"

static tls_authority trusted;
static tls_identity identity;

static xai_config h2_config(void) {
  xai_config config = net_config();
  config.http_version = XAI_HTTP_2;
  config.ca_file = trusted.file;
  return config;
}

static xai_client *h2_client(const lb_server *s, xai_config config) {
  char base[64];
  snprintf(base, sizeof base, "https://127.0.0.1:%d/v1", s->port);
  return net_open_at(&config, base, 0);
}

static bool is_too_old(void) {
  unsigned version[3] = {0, 0, 0};
  CHECK_INT(sscanf(xai_curl_version(), "%u.%u.%u", &version[0], &version[1], &version[2]), 3);
  return version[0] * 10000 + version[1] * 100 + version[2] < 78801;
}

/* It would not tell of a refused stream, die of its own talk, or lose the end of an answer. */
static void a_libcurl_before_7_88_1_is_too_old(void) {
  xai_error err;
  xai_config config = h2_config();
  xai_client *client = xai_client_new(&config, &err);
  if (client == NULL) CHECK_INT(err.code, XAI_ERR_ARG);
  if (is_too_old()) CHECK(client == NULL);
  else if (client == NULL) CHECK_HAS(err.message, "built without HTTP/2");
  if (client == NULL && strstr(err.message, "built without") == NULL)
    CHECK_HAS(err.message, "7.88.1 or later");
  xai_client_free(client);
  config.http_version = XAI_HTTP_1_1;
  client = xai_client_new(&config, &err);
  CHECK(client != NULL);
  xai_client_free(client);
}

static bool has_http2(void) {
  xai_error err;
  xai_config config = h2_config();
  xai_client *client = xai_client_new(&config, &err);
  if (client == NULL) not_run(err.message);
  xai_client_free(client);
  return client != NULL;
}

/* One call to a server that plays so. */
static net_call call_of(h2_play_fn *play, void *told, bool stream, long *requests) {
  h2_server server;
  lb_server *s = h2_start(&server, &identity, play, told);
  xai_client *client = h2_client(s, h2_config());
  net_call c;
  net_ask(client, &c, stream);
  *requests = lb_seen(s, LB_REQUESTS);
  xai_client_free(client);
  h2_stop(&server);
  return c;
}

static void answer_whole(h2_peer *p, uint32_t stream) {
  h2_head(p, stream, "application/json");
  h2_body(p, stream, WHOLE, true);
}

static void play_whole(h2_peer *p, size_t index) {
  (void)index;
  for (uint32_t stream; (stream = h2_request(p)) != 0;) answer_whole(p, stream);
}

static void calls_share_a_connection(void) {
  if (!has_http2()) return;
  enum { N = 12 };
  h2_server server;
  lb_server *s = h2_start(&server, &identity, play_whole, NULL);
  xai_client *client = h2_client(s, h2_config());
  net_works(client);
  static net_call calls[N];
  for (int i = 0; i < N; i++) net_start(client, &calls[i], net_request("/responses", "{}", false));
  for (int i = 0; i < N; i++) {
    net_run(client, &calls[i]);
    CHECK_CALL(calls[i], "complete", "answered", XAI_OK);
  }
  CHECK_INT(lb_seen(s, LB_REQUESTS), N + 1);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
  xai_client_free(client);
  h2_stop(&server);
}

/* ---- F18 */

typedef enum refusal { BY_RESET, BY_GOAWAY } refusal;

/* The first connection refuses what it is asked after one good answer, the others answer. */
static void play_refusing(h2_peer *p, size_t index) {
  const refusal *how = p->told;
  if (index > 0) {
    play_whole(p, index);
    return;
  }
  uint32_t first = h2_request(p);
  if (first == 0) return;
  answer_whole(p, first);
  uint32_t second = h2_request(p);
  if (second == 0) return;
  if (*how == BY_RESET) h2_reset(p, second, H2_REFUSED_STREAM);
  else h2_goaway(p, first, H2_NO_ERROR);
  h2_until_end(p);
}

static void F18_a_stream_that_was_not_looked_at_is_sent_again(void) {
  if (!has_http2()) return;
  for (int i = 0; i < 2; i++) {
    refusal how = i == 0 ? BY_RESET : BY_GOAWAY;
    h2_server server;
    lb_server *s = h2_start(&server, &identity, play_refusing, &how);
    xai_client *client = h2_client(s, h2_config());
    net_works(client);
    net_call c;
    net_ask(client, &c, false);
    CHECK_CALL(c, "complete", "not_sent", XAI_OK);
    CHECK_INT(c.attempts, 2);
    CHECK_INT(c.attempt[0].code, XAI_ERR_RESET);
    CHECK_INT(lb_seen(s, LB_REQUESTS), 3);  /* one, the refused one, and its resend */
    CHECK(lb_seen(s, LB_CONNECTIONS) <= 3); /* one may be libcurl's, on which it is not let to say it again */
    xai_client_free(client);
    h2_stop(&server);
  }
}

/* On a connection of its own, too, where there was nothing before. */
static void play_refusing_first(h2_peer *p, size_t index) {
  if (index > 0) {
    play_whole(p, index);
    return;
  }
  uint32_t stream = h2_request(p);
  if (stream != 0 && h2_reset(p, stream, H2_REFUSED_STREAM)) h2_until_end(p);
}

static void F18_also_the_first_of_a_connection(void) {
  if (!has_http2()) return;
  long requests;
  net_call c = call_of(play_refusing_first, NULL, true, &requests);
  CHECK_CALL(c, "complete", "not_sent", XAI_OK);
  CHECK_INT(c.attempts, 2);
  CHECK_INT(requests, 2);
}

/* ---- F19 */

/* GOAWAY allows the stream, which then goes on, or is cut after its beginning (told: how many deltas). */
static void play_leaving(h2_peer *p, size_t index) {
  const int *deltas = p->told;
  (void)index;
  uint32_t stream = h2_request(p);
  if (stream == 0) return;
  h2_goaway(p, stream, H2_NO_ERROR);
  if (*deltas < 0) return;
  h2_head(p, stream, "text/event-stream");
  h2_body(p, stream, SSE_OPEN, false);
  for (int i = 0; i < *deltas; i++) h2_body(p, stream, SSE_DELTA("Hel"), false);
  if (*deltas == 1) return;
  h2_body(p, stream, SSE_COMPLETED, true);
  h2_until_end(p);
}

static void F19_a_goaway_that_includes_the_stream(void) {
  if (!has_http2()) return;
  long requests;
  int goes_on = 2, is_cut = 1, dies = -1;
  net_call c = call_of(play_leaving, &goes_on, true, &requests);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_STR(xai_str_of(c.text), "HelHel");
  c = call_of(play_leaving, &is_cut, true, &requests);
  CHECK_CALL(c, "incomplete", "answered", c.error.code);
  CHECK(c.error.code == XAI_ERR_RESET || c.error.code == XAI_ERR_SHORT);
  CHECK_STR(xai_str_of(c.text), "Hel");
  CHECK_INT(requests, 1);
  c = call_of(play_leaving, &dies, true, &requests);
  CHECK_CALL(c, "failed", "unknown", XAI_ERR_RESET);
  CHECK_INT(c.attempts, 1);
  CHECK_INT(requests, 1);
}

/* ---- F20 */

static void play_overwhelmed(h2_peer *p, size_t index) {
  (void)index;
  uint32_t stream = h2_request(p);
  if (stream != 0 && h2_goaway(p, 0, H2_ENHANCE_YOUR_CALM)) h2_until_end(p);
}

static void F20_enhance_your_calm_on_each_connection(void) {
  if (!has_http2()) return;
  h2_server server;
  lb_server *s = h2_start(&server, &identity, play_overwhelmed, NULL);
  xai_config config = h2_config();
  config.limits.backoff_base_ms = config.limits.backoff_max_ms = 30;
  xai_client *client = h2_client(s, config);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_RESET);
  CHECK_INT(c.attempts, 3);
  CHECK(c.attempt[1].waited_ms > 0 && c.attempt[2].waited_ms > 0);
  CHECK(c.error.retryable);
  CHECK_INT(lb_seen(s, LB_REQUESTS), 3);
  xai_client_free(client);
  h2_stop(&server);
}

/* ---- F21 */

static void play_failing(h2_peer *p, size_t index) {
  (void)index;
  uint32_t stream = h2_request(p);
  if (stream == 0) return;
  h2_head(p, stream, "text/event-stream");
  h2_body(p, stream, SSE_OPEN SSE_DELTA("Hel"), false);
  lb_pass_gate(p->server, 1);
  h2_reset(p, stream, H2_INTERNAL_ERROR);
  h2_until_end(p);
}

static void F21_an_internal_error_within_the_stream(void) {
  if (!has_http2()) return;
  h2_server server;
  lb_server *s = h2_start(&server, &identity, play_failing, NULL);
  xai_client *client = h2_client(s, h2_config());
  net_call c;
  net_start(client, &c, net_request("/responses", "{}", true));
  for (int i = 0; i < 1000 && c.deltas == 0 && c.ends == 0; i++) net_turn(client, 10);
  lb_open_gate(s, 1);
  net_run(client, &c);
  CHECK_CALL(c, "incomplete", "answered", XAI_ERR_RESET);
  CHECK_STR(xai_str_of(c.reason), "reset");
  CHECK_STR(xai_str_of(c.text), "Hel");
  CHECK_HAS(c.error.message, "INTERNAL_ERROR");
  CHECK(c.has_response);
  CHECK_INT(c.attempts, 1);
  CHECK_INT(lb_seen(s, LB_REQUESTS), 1);
  xai_client_free(client);
  h2_stop(&server);
}

/* ---- F22 */

static void play_stingy(h2_peer *p, size_t index) {
  (void)index;
  p->stingy = true;
  h2_until_end(p);
}

/* The window is open for nothing at all, or for the beginning alone. */
static void F22_a_window_that_is_never_opened(void) {
  if (!has_http2()) return;
  static char body[1 << 20];
  memset(body, ' ', sizeof body - 1);
  for (uint32_t window = 0; window <= 65535; window += 65535) {
    check_heap heap = {0, 0, 0, 0, 0};
    h2_server server;
    lb_server *s = h2_start(&server, &identity, play_stingy, NULL);
    server.window = window;
    xai_config config = h2_config();
    config.mem = check_heap_mem(&heap);
    config.limits.silence_ms = 50 * slowness();
    xai_client *client = h2_client(s, config);
    net_call c;
    net_start(client, &c, net_request("/responses", body, true));
    net_run(client, &c);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_SILENCE);
    CHECK_STR(xai_str_of(c.attempt[0].phase), "send");
    CHECK_INT(c.attempts, 1);
    CHECK_INT(lb_seen(s, LB_REQUESTS), 0);
    CHECK(heap.peak < sizeof body + sizeof body / 2);
    xai_client_free(client);
    CHECK_INT(heap.live, 0);
    h2_stop(&server);
  }
}

/* ---- main */

int main(void) {
  forget_environment();
  trusted = tls_authority_new("Trusted Test Authority");
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  identity = tls_make(&wish);
  RUN(a_libcurl_before_7_88_1_is_too_old);
  RUN(calls_share_a_connection);
  RUN(F18_a_stream_that_was_not_looked_at_is_sent_again);
  RUN(F18_also_the_first_of_a_connection);
  RUN(F19_a_goaway_that_includes_the_stream);
  RUN(F20_enhance_your_calm_on_each_connection);
  RUN(F21_an_internal_error_within_the_stream);
  RUN(F22_a_window_that_is_never_opened);
  tls_identity_free(&identity);
  tls_authority_free(&trusted);
  return net_report("faults on the wire: HTTP/2");
}
