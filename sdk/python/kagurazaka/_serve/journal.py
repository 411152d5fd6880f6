"""Direct outputs: a worker notes the outputs that it begins, so that half-written ones do not count as finished.

docs/protocol.md describes the formats, docs/design/outputs.md the reasons.
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
# The last offset at which a note may begin: a path has at most 4,096 bytes.
_LIMIT = SIZE - 3 * 4096
_RECORD = struct.Struct("<QB3sI")
_MARK = b"KGU"
BEGUN, CONCLUDED = ord("+"), ord("-")
BEAT_EVERY_S, BEAT_AGE_S = 10.0, 300.0
# The time between checks that the worker's page is still at its path.
_ATTEND_EVERY_S = 0.02
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class OpenElsewhere(ConnectionError):
    """Another run is working on the output."""


def key_of(path: bytes) -> int:
    """Return an output's key: CRC-32 and FNV-1a of its path relative to the root."""
    low = 0x811C9DC5
    for byte in path:
        low = (low ^ byte) * 0x01000193 & 0xFFFFFFFF
    return crc32(path) << 32 | low


class Journal:
    """A worker's page, and the file of unfinished outputs. Only one thread may use it."""

    def __init__(self, direct: Any, makes_folder: bool) -> None:
        self.direct = direct
        self.makes_folder = makes_folder
        self.root = posixpath.join(direct.root, "")
        self.field = direct.field
        # The offset of each unfinished output's last record in the file of unfinished outputs.
        self.keys: dict[int, int] = {}
        # The upper halves of the keys, and possibly more: an output that is not among them is not unfinished.
        self.crcs: set[int] = set()
        # The file that was read, and how far. It is never kept open: a task may close any descriptor, and open another file
        # under its number.
        self.file: Any = None
        self.read = 0
        self.unwritten = Unwritten(makes_folder)
        # The page, mapped or not, and where the next note goes.
        self.fd = -1
        self.found: Any = None
        self.due = 0.0 if direct.page else math.inf
        self.page: Any = None
        self.at = NOTES
        # The names of the outputs that batches have begun.
        self.begun: list[bytes] = []
        self.flags = os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_DSYNC if direct.synced else 0)
        if direct.page:
            self._open(direct.page)
        self.refresh()

    def _open(self, path: str) -> None:
        self._hold()
        if os.pread(self.fd, len(MAGIC), 0) != MAGIC:
            raise ValueError(f"{path} is not a page of outputs of this version")
        if self.direct.mapped:
            self.page = mmap.mmap(self.fd, SIZE)
        threading.Thread(target=self._beat, name="kagurazaka-page", daemon=True).start()

    def _hold(self) -> None:
        """Open the page and keep it alive by a lock."""
        self.fd = os.open(self.direct.page, os.O_RDWR | self.flags)
        self.found = os.fstat(self.fd)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        # Programs that the task starts keep the page alive, too: they may still write when this process is dead.
        os.set_inheritable(self.fd, True)
        _hand_down(self.fd)

    def _held(self) -> bool:
        """Return whether the descriptor is still the page's: the task may have closed it, and opened another file under its number."""
        try:
            return os.path.samestat(os.fstat(self.fd), self.found)
        except OSError:
            return False

    def attend(self) -> None:
        """End this worker if its page is no longer at its path: nobody would read its notes."""
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
        print("kagurazaka: the output folder was removed or replaced: another worker continues", file=sys.stderr, flush=True)
        os._exit(1)

    def _beat(self) -> None:
        """Show other machines that this process lives."""
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
        """Return an output's name in the journal: its path relative to the root, cleaned."""
        if path.startswith(self.root):
            path = path[len(self.root) :].lstrip("/")
        path = posixpath.normpath(path)
        return path[1:] if path.startswith("//") else path

    def note_of(self, path: str) -> bytes:
        """Return an output's note: its name, its end, and the end of the notes."""
        return self.name_of(path) + b"\0\0"

    def name_of(self, path: str) -> bytes:
        """Return an output's name in the journal, as bytes."""
        return self.relative(path).encode("utf-8", "surrogateescape")

    def begin(self, note: bytes) -> None:
        """Note the item that begins. This replaces the note of the one before. Raises OSError."""
        at = self.at
        if at + len(note) > SIZE:
            raise OSError(errno.ENAMETOOLONG, "the output's path is too long")
        self._put(note, at)

    def _put(self, text: bytes, at: int) -> None:
        if self.page is not None:
            self.page[at : at + len(text)] = text
        elif self.fd >= 0:
            if not self._held():
                self.attend()
            os.pwrite(self.fd, text, at)

    def clear(self) -> None:
        """Clear the note: the item is concluded."""
        self._put(b"\0", self.at)

    def done(self, note: bytes, path: str) -> None:
        """Conclude the noted item, which is done."""
        # Unwritten.look, inlined to save a call for each item.
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
        """Record that an output is no longer unfinished, if it was."""
        key = key_of(path)
        if key in self.keys:
            try:
                self._append(CONCLUDED, [key])
            except (FileNotFoundError, NotADirectoryError):
                pass  # the folder was removed, with its records

    def replaced(self, path: str) -> None:
        """Record that an output was renamed into place, and is complete."""
        self.conclude(self.name_of(path))

    def fail(self, note: bytes) -> None:
        """Record that the noted item has failed, so its output is unfinished."""
        try:
            self._append(BEGUN, [key_of(note[:-2])])
        except (FileNotFoundError, NotADirectoryError):
            # The folder was removed, with its records. If the output exists, a worker with a page has to do the item again.
            if self.fd >= 0 and os.path.lexists(os.path.join(os.fsencode(self.root), note[:-2])):
                self._leave()
        except OSError as error:
            # For example, on a full disk. The note stays on the page, and the next one follows it.
            self.at += len(note) - 1
            if self.at > _LIMIT:
                print(f"kagurazaka: {self.direct.unfinished} cannot be written, and the page is full: {error}", file=sys.stderr, flush=True)
                os._exit(1)

    def run(self, outputs: dict[str, Any], work: Callable[[], Any]) -> Any:
        """Run the work of one item with these outputs."""
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
        """Note all outputs of a batch, after those of batches that have not ended."""
        self.begun += [self.name_of(path) for path in paths]
        self._rewrite()

    def end_batch(self, done: Iterable[str], failed: Iterable[str]) -> None:
        """Conclude the outputs of a batch."""
        ended = {self.name_of(path) for path in done}
        for name in ended:
            if crc32(name) in self.crcs:
                self.conclude(name)
        left = [self.name_of(path) for path in failed]
        if left:
            try:
                self._append(BEGUN, [key_of(name) for name in left])
                ended.update(left)
            except OSError:
                pass  # the notes stay on the page
        self.begun = [name for name in self.begun if name not in ended]
        try:
            self._rewrite()
        except OSError:
            pass  # some notes too many stay on the page

    def _rewrite(self) -> None:
        """Write the notes where the page does not point, and then point there: a reader finds either the old notes or the
        new ones."""
        if self.fd < 0:
            return
        self.attend()
        text = b"".join(name + b"\0" for name in self.begun) + b"\0"
        where = int.from_bytes(os.pread(self.fd, 8, WHERE), "little")
        to = NOTES
        if where < NOTES + len(text):
            to = where + len(_notes(self.fd, where))
        view, at = memoryview(text), to
        while view:
            written = os.pwrite(self.fd, view, at)
            view, at = view[written:], at + written
        os.pwrite(self.fd, to.to_bytes(8, "little"), WHERE)

    # -------------------------------------------------------------------------------------------------- unfinished

    def refresh(self) -> None:
        """Read the records that were appended to the file of unfinished outputs."""
        self.attend()
        try:
            found = os.stat(self.direct.unfinished, follow_symlinks=False)
            if self.file is not None and os.path.samestat(found, self.file) and found.st_size < self.read + _RECORD.size:
                return
            fd = self._unfinished(0)
        except (FileNotFoundError, NotADirectoryError):
            self._forget()
            return
        try:
            self._rest(fd)
        finally:
            os.close(fd)

    def _unfinished(self, how: int) -> int:
        """Open the file of unfinished outputs, without following links. Raises OSError if kagurazaka did not write the file."""
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
        """Append records. They are in the file when this returns."""
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
                        # Another worker may have begun it since, and not concluded it.
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
        """Return whether an existing output is finished. Raises OpenElsewhere if another run is working on it."""
        name = self.name_of(path)
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
                if head[: len(MAGIC)] != MAGIC or name not in _notes(fd, where).split(b"\0"):
                    continue
                if self._alive(fd):
                    raise OpenElsewhere(f"another run is working on {os.fsdecode(name)}: the next run checks it again")
                dead = True
            finally:
                os.close(fd)
        return dead

    def _alive(self, fd: int) -> bool:
        """Return whether a page of this machine is locked, or one of another was written to lately. In doubt it is alive."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(fd, fcntl.LOCK_UN)
        if _of_this_boot(fd):
            return False
        now = time.time()
        if self.fd >= 0:
            # Use the file system's clock, which may be another machine's.
            os.pwrite(self.fd, b"\0", BEAT)
            now = os.fstat(self.fd).st_mtime
        return now - os.fstat(fd).st_mtime < BEAT_AGE_S


def _notes(fd: int, where: int) -> bytes:
    """Return the notes of a page from an offset on, with their end: an empty name."""
    data = b""
    while part := os.pread(fd, 1 << 16, where + len(data)):
        data += part
        if data[:1] == b"\0":
            return data[:1]
        if (end := data.find(b"\0\0")) >= 0:
            return data[: end + 2]
    return data


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
    """Wait for a file's lock. Returns False if the file system has no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


# The descriptors that programs which this process starts always inherit.
handed_down: list[int] = []


def _hand_down(fd: int) -> None:
    """Let programs that subprocess starts inherit a descriptor, also with close_fds."""
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
    """Return an InvalidOutput for an exception that means a folder in place of a file, or a file in place of a folder;
    None for any other."""
    kind = FileExistsError if folder else IsADirectoryError
    if isinstance(error, kind) and os.path.isdir(path) != folder:
        return InvalidOutput(path, folder)
    return None
