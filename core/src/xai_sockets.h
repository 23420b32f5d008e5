/* xai_sockets.h - remembers which sockets are open, so that one can be found by its local port.
 * SPDX-License-Identifier: MIT
 *
 * libcurl names the local port of the connection it is about to use, and no descriptor; to look at a kept
 * connection before a request goes out on it, we must know both.
 */
#ifndef XAI_SOCKETS_H
#define XAI_SOCKETS_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

typedef struct xai_socket {
  int fd;
  int port;          /* local, 0: not asked yet                                     */
  uint64_t used_at;  /* since boot: when it was opened, or an exchange on it ended  */
  uint64_t awake_at; /* the same on the clock that stands still in sleep            */
} xai_socket;

typedef struct xai_sockets {
  xai_socket *list;
  size_t len;
  size_t room;
  xai_mem mem;
} xai_sockets;

void xai__sockets_init(xai_sockets *sockets, const xai_mem *mem);
void xai__sockets_deinit(xai_sockets *sockets); /* closes nothing */
/* XAI_ERR_NOMEM: it is not remembered. */
xai_code xai__sockets_add(xai_sockets *sockets, int fd);
void xai__sockets_remove(xai_sockets *sockets, int fd);
/* Has one of the sockets with this local port something to read, or its end? A second one with the same
 * port (another address) makes the answer true too early, never too late. */
bool xai__sockets_readable(xai_sockets *sockets, int local_port);
/* An exchange on it has ended. */
void xai__sockets_used(xai_sockets *sockets, int local_port);
/* Has the machine slept since it was used last, and was that idle_ms ago? Then nobody knows what became of its
 * peer, and of every box between, and no reset may ever come (F15). */
bool xai__sockets_overslept(xai_sockets *sockets, int local_port, uint64_t idle_ms);
/* ... its end, with nothing before it? */
bool xai__sockets_ended(xai_sockets *sockets, int local_port);

#pragma GCC visibility pop

#endif
