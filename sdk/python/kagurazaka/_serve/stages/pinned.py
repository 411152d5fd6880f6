"""Registers the parts of the shared memory that are used with CUDA, so that copies to and from them need no CPU."""

from __future__ import annotations

import ctypes
import threading
from typing import Any, Callable

from .memory import Memory

_PAGE, _STEP = 4096, 2 << 20


class Pinned:
    """What is registered of the memory, by where it begins. Regions do not overlap and keep their place."""

    def __init__(self, memory: Memory) -> None:
        import torch

        self.memory = memory
        self.cudart: Any = torch.cuda.cudart()
        self.base = memory.address
        self.clear = _clear(str(torch.version.cuda))
        self.ends: dict[int, int] = {}
        self.lock = threading.Lock()

    def use(self, offset: int, used: int) -> None:
        """Register a region's used part. Where that fails, copies are slower, and nothing else."""
        begin = offset // _PAGE * _PAGE
        wanted = offset + used
        with self.lock:
            end = self.ends.get(begin, begin)
            if used <= 0 or wanted <= end or not self.base:
                return
            if end > begin:
                # Two registrations side by side would not do for a copy across both.
                self.cudart.cudaHostUnregister(self.base + begin)
            self.ends[begin] = self.memory.size  # not tried again if it fails
            for step in (_STEP, _PAGE):
                end = min(begin + -(-(wanted - begin) // step) * step, self.memory.size)
                if int(self.cudart.cudaHostRegister(self.base + begin, end - begin, 0)) == 0:
                    self.ends[begin] = end
                    return
                self.clear()


def _clear(version: str) -> Callable[[], Any]:
    """A function that makes the CUDA runtime forget this thread's last error, which the next kernel would be blamed for."""
    try:
        library = ctypes.CDLL(f"libcudart.so.{version.partition('.')[0]}")
        forget: Callable[[], Any] = library.cudaGetLastError
        return forget
    except (OSError, AttributeError):
        return lambda: None
