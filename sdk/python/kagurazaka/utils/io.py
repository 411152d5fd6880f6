"""Reading folders."""

from __future__ import annotations

import os
import stat
import sys
from typing import Iterator, Optional, Sequence, Union

from .._count import count_of

# Folders that kagurazaka keeps for itself below an output folder.
OURS = (".kagurazaka", ".kagurazaka-staging", ".kagurazaka-tar")


def walk_sorted(root: str, special: Optional[list[str]] = None) -> Iterator[tuple[str, list[str]]]:
    """Yield (folder, its files' names) for root and every folder below it: files by name, then sub-folders by name, depth first.

    Linked folders are not entered; links to files, dangling ones included, are files. Folders that cannot be read are
    skipped, and so are named pipes, sockets and devices, whose paths are added to `special`.
    """
    waiting = [os.fspath(root)]
    while waiting:
        folder = waiting.pop()
        folders: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    # The folder's entry has the type, so a regular file needs no stat.
                    if entry.is_file(follow_symlinks=False):
                        names.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        if entry.name not in OURS:
                            folders.append(entry.name)
                    elif is_special(entry.path):
                        if special is not None:
                            special.append(entry.path)
                    elif not os.path.isdir(entry.path):
                        names.append(entry.name)
        except OSError:
            continue
        yield folder, sorted(names)
        waiting.extend(os.path.join(folder, name) for name in sorted(folders, reverse=True))


def walk_files_of_dir(root: str, exts: Union[Sequence[str], str, None] = None) -> dict[str, list[str]]:
    """Return the files of root and every folder below it, in the order of walk_sorted: a folder relative to root -> its files' names.

    exts keeps only names that, in lower case, end with one of them. Empty or None: every name. A string is one extension.
    """
    endings = tuple([exts] if isinstance(exts, str) else exts) if exts else ("",)
    special: list[str] = []
    files = {}
    for folder, names in walk_sorted(root, special):
        files[os.path.relpath(folder, root)] = [name for name in names if name.lower().endswith(endings)]
    warn_of_special([path for path in special if path.lower().endswith(endings)])
    return files


def special_of(folder: str) -> list[str]:
    """Return the paths of a folder's named pipes, sockets and devices; empty if it cannot be read."""
    try:
        with os.scandir(folder or ".") as entries:
            return [
                os.path.join(folder, entry.name)
                for entry in entries
                if not (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)) and is_special(entry.path)
            ]
    except OSError:
        return []


def is_special(path: str) -> bool:
    """Return whether a path leads to a named pipe, a socket or a device: reading one may block for ever."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def warn_of_special(paths: Sequence[str]) -> None:
    """Print one warning about the named pipes, sockets and devices that a listing has skipped."""
    if paths:
        text = count_of(
            len(paths),
            "named pipe, socket or device matches by name and is left out",
            "named pipes, sockets or devices match by name and are left out; the first",
        )
        print(f"{text}: {paths[0]}", file=sys.stderr)
