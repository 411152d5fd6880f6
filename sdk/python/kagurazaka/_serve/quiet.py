"""Decides whether a constructor is quiet: it does nothing that a listing could see.

In 0.1.1 a task is constructed before anything is listed. The host lists by the template while Python starts, and without
Python if everything is finished. This makes a difference if the constructor writes the list that the template names, makes or
removes files, changes the working folder, or changes the template's modes. A constructor that is not understood counts as doing
so, which only costs the time to construct the task first.
"""

from __future__ import annotations

import abc
import ast
import builtins
import codecs
import contextlib
import inspect
import logging
import operator
import os
import pathlib
import sys
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType, MethodType, ModuleType
from typing import Any

from . import taskfile
from .basis import known
from .basis.reads import READERS
from .stages.source import tree_of

_DEPTH = 6
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type(Ellipsis), range)
_SPECIAL = ("__new__", "__setattr__", "__getattribute__", "__getattr__", "__delattr__")

# Methods of argparse's objects.
_ARGPARSE = frozenset(
    "add_argument add_argument_group add_mutually_exclusive_group add_parser add_subparsers set_defaults get_default error exit"
    " format_help format_usage print_help print_usage parse_args parse_known_args parse_intermixed_args parse_known_intermixed_args".split()
)
# Methods of paths that change files: those of Path without those of PurePath and those that only read.
_DOING_METHODS = (
    {name for name in dir(pathlib.Path) if not name.startswith("_")}
    - known.PATH_METHODS
    - set("exists stat lstat iterdir glob rglob walk resolve absolute read_text read_bytes owner group samefile cwd home".split())
    - set(
        "expanduser readlink info is_file is_dir is_mount is_symlink is_junction is_block_device is_char_device is_fifo is_socket".split()
    )
) | {"replace", "copy"}
_HARMLESS_METHODS = _ARGPARSE | known.METHODS | known.FILE_METHODS | {"__init__"}
# Functions of multiprocessing that make objects which processes share.
_SHARED = frozenset(
    "Lock RLock Semaphore BoundedSemaphore Condition Event Barrier Value Array RawValue RawArray Queue SimpleQueue JoinableQueue Pipe"
    " cpu_count".split()
)

# Functions that open files with a mode.
_OPENERS = (open, codecs.open)
# Functions and classes of Python that have side effects, or call a method by its name.
_DOING = {
    id(one): one for one in (*_OPENERS, logging.FileHandler, logging.basicConfig, operator.methodcaller, getattr(contextlib, "chdir", open))
}
# Functions that change a list or dict argument.
_CHANGING = frozenset(
    "setitem delitem iadd iand iconcat ior isub ixor imul heappush heappop heapify heapreplace heappushpop insort insort_left"
    " insort_right".split()
)

_STATEMENTS = (
    *(ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Return, ast.Raise),
    *(ast.Assert, ast.Pass, ast.Break, ast.Continue, ast.FunctionDef, ast.Import, ast.ImportFrom),
)
_REFUSED = (ast.Global, ast.Nonlocal, ast.Delete, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.ClassDef, ast.AsyncFunctionDef)


class Loud(Exception):
    """The code does something that is not known to be harmless."""


def is_quiet(cls: Any) -> bool:
    """Return whether constructing the class changes nothing that a listing sees."""
    if type(cls) not in (type, abc.ABCMeta):
        return False
    own = [kind for kind in cls.__mro__ if kind is not object and not taskfile.is_base(kind)]
    if any(name in vars(kind) for kind in own for name in _SPECIAL):
        return False
    look = _Look(cls, own)
    try:
        for kind in own:
            if "__init__" in vars(kind):
                look.value(vars(kind)["__init__"])
    except (Loud, OSError, TypeError, SyntaxError, RecursionError):
        return False
    return not (look.shares and look.changes)


