#!/bin/sh
# one_core.sh - runs a command on one processor, where the system has several and lets us choose.
# SPDX-License-Identifier: MIT
if [ "$(nproc)" -gt 1 ] && command -v taskset >/dev/null; then exec taskset -c 0 "$@"; fi
exec "$@"
