/* fuzz_schema_stream.c - any schema, any text in any pieces: the verdict of the whole, and dead is dead.
 * SPDX-License-Identifier: MIT
 *
 * The input is a byte that seeds the cuts, the schema, a NUL byte, and the text.
 */
#include <stdlib.h>
#include <string.h>

#include "xai.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool so) {
  if (!so) abort();
}

/* A piece of its own, so that reading beyond it is seen. */
static xai_code feed(xai_check *check, const char *bytes, size_t len) {
  char *piece = malloc(len + (len == 0));
  if (piece == NULL) return XAI_ERR_NOMEM;
  if (len > 0) memcpy(piece, bytes, len);
  xai_code code = xai_check_feed(check, piece, len);
  free(piece);
  return code;
}

/* What was found with the first pieces holds for all others. */
typedef struct finding {
  xai_code code;
  size_t offset;
} finding;

static finding feed_pieces(xai_check *check, xai_str text, size_t most) {
  xai_code code = XAI_OK;
  uint32_t chance = (uint32_t)most;
  xai_check_reset(check);
  for (size_t at = 0, len; at < text.len && code == XAI_OK; at += len) {
    chance = chance * 1103515245u + 12345u;
    len = 1 + (chance >> 16) % most;
    if (len > text.len - at) len = text.len - at;
    code = feed(check, text.ptr + at, len);
  }
  bool early = code != XAI_OK;
  xai_code last = xai_check_finish(check);
  need(!early || (last == code && feed(check, "]", 1) == code));
  const xai_violation *v = xai_check_violation(check, 0);
  need((last == XAI_OK) == (v == NULL) || last == XAI_ERR_NOMEM);
  if (v != NULL) need(v->message.len > 0 && (v->instance.len == 0 || v->instance.ptr[0] == '/'));
  return (finding){last, v == NULL ? SIZE_MAX : v->offset};
}

static bool is_verdict(xai_code code) {
  return code == XAI_OK || code == XAI_ERR_INVALID;
}

static void check_pieces(xai_check *check, xai_str text, size_t most) {
  xai_code whole = xai_check_text(check, text.ptr, text.len, NULL);
  finding one = feed_pieces(check, text, 1), some = feed_pieces(check, text, most);
  finding all = feed_pieces(check, text, text.len + 1);
  need(one.code == some.code && one.offset == some.offset);
  need(one.code == all.code && one.offset == all.offset);
  need(one.code != XAI_OK || whole == XAI_OK);
  need(whole != XAI_OK || one.code == XAI_OK);
  /* Of a text that is no JSON, or too much work as a whole, the beginning may be dead for another reason. */
  if (is_verdict(whole)) need(one.code == whole);
  else need(one.code == whole || one.code == XAI_ERR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const char *schema_text = (const char *)data + 1, *nul = memchr(schema_text, 0, size - 1);
  size_t len = nul == NULL ? size - 1 : (size_t)(nul - schema_text);
  xai_str text = {nul == NULL ? schema_text : nul + 1, nul == NULL ? size - 1 : size - 2 - len};
  xai_schema_options options = XAI_SCHEMA_OPTIONS_INIT;
  options.draft = (xai_draft)(XAI_DRAFT_4 + data[0] % 5);
  options.assert_format = options.assert_content = true;
  options.max_steps = 20000;
  options.match_limit = 2000;
  xai_schema *schema = xai_schema_compile(NULL, schema_text, len, &options, NULL);
  if (schema == NULL) return 0;
  xai_check *check = xai_check_new(NULL, schema, data[0] & 1);
  if (check != NULL) check_pieces(check, text, 2 + data[0] / 4);
  xai_check_free(check);
  xai_schema_free(schema);
  return 0;
}
