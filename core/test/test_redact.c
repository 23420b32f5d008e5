/* test_redact.c - a known secret is found however it is written, cut or wrapped; nothing else is touched.
 * SPDX-License-Identifier: MIT */
#include "canary.h"
#include "check.h"
#include "shared.h"

#include "xai_redact.h"

static void redact(char *text) {
  xai__redact_secret(text, strlen(text), xai_str_of(CANARY));
}

/* ---- forms of the whole */

static void masks(const char *name, encode_fn *encode) {
  char inner[ROOM], text[ROOM + 64];
  encode(inner, CANARY);
  sprintf(text, "before \"%s\" after", inner);
  redact(text);
  for (size_t i = 0; i < strlen(inner); i++)
    if (text[8 + i] != '*' && strchr("\r\n\\n:", text[8 + i]) == NULL && (unsigned char)text[8 + i] < 0x80 &&
        text[8 + i] != '=') {
      printf("%s: byte %zu of %s\n", name, i, text);
      check_bad = 1;
      break;
    }
  CHECK(strncmp(text, "before \"", 8) == 0);
  CHECK(strcmp(text + 8 + strlen(inner), "\" after") == 0);
}

#define MASKS(encode) masks(#encode, encode)

static void F130_masks_every_spelling(void) {
  MASKS(literally);
  MASKS(percent);
  MASKS(percent_some);
  MASKS(percent_twice);
  MASKS(escaped);
  MASKS(escaped_short);
  MASKS(entities);
  MASKS(entities_hex);
  MASKS(zero_width);
  MASKS(folded);
  MASKS(full_width);
  MASKS(hex);
  MASKS(hex_upper);
  MASKS(hex_colons);
  MASKS(base64);
  MASKS(base64_url);
  MASKS(base64_folded);
  MASKS(base64_in_json);
}

static void F130_masks_base64_at_every_alignment(void) {
  static encode_fn *const encoders[] = {base64, base64_url, base64_folded, base64_in_json};
  static const char *const around[] = {"", "a", "ab", "abc", "Bearer ", "{\"authorization\":\"Bearer "};
  for (size_t e = 0; e < sizeof encoders / sizeof *encoders; e++)
    for (size_t i = 0; i < sizeof around / sizeof *around; i++)
      for (size_t k = 0; k < sizeof around / sizeof *around; k++) {
        char plain[512], text[ROOM];
        sprintf(plain, "%s%s%s", around[i], CANARY, around[k]);
        encoders[e](text, plain);
        if (e == 0) CHECK(hides_piece(text, 0)); /* the check sees what is there */
        redact(text);
        CHECK(is_clean(text));
      }
}

/* A text is cut to fit, and the key lies across its end or beginning. */
static void F131_masks_what_a_cut_leaves(void) {
  static encode_fn *const encoders[] = {literally, percent, escaped, hex, base64, base64_url, entities};
  for (size_t e = 0; e < sizeof encoders / sizeof *encoders; e++) {
    char whole[ROOM], text[ROOM];
    encoders[e](whole, "refused: " CANARY " is no key");
    for (size_t cut = 0; cut < strlen(whole); cut++) {
      strcpy(text, whole);
      text[cut] = '\0';
      redact(text);
      CHECK(is_clean(text));
      strcpy(text, whole + cut);
      redact(text);
      CHECK(is_clean(text));
    }
  }
}

/* Most places are passed over several at a time. */
static void F131_masks_a_piece_wherever_it_stands(void) {
  static encode_fn *const encoders[] = {literally, percent,   escaped,    entities, zero_width,
                                        hex,       hex_upper, hex_colons, base64,   base64_url};
  for (size_t e = 0; e < sizeof encoders / sizeof *encoders; e++)
    for (size_t before = 0; before < 24; before++)
      for (size_t from = 0; from + 8 <= strlen(CANARY); from += 5) {
        char piece[9] = "", inner[ROOM], text[ROOM];
        memcpy(piece, &CANARY[from], 8);
        encoders[e](inner, piece);
        memset(text, '.', before);
        strcpy(text + before, inner);
        memset(text + before + strlen(inner), '.', from % 12);
        text[before + strlen(inner) + from % 12] = '\0';
        redact(text);
        CHECK_INT(strspn(text, "."), before);
        CHECK(is_clean(text) && text[before] == '*' && text[before + 1] == '*');
        CHECK_INT(strspn(text + before + strlen(inner), "."), from % 12);
      }
}

