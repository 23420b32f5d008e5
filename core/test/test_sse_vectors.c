/* test_sse_vectors.c - the event parser against the conformance vectors, each in all of its chunkings.
 * SPDX-License-Identifier: MIT
 *
 * Looks for conformance/sse/sse-vectors.json where shared.h looks; absent: says so and passes.
 */
#include "check.h"
#include "sha256.h"
#include "shared.h"

#define MAX_EVENT ((size_t)16 << 20)

typedef struct bytes {
  char *ptr;
  size_t len;
} bytes;

typedef struct feeding { /* one way of feeding one vector */
  const xai_json *vector;
  bytes input;
  xai_sse *sse;
  const xai_json *expected; /* the next event, or NULL          */
  size_t events;
  const char *wrong; /* the first thing that was not so  */
} feeding;

static int runs;

/* ---- reading the vectors ---- */

static int base64_digit(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = c != '\0' ? strchr(digits, c) : NULL;
  return found != NULL ? (int)(found - digits) : -1;
}

/* Decodes to the end of `out`, which has room. */
static void add_base64(bytes *out, xai_str text) {
  unsigned bits = 0, held = 0;
  for (size_t i = 0; i < text.len; i++) {
    int digit = base64_digit(text.ptr[i]);
    if (digit < 0) break; /* padding */
    bits = (bits << 6 | (unsigned)digit) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out->ptr[out->len++] = (char)(bits >> held & 0xff);
  }
}

static size_t number(const xai_json *value) {
  int64_t n = 0;
  return xai_json_int(value, &n) && n > 0 ? (size_t)n : 0;
}

static size_t parts_room(const xai_json *parts) {
  size_t room = 0;
  for (const xai_json *part = xai_json_first(parts); part != NULL; part = xai_json_next(part)) {
    room += xai_json_str(xai_json_get(part, "base64")).len * number(xai_json_get(part, "repeat"));
  }
  return room;
}

static bytes input_of(const xai_json *vector) {
  const xai_json *parts = xai_json_get(vector, "input_parts");
  xai_str whole = xai_json_str(xai_json_get(vector, "input_base64"));
  bytes input = {malloc(whole.len + parts_room(parts) + 1), 0};
  if (input.ptr == NULL) return input;
  add_base64(&input, whole);
  for (const xai_json *part = xai_json_first(parts); part != NULL; part = xai_json_next(part)) {
    bytes one = {input.ptr + input.len, 0};
    add_base64(&one, xai_json_str(xai_json_get(part, "base64")));
    size_t repeat = number(xai_json_get(part, "repeat"));
    for (size_t i = 1; i < repeat; i++) memcpy(one.ptr + i * one.len, one.ptr, one.len);
    input.len += one.len * repeat;
  }
  return input;
}

/* ---- comparing ---- */

/* A text is given as `name`, or as `name_sha256` and `name_bytes`. */
static bool same_text(const xai_json *want, const char *name, xai_str got) {
  const xai_json *plain = xai_json_get(want, name);
  if (plain != NULL) {
    xai_str text = xai_json_str(plain);
    return text.len == got.len && (text.len == 0 || memcmp(text.ptr, got.ptr, text.len) == 0);
  }
  char key[64], hex[65];
  snprintf(key, sizeof key, "%s_bytes", name);
  if (number(xai_json_get(want, key)) != got.len) return false;
  snprintf(key, sizeof key, "%s_sha256", name);
  xai_str digest = xai_json_str(xai_json_get(want, key));
  sha256_hex(got.ptr, got.len, hex);
  return digest.len == 64 && memcmp(digest.ptr, hex, 64) == 0;
}

static bool same_retry(const xai_json *want, int64_t got) {
  int64_t n;
  switch (xai_json_type_of(want)) {
    case XAI_JSON_NULL: return got == -1;
    case XAI_JSON_NUMBER: return xai_json_int(want, &n) && got == n;
    case XAI_JSON_OBJECT: return xai_json_int(xai_json_get(want, "at_least"), &n) && got >= n;
    default: return xai_json_type_of(want) == XAI_JSON_STRING; /* "any" */
  }
}

static void expect(feeding *self, bool so, const char *what) {
  if (!so && self->wrong == NULL) self->wrong = what;
}

static void compare(feeding *self, const xai_sse_event *event) {
  const xai_json *repeat = xai_json_get(self->vector, "events_repeat");
  const xai_json *want = repeat != NULL ? xai_json_get(repeat, "event") : self->expected;
  self->events++;
  expect(self, want != NULL, "an event too many");
  if (want == NULL) return;
  expect(self, same_text(want, "event", event->name), "event");
  expect(self, same_text(want, "data", event->data), "data");
  expect(self, same_text(want, "id", event->id), "id");
  expect(self, same_retry(xai_json_get(want, "retry"), event->retry), "retry");
  if (repeat == NULL) self->expected = xai_json_next(want);
}

static void check_prompt(feeding *self, size_t fed) {
  const xai_json *prompt = xai_json_first(xai_json_get(self->vector, "prompt"));
  for (; prompt != NULL; prompt = xai_json_next(prompt)) {
    bool due = number(xai_json_get(prompt, "after_bytes")) <= fed;
    expect(self, !due || self->events >= number(xai_json_get(prompt, "events")), "an event came late");
  }
}

