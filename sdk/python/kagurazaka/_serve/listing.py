"""Listing: a task's own items as a stream of ListResponses."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Callable

from .._proto import plugin_pb2 as pb
from . import failures
from .items import Encoder
from .listed import Listed, listed
from .opened import OpenedTask

Send = Callable[[bytes], None]
# The most items of a generator's block. Several passes go over them, so they should fit into the cache of a core.
_STREAM_ITEMS = 2048


class Lister:
    """Lists once. A list that is answered by index goes to `share`, for workers that are forked later.

    While user code yields items, the relay may interrupt it with SIGURG. The lister then sends the items so far, and
    calls `serve_others` to read the control channel (a worker may have to be forked).
    """

    def __init__(self, opened: OpenedTask, send: Send, serve_others: Callable[[], None], share: Callable[[Any], None]) -> None:
        self.opened = opened
        self.send = send
        self.serve_others = serve_others
        self.share = share
        self._pending: list[Any] = []
        self._encoder = Encoder(0, 0)
        self._busy = True
        self._starving = self._missed = False
        self._sent = False

    def run(self, request: Any) -> None:
        """Answer a ListRequest."""
        self._encoder = Encoder(request.max_items, request.max_bytes, request.accept_marshal, replace=not request.accept_indexed)
        try:
            items = self._items()
            if type(items) not in (list, tuple):
                if isinstance(items, Sequence):
                    items = list(items)
                else:
                    items = iter(items)
        except BaseException as error:
            self._respond(error=failures.of_task(error))
            return
        try:
            if isinstance(items, Iterator):
                self._stream(items, request.accept_indexed)
            elif request.accept_indexed:
                shared = listed(items)
                self.share(shared)
                self._respond(indexed=len(shared))
            else:
                self._respond(total=len(items))
                for first in range(0, len(items), self._encoder.max_items):
                    self._send_blocks(items[first : first + self._encoder.max_items])
        except ConnectionError:
            raise
        except BaseException as error:
            self._respond(error=failures.of_task(error))

    def _items(self) -> Any:
        template = self.opened.template
        if self.opened.is_device and template is not None:
            return template.listed(list)
        if self.opened.native and template is not None and template.input_mode is None:
            # The mixin removed the input mode. The host shards the task's own items.
            return type(self.opened.task).generate_tasks._kagurazaka_own(self.opened.task)
        return self.opened.task.generate_tasks()

    def _stream(self, items: Iterator[Any], accept_indexed: bool) -> None:
        """Send items as they are yielded, in blocks; nothing is kept."""
        previous = signal.signal(signal.SIGURG, self._nudged)
        # A worker's death must be noticed, too, unless user code handles the deaths of children itself.
        watched = signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
        if watched:
            signal.signal(signal.SIGCHLD, self._nudged)
        pending, limit = self._pending, min(self._encoder.max_items, _STREAM_ITEMS)
        append = pending.append
        self._busy = False
        try:
            more = True
            while more:
                more = False
                # A hot loop: one process runs it for each item of a generator, for all workers.
                for item in islice(items, limit):
                    append(item)
                    more = True
                    if self._starving:
                        break
                self._flush()
        except Unsendable:
            if not accept_indexed or self._sent:
                raise
            # Nothing was sent yet, so the workers can inherit the items by fork instead.
            self._busy = True
            pending.extend(items)
            self.share(Listed(pending))
            self._respond(indexed=len(pending))
        finally:
            self._busy = True
            signal.signal(signal.SIGURG, previous)
            if watched:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def _flush(self) -> None:
        self._busy = True
        self._starving = False
        taken = self._pending[:]
        if taken:
            # Marshal takes longer for objects with more references.
            self._pending.clear()
            try:
                self._send_blocks(taken)
            except Unsendable:
                self._pending[:0] = taken
                raise
        self.serve_others()
        self._busy = False
        if self._missed:
            self._nudged()

    def _nudged(self, signum: int = 0, frame: Any = None) -> None:
        if self._busy:
            self._missed = True
            return
        self._missed = False
        starving = not self._pending
        try:
            self._flush()
        except Unsendable:
            # It must not end the user's generator. After the next item the loop meets it again.
            self._busy = False
            starving = True
        self._starving = starving

    def _send_blocks(self, items: list[Any]) -> None:
        try:
            for response in self._encoder.blocks(items):
                self.send(response.SerializeToString())
                self._sent = True
        except ConnectionError:
            raise
        except Exception as error:
            raise Unsendable("an item cannot be pickled, so it cannot be sent to a worker") from error

    def _respond(self, **message: Any) -> None:
        self.send(pb.ListResponse(**message).SerializeToString())


class Unsendable(TypeError):
    """An item can neither be JSON nor be pickled."""
