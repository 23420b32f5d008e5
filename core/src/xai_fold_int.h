/* xai_fold_int.h - what the two folds share: the state, pieces of text, values that are kept.
 * SPDX-License-Identifier: MIT
 *
 * xai_fold.c owns the state and the life; xai_fold_text.c the texts that grow piece by piece;
 * xai_fold_responses.c and xai_fold_chat.c know one protocol each; xai_fold_quick.c what most events are.
 */
#ifndef XAI_FOLD_INT_H
#define XAI_FOLD_INT_H

#include "xai_fold.h"

#pragma GCC visibility push(hidden)

enum {
  XAI__FOLD_MAX_INDEX = 9999, /* of an item, part, choice or call; beyond it the answer is absurd */
  XAI__FOLD_HALVES = 8        /* texts that may wait for the second half of a pair at once        */
};

/* Which text of an item or a choice. */
typedef enum xai_fold_field {
  XAI__FIELD_NONE,
  XAI__FIELD_ITEM, /* all of the item                                    */
  XAI__FIELD_TEXT, /* output_text; a choice's content                    */
  XAI__FIELD_REFUSAL,
  XAI__FIELD_SUMMARY,
  XAI__FIELD_REASONING, /* reasoning_text; a choice's reasoning_content       */
  XAI__FIELD_ARGUMENTS,
  XAI__FIELD_INPUT,
  XAI__FIELD_CODE,
  XAI__FIELD_OUTPUT,
  XAI__FIELD_MCP, /* arguments of a server's tool                       */
  XAI__FIELD_NAME /* of a choice's tool call                            */
} xai_fold_field;

/* One text that grows: `content` is the part in the item, or the tool call in the choice. */
typedef struct xai_fold_target {
  xai_fold_field field;
  uint32_t output;
  uint32_t content;
} xai_fold_target;

/* The first half of a surrogate pair, waiting for the second: its three-byte form. */
typedef struct xai_fold_half {
  xai_fold_target target;
  char bytes[3];
} xai_fold_half;

/* What an event says of a text that grows. */
typedef struct xai_fold_piece {
  xai_str type; /* of the event */
  xai_str text;
  uint32_t output;
  uint32_t content;
} xai_fold_piece;

struct xai_fold {
  xai_json_doc *event; /* the event being read                                           */
  xai_json_doc *tree;  /* the response so far                                            */
  xai_json *response;  /* root of tree; NULL before anything came                        */
  size_t waste;        /* bytes in the tree that replaced values left behind, about      */
  size_t waste_limit;  /* then the tree moves                                            */
  size_t held, cap;    /* bytes held now, and allowed                                    */
  xai_reply kind;
  bool over; /* the cap was reached                                            */
  bool lone; /* the event being read holds half a surrogate pair               */
  bool output_seen;
  xai_str name;       /* of the event being read                                        */
  size_t size;        /* bytes of its data                                              */
  xai_fold_target at; /* the text that grew last, and where it is                       */
  unsigned flags;
  xai_json *at_text;
  xai_fold_end end;
  xai_delta delta; /* of the event being read, which mostly has one alone            */
  size_t delta_count, delta_next;
  xai_buf deltas; /* the second one and those after it                              */
  xai_buf scratch;

  xai_mem under; /* the caller's allocator                                         */
  xai_mem mem;   /* the same, counted: everything but this struct comes from here  */
  unsigned max_depth;
  unsigned half_count;
  xai_fold_half *halves; /* room for XAI__FOLD_HALVES; NULL before the first one           */
  xai_buf closed;        /* xai_fold_target: texts and items that are final                */
  xai_why why;           /* it ended so                                                    */
  xai_code broken;       /* what fold_event gave when it ended the stream                  */
  xai_buf text;          /* joined, for xai__fold_text                                     */
};

/* ---- memory and ends (xai_fold.c) ---- */

