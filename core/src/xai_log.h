/* xai_log.h - writes log lines: a closed list of fields, and no secret in any of them.
 * SPDX-License-Identifier: MIT
 *
 * What is no field of xai_log_entry cannot be logged: so no body, header, key or sentence of a server ever is.
 * Source: faults.md R8, F130; the format is described in xai.h.
 */
#ifndef XAI_LOG_H
#define XAI_LOG_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* Fields that are zero or empty are left out. */
typedef struct xai_log_entry {
  xai_log_level level;
  const char *event; /* static, like all words here            */
  uint32_t call;
  size_t attempt; /* from 1                                 */
  xai_str method;
  xai_str url; /* its host and path are told             */
  int status;
  xai_str request_id;
  bool timed; /* ms and bytes are known                 */
  uint64_t ms;
  uint64_t bytes;
  const char *outcome;
  const char *kind;
  const char *code;
  uint32_t retry_ms;
} xai_log_entry;

bool xai__log_wants(const xai_log *log, xai_log_level level);
/* One line at most. wall_s: Unix seconds. secret: the key that goes with it; may be empty. */
void xai__log(const xai_log *log, int64_t wall_s, const xai_log_entry *entry, xai_str secret);

#pragma GCC visibility pop

#endif
