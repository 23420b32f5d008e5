/* xai_client_int.h - a client from inside: its slots, and what the files of the client share.
 * SPDX-License-Identifier: MIT
 *
 * A slot holds one call. Whatever happens to a call marks its slot as touched; `refresh` then does what the
 * call wants (start, stop, resume, be woken, be pulled) at a moment when the transport allows it.
 *
 * xai_client.c turns the crank and gives events; xai_client_new.c makes and ends a client; xai_client_calls.c starts
 * calls and steers them.
 */
#ifndef XAI_CLIENT_INT_H
#define XAI_CLIENT_INT_H

#include "xai_call.h"
#include "xai_door.h"
#include "xai_log_call.h"
#include "xai_timers.h"

#pragma GCC visibility push(hidden)

typedef struct xai_slot {
  xai_client *client;
  xai_call *call;         /* NULL: the slot is free                               */
  xai_exchange *exchange; /* NULL: none in flight                                 */
  uint32_t index;
  uint16_t generation;  /* never 0                                              */
  bool is_ready;        /* in the ready queue                                   */
  bool is_touched;      /* in the touched list                                  */
  bool is_held;         /* the caller wants no events of it now: never ready    */
  bool is_announced;    /* xai_client_next says only that there are some        */
  bool is_told;         /* ... has said so, and they are not all taken          */
  uint64_t timer_at;    /* earliest promise to look, UINT64_MAX: none           */
  uint64_t drain_until; /* the rest of a complete answer may come until here    */
  struct xai_slot *next_ready;
  struct xai_slot *next_touched;
  struct xai_slot *next_free;
  xai_exchange_request wire; /* what the transport borrows                           */
  xai_log_mark told;         /* to the log                                           */
} xai_slot;

struct xai_client {
  xai_door door;
  xai_call_shared shared; /* its mem is the client's                                 */
  xai_clock clock;
  uint64_t now;        /* of this turn                                            */
  uint64_t stepped_at; /* the end of the last turn                                */
  bool now_is_old;     /* the transport has waited since it was read              */
  char *base_url;
  size_t base_url_size;
  xai_keys keys;
  xai_log log;
  char *user_agent;
  size_t user_agent_size;
  xai_limits limits;
  xai_transport_kind transport_kind;
  xai_transport *transport;
  uint32_t max_calls;
  uint32_t max_ready;
  xai_slot **slots;
  size_t slot_count;
  size_t slot_room;
  xai_slot *first_free;
  xai_slot *first_ready, *last_ready;
  xai_slot *first_touched;
  xai_slot *spent; /* its END was given; freed at the next call of ours       */
  size_t pending;
  uint64_t alarm_at;
  bool look_at_all; /* a promise to look could not be kept in the heap         */
  xai_timers timers;
};

void xai__client_read_clock(xai_client *client);
void xai__client_read_wall(xai_client *client);

xai_call_id xai__slot_id(const xai_slot *s);
xai_slot *xai__slot_of(const xai_client *client, xai_call_id id); /* NULL: that call is over */
/* A free one; NULL with err filled: XAI_ERR_FULL, XAI_ERR_NOMEM. give_back: it was not needed. */
xai_slot *xai__slot_take(xai_client *client, xai_error *err);
void xai__slot_give_back(xai_slot *s);

/* What became of its call since the log was told last. */
void xai__slot_tell_log(xai_slot *s);
/* Do what its call wants. */
void xai__slot_refresh(xai_slot *s);
/* Into the ready queue, unless it is there or may not be. */
void xai__slot_push_ready(xai_slot *s);
/* Those held since they came into the queue leave it, so that nothing waits for them. */
void xai__client_drop_held(xai_client *client);
/* Those who waited in line and whose turn it is now, or never. */
void xai__client_call_up(xai_client *client);
/* Have the descriptor wake its watcher in time. */
void xai__client_arm(xai_client *client);

#pragma GCC visibility pop

#endif
