/* xai_links.h - connections of our own: found by descriptor, at rest or in use, used again while they are alive.
 * SPDX-License-Identifier: MIT
 *
 * A link at rest stays watched, so that its end is seen at once and using it again costs no call for that.
 */
#ifndef XAI_LINKS_H
#define XAI_LINKS_H

#include "xai_buf.h"
#include "xai_poll.h"

#pragma GCC visibility push(hidden)

typedef struct xai_link {
  int fd;
  unsigned want;         /* what it is watched for                     */
  bool used;             /* has carried a whole exchange               */
  uint64_t born;         /* since boot                                 */
  uint64_t rested;       /* since boot: when its last exchange ended   */
  void *user;            /* whoever uses it; NULL: at rest             */
  struct xai_link *next; /* among those at rest                        */
  size_t len;
  char authority[]; /* host and port as written                   */
} xai_link;

typedef struct xai_links {
  xai_mem mem;
  xai_poll *poll;
  uint64_t idle_ms;     /* longest rest                               */
  uint64_t lifetime_ms; /* after which none is used again             */
  size_t most_resting;
  xai_link **by_fd;
  size_t room;
  xai_link *resting; /* the last one first                         */
  size_t resting_count;
} xai_links;

/* poll is borrowed. */
void xai__links_init(xai_links *links, const xai_mem *mem, xai_poll *poll);
/* Closes all; whoever uses one must have let it go. */
void xai__links_deinit(xai_links *links);
/* In a copy of the process that fork made: the watching is shared with the parent, and stays as it is. */
void xai__links_abandon(xai_links *links);

/* Takes over a connected socket that does not block, watched for reading. NULL without memory: it is closed. */
xai_link *xai__links_add(xai_links *links, int fd, xai_str authority, void *user);
/* One at rest that leads there and is alive; NULL: none. Those that are not are closed. */
xai_link *xai__links_take(xai_links *links, xai_str authority, void *user);
/* Its exchange is over, and it may carry another one. */
void xai__links_rest(xai_links *links, xai_link *link);
void xai__links_close(xai_links *links, xai_link *link);

/* The link with this descriptor; NULL: it is none of ours. */
xai_link *xai__links_find(const xai_links *links, int fd);
/* Watch it for XAI_POLL_IN and XAI_POLL_OUT, or 0: not at all. XAI_ERR_NOMEM. */
xai_code xai__links_watch(xai_links *links, xai_link *link, unsigned want);

#pragma GCC visibility pop

#endif
