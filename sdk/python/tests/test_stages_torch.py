"""The stages of device tasks with torch, on the CPU: outputs are those of the simple path."""

import copy
import os
import pathlib
import pickle
import sys

import pytest
from host import Host, Worker, pb
from pipeline import Pipeline, described, lines, triplet

TASKS = str(pathlib.Path(__file__).parent / "tasks" / "torch_stages.py")
PYTHON = os.environ.get("KAGURAZAKA_TORCH_PYTHON", sys.executable)

pytestmark = pytest.mark.torch


@pytest.fixture
def folders(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    target.mkdir()
    for i in range(10):
        (source / f"{i}.txt").write_text("")
    return source, target


def items_of(folders, target):
    return [{"input": triplet(folders[0] / f"{i}.txt"), "output": triplet(target / f"{i}.txt.out")} for i in range(10)]


def read(target):
    return {p.name: p.read_text() for p in target.iterdir()}


def simple(name, template, folders):
    """Outputs of the simple path."""
    target = folders[1].parent / "simple"
    target.mkdir()
    with Host(TASKS, python=PYTHON) as host:
        staging = pb.Staging(dir=host.staging(), last=["output"])
        host.open(name, stage=pb.STAGE_RUN, device="cpu", template=template, native_template=True, staging=staging)
        worker = Worker(host.stub)
        worker.block(lines(items_of(folders, target)))
        assert not worker.answer().failures
        worker.finish()
    return read(target)


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("name", ["Extended", "Default", "Padded", "Fields", "Trees"])
def test_outputs_are_those_of_the_simple_path(folders, name, apart):
    template, capabilities = described(TASKS, name, PYTHON, input_path=str(folders[0]), output_path=str(folders[1]))
    assert {"stages", "finish"} <= set(capabilities)
    with Pipeline(TASKS, name, template, python=PYTHON, apart=apart) as stages:
        assert stages.run(items_of(folders, folders[1])) == {}
    made = read(folders[1])
    assert len(made) == 10
    assert made == simple(name, template, folders)


@pytest.mark.parametrize("name, told", [
    ("Ragged", "load_data gave 'data' of different shapes"),
    ("Scalar", "inference returned one Tensor for a batch of 4 items"),
])  # fmt: skip
def test_what_cannot_be_a_batch(folders, name, told):
    template, _ = described(TASKS, name, PYTHON, input_path=str(folders[0]), output_path=str(folders[1]))
    with Pipeline(TASKS, name, template, python=PYTHON) as stages:
        outcomes = stages.run(items_of(folders, folders[1])[:4])
    assert len(outcomes) == 4 and all(told in message for message in outcomes.values())


def test_results_that_are_no_elements(folders):
    template, _ = described(TASKS, "Nothing", PYTHON, input_path=str(folders[0]), output_path=str(folders[1]))
    with Pipeline(TASKS, "Nothing", template, python=PYTHON) as stages:
        assert stages.run(items_of(folders, folders[1])) == {}
    assert read(folders[1]) == {}


def test_loaders_stack_into_the_region_and_nothing_is_copied_after_that(folders):
    template, _ = described(TASKS, "Extended", PYTHON, input_path=str(folders[0]), output_path=str(folders[1]))
    with Pipeline(TASKS, "Extended", template, python=PYTHON) as stages:
        answer, _ = stages.load(items_of(folders, folders[1])[:4])
        tensors = answer.payload.tensors
        assert [(t.dtype, list(t.shape)) for t in tensors][:5] == [
            ("uint8", [4, 2, 3, 4]), ("uint8", [4, 4, 2, 3]), ("bfloat16", [4, 2, 3, 4]), ("bool", [4, 2, 3, 4]), ("int64", [4]),
        ]  # fmt: skip
        with open(stages.path, "rb") as file:
            file.seek(tensors[0].offset)
            assert list(file.read(96)) == [i + n for n in range(4) for i in range(24)]


def test_a_tensor_that_is_copied_ahead_is_a_plain_one_in_every_other_way():
    import torch

    from kagurazaka._serve.stages.ahead import Ahead, plain

    tensor = torch.arange(12).reshape(3, 4)
    ahead = tensor.as_subclass(Ahead)
    ahead._copy = ahead._event = object()
    assert isinstance(ahead, torch.Tensor) and ahead.data_ptr() == tensor.data_ptr()
    made = [ahead + 1, ahead[0], ahead.float(), ahead.permute(1, 0), ahead.clone(), torch.stack([ahead, ahead]), next(iter(ahead)),
            plain(ahead), copy.deepcopy(ahead), pickle.loads(pickle.dumps(ahead))]  # fmt: skip
    assert [type(one) for one in made] == [torch.Tensor] * len(made)
    assert ahead.to("cpu") is ahead and repr(ahead) == repr(tensor) and ahead.numpy().shape == (3, 4) and len(ahead) == 3
