/* test_schema_suite.c - the JSON Schema test suite, all drafts, where it lies beside the repository.
 * SPDX-License-Identifier: MIT
 *
 * Every test is run four ways: on the value and on its text, for the first error and for all. The names of those that
 * fail are printed, and for each draft how many were run, passed, failed and skipped.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>

#include "check.h"
#include "shared.h"

#define SUITE "conformance/json-schema"

enum { MOST_FILES = 400, MOST_REMOTES = 200 };

typedef struct draft_row {
  const char *folder;
  xai_draft draft;
} draft_row;

static const draft_row drafts[] = {
  {"draft2020-12", XAI_DRAFT_2020_12},
  {"draft2019-09", XAI_DRAFT_2019_09},
  {"draft7", XAI_DRAFT_7},
  {"draft6", XAI_DRAFT_6},
  {"draft4", XAI_DRAFT_4},
};

/* Tests of optional behaviour that we leave out, each with its reason, beside those that need PCRE2
 * where we are built without. An empty test name stands for the group. */
typedef struct skip_row {
  const char *file;
  const char *group;
  const char *test;
  const char *why;
} skip_row;

static const skip_row skips[] = {
  {NULL, NULL, NULL, NULL},
};

typedef struct tally {
  int run;
  int passed;
  int failed;
  int skipped;
} tally;

typedef struct files {
  char *path[MOST_FILES]; /* below the suite's folder */
  int count;
} files;

static xai_schema_remote remotes[MOST_REMOTES];
static size_t remote_count;

/* ---- finding ---- */

static void suite_path(char *to, size_t size, const char *below) {
  const char *root = getenv("XAI_SHARED");
  snprintf(to, size, "%s/%s/%s", root != NULL && *root != '\0' ? root : "../shared", SUITE, below);
}

static void add_file(files *list, const char *path) {
  if (list->count == MOST_FILES) return;
  list->path[list->count] = malloc(strlen(path) + 1);
  strcpy(list->path[list->count++], path);
}

/* All JSON files below a folder, the folder itself first. `deep`: folders within folders too. */
static void find_files(files *list, const char *folder, bool deep) {
  char full[4096], below[2048];
  suite_path(full, sizeof full, folder);
  DIR *dir = opendir(full);
  if (dir == NULL) return;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    snprintf(below, sizeof below, "%s/%s", folder, entry->d_name);
    if (strstr(entry->d_name, ".json") != NULL) add_file(list, below);
    else if (deep && entry->d_name[0] != '.') find_files(list, below, deep);
  }
  closedir(dir);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_files(files *list) {
  qsort(list->path, (size_t)list->count, sizeof list->path[0], by_name);
}

static void free_files(files *list) {
  while (list->count > 0) free(list->path[--list->count]);
}

static char *suite_file(const char *path, size_t *len) {
  char below[2100];
  snprintf(below, sizeof below, "%s/%s", SUITE, path);
  return shared_file(below, len);
}

static void load_remotes(void) {
  files list = {.count = 0};
  find_files(&list, "remotes", true);
  sort_files(&list);
  for (int i = 0; i < list.count && remote_count < MOST_REMOTES; i++) {
    char uri[2100];
    size_t len;
    char *text = suite_file(list.path[i], &len);
    if (text == NULL) continue;
    snprintf(uri, sizeof uri, "http://localhost:1234%s", list.path[i] + strlen("remotes"));
    char *kept = malloc(strlen(uri) + 1);
    strcpy(kept, uri);
    remotes[remote_count++] = (xai_schema_remote){kept, {text, len}};
  }
  free_files(&list);
}

static void free_remotes(void) {
  while (remote_count > 0) {
    remote_count--;
    free((char *)remotes[remote_count].uri);
    free((char *)remotes[remote_count].text.ptr);
  }
}

/* ---- running ---- */

static bool is_text(xai_str text, const char *wanted) {
  return text.len == strlen(wanted) && memcmp(text.ptr, wanted, text.len) == 0;
}

static const char *skipped(const char *file, xai_str group, xai_str test) {
  for (const skip_row *s = skips; s->file != NULL; s++) {
    bool named = strcmp(s->test, "") == 0 || is_text(test, s->test);
    if (strstr(file, s->file) != NULL && is_text(group, s->group) && named) return s->why;
  }
  return NULL;
}

static char *text_of(const xai_json *value, size_t *len) {
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, 0);
  xai_str text;
  xai_json_put_value(writer, value);
  char *copy = NULL;
  if (xai_json_writer_end(writer, &text, NULL) == XAI_OK) {
    copy = malloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *len = text.len;
  }
  xai_json_writer_free(writer);
  return copy;
}

