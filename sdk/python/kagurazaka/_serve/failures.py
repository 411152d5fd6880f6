"""Converts exceptions of user code to the contract's errors."""

from __future__ import annotations

import argparse
import errno
import sys
import traceback
from typing import Any

from .._proto import plugin_pb2 as pb
from ..template._outputs import OneOutputTwice, OutputElsewhere
from . import tracebacks

_ENVIRONMENT = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
_MESSAGE_LIMIT, _TRACEBACK_LIMIT = 8192, 256 << 10

# Whether tracebacks show local variables: the run is debugged.
shows_locals = False


class UserMistake(Exception):
    """The user's input is wrong: arguments, configuration, a name."""


class Refused(SystemExit):
    """The task's own parser refused its arguments. It is a SystemExit, like the one that argparse raises."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(2)
        self.message = message
        self.usage = usage


def refuse_by_exception() -> None:
    """Make argparse raise Refused with its message instead of printing that."""

    def error(parser: argparse.ArgumentParser, message: str) -> None:
        raise Refused(message, parser.format_usage())

    argparse.ArgumentParser.error = error  # type: ignore[method-assign,assignment]


class NoDevice(Exception):
    """The device that the user asked for does not exist."""


class Quit(Exception):
    """The user has quit the debugger in the middle of an item."""


class InvalidOutput(Exception):
    """The task succeeded, but its output is a file and a folder exists at its path, or the other way round."""

    def __init__(self, path: str, folder: bool) -> None:
        what, there = ("a folder", "a file") if folder else ("a file", "a folder")
        super().__init__(f"the output is {what}, and there is {there} at {path}")
        self.path = path


def cut(text: str) -> str:
    """Return a text cut to the longest message, in a form that protobuf takes."""
    return plain(text)[:_MESSAGE_LIMIT]


def plain(text: str) -> str:
    """Return a text that protobuf takes: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def of_exception(error: BaseException) -> Any:
    """Return an Error for an exception that user code raised."""
    if isinstance(error, InvalidOutput):
        detail = pb.InvalidOutputError(path=plain(error.path))
        return pb.Error(message=plain(str(error)), fault=pb.FAULT_TASK, invalid_output=detail)
    if isinstance(error, (NoDevice, Quit)):
        return pb.Error(message=plain(str(error)), fault=pb.FAULT_USER)
    if isinstance(error, OutputElsewhere):
        detail = pb.InvalidOutputError(path=plain(error.path))
        return pb.Error(message=cut(str(error)), fault=pb.FAULT_USER, invalid_output=detail)
    if isinstance(error, OneOutputTwice):
        return of_configuration("", str(error))
    made = pb.Error(
        message=cut(_summary(error)),
        traceback=plain(_traceback(error))[-_TRACEBACK_LIMIT:],
        fault=pb.FAULT_TASK,
    )
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _ENVIRONMENT) or _no_thread(error):
        made.fault = pb.FAULT_ENVIRONMENT
    made.retryable = made.fault == pb.FAULT_ENVIRONMENT or isinstance(error, (TimeoutError, ConnectionError))
    if isinstance(error, Exception):
        made.item.type_name = _type_name(error)
    else:
        made.panic.value = plain(_summary(error))
    return made


def _no_thread(error: BaseException) -> bool:
    """Return whether the machine, or ulimit -u, does not allow one more thread."""
    return type(error) is RuntimeError and str(error) == "can't start new thread"


def of_task(error: BaseException) -> Any:
    """Return an Error for an exception of code that runs once in a run or a worker: the task file, a constructor, a
    listing. sys.exit(0) there ends the run with success."""
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return pb.Error(message="the task ended the run: sys.exit(0)", fault=pb.FAULT_TASK, ended=pb.EndedError())
    made = of_exception(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        # An installed kagurazaka runs its own interpreter, also in a shell with another environment.
        hint = f"{sys.executable} runs it, and has no {error.name}; --python names another interpreter"
        made.message = cut(f"{made.message}; hint: {hint}")
    return made


def of_configuration(where: str, message: str) -> Any:
    """Return an Error for a wrong argument or template field."""
    problem = pb.ConfigProblem(where=plain(where), message=plain(message))
    text = f"{where}: {message}" if where else message
    return pb.Error(message=plain(text), fault=pb.FAULT_USER, config=pb.ConfigError(problems=[problem]))


def of_construction(error: BaseException) -> Any:
    """Return an Error for an exception of a task's constructor."""
    if isinstance(error, Refused):
        where, message = "", error.message
        if message.startswith("argument ") and ": " in message:
            where, message = message[len("argument ") :].split(": ", 1)
        return of_configuration(where, message)
    if isinstance(error, UserMistake):
        return of_configuration("", str(error))
    return of_task(error)


def unsupported(what: str) -> Any:
    return pb.Error(message=what, fault=pb.FAULT_TASK, unsupported=pb.UnsupportedError(what=what))


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _summary(error: BaseException) -> str:
    try:
        if isinstance(error, SyntaxError) and tracebacks.is_syntax_error(error):
            return f"{tracebacks.shown_path(str(error.filename))}:{error.lineno}: {_type_name(error)}: {error.msg}"
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        quits = getattr(sys.modules.get("bdb"), "BdbQuit", None)
        if quits is not None and type(error) is quits and not str(error):
            text += ": breakpoint() has no terminal here; hint: kagurazaka debug gives it one"
        return text
    except BaseException:  # an exception whose own text raises
        return _type_name(error)


def _traceback(error: BaseException) -> str:
    try:
        if shows_locals:
            from . import locals

            return locals.format_exception(error)
        return tracebacks.text(error)
    except BaseException:
        return _type_name(error)
