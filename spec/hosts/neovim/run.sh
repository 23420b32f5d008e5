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
with_server timeout 60 nvim --headless -u NONE -i NONE -n -c 'luafile spec/hosts/neovim/tests.lua'
