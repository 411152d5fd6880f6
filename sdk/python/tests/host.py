"""A small host for tests: starts `python kagurazaka_serve.py FILE`, as the real one does, and drives it as the contract says."""

from __future__ import annotations

import mmap
import os
import pathlib
import queue
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from typing import Any, Iterator, Sequence

import grpc

SDK = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SDK))

from kagurazaka._proto import plugin_pb2 as pb  # noqa: E402

MAGIC = 0x3130305442485A4B
PAGE = 4096 + 4 * 16384
LIMIT = 64 << 20
OPTIONS = [("grpc.max_receive_message_length", LIMIT), ("grpc.max_send_message_length", LIMIT)]
SCRIPT, MODULE = (str(SDK / "kagurazaka_serve.py"),), ("-m", "kagurazaka.serve")
SERVICE = "/kagurazaka.v1.PluginService/"


def direct_page(folder: pathlib.Path) -> dict[str, str]:
    """A page as a host makes it, and the file of unfinished outputs."""
    fd, page = tempfile.mkstemp(prefix="page-test-", dir=folder)
    os.write(fd, b"KGZPAGE1" + struct.pack("<Q", 4096) + bytes(48) + b'{"host":"here","pid":1}' + bytes(1 << 16))
    os.truncate(page, 1 << 16)
    os.close(fd)
    return {"page": page, "unfinished": str(folder / "unfinished"), "run": "page-test-"}


def notes_of(page: str) -> list[str]:
    """What a page has noted."""
    data = pathlib.Path(page).read_bytes()
    (where,) = struct.unpack_from("<Q", data, 8)
    texts = data[where : data.index(b"\0\0", where) if data[where] else where].split(b"\0")
    return [os.fsdecode(text) for text in texts if text]


class Stub:
    """The calls of one address."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(f"unix:{address}", options=OPTIONS)
        grpc.channel_ready_future(self.channel).result(timeout=20)

        def unary(name: str, response: Any) -> Any:
            return self.channel.unary_unary(SERVICE + name, lambda m: m.SerializeToString(), response.FromString)

        self.describe = unary("Describe", pb.DescribeResponse)
        self.check = unary("Check", pb.CheckResponse)
        self.open = unary("Open", pb.OpenResponse)
        self.list = self.channel.unary_stream(SERVICE + "List", lambda m: m.SerializeToString(), pb.ListResponse.FromString)
        self.run = self.channel.stream_stream(SERVICE + "Run", lambda m: m.SerializeToString(), pb.RunResponse.FromString)
        self.spawn = self.channel.stream_stream(SERVICE + "Spawn", lambda m: m.SerializeToString(), pb.SpawnResponse.FromString)
        self.health = self.channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)
        self.shutdown = self.channel.unary_unary("/plugin.GRPCController/Shutdown", bytes, bytes)
        self.stdio = self.channel.unary_stream("/plugin.GRPCStdio/StreamStdio", bytes, bytes)


class Requests:
    """A request stream that is fed by hand."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[Any]:
        while (request := self.queue.get()) is not None:
            yield request

    def put(self, request: Any) -> None:
        self.queue.put(request)

    def close(self) -> None:
        self.queue.put(None)


class Worker:
    """A Run stream."""

    def __init__(self, stub: Stub, page: str = "", pid: int = 0) -> None:
        self.stub = stub
        self.pid = pid
        self.page = page
        self.requests = Requests()
        self.answers = stub.run(iter(self.requests))
        self.number = 0

    def send(self, *parts: Any) -> int:
        self.number += 1
        chunk = pb.Chunk(id=self.number, slot=self.number % 4, parts=parts)
        self.requests.put(pb.RunRequest(chunk=chunk))
        return self.number

    def range(self, first: int, count: int) -> int:
        return self.send(pb.Part(range=pb.IndexRange(first=first, count=count)))

    def block(self, block: Any, skip: int = 0, take: int = 0) -> int:
        return self.send(pb.Part(block=block, skip=skip, take=take))

    def answer(self) -> Any:
        return next(self.answers).result

    def finish(self) -> list[Any]:
        self.requests.close()
        return [answer.result for answer in self.answers]

    def heartbeat(self, slot: int) -> tuple[int, int, int]:
        with open(self.page, "rb") as file:
            file.seek(64 * (slot + 1))
            return struct.unpack("<QQQ", file.read(24))


