"""--kg-debug=wait with a client of debugpy, as an editor is one: it speaks the Debug Adapter Protocol to the waiting worker."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
from builthost import HOST

TASK = """
from kagurazaka import KagurazakaTask

class Adds(KagurazakaTask):
    def __init__(self, args): ...

    def generate_tasks(self):
        return [{"n": n} for n in range(1, 4)]

    def process(self, n):
        doubled = n * 2
        shown = {"doubled": doubled}
        print("doubled is", shown["doubled"])  # the breakpoint
"""
LINE = next(number for number, line in enumerate(TASK.splitlines(), 1) if "the breakpoint" in line)


class Client:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")
        self.sent = 0
        self.unread: list[Any] = []

    def send(self, command: str, **arguments: Any) -> int:
        self.sent += 1
        data = json.dumps({"seq": self.sent, "type": "request", "command": command, "arguments": arguments}).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        return self.sent

    def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The first message of a kind that was not asked for yet."""
        while True:
            for number, message in enumerate(self.unread):
                if wanted(message):
                    del self.unread[number]
                    assert message.get("success", True), message
                    return message.get("body")
            length = 0
            while (line := self.file.readline()).strip():
                length = int(line.split(b":")[1])
            assert length, "the debugger has closed the connection"
            self.unread.append(json.loads(self.file.read(length)))

    def event(self, name: str) -> Any:
        return self.until(lambda message: message.get("event") == name)

    def answer(self, number: int) -> Any:
        return self.until(lambda message: message.get("request_seq") == number)

    def ask(self, command: str, **arguments: Any) -> Any:
        return self.answer(self.send(command, **arguments))


@pytest.mark.parametrize("taken", [True, False])
def test_a_client_attaches_sees_a_local_and_goes_on(tmp_path: Path, taken: bool) -> None:
    (tmp_path / "task.py").write_text(TASK)
    usual, free = socket.socket(), True
    if taken:
        usual.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # If this fails, another process has it, and keeps it or ends soon.
        with contextlib.suppress(OSError):
            usual.bind(("127.0.0.1", 5678))
            usual.listen()
            free = False
    own = {"XDG_STATE_HOME": f"{tmp_path}/state", "XDG_CACHE_HOME": f"{tmp_path}/cache", "KAGURAZAKA_PYTHON": sys.executable}
    run = subprocess.Popen(
        [str(HOST), "--kg-debug=wait", "task.py", "Adds"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, **own},
    )  # fmt: skip
    try:
        assert run.stdout is not None
        log = ""
        for line in run.stdout:
            log += line
            if said := re.search(r"process (\d+) waits for a debugger: debugpy listens at 127\.0\.0\.1:(\d+):", line):
                break
        assert said, log
        os.kill(int(said[1]), 0)
        assert free or int(said[2]) != 5678
        client = Client(int(said[2]))
        client.ask("initialize", adapterID="test", pathFormat="path")
        attached = client.send("attach", justMyCode=True)
        client.event("initialized")
        source = {"path": str(tmp_path / "task.py")}
        assert client.ask("setBreakpoints", source=source, breakpoints=[{"line": LINE}])["breakpoints"][0]["verified"]
        client.ask("configurationDone")
        client.answer(attached)
        for n in range(1, 4):
            thread = client.event("stopped")["threadId"]
            frame = client.ask("stackTrace", threadId=thread)["stackFrames"][0]
            assert (frame["name"], frame["line"]) == ("process", LINE)
            scope = client.ask("scopes", frameId=frame["id"])["scopes"][0]
            found = {
                one["name"]: one["value"] for one in client.ask("variables", variablesReference=scope["variablesReference"])["variables"]
            }
            assert (found["n"], found["doubled"]) == (str(n), str(2 * n))
            if n == 2:  # An object's value: before Python 3.13 a debugger's change of a local itself may be lost.
                client.ask("evaluate", expression="shown.update(doubled=40)", frameId=frame["id"], context="repl")
            client.ask("continue", threadId=thread)
        rest, _ = run.communicate(timeout=30)
        assert run.returncode == 0, log + rest
        assert re.findall(r"doubled is (\d+)", rest) == ["2", "40", "6"] and "done 3, skipped 0, failed 0" in rest
        client.socket.close()
    finally:
        usual.close()
        run.kill()
        run.wait()
