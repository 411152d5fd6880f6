"""The relay: a gRPC server that forwards the host's requests to the nursery, as bytes."""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable, Iterator, Optional

import grpc

from . import channel, process
from .channel import Channel

MESSAGE_LIMIT = 64 << 20
SERVICE = "kagurazaka.v1.PluginService"
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.so_reuseport", 0),
]

_SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}
# The longest silence of a listing before the nursery is asked to send its items so far. It is asked again after twice the time, up to the
# second bound, since it cannot hear before generate_tasks has returned.
_SILENCE_MS, _LONG_SILENCE_MS = 50, 1000


class NurseryEnded(Exception):
    """The nursery has ended; the argument is its wait status."""


class Nursery:
    """The nursery as the relay sees it."""

    def __init__(self, pid: int, control: Channel, data: Channel) -> None:
        self.pid = pid
        self.control = control
        self.data = data
        self.data_lock = threading.Lock()
        self.events: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self.ended = threading.Event()
        self.status = 0
        self.streaming = False
        self._calls: dict[int, queue.SimpleQueue[Optional[bytes]]] = {}
        self._number = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._receive, name="kagurazaka-control", daemon=True).start()

    def call(self, kind: int, payload: bytes) -> bytes:
        answer: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        with self._lock:
            self._number += 1
            number = self._number
            self._calls[number] = answer
        self.send(kind, payload, number)
        reply = answer.get()
        if reply is None:
            raise NurseryEnded(self.status)
        return reply

    def send(self, kind: int, payload: bytes = b"", number: int = 0) -> None:
        if self.ended.is_set():
            raise NurseryEnded(self.status)
        try:
            self.control.send(kind, payload, number)
        except OSError:
            self.ended.wait()
            raise NurseryEnded(self.status) from None
        self.nudge()

    def nudge(self) -> None:
        """Interrupt user code that lists, so that the nursery reads its channels and sends its items so far."""
        if self.streaming and not self.ended.is_set():
            try:
                os.kill(self.pid, signal.SIGURG)
            except ProcessLookupError:
                pass

    def _receive(self) -> None:
        while (frame := self.control.receive()) is not None:
            if frame.kind == channel.REPLY:
                with self._lock:
                    answer = self._calls.pop(frame.call)
                answer.put(frame.payload)
            elif frame.kind == channel.EVENT:
                self.events.put(frame.payload)
            elif frame.kind == channel.EVENTS_END:
                self.events.put(None)
        self.status = os.waitpid(self.pid, 0)[1]
        self.ended.set()
        self.events.put(None)
        with self._lock:
            calls, self._calls = list(self._calls.values()), {}
        for answer in calls:
            answer.put(None)


