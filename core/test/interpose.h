/* interpose.h - stands in for the system's resolver and clocks, under libcurl too, in tests of one program.
 * SPDX-License-Identifier: MIT
 *
 * A program's own functions come before a shared library's of the same name, so libcurl asks these. What it is
 * told is the test's to say: a list of addresses, no such name, or nothing at all until the test lets go. */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <netdb.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "loopback.h"

#define INSTEAD __attribute__((visibility("default"))) /* what is not exported would not be found */

/* ---- the clocks */

/* Milliseconds by which they are ahead of the system's: awake time, sleep on top of it, and the wall's. */
static _Atomic long long skew_awake, skew_asleep, skew_wall;

INSTEAD int clock_gettime(clockid_t clock, struct timespec *now) {
  long result = syscall(SYS_clock_gettime, clock, now);
  long long ahead = 0;
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW)
    ahead = skew_awake; /* either may be libcurl's */
  if (clock == CLOCK_BOOTTIME) ahead = skew_awake + skew_asleep;
  now->tv_sec += (time_t)(ahead / 1000);
  return (int)result;
}

INSTEAD time_t time(time_t *to) {
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  time_t wall = now.tv_sec + (time_t)(skew_wall / 1000);
  if (to != NULL) *to = wall;
  return wall;
}

static inline void pass_seconds(long long seconds) {
  skew_awake += seconds * 1000;
  skew_wall += seconds * 1000;
}

static inline void sleep_seconds(long long seconds) {
  skew_asleep += seconds * 1000;
  skew_wall += seconds * 1000;
}

/* ---- the resolver */

#define RESOLVER_MOST 32

typedef struct resolver {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  const char *hangs; /* this name has no answer until the test lets go; NULL: none */
  char addresses[RESOLVER_MOST][48];
  size_t count; /* 0: no such name */
  long asked, hanging;
} resolver;

static resolver the_resolver = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static inline void resolver_set(const char *const *addresses, size_t count) {
  pthread_mutex_lock(&the_resolver.lock);
  for (size_t i = 0; i < count; i++)
    snprintf(the_resolver.addresses[i], sizeof *the_resolver.addresses, "%s", addresses[i]);
  the_resolver.count = count;
  the_resolver.asked = 0;
  pthread_mutex_unlock(&the_resolver.lock);
}

/* NULL: lets go of all that hang, and waits until they are gone. */
static inline void resolver_hangs(const char *name) {
  pthread_mutex_lock(&the_resolver.lock);
  the_resolver.hangs = name;
  pthread_cond_broadcast(&the_resolver.changed);
  while (name == NULL && the_resolver.hanging > 0)
    pthread_cond_wait(&the_resolver.changed, &the_resolver.lock);
  pthread_mutex_unlock(&the_resolver.lock);
}

static inline long resolver_asked(void) {
  pthread_mutex_lock(&the_resolver.lock);
  long asked = the_resolver.asked;
  pthread_mutex_unlock(&the_resolver.lock);
  return asked;
}

/* A question for each family, as libcurl 8.20 asks them, is one question. */
static inline void resolver_wait(const char *name, bool first) {
  pthread_mutex_lock(&the_resolver.lock);
  the_resolver.asked += first;
  the_resolver.hanging++;
  while (the_resolver.hangs != NULL && strcmp(the_resolver.hangs, name) == 0)
    pthread_cond_wait(&the_resolver.changed, &the_resolver.lock);
  the_resolver.hanging--;
  pthread_cond_broadcast(&the_resolver.changed);
  pthread_mutex_unlock(&the_resolver.lock);
}

static inline struct addrinfo *resolver_one(const char *text, const char *service) {
  struct addrinfo *one = calloc(1, sizeof *one + sizeof(struct sockaddr_storage));
  struct sockaddr_in *four = (struct sockaddr_in *)(one + 1);
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)(one + 1);
  uint16_t port = htons((uint16_t)(service ? atoi(service) : 0));
  bool is_six = strchr(text, ':') != NULL;
  one->ai_family = is_six ? AF_INET6 : AF_INET;
  one->ai_socktype = SOCK_STREAM;
  one->ai_protocol = IPPROTO_TCP;
  one->ai_addr = (struct sockaddr *)(one + 1);
  one->ai_addrlen = is_six ? sizeof *six : sizeof *four;
  one->ai_addr->sa_family = (sa_family_t)one->ai_family;
  if (is_six) six->sin6_port = port;
  else four->sin_port = port;
  inet_pton(one->ai_family, text, is_six ? (void *)&six->sin6_addr : (void *)&four->sin_addr);
  return one;
}

INSTEAD int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                        struct addrinfo **out) {
  resolver_wait(name, hints == NULL || hints->ai_family != AF_INET6);
  pthread_mutex_lock(&the_resolver.lock);
  struct addrinfo **last = out;
  *out = NULL;
  for (size_t i = 0; i < the_resolver.count; i++) {
    bool is_six = strchr(the_resolver.addresses[i], ':') != NULL;
    if (hints != NULL && hints->ai_family == (is_six ? AF_INET : AF_INET6)) continue;
    *last = resolver_one(the_resolver.addresses[i], service);
    last = &(*last)->ai_next;
  }
  pthread_mutex_unlock(&the_resolver.lock);
  return *out != NULL ? 0 : EAI_NONAME;
}

INSTEAD void freeaddrinfo(struct addrinfo *list) {
  while (list != NULL) {
    struct addrinfo *next = list->ai_next;
    free(list);
    list = next;
  }
}

/* A host that drops what comes, on a chosen address and port: its queue is full. */
typedef struct black_hole {
  int listener, filler[4];
} black_hole;

static inline bool black_hole_open(black_hole *hole, const char *address, int port) {
  struct addrinfo *at = resolver_one(address, NULL);
  int one = 1;
  ((struct sockaddr_in *)at->ai_addr)->sin_port = htons((uint16_t)port); /* in the same place in both kinds */
  hole->listener = socket(at->ai_family, SOCK_STREAM, 0);
  setsockopt(hole->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  bool open = hole->listener >= 0 && bind(hole->listener, at->ai_addr, at->ai_addrlen) == 0 &&
              listen(hole->listener, 0) == 0;
  for (int i = 0; i < 4; i++) {
    hole->filler[i] = open ? socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0) : -1;
    if (open) connect(hole->filler[i], at->ai_addr, at->ai_addrlen);
  }
  freeaddrinfo(at);
  return open;
}

static inline void black_hole_close(black_hole *hole) {
  for (int i = 0; i < 4; i++)
    if (hole->filler[i] >= 0) close(hole->filler[i]);
  if (hole->listener >= 0) close(hole->listener);
}

#endif
