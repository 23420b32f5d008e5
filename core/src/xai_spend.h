/* xai_spend.h - a budget: what calls have cost, and the most that those under way can cost, kept as one number.
 * SPDX-License-Identifier: MIT
 *
 * Before an attempt the most that it can cost is added, if that stays within the limit; after it the difference to what
 * it did cost is taken away. So whoever dies in between leaves too much in the number and never too little, and nothing
 * has to be kept in any other place. In a file (xai_share.h) all who name it share the number, and it outlives them.
 */
#ifndef XAI_SPEND_H
#define XAI_SPEND_H

#include "xai_share.h"

#pragma GCC visibility push(hidden)

enum { XAI_BUDGET_NAME = 64 };

typedef struct xai_spend {
  uint64_t limit; /* 0: there is no budget, and nothing else is set */
  xai_budget_unit unit;
  xai_budget_period every;
  char name[XAI_BUDGET_NAME];
  xai_share share; /* not open: `own` holds the number */
  xai_counter own;
  xai_counter *counter; /* of this period                                            */
  int64_t period;       /* its number: days or months since 1970                     */
  int64_t wall_s;       /* Unix seconds as last told: they choose the period, no more */
  uint64_t reserved;    /* by attempts of this client that run                       */
} xai_spend;

/* What is held back for one attempt. */
typedef struct xai_spend_booking {
  xai_counter *counter; /* NULL: nothing is held        */
  uint64_t cost;        /* the most that it can come to */
  int64_t period;
} xai_spend_booking;

/* `wall_s` is now. XAI_ERR_ARG, XAI_ERR_FILE with err filled; deinit it all the same. */
xai_code xai__spend_init(xai_spend *self, const xai_budget_options *options, int64_t wall_s, xai_error *err);
/* What is new begins to be written. Attempts that run stay booked. */
void xai__spend_deinit(xai_spend *self);

/* XAI_OK: it is held back, or costs nothing. XAI_ERR_SPENT: there is not so much left. XAI_ERR_FILE: the file was cut or
 * removed, or is full. */
xai_code xai__spend_reserve(xai_spend *self, xai_spend_booking *booking, uint64_t most, uint64_t now);
/* Would that be XAI_OK now? */
xai_code xai__spend_ask(xai_spend *self, uint64_t most);
/* The attempt is over and has cost so much. Nothing if nothing is held for it. */
void xai__spend_settle(xai_spend *self, xai_spend_booking *booking, uint64_t cost, uint64_t now);
/* What it cost is not known yet: what is held stays so, perhaps for good. */
void xai__spend_leave(xai_spend *self, const xai_spend_booking *booking);

/* XAI_ERR_STATE: no budget; XAI_ERR_FILE. */
xai_code xai__spend_state(xai_spend *self, xai_budget_state *out);
/* XAI_ERR_FILE of one in use, in words. */
void xai__spend_tell_file(xai_error *err);
/* XAI_ERR_SPENT in words: what is left, and what was needed. */
void xai__spend_tell(xai_spend *self, uint64_t most, xai_error *err);

#pragma GCC visibility pop

#endif
