/* pieces.h - holds the streaming check against the whole one: same verdict in any pieces, never dead too soon.
 * SPDX-License-Identifier: MIT */
#ifndef PIECES_H
#define PIECES_H

#include "check.h"

/* What is wanted of one text. */
typedef struct pieces {
  xai_code whole;    /* of xai_check_text           */
  xai_code code;     /* in pieces                   */
  size_t fed;        /* bytes when that was certain */
  size_t offset;     /* of the violation, SIZE_MAX: none */
  const char *wrong; /* NULL: all is as it should be */
} pieces;

/* A generator that is the same everywhere (xorshift). */
static inline uint32_t pieces_random(uint64_t *seed, uint32_t below) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return (uint32_t)((*seed >> 11) % below);
}

/* most 0: all at once; 1: byte by byte; else pieces of up to so many bytes. */
static inline xai_code pieces_feed(xai_check *check, const char *text, size_t len, size_t most,
                                   uint64_t *seed, size_t *fed) {
  xai_check_reset(check);
  *fed = 0;
  while (*fed < len) {
    size_t step = most == 0 ? len : most == 1 ? 1 : 1 + pieces_random(seed, (uint32_t)most);
    if (step > len - *fed) step = len - *fed;
    /* A copy of its own, so that a memory checker sees reading beyond it. */
    char *piece = (char *)malloc(step);
    memcpy(piece, text + *fed, step);
    xai_code code = xai_check_feed(check, piece, step);
    free(piece);
    *fed += step;
    if (code != XAI_OK) return code;
  }
  return xai_check_finish(check);
}

/* Is the tree that grew the one that is read at once? */
static inline bool pieces_same_tree(const xai_json *a, const char *text, size_t len) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  xai_json_writer *one = xai_json_writer_new(NULL, 0, 0), *two = xai_json_writer_new(NULL, 0, 0);
  xai_str x = {NULL, 0}, y = {NULL, 0};
  xai_json_put_value(one, a);
  xai_json_put_value(two, xai_json_parse(doc, text, len, 0, NULL));
  bool same = xai_json_writer_end(one, &x, NULL) == XAI_OK && xai_json_writer_end(two, &y, NULL) == XAI_OK;
  same = same && x.len == y.len && memcmp(x.ptr, y.ptr, x.len) == 0;
  xai_json_writer_free(one);
  xai_json_writer_free(two);
  xai_json_doc_free(doc);
  return same;
}

static inline const char *pieces_wrong(const pieces *p, xai_code code, size_t offset) {
  bool broken =
    p->whole != XAI_OK && p->whole != XAI_ERR_INVALID; /* no JSON: may be dead for another reason before */
  if (code == XAI_ERR_INVALID && p->whole == XAI_OK) return "dead, but the whole is valid";
  if (!broken && code != p->whole) return "another verdict than the whole";
  if (broken && code != p->whole && code != XAI_ERR_INVALID) return "another error than the whole";
  if (code != p->code) return "another verdict in other pieces";
  if (offset != p->offset) return "dead at another byte in other pieces";
  return NULL;
}

/* The text in several ways; `check` is one for it alone. */
static inline pieces pieces_try(xai_check *check, const char *text, size_t len, uint64_t *seed) {
  static const size_t ways[] = {1, 0, 3, 17};
  pieces p = {.whole = xai_check_text(check, text, len, NULL), .offset = SIZE_MAX};
  for (int way = 0; way < 4 && p.wrong == NULL; way++) {
    size_t fed;
    xai_code code = pieces_feed(check, text, len, ways[way], seed, &fed);
    const xai_violation *v = xai_check_violation(check, 0);
    size_t offset = v == NULL ? SIZE_MAX : v->offset;
    if (way == 0) {
      p.code = code;
      p.fed = fed;
      p.offset = offset;
    }
    p.wrong = pieces_wrong(&p, code, offset);
    if (p.wrong == NULL && (code == XAI_OK) != (v == NULL))
      p.wrong = "a violation without an error, or the reverse";
    if (p.wrong == NULL && code == XAI_OK && !pieces_same_tree(xai_check_partial(check), text, len))
      p.wrong = "another tree";
  }
  return p;
}

#endif
