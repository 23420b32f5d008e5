#!/usr/bin/env bash
# with_sim.sh - runs a command against the simulator's server: XAI_BASE_URL and a test key in its environment.
# SPDX-License-Identifier: MIT
set -euo pipefail

exec 3< <(exec xai sim --port 0)
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
if ! read -r -t 30 url <&3 || [[ $url != http* ]]; then
  echo "xai sim did not say where it listens (${url:-nothing})" >&2
  exit 1
fi
# Its further lines go nowhere, but must be read, or it would wait for a reader one day.
cat <&3 >/dev/null &
export XAI_BASE_URL=$url XAI_API_KEY=xai-test-0000 NO_PROXY=127.0.0.1,localhost
"$@"
