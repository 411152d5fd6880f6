"""Evaluation steps that calls, expressions and statements share."""

from __future__ import annotations

import ast
from typing import Any, Callable, Optional

from . import known
from .reads import Reads
from .values import (
    Bound,
    Class,
    Data,
    Function,
    Instance,
    Known,
    Live,
    Method,
    Module,
    Opaque,
    Scope,
    Super,
    Value,
    each,
    element,
)

# The deepest nesting of calls that is followed.
DEEPEST = 40


class Shared(Reads):
    """The shared steps. These are the methods of subclasses that they and each other call."""

    value: Callable[[ast.expr, Scope], Value]
    attribute: Callable[[Value, str, Scope, ast.AST], Value]
    subscript: Callable[[Value, Value, Scope, ast.AST], Value]
    assign: Callable[[ast.expr, Value, Scope], None]
    set_attribute: Callable[[Value, str, Value, Scope, ast.AST], None]
    block: Callable[[list[ast.stmt], Scope], bool]
    module_attribute: Callable[[Module, str, Scope, ast.AST], Value]
    loaded: Callable[[str], Optional[Value]]
    imported: Callable[[str, Scope, ast.AST], Value]
    call: Callable[[Value, list[Value], dict[str, Value], Scope, ast.AST], Value]

    def function(self, node: Any, scope: Scope) -> Function:
        """Return a function's value. Its defaults are evaluated where it is defined."""
        made = Function(node, scope)
        made.defaults = [self.value(default, scope) for default in node.args.defaults]
        pairs = zip(node.args.kwonlyargs, node.args.kw_defaults)
        made.keyword_defaults = {argument.arg: self.value(default, scope) for argument, default in pairs if default is not None}
        return made

    def text_of(self, scope: Scope, node: ast.AST, parts: list[Value]) -> Value:
        """Return the value of a text made of values. The text of an object has its address."""
        todo, seen = list(each(parts)), set()
        while todo:
            part = todo.pop()
            if isinstance(part, (Instance, Function, Bound, Live, Method, Super, Module)) or isinstance(part, Data) and part.unordered:
                return self.opaque(scope, node, "the text of an object or of a set")
            if isinstance(part, Data) and id(part) not in seen:
                seen.add(id(part))
                todo += each(part.parts)
        return Data(parts)

    def iterate(self, value: Value, scope: Scope, node: ast.AST) -> list[Value]:
        """Return the values of a loop over a value: all in order, or the possible ones twice."""
        found: list[Value] = []
        for one in each([value]):
            if isinstance(one, Known) and isinstance(one.value, tuple):
                found += [Known(part) if known.is_plain(part) else Live(part) for part in one.value]
            elif isinstance(one, Data) and one.unordered:
                found.append(self.opaque(scope, node, "the order of a set"))
            elif isinstance(one, Data) and one.elements is not None:
                found += one.elements
            elif isinstance(one, (Known, Data)):
                found += [element(one)] * 2
            elif isinstance(one, Class):
                found += [Data(one.names.values())] * 2
            else:
                found.append(one if isinstance(one, Opaque) else self.opaque(scope, node))
        return found

    def refuse_unordered(self, value: Value, scope: Scope, node: ast.AST) -> None:
        if any(isinstance(one, Data) and one.unordered for one in each([value])):
            self.give_up(scope, node, "the order of a set")

    def escape(self, values: list[Value], reason: str, scope: Scope, node: ast.AST) -> None:
        """Handle values that an unknown function gets: it may change them, and call functions among them."""
        for one in each(values):
            if isinstance(one, (Data, Instance)):
                one.reason = one.reason or reason
            elif isinstance(one, (Function, Bound)) and len(self.calls) < DEEPEST:
                self.called_back(one, Opaque(reason), scope, node)

    def called_back(self, called: Value, given: Value, scope: Scope, node: ast.AST) -> Value:
        """Return the result of a function that a library calls with arguments like this one."""
        function = called.function if isinstance(called, Bound) else called
        assert isinstance(function, Function)
        arguments = function.node.args
        count = len(arguments.posonlyargs) + len(arguments.args) - isinstance(called, Bound)
        keywords = {argument.arg: given for argument in arguments.kwonlyargs}
        with self.perhaps():
            return self.call(called, [given] * max(count, 0), keywords, scope, node)
