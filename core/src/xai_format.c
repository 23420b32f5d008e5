/* xai_format.c - the list of formats, the scanner under them, and those of a few lines.
 * SPDX-License-Identifier: MIT
 *
 * Sources: JSON Schema validation section 7.3 (2020-12), RFC 9562 section 4, RFC 6901 section 3, and the
 * Internet-Draft draft-bhutton-relative-json-pointer-00 section 3.
 */
#include "xai_format.h"

#include <string.h>

#include "xai_buf.h"
#include "xai_format_int.h"

/* ---- scanning ---- */

size_t xai__take_digits(xai_scan *scan) {
  const char *from = scan->at;
  while (!xai__at_end(scan) && xai__is_digit((unsigned char)*scan->at)) scan->at++;
  return (size_t)(scan->at - from);
}

size_t xai__take_hex(xai_scan *scan) {
  const char *from = scan->at;
  while (!xai__at_end(scan) && xai__hex_value((unsigned char)*scan->at) >= 0) scan->at++;
  return (size_t)(scan->at - from);
}

bool xai__take_percent(xai_scan *scan) {
  const char *at = scan->at;
  if (scan->end - at < 3 || at[0] != '%') return false;
  if (xai__hex_value((unsigned char)at[1]) < 0 || xai__hex_value((unsigned char)at[2]) < 0) return false;
  scan->at += 3;
  return true;
}

/* Which forms are valid is known to xai__utf8_valid alone. */
uint32_t xai__take_code(xai_scan *scan) {
  unsigned char lead = (unsigned char)*scan->at;
  if (lead < 0x80) {
    scan->at++;
    return lead;
  }
  size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if ((size_t)(scan->end - scan->at) < len || xai__utf8_valid(scan->at, len) != len) {
    scan->at++;
    return XAI__NO_CODE;
  }
  uint32_t code = lead & (0xffu >> (len + 1));
  for (size_t i = 1; i < len; i++) code = code << 6 | ((unsigned char)scan->at[i] & 0x3f);
  scan->at += len;
  return code;
}

bool xai__is_one_of(uint32_t c, const char *set) {
  return c > 0 && c < 0x80 && strchr(set, (int)c) != NULL;
}

/* ---- the short ones ---- */

static bool is_uuid(xai_str text) {
  if (text.len != 36) return false;
  for (size_t i = 0; i < text.len; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text.ptr[i] != '-' : xai__hex_value((unsigned char)text.ptr[i]) < 0) return false;
  }
  return true;
}

static bool is_json_pointer(xai_str text) {
  if (text.len > 0 && text.ptr[0] != '/') return false;
  xai_scan scan = xai__scan_of(text);
  while (!xai__at_end(&scan)) {
    bool escape = *scan.at == '~';
    if (xai__take_code(&scan) == XAI__NO_CODE) return false;
    if (escape && !xai__take(&scan, '0') && !xai__take(&scan, '1')) return false;
  }
  return true;
}

/* No leading zero; just 0 only where it is asked for. */
static bool take_integer(xai_scan *scan, bool or_zero) {
  if (xai__take(scan, '0')) return or_zero && !xai__is_digit((unsigned char)xai__peek(scan));
  return xai__take_digits(scan) > 0;
}

static bool is_relative_json_pointer(xai_str text) {
  xai_scan scan = xai__scan_of(text);
  if (!take_integer(&scan, true)) return false;
  if ((xai__take(&scan, '+') || xai__take(&scan, '-')) && !take_integer(&scan, false)) return false;
  if (xai__take(&scan, '#')) return xai__at_end(&scan);
  return is_json_pointer(xai__between(scan.at, scan.end));
}

/* ---- the list ---- */

typedef struct entry {
  const char *name;
  bool (*check)(xai_str text);
} entry;

static const entry formats[] = {
  {"date-time", xai__is_date_time},
  {"date", xai__is_date},
  {"time", xai__is_time},
  {"duration", xai__is_duration},
  {"email", xai__is_email},
  {"idn-email", xai__is_idn_email},
  {"hostname", xai__is_hostname},
  {"idn-hostname", xai__is_idn_hostname},
  {"ipv4", xai__is_ipv4},
  {"ipv6", xai__is_ipv6},
  {"uri", xai__is_uri},
  {"uri-reference", xai__is_uri_reference},
  {"iri", xai__is_iri},
  {"iri-reference", xai__is_iri_reference},
  {"uri-template", xai__is_uri_template},
  {"uuid", is_uuid},
  {"json-pointer", is_json_pointer},
  {"relative-json-pointer", is_relative_json_pointer},
  {"regex", xai__is_regex},
};

enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

xai_format xai__format_find(xai_str name) {
  for (int i = 0; i < FORMAT_COUNT; i++) {
    if (xai__str_eq(name, formats[i].name)) return i + 1;
  }
  return 0;
}

bool xai__format_check(xai_format format, const char *text, size_t len) {
  if (format < 1 || format > FORMAT_COUNT) return true;
  return formats[format - 1].check((xai_str){text != NULL ? text : "", len});
}
