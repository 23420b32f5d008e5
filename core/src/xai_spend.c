/* xai_spend.c - holds back the most that an attempt can cost, then keeps what it did cost; counts by day or month.
 * SPDX-License-Identifier: MIT */
#include "xai_spend.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, MOST_LABEL = XAI_BUDGET_NAME + 32 };

static const uint64_t ticks_a_dollar = UINT64_C(10000000000);

/* ---- the calendar, in UTC */

typedef struct month {
  int64_t year;
  int64_t number; /* 1 .. 12 */
} month;

static int64_t days_of(int64_t wall_s) {
  return wall_s > 0 ? wall_s / DAY_S : 0;
}

/* The Gregorian calendar repeats itself each 146,097 days, and is simplest with years that begin in March. */
static month month_of(int64_t days, int64_t *day) {
  int64_t since = days + 719468, era = since / 146097, d = since % 146097;
  int64_t year = (d - d / 1460 + d / 36524 - d / 146096) / 365;
  int64_t of_year = d - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
  *day = of_year - (153 * m + 2) / 5 + 1;
  int64_t number = m < 10 ? m + 3 : m - 9;
  return (month){era * 400 + year + (number <= 2), number};
}

static int64_t days_to_month(month m) {
  int64_t year = m.number <= 2 ? m.year - 1 : m.year, of_march = m.number > 2 ? m.number - 3 : m.number + 9;
  return 365 * year + year / 4 - year / 100 + year / 400 + (153 * of_march + 2) / 5 - 719468;
}

static int64_t period_of(const xai_spend *self) {
  int64_t day, days = days_of(self->wall_s);
  month m = month_of(days, &day);
  switch (self->every) {
    case XAI_BUDGET_DAY: return days;
    case XAI_BUDGET_MONTH: return m.year * 12 + m.number - 1;
    default: return 0;
  }
}

static int64_t resets_at(const xai_spend *self) {
  switch (self->every) {
    case XAI_BUDGET_DAY: return (self->period + 1) * DAY_S;
    case XAI_BUDGET_MONTH: {
      int64_t next = self->period + 1;
      return days_to_month((month){next / 12, next % 12 + 1}) * DAY_S;
    }
    default: return 0;
  }
}

/* ---- the number of this period */

static const char *kind_of(const xai_spend *self) {
  return self->unit == XAI_BUDGET_TOKENS ? "budget/tokens" : "budget/ticks";
}

/* The name, and the day or month after it. */
static void write_label(const xai_spend *self, char label[MOST_LABEL]) {
  int64_t day;
  month m = month_of(days_of(self->wall_s), &day);
  int len = snprintf(label, MOST_LABEL, "%s", self->name);
  if (self->every != XAI_BUDGET_FOR_GOOD)
    len += snprintf(label + len, (size_t)(MOST_LABEL - len), " %04d-%02d", (int)m.year, (int)m.number);
  if (self->every == XAI_BUDGET_DAY) snprintf(label + len, (size_t)(MOST_LABEL - len), "-%02d", (int)day);
}

/* Another day has another counter, and a day that comes again, because somebody turned the clock, its own. */
static xai_code turn_page(xai_spend *self) {
  int64_t period = period_of(self);
  bool has_file = self->share.file != NULL;
  if (has_file && !xai__share_is_whole(&self->share)) return XAI_ERR_FILE;
  if (self->counter != NULL && period == self->period) return XAI_OK;
  char label[MOST_LABEL];
  write_label(self, label);
  if (!has_file) atomic_store(&self->own.value, 0);
  xai_counter *counter =
    has_file ? xai__share_counter(&self->share, kind_of(self), xai_str_of(label)) : &self->own;
  if (counter == NULL) return XAI_ERR_FILE;
  self->counter = counter;
  self->period = period;
  return XAI_OK;
}

/* ---- life */

xai_code xai__spend_init(xai_spend *self, const xai_budget_options *options, int64_t wall_s, xai_error *err) {
  *self = (xai_spend){.limit = options->limit, .unit = options->unit, .every = options->every};
  self->wall_s = wall_s;
  self->share.fd = -1;
  xai_str name = xai_str_of(options->name);
  if (options->limit == 0) return XAI_OK;
  if (name.len >= sizeof self->name)
    return xai__fail(err, XAI_ERR_ARG, "budget: its name has at most %d bytes", XAI_BUDGET_NAME - 1);
  if (options->limit > INT64_MAX)
    return xai__fail(err, XAI_ERR_ARG, "budget: its limit is beyond all reckoning");
  memcpy(self->name, name.ptr, name.len);
  xai_code code = options->file != NULL ? xai__share_open(&self->share, options->file, err) : XAI_OK;
  if (code != XAI_OK) return code;
  code = turn_page(self);
  return code == XAI_OK
           ? code
           : xai__fail(err, code, "%s is full, with %d counters", options->file, XAI_SHARE_COUNTERS);
}

