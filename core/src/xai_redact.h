/* xai_redact.h - takes secrets out of texts: one that is known, in any spelling, and what looks like one.
 * SPDX-License-Identifier: MIT
 *
 * Source: faults.md R8, F32, F130, F131. All of it works in place and needs no memory.
 */
#ifndef XAI_REDACT_H
#define XAI_REDACT_H

#include "xai_mem.h"

#pragma GCC visibility push(hidden)

/* Knows one secret. It is borrowed; what is kept beside it is wiped by deinit. */
typedef struct xai_redactor {
  xai_str secret;
  size_t least;             /* so many of its bytes in a row are masked; 0: none are */
  bool odd;                 /* it holds characters that escapes begin with           */
  unsigned char bytes[32];  /* which bytes it has, a bit each                        */
  unsigned char pairs[256]; /* which two follow each other, as hashes                */
} xai_redactor;

/* A secret of 20 bytes or more is masked in pieces, too: wherever 8 of its bytes or more stand in a row, because a
 * text may be cut in the middle of it. A shorter one is masked as a whole, one below 6 bytes never. */
void xai__redactor_init(xai_redactor *redactor, xai_str secret);
void xai__redactor_deinit(xai_redactor *redactor);

/* Overwrite with '*' what spells the secret: as it is; percent-encoded (once or more often), with \u, \x or HTML
 * escapes, in full-width letters, with line ends or invisible characters inside, or all of it mixed; in hex;
 * in base64 of either alphabet, at each of the three alignments and so also inside of something longer. */
void xai__redactor_apply(const xai_redactor *redactor, char *text, size_t len);

/* The three together. */
void xai__redact_secret(char *text, size_t len, xai_str secret);

/* Replace everything that looks like a key ("xai-" and the characters after it, "Bearer ...") by "xai-***"
 * or "Bearer ***", and what stands before the '@' of a URL by "***", in place; the text may become shorter.
 * Every text from outside goes through this before it enters an error. */
void xai__redact(char *text);

#pragma GCC visibility pop

#endif
