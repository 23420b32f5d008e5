/* lxai_lines.h - log lines of a client, kept until Lua takes them.
 * SPDX-License-Identifier: MIT
 *
 * C never calls back into Lua, so the core's lines wait here. What is too much is dropped, and told in a line.
 */
#ifndef LXAI_LINES_H
#define LXAI_LINES_H

#include "xai.h"

#pragma GCC visibility push(hidden)

enum { LXAI_LONGEST_LINE = 1024 };

typedef struct lxai_lines {
  xai_mem mem;
  char *bytes; /* level and length of each line, then its text */
  size_t from; /* of the oldest line not taken                 */
  size_t len;
  size_t room;
  size_t lost;
} lxai_lines;

void lxai_lines_init(lxai_lines *lines, const xai_mem *mem);
void lxai_lines_deinit(lxai_lines *lines);
/* As xai_log.fn; user is the lines. */
void lxai_lines_add(void *user, xai_log_level level, xai_str line);
/* The oldest line, copied to LXAI_LONGEST_LINE bytes; false when there is none. */
bool lxai_lines_take(lxai_lines *lines, char *to, size_t *len, xai_log_level *level);

#pragma GCC visibility pop

#endif
