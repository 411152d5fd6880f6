"""The items that a task listed, in its forked workers."""

from __future__ import annotations

import marshal
import pickle
import sys
from itertools import chain
from typing import Any, Iterable, Iterator, Optional, Sequence

from .items import MARSHAL, plain

_PIECE = 256
# Workers copy the items of a list that takes more bytes than this before they use them, if possible.
COPY_BYTES = 512 << 20
_SAMPLES = 512


class LiveList:
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
        return chain.from_iterable(part if plain(part) else map(_copied, part) for part in self._parts(first, first + count))

    def _parts(self, first: int, last: int) -> Iterator[Any]:
        # Small ones: slicing touches all items of a part, which are then still in the cache when they are used.
        items = self.items
        return (items[i : min(i + _PIECE, last)] for i in range(first, last, _PIECE))


class LongList:
    """A list whose plain items are processed as copies.

    Using a Python object writes its reference count, which copies the page that it shares with other processes. Together,
    workers that go through a list of millions of dicts end up with a second copy of it. Marshal writes to an object only
    if it has more than one reference. Therefore the list is divided before workers share it, and not kept.
    """

    def __init__(self, items: Sequence[Any]) -> None:
        self._count = len(items)
        self._pieces = [items[i : i + _PIECE] for i in range(0, len(items), _PIECE)]

    def __len__(self) -> int:
        return self._count

    def slice(self, first: int, count: int) -> Iterable[Any]:
        return chain.from_iterable(_marshalled(part) or part for part in self._parts(first, first + count))

    def copies(self, first: int, count: int) -> Iterable[Any]:
        return chain.from_iterable(_marshalled(part) or map(_copied, part) for part in self._parts(first, first + count))

    def _parts(self, first: int, last: int) -> Iterator[Any]:
        while first < last:
            piece, start = self._pieces[first // _PIECE], first % _PIECE
            end = min(start + last - first, len(piece))
            yield piece if end - start == len(piece) else piece[start:end]
            first += end - start


def _marshalled(items: Any) -> Optional[Any]:
    """Return a copy of the items, or None if a copy would differ."""
    try:
        copy = marshal.loads(marshal.dumps(items, MARSHAL))
    except ValueError:
        return None
    return copy if plain(copy) else None


def _copied(item: Any) -> Any:
    """Return an item as a pool would send it, or the item itself if it could not."""
    try:
        return pickle.loads(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
    except Exception:
        return item


def keep(items: Sequence[Any]) -> LiveList | LongList:
    """Return the list for the workers."""
    return LongList(items) if estimate(items) > COPY_BYTES else LiveList(items)


def estimate(items: Sequence[Any]) -> int:
    """Return the approximate size in bytes of a list and its items, from a sample."""
    if len(items) < 100_000:
        return 0
    step = len(items) // _SAMPLES
    sample = [items[i] for i in range(0, len(items), step)]
    if not plain(sample):
        return 0
    size = sum(sys.getsizeof(item) + sum(map(sys.getsizeof, item.values())) for item in sample)
    return len(items) * size // len(sample)
