/* test_format.c - each format by own cases, then by the official suite's.
 * SPDX-License-Identifier: MIT
 *
 * Looks for conformance/json-schema/tests where shared.h looks; absent: says so and passes.
 */
#include "check.h"
#include "shared.h"
#include "xai_format.h"

static xai_format format_of(const char *name) {
  return xai__format_find(xai_str_of(name));
}

/* Each text in a block of its own size, so that a sanitizer sees what is read beyond it. */
static bool holds(const char *format, const char *text, size_t len) {
  char *exact = malloc(len > 0 ? len : 1);
  if (exact == NULL) return false;
  memcpy(exact, text, len);
  bool valid = xai__format_check(format_of(format), exact, len);
  free(exact);
  return valid;
}

static void expect(const char *format, const char *text, size_t len, bool valid) {
  if (holds(format, text, len) == valid) return;
  printf("%s: %s: \"%.*s\" should be %s\n", check_name, format, (int)len, text, valid ? "valid" : "invalid");
  check_bad = 1;
}

/* Lists end with NULL. */
static void all(const char *format, bool valid, const char *const *texts) {
  CHECK(format_of(format) != 0);
  for (; *texts != NULL; texts++) expect(format, *texts, strlen(*texts), valid);
}

#define VALID(format, ...) all(format, true, (const char *const[]){__VA_ARGS__, NULL})
#define INVALID(format, ...) all(format, false, (const char *const[]){__VA_ARGS__, NULL})

static const char *const names[] = {
  "date-time", "date",          "time",         "duration", "email",        "idn-email",
  "hostname",  "idn-hostname",  "ipv4",         "ipv6",     "uri",          "uri-reference",
  "iri",       "iri-reference", "uri-template", "uuid",     "json-pointer", "relative-json-pointer",
  "regex"};
enum { NAMES = sizeof names / sizeof *names };

/* ---- names ---- */

static void knows_each_format_by_its_own_number(void) {
  for (int i = 0; i < NAMES; i++) {
    CHECK(format_of(names[i]) != 0);
    for (int j = 0; j < i; j++) CHECK(format_of(names[i]) != format_of(names[j]));
  }
}

static void accepts_everything_for_an_unknown_format(void) {
  CHECK_INT(format_of(""), 0);
  CHECK_INT(format_of("Date"), 0);
  CHECK_INT(format_of("dat"), 0);
  CHECK_INT(format_of("color"), 0);
  CHECK(xai__format_check(0, "\xff", 1));
  CHECK(xai__format_check(-1, "x", 1));
  CHECK(xai__format_check(1000, "x", 1));
}

static void takes_empty_texts_without_a_pointer(void) {
  for (int i = 0; i < NAMES; i++) {
    bool valid = xai__format_check(format_of(names[i]), NULL, 0);
    CHECK(valid == holds(names[i], "", 0));
  }
  VALID("uri-reference", "");
  VALID("json-pointer", "");
  VALID("uri-template", "");
  VALID("regex", "");
  INVALID("uri", "");
  INVALID("hostname", "");
}

/* What is valid alone is not with a NUL, a line end or half a character behind it; a JSON Pointer, which
 * takes any characters, is the exception for the first two. */
static void sees_what_stands_behind_a_valid_text(void) {
  static const char *const valid[] = {"2024-02-29T12:00:00Z",
                                      "2024-02-29",
                                      "12:00:00Z",
                                      "P1D",
                                      "a@example.com",
                                      "a@example.com",
                                      "a.example",
                                      "a.example",
                                      "1.2.3.4",
                                      "::1",
                                      "a:b",
                                      "a",
                                      "a:b",
                                      "a",
                                      "{a}",
                                      "00000000-0000-0000-0000-000000000000",
                                      "/a",
                                      "0/a",
                                      "a"};
  for (int i = 0; i < NAMES; i++) {
    char text[64];
    size_t len = strlen(valid[i]);
    bool any = strstr(names[i], "pointer") != NULL || strcmp(names[i], "regex") == 0;
    memcpy(text, valid[i], len);
    expect(names[i], text, len, true);
    static const char behind[] = {'\0', '\n', '\xc3', '\xff'};
    for (int k = 0; k < 4; k++) {
      text[len] = behind[k];
      expect(names[i], text, len + 1, any && k < 2);
    }
    memcpy(text + len, "\xed\xa0\x80", 3); /* half a surrogate pair */
    expect(names[i], text, len + 3, false);
    memcpy(text + len, "\xc0\xaf", 2); /* a slash that is too long */
    expect(names[i], text, len + 2, false);
  }
}

