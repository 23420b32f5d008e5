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

# The example, which must have something said by each of its ten characters; then the scenario.
run() {
  local said
  said=$(timeout 60 "$at/example" | grep -c '^[0-9]: ..........')
  timeout 60 "$at/scenario" | add "passed=$((said == 10)) failed=$((said != 10))"
}

with_server run
