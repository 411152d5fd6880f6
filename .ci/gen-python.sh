#!/usr/bin/env bash
# gen-python.sh ROOT: generates the Python SDK's messages in the tree ROOT, which has proto/ and sdk/python/. Without the
# environment .tools/venv it says so and succeeds.
set -euo pipefail
root=$(cd "${1:?ROOT}" && pwd)
cd "$(dirname "$0")/.."
python=$PWD/.tools/venv/bin/python
if [ ! -x "$python" ]; then
  exec bash .ci/leave-out.sh python-messages "there is no .tools/venv"
fi
PYTHONDONTWRITEBYTECODE=1 "$python" "$root/sdk/python/tools/gen_proto.py"
