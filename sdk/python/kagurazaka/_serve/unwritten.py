"""Items that are done without the output that the finish check looks for: how many there are, and what one of them has instead."""

from __future__ import annotations

import itertools
import math
import os
import time
from typing import Any, Optional

from .._proto import plugin_pb2 as pb
from ..template._template import Template
from ..template.io import OutputByFilenameSubfoldering
from . import failures

# After so many items in a row without their output the task is taken to write none, and one of so many is looked at: a look costs as
# much as all else of such an item.
_DOUBT, _EVERY = 64, 64
# How many names of a folder are looked through for an example.
_NAMES = 100_000

_began = time.time()


class Unwritten:
    """Counts items.

    own_folder: an item has a folder of its own, in which whatever is there is the item's. each: every item is looked at, since it
    costs much more than a look.
    """

    def __init__(self, own_folder: bool = False, each: bool = False) -> None:
        self.own_folder = own_folder
        self._doubt = math.inf if each else _DOUBT
        self.count = 0
        self.expected = self.found = ""
        # How many items in a row were without their output.
        self.misses = 0
        # How many items are let pass without a look, the last of them, and how many there were to begin with.
        self.left = 0
        self.last = ""
        self._window = 0

    def look(self, path: str, found: str = "") -> bool:
        """Take note of an item that is done and should have its output at a path; found is what it is known to have written.
        Whether it is known to have none."""
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

    def miss(self, path: str, found: str = "") -> None:
        """Count an item without its output, and those that have passed before it."""
        self.count += 1 + self._window - self.left
        self.misses += 1
        if self.misses >= self._doubt:
            self._window = self.left = _EVERY - 1
        if not self.expected:
            self.expected, self.found = path, found or self._instead(path)

    def hit(self) -> None:
        """Look at every item again. Those that have passed are given the benefit of the doubt."""
        self.misses = self.left = self._window = 0

    def tell(self, result: Any) -> None:
        """Write what was counted since the last time into a ChunkResult or BatchResult."""
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
        """One of the items."""
        return pb.UnwrittenOutput(expected=failures.plain(self.expected), found=failures.plain(self.found))

    def _instead(self, path: str) -> str:
        """Something that was written lately and has a name like that of the output: np.save appends .npy."""
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
        # What begins as the whole name does is the likeliest, then what is shortest.
        return os.path.join(folder, min(like, key=lambda found: (not found.startswith(name), len(found), found)))


def unwritten_of(template: Optional[Template]) -> Optional[Unwritten]:
    """What notes the items of a device task that are done without their output; None where nobody knows where to look."""
    if template is None or not template.finish_field:
        return None
    return Unwritten(isinstance(template.output_mode, OutputByFilenameSubfoldering), each=True)
