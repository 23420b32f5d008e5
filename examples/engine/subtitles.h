/* subtitles.h - what the characters of the game have said so far; written in C++, used from C.
 * SPDX-License-Identifier: MIT */
#ifndef SUBTITLES_H
#define SUBTITLES_H

#include "xai.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct subtitles subtitles;

/* For so many characters; NULL without memory. */
subtitles *subtitles_new(size_t count);
void subtitles_free(subtitles *self);
/* An event of the call that speaks for `who`: text is added, the end is noted. True: it was the end. */
bool subtitles_take(subtitles *self, size_t who, const xai_event *event);
/* Borrowed until the next take or the free. */
const char *subtitles_text(const subtitles *self, size_t who);

#ifdef __cplusplus
}
#endif
#endif
