/* xai_curl_load.c - has libcurl ready when it is first needed: loaded, where we are not linked with it, and set up.
 * SPDX-License-Identifier: MIT
 *
 * libcurl brings some thirty libraries along, which is most of a small program's start. Built with XAI_LAZY_CURL, as
 * the Lua module is, we are not linked with it: the functions that the transport calls are defined here, and hand on
 * to those of the library, which the first client loads. It stays loaded, for its threads may outlive us
 * (CURLOPT_QUICK_EXIT).
 */
#include <pthread.h>

#include "xai_curl.h"
#include "xai_err.h"

#ifdef XAI_LAZY_CURL

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef curl_easy_setopt /* macros that check types, and hide the functions */
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* Type, name behind "curl_", parameters, arguments. */
#define PLAIN_FUNCTIONS(X)                                                                     \
  X(CURL *, easy_init, (void), ())                                                             \
  X(CURLcode, easy_pause, (CURL * easy, int what), (easy, what))                               \
  X(const char *, easy_strerror, (CURLcode code), (code))                                      \
  X(CURLM *, multi_init, (void), ())                                                           \
  X(CURLMcode, multi_cleanup, (CURLM * multi), (multi))                                        \
  X(CURLMcode, multi_add_handle, (CURLM * multi, CURL * easy), (multi, easy))                  \
  X(CURLMcode, multi_remove_handle, (CURLM * multi, CURL * easy), (multi, easy))               \
  X(CURLMcode, multi_assign, (CURLM * multi, curl_socket_t fd, void *user), (multi, fd, user)) \
  X(CURLMcode, multi_socket_action, (CURLM * multi, curl_socket_t fd, int what, int *running), \
    (multi, fd, what, running))                                                                \
  X(CURLMsg *, multi_info_read, (CURLM * multi, int *left), (multi, left))                     \
  X(curl_version_info_data *, version_info, (CURLversion version), (version))                  \
  X(CURLcode, global_init, (long flags), (flags))

/* ... that hand on what they get in ways of their own. */
#define OTHER_FUNCTIONS(X)                                            \
  X(void, easy_cleanup, (CURL * easy), ())                            \
  X(CURLcode, easy_setopt, (CURL * easy, CURLoption option, ...), ()) \
  X(CURLcode, easy_getinfo, (CURL * easy, CURLINFO what, ...), ())    \
  X(CURLMcode, multi_setopt, (CURLM * multi, CURLMoption option, ...), ())

/* Those of the library. Filled once, before any is called. */
#define X(type, name, parameters, arguments) type(*name) parameters;
static struct {
  PLAIN_FUNCTIONS(X)
  OTHER_FUNCTIONS(X)
} real;
#undef X

/* Nobody else in the process may meet ours. */
#define X(type, name, parameters, arguments) \
  __attribute__((visibility("hidden"))) type curl_##name parameters;
PLAIN_FUNCTIONS(X)
OTHER_FUNCTIONS(X)
#undef X

#define X(type, name, parameters, arguments) \
  type curl_##name parameters {              \
    return real.name arguments;              \
  }
PLAIN_FUNCTIONS(X)
#undef X

void curl_easy_cleanup(CURL *easy) {
  real.easy_cleanup(easy);
}

CURLcode curl_easy_getinfo(CURL *easy, CURLINFO what, ...) {
  va_list rest;
  va_start(rest, what);
  CURLcode result = real.easy_getinfo(easy, what, va_arg(rest, void *)); /* always where to put it */
  va_end(rest);
  return result;
}

typedef void any_function(void);

/* The number of an option tells what its value is. */
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...) {
  CURLcode result;
  va_list rest;
  va_start(rest, option);
  switch (option / 10000 * 10000) {
    case CURLOPTTYPE_LONG: result = real.easy_setopt(easy, option, va_arg(rest, long)); break;
    case CURLOPTTYPE_FUNCTIONPOINT:
      result = real.easy_setopt(easy, option, va_arg(rest, any_function *));
      break;
    case CURLOPTTYPE_OFF_T: result = real.easy_setopt(easy, option, va_arg(rest, curl_off_t)); break;
    default: result = real.easy_setopt(easy, option, va_arg(rest, void *));
  }
  va_end(rest);
  return result;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...) {
  CURLMcode result;
  va_list rest;
  va_start(rest, option);
  switch (option / 10000 * 10000) {
    case CURLOPTTYPE_LONG: result = real.multi_setopt(multi, option, va_arg(rest, long)); break;
    case CURLOPTTYPE_FUNCTIONPOINT:
      result = real.multi_setopt(multi, option, va_arg(rest, any_function *));
      break;
    default: result = real.multi_setopt(multi, option, va_arg(rest, void *));
  }
  va_end(rest);
  return result;
}

/* By the name that its interface has had since 2006; last the one of Debian's build with GnuTLS. */
static void *open_library(char *why, size_t size) {
  static const char *const names[] = {
#ifdef __APPLE__
    "libcurl.4.dylib"
#else
    "libcurl.so.4", "libcurl-gnutls.so.4"
#endif
  };
  void *library = dlopen(names[0], RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) snprintf(why, size, "%s", dlerror());
  for (size_t i = 1; library == NULL && i < sizeof names / sizeof *names; i++)
    library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
  return library;
}

static bool find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static bool find_all(void *library) {
  bool all = true;
#define X(type, name, parameters, arguments) all = find(library, "curl_" #name, &real.name) && all;
  PLAIN_FUNCTIONS(X)
  OTHER_FUNCTIONS(X)
#undef X
  return all;
}

static xai_code load(xai_error *err) {
  char why[160] = "";
  void *library = open_library(why, sizeof why);
  if (library != NULL && find_all(library)) return XAI_OK;
  if (library != NULL) dlclose(library);
  return xai__fail(err, XAI_ERR_LIBRARY, "libcurl, which the transport \"curl\" needs: %s",
                   library != NULL ? "it is too old" : why);
}

#else

static xai_code load(xai_error *err) {
  (void)err;
  return XAI_OK;
}

#endif

/* The only process-wide state of the library: libcurl's own, set up once and never torn down, because other
 * users of libcurl may live in this process. What failed is tried again by the next client. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool ready;

/* The one that we run with may be older than the one that we were built with. */
static xai_code check_age(xai_error *err) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  if (info->version_num >= XAI_CURL_LEAST) return XAI_OK;
  return xai__fail(err, XAI_ERR_LIBRARY, "libcurl %s is too old: 7.85 or later is needed", info->version);
}

static xai_code load_and_init(xai_error *err) {
  xai_code code = load(err);
  if (code == XAI_OK) code = check_age(err);
  if (code != XAI_OK || curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return code;
  return xai__fail(err, XAI_ERR_NOMEM, "libcurl could not be set up");
}

xai_code xai__curl_load(xai_error *err) {
  pthread_mutex_lock(&lock);
  xai_code code = ready ? XAI_OK : load_and_init(err);
  ready = code == XAI_OK;
  pthread_mutex_unlock(&lock);
  return code;
}

const char *xai_curl_version(void) {
  if (xai__curl_load(NULL) != XAI_OK) return "";
  return curl_version_info(CURLVERSION_NOW)->version;
}
