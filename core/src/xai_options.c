/* xai_options.c - copies an options struct as far as both sides know it.
 * SPDX-License-Identifier: MIT */
#include "xai_options.h"

#include <string.h>

static bool is_zero(const char *bytes, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (bytes[i] != 0) return false;
  return true;
}

xai_code xai__options_copy(void *own, size_t size, const void *given, const char *name, xai_error *err) {
  size_t theirs;
  memcpy(&theirs, given, sizeof theirs);
  if (theirs < sizeof theirs) return xai__fail(err, XAI_ERR_ARG, "the %s was not begun with its INIT", name);
  if (theirs > size && !is_zero((const char *)given + size, theirs - size))
    return xai__fail(err, XAI_ERR_ARG,
                     "the %s sets what this version of the library, " XAI_VERSION ", has not", name);
  memset(own, 0, size);
  memcpy(own, given, theirs < size ? theirs : size);
  memcpy(own, &size, sizeof size);
  return XAI_OK;
}
