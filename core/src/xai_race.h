/* xai_race.h - connects to several addresses of a host at once and keeps the one that answers first.
 * SPDX-License-Identifier: MIT
 *
 * One address at a time is how libcurl goes, with half of the time that is left for each: a few that are dead before
 * the live one, and the limit is over (F04). After RFC 8305, "Happy Eyeballs", all are tried, a little apart.
 */
#ifndef XAI_RACE_H
#define XAI_RACE_H

#include <sys/socket.h>

#include "xai_poll.h"

#pragma GCC visibility push(hidden)

#define XAI_RACE_LANES 32 /* addresses beyond these are not tried */

typedef struct xai_race_lane {
  struct sockaddr_storage address;
  socklen_t size;
  int fd; /* -1: not begun, given up, or taken over */
} xai_race_lane;

typedef struct xai_race {
  xai_race_lane lanes[XAI_RACE_LANES];
  size_t count;
  size_t begun;
  size_t open;       /* lanes that may still win                                    */
  int winner;        /* -1: none yet                                                */
  int cause;         /* errno of the last that lost                                 */
  uint64_t next_at;  /* when the next lane begins; UINT64_MAX: all have             */
  uint32_t apart_ms; /* lanes begin so long after each other                        */
  xai_poll *poll;    /* watches the lanes, for writing                              */
} xai_race;

void xai__race_init(xai_race *race, xai_poll *poll, uint32_t apart_ms);
void xai__race_deinit(xai_race *race); /* closes what was not taken over */
/* One more address, before it begins; it is copied. */
void xai__race_add(xai_race *race, const struct sockaddr *address, socklen_t size);
/* Begin the lanes that are due; at first the first. */
void xai__race_begin(xai_race *race, uint64_t now);
/* The watcher says that this socket is ready. False: it is none of the race's. Look at the winner then. */
bool xai__race_ready(xai_race *race, int fd, uint64_t now);
/* Has every lane lost? */
bool xai__race_is_lost(const xai_race *race);
/* The winner's socket, if the address is the winner's: whoever takes it owns it. -1: it is not. */
int xai__race_take(xai_race *race, const struct sockaddr *address, socklen_t size);

#pragma GCC visibility pop

#endif
