"""What the built-in input modes leave out when they list in Python."""

from __future__ import annotations

import os
import pathlib

import pytest

from kagurazaka.template import io
from kagurazaka.utils import lists
from kagurazaka.utils.io import walk_sorted


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> str:
    for name in ("in/b.txt", "in/a.txt", "in/sub/c.txt", "in/.kagurazaka-staging/x.txt", "in/.kagurazaka/y.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    os.mkfifo(tmp_path / "in" / "pipe.txt")
    os.mkfifo(tmp_path / "in" / "pipe.md")
    (tmp_path / "in" / "dangling.txt").symlink_to("nowhere")
    (tmp_path / "in" / "linked.txt").symlink_to("a.txt")
    (tmp_path / "in" / "null.txt").symlink_to("/dev/null")
    (tmp_path / "in" / "folder.txt").symlink_to("sub")
    return str(tmp_path / "in")


class Wrapped(io.InputByExts):
    def generate_tasks(self, input_path: str) -> list:
        return [item for item in super().generate_tasks(input_path) if not item["input"].file_name.startswith("b")]


def names(items: list) -> list[str]:
    return [os.path.join(item["input"].rel_dir, item["input"].file_name) for item in items]


def test_special_files_are_left_out_and_told(tree: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert names(Wrapped([".txt"]).generate_tasks(tree)) == ["./a.txt", "./dangling.txt", "./linked.txt", "sub/c.txt"]
    assert "2 named pipes, sockets or devices match by name and are left out; the first: " in capfd.readouterr().err
    assert names(io.InputByGlob("*.txt").generate_tasks(tree)) == ["./a.txt", "./b.txt", "./dangling.txt", "./folder.txt", "./linked.txt"]
    assert "2 named pipes, sockets or devices match by name and are left out; the first: " in capfd.readouterr().err
    assert names(io.InputBySubDirectory(1).generate_tasks(tree)) == ["./folder.txt", "./sub"]
    assert capfd.readouterr().err == ""


def test_walking_asks_for_no_regular_file(tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda path, *args, **kw: asked.append(os.path.basename(path)) or stat(path, *args, **kw))
    assert [os.path.basename(folder) for folder, _ in walk_sorted(tree)] == ["in", "sub"]
    assert not {"a.txt", "b.txt", "c.txt"} & set(asked)


def test_a_broken_line_is_named(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"a": 1}\n{"a"\n')
    with pytest.raises(ValueError, match=r"lines\.jsonl:2: the line is not JSON"):
        io.InputFromWhateverJsonl(str(file)).generate_tasks("")


def test_a_line_without_an_end_has_a_limit(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_LONGEST_LINE", 1 << 20)
    file = tmp_path / "lines.jsonl"
    file.write_text('{"a": 1}\n' + "x" * (1 + (1 << 20)) + "\n")
    with pytest.raises(ValueError, match=r"lines\.jsonl:2: the line is longer than 1 MiB"):
        io.InputFromWhateverJsonl(str(file)).generate_tasks("")
    with pytest.raises(ValueError, match=r"^/dev/zero:1: the line is longer than 1 MiB"):
        io.InputFromWhateverJsonl("/dev/zero").generate_tasks("")
