/* xai_client.c - the pool of calls: handles, the queue of ready events, the turn of the crank.
 * SPDX-License-Identifier: MIT
 *
 * A slot holds one call. Whatever happens to a call marks its slot as touched; `refresh` then does what the
 * call wants (start, stop, resume, be woken, be pulled) at a moment when the transport allows it.
 */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xai_call.h"
#include "xai_client.h"
#include "xai_door.h"
#include "xai_log_call.h"
#include "xai_scripted.h"
#include "xai_timers.h"
#include "xai_transport_host.h"

enum { DEFAULT_MAX_CALLS = 16384, MOST_CALLS = 65535, DRAIN_MS = 100, LATE_MS = 1000, INDEX_BITS = 16 };

static const char default_base_url[] = "https://api.x.ai/v1";
static const char library_agent[] = "xai-lua-c/" XAI_VERSION;

typedef struct slot {
  xai_client *client;
  xai_call *call;            /* NULL: the slot is free                               */
  xai_exchange *exchange;    /* NULL: none in flight                                 */
  xai_exchange_request wire; /* what the transport borrows                           */
  uint32_t index;
  uint16_t generation;  /* never 0                                              */
  bool is_ready;        /* in the ready queue                                   */
  bool is_touched;      /* in the touched list                                  */
  bool is_held;         /* the caller wants no events of it now: never ready    */
  bool is_announced;    /* xai_client_next says only that there are some        */
  bool is_told;         /* ... has said so, and they are not all taken          */
  uint64_t timer_at;    /* earliest promise to look, UINT64_MAX: none           */
  uint64_t drain_until; /* the rest of a complete answer may come until here    */
  xai_log_mark told;    /* to the log                                           */
  struct slot *next_ready;
  struct slot *next_touched;
  struct slot *next_free;
} slot;

struct xai_client {
  xai_door door;
  xai_call_shared shared; /* its mem is the client's                                 */
  xai_clock clock;
  uint64_t now;        /* of this turn                                            */
  uint64_t stepped_at; /* the end of the last turn                                */
  bool now_is_old;     /* the transport has waited since it was read              */
  char *base_url;
  size_t base_url_size;
  xai_keys keys;
  xai_log log;
  char *user_agent;
  size_t user_agent_size;
  xai_limits limits;
  xai_transport_kind transport_kind;
  xai_transport *transport;
  uint32_t max_calls;
  slot **slots;
  size_t slot_count;
  size_t slot_room;
  slot *first_free;
  slot *first_ready, *last_ready;
  slot *first_touched;
  slot *spent; /* its END was given; freed at the next call of ours       */
  size_t pending;
  uint64_t alarm_at;
  bool look_at_all; /* a promise to look could not be kept in the heap         */
  xai_timers timers;
};

/* ---- the clocks */

static uint64_t system_now_ms(void *user) {
  (void)user;
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int64_t system_wall_s(void *user) {
  (void)user;
  return (int64_t)time(NULL);
}

static void read_clock(xai_client *client) {
  uint64_t now = client->clock.now_ms(client->clock.user);
  if (now > client->now) client->now = now; /* a clock that goes back is held */
  client->now_is_old = false;
}

static void read_wall(xai_client *client) {
  client->shared.wall_s = client->shared.gate.spend.wall_s = client->clock.wall_s(client->clock.user);
}

/* ---- handles */

static xai_call_id id_of(const slot *s) {
  return (xai_call_id){(uint32_t)s->generation << INDEX_BITS | s->index};
}

static slot *slot_of(const xai_client *client, xai_call_id id) {
  size_t index = id.id & ((1u << INDEX_BITS) - 1);
  if (index >= client->slot_count) return NULL;
  slot *s = client->slots[index];
  return s->call != NULL && id_of(s).id == id.id ? s : NULL;
}

static xai_code add_slot(xai_client *client) {
  const xai_mem *mem = &client->shared.mem;
  if (client->slot_count == client->slot_room) {
    size_t room = client->slot_room ? client->slot_room * 2 : 8;
    slot **slots = xai__realloc(mem, client->slots, client->slot_room * sizeof *slots, room * sizeof *slots);
    if (slots == NULL) return XAI_ERR_NOMEM;
    client->slots = slots;
    client->slot_room = room;
  }
  slot *s = xai__alloc(mem, sizeof *s);
  if (s == NULL) return XAI_ERR_NOMEM;
  *s =
    (slot){.client = client, .index = (uint32_t)client->slot_count, .generation = 1, .timer_at = UINT64_MAX};
  client->slots[client->slot_count++] = s;
  s->next_free = client->first_free;
  client->first_free = s;
  return XAI_OK;
}

static slot *take_slot(xai_client *client, xai_error *err) {
  if (client->first_free == NULL && client->slot_count >= client->max_calls) {
    xai__fail(err, XAI_ERR_FULL, "%u calls are in flight, max_calls", client->max_calls);
    return NULL;
  }
  if (client->first_free == NULL && add_slot(client) != XAI_OK) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    return NULL;
  }
  slot *s = client->first_free;
  client->first_free = s->next_free;
  s->next_free = NULL;
  s->is_held = s->is_announced = s->is_told = false;
  s->told = (xai_log_mark){0};
  s->drain_until = UINT64_MAX; /* timer_at stays: a promise of the slot's last call still holds */
  return s;
}

