"""Collates samples to a batch: by the task's collate_fn, or the default one, which stacks in the batch's region."""

from __future__ import annotations

import ctypes
import importlib.util
import math
import sys
from typing import Any, Callable, Optional, Sequence

from ..._count import count_of
from ..._elements import length
from ..._proto import plugin_pb2 as pb
from .. import failures
from ..items import show
from .payload import NUMPY, TORCH, Stacked

# The most items of one shape that an error names.
_NAMED = 3


class BadBatch(Exception):
    """An error that smaller batches would not mend. `where` is the template's field to change."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where

    def error(self) -> Any:
        """Return the contract's error. Its detail `config` means that splitting the batch does not help."""
        error = failures.of_configuration(self.where, str(self))
        error.message = failures.plain(str(self))
        error.fault = pb.FAULT_TASK
        return error


class Collate:
    """Collates samples, which are dicts."""

    def __init__(self, options: Any) -> None:
        own = options.get("collate_fn") if isinstance(options, dict) else None
        self.torch = importlib.util.find_spec("torch") is not None
        self.collate, self.default = self._choose(own)
        # What makes a batch of a list of samples.
        self.function = self.collate
        # A collate that leaves fields to the default: these are stacked in the region, too.
        self.of_fields = None if self.default else _of_fields(own)
        if self.of_fields is not None:
            from ...utils.collate import default_collate_extended

            self.collate = default_collate_extended

    def _choose(self, own: Any) -> tuple[Callable[[list[Any]], Any], bool]:
        """Return the function, and whether it is a default one, which collates a dict field by field."""
        from ...utils.collate import default_collate_extended

        if own is default_collate_extended or own is None and not self.torch:
            return default_collate_extended, True
        if not self.torch:
            return own, False
        from torch.utils.data.dataloader import default_collate

        return (default_collate, True) if own is None or own is default_collate else (own, False)

    def __call__(self, samples: list[dict[str, Any]]) -> Any:
        """Return the batch, as a dict. A field that can be stacked is a Stacked."""
        from ...utils.collate import ShapeError

        try:
            return self._batch(samples)
        except ShapeError as error:
            raise BadBatch("dataloader.collate_fn", str(error)) from error

    def _batch(self, samples: list[dict[str, Any]]) -> Any:
        if self.of_fields is not None:
            batch = self.of_fields.made(samples, lambda key, values: self._field(key, values, samples))
            _check(batch, len(samples))
            return batch
        if not self.default:
            batch = self.collate(samples)
            _check(batch, len(samples))
            return batch
        return {key: self._field(key, [sample[key] for sample in samples], samples) for key in samples[0]}

    def _field(self, key: str, values: list[Any], samples: Sequence[dict[str, Any]]) -> Any:
        first = values[0]
        shape = getattr(first, "shape", None)
        if shape is not None:
            stacked = self._stacked(values)
            if stacked is not None:
                return stacked
            _same_shapes(key, values, samples)
        return self.collate(values)

    def _stacked(self, values: list[Any]) -> Optional[Stacked]:
        first = values[0]
        torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
        if torch is not None and type(first) is torch.Tensor:
            if any(type(v) is not torch.Tensor or v.dtype != first.dtype or v.shape != first.shape for v in values):
                return None
            if any(v.layout != torch.strided or v.device.type != "cpu" or v.requires_grad or v.is_quantized for v in values):
                return None
            dtype = str(first.dtype)[len("torch.") :]
            shape = (len(values), *first.shape)

            def stack_tensors(memory: Any, offset: int) -> None:
                torch.stack(values, 0, out=memory.torch(dtype, shape, offset))

            return Stacked(TORCH, dtype, shape, math.prod(shape) * first.element_size(), stack_tensors)
        if numpy is not None and type(first) is numpy.ndarray:
            if any(type(v) is not numpy.ndarray or v.dtype != first.dtype or v.shape != first.shape for v in values):
                return None
            dtype = first.dtype.name
            if first.dtype.kind not in "biufc" or not first.dtype.isnative:
                return None
            if self.torch and not hasattr(torch, dtype):
                return None
            shape = (len(values), *first.shape)

            def stack_arrays(memory: Any, offset: int) -> None:
                numpy.stack(values, 0, out=memory.numpy(dtype, shape, offset))

            return Stacked(TORCH if self.torch else NUMPY, dtype, shape, first.nbytes * len(values), stack_arrays)
        return None


def _of_fields(own: Any) -> Any:
    """Return a collate of ours that works field by field, or None for any other."""
    from ...utils.collate import pad_collate
    from ...utils.collate.ragged import OfFields

    if own is pad_collate:
        return pad_collate()
    return own if isinstance(own, OfFields) else None


def materialized(batch: Any) -> Any:
    """Return the batch with tensors in place of Stacked ones, for code that reads it in this process."""
    if not isinstance(batch, dict):
        return batch
    return {key: _made(value) if type(value) is Stacked else value for key, value in batch.items()}


def _made(stacked: Stacked) -> Any:
    from .memory import Memory

    memory = Memory(pb.SharedMemory())
    memory.map = bytearray(max(stacked.size, 1))
    memory.address = ctypes.addressof(ctypes.c_char.from_buffer(memory.map))
    if stacked.size:
        stacked.write(memory, 0)
    view = memory.torch if stacked.kind == TORCH else memory.numpy
    return view(stacked.dtype, stacked.shape, 0)


def _check(batch: Any, count: int) -> None:
    if not hasattr(batch, "keys") or not hasattr(batch, "__getitem__"):
        raise BadBatch(
            "dataloader.collate_fn", f"collate_fn returned {type(batch).__name__}; it must return a dict, whose fields inference gets"
        )
    made = _length(batch)
    if made is not None and made != count:
        raise BadBatch(
            "dataloader.collate_fn",
            f"collate_fn made a batch of {made} of {count_of(count, 'item')}; it must keep every item that was loaded: "
            "for an item that cannot be used, raise an exception in load_data",
        )


def _length(batch: Any) -> Optional[int]:
    for key in batch:
        try:
            return length(batch[key])
        except TypeError:
            return None
    return 0


def _same_shapes(key: str, values: list[Any], samples: Sequence[dict[str, Any]]) -> None:
    shapes: dict[Any, list[int]] = {}
    for i, value in enumerate(values):
        shapes.setdefault(tuple(getattr(value, "shape", ())), []).append(i)
    if len(shapes) < 2:
        return
    examples = []
    for shape, which in shapes.items():
        names = ", ".join(_name(samples[i]) for i in which[:_NAMED])
        more = f" and {len(which) - _NAMED} more" if len(which) > _NAMED else ""
        examples.append(f"{shape}: {names}{more}")
    raise BadBatch(
        "dataloader.collate_fn",
        f"load_data gave {key!r} of different shapes, which cannot be stacked into one batch: {'; '.join(examples)}. "
        "Give dataloader collate_fn=pad_collate or list_collate (kagurazaka.utils.collate), or make the shapes equal",
    )


def _name(sample: dict[str, Any]) -> str:
    source = sample.get("input")
    path = getattr(source, "path", None)
    return str(path) if path is not None else show({"input": source} if source is not None else sample, 80)
