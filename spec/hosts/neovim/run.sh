#!/usr/bin/env bash
# run.sh - tests xai inside a real, headless Neovim; the last line is "passed=N failed=M stall=MS memory=KIB note=...".
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/../../.."
. spec/hosts/lib.sh

command -v nvim >/dev/null && [[ -e build/luajit/xai/core.so ]] || exit 77
home=$PWD/build/hosts/neovim
rm -rf "$home"
mkdir -p "$home"
export XDG_CONFIG_HOME=$home XDG_DATA_HOME=$home XDG_STATE_HOME=$home XDG_CACHE_HOME=$home

# The lines of doc/hosts.md write into the buffer, which is then said.
say='lua vim.wait(20000, function() return #vim.api.nvim_get_current_line() > 10 end) io.write(vim.api.nvim_get_current_line())'
headless() {
  timeout -k 5 60 nvim --headless -u NONE -i NONE -n -c "luafile $1" "${@:2}"
}
try_lines() {
  headless "$1" -c "$say" -c 'qall!'
}

run() {
  local doc
  doc=$(try_snippet Neovim try_lines "...........")
  headless spec/hosts/neovim/tests.lua | add "$doc"
}

with_server run
