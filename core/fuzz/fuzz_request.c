/* fuzz_request.c - any base URL, key, path, method and headers: what is sent is what was asked for, and nothing else.
 * SPDX-License-Identifier: MIT
 *
 * The input is lines: base_url, key, user agent, method, path, model, idempotency key, then "name: value" each.
 */
#include "fuzz.h"

enum { HEADERS = 80 };

static uint64_t now_ms(void *user) {
  (void)user;
  return 1000;
}

static int64_t wall_s(void *user) {
  (void)user;
  return 1767225600;
}

/* Nothing in it can end a line, or be taken for another one. */
static void header_ok(const xai_header *header) {
  need(header->name[0] != '\0');
  for (const char *at = header->name; *at != '\0'; at++) need(*at > 0x20 && *at < 0x7f && *at != ':');
  for (const char *at = header->value; *at != '\0'; at++) need(*at >= 0x20 && *at < 0x7f);
  static const char *const framing[] = {"host", "content-length", "transfer-encoding", "connection"};
  for (size_t i = 0; i < sizeof framing / sizeof *framing; i++)
    need(!xai__str_eq_nocase(xai_str_of(header->name), framing[i]));
}

static void wire_ok(const xai_wire_request *wire, const char *base_url, const char *path) {
  size_t len = strlen(wire->url), tail = strlen(path);
  need(strncmp(wire->url, base_url, 7) == 0 && len >= tail && strcmp(wire->url + len - tail, path) == 0);
  for (size_t i = 0; i < len; i++) need(wire->url[i] > 0x20 && wire->url[i] < 0x7f && wire->url[i] != '#');
  for (const char *at = wire->method; *at != '\0'; at++) need(*at >= 'A' && *at <= 'Z');
  unsigned authorizations = 0, agents = 0;
  for (size_t i = 0; i < wire->header_count; i++) {
    header_ok(&wire->headers[i]);
    authorizations += xai__str_eq_nocase(xai_str_of(wire->headers[i].name), "authorization");
    agents += xai__str_eq_nocase(xai_str_of(wire->headers[i].name), "user-agent");
  }
  need(agents >= 1);
  (void)authorizations;
}

static void start(xai_client *client, const xai_request *request, const char *base_url) {
  xai_error err;
  xai_call_id id = xai_call_start(client, request, &err);
  need((id.id != 0) == (err.code == XAI_OK));
  fuzz_error_ok(&err);
  if (id.id == 0) {
    need(err.code == XAI_ERR_ARG || err.code == XAI_ERR_TOO_BIG);
    return;
  }
  xai_wire_request wire;
  (void)xai_client_step(client, 0);
  if (xai_wire_next(client, &wire) == XAI_OK) wire_ok(&wire, base_url, request->path);
}

/* An empty line is a text that was not given. */
static char *line(fuzz_input *in) {
  char *text = fuzz_cstr(fuzz_until(in, '\n'));
  if (text[0] != '\0') return text;
  free(text);
  return NULL;
}

static size_t read_headers(fuzz_input *in, xai_header *headers, char **texts) {
  size_t count = 0;
  for (; count < HEADERS && in->at < in->end; count++) {
    texts[count] = fuzz_cstr(fuzz_until(in, '\n'));
    char *colon = strstr(texts[count], ": ");
    if (colon != NULL) *colon = '\0';
    headers[count] = (xai_header){texts[count], colon != NULL ? colon + 2 : ""};
  }
  return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + size};
  fuzz_heap heap = {0, (size_t)64 << 20};
  char *given[7], *texts[HEADERS];
  xai_header headers[HEADERS];
  for (int i = 0; i < 7; i++) given[i] = line(&in);
  size_t count = read_headers(&in, headers, texts);
  xai_config config = XAI_CONFIG_INIT;
  config.transport = XAI_TRANSPORT_SCRIPTED;
  config.base_url = given[0];
  config.api_key = given[1];
  config.user_agent = given[2];
  config.seed = 1;
  config.mem = (xai_mem){fuzz_heap_fn, &heap};
  config.clock = (xai_clock){now_ms, wall_s, NULL};
  xai_error err;
  xai_client *client = xai_client_new(&config, &err);
  need((client == NULL) == (err.code != XAI_OK));
  fuzz_error_ok(&err);
  if (client != NULL) {
    xai_request request = XAI_REQUEST_INIT;
    request.method = given[3];
    request.path = given[4];
    request.model = given[5];
    request.idempotency_key = given[6];
    request.headers = headers;
    request.header_count = count;
    request.body = xai_str_of(count & 1 ? "{}" : "");
    start(client, &request, given[0] ? given[0] : "https://");
  }
  xai_client_free(client);
  need(heap.held == 0);
  for (int i = 0; i < 7; i++) free(given[i]);
  for (size_t i = 0; i < count; i++) free(texts[i]);
  return 0;
}
