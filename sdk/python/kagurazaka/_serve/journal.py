"""Direct outputs: a worker notes what it has begun, so that what it never concluded is not taken for finished.

docs/protocol.md has the formats, docs/design/outputs.md the reasons.
"""

from __future__ import annotations

import errno
import fcntl
import inspect
import mmap
import os
import posixpath
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Iterable, Optional
from zlib import crc32

from .failures import InvalidOutput
from .unwritten import Unwritten

MAGIC = b"KGZPAGE1"
WHERE, BEAT, OWNER, NOTES, SIZE = 8, 16, 64, 4096, 64 << 10
PREFIX = "page-"
# Behind this, notes have no room any more: a path has at most 4,096 bytes.
_LIMIT = SIZE - 3 * 4096
_RECORD = struct.Struct("<QB3sI")
_MARK = b"KGU"
BEGUN, CONCLUDED = ord("+"), ord("-")
BEAT_EVERY_S, BEAT_AGE_S = 10.0, 300.0
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class OpenElsewhere(ConnectionError):
    """Another run is working on the output."""


def key_of(path: bytes) -> int:
    """What an output is known by: CRC-32 and FNV-1a of its path relative to the root."""
    low = 0x811C9DC5
    for byte in path:
        low = (low ^ byte) * 0x01000193 & 0xFFFFFFFF
    return crc32(path) << 32 | low


