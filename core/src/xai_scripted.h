/* xai_scripted.h - the program's side of the scripted transport: takes requests, feeds answers.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_SCRIPTED_H
#define XAI_SCRIPTED_H

#include "xai_transport.h"

#pragma GCC visibility push(hidden)

/* The next request nobody has taken; `sink_user` is its sink's. False: none. */
bool xai__scripted_next(xai_transport *base, xai_wire_request *out, void **sink_user);
bool xai__scripted_waiting(const xai_transport *base); /* is there one? */
bool xai__scripted_live(const xai_transport *base, uint32_t id);
/* All of these ignore an exchange that is not live. body: XAI_OK or XAI_MORE, see xai_wire_body. */
void xai__scripted_status(xai_transport *base, uint32_t id, int status);
void xai__scripted_header(xai_transport *base, uint32_t id, const char *name, const char *value);
xai_code xai__scripted_body(xai_transport *base, uint32_t id, const char *bytes, size_t len);
void xai__scripted_finish(xai_transport *base, uint32_t id, xai_wire_end how);

#pragma GCC visibility pop

#endif
