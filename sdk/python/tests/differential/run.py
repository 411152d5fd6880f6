"""Run the table of cases with the original and with ours, and compare: run.py --original CMD --ours CMD [NAME …]

Without --original only the cases whose results are written down, or whose `wanted` says everything, are of use; the others
are reported as left out.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Optional

HERE = pathlib.Path(__file__).resolve().parent
TASKS = HERE.parent / "tasks"
sys.path.insert(0, str(HERE))

from cases import CASES, Case  # noqa: E402


@dataclasses.dataclass
class Outcome:
    """What two runs of a case left."""

    exit: list[int]
    calls: list[int]
    outputs: list[dict[str, bytes]]
    log: str
    seconds: float


def run_twice(case: Case, command: list[str], ours: list[str], folder: pathlib.Path, timeout: float) -> Outcome:
    folder.mkdir(parents=True)
    case.tree(folder)
    for words in case.before:
        words = tuple(str(TASKS / word) if word == case.file else word for word in words)
        done = subprocess.run(
            [*ours, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
        )
        assert done.returncode == 0, f"{words}: {done.stdout.decode(errors='replace')}"
    argv = [*command, *case.front, str(TASKS / case.file), *case.between, case.task, *case.args]
    for flag, name, text in (("--cfg", "cfg.yaml", case.cfg), ("--mixin-cfg", "mixin.yaml", case.mixin_cfg)):
        if text:
            (folder / name).write_text(text)
            argv += [flag, name]
    argv += case.flags
    if case.mixin:
        argv += ["--mixin", *case.mixin]
    outcome = Outcome([], [], [], "", time.monotonic())
    for number in range(2):
        calls = folder / f"calls-{number}"
        environment = {**os.environ, "CALLS": str(calls), "CASE_WORD": "word", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                argv, cwd=folder, env=environment, input=case.stdin.encode(), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=timeout,
            )  # fmt: skip
            outcome.exit.append(done.returncode)
            outcome.log += done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired as late:
            outcome.exit.append(-1)
            outcome.log += f"{(late.stdout or b'').decode(errors='replace')}\nran longer than {timeout} s\n"
        outcome.calls.append(calls.read_bytes().count(b"\n") if calls.exists() else 0)
        outcome.outputs.append(files(folder / "out"))
    outcome.seconds = time.monotonic() - outcome.seconds
    return outcome


def files(folder: pathlib.Path) -> dict[str, bytes]:
    found = {}
    for path, folders, names in os.walk(folder, followlinks=True):
        # Ours keeps there what it knows of failed items.
        folders[:] = [name for name in folders if name != ".kagurazaka"]
        for name in names:
            whole = os.path.join(path, name)
            with open(whole, "rb") as file:
                found[os.path.relpath(whole, folder)] = file.read()
    return found


def compare(case: Case, original: Optional[Outcome], ours: Outcome) -> list[str]:
    """The differences, each in a line."""
    problems = []
    wanted = case.wanted
    if wanted.exit is not None:
        if tuple(ours.exit) != wanted.exit:
            problems.append(f"exit codes {ours.exit}, wanted {list(wanted.exit)}")
    elif original is not None and [bool(code) for code in ours.exit] != [bool(code) for code in original.exit]:
        problems.append(f"exit codes {ours.exit}, original {original.exit}")
    if wanted.calls is not None:
        if tuple(ours.calls) != wanted.calls:
            problems.append(f"calls {ours.calls}, wanted {list(wanted.calls)}")
    elif original is not None and wanted.outputs is None and ours.calls != original.calls and case.outputs:
        problems.append(f"calls {ours.calls}, original {original.calls}")
    if not case.outputs:
        return problems
    for number in range(2):
        expected = None
        if wanted.outputs is not None:
            expected = {name: text.encode() for name, text in wanted.outputs.items()}
        elif original is not None:
            expected = original.outputs[number]
        if expected is not None:
            problems += differences(ours.outputs[number], expected, ("first", "second")[number])
    return problems


def differences(ours: dict[str, bytes], expected: dict[str, bytes], run: str) -> list[str]:
    found = []
    for name in sorted(set(ours) | set(expected)):
        a, b = ours.get(name), expected.get(name)
        if a != b:
            found.append(f"{run} run, out/{name}: {describe(a)}, expected {describe(b)}")
    return found


def describe(data: Optional[bytes]) -> str:
    return "missing" if data is None else ascii(data[:300])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--original", type=shlex.split, help="command of kagurazaka 0.1.1")
    parser.add_argument("--ours", type=shlex.split, required=True, help="command to compare with it")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--keep", action="store_true", help="keep the folders of cases that differ")
    parser.add_argument("--skip", action="append", default=[], help="leave out a case by its name")
    parser.add_argument("names", nargs="*", help="only cases whose name has one of these in it")
    a = parser.parse_args()
    chosen = [c for c in CASES if (not a.names or any(n in c.name for n in a.names)) and c.name not in a.skip]
    root = pathlib.Path(tempfile.mkdtemp(prefix="differential-"))

    def one(number: int, case: Case) -> tuple[Optional[Outcome], Outcome, list[str]]:
        folder = root / f"{number:03}"
        original = None
        if a.original and case.original:
            # Both sides see the same path, since some outputs hold it.
            original = run_twice(case, a.original, a.ours, folder / "work", a.timeout)
            shutil.rmtree(folder / "work")
        ours = run_twice(case, a.ours, a.ours, folder / "work", a.timeout)
        return original, ours, compare(case, original, ours)

    bad = left_out = 0
    print(f"{'case':42} {'calls':>11} {'exit':>7} {'original':>9} {'ours':>7}")
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for case, (original, ours, problems) in zip(chosen, pool.map(one, range(len(chosen)), chosen)):
            calls = "+".join(map(str, ours.calls))
            exits = "+".join(map(str, ours.exit))
            theirs = f"{original.seconds:8.1f}s" if original else "       –"
            unknown = original is None and case.wanted.exit is None
            verdict = "DIFFERS" if problems else "left out: needs the original" if unknown else "equal" if original else "as wanted"
            print(f"{case.name:42} {calls:>11} {exits:>7} {theirs:>9} {ours.seconds:6.1f}s {verdict}", flush=True)
            left_out += unknown
            if problems:
                bad += 1
                for problem in problems[:6]:
                    print(f"    {problem}")
                print("    " + "\n    ".join(ours.log.strip().splitlines()[-12:]))
    print(f"{len(chosen) - bad - left_out} of {len(chosen)} cases as they should be, {bad} differ, {left_out} left out")
    if not (bad and a.keep):
        shutil.rmtree(root, ignore_errors=True)
    else:
        print(f"folders: {root}")
    # CI hides nothing: there the original is at hand.
    return 1 if bad or (left_out and os.environ.get("CI") == "true") else 0


if __name__ == "__main__":
    sys.exit(main())
