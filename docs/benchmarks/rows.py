"""What is measured: each row is one piece of work and the sides that do it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import inputs


@dataclass
class Side:
    """One way to do a row's work."""

    name: str
    command: list[str]
    items: int
    # Before every run, outside the measured time.
    prepare: Callable[[], None] = lambda: None
    env: dict[str, str] = field(default_factory=dict)
    # Why it cannot run here; empty: it can.
    missing: str = ""


@dataclass
class Want:
    """A number that one side is to reach."""

    who: str
    text: str
    # Gets the medians by side: .rate (items a second), .seconds, .rss and .pss (bytes). Returns the number and whether it does.
    judge: Callable[[dict[str, object]], tuple[str, bool]]


@dataclass
class Row:
    """A piece of work and the sides that do it."""

    key: str
    title: str
    sides: list[Side]
    wants: list[Want] = field(default_factory=list)
    # Memory is sampled in one run of each side instead of timing several.
    memory: bool = False
    # Unmeasured runs of every side before the first measured one.
    warm: int = 0


@dataclass
class Setup:
    """Where things are, and how much of everything there is to do."""

    root: Path
    work: Path
    bench: Path
    scale: int
    # The folder of the host and its plugins.
    bin: Path

    def count(self, full: int) -> int:
        """Returns how many items of a full benchmark's number are measured."""
        return max(1, full // self.scale)


NO_LEDGER = "ours, --no-ledger"
NODES, NODES_PY, GENERATOR, NODES_GENERATOR = (
    "two nodes, Go plugin",
    "two nodes, Python file",
    "ours, Python generator",
    "two nodes, Python generator",
)
HYPERQUEUE, HYPERQUEUE_PY = "HyperQueue 0.27, /bin/true", "HyperQueue 0.27, Python functions"
OURS, OURS_PY, ORIGINAL, ORIGINAL_1024 = "ours, Go plugin", "ours, Python file", "original", "original, --chunksize 1024"


def faster(side: str, ours: str, factor: float) -> Want:
    """Wants ours to do factor times as many items a second as side."""

    def judge(by: dict[str, object]) -> tuple[str, bool]:
        ratio = by[ours].rate / by[side].rate
        return f"{ratio:.1f} ×", ratio >= factor

    return Want(ours, f"≥ {factor:g} × {side}", judge)


def rate(ours: str, items: float) -> Want:
    """Wants so many items a second."""

    def judge(by: dict[str, object]) -> tuple[str, bool]:
        return f"{by[ours].rate / 1e6:.2f} M items/s", by[ours].rate >= items

    return Want(ours, f"≥ {items / 1e6:g} M items/s", judge)


def within(ours: str, seconds: float) -> Want:
    """Wants the whole run to take no longer."""

    def judge(by: dict[str, object]) -> tuple[str, bool]:
        return f"{by[ours].seconds * 1000:.0f} ms", by[ours].seconds <= seconds

    return Want(ours, f"≤ {seconds * 1000:g} ms", judge)


def dearer(side: str, ours: str, factor: float) -> Want:
    """Wants ours to take at most factor times the processor time of side, which what else the machine does disturbs least."""

    def judge(by: dict[str, object]) -> tuple[str, bool]:
        ratio = by[ours].cpu / by[side].cpu
        return f"{ratio:.3f} ×", ratio <= factor

    return Want(ours, f"≤ {factor:g} × the processor time of {side}", judge)


def cheaper(side: str, ours: str, factor: float) -> Want:
    """Wants ours to do factor times the items of side in the same processor time."""

    def judge(by: dict[str, object]) -> tuple[str, bool]:
        ratio = by[side].cpu / by[ours].cpu
        return f"{ratio:.2f} ×", ratio >= factor

    return Want(ours, f"≥ {factor:g} × the items of {side} in the same processor time", judge)


def memory_within(ours: str, megabytes: float, kind: str) -> Want:
    """Wants the peak, kind rss or pss, of all processes together to stay below."""

    def judge(by: dict[str, object]) -> tuple[str, bool]:
        peak = getattr(by[ours], kind) / 1e6
        return f"{peak:.0f} MB", peak <= megabytes

    return Want(ours, f"≤ {megabytes:g} MB peak {kind.upper()}, all processes", judge)


def rows(s: Setup, only: list[str]) -> list[Row]:
    """Returns the rows whose key holds one of the texts (all rows for none), in the table's order, and makes their inputs."""
    wanted = {key for key in keys() if not only or any(text in key for text in only)}
    made = [row for make, names in TABLE.items() if wanted.intersection(names) for row in make(s)]
    return [row for row in made if row.key in wanted]


def keys() -> list[str]:
    """Returns the keys of all rows."""
    return [key for names in TABLE.values() for key in names]


class Commands:
    """Command lines of both sides."""

    def __init__(self, s: Setup) -> None:
        self.s = s
        self.host = str(s.bin / "kagurazaka")
        self.original_program = s.root / ".tools/venv-original/bin/kagurazaka"
        self.plugins = s.bin / "plugins"
        self.python = s.root / ".tools/venv/bin/python"

    def go(self, plugin: Path, items: int, *arguments: str, **more: object) -> Side:
        """Our host with a Go plugin."""
        missing = "" if plugin.exists() else f"{plugin.name} is not among the built plugins"
        return Side(OURS, [self.host, str(plugin), *arguments], items, missing=missing, **more)

    def py(self, file: Path, items: int, *arguments: str, **more: object) -> Side:
        """Our host with a Python task file."""
        missing = "" if self.python.exists() else ".tools/venv is missing (Python 3.10 or newer)"
        env = {"KAGURAZAKA_PYTHON": str(self.python)}
        return Side(OURS_PY, [self.host, str(file), *arguments], items, env=env, missing=missing, **more)

    def original(self, file: Path, items: int, *arguments: str, name: str = ORIGINAL, **more: object) -> Side:
        """The original with a Python task file."""
        missing = "" if self.original_program.exists() else ".tools/venv-original is missing"
        return Side(name, [str(self.original_program), str(file), *arguments], items, missing=missing, **more)


def dispatch(s: Setup) -> list[Row]:
    """No-op items: what it costs to hand an item to a worker."""
    c, two, one = Commands(s), s.count(2_000_000), s.count(1_000_000)
    noop = s.bench / "noop.py"
    folder = inputs.small_files(s.work, one)
    out = s.work / "out-list-only"
    out.mkdir(exist_ok=True)
    listing = ("ListOnly", "--mixin", f"hard_shard_mode.input_path={folder}", f"hard_shard_mode.output_path={out}")
    list_only = s.root / "docs/benchmarks/tasks/list_only.py"
    return [
        Row(
            "noop",
            f"no-op items, whole run (Go {two:,}, Python {one:,})",
            [
                c.go(c.plugins / "noop", two, "Noop", "--count", str(two)),
                c.py(noop, one, "Noop", "--count", str(one)),
                c.original(noop, one, "Noop", "--count", str(one)),
                c.original(noop, one, "Noop", "--count", str(one), "--chunksize", "1024", name=ORIGINAL_1024),
            ],
            [
                rate(OURS, 1.2e6),
                faster(ORIGINAL, OURS, 20),
                faster(ORIGINAL, OURS_PY, 20),
                faster(ORIGINAL_1024, OURS_PY, 1.5),
            ],
        ),
        Row(
            "list",
            f"template task without work, {one:,} files",
            [c.py(list_only, one, *listing), c.original(list_only, one, *listing)],
            [faster(ORIGINAL, OURS_PY, 20)],
        ),
    ]


def photographs(s: Setup) -> list[Row]:
    """JPEG to 256 px JPEG."""
    c, count = Commands(s), s.count(600)
    folder, what = inputs.photographs(
        s.work, count, s.bench / "photos.sh", c.original_program.parent / "python", Path(c.host), c.plugins / "picture"
    )
    out = s.work / "out-photos"

    def fresh() -> None:
        inputs.renew(out)

    arguments = ("Resize", "--size", "256", "--mixin", f"hard_shard_mode.input_path={folder}", f"hard_shard_mode.output_path={out}")
    vips = (
        f"set -o pipefail; find {shlex.quote(str(folder))} -name \\*.jpg -print0 | "
        f"xargs -0 -P2 -n50 vipsthumbnail --size 256x256 -o {shlex.quote(str(out))}/%s.jpg[Q=85]"
    )
    vips_side = "xargs -P2 -n50 vipsthumbnail"
    return [
        Row(
            "photos",
            f"{count} {what} of 1,024 to 1,600 px → 256 px JPEG",
            [
                c.go(c.plugins / "resize", count, *arguments, prepare=fresh),
                c.py(s.bench / "resize.py", count, *arguments, prepare=fresh),
                c.original(s.bench / "resize.py", count, *arguments, prepare=fresh),
                Side(
                    vips_side,
                    ["bash", "-c", vips],
                    count,
                    prepare=fresh,
                    missing="" if shutil.which("vipsthumbnail") else "vipsthumbnail is missing (Debian: libvips-tools)",
                ),
            ],
            [faster(ORIGINAL, OURS, 2), faster(vips_side, OURS, 2), faster(ORIGINAL, OURS_PY, 1)],
            warm=1,
        )
    ]


def small_files(s: Setup) -> list[Row]:
    """A file in, an empty file out: listing, finish checks, and taking up again."""
    c, count = Commands(s), s.count(200_000)
    folder = inputs.small_files(s.work, count)

    def sides(prepare: Callable[[Path], Callable[[], None]]) -> list[Side]:
        made = []
        for name, build, task in (
            ("go", c.go, c.plugins / "touch"),
            ("py", c.py, s.bench / "touch.py"),
            ("original", c.original, s.bench / "touch.py"),
        ):
            out = s.work / f"out-touch-{name}"
            mixin = ("--mixin", f"hard_shard_mode.input_path={folder}", f"hard_shard_mode.output_path={out}")
            made.append(build(task, count, "Touch", *mixin, prepare=prepare(out)))
        return made

    def fresh(out: Path) -> Callable[[], None]:
        def prepare() -> None:
            inputs.renew(out)

        return prepare

    return [
        Row(
            "touch-first",
            f"{count:,} small files, first run",
            sides(fresh),
            [faster(ORIGINAL, OURS, 3), faster(ORIGINAL, OURS_PY, 2)],
        ),
        # The outputs of the last first run are still there.
        Row(
            "touch-second",
            f"{count:,} small files, all finished",
            sides(lambda out: lambda: None),
            [faster(ORIGINAL, OURS, 15), faster(ORIGINAL, OURS_PY, 15)],
            warm=1,
        ),
    ]


def memory(s: Setup) -> list[Row]:
    """Peak memory of all processes together."""
    c, count = Commands(s), s.count(5_000_000)
    noop, generator = s.bench / "noop.py", s.root / "docs/benchmarks/tasks/noop_generator.py"
    arguments = ("Noop", "--count", str(count))
    # Held for a while, so that its peak is sampled.
    the_list = f"import time; items = [{{'i': i, 'path': f'/data/in/{{i%1000}}/{{i}}.jpg'}} for i in range({count})]; time.sleep(1)"
    list_alone = "the list alone"

    def at_most_the_list(by: dict[str, object]) -> tuple[str, bool]:
        ratio = by[OURS_PY].pss / by[list_alone].pss
        return f"{ratio:.2f} ×", ratio <= 1.3

    return [
        Row(
            "memory",
            f"{count:,} no-op items",
            [
                c.go(c.plugins / "noop", count, *arguments),
                c.py(noop, count, *arguments),
                c.original(noop, count, *arguments, "--chunksize", "1024", name=ORIGINAL_1024),
                Side(list_alone, [str(c.original_program.parent / "python"), "-c", the_list], count),
            ],
            [memory_within(OURS, 200, "rss"), Want(OURS_PY, "≤ 1.3 × the list alone, peak PSS", at_most_the_list)],
            memory=True,
        ),
        Row(
            "memory-generator",
            f"{count:,} no-op items from a Python generator",
            [
                c.py(generator, count, *arguments),
                c.original(generator, count, *arguments, "--chunksize", "1024", name=ORIGINAL_1024),
            ],
            [memory_within(OURS_PY, 300, "pss")],
            memory=True,
        ),
    ]


def ledgers(s: Setup) -> list[Row]:
    """What keeping a ledger costs, and taking up a run of which all is done."""
    c, count, many, pictures = Commands(s), s.count(5_000_000), s.count(5_000_000), s.count(600)
    noop, resize = c.plugins / "noop", c.plugins / "resize"
    folder, what = inputs.photographs(
        s.work, pictures, s.bench / "photos.sh", c.original_program.parent / "python", Path(c.host), c.plugins / "picture"
    )
    out = s.work / "out-ledger"
    # Builds may write different formats.
    made = s.work / f"ledger-resume{'-before' * (s.bin != s.root / 'bin')}"
    resizing = ("Resize", "--size", "256", "--mixin", f"hard_shard_mode.input_path={folder}", f"hard_shard_mode.output_path={out}")

    def fresh() -> None:
        inputs.renew(out)

    def both(plugin: Path, items: int, *arguments: str, **more: object) -> list[Side]:
        without = c.go(plugin, items, "--no-ledger", *arguments, **more)
        without.name = NO_LEDGER
        return [c.go(plugin, items, *arguments, **more), without]

    def finished() -> None:
        """Makes the run that is taken up, once."""
        if not (made / "run.json").exists():
            shutil.rmtree(made, ignore_errors=True)
            subprocess.run([c.host, "--run-dir", str(made), str(noop), "Noop", "--count", str(many)], check=True, stdout=subprocess.DEVNULL)

    taken_up = c.go(noop, many, f"--resume={made}", "Noop", "--count", str(many), prepare=finished)
    return [
        Row(
            "ledger-noop",
            f"{count:,} no-op items, with and without a ledger",
            both(noop, count, "Noop", "--count", str(count)),
            [dearer(NO_LEDGER, OURS, 1.05)],
            warm=1,
        ),
        Row(
            "ledger-photos",
            f"{pictures} {what} → 256 px JPEG, with and without a ledger",
            both(resize, pictures, *resizing, prepare=fresh),
            [dearer(NO_LEDGER, OURS, 1.02)],
            warm=1,
        ),
        Row(
            "resume",
            f"--resume of a run with {many:,} finished no-op items",
            [taken_up],
            [within(OURS, 5), memory_within(OURS, 200, "rss")],
            memory=True,
        ),
    ]


def on_nodes(side: Side, name: str) -> Side:
    """The same work by a coordinator without workers and two nodes with a worker each."""
    driver = Path(__file__).resolve().parent / "fleet.py"
    return replace(side, name=name, command=[sys.executable, str(driver), "--", *side.command])


def fleets(s: Setup) -> list[Row]:
    """Two nodes of this machine with one worker each, beside a run with two workers."""
    c, many, some, pictures = Commands(s), s.count(16_000_000), s.count(4_000_000), s.count(600)
    noop, generator = c.plugins / "noop", s.root / "docs/benchmarks/tasks/noop_generator.py"
    two = ("--num_process", "2")
    alone = [
        c.go(noop, many, "Noop", "--count", str(many)),
        replace(c.py(generator, some, "Noop", "--count", str(some)), name=GENERATOR),
        c.py(s.bench / "noop.py", some, "Noop", "--count", str(some)),
    ]
    python = Path(os.environ.get("KAGURAZAKA_BENCH_HYPERQUEUE_PYTHON", s.root / ".tools/venv-hyperqueue/bin/python"))
    tasks = s.root / "docs/benchmarks/tasks/hyperqueue_tasks.py"
    missing = "" if python.exists() else "HyperQueue is not installed"
    sides = []
    for side, name in zip(alone, (NODES, NODES_GENERATOR, NODES_PY)):
        sides += [replace(side, command=[*side.command, *two]), on_nodes(side, name)]
    for name, kind, count in ((HYPERQUEUE, "program", s.count(2_000)), (HYPERQUEUE_PY, "function", s.count(50))):
        sides.append(Side(name, [str(python), str(tasks), kind, str(count)], count, missing=missing))
    folder, what = inputs.photographs(
        s.work, pictures, s.bench / "photos.sh", c.original_program.parent / "python", Path(c.host), c.plugins / "picture"
    )
    out = s.work / "out-fleet"

    def fresh() -> None:
        inputs.renew(out)

    mixin = ("--mixin", f"hard_shard_mode.input_path={folder}", f"hard_shard_mode.output_path={out}")
    resize = c.go(c.plugins / "resize", pictures, "Resize", "--size", "256", *mixin, prepare=fresh)
    return [
        Row(
            "fleet",
            f"no-op items through two nodes, whole run (Go {many:,}, Python {some:,})",
            sides,
            [
                cheaper(OURS, NODES, 0.9),
                cheaper(GENERATOR, NODES_GENERATOR, 0.9),
                faster(HYPERQUEUE, NODES, 500),
                faster(HYPERQUEUE_PY, NODES_GENERATOR, 500),
            ],
        ),
        Row(
            "fleet-photos",
            f"{pictures} {what} → 256 px JPEG through two nodes",
            [replace(resize, command=[*resize.command, *two]), on_nodes(resize, NODES)],
            [cheaper(OURS, NODES, 0.97)],
            warm=1,
        ),
    ]


def latency(s: Setup) -> list[Row]:
    """What a user waits for."""
    c = Commands(s)
    resize, noop = s.bench / "resize.py", s.bench / "noop.py"
    return [
        Row(
            "help",
            "`-h` of the resize task, warm",
            [
                c.go(s.root / "plugins/resize", 1, "Resize", "-h"),
                c.py(resize, 1, "Resize", "-h"),
                # The original stops at open placeholders before it gets to -h.
                c.original(resize, 1, "Resize", "-h", "--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out"),
            ],
            [within(OURS, 0.050), within(OURS_PY, 0.060)],
            warm=2,
        ),
        help_of_torch(s),
        Row(
            "one",
            "a whole run of one item",
            [
                c.go(c.plugins / "noop", 1, "Noop", "--count", "1"),
                c.py(noop, 1, "Noop", "--count", "1"),
                c.original(noop, 1, "Noop", "--count", "1"),
            ],
            [within(OURS, 0.300)],
            warm=2,
        ),
    ]


def help_of_torch(s: Setup) -> Row:
    """The help of a task file that imports torch, with a Python that has torch, grpcio and the original."""
    c, file = Commands(s), s.bench / "torch_tasks.py"
    python = Path(os.environ.get("KAGURAZAKA_BENCH_TORCH_PYTHON", ""))
    missing = "" if python.is_file() else "KAGURAZAKA_BENCH_TORCH_PYTHON names no Python with torch, grpcio and kagurazaka 0.1.1"
    mixin = ("--mixin", "hard_shard_mode.input_path=in", "hard_shard_mode.output_path=out")
    return Row(
        "help-torch",
        "`-h` of a torch task, warm",
        [
            Side(OURS_PY, [c.host, str(file), "Feat", "-h"], 1, env={"KAGURAZAKA_PYTHON": str(python)}, missing=missing),
            Side(ORIGINAL, [str(python.parent / "kagurazaka"), str(file), "Feat", "-h", *mixin], 1, missing=missing),
        ],
        [within(OURS_PY, 0.060)],
        warm=2,
    )


# Who makes which rows.
TABLE: dict[Callable[[Setup], list[Row]], list[str]] = {
    dispatch: ["noop", "list"],
    photographs: ["photos"],
    small_files: ["touch-first", "touch-second"],
    memory: ["memory", "memory-generator"],
    ledgers: ["ledger-noop", "ledger-photos", "resume"],
    fleets: ["fleet", "fleet-photos"],
    latency: ["help", "help-torch", "one"],
}
