"""Decides from its class which stages of a device task may run in separate processes, without running any of its code.

A stage may move if its methods do not need the device process. In doubt they stay.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import types
from typing import Any, Optional, Sequence

from ...task.torch_vanilla import KagurazakaVanillaTorchTaskV1 as Base
from ...template._template import Template
from ...template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER
from ...template.task.torch_vanilla import KagurazakaVanillaTorchMixinV1
from .source import (
    CHANGING,
    NO_SOURCE,
    assigned,
    changes,
    from_users_module,
    is_name,
    is_super,
    local_names,
    made_by,
    own,
    tree_and_self,
    users,
)

# The attribute of a class that decides where postprocess_each runs, and its values: separate processes, or the device process.
ATTRIBUTE = "kagurazaka_postprocess"
APART, DEVICE = "apart", "device"


def capabilities(cls: Any, template: Optional[Template]) -> list[str]:
    """Return those of `stages` and `finish` that the task has. A class may decide about `finish` with `apart` or `device`."""
    if template is None or not _has_stages(cls, template):
        return []
    found = ["stages"]
    if cls.postprocess is not Base.postprocess or own(cls.postprocess_each) is Base.postprocess_each:
        return found
    choice = declared(cls)
    if choice is not None:
        found.append("says_postprocess")
    if choice == APART or (choice is None and moves(cls, "postprocess_each", shares_files=True)):
        found.append("finish")
    return found


def declared(cls: Any) -> Optional[str]:
    """Return where the class says that postprocess_each runs; None: it does not say."""
    choice = getattr(cls, ATTRIBUTE, None)
    return choice if choice in (APART, DEVICE) else None


def _has_stages(cls: Any, template: Template) -> bool:
    if template.input_mode is None or not _plain_loader(template.dataloader):
        return False
    load = getattr(cls, "load_data", None)
    if load is None or load is KagurazakaVanillaTorchMixinV1.load_data or cls.inference is Base.inference:
        return False
    if cls.process is not Base.process or cls.__call__ is not Base.__call__ or cls.is_executed is not Base.is_executed:
        return False
    for name in ("get_dataset", "get_dataloader"):
        method = getattr(cls, name)
        if method is not getattr(Base, name) and not hasattr(method, "_kagurazaka_template_made"):
            return False
    # Without loader processes, the next item sees what load_data changes.
    options = template.dataloader
    alone = isinstance(options, dict) and not options.get("num_workers")
    names = ["load_data"] if own(cls.is_each_executed) is Base.is_each_executed else ["load_data", "is_each_executed"]
    # Loader processes are forked before the first inference, and never see what it changes.
    later = [] if alone else ["inference", "postprocess", "postprocess_each"]
    return all(moves(cls, name, names + later, changes_self=not alone) for name in names)


def _plain_loader(options: Any) -> bool:
    """Return whether batches are consecutive items, so that the host can form them."""
    if options == KAGURAZAKA_MIXIN_PLACEHOLDER:
        return True
    if not isinstance(options, dict) or options.get("batch_size", 1) is None:
        return False
    if options.get("sampler") is not None or options.get("batch_sampler") is not None:
        return False
    return options.get("shuffle") in (None, False, KAGURAZAKA_MIXIN_PLACEHOLDER)


def moves(cls: Any, name: str, with_it: Sequence[str] = (), *, changes_self: bool = False, shares_files: bool = False) -> bool:
    """Return whether a method can run in several processes in which load_model was not called.

    with_it: the methods that move with it, or come after it. changes_self: whether it may change the object, as in torch's
    loader processes, each of which has its own object. shares_files: whether to check the files that it opens.
    """
    try:
        return _Look(cls, (name, *with_it), changes_self, shares_files).method(name)
    except NO_SOURCE:
        return False


def keeps(cls: Any) -> bool:
    """Return whether a task may keep something of a batch for longer than the batch: code after loading changes something
    that outlives it."""
    try:
        before = made_by(cls, ["__init__", "load_model", "load_data", "is_each_executed"])
        attributes, variables = changes(cls, before.functions, [])
    except NO_SOURCE:
        return True
    return bool(attributes or variables)


class _Look:
    """Examines a method and all user code that it calls."""

    def __init__(self, cls: Any, names: Sequence[str], changes_self: bool, shares_files: bool) -> None:
        self.cls, self.changes_self, self.shares_files = cls, changes_self, shares_files
        made = made_by(cls, ["__init__"])
        # A process that does not call another method would miss the changes of that.
        self.changed, self.changed_globals = changes(cls, made.functions, names)
        self.present = made.names if changes_self else made.names - made.shared
        self.seen: set[Any] = set()

    def method(self, name: str) -> bool:
        """Return whether a method, or attribute, of the class can be used."""
        found = inspect.getattr_static(self.cls, name, None)
        if isinstance(found, property):
            return found.fget is not None and self.function(found.fget, True)
        if isinstance(found, staticmethod):
            return self.function(found.__func__, False)
        if isinstance(found, classmethod):
            return self.function(found.__func__, True)
        if isinstance(found, types.FunctionType):
            return self.function(own(found), True)
        return name not in self.changed and (found is not None or name in self.present)

    def above(self, name: str) -> bool:
        """Return whether every definition of a method in the class and its bases can be used: super() means one of them."""
        found = [vars(base)[name] for base in self.cls.__mro__ if name in vars(base)]
        return all(self.function(own(method), True) for method in found if isinstance(method, types.FunctionType) and users(method))

    def function(self, function: Any, bound: bool) -> bool:
        function = inspect.unwrap(function)
        if function in self.seen:
            return True
        self.seen.add(function)
        return _Body(self, function, bound).fits()


class _Body:
    """The body of one function."""

    def __init__(self, look: _Look, function: Any, bound: bool) -> None:
        self.look = look
        self.tree, me = tree_and_self(function)
        self.self_name = me if bound else ""
        self.scope = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        self.local = local_names(self.tree)
        # The nodes of `self` and `super` of which an attribute is taken.
        self.looked_at = set()
        # Local names of objects that outlive the call.
        self.aliases: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.func if is_super(node.value) else node.value  # type: ignore[attr-defined]
                self.looked_at.add(id(owner))
            for target, value in assigned(node):
                if isinstance(target, ast.Name) and isinstance(value, (ast.Attribute, ast.Subscript)) and self._outer(value):
                    self.aliases.add(target.id)

    def fits(self) -> bool:
        return all(self._fits(node) for node in ast.walk(self.tree))

    def _fits(self, node: ast.AST) -> bool:
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return False
        if isinstance(node, ast.Import):
            return not any(from_users_module(alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            return not node.level and not from_users_module(node.module or "")
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return self.look.changes_self or not self._outer(node.value)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return not node.value.startswith("cuda")
        return True

    def _is_self(self, node: ast.AST) -> bool:
        return is_name(node, self.self_name)

    def _name(self, node: ast.Name) -> bool:
        if self._is_self(node):
            # self passed to other code, which may do anything with it.
            return id(node) in self.looked_at
        if node.id == "super":
            return id(node) in self.looked_at
        if node.id in self.local:
            return True
        if node.id in self.look.changed_globals or (node.id not in self.scope and not hasattr(builtins, node.id)):
            return False
        value = self.scope.get(node.id)
        if isinstance(value, types.FunctionType) and users(value):
            return self.look.function(value, False)
        # A user's class may do anything; an exception does nothing.
        return not (isinstance(value, type) and users(value) and not issubclass(value, BaseException))

    def _attribute(self, node: ast.Attribute) -> bool:
        if node.attr == "cuda":
            return False
        if is_super(node.value):
            return self.look.above(node.attr)
        if self._is_self(node.value):
            if not isinstance(node.ctx, ast.Load):
                return self.look.changes_self
            return self.look.method(node.attr)
        if not isinstance(node.ctx, ast.Load):
            return self.look.changes_self or not self._outer(node.value)
        if isinstance(node.value, ast.Name) and node.value.id not in self.local:
            module = self.scope.get(node.value.id)
            value = getattr(module, node.attr, None) if isinstance(module, types.ModuleType) else None
            if isinstance(value, types.FunctionType) and users(value):
                return self.look.function(value, False)
        return True

    def _call(self, node: ast.Call) -> bool:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if name in ("getattr", "setattr", "vars", "globals", "exec", "eval") and name not in self.local:
            return not any(self._outer(argument) for argument in node.args) and name not in ("globals", "exec", "eval")
        if self.look.shares_files and name in ("open", "fdopen", "File", "ZipFile", "TarFile") and not _opens_anew(node):
            return False
        if not isinstance(called, ast.Attribute) or name not in CHANGING or self.look.changes_self:
            return True
        # The task's own methods are examined separately.
        return self._is_self(called.value) or not self._outer(called.value) or self._is_module(called.value)

    def _outer(self, node: ast.AST) -> bool:
        """Return whether an expression leads to something that outlives the call: an attribute of self, a global."""
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
            node = node.func if isinstance(node, ast.Call) else node.value
        if self._is_self(node):
            return True
        return isinstance(node, ast.Name) and (node.id not in self.local or node.id in self.aliases)

    def _is_module(self, node: ast.AST) -> bool:
        """Return whether a call like numpy.save(…) is a module's function, or a class's, and not an object's method."""
        names = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if isinstance(node, ast.Call):
            # A new object: Image.fromarray(…).save(…).
            return isinstance(node.func, (ast.Attribute, ast.Name)) and self._is_module(
                node.func.value if isinstance(node.func, ast.Attribute) else node.func
            )
        if not isinstance(node, ast.Name) or node.id in self.local:
            return False
        value = self.scope.get(node.id)
        for name in reversed(names):
            value = getattr(value, name, None)
        return isinstance(value, (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType))


def _opens_anew(call: ast.Call) -> bool:
    """Return whether a file is opened for reading, or written from its beginning: only one process may append."""
    modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    if isinstance(call.func, ast.Attribute) and not modes:
        modes = call.args[:1]  # Path.open(mode)
    for mode in modes:
        if not isinstance(mode, ast.Constant):
            return False
        if isinstance(mode.value, str) and set(mode.value) <= set("rwxabtU+") and ("a" in mode.value or "+" in mode.value):
            return False
    return True
