/* xai_log.c - writes log lines: a closed list of fields, and no secret in any of them.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "xai_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "xai_redact.h"

enum { LONGEST_LINE = 1024, LONGEST_METHOD = 16, LONGEST_ID = 64, LONGEST_HOST = 128, LONGEST_PATH = 200 };

const char *xai_log_level_name(xai_log_level level) {
  switch (level) {
    case XAI_LOG_ERROR: return "error";
    case XAI_LOG_WARN: return "warn";
    case XAI_LOG_DEBUG: return "debug";
    default: return "info";
  }
}

bool xai__log_wants(const xai_log *log, xai_log_level level) {
  return log->fn != NULL && level <= (log->level == XAI_LOG_DEFAULT ? XAI_LOG_INFO : log->level);
}

/* ---- the texts that come from outside */

/* One behind the other, so that a secret spread over them is seen as one. */
typedef struct outside {
  char text[LONGEST_METHOD + LONGEST_PATH + LONGEST_ID + LONGEST_HOST];
  size_t len;
  xai_str method, path, request_id, host;
} outside;

static xai_str keep(outside *out, xai_str text, size_t longest) {
  if (text.len > longest) text.len = longest;
  xai_str kept = {out->text + out->len, text.len};
  if (text.len > 0) memcpy(out->text + out->len, text.ptr, text.len);
  out->len += text.len;
  return kept;
}

static size_t until(xai_str text, size_t from, const char *stops) {
  while (from < text.len && strchr(stops, text.ptr[from]) == NULL) from++;
  return from;
}

/* A query may hold anything, so it is not told; a port is. */
static void split_url(xai_str url, xai_str *host, xai_str *path) {
  size_t from = 0;
  while (from + 3 <= url.len && memcmp(url.ptr + from, "://", 3) != 0) from++;
  from = from + 3 <= url.len ? from + 3 : 0;
  size_t slash = until(url, from, "/?#"), end = until(url, slash, "?#");
  *host = (xai_str){url.ptr + from, slash - from};
  *path = (xai_str){url.ptr + slash, end - slash};
}

static void take_outside(outside *out, const xai_log_entry *entry, xai_str secret) {
  xai_str host = {"", 0}, path = {"", 0};
  if (entry->url.len > 0) split_url(entry->url, &host, &path);
  out->len = 0;
  out->method = keep(out, entry->method, LONGEST_METHOD);
  out->path = keep(out, path, LONGEST_PATH);
  out->request_id = keep(out, entry->request_id, LONGEST_ID);
  out->host = keep(out, host, LONGEST_HOST);
  xai__redact_secret(out->text, out->len, secret);
}

/* ---- the line */

typedef struct line {
  char text[LONGEST_LINE];
  size_t len;
} line;

static void put(line *to, const char *format, ...)
#if defined(__GNUC__)
  __attribute__((format(printf, 2, 3)))
#endif
  ;

static void put(line *to, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int more = vsnprintf(to->text + to->len, sizeof to->text - to->len, format, args);
  va_end(args);
  if (more > 0) to->len += (size_t)more;
  if (to->len >= sizeof to->text) to->len = sizeof to->text - 1;
}

static bool is_bare(char c) {
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || (c != '\0' && strchr("-._~/:@%+*,[]", c) != NULL);
}

/* Bare, or in quotes with \" and \\ inside; what is not visible ASCII becomes '?', so a line stays a line. */
static void put_text(line *to, const char *name, xai_str text) {
  if (text.len == 0) return;
  bool bare = true;
  for (size_t i = 0; i < text.len; i++) bare = bare && is_bare(text.ptr[i]);
  put(to, bare ? " %s=" : " %s=\"", name);
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '"' || c == '\\') put(to, "\\");
    put(to, "%c", c < 0x20 || c >= 0x7f ? '?' : c);
  }
  if (!bare) put(to, "\"");
}

static void put_word(line *to, const char *name, const char *word) {
  if (word != NULL && *word != '\0') put(to, " %s=%s", name, word);
}

static void put_number(line *to, const char *name, uint64_t number) {
  if (number != 0) put(to, " %s=%llu", name, (unsigned long long)number);
}

static void put_time(line *to, int64_t wall_s) {
  time_t moment = (time_t)wall_s;
  struct tm utc;
  char text[40];
  if (gmtime_r(&moment, &utc) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) return;
  put(to, "time=%s ", text);
}

static void write_line(line *to, int64_t wall_s, const xai_log_entry *entry, const outside *out) {
  put_time(to, wall_s);
  put(to, "level=%s event=%s", xai_log_level_name(entry->level), entry->event);
  put_number(to, "call", entry->call);
  put_number(to, "attempt", entry->attempt);
  put_text(to, "method", out->method);
  put_text(to, "path", out->path);
  put_number(to, "status", entry->status > 0 ? (uint64_t)entry->status : 0);
  put_text(to, "request_id", out->request_id);
  if (entry->timed)
    put(to, " ms=%llu bytes=%llu", (unsigned long long)entry->ms, (unsigned long long)entry->bytes);
  put_word(to, "outcome", entry->outcome);
  put_word(to, "kind", entry->kind);
  put_word(to, "code", entry->code);
  put_number(to, "retry_ms", entry->retry_ms);
  put_text(to, "host", out->host);
}

void xai__log(const xai_log *log, int64_t wall_s, const xai_log_entry *entry, xai_str secret) {
  if (!xai__log_wants(log, entry->level)) return;
  outside out;
  line to;
  to.len = 0;
  take_outside(&out, entry, secret);
  write_line(&to, wall_s, entry, &out);
  xai__redact_secret(to.text, to.len, secret); /* whatever a field may become one day */
  to.text[to.len] = '\0';
  log->fn(log->user, entry->level, (xai_str){to.text, to.len});
}
