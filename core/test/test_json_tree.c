/* test_json_tree.c - documents: their memory, trees built, changed and copied.
 * SPDX-License-Identifier: MIT */
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

/* ---- memory ---- */

static void the_cap_on_memory_holds_and_does_not_depend_on_the_past(void) {
  const char *text = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]"; /* 22 values */
  size_t exact = 22 * sizeof(xai_json) + 56;
  for (int round = 0; round < 2; round++) {
    check_heap heap = {0};
    xai_mem mem = check_heap_mem(&heap);
    xai_json_doc *capped = xai_json_doc_new(&mem, 0, round == 0 ? exact : exact - 8);
    for (int again = 0; again < 3; again++) {
      xai_error err;
      const xai_json *root = xai_json_parse(capped, text, strlen(text), 0, &err);
      CHECK((root != NULL) == (round == 0));
      CHECK_INT(err.code, round == 0 ? XAI_OK : XAI_ERR_TOO_BIG);
      CHECK(xai_json_parse(capped, "[1]", 3, 0, &err) != NULL);
    }
    size_t beside =
      sizeof *capped + 2 * sizeof(xai_json_chunk) + sizeof(xai_json); /* a rest of the first chunk */
    CHECK(heap.peak <= exact + beside);
    xai_json_doc_free(capped);
  }
}

static void memory_is_kept_over_texts_and_moved_into_one_piece(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_json_doc *kept = xai_json_doc_new(&mem, 0, 0);
  size_t len = 0;
  static char text[40000];
  while (len < 39990) len += (size_t)sprintf(text + len, "%s[1]", len > 0 ? "," : "[");
  text[len++] = ']';
  for (int i = 0; i < 3; i++) CHECK(xai_json_parse(kept, text, len, 0, NULL) != NULL);
  long before = heap.count;
  for (int i = 0; i < 10; i++) CHECK(xai_json_parse(kept, text, len, 0, NULL) != NULL);
  CHECK_INT(heap.count, before);
  CHECK_INT(heap.live, 2);
  xai_json_doc_free(kept);
  CHECK_INT(heap.live, 0);
  xai_json_doc_free(NULL);
}

static void deep_trees_are_read_copied_and_written_without_the_stack(void) {
  size_t depth = 1000000;
  char *text = malloc(2 * depth);
  memset(text, '[', depth);
  memset(text + depth, ']', depth);
  xai_json_doc *deep = xai_json_doc_new(NULL, 1000000, 0);
  const xai_json *root = xai_json_parse(deep, text, 2 * depth, XAI_JSON_BORROW, NULL);
  CHECK(root != NULL);
  const xai_json *copy = xai__json_copy(deep, root);
  CHECK(copy != NULL);
  xai_json_writer *writer = xai_json_writer_new(NULL, 1000000, 0);
  xai_json_put_value(writer, copy);
  xai_str out;
  CHECK_INT(xai_json_writer_end(writer, &out, NULL), XAI_OK);
  CHECK(out.len == 2 * depth && memcmp(out.ptr, text, out.len) == 0);
  xai_json_writer_free(writer);
  xai_json_doc_free(deep);
  free(text);
}

/* ---- building and changing ---- */

static xai_json *mutable(const char *text) {
  parse(text, 0);
  return xai__json_root(doc);
}

static void trees_are_built_from_nothing(void) {
  xai__json_doc_reset(doc);
  xai_json *root = xai__json_new(doc, XAI_JSON_OBJECT), *array = xai__json_new(doc, XAI_JSON_ARRAY);
  CHECK_INT(xai__json_set(doc, root, "list", array), XAI_OK);
  CHECK_INT(xai__json_push(doc, array, xai__json_new_int(doc, INT64_MIN)), XAI_OK);
  CHECK_INT(xai__json_push(doc, array, xai__json_new_bool(doc, true)), XAI_OK);
  CHECK_INT(xai__json_push(doc, array, xai__json_new_str(doc, (xai_str){"a\0b", 3})), XAI_OK);
  CHECK_INT(xai__json_push(doc, array, xai__json_new_str(doc, (xai_str){NULL, 0})), XAI_OK);
  for (int type = XAI_JSON_NULL; type <= XAI_JSON_OBJECT; type++) {
    CHECK_INT(xai__json_push(doc, array, xai__json_new(doc, (xai_json_type)type)), XAI_OK);
  }
  xai__json_set_root(doc, root);
  CHECK_TREE(xai__json_root(doc),
             "{\"list\":[-9223372036854775808,true,\"a\\u0000b\",\"\",null,false,0,\"\",[],{}]}");
}

