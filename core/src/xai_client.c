/* xai_client.c - the pool of calls: handles, the queue of ready events, the turn of the crank.
 * SPDX-License-Identifier: MIT */
#include "xai_client_int.h"

#include "xai_client.h"
#include "xai_scripted.h"
#include "xai_transport_host.h"

enum { DRAIN_MS = 100, LATE_MS = 1000, INDEX_BITS = 16 };

/* ---- the clocks */

void xai__client_read_clock(xai_client *client) {
  uint64_t now = client->clock.now_ms(client->clock.user);
  if (now > client->now) client->now = now; /* a clock that goes back is held */
  client->now_is_old = false;
}

void xai__client_read_wall(xai_client *client) {
  client->shared.wall_s = client->shared.gate.spend.wall_s = client->clock.wall_s(client->clock.user);
}

/* ---- handles */

xai_call_id xai__slot_id(const xai_slot *s) {
  return (xai_call_id){(uint32_t)s->generation << INDEX_BITS | s->index};
}

xai_slot *xai__slot_of(const xai_client *client, xai_call_id id) {
  size_t index = id.id & ((1u << INDEX_BITS) - 1);
  if (index >= client->slot_count) return NULL;
  xai_slot *s = client->slots[index];
  return s->call != NULL && xai__slot_id(s).id == id.id ? s : NULL;
}

static xai_code add_slot(xai_client *client) {
  const xai_mem *mem = &client->shared.mem;
  if (client->slot_count == client->slot_room) {
    size_t room = client->slot_room ? client->slot_room * 2 : 8;
    xai_slot **slots =
      xai__realloc(mem, client->slots, client->slot_room * sizeof *slots, room * sizeof *slots);
    if (slots == NULL) return XAI_ERR_NOMEM;
    client->slots = slots;
    client->slot_room = room;
  }
  xai_slot *s = xai__alloc(mem, sizeof *s);
  if (s == NULL) return XAI_ERR_NOMEM;
  *s = (xai_slot){
    .client = client, .index = (uint32_t)client->slot_count, .generation = 1, .timer_at = UINT64_MAX};
  client->slots[client->slot_count++] = s;
  s->next_free = client->first_free;
  client->first_free = s;
  return XAI_OK;
}

xai_slot *xai__slot_take(xai_client *client, xai_error *err) {
  if (client->first_free == NULL && client->slot_count >= client->max_calls) {
    xai__fail(err, XAI_ERR_FULL, "%u calls are in flight, max_calls", client->max_calls);
    return NULL;
  }
  if (client->first_free == NULL && add_slot(client) != XAI_OK) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    return NULL;
  }
  xai_slot *s = client->first_free;
  client->first_free = s->next_free;
  s->next_free = NULL;
  s->is_held = s->is_announced = s->is_told = false;
  s->told = (xai_log_mark){0};
  s->drain_until = UINT64_MAX; /* timer_at stays: a promise of the slot's last call still holds */
  return s;
}

void xai__slot_give_back(xai_slot *s) {
  s->next_free = s->client->first_free;
  s->client->first_free = s;
}

static void release(xai_slot *s) {
  xai__call_free(s->call);
  s->call = NULL;
  s->generation = (uint16_t)(s->generation == UINT16_MAX ? 1 : s->generation + 1);
  xai__slot_give_back(s);
}

/* ---- the two lists */

void xai__slot_push_ready(xai_slot *s) {
  xai_client *client = s->client;
  if (s->is_ready || s->is_held || s->is_told) return;
  s->is_ready = true;
  s->next_ready = NULL;
  if (client->last_ready != NULL) client->last_ready->next_ready = s;
  else client->first_ready = s;
  client->last_ready = s;
}

static xai_slot *pop_ready(xai_client *client) {
  xai_slot *s = client->first_ready;
  if (s == NULL) return NULL;
  client->first_ready = s->next_ready;
  if (client->first_ready == NULL) client->last_ready = NULL;
  s->is_ready = false;
  return s;
}

/* Those held since they came into the queue leave it, so that nothing waits for them. */
void xai__client_drop_held(xai_client *client) {
  xai_slot *s = client->first_ready;
  client->first_ready = client->last_ready = NULL;
  while (s != NULL) {
    xai_slot *next = s->next_ready;
    s->is_ready = false;
    xai__slot_push_ready(s);
    s = next;
  }
}

static void touch(xai_slot *s) {
  if (s->is_touched) return;
  s->is_touched = true;
  s->next_touched = s->client->first_touched;
  s->client->first_touched = s;
}

/* ---- what the transport tells a call */

static xai_call *call_of(xai_slot *s) {
  if (s->client->now_is_old) xai__client_read_clock(s->client);
  touch(s);
  return s->call;
}

