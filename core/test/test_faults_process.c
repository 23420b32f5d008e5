/* test_faults_process.c - faults of the process and the machine, F92-F103: memory, descriptors, fork, signals, files.
 * SPDX-License-Identifier: MIT
 *
 * Over real sockets, but for F92 and F101. Threads: test_faults_threads.c. The transport below a client:
 * test_curl.c, test_curl_life.c.
 */
#define _GNU_SOURCE
#include "answers.h"
#include "net.h"
#include "tls.h"
#include "wire.h"

#include <dirent.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static const lb_step answering[] = {READ, WRITE(OK_WHOLE), AGAIN};
static const lb_step silent[] = {READ, AWAIT_EOF};

/* A stream that stops after its first delta until the gate is open. */
static const lb_step halting[] = {READ, WRITE(SSE_HEAD "Connection: close\r\n\r\n" SSE_OPEN SSE_DELTA("Hel")),
                                  GATE(1), WRITE(SSE_DELTA("lo") SSE_COMPLETED), CLOSE};

/* A server of one script, for every connection. */
static lb_server *serve(const lb_step *script) {
  static const lb_step *scripts[1];
  scripts[0] = script;
  return lb_start(scripts, 1);
}

static void until_text(xai_client *client, const net_call *c) {
  uint64_t until = xai__poll_now() + 10000;
  while (c->text_len == 0 && xai__poll_now() < until) net_turn(client, 50);
  CHECK(c->text_len > 0);
}

/* ---- memory ---- */

/* One call; what it gave. */
static xai_code streamed(wire *w) {
  xai_request request = XAI_REQUEST_INIT;
  request.path = "/responses";
  request.body = xai_str_of("{}");
  request.stream = true;
  xai_error err;
  int ends = w->ends;
  if (xai_call_start(w->client, &request, &err).id == 0) return err.code;
  uint32_t id = wire_request_id(w);
  if (id != 0) {
    wire_head(w, id, 200, EVENTS);
    wire_bytes(w, id, stream_body, strlen(stream_body));
    xai_wire_finish(w->client, id, XAI_WIRE_DONE);
  }
  xai_client_step(w->client, 0);
  wire_pull(w);
  CHECK_INT(w->ends, ends + 1);
  return w->error.code;
}

static void F92_a_client_works_after_each_failed_allocation(void) {
  long failures = 0;
  for (bool failed = true; failed && failures < 10000 && !check_bad; failures++) {
    check_heap heap = {0};
    wire w = {.now = 1000};
    xai_config config = wire_config(&w);
    config.mem = check_heap_mem(&heap);
    w.client = xai_client_new(&config, NULL);
    heap.fail_at = heap.count + failures + 1;
    xai_code code = streamed(&w);
    failed = heap.count >= heap.fail_at;
    CHECK(code == XAI_OK || (failed && code == XAI_ERR_NOMEM));
    heap.fail_at = 0;
    CHECK_INT(streamed(&w), XAI_OK);
    CHECK_INT(w.outcome, XAI_OUTCOME_COMPLETE);
    wire_close(&w);
    CHECK_INT(heap.live, 0);
  }
  CHECK(failures > 10);
}

/* ---- descriptors ---- */

static int open_descriptors(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (dir == NULL) return -1;
  while (readdir(dir) != NULL) count++;
  closedir(dir);
  return count;
}

static void F93_a_call_without_descriptors_is_not_sent_and_the_next_one_works(void) {
  lb_server *s = serve(answering);
  xai_client *client = net_open(s);
  struct rlimit before, none;
  getrlimit(RLIMIT_NOFILE, &before);
  int next = dup(0);
  close(next);
  none = before;
  none.rlim_cur = (rlim_t)next;
  setrlimit(RLIMIT_NOFILE, &none);
  net_call c;
  net_ask(client, &c, false);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_INT(c.outcome, XAI_OUTCOME_FAILED);
  CHECK(c.attempts > 1); /* not sent, so it was tried again */
  for (size_t i = 0; i < c.attempts; i++) CHECK_INT(c.attempt[i].outcome, XAI_ATTEMPT_NOT_SENT);
  CHECK_HAS(c.error.message, strerror(EMFILE));
  net_works(client);
  xai_client_free(client);
  lb_stop(s);
}

