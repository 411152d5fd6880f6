#!/usr/bin/env bash
# Makes .tools/venv-torch: the distribution's PyTorch (Debian's python3-torch and python3-torchvision, some 240 MB, installed
# where that is possible) with what the Python SDK and its tests need. Where there is none, leave-out.sh decides
# whether the tests that need torch may do without.
set -euo pipefail
cd "$(dirname "$0")/.."
python=/usr/bin/python3
has_torch() { "$python" -c 'import torch, torchvision' 2>/dev/null; }
left_out() { exec bash .ci/leave-out.sh venv-torch "$1"; }
[ -x .tools/venv/bin/python ] || left_out "there is no .tools/venv"
# The distribution's Python comes with its PyTorch where there is none yet.
if ! has_torch; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || left_out "PyTorch is not installed (apt-get install python3-torch python3-torchvision)"
  echo "installing python3-torch and python3-torchvision"
  mkdir -p .tools
  log=.tools/torch-apt.log
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-torch python3-torchvision; } >"$log" 2>&1 || true
  has_torch || { tail -5 "$log" >&2; left_out "apt-get could not install python3-torch"; }
  rm -f "$log"
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || left_out "$python is older than Python 3.10"
packages=$(grep -E '^(grpcio|protobuf|pytest|pytest-timeout)==' .ci/requirements-sdk.txt)
want="$("$python" -c 'import sys, torch; print(sys.version, torch.__version__)')
$packages"
stamp=.tools/stamps/venv-torch
[ -x .tools/venv-torch/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0
echo "making .tools/venv-torch"
mkdir -p .tools/stamps
rm -rf .tools/venv-torch "$stamp"
# Debian's venv comes without pip unless another package is there: the other environment's pip does it.
"$python" -m venv --without-pip --system-site-packages .tools/venv-torch
# shellcheck disable=SC2086
.tools/venv/bin/python -m pip --python .tools/venv-torch/bin/python install --quiet --disable-pip-version-check $packages
printf '%s\n' "$want" >"$stamp"
