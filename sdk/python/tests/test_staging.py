"""Outputs that are written aside, and go to places where a rename does not reach."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from typing import Any, Iterator

import pytest

from kagurazaka._serve.failures import InvalidOutput
from kagurazaka._serve.staging import Stager
from kagurazaka.template.io import FileTriplet


@pytest.fixture
def elsewhere(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder on another file system."""
    folder = tempfile.mkdtemp(dir="/dev/shm")
    assert os.stat(folder).st_dev != tmp_path.stat().st_dev
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


def stager(tmp_path: pathlib.Path, makes_folder: bool = False) -> Stager:
    (tmp_path / "w0").mkdir()
    return Stager(str(tmp_path / "w0"), makes_folder, ["output"])


def outputs(root: pathlib.Path, name: str, **files: str) -> dict[str, Any]:
    found = {"output": FileTriplet(str(root / name), ".", name)}
    for key, file in files.items():
        found[f"output_{key}"] = FileTriplet(str(root / name / file), name, file)
    return found


def left(tmp_path: pathlib.Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))


def test_a_file_is_copied(tmp_path: pathlib.Path, elsewhere: pathlib.Path) -> None:
    stage = stager(tmp_path)
    name = "n" * 251 + ".txt"
    staged = stage.begin(outputs(elsewhere, name))
    pathlib.Path(staged["output"].path).write_text("whole")
    os.chmod(staged["output"].path, 0o640)
    stage.commit()
    assert (elsewhere / name).read_text() == "whole"
    assert (elsewhere / name).stat().st_mode & 0o777 == 0o640
    assert os.listdir(elsewhere) == [name]
    assert left(tmp_path) == ["w0"]


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path: pathlib.Path, elsewhere: pathlib.Path) -> None:
    stage = stager(tmp_path, makes_folder=True)
    for broken in (True, False):
        staged = stage.begin(outputs(elsewhere, "item", a="a.txt"))
        folder = pathlib.Path(staged["output"].path)
        (folder / "deep").mkdir()
        (folder / "deep" / "b.txt").write_text("b")
        (folder / "a.txt").write_text("a")
        if broken:
            # A pipe cannot be copied: the copy ends in the middle.
            os.mkfifo(folder / "pipe")
            with pytest.raises(OSError):
                stage.commit()
            assert os.listdir(elsewhere) == []
        else:
            stage.commit()
        assert left(tmp_path) == ["w0"]
    assert (elsewhere / "item" / "deep" / "b.txt").read_text() == "b"
    # Into a folder that is there, file by file.
    staged = stage.begin(outputs(elsewhere, "item", a="a.txt"))
    (pathlib.Path(staged["output"].path) / "c.txt").write_text("c")
    stage.commit()
    assert sorted(os.listdir(elsewhere / "item")) == ["a.txt", "c.txt", "deep"]
    assert left(tmp_path) == ["w0"]


def test_a_staging_folder_that_is_gone_fails_the_item_alone(tmp_path: pathlib.Path) -> None:
    stage = stager(tmp_path)
    out = tmp_path / "out"
    staged = stage.begin(outputs(out, "a"))
    shutil.rmtree(tmp_path / "w0")
    with pytest.raises(FileNotFoundError):
        pathlib.Path(staged["output"].path).write_text("lost")
    stage.abort()


def test_the_first_of_several_files_in_one_folder_comes_last(tmp_path: pathlib.Path) -> None:
    stage, out = stager(tmp_path), tmp_path / "out"
    files = {
        name: FileTriplet(str(out / file), ".", file)
        for name, file in {"output": "a~0.x", "output_a": "a~0.x", "output_b": "a~1.y"}.items()
    }
    # A folder in the place of the other keeps that from being moved.
    (out / "a~1.y" / "full").mkdir(parents=True)
    for blocked in (True, False):
        staged = stage.begin(files)
        assert staged["output"].path == staged["output_a"].path
        for file in staged.values():
            pathlib.Path(file.path).write_text("whole")
        if blocked:
            with pytest.raises(InvalidOutput):
                stage.commit()
            assert os.listdir(out) == ["a~1.y"] and not os.listdir(stage.folder)
            shutil.rmtree(out / "a~1.y")
        else:
            stage.commit()
    assert sorted(os.listdir(out)) == ["a~0.x", "a~1.y"]


def test_removed_folder_is_made_again(tmp_path: pathlib.Path) -> None:
    """The item at work when somebody removes the folder fails, and those after it do not."""
    stage = stager(tmp_path)
    shutil.rmtree(stage.folder)
    stage.abort()
    stage.touched(0)
    pathlib.Path(stage.begin(outputs(tmp_path / "out", "a"))["output"].path).write_text("a")
    assert stage.touched(0) and stage.commit()
    assert (tmp_path / "out/a").read_text() == "a"
    stage.begin(outputs(tmp_path / "out", "b"))
    stage.commit()
    assert not stage.touched(0), "an item without outputs does not read the folder"