class _Look:
    """Examines a constructor and the functions in its reach. Methods raise Loud."""

    def __init__(self, cls: type, own: list[type]) -> None:
        self.cls = cls
        self.own = own
        # The functions that get the task as their first argument.
        self.methods: set[Any] = set()
        for value in (value for kind in own for value in vars(kind).values()):
            parts = (value.fget, value.fset) if isinstance(value, property) else (getattr(value, "__func__", value),)
            self.methods |= {part for part in parts if isinstance(part, FunctionType) and not isinstance(value, staticmethod)}
        self.escaped = False
        self.seen: set[Any] = set()
        self.depth = 0
        # Whether the code names an existing list or dict, and whether it changes any: it may be part of the template.
        self.shares = self.changes = False

    def value(self, value: Any) -> None:
        """Check what code may do with a value that it names, calls included."""
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if isinstance(value, property):
            for part in (value.fget, value.fset):
                if part is not None:
                    self.value(part)
        elif id(value) in _DOING:
            raise Loud
        elif isinstance(value, FunctionType) and not known.is_pure(value):
            self._function(value)
        elif type(value) in (tuple, list, dict, set, frozenset):
            self.shares |= type(value) in (list, dict, set)
            for part in (*value, *value.values()) if type(value) is dict else value:
                self.value(part)
        elif value is sys.stdout or value is sys.stderr or value is sys.version_info or isinstance(value, MemberDescriptorType):
            pass
        elif isinstance(value, MethodDescriptorType) and value.__objclass__ in _PLAIN:
            pass
        elif isinstance(value, MethodType) and value.__func__.__module__ == "multiprocessing.context" and value.__name__ in _SHARED:
            pass
        elif known.is_pure(value):
            self.changes |= known.text_of(value, "__name__") in _CHANGING
        elif not (type(value) in _PLAIN or _is_path(value) or id(value) in READERS):
            raise Loud

    def escapes(self) -> None:
        """Check the methods that are reachable if the task gets another name: special methods, and those with harmless names."""
        if self.escaped:
            return
        self.escaped = True
        for name, value in ((name, value) for kind in self.own for name, value in vars(kind).items() if name != "__init__"):
            special = name.startswith("__") and name.endswith("__")
            if isinstance(value, (FunctionType, staticmethod, classmethod)):
                if special or name in _HARMLESS_METHODS:
                    self.value(value)
            elif hasattr(type(value), "__get__") and not isinstance(value, (GetSetDescriptorType, type)):
                self.value(value)

    def _function(self, function: FunctionType) -> None:
        if function in self.seen:
            return
        self.seen.add(function)
        self.depth += 1
        if self.depth > _DEPTH or hasattr(function, "__wrapped__"):
            raise Loud
        tree = tree_of(function)
        if not isinstance(tree, ast.FunctionDef):
            raise Loud
        _Body(self, function, tree)
        self.depth -= 1


