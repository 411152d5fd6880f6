"""The built host, run as a user runs it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Any

HOST = pathlib.Path(os.environ.get("KAGURAZAKA_HOST") or pathlib.Path(__file__).resolve().parents[3] / "bin" / "kagurazaka")
TORCH_PYTHON = os.environ.get("KAGURAZAKA_TORCH_PYTHON", sys.executable)


@dataclasses.dataclass
class Told:
    """How a run ended."""

    code: int
    # The counts of the last line.
    last: str
    out: str
    log: str


def kagurazaka(*words: Any, cwd: Any, python: str = sys.executable, timeout: float = 120, **environment: str) -> Told:
    """Run a command line to its end. Its ledger and cache are of this call alone, unless the environment names others."""
    assert HOST.exists(), f"{HOST} is not there: build it with `task build`"
    with tempfile.TemporaryDirectory(prefix="kg-home-") as home:
        own = {"XDG_STATE_HOME": home + "/state", "XDG_CACHE_HOME": home + "/cache", "KAGURAZAKA_PYTHON": python}
        done = subprocess.run(
            [str(HOST), *map(str, words)], cwd=cwd, env={**os.environ, **own, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
    lines = done.stdout.splitlines()
    last = re.sub(r" in [0-9.]+ s .*", "", lines[-1]) if lines else ""
    return Told(done.returncode, last, done.stdout, done.stderr)