static void release(slot *s) {
  xai_client *client = s->client;
  xai__call_free(s->call);
  s->call = NULL;
  s->generation = (uint16_t)(s->generation == UINT16_MAX ? 1 : s->generation + 1);
  s->next_free = client->first_free;
  client->first_free = s;
}

/* ---- the two lists */

static void push_ready(slot *s) {
  xai_client *client = s->client;
  if (s->is_ready || s->is_held || s->is_told) return;
  s->is_ready = true;
  s->next_ready = NULL;
  if (client->last_ready != NULL) client->last_ready->next_ready = s;
  else client->first_ready = s;
  client->last_ready = s;
}

static slot *pop_ready(xai_client *client) {
  slot *s = client->first_ready;
  if (s == NULL) return NULL;
  client->first_ready = s->next_ready;
  if (client->first_ready == NULL) client->last_ready = NULL;
  s->is_ready = false;
  return s;
}

/* Those held since they came into the queue leave it, so that nothing waits for them. */
static void drop_held(xai_client *client) {
  slot *s = client->first_ready;
  client->first_ready = client->last_ready = NULL;
  while (s != NULL) {
    slot *next = s->next_ready;
    s->is_ready = false;
    push_ready(s);
    s = next;
  }
}

static void touch(slot *s) {
  if (s->is_touched) return;
  s->is_touched = true;
  s->next_touched = s->client->first_touched;
  s->client->first_touched = s;
}

/* ---- what the transport tells a call */

static xai_call *call_of(slot *s) {
  if (s->client->now_is_old) read_clock(s->client);
  touch(s);
  return s->call;
}

static void on_status(void *user, int status) {
  slot *s = user;
  xai__call_status(call_of(s), s->client->now, status);
}

static xai_code on_header(void *user, xai_str name, xai_str value) {
  return xai__call_header(call_of(user), name, value);
}

static xai_code on_body(void *user, const char *bytes, size_t len) {
  slot *s = user;
  xai_call *call = call_of(s);
  return xai__call_body(call, s->client->now, bytes, len);
}

static void on_done(void *user, const xai_exchange_end *end) {
  slot *s = user;
  s->exchange = NULL;
  xai__call_done(call_of(s), s->client->now, end);
}

/* ---- doing what a call wants */

static void start_attempt(slot *s) {
  xai_client *client = s->client;
  const xai_request_copy *request = &s->call->request;
  s->wire = (xai_exchange_request){.method = request->method,
                                   .url = request->url,
                                   .headers = request->headers,
                                   .header_count = request->header_count,
                                   .body = request->body,
                                   .connect_ms = request->limits.connect_ms,
                                   .handshake_ms = request->limits.handshake_ms,
                                   .silence_ms = request->limits.silence_ms,
                                   .max_headers = request->limits.max_headers,
                                   .max_response = request->limits.max_response,
                                   .stream = request->stream,
                                   .compress = !request->stream && request->reply != XAI_REPLY_BYTES};
  xai_sink sink = {s, on_status, on_header, on_body, on_done};
  s->exchange = client->transport->ops->start(client->transport, &s->wire, &sink);
  if (s->exchange == NULL) {
    xai__call_not_started(s->call, client->now);
  } else if (xai__call_started(s->call, client->now) != XAI_OK) {
    client->transport->ops->cancel(client->transport, s->exchange);
    s->exchange = NULL;
  }
}

