/* test_breaker.c - the circuit breaker: when it opens, what it lets through, how it closes; told the time.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "xai_backoff.h"
#include "xai_breaker.h"

typedef struct bench {
  xai_breaker breaker;
  uint64_t now;
  uint64_t random;
  size_t passed, blocked;
  uint32_t retry_ms;
} bench;

static bench b;

static void open_with(xai_breaker_options options) {
  b = (bench){.now = 1000000, .random = 11};
  CHECK(xai__breaker_init(&b.breaker, &options));
}

/* One attempt, over as soon as it was sent. */
static bool attempt(bool fails) {
  if (!xai__breaker_pass(&b.breaker, b.now, &b.random, &b.retry_ms)) {
    b.blocked++;
    return false;
  }
  b.passed++;
  if (fails) xai__breaker_failed(&b.breaker, b.now, b.now, &b.random);
  else xai__breaker_alive(&b.breaker, b.now, b.now);
  return true;
}

/* So many a second, evenly, of which so many in a hundred fail. */
static void traffic(uint64_t span_ms, uint64_t a_second, uint32_t failing) {
  uint64_t gap = 1000 / a_second;
  for (uint64_t t = 0; t < span_ms; t += gap, b.now += gap) attempt(xai__random(&b.random) % 100 < failing);
}

static void a_healthy_service_never_meets_it(void) {
  open_with((xai_breaker_options){0});
  traffic(3600000, 50, 0);
  CHECK_INT(b.blocked, 0);
  CHECK_INT(b.passed, 180000);
}

static void one_that_fails_half_of_the_time_never_meets_it_F71(void) {
  for (uint64_t a_second = 1; a_second <= 100; a_second *= 10) {
    open_with((xai_breaker_options){0});
    traffic(7200000, a_second, 50);
    CHECK_INT(b.blocked, 0);
  }
}

static void nor_one_that_fails_for_less_than_five_seconds(void) {
  open_with((xai_breaker_options){0});
  for (int i = 0; i < 50; i++) {
    traffic(12000, 100, 0);
    traffic(4900, 100, 100);
  }
  CHECK_INT(b.blocked, 0);
}

static void nor_a_caller_of_few_calls(void) {
  open_with((xai_breaker_options){0});
  traffic(600000, 2, 100); /* ten in five seconds */
  CHECK_INT(b.blocked, 0);
}

static void opens_when_all_fail_and_says_when_to_come_back(void) {
  open_with((xai_breaker_options){0});
  traffic(60000, 100, 0);
  uint64_t begin = b.now;
  while (b.breaker.state == BREAKER_CLOSED && b.now < begin + 60000) traffic(10, 100, 100);
  /* Nearly all of what ended in the last five seconds must have failed, and that for half as long again. */
  CHECK(b.now - begin >= 5000 && b.now - begin <= 8000);
  CHECK(!attempt(true));
  CHECK(b.retry_ms >= 2000 && b.retry_ms <= 3125);
  uint32_t retry_ms;
  CHECK(xai__breaker_blocks(&b.breaker, b.now, &retry_ms));
  CHECK_INT(retry_ms, b.retry_ms);
}

static void break_it(void) {
  open_with((xai_breaker_options){0});
  traffic(6000, 100, 100);
  CHECK_INT(b.breaker.state, BREAKER_OPEN);
  b.passed = b.blocked = 0;
}

static void lets_a_probe_through_each_second_or_so(void) {
  break_it();
  size_t peak = 0;
  for (int s = 0; s < 600; s++) {
    size_t before = b.passed;
    traffic(1000, 100, 100);
    if (b.passed - before > peak) peak = b.passed - before;
  }
  CHECK(b.passed >= 600 && b.passed <= 720);
  CHECK(peak <= 2); /* twice the mean */
}

static void closes_step_by_step_once_a_probe_is_answered(void) {
  break_it();
  while (b.breaker.state == BREAKER_OPEN) traffic(10, 100, 0);
  uint64_t ramp = b.now;
  size_t counts[4];
  for (int i = 0; i < 4; i++) {
    size_t before = b.passed;
    traffic(1000, 100, 0);
    counts[i] = b.passed - before;
  }
  CHECK(counts[0] >= 15 && counts[0] <= 50);
  CHECK(counts[1] > counts[0] && counts[1] < 100);
  CHECK_INT(counts[2], 100);
  CHECK_INT(counts[3], 100);
  CHECK_INT(b.breaker.state, BREAKER_CLOSED);
  CHECK(b.now - ramp <= 4000);
}

static void opens_again_when_the_ramp_fails(void) {
  break_it();
  while (b.breaker.state == BREAKER_OPEN) traffic(10, 100, 0);
  traffic(1000, 100, 100);
  CHECK_INT(b.breaker.state, BREAKER_OPEN);
}

static void what_was_sent_before_it_opened_tells_it_nothing(void) {
  break_it();
  uint64_t before = b.breaker.since - 100;
  xai__breaker_alive(&b.breaker, b.now, before); /* a long answer that began in good times */
  CHECK_INT(b.breaker.state, BREAKER_OPEN);
  while (b.breaker.state == BREAKER_OPEN) traffic(10, 100, 0);
  for (int i = 0; i < 100; i++) xai__breaker_failed(&b.breaker, b.now, before, &b.random);
  CHECK_INT(b.breaker.state, BREAKER_RAMP);
}

static void can_be_switched_off(void) {
  open_with((xai_breaker_options){.off = true});
  traffic(60000, 100, 100);
  CHECK_INT(b.blocked, 0);
}

static void takes_other_thresholds_and_refuses_impossible_ones(void) {
  open_with((xai_breaker_options){.min_attempts = 4, .failed_percent = 50, .window_ms = 2000});
  traffic(4000, 4, 100);
  CHECK_INT(b.breaker.state, BREAKER_OPEN);
  xai_breaker breaker;
  CHECK(!xai__breaker_init(&breaker, &(xai_breaker_options){.failed_percent = 101}));
  CHECK(!xai__breaker_init(&breaker, &(xai_breaker_options){.window_ms = 99}));
}

int main(void) {
  RUN(a_healthy_service_never_meets_it);
  RUN(one_that_fails_half_of_the_time_never_meets_it_F71);
  RUN(nor_one_that_fails_for_less_than_five_seconds);
  RUN(nor_a_caller_of_few_calls);
  RUN(opens_when_all_fail_and_says_when_to_come_back);
  RUN(lets_a_probe_through_each_second_or_so);
  RUN(closes_step_by_step_once_a_probe_is_answered);
  RUN(opens_again_when_the_ramp_fails);
  RUN(what_was_sent_before_it_opened_tells_it_nothing);
  RUN(can_be_switched_off);
  RUN(takes_other_thresholds_and_refuses_impossible_ones);
  return check_report("breaker");
}