/* ---- fork ---- */

/* What a child needs. */
typedef struct copy {
  xai_client *client;
  xai_call_id id;         /* a call in flight       */
  const check_heap *heap; /* that the client is on  */
  const lb_server *server;
} copy;

/* What `use` gives in a child; 100 when it died. The child ends as another program, for a checker that looks for
 * leaks at an exit would find all that is the parent's. */
static int in_child(int (*use)(const copy *), const copy *arg) {
  int ends[2];
  char verdict = 100;
  fflush(stdout);
  if (pipe(ends) != 0) return 100;
  pid_t child = fork();
  if (child == 0) {
    verdict = (char)use(arg);
    fflush(stdout);
    if (write(ends[1], &verdict, 1) == 1) execlp("true", "true", NULL);
    _exit(1);
  }
  close(ends[1]);
  while (read(ends[0], &verdict, 1) < 0 && errno == EINTR) continue;
  close(ends[0]);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  return verdict;
}

/* 0 when the copy refuses everything and lets go of all that is ours. */
static int use_the_copy(const copy *arg) {
  xai_event event;
  xai_error err;
  xai_request request = net_request("/responses", "{}", false);
  int descriptors = open_descriptors();
  if (xai_client_step(arg->client, 1000) != XAI_ERR_STATE) return 1;
  if (xai_call_start(arg->client, &request, &err).id != 0 || err.code != XAI_ERR_STATE) return 2;
  if (strstr(err.message, "forked") == NULL || strstr(err.message, NET_KEY) != NULL) return 3;
  if (xai_client_next(arg->client, &event) != XAI_MORE || xai_client_fd(arg->client) != -1) return 4;
  xai_call_cancel(arg->client, arg->id);
  xai_client_free(arg->client);
  if (arg->heap->live != 0) return 5;
  return open_descriptors() < descriptors ? 0 : 6;
}

static int use_an_own_one(const copy *arg) {
  check_bad = 0;
  xai_client *own = net_open(arg->server);
  net_works(own);
  xai_client_free(own);
  xai_client_free(arg->client);
  return check_bad;
}

