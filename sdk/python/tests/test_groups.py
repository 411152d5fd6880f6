"""Input modes whose items are several files, and the one that merges others."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
from dataclasses import dataclass
from typing import Any

import pytest
from builthost import kagurazaka

from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka._serve import items as wire
from kagurazaka._serve import nodes
from kagurazaka._serve.opened import OpenedTask
from kagurazaka.template import io
from kagurazaka.template._template import ATTRIBUTE
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P


def tree(root: pathlib.Path, *names: str) -> str:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return str(root)


def template_of(input_mode: Any, output_mode: Any = None, folders: tuple[str, str] = ("in", "out")) -> Any:
    class Task(KagurazakaTask):
        def process(self, **item: Any) -> None:
            pass

    return getattr(
        moemoecue_normal(hard_shard_mode=io.NoHardShard(*folders), input_mode=input_mode, output_mode=output_mode)(Task), ATTRIBUTE
    )


def shown(items: Any) -> list[str]:
    """Items in short: rel_dir, and the names of input and input_<id>."""
    return [" ".join([item["input"].rel_dir, *("-" if file is None else file.file_name for file in item.values())]) for item in items]


FILES: dict[str, Any] = {"image": [".jpg", ".PNG"], "caption": ".txt"}


def test_a_group_is_an_item(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = tree(
        tmp_path, "b.jpg", "b.txt", "a.png", "a.txt", "sub/c.JPG", "sub/c.TXT", "alone.txt", "two.png", "two.jpg", "two.txt", ".jpg", "x.md"
    )
    items = io.InputByGroup(FILES).generate_tasks(root)
    assert shown(items) == [". a.png a.png a.txt", ". b.jpg b.jpg b.txt", ". two.jpg two.jpg two.txt", "sub c.JPG c.JPG c.TXT"]
    assert items[0]["input"] is items[0]["input_image"] and items[0]["input"].path == f"{root}/./a.png"
    told = capfd.readouterr().err
    assert f"1 incomplete group of files is left out: {root}/alone (no image)\n" in told
    assert f"1 file is left out, because its item has another file for the same id: {root}/two.png beside two.jpg\n" in told


def test_absent_files_are_none(tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path, "a.jpg", "b.txt", "c.jpg", "c.txt")
    assert shown(io.InputByGroup(FILES, required=["image"]).generate_tasks(root)) == [". a.jpg a.jpg -", ". c.jpg c.jpg c.txt"]
    assert shown(io.InputByGroup(FILES, required=["caption"]).generate_tasks(root)) == [". b.txt - b.txt", ". c.txt c.jpg c.txt"]


def test_the_longest_extension_counts(tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path, "a.tar.gz", "a.gz", "m.png", "m_mask.png")
    mode = io.InputByGroup({"one": ".gz", "tar": ".tar.gz"})
    assert shown(mode.generate_tasks(root)) == [". a.gz a.gz a.tar.gz"]
    assert shown(io.InputByGroup({"image": ".png", "mask": "_mask.png"}).generate_tasks(root)) == [". m.png m.png m_mask.png"]


def test_a_folder_is_an_item(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = tree(
        tmp_path, "b.jpg/t.txt", "b.jpg/d/e.bin", "sub/a.jpg/t.txt", "sub/a.jpg/d/e.bin", "sub/a.jpg/in/t.txt", "sub/a.jpg/in/d/e.bin",
        "half/t.txt", "none/x", ".kagurazaka-staging/y/t.txt", ".kagurazaka-staging/y/d/e.bin",
    )  # fmt: skip
    (tmp_path / "linked").symlink_to("b.jpg")
    mode = io.InputByFilenameSubfoldering({"text": "t.txt", "deep": "d/e.bin"})
    items = mode.generate_tasks(root)
    assert [(item["input"].rel_dir, item["input"].file_name) for item in items] == [(".", "b.jpg"), ("sub", "a.jpg"), ("sub/a.jpg", "in")]
    assert items[1]["input_deep"] == io.FileTriplet(f"{root}/sub/a.jpg/d/e.bin", "sub/a.jpg", "d/e.bin")
    assert f"1 incomplete group of files is left out: {root}/half (no deep)\n" in capfd.readouterr().err
    mode.required = ["text"]
    assert [item["input_deep"] is None for item in mode.generate_tasks(root)] == [False, True, False, False]


def test_the_output_of_one_task_is_the_input_of_the_next(tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path / "in", "a.jpg", "x/y/b.jpg")
    out = str(tmp_path / "out")
    files = {"text": "t.txt", "deep": "d/e.bin"}
    made = []
    for item in io.InputByExts([]).generate_tasks(root):
        outputs = io.OutputByFilenameSubfoldering(files).get_output_params(out, **item)
        made.append(outputs)
        for id in files:
            tree(pathlib.Path(outputs["output"].path), outputs[f"output_{id}"].file_name)
    read = io.InputByFilenameSubfoldering(files).generate_tasks(out)
    assert [{name.replace("input", "output"): file for name, file in item.items()} for item in read] == made


def test_a_merge_lists_one_mode_after_another(tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path / "in", "a.jpg", "a.txt", "b.wav")
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps({"input": io.FileTriplet("p", ".", "p").to_dict(), "n": 1}) + "\n")
    modes = io.InputByMerge([io.InputByExts([".wav"]), io.InputByGroup(FILES), io.InputFromWhateverJsonl(str(lines))])
    items = modes.generate_tasks(root)
    assert [item["input"].file_name for item in items] == ["b.wav", "a.jpg", "p"]
    assert items[2] == {"input": io.FileTriplet("p", ".", "p"), "n": 1}


def test_a_merge_in_python_tells_repeats_and_collisions(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    root = tree(tmp_path / "in", "a.jpg", "a.png", "b.jpg")
    folders = (root, str(tmp_path / "out"))
    again = template_of(io.InputByMerge([io.InputByExts([".jpg"]), io.InputByGlob("b.*")]), io.OutputByReplacingExt(".o"), folders)
    assert [item["input"].file_name for item in again.listed(list)] == ["a.jpg", "b.jpg"]
    assert "1 item repeats an earlier one and is left out" in capfd.readouterr().err
    twice = template_of(io.InputByMerge([io.InputByExts([".jpg"]), io.InputByExts([".png"])]), io.OutputByReplacingExt(".o"), folders)
    with pytest.raises(ValueError, match=r"two inputs would write one output .*/a\.o: .*a\.jpg and .*a\.png"):
        twice.listed(list)


@pytest.mark.parametrize("output", [io.OutputByApendingExt(".txt"), io.OutputByFilenameSubfoldering({"text": "t.txt"})])
@pytest.mark.parametrize("mode", [io.InputByGroup(FILES), io.InputByFilenameSubfoldering({"text": "t.txt"})])
def test_outputs_in_the_input_folder_are_no_items(tmp_path: pathlib.Path, mode: Any, output: Any) -> None:
    root = tree(tmp_path / "in", "a.jpg", "a.txt", "f/t.txt")
    template = template_of(io.InputByMerge([mode]), output, (root, root + "/out"))
    (item,) = template.listed(list)
    made = output.get_output_params(root + "/out", **item)
    pathlib.Path(made["output_text"].path if "output_text" in made else made["output"].path).write_text("")
    assert list(template.listed(list)) == [item]


def test_ids_keep_their_order_on_the_way_to_the_host() -> None:
    template = template_of(
        io.InputByMerge([io.InputByGroup({"z": ".z", "a": [".a", P]}), io.InputByFilenameSubfoldering({"z": "z", "a": "a"})])
    )
    modes = {f.name: f.value for f in nodes.describe(template).fields}["input_mode"].mode.fields[0].value.list.nodes
    assert [f.name for f in modes[0].mode.fields] == ["files", "required"]
    for mode in modes:
        assert [f.name for f in mode.mode.fields[0].value.map.fields] == ["z", "a"]


def test_what_comes_back_reaches_every_mode_of_a_merge() -> None:
    first, second = io.InputByExts([".a"]), io.InputByGroup({"z": ".z", "a": ".a"})
    template = template_of(io.InputByMerge([first, second]))
    message = nodes.describe(template)
    modes = {f.name: f.value for f in message.fields}["input_mode"].mode.fields[0].value.list.nodes
    modes[0].mode.fields[0].value.json = '[".x"]'
    modes[1].mode.fields[0].value.map.fields[1].value.json = '".y"'
    nodes.apply(template, message, None)
    assert template.input_mode.modes == [first, second]
    assert first.exts == [".x"] and second.files == {"z": ".z", "a": ".y"} and list(second.files) == ["z", "a"]


def test_a_new_mode_is_made_with_its_modes() -> None:
    template = template_of(io.InputByExts([".a"]))
    other = template_of(io.InputByMerge([io.InputByGlob("*"), io.InputByGroup({"z": ".z", "a": ".a"}, required=["a"])]))
    nodes.apply(template, nodes.describe(other), None)
    assert template.input_mode == other.input_mode and list(template.input_mode.modes[1].files) == ["z", "a"]


@dataclass
class Mine(io.InputByGroup):
    # A field without a default, as in a subclass of any other mode.
    more: str

    def generate_tasks(self, input_path: str) -> list[dict[str, Any]]:
        return [item for item in super().generate_tasks(input_path) if self.more in item["input"].file_name]


def test_modes_can_be_extended(tmp_path: pathlib.Path) -> None:
    root = tree(tmp_path, "a.jpg", "a.txt", "b.jpg", "b.txt")
    mode = Mine(FILES, "b", required=["image"])
    assert shown(mode.generate_tasks(root)) == [". b.jpg b.jpg b.txt"]
    top = {f.name: f.value for f in nodes.describe(template_of(io.InputByMerge([mode]))).fields}
    assert top["input_mode"].mode.fields[0].value.list.nodes[0].mode.custom


@pytest.mark.parametrize(
    ("mode", "restored"),
    [
        (io.InputByGroup(FILES), {"input", "input_x"}),
        (io.InputByFilenameSubfoldering({"a": "b"}), {"input", "input_x"}),
        (io.InputByMerge([io.InputFromWhateverJsonl("f")]), {"input", "input_x"}),
        (io.InputByExts([]), {"input"}),
        (io.InputFromWhateverJsonl("f"), set()),
    ],
)
def test_only_the_modes_files_become_triplets(mode: Any, restored: set[str]) -> None:
    opened = OpenedTask(None, template_of(mode), None, True)
    file = {"path": "p", "rel_dir": ".", "file_name": "p"}
    item: dict[str, Any] = {
        "input": dict(file),
        "input_x": dict(file),
        "input_none": None,
        "inputs": dict(file),
        "input_more": {**file, "more": 1},
    }
    wire.restore_triplets(item, opened.input_is_triplet, opened.has_files)
    assert {name for name, value in item.items() if isinstance(value, io.FileTriplet)} == restored


LISTING = """
from kagurazaka import KagurazakaTask, moemoecue_normal
from kagurazaka.template.io import *

