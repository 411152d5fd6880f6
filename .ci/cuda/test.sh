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

# The agent with a driver, which is loaded when the program runs.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
$(go env CC) -shared -fPIC -O2 -Wall -I.tools/cuda/include -Wl,-soname,libcuda.so.1 -o "$work/libcuda.so.1" .ci/cuda/fake_driver.c
want='"devices":[{"index":0,"name":"Device of a test","uuid":"GPU-00010203-0405-0607-0809-0a0b0c0d0e0f","compute_capability":"9.0","memory_total":1073741824,"memory_free":536870912}]}'
got=$(LD_LIBRARY_PATH=$work bin/kagurazaka-cuda-agent list)
case $got in
  '{"driver":"'*'","cuda":"12.9",'"$want") ;;
  *) printf 'kagurazaka-cuda-agent list with the driver of the test: %s\n' "$got" >&2; exit 1 ;;
esac
got=$(LD_LIBRARY_PATH=$work bin/kagurazaka-cuda-agent watch </dev/null | head -n 1)
case $got in
  '{"time":"'*'","devices":[{"index":0,"memory_used":536870912,"memory_total":1073741824}]}') ;;
  *) printf 'kagurazaka-cuda-agent watch with the driver of the test: %s\n' "$got" >&2; exit 1 ;;
esac
