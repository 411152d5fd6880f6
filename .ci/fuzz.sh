#!/usr/bin/env bash
# fuzz.sh N: runs every fuzz target of the module for N new inputs each: a number and not a time, so that a slow machine
# tries as much as a fast one. The Python SDK's hostile messages and task files come from seeds: N/100 of them, some 150
# messages and 40 files each.
set -euo pipefail
cd "$(dirname "$0")/.."
found=0
while IFS=: read -r file _ line; do
  target=${line#func }
  target=${target%%(*}
  found=$((found + 1))
  echo "== $(dirname "$file") $target"
  go test -run='^$' -fuzz="^$target\$" -fuzztime="${1:?N}x" -fuzzminimizetime=100x "./$(dirname "$file")"
done < <(grep -rn --include='*_test.go' -E '^func Fuzz[A-Z0-9][A-Za-z0-9_]*\(' backbones host internal plugins sdk examples 2>/dev/null || true)
echo "$found fuzz targets, ${1} inputs each"
if [ -x .tools/venv/bin/python ]; then
  seeds=$(($1 / 100 > 12 ? $1 / 100 : 12))
  echo "== sdk/python tests/test_hostile.py and test_basis*.py, $seeds seeds"
  cd sdk/python
  KAGURAZAKA_FUZZ_SEEDS=$seeds PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD ../../.tools/venv/bin/python -m pytest -q tests/test_hostile.py tests/test_basis.py tests/test_basis_flows.py
else
  bash .ci/leave-out.sh python "there is no .tools/venv"
fi
