/* test_race.c - several addresses at once: who wins, who loses, and that nothing is left open.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "net.h"

#include "xai_race.h"

typedef struct track {
  xai_poll *poll;
  xai_race race;
} track;

static void track_begin(track *t, uint32_t apart_ms) {
  t->poll = xai__poll_new(&(xai_mem){NULL, NULL});
  CHECK(t->poll != NULL);
  xai__race_init(&t->race, t->poll, apart_ms);
}

static void track_end(track *t) {
  xai__race_deinit(&t->race);
  xai__poll_free(t->poll);
}

static struct sockaddr_in at_port(int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

static void add(track *t, int port) {
  struct sockaddr_in at = at_port(port);
  xai__race_add(&t->race, (struct sockaddr *)&at, sizeof at);
}

/* Until it is won or lost. */
static void run_race(track *t) {
  uint64_t until = xai__poll_now() + 10000 * slowness();
  while (t->race.winner < 0 && !xai__race_is_lost(&t->race) && xai__poll_now() < until) {
    xai_poll_ready ready[8];
    xai__race_begin(&t->race, xai__poll_now());
    size_t count = xai__poll_wait(t->poll, 5, ready, 8);
    for (size_t i = 0; i < count; i++) CHECK(xai__race_ready(&t->race, ready[i].fd, xai__poll_now()));
  }
}

static int open_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static int refusing_port(void) {
  int port;
  close(lb_listen(1, &port));
  return port;
}

static void F04_the_one_that_connects_wins(void) {
  int before = open_descriptors(), port, listener = lb_listen(4, &port), dead = refusing_port();
  dead_host hole = dead_host_start();
  track t;
  track_begin(&t, 1);
  add(&t, dead);
  add(&t, hole.port);
  add(&t, port);
  run_race(&t);
  CHECK_INT(t.race.winner, 2);
  CHECK_INT(t.race.cause, ECONNREFUSED);
  struct sockaddr_in loser = at_port(hole.port), winner = at_port(port);
  CHECK_INT(xai__race_take(&t.race, (struct sockaddr *)&loser, sizeof loser), -1);
  int fd = xai__race_take(&t.race, (struct sockaddr *)&winner, sizeof winner);
  CHECK(fd >= 0);
  CHECK_INT(xai__race_take(&t.race, (struct sockaddr *)&winner, sizeof winner), -1); /* once */
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
  track_end(&t);
  close(fd);
  close(listener);
  dead_host_end(&hole);
  CHECK_INT(open_descriptors(), before);
}

/* A lane that has lost is followed by the next at once, however far apart they are. */
static void F04_when_all_refuse_it_is_lost_at_once(void) {
  int before = open_descriptors(), dead = refusing_port();
  track t;
  track_begin(&t, 60000);
  for (int i = 0; i < XAI_RACE_LANES + 5; i++) add(&t, dead);
  CHECK_INT(t.race.count, XAI_RACE_LANES);
  run_race(&t);
  CHECK(xai__race_is_lost(&t.race));
  CHECK_INT(t.race.cause, ECONNREFUSED);
  CHECK_INT(t.race.begun, XAI_RACE_LANES);
  track_end(&t);
  CHECK_INT(open_descriptors(), before);
}

static void F04_lanes_begin_apart(void) {
  dead_host hole = dead_host_start();
  track t;
  track_begin(&t, 50);
  for (int i = 0; i < 3; i++) add(&t, hole.port);
  xai__race_begin(&t.race, 1000);
  CHECK_INT(t.race.begun, 1);
  CHECK_INT(t.race.next_at, 1050);
  xai__race_begin(&t.race, 1049);
  CHECK_INT(t.race.begun, 1);
  xai__race_begin(&t.race, 1050);
  CHECK_INT(t.race.begun, 2);
  xai__race_begin(&t.race, 5000);
  CHECK_INT(t.race.begun, 3);
  CHECK(t.race.next_at == UINT64_MAX);
  CHECK(!xai__race_is_lost(&t.race));
  CHECK(!xai__race_ready(&t.race, -1, 5000) && !xai__race_ready(&t.race, hole.listener, 5000));
  track_end(&t);
  dead_host_end(&hole);
}

int main(void) {
  RUN(F04_the_one_that_connects_wins);
  RUN(F04_when_all_refuse_it_is_lost_at_once);
  RUN(F04_lanes_begin_apart);
  return net_report("race");
}
