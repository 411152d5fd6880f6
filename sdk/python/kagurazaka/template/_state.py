"""What the running worker tells templates about the item in hand."""

from __future__ import annotations

import os
import threading
from typing import Any, Optional


class _Thread(threading.local):
    """What is known of the item that a thread has in hand."""

    # Somebody only asks whether the item is finished: nothing may be made. In the process of a device others make folders meanwhile.
    asking = False


thread = _Thread()

# The worker's stager, where outputs are written aside and committed by rename.
stager: Optional[Any] = None

# What notes the items that are done without their output, where neither of those does.
unwritten: Optional[Any] = None

# The journal of the worker's direct outputs, where the template itself has to note and check them.
journal: Optional[Any] = None

# The same where outputs are written aside: those that are there may be halves of a run that wrote in place.
known: Optional[Any] = None

# What the user lets a listing do: outputs of lines outside of the output folder, outputs as inputs.
outputs_outside = False
list_outputs = False

# Outputs that the host has computed, by the path of their input, and the same as the finish check should see them.
outputs: Optional[dict[str, dict[str, Any]]] = None
final_outputs: Optional[dict[str, dict[str, Any]]] = None

_last_folder = ""


def make_folder(path: str) -> None:
    """Make a folder with its parents. The last one made is remembered, since neighbours share it."""
    global _last_folder
    if path == _last_folder:
        if os.path.isdir(path):
            return
    os.makedirs(path, exist_ok=True)
    _last_folder = path


def key_of(item: dict[str, Any]) -> str:
    """What an item's outputs are found by: the path of its input."""
    return getattr(item.get("input"), "path", "")
