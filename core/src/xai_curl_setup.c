/* xai_curl_setup.c - the options of libcurl: safety first, then the network, then what a request asks for.
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "xai_curl.h"
#include "xai_no_proxy.h"

#define HAPPY_EYEBALLS_MS 200L
#define LIFETIME_SECONDS 600L
#define MANY_STREAMS 64
#define LARGE_BODY 65536 /* from here on libcurl sends it apart from the head */

xai_str xai__curl_host(const char *url) {
  const char *from = strstr(url, "://");
  from = from ? from + 3 : url;
  size_t len = strcspn(from, "/?#");
  const char *at = memchr(from, '@', len);
  if (at != NULL) {
    len -= (size_t)(at + 1 - from);
    from = at + 1;
  }
  const char *end = len > 0 && from[0] == '[' ? memchr(from, ']', len) : NULL;
  if (end == NULL) end = memchr(from, ':', len);
  else end++;
  return (xai_str){from, end ? (size_t)(end - from) : len};
}

/* Two GETs do what one does; anything else may not be said twice. */
bool xai__curl_may_repeat(const net_exchange *x) {
  return strcmp(x->request->method, "GET") == 0 || strcmp(x->request->method, "HEAD") == 0;
}

/* An option without which we must not talk to anybody. */
#define MUST(option, value) (ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok)
/* One that an older libcurl, or one built without it, may lack. */
#define MAY(option, value) ((void)curl_easy_setopt(easy, option, value))

/* Since 7.87; by their numbers, for the library may be younger than the headers that we were built with. */
#define CA_CACHE_TIMEOUT ((CURLoption)(CURLOPTTYPE_LONG + 321))
#define QUICK_EXIT ((CURLoption)(CURLOPTTYPE_LONG + 322))

