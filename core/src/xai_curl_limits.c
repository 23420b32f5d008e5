/* xai_curl_limits.c - what libcurl's own limits leave open: connecting, the handshake, an upload that stands still.
 * SPDX-License-Identifier: MIT */
#include "xai_curl.h"

#define NEVER UINT64_MAX
#define RACE_AFTER_MS 1000u /* the patience with libcurl's choice of an address, or a fifth of connect_ms */

static uint64_t later(uint64_t from, uint64_t ms) {
  return ms > NEVER - from ? NEVER : from + ms;
}

static uint64_t span_from_now(uint32_t ms) {
  return ms == XAI_NO_LIMIT || ms == 0 ? NEVER : later(xai__poll_now(), ms);
}

void xai__curl_watch(net *self, uint64_t due) {
  if (due < self->watch_due) self->watch_due = due;
}

/* Where connections are limited an exchange may have to wait for one, which is not the network's fault. */
void xai__curl_limit(net_exchange *x) {
  net *self = x->owner;
  x->connect_due = self->queueing ? NEVER : span_from_now(x->request->connect_ms);
  uint32_t patience = x->request->connect_ms / 5;
  x->race_due = self->queueing ? NEVER : span_from_now(patience < RACE_AFTER_MS ? patience : RACE_AFTER_MS);
  xai__curl_watch(self, x->connect_due);
  xai__curl_watch(self, x->race_due);
}

void xai__curl_limit_upload(net_exchange *x) {
  x->upload_due = x->request->body.len > 0 ? span_from_now(x->request->silence_ms) : NEVER;
  x->uploaded = 0;
  xai__curl_watch(x->owner, x->upload_due);
}

/* Connecting waits to write, a handshake to read. libcurl's own time of connecting includes the handshake in
 * some versions. (While resolving it may wait to read from its resolver.) */
void xai__curl_note_link(net_exchange *x, unsigned want) {
  if (x == NULL || x->linked || xai__curl_was_ready(x)) return;
  x->linked = want == XAI_POLL_IN && xai__curl_has_time(x, CURLINFO_NAMELOOKUP_TIME_T);
  if (!x->linked) return;
  x->connect_due = span_from_now(x->request->handshake_ms);
  xai__curl_watch(x->owner, x->connect_due);
}

bool xai__curl_is_unconnected(const net_exchange *x) {
  if (x->stage == RACE_RUN) return true;
  return !xai__curl_was_ready(x) && !x->linked && !xai__curl_has_time(x, CURLINFO_CONNECT_TIME_T);
}

/* libcurl has one limit for connecting and handshake together; each of them is held here. */
static bool is_late(net_exchange *x, uint64_t now) {
  if (x->connect_due > now) return false;
  x->connect_due = NEVER;
  return xai__curl_is_unconnected(x) || (x->linked && !xai__curl_was_ready(x));
}

/* A server that does not read, or never opens the window, would hold an upload for ever (F22). */
static bool is_mute(net_exchange *x, uint64_t now) {
  if (x->upload_due > now) return false;
  curl_off_t uploaded = 0;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  bool moved = uploaded > x->uploaded || !xai__curl_was_ready(x);
  x->uploaded = uploaded;
  x->upload_due = (size_t)uploaded < x->request->body.len ? span_from_now(x->request->silence_ms) : NEVER;
  return !moved && x->upload_due != NEVER && !x->head.ended;
}

bool xai__curl_is_overdue(net_exchange *x, uint64_t now) {
  x->late = is_late(x, now);
  x->mute = !x->late && is_mute(x, now);
  xai__curl_watch(x->owner, x->connect_due);
  xai__curl_watch(x->owner, x->upload_due);
  return x->late || x->mute;
}