/* The exchange is no longer needed: a complete answer may let its connection come to rest for reuse. */
static void stop_exchange(slot *s) {
  xai_client *client = s->client;
  bool drain = s->call->outcome == XAI_OUTCOME_COMPLETE;
  if (drain && s->drain_until == UINT64_MAX) s->drain_until = client->now + DRAIN_MS;
  if (drain && client->now < s->drain_until) return;
  client->transport->ops->cancel(client->transport, s->exchange);
  s->exchange = NULL;
}

/* Without memory for an entry all calls are looked at with the next step. */
static void promise_to_look(slot *s) {
  uint64_t at = s->exchange != NULL ? s->drain_until : UINT64_MAX;
  uint64_t wake_at = xai__call_wake_at(s->call);
  if (wake_at < at) at = wake_at;
  if (at >= s->timer_at) return;
  if (xai__timers_add(&s->client->timers, at, s->index) == XAI_OK) s->timer_at = at;
  else s->client->look_at_all = true;
}

static void tell_log(slot *s) {
  xai_client *client = s->client;
  if (client->log.fn == NULL) return;
  int64_t wall_s = client->clock.wall_s(client->clock.user);
  xai__log_call(&client->log, &s->told, id_of(s).id, s->call, client->now, wall_s);
}

/* An answer may begin before its request was sent to the end. */
static void drop_spent_body(slot *s) {
  const xai_transport *transport = s->client->transport;
  bool (*needs_body)(const xai_transport *, const xai_exchange *) = transport->ops->needs_body;
  if (needs_body == NULL || needs_body(transport, s->exchange)) return;
  xai__request_drop_body(&s->call->request);
  s->wire.body.ptr = NULL;
}

static void refresh(slot *s) {
  xai_client *client = s->client;
  tell_log(s);
  if (s->exchange == NULL && xai__call_wants_start(s->call, client->now)) {
    start_attempt(s);
    tell_log(s);
  }
  if (s->exchange != NULL && !xai__call_needs_exchange(s->call)) stop_exchange(s);
  if (s->exchange != NULL && xai__call_has_spent_body(s->call)) drop_spent_body(s);
  if (s->exchange != NULL && xai__call_wants_resume(s->call))
    client->transport->ops->resume(client->transport, s->exchange);
  if (s->call->state == CALL_TAKEN) {
    if (s->exchange != NULL) promise_to_look(s);
    else if (s != client->spent) release(s);
    return;
  }
  promise_to_look(s);
  if (xai__call_ready(s->call)) push_ready(s);
}

/* Those who waited in line and whose turn it is now, or never. */
static void call_up(xai_client *client) {
  xai_call_shared *shared = &client->shared;
  xai_gate_answer answer;
  xai_ticket *ticket;
  while ((ticket = xai__gate_next(&shared->gate, client->now, &shared->random, &answer)) != NULL) {
    slot *s = ticket->user;
    if (answer.what == XAI_ADMIT_NEVER) xai__call_turned_away(s->call, client->now, &answer);
    refresh(s);
  }
}

static void refresh_touched(xai_client *client) {
  while (client->first_touched != NULL) {
    slot *s = client->first_touched;
    client->first_touched = s->next_touched;
    s->is_touched = false;
    if (s->call != NULL) refresh(s);
  }
  call_up(client);
}

static void look(slot *s) {
  if (s->call == NULL) return;
  xai__call_tick(s->call, s->client->now);
  refresh(s);
}

static void fire_timers(xai_client *client) {
  xai_timer timer;
  while (xai__timers_take(&client->timers, client->now, &timer)) {
    slot *s = client->slots[timer.id];
    if (timer.at != s->timer_at) continue;
    s->timer_at = UINT64_MAX;
    look(s);
  }
  if (!client->look_at_all) return;
  client->look_at_all = false;
  for (size_t i = 0; i < client->slot_count; i++) look(client->slots[i]);
}

/* What was given out last is not borrowed any more. */
static void let_go(xai_client *client) {
  slot *s = client->spent;
  client->spent = NULL;
  if (s != NULL && s->exchange == NULL) release(s);
}

static uint64_t next_moment(const xai_client *client) {
  uint64_t call_at = xai__timers_next(&client->timers), gate_at = xai__gate_wake_at(&client->shared.gate);
  return call_at < gate_at ? call_at : gate_at;
}

