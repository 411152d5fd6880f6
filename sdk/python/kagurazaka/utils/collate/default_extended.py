"""torch's default collate, except that values of unknown types stay a list."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, Callable, Optional

from ._arrays import ShapeError, has_torch, numpy_leaf

_TEXT = (str, bytes)


def default_collate(batch: Sequence[Any]) -> Any:
    """Collate samples field by field.

    Tensors of one shape are stacked, numpy arrays and numbers become tensors, strings and bytes stay a list, mappings
    and sequences are collated entry by entry; anything else (a FileTriplet, None, your own class) stays a list. Where torch is
    not installed, numpy arrays take the place of tensors.
    """
    return collate(batch)


def collate(batch: Sequence[Any], *, collate_fn_map: Optional[dict[Any, Callable[..., Any]]] = None) -> Any:
    """Collate samples; collate_fn_map maps types to functions ``f(batch, *, collate_fn_map)``, which take precedence."""
    first = batch[0]
    if collate_fn_map:
        if type(first) in collate_fn_map:
            return collate_fn_map[type(first)](batch, collate_fn_map=collate_fn_map)
        for kind, function in collate_fn_map.items():
            if isinstance(first, kind):
                return function(batch, collate_fn_map=collate_fn_map)
    leaf = _leaf(first)
    if leaf is not None:
        return leaf(batch)

    def inside(values: Sequence[Any]) -> Any:
        return collate(values, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _mapping(batch, inside)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(inside(values) for values in zip(*batch)))
    if isinstance(first, Sequence):
        return _sequence(batch, inside)
    return batch


def _leaf(value: Any) -> Optional[Callable[[Sequence[Any]], Any]]:
    """Return the function that collates a value without entries, or None for a mapping, a sequence or an unknown type."""
    if isinstance(value, _TEXT):
        return lambda batch: batch
    if not has_torch():
        return numpy_leaf(value)
    import torch

    if isinstance(value, torch.Tensor):
        return _tensors
    if isinstance(value, float):
        return lambda batch: torch.tensor(batch, dtype=torch.float64)
    if isinstance(value, int):
        return torch.tensor
    kind = type(value)
    if kind.__module__.partition(".")[0] != "numpy" and not any(c.__module__ == "numpy" for c in kind.__mro__):
        return None
    import numpy

    if isinstance(value, numpy.ndarray):
        if value.dtype.kind in "SUO":
            raise TypeError(f"numpy arrays of {value.dtype} cannot be converted to a tensor")
        return lambda batch: _tensors([torch.as_tensor(array) for array in batch])
    if isinstance(value, (numpy.bool_, numpy.number)):
        return torch.as_tensor
    return None


def _tensors(batch: Sequence[Any]) -> Any:
    import torch

    first = batch[0]
    if first.layout != torch.strided or getattr(first, "is_nested", False):
        raise RuntimeError("sparse and nested tensors cannot be stacked: give the loader your own collate_fn")
    if torch.utils.data.get_worker_info() is None or first.device.type != "cpu":
        return torch.stack(list(batch), 0)
    # A loader process makes the batch in shared memory directly, which saves a copy.
    out = torch.empty((len(batch), *first.shape), dtype=first.dtype).share_memory_()
    return torch.stack(list(batch), 0, out=out)


def _mapping(batch: Sequence[Any], inside: Callable[[Sequence[Any]], Any]) -> Any:
    first = batch[0]
    fields = {key: inside([sample[key] for sample in batch]) for key in first}
    try:
        if isinstance(first, MutableMapping):
            # A user's mapping may have more state than its entries.
            made = copy.copy(first)
            made.update(fields)
            return made
        return type(first)(fields)
    except TypeError:
        return fields


def _sequence(batch: Sequence[Any], inside: Callable[[Sequence[Any]], Any]) -> Any:
    first = batch[0]
    if any(len(sample) != len(first) for sample in batch):
        raise ShapeError("the sequences in a batch must have the same length; for different lengths use pad_collate or list_collate")
    columns = [inside(values) for values in zip(*batch)]
    if isinstance(first, tuple):
        return columns
    try:
        if isinstance(first, MutableSequence):
            made = copy.copy(first)
            for i, column in enumerate(columns):
                made[i] = column
            return made
        return type(first)(columns)
    except TypeError:
        return columns
