"""Staged outputs: they are written aside and renamed into place once the item is done."""

from __future__ import annotations

import errno
import os
import shutil
from typing import Any, Callable, Sequence

from ..template.io import FileTriplet
from .copying import copy_over
from .failures import InvalidOutput
from .items import is_output
from .unwritten import Unwritten
from .watch import watch


class Stager:
    """A worker's staging folder, used for one item after another."""

    def __init__(self, folder: str, makes_folder: bool, last: list[str]) -> None:
        self.folder = os.path.abspath(folder)
        self.makes_folder = makes_folder
        self.last = last
        self._target = ""
        self._last_names: Any = ()
        self.unwritten = Unwritten(makes_folder)
        self._watch = watch(self.folder)
        # touched(0) is true if there may be something to commit.
        self.touched: Callable[[float], Any] = _always if self._watch is None else self._watch.touched

    def can_take(self, outputs: dict[str, Any]) -> bool:
        """Return whether these outputs can be staged: all are files in one folder, or in the folder `output`."""
        root = outputs.get("output")
        parent = ""
        for name, value in outputs.items():
            if not is_output(name) or not isinstance(value, FileTriplet):
                continue
            if self.makes_folder and root is not None and _inside(value.path, root.path):
                continue
            here = os.path.dirname(value.path)
            # A user's mode that has made a folder for the item needs it filled in place.
            if (parent and here != parent) or (not self.makes_folder and os.path.isdir(value.path)):
                return False
            parent = here
        return True

    def begin(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Return the same outputs with paths in the staging folder."""
        staged = dict(outputs)
        root = outputs.get("output")
        if type(root) is FileTriplet and not self.makes_folder and not any(name[:7] == "output_" for name in outputs):
            # Most tasks write one file. The general way below costs several times as much.
            self._target, _, base = root.path.rpartition("/")
            if not self._target:
                self._target = "/" if root.path[:1] == "/" else "."
            self._last_names = (base,)
            staged["output"] = FileTriplet(self.folder + "/" + base, root.rel_dir, root.file_name)
            return staged
        self._last_names = set()
        target = None
        for name, value in outputs.items():
            if type(value) is not FileTriplet or not is_output(name):
                continue
            if self.makes_folder and root is not None and (value is root or _inside(value.path, root.path)):
                base = os.path.basename(root.path)
                path = os.path.join(self.folder, base)
                target = os.path.dirname(root.path)
                if value is root:
                    os.mkdir(path)
                else:
                    path += value.path[len(root.path) :]
                if name in self.last:
                    self._last_names.add(os.path.relpath(path, self.folder))
            else:
                base = os.path.basename(value.path)
                path = self.folder + "/" + base
                if target is None:
                    target = os.path.dirname(value.path)
                if name in self.last:
                    self._last_names.add(base)
            staged[name] = FileTriplet(path, value.rel_dir, value.file_name)
        self._target = target or "."
        return staged

    def commit(self) -> bool:
        """Rename the written files into place, last the one that a finish check looks for. Returns whether that was written."""
        if self.touched(0):
            return self._commit()
        if self.last:
            self._look(())
        return False

    def into(self, folder: str) -> None:
        """Set the folder of the following outputs, which commit_file commits one after another."""
        self._target = folder

    def commit_file(self, name: str) -> None:
        """Commit an item whose output has this name, after touched(0) was true."""
        self._last_names = (name,)
        self._commit()

    def miss_file(self, name: str) -> None:
        """Record an item that wrote nothing, whose output has this name, if a finish check looks for that."""
        self.unwritten.look(self._target + "/" + name)

    def _look(self, written: Sequence[str]) -> None:
        """Record an item that has written these names, if they are not those that the finish check looks for."""
        for name in self._last_names:
            if name in written:
                self.unwritten.hit()
            elif self.unwritten.look(self._target + "/" + name, "" if "/" in name or not written else self._target + "/" + written[0]):
                return

    def _commit(self) -> bool:
        if self._watch is not None:
            self._watch.clear()
        names = os.listdir(self.folder)
        if not names:
            if self.last:
                self._look(())
            return False
        try:
            if len(names) > 1:
                names.sort(key=lambda name: any(last.partition("/")[0] == name for last in self._last_names))
            for name in names:
                self._move(name)
        except BaseException:
            self.abort()
            raise
        if not self.last:
            return True
        if len(names) > 1 or names[0] not in self._last_names:
            self._look(names)
        elif self.unwritten.misses:
            self.unwritten.hit()
        return all(name.partition("/")[0] in names for name in self._last_names)

    def _move(self, name: str) -> None:
        source, target = self.folder + "/" + name, self._target + "/" + name
        try:
            os.rename(source, target)
        except FileNotFoundError:
            os.makedirs(self._target, exist_ok=True)
            self._rename(source, target)
        except OSError:
            # A folder cannot replace a folder with entries: they are merged.
            if not (os.path.isdir(source) and os.path.isdir(target)):
                _refuse_misfit(source, target)
                self._rename(source, target)
            else:
                self._merge(name)

    def _rename(self, source: str, target: str) -> None:
        try:
            os.replace(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copy_over(source, target, self.folder + ".part")

    def _merge(self, name: str) -> None:
        files: list[str] = []
        for folder, folders, names in os.walk(os.path.join(self.folder, name)):
            rel = os.path.relpath(folder, self.folder)
            _refuse_misfit(folder, os.path.join(self._target, rel))
            os.makedirs(os.path.join(self._target, rel), exist_ok=True)
            links = [entry for entry in folders if os.path.islink(os.path.join(folder, entry))]
            files.extend(os.path.join(rel, entry) for entry in names + links)
        files.sort(key=lambda path: path in self._last_names)
        for path in files:
            _refuse_misfit(os.path.join(self.folder, path), os.path.join(self._target, path))
            self._rename(os.path.join(self.folder, path), os.path.join(self._target, path))
        shutil.rmtree(os.path.join(self.folder, name))

    def abort(self) -> None:
        """Empty the staging folder."""
        try:
            entries = list(os.scandir(self.folder))
        except FileNotFoundError:
            self._make_again()
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)

    def _make_again(self) -> None:
        """Make the folder again for the next items, once somebody has removed it. The folder around it is the host's."""
        try:
            os.mkdir(self.folder)
        except OSError:
            return  # items that write there fail and report that
        if self._watch is not None and not self._watch.again(self.folder):
            os.rmdir(self.folder)


def _always(timeout: float) -> bool:
    return True


def _refuse_misfit(source: str, target: str) -> None:
    """Raise InvalidOutput if the target exists and only one of the two is a folder. A link counts as a file, but a folder
    may take the place of a link to a folder."""
    folder = os.path.isdir(source) and not os.path.islink(source)
    there = os.path.isdir(target) and (folder or not os.path.islink(target))
    if os.path.lexists(target) and folder != there:
        raise InvalidOutput(target, folder)


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder + "/")
