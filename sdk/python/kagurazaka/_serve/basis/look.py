"""The look at a task file that a description comes with."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping

from ..._proto import plugin_pb2 as pb
from ...task.normal import KagurazakaTask
from ...task.torch_vanilla import KagurazakaVanillaTorchTaskV1
from .inputs import Inputs, Unsaid
from .state import NotUnderstood
from .statements import Interpreter
from .values import Class, trouble

Class.described = frozenset({*dir(KagurazakaTask), *dir(KagurazakaVanillaTorchTaskV1)} - {"__dict__", "__weakref__", "__module__"})

# How the interpreter works depends on these. (LC_CTYPE is not among them: where there is no locale Python sets it itself.)
_INTERPRETER = ("PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONNOUSERSITE", "LC_ALL", "LANG")
# And on these how argparse writes a usage text.
_USAGE = ("COLUMNS", "LANGUAGE", "LC_MESSAGES", "NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS")


class Basis:
    """What a description was made from."""

    def __init__(self) -> None:
        self.once_because = ""
        self.sources: list[str] = []
        self.inputs: list[Any] = []

    def tell(self, response: Any) -> None:
        """Put it into a DescribeResponse."""
        if self.once_because:
            response.validity = pb.VALIDITY_ONCE
            response.once_because = self.once_because.encode("utf-8", "backslashreplace").decode()[:500]
        else:
            response.validity = pb.VALIDITY_RECORDED
            response.sources.extend(self.sources)
            response.inputs.extend(self.inputs)


def look(module: Any, path: str, environment: Mapping[str, str], tasks: Iterable[str], parsing: Iterable[str], usage: bool) -> Basis:
    """Look at a loaded task file.

    environment is what it was loaded with; tasks are the names that are described, parsing those whose constructor was run up
    to its parser; usage says that a usage text of argparse is part of the description.
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
    except (NotUnderstood, Unsaid) as error:
        made.once_because = str(error)
    except Exception as error:
        # An oddity of the code, or a fault here: in doubt the file is described anew.
        made.once_because = f"{path}: it could not be followed ({type(error).__name__}: {error})"
    made.sources, made.inputs = list(inputs.sources), inputs.messages()
    return made


def _judge(interpreter: Interpreter, tasks: Iterable[str], parsing: Iterable[str]) -> None:
    names = interpreter.root.scope.names
    for name in (*tasks, "__version__"):
        if name not in names:
            if name != "__version__":
                raise NotUnderstood(f"{interpreter.root.path}: {name} is defined in a way that is not understood")
            continue
        reason = trouble(names[name])
        if reason:
            raise NotUnderstood(reason)
    for name in parsing:
        interpreter.construct(names[name])