static void arm(xai_client *client) {
  uint64_t at = client->first_ready != NULL ? client->now : next_moment(client);
  if (at == client->alarm_at && at > client->now) return;
  client->alarm_at = at;
  client->transport->ops->alarm(client->transport, at, client->now);
}

/* ---- life */

static bool is_visible_ascii(const char *text, size_t *offset) {
  for (*offset = 0; text[*offset] != '\0'; ++*offset)
    if (text[*offset] <= 0x20 || text[*offset] >= 0x7f) return false;
  return true;
}

static xai_code check_base_url(const char *url, xai_error *err) {
  size_t offset;
  const char *host = strncmp(url, "https://", 8) == 0  ? url + 8
                     : strncmp(url, "http://", 7) == 0 ? url + 7
                                                       : NULL;
  if (host == NULL) return xai__fail(err, XAI_ERR_URL, "base_url must start with https:// (or http://)");
  if (!is_visible_ascii(url, &offset)) return xai__fail(err, XAI_ERR_URL, "base_url, byte %zu", offset);
  if (strpbrk(host, "@?#") != NULL)
    return xai__fail(err, XAI_ERR_URL, "base_url may hold no user, query or fragment");
  bool named = *host != '\0' && *host != '/' && *host != ':';
  return named && strlen(url) < 2048 ? XAI_OK : xai__fail(err, XAI_ERR_URL, "base_url names no host");
}

static uint64_t system_seed(const xai_client *client) {
  uint64_t seed = 0;
  if (getentropy(&seed, sizeof seed) != 0) seed = client->now ^ (uint64_t)(uintptr_t)client;
  return seed;
}

/* a and b and c joined, NUL-terminated. */
static char *join(const xai_mem *mem, const char *a, const char *b, const char *c, size_t *size) {
  *size = strlen(a) + strlen(b) + strlen(c) + 1;
  char *out = xai__alloc(mem, *size);
  if (out == NULL) return NULL;
  memcpy(out, a, strlen(a));
  memcpy(out + strlen(a), b, strlen(b));
  memcpy(out + strlen(a) + strlen(b), c, strlen(c) + 1);
  return out;
}

static xai_code set_texts(xai_client *client, const xai_config *config, const char *base_url) {
  const xai_mem *mem = &client->shared.mem;
  client->base_url = join(mem, base_url, "", "", &client->base_url_size);
  if (client->base_url == NULL) return XAI_ERR_NOMEM;
  size_t len = strlen(client->base_url);
  while (len > 0 && client->base_url[len - 1] == '/') client->base_url[--len] = '\0';
  const char *agent = config->user_agent ? config->user_agent : "";
  client->user_agent = join(mem, agent, *agent ? " " : "", library_agent, &client->user_agent_size);
  return client->user_agent ? XAI_OK : XAI_ERR_NOMEM;
}

static xai_code check_config(const xai_config *config, const char *base_url, xai_error *err) {
  size_t offset;
  xai_str agent = xai_str_of(config->user_agent);
  if (config->size == 0) return xai__fail(err, XAI_ERR_ARG, "start the config from XAI_CONFIG_INIT");
  if (!xai__header_ok(xai_str_of("User-Agent"), agent, &offset))
    return xai__fail(err, XAI_ERR_ARG, "user_agent may hold visible ASCII only (byte %zu)", offset);
  return check_base_url(base_url, err);
}

static const char *why_unreadable(int error) {
  switch (error) {
    case ENOENT: return "there is no such file";
    case EACCES: return "permission denied";
    case EISDIR: return "it is a folder";
    case ENAMETOOLONG: return "its path is too long";
    default: return "it cannot be read";
  }
}

/* Said at once, not by the first handshake (F99). */
static xai_code check_ca_file(const char *path, xai_error *err) {
  char byte;
  if (path == NULL) return XAI_OK;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  int error = fd < 0 || read(fd, &byte, 1) < 0 ? errno : 0;
  if (fd >= 0) close(fd);
  if (error == 0) return XAI_OK;
  return xai__fail(err, XAI_ERR_TLS, "ca_file: %s (error %d)", why_unreadable(error), error);
}

