/* test_head.c - the head of an HTTP answer: what is read, what is skipped, what is refused.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "xai_head.h"

/* What was told of a head: "200", "name=value", "." for its end; "!" and the code for an error. */
typedef struct story {
  char text[512];
  xai_code code;
  xai_head head;
} story;

static void tell(story *s, const char *part, size_t len) {
  size_t at = strlen(s->text);
  snprintf(s->text + at, sizeof s->text - at, "%s%.*s", at ? " " : "", (int)len, part);
}

/* Lines as they come from the wire, each ended by '\n'. */
static story read_head(const char *lines, size_t max_bytes) {
  story s = {0};
  xai__head_init(&s.head, max_bytes);
  while (*lines != '\0' && s.code == XAI_OK) {
    size_t len = (size_t)(strchr(lines, '\n') + 1 - lines);
    xai_head_kind kind;
    xai_str name, value;
    char status[16], field[200];
    s.code = xai__head_line(&s.head, (xai_str){lines, len}, &kind, &name, &value);
    lines += len;
    if (s.code != XAI_OK || kind == XAI_HEAD_NOTHING) continue;
    snprintf(status, sizeof status, "%d", s.head.status);
    if (kind == XAI_HEAD_STATUS) tell(&s, status, 16);
    if (kind == XAI_HEAD_END) tell(&s, ".", 1);
    if (kind != XAI_HEAD_FIELD) continue;
    snprintf(field, sizeof field, "%.*s=%.*s", (int)name.len, name.ptr, (int)value.len, value.ptr);
    tell(&s, field, sizeof field);
  }
  return s;
}

static void accepts(const char *lines, const char *want) {
  story s = read_head(lines, 65536);
  CHECK_INT(s.code, XAI_OK);
  CHECK_STR(xai_str_of(s.text), want);
}

static void refuses(const char *lines, const char *told_before) {
  story s = read_head(lines, 65536);
  CHECK_INT(s.code, XAI_ERR_HTTP);
  CHECK(s.head.why != NULL);
  CHECK_STR(xai_str_of(s.text), told_before);
}

static void reads_status_and_fields(void) {
  accepts("HTTP/1.1 200 OK\r\nA: b\r\nC:d\r\nE:\t f g \t\r\nEmpty:\r\n\r\n", "200 A=b C=d E=f g Empty= .");
  accepts("HTTP/1.0 404\r\n\r\n", "404 .");
  accepts("HTTP/1.1 503 \r\n\r\n", "503 .");
  accepts("HTTP/2 200\r\n\r\n", "200 .");
  accepts("HTTP/1.1 200 OK\nA: b\n\n", "200 A=b .");
  accepts("HTTP/1.1 200 OK\r\nX: a:b:c\r\n\r\n", "200 X=a:b:c .");
}

