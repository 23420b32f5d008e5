/* ours.c - the library from C under load: what a request, an event and an open stream cost.
 * SPDX-License-Identifier: MIT
 *
 *   ours request BASE COUNT        one whole answer after another        -> cpu_us (a request), wall_us
 *   ours streams BASE STREAMS      all at once, read as they come        -> cpu_us (an event)
 *   ours slow BASE STREAMS SECONDS -> kib (a stream), open_ms (CPU to open one), p50_ms, p99_ms, cpu_us (an event)
 *   ours held BASE STREAMS         the blocks of memory that an open stream holds, by size, ours and libcurl's
 *   ours first BASE 1              one answer, and out
 */
#define _GNU_SOURCE
#include "counted.h"
#include "measure.h"
#include "xai.h"

enum { MOST_DELAYS = 1 << 20, WARM = 50 };

static uint64_t delays[MOST_DELAYS];
static size_t delay_count;

static xai_client *client_with(const char *base, xai_mem mem) {
  xai_error err;
  xai_config config = XAI_CONFIG_INIT;
  config.base_url = base;
  config.api_key = "xai-benchmark";
  config.ca_file = getenv("BENCH_CA");
  config.proxy = "";
  config.max_calls = 20000;
  config.mem = mem;
  xai_client *client = xai_client_new(&config, &err);
  if (client == NULL) fprintf(stderr, "%s\n", err.message), exit(1);
  return client;
}

static xai_client *client_for(const char *base) {
  return client_with(base, (xai_mem){0});
}

static void start(xai_client *client, bool stream) {
  xai_error err;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.stream = stream;
  request.body = xai_str_of(stream ? "{\"model\":\"grok-4.6\",\"input\":\"Tides?\",\"stream\":true}"
                                   : "{\"model\":\"grok-4.6\",\"input\":\"Tides?\"}");
  if (xai_call_start(client, &request, &err).id == 0) fprintf(stderr, "%s\n", err.message), exit(1);
}

static void must_be_complete(const xai_result *result) {
  if (result->outcome == XAI_OUTCOME_COMPLETE) return;
  fprintf(stderr, "%s: %s\n", xai_outcome_name(result->outcome), result->error.message);
  exit(1);
}

static void one_request(xai_client *client) {
  xai_event event = {0};
  start(client, false);
  while (event.type != XAI_EVENT_END) {
    xai_client_step(client, 1000);
    while (event.type != XAI_EVENT_END && xai_client_next(client, &event) == XAI_OK) {}
  }
  must_be_complete(event.result);
}

static void requests(const char *base, int count) {
  xai_client *client = client_for(base);
  for (int i = 0; i < WARM; i++) one_request(client);
  double cpu = cpu_us();
  uint64_t wall = now_us();
  for (int i = 0; i < count; i++) one_request(client);
  figure("cpu_us", (cpu_us() - cpu) / count);
  figure("wall_us", (double)(now_us() - wall) / count);
  xai_client_free(client);
}

/* Text deltas seen until all calls have ended, or until `until`. */
static size_t drain(xai_client *client, uint64_t until, uint64_t timed_from) {
  size_t texts = 0;
  xai_event event;
  while (xai_client_pending(client) > 0 && now_us() < until) {
    xai_client_step(client, 100);
    while (xai_client_next(client, &event) == XAI_OK) {
      if (event.type == XAI_EVENT_END) must_be_complete(event.result);
      if (event.type != XAI_EVENT_TEXT) continue;
      texts++;
      if (timed_from == 0 || delay_count == MOST_DELAYS) continue;
      uint64_t sent = strtoull(event.text.ptr + 1, NULL, 10), now = now_us();
      if (sent > timed_from && now >= sent) delays[delay_count++] = now - sent;
    }
  }
  return texts;
}

static void streams(const char *base, int count) {
  xai_client *client = client_for(base);
  double cpu = cpu_us();
  for (int i = 0; i < count; i++) start(client, true);
  size_t events = drain(client, UINT64_MAX, 0);
  figure("cpu_us", (cpu_us() - cpu) / (double)events);
  figure("events", (double)events);
  xai_client_free(client);
}

static void open_streams(xai_client *client, int count) {
  for (int i = 0; i < count; i++) {
    start(client, true);
    if (i % 50 == 49) drain(client, now_us() + 2000, 0);
  }
  drain(client, now_us() + 1000000, 0);
}

/* The first tenth pays for what all share. */
static void slow(const char *base, int count, int seconds) {
  xai_client *client = client_for(base);
  int first = count / 10;
  open_streams(client, first);
  double before = resident_kib(), opening = cpu_us();
  open_streams(client, count - first);
  figure("open_ms", (cpu_us() - opening) / (count - first) / 1000);
  drain(client, now_us() + 1000000, 0);
  double cpu = cpu_us();
  size_t events = drain(client, now_us() + (uint64_t)seconds * 1000000, now_us());
  figure("kib", (resident_kib() - before) / (count - first));
  figure("cpu_us", (cpu_us() - cpu) / (double)events);
  figure("p50_ms", percentile(delays, delay_count, 0.5) / 1000);
  figure("p99_ms", percentile(delays, delay_count, 0.99) / 1000);
  figure("events", (double)events);
  xai_client_free(client);
}

/* Between two events, which come each second. */
static void held(const char *base, int count) {
  static size_table ours, curl;
  xai_client *client = client_with(base, count_blocks());
  int first = count / 10;
  open_streams(client, first);
  drain(client, now_us() + 2000000, 0);
  ours = blocks_ours;
  curl = blocks_curl;
  open_streams(client, count - first);
  drain(client, now_us() + 2000000, 0);
  show_blocks("ours", &ours, &blocks_ours, count - first);
  show_blocks("libcurl", &curl, &blocks_curl, count - first);
  xai_client_free(client);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int count = atoi(argv[3]);
  if (strcmp(argv[1], "request") == 0) requests(argv[2], count);
  if (strcmp(argv[1], "first") == 0) one_request(client_for(argv[2]));
  if (strcmp(argv[1], "held") == 0) held(argv[2], count);
  if (strcmp(argv[1], "streams") == 0) streams(argv[2], count);
  if (strcmp(argv[1], "slow") == 0 && argc == 5) slow(argv[2], count, atoi(argv[4]));
  return 0;
}
