/* schema_verdicts.c - says which values satisfy which schemas, line by line, for comparing with other validators.
 * SPDX-License-Identifier: MIT
 *
 *   stdin   {"remotes": {URI: SCHEMA, ...}}               from here on these can be referred to
 *           {"schema": SCHEMA, "instances": [VALUE, ...]}
 *   stdout  for each line with a schema one character for each value: 1 valid, 0 not, E too much work, ? the ways in
 *           (value, text, stream cut in two) disagree; or "! " and why the schema was refused.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai.h"

typedef struct verdicts {
  xai_json_doc *doc;
  xai_json_writer *writer;
  xai_schema_remote *remotes;
  size_t remote_count;
} verdicts;

static void need(bool so, const char *what) {
  if (so) return;
  fprintf(stderr, "schema_verdicts: %s\n", what);
  exit(2);
}

static char *copy_of(xai_str text) {
  char *copy = malloc(text.len + 1);
  need(copy != NULL, "no memory");
  if (text.len > 0) memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  return copy;
}

/* Borrowed until the next. */
static xai_str text_of(verdicts *v, const xai_json *value) {
  xai_str text = {NULL, 0};
  xai_json_writer_reset(v->writer);
  xai_json_put_value(v->writer, value);
  need(xai_json_writer_end(v->writer, &text, NULL) == XAI_OK, "a value cannot be written");
  return text;
}

static void forget_remotes(verdicts *v) {
  for (size_t i = 0; i < v->remote_count; i++) {
    free((char *)v->remotes[i].uri);
    free((char *)v->remotes[i].text.ptr);
  }
  free(v->remotes);
  v->remotes = NULL;
  v->remote_count = 0;
}

static void keep_remotes(verdicts *v, const xai_json *table) {
  forget_remotes(v);
  v->remotes = calloc(xai_json_len(table) + 1, sizeof *v->remotes);
  need(v->remotes != NULL, "no memory");
  for (const xai_json *m = xai_json_first(table); m != NULL; m = xai_json_next(m)) {
    xai_str text = text_of(v, m);
    v->remotes[v->remote_count++] = (xai_schema_remote){copy_of(xai_json_key(m)), {copy_of(text), text.len}};
  }
}

static xai_code by_stream(xai_check *check, xai_str text) {
  size_t half = text.len / 2;
  xai_check_reset(check);
  xai_code code = xai_check_feed(check, text.ptr, half);
  if (code == XAI_OK) code = xai_check_feed(check, text.ptr + half, text.len - half);
  return code == XAI_OK ? xai_check_finish(check) : code;
}

static char verdict(verdicts *v, xai_check *check, const xai_json *value) {
  xai_str text = text_of(v, value);
  xai_code code = xai_check_value(check, value);
  if (xai_check_text(check, text.ptr, text.len, NULL) != code || by_stream(check, text) != code) return '?';
  if (code == XAI_OK) return '1';
  return code == XAI_ERR_INVALID ? '0' : 'E';
}

static void say_verdicts(verdicts *v, const xai_json *line) {
  xai_error err;
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.remotes = v->remotes;
  options.remote_count = v->remote_count;
  xai_str text = text_of(v, xai_json_get(line, "schema"));
  xai_schema *schema = xai_schema_compile(NULL, text.ptr, text.len, &options, &err);
  if (schema == NULL) {
    printf("! %s\n", err.message);
    return;
  }
  xai_check *check = xai_check_new(NULL, schema, false);
  need(check != NULL, "no memory");
  const xai_json *instances = xai_json_get(line, "instances");
  for (const xai_json *i = xai_json_first(instances); i != NULL; i = xai_json_next(i))
    putchar(verdict(v, check, i));
  putchar('\n');
  xai_check_free(check);
  xai_schema_free(schema);
}

static void answer(verdicts *v, const char *text, size_t len) {
  xai_error err;
  const xai_json *line = xai_json_parse(v->doc, text, len, 0, &err);
  need(line != NULL, err.message);
  const xai_json *remotes = xai_json_get(line, "remotes");
  if (remotes != NULL) keep_remotes(v, remotes);
  else say_verdicts(v, line);
  fflush(stdout);
}

int main(void) {
  verdicts v = {.doc = xai_json_doc_new(NULL, 0, 0), .writer = xai_json_writer_new(NULL, 0, 0)};
  need(v.doc != NULL && v.writer != NULL, "no memory");
  char *line = NULL;
  size_t room = 0;
  for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;) answer(&v, line, (size_t)len);
  free(line);
  forget_remotes(&v);
  xai_json_writer_free(v.writer);
  xai_json_doc_free(v.doc);
  return 0;
}
