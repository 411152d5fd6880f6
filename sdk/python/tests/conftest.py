"""What all tests share: where they find each other, which of them need torch, and that CI leaves none out."""

import functools
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
ROOT = HERE.parents[2]
# These are about a call that Linux alone has.
collect_ignore = [] if sys.platform == "linux" else ["test_placement.py"]


@functools.cache
def has_torch() -> bool:
    python = os.environ.get("KAGURAZAKA_TORCH_PYTHON", sys.executable)
    return subprocess.run([python, "-c", "import torch, grpc, numpy"], capture_output=True).returncode == 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("torch") and not has_torch():
        pytest.skip("torch is not installed")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under CI=true a test that was skipped fails the run, unless .ci/left-out lists it."""
    if os.environ.get("CI") != "true":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    listed = (ROOT / ".ci" / "left-out").read_text().splitlines()
    allowed = {line.split(": ", 1)[0] for line in listed if line and not line.startswith("#")}
    for report in reporter.stats.get("skipped", []):
        if report.nodeid not in allowed:
            print(f"\nleft out: {report.nodeid}, and .ci/left-out does not list it", file=sys.stderr)
            session.exitstatus = 1
