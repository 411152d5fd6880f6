"""Reading folders."""

from __future__ import annotations

import os
from typing import Iterator, Optional, Sequence


def walk_sorted(root: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (folder, its files' names) below root: files by name, then sub-folders by name, depth first.

    Linked folders are not entered; links to files, dangling ones included, are files. A folder that cannot be read is
    left out.
    """
    for folder, folders, names in os.walk(root):
        folders.sort()
        yield folder, sorted(names)


def walk_files_of_dir(root: str, exts: Optional[Sequence[str]] = None) -> dict[str, list[str]]:
    """Map every folder below root, relative to it, to the sorted names of its files.

    With exts only names whose lower-cased form ends with one of them are kept.
    """
    endings = tuple(exts) if exts else None
    files: dict[str, list[str]] = {}
    for folder, names in walk_sorted(root):
        if endings:
            names = [name for name in names if name.lower().endswith(endings)]
        files[os.path.relpath(folder, root)] = names
    return files
