"""Workers: processes that answer Run."""

from __future__ import annotations

import atexit
import gc
import itertools
import os
import queue
import signal
import sys
import threading
from typing import Any, Iterator, NoReturn, Optional

from .._proto import plugin_pb2 as pb
from . import children, closing, failures, process, stages
from .heartbeat import Heartbeat
from .opened import OpenedTask
from .running import Runner

# The longest time that threads which carry chunks wait for a task that holds the interpreter.
_SWITCH_S = 0.001


def runner(opened: OpenedTask, request: Any, listed: Any) -> Any:
    """Return the server of Run for this task."""
    if request.stage in stages.STAGES:
        return stages.server(opened, request, listed)
    if opened.is_device and request.debug.terminal:
        from .onebyone import OneByOne

        return OneByOne(opened, request)
    if opened.is_device:
        from . import device

        return device.DeviceServer(opened, request)
    heartbeat = Heartbeat(request.heartbeat_path)
    children.end_behind_the_task(heartbeat)
    made = Runner(opened, heartbeat, listed)
    if request.debug.terminal or request.debug.wait:
        from . import debugging

        debugging.attach(made, request.debug)
    return made


def main(opened: OpenedTask, request: Any, listed: Any, address: str, ready: int, lifelines: list[int]) -> NoReturn:
    """Run a worker in a process that was just forked: listen on the address, report on `ready`, answer one Run stream."""
    in_user_code = False
    try:
        process.own_output(request.stderr_path)
        if request.HasField("placement"):
            from . import placement

            # Before there is any other thread.
            placement.take(request.placement)
        process.leave_signals_to_host()
        process.watch(lifelines)
        process.empty_stdin()
        # The parent runs its own exit functions.
        atexit._clear()
        gc.enable()
        _be_of_pool(request.worker_index, lifelines[0])
        opened.prepare_outputs(request)
        sys.setswitchinterval(_SWITCH_S)
        in_user_code = opened.is_device
        chunks = runner(opened, request, listed)
        in_user_code = False
        stream = Stream()
        from .relay import SERVICE, common_handlers, start_server, stop_server

        server = start_server([stream.handler(SERVICE), *common_handlers(lambda: os._exit(0))], address, threads=2)
    except BaseException as error:
        problem = failures.of_task(error)
        if not in_user_code:
            # The machine has no room for one more worker now.
            problem.fault = pb.FAULT_ENVIRONMENT
        _report(ready, problem.SerializeToString() + b"\n")
        os._exit(1)
    _report(ready, b"\n")
    os.close(ready)
    chunks.serve(stream.received.get, stream.answers.put)
    failed = closing.of_worker()
    if failed is not None and "close" in request.capabilities:
        stream.answers.put(closing.message(failed))
    stream.answers.put(None)
    if not stop_server(server, 10, 10):
        stream.ended.wait(10)
    # The end of the stream may be lost when the process exits: the code tells, too.
    os._exit(0 if failed is None else 1)


def _report(ready: int, message: bytes) -> None:
    os.write(ready, message)
    # The nursery may be in user code that blocks.
    os.kill(os.getppid(), signal.SIGURG)


class Stream:
    """The Run call, seen from the thread that works: chunks come out of one queue, answers go into another."""

    def __init__(self) -> None:
        self.received: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self.ended = threading.Event()
        self._calls: queue.SimpleQueue[Iterator[bytes]] = queue.SimpleQueue()
        # Before the worker reports that it is ready: the machine may have no room for a thread.
        threading.Thread(target=self._forward, name="kagurazaka-run", daemon=True).start()

    def handler(self, service: str) -> Any:
        import grpc

        methods = {"Run": grpc.stream_stream_rpc_method_handler(self.run)}
        return grpc.method_handlers_generic_handler(service, methods)

    def run(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        if not context.add_callback(self.ended.set):
            self.ended.set()
        self._calls.put(requests)
        while (answer := self.answers.get()) is not None:
            yield answer

    def _forward(self) -> None:
        try:
            for request in self._calls.get():
                self.received.put(request)
        except Exception:
            # The host is gone, and nobody will read the results.
            os._exit(0)
        self.received.put(None)


def _be_of_pool(index: int, lifeline: int) -> None:
    """Make this process look like a worker of multiprocessing's pool: by name (tasks pick devices by it), and as newly forked.

    Objects of multiprocessing then notice that they are in another process: a queue starts its own thread, a manager's proxy
    connects again, and children and finalizers stay with the parent.
    """
    import multiprocessing.process as mp

    current: Any = mp.current_process()
    parent = current.name
    current._identity = (index + 1,)
    current.name = f"ForkPoolWorker-{index + 1}"
    known: Any = mp
    known._parent_process = known._ParentProcess(parent, os.getppid(), lifeline)
    known._process_counter = itertools.count(1)
    known._children = set()
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None:
        util._finalizer_registry.clear()
        util._run_after_forkers()
