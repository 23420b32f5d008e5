/* xai_host.c - the public face of the host transport.
 * SPDX-License-Identifier: MIT */
#include "xai_client.h"
#include "xai_transport_host.h"

static xai_transport *host_transport(const xai_client *client) {
  return xai__client_transport(client, XAI_TRANSPORT_HOST);
}

xai_code xai_host_next(xai_client *client, xai_host_request *out) {
  xai_transport *transport = host_transport(client);
  uint64_t now;
  void *user = NULL;
  if (transport == NULL || !xai__client_enter(client, &now)) return XAI_MORE;
  bool found = xai__host_next(transport, now, out, &user);
  if (found) out->call = xai__client_call_of(user);
  xai__client_leave(client);
  return found ? XAI_OK : XAI_MORE;
}

bool xai_host_live(const xai_client *client, uint32_t id) {
  const xai_transport *transport = host_transport(client);
  return transport != NULL && xai__host_live(transport, id);
}

xai_str xai_host_pull(xai_client *client, uint32_t id, size_t most) {
  xai_transport *transport = host_transport(client);
  return transport != NULL ? xai__host_pull(transport, id, most) : xai_str_of("");
}

static xai_host_wish feed_nothing(const xai_transport *transport, uint32_t id) {
  void *user = xai__host_sink_user(transport, id);
  if (user == NULL) return XAI_HOST_CLOSE;
  xai__client_was_busy(user);
  return XAI_HOST_READ;
}

xai_host_wish xai_host_feed(xai_client *client, uint32_t id, const char *bytes, size_t len, size_t *taken) {
  xai_transport *transport = host_transport(client);
  uint64_t now;
  if (taken != NULL) *taken = 0;
  if (transport == NULL || !xai__client_enter(client, &now)) return XAI_HOST_CLOSE;
  xai_host_wish wish =
    len > 0 ? xai__host_feed(transport, id, bytes, len, taken) : feed_nothing(transport, id);
  xai__client_leave(client);
  return wish;
}

void xai_host_end(xai_client *client, uint32_t id, xai_host_end_kind how, const char *detail) {
  xai_transport *transport = host_transport(client);
  uint64_t now;
  if (transport == NULL || !xai__client_enter(client, &now)) return;
  xai__host_end(transport, id, how, detail);
  xai__client_leave(client);
}
