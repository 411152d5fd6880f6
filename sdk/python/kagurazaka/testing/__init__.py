"""Run a task over a few items in this process, for pytest.

``run(Upper, args=["--title"], input="texts", output=tmp_path)`` lists the items, checks which are finished and processes the others, by
the code of a worker. Everything runs in this process, so ``breakpoint()`` and monkeypatch work.
"""

from ._outcome import DONE, FAILED, SKIPPED, Outcome, Status
from ._run import run

__all__ = ["DONE", "FAILED", "SKIPPED", "Outcome", "Status", "run"]
