/* test_faults_net_code.c - F38 and F39: compressed answers, right and wrong, and bombs.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "net.h"

#include <sys/resource.h>

/* WHOLE in each coding; the last is one raw block. Source: RFC 1952, 1950, 7932 and 8878. */
static const unsigned char gzipped[] = {
  0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x55, 0x8b, 0x41, 0x0a, 0xc2, 0x30, 0x14,
  0x44, 0xef, 0x32, 0xeb, 0x6c, 0xdc, 0xfe, 0x13, 0x78, 0x07, 0x29, 0xd2, 0xa6, 0x83, 0x58, 0xd2, 0x24,
  0xf4, 0x4f, 0x40, 0x29, 0xb9, 0xbb, 0x44, 0x57, 0xae, 0x86, 0xc7, 0x7b, 0x73, 0xe2, 0xb9, 0xc2, 0x70,
  0x5c, 0x10, 0x50, 0x96, 0x8d, 0x51, 0x83, 0xe8, 0xb5, 0x64, 0x27, 0x02, 0x5c, 0xb3, 0x9a, 0xc3, 0x10,
  0xcb, 0x5e, 0x13, 0xc5, 0x75, 0x84, 0x4d, 0xb5, 0x09, 0x76, 0x3b, 0xa1, 0x77, 0x25, 0x0c, 0x3b, 0xdd,
  0xe7, 0xc7, 0x38, 0xc4, 0x92, 0xc5, 0xfc, 0x27, 0x7f, 0xf9, 0x5d, 0x7c, 0x09, 0x01, 0xdf, 0x31, 0x5c,
  0x99, 0x52, 0x41, 0x9f, 0xfa, 0xd4, 0x3f, 0x59, 0x62, 0x67, 0xc9, 0x84, 0x00, 0x00, 0x00};
static const unsigned char deflated[] = {
  0x78, 0xda, 0x55, 0x8b, 0x41, 0x0a, 0xc2, 0x30, 0x14, 0x44, 0xef, 0x32, 0xeb, 0x6c, 0xdc, 0xfe, 0x13, 0x78,
  0x07, 0x29, 0xd2, 0xa6, 0x83, 0x58, 0xd2, 0x24, 0xf4, 0x4f, 0x40, 0x29, 0xb9, 0xbb, 0x44, 0x57, 0xae, 0x86,
  0xc7, 0x7b, 0x73, 0xe2, 0xb9, 0xc2, 0x70, 0x5c, 0x10, 0x50, 0x96, 0x8d, 0x51, 0x83, 0xe8, 0xb5, 0x64, 0x27,
  0x02, 0x5c, 0xb3, 0x9a, 0xc3, 0x10, 0xcb, 0x5e, 0x13, 0xc5, 0x75, 0x84, 0x4d, 0xb5, 0x09, 0x76, 0x3b, 0xa1,
  0x77, 0x25, 0x0c, 0x3b, 0xdd, 0xe7, 0xc7, 0x38, 0xc4, 0x92, 0xc5, 0xfc, 0x27, 0x7f, 0xf9, 0x5d, 0x7c, 0x09,
  0x01, 0xdf, 0x31, 0x5c, 0x99, 0x52, 0x41, 0x9f, 0xfa, 0xd4, 0x3f, 0x6b, 0xb6, 0x2d, 0x17};
static const unsigned char brotlied[] = {
  0x1b, 0x83, 0x00, 0x00, 0x1c, 0x07, 0x76, 0x6c, 0xb2, 0x85, 0x6f, 0x2f, 0xa6, 0xbb, 0x23, 0x62,
  0x2d, 0xb2, 0xf7, 0xb5, 0xb5, 0x63, 0xc8, 0xd2, 0xe4, 0xb4, 0x0e, 0x4b, 0x57, 0x5f, 0x37, 0x38,
  0x70, 0x89, 0xd2, 0xf1, 0x7a, 0x4f, 0x6c, 0xf6, 0x9d, 0x70, 0x08, 0x1e, 0xdc, 0x05, 0xb8, 0x37,
  0x89, 0x91, 0xe2, 0x83, 0x38, 0x09, 0x6f, 0x31, 0x8a, 0xe4, 0xfa, 0xb0, 0x2c, 0x67, 0x78, 0x5a,
  0xac, 0x0f, 0x01, 0x12, 0x3e, 0xbf, 0x05, 0x16, 0xcf, 0xb4, 0xc8, 0xf7, 0x1d};
