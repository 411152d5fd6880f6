"""Evaluates calls: of followed functions and classes, of known library functions, and of anything else."""

from __future__ import annotations

import argparse
import ast
import builtins
import datetime
import functools
import importlib
import os
import pathlib
import sys
import types
from typing import Any, Optional

from . import known
from .reads import READERS, as_paths
from .shared import DEEPEST, Shared
from .state import Parsed, known_texts
from .values import (
    NONE,
    Bound,
    Class,
    Data,
    Decorator,
    Either,
    Function,
    Instance,
    Known,
    Live,
    Method,
    Opaque,
    Parser,
    Scope,
    Super,
    Task,
    Value,
    each,
    either,
    element,
    reason_of,
)

_PARSING = ("parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args")
_REFUSED = {
    id(thing): thing
    for thing in (
        *(builtins.exec, builtins.eval, builtins.compile, builtins.__import__, builtins.globals, builtins.locals, builtins.input),
        *(os.chdir, os.fchdir, os._exit, os.fork, os.system, sys.exit, importlib.reload, os.putenv, os.unsetenv),
        *(os.mkdir, os.makedirs, os.remove, os.unlink, os.rename, os.replace, os.rmdir, os.symlink, os.link, os.open),
    )
}
# The names of calls that set up a library, and do not touch files.
_SET_UP = tuple("set seed manual_seed use register filter disable enable init freeze signal collect append insert".split())
# Functions of the SDK, and what they make of their arguments.
_SDK_MAKERS: dict[str, type[Data]] = {
    "template_normal": Decorator,
    "template_torch_vanilla_v1": Decorator,
    "pad_collate": Data,
    "dict_collate": Data,
}
_DATES = ("fromisoformat", "strptime", "combine")


