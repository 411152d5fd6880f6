"""kagurazaka.testing beside a run of the built host: the task files of the differential tests leave the same, twice."""

import dataclasses
import os
import pathlib
import sys

import pytest
from builthost import HOST

sys.path.insert(0, str(pathlib.Path(__file__).parent / "differential"))

from cases import CASES, Case, Wanted  # noqa: E402
from run import compare, run_twice  # noqa: E402

# Task files about processes: several of them, or the end of one.
OF_PROCESSES = {"inherited_state.py", "multiprocess.py", "ends_itself.py", "reads_stdin.py"}

_OF_A_FILE = 3

IN_PROCESS = [sys.executable, str(pathlib.Path(__file__).parent / "differential" / "inprocess.py")]


def suitable() -> list[Case]:
    """One case of each of a file's first tasks, without flags of the host and configurations."""
    chosen: dict[str, dict[str, Case]] = {}
    for case in CASES:
        refused = case.wanted.exit == (2, 2)  # by the command line, which a call does not have
        of_host = refused or case.front or case.between or case.before or case.cfg or case.mixin_cfg or case.flags or case.stdin
        if not of_host and case.file not in OF_PROCESSES:
            chosen.setdefault(case.file, {}).setdefault(case.task, case)
    return [case for tasks in chosen.values() for case in list(tasks.values())[:_OF_A_FILE]]


@pytest.mark.parametrize("case", suitable(), ids=lambda case: case.name)
def test_the_same_as_a_run(case, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("KAGURAZAKA_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(pathlib.Path(__file__).parents[1])]))
    host = run_twice(case, [str(HOST)], [str(HOST)], tmp_path / "work", 50)
    os.rename(tmp_path / "work", tmp_path / "host")
    ours = run_twice(case, IN_PROCESS, [str(HOST)], tmp_path / "work", 50)
    problems = compare(dataclasses.replace(case, wanted=Wanted()), host, ours)
    assert not problems, f"{ours.log}\n{host.log}"
