#!/usr/bin/env bash
# package.sh - installs in all ways into scratch places below build/, uses the result, and removes it again.
# SPDX-License-Identifier: MIT
set -euo pipefail

stage=$PWD/build/stage
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

# only KIND PREFIX FILE: every name of that kind which the file shows begins so.
only() {
  local strange
  strange=$(nm "$1" --defined-only "$3" | awk -v prefix="$2" '$2 ~ /^[TDBRVW]$/ && index($3, prefix) != 1 { print $3 }')
  [[ -z $strange ]] || fail "$3 shows $(head -3 <<<"$strange" | tr '\n' ' ')"
}

probe_names() {
  only -D xai_ build/libxai.so
  for module in build/*/xai/core.so; do only -D luaopen_ "$module"; done
  echo "ok      what libxai.so and the modules show"
}

# The library itself without PCRE2, and what its schemas do then.
probe_without_pcre2() {
  local tests=(build/plain/test/test_{pattern,schema,schema_stream})
  local plain=(make -s --no-print-directory B=build/plain PCRE2=0)
  "${plain[@]}" lib build/plain/lua5.4/xai/core.so "${tests[@]}" >build/log/plain.log 2>&1 || { cat build/log/plain.log; fail "make PCRE2=0"; }
  tools/each.sh "${tests[@]}" || fail "tests without PCRE2"
  "${plain[@]}" spec-lua5.4 SPECS="spec/schema_spec.lua spec/schema_lint_spec.lua" || fail "specs without PCRE2"
  cc -std=c11 -Icore/include -o build/plain/probe tools/dist_probe.c build/plain/libxai.a -lcurl && build/plain/probe
  [[ $(nm -uD build/plain/libxai.so) != *pcre2* ]] || fail "PCRE2=0 uses PCRE2"
  echo "ok      the library without PCRE2"
}

# The pair of files, as an engine takes it: with libcurl and nothing else, in C11 by two compilers and in a C++ program.
probe_dist() {
  make -s --no-print-directory dist
  cp build/dist/xai.[ch] examples/c/engine_tick.c tools/dist_probe.c "$stage-dist"
  (
    cd "$stage-dist"
    cc xai.c engine_tick.c -o engine_tick -lcurl
    for compiler in gcc clang; do
      $compiler -std=c11 -O1 -Wall -Wextra -Werror -I. -o probe dist_probe.c xai.c -lcurl && ./probe
    done
    # shellcheck disable=SC2046
    cc -std=c11 -DXAI_PCRE2=1 $(pkg-config --cflags libpcre2-8) -o probe dist_probe.c xai.c -lcurl -lpcre2-8 && ./probe all
    cc -std=c11 -Wall -Wextra -Werror -DXAI_LAZY_CURL xai.c engine_tick.c -o engine_tick_lazy
    cp dist_probe.c main.cpp
    gcc -std=c11 -O1 -c xai.c && g++ -std=c++11 -Wall -Wextra -Werror -o engine main.cpp xai.o -lcurl && ./engine
  )
  only -g xai_ "$stage-dist/xai.o"
  for engine in engine_tick engine_tick_lazy; do
    tools/with_sim.sh "$stage-dist/$engine" | grep -q . || fail "the engine's tick is silent ($engine)"
  done
  echo "ok      xai.c and xai.h with libcurl alone, in C11 and C++"
}

rm -rf "$stage" "$stage-dist"
mkdir -p "$stage-dist" build/log
make -s --no-print-directory install PREFIX="$stage" DESTDIR=
probe_lua lua5.4 5.4 "$stage"
probe_lua lua5.3 5.3 "$stage"
probe_lua luajit 5.1 "$stage"
PATH=$PWD/build/bin:$PATH probe_c
(cd / && env -u LUA_PATH -u LUA_CPATH XAI_SIMULATE=1 "$stage/bin/xai" ask Hello 2>/dev/null) | grep -q . ||
  fail "the installed command is silent"
echo "ok      the installed command"
make -s --no-print-directory uninstall PREFIX="$stage" DESTDIR=
probe_names
probe_without_pcre2
PATH=$PWD/build/bin:$PATH probe_dist
left=$(find "$stage" ! -type d)
[[ -z $left ]] || fail "uninstall left $left"

make -s --no-print-directory doc >build/log/doc.log 2>&1 || { cat build/log/doc.log; fail "the reference is not whole"; }
echo "ok      the reference: $(tail -n 1 build/log/doc.log)"
tools/package_rocks.sh
