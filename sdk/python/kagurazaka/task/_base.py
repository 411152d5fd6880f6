"""What both bases of tasks have in common: how a decorated class is called, subclassed and pickled.

`template/_decorated.py` says what happens then. Classes without a template behave as any other class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# The attribute of a decorated class that holds its Template. Only the class itself has it, and subclasses get their own.
ATTRIBUTE = "__kagurazaka_template__"


class TaskBase:
    """Base of both bases of tasks."""

    # A type checker sees the constructor of the task.
    if not TYPE_CHECKING:

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            if ATTRIBUTE in cls.__dict__:
                from ..template import _decorated

                if _decorated.is_mixin(args, kwargs):
                    return _decorated.configured(cls, *args, **kwargs)
                cls = _decorated.constructed(cls)
            make = super().__new__
            return make(cls) if make is object.__new__ else make(cls, *args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, ATTRIBUTE):
            from ..template import _decorated

            _decorated.inherit(cls)

    def __reduce_ex__(self, protocol: Any) -> Any:
        if hasattr(type(self), ATTRIBUTE):
            from ..template import _decorated

            return _decorated.reduced(self, super().__reduce_ex__(max(protocol, 2)))
        return super().__reduce_ex__(protocol)
