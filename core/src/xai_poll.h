/* xai_poll.h - watches sockets and one moment in time, and shows them all as one descriptor.
 * SPDX-License-Identifier: MIT
 *
 * epoll and a timer descriptor on Linux, kqueue on macOS and the BSDs, poll(2) and no descriptor elsewhere
 * (or with XAI_POLL_PLAIN defined). Level-triggered: what is ready stays ready until it was dealt with.
 */
#ifndef XAI_POLL_H
#define XAI_POLL_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

enum {
  XAI_POLL_IN = 1,
  XAI_POLL_OUT = 2,
  XAI_POLL_ERR = 4 /* reported, never asked for */
};

typedef struct xai_poll_ready {
  int fd;
  unsigned what;
} xai_poll_ready;

typedef struct xai_poll xai_poll;

/* NULL without memory or descriptors. */
xai_poll *xai__poll_new(const xai_mem *mem);
void xai__poll_free(xai_poll *poll);

/* Milliseconds of the monotonic clock that `due` below is told in. */
uint64_t xai__poll_now(void);

/* The same, but going on while the machine sleeps, where the system can tell. */
uint64_t xai__poll_since_boot(void);

/* Watch `fd` for `want`, which was watched for `had` so far; 0: not at all. A socket must be forgotten
 * before it is closed. XAI_ERR_NOMEM when the system has no room. */
xai_code xai__poll_watch(xai_poll *poll, int fd, unsigned had, unsigned want);

/* The moment that ends a wait and makes the descriptor readable, until it is moved; UINT64_MAX: never. */
void xai__poll_due(xai_poll *poll, uint64_t due);

/* Wait at most wait_ms, and not beyond `due`, for sockets; how many are ready. A signal ends the wait. */
size_t xai__poll_wait(xai_poll *poll, uint32_t wait_ms, xai_poll_ready *ready, size_t room);

/* The descriptor to watch, or -1. */
int xai__poll_fd(xai_poll *poll);

#pragma GCC visibility pop

#endif
