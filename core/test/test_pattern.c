/* test_pattern.c - the ways to match a pattern, by a program, by a table and by PCRE2, held against each other.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "xai_dfa.h"
#include "xai_linear.h"
#include "xai_nfa.h"
#include "xai_pattern.h"
#include "xai_pattern_write.h"
#include "xai_pcre.h"

#define MOST 1000000

/* ---- the program of our own ---- */

static xai_code compile(const xai_mem *mem, const char *source, xai_nfa **out, char *why, size_t why_size) {
  xai_buf text;
  *out = NULL;
  xai_code code = xai__pattern_write(mem, xai_str_of(source), &text, why, why_size);
  if (code != XAI_OK) return code;
  code = xai__nfa_new(mem, xai__buf_str(&text), out, why, why_size);
  xai__buf_deinit(&text);
  return code;
}

static bool matches(const char *source, xai_str subject) {
  char why[120] = "";
  xai_nfa *nfa;
  xai_nfa_room room = {NULL, 0};
  bool found = false;
  uint64_t work = 0;
  xai_code code = compile(NULL, source, &nfa, why, sizeof why);
  if (code != XAI_OK) printf("%s: %s: %s\n", check_name, source, why);
  CHECK_INT(code, XAI_OK);
  if (code == XAI_OK) CHECK_INT(xai__nfa_match(nfa, NULL, &room, subject, MOST, &found, &work), XAI_OK);
  xai__nfa_room_free(NULL, &room);
  xai__nfa_free(nfa);
  return found;
}