/* ---- time ---- */

static void reads_dates(void) {
  VALID("date", "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31");
  INVALID("date", "1900-02-29", "2023-02-29", "2024-04-31", "2024-00-01", "2024-01-00", "2024-1-01",
          "24-01-01", "2024/01/01", "2024-01-01T", "+024-01-01");
}

static void reads_times_and_offsets(void) {
  VALID("time", "00:00:00Z", "23:59:59.999999z", "12:00:00+23:59", "12:00:00-00:00");
  INVALID("time", "12:00Z", "12:00:00", "12:00:00.Z", "12:00:00,5Z", "24:00:00Z", "12:60:00Z",
          "12:00:00+24:00", "12:00:00+1:00", "12:00:00+0100", "12:00:00ZZ", "12:00:61Z");
  VALID("date-time", "2024-02-29T12:00:00Z", "2024-02-29t12:00:00.1+05:30");
  INVALID("date-time", "2024-02-30T12:00:00Z", "2024-02-29 12:00:00Z", "2024-02-29T12:00:00", "2024-02-29");
}

static void allows_leap_seconds_at_the_last_second_of_a_utc_month(void) {
  VALID("time", "23:59:60Z", "00:59:60+01:00", "15:59:60.5-08:00", "00:29:60-23:30");
  INVALID("time", "23:58:60Z", "22:59:60Z", "23:59:60+01:00", "00:59:60Z");
  VALID("date-time", "2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00", "2016-12-31T15:59:60-08:00",
        "2015-07-01T08:59:60+09:00");
  INVALID("date-time", "2016-12-30T23:59:60Z", "2017-01-02T00:59:60+01:00", "2016-12-31T00:59:60+01:00",
          "2016-12-30T15:59:60-08:00", "2017-01-01T15:59:60-08:00", "2016-12-30T00:29:60-23:30");
}

static void reads_durations(void) {
  VALID("duration", "P1Y2M3DT4H5M6S", "P1Y", "P1M", "P1D", "P1W", "PT1H", "PT1M", "PT1S", "P1YT1S", "PT1H2M",
        "P0D", "P00000000000000000000001D");
  INVALID("duration", "P", "PT", "P1", "P1YT", "1Y", "P1Y1D", "PT1H1S", "P1D1M", "P1S", "PT1D", "P1W1D",
          "P1D1W", "PT1W", "P1W2W", "P1.5D", "P-1D", "p1d", "P1DT1HT1M", "PD", "P1D1D");
}

/* ---- the net ---- */

static void reads_ipv4(void) {
  VALID("ipv4", "0.0.0.0", "255.255.255.255", "10.1.20.199");
  INVALID("ipv4", "256.0.0.1", "01.2.3.4", "00.0.0.0", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3",
          "1.2.3.4 ", "0x1.2.3.4", "1.2.3.1000");
}

