"""The payload from one stage to the next: a pickled structure, and its tensors in shared memory.

Any object may hold tensors: pickle asks for each object whether to leave it out (persistent_id).
"""

from __future__ import annotations

import io
import math
import pickle
import sys
from typing import Any, Callable, NamedTuple, Optional

from ..._proto import plugin_pb2 as pb
from .memory import Memory, Target, aligned

TORCH, NUMPY, BYTES = 0, 1, 2
# Bytes objects from this size on go into the memory, too, since messages must stay small.
_MANY_BYTES = 32 << 10

# write(memory, offset) puts the tensor there.
Write = Callable[[Target, int], None]


class RegionTooSmall(Exception):
    """A batch's tensors do not fit into its region. `wanted` is the number of bytes that they need."""

    def __init__(self, wanted: int, size: int) -> None:
        super().__init__(f"a batch needs {wanted} bytes of shared memory and has {size}")
        self.wanted = wanted

    def error(self) -> Any:
        """Return the contract's error."""
        return pb.Error(
            message=str(self),
            fault=pb.FAULT_KAGURAZAKA,
            region_too_small=pb.RegionTooSmallError(wanted=self.wanted),
        )


class Stacked:
    """A placeholder in a structure for a tensor that is made directly in its region."""

    def __init__(self, kind: int, dtype: str, shape: tuple[int, ...], size: int, write: Write) -> None:
        self.kind, self.dtype, self.shape, self.size, self.write = kind, dtype, shape, size, write


class Tensor(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    # The size in bytes.
    size: int
    write: Write


class Packed:
    """A structure split in two: `rest` is pickled, `tensors` are not copied yet."""

    def __init__(self, structure: Any) -> None:
        self.tensors: list[Tensor] = []
        # Keeps the objects with positions alive, so that no other object gets the same id.
        self._known: dict[int, tuple[Any, Any]] = {}
        file = io.BytesIO()
        pickler = _Pickler(file, self)
        pickler.dump(structure)
        self.rest = file.getvalue()
        # Whether any tensor is on a device, so that its copy must be waited for.
        self.asynchronous = any(
            kept.device.type != "cpu" for kept, (kind, _) in self._known.values() if kind == TORCH and hasattr(kept, "device")
        )

    def take(self, value: Any) -> Optional[tuple[int, int]]:
        """Return (kind, position) for an object to leave out of the pickle, or None for one to pickle."""
        kind = type(value)
        if kind is bytes and len(value) < _MANY_BYTES or kind in _PLAIN:
            return None
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        taken = _taken(value)
        if taken is None:
            return None
        kind_of, tensor = taken
        self.tensors.append(tensor)
        position = (kind_of, len(self.tensors) - 1)
        self._known[id(value)] = (value, position)
        return position

    def size(self) -> int:
        """Return the number of bytes that the tensors need in a region with an aligned begin."""
        return self._places(0)[1]

    def _places(self, begin: int) -> tuple[list[int], int]:
        offsets, end = [], begin
        for tensor in self.tensors:
            offsets.append(aligned(end))
            end = offsets[-1] + tensor.size
        return offsets, end

    def write(self, memory: Target, region: Any) -> Any:
        """Write the tensors into the region. Returns the Payload. Raises RegionTooSmall before anything is written."""
        offsets, end = self._places(region.offset)
        used = end - region.offset
        if used > region.size:
            raise RegionTooSmall(used, region.size)
        payload = pb.Payload(rest=self.rest, used=used)
        for tensor, offset in zip(self.tensors, offsets):
            if tensor.size:
                tensor.write(memory, offset)
            payload.tensors.add(dtype=tensor.dtype, shape=tensor.shape, offset=offset)
        return payload


def unpack(payload: Any, memory: Memory, copy: Optional[Callable[[Any], Any]] = None) -> Any:
    """Return the structure of a Payload. Its tensors lie in the memory, unless `copy` copies them out of it."""
    unpickler = _Unpickler(io.BytesIO(payload.rest), payload.tensors, memory)
    unpickler.copy = copy
    return unpickler.load()


# The most frequent types that are never left out.
_PLAIN = frozenset((str, int, float, bool, type(None), dict, list, tuple, type))


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, packed: Packed) -> None:
        super().__init__(file, protocol=5)
        self.persistent_id = packed.take  # type: ignore[method-assign]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: Any, tensors: Any, memory: Memory) -> None:
        super().__init__(file)
        self.tensors, self.memory = tensors, memory
        self.made: dict[int, Any] = {}
        self.copy: Optional[Callable[[Any], Any]] = None

    def persistent_load(self, position: Any) -> Any:
        kind, index = position
        made = self.made.get(index)
        if made is None:
            tensor = self.tensors[index]
            shape = tuple(tensor.shape)
            if kind == TORCH:
                made = self.memory.torch(tensor.dtype, shape, tensor.offset)
            elif kind == NUMPY:
                made = self.memory.numpy(tensor.dtype, shape, tensor.offset)
            else:
                made = bytes(self.memory.bytes(shape[0], tensor.offset))
            if self.copy is not None and kind != BYTES:
                made = self.copy(made)
            self.made[index] = made
        return made


def _taken(value: Any) -> Optional[tuple[int, Tensor]]:
    kind = type(value)
    if kind is Stacked:
        return value.kind, Tensor(value.dtype, value.shape, value.size, value.write)
    if kind is bytes:
        return BYTES, Tensor("uint8", (len(value),), len(value), lambda memory, at: _put_bytes(memory, at, value))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _torch(torch, value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        return _numpy(value)
    return None


def _torch(torch: Any, value: Any) -> Optional[tuple[int, Tensor]]:
    if value.layout != torch.strided or value.is_quantized or type(value) not in (torch.Tensor, torch.nn.Parameter):
        return None
    source = value.detach()
    dtype = str(source.dtype)[len("torch.") :]
    shape = tuple(source.shape)

    size = math.prod(shape) * source.element_size()

    def write(memory: Target, offset: int) -> None:
        if source.device.type == "cpu" and source.is_contiguous() and not source.is_conj() and not source.is_neg():
            # torch would copy with all cores, which the other stages need.
            memory.put(offset, source.data_ptr(), size)
        else:
            memory.torch(dtype, shape, offset).copy_(source, non_blocking=True)

    return TORCH, Tensor(dtype, shape, size, write)


def _numpy(value: Any) -> Optional[tuple[int, Tensor]]:
    if value.dtype.kind not in "biufc" or not value.dtype.isnative:
        return None
    dtype, shape = value.dtype.name, tuple(value.shape)

    def write(memory: Target, offset: int) -> None:
        memory.numpy(dtype, shape, offset)[...] = value

    return NUMPY, Tensor(dtype, shape, value.nbytes, write)


def _put_bytes(memory: Target, offset: int, value: bytes) -> None:
    memory.bytes(len(value), offset)[:] = value
