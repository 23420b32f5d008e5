/* json.c - how fast JSON is read and written: megabytes a second on a large text, nanoseconds on a small event.
 * SPDX-License-Identifier: MIT
 *
 *   make bench, or: cc -O2 -Icore/include -o json bench/json.c build/libxai.a -lcurl -lm && ./json [file]
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xai.h"

#define ROUNDS 15

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "bench/json: %s\n", what);
  exit(1);
}

/* The best of some rounds: what disturbs a measurement only ever adds. */
static double best_of(void (*work)(void *), void *with, int times) {
  double best = 1e9;
  for (int round = 0; round < ROUNDS; round++) {
    double start = now_s();
    for (int i = 0; i < times; i++) work(with);
    double took = (now_s() - start) / times;
    if (took < best) best = took;
  }
  return best;
}

typedef struct job {
  xai_json_doc *doc;
  xai_json_writer *writer;
  const xai_json *root;
  const char *text;
  size_t len;
  unsigned flags;
} job;

static void read_it(void *with) {
  job *j = with;
  xai_error err;
  j->root = xai_json_parse(j->doc, j->text, j->len, j->flags, &err);
  if (j->root == NULL) die(err.message);
}

static void write_it(void *with) {
  job *j = with;
  xai_str out;
  xai_json_writer_reset(j->writer);
  xai_json_put_value(j->writer, j->root);
  if (xai_json_writer_end(j->writer, &out, NULL) != XAI_OK || out.len == 0) die("cannot write");
}

static void line(const char *what, const char *how, double took, size_t len) {
  printf("%-18s %-22s %12.1f ns %10.1f MB/s\n", what, how, took * 1e9, (double)len / took / 1e6);
}

static void measure(const char *what, const char *text, size_t len) {
  job j = {xai_json_doc_new(NULL, 0, 0), xai_json_writer_new(NULL, 0, 0), NULL, text, len, 0};
  if (j.doc == NULL || j.writer == NULL) die("out of memory");
  int times = len > 100000 ? 10 : 100000;
  read_it(&j);
  line(what, "read", best_of(read_it, &j, times), len);
  j.flags = XAI_JSON_BORROW;
  line(what, "read, text borrowed", best_of(read_it, &j, times), len);
  j.flags = XAI_JSON_UNIQUE;
  line(what, "read, keys unique", best_of(read_it, &j, times), len);
  line(what, "write", best_of(write_it, &j, times), len);
  xai_json_doc_free(j.doc);
  xai_json_writer_free(j.writer);
}

/* As the Responses API streams it. */
static const char event[] = "{\"type\":\"response.output_text.delta\",\"sequence_number\":42,\"item_id\":"
                            "\"msg_0a5b2c3d-17c8-4f0e-9a8b-6f1d\","
                            "\"output_index\":0,\"content_index\":0,\"delta\":\" the Moon "
                            "pulls\",\"logprobs\":[],\"obfuscation\":\"k3Jx9\"}";

/* About a megabyte of records with all kinds of values: short and long texts, escapes, numbers, nesting. */
static char *records(size_t *len) {
  size_t size = 1100000;
  char *text = malloc(size);
  if (text == NULL) die("out of memory");
  *len = (size_t)sprintf(text, "[");
  for (int i = 0; *len < 1000000; i++) {
    *len +=
      (size_t)snprintf(text + *len, size - *len,
                       "%s{\"id\":\"item_%08x\",\"object\":\"model\",\"created\":%d,\"score\":%d.%03d,"
                       "\"active\":%s,\"parent\":null,"
                       "\"tags\":[\"alpha\",\"beta\",\"gamma\"],\"usage\":{\"input_tokens\":%d,\"output_"
                       "tokens\":%d,\"details\":"
                       "{\"cached\":0,\"reasoning\":%d}},\"text\":\"The tides lag behind the Moon because "
                       "water has \\\"inertia\\\", "
                       "and basins have shapes of their own.\\nSee page %d.\",\"title\":\"Gr\xc3\xb6\xc3\x9f"
                       "enordnung\"}",
                       i > 0 ? "," : "", (unsigned)i * 2654435761u, 1700000000 + i, i % 100, i % 1000,
                       i % 2 ? "true" : "false", i * 7 % 5000, i * 3 % 900, i % 400, i % 300);
  }
  *len += (size_t)sprintf(text + *len, "]");
  return text;
}

static char *read_file(const char *name, size_t *len) {
  FILE *file = fopen(name, "rb");
  if (file == NULL) die("cannot open the file");
  fseek(file, 0, SEEK_END);
  *len = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*len + 1);
  if (text == NULL || fread(text, 1, *len, file) != *len) die("cannot read the file");
  fclose(file);
  return text;
}

int main(int argc, char **argv) {
  size_t len;
  char *text = argc > 1 ? read_file(argv[1], &len) : records(&len);
  measure(argc > 1 ? argv[1] : "records, 1 MB", text, len);
  free(text);
  if (argc == 1) measure("event, 200 bytes", event, sizeof event - 1);
  return 0;
}
