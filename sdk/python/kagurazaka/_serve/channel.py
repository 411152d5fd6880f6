"""Framed messages over a socket pair."""

from __future__ import annotations

import socket
import struct
import threading
from typing import NamedTuple, Optional

_HEADER = struct.Struct("<IBI")

# Calls on the control channel; the answer is a REPLY with the call's number.
DESCRIBE, OPEN, REPLY, CHECK = 1, 2, 3, 13
# Calls without a REPLY: they start a stream on the data channel.
LIST, RUN = 4, 5
# A SpawnRequest and the end of its stream; a SpawnResponse and the end of those.
SPAWN, SPAWN_END, EVENT, EVENTS_END = 6, 7, 8, 9
# The order to end.
QUIT = 10
# On the data channel: a ListResponse, RunRequest or RunResponse; the end of the stream.
MESSAGE, END = 11, 12


class Frame(NamedTuple):
    kind: int
    call: int
    payload: bytes


class Channel:
    """One end of a socket pair. Several threads may send at the same time; only one may receive."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._lock = threading.Lock()

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, kind: int, payload: bytes = b"", call: int = 0) -> None:
        with self._lock:
            self.sock.sendall(_HEADER.pack(len(payload), kind, call) + payload)

    def receive(self) -> Optional[Frame]:
        """Return the next frame, or None when the other end is closed."""
        head = self._read(_HEADER.size)
        if head is None:
            return None
        size, kind, call = _HEADER.unpack(head)
        payload = self._read(size) if size else b""
        return None if payload is None else Frame(kind, call, payload)

    def _read(self, size: int) -> Optional[bytes]:
        data = bytearray(size)
        view = memoryview(data)
        got = 0
        while got < size:
            try:
                n = self.sock.recv_into(view[got:])
            except ConnectionResetError:
                return None
            if n == 0:
                return None
            got += n
        return bytes(data)

    def close_sending(self) -> None:
        """Stop sending; the other end reads the end after all data."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self.sock.close()


def header(kind: int, payload: bytes) -> bytes:
    """Return the bytes before a frame's payload, for callers that send without blocking."""
    return _HEADER.pack(len(payload), kind, 0)


def pair() -> tuple[Channel, Channel]:
    """Return two connected ends, closed on exec."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(a), Channel(b)
