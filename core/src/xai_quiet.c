/* xai_quiet.c - SIGPIPE, held back and dropped.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_quiet.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static sigset_t pipe_alone(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

static bool pipe_pending(void) {
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

static void drop_pipe(const sigset_t *set) {
#if defined(__APPLE__) || defined(__OpenBSD__)
  int which; /* no sigtimedwait here; it is pending, so this does not wait */
  sigwait(set, &which);
#else
  const struct timespec at_once = {0, 0};
  while (sigtimedwait(set, NULL, &at_once) < 0 && errno == EINTR) continue;
#endif
}

/* A signal that is not blocked cannot be pending, which saves asking in the usual case. */
xai_quiet xai__quiet_begin(void) {
  sigset_t set = pipe_alone(), before;
  sigemptyset(&before);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  bool blocked = sigismember(&before, SIGPIPE) == 1;
  return (xai_quiet){.was_blocked = blocked, .was_pending = blocked && pipe_pending()};
}

void xai__quiet_end(const xai_quiet *quiet) {
  sigset_t set = pipe_alone();
  if (!quiet->was_pending && pipe_pending()) drop_pipe(&set);
  if (!quiet->was_blocked) pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
