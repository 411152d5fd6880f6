"""Reading lists of items: files with an item or a path a line, plain or compressed. ``-`` is stdin."""

from __future__ import annotations

import glob
import importlib
import json
import os
import sys
import zlib
from contextlib import nullcontext
from typing import Any, BinaryIO, Callable, ContextManager, Iterator, Sequence, Union

from .._count import count_of

# How compressed data begins.
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

# The modules that read Zstandard: Python's own since 3.14, and packages.
_ZSTD_MODULES = ("compression.zstd", "backports.zstd", "zstandard")

# What Windows begins a text with.
_MARK = b"\xef\xbb\xbf"

_CHUNK = 256 << 10

# The most bytes in a line: a file without line ends must not fill the memory.
_LONGEST_LINE = 32 << 20


class _Damaged(ValueError):
    pass


def json_lines(path: str) -> Iterator[Any]:
    """Yield the JSON value of each line of a file; empty lines are left out. Errors name the file and the line."""
    for number, line in enumerate(records(path, b"\n", "a JSON Lines file has one item on each line"), 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line.decode())
        except ValueError as error:
            raise ValueError(f"{path}:{number}: the line is not JSON: {error}") from error


def listed_paths(path: str, nul: bool, input_path: Union[str, Sequence[str], None]) -> Iterator[tuple[str, str, str]]:
    """Yield (path, rel_dir, file_name) for each path in a file, one a line or before each NUL.

    Paths start from the working folder. rel_dir is relative to input_path, or to the working folder without one. A file elsewhere
    keeps its whole folder, so that no two have one output.
    """
    folders = [input_path or "."] if input_path is None or isinstance(input_path, str) else _folders(input_path)
    bases = [os.path.abspath(folder).rstrip("/") + "/" for folder in folders]
    far, first_far = 0, ""
    for number, line in enumerate(records(path, b"\0" if nul else b"\n", _LISTS), 1):
        if nul and number == 1 and b"\n" in line and not line.endswith(b"\0"):
            raise ValueError(f"{path}: no path in it ends with a NUL: leave out -0 (nul: true)")
        name = line.removesuffix(b"\0") if nul else line.removesuffix(b"\n").removesuffix(b"\r")
        if not name:
            continue
        if b"\0" in name:
            raise ValueError(f"{path}:{number}: the line has a zero byte: is it a list for -0 (nul: true)?")
        text = os.fsdecode(name)
        if name[:1] == b"{" and name[-1:] == b"}" and not os.path.lexists(name):
            raise ValueError(
                f"{path}:{number}: the line looks like a JSON object, and no such path exists: "
                "--manifest reads a list of those, in place of --files-from"
            )
        folder, file_name = os.path.split(os.path.abspath(text))
        if not file_name:
            raise ValueError(f"{path}:{number}: the line is the root folder, which has no name")
        folder = f"/{folder.strip('/')}/" if folder.strip("/") else "/"
        base = next((base for base in bases if folder.startswith(base)), None)
        if base is not None:
            rel_dir = folder[len(base) :]
        else:
            rel_dir = folder.lstrip("/")
            far, first_far = far + 1, first_far or text
        yield text[:1] + text[1:].rstrip("/"), rel_dir.rstrip("/") or ".", file_name
    if far:
        say = count_of(
            far,
            "input of the list lies outside of the input folder, so its output has its whole path below the output folder",
            "inputs of the list lie outside of the input folder, so their outputs have their whole paths below the output folder;"
            " the first",
        )
        print(f"{say}: {first_far}", file=sys.stderr)


def _folders(entries: Sequence[str]) -> list[str]:
    """Return the folders of a list of them; an entry that does not exist may be a pattern."""
    return [path for entry in entries for path in (sorted(glob.glob(entry)) if not os.path.exists(entry) else [entry])]


_LISTS = "a list has one path a line"


def _opened(path: str) -> ContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb")


def records(path: str, end: bytes, hint: str) -> Iterator[bytes]:
    """Yield the records of a file with their ends; the last may have none. Errors name the file and the record.

    The hint is what a record should be.
    """
    number = 1
    begun: list[bytes] = []
    size = 0
    with _opened(path) as file:
        try:
            for chunk in _unpacked(file, path):
                head, found, rest = chunk.partition(end)
                begun.append(head)
                size += len(head)
                if size > _LONGEST_LINE:
                    raise _Damaged(f"the line is longer than {_LONGEST_LINE >> 20} MiB; {hint}")
                if not found:
                    continue
                whole = [b"".join(begun), *rest.split(end)]
                begun = [whole.pop()]
                size = len(begun[0])
                for record in whole:
                    yield (record.removeprefix(_MARK) if number == 1 else record) + end
                    number += 1
        except _Damaged as error:
            raise ValueError(f"{path}:{number}: {error}") from error
    if size:
        record = b"".join(begun)
        yield record.removeprefix(_MARK) if number == 1 else record


def _unpacked(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file in chunks. How it begins tells whether it is compressed."""
    chunk = file.read(_CHUNK)
    if chunk.startswith(_GZIP) or path.endswith(".gz") and _GZIP.startswith(chunk):
        yield from _decompressed(file, chunk, "gzip", lambda: zlib.decompressobj(wbits=31))
    elif chunk.startswith(_ZSTD) or path.endswith(".zst") and _ZSTD.startswith(chunk):
        yield from _decompressed(file, chunk, "Zstandard", _zstd())
    else:
        yield chunk
        while chunk := file.read(_CHUNK):
            yield chunk


def _decompressed(file: BinaryIO, chunk: bytes, form: str, make: Callable[[], Any]) -> Iterator[bytes]:
    """Yield the content of compressed data, which may be several streams one after the other."""
    stream = make()
    while chunk:
        while chunk:
            stream = stream or make()
            try:
                content = stream.decompress(chunk)
            except Exception as error:
                raise _Damaged(f"the {form} data is damaged: {error}") from error
            yield content
            chunk = b""
            if stream.eof:
                chunk, stream = stream.unused_data, None
        chunk = file.read(_CHUNK)
    if stream is not None:
        raise _Damaged(f"the {form} data ends too early: the file was cut off, or is still being written")


def _zstd() -> Callable[[], Any]:
    for name in _ZSTD_MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if name == "zstandard":
            return lambda: module.ZstdDecompressor().decompressobj()
        return lambda: module.ZstdDecompressor()
    raise _Damaged("the file is compressed with Zstandard, which Python reads since 3.14; for this one, pip install backports.zstd")
