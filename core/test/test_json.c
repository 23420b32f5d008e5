/* test_json.c - JSON read into a tree and looked up; the parsing suite where it lies beside us.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>

#include "check.h"
#include "xai_json.h"

static xai_json_doc *doc; /* for the tests that need no other */

static const xai_json *parse(const char *text, unsigned flags) {
  xai_error err;
  const xai_json *root = xai_json_parse(doc, text, strlen(text), flags, &err);
  if (root == NULL) printf("%s: %s: %s\n", check_name, text, err.message);
  CHECK(root != NULL);
  CHECK_INT(err.code, XAI_OK);
  return root;
}

/* The value as text again; borrowed until the next call. */
static const char *text_of(const xai_json *value) {
  static char text[4096];
  xai_json_writer *writer = xai_json_writer_new(NULL, 0, sizeof text - 1);
  xai_str out;
  xai_json_put_value(writer, value);
  CHECK_INT(xai_json_writer_end(writer, &out, NULL), XAI_OK);
  memcpy(text, out.ptr, out.len);
  text[out.len] = '\0';
  xai_json_writer_free(writer);
  return text;
}

#define CHECK_TREE(value, want) CHECK_STR(xai_str_of(text_of(value)), want)

/* ---- reading ---- */

static void values_of_every_type_are_read(void) {
  const xai_json *root = parse(" { \"s\" : \"text\" , \"n\":-12.50e+3,\"t\":true,\"f\":false,\"z\":null,\r\n"
                               "\t\"a\":[1,[2,[]],{}],\"\":\"empty key\"} ",
                               0);
  CHECK_INT(xai_json_type_of(root), XAI_JSON_OBJECT);
  CHECK_INT(xai_json_len(root), 7);
  CHECK_STR(xai_json_str(xai_json_get(root, "s")), "text");
  CHECK_STR(xai_json_text(xai_json_get(root, "n")), "-12.50e+3");
  CHECK(xai_json_bool(xai_json_get(root, "t")) && !xai_json_bool(xai_json_get(root, "f")));
  CHECK_INT(xai_json_type_of(xai_json_get(root, "f")), XAI_JSON_BOOL);
  CHECK(xai_json_get(root, "z") != NULL && xai_json_type_of(xai_json_get(root, "z")) == XAI_JSON_NULL);
  CHECK_STR(xai_json_str(xai_json_get(root, "")), "empty key");
  const xai_json *array = xai_json_get(root, "a");
  CHECK_INT(xai_json_len(array), 3);
  CHECK_STR(xai_json_text(xai_json_at(xai_json_at(array, 1), 0)), "2");
  CHECK_INT(xai_json_type_of(xai_json_at(array, 2)), XAI_JSON_OBJECT);
  CHECK(xai_json_at(array, 3) == NULL);
}

static void roots_may_be_scalars(void) {
  CHECK_STR(xai_json_str(parse("\"x\"", 0)), "x");
  CHECK_STR(xai_json_text(parse(" 0 ", 0)), "0");
  CHECK_INT(xai_json_type_of(parse("null", 0)), XAI_JSON_NULL);
  CHECK(xai_json_next(parse("true", 0)) == NULL);
}

static void nothing_and_the_wrong_type_give_nothing(void) {
  const xai_json *root = parse("[\"1\",1]", 0);
  int64_t i = 7;
  double d = 7;
  CHECK_INT(xai_json_type_of(NULL), XAI_JSON_NULL);
  CHECK(!xai_json_bool(NULL) && !xai_json_bool(root));
  CHECK(xai_json_str(NULL).ptr == NULL && xai_json_str(xai_json_at(root, 1)).len == 0);
  CHECK(xai_json_text(NULL).ptr == NULL && xai_json_text(xai_json_at(root, 0)).len == 0);
  CHECK(!xai_json_int(NULL, &i) && !xai_json_int(xai_json_at(root, 0), &i) && i == 7);
  CHECK(!xai_json_real(NULL, &d) && !xai_json_real(root, &d) && d == 7.0);
  CHECK(xai_json_len(NULL) == 0 && xai_json_len(xai_json_at(root, 0)) == 0);
  CHECK(xai_json_first(NULL) == NULL && xai_json_first(xai_json_at(root, 0)) == NULL);
  CHECK(xai_json_next(NULL) == NULL && xai_json_key(NULL).len == 0 && xai_json_key(root).len == 0);
  CHECK(xai_json_get(NULL, "a") == NULL && xai_json_get(root, "a") == NULL &&
        xai_json_get(root, NULL) == NULL);
  CHECK(xai_json_at(NULL, 0) == NULL && xai_json_at(parse("{\"a\":1}", 0), 0) == NULL);
}