static void ends_so(feeding *self) {
  const xai_json *repeat = xai_json_get(self->vector, "events_repeat");
  if (repeat != NULL) expect(self, self->events == number(xai_json_get(repeat, "count")), "number of events");
  else expect(self, self->expected == NULL, "an event is missing");

  const xai_json *want = xai_json_get(self->vector, "end");
  xai_sse_end end;
  xai_sse_finish(self->sse, &end);
  expect(self, same_text(want, "last_event_id", end.last_event_id), "last_event_id at the end");
  expect(self, same_retry(xai_json_get(want, "retry"), end.retry), "retry at the end");
  expect(self, xai_json_bool(xai_json_get(want, "discarded")) == end.discarded, "discarded");
  expect(self, xai_sse_offset(self->sse) == self->input.len, "offset at the end");
}

/* ---- feeding ---- */

static void begin(feeding *self) {
  xai_sse_reset(self->sse);
  self->expected = xai_json_first(xai_json_get(self->vector, "events"));
  self->events = 0;
}

static void feed(feeding *self, size_t from, size_t to) {
  xai_sse_event event;
  xai_code code = xai_sse_feed(self->sse, self->input.ptr + from, to - from);
  while (code == XAI_OK && (code = xai_sse_next(self->sse, &event)) == XAI_OK) compare(self, &event);
  expect(self, code == XAI_MORE || from == to, "an error");
  check_prompt(self, to);
}

static void end(feeding *self, const char *how) {
  ends_so(self);
  runs++;
  if (self->wrong == NULL) return;
  xai_str name = xai_json_str(xai_json_get(self->vector, "name"));
  printf("%.*s, %s: wrong: %s\n", (int)name.len, name.ptr, how, self->wrong);
  check_bad = 1;
  self->wrong = NULL;
}

static void in_pieces(feeding *self, size_t piece, const char *how) {
  begin(self);
  for (size_t at = 0; at < self->input.len; at += piece) {
    feed(self, at, self->input.len - at < piece ? self->input.len : at + piece);
  }
  end(self, how);
}

static void in_two(feeding *self, size_t cut, const char *how) {
  begin(self);
  feed(self, 0, cut);
  feed(self, cut, self->input.len);
  end(self, how);
}

static void at_cuts(feeding *self, const xai_json *cuts) {
  size_t at = 0;
  begin(self);
  for (const xai_json *cut = xai_json_first(cuts); cut != NULL; cut = xai_json_next(cut)) {
    feed(self, at, number(cut));
    at = number(cut);
  }
  feed(self, at, self->input.len);
  end(self, "at given cuts");
}

static bool is(xai_str text, const char *what) {
  return text.len == strlen(what) && memcmp(text.ptr, what, text.len) == 0;
}

static void run_chunking(feeding *self, const xai_json *chunking) {
  xai_str how = xai_json_str(chunking);
  if (xai_json_type_of(chunking) == XAI_JSON_ARRAY) {
    at_cuts(self, chunking);
  } else if (xai_json_type_of(chunking) == XAI_JSON_OBJECT) {
    size_t piece = number(xai_json_get(chunking, "pieces_of"));
    CHECK(piece > 0);
    if (piece > 0) in_pieces(self, piece, "in pieces");
  } else if (is(how, "whole")) {
    in_pieces(self, self->input.len + 1, "whole");
  } else if (is(how, "bytes")) {
    in_pieces(self, 1, "bytes");
  } else {
    CHECK(is(how, "every-split"));
    for (size_t cut = 0; cut <= self->input.len; cut++) in_two(self, cut, "every-split");
  }
}

static void run_vector(const xai_json *vector) {
  feeding self = {.vector = vector, .input = input_of(vector), .sse = xai_sse_new(NULL, MAX_EVENT)};
  CHECK(self.sse != NULL && self.input.ptr != NULL);
  const xai_json *size = xai_json_get(vector, "input_bytes");
  CHECK(size == NULL || number(size) == self.input.len);
  const xai_json *chunking = xai_json_first(xai_json_get(vector, "chunkings"));
  CHECK(chunking != NULL);
  for (; chunking != NULL && !check_bad; chunking = xai_json_next(chunking)) run_chunking(&self, chunking);

  const xai_json *prompt = xai_json_first(xai_json_get(vector, "prompt"));
  for (; prompt != NULL; prompt = xai_json_next(prompt)) {
    in_two(&self, number(xai_json_get(prompt, "after_bytes")), "for promptness");
  }
  xai_sse_free(self.sse);
  free(self.input.ptr);
}

static void run_all(const char *text, size_t len) {
  xai_error err;
  xai_json_doc *doc = xai_json_doc_new(NULL, 0, 0);
  const xai_json *root = xai_json_parse(doc, text, len, XAI_JSON_BORROW, &err);
  const xai_json *vector = xai_json_first(xai_json_get(root, "vectors"));
  if (vector == NULL) {
    printf("the vectors cannot be read: %s\n", root != NULL ? "none is there" : err.message);
    check_failed++;
  }
  for (; vector != NULL; vector = xai_json_next(vector)) {
    xai_str name = xai_json_str(xai_json_get(vector, "name"));
    char title[128];
    snprintf(title, sizeof title, "%.*s", (int)name.len, name.ptr);
    check_name = title;
    check_bad = 0;
    run_vector(vector);
    if (check_bad) check_failed++;
    else check_passed++;
  }
  xai_json_doc_free(doc);
}

static void knows_its_own_digest(void) {
  char hex[65];
  sha256_hex("abc", 3, hex);
  CHECK_STR(xai_str_of(hex), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void) {
  size_t len = 0;
  RUN(knows_its_own_digest);
  char *text = shared_file("conformance/sse/sse-vectors.json", &len);
  if (text != NULL) run_all(text, len);
  else printf("sse vectors: skipped: conformance/sse is not beside the repository\n");
  free(text);
  printf("sse vectors: %d runs of all chunkings\n", runs);
  return check_report("sse vectors");
}
