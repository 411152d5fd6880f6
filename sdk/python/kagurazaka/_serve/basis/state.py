"""What the interpreter knows while it works: where it is, what it has recorded, and why it gives up."""

from __future__ import annotations

import ast
import contextlib
from typing import Iterator, NoReturn

from .inputs import Inputs
from .values import Class, Either, Function, Known, Live, Module, Opaque, Scope, Task, Value, either

_MOST_STEPS = 200_000


class NotUnderstood(Exception):
    """The code cannot be followed at all; the message says where and why."""


class Missing(Exception):
    """A module that is not there was imported."""


class Parsed(Exception):
    """The constructor's parser was asked to parse: what comes after is not run for a description."""


class State:
    """The state of one look at a task file."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.modules: dict[int, Module] = {}
        self.steps = 0
        # How many conditions and loops lie around the code in hand whose outcome is not known.
        self.uncertain = 0
        # Why it is left to chance whether the code in hand runs: by what lies around it, and by what may have left the function.
        self._around = ""
        self.left = ""
        # Variables that the code has set itself.
        self.own_variables: dict[str, Value] = {}
        # Attributes of libraries' objects that the code has set itself, by the object's id and the name.
        self.own_attributes: dict[tuple[int, str], Value] = {}
        # How often something was not understood, and what that was last.
        self.opaque_calls = 0
        self.last_opaque = ""
        # How often it was when the try statement in hand began; None: there is none around.
        self.tried: int | None = None
        # The functions that are being called.
        self.calls: list[Function] = []
        # The expressions that are statements: a call among them is there for what it does.
        self.statements: set[ast.expr] = set()
        # Whether a constructor is looked at.
        self.constructing = False
        self.parsed = False
        # The task file's module.
        self.root: Module

    @property
    def path(self) -> str:
        """Why it is left to chance whether the code in hand runs; empty: it is not."""
        if self._around or self.left:
            return self._around or self.left
        # What is not understood may have raised.
        return self.last_opaque if self.tried is not None and self.opaque_calls > self.tried else ""

    def touched(self, reason: str) -> None:
        """Something that is not understood was looked at: it may raise."""
        self.opaque_calls += 1
        self.last_opaque = reason

    def where(self, scope: Scope, node: ast.AST, what: str = "") -> str:
        """`file.py:12: the code`, for a reason."""
        text = what or _shown(node)
        return f"{scope.module.path}:{getattr(node, 'lineno', 0)}: {text}"

    def give_up(self, scope: Scope, node: ast.AST, what: str = "") -> NoReturn:
        raise NotUnderstood(self.where(scope, node, what))

    def opaque(self, scope: Scope, node: ast.AST, what: str = "") -> Opaque:
        """A value of which nothing is known."""
        self.touched(self.where(scope, node, what))
        return Opaque(self.last_opaque)

    def step(self, scope: Scope, node: ast.AST) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            self.give_up(scope, node, "the code that runs at import is too long to be followed")

    @contextlib.contextmanager
    def perhaps(self, reason: str = "") -> Iterator[None]:
        """Run what may run or not; reason says why that is left to chance."""
        around, self._around = self._around, self._around or reason
        self.uncertain += 1
        try:
            yield
        finally:
            self.uncertain -= 1
            self._around = around

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Run what may raise and be caught."""
        tried = self.tried
        if tried is None:
            self.tried = self.opaque_calls
        try:
            with self.perhaps():
                yield
        finally:
            self.tried = tried

    def bind(self, scope: Scope, name: str, value: Value, node: ast.AST) -> None:
        """Give a name a value."""
        scope = scope.elsewhere.get(name, scope)
        if self.path:
            # Whether there is such a task is left to chance.
            if scope.module is self.root and scope.kind == "module" and isinstance(value, (Class, Function, Task)):
                raise NotUnderstood(self.path)
            value = Opaque(self.path)
        if self.uncertain > scope.depth and name in scope.names:
            value = either([scope.names[name], value])
        scope.names[name] = value

    def new_scope(self, module: Module, parent: Scope, kind: str) -> Scope:
        return Scope(module, parent, kind, self.uncertain)


def live_value(thing: object) -> Value:
    """The value for an object of a library."""
    from .known import is_plain

    return Known(thing) if is_plain(thing) else Live(thing)


def _shown(node: ast.AST) -> str:
    try:
        text = " ".join(ast.unparse(node).split())
    except Exception:
        text = type(node).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def known_texts(value: Value) -> list[str] | None:
    """The strings or paths that a value may be; None: they are not all known."""
    import os

    found = []
    for option in value.options if isinstance(value, Either) else [value]:
        if not isinstance(option, Known) or not isinstance(option.value, (str, os.PathLike)):
            return None
        text = os.fspath(option.value)
        if "\0" in text:
            return None
        found.append(text)
    return found
