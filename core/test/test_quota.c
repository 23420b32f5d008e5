/* test_quota.c - shared limits on a clock of the test's: every true span, what is given back, nonsense, chance.
 * SPDX-License-Identifier: MIT
 *
 * QUOTA_SEED=n runs the interleavings of that seed alone.
 */
#define _GNU_SOURCE
#include "check.h"
#include "scratch.h"
#include "xai_backoff.h"
#include "xai_pool.h"

enum { MOST = 60000, SECOND = 1000, MINUTE = 60000 };

/* What passed, as it was in truth. */
typedef struct passing {
  uint64_t at, count;
} passing;

static passing passed[MOST];
static size_t passings;

static void begin(void) {
  passings = 0;
}

/* One whose booking nobody needs. */
static bool takes(const xai_quota *q, uint64_t now, uint64_t count) {
  xai_quota_booking booking;
  return xai__quota_take(q, &booking, now, count);
}

static bool take(const xai_quota *q, uint64_t now, uint64_t count) {
  if (!takes(q, now, count)) return false;
  CHECK(passings < MOST);
  passed[passings++] = (passing){now, count};
  return true;
}

/* The most in any half-open span. */
static uint64_t most_in(uint64_t span_ms) {
  uint64_t most = 0, sum = 0;
  for (size_t first = 0, last = 0; last < passings; last++) {
    sum += passed[last].count;
    while (passed[last].at - passed[first].at >= span_ms) sum -= passed[first++].count;
    if (sum > most) most = sum;
  }
  return most;
}

static void greedy_clients_get_the_limit_and_no_more(void) {
  static const uint64_t limits[] = {1, 2, 3, 9, 10, 11, 60, 480, 5000};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    xai_counter counter = {0};
    xai_quota q;
    xai__quota_init(&q, &counter, limits[i], MINUTE, 10);
    begin();
    uint64_t now = 777;
    for (; now < 777 + 10 * MINUTE; now += 1 + now % 7)
      while (take(&q, now, 1)) continue;
    CHECK(most_in(MINUTE) <= limits[i]);
    CHECK(passings * 100 >= 10 * limits[i] * 90); /* nine tenths are usable */
    if (limits[i] < 10) CHECK(passings + 1 >= 10 * limits[i] * 99 / 100);
  }
}

static void the_moment_it_names_is_the_first_at_which_one_passes(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai__quota_init(&q, &counter, 480, MINUTE, 10);
  uint64_t now = 5000;
  for (int i = 0; i < 2000; i++) {
    uint64_t at = xai__quota_free_at(&q, now, 1);
    CHECK(at >= now);
    if (at > now) CHECK(!takes(&q, at - 1, 1));
    CHECK(takes(&q, at, 1));
    now = at;
  }
}

static void no_limit_holds_nobody_up(void) {
  xai_quota q;
  xai__quota_init(&q, NULL, 0, MINUTE, 10);
  CHECK_INT(xai__quota_free_at(&q, 5, 1000), 5);
  CHECK(takes(&q, 5, UINT64_MAX));
  xai_quota_booking booking;
  CHECK(xai__quota_take(&q, &booking, 5, 3));
  xai__quota_correct(&q, &booking, 5, 0);
}

static void one_larger_than_the_limit_goes_alone(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai__quota_init(&q, &counter, 1000, MINUTE, 10);
  CHECK(takes(&q, 9000, 5000));
  CHECK(!takes(&q, 9000 + MINUTE - 6000, 5000));
  CHECK_INT(xai__quota_free_at(&q, 9000, 5000) > 9000 + MINUTE - 6000, true);
  CHECK(takes(&q, xai__quota_free_at(&q, 9000, 5000), 5000));
}

static void huge_limits_are_reckoned_without_overflow(void) {
  static const uint64_t limits[] = {1000000000, UINT32_MAX, UINT64_MAX / 8, UINT64_MAX};
  for (size_t i = 0; i < 4; i++) {
    xai_counter counter = {0};
    xai_quota q;
    xai__quota_init(&q, &counter, limits[i], MINUTE, 10);
    uint64_t got = 0, piece = limits[i] / 50;
    for (uint64_t now = 1000; now < 1000 + MINUTE; now += 100)
      while (got < limits[i] - piece && takes(&q, now, piece)) got += piece;
    CHECK(got >= limits[i] / 10 * 8);
    CHECK(!takes(&q, 1000 + MINUTE - 1, limits[i]));
  }
}

