/* test_secrets.c - a canary key goes through everything that a program sees, and nothing of it comes out.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "canary.h"
#include "loopback.h"
#include "shared.h"
#include "wire.h"

#include "xai_key.h"

#define JSON "application/json"
#define CHECK_HAS_NOT(text, part) CHECK(strstr(text, part) == NULL)
#define DONE "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":[]}"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(SANITIZED)
#define SANITIZED 0
#endif

/* Valgrind minds who reads memory that nobody wrote, and has its own idea of address space. */
static bool under_valgrind(void) {
  const char *preload = getenv("LD_PRELOAD");
  return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* ---- an allocator that looks through what it takes back */

typedef struct watcher {
  long freed;
  long dirty; /* blocks given back with a piece of the key inside */
} watcher;

static void *watch_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  watcher *w = user;
  if (ptr != NULL && old_size > 0) {
    w->freed++;
    if (!under_valgrind() && holds_piece(ptr, old_size)) w->dirty++;
  }
  /* Zeroed: what others left in that memory is not ours. */
  void *fresh = new_size > 0 ? calloc(1, new_size) : NULL;
  if (new_size > 0 && fresh == NULL) return NULL;
  if (fresh != NULL && ptr != NULL) memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
  free(ptr);
  return fresh;
}

/* ---- the pages */

#if defined(__linux__)
typedef struct mapping {
  unsigned long from, to;
  char rights[8], flags[256];
  char before[8], after[8]; /* the neighbours' rights, "" when there is a gap */
} mapping;

static bool find_mapping(const void *at, mapping *out) {
  FILE *file = fopen("/proc/self/smaps", "r");
  char text[512], rights[8], last_rights[8] = "";
  unsigned long from, to, last_to = 0, address = (unsigned long)(uintptr_t)at;
  bool inside = false, found = false, done = false;
  if (file == NULL) return false;
  memset(out, 0, sizeof *out);
  while (!done && fgets(text, sizeof text, file) != NULL) {
    if (sscanf(text, "%lx-%lx %7s", &from, &to, rights) == 3 && strchr(text, '-') < text + 17) {
      done = found;
      if (done && from == out->to) strcpy(out->after, rights);
      inside = address >= from && address < to;
      found = found || inside;
      if (inside) *out = (mapping){.from = from, .to = to};
      if (inside) strcpy(out->rights, rights);
      if (inside && last_to == from) strcpy(out->before, last_rights);
      last_to = to;
      strcpy(last_rights, rights);
    } else if (inside && sscanf(text, "VmFlags: %255[^\n]", out->flags) == 1) {
      inside = false;
    }
  }
  fclose(file);
  return found;
}

static void R8_lies_in_pages_of_its_own_that_are_not_dumped(void) {
  xai_secret secret;
  xai_mem mem = {NULL, NULL};
  mem = xai__mem(&mem);
  CHECK_INT(xai__secret_init(&secret, &mem, 84), XAI_OK);
  CHECK(secret.mapped);
  mapping m;
  bool known = find_mapping(secret.text, &m);
  CHECK(known || SANITIZED);
  if (known) {
    struct rlimit lockable = {0, 0};
    getrlimit(RLIMIT_MEMLOCK, &lockable);
    CHECK_STR(xai_str_of(m.rights), "rw-p");
    CHECK_STR(xai_str_of(m.before), "---p");
    CHECK_STR(xai_str_of(m.after), "---p");
    CHECK(strstr(m.flags, "dd") != NULL); /* not in core dumps   */
    CHECK(strstr(m.flags, "wf") != NULL); /* empty after a fork  */
    CHECK(strstr(m.flags, "lo") != NULL || lockable.rlim_cur < 8192 || SANITIZED);
    CHECK((uintptr_t)secret.text + secret.len + 1 == m.to); /* beyond its NUL nobody reads */
  }
  xai__secret_deinit(&secret);
}

static int exit_status_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static void F94_is_empty_in_a_forked_child(void) {
  xai_secret secret;
  xai_mem mem = xai__mem(NULL);
  CHECK_INT(xai__secret_init(&secret, &mem, 3), XAI_OK);
  memcpy(secret.text, "abc", 3);
  pid_t child = fork();
  if (child == 0) _exit(secret.text[0] == 0 && secret.text[2] == 0 ? 0 : 1);
  CHECK_INT(exit_status_of(child), 0);
  CHECK_STR(xai_str_of(secret.text), "abc");
  xai__secret_deinit(&secret);
}

