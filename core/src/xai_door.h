/* xai_door.h - who may be inside of a client: one thread at a time, in the process that made it.
 * SPDX-License-Identifier: MIT
 *
 * A program that breaks this rule gets an error instead of a damaged client. The door is no lock: nobody waits.
 */
#ifndef XAI_DOOR_H
#define XAI_DOOR_H

#include <stdatomic.h>
#include <sys/types.h>

#include "xai_err.h"

#pragma GCC visibility push(hidden)

typedef struct xai_door {
  atomic_bool inside;
  pid_t process;             /* that made it                                                */
  const volatile char *mark; /* 0 in a copy of that process; NULL: the system must be asked */
} xai_door;

void xai__door_init(xai_door *door);
void xai__door_deinit(xai_door *door);
/* XAI_OK: inside, until xai__door_leave. XAI_ERR_STATE: another thread is, or this one already (F100). */
xai_code xai__door_enter(xai_door *door, xai_error *err);
/* The same, and XAI_ERR_STATE in a copy of the process that fork made (F94). */
xai_code xai__door_enter_here(xai_door *door, xai_error *err);
void xai__door_leave(xai_door *door);
bool xai__door_is_copied(const xai_door *door);

#pragma GCC visibility pop

#endif
