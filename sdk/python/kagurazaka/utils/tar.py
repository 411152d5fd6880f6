"""The samples of tar archives, read without unpacking, for templates that run in Python. The host has the same rules."""

from __future__ import annotations

import os
import posixpath
import sys
import zlib
from typing import Any, BinaryIO, Iterator, Mapping, Optional, Union

from .._count import count_of

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_EXTENDED_MOST = 1 << 20


class BadArchive(ValueError):
    """An archive that is not whole, or whose members cannot be read in place."""


class Member:
    """A regular member, folder ("5"), link ("1", "2") or special file of an archive."""

    def __init__(self, name: bytes, kind: str, header: int, offset: int, size: int, check: int) -> None:
        self.name, self.kind = os.fsdecode(name), kind
        # The offsets of the first header and of the bytes, and the CRC-32 of the header before these.
        self.header, self.offset, self.size, self.check = header, offset, size, check


def scan(path: str) -> Iterator[Member]:
    """Yield the members of an archive. Raises BadArchive."""
    with open(path, "rb") as file:
        scanner = _Scanner(path, file)
        while (member := scanner.next()) is not None:
            yield member


class _Scanner:
    def __init__(self, path: str, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.size = os.fstat(file.fileno()).st_size
        self.at = 0
        self.common: dict[str, bytes] = {}

    def fail(self, at: int, message: str, name: bytes = b"") -> BadArchive:
        member = f"member {os.fsdecode(name)} " if name else ""
        return BadArchive(f"{self.path}: {member}at {at}: {message}")

    def read(self, count: int) -> bytes:
        self.file.seek(self.at)
        return self.file.read(count)

    def next(self) -> Optional[Member]:
        first, own, long_name, belongs = self.at, dict(self.common), b"", False
        while True:
            block = self.read(_BLOCK)
            if len(block) < _BLOCK:
                where = first if block or belongs else self.size
                raise self.fail(where, "the archive ends without the zero blocks that end a tar: it was cut short")
            if block == _ZEROS:
                if belongs:
                    raise self.fail(first, "the archive ends after a header that belongs to another member: it was cut short")
                self.end()
                return None
            if not _sums(block):
                what = "the header's checksum is wrong: the archive is damaged" if self.at else "this is not the header of a tar"
                raise self.fail(self.at, what)
            size = _number(block[124:136])
            if size is None:
                raise self.fail(first, f"the header has the size {block[124:136]!r}")
            kind = chr(block[156])
            self.at += _BLOCK
            if kind not in "xXgLK":
                return self.member(first, block, kind, size, own, long_name)
            if size > _EXTENDED_MOST or size > self.size - self.at:
                raise self.fail(first, "an extended header is too long, or the archive was cut short")
            data = self.read(size)
            self.at += -(-size // _BLOCK) * _BLOCK
            if kind == "L":
                long_name = data.split(b"\0")[0]
            elif kind != "K":
                try:
                    _records(data, own if kind != "g" else self.common)
                except ValueError as error:
                    raise self.fail(first, f"a PAX header is damaged: {error}") from error
                if kind == "g":
                    own.update(self.common)
            belongs = belongs or kind != "g"
            if not belongs:
                first = self.at

    def member(self, first: int, block: bytes, kind: str, size: int, own: Mapping[str, bytes], long_name: bytes) -> Member:
        name = own.get("path") or long_name or _name(block)
        if own.get("size"):
            size = int(own["size"])
        if kind == "S" or any(key.startswith("GNU.sparse.") for key in own):
            raise self.fail(first, "it is sparse: its bytes do not lie in one piece; write the archive without --sparse", name)
        if kind not in "\0" + "01234567DV":
            raise self.fail(first, f"it has the type {kind!r}, which is not known", name)
        if not name:
            raise self.fail(first, "a member has no name")
        if kind in "\0" + "7":
            kind = "5" if name.endswith(b"/") and kind == "\0" else "0"
        if kind in "123456":
            size = 0
        left = self.size - self.at
        if size > left:
            raise self.fail(first, f"it has {size} bytes, but the archive ends after {left} of them: it was cut short", name)
        member = Member(name, "5" if kind in "DV" else kind, first, self.at, size, zlib.crc32(block))
        self.at += -(-size // _BLOCK) * _BLOCK
        return member

    def end(self) -> None:
        zeros = self.at
        while rest := self.read(1 << 20):
            if rest.strip(b"\0"):
                raise self.fail(self.at, f"there is more behind the end of the archive at {zeros}, which programs pass over")
            self.at += len(rest)


def _sums(block: bytes) -> bool:
    """Return whether a header has the sum of its bytes. Old programs wrote the sum of signed bytes."""
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    try:
        return int(block[148:156].split(b"\0")[0].strip(b" ") or b"0", 8) in (unsigned, unsigned - 256 * sum(byte > 127 for byte in rest))
    except ValueError:
        return False


def _number(field: bytes) -> Optional[int]:
    if field[0] & 0x80:
        number = int.from_bytes(field[1:], "big")
        return number if field[0] == 0x80 and number < 1 << 63 else None
    try:
        return int(field.split(b"\0")[0].strip(b" ") or b"0", 8)
    except ValueError:
        return None


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0")[0]
    if block[257:263] != b"ustar\0":
        return name
    prefix = block[345 : 476 if block[508:512] == b"tar\0" else 500].split(b"\0")[0]
    return prefix + b"/" + name if prefix else name


def _records(data: bytes, into: dict[str, bytes]) -> None:
    while data and data[0]:
        length, space, _ = data[:21].partition(b" ")
        if not space or not length.isdigit() or int(length) > len(data) or data[int(length) - 1 : int(length)] != b"\n":
            raise ValueError("its records do not have the lengths that they say")
        key, equals, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        if not equals or not key or key == b"size" and not value.isdigit() or key == b"path" and b"\0" in value:
            raise ValueError(f"a record has {key!r} without a value that it can have")
        into[key.decode("utf-8", "replace")] = value
        data = data[int(length) :]


def samples(path: str, keys: Mapping[str, Union[str, list[str]]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (folder, key, {id: (file name, offset, size, check)}) for each sample of an archive: adjacent members with one key.

    The key is the path up to the first dot of its last name, as in webdataset. Raises BadArchive for members of a sample that are not
    adjacent, that come twice, that have no bytes or whose path leads out of the archive. Take all samples before you use one: a later
    member may show that an earlier sample is not whole.
    """
    ranks = {
        ext.lower().removeprefix("."): (name, rank)
        for name, exts in keys.items()
        for rank, ext in enumerate([exts] if isinstance(exts, str) else exts)
    }
    seen: dict[str, int] = {}
    current, folder, parts, best, twice = "", "", {}, {}, {}  # type: tuple[str, str, dict[str, Any], dict[str, int], dict[str, int]]
    for member in scan(path):
        base = member.name.rpartition("/")[2]
        stem, _, ext = base.partition(".")
        has_key = stem and ext and not _is_meta(member.name)
        wanted = ranks.get(ext.lower()) if has_key else None
        if member.kind == "5":
            continue
        key = member.name[: len(member.name) - len(base)] + stem
        if wanted is None:
            # Another sample's member ends the current one.
            if parts and member.kind == "0" and has_key and key != current:
                yield folder, current.rpartition("/")[2], parts
                parts = {}
            continue

        def fail(message: str, at: Member = member) -> BadArchive:
            return BadArchive(f"{path}: member {at.name} at {at.header}: {message}")

        if member.kind in "12":
            raise fail("it is a link, so it has no bytes of its own; write the archive with --dereference --hard-dereference")
        if member.kind != "0":
            raise fail("it is a device or a named pipe, and has no bytes")
        if key != current or not parts:
            if parts:
                yield folder, current.rpartition("/")[2], parts
            folder = posixpath.normpath("./" + key.rpartition("/")[0].lstrip("/"))
            if folder == ".." or folder.startswith("../"):
                raise fail("its path leads out of the archive")
            clean = posixpath.join(folder, stem)
            if clean in seen:
                raise fail(
                    f"another member of the sample {key} lies at {seen[clean]}, and others are between the two: "
                    "the members of a sample must be adjacent (tar --sort=name writes them so)"
                )
            seen[clean] = member.header
            current, parts, best, twice = key, {}, {}, {}
        if ext.lower() in twice:
            raise fail(f"the sample {key} has such a member already, at {twice[ext.lower()]}")
        twice[ext.lower()] = member.header
        name, rank = wanted
        if rank < best.get(name, len(ranks)):
            best[name] = rank
            parts[name] = (base, member.offset, member.size, member.check)
    if parts:
        yield folder, current.rpartition("/")[2], parts


def _is_meta(name: str) -> bool:
    """Return whether webdataset passes over a member as its own."""
    first = name.partition("/")[0]
    return len(first) >= 4 and first.startswith("__") and first.endswith("__")


def items(
    path: str, rel_dir: str, keys: Mapping[str, Union[str, list[str]]], required: list[str], as_bytes: bool, triplet: Any
) -> list[dict[str, Any]]:
    """Return the items of an archive in the folder rel_dir: those samples that have all required ids. `triplet` makes FileTriplets."""
    inside = posixpath.normpath(posixpath.join(rel_dir, posixpath.splitext(posixpath.basename(path))[0]))
    first = next(name for name in keys if name in required)
    made: list[dict[str, Any]] = []
    incomplete: list[str] = []
    for folder, key, parts in list(samples(path, keys)):
        if not all(name in parts for name in required):
            incomplete.append(posixpath.normpath(posixpath.join(path, folder, key)))
            continue
        below = posixpath.normpath(posixpath.join(inside, folder))
        place: dict[str, Any] = {"tar": path, **({"bytes": True} if as_bytes else {})}
        inputs: dict[str, Any] = {}
        for name in keys:
            inputs[f"input_{name}"] = None
            if name in parts:
                base, *spot = parts[name]
                inputs[f"input_{name}"] = triplet(posixpath.normpath(posixpath.join(path, folder)) + "/" + base, below, base)
                place[f"input_{name}"] = spot
        made.append({"input": inputs[f"input_{first}"], **inputs, "members": place})
    if incomplete:
        text = count_of(
            len(incomplete), "sample lacks a required member and is left out", "samples lack a required member and are left out; the first"
        )
        print(f"{text}: {incomplete[0]}", file=sys.stderr)
    return made
