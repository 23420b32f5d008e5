/* xai_client.h - what the public faces of the transports need of a client.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_CLIENT_H
#define XAI_CLIENT_H

#include "xai_transport.h"

#pragma GCC visibility push(hidden)

/* The client's transport if it is of that kind, else NULL. */
xai_transport *xai__client_transport(const xai_client *client, xai_transport_kind kind);
/* Around everything that the program feeds: enter by the door and read the clock (false: another thread is inside),
 * then do what the calls want and leave. */
bool xai__client_enter(xai_client *client, uint64_t *now);
void xai__client_leave(xai_client *client);
/* The silence of the call that a sink belongs to was ours until now. */
void xai__client_was_busy(void *sink_user);
/* Which call a sink belongs to. */
xai_call_id xai__client_call_of(const void *sink_user);

#pragma GCC visibility pop

#endif
