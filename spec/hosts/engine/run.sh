#!/usr/bin/env bash
# run.sh - tests the library inside an engine, as engines take it: xai.c, xai.h and libcurl, C11 and C++.
# SPDX-License-Identifier: MIT
#
# The last line is "passed=N failed=M stall=MS memory=KIB note=...".
set -euo pipefail
cd "$(dirname "$0")/../../.."
. spec/hosts/lib.sh

command -v cc c++ ctags >/dev/null || exit 77
at=build/hosts/engine dist=build/dist
mkdir -p "$at"
make -s --no-print-directory Q=@ dist
warnings="-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror"
libs=${DIST_LIBS:--lcurl}
cc -std=c11 -O2 -I$dist -c -o "$at/xai.o" $dist/xai.c
# shellcheck disable=SC2086
cc -std=c11 -O2 $warnings -I$dist -o "$at/scenario" spec/hosts/engine/scenario.c "$at/xai.o" $libs
# shellcheck disable=SC2086
cc -std=c11 -O2 $warnings -I$dist -c -o "$at/main.o" examples/engine/main.c
# shellcheck disable=SC2086
c++ -std=c++11 -O2 $warnings -I$dist -o "$at/example" examples/engine/subtitles.cpp "$at/main.o" "$at/xai.o" $libs

# The lines of the documents: in C++ around the pair, and in C within a plugin that keeps the pair to itself.
snippet "A C or C++ engine" c >"$at/hosts.inc"
snippet "In C" c README.md | sed 's/^config.api_key/config.base_url = getenv("XAI_BASE_URL");\n&/' >"$at/readme.inc"
echo 'extern "C" int talk(void); int main() { return talk(); }' >"$at/talk.cpp"
cp spec/hosts/engine/lines.c "$at/lines.cpp"
# shellcheck disable=SC2086
c++ -std=c++11 -O2 $warnings -Wno-missing-field-initializers -I$dist -I"$at" -o "$at/lines" "$at/talk.cpp" "$at/lines.cpp" "$at/xai.o" $libs
# shellcheck disable=SC2086
cc -std=c11 -O2 -fPIC -shared -DXAI_HIDDEN -I$dist -I"$at" -o "$at/libtalk.so" spec/hosts/engine/lines.c $dist/xai.c $libs
c++ -std=c++11 -o "$at/plugged" "$at/talk.cpp" -L"$at" -ltalk -Wl,-rpath,"$PWD/$at"

try_lines() {
  local said
  said=$(timeout 60 "$at/lines") && grep -q "^Hello" <<<"$said" || return 1
  said=$(timeout 60 "$at/plugged") && grep -q "^Hello" <<<"$said" && grep -q "^Tides" <<<"$said" || return 1
  ! nm -D --defined-only "$at/libtalk.so" | grep xai_ >/dev/null
}

# The example, which must have something said by each of its ten characters; then the scenario.
run() {
  local said lines=1
  try_lines || lines=0
  ((lines)) || echo "FAILED  the lines of doc/hosts.md and README.md for engines" >&2
  said=$(timeout 60 "$at/example" | grep -c '^[0-9]: ..........')
  timeout 60 "$at/scenario" | add "passed=$((said == 10)) failed=$((said != 10))" | add "passed=$lines failed=$((1 - lines))"
}

with_server run