static void f23_refuses_what_is_no_status_line(void) {
  static const char *const bad[] = {"\r\n",
                                    "HTTP\r\n",
                                    "HTTP/\r\n",
                                    "HTTP/1.1\r\n",
                                    "HTTP/1.1 \r\n",
                                    "HTTP/1.1 20\r\n",
                                    "HTTP/1.1 2000\r\n",
                                    "HTTP/1.1 2x0\r\n",
                                    "http/1.1 200\r\n",
                                    "HTTP/x 200\r\n",
                                    "A: b\r\n",
                                    "HTTP/1.1 099 a\r\n",
                                    "ICY 200 OK\r\n",
                                    "HTTP/1.1\t200\r\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuses(bad[i], "");
}

static void f23_refuses_what_is_no_field(void) {
  static const char *const bad[] = {"no colon\r\n",   ": nameless\r\n", "a b: c\r\n",      "a : b\r\n",
                                    " folded: x\r\n", "\tfolded\r\n",   "\xc3\xa4: b\r\n", "a\x01: b\r\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char lines[100];
    snprintf(lines, sizeof lines, "HTTP/1.1 200 OK\r\n%s", bad[i]);
    refuses(lines, "200");
  }
}

static void a_nul_byte_is_refused(void) {
  xai_head head;
  xai_head_kind kind;
  xai_str name, value;
  xai__head_init(&head, 1000);
  CHECK_INT(xai__head_line(&head, xai_str_of("HTTP/1.1 200\r\n"), &kind, &name, &value), XAI_OK);
  CHECK_INT(xai__head_line(&head, (xai_str){"a: b\0c\r\n", 8}, &kind, &name, &value), XAI_ERR_HTTP);
  xai__head_init(&head, 1000);
  CHECK_INT(xai__head_line(&head, xai_str_of("HTTP/1.1 200\r\n"), &kind, &name, &value), XAI_OK);
  CHECK_INT(xai__head_line(&head, (xai_str){"a\0: b\r\n", 7}, &kind, &name, &value), XAI_ERR_HTTP);
}

static void f24_refuses_two_ways_of_telling_the_length(void) {
#define HEAD "HTTP/1.1 200 OK\r\n"
  refuses(HEAD "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", "200 Content-Length=5");
  refuses(HEAD "Content-Length: 5, 6\r\n", "200");
  refuses(HEAD "Content-Length: 5,\r\n", "200");
  refuses(HEAD "Content-Length:\r\n", "200");
  refuses(HEAD "Content-Length: +5\r\n", "200");
  refuses(HEAD "Content-Length: 0x5\r\n", "200");
  refuses(HEAD "Content-Length: 5 5\r\n", "200");
  refuses(HEAD "Content-Length: 9223372036854775808\r\n", "200");
  refuses(HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "200 Content-Length=5");
  refuses(HEAD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "200 Transfer-Encoding=chunked");
  accepts(HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "200 Content-Length=5 Content-Length=5 .");
  accepts(HEAD "Content-Length: 5, 05 ,5\r\n\r\n", "200 Content-Length=5, 05 ,5 .");
  story s = read_head(HEAD "Content-Length: 9223372036854775799\r\n", 1000);
  CHECK_INT(s.head.length, INT64_C(9223372036854775799));
}

static void f37_skips_interim_answers(void) {
  accepts("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 7\r\n\r\n" HEAD
          "Content-Length: 5\r\n\r\n",
          "200 Content-Length=5 .");
  refuses("HTTP/1.1 101 Switching\r\n", "");
  refuses("HTTP/1.1 100 Continue\r\nno colon\r\n", "");
}

static void f37_bounds_interim_answers(void) {
  for (int n = 32; n <= 33; n++) {
    char lines[2000] = "";
    for (int i = 0; i < n; i++) strcat(lines, "HTTP/1.1 102 Wait\r\n\r\n");
    strcat(lines, HEAD "\r\n");
    if (n == 32) accepts(lines, "200 .");
    else refuses(lines, "");
  }
}

static void trailers_are_dropped_but_counted(void) {
  accepts(HEAD "\r\nX-Trailer: 1\r\nHTTP/1.1 500 No\r\n\r\n", "200 .");
  story s = read_head(HEAD "\r\nX-Trailer: 1\r\n", 20);
  CHECK_INT(s.code, XAI_ERR_TOO_BIG);
  CHECK_STR(xai_str_of(s.text), "200 .");
}

static void counts_every_byte(void) {
  const char *lines = "HTTP/1.1 100 C\r\n\r\n" HEAD "A: b\r\n\r\n";
  CHECK_INT(read_head(lines, strlen(lines)).code, XAI_OK);
  for (size_t most = 0; most < strlen(lines); most++) CHECK_INT(read_head(lines, most).code, XAI_ERR_TOO_BIG);
}

int main(void) {
  RUN(reads_status_and_fields);
  RUN(f23_refuses_what_is_no_status_line);
  RUN(f23_refuses_what_is_no_field);
  RUN(a_nul_byte_is_refused);
  RUN(f24_refuses_two_ways_of_telling_the_length);
  RUN(f37_skips_interim_answers);
  RUN(f37_bounds_interim_answers);
  RUN(trailers_are_dropped_but_counted);
  RUN(counts_every_byte);
  return check_report("head");
}