static xai_transport *make_transport(const xai_mem *mem, const xai_config *config, const char *base_url,
                                     xai_error *err) {
  if (config->transport == XAI_TRANSPORT_SCRIPTED) return xai__transport_scripted_new(mem, err);
  if (config->transport == XAI_TRANSPORT_HOST) return xai__transport_host_new(mem, config, base_url, err);
  if (check_ca_file(config->ca_file, err) != XAI_OK) return NULL;
  return xai__transport_curl_new(mem, config, err);
}

static bool make_gate(xai_client *client, const xai_config *config, xai_error *err) {
  const xai_mem *mem = &client->shared.mem;
  return xai__gate_init(&client->shared.gate, mem, config, client->shared.wall_s, err) == XAI_OK;
}

static void log_life(const xai_client *client, const char *event) {
  if (client->log.fn == NULL) return;
  const xai_key *key = client->keys.current;
  xai_log_entry entry = {.level = XAI_LOG_INFO, .event = event, .url = xai_str_of(client->base_url)};
  xai_str secret = key != NULL ? xai__key_secret(xai__key_header(key)) : xai_str_of("");
  xai__log(&client->log, client->clock.wall_s(client->clock.user), &entry, secret);
}

xai_client *xai_client_new(const xai_config *config, xai_error *err) {
  xai__error_clear(err);
  if (config == NULL) {
    xai__fail(err, XAI_ERR_ARG, "config is NULL");
    return NULL;
  }
  const char *base_url = config->base_url ? config->base_url : default_base_url;
  if (check_config(config, base_url, err) != XAI_OK) return NULL;
  xai_mem mem = xai__mem(&config->mem);
  xai_client *client = xai__alloc(&mem, sizeof *client);
  if (client == NULL) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    return NULL;
  }
  client->shared.mem = mem;
  xai__door_init(&client->door);
  client->clock = config->clock;
  if (client->clock.now_ms == NULL) client->clock.now_ms = system_now_ms;
  if (client->clock.wall_s == NULL) client->clock.wall_s = system_wall_s;
  client->limits = xai__limits(&config->limits, NULL);
  client->transport_kind = config->transport;
  client->max_calls = config->max_calls ? config->max_calls : DEFAULT_MAX_CALLS;
  if (client->max_calls > MOST_CALLS) client->max_calls = MOST_CALLS;
  client->alarm_at = UINT64_MAX;
  xai__timers_init(&client->timers, &mem);
  read_clock(client);
  client->shared.wall_s = client->clock.wall_s(client->clock.user);
  if (xai__keys_init(&client->keys, &mem, config, err) != XAI_OK) goto fail;
  client->shared.random = config->seed ? config->seed : system_seed(client);
  client->transport = make_transport(&mem, config, base_url, err);
  if (client->transport == NULL || !make_gate(client, config, err)) goto fail;
  if (set_texts(client, config, base_url) != XAI_OK) {
    xai__fail(err, XAI_ERR_NOMEM, NULL);
    goto fail;
  }
  client->log = config->log;
  log_life(client, "open");
  return client;
fail:
  xai_client_free(client);
  return NULL;
}

void xai_client_free(xai_client *client) {
  if (client == NULL || xai__door_enter(&client->door, NULL) != XAI_OK) return;
  xai_mem mem = client->shared.mem;
  log_life(client, "close");
  if (client->transport != NULL) client->transport->ops->free(client->transport);
  for (size_t i = 0; i < client->slot_count; i++) {
    xai__call_free(client->slots[i]->call);
    xai__free(&mem, client->slots[i], sizeof *client->slots[i]);
  }
  xai__free(&mem, client->slots, client->slot_room * sizeof *client->slots);
  xai__timers_deinit(&client->timers);
  xai__gate_deinit(&client->shared.gate);
  xai__free(&mem, client->base_url, client->base_url_size);
  xai__free(&mem, client->user_agent, client->user_agent_size);
  xai__keys_deinit(&client->keys);
  xai__free(&mem, client, sizeof *client);
}

/* ---- the turn of the crank */

static uint32_t longest_wait(xai_client *client, uint32_t wait_ms) {
  if (client->first_ready != NULL || client->look_at_all) return 0;
  uint64_t next = next_moment(client);
  uint64_t left = next > client->now ? next - client->now : 0;
  return left < wait_ms ? (uint32_t)left : wait_ms;
}

/* Not driven for a while: what came meanwhile is taken before anything is called overdue (F101). */
static void catch_up(xai_client *client) {
  if (client->now - client->stepped_at <= LATE_MS) return;
  client->transport->ops->step(client->transport, client->now, 0);
  refresh_touched(client);
}

