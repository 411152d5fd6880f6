#!/usr/bin/env bash
# python-venv.sh NAME REQUIREMENTS: makes the virtual environment .tools/NAME with what the file lists, unless it is there
# already. Where there is no Python 3.10 or newer, leave-out.sh decides: the Go part needs none.
# KAGURAZAKA_PYTHON names another interpreter than python3.
set -euo pipefail
name=${1:?NAME} requirements=${2:?REQUIREMENTS}
cd "$(dirname "$0")/.."
python=${KAGURAZAKA_PYTHON:-python3}
if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  exec bash .ci/leave-out.sh "$name" "$python is not a Python 3.10 or newer with venv"
fi
want="$("$python" -c 'import sys; print(sys.executable, sys.version)')
$(cat "$requirements")"
stamp=.tools/stamps/$name
[ -x ".tools/$name/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0
echo "making .tools/$name of $requirements"
mkdir -p .tools/stamps
rm -rf ".tools/$name" "$stamp"
"$python" -m venv ".tools/$name"
".tools/$name/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
printf '%s\n' "$want" >"$stamp"