MODE = {mode}

@moemoecue_normal(hard_shard_mode=NoHardShard("in", "out"), input_mode=MODE)
class T(KagurazakaTask):
    def process(self, **item):
        pass
"""

MODES = [
    'InputByGroup({"image": [".jpg", ".PNG"], "mask": "_mask.png", "text": ".txt"}, required=["image"])',
    'InputByGroup({"any": ["t", ".jpg"], "tar": [".tar.gz", ".gz"]})',
    'InputByFilenameSubfoldering({"text": "a.txt", "deep": "b/a.txt", "dot": "./b.jpg"}, required=["text"])',
    'InputByMerge([InputByExts([".txt"]), InputByFilenameSubfoldering({"text": "a.txt", "b": "b"}), InputByGlob("*/*.gz")])',
    'InputByGlob("**/[a-x]*", recursive=True)',
    'InputByGlob("[bx]*/**/b/*", recursive=True)',
    'InputByExts([".txt", ".jpg"], ignore=["b/c/**", "*.tar.gz", "x.jpg/", "/a.txt"], newer_than="1d")',
    'InputByExts([], recursive=False, max_size="1K")',
]


@pytest.mark.parametrize("mode", MODES)
def test_the_host_lists_what_python_lists(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], mode: str
) -> None:
    rng = random.Random(mode)
    folders = ["", "b/", "x.jpg/", "x.jpg/b/", "b/é 😀/", "b/c/b/", ".kagurazaka/", 'q"\\/']
    endings = [".jpg", ".JPG", ".png", "_mask.png", ".txt", ".tar.gz", ".gz", "", ".TXT"]
    names = {rng.choice(folders) + rng.choice("aabbxé") + rng.choice(endings) for _ in range(150)}
    tree(tmp_path / "in", "b/a.txt")
    for name in sorted(names):
        with contextlib.suppress(FileExistsError, IsADirectoryError, NotADirectoryError):
            tree(tmp_path / "in", name)
    (tmp_path / "in" / "linked").symlink_to("b")
    (tmp_path / "in" / "b" / "l.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "in" / "b" / "p.jpg")
    (tmp_path / "listing.py").write_text(LISTING.format(mode=mode))
    told = kagurazaka("plan", "--json", "--first", "1000", "listing.py", "T", cwd=tmp_path)
    assert told.code == 0, told.log
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    items = eval(mode, vars(io)).generate_tasks("in")
    wanted = [{key: file and file.to_dict() for key, file in item.items()} for item in items]
    listed = json.loads(told.out)
    assert listed["first"] == wanted and len(wanted) > 3
    for line in capfd.readouterr().err.splitlines():
        if "group" in line or "id" in line:
            assert line in listed["warnings"]
