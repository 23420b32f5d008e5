/* test_chaos.c - many calls under random faults, a virtual clock and a server that keeps a ledger of what it did.
 * SPDX-License-Identifier: MIT
 *
 * Held after every step: each call ends exactly once (R1), within its deadline (R2), complete only when the
 * final event was sent (R3), executed a second time only where the caller allowed it and never without an
 * attempt in the account that says so (R4), and all retries stay within their budget (R5).
 * XAI_SEED and XAI_CALLS choose another run; a failure prints its seed.
 */
#include "wire.h"

enum { SLOTS = 48, DEADLINE_MS = 300000 };

typedef struct server_side {
  bool used;
  xai_call_id id;
  bool may_repeat;
  uint64_t started;
  int executed; /* times the model ran for this call                     */
  bool whole;   /* the final byte of an answer was sent                  */
  int ends;
} server_side;

typedef struct exchange {
  uint32_t id; /* 0: free                                               */
  server_side *call;
  size_t at;   /* bytes of the body sent                                */
  size_t stop; /* ... and where the fault hits                          */
  int fate;
  const char *body;
  size_t len;
} exchange;

typedef struct world {
  wire w;
  uint64_t random;
  server_side calls[SLOTS];
  exchange exchanges[SLOTS];
  uint64_t drained_at; /* when all events had been pulled the last time */
  long started, ended, requests, complete, cancelled;
} world;

static uint32_t chance(world *o, uint32_t below) {
  o->random = o->random * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(o->random >> 33) % below;
}

static const char stream_body[] =
  "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"output\":[]}}\n\n"
  "data: "
  "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[]}"
  "}\n\n"
  "data: {\"type\":\"response.content_part.added\",\"output_index\":0,\"content_index\":0,\"part\":"
  "{\"type\":\"output_text\",\"text\":\"\"}}\n\n"
  "data: "
  "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hello\"}\n\n"
  "data: "
  "{\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[]}}\n\n";

static const char error_body[] = "{\"code\":\"unavailable\",\"error\":\"Service temporarily unavailable.\"}";

enum {
  FATE_WELL,
  FATE_CUT,
  FATE_RESET,
  FATE_STALL,
  FATE_REFUSED,
  FATE_RESOLVE,
  FATE_503,
  FATE_500,
  FATE_429,
  FATES
};

static server_side *call_of(world *o, xai_call_id id) {
  for (int i = 0; i < SLOTS; i++)
    if (o->calls[i].used && o->calls[i].id.id == id.id) return &o->calls[i];
  return NULL;
}

static void start_one(world *o) {
  int i = 0;
  while (i < SLOTS && o->calls[i].used) i++;
  if (i == SLOTS) return;
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.stream = true;
  request.limits.deadline_ms = DEADLINE_MS;
  request.retry_unknown = chance(o, 4) == 0;
  xai_call_id id = xai_call_start(o->w.client, &request, NULL);
  CHECK(id.id != 0);
  o->calls[i] =
    (server_side){.used = true, .id = id, .may_repeat = request.retry_unknown, .started = o->w.now};
  o->started++;
}

static void finish_exchange(world *o, exchange *x, xai_wire_end how) {
  uint32_t id = x->id;
  x->id = 0;
  xai_wire_finish(o->w.client, id, how);
}

static void answer_status(world *o, exchange *x, int status, const char *retry_after) {
  wire_head(&o->w, x->id, status, "application/json");
  if (retry_after != NULL) xai_wire_header(o->w.client, x->id, "Retry-After", retry_after);
  wire_bytes(&o->w, x->id, error_body, strlen(error_body));
  finish_exchange(o, x, XAI_WIRE_DONE);
}

static void begin_answer(world *o, exchange *x) {
  x->call->executed++;
  x->body = stream_body;
  x->len = strlen(stream_body);
  x->stop = x->fate == FATE_WELL ? x->len : chance(o, (uint32_t)x->len);
  wire_head(&o->w, x->id, 200, "text/event-stream");
}

static void take_request(world *o) {
  int i = 0;
  while (i < SLOTS && o->exchanges[i].id != 0) i++;
  xai_wire_request request;
  if (i == SLOTS || xai_wire_next(o->w.client, &request) != XAI_OK) return;
  exchange *x = &o->exchanges[i];
  *x = (exchange){.id = request.id, .call = call_of(o, request.call)};
  x->fate = chance(o, 3) ? FATE_WELL : (int)chance(o, FATES);
  o->requests++;
  switch (x->fate) {
    case FATE_REFUSED: finish_exchange(o, x, XAI_WIRE_REFUSED); break;
    case FATE_RESOLVE: finish_exchange(o, x, XAI_WIRE_RESOLVE); break;
    case FATE_503: answer_status(o, x, 503, NULL); break;
    case FATE_429: answer_status(o, x, 429, chance(o, 2) ? "3" : NULL); break;
    case FATE_500:
      x->call->executed++; /* it ran, and then the gateway failed */
      answer_status(o, x, 500, NULL);
      break;
    default: begin_answer(o, x);
  }
}

