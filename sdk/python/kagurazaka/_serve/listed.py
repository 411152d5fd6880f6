"""The items that a task listed, in its forked workers."""

from __future__ import annotations

import gc
import marshal
import pickle
import sys
from itertools import chain
from typing import Any, Iterable, Iterator, Optional, Sequence

from .items import MARSHAL, plain, scalar_values

_PIECE = 256
# The size in bytes from which a list is a LongList.
LONG = 512 << 20
_SAMPLES = 512


class Listed:
    """The task's own list, with the references, lambdas and types that the task put there.

    `slice` gives the items themselves. `copies` gives what a worker of a pool gets: what a task changes in one item, another
    item does not show.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def slice(self, first: int, count: int) -> Iterable[Any]:
        return chain.from_iterable(self._parts(first, first + count))

    def copies(self, first: int, count: int) -> Iterable[Any]:
        # A task cannot change scalars.
        return chain.from_iterable(part if scalar_values(part) else map(_pickled, part) for part in self._parts(first, first + count))

    def _parts(self, first: int, last: int) -> Iterator[Any]:
        # Small ones: slicing touches all items of a part, which are then still in the cache when they are used.
        items = self.items
        return (items[i : min(i + _PIECE, last)] for i in range(first, last, _PIECE))


class LongList(Listed):
    """A list whose plain items are marshalled for a copy, which saves memory.

    Using a Python object writes its reference count, which copies the page that it shares with other processes. Together,
    workers that go through a list of millions of dicts end up with a second copy of it. Marshal writes to an object only
    if it has more than one reference. Therefore the list is divided before workers share it, and not kept.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self._count = len(items)
        # The collector would go through all items several times, as each piece is an object that it tracks.
        collects = gc.isenabled()
        gc.disable()
        try:
            self._pieces = [items[i : i + _PIECE] for i in range(0, len(items), _PIECE)]
        finally:
            if collects:
                gc.enable()

    def __len__(self) -> int:
        return self._count

    def copies(self, first: int, count: int) -> Iterable[Any]:
        return chain.from_iterable(_marshalled(part) or map(_pickled, part) for part in self._parts(first, first + count))

    def _parts(self, first: int, last: int) -> Iterator[Any]:
        while first < last:
            piece, start = self._pieces[first // _PIECE], first % _PIECE
            end = min(start + last - first, len(piece))
            yield piece if end - start == len(piece) else piece[start:end]
            first += end - start


def _marshalled(items: Any) -> Optional[Any]:
    """Return copies of plain items; None for others."""
    try:
        copies = marshal.loads(marshal.dumps(items, MARSHAL))
    except ValueError:
        return None
    return copies if plain(copies) else None


def _pickled(item: Any) -> Any:
    """Return a copy of an item, or the item itself if it cannot be pickled."""
    try:
        return pickle.loads(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
    except Exception:
        return item


def listed(items: Sequence[Any]) -> Listed:
    """Return the list for the workers."""
    return LongList(items) if _estimate(items) > LONG else Listed(items)


def _estimate(items: Sequence[Any]) -> int:
    """Return the approximate size in bytes of a list of plain items, from a sample; 0 for others."""
    if len(items) < 100_000:
        return 0
    step = len(items) // _SAMPLES
    sample = [items[i] for i in range(0, len(items), step)]
    if not plain(sample):
        return 0
    size = sum(sys.getsizeof(item) + sum(map(sys.getsizeof, item.values())) for item in sample)
    return len(items) * size // len(sample)
