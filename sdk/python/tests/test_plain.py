"""The core of these tests, with KAGURAZAKA_PLAIN=1 in the environment of all processes."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CORE = ("test_serving.py", "test_listing.py", "test_items.py", "test_direct.py", "test_staging.py")
# What is meant to differ: the capabilities and arguments that are announced, and whole tracebacks.
OTHERWISE = ("test_serving.py::test_describe", "test_serving.py::test_exceptions_are_the_items_failure")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", CORE)
def test_core(file: str) -> None:
    left_out = [word for test in OTHERWISE if test.startswith(file) for word in ("--deselect", f"tests/{test}")]
    done = subprocess.run(
        [sys.executable, *"-m pytest -q -p no:cacheprovider -m".split(), "not torch", "--rootdir", HERE.parent, *left_out, HERE / file],
        env={**os.environ, "KAGURAZAKA_PLAIN": "1"}, cwd=HERE.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
