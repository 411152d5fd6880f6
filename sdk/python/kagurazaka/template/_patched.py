"""Whether a task file has replaced methods of built-in modes, or functions that they use. Such modes run in Python."""

from __future__ import annotations

from typing import Any

from . import io

# Entries of classes that Python changes by itself, and texts.
_IDLE = frozenset("__annotations__ __annotations_cache__ __annotate__ __annotate_func__ __doc__ __module__ __slotnames__".split())


def _entries(owner: Any) -> dict[str, Any]:
    return {name: entry for name, entry in vars(owner).items() if name not in _IDLE}


# What the modes and the module had when they were imported.
_CLASSES = {kind: _entries(kind) for kind in vars(io).values() if isinstance(kind, type) and kind.__module__ == io.__name__}
_MODULE = {name: entry for name, entry in vars(io).items() if not name.startswith("__")}


def is_patched(kind: type) -> bool:
    """Return whether a built-in mode, one of its bases or a name that its module uses is not as it was imported."""
    changed = any(base not in _CLASSES or not _same(_entries(base), _CLASSES[base]) for base in kind.__mro__[:-1])
    return changed or not _same({name: vars(io).get(name) for name in _MODULE}, _MODULE)


def _same(now: dict[str, Any], before: dict[str, Any]) -> bool:
    return len(now) == len(before) and all(now.get(name, _MISSING) is entry for name, entry in before.items())


_MISSING = object()
