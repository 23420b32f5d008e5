/* fuzz_schema.c - any text as a schema, any text held against it: first and all errors agree, and each says something.
 * SPDX-License-Identifier: MIT
 *
 * The input is the schema, a NUL byte, the value, perhaps another NUL byte and a schema that can be referred to as
 * "http://x/y".
 */
#include <stdlib.h>
#include <string.h>

#include "xai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool so) {
  if (!so) abort();
}

static xai_str cut(xai_str *rest) {
  const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, 0, rest->len);
  size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
  xai_str head = {rest->ptr, len};
  rest->ptr += len + (end != NULL);
  rest->len -= len + (end != NULL);
  return head;
}

static void look(const xai_check *check, size_t size) {
  for (size_t i = 0; i < xai_check_violations(check); i++) {
    const xai_violation *v = xai_check_violation(check, i);
    need(v->message.len > 0 && v->keyword.ptr != NULL && (v->offset < size || v->offset == SIZE_MAX));
    need(v->instance.len == 0 || v->instance.ptr[0] == '/');
  }
}

static xai_code check_once(xai_check *check, xai_str text) {
  xai_error err;
  xai_code code = xai_check_text(check, text.ptr, text.len, &err);
  need(err.code == code);
  bool said = code == XAI_ERR_INVALID || code == XAI_ERR_STEPS || xai_check_violations(check) > 0;
  need(said == (xai_check_violations(check) > 0));
  look(check, text.len);
  return code;
}

static void check_both_ways(const xai_schema *schema, xai_str text) {
  xai_check *first = xai_check_new(NULL, schema, false), *all = xai_check_new(NULL, schema, true);
  if (first != NULL && all != NULL) {
    xai_code a = check_once(first, text), b = check_once(all, text);
    /* For all errors more is looked at, so it may be more than the steps allow. */
    need(a == b || b == XAI_ERR_STEPS || b == XAI_ERR_DEPTH);
    need(check_once(first, text) == a && xai_check_violations(first) <= 1);
  }
  xai_check_free(first);
  xai_check_free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  xai_str rest = {(const char *)data, size};
  xai_str schema_text = cut(&rest), text = cut(&rest);
  xai_schema_remote remote = {"http://x/y", rest};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.assert_format = options.assert_content = true;
  options.remotes = &remote;
  options.remote_count = 1;
  options.max_steps = 20000;
  options.match_limit = 2000;
  for (int draft = XAI_DRAFT_4; draft <= XAI_DRAFT_2020_12; draft++) {
    xai_error err;
    options.draft = (xai_draft)draft;
    xai_schema *schema = xai_schema_compile(NULL, schema_text.ptr, schema_text.len, &options, &err);
    need((schema == NULL) == (err.code != XAI_OK) && (schema != NULL || err.message[0] != '\0'));
    if (schema != NULL) check_both_ways(schema, text);
    xai_schema_free(schema);
  }
  return 0;
}
