"""Runs the task over two texts, in the process of the test."""

from pathlib import Path

from example import Example

from kagurazaka.testing import run


def test_title(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("hello world")
    (texts / "b.txt").write_text("good morning")
    outcomes = run(Example, ["--title"], input=texts, output=tmp_path / "out", raise_on_failure=True)
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert outcomes[0].output.read_text() == "Hello World"


def test_finished_items_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    run(Example, input=tmp_path, output=tmp_path / "out")
    outcomes = run(Example, input=tmp_path, output=tmp_path / "out")
    assert [outcome.status for outcome in outcomes] == ["skipped"]
