/* xai_share.h - a file of counters and places that all clients who name it have in common, in any process.
 * SPDX-License-Identifier: MIT
 *
 * The file is mapped by each of them. A counter is changed by single atomic operations and a place is a lock that
 * the system takes back when its owner dies; so there is nothing that a process could hold on to or leave half
 * done, wherever it is killed. A file of zeros is an empty one, hence making it is no race either.
 *
 * One machine: the file must lie on a local file system. Nobody may cut it short while it is in use.
 */
#ifndef XAI_SHARE_H
#define XAI_SHARE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "xai_err.h"

#pragma GCC visibility push(hidden)

enum { XAI_SHARE_COUNTERS = 4095, XAI_SHARE_PLACES = 1024 };

/* One counter; what its numbers mean is its user's business. 64 bytes, and 0 throughout when new. */
typedef struct xai_counter {
  _Atomic uint64_t key; /* made of its name; 0: nobody's yet     */
  _Atomic uint64_t value;
  _Atomic uint64_t claimed, done; /* see xai_quota.c                       */
  char label[32];                 /* for people who look into the file     */
} xai_counter;

/* Whose moments are in the file: those of different clocks cannot be compared. */
typedef enum xai_share_clock { XAI_SHARE_SYSTEM_CLOCK = 1, XAI_SHARE_OWN_CLOCK = 2 } xai_share_clock;

typedef struct xai_share {
  int fd;
  pid_t process;           /* that opened it          */
  struct share_file *file; /* mapped; NULL: not open  */
  uint64_t flushed_at;
} xai_share;

/* Makes the file, with mode 0600, if there is none. XAI_ERR_FILE: it cannot be made, opened or mapped, or is another
 * kind of file, or damaged; XAI_ERR_ARG: an empty path. Nothing is held then. */
xai_code xai__share_open(xai_share *self, const char *path, xai_error *err);
/* Lets go of all places, too, but not in a fork's copy of a process. One that is not open is fine. */
void xai__share_close(xai_share *self);
/* From now on by this clock, until it is closed. XAI_ERR_FILE: others use it by another kind now. */
xai_code xai__share_use_clock(const xai_share *self, xai_share_clock clock, xai_error *err);
/* False once it was removed or cut short; then it must not be touched. Costs a system call. */
bool xai__share_is_whole(const xai_share *self);

/* The counter of that kind and name, made if need be; lives as long as the file is open. NULL: the file is full. */
xai_counter *xai__share_counter(const xai_share *self, const char *kind, xai_str name);

/* Places 0 .. XAI_SHARE_PLACES - 1 of a counter. False: somebody else has it. Who has it already must not ask. */
bool xai__share_lock(const xai_share *self, const xai_counter *counter, uint32_t place);
void xai__share_unlock(const xai_share *self, const xai_counter *counter, uint32_t place);
/* Does this system have such locks? */
bool xai__share_has_places(const xai_share *self);

/* Begins to write what is new to the disk, at most once a second unless now is UINT64_MAX; does not wait for it. */
void xai__share_flush(xai_share *self, uint64_t now);

#pragma GCC visibility pop

#endif
