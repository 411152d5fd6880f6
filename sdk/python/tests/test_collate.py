"""Collates with real torch."""

import collections

import pytest

import kagurazaka  # noqa: F401  before torch: it has to teach torch's collate when that is imported
from kagurazaka.template.io import FileTriplet
from kagurazaka.utils.collate import default_collate_extended, list_collate, pad_collate

try:
    import torch
except ImportError:
    pass

pytestmark = pytest.mark.torch


def test_default_collate_extended():
    triplets = [FileTriplet("a", "b", "c"), FileTriplet("d", "e", "f")]
    batch = default_collate_extended(
        [
            {"i": i, "f": i / 2, "s": str(i), "t": torch.full((2,), i), "none": None, "nested": {"x": [i, (i, "y")]}, "input": triplets[i],
             "p": Point(i, i), "flag": i == 1}
            for i in range(2)
        ]
    )  # fmt: skip
    assert batch["i"].tolist() == [0, 1] and batch["i"].dtype == torch.int64
    assert batch["f"].dtype == torch.float64 and batch["flag"].dtype == torch.bool
    assert batch["s"] == ["0", "1"] and batch["none"] == [None, None]
    assert batch["t"].tolist() == [[0, 0], [1, 1]]
    assert batch["nested"]["x"][0].tolist() == [0, 1] and batch["nested"]["x"][1][1] == ("y", "y")
    assert batch["input"] == triplets
    assert isinstance(batch["p"], Point) and batch["p"].x.tolist() == [0, 1]
    with pytest.raises(RuntimeError, match="different lengths"):
        default_collate_extended([[1], [1, 2]])


Point = collections.namedtuple("Point", "x y")


def test_numpy():
    numpy = pytest.importorskip("numpy")
    batch = default_collate_extended([{"a": numpy.arange(3), "b": numpy.float32(1)}] * 2)
    assert batch["a"].shape == (2, 3) and batch["b"].dtype == torch.float32
    with pytest.raises(TypeError):
        default_collate_extended([numpy.array(["text"])])


def test_torchs_own_collate_knows_triplets():
    collate = torch.utils.data.default_collate
    triplets = [FileTriplet("a", "b", "c")] * 2
    assert collate([{"input": t} for t in triplets])["input"] == triplets


def test_pad_collate():
    samples = [{"x": torch.ones(n), "m": torch.ones(n, n + 1), "same": torch.zeros(2), "name": str(n)} for n in (1, 3)]
    batch = pad_collate(samples)
    assert batch["x"].tolist() == [[1, 0, 0], [1, 1, 1]] and batch["x_lengths"].tolist() == [1, 3]
    assert batch["m"].shape == (2, 3, 4) and batch["m_lengths"].tolist() == [[1, 2], [3, 4]]
    assert "same_lengths" not in batch and batch["name"] == ["1", "3"]
    assert pad_collate(value=-1)(samples)["x"].tolist()[0] == [1, -1, -1]
    with pytest.raises(RuntimeError, match="number of dimensions"):
        pad_collate([{"x": torch.ones(1)}, {"x": torch.ones(1, 1)}])


def test_list_collate():
    assert list_collate([{"a": 1}, {"a": None}]) == {"a": [1, None]}
    assert list_collate([1, 2]) == [1, 2]
