"""Measures this project's host against kagurazaka 0.1.1, side by side, and writes a table.

`task bench` runs it. The sides of a row take turns, so that what else the machine does hits all of them alike; the medians
of KAGURAZAKA_BENCH_RUNS runs (default 3) are compared. Nothing is measured that was not also run to its end with exit code 0.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import inputs
import machine
import measure
import rows

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Figure:
    """What one side of a row came to."""

    seconds: float
    items: int
    cpu: float
    rss: float = 0
    pss: float = 0
    spread: tuple[float, float] = (0, 0)

    @property
    def rate(self) -> float:
        """Items a second over the whole run, start and end included."""
        return self.items / self.seconds


def measure_row(row: rows.Row, runs: int) -> tuple[dict[str, Figure], list[str]]:
    """Runs a row's sides in turn. Returns the figures by side, and a line for each side that has none."""
    notes = [f"{side.name}: left out, {side.missing}" for side in row.sides if side.missing]
    sides = [side for side in row.sides if not side.missing]
    taken: dict[str, list[measure.Measured]] = {side.name: [] for side in sides}
    turns = 1 if row.memory else row.warm + runs
    for turn in range(turns):
        for side in list(sides):
            side.prepare()
            try:
                took = measure.run(side.command, side.env, memory=row.memory)
            except (measure.CommandFailed, OSError) as problem:
                notes.append(f"{side.name}: FAILED, {problem}")
                sides.remove(side)
                del taken[side.name]
                continue
            print(f"  {row.key} {turn + 1}/{turns} {side.name}: {took.seconds:.3f} s  {took.last_line[:100]}", flush=True)
            if row.memory or turn >= row.warm:
                taken[side.name].append(took)
    figures = {}
    for side in sides:
        seconds = [took.seconds for took in taken[side.name]]
        figures[side.name] = Figure(
            median(seconds),
            side.items,
            median(took.cpu for took in taken[side.name]),
            max(took.rss for took in taken[side.name]),
            max(took.pss for took in taken[side.name]),
            (min(seconds), max(seconds)),
        )
    return figures, notes


