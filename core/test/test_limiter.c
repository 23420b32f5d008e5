/* test_limiter.c - the window, the line, what answers say of limits, and the limiter over them; told the time.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "xai_backoff.h"
#include "xai_limiter.h"

enum { MOST = 2000 };

typedef struct bench {
  xai_limiter limiter;
  uint64_t now;
  uint64_t random;
  xai_ticket tickets[MOST];
  size_t made;
  uint64_t at;            /* of the last NEVER        */
  uint64_t granted[MOST]; /* moments, in their order  */
  size_t grants;
} bench;

static bench b;

static void open_with(const xai_rate *rates, size_t count) {
  memset(&b, 0, sizeof b);
  b.now = 1000000;
  b.random = 7;
  xai_mem mem = xai__mem(NULL);
  CHECK_INT(xai__limiter_init(&b.limiter, &mem, rates, count, true, 0), XAI_OK);
}

static void finish(void) {
  xai__limiter_deinit(&b.limiter);
}

static xai_ticket *ticket(int priority, uint64_t tokens, uint64_t wait_ms) {
  xai_ticket *t = &b.tickets[b.made++];
  *t = (xai_ticket){.priority = priority, .tokens = tokens};
  t->deadline_at = wait_ms == 0 ? UINT64_MAX : b.now + wait_ms;
  return t;
}

static xai_admission ask(xai_ticket *t, const char *model) {
  xai_admission what = xai__limiter_ask(&b.limiter, t, xai_str_of(model), b.now, &b.random, &b.at);
  if (what == XAI_ADMIT_GO) b.granted[b.grants++] = b.now;
  return what;
}

static xai_admission ask_new(const char *model) {
  return ask(ticket(0, 1, 0), model);
}

static xai_ticket *next(xai_admission *what) {
  xai_ticket *t = xai__limiter_next(&b.limiter, b.now, &b.random, what, &b.at);
  if (t != NULL && *what == XAI_ADMIT_GO) b.granted[b.grants++] = b.now;
  return t;
}

/* Everything whose turn comes until then, looked at only when the limiter asks to be. */
static void run_until(uint64_t end) {
  xai_admission what;
  while (b.now < end) {
    while (next(&what) != NULL) continue;
    uint64_t wake = b.limiter.waiting > 0 ? b.limiter.wake_at : UINT64_MAX;
    if (wake < b.now + 1) wake = b.now + 1;
    b.now = wake < end ? wake : end;
  }
  while (next(&what) != NULL) continue;
}

static void done(xai_ticket *t, xai_attempt_report report) {
  xai__limiter_done(&b.limiter, t, b.now, &report, &b.random);
}

static const xai_attempt_report fine = {.outcome_class = XAI_ATTEMPT_ANSWERED};
static const xai_attempt_report not_sent = {.outcome_class = XAI_ATTEMPT_NOT_SENT};

static xai_attempt_report too_many(uint32_t wish_ms) {
  return (xai_attempt_report){.outcome_class = XAI_ATTEMPT_REFUSED, .too_many = true, .wish_ms = wish_ms};
}

/* The most grants in any span of that length. */
static size_t most_in(uint64_t span_ms) {
  size_t most = 0;
  for (size_t first = 0, last = 0; last < b.grants; last++) {
    while (b.granted[last] - b.granted[first] >= span_ms) first++;
    if (last - first + 1 > most) most = last - first + 1;
  }
  return most;
}

static size_t grants_between(uint64_t begin, uint64_t end) {
  size_t count = 0;
  for (size_t i = 0; i < b.grants; i++) count += b.granted[i] >= begin && b.granted[i] < end;
  return count;
}

/* ---- the window */

static void a_window_never_forgets_too_early(void) {
  static const uint32_t spans[] = {1000, 60000, 7777};
  for (size_t k = 0; k < 3; k++) {
    uint64_t random = k + 1, now = 123456789, at[4000];
    xai_window w;
    xai__window_init(&w, spans[k]);
    for (size_t i = 0; i < 4000; i++) {
      now += xai__random(&random) % (spans[k] / 20);
      uint64_t true_count = 0, generous = 0;
      for (size_t j = 0; j < i; j++) {
        true_count += at[j] + spans[k] > now;
        generous += at[j] + spans[k] + spans[k] / 60 + 2 > now;
      }
      uint64_t used = xai__window_used(&w, now);
      CHECK(used >= true_count && used <= generous);
      at[i] = now;
      xai__window_add(&w, now, 1);
    }
  }
}

