/* shared.h - finds and reads the conformance suites that may lie beside the repository.
 * SPDX-License-Identifier: MIT
 *
 * In $XAI_SHARED, or in ../shared as seen from the repository's root, where the tests run.
 */
#ifndef SHARED_H
#define SHARED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai_pattern.h"

/* The whole file, to be freed, or NULL when it is not there. */
static inline char *shared_file(const char *path, size_t *len) {
  const char *root = getenv("XAI_SHARED");
  char full[4096];
  snprintf(full, sizeof full, "%s/%s", root != NULL && *root != '\0' ? root : "../shared", path);
  FILE *file = fopen(full, "rb");
  if (file == NULL) return NULL;
  size_t room = 1 << 16;
  char *bytes = malloc(room);
  *len = 0;
  while (bytes != NULL) {
    *len += fread(bytes + *len, 1, room - *len, file);
    if (*len < room) break;
    char *more = realloc(bytes, room *= 2);
    if (more == NULL) free(bytes);
    bytes = more;
  }
  fclose(file);
  return bytes;
}

/* Why a schema does not compile: for want of PCRE2 alone? */
static inline bool needs_pcre2(const xai_error *problem) {
  return !XAI_PCRE2 && problem->code == XAI_ERR_LIBRARY;
}

#endif
