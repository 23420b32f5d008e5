/* xai_timers.c - a binary heap of moments.
 * SPDX-License-Identifier: MIT */
#include "xai_timers.h"

void xai__timers_init(xai_timers *timers, const xai_mem *mem) {
  *timers = (xai_timers){.mem = *mem};
}

void xai__timers_deinit(xai_timers *timers) {
  xai__free(&timers->mem, timers->heap, timers->room * sizeof *timers->heap);
  timers->heap = NULL;
  timers->len = timers->room = 0;
}

static xai_code grow(xai_timers *timers) {
  size_t room = timers->room ? timers->room * 2 : 16;
  xai_timer *heap =
    xai__realloc(&timers->mem, timers->heap, timers->room * sizeof *heap, room * sizeof *heap);
  if (heap == NULL) return XAI_ERR_NOMEM;
  timers->heap = heap;
  timers->room = room;
  return XAI_OK;
}

xai_code xai__timers_add(xai_timers *timers, uint64_t at, uint32_t id) {
  if (timers->len == timers->room && grow(timers) != XAI_OK) return XAI_ERR_NOMEM;
  size_t i = timers->len++;
  while (i > 0 && timers->heap[(i - 1) / 2].at > at) {
    timers->heap[i] = timers->heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  timers->heap[i] = (xai_timer){at, id};
  return XAI_OK;
}

uint64_t xai__timers_next(const xai_timers *timers) {
  return timers->len ? timers->heap[0].at : UINT64_MAX;
}

/* Put `entry` where the root was and let it sink. */
static void sink_root(xai_timers *timers, xai_timer entry) {
  size_t i = 0;
  for (size_t child = 1; child < timers->len; child = 2 * i + 1) {
    if (child + 1 < timers->len && timers->heap[child + 1].at < timers->heap[child].at) child++;
    if (timers->heap[child].at >= entry.at) break;
    timers->heap[i] = timers->heap[child];
    i = child;
  }
  timers->heap[i] = entry;
}

bool xai__timers_take(xai_timers *timers, uint64_t now, xai_timer *out) {
  if (timers->len == 0 || timers->heap[0].at > now) return false;
  *out = timers->heap[0];
  timers->len--;
  if (timers->len > 0) sink_root(timers, timers->heap[timers->len]);
  return true;
}
