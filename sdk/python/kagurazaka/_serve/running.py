"""Working on chunks of items, one item after the other."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Optional

from .._proto import plugin_pb2 as pb
from ..task.normal import KagurazakaTask
from . import failures, native
from . import items as wire
from .heartbeat import FAILED, SKIPPED, Heartbeat
from .opened import OpenedTask, never_executed

Call = Callable[..., Any]


class Runner:
    """Answers chunks. `listed` is what index ranges refer to, where the task's list is at hand."""

    def __init__(self, opened: OpenedTask, heartbeat: Heartbeat, listed: Any = None) -> None:
        self.opened = opened
        self.heartbeat = heartbeat
        self.listed = listed
        self.check, self.call = _calls(opened)

    def run(self, request: bytes) -> bytes:
        """Work on a RunRequest's chunk; returns the RunResponse."""
        began = time.perf_counter_ns()
        chunk = pb.RunRequest.FromString(request).chunk
        result = pb.ChunkResult(id=chunk.id)
        parts = chunk.parts
        visible = True
        if len(parts) == 1 and parts[0].WhichOneof("source") == "range":
            window = parts[0].range
            count = window.count
            todo: Iterable[Any] = self.listed.slice(window.first, count)
            visible = False
        else:
            todo = []
            for part in parts:
                if part.WhichOneof("source") == "range":
                    todo.extend(self.listed.slice(part.range.first, part.range.count))
                    visible = False
                else:
                    todo.extend(self._decoded(part))
                    visible = visible and part.block.encoding == pb.ENCODING_JSON_LINES
            count = len(todo)
        result.count = count
        skipped, failed = self._work(todo, count, chunk.id, chunk.slot)
        for first, length in _ranges(skipped):
            result.skipped.add(first=first, count=length)
        for index, item, error in failed:
            failure = result.failures.add(index=index)
            failure.error.CopyFrom(error)
            if not visible:
                failure.item = wire.show(item)
        result.busy_ns = time.perf_counter_ns() - began
        return pb.RunResponse(result=result).SerializeToString()

    def _decoded(self, part: Any) -> list[Any]:
        items = wire.decode_part(part)
        if part.block.encoding == pb.ENCODING_JSON_LINES:
            with_input = self.opened.input_is_triplet
            for item in items:
                if with_input or "output" in item:
                    wire.restore_triplets(item, with_input)
        return items

    def _work(self, todo: Iterable[Any], count: int, chunk: int, slot: int) -> tuple[list[int], list[tuple[int, Any, Any]]]:
        heartbeat = self.heartbeat
        words, page, outcomes = heartbeat.words, heartbeat.page, heartbeat.outcomes(slot)
        here = heartbeat.begin(slot, chunk, count)
        skipped: list[int] = []
        failed: list[tuple[int, Any, Any]] = []
        check, call = self.check, self.call
        index = -1
        item = None
        # This loop is what a million small items cost. Nothing may be added to it lightly.
        if check is None:
            for item in todo:
                index += 1
                words[here] = index
                try:
                    call(**item)
                except BaseException as error:
                    failed.append((index, item, failures.of_exception(error)))
                    page[outcomes + index] = FAILED
        else:
            for item in todo:
                index += 1
                words[here] = index
                try:
                    if check(**item):
                        skipped.append(index)
                        page[outcomes + index] = SKIPPED
                    else:
                        call(**item)
                except BaseException as error:
                    failed.append((index, item, failures.of_exception(error)))
                    page[outcomes + index] = FAILED
        words[here] = count
        return skipped, failed


def _ranges(positions: list[int]) -> Iterable[tuple[int, int]]:
    """Consecutive positions as (first, count)."""
    first = previous = -1
    for position in positions:
        if position != previous + 1 or first < 0:
            if first >= 0:
                yield first, previous - first + 1
            first = position
        previous = position
    if first >= 0:
        yield first, previous - first + 1


def _calls(opened: OpenedTask) -> tuple[Optional[Call], Call]:
    """The functions that check and process one item: (check or None, call)."""
    task, template = opened.task, opened.template
    if opened.native and template is not None and template.output_mode is not None:
        return native.calls(opened)
    call: Call = task
    if not callable(task) or type(task).__call__ is KagurazakaTask.__call__:
        # The same as calling the task, at half the cost.
        call = task.process
    check = None
    if opened.native:
        if not getattr(task, "_kagurazaka_never_executed", True):
            check = task.is_executed
    elif template is not None:
        if template.finish_check_mode is not None or not task._kagurazaka_never_executed:
            check = task.is_executed
    elif not never_executed(task):
        check = task.is_executed
    return check, call
