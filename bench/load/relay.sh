#!/usr/bin/env bash
# relay.sh - relays between the load server and bench/load/readers.c, each side on a processor of its own.
# SPDX-License-Identifier: MIT
#
# relay.sh RELAY[,RELAY...] STREAMS HZ SECONDS     in the repository's root; what is printed is readers.c's
#   One nginx for all of xai: xai.ngx.relay there, bare: a cosocket and nothing of ours, proxy: its proxy_pass; or one
#   of pipe, openai: bench/peers/relay.mjs
set -euo pipefail

who=$1 streams=$2 hz=$3 seconds=$4
run=$PWD/build/bench/relay modules=/usr/lib/nginx/modules
mkdir -p "$run"
near=() far=()
if (($(nproc) > 1)) && command -v taskset >/dev/null; then near=(taskset -c 0) far=(taskset -c 1); fi

coproc SERVER { exec "${near[@]}" build/bench/server; }
read -r upstream <&"${SERVER[0]}"
api=http://127.0.0.1:$upstream/rate/$hz/1000000/v1

relay=
trap '[[ -z $relay ]] || kill "$relay" 2>/dev/null || true' EXIT

load=
if command -v nginx >/dev/null && ! nginx -V 2>&1 | grep -q lua-nginx-module; then
  [[ ! -e $modules/ndk_http_module.so ]] || load="load_module $modules/ndk_http_module.so;"
  [[ ! -e $modules/ngx_http_lua_module.so ]] || load+="load_module $modules/ngx_http_lua_module.so;"
fi

start() { # on $port
  case $who in
    *xai* | *bare* | *proxy*)
      sed -e "s|@MODULES@|$load|" -e "s|@RUN@|$run|" -e "s|@TREE@|$PWD|g" -e "s|@PORT@|$port|" -e "s|@API@|$api|" \
        bench/load/relay.conf >"$run/nginx.conf"
      exec "${far[@]}" nginx -p "$run/" -c "$run/nginx.conf" -e "$run/error.log"
      ;;
    *) exec "${far[@]}" node build/peers/relay.mjs "$who" "$port" "$api" ;;
  esac
}

# nginx cannot say which free port it took: one after the other is tried.
for _ in {1..20}; do
  port=$((20000 + RANDOM % 12000))
  start >"$run/start.log" 2>&1 &
  relay=$!
  for _ in {1..100}; do
    kill -0 "$relay" 2>/dev/null || break
    if curl -sf "http://127.0.0.1:$port/ready" >/dev/null; then
      mapfile -t ways < <(tr , '\n' <<<"$who" | sed "s|.*|&=http://127.0.0.1:$port/&|")
      "${near[@]}" build/bench/readers "$api/responses" "$relay" "$streams" "$seconds" "${ways[@]}"
      exit
    fi
    sleep 0.1
  done
  wait "$relay" || true
  grep -qi "in use" "$run/start.log" "$run/error.log" 2>/dev/null || break
done
tail -n 3 "$run/start.log"
exit 1
