"""Processes chunks of items, one item after another."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Optional

from .._count import count_of
from .._plain import is_plain
from .._proto import plugin_pb2 as pb
from ..task.normal import CALL
from ..template._state import make_folder
from ..template.io import FileTriplet
from . import failures, members, native, taskfile
from . import items as wire
from .files import Files, Reader, Samples
from .heartbeat import FAILED, SKIPPED, SLOT_ITEMS, SLOTS, Heartbeat
from .journal import misfit
from .opened import OpenedTask, never_executed
from .ranges import add_ranges

Call = Callable[..., Any]


class Runner:
    """Answers chunks. `listed` is the list to which index ranges refer, if this process has it."""

    def __init__(self, opened: OpenedTask, heartbeat: Heartbeat, listed: Any = None) -> None:
        self.opened = opened
        self.heartbeat = heartbeat
        self.listed = listed
        self.reader = Reader(opened)
        self.check, self.call = _calls(opened)
        if opened.has_members:
            self.check = self.check and members.named(self.check)
            self.call = members.Reader(self.call)
        self.direct: Optional[Call] = None
        if self.reader.regular and self.check is None and not is_plain():
            self.direct = native.direct(opened)

    def serve(self, receive: Callable[[], Optional[bytes]], send: Callable[[bytes], None]) -> None:
        """Answer chunks in their order until receive returns None."""
        while (request := receive()) is not None:
            send(self.run(request))

    def run(self, request: bytes) -> bytes:
        """Process a RunRequest's chunk. Returns the RunResponse."""
        began = time.perf_counter_ns()
        chunk = pb.RunRequest.FromString(request).chunk
        result = pb.ChunkResult(id=chunk.id)
        ranges = [part.WhichOneof("source") == "range" for part in chunk.parts]
        count = self._count(chunk)
        visible = not any(ranges) and all(part.block.encoding != pb.ENCODING_OPAQUE for part in chunk.parts)
        if self.opened.journal is not None:
            self.opened.journal.refresh()
        work = Work(self.heartbeat, chunk.slot, chunk.id, count)
        try:
            # Part by part, so that decoded items are still in the processor's cache.
            for part, ranged in zip(chunk.parts, ranges):
                if ranged:
                    self._work(self.listed.copies(part.range.first, part.range.count), work)
                    continue
                for items in self.reader.read(part):
                    if self.direct is not None and type(items) is Samples and self.opened.stager is not None:
                        self._stage_samples(self.direct, items, work)
                    elif self.direct is None or type(items) is not Files:
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
        add_ranges(result.skipped, work.skipped)
        for index, item, error in work.failed:
            failure = result.failures.add(index=index)
            failure.error.CopyFrom(error)
            if not visible:
                failure.item = wire.show(item)
        (self.opened.stager or self.opened.journal or self.opened).unwritten.report(result)
        result.busy_ns = time.perf_counter_ns() - began
        return pb.RunResponse(result=result).SerializeToString()

    def broken(self) -> None:
        """Called when an exception ends a chunk early; children.py replaces it."""

    def _count(self, chunk: Any) -> int:
        """Return the number of the chunk's items. Raises Malformed if it does not fit the page or the list."""
        count = 0
        for part in chunk.parts:
            if part.WhichOneof("source") != "range":
                count += wire.count_of(part)
                continue
            count += part.range.count
            if self.listed is None or part.range.first + part.range.count > len(self.listed):
                raise wire.Malformed(f"chunk {chunk.id} has items by index, but this process has no list, or a shorter one")
        if count > SLOT_ITEMS:
            raise wire.Malformed(f"chunk {chunk.id} has {count} items; the most are {SLOT_ITEMS}")
        if chunk.slot >= SLOTS:
            raise wire.Malformed(f"chunk {chunk.id} has slot {chunk.slot}; there are {SLOTS} slots")
        return count

    def _work(self, todo: Iterable[Any], work: Work) -> None:
        words, here, index = work.words, work.here, work.index
        check, call = self.check, self.call
        item = None
        # This loop is the main cost of a million small items. Keep it minimal.
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
        """Process files that are written in place. Each item is made when its turn comes."""
        words, here, index = work.words, work.here, work.index
        task, journal = self.opened.task, self.opened.journal
        folder, rel_dir, out_folder, out_rel_dir = files.folder, files.rel_dir, files.out_folder, files.out_rel_dir
        page, at, begun = None, 0, ""
        if journal is not None:
            page, at, begun = journal.page, journal.at, journal.relative(out_folder + "x")[:-1]
        made, clock = False, time.monotonic
        # A hot loop, too.
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
        """Process files that are written aside."""
        words, here, index = work.words, work.here, work.index
        task, stager = self.opened.task, self.opened.stager
        assert stager is not None
        stager.into(files.out_folder[:-1] or "/")
        touched, checked = stager.touched, bool(stager.last)
        folder, rel_dir, staging, out_rel_dir = files.folder, files.rel_dir, stager.folder + "/", files.out_rel_dir
        # A hot loop, too.
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

    def _stage_samples(self, process: Call, samples: Samples, work: Work) -> None:
        """Process files that are written aside, and become samples."""
        words, here, index = work.words, work.here, work.index
        task, stager = self.opened.task, self.opened.stager
        assert stager is not None
        stager.into(samples.out_folder[:-1] or "/")
        touched, checked, also = stager.touched, bool(stager.last), samples.also
        folder, rel_dir, staging, out_rel_dir = samples.folder, samples.rel_dir, stager.folder + "/", samples.out_rel_dir
        # A hot loop, too.
        for name, out, member in zip(samples.names, samples.outs, samples.members):
            index += 1
            words[here] = index
            try:
                source, path = FileTriplet(folder + name, rel_dir, name), staging + out
                if also:
                    more = {also: FileTriplet(path, out_rel_dir, member)}
                    process(task, input=source, output=FileTriplet(path, out_rel_dir, member), **more)
                else:
                    process(task, input=source, output=FileTriplet(path, out_rel_dir, member))
                if touched(0):
                    stager.commit_file(out)
                elif checked:
                    stager.miss_file(out)
            except BaseException as error:
                stager.abort()
                work.fail(index, samples.sample(name, out, member), error)
        work.index = index


class Work:
    """The outcomes of a chunk's items so far."""

    def __init__(self, heartbeat: Heartbeat, slot: int, chunk: int, count: int) -> None:
        self.words, self.page = heartbeat.words, heartbeat.page
        # `index` is the last item's position, `here` the index in the heartbeat's words at which to store it.
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
            raise ValueError(f"the host sent a chunk of {count_of(self.index + 1, 'item')} but announced {self.count}")
        self.words[self.here] = self.count


def _calls(opened: OpenedTask) -> tuple[Optional[Call], Call]:
    """Return the functions that check and process one item: (check or None, call)."""
    task, template = opened.task, opened.template
    if opened.native and template is not None and template.output_mode is not None:
        return native.calls(opened)
    call: Call = task
    if not callable(task) or type(task).__call__ is CALL:
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
