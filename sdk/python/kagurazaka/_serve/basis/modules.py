"""Decides which modules are followed, and from which other paths they could come."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import types
from typing import Iterator, Optional

from . import known


def kind_of(module: types.ModuleType) -> tuple[str, str]:
    """Return the kind of a module, and its file: "followed" into its source, a "library", the "sdk", or "unknown"."""
    path = known.text_of(module, "__file__")
    if not path:
        # A namespace package, or a part of the interpreter.
        return ("followed" if hasattr(module, "__path__") else "library"), ""
    if path.startswith(known.SDK):
        return "sdk", path
    if known.is_library(path):
        return "library", path
    # Only the user's modules get here: it asks the file system.
    if known.is_sdk_file(path):
        return "sdk", path
    return ("followed" if path.endswith(".py") else "unknown"), path


def file_of(path: str) -> str:
    """Return the file that a module's path lies in: an archive for a module of an archive, else the path itself."""
    found = path
    while not os.path.exists(found) and (above := os.path.dirname(found)) != found:
        if os.path.isfile(above):
            return above
        found = above
    return path


def source_of(module: Optional[types.ModuleType], path: str, most: int) -> bytes:
    """Return a module's source, up to a size. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError:
        # A module of an archive.
        read = getattr(getattr(getattr(module, "__spec__", None), "loader", None), "get_data", None)
        if read is None:
            raise
        return bytes(read(path)[:most])


def candidates(name: str) -> Iterator[str]:
    """Yield the paths at which a module of that name would be found before the loaded one; all paths if none is loaded."""
    module = sys.modules.get(name)
    if name in sys.builtin_module_names or name == "kagurazaka":
        return
    origin = ""
    if module is not None:
        spec = getattr(module, "__spec__", None)
        origin = getattr(module, "__file__", None) or (spec.origin if spec is not None and spec.origin else "")
        if origin == "frozen":
            return
        if not origin:
            places = list(getattr(module, "__path__", []))
            origin = places[0] + os.sep if places else ""
    for folder in sys.path:
        if not folder or folder.startswith(known.SDK) or os.path.join(folder, "kagurazaka", "") == known.SDK:
            continue
        inside = os.path.join(folder, name)
        if origin.startswith((inside + os.sep, inside + ".")):
            return
        if module is not None and known.is_library(folder + os.sep):
            continue
        if not os.path.isdir(folder):
            yield folder
            continue
        yield inside
        for suffix in (".py", *importlib.machinery.EXTENSION_SUFFIXES):
            yield inside + suffix
