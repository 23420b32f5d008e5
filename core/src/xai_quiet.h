/* xai_quiet.h - keeps a SIGPIPE that a library's write raises away from the program.
 * SPDX-License-Identifier: MIT
 *
 * libcurl is told not to touch signal handlers, which are the program's own; but a TLS library may write to a
 * socket that the peer has closed (F95). Between begin and end the signal is held back, for this thread
 * alone, and at the end one that came up in between is dropped.
 */
#ifndef XAI_QUIET_H
#define XAI_QUIET_H

#include <signal.h>
#include <stdbool.h>

#pragma GCC visibility push(hidden)

typedef struct xai_quiet {
  bool was_blocked; /* by the program itself              */
  bool was_pending; /* and one waits there: not ours      */
} xai_quiet;

xai_quiet xai__quiet_begin(void);
void xai__quiet_end(const xai_quiet *quiet);

#pragma GCC visibility pop

#endif
