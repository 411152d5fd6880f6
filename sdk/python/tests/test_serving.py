"""A plugin process driven as the host drives it."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
from typing import Sequence

import pytest
from host import MODULE, SCRIPT, SDK, Host, OpenFailed, pb

TASKS = pathlib.Path(__file__).parent / "tasks"
BASIC = str(TASKS / "basic.py")


def test_without_the_cookie_it_says_what_it_is():
    done = subprocess.run(
        [sys.executable, "-m", "kagurazaka.serve", BASIC], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(SDK)}
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"kagurazaka {BASIC} TASK" in done.stderr


def test_describe():
    with Host(BASIC) as host:
        response = host.stub.describe(pb.DescribeRequest())
        assert response.sdk.startswith("python/")
        assert list(response.capabilities) == [
            "spawn",
            "heartbeat",
            "staging",
            "direct",
            "template",
            "stderr",
            "exact",
            "placement",
            "debug",
            "members",
        ]
        tasks = {task.name: task for task in response.tasks}
        assert set(tasks) == {"Lines", "Bad", "Deadly", "Quits", "Plain"}
        lines = tasks["Lines"]
        assert (lines.summary, lines.description) == ("Write the lines of items into a folder", "A second paragraph.")
        assert lines.kind == pb.TASK_KIND_NORMAL
        assert set(lines.capabilities) == {"list", "is_executed", "check", "abbreviations"}
        assert not lines.open_arguments and not lines.HasField("template")
        arguments = {a.name: a for a in lines.arguments}
        assert arguments["count"].type == pb.ARGUMENT_TYPE_INT and arguments["count"].default_json == "10"
        assert arguments["count"].help == "number of items"
        assert arguments["out"].required
        assert list(arguments["mode"].choices_json) == ['"a"', '"b"']
        assert arguments["verbose"].type == pb.ARGUMENT_TYPE_BOOL and arguments["verbose"].arity == "0"
        assert list(arguments["ratio"].flags) == ["--ratio", "-r"]
        assert arguments["ratio"].help == "default 0.5, 100%"
        assert arguments["names"].arity == "+" and arguments["names"].default_json == '["x"]'
        assert arguments["prompts"].type == pb.ARGUMENT_TYPE_JSON
        assert arguments["tag"].repeatable
        # Constructors without a parser are not run; this one would have ended the process.
        assert tasks["Quits"].open_arguments and not tasks["Bad"].open_arguments
        assert host.task("factory").kind == pb.TASK_KIND_FACTORY
        made = host.task("factory", b'{"option": "speed", "n": 3}')
        assert made.kind == pb.TASK_KIND_NORMAL and made.arguments[0].name == "speed"
        wrong = host.stub.describe(pb.DescribeRequest(task="Missing"))
        assert "Lines" in wrong.error.no_such_task.tasks


def test_spawned_workers_share_the_list(tmp_path):
    with Host(BASIC, stdin=subprocess.DEVNULL) as host:
        request = host.open("Lines", ["--out", str(tmp_path), "--count", "50", "--mode=b"])
        assert [r.indexed for r in host.list()] == [50]
        for index in range(4):
            host.ask_for(request, index)
        workers = [host.started() for _ in range(4)]
        assert len({w.pid for w in workers} | {host.process.pid}) == 5
        for number, worker in enumerate(workers):
            worker.range(number * 10, 10)
            result = worker.answer()
            assert (result.id, result.count, len(result.failures), len(result.skipped)) == (1, 10, 0, 0)
            assert worker.heartbeat(1) == (1, 10, 10)
        assert sorted(os.listdir(tmp_path)) == sorted(f"n{i}" for i in range(40))
        assert (tmp_path / "n7").read_text() == "7 b ''"
        # What the task's own check finds finished is skipped.
        workers[0].range(38, 5)
        result = workers[0].answer()
        assert [(s.first, s.count) for s in result.skipped] == [(0, 2)]
        for worker in workers:
            assert worker.finish() == []
        for _ in workers:
            exited = host.event().exited
            assert (exited.code, exited.signal) == (0, 0)
        assert host.stub.health(b"") == b"\x08\x01"


def test_started_workers_get_items(tmp_path):
    with Host(BASIC) as lister, Host(BASIC) as other:
        arguments = ["--out", str(tmp_path), "--count", "30"]
        lister.open("Lines", arguments, stage=pb.STAGE_LIST)
        answers = lister.list(indexed=False, max_items=8)
        assert answers[0].total == 30
        blocks = [a.block for a in answers[1:]]
        assert [b.count for b in blocks] == [8, 8, 8, 6]
        assert blocks[0].encoding == pb.ENCODING_JSON_LINES
        assert blocks[0].payload.split(b"\n")[1] == b'{"i":1,"name":"n1"}'
        # Its process is the worker: the list was made in another one.
        other.open("Lines", arguments, stage=pb.STAGE_RUN, heartbeat_path=other.page())
        from host import Worker

        worker = Worker(other.stub)
        worker.block(blocks[0], skip=2, take=3)
        worker.block(blocks[3])
        first, second = worker.answer(), worker.answer()
        assert first.count == 3 and second.count == 6
        assert first.failures[0].error.item.type_name == "AttributeError"
        assert len(first.failures) == 3
        assert worker.finish() == []


def test_a_worker_writes_to_the_pipe_that_it_is_given(tmp_path):
    with Host(BASIC) as host:
        request = host.open("Bad")
        host.list()
        read, unread = tmp_path / "read", tmp_path / "unread"
        os.mkfifo(read)
        os.mkfifo(unread)
        reader = os.open(read, os.O_RDONLY | os.O_NONBLOCK)
        request.stderr_path = str(read)
        worker = host.spawn(request)
        worker.range(0, 5)
        worker.answer()
        worker.finish()
        host.event()
        told = b""
        while part := os.read(reader, 1 << 16):  # to its end: no process holds the pipe any more
            told += part
        os.close(reader)
        assert b"working on memory" in told
        assert "working on memory" not in host.stderr()
        # A pipe that nobody reads, and one that is not there, keep no worker waiting.
        for path in (unread, tmp_path / "missing"):
            request.stderr_path = str(path)
            worker = host.spawn(request)
            worker.range(0, 5)
            assert worker.answer().count == 5
            worker.finish()
            host.event()
        host.close()
        assert "working on memory" in host.stderr()


def test_exceptions_are_the_items_failure():
    with Host(BASIC) as host:
        request = host.open("Bad")
        host.list()
        worker = host.spawn(request)
        worker.range(0, 8)
        result = worker.answer()
        failures = {f.index: f for f in result.failures}
        assert set(failures) == {1, 2, 3, 4, 5, 7}
        assert failures[1].error.item.type_name == "ValueError"
        assert failures[1].error.message == "ValueError: broken \\udcff item"
        assert "in process" in failures[1].error.traceback and "_serve" not in failures[1].error.traceback
        assert failures[1].item == '{"how": "raise"}'
        assert failures[2].error.panic.value == "SystemExit: 3"
        assert failures[3].error.WhichOneof("detail") == "panic"
        assert failures[4].error.fault == pb.FAULT_ENVIRONMENT
        assert failures[7].error.item.type_name == "RecursionError"
        with open(worker.page, "rb") as page:
            page.seek(4096 + 16384)
            assert page.read(8) == bytes([0, 1, 1, 1, 1, 1, 0, 1])
        worker.finish()
        host.close()
        assert "working on memory" in host.stderr()
        assert '"@message": "logged memory"' in host.stderr()


@pytest.mark.parametrize("first, code, number", [(0, 9, 0), (8, -1, signal.SIGSEGV)])
def test_a_dead_worker_is_reported_and_forked_anew(first, code, number):
    with Host(BASIC) as host:
        request = host.open("Deadly")
        host.list()
        worker = host.spawn(request)
        worker.range(first, 12)
        exited = host.event().exited
        assert (exited.pid, exited.code, exited.signal) == (worker.pid, code, number)
        assert worker.heartbeat(1) == (1, 7, 12)
        again = host.spawn(request)
        again.range(first, 7)
        assert again.answer().count == 7


def test_a_worker_process_that_dies_ends_as_it_did():
    with Host(BASIC) as host:
        host.open("Deadly", stage=pb.STAGE_RUN)
        from host import Worker

        worker = Worker(host.stub)
        worker.block(pb.Block(encoding=pb.ENCODING_JSON_LINES, count=1, payload=b'{"i":7}'))
        assert host.process.wait(20) == 9


def test_a_constructor_that_ends_the_process():
    with Host(BASIC) as host:
        with pytest.raises(OpenFailed, match="exited with code 5"):
            host.open("Quits")


def test_refused_arguments():
    with Host(BASIC) as host:
        with pytest.raises(OpenFailed) as failed:
            host.open("Lines", ["--out", "x", "--count", "many"])
        problem = failed.value.error.config.problems[0]
        assert problem.where == "--count" and "invalid int value" in problem.message


def test_plain_class_and_factory():
    with Host(BASIC) as host:
        request = host.open("Plain", ["--any"])
        host.list()
        worker = host.spawn(request)
        worker.range(0, 1)
        assert not worker.answer().failures
    with Host(BASIC) as host:
        host.open("factory", ["--speed", "1"], mixin_json=b'{"option": "speed", "n": 3}')
        assert host.list()[0].indexed == 3


def test_everything_ends_when_the_host_does():
    host = Host(BASIC)
    request = host.open("Deadly")
    host.list()
    pids = [host.process.pid, host.spawn(request).pid]
    os.close(host.lifeline)
    assert host.process.wait(20) == -signal.SIGKILL
    for pid in pids[1:]:
        # The worker is not a child of this process: it has ended once its pid is gone.
        for _ in range(10000):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            if pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                break
            os.sched_yield()
        else:
            pytest.fail("the worker outlived its host")
    host.kill()


def test_the_end_of_the_process_that_has_the_task(tmp_path):
    """What a Python program does at its end is done: atexit functions, the last lines of open files."""
    file = tmp_path / "ends.py"
    file.write_text(
        "import atexit, os\nfrom kagurazaka import KagurazakaTask\nLOG = open('log', 'w')\n"
        "class Task(KagurazakaTask):\n"
        "    def __init__(self, args):\n        LOG.write('constructed')\n"
        "        atexit.register(lambda: open(f'end-{os.getpid()}', 'w').close())\n"
        "    def generate_tasks(self):\n        return [{'i': 1}]\n    def process(self, i):\n        pass\n"
    )
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        with Host(str(file)) as host:
            request = host.open("Task")
            host.list()
            worker = host.spawn(request)
            worker.range(0, 1)
            worker.answer()
            worker.finish()
    finally:
        os.chdir(here)
    assert (tmp_path / "log").read_text() == "constructed"
    assert len([name for name in os.listdir(tmp_path) if name.startswith("end-")]) == 1


def test_calls_find_threads_that_run_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """gRPC never answers a call that it finds no thread for, and the machine may have no room for one."""
    from kagurazaka._serve import relay

    pool = relay._pool(threads=2)

    def no_room(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_room)
    both = threading.Barrier(2)
    assert sorted(call.result(10) for call in [pool.submit(both.wait, 10) for _ in range(2)]) == [0, 1]


@pytest.mark.parametrize("start", [SCRIPT, MODULE])
def test_garbage_is_collected_while_user_code_runs(tmp_path: pathlib.Path, start: Sequence[str]) -> None:
    """The start does without, until the task file is loaded."""
    (tmp_path / "gc_task.py").write_text(
        "import gc\nfrom kagurazaka import KagurazakaTask\nassert gc.isenabled()\n"
        "class Task(KagurazakaTask):\n"
        "    def generate_tasks(self):\n        assert gc.isenabled()\n        return [{'i': 1}]\n"
        "    def process(self, i):\n        assert gc.isenabled()\n"
    )
    with Host(str(tmp_path / "gc_task.py"), start=start, stdin=subprocess.DEVNULL) as host:
        request = host.open("Task")
        assert [r.indexed for r in host.list()] == [1]
        worker = host.spawn(request)
        worker.range(0, 1)
        assert not worker.answer().failures
