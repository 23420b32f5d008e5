/* xai_poll.c - epoll, kqueue or poll behind one face.
 * SPDX-License-Identifier: MIT */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include "xai_poll.h"

#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

#if defined(XAI_POLL_PLAIN)
#elif defined(__linux__)
#define USE_EPOLL 1
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || \
  defined(__DragonFly__)
#define USE_KQUEUE 1
#endif

#if defined(USE_EPOLL)
#include <sys/epoll.h>
#include <sys/timerfd.h>
#elif defined(USE_KQUEUE)
#include <fcntl.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#else
#include <poll.h>
#endif

#define NEVER UINT64_MAX
#define BATCH 64 /* sockets taken out of the kernel at once */

static uint64_t read_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t xai__poll_now(void) {
  return read_ms(CLOCK_MONOTONIC);
}

uint64_t xai__poll_since_boot(void) {
#if defined(CLOCK_BOOTTIME)
  return read_ms(CLOCK_BOOTTIME);
#else
  return xai__poll_now();
#endif
}

/* The shorter of a wish and the way to `due`, as system calls like it. The clock is rounded down, so this
 * never wakes before `due`. */
static int shorter_wait(uint64_t due, uint32_t wait_ms) {
  uint64_t wait = wait_ms;
  if (wait > 0 && due != NEVER) {
    uint64_t now = xai__poll_now();
    uint64_t left = due > now ? due - now : 0;
    if (left < wait) wait = left;
  }
  return wait > INT_MAX ? INT_MAX : (int)wait;
}

#if defined(USE_EPOLL)

struct xai_poll {
  xai_mem mem;
  int queue; /* the epoll descriptor                               */
  int timer; /* part of it                                         */
  uint64_t due;
  uint64_t armed; /* the moment that the timer descriptor is set to     */
  bool shown;     /* somebody watches `queue`, so the timer must be set */
};

static void arm(xai_poll *poll) {
  if (!poll->shown || poll->armed == poll->due) return;
  struct itimerspec when = {{0, 0}, {0, 0}};
  if (poll->due != NEVER) {
    when.it_value.tv_sec = (time_t)(poll->due / 1000);
    when.it_value.tv_nsec = (long)(poll->due % 1000) * 1000000 + 1; /* all zero would mean "off" */
  }
  timerfd_settime(poll->timer, TFD_TIMER_ABSTIME, &when, NULL);
  poll->armed = poll->due;
}

xai_poll *xai__poll_new(const xai_mem *mem) {
  xai_poll *poll = xai__alloc(mem, sizeof *poll);
  if (poll == NULL) return NULL;
  poll->mem = *mem;
  poll->due = poll->armed = NEVER;
  poll->queue = epoll_create1(EPOLL_CLOEXEC);
  poll->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  struct epoll_event timer = {.events = EPOLLIN, .data.fd = poll->timer};
  if (poll->queue >= 0 && poll->timer >= 0 && epoll_ctl(poll->queue, EPOLL_CTL_ADD, poll->timer, &timer) == 0)
    return poll;
  xai__poll_free(poll);
  return NULL;
}

void xai__poll_free(xai_poll *poll) {
  if (poll == NULL) return;
  if (poll->timer >= 0) close(poll->timer);
  if (poll->queue >= 0) close(poll->queue);
  xai_mem mem = poll->mem;
  xai__free(&mem, poll, sizeof *poll);
}

xai_code xai__poll_watch(xai_poll *poll, int fd, unsigned had, unsigned want) {
  struct epoll_event event = {.data.fd = fd};
  if (want & XAI_POLL_IN) event.events |= EPOLLIN;
  if (want & XAI_POLL_OUT) event.events |= EPOLLOUT;
  if (want == 0) {
    epoll_ctl(poll->queue, EPOLL_CTL_DEL, fd, &event); /* a closed one has left by itself */
    return XAI_OK;
  }
  /* A number may have been closed and given out anew, so what we remember is only the likelier guess. */
  int first = had ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(poll->queue, first, fd, &event) == 0) return XAI_OK;
  if (errno != EEXIST && errno != ENOENT) return XAI_ERR_NOMEM;
  int second = had ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  return epoll_ctl(poll->queue, second, fd, &event) == 0 ? XAI_OK : XAI_ERR_NOMEM;
}

