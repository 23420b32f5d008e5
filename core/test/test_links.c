/* test_links.c - our own connections: at rest, taken again while they are alive, and nothing left open.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xai_links.h"

typedef struct set {
  check_heap heap;
  xai_mem mem;
  xai_poll *poll;
  xai_links links;
  int user; /* its address stands for whoever uses a link */
} set;

static void set_begin(set *s) {
  *s = (set){.heap = {0, 0, 0, 0, 0}};
  s->mem = check_heap_mem(&s->heap);
  s->poll = xai__poll_new(&s->mem);
  CHECK(s->poll != NULL);
  xai__links_init(&s->links, &s->mem, s->poll);
}

static void set_end(set *s) {
  xai__links_deinit(&s->links);
  xai__poll_free(s->poll);
  CHECK_INT(s->heap.live, 0);
}

/* A link to `name`, in use; *peer is its other end. */
static xai_link *open_link(set *s, const char *name, int *peer) {
  int ends[2];
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  *peer = ends[1];
  xai_link *link = xai__links_add(&s->links, ends[0], xai_str_of(name), &s->user);
  CHECK(link != NULL);
  return link;
}

static bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

/* Descriptors that are ready now. */
static size_t ready_now(const set *s, xai_poll_ready *ready) {
  return xai__poll_wait(s->poll, 0, ready, 8);
}

static void is_found_by_its_descriptor(void) {
  set s;
  int peer;
  set_begin(&s);
  CHECK(xai__links_find(&s.links, 5) == NULL);
  xai_link *link = open_link(&s, "a:80", &peer);
  CHECK(xai__links_find(&s.links, link->fd) == link);
  CHECK(xai__links_find(&s.links, peer) == NULL);
  CHECK(xai__links_find(&s.links, -1) == NULL);
  CHECK(xai__links_find(&s.links, 1 << 20) == NULL);
  int fd = link->fd;
  xai__links_close(&s.links, link);
  CHECK(xai__links_find(&s.links, fd) == NULL);
  CHECK(!is_open(fd));
  close(peer);
  set_end(&s);
}

static void the_last_at_rest_is_the_first_to_be_taken(void) {
  set s;
  int peers[3];
  xai_link *links[3];
  set_begin(&s);
  for (int i = 0; i < 3; i++) links[i] = open_link(&s, i == 1 ? "b:80" : "a:80", &peers[i]);
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == NULL); /* all in use */
  for (int i = 0; i < 3; i++) xai__links_rest(&s.links, links[i]);
  CHECK(xai__links_take(&s.links, xai_str_of("a:8"), &s.user) == NULL);
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == links[2]);
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == links[0]);
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == NULL);
  CHECK(xai__links_take(&s.links, xai_str_of("b:80"), &s.user) == links[1]);
  CHECK(links[1]->used);
  CHECK_INT(s.links.resting_count, 0);
  for (int i = 0; i < 3; i++) close(peers[i]);
  set_end(&s);
}

/* F16: what was closed, and F26: what has something to say that nobody asked for. */
static void F16_one_with_something_to_read_is_not_taken(void) {
  set s;
  int closed, talking;
  set_begin(&s);
  xai_link *alive = open_link(&s, "a:80", &(int){0}), *ended = open_link(&s, "a:80", &closed),
           *surplus = open_link(&s, "a:80", &talking);
  int fds[] = {ended->fd, surplus->fd};
  xai__links_rest(&s.links, alive);
  xai__links_rest(&s.links, ended);
  xai__links_rest(&s.links, surplus);
  close(closed);
  CHECK_INT(send(talking, "x", 1, MSG_NOSIGNAL), 1);
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == alive);
  CHECK(!is_open(fds[0]));
  CHECK(!is_open(fds[1]));
  CHECK_INT(s.links.resting_count, 0);
  close(talking);
  set_end(&s);
}

