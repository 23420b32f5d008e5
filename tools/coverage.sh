#!/usr/bin/env bash
# coverage.sh - line and branch coverage of core/src after tests with --coverage: a table, and a failure below the bounds.
# SPDX-License-Identifier: MIT
#
# coverage.sh DIR   where the objects are. The pages for reading are DIR/html. Branches of an assert are not counted:
# the one that is never taken is its point.
set -euo pipefail

dir=$1 lines=${COVERAGE_LINES:-95} branches=${COVERAGE_BRANCHES:-85}
rc=(--rc lcov_branch_coverage=1 --rc 'lcov_excl_br_line=LCOV_EXCL_BR_LINE|assert\(')

# Debian's lcov complains of itself for each file.
exec 2> >(grep -v ' redefined at ' >&2)
lcov -q "${rc[@]}" --capture --directory "$dir" --output-file "$dir/all.info"
lcov -q "${rc[@]}" --extract "$dir/all.info" "$PWD/core/src/*" "$PWD/lua/c/*" -o "$dir/ours.info"
lcov -q "${rc[@]}" --extract "$dir/ours.info" "$PWD/core/src/*" -o "$dir/core.info"
genhtml -q --branch-coverage "$dir/ours.info" -o "$dir/html"

awk -F: -v least_lines="$lines" -v least_branches="$branches" '
  function share(hit, all) { return all > 0 ? 100 * hit / all : 100 }
  $1 == "SF" { file = $2; sub(/.*\//, "", file) }
  $1 == "LF" { all[file] = $2; lines += $2 }
  $1 == "LH" { hit[file] = $2; lines_hit += $2 }
  $1 == "BRF" { br_all[file] = $2; branches += $2 }
  $1 == "BRH" { br_hit[file] = $2; branches_hit += $2 }
  END {
    sort = "sort"
    for (file in all)
      printf "%-28s lines %5.1f %%  branches %5.1f %%\n", file, share(hit[file], all[file]),
        share(br_hit[file], br_all[file]) | sort
    close(sort)
    l = share(lines_hit, lines); b = share(branches_hit, branches)
    printf "core/src: lines %.1f %% (at least %d), branches %.1f %% (at least %d)\n", l, least_lines, b, least_branches
    exit !(lines > 0 && branches > 0 && l >= least_lines && b >= least_branches)
  }' "$dir/core.info"
