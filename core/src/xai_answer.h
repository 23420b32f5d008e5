/* xai_answer.h - reads the answer of one attempt: status, headers, a stream or a whole body. No I/O, no clock.
 * SPDX-License-Identifier: MIT
 *
 * Bytes go in as they come; deltas and, at the end, exactly one verdict come out. A stream is read only as
 * far as deltas are pulled: what is not pulled fills a bounded inbox, and then the bytes are not taken.
 */
#ifndef XAI_ANSWER_H
#define XAI_ANSWER_H

#include "xai_backoff.h"
#include "xai_fold.h"
#include "xai_transport.h"

#pragma GCC visibility push(hidden)

typedef enum answer_mode {
  ANSWER_UNDECIDED, /* no body byte yet                                       */
  ANSWER_STREAM,    /* events, folded as they are pulled                      */
  ANSWER_WHOLE,     /* one JSON value or plain bytes, read when it is over    */
  ANSWER_ERROR      /* the body of an error status, read when it is over      */
} answer_mode;

typedef struct xai_verdict {
  xai_outcome outcome; /* NONE: not over yet                                     */
  xai_attempt_class outcome_class;
  const char *reason; /* static                                                 */
  const char *phase;  /* static                                                 */
  xai_why why;
} xai_verdict;

/* As an xai_exchange_end, but for the room that its words take. */
typedef struct answer_end {
  xai_code code;
  bool sent;
  bool not_processed;
  const char *phase; /* static                                                 */
  xai_why why;       /* the error that it makes, when it is one                */
} answer_end;

/* Where a header's value lies among the headers; at 0: there is none. */
typedef struct answer_value {
  size_t at, len;
} answer_value;

/* What each event needs comes first: thousands of streams share the cache. */
typedef struct xai_answer {
  answer_mode mode;
  int status;
  bool reading;  /* the parser or the fold may still hold something        */
  bool held;     /* bytes were refused: resume when there is room          */
  bool text_due; /* a whole answer to a stream request owes one TEXT delta */
  bool over;     /* no more bytes will come                                */
  unsigned flags;
  const xai_limits *limits; /* borrowed */
  uint64_t body_bytes;
  uint64_t events; /* data events read                                       */
  xai_sse *sse;    /* made when first needed                                 */
  xai_fold *fold;
  xai_str event_data; /* of the delta given last                                */
  xai_buf inbox;      /* stream: bytes not yet lent; else the body              */
  xai_buf lent;       /* stream: bytes lent to the sse parser                   */
  xai_verdict verdict;
  xai_mem mem;
  xai_reply reply;
  bool stream_asked;
  bool range_asked; /* the caller sent a Range of its own: a 206 is what it wants */
  bool never_retry; /* x-should-retry: false                                  */
  xai_retry_after wish;
  xai_buf headers;           /* "name: value\n" for each                               */
  answer_value content_type; /* of those that every answer is asked for */
  answer_value request_id;
  answer_end end;    /* how the bytes ended                                    */
  xai_json_doc *doc; /* the value of XAI_REPLY_JSON                            */
  const xai_json *value;
} xai_answer;

/* `limits` is borrowed. */
void xai__answer_init(xai_answer *answer, const xai_mem *mem, xai_reply reply, bool stream_asked,
                      const xai_limits *limits);
void xai__answer_deinit(xai_answer *answer);
void xai__answer_reset(xai_answer *answer); /* for another attempt; keeps memory */

/* What the transport tells; see xai_sink. After a verdict all of it is ignored. */
void xai__answer_status(xai_answer *answer, int status);
xai_code xai__answer_header(xai_answer *answer, xai_str name, xai_str value);
xai_code xai__answer_body(xai_answer *answer, const char *bytes, size_t len);
void xai__answer_end(xai_answer *answer, const xai_exchange_end *end);

/* Would a pull give a delta or a verdict? */
bool xai__answer_ready(const xai_answer *answer);
/* XAI_OK and a delta, or XAI_MORE: then look at the verdict. */
xai_code xai__answer_next(xai_answer *answer, xai_delta *delta);

/* After XAI_MORE: gives back the memory that only bytes at hand need. */
void xai__answer_rest(xai_answer *answer);

/* A header of the answer, name in any case; empty when absent. */
xai_str xai__answer_find(const xai_answer *answer, const char *name);
xai_str xai__answer_content_type(const xai_answer *answer); /* the same of these, without a search */
xai_str xai__answer_request_id(const xai_answer *answer);
/* Of several; `values` is filled. */
void xai__answer_find_all(const xai_answer *answer, const char *const *names, size_t count, xai_str *values);
const xai_json *xai__answer_response(const xai_answer *answer);
xai_str xai__answer_text(const xai_answer *answer);
bool xai__answer_output_seen(const xai_answer *answer);

/* After a verdict that is an error: the secret goes out of all that is shown of the answer, see xai_redact.h. Of a body
 * that was asked for as bytes only the first 64 KiB are looked through. */
void xai__answer_clean(xai_answer *answer, xai_str secret);

#pragma GCC visibility pop

#endif
