#!/usr/bin/env bash
# slurm/test.sh PACKAGE…: tests the launcher for Slurm with a real Slurm on this machine. It needs root, and Debian's slurm-wlm and munge, which
# it installs where apt can. The tests start the daemons, and nothing of them is left behind, even if a test is killed.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" != 0 ]; then
  exec bash .ci/leave-out.sh slurm "this is not root, as whom the daemons of Slurm run here"
fi
have() { [ -x /usr/sbin/slurmctld ] && [ -x /usr/sbin/slurmd ] && [ -x /usr/sbin/munged ] && [ -x /usr/bin/sbatch ]; }
TMPDIR=$(mktemp -d)
export TMPDIR
clean() {
  local process
  for process in /proc/[0-9]*; do
    if tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -q "^SLURM_CONF=$TMPDIR/"; then
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
  rm -rf "$TMPDIR"
}
trap clean EXIT
if ! have; then
  log=$TMPDIR/apt.log
  install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; }
  if ! { install || { apt-get update -qq && install; }; } >"$log" 2>&1 || ! have; then
    tail -n 5 "$log" >&2
    bash .ci/leave-out.sh slurm "slurm-wlm and munge could not be installed"
    exit
  fi
fi
# As the task build compiles, so that little is left to compile. The tests mostly wait, so many run at once.
export CGO_ENABLED=0 GOFLAGS=-trimpath
bash .ci/go-test.sh -tags slurm -run 'TestSlurm$' -parallel 16 "$@"
