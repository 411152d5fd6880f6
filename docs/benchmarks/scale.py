"""What more workers do to items without work: hosts, a plain multiprocessing.Pool and the list alone, in turn, as whole commands.

    python3 scale.py --host old=bin/old --host new=bin/kagurazaka --go bin/plugins/noop --list noop.py [--workers 1,2,4,16,64] [--only go]

Prints Markdown. The processor times are of single runs, in µs an item: host, lister (the process that has the generator), relay
(which hands its items on), and the workers together. A Pool's are its process with the generator and its workers, in the first two
columns, a Go plugin's lister is among its workers, in the second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

GENERATOR = Path(__file__).resolve().parent / "tasks/noop_generator.py"
SDK = Path(__file__).resolve().parents[2] / "sdk/python"
TICK = os.sysconf("SC_CLK_TCK")

TASK = f"""
import importlib.util, multiprocessing, os, sys
sys.path.insert(0, {str(SDK)!r})
spec = importlib.util.spec_from_file_location("task", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
task = module.Noop(["--count", sys.argv[2]])
"""

# A pool as one writes it: what the task lists, by chunks of 1,024, each item checked and worked on as a worker of ours does.
POOL = (
    TASK
    + """

def work(item):
    if not task.is_executed(**item):
        task.process(**item)

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(int(sys.argv[3])) as pool:
        for _ in pool.imap_unordered(work, task.generate_tasks(), chunksize=1024):
            pass
"""
)

# The list, and nothing else.
ALONE = (
    TASK
    + """
items = list(task.generate_tasks())
os._exit(0)
"""
)


class Usage:
    """Samples the processor time of a process and its descendants, by their depth: 0 the process itself."""

    def __init__(self, pid: int) -> None:
        self.pid, self.seconds = pid, dict[int, tuple[int, float]]()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()

    def _sample(self) -> None:
        while not self.ended.wait(0.03):
            level, depth = [self.pid], 0
            while level:
                children = []
                for pid in level:
                    try:
                        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                        tasks = os.listdir(f"/proc/{pid}/task")
                        for task in tasks:
                            children += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
                    except OSError:
                        continue
                    self.seconds[pid] = depth, (int(fields[11]) + int(fields[12])) / TICK
                level, depth = children, depth + 1

    def by_depth(self) -> dict[int, float]:
        self.ended.set()
        self.thread.join()
        sums: dict[int, float] = {}
        for depth, seconds in self.seconds.values():
            sums[depth] = sums.get(depth, 0) + seconds
        return sums


def timed(command: list[str], usage: bool = False) -> tuple[float, dict[int, float]]:
    """Returns the seconds of a whole command, and the processor time by depth if that is asked for."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sampler = Usage(process.pid) if usage else None
    said = process.communicate()[0]
    seconds = time.monotonic() - began
    sums = sampler.by_depth() if sampler else {}
    if process.returncode != 0:
        print(said[-3000:], file=sys.stderr)
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command[:4])}")
    return seconds, sums


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", action="append", required=True, help="NAME=PATH of a host; several take turns")
    parser.add_argument("--go", help="the plugin of examples/noop")
    parser.add_argument("--list", help="a task file like the generator's whose generate_tasks returns a list")
    parser.add_argument("--count", type=int, default=4_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", default="1,2,4,16,64")
    parser.add_argument("--only", default="generator,list,go")
    args = parser.parse_args()
    os.environ["KAGURAZAKA_PYTHON"] = sys.executable
    count = str(args.count)
    hosts = dict(host.split("=", 1) for host in args.host)
    for shape in args.only.split(","):
        file = {"generator": str(GENERATOR), "list": args.list, "go": args.go}[shape]
        if not file:
            continue
        sides = {name: [path, "--progress", "none", file, "Noop", "--count", count, "--num_process"] for name, path in hosts.items()}
        if shape == "generator":
            sides["Pool"] = [sys.executable, "-c", POOL, file, count]
        if shape == "list":
            sides["alone"] = [sys.executable, "-c", ALONE, file, count]
        print(
            f"\n## {shape}, {args.count:,} items\n\n| workers | side | s | M items/s | host | relay | lister | workers |\n|---:|---|---:|---:|---:|---:|---:|---:|"
        )
        for workers in args.workers.split(","):
            seconds: dict[str, list[float]] = {name: [] for name in sides}
            spent: dict[str, dict[int, float]] = {}
            for turn in range(args.runs):
                for name, command in sides.items():
                    took, usage = timed([*command, workers], usage=turn == 0)
                    seconds[name].append(took)
                    spent.setdefault(name, usage)
            for name in sides:
                median = statistics.median(seconds[name])
                costs = " | ".join(f"{spent[name].get(depth, 0) / args.count * 1e6:.2f}" for depth in range(4))
                print(f"| {workers} | {name} | {median:.2f} | {args.count / median / 1e6:.2f} | {costs} |", flush=True)


if __name__ == "__main__":
    main()
