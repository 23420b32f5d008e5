/* xai_key.h - the API key: where it comes from, which one a call goes with, and what may be shown of it.
 * SPDX-License-Identifier: MIT
 *
 * A key lies in pages of its own (xai_secret.h), once, as the value of the Authorization header; whoever sends it
 * borrows it from there. Source: faults.md R8, F32, F129.
 */
#ifndef XAI_KEY_H
#define XAI_KEY_H

#include "xai_err.h"
#include "xai_secret.h"

#pragma GCC visibility push(hidden)

#define XAI__KEY_SHOWN sizeof(((xai_error *)NULL)->key)

/* One key, shared by the client and by the calls that began with it; it goes with the last of them. */
typedef struct xai_key {
  unsigned users;
  xai_secret header;          /* "Bearer ..."                                  */
  char shown[XAI__KEY_SHOWN]; /* what errors call it; "": nothing can be said  */
} xai_key;

/* NULL gives NULL. */
xai_key *xai__key_share(xai_key *key);
void xai__key_drop(xai_key *key);
/* "Bearer ..."; borrowed from the key. */
xai_str xai__key_header(const xai_key *key);

/* What an error may call the key in this header value: "…" and its last four characters, when it is a bearer token
 * of 20 characters or more, else "". */
void xai__key_ending(char *to, size_t size, xai_str authorization);
/* The secret part of such a value: what follows its last space. */
xai_str xai__key_secret(xai_str authorization);

/* Where the keys of a client come from. */
typedef struct xai_keys {
  xai_mem mem;
  xai_key *current; /* NULL: no Authorization header is sent            */
  xai_str (*fn)(void *user);
  void *user;
  char *file; /* NULL: the key came otherwise                     */
  size_t file_size;
  char name[XAI__KEY_SHOWN]; /* "": none                                         */
  bool refused;              /* refused since the file was read                  */
} xai_keys;

/* api_key, api_key_file, key, key_user and key_name of a config. XAI_ERR_KEY, whose message does not show it;
 * XAI_ERR_ARG (more than one source, a bad name), XAI_ERR_NOMEM. After a failure nothing is held. */
xai_code xai__keys_init(xai_keys *keys, const xai_mem *mem, const xai_config *config, xai_error *err);
void xai__keys_deinit(xai_keys *keys);
/* The key for a call that starts now: asks the function, or reads the file again after it was refused. XAI_ERR_KEY,
 * XAI_ERR_NOMEM; the last key then stands. A file that cannot be read any more is no error: that key may be good. */
xai_code xai__keys_renew(xai_keys *keys, xai_error *err);
/* See xai_client_set_key. */
xai_code xai__keys_set(xai_keys *keys, xai_str text, const char *name, xai_error *err);

#pragma GCC visibility pop

#endif