static void on_status(void *user, int status) {
  xai_slot *s = user;
  xai__call_status(call_of(s), s->client->now, status);
}

static xai_code on_header(void *user, xai_str name, xai_str value) {
  return xai__call_header(call_of(user), name, value);
}

static xai_code on_body(void *user, const char *bytes, size_t len) {
  xai_slot *s = user;
  xai__call_expect(s->call);
  xai_call *call = call_of(s);
  return xai__call_body(call, s->client->now, bytes, len);
}

static void on_done(void *user, const xai_exchange_end *end) {
  xai_slot *s = user;
  s->exchange = NULL;
  xai__call_done(call_of(s), s->client->now, end);
}

/* ---- doing what a call wants */

static void start_attempt(xai_slot *s) {
  xai_client *client = s->client;
  const xai_request_copy *request = &s->call->request;
  s->wire = (xai_exchange_request){.method = request->method,
                                   .url = request->url,
                                   .headers = request->headers,
                                   .header_count = request->header_count,
                                   .body = request->body,
                                   .connect_ms = request->limits.connect_ms,
                                   .handshake_ms = request->limits.handshake_ms,
                                   .silence_ms = request->limits.silence_ms,
                                   .max_headers = request->limits.max_headers,
                                   .max_response = request->limits.max_response,
                                   .stream = request->stream,
                                   .compress = !request->stream && request->reply != XAI_REPLY_BYTES};
  xai_sink sink = {s, on_status, on_header, on_body, on_done};
  s->exchange = client->transport->ops->start(client->transport, &s->wire, &sink);
  if (s->exchange == NULL) {
    xai__call_not_started(s->call, client->now);
  } else if (xai__call_started(s->call, client->now) != XAI_OK) {
    client->transport->ops->cancel(client->transport, s->exchange);
    s->exchange = NULL;
  }
}

/* The exchange is no longer needed: a complete answer may let its connection come to rest for reuse. */
static void stop_exchange(xai_slot *s) {
  xai_client *client = s->client;
  bool drain = s->call->outcome == XAI_OUTCOME_COMPLETE;
  if (drain && s->drain_until == UINT64_MAX) s->drain_until = client->now + DRAIN_MS;
  if (drain && client->now < s->drain_until) return;
  client->transport->ops->cancel(client->transport, s->exchange);
  s->exchange = NULL;
}

/* Without memory for an entry all calls are looked at with the next step. */
static void promise_to_look(xai_slot *s) {
  uint64_t at = s->exchange != NULL ? s->drain_until : UINT64_MAX;
  uint64_t wake_at = xai__call_wake_at(s->call);
  if (wake_at < at) at = wake_at;
  if (at >= s->timer_at) return;
  if (xai__timers_add(&s->client->timers, at, s->index) == XAI_OK) s->timer_at = at;
  else s->client->look_at_all = true;
}

void xai__slot_tell_log(xai_slot *s) {
  xai_client *client = s->client;
  if (client->log.fn == NULL) return;
  int64_t wall_s = client->clock.wall_s(client->clock.user);
  xai__log_call(&client->log, &s->told, xai__slot_id(s).id, s->call, client->now, wall_s);
}

/* An answer may begin before its request was sent to the end. */
static void drop_spent_body(xai_slot *s) {
  const xai_transport *transport = s->client->transport;
  bool (*needs_body)(const xai_transport *, const xai_exchange *) = transport->ops->needs_body;
  if (needs_body == NULL || needs_body(transport, s->exchange)) return;
  xai__request_drop_body(&s->call->request);
  s->wire.body.ptr = NULL;
}

void xai__slot_refresh(xai_slot *s) {
  xai_client *client = s->client;
  xai__slot_tell_log(s);
  if (s->exchange == NULL && xai__call_wants_start(s->call, client->now)) {
    start_attempt(s);
    xai__slot_tell_log(s);
  }
  if (s->exchange != NULL && !xai__call_needs_exchange(s->call)) stop_exchange(s);
  if (s->exchange != NULL && xai__call_has_spent_body(s->call)) drop_spent_body(s);
  if (s->exchange != NULL && xai__call_wants_resume(s->call))
    client->transport->ops->resume(client->transport, s->exchange);
  if (s->call->state == CALL_TAKEN) {
    if (s->exchange != NULL) promise_to_look(s);
    else if (s != client->spent) release(s);
    return;
  }
  promise_to_look(s);
  if (!xai__call_ready(s->call)) return;
  xai__call_expect_pull(s->call);
  xai__slot_push_ready(s);
}