static const unsigned char zstded[] = {
  0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x84, 0x21, 0x04, 0x00, 0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x22, 0x72, 0x31,
  0x22, 0x2c, 0x22, 0x6f, 0x62, 0x6a, 0x65, 0x63, 0x74, 0x22, 0x3a, 0x22, 0x72, 0x65, 0x73, 0x70, 0x6f, 0x6e,
  0x73, 0x65, 0x22, 0x2c, 0x22, 0x73, 0x74, 0x61, 0x74, 0x75, 0x73, 0x22, 0x3a, 0x22, 0x63, 0x6f, 0x6d, 0x70,
  0x6c, 0x65, 0x74, 0x65, 0x64, 0x22, 0x2c, 0x22, 0x6f, 0x75, 0x74, 0x70, 0x75, 0x74, 0x22, 0x3a, 0x5b, 0x7b,
  0x22, 0x74, 0x79, 0x70, 0x65, 0x22, 0x3a, 0x22, 0x6d, 0x65, 0x73, 0x73, 0x61, 0x67, 0x65, 0x22, 0x2c, 0x22,
  0x63, 0x6f, 0x6e, 0x74, 0x65, 0x6e, 0x74, 0x22, 0x3a, 0x5b, 0x7b, 0x22, 0x74, 0x79, 0x70, 0x65, 0x22, 0x3a,
  0x22, 0x6f, 0x75, 0x74, 0x70, 0x75, 0x74, 0x5f, 0x74, 0x65, 0x78, 0x74, 0x22, 0x2c, 0x22, 0x74, 0x65, 0x78,
  0x74, 0x22, 0x3a, 0x22, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x22, 0x7d, 0x5d, 0x7d, 0x5d, 0x7d};

typedef struct coding {
  const char *name;
  const unsigned char *bytes;
  size_t len;
} coding;

static const coding codings[] = {{"gzip", gzipped, sizeof gzipped},
                                 {"deflate", deflated, sizeof deflated},
                                 {"br", brotlied, sizeof brotlied},
                                 {"zstd", zstded, sizeof zstded}};
enum { CODINGS = sizeof codings / sizeof *codings };

/* Nobody asks a neighbour to pack: plain HTTP goes over libcurl, which can unpack, only where connections are
 * limited. */
static xai_config unpacking_config(void) {
  xai_config config = net_config();
  config.max_connections = 8;
  return config;
}

