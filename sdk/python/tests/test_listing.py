"""Listing by generators: streamed, in time, and without losing what cannot be sent."""

import os

import pytest
from host import Host, Worker, pb

LOCKS = """
import threading


class Locks:
    def __init__(self, args):
        pass

    def generate_tasks(self):
        return [{"i": 0}, {"i": 1}, {"i": threading.Lock()}, {"i": 3}]

    def process(self, i):
        pass
"""

SLOW = """
import os, signal, sys, time
from kagurazaka import KagurazakaTask

class Slow(KagurazakaTask):
    def generate_tasks(self):
        self.ready = True
        yield {"i": 0}
        yield {"i": 1}
        for line in sys.stdin:
            yield {"line": line}

    def process(self, **item):
        assert self.ready and sys.stdin.read() == ""

class Starting(Slow):
    def generate_tasks(self):
        time.sleep(0.3)  # longer than the host waits before it asks for items
        return super().generate_tasks()

class Odd(KagurazakaTask):
    def generate_tasks(self):
        for i in range(5000):
            yield {"i": i, "pair": (i, i)} if i > 3000 else {"i": i}

    def process(self, i, pair=None):
        assert pair is None or pair == (i, i)

class Late(KagurazakaTask):
    def generate_tasks(self):
        for i in range(3000):
            yield {"i": i}
        yield {"f": lambda: 0}

class Nudged(KagurazakaTask):
    def generate_tasks(self):
        for i in range(300):
            yield {"f": lambda: i}
            try:
                os.kill(os.getpid(), signal.SIGURG)  # as the host does for what must not wait
            except Exception:
                return
"""


@pytest.mark.parametrize("task", ["Slow", "Starting"])
def test_items_and_workers_do_not_wait_for_a_slow_generator(tmp_path, task):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    read, write = os.pipe()
    with Host(str(file), stdin=read) as host:
        os.close(read)
        request = host.open(task)
        answers = host.stub.list(pb.ListRequest(max_items=1000, accept_indexed=True))
        got = b""
        while got.count(b"{") < 2:
            got += next(answers).block.payload
        # The generator waits for a line; a worker is forked all the same, and has what was set on self.
        worker = host.spawn(request)
        worker.block(pb.Block(encoding=pb.ENCODING_JSON_LINES, count=2, payload=b'{"i":0}\n{"i":1}'))
        assert not worker.answer().failures
        os.write(write, b"hello\n")
        assert next(answers).block.payload == b'{"line":"hello\\n"}'
        os.close(write)
        assert list(answers) == []


def test_a_stream_turns_opaque_where_it_must(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    with Host(str(file)) as host:
        request = host.open("Odd")
        blocks = [a.block for a in host.list()]
        assert sum(b.count for b in blocks) == 5000
        encodings = [b.encoding for b in blocks]
        assert encodings == sorted(encodings) and set(encodings) == {pb.ENCODING_JSON_LINES, pb.ENCODING_OPAQUE}
        assert blocks[-1].count <= 64 and blocks[-1].keys[-1] == '{"i": 4999, "pair": [4999, 4999]}'
        worker = host.spawn(request)
        for block in blocks[-6:]:
            worker.block(block, skip=1, take=2)
        assert all(worker.answer().count == 2 for _ in range(6))


def test_what_cannot_be_sent_any_more_is_an_error(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    with Host(str(file)) as host:
        host.open("Late")
        answers = host.list()
        assert answers[-1].error.message.endswith("so it cannot be sent to a worker")


def test_without_positions_an_item_that_cannot_be_sent_fails_alone(tmp_path):
    file = tmp_path / "locks.py"
    file.write_text(LOCKS)
    with Host(str(file)) as host:
        request = host.open("Locks")
        blocks = [a.block for a in host.stub.list(pb.ListRequest()) if a.HasField("block")]
        assert sum(b.count for b in blocks) == 4
        assert "lock" in blocks[-1].keys[2]
        worker = host.spawn(request)
        for block in blocks:
            worker.block(block)
        failed = [f for _ in blocks for f in worker.answer().failures]
        assert [f.index for f in failed] == [2]
        assert "cannot be pickled, so it cannot be sent to a worker" in failed[0].error.message


def test_items_that_cannot_be_sent_do_not_end_a_generator_that_is_interrupted(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    with Host(str(file)) as host:
        host.open("Nudged")
        assert list(host.stub.list(pb.ListRequest(accept_indexed=True)))[-1].indexed == 300


def test_the_host_may_lose_interest_and_look_at_items(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    with Host(str(file)) as host:
        request = host.open("Odd")
        answers = host.stub.list(pb.ListRequest(max_items=10))
        next(answers)
        answers.cancel()
        assert isinstance(host.spawn(request), Worker)


def test_show_item():
    import pathlib

    with Host(str(pathlib.Path(__file__).parent / "tasks" / "basic.py")) as host:
        request = host.open("Deadly")
        host.list()
        worker = host.spawn(request)
        host.spawning.put(pb.SpawnRequest(show_item=3))
        shown = host.event().shown
        assert (shown.index, shown.item) == (3, '{"i": 3}')
        assert worker.pid
