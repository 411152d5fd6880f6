"""Tests of the example words.py: `python3 -m pytest examples/python`."""

import json

from words import Words

from kagurazaka.testing import run


def test_words(tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("One one two", encoding="utf-8")
    (texts / "b.txt").write_bytes(b"\xff")
    outcomes = run(Words, args=["--lower"], input=texts, output=tmp_path / "counts")
    assert [outcome.status for outcome in outcomes] == ["done", "failed"]
    assert json.loads(outcomes[0].output.read_text(encoding="utf-8")) == {"one": 2, "two": 1}
    assert isinstance(outcomes[1].exception, UnicodeDecodeError)


def test_top(tmp_path):
    (tmp_path / "a.md").write_text("a a b b c", encoding="utf-8")
    outcomes = run(Words, args=["--top", "2"], input=tmp_path, output=tmp_path / "counts", raise_on_failure=True)
    assert json.loads(outcomes[0].output.read_text()) == {"a": 2, "b": 2}
