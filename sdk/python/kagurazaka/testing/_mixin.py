"""A mixin from Python, applied by the host's rules."""

from __future__ import annotations

import copy
import functools
import inspect
import os
from collections.abc import Mapping
from typing import Any, Callable, Optional

from ..template import _options, io
from ..template._template import Template, is_object
from ..template.mixin import PLACEHOLDER

_BASES = {
    "hard_shard_mode": io.HardShardMode,
    "soft_shard": io.SoftShard,
    "input_mode": io.InputMode,
    "output_mode": io.OutputMode,
    "finish_check_mode": io.FinishCheckMode,
}
_BUILT_IN = {
    name: kind
    for name, kind in vars(io).items()
    if isinstance(kind, type) and kind.__module__ == io.__name__ and issubclass(kind, tuple(_BASES.values()))
}


def nested(mixin: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mixin whose dotted names ("hard_shard_mode.input_path", as in --mixin) are maps."""
    made: dict[str, Any] = {}
    for key, value in mixin.items():
        *above, last = str(key).split(".")
        place = made
        for name in above:
            inner = place.setdefault(name, {})
            # soft_shard=SoftShardByHash soft_shard.shard_num=8: a mode's name, and then its fields.
            place[name] = place = inner if isinstance(inner, dict) else {"mode": inner}
        value = nested(value) if isinstance(value, Mapping) and all(isinstance(name, str) for name in value) else value
        if isinstance(value, dict) and isinstance(place.get(last), dict):
            place[last].update(value)
        else:
            place[last] = value
    return made


def apply(template: Template, mixin: Mapping[str, Any]) -> None:
    """Merge a nested mixin into the template's modes, in place. Raises ValueError for a name that they do not have."""
    for name, value in mixin.items():
        if name not in template.fields:
            raise ValueError(
                f"mixin: the template of {template.cls.__name__} has no field {name}; its fields: {', '.join(template.fields)}"
            )
        template.fields[name] = _applied(template.fields[name], value, name, _BASES.get(name))


def _applied(current: Any, value: Any, path: str, base: Optional[type]) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if base is not None and isinstance(value, str) and value != PLACEHOLDER:
        value = {"mode": value}
    if not isinstance(value, dict):
        return value
    if isinstance(current, (list, tuple)):
        return _elements(list(current), value, path, base)
    named = value.get("mode") if base is not None else None
    if base is not None and isinstance(named, base):
        current, value = copy.copy(named), {name: entry for name, entry in value.items() if name != "mode"}
    if isinstance(named, str) and not (is_object(current) and "mode" in _options.Fields(current)):
        value = {name: entry for name, entry in value.items() if name != "mode"}
        kind = _BUILT_IN.get(named)
        if type(current).__name__ != named and type(current) is not kind:
            current = _made(kind, named, path, base)
    if isinstance(current, dict):
        return {**current, **{name: _applied(current.get(name), entry, f"{path}.{name}", None) for name, entry in value.items()}}
    if not is_object(current):
        if base is not None:
            raise ValueError(f"mixin {path}: these fields have no mode here yet; hint: add the name of one, as mode")
        return value
    fields = _options.Fields(current)
    for name, entry in value.items():
        if name not in fields and type(current) in _BUILT_IN.values():
            raise ValueError(f"mixin {path}: {type(current).__name__} has no field {name}; its fields: {', '.join(fields)}")
        deeper = base if isinstance(current, io.InputByMerge) or name == "subshard" else None
        fields[name] = _applied(fields.get(name), entry, f"{path}.{name}", deeper)
    return current


def _elements(items: list[Any], value: dict[str, Any], path: str, base: Optional[type]) -> list[Any]:
    for name, entry in value.items():
        if not name.isdigit() or int(name) >= len(items):
            raise ValueError(f"mixin {path}: the list has {len(items)} elements, and no {name}")
        items[int(name)] = _applied(items[int(name)], entry, f"{path}.{name}", base)
    return items


def _made(kind: Optional[type], name: str, path: str, base: Optional[type]) -> Any:
    """Return a built-in mode whose required fields are open."""
    if kind is None or base is None or not issubclass(kind, base):
        names = ", ".join(known for known, one in _BUILT_IN.items() if base is not None and issubclass(one, base) and one is not base)
        raise ValueError(f"mixin {path}: unknown mode {name}; its modes: {names}")
    required = {
        parameter.name: PLACEHOLDER for parameter in inspect.signature(kind).parameters.values() if parameter.default is parameter.empty
    }
    return kind(**required)


def _refill(entries: dict[str, Any], old: dict[str, Any]) -> None:
    entries.clear()
    entries.update(old)


def keep(value: Any, seen: Optional[set[int]] = None) -> list[Callable[[], None]]:
    """Return functions that make the modes in a value what they are now: a task that runs may change them."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return []
    seen.add(id(value))
    restore: Callable[[], None]
    inner: list[Any]
    if isinstance(value, dict):
        entries = dict(value)
        restore, inner = functools.partial(_refill, value, entries), list(entries.values())
    elif isinstance(value, list):
        items = list(value)
        restore, inner = functools.partial(value.__setitem__, slice(None), items), items
    elif isinstance(value, tuple):
        return [function for entry in value for function in keep(entry, seen)]
    elif is_object(value):
        entries = dict(vars(value))
        restore, inner = functools.partial(_refill, vars(value), entries), list(entries.values())
    else:
        return []
    return [restore, *(function for entry in inner for function in keep(entry, seen))]
