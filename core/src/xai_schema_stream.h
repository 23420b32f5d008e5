/* xai_schema_stream.h - what the streaming check asks of the whole check, and the other way round.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_SCHEMA_STREAM_H
#define XAI_SCHEMA_STREAM_H

#include "xai_schema_check.h"

#pragma GCC visibility push(hidden)

/* ---- of the whole check (xai_schema_check.c) ---- */

/* So many cleared frames and nothing else, for the caller to fill: the way from the root to what is checked next.
 * False without memory. */
bool xai__check_lay(xai_check *c, size_t count);
/* One operation of the last frame laid: PASS, FAIL or STOP. */
xai_check_verdict xai__check_one(xai_check *c, const xai_schema_op *op);
/* A schema seen from the last frame laid, or from the root: PASS, FAIL or STOP. */
xai_check_verdict xai__check_spot_all(xai_check *c, xai_check_spot *spot);
/* What the reference leads to, seen from the last frame laid. */
const xai_schema_node *xai__check_target(const xai_check *c, const xai_schema_ref *ref);
/* The name of a member among those that the schema knows, or NULL. */
const xai_schema_name *xai__check_name(const xai_schema_members *m, const xai_json *member);
/* The whole value, anew. */
xai_code xai__check_root(xai_check *c, const xai_json *value);

/* Say that the text is not even JSON, and why (xai_schema_words.c); expected may be NULL. Sets c->code. */
void xai__check_broken(xai_check *c, xai_code code, const char *expected, size_t offset);

/* ---- of the streaming check ---- */

/* NULL is fine. */
void xai__check_stream_free(xai_check_stream *stream);
void xai__check_stream_reset(xai_check_stream *stream);

#pragma GCC visibility pop

#endif
