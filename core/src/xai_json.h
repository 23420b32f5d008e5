/* xai_json.h - the value tree that reader, writer and fold share; how a tree is built and changed.
 * SPDX-License-Identifier: MIT
 *
 * One node is one value. A document is an arena: nodes and texts live until it is reset or freed, so a
 * replaced value costs its memory until then. Numbers are kept as their text ("lexeme").
 */
#ifndef XAI_JSON_H
#define XAI_JSON_H

#include "xai_buf.h"

#pragma GCC visibility push(hidden)

struct xai_json {
  uint8_t type;    /* xai_json_type                                                    */
  uint8_t boolean; /* XAI_JSON_BOOL                                                    */
  uint16_t reserved;
  uint32_t len;     /* bytes of a string or lexeme; elements or members of a container  */
  uint32_t key_len; /* of the key in the parent object                                  */
  uint32_t room;    /* bytes allocated behind a string that grows; 0: not owned         */
  const char *key;
  struct xai_json *next;
  union {
    const char *text; /* string or lexeme                                                 */
    struct {
      struct xai_json *first;
      struct xai_json *last;
    } list; /* array or object                                                  */
  } as;
};

/* Forget all values, keep the memory (moved into one piece where it was many). */
void xai__json_doc_reset(xai_json_doc *doc);
/* Forget all values and give their memory back. */
void xai__json_doc_empty(xai_json_doc *doc);
/* What is known of the bytes to come, for an empty document: they then lie in one piece. */
void xai__json_doc_expect(xai_json_doc *doc, size_t bytes);
/* Bytes handed out. */
size_t xai__json_doc_used(const xai_json_doc *doc);
/* The root of the last parse or the value last set as root. */
xai_json *xai__json_root(xai_json_doc *doc);
void xai__json_set_root(xai_json_doc *doc, xai_json *value);

/* New values in a document; NULL without memory or beyond the document's cap. Texts are copied. */
xai_json *xai__json_new(xai_json_doc *doc, xai_json_type type); /* null, empty array, empty object, "" */
xai_json *xai__json_new_str(xai_json_doc *doc, xai_str text);
xai_json *xai__json_new_int(xai_json_doc *doc, int64_t value);
xai_json *xai__json_new_bool(xai_json_doc *doc, bool value);
/* A deep copy, possibly from another document. No recursion. */
xai_json *xai__json_copy(xai_json_doc *doc, const xai_json *value);

/* Changing. `value` belongs to `doc` and must not be in another container. XAI_ERR_NOMEM and XAI_ERR_TOO_BIG
 * (beyond the document's cap) leave the tree as it was; XAI_ERR_ARG if the container has the wrong type or
 * `value` is NULL. */
xai_code xai__json_push(xai_json_doc *doc, xai_json *array, xai_json *value);
/* Replaces in place, or adds at the end. */
xai_code xai__json_set(xai_json_doc *doc, xai_json *object, const char *key, xai_json *value);
/* Replaces, or fills up with nulls first. */
xai_code xai__json_put(xai_json_doc *doc, xai_json *array, size_t index, xai_json *value);
void xai__json_remove(xai_json *object, const char *key); /* all members of that name */
/* Append to a string value, amortised linear in the bytes added. The bytes are not checked. */
xai_code xai__json_append(xai_json_doc *doc, xai_json *string, xai_str more);

/* Mutable look-ups, NULL when absent. */
xai_json *xai__json_get(xai_json *object, const char *key);
xai_json *xai__json_at(xai_json *array, size_t index);

/* ---- the arena, for the files of JSON alone ---- */

typedef struct xai_json_chunk {
  struct xai_json_chunk *older;
  size_t room; /* bytes behind this header, a multiple of 8 */
} xai_json_chunk;

/* Values and texts are cut off the newest chunk one after the other and all forgotten at once. */
struct xai_json_doc {
  char *at;              /* the next free byte, aligned to 8                             */
  char *end;             /* of the newest chunk                                          */
  xai_json_chunk *chunk; /* the newest; NULL before the first need                       */
  xai_json *root;
  size_t used;      /* bytes handed out from older chunks                           */
  size_t total;     /* bytes of all chunks, without their headers                   */
  size_t max_bytes; /* bound of what is handed out                                  */
  unsigned max_depth;
  xai_code failure; /* why the last allocation gave NULL: NOMEM or TOO_BIG          */
  xai_mem mem;
};

/* From a new chunk; see xai__json_alloc. */
void *xai__json_grow(xai_json_doc *doc, size_t size);

/* Uninitialised bytes, aligned to 8, that live as long as the values. NULL: see doc->failure. */
static inline void *xai__json_alloc(xai_json_doc *doc, size_t size) {
  if (size > (size_t)(doc->end - doc->at)) return xai__json_grow(doc, size);
  void *ptr = doc->at;
  doc->at += (size + 7) & ~(size_t)7;
  return ptr;
}

/* ---- a text that changes hands (xai_json_write.c) ---- */

/* The finished text becomes `to`'s, and the writer is as new. */
void xai__json_writer_take(xai_json_writer *writer, xai_buf *to);

/* ---- numbers between text and machine (xai_json_number.c) ---- */

#define XAI__NUMBER_SIZE 40

/* Both write a JSON number without NUL into `to` (XAI__NUMBER_SIZE bytes) and return its length. */
size_t xai__json_format_int(char *to, int64_t value);
/* The shortest text that reads back as `value`, which must be finite; whole ones get ".0" unless `bare`. */
size_t xai__json_format_real(char *to, double value, bool bare);

#pragma GCC visibility pop

#endif
