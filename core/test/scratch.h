/* scratch.h - a folder of a test's own with one file in it, which need not be there.
 * SPDX-License-Identifier: MIT */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <unistd.h>

#include "check.h"

typedef struct scratch {
  char folder[200];
  char path[220];
} scratch;

static inline scratch scratch_open(void) {
  scratch s;
  const char *base = getenv("TMPDIR");
  snprintf(s.folder, sizeof s.folder, "%s/xai-test-XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
  CHECK(mkdtemp(s.folder) != NULL);
  snprintf(s.path, sizeof s.path, "%s/file", s.folder);
  return s;
}

static inline void scratch_close(const scratch *s) {
  unlink(s->path);
  CHECK(rmdir(s->folder) == 0);
}

static inline void scratch_write(const scratch *s, const char *bytes, size_t len) {
  FILE *file = fopen(s->path, "wb");
  CHECK(file != NULL);
  if (file == NULL) return;
  CHECK(len == 0 || fwrite(bytes, len, 1, file) == 1);
  fclose(file);
}

/* As many bytes as there are, then zeros. */
static inline void scratch_read(const scratch *s, unsigned char *bytes, size_t room) {
  FILE *file = fopen(s->path, "rb");
  CHECK(file != NULL);
  if (file == NULL) return;
  size_t len = fread(bytes, 1, room, file);
  memset(bytes + len, 0, room - len);
  fclose(file);
}

#endif