static void a_window_tells_when_there_is_room(void) {
  xai_window w;
  xai__window_init(&w, 1000);
  xai__window_add(&w, 5000, 8);
  CHECK_INT(xai__window_free_at(&w, 5000, 10, 2), 5000);
  uint64_t at = xai__window_free_at(&w, 5000, 10, 3);
  CHECK(at >= 6000 && at <= 6017);
  CHECK_INT(xai__window_used(&w, at - 1), 8);
  CHECK_INT(xai__window_used(&w, at), 0);
  CHECK_INT(xai__window_free_at(&w, at, 10, 10), at);
  CHECK_INT(xai__window_free_at(&w, at, 10, 11), at + 1000);
  CHECK_INT(xai__window_free_at(&w, at, 10, 35), at + 3000);
  CHECK_INT(xai__window_free_at(&w, at, 1, UINT64_MAX), UINT64_MAX);
}

static void a_booking_can_be_corrected_while_it_counts(void) {
  xai_window w;
  xai__window_init(&w, 60000);
  xai__window_add(&w, 100000, 500);
  xai__window_correct(&w, 130000, 100000, 500, 20);
  CHECK_INT(xai__window_used(&w, 130000), 20);
  xai__window_correct(&w, 130000, 100000, 20, 700);
  CHECK_INT(xai__window_used(&w, 130000), 700);
  xai__window_correct(&w, 130000, 100000, 900, 0); /* never below nothing */
  CHECK_INT(xai__window_used(&w, 130000), 0);
  xai__window_add(&w, 130000, 5);
  xai__window_correct(&w, 500000, 130000, 5, 50); /* too late */
  CHECK_INT(xai__window_used(&w, 500000), 0);
}

/* ---- the line */

static void a_line_keeps_order_and_places_whoever_comes_and_goes(void) {
  static xai_waiter w[300];
  bool in[300] = {false};
  xai_line line = {0};
  uint64_t random = 3;
  for (int turn = 0; turn < 6000; turn++) {
    size_t i = xai__random(&random) % 300;
    if (in[i]) xai__line_leave(&line, &w[i]);
    else {
      w[i] = (xai_waiter){.rank = xai__random(&random) % 40, .number = i + 1};
      xai__line_join(&line, &w[i]);
    }
    in[i] = !in[i];
    if (turn % 20 != 0) continue;
    size_t at = 0, want = 0;
    for (size_t j = 0; j < 300; j++) want += in[j];
    const xai_waiter *before = NULL;
    for (const xai_waiter *x = xai__line_first(&line); x != NULL; x = xai__line_next(x)) {
      CHECK_INT(xai__line_ahead(x), at);
      CHECK_INT(xai__line_before(&line, x->rank, x->number), at);
      if (before != NULL)
        CHECK(before->rank < x->rank || (before->rank == x->rank && before->number < x->number));
      before = x;
      at++;
    }
    CHECK_INT(at, want);
    CHECK_INT(xai__line_count(&line), want);
  }
}

/* ---- what answers say */

static xai_rate_hint hint_of(const char *name, const char *value) {
  xai_rate_hint hint = {0};
  xai__rate_hint_header(&hint, name, xai_str_of(value));
  return hint;
}

static void reads_the_headers_that_speak_of_limits(void) {
  CHECK_INT(hint_of("x-ratelimit-limit-requests", "7200").per_minute, 7200);
  CHECK_INT(hint_of("x-ratelimit-limit-tokens", "50000000").tokens, 50000000);
  CHECK(hint_of("x-ratelimit-remaining-tokens", "0").none_left);
  CHECK(!hint_of("x-ratelimit-remaining-requests", "1").none_left);
  CHECK_INT(hint_of("x-ratelimit-reset-requests", "1m30s").reset_ms, 90000);
  CHECK_INT(hint_of("x-ratelimit-reset-tokens", "250ms").reset_ms, 250);
  CHECK_INT(hint_of("x-ratelimit-reset-tokens", "7").reset_ms, 7000);
  CHECK_INT(hint_of("x-ratelimit-reset-tokens", "1790000000").reset_ms, 0);
  CHECK_INT(hint_of("x-ratelimit-limit-requests", "-5").per_minute, 0);
  CHECK_INT(hint_of("x-ratelimit-limit-requests", "many").per_minute, 0);
  CHECK_INT(hint_of("x-ratelimit-limit-requests", "99999999999999999999").per_minute, 0);
  CHECK_INT(hint_of("x-ratelimit-limit-requests", "").per_minute, 0);
}