static void setting_replaces_in_place_or_adds_at_the_end(void) {
  xai_json *root = mutable("{\"a\":1,\"b\":2,\"c\":3}");
  CHECK_INT(xai__json_set(doc, root, "b", xai__json_new_bool(doc, true)), XAI_OK);
  CHECK_TREE(root, "{\"a\":1,\"b\":true,\"c\":3}");
  CHECK_INT(xai__json_set(doc, root, "a", xai__json_new(doc, XAI_JSON_ARRAY)), XAI_OK);
  CHECK_INT(xai__json_set(doc, root, "c", xai__json_new(doc, XAI_JSON_NULL)), XAI_OK);
  CHECK_INT(xai__json_set(doc, root, "d", xai__json_new_int(doc, 4)), XAI_OK);
  CHECK_TREE(root, "{\"a\":[],\"b\":true,\"c\":null,\"d\":4}");
  CHECK_INT(xai_json_len(root), 4);
  xai_json *other = mutable("[1]");
  CHECK_INT(xai__json_set(doc, other, "a", xai__json_new_int(doc, 1)), XAI_ERR_ARG);
  CHECK_INT(xai__json_set(doc, NULL, "a", xai__json_new_int(doc, 1)), XAI_ERR_ARG);
  CHECK_INT(xai__json_set(doc, mutable("{}"), "a", NULL), XAI_ERR_ARG);
}

static void removing_takes_all_members_of_that_name(void) {
  xai_json *root = mutable("{\"a\":1,\"b\":2,\"a\":3,\"c\":4}");
  xai__json_remove(root, "a");
  CHECK_TREE(root, "{\"b\":2,\"c\":4}");
  xai__json_remove(root, "x");
  xai__json_remove(root, "c");
  CHECK_INT(xai__json_set(doc, root, "d", xai__json_new_int(doc, 5)), XAI_OK);
  CHECK_TREE(root, "{\"b\":2,\"d\":5}");
  xai__json_remove(root, "b");
  xai__json_remove(root, "d");
  CHECK_TREE(root, "{}");
  CHECK_INT(xai__json_set(doc, root, "e", xai__json_new_int(doc, 6)), XAI_OK);
  CHECK_TREE(root, "{\"e\":6}");
  xai__json_remove(NULL, "a");
}

static void putting_replaces_or_fills_up_with_nulls(void) {
  xai_json *root = mutable("[1,2,3]");
  CHECK_INT(xai__json_put(doc, root, 1, xai__json_new_bool(doc, true)), XAI_OK);
  CHECK_INT(xai__json_put(doc, root, 0, xai__json_new_int(doc, 9)), XAI_OK);
  CHECK_INT(xai__json_put(doc, root, 2, xai__json_new_int(doc, 8)), XAI_OK);
  CHECK_INT(xai__json_put(doc, root, 3, xai__json_new_int(doc, 7)), XAI_OK);
  CHECK_INT(xai__json_put(doc, root, 6, xai__json_new_int(doc, 6)), XAI_OK);
  CHECK_TREE(root, "[9,true,8,7,null,null,6]");
  CHECK_INT(xai_json_len(root), 7);
  xai_json *empty = mutable("[]");
  CHECK_INT(xai__json_put(doc, empty, 1, xai__json_new_int(doc, 1)), XAI_OK);
  CHECK_TREE(empty, "[null,1]");
  CHECK_INT(xai__json_put(doc, mutable("{}"), 0, xai__json_new_int(doc, 1)), XAI_ERR_ARG);
}

static void a_wild_index_costs_nothing(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_json_doc *small = xai_json_doc_new(&mem, 0, 1 << 20);
  xai_json *array = xai__json_new(small, XAI_JSON_ARRAY);
  CHECK_INT(xai__json_put(small, array, SIZE_MAX, xai__json_new_int(small, 1)), XAI_ERR_TOO_BIG);
  CHECK_INT(xai__json_put(small, array, 1000000, xai__json_new_int(small, 1)), XAI_ERR_TOO_BIG);
  CHECK_INT(xai_json_len(array), 0);
  CHECK(heap.peak < 16384);
  xai_json_doc_free(small);
}

