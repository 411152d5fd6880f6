"""Calls that read from outside: each is recorded, or its result is opaque."""

from __future__ import annotations

import ast
import builtins
import codecs
import glob
import io
import os
import pathlib
import posixpath
import re
from typing import Any, Callable, Optional

from .state import State, known_texts
from .values import NONE, Data, Known, Opaque, Scope, Value, each, either

Arguments = tuple[list[Value], dict[str, Value]]
Reader = Callable[["Reads", Scope, ast.AST, list[Value], dict[str, Value]], Value]

_MAGIC = re.compile(r"[*?\[]")


class Reads(State):
    """Records what is read of the environment and the file system."""

    # ------------------------------------------------------------------------------------------------ variables

    def variable(self, scope: Scope, node: ast.AST, name: Value, default: Optional[Value]) -> Value:
        """os.environ[name] (no default), os.environ.get(name, default)."""
        names = known_texts(name)
        if names is None:
            return self.opaque(scope, node, "a variable whose name is not known")
        found: list[Value] = []
        for text in names:
            found += [self.own_variables[key] for key in {text, ""} if key in self.own_variables]
            value = self.inputs.variable(text)
            if value is not None:
                found.append(Known(value))
            else:
                # Without a default this raises, and the code ends here.
                found.append(Data() if default is None else default)
        return either(found)

    def has_variable(self, scope: Scope, node: ast.AST, name: Value) -> Value:
        """name in os.environ."""
        names = known_texts(name)
        if names is None or self.own_variables:
            return self.opaque(scope, node, "a variable whose name is not known" if names is None else "")
        return either(Known(self.inputs.variable(text) is not None) for text in names)

    def set_variable(self, name: Value, value: Value) -> None:
        """os.environ[name] = value."""
        names = known_texts(name)
        for text in names if names is not None else [""]:
            old = self.own_variables.get(text)
            self.own_variables[text] = value if old is None else either([old, value])

    def environ_method(self, scope: Scope, node: ast.AST, name: str, arguments: list[Value], keywords: dict[str, Value]) -> Value:
        """A method of os.environ."""
        if name == "get" and arguments:
            return self.variable(scope, node, arguments[0], arguments[1] if len(arguments) > 1 else keywords.get("default", NONE))
        if name == "__getitem__" and len(arguments) == 1:
            return self.variable(scope, node, arguments[0], None)
        if name == "__contains__" and len(arguments) == 1:
            return self.has_variable(scope, node, arguments[0])
        if name == "setdefault" and len(arguments) == 2:
            value = self.variable(scope, node, arguments[0], arguments[1])
            self.set_variable(arguments[0], value)
            return value
        if name == "pop" and arguments:
            value = self.variable(scope, node, arguments[0], arguments[1] if len(arguments) > 1 else None)
            self.set_variable(arguments[0], self.opaque(scope, node))
            return value
        if name in ("update", "clear", "popitem"):
            self.set_variable(Opaque(""), self.opaque(scope, node))
            return NONE
        return self.opaque(scope, node, f"the whole environment (os.environ.{name})")

    # ------------------------------------------------------------------------------------------------ files

    def opens(self, scope: Scope, node: ast.AST, path: Value, mode: Optional[Value]) -> Value:
        """open(path, mode)."""
        modes = ["r"] if mode is None else known_texts(mode)
        if modes is None or any(set(text) - set("rbtU") for text in modes):
            self.give_up(scope, node, "a file is opened for writing" if modes is not None else "")
        return self.reads(scope, node, path, self.inputs.file)

    def reads(self, scope: Scope, node: ast.AST, path: Value, record: Callable[[str], Any]) -> Value:
        """A call that reads the content, names or times of a path."""
        paths = known_texts(path)
        if paths is None:
            return self.opaque(scope, node, "a path that is not known")
        for text in paths:
            record(text)
        return Data()

    def is_there(self, scope: Scope, node: ast.AST, path: Value, *states: str) -> Value:
        """os.path.exists and the like."""
        paths = known_texts(path)
        if paths is None:
            return self.opaque(scope, node, "a path that is not known")
        return either(Known(self.inputs.presence(text) in states) for text in paths)

    def absolute(self, path: Value) -> Value:
        """os.path.abspath."""
        found: list[Value] = []
        for option in each([path]):
            if not isinstance(option, Known) or not isinstance(option.value, (str, os.PathLike)):
                return Data([path])
            text = os.fspath(option.value)
            if not posixpath.isabs(text):
                text = posixpath.join(self.inputs.working_folder(), text)
            found.append(Known(posixpath.normpath(text)))
        return either(found)

    def real_path(self, scope: Scope, node: ast.AST, path: Value) -> Value:
        """os.path.realpath."""
        paths = known_texts(path)
        real = [self.inputs.real_path(text) for text in paths or []]
        if not real or not all(real):
            return self.opaque(scope, node, "a path that leads nowhere, or is not known")
        return either(Known(text) for text in real)

    def home(self, scope: Scope, node: ast.AST, path: Value) -> Value:
        """os.path.expanduser."""
        paths = known_texts(path)
        if paths is None or any(text.startswith("~") and text.partition("/")[0] != "~" for text in paths):
            return self.opaque(scope, node)
        found = []
        for text in paths:
            if text.startswith("~"):
                folder = self.inputs.variable("HOME")
                if folder is None or "HOME" in self.own_variables:
                    return self.opaque(scope, node, "HOME is not set")
                text = folder.rstrip("/") + text[1:] or "/"
            found.append(Known(text))
        return either(found)

    def matches(self, scope: Scope, node: ast.AST, pattern: Value) -> Value:
        """glob.glob(pattern), where only the last part of it is a pattern."""
        patterns = known_texts(pattern)
        if patterns is None:
            return self.opaque(scope, node, "a pattern that is not known")
        for text in patterns:
            folder, last = posixpath.split(text)
            if _MAGIC.search(folder) or "**" in last:
                return self.opaque(scope, node, "a pattern for more than one folder")
            if _MAGIC.search(last):
                self.inputs.folder(folder)
            else:
                self.inputs.presence(text)
        return Data()

    # ------------------------------------------------------------------------------------------------ paths

    def path_method(self, scope: Scope, node: ast.AST, path: Value, name: str, arguments: list[Value]) -> Optional[Value]:
        """A method of a pathlib.Path that reads the file system. Returns None if it cannot be recorded."""
        if name in ("read_text", "read_bytes", "stat"):
            return self.reads(scope, node, path, self.inputs.file)
        if name == "open":
            return self.opens(scope, node, path, arguments[0] if arguments else None)
        if name == "iterdir" and not arguments:
            return self.reads(scope, node, path, self.inputs.folder)
        if name == "glob" and len(arguments) == 1:
            patterns = known_texts(arguments[0])
            if patterns is None or any("/" in text or "**" in text for text in patterns):
                return self.opaque(scope, node, "a pattern for more than one folder")
            return self.reads(scope, node, path, self.inputs.folder)
        states = {"exists": ("file", "folder", "other"), "is_file": ("file",), "is_dir": ("folder",)}.get(name)
        if states is not None and not arguments:
            return self.is_there(scope, node, path, *states)
        turned = {
            "absolute": lambda: self.absolute(path),
            "resolve": lambda: self.real_path(scope, node, path),
            "expanduser": lambda: self.home(scope, node, path),
        }.get(name)
        if turned is None or arguments:
            return None
        return as_paths(turned())


