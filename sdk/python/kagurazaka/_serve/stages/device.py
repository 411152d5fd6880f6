"""The DEVICE stage: inference of one batch after another, while other threads receive and copy batches."""

from __future__ import annotations

import ctypes
import gc
import os
import queue
import sys
import threading
import time
import traceback
from typing import Any, Callable, Optional, Union

from ..._count import count_of
from ..._proto import plugin_pb2 as pb
from ...task.torch_vanilla import batch_length, has_elements
from .. import failures
from ..opened import OpenedTask
from . import capable, common, context
from .collating import BadBatch
from .elements import Postprocessor, check_length
from .memory import Memory
from .payload import Packed, RegionTooSmall, unpack

# The switch for copying batches to the device ahead, and the exit code of a process whose context is broken.
COPY_AHEAD = "KAGURAZAKA_COPY_AHEAD"
BROKEN = 70

_SWITCH_S = 0.001


class Work:
    """A batch in this process."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self.result = pb.BatchResult(id=message.id, count=common.size_of(message))
        self.batch: Any = None
        self.inputs: Any = None
        self.results: Any = None
        self.size = 0
        self.event: Any = None
        self.began = self.ended = 0


class StageServer:
    """Infers batches in the main thread. One thread receives them, another postprocesses or copies the results."""

    def __init__(self, opened: OpenedTask, request: Any) -> None:
        self.opened, self.task = opened, opened.task
        self.device = request.device or "cuda"
        self.memory = Memory(request.memory)
        context.join()
        context.require(self.device)
        torch = sys.modules.get("torch")
        if torch is not None and self.device.startswith("cuda:") and torch.cuda.is_available():
            torch.cuda.set_device(self.device)
        common.use_all_cores()
        opened.task.load_model(self.device)
        self.postprocessor = Postprocessor(opened)
        self.cuda = Cuda(self.device) if uses_cuda(self.device) else None
        # Regions are reused, so a task that may keep tensors gets copies. On CUDA each batch is copied to pinned memory anyway.
        self.copy: Any = own_copy if capable.keeps(type(opened.task)) else None
        if self.cuda is not None:
            self.copy = self.cuda.pinned_copy
        self.copier: Any = None
        if self.cuda is not None and _copies_ahead(opened.task):
            from .ahead import Copier

            self.copier = Copier(self.cuda.device)
        self.ready: queue.SimpleQueue[Optional[Work]] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[Union[Work, threading.Event, None]] = queue.SimpleQueue()
        self.last = time.perf_counter_ns()

    def serve(self, receive: Callable[[], Optional[bytes]], send: Callable[[bytes], None]) -> None:
        """Serve until receive returns None."""
        sys.setswitchinterval(_SWITCH_S)
        # Garbage collection through all of torch's objects would stop the device meanwhile.
        gc.freeze()
        threading.Thread(target=self._receive, args=(receive,), name="kagurazaka-batches", daemon=True).start()
        handing_on = threading.Thread(target=self._hand_on, args=(send,), name="kagurazaka-postprocess", daemon=True)
        handing_on.start()
        while (work := self.ready.get()) is not None:
            if not work.result.HasField("error"):
                self._infer(work)
            self.done.put(work)
            del work
        self.done.put(None)
        handing_on.join()

    def _receive(self, receive: Callable[[], Optional[bytes]]) -> None:
        try:
            if self.cuda is not None:
                self.cuda.enter_thread()
            while (request := receive()) is not None:
                work = Work(pb.RunRequest.FromString(request).batch)
                try:
                    work.batch = work.inputs = unpack(work.message.loaded, self.memory, self.copy)
                    work.size = batch_length(work.batch)
                    if self.copier is not None:
                        work.inputs = self.copier.copy(work.batch)
                except BaseException as error:
                    self._fail(work, error)
                self.ready.put(work)
        except ConnectionError:
            pass
        finally:
            self.ready.put(None)

    def _infer(self, work: Work) -> None:
        work.began = time.perf_counter_ns()
        before = versions(work.batch)
        if not self._inferred(work, before if self.cuda is not None else None):
            # The batches before this one may still have had results on the device.
            self._drain()
            self.cuda.torch.cuda.empty_cache()  # type: ignore[union-attr]
            self._inferred(work, None)
        work.inputs = None
        work.ended = time.perf_counter_ns()

    def _inferred(self, work: Work, before: Optional[list[int]]) -> bool:
        """Infer a batch. Returns False if the device's memory was full and the batch's tensors are unchanged, so that it may
        be tried again."""
        try:
            work.results = self.task.inference(self.device, work.size, **work.inputs)
            if self.cuda is not None:
                work.event = self.cuda.record()
        except BaseException as error:
            if before is not None and out_of_memory(error) and versions(work.batch) == before:
                _let_go(error)
                return False
            self._fail(work, error)
        return True

    def _drain(self) -> None:
        """Wait until all batches before this one are answered."""
        drained = threading.Event()
        self.done.put(drained)
        drained.wait()

    def _hand_on(self, send: Callable[[bytes], None]) -> None:
        if self.cuda is not None:
            self.cuda.enter_thread()
        connected = True
        while (work := self.done.get()) is not None:
            if isinstance(work, threading.Event):
                work.set()
                continue
            if work.began and not work.result.HasField("error"):
                try:
                    if work.event is not None and not work.event.query():
                        work.event.synchronize()
                        work.ended = time.perf_counter_ns()
                    self._finish(work)
                except BaseException as error:
                    self._fail(work, error)
            self._stamp(work)
            work.batch = work.results = None
            if connected:
                try:
                    send(common.answer(work.result))
                except ConnectionError:
                    connected = False  # the host is gone
            del work

    def _stamp(self, work: Work) -> None:
        if not work.began:
            return
        # Batches whose inference only starts the device's work overlap; the overlap counts once.
        began = max(work.began, self.last)
        work.result.idle_ns = began - self.last
        work.result.busy_ns = max(0, work.ended - began)
        self.last = max(work.ended, began)

    def _finish(self, work: Work) -> None:
        """Postprocess here if the batch has no region, or copy the results into it."""
        message, results = work.message, work.results
        if not message.HasField("region"):
            if has_elements(results) and not self.postprocessor.whole:
                check_length(results, work.size)
            self.postprocessor.run(message, work.batch, results, work.result)
            return
        if has_elements(results):
            check_length(results, work.size)
        else:
            results = None  # postprocess_each would not be called for these
        packed = Packed(results)
        if self.cuda is not None and packed.asynchronous:
            payload = self._copied(packed, message.region, work.event)
        else:
            payload = packed.write(self.memory, message.region)
        work.result.payload.CopyFrom(payload)

    def _copied(self, packed: Packed, region: Any, after: Any) -> Any:
        """Copy results from the device into a region."""
        assert self.cuda is not None
        size = packed.size()
        buffer = self.cuda.outputs.take(size) if size <= region.size else None
        if buffer is None:
            return self.cuda.copied(lambda: packed.write(self.memory, region), after)
        window = self.cuda.window(self.memory, buffer, region.offset)
        payload = self.cuda.copied(lambda: packed.write(window, region), after)
        window.flush(payload.used)
        self.cuda.outputs.give(buffer)
        return payload

    def _fail(self, work: Work, error: BaseException) -> None:
        if isinstance(error, (BadBatch, RegionTooSmall)):
            problem = error.error()
        else:
            problem = failures.of_exception(error)
            if self.cuda is not None:
                if out_of_memory(error):
                    _let_go(error)
                    work.results = None
                    self.cuda.report_out_of_memory(problem, work.size)
                else:
                    self.cuda.leave_if_broken(problem)
        work.result.error.CopyFrom(problem)
        del work.result.failures[:]


class Cuda:
    """The SDK's own use of CUDA."""

    def __init__(self, device: str) -> None:
        import torch

        from .pinned import Buffers, Window

        self.torch = torch
        self.window = Window
        self.device = torch.device(device)
        if self.device.index is None:
            self.device = torch.device("cuda", torch.cuda.current_device())
        self.stream = torch.cuda.Stream(self.device)
        self.outputs = Buffers(2)

    def enter_thread(self) -> None:
        """Make the device the current one of this thread, which starts with device 0."""
        self.torch.cuda.set_device(self.device)

    def pinned_copy(self, value: Any) -> Any:
        """Return a copy in pinned memory, which the device can read directly."""
        if not isinstance(value, self.torch.Tensor):
            return value.copy()
        made = self.torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
        # torch would copy with all cores, which the other stages need.
        ctypes.memmove(made.data_ptr(), value.data_ptr(), value.numel() * value.element_size())
        return made

    def record(self) -> Any:
        """Return an event after everything that the main thread has started so far."""
        # A blocking event: a thread that waits for it does not use the processor.
        event = self.torch.cuda.Event(blocking=True)
        event.record(self.torch.cuda.current_stream(self.device))
        return event

    def copied(self, copy: Callable[[], Any], after: Any) -> Any:
        """Run copies on a separate stream, after the event, and wait for them."""
        with self.torch.cuda.stream(self.stream):
            if after is not None:
                self.stream.wait_event(after)
            made = copy()
            event = self.torch.cuda.Event(blocking=True)
            event.record(self.stream)
        event.synchronize()
        return made

    def report_out_of_memory(self, problem: Any, size: int) -> None:
        """Turn the error into one of the device's memory, and empty torch's cache."""
        self.torch.cuda.empty_cache()
        free, total = self.torch.cuda.mem_get_info(self.device)
        problem.ClearField("item")
        problem.device_memory.free, problem.device_memory.total = free, total
        problem.fault = pb.FAULT_ENVIRONMENT
        problem.message = (
            f"a batch of {count_of(size, 'item')} does not fit into the memory of {self.device} "
            f"({free >> 20} of {total >> 20} MiB are free): use a smaller --batch_size, or auto. {problem.message}"
        )

    def leave_if_broken(self, problem: Any) -> None:
        """End the process if its CUDA context can no longer be used: another process can do the work."""
        try:
            self.torch.cuda.synchronize(self.device)
        except BaseException as error:
            print(f"kagurazaka: {self.device} can no longer be used by this process: {error}\n{problem.traceback}", file=sys.stderr)
            sys.stderr.flush()
            os._exit(BROKEN)


def own_copy(value: Any) -> Any:
    """Return a copy of a tensor or an array."""
    return value.clone() if hasattr(value, "clone") else value.copy()


def versions(batch: Any) -> list[int]:
    """Return how often each tensor of a batch was changed in place."""
    return [value._version for value in batch.values() if hasattr(value, "_version")]


def uses_cuda(device: str) -> bool:
    """Return whether the task runs on a CUDA device with torch."""
    torch = sys.modules.get("torch")
    return device.startswith("cuda") and torch is not None and bool(torch.cuda.is_available())


def out_of_memory(error: BaseException) -> bool:
    """Return whether an exception means that the device's memory is full."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    if isinstance(error, getattr(torch.cuda, "OutOfMemoryError", ())):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("CUDA out of memory" in text or "_ALLOC_FAILED" in text)


def _let_go(error: BaseException) -> None:
    """Clear a failed inference's frames, which hold memory of the device."""
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None


def _copies_ahead(task: Any) -> bool:
    chosen = os.environ.get(COPY_AHEAD, "")
    if chosen:
        return chosen == "1"
    return bool(getattr(task, "kagurazaka_copy_ahead", False))
