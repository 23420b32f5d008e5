/* xai_door.c - one thread at a time, and no use after a fork.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_door.h"

#include <unistd.h>

void xai__door_init(xai_door *door) {
  atomic_init(&door->inside, false);
  door->process = getpid();
}

xai_code xai__door_enter(xai_door *door, xai_error *err) {
  if (!atomic_exchange_explicit(&door->inside, true, memory_order_acquire)) return XAI_OK;
  return xai__fail(err, XAI_ERR_STATE,
                   "the client is in use, by another thread or by the function that called this one");
}

xai_code xai__door_enter_here(xai_door *door, xai_error *err) {
  xai_code code = xai__door_enter(door, err);
  if (code != XAI_OK || !xai__door_is_copied(door)) return code;
  xai__door_leave(door);
  return xai__fail(err, XAI_ERR_STATE,
                   "the client belongs to the process that forked this one: make a new client here");
}

void xai__door_leave(xai_door *door) {
  atomic_store_explicit(&door->inside, false, memory_order_release);
}

bool xai__door_is_copied(const xai_door *door) {
  return door->process != getpid();
}
