"""Runs a command on a fleet of this machine: a coordinator, and nodes that join it. Ends with the coordinator's exit code.

    python3 fleet.py [--nodes 2] [--workers 1] [--own 0] [--logs DIR] -- kagurazaka PLUGIN TASK ...

Workers are those of each node, own those of the coordinator.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Runs the fleet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--own", type=int, default=0)
    parser.add_argument("--logs", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    host, *arguments = options.command[options.command[0] == "--" :]
    with tempfile.TemporaryDirectory(prefix="fleet-") as scratch:
        logs = options.logs or Path(scratch)
        run = Path(scratch) / "run"
        coordinator = [host, *arguments, "--listen", f"--run-dir={run}", "--num_process", str(options.own)]
        with open(logs / "coordinator", "wb") as log:
            runs = [subprocess.Popen(coordinator, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)]
        while not (run / "fleet/coordinator.json").exists() and runs[0].poll() is None:
            time.sleep(0.005)
        for i in range(options.nodes):
            node = [host, "work", "--run-dir", str(run), "--num_process", str(options.workers), "--name", f"node{i}"]
            env = {**os.environ, "TAIL_NODE": f"node{i}"}
            with open(logs / f"node{i}", "wb") as log:
                runs.append(subprocess.Popen(node, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env))
        codes = [run.wait() for run in runs]
        for name in ["coordinator", *(f"node{i}" for i in range(options.nodes))]:
            if any(codes):
                sys.stdout.write(f"{name}: {(logs / name).read_text()}\n")
        sys.stdout.write((logs / "coordinator").read_text()[-300:])
    return codes[0] or max(codes)


if __name__ == "__main__":
    sys.exit(main())
