"""Collates, with torch and without it."""

import collections
import dataclasses
import doctest
import pickle
import re

import numpy
import pytest
from conftest import ROOT

import kagurazaka  # noqa: F401  before torch: it has to teach torch's collate when that is imported
from kagurazaka.task.torch_vanilla import batch_length, element_of
from kagurazaka.template.io import FileTriplet
from kagurazaka.utils.collate import (
    Columns,
    ShapeError,
    batch_by,
    default_collate_extended,
    dict_collate,
    list_collate,
    nested_collate,
    pad_collate,
)
from kagurazaka.utils.collate._arrays import has_torch
from kagurazaka.utils.collate.bucket import length_of


@pytest.fixture(params=[pytest.param("torch", marks=pytest.mark.torch), "numpy"])
def array(request, monkeypatch):
    """The type of what the collates make: torch's tensor, or numpy's array."""
    if request.param == "torch":
        import torch

        assert has_torch()
        return torch.Tensor
    monkeypatch.setattr("kagurazaka.utils.collate._arrays.has_torch", lambda: False)
    monkeypatch.setattr("kagurazaka.utils.collate.default_extended.has_torch", lambda: False)
    return numpy.ndarray


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Truth:
    label: int
    boxes: numpy.ndarray
    place: Point


def triplets(n):
    return [FileTriplet(str(i), "b", "c") for i in range(n)]


def test_default_collate_extended(array):
    files = triplets(2)
    batch = default_collate_extended(
        [
            {"i": i, "f": i / 2, "s": str(i), "t": numpy.full((2,), i), "none": None, "nested": {"x": [i, (i, "y")]}, "input": files[i],
             "p": Point(i, i), "flag": i == 1, "n": numpy.float32(1)}
            for i in range(2)
        ]
    )  # fmt: skip
    assert isinstance(batch["i"], array) and batch["i"].tolist() == [0, 1] and str(batch["i"].dtype).endswith("int64")
    assert (
        str(batch["f"].dtype).endswith("float64")
        and str(batch["flag"].dtype).endswith("bool")
        and str(batch["n"].dtype).endswith("float32")
    )
    assert batch["s"] == ["0", "1"] and batch["none"] == [None, None]
    assert isinstance(batch["t"], array) and batch["t"].tolist() == [[0, 0], [1, 1]]
    assert batch["nested"]["x"][0].tolist() == [0, 1] and list(batch["nested"]["x"][1][1]) == ["y", "y"]
    assert batch["input"] == files
    assert isinstance(batch["p"], Point) and batch["p"].x.tolist() == [0, 1]
    with pytest.raises(ShapeError, match="different lengths"):
        default_collate_extended([[1], [1, 2]])


@pytest.mark.torch
def test_torch_takes_no_text():
    with pytest.raises(TypeError):
        default_collate_extended([numpy.array(["text"])])


@pytest.mark.torch
def test_torchs_own_collate_knows_triplets():
    import torch

    files = triplets(2)
    assert torch.utils.data.default_collate([{"input": t} for t in files])["input"] == files


def test_pad_collate(array):
    samples = [{"x": numpy.ones(n), "m": numpy.ones((n, n + 1)), "same": numpy.zeros(2), "name": str(n)} for n in (1, 3)]
    batch = pad_collate(samples)
    assert isinstance(batch["x"], array) and isinstance(batch["x_lengths"], array)
    assert batch["x"].tolist() == [[1, 0, 0], [1, 1, 1]] and batch["x_lengths"].tolist() == [1, 3]
    assert tuple(batch["m"].shape) == (2, 3, 4) and batch["m_lengths"].tolist() == [[1, 2], [3, 4]]
    assert batch["m"].sum() == 14
    assert "same_lengths" not in batch and batch["name"] == ["1", "3"]
    assert pad_collate(value=-1)(samples)["x"].tolist()[0] == [1, -1, -1]
    assert pad_collate(lengths="{}_n")(samples)["x_n"].tolist() == [1, 3]
    with pytest.raises(RuntimeError, match="number of dimensions"):
        pad_collate([{"x": numpy.ones(1)}, {"x": numpy.ones((1, 1))}])


