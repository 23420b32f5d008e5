#!/bin/sh
# one_core.sh - runs a command on one processor, where the system has several and lets us choose. The load server, whose
# process is BENCH_SERVER, has the others meanwhile.
# SPDX-License-Identifier: MIT
last=$(($(nproc) - 1))
if [ $last -eq 0 ] || ! command -v taskset >/dev/null; then exec "$@"; fi
server_on() { [ -z "${BENCH_SERVER:-}" ] || taskset -cp "$1" "$BENCH_SERVER" >/dev/null; }
server_on 1-$last
taskset -c 0 "$@"
status=$?
server_on 0-$last
exit $status
