/* xai_gate.c - asks the breaker and the limiter in turn, and tells both how it went.
 * SPDX-License-Identifier: MIT */
#include "xai_gate.h"

#include <string.h>

#include "xai_err.h"

enum { MOST_RATES = 32 };

static xai_code check_rates(const xai_config *config, xai_error *err) {
  const xai_rate *rates = config->rates;
  if (config->rate_count > MOST_RATES || (rates == NULL && config->rate_count > 0))
    return xai__fail(err, XAI_ERR_ARG, "rates: at most %d", MOST_RATES);
  for (size_t i = 0; i < config->rate_count; i++) {
    xai_str name = xai_str_of(rates[i].model);
    if (rates[i].model != NULL && (name.len == 0 || name.len >= XAI_MODEL_NAME))
      return xai__fail(err, XAI_ERR_ARG, "rate %zu: a model's name has 1 to %d bytes", i + 1,
                       XAI_MODEL_NAME - 1);
    for (size_t j = 0; j < i; j++) {
      bool both_all = rates[i].model == NULL && rates[j].model == NULL;
      if (both_all || (rates[i].model != NULL && rates[j].model != NULL && xai__str_eq(name, rates[j].model)))
        return xai__fail(err, XAI_ERR_ARG, "rates %zu and %zu are of the same model", j + 1, i + 1);
    }
  }
  return XAI_OK;
}

static xai_code share(xai_gate *self, const xai_config *config, xai_error *err) {
  bool is_own = config->clock.now_ms != NULL;
  if (config->share == NULL) return XAI_OK;
  if (config->rate_count == 0) return xai__fail(err, XAI_ERR_ARG, "share: there are no rates to share");
  xai_code code = xai__share_open(&self->share, config->share, err);
  if (code == XAI_OK)
    code = xai__share_use_clock(&self->share, is_own ? XAI_SHARE_OWN_CLOCK : XAI_SHARE_SYSTEM_CLOCK, err);
  if (code != XAI_OK) return code;
  return xai__limiter_share(&self->limiter, &self->share, config->rates, config->rate_count, err);
}

xai_code xai__gate_init(xai_gate *self, const xai_mem *mem, const xai_config *config, int64_t wall_s,
                        xai_error *err) {
  xai_code code = check_rates(config, err);
  size_t count = code == XAI_OK ? config->rate_count : 0;
  xai_code made = xai__limiter_init(&self->limiter, mem, config->rates, count, !config->rates_fixed,
                                    config->limits.retry_after_max_ms);
  if (!xai__breaker_init(&self->breaker, &config->breaker) && code == XAI_OK)
    code = xai__fail(err, XAI_ERR_ARG, "breaker: failed_percent is at most 100, window_ms at least 100");
  if (made != XAI_OK) xai__fail(err, made, NULL);
  if (made != XAI_OK || code != XAI_OK) return made != XAI_OK ? made : code;
  code = share(self, config, err);
  return code == XAI_OK ? xai__spend_init(&self->spend, &config->budget, wall_s, err) : code;
}

void xai__gate_deinit(xai_gate *self) {
  xai__limiter_deinit(&self->limiter);
  xai__share_close(&self->share);
  xai__spend_deinit(&self->spend);
}

/* ---- passing */

static xai_gate_answer never(xai_code code, uint64_t retry_ms) {
  uint32_t ms = retry_ms >= UINT32_MAX ? UINT32_MAX : retry_ms > 0 ? (uint32_t)retry_ms : 1;
  return (xai_gate_answer){XAI_ADMIT_NEVER, code, ms};
}

static xai_gate_answer held_back(uint64_t at, uint64_t now) {
  return never(XAI_ERR_RATE, at > now ? at - now : 0);
}

/* What is no more must not be touched, and without it nobody knows what may be sent. */
static bool has_lost_share(const xai_gate *self) {
  return self->share.file != NULL && !xai__share_is_whole(&self->share);
}

void xai__gate_tell_file(const xai_gate *self, xai_error *err) {
  if (has_lost_share(self))
    xai__fail(err, XAI_ERR_FILE, "the one of limits was removed or cut short; a new client makes another");
  else xai__spend_tell_file(err);
}

/* The limiter has let it go; do the budget and the breaker? */
static xai_gate_answer pass(xai_gate *self, xai_ticket *ticket, uint64_t now, uint64_t *random) {
  uint32_t retry_ms = 0;
  xai_code code = xai__spend_reserve(&self->spend, &ticket->cost, ticket->most_cost, now);
  if (code == XAI_OK && xai__breaker_pass(&self->breaker, now, random, &retry_ms))
    return (xai_gate_answer){.what = XAI_ADMIT_GO};
  const xai_attempt_report nothing = {.outcome_class = XAI_ATTEMPT_NOT_SENT};
  xai__spend_leave(&self->spend, &ticket->cost);
  xai__spend_settle(&self->spend, &ticket->cost, 0, now);
  xai__limiter_done(&self->limiter, ticket, now, &nothing, random);
  return never(code != XAI_OK ? code : XAI_ERR_OPEN, retry_ms);
}

