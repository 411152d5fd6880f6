"""The examples under examples/python, each run over a few items."""

import json
import os
import pathlib
import sys

import pytest
from host import Host, Worker, pb

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples" / "python"
TORCH_PYTHON = os.environ.get("KAGURAZAKA_TORCH_PYTHON", sys.executable)


def fill(node, source, target):
    for field in node.fields:
        if field.value.WhichOneof("kind") == "placeholder":
            field.value.json = json.dumps(str({"input_path": source, "output_path": target}[field.name]))
        elif field.value.WhichOneof("kind") == "mode":
            fill(field.value.mode, source, target)


def run(host, name, items, source, target, folder=False, last="output", **more):
    """Run a task over complete items, as the host sends them for built-in templates."""
    template = host.task(name).template
    fill(template, source, target)
    device = "device" in more
    staging = pb.Staging(dir=host.staging(), folder=folder, last=[last])
    request = host.open(name, more.pop("args", ()), stage=pb.STAGE_RUN if device else pb.STAGE_SPAWN, template=template,
                        native_template=True, staging=staging, **more)  # fmt: skip
    worker = Worker(host.stub) if device else host.spawn(request)
    payload = "\n".join(json.dumps(item) for item in items).encode()
    worker.block(pb.Block(encoding=pb.ENCODING_JSON_LINES, count=len(items), payload=payload))
    result = worker.answer()
    worker.finish()
    return [(f.index, f.error.item.type_name) for f in result.failures]


def triplet(path):
    return {"path": str(path), "rel_dir": ".", "file_name": path.name}


@pytest.fixture
def folders(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return tmp_path / "in", tmp_path / "out"


def test_words(folders):
    source, target = folders
    (source / "a.txt").write_text("One one two")
    (source / "b.txt").write_bytes(b"\xff")
    items = [{"input": triplet(source / f"{n}.txt"), "output": triplet(target / f"{n}.json")} for n in "ab"]
    with Host(str(EXAMPLES / "words.py")) as host:
        assert {a.name for a in host.task("Words").arguments} == {"lower", "top"}
        assert run(host, "Words", items, source, target, args=["--lower"]) == [(1, "UnicodeDecodeError")]
    assert os.listdir(target) == ["a.json"]
    assert json.loads((target / "a.json").read_text()) == {"one": 2, "two": 1}


def test_thumbnails(folders):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed: the picture example was left out")
    source, target = folders
    image.new("RGB", (300, 200), (10, 200, 30)).save(source / "a.png")
    (source / "b.png").write_text("no picture")
    items = [
        {"input": triplet(source / n), "output": triplet(target / n), "output_thumbnail": triplet(target / n / "thumbnail.jpg"),
         "output_colour": triplet(target / n / "colour.json")} for n in ("a.png", "b.png")
    ]  # fmt: skip
    with Host(str(EXAMPLES / "thumbnails.py")) as host:
        failed = run(host, "Thumbnails", items, source, target, folder=True, last="output_thumbnail", args=["--size", "30"])
    assert failed == [(1, "PIL.UnidentifiedImageError")]
    assert os.listdir(target) == ["a.png"]
    assert image.open(target / "a.png" / "thumbnail.jpg").size == (30, 20)
    assert abs(json.loads((target / "a.png" / "colour.json").read_text())["green"] - 200) < 5


@pytest.mark.torch
def test_brightness(folders):
    source, target = folders
    for n, text in (("a", "text"), ("b", ""), ("c", "longer text")):
        (source / f"{n}.txt").write_text(text)
    items = [{"input": triplet(source / f"{n}.txt"), "output": triplet(target / f"{n}.brightness")} for n in "abc"]
    with Host(str(EXAMPLES / "brightness.py"), python=TORCH_PYTHON) as host:
        assert run(host, "Brightness", items, source, target, device="cpu") == []
    assert (target / "b.brightness").read_text() == "0.0000\n" and len(os.listdir(target)) == 3
