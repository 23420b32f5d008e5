#!/usr/bin/env bash
# examples.sh - runs every example offline: it must end well and say something.
# SPDX-License-Identifier: MIT
#
# examples.sh C_PROGRAM...   the programs of examples/c; those in Lua are found by themselves
set -euo pipefail

passed=0 failed=0

# try NAME COMMAND...
try() {
  local name=$1 output status=0
  shift
  output=$(timeout -k 10 120 "$@" 2>&1 </dev/null) || status=$?
  if ((status == 0)) && [[ -n $output ]]; then
    echo "ok      $name"
    passed=$((passed + 1))
  else
    printf 'FAILED  %s (status %d)\n%s\n' "$name" "$status" "$output"
    failed=$((failed + 1))
  fi
}

for file in examples/lua/*.lua; do try "$file" env XAI_SIMULATE=1 lua5.4 "$file"; done
for program in "$@"; do try "examples/c/${program##*/}.c" tools/with_sim.sh "$program"; done
echo "examples: $passed passed, $failed failed"
exit $((failed != 0))
