"""Abstract values: what is known about a value without running the code that makes it."""

from __future__ import annotations

import ast
import os
import sys
from typing import Any, Iterable, Iterator, Optional, Union

FunctionNode = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]

_MOST_OPTIONS = 8
_PLAIN_NAMES = frozenset("__init__ __post_init__ __doc__ __slots__ __module__ __annotations__ __match_args__ __repr__".split())


class Value:
    """A value of the interpreted code."""

    def inner(self) -> Iterable[Value]:
        """Return the values that flow into the description of this one."""
        return ()

    # The reason why it is unknown; empty if it is understood.
    reason = ""


class Known(Value):
    """A known immutable value: a string, a number, a path, a tuple of those."""

    def __init__(self, value: Any) -> None:
        self.value = value


NONE = Known(None)


class Opaque(Value):
    """An unknown value, with the reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Data(Value):
    """A value that depends only on its parts: a list, a dict, the content of a recorded file, a mode."""

    def __init__(self, parts: Iterable[Value] = (), *, unordered: bool = False) -> None:
        self.parts: list[Value] = []
        # Whether the order of its elements is random: a set of strings.
        self.unordered = unordered
        # Whether it may also hold plain values, which are not kept.
        self.plain = False
        # All elements in order, while they are known.
        self.elements: Optional[list[Value]] = None
        # Values by their keys, while they are known.
        self.entries: Optional[dict[Any, Value]] = None
        for part in parts:
            self.add(part)

    def add(self, part: Value) -> None:
        """Add a part."""
        self.elements = self.entries = None
        if isinstance(part, (Known, Data)):
            self.plain = True
        if not isinstance(part, Known) and part is not self and not any(part is other for other in self.parts):
            self.parts.append(part)

    def inner(self) -> Iterable[Value]:
        return self.parts


class Decorator(Data):
    """The decorator that a template function returns, to be applied to a class."""


class Parser(Data):
    """An argparse parser with all its groups and sub-parsers."""


class Live(Value):
    """An existing object of a library: a module, a class, a function, anything else."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        if thing is os.environ or thing is os.environb:
            # Its names one by one are another thing.
            self.reason = "the whole environment"
        elif thing is sys.modules:
            self.reason = "the modules that are loaded"


class Either(Value):
    """One of several values."""

    def __init__(self, options: list[Value]) -> None:
        self.options = options

    def inner(self) -> Iterable[Value]:
        return self.options


class Scope:
    """The names of a module, a class or a call."""

    def __init__(self, module: Module, parent: Optional[Scope], kind: str, depth: int) -> None:
        self.module = module
        self.parent = parent
        self.kind = kind
        # The interpreter's `uncertain` when the scope was made.
        self.depth = depth
        self.names: dict[str, Value] = {}
        self.elsewhere: dict[str, Scope] = {}
        self.returns: list[Value] = []
        self.function: Optional[Function] = None
        self.first: Optional[Value] = None

    def lookup(self, name: str) -> Optional[Value]:
        """Return the value of a name for code in this scope."""
        scope: Optional[Scope] = self.elsewhere.get(name, self)
        inside = True
        while scope is not None:
            if name in scope.names and (inside or scope.kind != "class"):
                return scope.names[name]
            scope, inside = scope.parent, False
        return None


class Module(Value):
    """A module whose source is followed."""

    def __init__(self, live: Any, path: str) -> None:
        self.live = live
        self.path = path
        self.scope = Scope(self, None, "module", 0)


class Function(Value):
    """A function of a followed module."""

    def __init__(self, node: FunctionNode, scope: Scope, kind: str = "") -> None:
        self.node = node
        self.scope = scope
        # "static", "class" or "property" for such a decorator; "wrapped" for one of a library.
        self.kind = kind
        self.defaults: list[Value] = []
        self.keyword_defaults: dict[str, Value] = {}
        # The class that contains it.
        self.owner: Optional[Class] = None
        self.attributes: dict[str, Value] = {}

    def inner(self) -> Iterable[Value]:
        return self.attributes.values()


