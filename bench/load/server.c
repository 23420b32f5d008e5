/* server.c - what the benchmarks talk to: an API that answers at once, in one thread, on loopback.
 * SPDX-License-Identifier: MIT
 *
 *   server [--tls CERT KEY]      prints its port; ends when its standard input does
 *
 * The path says what comes, whatever the request holds; what is before /v1 is the client's base URL:
 *   /small/v1/responses              a whole answer of 0.7 KB
 *   /flat/COUNT/v1/responses         a stream of COUNT text deltas, as fast as it is read
 *   /rate/HZ/COUNT/v1/responses      a stream of COUNT text deltas, HZ a second; each holds the microsecond
 *                                    (CLOCK_MONOTONIC) at which it was sent. Streams of one rate share its period out
 *                                    evenly among them, whenever they were opened.
 *
 * Numbers count, words change and streams differ in their items' names, as in life: LuaJIT finds its texts by a few of
 * their bytes, and takes long where only others differ.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_REQUEST = 8192,
  BATCH = 64,
  TICK_US = 100,
  TICKS_A_SECOND = 1000000 / TICK_US,
  WHEEL = 16384, /* ticks: more than the longest period                  */
  DELTAS_A_BLOCK = 64,
  VOICES = 64,
  FIRST_NUMBER = 100000, /* all have as many digits, for a while */
  NUMBER_DIGITS = 6,
  TIME_DIGITS = 16,
  MAX_BLOCK = 32768,
  BARE_EVENT = 150, /* bytes that are in every event behind its number */
  MAX_EVENT = 1024
};

/* What one stream says: as all others, but under a name of its own. */
typedef struct voice {
  char id[37], prologue[4096], block[MAX_BLOCK], timed[MAX_EVENT], epilogue[8192];
} voice;

/* What each event needs comes first, and what only requests need last: thousands of peers share the cache. */
typedef struct peer {
  int fd;
  bool streams; /* the end of the stream is still to be written          */
  bool blocked; /* the queue tells when more can be written              */
  SSL *ssl;
  const char *out; /* what is being written                                 */
  size_t out_len;
  size_t out_at;
  uint64_t blocks;    /* flat: blocks left; rate: events left                  */
  uint32_t every;     /* rate: ticks from one event to the next                */
  uint32_t phase;     /* rate: where in these its own tick is                  */
  unsigned number;    /* of the next event                                     */
  struct peer *next;  /* in the wheel                                          */
  struct peer **back; /* ... what points to this one; NULL: it is not there    */
  const voice *voice;
  char *block;           /* flat: what this peer gets next, its numbers its own   */
  char timed[MAX_EVENT]; /* rate: the same                                        */
  size_t skip;           /* body bytes of the request still to come               */
  size_t in_len;
  char in[MAX_REQUEST];
} peer;

static SSL_CTX *tls;
static int queue, timer;
static peer *wheel[WHEEL], *dead;
static size_t in_wheel;
static uint64_t tick; /* up to which the wheel has turned */
static char small[4096];
static size_t prologue_len, block_len, timed_len, epilogue_len, small_len;
static size_t number_at, time_at; /* in a timed event */

static voice voices[VOICES];

static uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- what is said */

#define ID "769f3302-64f9-4c72-2b48-860c87fd9b2a" /* the first voice's; the others put theirs in its place */
#define ITEM "\"item_id\":\"msg_" ID "\",\"output_index\":0,\"content_index\":0"
#define MESSAGE(status, content)                                        \
  "{\"id\":\"msg_" ID "\",\"type\":\"message\",\"role\":\"assistant\"," \
  "\"status\":\"" status "\",\"content\":[" content "]}"
#define PART "{\"type\":\"output_text\",\"text\":\"Tides lag the Moon.\",\"annotations\":[],\"logprobs\":[]}"
#define RESPONSE(status, output)                                                                           \
  "{\"id\":\"resp_0d9b6a5e\",\"object\":\"response\",\"created_at\":1790002000,\"status\":\"" status "\"," \
  "\"model\":\"grok-4.6\",\"output\":[" output "],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\","  \
  "\"tools\":[],\"text\":{\"format\":{\"type\":\"text\"}},\"store\":false,\"error\":null,"                 \
  "\"incomplete_details\":null,\"temperature\":null,\"top_p\":null,\"usage\":{\"input_tokens\":12,"        \
  "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":9,\"output_tokens_details\":"          \
  "{\"reasoning_tokens\":0},\"total_tokens\":21}}"

