/* test_backoff.c - waiting: full jitter, the server's wish in every form, the retry budget.
 * SPDX-License-Identifier: MIT
 *
 * Runs conformance/net/retry-after.json too where shared.h finds it; absent: says so and passes.
 */
#include "check.h"
#include "shared.h"
#include "xai_backoff.h"

#define CAP 120000

/* ---- jitter ---- */

static void stays_between_one_and_the_doubled_base(void) {
  CHECK_INT(xai__backoff_ms(1, 500, 8000, 0), 1);
  CHECK_INT(xai__backoff_ms(1, 500, 8000, UINT32_MAX), 500);
  CHECK_INT(xai__backoff_ms(2, 500, 8000, UINT32_MAX), 1000);
  CHECK_INT(xai__backoff_ms(5, 500, 8000, UINT32_MAX), 8000);
  CHECK_INT(xai__backoff_ms(6, 500, 8000, UINT32_MAX), 8000);
  CHECK_INT(xai__backoff_ms(5, 500, 7999, UINT32_MAX), 7999);
  CHECK_INT(xai__backoff_ms(1, 500, 8000, 0x80000000u), 251);
}

static void survives_odd_numbers(void) {
  CHECK_INT(xai__backoff_ms(UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX), UINT32_MAX);
  CHECK_INT(xai__backoff_ms(UINT32_MAX, 1, UINT32_MAX, UINT32_MAX), UINT32_MAX);
  CHECK_INT(xai__backoff_ms(UINT32_MAX, 0, 8000, UINT32_MAX), 1);
  CHECK_INT(xai__backoff_ms(0, 500, 8000, UINT32_MAX), 500);
  CHECK_INT(xai__backoff_ms(3, 500, 0, UINT32_MAX), 1);
  CHECK_INT(xai__backoff_ms(1, 9000, 8000, UINT32_MAX), 8000);
}

/* F06: a thousand callers do not retry in step. Ten bins of 50 ms, 10,000 waits: 1,000 each, give or take. */
static void f06_spreads_the_waits_evenly(void) {
  uint64_t state = 1;
  int bins[10] = {0};
  for (int i = 0; i < 10000; i++) bins[(xai__backoff_ms(1, 500, 8000, xai__random(&state)) - 1) / 50]++;
  for (int i = 0; i < 10; i++) CHECK(bins[i] > 850 && bins[i] < 1150);
}

static void gives_other_numbers_for_other_seeds(void) {
  uint64_t a = 0, b = 1, again = 0;
  int same = 0, bits = 0;
  for (int i = 0; i < 1000; i++) {
    uint32_t x = xai__random(&a), y = xai__random(&b);
    CHECK_INT(xai__random(&again), x);
    same += x == y;
    for (uint32_t diff = x ^ y; diff != 0; diff &= diff - 1) bits++;
  }
  CHECK(same < 3);
  CHECK(bits > 15500 && bits < 16500);
}

/* ---- dates ---- */

static int64_t date(const char *text) {
  int64_t out = -12345;
  return xai__http_date(xai_str_of(text), &out) ? out : -12345;
}

