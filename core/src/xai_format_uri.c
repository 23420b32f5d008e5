/* xai_format_uri.c - URIs, IRIs, references to them, and URI templates.
 * SPDX-License-Identifier: MIT
 *
 * Sources: RFC 3986 appendix A, RFC 3987 section 2.2, RFC 6570 section 2.
 */
#include "xai_format_int.h"

#include <string.h>

/* What a part takes beyond unreserved characters, sub-delims and percent-encoded bytes. */
typedef struct part_rules {
  const char *extra;
  bool international;
  bool private_use;
} part_rules;

static bool is_unreserved(uint32_t c) {
  return xai__is_letter(c) || xai__is_digit(c) || xai__is_one_of(c, "-._~");
}

static bool is_sub_delim(uint32_t c) {
  return xai__is_one_of(c, "!$&'()*+,;=");
}

/* The last two code points of each plane are no characters, nor are the start of plane 14 and U+FDD0... */
bool xai__is_ucschar(uint32_t c) {
  if (c < 0x10000) {
    return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) || (c >= 0xfdf0 && c <= 0xffef);
  }
  return c <= 0xefffd && (c & 0xffff) <= 0xfffd && !(c >= 0xe0000 && c < 0xe1000);
}

bool xai__is_iprivate(uint32_t c) {
  return (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xf0000 && c <= 0xffffd) || (c >= 0x100000 && c <= 0x10fffd);
}

static bool part_takes(uint32_t c, part_rules rules) {
  if (c < 0x80) return is_unreserved(c) || is_sub_delim(c) || xai__is_one_of(c, rules.extra);
  return rules.international && (xai__is_ucschar(c) || (rules.private_use && xai__is_iprivate(c)));
}

static bool part_valid(const char *from, const char *to, part_rules rules) {
  xai_scan scan = {from, to};
  while (!xai__at_end(&scan)) {
    if (!xai__take_percent(&scan) && !part_takes(xai__take_code(&scan), rules)) return false;
  }
  return true;
}

/* The first `c`, or `to`. */
static const char *find(const char *from, const char *to, char c) {
  const char *found = from < to ? memchr(from, c, (size_t)(to - from)) : NULL;
  return found != NULL ? found : to;
}

static bool scheme_valid(const char *from, const char *to) {
  if (from == to || !xai__is_letter((unsigned char)*from)) return false;
  for (; from < to; from++) {
    unsigned char c = (unsigned char)*from;
    if (!xai__is_letter(c) && !xai__is_digit(c) && !xai__is_one_of(c, "+-.")) return false;
  }
  return true;
}

/* "v1.x": after the brackets are off. */
static bool is_ip_future(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  if (!xai__take(&scan, 'v') && !xai__take(&scan, 'V')) return false;
  if (xai__take_hex(&scan) == 0 || !xai__take(&scan, '.') || xai__at_end(&scan)) return false;
  for (; !xai__at_end(&scan); scan.at++) {
    unsigned char c = (unsigned char)*scan.at;
    if (!is_unreserved(c) && !is_sub_delim(c) && c != ':') return false;
  }
  return true;
}

static bool authority_valid(const char *from, const char *to, bool international) {
  const char *at_sign = find(from, to, '@');
  if (at_sign < to) {
    if (!part_valid(from, at_sign, (part_rules){":", international, false})) return false;
    from = at_sign + 1;
  }
  const char *host_end;
  if (from < to && *from == '[') {
    const char *bracket = find(from, to, ']');
    if (bracket == to) return false;
    xai_str inside = xai__between(from + 1, bracket);
    if (!xai__is_ipv6(inside) && !is_ip_future(inside)) return false;
    host_end = bracket + 1;
  } else {
    host_end = find(from, to, ':');
    if (!part_valid(from, host_end, (part_rules){"", international, false})) return false;
  }
  xai_scan port = {host_end, to};
  if (!xai__at_end(&port) && !xai__take(&port, ':')) return false;
  xai__take_digits(&port);
  return xai__at_end(&port);
}

/* A colon before the first slash ends a scheme: in a relative reference it may not stand there. */
static bool reference_valid(xai_str text, bool international, bool relative) {
  if (text.len == 0) return relative;
  const char *at = text.ptr, *end = at + text.len;
  const char *fragment = find(at, end, '#');
  const char *query = find(at, fragment, '?');
  if (!part_valid(fragment + (fragment < end), end, (part_rules){":@/?", international, false})) return false;
  if (!part_valid(query + (query < fragment), fragment, (part_rules){":@/?", international, true}))
    return false;
  const char *colon = find(at, find(at, query, '/'), ':');
  if (colon < query && *colon == ':') {
    if (!scheme_valid(at, colon)) return false;
    at = colon + 1;
  } else if (!relative) {
    return false;
  }
  if (query - at >= 2 && at[0] == '/' && at[1] == '/') {
    const char *path = find(at + 2, query, '/');
    if (!authority_valid(at + 2, path, international)) return false;
    at = path;
  }
  return part_valid(at, query, (part_rules){":@/", international, false});
}

bool xai__is_uri(xai_str text) {
  return reference_valid(text, false, false);
}

bool xai__is_uri_reference(xai_str text) {
  return reference_valid(text, false, true);
}

bool xai__is_iri(xai_str text) {
  return reference_valid(text, true, false);
}

bool xai__is_iri_reference(xai_str text) {
  return reference_valid(text, true, true);
}

/* ---- templates ---- */

/* The apostrophe by erratum 6937 of the RFC. */
static bool is_literal(uint32_t c) {
  if (c >= 0x80) return xai__is_ucschar(c) || xai__is_iprivate(c);
  return c > 0x20 && c < 0x7f && !xai__is_one_of(c, "\"%<>\\^`{|}");
}

static bool take_name_part(xai_scan *scan) {
  const char *from = scan->at;
  while (!xai__at_end(scan)) {
    unsigned char c = (unsigned char)*scan->at;
    if (xai__is_letter(c) || xai__is_digit(c) || c == '_') scan->at++;
    else if (!xai__take_percent(scan)) break;
  }
  return scan->at > from;
}

/* "name", "a.b", "name:3", "name*". */
static bool take_variable(xai_scan *scan) {
  do {
    if (!take_name_part(scan)) return false;
  } while (xai__take(scan, '.'));
  if (xai__take(scan, '*') || !xai__take(scan, ':')) return true;
  bool zero = xai__peek(scan) == '0';
  size_t digits = xai__take_digits(scan);
  return !zero && digits >= 1 && digits <= 4;
}

/* After the opening brace. */
static bool take_expression(xai_scan *scan) {
  if (!xai__at_end(scan) && xai__is_one_of((unsigned char)*scan->at, "+#./;?&=,!@|")) scan->at++;
  do {
    if (!take_variable(scan)) return false;
  } while (xai__take(scan, ','));
  return xai__take(scan, '}');
}

bool xai__is_uri_template(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  while (!xai__at_end(&scan)) {
    if (xai__take(&scan, '{')) {
      if (!take_expression(&scan)) return false;
    } else if (!xai__take_percent(&scan) && !is_literal(xai__take_code(&scan))) {
      return false;
    }
  }
  return true;
}
