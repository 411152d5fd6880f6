"""Tracebacks of users begin at their own code, and those of faults in the SDK are whole."""

from __future__ import annotations

import importlib
import pathlib
import sys
from typing import Any

import pytest

from kagurazaka._serve import failures, tracebacks
from kagurazaka.task.normal import KagurazakaTask
from kagurazaka.utils import lists
from kagurazaka.utils.tar import items as members_of

# Code that lies in a file of the SDK.
_SDKS = tracebacks.SDK + "made.py"
_CODE = """
def call(function, *args):
    return function(*args)

def told(function):
    try:
        function()
    except BaseException as error:
        return of_exception(error)
"""
_space: dict[str, Any] = {"of_exception": failures.of_exception}
exec(compile(_CODE, _SDKS, "exec"), _space)
_as_the_sdk, told = _space["call"], _space["told"]


def files(text: str) -> list[str]:
    return [line.split('"')[1] for line in text.splitlines() if line.lstrip(" |+-").startswith('File "')]


def fail() -> None:
    raise ValueError("bad")


def test_the_users_code_comes_first() -> None:
    made = told(fail)
    assert made.message == "ValueError: bad"
    assert files(made.traceback) == [__file__]


def test_frames_in_the_middle_are_left_out() -> None:
    assert files(told(lambda: _as_the_sdk(fail)).traceback) == [__file__, __file__]
    assert files(told(lambda: _as_the_sdk(_as_the_sdk, fail)).traceback) == [__file__, __file__]


def test_chained_exceptions() -> None:
    def chained() -> None:
        try:
            _as_the_sdk(fail)
        except ValueError:
            try:
                _as_the_sdk(fail)
            except ValueError as error:
                raise KeyError("more") from error

    made = told(chained)
    assert files(made.traceback) == [__file__] * 5
    assert made.traceback.count("direct cause") == 1 and made.traceback.count("During handling") == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")
def test_groups() -> None:
    def group() -> None:
        found = []
        for _ in range(2):
            try:
                _as_the_sdk(fail)
            except ValueError as error:
                found.append(error)
        raise ExceptionGroup("several", found)  # noqa: F821

    assert files(told(group).traceback) == [__file__] * 5


def test_imports(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outer_file.py").write_text("import inner_file\n")
    (tmp_path / "inner_file.py").write_text("import nothing_of_this_name\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = told(lambda: importlib.import_module("outer_file"))
    assert [pathlib.Path(file).name for file in files(made.traceback)] == ["test_tracebacks.py", "outer_file.py", "inner_file.py"]


def test_syntax_errors(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "upper.py"
    file.write_text("x = 1\ndef f(:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    made = told(lambda: compile(file.read_text(), str(file), "exec"))
    assert made.message == "upper.py:2: SyntaxError: invalid syntax"
    assert "    def f(:\n" in made.traceback


def test_a_fault_of_the_sdk_is_whole() -> None:
    with pytest.raises(TypeError):
        list(members_of(None, ".", {}, [], False, None))  # type: ignore[arg-type]
    made = told(lambda: list(members_of(None, ".", {}, [], False, None)))  # type: ignore[arg-type]
    found = files(made.traceback)
    assert found[0] == _SDKS and any(file.endswith("utils/tar.py") for file in found)


def test_what_the_sdk_says_is_no_fault(tmp_path: pathlib.Path) -> None:
    made = told(lambda: KagurazakaTask([]).process())
    assert made.message == "NotImplementedError: KagurazakaTask must define process"
    assert files(made.traceback) == [__file__]
    lines = tmp_path / "lines.jsonl"
    lines.write_text("{\n")
    made = told(lambda: list(lists.json_lines(str(lines))))
    assert "lines.jsonl:1: the line is not JSON" in made.message
    assert files(made.traceback) == [__file__]


def test_a_call_that_the_task_does_not_take() -> None:
    class Upper:
        def process(self, input: str) -> None: ...

    tracebacks.add_own(Upper)
    made = told(lambda: _as_the_sdk(Upper().process))
    assert files(made.traceback) == [__file__]
    assert "missing 1 required positional argument: 'input'" in made.message


def test_installed_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task in an installed package is the user's; the package's path is that of a library."""
    path = "/x/lib/python3/site-packages/package/tasks.py"
    space: dict[str, Any] = {}
    exec(compile("def fail():\n    raise ValueError('bad')\n", path, "exec"), space)
    assert not tracebacks.is_users(path)
    monkeypatch.setattr(tracebacks, "own", {path})
    assert files(told(space["fail"]).traceback) == [path]


def test_whole_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracebacks, "shows_all", True)
    assert files(told(fail).traceback) == [_SDKS, __file__]
    monkeypatch.setattr(tracebacks, "shows_all", False)
    monkeypatch.setenv("KAGURAZAKA_PLAIN", "1")
    assert files(told(fail).traceback) == [_SDKS, __file__]