static void reads_the_limits_out_of_a_429(void) {
  xai_rate_hint hint = {0};
  xai__rate_hint_text(&hint, xai_str_of("Too many requests for team 7e and model grok-4.6. Your team's rate "
                                        "limit is — Requests per Second (actual/limit): 151/150, Requests "
                                        "per Minute (actual/limit): 7204/7200. Resets in: 45s."));
  CHECK_INT(hint.per_second, 150);
  CHECK_INT(hint.per_minute, 7200);
  CHECK_INT(hint.tokens, 0);
  hint = (xai_rate_hint){0};
  xai__rate_hint_text(&hint, xai_str_of("Tokens per Minute (actual/limit): 1/2000000"));
  CHECK_INT(hint.tokens, 2000000);
  xai__rate_hint_text(&hint, xai_str_of("Requests per Second (actual/limit): many/few. Requests per Second"));
  CHECK_INT(hint.per_second, 0);
}

/* ---- limits that are set */

static void without_limits_everything_passes(void) {
  open_with(NULL, 0);
  for (int i = 0; i < 1000; i++) CHECK_INT(ask_new("grok-4.6"), XAI_ADMIT_GO);
  CHECK_INT(b.limiter.waiting, 0);
  finish();
}

static void no_span_ever_holds_more_than_the_limit(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_second = 20, .requests_per_minute = 300}};
  open_with(rates, 1);
  for (int i = 0; i < 900; i++) ask_new("m");
  CHECK_INT(b.grants, 20); /* a burst as large as the limit passes at once */
  run_until(b.now + 179000);
  CHECK(most_in(1000) <= 20);
  CHECK(most_in(60000) <= 300);
  CHECK(b.grants >= 870); /* 300 in each of three minutes, but for one part in sixty */
  run_until(b.now + 10000);
  CHECK_INT(b.grants, 900);
  finish();
}

static void what_leaves_the_line_is_spread_over_the_second(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_second = 50}};
  open_with(rates, 1);
  uint64_t begin = b.now;
  for (int i = 0; i < 1000; i++) ask_new("m");
  run_until(begin + 12000);
  for (uint64_t t = begin + 2000; t < begin + 12000; t += 100) CHECK(grants_between(t, t + 100) <= 12);
  CHECK(grants_between(begin + 2000, begin + 12000) >= 450);
  finish();
}

