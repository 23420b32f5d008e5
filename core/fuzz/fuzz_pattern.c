/* fuzz_pattern.c - any regular expression on any text, without PCRE2: bounded memory and steps, and one verdict.
 * SPDX-License-Identifier: MIT
 *
 * The expression, a NUL byte, the text.
 */
#include "fuzz.h"
#include "xai_dfa.h"
#include "xai_linear.h"
#include "xai_nfa.h"
#include "xai_pattern_simple.h"
#include "xai_pattern_write.h"

#define MOST_HELD ((size_t)16 << 20)

/* There is always a reason why not. */
static bool is_told(xai_code code, const char *why) {
  return code == XAI_OK || ((code == XAI_ERR_SCHEMA || code == XAI_ERR_LIBRARY) && why[0] != '\0');
}

static xai_nfa *compile(const xai_mem *mem, xai_str source) {
  char why[120] = "";
  xai_buf written;
  xai_nfa *nfa = NULL;
  xai_code code = xai__pattern_write(mem, source, &written, why, sizeof why);
  if (code == XAI_OK) {
    code = xai__nfa_new(mem, xai__buf_str(&written), &nfa, why, sizeof why);
    xai__buf_deinit(&written);
  }
  need(is_told(code, why));
  need((nfa != NULL) == (code == XAI_OK));
  return nfa;
}

/* What the loop over bytes can match, both match alike. */
static void compare(xai_str source, xai_str text, bool found) {
  xai_simple simple;
  if (xai__utf8_valid(text.ptr, text.len) < text.len || !xai__simple_parse(&simple, source)) return;
  need(xai__simple_match(&simple, text.ptr, text.len) == found);
}

/* And its table, if it has one. */
static void compare_table(const xai_mem *mem, const xai_nfa *nfa, xai_str text, bool found) {
  xai_dfa *dfa;
  if (xai__dfa_new(mem, nfa, &dfa) != XAI_OK || dfa == NULL) return;
  xai_dfa_verdict verdict = xai__dfa_match(dfa, text);
  need(verdict == XAI_DFA_ASKS || (verdict == XAI_DFA_MATCHES) == found);
  xai__dfa_free(dfa);
}

/* What looks ahead at its start, too. */
static void take_apart(const xai_mem *mem, xai_str source, xai_str text, xai_nfa_room *room) {
  char why[120] = "";
  xai_buf written;
  xai_linear *linear = NULL;
  bool found;
  uint64_t work = 0;
  if (xai__pattern_write(mem, source, &written, why, sizeof why) != XAI_OK) return;
  xai_code code = xai__linear_new(mem, xai__buf_str(&written), true, &linear, why, sizeof why);
  need(is_told(code, why));
  if (code == XAI_OK) {
    code = xai__linear_match(linear, mem, room, text, 200000, &found, &work);
    need(code == XAI_OK || code == XAI_ERR_STEPS);
    need(work < 1000000);
  }
  xai__linear_free(linear);
  xai__buf_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + (size < 4096 ? size : 4096)};
  fuzz_heap heap = {0, MOST_HELD};
  xai_mem mem = {fuzz_heap_fn, &heap};
  xai_str source = fuzz_until(&in, '\0'), text = {(const char *)in.at, (size_t)(in.end - in.at)};
  if (source.len == 0 || text.len == 0 || xai__utf8_valid(source.ptr, source.len) < source.len) return 0;
  xai_nfa *nfa = compile(&mem, source);
  xai_nfa_room room = {NULL, 0};
  bool found;
  uint64_t work = 0;
  if (nfa != NULL) {
    xai_code code = xai__nfa_match(nfa, &mem, &room, text, 200000, &found, &work);
    need(code == XAI_OK || code == XAI_ERR_STEPS);
    need(work < 300000);
    if (code == XAI_OK) compare(source, text, found);
    if (code == XAI_OK) compare_table(&mem, nfa, text, found);
  }
  take_apart(&mem, source, text, &room);
  xai__nfa_room_free(&mem, &room);
  xai__nfa_free(nfa);
  need(heap.held == 0);
  return 0;
}
