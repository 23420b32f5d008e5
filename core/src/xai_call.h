/* xai_call.h - one call as a machine: attempts, waits, deadlines. No socket, no clock, no chance of its own.
 * SPDX-License-Identifier: MIT
 *
 * It is fed what came and what time it is, and says what it wants: start an attempt, stop the one in
 * flight, be looked at again at a moment. Whoever drives it obeys.
 *
 *     QUEUED --started--> WAITING --status--> READING --verdict--> ENDED --END taken--> TAKEN
 *       ^                    |                   |
 *       +------ BACKOFF <----+-------------------+      (an attempt failed and may be repeated)
 */
#ifndef XAI_CALL_H
#define XAI_CALL_H

#include "xai_report.h"
#include "xai_request.h"

#pragma GCC visibility push(hidden)

typedef enum call_state {
  CALL_QUEUED,  /* wants an attempt started as soon as the gate lets it pass     */
  CALL_WAITING, /* request handed to the transport; no status yet                */
  CALL_READING, /* status seen; bytes feed the answer                            */
  CALL_BACKOFF, /* an attempt failed; asleep until wake_at                       */
  CALL_ENDED,   /* result is final, END not yet taken                            */
  CALL_TAKEN    /* END was taken: only waits to be freed                         */
} call_state;

/* What calls share; owned by the client. */
typedef struct xai_call_shared {
  xai_mem mem;
  uint64_t random;   /* the generator's state                                   */
  xai_budget budget; /* of the one origin a client talks to: retries decided on */
  xai_budget sent;   /* ... and those sent: waits must not bring them together  */
  xai_gate gate;     /* likewise                                                */
  bool key_refused;  /* by an answer                                             */
  int64_t wall_s;    /* Unix seconds, read once a step                          */
  xai_result result; /* of the END given last                                    */
  void *spare;       /* room of the call that was freed last, for the next; may be NULL */
} xai_call_shared;

/* What each event needs lies together: the end of the request, the times, the beginning of the answer. */
typedef struct xai_call {
  xai_attempt *attempts;
  size_t attempt_count;
  size_t attempt_room;
  xai_ticket ticket;   /* for the gate                                        */
  const char *reason;  /* the call's, once it has ended; static                */
  uint32_t advised_ms; /* see xai_result's retry_after_ms, once it has ended   */
  uint32_t waited_ms;  /* backoff before the attempt in flight                */
  uint64_t queued_at;  /* it has been QUEUED since                            */
  size_t retry_of;     /* the RETRY event that was not taken is of this attempt */
  xai_why why;         /* of the attempt that failed last, or of the result    */
  xai_request_copy request;
  xai_call_shared *shared;
  call_state state;
  xai_outcome outcome; /* the call's, else that of the attempt that failed last; NONE: there is none */
  bool retry_due;      /* a RETRY event has not been taken                    */
  uint64_t started_at;
  uint64_t deadline_at;   /* UINT64_MAX: none                                    */
  uint64_t wake_at;       /* BACKOFF: when the next attempt may start            */
  uint64_t attempt_at;    /* start of the attempt in flight                      */
  uint64_t last_byte_at;  /* body byte, or the end of our own slowness           */
  uint64_t last_data_at;  /* data event, likewise                                */
  uint64_t events_rested; /* data events read when all was read the last time    */
  xai_answer answer;
} xai_call;

/* Takes over `request`, also when it fails. NULL without memory. */
xai_call *xai__call_new(xai_call_shared *shared, xai_request_copy *request, uint64_t now);
void xai__call_free(xai_call *call); /* NULL is fine */
/* When all calls are freed: the room kept for another one, too. */
void xai__call_free_spare(xai_call_shared *shared);

/* Attempts. `not_started` is for a transport that had no memory. */
/* QUEUED: asks the gate, unless it is in line already. True: start an attempt now. */
bool xai__call_wants_start(xai_call *call, uint64_t now);
/* The gate turns it away: it has ended. */
void xai__call_turned_away(xai_call *call, uint64_t now, const xai_gate_answer *answer);
xai_code xai__call_started(xai_call *call, uint64_t now); /* XAI_ERR_NOMEM: the call has ended */
void xai__call_not_started(xai_call *call, uint64_t now);
/* Is the exchange in flight still needed? */
bool xai__call_needs_exchange(const xai_call *call);
/* Has it a request's body that no further attempt can need (R4)? */
bool xai__call_has_spent_body(const xai_call *call);
/* True once after bytes were refused and there is room again. */
bool xai__call_wants_resume(xai_call *call);

/* Bytes have come for it: fetch what they need now, and later what pulling them needs. */
void xai__call_expect(const xai_call *call);
void xai__call_expect_pull(const xai_call *call);

/* What the exchange tells; see xai_sink. */
void xai__call_status(xai_call *call, uint64_t now, int status);
xai_code xai__call_header(xai_call *call, xai_str name, xai_str value);
xai_code xai__call_body(xai_call *call, uint64_t now, const char *bytes, size_t len);
void xai__call_done(xai_call *call, uint64_t now, const xai_exchange_end *end);

/* Time. tick does what is due at `now`; wake_at is the next moment to tick at, UINT64_MAX: none. */
void xai__call_tick(xai_call *call, uint64_t now);
uint64_t xai__call_wake_at(const xai_call *call);

/* Events. ready: next would give one. next: XAI_OK or XAI_MORE. */
bool xai__call_ready(const xai_call *call);
xai_code xai__call_next(xai_call *call, uint64_t now, xai_event *event);
/* All that came has been pulled, and it is `now`: the server's silence counts from here, not our own (F58). What was
 * lent is not borrowed any more. */
void xai__call_rested(xai_call *call, uint64_t now);
/* It is `now`, and nobody has looked whether the server said something: likewise. */
void xai__call_was_busy(xai_call *call, uint64_t now);

void xai__call_cancel(xai_call *call, uint64_t now);
const xai_json *xai__call_response(const xai_call *call);
int xai__call_http_status(const xai_call *call); /* 0: none */
/* What it sends as Authorization; empty: nothing. Borrowed from the call. */
xai_str xai__call_authorization(const xai_call *call);

#pragma GCC visibility pop

#endif
