/* test_no_proxy.c - which hosts NO_PROXY exempts.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "xai_no_proxy.h"

typedef struct row {
  const char *list;
  const char *host;
  unsigned port;
  bool exempt;
} row;

static void check_rows(const row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool got = xai__no_proxy(xai_str_of(rows[i].list), xai_str_of(rows[i].host), rows[i].port);
    if (got != rows[i].exempt) printf("  \"%s\" and %s:%u\n", rows[i].list, rows[i].host, rows[i].port);
    CHECK_INT(got, rows[i].exempt);
  }
}
#define ROWS(rows) rows, sizeof rows / sizeof *rows

static void F10_names_and_suffixes(void) {
  static const row rows[] = {
    {"", "api.x.ai", 443, false},
    {"*", "api.x.ai", 443, true},
    {"api.x.ai", "api.x.ai", 443, true},
    {"API.X.AI", "api.x.ai", 443, true},
    {"x.ai", "api.x.ai", 443, true},
    {".x.ai", "api.x.ai", 443, true},
    {"*.x.ai", "api.x.ai", 443, true},
    {".x.ai", "x.ai", 443, true},
    {"x.ai.", "api.x.ai", 443, true},
    {"x.ai", "api.x.ai.", 443, true},
    {"x.ai", "max.ai", 443, false},
    {"pi.x.ai", "api.x.ai", 443, false},
    {"api.x.ai.evil", "api.x.ai", 443, false},
    {"other, api.x.ai", "api.x.ai", 443, true},
    {"other api.x.ai\tmore", "api.x.ai", 443, true},
    {" ,, .", "api.x.ai", 443, false},
  };
  check_rows(ROWS(rows));
}

static void F10_ports(void) {
  static const row rows[] = {
    {"x.ai:443", "api.x.ai", 443, true},
    {"x.ai:8080", "api.x.ai", 443, false},
    {"x.ai:8080,x.ai:443", "api.x.ai", 443, true},
    {"x.ai:", "api.x.ai", 443, false},
    {"x.ai:44a", "api.x.ai", 443, false},
    {"127.0.0.1:80", "127.0.0.1", 80, true},
    {"127.0.0.1:80", "127.0.0.1", 81, false},
    {"[::1]:80", "::1", 80, true},
    {"[::1]:80", "::1", 81, false},
    {"[::1]", "::1", 81, true},
    {"[::1]80", "::1", 80, false},
  };
  check_rows(ROWS(rows));
}

static void F10_addresses_and_networks(void) {
  static const row rows[] = {
    {"10.0.0.0/8", "10.1.2.3", 443, true},
    {"10.0.0.0/8", "11.1.2.3", 443, false},
    {"10.1.2.0/23", "10.1.3.9", 443, true},
    {"10.1.2.0/23", "10.1.4.0", 443, false},
    {"10.1.2.3/32", "10.1.2.3", 443, true},
    {"0.0.0.0/0", "192.0.2.1", 443, true},
    {"10.0.0.0/33", "10.0.0.0", 443, false},
    {"10.0.0.0/", "10.0.0.0", 443, false},
    {"10.0.0.0/8", "10.example", 443, false},
    {"fd00::/8", "fd12::1", 443, true},
    {"fd00::/8", "fe80::1", 443, false},
    {"FD00::1", "fd00:0::1", 443, true},
    {"::/0", "10.0.0.1", 443, false},
    {"0.1", "10.0.0.1", 443, false}, /* an address has no suffixes */
    {"10.0.0.1", "10.0.0.1", 443, true},
  };
  check_rows(ROWS(rows));
}

int main(void) {
  RUN(F10_names_and_suffixes);
  RUN(F10_ports);
  RUN(F10_addresses_and_networks);
  return check_report("no_proxy");
}
