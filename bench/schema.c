/* schema.c - JSON Schema: documents from text to verdict, from value to verdict, and their schemas compiled.
 * SPDX-License-Identifier: MIT
 *
 *   make bench, or: cc -O2 -Icore/include -o schema bench/schema.c build/libxai.a -lcurl -lpcre2-8 -lm && ./schema
 *
 * Run in the repository's root: the schemas and documents are in bench/data. With --rounds it measures one round for
 * each line of its input and writes the four times of each document, so that another program can take turns with it.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xai.h"

enum { ROUNDS = 11, CHECKS = 2000, COMPILES = 100, KINDS = 4 };

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

static const char *const kinds[KINDS] = {"compile", "parse", "value to verdict", "text to verdict"};

static subject subjects[] = {{.name = "ticket"}, {.name = "package"}, {.name = "workflow"}};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void need(bool so, const char *what) {
  if (so) return;
  fprintf(stderr, "schema: %s\n", what);
  exit(1);
}

static text read_file(const char *name, const char *ending) {
  enum { MOST = 1 << 20 };
  char path[200];
  snprintf(path, sizeof path, "bench/data/%s%s", name, ending);
  FILE *file = fopen(path, "rb");
  need(file != NULL, "bench/data is not here: run it in the repository's root");
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

static double took_us(double start, int count) {
  return (now_s() - start) / count * 1e6;
}

static times measure(const subject *s) {
  times t;
  xai_schema *schema = compile(s);
  xai_check *check = xai_check_new(NULL, schema, false);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const char *json = s->document.ptr;
  size_t len = s->document.len;
  double start = now_s();
  for (int i = 0; i < COMPILES; i++) xai_schema_free(compile(s));
  t.us[0] = took_us(start, COMPILES);
  start = now_s();
  for (int i = 0; i < CHECKS; i++) xai_json_parse(doc, json, len, XAI_JSON_BORROW, NULL);
  t.us[1] = took_us(start, CHECKS);
  const xai_json *value = xai_json_parse(doc, json, len, XAI_JSON_BORROW, NULL);
  start = now_s();
  for (int i = 0; i < CHECKS; i++) need(xai_check_value(check, value) == XAI_OK, "the document is refused");
  t.us[2] = took_us(start, CHECKS);
  start = now_s();
  for (int i = 0; i < CHECKS; i++) need(xai_check_text(check, json, len, NULL) == XAI_OK, "refused");
  t.us[3] = took_us(start, CHECKS);
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
  printf("%s: %zu bytes, schema of %zu bytes\n", s->name, s->document.len, s->schema.len);
  for (int i = 0; i < KINDS; i++) printf("  %-18s %8.2f us\n", kinds[i], best.us[i]);
}

static void take_turns(void) {
  for (int c; (c = getchar()) != EOF;) {
    if (c != '\n') continue;
    for (int i = 0; i < SUBJECTS; i++) {
      times t = measure(&subjects[i]);
      printf("%.3f %.3f %.3f %.3f%c", t.us[0], t.us[1], t.us[2], t.us[3], i + 1 < SUBJECTS ? ' ' : '\n');
    }
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  for (int i = 0; i < SUBJECTS; i++) {
    subjects[i].schema = read_file(subjects[i].name, ".schema.json");
    subjects[i].document = read_file(subjects[i].name, ".json");
  }
  if (argc > 1 && strcmp(argv[1], "--rounds") == 0) take_turns();
  else
    for (int i = 0; i < SUBJECTS; i++) show(&subjects[i]);
  for (int i = 0; i < SUBJECTS; i++) {
    free(subjects[i].schema.ptr);
    free(subjects[i].document.ptr);
  }
  return 0;
}