/* As people write them in schemas. */
static void what_schemas_ask_for_is_matched(void) {
  static const char uuid[] = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
  static const char mail[] = "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$";
  static const char number[] = "^-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?$";
  static const struct {
    const char *pattern;
    const char *text;
    bool found;
  } rows[] = {
    {"", "", true},
    {"es", "expression", true},
    {"^abc$", "abc\n", false},
    {"^.$", "\xe2\x82\xac", true},
    {"^.$", "\xe2\x80\xa8", false},
    {"^[^]$", "\n", true},
    {"[]", "x", false},
    {"[]|x", "x", true},
    {"^\\u{1F600}$", "\xf0\x9f\x98\x80", true},
    {"^(low|medium|high)$", "medium", true},
    {"^(low|medium|high)$", "mediumhigh", false},
    {"^(low|medium|high|)$", "", true},
    {uuid, "123e4567-e89b-12d3-a456-426614174000", true},
    {uuid, "123e4567-e89b-12d3-a456-42661417400", false},
    {mail, "anna@example.org", true},
    {mail, "anna@example", false},
    {mail, "an na@example.org", false},
    {number, "-12.50e+3", true},
    {number, "012", false},
    {"^(\\+\\d{1,3}[ -]?)?\\d{6,12}$", "+49 12345678", true},
    {"^(https?)://[\\w.-]+(:\\d+)?(/\\S*)?$", "https://example.org:8080/a?b", true},
    {"^(https?)://[\\w.-]+(:\\d+)?(/\\S*)?$", "ftp://example.org", false},
    {"^(?<year>\\d{4})-(0[1-9]|1[0-2])$", "2024-12", true},
    {"^(?<year>\\d{4})-(0[1-9]|1[0-2])$", "2024-13", false},
    {"\\bfoo\\b", "a foo b", true},
    {"\\bfoo\\b", "a food", false},
    {"\\Boo\\b", "foo", true},
    {"^(a{2,3}){2}$", "aaaaaa", true},
    {"^(a{2,3}){2}$", "aaaaaaa", false},
    {"^(?:a{0}b){2,}?$", "bbb", true},
    {"(?:(?:|^\\s){0}b)", " b", true},
    {"^[\\s-x]$", "-", true},
    {"^[^\\S]$", "\xef\xbb\xbf", true},
    {"^[^\\D3-9]+$", "0120", true},
    {"^\\W$", "\xc3\xa9", true},
    {"^[^]", "\xff", false}, /* no UTF-8, so no character */
    {"[^]", "\xe2\x82", false},
    {"a.c",
     "a\xed\xa0\x80"
     "c",
     false},
    {"b$",
     "\xff"
     "b",
     true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    bool found = matches(rows[i].pattern, xai_str_of(rows[i].text));
    if (found != rows[i].found) printf("pattern %s, text %s\n", rows[i].pattern, rows[i].text);
    CHECK_INT(found, rows[i].found);
  }
}

static void check_why(const char *source, xai_code code, const char *begin) {
  char why[120] = "";
  xai_nfa *nfa;
  CHECK_INT(compile(NULL, source, &nfa, why, sizeof why), code);
  if (strncmp(why, begin, strlen(begin)) != 0) printf("%s: %s\n", source, why);
  CHECK(strncmp(why, begin, strlen(begin)) == 0);
  xai__nfa_free(nfa);
}

#define TEN "(((((((((("
#define TEN_END "))))))))))"
#define FIFTY TEN TEN TEN TEN TEN
#define FIFTY_END TEN_END TEN_END TEN_END TEN_END TEN_END

static void what_needs_pcre2_says_so(void) {
  static const char *const sources[][2] = {
    {"^(?=a)", "looking ahead or behind is for PCRE2"},
    {"(?<!a)b", "looking ahead or behind is for PCRE2"},
    {"(a)\\1", "a reference back to a group is for PCRE2"},
    {"(?<n>a)\\k<n>", "a reference back to a group is for"},
    {"\\p{Lu}", "\\p{...} is for PCRE2"},
    {"[\\p{Lu}]", "\\p{...} is for PCRE2"},
    {"(a{1000}){1000}", "an expression that large is for"},
    {FIFTY FIFTY "(a)" FIFTY_END FIFTY_END, "an expression nested that deeply is for"},
  };
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
    check_why(sources[i][0], XAI_ERR_LIBRARY, sources[i][1]);
}

static void what_is_malformed_says_so(void) {
  static const char *const sources[][2] = {
    {"(a", "missing closing parenthesis"},
    {"a)", "unmatched closing parenthesis"},
    {"a{3,2}", "numbers out of order"},
    {"a{65536}", "number too big"},
  };
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
    check_why(sources[i][0], XAI_ERR_SCHEMA, sources[i][1]);
}

/* What makes a matcher that goes back take for ever takes a few steps a byte. */
static void no_pattern_takes_long(void) {
  static const char *const sources[] = {"^(a+)+$",         "(a*)*b",   "^(a|a)*$",
                                        "^(a?){30}a{30}$", "(x+x+)+y", "a+$"};
  enum { LEN = 100000 };
  char *text = malloc(LEN);
  if (text == NULL) return;
  memset(text, 'a', LEN);
  text[LEN - 1] = '!';
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
    char why[120];
    bool found;
    uint64_t work = 0;
    xai_nfa *nfa;
    xai_nfa_room room = {NULL, 0};
    CHECK_INT(compile(NULL, sources[i], &nfa, why, sizeof why), XAI_OK);
    CHECK_INT(xai__nfa_match(nfa, NULL, &room, (xai_str){text, LEN}, (uint64_t)100 * LEN, &found, &work),
              XAI_OK);
    CHECK(!found);
    CHECK(work <= (uint64_t)60 * LEN);
    xai__nfa_room_free(NULL, &room);
    xai__nfa_free(nfa);
  }
  free(text);
}

static void steps_are_limited(void) {
  char why[120];
  bool found;
  uint64_t work = 0;
  xai_nfa *nfa;
  xai_nfa_room room = {NULL, 0};
  CHECK_INT(compile(NULL, "(a|b)+c", &nfa, why, sizeof why), XAI_OK);
  CHECK_INT(xai__nfa_match(nfa, NULL, &room, xai_str_of("abababababababababab"), 5, &found, &work),
            XAI_ERR_STEPS);
  CHECK(work > 0);
  xai__nfa_room_free(NULL, &room);
  xai__nfa_free(nfa);
}

static xai_code compiles_and_matches(const xai_mem *mem) {
  char why[120];
  bool found = false;
  uint64_t work = 0;
  xai_nfa *nfa;
  xai_nfa_room room = {NULL, 0};
  xai_code code = compile(mem, "^([^\\s@]{2,9}|\\w)+(x|yy|[z-]?){3}$", &nfa, why, sizeof why);
  if (code == XAI_OK) code = xai__nfa_match(nfa, mem, &room, xai_str_of("abcxyy"), MOST, &found, &work);
  if (code == XAI_OK) CHECK(found);
  xai__nfa_room_free(mem, &room);
  xai__nfa_free(nfa);
  return code;
}