void xai__spend_deinit(xai_spend *self) {
  if (self->share.file == NULL) return;
  xai__share_flush(&self->share, UINT64_MAX); /* a host is not kept waiting for a disk */
  xai__share_close(&self->share);
}

/* ---- holding back */

static uint64_t left_of(const xai_spend *self, uint64_t spent) {
  return spent < self->limit ? self->limit - spent : 0;
}

xai_code xai__spend_ask(xai_spend *self, uint64_t most) {
  if (self->limit == 0 || most == 0) return XAI_OK;
  xai_code code = turn_page(self);
  if (code != XAI_OK) return code;
  return most <= left_of(self, atomic_load(&self->counter->value)) ? XAI_OK : XAI_ERR_SPENT;
}

xai_code xai__spend_reserve(xai_spend *self, xai_spend_booking *booking, uint64_t most, uint64_t now) {
  *booking = (xai_spend_booking){0};
  xai_code code = xai__spend_ask(self, most);
  if (code != XAI_OK || self->limit == 0 || most == 0) return code;
  uint64_t spent = atomic_load(&self->counter->value);
  do {
    if (most > left_of(self, spent)) return XAI_ERR_SPENT;
  } while (!atomic_compare_exchange_weak(&self->counter->value, &spent, spent + most));
  *booking = (xai_spend_booking){self->counter, most, self->period};
  self->reserved += most;
  if (self->share.file != NULL) xai__share_flush(&self->share, now);
  return XAI_OK;
}

void xai__spend_leave(xai_spend *self, const xai_spend_booking *booking) {
  if (booking->counter != NULL) self->reserved -= booking->cost;
}

static uint64_t corrected(uint64_t spent, uint64_t from, uint64_t to) {
  spent -= from < spent ? from : spent;
  return to < UINT64_MAX - spent ? spent + to : UINT64_MAX;
}

static void correct(xai_spend *self, const xai_spend_booking *booking, uint64_t cost, uint64_t now) {
  bool has_file = self->share.file != NULL;
  if (has_file && !xai__share_is_whole(&self->share)) return;
  if (!has_file && booking->period != self->period) return; /* its number is no more */
  uint64_t spent = atomic_load(&booking->counter->value);
  while (
    !atomic_compare_exchange_weak(&booking->counter->value, &spent, corrected(spent, booking->cost, cost)))
    continue;
  if (has_file) xai__share_flush(&self->share, now);
}

void xai__spend_settle(xai_spend *self, xai_spend_booking *booking, uint64_t cost, uint64_t now) {
  if (booking->counter == NULL) return;
  if (cost != booking->cost) correct(self, booking, cost, now);
  booking->counter = NULL;
}

/* ---- what is told */

xai_code xai__spend_state(xai_spend *self, xai_budget_state *out) {
  *out = (xai_budget_state){.limit = self->limit, .unit = self->unit};
  if (self->limit == 0) return XAI_ERR_STATE;
  xai_code code = turn_page(self);
  if (code != XAI_OK) return code;
  out->spent = atomic_load(&self->counter->value);
  out->left = left_of(self, out->spent);
  out->reserved = self->reserved;
  out->resets_at_s = resets_at(self);
  return XAI_OK;
}

void xai__spend_tell_file(xai_error *err) {
  xai__fail(err, XAI_ERR_FILE, "the budget's was removed, cut short, or is full; a new client makes another");
}

/* "$0.0123" without zeros at its end, or "1234 tokens". */
static void write_amount(const xai_spend *self, uint64_t amount, char *to, size_t size) {
  if (self->unit == XAI_BUDGET_TOKENS) {
    snprintf(to, size, "%" PRIu64 " tokens", amount);
    return;
  }
  int len = snprintf(to, size, "$%" PRIu64 ".%010" PRIu64, amount / ticks_a_dollar, amount % ticks_a_dollar);
  while (to[len - 1] == '0' && to[len - 3] != '.') to[--len] = '\0';
}

void xai__spend_tell(xai_spend *self, uint64_t most, xai_error *err) {
  char left[40], needed[40], held[40];
  xai_budget_state state;
  if (xai__spend_state(self, &state) != XAI_OK) state.left = state.reserved = 0;
  write_amount(self, state.left, left, sizeof left);
  write_amount(self, most, needed, sizeof needed);
  write_amount(self, state.reserved, held, sizeof held);
  const char *before = state.reserved > 0 ? " beside " : "",
             *after = state.reserved > 0 ? " held back for calls under way" : "";
  xai__fail(err, XAI_ERR_SPENT, "%s left%s%s%s, and it may cost %s", left, before,
            state.reserved > 0 ? held : "", after, needed);
}
