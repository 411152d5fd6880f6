"""Says what the numbers were measured on, and with which versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path


def describe(root: Path, runs: int) -> list[str]:
    """Returns Markdown lines with the hardware and the versions of everything that took part."""
    load = os.getloadavg()[0]
    venv, original = root / ".tools/venv/bin/python", root / ".tools/venv-original/bin/python"
    return [
        f"- machine: {processor()}, {len(os.sched_getaffinity(0))} cores, {memory()}, Linux {platform.release()}",
        f"- load average before the first row: {load:.1f}; medians of {runs} runs, sides taking turns, seconds of the whole run",
        f"- host: {said([str(root / 'bin/kagurazaka'), '--version'])}; {said(['go', 'version'])}",
        f"- SDK environment: {said([str(venv), '--version'])}, {packages(venv, 'grpcio', 'protobuf', 'pillow')}",
        f"- original: {said([str(original), '--version'])}, {packages(original, 'kagurazaka', 'pillow')}",
        f"- vipsthumbnail: {said(['vipsthumbnail', '--vips-version'])}",
    ]


def processor() -> str:
    """Returns the processor's name."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def memory() -> str:
    """Returns the machine's memory."""
    found = re.search(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return f"{int(found.group(1)) / 2**20:.0f} GiB memory" if found else "unknown memory"


def said(command: list[str]) -> str:
    """Returns the first line that a command prints, or that it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "none"
    return (done.stdout or done.stderr).strip().partition("\n")[0] or "none"


def packages(python: Path, *names: str) -> str:
    """Returns the versions of packages in an environment."""
    code = "import sys, importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in sys.argv[1:]))"
    return said([str(python), "-c", code, *names])
