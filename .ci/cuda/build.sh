#!/usr/bin/env bash
# build.sh VERSION: builds what uses CUDA with gorgonia.org/cu, on a machine that needs no CUDA: bin/plugins/cudaresize.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/cuda/env.sh
mkdir -p bin/plugins
go build -tags cuda -trimpath -ldflags "-s -w -X main.version=${1:-dev}" -o bin/plugins/cudaresize ./plugins/cudaresize
# For the task: `build` puts one without CUDA in its place.
cksum <bin/plugins/cudaresize >bin/.cuda
