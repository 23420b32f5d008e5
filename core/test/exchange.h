/* exchange.h - drives the transport over libcurl in tests: a sink that remembers, calls and their ends.
 * SPDX-License-Identifier: MIT */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "check.h"
#include "loopback.h"

#include "xai_poll.h"
#include "xai_transport.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define OK_EMPTY OK_HEAD "Content-Length: 0\r\n\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define OK_HELLO OK_HEAD "Content-Length: 5\r\n\r\nhello"

/* ---- a sink that remembers ---- */

typedef struct answer {
  int status;
  int statuses;       /* how often a status was told      */
  char headers[8192]; /* "name=value\n" each              */
  size_t len;         /* of the body                      */
  char body[4096];    /* its start                        */
  unsigned long sum;  /* of all its bytes                 */
  size_t allowance;   /* bytes taken before a pause       */
  bool paused;
  xai_code refuse; /* what the body is answered with   */
  xai_code refuse_header;
  int dones;
  xai_exchange_end end;
} answer;

static bool in_step; /* the sink may be told something now */

static inline void on_status(void *user, int status) {
  answer *a = user;
  CHECK(in_step);
  CHECK_INT(a->dones, 0);
  a->status = status;
  a->statuses++;
}

static inline xai_code on_header(void *user, xai_str name, xai_str value) {
  answer *a = user;
  size_t len = strlen(a->headers);
  CHECK(in_step);
  CHECK_INT(a->statuses, 1);
  snprintf(a->headers + len, sizeof a->headers - len, "%.*s=%.*s\n", (int)name.len, name.ptr, (int)value.len,
           value.ptr);
  return a->refuse_header;
}

static inline xai_code on_body(void *user, const char *bytes, size_t len) {
  answer *a = user;
  CHECK(in_step);
  CHECK_INT(a->dones, 0);
  if (a->refuse != XAI_OK) return a->refuse;
  if (len > a->allowance) {
    a->paused = true;
    return XAI_MORE;
  }
  a->allowance -= len;
  for (size_t i = 0; i < len; i++) {
    if (a->len + i < sizeof a->body - 1) a->body[a->len + i] = bytes[i];
    a->sum = a->sum * 31 + (unsigned char)bytes[i];
  }
  a->len += len;
  return XAI_OK;
}

static inline void on_done(void *user, const xai_exchange_end *end) {
  answer *a = user;
  CHECK(in_step);
  a->dones++;
  a->end = *end;
}

static inline xai_sink sink_of(answer *a) {
  memset(a, 0, sizeof *a);
  a->allowance = SIZE_MAX;
  return (xai_sink){a, on_status, on_header, on_body, on_done};
}

/* ---- driving ---- */

static inline xai_transport *open_with(const xai_config *config) {
  xai_error err;
  xai_mem mem = {NULL, NULL};
  xai_transport *t = xai__transport_curl_new(config->mem.fn ? &config->mem : &mem, config, &err);
  CHECK(t != NULL);
  return t;
}

/* Plain HTTP goes over our own sockets, and over libcurl's where connections are limited, as TLS always does. */
static bool over_libcurl;
#define LIBCURLS_LIMIT (over_libcurl ? 256 : 0)

/* The tests once each way. */
static inline void run_both_ways(void (*tests)(void)) {
  over_libcurl = false;
  tests();
  over_libcurl = true;
  tests();
  over_libcurl = false;
}

static inline xai_transport *open_plain(void) {
  xai_config config = XAI_CONFIG_INIT;
  config.proxy = "";
  config.max_connections = LIBCURLS_LIMIT;
  return open_with(&config);
}

/* most: sockets that are served, 0: all. */
static inline void step_some(xai_transport *t, uint32_t wait_ms, uint32_t most) {
  in_step = true;
  CHECK_INT(t->ops->step(t, xai__poll_now(), wait_ms, most), XAI_OK);
  in_step = false;
}

static inline void step(xai_transport *t, uint32_t wait_ms) {
  step_some(t, wait_ms, 0);
}

/* Until so many of them are done; the test fails after ten seconds. */
static inline void run_all(xai_transport *t, const answer *answers, size_t count) {
  uint64_t until = xai__poll_now() + 10000;
  for (size_t done = 0; done < count && xai__poll_now() < until;) {
    step(t, 100);
    done = 0;
    for (size_t i = 0; i < count; i++) done += answers[i].dones > 0;
  }
  for (size_t i = 0; i < count; i++) CHECK_INT(answers[i].dones, 1);
}

