#!/usr/bin/env bash
# tally.sh - runs parts of the Makefile, keeps their logs and adds up: the last line is "N passed, M failed".
# SPDX-License-Identifier: MIT
#
# tally.sh PART...   each PART is a target. Tests count by their closing lines ("name: 3 passed, 0 failed" or
# busted's), any other part as one. The logs are build/log/PART.log. TALLY_MAKE may hold the make command.
# With TALLY_LANES=2 two parts run at a time, but "PART!" always by itself: what builds for the others, or looks at
# the clock. What they say comes whole and in the order of the parts; at the end, before the table, the complaints of
# those that failed once more. None gets more than TALLY_LIMIT seconds.
set -euo pipefail

lanes=${TALLY_LANES:-1}

# Sum of the closing lines in a log, as "passed failed".
count() {
  awk '/^[^:]+: [0-9]+ passed, [0-9]+ failed/ { sub(/^[^:]+: /, ""); passed += $1; failed += $3; next }
       /^[0-9]+ success(es)? \/ [0-9]+ failures? \/ [0-9]+ errors? / { passed += $1; failed += $4 + $7 }
       END { print passed + 0, failed + 0 }' "$1"
}

is_tests() {
  case $1 in
    test | test-* | simulate | nomem | spec | spec-* | examples | torture | soak | hosts | faults | tsan) return 0 ;;
    *) return 1 ;;
  esac
}

# One part into its log; how it ended and how long it took beside it.
run_part() {
  local part=$1 begin=$SECONDS status=0
  # shellcheck disable=SC2086
  timeout -k 10 "${TALLY_LIMIT:-900}" ${TALLY_MAKE:-make} --no-print-directory "$part" </dev/null 2>&1 |
    if ((lanes > 1)); then cat >"build/log/$part.log"; else tee "build/log/$part.log"; fi || status=$?
  ((status != 124)) || echo "$part: took longer than ${TALLY_LIMIT:-900} s" >>"build/log/$part.log"
  echo "$status $((SECONDS - begin))" >"build/log/$part.end"
}

# A failed part's complaints: checks of the C tests and of busted, what a checker of memory found, failed programs.
complain() {
  printf '\n-- %s failed:\n' "$1"
  awk '/: not so: |: .* is .*, not |^FAILED|^not ok|^==[0-9]+== (Inv|Cond|Use|Proc|[0-9,]+ )|ERROR: |runtime error: |took longer/ ||
       /^[^:]+: [0-9]+ passed, [1-9][0-9]* failed/ || /^make.*\*\*\*/ { print; next }
       /^(Failure|Error) (->|→)/ { lines = 8 }
       lines-- > 0' "build/log/$1.log" | cut -c 1-300 | head -n 60
}

# The result of a part that has ended.
add_part() {
  local part=$1 log=build/log/$1.log status took good bad
  read -r status took <"build/log/$part.end"
  if ((lanes > 1)); then printf '== %s\n' "$part"; cat "$log"; fi
  if is_tests "$part"; then read -r good bad < <(count "$log"); else good=$((status == 0)) bad=0; fi
  # Something that ended badly without saying so, or said nothing at all, has failed.
  if ((status != 0 && bad == 0)) || ((good + bad == 0)); then
    bad=1
    if is_tests "$part"; then echo "$part: 0 passed, 1 failed (status $status)"; fi
  fi
  if ((bad > 0)); then failures+=("$part"); fi
  passed=$((passed + good)) failed=$((failed + bad))
  summary+=$(printf '%-14s %6d passed %4d failed %5d s' "$part" "$good" "$bad" "$took")$'\n'
}

# Those that have ended, as far as all before them have.
add_ended() {
  while ((${#waiting[@]} > 0)) && [[ -e build/log/${waiting[0]}.end ]]; do
    add_part "${waiting[0]}"
    waiting=("${waiting[@]:1}")
  done
}

await() {
  while (($(jobs -rp | wc -l) > $1)); do
    wait -n || true
    add_ended
  done
  add_ended
}

start_part() {
  local part=${1%!}
  rm -f "build/log/$part.end"
  waiting+=("$part")
  if ((lanes == 1)); then
    echo "== $part"
    run_part "$part"
    add_ended
    return
  fi
  if [[ $1 == *! ]]; then await 0; else await $((lanes - 1)); fi
  run_part "$part" &
  if [[ $1 == *! ]]; then await 0; fi
}

mkdir -p build/log
passed=0 failed=0 summary='' waiting=() failures=()
for part in "$@"; do start_part "$part"; done
await 0
for part in ${failures[@]+"${failures[@]}"}; do complain "$part"; done
printf '\n%s%d passed, %d failed\n' "$summary" "$passed" "$failed"
exit $((failed != 0))
