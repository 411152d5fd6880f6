"""Items in a debugger: pdb on the user's terminal, or a worker that waits for another one."""

from __future__ import annotations

import bdb
import contextlib
import ctypes
import os
import pdb
import shlex
import signal
import sys
import termios
import threading
import time
import traceback
from types import FrameType
from typing import Any, Callable, Iterator, Optional

from . import process, tracebacks
from .failures import Quit
from .running import Runner

Call = Callable[..., Any]


def attach(runner: Runner, request: Any) -> None:
    """Make a runner do its items as the request's Debug says."""
    if request.terminal:
        # Each item goes through the function that is wrapped here.
        runner.direct = None
        runner.call = on_terminal(runner.call, request.terminal)
    if request.wait:
        run = runner.run

        def wait_and_run(chunk: bytes) -> bytes:
            runner.run = run  # type: ignore[method-assign]
            wait()
            return run(chunk)

        runner.run = wait_and_run  # type: ignore[method-assign, assignment]


# ---------------------------------------------------------------------------------------------------- pdb


def on_terminal(call: Call, path: str, *, goes_on: bool = False) -> Call:
    """Return a function that calls another in pdb. goes_on: it stops again in the user's next function, after the first has returned."""

    def debugged(**item: Any) -> None:
        with terminal(path):
            try:
                _Pdb(goes_on).run_item(call, item)
            except bdb.BdbQuit:
                raise Quit("quit in the debugger") from None
            except BaseException as error:
                _post_mortem(error)
                raise

    return debugged


def _post_mortem(error: BaseException) -> None:
    trace = tracebacks.users_part(error.__traceback__)
    traceback.print_exception(type(error), error, trace)
    after = pdb.Pdb()
    after.reset()
    after.interaction(None, trace)


class _Pdb(pdb.Pdb):
    """Stops at the first line of the user's code, and not in what the SDK does behind it."""

    def __init__(self, goes_on: bool) -> None:
        super().__init__(skip=["kagurazaka", "kagurazaka.*"])
        self.goes_on = goes_on
        self.first: Optional[FrameType] = None

    def run_item(self, call: Call, item: dict[str, Any]) -> None:
        """Do an item. It is runcall, which hides that the user has quit."""
        self.reset()
        sys.settrace(self.trace_dispatch)
        try:
            call(**item)
        finally:
            self.quitting = True
            sys.settrace(None)

    def stop_here(self, frame: FrameType) -> bool:
        if self.first is None:
            file = frame.f_code.co_filename
            # Generated code, such as that of dataclasses, has no file.
            if file.startswith("<") or not tracebacks.is_users(file):
                return False
            self.first = frame
        return super().stop_here(frame)

    def user_call(self, frame: FrameType, argument_list: Any) -> None:
        if frame is not self.first:
            super().user_call(frame, argument_list)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        # The exception that leaves the item is shown once, afterwards.
        if frame is not self.first:
            super().user_exception(frame, exc_info)

    def user_return(self, frame: FrameType, return_value: Any) -> None:
        if frame is not self.first:
            super().user_return(frame, return_value)

    def dispatch_return(self, frame: FrameType, arg: Any) -> Any:
        found = super().dispatch_return(frame, arg)
        if frame is self.first and not self.quitting:
            if self.goes_on and self.stopframe is not self.botframe:
                self.first = None
                self.set_step()
            else:
                self.set_continue()
        return found


@contextlib.contextmanager
def terminal(path: str) -> Iterator[None]:
    """Give this process the terminal: the keyboard, Ctrl-C, and the standard streams."""
    tty = os.open(path, os.O_RDWR | os.O_NOCTTY)
    # Who is not in the foreground is stopped when it takes the terminal, unless it ignores the signal.
    with _handler(signal.SIGTTOU, signal.SIG_IGN), _handler(signal.SIGINT, signal.default_int_handler):
        before = _foreground(tty, os.getpgrp())
        settings = _without_suspending(tty)
        process.flush_standard_streams()
        streams = [os.dup(number) for number in range(3)]
        stdin = sys.stdin
        for number in range(3):
            os.dup2(tty, number)
        sys.stdin = open(0, closefd=False)
        try:
            yield
        finally:
            process.flush_standard_streams()
            for number, fd in enumerate(streams):
                os.dup2(fd, number)
                os.close(fd)
            sys.stdin = stdin
            if settings is not None:
                termios.tcsetattr(tty, termios.TCSADRAIN, settings)
            if before > 0:
                _foreground(tty, before)
            os.close(tty)


@contextlib.contextmanager
def _handler(number: int, handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _foreground(tty: int, group: int) -> int:
    """Give a process group the terminal. Returns the group that had it; 0: it is not this session's terminal."""
    try:
        before = os.tcgetpgrp(tty)
        os.tcsetpgrp(tty, group)
        return before
    except OSError:
        return 0


def _without_suspending(tty: int) -> Any:
    """Turn Ctrl-Z off: it would stop the processes that connect this one with the host. Returns the settings before, or None."""
    try:
        before = termios.tcgetattr(tty)
        settings = termios.tcgetattr(tty)
        settings[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(tty, termios.TCSADRAIN, settings)
        return before
    except (OSError, termios.error):
        return None


# ---------------------------------------------------------------------------------------------------- other debuggers

_LOOK_S = 0.2
_LOCALHOST, _PORT = "127.0.0.1", 5678
_PR_SET_PTRACER, _PTRACER_ANY = 0x59616D61, ctypes.c_ulong(-1)


def wait() -> None:
    """Wait until a debugger is attached to this process, and say how to attach one."""
    with contextlib.suppress(OSError, AttributeError):
        # Where a debugger may otherwise attach to its own children alone.
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _PTRACER_ANY, 0, 0, 0)
    pid = os.getpid()
    port = _listen()
    if port:
        how = f"debugpy listens at {_LOCALHOST}:{port}: attach an editor to that port. Or: gdb -p {pid}"
    else:
        how = (
            f"python -m debugpy --listen {_LOCALHOST}:{_PORT} --pid {pid}, and attach an editor to that port. This needs gdb. Without gdb: "
            f"{shlex.quote(sys.executable)} -m pip install debugpy, and start again"
        )
    print(f"kagurazaka: process {pid} waits for a debugger: {how}", file=sys.stderr, flush=True)
    traced = 0
    while not _has_debugger() and traced < 2:
        time.sleep(_LOOK_S)
        # debugpy is loaded by a tracer that goes again.
        traced = traced + 1 if _tracer() else 0
    print(f"kagurazaka: process {pid} goes on", file=sys.stderr, flush=True)


def _listen() -> int:
    """Have debugpy listen in this process, which no system forbids. Returns its port; 0: debugpy is not installed."""
    # It would warn that Python's own modules, which are frozen, have no breakpoints.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    try:
        import debugpy
    except ImportError:
        return 0
    for port in (_PORT, 0):
        with contextlib.suppress(RuntimeError):
            # Another process may have the port.
            return int(debugpy.listen((_LOCALHOST, port))[1])
    return 0


def _has_debugger() -> bool:
    debugpy = sys.modules.get("debugpy")
    if debugpy is None:
        return sys.gettrace() is not None
    try:
        return bool(debugpy.is_client_connected())
    except Exception:
        return False


def _tracer() -> int:
    """Return the process that traces this one, such as gdb; 0: none does."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("TracerPid:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0