/* Is the verdict the same all four ways, and are there violations exactly when it is invalid? */
static bool verdict(const xai_schema *schema, const xai_json *data, bool *valid) {
  size_t len;
  char *text = text_of(data, &len);
  bool well = text != NULL;
  for (int all = 0; all < 2 && well; all++) {
    xai_check *check = xai_check_new(NULL, schema, all);
    for (int way = 0; way < 2; way++) {
      xai_error err;
      xai_code code = way == 0 ? xai_check_value(check, data) : xai_check_text(check, text, len, &err);
      size_t count = xai_check_violations(check);
      if (all == 0 && way == 0) *valid = code == XAI_OK;
      well &= code == (*valid ? XAI_OK : XAI_ERR_INVALID) && (count > 0) == !*valid && (all || count <= 1);
    }
    xai_check_free(check);
  }
  free(text);
  return well;
}

static void report(const char *file, xai_str group, xai_str test, const char *what) {
  printf("  FAILED %s: %.*s: %.*s: %s\n", file, (int)group.len, group.ptr, (int)test.len, test.ptr, what);
}

static void run_test(const char *file, xai_str group, const xai_schema *schema, const xai_error *problem,
                     const xai_json *test, tally *t) {
  xai_str name = xai_json_str(xai_json_get(test, "description"));
  bool wanted = xai_json_bool(xai_json_get(test, "valid")), valid = false;
  if (skipped(file, group, name) != NULL || (schema == NULL && needs_pcre2(problem))) {
    t->skipped++;
    return;
  }
  t->run++;
  if (schema == NULL) report(file, group, name, problem->message);
  else if (!verdict(schema, xai_json_get(test, "data"), &valid)) report(file, group, name, "the ways differ");
  else if (valid != wanted) report(file, group, name, valid ? "passes" : "is refused");
  else {
    t->passed++;
    return;
  }
  t->failed++;
}

static void run_group(const char *file, xai_draft draft, const xai_json *group, tally *t) {
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.draft = draft;
  options.remotes = remotes;
  options.remote_count = remote_count;
  options.assert_format = strstr(file, "optional/format/") != NULL;
  options.assert_content = strstr(file, "optional/content") != NULL;
  size_t len;
  char *text = text_of(xai_json_get(group, "schema"), &len);
  xai_error err;
  xai_schema *schema = xai_schema_compile(NULL, text, len, &options, &err);
  xai_str name = xai_json_str(xai_json_get(group, "description"));
  const xai_json *tests = xai_json_get(group, "tests");
  for (const xai_json *test = xai_json_first(tests); test != NULL; test = xai_json_next(test)) {
    run_test(file, name, schema, &err, test, t);
  }
  xai_schema_free(schema);
  free(text);
}

static void run_file(const char *file, xai_draft draft, tally *t) {
  size_t len;
  char *text = suite_file(file, &len);
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *groups = text == NULL ? NULL : xai_json_parse(doc, text, len, 0, NULL);
  CHECK(groups != NULL);
  for (const xai_json *g = xai_json_first(groups); g != NULL; g = xai_json_next(g))
    run_group(file, draft, g, t);
  xai_json_doc_free(doc);
  free(text);
}

static void run_draft(const draft_row *row) {
  static const char *const parts[] = {"", "/optional", "/optional/format"};
  char folder[100];
  tally t = {0, 0, 0, 0};
  for (int i = 0; i < 3; i++) {
    files list = {.count = 0};
    snprintf(folder, sizeof folder, "tests/%s%s", row->folder, parts[i]);
    find_files(&list, folder, false);
    sort_files(&list);
    for (int k = 0; k < list.count; k++) run_file(list.path[k], row->draft, &t);
    free_files(&list);
    if (t.run > 0)
      printf("%s%s: %d run, %d passed, %d failed, %d skipped\n", row->folder, parts[i], t.run, t.passed,
             t.failed, t.skipped);
    CHECK_INT(t.failed, 0);
    t = (tally){0, 0, 0, 0};
  }
}

static void draft_2020_12(void) {
  run_draft(&drafts[0]);
}
static void draft_2019_09(void) {
  run_draft(&drafts[1]);
}
static void draft_7(void) {
  run_draft(&drafts[2]);
}
static void draft_6(void) {
  run_draft(&drafts[3]);
}
static void draft_4(void) {
  run_draft(&drafts[4]);
}

int main(void) {
  size_t len;
  char *readme = suite_file("README.md", &len);
  if (readme == NULL) {
    printf("skipped: " SUITE " is not beside the repository\n");
    return check_report("schema suite");
  }
  free(readme);
  load_remotes();
  RUN(draft_2020_12);
  RUN(draft_2019_09);
  RUN(draft_7);
  RUN(draft_6);
  RUN(draft_4);
  free_remotes();
  return check_report("schema suite");
}