/* No more address space: the allocator's memory has to do. */
static int without_pages(void) {
  watcher w = {0, 0};
  xai_mem mem = {watch_fn, &w};
  xai_secret secret;
  free(malloc(1 << 16)); /* so that the heap has some */
  struct rlimit little = {1 << 20, 1 << 20};
  if (setrlimit(RLIMIT_AS, &little) != 0) return 2;
  if (xai__secret_init(&secret, &mem, strlen(CANARY)) != XAI_OK) return 3;
  if (secret.mapped) return 4;
  memcpy(secret.text, CANARY, strlen(CANARY));
  xai__secret_deinit(&secret);
  return w.freed == 1 && w.dirty == 0 ? 0 : 5;
}

static void uses_the_allocator_where_pages_cannot_be_had(void) {
  if (SANITIZED || under_valgrind()) return; /* address space is another matter there */
  pid_t child = fork();
  if (child == 0) _exit(without_pages());
  CHECK_INT(exit_status_of(child), 0);
}
#endif

/* ---- where a key comes from */

typedef struct source {
  const char *key;
  int asked;
} source;

static xai_str next_key(void *user) {
  source *s = user;
  s->asked++;
  return xai_str_of(s->key);
}

/* What the next request sends; it is answered with `status`. */
static char *sent_key(wire *w, int status, const char *body) {
  static char value[9000];
  xai_wire_request request;
  wire_start(w, "/responses", "{}", false);
  value[0] = '\0';
  if (xai_wire_next(w->client, &request) != XAI_OK) return value;
  for (size_t i = 0; i < request.header_count; i++)
    if (strcmp(request.headers[i].name, "Authorization") == 0)
      snprintf(value, sizeof value, "%s", request.headers[i].value);
  wire_head(w, request.id, status, JSON);
  wire_bytes(w, request.id, body, strlen(body));
  xai_wire_finish(w->client, request.id, XAI_WIRE_DONE);
  wire_pull(w);
  return value;
}

#define CHECK_SENT(w, status, body, want) CHECK_STR(xai_str_of(sent_key(w, status, body)), want)

static xai_client *open_keyed(wire *w, const char *key, const char *file, source *from, xai_error *err) {
  memset(w, 0, sizeof *w);
  w->now = 1000;
  xai_config config = wire_config(w);
  config.api_key = key;
  config.api_key_file = file;
  if (from != NULL) config.key = next_key;
  config.key_user = from;
  return w->client = xai_client_new(&config, err);
}

static void asks_a_function_for_each_call(void) {
  wire w;
  xai_error err;
  source s = {"xai-first-key-of-them", 0};
  open_keyed(&w, NULL, NULL, &s, NULL);
  CHECK_INT(s.asked, 0);
  CHECK_SENT(&w, 200, DONE, "Bearer xai-first-key-of-them");
  s.key = "xai-second";
  CHECK_SENT(&w, 200, DONE, "Bearer xai-second");
  CHECK_INT(s.asked, 2);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/models";
  s.key = NULL;
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_KEY);
  s.key = "xai two";
  CHECK_INT(xai_call_start(w.client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_KEY);
  CHECK(strstr(err.message, "two") == NULL);
  wire_close(&w);
}

/* A call keeps the key that it began with, in its retries, too. */
static void changes_the_key_between_calls(void) {
  wire w;
  xai_error err;
  open_keyed(&w, "xai-old", NULL, NULL, NULL);
  wire_start(&w, "/responses", "{}", false);
  uint32_t id = wire_request_id(&w);
  CHECK_INT(xai_client_set_key(w.client, xai_str_of("xai-new"), NULL, &err), XAI_OK);
  xai_wire_finish(w.client, id, XAI_WIRE_REFUSED);
  wire_pull(&w);
  w.now += 20000;
  xai_client_step(w.client, 0);
  xai_wire_request request;
  CHECK_INT(xai_wire_next(w.client, &request), XAI_OK);
  bool old = false;
  for (size_t i = 0; i < request.header_count; i++)
    old = old || strcmp(request.headers[i].value, "Bearer xai-old") == 0;
  CHECK(old);
  CHECK_SENT(&w, 200, DONE, "Bearer xai-new");
  CHECK_INT(xai_client_set_key(w.client, xai_str_of("a b"), NULL, &err), XAI_ERR_KEY);
  CHECK_INT(xai_client_set_key(w.client, xai_str_of("xai-k"), "", &err), XAI_ERR_ARG);
  CHECK_SENT(&w, 200, DONE, "Bearer xai-new");
  CHECK_INT(xai_client_set_key(w.client, (xai_str){NULL, 0}, NULL, &err), XAI_OK);
  CHECK_SENT(&w, 200, DONE, "");
  wire_close(&w);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  if (file == NULL) return;
  fputs(text, file);
  fclose(file);
}

