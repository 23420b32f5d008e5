#!/usr/bin/env bash
# run.sh - starts the chat page in a temporary nginx of your own and says where it is; ctrl-C ends it.
# SPDX-License-Identifier: MIT
#
# No root, nothing installed, no fixed port (PORT=8080 asks for one); what it writes is below build/. With
# XAI_API_KEY set it asks the real API, else the simulator, and it says which.
set -euo pipefail
cd "$(dirname "$0")/../.."

tree=$PWD run=build/examples/nginx here=examples/nginx
for need in nginx luajit curl; do
  command -v "$need" >/dev/null || { echo "$need is not installed: make deps SETS='build hosts'" >&2; exit 1; }
done
[[ -e build/luajit/xai/core.so ]] || { echo "not built: run make" >&2; exit 1; }

# Debian keeps the Lua module in files; OpenResty has it inside.
load= modules=/usr/lib/nginx/modules
if ! nginx -V 2>&1 | grep -q lua-nginx-module; then
  [[ -e $modules/ngx_http_lua_module.so ]] || { echo "nginx has no Lua module: make deps SETS=hosts" >&2; exit 1; }
  [[ -e $modules/ndk_http_module.so ]] && load="load_module $modules/ndk_http_module.so; "
  load+="load_module $modules/ngx_http_lua_module.so;"
fi

nginx= sim=
finish() {
  trap - EXIT INT TERM
  [[ -z $nginx ]] || { kill -QUIT "$nginx" 2>/dev/null && wait "$nginx" || true; }
  [[ -z $sim ]] || kill "$sim" 2>/dev/null || true
}
trap finish EXIT
trap 'exit 0' INT TERM

asks="the real API"
if [[ -z ${XAI_API_KEY:-} ]]; then
  exec 3< <(exec env -u XAI_SIMULATE build/bin/xai sim --port 0)
  sim=$!
  read -r -t 30 url <&3
  cat <&3 >/dev/null &
  export XAI_API_KEY=xai-test-0000 XAI_BASE_URL=$url
  asks="the simulator: its answers are invented (set XAI_API_KEY for real ones)"
fi

resolver=$(awk '$1 == "nameserver" { print ($2 ~ /:/ ? "[" $2 "]" : $2); exit }' /etc/resolv.conf 2>/dev/null || true)
for ca in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  [[ -n $ca && -r $ca ]] && break
done

mkdir -p "$run"
for _ in {1..20}; do
  port=${PORT:-$((20000 + RANDOM % 12000))}
  sed -e "s|@MODULES@|$load|" -e "s|@TREE@|$tree|g" -e "s|@RUN@|$run|g" -e "s|@PORT@|$port|" \
    -e "s|@RESOLVER@|${resolver:-127.0.0.1}|" -e "s|@CA@|$ca|" "$here/nginx.conf" >"$run/nginx.conf"
  nginx -p "$tree/" -c "$run/nginx.conf" -e stderr 2> >(tee "$run/error.log" >&2) &
  nginx=$!
  for _ in {1..50}; do
    kill -0 "$nginx" 2>/dev/null || break
    if curl -sf -o "$run/page" "http://127.0.0.1:$port/" && cmp -s "$run/page" "$here/chat.html"; then
      echo "http://127.0.0.1:$port/ asks $asks. Ctrl-C ends it."
      wait "$nginx" || true
      exit 0
    fi
    sleep 0.1
  done
  wait "$nginx" || true
  nginx=
  [[ -z ${PORT:-} ]] && grep -q "in use" "$run/error.log" || break
done
echo "nginx did not start" >&2
exit 1