void xai__poll_due(xai_poll *poll, uint64_t due) {
  poll->due = due;
  arm(poll);
}

static unsigned what_of(uint32_t events) {
  unsigned what = 0;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) what |= XAI_POLL_IN;
  if (events & EPOLLOUT) what |= XAI_POLL_OUT;
  if (events & EPOLLERR) what |= XAI_POLL_ERR;
  return what;
}

size_t xai__poll_wait(xai_poll *poll, uint32_t wait_ms, xai_poll_ready *ready, size_t room) {
  struct epoll_event events[BATCH];
  int limit = room < BATCH ? (int)room : BATCH;
  int found = epoll_wait(poll->queue, events, limit, shorter_wait(poll->due, wait_ms));
  size_t count = 0;
  for (int i = 0; i < found; i++) {
    if (events[i].data.fd == poll->timer) continue;
    ready[count].fd = events[i].data.fd;
    ready[count++].what = what_of(events[i].events);
  }
  return count;
}

int xai__poll_fd(xai_poll *poll) {
  poll->shown = true;
  arm(poll);
  return poll->queue;
}

#elif defined(USE_KQUEUE)

struct xai_poll {
  xai_mem mem;
  int queue;
  uint64_t due;
  uint64_t armed;
  bool shown;
};

static bool change(xai_poll *poll, uintptr_t ident, int filter, int flags, unsigned notes, int64_t data) {
  struct kevent event;
  EV_SET(&event, ident, (short)filter, (unsigned short)flags, notes, data, 0);
  return kevent(poll->queue, &event, 1, NULL, 0, NULL) == 0;
}

static void arm(xai_poll *poll) {
  if (!poll->shown || poll->armed == poll->due) return;
  if (poll->armed != NEVER) change(poll, 0, EVFILT_TIMER, EV_DELETE, 0, 0);
  uint64_t now = xai__poll_now();
  uint64_t left = poll->due > now ? poll->due - now : 1;
  if (poll->due != NEVER)
    change(poll, 0, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, left > INT_MAX ? INT_MAX : (int64_t)left);
  poll->armed = poll->due;
}

xai_poll *xai__poll_new(const xai_mem *mem) {
  xai_poll *poll = xai__alloc(mem, sizeof *poll);
  if (poll == NULL) return NULL;
  poll->mem = *mem;
  poll->due = poll->armed = NEVER;
  poll->queue = kqueue();
  if (poll->queue >= 0) {
    fcntl(poll->queue, F_SETFD, FD_CLOEXEC);
    return poll;
  }
  xai__poll_free(poll);
  return NULL;
}

void xai__poll_free(xai_poll *poll) {
  if (poll == NULL) return;
  if (poll->queue >= 0) close(poll->queue);
  xai_mem mem = poll->mem;
  xai__free(&mem, poll, sizeof *poll);
}

static bool change_one(xai_poll *poll, int fd, int filter, bool had, bool want) {
  if (had && !want) change(poll, (uintptr_t)fd, filter, EV_DELETE, 0, 0); /* may have been closed already */
  return !want || change(poll, (uintptr_t)fd, filter, EV_ADD, 0, 0);
}

xai_code xai__poll_watch(xai_poll *poll, int fd, unsigned had, unsigned want) {
  bool in = change_one(poll, fd, EVFILT_READ, had & XAI_POLL_IN, want & XAI_POLL_IN);
  bool out = change_one(poll, fd, EVFILT_WRITE, had & XAI_POLL_OUT, want & XAI_POLL_OUT);
  return in && out ? XAI_OK : XAI_ERR_NOMEM;
}

void xai__poll_due(xai_poll *poll, uint64_t due) {
  poll->due = due;
  arm(poll);
}

