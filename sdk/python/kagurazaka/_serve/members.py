"""Inputs that are members of tar archives: as files that only memory holds, or as bytes. Nothing is unpacked."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
import zlib
from typing import Any, Callable

from ..template.io import FileTriplet
from ..template.io import _triplet as triplet

# The item's field that says where its members are, and the capability. See docs/protocol.md, "Members of archives".
FIELD = "members"
_HEADER = 512
# The number of archives that stay open, and the longest name of a file.
_OPEN, _NAME = 8, 255


class Reader:
    """Calls a function with items whose members are read. Other items are passed on as they are."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.archives: dict[str, int] = {}
        # The folder of this process's files, and how many items had some.
        self.folder, self.process, self.made = "", 0, 0

    def __reduce__(self) -> Any:
        return Reader, (self.call,)

    def __call__(self, **item: Any) -> Any:
        place = _pop(item)
        if place is None:
            return self.call(**item)
        if place.get("bytes"):
            for name, spot in place.items():
                if type(spot) is list:
                    item[name] = self._read(place["tar"], name, spot)
            return self.call(**item)
        held = _Files(self._folder())
        try:
            new = {}
            for name, spot in place.items():
                if type(spot) is list:
                    old = triplet(item[name])
                    path = held.add(old.file_name, self._read(place["tar"], name, spot))
                    item[name] = new[old.path] = FileTriplet(path, old.rel_dir, old.file_name)
            # The input is one of the others, too.
            item["input"] = new.get(item["input"].path, item["input"])
            return self.call(**item)
        finally:
            held.remove()

    def _folder(self) -> str:
        if self.process != os.getpid():
            parent = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or None
            self.folder, self.process = tempfile.mkdtemp(prefix="members-", dir=parent), os.getpid()
            weakref.finalize(self, _remove, self.folder, self.process)
        self.made += 1
        folder = os.path.join(self.folder, str(self.made))
        os.mkdir(folder, 0o700)
        return folder

    def _read(self, tar: str, name: str, spot: Any) -> bytes:
        offset, size, check = spot
        try:
            archive = self._archive(tar)
            header = os.pread(archive, _HEADER, offset - _HEADER)
            # The header of the listing shows that the bytes are the same member's still.
            if len(header) < _HEADER or zlib.crc32(header) != check:
                raise ValueError("the archive has changed since it was listed")
            data = os.pread(archive, size, offset)
            while len(data) < size:
                more = os.pread(archive, size - len(data), offset + len(data))
                if not more:
                    raise ValueError("the archive has changed since it was listed: it ends in these bytes")
                data += more
            return data
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"reading {name}, {size} bytes at {offset} of {tar}: {why}") from error

    def _archive(self, path: str) -> int:
        archive = self.archives.pop(path, None)
        if archive is None:
            archive = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            if len(self.archives) == _OPEN:
                os.close(self.archives.pop(next(iter(self.archives))))
        self.archives[path] = archive
        return archive


def _pop(item: dict[str, Any]) -> Any:
    """Remove and return where an item's members are; None: it has none. A field of this name without an archive is the user's own."""
    place = item.get(FIELD)
    return item.pop(FIELD) if type(place) is dict and type(place.get("tar")) is str else None


def names(**item: Any) -> dict[str, Any]:
    """Return an item without the places of its members: their names are left."""
    _pop(item)
    return {name: triplet(value) if name.startswith("input_") else value for name, value in item.items()}


def named(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls another with items whose members are not read."""
    return lambda **item: call(**names(**item))


def _remove(folder: str, process: int) -> None:
    # A forked process has the reader, too.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


class _Files:
    """The files of one item."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.paths: list[str] = []
        self.nameless: list[int] = []

    def add(self, name: str, data: bytes) -> str:
        """Make a file and return its path. Its memory is freed with this process, however that ends."""
        # The end of a name tells what is in the file.
        path = os.path.join(self.folder, os.fsdecode(os.fsencode(name)[-_NAME:]))
        self.paths.append(path)
        if not hasattr(os, "memfd_create"):
            with open(path, "xb") as named_file:
                named_file.write(data)
            return path
        file = os.memfd_create("kagurazaka-member", os.MFD_CLOEXEC)
        self.nameless.append(file)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.symlink(f"/proc/{os.getpid()}/fd/{file}", path)
        return path

    def remove(self) -> None:
        for file in self.nameless:
            os.close(file)
        for path in self.paths:
            with contextlib.suppress(OSError):
                os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
