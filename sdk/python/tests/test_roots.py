"""Several input folders, for templates that run in Python."""

from __future__ import annotations

import pathlib
from typing import Any, Optional

import pytest

from kagurazaka.template import io
from kagurazaka.template._outputs import OneOutputTwice
from kagurazaka.template._template import Template


def _listed(roots: Any, mode: io.InputMode, output: str = "out", output_mode: Optional[io.OutputMode] = None) -> list[str]:
    fields = {
        "hard_shard_mode": io.NoHardShard(roots, output),
        "soft_shard": None,
        "input_mode": mode,
        "output_mode": output_mode or io.OutputByReplacingExt(".o"),
        "finish_check_mode": None,
    }
    template = Template(type("Task", (), {}), fields, lambda template: None)
    return [item["input"].path for item in template.listed(list)]


@pytest.fixture
def tree(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "b/1.jpg b/x/2.jpg a/3.jpg disk1/data/4.jpg disk2/data/x/5.jpg disk3/other/6.jpg disk4"
        " .disk5/data/7.jpg disk[1-9]/data/8.jpg 0*/9.jpg"
    ).split():
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(name).touch()


JPG = io.InputByExts([".jpg"])


@pytest.mark.parametrize(
    ("mode", "roots", "want"),
    [
        (JPG, ["b", "a/"], "b/./1.jpg b/x/2.jpg a/./3.jpg"),
        (JPG, ["a", "disk*/data"], "a/./3.jpg disk1/data/./4.jpg disk2/data/x/5.jpg disk[1-9]/data/./8.jpg"),
        (JPG, ["disk[1-9]/data", "0*"], "disk[1-9]/data/./8.jpg 0*/./9.jpg"),
        (JPG, ["./a", "a", "[ab]"], "./a/./3.jpg b/./1.jpg b/x/2.jpg"),
        (io.InputByGlob("*.jpg"), ["b", "b/x"], "b/1.jpg b/x/2.jpg"),
        (io.InputByGlob("**/*.jpg", recursive=True), ["b", "a"], "b/1.jpg b/x/2.jpg a/3.jpg"),
        (io.InputBySubDirectory(1), ["disk1", "b"], "disk1/data b/x"),
        # A text is always the name of one folder.
        (JPG, "0*", "0*/./9.jpg"),
    ],
)
def test_several_roots(tree: None, mode: io.InputMode, roots: Any, want: str) -> None:
    assert _listed(roots, mode) == want.split()


@pytest.mark.parametrize(
    ("mode", "roots", "message"),
    [
        (JPG, ["a", "nowhere"], "input_path: nowhere: there is no such folder"),
        (JPG, ["a", "no*"], r"input_path: no\*: no folder matches"),
        (JPG, ["b", "b/x"], "b/x lies in b, which is listed as well"),
        (JPG, ["b/x", "./b"], "b/x lies in ./b, which is listed as well"),
        (io.InputByGlob("**/*.jpg", recursive=True), [".", "a"], "a lies in ., which is listed as well"),
    ],
)
def test_wrong_roots(tree: None, mode: io.InputMode, roots: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _listed(roots, mode)


def test_two_inputs_with_one_output(tree: None) -> None:
    pathlib.Path("a/x").mkdir()
    pathlib.Path("a/x/2.jpg").touch()
    with pytest.raises(OneOutputTwice, match=r"two inputs would write one output .*: b/x/2\.jpg and a/x/2\.jpg"):
        _listed(["b", "a"], JPG)


def test_outputs_in_one_of_the_roots(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "a/1.txt a/x/1.txt b/2.txt b/out/2.txt.txt b/out/1.txt.txt b/out/x/1.txt.txt".split():
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(name).touch()
    found = _listed(["a", "b"], io.InputByExts([".txt"]), "b/out", io.OutputByApendingExt(".txt"))
    assert found == ["a/./1.txt", "a/x/1.txt", "b/./2.txt"]


def test_lists_of_paths_below_several_roots(tree: None) -> None:
    pathlib.Path("list").write_text("disk1/data/4.jpg\nb/x/2.jpg\n")
    items = io.InputFromList("list").generate_tasks(["disk*/data", "b"])  # type: ignore[arg-type]
    assert [item["input"].rel_dir for item in items] == [".", "x"]


def test_a_mode_of_the_users_own_gets_the_list_as_it_is(tree: None) -> None:
    got: list[Any] = []

    class Own(io.InputMode):
        def generate_tasks(self, input_path: Any) -> Any:
            got.append(input_path)
            return [{"input": io.FileTriplet("x", ".", "x")}] * 2

    class Over(io.InputByExts):
        def generate_tasks(self, input_path: Any) -> Any:
            got.append(input_path)
            return super().generate_tasks(input_path)

    # Its items are not checked, as with one folder.
    assert _listed(["a", "no*"], Own()) == ["x", "x"] and got == [["a", "no*"]]
    assert _listed(["b", "a"], Over([".jpg"])) == ["b/./1.jpg", "b/x/2.jpg", "a/./3.jpg"] and got[1:] == [["b", "a"]]
