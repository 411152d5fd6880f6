"""Reads the source of a class: which attributes its methods make and change, and which functions are the user's."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
import textwrap
import types
from typing import Any, Iterator, NamedTuple, Sequence

from ..basis import known

# The exceptions that reading a missing or unusual source may raise.
NO_SOURCE = (OSError, TypeError, ValueError, NameError, AttributeError, SyntaxError, RecursionError)

# Methods that change their object, or pass something to it that another process would not see.
CHANGING = frozenset(
    "acquire add append appendleft clear close commit discard dump emit enqueue execute executemany extend extendleft"
    " flush get_nowait increment insert insert_many log next notify pop popitem popleft push put put_nowait record release"
    " remove reverse save send sendall seek set setdefault sort start step submit symmetric_difference_update tell"
    " truncate update wait write writelines writerow writerows add_scalar add_image add_row write_batch".split()
)
# Constructors of objects that forked processes must not share, or do not have.
_SHARED = frozenset(
    "open Lock RLock Condition Event Semaphore BoundedSemaphore Barrier Queue SimpleQueue LifoQueue PriorityQueue"
    " JoinableQueue Thread Process Pool ThreadPool ThreadPoolExecutor ProcessPoolExecutor Manager connect socket Session"
    " Client Popen SummaryWriter Environment File Value Array iter count cycle Generator default_rng Random".split()
)


class Made(NamedTuple):
    """What methods make: the attributes, those of them that forked processes cannot share, and the functions that they run."""

    names: set[str]
    shared: set[str]
    functions: set[Any]


def made_by(cls: Any, names: Sequence[str]) -> Made:
    """Return what these methods, and those that they call, assign."""
    made = Made(set(), set(), set())
    todo = [own(method) for base in cls.__mro__ for name, method in vars(base).items() if name in names and is_function(method)]
    while todo:
        function = inspect.unwrap(todo.pop())
        if function in made.functions or not users(function):
            continue
        made.functions.add(function)
        tree, me = tree_and_self(function)
        for node in ast.walk(tree):
            for target, value in assigned(node):
                if isinstance(target, ast.Attribute) and is_name(target.value, me):
                    made.names.add(target.attr)
                    if any(name_of(call.func) in _SHARED for call in ast.walk(value) if isinstance(call, ast.Call)):
                        made.shared.add(target.attr)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_name(node.func.value, me):
                called = inspect.getattr_static(cls, node.func.attr, None)
                if isinstance(called, types.FunctionType):
                    todo.append(called)
    return made


def changes(cls: Any, but: set[Any], names: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return the attributes and the global names that a class's methods change, and the user's functions that they call. The
    functions in `but` and the methods with these names are skipped."""
    attributes: set[str] = set()
    variables: set[str] = set()
    methods = [(name, own(m)) for base in cls.__mro__ for name, m in vars(base).items() if is_function(m) and name not in names]
    todo, seen = [(method, True) for _, method in methods], set(but)
    while todo:
        function, bound = todo.pop()
        function = inspect.unwrap(function)
        if function in seen or not users(function):
            continue
        seen.add(function)
        tree, me = tree_and_self(function)
        me = me if bound else ""
        local = local_names(tree)
        # Local names of attributes: a change of one is a change of the other.
        aliases = {
            target.id: value.attr
            for node in ast.walk(tree)
            for target, value in assigned(node)
            if isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and is_name(value.value, me)
        }
        for node in ast.walk(tree):
            if isinstance(node, (ast.Global, ast.Nonlocal)):
                variables.update(node.names)
            changed: Any = None
            if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
                changed = node
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
                changed = node.func.value
            while isinstance(changed, (ast.Attribute, ast.Subscript)):
                if isinstance(changed, ast.Attribute) and is_name(changed.value, me):
                    attributes.add(changed.attr)
                changed = changed.value
            if isinstance(changed, ast.Name) and changed.id in aliases and changed is not node:
                attributes.add(aliases[changed.id])
            if isinstance(changed, ast.Name) and changed.id not in local and not _is_library(function, changed.id):
                variables.add(changed.id)
            if isinstance(node, ast.Name) and node.id not in local and is_function(function.__globals__.get(node.id)):
                todo.append((function.__globals__[node.id], False))
    return attributes, variables


def _is_library(function: Any, name: str) -> bool:
    """Return whether a name is a module or a class: a call like numpy.save(…) or Image.open(…) changes neither."""
    return isinstance(function.__globals__.get(name), (types.ModuleType, type))


def local_names(tree: Any) -> set[str]:
    """Return the local names of a function, and of the functions in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node is not tree:
            names.add(node.name)
    return names


def own(method: Any) -> Any:
    """Return the user's function that the template has replaced, or the function itself."""
    return getattr(method, "_kagurazaka_own", method)


def is_function(thing: Any) -> bool:
    return isinstance(thing, types.FunctionType)


def tree_and_self(function: Any) -> tuple[Any, str]:
    tree = tree_of(function)
    arguments = tree.args.posonlyargs + tree.args.args
    return tree, arguments[0].arg if arguments else ""


def is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def is_super(node: ast.AST) -> bool:
    """Return whether an expression is super()."""
    return isinstance(node, ast.Call) and not node.args and is_name(node.func, "super")


def assigned(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield (target, value) for the targets of an assignment."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            for inner in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                yield inner, node.value
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
        yield node.target, node.value


def tree_of(function: Any) -> Any:
    """Return the syntax tree of a function. Raises one of NO_SOURCE if it has no source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise TypeError("the source is not a function's")  # a lambda
    return tree


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def users(thing: Any) -> bool:
    """Return whether a function or class is the user's, not a library's."""
    if isinstance(thing, types.FunctionType):
        return _users_file(thing.__code__.co_filename)
    return _users_file(getattr(sys.modules.get(thing.__module__), "__file__", None) or "")


def from_users_module(name: str) -> bool:
    name = name.partition(".")[0]
    if name in sys.modules:
        return _users_file(getattr(sys.modules[name], "__file__", None) or "")
    spec = importlib.util.find_spec(name)
    return spec is not None and _users_file(spec.origin or "")


def _users_file(path: str) -> bool:
    if not path or path.startswith("<") or not os.path.isabs(path):
        return False
    real = os.path.realpath(path)
    return not (real.startswith(known.SDK) or known.is_library(path) or known.is_library(real))
