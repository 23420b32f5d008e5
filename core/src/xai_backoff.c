/* xai_backoff.c - how long to wait before another attempt: jitter, the server's wish, the retry budget.
 * SPDX-License-Identifier: MIT */
#include "xai_backoff.h"

#include <string.h>

#define SLOTS 10
#define WINDOW_MS 10000
#define FREE_RETRIES 10
#define CALLS_PER_RETRY 10

/* ---- numbers in headers ---- */

typedef struct cursor {
  const char *at;
  const char *end;
} cursor;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static uint64_t saturated(uint64_t n, uint64_t factor, uint64_t more) {
  return n > (UINT64_MAX - more) / factor ? UINT64_MAX : n * factor + more;
}

/* At least one digit; saturates. */
static bool read_number(cursor *c, uint64_t *out) {
  if (c->at == c->end || !is_digit(*c->at)) return false;
  uint64_t n = 0;
  for (; c->at < c->end && is_digit(*c->at); c->at++) n = saturated(n, 10, (uint64_t)(*c->at - '0'));
  *out = n;
  return true;
}

static bool read_whole(xai_str text, uint64_t *out) {
  cursor c = {text.ptr, text.ptr + text.len};
  return read_number(&c, out) && c.at == c.end;
}

/* Digits, possibly with a fraction, which counts as one more. */
static bool read_rounded_up(xai_str text, uint64_t *out) {
  cursor c = {text.ptr, text.ptr + text.len};
  if (!read_number(&c, out)) return false;
  if (c.at == c.end) return true;
  if (*c.at++ != '.') return false;
  uint64_t fraction;
  if (!read_number(&c, &fraction) || c.at != c.end) return false;
  if (fraction > 0) *out = saturated(*out, 1, 1);
  return true;
}

/* ---- dates ---- */

typedef struct date {
  int year, month, day; /* month and day from 1 */
  int hour, minute, second;
} date;

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const short_days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const long_days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

static bool skip(cursor *c, const char *text) {
  size_t len = strlen(text);
  if ((size_t)(c->end - c->at) < len || memcmp(c->at, text, len) != 0) return false;
  c->at += len;
  return true;
}

/* The place of the name that stands here, from 1; 0: none of them. */
static int skip_one(cursor *c, const char *const names[], int count) {
  for (int i = 0; i < count; i++) {
    if (skip(c, names[i])) return i + 1;
  }
  return 0;
}

static bool read_digits(cursor *c, int count, int *out) {
  int n = 0;
  for (int i = 0; i < count; i++) {
    if (c->at == c->end || !is_digit(*c->at)) return false;
    n = n * 10 + (*c->at++ - '0');
  }
  *out = n;
  return true;
}

static bool read_time(cursor *c, date *d) {
  return read_digits(c, 2, &d->hour) && skip(c, ":") && read_digits(c, 2, &d->minute) && skip(c, ":") &&
         read_digits(c, 2, &d->second);
}

/* The century is guessed without a clock: before 70 it is this one. */
static bool read_short_year(cursor *c, date *d) {
  if (!read_digits(c, 2, &d->year)) return false;
  d->year += d->year < 70 ? 2000 : 1900;
  return true;
}

static bool read_part(cursor *c, char part, date *d) {
  switch (part) {
    case 'w': return skip_one(c, short_days, 7) > 0;
    case 'W': return skip_one(c, long_days, 7) > 0;
    case 'd': return read_digits(c, 2, &d->day);
    case 'D': return read_digits(c, skip(c, " ") ? 1 : 2, &d->day); /* padded with a space */
    case 'm': return (d->month = skip_one(c, month_names, 12)) > 0;
    case 'y': return read_short_year(c, d);
    case 'Y': return read_digits(c, 4, &d->year);
    case 't': return read_time(c, d);
    default: return c->at < c->end && *c->at++ == part;
  }
}

static bool read_date(xai_str text, const char *form, date *d) {
  cursor c = {text.ptr, text.ptr + text.len};
  for (; *form != '\0'; form++) {
    if (!read_part(&c, *form, d)) return false;
  }
  return c.at == c.end;
}

static bool is_leap(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int month, int year) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year));
}

static bool exists(const date *d) {
  if (d->year < 1 || d->day < 1 || d->day > days_in(d->month, d->year)) return false;
  return d->hour <= 23 && d->minute <= 59 && d->second <= 60; /* a leap second */
}

