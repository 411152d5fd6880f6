"""Functions for batches that all stages share."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Iterable

from ..._proto import plugin_pb2 as pb
from ...template import _state
from .. import items as wire
from .. import native
from ..opened import OpenedTask


def size_of(batch: Any) -> int:
    """Return the number of items of a batch."""
    count = 0
    for part in batch.parts:
        if part.WhichOneof("source") == "range":
            count += part.range.count
        else:
            left = part.block.count - part.skip
            count += min(part.take, left) if part.take else left
    return count


def items_of(opened: OpenedTask, batch: Any, listed: Any = None) -> list[Any]:
    """Return a batch's items, with FileTriplets."""
    items: list[Any] = []
    for part in batch.parts:
        if part.WhichOneof("source") == "range":
            if listed is None:
                raise ValueError("the host sent items by index to a process without a list")
            items.extend(listed.slice(part.range.first, part.range.count))
            continue
        decoded = wire.decode_part(part)
        for item in decoded:
            wire.restore_triplets(item, opened.input_is_triplet, opened.has_files)
        items.extend(decoded)
    return items


def outputs_by_key(items: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the outputs that the host has computed, by the keys that templates use."""
    found = {}
    for item in items:
        outputs = native.outputs_of(item)
        if outputs:
            found[_state.key_of(item)] = outputs
    return found


class Clock:
    """Measures a stage's times: `idle` while it waits, `busy` while it works."""

    def __init__(self) -> None:
        self.last = time.perf_counter_ns()
        self.began = self.last

    def begin(self) -> None:
        self.began = time.perf_counter_ns()

    def stamp(self, result: Any) -> None:
        """Write the times since the last batch into a BatchResult."""
        now = time.perf_counter_ns()
        result.idle_ns, result.busy_ns = self.began - self.last, now - self.began
        self.last = now


def answer(result: Any) -> bytes:
    """Return the message that carries a BatchResult."""
    message: bytes = pb.RunResponse(batch=result).SerializeToString()
    return message


# The niceness of loaders and finishers. Both yield to the device process, whose main thread must run at once when the device needs
# the next kernel. Loaders yield to finishers, for which a full pipeline waits.
LOADER, FINISHER = 10, 5


def use_few_cores(niceness: int, request: Any) -> None:
    """Let torch compute in this thread alone, or on the cores that are this process's own, and yield to later stages."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(max(request.placement.threads, 1))
    try:
        os.nice(niceness)
    except OSError:
        pass


def use_all_cores() -> None:
    """Let torch compute with one thread for each core, if the host has limited the threads of this process's parent."""
    torch = sys.modules.get("torch")
    if torch is not None and "OMP_NUM_THREADS" in os.environ.get("KAGURAZAKA_ONE_THREAD", "").split(","):
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