def test_pad_collate_of_named_fields_always_has_lengths(array):
    collate = pickle.loads(pickle.dumps(pad_collate(fields=["x"], dims=1)))
    assert collate([{"x": numpy.ones((2, 3)), "y": 1}])["x_lengths"].tolist() == [2]
    batch = collate([{"x": numpy.ones((n, 3)), "y": 1} for n in (2, 4)])
    assert tuple(batch["x"].shape) == (2, 4, 3) and batch["x_lengths"].tolist() == [2, 4] and batch["y"].tolist() == [1, 1]
    sizes = pad_collate(fields=["x"], dims=2)([{"x": numpy.ones((n, 3, 3))} for n in (2, 4)])["x_lengths"]
    assert sizes.tolist() == [[2, 3], [4, 3]]


@pytest.mark.parametrize(
    "settings, samples, message",
    [
        ({"fields": ["z"]}, [{"x": numpy.ones(1)}], "no field z; their fields are x"),
        ({"dims": 1}, [{"x": numpy.ones((1, 2))}, {"x": numpy.ones((1, 3))}], "differ behind the first 1 dim"),
        ({}, [{"x": numpy.ones(1), "x_lengths": 1}, {"x": numpy.ones(2), "x_lengths": 1}], "replace the field x_lengths"),
        ({}, [{"x": numpy.ones(1)}, {"x": numpy.ones(2, numpy.int32)}], "the same type, but have .*float64.*int32"),
        ({"fields": ["x"]}, [{"x": "text"}], "at least one dimension, not str"),
    ],
)
def test_what_cannot_be_padded(array, settings, samples, message):
    with pytest.raises(ShapeError, match=message):
        pad_collate(**settings)(samples)


def test_settings_of_pad_collate():
    with pytest.raises(TypeError, match=r"fields=\['x'\]"):
        pad_collate(fields="x")
    with pytest.raises(ValueError, match="dims is 0"):
        pad_collate(dims=0)


def test_list_collate():
    assert list_collate([{"a": 1}, {"a": None}]) == {"a": [1, None]}
    assert list_collate([1, 2]) == [1, 2]


def test_dict_collate(array):
    collate = pickle.loads(pickle.dumps(dict_collate({"x": pad_collate, "boxes": list_collate, "n": max})))
    samples = [{"x": numpy.ones(n), "boxes": numpy.ones((n, 4)), "n": n, "rest": n} for n in (2, 1)]
    batch = collate(samples)
    assert list(batch) == ["x", "x_lengths", "boxes", "n", "rest"]
    assert tuple(batch["x"].shape) == (2, 2) and batch["x_lengths"].tolist() == [2, 1]
    assert [b.shape for b in batch["boxes"]] == [(2, 4), (1, 4)] and batch["n"] == 2
    assert isinstance(batch["rest"], array) and batch["rest"].tolist() == [2, 1]
    # One sample alone, as after a failure, has the same fields.
    assert list(collate(samples[:1])) == list(batch)
    assert dict_collate({}, default=list_collate)(samples)["n"] == [2, 1]
    with pytest.raises(ShapeError, match="no field nothing; their fields are x, boxes"):
        dict_collate({"nothing": list_collate})(samples)
    with pytest.raises(ShapeError, match="sample 1 of the batch has no field 'a'"):
        dict_collate({})([{"a": 1}, {"b": 1}])


def test_nested_collate(array):
    def sample(i):
        return {
            "input": FileTriplet(str(i), "b", "c"), "image": numpy.full((3, 2), i),
            "truth": Truth(i, numpy.full((i, 4), i), Point(i, f"p{i}")), "pair": (i, {"deep": [i / 2, None]}),
            "ragged": [i] * i, "keys": {"a": i} if i == 1 else {"b": i}, "kinds": i if i == 1 else "text", "empty": {},
        }  # fmt: skip

    samples = [sample(1), sample(2)]
    batch = nested_collate(samples)
    assert isinstance(batch["image"], array) and tuple(batch["image"].shape) == (2, 3, 2)
    truth = batch["truth"]
    assert isinstance(truth, Truth) and truth.label.tolist() == [1, 2] and [tuple(b.shape) for b in truth.boxes] == [(1, 4), (2, 4)]
    assert isinstance(truth.place, Point) and truth.place.x.tolist() == [1, 2] and truth.place.y == ["p1", "p2"]
    assert isinstance(batch["pair"], Columns) and batch["pair"][0].tolist() == [1, 2]
    assert batch["pair"][1]["deep"][0].tolist() == [0.5, 1] and batch["pair"][1]["deep"][1] == [None, None]
    assert batch["ragged"] == [[1], [2, 2]] and batch["keys"] == [{"a": 1}, {"b": 2}] and batch["kinds"] == [1, "text"]
    assert batch["empty"] == [{}, {}] and batch["input"] == [s["input"] for s in samples]

    # As it comes to a stage, and split for postprocess_each.
    batch = pickle.loads(pickle.dumps(batch))
    assert batch_length(batch) == 2 and batch_length({"t": batch["truth"]}) == 2 and batch_length({"p": batch["pair"]}) == 2
    for i, want in enumerate(samples):
        got = element_of(batch, i)
        assert (
            got["pair"] == want["pair"] and type(got["pair"]) is tuple and got["ragged"] == want["ragged"] and got["input"] == want["input"]
        )
        assert type(got["truth"]) is Truth and got["truth"].label == i + 1 and got["truth"].place == want["truth"].place
        assert got["truth"].boxes.tolist() == want["truth"].boxes.tolist() and got["image"].tolist() == want["image"].tolist()


