"""Reading lists of items: files with an item a line, plain or compressed."""

from __future__ import annotations

import importlib
import json
import zlib
from typing import Any, BinaryIO, Callable, Iterator

# How compressed data begins.
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

# The modules that read Zstandard: Python's own since 3.14, and packages.
_ZSTD_MODULES = ("compression.zstd", "backports.zstd", "zstandard")

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


def records(path: str, end: bytes, hint: str) -> Iterator[bytes]:
    """Yield the records of a file without their ends. Errors name the file and the record; the hint is what a record should be."""
    number = 1
    begun: list[bytes] = []
    size = 0
    with open(path, "rb") as file:
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
                    yield record
                    number += 1
        except _Damaged as error:
            raise ValueError(f"{path}:{number}: {error}") from error
    if size:
        yield b"".join(begun)


def _unpacked(file: BinaryIO, path: str) -> Iterator[bytes]:
    """Yield the bytes of a file in chunks. How it begins tells whether it is compressed."""
    chunk = file.read(_CHUNK)
    if chunk.startswith(_GZIP) or path.endswith(".gz") and _GZIP.startswith(chunk):
        yield from _decompressed(file, chunk, "gzip", lambda: zlib.decompressobj(wbits=31))
    elif chunk.startswith(_ZSTD) or path.endswith(".zst") and _ZSTD.startswith(chunk):
        yield from _decompressed(file, chunk, "Zstandard", _zstd())
    else:
        yield chunk.removeprefix(b"\xef\xbb\xbf")
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
