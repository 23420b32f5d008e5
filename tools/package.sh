#!/usr/bin/env bash
# package.sh - installs in all ways into scratch places below build/, uses the result, and removes it again.
# SPDX-License-Identifier: MIT
set -euo pipefail

stage=$PWD/build/stage rocks=$PWD/build/rocks
probe='local xai = require "xai"; assert(xai.new { api_key = "xai-probe" }):close(); print(require("xai.json").encode { 1 })'

fail() {
  echo "package: $*" >&2
  exit 1
}

# The Lua must find the library in the scratch place alone, so it starts where there is nothing of ours.
probe_lua() {
  local lua=$1 version=$2 root=$3
  (cd "$root" && LUA_PATH="$root/share/lua/$version/?.lua;$root/share/lua/$version/?/init.lua;;" \
    LUA_CPATH="$root/lib/lua/$version/?.so;;" "$lua" -e "$probe") | grep -qx '\[1\]' || fail "$lua cannot use $root"
  echo "ok      $lua in ${root#"$PWD"/}"
}

probe_c() {
  export PKG_CONFIG_PATH=$stage/lib/pkgconfig
  local source=examples/c/blocking.c
  # shellcheck disable=SC2046
  cc $(pkg-config --cflags xai) -o build/stage-example $source $(pkg-config --libs xai)
  LD_LIBRARY_PATH=$stage/lib tools/with_sim.sh build/stage-example | grep -q . || fail "the installed library is silent"
  echo "ok      $source with the installed library"
}

# The pair of files, as an engine takes it: C11 by two compilers, and a C++ program around the header.
probe_dist() {
  make -s --no-print-directory dist
  cp build/dist/xai.[ch] examples/c/engine_tick.c "$stage-dist"
  local libs flags
  libs=$(pkg-config --libs libcurl libpcre2-8) flags=$(pkg-config --cflags libcurl libpcre2-8)
  (
    cd "$stage-dist"
    for compiler in gcc clang; do
      # shellcheck disable=SC2086
      $compiler -std=c11 -O1 -Wall -Wextra -Werror $flags -I. -o engine_tick engine_tick.c xai.c $libs -lm
    done
    printf '#include "xai.h"\nint main() { return xai_str_of("x").len == 1 ? 0 : 1; }\n' >main.cpp
    # shellcheck disable=SC2086
    gcc -std=c11 -O1 $flags -c xai.c && g++ -std=c++11 -Wall -Wextra -Werror -o engine main.cpp xai.o $libs && ./engine
    if nm xai.o | grep ' [TDBRV] ' | grep -v ' xai_'; then exit 1; fi # every name it shows is ours
  ) || fail "xai.c and xai.h do not build or show strange names"
  tools/with_sim.sh "$stage-dist/engine_tick" | grep -q . || fail "the engine's tick is silent"
  echo "ok      xai.c and xai.h, in C11 and under C++"
}

rm -rf "$stage" "$rocks" "$stage-dist"
mkdir -p "$stage-dist"
make -s --no-print-directory install PREFIX="$stage" DESTDIR=
probe_lua lua5.4 5.4 "$stage"
probe_lua lua5.3 5.3 "$stage"
probe_lua luajit 5.1 "$stage"
PATH=$PWD/build/bin:$PATH probe_c
(cd / && env -u LUA_PATH -u LUA_CPATH XAI_SIMULATE=1 "$stage/bin/xai" ask Hello 2>/dev/null) | grep -q . ||
  fail "the installed command is silent"
echo "ok      the installed command"
make -s --no-print-directory uninstall PREFIX="$stage" DESTDIR=
PATH=$PWD/build/bin:$PATH probe_dist
left=$(find "$stage" ! -type d)
[[ -z $left ]] || fail "uninstall left $left"

# Debian's luarocks knows no LuaJIT: it is 5.1 with other headers.
rock() {
  local version=$1
  shift
  luarocks --lua-version "$version" make --deps-mode=none --tree "$rocks" "$@" >build/log/rock-"$version".log 2>&1 ||
    { cat build/log/rock-"$version".log; fail "luarocks make failed for $version"; }
}

mkdir -p build/log
rock 5.4 && probe_lua lua5.4 5.4 "$rocks"
rock 5.3 && probe_lua lua5.3 5.3 "$rocks"
rock 5.1 LUA_INCDIR="$(pkg-config --variable=includedir luajit)" && probe_lua luajit 5.1 "$rocks"
