/* xai_key.c - the API key: where it comes from, which one a call goes with, and what may be shown of it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if !defined(O_CLOEXEC)
#define O_CLOEXEC 0
#endif

enum { MAX_KEY = 8000, SHOWN_KEY = 20, SHOWN_END = 4 };

static const char scheme[] = "Bearer ";
#define SCHEME_LEN (sizeof scheme - 1)

/* ---- one key */

static xai_code check_text(xai_str text, xai_error *err) {
  if (text.len == 0) return xai__fail(err, XAI_ERR_KEY, "it is empty");
  if (text.len > MAX_KEY) return xai__fail(err, XAI_ERR_KEY, "it is too long");
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\'')
      return xai__fail(err, XAI_ERR_KEY,
                       "it holds a space, a quote, a line end or a character outside ASCII");
  }
  return XAI_OK;
}

xai_str xai__key_secret(xai_str authorization) {
  size_t from = authorization.len;
  while (from > 0 && authorization.ptr[from - 1] != ' ') from--;
  return (xai_str){authorization.ptr + from, authorization.len - from};
}

void xai__key_ending(char *to, size_t size, xai_str authorization) {
  xai_str secret = xai__key_secret(authorization);
  to[0] = '\0';
  if (secret.len < SHOWN_KEY || !xai__str_eq_nocase((xai_str){authorization.ptr, SCHEME_LEN - 1}, "bearer"))
    return;
  snprintf(to, size, "\xE2\x80\xA6%.*s", SHOWN_END, secret.ptr + secret.len - SHOWN_END);
}

xai_str xai__key_header(const xai_key *key) {
  return (xai_str){key->header.text, key->header.len};
}

/* A name that holds the key, or much of it, is not used. */
static void choose_shown(xai_key *key, const char *name) {
  xai_str header = xai__key_header(key);
  xai__key_ending(key->shown, sizeof key->shown, header);
  if (name[0] == '\0') return;
  char copy[sizeof key->shown];
  xai__str_copy(copy, sizeof copy, xai_str_of(name));
  xai__redact_secret(copy, strlen(copy), xai__key_secret(header));
  if (strcmp(copy, name) == 0) memcpy(key->shown, copy, sizeof copy);
}

static xai_code make(const xai_mem *mem, xai_str text, const char *name, xai_key **out, xai_error *err) {
  xai_code code = check_text(text, err);
  if (code != XAI_OK) return code;
  xai_key *key = xai__alloc(mem, sizeof *key);
  if (key == NULL) return xai__fail(err, XAI_ERR_NOMEM, NULL);
  if (xai__secret_init(&key->header, mem, SCHEME_LEN + text.len) != XAI_OK) {
    xai__free(mem, key, sizeof *key);
    return xai__fail(err, XAI_ERR_NOMEM, NULL);
  }
  memcpy(key->header.text, scheme, SCHEME_LEN);
  memcpy(key->header.text + SCHEME_LEN, text.ptr, text.len);
  key->users = 1;
  choose_shown(key, name);
  *out = key;
  return XAI_OK;
}

xai_key *xai__key_share(xai_key *key) {
  if (key != NULL) key->users++;
  return key;
}

void xai__key_drop(xai_key *key) {
  if (key == NULL || --key->users > 0) return;
  xai_mem mem = key->header.mem;
  xai__secret_deinit(&key->header);
  xai__free(&mem, key, sizeof *key);
}

/* ---- from a file */

/* Read straight into the pages: a FILE would leave a copy in its buffer. One byte more than a key may have, so that
 * a longer one is seen. */
static bool read_file(const char *path, int flags, xai_secret *into, size_t *len) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) return false;
  ssize_t got = 1;
  for (*len = 0; *len < into->len && got > 0;) {
    got = read(fd, into->text + *len, into->len - *len);
    if (got > 0) *len += (size_t)got;
    else if (got < 0 && errno == EINTR) got = 1;
  }
  int cause = errno;
  close(fd);
  errno = cause;
  return got >= 0;
}

/* The line end that editors and `echo` leave behind. */
static size_t without_line_end(const char *text, size_t len) {
  if (len > 0 && text[len - 1] == '\n') len--;
  if (len > 0 && text[len - 1] == '\r') len--;
  return len;
}

/* A path is told as it is, for it may be named after us; what has no slash may be a key given in its place. */
static xai_code fail_file(const char *path, const char *cause, xai_error *err) {
  xai__fail(err, XAI_ERR_KEY, "cannot read its file: %s", cause);
  if (err == NULL || strchr(path, '/') == NULL) return XAI_ERR_KEY;
  char text[sizeof err->message];
  snprintf(text, sizeof text, "%s: cannot read %s: %s", xai_code_text(XAI_ERR_KEY), path, cause);
  xai__str_copy(err->message, sizeof err->message, xai_str_of(text));
  return XAI_ERR_KEY;
}

