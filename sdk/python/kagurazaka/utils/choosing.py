"""Choosing files: filters of InputByExts, and patterns in which ** stands for any number of folders."""

from __future__ import annotations

import datetime
import fnmatch
import glob
import os
import re
import time
from typing import Iterator, Optional, Sequence, Union

from .io import OURS, is_special, warn_of_special

Size = Union[int, str, None]

_DEEP = "**"
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Filter:
    """Which files of a listing are kept."""

    def __init__(
        self, recursive: bool, ignore: Union[Sequence[str], str, None], min_size: Size, max_size: Size, newer_than: Optional[str]
    ) -> None:
        self.recursive = recursive
        patterns = [ignore] if isinstance(ignore, str) else list(ignore or ())
        for pattern in patterns:
            if not pattern.strip("/") or pattern.startswith("!"):
                raise ValueError(f"ignore: {pattern!r} is no pattern: it must match a name, and none takes back another")
        self._names = [(p.rstrip("/"), p.endswith("/")) for p in patterns if "/" not in p.rstrip("/")]
        self._paths = [(p.strip("/").split("/"), p.endswith("/")) for p in patterns if "/" in p.rstrip("/")]
        self._least = size_of(min_size, "min_size") or 0
        self._most = size_of(max_size, "max_size")
        self._after = time_of(newer_than)
        self._folders: dict[str, bool] = {".": False}

    def __bool__(self) -> bool:
        """Return whether anything is left out."""
        return bool(not self.recursive or self._names or self._paths or self._examines)

    @property
    def _examines(self) -> bool:
        return self._least > 0 or self._most is not None or self._after is not None

    def keeps(self, path: str, rel_dir: str, name: str) -> bool:
        """Return whether a file is kept."""
        if rel_dir != "." and (not self.recursive or self._leaves(rel_dir)):
            return False
        if self._matches(rel_dir, name, False):
            return False
        if not self._examines:
            return True
        try:
            info = os.stat(path)
        except OSError:
            return False
        fits = self._least <= info.st_size and (self._most is None or info.st_size <= self._most)
        return fits and (self._after is None or info.st_mtime > self._after)

    def _leaves(self, folder: str) -> bool:
        """Return whether a folder, or one that it lies in, is left out."""
        known = self._folders.get(folder)
        if known is None:
            above, name = os.path.split(folder)
            known = self._folders[folder] = self._leaves(above or ".") or self._matches(above or ".", name, True)
        return known

    def _matches(self, rel_dir: str, name: str, is_folder: bool) -> bool:
        if any(_fits(name, pattern) for pattern, folders in self._names if is_folder or not folders):
            return True
        if not self._paths:
            return False
        names = [*(rel_dir.split("/") if rel_dir != "." else ()), name]
        return any(_match_path(steps, names) for steps, folders in self._paths if is_folder or not folders)


def _fits(name: str, pattern: str) -> bool:
    return name == pattern if not glob.has_magic(pattern) else fnmatch.fnmatchcase(name, pattern)


