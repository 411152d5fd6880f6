"""Measures plugins/cudaresize against torchvision's resize on a GPU and against plugins/resize, on the same pictures.

    python cudaresize.py --bin bin --python PYTHON --pictures FOLDER --work FOLDER [--runs 3] [--size 256] [--device cuda]

PYTHON has torch and torchvision. FOLDER of pictures: JPEGs, some thousands of them (kagurazaka bin/plugins/picture Picture --count 4000 --size 640 --out FOLDER draws
some). Seconds are those of the whole command. The sides take turns; the figure is the median. Before that the outputs are compared: cudaresize's JPEGs have to be resize's byte
for byte on every device, its .npy on the device that of the CPU bit for bit, and close to torchvision's, whose filter is another (bicubic).
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", default="bin")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--device", default="cuda")
    a = parser.parse_args()
    count = sum(name.lower().endswith((".jpg", ".jpeg")) for name in os.listdir(a.pictures))
    here = os.path.dirname(os.path.abspath(__file__))

    def host(plugin, task, out, ext, *flags):
        return [
            f"{a.bin}/kagurazaka",
            "--progress",
            "none",
            f"{a.bin}/plugins/{plugin}",
            task,
            "--size",
            str(a.size),
            *flags,
            "--mixin",
            f"hard_shard_mode.input_path={a.pictures}",
            f"hard_shard_mode.output_path={out}",
            f"output_mode.ext={ext}",
        ]

    sides = {
        "cudaresize, .npy uint8": lambda out: host("cudaresize", "CudaResize", out, ".npy", "--device", a.device),
        "cudaresize, .npy float32 normalised": lambda out: host(
            "cudaresize", "CudaResize", out, ".npy", "--device", a.device, "--normalize", "imagenet"
        ),
        "cudaresize, .jpg": lambda out: host("cudaresize", "CudaResize", out, ".jpg", "--device", a.device),
        "cudaresize on the CPU, .npy uint8": lambda out: host("cudaresize", "CudaResize", out, ".npy", "--device", "cpu"),
        "resize, .jpg": lambda out: host("resize", "Resize", out, ".jpg"),
        "torchvision, .npy uint8": lambda out: [
            a.python,
            f"{here}/torchvision_resize.py",
            a.pictures,
            out,
            "--size",
            str(a.size),
            "--device",
            a.device,
        ],
    }

    def run(side, out):
        began = time.perf_counter()
        done = subprocess.run(sides[side](out), capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{side} ends with {done.returncode}:\n{done.stdout}{done.stderr}")
        if (made := len(os.listdir(out))) != count:
            sys.exit(f"{side} made {made} files of {count} pictures")
        return seconds, done.stdout.strip().splitlines()[-1:]

    def fresh(side, n):
        out = os.path.join(a.work, f"{''.join(c if c.isalnum() else '-' for c in side)}-{n}")
        shutil.rmtree(out, ignore_errors=True)
        return out

    # A first run each, not measured: it fills caches, and its outputs are compared.
    outputs = {}
    for side in sides:
        outputs[side] = fresh(side, "compared")
        seconds, said = run(side, outputs[side])
        print(f"first run of {side}: {seconds:.2f} s {said}", file=sys.stderr, flush=True)

    def same(one, other):
        names = sorted(os.listdir(outputs[one]))
        return sum(open(os.path.join(outputs[one], n), "rb").read() == open(os.path.join(outputs[other], n), "rb").read() for n in names)

    compared = {
        "JPEGs equal to resize's": same("cudaresize, .jpg", "resize, .jpg"),
        ".npy equal to the CPU's": same("cudaresize, .npy uint8", "cudaresize on the CPU, .npy uint8"),
        "of": count,
    }
    program = """
import json, math, os, sys
import numpy as np
one, other, total, n, worst = *sys.argv[1:3], 0.0, 0, 0
for name in sorted(os.listdir(one))[:500]:
    a, b = (np.load(os.path.join(folder, name)).astype(np.int32) for folder in (one, other))
    if a.shape == b.shape:
        d = np.abs(a - b); total += float((d * d).sum()); n += d.size; worst = max(worst, int(d.max()))
print(json.dumps({"largest difference": worst, "PSNR": 10 * math.log10(255 * 255 * n / total) if total else None, "samples": n}))
"""
    done = subprocess.run(
        [a.python, "-c", program, outputs["cudaresize, .npy uint8"], outputs["torchvision, .npy uint8"]],
        capture_output=True,
        text=True,
        check=True,
    )
    compared["to torchvision's, of the first 500"] = json.loads(done.stdout)

    seconds = {side: [] for side in sides}
    for n in range(a.runs):
        for side in sides:
            out = fresh(side, n)
            took, said = run(side, out)
            seconds[side].append(took)
            print(f"run {n + 1} of {side}: {took:.2f} s {said}", file=sys.stderr, flush=True)
            shutil.rmtree(out)
    print(
        json.dumps(
            {
                "pictures": count,
                "size": a.size,
                "device": a.device,
                "compared": compared,
                "seconds": {s: [round(v, 2) for v in t] for s, t in seconds.items()},
            }
        )
    )
    print(f"\n| side | seconds, median of {a.runs} | pictures/s |\n|---|---|---|")
    for side, times in seconds.items():
        median = statistics.median(times)
        print(f"| {side} | {median:.2f} ({min(times):.2f} to {max(times):.2f}) | {math.floor(count / median):,} |")


if __name__ == "__main__":
    main()
