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

# The lines of doc/hosts.md, and beside them a player who presses a key and waits for words.
lines=$home/lines
mkdir -p "$lines"
snippet "LÖVE, every frame loop in Lua" >"$lines/main.lua"
cp examples/love/conf.lua "$lines"
cat >>"$lines/main.lua" <<'LUA'
local draw, seen = love.draw, 0
function love.draw()
  draw()
  seen = seen + 1
  if seen == 2 then love.keypressed "space" end
  if #words > 10 then io.stdout:write("said ", words, "\n") end
  if #words > 10 or seen > 1000 then love.event.quit() end
end
LUA

# A display whose number Xvfb chooses; what draws is the processor.
run() {
  local display status=0 screen said=0
  exec 5< <(exec Xvfb -displayfd 1 -screen 0 640x480x24 -nolisten tcp -noreset 2>"$home/xvfb.log")
  screen=$!
  if ! read -r -t 30 display <&5; then
    cat "$home/xvfb.log"
    return 1
  fi
  export HOME=$home XDG_DATA_HOME=$home DISPLAY=:$display LIBGL_ALWAYS_SOFTWARE=1 SDL_AUDIODRIVER=dummy
  if timeout -k 5 60 love "$lines" 2>&1 | tee "$home/lines.log" | grep "^said ..........." >/dev/null; then said=1; else cat "$home/lines.log"; fi
  ((said)) || echo "FAILED  the lines of doc/hosts.md for LÖVE"
  timeout -k 5 120 love spec/hosts/love | add "passed=$said failed=$((1 - said))" || status=$?
  kill "$screen" 2>/dev/null || true
  return $status
}

with_server run
