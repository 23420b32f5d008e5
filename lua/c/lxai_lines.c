/* lxai_lines.c - log lines of a client, kept until Lua takes them.
 * SPDX-License-Identifier: MIT */
#include "lxai_lines.h"

#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 256 << 10, FIRST_ROOM = 4096 };

typedef struct head {
  uint16_t level;
  uint16_t len;
} head;

void lxai_lines_init(lxai_lines *lines, const xai_mem *mem) {
  *lines = (lxai_lines){.mem = *mem};
}

void lxai_lines_deinit(lxai_lines *lines) {
  if (lines->bytes != NULL) lines->mem.fn(lines->mem.user, lines->bytes, lines->room, 0);
  *lines = (lxai_lines){.mem = lines->mem};
}

static bool make_room(lxai_lines *lines, size_t more) {
  size_t room = lines->room ? lines->room : FIRST_ROOM;
  while (room < lines->len + more) room *= 2;
  if (room == lines->room) return true;
  char *bytes = room <= MOST_BYTES ? lines->mem.fn(lines->mem.user, lines->bytes, lines->room, room) : NULL;
  if (bytes == NULL) return false;
  lines->bytes = bytes;
  lines->room = room;
  return true;
}

void lxai_lines_add(void *user, xai_log_level level, xai_str line) {
  lxai_lines *lines = user;
  head h = {(uint16_t)level, (uint16_t)(line.len < LXAI_LONGEST_LINE ? line.len : LXAI_LONGEST_LINE)};
  if (lines->lost > 0 || !make_room(lines, sizeof h + h.len)) {
    lines->lost++;
    return;
  }
  memcpy(lines->bytes + lines->len, &h, sizeof h);
  memcpy(lines->bytes + lines->len + sizeof h, line.ptr, h.len);
  lines->len += sizeof h + h.len;
}

static bool take_lost(lxai_lines *lines, char *to, size_t *len, xai_log_level *level) {
  if (lines->lost == 0) return false;
  *len = (size_t)snprintf(to, LXAI_LONGEST_LINE, "level=warn event=lost lines=%zu", lines->lost);
  *level = XAI_LOG_WARN;
  lines->lost = 0;
  return true;
}

bool lxai_lines_take(lxai_lines *lines, char *to, size_t *len, xai_log_level *level) {
  if (lines->from == lines->len) return take_lost(lines, to, len, level);
  head h;
  memcpy(&h, lines->bytes + lines->from, sizeof h);
  memcpy(to, lines->bytes + lines->from + sizeof h, h.len);
  *len = h.len;
  *level = (xai_log_level)h.level;
  lines->from += sizeof h + h.len;
  if (lines->from == lines->len) lines->from = lines->len = 0;
  return true;
}