/* Those who waited in line and whose turn it is now, or never. */
void xai__client_call_up(xai_client *client) {
  xai_call_shared *shared = &client->shared;
  xai_gate_answer answer;
  xai_ticket *ticket;
  while ((ticket = xai__gate_next(&shared->gate, client->now, &shared->random, &answer)) != NULL) {
    xai_slot *s = ticket->user;
    if (answer.what == XAI_ADMIT_NEVER) xai__call_turned_away(s->call, client->now, &answer);
    xai__slot_refresh(s);
  }
}

static void refresh_touched(xai_client *client) {
  while (client->first_touched != NULL) {
    xai_slot *s = client->first_touched;
    client->first_touched = s->next_touched;
    s->is_touched = false;
    if (s->call != NULL) xai__slot_refresh(s);
  }
  xai__client_call_up(client);
}

static void look(xai_slot *s) {
  if (s->call == NULL) return;
  xai__call_tick(s->call, s->client->now);
  xai__slot_refresh(s);
}

static void fire_timers(xai_client *client) {
  xai_timer timer;
  while (xai__timers_take(&client->timers, client->now, &timer)) {
    xai_slot *s = client->slots[timer.id];
    if (timer.at != s->timer_at) continue;
    s->timer_at = UINT64_MAX;
    look(s);
  }
  if (!client->look_at_all) return;
  client->look_at_all = false;
  for (size_t i = 0; i < client->slot_count; i++) look(client->slots[i]);
}

/* What was given out last is not borrowed any more. */
static void let_go(xai_client *client) {
  xai_slot *s = client->spent;
  client->spent = NULL;
  if (s != NULL && s->exchange == NULL) release(s);
}

static uint64_t next_moment(const xai_client *client) {
  uint64_t call_at = xai__timers_next(&client->timers), gate_at = xai__gate_wake_at(&client->shared.gate);
  return call_at < gate_at ? call_at : gate_at;
}

void xai__client_arm(xai_client *client) {
  uint64_t at = client->first_ready != NULL ? client->now : next_moment(client);
  if (at == client->alarm_at && at > client->now) return;
  client->alarm_at = at;
  client->transport->ops->alarm(client->transport, at, client->now);
}

/* ---- the turn of the crank */

static uint32_t longest_wait(xai_client *client, uint32_t wait_ms) {
  if (client->first_ready != NULL || client->look_at_all) return 0;
  uint64_t next = next_moment(client);
  uint64_t left = next > client->now ? next - client->now : 0;
  return left < wait_ms ? (uint32_t)left : wait_ms;
}

/* Not driven for a while: all that came meanwhile is taken before anything is called overdue (F101). */
static void catch_up(xai_client *client) {
  if (client->now - client->stepped_at <= LATE_MS) return;
  client->transport->ops->step(client->transport, client->now, 0, 0);
  refresh_touched(client);
}

xai_code xai_client_step(xai_client *client, uint32_t wait_ms) {
  xai_code code = xai__door_enter_here(&client->door, NULL);
  if (code != XAI_OK) return code;
  let_go(client);
  xai__client_read_clock(client);
  xai__client_read_wall(client);
  catch_up(client);
  fire_timers(client);
  refresh_touched(client);
  wait_ms = longest_wait(client, wait_ms);
  client->now_is_old = wait_ms > 0;
  code = client->transport->ops->step(client->transport, client->now, wait_ms, client->max_ready);
  if (client->now_is_old) xai__client_read_clock(client);
  client->stepped_at = client->now;
  refresh_touched(client);
  fire_timers(client);
  xai__client_call_up(client);
  xai__client_arm(client);
  xai__door_leave(&client->door);
  return code;
}

int xai_client_fd(const xai_client *client) {
  if (xai__door_is_copied(&client->door)) return -1;
  return client->transport->ops->fd(client->transport);
}

/* A request that the program has not taken yet. */
static bool request_waits(const xai_client *client) {
  if (client->transport_kind == XAI_TRANSPORT_SCRIPTED) return xai__scripted_waiting(client->transport);
  return client->transport_kind == XAI_TRANSPORT_HOST && xai__host_waiting(client->transport);
}

int64_t xai_client_timeout(const xai_client *client) {
  if (client->first_ready != NULL || client->look_at_all || request_waits(client)) return 0;
  uint64_t now = client->clock.now_ms(client->clock.user);
  uint64_t next = next_moment(client);
  int64_t own = client->transport->ops->timeout(client->transport, now);
  if (next == UINT64_MAX) return own;
  int64_t left = next > now ? (int64_t)(next - now) : 0;
  return own >= 0 && own < left ? own : left;
}

size_t xai_client_pending(const xai_client *client) {
  return client->pending;
}

/* ---- events */

