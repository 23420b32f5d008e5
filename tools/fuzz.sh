#!/usr/bin/env bash
# fuzz.sh - runs each fuzz target for FUZZ_SECONDS, from the inputs in core/fuzz/corpus/NAME.
# SPDX-License-Identifier: MIT
#
# What it finds new stays in build/fuzz/corpus/NAME; an input that breaks something is build/fuzz/NAME-crash-...
# or -leak- or -timeout-, and its story the log beside it. To keep what was found:
#   build/fuzz/fuzz/fuzz_X -set_cover_merge=1 -use_counters=0 -max_len=1500 core/fuzz/corpus/X build/fuzz/corpus/fuzz_X
set -euo pipefail

dictionary() {
  case $1 in
    head | request) echo http ;;
    answer | error | fold) echo api ;;
    schema*) echo schema ;;
    sse) echo sse ;;
    *) echo json ;;
  esac
}

fuzz() {
  local target=$1 name=${1##*/}
  local corpus=build/fuzz/corpus/$name seeds=core/fuzz/corpus/${name#fuzz_} log=build/fuzz/$name.log words
  words=core/fuzz/dict/$(dictionary "${name#fuzz_}").dict
  mkdir -p "$corpus"
  [[ -d $seeds ]] || seeds=
  if "$target" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" -dict="$words" "$corpus" ${seeds:+"$seeds"} >"$log" 2>&1; then
    echo "ok      $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
    return
  fi
  tail -n 60 "$log"
  echo "FAILED  $name"
  return 1
}

# Two at a time: most machines have as many processors. They take equally long, so the oldest ends first.
worst=0 running=()
for target in "$@"; do
  fuzz "$target" &
  running+=($!)
  if ((${#running[@]} == 2)); then
    wait "${running[0]}" || worst=1
    running=("${running[@]:1}")
  fi
done
for process in "${running[@]}"; do wait "$process" || worst=1; done
exit $worst
