/* fuzz.h - what the fuzz targets share: a broken promise stops the run, memory is counted, bytes are dealt out.
 * SPDX-License-Identifier: MIT */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "xai_buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void need(bool so) {
  if (!so) abort();
}

typedef struct fuzz_heap {
  size_t held;
  size_t most; /* more than this is a broken promise */
} fuzz_heap;

static inline void *fuzz_heap_fn(void *user, void *ptr, size_t old_size, size_t new_size) {
  fuzz_heap *heap = (fuzz_heap *)user;
  heap->held = heap->held - (ptr != NULL ? old_size : 0) + new_size;
  need(heap->held <= heap->most);
  if (new_size > 0) return realloc(ptr, new_size);
  free(ptr);
  return NULL;
}

/* Input that is taken from its front; nothing but zeros when it is used up. */
typedef struct fuzz_input {
  const uint8_t *at, *end;
} fuzz_input;

static inline uint8_t fuzz_byte(fuzz_input *in) {
  return in->at < in->end ? *in->at++ : 0;
}

/* Up to the next `stop`, which is taken too. */
static inline xai_str fuzz_until(fuzz_input *in, char stop) {
  const char *from = (const char *)in->at;
  size_t left = (size_t)(in->end - in->at);
  const char *found = left > 0 ? memchr(from, stop, left) : NULL;
  size_t len = found != NULL ? (size_t)(found - from) : left;
  in->at += found != NULL ? len + 1 : len;
  return (xai_str){from, len};
}

/* NUL-terminated copy, to be freed; ends early at a NUL. */
static inline char *fuzz_cstr(xai_str text) {
  char *copy = malloc(text.len + 1);
  need(copy != NULL);
  if (text.len > 0) memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  return copy;
}

/* Nothing that could be a key is left of it. */
static inline void fuzz_no_key(const char *text) {
  for (const char *at = strstr(text, "xai-"); at != NULL; at = strstr(at + 4, "xai-"))
    need(strspn(at + 4, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == 0);
}

/* What every error promises: texts that end, in UTF-8, without line ends. */
static inline void fuzz_text_ok(const char *text, size_t size) {
  need(memchr(text, '\0', size) != NULL);
  need(xai__utf8_valid(text, strlen(text)) == strlen(text));
  for (const char *at = text; *at != '\0'; at++) need((unsigned char)*at >= 0x20 && *at != 0x7f);
}

static inline void fuzz_error_ok(const xai_error *err) {
  fuzz_text_ok(err->message, sizeof err->message);
  fuzz_text_ok(err->request_id, sizeof err->request_id);
  fuzz_text_ok(err->api_code, sizeof err->api_code);
  fuzz_text_ok(err->api_type, sizeof err->api_type);
  fuzz_text_ok(err->param, sizeof err->param);
  need((unsigned)err->kind <= XAI_KIND_MEMORY);
  need(strcmp(xai_code_text(err->code), "unknown code") != 0 || err->code == XAI_OK);
}

#endif
