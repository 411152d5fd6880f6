"""Direct outputs: what a worker notes, and what it says of what it did not conclude."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import zlib

import grpc
import pytest
from host import Host, direct_page, notes_of, pb

from kagurazaka._serve.heartbeat import Heartbeat
from kagurazaka._serve.journal import Journal, OpenElsewhere, key_of
from kagurazaka._serve.opened import OpenedTask
from kagurazaka._serve.running import Runner
from kagurazaka.task.normal import KagurazakaTask
from kagurazaka.template import _state, io
from kagurazaka.template._template import Template
from kagurazaka.template.task.normal import _install

TASKS = pathlib.Path(__file__).parent / "tasks"
FAILS = str(TASKS / "direct_fails.py")


def item(name: str, rel_dir: str = ".", ext: str = ".o") -> dict[str, object]:
    def triplet(root: str, file: str) -> dict[str, str]:
        return {"path": f"{root}/{rel_dir}/{file}", "rel_dir": rel_dir, "file_name": file}

    return {"input": triplet("in", name), "output": triplet("out", name + ext)}


def block(*names: str, ext: str = ".o") -> pb.Block:
    lines = [json.dumps(item(name, ext=ext), separators=(",", ":")).encode() for name in names]
    return pb.Block(encoding=pb.ENCODING_JSON_LINES, count=len(lines), payload=b"\n".join(lines))


def records(path: pathlib.Path) -> set[int]:
    """What the file of unfinished outputs says."""
    left: set[int] = set()
    data = path.read_bytes() if path.exists() else b""
    assert len(data) % 16 == 0
    for key, operation, mark, check in struct.iter_unpack("<QB3sI", data):
        assert mark == b"KGU" and check == zlib.crc32(struct.pack("<QB3s", key, operation, mark))
        (left.add if operation == ord("+") else left.discard)(key)
    return left


def dead(page: str) -> bool:
    """Whether nobody holds a page alive."""
    with open(page, "rb+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_state, "journal", None)
    return tmp_path


@pytest.mark.parametrize("task", ["Tries", "ThroughCall", "Folders"])
@pytest.mark.parametrize("forked", [True, False])
@pytest.mark.parametrize("mapped", [True, False])
def test_what_is_begun_and_not_concluded(here, task, forked, mapped):
    ext = "" if task == "Folders" else ".o"
    with Host(FAILS) as host:
        direct = host.direct("out", mapped=mapped)
        if forked:
            request = host.open(task, native_template=True, template=host.task(task).template)
            request.direct.CopyFrom(direct)
            worker = host.spawn(request)
        else:
            host.open(task, native_template=True, template=host.task(task).template, stage=pb.STAGE_RUN, direct=direct)
            from host import Worker

            worker = Worker(host.stub)
        assert not dead(direct.page)
        unfinished = here / "out" / ".kagurazaka" / "unfinished"
        worker.block(block("ok-1", "fail-2", "no-3", "ok-4", ext=ext))
        answer = worker.answer()
        assert [failure.index for failure in answer.failures] == [1]
        assert answer.unwritten == (0 if task == "Folders" else 1)
        assert notes_of(direct.page) == []
        assert records(unfinished) == {key_of(f"fail-2{ext}".encode())}
        worker.block(block("die-5", ext=ext))
        with pytest.raises(grpc.RpcError):
            worker.answer()
        assert notes_of(direct.page) == [f"die-5{ext}"]
        assert not mapped or os.path.getsize(direct.page) == 1 << 16


def runner_of(folder: pathlib.Path, process, mapped: bool = True):
    """A runner of a task with this function, on a page below out."""
    (folder / "out" / ".kagurazaka").mkdir(parents=True, exist_ok=True)
    cls = type("Task", (KagurazakaTask,), {"process": lambda self, input, output: process(input, output)})
    fields = dict(
        hard_shard_mode=io.NoHardShard("in", "out"), soft_shard=None, input_mode=io.InputByExts([]),
        output_mode=io.OutputByApendingExt(".o"),
        finish_check_mode=io.FinishCheckByOutputFileExistence(),
    )  # fmt: skip
    template = Template(cls, fields, _install)
    opened = OpenedTask(template.install()([]), template, None, True)
    page = direct_page(folder / "out" / ".kagurazaka")
    opened.prepare_outputs(pb.OpenRequest(direct=pb.Direct(**page, root="out", field="output", mapped=mapped)))
    runner = Runner(opened, Heartbeat(""))

    def run(*names: str):
        chunk = pb.Chunk(id=1, parts=[pb.Part(block=block(*names))])
        return pb.RunResponse.FromString(runner.run(pb.RunRequest(chunk=chunk).SerializeToString())).result

    run.page, run.journal, run.beat = page["page"], opened.journal, runner.heartbeat
    return run


@pytest.mark.parametrize("mapped", [True, False])
def test_a_later_success_clears_a_failure(here, mapped):
    fails = ["b-2"]

    def process(input, output):
        pathlib.Path(output.path).write_text("half")
        if input.file_name in fails:
            raise ValueError

    run = runner_of(here, process, mapped)
    run("a-1", "b-2", "c-3", "d-4", "e-5")
    unfinished = here / "out" / ".kagurazaka" / "unfinished"
    assert records(unfinished) == {key_of(b"b-2.o")}
    assert not run.journal.whole("out/./b-2.o") and run.journal.whole("out/./a-1.o")
    # Another worker has failed meanwhile: that is seen with the next chunk.
    Journal(pb.Direct(unfinished=str(unfinished), root="out", field="output"), False).fail(b"z-9.o\0\0")
    fails.clear()
    run("b-2", "z-9", "y-8", "x-7")
    assert records(unfinished) == set()
    assert run.journal.whole("out/./b-2.o")


def test_an_item_is_noted_before_it_is_begun_and_concluded_before_the_position_moves(here):
    seen = []

    def process(input, output):
        seen.append((notes_of(run.page), run.beat.words[9]))
        pathlib.Path(output.path).touch()

    run = runner_of(here, process)
    run("a-1", "b-2", "c-3", "d-4")
    assert seen == [([f"{name}.o"], index) for index, name in enumerate(["a-1", "b-2", "c-3", "d-4"])]
    assert notes_of(run.page) == [] and run.beat.words[9] == 4


def test_what_cannot_be_appended_stays_on_the_page(here):
    def process(input, output):
        if input.file_name[0] == "f":
            raise ValueError
        pathlib.Path(output.path).touch()

    run = runner_of(here, process)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        run("a-1", "f-2", "c-3", "f-4", "e-5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert notes_of(run.page) == ["f-2.o", "f-4.o"]


@pytest.mark.parametrize("mapped", [True, False])
def test_a_task_may_close_what_is_open(here, mapped):
    files, ours = [], str(here / "out" / ".kagurazaka")

    def process(input, output):
        for fd in range(3, 256):
            try:
                if ours in os.readlink(f"/proc/self/fd/{fd}"):
                    os.close(fd)
            except OSError:
                pass
        # They get the numbers that are free now.
        for i in range(4):
            files.append(open(f"{output.path}.{i}", "w"))
            files[-1].write("the user's")
            files[-1].flush()
        if input.file_name[0] == "f":
            raise ValueError

    run = runner_of(here, process, mapped)
    run("a-1", "f-2", "c-3")
    run("a-4", "f-5")
    assert len(files) == 20
    for file in files:
        assert pathlib.Path(file.name).read_text() == "the user's"
    assert records(here / "out" / ".kagurazaka" / "unfinished") == {key_of(b"f-2.o"), key_of(b"f-5.o")}
    run.journal.attend()
    assert not dead(run.page)


@pytest.mark.parametrize("form", ["text", "link", "hard link"])
def test_a_file_that_is_not_ours_is_not_written_to(here, form):
    def process(input, output):
        raise ValueError

    run = runner_of(here, process)
    unfinished, own = here / "out" / ".kagurazaka" / "unfinished", here / "own"
    own.write_text("what the user wrote there" if form == "text" else "")
    if form == "link":
        unfinished.symlink_to(own)
    else:
        os.link(own, unfinished)
        if form == "text":
            own.unlink()
    before = unfinished.read_text()
    with pytest.raises(OSError):
        run("a-1")
    assert unfinished.read_text() == before


def test_an_output_that_somebody_else_has_begun_since_is_not_concluded(here):
    def process(input, output):
        if not half:
            raise ValueError
        Journal(pb.Direct(unfinished=str(unfinished), root="out", field="output"), False).fail(b"a-1.o\0\0")

    unfinished, half = here / "out" / ".kagurazaka" / "unfinished", False
    run = runner_of(here, process)
    run("a-1")
    half = True
    run("a-1")
    assert records(unfinished) == {key_of(b"a-1.o")}


def test_a_worker_whose_page_is_gone_ends(here):
    def process(input, output):
        pathlib.Path(output.path).write_text("half")
        if input.file_name == "b-2":
            (here / "out").rename(here / "old")
            (here / "out").mkdir()
            run.journal.due = 0

    run = runner_of(here, process)
    pid = os.fork()
    if not pid:
        try:
            run("a-1", "b-2", "c-3")
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    # Nothing was begun that nobody would know of.
    assert os.listdir(here / "out") == []


@pytest.mark.parametrize("start", ["fork", "subprocess", "system", "spawn"])
def test_a_child_that_still_writes_keeps_the_page_alive(here, start):
    script = f"""