static size_t add_event(char *to, const char *name, const char *data) {
  return (size_t)sprintf(to, "event: %s\ndata: %s\n\n", name, data);
}

static size_t as_chunk(char *to, const char *bytes, size_t len) {
  size_t n = (size_t)sprintf(to, "%zx\r\n", len);
  memcpy(to + n, bytes, len);
  memcpy(to + n + len, "\r\n", 2);
  return n + len + 2;
}

static void speak_as(const char *id, char *text, size_t len) {
  for (char *at = text; (at = memmem(at, (size_t)(text + len - at), ID, sizeof ID - 1)) != NULL;)
    memcpy(at, id, sizeof ID - 1);
}

/* An event of 245 bytes, as the API's are. */
static size_t add_delta(char *to, unsigned number, const char *text) {
  char data[512];
  snprintf(data, sizeof data,
           "{\"sequence_number\":%u,\"type\":\"response.output_text.delta\"," ITEM
           ",\"delta\":\"%s\",\"logprobs\":[]}",
           number, text);
  return add_event(to, "response.output_text.delta", data);
}

static void compose_voice(voice *v) {
  static const char *const words[] = {" tide", " moon", " ebbs", " neap", " gyre", " wave", " salt", " reef"};
  char raw[MAX_BLOCK];
  size_t n = add_event(
    raw, "response.created",
    "{\"type\":\"response.created\",\"sequence_number\":0,\"response\":" RESPONSE("in_progress", "") "}");
  n += add_event(
    raw + n, "response.output_item.added",
    "{\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":" MESSAGE(
      "in_progress", "") "}");
  n += add_event(raw + n, "response.content_part.added",
                 "{\"type\":\"response.content_part.added\",\"sequence_number\":2," ITEM
                 ",\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}");
  prologue_len = (size_t)sprintf(v->prologue, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                              "Transfer-Encoding: chunked\r\n\r\n");
  prologue_len += as_chunk(v->prologue + prologue_len, raw, n);
  n = 0;
  for (int i = 0; i < DELTAS_A_BLOCK; i++) n += add_delta(raw + n, FIRST_NUMBER, words[i % 8]);
  block_len = as_chunk(v->block, raw, n);
  timed_len = as_chunk(v->timed, raw, add_delta(raw, FIRST_NUMBER, " 0000000000000000"));
  n = add_event(raw, "response.output_text.done",
                "{\"type\":\"response.output_text.done\",\"sequence_number\":9001," ITEM
                ",\"text\":\"Tides lag the Moon.\",\"logprobs\":[]}");
  n += add_event(
    raw + n, "response.output_item.done",
    "{\"type\":\"response.output_item.done\",\"sequence_number\":9002,\"output_index\":0,\"item\":" MESSAGE(
      "completed", PART) "}");
  n += add_event(raw + n, "response.completed",
                 "{\"type\":\"response.completed\",\"sequence_number\":9003,\"response\":" RESPONSE(
                   "completed", MESSAGE("completed", PART)) "}");
  epilogue_len = as_chunk(v->epilogue, raw, n);
  epilogue_len += (size_t)sprintf(v->epilogue + epilogue_len, "0\r\n\r\n");
  speak_as(v->id, v->prologue, prologue_len);
  speak_as(v->id, v->block, block_len);
  speak_as(v->id, v->timed, timed_len);
  speak_as(v->id, v->epilogue, epilogue_len);
}

static size_t behind(const char *text, const char *mark) {
  return (size_t)(strstr(text, mark) - text) + strlen(mark);
}

static void compose(void) {
  for (unsigned i = 0; i < VOICES; i++) {
    uint64_t mixed = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    snprintf(voices[i].id, sizeof voices[i].id, "%08x-%04x-4c72-%04x-%012llx", (unsigned)(mixed >> 32),
             (unsigned)(mixed >> 16 & 0xffff), (unsigned)(mixed & 0xffff),
             (unsigned long long)(mixed * mixed & UINT64_C(0xffffffffffff)));
    compose_voice(&voices[i]);
  }
  number_at = behind(voices[0].timed, "\"sequence_number\":");
  time_at = behind(voices[0].timed, "\"delta\":\" ");
  static const char whole[] = RESPONSE("completed", MESSAGE("completed", PART));
  small_len = (size_t)sprintf(
    small, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
    sizeof whole - 1, whole);
}

/* ---- peers */

static void watch(peer *p, int op, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = p};
  epoll_ctl(queue, op, p->fd, &e);
}

