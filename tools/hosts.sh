#!/usr/bin/env bash
# hosts.sh - runs spec/hosts/*/run.sh, each of which tests us inside one real host, and prints a table.
# SPDX-License-Identifier: MIT
#
# A host's run.sh says what failed, and on its last line "passed=N failed=M stall=MS memory=KIB note=...": the
# longest time that it kept the host's loop, in milliseconds, the peak of the process's memory in KiB. Status 77: not
# installed, which only CI (CI=true) takes for a failure.
set -uo pipefail
cd "$(dirname "$0")/.."

mkdir -p build/hosts
rows=() passed=0 failed=0

field() { # NAME LINE
  sed -n "s/.*\<$1=\([^ ]*\).*/\1/p" <<<"$2"
}

for script in spec/hosts/*/run.sh; do
  host=$(basename "$(dirname "$script")")
  log=build/hosts/$host.log
  timeout -k 10 "${HOST_TIMEOUT:-300}" "$script" >"$log" 2>&1 </dev/null
  status=$?
  if ((status == 77)); then
    rows+=("$host|skipped: not installed|||")
    [[ ${CI:-} != true ]] || failed=$((failed + 1))
    continue
  fi
  last=$(tail -n 1 "$log")
  good=$(field passed "$last") bad=$(field failed "$last")
  if [[ -z $good || -z $bad ]] || ((status != 0 && bad == 0)); then
    good=${good:-0} bad=1 last=
    echo "$host ended with status $status"
  fi
  ((bad == 0)) || cat "$log"
  passed=$((passed + good)) failed=$((failed + bad))
  memory=$(field memory "$last")
  rows+=("$host|$good of $((good + bad))|$(field stall "$last") ms|${memory:+$memory KiB}|${last#*note=}")
done

printf '%-12s %-24s %-14s %-11s %s\n' host passed 'longest stall' memory ''
for row in "${rows[@]}"; do
  IFS='|' read -r host good stall memory note <<<"$row"
  printf '%-12s %-24s %-14s %-11s %s\n' "$host" "$good" "$stall" "$memory" "$note"
done
echo "stall: wall time in one of our calls, less what the thread waited for a processor; in nginx a timer's delay"
echo "hosts: $passed passed, $failed failed"
((failed == 0))
