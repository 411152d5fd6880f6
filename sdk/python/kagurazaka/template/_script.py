"""``python upper.py`` runs no task: at its end, a script that has decorated classes and does nothing else says what to type.

With arguments somebody expects a run, so that the exit code is 2, if nothing but definitions is in the file.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import os
import sys
from types import FunctionType
from typing import Any

_noted: list[tuple[str, str]] = []


def note(cls: Any) -> None:
    """Note a decorated class. Nothing is said for a class of a module, of a prompt, a notebook or a test."""
    if cls.__module__ != "__main__":
        return
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    files = {value.__code__.co_filename for value in vars(cls).values() if isinstance(value, FunctionType)}
    if not isinstance(file, str) or getattr(main, "__spec__", None) is not None or file not in files:
        return
    # As the user has typed it.
    typed = sys.argv[0] if sys.argv and os.path.abspath(sys.argv[0]) == os.path.abspath(file) else file
    if not _noted:
        atexit.register(_tell, os.getpid())
    _noted.append((typed, cls.__name__))


def _tell(pid: int) -> None:
    file, first = _noted[0]
    quiet = sys.flags.interactive or hasattr(sys, "ps1") or hasattr(sys, "last_type") or "pytest" in sys.modules
    if quiet or os.getpid() != pid or _has_main_part(file) or sys.stderr is None:
        return
    # A plugin with one task needs no word for it.
    task = "" if len(_noted) == 1 else f" {first}"
    names = " and ".join(", ".join(name for _, name in _noted).rsplit(", ", 1))
    print(
        f"{file} is a task file: it defines {names}, and ran nothing. To run it: kagurazaka {file}{task} IN OUT. "
        f"What it takes: kagurazaka {file}{task} -h",
        file=sys.stderr,
    )
    if len(sys.argv) > 1 and _only_defines(file):
        _exit(2)


def _exit(code: int) -> None:
    """End the process with a code, which the end of a script cannot change otherwise."""
    if "logging" in sys.modules:
        sys.modules["logging"].shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(code)


_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _only_defines(file: str) -> bool:
    """Return whether a file is certain to do nothing itself: it has imports, classes, functions and plain values."""
    try:
        with open(file, "rb") as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return False
    return all(isinstance(step, _DEFINITIONS) or _is_value(step) for step in tree.body)


def _is_value(step: ast.stmt) -> bool:
    """Return whether a statement is a docstring, or gives a name to a value without a call."""
    if isinstance(step, ast.Expr):
        return isinstance(step.value, ast.Constant)
    plain = isinstance(step, (ast.Assign, ast.AnnAssign))
    return plain and not any(isinstance(part, (ast.Call, ast.Await)) for part in ast.walk(step))


def _has_main_part(file: str) -> bool:
    try:
        with open(file, "rb") as source:
            return b"__main__" in source.read()
    except OSError:
        return True
