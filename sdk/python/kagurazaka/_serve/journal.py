"""Direct outputs: a worker notes what it has begun, so that what it never concluded is not taken for finished.

docs/protocol.md has the formats, docs/design/outputs.md the reasons.
"""

from __future__ import annotations

import errno
import fcntl
import inspect
import math
import mmap
import os
import posixpath
import stat
import struct
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Iterable, NoReturn, Optional
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
# How often a worker looks whether its page is where others look for it.
_ATTEND_EVERY_S = 0.02
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
        # Where in the file of unfinished outputs each of them was noted last.
        self.keys: dict[int, int] = {}
        # Upper halves of the keys, at least: what is not among them is not unfinished.
        self.crcs: set[int] = set()
        # Which file was read, and how far. It is never kept open: a task may close any descriptor, and open a file of its own
        # under that number.
        self.file: Any = None
        self.read = 0
        self.unwritten = Unwritten(makes_folder)
        # The page, mapped or not, and where the next note goes.
        self.fd = -1
        self.found: Any = None
        self.due = 0.0 if direct.page else math.inf
        self.page: Any = None
        self.at = NOTES
        # What a batch has begun.
        self.begun: list[bytes] = []
        self.flags = os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_DSYNC if direct.synced else 0)
        if direct.page:
            self._open(direct.page)
        self.refresh()

    def _open(self, path: str) -> None:
        self._hold()
        if os.pread(self.fd, len(MAGIC), 0) != MAGIC:
            raise ValueError(f"{path} is not a page of this version")
        if self.direct.mapped:
            self.page = mmap.mmap(self.fd, SIZE)
        threading.Thread(target=self._beat, name="kagurazaka-page", daemon=True).start()

    def _hold(self) -> None:
        """Open the page and hold it alive."""
        self.fd = os.open(self.direct.page, os.O_RDWR | self.flags)
        self.found = os.fstat(self.fd)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        # Whatever the task starts holds the page alive: it may still be writing when this process is dead.
        os.set_inheritable(self.fd, True)
        _hand_down(self.fd)

    def _held(self) -> bool:
        """Whether the descriptor is still the page's: the task may have closed it, and opened a file of its own under that number."""
        try:
            return os.path.samestat(os.fstat(self.fd), self.found)
        except OSError:
            return False

    def attend(self) -> None:
        """End this worker if its page is not where others look for it: what it notes would tell nobody."""
        if self.fd < 0:
            return
        self.due = time.monotonic() + _ATTEND_EVERY_S
        try:
            there = os.stat(self.direct.page, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            self._leave()
        except OSError:
            return  # the outputs cannot be written either
        if not os.path.samestat(there, self.found):
            self._leave()
        if not self._held():
            self._hold()
            if not os.path.samestat(there, self.found):
                self._leave()

    def _leave(self) -> NoReturn:
        print("kagurazaka: the output folder was removed or replaced: this worker ends, another one goes on", file=sys.stderr, flush=True)
        os._exit(1)

    def _beat(self) -> None:
        """Say to other machines that this process lives."""
        count = 0
        while True:
            time.sleep(BEAT_EVERY_S)
            count += 1
            try:
                fd = os.open(self.direct.page, os.O_WRONLY | self.flags)
                try:
                    if os.path.samestat(os.fstat(fd), self.found):
                        os.pwrite(fd, count.to_bytes(8, "little"), BEAT)
                finally:
                    os.close(fd)
            except OSError:
                pass

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
        self._put(note, at)

    def _put(self, text: bytes, at: int) -> None:
        if self.page is not None:
            self.page[at : at + len(text)] = text
        elif self.fd >= 0:
            if not self._held():
                self.attend()
            os.pwrite(self.fd, text, at)

    def clear(self) -> None:
        """Forget what is noted: the item is concluded."""
        self._put(b"\0", self.at)

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
            try:
                self._append(CONCLUDED, [key])
            except (FileNotFoundError, NotADirectoryError):
                pass  # the folder was removed, and what it said with it

    def replaced(self, path: str) -> None:
        """An output was renamed into place: it is whole, whatever was there before."""
        self.conclude(self.relative(path).encode("utf-8", "surrogateescape"))

    def fail(self, note: bytes) -> None:
        """The item that is noted has failed: it is unfinished."""
        try:
            self._append(BEGUN, [key_of(note[:-2])])
        except (FileNotFoundError, NotADirectoryError):
            # The folder was removed, and what it said with it. What is there has to be done again by a worker that has a page.
            if self.fd >= 0 and os.path.lexists(os.path.join(os.fsencode(self.root), note[:-2])):
                self._leave()
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
        if time.monotonic() >= self.due:
            self.attend()
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
        self.attend()
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
        self.attend()
        try:
            found = os.stat(self.direct.unfinished, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            self._forget()
            return
        if self.file is not None and os.path.samestat(found, self.file) and found.st_size < self.read + _RECORD.size:
            return
        try:
            fd = self._unfinished(0)
        except FileNotFoundError:
            self._forget()
            return
        try:
            self._rest(fd)
        finally:
            os.close(fd)

    def _unfinished(self, how: int) -> int:
        """Open the file of unfinished outputs. It must be one that this program wrote, and reached through no link."""
        folder = os.lstat(os.path.dirname(self.direct.unfinished))
        if not stat.S_ISDIR(folder.st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.direct.unfinished)
        fd = os.open(self.direct.unfinished, os.O_RDWR | os.O_APPEND | how | self.flags, 0o600)
        try:
            found = os.fstat(fd)
            first = os.pread(fd, _RECORD.size, 0)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or (len(first) == _RECORD.size and first[9:12] != _MARK):
                raise OSError(errno.EPERM, "is not a file that kagurazaka wrote: move it away", self.direct.unfinished)
        except BaseException:
            os.close(fd)
            raise
        if self.file is None or not os.path.samestat(found, self.file):
            self._forget()
            self.file = found
        return fd

    def _forget(self) -> None:
        self.file, self.read = None, 0
        self.keys.clear()
        self.crcs.clear()

    def _rest(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        size -= size % _RECORD.size
        while self.read < size:
            data = os.pread(fd, min(size - self.read, 1 << 24), self.read)
            data = data[: len(data) - len(data) % _RECORD.size]
            if not data:
                return
            for at, (key, operation, mark, check) in zip(range(0, len(data), _RECORD.size), _RECORD.iter_unpack(data)):
                if mark != _MARK or crc32(data[at : at + 12]) != check:
                    continue
                if operation == BEGUN:
                    self.keys[key] = self.read + at
                elif operation == CONCLUDED:
                    self.keys.pop(key, None)
            self.read += len(data)
        self.crcs = {key >> 32 for key in self.keys}

    def _append(self, operation: int, keys: list[int]) -> None:
        """Write records. They are in the file when it returns."""
        while True:
            known = {key: self.keys.get(key) for key in keys}
            fd = self._unfinished(os.O_CREAT)
            try:
                locked = _lock(fd)
                try:
                    found = os.fstat(fd)
                    if not found.st_nlink:
                        continue
                    torn = found.st_size % _RECORD.size
                    if torn:
                        os.ftruncate(fd, found.st_size - torn)
                    self._rest(fd)
                    if operation == CONCLUDED:
                        # Somebody else may have begun it since, and not concluded it.
                        keys = [key for key in keys if known[key] is not None and self.keys.get(key) == known[key]]
                    data = b"".join(_record(operation, key) for key in keys)
                    if os.write(fd, data) != len(data):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    self._rest(fd)
                    return
                finally:
                    if locked:
                        fcntl.flock(fd, fcntl.LOCK_UN)
            finally:
                os.close(fd)

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


def _record(operation: int, key: int) -> bytes:
    body = _RECORD.pack(key, operation, _MARK, 0)[:12]
    return body + crc32(body).to_bytes(4, "little")


def _lock(fd: int) -> bool:
    """Wait for a file's lock; False where there are none."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


# What programs that this process starts inherit, whatever they are told to close.
handed_down: list[int] = []


def _hand_down(fd: int) -> None:
    """Let programs that subprocess starts inherit a descriptor, whatever they are told to close."""
    handed_down[:] = [fd]
    own: Any = subprocess.Popen._execute_child  # type: ignore[attr-defined]
    if hasattr(own, "_kagurazaka_own"):
        return
    names = list(inspect.signature(own).parameters)
    if names[5:6] != ["pass_fds"]:
        return

    def execute_child(self: Any, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, *rest: Any) -> Any:
        return own(self, args, executable, preexec_fn, close_fds, (*pass_fds, *handed_down), *rest)

    execute_child._kagurazaka_own = own  # type: ignore[attr-defined]
    subprocess.Popen._execute_child = execute_child  # type: ignore[attr-defined]


def misfit(error: BaseException, path: str, folder: bool) -> Optional[InvalidOutput]:
    """What is wrong with an output where an exception says no more than that there is a folder for a file, or a file for a
    folder."""
    kind = FileExistsError if folder else IsADirectoryError
    if isinstance(error, kind) and os.path.isdir(path) != folder:
        return InvalidOutput(path, folder)
    return None
