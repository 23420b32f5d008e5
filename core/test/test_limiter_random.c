/* test_limiter_random.c - the limiter among callers who come, wait, give up and are refused at random.
 * SPDX-License-Identifier: MIT
 *
 * At no moment may a limit be broken in the span before it, and in the end nobody may have been forgotten. A
 * failure prints its seed; LIMITER_SEED=n runs that one alone, LIMITER_SEEDS=n so many.
 */
#include "check.h"
#include "xai_backoff.h"
#include "xai_limiter.h"

enum { CALLS = 400, MODELS = 3, SECOND = 1000, MINUTE = 60000 };

typedef struct grant {
  uint64_t at;
  uint64_t tokens; /* booked, then what they came to */
  int model;
  bool refunded;
} grant;

typedef struct run {
  xai_limiter limiter;
  xai_rate rates[MODELS + 1]; /* the last: all together */
  uint64_t now, random, chance;
  xai_ticket tickets[CALLS];
  int model_of[CALLS];
  int grant_of[CALLS];
  grant grants[8 * CALLS];
  int grant_count;
  int asked, over;
  int running[MODELS + 1];
} run;

static run r;
static const char *const models[MODELS] = {"a", "b", ""};

static uint32_t chance(uint32_t below) {
  return (uint32_t)(((uint64_t)xai__random(&r.chance) * below) >> 32);
}

static xai_rate random_rate(const char *model) {
  xai_rate rate = {.model = model};
  if (chance(2)) rate.requests_per_second = 1 + chance(20);
  if (chance(2)) rate.requests_per_minute = 30 + chance(300);
  if (chance(2)) rate.tokens_per_minute = 2000 + chance(20000);
  if (chance(2)) rate.concurrent = 1 + chance(10);
  return rate;
}

static void open_run(uint64_t seed) {
  memset(&r, 0, sizeof r);
  r.now = 12345;
  r.chance = seed;
  r.random = seed + 1;
  xai_rate given[MODELS];
  for (int m = 0; m < 2; m++) given[m] = r.rates[m] = random_rate(models[m]);
  given[2] = r.rates[MODELS] = random_rate(NULL);
  xai_mem mem = xai__mem(NULL);
  CHECK_INT(xai__limiter_init(&r.limiter, &mem, given, 3, true, 0), XAI_OK);
}

/* ---- the limits, reckoned anew from all that was granted */

static bool counts(const grant *g, int model) {
  return !g->refunded && (model == MODELS || g->model == model);
}

static void check_limits(int model) {
  const xai_rate *rate = &r.rates[model];
  uint64_t second = 0, minute = 0, tokens = 0, booked = 0;
  for (int i = 0; i < r.grant_count; i++) {
    const grant *g = &r.grants[i];
    if (!counts(g, model)) continue;
    second += g->at + SECOND > r.now;
    minute += g->at + MINUTE > r.now;
    if (g->at + MINUTE <= r.now) continue;
    tokens += g->tokens;
    booked = g->tokens; /* the last one is the one just granted */
  }
  if (rate->requests_per_second > 0) CHECK(second <= rate->requests_per_second);
  if (rate->requests_per_minute > 0) CHECK(minute <= rate->requests_per_minute);
  if (rate->concurrent > 0) CHECK(r.running[model] <= (int)rate->concurrent);
  /* One that is larger than the limit goes alone; what an answer used beyond its estimate was not known before. */
  if (rate->tokens_per_minute > 0) CHECK(tokens <= rate->tokens_per_minute || tokens == booked);
}

static void granted(int i) {
  xai_ticket *t = &r.tickets[i];
  CHECK_INT(t->state, TICKET_RUNNING);
  r.grant_of[i] = r.grant_count;
  r.grants[r.grant_count++] = (grant){r.now, t->own.tokens, r.model_of[i], false};
  r.running[r.model_of[i]]++;
  r.running[MODELS]++;
  check_limits(r.model_of[i]);
  check_limits(MODELS);
}

/* ---- what happens */

static const xai_lane *lane_of(int model) {
  const xai_limiter *limiter = &r.limiter;
  for (size_t i = 0; i < limiter->count; i++)
    if (strcmp(limiter->lanes[i]->model, models[model]) == 0) return limiter->lanes[i];
  return &limiter->nameless;
}

/* Only with a reason: its answer could not have come in time. */
static void turned_away(int i, uint64_t at) {
  const xai_lane *lane = lane_of(r.model_of[i]);
  CHECK_INT(r.tickets[i].state, TICKET_IDLE);
  CHECK(r.tickets[i].deadline_at <= at + xai__lane_usual_ms(lane) || lane->shut_ms > 0);
  r.over++;
}

static void ask(int i) {
  uint64_t at = 0;
  xai_str model = xai_str_of(models[r.model_of[i]]);
  xai_admission what = xai__limiter_ask(&r.limiter, &r.tickets[i], model, r.now, &r.random, &at);
  if (what == XAI_ADMIT_GO) granted(i);
  if (what == XAI_ADMIT_NEVER) turned_away(i, at);
  if (what == XAI_ADMIT_WAIT) CHECK(xai__limiter_place(&r.tickets[i]) >= 1);
}

