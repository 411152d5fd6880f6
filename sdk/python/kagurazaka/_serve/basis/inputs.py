"""The inputs of a description besides its own file, each with its state as defined in docs/protocol.md."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, Mapping, Optional

from ..._proto import plugin_pb2 as pb


class Unrecordable(Exception):
    """An input cannot be recorded: its name is not UTF-8."""


class Inputs:
    """The inputs, in the order in which they were read first. All methods that record raise Unrecordable."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.sources: dict[str, None] = {}
        self._states: dict[tuple[Any, str], str] = {}

    def messages(self) -> list[Any]:
        """Return the Input messages."""
        return [pb.Input(kind=kind, name=name, state=state) for (kind, name), state in self._states.items()]

    def variables(self) -> list[str]:
        """Return the names of the recorded variables."""
        return [name for kind, name in self._states if kind == pb.INPUT_KIND_VARIABLE]

    def source(self, path: str) -> None:
        """Record a file of the task's own code."""
        if not os.path.isabs(path):
            self.working_folder()
        self.sources.setdefault(_text(os.path.abspath(path)))

    def variable(self, name: str) -> Optional[str]:
        """Record an environment variable, and return its value when the file was loaded."""
        value = self.environment.get(name)
        self._record(pb.INPUT_KIND_VARIABLE, name, "" if value is None else _hash(os.fsencode(value)))
        return value

    def file(self, path: str) -> None:
        """Record a file that was read."""
        try:
            found = os.stat(path or ".")
            state = f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
        except (OSError, ValueError):
            state = ""
        self._record(pb.INPUT_KIND_FILE, path, state)

    def presence(self, path: str) -> str:
        """Record whether a path exists. Returns the state."""
        try:
            mode = os.stat(path or ".").st_mode
            state = "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
        except (OSError, ValueError):
            state = ""
        self._record(pb.INPUT_KIND_PRESENCE, path, state)
        return state

    def folder(self, path: str) -> None:
        """Record the names in a folder."""
        try:
            state = _hash(b"/".join(sorted(os.listdir(os.fsencode(path or ".")))))
        except (OSError, ValueError):
            state = ""
        self._record(pb.INPUT_KIND_FOLDER, path, state)

    def real_path(self, path: str) -> str:
        """Record the path without links, and return it; empty if it does not exist."""
        try:
            found = os.path.realpath(path, strict=True)
        except (OSError, ValueError):
            found = ""
        self._record(pb.INPUT_KIND_REAL_PATH, path, _hash(os.fsencode(found)) if found else "")
        return found

    def working_folder(self) -> str:
        """Record the working folder, and return it."""
        return self.real_path("")

    def _record(self, kind: Any, name: str, state: str) -> None:
        self._states.setdefault((kind, _text(name)), state)


def _text(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise Unrecordable(f"the name {name!a} is not UTF-8") from None
    return name


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