static void reads_ipv6(void) {
  VALID("ipv6", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1::8",
        "ABCD::ef01", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1::5:1.2.3.4", "::ffff:1.2.3.4");
  INVALID("ipv6", ":", ":::", "1", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
          "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2:", "::12345", "::g", "1.2.3.4",
          "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5", "::1.2.3", "::01.2.3.4",
          "::1.2.3.256", "fe80::1%eth0", "[::1]", "::1/64", "::2:3:4:5:6:7:1.2.3.4");
}

static void reads_mail_addresses(void) {
  VALID("email", "a@b", "a.b+c@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", "\"a b\"@example.com",
        "\"\"@example.com", "\"a\\\"b\\ @\"@example.com", "a@[127.0.0.1]", "a@[IPv6:::1]", "a@[ipv6:1::2]",
        "a@xn--bcher-kva.example");
  INVALID("email", "", "@", "a", "a@", "@b", "a@@b", ".a@b", "a.@b", "a..b@c", "a b@c", "a@b c", "a@b.",
          "a@.b", "a@-b", "\"a@b", "\"a\"b@c", "\"a\nb\"@c", "\"a\\\"@c", "a@[127.0.0.256]", "a@[::1]",
          "a@[IPv6:1.2.3.4]", "a@[IPv6:::1", "a@[]", "a@[", "a@[IPv\x16:::1]", "a@[x-tag:y]", "a <a@b>",
          "a@b, c@d", "\xc3\xa9@b", "\"\xc3\xa9\"@b", "a@\xc3\xa9", "a@b\n");
  VALID("idn-email", "a@b", "\xc3\xa9@b", "\"\xc3\xa9\"@b", "a@\xc3\xa9",
        "\xc3\xa9.\xc3\xa9@\xc3\xa9.example", "\xf0\x9f\x98\x80@b");
  INVALID("idn-email", "\xc3@b", "\"\xc3\"@b", "\"\\\xc3\xa9\"@b", "\xc3\xa9", "a@\xef\xbc\xa0",
          "a@-\xc3\xa9", "\x7f@b");
}

static void limits_the_local_part_to_64_octets(void) {
  char text[128];
  memset(text, 'a', sizeof text);
  memcpy(text + 64, "@b.c", 4);
  expect("email", text, 68, true);
  memcpy(text + 64, "a@b.c", 5);
  expect("email", text, 69, false);
  for (int i = 0; i < 64; i += 2) memcpy(text + i, "\xc3\xa9", 2);
  memcpy(text + 64, "@b.c", 4);
  expect("idn-email", text, 68, true);
  memcpy(text + 64, "a@b.c", 5);
  expect("idn-email", text, 69, false);
}

/* ---- host names ---- */

static void reads_host_names(void) {
  VALID("hostname", "a", "1", "a-b", "example.com", "EXAMPLE.Com", "3com.example", "a.b.c.d", "a--b",
        "ab--cd.e", "127.0.0.1");
  INVALID("hostname", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a-.b", "a_b", "a b", "a/b", "*.a",
          "\xc3\xa9",
          "a\xe3\x80\x82"
          "b");
}

static void limits_labels_to_63_octets_and_names_to_253(void) {
  char text[256];
  memset(text, 'a', sizeof text);
  expect("hostname", text, 63, true);
  expect("hostname", text, 64, false);
  expect("idn-hostname", text, 63, true);
  expect("idn-hostname", text, 64, false);
  for (int i = 63; i < 255; i += 64) text[i] = '.';
  expect("hostname", text, 253, true);
  expect("hostname", text, 254, false);
  expect("hostname", text, 255, false);
}

static void holds_punycode_to_what_it_stands_for(void) {
  VALID("hostname", "xn--bcher-kva.example", "XN--BCHER-KVA", "xn--ll-0ea", "xn--qmbc",
        "xn--4gbwdl.xn--wgbh1c", "xn--ihqwcrb4cv8a8dqg056pqjye", "xn--fiqs8s");
  INVALID("hostname", "xn--", "xn--a", "xn--a-", "xn--abc-", "xn---", "xn--X", "xn--bcher-kv",
          "xn--bcher-kva0", "xn--99999999", "xn--zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
          "XN--aa---o47jg78q", /* hyphens at the third and fourth place      */
          "xn--hello-txk",     /* begins with a spacing combining mark       */
          "xn--bcher-kva-",    /* ends with a hyphen                         */
          "xn--a-vbb792y",     /* a sign                                     */
          "xn--07jceefgh4c",   /* characters that are excepted               */
          "xn--al-0ea");       /* a middle dot that is not between two "l"   */
  VALID("idn-hostname", "xn--bcher-kva.example",
        "xn--bcher-kva.b\xc3\xbc"
        "cher");
  INVALID("idn-hostname", "xn--X", "xn--\xc3\xbc", "b\xc3\xbc--cher-", "ab--\xc3\xbc");
}

static void counts_international_labels_as_they_are_sent(void) {
  char text[256];
  for (int i = 0; i < 64; i++) memcpy(text + 2 * i, "\xc3\xbc", 2); /* one digit each, after the first */
  expect("idn-hostname", text, 2 * 57, true);
  expect("idn-hostname", text, 2 * 58, false);
  expect("idn-hostname", text, 2 * 64, false);
}

static void divides_international_names_at_four_kinds_of_dots(void) {
  VALID("idn-hostname", "a.b",
        "a\xe3\x80\x82"
        "b",
        "a\xef\xbc\x8e"
        "b",
        "a\xef\xbd\xa1"
        "b");
  INVALID("idn-hostname", ".", "\xe3\x80\x82", "a\xe3\x80\x82",
          "\xef\xbc\x8e"
          "b",
          "a\xef\xbd\xa1.b");
}

static void knows_which_characters_labels_are_made_of(void) {
  VALID("idn-hostname", "\xec\x8b\xa4\xeb\xa1\x80.\xed\x85\x8c\xec\x8a\xa4\xed\x8a\xb8", /* Hangul */
        "stra\xc3\x9f"
        "e",
        "\xc3\x9f\xcf\x82\xe0\xbc\x8b\xe3\x80\x87", "\xdb\xbd\xdb\xbe",
        "\xf0\x90\x90\xa8" /* U+10428, small */);
  INVALID("idn-hostname", "\xe3\x80\xae\xec\x8b\xa4", "\xec\x8b\xa4\xe3\x80\xae\xeb\xa1\x80", /* U+302E */
          "\xcc\x80hello", "\xe0\xa4\x83hello", "\xd2\x88hello",          /* marks first   */
          "\xd9\x80\xdf\xba", "\xe3\x80\xb1", "\xe3\x80\xbb\xe3\x80\xaf", /* exceptions    */
          "B\xc3\xbc"
          "cher",
          "\xc3\x9c"
          "ber",
          "\xf0\x90\x90\x80", /* capitals      */
          "a\xe2\x84\xa2", "\xef\xbd\x81", "\xe2\x99\xa5",
          "a\xc2\xad"
          "b",
          "\xc3\xbc_",                                                        /* signs         */
          "\xe1\x84\x80", "\xee\x80\x80", "\xef\xbf\xbf", "\xf3\xa0\x80\x81", /* jamo, private */
          "-\xc3\xbc", "\xc3\xbc-", "\xc3\xbc--a-", "aa--\xc3\xbc");
}

static void looks_at_the_neighbours_where_appendix_a_asks_for_it(void) {
  VALID("idn-hostname", "l\xc2\xb7l", "\xce\xb1\xcd\xb5\xce\xb2", "\xd7\x90\xd7\xb3\xd7\x91",
        "\xd7\x90\xd7\xb4\xd7\x91", "\xe3\x83\xbb\xe3\x81\x81", "\xe3\x83\xbb\xe3\x82\xa1",
        "\xe3\x83\xbb\xe4\xb8\x88", "\xd8\xa8\xd9\xa0\xd8\xa8",
        "\xdb\xb0"
        "0",
        "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7",
        "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8c\xe0\xa4\xb7", "\xd8\xa8\xd9\x8a\xe2\x80\x8c\xd8\xa8\xd9\x8a",
        "\xd8\xa8\xd9\x8e\xe2\x80\x8c\xd9\x8e\xd8\xa8");
  INVALID("idn-hostname", "a\xc2\xb7l",
          "l\xc2\xb7"
          "a",
          "\xc2\xb7l", "l\xc2\xb7", "\xce\xb1\xcd\xb5s", "\xce\xb1\xcd\xb5", "a\xd7\xb3\xd7\x91",
          "\xd7\xb3\xd7\x91", "a\xd7\xb4\xd7\x91", "\xd7\xb4\xd7\x91",
          "def\xe3\x83\xbb"
          "abc",
          "\xe3\x83\xbb", "\xd8\xa8\xd9\xa0\xdb\xb0", "\xe0\xa4\x95\xe2\x80\x8d\xe0\xa4\xb7",
          "\xe2\x80\x8d\xe0\xa4\xb7", "\xe0\xa4\x95\xe2\x80\x8c\xe0\xa4\xb7", "\xe2\x80\x8c\xd8\xa8",
          "\xd8\xa8\xe2\x80\x8c", "\xd8\xa7\xe2\x80\x8c\xd8\xa8" /* alef joins to the right alone */);
}

static void keeps_directions_apart_in_a_label(void) {
  VALID("idn-hostname", "\xd7\x90\xd7\x91",
        "\xd7\x90"
        "1",
        "\xd7\x90-\xd7\x91", "\xd7\x90\xd6\xb0");
  INVALID("idn-hostname", "a\xd7\x90",
          "\xd7\x90"
          "a\xd7\x91",
          "1\xd7\x90", "\xd9\xa0",
          "\xd8\xa8\xd9\xa0"
          "1");
}

/* ---- URIs ---- */

static void reads_uris(void) {
  VALID("uri", "a:", "a:b", "a:/", "a:/b", "a://", "a:///b", "http://u:p@h:80/p/q?r=s#t", "http://h:/",
        "http://[::1]:80/", "http://[v1.a:b]", "http://[::ffff:1.2.3.4]", "urn:a:b:c", "a+b-c.d1:x",
        "http://h/%41?%41#%41", "mailto:a@b", "http://1.2.3.999", "a:b:c/d:e", "a:?", "a:#",
        "http://h?a?b/c#d?e/f", "http://@h", "http://h//a//b");
  INVALID("uri", "a", "/a", "//a", "#a", "?a:b", ":a", "1a:b", "a_b:c", "a b:c", "a:b c", "a:%4", "a:%4g",
          "a:%", "http://h:8a", "http://[::1", "http://[::1]a", "http://[1.2.3.4]", "http://[fe80::1%25a]",
          "http://[v.a]", "http://[v1.]", "http://[v1a]", "http://[v1.%41]", "http://a@b@c",
          "http://u:p:80@h:1:2", "a:[", "a:\\", "a:#b#c", "a:<b>", "a:\"", "a:{", "a:^", "a:`", "a:|",
          "a:\xc3\xa9", "a:\x7f", "a/b:c");
}

static void reads_references(void) {
  VALID("uri-reference", "a", "/a", "//a", "//", "//a:1/b", "#", "?", "./a:b", "a/b:c", "?a:b", "#a:b",
        "../..", "a:b", "a;b=c,d", "@", "/a//b");
  INVALID("uri-reference", "1:b", ":", ":a", "a b", "//a:b", "//[::1", "%", "a#b#c", "\\", "\xc3\xa9", "/[",
          "//a@b@c");
}

static void reads_iris(void) {
  VALID("iri", "http://\xc3\xa9.\xc3\xa9/\xc3\xa9?\xc3\xa9#\xc3\xa9", "a:\xf0\x90\x8c\x80", "a:?\xee\x80\x80",
        "a://\xc3\xa9@h", "a:b", "a:?\xf4\x8f\xbf\xbd");
  INVALID("iri", "\xc3\xa9", "\xc3\xa9:b", "a:\xee\x80\x80", "a:#\xee\x80\x80", "a:\xef\xbf\xbf",
          "a:\xef\xb7\x90", "a:\xc2\x80", "a:\xf3\xa0\x80\x81", "a://h:\xd9\xa1", "a:\xf0\x9f\xbf\xbe");
  VALID("iri-reference", "\xc3\xa9", "//\xc3\xa9", "#\xc3\xa9", "", "a:\xc3\xa9");
  INVALID("iri-reference", "\xc3\xa9:b", "\\", "\xc3", "#\xee\x80\x80");
}

static void reads_templates(void) {
  VALID("uri-template", "a", "{a}", "{a,b}", "{+a}", "{#a}", "{.a}", "{/a}", "{;a}", "{?a}", "{&a}", "{=a}",
        "{|a}", "{a:1}", "{a:9999}", "{a*}", "{a.b}", "{%41}", "{a_1}", "{a:3,b*}", "a{b}c{d}", "'", "%41",
        "\xc3\xa9", "\xee\x80\x80", "[]", "{1}");
  INVALID("uri-template", "{", "}", "{}", "{a", "a}", "{{a}}", "{a,}", "{,}", "{,,a}", "{a:0}", "{a:01}",
          "{a:10000}", "{a:}", "{a:b}", "{a**}", "{a*:1}", "{.}", "{a.}", "{a..b}", "{..a}", "{a b}", "{a-b}",
          "{%4}", "{\xc3\xa9}", "%4", "%", " ", "\"", "<", ">", "\\", "^", "`", "|", "\x7f", "{$a}", "{+}");
}

/* ---- the short ones ---- */

static void reads_uuids(void) {
  VALID("uuid", "123e4567-e89b-12d3-a456-426614174000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF");
  INVALID("uuid", "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400",
          "123e4567-e89b-12d3-a456-4266141740000", "123e4567-e89b-12d3-a456_426614174000",
          "{123e4567-e89b-12d3-a456-426614174000}", "g23e4567-e89b-12d3-a456-426614174000",
          "123e4567-e89b-12d3-a45-6426614174000");
}

static void reads_pointers(void) {
  VALID("json-pointer", "", "/", "//", "/a/0/-", "/~0~1", "/\xc3\xa9", "/ ");
  INVALID("json-pointer", "a", "#", "#/a", "/~", "/~2", "/a~/b", "/\xc3");
  VALID("relative-json-pointer", "0", "0#", "10", "1/a", "0/", "0+1", "0-12/a", "2+1#", "1/~1");
  INVALID("relative-json-pointer", "", "#", "/a", "00", "01", "0##", "0#/a", "-1", "+1", "0+0", "0+01", "0+",
          "0-/a", "0a", "0/~", "1.5", " 0");
}

/* ---- regular expressions ---- */

static void reads_patterns(void) {
  VALID("regex", "a|b|", "^[a-z]+$", "(a)(?:b)(?=c)(?!d)(?<=e)(?<!f)", "(?<n>a)\\k<n>", "\\k<n>(?<n>a)",
        "\\1(a)", "a*?b+?c??d{1}?e{1,}f{1,2}", "\\d\\D\\s\\S\\w\\W\\b\\B",
        "\\cA\\x41\\u0041\\u{1F600}\\0\\t\\n\\v\\f\\r", "\\^\\$\\\\\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\|\\/",
        "[\\b\\-\\]\\d]", "[]", "[^]", "[a-]", "[-a]", "[--a]", "[(*|]",
        "\\p{L}\\P{Lu}\\p{Script=Greek}\\p{scx=Grek}\\p{gc=Nd}\\p{ASCII}\\p{digit}", "[\\p{L}]",
        "\xf0\x9f\x98\x80", "[\xc3\xa0-\xc3\xbf]", "(?i:a)(?-i:b)(?im-s:c)(?i-:d)", "a{0,0}", "a{007,07}",
        "a{99999999999999999999}", "[\\uD83D\\uDE00-\\uD83D\\uDE01]", "/", "-,:=!<>", "()");
  INVALID("regex", "(", ")", "(a", "a)", "[", "[a", "]", "{", "}", "a{", "a{1", "{1}", "a{,1}", "a{2,1}",
          "a{b}", "*", "a**", "a+*", "(*)", "|*", "^*", "\\b+", "(?=a)*", "(?<=a)?", "\\", "\\a", "\\Z",
          "\\-", "\\_", "\\c", "\\c1", "\\x4", "\\xg0", "\\u", "\\u004", "\\u{}", "\\u{110000}", "\\u{1",
          "\\00", "\\01", "\\1", "(a)\\2", "\\k", "\\k<n>", "(?<n>a)\\k<m>", "(?<n>a)\\kn", "(?<>a)",
          "(?<1>a)", "(?<a", "(?<a-b>c)", "(?P<n>a)", "(?#a)", "(?i)a", "(?", "(?a)", "(?-:a)", "(?ii:a)",
          "(?i-i:a)", "(?i--m:a)", "(?>a)", "[b-a]", "[\\d-z]", "[a-\\d]", "[\\B]", "[\\1]", "[\\k<n>]",
          "[\\a]", "[a-", "\\p", "\\pL", "\\p{", "\\p{}", "\\p{Greek}", "\\p{gc=Greek}", "\\p{Script}",
          "\\p{Script=L}", "\\p{l}", "\\p{Foo=L}", "[\\uDE01-\\uD83D\\uDE00]a{2,1}", "(?<n>a)(?<n>b)",
          "(?<n>(?<n>a))", "\xff", "[\xff]", "(?<\xff>a)", "a{20000000000000000001,20000000000000000000}");
}

static void lets_names_repeat_in_different_alternatives_alone(void) {
  VALID("regex", "(?<n>a)|(?<n>b)", "(?:(?<n>a)|(?<n>b))\\k<n>", "(?:(?<n>a)|b)|(?<n>c)",
        "(?<n>a)|(?:b|(?<n>c))", "(?:(?<n>a)|(?<n>b))|(?<n>c)|(?<n>d)", "(?<\\u0061>a)\\k<a>",
        "(?<\xc3\xa9>a)\\k<\\u00e9>", "(?<\\u{61}b>a)|(?<ab>b)", "(?<\\ud835\\udc00>a)\\k<\xf0\x9d\x90\x80>");
  INVALID("regex", "(?:(?<n>a)|b)(?<n>c)", "(?:(?<n>a)|(?<n>b))(?<n>c)", "(?<n>a)(?:b|(?<n>c))",
          "(?<a>a)(?<\\u0061>b)", "(?<\\u0031>a)", "(?<a\\u{2d}>b)", "(?<a\\x41>b)",
          "(?:|(?<n>a)(?:(?<n>b)|c))");
}

static void bounds_depth_and_names(void) {
  enum { DEEP = 4096, NAMED = 128 };
  static char text[2 * DEEP + 2];
  memset(text, '(', DEEP + 1);
  memset(text + DEEP, ')', DEEP);
  expect("regex", text, 2 * DEEP, true);
  expect("regex", text, 2 * DEEP - 1, false);
  memset(text, '(', DEEP + 1);
  memset(text + DEEP + 1, ')', DEEP + 1);
  expect("regex", text, 2 * DEEP + 2, false);

  size_t len = 0;
  for (int i = 0; i < NAMED; i++) len += (size_t)snprintf(text + len, sizeof text - len, "(?<n%d>)", i);
  expect("regex", text, len, true);
  len += (size_t)snprintf(text + len, sizeof text - len, "(?<n>)");
  expect("regex", text, len, false);
}

/* Which of the nested groups looked ahead must be remembered for each of them. */
static void remembers_what_each_open_group_was(void) {
  VALID("regex", "((?=(a)*b))*", "(?=(?:(?!a))*)", "(?:(?=a))*(?=(b)*)");
  INVALID("regex", "(?=(a)*b)*", "((?=(a)*)*)", "(?:(?:(?=a))*(?!b)?)");
}

/* ---- the suite ---- */

typedef struct tally {
  int run, passed;
} tally;

static xai_str plain_format(const xai_json *schema) {
  const xai_json *member = xai_json_first(schema);
  for (; member != NULL; member = xai_json_next(member)) {
    xai_str key = xai_json_key(member);
    bool known = (key.len == 6 && memcmp(key.ptr, "format", 6) == 0) ||
                 (key.len == 7 && memcmp(key.ptr, "$schema", 7) == 0);
    if (!known) return (xai_str){"", 0};
  }
  return xai_json_str(xai_json_get(schema, "format"));
}

static void run_case(const char *file, xai_str format, const xai_json *test, tally *sum) {
  const xai_json *data = xai_json_get(test, "data");
  if (xai_json_type_of(data) != XAI_JSON_STRING) return;
  xai_str text = xai_json_str(data), what = xai_json_str(xai_json_get(test, "description"));
  bool valid = xai__format_check(xai__format_find(format), text.ptr, text.len);
  sum->run++;
  if (valid == xai_json_bool(xai_json_get(test, "valid"))) {
    sum->passed++;
    return;
  }
  printf("%s: %.*s: should be %s\n", file, (int)what.len, what.ptr, valid ? "invalid" : "valid");
  check_bad = 1;
}

static void run_file(xai_json_doc *doc, const char *path, tally *sum) {
  size_t len;
  char *text = shared_file(path, &len);
  if (text == NULL) return;
  const xai_json *root = xai_json_parse(doc, text, len, 0, NULL);
  CHECK(root != NULL);
  for (const xai_json *group = xai_json_first(root); group != NULL; group = xai_json_next(group)) {
    xai_str format = plain_format(xai_json_get(group, "schema"));
    const xai_json *test = format.len > 0 ? xai_json_first(xai_json_get(group, "tests")) : NULL;
    for (; test != NULL; test = xai_json_next(test)) run_case(path, format, test, sum);
  }
  free(text);
}

/* One file in all drafts. */
static int run_drafts(xai_json_doc *doc, const char *file) {
  static const char *const drafts[] = {"draft4", "draft6", "draft7", "draft2019-09", "draft2020-12"};
  tally sum = {0, 0};
  for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
    char path[256];
    snprintf(path, sizeof path, "conformance/json-schema/tests/%s/optional/format/%s.json", drafts[i], file);
    run_file(doc, path, &sum);
  }
  if (sum.run > 0)
    printf("%s: %d run, %d right, %d wrong\n", file, sum.run, sum.passed, sum.run - sum.passed);
  return sum.run;
}

