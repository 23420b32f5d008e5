#!/usr/bin/env bash
# run.sh - tests xai.uv in a plain luv program, on Lua 5.4; the last line is "passed=N failed=M stall=MS memory=KIB note=...".
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/../../.."
. spec/hosts/lib.sh

lua5.4 -e 'require "luv"' 2>/dev/null || exit 77

run() {
  local plain luv
  mkdir -p build/hosts
  plain=$(try_snippet "Plain Lua" lua5.4 "^tides.")
  luv=$(try_snippet "Programs on luv" lua5.4 "^3.")
  timeout 60 lua5.4 spec/hosts/luv/tests.lua | add "$plain" | add "$luv"
}

with_server run
