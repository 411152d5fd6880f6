#!/usr/bin/env bash
# The contract's checks: its style, that it breaks nothing of the baseline, and that the generated files in the tree are
# what it generates. The last is done aside, so that it works in an unclean tree and changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
buf=$PWD/.tools/bin/buf
"$buf" lint proto
"$buf" format --diff --exit-code proto
if ! "$buf" breaking proto --against proto/baseline.binpb; then
  echo "proto/ breaks the contract of proto/baseline.binpb. If that is meant, and nothing was released with it: task proto:baseline" >&2
  exit 1
fi
out=build/proto-check
rm -rf "$out"
mkdir -p "$out/sdk/python/tools" "$out/sdk/python/kagurazaka/_proto"
cp -r proto "$out/proto"
cp sdk/python/tools/gen_proto.py "$out/sdk/python/tools/"
rm -f "$out"/proto/kagurazaka/v1/*.pb.go
(cd "$out/proto" && PATH="$PWD/../../../.tools/bin:$PATH" "$buf" generate)
bash .ci/gen-python.sh "$out"
stale=0
for file in $(cd "$out" && find proto sdk -name '*.pb.go' -o -name '*_pb2.py*'); do
  cmp -s "$out/$file" "$file" || { echo "$file is not what proto/ generates" >&2; stale=1; }
done
[ $stale = 0 ] || { echo "run: task proto" >&2; exit 1; }
echo "proto: style, compatibility and generated files are as they should be"
