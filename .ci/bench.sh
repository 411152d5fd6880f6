#!/usr/bin/env bash
# bench.sh [ARGUMENT…]: runs docs/benchmarks/bench.py with the Python of the original.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .tools/venv-original/bin/python ]; then
  echo "the benchmarks compare with a Python package: they need Python 3.10 or newer" >&2
  exit 1
fi
bash .ci/python-venv.sh venv-hyperqueue .ci/requirements-hyperqueue.txt || echo "HyperQueue cannot be installed, so it is not measured" >&2
export PYTHONDONTWRITEBYTECODE=1
exec .tools/venv-original/bin/python docs/benchmarks/bench.py "$@"
