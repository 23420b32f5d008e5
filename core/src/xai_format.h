/* xai_format.h - JSON Schema's "format": is this text a date, an address, a URI ...? Pure: no memory, no locale.
 * SPDX-License-Identifier: MIT
 *
 * Every check is linear in the text and never recurses. Texts are UTF-8; what is not is refused wherever a
 * format says which characters it takes. Not covered:
 *   - idn-hostname and idn-email: that a label is in normal form C (a letter and a combining mark that have a
 *     joint code point), and the rule that one right-to-left label asks something of its neighbours. Characters
 *     newer than the table's Unicode version (xai_format_idn_table.c) are refused, as RFC 5891 wants it.
 *   - email: address literals other than IPv4 and IPv6.
 *   - regex: names of groups outside ASCII are not held against ID_Start and ID_Continue; more than 4,096 open
 *     groups or 128 named ones are refused; the sets of the "v" flag are not known.
 */
#ifndef XAI_FORMAT_H
#define XAI_FORMAT_H

#include "xai.h"

#pragma GCC visibility push(hidden)

/* A known format; 0 is none. */
typedef int xai_format;

/* By the name a schema gives it, in its exact case: "date-time", "date", "time", "duration", "email",
 * "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference",
 * "uri-template", "uuid", "json-pointer", "relative-json-pointer", "regex". Any other: 0. */
xai_format xai__format_find(xai_str name);

/* Does the text have this format? Format 0 accepts everything, as the specification asks for. */
bool xai__format_check(xai_format format, const char *text, size_t len);

#pragma GCC visibility pop

#endif
