"""Working on chunks of items, one item after the other."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Optional

from .._count import count_of
from .._proto import plugin_pb2 as pb
from ..task.normal import KagurazakaTask
from ..template._state import make_folder
from ..template.io import FileTriplet
from . import failures, native, taskfile
from . import items as wire
from .files import Files, Reader
from .heartbeat import FAILED, SKIPPED, SLOT_ITEMS, SLOTS, Heartbeat
from .journal import misfit
from .opened import OpenedTask, never_executed

Call = Callable[..., Any]


class Runner:
    """Answers chunks. `listed` is what index ranges refer to, where the task's list is at hand."""

    def __init__(self, opened: OpenedTask, heartbeat: Heartbeat, listed: Any = None) -> None:
        self.opened = opened
        self.heartbeat = heartbeat
        self.listed = listed
        self.reader = Reader(opened)
        self.check, self.call = _calls(opened)
        self.direct: Optional[Call] = None
        if self.reader.regular and self.check is None:
            self.direct = native.direct(opened)

    def run(self, request: bytes) -> bytes:
        """Work on a RunRequest's chunk; returns the RunResponse."""
        began = time.perf_counter_ns()
        chunk = pb.RunRequest.FromString(request).chunk
        result = pb.ChunkResult(id=chunk.id)
        ranges = [part.WhichOneof("source") == "range" for part in chunk.parts]
        count = self._count(chunk)
        visible = not any(ranges) and all(part.block.encoding == pb.ENCODING_JSON_LINES for part in chunk.parts)
        if self.opened.journal is not None:
            self.opened.journal.refresh()
        work = Work(self.heartbeat, chunk.slot, chunk.id, count)
        try:
            # Part by part: what was just decoded is still in the processor's cache.
            for part, ranged in zip(chunk.parts, ranges):
                if ranged:
                    self._work(self.listed.slice(part.range.first, part.range.count), work)
                    continue
                for items in self.reader.read(part):
                    if self.direct is None or type(items) is not Files:
                        self._work(items, work)
                    elif self.opened.stager is not None:
                        self._stage_files(self.direct, items, work)
                    else:
                        self._work_files(self.direct, items, work)
        except BaseException:
            self.broken()
            raise
        work.finish()
        result.count = count
        for first, length in _ranges(work.skipped):
            result.skipped.add(first=first, count=length)
        for index, item, error in work.failed:
            failure = result.failures.add(index=index)
            failure.error.CopyFrom(error)
            if not visible:
                failure.item = wire.show(item)
        (self.opened.stager or self.opened.journal or self.opened).unwritten.report(result)
        result.busy_ns = time.perf_counter_ns() - began
        return pb.RunResponse(result=result).SerializeToString()

    def broken(self) -> None:
        """A chunk was left in the middle."""

    def _count(self, chunk: Any) -> int:
        """How many items the chunk has; Malformed if it does not fit the page or the list."""
        count = 0
        for part in chunk.parts:
            if part.WhichOneof("source") != "range":
                count += wire.count_of(part)
                continue
            count += part.range.count
            if self.listed is None or part.range.first + part.range.count > len(self.listed):
                raise wire.Malformed(f"chunk {chunk.id} has items by their index, of a list that is not here or is shorter")
        if count > SLOT_ITEMS:
            raise wire.Malformed(f"chunk {chunk.id} has {count} items, and {SLOT_ITEMS} are the most")
        if chunk.slot >= SLOTS:
            raise wire.Malformed(f"chunk {chunk.id} has slot {chunk.slot}, and there are {SLOTS}")
        return count

    def _work(self, todo: Iterable[Any], work: Work) -> None:
        words, here, index = work.words, work.here, work.index
        check, call = self.check, self.call
        item = None
        # This loop is what a million small items cost. Nothing may be added to it lightly.
        if check is None:
            for item in todo:
                index += 1
                words[here] = index
                try:
                    call(**item)
                except BaseException as error:
                    work.fail(index, item, error)
        else:
            for item in todo:
                index += 1
                words[here] = index
                try:
                    if check(**item):
                        work.skip(index)
                    else:
                        call(**item)
                except BaseException as error:
                    work.fail(index, item, error)
        work.index = index

    def _work_files(self, process: Call, files: Files, work: Work) -> None:
        """The same for files, which are written in place: each is made up when its turn comes."""
        words, here, index = work.words, work.here, work.index
        task, journal = self.opened.task, self.opened.journal
        folder, rel_dir, out_folder, out_rel_dir = files.folder, files.rel_dir, files.out_folder, files.out_rel_dir
        page, at, begun = None, 0, ""
        if journal is not None:
            page, at, begun = journal.page, journal.at, journal.relative(out_folder + "x")[:-1]
        made, clock = False, time.monotonic
        # Nor to this one.
        for name, out in zip(files.names, files.outs):
            index += 1
            note = b""
            try:
                if journal is not None:
                    note = f"{begun}{out}\0\0".encode()
                    if page is not None:
                        page[at : at + len(note)] = note
                    else:
                        journal.begin(note)
                # The note has concluded the item before, so the position may move.
                words[here] = index
                if journal is not None and clock() >= journal.due:
                    journal.attend()
                if not made:
                    make_folder(out_folder[:-1] or "/")
                    made = True
                process(
                    task,
                    input=FileTriplet(folder + name, rel_dir, name),
                    output=FileTriplet(out_folder + out, out_rel_dir, out),
                )
                if journal is not None:
                    journal.done(note, out_folder + out)
            except BaseException as error:
                if journal is not None and note:
                    journal.fail(note)
                    at = journal.at
                work.fail(index, files.item(name, out), misfit(error, out_folder + out, False) or error)
        if journal is not None:
            journal.clear()
        work.index = index

    def _stage_files(self, process: Call, files: Files, work: Work) -> None:
        """The same for files that are written aside."""
        words, here, index = work.words, work.here, work.index
        task, stager = self.opened.task, self.opened.stager
        assert stager is not None
        stager.into(files.out_folder[:-1] or "/")
        touched, checked = stager.touched, bool(stager.last)
        folder, rel_dir, staging, out_rel_dir = files.folder, files.rel_dir, stager.folder + "/", files.out_rel_dir
        # Nor to this one.
        for name, out in zip(files.names, files.outs):
            index += 1
            words[here] = index
            try:
                process(
                    task,
                    input=FileTriplet(folder + name, rel_dir, name),
                    output=FileTriplet(staging + out, out_rel_dir, out),
                )
                if touched(0):
                    stager.commit_file(out)
                elif checked:
                    stager.miss_file(out)
            except BaseException as error:
                stager.abort()
                work.fail(index, files.item(name, out), error)
        work.index = index


