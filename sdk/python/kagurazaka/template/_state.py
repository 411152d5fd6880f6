"""The running worker's state for templates, mostly about the current item."""

from __future__ import annotations

import os
import threading
from typing import Any, Optional


class _Thread(threading.local):
    """The state of one thread's current item."""

    # A finish check is running, so no folder may be made. It is per thread: in a device's process other threads make folders meanwhile.
    asking = False


thread = _Thread()

# The worker's stager, if outputs are written aside and committed by rename.
stager: Optional[Any] = None

# The counter of items that are done without their output, if neither the stager nor the journal counts them.
unwritten: Optional[Any] = None

# The journal of the worker's direct outputs, if the template itself has to note and check them.
journal: Optional[Any] = None

# The same if outputs are written aside: existing ones may be half-written, by a run that wrote in place.
known: Optional[Any] = None

# Permissions of a listing: outputs of lines outside of the output folder, outputs as inputs.
outputs_outside = False
list_outputs = False

# Outputs that the host has computed, by the path of their input, and those that the finish check should see.
outputs: Optional[dict[str, dict[str, Any]]] = None
final_outputs: Optional[dict[str, dict[str, Any]]] = None

_last_folder = ""


def make_folder(path: str) -> None:
    """Make a folder with its parents. The last one is remembered, since consecutive items share it."""
    global _last_folder
    if path == _last_folder:
        if os.path.isdir(path):
            return
    os.makedirs(path, exist_ok=True)
    _last_folder = path


def key_of(item: dict[str, Any]) -> str:
    """Return the key of an item's outputs: the path of its input."""
    return getattr(item.get("input"), "path", "")