static void members_come_in_order_with_their_keys(void) {
  const char *want[] = {"b", "a", "\xc3\xa4\n"};
  size_t count = 0;
  const xai_json *root = parse("{\"b\":1,\"a\":[],\"\xc3\xa4\\n\":null}", 0);
  for (const xai_json *m = xai_json_first(root); m != NULL; m = xai_json_next(m)) {
    CHECK(count < 3);
    CHECK_STR(xai_json_key(m), want[count]);
    count++;
  }
  CHECK_INT(count, 3);
}

static void f82_equal_keys_are_all_kept_and_the_last_wins(void) {
  const xai_json *root = parse("{\"a\":1,\"b\":2,\"a\":3}", 0);
  CHECK_INT(xai_json_len(root), 3);
  CHECK_STR(xai_json_text(xai_json_get(root, "a")), "3");
  CHECK_TREE(root, "{\"a\":1,\"b\":2,\"a\":3}");
}

static void both_ways(const char *json, unsigned flags, const char *want, size_t want_len) {
  for (unsigned borrow = 0; borrow <= 1; borrow++) {
    xai_str got = xai_json_str(parse(json, flags | (borrow ? XAI_JSON_BORROW : 0)));
    CHECK_INT(got.len, want_len);
    CHECK(got.len == want_len && memcmp(got.ptr, want, want_len) == 0);
  }
}

#define DECODES(json, want) both_ways(json, 0, want, sizeof want - 1)
#define DECODES_HALVES(json, want) both_ways(json, XAI_JSON_SURROGATES, want, sizeof want - 1)

