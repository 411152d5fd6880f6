"""Device tasks on the CPU with real torch."""

import json
import os
import pathlib
import sys

import pytest
from host import Host, Worker, pb

TASKS = pathlib.Path(__file__).parent / "tasks" / "torch_kinds.py"
PYTHON = os.environ.get("KAGURAZAKA_TORCH_PYTHON", sys.executable)

pytestmark = pytest.mark.torch


def lines(items):
    payload = "\n".join(json.dumps(item) for item in items).encode()
    return pb.Block(encoding=pb.ENCODING_JSON_LINES, count=len(items), payload=payload)


def triplet(path, rel_dir="."):
    return {"path": str(path), "rel_dir": rel_dir, "file_name": os.path.basename(path)}


def resolved(template, **values):
    """The template with its placeholders replaced."""
    made = pb.Template()
    made.CopyFrom(template)
    for field in made.fields:
        nodes = [field.value, *(f.value for f in field.value.mode.fields), *(f.value for f in field.value.map.fields)]
        names = [field.name, *(f.name for f in field.value.mode.fields), *(f.name for f in field.value.map.fields)]
        for name, node in zip(names, nodes):
            if node.WhichOneof("kind") == "placeholder":
                node.json = json.dumps(values[name])
    return made


@pytest.fixture
def folders(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for i in range(10):
        (source / f"{i}.txt").write_text("x" * (10 + i))
    return source, target


@pytest.mark.parametrize("workers", [0, 2])
def test_items_of_a_template(folders, workers):
    source, target = folders
    (source / "5.txt").write_text("broken")
    with Host(str(TASKS), python=PYTHON) as host:
        task = host.task("Template")
        assert task.kind == pb.TASK_KIND_DEVICE and {"stages", "finish"} <= set(task.capabilities) and "list" not in task.capabilities
        assert task.arguments[0].name == "edge"
        template = resolved(task.template, input_path=str(source), output_path=str(target), num_workers=workers)
        staging = pb.Staging(dir=host.staging(), last=["output"])
        host.open("Template", stage=pb.STAGE_RUN, device="cpu", template=template, native_template=True, staging=staging,
                  heartbeat_path=host.page())  # fmt: skip
        worker = Worker(host.stub)
        items = [{"input": triplet(source / f"{i}.txt"), "output": triplet(target / f"{i}.txt.len")} for i in range(10)]
        worker.block(lines(items[:3]))
        worker.block(lines(items[3:8]))
        worker.block(lines(items[8:]))
        results = worker.finish()
    assert [(r.id, r.count) for r in results] == [(1, 3), (2, 5), (3, 2)]
    assert [(r.id, f.index, f.error.message) for r in results for f in r.failures] == [
        (2, 0, "RuntimeError: unlucky"),
        (2, 2, "ValueError: cannot be loaded"),
    ]
    assert sorted(os.listdir(target)) == sorted(f"{i}.txt.len" for i in range(10) if i not in (3, 5))
    assert (target / "9.txt.len").read_text() == "9.txt 38"
    assert os.listdir(staging.dir) == [] if os.path.exists(staging.dir) else True
    sizes = [int(n) for n in (source.parent / "calls").read_text().split()]
    assert sum(sizes) == 9


def test_an_incomplete_batch_does_not_wait_for_ever(folders):
    source, target = folders
    with Host(str(TASKS), python=PYTHON) as host:
        template = resolved(host.task("Template").template, input_path=str(source), output_path=str(target), num_workers=1)
        host.open("Template", stage=pb.STAGE_RUN, device="cpu", template=template, native_template=True)
        worker = Worker(host.stub)
        for i in range(3):
            worker.block(lines([{"input": triplet(source / f"{i}.txt"), "output": triplet(target / f"{i}.txt.len")}]))
            assert worker.answer().count == 1
        assert worker.finish() == []
    assert len(os.listdir(target)) == 3


def test_postprocessing_overlaps_the_next_inference(folders):
    source, target = folders
    with Host(str(TASKS), python=PYTHON) as host:
        template = resolved(host.task("Overlap").template, input_path=str(source), output_path=str(target))
        host.open("Overlap", stage=pb.STAGE_RUN, device="cpu", template=template, native_template=True)
        worker = Worker(host.stub)
        worker.block(lines([{"input": triplet(source / f"{i}.txt"), "output": triplet(target / f"{i}.len")} for i in range(4)]))
        result = worker.answer()
        assert not result.failures
        worker.finish()


def test_custom_modes_check_elements(folders):
    source, target = folders
    with Host(str(TASKS), python=PYTHON) as host:
        task = host.task("Custom")
        assert {"list", "stages", "finish"} <= set(task.capabilities)
        template = resolved(task.template, input_path=str(source), output_path=str(target))
        host.open("Custom", stage=pb.STAGE_RUN, device="cpu", template=template)
        (target / "1.TXT").write_text("")
        answers = host.list(indexed=False, max_items=100)
        assert [a.WhichOneof("message") for a in answers] == ["total", "block"]
        worker = Worker(host.stub)
        worker.block(answers[1].block)
        result = worker.answer()
        assert [(s.first, s.count) for s in result.skipped] == [(1, 1)]
        assert [f.index for f in result.failures] == [3]
        worker.finish()
    assert len(os.listdir(target)) == 9
    assert (source.parent / "calls").read_text().split() == ["3", "4", "2"]


@pytest.mark.parametrize("name, listed, text", [
    ("Own", 3, "9 81 s9\n"), ("WholeBatches", 3, "s9\n"), ("TakesOver", 3, None), ("Endless", 1, None)
])  # fmt: skip
def test_tasks_with_a_loader_of_their_own(tmp_path, name, listed, text):
    with Host(str(TASKS), python=PYTHON) as host:
        host.open(name, [str(tmp_path)], stage=pb.STAGE_RUN, device="cpu")
        assert host.list()[0].indexed == listed
        worker = Worker(host.stub)
        worker.range(0, listed)
        result = worker.answer()
        if name == "TakesOver":
            assert [(f.index, f.error.message) for f in result.failures] == [(2, "ValueError: no nine")]
        else:
            assert not result.failures
        worker.range(0, listed)
        again = worker.answer()
        if name != "TakesOver":
            assert [(s.first, s.count) for s in again.skipped] == [(0, listed)]
        worker.finish()
    assert len(os.listdir(tmp_path)) == (5 if name == "Endless" else 9 if name == "TakesOver" else 10)
    if text:
        assert (tmp_path / "n9").read_text() == text
