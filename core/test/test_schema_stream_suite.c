/* test_schema_stream_suite.c - every case of the JSON Schema suite in pieces: the verdict is that of the whole text.
 * SPDX-License-Identifier: MIT
 *
 * Prints for each draft how much of the invalid texts is read before they are called dead.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>

#include "pieces.h"
#include "shared.h"

#define SUITE "conformance/json-schema"

enum { MOST_REMOTES = 200 };

typedef struct tally {
  int run;
  int wrong;
  int dead;     /* before the end of the text          */
  int invalid;  /*                                     */
  double share; /* sum of the shares of the invalid    */
} tally;

static xai_schema_remote remotes[MOST_REMOTES];
static size_t remote_count;
static uint64_t seed = 88172645463325252u;

/* ---- files ---- */

static char *suite_file(const char *path, size_t *len) {
  char below[1200];
  snprintf(below, sizeof below, "%s/%s", SUITE, path);
  return shared_file(below, len);
}

static void each_file(const char *folder, bool deep, void (*visit)(const char *path, void *user),
                      void *user) {
  const char *root = getenv("XAI_SHARED");
  char full[1200], path[600];
  struct dirent **entries = NULL;
  snprintf(full, sizeof full, "%s/%s/%s", root != NULL && *root != '\0' ? root : "../shared", SUITE, folder);
  int count = scandir(full, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    const char *name = entries[i]->d_name;
    snprintf(path, sizeof path, "%.300s/%.255s", folder, name);
    if (strstr(name, ".json") != NULL) visit(path, user);
    else if (deep && name[0] != '.') each_file(path, deep, visit, user);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

static void add_remote(const char *path, void *user) {
  (void)user;
  size_t len;
  char *text = remote_count < MOST_REMOTES ? suite_file(path, &len) : NULL;
  if (text == NULL) return;
  char *uri = malloc(strlen(path) + 40);
  sprintf(uri, "http://localhost:1234%s", path + strlen("remotes"));
  remotes[remote_count++] = (xai_schema_remote){uri, {text, len}};
}

static void free_remotes(void) {
  while (remote_count > 0) {
    remote_count--;
    free((char *)remotes[remote_count].uri);
    free((char *)remotes[remote_count].text.ptr);
  }
}

/* ---- running ---- */

typedef struct run {
  xai_draft draft;
  tally t;
} run;

static xai_json_writer *text_of(const xai_json *value, xai_str *text) {
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_json_put_value(writer, value);
  CHECK_INT(xai_json_writer_end(writer, text, NULL), XAI_OK);
  return writer;
}

static void run_test(const char *path, xai_check *check, const xai_json *test, tally *t) {
  xai_str text, name = xai_json_str(xai_json_get(test, "description"));
  xai_json_writer *writer = text_of(xai_json_get(test, "data"), &text);
  pieces p = pieces_try(check, text.ptr, text.len, &seed);
  t->run++;
  if (p.wrong != NULL) {
    printf("  %s: %.*s: %s: %.*s\n", path, (int)name.len, name.ptr, p.wrong, (int)text.len, text.ptr);
    t->wrong++;
  }
  if (p.whole == XAI_ERR_INVALID) {
    size_t read = p.offset < text.len ? p.offset + 1 : text.len;
    t->invalid++;
    t->dead += p.offset < text.len;
    t->share += (double)read / (double)text.len;
  }
  xai_json_writer_free(writer);
}

static void run_group(const char *path, const xai_json *group, run *r) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.draft = r->draft;
  options.remotes = remotes;
  options.remote_count = remote_count;
  options.assert_format = strstr(path, "optional/format/") != NULL;
  options.assert_content = strstr(path, "optional/content") != NULL;
  xai_str text;
  xai_json_writer *writer = text_of(xai_json_get(group, "schema"), &text);
  xai_error err;
  xai_schema *schema = xai_schema_compile(NULL, text.ptr, text.len, &options, &err);
  xai_check *check = xai_check_new(NULL, schema, false);
  CHECK(check != NULL || needs_pcre2(&err));
  const xai_json *tests = xai_json_get(group, "tests");
  for (const xai_json *t = xai_json_first(tests); t != NULL && check != NULL; t = xai_json_next(t))
    run_test(path, check, t, &r->t);
  xai_check_free(check);
  xai_schema_free(schema);
  xai_json_writer_free(writer);
}

static void run_file(const char *path, void *user) {
  size_t len;
  char *text = suite_file(path, &len);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *groups = text == NULL ? NULL : xai_json_parse(doc, text, len, 0, NULL);
  CHECK(groups != NULL);
  for (const xai_json *g = xai_json_first(groups); g != NULL; g = xai_json_next(g)) run_group(path, g, user);
  xai_json_doc_free(doc);
  free(text);
}

static void run_draft(const char *name, xai_draft draft) {
  char folder[100];
  run r = {.draft = draft};
  snprintf(folder, sizeof folder, "tests/%s", name);
  each_file(folder, true, run_file, &r);
  CHECK(r.t.run > 0);
  CHECK_INT(r.t.wrong, 0);
  printf("%s: %d texts, %d invalid, %d of them dead before the end, %.1f %% read on the mean\n", name,
         r.t.run, r.t.invalid, r.t.dead, 100 * r.t.share / (r.t.invalid > 0 ? r.t.invalid : 1));
}

static void draft_2020_12(void) {
  run_draft("draft2020-12", XAI_DRAFT_2020_12);
}
static void draft_2019_09(void) {
  run_draft("draft2019-09", XAI_DRAFT_2019_09);
}
static void draft_7(void) {
  run_draft("draft7", XAI_DRAFT_7);
}
static void draft_6(void) {
  run_draft("draft6", XAI_DRAFT_6);
}
static void draft_4(void) {
  run_draft("draft4", XAI_DRAFT_4);
}

int main(void) {
  each_file("remotes", true, add_remote, NULL);
  if (remote_count == 0) {
    printf("skipped: " SUITE " is not beside the repository\n");
    return check_report("schema stream suite");
  }
  RUN(draft_2020_12);
  RUN(draft_2019_09);
  RUN(draft_7);
  RUN(draft_6);
  RUN(draft_4);
  free_remotes();
  return check_report("schema stream suite");
}
