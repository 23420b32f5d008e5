/* xai_buf.h - a byte buffer that is born with a cap, and small helpers for xai_str.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_BUF_H
#define XAI_BUF_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

typedef struct xai_buf {
  char *ptr; /* NUL-terminated beyond len when not NULL           */
  size_t len;
  size_t room; /* bytes allocated                                   */
  size_t cap;  /* len never grows above this                        */
  xai_mem mem;
} xai_buf;

void xai__buf_init(xai_buf *buf, const xai_mem *mem, size_t cap);
void xai__buf_deinit(xai_buf *buf);
void xai__buf_reset(xai_buf *buf); /* empty again, keeps its memory     */

/* Appends; XAI_ERR_TOO_BIG beyond the cap, XAI_ERR_NOMEM; the content is then unchanged. Amortised
 * linear: the room doubles. */
xai_code xai__buf_add(xai_buf *buf, const char *bytes, size_t len);
xai_code xai__buf_add_char(xai_buf *buf, char c);
xai_code xai__buf_add_cstr(xai_buf *buf, const char *text);
/* Room for `len` more bytes and a NUL, to be written at ptr + len by the caller, who then adds to len. */
xai_code xai__buf_reserve(xai_buf *buf, size_t len);
/* Drop the first `len` bytes. */
void xai__buf_drop(xai_buf *buf, size_t len);
xai_str xai__buf_str(const xai_buf *buf);

bool xai__str_eq(xai_str a, const char *b);        /* bytewise                      */
bool xai__str_eq_nocase(xai_str a, const char *b); /* ASCII letters only            */
bool xai__str_starts(xai_str a, const char *prefix);
bool xai__str_ends(xai_str a, const char *suffix);
bool xai__str_has(xai_str a, const char *needle); /* anywhere                */
bool xai__str_has_nocase(xai_str a, const char *needle);
xai_str xai__str_trim(xai_str a); /* spaces, tabs, CR, LF          */
/* Copy into a fixed array, cut at a UTF-8 character's end; control characters become spaces, bytes that are no
 * UTF-8 '?'. */
void xai__str_copy(char *to, size_t size, xai_str from);

/* UTF-8 (Unicode 15, table 3-7). The length of the longest valid prefix. */
size_t xai__utf8_valid(const char *bytes, size_t len);
/* Append with each invalid maximal subpart replaced by U+FFFD; *replaced set to true if any was. */
xai_code xai__utf8_add_fixed(xai_buf *buf, const char *bytes, size_t len, bool *replaced);

#pragma GCC visibility pop

#endif
