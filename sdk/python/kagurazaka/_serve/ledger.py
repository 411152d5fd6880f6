"""The outcomes of chunks whose items are finished out of order and by several threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Callable, Optional

from .._proto import plugin_pb2 as pb
from .heartbeat import FAILED, SKIPPED, Heartbeat
from .ranges import add_ranges
from .unwritten import Unwritten

_DONE = 255


class Chunk:
    """A chunk with items that are not finished yet."""

    def __init__(self, message: Any, count: int) -> None:
        self.message = message
        self.count = count
        self.outcomes = bytearray(count)
        self.left = count
        self.unwritten = 0
        self.oldest = 0
        self.failures: list[Any] = []
        self.began = time.perf_counter_ns()
        self.here = 0


class Item:
    """One item of a chunk. Its outcome is "done", unless `skip` or `fail` is called before `finish`."""

    def __init__(self, ledger: Ledger, chunk: Chunk, index: int) -> None:
        self.ledger, self.chunk, self.index = ledger, chunk, index
        self.skipped = False
        self.error: Optional[Any] = None
        self.worked = False
        # Whether it is done without the output that the finish check looks for.
        self.unwritten = False

    def skip(self) -> None:
        """Mark the item as finished before. This has no effect on a batch of which a part was processed."""
        self.skipped = not self.worked

    def work(self) -> None:
        self.worked, self.skipped = True, False

    def fail(self, error: Any) -> None:
        """Mark the item as failed. The first error counts."""
        if self.error is None:
            self.error = error

    def finish(self) -> None:
        self.ledger.finish(self)


class Ledger:
    """The chunks that are not answered yet, in order."""

    def __init__(self, heartbeat: Heartbeat, send: Callable[[bytes], None]) -> None:
        self.heartbeat = heartbeat
        self.send = send
        self.chunks: deque[Chunk] = deque()
        self.lock = threading.Lock()
        # The counter of items that are done without their output.
        self.unwritten: Optional[Unwritten] = None

    def begin(self, message: Any, count: Optional[int] = None) -> Chunk:
        if count is None:
            count = sum(part.range.count for part in message.parts)
        chunk = Chunk(message, count)
        chunk.here = self.heartbeat.begin(message.slot, message.id, count)
        with self.lock:
            self.chunks.append(chunk)
            self._answer()
        return chunk

    def item(self, chunk: Chunk, index: int) -> Item:
        return Item(self, chunk, index)

    def finish(self, item: Item) -> None:
        chunk, outcome = item.chunk, _DONE
        with self.lock:
            page, at = self.heartbeat.page, self.heartbeat.outcomes(chunk.message.slot) + item.index
            if item.error is not None:
                outcome = page[at] = FAILED
                chunk.failures.append(pb.ItemFailure(index=item.index, error=item.error))
            elif item.skipped:
                outcome = page[at] = SKIPPED
            elif item.unwritten:
                chunk.unwritten += 1
            chunk.outcomes[item.index] = outcome
            while chunk.oldest < chunk.count and chunk.outcomes[chunk.oldest]:
                chunk.oldest += 1
            self.heartbeat.words[chunk.here] = chunk.oldest
            chunk.left -= 1
            self._answer()

    def _answer(self) -> None:
        while self.chunks and self.chunks[0].left == 0:
            chunk = self.chunks.popleft()
            result = pb.ChunkResult(id=chunk.message.id, count=chunk.count, busy_ns=time.perf_counter_ns() - chunk.began)
            result.failures.extend(sorted(chunk.failures, key=lambda failure: failure.index))
            if chunk.unwritten and self.unwritten is not None:
                result.unwritten = chunk.unwritten
                result.unwritten_example.CopyFrom(self.unwritten.example())
            add_ranges(result.skipped, (i for i, outcome in enumerate(chunk.outcomes) if outcome == SKIPPED))
            self.send(pb.RunResponse(result=result).SerializeToString())
