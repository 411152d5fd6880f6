"""Torch tasks through the built host, on the CPU: who makes batches, and who processes them."""

import os
import pathlib

import pytest
from builthost import TORCH_PYTHON, kagurazaka

TASKS = pathlib.Path(__file__).parent / "tasks" / "torch_own.py"


pytestmark = pytest.mark.torch


@pytest.fixture
def folder(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    for i in range(10):
        (tmp_path / "in" / f"{i}.txt").write_text("x" * i)
    return tmp_path


def run(folder, task, *flags, device="cpu", **environment):
    return kagurazaka(TASKS, task, "--device", device, *flags, cwd=folder, python=TORCH_PYTHON, **environment)


def made(folder, ending=".txt"):
    return {path.name: path.read_text() for path in (folder / "out").iterdir() if path.name.endswith(ending)}


def calls(folder):
    return (folder / "out" / "calls").read_text().split()


ALL = {f"{i}.txt": f"{200 + 2 * i}\n" for i in range(10)}


@pytest.mark.parametrize("task", ["SetA", "SetB", "SetC", "LoaderA", "LoaderB", "LoaderC"])
def test_batches_of_the_tasks_own(folder, task):
    first = run(folder, task)
    assert (first.code, first.last) == (0, "done 3, skipped 0, failed 0"), first
    assert made(folder) == ALL
    # Once, in this order, in one process.
    assert calls(folder) == ["load_model", "get_dataset" if task[:3] == "Set" else "get_dataloader"]
    second = run(folder, task)
    assert (second.code, second.last) == (0, "done 0, skipped 3, failed 0"), second
    assert made(folder) == ALL


@pytest.mark.parametrize("task", ["TemplateA", "TemplateB", "TemplateC"])
def test_batches_of_a_template(folder, task):
    first = run(folder, task)
    assert (first.code, first.last) == (0, "done 10, skipped 0, failed 0"), first
    assert made(folder) == ALL
    second = run(folder, task)
    assert (second.code, second.last) == (0, "done 0, skipped 10, failed 0"), second
    assert made(folder) == ALL


def batches(folder):
    return sorted((folder / "out" / "batches").read_text().split(), key=lambda sizes: -int(sizes.split(",")[0]))


def test_batches_of_similar_length(folder):
    assert run(folder, "Sampled").last == "done 3, skipped 0, failed 0"
    assert made(folder) == ALL and batches(folder) == ["9,8,7,6", "5,4,3,2", "1,0"]


def test_batches_of_similar_length_of_a_template(folder):
    # Windows of 8 items: those of 0 to 7, and what is left.
    assert run(folder, "TemplateBySize").last == "done 10, skipped 0, failed 0"
    assert made(folder) == ALL and batches(folder) == ["9,8", "7,6,5,4", "3,2,1,0"]


def test_a_template_cannot_order_a_dataset_of_the_tasks_own(folder):
    told = run(folder, "SetBySize")
    assert told.code == 1 and "batch_by of dataloader needs the items of an input_mode" in told.log, told


@pytest.mark.parametrize("task, items", [("Outputs", 10), ("SimpleOutputs", 10), ("TemplateAndLoader", 3), ("TemplateAndSet", 3)])
def test_outputs_of_a_template(folder, task, items):
    first = run(folder, task)
    assert (first.code, first.last) == (0, f"done {items}, skipped 0, failed 0"), first
    assert made(folder, ".o") == {f"{name}.o": text for name, text in ALL.items()}
    second = run(folder, task)
    assert (second.code, second.last) == (0, f"done 0, skipped {items}, failed 0"), second


def test_a_template_that_is_applied_at_once(folder):
    first = run(folder, "AtOnce")
    assert (first.code, first.last) == (0, "done 2, skipped 0, failed 0"), first
    assert sorted(made(folder, ".o")) == [f"{i}.txt.o" for i in range(0, 10, 2)]


@pytest.mark.parametrize("task", ["PlainInput", "PlainOutput", "PlainShard", "PlainChanged"])
def test_a_template_that_runs_in_python_with_stages(folder, task):
    # load_model keeps its notes where the task is.
    (folder / "elsewhere" / "out").mkdir(parents=True)
    first = run(folder, task)
    assert (first.code, first.last) == (0, "done 10, skipped 0, failed 0"), first
    assert made(folder, ".o") == {f"{name}.o": text for name, text in ALL.items()}
    second = run(folder, task)
    assert (second.code, second.last) == (0, "done 0, skipped 10, failed 0"), second


def test_a_check_that_the_constructor_sets(folder):
    for _ in range(2):
        told = run(folder, "PlainCheck")
        assert (told.code, told.last) == (0, "done 1, skipped 9, failed 0"), told
    assert made(folder, ".o") == {"3.txt.o": ALL["3.txt"]}


@pytest.mark.parametrize("task, items, written", [("Tuples", 3, 10), ("FewerThanSaid", 5, 9), ("MoreThanSaid", 1, 9), ("Generated", 1, 5)])
def test_loaders_of_every_kind(folder, task, items, written):
    told = run(folder, task)
    assert (told.code, told.last) == (0, f"done {items}, skipped 0, failed 0"), told
    assert sorted(path.name for path in (folder / "out").iterdir() if path.name != "calls") == [str(i) for i in range(written)]


def test_a_worker_that_dies_is_replaced(folder):
    told = run(folder, "Dies")
    # The batch before it may have been finished and not yet answered.
    assert told.code == 0 and told.last in ("done 3, skipped 0, failed 0", "done 2, skipped 1, failed 0"), told
    assert made(folder) == ALL


@pytest.mark.parametrize("task, why", [
    ("DiesAtRandom", "the loader's order is random, so it is unknown which batches are left"),
    ("DiesAndShrinks", "made 3 batches when the run began, and 2 for the worker"),
])  # fmt: skip
def test_batches_that_cannot_be_told_apart_are_not_called_done(folder, task, why):
    told = run(folder, task)
    assert told.code in (1, 3) and why in told.log, told
    # The same command goes on.
    assert run(folder, task).code == 0
    assert made(folder) == ALL


@pytest.mark.parametrize("task", ["FallsBack", "Outputs", "SimpleOutputs", "TemplateAndLoader"])
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_where_there_is_none(folder, task, device):
    told = run(folder, task, device=device, CUDA_VISIBLE_DEVICES="")
    assert told.code == 1 and "--device cpu" in told.log and os.listdir(folder / "out") == [], told
