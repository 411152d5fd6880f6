"""Evaluates expressions to abstract values."""

from __future__ import annotations

import ast
import builtins
import inspect
import operator
import os
import re
import types
from typing import Any, Callable, Optional

from . import known
from .calls import Calls
from .state import live_value
from .values import (
    NONE,
    Bound,
    Class,
    Data,
    Either,
    Function,
    Instance,
    Known,
    Live,
    Method,
    Module,
    Opaque,
    Scope,
    Super,
    Task,
    Value,
    each,
    either,
    element,
    reason_of,
)

_LARGEST = 1 << 16
# A width in a format, larger than any for a path.
_WIDE = re.compile(r"\d{4}")
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod, ast.BitOr: operator.or_, ast.BitAnd: operator.and_, ast.BitXor: operator.xor,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Is: operator.is_, ast.IsNot: operator.is_not, ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
_UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.inv}

_NAMES = ("__name__", "__qualname__", "__module__", "__doc__")


class Expressions(Calls):
    """Evaluates expressions."""

    def value(self, node: ast.expr, scope: Scope) -> Value:
        """Return the value of an expression."""
        self.step(scope, node)
        evaluate = getattr(self, "_" + type(node).__name__, None)
        if evaluate is None:
            self.give_up(scope, node)
        found: Value = evaluate(node, scope)
        if self.tried is not None:
            self.touched(reason_of(found))
        return found

    def condition(self, node: ast.expr, scope: Scope) -> Value:
        """Return the value of an expression that is used as a condition: a class may define its truth."""
        value = self.value(node, scope)
        return either(self.opaque(scope, node) if isinstance(one, Instance) and one.special else one for one in each([value]))

    def truth(self, value: Value) -> Optional[bool]:
        """Return whether a condition holds, or None if that is unknown."""
        found = set()
        for option in each([value]):
            if isinstance(option, Known):
                found.add(bool(option.value))
            elif isinstance(option, (Function, Class, Module, Task)) or isinstance(getattr(option, "thing", None), types.ModuleType):
                found.add(True)
            else:
                return None
        return found.pop() if len(found) == 1 else None

    # ------------------------------------------------------------------------------------------------ plain ones

    def _Constant(self, node: ast.Constant, scope: Scope) -> Value:
        return Known(node.value)

    def _Name(self, node: ast.Name, scope: Scope) -> Value:
        found = scope.lookup(node.id)
        if found is not None:
            return found
        if hasattr(builtins, node.id):
            return live_value(getattr(builtins, node.id))
        return self.opaque(scope, node, f"the name {node.id}, which is not set in a way that is understood")

    def _JoinedStr(self, node: ast.JoinedStr, scope: Scope) -> Value:
        parts = [self.value(part, scope) for part in node.values]
        if all(isinstance(part, Known) for part in parts):
            return Known("".join(str(part.value) for part in parts if isinstance(part, Known)))
        return self.text_of(scope, node, parts)

    def _FormattedValue(self, node: ast.FormattedValue, scope: Scope) -> Value:
        value = self.value(node.value, scope)
        spec = self.value(node.format_spec, scope) if node.format_spec else Known("")
        if isinstance(value, Known) and isinstance(spec, Known) and not _WIDE.search(str(spec.value)):
            turns: dict[int, Callable[[Any], Any]] = {115: str, 114: repr, 97: ascii}
            turn = turns.get(node.conversion, lambda value: value)
            try:
                return Known(_small(format(turn(value.value), spec.value)))
            except Exception:
                return Data()
        return self.text_of(scope, node, [value, spec])

    def _NamedExpr(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.value(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    def _Starred(self, node: ast.Starred, scope: Scope) -> Value:
        return either(self.iterate(self.value(node.value, scope), scope, node))

    def _Lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return self.function(node, scope)

    def _Slice(self, node: ast.Slice, scope: Scope) -> Value:
        return Data([self.value(part, scope) for part in (node.lower, node.upper, node.step) if part is not None])

    def _Yield(self, node: ast.Yield, scope: Scope) -> Value:
        scope.returns.append(Data([self.value(node.value, scope)] if node.value else []))
        return Data()

    def _YieldFrom(self, node: ast.YieldFrom, scope: Scope) -> Value:
        scope.returns.append(Data(self.iterate(self.value(node.value, scope), scope, node)))
        return Data()

    # ------------------------------------------------------------------------------------------------ containers

    def _items(self, nodes: list[ast.expr], scope: Scope) -> tuple[list[Value], bool]:
        """Return the values of a display's elements, and whether these are all."""
        values: list[Value] = []
        exact = True
        for node in nodes:
            if isinstance(node, ast.Starred):
                values += self.iterate(self.value(node.value, scope), scope, node)
                exact = False
            else:
                values.append(self.value(node, scope))
        return values, exact

    def _Tuple(self, node: ast.Tuple, scope: Scope) -> Value:
        values, exact = self._items(node.elts, scope)
        if exact and all(isinstance(value, Known) for value in values):
            return Known(tuple(value.value for value in values if isinstance(value, Known)))
        return self._List(node, scope, values, exact)

    def _List(self, node: Any, scope: Scope, values: Optional[list[Value]] = None, exact: bool = True) -> Value:
        if values is None:
            values, exact = self._items(node.elts, scope)
        made = Data(values)
        made.elements = values if exact else None
        return made

    def _Set(self, node: ast.Set, scope: Scope) -> Value:
        return Data(self._items(node.elts, scope)[0], unordered=len(node.elts) > 1)

    def _Dict(self, node: ast.Dict, scope: Scope) -> Value:
        made = Data()
        entries: Optional[dict[Any, Value]] = {}
        for key_node, value_node in zip(node.keys, node.values):
            value = self.value(value_node, scope)
            if key_node is None:
                self.refuse_unordered(value, scope, node)
                made.add(value if isinstance(value, (Data, Known)) else either(self.iterate(value, scope, node)))
                inside = value.entries if isinstance(value, Data) else None
                entries = None if entries is None or inside is None else {**entries, **inside}
                continue
            key = self.value(key_node, scope)
            made.add(key)
            made.add(value)
            if entries is not None and isinstance(key, Known):
                entries[key.value] = value
            else:
                entries = None
        made.entries = entries
        return made

    def _comprehension(self, node: Any, scope: Scope) -> Value:
        made = Data(unordered=isinstance(node, ast.SetComp))
        inside = self.new_scope(scope.module, scope, "function")
        inside.function, inside.first = scope.function, scope.first
        with self.perhaps():
            self._generate(node, list(node.generators), inside, made)
        return made

    def _generate(self, node: Any, generators: list[ast.comprehension], scope: Scope, made: Data) -> None:
        if not generators:
            for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
                made.add(self.value(part, scope))
            return
        first, *rest = generators
        for item in self.iterate(self.value(first.iter, scope), scope, first.iter):
            self.assign(first.target, item, scope)
            conditions = [self.condition(condition, scope) for condition in first.ifs]
            made.parts += [one for one in conditions if reason_of(one)]
            self._generate(node, rest, scope, made)

    _ListComp = _DictComp = _GeneratorExp = _SetComp = _comprehension

    # ------------------------------------------------------------------------------------------------ operators

    def _BinOp(self, node: ast.BinOp, scope: Scope) -> Value:
        left, right = self.value(node.left, scope), self.value(node.right, scope)
        run = _BINARY.get(type(node.op))
        return either(self._operate(node, scope, run, a, b) for a in each([left]) for b in each([right]))

    def _operate(self, node: ast.expr, scope: Scope, run: Optional[Callable[[Any, Any], Any]], a: Value, b: Value) -> Value:
        if isinstance(a, Known) and isinstance(b, Known) and run is not None:
            try:
                if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Mod)):
                    if isinstance(node.op, ast.Mult) and not all(isinstance(x.value, (int, float)) for x in (a, b)):
                        return Data()
                    if isinstance(a.value, (str, bytes)) and (_WIDE.search(str(a.value)) or "*" in str(a.value)):
                        return Data()
                made = _small(run(a.value, b.value))
            except Exception:
                return Data()  # it raises, and the code ends here
            return Known(made) if known.is_plain(made) else Data()
        if all(isinstance(x, (Known, Data)) for x in (a, b)):
            return Data([a, b], unordered=any(isinstance(x, Data) and x.unordered for x in (a, b)))
        # Types in annotations: int | None.
        if all(isinstance(x, (Class, Known, Data)) or isinstance(x, Live) and isinstance(x.thing, type) for x in (a, b)):
            return Data([a, b])
        return Opaque(reason_of(a) or reason_of(b)) if reason_of(a) or reason_of(b) else self.opaque(scope, node)

    def _UnaryOp(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.condition(node.operand, scope)
        if isinstance(node.op, ast.Not):
            holds = self.truth(value)
            return Known(not holds) if holds is not None else Data([value])
        if isinstance(value, Known):
            try:
                return Known(_UNARY[type(node.op)](value.value))
            except Exception:
                return Data()
        return Data([value]) if isinstance(value, (Data, Opaque, Either)) else self.opaque(scope, node)

    def _BoolOp(self, node: ast.BoolOp, scope: Scope) -> Value:
        found: list[Value] = []
        ends = isinstance(node.op, ast.Or)
        for i, part in enumerate(node.values):
            before = reason_of(either(found)) if found else ""
            if i == 0:
                value = self.condition(part, scope)
            else:
                with self.perhaps(before):
                    value = self.condition(part, scope)
            last = i == len(node.values) - 1
            holds = self.truth(value)
            if holds is None or last or holds is ends:
                found.append(value)
            if holds is ends:
                break
        return either(found)

    def _Compare(self, node: ast.Compare, scope: Scope) -> Value:
        results: list[Value] = []
        left = self.value(node.left, scope)
        for op, part in zip(node.ops, node.comparators):
            right = self.value(part, scope)
            results.append(self._compare(node, op, left, right, scope))
            left = right
        if len(results) == 1:
            return results[0]
        if all(isinstance(result, Known) and result.value for result in results):
            return Known(True)
        return Data(results)

    def _compare(self, node: ast.Compare, op: ast.cmpop, left: Value, right: Value, scope: Scope) -> Value:
        if isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, Live) and right.thing is os.environ:
            there = self.has_variable(scope, node, left)
            if isinstance(op, ast.In):
                return there
            return either(Known(not one.value) if isinstance(one, Known) else one for one in each([there]))
        if isinstance(left, Known) and isinstance(right, Known):
            try:
                return Known(bool(_COMPARE[type(op)](left.value, right.value)))
            except Exception:
                return Data()
        if isinstance(op, (ast.Is, ast.IsNot)):
            if NONE.value is getattr(right, "value", ...) and isinstance(left, (Live, Function, Class, Module, Task, Instance)):
                return Known(isinstance(op, ast.IsNot))
            return Data([left, right])
        for side in (left, right):
            for one in each([side]):
                # Their classes may define equality.
                if isinstance(one, (Instance, Super)) or isinstance(one, Live) and not isinstance(one.thing, (type, types.ModuleType)):
                    return self.opaque(scope, node)
        return Data([left, right])

    def _IfExp(self, node: ast.IfExp, scope: Scope) -> Value:
        test = self.condition(node.test, scope)
        holds = self.truth(test)
        if holds is not None:
            return self.value(node.body if holds else node.orelse, scope)
        reason = reason_of(test)
        with self.perhaps(reason):
            found = either([self.value(node.body, scope), self.value(node.orelse, scope)])
        return Opaque(reason) if reason else found

    # ------------------------------------------------------------------------------------------------ parts of values

    def _Attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        return self.attribute(self.value(node.value, scope), node.attr, scope, node)

    def attribute(self, value: Value, name: str, scope: Scope, node: ast.AST) -> Value:
        """value.name"""
        return either(self._attribute(one, name, scope, node) for one in each([value]))

    def _attribute(self, value: Value, name: str, scope: Scope, node: ast.AST) -> Value:
        if isinstance(value, Opaque):
            return value
        if isinstance(value, Known):
            if isinstance(value.value, known.PATHS) and name in known.PATH_METHODS:
                found = getattr(value.value, name, None)
                if not callable(found):
                    return Known(found) if known.is_plain(found) else Data([value])
            elif not callable(found := getattr(value.value, name, len)) and known.is_plain(found):
                return Known(found)
            return Method(value, name)
        if isinstance(value, Live):
            found = self._live_attribute(value.thing, name, scope, node)
            own = self.own_attributes.get((id(value.thing), name))
            return found if own is None else either([found, own])
        if isinstance(value, Module):
            return self.module_attribute(value, name, scope, node)
        if isinstance(value, Instance):
            if name in value.fields:
                return value.fields[name]
            return self._member(value.cls.mro(), value, name, scope, node)
        if isinstance(value, Super):
            return self._member(value.above, value.receiver, name, scope, node)
        if isinstance(value, Class):
            return self._member(value.mro(), None, name, scope, node)
        if isinstance(value, Task):
            return self.attribute(value.cls, name, scope, node) if isinstance(value.cls, Class) else Data([value])
        if isinstance(value, Function) and name in value.attributes:
            return value.attributes[name]
        if isinstance(value, (Function, Bound)):
            return Data() if name in _NAMES else self.opaque(scope, node)
        return Method(value, name)

    def _live_attribute(self, thing: Any, name: str, scope: Scope, node: ast.AST) -> Value:
        if isinstance(thing, types.ModuleType):
            if name not in vars(thing):
                inner = self.loaded(f"{thing.__name__}.{name}")
                return inner if inner is not None else self.opaque(scope, node)
            return live_value(vars(thing)[name])
        if isinstance(thing, type):
            try:
                found = getattr(thing, name)
            except Exception:
                return self.opaque(scope, node)
            return live_value(found) if isinstance(found, type) or known.is_plain(found) else Method(Live(thing), name)
        method = Method(Live(thing), name)
        if not callable(thing) and not known.is_pure(type(thing)):
            # A library's object may compute its attributes in any way.
            method.reason = self.where(scope, node)
        return method

    def _member(self, mro: list[Value], receiver: Optional[Value], name: str, scope: Scope, node: ast.AST) -> Value:
        """Return an attribute that classes define, for an object (receiver) or for the first of them."""
        for cls in mro:
            if isinstance(cls, Class) and name in cls.names:
                found = cls.names[name]
                if any(isinstance(one, Instance) and one.special for one in each([found])):
                    # It may be a descriptor.
                    return self.opaque(scope, node)
                if not isinstance(found, Function):
                    return found
                owner = receiver if receiver is not None else mro[0]
                if found.kind == "property":
                    return self.call(found, [owner], {}, scope, node) if receiver is not None else Data()
                if found.kind == "static" or receiver is None and found.kind != "class":
                    return found
                if found.kind == "class":
                    return Bound(found, owner.cls if isinstance(owner, Instance) else mro[0])
                return Bound(found, owner)
            if isinstance(cls, Live):
                if name == "__init__" and (cls.thing is object or known.is_sdk(cls.thing) or known.is_pure(cls.thing)):
                    return Live(known.nothing)
                if inspect.getattr_static(cls.thing, name, self) is not self:
                    return Method(receiver if receiver is not None else cls, name)
            elif not isinstance(cls, Class):
                return self.opaque(scope, node)
        if name in _NAMES:
            return Data()
        if name == "__class__" and isinstance(receiver, Instance):
            return receiver.cls
        if name == "__init__":
            return Live(known.nothing)
        return self.opaque(scope, node)

    def _Subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        value, key = self.value(node.value, scope), self.value(node.slice, scope)
        return either(self.subscript(one, key, scope, node) for one in each([value]))

    def subscript(self, value: Value, key: Value, scope: Scope, node: ast.AST) -> Value:
        """value[key]"""
        if isinstance(value, Opaque):
            return value
        if isinstance(value, Live):
            if value.thing is os.environ:
                return self.variable(scope, node, key, None)
            # A generic type, or a library's own data.
            return Data([value, key])
        if isinstance(value, Known):
            if isinstance(key, Known):
                try:
                    found = value.value[key.value]
                except Exception:
                    return Data()
                return Known(found) if known.is_plain(found) else Data()
            return Data([element(value), key])
        if isinstance(value, Data):
            if isinstance(key, Known):
                try:
                    if value.entries is not None:
                        return value.entries.get(key.value, Data())
                    if value.elements is not None and isinstance(key.value, int):
                        return value.elements[key.value]
                except (IndexError, TypeError):
                    return Data()
            reason = reason_of(key)
            return Opaque(reason) if reason else element(value)
        if isinstance(value, Class) and not any(isinstance(one, Class) and "__class_getitem__" in one.names for one in value.mro()):
            return Data([*value.names.values(), key])
        return self.opaque(scope, node)


def _small(value: Any) -> Any:
    if isinstance(value, (str, bytes, tuple)) and len(value) > _LARGEST or isinstance(value, int) and abs(value) > 1 << 64:
        raise ValueError("too large")
    return value
