"""Items that are done without the output that the finish check looks for: counted, with an example, and never more than there are."""

import json
import os
import pathlib

import pytest
from builthost import TORCH_PYTHON, kagurazaka

from kagurazaka._proto import plugin_pb2 as pb
from kagurazaka._serve.unwritten import Unwritten

TASKS = pathlib.Path(__file__).parent / "tasks" / "unwritten.py"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(10):
        (tmp_path / "in" / f"{i}.txt").write_text("")
    return tmp_path


def run(folder, task, *flags, **more):
    """(the number in the summary, the warning)"""
    told = kagurazaka(TASKS, task, "--progress", "json", *flags, cwd=folder, **more)
    assert told.code == 0, told
    summary = json.loads(told.out.splitlines()[-1])
    warnings = [line for line in told.log.splitlines() if "without the output" in line]
    assert len(warnings) == (1 if summary.get("unwritten") else 0), told
    return summary.get("unwritten", 0), "".join(warnings)


@pytest.mark.parametrize("outputs", ["direct", "staged"])
@pytest.mark.parametrize("task, count, example", [
    ("Other", 10, r"one of them has out/./{n}.txt.feat.npy where out/./{n}.txt.feat was expected"),
    ("OtherInFolder", 10, r"one of them has out/./{n}.txt/a.feat.npy where out/./{n}.txt/a.feat was expected"),
    ("Nothing", 10, r"one of them is without out/./{n}.txt.feat"),
    ("OwnMode", 10, r"one of them has out/{n}.txt.feat.npy where out/{n}.txt.feat was expected"),
    ("AtOnce", 10, r"one of them has out/./{n}.txt.feat.npy where out/./{n}.txt.feat was expected"),
    ("Written", 0, ""),
])  # fmt: skip
def test_normal_tasks(folder, outputs, task, count, example):
    found, warning = run(folder, task, "--outputs", outputs, "--num_process", "2")
    assert found == count
    assert not example or any(example.format(n=n) in warning for n in range(10)), warning
    # Once more they are all done again, or none is.
    assert run(folder, task, "--outputs", outputs)[0] == count


def test_a_task_that_writes_later(folder):
    for i in range(300):
        (folder / "in" / f"{i:03}.txt").write_text("")
    for path in folder.glob("in/?.txt"):
        path.unlink()
    found, _ = run(folder, "Some", "--num_process", "1")
    # Between two looks nobody knows; what was written is never counted.
    assert 64 <= found <= 100
    assert len(list(folder.glob("out/*.feat"))) == 200


@pytest.mark.parametrize("flags", [(), ("--postprocess", "device")])
@pytest.mark.parametrize("task, count, example", [
    ("DeviceWritten", 0, ""),
    ("DeviceOther", 10, "one of them has out/./{n}.txt.feat.npy where out/./{n}.txt.feat was expected"),
    ("DeviceNothing", 10, "one of them is without out/./{n}.txt.feat"),
    ("DeviceNone", 10, "one of them is without out/./{n}.txt.feat"),
    ("DeviceInt", 10, "one of them is without out/./{n}.txt.feat"),
])  # fmt: skip
def test_stages(folder, task, count, example, flags):
    found, warning = run(folder, task, "--device", "cpu", "--num_load", "1", "--num_postprocess", "1", *flags)
    assert found == count
    assert not example or any(example.format(n=n) in warning for n in range(10)), warning


@pytest.mark.torch
@pytest.mark.parametrize("task, count", [("SimpleWritten", 0), ("SimpleOther", 10), ("SimpleNone", 10), ("LoaderNone", 3)])
def test_device_tasks_in_one_process(folder, task, count):
    found, warning = run(folder, task, "--device", "cpu", python=TORCH_PYTHON)
    assert found == count
    assert not count or ".txt.feat" in warning


def counted(unwritten):
    result = pb.ChunkResult()
    unwritten.report(result)
    return result.unwritten, result.unwritten_example.expected


def test_after_many_that_are_not_there_few_are_looked_for(tmp_path, monkeypatch):
    looks = []
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: looks.append(path) or access(path, mode))
    unwritten, missing = Unwritten(), str(tmp_path / "missing")
    for _ in range(10_000):
        unwritten.look(missing)
    assert counted(unwritten) == (10_000, missing) and len(looks) < 300
    # One that is there: those since the last look are given the benefit of the doubt, and each is looked for again.
    for _ in range(200):
        unwritten.look(str(tmp_path))
    assert counted(unwritten)[0] == 0
    del looks[:]
    unwritten.look(missing)
    assert counted(unwritten)[0] == 1 and len(looks) == 1


def test_the_end_of_a_chunk_looks_once_more(tmp_path):
    unwritten, missing = Unwritten(), str(tmp_path / "missing")
    for _ in range(64 + 10):
        unwritten.look(missing)
    assert counted(unwritten)[0] == 74
    for _ in range(10):
        unwritten.look(str(tmp_path))
    assert counted(unwritten)[0] == 0


def test_what_is_told_as_found_was_written_lately(tmp_path):
    old, new = tmp_path / "a.jpg", tmp_path / "a.png"
    old.write_text("")
    os.utime(old, (1, 1))
    unwritten = Unwritten()
    unwritten.look(str(tmp_path / "a.jpg.txt"))
    assert unwritten.found == ""
    new.write_text("")
    again = Unwritten()
    again.look(str(tmp_path / "a.jpg.txt"))
    assert again.found == str(new)
