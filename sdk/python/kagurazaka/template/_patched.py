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
_TRIPLET = io.FileTriplet
_MODULE = {name: entry for name, entry in vars(io).items() if not name.startswith("__")}


def is_patched(kind: type) -> bool:
    """Return whether a built-in mode, one of its bases, FileTriplet or a name that its module uses is not as it was imported."""
    if any(base not in _CLASSES or not _same(_entries(base), _CLASSES[base]) for base in kind.__mro__[:-1]):
        return True
    used = {name: vars(io).get(name) for name in _MODULE}
    return not _same(used, _MODULE) or not _same(_of_triplets(), _CLASSES[_TRIPLET])


def _of_triplets() -> dict[str, Any]:
    """Return the entries of FileTriplet without methods that the task file has added for itself."""
    known = _CLASSES[_TRIPLET]
    return {name: entry for name, entry in _entries(_TRIPLET).items() if name in known or name.startswith("__")}


def _same(now: dict[str, Any], before: dict[str, Any]) -> bool:
    return len(now) == len(before) and all(now.get(name, _MISSING) is entry for name, entry in before.items())


_MISSING = object()
