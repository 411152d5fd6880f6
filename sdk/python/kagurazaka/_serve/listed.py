"""The items that a task listed, as its forked workers have them."""

from __future__ import annotations

import marshal
import sys
from itertools import chain
from typing import Any, Iterable, Sequence

from .items import MARSHAL, flat, plain

_PIECE = 256
# Items of a list that takes more than this are copied before they are used, if they can be.
COPY_BYTES = 512 << 20
_SAMPLES = 512


class LiveList:
    """The task's own list. Every reference, lambda and type in it is what the task put there."""

    def __init__(self, items: Sequence[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def slice(self, first: int, count: int) -> Iterable[Any]:
        # In small pieces: taking a piece touches all of its items, which are then still in the cache when they are used.
        items, last = self.items, first + count
        return chain.from_iterable(items[i : min(i + _PIECE, last)] for i in range(first, last, _PIECE))


class LongList(LiveList):
    """A list whose plain items are worked on as copies.

    Merely using a Python object writes its reference count, and so copies the page it shares with other processes: workers
    that go through a list of millions of dicts end up with a second copy of it between them. Marshal reads texts and
    numbers without that.
    """

    def slice(self, first: int, count: int) -> Iterable[Any]:
        items, last = self.items, first + count
        return chain.from_iterable(_copied(items[i : min(i + _PIECE, last)]) for i in range(first, last, _PIECE))


def _copied(items: Any) -> Any:
    """A copy of the items, or the items themselves where a copy is not the same."""
    try:
        copy = marshal.loads(marshal.dumps(items, MARSHAL))
    except ValueError:
        return items
    return copy if plain(copy) else items


def keep(items: Sequence[Any]) -> LiveList:
    """The items as workers are to have them."""
    return LongList(items) if estimate(items) > COPY_BYTES else LiveList(items)


def estimate(items: Sequence[Any]) -> int:
    """About how many bytes a list and its items take, from a sample."""
    if len(items) < 100_000:
        return 0
    step = len(items) // _SAMPLES
    sample = [items[i] for i in range(0, len(items), step)]
    if not flat(sample):
        return 0
    size = sum(sys.getsizeof(item) + sum(map(sys.getsizeof, item.values())) for item in sample)
    return len(items) * size // len(sample)
