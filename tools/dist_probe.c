/* dist_probe.c - a program around xai.c, in C and in C++: does a schema with patterns do what was built into it?
 * SPDX-License-Identifier: MIT
 *
 * dist_probe [all]   all: any pattern, as with PCRE2; else those without it
 */
#include <stdio.h>
#include <string.h>

#include "xai.h"

static const char mail[] = "{\"pattern\":\"^[^@\\\\s]+@([a-z]+\\\\.)+[a-z]{2,}$\"}";
static const char ahead[] = "{\"pattern\":\"^(?=.*[0-9])\"}";

static xai_code verdict(const char *schema_text, const char *value, xai_error *err) {
  xai_schema *schema = xai_schema_compile(NULL, schema_text, strlen(schema_text), NULL, err);
  if (schema == NULL) return err->code;
  xai_check *check = xai_check_new(NULL, schema, false);
  xai_code code = check != NULL ? xai_check_text(check, value, strlen(value), NULL) : XAI_ERR_NOMEM;
  xai_check_free(check);
  xai_schema_free(schema);
  return code;
}

static bool is(xai_code got, xai_code want, const char *what) {
  if (got != want) fprintf(stderr, "%s: %s, not %s\n", what, xai_code_name(got), xai_code_name(want));
  return got == want;
}

int main(int argc, char **argv) {
  bool all = argc > 1 && strcmp(argv[1], "all") == 0;
  xai_error err;
  bool good = is(verdict(mail, "\"anna@mail.example.org\"", &err), XAI_OK, "an address") &&
              is(verdict(mail, "\"anna@example\"", &err), XAI_ERR_INVALID, "half an address") &&
              is(verdict(ahead, "\"a1\"", &err), all ? XAI_OK : XAI_ERR_SCHEMA, "looking ahead");
  if (good && !all && strstr(err.message, "PCRE2") == NULL) {
    fprintf(stderr, "the message names no remedy: %s\n", err.message);
    good = false;
  }
  return good ? 0 : 1;
}
