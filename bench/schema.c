/* schema.c - JSON Schema: documents from text to verdict, from value to verdict, and their schemas compiled.
 * SPDX-License-Identifier: MIT
 *
 *   schema NAME    -> compile_us, parse_us, value_us, text_us, delta_us (12 bytes, streamed)
 *
 * Run in the repository's root: the documents are in bench/data; the schemas there, or those that run.sh has from npm
 * in build/bench/data. Formats are asserted.
 */
#define _GNU_SOURCE
#include "measure.h"
#include "xai.h"

enum { ROUNDS = 11, CHECKS = 2000, COMPILES = 100, KINDS = 5, DELTA = 12, STREAMS = 50 };

typedef struct text {
  char *ptr;
  size_t len;
} text;

typedef struct subject {
  const char *name;
  text schema;
  text document;
} subject;

typedef struct times {
  double us[KINDS]; /* as in `kinds` */
} times;

static const char *const kinds[KINDS] = {"compile_us", "parse_us", "value_us", "text_us", "delta_us"};

static void need(bool so, const char *what) {
  if (so) return;
  fprintf(stderr, "schema: %s\n", what);
  exit(1);
}

static FILE *open_in(const char *folder, const char *name, const char *ending) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
  return fopen(path, "rb");
}

static text read_file(const char *name, const char *ending) {
  enum { MOST = 1 << 20 };
  FILE *file = open_in("bench/data", name, ending);
  if (file == NULL) file = open_in("build/bench/data", name, ending);
  need(file != NULL, "there is no such schema or document, seen from the repository's root");
  text t = {malloc(MOST), 0};
  need(t.ptr != NULL, "no memory");
  t.len = fread(t.ptr, 1, MOST, file);
  fclose(file);
  return t;
}

static xai_schema *compile(const subject *s) {
  xai_error err;
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.assert_format = true;
  xai_schema *schema = xai_schema_compile(NULL, s->schema.ptr, s->schema.len, &options, &err);
  need(schema != NULL, err.message);
  return schema;
}

static double took_us(uint64_t start, int count) {
  return (double)(now_ns() - start) / count / 1e3;
}

static void stream(xai_check *check, const char *json, size_t len) {
  for (size_t at = 0; at < len; at += DELTA)
    need(xai_check_feed(check, json + at, len - at < DELTA ? len - at : DELTA) == XAI_OK,
         "the stream is refused");
  need(xai_check_finish(check) == XAI_OK, "the end is refused");
}

static times measure(const subject *s) {
  times t;
  xai_schema *schema = compile(s);
  xai_check *check = xai_check_new(NULL, schema, false);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const char *json = s->document.ptr;
  size_t len = s->document.len;
  uint64_t start = now_ns();
  for (int i = 0; i < COMPILES; i++) xai_schema_free(compile(s));
  t.us[0] = took_us(start, COMPILES);
  start = now_ns();
  for (int i = 0; i < CHECKS; i++) xai_json_parse(doc, json, len, XAI_JSON_BORROW, NULL);
  t.us[1] = took_us(start, CHECKS);
  const xai_json *value = xai_json_parse(doc, json, len, XAI_JSON_BORROW, NULL);
  start = now_ns();
  for (int i = 0; i < CHECKS; i++) need(xai_check_value(check, value) == XAI_OK, "the document is refused");
  t.us[2] = took_us(start, CHECKS);
  start = now_ns();
  for (int i = 0; i < CHECKS; i++) need(xai_check_text(check, json, len, NULL) == XAI_OK, "refused");
  t.us[3] = took_us(start, CHECKS);
  xai_check *checks[STREAMS];
  for (int i = 0; i < STREAMS; i++) checks[i] = xai_check_new(NULL, schema, false);
  start = now_ns();
  for (int i = 0; i < STREAMS; i++) stream(checks[i], json, len);
  t.us[4] = took_us(start, STREAMS * (int)((len + DELTA - 1) / DELTA));
  for (int i = 0; i < STREAMS; i++) xai_check_free(checks[i]);
  xai_json_doc_free(doc);
  xai_check_free(check);
  xai_schema_free(schema);
  return t;
}

/* The best of the rounds: what the machine can do when nothing else runs. */
static void show(const subject *s) {
  times best = measure(s);
  for (int round = 1; round < ROUNDS; round++) {
    times t = measure(s);
    for (int i = 0; i < KINDS; i++) best.us[i] = t.us[i] < best.us[i] ? t.us[i] : best.us[i];
  }
  for (int i = 0; i < KINDS; i++) figure(kinds[i], best.us[i]);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  subject s = {argv[1], read_file(argv[1], ".schema.json"), read_file(argv[1], ".json")};
  show(&s);
  free(s.schema.ptr);
  free(s.document.ptr);
  return 0;
}
