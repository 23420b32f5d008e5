#!/usr/bin/env bash
# bench_ajv.sh - our schema validator beside npm's ajv, in one run; says so where ajv cannot be had, which is no failure.
# SPDX-License-Identifier: MIT
set -euo pipefail

log=build/log/npm.log
mkdir -p build/log
if ! command -v node >/dev/null || ! tools/interop.sh --install >"$log" 2>&1; then
  echo "ajv                                         missing: npm could not install it (see $log)"
  exit 0
fi
mkdir -p build/interop/bench
cp bench/schema_ajv.mjs build/interop/bench/
exec node build/interop/bench/schema_ajv.mjs
