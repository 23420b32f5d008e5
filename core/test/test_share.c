/* test_share.c - the file that clients share: its making, its counters and places, and what garbage does to it.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "check.h"
#include "scratch.h"
#include "xai_backoff.h"
#include "xai_share.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_SIZE = 64 * (XAI_SHARE_COUNTERS + 1) };

static xai_counter *counter(const xai_share *share, const char *name) {
  return xai__share_counter(share, "test", xai_str_of(name));
}

/* ---- counters */

static void two_views_see_the_same_counter(void) {
  scratch s = scratch_open();
  xai_share a, b;
  CHECK_INT(xai__share_open(&a, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_open(&b, s.path, NULL), XAI_OK);
  atomic_store(&counter(&a, "one")->value, 42);
  CHECK_INT(atomic_load(&counter(&b, "one")->value), 42);
  CHECK_INT(atomic_load(&counter(&b, "another")->value), 0);
  CHECK(counter(&a, "one") != counter(&a, "another"));
  CHECK(xai__share_counter(&a, "test", xai_str_of("x")) != xai__share_counter(&a, "tes", xai_str_of("tx")));
  xai__share_close(&a);
  CHECK_INT(atomic_load(&counter(&b, "one")->value), 42);
  xai__share_close(&b);
  CHECK_INT(xai__share_open(&a, s.path, NULL), XAI_OK); /* what is in it stays */
  CHECK_INT(atomic_load(&counter(&a, "one")->value), 42);
  CHECK(strcmp(counter(&a, "one")->label, "test one") == 0);
  xai__share_close(&a);
  struct stat at;
  CHECK_INT(stat(s.path, &at), 0);
  CHECK_INT(at.st_size, FILE_SIZE);
  CHECK_INT(at.st_mode & 0777, 0600);
  scratch_close(&s);
}

static void a_full_file_has_no_further_counter(void) {
  scratch s = scratch_open();
  xai_share share;
  CHECK_INT(xai__share_open(&share, s.path, NULL), XAI_OK);
  char name[100];
  memset(name, 'n', sizeof name); /* longer than its label */
  for (int i = 0; i < XAI_SHARE_COUNTERS; i++) {
    snprintf(name + 50, 50, "%d", i);
    CHECK(counter(&share, name) != NULL);
  }
  CHECK(counter(&share, "one more") == NULL);
  CHECK(counter(&share, name) != NULL); /* those that are there are found */
  xai__share_close(&share);
  scratch_close(&s);
}

/* ---- places */

static void a_place_is_one_owners_until_it_lets_go(void) {
  scratch s = scratch_open();
  xai_share a, b;
  CHECK_INT(xai__share_open(&a, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_open(&b, s.path, NULL), XAI_OK);
  if (!xai__share_has_places(&a)) {
    check_not_run("this system has no locks of open file descriptions");
  } else {
    CHECK(xai__share_lock(&a, counter(&a, "c"), 3));
    CHECK(!xai__share_lock(&b, counter(&b, "c"), 3));
    CHECK(xai__share_lock(&b, counter(&b, "c"), 4));
    CHECK(xai__share_lock(&b, counter(&b, "d"), 3));
    xai__share_unlock(&a, counter(&a, "c"), 3);
    CHECK(xai__share_lock(&b, counter(&b, "c"), 3));
    CHECK(!xai__share_lock(&a, counter(&a, "c"), 3));
    xai__share_close(&b);
    CHECK(xai__share_lock(&a, counter(&a, "c"), 3));
  }
  xai__share_close(&a);
  if (b.file != NULL) xai__share_close(&b);
  scratch_close(&s);
}

/* A copy that fork made lets go of nothing that is its parent's, and outlives no place that its parent gave up. */
static void a_fork_keeps_no_place_and_ends_none(void) {
  scratch s = scratch_open();
  xai_share a, b;
  CHECK_INT(xai__share_open(&a, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_open(&b, s.path, NULL), XAI_OK);
  bool has_places = xai__share_lock(&a, counter(&a, "c"), 0);
  int wait[2];
  CHECK_INT(pipe(wait), 0);
  pid_t closes = fork();
  if (closes == 0) {
    xai__share_close(&a);
    _exit(0);
  }
  CHECK_INT(waitpid(closes, NULL, 0), closes);
  CHECK(!xai__share_lock(&b, counter(&b, "c"), 0));
  pid_t keeps = fork();
  if (keeps == 0) {
    char byte;
    close(wait[1]);
    _exit(read(wait[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(wait[0]);
  xai__share_close(&a);
  CHECK_INT(xai__share_lock(&b, counter(&b, "c"), 0), has_places);
  close(wait[1]);
  CHECK_INT(waitpid(keeps, NULL, 0), keeps);
  xai__share_close(&b);
  scratch_close(&s);
}

/* ---- clocks */

static void different_clocks_do_not_mix(void) {
  scratch s = scratch_open();
  xai_share one, same, other;
  xai_error err;
  CHECK_INT(xai__share_open(&one, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_open(&same, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_open(&other, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_use_clock(&one, XAI_SHARE_OWN_CLOCK, &err), XAI_OK);
  CHECK_INT(xai__share_use_clock(&same, XAI_SHARE_OWN_CLOCK, &err), XAI_OK);
  CHECK_INT(xai__share_use_clock(&other, XAI_SHARE_SYSTEM_CLOCK, &err), XAI_ERR_FILE);
  CHECK_INT(err.kind, XAI_KIND_FILE);
  xai__share_close(&one);
  CHECK_INT(xai__share_use_clock(&other, XAI_SHARE_SYSTEM_CLOCK, &err), XAI_ERR_FILE);
  xai__share_close(&same); /* a simulation was tried, and is over */
  CHECK_INT(xai__share_use_clock(&other, XAI_SHARE_SYSTEM_CLOCK, &err), XAI_OK);
  CHECK_INT(xai__share_open(&one, s.path, NULL), XAI_OK);
  CHECK_INT(xai__share_use_clock(&one, XAI_SHARE_OWN_CLOCK, &err), XAI_ERR_FILE);
  xai__share_close(&one);
  xai__share_close(&other);
  scratch_close(&s);
}

/* ---- what is not such a file */

static xai_code open_once(const char *path, xai_error *err) {
  xai_share share;
  xai_code code = xai__share_open(&share, path, err);
  if (code == XAI_OK) xai__share_close(&share);
  return code;
}

static void what_cannot_be_used_says_why(void) {
  scratch s = scratch_open();
  xai_error err;
  CHECK_INT(open_once("", &err), XAI_ERR_ARG);
  CHECK_INT(open_once(s.folder, &err), XAI_ERR_FILE);
  CHECK(strstr(err.message, "it is a folder") != NULL);
  char path[300];
  snprintf(path, sizeof path, "%s/none/file", s.folder);
  CHECK_INT(open_once(path, &err), XAI_ERR_FILE);
  CHECK(strstr(err.message, "no such folder") != NULL);
  CHECK(strstr(err.message, path) != NULL); /* of several files, this one */
  CHECK_INT(open_once("/dev/null", &err), XAI_ERR_FILE);
  CHECK(strstr(err.message, "something else than a file") != NULL);
  CHECK_INT(mkfifo(s.path, 0600), 0);
  CHECK_INT(open_once(s.path, &err), XAI_ERR_FILE);
  scratch_close(&s);
}

static void without_descriptors_it_says_so(void) {
  scratch s = scratch_open();
  struct rlimit before, none;
  xai_error err;
  getrlimit(RLIMIT_NOFILE, &before);
  int next = dup(0);
  close(next);
  none = before;
  none.rlim_cur = (rlim_t)next;
  setrlimit(RLIMIT_NOFILE, &none);
  xai_code code = open_once(s.path, &err);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_INT(code, XAI_ERR_FILE);
  CHECK(strstr(err.message, "too many files are open") != NULL);
  scratch_close(&s);
}

/* A file that may not grow is as good as a full disk, and the signal that the system has for it is not risked. */
static void without_room_it_says_so(void) {
  scratch s = scratch_open();
  struct rlimit before, small;
  xai_error err;
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &small);
  xai_code code = open_once(s.path, &err);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK_INT(code, XAI_ERR_FILE);
  CHECK(strstr(err.message, "no room can be made") != NULL);
  CHECK(strstr(err.message, "RLIMIT_FSIZE") != NULL);
  CHECK_INT(open_once(s.path, NULL), XAI_OK); /* later there is */
  scratch_close(&s);
}

/* As a copy may be that left out what is zero: on a full disk a write into a hole of it would be fatal. */
static void a_file_with_holes_has_none_when_it_is_open(void) {
  scratch s = scratch_open();
  struct stat before, after;
  int fd = open(s.path, O_RDWR | O_CREAT, 0600);
  CHECK_INT(ftruncate(fd, FILE_SIZE), 0);
  CHECK_INT(fstat(fd, &before), 0);
  CHECK_INT(open_once(s.path, NULL), XAI_OK);
  CHECK_INT(fstat(fd, &after), 0);
  bool is_able = fallocate(fd, 0, 0, FILE_SIZE) == 0 || errno != EOPNOTSUPP;
  CHECK(before.st_blocks * 512 < FILE_SIZE);
  CHECK(!is_able || after.st_blocks * 512 >= FILE_SIZE);
  CHECK_INT(after.st_size, FILE_SIZE);
  close(fd);
  scratch_close(&s);
}

static void other_files_stay_as_they_are(void) {
  static const char *const texts[] = {"a", "some text of somebody else's\n", "xshare02"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    scratch s = scratch_open();
    xai_error err;
    scratch_write(&s, texts[i], strlen(texts[i]));
    CHECK_INT(open_once(s.path, &err), XAI_ERR_FILE);
    const char *what = strncmp(texts[i], "xshare", 6) == 0 ? "another version" : "no shared file of ours";
    CHECK(strstr(err.message, what) != NULL);
    CHECK(strstr(err.message, s.path) != NULL);
    struct stat at;
    CHECK_INT(stat(s.path, &at), 0);
    CHECK_INT(at.st_size, strlen(texts[i]));
    scratch_close(&s);
  }
}

static void a_half_made_file_is_made_whole(void) {
  static const size_t sizes[] = {0, 1, 4096, FILE_SIZE - 1, FILE_SIZE};
  static const char zeros[FILE_SIZE];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    scratch s = scratch_open();
    scratch_write(&s, zeros, sizes[i]);
    CHECK_INT(open_once(s.path, NULL), XAI_OK);
    struct stat at;
    CHECK_INT(stat(s.path, &at), 0);
    CHECK_INT(at.st_size, FILE_SIZE);
    scratch_close(&s);
  }
}

static void a_file_in_use_that_is_cut_or_removed_is_known(void) {
  scratch s = scratch_open();
  xai_share share;
  CHECK_INT(xai__share_open(&share, s.path, NULL), XAI_OK);
  CHECK(xai__share_is_whole(&share));
  CHECK_INT(truncate(s.path, 4096), 0);
  CHECK(!xai__share_is_whole(&share));
  CHECK_INT(truncate(s.path, FILE_SIZE), 0);
  CHECK(xai__share_is_whole(&share));
  CHECK_INT(unlink(s.path), 0);
  CHECK(!xai__share_is_whole(&share));
  xai__share_close(&share);
  xai__share_close(&share); /* a second time is fine */
  scratch_close(&s);
}

/* Whatever is in it: an error, or counters that can be used. */
static void garbage_is_no_crash(void) {
  static unsigned char bytes[FILE_SIZE];
  uint64_t random = 76;
  int opened = 0;
  for (int round = 0; round < 200; round++) {
    scratch s = scratch_open();
    if (round % 2 == 0) CHECK_INT(open_once(s.path, NULL), XAI_OK);
    else scratch_write(&s, "", 0);
    scratch_read(&s, bytes, FILE_SIZE);
    size_t at = round % 4 < 2 ? 0 : 64, flips = 1 + xai__random(&random) % 2000;
    for (size_t i = 0; i < flips; i++)
      bytes[at + xai__random(&random) % (round % 3 == 0 ? 64 : FILE_SIZE - at)] ^=
        (unsigned char)xai__random(&random);
    size_t len = round % 5 == 0 ? xai__random(&random) % FILE_SIZE : FILE_SIZE;
    scratch_write(&s, (const char *)bytes, len);
    xai_share share;
    xai_error err;
    xai_code code = xai__share_open(&share, s.path, &err);
    CHECK(code == XAI_OK || code == XAI_ERR_FILE);
    if (code == XAI_OK) {
      opened++;
      for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        xai_counter *c = counter(&share, name);
        if (c != NULL) atomic_fetch_add(&c->value, 1);
      }
      xai__share_close(&share);
    }
    scratch_close(&s);
  }
  CHECK(opened > 20 && opened < 180);
}

/* ---- many make it at once */

static void processes_that_make_it_together_get_the_same_file(void) {
  enum { CHILDREN = 8, ROUNDS = 20 };
  for (int round = 0; round < ROUNDS; round++) {
    scratch s = scratch_open();
    int go[2];
    CHECK_INT(pipe(go), 0);
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
      children[i] = fork();
      if (children[i] != 0) continue;
      char byte;
      close(go[1]);
      bool called = read(go[0], &byte, 1) == 0; /* all at once: when the other end is closed */
      xai_share share;
      if (!called || xai__share_open(&share, s.path, NULL) != XAI_OK) _exit(1);
      atomic_fetch_add(&counter(&share, "made")->value, 1);
      _exit(0);
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < CHILDREN; i++) {
      int status = 1;
      CHECK_INT(waitpid(children[i], &status, 0), children[i]);
      CHECK_INT(status, 0);
    }
    xai_share share;
    CHECK_INT(xai__share_open(&share, s.path, NULL), XAI_OK);
    CHECK_INT(atomic_load(&counter(&share, "made")->value), CHILDREN);
    xai__share_flush(&share, 1);
    xai__share_flush(&share, 2);
    xai__share_flush(&share, UINT64_MAX);
    xai__share_close(&share);
    scratch_close(&s);
  }
}

int main(void) {
  RUN(two_views_see_the_same_counter);
  RUN(a_full_file_has_no_further_counter);
  RUN(a_place_is_one_owners_until_it_lets_go);
  RUN(a_fork_keeps_no_place_and_ends_none);
  RUN(different_clocks_do_not_mix);
  RUN(what_cannot_be_used_says_why);
  RUN(without_descriptors_it_says_so);
  RUN(without_room_it_says_so);
  RUN(a_file_with_holes_has_none_when_it_is_open);
  RUN(other_files_stay_as_they_are);
  RUN(a_half_made_file_is_made_whole);
  RUN(a_file_in_use_that_is_cut_or_removed_is_known);
  RUN(garbage_is_no_crash);
  RUN(processes_that_make_it_together_get_the_same_file);
  return check_report("share");
}
