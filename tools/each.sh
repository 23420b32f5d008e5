#!/bin/sh
# each.sh - runs test programs one after another, and sees to it that one that dies counts as a failure.
# SPDX-License-Identifier: MIT
#
# each.sh PROGRAM...   with RUN_UNDER (a command such as valgrind) and TEST_TIMEOUT (seconds) from outside. Those that
# take 5 s or more are named with their time.
set -u

worst=0
for program in "$@"; do
  begin=$(date +%s)
  # shellcheck disable=SC2086
  output=$(timeout -k 10 "${TEST_TIMEOUT:-600}" ${RUN_UNDER:-} "$program" 2>&1 </dev/null)
  status=$?
  took=$(($(date +%s) - begin))
  [ "$took" -lt 5 ] || echo "-- ${program##*/} took $took s"
  [ -z "$output" ] || printf '%s\n' "$output"
  [ "$status" = 0 ] || worst=1
  # A clean closing line and a bad status together: a leak found at exit, or a crash on the way out.
  case $status:${output##*
} in
    0:*": "[0-9]*" passed, "*" failed") ;;
    0:*) echo "${program##*/}: 0 passed, 1 failed (no closing line)"; worst=1 ;;
    *" passed, 0 failed" | *[!d]) echo "${program##*/}: 0 passed, 1 failed (status $status)" ;;
  esac
done
exit $worst