/* ---- corrections */

static void what_was_not_used_is_given_back(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai_quota_booking first, second;
  xai__quota_init(&q, &counter, 1000, MINUTE, 10);
  CHECK(xai__quota_take(&q, &first, 5000, 1000));
  CHECK(!takes(&q, 6000, 100));
  xai__quota_correct(&q, &first, 6000, 10);
  CHECK(xai__quota_take(&q, &second, 6000, 50));
  xai__quota_correct(&q, &second, 6000, 50); /* nothing to say */
  CHECK(!takes(&q, 6000, 1000));
}

/* Its time has passed unused, and a later one began anew: to give it back would let two pass for one. */
static void what_nobody_could_use_is_not_given_back(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai_quota_booking old;
  xai__quota_init(&q, &counter, 100, MINUTE, 10);
  CHECK(xai__quota_take(&q, &old, 5000, 100));
  uint64_t now = 5000 + 3 * MINUTE;
  CHECK(takes(&q, now, 100));
  xai__quota_correct(&q, &old, now, 0);
  CHECK(!takes(&q, now + 30000, 50));
}

/* The first was held for long and used nothing; the second passed at a moment that it would have passed at anyway. */
static void one_that_passed_late_is_not_moved_into_the_past(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai_quota_booking first, second;
  xai__quota_init(&q, &counter, 100, MINUTE, 10);
  CHECK(xai__quota_take(&q, &first, 5000, 80));
  CHECK(xai__quota_take(&q, &second, 58000, 10));
  xai__quota_correct(&q, &first, 59000, 0);
  CHECK(!takes(&q, 59000, 11));
  CHECK(takes(&q, 59000, 1));
}

/* Five of ten are given back at once, which moves the others' ends into the past before they are over: they have nothing
 * left to give when they end. */
static void ends_move_when_earlier_ones_are_given_back(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai_quota_booking b[10];
  xai__quota_init(&q, &counter, 100, MINUTE, 10);
  begin();
  for (int i = 0; i < 10; i++) CHECK(xai__quota_take(&q, &b[i], 5000, 1));
  for (int i = 0; i < 5; i++) xai__quota_correct(&q, &b[i], 5000, 0);
  uint64_t now = 9001;
  while (take(&q, now, 1)) continue;
  CHECK_INT(passings, 10);
  for (int i = 5; i < 10; i++) xai__quota_correct(&q, &b[i], now, 0);
  for (; now < 9001 + MINUTE; now++)
    while (take(&q, now, 1)) continue;
  CHECK(most_in(MINUTE) <= 100);
}

static void a_claim_that_was_never_done_is_made_good_by_a_pause(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai_quota_booking b;
  xai__quota_init(&q, &counter, 100, MINUTE, 10);
  CHECK(xai__quota_take(&q, &b, 5000, 50));
  atomic_store(&counter.claimed, UINT64_C(40000) << 20); /* killed in between */
  xai__quota_correct(&q, &b, 5000, 0);
  CHECK(!takes(&q, 5000, 40));
  uint64_t now = 5000 + 2 * MINUTE;
  CHECK(xai__quota_take(&q, &b, now, 50));
  xai__quota_correct(&q, &b, now, 0);
  CHECK(takes(&q, now + 1, 11));
}

static void what_was_used_beyond_is_a_debt_that_ends(void) {
  xai_counter counter = {0};
  xai_quota q;
  xai_quota_booking b;
  xai__quota_init(&q, &counter, 100, MINUTE, 10);
  CHECK(xai__quota_take(&q, &b, 5000, 1));
  xai__quota_correct(&q, &b, 5000, 80);
  CHECK(!takes(&q, 5000 + 40000, 40));
  CHECK(xai__quota_take(&q, &b, 5000 + 80000, 40));
  xai__quota_correct(&q, &b, 90000, 1000000);
  CHECK(!takes(&q, 90000 + MINUTE, 1));
  CHECK(takes(&q, 90000 + 2 * MINUTE, 1));
}

