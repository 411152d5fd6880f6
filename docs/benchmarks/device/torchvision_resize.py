"""Resizes JPEGs with torchvision on a GPU: decoding in the processes of a DataLoader, filtering on the device, np.save in threads. What plugins/cudaresize
is measured against. It is written to be fast: pictures of one size are resized together, memory is pinned, saving overlaps.

    python torchvision_resize.py INPUT_FOLDER OUTPUT_FOLDER --size 256 --workers 16 --device cuda
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torchvision
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional


class Pictures(Dataset):
    def __init__(self, folder):
        self.paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.lower().endswith((".jpg", ".jpeg")))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        torch.set_num_threads(1)
        data = torchvision.io.read_file(self.paths[index])
        return self.paths[index], torchvision.io.decode_jpeg(data, mode=torchvision.io.ImageReadMode.RGB)


def longest(height, width, size):
    """The result's size, as plugins/resize has it but for rounding."""
    if max(height, width) <= size:
        return height, width
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="cuda")
    a = parser.parse_args()
    os.makedirs(a.output, exist_ok=True)
    loader = DataLoader(
        Pictures(a.input), batch_size=a.batch, num_workers=a.workers, collate_fn=list, pin_memory=a.device != "cpu", prefetch_factor=4
    )
    with ThreadPoolExecutor(4) as pool, torch.inference_mode():
        saving = []
        for batch in loader:
            by_shape = {}
            for path, picture in batch:
                by_shape.setdefault(tuple(picture.shape), []).append((path, picture))
            for (_, height, width), group in by_shape.items():
                pixels = torch.stack([picture for _, picture in group]).to(a.device, non_blocking=True)
                small = functional.resize(
                    pixels,
                    list(longest(height, width, a.size)),
                    interpolation=torchvision.transforms.InterpolationMode.BICUBIC,
                    antialias=True,
                )
                small = small.permute(0, 2, 3, 1).contiguous().cpu().numpy()
                for (path, _), array in zip(group, small):
                    name = os.path.splitext(os.path.basename(path))[0] + ".npy"
                    saving.append(pool.submit(np.save, os.path.join(a.output, name), array))
        for done in saving:
            done.result()


if __name__ == "__main__":
    main()
