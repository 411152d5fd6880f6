"""Batches of samples of similar length."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sized
from typing import Any, Iterator, Optional, Sequence

# As in the host, whose `batch_by` makes the same batches.
WINDOW = 4096


class batch_by:
    """A batch sampler for torch's DataLoader: each batch has elements of similar length, so that little is padded.

    ``DataLoader(dataset, batch_sampler=batch_by(lengths, 16), collate_fn=pad_collate)``

    lengths: a number for each element of the dataset, such as its number of tokens. The elements are taken in windows of ``window``,
    rounded up to whole batches; each window is sorted by length, the longest first, and cut into batches. Elements of one length
    stay in their order, and one without a length (None) comes last in its window. Each element is in exactly one batch, and
    equal lengths make equal batches in every process: a run that continues knows its batches again. drop_last leaves out
    an incomplete batch at the end.
    """

    def __init__(self, lengths: Sequence[Optional[float]], batch_size: int, *, window: int = WINDOW, drop_last: bool = False) -> None:
        for name, number in (("batch_size", batch_size), ("window", window)):
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise ValueError(f"batch_by: {name} is {number!r}; it must be an integer of 1 or more")
        self.lengths, self.batch_size, self.drop_last = lengths, batch_size, drop_last
        self.window = -(-window // batch_size) * batch_size

    def __len__(self) -> int:
        whole, rest = divmod(len(self.lengths), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        for first in range(0, len(self.lengths), self.window):
            end = min(first + self.window, len(self.lengths))
            window = sorted(range(first, end), key=self._order)
            for at in range(0, len(window), self.batch_size):
                batch = window[at : at + self.batch_size]
                if len(batch) == self.batch_size or not self.drop_last:
                    yield batch

    def _order(self, index: int) -> tuple[bool, float]:
        length = self.lengths[index]
        return (True, 0.0) if length is None else (False, -float(length))


def length_of(item: Any, key: str) -> Optional[float]:
    """Return the length of an item as ``batch_by`` of a template's dataloader names it; None: it has none.

    "size" is the size of the file of ``input``. Any other key is a field, with dots between the names of nested ones and perhaps one in
    front: a number counts itself, a text, list or dict its length.
    """
    if key == "size":
        source = item.get("input") if isinstance(item, Mapping) else None
        path = source.get("path") if isinstance(source, Mapping) else getattr(source, "path", source)
        try:
            return os.stat(path).st_size if isinstance(path, str) else None
        except (OSError, ValueError):
            return None
    value = item
    for name in key.removeprefix(".").split("."):
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return None if value != value else value
    return len(value) if isinstance(value, Sized) else None