def table(row: rows.Row, figures: dict[str, Figure]) -> list[str]:
    """Returns the Markdown table of one row; empty where no side ran."""
    if not figures:
        return []
    head = ["side", "seconds", "items/s", "CPU seconds"] + (["peak RSS", "peak PSS"] if row.memory else ["fastest … slowest"])
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for name, figure in figures.items():
        cells = [name, f"{figure.seconds:.3f}", f"{figure.rate:,.0f}" if figure.items > 1 else "", f"{figure.cpu:.2f}"]
        if row.memory:
            cells += [f"{figure.rss / 1e6:,.0f} MB", f"{figure.pss / 1e6:,.0f} MB"]
        else:
            cells.append(f"{figure.spread[0]:.3f} … {figure.spread[1]:.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def judge(row: rows.Row, figures: dict[str, Figure]) -> list[str]:
    """Returns a table line for each number that the row is to reach."""
    lines = []
    for want in row.wants:
        try:
            got, reached = want.judge(figures)
            verdict = "yes" if reached else "no"
        except KeyError:
            got, verdict = "not measured", ""
        lines.append(f"| {row.title} | {want.who} | {want.text} | {got} | {verdict} |")
    return lines


def compare(row: rows.Row, figures: dict[str, Figure]) -> list[str]:
    """Returns a table line for each side that an earlier build did, too."""
    lines = []
    for name, before in figures.items():
        side = name.replace("before", "ours", 1)
        if side == name or side not in figures:
            continue
        now = figures[side]
        unit, old, new = ("peak PSS, MB", before.pss / 1e6, now.pss / 1e6) if row.memory else ("seconds", before.seconds, now.seconds)
        lines.append(f"| {row.title} | {side} | {unit} | {old:.3g} | {new:.3g} | {new / old:.2f} |")
    return lines


def commands(row: rows.Row) -> list[str]:
    """Returns the command lines of a row, as a code block; empty where no side could run."""
    lines = [shlex.join(side.command) for side in row.sides if not side.missing]
    return ["", "```sh", *lines, "```"] if lines else []


def beside(chosen: list[rows.Row], earlier: list[rows.Row]) -> None:
    """Adds the sides of an earlier build to the rows, each after its own."""
    for row, old in zip(chosen, earlier):
        for ours, before in reversed(list(enumerate(old.sides))):
            if before.name.startswith("ours"):
                row.sides.insert(ours + 1, replace(before, name=before.name.replace("ours", "before", 1)))


def main() -> int:
    """Runs what the arguments choose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=int(os.environ.get("KAGURAZAKA_BENCH_RUNS", "3")), help="runs a side")
    parser.add_argument("--only", metavar="TEXT", action="append", help="only rows whose key holds TEXT; may be repeated")
    parser.add_argument("--scale", type=int, default=1, help="divide every number of items by this, to try the benchmark itself")
    parser.add_argument("--list", action="store_true", help="print the rows' keys and exit")
    parser.add_argument("--work", type=Path, default=ROOT / "build/bench", help="where inputs and outputs go")
    parser.add_argument("--before", metavar="BIN", type=Path, help="the folder bin of an earlier build, which takes turns with this one")
    parser.add_argument("--out", type=Path, help="the Markdown file to write; default: docs/benchmarks/results.md for a whole run")
    options = parser.parse_args()
    if options.list:
        print("\n".join(rows.keys()))
        return 0
    bench = Path(os.environ.get("KAGURAZAKA_BENCH_DIR", ROOT.parent / "shared/bench"))
    if not (bench / "noop.py").exists():
        print(f"KAGURAZAKA_BENCH_DIR ({bench}) has no noop.py: point it at the folder of the original's task files", file=sys.stderr)
        return 2
    options.work.mkdir(parents=True, exist_ok=True)
    # Ledgers of our runs go where they are removed with the rest.
    os.environ["XDG_STATE_HOME"] = str(inputs.state(options.work.resolve()))
    conditions = machine.describe(ROOT, options.runs)
    setup = rows.Setup(ROOT, options.work.resolve(), bench.resolve(), options.scale, ROOT / "bin")
    chosen = rows.rows(setup, options.only or [])
    if options.before:
        beside(chosen, rows.rows(replace(setup, bin=options.before.resolve()), options.only or []))
    parts, verdicts, changes, failed = [], [], [], False
    atexit.register(inputs.clean, options.work)
    for row in chosen:
        print(f"{row.key}: {row.title}", flush=True)
        figures, notes = measure_row(row, options.runs)
        failed = failed or any("FAILED" in note for note in notes)
        parts += ["", f"## {row.title[0].upper()}{row.title[1:]}", "", *table(row, figures), *(f"\n{note}" for note in notes)]
        parts += commands(row)
        verdicts += judge(row, figures)
        changes += compare(row, figures)
    if options.before:
        conditions.append(f"- before: {machine.said([str(options.before.resolve() / 'kagurazaka'), '--version'])}")
        changes = ["", "| work | side | | before | now | now / before |", "|---|---|---|---:|---:|---:|", *changes]
    report = "\n".join(
        [
            "# Results",
            "",
            "<!-- Generated by task bench. -->",
            "",
            *conditions,
            "",
            "| work | side | wanted | measured | reached |",
            "|---|---|---|---:|---|",
            *verdicts,
            *changes,
            *parts,
            "",
        ]
    )
    # What is measured does not depend on where this checkout lies.
    places = [(str(bench.resolve()), "$KAGURAZAKA_BENCH_DIR"), (str(options.work.resolve()), "build/bench"), (f"{ROOT}/", "")]
    if options.before:
        places.insert(0, (str(options.before.resolve()), "before"))
    for place, name in places:
        report = report.replace(place, name)
    print("\n" + report)
    whole = not options.only and options.scale == 1
    target = options.out or (ROOT / "docs/benchmarks/results.md" if whole else None)
    if target:
        target.write_text(report)
        print(f"written to {target}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