static void F14_an_old_one_is_not_taken(void) {
  set s;
  int peer;
  set_begin(&s);
  xai_link *link = open_link(&s, "a:80", &peer);
  xai__links_rest(&s.links, link);
  s.links.lifetime_ms = 0;
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == NULL);
  CHECK_INT(s.links.resting_count, 0);
  close(peer);
  link = open_link(&s, "a:80", &peer);
  s.links.lifetime_ms = UINT64_MAX;
  s.links.idle_ms = 0;
  xai__links_rest(&s.links, link);
  CHECK(xai__links_take(&s.links, xai_str_of("a:80"), &s.user) == NULL);
  close(peer);
  set_end(&s);
}

static void only_so_many_rest(void) {
  set s;
  int peers[4], fds[4];
  xai_link *links[4];
  set_begin(&s);
  s.links.most_resting = 2;
  for (int i = 0; i < 4; i++) {
    links[i] = open_link(&s, "a:80", &peers[i]);
    fds[i] = links[i]->fd;
  }
  for (int i = 0; i < 4; i++) xai__links_rest(&s.links, links[i]);
  for (int i = 0; i < 4; i++) CHECK_INT(is_open(fds[i]), i >= 2);
  CHECK_INT(s.links.resting_count, 2);
  for (int i = 0; i < 4; i++) close(peers[i]);
  set_end(&s);
}

static void is_watched_for_what_was_asked(void) {
  set s;
  int peer;
  xai_poll_ready ready[8];
  set_begin(&s);
  xai_link *link = open_link(&s, "a:80", &peer);
  CHECK_INT(ready_now(&s, ready), 0);
  CHECK_INT(xai__links_watch(&s.links, link, XAI_POLL_IN | XAI_POLL_OUT), XAI_OK);
  CHECK_INT(ready_now(&s, ready), 1);
  CHECK_INT(ready[0].what, XAI_POLL_OUT);
  CHECK_INT(send(peer, "x", 1, MSG_NOSIGNAL), 1);
  CHECK_INT(xai__links_watch(&s.links, link, 0), XAI_OK);
  CHECK_INT(ready_now(&s, ready), 0);
  xai__links_rest(&s.links, link); /* at rest it is watched for its end */
  CHECK_INT(ready_now(&s, ready), 1);
  CHECK_INT(ready[0].fd, link->fd);
  CHECK_INT(ready[0].what, XAI_POLL_IN);
  close(peer);
  set_end(&s);
}

static void F94_a_copy_closes_without_unwatching(void) {
  set s;
  int peer;
  xai_poll_ready ready[8];
  set_begin(&s);
  xai_link *link = open_link(&s, "a:80", &peer);
  int kept = dup(link->fd); /* as the parent's after fork: the socket itself lives on, and stays watched */
  int fd = link->fd;
  xai__links_rest(&s.links, link);
  xai__links_abandon(&s.links);
  CHECK(!is_open(fd));
  CHECK_INT(send(peer, "x", 1, MSG_NOSIGNAL), 1);
  CHECK_INT(ready_now(&s, ready), 1);
  close(kept);
  close(peer);
  set_end(&s);
}

static xai_code without_memory(const xai_mem *mem) {
  xai_poll *poll = xai__poll_new(&(xai_mem){NULL, NULL});
  xai_links links;
  int ends[2], user;
  xai__links_init(&links, mem, poll);
  CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  xai_link *link = xai__links_add(&links, ends[0], xai_str_of("a:80"), &user);
  CHECK_INT(is_open(ends[0]), link != NULL);
  xai__links_deinit(&links);
  CHECK(!is_open(ends[0]));
  close(ends[1]);
  xai__poll_free(poll);
  return link != NULL ? XAI_OK : XAI_ERR_NOMEM;
}

static void without_memory_the_socket_is_closed(void) {
  check_nomem("links", without_memory);
}

int main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  RUN(is_found_by_its_descriptor);
  RUN(the_last_at_rest_is_the_first_to_be_taken);
  RUN(F16_one_with_something_to_read_is_not_taken);
  RUN(F14_an_old_one_is_not_taken);
  RUN(only_so_many_rest);
  RUN(is_watched_for_what_was_asked);
  RUN(F94_a_copy_closes_without_unwatching);
  RUN(without_memory_the_socket_is_closed);
  return check_report("links");
}