import multiprocessing, os, subprocess, sys, time
sys.path[:0] = [{str(TASKS.parents[1])!r}, {str(TASKS.parent)!r}]
from host import pb
from kagurazaka._serve.journal import Journal
Journal(pb.Direct(page=sys.argv[1], unfinished="u", root="out", field="output", mapped=True), False)
if {start!r} == "fork":
    pid = os.fork()
    if not pid:
        os.execvp("sleep", ["sleep", "1000"])
    print(pid, flush=True)
elif {start!r} == "subprocess":
    print(subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL).pid, flush=True)
elif {start!r} == "spawn":
    from kagurazaka._serve import modulepath
    modulepath.leave_working_folder()
    child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(1000,))
    child.start()
    print(child.pid, flush=True)
else:
    os.system("sleep 1000 >/dev/null & echo $!")
os.kill(os.getpid(), 9)
"""
    page = direct_page(here)["page"]
    started = subprocess.Popen([sys.executable, "-c", script, page], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    child = int(started.stdout.readline())
    started.wait(20)
    started.stdout.close()
    assert not dead(page)
    pidfd = os.pidfd_open(child)
    os.kill(child, signal.SIGKILL)
    import select

    select.select([pidfd], [], [], 20)
    os.close(pidfd)
    assert dead(page)


def test_batches_are_noted_whole_and_one_behind_the_other(here):
    page = direct_page(here)
    journal = Journal(pb.Direct(**page, root="out", field="output"), False)
    names = [f"out/x/{number:05}{'y' * 200}.o" for number in range(1000)]
    journal.begin_batch(names)
    assert notes_of(page["page"]) == [name[4:] for name in names]
    journal.begin_batch(["out/b"])
    journal.end_batch(names[1:], names[:1])
    assert notes_of(page["page"]) == ["b"]
    assert records(pathlib.Path(page["unfinished"])) == {key_of(names[0][4:].encode())}
    journal.begin_batch(["out/c"])
    journal.end_batch(["out/b", "out/c"], [])
    assert notes_of(page["page"]) == []


def test_names_of_outputs(here):
    journal = Journal(pb.Direct(unfinished="u", root="out"), False)
    for path, name in {
        "out/./a": "a", "out/x/../y": "y", "out/../z": "../z", "out//a//b/": "a/b", "/abs/./x": "/abs/x", "other/x": "other/x",
        "out/\udcff": "\udcff", "//x": "/x",
    }.items():  # fmt: skip
        assert journal.relative(path) == name, path


def test_keys_are_those_of_the_protocol():
    # The host computes the same.
    assert [key_of(text.encode()) for text in ("", "a.o", "d/ü.o")] == [0x811C9DC5, 0x605E0DE0158BFCEB, 0x1F8067434A030590]


def test_an_output_on_another_page_is_not_whole(here):
    page = direct_page(here)
    other = Journal(pb.Direct(**page, root="out", field="output", mapped=True), False)
    journal = Journal(pb.Direct(unfinished=page["unfinished"], root="out", field="output", run="page-mine-"), False)
    other.begin(other.note_of("out/a"))
    with pytest.raises(OpenElsewhere):
        journal.whole("out/a")
    assert journal.whole("out/b")
    other.clear()
    assert journal.whole("out/a")


def test_a_task_says_how_its_outputs_are_written():
    with Host(FAILS) as host:
        direct = {name: "direct" in host.task(name).capabilities for name in ("Tries", "Staged", "StagedByAttribute", "Lists")}
        wanted = [name for name in direct if "wants_direct" in host.task(name).capabilities]
    assert direct == {"Tries": True, "Staged": False, "StagedByAttribute": False, "Lists": True}
    # What is so without a word is not the author's.
    assert wanted == []
    with pytest.raises(ValueError, match="outputs must be 'direct' or 'staged', not 'aside'"):
        Template(object, {}, lambda template: None, "aside")


def test_a_folder_where_the_output_is_a_file(here):
    run = runner_of(here, lambda input, output: open(output.path, "w").close())
    os.makedirs("out/b-2.o")
    result = run("a-1", "b-2", "c-3", "d-4")
    assert [(f.index, f.error.invalid_output.path) for f in result.failures] == [(1, "out/./b-2.o")]


def test_a_file_where_the_output_is_a_folder(here):
    with Host(FAILS) as host:
        request = host.open("Folders", native_template=True, template=host.task("Folders").template)
        request.direct.CopyFrom(host.direct("out"))
        worker = host.spawn(request)
        pathlib.Path("out/b-2").touch()
        worker.block(block("a-1", "b-2", ext=""))
        result = worker.answer()
    assert [(f.index, f.error.WhichOneof("detail")) for f in result.failures] == [(1, "invalid_output")]
