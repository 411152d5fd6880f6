"""Finds the modules that are a task's own code, as docs/protocol.md defines it."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
import types
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from typing import Iterator, Mapping, Optional

from . import known
from .inputs import Inputs, Unrecordable
from .modules import file_of, kind_of, source_of

# More source than this is not searched for imports.
_MOST_SOURCE = 2 << 20
# Most modules have no import in a block, and need no syntax tree.
_IN_A_BLOCK = re.compile(rb"^[ \t]+(?:import|from)[ \t]|[:;][ \t]*(?:import|from)[ \t]", re.MULTILINE)
# Blocks that a run does not enter.
_NEVER = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'", "'__main__' == __name__"})


def add_own(inputs: Inputs, task: types.ModuleType, path: str, before: Mapping[str, types.ModuleType]) -> None:
    """Record the files of a task's own modules: what has been loaded since `before`, and what functions will import."""
    search = _Search(inputs, path)
    for name, module in list(sys.modules.items()):
        if module is not task and module is not before.get(name):
            search.add(module)
    search.follow(path, task.__name__, task)


class _Search:
    def __init__(self, inputs: Inputs, path: str) -> None:
        self.inputs = inputs
        self.seen = {os.path.abspath(path)}
        self.todo: list[tuple[str, str, Optional[types.ModuleType]]] = []
        self.size = 0
        # Where modules may appear that are the task's own.
        self.folders = [folder for folder in sys.path if folder and not _holds_others(folder)]

    def add(self, module: types.ModuleType) -> None:
        """Add a loaded module if it is the task's own."""
        kind, path = kind_of(module)
        if path and kind in ("followed", "unknown"):
            self.file(path, known.text_of(module, "__name__"), module)

    def file(self, path: str, name: str, module: Optional[types.ModuleType]) -> None:
        if os.path.abspath(path) in self.seen:
            return
        self.seen.add(os.path.abspath(path))
        try:
            self.inputs.source(file_of(path))
        except Unrecordable:
            return
        self.todo.append((path, name, module))

    def follow(self, path: str, name: str, module: types.ModuleType) -> None:
        """Search a module's source, and the sources that this finds."""
        self.todo.append((path, name, module))
        while self.todo:
            self.search(*self.todo.pop())

    def search(self, path: str, name: str, module: Optional[types.ModuleType]) -> None:
        if not path.endswith(".py") or self.size >= _MOST_SOURCE:
            return
        try:
            source = source_of(module, path, _MOST_SOURCE)
            self.size += len(source)
            # What a loaded module imports outside of blocks is loaded, too.
            if module is not None and not _IN_A_BLOCK.search(source):
                return
            tree = ast.parse(source)
        except (OSError, SyntaxError, ValueError, RecursionError):
            return
        package = name if os.path.basename(path) == "__init__.py" else name.rpartition(".")[0]
        for wanted in dict.fromkeys(_imports(tree, package)):
            self.module(wanted)

    def module(self, name: str) -> None:
        """Find the files of a module and of the packages around it, without loading them."""
        top = name.partition(".")[0]
        if top in sys.builtin_module_names or top == "kagurazaka":
            return
        if top not in sys.modules:
            for folder in self.folders:
                for suffix in ("", ".py", *EXTENSION_SUFFIXES):
                    self.inputs.presence(os.path.join(folder, top) + suffix)
        places: Optional[list[str]] = None
        parts = name.split(".")
        for i in range(len(parts)):
            part = ".".join(parts[: i + 1])
            loaded = sys.modules.get(part)
            if isinstance(loaded, types.ModuleType):
                if kind_of(loaded)[0] in ("library", "sdk"):
                    return
                self.add(loaded)
                places = list(getattr(loaded, "__path__", []))
                continue
            spec = _found(part, places)
            if spec is None:
                return
            if spec.origin and spec.has_location:
                if known.is_library(spec.origin) or known.is_sdk_file(spec.origin):
                    return
                self.file(spec.origin, part, None)
            places = list(spec.submodule_search_locations or [])


def _holds_others(folder: str) -> bool:
    return known.is_library(os.path.join(folder, "")) or known.is_sdk_file(os.path.join(folder, "kagurazaka", ""))


def _found(name: str, places: Optional[list[str]]) -> Optional[ModuleSpec]:
    try:
        # Neither of them loads the packages around the module.
        return importlib.util.find_spec(name) if places is None else PathFinder.find_spec(name, places)
    except Exception:  # finders of other packages may raise anything
        return None


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the full names of the modules that code imports; some may be names in modules."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in _NEVER:
            todo.extend(node.orelse)
            continue
        todo.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                try:
                    name = importlib.util.resolve_name("." * node.level + name, package)
                except ImportError:
                    continue
            if name and name != "__future__":
                yield name
                for alias in node.names:
                    if alias.name != "*":
                        yield f"{name}.{alias.name}"