def as_paths(value: Value) -> Value:
    """Return the same value with strings as pathlib.Paths."""
    return either(
        Known(pathlib.Path(option.value)) if isinstance(option, Known) and isinstance(option.value, str) else option
        for option in each([value])
    )


def _expands(reads: Reads, scope: Scope, node: ast.AST, path: Value) -> Value:
    """os.path.expandvars."""
    texts = known_texts(path)
    if texts is None:
        return reads.opaque(scope, node)
    for text in texts:
        for braced, bare in re.findall(r"\$(?:\{([^}]*)\}|(\w+))", text):
            reads.variable(scope, node, Known(braced or bare), NONE)
    return Data() if not reads.own_variables else reads.opaque(scope, node)


def _open_mode(arguments: list[Value], keywords: dict[str, Value]) -> Optional[Value]:
    return arguments[1] if len(arguments) > 1 else keywords.get("mode")


def _first(arguments: list[Value], keywords: dict[str, Value], *names: str) -> Value:
    if arguments:
        return arguments[0]
    return next((keywords[name] for name in names if name in keywords), Known("."))


READERS: dict[int, tuple[Any, Reader]] = {}


def _reader(thing: Any, read: Reader) -> None:
    READERS[id(thing)] = (thing, read)


def _add_readers() -> None:
    thing: Any
    _reader(os.getenv, lambda r, s, n, a, k: r.variable(s, n, _first(a, k, "key"), a[1] if len(a) > 1 else k.get("default", NONE)))
    for thing in (builtins.open, codecs.open):
        _reader(thing, lambda r, s, n, a, k: r.opens(s, n, _first(a, k, "file", "filename"), _open_mode(a, k)))
    _reader(io.open_code, lambda r, s, n, a, k: r.opens(s, n, _first(a, k, "path"), None))
    for thing in (os.listdir, os.scandir):
        _reader(thing, lambda r, s, n, a, k: r.reads(s, n, _first(a, k, "path"), r.inputs.folder))
    for thing in (os.stat, posixpath.getsize, posixpath.getmtime):
        _reader(thing, lambda r, s, n, a, k: r.reads(s, n, _first(a, k, "path", "filename"), r.inputs.file))
    _reader(posixpath.exists, lambda r, s, n, a, k: r.is_there(s, n, _first(a, k, "path"), "file", "folder", "other"))
    _reader(posixpath.isfile, lambda r, s, n, a, k: r.is_there(s, n, _first(a, k, "path"), "file"))
    _reader(posixpath.isdir, lambda r, s, n, a, k: r.is_there(s, n, _first(a, k, "s"), "folder"))
    _reader(posixpath.abspath, lambda r, s, n, a, k: r.absolute(_first(a, k, "path")))
    _reader(posixpath.realpath, lambda r, s, n, a, k: r.real_path(s, n, _first(a, k, "filename")))
    _reader(posixpath.expanduser, lambda r, s, n, a, k: r.home(s, n, _first(a, k, "path")))
    _reader(posixpath.expandvars, lambda r, s, n, a, k: _expands(r, s, n, _first(a, k, "path")))
    _reader(os.getcwd, lambda r, s, n, a, k: Known(r.inputs.working_folder()))
    for thing in (glob.glob, glob.iglob):
        _reader(thing, lambda r, s, n, a, k: r.opaque(s, n) if k else r.matches(s, n, _first(a, k, "pathname")))


_add_readers()
