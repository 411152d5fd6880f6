"""Interprets statements, and the modules and constructors that consist of them."""

from __future__ import annotations

import abc
import ast
import contextlib
import dataclasses
import functools
import importlib.util
import os
import sys
import types
from typing import Any, Callable, Optional

from . import known
from .expressions import Expressions
from .inputs import Inputs
from .modules import candidates, file_of, kind_of, source_of
from .state import Missing, NotUnderstood, Parsed, live_value
from .values import (
    Bound,
    Class,
    Data,
    Decorator,
    Function,
    Instance,
    Known,
    Live,
    Module,
    Opaque,
    Scope,
    Task,
    Value,
    each,
    either,
    reason_of,
)

_MOST_SOURCE = 2 << 20
_KINDS = {id(staticmethod): "static", id(classmethod): "class", id(property): "property", id(functools.cached_property): "property"}
# Decorators that do not change what they decorate.
_TRANSPARENT = known.table(
    [dataclasses.dataclass, functools.total_ordering, functools.lru_cache, functools.cache, functools.wraps, abc.abstractmethod]
)


class Interpreter(Expressions):
    """Interprets the modules of a task file."""

    def __init__(self, inputs: Inputs, live: Any, path: str) -> None:
        super().__init__(inputs)
        self.size = 0
        self.root = Module(live, path)
        self.modules[id(live)] = self.root
        self._run_module(self.root)

    # ------------------------------------------------------------------------------------------------ modules

    def _run_module(self, module: Module) -> None:
        source = source_of(module.live, module.path, _MOST_SOURCE)
        self.size += len(source)
        tree = ast.parse(source)
        if self.size >= _MOST_SOURCE:
            self.give_up(module.scope, tree, "the code that is imported is too long to be followed")
        live = module.live
        for name in ("__name__", "__file__", "__package__", "__doc__"):
            module.scope.names[name] = Known(getattr(live, name, None))
        # An import is interpreted independently of the code around it.
        before = self.uncertain, self._around, self.left, self.tried, self.calls, self.constructing
        self.uncertain, self._around, self.left, self.tried, self.calls, self.constructing = 0, "", "", None, [], False
        try:
            self.block(tree.body, module.scope)
        finally:
            self.uncertain, self._around, self.left, self.tried, self.calls, self.constructing = before

    def _module(self, live: types.ModuleType) -> Value:
        found = self.modules.get(id(live))
        if found is not None:
            return found
        kind, path = kind_of(live)
        if path and kind == "library":
            # Its version decides what the task describes, but it is not the task's code.
            self.inputs.file(file_of(path))
        elif path and kind != "sdk":
            self.inputs.source(file_of(path))
        if kind == "unknown":
            return Opaque(f"{path}: it is not Python source")
        if kind != "followed":
            return Live(live)
        module = self.modules[id(live)] = Module(live, path)
        if path:
            self._run_module(module)
        return module

    def loaded(self, name: str) -> Optional[Value]:
        """Return a loaded module, or None."""
        live = sys.modules.get(name)
        return self._module(live) if isinstance(live, types.ModuleType) else None

    def imported(self, name: str, scope: Scope, node: ast.AST) -> Value:
        """Import a module by its full name, with the packages that it is in."""
        top = name.partition(".")[0]
        for path in candidates(top):
            self.inputs.presence(path)
        value: Optional[Value] = None
        parts = name.split(".")
        for i in range(len(parts)):
            value = self.loaded(".".join(parts[: i + 1]))
            if value is None:
                return self._not_loaded(name, scope, node)
        assert value is not None
        return value

    def _not_loaded(self, name: str, scope: Scope, node: ast.AST) -> Value:
        """Return a module that the file's import did not load: it does not exist, or only a constructor imports it."""
        top = name.partition(".")[0]
        spec = importlib.util.find_spec(top) if self.constructing and top not in sys.modules else None
        if spec is None and (not self.constructing or top not in sys.modules):
            raise Missing(name)
        if spec is not None and spec.origin is not None and known.is_library(spec.origin):
            self.inputs.file(file_of(spec.origin))
            return self.opaque(scope, node, f"the module {name}")
        self.give_up(scope, node, f"the module {name}, which the constructor imports")

    def module_attribute(self, module: Module, name: str, scope: Scope, node: ast.AST) -> Value:
        found = module.scope.names.get(name)
        if found is None:
            found = self.loaded(f"{module.live.__name__}.{name}")
        return found if found is not None else self.opaque(scope, node)

    def _Import(self, node: ast.Import, scope: Scope) -> bool:
        for alias in node.names:
            value = self.imported(alias.name, scope, node)
            if alias.asname:
                self.bind(scope, alias.asname, value, node)
            else:
                top = alias.name.partition(".")[0]
                self.bind(scope, top, self.loaded(top) or value, node)
        return False

    def _ImportFrom(self, node: ast.ImportFrom, scope: Scope) -> bool:
        name = node.module or ""
        if name == "__future__":
            return False
        if node.level:
            package = getattr(scope.module.live, "__package__", None)
            try:
                name = importlib.util.resolve_name("." * node.level + name, package)
            except (ImportError, TypeError, ValueError):
                raise Missing(name) from None
        module = self.imported(name, scope, node)
        for alias in node.names:
            if alias.name == "*":
                self._import_all(module, scope, node)
                continue
            if isinstance(module, Module) and alias.name not in module.scope.names and sys.modules.get(f"{name}.{alias.name}") is None:
                # It does not exist, or was set in a way that is not understood.
                if not hasattr(module.live, alias.name):
                    raise Missing(alias.name)
            self.bind(scope, alias.asname or alias.name, self.attribute(module, alias.name, scope, node), node)
        return False

    def _import_all(self, module: Value, scope: Scope, node: ast.AST) -> None:
        if isinstance(module, Module):
            names = getattr(module.live, "__all__", None)
            for name, value in list(module.scope.names.items()):
                if name in names if names is not None else not name.startswith("_"):
                    self.bind(scope, name, value, node)
        elif isinstance(module, Live):
            live = vars(module.thing)
            for name in live.get("__all__") or [name for name in live if not name.startswith("_")]:
                if name in live:
                    self.bind(scope, name, live_value(live[name]), node)
        else:
            self.give_up(scope, node)

    # ------------------------------------------------------------------------------------------------ blocks

    def block(self, body: list[ast.stmt], scope: Scope) -> bool:
        """Interpret statements. Returns True if the code does not reach their end."""
        return any(self._run(statement, scope) for statement in body)

    def _run(self, node: ast.stmt, scope: Scope) -> bool:
        self.step(scope, node)
        run: Optional[Callable[[Any, Scope], bool]] = getattr(self, "_" + type(node).__name__, None)
        if isinstance(node, ast.expr) or run is None:
            self.give_up(scope, node)
        try:
            return run(node, scope)
        except Missing:
            # It raised, or did not run: the code ends here.
            return True

    def _branch(self, body: list[ast.stmt], scope: Scope, reason: str = "") -> bool:
        """Interpret code that may run or not."""
        with self.perhaps(reason):
            try:
                ended = self.block(body, scope)
            except Parsed:
                ended = True
        if ended and reason:
            # It is unknown, too, whether the code after it runs.
            self.left = self.left or reason
        return ended

    def _If(self, node: ast.If, scope: Scope) -> bool:
        test = self.condition(node.test, scope)
        holds = self.truth(test)
        if holds is not None:
            return self.block(node.body if holds else node.orelse, scope)
        reason = reason_of(test)
        ended = self._branch(node.body, scope, reason)
        return self._branch(node.orelse, scope, reason) and ended

    def _For(self, node: ast.For, scope: Scope) -> bool:
        items = self.iterate(self.value(node.iter, scope), scope, node.iter)
        for item in items:
            with self.perhaps(reason_of(item)):
                self.assign(node.target, item, scope)
            self._branch(node.body, scope, reason_of(item))
        self._branch(node.orelse, scope)
        return False

    def _While(self, node: ast.While, scope: Scope) -> bool:
        for _ in range(2):
            test = self.condition(node.test, scope)
            if self.truth(test) is False:
                break
            self._branch(node.body, scope, reason_of(test))
        self._branch(node.orelse, scope)
        return False

    def _With(self, node: Any, scope: Scope) -> bool:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if not isinstance(value, (Data, Opaque)):
                value = self.opaque(scope, item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        # With contextlib.suppress and the like, the code continues after an exception.
        managers = [item.context_expr for item in node.items]
        if not any(not isinstance(manager, ast.Call) or self._may_suppress(manager, scope) for manager in managers):
            return self.block(node.body, scope)
        before = self.opaque_calls
        with self.trying():
            ended = self.block(node.body, scope)
        if ended and self.opaque_calls > before:
            self.left = self.left or self.last_opaque
        return False

    def _may_suppress(self, node: ast.Call, scope: Scope) -> bool:
        called = self.value(node.func, scope)
        return not isinstance(called, Live) or called.thing is contextlib.suppress or not known.is_pure(called.thing)

    def _Try(self, node: Any, scope: Scope) -> bool:
        before = self.opaque_calls
        with self.trying():
            try:
                ended = self.block(node.body, scope)
            except Parsed:
                if self.opaque_calls == before:
                    raise
                ended = True
        # An opaque call may raise, or not.
        reason = self.last_opaque if self.opaque_calls > before else ""
        if not ended:
            ended = self._branch(node.orelse, scope)
        for handler in node.handlers:
            if handler.type is not None:
                self.value(handler.type, scope)
            if handler.name:
                self.bind(scope, handler.name, Opaque(reason) if reason else Data(), handler)
            ended = self._branch(handler.body, scope, reason) and ended
        return self.block(node.finalbody, scope) or ended

    _TryStar = _Try

    def _Match(self, node: Any, scope: Scope) -> bool:
        subject = self.value(node.subject, scope)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                for name in (getattr(pattern, "name", None), getattr(pattern, "rest", None)):
                    if isinstance(name, str):
                        with self.perhaps():
                            self.bind(scope, name, Opaque(reason_of(subject)) if reason_of(subject) else Data([subject]), node)
            if case.guard is not None:
                self.value(case.guard, scope)
            self._branch(case.body, scope, reason_of(subject))
        return False

    # ------------------------------------------------------------------------------------------------ simple statements

    def _Expr(self, node: ast.Expr, scope: Scope) -> bool:
        self.statements.add(node.value)
        self.value(node.value, scope)
        return False

    def _Pass(self, node: ast.Pass, scope: Scope) -> bool:
        return False

    def _Assert(self, node: ast.Assert, scope: Scope) -> bool:
        self.touched(reason_of(self.condition(node.test, scope)))
        return False

    def _Raise(self, node: ast.Raise, scope: Scope) -> bool:
        if node.exc is not None:
            self.value(node.exc, scope)
        self.touched(self.path)
        return True

    def _Break(self, node: Any, scope: Scope) -> bool:
        return True

    _Continue = _Break

    def _Return(self, node: ast.Return, scope: Scope) -> bool:
        value = self.value(node.value, scope) if node.value is not None else Known(None)
        scope.returns.append(Opaque(self.path) if self.path else value)
        return True

    def _Global(self, node: ast.Global, scope: Scope) -> bool:
        for name in node.names:
            scope.elsewhere[name] = scope.module.scope
        return False

    def _Nonlocal(self, node: ast.Nonlocal, scope: Scope) -> bool:
        for name in node.names:
            around = scope.parent
            while around is not None and (around.kind != "function" or name not in around.names):
                around = around.parent
            if around is None:
                self.give_up(scope, node)
            scope.elsewhere[name] = around
        return False

    def _Delete(self, node: ast.Delete, scope: Scope) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                if not self.uncertain and not self.path:
                    scope.names.pop(target.id, None)
                elif scope.kind == "module":
                    self.give_up(scope, node)
            elif isinstance(target, ast.Subscript):
                owner = self.value(target.value, scope)
                self._set_item(owner, self.value(target.slice, scope), Data(), scope, node)
            else:
                self.give_up(scope, node)
        return False

    def _Assign(self, node: ast.Assign, scope: Scope) -> bool:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)
        return False

    def _AnnAssign(self, node: ast.AnnAssign, scope: Scope) -> bool:
        if node.value is not None:
            self.assign(node.target, self.value(node.value, scope), scope)
        elif scope.kind == "class" and isinstance(node.target, ast.Name):
            # A field of a dataclass.
            self.bind(scope, node.target.id, Data(), node)
        return False

    def _TypeAlias(self, node: Any, scope: Scope) -> bool:
        self.assign(node.name, Data(), scope)
        return False

    def _AugAssign(self, node: ast.AugAssign, scope: Scope) -> bool:
        target: Any = node.target
        read = type(target)(**{**{name: getattr(target, name) for name in target._fields}, "ctx": ast.Load()})
        ast.copy_location(read, target)
        old = self.value(read, scope)
        made = self.value(ast.copy_location(ast.BinOp(left=read, op=node.op, right=node.value), node), scope)
        for one in each([old]):
            if isinstance(one, Data):
                # A list grows in place.
                one.add(Opaque(self.path) if self.path else made)
        self.assign(target, made, scope)
        return False

    # ------------------------------------------------------------------------------------------------ targets

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            self.bind(scope, target.id, value, target)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target, value, scope)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, Data([value]), scope)
        elif isinstance(target, ast.Attribute):
            self.set_attribute(self.value(target.value, scope), target.attr, value, scope, target)
        elif isinstance(target, ast.Subscript):
            self._set_item(self.value(target.value, scope), self.value(target.slice, scope), value, scope, target)
        else:
            self.give_up(scope, target)

    def _unpack(self, target: Any, value: Value, scope: Scope) -> None:
        values: Optional[list[Value]] = None
        if isinstance(value, Known) and isinstance(value.value, tuple):
            values = [Known(part) for part in value.value]
        elif isinstance(value, Data) and not value.unordered:
            values = value.elements
        if values is None or len(values) != len(target.elts) or any(isinstance(part, ast.Starred) for part in target.elts):
            # Twice the same, for a loop over an unknown value.
            inside = self.iterate(value, scope, target)
            values = [either(inside) if inside else Data()] * len(target.elts)
        for part, one in zip(target.elts, values):
            self.assign(part, one, scope)

    def set_attribute(self, owner: Value, name: str, value: Value, scope: Scope, node: ast.AST) -> None:
        if self.path:
            value = Opaque(self.path)
        for one in each([owner]):
            if isinstance(one, (Instance, Class, Function)):
                names = one.fields if isinstance(one, Instance) else one.names if isinstance(one, Class) else one.attributes
                names[name] = either([names[name], value]) if self.uncertain and name in names else value
            elif isinstance(one, Task):
                one.parts.append(value)
            elif isinstance(one, Module):
                self.bind(one.scope, name, value, node)
            elif isinstance(one, Data):
                one.add(value)
            elif isinstance(one, Live) and (known.is_sdk(one.thing) or known.text_of(one.thing, "__name__").startswith("kagurazaka")):
                self.give_up(scope, node)
            elif isinstance(one, Live):
                key = id(one.thing), name
                self.own_attributes[key] = either([*([self.own_attributes[key]] if key in self.own_attributes else []), value])
            elif isinstance(one, Known):
                self.give_up(scope, node)

    def _set_item(self, owner: Value, key: Value, value: Value, scope: Scope, node: ast.AST) -> None:
        if self.path:
            value = Opaque(self.path)
        for one in each([owner]):
            if isinstance(one, Live) and one.thing is os.environ:
                self.set_variable(key, value)
            elif isinstance(one, Data):
                entries = one.entries
                one.add(key)
                one.add(value)
                if entries is not None and isinstance(key, Known) and not self.uncertain:
                    one.entries = {**entries, key.value: value}
            elif isinstance(one, Instance):
                one.parts += [key, value]
            elif not isinstance(one, Opaque):
                self.give_up(scope, node)

    # ------------------------------------------------------------------------------------------------ definitions

    def _FunctionDef(self, node: Any, scope: Scope) -> bool:
        made: Value = self.function(node, scope)
        for decorator in reversed(node.decorator_list):
            made = self._decorated(decorator, made, scope)
        self.bind(scope, node.name, made, node)
        return False

    _AsyncFunctionDef = _FunctionDef

    def _decorated(self, node: ast.expr, made: Value, scope: Scope) -> Value:
        decorator = self.value(node, scope)
        if isinstance(made, Function) and isinstance(decorator, Live) and id(decorator.thing) in _KINDS:
            made.kind = _KINDS[id(decorator.thing)]
            return made
        if isinstance(made, (Function, Class)):
            named = self.value(node.func, scope) if isinstance(node, ast.Call) else decorator
            if isinstance(named, Live) and id(named.thing) in _TRANSPARENT:
                return made
        followed = any(isinstance(one, (Function, Bound, Class, Instance, Decorator)) for one in each([decorator]))
        if isinstance(made, Function) and not followed:
            # Whatever a library makes of it, it exists under its name.
            made.kind = made.kind or "wrapped"
            return made
        return self.call(decorator, [made], {}, scope, node)

    def _ClassDef(self, node: ast.ClassDef, scope: Scope) -> bool:
        bases, _ = self._items(node.bases, scope)
        keywords = [self.value(keyword.value, scope) for keyword in node.keywords]
        inside = self.new_scope(scope.module, scope, "class")
        made = Class(node.name, bases, inside.names)
        made.extra = keywords
        inside.names["__doc__"] = Known(ast.get_docstring(node))
        self.block(node.body, inside)
        for value in inside.names.values():
            if isinstance(value, Function) and value.owner is None:
                value.owner = made
        for keyword, value in zip(node.keywords, keywords):
            if keyword.arg == "metaclass" and not isinstance(value, Live):
                made.reason = self.where(scope, node, "the task's own metaclass")
        for above in made.mro()[1:]:
            if isinstance(above, Class) and "__init_subclass__" in above.names:
                made.reason = made.reason or self.where(scope, node, "__init_subclass__")
        result: Value = made
        for decorator in reversed(node.decorator_list):
            result = self._decorated(decorator, result, scope)
        self.bind(scope, node.name, result, node)
        return False

    # ------------------------------------------------------------------------------------------------ constructors

    def construct(self, cls: Value) -> None:
        """Interpret a class's constructor up to the first call of its parser."""
        for one in each([cls]):
            one = one.cls if isinstance(one, Task) else one
            if not isinstance(one, Class):
                self.give_up(self.root.scope, ast.Module([], []), "a class whose constructor is not understood")
            before = self.opaque_calls
            self.constructing, self.parsed = True, False
            try:
                self._construct(one, [Data()], {}, self.root.scope, ast.Module([], []))
            except (Parsed, Missing):
                pass
            finally:
                self.constructing = False
            if not self.parsed and self.opaque_calls > before:
                raise NotUnderstood(f"{self.root.path}: the constructor of {one.name} does not parse arguments in a way that is understood")