class Calls(Shared):
    """Evaluates calls. Subclasses provide the missing methods."""

    def _Call(self, node: ast.Call, scope: Scope) -> Value:
        if isinstance(node.func, ast.Name) and node.func.id == "super" and scope.lookup("super") is None:
            return self._super(node, scope)
        called = self.value(node.func, scope)
        arguments: list[Value] = []
        keywords: dict[str, Value] = {}
        more: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                starred = self.value(argument.value, scope)
                exact = isinstance(starred, Known) or isinstance(starred, Data) and starred.elements is not None
                items = self.iterate(starred, scope, argument)
                arguments, more = (arguments + items, more) if exact and not more else (arguments, more + items)
            elif more:
                more.append(self.value(argument, scope))
            else:
                arguments.append(self.value(argument, scope))
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, Data) and value.entries is not None and all(isinstance(key, str) for key in value.entries):
                keywords.update(value.entries)
            else:
                self.refuse_unordered(value, scope, node)
                more.append(value)
        if more:
            keywords[""] = either(more)
        return self.call(called, arguments, keywords, scope, node)

    def call(self, called: Value, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        """called(*arguments, **keywords); keywords[""] holds arguments with unknown names."""
        self.step(scope, node)
        if not isinstance(called, Either):
            return self._call_one(called, arguments, keywords, scope, node)
        found = []
        for one in called.options:
            with self.perhaps(reason_of(called)):
                found.append(self._call_one(one, arguments, keywords, scope, node))
        return either(found)

    def _call_one(self, called: Value, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        if isinstance(called, Live):
            return self._call_live(called.thing, arguments, keywords, scope, node)
        if isinstance(called, Method):
            return self._call_method(called, arguments, keywords, scope, node)
        if isinstance(called, Function):
            return self._call_function(called, arguments, keywords, scope, node)
        if isinstance(called, Bound):
            return self._call_function(called.function, [called.receiver, *arguments], keywords, scope, node)
        if isinstance(called, Class):
            return self._construct(called, arguments, keywords, scope, node)
        if isinstance(called, Decorator) and len(arguments) == 1:
            return self._decorate(called, arguments[0], scope, node)
        if isinstance(called, Task):
            # The mixin changes the modes in place.
            called.parts += [*arguments, *keywords.values()]
            return called
        return self._unknown(called, arguments, keywords, scope, node)

    def _unknown(self, called: Value, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        if node in self.statements and not self.constructing and not _sets_up(node):
            # It may write the list that a template names, or files to list, in each run.
            self.give_up(scope, node)
        made = called if isinstance(called, Opaque) else self.opaque(scope, node)
        if made is called:
            self.touched(made.reason)
        self.escape([*arguments, *keywords.values()], made.reason, scope, node)
        return made

    def _decorate(self, decorator: Decorator, cls: Value, scope: Scope, node: ast.AST) -> Value:
        if isinstance(cls, (Class, Task, Opaque, Data)):
            return Task(cls, [decorator])
        return self.opaque(scope, node)

    def _super(self, node: ast.Call, scope: Scope) -> Value:
        around: Optional[Scope] = scope
        while around is not None and around.function is None:
            around = around.parent
        function = around.function if around is not None else None
        owner, receiver = (function.owner, around.first) if function is not None and around is not None else (None, None)
        if owner is None or receiver is None or len(node.args) not in (0, 2):
            return self.opaque(scope, node)
        cls = receiver.cls if isinstance(receiver, Instance) else receiver
        mro = cls.mro() if isinstance(cls, Class) else owner.mro()
        place = next((i for i, one in enumerate(mro) if one is owner), -1)
        return Super(mro[place + 1 :], receiver)

    # ------------------------------------------------------------------------------------------------ followed code

    def _call_function(self, function: Function, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        if function.kind == "wrapped" or len(self.calls) >= DEEPEST or self.calls.count(function) > 2:
            return self._unknown(function, arguments, keywords, scope, node)
        inside = self.new_scope(function.scope.module, function.scope, "function")
        inside.function = function
        self._bind_arguments(function, arguments, keywords, inside)
        inside.first = next(iter(inside.names.values()), None)
        if isinstance(function.node, ast.Lambda):
            self.calls.append(function)
            try:
                return self.value(function.node.body, inside)
            finally:
                self.calls.pop()
        left = self.left
        self.calls.append(function)
        try:
            ended = self.block(function.node.body, inside)
        finally:
            self.calls.pop()
            self.left = left
        if isinstance(function.node, ast.AsyncFunctionDef):
            return self.opaque(scope, node)
        return either(inside.returns if ended and inside.returns else [*inside.returns, NONE])

    def _bind_arguments(self, function: Function, arguments: list[Value], keywords: dict[str, Value], inside: Scope) -> None:
        spec = function.node.args
        names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
        keywords = dict(keywords)
        scattered = keywords.pop("", None)
        may_be = [] if scattered is None else [element(scattered)]
        for name, value in zip(names, arguments):
            inside.names[name] = value
        defaults = dict(zip(names[len(names) - len(function.defaults) :], function.defaults))
        defaults.update(function.keyword_defaults)
        for name in [*names[len(arguments) :], *(argument.arg for argument in spec.kwonlyargs)]:
            if name in keywords:
                inside.names[name] = keywords.pop(name)
            else:
                inside.names[name] = either([*may_be, *([defaults[name]] if name in defaults else [])] or [Data()])
        if spec.vararg:
            rest = Data([*arguments[len(names) :], *may_be])
            rest.elements = arguments[len(names) :] if not may_be else None
            inside.names[spec.vararg.arg] = rest
        if spec.kwarg:
            made = Data([*keywords.values(), *may_be])
            made.entries = dict(keywords) if not may_be else None
            inside.names[spec.kwarg.arg] = made

    def _construct(self, cls: Class, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        given = [*arguments, *keywords.values()]
        made = Instance(cls)
        followed = [one for one in cls.mro() if isinstance(one, Class)]
        for other in (one for one in cls.mro() if not isinstance(one, Class)):
            thing = other.thing if isinstance(other, Live) else None
            if isinstance(thing, type) and issubclass(thing, argparse.ArgumentParser):
                own = {"__init__", *(name for name in dir(thing) if name.startswith(("parse", "add_", "_get", "format")))}
                if any(own & set(one.names) for one in followed):
                    return self._unknown(self.opaque(scope, node, "a parser of the task's own"), arguments, keywords, scope, node)
                return Parser(given)
            if thing is None or not (thing is object or known.is_sdk(thing) or known.is_pure(thing)):
                made.reason = made.reason or self.where(scope, node)
        if any("__new__" in one.names for one in followed):
            return self._unknown(self.opaque(scope, node), arguments, keywords, scope, node)
        made.special = any(one.is_special() for one in followed)
        init = next((one.names["__init__"] for one in followed if "__init__" in one.names), None)
        if isinstance(init, Function):
            self._call_function(init, [made, *arguments], keywords, scope, node)
        elif init is not None:
            made.reason = made.reason or self.where(scope, node)
        else:
            # A dataclass, or a mode: the arguments are its fields, and the class has the defaults.
            made.parts += given
            for one in followed:
                for name, value in one.names.items():
                    if not isinstance(value, (Function, Instance)):
                        made.parts.append(value)
                        made.fields.setdefault(name, either([value, *given]))
            for one in followed:
                after = one.names.get("__post_init__")
                if isinstance(after, Function):
                    self._call_function(after, [made, *given], {}, scope, node)
                    break
        return made

    # ------------------------------------------------------------------------------------------------ libraries

    def _call_live(self, thing: Any, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        if id(thing) in _REFUSED or known.is_doing(thing):
            self.give_up(scope, node)
        special = getattr(self, f"_call_{thing.__name__}", None) if _is_one(thing, _SPECIAL) else None
        if special is not None:
            found: Optional[Value] = special(arguments, keywords, scope, node)
            if found is not None:
                return found
        reader = READERS.get(id(thing))
        if reader is not None and "" not in keywords:
            return reader[1](self, scope, node, arguments, keywords)
        if thing is argparse.ArgumentParser:
            return Parser([*arguments, *keywords.values()])
        if known.is_sdk(thing):
            kind = Data if isinstance(thing, type) else _SDK_MAKERS.get(thing.__qualname__)
            if kind is not None:
                self.refuse_live([*arguments, *keywords.values()], scope, node)
                return kind([*arguments, *keywords.values()])
        elif known.is_pure(thing):
            return self._call_pure(thing, arguments, keywords, scope, node)
        return self._unknown(Live(thing), arguments, keywords, scope, node)

    def refuse_live(self, values: list[Value], scope: Scope, node: ast.AST) -> None:
        """Give up on objects of libraries in modes and templates, which are described by their values."""
        for one in each(values):
            if isinstance(one, Live) and not callable(one.thing):
                self.give_up(scope, node, "an object of a library")

    def _call_pure(self, thing: Any, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        given = [*arguments, *keywords.values()]
        if id(thing) in known.RUNNABLE and not keywords and all(isinstance(one, Known) for one in each(given)):
            if len(given) == 1 or all(isinstance(one, Known) for one in given):
                return self._run_known(thing, given)
        if _is_one(thing, (str, repr, format, ascii, print)):
            return self.text_of(scope, node, given) if thing is not print else NONE
        parts: list[Value] = []
        inside = either(element(one) for one in given if isinstance(one, (Data, Known, Either))) if given else Data()
        for one in each(given):
            if _is_one(thing, _KEEPING):
                pass
            elif isinstance(one, (Function, Bound)):
                parts.append(self.called_back(one, inside, scope, node))
            elif not self._harmless(one):
                return self._unknown(Live(thing), arguments, keywords, scope, node)
            if isinstance(one, Data) and one.unordered and id(thing) not in known.ORDERLESS:
                return self.opaque(scope, node, "the order of a set")
            parts.append(one)
        made = Data(parts, unordered=thing is set or thing is frozenset)
        made.plain = True
        if thing is dict and not arguments and "" not in keywords:
            made.entries = dict(keywords)
        elif (thing is list or thing is tuple) and len(arguments) == 1 and isinstance(arguments[0], Data):
            made.elements = arguments[0].elements
        return made

    def _harmless(self, value: Value) -> bool:
        """Return whether a pure function may call or read a value."""
        if isinstance(value, Live):
            return known.is_pure(value.thing) or known.is_sdk(value.thing) or isinstance(value.thing, (types.ModuleType, type))
        if isinstance(value, Method) and isinstance(value.receiver, Live):
            return isinstance(value.receiver.thing, type) and value.receiver.thing.__module__ == "builtins"
        if isinstance(value, Method):
            return isinstance(value.receiver, (Known, Data)) and value.name in known.METHODS
        return not (isinstance(value, Instance) and value.special)

    def _run_known(self, thing: Any, given: list[Value]) -> Value:
        if len(given) == 1 and isinstance(given[0], Either):
            return either(self._run_known(thing, [one]) for one in given[0].options)
        try:
            found = thing(*(one.value for one in given if isinstance(one, Known)))
        except Exception:
            return Data()  # it raises, and the code ends here
        return Known(found) if known.is_plain(found) else Data()

    # ------------------------------------------------------------------------------------------------ methods

    def _call_method(self, method: Method, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Value:
        receiver, name, given = method.receiver, method.name, [*arguments, *keywords.values()]
        if isinstance(receiver, Parser):
            return self._call_parser(receiver, name, given, scope, node)
        if isinstance(receiver, Known) and isinstance(receiver.value, known.PATHS):
            found = self.path_method(scope, node, receiver, name, given)
            if found is not None:
                return found
            if name in known.PATH_METHODS:
                return self._call_known(receiver, name, arguments, keywords, given)
        if isinstance(receiver, Live):
            return self._call_live_method(receiver.thing, method, arguments, keywords, scope, node)
        if isinstance(receiver, Known) and name in known.METHODS:
            return self._call_known(receiver, name, arguments, keywords, given)
        if isinstance(receiver, Data) and name in known.METHODS | known.FILE_METHODS:
            return self._call_data(receiver, name, given, scope, node)
        return self._unknown(method, arguments, keywords, scope, node)

    def _call_known(self, receiver: Known, name: str, arguments: list[Value], keywords: dict[str, Value], given: list[Value]) -> Value:
        small = not isinstance(receiver.value, (str, bytes)) or len(receiver.value) < 1 << 16
        if all(isinstance(one, Known) for one in given) and "" not in keywords and small and name not in _GROWING:
            words = {key: one.value for key, one in keywords.items() if isinstance(one, Known)}
            try:
                found = getattr(receiver.value, name)(*(one.value for one in arguments if isinstance(one, Known)), **words)
            except Exception:
                return Data()
            if known.is_plain(found):
                return Known(found)
            if isinstance(found, list) and all(known.is_plain(part) for part in found):
                made = Data(Known(part) for part in found)
                made.elements = [Known(part) for part in found]
                return made
            return Data()
        for one in each(given):
            # "".join(a set), "{}".format(an object)
            if isinstance(one, Data) and one.unordered or isinstance(one, (Live, Instance, Function, Bound, Method)):
                return Opaque(reason_of(one) or "the text of an object, or the order of a set")
        return Data(given)

    def _call_data(self, receiver: Data, name: str, given: list[Value], scope: Scope, node: ast.AST) -> Value:
        parts = list(given)
        for one in each(given):
            if isinstance(one, (Function, Bound)):
                if name == "sort":
                    parts.append(self.called_back(one, element(receiver), scope, node))
            elif name in ("sort", "sub", "subn", "setdefault") and isinstance(one, (Live, Method)):
                return self._unknown(Method(receiver, name), given, {}, scope, node)
            elif isinstance(one, Data) and one.unordered and not receiver.unordered and name in ("extend", "update", "join", "fromkeys"):
                self.give_up(scope, node, "the order of a set")
        if receiver.unordered and name in ("pop", "popitem"):
            return self.opaque(scope, node, "the order of a set")
        if name in known.CHANGING:
            for part in parts:
                receiver.add(Opaque(self.path) if self.path else part)
            receiver.elements = receiver.entries = None
            if self.path and not parts:
                receiver.add(Opaque(self.path))
            return NONE if name in ("append", "add", "extend", "update", "sort", "reverse", "clear") else element(receiver)
        if name in ("get", "items", "values", "keys", "copy"):
            inside = element(receiver)
            if name == "get" and receiver.entries is not None and given and isinstance(given[0], Known):
                return receiver.entries.get(given[0].value, either(given[1:]))
            if name == "get":
                return either([inside, *given[1:]]) if not reason_of(Data(given[:1])) else Opaque(reason_of(Data(given[:1])))
            return Data([receiver, *each([inside])], unordered=receiver.unordered)
        unordered = receiver.unordered and name in ("union", "difference", "intersection", "symmetric_difference")
        return Data([receiver, *parts], unordered=unordered)

    def _call_parser(self, parser: Parser, name: str, given: list[Value], scope: Scope, node: ast.AST) -> Value:
        if name in _PARSING:
            reason = reason_of(parser) or self.path
            if self.constructing:
                if reason:
                    self.give_up(scope, node, f"{name}() of a parser that is not understood: {reason}")
                self.parsed = True
                raise Parsed
            return Data([parser])
        for one in given:
            parser.add(one)
        if self.path:
            parser.add(Opaque(self.path))
        self.refuse_unordered(either(given), scope, node)
        return parser

    def _call_live_method(
        self, thing: Any, method: Method, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST
    ) -> Value:
        name, given = method.name, [*arguments, *keywords.values()]
        if thing is type and name in ("__setattr__", "__delattr__"):
            self.give_up(scope, node)
        if thing is os.environ:
            return self.environ_method(scope, node, name, arguments, keywords)
        if thing is sys.path:
            reason = reason_of(Data(given)) or self.path
            if reason:
                self.give_up(scope, node, f"the module path: {reason}")
            return NONE
        if isinstance(thing, type):
            if issubclass(thing, pathlib.PurePath) and not given and name in ("cwd", "home"):
                found = Known(self.inputs.working_folder()) if name == "cwd" else self.home(scope, node, Known("~"))
                return as_paths(found)
            if issubclass(thing, (datetime.date, datetime.time)):
                if name in _DATES:
                    return Data(given)
            elif thing.__module__ == "builtins" or known.is_pure(thing) and not issubclass(thing, pathlib.PurePath):
                # str.join("", x), dict.fromkeys(x): the same as the method, or a value made of the arguments.
                for one in each(given):
                    if isinstance(one, Data) and one.unordered:
                        return self.opaque(scope, node, "the order of a set")
                return Data(given)
        elif known.is_pure(type(thing)):
            if name in known.CHANGING and (reason_of(Data(given)) or self.path):
                self.give_up(scope, node)
            return Data(given)
        return self._unknown(method, arguments, keywords, scope, node)

    # ------------------------------------------------------------------------------------------------ a few builtins

    def _call_getattr(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        names = known_texts(arguments[1]) if len(arguments) > 1 else None
        if names is None:
            self.give_up(scope, node)
        return either([*(self.attribute(arguments[0], name, scope, node) for name in names), *arguments[2:]])

    def _call_setattr(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        names = known_texts(arguments[1]) if len(arguments) == 3 else None
        if names is None:
            self.give_up(scope, node)
        for name in names:
            self.set_attribute(arguments[0], name, arguments[2], scope, node)
        return NONE

    def _call_vars(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        if len(arguments) != 1 or not isinstance(arguments[0], (Instance, Data, Parser)):
            self.give_up(scope, node)
        return Data([arguments[0]])

    def _call_delattr(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        self.give_up(scope, node)

    def _call_type(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        if len(arguments) == 3 and isinstance(arguments[0], Known):
            bases, names = arguments[1], arguments[2]
            made = Class(str(arguments[0].value), self.iterate(bases, scope, node), {})
            entries = names.entries if isinstance(names, Data) else None
            if entries is None:
                return self.opaque(scope, node)
            made.names.update({str(key): value for key, value in entries.items()})
            for value in entries.values():
                if isinstance(value, Function):
                    value.owner = value.owner or made
            return made
        if len(arguments) == 1 and isinstance(arguments[0], Instance):
            return arguments[0].cls
        return Data(arguments)

    def _call_id(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        return self.opaque(scope, node)

    _call_hash = _call_id

    def _call_import_module(self, arguments: list[Value], keywords: dict[str, Value], scope: Scope, node: ast.AST) -> Optional[Value]:
        names = known_texts(arguments[0]) if len(arguments) == 1 and not keywords else None
        if names is None or len(names) != 1 or names[0].startswith("."):
            self.give_up(scope, node)
        return self.imported(names[0], scope, node)


def _sets_up(node: ast.AST) -> bool:
    """Return whether a call's name is that of one that sets up a library."""
    called = getattr(node, "func", None)
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name.startswith(_SET_UP)


def _is_one(thing: Any, others: tuple[Any, ...]) -> bool:
    # By identity, since a library's object may define ==.
    return any(thing is other for other in others)


_GROWING = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs", "format", "format_map", "replace", "to_bytes", "join"})
# They keep their arguments, and do not call them.
_KEEPING = (dict, list, tuple, set, frozenset, zip, enumerate, reversed, isinstance, callable, functools.partial, argparse.Namespace)
_SPECIAL = (getattr, setattr, delattr, vars, type, id, hash, importlib.import_module)