static inline void run(xai_transport *t, const answer *a) {
  run_all(t, a, 1);
}

static const xai_header no_headers[1];

/* Requests are borrowed until the end, so each test keeps its own. */
typedef struct call {
  char url[256];
  xai_exchange_request request;
  answer answer;
  xai_exchange *exchange;
} call;

static inline call call_with(uint32_t connect_ms, uint32_t handshake_ms, size_t max_headers,
                             size_t max_response) {
  call c = {.request = {.headers = no_headers, .connect_ms = connect_ms, .handshake_ms = handshake_ms}};
  c.request.max_headers = max_headers;
  c.request.max_response = max_response;
  return c;
}

/* allowance, refuse and refuse_header of the answer may be set before. */
static inline void start_url(xai_transport *t, call *c, const char *method, xai_str body) {
  answer wish = c->answer;
  xai_exchange_request usual = call_with(5000, 5000, 65536, 64 << 20).request;
  if (c->request.connect_ms == 0) c->request = usual;
  c->request.method = method;
  c->request.url = c->url;
  c->request.body = body;
  xai_sink sink = sink_of(&c->answer);
  if (wish.allowance != 0) c->answer.allowance = wish.allowance;
  c->answer.refuse = wish.refuse;
  c->answer.refuse_header = wish.refuse_header;
  c->exchange = t->ops->start(t, &c->request, &sink);
  CHECK(c->exchange != NULL);
}

static inline void start(xai_transport *t, lb_server *s, call *c, const char *method, const char *body) {
  snprintf(c->url, sizeof c->url, "http://127.0.0.1:%d/v1/x?y=1", s->port);
  start_url(t, c, method, xai_str_of(body));
}

/* One server, one transport, one exchange, run to its end. */
typedef struct world {
  lb_server *server;
  xai_transport *transport;
  call call;
} world;

static inline void exchange_once(world *w, const lb_step *script, const char *method, const char *body) {
  const lb_step *const scripts[] = {script};
  w->server = lb_start(scripts, 1);
  w->transport = open_plain();
  start(w->transport, w->server, &w->call, method, body);
  run(w->transport, &w->call.answer);
}

static inline void world_end(world *w) {
  w->transport->ops->free(w->transport);
  lb_stop(w->server);
}

/* The common case: what a GET of this answer ends with. */
static inline xai_exchange_end end_of(const char *bytes) {
  const lb_step script[] = {READ, WRITE(bytes), CLOSE};
  world w = {0};
  exchange_once(&w, script, "GET", "");
  world_end(&w);
  return w.call.answer.end;
}

#define CHECK_END(end, want_code, want_sent, want_phase) \
  do {                                                   \
    xai_exchange_end end_ = (end);                       \
    CHECK_INT(end_.code, want_code);                     \
    CHECK_INT(end_.sent, want_sent);                     \
    CHECK_STR(xai_str_of(end_.phase), want_phase);       \
  } while (0)

#define CHECK_HAS(text, part)                                                                         \
  do {                                                                                                \
    if (strstr((text), (part)) == NULL) {                                                             \
      printf("%s:%d: %s: \"%s\" is not in \"%s\"\n", __FILE__, __LINE__, check_name, (part), (text)); \
      check_bad = 1;                                                                                  \
    }                                                                                                 \
  } while (0)

/* A listener whose queue is full drops what else comes, as a dead host would. */
typedef struct dead_host {
  int listener, filler[8], port;
} dead_host;

static inline dead_host dead_host_start(void) {
  dead_host d;
  d.listener = lb_listen(0, &d.port);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)d.port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 8; i++) {
    d.filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(d.filler[i], (struct sockaddr *)&at, sizeof at);
  }
  return d;
}

static inline void dead_host_end(dead_host *d) {
  for (int i = 0; i < 8; i++) close(d->filler[i]);
  close(d->listener);
}

static const lb_step hello[] = {READ, WRITE(OK_HELLO), AGAIN};

/* Whatever the shell holds, no proxy and no certificates come from it. */
static inline void forget_environment(void) {
  static const char *const inherited[] = {"http_proxy",    "HTTP_PROXY",   "https_proxy",   "HTTPS_PROXY",
                                          "all_proxy",     "ALL_PROXY",    "no_proxy",      "NO_PROXY",
                                          "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"};
  for (size_t i = 0; i < sizeof inherited / sizeof *inherited; i++) unsetenv(inherited[i]);
}

#endif
