"""Collates for samples whose sizes differ."""

from __future__ import annotations

from typing import Any, Callable, Container, Mapping, Optional, Sequence, Union

from ._arrays import ShapeError, arrays, filled, integers, is_array
from .default_extended import default_collate


def list_collate(batch: Sequence[Any]) -> Any:
    """Keep every field a list with one entry for each sample; nothing is stacked or converted.

    Samples that are mappings become one dict of lists; any other samples become a list.
    """
    if isinstance(batch[0], Mapping):
        return {key: [sample[key] for sample in batch] for key in batch[0]}
    return list(batch)


def pad_collate(
    batch: Union[Sequence[Mapping[str, Any]], None] = None,
    *,
    value: float = 0,
    lengths: str = "{}_lengths",
    fields: Optional[Sequence[str]] = None,
    dims: Optional[int] = None,
) -> Union[dict[str, Any], Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]]:
    """Collate as `default_collate_extended`, but pad tensors and arrays of different sizes to the largest.

    A padded field is padded at the end of each dimension with ``value``, and gets a companion field with the true sizes,
    ``NAME_lengths`` (``lengths`` is the pattern of its name). Use it as it is (``collate_fn=pad_collate``), or with settings
    (``collate_fn=pad_collate(value=-1)``).

    fields: the fields to pad. They have their lengths in every batch. Without it, those whose sizes differ in the batch are padded:
    a batch of one sample, or one whose sizes are equal by chance, has no lengths.

    dims: how many dimensions vary, from the first. The lengths are one number for each sample with 1, otherwise a row of ``dims``
    numbers. Without it, they are one number if only the first dimension differs in the batch, otherwise all sizes.

    Raises ShapeError, a RuntimeError, if the tensors of a field differ in their number of dimensions, or in a dimension behind ``dims``.
    """
    if isinstance(fields, str):
        raise TypeError(f"pad_collate: fields must be a list of names: fields=[{fields!r}]")
    if dims is not None and (not isinstance(dims, int) or dims < 1):
        raise ValueError(f"pad_collate: dims is {dims!r}; it must be an integer of 1 or more")
    collate = Pad(value, lengths, fields, dims)
    return collate if batch is None else collate(batch)


class OfFields:
    """A collate that has its own way with some fields, and leaves the others to the default collate."""

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return self.made(batch, lambda key, values: default_collate(values))

    def made(self, batch: Sequence[Mapping[str, Any]], default: Callable[[str, list[Any]], Any]) -> dict[str, Any]:
        """Return the batch; ``default(name, values)`` makes those fields that are left to the default collate."""
        raise NotImplementedError


class Pad(OfFields):
    """pad_collate with settings; a class, so that it can be pickled to loader processes."""

    def __init__(self, value: float, lengths: str, fields: Optional[Sequence[str]], dims: Optional[int]) -> None:
        self.value, self.lengths, self.dims = value, lengths, dims
        self.fields = None if fields is None else tuple(fields)

    def made(self, batch: Sequence[Mapping[str, Any]], default: Callable[[str, list[Any]], Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        missing = [name for name in self.fields or () if name not in batch[0]]
        if missing:
            raise ShapeError(f"pad_collate: samples have no field {', '.join(missing)}; their fields are {', '.join(map(str, batch[0]))}")
        for key in batch[0]:
            values = [sample[key] for sample in batch]
            if self.fields is None or key in self.fields:
                self.add(made, key, values, batch[0], default, always=self.fields is not None)
            else:
                made[key] = default(key, values)
        return made

    def add(
        self,
        made: dict[str, Any],
        key: str,
        values: list[Any],
        taken: Container[str],
        default: Callable[[str, list[Any]], Any],
        *,
        always: bool,
    ) -> None:
        """Add one field to a batch. taken: the samples' fields. always: pad it and add its lengths even if all sizes are equal."""
        if not all(is_array(value) and len(value.shape) > 0 for value in values):
            if always:
                kinds = sorted({type(value).__name__ for value in values})
                raise ShapeError(f"field {key}: pad_collate pads tensors and arrays with at least one dimension, not {', '.join(kinds)}")
            made[key] = default(key, values)
            return
        shapes = [tuple(value.shape) for value in values]
        if not always and all(shape == shapes[0] for shape in shapes):
            made[key] = default(key, values)
            return
        name = self.lengths.format(key)
        if name in taken:
            raise ShapeError(
                f"field {key}: its lengths would replace the field {name}; give pad_collate another name: lengths='{{}}_sizes'"
            )
        made[key] = self._padded(key, arrays(values), shapes)
        made[name] = self._sizes(shapes)

    def _padded(self, key: str, values: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> Any:
        if len({len(shape) for shape in shapes}) != 1:
            raise ShapeError(f"field {key}: tensors must have the same number of dimensions, but have the shapes {sorted(set(shapes))}")
        if len({value.dtype for value in values}) != 1:
            types = ", ".join(sorted({str(value.dtype) for value in values}))
            raise ShapeError(f"field {key}: tensors must have the same type, but have {types}")
        if self.dims is not None and len({shape[self.dims :] for shape in shapes}) != 1:
            raise ShapeError(
                f"field {key}: the shapes {sorted(set(shapes))} differ behind the first {self.dims} dimensions; give a larger dims"
            )
        padded = filled(values[0], (len(values), *(max(sizes) for sizes in zip(*shapes))), self.value)
        for row, tensor in zip(padded, values):
            row[tuple(slice(size) for size in tensor.shape)] = tensor
        return padded

    def _sizes(self, shapes: Sequence[tuple[int, ...]]) -> Any:
        if self.dims == 1 or self.dims is None and len({shape[1:] for shape in shapes}) == 1:
            return integers([shape[0] for shape in shapes])
        return integers([shape[: self.dims] for shape in shapes])
