#!/usr/bin/env bash
# interop.sh - lets other people's clients talk to `xai sim`, unchanged, and compares with ajv: every spec/interop/*.mjs.
# SPDX-License-Identifier: MIT
#
# interop.sh [--install]   They run in build/interop, where npm puts the packages that spec/interop/package.json names.
#                          --install: that alone.
set -euo pipefail

mkdir -p build/interop
cp -r spec/interop/. build/interop/
if ! cmp -s build/interop/package.json build/interop/installed.json; then
  (cd build/interop && npm install --no-audit --no-fund --loglevel=error)
  cp build/interop/package.json build/interop/installed.json
fi
if [[ ${1:-} == --install ]]; then exit 0; fi

worst=0
for script in spec/interop/*.mjs; do
  name=${script##*/}
  echo "-- $name"
  timeout -k 10 120 tools/with_sim.sh node --test-reporter=spec "build/interop/$name" || { echo "FAILED $name"; worst=1; }
done
exit $worst
