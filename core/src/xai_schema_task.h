/* xai_schema_task.h - the schemas in play while a text is held against one: tasks, unions, open values.
 * SPDX-License-Identifier: MIT
 *
 * A *task* is one schema at one open value. A task that fails fails its owner, unless it is a branch of a union: then
 * when it is the last one. When the root's task fails, the text is dead. Tasks, groups of branches and open values
 * ("levels") are stacks: what stands higher was begun later.
 */
#ifndef XAI_SCHEMA_TASK_H
#define XAI_SCHEMA_TASK_H

#include "xai_json_stream.h"
#include "xai_schema_stream.h"

#pragma GCC visibility push(hidden)

#define XAI_NO_TASK UINT32_MAX

typedef struct xai_stream_task {
  const xai_schema_node *node;
  const xai_schema_op *kids; /* of its list: what members or elements are held against; NULL: nothing */
  uint32_t owner;    /* the task that fails with it; XAI_NO_TASK: the root's                         */
  uint32_t group;    /* of which it is a branch; XAI_NO_TASK: it has to hold                         */
  uint32_t number;   /* of the branch                                                         */
  uint32_t level;    /* of the value                                                          */
  uint32_t groups;   /* its first one                                                         */
  uint32_t next_kid; /* the next task of the level with `kids`                                */
  uint32_t refs;     /* tasks on the way here that see the same value                         */
  bool dead;
  bool unsure; /* not all of it was looked at                                           */
  bool loose;  /* nothing of it was                                                     */
} xai_stream_task;

/* An anyOf or oneOf. */
typedef struct xai_stream_group {
  const xai_schema_op *op;
  uint32_t owner;
  uint32_t live;  /* branches that can still hold                       */
  uint32_t sure;  /* branches that hold                                 */
  uint32_t first; /* the first two of these                             */
  uint32_t second;
  bool thinned;   /* a branch died that was not the last ...    */
  size_t died_at; /* ... with this byte                         */
} xai_stream_group;

typedef struct xai_stream_level {
  xai_json *value;
  uint32_t tasks; /* the first of the value's                      */
  uint32_t groups;
  uint32_t kids;  /* the first task that wants to see members      */
  uint32_t place; /* in the container around it                    */
  uint32_t count; /* members or elements begun                     */
  uint64_t most;  /* of them, by the strictest task                */
  bool begun;     /* its type is known                             */
} xai_stream_level;

/* What has to be looked at while the innermost string or number grows. */
typedef struct xai_stream_watch {
  const xai_schema_op *op; /* NULL: the number's type              */
  uint32_t task;
  uint32_t choice; /* the first one that still begins so   */
} xai_stream_watch;

struct xai_check_stream {
  xai_check *c;
  xai_json_stream in;
  xai_stream_task *tasks;
  xai_stream_group *groups;
  xai_stream_level *levels;
  xai_stream_watch *watches;
  uint32_t task_count, task_room;
  uint32_t group_count, group_room;
  uint32_t level_count, level_room;
  uint32_t watch_count, watch_room;
  uint32_t lowest_dead; /* since the last sweep                      */
  uint32_t looked_at;   /* bytes of the open string                  */
  uint64_t characters;  /* of the open string                        */
  size_t at;            /* the byte in hand                          */
  size_t since;         /* the first of the string or number in hand */
  bool begun;           /* something was read since the last reset   */
  bool dead;
  bool ended;    /* `code` is final                           */
  xai_code code; /* XAI_OK: open                              */
};

/* Of a schema at a value of which the type is known. */
typedef enum xai_task_fit { XAI_FITS_NEVER, XAI_FITS_ALWAYS, XAI_FITS_PERHAPS } xai_task_fit;

/* The innermost open value. */
static inline xai_stream_level *xai__stream_top(const xai_check_stream *s) {
  return &s->levels[s->level_count - 1];
}

static inline bool xai__stream_over(const xai_check_stream *s) {
  return s->dead || s->code != XAI_OK;
}

/* The list with room for one more, or NULL without memory. */
void *xai__stream_room(xai_check_stream *s, void *list, uint32_t count, uint32_t *room, size_t size);
/* May more be done early? What is not done is done at the end. */
bool xai__stream_affords(const xai_check_stream *s);
/* Nothing more will be done early: what has to be looked at for each byte or element can be given up. */
bool xai__stream_spent(const xai_check_stream *s);

/* ---- making ---- */

xai_task_fit xai__task_fits(const xai_schema_node *node, const xai_json *value);
/* At the innermost value. False if there is no room; the owner is then unsure. */
bool xai__task_add(xai_check_stream *s, const xai_schema_node *node, uint32_t owner);
/* What the task's schema says of the same value becomes further tasks. */
void xai__task_expand(xai_check_stream *s, uint32_t i);
/* A branch holds for certain. */
void xai__task_add_sure(xai_stream_group *g, uint32_t number);

/* ---- failing ---- */

/* The frames of the whole check as they would stand at this task; XAI_NO_TASK: none. False without memory. */
bool xai__task_lay(xai_check_stream *s, uint32_t last);
/* Who says why when this task fails now? Nobody while other branches live; a union when other branches died by the
 * same value, which is done here; else the task itself, which was meant and says more: then true. */
bool xai__task_speaks(xai_check_stream *s, uint32_t at);
void xai__task_fail(xai_check_stream *s, uint32_t i);
/* It fails by one of its own operations, or by its type (NULL); this is said. */
void xai__task_accuse(xai_check_stream *s, uint32_t i, const xai_schema_op *op, uint64_t count);
/* The union's owner fails by it: no branch holds, or too many. */
void xai__task_accuse_group(xai_check_stream *s, uint32_t g);
/* A schema that the owner needs does not allow the type of the innermost value. */
void xai__task_reject(xai_check_stream *s, uint32_t owner, const xai_schema_node *node);
/* Those whose owners died have died too. */
void xai__task_sweep(xai_check_stream *s);
/* The whole check could not say: then it is left to the end. */
void xai__task_leave_open(xai_check_stream *s, uint32_t i);

#pragma GCC visibility pop

#endif
