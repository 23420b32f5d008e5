/* xai_curl_end.c - how an exchange ended: from libcurl's result to code, phase, words and what was sent.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "xai_curl.h"
#include "xai_err.h"

typedef struct end_rule {
  CURLcode result;
  xai_code code;
  const char *phase; /* NULL: as far as it came */
} end_rule;

static const end_rule end_rules[] = {
  {CURLE_OK, XAI_OK, "done"},
  {CURLE_COULDNT_RESOLVE_HOST, XAI_ERR_RESOLVE, "resolve"},
  {CURLE_COULDNT_RESOLVE_PROXY, XAI_ERR_PROXY, "resolve"},
  {CURLE_COULDNT_CONNECT, XAI_ERR_CONNECT, "connect"},
  {CURLE_PROXY, XAI_ERR_PROXY, "handshake"},
  {CURLE_SSL_CONNECT_ERROR, XAI_ERR_TLS, "handshake"},
  {CURLE_PEER_FAILED_VERIFICATION, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_CERTPROBLEM, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_CIPHER, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_CACERT_BADFILE, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_CRL_BADFILE, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_ISSUER_ERROR, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_INVALIDCERTSTATUS, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_PINNEDPUBKEYNOTMATCH, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_ENGINE_NOTFOUND, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_ENGINE_SETFAILED, XAI_ERR_TLS, "handshake"},
  {CURLE_SSL_ENGINE_INITFAILED, XAI_ERR_TLS, "handshake"},
  {CURLE_USE_SSL_FAILED, XAI_ERR_TLS, "handshake"},
  {CURLE_PARTIAL_FILE, XAI_ERR_SHORT, "body"},
  {CURLE_WEIRD_SERVER_REPLY, XAI_ERR_HTTP, "headers"},
  {CURLE_BAD_CONTENT_ENCODING, XAI_ERR_HTTP, "body"},
  {CURLE_WRITE_ERROR, XAI_ERR_HTTP, "body"}, /* of its own unpacking, for ours has a code */
  {CURLE_FILESIZE_EXCEEDED, XAI_ERR_TOO_BIG, "headers"},
  {CURLE_URL_MALFORMAT, XAI_ERR_URL, "resolve"},
  {CURLE_LOGIN_DENIED, XAI_ERR_URL, "resolve"}, /* a user in the URL */
  {CURLE_OUT_OF_MEMORY, XAI_ERR_NOMEM, NULL},
  {CURLE_SEND_ERROR, XAI_ERR_RESET, NULL},
  {CURLE_RECV_ERROR, XAI_ERR_RESET, NULL},
  {CURLE_GOT_NOTHING, XAI_ERR_RESET, NULL},
  {CURLE_SEND_FAIL_REWIND, XAI_ERR_RESET, NULL},
  {CURLE_HTTP2, XAI_ERR_RESET, NULL},
  {CURLE_HTTP2_STREAM, XAI_ERR_RESET, NULL},
};

bool xai__curl_has_time(const net_exchange *x, CURLINFO which) {
  curl_off_t us = 0;
  return curl_easy_getinfo(x->easy, which, &us) == CURLE_OK && us > 0;
}

bool xai__curl_was_ready(const net_exchange *x) {
  return x->tries > 0;
}

/* Of a body that goes out with the head, the first byte of either counts for all. */
size_t xai__curl_body_given(const net_exchange *x) {
  long written = 0;
  if (!x->whole) return x->given;
  if (!xai__curl_was_ready(x)) return 0;
  curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &written);
  return written > x->spoken ? x->request->body.len : 0;
}

size_t xai__curl_body_sent(const net_exchange *x) {
  curl_off_t sent = 0;
  if (!x->whole) return x->given;
  curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return (size_t)sent;
}

static bool said(const net_exchange *x, const char *words) {
  return strstr(x->words, words) != NULL;
}

/* HTTP/2: REFUSED_STREAM, or above the last stream of a GOAWAY (F18). */
static bool was_refused(const net_exchange *x) {
  return x->refused || said(x, "REFUSED_STREAM");
}

