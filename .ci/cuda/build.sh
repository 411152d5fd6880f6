#!/usr/bin/env bash
# build.sh VERSION: builds what uses CUDA with gorgonia.org/cu, on a machine that needs no CUDA: bin/kagurazaka-cuda-agent and
# bin/plugins/cudaresize.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/cuda/env.sh
mkdir -p bin/plugins
build() { go build -tags cuda -trimpath -ldflags "-s -w -X main.version=${1:-dev}" -o "$2" "$3"; }
build "${1:-}" bin/kagurazaka-cuda-agent ./backbones/cuda/agent
build "${1:-}" bin/plugins/cudaresize ./plugins/cudaresize
# For the task: `build` puts one without CUDA in its place.
cksum <bin/plugins/cudaresize >bin/.cuda

# Whatever this machine has, the agent starts and answers with JSON.
status=0
answer=$(bin/kagurazaka-cuda-agent list) || status=$?
case "$status $answer" in
  '0 {"driver":'* | '1 {"error":'*) ;;
  *) echo "kagurazaka-cuda-agent list: exit status $status, answer: $answer" >&2; exit 1 ;;
esac