static void agrees_with_the_suite(void) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  CHECK(doc != NULL);
  int run = run_drafts(doc, "ecmascript-regex") + run_drafts(doc, "unknown");
  for (int i = 0; i < NAMES; i++) run += run_drafts(doc, names[i]);
  if (run == 0) printf("format: the JSON Schema suite is not there, its cases were not run\n");
  xai_json_doc_free(doc);
}

int main(void) {
  RUN(knows_each_format_by_its_own_number);
  RUN(accepts_everything_for_an_unknown_format);
  RUN(takes_empty_texts_without_a_pointer);
  RUN(sees_what_stands_behind_a_valid_text);
  RUN(reads_dates);
  RUN(reads_times_and_offsets);
  RUN(allows_leap_seconds_at_the_last_second_of_a_utc_month);
  RUN(reads_durations);
  RUN(reads_ipv4);
  RUN(reads_ipv6);
  RUN(reads_mail_addresses);
  RUN(limits_the_local_part_to_64_octets);
  RUN(reads_host_names);
  RUN(limits_labels_to_63_octets_and_names_to_253);
  RUN(holds_punycode_to_what_it_stands_for);
  RUN(counts_international_labels_as_they_are_sent);
  RUN(divides_international_names_at_four_kinds_of_dots);
  RUN(knows_which_characters_labels_are_made_of);
  RUN(looks_at_the_neighbours_where_appendix_a_asks_for_it);
  RUN(keeps_directions_apart_in_a_label);
  RUN(reads_uris);
  RUN(reads_references);
  RUN(reads_iris);
  RUN(reads_templates);
  RUN(reads_uuids);
  RUN(reads_pointers);
  RUN(reads_patterns);
  RUN(lets_names_repeat_in_different_alternatives_alone);
  RUN(bounds_depth_and_names);
  RUN(remembers_what_each_open_group_was);
  RUN(agrees_with_the_suite);
  return check_report("format");
}