/* The answer of such a header and such bytes to a call. */
static net_call answer_coded(const char *name, const void *bytes, size_t len, bool stream, char **request) {
  char head[200];
  snprintf(head, sizeof head, JSON_HEAD "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", name, len);
  const lb_step script[] = {READ, WRITE(head), {LB_WRITE, bytes, len, 0}, AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  xai_config config = unpacking_config();
  xai_client *client = net_open_at(&config, NULL, s->port);
  net_call c;
  net_ask(client, &c, stream);
  CHECK_INT(lb_seen(s, LB_REQUESTS), 1);
  if (request != NULL) *request = lb_request(s);
  xai_client_free(client);
  lb_stop(s);
  return c;
}

/* Does libcurl announce it? What it was not built with is neither asked for nor tested. */
static bool announces(const char *request, const char *name) {
  const char *line = strstr(request, "\r\nAccept-Encoding: ");
  const char *end = line ? strstr(line + 2, "\r\n") : NULL;
  const char *found = line ? strstr(line, name) : NULL;
  return found != NULL && found < end;
}

static void F38_announced_and_right(void) {
  int announced = 0;
  for (int i = 0; i < CODINGS; i++) {
    char *request;
    net_call c = answer_coded(codings[i].name, codings[i].bytes, codings[i].len, false, &request);
    if (announces(request, codings[i].name)) {
      announced++;
      CHECK_CALL(c, "complete", "answered", XAI_OK);
      CHECK_STR(xai_str_of(c.given_text), "Hello");
    } else {
      printf("F38 %s: libcurl was built without it\n", codings[i].name);
      CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
    }
    free(request);
  }
  CHECK(announced >= 2);
}

static void F38_announced_and_not_used(void) {
  long requests;
  net_call c = net_bytes(OK_WHOLE, false, &requests);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  c = net_bytes(JSON_HEAD "Content-Encoding: identity\r\nContent-Length: 132\r\n\r\n" WHOLE, true, &requests);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
}

/* A stream asks for none: packed events would come in bursts. */
static void F38_used_and_not_announced(void) {
  for (int i = 0; i < CODINGS; i++) {
    char *request;
    net_call c = answer_coded(codings[i].name, codings[i].bytes, codings[i].len, true, &request);
    CHECK(strstr(request, "Accept-Encoding") == NULL);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
    CHECK_HAS(c.error.message, "encoding");
    free(request);
  }
  net_call c = answer_coded("x-unheard-of", "abc", 3, false, NULL);
  CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
}

static void F38_a_neighbour_is_not_asked_and_may_not(void) {
  for (int stream = 0; stream < 2; stream++) {
    const lb_step script[] = {
      READ, WRITE(JSON_HEAD "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde"), AWAIT_EOF};
    const lb_step *const scripts[] = {script};
    lb_server *s = lb_start(scripts, 1);
    xai_client *client = net_open(s);
    net_call c;
    net_ask(client, &c, stream);
    char *request = lb_request(s);
    CHECK(strstr(request, "Accept-Encoding") == NULL);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
    CHECK_HAS(c.error.message, "encoding");
    free(request);
    xai_client_free(client);
    lb_stop(s);
  }
}

static void F38_the_header_lies(void) {
  for (int i = 0; i < CODINGS; i++) {
    net_call c = answer_coded(codings[i].name, WHOLE, sizeof WHOLE - 1, false, NULL);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
  }
}

/* The packed data is cut, though the body is as long as announced: at every byte, never whole unless all of the
 * content came. (What is missing at the very end of gzip and of deflate is their checksum.) */
static void F38_cut_in_the_middle(void) {
  static const size_t trailers[] = {8, 4, 0, 0};
  for (int i = 0; i < CODINGS; i++) {
    for (size_t len = 1; len + trailers[i] < codings[i].len; len += 1 + slowness() / 5) {
      net_call c = answer_coded(codings[i].name, codings[i].bytes, len, false, NULL);
      if (c.outcome == XAI_OUTCOME_COMPLETE) CHECK_STR(xai_str_of(c.given_text), "Hello");
      else CHECK(c.outcome == XAI_OUTCOME_FAILED || c.outcome == XAI_OUTCOME_INCOMPLETE);
      if (len < codings[i].len * 3 / 4) CHECK(c.outcome != XAI_OUTCOME_COMPLETE);
    }
  }
}

/* gzip may hold several members, so only bytes that are none are wrong there. */
static void F38_bytes_after_the_end(void) {
  for (int i = 0; i < 2; i++) {
    unsigned char bytes[400];
    memcpy(bytes, codings[i].bytes, codings[i].len);
    memcpy(bytes + codings[i].len, "{\"x\":1}", 7);
    net_call c = answer_coded(codings[i].name, bytes, codings[i].len + 7, false, NULL);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_HTTP);
  }
}

/* ---- bombs */

enum { LIMIT = 4 << 20 };

/* Bits of a Huffman code, its first bit first. */
static void put_code(char *to, size_t *bit, unsigned code, int count) {
  for (int i = count - 1; i >= 0; i--, ++*bit)
    if (code >> i & 1) to[*bit / 8] = (char)((unsigned char)to[*bit / 8] | 1u << *bit % 8);
}

