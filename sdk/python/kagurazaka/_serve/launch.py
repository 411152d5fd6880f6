"""Starts a relay and its nursery from the command line."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from typing import NoReturn

from .._plain import is_plain
from . import channel, process
from .channel import Channel

# Set for a nursery that is started anew: its connections.
ANEW = "KAGURAZAKA_NURSERY"


def main(path: str) -> NoReturn:
    """Serve the task file: print the handshake, answer the host until it sends Shutdown, and end this process."""
    aside = process.set_stdout_aside()
    lifeline = process.lifeline_fd()
    process.leave_signals_to_host()
    folder = os.path.abspath(os.environ.pop("PLUGIN_UNIX_SOCKET_DIR", "") or tempfile.mkdtemp(prefix="kagurazaka-"))
    control, nursery_control = channel.pair()
    data, nursery_data = channel.pair()
    alive_read, alive_write = os.pipe()  # ends when the relay does

    # Fork the nursery here: gRPC is imported, which workers need, too, but has not started threads.
    pid = os.fork()
    if pid == 0:
        os.close(aside)
        os.close(alive_write)
        control.close()
        data.close()
        lifelines = [fd for fd in (lifeline, alive_read) if fd is not None]
        if is_plain():
            _start_anew(nursery_control.fileno(), nursery_data.fileno(), folder, lifelines)
        _be_nursery(path, nursery_control, nursery_data, folder, lifelines)
    os.close(alive_read)
    nursery_control.close()
    nursery_data.close()
    if lifeline is None:
        process.watch([], os.getppid())
    else:
        process.watch([lifeline])
    from . import relay

    address = socket_path(folder, f"p{os.getpid()}.sock")
    try:
        code = relay.serve(pid, control, data, address, aside)
    finally:
        try:
            os.unlink(address)
        except OSError:
            pass
    process.flush_standard_streams()
    # Python would take 20 ms to free everything it imported, and this process has no user code.
    os._exit(code)


def _be_nursery(path: str, control: Channel, data: Channel, folder: str, lifelines: list[int]) -> NoReturn:
    from . import nursery

    process.leave_signals_to_host()
    process.watch(lifelines)
    nursery.main(path, control, data, folder, lifelines)


def _start_anew(control: int, data: int, folder: str, lifelines: list[int]) -> NoReturn:
    """Become the nursery in a Python that is started anew, and has nothing of this process but its connections."""
    for fd in (control, data, *lifelines):
        os.set_inheritable(fd, True)
    os.environ[ANEW] = json.dumps([control, data, folder, lifelines])
    os.execv(sys.executable, sys.orig_argv)


def nursery_anew(path: str) -> NoReturn:
    """Be that nursery."""
    control, data, folder, lifelines = json.loads(os.environ.pop(ANEW))
    for fd in (control, data, *lifelines):
        os.set_inheritable(fd, False)
    _be_nursery(path, Channel(socket.socket(fileno=control)), Channel(socket.socket(fileno=data)), folder, lifelines)


def socket_path(folder: str, name: str) -> str:
    """Return a path for a unix socket: in the folder, or in a new temporary folder if that path is too long."""
    path = os.path.join(folder, name)
    if len(os.fsencode(path)) >= 104:
        path = os.path.join(tempfile.mkdtemp(prefix="kg-"), name)
    return path
