"""Device tasks on a machine with a GPU: this project and kagurazaka 0.1.1 in turn, as whole commands.

    python3 bench.py --host bin/kagurazaka --original FOLDER --tasks torch_tasks.py --pictures FOLDER --work FOLDER [--only feat,slow]

--original is a folder for PYTHONPATH that holds the packages kagurazaka 0.1.1 and omegaconf. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

HERE = Path(__file__).resolve().parent
SEED = "torch.manual_seed(0); "


class Bench:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.work = Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.count = sum(1 for _ in Path(args.pictures).rglob("*.jpg"))
        self.seeded = self.work / "torch_tasks.py"
        # Random weights would make two runs differ; the tasks are the same otherwise.
        self.seeded.write_text(Path(args.tasks).read_text().replace("self.m = ", SEED + "self.m = "))
        self.fresh = 0

    def environment(self, cold: bool = False) -> dict[str, str]:
        env = {**os.environ, "KAGURAZAKA_PYTHON": sys.executable}
        if cold:
            self.fresh += 1
            env["XDG_CACHE_HOME"] = str(self.work / f"cache-{self.fresh}")
        return env

    def original(self, file: Path, task: str, out: Path) -> tuple[float, Optional[float]]:
        """Seconds of the whole command, and the images a second that its progress bar ends with."""
        code = "import sys\nfrom kagurazaka.main import main\nsys.argv[0] = 'kagurazaka'\nmain()"
        mixin = ["--mixin", f"hard_shard_mode.input_path={self.args.pictures}", f"hard_shard_mode.output_path={out}"]
        out.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, str(file), task, *mixin],
            env={**os.environ, "PYTHONPATH": self.args.original},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if done.returncode != 0:
            print(done.stderr[-3000:], file=sys.stderr)
            raise SystemExit(f"the original failed on {task}")
        bars = re.findall(r"100%.*?(\d+)/\d+ \[[^,]*, *([\d.]+)(it/s|s/it)", done.stderr)
        if not bars:
            return seconds, None
        batches, rate, unit = int(bars[-1][0]), float(bars[-1][1]), bars[-1][2]
        loop = batches / rate if unit == "it/s" else batches * rate
        return seconds, self.count / loop

    def ours(self, file: Path, task: str, out: Path, *flags: str, cold: bool = False) -> tuple[float, dict]:
        """Seconds of the whole command, and its summary."""
        mixin = ["--mixin", f"hard_shard_mode.input_path={self.args.pictures}", f"hard_shard_mode.output_path={out}"]
        began = time.monotonic()
        done = subprocess.run(
            [self.args.host, str(file), task, "--progress", "json", *flags, *mixin],
            env=self.environment(cold),
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or not lines:
            print(done.stdout[-2000:], done.stderr[-3000:], file=sys.stderr)
            raise SystemExit(f"ours failed on {task}: exit code {done.returncode}")
        return seconds, lines[-1]

    def new(self, name: str) -> Path:
        out = self.work / name
        shutil.rmtree(out, ignore_errors=True)
        return out

    def pipeline(self, task: str, want_steady: float, want_share: float) -> None:
        """One of the two tasks of torch_tasks.py, both sides."""
        print(f"\n## {task}, {self.count:,} pictures\n")
        cold, _ = self.ours(self.seeded, task, self.new(f"{task}-ours"), cold=True)
        original, loops, ours, steady, summaries = [], [], [], [], []
        for _ in range(self.args.runs):
            seconds, loop = self.original(self.seeded, task, self.new(f"{task}-original"))
            original.append(seconds)
            loops.append(loop or 0)
            seconds, summary = self.ours(self.seeded, task, self.new(f"{task}-ours"))
            ours.append(seconds)
            steady.append(summary.get("steady_items_per_second") or 0)
            summaries.append(summary)
        again_original, _ = self.original(self.seeded, task, self.work / f"{task}-original")
        again_ours, _ = self.ours(self.seeded, task, self.work / f"{task}-ours")
        median = statistics.median
        print("| what | original | ours | wanted | ratio |\n|---|---:|---:|---:|---:|")
        print(
            f"| images/s in the steady state | {median(loops):,.0f} | {median(steady):,.0f} | {want_steady:,.0f} | {median(steady) / max(median(loops), 1):.2f} × |"
        )
        share = median(ours) / median(original)
        print(f"| whole run, s | {median(original):.2f} | {median(ours):.2f} | {want_share:.0%} | {share:.0%} |")
        print(f"| the first run of a new file, nothing cached, s | {median(original):.2f} | {cold:.2f} | | {cold / median(original):.0%} |")
        print(f"| second run, all finished, s | {again_original:.2f} | {again_ours:.3f} | 1 | |")
        same, different = self.compare(f"{task}-original", f"{task}-ours")
        print(
            f"\nOutputs: {same:,} equal byte for byte, {different:,} not. All runs: original {rounded(original)}, ours {rounded(ours)}, steady {rounded(steady)}."
        )
        print(f"\n```json\n{json.dumps(summaries[-1])}\n```", flush=True)

    def compare(self, one: str, other: str) -> tuple[int, int]:
        same = different = 0
        for path in sorted((self.work / one).rglob("*")):
            if path.is_file():
                twin = self.work / other / path.relative_to(self.work / one)
                if twin.is_file() and twin.read_bytes() == path.read_bytes():
                    same += 1
                else:
                    different += 1
        return same, different

    def slow(self) -> None:
        """A model that is slow enough for the GPU to be the limit, against the GPU alone."""
        file = HERE / "slow_model.py"
        alone = subprocess.run(
            [sys.executable, str(file), "64"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": self.args.original},
        )
        rate = float(alone.stdout.split()[-1])
        steady = []
        for _ in range(self.args.runs):
            _, summary = self.ours(file, "Slow", self.new("slow"), *self.args.flags)
            steady.append(summary.get("steady_items_per_second") or 0)
        got = statistics.median(steady)
        print(
            f"\n## GPU-bound, {self.count:,} pictures\n\nGPU alone, copies included: {rate:,.0f} images/s. Ours, steady: {got:,.0f}, {got / rate:.1%} (wanted 97 %). All runs: {rounded(steady)}."
        )
        print(f"\n```json\n{json.dumps(summary)}\n```", flush=True)

    def start(self) -> None:
        """From the command to the first result of the device, beside a process without a host."""
        file, first = HERE / "start.py", self.work / "first-result"
        os.environ["FIRST_RESULT"] = str(first)
        alone, ours = [], []
        for _ in range(self.args.runs):
            began = time.time()
            subprocess.run([sys.executable, str(file), "cuda:0"], check=True, env={**os.environ, "PYTHONPATH": self.args.original})
            alone.append(first.stat().st_mtime - began)
            first.unlink()
            began = time.time()
            self.ours(file, "Start", self.new("start"))
            ours.append(first.stat().st_mtime - began)
            first.unlink()
        print(f"\n## The first result of a device\n\nA plain process: {rounded(alone)} s. Ours: {rounded(ours)} s.", flush=True)


def rounded(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" if value < 1000 else f"{value:,.0f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("host", "original", "tasks", "pictures", "work"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="feat,upscale,slow,start")
    parser.add_argument("--flags", default="", type=lambda text: text.split())
    bench = Bench(parser.parse_args())
    wanted = bench.args.only.split(",")
    if "feat" in wanted:
        bench.pipeline("Feat", 5500, 0.60)
    if "upscale" in wanted:
        bench.pipeline("Upscale", 1000, 0.35)
    if "slow" in wanted:
        bench.slow()
    if "start" in wanted:
        bench.start()


if __name__ == "__main__":
    main()
