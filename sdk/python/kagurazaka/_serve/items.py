"""Items on the wire: JSON if it carries them exactly, otherwise pickled blocks."""

from __future__ import annotations

import json
import marshal
import pickle
import re
import sys
from itertools import chain
from operator import itemgetter
from typing import Any, Iterator, Optional, Sequence

from .._proto import plugin_pb2 as pb
from ..template.io import FileTriplet, stable_repr
from ..template.io import _triplet as triplet
from .identity import pickled

# An opaque block is sent with every chunk that takes a part of it, so it must be small.
OPAQUE_ITEMS, OPAQUE_BYTES = 64, 64 << 10
_SHOWN = 2000

_SCALARS = frozenset((str, int, float, bool, type(None)))
_EXACT = _SCALARS - {float}
# The version of marshal that the host reads.
MARSHAL = 4
# A lone surrogate as marshal writes it. Numbers may contain the same bytes.
_half_character = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]").search
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False).encode
_encode_ascii = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), check_circular=False).encode
_encode_newlines = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=("\n", ":"), check_circular=False).encode
_TRIPLET = ("path", "rel_dir", "file_name")


class Inexact(Exception):
    """JSON cannot carry the value exactly."""


def exact_json(value: Any) -> str:
    """Return the JSON text of a value. Raises Inexact if JSON cannot carry it exactly."""
    _check(value, set(), 0)
    return _text(value)


def _text(value: Any) -> str:
    try:
        text = _encode(value)
        text.encode()
        return text
    except UnicodeEncodeError:
        pass
    except (ValueError, RecursionError) as error:  # NaN, or a number with more digits than Python writes
        raise Inexact from error
    # Lone surrogates travel as escapes. Two adjacent ones would come back as one character.
    text = _encode_ascii(value)
    if json.loads(text) != value:
        raise Inexact
    return text


