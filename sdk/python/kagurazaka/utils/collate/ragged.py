"""Collates for samples whose sizes differ."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence, Union

from .default_extended import default_collate


def list_collate(batch: Sequence[Any]) -> Any:
    """Keep every field a list with one entry for each sample; nothing is stacked or converted.

    Samples that are mappings become one dict of lists; any other samples become a list.
    """
    if isinstance(batch[0], Mapping):
        return {key: [sample[key] for sample in batch] for key in batch[0]}
    return list(batch)


def pad_collate(
    batch: Union[Sequence[Mapping[str, Any]], None] = None, *, value: float = 0, lengths: str = "{}_lengths"
) -> Union[dict[str, Any], Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]]:
    """Collate as `default_collate_extended`, but pad tensors and arrays of different sizes to the largest.

    A field whose tensors differ in size is padded at the end of each dimension with ``value``, and gets a companion
    field with the true sizes, ``NAME_lengths``. That is a tensor with one number for each sample if the tensors differ only
    in their first dimension, otherwise with one row for each sample that has all its sizes. Use it as it is
    (``collate_fn=pad_collate``), or with settings (``collate_fn=pad_collate(value=-1)``). Raises RuntimeError if the tensors
    of a field differ in their number of dimensions.
    """
    if batch is None:
        return _Pad(value, lengths)
    return _pad(batch, value, lengths)


class _Pad:
    """pad_collate with settings; a class, so that it can be pickled to loader processes."""

    def __init__(self, value: float, lengths: str) -> None:
        self.value, self.lengths = value, lengths

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return _pad(batch, self.value, self.lengths)


def _pad(batch: Sequence[Mapping[str, Any]], value: float, lengths: str) -> dict[str, Any]:
    import torch

    made: dict[str, Any] = {}
    for key in batch[0]:
        values = [sample[key] for sample in batch]
        if all(hasattr(v, "shape") and hasattr(v, "dtype") and len(v.shape) > 0 for v in values):
            values = [v if isinstance(v, torch.Tensor) else torch.as_tensor(v) for v in values]
            shapes = [tuple(v.shape) for v in values]
            if any(shape != shapes[0] for shape in shapes):
                made[key] = _padded(key, values, shapes, value)
                made[lengths.format(key)] = _sizes(shapes)
                continue
        made[key] = default_collate(values)
    return made


def _padded(key: str, values: Sequence[Any], shapes: Sequence[tuple[int, ...]], value: float) -> Any:
    if len({len(shape) for shape in shapes}) != 1:
        raise RuntimeError(f"field {key}: tensors must have the same number of dimensions, but have the shapes {sorted(set(shapes))}")
    largest = [max(sizes) for sizes in zip(*shapes)]
    padded = values[0].new_full((len(values), *largest), value)
    for row, tensor in zip(padded, values):
        row[tuple(slice(size) for size in tensor.shape)] = tensor
    return padded


def _sizes(shapes: Sequence[tuple[int, ...]]) -> Any:
    import torch

    if len({shape[1:] for shape in shapes}) == 1:
        return torch.tensor([shape[0] for shape in shapes])
    return torch.tensor(shapes)