static void copies_are_deep_and_belong_to_the_other_document(void) {
  const char *text = "{\"a\":[1,[],{\"b\":[\"x\",[[2]]]},\"y\"],\"c\":{\"d\":{},\"e\":true},\"\":null}";
  xai_json_doc *other = xai_json_doc_new(NULL, 0, 0);
  xai_json *copy = xai__json_copy(other, parse(text, XAI_JSON_BORROW));
  parse("[\"something else in the old document, long enough to overwrite\"]", 0);
  CHECK_TREE(copy, text);
  CHECK_INT(xai__json_push(other, xai__json_at(xai__json_get(copy, "a"), 1), xai__json_new_int(other, 3)),
            XAI_OK);
  CHECK_INT(xai__json_set(other, copy, "z", xai__json_copy(other, copy)), XAI_OK);
  CHECK(strstr(text_of(copy), ",\"z\":{\"a\":[1,[3],{\"b\"") != NULL);
  CHECK(xai__json_copy(other, NULL) == NULL);
  const xai_json *member = xai_json_get(parse("{\"k\":[1],\"l\":2}", 0), "k");
  copy = xai__json_copy(other, member);
  CHECK(copy->next == NULL && xai_json_key(copy).len == 0);
  CHECK_TREE(copy, "[1]");
  xai_json_doc_free(other);
}

static void appending_grows_a_string_and_leaves_borrowed_text_alone(void) {
  char text[] = "[\"ab\",\"cd\"]";
  parse(text, XAI_JSON_BORROW);
  xai_json *first = xai__json_at(xai__json_root(doc), 0), *second = xai__json_at(xai__json_root(doc), 1);
  for (int i = 0; i < 30; i++) {
    CHECK_INT(xai__json_append(doc, first, xai_str_of("1234567")), XAI_OK);
    CHECK_INT(xai__json_append(doc, second, (xai_str){"z", 1}), XAI_OK);
    CHECK_INT(xai__json_append(doc, second, (xai_str){NULL, 0}), XAI_OK);
  }
  CHECK_INT(xai_json_str(first).len, 2 + 30 * 7);
  CHECK(memcmp(xai_json_str(first).ptr, "ab12345671234567", 16) == 0);
  CHECK_STR(xai_json_str(second), "cdzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz");
  CHECK_STR(xai_str_of(text), "[\"ab\",\"cd\"]");
  CHECK_INT(xai__json_append(doc, first, xai_json_str(first)), XAI_OK);
  CHECK_INT(xai_json_str(first).len, 2 * (2 + 30 * 7));
  CHECK_INT(xai__json_append(doc, xai__json_root(doc), xai_str_of("x")), XAI_ERR_ARG);
}

/* With nothing else in its chunk it takes the chunk along; whoever appends it to itself must not notice. */
static void a_lone_text_grows_with_its_chunk(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_json_doc *own = xai_json_doc_new(&mem, 0, 8 << 20);
  xai_json *text = xai__json_new_str(own, xai_str_of(""));
  CHECK_INT(xai__json_append(own, text, xai_str_of("ab")), XAI_OK);
  while (text->len < 1 << 20) CHECK_INT(xai__json_append(own, text, xai_json_str(text)), XAI_OK);
  for (size_t i = 0; i < text->len; i += 2) CHECK(memcmp(text->as.text + i, "ab", 2) == 0);
  CHECK(heap.bytes <= 3 * (size_t)text->len); /* it left nothing behind */
  xai_error err;
  while (xai__json_append(own, text, xai_str_of("0123456789abcdef")) == XAI_OK) {}
  CHECK_INT(own->failure, XAI_ERR_TOO_BIG);
  CHECK(text->len > 2 << 20);
  CHECK(xai_json_parse(own, "[1]", 3, 0, &err) != NULL);
  xai_json_doc_free(own);
  CHECK_INT(heap.live, 0);
}

static void what_is_expected_lies_in_one_piece(void) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_json_doc *own = xai_json_doc_new(&mem, 0, 1 << 20);
  xai__json_doc_expect(own, 100000);
  long before = heap.count;
  for (int i = 0; i < 1000; i++) CHECK(xai__json_new(own, XAI_JSON_NULL) != NULL);
  CHECK_INT(heap.count, before);
  xai__json_doc_empty(own);
  CHECK_INT(heap.live, 1); /* the document itself */
  CHECK_INT(xai__json_doc_used(own), 0);
  CHECK(xai_json_parse(own, "[1]", 3, 0, NULL) != NULL);
  xai_json_doc_free(own);
  CHECK_INT(heap.live, 0);
}

