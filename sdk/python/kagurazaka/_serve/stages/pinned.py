"""Buffers in pinned memory, through which results come back from the device.

The shared memory itself is not registered with CUDA: that takes 4 ms for 10 MB and stops the device meanwhile, once for each
of some fifty regions. Instead, a few buffers cost a copy of 1 ms for each batch, in a thread that does not hold the
interpreter's lock.
"""

from __future__ import annotations

import math
import threading
from typing import Any, Optional

import torch

from .memory import Memory

# The smallest size in bytes that is worth a buffer.
_LEAST = 64 << 10


class Buffers:
    """Up to `count` pinned buffers, each made when it is first needed, with the size needed then."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.free: list[Any] = []
        self.lock = threading.Lock()

    def take(self, size: int) -> Optional[Any]:
        """Return a buffer of at least `size` bytes, or None if there is none to use."""
        if size < _LEAST:
            return None
        with self.lock:
            for i, buffer in enumerate(self.free):
                if buffer.numel() >= size:
                    return self.free.pop(i)
            if self.free:
                self.free.pop()  # drop one that is too small, to make room
            elif self.count > 0:
                self.count -= 1
            else:
                return None
        try:
            return torch.empty(size, dtype=torch.uint8, pin_memory=True)
        except RuntimeError:  # the system does not pin memory, or no more of it
            return None

    def give(self, buffer: Optional[Any]) -> None:
        """Take a buffer back. The device must no longer read or write it."""
        if buffer is not None:
            with self.lock:
                self.free.append(buffer)


class Window:
    """A buffer that represents the shared memory from offset `begin` on."""

    def __init__(self, memory: Memory, buffer: Any, begin: int) -> None:
        self.memory, self.buffer, self.begin = memory, buffer, begin

    def flush(self, size: int) -> None:
        """Copy the first `size` bytes to the shared memory."""
        self.memory.put(self.begin, self.buffer.data_ptr(), size)

    def torch(self, dtype: str, shape: tuple[int, ...], offset: int) -> Any:
        """Return a torch tensor over the buffer."""
        kind = getattr(torch, dtype)
        size = math.prod(shape) * kind.itemsize if hasattr(kind, "itemsize") else torch.empty(shape, dtype=kind, device="meta").nbytes
        if size == 0:
            return torch.empty(shape, dtype=kind)
        at = offset - self.begin
        return self.buffer[at : at + size].view(kind).view(shape)

    def numpy(self, dtype: str, shape: tuple[int, ...], offset: int) -> Any:
        """Return a numpy array over the buffer."""
        import numpy

        if math.prod(shape) == 0:
            return numpy.empty(shape, dtype)
        return numpy.ndarray(shape, dtype, buffer=self.buffer.numpy(), offset=offset - self.begin)

    def put(self, offset: int, source: int, size: int) -> None:
        """Copy bytes from an address."""
        import ctypes

        ctypes.memmove(self.buffer.data_ptr() + offset - self.begin, source, size)

    def bytes(self, size: int, offset: int) -> memoryview:
        """Return some bytes of the buffer."""
        return memoryview(self.buffer.numpy())[offset - self.begin : offset - self.begin + size]
