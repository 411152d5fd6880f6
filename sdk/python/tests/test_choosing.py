"""Filters of InputByExts, and patterns of any depth, for templates that run in Python."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import os
import pathlib
import pickle
from typing import Any

import pytest

from kagurazaka._serve import nodes
from kagurazaka.template import io
from kagurazaka.template._template import Template
from kagurazaka.template.io import (
    FileTriplet,
    FinishCheckByOutputFileExistence,
    InputByExts,
    InputByGlob,
    NoHardShard,
    OutputByApendingExt,
)
from kagurazaka.template.mixin import KAGURAZAKA_MIXIN_PLACEHOLDER as P

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

    @dataclasses.dataclass
    class Mine(InputByExts):
        extra: str

    class Own(InputByExts):
        def __init__(self) -> None:
            self.exts = [".jpg"]

    assert Mine([".jpg"], "x").extra == "x"
    assert Own().generate_tasks("nowhere") == []


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


def _names_of(mode: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(mode)}


def test_built_in_modes_are_what_they_were() -> None:
    """Without options, everything that a task file can see of a mode is as in 0.1.1."""
    for mode, fields, text in (
        (InputByExts([".a"]), {"exts": [".a"]}, "InputByExts(exts=['.a'])"),
        (InputByExts(exts=None, recursive=True), {"exts": None}, "InputByExts(exts=None)"),
        (InputByGlob("x"), {"glob_pattern": "x"}, "InputByGlob(glob_pattern='x')"),
        (FinishCheckByOutputFileExistence(), {"output_field_suffix": None}, "FinishCheckByOutputFileExistence(output_field_suffix=None)"),
        (FinishCheckByOutputFileExistence("a"), {"output_field_suffix": "a"}, "FinishCheckByOutputFileExistence(output_field_suffix='a')"),
    ):
        assert dataclasses.asdict(mode) == vars(mode) == fields and _names_of(mode) == set(fields)
        assert dataclasses.astuple(mode) == tuple(fields.values())
        assert repr(mode) == text and mode == type(mode)(**fields) == type(mode)(*fields.values())
        assert dataclasses.replace(mode) == mode and type(mode).__hash__ is None
        for name in ("recursive", "ignore", "min_size", "max_size", "newer_than", "redo", "_items", "_all", "_kept"):
            assert not hasattr(mode, name)


def test_given_options_are_kept_with_the_mode() -> None:
    mode = InputByExts([".a"], recursive=False, max_size="1K")
    assert mode != InputByExts([".a"]) and InputByExts([".a"]) != mode
    assert mode == InputByExts([".a"], max_size="1K", recursive=False) == copy.deepcopy(mode) == pickle.loads(pickle.dumps(mode))
    assert repr(mode) == "InputByExts(exts=['.a'], recursive=False, max_size='1K')" == repr(copy.copy(mode))


def test_own_fields_with_the_names_of_options(tree: None) -> None:
    @dataclasses.dataclass
    class Filters(InputByExts):
        min_size: int = 512
        max_size: str = "large"
        newer_than: str = "v2"
        ignore: Any = "*.jpg"
        recursive: bool = False

    @dataclasses.dataclass
    class Required(InputByExts):
        ignore: int
        recursive: bool

    class Methods(InputByExts):
        min_size = "small"

        def ignore(self, name: str) -> bool:
            return name.startswith("b")

        def _all(self) -> None: ...

        _kept = _all

    made = Filters([".jpg"], 1)
    assert repr(made).endswith(".Filters(exts=['.jpg'], min_size=1, max_size='large', newer_than='v2', ignore='*.jpg', recursive=False)")
    for mode in (made, Required([".jpg"], 3, False), Methods([".jpg"])):
        assert _names(mode.generate_tasks("in")) == ALL
        assert _names(_template(mode).listed(list)) == ALL
    assert Methods([".jpg"]).ignore("b.JPG") and Methods([".jpg"]).min_size == "small"


def test_own_names_in_patterns(tree: None) -> None:
    @dataclasses.dataclass
    class Field(InputByGlob):
        recursive: bool = True

    class Attribute(InputByGlob):
        def __init__(self, pattern: str) -> None:
            super().__init__(pattern)
            self.recursive = True

    class Helper(InputByGlob):
        def _items(self, input_path: str) -> Any:
            return super().generate_tasks(input_path)

        def generate_tasks(self, input_path: str) -> Any:
            return self._items(input_path)

    for mode in (Field("**/d.jpg"), Attribute("**/d.jpg"), Helper("**/d.jpg")):
        assert _names(mode.generate_tasks("in")) == ["sub/d.jpg"]
    assert _names(Field("**/e.jpg").generate_tasks("in")) == []


def test_own_names_in_finish_checks(tmp_path: pathlib.Path) -> None:
    @dataclasses.dataclass
    class Field(FinishCheckByOutputFileExistence):
        redo: str = "newer"

    class Method(FinishCheckByOutputFileExistence):
        def redo(self, output: FileTriplet) -> bool:
            return False

        def is_executed(self, output: FileTriplet, **params: Any) -> bool:
            return not self.redo(output) and super().is_executed(output, **params)

    files = {}
    for name, written in (("input", 2), ("output", 1)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (written, written))
        files[name] = FileTriplet(str(tmp_path / name), ".", name)
    assert Field().is_executed(**files) and Method().is_executed(**files)
    assert not FinishCheckByOutputFileExistence(redo="newer").is_executed(**files)


def test_a_subclass_hands_options_on(tree: None) -> None:
    class Plain(InputByExts):
        pass

    @dataclasses.dataclass
    class Own(InputByExts):
        flat: bool = True

        def __post_init__(self) -> None:
            super().__init__(self.exts, recursive=not self.flat)

    for mode in (Plain([".jpg"], recursive=False), Own([".jpg"])):
        assert _names(mode.generate_tasks("in")) == ALL[:6]
    with pytest.raises(ValueError, match="redo: changed asks the ledger of the host"):
        type("Mine", (FinishCheckByOutputFileExistence,), {})(redo="changed")


def _template(mode: Any) -> Template:
    fields = {
        "hard_shard_mode": NoHardShard("in", "out"),
        "soft_shard": None,
        "input_mode": mode,
        "output_mode": OutputByApendingExt(".o"),
        "finish_check_mode": None,
    }
    return Template(type("Task", (), {}), fields, lambda template: None)


def test_mixins_know_options_of_built_in_modes_only(tree: None) -> None:
    class Mine(InputByExts):
        pass

    built_in, mine = _template(InputByExts([".jpg"])), _template(Mine([".jpg"]))
    for template in (built_in, mine):
        template.merge({"input_mode": {"recursive": False}})
    assert _names(built_in.listed(list)) == ALL[:6] and "recursive" not in vars(built_in.input_mode)
    assert _names(mine.listed(list)) == ALL and mine.input_mode.recursive is False
    built_in.merge({"input_mode": {"recursive": True}})
    assert vars(built_in.input_mode) == {"exts": [".jpg"]}


def test_the_host_gets_options_of_built_in_modes_as_fields(tree: None) -> None:
    def fields(mode: Any) -> tuple[bool, list[str]]:
        found = nodes.describe(_template(mode)).fields[2].value.mode
        return found.custom, [field.name for field in found.fields]

    names = ["recursive", "ignore", "min_size", "max_size", "newer_than"]
    assert fields(InputByExts([".a"])) == (False, ["exts", *names])
    mode = InputByExts([".a"])
    vars(mode).update(note=1, recursive=False)
    # The attribute is the task file's own, so the mode runs in Python.
    assert fields(mode) == (True, ["exts", *names[1:], "note", "recursive"])
    assert fields(type("Mine", (InputByExts,), {})([".a"])) == (True, ["exts"])

    template, wanted = _template(InputByExts([".jpg"])), _template(InputByExts([".jpg"], recursive=False, ignore="a*"))
    nodes.apply(template, nodes.describe(wanted), None)
    assert template.input_mode == wanted.input_mode and vars(template.input_mode).keys() == {"exts", "_kagurazaka_options"}
    assert "a.jpg" not in _names(template.listed(list))


def test_placeholders_in_options(tree: None) -> None:
    template = _template(InputByExts([".jpg"], ignore=[P]))
    with pytest.raises(ValueError, match="not set: input_mode.ignore.0. Set"):
        template.install()


def test_what_import_star_brings() -> None:
    names: dict[str, Any] = {}
    exec("from kagurazaka.template.io import *", names)
    assert {name for name in names if not name.startswith(("Input", "Output", "FinishCheck", "__"))} == set(
        "os glob json dataclass Any List Optional walk_files_of_dir FileTriplet SoftShard SoftShardByHash HardShardMode NoHardShard"
        " HardShardModeV1".split()
    )
    of_module = {name for name, kind in vars(io).items() if isinstance(kind, type) and kind.__module__ == io.__name__}
    # A second spelling could take the place of a name that a task file has of its own.
    assert of_module - names.keys() == {"OutputByAppendingExt"}
