/* xai_door.c - one thread at a time, and no use after a fork.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "xai_door.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MARK_SIZE = 1 }; /* a whole page, that is */

/* A page that the system empties in each copy of the process, whoever makes it: to look there costs nothing, and asking
 * who we are is a system call with each step and each event. NULL: there is no such page. */
static char *new_mark(void) {
#if defined(MADV_WIPEONFORK)
  char *mark = mmap(NULL, MARK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mark == MAP_FAILED) return NULL;
  /* Some emulators take any advice and follow none. */
  if (madvise(mark, MARK_SIZE, -1) != 0 && madvise(mark, MARK_SIZE, MADV_WIPEONFORK) == 0) {
    *mark = 1;
    return mark;
  }
  munmap(mark, MARK_SIZE);
#endif
  return NULL;
}

void xai__door_init(xai_door *door) {
  atomic_init(&door->inside, false);
  door->process = getpid();
  door->mark = new_mark();
}

void xai__door_deinit(xai_door *door) {
  if (door->mark != NULL) munmap((void *)(uintptr_t)door->mark, MARK_SIZE);
  door->mark = NULL;
}

xai_code xai__door_enter(xai_door *door, xai_error *err) {
  if (!atomic_exchange_explicit(&door->inside, true, memory_order_acquire)) return XAI_OK;
  return xai__fail(err, XAI_ERR_STATE,
                   "the client is in use, by another thread or by the function that called this one");
}

xai_code xai__door_enter_here(xai_door *door, xai_error *err) {
  xai_code code = xai__door_enter(door, err);
  if (code != XAI_OK || !xai__door_is_copied(door)) return code;
  xai__door_leave(door);
  return xai__fail(err, XAI_ERR_STATE,
                   "the client belongs to the process that forked this one: make a new client here");
}

void xai__door_leave(xai_door *door) {
  atomic_store_explicit(&door->inside, false, memory_order_release);
}

bool xai__door_is_copied(const xai_door *door) {
  return door->mark != NULL ? *door->mark == 0 : door->process != getpid();
}