/* Where the reason goes; see xai__why_fill. Beyond the cap, too. */
xai_error *xai__fold_why(xai_fold *fold);
/* Out of memory, or over the cap. Fills fold->why. */
xai_code xai__fold_no_room(xai_fold *fold);
/* What an allocation's or tree change's code means here. */
xai_code xai__fold_check(xai_fold *fold, xai_code code);
/* The stream is over. fold->why tells the reason, unless COMPLETE. */
void xai__fold_finish(xai_fold *fold, xai_outcome outcome, const char *reason);
/* An INCOMPLETE end for a reason the API gives ("max_output_tokens", "content_filter", ...). */
void xai__fold_cut(xai_fold *fold, xai_str api_reason);
/* Are these a function call's whole arguments? XAI_MORE: they stop in the middle (F80). */
xai_code xai__fold_arguments(xai_fold *fold, const xai_json *arguments);
/* `answer` becomes the response. Where its member `keep` is empty or missing, the former one stays; NULL: none. */
xai_code xai__fold_replace(xai_fold *fold, const xai_json *answer, const char *keep);
/* A delta of the event being read. */
xai_code xai__fold_delta(xai_fold *fold, xai_event_type type, xai_fold_target target, xai_str text);

/* ---- values and texts (xai_fold_text.c) ---- */

/* A copy of a value of the event for the tree, lone halves replaced. NULL: xai__fold_no_room. */
xai_json *xai__fold_keep(xai_fold *fold, const xai_json *value);
/* Set a value of the tree; NULL gives xai__fold_no_room. */
xai_code xai__fold_set(xai_fold *fold, xai_json *object, const char *key, xai_json *value);
/* Set a copy of a member of the event, under its own key. */
xai_code xai__fold_set_member(xai_fold *fold, xai_json *object, const xai_json *member);
/* Move the member set last behind another one, so that the object reads like a whole answer. */
void xai__fold_move_behind(xai_json *object, const char *after);
/* `piece`, of a string of the event, is the next one of `target`, whose text is `string` in the tree. Queues
 * a delta of `type` (API: none). */
xai_code xai__fold_grow(xai_fold *fold, xai_fold_target target, xai_json *string, xai_event_type type,
                        xai_str piece);
/* No second half will come for this item's or choice's texts (or for any: XAI__FIELD_NONE): U+FFFD. */
xai_code xai__fold_settle(xai_fold *fold, xai_fold_target which);
bool xai__fold_lone_half(xai_str json);

bool xai__fold_same_target(xai_fold_target a, xai_fold_target b);
xai_code xai__fold_close(xai_fold *fold, xai_fold_target target);
bool xai__fold_is_closed(const xai_fold *fold, xai_fold_target target);

/* A member that is an index; absent gives `otherwise`. XAI_ERR_PROTOCOL with fold->why filled. */
xai_code xai__fold_index(xai_fold *fold, const xai_json *value, const char *what, uint32_t otherwise,
                         uint32_t *out);

/* ---- the protocols ---- */

xai_code xai__responses_event(xai_fold *fold, const xai_json *event);
/* The same of an event's text, where it is the next piece of the text that grew last; else XAI_MORE, and nothing is
 * done (xai_fold_quick.c). */
xai_code xai__fold_quick(xai_fold *fold, xai_str data);
/* Likewise, when it has been read. */
xai_code xai__responses_piece(xai_fold *fold, const xai_fold_piece *piece);
/* Where a target's text is; NULL when it is not there. Never creates. */
xai_json *xai__responses_find(xai_fold *fold, xai_fold_target target, xai_event_type *type);
/* A terminal or whole response: what does it say of itself? `claim`: the status that its event's name tells,
 * for responses without one. */
xai_code xai__responses_judge(xai_fold *fold, const char *claim);
xai_str xai__responses_text(xai_fold *fold);

xai_code xai__chat_event(xai_fold *fold, const xai_json *chunk);
xai_json *xai__chat_find(xai_fold *fold, xai_fold_target target, xai_event_type *type);
/* The end came, by marker or by end of input. */
xai_code xai__chat_judge(xai_fold *fold, bool marker);
xai_str xai__chat_text(xai_fold *fold);

#pragma GCC visibility pop

#endif