def _check(value: Any, seen: set[int], depth: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is dict:
        entries: Any = value.values()
        if any(type(key) is not str for key in value):
            raise Inexact
    elif kind is list:
        entries = value
    else:
        raise Inexact
    if id(value) in seen or depth > 100:
        raise Inexact  # a list that occurs twice in one item is one object, which JSON cannot express
    seen.add(id(value))
    for entry in entries:
        _check(entry, seen, depth + 1)


def is_output(name: str) -> bool:
    """Return whether an item's field is an output of a template."""
    return name == "output" or name.startswith("output_")


def _without_triplets(item: dict[str, Any]) -> dict[str, Any]:
    """Return the item with its input and outputs as JSON objects. Raises Inexact for a dict that looks like one of those."""
    for name, value in item.items():
        if type(name) is not str:
            raise Inexact
        if name == "input" or is_output(name):
            if type(value) is FileTriplet:
                item = {**item, name: value.to_dict()}
            elif type(value) is dict and len(value) == 3 and all(key in value for key in _TRIPLET):
                raise Inexact
    return item


def plain(items: Sequence[Any], scalars: frozenset[Any] = _SCALARS) -> bool:
    """Return whether all items are dicts of text, numbers, booleans and None, with text for keys, and no subclasses of these."""
    return scalar_values(items, scalars) and set(map(type, chain.from_iterable(items))) <= {str}


def scalar_values(items: Sequence[Any], scalars: frozenset[Any] = _SCALARS) -> bool:
    """Return whether all items are dicts of text, numbers, booleans and None, and no subclasses of these. Keys may be of any type."""
    if set(map(type, items)) != {dict}:
        return False
    if set(map(len, items)) == {len(items[0])}:
        # Items that all have the same keys are checked key by key, in less time.
        try:
            return all(set(map(type, map(itemgetter(key), items))) <= scalars for key in items[0])
        except KeyError:
            pass
    return set(map(type, chain.from_iterable(map(dict.values, items)))) <= scalars


def encode_lines(items: list[Any]) -> bytes:
    """Return the items as JSON Lines. Raises Inexact."""
    try:
        if plain(items):
            # All at once, which is three times as fast. No JSON text has a raw newline, so a newline as separator
            # distinguishes the separators between items ("}\n{") from those inside them.
            text = _encode_newlines(items)[1:-1].replace("}\n{", "\0").replace("\n", ",").replace("\0", "}\n{")
            return text.encode()
        prepared = []
        for item in items:
            if type(item) is not dict:
                raise Inexact
            item = _without_triplets(item)
            _check(item, set(), 0)
            prepared.append(item)
        items = prepared
        return "\n".join(map(_encode, items)).encode()
    except UnicodeEncodeError:
        return "\n".join(map(_text, items)).encode()
    except (ValueError, RecursionError, TypeError) as error:
        raise Inexact from error


def encode_marshal(items: list[Any]) -> Optional[bytes]:
    """Return the items as marshal writes them, or None if the host could not make JSON of that.

    This is the main cost of listing a million small items, beside the task's own code.
    """
    if not plain(items, _EXACT):
        return None
    payload = marshal.dumps(items, MARSHAL)
    return None if b"\xed" in payload and _half_character(payload) else payload


class Encoder:
    """Makes blocks of items. From the first item that JSON cannot carry, everything is pickled."""

    def __init__(self, max_items: int, max_bytes: int, accept_marshal: bool = False, replace: bool = False) -> None:
        self.max_items = max_items or 1024
        self.max_bytes = max_bytes or 1 << 20
        self.marshal = accept_marshal
        # Items that cannot be pickled are replaced by Unreadable ones, which fail alone.
        self.replace = replace
        self.opaque = False

    def blocks(self, items: list[Any]) -> Iterator[Any]:
        """Yield ListResponses with blocks of consecutive items."""
        if not items:
            return
        if not self.opaque:
            encoding, payload = pb.ENCODING_MARSHAL, encode_marshal(items) if self.marshal else None
            try:
                if payload is None:
                    encoding, payload = pb.ENCODING_JSON_LINES, encode_lines(items)
            except Inexact:
                self.opaque = True
            else:
                if len(payload) <= self.max_bytes or len(items) == 1:
                    yield _response(encoding, len(items), payload)
                else:
                    yield from self._halves(items)
                return
        if len(items) > OPAQUE_ITEMS:
            for first in range(0, len(items), OPAQUE_ITEMS):
                yield from self.blocks(items[first : first + OPAQUE_ITEMS])
            return
        try:
            payload, content_keys = pickled(items)
        except Exception:
            if not self.replace:
                raise
            payload, content_keys = pickled(list(map(_picklable, items)))
        if len(payload) > OPAQUE_BYTES and len(items) > 1:
            yield from self._halves(items)
        else:
            response = _response(pb.ENCODING_OPAQUE, len(items), payload)
            response.block.keys.extend(show(item, 200) for item in items)
            response.block.content_keys.extend(content_keys)
            yield response

    def _halves(self, items: list[Any]) -> Iterator[Any]:
        middle = len(items) // 2
        yield from self.blocks(items[:middle])
        yield from self.blocks(items[middle:])


def _response(encoding: Any, count: int, payload: bytes) -> Any:
    # Filling the block in place avoids two more copies of its payload, which is large.
    response = pb.ListResponse()
    block = response.block
    block.encoding, block.count, block.payload = encoding, count, payload
    return response


def decode_part(part: Any) -> list[Any]:
    """Return the items of a chunk's part that is a block."""
    block = part.block
    if block.encoding == pb.ENCODING_MARSHAL:
        return marshal.loads(block.payload)
    skip, take = part.skip, part.take
    if block.encoding == pb.ENCODING_OPAQUE:
        items = pickle.loads(block.payload)
        if skip or take:
            items = items[skip : skip + take if take else None]
        return items
    return decode_lines(lines_of_part(part))


def lines_of_part(part: Any) -> bytes:
    """Return the lines of a chunk's part that is a block of JSON Lines."""
    block, skip, take = part.block, part.skip, part.take
    payload: bytes = block.payload
    if skip or (take and take != block.count):
        payload = b"\n".join(payload.split(b"\n")[skip : skip + take if take else None])
    return payload


def decode_lines(payload: bytes) -> list[Any]:
    """Return the items of JSON Lines."""
    # No JSON text has a raw newline, so commas in their place make the lines one JSON list.
    return _loads(b"[" + payload.replace(b"\n", b",") + b"]")


def _loads(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        limit = getattr(sys, "get_int_max_str_digits", int)()
        if not limit:
            raise
    # The task has listed an integer with more digits than Python's limit.
    sys.set_int_max_str_digits(0)
    try:
        return json.loads(text)
    finally:
        sys.set_int_max_str_digits(limit)


class Malformed(Exception):
    """The host broke the contract for a whole chunk, not for single items."""


class Unreadable:
    """An item that could not be read. Access to its fields raises the reason, so only this item fails."""

    def __init__(self, why: str) -> None:
        self.why = why

    def keys(self) -> Any:
        raise ValueError(self.why)

    def __repr__(self) -> str:
        return f"<an item that could not be read: {self.why}>"


def _picklable(item: Any) -> Any:
    """Return the item, or an Unreadable one in place of one that cannot be pickled."""
    try:
        pickle.dumps(item, 5)
    except Exception as error:
        return Unreadable(f"the item {show(item)} cannot be pickled, so it cannot be sent to a worker: {error}")
    return item


def count_of(part: Any) -> int:
    """Return the announced number of items of a chunk's part that is a block."""
    left = max(part.block.count - part.skip, 0)
    return min(part.take, left) if part.take else left


def decode_each(part: Any) -> list[Any]:
    """Return as many items as the part announces, read one by one. Items that cannot be read are Unreadable."""
    count = count_of(part)
    items: list[Any] = []
    if part.block.encoding == pb.ENCODING_OPAQUE:
        try:
            loaded = pickle.loads(part.block.payload)
            items = list(loaded[part.skip : part.skip + count])
        except BaseException as error:
            items = [Unreadable(f"its block cannot be unpickled: {error!r}")] * count
    elif part.block.encoding == pb.ENCODING_JSON_LINES and part.block.payload:
        for line in part.block.payload.split(b"\n")[part.skip : part.skip + count]:
            try:
                item = _loads(line)
            except (ValueError, RecursionError) as error:
                item = Unreadable(f"the host sent an item that is not JSON: {error}")
            items.append(item if type(item) in (dict, Unreadable) else Unreadable("the host sent an item that is not a JSON object"))
    missing = Unreadable("the host sent fewer items than it announced, or in an encoding that this SDK does not know")
    return items + [missing] * (count - len(items))


def restore_triplets(item: dict[str, Any], with_input: bool, with_files: bool = False) -> None:
    """Convert an item's input and outputs back to FileTriplets, in place. with_files: input_<id> as well."""
    for name, value in item.items():
        if type(value) is dict and (
            name == "input" and with_input or name[:6] == "output" and is_output(name) or with_files and name[:6] == "input_"
        ):
            item[name] = triplet(value)


def show(item: Any, limit: int = _SHOWN) -> str:
    """Return an item as printable text of at most `limit` characters."""
    try:
        text = _shown(item)
    except BaseException:
        try:
            text = repr(item)
        except BaseException:  # a class whose repr raises
            text = f"<{type(item).__name__}>"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _show_value(value: Any) -> Any:
    return value.to_dict() if isinstance(value, FileTriplet) else stable_repr(value)


_shown = json.JSONEncoder(ensure_ascii=False, default=_show_value).encode
