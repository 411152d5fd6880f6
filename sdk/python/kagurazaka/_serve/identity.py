"""An item's key, by which a later run recognises it: 64 bits of its content, the same in every process.

The key is a hash of the item's pickle. Sets need care: their order depends on the hashes of texts, which differ between processes.
"""

from __future__ import annotations

import io
import pickle
from hashlib import blake2b
from typing import Any

_SETS = (set, frozenset)
_Pickler: Any = pickle._Pickler


class _HasSet(Exception):
    pass


class _Plain(pickle.Pickler):
    """Pickles values, but raises _HasSet for a set of a subclass."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _SETS):
            raise _HasSet
        return NotImplemented


class _Ordered(_Pickler):  # type: ignore[misc]
    """Pickles sets in the order of their entries' pickles. The result cannot be unpickled."""

    dispatch = dict(_Pickler.dispatch)

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _SETS):
            return type(value).__name__, (_entries(value), getattr(value, "__dict__", None))
        return NotImplemented

    def _save_set(self, value: Any) -> None:
        self.save((type(value).__name__, _entries(value)))

    dispatch[set] = dispatch[frozenset] = _save_set

    def save_reduce(self, func: Any, args: Any, *rest: Any, **named: Any) -> None:
        if isinstance(func, str):
            self.save((func, args))
        else:
            super().save_reduce(func, args, *rest, **named)


def _entries(value: Any) -> list[bytes]:
    return sorted(_pickled(entry) for entry in value)


def _without_sets(value: Any) -> bytes:
    """Return the pickle of a value, or nothing if it may have sets."""
    out = io.BytesIO()
    try:
        _Plain(out, 5).dump(value)
    except _HasSet:
        return b""
    data = out.getvalue()
    # These bytes may mean something else, which costs only time.
    return b"" if pickle.EMPTY_SET in data or pickle.FROZENSET in data else data


def _pickled(value: Any) -> bytes:
    data = _without_sets(value)
    if data:
        return data
    out = io.BytesIO()
    _Ordered(out, 5).dump(value)
    return out.getvalue()


def _key(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") or 1


def content_key(item: Any) -> int:
    """Return the key of an item. Raises what pickling raises."""
    return _key(_pickled(item))


def pickled(items: list[Any]) -> tuple[bytes, list[int]]:
    """Return the pickle of some items, and their keys."""
    payload = _without_sets(items)
    if payload:
        return payload, [_key(pickle.dumps(item, 5)) for item in items]
    return pickle.dumps(items, 5), [content_key(item) for item in items]
