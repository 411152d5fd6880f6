"""The interpreter's state: its position, its records, and the reason to give up."""

from __future__ import annotations

import ast
import contextlib
import os
from typing import Iterator, NoReturn

from .inputs import Inputs
from .known import is_plain
from .values import Class, Either, Function, Known, Live, Module, Opaque, Scope, Task, Value, either

_MOST_STEPS = 200_000


class NotUnderstood(Exception):
    """The code cannot be followed; the message says where and why."""


class Missing(Exception):
    """The code imports a module that does not exist."""


class Parsed(Exception):
    """The constructor's parser was called: a description does not run the code after that."""


class State:
    """The state of interpreting one task file."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.modules: dict[int, Module] = {}
        self.steps = 0
        # The number of conditions and loops with an unknown outcome around the current code.
        self.uncertain = 0
        # Why it is unknown whether the current code runs: a condition around it, and a possible earlier return.
        self._around = ""
        self.left = ""
        # Variables that the code has set itself.
        self.own_variables: dict[str, Value] = {}
        # Attributes of libraries' objects that the code has set itself, by the object's id and the name.
        self.own_attributes: dict[tuple[int, str], Value] = {}
        # The number of opaque calls so far, and the reason of the last one.
        self.opaque_calls = 0
        self.last_opaque = ""
        # That number at the begin of the current try statement; None outside of one.
        self.tried: int | None = None
        # The stack of called functions.
        self.calls: list[Function] = []
        # The expressions that are statements: a call among them is made for its side effects.
        self.statements: set[ast.expr] = set()
        # Whether a constructor is interpreted.
        self.constructing = False
        self.parsed = False
        # The task file's module.
        self.root: Module

    @property
    def path(self) -> str:
        """Why it is unknown whether the current code runs; empty if it certainly does."""
        if self._around or self.left:
            return self._around or self.left
        # An opaque call may have raised.
        return self.last_opaque if self.tried is not None and self.opaque_calls > self.tried else ""

    def touched(self, reason: str) -> None:
        """Record that the code may raise here, because it uses something opaque; an empty reason: it does not."""
        if reason:
            self.opaque_calls += 1
            self.last_opaque = reason

    def where(self, scope: Scope, node: ast.AST, what: str = "") -> str:
        """Return a reason's location: `file.py:12: the code`."""
        text = what or _shown(node)
        return f"{scope.module.path}:{getattr(node, 'lineno', 0)}: {text}"

    def give_up(self, scope: Scope, node: ast.AST, what: str = "") -> NoReturn:
        raise NotUnderstood(self.where(scope, node, what))

    def opaque(self, scope: Scope, node: ast.AST, what: str = "") -> Opaque:
        """Return an unknown value."""
        self.touched(self.where(scope, node, what))
        return Opaque(self.last_opaque)

    def step(self, scope: Scope, node: ast.AST) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            self.give_up(scope, node, "the code that runs at import is too long to be followed")

    @contextlib.contextmanager
    def perhaps(self, reason: str = "") -> Iterator[None]:
        """Interpret code that may run or not; reason says why."""
        around, self._around = self._around, self._around or reason
        self.uncertain += 1
        try:
            yield
        finally:
            self.uncertain -= 1
            self._around = around

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Interpret code whose exceptions may be caught."""
        tried = self.tried
        if tried is None:
            self.tried = self.opaque_calls
        try:
            with self.perhaps():
                yield
        finally:
            self.tried = tried

    def bind(self, scope: Scope, name: str, value: Value, node: ast.AST) -> None:
        """Bind a name to a value."""
        scope = scope.elsewhere.get(name, scope)
        if self.path:
            # It is unknown whether the task exists.
            if scope.module is self.root and scope.kind == "module" and isinstance(value, (Class, Function, Task)):
                raise NotUnderstood(self.path)
            value = Opaque(self.path)
        if self.uncertain > scope.depth and name in scope.names:
            value = either([scope.names[name], value])
        scope.names[name] = value

    def new_scope(self, module: Module, parent: Scope, kind: str) -> Scope:
        return Scope(module, parent, kind, self.uncertain)


def live_value(thing: object) -> Value:
    """Return the value for an object of a library."""
    return Known(thing) if is_plain(thing) else Live(thing)


def _shown(node: ast.AST) -> str:
    try:
        text = " ".join(ast.unparse(node).split())
    except Exception:
        text = type(node).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def known_texts(value: Value) -> list[str] | None:
    """Return the strings or paths that a value may be, or None if one of them is unknown."""
    found = []
    for option in value.options if isinstance(value, Either) else [value]:
        if not isinstance(option, Known) or not isinstance(option.value, (str, os.PathLike)):
            return None
        text = os.fspath(option.value)
        if "\0" in text:
            return None
        found.append(text)
    return found
