"""Where modules come from: the SDK's from itself and Python, the task's from its own folder first, nobody's from the working folder."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from typing import Any

# The entries of the user's PYTHONPATH that were relative, made absolute by the host.
TASK_PATH = "KAGURAZAKA_TASK_PATH"

# What the SDK loads only once the task file is loaded, for tasks of every kind.
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
    "multiprocessing.process",
    "multiprocessing.util",
)

# What kagurazaka 0.1.1 had loaded of Python's library before a task file: a task never got a module of its own by these names.
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
    """Take the working folder, which ``python -m`` puts first, off the module path."""
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    sys.path[:] = [entry for entry in sys.path if entry]
    sys.meta_path.insert(0, _Finder())


def add_task_folder(folder: str, name: str = "") -> None:
    """Put the task's folder, and what the user has on PYTHONPATH beside it, first on the module path.

    `name` is the task file's: one that is called like a module of Python's library is not imported in its place.
    """
    more = [entry for entry in os.environ.pop(TASK_PATH, "").split(os.pathsep) if entry]
    _settle([folder, *more], name)
    if more:
        # Programs that the task starts have it as the user meant it.
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), *more])
    sys.path[:0] = [entry for entry in [folder, *more] if entry not in sys.path]


def _settle(folders: list[str], own: str) -> None:
    """Give the SDK the modules of Python's library before these folders may hide them, and the task its own that it finds there."""
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
    # Who has loaded one keeps it. A package would miss what is loaded of it.
    packages = {name.partition(".")[0] for name in sys.modules if "." in name}
    for name in hidden - _PYTHONS - packages:
        sys.modules.pop(name, None)


class _Finder:
    """Waits for multiprocessing, whose processes begin with ``python -c``: that puts the working folder first, too."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "multiprocessing.util":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec.loader)
            spec.loader = loader
        return spec


class _Loader:
    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        start = module.spawnv_passfds

        def spawnv_passfds(path: Any, args: Any, passfds: Any) -> Any:
            # What holds a worker's page alive goes along, as it does to programs that subprocess starts. The resource tracker
            # writes no outputs.
            journal = sys.modules.get("kagurazaka._serve.journal")
            held = journal.handed_down if journal is not None and "resource_tracker" not in str(args) else ()
            return start(path, _without_working_folder(list(args)), [*passfds, *held])

        module.spawnv_passfds = spawnv_passfds


def _without_working_folder(args: list[Any]) -> list[Any]:
    if "-c" in args[:-1]:
        at = args.index("-c") + 1
        args[at] = f"import sys; sys.path[:] = [entry for entry in sys.path if entry]; {args[at]}"
    return args
