"""kagurazaka.testing beside a run of the built host: device tasks on the CPU."""

import collections
import pathlib

import pytest
from builthost import kagurazaka

from kagurazaka._serve.taskfile import TaskFile
from kagurazaka.testing import run

pytestmark = pytest.mark.torch
TASKS = pathlib.Path(__file__).parent / "tasks" / "torch_own.py"


@pytest.fixture
def folders(tmp_path):
    for side in ("host", "here"):
        for name in ("in", "out"):
            (tmp_path / side / name).mkdir(parents=True)
        for i in range(10):
            (tmp_path / side / "in" / f"{i}.txt").write_text("x" * i)
    return tmp_path / "host", tmp_path / "here"


def made(folder):
    """The outputs, and for each kind of call how many there were."""
    files = {path.name: path.read_text() for path in (folder / "out").iterdir() if path.is_file() and path.name not in ("calls", "batches")}
    called = folder / "out" / "batches"
    return files, sorted(called.read_text().split()) if called.exists() else None


@pytest.mark.parametrize("name", [
    *("SetA", "SetB", "SetC", "LoaderA", "Sampled"),
    *("TemplateA", "TemplateB", "TemplateC", "TemplateBySize", "Outputs", "SimpleOutputs", "PlainOutput"),
    *("PlainCheck", "TemplateAndLoader", "TemplateAndSet", "AtOnce", "Tuples"),
])  # fmt: skip
def test_the_same_as_a_run(name, folders, monkeypatch):
    host, here = folders
    monkeypatch.chdir(here)
    task = TaskFile(str(TASKS)).find(name)
    for _ in range(2):
        told = kagurazaka(TASKS, name, "--device", "cpu", cwd=host)
        counts = collections.Counter(outcome.status for outcome in run(task))
        assert f"done {counts['done']}, skipped {counts['skipped']}, failed {counts['failed']}" == told.last, told
        assert made(here) == made(host)
