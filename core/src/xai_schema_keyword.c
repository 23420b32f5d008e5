/* xai_schema_keyword.c - the keywords of JSON Schema: which draft and vocabulary has which, and how to find them.
 * SPDX-License-Identifier: MIT */
#include "xai_schema.h"

const xai_keyword_row xai__keywords[XAI_KW_COUNT] = {
#define XAI_X(id, text, shape, drafts, vocab) \
  {text, (uint8_t)(sizeof(text) - 1), XAI_SHAPE_##shape, (uint8_t)(drafts), XAI_VOCAB_##vocab},
  XAI_KEYWORDS(XAI_X)
#undef XAI_X
};

static int order(xai_str text, const xai_keyword_row *row) {
  if (text.len != row->len) return text.len < row->len ? -1 : 1;
  return memcmp(text.ptr, row->text, row->len);
}

xai_keyword xai__keyword_find(xai_str text) {
  int low = 0, high = XAI_KW_COUNT - 1;
  if (text.len < 2) return XAI_KW_COUNT;
  while (low <= high) {
    int middle = (low + high) / 2, where = order(text, &xai__keywords[middle]);
    if (where == 0) return (xai_keyword)middle;
    if (where < 0) high = middle - 1;
    else low = middle + 1;
  }
  return XAI_KW_COUNT;
}

xai_str xai__keyword_text(xai_keyword keyword) {
  if (keyword >= XAI_KW_COUNT) return (xai_str){"", 0};
  return (xai_str){xai__keywords[keyword].text, xai__keywords[keyword].len};
}

static bool in_force(const xai_keyword_row *row, xai_draft draft, unsigned vocab) {
  return (row->drafts >> draft & 1) != 0 && (row->vocab == XAI_VOCAB_CORE || (row->vocab & vocab) != 0);
}

/* Up to draft 7 nothing beside a $ref counts; definitions are kept because references lead there. */
static void hide_siblings(const xai_json *slots[XAI_KW_COUNT]) {
  const xai_json *ref = slots[XAI_KW_REF], *definitions = slots[XAI_KW_DEFINITIONS];
  memset(slots, 0, XAI_KW_COUNT * sizeof *slots);
  slots[XAI_KW_REF] = ref;
  slots[XAI_KW_DEFINITIONS] = definitions;
}

void xai__keyword_slots(const xai_json *object, xai_draft draft, unsigned vocab,
                        const xai_json *slots[XAI_KW_COUNT]) {
  memset(slots, 0, XAI_KW_COUNT * sizeof *slots);
  for (const xai_json *m = xai_json_first(object); m != NULL; m = xai_json_next(m)) {
    xai_keyword keyword = xai__keyword_find(xai_json_key(m));
    if (keyword != XAI_KW_COUNT && in_force(&xai__keywords[keyword], draft, vocab)) slots[keyword] = m;
  }
  if (draft <= XAI_DRAFT_7 && xai_json_type_of(slots[XAI_KW_REF]) == XAI_JSON_STRING) hide_siblings(slots);
}
