/* test_faults_threads.c - F100: two threads with a client each, and one client that two threads fall upon.
 * SPDX-License-Identifier: MIT
 *
 * `make faults` runs this program under the thread checker, too.
 */
#define _GNU_SOURCE
#include "net.h"

#include <sched.h>

enum { CALLS = 40 };

static const lb_step answering[] = {READ, WRITE(OK_WHOLE), AGAIN};

/* Each thread has its own server, client and calls; they share nothing. Checked by the thread that made them. */
typedef struct worker {
  pthread_t thread;
  int port;
  int complete;
} worker;

static void *ask_often(void *arg) {
  worker *self = arg;
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", self->port);
  xai_config config = net_config();
  config.base_url = url;
  xai_client *client = xai_client_new(&config, NULL);
  for (int i = 0; i < CALLS && client != NULL; i++) {
    xai_request request = net_request("/responses", "{}", false);
    xai_event event;
    xai_call_id id = xai_call_start(client, &request, NULL);
    for (bool over = id.id == 0; !over;) {
      xai_client_step(client, 100);
      while (xai_client_next(client, &event) == XAI_OK) {
        if (event.type != XAI_EVENT_END) continue;
        over = true;
        self->complete += event.result->outcome == XAI_OUTCOME_COMPLETE;
      }
    }
  }
  xai_client_free(client);
  return NULL;
}

static void F100_two_threads_with_a_client_each(void) {
  const lb_step *const scripts[] = {answering};
  lb_server *s = lb_start(scripts, 1);
  worker workers[2] = {{.port = s->port}, {.port = s->port}};
  for (int i = 0; i < 2; i++) pthread_create(&workers[i].thread, NULL, ask_often, &workers[i]);
  for (int i = 0; i < 2; i++) pthread_join(workers[i].thread, NULL);
  for (int i = 0; i < 2; i++) CHECK_INT(workers[i].complete, CALLS);
  lb_stop(s);
}

/* ---- one client, two threads ---- */

/* The client's clock: whoever asks it is inside of the client, and stays there until told. */
typedef struct trap {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool armed, caught, open;
  xai_client *client;
  xai_code again; /* of a step from inside */
} trap;

static uint64_t trap_now(void *user) {
  trap *self = user;
  pthread_mutex_lock(&self->lock);
  if (self->armed) {
    self->armed = false;
    self->caught = true;
    pthread_cond_broadcast(&self->changed);
    while (!self->open) pthread_cond_wait(&self->changed, &self->lock);
  }
  pthread_mutex_unlock(&self->lock);
  return xai__poll_now();
}

static void *step_once(void *arg) {
  xai_client *client = arg;
  return xai_client_step(client, 0) == XAI_OK ? client : NULL;
}

static void F100_a_second_thread_is_turned_away(void) {
  const lb_step *const scripts[] = {answering};
  lb_server *s = lb_start(scripts, 1);
  trap t = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  xai_config config = net_config();
  config.clock.now_ms = trap_now;
  config.clock.user = &t;
  xai_client *client = net_open_at(&config, NULL, s->port);
  t.armed = true;
  pthread_t thread;
  pthread_create(&thread, NULL, step_once, client);
  pthread_mutex_lock(&t.lock);
  while (!t.caught) pthread_cond_wait(&t.changed, &t.lock);
  pthread_mutex_unlock(&t.lock);

  xai_event event;
  xai_error err;
  xai_request request = net_request("/responses", "{}", false);
  CHECK_INT(xai_client_step(client, 1000), XAI_ERR_STATE);
  CHECK_INT(xai_client_next(client, &event), XAI_ERR_STATE);
  CHECK_INT(xai_call_start(client, &request, &err).id, 0);
  CHECK_INT(err.code, XAI_ERR_STATE);
  CHECK_INT(err.kind, XAI_KIND_USAGE);
  CHECK_HAS(err.message, "in use");
  xai_call_cancel(client, (xai_call_id){1});
  xai_client_free(client); /* nothing, too */

  pthread_mutex_lock(&t.lock);
  t.open = true;
  pthread_cond_broadcast(&t.changed);
  pthread_mutex_unlock(&t.lock);
  void *stepped;
  pthread_join(thread, &stepped);
  CHECK(stepped != NULL);
  net_works(client);
  xai_client_free(client);
  lb_stop(s);
}

