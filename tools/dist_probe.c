/* dist_probe.c - a program around xai.c, in C and in C++: does a schema with patterns do what was built into it?
 * SPDX-License-Identifier: MIT
 *
 * dist_probe [all]   all: any pattern, as with PCRE2; else those without it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xai.h"

static const char mail[] = "{\"pattern\":\"^[^@\\\\s]+@([a-z]+\\\\.)+[a-z]{2,}$\"}";
static const char ahead[] = "{\"pattern\":\"^a(?=.*[0-9])\"}";

static xai_code verdict(const xai_mem *mem, const char *schema_text, const char *value, xai_error *err) {
  xai_schema *schema = xai_schema_compile(mem, schema_text, strlen(schema_text), NULL, err);
  if (schema == NULL) return err->code;
  xai_check *check = xai_check_new(mem, schema, false);
  xai_code code = check != NULL ? xai_check_text(check, value, strlen(value), NULL) : XAI_ERR_NOMEM;
  xai_check_free(check);
  xai_schema_free(schema);
  return code;
}

/* The nth allocation fails: never a crash, never a leak. */
typedef struct heap {
  long count, fail_at, live;
} heap;

static void *heap_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  heap *h = (heap *)user;
  if (new_size == 0) {
    h->live -= ptr != NULL;
    free(ptr);
    return NULL;
  }
  if ((ptr == NULL || new_size > old_size) && ++h->count == h->fail_at) return NULL;
  void *fresh = realloc(ptr, new_size);
  h->live += ptr == NULL && fresh != NULL;
  return fresh;
}

static bool survives(const char *schema_text, const char *value) {
  heap h = {0, 0, 0};
  do {
    xai_error err;
    h.count = 0;
    h.fail_at++;
    xai_mem mem = {heap_fn, &h};
    xai_code code = verdict(&mem, schema_text, value, &err);
    bool good = h.live == 0 && (code == XAI_OK || code == XAI_ERR_NOMEM);
    if (!good)
      fprintf(stderr, "allocation %ld fails: %s, %ld live\n", h.fail_at, xai_code_name(code), h.live);
    if (!good) return false;
  } while (h.count >= h.fail_at);
  return h.fail_at > 3;
}

static bool is(xai_code got, xai_code want, const char *what) {
  if (got != want) fprintf(stderr, "%s: %s, not %s\n", what, xai_code_name(got), xai_code_name(want));
  return got == want;
}

int main(int argc, char **argv) {
  bool all = argc > 1 && strcmp(argv[1], "all") == 0;
  xai_error err;
  bool good = is(verdict(NULL, mail, "\"anna@mail.example.org\"", &err), XAI_OK, "an address") &&
              is(verdict(NULL, mail, "\"anna@example\"", &err), XAI_ERR_INVALID, "half an address") &&
              is(verdict(NULL, ahead, "\"a1\"", &err), all ? XAI_OK : XAI_ERR_LIBRARY, "looking ahead");
  if (good && !all && strstr(err.message, "PCRE2") == NULL) {
    fprintf(stderr, "the message names no remedy: %s\n", err.message);
    good = false;
  }
  return good && survives(mail, "\"anna@mail.example.org\"") ? 0 : 1;
}