xai_code xai_client_step(xai_client *client, uint32_t wait_ms) {
  xai_code code = xai__door_enter_here(&client->door, NULL);
  if (code != XAI_OK) return code;
  let_go(client);
  read_clock(client);
  read_wall(client);
  catch_up(client);
  fire_timers(client);
  refresh_touched(client);
  wait_ms = longest_wait(client, wait_ms);
  client->now_is_old = wait_ms > 0;
  code = client->transport->ops->step(client->transport, client->now, wait_ms);
  if (client->now_is_old) read_clock(client);
  client->stepped_at = client->now;
  refresh_touched(client);
  fire_timers(client);
  call_up(client);
  arm(client);
  xai__door_leave(&client->door);
  return code;
}

int xai_client_fd(const xai_client *client) {
  if (xai__door_is_copied(&client->door)) return -1;
  return client->transport->ops->fd(client->transport);
}

/* A request that the program has not taken yet. */
static bool request_waits(const xai_client *client) {
  if (client->transport_kind == XAI_TRANSPORT_SCRIPTED) return xai__scripted_waiting(client->transport);
  return client->transport_kind == XAI_TRANSPORT_HOST && xai__host_waiting(client->transport);
}

int64_t xai_client_timeout(const xai_client *client) {
  if (client->first_ready != NULL || client->look_at_all || request_waits(client)) return 0;
  uint64_t now = client->clock.now_ms(client->clock.user);
  uint64_t next = next_moment(client);
  int64_t own = client->transport->ops->timeout(client->transport, now);
  if (next == UINT64_MAX) return own;
  int64_t left = next > now ? (int64_t)(next - now) : 0;
  return own >= 0 && own < left ? own : left;
}

size_t xai_client_pending(const xai_client *client) {
  return client->pending;
}

/* ---- calls */

xai_code xai_client_set_key(xai_client *client, xai_str key, const char *name, xai_error *err) {
  xai__error_clear(err);
  xai_code code = xai__door_enter_here(&client->door, err);
  if (code != XAI_OK) return code;
  code = xai__keys_set(&client->keys, key, name, err);
  xai__door_leave(&client->door);
  return code;
}

static xai_code renew_key(xai_client *client, xai_error *err) {
  if (client->shared.key_refused) client->keys.refused = true;
  client->shared.key_refused = false;
  return xai__keys_renew(&client->keys, err);
}

/* With a budget each call is of a known day, and of a known price. */
static xai_code check_budget(xai_client *client, const xai_request *request, xai_error *err) {
  if (client->shared.gate.spend.limit == 0) return XAI_OK;
  read_wall(client);
  bool has_body = request->body.len > 0 || request->body_writer != NULL;
  if (request->most_cost > 0 || !has_body) return XAI_OK;
  return xai__fail(err, XAI_ERR_ARG, "there is a budget, and most_cost does not tell what this can cost");
}

static xai_call_id start_call(xai_client *client, const xai_request *request, xai_error *err) {
  const xai_call_id none = {0};
  if (check_budget(client, request, err) != XAI_OK) return none;
  if (renew_key(client, err) != XAI_OK) return none;
  slot *s = take_slot(client, err);
  if (s == NULL) return none;
  read_clock(client);
  xai_request_defaults defaults = {client->base_url, client->keys.current, client->user_agent,
                                   client->limits};
  xai_request_copy copy;
  xai_call *call = NULL;
  if (xai__request_init(&copy, &client->shared.mem, &defaults, request, &client->shared.random, err) ==
      XAI_OK) {
    call = xai__call_new(&client->shared, &copy, client->now);
    if (call == NULL) xai__fail(err, XAI_ERR_NOMEM, NULL);
  }
  if (call == NULL) {
    s->next_free = client->first_free;
    client->first_free = s;
    return none;
  }
  s->call = call;
  call->ticket.user = s;
  client->pending++;
  refresh(s);
  call_up(client);
  arm(client);
  return id_of(s);
}

xai_call_id xai_call_start(xai_client *client, const xai_request *request, xai_error *err) {
  xai_call_id id = {0};
  xai__error_clear(err);
  if (client == NULL || request == NULL) {
    xai__fail(err, XAI_ERR_ARG, "client or request is NULL");
    return id;
  }
  if (xai__door_enter_here(&client->door, err) != XAI_OK) return id;
  id = start_call(client, request, err);
  xai__door_leave(&client->door);
  return id;
}

