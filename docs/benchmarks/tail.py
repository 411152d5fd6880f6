"""How long nodes have nothing to do at the end of a run: items whose times are log-normal, on nodes that start together.

    python3 tail.py [--items 3000] [--nodes 3] [--workers 2] [--runs 3] [--host bin/kagurazaka]

Prints, for each run, how long before the end each node ended its last item, and the longest item.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# An item sleeps, since nodes of one machine share its processors.
TASK = """
import argparse, os, random, time
from kagurazaka import KagurazakaTask

class Wait(KagurazakaTask):
    def __init__(self, args):
        parser = argparse.ArgumentParser()
        parser.add_argument("--count", type=int)
        parser.add_argument("--out")
        self.options = parser.parse_args(args)

    def generate_tasks(self):
        random.seed(1)
        for i in range(self.options.count):
            yield {"i": i, "seconds": random.lognormvariate(-4.0, 1.2)}

    def is_executed(self, **item):
        return False

    def process(self, i, seconds):
        time.sleep(seconds)
        with open(f"{self.options.out}/{os.getpid()}", "a") as log:
            log.write(f"{os.environ['TAIL_NODE']} {time.time()} {seconds}\\n")
"""


def main() -> None:
    """Runs the fleets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=3000)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--host", default=str(HERE.parents[1] / "bin/kagurazaka"))
    options = parser.parse_args()
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as scratch:
            task, out = Path(scratch, "wait.py"), Path(scratch, "out")
            task.write_text(TASK)
            out.mkdir()
            fleet = [sys.executable, str(HERE / "fleet.py"), "--nodes", str(options.nodes), "--workers", str(options.workers), "--"]
            command = [*fleet, options.host, str(task), "Wait", "--count", str(options.items), "--out", str(out)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            last: dict[str, float] = {}
            longest = 0.0
            for log in out.iterdir():
                for line in log.read_text().splitlines():
                    node, ended, seconds = line.split()
                    last[node] = max(last.get(node, 0), float(ended))
                    longest = max(longest, float(seconds))
            end = max(last.values())
            idle = ", ".join(f"{node} {end - at:.2f} s" for node, at in sorted(last.items()))
            print(f"idle before the end: {idle}; the longest item {longest:.2f} s", flush=True)


if __name__ == "__main__":
    main()
