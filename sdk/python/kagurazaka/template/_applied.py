"""A decorator that is called with a class, as in ``Small = decorator(Thumb)``.

The class stays as it is, and each call makes a subclass with a template of its own. With the syntax of decorators there is one name for
both, so the class itself gets the template.
"""

from __future__ import annotations

import abc
import sys
from types import FunctionType
from typing import Any, Iterator, Optional

from ..task._base import ATTRIBUTE

# The attribute of such a subclass: the class that was decorated.
_VARIANT_OF = "_kagurazaka_variant_of"


class _Variant:
    """Keeps a class's own `__init_subclass__` out of the making of a subclass that its author does not know of."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if _VARIANT_OF not in vars(cls):
            super().__init_subclass__(**kwargs)


def is_applied(cls: type) -> bool:
    """Return whether a class has its name already, or a template, so that the decorator is called with it."""
    return ATTRIBUTE in vars(cls) or any(_found(space, cls.__qualname__) is cls for space in _spaces(cls))


def makes_itself(cls: type) -> bool:
    """Return whether the metaclass takes part in the making of classes."""
    kind: Any = type(cls)
    return kind.__new__ not in (type.__new__, abc.ABCMeta.__new__) or kind.__init__ is not type.__init__


def variant(cls: type) -> type:
    """Return a subclass that looks like the class."""
    names = {name: vars(cls)[name] for name in ("__doc__", "__firstlineno__") if name in vars(cls)}
    names |= {"__module__": cls.__module__, "__qualname__": cls.__qualname__, _VARIANT_OF: cls}
    return type(cls)(cls.__name__, (_Variant, cls), names)


def place(cls: type) -> Optional[tuple[str, str]]:
    """Return a variant's module and its name there, by which it is pickled; None for other classes, and for one without a name."""
    if _VARIANT_OF not in vars(cls):
        return None
    names = vars(sys.modules.get(cls.__module__, object))
    return next(((cls.__module__, name) for name, value in list(names.items()) if value is cls), None)


def _spaces(cls: type) -> Iterator[dict[str, Any]]:
    module = sys.modules.get(cls.__module__)
    if module is not None:
        yield vars(module)
    # A task file with the name of another module is not in sys.modules.
    for value in vars(cls).values():
        if isinstance(value, FunctionType) and value.__module__ == cls.__module__:
            yield value.__globals__


def _found(space: dict[str, Any], name: str) -> Optional[Any]:
    first, *rest = name.split(".")
    found = space.get(first)
    for part in rest:
        found = getattr(found, "__dict__", {}).get(part)
    return found
