"""decode.py FOLDER [PROCESSES]: how many pictures a second load_data of torch_tasks.py can load with nothing beside it."""

import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image


def load(path):
    image = Image.open(path)
    image.draft("RGB", (224, 224))
    return np.asarray(image.convert("RGB").resize((224, 224), Image.BILINEAR)).copy().nbytes


def main():
    paths = sorted(str(path) for path in Path(sys.argv[1]).rglob("*.jpg"))
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else len(os.sched_getaffinity(0))
    with multiprocessing.Pool(processes) as pool:
        pool.map(load, paths[: 64 * processes], chunksize=16)
        began = time.monotonic()
        pool.map(load, paths, chunksize=16)
        print(f"decode alone, {processes} processes: {len(paths) / (time.monotonic() - began):,.0f} pictures/s")


if __name__ == "__main__":
    main()
