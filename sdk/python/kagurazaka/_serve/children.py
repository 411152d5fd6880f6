"""Children that the task forks from a worker. A child ends when it returns from the task's code: it is not the worker, although it
has a copy of the worker's items, outputs and connection to the host."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from . import process, tracebacks
from .heartbeat import Heartbeat
from .journal import Journal
from .running import Runner, Work
from .staging import Stager

# The methods that a worker calls after the task's code has processed an item, for each way to write outputs.
_NEXT = {
    Work: ("skip", "fail", "finish"),
    Journal: ("begin", "done", "fail", "clear", "begin_batch", "end_batch"),
    Stager: ("begin", "commit", "commit_file", "miss_file", "abort"),
}


def end_behind_the_task(heartbeat: Heartbeat) -> None:
    """Make forked children end after the task's code. This costs the worker's loops nothing."""

    def in_child() -> None:
        for owner, names in _NEXT.items():
            for name in names:
                setattr(owner, name, _end)
        # A loop that calls none of these stores into the heartbeat before its next item, which now raises.
        heartbeat.words.release()
        Runner.broken = _end_well  # type: ignore[method-assign, assignment]

    os.register_at_fork(after_in_child=in_child)


def _end(*ignored: Any) -> NoReturn:
    """End as a Python program does, normally or by the current exception."""
    error = sys.exc_info()[1]
    code: Any = 0
    if isinstance(error, SystemExit):
        code = error.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    elif error is not None:
        print(tracebacks.text(error), end="", file=sys.stderr)
        code = 1
    _exit(code or 0)


def _end_well(runner: Any) -> NoReturn:
    _exit(0)


def _exit(code: int) -> NoReturn:
    try:
        process.flush_standard_streams()
    finally:
        os._exit(code & 0xFF)
