/* xai_curl_trust.c - which certificate authorities are believed, and how libcurl gets to know them at the least cost.
 * SPDX-License-Identifier: MIT
 *
 * A system keeps its authorities twice: in one bundle, and in a folder with a file for each, under a hash of its name.
 * OpenSSL reads the whole bundle (140 certificates: 20 ms) before the first handshake, but of the folder only what
 * answers the server's chain. So the folder is asked first, and the bundle if nobody there vouches for the server.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xai_curl.h"

#define MOST_PATH 512
#define RESTORES_DEFAULTS 0x081100u /* libcurl 8.17: NULL is the path that was compiled in, no longer none */

static const char *environment(const char *name) {
  const char *value = getenv(name);
  return value != NULL && *value != '\0' ? value : NULL;
}

static const char *usual_bundle(void) {
  static const char *const usual[] = {"/etc/ssl/certs/ca-certificates.crt",
                                      "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    if (access(usual[i], R_OK) == 0) return usual[i];
  return NULL;
}

/* "01234567.0" is what openssl rehash makes. */
static bool is_hash(const char *name) {
  return strlen(name) == 10 && strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

/* One authority of the folder that can be read, for what may be it; false: there is none. */
static bool find_hashed(const char *folder, char *path, size_t size) {
  bool found = false;
  DIR *list = opendir(folder);
  if (list == NULL) return false;
  for (const struct dirent *entry; !found && (entry = readdir(list)) != NULL;) {
    if (!is_hash(entry->d_name)) continue;
    int len = snprintf(path, size, "%s/%s", folder, entry->d_name);
    found = len > 0 && (size_t)len < size && access(path, R_OK) == 0;
  }
  closedir(list);
  return found;
}

static const char *usual_folder(const curl_version_info_data *info) {
  char path[MOST_PATH];
  const char *usual[] = {info->age >= CURLVERSION_SEVENTH ? info->capath : NULL, "/etc/ssl/certs"};
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    if (usual[i] != NULL && find_hashed(usual[i], path, sizeof path)) return usual[i];
  return NULL;
}

static bool keep(const net *self, char **to, const char *text) {
  if (text == NULL) return true;
  *to = xai__alloc(&self->mem, strlen(text) + 1);
  if (*to != NULL) memcpy(*to, text, strlen(text));
  return *to != NULL;
}

/* Where libcurl takes "none" for what was compiled in, and loads that bundle for every connection, one authority of a
 * folder stands for it. */
static bool keep_stand_in(net *self, const char *folder, const curl_version_info_data *info) {
  char path[MOST_PATH];
  if (info->version_num < RESTORES_DEFAULTS) return true;
  if (folder == NULL) folder = usual_folder(info);
  bool found = folder != NULL && find_hashed(folder, path, sizeof path);
  return keep(self, &self->ca_stand_in, found ? path : NULL);
}

/* A wrong path that somebody gave is used all the same: the failure names it, and trust never widens by accident. */
bool xai__curl_trust_init(net *self, const xai_config *config) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  bool openssl = info->ssl_version != NULL && strncmp(info->ssl_version, "OpenSSL/", 8) == 0;
  const char *file = config->ca_file, *folder = NULL;
  if (file == NULL) {
    file = environment("SSL_CERT_FILE");
    if (file == NULL) file = environment("CURL_CA_BUNDLE");
    folder = environment("SSL_CERT_DIR");
    if (file == NULL && folder == NULL) {
      file = usual_bundle();
      folder = usual_folder(info);
    }
  }
  if (file != NULL && !openssl) folder = NULL; /* others read all that is in it, too */
  self->by_folder = folder != NULL;
  self->restores_folder = info->version_num >= RESTORES_DEFAULTS && info->capath != NULL;
  if (!keep(self, &self->ca_file, file) || !keep(self, &self->ca_folder, folder)) return false;
  if (!keep_stand_in(self, folder, info)) return false;
  self->own_store = openssl && self->restores_folder && xai__curl_store_fits(self);
  return true;
}

static void forget(const net *self, char *text) {
  if (text != NULL) xai__free(&self->mem, text, strlen(text) + 1);
}

void xai__curl_trust_deinit(net *self) {
  xai__curl_store_drop(self);
  forget(self, self->ca_file);
  forget(self, self->ca_folder);
  forget(self, self->ca_stand_in);
}

/* Never both: with a folder beside the file, also one compiled in, libcurl loads the whole file for every connection
 * instead of keeping it in its cache: 40 ms instead of 1. From 8.17 on it cannot be talked out of a folder that was
 * compiled in, only into one where nobody is: or it would believe more than it was told. */
static const char *folder_for(const net_exchange *x) {
  const net *self = x->owner;
  if (x->by_folder) return self->ca_folder;
  return self->restores_folder ? "/dev/null" : NULL;
}

static const char *file_for(const net_exchange *x) {
  const net *self = x->owner;
  return x->by_folder || self->own_store ? self->ca_stand_in : self->ca_file;
}

bool xai__curl_set_trust(net_exchange *x) {
  const net *self = x->owner;
  x->by_folder = self->by_folder;
  if (self->ca_file == NULL && self->ca_folder == NULL) return true; /* as libcurl goes */
  const char *folder = folder_for(x);
  bool ok = curl_easy_setopt(x->easy, CURLOPT_CAINFO, file_for(x)) == CURLE_OK;
  bool known = curl_easy_setopt(x->easy, CURLOPT_CAPATH, folder) == CURLE_OK;
  if (self->own_store) {
    ok = curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_FUNCTION, xai__curl_store_use) == CURLE_OK && ok;
    ok = curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_DATA, x) == CURLE_OK && ok;
  }
  return ok && (known || folder == NULL);
}

/* OpenSSL's words for a chain that leads to nobody we know (X509_V_ERR_...). */
static bool lacks_issuer(const net_exchange *x) {
  long verdict = 0;
  curl_easy_getinfo(x->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
  return verdict == 2 || (verdict >= 18 && verdict <= 21);
}

bool xai__curl_trust_more(net_exchange *x, CURLcode result) {
  net *self = x->owner;
  if (result != CURLE_PEER_FAILED_VERIFICATION || !x->by_folder || self->ca_file == NULL) return false;
  if (xai__curl_was_ready(x) || !lacks_issuer(x)) return false;
  self->by_folder = false; /* for the other exchanges, too: they ask the same host */
  return xai__curl_set_trust(x);
}
