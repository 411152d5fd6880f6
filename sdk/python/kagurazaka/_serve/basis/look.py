"""Interprets a task file to find the inputs of its description."""

from __future__ import annotations

import os
import types
from typing import Any, Iterable, Mapping

from ..._proto import plugin_pb2 as pb
from ...task.normal import KagurazakaTask
from ...task.torch_vanilla import KagurazakaVanillaTorchTaskV1
from .inputs import Inputs, Unrecordable
from .own import add_own
from .state import NotUnderstood
from .statements import Interpreter
from .values import Class, reason_of

Class.described = frozenset({*dir(KagurazakaTask), *dir(KagurazakaVanillaTorchTaskV1)} - {"__dict__", "__weakref__", "__module__"})

# The variables on which Python depends. (LC_CTYPE is not among them: without a locale Python sets it itself.)
_INTERPRETER = ("PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONNOUSERSITE", "LC_ALL", "LANG")
# The variables on which argparse's usage text depends.
_USAGE = ("COLUMNS", "LANGUAGE", "LC_MESSAGES", "NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS")


class Basis:
    """The inputs of a description."""

    def __init__(self) -> None:
        self.once_because = ""
        self.sources: list[str] = []
        self.inputs: list[Any] = []

    def fill(self, response: Any) -> None:
        """Write them into a DescribeResponse."""
        if self.once_because:
            response.validity = pb.VALIDITY_ONCE
            response.once_because = self.once_because.encode("utf-8", "backslashreplace").decode()[:500]
        else:
            response.validity = pb.VALIDITY_RECORDED
            response.inputs.extend(self.inputs)
        response.sources.extend(self.sources)


def look(
    module: Any,
    path: str,
    environment: Mapping[str, str],
    before: Mapping[str, types.ModuleType],
    tasks: Iterable[str],
    parsing: Iterable[str],
    usage: bool,
) -> Basis:
    """Interpret a loaded task file.

    environment: the one with which it was loaded. before: the modules that were loaded before it. tasks: the names of the
    described tasks. parsing: the names of tasks whose constructor ran up to its parser. usage: whether a usage text of argparse
    is part of the description.
    """
    made = Basis()
    inputs = Inputs(environment)
    try:
        for name in (*_INTERPRETER, *(_USAGE if usage else ())):
            inputs.variable(name)
        interpreter = Interpreter(inputs, module, path)
        _judge(interpreter, tasks, parsing)
        for name in inputs.variables():
            if os.environ.get(name) != environment.get(name) and name not in interpreter.own_variables:
                raise NotUnderstood(f"{path}: the variable {name} is set by a library")
    except (NotUnderstood, Unrecordable) as error:
        made.once_because = str(error)
    except Exception as error:
        # Unusual code, or an error in this package: in doubt the file is described each time.
        made.once_because = f"{path}: it could not be followed ({type(error).__name__}: {error})"
    try:
        add_own(inputs, module, path, before)
    except Unrecordable as error:
        made.once_because = made.once_because or str(error)
    made.sources, made.inputs = list(inputs.sources), inputs.messages()
    return made


def _judge(interpreter: Interpreter, tasks: Iterable[str], parsing: Iterable[str]) -> None:
    names = interpreter.root.scope.names
    for name in (*tasks, "__version__"):
        if name not in names:
            if name != "__version__":
                raise NotUnderstood(f"{interpreter.root.path}: {name} is defined in a way that is not understood")
            continue
        reason = reason_of(names[name])
        if reason:
            raise NotUnderstood(reason)
    for name in parsing:
        interpreter.construct(names[name])
