/* xai_curl_store.c - the authorities of a bundle, loaded once for all connections, where libcurl does not keep them.
 * SPDX-License-Identifier: MIT
 *
 * libcurl keeps a bundle in a cache of its own, but not where there is a folder too, and from 8.17 on it cannot be
 * talked out of a folder that was compiled in: it would believe whom that knows as well, and load the bundle for every
 * connection (20 ms and 830 KiB). So it is shown an empty folder, and gets our store when a connection begins. OpenSSL
 * is the one that libcurl itself is linked with: found through libcurl, or not at all, and then it goes the slow way.
 * Where a folder is asked first, it gets a store of ours, too. Whom one of them once knew it knows until the end.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai_curl.h"

#define NAMES_LIBCURL "libcurl.so.4"

/* OpenSSL's, without its headers. Since 1.1.1. */
typedef struct openssl {
  void *(*store_new)(void);
  void (*store_free)(void *store);
  int (*store_load)(void *store, const char *file, const char *folder);
  int (*store_flags)(void *store, unsigned long flags);
  void (*context_set)(void *context, void *store);
} openssl;

#define X509_V_FLAG_TRUSTED_FIRST 0x8000ul
#define X509_V_FLAG_PARTIAL_CHAIN 0x80000ul /* libcurl sets both */

static bool find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

/* What libcurl is linked with stays as long as it does, so that nothing needs to be held. */
static bool find_openssl(openssl *to) {
  void *library = dlopen(NAMES_LIBCURL, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL) return false;
  bool all = find(library, "X509_STORE_new", &to->store_new) &&
             find(library, "X509_STORE_free", &to->store_free) &&
             find(library, "X509_STORE_load_locations", &to->store_load) &&
             find(library, "X509_STORE_set_flags", &to->store_flags) &&
             find(library, "SSL_CTX_set1_cert_store", &to->context_set);
  dlclose(library);
  return all;
}

/* Our store is for every connection of a handle, also that to a proxy, which ca_file does not speak of. */
static bool may_meet_tls_proxy(const net *self) {
  static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  if (self->proxy != NULL) return xai__str_starts(xai_str_of(self->proxy), "https:");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *proxy = getenv(names[i]);
    if (proxy != NULL && xai__str_starts(xai_str_of(proxy), "https:")) return true;
  }
  return false;
}

bool xai__curl_store_fits(const net *self) {
  openssl calls;
  return self->ca_file != NULL && self->ca_stand_in != NULL && !may_meet_tls_proxy(self) &&
         find_openssl(&calls);
}

static void *load(const openssl *calls, const char *file, const char *folder) {
  void *store = calls->store_new();
  if (store == NULL) return NULL;
  bool loaded = calls->store_load(store, file, folder) == 1;
  if (loaded && calls->store_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) == 1)
    return store;
  calls->store_free(store);
  return NULL;
}

/* OpenSSL looks into the folder when it meets a name, and keeps whom it found: so that one store serves all connections.
 * Without, libcurl's own goes on, which has the same folder. */
static void use_folder(net *self, const openssl *calls, void *context) {
  if (self->folder_store == NULL) self->folder_store = load(calls, NULL, self->ca_folder);
  if (self->folder_store != NULL) calls->context_set(context, self->folder_store);
}

/* In place of the store that libcurl made of one authority, which nobody is to be believed for: so never without. */
CURLcode xai__curl_store_use(CURL *easy, void *context, void *exchange) {
  net_exchange *x = exchange;
  net *self = x->owner;
  openssl calls;
  (void)easy;
  bool found = find_openssl(&calls);
  if (x->by_folder && found) use_folder(self, &calls, context);
  if (x->by_folder) return CURLE_OK;
  if (!found) return CURLE_SSL_CACERT_BADFILE;
  if (self->ca_store == NULL) self->ca_store = load(&calls, self->ca_file, NULL);
  if (self->ca_store == NULL) return CURLE_SSL_CACERT_BADFILE;
  calls.context_set(context, self->ca_store);
  return CURLE_OK;
}

void xai__curl_store_drop(net *self) {
  openssl calls;
  if ((self->ca_store == NULL && self->folder_store == NULL) || !find_openssl(&calls)) return;
  calls.store_free(self->ca_store); /* NULL is fine */
  calls.store_free(self->folder_store);
  self->ca_store = self->folder_store = NULL;
}
