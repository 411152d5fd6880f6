#!/usr/bin/env bash
# fuzz.sh N: runs every fuzz target of the module for N new inputs each: a number and not a time, so that a slow machine
# tries as much as a fast one.
set -euo pipefail
cd "$(dirname "$0")/.."
found=0
while IFS=: read -r file _ line; do
  target=${line#func }
  target=${target%%(*}
  found=$((found + 1))
  echo "== $(dirname "$file") $target"
  go test -run='^$' -fuzz="^$target\$" -fuzztime="${1:?N}x" "./$(dirname "$file")"
done < <(grep -rn --include='*_test.go' -E '^func Fuzz[A-Z0-9][A-Za-z0-9_]*\(' backbones host plugins sdk examples 2>/dev/null || true)
echo "$found fuzz targets, ${1} inputs each"