static uint64_t meddling_now(void *user) {
  trap *self = user;
  if (self->client != NULL) self->again = xai_client_step(self->client, 0);
  return xai__poll_now();
}

static void F100_a_function_of_the_client_that_calls_it_again_is_turned_away(void) {
  const lb_step *const scripts[] = {answering};
  lb_server *s = lb_start(scripts, 1);
  trap t = {0};
  xai_config config = net_config();
  config.clock.now_ms = meddling_now;
  config.clock.user = &t;
  xai_client *client = net_open_at(&config, NULL, s->port);
  t.client = client;
  CHECK_INT(xai_client_step(client, 0), XAI_OK);
  CHECK_INT(t.again, XAI_ERR_STATE);
  net_works(client);
  t.client = NULL;
  xai_client_free(client);
  lb_stop(s);
}

/* Both do everything at once, against the rules: each call is either done or refused, and nothing is damaged. */
typedef struct rival {
  pthread_t thread;
  xai_client *client;
  pthread_barrier_t *start;
  long done, refused;
} rival;

static void count(rival *self, xai_code code) {
  if (code != XAI_ERR_STATE) {
    self->done++;
    return;
  }
  self->refused++;
  sched_yield(); /* the other one may have been stopped inside */
}

static void *fall_upon(void *arg) {
  rival *self = arg;
  xai_error err;
  xai_event event;
  pthread_barrier_wait(self->start);
  uint64_t until = xai__poll_now() + 20000;
  for (int i = 0; (i < 1000 || self->done < 1000) && xai__poll_now() < until; i++) {
    xai_request request = net_request("/responses", "{}", i % 2);
    xai_call_id id = {0};
    if (i % 10 == 0 && i < 1000) {
      id = xai_call_start(self->client, &request, &err);
      count(self, err.code);
    }
    count(self, xai_client_step(self->client, 0));
    for (int n = 0; n < 3; n++) count(self, xai_client_next(self->client, &event));
    xai_call_cancel(self->client, id);
  }
  return NULL;
}

static void F100_one_client_misused_by_two_threads_stays_whole(void) {
  const lb_step *const scripts[] = {answering};
  lb_server *s = lb_start(scripts, 1);
  xai_client *client = net_open(s);
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, 2);
  rival rivals[2] = {{.client = client, .start = &start}, {.client = client, .start = &start}};
  for (int i = 0; i < 2; i++) pthread_create(&rivals[i].thread, NULL, fall_upon, &rivals[i]);
  for (int i = 0; i < 2; i++) pthread_join(rivals[i].thread, NULL);
  for (int i = 0; i < 2; i++) CHECK(rivals[i].done >= 1000);
  xai_event event;
  uint64_t until = xai__poll_now() + 10000;
  while (xai_client_pending(client) > 0 && xai__poll_now() < until) {
    CHECK_INT(xai_client_step(client, 50), XAI_OK);
    while (xai_client_next(client, &event) == XAI_OK) continue;
  }
  CHECK_INT(xai_client_pending(client), 0);
  net_works(client);
  xai_client_free(client);
  pthread_barrier_destroy(&start);
  lb_stop(s);
}

int main(void) {
  forget_environment();
  RUN(F100_two_threads_with_a_client_each);
  RUN(F100_a_second_thread_is_turned_away);
  RUN(F100_a_function_of_the_client_that_calls_it_again_is_turned_away);
  RUN(F100_one_client_misused_by_two_threads_stays_whole);
  return check_report("faults of threads");
}
