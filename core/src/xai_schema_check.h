/* xai_schema_check.h - a check's workspace: its stack of frames, and what it has to say.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_SCHEMA_CHECK_H
#define XAI_SCHEMA_CHECK_H

#include "xai_schema.h"

#pragma GCC visibility push(hidden)

/* So many are written down; then even a check for all errors ends with the first failure. */
#define XAI__MOST_VIOLATIONS 1000

/* One schema held against one value. Its bits are in the check's own array of words: where somebody asks for them,
 * those of the members or elements that were evaluated, and those of the names that MEMBERS saw. */
typedef struct xai_check_frame {
  const xai_schema_node *node;
  const xai_json *value;
  const xai_schema_op *op;
  const xai_json *at; /* the operation's place in the value ...             */
  uint32_t index;     /* ... and its number                                 */
  uint32_t phase;     /* of the operation; 0: it begins                     */
  uint32_t part;      /* of the place                                       */
  uint64_t count;     /* of what it counts                                  */
  uint64_t can_hold;  /* of the branches, as bits                           */
  uint32_t place;     /* of the value in the array around it                */
  size_t words;       /* where this frame's begin                           */
  size_t evaluated;   /* where the bits of what was evaluated begin         */
  size_t seen;        /* where the bits of the names seen begin             */
  uint16_t refs;      /* frames on this value so far                        */
  uint16_t depth;     /* of the value                                       */
  bool failed;
  bool quiet;  /* a branch that may fail: nothing is written down    */
  bool below;  /* the value is within that of the frame before       */
  bool merges; /* what it evaluates counts for the frame before      */
  bool tracks; /* keeps bits of what was evaluated                   */
  bool hit;    /* the member was named or matched                    */
} xai_check_frame;

/* A schema about to be held against a value. */
typedef struct xai_check_spot {
  const xai_schema_node *node;
  const xai_json *value;
  uint32_t place;
  bool below;
  bool quiet;
  bool merges;
} xai_check_spot;

/* A text being read; see xai_schema_stream.h. */
typedef struct xai_check_stream xai_check_stream;

struct xai_check {
  const xai_schema *schema;
  bool all;
  xai_code code; /* a failure of the check itself                     */
  bool result;   /* of the frame that ended last                      */
  xai_check_frame *frames;
  size_t frame_count;
  size_t frame_room;
  uint64_t *words;
  size_t word_count;
  size_t word_room;
  uint64_t steps;
  uint64_t most_steps;  /* of this check                               */
  xai_json name;        /* a property's name as a value: names have no names  */
  xai_matcher *matcher; /* NULL until it is needed                     */
  xai_equal equal;
  uint32_t *table; /* for uniqueItems                                  */
  size_t table_room;
  const xai_json **items;
  uint64_t *hashes;
  size_t item_room;
  xai_json_doc *texts;   /* of the violations                          */
  xai_json_doc *values;  /* of xai_check_text                          */
  xai_json_doc *content; /* of contentMediaType                        */
  xai_str source;        /* the text of xai_check_text                 */
  xai_violation *violations;
  size_t violation_count;
  size_t violation_room;
  xai_check_stream *stream; /* NULL until it is needed                */
  bool open;                /* the value is still being read            */
  xai_mem mem;
};

/* What is said of one failure. Numbers and values that a sentence needs depend on the operation. */
typedef struct xai_complaint {
  const xai_schema_node *node;
  const xai_schema_op *op; /* NULL: the node's types, or false          */
  xai_keyword keyword;
  const xai_json *value; /* what it is about                            */
  bool below;            /* the value lies in that of the last frame    */
  uint32_t place;
  uint64_t count; /* what was found instead                           */
  uint64_t other;
  xai_str name;    /* of a property                                    */
  xai_str because; /* of a property, too                               */
} xai_complaint;

/* Of one operation, or of one schema. */
typedef enum xai_check_verdict {
  XAI_VERDICT_PASS,
  XAI_VERDICT_FAIL,
  XAI_VERDICT_WAIT, /* a frame was pushed: again after it */
  XAI_VERDICT_STOP  /* c->code says why                   */
} xai_check_verdict;

/* So many steps may be taken for so many bytes of text. */
void xai__check_allow(xai_check *c, size_t bytes);

/* ---- operations on one value (xai_schema_leaf.c); failures are said unless the spot is quiet ---- */

bool xai__check_type(const xai_schema_node *node, const xai_json *value);
xai_check_verdict xai__check_leaf(xai_check *c, const xai_schema_op *op, const xai_check_spot *spot);
/* A whole list. */
xai_check_verdict xai__check_leaves(xai_check *c, const xai_schema_op *op, const xai_check_spot *spot);
/* STOP: c->code is set and still to be said. */
xai_check_verdict xai__check_match(xai_check *c, const xai_pattern *pattern, const char *text, size_t len);
/* op NULL: the node's types. */
xai_complaint xai__check_about(const xai_check_spot *spot, const xai_schema_op *op);

/* ---- saying (xai_schema_words.c) ---- */

/* Write it down. A failure to do so is left in c->code. */
void xai__check_say(xai_check *c, const xai_complaint *what);
/* The check could not be done: c->code is set and said. */
void xai__check_stop(xai_check *c, xai_code code, const xai_complaint *what);
/* The byte of the text at which the value, or the name, begins; SIZE_MAX if it is not known. */
size_t xai__check_offset(const xai_check *c, const xai_complaint *what);

#pragma GCC visibility pop

#endif
