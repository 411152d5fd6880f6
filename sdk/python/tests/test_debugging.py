"""Tracebacks of a run that is debugged: local variables, without secrets."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from kagurazaka._serve import failures, locals


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "apiKey", "API_KEY", "hf_token", "HFToken", "DB_PASS", "secret", "auth", "credentials", "x-api-key"],
)
def test_names_of_secrets(name: str) -> None:
    assert locals.is_secret(name)
    assert locals.shown(name, "hunter2") == "***"


@pytest.mark.parametrize("name", ["passed", "monkey", "author", "tokenizer", "keyboard", "secretary", "item", "bypass_check"])
def test_names_of_others(name: str) -> None:
    assert not locals.is_secret(name)


class Holder:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@pytest.mark.parametrize(
    "value",
    [
        {"token": "hunter2", "n": 1},
        {"outer": [{"Api-Key": "hunter2"}]},
        argparse.Namespace(password="hunter2", n=3),
        [argparse.Namespace(hf_token="hunter2")],
        "postgres://me:hunter2@host/db",
        'curl -H "Authorization: Bearer hunter2"',
        "TOKEN=hunter2 run",
        "https://h/x?token=hunter2",
        {"url": "https://h/x?api_key=hunter2&a=1"},
        Holder("Client(url='https://h/x?token=hunter2', n=1)"),
        "header: token: hunter2",
        '{"secret": "hunter2"}',
        Holder("Client(api_key=b'hunter2', n=1)"),
        {"password": "hunter2" * 1000},
        Holder("Client(token='" + "hunter2" * 1000),
    ],
)
def test_secrets_in_values(value: Any) -> None:
    text = locals.shown("value", value)
    assert "hunter2" not in text
    assert "***" in text


def test_other_values_stay() -> None:
    assert locals.shown("url", "https://h/x?page=2&size=3") == "'https://h/x?page=2&size=3'"
    assert locals.shown("url", "https://h/x?token=a&size=3") == "'https://h/x?token=***&size=3'"
    assert locals.shown("url", "https://h/x?token=&size=3") == "'https://h/x?token=&size=3'"


def test_values_are_short() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise SystemExit(3)

    assert locals.shown("x", Broken()) == "<Broken, whose repr raised SystemExit>"
    assert len(locals.shown("x", "a" * 10**6)) <= 200
    assert locals.shown("x", list(range(10**7))).startswith("[0, 1, 2")
    assert "\n" not in locals.shown("x", Holder("a\nb"))
    ring: list[Any] = []
    ring.append(ring)
    assert locals.shown("x", ring)
    assert locals.shown("x", {1: 2}) == "{1: 2}"


def _raise(n: int, password: str) -> None:
    try:
        half = n / 0
        print(half)
    except ZeroDivisionError as error:
        doubled = [n * 2]
        doubled.append(1)
        raise ValueError("bad") from error


def test_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> Any:
        try:
            _raise(21, "hunter" + "2")
        except ValueError as error:
            return failures.of_exception(error)

    assert "n = 21" not in made().traceback
    monkeypatch.setattr(failures, "shows_locals", True)
    text = made().traceback
    assert text.count("    n = 21\n") == 2  # of the cause, too
    assert "    doubled = [42, 1]\n" in text
    assert "password = ***" in text and "hunter2" not in text
    assert "ZeroDivisionError" in text and text.rstrip().endswith("ValueError: bad")


def test_frames_of_libraries_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "shows_locals", True)
    try:
        __import__("json").loads("{")
    except ValueError as error:
        text = failures.of_exception(error).traceback
    assert "json/decoder.py" in text
    assert "    s = " not in text and "monkeypatch = " in text
