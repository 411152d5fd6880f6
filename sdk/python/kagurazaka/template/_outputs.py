"""Checks where the outputs of listed items lie, for templates that run in Python. The host does this for all others.

The checks cover only items from a file's lines or from folders. Items from a user's task or input mode are not checked.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Optional

from .._count import count_of
from ..utils.io import OURS
from . import _options, _state, io

Items = list[dict[str, Any]]


class OutputElsewhere(Exception):
    """An item's output would lie at a forbidden path, so the item is not begun."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class OneOutputTwice(ValueError):
    """Two lines of a file would write one output."""


def reads_lines(template: Any) -> bool:
    """Return whether the items are lines of a file, or of several modes, and a built-in mode makes their outputs."""
    return _method(template.input_mode, "generate_tasks") in _LINES and is_built_in(template.output_mode)


def reads_folders(mode: Any, output_mode: Any) -> bool:
    """Return whether an input mode lists all that lies in folders, and a built-in mode makes the outputs."""
    return _method(mode, "generate_tasks") in _FOLDERS and is_built_in(output_mode)


def lists_folder(mode: Any) -> bool:
    """Return whether a built-in method lists what lies in a folder."""
    return _method(mode, "generate_tasks") in io._ENTERS


def enters_folders(mode: Any) -> bool:
    """Return whether an input mode lists folders with all that lies in them."""
    return lists_folder(mode) and io._ENTERS[_method(mode, "generate_tasks")](mode)


def filters(mode: Any) -> bool:
    """Return whether an input mode may leave out some of the files that it finds."""
    own = "generate_tasks" in getattr(mode, "__dict__", {})
    return not own and _method(mode, "generate_tasks") is _FOLDERS[0] and bool(_options.given(mode))


def merges(mode: Any) -> bool:
    """Return whether an input mode lists the items of others."""
    return _method(mode, "generate_tasks") is _MERGE


# The methods as they were imported: a task file may replace them.
_MERGE = io.InputByMerge.generate_tasks
_FOLDER_ITEMS = io.InputByFilenameSubfoldering.generate_tasks
_FOLDERS = (io.InputByExts.generate_tasks, io.InputByGroup.generate_tasks, _FOLDER_ITEMS)
_LINES = (
    *(mode.generate_tasks for mode in (io.InputFromFileTripletJsonl, io.InputFromWhateverJsonl, io.InputFromList)),
    _MERGE,
)
_BUILT_IN = tuple(mode.get_output_params for mode in (io.OutputByApendingExt, io.OutputByReplacingExt, io.OutputByFilenameSubfoldering))


def _method(mode: Any, name: str) -> Any:
    return getattr(type(mode), name, None)


def is_built_in(mode: Any) -> bool:
    """Return whether the outputs are made by a built-in mode."""
    return _method(mode, "get_output_params") in _BUILT_IN


def check(output_path: str, source: Any, output: Any) -> None:
    """Raise OutputElsewhere for an output of a line that leaves the output folder."""
    path = _absolute(output.path)
    root = _absolute(output_path)
    inside = _below(path, root) or _below(path, os.path.realpath(root))
    if any(name in OURS for name in (inside or path).split("/")):
        raise OutputElsewhere(output.path, f"its output {output.path} would lie in a folder that kagurazaka keeps for itself")
    if inside or _state.outputs_outside or _leads_up(source):
        return
    raise OutputElsewhere(
        output.path,
        f"its output {output.path} would lie outside of the output folder {output_path}; --outputs-outside allows that",
    )


def _absolute(path: str) -> str:
    return "/" + os.path.abspath(path).lstrip("/")


def _below(path: str, root: str) -> str:
    """Return the path relative to the folder root; empty if it is not below that."""
    start = root.rstrip("/") + "/"
    return path[len(start) :] if path.startswith(start) else ""


def _leads_up(source: Any) -> bool:
    """Return whether a mode of kagurazaka 0.1.1 writes such a line, for a listing that goes up from its input folder: there is
    a folder from which rel_dir leads to the file."""
    names = source.rel_dir.split("/")
    rest = names[:]
    while rest and rest[0] == "..":
        del rest[0]
    if len(rest) == len(names) or any(name in ("", ".", "..") for name in rest):
        return False
    folder, name = os.path.split(_absolute(source.path))
    return bool(name) and name == source.file_name and (not rest or folder.endswith("/" + "/".join(rest)))