class Work:
    """What became of a chunk's items so far."""

    def __init__(self, heartbeat: Heartbeat, slot: int, chunk: int, count: int) -> None:
        self.words, self.page = heartbeat.words, heartbeat.page
        # `index` is the item that was worked on last, and `here` where the heartbeat's page wants to know of it.
        self.index, self.here = -1, heartbeat.begin(slot, chunk, count)
        self.outcomes = heartbeat.outcomes(slot)
        self.count = count
        self.skipped: list[int] = []
        self.failed: list[tuple[int, Any, Any]] = []

    def skip(self, index: int) -> None:
        self.skipped.append(index)
        self.page[self.outcomes + index] = SKIPPED

    def fail(self, index: int, item: Any, error: BaseException) -> None:
        self.failed.append((index, item, failures.of_exception(error)))
        self.page[self.outcomes + index] = FAILED

    def finish(self) -> None:
        if self.index + 1 != self.count:
            raise ValueError(f"the host sent a chunk of {count_of(self.index + 1, 'item')} and said that there are {self.count}")
        self.words[self.here] = self.count


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
        own = not task._kagurazaka_never_executed or "is_executed" in taskfile.listing_of(task)
        if template.finish_check_mode is not None or own:
            check = task.is_executed
    elif not never_executed(task):
        check = task.is_executed
    return check, call