static void memory_may_run_out(void) {
  check_nomem("compiles_and_matches", compiles_and_matches);
}

/* ---- tables, and what is looked ahead for at the start ---- */

/* The expression without PCRE2, with tables alone or with programs alone where there are none; NULL: neither can. */
static xai_linear *new_linear(const xai_mem *mem, const char *source, bool tables, xai_code *code) {
  char why[120] = "";
  xai_buf text;
  xai_linear *linear = NULL;
  *code = xai__pattern_write(mem, xai_str_of(source), &text, why, sizeof why);
  if (*code != XAI_OK) return NULL;
  *code = xai__linear_new(mem, xai__buf_str(&text), tables, &linear, why, sizeof why);
  xai__buf_deinit(&text);
  return linear;
}

static bool linear_matches(const xai_linear *linear, xai_str text) {
  xai_nfa_room room = {NULL, 0};
  bool found = false;
  uint64_t work = 0;
  CHECK_INT(xai__linear_match(linear, NULL, &room, text, MOST, &found, &work), XAI_OK);
  CHECK(work > 0);
  xai__nfa_room_free(NULL, &room);
  return found;
}

static void what_is_ahead_of_the_start_is_looked_for(void) {
  static const char word[] = "^(?=[^!*,;{}[\\]~\\n]+$)(?=(.*\\w)).+$";
  static const char key[] = "^(?=.*[A-Z])(?=.*\\d)(?!.*\\s).{8,}$";
  static const struct {
    const char *pattern;
    const char *text;
    bool found;
  } rows[] = {
    {word, "harbour", true},
    {word, "...", false},
    {word, "a,b", false},
    {word, "", false},
    {word, "caf\xc3\xa9", true},
    {word, "\xc3\xa9", false},
    {key, "Neap tide 4", false},
    {key, "Neap-tide-4", true},
    {key, "neap-tide-4", false},
    {key, "Neap-tide", false},
    {key, "Neap-4", false},
    {key, "Neap-tide-4\xe2\x80\xa8", false},
    {"^(?!-)[a-z-]+$", "a-b", true},
    {"^(?!-)[a-z-]+$", "-a", false},
    {"^(?!a|b)", "c", true},
    {"^(?!a|b)", "", true},
    {"^(?!a|b)", "bc", false},
    {"^(?=a)(?!)", "a", false},
    {"^(?!(?!a))a", NULL, false},
    {"^(?=(a))\\1", NULL, false},
    {"^(?=a)*b", NULL, false},
    {"^(?=a)|b", NULL, false},
    {"(?=a)", NULL, false},
    {"^a(?=b)", NULL, false},
    {"^(?=a)(?=.b)(?=..c)(?=...d)", NULL, false}, /* too many */
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    xai_code code;
    xai_linear *linear = new_linear(NULL, rows[i].pattern, true, &code);
    if ((linear != NULL) != (rows[i].text != NULL)) printf("pattern %s\n", rows[i].pattern);
    CHECK((linear != NULL) == (rows[i].text != NULL));
    CHECK_INT(code, rows[i].text != NULL ? XAI_OK : XAI_ERR_LIBRARY);
    if (linear == NULL || rows[i].text == NULL) continue;
    bool found = linear_matches(linear, xai_str_of(rows[i].text));
    if (found != rows[i].found) printf("pattern %s, text %s\n", rows[i].pattern, rows[i].text);
    CHECK_INT(found, rows[i].found);
    xai__linear_free(linear);
  }
}

/* What would be too large has no table, found out soon; the program still matches. */
static void a_table_has_a_size(void) {
  static const char *const sources[] = {"^[ab]*a[ab]{12}$", "x{300}", "abcdefghijklmnopqrstuvwxyz0123456789",
                                        "^(?=a{100})(?=.*[ab]*a[ab]{9}$)"};
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
    xai_code code;
    CHECK(new_linear(NULL, sources[i], true, &code) == NULL);
    CHECK_INT(code, XAI_ERR_LIBRARY);
    xai_linear *linear = new_linear(NULL, sources[i], false, &code);
    CHECK_INT(code, XAI_OK);
    if (linear != NULL) CHECK(!linear_matches(linear, xai_str_of("abab")));
    xai__linear_free(linear);
  }
}

