"""The stages of device tasks over real gRPC, on the CPU, without torch."""

import os
import pathlib
import signal
import sys

import grpc
import pytest
from host import pb
from pipeline import Pipeline, described, triplet

TASKS = str(pathlib.Path(__file__).parent / "tasks" / "numpy_stages.py")
PYTHON = sys.executable


@pytest.fixture
def folders(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for i in range(10):
        (source / f"{i}.txt").write_text("x" * (10 + i))
    return source, target


def pipeline(name, folders, **more):
    source, target = folders
    template, _ = described(TASKS, name, PYTHON, input_path=str(source), output_path=str(target))
    return Pipeline(TASKS, name, template, python=PYTHON, **more)


def items_of(folders, count=10):
    source, target = folders
    return [{"input": triplet(source / f"{i}.txt"), "output": triplet(target / f"{i}.txt.out")} for i in range(count)]


def expected(i, size=None):
    size = size or 10 + i
    return f"{i}.txt {[120] * 8} {'x' * size} {size} {120 * 8 * 3}"


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("forked", [True, False])
def test_outputs(folders, apart, forked):
    with pipeline("Plain", folders, apart=apart, forked=forked) as stages:
        assert stages.run(items_of(folders)) == {}
        assert [w.finish() for w in (stages.loader, stages.device, stages.finisher) if w] == [[]] * (3 if apart else 2)
    assert {p.name: p.read_text() for p in folders[1].iterdir()} == {f"{i}.txt.out": expected(i) for i in range(10)}


def test_failures_are_single_items(folders):
    for i, what in ((1, "no-load"), (3, "no-infer"), (6, "no-post")):
        (folders[0] / f"{i}.txt").write_text(f"{what} xxxxx")
    with pipeline("Plain", folders) as stages:
        assert stages.run(items_of(folders)) == {
            1: "ValueError: cannot be loaded",
            3: "RuntimeError: cannot be inferred",
            6: "KeyError: 'cannot be postprocessed'",
        }
    assert len(os.listdir(folders[1])) == 7


def test_each_stage_is_a_process(folders):
    with pipeline("Pid", folders) as stages:
        stages.run(items_of(folders))
        loaded, inferred, finished, seen, path = (folders[1] / "0.txt.out").read_text().split()
        # Loaders alone are what worker_init_fn is for.
        assert (loaded, int(finished), seen) == (f"{stages.loader.pid}-[0]", stages.finisher.pid, "[]")
        assert "staging-" in path and path.endswith("/0.txt.out")
        assert int(inferred) not in (stages.device.pid, stages.loader.pid, stages.finisher.pid)


def test_structures(folders):
    with pipeline("Structures", folders) as stages:
        assert stages.run(items_of(folders)) == {}
    big = [[0, 2, 4], [6, 8, 10], [12, 14, 16], [18, 20, 22]]
    for i in range(10):
        text = (folders[1] / f"{i}.txt.out").read_text()
        assert text == f"{i} {i / 2} {i}.txt 40000 {i * i} {i}.TXT {i / 2:.2f} {big[i % 4]}"


def test_a_region_too_small_is_asked_for_again_without_loading_twice(folders):
    with pipeline("Structures", folders) as stages:
        items = items_of(folders, 4)
        answer, _ = stages.load(items, size=4096, number=7)
        assert answer.error.WhichOneof("detail") == "region_too_small"
        wanted = answer.error.region_too_small.wanted
        assert wanted > 160000
        for item in items:
            os.unlink(item["input"]["path"])
        answer, batch = stages.load(items, size=wanted, number=7)
        assert answer.payload.used == wanted
        assert all(tensor.offset % 64 == 0 for tensor in answer.payload.tensors)
        answer = stages.infer(batch, size=16)
        assert answer.error.region_too_small.wanted == 32


def test_ragged_shapes_fail_with_what_to_do(folders):
    with pipeline("Ragged", folders) as stages:
        told = stages.run(items_of(folders))
    assert set(told) == set(range(10))
    assert told[0].startswith("load_data gave 'data' of different shapes")
    for part in ("(2, 4): ", "(2, 3): ", "0.txt", "1.txt", "pad_collate", "list_collate"):
        assert part in told[0]


def test_a_collate_of_the_tasks_own(folders):
    with pipeline("Lists", folders) as stages:
        assert stages.run(items_of(folders)) == {}
    assert [(folders[1] / f"{i}.txt.out").read_text() for i in range(3)] == ["8", "6", "8"]


def test_the_default_collate_by_its_name(folders):
    with pipeline("Extended", folders) as stages:
        assert stages.run(items_of(folders)) == {}
    assert (folders[1] / "3.txt.out").read_text() == expected(3)


def test_a_collate_for_each_field(folders):
    with pipeline("Fields", folders) as stages:
        # An item makes its batches fail until it is alone.
        assert stages.run(items_of(folders)) == {}
    for i in range(10):
        assert (folders[1] / f"{i}.txt.out").read_text() == f"{2 * i * (i + 1)} {i + 1} ('{i}.txt',)"


def test_trees_are_split_for_each_item(folders):
    with pipeline("Trees", folders) as stages:
        assert stages.run(items_of(folders)) == {}
    for i in range(10):
        text = f"({i % 3}, 4) {i} {[i, i]} {i} {i / 2} {i}.txt {2 * i}"
        assert (folders[1] / f"{i}.txt.out").read_text() == text


def test_what_cannot_be_padded_is_not_halved_until_it_can(folders):
    with pipeline("CannotPad", folders) as stages:
        told = stages.run(items_of(folders))
    assert set(told) == set(range(10)) and "the same number of dimensions, but have the shapes [(1,), (1, 1)]" in told[0]


def test_structures_inside_of_elements_and_results(folders):
    with pipeline("Nested", folders) as stages:
        assert stages.run(items_of(folders)) == {}
    for i in range(10):
        values = [2.5 * (i + k) for k in range(3)]
        assert (folders[1] / f"{i}.txt.out").read_text() == f"{3 * i + 3} {values} {'ü' * i} {i}.txt"


def test_what_a_task_keeps_is_not_overwritten_by_the_next_batch(folders):
    for i in range(10):
        (folders[0] / f"{i}.txt").write_text(str(i) * 10)
    with pipeline("Keeps", folders, apart=False) as stages:
        assert stages.run(items_of(folders)) == {}
    assert (folders[1] / "9.txt.out").read_text() == " ".join(str(ord(str(i))) for i in range(10))


@pytest.mark.parametrize("name, text", [
    ("Drops", "collate_fn made a batch of 3 of 4 items"),
    ("Short", "inference returned 3 results for a batch of 4 items"),
])  # fmt: skip
def test_numbers_that_differ(folders, name, text):
    with pipeline(name, folders) as stages:
        told = stages.run(items_of(folders, 4))
    assert len(told) == 4 and all(text in message for message in told.values())
    assert os.listdir(folders[1]) == []


def test_postprocess_of_whole_batches(folders):
    (folders[0] / "5.txt").write_text("no-post xxxx")
    with pipeline("Whole", folders, apart=False) as stages:
        told = stages.run(items_of(folders))
    assert told == dict.fromkeys((4, 5, 6, 7), "KeyError: 'cannot be postprocessed'")
    assert {p.name for p in folders[0].iterdir() if p.suffix == ".whole"} == {f"{i}.txt.whole" for i in (0, 1, 2, 3, 8, 9)}


def test_what_a_task_finds_finished(folders):
    (folders[1] / "2.txt.out").write_text("")
    with pipeline("Checks", folders) as stages:
        assert stages.run(items_of(folders)) == {2: "skipped"}
    assert not (folders[0] / "2.txt.loads").exists() and (folders[0] / "3.txt.loads").exists()
    assert (folders[1] / "2.txt.out").read_text() == "" and (folders[1] / "3.txt.out").read_text() == expected(3)


def test_what_a_task_finds_finished_by_its_data(folders):
    with pipeline("ChecksData", folders) as stages:
        assert stages.run(items_of(folders)) == {2: "skipped"}
    assert sorted(os.listdir(folders[1])) == [f"{i}.txt.out" for i in range(10) if i != 2]


@pytest.mark.parametrize("which", ["loader", "device", "finisher"])
def test_a_killed_process_breaks_its_stream_and_no_other(folders, which):
    with pipeline("Plain", folders) as stages:
        assert stages.run(items_of(folders, 4)) == {}
        worker = getattr(stages, which)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(grpc.RpcError):
            next(worker.answers)
        if which == "device":
            stages.device = stages.device_worker()
        else:
            assert stages.nursery.event().exited.signal == signal.SIGKILL
            index = 0 if which == "loader" else 1
            setattr(stages, which, stages.worker(pb.STAGE_LOAD if index == 0 else pb.STAGE_FINISH, index))
        assert stages.run(items_of(folders)) == {}
    assert {p.name: p.read_text() for p in folders[1].iterdir()} == {f"{i}.txt.out": expected(i) for i in range(10)}
