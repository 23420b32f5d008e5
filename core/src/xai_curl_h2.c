/* xai_curl_h2.c - was a stream of HTTP/2 looked at by the server, or refused?
 * SPDX-License-Identifier: MIT
 *
 * REFUSED_STREAM, and a GOAWAY whose last stream is below ours, say that a request was not processed and may be
 * sent again (RFC 9113 sections 6.8 and 8.7; F18). libcurl tells its user neither: it would say the request again
 * by itself, which we do not let it, and then reports something else. So its talk is overheard. What is not
 * understood counts as nothing: then the attempt's outcome is unknown, and it is not repeated.
 */
#include <string.h>

#include "xai_curl.h"
#include "xai_err.h"

xai_code xai__curl_check_http2(xai_error *err) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  if ((info->features & CURL_VERSION_HTTP2) == 0)
    return xai__fail(err, XAI_ERR_ARG, "http_version: this libcurl was built without HTTP/2");
  if (info->version_num >= XAI_CURL_HTTP2_LEAST) return XAI_OK;
  return xai__fail(err, XAI_ERR_ARG, "http_version: HTTP/2 needs libcurl 7.88.1 or later, and this is %s",
                   info->version);
}

/* Where `part` ends in the text, 0 when it is not there. */
static size_t after(xai_str text, const char *part) {
  size_t len = strlen(part);
  for (size_t i = 0; i + len <= text.len; i++)
    if (memcmp(text.ptr + i, part, len) == 0) return i + len;
  return 0;
}

/* The number behind `part`; false when there is none. */
static bool number_after(xai_str text, const char *part, unsigned long *out) {
  size_t at = after(text, part), from = at;
  *out = 0;
  for (; at > 0 && at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && at - from < 10; at++)
    *out = *out * 10 + (unsigned long)(text.ptr[at] - '0');
  return at > from;
}

/* "Using Stream ID: 3", and from 8.0 on "[HTTP/2] [3] OPENED stream for ...". */
static void learn_stream(net_exchange *x, xai_str text) {
  unsigned long stream;
  if (number_after(text, "Using Stream ID: ", &stream) || number_after(text, "[HTTP/2] [", &stream))
    x->stream = stream;
}

/* On a kept connection libcurl does not name the cause of its wish to try again. When the connection has not come
 * to its end and nothing went wrong on it, then it is that the stream was refused. */
static bool is_silent_refusal(net_exchange *x, xai_str text) {
  if (after(text, "Connection died, retrying") == 0 || x->fresh || x->words[0] != '\0') return false;
  return !xai__sockets_ended(&x->owner->sockets, x->local_port);
}

int xai__curl_overhear(CURL *easy, curl_infotype type, char *words, size_t len, void *exchange) {
  net_exchange *x = exchange;
  xai_str text = {words, len};
  unsigned long last;
  (void)easy;
  if (type != CURLINFO_TEXT || x->tries == 0) return 0;
  learn_stream(x, text);
  if (after(text, "REFUSED_STREAM") > 0 || is_silent_refusal(x, text)) x->refused = true;
  if (number_after(text, "last_stream=", &last) && x->stream > last) x->refused = true;
  return 0;
}