size_t xai__poll_wait(xai_poll *poll, uint32_t wait_ms, xai_poll_ready *ready, size_t room) {
  struct kevent events[BATCH];
  int wait = shorter_wait(poll->due, wait_ms);
  struct timespec until = {wait / 1000, (long)(wait % 1000) * 1000000};
  int found = kevent(poll->queue, NULL, 0, events, room < BATCH ? (int)room : BATCH, &until);
  size_t count = 0;
  for (int i = 0; i < found; i++) {
    if (events[i].filter == EVFILT_TIMER) {
      poll->armed = NEVER; /* it shows itself once: set again by the next xai__poll_due */
      continue;
    }
    ready[count].fd = (int)events[i].ident;
    ready[count++].what = events[i].filter == EVFILT_READ ? XAI_POLL_IN : XAI_POLL_OUT;
  }
  return count;
}

int xai__poll_fd(xai_poll *poll) {
  poll->shown = true;
  arm(poll);
  return poll->queue;
}

#else

struct xai_poll {
  xai_mem mem;
  struct pollfd *list;
  size_t count;
  size_t room;
  size_t turn; /* where the next report starts, so that no socket starves */
  uint64_t due;
};

xai_poll *xai__poll_new(const xai_mem *mem) {
  xai_poll *poll = xai__alloc(mem, sizeof *poll);
  if (poll == NULL) return NULL;
  poll->mem = *mem;
  poll->due = NEVER;
  return poll;
}

void xai__poll_free(xai_poll *poll) {
  if (poll == NULL) return;
  xai_mem mem = poll->mem;
  xai__free(&mem, poll->list, poll->room * sizeof *poll->list);
  xai__free(&mem, poll, sizeof *poll);
}

static xai_code grow(xai_poll *poll) {
  size_t room = poll->room ? poll->room * 2 : 16;
  size_t size;
  if (!xai__mul(room, sizeof *poll->list, &size)) return XAI_ERR_NOMEM;
  struct pollfd *list = xai__realloc(&poll->mem, poll->list, poll->room * sizeof *poll->list, size);
  if (list == NULL) return XAI_ERR_NOMEM;
  poll->list = list;
  poll->room = room;
  return XAI_OK;
}

xai_code xai__poll_watch(xai_poll *poll, int fd, unsigned had, unsigned want) {
  (void)had;
  size_t at = 0;
  while (at < poll->count && poll->list[at].fd != fd) at++;
  if (want == 0) {
    if (at < poll->count) poll->list[at] = poll->list[--poll->count];
    return XAI_OK;
  }
  if (at == poll->room && grow(poll) != XAI_OK) return XAI_ERR_NOMEM;
  if (at == poll->count) poll->count++;
  poll->list[at].fd = fd;
  poll->list[at].events = (short)((want & XAI_POLL_IN ? POLLIN : 0) | (want & XAI_POLL_OUT ? POLLOUT : 0));
  return XAI_OK;
}

void xai__poll_due(xai_poll *poll, uint64_t due) {
  poll->due = due;
}

static unsigned what_of(short events) {
  unsigned what = 0;
  if (events & (POLLIN | POLLHUP | POLLERR)) what |= XAI_POLL_IN;
  if (events & POLLOUT) what |= XAI_POLL_OUT;
  if (events & (POLLERR | POLLNVAL)) what |= XAI_POLL_ERR;
  return what;
}

/* Where `poll` still means the system's. */
static int wait_for(struct pollfd *list, size_t count, int wait) {
  return poll(list, (nfds_t)count, wait);
}

size_t xai__poll_wait(xai_poll *poll, uint32_t wait_ms, xai_poll_ready *ready, size_t room) {
  int found = wait_for(poll->list, poll->count, shorter_wait(poll->due, wait_ms));
  size_t count = 0;
  for (size_t i = 0; found > 0 && i < poll->count && count < room; i++) {
    const struct pollfd *one = &poll->list[(poll->turn + i) % poll->count];
    if (one->revents == 0) continue;
    ready[count].fd = one->fd;
    ready[count++].what = what_of(one->revents);
  }
  poll->turn += count;
  return count;
}

int xai__poll_fd(xai_poll *poll) {
  (void)poll;
  return -1;
}

#endif
