/* fuzz_error.c - any body of an error answer: an error that can be shown, kept and acted on, and nothing secret in it.
 * SPDX-License-Identifier: MIT
 *
 * The first two bytes choose status and type, the rest is the body.
 */
#include "fuzz.h"

#include "xai_err.h"

static const char *const types[] = {"application/json", "text/plain", "text/html; charset=utf-8", "",
                                    "application/problem+json"};

static void error_ok(const xai_error *err, int status) {
  need(err->code == XAI_ERR_API && err->http_status == status && err->message[0] != '\0');
  fuzz_error_ok(err);
  fuzz_no_key(err->message);
  fuzz_no_key(err->api_code);
  fuzz_no_key(err->api_type);
  fuzz_no_key(err->param);
}

static void parsed_ok(int status, xai_str body) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 32, 1 << 22);
  need(doc != NULL);
  const xai_json *value = xai_json_parse(doc, body.ptr, body.len, 0, NULL);
  xai_error err = {.code = XAI_OK};
  if (value != NULL) {
    xai__error_from_json(&err, status, value);
    error_ok(&err, status);
    (void)xai__is_error_frame(value);
  }
  xai_json_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + size};
  int status = 300 + fuzz_byte(&in);
  const char *type = types[fuzz_byte(&in) % (sizeof types / sizeof *types)];
  xai_str body = {(const char *)in.at, (size_t)(in.end - in.at)};
  fuzz_heap heap = {0, (size_t)64 << 20};
  xai_mem mem = {fuzz_heap_fn, &heap};
  xai_error err = {.code = XAI_OK};
  xai__error_from_api(&err, &mem, status, xai_str_of(type), body);
  need(heap.held == 0);
  error_ok(&err, status);
  xai_attempt_class outcome = xai__class_of_status(status, &err);
  need(outcome == XAI_ATTEMPT_REFUSED || outcome == XAI_ATTEMPT_UNKNOWN);
  parsed_ok(status, body);
  char *text = fuzz_cstr(body);
  size_t before = strlen(text);
  xai__redact(text);
  need(strlen(text) <= before);
  fuzz_no_key(text);
  free(text);
  return 0;
}
