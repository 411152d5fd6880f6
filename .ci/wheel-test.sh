#!/usr/bin/env bash
# Installs the wheel into an empty environment and runs a task file with the command that it brings.
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=$(ls build/wheel/*linux*.whl | head -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "$wheel"
cat >"$work/squares.py" <<'PY'
from kagurazaka import KagurazakaTask


class Squares(KagurazakaTask):
    def __init__(self, args):
        pass

    def generate_tasks(self):
        return [{"i": i} for i in range(1000)]

    def is_executed(self, i):
        return False

    def process(self, i):
        assert i * i >= 0
PY
cd "$work"
env -u KAGURAZAKA_PYTHON -u VIRTUAL_ENV -u PYTHONPATH XDG_CACHE_HOME="$work/cache" venv/bin/kagurazaka squares.py Squares | tee out.txt
grep -q '^done 1000, skipped 0, failed 0' out.txt
venv/bin/python -c 'import kagurazaka, kagurazaka.template.io; print("imported", kagurazaka.__file__)'
# The page that a package index shows: each link in it works outside of the repository.
venv/bin/python - <<'PY'
import re
from importlib.metadata import metadata

page = metadata("kagurazaka")
for field in ("Summary", "Author", "Keywords", "Classifier", "Project-URL", "License-Expression", "Requires-Python"):
    assert page.get_all(field), f"the wheel has no {field}"
links = re.findall(r"\]\(([^)\s]+)\)", page.get_payload())
assert links and all(link.startswith(("https://", "#")) for link in links), links
PY
