/* subtitles.cpp - what the characters of the game have said so far: xai.h in C++.
 * SPDX-License-Identifier: MIT */
#include "subtitles.h"

#include <new>
#include <string>
#include <vector>

struct subtitles {
  std::vector<std::string> lines;
};

subtitles *subtitles_new(size_t count) {
  try {
    return new subtitles{std::vector<std::string>(count)};
  } catch (const std::bad_alloc &) { return nullptr; }
}

void subtitles_free(subtitles *self) {
  delete self;
}

/* Nothing is thrown into the C that called. */
bool subtitles_take(subtitles *self, size_t who, const xai_event *event) {
  try {
    std::string &line = self->lines.at(who);
    if (event->type == XAI_EVENT_TEXT) line.append(event->text.ptr, event->text.len);
    if (event->type == XAI_EVENT_END && event->result->outcome != XAI_OUTCOME_COMPLETE)
      line.append(" (").append(event->result->error.message).append(")");
  } catch (const std::exception &) { /* a line that there is no room for stays as it is */
  }
  return event->type == XAI_EVENT_END;
}

const char *subtitles_text(const subtitles *self, size_t who) {
  return self->lines[who].c_str();
}
