/* xai_format_time.c - dates, times and durations.
 * SPDX-License-Identifier: MIT
 *
 * Sources: RFC 3339 section 5.6 and 5.7; its appendix A for durations, whose letters ISO 8601 writes large.
 */
#include "xai_format_int.h"

typedef struct moment {
  int year, month, day;
  int hour, minute, second;
  int offset; /* minutes ahead of UTC */
} moment;

static bool number(xai_scan *scan, int digits, int *out) {
  *out = 0;
  for (int i = 0; i < digits; i++) {
    if (!xai__is_digit((unsigned char)xai__peek(scan))) return false;
    *out = *out * 10 + (*scan->at++ - '0');
  }
  return true;
}

static int days_in(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : days[month - 1];
}

static bool full_date(xai_scan *scan, moment *m) {
  if (!number(scan, 4, &m->year) || !xai__take(scan, '-')) return false;
  if (!number(scan, 2, &m->month) || !xai__take(scan, '-')) return false;
  if (!number(scan, 2, &m->day) || m->month < 1 || m->month > 12) return false;
  return m->day >= 1 && m->day <= days_in(m->year, m->month);
}

static bool time_offset(xai_scan *scan, moment *m) {
  m->offset = 0;
  if (xai__take(scan, 'Z') || xai__take(scan, 'z')) return true;
  bool behind = xai__peek(scan) == '-';
  int hours, minutes;
  if (!xai__take(scan, '-') && !xai__take(scan, '+')) return false;
  if (!number(scan, 2, &hours) || !xai__take(scan, ':') || !number(scan, 2, &minutes)) return false;
  m->offset = (hours * 60 + minutes) * (behind ? -1 : 1);
  return hours <= 23 && minutes <= 59;
}

/* The minute of the day in UTC, which is below 0 for the day before and from 1440 on for the day after. */
static int utc_minute(const moment *m) {
  return m->hour * 60 + m->minute - m->offset;
}

/* Leap seconds come after 23:59:59 UTC, everywhere at once. */
static bool full_time(xai_scan *scan, moment *m) {
  if (!number(scan, 2, &m->hour) || !xai__take(scan, ':')) return false;
  if (!number(scan, 2, &m->minute) || !xai__take(scan, ':') || !number(scan, 2, &m->second)) return false;
  if (xai__take(scan, '.') && xai__take_digits(scan) == 0) return false;
  if (!time_offset(scan, m) || m->hour > 23 || m->minute > 59 || m->second > 60) return false;
  return m->second < 60 || (utc_minute(m) + 1440) % 1440 == 1439;
}

/* ... and at the end of a month. A clock ahead of UTC shows the first of the next one by then. */
static bool leap_day(const moment *m) {
  if (m->second < 60) return true;
  if (utc_minute(m) < 0) return m->day == 1;
  return utc_minute(m) < 1440 && m->day == days_in(m->year, m->month);
}

/* "2D", "1Y2M": numbers with units that follow each other without a gap. False if there is none, or if
 * one is not in its place. */
static bool chain(xai_scan *scan, const char *units) {
  const char *next = NULL;
  while (xai__take_digits(scan) > 0) {
    if (next == NULL) {
      for (next = units; *next != '\0' && *next != xai__peek(scan); next++) continue;
    }
    if (*next == '\0' || !xai__take(scan, *next)) return false;
    next++;
  }
  return next != NULL;
}

bool xai__is_date(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  moment m;
  return full_date(&scan, &m) && xai__at_end(&scan);
}

bool xai__is_time(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  moment m;
  return full_time(&scan, &m) && xai__at_end(&scan);
}

bool xai__is_date_time(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  moment m;
  if (!full_date(&scan, &m) || (!xai__take(&scan, 'T') && !xai__take(&scan, 't'))) return false;
  return full_time(&scan, &m) && xai__at_end(&scan) && leap_day(&m);
}

bool xai__is_duration(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  if (!xai__take(&scan, 'P')) return false;
  xai_scan weeks = scan;
  if (chain(&weeks, "W") && xai__at_end(&weeks)) return true;
  if (xai__peek(&scan) != 'T' && !chain(&scan, "YMD")) return false;
  if (xai__take(&scan, 'T') && !chain(&scan, "HMS")) return false;
  return xai__at_end(&scan);
}
