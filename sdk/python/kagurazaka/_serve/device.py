"""Device tasks on one device, in one process that was started, not forked.

An item is one of two things:

- Under a template with an input_mode and `dataloader`, an item is one that the input mode lists. The host skips finished items
  before they are loaded and sends the others. Torch's DataLoader with the task's keyword arguments forms batches of
  `batch_size` from them here, in order. (Its `shuffle`, `sampler` and `drop_last` have no effect on a stream.)
- Otherwise (`get_dataset`, `get_dataloader`), an item is one batch of the task's own DataLoader, by its number. The process that
  will run the batches answers List with their number, so the loader is made once, after `load_model`, as in 0.1.1. A
  loader without a length is one item in all.

Loading, inference and postprocessing overlap: the DataLoader prefetches in its processes, and a thread postprocesses one batch
while the next is inferred.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from typing import Any, Callable, Optional

from .._proto import plugin_pb2 as pb
from . import failures
from .batches import Batches
from .heartbeat import Heartbeat
from .ledger import Ledger
from .opened import OpenedTask
from .stages import context

Receive = Callable[[], Optional[bytes]]
Send = Callable[[bytes], None]


def host_makes_items(opened: OpenedTask) -> bool:
    """Return whether items are a template's inputs, and not batches of the task's own loader."""
    template = opened.template
    return template is not None and template.input_mode is not None and template.dataloader is not None


def list_batches(opened: OpenedTask, send: Send) -> None:
    """Answer List for a task with its own loader."""
    try:
        count = own_loader(opened)[1]
    except BaseException as error:
        send(pb.ListResponse(error=failures.of_task(error)).SerializeToString())
        return
    send(pb.ListResponse(indexed=1 if count is None else count).SerializeToString())


def own_loader(opened: OpenedTask) -> tuple[Any, Optional[int]]:
    """Return the task's DataLoader, which is made once, and its length if it has one."""
    if opened.loader is None:
        opened.loader = opened.task.get_dataloader()
    try:
        return opened.loader, len(opened.loader)
    except (TypeError, AttributeError, NotImplementedError):
        return opened.loader, None


class DeviceServer:
    """Answers the chunks of a Run stream for a device task."""

    def __init__(self, opened: OpenedTask, request: Any) -> None:
        self.opened = opened
        self.device = request.device or "cuda"
        context.require(self.device)
        opened.task.load_model(self.device)
        self.heartbeat = Heartbeat(request.heartbeat_path)

    def serve(self, receive: Receive, send: Send) -> None:
        """Serve until receive returns None."""
        ledger = Ledger(self.heartbeat, send)
        batches = Batches(self.opened, self.device)
        ledger.unwritten = batches.unwritten
        try:
            if host_makes_items(self.opened):
                from .loading import serve_items

                serve_items(self.opened, batches, ledger, receive)
            else:
                self._serve_batches(batches, ledger, receive)
        finally:
            batches.close()

    def _serve_batches(self, batches: Batches, ledger: Ledger, receive: Receive) -> None:
        source: Optional[Numbered] = None
        while (request := receive()) is not None:
            if source is None:
                loader, length = own_loader(self.opened)
                source = Numbered(loader, length or 1)
            chunk = ledger.begin(pb.RunRequest.FromString(request).chunk)
            for index, number in enumerate(numbers_of(chunk.message)):
                item = ledger.item(chunk, index)
                try:
                    for batch in source.batches(number):
                        batches.whole(batch, item)
                except BaseException as error:
                    item.fail(failures.of_exception(error))
                batches.then(item.finish)


def numbers_of(chunk: Any) -> list[int]:
    """Return the numbers of the batches of a chunk."""
    return [n for part in chunk.parts for n in range(part.range.first, part.range.first + part.range.count)]


class Numbered:
    """A loader's batches by number. Going back restarts the loader.

    A loader may have more or fewer batches than its length: those beyond it belong to the last number, and a number may have none.
    """

    def __init__(self, loader: Any, length: int) -> None:
        self.loader, self.length = loader, length
        self.iterator: Any = None
        self.next = 0

    def batches(self, number: int) -> Iterator[Any]:
        """Yield the batches of one number, usually one."""
        if self.iterator is None or number < self.next:
            if number > 0:
                _refuse_random(self.loader)
            self.iterator, self.next = iter(self.loader), 0
        while self.next < number:
            self.next += 1
            next(self.iterator, None)
        self.next += 1
        if number == self.length - 1:
            yield from self.iterator
            return
        yield from itertools.islice(self.iterator, 1)


def _refuse_random(loader: Any) -> None:
    """Raise RuntimeError if a restarted loader has another order than before: its numbers would mean other batches."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    samplers = [getattr(loader, "sampler", None), getattr(getattr(loader, "batch_sampler", None), "sampler", None)]
    data = torch.utils.data
    random = (data.RandomSampler, data.SubsetRandomSampler, data.WeightedRandomSampler)
    if any(isinstance(sampler, random) for sampler in samplers):
        raise RuntimeError(
            "the worker that began the loader's batches has died, and the loader's order is random, so it is unknown which batches "
            "are left: run it again"
        )