static void masks_pieces_of_eight_and_leaves_seven(void) {
  char text[] = "has "
                "Wm2LrT9v"
                " and Wm2LrT9 and 1234567";
  redact(text);
  CHECK_STR(xai_str_of(text), "has ******** and Wm2LrT9 and 1234567");
}

static void masks_a_short_secret_only_as_a_whole(void) {
  char text[] = "localhost answers localhos, bG9jYWxob3N0 and 6c6f63616c686f7374";
  xai__redact_secret(text, strlen(text), xai_str_of("localhost"));
  CHECK_STR(xai_str_of(text), "********* answers localhos, ************ and ******************");
  char tiny[] = "abcde";
  xai__redact_secret(tiny, strlen(tiny), xai_str_of("abcde"));
  CHECK_STR(xai_str_of(tiny), "abcde");
}

static void masks_two_in_a_row_and_repeats(void) {
  char text[ROOM];
  strcpy(text, CANARY CANARY "," CANARY);
  redact(text);
  CHECK_INT(strspn(text, "*,"), strlen(text));
  char same[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  xai__redact_secret(same, strlen(same), xai_str_of("aaaaaaaaaaaaaaaaaaaaaaaa"));
  CHECK_INT(strspn(same, "*"), strlen(same));
}

/* Ends inside of each escape, so that a reader that looked further would be seen by the sanitizers. */
static void reads_no_byte_beyond_the_text(void) {
  static const char *const ends[] = {"%",     "%2",       "%25",      "%252", "\\",  "\\u",
                                     "\\u00", "\\x4",     "&",        "&#",   "&#1", "&#x",
                                     "\xEF",  "\xEF\xBC", "\xE2\x80", "\xC2", "a",   "4"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    size_t len = strlen("xai-q7Wm2") + strlen(ends[i]);
    char *text = malloc(len);
    memcpy(text, "xai-q7Wm2", 9);
    memcpy(text + 9, ends[i], len - 9);
    xai__redact_secret(text, len, xai_str_of(CANARY));
    CHECK(memcmp(text, "*********", 9) == 0);
    free(text);
  }
}

static void no_text_at_all_is_left_alone(void) {
  xai_redactor redactor;
  char none = 'x';
  xai__redactor_init(&redactor, xai_str_of(CANARY));
  xai__redactor_apply(&redactor, NULL, 0); /* an error for UBSan, should it be reckoned with */
  xai__redactor_apply(&redactor, &none, 0);
  xai__redactor_deinit(&redactor);
  CHECK_INT(none, 'x');
}

static void leaves_other_texts_alone(void) {
  char text[ROOM], copy[ROOM];
  uint64_t state = 1;
  for (int round = 0; round < 500; round++) {
    for (int i = 0; i < ROOM - 1; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text[i] = round % 2 ? standard[state >> 58] : (char)(state >> 56 | 1);
    }
    text[ROOM - 1] = '\0';
    memcpy(copy, text, sizeof copy);
    redact(text);
    CHECK(memcmp(copy, text, sizeof copy) == 0);
  }
}

/* ---- what looks like a secret */

static void F10_takes_the_login_out_of_a_url(void) {
  static const char *const cases[][2] = {
    {"proxy 'http://me:hunter2@proxy.example:3128' refused", "proxy 'http://***@proxy.example:3128' refused"},
    {"socks9://u:p%40ss@h", "socks9://***@h"},
    {"//a:b@c //d@e", "//*@c"},
    {"https://example.com/a@b", "https://example.com/a@b"},
    {"https://example.com?mail=a@b", "https://example.com?mail=a@b"},
    {"// a@b", "// a@b"},
    {"//@", "//@"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[128];
    strcpy(text, cases[i][0]);
    xai__redact(text);
    if (i != 2) CHECK_STR(xai_str_of(text), cases[i][1]);
    else CHECK_STR(xai_str_of(text), "//***@c //*@e");
  }
}

/* ---- the redaction set beside the checkout */

typedef struct found {
  char type[24];
  char value[400];
} found;

static found known[400];
static size_t known_count;

typedef void vector_fn(const char *level, const char *kind, const char *text, const xai_json *spans);

static size_t each_vector(vector_fn *visit) {
  size_t len, count = 0;
  char *lines = shared_file("conformance/redaction/redaction-set.jsonl", &len);
  if (lines == NULL) return 0;
  xai_mem mem = {NULL, NULL};
  xai_json_doc *doc = xai_json_doc_new(&mem, 0, 0);
  for (char *line = lines, *stop; line < lines + len; line = stop + 1, count++) {
    stop = memchr(line, '\n', (size_t)(lines + len - line));
    if (stop == NULL) stop = lines + len;
    const xai_json *vector = xai_json_parse(doc, line, (size_t)(stop - line), 0, NULL);
    CHECK(vector != NULL);
    char text[ROOM] = "";
    for (const xai_json *part = xai_json_first(xai_json_get(vector, "parts")); part;
         part = xai_json_next(part))
      strncat(text, xai_json_str(part).ptr, xai_json_str(part).len);
    char level[16], kind[16];
    sprintf(level, "%.*s", (int)xai_json_str(xai_json_get(vector, "level")).len,
            xai_json_str(xai_json_get(vector, "level")).ptr);
    sprintf(kind, "%.*s", (int)xai_json_str(xai_json_get(vector, "kind")).len,
            xai_json_str(xai_json_get(vector, "kind")).ptr);
    visit(level, kind, text, xai_json_get(vector, "spans"));
  }
  xai_json_doc_free(doc);
  free(lines);
  return count;
}

static size_t span_of(const xai_json *span, size_t *from, char *type) {
  int64_t start = 0, stop = 0;
  xai_json_int(xai_json_at(span, 0), &start);
  xai_json_int(xai_json_at(span, 1), &stop);
  xai_str name = xai_json_str(xai_json_at(span, 2));
  sprintf(type, "%.*s", (int)name.len, name.ptr);
  *from = (size_t)start;
  return (size_t)(stop - start);
}

/* What could be a key of ours: no line ends, no whole URLs. */
static bool could_be_a_key(const char *value, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (value[i] <= 0x20 || value[i] >= 0x7f) return false;
  return len >= 6 && len < sizeof known[0].value && strstr(value, "://") == NULL;
}

static bool is_known_type(const char *type) {
  for (size_t i = 0; i < known_count; i++)
    if (strcmp(known[i].type, type) == 0) return true;
  return false;
}

static bool as_it_is(const char *level) {
  return strcmp(level, "plain") == 0 || strcmp(level, "formatted") == 0;
}

/* The types are those of the texts that hold secrets alone, which come before the mixed ones. */
static void collect(const char *level, const char *kind, const char *text, const xai_json *spans) {
  bool mixed = strcmp(kind, "mixed") == 0;
  if (!as_it_is(level) || (strcmp(kind, "secret") != 0 && !mixed)) return;
  for (const xai_json *span = xai_json_first(spans); span != NULL; span = xai_json_next(span)) {
    char value[ROOM];
    size_t from;
    found *f = &known[known_count];
    size_t len = span_of(span, &from, f->type);
    sprintf(value, "%.*s", (int)len, text + from);
    if (could_be_a_key(value, len) && (!mixed || is_known_type(f->type)))
      strcpy(known[known_count++].value, value);
  }
}

static bool all_masked(const char *text, size_t from, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (text[from + i] != '*' && text[from + i] != '=') return false;
  return true;
}

static size_t told, told_masked;

/* Whoever knows the value masks it in each of its forms. */
static void mask_known(const char *level, const char *kind, const char *text, const xai_json *spans) {
  (void)kind;
  for (const xai_json *span = xai_json_first(spans); span != NULL; span = xai_json_next(span)) {
    char type[24];
    size_t from, len = span_of(span, &from, type);
    bool is_known = false, masked = false;
    if (as_it_is(level) && !could_be_a_key(text + from, len)) continue;
    for (size_t i = 0; i < known_count && !masked; i++) {
      if (strcmp(known[i].type, type) != 0) continue;
      char copy[ROOM];
      is_known = true;
      strcpy(copy, text);
      xai__redact_secret(copy, strlen(copy), xai_str_of(known[i].value));
      masked = all_masked(copy, from, len);
    }
    told += is_known;
    told_masked += masked;
    if (is_known && !masked && getenv("XAI_TEST_VERBOSE")) printf("not masked (%s): %s\n", type, text);
  }
}

static size_t negatives, touched, looks_like;

static void leave_negative(const char *level, const char *kind, const char *text, const xai_json *spans) {
  char copy[ROOM];
  (void)level;
  (void)spans;
  if (strcmp(kind, "negative") != 0) return;
  negatives++;
  strcpy(copy, text);
  xai__redact(copy);
  looks_like += strcmp(copy, text) != 0;
  for (size_t i = 0; i < known_count; i++) {
    strcpy(copy, text);
    xai__redact_secret(copy, strlen(copy), xai_str_of(known[i].value));
    touched += strcmp(copy, text) != 0;
  }
}

static void hide_pattern(const char *level, const char *kind, const char *text, const xai_json *spans) {
  (void)kind;
  if (strcmp(level, "plain") != 0 && strcmp(level, "formatted") != 0) return;
  for (const xai_json *span = xai_json_first(spans); span != NULL; span = xai_json_next(span)) {
    char type[24], value[400], copy[ROOM];
    size_t from, len = span_of(span, &from, type);
    if (strcmp(type, "XAI_KEY") != 0 && strcmp(type, "BEARER") != 0) continue;
    sprintf(value, "%.*s", (int)len, text + from);
    strcpy(copy, text);
    xai__redact(copy);
    CHECK(strstr(copy, value + 4) == NULL);
  }
}

/* "xai-research-notes.txt" and "Bearer of bad news" look like a key to us: there a star too many does no harm. */
static void F130_the_redaction_set(void) {
  if (each_vector(collect) == 0) return;
  each_vector(mask_known);
  each_vector(leave_negative);
  each_vector(hide_pattern);
  printf(
    "redaction set: %zu values: %zu of %zu spans masked; negatives: %zu of %zu touched, %zu look like a key\n",
    known_count, told_masked, told, touched, negatives, looks_like);
  CHECK(told > 100);
  CHECK_INT(told_masked, told);
  CHECK_INT(touched, 0);
  CHECK(looks_like <= 2);
}

int main(void) {
  RUN(F130_masks_every_spelling);
  RUN(F130_masks_base64_at_every_alignment);
  RUN(F131_masks_what_a_cut_leaves);
  RUN(F131_masks_a_piece_wherever_it_stands);
  RUN(masks_pieces_of_eight_and_leaves_seven);
  RUN(masks_a_short_secret_only_as_a_whole);
  RUN(masks_two_in_a_row_and_repeats);
  RUN(reads_no_byte_beyond_the_text);
  RUN(no_text_at_all_is_left_alone);
  RUN(leaves_other_texts_alone);
  RUN(F10_takes_the_login_out_of_a_url);
  RUN(F130_the_redaction_set);
  return check_report("redact");
}
