#!/usr/bin/env bash
# Tests the launcher for Slurm with a real Slurm on this machine. It needs root, and Debian's slurm-wlm and munge, which it installs where apt
# can: nothing of them starts by itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "$(id -u)" != 0 ]; then
  exec bash .ci/leave-out.sh slurm "this is not root, as whom the daemons of Slurm run here"
fi
have() { [ -x /usr/sbin/slurmctld ] && [ -x /usr/sbin/slurmd ] && [ -x /usr/sbin/munged ] && [ -x /usr/bin/sbatch ]; }
if ! have; then
  install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge; }
  log=$(mktemp)
  if ! { install || { apt-get update -qq && install; }; } >"$log" 2>&1 || ! have; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    exec bash .ci/leave-out.sh slurm "slurm-wlm and munge could not be installed"
  fi
  rm -f "$log"
fi
bash .ci/go-test.sh -tags slurm -run TestSlurm "$@"
