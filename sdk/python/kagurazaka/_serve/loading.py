"""Forms batches from a stream of items: torch's DataLoader over the host's items."""

from __future__ import annotations

import collections
import threading
from typing import Any, Callable, Iterator, Optional

from .._proto import plugin_pb2 as pb
from ..template import _state
from . import failures, members, native
from . import items as wire
from .batches import Batches
from .ledger import Item, Ledger
from .opened import OpenedTask

# The longest time that an incomplete batch waits for more items while no other batch is under way.
_PATIENCE_S = 0.05
# Keyword arguments of DataLoader that select and order elements, which the host does.
_ORDERING = ("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "batch_by", "batch_window")


def serve_items(opened: OpenedTask, batches: Batches, ledger: Ledger, receive: Callable[[], Optional[bytes]]) -> None:
    """Process the items of chunks until receive returns None."""
    from torch.utils.data import DataLoader
    from torch.utils.data.dataloader import default_collate

    assert opened.template is not None
    options = dict(opened.template.dataloader)
    size = options.get("batch_size", 1)
    options = {name: value for name, value in options.items() if name not in _ORDERING}
    collate = options.pop("collate_fn", None) or default_collate
    if options.get("num_workers") and "multiprocessing_context" not in options:
        # The task may hold objects that cannot be pickled.
        options["multiprocessing_context"] = "fork"
    feed = Feed(opened, ledger, receive, size or 1)
    loader = DataLoader(Loaded(opened.task, opened.has_members), batch_sampler=feed, collate_fn=Collate(collate), **options)
    feed.start()
    _state.outputs = feed.outputs if opened.native else None
    for numbers, errors, batch in loader:
        items = feed.take(numbers)
        for number, error in errors:
            failed = feed.take([number])[0]
            failed.fail(pb.Error.FromString(error))
            batches.then(lambda done=[failed], keys=[number]: feed.finish(done, keys))  # type: ignore[misc]
        if numbers:
            batches.elements(batch, items)
            batches.then(lambda done=items, keys=numbers: feed.finish(done, keys))  # type: ignore[misc]
        if numbers or errors:
            feed.returned()


class Loaded:
    """A map-style dataset whose "indexes" are the items themselves, with their numbers. A failure is also a sample."""

    def __init__(self, task: Any, has_members: bool) -> None:
        self.load: Callable[..., Any] = task.load_data
        self.names: Optional[Callable[..., dict[str, Any]]] = None
        if has_members:
            self.load, self.names = members.Reader(self.load), members.names

    def __getitem__(self, numbered: tuple[int, dict[str, Any]]) -> tuple[int, Any, bytes]:
        number, item = numbered
        try:
            plain = item if self.names is None else self.names(**item)
            return number, {**plain, **self.load(**item)}, b""
        except BaseException as error:
            return number, None, failures.of_exception(error).SerializeToString()


class Collate:
    """Applies the task's collate to the loaded samples: (numbers, [(number, error)], batch)."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, samples: list[tuple[int, Any, bytes]]) -> tuple[list[int], list[tuple[int, bytes]], Any]:
        numbers = [number for number, _, error in samples if not error]
        errors = [(number, error) for number, _, error in samples if error]
        if not numbers:
            return [], errors, None
        try:
            return numbers, errors, self.collate([sample for _, sample, error in samples if not error])
        except BaseException as error:
            problem = failures.of_exception(error).SerializeToString()
            return [], errors + [(number, problem) for number in numbers], None


class Feed:
    """The items that wait to be loaded, as a batch sampler.

    The DataLoader asks for the next batch in the thread that also takes loaded batches out of it. Waiting here while a
    loaded batch waits there would be a deadlock, since the host sends more only as items are finished. While batches are
    under way, this yields an empty batch instead of waiting.
    """

    def __init__(self, opened: OpenedTask, ledger: Ledger, receive: Callable[[], Optional[bytes]], size: int) -> None:
        self.opened = opened
        self.ledger = ledger
        self.receive = receive
        self.size = size
        self.waiting: collections.deque[tuple[int, dict[str, Any]]] = collections.deque()
        self.items: dict[int, Item] = {}
        self.keys: dict[int, str] = {}
        # The outputs that the host has computed, by the path of the item's input.
        self.outputs: dict[str, dict[str, Any]] = {}
        self.changed = threading.Condition()
        self.under_way = 0
        self.closed = False
        self.number = 0

    def start(self) -> None:
        threading.Thread(target=self._receive, name="kagurazaka-items", daemon=True).start()

    def _receive(self) -> None:
        try:
            while (request := self.receive()) is not None:
                self._accept(pb.RunRequest.FromString(request).chunk)
        finally:
            with self.changed:
                self.closed = True
                self.changed.notify_all()

    def _accept(self, message: Any) -> None:
        decoded = [item for part in message.parts for item in wire.decode_part(part)]
        chunk = self.ledger.begin(message, len(decoded))
        for index, item in enumerate(decoded):
            wire.restore_triplets(item, self.opened.input_is_triplet, self.opened.has_files)
            base = item
            number, self.number = self.number, self.number + 1
            if self.opened.native:
                base = native.without_outputs(item)
                outputs = native.outputs_of(item)
                if outputs:
                    self.keys[number] = key = _state.key_of(base)
                    self.outputs[key] = outputs
            with self.changed:
                self.items[number] = self.ledger.item(chunk, index)
                self.waiting.append((number, base))
                self.changed.notify_all()

    def __iter__(self) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> Optional[list[tuple[int, dict[str, Any]]]]:
        with self.changed:
            while len(self.waiting) < self.size and not self.closed:
                if self.under_way:
                    return []
                if not self.changed.wait(_PATIENCE_S if self.waiting else None) and self.waiting:
                    break
            if not self.waiting:
                return None
            self.under_way += 1
            return [self.waiting.popleft() for _ in range(min(self.size, len(self.waiting)))]

    def returned(self) -> None:
        """Record that a batch has come out of the loader."""
        with self.changed:
            self.under_way -= 1

    def take(self, numbers: list[int]) -> list[Item]:
        with self.changed:
            return [self.items.pop(number) for number in numbers]

    def finish(self, items: list[Item], numbers: list[int]) -> None:
        for item, number in zip(items, numbers):
            self.outputs.pop(self.keys.pop(number, ""), None)
            item.finish()
