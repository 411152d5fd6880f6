"""Counts items that are done without the output that the finish check looks for, with one example."""

from __future__ import annotations

import itertools
import math
import os
import time
from typing import Any, Optional

from .._proto import plugin_pb2 as pb
from ..task.torch_vanilla import element_of
from ..template._template import Template
from ..template.io import OutputByFilenameSubfoldering
from . import failures

# After _DOUBT items in a row without their output, only one item in _EVERY is checked: a check costs as much as everything else
# of such an item.
_DOUBT, _EVERY = 64, 64
# The most names of a folder that are searched for an example.
_NAMES = 100_000

_began = time.time()


class Unwritten:
    """The counter.

    own_folder: each item has a folder, and everything in it belongs to the item. each: every item is checked, since it
    costs much more than a check.
    """

    def __init__(self, own_folder: bool = False, each: bool = False) -> None:
        self.own_folder = own_folder
        self._doubt = math.inf if each else _DOUBT
        self.count = 0
        self.expected = self.found = ""
        # The number of items in a row without their output.
        self.misses = 0
        # The number of items still to pass unchecked, the path of the last one, and the number at the start.
        self.left = 0
        self.last = ""
        self._window = 0

    def look(self, path: str, found: str = "") -> bool:
        """Check an item that is done and should have its output at a path; found is a path that it is known to have written.
        Returns whether the output is known to be missing."""
        if self.left:
            self.left -= 1
            self.last = path
            return False
        if not os.access(path, os.F_OK):
            self.miss(path, found)
            return True
        if self.misses:
            self.hit()
        return False

    def look_for(self, template: Template, batch: Any, index: int) -> bool:
        """Check an element that is done, if the template knows its output. Returns whether the output is known to be missing."""
        try:
            path = template.finish_path(element_of(batch, index))
        except Exception:
            return False  # one of the task's own elements
        return self.look(path)

    def miss(self, path: str, found: str = "") -> None:
        """Count an item without its output, and those that have passed unchecked before it."""
        self.count += 1 + self._window - self.left
        self.misses += 1
        if self.misses >= self._doubt:
            self._window = self.left = _EVERY - 1
        if not self.expected:
            self.expected, self.found = path, found or self._instead(path)

    def hit(self) -> None:
        """Check every item again. Those that have passed unchecked count as written."""
        self.misses = self.left = self._window = 0

    def report(self, result: Any) -> None:
        """Write the count since the last report into a ChunkResult or BatchResult."""
        passed = self._window - self.left
        if passed:
            if os.access(self.last, os.F_OK):
                self.hit()
            else:
                self.count += passed
                self.left = self._window
        if self.count:
            result.unwritten, self.count = self.count, 0
            result.unwritten_example.CopyFrom(self.example())

    def example(self) -> Any:
        """Return one of the items."""
        return pb.UnwrittenOutput(expected=failures.plain(self.expected), found=failures.plain(self.found))

    def _instead(self, path: str) -> str:
        """Return a recently written path with a name like the output's: np.save appends .npy."""
        folder, name = os.path.split(path)
        stem = name.lstrip(".").partition(".")[0]
        like = []
        try:
            with os.scandir(folder or ".") as entries:
                for entry in itertools.islice(entries, _NAMES):
                    if (self.own_folder or entry.name.lstrip(".").startswith(stem)) and entry.stat().st_mtime >= _began - 1:
                        like.append(entry.name)
        except OSError:
            pass
        if not like:
            return ""
        # A name that begins with the whole output's name is the likeliest, then the shortest one.
        return os.path.join(folder, min(like, key=lambda found: (not found.startswith(name), len(found), found)))


def unwritten_of(template: Optional[Template]) -> Optional[Unwritten]:
    """Return the counter for the items of a device task; None if the finish check's path is unknown."""
    if template is None or not template.finish_field:
        return None
    return Unwritten(isinstance(template.output_mode, OutputByFilenameSubfoldering), each=True)
