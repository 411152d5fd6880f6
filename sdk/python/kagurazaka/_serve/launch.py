"""From the command line to a relay and its nursery."""

from __future__ import annotations

import os
import tempfile
from typing import NoReturn

from . import channel, process


def main(path: str) -> NoReturn:
    """Serve the task file: print the handshake, answer the host until it says to leave, and end this process."""
    aside = process.set_stdout_aside()
    lifeline = process.lifeline_fd()
    process.leave_signals_to_host()
    folder = os.path.abspath(os.environ.pop("PLUGIN_UNIX_SOCKET_DIR", "") or tempfile.mkdtemp(prefix="kagurazaka-"))
    control, nursery_control = channel.pair()
    data, nursery_data = channel.pair()
    alive_read, alive_write = os.pipe()  # ends when the relay does

    # The nursery is forked here, where gRPC was imported (workers need it too) but has not started anything.
    pid = os.fork()
    if pid == 0:
        os.close(aside)
        os.close(alive_write)
        control.close()
        data.close()
        from . import nursery

        process.leave_signals_to_host()
        lifelines = [fd for fd in (lifeline, alive_read) if fd is not None]
        process.watch(lifelines)
        nursery.main(path, nursery_control, nursery_data, folder, lifelines)
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
    # Python would take 20 ms to let go of everything it imported, and no user code is in this process.
    os._exit(code)


def socket_path(folder: str, name: str) -> str:
    """A path for a unix socket: in the folder, or where that is too long for one, in a new folder."""
    path = os.path.join(folder, name)
    if len(os.fsencode(path)) >= 104:
        path = os.path.join(tempfile.mkdtemp(prefix="kg-"), name)
    return path