static void send_some(world *o, exchange *x) {
  if (x->id == 0) return;
  if (!xai_wire_live(o->w.client, x->id)) {
    x->id = 0;
    return;
  }
  size_t left = x->stop - x->at, n = left ? 1 + chance(o, (uint32_t)left) : 0;
  if (n > 0 && xai_wire_body(o->w.client, x->id, x->body + x->at, n) == XAI_OK) x->at += n;
  if (x->at == x->len) x->call->whole = true;
  if (x->at < x->stop || x->fate == FATE_STALL) return;
  finish_exchange(o, x,
                  x->fate == FATE_RESET ? XAI_WIRE_RESET
                  : x->fate == FATE_CUT ? XAI_WIRE_SHORT
                                        : XAI_WIRE_DONE);
}

/* The account of the call against what the server did. */
static void settle(world *o, server_side *call, const xai_result *result) {
  int admitted = 0;
  for (size_t i = 0; i < result->attempt_count; i++) {
    xai_attempt_class c = result->attempts[i].outcome;
    CHECK(c != XAI_ATTEMPT_RUNNING);
    admitted += c == XAI_ATTEMPT_ANSWERED || c == XAI_ATTEMPT_UNKNOWN;
  }
  CHECK_INT(++call->ends, 1);
  CHECK(call->executed <= admitted);
  CHECK(call->executed <= 1 || call->may_repeat);
  CHECK(o->w.now <= call->started + DEADLINE_MS + 100 + (o->w.now - o->drained_at));
  if (result->outcome == XAI_OUTCOME_COMPLETE) CHECK(call->whole);
  CHECK(result->outcome != XAI_OUTCOME_NONE);
  CHECK((result->outcome == XAI_OUTCOME_COMPLETE) == (result->error.code == XAI_OK));
  o->complete += result->outcome == XAI_OUTCOME_COMPLETE;
  o->cancelled += result->outcome == XAI_OUTCOME_CANCELLED;
  o->ended++;
  for (int i = 0; i < SLOTS; i++)
    if (o->exchanges[i].id != 0 && o->exchanges[i].call == call &&
        !xai_wire_live(o->w.client, o->exchanges[i].id))
      o->exchanges[i].id = 0;
}

static void pull_some(world *o) {
  xai_event event;
  while (chance(o, 20) != 0) {
    if (xai_client_next(o->w.client, &event) != XAI_OK) {
      o->drained_at = o->w.now;
      return;
    }
    server_side *call = call_of(o, event.call);
    CHECK(call != NULL);
    if (call == NULL || event.type != XAI_EVENT_END) continue;
    settle(o, call, event.result);
    bool lingers = false; /* an exchange may still drain */
    for (int i = 0; i < SLOTS; i++) lingers |= o->exchanges[i].id != 0 && o->exchanges[i].call == call;
    for (int i = 0; lingers && i < SLOTS; i++)
      if (o->exchanges[i].call == call) o->exchanges[i].id = 0;
    call->used = false;
  }
}

/* A program sleeps no longer than the client asks. */
static void pass(world *o, uint64_t ms) {
  int64_t timeout = xai_client_timeout(o->w.client);
  o->w.now += timeout >= 0 && (uint64_t)timeout < ms ? (uint64_t)timeout : ms;
}

static void turn(world *o, bool starting) {
  uint32_t what = chance(o, 100);
  if (starting && what < 30) start_one(o);
  if (what >= 98) {
    server_side *call = &o->calls[chance(o, SLOTS)];
    if (call->used) xai_call_cancel(o->w.client, call->id);
  }
  take_request(o);
  send_some(o, &o->exchanges[chance(o, SLOTS)]);
  pass(o, chance(o, 50) == 0 ? 1 + chance(o, 60000) : chance(o, 30));
  CHECK_INT(xai_client_step(o->w.client, 0), XAI_OK);
  pull_some(o);
}

static long number_of(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text ? atol(text) : otherwise;
}

static void holds_its_promises_under_random_faults(void) {
  static world o;
  long calls = number_of("XAI_CALLS", 20000);
  unsigned long seed = (unsigned long)number_of("XAI_SEED", 1);
  o.random = seed * 2654435761u + 1;
  wire_open(&o.w);
  while (o.started < calls && !check_bad) turn(&o, true);
  for (int i = 0; i < 1000000 && o.ended < o.started && !check_bad; i++) turn(&o, false);
  CHECK_INT(o.ended, o.started);
  CHECK(o.requests <= o.started + o.started / 10 + 10 * (1 + (long)((o.w.now - 1000) / 10000)));
  CHECK(o.complete > o.started / 3);
  CHECK(o.cancelled > 0);
  CHECK_INT(xai_client_pending(o.w.client), 0);
  printf("chaos: seed %lu, %ld calls, %ld requests, %ld complete, %ld cancelled, %llu s of virtual time\n",
         seed, o.started, o.requests, o.complete, o.cancelled, (unsigned long long)(o.w.now / 1000));
  wire_close(&o.w);
}

int main(void) {
  RUN(holds_its_promises_under_random_faults);
  return check_report("chaos");
}
