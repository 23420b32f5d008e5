#!/usr/bin/env bash
# run.sh - tests xai inside a real LÖVE, on a screen in memory; the last line is "passed=N failed=M stall=MS memory=KIB note=...".
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/../../.."
. spec/hosts/lib.sh

command -v love Xvfb >/dev/null && [[ -e build/luajit/xai/core.so ]] || exit 77
home=$PWD/build/hosts/love
rm -rf "$home"
mkdir -p "$home"

# A display whose number Xvfb chooses; what draws is the processor.
run() {
  local display status=0 screen
  exec 5< <(exec Xvfb -displayfd 1 -screen 0 640x480x24 -nolisten tcp -noreset 2>"$home/xvfb.log")
  screen=$!
  if ! read -r -t 30 display <&5; then
    cat "$home/xvfb.log"
    return 1
  fi
  HOME=$home XDG_DATA_HOME=$home DISPLAY=:$display LIBGL_ALWAYS_SOFTWARE=1 SDL_AUDIODRIVER=dummy \
    timeout 120 love spec/hosts/love || status=$?
  kill "$screen" 2>/dev/null || true
  return $status
}

with_server run
