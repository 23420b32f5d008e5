/* xai_no_proxy.c - hosts, suffixes, ports and networks in NO_PROXY.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_no_proxy.h"

#include <arpa/inet.h>
#include <string.h>

typedef struct address {
  unsigned char bytes[16];
  unsigned bits; /* 32 or 128; 0: it is none */
} address;

static address read_address(xai_str text) {
  address a = {{0}, 0};
  char copy[64];
  if (text.len == 0 || text.len >= sizeof copy) return a;
  xai__str_copy(copy, sizeof copy, text);
  if (inet_pton(AF_INET, copy, a.bytes) == 1) a.bits = 32;
  else if (inet_pton(AF_INET6, copy, a.bytes) == 1) a.bits = 128;
  return a;
}

/* At most five digits; -1 when it is no number. */
static long read_number(xai_str text) {
  long n = 0;
  if (text.len == 0 || text.len > 5) return -1;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return -1;
    n = n * 10 + (text.ptr[i] - '0');
  }
  return n;
}

static xai_str from(xai_str text, size_t at) {
  return (xai_str){text.ptr + at, text.len - at};
}

static bool same_bits(const address *a, const address *b, unsigned bits) {
  size_t whole = bits / 8;
  if (memcmp(a->bytes, b->bytes, whole) != 0) return false;
  unsigned rest = bits % 8, mask = 0xff00u >> rest;
  return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) & mask & 0xff) == 0;
}

static bool is_in_network(xai_str entry, size_t slash, const address *host) {
  address network = read_address((xai_str){entry.ptr, slash});
  long bits = read_number(from(entry, slash + 1));
  if (network.bits == 0 || network.bits != host->bits || bits < 0 || bits > (long)network.bits) return false;
  return same_bits(&network, host, (unsigned)bits);
}

/* The port at the end of an entry, which is cut off; 0: every port; -1: not a port. */
static long take_port(xai_str *entry) {
  const char *colon = memchr(entry->ptr, ':', entry->len);
  const char *close = memchr(entry->ptr, ']', entry->len);
  xai_str all = *entry;
  if (entry->ptr[0] == '[' && close != NULL) {
    *entry = (xai_str){all.ptr + 1, (size_t)(close - all.ptr - 1)};
    colon = close + 1;
    if (colon == all.ptr + all.len) return 0;
    if (*colon != ':') return -1;
  } else {
    bool several = colon != NULL && memchr(colon + 1, ':', (size_t)(all.ptr + all.len - colon - 1)) != NULL;
    if (colon == NULL || several) return 0; /* no port, or an IPv6 address */
    entry->len = (size_t)(colon - all.ptr);
  }
  return read_number(from(all, (size_t)(colon + 1 - all.ptr)));
}

static bool is_host_or_below(xai_str entry, xai_str host) {
  if (entry.len > 1 && entry.ptr[0] == '*' && entry.ptr[1] == '.') entry = from(entry, 1);
  if (entry.len > 0 && entry.ptr[0] == '.') entry = from(entry, 1);
  if (entry.len > 0 && entry.ptr[entry.len - 1] == '.') entry.len--;
  if (entry.len == 0 || entry.len > host.len || entry.len >= 256) return false;
  char name[256];
  xai__str_copy(name, sizeof name, entry);
  size_t before = host.len - entry.len;
  return xai__str_eq_nocase(from(host, before), name) && (before == 0 || host.ptr[before - 1] == '.');
}

static bool exempts(xai_str entry, xai_str host, const address *host_address, unsigned port) {
  if (entry.len == 1 && entry.ptr[0] == '*') return true;
  const char *slash = memchr(entry.ptr, '/', entry.len);
  if (slash != NULL) return is_in_network(entry, (size_t)(slash - entry.ptr), host_address);
  long only = take_port(&entry);
  if (only < 0 || (only > 0 && (unsigned)only != port)) return false;
  address a = read_address(entry);
  if (a.bits == 0) return host_address->bits == 0 && is_host_or_below(entry, host);
  return a.bits == host_address->bits && same_bits(&a, host_address, a.bits);
}

bool xai__no_proxy(xai_str list, xai_str host, unsigned port) {
  if (host.len > 0 && host.ptr[host.len - 1] == '.') host.len--;
  address host_address = read_address(host);
  for (size_t at = 0; at < list.len;) {
    size_t len = 0;
    while (at + len < list.len && strchr(", \t", list.ptr[at + len]) == NULL) len++;
    xai_str entry = {list.ptr + at, len};
    if (len > 0 && exempts(entry, host, &host_address, port)) return true;
    at += len + 1;
  }
  return false;
}
