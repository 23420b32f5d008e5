/* xai_pattern_write.h - regular expressions of ECMA-262, written anew in PCRE2's dialect.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_PATTERN_WRITE_H
#define XAI_PATTERN_WRITE_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* XAI_OK and *out, to be deinitialised by the caller; XAI_ERR_SCHEMA with `why` filled (one phrase, NUL-terminated);
 * XAI_ERR_NOMEM. Groups and the order of counts are not looked at: that is for who reads it. In what is written,
 * letters and digits mean themselves, every other character is "\x{...}", a set is "[...]" of those and of ranges. */
xai_code xai__pattern_write(const xai_mem *mem, xai_str source, xai_buf *out, char *why, size_t why_size);

#pragma GCC visibility pop

#endif