class Host:
    """A plugin process and what a host does with it. Use it in a with statement."""

    def __init__(
        self, file: str, *, python: str = sys.executable, start: Sequence[str] = SCRIPT, stdin: Any = subprocess.DEVNULL, **environment: str
    ) -> None:
        self.folder = tempfile.mkdtemp(prefix="kg-test-")
        self.lifeline_read, self.lifeline = os.pipe()
        env = {
            **os.environ,
            "KAGURAZAKA_PLUGIN": "8f0d1c2e-task-plugin",
            "PLUGIN_UNIX_SOCKET_DIR": self.folder,
            "KAGURAZAKA_LIFELINE": str(self.lifeline_read),
            "PYTHONPATH": str(SDK),
            **environment,
        }
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            [python, *start, str(file)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            pass_fds=[self.lifeline_read],
            start_new_session=True,  # a process group of its own
        )
        os.close(self.lifeline_read)
        self.reader = threading.Thread(target=self._read_errors, daemon=True)
        self.reader.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        fields = line.strip().split("|")
        if fields[:3] != ["1", "1", "unix"] or fields[4] != "grpc":
            self.process.wait(10)
            raise RuntimeError(f"no handshake: {line!r}\n{self.stderr()}")
        self.stub = Stub(fields[3])
        self.workers: dict[int, Worker] = {}
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.spawning: Any = None
        self.closed = False

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace"))

    def stderr(self) -> str:
        if self.process.poll() is not None:
            self.reader.join(5)
        return "".join(self.errors)

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def close(self) -> None:
        """Ask the plugin to leave; then see to it."""
        if self.closed:
            return
        try:
            self.stub.shutdown(b"", timeout=5)
            self.process.wait(15)
        except (grpc.RpcError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self) -> None:
        self.closed = True
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait(10)
        self.reader.join(5)
        self.stub.channel.close()
        try:
            os.close(self.lifeline)
        except OSError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------ calls

    def task(self, name: str = "", mixin: bytes = b"") -> Any:
        """The Describe answer's task of that name."""
        response = self.stub.describe(pb.DescribeRequest(task=name, mixin_json=mixin))
        assert not response.HasField("error"), response.error
        return next(task for task in response.tasks if task.name == name)

    def page(self) -> str:
        fd, path = tempfile.mkstemp(dir=self.folder)
        os.truncate(path, PAGE)
        with mmap.mmap(fd, PAGE) as page:
            page[:8] = struct.pack("<Q", MAGIC)
        os.close(fd)
        return path

    def staging(self) -> str:
        return tempfile.mkdtemp(dir=self.folder, prefix="staging-")

    def direct(self, root: Any, **more: Any) -> Any:
        """A page below root, and how it is told of."""
        folder = pathlib.Path(root) / ".kagurazaka"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return pb.Direct(**{**direct_page(folder), "root": str(root), "field": "output", "mapped": True, **more})

    def open(self, task: str, args: Any = (), stage: int = pb.STAGE_SPAWN, **more: Any) -> Any:
        request = pb.OpenRequest(task=task, args=args, stage=stage, workers=2, **more)
        response = self.stub.open(request)
        if response.HasField("error"):
            raise OpenFailed(response.error)
        return request

    def list(self, indexed: bool = True, max_items: int = 1024, max_bytes: int = 1 << 20) -> list[Any]:
        """All ListResponses."""
        return list(self.stub.list(pb.ListRequest(max_items=max_items, max_bytes=max_bytes, accept_indexed=indexed)))

    def spawn(self, request: Any, index: int = 0) -> Worker:
        """Have a worker forked and connect to it."""
        self.ask_for(request, index)
        return self.started()

    def ask_for(self, request: Any, index: int = 0, page: str = "") -> None:
        if self.spawning is None:
            self.spawning = Requests()
            responses = self.stub.spawn(iter(self.spawning))
            threading.Thread(target=self._pump, args=(responses,), daemon=True).start()
        opening = pb.OpenRequest()
        opening.CopyFrom(request)
        opening.worker_index = index
        opening.heartbeat_path = page or self.page()
        self.pages = {**getattr(self, "pages", {}), index: opening.heartbeat_path}
        self.spawning.put(pb.SpawnRequest(spawn=pb.SpawnWorker(open=opening)))

    def started(self) -> Worker:
        event = self.event()
        assert event.WhichOneof("message") == "started", event
        started = event.started
        return Worker(Stub(started.socket), self.pages[started.worker_index], started.pid)

    def _pump(self, responses: Any) -> None:
        try:
            for response in responses:
                self.events.put(response)
        except grpc.RpcError as error:
            self.events.put(error)

    def event(self) -> Any:
        return self.events.get(timeout=30)


class OpenFailed(Exception):
    def __init__(self, error: Any) -> None:
        super().__init__(error.message)
        self.error = error
