"""The memory that the stages share, and arrays in it."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
from typing import Any, Protocol

ALIGNMENT = 64


class Memory:
    """The host's file, mapped as a whole. It is never unmapped, since user code may keep tensors in it."""

    def __init__(self, shared: Any) -> None:
        self.map: Any = None
        # The map's address in this process.
        self.address = 0
        self.size = shared.size
        if not shared.path:
            return
        fd = os.open(shared.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self.map = mmap.mmap(fd, shared.size)
        finally:
            os.close(fd)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))

    def torch(self, dtype: str, shape: tuple[int, ...], offset: int) -> Any:
        """Return a torch tensor over the memory, at an offset in bytes."""
        import torch

        kind = getattr(torch, dtype)
        count = math.prod(shape)
        if count == 0:
            return torch.empty(shape, dtype=kind)
        return torch.frombuffer(self.map, dtype=kind, count=count, offset=offset).view(shape)

    def numpy(self, dtype: str, shape: tuple[int, ...], offset: int) -> Any:
        """Return a numpy array over the memory, at an offset in bytes."""
        import numpy

        if math.prod(shape) == 0:
            return numpy.empty(shape, dtype)
        return numpy.ndarray(shape, dtype, buffer=self.map, offset=offset)

    def put(self, offset: int, source: int, size: int) -> None:
        """Copy bytes from an address, only in this thread and without the interpreter's lock."""
        ctypes.memmove(self.address + offset, source, size)

    def bytes(self, size: int, offset: int) -> memoryview:
        """Return some bytes of the memory."""
        return memoryview(self.map)[offset : offset + size]


class Target(Protocol):
    """The target of tensors, with offsets of the shared memory: the memory itself, or a buffer that represents a part of it."""

    def torch(self, dtype: str, shape: tuple[int, ...], offset: int) -> Any: ...

    def numpy(self, dtype: str, shape: tuple[int, ...], offset: int) -> Any: ...

    def put(self, offset: int, source: int, size: int) -> None: ...

    def bytes(self, size: int, offset: int) -> memoryview: ...


def aligned(offset: int) -> int:
    """Return the next offset at which a tensor may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT
