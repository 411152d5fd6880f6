"""Postprocessing: postprocess_each for the elements of a batch, or postprocess for the whole batch."""

from __future__ import annotations

from typing import Any, Iterator

from ..._count import count_of
from ..._elements import length
from ...task.torch_vanilla import KagurazakaVanillaTorchTaskV1 as Base
from ...task.torch_vanilla import batch_length, element_of, has_elements, results_of
from ...template import _state
from .. import failures
from ..opened import OpenedTask
from ..unwritten import unwritten_of
from . import common
from .collating import BadBatch


class Postprocessor:
    """Postprocesses batches, one at a time."""

    def __init__(self, opened: OpenedTask) -> None:
        self.opened, self.task = opened, opened.task
        self.whole = type(opened.task).postprocess is not Base.postprocess
        self.unwritten = unwritten_of(opened.template)

    def run(self, message: Any, batch: Any, results: Any, result: Any) -> None:
        """Postprocess inference's results. Failed items are named in the BatchResult."""
        size = batch_length(batch)
        journal = self.opened.journal
        paths: list[str] = []
        try:
            if self.opened.native:
                items = common.items_of(self.opened, message)
                _state.outputs = common.outputs_by_key(items)
                if journal is not None:
                    # Note the whole batch before its first item, since the task may postprocess it in any order.
                    _state.journal = None
                    paths = [item[journal.field].path for item in items]
                    journal.refresh()
                    journal.begin_batch(paths)
            self._work(size, batch, results, result)
        except BaseException as error:
            problem = failures.of_exception(error)
            for i in range(result.count):
                result.failures.add(index=i).error.CopyFrom(problem)
        self._look(message, batch, result)
        if paths and journal is not None:
            failed = {failure.index for failure in result.failures}
            journal.end_batch(
                [path for i, path in enumerate(paths) if i not in failed], [path for i, path in enumerate(paths) if i in failed]
            )

    def _look(self, message: Any, batch: Any, result: Any) -> None:
        """Check for the outputs that the template's finish check will look for."""
        template = self.opened.template
        if self.unwritten is None or template is None:
            return
        failed = {failure.index for failure in result.failures}
        if len(failed) == result.count:
            return
        items = common.items_of(self.opened, message) if self.opened.native else None
        for i in range(result.count):
            if i in failed:
                continue
            if items is not None:
                self.unwritten.look(items[i][template.finish_field].path)
            else:
                # The host may have sent only the items' numbers, and the list is in another process.
                self.unwritten.look_for(template, batch, i)
        self.unwritten.report(result)

    def _work(self, size: int, batch: Any, results: Any, result: Any) -> None:
        if self.whole:
            self.task.postprocess(size, results, **batch)
            return
        for i, error in postprocessed(self.task, size, results, batch):
            result.failures.add(index=i).error.CopyFrom(failures.of_exception(error))


def postprocessed(task: Any, size: int, results: Any, batch: Any) -> Iterator[tuple[int, BaseException]]:
    """Call postprocess_each for each element. Yields the positions that fail, with the exceptions."""
    for i in range(size) if has_elements(results) else ():
        try:
            task.postprocess_each(i, size, **element_of(batch, i), **results_of(results, i))
        except BaseException as error:
            yield i, error


def check_length(results: Any, size: int) -> None:
    """Raise BadBatch unless the results have one entry for each element."""
    fields = results.items() if isinstance(results, dict) else [(None, results)]
    for name, value in fields:
        where = "" if name is None else f" as {name!r}"
        try:
            made = length(value)
        except TypeError:
            kind = type(value).__name__
            text = f"inference returned one {kind}{where} for a batch of {count_of(size, 'item')}; it must return one entry for each item"
            raise BadBatch("", text) from None
        if made != size:
            raise BadBatch("", f"inference returned {count_of(made, 'result')}{where} for a batch of {count_of(size, 'item')}")
