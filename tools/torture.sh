#!/usr/bin/env bash
# torture.sh - runs the programs that let each allocation fail in turn; the last line is "torture: N passed, N failed".
# SPDX-License-Identifier: MIT
#
# torture.sh COMMAND...   each a command line, variables in front allowed, that ends with "name: N passed, N failed". First it is held that the
# torture programs call every function of xai.h.
set -uo pipefail

passed=0 failed=0

# Public functions that no torture program calls.
untortured() {
  grep -v '^ *#' core/include/xai.h | grep -oP '^XAI_API [^(]*?\K\w+(?=\()' | sort -u | while read -r name; do
    grep -qE "(^|[^\"_[:alnum:]])$name\(" core/torture/*.[ch] || echo "$name"
  done
}

add() {
  passed=$((passed + $1)) failed=$((failed + $2))
}

run() {
  local output status=0 closing
  # shellcheck disable=SC2086
  output=$(timeout -k 10 "${TORTURE_TIMEOUT:-900}" env $1 2>&1 </dev/null) || status=$?
  closing=$(tail -n 1 <<<"$output")
  if [[ $closing =~ :\ ([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    sed '$d' <<<"$output"
    add "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    ((status == 0 || BASH_REMATCH[2] > 0)) || { echo "FAILED  $1: status $status"; add 0 1; }
  else
    printf '%s\n' "$output" "FAILED  $1: status $status, no closing line"
    add 0 1
  fi
}

missing=$(untortured)
if [[ -z $missing ]]; then
  echo "ok      every function of xai.h is called"
  add 1 0
else
  printf '%s\n' "FAILED  never called with failing allocations:" "$missing"
  add 0 1
fi
for command in "$@"; do run "$command"; done
echo "torture: $passed passed, $failed failed"
exit $((failed != 0))