void xai_call_cancel(xai_client *client, xai_call_id id) {
  if (xai__door_enter_here(&client->door, NULL) != XAI_OK) return;
  slot *s = slot_of(client, id);
  if (s != NULL) {
    read_clock(client);
    s->is_held = s->is_told = false;
    xai__call_cancel(s->call, client->now);
    refresh(s);
    call_up(client);
    arm(client);
  }
  xai__door_leave(&client->door);
}

static void hold_call(xai_client *client, xai_call_id id, bool hold) {
  slot *s = slot_of(client, id);
  if (s == NULL || s->is_held == hold || s->call->state == CALL_TAKEN) return;
  s->is_held = hold;
  if (s->is_ready) drop_held(client);
  else if (!hold && xai__call_ready(s->call)) push_ready(s);
  arm(client);
}

void xai_call_hold(xai_client *client, xai_call_id id, bool hold) {
  if (xai__door_enter_here(&client->door, NULL) != XAI_OK) return;
  hold_call(client, id, hold);
  xai__door_leave(&client->door);
}

static void announce_call(xai_client *client, xai_call_id id, bool on) {
  slot *s = slot_of(client, id);
  if (s == NULL || s->call->state == CALL_TAKEN) return;
  s->is_announced = on;
  s->is_told = false;
  if (xai__call_ready(s->call)) push_ready(s);
  arm(client);
}

void xai_call_announce(xai_client *client, xai_call_id id, bool on) {
  if (xai__door_enter_here(&client->door, NULL) != XAI_OK) return;
  announce_call(client, id, on);
  xai__door_leave(&client->door);
}

size_t xai_call_place(const xai_client *client, xai_call_id id) {
  slot *s = slot_of(client, id);
  return s != NULL ? xai__limiter_place(&s->call->ticket) : 0;
}

xai_code xai_client_budget(xai_client *client, xai_budget_state *out) {
  *out = (xai_budget_state){0};
  xai_code code = xai__door_enter_here(&client->door, NULL);
  if (code != XAI_OK) return code;
  read_wall(client);
  code = xai__spend_state(&client->shared.gate.spend, out);
  xai__door_leave(&client->door);
  return code;
}

xai_code xai_call_settle(xai_client *client, xai_call_id id, uint64_t cost) {
  xai_code code = xai__door_enter_here(&client->door, NULL);
  if (code != XAI_OK) return code;
  slot *s = slot_of(client, id);
  bool done = s != NULL && xai__gate_settle(&client->shared.gate, &s->call->ticket, client->now, cost);
  xai__door_leave(&client->door);
  return done ? XAI_OK : XAI_ERR_STATE;
}

const xai_json *xai_call_response(xai_client *client, xai_call_id id) {
  if (xai__door_enter(&client->door, NULL) != XAI_OK) return NULL;
  slot *s = slot_of(client, id);
  const xai_json *response = s != NULL ? xai__call_response(s->call) : NULL;
  xai__door_leave(&client->door);
  return response;
}

xai_str xai_call_text(xai_client *client, xai_call_id id) {
  xai_str text = {"", 0};
  if (xai__door_enter(&client->door, NULL) != XAI_OK) return text;
  slot *s = slot_of(client, id);
  if (s != NULL) text = xai__answer_text(&s->call->answer);
  xai__door_leave(&client->door);
  return text;
}

/* ---- events */

/* After a pull: still more, at rest, or over. With the last of them the alarm that told of them goes, or the next
 * wait would end at once. */
static void after_pull(xai_client *client, slot *s, const xai_event *event) {
  bool ended = event != NULL && event->type == XAI_EVENT_END;
  if (!ended && xai__call_ready(s->call)) {
    push_ready(s);
    return;
  }
  if (ended) {
    client->spent = s;
    client->pending--;
  } else {
    read_clock(client);
    xai__call_rested(s->call, client->now);
  }
  if (xai__door_is_copied(&client->door)) return; /* what follows may touch a connection */
  refresh(s);
  if (client->first_ready == NULL) arm(client);
}

static xai_code pull(xai_client *client, slot *s, xai_event *event) {
  xai_code code = xai__call_next(s->call, client->now, event);
  event->call = id_of(s);
  after_pull(client, s, code == XAI_OK ? event : NULL);
  return code;
}

