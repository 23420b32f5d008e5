/* xai_options.h - options structs of programs whose xai.h is of another version than the library.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_OPTIONS_H
#define XAI_OPTIONS_H

#include "xai_err.h"

#pragma GCC visibility push(hidden)

/* Fills `own`, of `size` bytes, from what a program gave, whose first field is its size: what an older one does not have is
 * zero, which means the default. XAI_ERR_ARG: it was not begun with its INIT, or a newer one sets what is not known here.
 * name: what it is called, in words. */
xai_code xai__options_copy(void *own, size_t size, const void *given, const char *name, xai_error *err);

#pragma GCC visibility pop

#endif