/* Bytes taken from the allocator to build `count` strings of eight megabytes side by side. */
static size_t cost_of_growing(int count) {
  check_heap heap = {0};
  xai_mem mem = check_heap_mem(&heap);
  xai_json_doc *big = xai_json_doc_new(&mem, 0, 0);
  xai_json *strings[2];
  for (int i = 0; i < count; i++) strings[i] = xai__json_new_str(big, xai_str_of(""));
  size_t pieces = 8000000 / 12;
  for (size_t i = 0; i < pieces * (size_t)count; i++) {
    CHECK_INT(xai__json_append(big, strings[i % (size_t)count], xai_str_of("twelve bytes")), XAI_OK);
  }
  for (int i = 0; i < count; i++) {
    xai_str text = xai_json_str(strings[i]);
    CHECK_INT(text.len, pieces * 12);
    CHECK(memcmp(text.ptr + text.len - 12, "twelve bytes", 12) == 0);
  }
  CHECK(heap.count < 24);
  xai_json_doc_free(big);
  CHECK_INT(heap.live, 0);
  return heap.peak;
}

static void eight_megabytes_in_small_pieces_cost_a_few_times_that(void) {
  CHECK(cost_of_growing(1) < 3 * 8000000);
  CHECK(cost_of_growing(2) < 6 * 16000000); /* neither can always be stretched where it lies */
}

static void appending_beyond_the_cap_changes_nothing(void) {
  xai_json_doc *small = xai_json_doc_new(NULL, 0, 200);
  xai_json *string = xai__json_new_str(small, xai_str_of("start"));
  char piece[100];
  memset(piece, 'p', sizeof piece);
  CHECK_INT(xai__json_append(small, string, (xai_str){piece, 60}), XAI_OK);
  CHECK_INT(xai__json_append(small, string, (xai_str){piece, 100}), XAI_ERR_TOO_BIG);
  CHECK_INT(xai_json_str(string).len, 65);
  CHECK(memcmp(xai_json_str(string).ptr, "startppp", 8) == 0);
  xai_json_doc_free(small);
}

/* ---- each allocation fails in turn (F92) ---- */

static xai_code change_all(xai_json_doc *on, xai_json *root) {
  xai_code code = XAI_OK;
  for (int i = 0; i < 200 && code == XAI_OK; i++) {
    char key[16];
    sprintf(key, "key %d", i);
    xai_json *array = xai__json_new(on, XAI_JSON_ARRAY), *text = xai__json_new_str(on, xai_str_of("text"));
    if (array == NULL || text == NULL) return on->failure;
    size_t before = xai_json_len(root);
    code = xai__json_set(on, root, key, array);
    CHECK_INT(xai_json_len(root), before + (code == XAI_OK));
    if (code == XAI_OK) code = xai__json_put(on, array, 3, text);
    if (code == XAI_OK) code = xai__json_append(on, text, xai_str_of("and more than it has room for"));
    if (code == XAI_OK && xai__json_copy(on, array) == NULL) code = on->failure;
  }
  return code;
}

static xai_code build(const xai_mem *mem) {
  xai_json_doc *built = xai_json_doc_new(mem, 0, 0);
  if (built == NULL) return XAI_ERR_NOMEM;
  xai_json *root = xai__json_new(built, XAI_JSON_OBJECT);
  xai_code code = root == NULL ? built->failure : change_all(built, root);
  xai__json_doc_reset(built);
  if (code == XAI_OK && xai__json_new(built, XAI_JSON_NULL) == NULL) code = built->failure;
  xai_json_doc_free(built);
  return code;
}

int main(void) {
  doc = xai_json_doc_new(NULL, 0, 0);
  RUN(deep_trees_are_read_copied_and_written_without_the_stack);
  RUN(the_cap_on_memory_holds_and_does_not_depend_on_the_past);
  RUN(memory_is_kept_over_texts_and_moved_into_one_piece);
  RUN(trees_are_built_from_nothing);
  RUN(setting_replaces_in_place_or_adds_at_the_end);
  RUN(removing_takes_all_members_of_that_name);
  RUN(putting_replaces_or_fills_up_with_nulls);
  RUN(a_wild_index_costs_nothing);
  RUN(copies_are_deep_and_belong_to_the_other_document);
  RUN(appending_grows_a_string_and_leaves_borrowed_text_alone);
  RUN(a_lone_text_grows_with_its_chunk);
  RUN(what_is_expected_lies_in_one_piece);
  RUN(eight_megabytes_in_small_pieces_cost_a_few_times_that);
  RUN(appending_beyond_the_cap_changes_nothing);
  check_nomem("f92_building_survives_each_failed_allocation", build);
  xai_json_doc_free(doc);
  return check_report("json_tree");
}
