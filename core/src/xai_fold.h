/* xai_fold.h - folds the events of a stream into the API's own object, and reads whole answers. No I/O, no clock.
 * SPDX-License-Identifier: MIT
 *
 * Feed the data of one SSE event, pull the deltas it holds, look at the response so far at any time.
 * Sources: api/responses-streaming.md sections 3-6, api/chat-completions.md section 7.
 */
#ifndef XAI_FOLD_H
#define XAI_FOLD_H

#include "xai_err.h"
#include "xai_json.h"

#pragma GCC visibility push(hidden)

typedef struct xai_fold xai_fold;

typedef struct xai_delta {
  xai_event_type type; /* TEXT, REASONING, REFUSAL, ARGUMENTS, API            */
  xai_str name;        /* the API's name of the event; "chat.completion.chunk" for chat */
  xai_str text;
  uint32_t output_index; /* see xai_event                                       */
  uint32_t content_index;
} xai_delta;

typedef struct xai_fold_end {
  bool ended;          /* nothing after this belongs to the answer            */
  xai_outcome outcome; /* COMPLETE, INCOMPLETE, REFUSED or FAILED             */
  const char *reason;  /* static                                              */
} xai_fold_end;

/* kind: XAI_REPLY_RESPONSES or XAI_REPLY_CHAT. max_bytes bounds everything it holds. */
xai_fold *xai__fold_new(const xai_mem *mem, xai_reply kind, unsigned max_depth, size_t max_bytes);
void xai__fold_free(xai_fold *fold);
void xai__fold_reset(xai_fold *fold); /* for another attempt */

/* One event of the stream: its SSE name and data. `data` is borrowed until xai__fold_next gave XAI_MORE.
 * XAI_OK: pull deltas. Errors, each ending the stream: XAI_ERR_JSON (offset in data), XAI_ERR_API (an error
 * event, decoded into err), XAI_ERR_PROTOCOL (contradicts what came before, err says how), XAI_ERR_TOO_BIG,
 * XAI_ERR_NOMEM. Unknown events, items and fields are kept; "[DONE]", empty data and "ping" are understood. */
xai_code xai__fold_event(xai_fold *fold, xai_str name, xai_str data, xai_error *err);
/* The next delta of that event: XAI_OK or XAI_MORE. Each event gives at least one delta (API) unless it is a
 * marker or a ping. Text is given out in whole characters: half of a surrogate pair is held back (F55). */
xai_code xai__fold_next(xai_fold *fold, xai_delta *delta);

/* Soon an event will be read: fetch what that looks at. */
void xai__fold_expect(const xai_fold *fold);
/* Between two events, when all deltas have been pulled: gives back the memory that only an event needs. */
void xai__fold_rest(xai_fold *fold);

/* A whole answer (no stream), the same object. Errors as above; a body that is an error frame: XAI_ERR_API. Of a
 * COMPLETE one the response borrows from `body`, which has to stay as long as that; of any other it has its own texts. */
xai_code xai__fold_whole(xai_fold *fold, xai_str body, xai_error *err);

/* How the stream stands. After the end of input call with `input_over` true: then it always has ended, and
 * says how (early, marker missing, no finish reason; faults.md F44-F46). err is filled unless COMPLETE. */
xai_fold_end xai__fold_state(xai_fold *fold, bool input_over, xai_error *err);

/* The response so far: the API's own object; NULL before anything came. Borrowed until the next event. */
const xai_json *xai__fold_response(xai_fold *fold);
/* The text parts joined; borrowed likewise. */
xai_str xai__fold_text(xai_fold *fold);
/* Has any output begun (an item, a delta)? created and in_progress do not count: an error before may be retried. */
bool xai__fold_output_seen(const xai_fold *fold);
unsigned xai__fold_flags(const xai_fold *fold); /* XAI_FLAG_... */

#pragma GCC visibility pop

#endif
