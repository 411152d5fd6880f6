#!/usr/bin/env bash
# go-tool.sh NAME PACKAGE VERSION: puts the program NAME of a Go package into .tools/bin, unless it is there in that version.
# Built without cgo and symbols: that is what the host is built with too, so that the two share the compiled standard library.
set -euo pipefail
name=${1:?NAME} package=${2:?PACKAGE} version=${3:?VERSION}
cd "$(dirname "$0")/.."
stamp=.tools/stamps/$name-$version
[ -x ".tools/bin/$name" ] && [ -e "$stamp" ] && exit 0
echo "fetching $name $version"
mkdir -p .tools/bin .tools/stamps
rm -f ".tools/stamps/$name-"*
GOBIN=$PWD/.tools/bin GOFLAGS='' CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' "$package@$version"
touch "$stamp"
