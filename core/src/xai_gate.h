/* xai_gate.h - what every attempt passes before it is sent: the circuit breaker, the rate limits, the budget.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_GATE_H
#define XAI_GATE_H

#include "xai_breaker.h"
#include "xai_limiter.h"
#include "xai_spend.h"

#pragma GCC visibility push(hidden)

typedef struct xai_gate {
  xai_breaker breaker;
  xai_limiter limiter;
  xai_share share; /* of the limiter's rates */
  xai_spend spend;
} xai_gate;

typedef struct xai_gate_answer {
  xai_admission what;
  xai_code code;     /* NEVER: XAI_ERR_OPEN, _RATE, _FILE or _SPENT          */
  uint32_t retry_ms; /* NEVER: how long a caller had better wait; at least 1 */
} xai_gate_answer;

/* What an attempt says about the service as a whole. */
typedef enum xai_health { XAI_HEALTH_UNKNOWN, XAI_HEALTH_ALIVE, XAI_HEALTH_FAILED } xai_health;

/* XAI_ERR_NOMEM, XAI_ERR_ARG or XAI_ERR_FILE with err filled; deinit it all the same. */
xai_code xai__gate_init(xai_gate *self, const xai_mem *mem, const xai_config *config, int64_t wall_s,
                        xai_error *err);
void xai__gate_deinit(xai_gate *self);

/* See xai__limiter_ask, _next, _leave and _done. */
xai_gate_answer xai__gate_ask(xai_gate *self, xai_ticket *ticket, xai_str model, uint64_t now,
                              uint64_t *random);
xai_ticket *xai__gate_next(xai_gate *self, uint64_t now, uint64_t *random, xai_gate_answer *answer);
void xai__gate_leave(xai_gate *self, xai_ticket *ticket);
void xai__gate_done(xai_gate *self, xai_ticket *ticket, uint64_t now, const xai_attempt_report *report,
                    xai_health health, uint64_t *random);
/* A status came, long before the answer is over, perhaps. */
void xai__gate_status(xai_gate *self, const xai_ticket *ticket, uint64_t now, int status);
/* What the last attempt of a ticket cost, where its answer did not tell. False: nothing of it is open. */
bool xai__gate_settle(xai_gate *self, xai_ticket *ticket, uint64_t now, uint64_t cost);
/* XAI_ERR_FILE in words: which of its files is no more. */
void xai__gate_tell_file(const xai_gate *self, xai_error *err);
/* When to call next; UINT64_MAX: only after another call of these. */
uint64_t xai__gate_wake_at(const xai_gate *self);
/* How long a caller had better wait before another call; 0: as long as it likes. */
uint32_t xai__gate_advice(const xai_gate *self, xai_str model, uint64_t now);
bool xai__gate_is_open(const xai_gate *self); /* the breaker is: no attempt passes but a probe */

/* Does this status say that no service answers behind the address? */
bool xai__is_outage(int status);

#pragma GCC visibility pop

#endif
