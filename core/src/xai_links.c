/* xai_links.c - a table of connections by descriptor, and a stack of those at rest.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "xai_links.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE_MS = 60000, LIFETIME_MS = 600000, MOST_RESTING = 256 };

void xai__links_init(xai_links *links, const xai_mem *mem, xai_poll *poll) {
  *links = (xai_links){.mem = *mem, .poll = poll};
  links->idle_ms = IDLE_MS;
  links->lifetime_ms = LIFETIME_MS;
  links->most_resting = MOST_RESTING;
}

static void destroy(xai_links *links, xai_link *link) {
  links->by_fd[link->fd] = NULL;
  close(link->fd);
  xai__free(&links->mem, link, sizeof *link + link->len);
}

void xai__links_abandon(xai_links *links) {
  for (size_t fd = 0; fd < links->room; fd++)
    if (links->by_fd[fd] != NULL) destroy(links, links->by_fd[fd]);
  xai__free(&links->mem, links->by_fd, links->room * sizeof *links->by_fd);
  links->by_fd = NULL;
  links->resting = NULL;
  links->room = links->resting_count = 0;
}

void xai__links_deinit(xai_links *links) {
  for (size_t fd = 0; fd < links->room; fd++)
    if (links->by_fd[fd] != NULL) xai__links_watch(links, links->by_fd[fd], 0);
  xai__links_abandon(links);
}

static xai_code make_room(xai_links *links, size_t fd) {
  size_t room = links->room ? links->room : 16, size = sizeof *links->by_fd;
  while (room <= fd) room *= 2;
  if (room == links->room) return XAI_OK;
  xai_link **list = xai__realloc(&links->mem, links->by_fd, links->room * size, room * size);
  if (list == NULL) return XAI_ERR_NOMEM;
  memset(list + links->room, 0, (room - links->room) * size);
  links->by_fd = list;
  links->room = room;
  return XAI_OK;
}

/* Where no flag of a single call does: what a peer has closed shall not raise a signal. */
static void mute_signal(int fd) {
#if defined(SO_NOSIGPIPE)
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#else
  (void)fd;
#endif
}

xai_link *xai__links_add(xai_links *links, int fd, xai_str authority, void *user) {
  xai_link *link = NULL;
  if (make_room(links, (size_t)fd) == XAI_OK) link = xai__alloc(&links->mem, sizeof *link + authority.len);
  if (link == NULL) {
    close(fd);
    return NULL;
  }
  link->fd = fd;
  link->user = user;
  link->born = xai__poll_since_boot();
  link->len = authority.len;
  memcpy(link->authority, authority.ptr, authority.len);
  links->by_fd[fd] = link;
  mute_signal(fd);
  if (xai__links_watch(links, link, XAI_POLL_IN) == XAI_OK) return link;
  xai__links_close(links, link);
  return NULL;
}

xai_link *xai__links_find(const xai_links *links, int fd) {
  return fd >= 0 && (size_t)fd < links->room ? links->by_fd[fd] : NULL;
}

xai_code xai__links_watch(xai_links *links, xai_link *link, unsigned want) {
  if (link->want == want) return XAI_OK;
  xai_code code = xai__poll_watch(links->poll, link->fd, link->want, want);
  if (code == XAI_OK) link->want = want;
  return code;
}

/* ---- at rest */

static void leave_rest(xai_links *links, xai_link **at) {
  *at = (*at)->next;
  links->resting_count--;
}

void xai__links_close(xai_links *links, xai_link *link) {
  if (link->user == NULL) {
    xai_link **at = &links->resting;
    while (*at != NULL && *at != link) at = &(*at)->next;
    if (*at == link) leave_rest(links, at);
  }
  xai__links_watch(links, link, 0);
  destroy(links, link);
}

/* The one that rests longest is the last of the stack. */
static void close_oldest(xai_links *links) {
  xai_link *link = links->resting;
  while (link->next != NULL) link = link->next;
  xai__links_close(links, link);
}

void xai__links_rest(xai_links *links, xai_link *link) {
  if (xai__links_watch(links, link, XAI_POLL_IN) != XAI_OK) {
    xai__links_close(links, link);
    return;
  }
  link->user = NULL;
  link->used = true;
  link->rested = xai__poll_since_boot();
  link->next = links->resting;
  links->resting = link;
  if (++links->resting_count > links->most_resting) close_oldest(links);
}

/* Something to read before anything was asked is its end, or nobody's answer (F16, F26). The clock goes on while
 * the machine sleeps: after that nobody knows what became of the peer, and no reset may ever come (F15). */
static bool is_alive(const xai_links *links, const xai_link *link) {
  uint64_t now = xai__poll_since_boot();
  char byte;
  if (now - link->rested >= links->idle_ms || now - link->born >= links->lifetime_ms) return false;
  return recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

xai_link *xai__links_take(xai_links *links, xai_str authority, void *user) {
  for (xai_link **at = &links->resting; *at != NULL;) {
    xai_link *link = *at;
    if (!is_alive(links, link)) {
      xai__links_close(links, link);
    } else if (link->len == authority.len && memcmp(link->authority, authority.ptr, authority.len) == 0) {
      leave_rest(links, at);
      link->user = user;
      return link;
    } else {
      at = &link->next;
    }
  }
  return NULL;
}
