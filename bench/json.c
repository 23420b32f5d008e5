/* json.c - how fast JSON is read and written: megabytes a second on a large text, nanoseconds on a small event.
 * SPDX-License-Identifier: MIT
 *
 *   json read|write|borrow|unique records|event     -> ns, mbs
 *   json --records|--event                          writes that text, for others
 */
#define _GNU_SOURCE
#include "measure.h"
#include "xai.h"

#define ROUNDS 15

static void die(const char *what) {
  fprintf(stderr, "bench/json: %s\n", what);
  exit(1);
}

/* The best of some rounds: what disturbs a measurement only ever adds. */
static double best_of(void (*work)(void *), void *with, int times) {
  uint64_t best = UINT64_MAX;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t start = now_ns();
    for (int i = 0; i < times; i++) work(with);
    uint64_t took = now_ns() - start;
    if (took < best) best = took;
  }
  return (double)best / times;
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

static void measure(const char *how, const char *text, size_t len) {
  job j = {xai_json_doc_new(NULL, 0, 0), xai_json_writer_new(NULL, 0, 0), NULL, text, len, 0};
  if (j.doc == NULL || j.writer == NULL) die("out of memory");
  if (strcmp(how, "borrow") == 0) j.flags = XAI_JSON_BORROW;
  if (strcmp(how, "unique") == 0) j.flags = XAI_JSON_UNIQUE;
  read_it(&j);
  double took = best_of(strcmp(how, "write") == 0 ? write_it : read_it, &j, len > 100000 ? 10 : 100000);
  figure("ns", took);
  figure("mbs", (double)len * 1e3 / took);
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

int main(int argc, char **argv) {
  size_t len;
  char *text = records(&len);
  if (argc == 2 && strcmp(argv[1], "--event") == 0) fputs(event, stdout);
  else if (argc == 2) fwrite(text, 1, len, stdout);
  else if (argc != 3) return 2;
  else if (strcmp(argv[2], "event") == 0) measure(argv[1], event, sizeof event - 1);
  else measure(argv[1], text, len);
  free(text);
  return 0;
}
