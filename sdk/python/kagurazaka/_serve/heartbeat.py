"""The heartbeat page: it shows the worker's current item without a message."""

from __future__ import annotations

import mmap
import os
from typing import Any

MAGIC = 0x3130305442485A4B
SLOTS, SLOT_ITEMS, MAPS = 4, 16384, 4096
SIZE = MAPS + SLOTS * SLOT_ITEMS
FAILED, SKIPPED = 1, 2


class Heartbeat:
    """A page to write to. `words` is the page as 64-bit numbers, for loops that store one for each item."""

    def __init__(self, path: str) -> None:
        if path:
            fd = os.open(path, os.O_RDWR)
            try:
                self.page: Any = mmap.mmap(fd, SIZE)
            finally:
                os.close(fd)
        else:
            self.page = bytearray(SIZE)
        self.words = memoryview(self.page).cast("Q")
        if path and self.words[0] != MAGIC:
            raise ValueError(f"{path} is not a heartbeat page of this version")

    def begin(self, slot: int, chunk: int, count: int) -> int:
        """Start a chunk. Returns the index in `words` at which to store the current item's position."""
        at = self.outcomes(slot)
        self.page[at : at + count] = bytes(count)
        header = 8 * (slot + 1)
        self.words[header + 1] = 0
        self.words[header + 2] = count
        self.words[header] = chunk
        return header + 1

    def outcomes(self, slot: int) -> int:
        """Return the offset of the slot's outcomes in the page."""
        return MAPS + slot * SLOT_ITEMS
