/* xai_race.c - lanes, one for each address, and the first to connect.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_race.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NEVER UINT64_MAX
#define NO_WINNER (-1)

void xai__race_init(xai_race *race, xai_poll *poll, uint32_t apart_ms) {
  *race = (xai_race){.winner = NO_WINNER, .poll = poll, .apart_ms = apart_ms, .next_at = NEVER};
}

static void close_lane(xai_race *race, xai_race_lane *lane) {
  if (lane->fd < 0) return;
  xai__poll_watch(race->poll, lane->fd, XAI_POLL_OUT, 0);
  close(lane->fd);
  lane->fd = -1;
}

void xai__race_deinit(xai_race *race) {
  for (size_t i = 0; i < race->count; i++) close_lane(race, &race->lanes[i]);
  race->count = race->begun = race->open = 0;
}

void xai__race_add(xai_race *race, const struct sockaddr *address, socklen_t size) {
  if (race->count == XAI_RACE_LANES || size > (socklen_t)sizeof race->lanes->address) return;
  xai_race_lane *lane = &race->lanes[race->count++];
  *lane = (xai_race_lane){.size = size, .fd = -1};
  memcpy(&lane->address, address, size);
}

static int open_socket(int family) {
  int fd = socket(family, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

static void lose(xai_race *race, xai_race_lane *lane, int cause) {
  close_lane(race, lane);
  race->cause = cause;
  race->open--;
}

static void begin_lane(xai_race *race, xai_race_lane *lane) {
  race->open++;
  lane->fd = open_socket(lane->address.ss_family);
  int started = lane->fd < 0 ? -1 : connect(lane->fd, (const struct sockaddr *)&lane->address, lane->size);
  if (lane->fd < 0 || (started != 0 && errno != EINPROGRESS)) lose(race, lane, errno);
  else if (xai__poll_watch(race->poll, lane->fd, 0, XAI_POLL_OUT) != XAI_OK) lose(race, lane, ENOMEM);
}

void xai__race_begin(xai_race *race, uint64_t now) {
  if (race->begun == 0) race->next_at = now;
  while (race->winner == NO_WINNER && race->begun < race->count && race->next_at <= now) {
    begin_lane(race, &race->lanes[race->begun++]);
    /* There is nothing to wait for when none is under way. */
    race->next_at = race->open > 0 ? now + race->apart_ms : now;
  }
  if (race->begun == race->count) race->next_at = NEVER;
}

/* Connected, or why not. */
static int error_of(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

static void win(xai_race *race, size_t which) {
  race->winner = (int)which;
  race->next_at = NEVER;
  xai__poll_watch(race->poll, race->lanes[which].fd, XAI_POLL_OUT, 0);
  for (size_t i = 0; i < race->begun; i++)
    if (i != which) close_lane(race, &race->lanes[i]);
}

bool xai__race_ready(xai_race *race, int fd, uint64_t now) {
  for (size_t i = 0; i < race->begun; i++) {
    xai_race_lane *lane = &race->lanes[i];
    if (lane->fd != fd) continue;
    int error = error_of(fd);
    if (error == 0) win(race, i);
    else lose(race, lane, error);
    if (race->open == 0 && race->next_at != NEVER) race->next_at = now;
    return true;
  }
  return false;
}

bool xai__race_is_lost(const xai_race *race) {
  return race->winner == NO_WINNER && race->open == 0 && race->begun == race->count;
}

int xai__race_take(xai_race *race, const struct sockaddr *address, socklen_t size) {
  if (race->winner == NO_WINNER) return -1;
  xai_race_lane *lane = &race->lanes[race->winner];
  if (lane->fd < 0 || lane->size != size || memcmp(&lane->address, address, size) != 0) return -1;
  int fd = lane->fd;
  lane->fd = -1;
  return fd;
}
