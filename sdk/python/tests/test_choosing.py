"""Filters of InputByExts, and patterns of any depth, for templates that run in Python."""

from __future__ import annotations

import datetime
import os
import pathlib
from typing import Any

import pytest

from kagurazaka.template.io import InputByExts, InputByGlob

OLD = datetime.datetime(2020, 1, 2, 3, 4, 5)
FILES = "a.jpg b.JPG c.tmp.jpg sub/d.jpg sub/deep/e.jpg sub/deep/.f.jpg cache/g.jpg sub/cache/h.jpg raw/i/j.jpg".split()
ALL = (
    "a.jpg b.JPG c.tmp.jpg leads-nowhere.jpg link.jpg new.jpg cache/g.jpg raw/i/j.jpg sub/d.jpg"
    " sub/cache/h.jpg sub/deep/.f.jpg sub/deep/e.jpg"
).split()


@pytest.fixture
def tree(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(FILES):
        file = pathlib.Path("in", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(i * 1000))
        written = OLD.replace(year=2020 + i // 3).timestamp()
        os.utime(file, (written, written))
    pathlib.Path("in/new.jpg").touch()
    pathlib.Path("in/leads-nowhere.jpg").symlink_to("nowhere")
    pathlib.Path("in/link.jpg").symlink_to("raw/i/j.jpg")


def _names(items: Any) -> list[str]:
    return [os.path.normpath(item["input"].path)[len("in/") :] for item in items]


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        ({}, ALL),
        ({"recursive": False}, ALL[:6]),
        (
            {"ignore": ["*.tmp.jpg", "cache", "link*", ".*"]},
            "a.jpg b.JPG leads-nowhere.jpg new.jpg raw/i/j.jpg sub/d.jpg sub/deep/e.jpg".split(),
        ),
        ({"ignore": "*.jpg"}, ["b.JPG"]),
        ({"ignore": ["a.jpg/", "cache/", "sub/"]}, "a.jpg b.JPG c.tmp.jpg leads-nowhere.jpg link.jpg new.jpg raw/i/j.jpg".split()),
        (
            {"ignore": ["/cache", "sub/*/.f.jpg", "raw/**", "/a.jpg"]},
            "b.JPG c.tmp.jpg leads-nowhere.jpg link.jpg new.jpg sub/d.jpg sub/cache/h.jpg sub/deep/e.jpg".split(),
        ),
        (
            {"ignore": ["**/cache/*", "sub/**/e.jpg", "**/*.JPG"]},
            "a.jpg c.tmp.jpg leads-nowhere.jpg link.jpg new.jpg raw/i/j.jpg sub/d.jpg sub/deep/.f.jpg".split(),
        ),
        ({"min_size": 5000}, "link.jpg cache/g.jpg raw/i/j.jpg sub/cache/h.jpg sub/deep/.f.jpg".split()),
        ({"min_size": "1K", "max_size": "4.0k"}, "c.tmp.jpg sub/d.jpg sub/deep/e.jpg".split()),
        ({"max_size": 0}, "a.jpg new.jpg".split()),
        ({"newer_than": "2022-01-01"}, "link.jpg new.jpg cache/g.jpg raw/i/j.jpg sub/cache/h.jpg".split()),
        ({"newer_than": "2022-01-02 03:04:05"}, ["new.jpg"]),
        ({"newer_than": "1.5h"}, ["new.jpg"]),
    ],
)
def test_filters(tree: None, fields: dict[str, Any], want: list[str]) -> None:
    assert _names(InputByExts([".jpg"], **fields).generate_tasks("in")) == want


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ignore": ["/"]}, "is no pattern"),
        ({"ignore": ["!a"]}, "is no pattern"),
        ({"min_size": "ten"}, "min_size is 'ten': it must be a number of bytes"),
        ({"newer_than": "yesterday"}, "newer_than is 'yesterday': it must be a time such as"),
    ],
)
def test_wrong_filters(tree: None, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InputByExts([".jpg"], **fields).generate_tasks("in")


def test_subclasses_keep_their_fields() -> None:
    """A task file of 0.1.1 may add positional fields, or a constructor that does not call the one above."""
    import dataclasses

    @dataclasses.dataclass
    class Mine(InputByExts):
        extra: str

    class Own(InputByExts):
        def __init__(self) -> None:
            self.exts = [".jpg"]

    assert Mine([".jpg"], "x").extra == "x"
    assert Own().recursive and Own().generate_tasks("nowhere") == []


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("**/*.jpg", "a.jpg z.jpg x/b.jpg x/y/c.jpg x/y/x/d.jpg z.jpg/f.jpg"),
        ("**/**/*.jpg", "a.jpg z.jpg x/b.jpg x/y/c.jpg x/y/x/d.jpg z.jpg/f.jpg"),
        ("x/**/*.jpg", "x/b.jpg x/y/c.jpg x/y/x/d.jpg"),
        ("**/x/*", "b/x/g.png x/b.jpg x/y x/y/x/d.jpg"),
        ("**/x/**/d.jpg", "x/y/x/d.jpg"),
        ("**/.h*", ".h.jpg .hid"),
        ("**/.hid/*.jpg", ".hid/e.jpg"),
        ("*/**/*.png", "b/x/g.png"),
        ("x/**", "x/b.jpg x/y x/y/c.jpg x/y/x x/y/x/d.jpg"),
        ("l*/**/*.jpg", "link/k.jpg"),
        ("none/**/*.jpg", ""),
        ("**/[xy]/?.jpg", "x/b.jpg x/y/c.jpg x/y/x/d.jpg"),
        ("x/y/**/x/d.jpg", "x/y/x/d.jpg"),
        ("*/*.jpg", "link/k.jpg x/b.jpg z.jpg/f.jpg"),
    ],
)
def test_patterns_of_any_depth(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, pattern: str, want: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "in/a.jpg in/.h.jpg in/x/b.jpg in/x/y/c.jpg in/x/y/x/d.jpg in/.hid/e.jpg in/z.jpg/f.jpg in/b/x/g.png in/.kagurazaka/n.jpg far/k.jpg"
    ).split():
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(name).touch()
    pathlib.Path("in/link").symlink_to("../far")
    items = InputByGlob(pattern, recursive=True).generate_tasks("in")
    assert _names(items) == want.split()
    assert all(
        os.path.join("in", item["input"].rel_dir, item["input"].file_name) == os.path.join("in", os.path.relpath(item["input"].path, "in"))
        or item["input"].rel_dir == "."
        for item in items
    )


def test_a_pattern_must_not_go_up_behind_any_folders() -> None:
    for pattern in ("**/../x", "**/./x", "**/"):
        with pytest.raises(ValueError, match="goes up or stays behind"):
            InputByGlob(pattern, recursive=True).generate_tasks("in")
