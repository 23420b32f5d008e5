/* xai_format_net.c - IP addresses and e-mail addresses.
 * SPDX-License-Identifier: MIT
 *
 * Sources: RFC 2673 section 3.2 (dotted quads), RFC 4291 section 2.2, RFC 5321 section 4.1.2 and 4.1.3,
 * RFC 6531 section 3.3.
 */
#include "xai_format_int.h"

#include <string.h>

#include "xai_buf.h"

#define MAX_LOCAL 64 /* octets before the @, RFC 5321 section 4.5.3.1.1 */

/* 0 to 255; a leading zero would be octal to some. */
static bool octet(xai_scan *scan) {
  const char *from = scan->at;
  size_t digits = xai__take_digits(scan);
  if (digits < 1 || digits > 3 || (digits > 1 && *from == '0')) return false;
  int value = 0;
  for (size_t i = 0; i < digits; i++) value = value * 10 + (from[i] - '0');
  return value <= 255;
}

bool xai__is_ipv4(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  for (int i = 0; i < 4; i++) {
    if (i > 0 && !xai__take(&scan, '.')) return false;
    if (!octet(&scan)) return false;
  }
  return xai__at_end(&scan);
}

static bool gap(xai_scan *scan) {
  if (scan->end - scan->at < 2 || memcmp(scan->at, "::", 2) != 0) return false;
  scan->at += 2;
  return true;
}

bool xai__is_ipv6(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  bool gapped = gap(&scan), open = false; /* open: a colon was taken, a group must follow */
  size_t groups = 0;
  while (!xai__at_end(&scan)) {
    const char *from = scan.at;
    size_t digits = xai__take_hex(&scan);
    if (xai__peek(&scan) == '.') {
      groups += 2;
      open = false;
      if (!xai__is_ipv4(xai__between(from, scan.end))) return false;
      break;
    }
    if (digits < 1 || digits > 4) return false;
    groups++;
    open = false;
    if (gap(&scan)) {
      if (gapped) return false;
      gapped = true;
    } else if (!xai__at_end(&scan)) {
      if (!xai__take(&scan, ':')) return false;
      open = true;
    }
  }
  return !open && (gapped ? groups < 8 : groups == 8);
}

/* ---- e-mail ---- */

static bool beyond_ascii(uint32_t c) {
  return c >= 0x80 && c != XAI__NO_CODE;
}

static bool is_atext(uint32_t c, bool idn) {
  if (c >= 0x80) return idn && beyond_ascii(c);
  return xai__is_letter(c) || xai__is_digit(c) || xai__is_one_of(c, "!#$%&'*+-/=?^_`{|}~");
}

/* Atoms with single dots between them, up to the @. */
static bool dot_string(xai_scan *scan, bool idn) {
  bool atom = false; /* since the last dot */
  while (!xai__at_end(scan) && *scan->at != '@') {
    if (xai__take(scan, '.')) {
      if (!atom) return false;
      atom = false;
    } else {
      if (!is_atext(xai__take_code(scan), idn)) return false;
      atom = true;
    }
  }
  return atom;
}

/* After the opening quote. */
static bool quoted_string(xai_scan *scan, bool idn) {
  while (!xai__at_end(scan)) {
    if (xai__take(scan, '"')) return true;
    bool escaped = xai__take(scan, '\\');
    if (xai__at_end(scan)) return false;
    uint32_t c = xai__take_code(scan);
    bool graphic = c >= 0x20 && c < 0x7f;
    if (!graphic && (escaped || !idn || !beyond_ascii(c))) return false;
  }
  return false;
}

static bool address_literal(xai_str domain) {
  if (domain.len < 2 || domain.ptr[domain.len - 1] != ']') return false;
  xai_str address = {domain.ptr + 1, domain.len - 2};
  xai_str tag = {address.ptr, address.len < 5 ? address.len : 5};
  if (!xai__str_eq_nocase(tag, "IPv6:")) return xai__is_ipv4(address);
  return xai__is_ipv6((xai_str){address.ptr + 5, address.len - 5});
}

static bool is_mailbox(xai_str text, bool idn) {
  xai_scan scan = xai__scan_of(text);
  bool local = xai__take(&scan, '"') ? quoted_string(&scan, idn) : dot_string(&scan, idn);
  if (!local || scan.at - text.ptr > MAX_LOCAL || !xai__take(&scan, '@')) return false;
  xai_str domain = xai__between(scan.at, scan.end);
  if (xai__peek(&scan) == '[') return address_literal(domain);
  return idn ? xai__is_idn_hostname(domain) : xai__is_hostname(domain);
}

bool xai__is_email(xai_str text) {
  return is_mailbox(text, false);
}

bool xai__is_idn_email(xai_str text) {
  return is_mailbox(text, true);
}