static void arrive(void) {
  int i = r.asked++;
  r.model_of[i] = (int)chance(MODELS);
  r.tickets[i] = (xai_ticket){.priority = (int)chance(19) - 9, .tokens = 1 + chance(800)};
  r.tickets[i].is_guess = chance(2) == 0;
  r.tickets[i].deadline_at = chance(3) ? UINT64_MAX : r.now + 1 + chance(90000);
  ask(i);
}

/* An attempt ends: mostly well. A refusal is tried again. */
static void finish(int i) {
  xai_attempt_report report = {.outcome_class = XAI_ATTEMPT_ANSWERED};
  grant *g = &r.grants[r.grant_of[i]];
  uint32_t luck = chance(20);
  if (luck == 0) {
    report = (xai_attempt_report){.outcome_class = XAI_ATTEMPT_REFUSED, .too_many = true};
    report.wish_ms = chance(2) ? 0 : chance(20000);
    g->tokens = 0;
  } else if (luck == 1) {
    report.outcome_class = XAI_ATTEMPT_NOT_SENT;
    g->refunded = true;
  } else if (luck < 15) {
    report.has_tokens = true;
    report.tokens = chance((uint32_t)r.tickets[i].own.tokens + 1);
    g->tokens = report.tokens;
  } else if (luck == 15) {
    report.hint.none_left = true;
  }
  r.running[r.model_of[i]]--;
  r.running[MODELS]--;
  xai__limiter_done(&r.limiter, &r.tickets[i], r.now, &report, &r.random);
  CHECK_INT(r.tickets[i].state, TICKET_IDLE);
  if (luck <= 1 && r.grant_count < 7 * CALLS) ask(i);
  else r.over++;
}

static void call_up(void) {
  xai_admission what;
  uint64_t at;
  xai_ticket *t;
  while ((t = xai__limiter_next(&r.limiter, r.now, &r.random, &what, &at)) != NULL) {
    int i = (int)(t - r.tickets);
    if (what == XAI_ADMIT_GO) granted(i);
    else turned_away(i, at);
  }
}

static int pick(xai_ticket_state state) {
  int begin = (int)chance((uint32_t)r.asked + 1);
  for (int n = 0; n < r.asked; n++) {
    int i = (begin + n) % r.asked;
    if (r.tickets[i].state == state) return i;
  }
  return -1;
}

/* Those whose deadline has passed in line leave it, as calls do. */
static void expire(void) {
  for (int i = 0; i < r.asked; i++) {
    if (r.tickets[i].state != TICKET_WAITING || r.tickets[i].deadline_at > r.now) continue;
    xai__limiter_leave(&r.limiter, &r.tickets[i]);
    r.over++;
  }
}

static void act(void) {
  int i;
  switch (chance(8)) {
    case 0:
    case 1:
    case 2:
      if (r.asked < CALLS) arrive();
      break;
    case 3:
    case 4:
    case 5:
      if ((i = pick(TICKET_RUNNING)) >= 0) finish(i);
      break;
    case 6:
      if (chance(10) == 0 && (i = pick(TICKET_WAITING)) >= 0) {
        xai__limiter_leave(&r.limiter, &r.tickets[i]);
        r.over++;
      }
      break;
    default: r.now += chance(chance(20) == 0 ? 5000 : 300);
  }
  expire();
  call_up();
}

/* Nobody new comes and everything ends: then so does the waiting, at the moments the limiter names. */
static void drain(void) {
  for (int turns = 0; r.over < r.asked && turns < 100000; turns++) {
    int i = pick(TICKET_RUNNING);
    if (i >= 0) finish(i);
    call_up();
    if (i >= 0 || r.limiter.waiting == 0) continue;
    CHECK(r.limiter.wake_at > r.now && r.limiter.wake_at < r.now + 100 * MINUTE);
    if (check_bad) return;
    r.now = r.limiter.wake_at;
    expire();
    call_up();
  }
  CHECK_INT(r.over, r.asked);
  CHECK_INT(r.limiter.waiting, 0);
  CHECK_INT(r.limiter.all.running, 0);
}

static void one(uint64_t seed) {
  int bad = check_bad;
  check_bad = 0;
  open_run(seed);
  while (r.asked < CALLS && !check_bad) act();
  if (!check_bad) drain();
  xai__limiter_deinit(&r.limiter);
  if (check_bad) printf("  with LIMITER_SEED=%llu\n", (unsigned long long)seed);
  check_bad |= bad;
}

static void no_limit_is_broken_and_nobody_forgotten(void) {
  const char *seed = getenv("LIMITER_SEED"), *seeds = getenv("LIMITER_SEEDS");
  if (seed != NULL) {
    one(strtoull(seed, NULL, 10));
    return;
  }
  uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : 300;
  for (uint64_t n = 1; n <= count && !check_bad; n++) one(n);
}

int main(void) {
  RUN(no_limit_is_broken_and_nobody_forgotten);
  return check_report("limiter, at random");
}