def _match_path(steps: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether steps match all names; ** is any number of them."""
    if not steps or not names:
        return not steps and not names
    if steps[0] == _DEEP:
        return len(steps) == 1 or _match_path(steps[1:], names) or _match_path(steps, names[1:])
    return _fits(names[0], steps[0]) and _match_path(steps[1:], names[1:])


def size_of(value: Size, field: str) -> Optional[int]:
    """Return a size as a number of bytes."""
    if value is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(?:I?B)?\s*", str(value).upper())
    if found is None:
        raise ValueError(f"{field} is {value!r}: it must be a number of bytes, such as 800M or 4G")
    return int(float(found[1]) * (1 << _UNITS[found[2]]))


def time_of(text: Optional[str]) -> Optional[float]:
    """Return the seconds since 1970 of a time, or of an age before now."""
    if text is None:
        return None
    age = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if age:
        return time.time() - float(age[1]) * _SECONDS[age[2]]
    try:
        # Python before 3.11 reads no Z.
        return datetime.datetime.fromisoformat(re.sub("Z$", "+00:00", text)).timestamp()
    except ValueError:
        raise ValueError(
            f"newer_than is {text!r}: it must be a time such as 2026-01-31 or 2026-01-31T08:00, or an age such as 36h or 7d"
        ) from None


def glob_deep(pattern: str) -> list[str]:
    """Return the paths that match a pattern in which ** stands for any number of folders: those in a folder by name, then those in
    its folders, each path once. Hidden folders and links are not entered by a **.
    """
    names = pattern.split("/")
    at = names.index(_DEEP)
    head, steps = "/".join(names[:at]), names[at:]
    if not steps[-1] or ".." in steps or "." in steps:
        raise ValueError(f"glob_pattern: {pattern} has a slash at its end, or goes up or stays behind a **: take that out")
    if pattern.startswith("/"):
        head = head or "/"
    roots = sorted(glob.glob(head), key=lambda path: path.split("/")) if glob.has_magic(head) else [head]
    special: list[str] = []
    found = [path for root in roots for path in _walk(root, steps, _with_next(steps, {0}), special)]
    warn_of_special(special)
    return found


def roots_of(entries: Sequence[str], enters: bool) -> list[str]:
    """Return the folders that a list names: what has the name of an entry, or else the folders that match it as a pattern, by name.

    A folder that comes again is left out. enters: what is in folders of a root is listed, so no root may lie in another.
    """
    roots: dict[str, str] = {}
    for entry in entries:
        found = [entry]
        if glob.has_magic(entry) and not os.path.exists(entry):
            found = sorted((path for path in glob.glob(entry) if os.path.isdir(path)), key=lambda path: path.split("/"))
            if not found:
                raise ValueError(f"input_path: {entry}: no folder matches")
        for root in found:
            real = os.path.realpath(root)
            if not os.path.isdir(real):
                raise ValueError(f"input_path: {root}: there is no such folder")
            for other, outer in roots.items():
                inner = root if real.startswith(other.rstrip("/") + "/") else outer if other.startswith(real.rstrip("/") + "/") else ""
                if enters and inner:
                    raise ValueError(
                        f"input_path: {inner} lies in {outer if inner == root else root}, which is listed as well, so its files would be"
                        " listed twice"
                    )
            roots.setdefault(real, root)
    return list(roots.values())


def _with_next(steps: Sequence[str], at: set[int]) -> set[int]:
    """Add to the steps that may come next those behind each **, which may stand for no folder."""
    for i in range(len(steps) - 1):
        if i in at and steps[i] == _DEEP:
            at.add(i + 1)
    return at


def _walk(folder: str, steps: Sequence[str], at: set[int], special: list[str]) -> Iterator[str]:
    matches: list[tuple[str, bool]] = []
    below: list[tuple[str, set[int]]] = []
    last = len(steps) - 1
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.name in OURS:
                    continue
                hits = {i for i in at if _lists(entry.name, steps[i])}
                if entry.is_dir(follow_symlinks=False):
                    after = {i if steps[i] == _DEEP else i + 1 for i in hits if steps[i] == _DEEP or i < last}
                    if after:
                        below.append((entry.name, _with_next(steps, after)))
                if last in hits:
                    # The folder's entry has the type, so a regular file needs no stat.
                    matches.append((entry.name, entry.is_file(follow_symlinks=False)))
    except OSError:
        return
    for name, is_file in sorted(matches):
        path = os.path.join(folder, name)
        if not is_file and is_special(path):
            special.append(path)
        else:
            yield path
    for name, after in sorted(below, key=lambda entry: entry[0]):
        yield from _walk(os.path.join(folder, name), steps, after, special)


def _lists(name: str, step: str) -> bool:
    if step == _DEEP:
        return not name.startswith(".")
    if not glob.has_magic(step):
        return name == step
    return (step.startswith(".") or not name.startswith(".")) and fnmatch.fnmatchcase(name, step)
