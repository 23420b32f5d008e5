/* xai_quota.h - so many in every span, kept in one shared number. No clock.
 * SPDX-License-Identifier: MIT
 *
 * The number is a moment: when all that has passed would have passed, had it come evenly ("theoretical arrival time"
 * of the generic cell rate algorithm, ITU-T I.371). Evenly means here slower than the limit by a part, a tenth, say;
 * that part may come at once. So no true span ever sees more than the limit, and what can be used for long is nine
 * tenths of it at least, all of it below ten. One that is larger than the part passes after a pause only.
 *
 * Who names another limit for the same number uses it up at a rate of its own: one of 100 a minute takes two
 * hundredths where one of 50 takes two fiftieths. Each keeps to its own limit, and both together to the larger.
 */
#ifndef XAI_QUOTA_H
#define XAI_QUOTA_H

#include "xai_share.h"

#pragma GCC visibility push(hidden)

typedef struct xai_quota {
  xai_counter *counter; /* NULL: no limit                                              */
  uint64_t limit;
  uint32_t span_ms;
  unsigned shift; /* large counts are reckoned in parts of 2^shift               */
  uint64_t rate;  /* of such parts, in a span                                    */
  uint64_t slack; /* how far ahead the moment may be: for what may come at once  */
} xai_quota;

/* What was taken: needed to give some of it back. */
typedef struct xai_quota_booking {
  uint64_t count;
  uint64_t end;   /* the moment, when it had been moved    */
  uint64_t given; /* back until then, by all               */
} xai_quota_booking;

/* limit 0: none, and the counter is not looked at. burst_part: one in so many may come at once. */
void xai__quota_init(xai_quota *self, xai_counter *counter, uint64_t limit, uint32_t span_ms,
                     unsigned burst_part);
/* When `count` more can pass, from what is known now; `now`: at once. More than the limit are taken for the limit. */
uint64_t xai__quota_free_at(const xai_quota *self, uint64_t now, uint64_t count);
/* They pass, or (false) they cannot yet, and nothing has changed. */
bool xai__quota_take(const xai_quota *self, xai_quota_booking *booking, uint64_t now, uint64_t count);
/* What was taken was in truth `count`: once for a booking. What would have passed by now, evenly, is past and is not
 * given back. */
void xai__quota_correct(const xai_quota *self, const xai_quota_booking *booking, uint64_t now,
                        uint64_t count);

#pragma GCC visibility pop

#endif