static int connect_status(const net_exchange *x) {
  long status = 0;
  curl_easy_getinfo(x->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return (int)status;
}

static const char *phase_of(const net_exchange *x) {
  if (x->head.ended) return "body";
  if (x->head.bytes > 0) return "headers";
  if (xai__curl_was_ready(x)) return xai__curl_body_given(x) < x->request->body.len ? "send" : "wait";
  bool linked = x->linked || connect_status(x) != 0 || xai__curl_has_time(x, CURLINFO_CONNECT_TIME_T);
  if (linked) return "handshake";
  return xai__curl_has_time(x, CURLINFO_NAMELOOKUP_TIME_T) ? "connect" : "resolve";
}

/* A request whose body has not begun cannot be executed, so its headers alone do not count as sent. Of
 * what was written, nobody knows how much arrived. */
static bool may_have_sent(const net_exchange *x) {
  if (x->request->body.len > 0) return xai__curl_body_given(x) > 0;
  return xai__curl_was_ready(x);
}

/* A peer that hangs up in the middle of a handshake says nothing about certificates. */
static bool hung_up(const net_exchange *x) {
  return said(x, "SSL_ERROR_SYSCALL") || said(x, "reset by peer") || said(x, "unexpected eof");
}

/* libcurl was about to say it again, and we said no. */
static bool repeated(const net_exchange *x, CURLcode result) {
  return result == CURLE_ABORTED_BY_CALLBACK && x->tries > 1;
}

/* CURLE_TOO_LARGE, by its number, for the library may be younger than the headers that we were built with. */
#define TOO_LARGE ((CURLcode)100)

/* libcurl's own limit for one header line has no code of its own before 8.6. */
static bool line_too_long(const net_exchange *x, CURLcode result) {
  if (result == TOO_LARGE) return true;
  return result == CURLE_OUT_OF_MEMORY && xai__curl_was_ready(x) && !x->head.ended &&
         xai__curl_body_given(x) == x->request->body.len;
}

/* Which rule holds, after the cases in which libcurl's one code means several things. */
static end_rule rule_for(const net_exchange *x, CURLcode result) {
  bool ready = xai__curl_was_ready(x), resolved = xai__curl_has_time(x, CURLINFO_NAMELOOKUP_TIME_T);
  if (!ready && result != CURLE_OK && connect_status(x) >= 300)
    return (end_rule){result, XAI_ERR_PROXY, "handshake"};
  if (x->mute) return (end_rule){result, XAI_ERR_SILENCE, "send"};
  if (result == CURLE_PARTIAL_FILE && !x->head.ended) return (end_rule){result, XAI_ERR_RESET, NULL};
  if (repeated(x, result)) return (end_rule){result, XAI_ERR_RESET, NULL};
  if (result == CURLE_OPERATION_TIMEDOUT)
    return (end_rule){result, resolved ? XAI_ERR_CONNECT : XAI_ERR_RESOLVE, NULL};
  if (result == CURLE_UNSUPPORTED_PROTOCOL && !ready) return (end_rule){result, XAI_ERR_URL, "resolve"};
  if (result == CURLE_UNSUPPORTED_PROTOCOL) return (end_rule){result, XAI_ERR_HTTP, "headers"}; /* HTTP/0.9 */
  if (result == CURLE_SSL_CONNECT_ERROR && hung_up(x)) return (end_rule){result, XAI_ERR_RESET, "handshake"};
  if (result == CURLE_RECV_ERROR && said(x, "chunk")) return (end_rule){result, XAI_ERR_HTTP, "body"};
  if (line_too_long(x, result))
    return (end_rule){result, XAI_ERR_TOO_BIG, x->head.ended ? "body" : "headers"};
  /* The end of a connection inside the head is no error to libcurl. */
  if (result == CURLE_OK && !x->head.ended) return (end_rule){result, XAI_ERR_RESET, NULL};
  for (size_t i = 0; i < sizeof end_rules / sizeof *end_rules; i++)
    if (end_rules[i].result == result) return end_rules[i];
  return (end_rule){result, ready ? XAI_ERR_RESET : XAI_ERR_CONNECT, NULL};
}

static void explain_connect(const net_exchange *x, CURLcode result, char *to, size_t size) {
  long number = 0;
  char cause[80] = "";
  curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &number);
  if (x->open_errno != 0) number = x->open_errno;
  if (number != 0 && strerror_r((int)number, cause, sizeof cause) != 0) cause[0] = '\0';
  const char *words = x->words[0] ? x->words : curl_easy_strerror(result);
  snprintf(to, size, "%s%s%s", words, cause[0] ? ": " : "", cause);
}

/* libcurl's words are used where they speak of hosts and certificates, never where they may quote what the
 * server or the configuration said. */
static void explain(const net_exchange *x, CURLcode result, xai_code code, char *to, size_t size) {
  xai_str host = xai__curl_host(x->request->url);
  const char *words = x->words[0] ? x->words : curl_easy_strerror(result);
  if (x->late)
    snprintf(to, size, "%.*s: no %s in time", (int)host.len, host.ptr,
             x->linked ? "handshake" : "connection");
  else if (x->mute) snprintf(to, size, "it does not take the request's body");
  else if (code == XAI_ERR_PROXY && connect_status(x) != 0)
    snprintf(to, size, "it answered CONNECT with %d", connect_status(x));
  else if (code == XAI_ERR_RESET && was_refused(x)) snprintf(to, size, "the server refused the stream");
  else if (repeated(x, result)) snprintf(to, size, "a kept connection had died");
  else if (code == XAI_ERR_RESOLVE) snprintf(to, size, "%.*s", (int)host.len, host.ptr);
  else if (code == XAI_ERR_CONNECT) explain_connect(x, result, to, size);
  else if (result == CURLE_SSL_CACERT_BADFILE && x->owner->own_store && !x->by_folder)
    snprintf(to, size, "no authorities in the file %s", x->owner->ca_file);
  else if (code == XAI_ERR_TLS || code == XAI_ERR_RESET) snprintf(to, size, "%s", words);
  else if (x->head.why != NULL) snprintf(to, size, "%s", x->head.why);
  else if (code == XAI_ERR_HTTP && said(x, "chunk")) snprintf(to, size, "bad chunked encoding");
  else if (result == CURLE_WRITE_ERROR && x->code == XAI_OK)
    snprintf(to, size, "the compressed body goes on after its end");
  else if (code == XAI_ERR_TOO_BIG && !x->head.ended) snprintf(to, size, "a header line of the answer");
  else if (x->code == XAI_OK) snprintf(to, size, "%s", curl_easy_strerror(result));
}

void xai__curl_describe(const net_exchange *x, CURLcode result, xai_exchange_end *end) {
  *end = (xai_exchange_end){.sent = may_have_sent(x)};
  end_rule rule = rule_for(x, result);
  if (x->code != XAI_OK) rule = (end_rule){result, x->code, NULL};
  end->code = rule.code;
  end->phase = rule.phase ? rule.phase : phase_of(x);
  end->not_processed = rule.code == XAI_ERR_RESET && x->head.bytes == 0 && was_refused(x);
  if (rule.code == XAI_OK) return;
  char words[CURL_ERROR_SIZE + 100] = "";
  explain(x, result, rule.code, words, sizeof words);
  xai__redact(words);
  xai__str_copy(end->detail, sizeof end->detail, xai_str_of(words));
}
