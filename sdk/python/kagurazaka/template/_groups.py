"""Items of several files, for the input modes that list them in Python."""

from __future__ import annotations

import os
import sys
from typing import Any, Iterator, Mapping, Optional, Sequence, Union

from .._count import count_of
from ..utils.io import OURS, is_special

# The files of an item: a name for each id, None for one that is absent.
Names = dict[str, Optional[str]]

# The number of incomplete groups that a warning names.
_NAMED = 3


class Grouping:
    """Tells which groups of files are items. It counts those that are not, and names them at the end."""

    def __init__(self, root: str, ids: Sequence[str], required: Optional[Sequence[str]]) -> None:
        self.root = root
        self.ids = list(ids)
        self.required = self.ids if required is None else [required] if isinstance(required, str) else list(required)
        self.incomplete: list[str] = []
        self.incomplete_count = 0
        self.surplus: list[str] = []

    @property
    def first(self) -> str:
        """The id of the file that is the item's input as well."""
        return next(id for id in self.ids if id in self.required)

    def complete(self, rel_dir: str, name: str, files: Names) -> bool:
        """Return whether the item has all required files."""
        absent = [id for id in self.ids if id in self.required and files[id] is None]
        if absent:
            self.incomplete_count += 1
            if len(self.incomplete) < _NAMED:
                path = os.path.normpath(os.path.join(self.root, rel_dir, name))
                self.incomplete.append(f"{path} (no {', no '.join(absent)})")
        return not absent

    def warn(self) -> None:
        """Print what was left out."""
        if self.incomplete:
            text = count_of(
                self.incomplete_count, "incomplete group of files is left out", "incomplete groups of files are left out; the first"
            )
            print(f"{text}: {', '.join(self.incomplete)}", file=sys.stderr)
        if self.surplus:
            text = count_of(
                len(self.surplus),
                "file is left out, because its item has another file for the same id",
                "files are left out, because their items have other files for the same ids; the first",
            )
            print(f"{text}: {self.surplus[0]}", file=sys.stderr)


def extensions(files: Mapping[str, Union[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Return the extensions of each id, in lower case."""
    return {id: [ext.lower() for ext in ([exts] if isinstance(exts, str) else exts)] for id, exts in files.items()}


def by_stem(grouping: Grouping, rel_dir: str, names: Sequence[str], exts: dict[str, list[str]]) -> Iterator[Names]:
    """Yield the items among the files of one folder, by stem."""
    groups: dict[str, list[tuple[int, int, str]]] = {}
    for name in names:
        lower = name.lower()
        fitting = [
            (len(ext), member, rank)
            for member, of_id in enumerate(exts.values())
            for rank, ext in enumerate(of_id)
            if len(name) > len(ext) and lower.endswith(ext)
        ]
        if fitting:
            size, member, rank = max(fitting)
            groups.setdefault(name[: len(name) - size], []).append((member, rank, name))
    for stem in sorted(groups):
        files: Names = dict.fromkeys(grouping.ids)
        for member, _, name in sorted(groups[stem]):
            id = grouping.ids[member]
            taken = files[id]
            if taken is None:
                files[id] = name
            else:
                grouping.surplus.append(f"{os.path.normpath(os.path.join(grouping.root, rel_dir, name))} beside {taken}")
        if grouping.complete(rel_dir, stem, files):
            yield files


def by_folder(grouping: Grouping, names: dict[str, str]) -> Iterator[tuple[str, str, Names]]:
    """Yield (rel_dir, name, files) for each folder below the root that is an item: a folder's items by name, then those in its
    folders, depth first. Linked folders are not entered."""
    waiting = ["."]
    while waiting:
        rel_dir = waiting.pop()
        deeper = []
        for folder in _folders(os.path.join(grouping.root, rel_dir)):
            path = os.path.join(grouping.root, rel_dir, folder)
            files: Names = {id: name if _is_file(os.path.join(path, name)) else None for id, name in names.items()}
            if any(files.values()) and grouping.complete(rel_dir, folder, files):
                yield rel_dir, folder, files
            if any(name not in names.values() for name in _folders(path)):
                deeper.append(os.path.normpath(os.path.join(rel_dir, folder)))
        waiting.extend(reversed(deeper))


def _is_file(path: str) -> bool:
    # A link that leads nowhere is a file, as for the other modes.
    return os.path.lexists(path) and not is_special(path)


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name not in OURS)
    except OSError:
        return []


def restore(item: Any, triplet: Any) -> Any:
    """Return an item of a merge with its input and its files as triplets, where they are JSON objects that represent one."""
    if not isinstance(item, dict):
        return item
    return {name: triplet(value) if name == "input" or name.startswith("input_") else value for name, value in item.items()}
