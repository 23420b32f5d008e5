/* test_buf.c - memory, buffers, texts and UTF-8.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "xai_buf.h"

/* ---- memory ---- */

static void sizes_that_overflow_are_refused(void) {
  size_t out = 7;
  CHECK(!xai__add(SIZE_MAX, 1, &out));
  CHECK(!xai__mul(SIZE_MAX / 2, 3, &out));
  CHECK_INT(out, 7);
  CHECK(xai__add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
  CHECK(xai__mul(0, SIZE_MAX, &out) && out == 0);
  CHECK(xai__mul(SIZE_MAX, 1, &out) && out == SIZE_MAX);
}

static void memory_comes_zeroed_and_without_a_hook_from_libc(void) {
  char *block = xai__alloc(NULL, 100);
  CHECK(block != NULL);
  for (int i = 0; i < 100; i++) CHECK_INT(block[i], 0);
  memset(block, 'x', 100);
  block = xai__realloc(NULL, block, 100, 200);
  CHECK(block != NULL && block[99] == 'x');
  xai__free(NULL, block, 200);
  xai__free(NULL, NULL, 0);
  CHECK(xai__alloc(NULL, 0) == NULL);
}

static void *stingy(void *user, void *ptr, size_t old_size, size_t new_size) {
  (void)old_size;
  if (new_size == 0) memcpy(user, ptr, 6); /* what is left in the block when it is given back */
  return NULL;
}

static void secrets_are_wiped_before_they_are_freed(void) {
  char seen[6] = "?????", secret[6] = "xai-1";
  xai_mem mem = {stingy, seen};
  xai__free_secret(&mem, secret, sizeof secret);
  CHECK(memcmp(seen, "\0\0\0\0\0\0", 6) == 0);
}

/* ---- the buffer ---- */

static void an_empty_buffer_is_an_empty_text(void) {
  xai_buf buf;
  xai__buf_init(&buf, NULL, 10);
  CHECK_STR(xai__buf_str(&buf), "");
  CHECK(xai__buf_str(&buf).ptr != NULL);
  CHECK_INT(xai__buf_add(&buf, NULL, 0), XAI_OK);
  CHECK_STR(xai__buf_str(&buf), "");
  xai__buf_drop(&buf, 5);
  xai__buf_reset(&buf);
  xai__buf_deinit(&buf);
  xai__buf_deinit(&buf);
}

static void what_is_added_stands_in_order_and_ends_with_nul(void) {
  xai_buf buf;
  xai__buf_init(&buf, NULL, 1000);
  CHECK_INT(xai__buf_add_cstr(&buf, "ab"), XAI_OK);
  CHECK_INT(xai__buf_add_char(&buf, 'c'), XAI_OK);
  CHECK_INT(xai__buf_add(&buf, "d\0e", 3), XAI_OK);
  CHECK_INT(buf.len, 6);
  CHECK(memcmp(buf.ptr, "abcd\0e", 7) == 0);
  xai__buf_drop(&buf, 2);
  CHECK(buf.len == 4 && memcmp(buf.ptr, "cd\0e", 5) == 0);
  xai__buf_drop(&buf, 99);
  CHECK(buf.len == 0 && buf.ptr[0] == '\0');
  xai__buf_deinit(&buf);
}

static void the_cap_holds_to_the_byte_and_spares_the_content(void) {
  xai_buf buf;
  xai__buf_init(&buf, NULL, 5);
  CHECK_INT(xai__buf_add_cstr(&buf, "abc"), XAI_OK);
  CHECK_INT(xai__buf_add_cstr(&buf, "def"), XAI_ERR_TOO_BIG);
  CHECK_STR(xai__buf_str(&buf), "abc");
  CHECK_INT(xai__buf_add_cstr(&buf, "de"), XAI_OK);
  CHECK_INT(xai__buf_add_char(&buf, 'f'), XAI_ERR_TOO_BIG);
  CHECK_STR(xai__buf_str(&buf), "abcde");
  CHECK(buf.room <= 6);
  CHECK_INT(xai__buf_reserve(&buf, SIZE_MAX), XAI_ERR_TOO_BIG);
  xai__buf_deinit(&buf);
}

static void without_a_cap_sizes_do_not_overflow(void) {
  xai_buf buf;
  xai__buf_init(&buf, NULL, SIZE_MAX);
  CHECK_INT(xai__buf_add_cstr(&buf, "a"), XAI_OK);
  CHECK_INT(xai__buf_reserve(&buf, SIZE_MAX - 1), XAI_ERR_TOO_BIG);
  CHECK_STR(xai__buf_str(&buf), "a");
  xai__buf_deinit(&buf);
}

static void reserved_room_can_be_written_directly(void) {
  xai_buf buf;
  xai__buf_init(&buf, NULL, 100);
  CHECK_INT(xai__buf_reserve(&buf, 40), XAI_OK);
  memcpy(buf.ptr, "hello", 6);
  buf.len += 5;
  CHECK_INT(xai__buf_add_cstr(&buf, " you"), XAI_OK);
  CHECK_STR(xai__buf_str(&buf), "hello you");
  xai__buf_deinit(&buf);
}

static void a_million_small_pieces_cost_a_few_allocations(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_buf buf;
  xai__buf_init(&buf, &mem, SIZE_MAX);
  for (int i = 0; i < 1000000; i++) CHECK_INT(xai__buf_add(&buf, "abcdefgh", 8), XAI_OK);
  CHECK_INT(buf.len, 8000000);
  CHECK(heap.count < 24);
  CHECK(heap.peak <= 2 * 8000000 + 2);
  xai__buf_reset(&buf);
  CHECK(buf.len == 0 && buf.room >= 8000000);
  xai__buf_deinit(&buf);
  CHECK_INT(heap.live, 0);
}

static xai_code fill(const xai_mem *mem) {
  xai_buf buf;
  xai__buf_init(&buf, mem, SIZE_MAX);
  xai_code code = XAI_OK;
  for (int i = 0; i < 200 && code == XAI_OK; i++) {
    size_t before = buf.len;
    bool replaced = false;
    code = xai__utf8_add_fixed(&buf, "abc\xffgh", 6, &replaced);
    if (code != XAI_OK) CHECK_INT(buf.len, before);
  }
  xai__buf_deinit(&buf);
  return code;
}

/* ---- texts ---- */

static void texts_are_compared_by_bytes_or_without_regard_to_ascii_case(void) {
  xai_str text = xai_str_of("Retry-After");
  CHECK(xai__str_eq(text, "Retry-After") && !xai__str_eq(text, "retry-after"));
  CHECK(!xai__str_eq(text, "Retry") && !xai__str_eq(text, "Retry-After-"));
  CHECK(xai__str_eq_nocase(text, "rETRY-aFTER") && !xai__str_eq_nocase(text, "retry_after"));
  CHECK(!xai__str_eq_nocase(xai_str_of("["), "{") && !xai__str_eq_nocase(xai_str_of("@"), "`"));
  CHECK(!xai__str_eq_nocase(xai_str_of("\xc3\x84"), "\xc3\xa4"));
  CHECK(xai__str_eq(xai_str_of(NULL), "") && xai__str_eq((xai_str){NULL, 0}, ""));
  CHECK(xai__str_starts(text, "Retry") && xai__str_starts(text, "") && !xai__str_starts(text, "retry"));
  CHECK(!xai__str_starts(xai_str_of("Re"), "Retry"));
  CHECK(xai__str_ends(text, "After") && xai__str_ends(text, "") && !xai__str_ends(text, "after"));
  CHECK(!xai__str_ends(xai_str_of("er"), "After") && xai__str_ends((xai_str){NULL, 0}, ""));
}

static void a_needle_is_found_anywhere_but_not_beyond_the_end(void) {
  xai_str text = {"text/event-stream; x", 17};
  CHECK(xai__str_has(text, "text") && xai__str_has(text, "stream") && xai__str_has(text, "/event"));
  CHECK(!xai__str_has(text, "stream;") && !xai__str_has(text, "Event") && xai__str_has(text, ""));
  CHECK(xai__str_has_nocase(text, "EVENT") && !xai__str_has_nocase(text, "STREAM;"));
  CHECK(!xai__str_has((xai_str){NULL, 0}, "a") && xai__str_has((xai_str){NULL, 0}, ""));
}

static void blanks_are_trimmed_on_both_sides(void) {
  CHECK_STR(xai__str_trim(xai_str_of(" \t\r\n a b \n")), "a b");
  CHECK_STR(xai__str_trim(xai_str_of(" \t ")), "");
  CHECK_STR(xai__str_trim((xai_str){NULL, 0}), "");
}

static void copy_case(const char *from, size_t size, const char *want) {
  char to[32];
  memset(to, '#', sizeof to);
  xai__str_copy(to, size, xai_str_of(from));
  CHECK_STR(xai_str_of(to), want);
  CHECK(to[size] == '#');
}

static void copies_are_cut_at_the_end_of_a_character(void) {
  copy_case("abc", 8, "abc");
  copy_case("abc", 4, "abc");
  copy_case("abc", 3, "ab");
  copy_case("abc", 1, "");
  copy_case("a\xc3\xa4", 4, "a\xc3\xa4");
  copy_case("a\xc3\xa4", 3, "a");
  copy_case("\xf0\x9f\x98\x80!", 5, "\xf0\x9f\x98\x80");
  copy_case("\xf0\x9f\x98\x80!", 4, "");
  copy_case("\x80\x80\x80\x80\x80\x80", 6, "?????"); /* no UTF-8: any cut is as good */
  copy_case("a\xc3(\xed\xa0\x80\xff", 20, "a?(????");
  copy_case("a\r\nb\x1b\x7f", 20, "a  b  ");
  char untouched = '#';
  xai__str_copy(&untouched, 0, xai_str_of("abc"));
  CHECK(untouched == '#');
}

/* ---- UTF-8 ---- */

/* Unicode 15, table 3-7, said the other way round: decode, then hold the code point against its range. */
static bool valid_by_decoding(const unsigned char *b, size_t len) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t want = b[0] < 0x80 ? 1 : b[0] >> 5 == 6 ? 2 : b[0] >> 4 == 14 ? 3 : b[0] >> 3 == 30 ? 4 : 0;
  if (want == 0 || want != len) return false;
  uint32_t point = want == 1 ? b[0] : b[0] & (0x7fu >> want);
  for (size_t i = 1; i < want; i++) {
    if (b[i] >> 6 != 2) return false;
    point = point << 6 | (b[i] & 0x3fu);
  }
  return point >= least[want] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

static void every_sequence_of_two_three_and_four_bytes_is_judged_rightly(void) {
  static const unsigned char tail[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
  size_t wrong = 0;
  for (unsigned first = 0x80; first < 0x100; first++) {
    for (unsigned second = 0; second < 0x100; second++) {
      unsigned char b[4] = {(unsigned char)first, (unsigned char)second, 0, 0};
      wrong += (xai__utf8_valid((char *)b, 2) == 2) != valid_by_decoding(b, 2);
      for (size_t i = 0; i < sizeof tail; i++) {
        b[2] = tail[i];
        /* A longer text is also valid when it is made of shorter characters. */
        bool ends_in_ascii = valid_by_decoding(b, 2) && tail[i] < 0x80;
        wrong += (xai__utf8_valid((char *)b, 3) == 3) != (valid_by_decoding(b, 3) || ends_in_ascii);
        for (size_t k = 0; k < sizeof tail; k++) {
          b[3] = tail[k];
          if (tail[k] < 0x80 || tail[i] < 0x80 || tail[i] >= 0xc0) continue;
          wrong += (xai__utf8_valid((char *)b, 4) == 4) != valid_by_decoding(b, 4);
        }
      }
    }
  }
  CHECK_INT(wrong, 0);
}

static void the_valid_prefix_ends_before_the_first_bad_character(void) {
  CHECK_INT(xai__utf8_valid("", 0), 0);
  CHECK_INT(xai__utf8_valid("plain ascii, longer than a word", 31), 31);
  CHECK_INT(xai__utf8_valid("plain ascii, \xff", 14), 13);
  CHECK_INT(xai__utf8_valid("gr\xc3\xbc\xc3\x9f dich, \xf0\x9f\x98\x80\xe2\x82", 19), 17);
  CHECK_INT(xai__utf8_valid("\0\0\0\0\0\0\0\0\x80", 9), 8);
}

static void fixed_case(const char *bytes, const char *want, bool want_replaced) {
  xai_buf buf;
  bool replaced = false;
  xai__buf_init(&buf, NULL, 1000);
  CHECK_INT(xai__buf_add_char(&buf, '>'), XAI_OK);
  CHECK_INT(xai__utf8_add_fixed(&buf, bytes, strlen(bytes), &replaced), XAI_OK);
  CHECK_STR(xai__buf_str(&buf), want);
  CHECK_INT(replaced, want_replaced);
  xai__buf_deinit(&buf);
}

/* The cases of Unicode 15, tables 3-8 to 3-11. */
static void each_maximal_subpart_becomes_one_replacement_character(void) {
#define R "\xef\xbf\xbd"
  fixed_case("fine \xc3\xa4", ">fine \xc3\xa4", false);
  fixed_case("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82"
             "A",
             ">" R R R R R R R R "A", true);
  fixed_case("\xed\xa0\x80\xed\xbf\xbf\xed\xaf"
             "A",
             ">" R R R R R R R R "A", true);
  fixed_case("\xf4\x91\x92\x93\xff"
             "A\x80\xbf"
             "B",
             ">" R R R R R "A" R R "B", true);
  fixed_case("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
             "A",
             ">" R R R R "A", true);
  fixed_case("cut \xf0\x9f\x98", ">cut " R, true);
#undef R
}

static void fixing_stops_at_the_cap_and_takes_nothing(void) {
  xai_buf buf;
  bool replaced = false;
  xai__buf_init(&buf, NULL, 6);
  CHECK_INT(xai__buf_add_cstr(&buf, "ab"), XAI_OK);
  CHECK_INT(xai__utf8_add_fixed(&buf, "cd\xff", 3, &replaced), XAI_ERR_TOO_BIG);
  CHECK_STR(xai__buf_str(&buf), "ab");
  CHECK(buf.ptr[2] == '\0' && !replaced);
  xai__buf_deinit(&buf);
}

int main(void) {
  RUN(sizes_that_overflow_are_refused);
  RUN(memory_comes_zeroed_and_without_a_hook_from_libc);
  RUN(secrets_are_wiped_before_they_are_freed);
  RUN(an_empty_buffer_is_an_empty_text);
  RUN(what_is_added_stands_in_order_and_ends_with_nul);
  RUN(the_cap_holds_to_the_byte_and_spares_the_content);
  RUN(without_a_cap_sizes_do_not_overflow);
  RUN(reserved_room_can_be_written_directly);
  RUN(a_million_small_pieces_cost_a_few_allocations);
  check_nomem("filling_a_buffer_survives_each_failed_allocation", fill);
  RUN(texts_are_compared_by_bytes_or_without_regard_to_ascii_case);
  RUN(a_needle_is_found_anywhere_but_not_beyond_the_end);
  RUN(blanks_are_trimmed_on_both_sides);
  RUN(copies_are_cut_at_the_end_of_a_character);
  RUN(every_sequence_of_two_three_and_four_bytes_is_judged_rightly);
  RUN(the_valid_prefix_ends_before_the_first_bad_character);
  RUN(each_maximal_subpart_becomes_one_replacement_character);
  RUN(fixing_stops_at_the_cap_and_takes_nothing);
  return check_report("buf");
}
