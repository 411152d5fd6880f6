"""Collates for samples with structure: field by field, and trees."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence

from ..._elements import Columns, fields_of, rebuilt
from ._arrays import ShapeError, arrays, is_array
from .default_extended import default_collate
from .ragged import OfFields, Pad, pad_collate

Collate = Callable[[Sequence[Any]], Any]
DictCollate = Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]


def dict_collate(
    fields: Mapping[str, Collate], default: Optional[Collate] = None
) -> Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]:
    """Return a collate that treats each field in its own way: ``fields`` has a function for each name.

    A field's function gets the list of the samples' values, and returns the field of the batch. Fields that are not named are
    collated by ``default``, which is `default_collate_extended` without one. `pad_collate` for a field always adds the field
    ``NAME_lengths``, even if the sizes happen to be equal. The result can be pickled if the functions can.

    A name that no sample has is an error: raises ShapeError, a RuntimeError.
    """
    return _Dict(fields, default_collate if default is None else default)


class _Dict(OfFields):
    def __init__(self, fields: Mapping[str, Collate], default: Collate) -> None:
        self.default = _for_field(default)
        self.fields = {name: _for_field(function) for name, function in fields.items()}

    def made(self, batch: Sequence[Mapping[str, Any]], default: Callable[[str, list[Any]], Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        missing = [name for name in self.fields if name not in batch[0]]
        if missing:
            raise ShapeError(f"dict_collate: samples have no field {', '.join(missing)}; their fields are {', '.join(map(str, batch[0]))}")
        for key in batch[0]:
            function = self.fields.get(key, self.default)
            values = _column(batch, key)
            if isinstance(function, Pad):
                function.add(made, key, values, batch[0], default, always=key in self.fields)
            elif function is default_collate:
                made[key] = default(key, values)
            else:
                made[key] = function(values)
        return made


def _for_field(function: Any) -> Any:
    return pad_collate() if function is pad_collate else function


def _column(batch: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    try:
        return [sample[key] for sample in batch]
    except KeyError:
        index = next(i for i, sample in enumerate(batch) if key not in sample)
        raise ShapeError(f"sample {index} of the batch has no field {key!r}, which the first one has") from None


def nested_collate(batch: Sequence[Any]) -> Any:
    """Collate trees: dicts, lists, tuples, namedtuples and dataclasses, in any depth.

    Leaves are collated each for itself. Tensors and arrays of one shape and type are stacked, numbers become a tensor (without torch,
    an array); leaves of different shapes, strings and any other values become a list with one entry for each sample. A dict becomes a
    dict, a namedtuple and a dataclass one of the same type, a list or tuple a list with a column for each place (`Columns`).
    Where samples differ in structure (other keys, another length or type, None in some), that part of the tree is a list with
    one entry for each sample.

    `postprocess_each` gets its sample's own part of a tree, with the structure that ``load_data`` gave it.
    """
    return _tree(list(batch))


def _tree(values: list[Any]) -> Any:
    first = values[0]
    kind = type(first)
    if any(type(value) is not kind for value in values):
        return values
    if isinstance(first, Mapping):
        if any(value.keys() != first.keys() for value in values) or not first:
            return values
        return {key: _tree([value[key] for value in values]) for key in first}
    if isinstance(first, tuple) and hasattr(kind, "_fields"):
        return kind(*map(_tree, map(list, zip(*values)))) if first else values
    if kind in (list, tuple):
        if not first or any(len(value) != len(first) for value in values):
            return values
        return Columns(map(_tree, map(list, zip(*values))), kind)
    if hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__getitem__") and not _is_item(first):
        columns = [fields_of(value) for value in values]
        return rebuilt(first, {name: _tree([column[name] for column in columns]) for name in columns[0]}) if columns[0] else values
    if is_array(first):
        made = arrays(values) if getattr(first.dtype, "kind", "n") not in "SUOMmV" else values
        same = all(value.shape == made[0].shape and value.dtype == made[0].dtype for value in made)
        return default_collate(made) if same and made is not values else made
    if kind in (bool, int, float):
        return default_collate(values)
    return values


def _is_item(value: Any) -> bool:
    """Return whether a dataclass is a FileTriplet, which names files and is a leaf as in every other collate."""
    from ...template.io import FileTriplet

    return isinstance(value, FileTriplet)
