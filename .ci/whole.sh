#!/usr/bin/env bash
# whole.sh COMMAND…: runs a command and prints its output as a whole at its end, for tasks that run beside others.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '== %s\n' "$*" >"$log"
status=0
"$@" >>"$log" 2>&1 </dev/null || status=$?
# One at a time, where there is flock.
if command -v flock >/dev/null; then flock "$0" cat "$log"; else cat "$log"; fi
exit $status
