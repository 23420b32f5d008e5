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
  local url example last
  last=$(timeout 60 lua5.4 spec/hosts/cqueues/tests.lua | tee /dev/stderr | tail -n 1)
  exec 4< <(exec timeout 60 luajit examples/cqueues/server.lua)
  example=$!
  read -r -t 20 url <&4 || true
  timeout 60 luajit spec/hosts/cqueues/tests.lua "$url" | add "$last"
  kill "$example"
}

# The closing line with what an earlier one counted on top.
add() {
  local passed failed
  passed=$(sed -n 's/^passed=\([0-9]*\).*/\1/p' <<<"$1") failed=$(sed -n 's/.* failed=\([0-9]*\).*/\1/p' <<<"$1")
  awk -v passed="${passed:-0}" -v failed="${failed:-1}" '/^passed=/ {
    split($1, p, "="); split($2, f, "="); $1 = "passed=" p[2] + passed; $2 = "failed=" f[2] + failed }
    { print } END { exit failed > 0 }'
}

with_server run
