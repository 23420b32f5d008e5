/* test_door.c - who may be inside of a client: one at a time, and nobody in a copy of the process.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_door.h"

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* What a copy of the process makes of its door: 0, it is refused as it should be. */
static int seen_by_a_copy(xai_door *door) {
  int status = -1;
  pid_t child = fork();
  if (child == 0) {
    xai_error err;
    bool refused = xai__door_enter_here(door, &err) == XAI_ERR_STATE && err.code == XAI_ERR_STATE;
    bool may_pull = xai__door_enter(door, NULL) == XAI_OK;
    _exit(refused && may_pull && xai__door_is_copied(door) ? 0 : 1);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void F100_one_is_inside_at_a_time(void) {
  xai_door door;
  xai_error err;
  xai__door_init(&door);
  CHECK_INT(xai__door_enter_here(&door, &err), XAI_OK);
  CHECK_INT(xai__door_enter(&door, &err), XAI_ERR_STATE);
  xai__door_leave(&door);
  CHECK_INT(xai__door_enter(&door, &err), XAI_OK);
  xai__door_leave(&door);
  xai__door_deinit(&door);
}

static void F94_a_copy_is_refused_and_the_original_is_not(void) {
  xai_door door;
  xai__door_init(&door);
  CHECK_INT(seen_by_a_copy(&door), 0);
  CHECK(!xai__door_is_copied(&door));
  CHECK_INT(xai__door_enter_here(&door, NULL), XAI_OK);
  xai__door_leave(&door);
  xai__door_deinit(&door);
}

/* Whatever the system lacks. */
static void F94_without_a_page_that_tells_the_system_is_asked(void) {
  xai_door door;
  xai__door_init(&door);
  xai__door_deinit(&door);
  CHECK(!xai__door_is_copied(&door));
  CHECK_INT(seen_by_a_copy(&door), 0);
  CHECK_INT(xai__door_enter_here(&door, NULL), XAI_OK);
}

int main(int argc, char **argv) {
  (void)argc;
  (void)argv;
  RUN(F100_one_is_inside_at_a_time);
  RUN(F94_a_copy_is_refused_and_the_original_is_not);
  RUN(F94_without_a_page_that_tells_the_system_is_asked);
  return check_report("door");
}