static xai_code takes_apart_and_matches(const xai_mem *mem) {
  xai_nfa_room room = {NULL, 0};
  bool found = false;
  uint64_t work = 0;
  xai_code code;
  xai_linear *linear = new_linear(mem, "^(?=\\w+$)(?!x)[a-z\xc3\xa9]+$", true, &code);
  if (code == XAI_OK)
    code = xai__linear_match(linear, mem, &room, xai_str_of("caf\xc3\xa9"), MOST, &found, &work);
  CHECK(!found);
  xai__nfa_room_free(mem, &room);
  xai__linear_free(linear);
  return code;
}

static void memory_may_run_out_of_parts(void) {
  check_nomem("takes_apart_and_matches", takes_apart_and_matches);
}

/* ---- beside PCRE2 ---- */

#if XAI_PCRE2

typedef struct made {
  uint32_t seed;
  char text[400];
  size_t len;
} made;

static uint32_t below(made *m, uint32_t count) {
  m->seed = m->seed * 1664525u + 1013904223u;
  return (m->seed >> 8) % count;
}

static void add(made *m, const char *piece) {
  size_t len = strlen(piece);
  if (m->len + len >= sizeof m->text) return;
  memcpy(m->text + m->len, piece, len + 1);
  m->len += len;
}

static void add_any(made *m, const char *const *pieces, uint32_t count) {
  add(m, pieces[below(m, count)]);
}
#define ADD_ANY(m, list) add_any(m, list, sizeof list / sizeof *list)

static void make_sequence(made *m, int depth);

static void make_atom(made *m, int depth) {
  static const char *const atoms[] = {"a",
                                      "b",
                                      "ab",
                                      ".",
                                      "\\d",
                                      "\\D",
                                      "\\w",
                                      "\\W",
                                      "\\s",
                                      "\\S",
                                      "[ab]",
                                      "[^a]",
                                      "[a-c1]",
                                      "[^\\w]",
                                      "[\\s\xc3\xa9]",
                                      "\xc3\xa9",
                                      "\\u20AC",
                                      "\xf0\x9f\x98\x80",
                                      "[]",
                                      "[^]",
                                      "[^\\W\\d]",
                                      "[\xc3\xa0-\xe2\x82\xac]",
                                      "-",
                                      "[-b]"};
  static const char *const edges[] = {"^", "$", "\\b", "\\B"};
  static const char *const groups[] = {"(", "(?:", "(?<n>"};
  uint32_t kind = below(m, 10);
  bool repeats = kind >= 1;
  if (kind == 0) ADD_ANY(m, edges);
  if (kind >= 1 && (kind < 7 || depth == 0 || m->len > 200)) ADD_ANY(m, atoms);
  else if (kind >= 7) {
    add_any(m, groups, strstr(m->text, "<n>") ? 2 : 3);
    make_sequence(m, depth - 1);
    for (uint32_t i = below(m, 3); i > 0; i--) {
      add(m, "|");
      make_sequence(m, depth - 1);
    }
    add(m, ")");
  }
  static const char *const counts[] = {"*", "+", "?", "{2}", "{1,2}", "{2,}", "{0,3}", "*?", "{1,3}?"};
  if (repeats && below(m, 3) == 0) ADD_ANY(m, counts);
}

static void make_sequence(made *m, int depth) {
  for (uint32_t i = below(m, 4); i > 0; i--) make_atom(m, depth);
}

static void make_pattern(made *m) {
  m->len = 0;
  m->text[0] = '\0';
  do { make_sequence(m, 3); } while (below(m, 3) == 0 && (add(m, "|"), true));
}

static xai_str make_subject(made *m) {
  static const char *const pieces[] = {
    "a", "b",  "ab", "c", "1", " ", "\n", "-", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xe2\x80\xa8",
    "_", "aaa"};
  m->len = 0;
  m->text[0] = '\0';
  for (uint32_t i = below(m, 9); i > 0; i--) ADD_ANY(m, pieces);
  return (xai_str){m->text, m->len};
}

