"""What all stages do with batches."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Iterable, Optional

from ..._proto import plugin_pb2 as pb
from ...template import _state
from .. import items as wire
from .. import native
from ..opened import OpenedTask


def size_of(batch: Any) -> int:
    """How many items a batch has."""
    count = 0
    for part in batch.parts:
        if part.WhichOneof("source") == "range":
            count += part.range.count
        else:
            left = part.block.count - part.skip
            count += min(part.take, left) if part.take else left
    return count


def items_of(opened: OpenedTask, batch: Any, listed: Any = None) -> list[Any]:
    """A batch's items, with FileTriplets."""
    items: list[Any] = []
    for part in batch.parts:
        if part.WhichOneof("source") == "range":
            if listed is None:
                raise ValueError("the host sent items by their index to a process that has no list")
            items.extend(listed.slice(part.range.first, part.range.count))
            continue
        decoded = wire.decode_part(part)
        for item in decoded:
            wire.restore_triplets(item, opened.input_is_triplet)
        items.extend(decoded)
    return items


def outputs_by_key(items: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The outputs that the host has computed, by what templates find them by."""
    found = {}
    for item in items:
        outputs = native.outputs_of(item)
        if outputs:
            found[_state.key_of(item)] = outputs
    return found


def add_ranges(ranges: Any, positions: list[int]) -> None:
    """Add positions to a repeated IndexRange."""
    last: Optional[Any] = None
    for position in positions:
        if last is not None and last.first + last.count == position:
            last.count += 1
        else:
            last = ranges.add(first=position, count=1)


class Clock:
    """Measures what a stage does: `idle` while it waits, `busy` while it works."""

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
    """The message that carries a BatchResult."""
    message: bytes = pb.RunResponse(batch=result).SerializeToString()
    return message


# How much loaders and finishers give way: most of all to the device process, whose main thread has to be there at once when the
# device needs the next kernel, and loaders to finishers, which a full pipeline waits for.
LOADER, FINISHER = 10, 5


def use_one_core(niceness: int) -> None:
    """Let torch compute in this thread alone, there is one such process a core, and give way to what is nearer to the end."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    try:
        os.nice(niceness)
    except OSError:
        pass


def use_all_cores() -> None:
    """Let torch compute with as many threads as there are cores, where this process was forked from one that may not."""
    torch = sys.modules.get("torch")
    if torch is not None and os.environ.get("KAGURAZAKA_ONE_THREAD"):
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
