/* xai_client_new.c - makes a client from its config, and ends it.
 * SPDX-License-Identifier: MIT */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#include "xai_client_int.h"

#include "xai_options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_MAX_CALLS = 16384, MOST_CALLS = 65535 };

static const char default_base_url[] = "https://api.x.ai/v1";
static const char library_agent[] = "xai-lua-c/" XAI_VERSION;

/* ---- the system's clocks */

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

/* ---- the config */

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

/* ---- life */

static xai_client *make_client(const xai_config *config, xai_error *err) {
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
  client->max_ready = config->max_ready;
  client->max_calls = config->max_calls ? config->max_calls : DEFAULT_MAX_CALLS;
  if (client->max_calls > MOST_CALLS) client->max_calls = MOST_CALLS;
  client->alarm_at = UINT64_MAX;
  xai__timers_init(&client->timers, &mem);
  xai__client_read_clock(client);
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

xai_client *xai_client_new(const xai_config *config, xai_error *err) {
  xai_config own;
  xai__error_clear(err);
  if (config == NULL) {
    xai__fail(err, XAI_ERR_ARG, "config is NULL");
    return NULL;
  }
  return xai__options_copy(&own, sizeof own, config, "config", err) == XAI_OK ? make_client(&own, err) : NULL;
}

/* Nobody will take their ends, but the log is told of them. A fork's copy has nothing to tell of its parent's calls. */
static void end_calls(xai_client *client) {
  if (client->log.fn == NULL || xai__door_is_copied(&client->door)) return;
  for (size_t i = 0; i < client->slot_count; i++) {
    xai_slot *s = client->slots[i];
    if (s->call == NULL) continue;
    xai__call_cancel(s->call, client->now);
    xai__slot_tell_log(s);
  }
}

void xai_client_free(xai_client *client) {
  if (client == NULL || xai__door_enter(&client->door, NULL) != XAI_OK) return;
  xai_mem mem = client->shared.mem;
  end_calls(client);
  log_life(client, "close");
  if (client->transport != NULL) client->transport->ops->free(client->transport);
  for (size_t i = 0; i < client->slot_count; i++) {
    xai__call_free(client->slots[i]->call);
    xai__free(&mem, client->slots[i], sizeof *client->slots[i]);
  }
  xai__call_free_spare(&client->shared);
  xai__free(&mem, client->slots, client->slot_room * sizeof *client->slots);
  xai__timers_deinit(&client->timers);
  xai__gate_deinit(&client->shared.gate);
  xai__free(&mem, client->base_url, client->base_url_size);
  xai__free(&mem, client->user_agent, client->user_agent_size);
  xai__keys_deinit(&client->keys);
  xai__door_deinit(&client->door);
  xai__free(&mem, client, sizeof *client);
}
