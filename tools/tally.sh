#!/usr/bin/env bash
# tally.sh - runs parts of the Makefile, keeps their logs and adds up: the last line is "N passed, M failed".
# SPDX-License-Identifier: MIT
#
# tally.sh PART...   each PART is a target. Tests count by their closing lines ("name: 3 passed, 0 failed" or
# busted's), any other part as one. The logs are build/log/PART.log. TALLY_MAKE may hold the make command.
set -euo pipefail

# Sum of the closing lines in a log, as "passed failed".
count() {
  awk '/^[^:]+: [0-9]+ passed, [0-9]+ failed/ { sub(/^[^:]+: /, ""); passed += $1; failed += $3; next }
       /^[0-9]+ success(es)? \/ [0-9]+ failures? \/ [0-9]+ errors? / { passed += $1; failed += $4 + $7 }
       END { print passed + 0, failed + 0 }' "$1"
}

is_tests() {
  case $1 in test | test-* | simulate | nomem | spec | spec-* | examples) return 0 ;; *) return 1 ;; esac
}

run_part() {
  local part=$1 log=build/log/$1.log begin=$SECONDS status=0 good bad
  echo "== $part"
  ${TALLY_MAKE:-make} --no-print-directory "$part" </dev/null 2>&1 | tee "$log" || status=$?
  if is_tests "$part"; then read -r good bad < <(count "$log"); else good=$((status == 0)) bad=0; fi
  # Something that ended badly without saying so, or said nothing at all, has failed.
  if ((status != 0 && bad == 0)) || ((good + bad == 0)); then
    bad=1
    if is_tests "$part"; then echo "$part: 0 passed, 1 failed (status $status)"; fi
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  summary+=$(printf '%-14s %6d passed %4d failed %5d s' "$part" "$good" "$bad" $((SECONDS - begin)))$'\n'
}

mkdir -p build/log
passed=0 failed=0 summary=
for part in "$@"; do run_part "$part"; done
printf '\n%s%d passed, %d failed\n' "$summary" "$passed" "$failed"
exit $((failed != 0))
