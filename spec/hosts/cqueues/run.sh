#!/usr/bin/env bash
# run.sh - tests xai in programs on cqueues, with Lua 5.4 and, beside a lua-http server, with LuaJIT.
# SPDX-License-Identifier: MIT
#
# The last line is "passed=N failed=M stall=MS memory=KIB note=...", of LuaJIT's run; what the other one says comes before.
set -euo pipefail
cd "$(dirname "$0")/../../.."
. spec/hosts/lib.sh

lua5.4 -e 'require "cqueues"' 2>/dev/null || exit 77

run() {
  local url example last doc
  mkdir -p build/hosts
  doc=$(try_snippet "cqueues and lua-http" lua5.4 "^5$")
  last=$(timeout 60 lua5.4 spec/hosts/cqueues/tests.lua | tee /dev/stderr | tail -n 1)
  exec 4< <(exec timeout 60 luajit examples/cqueues/server.lua)
  example=$!
  read -r -t 20 url <&4 || true
  timeout 60 luajit spec/hosts/cqueues/tests.lua "$url" | add "$last" | add "$doc"
  kill "$example"
}

with_server run
