#!/usr/bin/env bash
# faults.sh - runs the tests of faults and says for each number, F01 to F103, what became of it.
# SPDX-License-Identifier: MIT
#
# faults.sh LUA... -- PROGRAM...   Lua interpreters and C test programs; the specs are found by the numbers in them.
#
# A test belongs to the numbers in its name: F49_reset_before_the_first_event in C, "F49 ..." in a spec. What counts
# is what ran: a number has passed when one of its tests has and none failed, on any Lua; it has failed when one did,
# or when a program that holds it died; it is "not run" when a test said why it cannot be here, and MISSING, which is
# failed, when there is none. The whole output is kept in build/log/faults.log.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

last=103
log=build/log/faults.log
number='F[0-9][0-9][0-9]?'
mkdir -p build/log
: >"$log"

luas=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do luas+=("$1") && shift; done
[ $# -gt 0 ] && shift

# Lines for the table: "ok|not ok|not run TAB source TAB name".
died() { grep -oE "\b$number" "$2" | sort -u | sed "s/.*/not ok\t$1\t& in $1, which died/"; }

run_program() {
  local name=${1##*/} output status
  output=$(CHECK_VERBOSE=1 timeout -k 10 "${TEST_TIMEOUT:-120}" "$1" 2>&1 </dev/null)
  status=$?
  printf '== %s\n%s\n' "$name" "$output" >>"$log"
  sed -nE "s/^(ok|not ok|not run) /\1\t$name\t/p" <<<"$output"
  if [ $status != 0 ] && ! grep -q '^not ok ' <<<"$output"; then died "$name" "core/test/$name.c"; fi
}

run_spec() {
  local lua=$1 spec=$2 name output status
  name=$(basename "$spec" .lua)
  output=$(timeout -k 10 "${SPEC_TIMEOUT:-120}" "$lua" "$(command -v busted)" -o TAP --filter="F%d%d" "$spec" 2>&1 </dev/null)
  status=$?
  printf '== %s on %s\n%s\n' "$name" "$lua" "$output" >>"$log"
  sed -nE -e "s/^ok [0-9]+ - # SKIP /not run\t$name\t/p" -e t -e "s/^(ok|not ok) [0-9]+ - /\1\t$name\t/p" <<<"$output"
  if [ $status != 0 ] && ! grep -q '^not ok ' <<<"$output"; then died "$name" "$spec"; fi
}

run_all() {
  local program spec lua
  for program in "$@"; do run_program "$program"; done
  while read -r spec; do
    for lua in "${luas[@]}"; do run_spec "$lua" "$spec"; done
  done < <(grep -lE "(it|pending)\(\"[^\"]*\b$number\b" spec/*_spec.lua)
}

table() {
  awk -F'\t' -v last="$last" '
    # Where a test is named is told once for each number.
    function add(what, key, source) {
      if (!((what, key, source) in seen)) {
        seen[what, key, source] = 1
        sources[what, key] = sources[what, key] (sources[what, key] == "" ? "" : ", ") source
      }
    }
    {
      name = $3; gsub(/_/, " ", name); rest = name; title = name; found = 0
      while (match(rest, /(^| )F[0-9][0-9][0-9]?( |$)/)) {
        word = substr(rest, RSTART, RLENGTH); gsub(/ /, "", word)
        before = substr(rest, 1, RSTART - 1); rest = substr(rest, RSTART + length(word) + (RSTART > 1))
        numbers[++found] = word
      }
      sub(/^ +/, "", rest); title = rest != "" ? rest : before
      for (i = 1; i <= found; i++) {
        key = substr(numbers[i], 2) + 0
        add($1, key, $2)
        ours = $2 ~ /faults/ # the tests made for this list say it best
        if (!(($1, key) in titles) || (ours && !told[$1, key])) { titles[$1, key] = title; told[$1, key] = ours }
      }
    }
    END {
      for (n = 1; n <= last; n++) {
        label = sprintf("F%02d", n)
        what = ("not ok", n) in titles ? "not ok" : ("ok", n) in titles ? "ok" : ("not run", n) in titles ? "not run" : ""
        if (what == "ok") { passed++; word = "passed " } else if (what == "not run") { skipped++; word = "not run" }
        else { failed++; word = what == "" ? "MISSING" : "FAILED " }
        if (what == "") printf "%-4s %s\n", label, word
        else printf "%-4s %s  %s  (%s)\n", label, word, titles[what, n], sources[what, n]
      }
      if (skipped) printf "faults: %d not run on this machine, see above\n", skipped
      printf "faults: %d passed, %d failed\n", passed, failed
      exit failed > 0
    }'
}

run_all "$@" | table
status=$?
[ $status = 0 ] || echo "faults: the output of the tests is in $log" >&2
exit $status