static void F94_a_forked_childs_copy_refuses_and_the_parent_goes_on(void) {
  lb_server *s = serve(halting);
  check_heap heap = {0};
  xai_config config = net_config();
  config.mem = check_heap_mem(&heap);
  xai_client *client = net_open_at(&config, NULL, s->port);
  CHECK(xai_client_fd(client) >= 0); /* somebody watches it, so the timer in it is in use */
  net_call c;
  net_start(client, &c, net_request("/responses", "{}", true));
  until_text(client, &c);
  CHECK_INT(in_child(use_the_copy, &(copy){client, c.id, &heap, s}), 0);
  lb_open_gate(s, 1);
  net_run(client, &c);
  CHECK_INT(c.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(xai_str_of(c.text), "Hello");
  CHECK_INT(lb_seen(s, LB_REQUESTS), 1);
  net_ask(client, &c, true);
  CHECK_INT(c.outcome, XAI_OUTCOME_COMPLETE);
  xai_client_free(client);
  CHECK_INT(heap.live, 0);
  lb_stop(s);
}

/* A stream over TLS that stops half-way; then the peer must not have said farewell. */
typedef struct tls_halting {
  tls_server server;
  int farewells;
} tls_halting;

static void serve_halting(lb_server *s, int fd, size_t index) {
  tls_halting *self = s->user;
  (void)index;
  SSL *ssl = tls_accept(&self->server, fd);
  if (ssl == NULL) return;
  static const char first[] = SSE_HEAD "Connection: close\r\n\r\n" SSE_OPEN SSE_DELTA("Hel");
  static const char rest[] = SSE_DELTA("lo") SSE_COMPLETED;
  if (tls_read_request(ssl) && SSL_write(ssl, first, sizeof first - 1) > 0) {
    lb_add(s, LB_REQUESTS);
    lb_pass_gate(s, 1);
    struct pollfd look = {.fd = fd, .events = POLLIN};
    self->farewells += poll(&look, 1, 0);
    SSL_write(ssl, rest, sizeof rest - 1);
  }
  SSL_free(ssl);
}

static void F94_no_farewell_is_said_on_a_secure_connection_of_the_parent(void) {
  tls_authority authority = tls_authority_new("Fork Test");
  const tls_wish wish = {.name = "api", .issuer = &authority.identity};
  tls_identity identity = tls_make(&wish);
  tls_halting halves = {0};
  tls_server_init(&halves.server, &identity);
  lb_server *s = lb_start_serving(serve_halting, &halves);
  check_heap heap = {0};
  char base[64];
  snprintf(base, sizeof base, "https://127.0.0.1:%d/v1", s->port);
  xai_config config = net_config();
  config.ca_file = authority.file;
  config.mem = check_heap_mem(&heap);
  xai_client *client = net_open_at(&config, base, 0);
  net_call c;
  net_start(client, &c, net_request("/responses", "{}", true));
  until_text(client, &c);
  CHECK_INT(in_child(use_the_copy, &(copy){client, c.id, &heap, s}), 0);
  lb_open_gate(s, 1);
  net_run(client, &c);
  CHECK_INT(c.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(xai_str_of(c.text), "Hello");
  xai_client_free(client);
  lb_stop(s);
  CHECK_INT(halves.farewells, 0);
  tls_server_deinit(&halves.server);
  tls_identity_free(&identity);
  tls_authority_free(&authority);
}

static void F94_a_child_may_make_a_client_of_its_own(void) {
  lb_server *s = serve(answering);
  xai_client *client = net_open(s);
  net_works(client);
  CHECK_INT(in_child(use_an_own_one, &(copy){.client = client, .server = s}), 0);
  net_works(client); /* over the connection that it had kept */
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 2);
  xai_client_free(client);
  lb_stop(s);
}

/* ---- signals ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int number) {
  (void)number;
  alarms++;
}

/* A signal each millisecond, without SA_RESTART: every system call that waits is interrupted. The server's threads
 * are spared, for it is the client that is tested. */
static void storm(bool on) {
  struct itimerval timer = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void hold_alarms(bool hold) {
  sigset_t alarm_alone;
  sigemptyset(&alarm_alone);
  sigaddset(&alarm_alone, SIGALRM);
  pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &alarm_alone, NULL);
}

static void F96_signals_that_interrupt_every_system_call(void) {
  struct sigaction mine = {.sa_handler = on_alarm}, before;
  sigaction(SIGALRM, &mine, &before);
  hold_alarms(true);
  lb_server *s = serve(halting);
  alarms = 0;
  storm(true);
  /* The server starts its threads later, with the mask of the one that accepts. */
  hold_alarms(false);
  xai_client *client = net_open(s);
  net_call c;
  net_start(client, &c, net_request("/responses", "{}", true));
  uint64_t until = xai__poll_now() + 10000;
  while ((c.text_len == 0 || alarms < 50) && c.ends == 0 && xai__poll_now() < until) net_turn(client, 1000);
  CHECK(alarms >= 50);
  CHECK_INT(c.ends, 0); /* an interruption is no end */
  lb_open_gate(s, 1);
  net_run(client, &c);
  CHECK_INT(c.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(xai_str_of(c.text), "Hello");
  CHECK_INT(c.attempts, 1);
  storm(false);
  hold_alarms(true);
  xai_client_free(client);
  lb_stop(s);
  hold_alarms(false);
  sigaction(SIGALRM, &before, NULL);
}

/* What the library owes to a program that was told to end: cancel and close take no time, whatever is in flight. */
static void F97_cancel_and_close_take_no_time_with_a_hundred_calls_in_flight(void) {
  enum { CALLS = 100 };
  static net_call calls[CALLS];
  for (int close_alone = 0; close_alone < 2; close_alone++) {
    lb_server *s = serve(silent);
    xai_client *client = net_open(s);
    for (int i = 0; i < CALLS; i++) net_start(client, &calls[i], net_request("/responses", "{}", i % 2));
    uint64_t until = xai__poll_now() + 10000;
    while (lb_seen(s, LB_REQUESTS) < CALLS && xai__poll_now() < until) net_turn(client, 10);
    uint64_t begin = xai__poll_now();
    for (int i = 0; i < CALLS && !close_alone; i++) xai_call_cancel(client, calls[i].id);
    while (!close_alone && net_pull_one(client)) continue;
    uint64_t cancelled = xai__poll_now();
    xai_client_free(client);
    uint64_t closed = xai__poll_now();
    CHECK(cancelled - begin < (uint64_t)50 * slowness()); /* F63: 50 ms for each; this is for all of them */
    CHECK(closed - cancelled < (uint64_t)1000 * slowness());
    for (int i = 0; i < CALLS && !close_alone; i++) {
      CHECK_INT(calls[i].ends, 1);
      CHECK_INT(calls[i].outcome, XAI_OUTCOME_CANCELLED);
    }
    CHECK(lb_wait(s, LB_EOFS, CALLS)); /* so that the server can stop */
    lb_stop(s);
  }
}

/* ---- files ---- */

static char folder[] = "/tmp/xai-faults-XXXXXX";

static xai_error open_with_ca(const char *path) {
  xai_config config = net_config();
  config.ca_file = path;
  xai_error err;
  xai_client *client = xai_client_new(&config, &err);
  CHECK_INT(client == NULL, err.code != XAI_OK);
  xai_client_free(client);
  return err;
}

static void write_file(const char *path, mode_t mode) {
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  if (file == NULL) return;
  fputs("-----BEGIN CERTIFICATE-----\n", file);
  fclose(file);
  chmod(path, mode);
}

static void F99_a_file_that_cannot_be_read_is_a_clear_error_at_opening(void) {
  static char longest[4097];
  char path[128];
  memset(longest, 'x', sizeof longest - 1);
  longest[0] = '/';
  snprintf(path, sizeof path, "%s/missing/bundle.pem", folder);
  const char *const rows[][2] = {
    {path, "no such file"}, {folder, "it is a folder"}, {longest, "path is too long"}, {"", "no such file"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    xai_error err = open_with_ca(rows[i][0]);
    CHECK_INT(err.code, XAI_ERR_TLS);
    CHECK_HAS(err.message, "ca_file");
    CHECK_HAS(err.message, rows[i][1]);
  }
  snprintf(path, sizeof path, "%s/private.pem", folder);
  write_file(path, 0);
  if (geteuid() != 0) CHECK_HAS(open_with_ca(path).message, "permission denied"); /* root reads everything */
  unlink(path);
}

static void F99_a_path_may_hold_spaces_and_line_ends(void) {
  char path[128];
  snprintf(path, sizeof path, "%s/a b\nc \"d\".pem", folder);
  write_file(path, 0600);
  CHECK_INT(open_with_ca(path).code, XAI_OK);
  unlink(path);
}

/* The library itself writes no file: there is none that a full disk could take away (F98). */
static void F98_no_file_is_made_by_a_client(void) {
  char before[4096];
  CHECK(getcwd(before, sizeof before) != NULL && chdir(folder) == 0);
  struct rlimit limit, none = {0};
  getrlimit(RLIMIT_FSIZE, &limit);
  none.rlim_max = limit.rlim_max;
  lb_server *s = serve(answering);
  fflush(stdout);
  setrlimit(RLIMIT_FSIZE, &none); /* as on a disk that is full: not one byte can be written to a file */
  xai_client *client = net_open(s);
  net_call c;
  net_ask(client, &c, false);
  xai_client_free(client);
  setrlimit(RLIMIT_FSIZE, &limit);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  lb_stop(s);
  DIR *dir = opendir(".");
  int entries = 0;
  while (dir != NULL && readdir(dir) != NULL) entries++;
  if (dir != NULL) closedir(dir);
  CHECK_INT(entries, 2); /* "." and ".." */
  CHECK(chdir(before) == 0);
}

/* ---- a program that is away ---- */

static uint64_t away_ms;

static uint64_t shifted_now(void *user) {
  (void)user;
  return xai__poll_now() + away_ms;
}

/* What came while nobody looked counts, though every limit of silence has passed meanwhile. */
static void F101_five_minutes_without_a_step_and_all_that_came_is_there(void) {
  lb_server *s = serve(halting);
  xai_config config = net_config();
  config.clock.now_ms = shifted_now;
  config.limits.deadline_ms = 3600000;
  away_ms = 0;
  xai_client *client = net_open_at(&config, NULL, s->port);
  net_call c;
  net_start(client, &c, net_request("/responses", "{}", true));
  until_text(client, &c);
  lb_open_gate(s, 1);
  CHECK(lb_wait(s, LB_CLOSED, 1)); /* all of it is on its way or here */
  away_ms = 300000;
  net_run(client, &c);
  CHECK_INT(c.outcome, XAI_OUTCOME_COMPLETE);
  CHECK_STR(xai_str_of(c.text), "Hello");
  CHECK(c.attempt[0].took_ms >= 300000);
  lb_open_gate(s, 1);
  net_ask(client, &c, true); /* kept connections may have lapsed: that is no fault of this call */
  CHECK_INT(c.outcome, XAI_OUTCOME_COMPLETE);
  xai_client_free(client);
  lb_stop(s);
}

static void F101_a_deadline_that_passed_meanwhile_fires_on_return(void) {
  wire w;
  wire_open(&w);
  for (int i = 0; i < 1000; i++) {
    xai_request request = XAI_REQUEST_INIT;
    request.path = "/responses";
    request.body = xai_str_of("{}");
    request.limits.deadline_ms = 1000 + (uint32_t)i;
    CHECK(xai_call_start(w.client, &request, NULL).id != 0);
  }
  uint32_t id, taken = 0;
  while ((id = wire_request_id(&w)) != 0) taken++;
  CHECK_INT(taken, 1000);
  wire_pass(&w, 300000);
  CHECK_INT(w.ends, 1000);
  CHECK_INT(w.error.code, XAI_ERR_DEADLINE);
  CHECK_INT(xai_client_pending(w.client), 0);
  CHECK_INT(xai_client_timeout(w.client), -1);
  wire_close(&w);
}

/* ---- many clients ---- */

/* Pages in memory; 0 where nobody says. */
static long resident(void) {
  long pages = 0, all = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%ld %ld", &all, &pages) != 2) pages = 0;
  fclose(file);
  return pages;
}

/* Ten of them make a call. */
static void make_and_close(int count) {
  lb_server *s = serve(answering);
  for (int i = 0; i < count && !check_bad; i++) {
    check_heap heap = {0};
    xai_config config = net_config();
    config.mem = check_heap_mem(&heap);
    xai_client *client = net_open_at(&config, NULL, s->port);
    if (i % (count / 10) == 0) net_works(client);
    xai_client_free(client);
    CHECK_INT(heap.live, 0);
    CHECK_INT(heap.bytes, 0);
  }
  lb_stop(s);
}

static void F102_ten_thousand_clients_leave_nothing(void) {
  int count = slowness() > 1 ? 1000 : 10000;
  make_and_close(1000);
  long pages = resident();
  int descriptors = open_descriptors();
  make_and_close(count);
  CHECK_INT(open_descriptors(), descriptors);
  /* Checkers keep what was freed for a while. */
  if (slowness() == 1 && pages > 0) CHECK_INT(resident() > pages + pages / 100 ? resident() : pages, pages);
}

/* ---- the locale ---- */

/* A locale of our own with a comma, as few machines have one installed. */
static bool make_comma_locale(void) {
  char command[512];
  snprintf(command, sizeof command,
           "cd %s && printf '%%s\\n' LC_NUMERIC 'decimal_point \",\"' 'thousands_sep \".\"' 'grouping 3;3' "
           "'END LC_NUMERIC' LC_CTYPE 'copy \"POSIX\"' 'END LC_CTYPE' >source && "
           "localedef -c -i source -f ANSI_X3.4-1968 ./comma >/dev/null 2>&1; rm -f source; test -d comma",
           folder);
  return system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 && setlocale(LC_ALL, "comma") != NULL;
}

static void F103_numbers_have_a_point_where_the_locale_has_a_comma(void) {
  if (!make_comma_locale()) {
    check_not_run("no locale with a comma can be made here (localedef and its sources are missing)");
    return;
  }
  char shown[16];
  snprintf(shown, sizeof shown, "%.1f", 1.5);
  CHECK_STR(xai_str_of(shown), "1,5"); /* it is on */
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_json_put_real(writer, 1234.5, false);
  xai_str text;
  CHECK_INT(xai_json_writer_end(writer, &text, NULL), XAI_OK);
  CHECK_STR(text, "1234.5");
  xai_json_writer_free(writer);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  double value = 0;
  CHECK(xai_json_real(xai_json_parse(doc, "0.25", 4, 0, NULL), &value));
  CHECK(value == 0.25);
  CHECK(xai_json_parse(doc, "0,25", 4, 0, NULL) == NULL);
  xai_json_doc_free(doc);

  static const lb_step busy[] = {
    READ, WRITE("HTTP/1.1 503 Busy\r\nRetry-After: 0.001\r\nContent-Length: 0\r\n\r\n"), AGAIN};
  long requests;
  net_call c = net_script(busy, false, &requests);
  CHECK(c.attempts > 1 && c.attempt[1].waited_ms < 1000);
  setlocale(LC_ALL, "C");
  unsetenv("LOCPATH");
}

int main(void) {
  forget_environment();
  if (mkdtemp(folder) == NULL) return 2;
  RUN(F92_a_client_works_after_each_failed_allocation);
  RUN(F93_a_call_without_descriptors_is_not_sent_and_the_next_one_works);
  RUN(F94_a_forked_childs_copy_refuses_and_the_parent_goes_on);
  RUN(F94_no_farewell_is_said_on_a_secure_connection_of_the_parent);
  RUN(F94_a_child_may_make_a_client_of_its_own);
  RUN(F96_signals_that_interrupt_every_system_call);
  RUN(F97_cancel_and_close_take_no_time_with_a_hundred_calls_in_flight);
  RUN(F98_no_file_is_made_by_a_client);
  RUN(F99_a_file_that_cannot_be_read_is_a_clear_error_at_opening);
  RUN(F99_a_path_may_hold_spaces_and_line_ends);
  RUN(F101_five_minutes_without_a_step_and_all_that_came_is_there);
  RUN(F101_a_deadline_that_passed_meanwhile_fires_on_return);
  RUN(F102_ten_thousand_clients_leave_nothing);
  RUN(F103_numbers_have_a_point_where_the_locale_has_a_comma);
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command) != 0) printf("%s stays\n", folder);
  return check_report("faults of the process");
}
