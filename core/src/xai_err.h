/* xai_err.h - fills xai_error: from a code, and from what the API says in its many ways.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_ERR_H
#define XAI_ERR_H

#include "xai_buf.h"
#include "xai_redact.h"

#pragma GCC visibility push(hidden)

/* A fresh error: kind and retryable follow from the code; the message is the code's sentence, followed by
 * ": " and the formatted text when given. err NULL is allowed. Returns code, so that one can
 * `return xai__fail(err, XAI_ERR_ARG, "path must start with '/'")`. */
xai_code xai__fail(xai_error *err, xai_code code, const char *format, ...)
#if defined(__GNUC__)
  __attribute__((format(printf, 3, 4)))
#endif
  ;
void xai__error_clear(xai_error *err);

/* An error kept for later, in memory only when there is one. Starts zeroed. Where there was no memory for it, that
 * is what it reads as: XAI_ERR_NOMEM. */
typedef struct xai_why {
  xai_error *error; /* NULL: there is none, or it is lost */
  bool lost;
} xai_why;

/* Where to write it, as all above take it: NULL without memory. What it held before is still there. */
xai_error *xai__why_fill(xai_why *why, const xai_mem *mem);
void xai__why_keep(xai_why *why, const xai_mem *mem, const xai_error *err); /* a copy */
void xai__why_drop(xai_why *why, const xai_mem *mem);
/* Never NULL; code XAI_OK when there is none. Borrowed until the next of the above. */
const xai_error *xai__why_read(const xai_why *why);

/* What an error answer says: any body of api/errors-limits.md section 2 (flat, nested, bare, plain text,
 * HTML, JSON string, empty, numeric gRPC code; an array's first element), with status 200 for an error
 * object inside a stream or a 200 body. Fills kind, retryable, api_code, api_type, param, message and
 * retry_after_ms from "Resets in: 1h 2m 3s"; code is XAI_ERR_API. content_type may be empty. [WKE=...]
 * markers are stripped; HTML is never shown: the message then names the status. `depth_limit` bounds JSON. */
void xai__error_from_api(xai_error *err, const xai_mem *mem, int status, xai_str content_type, xai_str body);
/* The same for a value already read: `value` is the error object or the whole frame that holds it. */
void xai__error_from_json(xai_error *err, int status, const xai_json *value);
/* A span such as "45s", "1h 2m 3s", "1.5s" or "250ms" at the start of the text, in milliseconds; 0: none. */
uint32_t xai__span_ms(xai_str text);
/* Is this object an error frame: {"error":...} or {"code","error"} or {"type":"error",...} or
 * {"code","message"} without the fields of an answer ("choices", "output", "object", "id", "data")? */
bool xai__is_error_frame(const xai_json *value);

/* May an attempt that ended so be repeated (faults.md R4, F30-F36; api/errors-limits.md section 4)?
 * NOT for network failures, where the transport's result decides. */
xai_attempt_class xai__class_of_status(int status, const xai_error *err);

#pragma GCC visibility pop

#endif
