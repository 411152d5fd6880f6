"""A decorated class, called and subclassed in Python.

The class keeps the methods that its author wrote. Constructing it makes an instance of a subclass that has the template's methods:
`process` gets the outputs, and `generate_tasks` lists the inputs. So a subclass in a task file overrides what the author wrote, and two
mixins never meet in one class. Calling it with a mixin returns such a subclass, as in 0.1.1. A worker constructs one task in its
process, and installs the template in the class itself (`_serve/opened.py`).
"""

from __future__ import annotations

import copyreg
import functools
import importlib
from collections.abc import Mapping
from typing import Any, Callable, Optional

from ..task._base import ATTRIBUTE
from . import _applied
from ._template import Template, template_of

# The attribute of a subclass with the template's methods: the decorated class, and the mixin.
_MADE_OF = "_kagurazaka_made_of"


class _Configured:
    """Keeps a class's own `__init_subclass__` out of the making of a subclass that its author does not know of."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if _MADE_OF not in vars(cls):
            super().__init_subclass__(**kwargs)


def is_mixin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a decorated class is called with a mixin, and not with a task's arguments, which are a list."""
    if args:
        return len(args) == 1 and not kwargs and isinstance(args[0], Mapping)
    return set(kwargs) == {"mixin"}


def configured(cls: type, mixin: Optional[Mapping[str, Any]]) -> type:
    """Return a subclass with the methods of the template and a mixin merged into it. Raises ValueError if a placeholder is left."""
    template: Any = template_of(cls)
    made, own = subclass(cls, template, mixin or {})
    _check(cls, own)
    _install(own)
    return made


def constructed(cls: type) -> type:
    """Return the class of which a decorated class's instances are made. Raises ValueError if a placeholder is open."""
    template: Any = template_of(cls)
    if template.itself:
        return cls
    if template.plain is None:
        _check(cls, template)
        template.plain, own = subclass(cls, template, None)
        _install(own)
    plain: type = template.plain
    return plain


def _check(cls: type, template: Template) -> None:
    left = template.open()
    if left:
        raise ValueError(
            f"{cls.__name__} cannot be constructed: required template values are not set: {', '.join(left)}; "
            f"hint: {cls.__name__}({_example(left[0])})(args) sets them, and kagurazaka.testing.run({cls.__name__}, args, mixin=…) too"
        )


def _example(path: str) -> str:
    """Return a mixin that sets one value, as Python."""
    text = "…"
    for name in reversed(path.split(".")):
        text = f'{{"{name}": {text}}}'
    return text


def subclass(cls: type, template: Template, mixin: Optional[Mapping[str, Any]] = None) -> tuple[type, Template]:
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, _MADE_OF: (cls, mixin)}
    made = type(cls)(cls.__name__, (_Configured, cls), names)
    own = template.for_class(made, mixin)
    own.takes_outputs = True
    return made, own


def _install(template: Template) -> None:
    for made in vars(template.install()).values():
        own = getattr(made, "_kagurazaka_own", None)
        if own is not None:
            functools.update_wrapper(made, own, updated=())


def inherit(cls: type) -> None:
    """Give a subclass of a decorated class a template of its own. One of a configured class is an ordinary class."""
    if ATTRIBUTE in vars(cls) or hasattr(cls, _MADE_OF):
        return
    parent: Any = next(found for base in cls.__mro__[1:] if (found := template_of(base)) is not None)
    setattr(cls, ATTRIBUTE, parent.for_class(cls))


def reduced(task: Any, parts: Any) -> Any:
    """Return how an instance is pickled and copied. parts: how an instance of any other class is."""
    if type(parts) is not tuple or parts[0] not in _MAKERS:
        return parts
    cls = type(task)
    if _MADE_OF in vars(cls):
        of, mixin = vars(cls)[_MADE_OF]
        place = _applied.place(of)
        return (_again, (of, mixin), *parts[2:]) if place is None else (_again_at, (*place, mixin), *parts[2:])
    if ATTRIBUTE not in vars(cls):
        return parts
    place = _applied.place(cls)
    return (_bare, (cls,), *parts[2:]) if place is None else (_bare_at, place, *parts[2:])


_MAKERS: tuple[Callable[..., Any], ...] = (copyreg.__newobj__, copyreg.__newobj_ex__)  # type: ignore[attr-defined]


def _bare(cls: type) -> Any:
    return object.__new__(cls)


def _again(cls: type, mixin: Optional[Mapping[str, Any]]) -> Any:
    return object.__new__(constructed(cls) if mixin is None else configured(cls, mixin))


def _bare_at(module: str, name: str) -> Any:
    return _bare(getattr(importlib.import_module(module), name))


def _again_at(module: str, name: str, mixin: Optional[Mapping[str, Any]]) -> Any:
    return _again(getattr(importlib.import_module(module), name), mixin)
