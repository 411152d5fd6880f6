#!/usr/bin/env bash
# test.sh: checks and tests what has the build tag cuda. Tests that need a device skip where there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/cuda/env.sh
packages=./backbones/cuda/agent
for folder in sdk/cuda plugins/cudaresize; do
  if [ -d "$folder" ]; then packages="$packages ./$folder/..."; fi
done
# shellcheck disable=SC2086 # one package a word
go vet -tags cuda $packages
# shellcheck disable=SC2086
go test -tags cuda $packages
