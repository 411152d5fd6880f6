"""What --cpu_affinity does to two tasks: resizing pictures, which the processors bound, and copying buffers, which memory bounds.

    python3 affinity.py --host bin/kagurazaka --plugins bin/plugins --work FOLDER [--workers 16,64] [--runs 3] [--pictures 20000] [--copies 4000]

Each policy takes its turn, and medians of whole commands are compared. KAGURAZAKA_PYTHON names the Python of the copying task. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

TASKS = Path(__file__).resolve().parent / "tasks"
POLICIES = ("none", "compact", "spread")


def timed(command: list[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f"exit code {done.returncode}: {' '.join(command)}\n{done.stdout[-3000:]}")
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True)
    parser.add_argument("--plugins", required=True, help="the folder with picture and resize")
    parser.add_argument("--work", required=True, type=Path, help="a folder for pictures, best in memory")
    parser.add_argument("--workers", default=str(len(os.sched_getaffinity(0))), help="numbers of workers, separated by commas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=20000)
    parser.add_argument("--copies", type=int, default=4000, help="items of the copying task")
    args = parser.parse_args()
    # By a relative path the host would look for a plugin of that name.
    host, plugins = os.path.abspath(args.host), os.path.abspath(args.plugins)
    pictures, resized = args.work / "pictures", args.work / "resized"
    if not pictures.exists():
        timed([host, f"{plugins}/picture", "Picture", "--count", str(args.pictures), "--size", "800", "--out", str(pictures)])
    print(
        subprocess.run([host, "-hb", "--cpu_affinity", "spread"], capture_output=True, text=True)
        .stdout.partition("CPUs:")[2]
        .split("--cpu_affinity")[0]
    )
    folders = ["--mixin", f"hard_shard_mode.input_path={pictures}", f"hard_shard_mode.output_path={resized}"]
    tasks = {
        f"resize, {args.pictures:,} pictures": [f"{plugins}/resize", "Resize", "--size", "256", *folders],
        f"copies, {args.copies:,} items of 1 GiB": [str(TASKS / "copies.py"), "Copies", "--count", str(args.copies)],
    }
    print("| task | workers | " + " | ".join(f"{policy}, s" for policy in POLICIES) + " | compact / none | spread / none |")
    print("|---|---:|" + "---:|" * (len(POLICIES) + 2))
    for name, task in tasks.items():
        for workers in args.workers.split(","):
            seconds: dict[str, list[float]] = {policy: [] for policy in POLICIES}
            for _ in range(args.runs):
                for policy in POLICIES:
                    shutil.rmtree(resized, ignore_errors=True)
                    took = timed([host, "--progress", "none", "--no-ledger", "--num_process", workers, "--cpu_affinity", policy, *task])
                    seconds[policy].append(took)
            medians = [statistics.median(seconds[policy]) for policy in POLICIES]
            ratios = [f"{median / medians[0]:.2f}" for median in medians[1:]]
            print(f"| {name} | {workers} | " + " | ".join([f"{median:.2f}" for median in medians] + ratios) + " |", flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
