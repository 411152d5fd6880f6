"""Templates to and from the contract's messages."""

from __future__ import annotations

import json
import os
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any

from .._proto import plugin_pb2 as pb
from ..template import _options, io
from ..template._patched import is_patched
from ..template._template import Template, is_object
from ..template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER
from . import exact
from .items import Inexact, exact_json

BUILT_IN = {
    kind
    for kind in vars(io).values()
    if isinstance(kind, type)
    and kind.__module__ == io.__name__
    and kind not in (io.FileTriplet, io.HardShardMode, io.InputMode, io.OutputMode, io.FinishCheckMode)
}
_BY_NAME = {kind.__name__: kind for kind in BUILT_IN}

# The fields whose first entry counts.
_ORDERED = {io.InputByGroup: "files", io.InputByFilenameSubfoldering: "file_to_read", io.InputByTar: "keys", io.OutputByTar: "keys"}


def describe(template: Template) -> Any:
    """Return the Template message of a decorated task, with its placeholders."""
    return pb.Template(fields=_fields(template.fields))


def _fields(entries: dict[str, Any], ordered: str = "") -> list[Any]:
    """Return fields with their values. ordered is the one whose entries must keep their order, which a JSON object does not."""
    return [pb.Field(name=name, value=_node(value, name == ordered)) for name, value in entries.items()]


def _node(value: Any, ordered: bool = False) -> Any:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        if value == KAGURAZAKA_MIXIN_PLACEHOLDER:
            return pb.Node(placeholder=pb.Placeholder())
        return pb.Node(json=json.dumps(value))
    if ordered and isinstance(value, dict) and all(type(key) is str for key in value):
        return pb.Node(map=pb.NodeMap(fields=_fields(value)))
    try:
        plain = list(value) if isinstance(value, (tuple, range)) else value
        if isinstance(value, (set, frozenset)) and all(type(entry) is str for entry in value):
            plain = sorted(value)
        if KAGURAZAKA_MIXIN_PLACEHOLDER not in (text := exact_json(plain)):
            return pb.Node(json=text)
    except Inexact:
        pass
    if isinstance(value, (list, tuple)):
        return pb.Node(list=pb.NodeList(nodes=[_node(entry) for entry in value]))
    if type(value) in (float, bytes):
        return pb.Node(json=exact.scalar(value))
    if isinstance(value, dict) and all(type(key) in (str, bool, int, float) for key in value):
        return pb.Node(map=pb.NodeMap(fields=[_entry(key, entry) for key, entry in value.items()]))
    if is_object(value):
        return pb.Node(mode=_mode(value))
    # A function or the like: the host gets its name, and the value stays here.
    name = getattr(value, "__name__", type(value).__name__)
    return pb.Node(mode=pb.Mode(name=name, custom=True))


def _entry(key: Any, value: Any) -> Any:
    """Return an entry of a map, whose key need not be a text."""
    return pb.Field(name=str(key), key_json="" if isinstance(key, str) else json.dumps(key), value=_node(value))


def _mode(value: Any) -> Any:
    kind = type(value)
    custom = kind not in BUILT_IN or is_patched(kind)
    found = _options.Fields(value)
    names = [field.name for field in dataclass_fields(value)] if is_dataclass(value) else []
    # The constructor's fields in order, then options, then attributes that were added later.
    entries = {name: getattr(value, name, None) for name in names} | found.options() | found.attributes()
    # The host takes an attribute that the task file has added for an option, or refuses it.
    custom = custom or not found.attributes().keys() <= set(names)
    fields = _fields(entries, _ORDERED.get(kind, ""))
    # A built-in mode with a value that JSON cannot express runs in Python.
    custom = custom or any(field.value.WhichOneof("kind") == "mode" and field.value.mode.custom for field in fields)
    return pb.Mode(name=kind.__name__, fields=fields, custom=custom)


def is_custom(mode: Any) -> bool:
    """Return whether a mode runs in Python: it is the user's own, or changed."""
    return bool(_mode(mode).custom)


def apply(template: Template, message: Any, module: Any) -> None:
    """Write the host's resolved template into the decorator's modes, in place."""
    for field in message.fields:
        template.fields[field.name] = _value(template.fields.get(field.name), field.value, module)


def _value(current: Any, node: Any, module: Any) -> Any:
    kind = node.WhichOneof("kind")
    if kind == "placeholder":
        return KAGURAZAKA_MIXIN_PLACEHOLDER
    known = _node(current)
    if node == known:
        return current  # an unchanged value keeps its identity
    if kind == "json":
        made = exact.loads(node.json)
        if known.WhichOneof("kind") == "json" and json.dumps(json.loads(known.json)) == json.dumps(json.loads(node.json)):
            return current
        return _merge_plain(current, made)
    if kind == "list":
        old = current if isinstance(current, (list, tuple)) else ()
        return [_value(old[i] if i < len(old) else None, entry, module) for i, entry in enumerate(node.list.nodes)]
    if kind == "map":
        entries = node.map.fields
        if not isinstance(current, dict) and not is_object(current):
            current = {}
    else:
        entries = node.mode.fields
        if not is_object(current) or type(current).__name__ != node.mode.name:
            return _new(current, node.mode, module)
    target = current if isinstance(current, dict) else _options.Fields(current)
    for field in entries:
        key = json.loads(field.key_json) if field.key_json else field.name
        target[key] = _value(target.get(key), field.value, module)
    return current


def _merge_plain(current: Any, made: Any) -> Any:
    """Merge a map, which arrives as JSON if it has no placeholders, into an object that keeps its identity."""
    if not isinstance(made, dict) or not (isinstance(current, dict) or is_object(current)):
        return made
    target = current if isinstance(current, dict) else _options.Fields(current)
    for name, value in made.items():
        target[name] = value
    return current


def _new(current: Any, mode: Any, module: Any) -> Any:
    """Return an object for a mode that the mixin names and the task did not have."""
    kind = _BY_NAME.get(mode.name) or getattr(module, mode.name, None)
    if not isinstance(kind, type):
        return current  # a function or the like, of which the host has only the name
    values = {field.name: _value(None, field.value, module) for field in mode.fields}
    return kind(**values)
