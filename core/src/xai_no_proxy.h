/* xai_no_proxy.h - which hosts NO_PROXY exempts. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_NO_PROXY_H
#define XAI_NO_PROXY_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

/* Does the list exempt this host (an IPv6 address without its brackets) and port? Entries stand between commas or
 * spaces, in any case:
 *   *                             every host
 *   example.com, .example.com     this host and all below it
 *   10.1.2.3, fd00::1             this address
 *   10.0.0.0/8, fd00::/8          addresses of this network, when the host is written as an address
 * Each but the first and the networks may name a port, then it holds for that alone: example.com:8080, [fd00::1]:443.
 * An entry that is none of these exempts nothing. Source: what Go, curl and Python agree on (faults.md F10). */
bool xai__no_proxy(xai_str list, xai_str host, unsigned port);

#pragma GCC visibility pop

#endif