static void reads_a_file_and_again_when_its_key_was_refused(void) {
  char path[] = "/tmp/xai-key-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  static const char *const texts[] = {"xai-one", "xai-one\n", "xai-one\r\n"};
  wire w;
  xai_error err;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    write_file(path, texts[i]);
    CHECK(open_keyed(&w, NULL, path, NULL, NULL) != NULL);
    CHECK_SENT(&w, 200, DONE, "Bearer xai-one");
    write_file(path, "xai-two\n");
    CHECK_SENT(&w, 401, "{\"error\":\"no\"}", "Bearer xai-one");
    CHECK_SENT(&w, 200, DONE, "Bearer xai-two");
    unlink(path); /* the last key is better than none */
    CHECK_SENT(&w, 401, "{\"error\":\"no\"}", "Bearer xai-two");
    CHECK_SENT(&w, 200, DONE, "Bearer xai-two");
    wire_close(&w);
  }
  CHECK(open_keyed(&w, NULL, path, NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_KEY);
  CHECK(strstr(err.message, path) != NULL && strstr(err.message, "No such file") != NULL);
  CHECK(open_keyed(&w, NULL, "/", NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_KEY);
}

static void F129_refuses_what_cannot_be_a_key(void) {
  char path[] = "/tmp/xai-key-XXXXXX";
  int fd = mkstemp(path);
  close(fd);
  static char huge[9008];
  memset(huge, 'k', sizeof huge - 1);
  const char *const bad[] = {"",
                             "xai-sEcReT \n",
                             "xai-sEcReT\n\n",
                             " xai-sEcReT",
                             "\"xai-sEcReT\"",
                             "xai-\xE2\x80\x9CsEcReT",
                             "xai-sEcReT\tx",
                             huge,
                             "xai-sEcReT\x01"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    wire w;
    xai_error err;
    write_file(path, bad[i]);
    CHECK(open_keyed(&w, NULL, path, NULL, &err) == NULL);
    CHECK_INT(err.code, XAI_ERR_KEY);
    CHECK(strstr(err.message, "sEcReT") == NULL && strstr(err.message, "kkkk") == NULL);
    CHECK(open_keyed(&w, bad[i], NULL, NULL, &err) == NULL);
    CHECK_INT(err.code, XAI_ERR_KEY);
    CHECK(strstr(err.message, "sEcReT") == NULL && strstr(err.message, "kkkk") == NULL);
  }
  wire w;
  xai_error err;
  CHECK(open_keyed(&w, "xai-a", path, NULL, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_ARG);
  unlink(path);
}

/* A key in place of the path: the message names the path, but not that. */
static void F129_a_key_given_as_a_path_is_not_shown(void) {
  wire w;
  xai_error err;
  CHECK(open_keyed(&w, NULL, "xai-q7Wm2LrT9vKpXz4NcB8sYd", NULL, &err) == NULL);
  CHECK(strstr(err.message, "q7Wm") == NULL);
}

/* ---- F32 */

static const char *told_key(const char *key, const char *name, int status, const char *body) {
  static char told[sizeof((xai_error *)NULL)->key];
  wire w = {.now = 1000};
  xai_config config = wire_config(&w);
  config.api_key = key;
  config.key_name = name;
  w.client = xai_client_new(&config, NULL);
  sent_key(&w, status, body);
  memcpy(told, w.error.key, sizeof told);
  wire_close(&w);
  return told;
}

static void F32_tells_which_key_was_refused(void) {
  static const struct {
    const char *key, *name;
    int status;
    const char *body, *told;
  } cases[] = {
    {CANARY, NULL, 401, "{\"error\":\"bad key\"}", "\xE2\x80\xA6Xp4N"},
    {CANARY, NULL, 403, "{\"error\":\"no access\"}", "\xE2\x80\xA6Xp4N"},
    {CANARY, "billing-2", 401, "{\"error\":\"bad key\"}", "billing-2"},
    {"xai-too-short", NULL, 401, "{\"error\":\"bad key\"}", ""},
    {"xai-too-short", "dev", 401, "{\"error\":\"bad key\"}", "dev"},
    {CANARY, "xai-q7Wm2LrT", 401, "{\"error\":\"bad key\"}",
     "\xE2\x80\xA6Xp4N"}, /* a name that gives it away */
    {CANARY, NULL, 400, "{\"code\":\"invalid-argument\",\"error\":\"Incorrect API key provided\"}",
     "\xE2\x80\xA6Xp4N"},
    {CANARY, NULL, 404, "{\"error\":\"no such model\"}", ""},
    {CANARY, NULL, 422, "{\"error\":\"no such field\"}", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    CHECK_STR(xai_str_of(told_key(cases[i].key, cases[i].name, cases[i].status, cases[i].body)),
              cases[i].told);
}

/* ---- the canary */

typedef struct seen {
  char text[ROOM * 4];
  size_t len;
} seen;

static void see(seen *s, xai_str text) {
  size_t room = sizeof s->text - 1 - s->len;
  size_t len = text.len < room ? text.len : room;
  CHECK(len == text.len);
  if (len > 0) memcpy(s->text + s->len, text.ptr, len);
  s->len += len;
  s->text[s->len] = '\0';
}

static void see_line(void *user, xai_log_level level, xai_str line) {
  (void)level;
  see(user, line);
  see(user, xai_str_of("\n"));
}

static void see_error(seen *s, const xai_error *err) {
  const char *const texts[] = {err->message,  err->request_id, err->api_code,
                               err->api_type, err->param,      err->key};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    see(s, xai_str_of(texts[i]));
    see(s, xai_str_of("\n"));
  }
}

static void see_result(seen *s, xai_client *client, const xai_result *result) {
  static const char *const headers[] = {"x-request-id", "server", "location", "x-echo", "date"};
  see_error(s, &result->error);
  see(s, result->body);
  see(s, xai_str_of("\n"));
  see(s, result->content_type);
  xai_str values[sizeof headers / sizeof *headers];
  xai_result_headers(client, headers, sizeof headers / sizeof *headers, values);
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    see(s, xai_str_of("\n"));
    see(s, values[i]);
    xai_str value = xai_result_header(client, headers[i]);
    CHECK(value.len == values[i].len && memcmp(value.ptr, values[i].ptr, value.len) == 0);
  }
  for (size_t i = 0; i < result->attempt_count; i++) see(s, xai_str_of(result->attempts[i].request_id));
  char *response = wire_json(result->response);
  see(s, xai_str_of("\n"));
  see(s, xai_str_of(response));
  free(response);
}

static void see_all(seen *s, xai_client *client) {
  xai_event event;
  while (xai_client_next(client, &event) == XAI_OK) {
    if (event.type == XAI_EVENT_RETRY) see_error(s, event.error);
    if (event.type == XAI_EVENT_RETRY) see(s, xai_str_of(event.attempt->request_id));
    if (event.type == XAI_EVENT_END) see_result(s, client, event.result);
  }
}

/* A server that sends it back wherever it can. %s: the key in some form. */
typedef struct echo {
  int status;
  bool stream;
  const char *type;
  const char *body;
} echo;

static const echo echoes[] = {
  {401, false, JSON, "{\"code\":\"%s\",\"error\":\"key %s is bad\"}"},
  {400, false, JSON, "{\"error\":{\"message\":\"%s\",\"type\":\"%s\",\"code\":\"%s\",\"param\":\"%s\"}}"},
  {403, false, "text/plain", "%s may not"},
  {404, false, "text/html", "<p>%s</p>"},
  {422, false, JSON, "[{\"error\":[\"%s\"]}]"},
  {429, false, JSON, "{\"error\":\"slow down, %s\"}"},
  {500, false, JSON, "{\"detail\":{\"a\":{\"b\":\"%s\"}}}"},
  {503, false, "text/plain", "%s"},
  {302, false, "text/plain", "%s"},
  {200, false, "text/plain", "%s is no JSON"},
  {200, false, JSON, "{\"error\":{\"message\":\"%s\",\"%s\":[[\"%s\"]]}}"},
  {200, false, JSON,
   "{\"id\":\"r\",\"object\":\"response\",\"status\":\"failed\",\"output\":[],\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}"},
  {200, true, "text/event-stream", "data: {\"type\":\"error\",\"code\":\"%s\",\"message\":\"%s\"}\n\n"},
  {200, true, "text/event-stream",
   "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"object\":\"response\",\"output\":[]}}\n\n"
   "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"failed\",\"output\":[],"
   "\"error\":{\"code\":\"%s\",\"message\":\"about %s\"}}}\n\n"},
  {200, true, "text/event-stream", "data: {%s broken\n\n"},
  {200, true, "text/event-stream", "data: {\"error\":\"%s\"}\n\n"},
};

static void put_form(char *to, const char *format, const char *form) {
  while (*format != '\0') {
    if (format[0] == '%' && format[1] == 's') {
      to += sprintf(to, "%s", form);
      format += 2;
    } else {
      *to++ = *format++;
    }
  }
  *to = '\0';
}

static void play_echo(seen *s, xai_client *client, const echo *e, const char *form, bool own_header) {
  char body[ROOM], location[ROOM];
  const xai_header own = {"Authorization", "Bearer " CANARY};
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.stream = e->stream;
  if (own_header) request.headers = &own;
  request.header_count = own_header;
  request.limits.max_attempts = 2;
  xai_error err;
  CHECK(xai_call_start(client, &request, &err).id != 0);
  xai_wire_request taken;
  if (xai_wire_next(client, &taken) != XAI_OK) return;
  snprintf(location, sizeof location, "https://u:%s@h/%s?%s", form, form, form);
  put_form(body, e->body, form);
  xai_wire_status(client, taken.id, e->status);
  xai_wire_header(client, taken.id, "Content-Type", e->type);
  xai_wire_header(client, taken.id, "x-request-id", form);
  xai_wire_header(client, taken.id, "server", form);
  xai_wire_header(client, taken.id, "x-echo", form);
  xai_wire_header(client, taken.id, "Retry-After", "1");
  if (e->status == 302) xai_wire_header(client, taken.id, "Location", location);
  while (xai_wire_body(client, taken.id, body, strlen(body)) == XAI_MORE) see_all(s, client);
  xai_wire_finish(client, taken.id, XAI_WIRE_DONE);
  see_all(s, client);
}

static void F130_F131_sings_nowhere(void) {
  static encode_fn *const encoders[] = {literally, percent,   percent_some, escaped,
                                        hex,       hex_upper, base64,       base64_url};
  static seen s;
  size_t lines = 0;
  for (size_t e = 0; e < sizeof echoes / sizeof *echoes; e++)
    for (size_t f = 0; f < 2 * sizeof encoders / sizeof *encoders; f++) {
      if (under_valgrind() && (e + f) % 5 != 0) continue; /* it takes its time */
      char form[ROOM];
      bool own_header = f % 2;
      wire w = {.now = 1000};
      watcher watch = {0, 0};
      encoders[f / 2](form, e % 3 == 0 ? "Bearer " CANARY : CANARY);
      s.len = 0;
      xai_config config = wire_config(&w);
      config.api_key = own_header ? NULL : CANARY;
      config.log = (xai_log){see_line, &s, XAI_LOG_DEBUG};
      config.breaker.off = true;
      config.mem = (xai_mem){watch_fn, &watch};
      xai_client *client = xai_client_new(&config, NULL);
      play_echo(&s, client, &echoes[e], form, own_header);
      w.now += 30000;
      xai_client_step(client, 0);
      see_all(&s, client);
      xai_client_free(client);
      lines += s.len > 0 && strstr(s.text, "event=end") != NULL;
      if (!is_clean(s.text)) printf("echo %zu, form %zu: %s\n", e, f, s.text);
      CHECK(is_clean(s.text));
      CHECK(watch.freed > 0);
    }
  CHECK(lines > (under_valgrind() ? 40 : 200));
}

/* A gateway in between has keys of its own. */
static void R8_masks_what_the_headers_of_a_caller_hold(void) {
  static const char *const names[] = {"x-api-key", "Api-Key", "X-Auth-Token", "Cookie",
                                      "Proxy-Authorization"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    wire w;
    wire_open(&w);
    const xai_header header = {names[i], "gw-9f8e7d6c5b4a39281706"};
    xai_request request = XAI_REQUEST_INIT;
    request.path = "/models";
    request.headers = &header;
    request.header_count = 1;
    CHECK(xai_call_start(w.client, &request, NULL).id != 0);
    wire_answer(&w, 403, JSON,
                "{\"error\":\"gw-9f8e7d6c5b4a39281706 (Z3ctOWY4ZTdkNmM1YjRhMzkyODE3MDY=) may not\"}");
    CHECK_INT(w.ends, 1);
    CHECK_HAS_NOT(w.error.message, "9f8e7d6c");
    CHECK_HAS_NOT(w.error.message, "OWY4ZTdkNmM1");
    wire_close(&w);
  }
}

/* What the client frees of its own holds nothing of the key, also when the calls bring their own. */
static void R8_frees_no_block_with_the_key_inside(void) {
  for (int round = 0; round < 3; round++) {
    wire w = {.now = 1000};
    watcher watch = {0, 0};
    source from = {CANARY, 0};
    static seen s;
    s.len = 0;
    xai_config config = wire_config(&w);
    config.api_key = round == 0 ? CANARY : NULL;
    config.key = round == 1 ? next_key : NULL;
    config.key_user = &from;
    config.mem = (xai_mem){watch_fn, &watch};
    xai_client *client = xai_client_new(&config, NULL);
    static const echo plain = {401, false, JSON, "{\"error\":\"bad key\"}"};
    for (int i = 0; i < 3; i++) play_echo(&s, client, &plain, "nothing", round == 2);
    xai_client_set_key(client, xai_str_of("xai-another-one-of-them"), NULL, NULL);
    for (int i = 0; i < 3; i++) play_echo(&s, client, &plain, "nothing", round == 2);
    xai_client_free(client);
    CHECK(watch.freed > 20);
    CHECK_INT(watch.dirty, 0);
  }
}

/* Over libcurl: its own copies are not ours to see, our list of headers is. */
static void R8_frees_no_block_with_the_key_inside_over_libcurl(void) {
  static const lb_step refuse[] = {
    READ, WRITE("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"), CLOSE};
  const lb_step *const scripts[] = {refuse};
  lb_server *server = lb_start(scripts, 1);
  watcher watch = {0, 0};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", server->port);
  xai_config config = XAI_CONFIG_INIT;
  config.api_key = CANARY;
  config.base_url = url;
  config.proxy = "";
  config.mem = (xai_mem){watch_fn, &watch};
  xai_client *client = xai_client_new(&config, NULL);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/models";
  CHECK(xai_call_start(client, &request, NULL).id != 0);
  xai_event event = {0};
  for (int i = 0; i < 100 && event.type != XAI_EVENT_END; i++) {
    xai_client_step(client, 100);
    while (event.type != XAI_EVENT_END && xai_client_next(client, &event) == XAI_OK) continue;
  }
  CHECK_INT(event.type, XAI_EVENT_END);
  xai_client_free(client);
  lb_stop(server);
  CHECK_INT(watch.dirty, 0);
}

/* F10: libcurl's words about a proxy quote all of its URL. */
static void F10_the_password_of_a_proxy_is_not_shown(void) {
  static const char *const proxies[] = {"socks9://me:hunter2@127.0.0.1:1", "http://me:hunter2@127.0.0.1:1",
                                        "http://me:hunter2@127.0.0.1:99999", "me:hunter2@nowhere.invalid:1"};
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) {
    xai_config config = XAI_CONFIG_INIT;
    config.base_url = "http://127.0.0.1:1/v1";
    config.proxy = proxies[i];
    xai_error err;
    xai_client *client = xai_client_new(&config, &err);
    CHECK(strstr(err.message, "hunter2") == NULL);
    if (client == NULL) continue;
    xai_request request = XAI_REQUEST_INIT;
    request.path = "/models";
    request.limits.max_attempts = 1;
    request.limits.deadline_ms = 5000;
    CHECK(xai_call_start(client, &request, NULL).id != 0);
    xai_event event = {0};
    for (int turn = 0; turn < 100 && event.type != XAI_EVENT_END; turn++) {
      xai_client_step(client, 100);
      while (event.type != XAI_EVENT_END && xai_client_next(client, &event) == XAI_OK) continue;
    }
    CHECK_INT(event.type, XAI_EVENT_END);
    if (event.type == XAI_EVENT_END) CHECK(strstr(event.result->error.message, "hunter2") == NULL);
    xai_client_free(client);
  }
}

/* ---- F132: headers that a caller sets */

static bool accepts(xai_client *client, const char *name, const char *value, xai_error *err) {
  const xai_header header = {name, value};
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/models";
  request.headers = &header;
  request.header_count = 1;
  return xai_call_start(client, &request, err).id != 0;
}

static char *c_string(xai_str text) {
  char *copy = malloc(text.len + 1);
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  return copy;
}

/* The suite beside the checkout. A NUL cannot be told to a C function: the Lua face refuses it. */
static void F132_the_header_vectors(void) {
  size_t len;
  char *text = shared_file("conformance/net/headers.json", &len);
  if (text == NULL) return;
  wire w;
  wire_open(&w);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *suite = xai_json_parse(doc, text, len, 0, NULL);
  int tried = 0;
  for (const xai_json *v = xai_json_first(xai_json_get(suite, "vectors")); v != NULL; v = xai_json_next(v)) {
    xai_str name = xai_json_str(xai_json_get(v, "header")), value = xai_json_str(xai_json_get(v, "value"));
    if (memchr(name.ptr, 0, name.len) != NULL || memchr(value.ptr, 0, value.len) != NULL) continue;
    char *n = c_string(name), *x = c_string(value);
    xai_error err;
    bool taken = accepts(w.client, n, x, &err);
    xai_str id = xai_json_str(xai_json_get(v, "name"));
    if (taken != xai_json_bool(xai_json_get(v, "accept"))) printf("vector %.*s\n", (int)id.len, id.ptr);
    CHECK_INT(taken, xai_json_bool(xai_json_get(v, "accept")));
    if (!taken && value.len > 3) CHECK(strstr(err.message, x) == NULL);
    free(n);
    free(x);
    tried++;
  }
  CHECK(tried > 20);
  xai_json_doc_free(doc);
  free(text);
  wire_close(&w);
}

static void F132_refuses_what_would_split_a_request(void) {
  static const char *const values[] = {"1\r\nX-B: 2", "1\nX-B: 2", "1\rX-B", "a\x01",
                                       "\xC3\xBC",    "trail ",    " lead",  "a\x7F"};
  static const char *const names[] = {"",
                                      "X:A",
                                      "X A",
                                      "X-A\r\nX-B",
                                      "\xC3\x9C",
                                      "X-(A)",
                                      "Host",
                                      "content-length",
                                      "Transfer-Encoding",
                                      "Connection",
                                      "Expect",
                                      "TE",
                                      "Upgrade",
                                      "Trailer"};
  wire w;
  xai_error err;
  wire_open(&w);
  CHECK(accepts(w.client, "X-A", "1", &err));
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    CHECK(!accepts(w.client, "X-A", values[i], &err));
    CHECK_INT(err.code, XAI_ERR_ARG);
    CHECK(strstr(err.message, "X-A") != NULL && strstr(err.message, values[i]) == NULL);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK(!accepts(w.client, names[i], "1", &err));
  wire_close(&w);
}

/* ---- the memory of this process */

#if defined(__linux__)
static unsigned which_key;

/* A key that stands nowhere: each of its characters is worked out when it is needed. */
static char key_char(unsigned i) {
  unsigned v = (i + 11 + which_key) * 2654435761u;
  v ^= v >> 13;
  v *= 2246822519u;
  return "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"[(v >> 16) % 57];
}

enum { MADE_KEY = 80, LOOKED_FOR = 16, CHUNK = 1 << 20 };

static size_t count_in(const unsigned char *bytes, size_t len) {
  size_t count = 0;
  for (unsigned from = 0; from + LOOKED_FOR <= MADE_KEY; from += LOOKED_FOR)
    for (size_t at = 0; at + LOOKED_FOR <= len; at++) {
      unsigned same = 0;
      while (same < LOOKED_FOR && bytes[at + same] == (unsigned char)key_char(from + same)) same++;
      count += same == LOOKED_FOR;
    }
  return count;
}

/* How many pieces of it lie in memory that can be written to; -1: the system does not let us look. */
static long copies(unsigned char *chunk) {
  FILE *maps = fopen("/proc/self/maps", "r");
  int mem = open("/proc/self/mem", O_RDONLY);
  long count = 0;
  char line[512], rights[8];
  unsigned long from, to;
  if (maps == NULL || mem < 0) count = -1;
  while (count >= 0 && fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[1] != 'w') continue;
    if ((unsigned long)(uintptr_t)chunk >= from && (unsigned long)(uintptr_t)chunk < to) continue;
    for (unsigned long at = from; at < to; at += CHUNK - LOOKED_FOR) {
      size_t want = to - at < CHUNK ? to - at : CHUNK;
      ssize_t got = pread(mem, chunk, want, (off_t)at);
      if (got > 0) count += (long)count_in(chunk, (size_t)got);
    }
  }
  if (maps != NULL) fclose(maps);
  if (mem >= 0) close(mem);
  return count;
}

