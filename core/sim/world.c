/* world.c - chance, the agenda, the counting allocator.
 * SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- chance */

/* Stafford's thirteenth variant of the 64-bit finaliser, as in SplitMix64. */
static uint64_t scramble(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t sim_mix(uint64_t a, uint64_t b) {
  return scramble(scramble(a + 0x9e3779b97f4a7c15u) ^ (b * 0xff51afd7ed558ccdu + 1));
}

uint32_t sim_random(uint64_t *state) {
  return (uint32_t)(scramble(*state += 0x9e3779b97f4a7c15u) >> 32);
}

uint32_t sim_below(uint64_t *state, uint32_t below) {
  return (uint32_t)((uint64_t)sim_random(state) * below >> 32);
}

uint32_t sim_between(uint64_t *state, uint32_t least, uint32_t most) {
  return least + sim_below(state, most - least + 1);
}

bool sim_permille(uint64_t *state, uint32_t permille) {
  return sim_below(state, 1000) < permille;
}

/* ---- the agenda */

static bool is_before(const sim_date *a, const sim_date *b) {
  return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_agenda_add(sim_agenda *agenda, uint64_t at, int what, uint32_t who, uint32_t id) {
  if (at == SIM_NEVER) return;
  if (agenda->len == agenda->room) {
    agenda->room = agenda->room ? agenda->room * 2 : 64;
    agenda->heap = sim_realloc(agenda->heap, agenda->room * sizeof *agenda->heap);
  }
  sim_date date = {at, agenda->entered++, what, who, id};
  size_t i = agenda->len++;
  for (; i > 0 && is_before(&date, &agenda->heap[(i - 1) / 2]); i = (i - 1) / 2)
    agenda->heap[i] = agenda->heap[(i - 1) / 2];
  agenda->heap[i] = date;
}

bool sim_agenda_take(sim_agenda *agenda, uint64_t now, sim_date *out) {
  if (agenda->len == 0 || agenda->heap[0].at > now) return false;
  *out = agenda->heap[0];
  sim_date last = agenda->heap[--agenda->len];
  size_t i = 0;
  for (size_t child = 1; child < agenda->len; child = 2 * i + 1) {
    if (child + 1 < agenda->len && is_before(&agenda->heap[child + 1], &agenda->heap[child])) child++;
    if (!is_before(&agenda->heap[child], &last)) break;
    agenda->heap[i] = agenda->heap[child];
    i = child;
  }
  if (agenda->len > 0) agenda->heap[i] = last;
  return true;
}

uint64_t sim_agenda_next(const sim_agenda *agenda) {
  return agenda->len ? agenda->heap[0].at : SIM_NEVER;
}

void sim_agenda_clear(sim_agenda *agenda) {
  agenda->len = 0;
  agenda->entered = 0;
}

void sim_agenda_deinit(sim_agenda *agenda) {
  free(agenda->heap);
  *agenda = (sim_agenda){0};
}

/* ---- of late */

void sim_window_clear(sim_window *window, uint64_t span_ms) {
  window->span_ms = span_ms;
  window->total = window->first = window->len = 0;
}

void sim_window_add(sim_window *window, uint64_t now, uint64_t weight) {
  sim_window_sum(window, now);
  if (window->len == window->room) {
    struct sim_moment *old = window->moments;
    size_t room = window->room ? window->room * 2 : 64;
    window->moments = sim_realloc(NULL, room * sizeof *old);
    for (size_t i = 0; i < window->len; i++) window->moments[i] = old[(window->first + i) % window->room];
    window->room = room;
    window->first = 0;
    free(old);
  }
  window->moments[(window->first + window->len++) % window->room] = (struct sim_moment){now, weight};
  window->total += weight;
}

uint64_t sim_window_sum(sim_window *window, uint64_t now) {
  while (window->len > 0 && window->moments[window->first].at + window->span_ms <= now) {
    window->total -= window->moments[window->first].weight;
    window->first = (window->first + 1) % window->room;
    window->len--;
  }
  return window->total;
}

void sim_window_deinit(sim_window *window) {
  free(window->moments);
  *window = (sim_window){0};
}

/* ---- memory */

/* Stands before each block; keeps the alignment of malloc. */
typedef union block_head {
  size_t size;
  max_align_t alignment;
} block_head;

static bool refuses(sim_heap *heap) {
  heap->asked++;
  if (heap->fail == 0) return false;
  if (heap->skip > 0) {
    heap->skip--;
    return false;
  }
  heap->fail--;
  heap->failed++;
  return true;
}

static void *release(sim_heap *heap, block_head *head, size_t old_size) {
  if (head == NULL) return NULL;
  if (head->size != old_size) heap->wrong_size++;
  heap->blocks--;
  heap->bytes -= head->size;
  free(head);
  return NULL;
}

static void *heap_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  sim_heap *heap = user;
  block_head *head = ptr ? (block_head *)ptr - 1 : NULL;
  if (new_size == 0) return release(heap, head, old_size);
  if ((head == NULL || new_size > head->size) && refuses(heap)) return NULL;
  if (head != NULL && head->size != old_size) heap->wrong_size++;
  size_t before = head ? head->size : 0;
  head = sim_realloc(head, sizeof *head + new_size);
  head->size = new_size;
  if (ptr == NULL) heap->blocks++;
  heap->bytes += new_size - before;
  if (heap->bytes > heap->peak) heap->peak = heap->bytes;
  return head + 1;
}

xai_mem sim_heap_mem(sim_heap *heap) {
  return (xai_mem){heap_fn, heap};
}

void *sim_realloc(void *ptr, size_t size) {
  void *fresh = realloc(ptr, size);
  if (fresh == NULL) {
    fputs("simulate: out of memory\n", stderr);
    abort();
  }
  return fresh;
}

/* ---- bytes */

static void reserve(sim_text *text, size_t more) {
  if (text->len + more <= text->room) return;
  while (text->room < text->len + more) text->room = text->room ? text->room * 2 : 256;
  text->ptr = sim_realloc(text->ptr, text->room);
}

void sim_text_clear(sim_text *text) {
  text->len = 0;
}

void sim_text_add(sim_text *text, const char *bytes, size_t len) {
  reserve(text, len);
  if (len > 0) memcpy(text->ptr + text->len, bytes, len);
  text->len += len;
}

void sim_text_put(sim_text *text, const char *cstr) {
  sim_text_add(text, cstr, strlen(cstr));
}

void sim_text_put_number(sim_text *text, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  sim_text_add(text, digits + at, sizeof digits - at);
}

void sim_text_fill(sim_text *text, char byte, size_t count) {
  reserve(text, count);
  if (count > 0) memset(text->ptr + text->len, byte, count);
  text->len += count;
}

void sim_text_deinit(sim_text *text) {
  free(text->ptr);
  *text = (sim_text){0};
}
