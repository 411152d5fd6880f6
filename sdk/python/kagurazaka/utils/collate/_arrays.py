"""Arrays in the library that the collates use: torch where it is installed, otherwise numpy."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any, Callable, Optional, Sequence


class ShapeError(RuntimeError):
    """Samples whose shapes or structures cannot be one batch. Smaller batches would only hide it."""


@functools.cache
def has_torch() -> bool:
    """Return whether torch is installed. It is not imported."""
    return importlib.util.find_spec("torch") is not None


def is_array(value: Any) -> bool:
    """Return whether a value is a tensor, an array or a number of numpy: it has a shape and a type of elements."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def arrays(values: Sequence[Any]) -> list[Any]:
    """Return tensors of the values where torch is installed, otherwise numpy arrays."""
    if has_torch():
        import torch

        return [value if isinstance(value, torch.Tensor) else torch.as_tensor(value) for value in values]
    import numpy

    return [numpy.asarray(value) for value in values]


def filled(like: Any, shape: Sequence[int], value: float) -> Any:
    """Return an array with one value everywhere, of the library and the type of another one."""
    if has_torch():
        return like.new_full(tuple(shape), value)
    import numpy

    return numpy.full(tuple(shape), value, dtype=like.dtype)


def integers(values: Any) -> Any:
    """Return an array of 64-bit integers."""
    if has_torch():
        import torch

        return torch.tensor(values, dtype=torch.int64)
    import numpy

    return numpy.asarray(values, dtype=numpy.int64)


def numpy_leaf(value: Any) -> Optional[Callable[[Sequence[Any]], Any]]:
    """Return the function that collates numbers and arrays without torch, or None for any other value."""
    if isinstance(value, (bool, int, float)) or is_array(value):
        import numpy

        if isinstance(value, numpy.ndarray):
            return numpy.stack
        if isinstance(value, (bool, int, float, numpy.number, numpy.bool_)):
            return numpy.asarray
    return None