xai_gate_answer xai__gate_ask(xai_gate *self, xai_ticket *ticket, xai_str model, uint64_t now,
                              uint64_t *random) {
  uint32_t retry_ms = 0;
  uint64_t at = now;
  if (xai__breaker_blocks(&self->breaker, now, &retry_ms)) return never(XAI_ERR_OPEN, retry_ms);
  if (has_lost_share(self)) return never(XAI_ERR_FILE, 0);
  xai_code code = xai__spend_ask(&self->spend, ticket->most_cost); /* why stand in line for nothing? */
  if (code != XAI_OK) return never(code, 0);
  xai_admission what = xai__limiter_ask(&self->limiter, ticket, model, now, random, &at);
  if (what == XAI_ADMIT_NEVER) return held_back(at, now);
  return what == XAI_ADMIT_GO ? pass(self, ticket, now, random) : (xai_gate_answer){.what = what};
}

xai_ticket *xai__gate_next(xai_gate *self, uint64_t now, uint64_t *random, xai_gate_answer *answer) {
  uint32_t retry_ms = 0;
  uint64_t at = now;
  xai_admission what;
  xai_ticket *ticket;
  if (xai__breaker_blocks(&self->breaker, now, &retry_ms)) { /* nobody waits for a service that is away */
    *answer = never(XAI_ERR_OPEN, retry_ms);
    return xai__limiter_evict(&self->limiter);
  }
  if (self->limiter.waiting == 0 || now < self->limiter.wake_at) return NULL;
  if (has_lost_share(self)) {
    *answer = never(XAI_ERR_FILE, 0);
    return xai__limiter_evict(&self->limiter);
  }
  ticket = xai__limiter_next(&self->limiter, now, random, &what, &at);
  if (ticket == NULL) return NULL;
  *answer = what == XAI_ADMIT_GO ? pass(self, ticket, now, random) : held_back(at, now);
  return ticket;
}

void xai__gate_leave(xai_gate *self, xai_ticket *ticket) {
  xai__limiter_leave(&self->limiter, ticket);
}

uint64_t xai__gate_wake_at(const xai_gate *self) {
  return self->limiter.waiting > 0 ? self->limiter.wake_at : UINT64_MAX;
}

/* ---- how it went */

bool xai__is_outage(int status) {
  if (status >= 520 && status <= 524) return true;
  return status == 502 || status == 503 || status == 504 || status == 529 || status == 530;
}

void xai__gate_status(xai_gate *self, const xai_ticket *ticket, uint64_t now, int status) {
  if (status >= 200 && status < 300) xai__limiter_accepted(ticket);
  bool waited_for = self->breaker.state == BREAKER_OPEN && ticket->state == TICKET_RUNNING;
  if (waited_for && !xai__is_outage(status)) xai__breaker_alive(&self->breaker, now, ticket->own.at);
}

/* What may have been billed is not less than what was held back; what it was is told by a usage that is the last. */
static void settle(xai_gate *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report) {
  xai_spend *spend = &self->spend;
  bool by_tokens = spend->unit == XAI_BUDGET_TOKENS,
       is_told = by_tokens ? report->has_tokens : report->has_cost;
  uint64_t cost = by_tokens ? report->tokens : report->cost;
  bool is_free = report->outcome_class == XAI_ATTEMPT_NOT_SENT ||
                 (report->outcome_class == XAI_ATTEMPT_REFUSED && !is_told && !report->may_bill);
  if (ticket->cost.counter == NULL) return;
  xai__spend_leave(spend, &ticket->cost);
  if (is_free) xai__spend_settle(spend, &ticket->cost, 0, now);
  else if (is_told && (report->is_whole || cost > ticket->cost.cost))
    xai__spend_settle(spend, &ticket->cost, cost, now);
  else if (!report->is_whole || !report->has_tokens) ticket->cost.counter = NULL;
}

bool xai__gate_settle(xai_gate *self, xai_ticket *ticket, uint64_t now, uint64_t cost) {
  if (ticket->state == TICKET_RUNNING || ticket->cost.counter == NULL) return false;
  xai__spend_settle(&self->spend, &ticket->cost, cost, now);
  return true;
}

void xai__gate_done(xai_gate *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report,
                    xai_health health, uint64_t *random) {
  if (ticket->state != TICKET_RUNNING) return;
  if (has_lost_share(self)) xai__limiter_unshare(ticket);
  uint64_t passed_at = ticket->own.at;
  settle(self, ticket, now, report);
  xai__limiter_done(&self->limiter, ticket, now, report, random);
  if (health == XAI_HEALTH_FAILED) xai__breaker_failed(&self->breaker, now, passed_at, random);
  if (health == XAI_HEALTH_ALIVE) xai__breaker_alive(&self->breaker, now, passed_at);
}

uint32_t xai__gate_advice(const xai_gate *self, xai_str model, uint64_t now) {
  uint32_t breaker_ms = 0;
  uint64_t at = xai__limiter_blocked_until(&self->limiter, model);
  xai__breaker_blocks(&self->breaker, now, &breaker_ms);
  uint64_t lane_ms = at > now ? at - now : 0;
  return lane_ms > breaker_ms ? (uint32_t)lane_ms : breaker_ms;
}

bool xai__gate_is_open(const xai_gate *self) {
  return self->breaker.state == BREAKER_OPEN;
}