static bool set_safety(CURL *easy, const net *self) {
  bool ok = true;
  MUST(CURLOPT_NOSIGNAL, 1L);
  MUST(CURLOPT_PROTOCOLS_STR, "http,https");
  MUST(CURLOPT_FOLLOWLOCATION, 0L);
  MUST(CURLOPT_SSL_VERIFYPEER, 1L);
  MUST(CURLOPT_SSL_VERIFYHOST, 2L);
  MUST(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (self->require_staple) MUST(CURLOPT_SSL_VERIFYSTATUS, 1L);
  MUST(CURLOPT_HTTP09_ALLOWED, 0L);
  MUST(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  MUST(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* the key is not for the proxy */
  MUST(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  MAY(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  MAY(CA_CACHE_TIMEOUT, 86400L);
  if (self->proxy != NULL) {
    MUST(CURLOPT_PROXY, self->proxy); /* "" is none at all */
    MUST(CURLOPT_NOPROXY, "");        /* and the environment has no say (F10) */
  }
  return ok;
}

static bool set_network(CURL *easy, const net *self) {
  bool ok = true;
  /* By default each long stream has a connection of its own: multiplexed over one of HTTP/2 they cost libcurl
   * several times the work, and one lost packet would stall them all. HTTP/2 is settled in the TLS handshake
   * alone: an upgrade would come in the middle of a POST, and with prior knowledge libcurl 7.88 cannot use a
   * connection twice. */
  MUST(CURLOPT_HTTP_VERSION, self->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
  MAY(CURLOPT_TCP_NODELAY, 1L);
  MAY(CURLOPT_TCP_KEEPALIVE, 1L);
  MAY(CURLOPT_TCP_KEEPIDLE, 30L);
  MAY(CURLOPT_TCP_KEEPINTVL, 15L);
  MAY(CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, HAPPY_EYEBALLS_MS);
  MAY(CURLOPT_MAXAGE_CONN, XAI_CURL_IDLE_SECONDS);
  MAY(CURLOPT_MAXLIFETIME_CONN, LIFETIME_SECONDS);
  MAY(QUICK_EXIT, 1L); /* a dead resolver must not hold up a cancel (F02) */
  return ok;
}

bool xai__curl_set_fixed(CURL *easy, const net *self) {
  return set_safety(easy, self) && set_network(easy, self);
}

/* A small body goes out in one piece with the head, and costs no buffer of 16 KiB for as long as the answer takes.
 * That libcurl could then say it twice by itself must show when a connection is ready: see on_ready. */
static bool goes_whole(const net_exchange *x) {
  const xai_exchange_request *request = x->request;
  bool small = request->body.len > 0 && request->body.len < LARGE_BODY;
  return small && !x->owner->http2 && strcmp(request->method, "POST") == 0;
}

/* The handle may have done something else before, so each of these is set either way. */
static bool set_method(net_exchange *x) {
  CURL *easy = x->easy;
  const xai_exchange_request *request = x->request;
  bool ok = true;
  x->whole = goes_whole(x);
  MUST(CURLOPT_POSTFIELDS, x->whole ? request->body.ptr : NULL); /* makes it a POST, even so */
  bool post = strcmp(request->method, "POST") == 0, get = strcmp(request->method, "GET") == 0;
  bool head = strcmp(request->method, "HEAD") == 0 && request->body.len == 0;
  if (post || request->body.len > 0) MUST(CURLOPT_POST, 1L);
  else MUST(CURLOPT_HTTPGET, 1L);
  if (head) MUST(CURLOPT_NOBODY, 1L);
  MUST(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
  MUST(CURLOPT_CUSTOMREQUEST, post || head || (get && request->body.len == 0) ? NULL : request->method);
  MAY(CURLOPT_UPLOAD_BUFFERSIZE, request->body.len < LARGE_BODY ? 16384L : 65536L);
  return ok;
}

static long connect_limit(const xai_exchange_request *request) {
  uint64_t both = (uint64_t)request->connect_ms + request->handshake_ms;
  bool unlimited = request->connect_ms == XAI_NO_LIMIT || request->handshake_ms == XAI_NO_LIMIT;
  return unlimited || both > INT_MAX ? INT_MAX : (long)both;
}

/* Headers that libcurl would add of itself unless told not to. */
static const char *const unwanted[] = {"Expect", "Accept", "Content-Type"};
#define UNWANTED_COUNT (sizeof unwanted / sizeof *unwanted)

static bool has_header(const xai_exchange_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++)
    if (xai__str_eq_nocase(xai_str_of(request->headers[i].name), name)) return true;
  return false;
}

static bool headers_size(const xai_exchange_request *request, size_t *size) {
  size_t lines = request->header_count + UNWANTED_COUNT;
  bool ok = xai__mul(lines, sizeof(struct curl_slist) + 16, size); /* 16: ": ", NUL, or an unwanted one */
  for (size_t i = 0; i < request->header_count; i++) {
    ok = ok && xai__add(*size, strlen(request->headers[i].name), size);
    ok = ok && xai__add(*size, strlen(request->headers[i].value), size);
  }
  return ok;
}

/* "Name: value"; libcurl wants "Name;" for an empty value and takes "Name:" for "do not send". */
static char *write_header(char *at, const char *name, const char *value) {
  size_t len = strlen(name);
  memcpy(at, name, len);
  at += len;
  if (value == NULL) *at++ = ':';
  else if (value[0] == '\0') *at++ = ';';
  else {
    *at++ = ':';
    *at++ = ' ';
    len = strlen(value);
    memcpy(at, value, len);
    at += len;
  }
  *at++ = '\0';
  return at;
}

/* libcurl's list type in one block of our own: nodes first, their texts behind. */
static bool build_headers(net_exchange *x) {
  const xai_exchange_request *request = x->request;
  size_t lines = request->header_count + UNWANTED_COUNT, count = 0;
  if (!headers_size(request, &x->headers_size)) return false;
  x->headers = xai__alloc(&x->owner->mem, x->headers_size);
  if (x->headers == NULL) return false;
  char *text = (char *)(x->headers + lines);
  for (size_t i = 0; i < request->header_count; i++) {
    x->headers[count++].data = text;
    text = write_header(text, request->headers[i].name, request->headers[i].value);
  }
  for (size_t i = 0; i < UNWANTED_COUNT; i++) {
    if (has_header(request, unwanted[i])) continue;
    x->headers[count++].data = text;
    text = write_header(text, unwanted[i], NULL);
  }
  for (size_t i = 0; i + 1 < count; i++) x->headers[i].next = &x->headers[i + 1];
  return true;
}

/* Behind the host; what the scheme implies when the URL names none. */
static unsigned port_of(const char *url) {
  xai_str host = xai__curl_host(url);
  const char *colon = host.ptr + host.len;
  if (*colon == ':') return (unsigned)strtoul(colon + 1, NULL, 10);
  return xai__str_starts(xai_str_of(url), "https:") ? 443 : 80;
}

/* Where the environment names the proxy it also says for which hosts it is not; libcurl knows no ports there, and
 * before 7.86 no networks (F10). */
static bool set_exemption(const net_exchange *x) {
  if (x->owner->proxy != NULL) return true;
  const char *list = getenv("no_proxy");
  if (list == NULL) list = getenv("NO_PROXY");
  xai_str host = xai__curl_host(x->request->url);
  if (host.len > 1 && host.ptr[0] == '[') host = (xai_str){host.ptr + 1, host.len - 2};
  bool exempt = list != NULL && xai__no_proxy(xai_str_of(list), host, port_of(x->request->url));
  return curl_easy_setopt(x->easy, CURLOPT_NOPROXY, exempt ? "*" : "") == CURLE_OK;
}

/* Whatever libcurl can unpack. It does not notice when the packed data is cut, so this is for contents that show
 * their own end, as JSON does (F38). */
static bool set_encoding(const net_exchange *x) {
  return curl_easy_setopt(x->easy, CURLOPT_ACCEPT_ENCODING, x->request->compress ? "" : NULL) == CURLE_OK;
}

/* Until libcurl 8.7, or a bit later, each transfer has a buffer of its own as long as its answer takes; since then they
 * share that of their multi handle. Few streams may come fast; among many each is slow, and an event of some hundred
 * bytes at a time is all that it gets. */
static long buffer_size(const net_exchange *x) {
  if (!x->request->stream) return 65536;
  bool is_shared = curl_version_info(CURLVERSION_NOW)->version_num >= 0x080800;
  return is_shared || x->owner->active_count < MANY_STREAMS ? 16384 : 2048;
}

/* Since 8.16 libcurl also remembers for half that time that a name does not exist, which may be passing (F01). */
static long names_seconds(const net_exchange *x) {
  return x->owner->unnamed ? 0L : XAI_CURL_IDLE_SECONDS;
}

bool xai__curl_set_request(net_exchange *x) {
  CURL *easy = x->easy;
  bool ok = x->wire != NULL || build_headers(x);
  MUST(CURLOPT_URL, x->request->url);
  MUST(CURLOPT_CONNECT_ONLY, x->wire != NULL ? 1L : 0L);
  MUST(CURLOPT_HTTPHEADER, x->headers);
  MUST(CURLOPT_CONNECTTIMEOUT_MS, connect_limit(x->request));
  MAY(CURLOPT_DNS_CACHE_TIMEOUT, names_seconds(x));
  MAY(CURLOPT_BUFFERSIZE, buffer_size(x));
  return xai__curl_set_fresh(x, false) && set_encoding(x) && set_exemption(x) && set_method(x) && ok;
}

bool xai__curl_set_fresh(net_exchange *x, bool fresh) {
  return curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L) == CURLE_OK;
}

#undef MUST
#undef MAY

void xai__curl_drop_headers(net_exchange *x) {
  curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, NULL);
  xai__free_secret(&x->owner->mem, x->headers, x->headers_size);
  x->headers = NULL;
}

void xai__curl_clear_request(net_exchange *x) {
  xai__curl_drop_headers(x);
  curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, NULL);
}