def repeated(items: Items, output_of: Callable[[dict[str, Any]], Any], merged: bool) -> set[int]:
    """Return the positions of items that repeat an earlier one. Raises OneOutputTwice if two different items have one output.
    merged: the modes of a merge may write one path in several ways."""
    first: dict[str, int] = {}
    again: set[int] = set()
    for i, item in enumerate(items):
        if not isinstance(item.get("input"), io.FileTriplet):
            continue
        path = _absolute(output_of(item).path)
        other = first.setdefault(path, i)
        if other == i:
            continue
        if items[other] != item and not (merged and _cleaned(items[other]) == _cleaned(item)):
            raise OneOutputTwice(
                f"two inputs would write one output {path}: {items[other]['input'].path} and {item['input'].path}; "
                "hint: another output mode keeps them apart, or leave one of them out"
            )
        again.add(i)
    if again:
        text = count_of(
            len(again), "item repeats an earlier one and is left out", "items repeat an earlier one and are left out; the first"
        )
        _warn(f"{text}: {items[min(again)]['input'].path}")
    return again


def _cleaned(item: dict[str, Any]) -> dict[str, Any]:
    return {
        name: io.FileTriplet(os.path.normpath(value.path), value.rel_dir, value.file_name) if isinstance(value, io.FileTriplet) else value
        for name, value in item.items()
    }


def without_outputs(items: Items, input_path: str, output_path: str, mode: Any, input_mode: Any, others: Items) -> Items:
    """Return the items without those whose names are outputs of others, if the output folder lies in the input folder.

    others are the items of other input folders, whose outputs lie there as well."""
    at = os.path.relpath(os.path.realpath(output_path), os.path.realpath(input_path))
    if _state.list_outputs or at == ".." or at.startswith("../"):
        return items
    of_folders = _method(input_mode, "generate_tasks") is _FOLDER_ITEMS
    if isinstance(mode, io.OutputByFilenameSubfoldering):
        left = _folder_outputs(items, at, of_folders, others)
    elif of_folders:
        return items  # an output is a file
    else:
        left = _file_outputs(items, at, mode, others)
    kept = [item for item, out in zip(items, left) if not out]
    if len(kept) < len(items):
        example = items[left.index(True)]["input"].path
        text = count_of(
            len(items) - len(kept),
            "output of another input lies in the input folder and is left out",
            "outputs of other inputs lie in the input folder and are left out; the first",
        )
        _warn(f"{text}: {example} (--list-outputs takes them for inputs)")
    return kept


def _source_folder(rel_dir: str, at: str) -> Optional[str]:
    """Return the folder whose outputs the folder rel_dir would hold, or None."""
    if at == ".":
        return rel_dir
    if rel_dir == at:
        return "."
    return rel_dir[len(at) + 1 :] if rel_dir.startswith(at + "/") else None


def _file_outputs(items: Items, at: str, mode: Any, others: Items) -> list[bool]:
    ext = mode.ext
    replaces = isinstance(mode, io.OutputByReplacingExt)

    def common(name: str) -> str:
        return os.path.splitext(name)[0] if replaces else name

    sources = {(item["input"].rel_dir, common(item["input"].file_name)) for item in others} | {
        (item["input"].rel_dir, common(item["input"].file_name))
        for item in items
        # A file that would be its own output is not a source.
        if not (at == "." and common(item["input"].file_name) + ext == item["input"].file_name)
    }

    def is_output(item: dict[str, Any]) -> bool:
        folder, name = _source_folder(item["input"].rel_dir, at), item["input"].file_name
        return folder is not None and name.endswith(ext) and (folder, name[: len(name) - len(ext)]) in sources

    return [is_output(item) for item in items]


def _folder_outputs(items: Items, at: str, of_folders: bool, others: Items) -> list[bool]:
    sources = {os.path.normpath(os.path.join(item["input"].rel_dir, item["input"].file_name)) for item in [*items, *others]}

    def is_output(item: dict[str, Any]) -> bool:
        folder = _source_folder(item["input"].rel_dir, at)
        if of_folders and folder is not None:
            folder = os.path.normpath(os.path.join(folder, item["input"].file_name))
        while folder and folder != "." and at != ".":
            if folder in sources:
                return True
            folder = os.path.dirname(folder)
        return False

    return [is_output(item) for item in items]


def _warn(text: str) -> None:
    print(text, file=sys.stderr)