class _Body:
    """The code of one function."""

    def __init__(self, look: _Look, function: FunctionType, tree: ast.FunctionDef) -> None:
        self.look = look
        self.function = function
        # The names of its variables, with those of functions and comprehensions in it.
        self.local = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        self.local |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        self.local |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
        self.nested = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} - {tree.name}
        self.modules: dict[str, Any] = {}
        arguments = [*tree.args.posonlyargs, *tree.args.args]
        self.me = arguments[0].arg if arguments and function in look.methods else ""
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            look.value(default)
        self._imports(tree)
        for statement in tree.body:
            self._node(statement)

    def _imports(self, tree: ast.FunctionDef) -> None:
        """Record the names of imported modules. They must be loaded already."""
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    module = alias.name if isinstance(node, ast.Import) else node.module or ""
                    if module not in sys.modules or isinstance(node, ast.ImportFrom) and (node.level or alias.name == "*"):
                        raise Loud
                    found: Any = sys.modules[module]
                    if isinstance(node, ast.ImportFrom):
                        found = getattr(found, alias.name, _UNKNOWN)
                    elif not alias.asname:
                        found = sys.modules[module.partition(".")[0]]
                    self.modules[alias.asname or alias.name.partition(".")[0]] = found

    def _node(self, node: ast.AST) -> None:
        self.look.changes |= isinstance(node, ast.AugAssign)
        if isinstance(node, _REFUSED) or isinstance(node, ast.stmt) and not isinstance(node, _STATEMENTS):
            raise Loud
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(node, ast.With):
            for item in node.items:
                if not isinstance(item.context_expr, ast.Call):
                    raise Loud
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            raise Loud
        if isinstance(node, ast.Call):
            self._call(node)
            return
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            self._place(node)
            return
        for child in ast.iter_child_nodes(node):
            if child not in (getattr(node, "annotation", None), getattr(node, "returns", None)):
                self._node(child)

    # ------------------------------------------------------------------------------------------------ places

    def _place(self, node: Any) -> None:
        """A name, an attribute or an entry: read, or written."""
        if not isinstance(node.ctx, ast.Load) and not self._is_own(node):
            raise Loud
        found = self._static(node)
        if found is not _UNKNOWN:
            if isinstance(node.ctx, ast.Load) or hasattr(type(found), "__set__"):
                self.look.value(found)
            return
        if isinstance(node, ast.Name) and node.id == self.me:
            self.look.escapes()
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and not self._is_me(node.value):
            if node.attr in _DOING_METHODS:
                raise Loud
            self.look.changes |= node.attr in known.CHANGING
        if isinstance(node, ast.Subscript):
            self._node(node.slice)
        if not isinstance(node, ast.Name) and not self._is_me(node.value):
            self._node(node.value)

    def _is_me(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.me

    def _is_own(self, node: Any) -> bool:
        """Return whether an assignment's target is a variable, or an attribute of the task."""
        if isinstance(node, ast.Attribute):
            return self._is_me(node.value) and node.attr not in taskfile.LISTING
        return isinstance(node, ast.Name)

    def _static(self, node: Any) -> Any:
        """Return an expression's value before the code runs, or _UNKNOWN for one that the code makes or gets."""
        if isinstance(node, ast.Name):
            if node.id in self.modules:
                return self.modules[node.id]
            if node.id in self.local or node.id in self.nested:
                return _UNKNOWN
            return self._global(node.id)
        if isinstance(node, ast.Attribute):
            if self._is_me(node.value):
                return inspect.getattr_static(self.look.cls, node.attr, _UNKNOWN)
            owner = self._static(node.value)
            if owner is os and node.attr == "environ":
                return _ENVIRON
            if isinstance(owner, type):
                return inspect.getattr_static(owner, node.attr, _UNKNOWN)
            if isinstance(owner, ModuleType):
                return vars(owner).get(node.attr, _UNKNOWN)
            if owner is _ENVIRON:
                return _ENVIRON if node.attr in ("get", "copy", "items", "keys", "values") else _UNKNOWN
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and self._static(node.value) is _ENVIRON:
            self._node(node.slice)
            return ""
        return _UNKNOWN

    def _global(self, name: str) -> Any:
        with contextlib.suppress(ValueError):
            cell = self.function.__code__.co_freevars.index(name)
            if self.function.__closure__:
                return self.function.__closure__[cell].cell_contents
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        raise Loud

    # ------------------------------------------------------------------------------------------------ calls

    def _call(self, node: ast.Call) -> None:
        # The constructors of bases are examined separately.
        by_name = isinstance(node.func, ast.Attribute) and node.func.attr == "__init__" and node.args and self._is_me(node.args[0])
        for part in (*node.args[bool(by_name) :], *(keyword.value for keyword in node.keywords)):
            self._node(part)
        called = self._static(node.func)
        if called is _ENVIRON:
            return
        if called is not _UNKNOWN:
            self._known_call(called, node)
            return
        if isinstance(node.func, ast.Name) and node.func.id in self.nested:
            return  # its body is examined where it is defined
        if not isinstance(node.func, ast.Attribute):
            raise Loud
        owner, name = node.func.value, node.func.attr
        if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super":
            above = [vars(kind)[name] for kind in self.look.own if name in vars(kind)]
            if name != "__init__" and not above:
                raise Loud
            for one in above if name != "__init__" else ():  # each constructor of the class is examined
                self.look.value(one)
            return
        stands = self._static(owner)
        if isinstance(stands, logging.Logger) or stands is sys.stdout or stands is sys.stderr:
            return
        if name not in _HARMLESS_METHODS or name in _DOING_METHODS and not _is_of_values(name, node):
            raise Loud
        self.look.changes |= name in known.CHANGING
        if not self._is_me(owner):
            self._node(owner)

    def _known_call(self, called: Any, node: ast.Call) -> None:
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if called in _OPENERS:
            mode = [*node.args[1:2], *([keywords["mode"]] if "mode" in keywords else [])]
            if None in keywords or any(isinstance(part, ast.Starred) for part in node.args):
                raise Loud
            if any(not isinstance(one, ast.Constant) or set(str(one.value)) - set("rbtU") for one in mode):
                raise Loud
            return
        if called is logging.basicConfig and not node.args and not {None, "filename"} & keywords.keys():
            return
        if isinstance(called, type) and not known.is_pure(called):
            raise Loud
        self.look.value(called)


def _is_path(value: Any) -> bool:
    return isinstance(value, pathlib.PurePath) and type(value).__module__.partition(".")[0] == "pathlib"


def _is_of_values(name: str, node: ast.Call) -> bool:
    """Return whether a call of a method that paths have, too, is one of texts, dates or containers."""
    keywords = {keyword.arg for keyword in node.keywords}
    if None in keywords or any(isinstance(part, ast.Starred) for part in node.args):
        return False
    if name == "copy":
        return not node.args and not keywords
    return name == "replace" and (len(node.args) > 1 or not node.args and "target" not in keywords)


class _Mark:
    pass


_UNKNOWN, _ENVIRON = _Mark(), _Mark()
