"""Options of built-in modes that kagurazaka 0.1.1 does not have.

Subclasses in task files may have fields, attributes and methods of the same names, which are their own. So an option is not an
attribute: an object keeps those that its built-in constructor was given in one private attribute, and has none if it was given none.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping, TypeVar

ATTRIBUTE = "_kagurazaka_options"

_Kind = TypeVar("_Kind", bound=type)
# The options of each built-in mode, with their defaults.
_DEFAULTS: dict[type, dict[str, Any]] = {}


def options(**defaults: Any) -> Callable[[_Kind], _Kind]:
    """Return a decorator for a dataclass with options. Options that were given count in == and repr()."""

    def decorate(kind: _Kind) -> _Kind:
        _DEFAULTS[kind] = defaults
        as_dataclass: Any = kind
        equals, text = as_dataclass.__eq__, as_dataclass.__repr__

        def __eq__(self: Any, other: object) -> Any:
            same = equals(self, other)
            return same if same is not True else given(self) == given(other)

        def __repr__(self: Any) -> str:
            found = given(self)
            return text(self) if not found else text(self)[:-1] + "".join(f", {name}={value!r}" for name, value in found.items()) + ")"

        for function in (__eq__, __repr__):
            function.__qualname__ = f"{kind.__qualname__}.{function.__name__}"
            setattr(kind, function.__name__, function)
        return kind

    return decorate


def give(mode: Any, kind: type, **values: Any) -> None:
    """Keep the options that a constructor of kind was given."""
    _keep(mode, {name: value for name, value in values.items() if value is not _DEFAULTS[kind][name]})


def given(mode: Any) -> dict[str, Any]:
    """Return the options that a mode was given; those with their default are absent."""
    found: dict[str, Any] = getattr(mode, "__dict__", {}).get(ATTRIBUTE, {})
    return found


def of(mode: Any, kind: type) -> dict[str, Any]:
    """Return all options of kind, as a mode of it or of a subclass has them."""
    return {name: given(mode).get(name, default) for name, default in _DEFAULTS[kind].items()}


def _keep(mode: Any, found: dict[str, Any]) -> None:
    attributes = vars(mode)
    if found:
        attributes[ATTRIBUTE] = found
    else:
        attributes.pop(ATTRIBUTE, None)


class Fields(Mapping[str, Any]):
    """The attributes of an object, and its options as if they were attributes: those of a built-in mode, and those that the constructor of
    a subclass handed on. An attribute of the same name comes first."""

    def __init__(self, value: Any) -> None:
        self._value, self._own = value, vars(value)

    def options(self) -> dict[str, Any]:
        """Return the options."""
        known = {**_DEFAULTS.get(type(self._value), {}), **given(self._value)}
        return {name: value for name, value in known.items() if name not in self._own}

    def attributes(self) -> dict[str, Any]:
        """Return the attributes."""
        return {name: value for name, value in self._own.items() if name != ATTRIBUTE}

    def __getitem__(self, name: str) -> Any:
        return (self.options() | self.attributes())[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self.options():
            self._own[name] = value
            return
        defaults = _DEFAULTS.get(type(self._value), {})
        found = {**given(self._value), name: value}
        _keep(self._value, {name: value for name, value in found.items() if name not in defaults or value is not defaults[name]})

    def __iter__(self) -> Iterator[str]:
        return iter(self.attributes() | self.options())

    def __len__(self) -> int:
        return len(self.attributes() | self.options())
