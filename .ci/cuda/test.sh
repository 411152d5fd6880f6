#!/usr/bin/env bash
# test.sh: checks and tests what has the build tag cuda. Tests that need a device skip where there is none.
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/cuda/env.sh
packages="./sdk/cuda/... ./plugins/cudaresize/..."
# shellcheck disable=SC2086 # one package a word
go vet -tags cuda $packages

# Whatever this machine has, the agent starts and answers with JSON.
status=0
answer=$(bin/kagurazaka-cuda-agent list) || status=$?
case "$status $answer" in
  '0 {"driver":'* | '1 {"error":'*) ;;
  *) echo "kagurazaka-cuda-agent list: exit status $status, answer: $answer" >&2; exit 1 ;;
esac

# A driver for tests, which the programs find when they run. On a machine with a device, the tests use that as well.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
$(go env CXX) -shared -fPIC -O2 -Wall -ffp-contract=off -I.tools/cuda/include -Iplugins/cudaresize/internal/kernel -Wl,-soname,libcuda.so.1 \
  -o "$work/libcuda.so.1" .ci/cuda/test_driver.cc
# shellcheck disable=SC2086
if bin/kagurazaka-cuda-agent list >/dev/null; then
  go test -count=1 -tags cuda $packages
else
  bash .ci/leave-out.sh gpu "there is no CUDA device here: what follows runs on a driver of the tests' own"
fi
# shellcheck disable=SC2086
LD_LIBRARY_PATH=$work go test -count=1 -tags cuda $packages

want='"devices":[{"index":0,"name":"Device of a test","uuid":"GPU-00010203-0405-0607-0809-0a0b0c0d0e0f","compute_capability":"9.0","memory_total":1073741824,"memory_free":1073741824}]}'
got=$(LD_LIBRARY_PATH=$work bin/kagurazaka-cuda-agent list)
case $got in
  '{"driver":"'*'","cuda":"12.9",'"$want") ;;
  *) printf 'kagurazaka-cuda-agent list with the driver of the test: %s\n' "$got" >&2; exit 1 ;;
esac
got=$(LD_LIBRARY_PATH=$work bin/kagurazaka-cuda-agent watch </dev/null | head -n 1)
case $got in
  '{"time":"'*'","devices":[{"index":0,"memory_used":0,"memory_total":1073741824}]}') ;;
  *) printf 'kagurazaka-cuda-agent watch with the driver of the test: %s\n' "$got" >&2; exit 1 ;;
esac

# A run through the whole pipeline: on a device that holds only small batches, and on one that is lost every 20 launches. What comes out is what
# resize makes.
host=$PWD/bin/kagurazaka plugins=$PWD/bin/plugins
cd "$work"
"$host" "$plugins/picture" Picture --count 60 --size 400 --out in >/dev/null
run() { "$host" --progress none "$@" --size 96 --mixin hard_shard_mode.input_path=in "hard_shard_mode.output_path=$out" output_mode.ext=.jpg; }
out=resized run "$plugins/resize" Resize
export LD_LIBRARY_PATH=$work
out=small TEST_DRIVER_MEMORY=8000000 run "$plugins/cudaresize" CudaResize --device cuda --batch_size 32
out=lost TEST_DRIVER_LOST=20 run "$plugins/cudaresize" CudaResize --device cuda --batch_size 4
diff -r resized small
diff -r resized lost