/* After a pull: still more, at rest, or over. With the last of them the alarm that told of them goes, or the next
 * wait would end at once. */
static void after_pull(xai_client *client, xai_slot *s, const xai_event *event) {
  bool ended = event != NULL && event->type == XAI_EVENT_END;
  if (!ended && xai__call_ready(s->call)) {
    xai__slot_push_ready(s);
    return;
  }
  if (ended) {
    client->spent = s;
    client->pending--;
  } else {
    xai__client_read_clock(client);
    xai__call_rested(s->call, client->now);
  }
  if (xai__door_is_copied(&client->door)) return; /* what follows may touch a connection */
  xai__slot_refresh(s);
  if (client->first_ready == s && !xai__call_ready(s->call))
    pop_ready(client); /* taken before it was told of */
  if (client->first_ready == NULL) xai__client_arm(client);
}

static xai_code pull(xai_client *client, xai_slot *s, xai_event *event) {
  xai_code code = xai__call_next(s->call, client->now, event);
  event->call = xai__slot_id(s);
  after_pull(client, s, code == XAI_OK ? event : NULL);
  return code;
}

static void tell(xai_slot *s, xai_event *event) {
  s->is_told = true;
  *event = (xai_event){.type = XAI_EVENT_READY, .call = xai__slot_id(s), .user = s->call->request.user};
}

static xai_code next_event(xai_client *client, xai_event *event) {
  let_go(client);
  xai_slot *s;
  while ((s = pop_ready(client)) != NULL) {
    if (s->call == NULL) continue;
    if (!s->is_announced) {
      if (pull(client, s, event) == XAI_OK) return XAI_OK;
    } else if (xai__call_ready(s->call)) {
      tell(s, event);
      return XAI_OK;
    }
  }
  return XAI_MORE;
}

static xai_code next_of_call(xai_client *client, xai_call_id id, xai_event *event) {
  let_go(client);
  xai_slot *s = xai__slot_of(client, id);
  if (s == NULL || s->call->state == CALL_TAKEN) return XAI_MORE;
  while (xai__call_ready(s->call))
    if (pull(client, s, event) == XAI_OK) return XAI_OK;
  s->is_told = false;
  return XAI_MORE;
}

xai_code xai_client_next(xai_client *client, xai_event *event) {
  xai_code code = xai__door_enter(&client->door, NULL);
  if (code != XAI_OK) return code;
  code = next_event(client, event);
  xai__door_leave(&client->door);
  return code;
}

xai_code xai_call_next(xai_client *client, xai_call_id id, xai_event *event) {
  xai_code code = xai__door_enter(&client->door, NULL);
  if (code != XAI_OK) return code;
  code = next_of_call(client, id, event);
  xai__door_leave(&client->door);
  return code;
}

/* A header is no content: it holds no key, whoever put it there. The texts are the answer's own. */
static void redact_headers(const xai_call *call, const xai_str *values, size_t count) {
  size_t known = 0;
  for (size_t i = 0; i < count; i++) known += values[i].len;
  if (known == 0) return;
  xai_redactor redactor;
  xai__redactor_init(&redactor, xai__key_secret(xai__call_authorization(call)));
  for (size_t i = 0; i < count; i++)
    xai__redactor_apply(&redactor, (char *)(uintptr_t)values[i].ptr, values[i].len);
  xai__redactor_deinit(&redactor);
}

void xai_result_headers(const xai_client *client, const char *const *names, size_t count, xai_str *values) {
  for (size_t i = 0; i < count; i++) values[i] = xai_str_of("");
  if (client->spent == NULL) return;
  const xai_call *call = client->spent->call;
  xai__answer_find_all(&call->answer, names, count, values);
  redact_headers(call, values, count);
}

xai_str xai_result_header(const xai_client *client, const char *name) {
  xai_str value = xai_str_of("");
  if (name != NULL) xai_result_headers(client, &name, 1, &value);
  return value;
}

/* ---- for the public faces of the transports */

xai_transport *xai__client_transport(const xai_client *client, xai_transport_kind kind) {
  return client->transport_kind == kind ? client->transport : NULL;
}

bool xai__client_enter(xai_client *client, uint64_t *now) {
  if (xai__door_enter(&client->door, NULL) != XAI_OK) return false;
  xai__client_read_clock(client);
  *now = client->now;
  return true;
}

void xai__client_leave(xai_client *client) {
  refresh_touched(client);
  xai__door_leave(&client->door);
}

void xai__client_was_busy(void *sink_user) {
  xai_slot *s = sink_user;
  xai__call_was_busy(s->call, s->client->now);
  touch(s);
}

xai_call_id xai__client_call_of(const void *sink_user) {
  return xai__slot_id(sink_user);
}
