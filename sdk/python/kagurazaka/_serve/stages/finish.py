"""The FINISH stage: it postprocesses batches and concludes their outputs."""

from __future__ import annotations

from typing import Any, Callable, Optional

from ..._proto import plugin_pb2 as pb
from .. import failures
from ..opened import OpenedTask
from . import common
from .elements import Postprocessor
from .memory import Memory
from .payload import unpack


class FinishServer:
    """Answers batches after postprocessing their elements."""

    def __init__(self, opened: OpenedTask, request: Any) -> None:
        self.memory = Memory(request.memory)
        self.postprocessor = Postprocessor(opened)
        common.use_few_cores(common.FINISHER, request)

    def serve(self, receive: Callable[[], Optional[bytes]], send: Callable[[bytes], None]) -> None:
        """Serve until receive returns None."""
        clock = common.Clock()
        while (request := receive()) is not None:
            clock.begin()
            batch = pb.RunRequest.FromString(request).batch
            result = pb.BatchResult(id=batch.id, count=common.size_of(batch))
            try:
                loaded, results = unpack(batch.loaded, self.memory), unpack(batch.result, self.memory)
            except BaseException as error:
                result.error.CopyFrom(failures.of_exception(error))
            else:
                self.postprocessor.run(batch, loaded, results, result)
            clock.stamp(result)
            send(common.answer(result))