static xai_client *open_with_made_key(wire *w) {
  char key[MADE_KEY + 1];
  for (unsigned i = 0; i < MADE_KEY; i++) key[i] = key_char(i);
  key[MADE_KEY] = '\0';
  memset(w, 0, sizeof *w);
  w->now = 1000;
  xai_config config = wire_config(w);
  config.api_key = key;
  xai_client *client = xai_client_new(&config, NULL);
  xai__wipe(key, sizeof key);
  return client;
}

static void R8_stands_once_in_memory_and_then_not_at_all(void) {
  if (SANITIZED || under_valgrind()) return; /* address space is another matter there */
  unsigned char *chunk = malloc(CHUNK);      /* so large that it has a mapping of its own */
  static seen s;
  static const echo plain = {401, false, JSON, "{\"error\":\"bad key\"}"};
  wire w;
  /* Another key first: the dynamic linker saves the vector registers, and what they hold, on the stack when a
   * function is called for the first time. */
  which_key = 1000;
  w.client = open_with_made_key(&w);
  play_echo(&s, w.client, &plain, "nothing", false);
  xai_client_free(w.client);
  which_key = 0;
  w.client = open_with_made_key(&w);
  long before = copies(chunk);
  for (int i = 0; i < 20; i++) play_echo(&s, w.client, &plain, "nothing", false);
  s.len = 0;
  long after = copies(chunk);
  xai_client_free(w.client);
  long gone = copies(chunk);
  if (before >= 0) {
    CHECK_INT(before, MADE_KEY / LOOKED_FOR);
    CHECK_INT(after, MADE_KEY / LOOKED_FOR);
    CHECK_INT(gone, 0);
  }
  free(chunk);
}
#endif

int main(void) {
#if defined(__linux__)
  RUN(R8_lies_in_pages_of_its_own_that_are_not_dumped);
  RUN(F94_is_empty_in_a_forked_child);
  RUN(uses_the_allocator_where_pages_cannot_be_had);
  RUN(R8_stands_once_in_memory_and_then_not_at_all);
#endif
  RUN(asks_a_function_for_each_call);
  RUN(changes_the_key_between_calls);
  RUN(reads_a_file_and_again_when_its_key_was_refused);
  RUN(F129_refuses_what_cannot_be_a_key);
  RUN(F129_a_key_given_as_a_path_is_not_shown);
  RUN(F32_tells_which_key_was_refused);
  RUN(F130_F131_sings_nowhere);
  RUN(R8_masks_what_the_headers_of_a_caller_hold);
  RUN(R8_frees_no_block_with_the_key_inside);
  RUN(R8_frees_no_block_with_the_key_inside_over_libcurl);
  RUN(F10_the_password_of_a_proxy_is_not_shown);
  RUN(F132_the_header_vectors);
  RUN(F132_refuses_what_would_split_a_request);
  return check_report("secrets");
}
