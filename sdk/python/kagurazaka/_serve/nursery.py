"""The nursery: the process that loads the user's code, lists, and forks workers."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from typing import Any, Callable, NoReturn, Optional

from .._proto import plugin_pb2 as pb
from . import channel, closing, failures, process, stages
from .channel import Channel
from .describe import OWN_TEMPLATE, check, describe, process_capabilities
from .launch import socket_path
from .listing import Lister
from .opened import OpenedTask, open_task
from .stages import context
from .taskfile import TaskFile


def main(path: str, control: Channel, data: Channel, folder: str, lifelines: list[int]) -> NoReturn:
    """Serve the relay until it sends QUIT."""
    process.collect_garbage()
    signal.signal(signal.SIGURG, lambda signum, frame: None)
    context.begin(path)
    nursery = Nursery(TaskFile(path), control, data, folder, lifelines)
    nursery.preload()
    nursery.serve()
    nursery.leave()


class Child:
    """A forked worker. `ready` is a pipe on which it reports that it listens, or an error."""

    def __init__(self, index: int, pid: int, address: str, ready: int) -> None:
        self.index, self.pid, self.address, self.ready = index, pid, address, ready
        self.pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        self.report = b""
        self.announced = False
        # The number of threads that the parent had when it forked the worker; the worker has none of them.
        self.lost_threads = 0


class Nursery:
    def __init__(self, file: TaskFile, control: Channel, data: Channel, folder: str, lifelines: list[int]) -> None:
        self.file = file
        self.control = control
        self.data = data
        self.folder = folder
        self.lifelines = lifelines
        self.opened: Optional[OpenedTask] = None
        # The server of Run, if this process is itself a worker.
        self.runner: Any = None
        self.listed: Any = None
        self.children: dict[int, Child] = {}
        self.forked = 0
        self.spawn_ended = False
        self.leaving = False
        self.poller = select.poll()
        self.poller.register(control.fileno(), select.POLLIN)

    def preload(self) -> None:
        """Load the task file during the handshake. The call that needs the file reports an error."""
        try:
            self.file.load()
        except BaseException:
            pass

    def serve(self) -> None:
        """Answer the relay until it sends QUIT, or ends."""
        while not self.leaving:
            self._wait(None)

    def serve_others(self) -> None:
        """Handle everything that has arrived, without waiting."""
        while not self.leaving and self._wait(0):
            pass

    def _wait(self, timeout: Optional[float]) -> bool:
        # Without pidfds, poll for deaths.
        if timeout is None and any(child.pidfd < 0 for child in self.children.values()):
            timeout = 200
        events = self.poller.poll(timeout)
        ready = {fd for fd, _ in events}
        if self.control.fileno() in ready:
            frame = self.control.receive()
            if frame is None:
                process.end_group()
            self._handle(frame)
        for child in list(self.children.values()):
            if child.ready in ready:
                self._hear(child)
            if child.pidfd in ready or child.pidfd < 0:
                self._reap(child)
        return bool(events)

    def _handle(self, frame: channel.Frame) -> None:
        if frame.kind == channel.DESCRIBE:
            self._reply(frame, pb.DescribeResponse, lambda: describe(self.file, pb.DescribeRequest.FromString(frame.payload)))
        elif frame.kind == channel.CHECK:
            self._reply(frame, pb.CheckResponse, lambda: check(self.file, pb.CheckRequest.FromString(frame.payload)))
        elif frame.kind == channel.OPEN:
            self._reply(frame, pb.OpenResponse, lambda: self._open(pb.OpenRequest.FromString(frame.payload)))
        elif frame.kind == channel.LIST:
            self._list(pb.ListRequest.FromString(frame.payload))
        elif frame.kind == channel.RUN:
            self._run()
        elif frame.kind == channel.SPAWN:
            self._spawn(pb.SpawnRequest.FromString(frame.payload))
        elif frame.kind == channel.SPAWN_END:
            self.spawn_ended = True
            self._end_spawn()
        elif frame.kind == channel.QUIT:
            self.leaving = True

    def _reply(self, frame: channel.Frame, response: Any, work: Callable[[], Any]) -> None:
        try:
            made = work()
        except BaseException as error:
            problem = failures.of_exception(error)
            problem.fault = pb.FAULT_KAGURAZAKA
            made = response(error=problem)
        self.control.send(channel.REPLY, made.SerializeToString(), frame.call)

    # ------------------------------------------------------------------------------------------------ tasks

    def _open(self, request: Any) -> Any:
        if self.opened is not None:
            return pb.OpenResponse(error=failures.unsupported("this process has already opened a task"))
        self.opened, error = open_task(self.file, request)
        if error is None and (request.stage == pb.STAGE_RUN or request.stage in stages.STAGES):
            error = self._prepare(request)
        if error is not None:
            return pb.OpenResponse(error=error)
        assert self.opened is not None
        return pb.OpenResponse(capabilities=[*process_capabilities(), *([OWN_TEMPLATE] if self.opened.changed_template else [])])

    def _prepare(self, request: Any) -> Any:
        """Make this process a worker. Returns an Error or None."""
        from . import worker

        assert self.opened is not None
        try:
            self.runner = worker.runner(self.opened, request, self.listed)
        except BaseException as error:
            return failures.of_task(error)
        return None

    def _list(self, request: Any) -> None:
        if self.opened is None:
            error = failures.unsupported("List must come after Open")
            self._send(pb.ListResponse(error=error).SerializeToString())
        else:
            from . import device

            if self.opened.is_device and not device.host_makes_items(self.opened):
                device.list_batches(self.opened, self._send)
            else:
                lister = Lister(self.opened, self._send, self.serve_others, self._share)
                try:
                    lister.run(request)
                except ConnectionError:
                    return  # the host has cancelled the listing
        try:
            self._send(b"", channel.END)
        except ConnectionError:
            pass

    def _share(self, listed: Any) -> None:
        self.listed = listed

    def _send(self, payload: bytes, kind: int = channel.MESSAGE) -> None:
        """Send on the data channel, and serve other calls while the host does not read."""
        poller = select.poll()
        poller.register(self.data.fileno(), select.POLLOUT)
        poller.register(self.control.fileno(), select.POLLIN)
        parts = [memoryview(channel.header(kind, payload)), memoryview(payload)]
        while parts:
            try:
                sent = self.data.sock.sendmsg(parts, (), socket.MSG_DONTWAIT)
            except BlockingIOError:
                poller.poll()
                self.serve_others()
                continue
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]

    def _run(self) -> None:
        """Process the chunks from the data channel, until they end."""
        if self.runner is None:
            self.data.send(channel.END)
            return
        try:
            self.runner.serve(self._chunks, lambda payload: self.data.send(channel.MESSAGE, payload))
            assert self.opened is not None
            reports = "close" in self.opened.request.capabilities
            failed = self._close()
            if failed is not None and reports:
                self.data.send(channel.MESSAGE, closing.message(failed))
            self.data.send(channel.END)
        except ConnectionError:
            return

    def _chunks(self) -> Optional[bytes]:
        frame = self.data.receive()
        if frame is None or frame.kind == channel.END:
            return None
        return frame.payload

    # ------------------------------------------------------------------------------------------------ workers

    def _spawn(self, request: Any) -> None:
        if request.WhichOneof("message") == "show_item":
            self._show(request.show_item)
            return
        opening = request.spawn.open
        problem = self._refusal()
        if problem is not None:
            self._event(failed=pb.WorkerFailed(worker_index=opening.worker_index, error=problem))
            return
        # Load once, here, what all workers need.
        import multiprocessing.process  # noqa: F401

        from . import relay, worker  # noqa: F401

        if opening.HasField("placement"):
            from . import placement  # noqa: F401
        if opening.stage in stages.STAGES:
            stages.prepare()
        address = socket_path(self.folder, f"w{os.getpid()}-{self.forked}.sock")
        self.forked += 1
        lost = process.users_threads()
        try:
            read, write, pid = self._fork()
        except OSError as error:
            # The machine has no room for one more process now.
            why = pb.Error(message=f"no process can be made: {type(error).__name__}: {error}", fault=pb.FAULT_ENVIRONMENT)
            self._event(failed=pb.WorkerFailed(worker_index=opening.worker_index, error=why))
            return
        if pid == 0:
            self._become_worker(opening, address, read, write)
        os.close(write)
        child = Child(opening.worker_index, pid, address, read)
        child.lost_threads = lost
        self.children[pid] = child
        self.poller.register(read, select.POLLIN | select.POLLHUP)
        if child.pidfd >= 0:
            self.poller.register(child.pidfd, select.POLLIN)

    def _fork(self) -> tuple[int, int, int]:
        """Fork, with a pipe from the new process to this one: (read end, write end, pid or 0)."""
        read, write = os.pipe()
        # Garbage collection in workers would write to the pages that they share.
        gc.freeze()
        process.flush_standard_streams()
        try:
            return read, write, os.fork()
        except OSError:
            os.close(read)
            os.close(write)
            raise

    def _refusal(self) -> Any:
        if self.opened is None:
            return failures.unsupported("Spawn must come after Open")
        if context.begun():
            return failures.unsupported("this process was started for a device, and processes cannot share a CUDA context")
        if context.touched():
            return failures.unsupported(
                "the task has used CUDA before its workers were forked, and processes cannot share a CUDA context: use --start_method spawn"
            )
        return None

    def _become_worker(self, opening: Any, address: str, read: int, write: int) -> NoReturn:
        from . import worker

        assert self.opened is not None
        try:
            os.close(read)
            self.control.close()
            self.data.close()
            for child in self.children.values():
                for fd in (child.ready, child.pidfd):
                    if fd >= 0:
                        os.close(fd)
            worker.main(self.opened, opening, self.listed, address, write, self.lifelines)
        finally:
            os._exit(1)

    def _hear(self, child: Child) -> None:
        """Read a worker's report: an empty message if it listens, or an Error."""
        part = os.read(child.ready, 1 << 16)
        child.report += part
        if part and not child.report.endswith(b"\n"):
            return
        self._forget(child.ready)
        child.ready = -1
        if child.report == b"\n":
            child.announced = True
            about: Any = {"worker_index": child.index, "pid": child.pid, "socket": child.address, "lost_threads": child.lost_threads}
            self._event(started=pb.WorkerStarted(**about))
        elif child.report:
            error = pb.Error.FromString(child.report[:-1])
            self._event(failed=pb.WorkerFailed(worker_index=child.index, error=error))

    def _reap(self, child: Child) -> None:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid == 0:
            return
        if child.ready >= 0:
            self._hear(child)
        self._forget(child.ready)
        self._forget(child.pidfd)
        del self.children[child.pid]
        try:
            os.unlink(child.address)
        except OSError:
            pass
        if child.announced:
            signalled = os.WIFSIGNALED(status)
            code, number = (-1, os.WTERMSIG(status)) if signalled else (os.WEXITSTATUS(status), 0)
            self._event(exited=pb.WorkerExited(worker_index=child.index, pid=child.pid, code=code, signal=number))
        elif not child.report:
            how = process.how_it_ended(status)
            # The task's fault is not proven: another worker may succeed.
            error = pb.Error(message=f"the worker {how} before it was ready", fault=pb.FAULT_ENVIRONMENT)
            self._event(failed=pb.WorkerFailed(worker_index=child.index, error=error))
        self._end_spawn()

    def _forget(self, fd: int) -> None:
        if fd >= 0:
            self.poller.unregister(fd)
            os.close(fd)

    def _end_spawn(self) -> None:
        if self.spawn_ended and not self.children:
            self.control.send(channel.EVENTS_END)

    def _show(self, index: int) -> None:
        from .identity import content_key
        from .items import show

        text, key = "", 0
        if self.listed is not None and index < len(self.listed):
            item = next(iter(self.listed.slice(index, 1)))
            text = show(item)
            try:
                key = content_key(item)
            except BaseException:
                pass  # the item cannot be pickled, and need not be
        self._event(shown=pb.ShownItem(index=index, item=text, content_key=key))

    def _event(self, **message: Any) -> None:
        self.control.send(channel.EVENT, pb.SpawnResponse(**message).SerializeToString())

    # ------------------------------------------------------------------------------------------------ the end

    def leave(self) -> NoReturn:
        """End as a Python program does, but without freeing millions of items one by one."""
        for child in self.children.values():
            try:
                os.kill(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        failed = True
        try:
            failed = self._close() is not None
        finally:
            os._exit(1 if failed else 0)

    def _close(self) -> Any:
        """Run user code's exit steps: atexit functions, __del__ of the task, flushing of files. Returns an Error or None."""
        ending = closing.Closing()
        ending.processes()
        ending.threads()
        ending.exit_functions()
        self.runner = self.opened = None
        gc.unfreeze()
        ending.files()
        process.flush_standard_streams()
        failed = ending.error()
        if failed is not None:
            print(f"kagurazaka: closing the task failed: {failed.message}", file=sys.stderr)
        return failed
