"""The elements of a collated batch whose fields may be trees."""

from __future__ import annotations

import dataclasses
from typing import Any


class Columns(list[Any]):
    """What `nested_collate` makes of samples that are lists or tuples of one length: a list with one column for each place.

    Column j holds the samples' values at place j. ``columns.element(i)`` is sample i again, a list or a tuple as it was.
    """

    def __init__(self, columns: Any = (), kind: type = list) -> None:
        super().__init__(columns)
        self.kind = kind

    def element(self, index: int) -> Any:
        """Return the list or tuple of one sample."""
        return self.kind(element(column, index) for column in self)

    def __reduce__(self) -> Any:
        return Columns, (list(self), self.kind)


def element(value: Any, index: int) -> Any:
    """Return one element of a batch's field: ``value[index]``, or in a tree the same tree with the elements of its leaves."""
    kind = type(value)
    if kind is list:
        return value[index]
    if kind is dict:
        return {key: element(inner, index) for key, inner in value.items()}
    if kind is Columns:
        return value.element(index)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return kind(*(element(inner, index) for inner in value))
    if _is_record(value):
        return rebuilt(value, {name: element(inner, index) for name, inner in fields_of(value).items()})
    return value[index]


def length(value: Any) -> int:
    """Return the number of elements of a batch's field: in a tree, that of its first leaf. Raises TypeError if it has none."""
    while True:
        kind = type(value)
        if kind is dict:
            inner = list(value.values())
        elif kind is Columns or isinstance(value, tuple) and hasattr(kind, "_fields"):
            inner = list(value)
        elif _is_record(value):
            inner = list(fields_of(value).values())
        else:
            return len(value)
        if not inner:
            raise TypeError(f"an empty {kind.__name__} has no elements")
        value = inner[0]


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass's instance."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def rebuilt(value: Any, fields: dict[str, Any]) -> Any:
    """Return an instance of a dataclass with other values. Neither ``__init__`` nor ``__post_init__`` is called."""
    made = object.__new__(type(value))
    for name, inner in fields.items():
        object.__setattr__(made, name, inner)
    return made


def _is_record(value: Any) -> bool:
    """Return whether a value is an instance of a dataclass that cannot be indexed."""
    kind = type(value)
    return hasattr(kind, "__dataclass_fields__") and not hasattr(kind, "__getitem__")
