/* xai_pcre.h - regular expressions matched by PCRE2, within limits.
 * SPDX-License-Identifier: MIT
 *
 * Built with XAI_PCRE2 0 there is no PCRE2, and nothing compiles.
 */
#ifndef XAI_PCRE_H
#define XAI_PCRE_H

#include "xai_pattern.h"

#pragma GCC visibility push(hidden)

typedef struct xai_pcre xai_pcre;
typedef struct xai_pcre_room xai_pcre_room;

/* `written` by xai__pattern_write. XAI_OK and *out; XAI_ERR_SCHEMA with `why` filled; XAI_ERR_LIBRARY without PCRE2;
 * XAI_ERR_NOMEM. */
xai_code xai__pcre_new(const xai_mem *mem, xai_str written, xai_pcre **out, char *why, size_t why_size);
void xai__pcre_free(xai_pcre *pcre);
/* Bytes it holds, about. */
size_t xai__pcre_size(const xai_pcre *pcre);

/* Room for matching. NULL without memory. */
xai_pcre_room *xai__pcre_room_new(const xai_mem *mem);
void xai__pcre_room_free(xai_pcre_room *room);

/* As xai__pattern_match. */
xai_code xai__pcre_match(const xai_pcre *pcre, xai_pcre_room *room, xai_str text, uint64_t most, bool *found,
                         uint64_t *work);

#pragma GCC visibility pop

#endif
