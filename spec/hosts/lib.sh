# lib.sh - what the hosts' run.sh have in common; to be sourced from the top of the tree. SPDX-License-Identifier: MIT
# shellcheck shell=bash

server=
# with_server COMMAND...: the command with XAI_BASE_URL and a key, against the server that every host asks.
# Status 77: the server's own needs (LuaJIT with lua-http) are not installed.
with_server() {
  local url status=0
  luajit -e 'require "cqueues" require "http.server"' 2>/dev/null || exit 77
  exec 3< <(exec luajit spec/hosts/server.lua "${BETWEEN_WORDS:-0.01}" 2>&1)
  server=$!
  trap 'kill "$server" 2>/dev/null || true' EXIT
  if ! read -r -t 30 url <&3 || [[ $url != http* ]]; then
    echo "the server did not say where it listens: ${url:-nothing}"
    exit 1
  fi
  cat <&3 >/dev/null & # its further lines must be read, or it would wait for a reader one day
  XAI_BASE_URL=$url XAI_API_KEY=xai-test-0000 NO_PROXY=127.0.0.1 "$@" || status=$?
  kill "$server" 2>/dev/null || true
  return $status
}

# add LINE: standard input, with what the closing line LINE counts on top of its own closing line's.
add() {
  local passed failed
  passed=$(sed -n 's/^passed=\([0-9]*\).*/\1/p' <<<"$1") failed=$(sed -n 's/.* failed=\([0-9]*\).*/\1/p' <<<"$1")
  awk -v passed="${passed:-0}" -v failed="${failed:-1}" '/^passed=/ {
    split($1, p, "="); split($2, f, "="); $1 = "passed=" p[2] + passed; $2 = "failed=" f[2] + failed }
    { print } END { exit failed > 0 }'
}

# snippet TITLE [LANGUAGE [FILE]]: the code of that section of doc/hosts.md, in Lua if not told otherwise.
snippet() {
  awk -v title="## $1" -v fence="^\`\`\`${2:-lua}\$" '$0 == title { on = 1; next } /^## / { on = 0 }
    /^```/ { code = on && $0 ~ fence; next } on && code' "${3:-doc/hosts.md}"
}

# try_snippet TITLE RUN PATTERN: run it by the function or command RUN; a closing line, of one that passed when it said such a line.
try_snippet() {
  local said
  snippet "$1" >"build/hosts/snippet.lua"
  if said=$("$2" build/hosts/snippet.lua 2>&1) && grep -q "$3" <<<"$said"; then
    echo "passed=1 failed=0"
  else
    printf 'FAILED  doc/hosts.md, %s:\n%s\n' "$1" "$said" >&2
    echo "passed=0 failed=1"
  fi
}
