/* xai_window.c - a ring of counts, the oldest forgotten as time goes on.
 * SPDX-License-Identifier: MIT */
#include "xai_window.h"

#include <string.h>

void xai__window_init(xai_window *window, uint32_t span_ms) {
  *window = (xai_window){.span_ms = span_ms};
}

static uint64_t slot_number(const xai_window *window, uint64_t now) {
  uint64_t span = window->span_ms;
  return now / span * XAI_WINDOW_PARTS + now % span * XAI_WINDOW_PARTS / span;
}

/* The first moment of a slot. */
static uint64_t begin_of(const xai_window *window, uint64_t number) {
  uint64_t span = window->span_ms, part = number % XAI_WINDOW_PARTS;
  return number / XAI_WINDOW_PARTS * span + (part * span + XAI_WINDOW_PARTS - 1) / XAI_WINDOW_PARTS;
}

static void roll(xai_window *window, uint64_t now) {
  uint64_t number = slot_number(window, now);
  if (number <= window->running) return; /* a clock that goes back is held */
  if (window->total == 0 || number - window->running >= XAI_WINDOW_SLOTS) {
    memset(window->counts, 0, sizeof window->counts);
    window->total = 0;
    window->running = number;
    return;
  }
  while (window->running < number) {
    uint64_t *oldest = &window->counts[++window->running % XAI_WINDOW_SLOTS];
    window->total -= *oldest;
    *oldest = 0;
  }
}

uint64_t xai__window_used(xai_window *window, uint64_t now) {
  roll(window, now);
  return window->total;
}

void xai__window_add(xai_window *window, uint64_t now, uint64_t count) {
  roll(window, now);
  if (count > UINT64_MAX / 4 - window->total) return; /* beyond any limit already */
  window->counts[window->running % XAI_WINDOW_SLOTS] += count;
  window->total += count;
}

void xai__window_correct(xai_window *window, uint64_t now, uint64_t at, uint64_t from, uint64_t to) {
  roll(window, now);
  uint64_t number = slot_number(window, at);
  if (number > window->running || window->running - number >= XAI_WINDOW_SLOTS) return;
  uint64_t *count = &window->counts[number % XAI_WINDOW_SLOTS];
  if (from > *count) from = *count;
  if (to > UINT64_MAX / 4 - window->total) return;
  *count += to - from;
  window->total += to - from;
}

uint64_t xai__window_free_at(xai_window *window, uint64_t now, uint64_t limit, uint64_t more) {
  roll(window, now);
  if (more == 0) return now;
  uint64_t spans = (more - 1) / limit; /* so many whole ones must pass after the first of them may go */
  more -= spans * limit;
  if (spans > UINT32_MAX) return UINT64_MAX;
  uint64_t left = window->total, at = now;
  for (uint64_t age = XAI_WINDOW_SLOTS; age-- > 0 && left + more > limit;) {
    if (age > window->running) continue;
    uint64_t number = window->running - age;
    left -= window->counts[number % XAI_WINDOW_SLOTS];
    at = begin_of(window, number + XAI_WINDOW_SLOTS);
  }
  return at + spans * window->span_ms;
}