static void into_wheel(peer *p) {
  peer **slot = &wheel[(tick + 1 + (p->phase + p->every - (tick + 1) % p->every) % p->every) % WHEEL];
  p->next = *slot;
  if (p->next) p->next->back = &p->next;
  p->back = slot;
  *slot = p;
  in_wheel++;
}

static void out_of_wheel(peer *p) {
  *p->back = p->next;
  if (p->next) p->next->back = p->back;
  p->back = NULL;
  in_wheel--;
}

/* Freed when the batch of events is over: one of them may still name it. */
static void drop(peer *p) {
  if (p->back) out_of_wheel(p);
  if (p->ssl) SSL_free(p->ssl);
  close(p->fd);
  p->fd = -1;
  p->next = dead;
  dead = p;
}

static ssize_t put(peer *p, const char *bytes, size_t len) {
  if (p->ssl == NULL) return send(p->fd, bytes, len, MSG_NOSIGNAL);
  int n = SSL_write(p->ssl, bytes, (int)len);
  if (n > 0) return n;
  errno = SSL_get_error(p->ssl, n) <= SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
  return -1;
}

static ssize_t take(peer *p, char *bytes, size_t len) {
  if (p->ssl == NULL) return recv(p->fd, bytes, len, 0);
  int n = SSL_read(p->ssl, bytes, (int)len);
  if (n > 0) return n;
  int why = SSL_get_error(p->ssl, n);
  errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
  return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static void say(peer *p, const char *bytes, size_t len) {
  p->out = bytes;
  p->out_len = len;
  p->out_at = 0;
}

static void put_digits(char *to, int digits, uint64_t value) {
  for (; digits > 0; value /= 10) to[--digits] = (char)('0' + value % 10);
}

/* The block that is next, with its events numbered on. */
static const char *next_block(peer *p) {
  static const char before[] = "{\"sequence_number\":";
  if (p->block == NULL) p->block = malloc(block_len);
  if (p->block == NULL) exit(1);
  memcpy(p->block, p->voice->block, block_len);
  for (char *at = p->block;
       (at = memmem(at, (size_t)(p->block + block_len - at), before, sizeof before - 1)) != NULL;) {
    at += sizeof before - 1;
    put_digits(at, NUMBER_DIGITS, p->number++);
    at += BARE_EVENT;
  }
  return p->block;
}

/* What follows what has been written; false: nothing for now. */
static bool say_more(peer *p) {
  if (!p->streams || p->back) return false;
  if (p->blocks > 0 && p->every == 0) {
    p->blocks--;
    say(p, next_block(p), block_len);
  } else if (p->blocks > 0) {
    into_wheel(p);
    return false;
  } else {
    p->streams = false;
    say(p, p->voice->epilogue, epilogue_len);
  }
  return true;
}

/* Whether the queue is to tell when more can be written. */
static void set_blocked(peer *p, bool blocked) {
  if (p->blocked != blocked) watch(p, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  p->blocked = blocked;
}

/* False: the peer is gone. */
static bool flush_peer(peer *p) {
  while (p->out_len > 0 || say_more(p)) {
    ssize_t n = put(p, p->out + p->out_at, p->out_len - p->out_at);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      drop(p);
      return false;
    }
    if (n < 0) {
      set_blocked(p, true);
      return true;
    }
    p->out_at += (size_t)n;
    if (p->out_at == p->out_len) p->out_len = 0;
  }
  set_blocked(p, false);
  return true;
}

static void answer(peer *p, const char *path) {
  unsigned long long count = 0;
  unsigned hz = 0;
  p->streams = false;
  p->every = 0;
  if (sscanf(path, "/rate/%u/%llu/", &hz, &count) == 2 && hz > 0 && hz <= 1000) {
    p->every = TICKS_A_SECOND / hz;
    p->blocks = count;
  } else if (sscanf(path, "/flat/%llu/", &count) == 1) {
    p->blocks = count / DELTAS_A_BLOCK;
  } else {
    say(p, small, small_len);
    return;
  }
  static unsigned streams;
  p->voice = &voices[++streams % VOICES];
  p->phase = p->every ? streams * 7919 % p->every : 0;
  p->number = FIRST_NUMBER;
  p->streams = true;
  say(p, p->voice->prologue, prologue_len);
}

/* One request at a time, as our clients have it. False: the peer is gone. */
static bool read_peer(peer *p) {
  for (;;) {
    ssize_t n = take(p, p->in + p->in_len, sizeof p->in - 1 - p->in_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (n <= 0) {
      drop(p);
      return false;
    }
    p->in_len += (size_t)n;
    if (p->skip > 0) {
      size_t gone = p->skip < p->in_len ? p->skip : p->in_len;
      p->skip -= gone;
      p->in_len -= gone;
      memmove(p->in, p->in + gone, p->in_len);
      if (p->skip > 0 || p->out_len > 0) continue;
    }
    p->in[p->in_len] = '\0';
    char *end = strstr(p->in, "\r\n\r\n"), *length = strcasestr(p->in, "\r\ncontent-length:");
    if (end == NULL) {
      if (p->in_len == sizeof p->in - 1) return drop(p), false;
      continue;
    }
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    size_t held = p->in_len - (size_t)(end + 4 - p->in);
    char *path = strchr(p->in, ' ');
    if (strcasestr(p->in, "\r\nexpect:") != NULL) put(p, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    answer(p, path ? path + 1 : "/");
    p->skip = body > held ? body - held : 0;
    p->in_len = 0;
    if (p->skip == 0 && !flush_peer(p)) return false;
    if (p->skip > 0) continue;
  }
}

static void welcome(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    peer *p = calloc(1, sizeof *p);
    if (p == NULL) exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    p->fd = fd;
    if (tls) {
      p->ssl = SSL_new(tls);
      SSL_set_fd(p->ssl, fd);
      SSL_set_accept_state(p->ssl);
    }
    watch(p, EPOLL_CTL_ADD, EPOLLIN);
  }
}

/* A body that came in a later piece than its head has been skipped: now the answer may go. */
static void serve(peer *p, uint32_t events) {
  if (p->fd < 0) return;
  if (events & EPOLLOUT) {
    if (!flush_peer(p)) return;
  }
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    if (read_peer(p) && p->skip == 0 && p->out_len > 0) flush_peer(p);
  }
}

static void send_timed(peer *p) {
  out_of_wheel(p);
  p->blocks--;
  memcpy(p->timed, p->voice->timed, timed_len);
  put_digits(p->timed + number_at, NUMBER_DIGITS, p->number++);
  put_digits(p->timed + time_at, TIME_DIGITS, now_us());
  say(p, p->timed, timed_len);
  flush_peer(p);
}

/* A tick's peers go to other ticks, or nowhere, as they are served. */
static void turn_wheel(void) {
  uint64_t now = now_us() / TICK_US;
  while (in_wheel > 0 && tick < now) {
    peer **slot = &wheel[++tick % WHEEL];
    while (*slot != NULL) send_timed(*slot);
  }
  if (in_wheel == 0) tick = now;
}

/* The queue is to wake us for the next that speak. */
static void set_timer(void) {
  static uint64_t set;
  uint64_t next = 0;
  if (in_wheel > 0)
    for (next = tick + 1; wheel[next % WHEEL] == NULL;) next++;
  if (next == set) return;
  uint64_t us = next * TICK_US;
  struct itimerspec when = {.it_value = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
  set = next;
}

static int listen_on_loopback(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 4096) != 0) exit(1);
  getsockname(fd, (struct sockaddr *)&at, &len);
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

static void use_tls(const char *cert, const char *key) {
  tls = SSL_CTX_new(TLS_server_method());
  if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
    exit(1);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "--tls") == 0) use_tls(argv[2], argv[3]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  signal(SIGPIPE, SIG_IGN);
  compose();
  queue = epoll_create1(EPOLL_CLOEXEC);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  int listener = listen_on_loopback();
  static int special[3]; /* their addresses tell them from peers */
  epoll_ctl(queue, EPOLL_CTL_ADD, listener,
            &(struct epoll_event){.events = EPOLLIN, .data.ptr = &special[0]});
  epoll_ctl(queue, EPOLL_CTL_ADD, timer,
            &(struct epoll_event){.events = EPOLLIN | EPOLLET, .data.ptr = &special[1]});
  epoll_ctl(queue, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &special[2]});
  for (;;) {
    struct epoll_event events[BATCH];
    set_timer();
    int n = epoll_wait(queue, events, BATCH, -1);
    for (int i = 0; i < n; i++) {
      void *what = events[i].data.ptr;
      if (what == &special[2]) return 0;
      if (what == &special[0]) welcome(listener);
      else if (what != &special[1]) serve(what, events[i].events);
    }
    turn_wheel();
    while (dead != NULL) {
      peer *p = dead;
      dead = p->next;
      free(p->block);
      free(p);
    }
  }
}
