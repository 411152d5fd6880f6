"""The module path: the SDK imports from itself and Python, the task from its own folder first, and nothing from the working folder."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from .._imports import after_import

# The relative entries of the user's PYTHONPATH, made absolute by the host.
TASK_PATH = "KAGURAZAKA_TASK_PATH"

# Modules that the SDK loads only after the task file, for tasks of every kind.
_LATER = (
    "grpc._server",
    "kagurazaka._serve.batches",
    "kagurazaka._serve.children",
    "kagurazaka._serve.closing",
    "kagurazaka._serve.device",
    "kagurazaka._serve.journal",
    "kagurazaka._serve.ledger",
    "kagurazaka._serve.listing",
    "kagurazaka._serve.relay",
    "kagurazaka._serve.staging",
    "kagurazaka._serve.worker",
    "kagurazaka.template._decorated",
    "multiprocessing.process",
    "multiprocessing.util",
)

# Modules of Python's library that kagurazaka 0.1.1 had loaded before a task file: a task's own modules could never replace these.
_PYTHONS = frozenset(
    """
    abc argparse ast atexit base64 binascii builtins bz2 codecs collections contextlib contextvars copy copyreg dataclasses
    datetime difflib dis encodings enum errno fnmatch functools genericpath gettext glob heapq importlib inspect io ipaddress
    itertools json keyword linecache locale logging lzma marshal math ntpath opcode operator os pathlib posix posixpath re reprlib
    shutil site stat string struct sys textwrap threading time token tokenize traceback types typing urllib warnings weakref
    zipimport zlib
    """.split()
)


def leave_working_folder() -> None:
    """Remove the working folder, which ``python -m`` puts first, from the module path."""
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    sys.path[:] = [entry for entry in sys.path if entry]
    after_import("multiprocessing.util", _change_spawning)


def add_task_folder(folder: str, name: str = "") -> None:
    """Put the task's folder, and after it the user's relative entries of PYTHONPATH, first on the module path.

    `name` is the task file's. A file with the name of a module of Python's library is not imported in place of that.
    """
    more = [entry for entry in os.environ.pop(TASK_PATH, "").split(os.pathsep) if entry]
    _settle([folder, *more], name)
    if more:
        # Programs that the task starts get the entries, too.
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), *more])
    sys.path[:0] = [entry for entry in [folder, *more] if entry not in sys.path]


def _settle(folders: list[str], own: str) -> None:
    """Load what the SDK needs of Python's library before these folders hide it, and let the task import its own modules of that name."""
    beside: set[str] = set()
    for folder in folders:
        try:
            beside.update(name.partition(".")[0] for name in os.listdir(folder))
        except OSError:
            pass
    hidden = beside & sys.stdlib_module_names
    if own in hidden:
        importlib.import_module(own)
        hidden.discard(own)
    if not hidden - _PYTHONS:
        return
    for name in _LATER:
        importlib.import_module(name)
    # Modules that were imported stay in use by their importers. Packages stay, since their loaded parts would be missing.
    packages = {name.partition(".")[0] for name in sys.modules if "." in name}
    for name in hidden - _PYTHONS - packages:
        sys.modules.pop(name, None)


def _change_spawning(util: Any) -> None:
    """Change how multiprocessing starts processes: with ``python -c``, which puts the working folder first, too."""
    start = util.spawnv_passfds

    def spawnv_passfds(path: Any, args: Any, passfds: Any) -> Any:
        # Pass on the descriptor that keeps a worker's page alive, as to programs that subprocess starts. The resource tracker
        # writes no outputs and does not need it.
        journal = sys.modules.get("kagurazaka._serve.journal")
        held = journal.handed_down if journal is not None and "resource_tracker" not in str(args) else ()
        return start(path, _without_working_folder(list(args)), [*passfds, *held])

    util.spawnv_passfds = spawnv_passfds


def _without_working_folder(args: list[Any]) -> list[Any]:
    if "-c" in args[:-1]:
        at = args.index("-c") + 1
        args[at] = f"import sys; sys.path[:] = [entry for entry in sys.path if entry]; {args[at]}"
    return args
