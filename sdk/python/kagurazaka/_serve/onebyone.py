"""Device tasks in pdb: one item at a time goes through loading, inference and postprocessing in one thread of one process."""

from __future__ import annotations

from typing import Any

from .._proto import plugin_pb2 as pb
from ..template import _state
from . import debugging, failures, members, native
from . import items as wire
from .device import DeviceServer, Numbered, Receive, Send, host_makes_items, numbers_of, own_loader
from .ledger import Ledger
from .opened import OpenedTask
from .stages.collating import Collate


class OneByOne(DeviceServer):
    """Answers chunks. An item is a batch of its own, or is a batch of the task's own loader."""

    def __init__(self, opened: OpenedTask, request: Any) -> None:
        with debugging.terminal(request.debug.terminal):
            super().__init__(opened, request)
        self.terminal = request.debug.terminal

    def serve(self, receive: Receive, send: Send) -> None:
        """Serve until receive returns None."""
        made_here = not host_makes_items(self.opened)
        debugged = debugging.on_terminal(self._batches if made_here else self._item, self.terminal, goes_on=True)
        ledger = Ledger(self.heartbeat, send)
        while (request := receive()) is not None:
            message = pb.RunRequest.FromString(request).chunk
            if made_here:
                todo = [{"number": number} for number in numbers_of(message)]
            else:
                todo = [item for part in message.parts for item in wire.decode_part(part)]
            chunk = ledger.begin(message, len(todo))
            for index, item in enumerate(todo):
                entry = ledger.item(chunk, index)
                entry.work()
                try:
                    debugged(**item)
                except BaseException as error:
                    entry.fail(failures.of_exception(error))
                entry.finish()

    def _item(self, **item: Any) -> None:
        opened, task = self.opened, self.opened.task
        assert opened.template is not None
        wire.restore_triplets(item, opened.input_is_triplet, opened.has_files)
        if opened.native:
            outputs, item = native.outputs_of(item), native.without_outputs(item)
            _state.outputs = {_state.key_of(item): outputs}
        load, plain = task.load_data, item
        if opened.has_members:
            load, plain = members.Reader(load), members.names(**item)
        batch = Collate(opened.template.dataloader).function([{**plain, **load(**item)}])
        task(device=self.device, batch=batch)

    def _batches(self, number: int) -> None:
        loader, length = own_loader(self.opened)
        for batch in Numbered(loader, length or 1).batches(number):
            self.opened.task(device=self.device, batch=batch)