static void moments_of_another_clock_block_nobody(void) {
  static const uint64_t nonsense[] = {UINT64_MAX, UINT64_C(1) << 63, UINT64_C(400000000) << 20};
  for (size_t i = 0; i < 3; i++) {
    xai_counter counter = {.value = nonsense[i], .claimed = nonsense[i]};
    xai_quota q;
    xai__quota_init(&q, &counter, 60, MINUTE, 10);
    CHECK_INT(xai__quota_free_at(&q, 1000, 1), 1000);
    CHECK(takes(&q, 1000, 1)); /* a machine that was started a second ago */
    begin();
    for (uint64_t now = 1000; now < 1000 + 5 * MINUTE; now += 13)
      while (take(&q, now, 1)) continue;
    CHECK(most_in(MINUTE) <= 60);
    CHECK(passings > 250);
  }
}

static void two_who_name_different_limits_keep_to_their_own(void) {
  xai_counter counter = {0};
  xai_quota small, large;
  xai__quota_init(&small, &counter, 50, MINUTE, 10);
  xai__quota_init(&large, &counter, 100, MINUTE, 10);
  static uint64_t of_small[MOST];
  size_t smalls = 0;
  begin();
  for (uint64_t now = 3000; now < 3000 + 20 * MINUTE; now += 17) {
    if (now % 2 == 0 && take(&small, now, 1)) of_small[smalls++] = now;
    if (now % 2 == 1) take(&large, now, 1);
  }
  CHECK(most_in(MINUTE) <= 100);
  size_t first = 0;
  for (size_t last = 0; last < smalls; last++) {
    while (of_small[last] - of_small[first] >= MINUTE) first++;
    CHECK(last - first + 1 <= 50);
  }
}

/* ---- the pool of a lane */

/* Between having looked and taking another client is quicker: then nothing is taken, and the place is free again. */
static void who_is_too_late_takes_nothing(void) {
  static const xai_rate rates[] = {{"m", 0, 1, 0, 2}, {"m", 100, 1, 0, 2}, {"m", 100, 100, 10, 2}};
  for (size_t i = 0; i < 3; i++) {
    scratch s = scratch_open();
    xai_share shares[2];
    xai_pool pools[2];
    xai_pool_booking late, quick;
    uint64_t random = 1;
    for (int k = 0; k < 2; k++) {
      CHECK_INT(xai__share_open(&shares[k], s.path, NULL), XAI_OK);
      CHECK_INT(xai__pool_init(&pools[k], &shares[k], xai_str_of("m"), &rates[i], NULL), XAI_OK);
    }
    CHECK(xai__pool_prepare(&pools[0], &late, 5000, 10, &random));
    CHECK(xai__pool_prepare(&pools[1], &quick, 5000, 10, &random));
    CHECK(late.place != 0 && quick.place != 0 && late.place != quick.place);
    CHECK(xai__pool_take(&pools[1], &quick, 5000, 10));
    xai_quota *before[] = {&pools[0].second, &pools[0].minute};
    uint64_t values[2];
    for (int k = 0; k < 2; k++) values[k] = before[k]->counter ? atomic_load(&before[k]->counter->value) : 0;
    CHECK(!xai__pool_take(&pools[0], &late, 5000, 10));
    CHECK_INT(late.place, 0);
    for (int k = 0; k < 2; k++)
      CHECK(before[k]->counter == NULL || atomic_load(&before[k]->counter->value) == values[k]);
    CHECK(!xai__pool_prepare(&pools[0], &late, 5001, 10, &random));
    CHECK(!pools[0].is_crowded);
    CHECK_INT(pools[0].held[0], 0);
    CHECK(xai__share_lock(&shares[1], pools[1].places, quick.place % 2)); /* the other one of the two */
    for (int k = 0; k < 2; k++) xai__share_close(&shares[k]);
    scratch_close(&s);
  }
}

