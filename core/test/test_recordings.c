/* test_recordings.c - recorded streams through the whole client, cut everywhere: the fold ends with the object
 * that the stream's last event carries, and a cut stream is never complete.
 * SPDX-License-Identifier: MIT
 *
 * Recordings: ../shared/recordings beside the repository, or $XAI_SHARED/recordings. Absent: said so, and passed.
 * XAI_EXHAUSTIVE=1 tries every cut of the long recordings too, not only every 97th.
 */
#define _DEFAULT_SOURCE
#include "wire.h"

typedef struct recording {
  const char *path; /* of the request                                 */
  char *sse;        /* the bytes on the wire                          */
  size_t len;
  size_t last_event; /* where the final marker or terminal event starts */
  char *want;        /* JSON the fold must end with; NULL: none carried */
} recording;

static char *shared_path(char *out, size_t size, const char *name) {
  const char *root = getenv("XAI_SHARED");
  snprintf(out, size, "%s/recordings/%s", root ? root : "../shared", name);
  return out;
}

static char *read_file(const char *path, size_t *len) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  *len = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*len + 1);
  *len = fread(text, 1, *len, file);
  text[*len] = '\0';
  fclose(file);
  return text;
}

static void add(recording *r, const char *bytes, size_t len) {
  memcpy(r->sse + r->len, bytes, len);
  r->len += len;
}

/* The object inside the terminal event, as JSON. */
static char *carried(const char *line, size_t len) {
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *root = xai_json_parse(doc, line, len, 0, NULL);
  char *json = wire_json(xai_json_get(root, "response"));
  xai_json_doc_free(doc);
  return json;
}

/* Lines of JSON to server-sent events, as the API frames them. */
static recording frame(const char *path, const char *jsonl, size_t len) {
  recording r = {.path = path, .sse = malloc(len * 2 + 1024)};
  bool chat = strcmp(path, "/chat/completions") == 0;
  for (const char *line = jsonl; line < jsonl + len;) {
    const char *end = memchr(line, '\n', (size_t)(jsonl + len - line));
    if (end == NULL) end = jsonl + len;
    if (end > line) {
      r.last_event = r.len;
      add(&r, "data: ", 6);
      add(&r, line, (size_t)(end - line));
      add(&r, "\n\n", 2);
      free(r.want);
      r.want = chat ? NULL : carried(line, (size_t)(end - line));
    }
    line = end + 1;
  }
  if (chat) {
    r.last_event = r.len;
    add(&r, "data: [DONE]\n\n", 14);
  }
  return r;
}

static bool load(const char *name, const char *path, recording *r) {
  char file[512];
  size_t len;
  char *jsonl = read_file(shared_path(file, sizeof file, name), &len);
  if (jsonl == NULL) return false;
  *r = frame(path, jsonl, len);
  free(jsonl);
  return true;
}

static void unload(recording *r) {
  free(r->sse);
  free(r->want);
}

/* One call whose answer is the first `len` bytes, in pieces that end at `cut` and then of `piece` bytes. */
static void play(wire *w, const recording *r, size_t len, size_t cut, size_t piece) {
  wire_start(w, r->path, "{}", true);
  uint32_t id = wire_request_id(w);
  wire_head(w, id, 200, "text/event-stream");
  for (size_t at = 0; at < len;) {
    size_t n = at < cut ? cut - at : piece;
    if (n > len - at) n = len - at;
    wire_bytes(w, id, r->sse + at, n);
    wire_pull(w);
    at += n;
  }
  xai_wire_finish(w->client, id, XAI_WIRE_DONE);
  wire_pull(w);
}

static char *played_whole; /* the response of the uncut play, for chat */

static void hold_whole(wire *w, const recording *r) {
  CHECK_INT(w->ends, 1);
  CHECK_INT(w->outcome, XAI_OUTCOME_COMPLETE);
  const char *want = r->want ? r->want : played_whole;
  if (want != NULL) CHECK(w->response != NULL && strcmp(w->response, want) == 0);
}

static void play_and_hold(const recording *r, size_t cut, size_t piece) {
  static wire w;
  wire_open(&w);
  play(&w, r, r->len, cut, piece);
  hold_whole(&w, r);
  if (played_whole == NULL && w.response != NULL) played_whole = strdup(w.response);
  wire_close(&w);
}

static void hold_every_cut(const recording *r) {
  size_t stride = r->len < 20000 || getenv("XAI_EXHAUSTIVE") ? 1 : 97;
  free(played_whole);
  played_whole = NULL;
  play_and_hold(r, 0, r->len);
  CHECK(played_whole != NULL);
  play_and_hold(r, 0, 1);
  for (size_t cut = 1; cut < r->len && !check_bad; cut += stride) play_and_hold(r, cut, r->len);
}

/* The stream ends at each byte: complete only when the terminal event is whole. */
static void hold_every_end(const recording *r, size_t stride) {
  for (size_t len = 0; len < r->len && !check_bad; len += len + 300 > r->len ? 1 : stride) {
    static wire w;
    wire_open(&w);
    play(&w, r, len, 0, r->len);
    CHECK_INT(w.ends, 1);
    bool may = len > r->last_event && (w.flags & XAI_FLAG_MARKER_MISSING);
    bool chat_finished = r->want == NULL && (w.flags & XAI_FLAG_MARKER_MISSING); /* F46 */
    if (!may && !chat_finished) CHECK(w.outcome != XAI_OUTCOME_COMPLETE);
    wire_close(&w);
  }
}

static const struct {
  const char *name;
  const char *path;
} names[] = {
  {"chat-text.jsonl", "/chat/completions"},
  {"chat-tool-call.jsonl", "/chat/completions"},
  {"responses-web-search-tool.jsonl", "/responses"},
  {"responses-text-streaming.jsonl", "/responses"},
  {"responses-text-with-reasoning-streaming.jsonl", "/responses"},
  {"responses-text-with-reasoning-streaming-store-false.jsonl", "/responses"},
};
enum { NAMES = sizeof names / sizeof *names };

static int loaded;

static void folds_every_recording_however_it_is_cut(void) {
  for (int i = 0; i < NAMES; i++) {
    recording r;
    if (!load(names[i].name, names[i].path, &r)) continue;
    loaded++;
    hold_every_cut(&r);
    unload(&r);
  }
}

static void is_never_complete_when_cut(void) {
  for (int i = 0; i < NAMES; i++) {
    recording r;
    if (!load(names[i].name, names[i].path, &r)) continue;
    hold_every_end(&r, i < 3 || getenv("XAI_EXHAUSTIVE") ? 1 : 211);
    unload(&r);
  }
}

int main(void) {
  RUN(folds_every_recording_however_it_is_cut);
  RUN(is_never_complete_when_cut);
  free(played_whole);
  if (loaded == 0) printf("recordings: none beside the repository, nothing was played\n");
  else printf("recordings: %d of %d played\n", loaded, (int)NAMES);
  return check_report("recordings");
}