static void escapes_are_decoded(void) {
  DECODES("\"\"", "");
  DECODES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
  DECODES("\"a\\u0041\\u00e4\\u20AC\\ud83d\\uDE00z\"", "aA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z");
  DECODES("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  DECODES("\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  DECODES("\"\x7f raw \xc3\xa4 and\\n\xf0\x9f\x98\x80 between\\t escapes \xe2\x82\xac\"",
          "\x7f raw \xc3\xa4 and\n\xf0\x9f\x98\x80 between\t escapes \xe2\x82\xac");
}

static void f86_an_escaped_nul_does_not_end_a_string(void) {
  DECODES("\"a\\u0000b\"", "a\0b");
}

static void f55_half_a_character_is_replaced_or_kept_for_the_caller_to_join(void) {
  DECODES("\"a\\ud83d\"", "a\xef\xbf\xbd");
  DECODES("\"\\ude00z\"", "\xef\xbf\xbdz");
  DECODES("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80");
  DECODES("\"\\ud83d\\n\\ud83dx\"", "\xef\xbf\xbd\n\xef\xbf\xbdx");
  DECODES("\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                                "A");
  DECODES_HALVES("\"a\\ud83d\"", "a\xed\xa0\xbd");
  DECODES_HALVES("\"\\ude00z\"", "\xed\xb8\x80z");
  DECODES_HALVES("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80");
}

static void strings_of_every_length_end_where_they_end(void) {
  char text[64];
  for (size_t len = 0; len < 40; len++) {
    for (size_t special = 0; special <= len; special++) {
      memset(text, 'x', sizeof text);
      text[0] = text[len + 1] = '"';
      text[len + 2] = '\0';
      if (special < len) text[special + 1] = '\x7f';
      xai_str got = xai_json_str(parse(text, XAI_JSON_BORROW));
      CHECK_INT(got.len, len);
      if (special == len) continue;
      text[special + 1] = (char)(special % 2 ? 0x1f : 0x01);
      xai_error err;
      CHECK(xai_json_parse(doc, text, len + 2, 0, &err) == NULL);
      CHECK_INT(err.offset, special + 1);
    }
  }
}

static void borrowed_strings_point_into_the_text(void) {
  const char *text = "{\"key\":\"plain\",\"k2\":\"esc\\n\",\"n\":17}";
  const xai_json *root = parse(text, XAI_JSON_BORROW);
  CHECK(xai_json_key(xai_json_first(root)).ptr == text + 2);
  CHECK(xai_json_str(xai_json_get(root, "key")).ptr == text + 8);
  CHECK_STR(xai_json_str(xai_json_get(root, "k2")), "esc\n");
  CHECK(xai_json_text(xai_json_get(root, "n")).ptr == strstr(text, "17"));
}

static void without_borrowing_the_text_may_vanish(void) {
  char *text = strdup("{\"key\":[\"plain\",\"esc\\u00e4\",12.5]}");
  const xai_json *root = parse(text, 0);
  memset(text, '#', strlen(text));
  free(text);
  CHECK_TREE(root, "{\"key\":[\"plain\",\"esc\xc3\xa4\",12.5]}");
}

/* ---- errors ---- */

/* The caret stands under the byte that is wrong. */
static void fails_with(xai_code code, const char *text, size_t len, size_t offset, unsigned flags,
                       const char *words) {
  for (unsigned borrow = 0; borrow <= 1; borrow++) {
    xai_error err;
    const xai_json *root = xai_json_parse(doc, text, len, flags | (borrow ? XAI_JSON_BORROW : 0), &err);
    CHECK(root == NULL);
    CHECK(xai__json_root(doc) == NULL);
    bool right = err.code == code && err.offset == offset && strstr(err.message, words) != NULL;
    if (!right) printf("%s: %s: %d at %zu: %s\n", check_name, text, err.code, err.offset, err.message);
    CHECK(right);
  }
  CHECK(xai_json_parse(doc, text, len, flags, NULL) == NULL);
}

static void fails(const char *text, const char *caret, const char *words) {
  fails_with(XAI_ERR_JSON, text, strlen(text), strlen(caret) - 1, 0, words);
}

// clang-format off: the carets
static void errors_point_at_the_byte_and_name_what_was_expected(void) {
  fails("", "^", "expected a value at byte 0, found the end of the text");
  fails("  ", "  ^", "expected a value");
  fails("[1,]", "   ^", "expected a value at byte 3");
  fails("[1 2]", "   ^", "expected ',' or ']'");
  fails("[1}", "  ^", "expected ',' or ']'");
  fails("[,1]", " ^", "expected a value");
  fails("[1", "  ^", "expected ',' or ']' at byte 2, found the end of the text");
  fails("]", "^", "expected a value");
  fails("{\"a\":1,}", "       ^", "expected a key in quotes");
  fails("{a:1}", " ^", "expected a key in quotes");
  fails("{\"a\" 1}", "     ^", "expected ':' after a key");
  fails("{\"a\":}", "     ^", "expected a value");
  fails("{\"a\":1]", "      ^", "expected ',' or '}'");
  fails("{\"a\":1 \"b\":2}", "       ^", "expected ',' or '}'");
  fails("{", " ^", "expected a key in quotes at byte 1, found the end");
  fails("{} x", "   ^", "expected the end of the text");
  fails("1 2", "  ^", "expected the end of the text");
  fails("[truE]", "    ^", "expected true");
  fails("[fals]", "     ^", "expected false");
  fails("nul", "   ^", "expected null at byte 3, found the end");
  fails("NaN", "^", "expected a value");
  fails("\xef\xbb\xbf[]", "^", "expected a value");
  fails("[1]//", "   ^", "expected the end");
  fails("['a']", " ^", "expected a value");
}

static void numbers_follow_the_grammar(void) {
  fails("[01]", "  ^", "expected no digit after a leading zero");
  fails("-01", "  ^", "expected no digit after a leading zero");
  fails("-", " ^", "expected a digit");
  fails("[-a]", "  ^", "expected a digit");
  fails("[1.]", "   ^", "expected a digit");
  fails("[.5]", " ^", "expected a value");
  fails("[+1]", " ^", "expected a value");
  fails("[1.5e]", "     ^", "expected a digit");
  fails("[1e+]", "    ^", "expected a digit");
  fails("[0x1]", "  ^", "expected ',' or ']'");
  fails("[1_000]", "  ^", "expected ',' or ']'");
  fails("-Infinity", " ^", "expected a digit");
  CHECK_TREE(parse("[0,-0,0.0,1e5,1E+5,1.25e-07,0e0]", 0), "[0,-0,0.0,1e5,1E+5,1.25e-07,0e0]");
}

static void strings_are_checked_to_the_byte(void) {
  fails("\"abc", "    ^", "expected '\"' at the end of a string");
  fails("[\"a\nb\"]", "   ^", "a control character in a string to be escaped");
  fails("\"esc\\t and a long text, then\x1f\"", "                            ^", "a control character");
  fails("\"a\\x\"", "   ^", "after a backslash");
  fails("\"a\\", "   ^", "after a backslash");
  fails("\"\\u12g4\"", "     ^", "four hex digits");
  fails("\"\\u12", "     ^", "four hex digits");
  fails("\"\\ud83d\\u12\"", "           ^", "four hex digits");
  fails("\"abc\\\"", "      ^", "expected '\"'");
}

static void invalid_utf8_is_found_where_it_begins(void) {
  struct {
    const char *text, *caret;
  } cases[] = {
    {"\"a\xff\"", "  ^"},
    {"\"\xc3\xa4\xc3\"", "   ^"},
    {"\"\xed\xa0\x80\"", " ^"},
    {"\"\xf4\x90\x80\x80\"", " ^"},
    {"{\"long enough to be read by words \xc0\x80\":1}", "                                  ^"},
    {"\"after an escape\\n\xe2\x82\"", "                  ^"},
    {"\"before an escape \xe2\x82\\n and after\"", "                  ^"},
    {"\"cut by the end \xf0\x9f\x98", "                ^"},
    {"\"before a control \xff\x01\"", "                  ^"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fails_with(XAI_ERR_UTF8, cases[i].text, strlen(cases[i].text), strlen(cases[i].caret) - 1, 0, "UTF-8");
  }
}
// clang-format on

static void nul_bytes_are_no_blanks_and_no_end(void) {
  fails_with(XAI_ERR_JSON, "[]\0", 3, 2, 0, "expected the end of the text at byte 2, found a NUL byte");
  fails_with(XAI_ERR_JSON, "[\0]", 3, 1, 0, "expected a value at byte 1, found a NUL byte");
  fails_with(XAI_ERR_JSON, "\"a\0b\"", 5, 2, 0, "control character");
}

static void each_text_cut_short_fails_at_its_end(void) {
  const char *text = "{\"a\":[true,false,null,\"x\\u00e4\\n\",-1.5e+3],\"b\":{\"c\":[[]]}}";
  for (size_t len = 0; len < strlen(text); len++) {
    for (unsigned flags = 0; flags < 8; flags++) {
      char *exact = malloc(len + 1); /* so that a sanitizer sees a read beyond */
      char *cut = memcpy(exact + 1, text, len);
      xai_error err;
      CHECK(xai_json_parse(doc, cut, len, flags, &err) == NULL);
      CHECK_INT(err.code, XAI_ERR_JSON);
      CHECK_INT(err.offset, len);
      free(exact);
    }
  }
}

static void missing_arguments_are_an_error_of_their_own(void) {
  xai_error err;
  CHECK(xai_json_parse(NULL, "1", 1, 0, &err) == NULL && err.code == XAI_ERR_ARG);
  CHECK(xai_json_parse(doc, NULL, 1, 0, &err) == NULL && err.code == XAI_ERR_ARG);
  CHECK(xai_json_parse(doc, NULL, 0, 0, &err) == NULL && err.code == XAI_ERR_JSON);
}

/* ---- keys that come twice ---- */

static void f82_unique_names_the_key_that_comes_twice(void) {
  const char *text = "{\"a\":1,\"b\":{\"c\":1,\"d\":2,\"c\":3},\"a\":4}";
  fails_with(XAI_ERR_JSON, text, strlen(text), 24, XAI_JSON_UNIQUE,
             "key \"c\" twice in an object, at byte 24");
  text = "{\"a\":1,\"\\u0061\":2}";
  fails_with(XAI_ERR_JSON, text, strlen(text), 7, XAI_JSON_UNIQUE, "key \"a\" twice");
  text = "{\"\":1,\"\":2}";
  fails_with(XAI_ERR_JSON, text, strlen(text), 6, XAI_JSON_UNIQUE, "twice");
  text = "{\"x\":1,\"y\":1,\"y\":2,\"x\":2}";
  fails_with(XAI_ERR_JSON, text, strlen(text), 13, XAI_JSON_UNIQUE, "key \"y\" twice");
  CHECK_TREE(parse("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"b\":1,\"ab\":2}", XAI_JSON_UNIQUE),
             "{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]},\"b\":1,\"ab\":2}");
}

/* Keys "k0".."kn", one of them again at the end if `again` is below count. */
static char *many_keys(size_t count, size_t again, size_t *len) {
  char *text = malloc(count * 16 + 64);
  *len = (size_t)sprintf(text, "{");
  for (size_t i = 0; i < count; i++) *len += (size_t)sprintf(text + *len, "\"k%zu\":0,", i);
  if (again < count) *len += (size_t)sprintf(text + *len, "\"k%zu\":0,", again);
  text[*len - 1] = '}';
  return text;
}

static void unique_holds_for_objects_of_every_size(void) {
  for (size_t count = 1; count < 70; count++) {
    size_t len;
    char *text = many_keys(count, SIZE_MAX, &len);
    const xai_json *root = xai_json_parse(doc, text, len, XAI_JSON_UNIQUE, NULL);
    CHECK_INT(xai_json_len(root), count);
    for (const xai_json *m = xai_json_first(root); m != NULL; m = xai_json_next(m)) CHECK_INT(m->room, 0);
    free(text);
    for (size_t again = 0; again < count; again++) {
      text = many_keys(count, again, &len);
      xai_error err;
      CHECK(xai_json_parse(doc, text, len, XAI_JSON_UNIQUE, &err) == NULL);
      CHECK_INT(err.offset, strrchr(text, ',') + 1 - text);
      free(text);
    }
  }
}

static void a_hundred_thousand_keys_are_compared_in_reasonable_time(void) {
  size_t len;
  char *text = many_keys(100000, SIZE_MAX, &len);
  CHECK_INT(xai_json_len(xai_json_parse(doc, text, len, XAI_JSON_UNIQUE, NULL)), 100000);
  free(text);
}

/* ---- limits ---- */

static void f82_depth_is_bounded_without_recursion_and_without_memory(void) {
  size_t len = 100000;
  char *text = malloc(len);
  memset(text, '[', len);
  for (unsigned borrow = 0; borrow <= 1; borrow++) {
    check_heap heap = {0};
    xai_mem mem = check_heap_mem(&heap);
    xai_json_doc *small = xai_json_doc_new(&mem, 0, 0);
    xai_error err;
    CHECK(xai_json_parse(small, text, len, borrow ? XAI_JSON_BORROW : 0, &err) == NULL);
    CHECK_INT(err.code, XAI_ERR_DEPTH);
    CHECK_INT(err.offset, 128);
    CHECK(heap.peak < (borrow ? 0 : 2 * len) + 16384);
    xai_json_doc_free(small);
    CHECK_INT(heap.live, 0);
  }
  free(text);
}

static void the_depth_limit_is_exact(void) {
  xai_json_doc *shallow = xai_json_doc_new(NULL, 3, 0);
  xai_error err;
  CHECK(xai_json_parse(shallow, "[{\"a\":[1]},[[]]]", 16, 0, &err) != NULL);
  CHECK(xai_json_parse(shallow, "[{\"a\":[{}]}]", 12, 0, &err) == NULL);
  CHECK_INT(err.code, XAI_ERR_DEPTH);
  CHECK_INT(err.offset, 7);
  xai_json_doc_free(shallow);
}

/* ---- each allocation fails in turn (F92) ---- */

static xai_code read_large(const xai_mem *mem) {
  xai_json_doc *large = xai_json_doc_new(mem, 0, 0);
  if (large == NULL) return XAI_ERR_NOMEM;
  size_t len;
  char *text = many_keys(2000, SIZE_MAX, &len);
  xai_code code = XAI_OK;
  for (unsigned flags = 0; flags < 8 && code == XAI_OK; flags++) {
    xai_error err;
    const xai_json *root = xai_json_parse(large, text, len, flags, &err);
    code = err.code;
    CHECK((root == NULL) == (code != XAI_OK));
  }
  free(text);
  xai_json_doc_free(large);
  return code;
}

/* ---- the suite ---- */

/* Where the RFC leaves the choice, ours: numbers of any size are kept as text, half characters become U+FFFD;
 * what is no UTF-8, and what lies deeper than 128, is refused. */
static bool we_accept(const char *name) {
  const char *refused[] = {"i_string_UTF-8_invalid_sequence",
                           "i_string_UTF8_surrogate_U+D800",
                           "i_string_invalid_utf-8",
                           "i_string_iso_latin_1",
                           "i_string_not_in_unicode_range",
                           "i_string_overlong_sequence_2_bytes",
                           "i_string_overlong_sequence_6_bytes",
                           "i_string_truncated-utf-8",
                           "i_string_utf16LE_no_BOM",
                           "i_string_UTF-16LE_with_BOM",
                           "i_string_utf16BE_no_BOM",
                           "i_structure_UTF-8_BOM_empty_object",
                           "i_structure_500_nested_arrays"};
  if (name[0] != 'i') return name[0] == 'y';
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    if (strncmp(name, refused[i], strlen(refused[i])) == 0) return false;
  }
  return true;
}

static void run_file(const char *directory, const char *name) {
  char path[1280];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  if (file == NULL) return;
  static char text[1 << 20];
  size_t len = fread(text, 1, sizeof text, file);
  fclose(file);
  char *exact = malloc(len > 0 ? len : 1);
  memcpy(exact, text, len);
  for (unsigned flags = 0; flags < 8; flags++) {
    if ((flags & XAI_JSON_UNIQUE) && strstr(name, "duplicate") != NULL) continue;
    xai_error err;
    bool accepted = xai_json_parse(doc, exact, len, flags, &err) != NULL;
    if (accepted != we_accept(name)) printf("%s: %s\n", name, accepted ? "accepted" : err.message);
    CHECK(accepted == we_accept(name));
    CHECK(accepted || err.offset <= len);
  }
  free(exact);
}

static void the_parsing_suite_is_judged_rightly(void) {
  const char *shared = getenv("XAI_SHARED");
  char directory[800];
  snprintf(directory, sizeof directory, "%s/conformance/json-parsing", shared != NULL ? shared : "../shared");
  DIR *files = opendir(directory);
  if (files == NULL) {
    printf("json: no parsing suite at %s, so none was run\n", directory);
    return;
  }
  int count[3] = {0, 0, 0};
  for (struct dirent *entry; (entry = readdir(files)) != NULL;) {
    const char *kind = strchr("yni", entry->d_name[0]);
    if (kind == NULL || entry->d_name[1] != '_') continue;
    run_file(directory, entry->d_name);
    count[kind - (const char *)strchr("yni", 'y')]++;
  }
  closedir(files);
  printf("json: parsing suite: %d y_, %d n_, %d i_ files run\n", count[0], count[1], count[2]);
  CHECK(count[0] > 0 && count[1] > 0 && count[2] > 0);
}

int main(void) {
  doc = xai_json_doc_new(NULL, 0, 0);
  RUN(values_of_every_type_are_read);
  RUN(roots_may_be_scalars);
  RUN(nothing_and_the_wrong_type_give_nothing);
  RUN(members_come_in_order_with_their_keys);
  RUN(f82_equal_keys_are_all_kept_and_the_last_wins);
  RUN(escapes_are_decoded);
  RUN(f86_an_escaped_nul_does_not_end_a_string);
  RUN(f55_half_a_character_is_replaced_or_kept_for_the_caller_to_join);
  RUN(strings_of_every_length_end_where_they_end);
  RUN(borrowed_strings_point_into_the_text);
  RUN(without_borrowing_the_text_may_vanish);
  RUN(errors_point_at_the_byte_and_name_what_was_expected);
  RUN(numbers_follow_the_grammar);
  RUN(strings_are_checked_to_the_byte);
  RUN(invalid_utf8_is_found_where_it_begins);
  RUN(nul_bytes_are_no_blanks_and_no_end);
  RUN(each_text_cut_short_fails_at_its_end);
  RUN(missing_arguments_are_an_error_of_their_own);
  RUN(f82_unique_names_the_key_that_comes_twice);
  RUN(unique_holds_for_objects_of_every_size);
  RUN(a_hundred_thousand_keys_are_compared_in_reasonable_time);
  RUN(f82_depth_is_bounded_without_recursion_and_without_memory);
  RUN(the_depth_limit_is_exact);
  check_nomem("f92_reading_survives_each_failed_allocation", read_large);
  RUN(the_parsing_suite_is_judged_rightly);
  xai_json_doc_free(doc);
  return check_report("json");
}