static void a_full_file_has_no_room_for_limits(void) {
  static const xai_rate rates[] = {
    {"m", 1, 0, 0, 0}, {"m", 0, 1, 0, 0}, {"m", 0, 0, 1, 0}, {"m", 0, 0, 0, 1}};
  scratch s = scratch_open();
  xai_share share;
  CHECK_INT(xai__share_open(&share, s.path, NULL), XAI_OK);
  for (int i = 0; i < XAI_SHARE_COUNTERS; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    CHECK(xai__share_counter(&share, "x", xai_str_of(name)) != NULL);
  }
  for (size_t i = 0; i < 4; i++) {
    xai_pool pool;
    xai_error err;
    CHECK_INT(xai__pool_init(&pool, &share, xai_str_of("m"), &rates[i], &err), XAI_ERR_FILE);
    CHECK(strstr(err.message, "full") != NULL);
  }
  xai__share_close(&share);
  scratch_close(&s);
}

/* ---- chance */

typedef struct flight {
  xai_quota_booking booking;
  size_t passing;
  bool open;
} flight;

/* Many clients, each with a view and limits of its own kind; calls that end sooner or later, or were never sent, or
 * used less than they were taken for. At no moment may the truth exceed the limit. */
static void interleave(uint64_t seed) {
  enum { FLIGHTS = 64 };
  uint64_t random = seed, now = 1000 + xai__random(&random) % 100000, limit = 1 + xai__random(&random) % 5000;
  uint32_t span = seed % 2 ? SECOND : MINUTE, quiet = 1 + xai__random(&random) % 400;
  xai_counter counter = {0};
  xai_quota q;
  static flight flights[FLIGHTS];
  memset(flights, 0, sizeof flights);
  xai__quota_init(&q, &counter, limit, span, 10);
  begin();
  for (int i = 0; i < 20000 && !check_bad; i++) {
    flight *f = &flights[xai__random(&random) % FLIGHTS];
    if (xai__random(&random) % quiet == 0) now += xai__random(&random) % (2 * span);
    else now += xai__random(&random) % (1 + span / 500);
    if (!f->open) {
      uint64_t tokens = 1 + xai__random(&random) % (1 + limit / (1 + xai__random(&random) % 20));
      if (tokens > limit || !xai__quota_take(&q, &f->booking, now, tokens)) continue;
      f->open = true;
      f->passing = passings;
      passed[passings++] = (passing){now, tokens};
    } else {
      uint64_t used = xai__random(&random) % 3 == 0 ? 0 : xai__random(&random) % (f->booking.count + 1);
      passed[f->passing].count = used;
      xai__quota_correct(&q, &f->booking, now, used);
      f->open = false;
    }
  }
  CHECK(most_in(span) <= limit);
  if (check_bad) printf("QUOTA_SEED=%llu\n", (unsigned long long)seed);
}

static void no_interleaving_exceeds_the_limit(void) {
  const char *one = getenv("QUOTA_SEED");
  if (one != NULL) interleave(strtoull(one, NULL, 10));
  for (uint64_t seed = 1; one == NULL && seed <= 300 && !check_bad; seed++) interleave(seed);
}

int main(void) {
  RUN(greedy_clients_get_the_limit_and_no_more);
  RUN(the_moment_it_names_is_the_first_at_which_one_passes);
  RUN(no_limit_holds_nobody_up);
  RUN(one_larger_than_the_limit_goes_alone);
  RUN(huge_limits_are_reckoned_without_overflow);
  RUN(what_was_not_used_is_given_back);
  RUN(what_nobody_could_use_is_not_given_back);
  RUN(one_that_passed_late_is_not_moved_into_the_past);
  RUN(ends_move_when_earlier_ones_are_given_back);
  RUN(a_claim_that_was_never_done_is_made_good_by_a_pause);
  RUN(what_was_used_beyond_is_a_debt_that_ends);
  RUN(moments_of_another_clock_block_nobody);
  RUN(two_who_name_different_limits_keep_to_their_own);
  RUN(who_is_too_late_takes_nothing);
  RUN(a_full_file_has_no_room_for_limits);
  RUN(no_interleaving_exceeds_the_limit);
  return check_report("quota");
}
