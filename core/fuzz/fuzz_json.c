/* fuzz_json.c - any bytes as JSON: whatever is read can be written, and reads back as the same text.
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "xai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool so) {
  if (!so) abort();
}

/* All public ways to look at a value. */
static void look(const xai_json *value) {
  int64_t whole;
  double real;
  if (xai_json_int(value, &whole)) need(xai_json_real(value, &real) && real == (double)whole);
  need(xai_json_at(value, xai_json_len(value)) == NULL);
  size_t count = 0;
  for (const xai_json *e = xai_json_first(value); e != NULL; e = xai_json_next(e)) {
    count++;
    need(xai_json_type_of(e) <= XAI_JSON_OBJECT);
    (void)xai_json_real(e, &real);
  }
  need(count == xai_json_len(value));
}

static void write_and_read_again(const xai_json *root, unsigned flags) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  xai_json_writer *first = xai_json_writer_new(NULL, 0, 0), *second = xai_json_writer_new(NULL, 0, 0);
  if (doc == NULL || first == NULL || second == NULL) goto done;
  xai_str text, again;
  xai_json_put_value(first, root);
  xai_code code = xai_json_writer_end(first, &text, NULL);
  if (code == XAI_ERR_UTF8 && (flags & XAI_JSON_SURROGATES))
    goto done; /* half a character cannot be written */
  need(code == XAI_OK);
  const xai_json *back = xai_json_parse(doc, text.ptr, text.len, flags, NULL);
  need(back != NULL);
  xai_json_put_value(second, back);
  need(xai_json_writer_end(second, &again, NULL) == XAI_OK);
  need(text.len == again.len && memcmp(text.ptr, again.ptr, text.len) == 0);
done:
  xai_json_writer_free(first);
  xai_json_writer_free(second);
  xai_json_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  if (doc == NULL) return 0;
  bool accepted[8];
  for (unsigned flags = 0; flags < 8; flags++) {
    xai_error err;
    const xai_json *root = xai_json_parse(doc, (const char *)data, size, flags, &err);
    accepted[flags] = root != NULL;
    need((root == NULL) == (err.code != XAI_OK) && err.offset <= size);
    if (root == NULL) continue;
    look(root);
    write_and_read_again(root, flags);
  }
  /* Of the flags only UNIQUE changes what is accepted, and only towards less. */
  for (unsigned flags = 0; flags < 8; flags++) {
    need(accepted[flags] == accepted[flags & XAI_JSON_UNIQUE] && accepted[flags] <= accepted[0]);
  }
  xai_json_doc_free(doc);
  return 0;
}