class Service:
    """The methods of PluginService and go-plugin's own services."""

    def __init__(self, nursery: Nursery) -> None:
        self.nursery = nursery
        self.leave = threading.Event()

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        unary = {
            "Describe": (channel.DESCRIBE, "DescribeResponse", "loading the task file"),
            "Check": (channel.CHECK, "CheckResponse", "checking the task's arguments"),
            "Open": (channel.OPEN, "OpenResponse", "constructing the task"),
        }
        methods = {name: grpc.unary_unary_rpc_method_handler(partial(self._answered, *call)) for name, call in unary.items()}
        methods["List"] = grpc.unary_stream_rpc_method_handler(self.list)
        methods["Run"] = grpc.stream_stream_rpc_method_handler(self.run)
        methods["Spawn"] = grpc.stream_stream_rpc_method_handler(self.spawn)
        return [grpc.method_handlers_generic_handler(SERVICE, methods), *common_handlers(self.leave.set)]

    def leave_with_nursery(self) -> None:
        self.nursery.ended.wait()
        self.leave.set()

    def _answered(self, kind: int, response: str, doing: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return self.nursery.call(kind, request)
        except NurseryEnded as end:
            from .._proto import plugin_pb2 as pb

            status = end.args[0]
            how = process.how_it_ended(status)
            # Signal 9 comes from outside, so another process may succeed.
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            fault = pb.FAULT_ENVIRONMENT if killed else pb.FAULT_TASK
            error = pb.Error(message=f"{doing}: the process {how}", fault=fault, panic=pb.PanicError(value=how))
            return getattr(pb, response)(error=error).SerializeToString()

    def list(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        nursery = self.nursery
        with nursery.data_lock:
            poller = select.poll()
            poller.register(nursery.data.fileno(), select.POLLIN)
            nursery.streaming = True
            finished = False
            try:
                nursery.send(channel.LIST, request)
                while True:
                    silence = _SILENCE_MS
                    while not poller.poll(silence):
                        nursery.nudge()
                        silence = min(2 * silence, _LONG_SILENCE_MS)
                    frame = nursery.data.receive()
                    if frame is None or frame.kind == channel.END:
                        finished = True
                        break
                    yield frame.payload
                if frame is None:
                    self._broken(context)
            finally:
                nursery.streaming = False
                if not finished:
                    # The host has cancelled the call: nothing reads the rest.
                    nursery.data.close()

    def run(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        nursery = self.nursery

        def forward() -> None:
            try:
                for request in requests:
                    nursery.data.send(channel.MESSAGE, request)
                nursery.data.send(channel.END)
            except Exception:
                # Either the nursery ended, which the receiving side reports, or the host is gone.
                nursery.data.close_sending()

        with nursery.data_lock:
            nursery.send(channel.RUN)
            threading.Thread(target=forward, name="kagurazaka-run", daemon=True).start()
            while True:
                frame = nursery.data.receive()
                if frame is None:
                    self._broken(context)
                if frame is None or frame.kind == channel.END:
                    return
                yield frame.payload

    def spawn(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        nursery = self.nursery

        def forward() -> None:
            try:
                for request in requests:
                    nursery.send(channel.SPAWN, request)
                nursery.send(channel.SPAWN_END)
            except Exception:  # the host or the nursery is gone, which other threads notice
                nursery.events.put(None)

        threading.Thread(target=forward, name="kagurazaka-spawn", daemon=True).start()
        while (event := nursery.events.get()) is not None:
            yield event
        if nursery.ended.is_set():
            self._broken(context)

    def _broken(self, context: grpc.ServicerContext) -> None:
        self.nursery.ended.wait(5)
        how = process.how_it_ended(self.nursery.status)
        context.abort(grpc.StatusCode.UNAVAILABLE, f"the process that holds the task {how}")


def common_handlers(shutdown: Callable[[], None]) -> list[grpc.GenericRpcHandler]:
    """Return the services that go-plugin requires of every plugin: health, controller, standard streams (kept open, unused)."""

    def until_cancelled(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        done = threading.Event()
        if context.add_callback(done.set):
            done.wait()
        return
        yield

    def watch(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield _SERVING
        yield from until_cancelled(request, context)

    def stop(request: bytes, context: grpc.ServicerContext) -> bytes:
        shutdown()
        return b""

    def check(request: bytes, context: grpc.ServicerContext) -> bytes:
        return _SERVING

    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    return [
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": unary(check), "Watch": stream(watch)}),
        grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": unary(stop)}),
        grpc.method_handlers_generic_handler("plugin.GRPCStdio", {"StreamStdio": stream(until_cancelled)}),
    ]


def _pool(threads: int) -> ThreadPoolExecutor:
    """Return a pool whose threads all run already: gRPC never answers a call for which it finds no thread."""
    pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="kagurazaka-grpc")
    gate = threading.Event()
    try:
        for _ in range(threads):
            pool.submit(gate.wait)
    finally:
        gate.set()
    return pool


def start_server(handlers: list[Any], path: str, threads: int) -> grpc.Server:
    """Start a server on a unix socket that answers up to `threads` calls at once."""
    server = grpc.server(_pool(threads), handlers=handlers, options=OPTIONS)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    return server


def stop_server(server: grpc.Server, grace: float, patience: float) -> bool:
    """Stop the server once running calls have ended. Returns False if the thread for that cannot start."""
    try:
        server.stop(grace=grace).wait(patience)
    except RuntimeError:
        return False
    return True


def serve(pid: int, control: Channel, data: Channel, path: str, aside: int) -> int:
    """Answer the host on the unix socket until it sends Shutdown or the nursery ends. Returns the exit code."""
    process.collect_garbage()
    nursery = Nursery(pid, control, data)
    service = Service(nursery)
    server = start_server(service.handlers(), path, threads=8)
    os.write(aside, f"1|1|unix|{path}|grpc\n".encode())
    os.close(aside)

    watcher = threading.Thread(target=service.leave_with_nursery, daemon=True)
    watcher.start()
    service.leave.wait()
    if nursery.ended.is_set():
        # Running calls get their answer; then this process ends in the same way as the nursery.
        print(f"kagurazaka: the process that holds the task {process.how_it_ended(nursery.status)}", file=sys.stderr)
        stop_server(server, 1, 2)
        process.imitate(nursery.status)
    try:
        nursery.send(channel.QUIT)
    except NurseryEnded:
        pass
    # The host limits how long user code may take to end.
    nursery.ended.wait()
    stop_server(server, 0.2, 0.5)
    if nursery.status:
        process.imitate(nursery.status)
    return 0
