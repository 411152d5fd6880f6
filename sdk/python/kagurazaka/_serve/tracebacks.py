"""Tracebacks for users: those of their own code, without the frames of the SDK and of importlib that lead to it.

If an exception comes from the SDK's own code, its whole traceback is printed. KAGURAZAKA_PLAIN=1 and --kg-debug always show that.
"""

from __future__ import annotations

import dis
import importlib
import os
import re
import sys
import sysconfig
import traceback
from types import FrameType, TracebackType
from typing import Any, Iterator, Optional

from .._plain import is_plain

SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_SCRIPT = os.path.join(os.path.dirname(SDK[:-1]), "kagurazaka_serve.py")
_IMPORTLIB = ("<frozen importlib.", os.path.dirname(os.path.abspath(importlib.__file__)) + os.sep)
_PATHS = sysconfig.get_paths()
_LIBRARIES = tuple({os.path.join(_PATHS[name], "") for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_PACKAGES = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
# The most exceptions of one traceback that are cleaned: a chain may be a ring, and a group may hold thousands.
_MOST = 200

# Whether whole tracebacks are wanted: the run is debugged.
shows_all = False
# The files of the task and its classes, which may also be those of an installed package, and the names of the classes.
own: set[str] = set()
_classes: set[str] = set()
_WRONG_CALL = re.compile(r"(\S+)\.\w+\(\) (?:missing|takes|got) ")


def is_users(file: str) -> bool:
    """Return whether a file of code is the user's own."""
    if file in own:
        return True
    libraries = ("<frozen ", SDK, *_LIBRARIES)
    return file != _SCRIPT and not file.startswith(libraries) and not any(name in file for name in _PACKAGES)


def add_own(cls: Any) -> None:
    """Count the files of a task's class and its bases as the user's."""
    for kind in cls.__mro__:
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if isinstance(file, str) and not file.startswith(SDK) and kind.__module__ != "builtins":
            own.add(file)
            _classes.add(kind.__qualname__)


def shown_path(path: str) -> str:
    """Return a path as a user may have typed it: relative, if it lies in the working folder."""
    try:
        near = os.path.relpath(path)
    except (OSError, ValueError):
        return path
    return path if near.startswith(os.pardir) else near


def is_syntax_error(error: BaseException) -> bool:
    """Return whether an exception tells a line of a file that is not Python."""
    return isinstance(error, SyntaxError) and bool(error.filename) and bool(error.lineno)


def text(error: BaseException) -> str:
    """Return the traceback of an exception, with those of its chain, as it is to be printed."""
    return "".join(cleaned(error)[0].format())


def cleaned(error: BaseException) -> tuple[traceback.TracebackException, list[list[tuple[traceback.FrameSummary, FrameType]]]]:
    """Return an exception as it is to be printed, and the frames that are left of each exception of its chain."""
    whole = traceback.TracebackException(type(error), error, error.__traceback__)
    left: list[list[tuple[traceback.FrameSummary, FrameType]]] = []
    for number, (one, real) in enumerate(_chain(whole, error)):
        if number == _MOST:
            break
        steps = list(_steps(real.__traceback__))
        if len(steps) != len(one.stack):
            continue
        keep = range(len(steps)) if shows_all or is_plain() else _users(steps, real, chained=number > 0)
        left.append([(one.stack[i], steps[i].tb_frame) for i in keep])
        one.stack[:] = [one.stack[i] for i in keep]
    return whole, left


def _steps(trace: Optional[TracebackType]) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _chain(made: traceback.TracebackException, error: BaseException) -> Iterator[tuple[traceback.TracebackException, BaseException]]:
    """Yield the exceptions that a traceback prints."""
    waiting = [(made, error)]
    while waiting:
        made, error = waiting.pop(0)
        yield made, error
        pairs = [(made.__cause__, error.__cause__), (made.__context__, error.__context__)]
        pairs += zip(getattr(made, "exceptions", None) or (), getattr(error, "exceptions", None) or ())
        waiting += [(one, other) for one, other in pairs if one is not None and other is not None]


def _file(step: TracebackType) -> str:
    return step.tb_frame.f_code.co_filename


def _is_sdk(file: str) -> bool:
    return file.startswith(SDK) or file == _SCRIPT


def _users(steps: list[TracebackType], error: BaseException, *, chained: bool) -> list[int]:
    """Return the numbers of the frames to show."""
    files = [_file(step) for step in steps]
    rest = [i for i, file in enumerate(files) if not _is_sdk(file) and not file.startswith(_IMPORTLIB)]
    first = next((i for i in rest if is_users(files[i])), None)
    if first is not None:
        return list(range(len(files))) if _is_fault(steps, files, error) else [i for i in rest if i >= first]
    if chained:
        # What the SDK has caught, and told in its own words.
        return [] if any(map(_is_sdk, files)) else rest
    return list(range(len(files))) if rest or _is_fault(steps, files, error) else []


def _is_fault(steps: list[TracebackType], files: list[str], error: BaseException) -> bool:
    """Return whether an exception seems to come from a fault of the SDK."""
    last = next((i for i in reversed(range(len(files))) if _is_sdk(files[i]) or is_users(files[i])), None)
    if last is None or not _is_sdk(files[last]) or isinstance(error, OSError) and any(map(is_users, files)):
        return False
    return not (is_syntax_error(error) or _wrong_call(error) or _raises(steps[last]))


def _raises(step: TracebackType) -> bool:
    """Return whether a frame raised its exception with a raise statement, as the SDK does to tell the user something."""
    code = step.tb_frame.f_code.co_code
    return 0 <= step.tb_lasti < len(code) and code[step.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _wrong_call(error: BaseException) -> bool:
    """Return whether a method of the task does not take what it is called with."""
    found = _WRONG_CALL.match(str(error)) if type(error) is TypeError else None
    return found is not None and found[1] in _classes


def users_part(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    """Return a traceback from the user's first frame on; whole, if there is none."""
    return next((step for step in _steps(trace) if is_users(_file(step))), trace)
