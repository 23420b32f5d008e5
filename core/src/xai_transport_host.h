/* xai_transport_host.h - the program's side of the host transport: takes requests, feeds bytes.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_TRANSPORT_HOST_H
#define XAI_TRANSPORT_HOST_H

#include "xai_transport.h"

#pragma GCC visibility push(hidden)

/* As the functions of xai.h without "__". `now` is the client's clock, `sink_user` the sink's. */
bool xai__host_next(xai_transport *base, uint64_t now, xai_host_request *out, void **sink_user);
bool xai__host_waiting(const xai_transport *base); /* is there one? */
bool xai__host_live(const xai_transport *base, uint32_t id);
void *xai__host_sink_user(const xai_transport *base, uint32_t id); /* NULL: not live */
xai_str xai__host_pull(xai_transport *base, uint32_t id, size_t most);
xai_host_wish xai__host_feed(xai_transport *base, uint32_t id, const char *bytes, size_t len, size_t *taken);
void xai__host_end(xai_transport *base, uint32_t id, xai_host_end_kind how, const char *detail);

#pragma GCC visibility pop

#endif