static void reads_the_three_forms_of_a_date(void) {
  CHECK_INT(date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  CHECK_INT(date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
  CHECK_INT(date("Sun Nov  6 08:49:37 1994"), 784111777);
  CHECK_INT(date("Thu Jan 15 00:00:00 2026"), 1768435200);
  CHECK_INT(date("Thursday, 01-Jan-26 00:00:10 GMT"), 1767225610);
}

static void knows_the_calendar(void) {
  CHECK_INT(date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  CHECK_INT(date("Wed, 31 Dec 1969 23:59:59 GMT"), -1);
  CHECK_INT(date("Tue, 29 Feb 2000 12:00:00 GMT"), 951825600);
  CHECK_INT(date("Fri, 01 Mar 2024 00:00:00 GMT"), 1709251200);
  CHECK_INT(date("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799);
  CHECK_INT(date("Mon, 01 Jan 0001 00:00:00 GMT"), -62135596800);
  CHECK_INT(date("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800);
}

static void refuses_what_is_no_date(void) {
  static const char *const bad[] = {"",
                                    "Sun",
                                    "Sun, 06 Nov 1994 08:49:37",
                                    "Sun, 06 Nov 1994 08:49:37 UTC",
                                    "Sun, 06 Nov 1994 08:49:37 GMT ",
                                    "Sun, 6 Nov 1994 08:49:37 GMT",
                                    "Sun, 06 nov 1994 08:49:37 GMT",
                                    "Sun, 31 Nov 1994 08:49:37 GMT",
                                    "Sun, 00 Nov 1994 08:49:37 GMT",
                                    "Wed, 29 Feb 1900 00:00:00 GMT",
                                    "Sun, 06 Nov 1994 24:00:00 GMT",
                                    "Sun, 06 Nov 1994 23:60:00 GMT",
                                    "Sun, 06 Nov 1994 23:59:61 GMT",
                                    "Sun, 06 Nov 0000 00:00:00 GMT",
                                    "Xyz, 06 Nov 1994 08:49:37 GMT",
                                    "Sun, 06-Nov-94 08:49:37 GMT",
                                    "Sun Nov 6 08:49:37 1994",
                                    "Sun Nov  6 08:49:37 1994 GMT",
                                    "2026-01-01T00:00:30Z",
                                    "Sun, -6 Nov 1994 08:49:37 GMT"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_INT(date(bad[i]), -12345);
}

/* Never reads beyond the text: each beginning in a block of its own, for the sanitizers. */
static void refuses_every_beginning_of_a_date(void) {
  static const char whole[] = "Sunday, 06-Nov-94 08:49:37 GMT";
  for (size_t len = 0; len < sizeof whole - 1; len++) {
    char *text = malloc(len + (len == 0));
    CHECK(text != NULL);
    if (text == NULL) return;
    memcpy(text, whole, len);
    int64_t out;
    CHECK(!xai__http_date((xai_str){text, len}, &out));
    free(text);
  }
}

/* ---- the server's wish ---- */

typedef struct wish_case {
  const char *headers[6]; /* name, value, ...; NULL ends */
  xai_wish wish;
  uint32_t wait_ms;
} wish_case;

static void check_wish(const wish_case *one, int64_t now) {
  xai_retry_after all = {0};
  for (int i = 0; i < 6 && one->headers[i] != NULL; i += 2) {
    xai__retry_after_header(&all, xai_str_of(one->headers[i]), xai_str_of(one->headers[i + 1]));
  }
  uint32_t wait = 77;
  CHECK_INT(xai__retry_after_wish(&all, now, CAP, &wait), one->wish);
  CHECK_INT(wait, one->wait_ms);
}

static void f66_reads_every_form_of_a_wish(void) {
  static const wish_case cases[] = {
    {{NULL}, XAI_WISH_NONE, 0},
    {{"Retry-After", "3"}, XAI_WISH_WAIT, 3000},
    {{"RETRY-AFTER", " \t3 "}, XAI_WISH_WAIT, 3000},
    {{"Retry-After", "0"}, XAI_WISH_NONE, 0},
    {{"Retry-After", "-5"}, XAI_WISH_NONE, 0},
    {{"Retry-After", "1.5"}, XAI_WISH_NONE, 0},
    {{"Retry-After", "soon"}, XAI_WISH_NONE, 0},
    {{"Retry-After", "120"}, XAI_WISH_WAIT, 120000},
    {{"X-Retry-After", "5"}, XAI_WISH_NONE, 0},
    {{"retry-after-ms", "12.001"}, XAI_WISH_WAIT, 13},
    {{"retry-after-ms", "12.000"}, XAI_WISH_WAIT, 12},
    {{"retry-after-ms", "12."}, XAI_WISH_NONE, 0},
    {{"retry-after-ms", ".5"}, XAI_WISH_NONE, 0},
    {{"retry-after-ms", "5e3"}, XAI_WISH_NONE, 0},
    {{"retry-after-ms", "120000"}, XAI_WISH_WAIT, 120000},
    {{"retry-after-ms", "120000.1"}, XAI_WISH_TOO_LONG, 120001},
    {{"retry-after-ms", "0", "retry-after", "2"}, XAI_WISH_WAIT, 2000},
    {{"retry-after-ms", "x", "retry-after", "2"}, XAI_WISH_WAIT, 2000},
    {{"retry-after-ms", "10", "retry-after-ms", "30", "retry-after-ms", "20"}, XAI_WISH_WAIT, 30},
    {{"retry-after", "7", "retry-after", "Thu, 01 Jan 2026 00:00:05 GMT"}, XAI_WISH_WAIT, 7000},
    {{"retry-after", "3", "retry-after", "Thursday, 01-Jan-26 00:00:05 GMT"}, XAI_WISH_WAIT, 5000},
    {{"retry-after", "Thu Jan  1 00:00:05 2026", "date", "Thu Jan  1 00:00:03 2026"}, XAI_WISH_WAIT, 2000},
    {{"retry-after", "Thu Jan  1 00:00:05 2026", "date", "garbage"}, XAI_WISH_WAIT, 5000},
    {{"retry-after", "Wed, 31 Dec 2025 23:59:59 GMT"}, XAI_WISH_NONE, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_wish(&cases[i], 1767225600);
}

static void f67_does_not_wait_for_a_day(void) {
  check_wish(&(wish_case){{"Retry-After", "86400"}, XAI_WISH_TOO_LONG, 86400000}, 0);
  check_wish(&(wish_case){{"Retry-After", "121"}, XAI_WISH_TOO_LONG, 121000}, 0);
}

static void saturates_what_is_beyond_any_number(void) {
  const char *huge = "99999999999999999999999999999999999999999", *last = "Fri, 31 Dec 9999 23:59:59 GMT";
  check_wish(&(wish_case){{"Retry-After", huge}, XAI_WISH_TOO_LONG, UINT32_MAX}, 0);
  check_wish(&(wish_case){{"Retry-After", "18446744073709551615"}, XAI_WISH_TOO_LONG, UINT32_MAX}, 0);
  check_wish(&(wish_case){{"retry-after-ms", huge}, XAI_WISH_TOO_LONG, UINT32_MAX}, 0);
  check_wish(&(wish_case){{"retry-after-ms", "18446744073709551615.9"}, XAI_WISH_TOO_LONG, UINT32_MAX}, 0);
  check_wish(&(wish_case){{"Retry-After", last}, XAI_WISH_TOO_LONG, UINT32_MAX}, INT64_MIN);
  check_wish(&(wish_case){{"Retry-After", last}, XAI_WISH_NONE, 0}, INT64_MAX);
}

/* ---- the budget ---- */

static int taken(xai_budget *budget, uint64_t now_ms, int tries) {
  int count = 0;
  for (int i = 0; i < tries; i++) count += xai__budget_retry(budget, now_ms);
  return count;
}

static void f69_gives_ten_retries_without_calls_and_no_more(void) {
  xai_budget budget = {0};
  CHECK_INT(taken(&budget, 0, 100), 10);
  CHECK_INT(taken(&budget, 9999, 100), 0);
  CHECK_INT(taken(&budget, 12000, 100), 10);
}

static void gives_one_retry_for_ten_calls(void) {
  xai_budget budget = {0};
  for (int i = 0; i < 1009; i++) xai__budget_call(&budget, 5000000000000u);
  CHECK_INT(taken(&budget, 5000000000000u, 1000), 110);
  CHECK_INT(taken(&budget, 5000000005000u, 1000), 0);
  CHECK_INT(taken(&budget, 5000000012000u, 1000), 10);
}

static void starts_anew_after_a_long_silence(void) {
  xai_budget budget = {0};
  CHECK_INT(taken(&budget, 1000, 100), 10);
  CHECK_INT(taken(&budget, UINT64_MAX, 100), 10);
}

/* Half of all calls fail and want to be repeated, at changing rates: at no retry that is granted do the ten
 * seconds before it hold more than R5 allows. */
static void f71_holds_in_every_window(void) {
  enum { EVENTS = 20000 };
  static struct {
    uint64_t at;
    bool retry;
  } log[EVENTS];
  xai_budget budget = {0};
  uint64_t seed = 7, now = 0;
  size_t from = 0, calls = 0, retries = 0, granted = 0, refused = 0;
  for (size_t i = 0; i < EVENTS; i++) {
    now += xai__random(&seed) % (i / 2000 % 2 == 0 ? 20 : 400);
    bool retry = xai__random(&seed) % 3 == 0;
    bool so = retry && xai__budget_retry(&budget, now);
    if (!retry) xai__budget_call(&budget, now);
    refused += retry && !so;
    granted += so;
    log[i].at = retry && !so ? UINT64_MAX : now;
    log[i].retry = retry;
    calls += !retry;
    retries += so;
    for (; from <= i && (log[from].at == UINT64_MAX || log[from].at + 10000 <= now); from++) {
      if (log[from].at == UINT64_MAX) continue;
      if (log[from].retry) retries--;
      else calls--;
    }
    if (so) CHECK(retries <= calls / 10 + 10);
  }
  CHECK(granted > 2000 && refused > 2000);
}

/* ---- the vectors ---- */

static void run_vector(const xai_json *vector, int64_t now, uint32_t cap_ms) {
  xai_retry_after all = {0};
  const xai_json *header = xai_json_first(xai_json_get(vector, "headers"));
  for (; header != NULL; header = xai_json_next(header)) {
    xai__retry_after_header(&all, xai_json_str(xai_json_at(header, 0)), xai_json_str(xai_json_at(header, 1)));
  }
  uint32_t wait;
  int64_t delay = -1;
  xai_wish wish = xai__retry_after_wish(&all, now, cap_ms, &wait);
  const xai_json *want = xai_json_get(vector, "expect");
  if (xai_json_int(xai_json_get(want, "delay_ms"), &delay)) {
    CHECK_INT(wish, XAI_WISH_WAIT);
    CHECK_INT(wait, delay);
  } else if (xai_json_bool(xai_json_get(want, "too_long"))) {
    CHECK_INT(wish, XAI_WISH_TOO_LONG);
  } else {
    CHECK(xai_json_bool(xai_json_get(want, "ignored")));
    CHECK_INT(wish, XAI_WISH_NONE);
  }
}

static void f66_satisfies_the_vectors(void) {
  size_t len = 0;
  char *text = shared_file("conformance/net/retry-after.json", &len);
  if (text == NULL) {
    printf("retry-after vectors: skipped: conformance/net is not beside the repository\n");
    return;
  }
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *root = xai_json_parse(doc, text, len, 0, NULL);
  int64_t now = 0, cap = 0, count = 0, run = 0;
  CHECK(xai_json_int(xai_json_get(root, "now"), &now));
  CHECK(xai_json_int(xai_json_get(root, "cap_ms"), &cap));
  CHECK(xai_json_int(xai_json_get(root, "count"), &count));
  const xai_json *vector = xai_json_first(xai_json_get(root, "vectors"));
  for (; vector != NULL; vector = xai_json_next(vector)) {
    int bad = check_bad;
    check_bad = 0;
    run_vector(vector, now, (uint32_t)cap);
    xai_str name = xai_json_str(xai_json_get(vector, "name"));
    if (check_bad) printf("the vector was %.*s\n", (int)name.len, name.ptr);
    check_bad |= bad;
    run++;
  }
  CHECK_INT(run, count);
  printf("retry-after vectors: %lld run\n", (long long)run);
  xai_json_doc_free(doc);
  free(text);
}

int main(void) {
  RUN(stays_between_one_and_the_doubled_base);
  RUN(survives_odd_numbers);
  RUN(f06_spreads_the_waits_evenly);
  RUN(gives_other_numbers_for_other_seeds);
  RUN(reads_the_three_forms_of_a_date);
  RUN(knows_the_calendar);
  RUN(refuses_what_is_no_date);
  RUN(refuses_every_beginning_of_a_date);
  RUN(f66_reads_every_form_of_a_wish);
  RUN(f67_does_not_wait_for_a_day);
  RUN(saturates_what_is_beyond_any_number);
  RUN(f69_gives_ten_retries_without_calls_and_no_more);
  RUN(gives_one_retry_for_ten_calls);
  RUN(starts_anew_after_a_long_silence);
  RUN(f71_holds_in_every_window);
  RUN(f66_satisfies_the_vectors);
  return check_report("backoff");
}