static void tokens_are_reserved_and_settled(void) {
  const xai_rate rates[] = {{.model = "m", .tokens_per_minute = 10000}};
  open_with(rates, 1);
  xai_ticket *first = ticket(0, 6000, 0), *second = ticket(0, 6000, 0), *third = ticket(0, 6000, 0);
  CHECK_INT(ask(first, "m"), XAI_ADMIT_GO);
  CHECK_INT(ask(second, "m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(third, "m"), XAI_ADMIT_WAIT);
  xai_admission what;
  CHECK(next(&what) == NULL);
  xai_attempt_report small = fine;
  small.has_tokens = true;
  small.tokens = 1500;
  done(first, small); /* it was less than was thought */
  CHECK(next(&what) == second);
  CHECK(next(&what) == NULL);
  done(second, not_sent); /* and this nothing at all */
  CHECK(next(&what) == third);
  xai_attempt_report large = fine;
  large.has_tokens = true;
  large.tokens = 30000;
  done(third, large); /* far more */
  CHECK_INT(ask(ticket(0, 1, 0), "m"), XAI_ADMIT_WAIT);
  run_until(b.now + 59000);
  CHECK_INT(b.limiter.waiting, 1);
  run_until(b.now + 2100);
  CHECK_INT(b.limiter.waiting, 0);
  finish();
}

static void one_larger_than_the_limit_goes_when_nothing_else_counts(void) {
  const xai_rate rates[] = {{.model = "m", .tokens_per_minute = 1000}};
  open_with(rates, 1);
  CHECK_INT(ask(ticket(0, 50000, 0), "m"), XAI_ADMIT_GO);
  CHECK_INT(ask(ticket(0, 50000, 0), "m"), XAI_ADMIT_WAIT);
  run_until(b.now + 61100);
  CHECK_INT(b.limiter.waiting, 0);
  finish();
}

static void so_many_run_at_once_and_no_more(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 2}};
  open_with(rates, 1);
  xai_ticket *first = ticket(0, 1, 0);
  ask(first, "m");
  CHECK_INT(ask_new("m"), XAI_ADMIT_GO);
  CHECK_INT(ask_new("m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask_new("other"), XAI_ADMIT_GO);
  run_until(b.now + 100000);
  CHECK_INT(b.limiter.waiting, 1);
  done(first, fine);
  xai_admission what;
  CHECK(next(&what) != NULL);
  finish();
}

static void one_limit_for_all_is_shared_in_the_order_of_coming(void) {
  const xai_rate rates[] = {{.model = NULL, .concurrent = 1}};
  open_with(rates, 1);
  xai_ticket *running = ticket(0, 1, 0), *a = ticket(0, 1, 0), *c = ticket(0, 1, 0), *d = ticket(0, 1, 0);
  CHECK_INT(ask(running, "x"), XAI_ADMIT_GO);
  CHECK_INT(ask(a, "y"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(c, ""), XAI_ADMIT_WAIT);
  CHECK_INT(ask(d, "x"), XAI_ADMIT_WAIT);
  xai_admission what;
  xai_ticket *order[] = {a, c, d};
  for (int i = 0; i < 3; i++) {
    done(running, fine);
    xai_ticket *got = next(&what);
    CHECK(got == order[i]);
    CHECK(next(&what) == NULL);
    running = got;
  }
  finish();
}

static void guesses_are_corrected_by_what_answers_used(void) {
  const xai_rate rates[] = {{.model = "m", .tokens_per_minute = 100000}};
  open_with(rates, 1);
  xai_attempt_report used = fine;
  used.has_tokens = true;
  used.tokens = 100; /* a tenth of each guess */
  xai_ticket *t = ticket(0, 1000, 0);
  t->is_guess = true;
  CHECK_INT(ask(t, "m"), XAI_ADMIT_GO);
  done(t, used);
  int passed = 0;
  for (int i = 0; i < 1500; i++) {
    t = ticket(0, 1000, 0);
    t->is_guess = true;
    passed += ask(t, "m") == XAI_ADMIT_GO;
  }
  CHECK(passed >= 950 && passed <= 1050);
  CHECK_INT(ask(ticket(0, 1000, 0), "other"), XAI_ADMIT_GO);
  finish();
}

/* ---- who is next */

static void first_come_first_served_and_each_knows_its_place(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  open_with(rates, 1);
  xai_ticket *running = ticket(0, 1, 0);
  ask(running, "m");
  xai_ticket *t[5];
  for (int i = 0; i < 5; i++) {
    t[i] = ticket(0, 1, 0);
    ask(t[i], "m");
    b.now += 10;
  }
  for (size_t i = 0; i < 5; i++) CHECK_INT(xai__limiter_place(t[i]), i + 1);
  CHECK_INT(xai__limiter_place(running), 0);
  xai__limiter_leave(&b.limiter, t[1]);
  CHECK_INT(xai__limiter_place(t[1]), 0);
  CHECK_INT(xai__limiter_place(t[2]), 2);
  xai_admission what;
  done(running, fine);
  CHECK(next(&what) == t[0]);
  done(t[0], fine);
  CHECK(next(&what) == t[2]);
  CHECK_INT(xai__limiter_place(t[4]), 2);
  finish();
}

static void a_step_of_priority_is_worth_ten_seconds_and_nobody_starves(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  open_with(rates, 1);
  xai_ticket *running = ticket(0, 1, 0), *early = ticket(0, 1, 0), *low = ticket(-9, 1, 0);
  ask(running, "m");
  ask(early, "m");
  ask(low, "m");
  b.now += 9999;
  xai_ticket *high = ticket(1, 1, 0);
  ask(high, "m");
  CHECK_INT(xai__limiter_place(high), 1);
  b.now += 2;
  xai_ticket *late = ticket(1, 1, 0);
  ask(late, "m");
  CHECK_INT(xai__limiter_place(late), 3); /* early has waited for more than ten seconds */
  /* A call of the lowest priority, against a stream of the highest without end: it comes after 180 s. */
  uint64_t begin = b.now;
  xai_admission what = XAI_ADMIT_GO;
  while (low->state != TICKET_RUNNING && b.made + 1 < MOST) {
    ask(ticket(9, 1, 0), "m");
    done(running, fine);
    running = next(&what);
    b.now += 200;
  }
  CHECK_INT(low->state, TICKET_RUNNING);
  CHECK(b.now - begin <= 181000);
  finish();
}

static void a_call_that_would_wait_in_vain_is_told_at_once_and_when(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_minute = 10}};
  open_with(rates, 1);
  for (int i = 0; i < 10; i++) CHECK_INT(ask_new("m"), XAI_ADMIT_GO);
  CHECK_INT(ask(ticket(0, 1, 59000), "m"), XAI_ADMIT_NEVER);
  CHECK(b.at >= b.now + 60000 && b.at <= b.now + 61000);
  for (int i = 0; i < 10; i++) CHECK_INT(ask(ticket(0, 1, 62000), "m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(ticket(0, 1, 62000), "m"), XAI_ADMIT_NEVER); /* ten before it, and ten a minute */
  CHECK(b.at >= b.now + 120000 && b.at <= b.now + 121000);
  CHECK_INT(ask(ticket(9, 1, 62000), "m"), XAI_ADMIT_WAIT); /* nobody before it */
  finish();
}

/* ---- limits that are learned */

/* Let go a moment before its deadline, a call is sent, billed and given up: nobody is served when all wait so. */
static void who_is_let_go_too_late_for_an_answer_is_turned_away(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_second = 1}};
  open_with(rates, 1);
  xai_ticket *first = ticket(0, 1, 0);
  CHECK_INT(ask(first, "m"), XAI_ADMIT_GO);
  b.now += 400; /* an answer takes 400 ms, give or take 200 */
  done(first, fine);
  CHECK_INT(ask(ticket(0, 1, 900), "m"), XAI_ADMIT_NEVER);
  CHECK_INT(ask(ticket(0, 1, 1500), "m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(ticket(9, 1, 590), "m"), XAI_ADMIT_NEVER); /* its turn comes after its deadline */
  b.limiter.lanes[0]->answer_ms = 60000; /* answers differ: one that has two seconds may need but one */
  CHECK_INT(ask(ticket(9, 1, 2000), "m"), XAI_ADMIT_WAIT);
  b.limiter.lanes[0]->answer_ms = 400;
  b.now += 2000;
  CHECK_INT(ask(ticket(0, 1, 1), "other"), XAI_ADMIT_GO); /* who need not wait may try */
  finish();
}

/* Those ahead in one's own line need what all share, too. */
static void who_cannot_be_in_time_for_what_all_share_is_turned_away(void) {
  const xai_rate rates[] = {{.requests_per_second = 1}};
  open_with(rates, 1);
  CHECK_INT(ask_new("m"), XAI_ADMIT_GO);
  for (int i = 0; i < 10; i++) CHECK_INT(ask_new("m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(ticket(0, 1, 5000), "m"), XAI_ADMIT_NEVER);
  CHECK_INT(ask(ticket(0, 1, 15000), "m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(ticket(0, 1, 5000), "other"),
            XAI_ADMIT_WAIT); /* it may pass: those ahead are in another line */
  finish();
}

static void nobody_is_sent_until_the_server_says_F75(void) {
  open_with(NULL, 0);
  xai_ticket *first = ticket(0, 1, 0);
  ask(first, "m");
  xai_attempt_report none = fine;
  none.hint = (xai_rate_hint){.per_minute = 600, .none_left = true, .reset_ms = 7000};
  done(first, none);
  uint64_t until = b.now + 7000;
  for (int i = 0; i < 100; i++) CHECK_INT(ask(ticket(0, 1, 60000), "m"), XAI_ADMIT_WAIT);
  CHECK_INT(ask(ticket(0, 1, 6999), "m"), XAI_ADMIT_NEVER);
  CHECK_INT(b.at, until);
  CHECK_INT(ask_new("other"), XAI_ADMIT_GO);
  run_until(until - 1);
  CHECK_INT(b.limiter.waiting, 100);
  run_until(until + 20000);
  CHECK_INT(b.limiter.waiting, 0);
  CHECK(grants_between(until, until + 1000) <= 20); /* ten a second, not a hundred at once */
  finish();
}

static void none_left_without_a_time_is_a_short_pause(void) {
  static const uint32_t limits[] = {7200, 600, 5, 0};
  static const uint64_t pauses[] = {9, 101, 1000, 1000};
  for (int i = 0; i < 4; i++) {
    open_with(NULL, 0);
    xai_ticket *t = ticket(0, 1, 0);
    ask(t, "m");
    xai_attempt_report none = fine;
    none.hint = (xai_rate_hint){.per_minute = limits[i], .none_left = true};
    done(t, none);
    CHECK_INT(ask(ticket(0, 1, pauses[i]), "m"), XAI_ADMIT_NEVER);
    CHECK_INT(ask(ticket(0, 1, pauses[i] + 1), "m"), XAI_ADMIT_WAIT);
    finish();
  }
}

static void those_in_line_who_would_now_wait_in_vain_leave_it(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  open_with(rates, 1);
  xai_ticket *running = ticket(0, 1, 0), *patient = ticket(0, 1, 0), *hasty = ticket(0, 1, 30000);
  ask(running, "m");
  ask(patient, "m");
  ask(hasty, "m");
  done(running, too_many(45000));
  xai_admission what;
  CHECK(next(&what) == hasty);
  CHECK_INT(what, XAI_ADMIT_NEVER);
  CHECK_INT(b.at, b.now + 45000);
  CHECK(next(&what) == NULL);
  run_until(b.now + 45000);
  CHECK_INT(patient->state, TICKET_RUNNING);
  finish();
}

static void many_leave_it_in_no_time(void) {
  const xai_rate rates[] = {{.model = "m", .concurrent = 1}};
  open_with(rates, 1);
  xai_ticket *running = ticket(0, 1, 0);
  ask(running, "m");
  for (int i = 0; i < 1900; i++) ask(ticket(0, 1, i % 3 == 0 ? 30000 : 0), "m");
  done(running, too_many(45000));
  xai_admission what;
  int left = 0;
  while (next(&what) != NULL) left += what == XAI_ADMIT_NEVER;
  CHECK_INT(left, 634);
  CHECK_INT(b.limiter.waiting, 1900 - 634);
  finish();
}

static void a_429_halves_the_rate_which_grows_back(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_second = 64}};
  open_with(rates, 1);
  xai_ticket *t[64];
  for (int i = 0; i < 64; i++) ask(t[i] = ticket(0, 1, 0), "m");
  uint64_t begin = b.now + 1000;
  for (int i = 0; i < 64; i++) done(t[i], too_many(1000)); /* all of one burst: one cut */
  for (int i = 0; i < 1500; i++) ask_new("m");
  run_until(begin + 20000);
  size_t first = grants_between(begin, begin + 1000);
  CHECK(first >= 24 && first <= 36);
  CHECK(grants_between(begin + 3000, begin + 4000) > first);
  size_t last = grants_between(begin + 19000, begin + 20000);
  CHECK(last >= 56 && last <= 64);
  finish();
}

static void never_goes_below_one_a_second(void) {
  open_with(NULL, 0);
  for (int i = 0; i < 6; i++) {
    xai_ticket *t = ticket(0, 1, 0);
    xai_admission what = ask(t, "m");
    while (what != XAI_ADMIT_GO) {
      b.now++;
      next(&what);
      if (t->state == TICKET_RUNNING) break;
    }
    done(t, too_many(100));
    b.now += 101;
  }
  uint64_t begin = b.now;
  for (int i = 0; i < 5; i++) ask_new("m");
  run_until(begin + 8000);
  CHECK_INT(b.limiter.waiting, 0);
  finish();
}

static void limits_in_a_429_are_kept_and_in_time_forgotten(void) {
  open_with(NULL, 0);
  xai_ticket *t = ticket(0, 1, 0);
  ask(t, "m");
  xai_attempt_report report = too_many(1000);
  report.hint.per_second = 10;
  done(t, report);
  b.now += 60000; /* the cut has grown back, the limit stays */
  size_t before = b.grants;
  for (int i = 0; i < 50; i++) ask_new("m");
  CHECK_INT(b.grants - before, 10);
  run_until(b.now + 10000);
  CHECK(most_in(1000) <= 10);
  b.now += 600000;
  before = b.grants;
  for (int i = 0; i < 50; i++) ask_new("m");
  CHECK_INT(b.grants - before, 50);
  finish();
}

static void what_the_caller_knows_stands_above_what_is_learned(void) {
  const xai_rate rates[] = {{.model = "m", .requests_per_minute = 5}};
  open_with(rates, 1);
  xai_ticket *t = ticket(0, 1, 0);
  ask(t, "m");
  xai_attempt_report report = fine;
  report.hint.per_minute = 7200;
  done(t, report);
  for (int i = 0; i < 10; i++) ask_new("m");
  CHECK_INT(b.grants, 5);
  finish();
}

static void told_to_learn_nothing_it_learns_nothing(void) {
  memset(&b, 0, sizeof b);
  b.now = 5000;
  xai_mem mem = xai__mem(NULL);
  CHECK_INT(xai__limiter_init(&b.limiter, &mem, NULL, 0, false, 0), XAI_OK);
  xai_ticket *t = ticket(0, 1, 0);
  ask(t, "m");
  xai_attempt_report report = too_many(60000);
  report.hint = (xai_rate_hint){.per_second = 1, .per_minute = 1, .none_left = true};
  done(t, report);
  for (int i = 0; i < 100; i++) CHECK_INT(ask_new("m"), XAI_ADMIT_GO);
  finish();
}

static void a_wish_for_a_day_blocks_nobody_for_a_day_F67(void) {
  open_with(NULL, 0);
  xai_ticket *t = ticket(0, 1, 0);
  ask(t, "m");
  done(t, too_many(86400000));
  CHECK_INT(ask_new("m"), XAI_ADMIT_WAIT);
  run_until(b.now + 2000);
  CHECK_INT(b.limiter.waiting, 0);
  finish();
}

/* Each in turn is refused: when does the lane shut, and how often is the server asked then? */
static void refusals_without_end_shut_the_lane_F69(void) {
  open_with(NULL, 0);
  uint64_t begin = b.now, shut_at = 0;
  size_t after = 0, turned_away = 0;
  for (uint64_t ms = 0; ms < 300000; ms += 250) {
    b.now = begin + ms;
    xai_ticket *t = &b.tickets[(ms / 250) % MOST];
    *t = (xai_ticket){.tokens = 1, .deadline_at = b.now + 1000};
    xai_admission what = ask(t, "m");
    if (what == XAI_ADMIT_WAIT) xai__limiter_leave(&b.limiter, t);
    turned_away += what == XAI_ADMIT_NEVER && shut_at > 0;
    after += what == XAI_ADMIT_GO && shut_at > 0;
    if (what == XAI_ADMIT_GO) done(t, too_many(0));
    if (shut_at == 0 && b.limiter.lanes[0]->shut_ms > 0) shut_at = ms;
  }
  CHECK(shut_at >= 30000 && shut_at <= 90000);
  CHECK(after >= 3 && after <= 10); /* a probe every 10 s, 20 s, 40 s, 60 s */
  CHECK(turned_away >= 700);
  /* One answer, and it is open again. */
  xai_ticket *probe = ticket(0, 1, 0);
  b.now += 80000;
  CHECK_INT(ask(probe, "m"), XAI_ADMIT_GO);
  CHECK_INT(ask_new("m"), XAI_ADMIT_NEVER);
  done(probe, fine);
  CHECK(ask_new("m") != XAI_ADMIT_NEVER);
  finish();
}

/* A model that refuses everything has its lane shut while others use up what all share: its probe must wait. */
static void a_probe_keeps_to_the_limits_of_all(void) {
  static const xai_rate all = {.requests_per_minute = 20};
  open_with(&all, 1);
  uint64_t begin = b.now;
  for (uint64_t ms = 0; b.made < MOST && ms < 600000; ms += 500) {
    b.now = begin + ms;
    xai_ticket *t = ticket(0, 1, 400);
    const char *model = ms % 1000 == 0 && (ms < 150000 || ms > 200000) ? "bad" : "good";
    xai_admission what = ask(t, model);
    if (what == XAI_ADMIT_WAIT) xai__limiter_leave(&b.limiter, t);
    if (what == XAI_ADMIT_NEVER) CHECK(b.at > b.now);
    if (what == XAI_ADMIT_GO) done(t, *model == 'b' ? too_many(0) : fine);
  }
  CHECK(b.limiter.count == 2);
  CHECK(b.limiter.lanes[0]->shut_ms > 0 || b.limiter.lanes[1]->shut_ms > 0);
  CHECK_INT(most_in(60000), 20);
  finish();
}

/* Half are refused at once and half are answered after a minute: that is no reason to give up. */
static void slow_answers_among_refusals_keep_it_open(void) {
  open_with(NULL, 0);
  uint64_t begin = b.now, ends[MOST] = {0};
  size_t answers = 0, shut = 0;
  for (uint64_t ms = 0; ms < 600000; ms += 500) {
    b.now = begin + ms;
    for (size_t i = 0; i < b.made; i++) {
      if (ends[i] == 0 || ends[i] > b.now) continue;
      ends[i] = 0;
      answers++;
      done(&b.tickets[i], fine);
    }
    xai_ticket *t = ticket(0, 1, 400);
    xai_admission what = ask(t, "m");
    if (what == XAI_ADMIT_WAIT) xai__limiter_leave(&b.limiter, t);
    if (what == XAI_ADMIT_GO && b.grants % 2 == 0) ends[b.made - 1] = b.now + 60000;
    else if (what == XAI_ADMIT_GO) done(t, too_many(0));
    shut += b.limiter.lanes[0]->shut_ms > 0;
  }
  CHECK_INT(shut, 0);
  CHECK(answers >= 30);
  finish();
}

static void an_attempt_taken_on_ends_the_row_of_refusals(void) {
  open_with(NULL, 0);
  xai_ticket *t = ticket(0, 1, 0);
  ask(t, "m");
  done(t, too_many(1000));
  CHECK_INT(b.limiter.lanes[0]->strikes, 1);
  b.now += 1100;
  xai_ticket *next_one = ticket(0, 1, 0);
  CHECK_INT(ask(next_one, "m"), XAI_ADMIT_GO);
  xai__limiter_accepted(next_one);
  CHECK_INT(b.limiter.lanes[0]->strikes, 0);
  xai__limiter_accepted(t); /* long over: nothing */
  finish();
}

/* ---- memory */

static void forgets_the_model_that_was_idle_longest(void) {
  const xai_rate rates[] = {{.model = "set", .requests_per_minute = 1}};
  open_with(rates, 1);
  xai_ticket *busy = ticket(0, 1, 0);
  ask(busy, "busy");
  char name[32];
  for (int i = 0; i < 500; i++) {
    b.now++;
    snprintf(name, sizeof name, "model-%d", i);
    xai_ticket *t = ticket(0, 1, 0);
    CHECK_INT(ask(t, name), XAI_ADMIT_GO);
    done(t, fine);
  }
  CHECK_INT(b.limiter.count, XAI_MOST_LANES);
  CHECK_INT(busy->lane->running, 1);
  bool set = false, last = false, first = false;
  for (size_t i = 0; i < b.limiter.count; i++) {
    set |= strcmp(b.limiter.lanes[i]->model, "set") == 0;
    last |= strcmp(b.limiter.lanes[i]->model, "model-499") == 0;
    first |= strcmp(b.limiter.lanes[i]->model, "model-0") == 0;
  }
  CHECK(set && last && !first);
  done(busy, fine);
  finish();
}

static void more_models_at_once_than_there_are_lanes_share_one(void) {
  open_with(NULL, 0);
  char name[32];
  for (int i = 0; i < 200; i++) {
    snprintf(name, sizeof name, "model-%d", i);
    CHECK_INT(ask_new(name), XAI_ADMIT_GO);
  }
  CHECK_INT(b.limiter.count, XAI_MOST_LANES);
  for (size_t i = 0; i < b.made; i++) done(&b.tickets[i], fine);
  CHECK_INT(b.limiter.all.running, 0);
  CHECK_INT(b.limiter.nameless.running, 0);
  finish();
}

static void names_as_long_as_can_be_are_told_apart_by_their_beginning(void) {
  char name[200];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  open_with(NULL, 0);
  ask_new(name);
  ask_new(name);
  CHECK_INT(b.limiter.count, 1);
  name[3] = 'y';
  ask_new(name);
  CHECK_INT(b.limiter.count, 2);
  finish();
}

static xai_code limiter_scenario(const xai_mem *mem) {
  const xai_rate rates[] = {{.model = "m", .requests_per_minute = 5}, {.model = "n", .concurrent = 1}};
  xai_limiter limiter;
  uint64_t random = 1, at;
  xai_code code = xai__limiter_init(&limiter, mem, rates, 2, true, 0);
  xai_ticket t = {.tokens = 1, .deadline_at = UINT64_MAX};
  /* Without memory for a lane the call goes without a limit of its own. */
  if (code == XAI_OK)
    CHECK_INT(xai__limiter_ask(&limiter, &t, xai_str_of("new"), 1, &random, &at), XAI_ADMIT_GO);
  xai__limiter_deinit(&limiter);
  return code;
}

int main(void) {
  RUN(a_window_never_forgets_too_early);
  RUN(a_window_tells_when_there_is_room);
  RUN(a_booking_can_be_corrected_while_it_counts);
  RUN(a_line_keeps_order_and_places_whoever_comes_and_goes);
  RUN(reads_the_headers_that_speak_of_limits);
  RUN(reads_the_limits_out_of_a_429);
  RUN(without_limits_everything_passes);
  RUN(no_span_ever_holds_more_than_the_limit);
  RUN(what_leaves_the_line_is_spread_over_the_second);
  RUN(tokens_are_reserved_and_settled);
  RUN(one_larger_than_the_limit_goes_when_nothing_else_counts);
  RUN(so_many_run_at_once_and_no_more);
  RUN(one_limit_for_all_is_shared_in_the_order_of_coming);
  RUN(guesses_are_corrected_by_what_answers_used);
  RUN(first_come_first_served_and_each_knows_its_place);
  RUN(a_step_of_priority_is_worth_ten_seconds_and_nobody_starves);
  RUN(a_call_that_would_wait_in_vain_is_told_at_once_and_when);
  RUN(who_is_let_go_too_late_for_an_answer_is_turned_away);
  RUN(who_cannot_be_in_time_for_what_all_share_is_turned_away);
  RUN(nobody_is_sent_until_the_server_says_F75);
  RUN(none_left_without_a_time_is_a_short_pause);
  RUN(those_in_line_who_would_now_wait_in_vain_leave_it);
  RUN(many_leave_it_in_no_time);
  RUN(a_429_halves_the_rate_which_grows_back);
  RUN(never_goes_below_one_a_second);
  RUN(limits_in_a_429_are_kept_and_in_time_forgotten);
  RUN(what_the_caller_knows_stands_above_what_is_learned);
  RUN(told_to_learn_nothing_it_learns_nothing);
  RUN(a_wish_for_a_day_blocks_nobody_for_a_day_F67);
  RUN(refusals_without_end_shut_the_lane_F69);
  RUN(a_probe_keeps_to_the_limits_of_all);
  RUN(slow_answers_among_refusals_keep_it_open);
  RUN(an_attempt_taken_on_ends_the_row_of_refusals);
  RUN(forgets_the_model_that_was_idle_longest);
  RUN(more_models_at_once_than_there_are_lanes_share_one);
  RUN(names_as_long_as_can_be_are_told_apart_by_their_beginning);
  check_nomem("the limiter", limiter_scenario);
  return check_report("limiter");
}