/* One that looks ahead at its start. */
static void make_ahead(made *m) {
  m->len = 0;
  m->text[0] = '\0';
  add(m, "^");
  for (uint32_t i = 1 + below(m, 3); i > 0; i--) {
    add(m, below(m, 2) == 0 ? "(?=" : "(?!");
    make_atom(m, 2);
    make_sequence(m, 2);
    add(m, ")");
  }
  make_sequence(m, 2);
  if (below(m, 2) == 0) add(m, "$");
}

/* All the ways there are to match one pattern. */
typedef struct ways {
  xai_nfa *nfa;       /* NULL: it looks ahead */
  xai_linear *linear; /* with tables, or NULL */
  xai_pcre *pcre;
  xai_pcre_room *room;
  unsigned tables;
} ways;

static xai_code compile_all(ways *w, const char *source) {
  char why[120];
  xai_buf text;
  xai_code code;
  w->linear = new_linear(NULL, source, true, &code);
  w->tables += w->linear != NULL;
  (void)compile(NULL, source, &w->nfa, why, sizeof why);
  code = xai__pattern_write(NULL, xai_str_of(source), &text, why, sizeof why);
  if (code != XAI_OK) return code;
  code = xai__pcre_new(NULL, xai__buf_str(&text), &w->pcre, why, sizeof why);
  xai__buf_deinit(&text);
  return code;
}

static void free_all(ways *w) {
  xai__nfa_free(w->nfa);
  xai__linear_free(w->linear);
  xai__pcre_free(w->pcre);
}

static bool program_matches(const xai_nfa *nfa, xai_str text) {
  xai_nfa_room room = {NULL, 0};
  bool found = false;
  uint64_t work = 0;
  CHECK_INT(xai__nfa_match(nfa, NULL, &room, text, MOST, &found, &work), XAI_OK);
  xai__nfa_room_free(NULL, &room);
  return found;
}

static void compare(const char *source, const ways *w, uint32_t seed) {
  made subject = {.seed = seed};
  for (int i = 0; i < 12; i++) {
    bool theirs;
    uint64_t work = 0;
    xai_str text = make_subject(&subject);
    if (xai__pcre_match(w->pcre, w->room, text, MOST, &theirs, &work) != XAI_OK)
      continue; /* going back too often */
    bool program = w->nfa != NULL ? program_matches(w->nfa, text) : theirs;
    bool table = w->linear != NULL ? linear_matches(w->linear, text) : theirs;
    if (program != theirs || table != theirs)
      printf("pattern %s, text \"%.*s\": %d\n", source, (int)text.len, text.ptr, theirs);
    CHECK_INT(program, theirs);
    CHECK_INT(table, theirs);
  }
}

static void compare_many(void (*make)(made *), uint32_t count, bool programs) {
  made pattern = {.seed = 7};
  ways w = {.room = xai__pcre_room_new(NULL)};
  CHECK(w.room != NULL);
  for (uint32_t i = 0; i < count && !check_bad; i++) {
    make(&pattern);
    xai_code code = compile_all(&w, pattern.text);
    if (code != XAI_OK) printf("pattern %s\n", pattern.text);
    CHECK_INT(code, XAI_OK);
    CHECK((w.nfa != NULL) == programs);
    if (code == XAI_OK) compare(pattern.text, &w, i);
    free_all(&w);
  }
  CHECK(w.tables > count / 10 * 9);
  xai__pcre_room_free(w.room);
}

/* 6,000 random patterns, each on 12 random texts. None repeats a group {0} times: there PCRE2 10.42 can be wrong, as for
 * "(?:(?:|^\s){0}b)" in " b". */
static void all_ways_give_the_same_verdict(void) {
  compare_many(make_pattern, 6000, true);
}

static void all_ways_look_ahead_alike(void) {
  compare_many(make_ahead, 3000, false);
}

#endif

int main(void) {
  RUN(what_schemas_ask_for_is_matched);
  RUN(what_needs_pcre2_says_so);
  RUN(what_is_malformed_says_so);
  RUN(no_pattern_takes_long);
  RUN(steps_are_limited);
  RUN(memory_may_run_out);
  RUN(what_is_ahead_of_the_start_is_looked_for);
  RUN(a_table_has_a_size);
  RUN(memory_may_run_out_of_parts);
#if XAI_PCRE2
  RUN(all_ways_give_the_same_verdict);
  RUN(all_ways_look_ahead_alike);
#endif
  return check_report("pattern");
}
