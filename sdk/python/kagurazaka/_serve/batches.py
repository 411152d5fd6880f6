"""Processes loaded batches: bookkeeping, inference in the calling thread, postprocessing in another."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Optional, Sequence

from ..task.torch_vanilla import KagurazakaVanillaTorchTaskV1 as Base
from ..task.torch_vanilla import batch_length, element_of
from ..template import _state
from . import failures, taskfile
from .ledger import Item
from .opened import OpenedTask
from .stages.elements import postprocessed
from .unwritten import unwritten_of


class Batches:
    """Processes batches in order; one is inferred while the one before it is postprocessed."""

    def __init__(self, opened: OpenedTask, device: str) -> None:
        task = opened.task
        kind = type(task)
        self.task = task
        self.device = device
        self.template = opened.template
        # Option C: the task does everything itself.
        self.takes_over = kind.process is not Base.process or kind.__call__ is not Base.__call__
        # Option B: the task postprocesses, or checks, whole batches.
        self.postprocesses = kind.postprocess is not Base.postprocess
        own = taskfile.listing_of(task)
        self.checks_batches = kind.is_executed is not Base.is_executed or "is_executed" in own
        self.checks_each = kind.is_each_executed is not Base.is_each_executed or "is_each_executed" in own
        if opened.native and self.template is not None and self.template.finish_check_mode is not None:
            # The host has checked.
            self.checks_each = False
        self.unwritten = unwritten_of(self.template)
        self.jobs: queue.Queue[Optional[Callable[[], None]]] = queue.Queue(maxsize=1)
        self.thread = threading.Thread(target=self._work, name="kagurazaka-postprocess", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (job := self.jobs.get()) is not None:
            job()

    def then(self, job: Callable[[], None]) -> None:
        """Run a job once everything before it was postprocessed."""
        self.jobs.put(job)

    def close(self) -> None:
        self.jobs.put(None)
        self.thread.join()

    def whole(self, batch: Any, item: Item) -> None:
        """Process a batch that is one item of the run. With option C it may be of any type."""
        self.elements(batch, [item] * (batch_length(batch) if hasattr(batch, "keys") else 1))

    def elements(self, batch: Any, items: Sequence[Item]) -> None:
        """Process a batch; entry i belongs to items[i]. The caller finishes the items (`then`)."""
        try:
            left = self._unfinished(batch, items)
        except BaseException as error:
            _fail(items, error)
            return
        if not left:
            return
        if len(left) < len(items):
            batch = _select(batch, left)
            items = [items[i] for i in left]
        for item in items:
            item.work()
        try:
            if self.takes_over:
                # It may use any files, so the batch before it is finished first.
                self._drain()
                self.task(device=self.device, batch=batch)
                self._look(batch, items)
                return
            size = batch_length(batch)
            results = self.task.inference(self.device, size, **batch)
        except BaseException as error:
            _fail(items, error)
            return
        self.jobs.put(lambda: self._postprocess(size, results, batch, items))

    def _drain(self) -> None:
        done = threading.Event()
        self.jobs.put(done.set)
        done.wait()

    def _unfinished(self, batch: Any, items: Sequence[Item]) -> list[int]:
        """Return the positions to process. The items at the others are marked as skipped."""
        everything = list(range(len(items)))
        if self.checks_batches:
            left = [] if self.task.is_executed(batch) else everything
        elif self.checks_each:
            left = [i for i in everything if not self.task.is_each_executed(**element_of(batch, i))]
            if left and (self.template is None or not _selectable(batch, len(items))):
                # Without a template, a batch with an unfinished element is done as a whole.
                left = everything
        else:
            left = everything
        for i in set(everything).difference(left):
            items[i].skip()
        return left

    def _look(self, batch: Any, items: Sequence[Item]) -> None:
        """Check for the outputs that the template's finish check will look for."""
        if self.unwritten is None or self.template is None:
            return
        for i, item in enumerate(items):
            if item.error is None and self.unwritten.look_for(self.template, batch, i):
                item.unwritten = True

    def _postprocess(self, size: int, results: Any, batch: Any, items: Sequence[Item]) -> None:
        if _state.journal is not None:
            _state.journal.refresh()
        if self.postprocesses:
            try:
                self.task.postprocess(size, results, **batch)
            except BaseException as error:
                _fail(items, error)
        else:
            for i, raised in postprocessed(self.task, size, results, batch):
                _fail(items[i : i + 1], raised)
        self._look(batch, items)


def _fail(items: Sequence[Item], error: BaseException) -> None:
    problem = failures.of_exception(error)
    for item in items:
        item.fail(problem)


def _selectable(batch: Any, size: int) -> bool:
    return all(hasattr(value, "__getitem__") and len(value) == size for value in batch.values()) and all(
        isinstance(value, (list, tuple)) or hasattr(value, "shape") for value in batch.values()
    )


def _select(batch: Any, positions: list[int]) -> dict[str, Any]:
    """Return the batch's entries at those positions."""
    return {key: value[positions] if hasattr(value, "shape") else type(value)(value[i] for i in positions) for key, value in batch.items()}