/* A space, and then "258 more of these" in 13 bits, over and over, in the fixed codes of RFC 1951: 166 MB in 1 MiB. */
static char *gzip_bomb(size_t *len) {
  static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";
  *len = 1 << 20;
  char *bomb = calloc(1, *len);
  size_t bit = 8 * (sizeof head - 1);
  memcpy(bomb, head, sizeof head - 1);
  put_code(bomb, &bit, 2, 3); /* not the last block, fixed codes */
  put_code(bomb, &bit, 0x30 + ' ', 8);
  while (bit + 13 < 8 * *len) {
    put_code(bomb, &bit, 0xc5, 8);
    put_code(bomb, &bit, 0, 5);
  }
  return bomb;
}

/* Blocks of one byte repeated 128 KiB times: 80,000 of them are 10 GB in 320 KB. */
static char *zstd_bomb(size_t *len) {
  static const char head[] = "\x28\xb5\x2f\xfd\x00\x38"; /* window: 128 KiB */
  enum { BLOCKS = 80000 };
  *len = 6 + 4 * (size_t)BLOCKS;
  char *bomb = malloc(*len);
  memcpy(bomb, head, 6);
  for (size_t i = 0; i < BLOCKS; i++) {
    uint32_t block = (128u << 10) << 3 | 1u << 1 | (i + 1 == BLOCKS);
    char *at = bomb + 6 + 4 * i;
    at[0] = (char)(block & 0xff);
    at[1] = (char)(block >> 8 & 0xff);
    at[2] = (char)(block >> 16);
    at[3] = ' ';
  }
  return bomb;
}

/* It stops at the limit; what it took by then is held against the allocator, and against the process. */
static void stop_a_bomb(const char *name, char *bomb, size_t len) {
  char head[200];
  snprintf(head, sizeof head, JSON_HEAD "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", name, len);
  const lb_step script[] = {READ, WRITE(head), {LB_WRITE, bomb, len, 0}, AWAIT_EOF};
  const lb_step *const scripts[] = {script};
  lb_server *s = lb_start(scripts, 1);
  check_heap heap = {0, 0, 0, 0, 0};
  struct rusage before, after;
  xai_config config = unpacking_config();
  config.mem = check_heap_mem(&heap);
  config.limits.max_response = LIMIT;
  getrusage(RUSAGE_SELF, &before);
  xai_client *client = net_open_at(&config, NULL, s->port);
  net_call c;
  net_ask(client, &c, false);
  CHECK_CALL(c, "failed", "unknown", XAI_ERR_TOO_BIG);
  CHECK_HAS(c.error.message, "max_response");
  CHECK_INT(c.attempts, 1);
  CHECK(heap.peak < 2 * LIMIT);
  getrusage(RUSAGE_SELF, &after);
  if (slowness() == 1) CHECK((after.ru_maxrss - before.ru_maxrss) * 1024L < 2 * LIMIT);
  CHECK(lb_wait(s, LB_CLOSED, 1)); /* the rest is not read */
  xai_client_free(client);
  CHECK_INT(heap.live, 0);
  lb_stop(s);
  free(bomb);
}

static void F39_a_bomb(void) {
  size_t len;
  char *bomb = gzip_bomb(&len);
  stop_a_bomb("gzip", bomb, len);
}

static void F39_ten_gigabytes(void) {
  char *request;
  net_call c = answer_coded("identity", WHOLE, sizeof WHOLE - 1, false, &request);
  bool here = announces(request, "zstd");
  free(request);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  if (!here) {
    not_run("libcurl was built without zstd, and gzip cannot make 10 GB of 1 MB");
    return;
  }
  size_t len;
  char *bomb = zstd_bomb(&len);
  stop_a_bomb("zstd", bomb, len);
}

int main(void) {
  forget_environment();
  RUN(F38_announced_and_right);
  RUN(F38_announced_and_not_used);
  RUN(F38_used_and_not_announced);
  RUN(F38_a_neighbour_is_not_asked_and_may_not);
  RUN(F38_the_header_lies);
  RUN(F38_cut_in_the_middle);
  RUN(F38_bytes_after_the_end);
  RUN(F39_a_bomb);
  RUN(F39_ten_gigabytes);
  return net_report("faults on the wire: compression");
}