static void tell(slot *s, xai_event *event) {
  s->is_told = true;
  *event = (xai_event){.type = XAI_EVENT_READY, .call = id_of(s), .user = s->call->request.user};
}

static xai_code next_event(xai_client *client, xai_event *event) {
  let_go(client);
  slot *s;
  while ((s = pop_ready(client)) != NULL) {
    if (s->call == NULL) continue;
    if (!s->is_announced) {
      if (pull(client, s, event) == XAI_OK) return XAI_OK;
    } else if (xai__call_ready(s->call)) {
      tell(s, event);
      return XAI_OK;
    }
  }
  return XAI_MORE;
}

static xai_code next_of_call(xai_client *client, xai_call_id id, xai_event *event) {
  let_go(client);
  slot *s = slot_of(client, id);
  if (s == NULL || s->call->state == CALL_TAKEN) return XAI_MORE;
  while (xai__call_ready(s->call))
    if (pull(client, s, event) == XAI_OK) return XAI_OK;
  s->is_told = false;
  return XAI_MORE;
}

xai_code xai_client_next(xai_client *client, xai_event *event) {
  xai_code code = xai__door_enter(&client->door, NULL);
  if (code != XAI_OK) return code;
  code = next_event(client, event);
  xai__door_leave(&client->door);
  return code;
}

xai_code xai_call_next(xai_client *client, xai_call_id id, xai_event *event) {
  xai_code code = xai__door_enter(&client->door, NULL);
  if (code != XAI_OK) return code;
  code = next_of_call(client, id, event);
  xai__door_leave(&client->door);
  return code;
}

xai_str xai_result_header(const xai_client *client, const char *name) {
  if (client->spent == NULL || name == NULL) return xai_str_of("");
  const xai_call *call = client->spent->call;
  xai_str value = xai__answer_find(&call->answer, name);
  /* A header is no content: it holds no key, whoever put it there. The text is the answer's own. */
  if (value.len > 0)
    xai__redact_secret((char *)(uintptr_t)value.ptr, value.len,
                       xai__key_secret(xai__call_authorization(call)));
  return value;
}

/* ---- for the public faces of the transports */

xai_transport *xai__client_transport(const xai_client *client, xai_transport_kind kind) {
  return client->transport_kind == kind ? client->transport : NULL;
}

bool xai__client_enter(xai_client *client, uint64_t *now) {
  if (xai__door_enter(&client->door, NULL) != XAI_OK) return false;
  read_clock(client);
  *now = client->now;
  return true;
}

void xai__client_leave(xai_client *client) {
  refresh_touched(client);
  xai__door_leave(&client->door);
}

xai_call_id xai__client_call_of(const void *sink_user) {
  return id_of(sink_user);
}

/* ---- the scripted transport, public face */

static bool is_scripted(const xai_client *client) {
  return client->transport_kind == XAI_TRANSPORT_SCRIPTED;
}

static void after_feed(xai_client *client) {
  refresh_touched(client);
}

xai_code xai_wire_next(xai_client *client, xai_wire_request *out) {
  void *user;
  if (!is_scripted(client) || !xai__scripted_next(client->transport, out, &user)) return XAI_MORE;
  out->call = id_of(user);
  return XAI_OK;
}

bool xai_wire_live(const xai_client *client, uint32_t id) {
  return is_scripted(client) && xai__scripted_live(client->transport, id);
}

void xai_wire_status(xai_client *client, uint32_t id, int status) {
  if (!is_scripted(client)) return;
  read_clock(client);
  xai__scripted_status(client->transport, id, status);
  after_feed(client);
}

void xai_wire_header(xai_client *client, uint32_t id, const char *name, const char *value) {
  if (!is_scripted(client)) return;
  xai__scripted_header(client->transport, id, name, value);
  after_feed(client);
}

xai_code xai_wire_body(xai_client *client, uint32_t id, const char *bytes, size_t len) {
  if (!is_scripted(client)) return XAI_OK;
  read_clock(client);
  xai_code code = xai__scripted_body(client->transport, id, bytes, len);
  after_feed(client);
  return code;
}

void xai_wire_finish(xai_client *client, uint32_t id, xai_wire_end how) {
  if (!is_scripted(client)) return;
  read_clock(client);
  xai__scripted_finish(client->transport, id, how);
  after_feed(client);
}
