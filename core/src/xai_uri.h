/* xai_uri.h - references resolved against base addresses, and the parts of fragments.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_URI_H
#define XAI_URI_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* Append the address that `reference` means where `base` is the address in force. Neither has a fragment; base may
 * be empty or itself relative. Source: RFC 3986 section 5.2. XAI_ERR_NOMEM, XAI_ERR_TOO_BIG. */
xai_code xai__uri_resolve(xai_buf *out, xai_str base, xai_str reference);

/* Cut at the first '#': *fragment is what follows, empty (ptr NULL) when there is none. */
xai_str xai__uri_split(xai_str uri, xai_str *fragment);

/* Append `text` with %XX decoded; a '%' without two hex digits stays. */
xai_code xai__uri_decode(xai_buf *out, xai_str text);

#pragma GCC visibility pop

#endif