/* flags: of open(2). */
static xai_code load(xai_keys *keys, int flags, xai_error *err) {
  xai_secret room;
  size_t len = 0;
  if (xai__secret_init(&room, &keys->mem, MAX_KEY + 3) != XAI_OK) return xai__fail(err, XAI_ERR_NOMEM, NULL);
  xai_code code;
  char cause[80] = "";
  if (!read_file(keys->file, flags, &room, &len)) {
    if (strerror_r(errno, cause, sizeof cause) != 0) cause[0] = '\0';
    code = fail_file(keys->file, cause, err);
  } else {
    code = xai__keys_set(keys, (xai_str){room.text, without_line_end(room.text, len)}, keys->name, err);
  }
  xai__secret_deinit(&room);
  return code;
}

/* ---- the keys of a client */

static xai_code check_name(const char *name, xai_error *err) {
  size_t len = strlen(name), size = XAI__KEY_SHOWN;
  bool visible = len > 0 && len < size;
  for (size_t i = 0; i < len; i++) visible = visible && name[i] > 0x20 && name[i] < 0x7f;
  if (visible) return XAI_OK;
  return xai__fail(err, XAI_ERR_ARG, "key_name must have 1 to %zu visible ASCII characters", size - 1);
}

static xai_code check_config(const xai_config *config, xai_error *err) {
  int sources = (config->api_key != NULL) + (config->api_key_file != NULL) + (config->key != NULL);
  if (sources > 1)
    return xai__fail(err, XAI_ERR_ARG, "only one of api_key, api_key_file and key may be given");
  return config->key_name != NULL ? check_name(config->key_name, err) : XAI_OK;
}

static xai_code remember_file(xai_keys *keys, const char *path, xai_error *err) {
  size_t size = strlen(path) + 1;
  keys->file = xai__alloc(&keys->mem, size);
  if (keys->file == NULL) return xai__fail(err, XAI_ERR_NOMEM, NULL);
  memcpy(keys->file, path, size);
  keys->file_size = size;
  return load(keys, 0, err);
}

xai_code xai__keys_init(xai_keys *keys, const xai_mem *mem, const xai_config *config, xai_error *err) {
  *keys = (xai_keys){.mem = *mem, .fn = config->key, .user = config->key_user};
  xai_code code = check_config(config, err);
  if (code != XAI_OK) return code;
  if (config->key_name != NULL) xai__str_copy(keys->name, sizeof keys->name, xai_str_of(config->key_name));
  if (config->api_key_file != NULL) code = remember_file(keys, config->api_key_file, err);
  if (config->api_key != NULL) code = xai__keys_set(keys, xai_str_of(config->api_key), keys->name, err);
  if (code != XAI_OK) xai__keys_deinit(keys);
  return code;
}

void xai__keys_deinit(xai_keys *keys) {
  xai__key_drop(keys->current);
  xai__free(&keys->mem, keys->file, keys->file_size);
  keys->current = NULL;
  keys->file = NULL;
}

static bool is_same(const xai_key *key, xai_str text, const char *name) {
  if (key == NULL || key->header.len != SCHEME_LEN + text.len) return false;
  bool named = name[0] == '\0' || strcmp(key->shown, name) == 0;
  return named && memcmp(key->header.text + SCHEME_LEN, text.ptr, text.len) == 0;
}

xai_code xai__keys_set(xai_keys *keys, xai_str text, const char *name, xai_error *err) {
  xai_key *fresh = NULL;
  if (name == NULL) name = keys->name;
  else if (name != keys->name && check_name(name, err) != XAI_OK) return XAI_ERR_ARG;
  if (text.ptr != NULL && is_same(keys->current, text, name)) return XAI_OK;
  xai_code code = text.ptr != NULL ? make(&keys->mem, text, name, &fresh, err) : XAI_OK;
  if (code != XAI_OK) return code;
  xai__key_drop(keys->current);
  keys->current = fresh;
  return XAI_OK;
}

xai_code xai__keys_renew(xai_keys *keys, xai_error *err) {
  if (keys->fn != NULL) {
    xai_str text = keys->fn(keys->user);
    if (text.ptr == NULL || text.len == 0) return xai__fail(err, XAI_ERR_KEY, "the key function gave none");
    return xai__keys_set(keys, text, NULL, err);
  }
  if (keys->file == NULL || !keys->refused) return XAI_OK;
  keys->refused = false;
  /* A pipe that was read to its end must not hold up a call. */
  return load(keys, O_NONBLOCK, NULL) == XAI_ERR_NOMEM ? xai__fail(err, XAI_ERR_NOMEM, NULL) : XAI_OK;
}
