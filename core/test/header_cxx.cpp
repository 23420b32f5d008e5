// header_cxx.cpp - xai.h from C++: it compiles without a warning, links, and its initialisers work.
// SPDX-License-Identifier: MIT
#include "xai.h"

#include <cstdio>
#include <cstring>

static bool initialisers_stamp_their_size() {
  xai_config config = XAI_CONFIG_INIT;
  xai_request request = XAI_REQUEST_INIT;
  return config.size == sizeof(xai_config) && config.api_key == nullptr && request.size == sizeof(xai_request);
}

static bool functions_have_c_names() {
  return std::strcmp(xai_code_name(XAI_ERR_JSON), "err_json") == 0 && xai_str_of("tides").len == 5;
}

int main() {
  int passed = initialisers_stamp_their_size() + functions_have_c_names();
  std::printf("header_cxx: %d passed, %d failed\n", passed, 2 - passed);
  return passed != 2;
}