static int64_t unix_seconds(const date *d) {
  int64_t past = d->year - 1;
  int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162; /* those before 1970 */
  for (int month = 1; month < d->month; month++) days += days_in(month, d->year);
  days += d->day - 1;
  return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

bool xai__http_date(xai_str text, int64_t *out) {
  static const char *const forms[] = {
    "w, d m Y t GMT", /* IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT    */
    "W, d-m-y t GMT", /* RFC 850:     Sunday, 06-Nov-94 08:49:37 GMT   */
    "w m D t Y"       /* asctime:     Sun Nov  6 08:49:37 1994         */
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    date d = {0};
    if (!read_date(text, forms[i], &d)) continue;
    if (!exists(&d)) return false;
    *out = unix_seconds(&d);
    return true;
  }
  return false;
}

/* ---- the server's wish ---- */

static void add_ms(xai_retry_after *self, xai_str value) {
  uint64_t ms;
  if (!read_rounded_up(value, &ms) || ms == 0) return;
  if (!self->has_ms || ms > self->ms) self->ms = ms;
  self->has_ms = true;
}

static void add_wait(xai_retry_after *self, xai_str value) {
  uint64_t s;
  int64_t at;
  if (read_whole(value, &s)) {
    if (!self->has_s || s > self->s) self->s = s;
    self->has_s = true;
  } else if (xai__http_date(value, &at)) {
    if (!self->has_date || at > self->date) self->date = at;
    self->has_date = true;
  }
}

void xai__retry_after_header(xai_retry_after *self, xai_str name, xai_str value) {
  value = xai__str_trim(value);
  if (name.len == 11 && xai__str_eq_nocase(name, "retry-after")) {
    add_wait(self, value);
  } else if (name.len == 14 && xai__str_eq_nocase(name, "retry-after-ms")) {
    add_ms(self, value);
  } else if (name.len == 4 && xai__str_eq_nocase(name, "date") && !self->has_server_now) {
    self->has_server_now = xai__http_date(value, &self->server_now);
  }
}

static uint64_t wished_ms(const xai_retry_after *self, int64_t now) {
  if (self->has_ms) return self->ms;
  uint64_t s = self->has_s ? self->s : 0;
  if (self->has_date && self->date > now) {
    uint64_t until = (uint64_t)self->date - (uint64_t)now;
    if (until > s) s = until;
  }
  return saturated(s, 1000, 0);
}

xai_wish xai__retry_after_wish(const xai_retry_after *self, int64_t wall_s, uint32_t cap_ms,
                               uint32_t *wait_ms) {
  uint64_t ms = wished_ms(self, self->has_server_now ? self->server_now : wall_s);
  *wait_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
  if (ms == 0) return XAI_WISH_NONE;
  return ms > cap_ms ? XAI_WISH_TOO_LONG : XAI_WISH_WAIT;
}

/* ---- our own wait ---- */

uint32_t xai__backoff_ms(uint32_t failed, uint32_t base_ms, uint32_t max_ms, uint32_t random) {
  uint64_t top = base_ms;
  for (uint32_t i = 1; i < failed && top < max_ms && top > 0; i++) top *= 2;
  if (top > max_ms) top = max_ms;
  if (top == 0) return 1;
  return 1 + (uint32_t)((random * top) >> 32); /* 1 .. top, each as likely */
}

/* A counter, scrambled: each state gives one number, and all 2^64 states follow each other. The multipliers
 * are those of Stafford's thirteenth variant of the 64-bit finaliser, known from SplitMix64. */
uint32_t xai__random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* ---- the budget ---- */

/* Nine slots last the window exactly: ten of them, the running one included, always cover it, and nine never
 * reach beyond it. Retries are counted in ten and calls in nine, so the rule holds for the true window. */
static uint64_t slot_number(uint64_t now_ms) {
  return now_ms / WINDOW_MS * (SLOTS - 1) + now_ms % WINDOW_MS * (SLOTS - 1) / WINDOW_MS;
}

/* The running slot, emptied when it was an older one's. */
static size_t running_slot(xai_budget *self, uint64_t number) {
  size_t i = (size_t)(number % SLOTS);
  if (self->slot[i] != number) {
    self->slot[i] = number;
    self->calls[i] = self->retries[i] = 0;
  }
  return i;
}

/* What the youngest `count` slots hold. */
static uint64_t sum(const xai_budget *self, const uint32_t counts[SLOTS], uint64_t number, uint64_t count) {
  uint64_t all = 0;
  for (size_t i = 0; i < SLOTS; i++) {
    if (self->slot[i] <= number && number - self->slot[i] < count) all += counts[i];
  }
  return all;
}

void xai__budget_call(xai_budget *self, uint64_t now_ms) {
  size_t i = running_slot(self, slot_number(now_ms));
  if (self->calls[i] < UINT32_MAX) self->calls[i]++;
}

bool xai__budget_retry(xai_budget *self, uint64_t now_ms) {
  uint64_t number = slot_number(now_ms);
  size_t i = running_slot(self, number);
  uint64_t calls = sum(self, self->calls, number, SLOTS - 1);
  uint64_t retries = sum(self, self->retries, number, SLOTS);
  if (retries >= calls / CALLS_PER_RETRY + FREE_RETRIES) return false;
  self->retries[i]++;
  return true;
}