class Bound(Value):
    """A function with its first argument."""

    def __init__(self, function: Function, receiver: Value) -> None:
        self.function = function
        self.receiver = receiver


class Method(Value):
    """An attribute of a value whose class is not followed."""

    def __init__(self, receiver: Value, name: str) -> None:
        self.receiver = receiver
        self.name = name

    def inner(self) -> Iterable[Value]:
        return (self.receiver,)


class Class(Value):
    """A class of a followed module."""

    # The names in a class's body that a description uses.
    described: frozenset[str] = frozenset()

    def __init__(self, name: str, bases: list[Value], names: dict[str, Value]) -> None:
        self.name = name
        self.bases = bases
        self.names = names
        self.extra: list[Value] = []

    def inner(self) -> Iterable[Value]:
        yield from self.bases
        yield from self.extra
        for name, value in self.names.items():
            if name in Class.described or name.startswith("kagurazaka_"):
                yield value

    def is_special(self) -> bool:
        """Return whether it has special methods that are not understood."""
        return any(name.startswith("__") and name.endswith("__") and name not in _PLAIN_NAMES for name in self.names)

    def mro(self) -> list[Value]:
        """Return the class and its bases: Class and Live."""
        found: list[Value] = []

        def walk(cls: Value) -> None:
            for one in options(cls):
                one = one.cls if isinstance(one, Task) else one
                found[:] = [other for other in found if other is not one]
                found.append(one)
                if isinstance(one, Class):
                    for base in one.bases:
                        walk(base)

        walk(self)
        return found


class Task(Value):
    """A decorated class."""

    def __init__(self, cls: Value, parts: list[Value]) -> None:
        self.cls = cls
        self.parts = parts

    def inner(self) -> Iterable[Value]:
        return (self.cls, *self.parts)


class Instance(Value):
    """An object of a followed class."""

    def __init__(self, cls: Class) -> None:
        self.cls = cls
        # Its class may define operators, truth and the like.
        self.special = False
        self.fields: dict[str, Value] = {}
        self.parts: list[Value] = []

    def inner(self) -> Iterable[Value]:
        yield from self.fields.values()
        yield from self.parts


class Super(Value):
    """The result of super()."""

    def __init__(self, above: list[Value], receiver: Value) -> None:
        self.above = above
        self.receiver = receiver


def options(value: Value) -> list[Value]:
    return value.options if isinstance(value, Either) else [value]


def either(values: Iterable[Value]) -> Value:
    """Return a value that is one of these; a single value is returned itself."""
    found: list[Value] = []
    for value in values:
        for option in options(value):
            if not any(_same(option, other) for other in found):
                found.append(option)
    if not found:
        return NONE
    if len(found) == 1:
        return found[0]
    if len(found) > _MOST_OPTIONS:
        if all(isinstance(option, (Known, Data)) for option in found):
            return Data(found)
        return Opaque(reason_of(Either(found)) or "too many values are possible")
    return Either(found)


def _same(a: Value, b: Value) -> bool:
    if isinstance(a, Known) and isinstance(b, Known):
        return type(a.value) is type(b.value) and bool(a.value == b.value)
    if isinstance(a, Live) and isinstance(b, Live):
        return a.thing is b.thing
    return a is b


def reason_of(value: Value) -> str:
    """Return why a value, or anything that flows into it, is not understood; empty if all is."""
    seen: set[int] = set()
    todo = [value]
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.reason:
            return value.reason
        todo.extend(value.inner())
    return ""


def element(container: Value) -> Value:
    """Return the values that may be inside a container."""
    if isinstance(container, Known) and isinstance(container.value, (tuple, str)) and len(container.value) <= _MOST_OPTIONS:
        return either(Known(part) for part in container.value)
    if not isinstance(container, Data):
        return Data([container])
    inside: list[Value] = list(container.parts)
    if container.plain or not inside or any(isinstance(part, Data) for part in inside):
        inside.append(container)
    return either(inside)


def each(values: Iterable[Value]) -> Iterator[Value]:
    for value in values:
        yield from options(value)