class Journal:
    """A worker's page, and the file of unfinished outputs. It is for one thread."""

    def __init__(self, direct: Any, makes_folder: bool) -> None:
        self.direct = direct
        self.makes_folder = makes_folder
        self.root = posixpath.join(direct.root, "")
        self.field = direct.field
        self.keys: set[int] = set()
        # Upper halves of the keys, at least: what is not among them is not unfinished.
        self.crcs: set[int] = set()
        self.file = -1
        self.read = 0
        self.unwritten = Unwritten(makes_folder)
        # The page, mapped or not, and where the next note goes.
        self.fd = -1
        self.page: Any = None
        self.at = NOTES
        # What a batch has begun.
        self.begun: list[bytes] = []
        self.flags = os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_DSYNC if direct.synced else 0)
        if direct.page:
            self._open(direct.page)
        self.refresh()

    def _open(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | self.flags)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        if os.pread(self.fd, len(MAGIC), 0) != MAGIC:
            raise ValueError(f"{path} is not a page of this version")
        if self.direct.mapped:
            self.page = mmap.mmap(self.fd, SIZE)
        # Whatever the task starts holds the page alive: it may still be writing when this process is dead.
        os.set_inheritable(self.fd, True)
        _hand_down(self.fd)
        threading.Thread(target=self._beat, args=(os.fstat(self.fd),), name="kagurazaka-page", daemon=True).start()

    def _beat(self, page: os.stat_result) -> None:
        """Say to other machines that this process lives, for as long as the page is open."""
        count = 0
        while True:
            time.sleep(BEAT_EVERY_S)
            count += 1
            try:
                # The task may have closed it, and opened a file of its own under that number.
                if not os.path.samestat(os.fstat(self.fd), page):
                    return
                os.pwrite(self.fd, count.to_bytes(8, "little"), BEAT)
            except OSError:
                return

    # -------------------------------------------------------------------------------------------------- notes

    def relative(self, path: str) -> str:
        """What the journal calls an output: its path behind the root, cleaned."""
        if path.startswith(self.root):
            path = path[len(self.root) :].lstrip("/")
        path = posixpath.normpath(path)
        return path[1:] if path.startswith("//") else path

    def note_of(self, path: str) -> bytes:
        """An output as it is noted: its name, its end, and the end of the notes."""
        return self.relative(path).encode("utf-8", "surrogateescape") + b"\0\0"

    def begin(self, note: bytes) -> None:
        """Note the item that is begun; what was noted for the one before is forgotten."""
        at = self.at
        if at + len(note) > SIZE:
            raise OSError(errno.ENAMETOOLONG, "the output's path is too long to be noted")
        if self.page is not None:
            self.page[at : at + len(note)] = note
        elif self.fd >= 0:
            os.pwrite(self.fd, note, at)

    def clear(self) -> None:
        """Forget what is noted: the item is concluded."""
        if self.page is not None:
            self.page[self.at] = 0
        elif self.fd >= 0:
            os.pwrite(self.fd, b"\0", self.at)

    def done(self, note: bytes, path: str) -> None:
        """The item that is noted is done."""
        # Unwritten.look, without the call of it for each item.
        unwritten = self.unwritten
        if unwritten.left:
            unwritten.left -= 1
            unwritten.last = path
        elif not os.access(path, os.F_OK):
            unwritten.miss(path)
        elif unwritten.misses:
            unwritten.hit()
        if crc32(note[:-2]) in self.crcs:
            self.conclude(note[:-2])

    def conclude(self, path: bytes) -> None:
        """Say that an output is no longer unfinished, if it was."""
        key = key_of(path)
        if key in self.keys:
            self._append(CONCLUDED, [key])

    def fail(self, note: bytes) -> None:
        """The item that is noted has failed: it is unfinished."""
        try:
            self._append(BEGUN, [key_of(note[:-2])])
        except OSError as error:
            # On a full disk, say. Then the page says so: the next note goes behind this one.
            self.at += len(note) - 1
            if self.at > _LIMIT:
                print(f"kagurazaka: {self.direct.unfinished} cannot be written, and the page is full: {error}", file=sys.stderr, flush=True)
                os._exit(1)

    def run(self, outputs: dict[str, Any], work: Callable[[], Any]) -> Any:
        """Work on one item that has these outputs."""
        path = outputs[self.field].path
        note = self.note_of(path)
        self.begin(note)
        try:
            made = work()
            self.done(note, path)
        except BaseException as error:
            self.fail(note)
            wrong = misfit(error, outputs["output"].path, self.makes_folder)
            if wrong is not None:
                raise wrong from error
            raise
        finally:
            self.clear()
        return made

    # -------------------------------------------------------------------------------------------------- batches

    def begin_batch(self, paths: Iterable[str]) -> None:
        """Note all outputs of a batch, behind those of batches that are not ended."""
        self.begun += [self.relative(path).encode("utf-8", "surrogateescape") for path in paths]
        self._rewrite()

    def end_batch(self, done: Iterable[str], failed: Iterable[str]) -> None:
        """Conclude the outputs of a batch."""
        ended: set[bytes] = set()
        for path in done:
            name = self.relative(path).encode("utf-8", "surrogateescape")
            ended.add(name)
            if crc32(name) in self.crcs:
                self.conclude(name)
        left = [self.relative(path).encode("utf-8", "surrogateescape") for path in failed]
        if left:
            try:
                self._append(BEGUN, [key_of(name) for name in left])
                ended.update(left)
            except OSError:
                pass  # the page goes on saying so
        self.begun = [name for name in self.begun if name not in ended]
        try:
            self._rewrite()
        except OSError:
            pass  # the page says more than is so

    def _rewrite(self) -> None:
        """Write the notes where the page does not point yet, and then point there: who reads it finds the old ones or the
        new ones."""
        if self.fd < 0:
            return
        text = b"".join(name + b"\0" for name in self.begun) + b"\0"
        where = int.from_bytes(os.pread(self.fd, 8, WHERE), "little")
        to = NOTES
        if where < NOTES + len(text):
            to = where + len(self._noted(where))
        view, at = memoryview(text), to
        while view:
            written = os.pwrite(self.fd, view, at)
            view, at = view[written:], at + written
        os.pwrite(self.fd, to.to_bytes(8, "little"), WHERE)

    def _noted(self, where: int) -> bytes:
        data = b""
        while True:
            part = os.pread(self.fd, 1 << 16, where + len(data))
            data += part
            end = 1 if data[:1] in (b"", b"\0") else data.find(b"\0\0") + 2
            if end > 1 or not part or data[:1] == b"\0":
                return data[:end] if end > 1 else data[:1]

    # -------------------------------------------------------------------------------------------------- unfinished

    def refresh(self) -> None:
        """Read what was appended to the file of unfinished outputs."""
        if self.file >= 0:
            try:
                found = os.fstat(self.file)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
                self._forget()
                return self.refresh()
            if found.st_nlink == 0:
                self._forget()
            elif found.st_size - found.st_size % _RECORD.size <= self.read:
                return
        if self.file < 0:
            try:
                self.file = os.open(self.direct.unfinished, os.O_RDWR | os.O_APPEND | self.flags)
            except FileNotFoundError:
                return
        self._rest()

    def _forget(self) -> None:
        os.close(self.file)
        self.file, self.read = -1, 0
        self.keys.clear()
        self.crcs.clear()

    def _rest(self) -> None:
        size = os.fstat(self.file).st_size
        size -= size % _RECORD.size
        while self.read < size:
            data = os.pread(self.file, min(size - self.read, 1 << 24), self.read)
            data = data[: len(data) - len(data) % _RECORD.size]
            if not data:
                return
            self.read += len(data)
            for at, (key, operation, mark, check) in zip(range(0, len(data), _RECORD.size), _RECORD.iter_unpack(data)):
                if mark != _MARK or crc32(data[at : at + 12]) != check:
                    continue
                if operation == BEGUN:
                    self.keys.add(key)
                elif operation == CONCLUDED:
                    self.keys.discard(key)
        self.crcs = {key >> 32 for key in self.keys}

    def _append(self, operation: int, keys: list[int]) -> None:
        """Write records. They are in the file when it returns."""
        data = b""
        for key in keys:
            body = _RECORD.pack(key, operation, _MARK, 0)[:12]
            data += body + crc32(body).to_bytes(4, "little")
        while True:
            if self.file < 0:
                try:
                    self.file = os.open(self.direct.unfinished, os.O_RDWR | os.O_APPEND | os.O_CREAT | self.flags, 0o600)
                except FileNotFoundError:
                    return  # the folder was removed, and what it said with it
            locked = _lock(self.file)
            try:
                found = os.fstat(self.file)
                if found.st_nlink:
                    torn = found.st_size % _RECORD.size
                    if torn:
                        os.ftruncate(self.file, found.st_size - torn)
                    if os.write(self.file, data) != len(data):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    self._rest()
                    return
            finally:
                if locked:
                    fcntl.flock(self.file, fcntl.LOCK_UN)
            self._forget()

    # -------------------------------------------------------------------------------------------------- finished

    def whole(self, path: str) -> bool:
        """Whether an output that exists is finished. OpenElsewhere: another run is working on it."""
        name = self.relative(path).encode("utf-8", "surrogateescape")
        dead = self._noted_elsewhere(name)
        self.refresh()
        return not dead and not (crc32(name) in self.crcs and key_of(name) in self.keys)

    def _noted_elsewhere(self, name: bytes) -> bool:
        folder = os.path.dirname(self.direct.unfinished)
        try:
            pages = os.listdir(folder)
        except FileNotFoundError:
            return False
        dead = False
        for page in pages:
            if not page.startswith(PREFIX) or page.startswith(self.direct.run):
                continue
            try:
                fd = os.open(os.path.join(folder, page), os.O_RDWR | self.flags)
            except OSError:
                continue
            try:
                head = os.pread(fd, NOTES, 0)
                where = int.from_bytes(head[WHERE : WHERE + 8], "little")
                if head[: len(MAGIC)] != MAGIC or name not in _texts(fd, where):
                    continue
                if self._alive(fd):
                    raise OpenElsewhere(f"another run is working on {os.fsdecode(name)}: the next run looks at it again")
                dead = True
            finally:
                os.close(fd)
        return dead

    def _alive(self, fd: int) -> bool:
        """Whether a page of this machine is held, or one of another was written to lately. In doubt it is alive."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(fd, fcntl.LOCK_UN)
        if _of_this_boot(fd):
            return False
        now = time.time()
        if self.fd >= 0:
            # The file system's own clock, which is another machine's perhaps.
            os.pwrite(self.fd, b"\0", BEAT)
            now = os.fstat(self.fd).st_mtime
        return now - os.fstat(fd).st_mtime < BEAT_AGE_S


def _texts(fd: int, where: int) -> list[bytes]:
    data = b""
    while True:
        part = os.pread(fd, 1 << 16, where + len(data))
        data += part
        if not part or data[:1] == b"\0" or b"\0\0" in data:
            break
    return [] if data[:1] == b"\0" else data.partition(b"\0\0")[0].split(b"\0")


def _of_this_boot(fd: int) -> bool:
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read().strip()
    except OSError:
        return False
    return boot in os.pread(fd, NOTES - OWNER, OWNER)


def _lock(fd: int) -> bool:
    """Wait for a file's lock; False where there are none."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


_handed_down: list[int] = []


def _hand_down(fd: int) -> None:
    """Let programs that subprocess starts inherit a descriptor, whatever they are told to close."""
    _handed_down[:] = [fd]
    own: Any = subprocess.Popen._execute_child  # type: ignore[attr-defined]
    if hasattr(own, "_kagurazaka_own"):
        return
    names = list(inspect.signature(own).parameters)
    if names[5:6] != ["pass_fds"]:
        return

    def execute_child(self: Any, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, *rest: Any) -> Any:
        return own(self, args, executable, preexec_fn, close_fds, (*pass_fds, *_handed_down), *rest)

    execute_child._kagurazaka_own = own  # type: ignore[attr-defined]
    subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]


def misfit(error: BaseException, path: str, folder: bool) -> Optional[InvalidOutput]:
    """What is wrong with an output where an exception says no more than that there is a folder for a file, or a file for a
    folder."""
    kind = FileExistsError if folder else IsADirectoryError
    if isinstance(error, kind) and os.path.isdir(path) != folder:
        return InvalidOutput(path, folder)
    return None
