/* test_found.c - what the simulation found, each as a test of its own.
 * SPDX-License-Identifier: MIT */
#include "wire.h"

/* The header that met the limit was kept in half, and looking for another one ran past the end. */
static void F23_a_header_beyond_the_limit_is_not_kept_in_half(void) {
  wire w;
  wire_open(&w);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.limits.max_headers = 100;
  CHECK(xai_call_start(w.client, &request, NULL).id != 0);
  uint32_t id = wire_request_id(&w);
  char value[96];
  memset(value, 'v', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  xai_wire_status(w.client, id, 503);
  xai_wire_header(w.client, id, "x-request-id", "req-1");
  xai_wire_header(w.client, id, "x-filler", value);
  wire_pull(&w);
  CHECK(!xai_wire_live(w.client, id));
  wire_pass(&w, 100000);
  CHECK(w.retries == 1 || w.ends == 1);
  wire_close(&w);
}

/* The exchange lived on until the program took the events that had arrived. */
static void R2_the_deadline_closes_the_exchange_though_events_wait(void) {
  wire w;
  wire_open(&w);
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.stream = true;
  request.limits.deadline_ms = 1000;
  CHECK(xai_call_start(w.client, &request, NULL).id != 0);
  uint32_t id = wire_request_id(&w);
  static const char event[] =
    "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hi\"}\n\n";
  wire_head(&w, id, 200, "text/event-stream");
  CHECK_INT(xai_wire_body(w.client, id, event, sizeof event - 1), XAI_OK);
  CHECK(xai_wire_live(w.client, id));
  w.now += 1000;
  CHECK_INT(xai_client_step(w.client, 0), XAI_OK);
  CHECK(!xai_wire_live(w.client, id));
  wire_pull(&w);
  CHECK_INT(w.deltas, 1);
  CHECK_INT(w.ends, 1);
  CHECK_INT(w.outcome, XAI_OUTCOME_INCOMPLETE);
  CHECK_INT(w.error.code, XAI_ERR_DEADLINE);
  wire_close(&w);
}

/* Retries decided on in different windows, whose waits ended together, went out together. */
static void R5_retries_that_fall_due_together_stay_within_the_budget(void) {
  wire w;
  wire_open(&w);
  w.now = 20000;
  enum { CALLS = 30 };
  for (int i = 0; i < CALLS; i++) { /* one each 1.5 s, each asked to come back when the last one is over */
    char wait[16];
    snprintf(wait, sizeof wait, "%d", 60 - i * 3 / 2);
    wire_start(&w, "/responses", "{}", false);
    uint32_t id = wire_request_id(&w);
    wire_head(&w, id, 503, "application/json");
    xai_wire_header(w.client, id, "Retry-After", wait);
    xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    wire_pass(&w, 1500);
  }
  CHECK_INT(w.retries, CALLS);
  int sent[200] = {0}; /* in each second */
  for (int second = 0; second < 200; second++) {
    wire_pass(&w, 1000);
    for (uint32_t id; (id = wire_request_id(&w)) != 0; sent[second]++) {
      wire_head(&w, id, 400, "application/json");
      xai_wire_finish(w.client, id, XAI_WIRE_DONE);
    }
    int last = 0;
    for (int back = 0; back < 10 && back <= second; back++) last += sent[second - back];
    CHECK(last <= 10);
  }
  wire_pull(&w);
  CHECK_INT(w.ends, CALLS);
  wire_close(&w);
}

int main(void) {
  RUN(F23_a_header_beyond_the_limit_is_not_kept_in_half);
  RUN(R2_the_deadline_closes_the_exchange_though_events_wait);
  RUN(R5_retries_that_fall_due_together_stay_within_the_budget);
  return check_report("found");
}
