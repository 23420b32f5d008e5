// bounds.cpp - how fast others read JSON: simdjson's DOM and jansson, on the texts of bench/json.c.
// SPDX-License-Identifier: MIT
//
//   bounds simdjson|jansson records|event     -> ns, mbs; only with the libraries that were found when it was built
#include <cstdio>
#include <cstring>
#include <string>

extern "C" {
#include "measure.h"
}
#if __has_include(<simdjson.h>)
#include <simdjson.h>
#define WITH_SIMDJSON 1
#endif
#if __has_include(<jansson.h>)
#include <jansson.h>
#define WITH_JANSSON 1
#endif

static constexpr int ROUNDS = 15;

static void die(const char *what) {
  fprintf(stderr, "bounds: %s\n", what);
  exit(1);
}

static std::string text_of(const char *which) {
  std::string command = std::string("build/bench/json --") + which, text;
  FILE *pipe = popen(command.c_str(), "r");
  char piece[65536];
  if (pipe == nullptr) die("bench/json is not built");
  for (size_t n; (n = fread(piece, 1, sizeof piece, pipe)) > 0;) text.append(piece, n);
  if (pclose(pipe) != 0 || text.empty()) die("no text");
  return text;
}

// The best of some rounds, as in json.c.
template <typename Work> static void measure(size_t len, Work work) {
  uint64_t best = UINT64_MAX;
  int times = len > 100000 ? 10 : 100000;
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t start = now_ns();
    for (int i = 0; i < times; i++) work();
    uint64_t took = now_ns() - start;
    if (took < best) best = took;
  }
  figure("ns", (double)best / times);
  figure("mbs", (double)len * 1e3 * times / (double)best);
}

static void with_simdjson(const std::string &text) {
#ifdef WITH_SIMDJSON
  simdjson::dom::parser parser;
  simdjson::padded_string padded(text);
  measure(text.size(), [&] {
    if (parser.parse(padded).error()) die("simdjson refuses the text");
  });
#else
  die("simdjson is not installed");
#endif
}

static void with_jansson(const std::string &text) {
#ifdef WITH_JANSSON
  measure(text.size(), [&] {
    json_t *value = json_loadb(text.data(), text.size(), 0, nullptr);
    if (value == nullptr) die("jansson refuses the text");
    json_decref(value);
  });
#else
  die("jansson is not installed");
#endif
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  std::string text = text_of(argv[2]);
  if (strcmp(argv[1], "simdjson") == 0) with_simdjson(text);
  else if (strcmp(argv[1], "jansson") == 0) with_jansson(text);
  else return 2;
  return 0;
}
