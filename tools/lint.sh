#!/usr/bin/env bash
# lint.sh - the style checks; each finding is printed, and the status says whether there was one.
# SPDX-License-Identifier: MIT
#
# lint.sh C_FILE...   Lua files and the rockspec are found by themselves
set -uo pipefail

worst=0

# check NAME COMMAND...
check() {
  echo "-- $1"
  "${@:2}" || { echo "FAILED $1"; worst=1; }
}

# It writes how much it did not say to stderr: noise.
tidy() {
  # shellcheck disable=SC2046
  clang-tidy --quiet --warnings-as-errors='*' "$@" -- -std=c11 -Icore/include -Icore/src \
    $(pkg-config --cflags lua5.4) 2>/dev/null
}

# What our sources share is nobody else's: LuaRocks compiles without -fvisibility=hidden, so each header says it.
hidden() {
  local open
  open=$(grep -lE '\bl?xai_[a-z_0-9]+\(' core/src/*.h lua/c/*.h | xargs grep -L 'pragma GCC visibility push(hidden)')
  [[ -z $open ]] || echo "no #pragma GCC visibility push(hidden) around what is declared: $open"
  [[ -z $open ]]
}

check luacheck luacheck --quiet --no-color lua spec bench examples bin/xai tools/*.lua rockspec/*.rockspec
check clang-format clang-format --dry-run -Werror "$@"
check clang-tidy tidy core/src/*.c lua/c/*.c
check rockspec lua5.4 tools/rockspec.lua
check "hidden names" hidden
exit $worst