@pytest.mark.torch
def test_nested_tensors():
    import torch

    batch = nested_collate([{"a": [torch.ones(2), torch.ones(n)]} for n in (1, 2)])
    assert batch["a"][0].shape == (2, 2) and [t.shape[0] for t in batch["a"][1]] == [1, 2]
    assert [t.dtype for t in nested_collate([torch.ones(1), torch.ones(1).int()])] == [torch.float32, torch.int32]


def test_batch_by():
    lengths = [3, None, 5, 5, 1, 4, 9]
    assert list(batch_by(lengths, 2)) == [[6, 2], [3, 5], [0, 4], [1]] and len(batch_by(lengths, 2)) == 4
    assert list(batch_by(lengths, 2, window=3)) == [[2, 3], [0, 1], [6, 5], [4]]
    sampler = batch_by(lengths, 2, drop_last=True)
    assert list(sampler) == [[6, 2], [3, 5], [0, 4]] and len(sampler) == 3
    assert list(batch_by([], 2)) == [] and len(batch_by([], 2)) == 0
    many = [(i * 7919) % 104729 for i in range(1000)]
    batches = list(batch_by(many, 16, window=100))
    assert sorted(i for batch in batches for i in batch) == list(range(1000)) and len(batches) == len(batch_by(many, 16, window=100))
    # A window is of whole batches: none of them mixes two windows.
    assert all(max(batch) // 112 == min(batch) // 112 for batch in batches)
    for wrong in ({"batch_size": 0}, {"batch_size": 2, "window": 0}, {"batch_size": True}):
        with pytest.raises(ValueError, match="must be an integer of 1 or more"):
            batch_by(lengths, **wrong)


def test_lengths_of_items(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    item = {
        "input": FileTriplet(str(path), "", "a"),
        "n": 2.5,
        "text": "four",
        "meta": {"list": [1, 2, 3]},
        "size": 7,
        "flag": True,
        "nan": float("nan"),
    }
    keys = {
        "size": 5,
        ".size": 7,
        "n": 2.5,
        "text": 4,
        "meta.list": 3,
        "meta": 1,
        "flag": None,
        "nan": None,
        "none": None,
        "n.deeper": None,
    }
    assert {key: length_of(item, key) for key in keys} == keys
    assert length_of({"input": str(path)}, "size") == 5 and length_of({"input": {"path": str(path)}}, "size") == 5
    assert length_of({"input": str(path) + "x"}, "size") is None and length_of("text", "size") is None


@pytest.mark.torch
def test_batch_by_in_torchs_loader():
    import torch

    data = [torch.full((n,), n) for n in (1, 5, 2, 4)]
    loader = torch.utils.data.DataLoader(
        data, batch_sampler=batch_by([len(d) for d in data], 2), collate_fn=lambda batch: pad_collate([{"x": d} for d in batch])
    )
    assert [batch["x_lengths"].tolist() for batch in loader] == [[5, 4], [2, 1]] and len(loader) == 2


def run_examples(page):
    runner = doctest.DocTestRunner()
    names = {}
    blocks = re.findall(r"^```python\n(>>> .*?)^```$", (ROOT / "docs" / page).read_text(), re.DOTALL | re.MULTILINE)
    for number, block in enumerate(blocks):
        test = doctest.DocTestParser().get_doctest(block, names, f"{page}, example {number + 1}", page, 0)
        runner.run(test, clear_globs=False)
        names = test.globs
    assert runner.failures == 0 and runner.tries > 10


def test_examples_of_the_page(array, capsys):
    run_examples("how-to/collates.md")
