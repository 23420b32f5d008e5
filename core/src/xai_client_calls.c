/* xai_client_calls.c - a client's calls: started, cancelled, held, looked at.
 * SPDX-License-Identifier: MIT */
#include "xai_client_int.h"

#include "xai_options.h"

xai_code xai_client_set_key(xai_client *client, xai_str key, const char *name, xai_error *err) {
  xai__error_clear(err);
  xai_code code = xai__door_enter_here(&client->door, err);
  if (code != XAI_OK) return code;
  code = xai__keys_set(&client->keys, key, name, err);
  xai__door_leave(&client->door);
  return code;
}

static xai_code renew_key(xai_client *client, xai_error *err) {
  if (client->shared.key_refused) client->keys.refused = true;
  client->shared.key_refused = false;
  return xai__keys_renew(&client->keys, err);
}

/* With a budget each call is of a known day, and of a known price. */
static xai_code check_budget(xai_client *client, const xai_request *request, xai_error *err) {
  if (client->shared.gate.spend.limit == 0) return XAI_OK;
  xai__client_read_wall(client);
  bool has_body = request->body.len > 0 || request->body_writer != NULL;
  if (request->most_cost > 0 || !has_body) return XAI_OK;
  return xai__fail(err, XAI_ERR_ARG, "there is a budget, and most_cost does not tell what this can cost");
}

static xai_call_id start_call(xai_client *client, const xai_request *request, xai_error *err) {
  const xai_call_id none = {0};
  if (check_budget(client, request, err) != XAI_OK) return none;
  if (renew_key(client, err) != XAI_OK) return none;
  xai_slot *s = xai__slot_take(client, err);
  if (s == NULL) return none;
  xai__client_read_clock(client);
  xai_request_defaults defaults = {client->base_url, client->keys.current, client->user_agent,
                                   client->limits};
  xai_request_copy copy;
  xai_call *call = NULL;
  if (xai__request_init(&copy, &client->shared.mem, &defaults, request, &client->shared.random, err) ==
      XAI_OK) {
    call = xai__call_new(&client->shared, &copy, client->now);
    if (call == NULL) xai__fail(err, XAI_ERR_NOMEM, NULL);
  }
  if (call == NULL) {
    xai__slot_give_back(s);
    return none;
  }
  s->call = call;
  call->ticket.user = s;
  client->pending++;
  xai__slot_refresh(s);
  xai__client_call_up(client);
  xai__client_arm(client);
  return xai__slot_id(s);
}

xai_call_id xai_call_start(xai_client *client, const xai_request *request, xai_error *err) {
  xai_call_id id = {0};
  xai__error_clear(err);
  if (client == NULL || request == NULL) {
    xai__fail(err, XAI_ERR_ARG, "client or request is NULL");
    return id;
  }
  xai_request own;
  if (request->size != sizeof own) {
    if (xai__options_copy(&own, sizeof own, request, "request", err) != XAI_OK) return id;
    request = &own;
  }
  if (xai__door_enter_here(&client->door, err) != XAI_OK) return id;
  id = start_call(client, request, err);
  xai__door_leave(&client->door);
  return id;
}

void xai_call_cancel(xai_client *client, xai_call_id id) {
  if (xai__door_enter_here(&client->door, NULL) != XAI_OK) return;
  xai_slot *s = xai__slot_of(client, id);
  if (s != NULL) {
    xai__client_read_clock(client);
    s->is_held = s->is_told = false;
    xai__call_cancel(s->call, client->now);
    xai__slot_refresh(s);
    xai__client_call_up(client);
    xai__client_arm(client);
  }
  xai__door_leave(&client->door);
}

static void hold_call(xai_client *client, xai_call_id id, bool hold) {
  xai_slot *s = xai__slot_of(client, id);
  if (s == NULL || s->is_held == hold || s->call->state == CALL_TAKEN) return;
  s->is_held = hold;
  if (s->is_ready) xai__client_drop_held(client);
  else if (!hold && xai__call_ready(s->call)) xai__slot_push_ready(s);
  xai__client_arm(client);
}

void xai_call_hold(xai_client *client, xai_call_id id, bool hold) {
  if (xai__door_enter_here(&client->door, NULL) != XAI_OK) return;
  hold_call(client, id, hold);
  xai__door_leave(&client->door);
}

static void announce_call(xai_client *client, xai_call_id id, bool on) {
  xai_slot *s = xai__slot_of(client, id);
  if (s == NULL || s->call->state == CALL_TAKEN) return;
  s->is_announced = on;
  s->is_told = false;
  if (xai__call_ready(s->call)) xai__slot_push_ready(s);
  xai__client_arm(client);
}

void xai_call_announce(xai_client *client, xai_call_id id, bool on) {
  if (xai__door_enter_here(&client->door, NULL) != XAI_OK) return;
  announce_call(client, id, on);
  xai__door_leave(&client->door);
}

size_t xai_call_place(const xai_client *client, xai_call_id id) {
  xai_slot *s = xai__slot_of(client, id);
  return s != NULL ? xai__limiter_place(&s->call->ticket) : 0;
}

xai_code xai_client_budget(xai_client *client, xai_budget_state *out) {
  *out = (xai_budget_state){0};
  xai_code code = xai__door_enter_here(&client->door, NULL);
  if (code != XAI_OK) return code;
  xai__client_read_wall(client);
  code = xai__spend_state(&client->shared.gate.spend, out);
  xai__door_leave(&client->door);
  return code;
}

xai_code xai_call_settle(xai_client *client, xai_call_id id, uint64_t cost) {
  xai_code code = xai__door_enter_here(&client->door, NULL);
  if (code != XAI_OK) return code;
  xai_slot *s = xai__slot_of(client, id);
  bool done = s != NULL && xai__gate_settle(&client->shared.gate, &s->call->ticket, client->now, cost);
  xai__door_leave(&client->door);
  return done ? XAI_OK : XAI_ERR_STATE;
}

const xai_json *xai_call_response(xai_client *client, xai_call_id id) {
  if (xai__door_enter(&client->door, NULL) != XAI_OK) return NULL;
  xai_slot *s = xai__slot_of(client, id);
  const xai_json *response = s != NULL ? xai__call_response(s->call) : NULL;
  xai__door_leave(&client->door);
  return response;
}

xai_str xai_call_text(xai_client *client, xai_call_id id) {
  xai_str text = {"", 0};
  if (xai__door_enter(&client->door, NULL) != XAI_OK) return text;
  xai_slot *s = xai__slot_of(client, id);
  if (s != NULL) text = xai__answer_text(&s->call->answer);
  xai__door_leave(&client->door);
  return text;
}
