"""File descriptors, signals and the death of parents, for every process of a plugin."""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
from typing import Any, NoReturn, Optional

LIFELINE = "KAGURAZAKA_LIFELINE"

_reset_at_fork = False


def collect_garbage() -> None:
    """Collect garbage from here on, but leave alone what has been imported: it stays, and forked processes share its memory."""
    if gc.isenabled():
        return  # it never was off
    gc.freeze()
    gc.enable()


def set_stdout_aside() -> int:
    """Keep a copy of fd 1 for the handshake and point fd 1 at stderr permanently. Returns the copy."""
    sys.stdout.flush()
    aside = os.dup(1)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        # A task's output must not stay in the buffer of a process that may be killed.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    return aside


def empty_stdin() -> None:
    """Give this process an empty standard input."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdin = open(0, closefd=False)


def own_output(path: str) -> None:
    """Redirect fds 1 and 2 to this pipe, unless the path is empty or the pipe has no reader."""
    if not path:
        return
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    # User code does not expect a print to fail because a pipe is full.
    os.set_blocking(fd, True)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)


def _nothing(signum: int, frame: Any) -> None:
    pass


def leave_signals_to_host() -> None:
    """Do nothing on SIGINT and SIGTERM: the host alone decides when to end.

    This sets handlers, since ignored signals stay ignored in programs that user code starts. Processes that user code
    forks get the defaults back, so that they can be terminated.
    """
    global _reset_at_fork
    signal.signal(signal.SIGINT, _nothing)
    signal.signal(signal.SIGTERM, _nothing)
    if not _reset_at_fork:
        _reset_at_fork = True
        os.register_at_fork(after_in_child=_default_signals)


def _default_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def lifeline_fd() -> Optional[int]:
    """Return the pipe that ends when the host does, or None. Programs that user code starts do not inherit it."""
    text = os.environ.pop(LIFELINE, "")
    if not text.isdigit():
        return None
    try:
        os.set_inheritable(int(text), False)
    except OSError:
        return None
    return int(text)


def end_group(code: int = 1) -> NoReturn:
    """End this process at once, and the whole process group if this process leads it."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(code)


def watch(fds: list[int], parent: Optional[int] = None) -> None:
    """End this process when one of the pipes ends, or when its parent is no longer this process."""

    def watcher() -> None:
        poller = select.poll()
        for fd in fds:
            poller.register(fd, select.POLLIN | select.POLLHUP)
        while True:
            events = poller.poll(1000 if parent is not None else None)
            if events or (parent is not None and os.getppid() != parent):
                end_group()

    threading.Thread(target=watcher, name="kagurazaka-lifeline", daemon=True).start()


def users_threads() -> int:
    """Return the number of this process's threads that are not the SDK's; 0 if the system does not tell."""
    try:
        count = len(os.listdir("/proc/self/task"))
    except OSError:
        return 0
    own = sum(thread is threading.main_thread() or thread.name.startswith("kagurazaka-") for thread in threading.enumerate())
    return max(count - own, 0)


def flush_standard_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def imitate(status: int) -> NoReturn:
    """End this process in the same way as one with this wait status."""
    if os.WIFSIGNALED(status):
        import resource

        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.pause()
    os._exit(os.WEXITSTATUS(status))


def how_it_ended(status: int) -> str:
    """Return a wait status in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"was ended by signal {number} ({signal.Signals(number).name})"
    return f"exited with code {os.WEXITSTATUS(status)}"
