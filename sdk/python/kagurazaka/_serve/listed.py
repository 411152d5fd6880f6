"""The items that a task listed, as its forked workers have them."""

from __future__ import annotations

import marshal
import sys
from itertools import chain
from typing import Any, Iterable, Iterator, Sequence

from .items import flat

_BLOCK = 1024
_PIECE = 256
# A list that takes more than this is packed, if its items can be.
PACK_BYTES = 512 << 20
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


class PackedList:
    """A long list of flat items, in blocks that are a fifth of its size and hold no reference counts.

    Merely reading a Python object writes its reference count, and so copies the page it shares with other processes:
    workers that go through a list of millions of dicts end up with a second copy of it between them.
    """

    def __init__(self, blocks: list[bytes], count: int) -> None:
        self.blocks = blocks
        self.count = count

    def __len__(self) -> int:
        return self.count

    def slice(self, first: int, count: int) -> Iterable[Any]:
        return chain.from_iterable(self._pieces(first, min(first + count, self.count)))

    def _pieces(self, first: int, last: int) -> Iterator[list[Any]]:
        for number in range(first // _BLOCK, (last - 1) // _BLOCK + 1):
            items = marshal.loads(self.blocks[number])
            start = number * _BLOCK
            if start < first or start + len(items) > last:
                items = items[max(first - start, 0) : last - start]
            yield items


def keep(items: Sequence[Any], owned: bool) -> Any:
    """The items in the form that costs least. If nobody else has the list (owned) it is emptied as it is packed."""
    if estimate(items) > PACK_BYTES and isinstance(items, list):
        blocks = _pack(items, owned)
        if blocks is not None:
            return blocks
    return LiveList(items)


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


def _pack(items: list[Any], owned: bool) -> Any:
    count = len(items)
    blocks: list[bytes] = []
    for first in range(0, count, _BLOCK):
        block = items[first : first + _BLOCK]
        if not flat(block):
            if owned:
                # What was packed so far comes back: flat items have nothing that could have changed by that.
                items[:first] = [item for packed in blocks for item in marshal.loads(packed)]
            return None
        blocks.append(marshal.dumps(block))
        if owned:
            items[first : first + _BLOCK] = [None] * len(block)
    if owned:
        items.clear()
    return PackedList(blocks, count)
