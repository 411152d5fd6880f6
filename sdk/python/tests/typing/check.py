"""Checks the types of a user's task files with mypy and pyright: right.py and what `kagurazaka new` writes have no errors, and wrong.py
has those that its comments name."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SDK = HERE.parents[1]
STARTER = HERE.parents[2] / "starter" / "python"
_EXPECTED = re.compile(r"# error: ([\w-]+), (\w+)$")

Errors = set[tuple[str, int, str]]


def mypy(files: list[str]) -> Errors:
    words = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-incremental", "--config-file=", "--output=json", *files]
    done = subprocess.run(words, cwd=HERE, env={"MYPYPATH": f"{SDK}:{STARTER}"}, stdout=subprocess.PIPE, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    # An installed package's own files are not checked.
    names = {pathlib.Path(name).name for name in files}
    errors = {(pathlib.Path(one["file"]).name, one["line"], one["code"]) for one in found if one["severity"] == "error"}
    return {error for error in errors if error[0] in names}


def pyright(files: list[str]) -> Errors:
    words = [sys.executable, "-m", "basedpyright", "--project", str(HERE), "--outputjson", *files]
    done = subprocess.run(words, cwd=HERE, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {
        (pathlib.Path(one["file"]).name, one["range"]["start"]["line"] + 1, one.get("rule", one["message"]))
        for one in found
        if one["severity"] == "error"
    }


def main() -> int:
    files = ["right.py", "wrong.py", "../../../starter/python/example.py", "../../../starter/python/test_example.py"]
    expected: dict[str, Errors] = {"mypy": set(), "pyright": set()}
    for name in files:
        for number, line in enumerate((HERE / name).read_text().splitlines(), 1):
            comment = _EXPECTED.search(line)
            if comment:
                expected["mypy"].add((pathlib.Path(name).name, number, comment[1]))
                expected["pyright"].add((pathlib.Path(name).name, number, comment[2]))
    bad = []
    for checker, found in (("mypy", mypy(files)), ("pyright", pyright(files))):
        # One mistake may have several errors in its line.
        lines = {(name, line) for name, line, _ in expected[checker]}
        bad += [f"{name}:{line}: {checker}: {code} is not expected" for name, line, code in sorted(found) if (name, line) not in lines]
        bad += [f"{name}:{line}: {checker}: {code} is expected, and not found" for name, line, code in sorted(expected[checker] - found)]
    print("\n".join(bad) or "the types of a task file are as expected, for mypy and pyright")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
