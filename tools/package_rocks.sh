#!/usr/bin/env bash
# package_rocks.sh - what LuaRocks makes of a clean clone and of a source rock, for each Lua, without a network.
# SPDX-License-Identifier: MIT
#
# All below build/rocks: the clone, and for each Lua a tree that the rock is built into and one that it is moved to.
set -euo pipefail

top=$PWD/build/rocks clone=$PWD/build/rocks/clone
# Some for each part; all of them run on what make builds.
specs="spec/json_spec.lua spec/client_spec.lua spec/stream_spec.lua spec/schema_spec.lua spec/sim_client_spec.lua"

fail() {
  echo "package: $*" >&2
  exit 1
}

# What Debian has counts as a rock that is there; nobody is asked for more. LuaRocks knows no LuaJIT: to it that is 5.1 with
# other headers.
configure() {
  local lua=$1 variables=
  [[ $lua != luajit ]] || variables="LUA_INCDIR = '$(pkg-config --variable=includedir luajit)'"
  printf '%s\n' "lua_interpreter = '$lua'" "rocks_servers = {}" "variables = { $variables }" \
    "rocks_provided = { argparse = '0.7.1-1', busted = '2.1.1-1', ['lua-cjson'] = '2.1.0-1' }" >"$top/$lua.config"
}

# rocks LUA TREE ARGUMENT...: LuaRocks for that Lua and tree.
rocks() {
  local lua=$1 tree=$2 version=${1#lua}
  shift 2
  [[ $lua != luajit ]] || version=5.1
  LUAROCKS_CONFIG=$top/$lua.config luarocks --lua-version "$version" --tree "$tree" "$@"
}

# quietly WORD COMMAND...: its output only when it fails.
quietly() {
  local log=build/log/rocks.log
  "${@:2}" >"$log" 2>&1 || {
    tail -n 40 "$log"
    fail "$1"
  }
}

# The command finds its library by itself, and the module shows one name.
probe() {
  local lua=$1 tree=$2 module
  (cd / && env -u LUA_PATH -u LUA_CPATH XAI_SIMULATE=1 "$tree/bin/xai" ask Hello 2>/dev/null) | grep -q . ||
    fail "$lua: the command of the rock is silent"
  module=$(echo "$tree"/lib/lua/*/xai/core.so)
  [[ $(nm -D --defined-only "$module" | awk '{ print $3 }') == luaopen_xai_core ]] || fail "$module shows more than luaopen"
}

run_tests() {
  local lua=$1 tree=$2
  (
    cd "$clone"
    unset LUA_PATH LUA_CPATH
    eval "$(rocks "$lua" "$tree" path)"
    # shellcheck disable=SC2086
    rocks "$lua" "$tree" test -- $specs
  )
}

# Its own package is taken from one tree to another: no compiler is needed there.
move() {
  local lua=$1 tree=$2 packed
  mkdir -p "$top/packed-$lua"
  (cd "$top/packed-$lua" && rocks "$lua" "$tree" pack xai)
  packed=$(echo "$top/packed-$lua"/*.rock)
  rocks "$lua" "$tree-moved" install "$packed"
}

check_lua() {
  local lua=$1 tree=$top/$1
  configure "$lua"
  if [[ $lua == lua5.4 ]]; then
    quietly "luarocks make for $lua" make_in_clone "$lua" "$tree"
  else
    quietly "luarocks install for $lua" rocks "$lua" "$tree" install "$rock"
  fi
  probe "$lua" "$tree"
  quietly "luarocks test for $lua" run_tests "$lua" "$tree"
  quietly "luarocks pack for $lua" move "$lua" "$tree"
  probe "$lua" "$tree-moved"
  echo "ok      $lua: built, tested, packed and moved by luarocks"
}

make_in_clone() {
  (cd "$clone" && rocks "$1" "$2" make)
}

# What is missing is named, with what to do.
check_missing() {
  local said
  if said=$(cd "$clone" && rocks lua5.4 "$top/none" make "$1_DIR=$top/none" 2>&1); then fail "luarocks make without $1 worked"; fi
  grep -q "Could not find library file for $1" <<<"$said" || fail "luarocks make without $1 says: $said"
}

rm -rf "$top"
mkdir -p "$top" build/log
rock=$(tools/rock.sh "$top")
mkdir "$clone"
(cd "$top" && unzip -q "$rock" '*.tar.gz' && tar -xzf ./*.tar.gz -C clone --strip-components=1 && rm ./*.tar.gz)
for lua in lua5.4 lua5.3 luajit; do check_lua "$lua"; done
check_missing CURL
check_missing PCRE2
echo "ok      luarocks names what is missing"
