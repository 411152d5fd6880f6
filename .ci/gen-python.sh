#!/usr/bin/env bash
# gen-python.sh OUT: generates the Python messages of proto/ into the folder OUT, which stands for sdk/python. Without the
# environment .tools/venv-proto it says so and succeeds.
set -euo pipefail
out=${1:?OUT}
cd "$(dirname "$0")/.."
python=.tools/venv-proto/bin/python
if [ ! -x "$python" ]; then
  echo "left out: the Python messages, because there is no .tools/venv-proto" >&2
  exit 0
fi
# protoc makes modules importable by the proto's own path (kagurazaka.v1.plugin_pb2). The SDK's package is called
# kagurazaka too, and nothing but the SDK is to import the messages: so they live in its private package _proto. The
# file keeps its registered name, which is what the wire and reflection see.
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$out/kagurazaka/_proto"
"$python" -m grpc_tools.protoc -I proto --python_out="$stage" --pyi_out="$stage" proto/kagurazaka/v1/plugin.proto
cp "$stage"/kagurazaka/v1/plugin_pb2.py "$stage"/kagurazaka/v1/plugin_pb2.pyi "$out/kagurazaka/_proto/"
