/* xai_scripted.c - the public face of the scripted transport.
 * SPDX-License-Identifier: MIT */
#include "xai_scripted.h"

#include "xai_client.h"

static xai_transport *wire_of(const xai_client *client) {
  return xai__client_transport(client, XAI_TRANSPORT_SCRIPTED);
}

/* NULL: it is not scripted, or another thread is inside. */
static xai_transport *enter(xai_client *client) {
  uint64_t now;
  xai_transport *wire = wire_of(client);
  return wire != NULL && xai__client_enter(client, &now) ? wire : NULL;
}

xai_code xai_wire_next(xai_client *client, xai_wire_request *out) {
  void *user;
  xai_transport *wire = wire_of(client);
  if (wire == NULL || !xai__scripted_next(wire, out, &user)) return XAI_MORE;
  out->call = xai__client_call_of(user);
  return XAI_OK;
}

bool xai_wire_live(const xai_client *client, uint32_t id) {
  const xai_transport *wire = wire_of(client);
  return wire != NULL && xai__scripted_live(wire, id);
}

void xai_wire_status(xai_client *client, uint32_t id, int status) {
  xai_transport *wire = enter(client);
  if (wire == NULL) return;
  xai__scripted_status(wire, id, status);
  xai__client_leave(client);
}

void xai_wire_header(xai_client *client, uint32_t id, const char *name, const char *value) {
  xai_transport *wire = enter(client);
  if (wire == NULL) return;
  xai__scripted_header(wire, id, name, value);
  xai__client_leave(client);
}

xai_code xai_wire_body(xai_client *client, uint32_t id, const char *bytes, size_t len) {
  xai_transport *wire = enter(client);
  if (wire == NULL) return XAI_OK;
  xai_code code = xai__scripted_body(wire, id, bytes, len);
  xai__client_leave(client);
  return code;
}

void xai_wire_finish(xai_client *client, uint32_t id, xai_wire_end how) {
  xai_transport *wire = enter(client);
  if (wire == NULL) return;
  xai__scripted_finish(wire, id, how);
  xai__client_leave(client);
}
