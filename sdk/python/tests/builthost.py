"""The built host, run as a user runs it."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Any

HOST = pathlib.Path(os.environ.get("KAGURAZAKA_HOST") or pathlib.Path(__file__).resolve().parents[3] / "bin" / "kagurazaka")
CACHE = tempfile.TemporaryDirectory(prefix="kg-cache-")
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
    """Run a command line to its end. Its ledger and cache are of this call alone, unless the environment names others.

    Only what the host unpacks and Python compiles stays for the next call: neither depends on the call.
    """
    assert HOST.exists(), f"{HOST} is not there: build it with `task build`"
    for kept in pathlib.Path(CACHE.name, "kagurazaka").glob("*"):
        if kept.name not in ("python", "bytecode"):
            shutil.rmtree(kept)
    with tempfile.TemporaryDirectory(prefix="kg-home-") as home:
        own = {"XDG_STATE_HOME": home, "XDG_CACHE_HOME": CACHE.name, "KAGURAZAKA_PYTHON": python}
        done = subprocess.run(
            [str(HOST), *map(str, words)], cwd=cwd, env={**os.environ, **own, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
    lines = done.stdout.splitlines()
    last = re.sub(r" in [0-9.]+ s .*", "", lines[-1]) if lines else ""
    return Told(done.returncode, last, done.stdout, done.stderr)
